//! Linear symbols from brightness profiles, without binarisation: what a blurred, dim or coarse
//! symbol still says.
//!
//! A *profile* is the brightness along a line across the bars, as the mean over many lines. The
//! decoder guesses where the modules may lie (number of characters, direction, ends), finds the
//! likeliest sequence of characters under several blurs whose check character fits, and accepts it
//! when the modelled profile resembles the measured one, no other such sequence comes near, and what
//! it says keeps the rules of what it claims to be.
//! It needs no edges, so it reads symbols whose narrow bars no longer stand out.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    reason = "signal code: at most 2^16 samples, and places are clipped before they are indices"
)]

mod blur;
mod code128;
mod extent;
mod grid;
mod joint;
mod sum;
mod trellis;
mod valid;

use crate::{carrier, gs1, has_check_digit, upu};
use blur::{Blur, Tails};
use grid::{GRIDS, Grid};
pub use joint::{Joined, UnreadBars, VIEWS_MAX, View};
use sum::Sums;
use trellis::{Path, Trellis};

/// Longest profile that is looked at, samples.
pub const PROFILE_MAX: usize = 1 << 14;

/// Samples to a pixel that are sensible.
const PER_PX: std::ops::RangeInclusive<f32> = 0.1..=16.0;

/// Gaussian blurs that are tried, modules: sharp, and three degrees of defocus or motion.
const BLURS: [f32; 4] = [0.25, 0.45, 0.7, 1.0];

/// Least correlation of the modelled with the measured profile.
const FIT_MIN: f32 = 0.91;

/// Place of the blur that is tried first on every grid.
const BLUR_FIRST: usize = 1;

/// Least correlation at the first blur for which a grid is looked at closely.
const FIT_PROMISING: f32 = 0.72;

/// Grids that are looked at closely.
const GRIDS_CLOSE: usize = 3;

/// Correlation from which no further grid or blur is tried once a path is acceptable.
const FIT_SURE: f32 = 0.945;

/// Least distance to the next valid sequence, in units of the residual of one module. Of the bars of
/// 1,000 drawn frames of all states, misread ones came to 6 with this fit and price, right ones
/// mostly to more than 30.
const MARGIN_MIN: f32 = 10.0;

/// Greatest distance from the likeliest sequence of all to the likeliest valid one, in the same unit:
/// beyond it bars are hidden, not blurred, and which are is a guess.
const PRICE_MAX: f32 = 5.0;

/// The same three for a content that nothing vouches for: nothing else valid comes near, and the
/// likeliest of all is valid. A path with a few characters too many has more freedom to fit; of 1,200
/// drawn frames of all states three such came to at most 0.94, 38 and 1.3, and right ones of photographs
/// to at least 0.94, 40 and 0.
const FIT_ALONE: f32 = 0.935;
const MARGIN_ALONE: f32 = 39.0;
const PRICE_ALONE: f32 = 0.5;

/// A carrier's format of at least this confidence vouches for a number: its letters and length, or a
/// check digit and more.
const FORMAT_SURE: f32 = 0.85;

/// Squared residuals below this are the sampling's own.
const RESIDUAL_MIN: f32 = 1e-4;

/// A symbol read from a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// Its content; GS1 separators as `\u{1d}`.
    pub text: String,
    /// FNC1 stands first: GS1 element strings.
    pub gs1: bool,
    /// Where the first bar begins and the last ends, samples; the first is the greater one when
    /// the symbol stands against the profile's direction.
    pub ends: [f32; 2],
    /// Correlation of the modelled with the measured profile, 0 to 1.
    pub fit: f32,
    /// How much worse the next valid sequence explains the profile, in units of one module's
    /// residual: the greater, the surer.
    pub margin: f32,
}

/// The bars of a profile with `per_px` samples to a pixel: darkness of every sample from −0.5 (paper)
/// to 0.5 (ink), uneven light taken off, and the ends of the bars in samples. `None` without bars.
pub fn levelled(profile: &[f32], per_px: f32) -> Option<(Vec<f32>, [f32; 2])> {
    if profile.len() > PROFILE_MAX || !PER_PX.contains(&per_px) {
        return None;
    }
    // The widest: an envelope over a little too much does no harm.
    let wider = |a: &[f32; 2], b: &[f32; 2]| (a[1] - a[0]).total_cmp(&(b[1] - b[0]));
    let ends = extent::bars(profile, per_px).into_iter().max_by(wider)?;
    Some((levelled_within(profile, ends), ends))
}

/// Darkness as [`levelled`] gives it, the ends of the bars being known.
pub fn levelled_within(profile: &[f32], ends: [f32; 2]) -> Vec<f32> {
    let mut out = Vec::new();
    if !profile.is_empty() {
        extent::darkness(profile, ends, &mut out);
    }
    out
}

/// Decodes profiles by maximum likelihood; keeps its tables and memory between symbols.
#[derive(Clone, Debug)]
pub struct Likelihood {
    tails: Tails,
    blurs: Vec<Blur>,
    trellis: Trellis,
}

impl Default for Likelihood {
    fn default() -> Self {
        let tails = Tails::new();
        let blurs = BLURS
            .iter()
            .map(|sigma| Blur::new(*sigma, &tails))
            .collect();
        Self {
            tails,
            blurs,
            trellis: Trellis::default(),
        }
    }
}

impl Likelihood {
    /// The Code 128 symbol of a profile with `per_px` samples to a pixel, bright paper. `None` when
    /// there is none, or none that is certain enough. Takes a bounded time: at most
    /// 8 + 3 × 8 searches over 40 characters.
    pub fn code128(&mut self, profile: &[f32], per_px: f32) -> Option<Decoded> {
        let (signals, grids) = guesses(profile, per_px);
        let (grid, path) = self.best_of(&grids, &signals)?;
        let content = code128::content(&path.words)?;
        let place = |module: usize, offset: i32| {
            let modules = module as f32 + offset as f32 / blur::STEPS as f32;
            let at = grid.from + modules * grid.pitch;
            if grid.backward {
                profile.len() as f32 - at
            } else {
                at
            }
        };
        let offset = |at: Option<&i32>| at.copied().unwrap_or(0);
        Some(Decoded {
            text: content.text,
            gs1: content.gs1,
            ends: [
                place(0, offset(path.offsets.first())),
                place(grid.modules(), offset(path.offsets.last())),
            ],
            fit: path.fit,
            margin: relative(&path),
        })
    }

    /// The best acceptable path on any of the grids.
    fn best_of(&mut self, grids: &[(usize, Grid)], signals: &[[Sums; 2]]) -> Option<(Grid, Path)> {
        // A look at each under one blur, then all blurs on the few that explain the profile best.
        let mut looked: Vec<(f32, usize, &Grid)> = Vec::new();
        let mut best: Option<(Standing, Grid, Path)> = None;
        let keep = |best: &mut Option<(Standing, Grid, Path)>, grid: &Grid, path: Path| {
            let standing = standing(&path)?;
            if best.as_ref().is_none_or(|(other, ..)| standing > *other) {
                *best = Some((standing, *grid, path));
            }
            Some(standing)
        };
        for (at, grid) in grids {
            self.trellis
                .sample(&signals[*at][usize::from(grid.backward)], grid);
            let path = self
                .trellis
                .decode(grid, &self.blurs[BLUR_FIRST], &self.tails);
            if path.fit > FIT_PROMISING {
                looked.push((path.fit, *at, grid));
            }
            if keep(&mut best, grid, path).is_some_and(|(_, fit)| fit > FIT_SURE) {
                looked.clear();
                break;
            }
        }
        looked.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, at, grid) in looked.into_iter().take(GRIDS_CLOSE) {
            self.trellis
                .sample(&signals[at][usize::from(grid.backward)], grid);
            let path = self.likeliest(grid);
            if keep(&mut best, grid, path).is_some_and(|(_, fit)| fit > FIT_SURE) {
                break;
            }
        }
        best.map(|(_, grid, path)| (grid, path))
    }

    /// The best path on the sampled grid over all blurs: first as it is, then levelled to the model
    /// of the first.
    fn likeliest(&mut self, grid: &Grid) -> Path {
        let mut best = Path::default();
        let mut at = 0;
        for (i, blur) in self.blurs.iter().enumerate() {
            let path = self.trellis.decode(grid, blur, &self.tails);
            if path.fit > best.fit {
                (best, at) = (path, i);
            } else if i > at {
                break;
            }
        }
        let Some(blur) = self.blurs.get(at) else {
            return best;
        };
        for _ in 0..2 {
            // The model of the last decode may be another's: bring back the best one's.
            self.trellis.decode(grid, blur, &self.tails);
            self.trellis.level();
            let path = self.trellis.decode(grid, blur, &self.tails);
            let same = path.words == best.words;
            if path.fit > best.fit {
                best = path;
            }
            if same {
                break;
            }
        }
        best
    }
}

/// The likeliest grids of a profile, each with the signals that it lies on.
fn guesses(profile: &[f32], per_px: f32) -> (Vec<[Sums; 2]>, Vec<(usize, Grid)>) {
    let mut signals = Vec::new();
    let mut grids = Vec::new();
    if profile.len() > PROFILE_MAX || !PER_PX.contains(&per_px) {
        return (signals, grids);
    }
    for (at, ends) in extent::bars(profile, per_px).into_iter().enumerate() {
        let both = both_ways(profile, ends);
        let found = grid::guesses(&both, ends, profile.len(), per_px);
        signals.push(both);
        grids.extend(found.into_iter().map(|grid| (at, grid)));
    }
    grids.sort_by(|a, b| b.1.score.total_cmp(&a.1.score));
    grids.truncate(GRIDS);
    (signals, grids)
}

/// Running sums of the darkness between two ends, forward and backward.
fn both_ways(profile: &[f32], ends: [f32; 2]) -> [Sums; 2] {
    let mut darkness = levelled_within(profile, ends);
    let forward = Sums::of(&darkness);
    darkness.reverse();
    [forward, Sums::of(&darkness)]
}

/// Distance to the next valid sequence in units of one module's residual.
fn relative(path: &Path) -> f32 {
    path.margin / path.residual.max(RESIDUAL_MIN)
}

/// How far a path is believed: first whether something vouches for its content, then its fit.
type Standing = (bool, f32);

/// The standing of a path that explains the profile, when no other valid one comes near and what it
/// says holds.
fn standing(path: &Path) -> Option<Standing> {
    let content = code128::content(&path.words).filter(holds)?;
    let vouched = is_vouched(&content);
    let (fit, margin, price) = if vouched {
        (FIT_MIN, MARGIN_MIN, PRICE_MAX)
    } else {
        (FIT_ALONE, MARGIN_ALONE, PRICE_ALONE)
    };
    let accepted = path.fit > fit
        && relative(path) > margin
        && path.price / path.residual.max(RESIDUAL_MIN) < price
        && code128::checks(&path.words);
    accepted.then_some((vouched, path.fit))
}

/// Whether a content is one that a label has, beyond its check character: a check digit holds, or it
/// has a carrier's form.
fn is_vouched(content: &code128::Content) -> bool {
    let known = |number: String| {
        let found = carrier::recognize(&number);
        found
            .first()
            .is_some_and(|found| found.confidence >= FORMAT_SURE)
    };
    has_check_digit(&content.text, content.gs1)
        || !content.gs1 && carrier::normal(&content.text).is_some_and(known)
}

/// Whether the content keeps the rules of what it claims to be: element strings, or a number of the
/// postal union with its check digit.
fn holds(content: &code128::Content) -> bool {
    if content.gs1 {
        return gs1::parse(&content.text).is_ok();
    }
    !upu::is_s10_shaped(&content.text) || upu::is_s10(&content.text)
}

#[cfg(test)]
mod tests;
