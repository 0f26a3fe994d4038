//! Volumes to come, by lane and wave, from those of the days before.
//!
//! A day is like the same weekdays before it when there are enough of them, else like all days. With
//! enough days the quantile is the empirical one; with few it is that of a Poisson distribution with
//! their mean, because the largest of three numbers is no quantile.

use std::collections::{BTreeMap, BTreeSet};

use crate::generator::real;
use crate::time::weekday;

/// Same weekdays from which on others are not looked at.
const WEEKDAYS_MIN: usize = 4;
/// Days from which on the quantile is empirical.
const EMPIRICAL_MIN: usize = 8;
/// Most parcels of a quantile.
const PARCELS_MAX: u32 = 1_000_000;

/// Parcels of a lane in a wave of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Lane, such as a rule of the sort plan.
    pub lane: String,
    /// Day, counted from 1970-01-01 on the site's clock.
    pub day: i32,
    /// Wave, from 0.
    pub wave: usize,
    /// Parcels.
    pub parcels: u32,
}

/// What is to be expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Lane.
    pub lane: String,
    /// Wave, from 0.
    pub wave: usize,
    /// Mean of the days it is taken from.
    pub mean: f64,
    /// So many parcels or fewer come with the share asked for.
    pub quantile: u32,
    /// Days it is taken from.
    pub days: usize,
}

/// Expects a day's volumes with a share, such as 0.9, of days that have at most the quantile. Days
/// without a record of a lane had no parcels of it. Empty without history.
#[must_use]
pub fn expect(history: &[Volume], day: i32, share: f64) -> Vec<Expected> {
    let days: BTreeSet<i32> = history.iter().map(|volume| volume.day).collect();
    let same = |other: &&i32| weekday(**other) == weekday(day);
    let alike: BTreeSet<i32> = days.iter().filter(same).copied().collect();
    let days = if alike.len() >= WEEKDAYS_MIN {
        alike
    } else {
        days
    };
    let mut counts: BTreeMap<(&str, usize), Vec<u32>> = BTreeMap::new();
    for volume in history {
        let all = counts
            .entry((volume.lane.as_str(), volume.wave))
            .or_default();
        if days.contains(&volume.day) && volume.parcels > 0 {
            all.push(volume.parcels);
        }
    }
    let expected = counts.into_iter().map(|((lane, wave), mut seen)| {
        seen.resize(days.len().max(seen.len()), 0);
        seen.sort_unstable();
        let sum: f64 = seen.iter().map(|parcels| f64::from(*parcels)).sum();
        let mean = sum / real(seen.len().max(1));
        let quantile = if seen.len() >= EMPIRICAL_MIN {
            empirical(&seen, share)
        } else {
            poisson(mean, share)
        };
        Expected {
            lane: lane.to_owned(),
            wave,
            mean,
            quantile,
            days: seen.len(),
        }
    });
    expected.collect()
}

/// The least of sorted numbers that at least this share of them is not above.
fn empirical(sorted: &[u32], share: f64) -> u32 {
    let enough = |index: &usize| real(index + 1) >= share * real(sorted.len());
    let index = (0..sorted.len()).find(enough);
    let index = index.unwrap_or(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or(0)
}

/// The quantile of a Poisson distribution; by its normal approximation from a mean of 100 on.
fn poisson(mean: f64, share: f64) -> u32 {
    let (mut sum, mut mass, mut number) = (0.0, (-mean).exp(), 0u32);
    if mean < 100.0 {
        while number < PARCELS_MAX {
            sum += mass;
            if sum >= share {
                break;
            }
            number += 1;
            mass *= mean / f64::from(number);
        }
        return number;
    }
    let wanted = mean + mean.sqrt() * normal_quantile(share);
    let (mut low, mut high) = (0u32, PARCELS_MAX);
    // Binary search: there is no conversion without a cast.
    while low < high {
        let middle = low.midpoint(high);
        if f64::from(middle) < wanted {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Quantile of the standard normal distribution (Abramowitz and Stegun, formula 26.2.23, absolute
/// error below 4.5e-4).
fn normal_quantile(share: f64) -> f64 {
    let share = share.clamp(1e-6, 1.0 - 1e-6);
    let tail = share.min(1.0 - share);
    let step = (-2.0 * tail.ln()).sqrt();
    let above = 2.515_517 + step * (0.802_853 + step * 0.010_328);
    let below = 1.0 + step * (1.432_788 + step * (0.189_269 + step * 0.001_308));
    (step - above / below).copysign(share - 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(day: i32, parcels: u32) -> Volume {
        Volume {
            lane: "a".to_owned(),
            day,
            wave: 0,
            parcels,
        }
    }

    #[test]
    fn same_weekdays_count_when_there_are_enough() {
        let history: Vec<Volume> = (0..35)
            .map(|day| volume(day, if day % 7 == 2 { 100 } else { 10 }))
            .collect();
        let busy = expect(&history, 37, 0.9).remove(0);
        assert_eq!((busy.days, busy.quantile), (5, 113), "Poisson of few days");
        assert!((busy.mean - 100.0).abs() < 1e-9);
        let quiet = expect(&history, 36, 0.9).remove(0);
        assert!((quiet.mean - 10.0).abs() < 1e-9);
    }

    #[test]
    fn quantiles_are_empirical_with_many_days() {
        let history: Vec<Volume> = (0..10)
            .map(|day| volume(day, day.unsigned_abs() + 1))
            .collect();
        let found = expect(&history, 20, 0.9).remove(0);
        assert_eq!((found.days, found.quantile), (10, 9));
        assert_eq!(expect(&history, 20, 0.5).remove(0).quantile, 5);
        assert!(expect(&[], 20, 0.5).is_empty());
    }

    #[test]
    fn poisson_quantiles() {
        // Tables of the distribution.
        for (mean, share, expected) in [
            (1.0, 0.9, 2),
            (5.0, 0.9, 8),
            (20.0, 0.95, 28),
            (0.0, 0.9, 0),
        ] {
            assert_eq!(poisson(mean, share), expected, "{mean} {share}");
        }
        assert_eq!(poisson(400.0, 0.975), 440);
    }
}
