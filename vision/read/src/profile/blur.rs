//! How a blur couples the modules of Code 128, worked out once.

use super::code128::{CHARACTER, PATTERNS, STOP, STOP_MODULES, VALUES};

/// Steps of a module at which the signal is sampled and the timing may lie.
pub(super) const STEPS: usize = 8;

/// Modules that still influence each other through the blur.
pub(super) const MEMORY: usize = 4;

/// The group of "quiet zone before the start".
pub(super) const QUIET_GROUP: usize = 0;

/// What never changes: which values end alike.
#[derive(Clone, Debug)]
pub(super) struct Tails {
    /// Last [`MEMORY`] modules of each group, ±0.5; the first is the quiet zone.
    pub(super) last: Vec<[f32; MEMORY]>,
    /// Group of each value.
    pub(super) of: [usize; VALUES],
    /// Modules of all values, ±0.5: first modules, second modules, ...
    pub(super) ink: [[f32; VALUES]; CHARACTER],
}

impl Tails {
    pub(super) fn new() -> Self {
        let mut last = vec![[-0.5; MEMORY]];
        let of = PATTERNS.map(|pattern| {
            let tail = std::array::from_fn(|i| module(pattern, CHARACTER - MEMORY + i, CHARACTER));
            let same = |other: &[f32; MEMORY]| other.iter().eq(tail.iter());
            last.iter().skip(1).position(same).map_or_else(
                || {
                    last.push(tail);
                    last.len() - 1
                },
                |at| at + 1,
            )
        });
        let ink = std::array::from_fn(|at| PATTERNS.map(|pattern| module(pattern, at, CHARACTER)));
        Self { last, of, ink }
    }
}

/// Value of one module of a pattern with `count` modules: 0.5 for a bar.
pub(super) fn module(pattern: u16, at: usize, count: usize) -> f32 {
    f32::from((pattern >> (count - 1 - at)) & 1) - 0.5
}

/// How one blur couples the modules.
#[derive(Clone, Debug)]
pub(super) struct Blur {
    /// Pulse of a module at steps from its middle, normalised to a sum of 1.
    pub(super) pulse: Vec<f32>,
    /// Energy of each value, coupling within it included.
    pub(super) energy: [f32; VALUES],
    /// Energy of the stop pattern.
    pub(super) stop_energy: f32,
    /// Coupling of each value with each group before it.
    pub(super) coupling: Vec<[f32; VALUES]>,
    /// Coupling of the stop pattern with each group before it.
    pub(super) stop_coupling: Vec<f32>,
}

impl Blur {
    /// `sigma`: standard deviation in modules, the optics, the pixels and the sampling together.
    pub(super) fn new(sigma: f32, tails: &Tails) -> Self {
        let pulse = pulse(sigma);
        // Overlap of two modules' pulses by their distance.
        let overlap: Vec<f32> = (0..=STOP_MODULES + MEMORY)
            .map(|distance| {
                let shift = distance * STEPS;
                let pairs = pulse.iter().skip(shift).zip(&pulse);
                pairs.map(|(a, b)| a * b).sum::<f32>() * STEPS as f32
            })
            .collect();
        let within = |pattern: u16, count: usize| -> f32 {
            let pairs = (0..count).flat_map(|i| (0..count).map(move |j| (i, j)));
            pairs
                .map(|(i, j)| {
                    let near = i.abs_diff(j) <= MEMORY;
                    let values = module(pattern, i, count) * module(pattern, j, count);
                    if near {
                        values * overlap[i.abs_diff(j)]
                    } else {
                        0.0
                    }
                })
                .sum()
        };
        let across = |tail: &[f32; MEMORY], pattern: u16, count: usize| -> f32 {
            let pairs = (0..MEMORY).flat_map(|i| (0..MEMORY).map(move |j| (i, j)));
            pairs
                .map(|(i, j)| {
                    let distance = j + MEMORY - i;
                    let near = distance <= MEMORY;
                    let values = tail[i] * module(pattern, j, count);
                    if near {
                        2.0 * values * overlap[distance]
                    } else {
                        0.0
                    }
                })
                .sum()
        };
        Self {
            energy: PATTERNS.map(|pattern| within(pattern, CHARACTER)),
            stop_energy: within(STOP, STOP_MODULES),
            coupling: tails
                .last
                .iter()
                .map(|tail| PATTERNS.map(|pattern| across(tail, pattern, CHARACTER)))
                .collect(),
            stop_coupling: tails
                .last
                .iter()
                .map(|tail| across(tail, STOP, STOP_MODULES))
                .collect(),
            pulse,
        }
    }
}

/// A box of one module widened by a Gaussian, at steps.
fn pulse(sigma: f32) -> Vec<f32> {
    let reach = ((0.5 + 3.0 * sigma) * STEPS as f32).ceil() as i32;
    let fine = 4;
    let gauss = |x: f32| (-0.5 * (x / sigma).powi(2)).exp();
    let mut pulse: Vec<f32> = (-reach..=reach)
        .map(|step| {
            let middle = step as f32 / STEPS as f32;
            let parts = STEPS as i32 * fine;
            (0..parts)
                .map(|part| {
                    let inside = (part as f32 + 0.5) / parts as f32 - 0.5;
                    gauss(middle - inside)
                })
                .sum()
        })
        .collect();
    let sum: f32 = pulse.iter().sum();
    for value in &mut pulse {
        *value /= sum;
    }
    pulse
}
