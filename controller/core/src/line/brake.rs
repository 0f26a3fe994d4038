//! Does the count come to a stand as a belt does?
//!
//! A belt that is switched off runs out: one that stopped harder than with gravity would leave what
//! lies on it behind. A count that stands sooner is an encoder that has stalled, and the belt runs
//! on below the places of all parcels; with parcels of one length at one distance no photo-eye can
//! tell that afterwards. A belt so slow that it may stop within a few centimetres is not told apart.

use crate::topology::Geometry;
use crate::{LineTime, Ticks};

/// Gravity in mm/s².
const GRAVITY: i64 = 9_810;
/// Counts nearer in time than this say nothing of speed.
const SPAN_US: u64 = 5_000;
/// A count that has not moved for this long stands; a counter that is refreshed slowly does not.
const STANDS_MS: u64 = 80;

/// The slowest belt that can have shown the counts told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Brake {
    /// Ticks per second at nominal speed.
    nominal: i64,
    /// Hardest braking, in ticks per second each second.
    hardest: i64,
    /// Travel that may be missing, in ticks.
    spare: i64,
    last: Option<(LineTime, Ticks)>,
    moved_at: LineTime,
    /// Ticks per second that it runs at least.
    speed: i64,
    /// Ticks that the count is behind it.
    owed: i64,
}

impl Brake {
    pub(super) fn new(geometry: &Geometry) -> Self {
        let hardest = GRAVITY.saturating_mul(i64::from(geometry.metre)) / 1_000;
        Self::of(geometry.speed, hardest, geometry.window / 4)
    }

    pub(super) fn of(nominal: i32, hardest: i64, spare: i32) -> Self {
        Self {
            nominal: i64::from(nominal),
            hardest,
            spare: i64::from(spare),
            last: None,
            moved_at: LineTime::default(),
            speed: 0,
            owed: 0,
        }
    }

    /// Takes in a count. True when it stands, and no belt can have come to a stand like that.
    pub(super) fn stalls(&mut self, now: LineTime, at: Ticks) -> bool {
        let Some((then, before)) = self.last else {
            self.last = Some((now, at));
            return false;
        };
        let us = now.since(then);
        if us < SPAN_US {
            return false;
        }
        self.last = Some((now, at));
        let us = i64::try_from(us).unwrap_or(i64::MAX);
        let travel = i64::from(at.signed_since(before));
        if travel != 0 {
            self.moved_at = now;
        }
        let missing = self.least(us).saturating_sub(travel);
        // One that ran further was told late before.
        self.owed = if missing >= 0 {
            self.owed.saturating_add(missing)
        } else {
            0
        };
        let slower = self.hardest.saturating_mul(us) / 1_000_000;
        let mean = travel
            .saturating_mul(1_000_000)
            .checked_div(us)
            .unwrap_or(0);
        let shown = mean.saturating_sub(slower / 2);
        let speed = self.speed.saturating_sub(slower).max(shown);
        self.speed = speed.clamp(0, self.nominal);
        let stands = self.moved_at.after_ms(STANDS_MS) <= now;
        stands && self.owed > self.spare
    }

    /// Nothing is known of what was before.
    pub(super) fn forget(&mut self) {
        self.last = None;
        self.speed = 0;
        self.owed = 0;
    }

    /// Least travel in `us` microseconds, braked as hard as can be.
    fn least(&self, us: i64) -> i64 {
        let runs_out = self.speed.saturating_mul(1_000_000);
        let us = us.min(runs_out.checked_div(self.hardest).unwrap_or(0));
        let slower = self.hardest.saturating_mul(us) / 1_000_000;
        let mean = self.speed.saturating_sub(slower / 2);
        mean.saturating_mul(us) / 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of counts told every 10 ms, each so many ticks after the one before, when the
    /// last is told again 100 ms later.
    fn stalls(steps: impl IntoIterator<Item = u32>) -> bool {
        let mut brake = Brake::of(1_500, 9_810, 37);
        let (mut now, mut at) = (LineTime(0), Ticks(u32::MAX - 1_000));
        for step in steps {
            at = Ticks(at.0.wrapping_add(step));
            assert!(!brake.stalls(now, at), "{now:?}");
            now = now.after_ms(10);
        }
        brake.stalls(now.after_ms(90), at)
    }

    #[test]
    fn a_belt_runs_out() {
        let full = || std::iter::repeat_n(15, 100);
        // From 1.5 m/s within 600, 200 and 160 ms.
        for ms in [600, 200, 160] {
            let brakes = (0..ms / 10).map(|n| 15 - 15 * 10 * n / ms);
            assert!(!stalls(full().chain(brakes)), "{ms}");
        }
        assert!(stalls(full().chain([8])), "at once");
        assert!(stalls(full().chain([12, 9, 6, 3])), "within 50 ms");
        let slow = |step| stalls(std::iter::repeat_n(step, 100));
        assert!(!slow(9), "0.9 m/s may stop at once");
        assert!(slow(10));
        assert!(!stalls([0, 0]), "it never ran");
    }

    #[test]
    fn a_count_told_late_is_no_stall() {
        let full = || std::iter::repeat_n(15, 100);
        // Three polls without news, and their travel at once.
        let late = [0, 0, 0, 60, 15, 15];
        let runs_out = (0..20).map(|n| 15 - 15 * n / 20);
        assert!(!stalls(full().chain(late).chain(runs_out)));
    }

    #[test]
    fn a_stall_is_told_as_long_as_it_lasts_and_not_after_it() {
        let mut brake = Brake::of(1_500, 9_810, 37);
        let mut tell = |ms: u64, at: u32| brake.stalls(LineTime(0).after_ms(ms), Ticks(at));
        for step in 0..=10 {
            assert!(!tell(u64::from(step) * 10, step * 15));
        }
        assert!(!tell(179, 150), "79 ms");
        assert!(tell(185, 150) && tell(400, 150));
        assert!(!tell(410, 157) && !tell(520, 157), "0.7 m/s for 10 ms");
    }

    #[test]
    fn counts_close_together_say_nothing_of_speed() {
        let mut brake = Brake::of(1_500, 9_810, 37);
        for step in 0..=50_u32 {
            let (now, at) = (LineTime(u64::from(step) * 10_000), Ticks(5 * step));
            assert!(!brake.stalls(now, at));
            assert!(!brake.stalls(LineTime(now.0 + 100), Ticks(at.0 + 2)));
        }
        assert!(!brake.stalls(LineTime(600_000), Ticks(252)));
    }

    #[test]
    fn nothing_is_said_across_a_gap() {
        let mut brake = Brake {
            last: Some((LineTime(0), Ticks(0))),
            speed: 1_500,
            ..Brake::of(1_500, 9_810, 37)
        };
        brake.forget();
        assert!(!brake.stalls(LineTime(100_000), Ticks(0)));
        assert!(!brake.stalls(LineTime(300_000), Ticks(0)));
    }
}
