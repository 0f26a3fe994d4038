//! Guesses of where the modules lie: number of characters, direction and ends.

use super::code128::{CHARACTER, PATTERNS, START, STOP, STOP_MODULES};
use super::sum::Sums;

/// Fewest and most characters from the start to the check character: two of data at least, and 48
/// digits of an element string at most.
const CHARACTERS: std::ops::RangeInclusive<usize> = 4..=40;

/// Least and greatest width of a module, pixels.
const PITCH_PX: [f32; 2] = [0.75, 12.0];

/// Modules by which each end may lie elsewhere than measured.
const JITTER: [f32; 3] = [-0.6, 0.0, 0.6];

/// Quiet modules beyond each end that are compared.
const QUIET: usize = 4;

/// Grids that are tried.
pub(super) const GRIDS: usize = 8;

/// Least score of a grid, of 2 at most.
const SCORE_MIN: f32 = 0.75;

/// A guess: `characters` and a stop pattern between two places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grid {
    /// Characters from the start to the check character.
    pub(super) characters: usize,
    /// The symbol is read against the direction of the profile.
    pub(super) backward: bool,
    /// Place of the first module's beginning in samples, in reading direction.
    pub(super) from: f32,
    /// Width of a module, samples.
    pub(super) pitch: f32,
    /// Correlation at the start plus that at the stop, 2 at most.
    pub(super) score: f32,
}

impl Grid {
    /// All modules, with the stop pattern.
    pub(super) fn modules(&self) -> usize {
        CHARACTER * self.characters + STOP_MODULES
    }
}

/// The grids whose ends look most like a start and a stop, best first. `signals` are the darkness
/// forward and backward, `ends` the bars' ends in the forward signal of `length` samples.
pub(super) fn guesses(
    signals: &[Sums; 2],
    ends: [f32; 2],
    length: usize,
    per_px: f32,
) -> Vec<Grid> {
    let templates = Templates::new();
    let mut found: Vec<Grid> = Vec::new();
    for (backward, signal) in [(false, &signals[0]), (true, &signals[1])] {
        let ends = if backward {
            [length as f32 - ends[1], length as f32 - ends[0]]
        } else {
            ends
        };
        for characters in CHARACTERS {
            let modules = (CHARACTER * characters + STOP_MODULES) as f32;
            let pitch = (ends[1] - ends[0]) / modules;
            if !(PITCH_PX[0] * per_px..=PITCH_PX[1] * per_px).contains(&pitch) {
                continue;
            }
            let jitters = JITTER
                .iter()
                .flat_map(|first| JITTER.iter().map(move |last| (*first, *last)));
            let best = jitters
                .map(|(first, last)| {
                    let from = ends[0] + first * pitch;
                    let pitch = (ends[1] + last * pitch - from) / modules;
                    let score = templates.score(signal, from, pitch, modules);
                    Grid {
                        characters,
                        backward,
                        from,
                        pitch,
                        score,
                    }
                })
                .max_by(|a, b| a.score.total_cmp(&b.score));
            found.extend(best.filter(|grid| grid.score > SCORE_MIN));
        }
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(GRIDS);
    found
}

/// What start and stop look like, slightly blurred.
struct Templates {
    starts: [[f32; QUIET + CHARACTER]; 3],
    stop: [f32; STOP_MODULES + QUIET],
}

impl Templates {
    fn new() -> Self {
        let starts = [0, 1, 2].map(|set| {
            let mut modules = [-0.5; QUIET + CHARACTER];
            set_bits(&mut modules[QUIET..], PATTERNS[usize::from(START) + set]);
            blurred(modules)
        });
        let mut stop = [-0.5; STOP_MODULES + QUIET];
        set_bits(&mut stop[..STOP_MODULES], STOP);
        Self {
            starts,
            stop: blurred(stop),
        }
    }

    /// Correlation at the start plus that at the stop.
    fn score(&self, signal: &Sums, from: f32, pitch: f32, modules: f32) -> f32 {
        let mean = |module: f32| {
            let at = from + module * pitch;
            signal.mean(at, at + pitch)
        };
        let start: [f32; QUIET + CHARACTER] =
            std::array::from_fn(|i| mean(i as f32 - QUIET as f32));
        let first = modules - STOP_MODULES as f32;
        let stop: [f32; STOP_MODULES + QUIET] = std::array::from_fn(|i| mean(first + i as f32));
        let best = self
            .starts
            .iter()
            .map(|template| correlation(&start, template));
        best.fold(-1.0, f32::max) + correlation(&stop, &self.stop)
    }
}

/// Sets ±0.5 for the bits of a pattern, as many as there are places.
fn set_bits(modules: &mut [f32], pattern: u16) {
    let count = modules.len();
    for (at, module) in modules.iter_mut().enumerate() {
        *module = f32::from((pattern >> (count - 1 - at)) & 1) - 0.5;
    }
}

/// Blurred by a Gaussian of about 0.6 modules.
fn blurred<const N: usize>(modules: [f32; N]) -> [f32; N] {
    std::array::from_fn(|at| {
        let before = modules[at.saturating_sub(1)];
        let after = modules[(at + 1).min(N - 1)];
        0.6 * modules[at] + 0.2 * (before + after)
    })
}

/// Correlation coefficient; 0 for a constant.
pub(super) fn correlation(one: &[f32], other: &[f32]) -> f32 {
    let count = one.len().min(other.len()).max(1) as f32;
    let (mut a, mut b, mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (x, y) in one.iter().zip(other) {
        a += x;
        b += y;
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    let (aa, bb) = (aa - a * a / count, bb - b * b / count);
    if aa <= 1e-6 || bb <= 1e-6 {
        return 0.0;
    }
    (ab - a * b / count) / (aa * bb).sqrt()
}
