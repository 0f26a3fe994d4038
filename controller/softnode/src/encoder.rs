//! The encoder as a counter that is polled: between two polls the belt is taken to run on as it
//! did.

/// Time for which the belt is taken to run on without a new count, microseconds. Then it is taken
/// to stand: a late stroke is dropped, never fired early.
const AHEAD_US_MAX: u64 = 60_000;

/// Estimates the count of ticks at any moment. The estimate never goes back.
#[derive(Clone, Debug)]
pub(crate) struct Encoder {
    /// Counts of the device for so many ticks.
    counts: u64,
    ticks: u64,
    /// Values that the counter has before it begins anew.
    modulus: u64,
    /// Most counts in a second that a belt of this line can make.
    counts_per_s_max: u64,
    last: Option<Sample>,
    /// Counts since the start, never beginning anew.
    total: u64,
    counts_per_s: u64,
    told: u32,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    raw: u64,
    at_us: u64,
}

/// The counter was set back or jumped: the belt's travel is not known any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Jumped;

impl Encoder {
    /// An encoder of which `counts` counts are `ticks` ticks, on a counter of so many bits, with
    /// at most so many ticks in a second.
    pub(crate) fn new((counts, ticks): (u32, u32), bits: u32, ticks_per_s_max: u64) -> Self {
        let (counts, ticks) = (u64::from(counts.max(1)), u64::from(ticks.max(1)));
        Self {
            counts,
            ticks,
            modulus: 1_u64.checked_shl(bits).unwrap_or(u64::MAX),
            counts_per_s_max: (ticks_per_s_max.saturating_mul(counts) / ticks).max(1),
            last: None,
            total: 0,
            counts_per_s: 0,
            told: 0,
        }
    }

    /// Takes a count in that was read at this time.
    ///
    /// # Errors
    /// [`Jumped`]; counting goes on from the new count.
    pub(crate) fn sample(&mut self, raw: u64, at_us: u64) -> Result<(), Jumped> {
        let raw = raw % self.modulus;
        let sample = Sample { raw, at_us };
        let Some(last) = self.last.replace(sample) else {
            return Ok(());
        };
        let passed_us = at_us.saturating_sub(last.at_us);
        if passed_us == 0 {
            self.last = Some(last);
            return Ok(());
        }
        let moved = (raw + self.modulus - last.raw) % self.modulus;
        // Half as much again as the belt can do, and a handful for the time of reading.
        let most = self.counts_per_s_max.saturating_mul(passed_us) / 1_000_000 * 3 / 2;
        if moved
            > most
                .saturating_add(self.counts_per_s_max / 20)
                .saturating_add(2)
        {
            self.counts_per_s = 0;
            return Err(Jumped);
        }
        self.total = self.total.saturating_add(moved);
        self.counts_per_s = moved.saturating_mul(1_000_000) / passed_us;
        Ok(())
    }

    /// The count of ticks at this time.
    pub(crate) fn ticks(&mut self, now_us: u64) -> u32 {
        let ahead_us = self
            .last
            .map_or(0, |last| now_us.saturating_sub(last.at_us));
        let run_on = self.counts_per_s.saturating_mul(ahead_us.min(AHEAD_US_MAX)) / 1_000_000;
        let counts = self.total.saturating_add(run_on);
        let ticks = u128::from(counts) * u128::from(self.ticks) / u128::from(self.counts);
        let ticks = u32::try_from(ticks % (1 << 32)).unwrap_or(0);
        if ticks.wrapping_sub(self.told).cast_signed() > 0 {
            self.told = ticks;
        }
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A belt of 1,000 ticks a second with 4 counts a tick, polled every 10 ms.
    fn run(counts_of: impl Fn(u64) -> u64) -> (Vec<u32>, u32) {
        let mut encoder = Encoder::new((4, 1), 16, 2_000);
        let (mut ticks, mut jumps) = (Vec::new(), 0);
        for ms in 0..1_000 {
            if ms % 10 == 0 {
                jumps += u32::from(encoder.sample(counts_of(ms), ms * 1_000).is_err());
            }
            ticks.push(encoder.ticks(ms * 1_000));
        }
        (ticks, jumps)
    }

    #[test]
    fn a_steady_belt_is_followed_to_the_tick_and_over_the_end_of_the_counter() {
        let (ticks, jumps) = run(|ms| (65_000 + ms * 4) % 65_536);
        assert_eq!(jumps, 0);
        for (ms, ticks) in (20_u32..).zip(&ticks[20..]) {
            assert!(ticks.abs_diff(ms) <= 1, "{ticks} after {ms} ms");
        }
    }

    #[test]
    fn the_count_never_goes_back_when_the_belt_stops() {
        let (ticks, jumps) = run(|ms| ms.min(500) * 4);
        assert_eq!(jumps, 0);
        assert!(ticks.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(ticks[999].abs_diff(500) <= 10, "{}", ticks[999]);
    }

    #[test]
    fn a_silent_counter_lets_the_belt_stand() {
        let mut encoder = Encoder::new((1, 1), 32, 2_000);
        encoder.sample(0, 0).unwrap();
        encoder.sample(10, 10_000).unwrap();
        assert_eq!(encoder.ticks(30_000), 30);
        assert_eq!(encoder.ticks(10_000_000), 70);
    }

    #[test]
    fn a_counter_that_begins_anew_is_noticed() {
        let (_, jumps) = run(|ms| {
            if ms < 500 {
                40_000 + ms * 4
            } else {
                (ms - 500) * 4
            }
        });
        assert_eq!(jumps, 1);
    }

    #[test]
    fn travel_during_an_outage_is_counted() {
        let mut encoder = Encoder::new((1, 1), 32, 2_000);
        encoder.sample(100, 0).unwrap();
        encoder.sample(5_100, 5_000_000).unwrap();
        assert_eq!(encoder.ticks(5_000_000), 5_000);
    }
}
