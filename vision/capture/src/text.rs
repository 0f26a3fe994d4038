//! Printed text: lines found by [`layout`], straightened, and given one by one to the Tesseract engine.
//!
//! The engines stay loaded. A line that the first language cannot make out is tried in the next, so
//! that a second script costs time only where it is printed. Before each line the time left is looked
//! at: reading ends with what was read by then, at most one line late.

mod chain;
mod layout;

use std::ffi::CString;
use std::fmt;
use std::time::Duration;

use leptess::tesseract::TessApi;
use sortline_read::{Symbol, TextLine};

use crate::{CaptureError, Grey};
use chain::Line;
use layout::Upright;

/// Least time left for which finding lines is begun, and for which one more line is read.
const LEAST: Duration = Duration::from_millis(40);
const LEAST_LINE: Duration = Duration::from_millis(15);

/// A line of which every word is surer than this is not tried in another language, percent.
const SURE: i32 = 70;

/// Print that is read this well is not tried the other way round, percent.
const UPRIGHT: i32 = 85;

/// Confidence of a number that two languages read differently, percent.
const DOUBTED: i32 = 30;

/// Least mean confidence of a line that is kept, percent.
const CONFIDENCE_LEAST: i32 = 25;

/// Most lines tried in each direction, and how many of them tell which way is up.
const TRIALS: usize = 8;
const TELLING: usize = 3;

/// Most languages.
const LANGUAGES_MAX: usize = 4;

/// Longest text of one line, characters.
const CHARACTERS_MAX: usize = 200;

/// Reads printed lines; belongs to one thread. Engines are loaded at first use.
pub(crate) struct Recognizer {
    engines: Vec<Engine>,
}

/// One language.
struct Engine {
    language: String,
    api: Option<TessApi>,
    /// Set when it could not be loaded, so that it is not tried at every frame.
    broken: bool,
}

/// What an engine made of a line; nothing, where it saw no letters.
#[derive(Default)]
struct Reading {
    text: String,
    /// Percent, of each blank-separated word.
    words: Vec<i32>,
}

/// The lines of a frame in one direction, with what of them was read.
struct Print<'a> {
    frame: &'a Grey,
    upright: Upright,
    lines: Vec<Line>,
    readings: Vec<Option<Reading>>,
}

impl fmt::Debug for Recognizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let languages: Vec<&str> = self.engines.iter().map(|e| e.language.as_str()).collect();
        f.debug_struct("Recognizer")
            .field("languages", &languages)
            .finish_non_exhaustive()
    }
}

impl Recognizer {
    /// `languages` as Tesseract names them, joined by `+`, most frequent first.
    pub(crate) fn new(languages: &str) -> Self {
        let names = languages.split('+').filter(|name| !name.is_empty());
        let engines = names.take(LANGUAGES_MAX).map(|name| Engine {
            // The library takes a C string; a zero inside would end it.
            language: name.replace('\0', ""),
            api: None,
            broken: false,
        });
        Self {
            engines: engines.collect(),
        }
    }

    /// Lines of text, block by block. Nothing when no language is installed, or when too little time
    /// is left.
    pub(crate) fn lines(
        &mut self,
        frame: &Grey,
        symbols: &[Symbol],
        left: &dyn Fn() -> Duration,
    ) -> Result<Vec<TextLine>, CaptureError> {
        if left() < LEAST || self.engines.iter().all(|engine| engine.broken) {
            return Ok(Vec::new());
        }
        let directions: &[f64] = if symbols.is_empty() {
            &[0.0, 90.0, 180.0, 270.0]
        } else {
            &[0.0, 180.0]
        };
        let along = layout::direction(frame, symbols)?;
        let mut best: Option<(i32, Print<'_>)> = None;
        for turn in directions {
            let upright = Upright::of(frame, symbols, along + turn)?;
            let lines = upright.lines(symbols)?;
            let mut print = Print {
                frame,
                upright,
                readings: lines.iter().map(|_| None).collect(),
                lines,
            };
            let score = self.trial(&mut print, left)?;
            if best.as_ref().is_none_or(|(known, _)| score > *known) {
                best = Some((score, print));
            }
            // A symbol mostly tells which way is up; the other way is for torn ones.
            if score >= UPRIGHT || left() < LEAST {
                break;
            }
        }
        best.map_or(Ok(Vec::new()), |(_, print)| self.read_all(print, left))
    }

    /// How well the longest lines are read in this direction, percent; ends when they are read well.
    fn trial(
        &mut self,
        print: &mut Print<'_>,
        left: &dyn Fn() -> Duration,
    ) -> Result<i32, CaptureError> {
        let mut longest: Vec<(usize, f64)> = (print.lines.iter().map(Line::letters))
            .enumerate()
            .collect();
        longest.sort_by(|a, b| b.1.total_cmp(&a.1));
        // Stripes and stains are read badly in any direction, and a line the wrong way round may be
        // read better than a creased one that is upright: several of the best tell.
        let mut found = Vec::new();
        let mut score = 0;
        for (at, _) in longest.into_iter().take(TRIALS) {
            if left() < LEAST_LINE || score >= UPRIGHT {
                break;
            }
            let reading = self.read_line(print, at, left)?;
            found.extend(reading.map(Reading::mean));
            found.sort_unstable_by(|a, b| b.cmp(a));
            let telling = found.iter().take(TELLING).sum::<i32>();
            score = telling / i32::try_from(TELLING).unwrap_or(1);
        }
        Ok(score)
    }

    /// What a line says; read once.
    fn read_line<'a>(
        &mut self,
        print: &'a mut Print<'_>,
        at: usize,
        left: &dyn Fn() -> Duration,
    ) -> Result<Option<&'a Reading>, CaptureError> {
        let (Some(line), Some(known)) = (print.lines.get(at), print.readings.get_mut(at)) else {
            return Ok(None);
        };
        if known.is_none() {
            let cut = print.upright.straightened(print.frame, line)?;
            *known = Some(self.best_of(&cut, left).unwrap_or_default());
        }
        Ok(known.as_ref())
    }

    fn read_all(
        &mut self,
        mut print: Print<'_>,
        left: &dyn Fn() -> Duration,
    ) -> Result<Vec<TextLine>, CaptureError> {
        let mut found = Vec::new();
        for at in 0..print.lines.len() {
            if left() < LEAST_LINE {
                break;
            }
            self.read_line(&mut print, at, left)?;
        }
        let Print {
            upright,
            lines,
            readings,
            ..
        } = print;
        for (line, reading) in lines.iter().zip(readings) {
            let Some(reading) = reading.filter(|read| read.mean() >= CONFIDENCE_LEAST) else {
                continue;
            };
            found.push(TextLine {
                confidence: share(reading.mean()),
                words: reading.words.iter().copied().map(share).collect(),
                line: reading.text,
                corners: upright.corners(line),
                block: line.block,
            });
        }
        found.sort_by_key(|line| line.block);
        Ok(found)
    }

    /// The best reading of a line in any of the languages.
    fn best_of(&mut self, line: &Grey, left: &dyn Fn() -> Duration) -> Option<Reading> {
        let mut best: Option<Reading> = None;
        for engine in &mut self.engines {
            let sure = |reading: &Reading| reading.least() >= SURE;
            if best.as_ref().is_some_and(sure) || best.is_some() && left() < LEAST_LINE {
                break;
            }
            let Some(reading) = engine.read(line) else {
                continue;
            };
            best = Some(match best {
                None => reading,
                Some(known) if reading.mean() > known.mean() => reading.doubted(&known),
                Some(known) => known.doubted(&reading),
            });
        }
        best
    }
}

impl Reading {
    /// Mean confidence of its words, weighted alike.
    fn mean(&self) -> i32 {
        let count = i32::try_from(self.words.len()).unwrap_or(i32::MAX).max(1);
        self.words.iter().sum::<i32>() / count
    }

    /// Doubts numbers that another language reads as other numbers of the same length.
    fn doubted(mut self, other: &Self) -> Self {
        let number = |word: &&str| word.len() > 2 && word.bytes().all(|b| b.is_ascii_digit());
        let others: Vec<&str> = other.text.split(' ').filter(number).collect();
        for (word, confidence) in self.text.split(' ').zip(&mut self.words) {
            let rival = |known: &&str| known.len() == word.len() && *known != word;
            if number(&word) && !others.contains(&word) && others.iter().any(rival) {
                *confidence = (*confidence).min(DOUBTED);
            }
        }
        self
    }

    fn least(&self) -> i32 {
        self.words.iter().copied().min().unwrap_or(0)
    }
}

impl Engine {
    /// Loads the language at first use. `None` when it is not installed.
    fn loaded(&mut self) -> Option<&mut TessApi> {
        if self.api.is_none() && !self.broken {
            let mut api = TessApi::new(None, &self.language).ok();
            for (name, value) in SETTINGS {
                let set = |api: &mut TessApi| {
                    let (name, value) = (CString::new(*name).ok()?, CString::new(*value).ok()?);
                    api.raw.set_variable(&name, &value).ok()
                };
                // A setting that this version of the engine does not know changes nothing.
                let _known = api.as_mut().and_then(set);
            }
            self.broken = api.is_none();
            self.api = api;
        }
        self.api.as_mut()
    }

    /// Text and confidences of one straightened line.
    fn read(&mut self, line: &Grey) -> Option<Reading> {
        let api = self.loaded()?;
        let width = i32::try_from(line.width()).ok()?;
        let height = i32::try_from(line.height()).ok()?;
        api.raw
            .set_image(line.data(), width, height, 1, width)
            .ok()?;
        // Capitals of 32 pixels in print of 12 points are about 240 dots per inch.
        api.set_source_resolution(240);
        if api.recognize() != 0 {
            return None;
        }
        let text = api.get_utf8_text().ok()?;
        let words = api.raw.all_word_confidences().ok()?.as_slice().to_vec();
        let text: Vec<&str> = text.split_whitespace().collect();
        let text: String = text.join(" ").chars().take(CHARACTERS_MAX).collect();
        (!text.is_empty()).then_some(Reading { text, words })
    }
}

/// One line a picture.
const SETTINGS: &[(&str, &str)] = &[("tessedit_pageseg_mode", "7")];

/// Percent as a share.
fn share(percent: i32) -> f32 {
    f32::from(i16::try_from(percent.clamp(0, 100)).unwrap_or(0)) / 100.0
}
