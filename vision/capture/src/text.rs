//! Printed text: the Tesseract engine on the part of the frame around the symbols, turned upright.
//!
//! The engine cannot be interrupted, so the budget decides what it is given: nothing when too little
//! time is left, and a picture that is scaled down when it is large.

use std::fmt;
use std::time::Duration;

use leptess::tesseract::TessApi;
use sortline_read::{Symbol, TextLine};

use crate::geometry;
use crate::{CaptureError, Grey};

/// Least time left for which recognition is begun.
const LEAST: Duration = Duration::from_millis(40);

/// Pictures with more pixels on their longest side are scaled down to it.
const LONGEST: f64 = 1800.0;

/// Most lines taken from one frame.
const LINES_MAX: usize = 100;

/// Least mean confidence of a line, percent.
const CONFIDENCE_LEAST: f32 = 30.0;

/// Reads printed lines; belongs to one thread. The engine is loaded at first use.
pub(crate) struct Recognizer {
    languages: String,
    engine: Option<TessApi>,
    /// Set when the engine could not be loaded, so that it is not tried at every frame.
    broken: bool,
}

impl fmt::Debug for Recognizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recognizer")
            .field("languages", &self.languages)
            .finish_non_exhaustive()
    }
}

impl Recognizer {
    pub(crate) fn new(languages: &str) -> Self {
        // The library takes a C string; a zero inside would end it.
        let languages = languages.replace('\0', "");
        Self {
            languages,
            engine: None,
            broken: false,
        }
    }

    /// Lines of text, top to bottom. Nothing when the engine or its language is not installed, or
    /// when too little time is left.
    pub(crate) fn lines(
        &mut self,
        frame: &Grey,
        symbols: &[Symbol],
        left: Duration,
    ) -> Result<Vec<TextLine>, CaptureError> {
        if left < LEAST || self.broken {
            return Ok(Vec::new());
        }
        if self.engine.is_none() {
            self.engine = TessApi::new(None, &self.languages).ok();
            self.broken = self.engine.is_none();
        }
        let Some(engine) = &mut self.engine else {
            return Ok(Vec::new());
        };
        let scale = (LONGEST / geometry::longest(frame)).min(1.0);
        let upright = geometry::turned(frame, geometry::angle(symbols), scale)?;
        let (grey, symbols) = (&upright.grey, symbols);
        let masked = upright.masked(symbols);
        let (Ok(width), Ok(height)) = (i32::try_from(grey.width()), i32::try_from(grey.height()))
        else {
            return Ok(Vec::new());
        };
        if engine
            .raw
            .set_image(&masked, width, height, 1, width)
            .is_err()
        {
            return Ok(Vec::new());
        }
        engine.set_source_resolution(150);
        if engine.recognize() != 0 {
            return Ok(Vec::new());
        }
        let table = engine.raw.get_tsv_text(0);
        let table = table.map(|text| text.as_ref().to_string_lossy().into_owned());
        let mut lines = parsed(&table.unwrap_or_default());
        for line in &mut lines {
            line.corners = upright.corners(line.corners);
        }
        Ok(lines)
    }
}

/// Lines of the engine's table: one row per word, with block, paragraph, line, box and confidence.
fn parsed(table: &str) -> Vec<TextLine> {
    let mut lines: Vec<TextLine> = Vec::new();
    let (mut key, mut words) = (None, 0.0_f32);
    for row in table.lines() {
        let columns: Vec<&str> = row.split('\t').collect();
        let [
            level,
            page,
            block,
            paragraph,
            line,
            _,
            left,
            top,
            width,
            height,
            confidence,
            text,
        ] = columns[..]
        else {
            continue;
        };
        let text = text.trim();
        let number = |text: &str| text.parse::<i32>().unwrap_or(0);
        if level != "5" || text.is_empty() {
            continue;
        }
        let corners = geometry::rectangle(number(left), number(top), number(width), number(height));
        let confidence = confidence.parse::<f32>().unwrap_or(0.0) / 100.0;
        let this = [page, block, paragraph, line].map(number);
        match lines.last_mut() {
            Some(last) if key == Some(this) => {
                last.line.push(' ');
                last.line.push_str(text);
                last.confidence = (last.confidence * words + confidence) / (words + 1.0);
                last.corners = joined(last.corners, corners);
                words += 1.0;
            }
            _ => {
                lines.push(TextLine {
                    line: text.to_owned(),
                    confidence,
                    corners,
                });
                (key, words) = (Some(this), 1.0);
            }
        }
    }
    lines.retain(|line| line.confidence * 100.0 >= CONFIDENCE_LEAST);
    lines.truncate(LINES_MAX);
    lines
}

/// The upright rectangle around two.
fn joined(one: sortline_read::Corners, other: sortline_read::Corners) -> sortline_read::Corners {
    let ([[l, t], _, [r, b], _], [[l2, t2], _, [r2, b2], _]) = (one, other);
    let (left, top) = (l.min(l2), t.min(t2));
    geometry::rectangle(left, top, r.max(r2) - left, b.max(b2) - top)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_lines() {
        let table = "1\t1\t0\t0\t0\t0\t0\t0\t9\t9\t-1\t\n\
            5\t1\t1\t1\t1\t1\t10\t20\t30\t8\t90\t10115\n\
            5\t1\t1\t1\t1\t2\t50\t21\t40\t9\t80\tBerlin\n\
            5\t1\t1\t1\t2\t1\t10\t40\t60\t8\t96.5\tGERMANY\n\
            5\t1\t1\t1\t3\t1\t10\t60\t60\t8\t12\t~~\n\
            garbage\n";
        let lines = parsed(table);
        let texts: Vec<_> = lines.iter().map(|line| line.line.as_str()).collect();
        assert_eq!(texts, ["10115 Berlin", "GERMANY"]);
        assert!((lines[0].confidence - 0.85).abs() < 1e-3);
        assert_eq!(lines[0].corners, [[10, 20], [90, 20], [90, 30], [10, 30]]);
    }
}
