//! How long steps take, so that none is begun that cannot end in time.

use std::time::Duration;

use crate::stats::Rung;

/// The slowest pace seen of each rung, nanoseconds per pixel of what it works on, so that no step is
/// begun that cannot end in time.
#[derive(Clone, Debug)]
pub(super) struct Pace([(Rung, f64); 7]);

impl Default for Pace {
    fn default() -> Self {
        // Of an x86-64 server processor, with some reserve.
        Self([
            (Rung::Locate, 1.5),
            (Rung::Fine, 3.0),
            (Rung::Bars, 15.0),
            (Rung::Matrices, 30.0),
            (Rung::MatricesAgain, 250.0),
            (Rung::Whole, 80.0),
            (Rung::Turned, 80.0),
        ])
    }
}

impl Pace {
    /// Every step has a fixed part, as dear as this many pixels.
    const PIXELS_MIN: f32 = 10_000.0;

    /// By this factor a pace is thought better each time when a step was left out, so that it is
    /// tried again some day.
    const FORGET: f64 = 0.98;

    fn of(&mut self, rung: Rung) -> Option<&mut f64> {
        let found = self.0.iter_mut().find(|(other, _)| *other == rung);
        found.map(|(_, pace)| pace)
    }

    pub(super) fn expected(&mut self, rung: Rung, pixels: f32) -> Duration {
        let pace = self.of(rung).map_or(0.0, |pace| *pace);
        Duration::from_nanos((pace * f64::from(pixels.max(Self::PIXELS_MIN))) as u64)
    }

    /// Learns from a step: at once when it was slower than expected, slowly when it was faster.
    pub(super) fn learn(&mut self, rung: Rung, pixels: f32, took: Duration) {
        if let Some(pace) = self.of(rung) {
            let seen = took.as_nanos() as f64 / f64::from(pixels.max(Self::PIXELS_MIN));
            *pace = if seen > *pace {
                seen
            } else {
                0.95 * *pace + 0.05 * seen
            };
        }
    }

    pub(super) fn forget(&mut self, rung: Rung) {
        if let Some(pace) = self.of(rung) {
            *pace *= Self::FORGET;
        }
    }
}
