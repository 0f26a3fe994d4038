//! How late a vehicle or customs are: distributions over minutes, and over bins of 15 minutes.
//!
//! Whether a connection is made is decided to the minute, so the first hours are known to the minute.
//! Sums of two delays are made of bins.

use std::sync::Arc;

use crate::generator::real;
use crate::simulate::up;

/// Width of a bin in minutes.
pub(crate) const BIN: i32 = 15;
/// Probability that may be cut off at the far end of a distribution.
pub(crate) const TAIL: f64 = 1e-4;
/// Most bins of one leg's delay: three weeks.
const BINS_MAX: usize = 2_016;
/// Minutes of a delay that are known one by one: ten hours.
const MINUTES_MAX: usize = 600;
/// Half a bin.
pub(crate) const HALF: f64 = 7.5;
/// Ninth decile of the standard normal distribution.
const Z90: f64 = 1.281_551_565_5;

/// A distribution of delays; cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delay(Arc<Law>);

#[derive(Debug, PartialEq)]
struct Law {
    /// Probabilities of being 0, 1, 2, … bins late.
    bins: Vec<f64>,
    /// Probabilities of less than each bin.
    sums: Vec<f64>,
    /// Probabilities of at most 0, 1, 2, … minutes, as far as they are known one by one.
    minutes: Vec<f64>,
}

impl Delay {
    /// Always on time.
    pub(crate) fn none() -> Self {
        Self::of_bins(vec![1.0], Vec::new())
    }

    fn of_bins(bins: Vec<f64>, minutes: Vec<f64>) -> Self {
        let mut sum = 0.0;
        let mut before = |mass: &f64| {
            sum += mass;
            sum - mass
        };
        let sums = bins.iter().map(&mut before).collect();
        Self(Arc::new(Law {
            bins,
            sums,
            minutes,
        }))
    }

    /// Whether it is always on time.
    pub(crate) fn is_none(&self) -> bool {
        self.0.bins.len() <= 1
    }

    /// Probabilities of being 0, 1, 2, … bins late.
    pub(crate) fn bins(&self) -> &[f64] {
        &self.0.bins
    }

    /// Minutes that it is at most late.
    pub(crate) fn most(&self) -> i32 {
        let bins = i32::try_from(self.0.bins.len()).unwrap_or(i32::MAX);
        if self.is_none() {
            0
        } else {
            bins.saturating_mul(BIN)
        }
    }

    /// Probability of at most so many whole minutes.
    #[inline]
    pub(crate) fn by(&self, minutes: i32) -> f64 {
        let Ok(at) = usize::try_from(minutes) else {
            return 0.0;
        };
        if self.is_none() {
            return 1.0;
        }
        if let Some(known) = self.0.minutes.get(at) {
            return *known;
        }
        // Bins are around multiples of their width.
        let halves = at * 2 + 15;
        let (bin, inside) = (halves / 30, halves % 30);
        match (self.0.sums.get(bin), self.0.bins.get(bin)) {
            (Some(sum), Some(mass)) => sum + mass * real(inside) / 30.0,
            _ => 1.0,
        }
    }

    /// Lognormal with this median and ninth decile in minutes, in bins around multiples of
    /// [`BIN`]. A median of 0 is always on time.
    pub(crate) fn lognormal(p50: u32, p90: u32) -> Self {
        if p50 == 0 {
            return Self::none();
        }
        let location = f64::from(p50).ln();
        let spread = (f64::from(p90.max(p50)).ln() - location) / Z90;
        Self::from_cdf(|minutes| normal_cdf(minutes.ln() - location, spread))
    }

    /// In bins around multiples of [`BIN`], from the probability of at most so many minutes.
    fn from_cdf(up_to: impl Fn(f64) -> f64) -> Self {
        let mut bins = Vec::new();
        let mut before = 0.0;
        let mut edge = HALF;
        while bins.len() < BINS_MAX && before < 1.0 - TAIL {
            let now = up_to(edge).clamp(before, 1.0);
            bins.push(now - before);
            before = now;
            edge += f64::from(BIN);
        }
        if let Some(last) = bins.last_mut() {
            *last += 1.0 - before;
        }
        if bins.len() <= 1 {
            return Self::none();
        }
        let known = (bins.len() * 15).saturating_sub(8).min(MINUTES_MAX);
        let mut least = 0.0;
        let minutes = (0..known).map(|minute| {
            least = up_to(real(minute)).clamp(least, 1.0);
            least
        });
        let minutes = minutes.collect();
        Self::of_bins(bins, minutes)
    }

    /// Through these shares and minutes, both rising; beyond the last the tail goes on as steeply as
    /// between the last two, but not for ever.
    pub(crate) fn of_quantiles(points: &[(f64, f64)]) -> Self {
        let (last, before) = (points.last(), points.iter().rev().nth(1));
        let (Some((share, minutes)), Some((share_before, minutes_before))) = (last, before) else {
            return Self::none();
        };
        let steep = (minutes - minutes_before) / (share - share_before).max(1e-6);
        let end = (1.0, minutes + (steep * (1.0 - share)).max(f64::from(BIN)));
        let all: Vec<(f64, f64)> = core::iter::once((0.0, 0.0))
            .chain(points.iter().copied())
            .chain([end])
            .collect();
        Self::from_cdf(|at| {
            let index = all.partition_point(|(_, minutes)| *minutes <= at);
            let Some((to_share, to)) = all.get(index) else {
                return 1.0;
            };
            let from = index.checked_sub(1).and_then(|before| all.get(before));
            let (from_share, from) = from.copied().unwrap_or((0.0, 0.0));
            from_share + (to_share - from_share) * (at - from) / (to - from).max(1e-9)
        })
    }

    /// The same with every delay so many times as long.
    pub(crate) fn scaled(&self, factor: f64) -> Self {
        if self.is_none() || (factor - 1.0).abs() < 1e-9 {
            return self.clone();
        }
        Self::from_cdf(|minutes| self.up_to(minutes / factor))
    }

    /// Probability of at most so many minutes: between whole minutes as far as these are known. Within
    /// a bin the density rises or falls as between the bins beside it, as far as it can.
    pub(crate) fn up_to(&self, minutes: f64) -> f64 {
        if let Some(known) = self.between_minutes(minutes) {
            return known;
        }
        let width = f64::from(BIN);
        let density = |bin: Option<usize>| {
            let bin = bin?;
            let mass = self.0.bins.get(bin)?;
            Some(mass / if bin == 0 { HALF } else { width })
        };
        let bin = bin_of(minutes);
        let (Some(sum), Some(mass)) = (self.0.sums.get(bin), self.0.bins.get(bin)) else {
            let last = self.0.sums.last().zip(self.0.bins.last());
            return last.map_or(1.0, |(sum, mass)| sum + mass);
        };
        let before = bin.checked_sub(1);
        let from = before.map_or(0.0, |before| HALF + real(before) * width);
        let wide = if bin == 0 { HALF } else { width };
        let at = (minutes - from).max(0.0);
        let own = mass / wide;
        let before = density(before).unwrap_or(own);
        let after = density(Some(bin + 1)).unwrap_or(0.0);
        let most = 2.0 * own / wide;
        let slope = ((after - before) / (2.0 * width)).clamp(-most, most);
        sum + own * at + slope * (at * at - at * wide) / 2.0
    }

    /// Probability of at most so many minutes; `None` beyond those that are known one by one.
    fn between_minutes(&self, minutes: f64) -> Option<f64> {
        let after = usize::try_from(up(minutes)).ok()?;
        let most = *self.0.minutes.get(after)?;
        let Some(before) = after.checked_sub(1) else {
            return Some(most);
        };
        let least = *self.0.minutes.get(before)?;
        Some(least + (most - least) * (minutes - real(before)))
    }

    /// Mean, in minutes.
    pub(crate) fn mean(&self) -> f64 {
        if self.is_none() {
            return 0.0;
        }
        let bins = self.0.bins.iter().enumerate();
        bins.map(|(bin, mass)| mass * middle(bin)).sum()
    }

    /// Mean of the logarithms of one minute more than the delays.
    pub(crate) fn mean_log(&self) -> f64 {
        let bins = self.0.bins.iter().enumerate();
        bins.map(|(bin, mass)| mass * middle(bin).ln_1p()).sum()
    }

    /// Minutes that this share of all is at most late.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        if self.is_none() {
            return 0.0;
        }
        let minutes = &self.0.minutes;
        let minute = minutes.partition_point(|known| *known < share);
        if let Some(known) = minutes.get(minute) {
            let Some(before) = minute.checked_sub(1) else {
                return 0.0;
            };
            let less = minutes.get(before).copied().unwrap_or(0.0);
            return real(before) + (share - less) / (known - less).max(1e-12);
        }
        let mut sum = 0.0;
        let mut from = 0.0;
        let mut to = HALF;
        for mass in &self.0.bins {
            if sum + mass >= share && *mass > 0.0 {
                return from + (to - from) * (share - sum) / mass;
            }
            sum += mass;
            from = to;
            to += f64::from(BIN);
        }
        from
    }

    /// This distribution, mixed with observed minutes of delay as if it were `weight` of them.
    pub(crate) fn with(&self, late: &[f64], weight: usize) -> Self {
        let all = real(late.len() + weight).max(1.0);
        let share = real(weight) / all;
        let mut bins: Vec<f64> = self.0.bins.iter().map(|mass| mass * share).collect();
        for minutes in late {
            let bin = bin_of(*minutes);
            if bins.len() <= bin {
                bins.resize(bin + 1, 0.0);
            }
            if let Some(cell) = bins.get_mut(bin) {
                *cell += 1.0 / all;
            }
        }
        let mut sorted = late.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let known = self.0.minutes.iter().enumerate();
        let minutes = known.map(|(minute, known)| {
            let seen = sorted.partition_point(|late| *late <= real(minute));
            known * share + real(seen) / all
        });
        let minutes = minutes.collect();
        Self::of_bins(bins, minutes)
    }
}

/// Middle of a bin in minutes.
fn middle(bin: usize) -> f64 {
    if bin == 0 {
        HALF / 2.0
    } else {
        real(bin) * f64::from(BIN)
    }
}

/// The bin of a delay.
fn bin_of(minutes: f64) -> usize {
    let edges = 0..BINS_MAX - 1;
    // Binary search: there is no conversion without a cast.
    let (mut low, mut high) = (edges.start, edges.end);
    while low < high {
        let middle = low.midpoint(high);
        if real(middle) * f64::from(BIN) + HALF <= minutes {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Probability that a normal variable with this standard deviation is at most `value`.
fn normal_cdf(value: f64, spread: f64) -> f64 {
    if spread < 1e-9 {
        return if value >= 0.0 { 1.0 } else { 0.0 };
    }
    0.5 * (1.0 + erf(value / spread / core::f64::consts::SQRT_2))
}

/// Error function: Abramowitz and Stegun, formula 7.1.26, absolute error below 1.5e-7.
fn erf(value: f64) -> f64 {
    let step = 1.0 / (1.0 + 0.327_591_1 * value.abs());
    let polynomial = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    let sum = polynomial
        .iter()
        .fold(0.0, |sum, factor| (sum + factor) * step);
    (1.0 - sum * (-value * value).exp()).copysign(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_function() {
        for (value, expected) in [
            (0.0, 0.0),
            (0.5, 0.520_499_88),
            (1.0, 0.842_700_79),
            (-1.0, -0.842_700_79),
        ] {
            assert!((erf(value) - expected).abs() < 2e-7, "{value}");
        }
    }

    #[test]
    fn a_scaled_delay_keeps_its_early_end() {
        // One in twenty is at most so late: 15 / (42 / 15) ^ (1.645 / 1.2816), a few minutes.
        for factor in [0.7, 1.3, 1.8, 3.2] {
            let delay = Delay::lognormal(15, 42).scaled(factor);
            let early = 4.0 * factor;
            let found = delay.quantile(0.05);
            assert!((found / early - 1.0).abs() < 0.05, "{factor}: {found}");
            assert!((delay.up_to(early) - 0.05).abs() < 0.01, "{factor}");
        }
    }
}
