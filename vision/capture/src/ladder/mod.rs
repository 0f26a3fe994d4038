//! The reading ladder: from cheap steps that read most labels to dear ones for those that are left.
//!
//! A frame is located on cells of its structure tensor. Bands of bars become profiles, patches
//! become turned crops; both are decoded, then what is still unread is sharpened, enlarged and at
//! last searched for by maximum likelihood. The whole frame is the last rung, for symbols that fill
//! a tight picture. Every rung counts its time and its gain ([`RungStats`](crate::RungStats)).
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    reason = "pixel code: at most 2^27 pixels, and places are clipped before they are indices"
)]

mod bars;
mod cells;
mod crop;
mod matrices;
mod maxicode;
mod pace;
mod regions;
mod strip;

use std::collections::VecDeque;
use std::time::Duration;

use sortline_read::Symbol;
use sortline_read::profile::UnreadBars;

use crate::decode::{self, merge};
use crate::stats::{Rung, Tally};
use crate::{CaptureError, Clock, Effort, Grey, Knob};
use bars::{Bars, Hard, Seen};
use cells::Cells;
use matrices::Matrices;
use pace::Pace;
use regions::{Finder, Region};

/// Frames of fewer pixels are located at full resolution at once.
const SMALL: usize = 1_000_000;

/// Frames are shrunk to at most this many pixels before they are located.
const LOCATED_MAX: f32 = 6.0e6;

/// Where bars and gaps are fewer pixels wide on the average, the same label may have finer ones, which
/// half the resolution does not show: modules of 1.5 pixels, of which an element of a Code 128 has 1.8.
const FINE_PX: f32 = 2.75;

/// Most bands that are looked at as rows of a PDF417.
const STACKED_MAX: usize = 3;

/// A candidate at less than this angle to the picture's edge was already upright, degrees.
const TURN_MIN: f32 = 4.0;

/// Most parts of patches beside a symbol that are looked at on their own.
const PARTS_MAX: usize = 6;

/// Share of its rectangle that a patch covers when it may be a symbol that is worth enlarging.
const SYMBOL_FILL: f32 = 0.55;

/// A band that is this many times as long as high holds bars, not rows of a PDF417.
const LINEAR_SHAPE: f32 = 2.2;

/// Reads the symbols of frames; belongs to one thread and keeps its memory between frames.
#[derive(Debug)]
pub(crate) struct Ladder {
    cells: Cells,
    finder: Finder,
    bars: Bars,
    matrices: Matrices,
    whole: decode::Whole,
    pace: Pace,
    effort: Effort,
    pub(crate) tally: Tally,
}

/// What a climb found.
#[derive(Debug, Default)]
pub(crate) struct Climbed {
    pub(crate) symbols: Vec<Symbol>,
    /// Bars that stayed unread, the strongest first.
    pub(crate) unread: Vec<UnreadBars>,
    /// Steps were left out for want of time.
    pub(crate) late: bool,
}

/// One frame on its way up.
struct Climb<'a> {
    grey: &'a Grey,
    clock: Clock,
    left: &'a dyn Fn() -> Duration,
    out: Climbed,
    hard: Vec<Hard>,
    /// Regions that were read.
    read: Vec<Region>,
    /// Least mean width of the bars and gaps of a symbol that was read, pixels; infinite for none.
    finest_px: f32,
    /// Bands that may hold something other than a linear symbol.
    open: Vec<Region>,
    /// Patches that may still be enlarged as rows of a PDF417.
    rows_again: usize,
    /// Angles of unread candidates, degrees, and the brightness of their paper; the strongest of each
    /// kind.
    angles: Vec<(f32, f32)>,
}

impl Ladder {
    pub(crate) fn new(effort: Effort) -> Self {
        Self {
            effort,
            cells: Cells::default(),
            finder: Finder::default(),
            bars: Bars::new(),
            matrices: Matrices::new(),
            whole: decode::Whole::new(),
            pace: Pace::default(),
            tally: Tally::default(),
        }
    }

    /// Symbols of a frame, as many as the time allows.
    pub(crate) fn climb(
        &mut self,
        grey: &Grey,
        clock: Clock,
        left: &dyn Fn() -> Duration,
    ) -> Result<Climbed, CaptureError> {
        let mut climb = Climb {
            grey,
            clock,
            left,
            out: Climbed::default(),
            hard: Vec::new(),
            read: Vec::new(),
            finest_px: f32::INFINITY,
            open: Vec::new(),
            rows_again: self.most(Knob::Rows),
            angles: Vec::new(),
        };
        let pixels = grey.data().len();
        let shrink = shrinking(pixels);
        if self.locate(&mut climb, shrink, Rung::Locate) {
            self.bands(&mut climb, 2)?;
            self.sharpened(&mut climb)?;
            self.patches(&mut climb)?;
            self.likelihoods(&mut climb);
            let bars_read = climb.out.symbols.iter().any(|s| !s.format.is_matrix());
            if (!bars_read || climb.finest_px < FINE_PX) && shrink == 2 && self.most(Knob::Fine) > 0
            {
                self.fine(&mut climb)?;
            }
            if climb.out.symbols.is_empty() && self.most(Knob::Whole) > 0 {
                self.whole(&mut climb)?;
            }
        }
        Ok(climb.out)
    }

    /// The setting of a knob.
    fn most(&self, knob: Knob) -> usize {
        usize::from(self.effort.of(knob))
    }

    /// Measures the cells. False when there is no candidate at all, or no time.
    fn locate(&mut self, climb: &mut Climb<'_>, shrink: usize, rung: Rung) -> bool {
        let pixels = climb.grey.data().len() as f32;
        let grey = climb.grey;
        let (cells, finder) = (&mut self.cells, &mut self.finder);
        let step = climb.step(&mut self.pace, &mut self.tally, (rung, pixels), || {
            cells.measure(grey, shrink);
            Ok((finder.look(cells), Vec::new()))
        });
        matches!(step, Ok(Some(true)))
    }

    /// Profiles of all bands.
    fn bands(&mut self, climb: &mut Climb<'_>, reach: usize) -> Result<(), CaptureError> {
        let start = (climb.clock.thread_cpu)();
        let bands = self.finder.bands(&self.cells, reach);
        let took = (climb.clock.thread_cpu)().saturating_sub(start);
        self.tally.add(Rung::Locate, 0, took);
        for region in bands {
            if climb.known(&region) {
                continue;
            }
            let pixels = region.length * region.height;
            let (bars, grey) = (&mut self.bars, climb.grey);
            let what = (Rung::Bars, pixels);
            let seen = climb.step(&mut self.pace, &mut self.tally, what, || {
                Ok(match bars.look(grey, &region)? {
                    Seen::Read(symbols, width) => (Seen::Read(Vec::new(), width), symbols),
                    Seen::Unread(hard) => (Seen::Unread(hard), Vec::new()),
                })
            })?;
            match seen {
                Some(Seen::Read(_, width)) => {
                    climb.finest_px = climb.finest_px.min(width);
                    climb.read.push(region);
                }
                Some(Seen::Unread(mut hard)) => {
                    climb.hard.append(&mut hard);
                    climb.open.push(region);
                }
                None => {}
            }
        }
        Ok(())
    }

    fn sharpened(&mut self, climb: &mut Climb<'_>) -> Result<(), CaptureError> {
        let most = self.most(Knob::Sharpened);
        for (at, hard) in std::mem::take(&mut climb.hard).into_iter().enumerate() {
            if at >= most || climb.known(&hard.region) {
                climb.hard.push(hard);
                continue;
            }
            let bars = &mut self.bars;
            let pixels = hard.region.length * hard.region.height;
            let what = (Rung::BarsSharpened, pixels);
            let found = climb.step(&mut self.pace, &mut self.tally, what, || {
                let symbols = bars.sharpened(&hard)?;
                Ok((!symbols.is_empty(), symbols))
            })?;
            if found == Some(true) {
                climb.done(hard.region);
            } else {
                climb.hard.push(hard);
            }
        }
        Ok(())
    }

    /// Crops of patches, and of bands that are too high for bars alone.
    fn patches(&mut self, climb: &mut Climb<'_>) -> Result<(), CaptureError> {
        let start = (climb.clock.thread_cpu)();
        let long = |region: &&Region| region.length > LINEAR_SHAPE * region.height;
        let mut erased = climb.read.clone();
        erased.extend(climb.hard.iter().map(|hard| &hard.region).filter(long));
        let mut patches = self.finder.patches(&self.cells, climb.grey, &erased);
        let took = (climb.clock.thread_cpu)().saturating_sub(start);
        self.tally.add(Rung::Locate, 0, took);
        let stacked = |region: &&Region| {
            let shape = region.length / region.height;
            (1.2..6.0).contains(&shape) && region.height > 24.0
        };
        let rows = climb.open.iter().filter(stacked).take(STACKED_MAX);
        let rows: Vec<Region> = rows.copied().collect();
        let bands = rows.len();
        patches.splice(0..0, rows);
        let strongest = [climb.open.first(), patches.first()].into_iter().flatten();
        climb.angles = strongest
            .map(|region| (region.degrees(), strip::paper(climb.grey, region)))
            .filter(|(angle, _)| angle.abs() > TURN_MIN)
            .collect();
        // What is left beside a symbol is most likely another one, a band least.
        let mut unread: [Vec<Region>; 3] = Default::default();
        let mut waiting: VecDeque<(Region, usize)> = VecDeque::new();
        let class = |at: usize| if at < bands { 2 } else { 1 };
        waiting.extend((0..).zip(patches).map(|(at, patch)| (patch, class(at))));
        let mut parts = 0;
        while let Some((region, class)) = waiting.pop_front() {
            if climb.known(&region) {
                continue;
            }
            if self.matrix(climb, &region, Rung::Matrices)? {
                let rest = climb.rest_of(region, &mut parts);
                waiting.extend(rest.into_iter().map(|part| (part, 0)));
            } else {
                unread[class].push(region);
            }
        }
        // Lines of print fill their rectangle less than a symbol does.
        unread[1].sort_by(|a, b| (b.rank * b.fill).total_cmp(&(a.rank * a.fill)));
        let mut tried = 0;
        for region in unread.into_iter().flatten() {
            if climb.known(&region) {
                continue;
            }
            for (rung, knob) in [
                (Rung::MatricesAgain, Knob::Enlarged),
                (Rung::MaxiCode, Knob::Hexagons),
            ] {
                let print = rung == Rung::MatricesAgain && region.fill < SYMBOL_FILL;
                if tried < self.most(knob) && !print && self.matrix(climb, &region, rung)? {
                    climb.done(region);
                    break;
                }
            }
            tried += 1;
        }
        Ok(())
    }

    fn matrix(
        &mut self,
        climb: &mut Climb<'_>,
        region: &Region,
        rung: Rung,
    ) -> Result<bool, CaptureError> {
        let (matrices, grey) = (&mut self.matrices, climb.grey);
        let pixels = region.length * region.height;
        // Start and stop patterns of a PDF417 are bars beside the patch.
        let beside = 0.8 * region.length.max(region.height);
        let near = |bars: &Region| region.contains(bars.middle, beside);
        let mut rows = climb.open.iter().any(near);
        if rows && rung == Rung::MatricesAgain {
            rows = climb.rows_again > 0;
            climb.rows_again = climb.rows_again.saturating_sub(1);
        }
        let found = climb.step(&mut self.pace, &mut self.tally, (rung, pixels), || {
            let symbols = if rung == Rung::Matrices {
                matrices.look(grey, region, rows)?
            } else if rung == Rung::MaxiCode {
                matrices.hexagons(grey, region)?
            } else {
                matrices.again(grey, region, rows)?
            };
            Ok((!symbols.is_empty(), symbols))
        })?;
        Ok(found == Some(true))
    }

    fn likelihoods(&mut self, climb: &mut Climb<'_>) {
        let most = self.most(Knob::Likelihoods);
        let mut unread: Vec<Hard> = Vec::new();
        for (at, hard) in std::mem::take(&mut climb.hard).into_iter().enumerate() {
            let found = if at >= most || climb.known(&hard.region) {
                Ok(None)
            } else {
                let bars = &mut self.bars;
                let pixels = hard.region.length * hard.region.height;
                let what = (Rung::Likelihood, pixels);
                climb.step(&mut self.pace, &mut self.tally, what, || {
                    let symbol = bars.likeliest(&hard);
                    Ok((symbol.is_some(), symbol.into_iter().collect()))
                })
            };
            if matches!(found, Ok(Some(true))) {
                climb.done(hard.region);
            } else if unread.iter().all(|other| other.region != hard.region) {
                // Two looks at the same bars are no two witnesses.
                unread.push(hard);
            }
        }
        unread.retain(|hard| !climb.known(&hard.region));
        climb
            .out
            .unread
            .extend(unread.into_iter().map(Bars::unread));
    }

    /// Bars too fine for half the resolution.
    fn fine(&mut self, climb: &mut Climb<'_>) -> Result<(), CaptureError> {
        if self.locate(climb, 1, Rung::Fine) {
            self.bands(climb, 3)?;
            self.sharpened(climb)?;
            self.likelihoods(climb);
        }
        Ok(())
    }

    /// The frame as a whole, then turned as its candidates stand.
    fn whole(&mut self, climb: &mut Climb<'_>) -> Result<(), CaptureError> {
        let (whole, grey) = (&self.whole, climb.grey);
        let pixels = grey.data().len();
        let cost = pixels.min(SMALL) as f32;
        climb.step(&mut self.pace, &mut self.tally, (Rung::Whole, cost), || {
            Ok(((), whole.read(grey, SMALL)?))
        })?;
        if pixels >= SMALL {
            return Ok(());
        }
        for (angle, paper) in std::mem::take(&mut climb.angles) {
            if !climb.out.symbols.is_empty() {
                break;
            }
            climb.step(
                &mut self.pace,
                &mut self.tally,
                (Rung::Turned, 2.0 * cost),
                || Ok(((), whole.turned(grey, angle, paper)?)),
            )?;
        }
        Ok(())
    }
}

/// How many times a frame is shrunk before it is located: twice, very large ones more.
fn shrinking(pixels: usize) -> usize {
    if pixels < SMALL {
        1
    } else {
        ((pixels as f32 / LOCATED_MAX).sqrt().ceil() as usize).max(2)
    }
}

impl Climb<'_> {
    /// One step of a rung on so many pixels: not begun when it would not end in time; its time and
    /// its new symbols are counted.
    fn step<T>(
        &mut self,
        pace: &mut Pace,
        tally: &mut Tally,
        (rung, pixels): (Rung, f32),
        work: impl FnOnce() -> Result<(T, Vec<Symbol>), CaptureError>,
    ) -> Result<Option<T>, CaptureError> {
        let left = (self.left)();
        if left.is_zero() || left < pace.expected(rung, pixels) {
            tally.skip(rung);
            pace.forget(rung);
            self.out.late = true;
            return Ok(None);
        }
        let now = || ((self.clock.thread_cpu)(), (self.clock.monotonic)());
        let start = now();
        let (value, symbols) = work()?;
        let end = now();
        let took = end.0.saturating_sub(start.0);
        pace.learn(rung, pixels, end.1.saturating_sub(start.1));
        let before = self.out.symbols.len();
        merge(&mut self.out.symbols, symbols);
        tally.add(rung, self.out.symbols.len().saturating_sub(before), took);
        Ok(Some(value))
    }

    /// Whether a region's middle lies in one that was read.
    fn known(&self, region: &Region) -> bool {
        self.read
            .iter()
            .any(|other| other.contains(region.middle, 0.0))
    }

    /// Symbols that stand side by side make one patch, of which the library gives one: notes what
    /// was read of a patch, and gives the parts beside it that may hold another. `parts` of the
    /// frame are bounded.
    fn rest_of(&mut self, region: Region, parts: &mut usize) -> Vec<Region> {
        let inside = |symbol: &&Symbol| region.contains(Region::of(&symbol.corners).middle, 0.0);
        let symbols: Vec<Region> = self
            .out
            .symbols
            .iter()
            .filter(inside)
            .map(|symbol| Region::of(&symbol.corners))
            .collect();
        let mut rest = region.beside(&symbols);
        rest.truncate(PARTS_MAX.saturating_sub(*parts));
        *parts += rest.len();
        if rest.is_empty() {
            self.read.push(region);
        } else {
            self.read.extend(symbols);
        }
        rest
    }

    /// Notes a region as read.
    fn done(&mut self, region: Region) {
        self.read.push(region);
    }
}

#[cfg(test)]
mod tests;
