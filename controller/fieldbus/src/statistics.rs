//! What a bus did so far, in numbers.

use std::time::Duration;

/// What the fieldbus did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Connections made.
    pub connections: u64,
    /// Modbus calls begun.
    pub calls: u64,
    /// Calls without a clean reply in time.
    pub errors: u64,
    /// Calls answered with a Modbus exception.
    pub exceptions: u64,
    /// Commands written.
    pub commands: u64,
    /// Events delivered from the node's ring.
    pub events: u64,
    /// Longest clean call in microseconds.
    pub call_us_max: u64,
    /// Sum of all clean calls in microseconds.
    pub call_us_total: u64,
    /// Clean calls by their duration.
    pub times: Times,
    /// Polls that took longer than the time between two.
    pub overruns: u64,
    /// Overruns in a row, up to now.
    pub overruns_now: u32,
    /// The node's points at the last poll.
    pub points: Points,
}

impl Statistics {
    /// Notes a clean call.
    pub(crate) fn took(&mut self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.call_us_max = self.call_us_max.max(us);
        self.call_us_total = self.call_us_total.saturating_add(us);
        self.times.note(us);
    }

    /// Notes a poll: an overrun is one that took longer than the time there is for it.
    pub(crate) fn polled(&mut self, time: Duration, allowed: Duration) {
        if time > allowed {
            self.overruns += 1;
            self.overruns_now = self.overruns_now.saturating_add(1);
        } else {
            self.overruns_now = 0;
        }
    }
}

/// Calls by duration: class n holds those up to `64 << n` microseconds, the last all longer ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times([u64; Times::CLASSES]);

impl Times {
    /// Classes, the last of them up to 2 s and beyond.
    pub const CLASSES: usize = 16;

    fn note(&mut self, us: u64) {
        let class = us.div_ceil(64).next_power_of_two().trailing_zeros();
        let last = Self::CLASSES.saturating_sub(1);
        let class = usize::try_from(class).unwrap_or(last).min(last);
        if let Some(count) = self.0.get_mut(class) {
            *count += 1;
        }
    }

    /// Upper end of each class in microseconds, and calls in it.
    pub fn classes(&self) -> impl Iterator<Item = (u64, u64)> {
        (0..).map(|n: u32| 64 << n).zip(self.0)
    }

    /// The time within which so many thousandths of all calls were; 0 before the first.
    pub fn within_us(&self, permille: u64) -> u64 {
        let all: u64 = self.0.iter().sum();
        let wanted = (all * permille).div_ceil(1_000);
        let mut seen = 0;
        for (us, count) in self.classes() {
            seen += count;
            if seen >= wanted {
                return if all == 0 { 0 } else { us };
            }
        }
        0
    }
}

/// Inputs, outputs and counters of the node as it reported them last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Points {
    /// Photo-eyes that are blocked; bit n is photo-eye n.
    pub eyes: u64,
    /// Photo-eyes latched as jammed.
    pub jams: u64,
    /// Diverter outputs wanted on; bit n is diverter n.
    pub desired: u32,
    /// Diverter outputs read back.
    pub actual: u32,
    /// Time since the node's start, milliseconds; wraps.
    pub uptime_ms: u32,
    /// Watchdog trips; wraps.
    pub trips: u16,
    /// Commands refused; wraps.
    pub refused: u16,
    /// Strokes and triggers whose count was jumped over; wraps.
    pub jumped: u16,
}

impl Points {
    pub(crate) const fn of(status: &sortline_regmap::Status) -> Self {
        let (levels, health) = (&status.levels, &status.health);
        Self {
            eyes: levels.eyes,
            jams: levels.jams,
            desired: levels.desired,
            actual: levels.actual,
            uptime_ms: health.uptime_ms,
            trips: health.trips,
            refused: health.refused,
            jumped: health.jumped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_duration() {
        let mut times = Times::default();
        assert_eq!(times.within_us(500), 0);
        for us in [0, 1, 64, 65, 128, 129, 5_000, u64::MAX] {
            times.note(us);
        }
        let counts: Vec<u64> = times.classes().map(|(_, count)| count).collect();
        assert_eq!(counts, [3, 2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(times.within_us(500), 128);
        assert_eq!(times.within_us(1_000), 64 << 15);
    }

    #[test]
    fn overruns_in_a_row_end_with_a_poll_in_time() {
        let mut statistics = Statistics::default();
        for took in [5, 11, 12, 9, 30] {
            statistics.polled(Duration::from_millis(took), Duration::from_millis(10));
        }
        assert_eq!((statistics.overruns, statistics.overruns_now), (3, 1));
    }
}
