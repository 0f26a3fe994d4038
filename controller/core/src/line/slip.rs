//! How parcels creep on the belt between two photo-eyes: mean and spread, learnt per zone.

/// Spread that a photo-eye and its debouncing add to every sight, in ticks.
const EDGE: i32 = 4;
/// Weight of the first parcels in the learnt values, as 1 over this: a zone is known after some 50.
const WEIGHT: i64 = 16;
/// From that many parcels on, the weight of one: the learnt spread is right within a tenth.
const WEIGHT_LAST: i64 = 64;
/// Ticks are kept in 1/256.
const SCALE: i64 = 256;

/// One zone's slip.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slip {
    /// Mean error at the end of the zone, in 1/256 ticks.
    mean: i64,
    /// Mean squared deviation, in ticks² / 256.
    variance: i64,
    /// Its square root, in ticks.
    whole: u64,
    /// Deviations beyond this are no slip.
    most: i64,
    /// Parcels learnt from, until their weight no longer changes.
    parcels: i64,
}

impl Slip {
    /// A zone nothing is known of: an eighth of the window is taken as its standard deviation.
    pub(super) fn new(window: i32) -> Self {
        let sigma = i64::from(window / 8);
        let variance = sigma.saturating_mul(sigma).saturating_mul(SCALE);
        Self {
            mean: 0,
            variance,
            whole: root(variance),
            most: i64::from(window),
            parcels: 0,
        }
    }

    /// Learns from a parcel that was seen `error` ticks from where it was expected.
    pub(super) fn learn(&mut self, error: i32) {
        let error = i64::from(error);
        if error.abs() > self.most {
            return;
        }
        self.parcels = self.parcels.saturating_add(1).min(WEIGHT_LAST);
        let weight = self.parcels.max(WEIGHT);
        let step = error.saturating_mul(SCALE).checked_div(weight).unwrap_or(0);
        self.mean = self.mean.saturating_add(step);
        let square = error.saturating_mul(error).saturating_mul(SCALE);
        let change = square.saturating_sub(self.variance);
        let change = change.checked_div(weight).unwrap_or(0);
        self.variance = self.variance.saturating_add(change).max(0);
        self.whole = root(self.variance);
    }

    /// True when parcels slip further than their window is wide, with a quarter of it to spare;
    /// false when they keep to three quarters of it.
    pub(super) fn beyond(&self) -> Option<bool> {
        let spread = i64::try_from(self.whole)
            .unwrap_or(i64::MAX)
            .saturating_mul(4);
        let reach = spread.saturating_add((self.mean / SCALE).abs());
        let quarters = reach.saturating_mul(4);
        if quarters > self.most.saturating_mul(5) {
            Some(true)
        } else {
            (quarters < self.most.saturating_mul(3)).then_some(false)
        }
    }

    /// Error to be expected after `travel` of a zone that is `zone` ticks long.
    pub(super) fn mean(&self, travel: i32, zone: i32) -> i32 {
        let zone = i64::from(zone.max(1)).saturating_mul(SCALE);
        let mean = self
            .mean
            .saturating_mul(i64::from(travel))
            .checked_div(zone)
            .unwrap_or(0);
        i32::try_from(mean).unwrap_or(0)
    }

    /// Standard deviation after `travel` of a zone that is `zone` ticks long. Slip adds up like
    /// a random walk, so half a zone has more than half of it: 3/2 of the share, at most all.
    pub(super) fn sigma(&self, travel: i32, zone: i32) -> i32 {
        let travel = u64::try_from(travel.max(0)).unwrap_or(0);
        let zone = u64::try_from(zone.max(1)).unwrap_or(1);
        let share = if travel <= zone {
            travel.saturating_mul(3).min(zone.saturating_mul(2)) / 2
        } else {
            travel
        };
        let sigma = self.whole.saturating_mul(share).div_ceil(zone);
        i32::try_from(sigma)
            .unwrap_or(i32::MAX)
            .saturating_add(EDGE)
    }
}

/// Standard deviation of a variance in ticks² / 256.
fn root(variance: i64) -> u64 {
    u64::try_from(variance / SCALE).unwrap_or(0).isqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_wide_and_learns() {
        let mut slip = Slip::new(160);
        assert_eq!((slip.mean(1_000, 1_000), slip.sigma(1_000, 1_000)), (0, 24));
        assert_eq!((slip.sigma(0, 1_000), slip.sigma(500, 1_000)), (EDGE, 19));
        assert_eq!(slip.sigma(2_000, 1_000), 44);
        for _ in 0..200 {
            let error = 12_i32.saturating_sub(slip.mean(1_000, 1_000));
            slip.learn(error);
        }
        assert_eq!((slip.mean(1_000, 1_000), slip.mean(500, 1_000)), (12, 6));
        assert!(slip.sigma(1_000, 1_000) < 8, "{slip:?}");
    }

    #[test]
    fn slip_beyond_the_window_is_told() {
        let mut slip = Slip::new(160);
        assert_eq!(slip.beyond(), Some(false));
        for turn in 0..200 {
            slip.learn(if turn % 2 == 0 { 70 } else { -70 });
        }
        assert_eq!(slip.beyond(), Some(true), "{slip:?}");
        for _ in 0..200 {
            slip.learn(0);
        }
        assert_eq!(slip.beyond(), Some(false));
    }

    #[test]
    fn wild_values_are_not_learnt() {
        let mut slip = Slip::new(160);
        let before = slip.sigma(1, 1);
        slip.learn(i32::MIN);
        slip.learn(i32::MAX);
        assert_eq!((slip.mean(1, 1), slip.sigma(1, 1)), (0, before));
        assert_eq!(slip.sigma(i32::MAX, 0), slip.sigma(i32::MAX, 1));
    }
}
