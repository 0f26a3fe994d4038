//! One damaged symbol seen several times: its profiles laid on each other, module by module.

use std::fmt;

use crate::private::Redacted;
use crate::{Corners, Symbol, SymbolFormat};

use super::grid::Grid;
use super::trellis::Path;
use super::{BLUR_FIRST, Likelihood, Standing, code128, guesses, relative, standing};

/// Most views that are joined.
pub const VIEWS_MAX: usize = 12;

/// Most character counts that are tried.
const COUNTS_MAX: usize = 4;

/// Rows of bars whose lengths differ by less than this factor may be the same symbol.
const LENGTH_RATIO: f32 = 1.12;

/// One look at a symbol.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Brightness across the bars.
    pub profile: &'a [f32],
    /// Samples to a pixel.
    pub per_px: f32,
}

/// Bars that one frame shows and that were not read in it.
#[derive(Clone, PartialEq)]
pub struct UnreadBars {
    /// Brightness across the bars.
    pub profile: Vec<f32>,
    /// Samples to a pixel.
    pub per_px: f32,
    /// Length of the bars' row, pixels.
    pub length_px: f32,
    /// Where it lies in its frame, pixels.
    pub corners: Corners,
}

impl fmt::Debug for UnreadBars {
    /// The profile is what the label says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnreadBars")
            .field("profile", &Redacted)
            .field("per_px", &self.per_px)
            .field("length_px", &self.length_px)
            .field("corners", &self.corners)
            .finish()
    }
}

/// A symbol read from several views.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// Its content; GS1 separators as `\u{1d}`.
    pub text: String,
    /// FNC1 stands first: GS1 element strings.
    pub gs1: bool,
    /// Views that took part.
    pub views: usize,
    /// Correlation of the modelled with the joined profile, 0 to 1.
    pub fit: f32,
    /// Distance to the next best sequence, in units of one module's residual.
    pub margin: f32,
}

/// A view on its best grid of one number of characters, straightened.
struct Laid {
    grid: Grid,
    signal: Vec<f32>,
    weight: f32,
}

impl Likelihood {
    /// The Code 128 symbol that all views show, none of which need be readable alone: noise and
    /// damage that differ from frame to frame average out. `None` when fewer than two views can be
    /// laid on each other, or the result is not certain enough. The views must be of one symbol;
    /// those of another lower the fit until nothing is accepted.
    pub fn joined(&mut self, views: &[View<'_>]) -> Option<Joined> {
        let mut laid: Vec<Laid> = Vec::new();
        for view in views.iter().take(VIEWS_MAX) {
            self.lay(*view, &mut laid);
        }
        let mut counts: Vec<(f32, usize)> = Vec::new();
        for one in &laid {
            let characters = one.grid.characters;
            match counts.iter_mut().find(|(_, other)| *other == characters) {
                Some((weight, _)) => *weight += one.weight,
                None => counts.push((one.weight, characters)),
            }
        }
        counts.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut best: Option<(Standing, Path, usize)> = None;
        for (_, characters) in counts.into_iter().take(COUNTS_MAX) {
            let same: Vec<&Laid> = laid
                .iter()
                .filter(|one| one.grid.characters == characters)
                .collect();
            let Some(first) = same.first().filter(|_| same.len() > 1) else {
                continue;
            };
            self.trellis.set(&mean(&same));
            let path = self.likeliest(&first.grid);
            let Some(standing) = standing(&path) else {
                continue;
            };
            if best.as_ref().is_none_or(|(other, ..)| standing > *other) {
                best = Some((standing, path, same.len()));
            }
        }
        let (_, path, views) = best?;
        let content = code128::content(&path.words)?;
        Some(Joined {
            text: content.text,
            gs1: content.gs1,
            views,
            fit: path.fit,
            margin: relative(&path),
        })
    }

    /// Symbols that several frames of one parcel show together though none does alone. Each item of
    /// `frames` holds the unread bars of one frame; bars of about the same length are taken for the
    /// same symbol. The corners are those of the first frame that took part.
    pub fn of_parcel(&mut self, frames: &[&[UnreadBars]]) -> Vec<Symbol> {
        let mut open: Vec<(usize, &UnreadBars)> = frames
            .iter()
            .enumerate()
            .flat_map(|(frame, bars)| bars.iter().map(move |bars| (frame, bars)))
            .filter(|(_, bars)| bars.length_px.is_finite())
            .collect();
        open.sort_by(|a, b| b.1.length_px.total_cmp(&a.1.length_px));
        let mut symbols: Vec<Symbol> = Vec::new();
        while let Some((_, longest)) = open.first().copied() {
            // The most alike of each frame.
            let mut group: Vec<(usize, &UnreadBars)> = Vec::new();
            for (frame, bars) in &open {
                let alike = bars.length_px * LENGTH_RATIO >= longest.length_px;
                if alike && group.iter().all(|(other, _)| other != frame) {
                    group.push((*frame, *bars));
                }
            }
            let views: Vec<View<'_>> = group
                .iter()
                .map(|(_, bars)| View {
                    profile: &bars.profile,
                    per_px: bars.per_px,
                })
                .collect();
            if let Some(joined) = self.joined(&views)
                && symbols.iter().all(|symbol| symbol.text != joined.text)
            {
                symbols.push(Symbol {
                    format: SymbolFormat::Code128,
                    text: joined.text,
                    gs1: joined.gs1,
                    corners: longest.corners,
                });
            }
            open.retain(|(_, bars)| !group.iter().any(|(_, other)| std::ptr::eq(*bars, *other)));
        }
        symbols
    }

    /// Lays a view on the best grid of every number of characters that its ends allow.
    fn lay(&mut self, view: View<'_>, laid: &mut Vec<Laid>) {
        let (signals, grids) = guesses(view.profile, view.per_px);
        let mut best: Vec<Laid> = Vec::new();
        for (at, grid) in grids {
            self.trellis
                .sample(&signals[at][usize::from(grid.backward)], &grid);
            let path = self
                .trellis
                .decode(&grid, &self.blurs[BLUR_FIRST], &self.tails);
            let one = Laid {
                grid,
                signal: self.trellis.straightened(&path),
                weight: path.fit.max(0.0).powi(4),
            };
            let known = best
                .iter_mut()
                .find(|other| other.grid.characters == grid.characters);
            match known {
                Some(other) if other.weight < one.weight => *other = one,
                Some(_) => {}
                None => best.push(one),
            }
        }
        laid.append(&mut best);
    }
}

/// Weighted mean of signals of equal length.
fn mean(laid: &[&Laid]) -> Vec<f32> {
    let total: f32 = laid.iter().map(|one| one.weight).sum::<f32>().max(1e-6);
    let count = laid.iter().map(|one| one.signal.len()).min().unwrap_or(0);
    (0..count)
        .map(|at| {
            laid.iter()
                .map(|one| one.weight * one.signal[at])
                .sum::<f32>()
                / total
        })
        .collect()
}
