//! Linear symbols of a strip: an edge decoder on its levelled profile, then on sharpened ones, then
//! maximum likelihood.

use std::fmt;

use sortline_read::profile::{self, Likelihood, UnreadBars};
use sortline_read::{Corners, Symbol, SymbolFormat, check, has_check_digit, plausible};
use zxingcpp::BarcodeReader;

use super::regions::Region;
use super::strip::{Look, Strip};
use crate::decode::{self, Decoded};
use crate::{CaptureError, Grey};

/// Fewest crossings of the middle grey: the shortest symbols have more, stripes and print fewer.
const CROSSINGS_MIN: usize = 16;

/// Bands longer than this many pixels may have modules of many pixels.
const COARSE_PX: f32 = 450.0;

/// Ends of bars that lie further apart than this many pixels are not the same.
const ELSEWHERE_PX: f32 = 3.0;

/// Times by which a profile is widened for the edge decoder, so that edges lie between samples.
const WIDEN: usize = 2;

/// Gain and deviation in samples of the sharpened attempts.
const SHARP: [(f32, f32); 3] = [(1.5, 4.0), (3.0, 6.0), (5.0, 8.0)];

/// Rows that show the upper half, the whole height and the lower half of the bars.
const ROWS: [usize; 3] = [2, 1, 2];

/// Rows in agreement that a symbol with a check character needs: the whole height and one half.
const AGREE_CHECKED: i32 = 3;

/// Rows in agreement that a symbol without check digit needs: both halves.
const AGREE_UNCHECKED: i32 = 4;

/// Share of the bars that a symbol must cover when it might be a part of a longer one; paper that ends
/// close by counts as bars as well.
const COVER_MIN: f32 = 0.6;

/// Share from which it is the whole of the bars.
const COVER_WHOLE: f32 = 0.85;

/// Symbols nearer than this many pixels to an end of the strip may go on beyond it.
const CUT_PX: f32 = 6.0;

/// Reads strips; keeps its memory between them.
pub(super) struct Bars {
    reader: BarcodeReader,
    likelihood: Likelihood,
    strip: Strip,
    rows: Vec<u8>,
}

impl fmt::Debug for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bars").finish_non_exhaustive()
    }
}

/// A strip that was not read, with what the next rungs need.
#[derive(Clone, Debug)]
pub(super) struct Hard {
    pub(super) region: Region,
    /// Levelled upper half, whole and lower half, and the ends of the bars in samples.
    levelled: [Vec<f32>; 3],
    ends: [f32; 2],
    /// Mean width of a bar or a gap, pixels.
    element_px: f32,
    profile: Vec<f32>,
    per_px: f32,
    frame: Placement,
}

impl Hard {
    /// Whether its bars end elsewhere than those of another look.
    fn ends_elsewhere(&self, other: Option<&Self>) -> bool {
        let off = |other: &Self, end: usize| (self.ends[end] - other.ends[end]).abs();
        other.is_none_or(|other| off(other, 0).max(off(other, 1)) > ELSEWHERE_PX * self.per_px)
    }
}

/// Where samples lie in the frame.
#[derive(Clone, Copy, Debug)]
struct Placement {
    first: [f32; 2],
    step: [f32; 2],
    /// Half of the bars' height, from the middle line downwards.
    down: [f32; 2],
}

impl Placement {
    fn of(strip: &Strip, region: &Region) -> Self {
        let (first, next) = (strip.place(0.0), strip.place(1.0));
        let half = region.height / 2.0;
        Self {
            first,
            step: [next[0] - first[0], next[1] - first[1]],
            down: [-region.axis[1] * half, region.axis[0] * half],
        }
    }

    /// Corners of a symbol between two samples, its own top left first.
    fn corners(&self, [from, to]: [f32; 2]) -> Corners {
        let side = if from <= to { 1.0 } else { -1.0 };
        let point = |at: f32, sign: f32| {
            [0, 1].map(|i| {
                (self.first[i] + at * self.step[i] + sign * side * self.down[i]).round() as i32
            })
        };
        [
            point(from, -1.0),
            point(to, -1.0),
            point(to, 1.0),
            point(from, 1.0),
        ]
    }
}

/// What the first look at a strip found.
#[derive(Debug)]
pub(super) enum Seen {
    /// Symbols, and no need to look closer; the mean width of their bars and gaps, pixels.
    Read(Vec<Symbol>, f32),
    /// Bars that are not read yet, by their profiles; none when it is no bar code.
    Unread(Vec<Hard>),
}

impl Bars {
    pub(super) fn new() -> Self {
        Self {
            reader: decode::profile_reader(),
            likelihood: Likelihood::default(),
            strip: Strip::default(),
            rows: Vec::new(),
        }
    }

    /// Samples a region and tries its profile as it is, then without what is brighter than the
    /// label, where that moves the ends of the bars. A long one is tried also as if it were much
    /// smaller, since the ends of bars that are wider than the window they are looked for in are not
    /// found.
    pub(super) fn look(&mut self, grey: &Grey, region: &Region) -> Result<Seen, CaptureError> {
        let plain = self.profiles(grey, region, Look::Plain);
        let mut symbols = self.edges_of(plain.as_ref())?;
        let mut dimmed = None;
        if symbols.is_empty() {
            let elsewhere = |other: &Hard| other.ends_elsewhere(plain.as_ref());
            dimmed = self.profiles(grey, region, Look::Dimmed).filter(elsewhere);
            symbols = self.edges_of(dimmed.as_ref())?;
        }
        if symbols.is_empty() && region.length > COARSE_PX {
            let coarse = self.profiles(grey, region, Look::Coarse);
            symbols = self.edges_of(coarse.as_ref())?;
        }
        Ok(if symbols.is_empty() {
            Seen::Unread(plain.into_iter().chain(dimmed).collect())
        } else {
            let width = plain.map_or(f32::INFINITY, |hard| hard.element_px);
            Seen::Read(symbols, width)
        })
    }

    fn edges_of(&mut self, hard: Option<&Hard>) -> Result<Vec<Symbol>, CaptureError> {
        hard.map_or(Ok(Vec::new()), |hard| self.edges(hard, None))
    }

    /// Profiles of a region; `None` when they are not those of a bar code.
    fn profiles(&mut self, grey: &Grey, region: &Region, look: Look) -> Option<Hard> {
        self.strip.sample(grey, region, look);
        let per_px = self.strip.per_px;
        let (whole, ends) = profile::levelled(&self.strip.joined, per_px)?;
        let inside = ends[0] as usize..(ends[1] as usize).min(whole.len());
        let crossings = whole.get(inside).map_or(0, |inside| {
            inside
                .windows(2)
                .filter(|pair| (pair[0] < 0.0) != (pair[1] < 0.0))
                .count()
        });
        if crossings < CROSSINGS_MIN {
            return None;
        }
        let halves = self.strip.halves();
        let [upper, lower] = halves.map(|half| profile::levelled_within(&half, ends));
        Some(Hard {
            region: *region,
            levelled: [upper, whole, lower],
            ends,
            element_px: (ends[1] - ends[0]) / (crossings as f32 * per_px),
            profile: self.strip.joined.clone(),
            per_px,
            frame: Placement::of(&self.strip, region),
        })
    }

    /// Tries sharpened profiles until one is read. Sharpening makes scratches as strong as bars, and
    /// one in 103 misread Code 128 keeps its check character: such a symbol needs a check digit of its
    /// own, or to be the likeliest as well.
    pub(super) fn sharpened(&mut self, hard: &Hard) -> Result<Vec<Symbol>, CaptureError> {
        for sharp in SHARP {
            let mut found = self.edges(hard, Some(sharp))?;
            found.retain(|symbol| {
                symbol.format != SymbolFormat::Code128
                    || has_check_digit(&symbol.text, symbol.gs1)
                    || self
                        .likeliest(hard)
                        .is_some_and(|other| bare(&other).eq(bare(symbol)))
            });
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    /// The likeliest Code 128.
    pub(super) fn likeliest(&mut self, hard: &Hard) -> Option<Symbol> {
        let found = self.likelihood.code128(&hard.profile, hard.per_px)?;
        Some(Symbol {
            format: SymbolFormat::Code128,
            text: found.text,
            gs1: found.gs1,
            corners: hard.frame.corners(found.ends),
        })
    }

    /// What is kept of bars that stay unread, for other frames of the same parcel.
    pub(super) fn unread(hard: Hard) -> UnreadBars {
        UnreadBars {
            length_px: (hard.ends[1] - hard.ends[0]) / hard.per_px,
            corners: hard.frame.corners(hard.ends),
            profile: hard.profile,
            per_px: hard.per_px,
        }
    }

    /// The edge decoder on a picture of a few rows.
    fn edges(
        &mut self,
        hard: &Hard,
        sharp: Option<(f32, f32)>,
    ) -> Result<Vec<Symbol>, CaptureError> {
        self.rows.clear();
        for (profile, rows) in hard.levelled.iter().zip(ROWS) {
            let sharpened = sharp.map(|(gain, sigma)| unsharp(profile, gain, sigma));
            let profile = sharpened.as_ref().unwrap_or(profile);
            let from = self.rows.len();
            widened(profile, &mut self.rows);
            let to = self.rows.len();
            for _ in 1..rows {
                self.rows.extend_from_within(from..to);
            }
        }
        let rows: usize = ROWS.iter().sum();
        let width = (self.rows.len() / rows) as u32;
        let found = decode::decoded(&self.reader, &self.rows, width, rows as u32)?;
        let margin = CUT_PX * hard.per_px;
        let last = hard.levelled[1].len() as f32 - margin;
        let covered = |symbol: &Symbol| {
            let [left, right] = [0, 1].map(|i| symbol.corners[i][0] as f32 / WIDEN as f32);
            if left.min(right) < margin || left.max(right) > last {
                return 0.0;
            }
            (right - left).abs() / (hard.ends[1] - hard.ends[0]).max(1.0)
        };
        let mut symbols = Vec::new();
        for Decoded {
            mut symbol, lines, ..
        } in found
        {
            if believable(&symbol, lines, covered(&symbol)) {
                let ends = [0, 1].map(|i| symbol.corners[i][0] as f32 / WIDEN as f32);
                symbol.corners = hard.frame.corners(ends);
                symbols.push(symbol);
            }
        }
        Ok(symbols)
    }
}

/// A symbol's content without function characters.
fn bare(symbol: &Symbol) -> impl Iterator<Item = char> {
    symbol
        .text
        .chars()
        .filter(|character| !character.is_control())
}

/// Whether enough speaks for a symbol: the weaker its check, the more.
fn believable(symbol: &Symbol, lines: i32, covered: f32) -> bool {
    match symbol.format {
        SymbolFormat::Itf if covered > COVER_WHOLE && is_case_code(&symbol.text) => {
            lines >= AGREE_CHECKED && plausible(symbol)
        }
        SymbolFormat::Itf | SymbolFormat::Code39 | SymbolFormat::Codabar => {
            lines >= AGREE_UNCHECKED && covered > COVER_MIN && plausible(symbol)
        }
        SymbolFormat::EAN8 | SymbolFormat::Upce => lines >= AGREE_UNCHECKED && covered > COVER_MIN,
        SymbolFormat::Code128
        | SymbolFormat::EAN13
        | SymbolFormat::Upca
        | SymbolFormat::Code93
        | SymbolFormat::DataBar => lines >= AGREE_CHECKED,
        SymbolFormat::QRCode
        | SymbolFormat::MicroQRCode
        | SymbolFormat::DataMatrix
        | SymbolFormat::PDF417
        | SymbolFormat::Aztec
        | SymbolFormat::MaxiCode => true,
    }
}

/// Whether it is a code of a trade item (ITF-14): its check digit holds.
fn is_case_code(text: &str) -> bool {
    text.len() == 14 && check::gs1(text.as_bytes())
}

/// A levelled profile as grey, widened with even steps between the samples.
fn widened(profile: &[f32], out: &mut Vec<u8>) {
    let grey = |value: f32| (127.5 - 255.0 * value).clamp(0.0, 255.0) as u8;
    for (at, value) in profile.iter().enumerate() {
        let next = profile.get(at + 1).unwrap_or(value);
        for part in 0..WIDEN {
            let share = part as f32 / WIDEN as f32;
            out.push(grey(value + share * (next - value)));
        }
    }
}

/// value + gain × (value − Gaussian blur), the blur by three running means.
fn unsharp(profile: &[f32], gain: f32, sigma: f32) -> Vec<f32> {
    // Three boxes of width w have the variance (w² − 1) / 4.
    let reach = (((4.0 * sigma * sigma + 1.0).sqrt() - 1.0) / 2.0).round() as usize;
    let mut blurred = profile.to_vec();
    for _ in 0..3 {
        blurred = mean(&blurred, reach);
    }
    profile
        .iter()
        .zip(&blurred)
        .map(|(value, blur)| value + gain * (value - blur))
        .collect()
}

fn mean(values: &[f32], reach: usize) -> Vec<f32> {
    let count = values.len();
    let full = (2 * reach + 1) as f32;
    let at = |at: isize| values[at.clamp(0, count as isize - 1) as usize];
    let reach = reach as isize;
    let mut sum: f32 = (-reach..=reach).map(at).sum();
    (0..count as isize)
        .map(|i| {
            let mean = sum / full;
            sum += at(i + reach + 1) - at(i - reach);
            mean
        })
        .collect()
}
