//! When a parcel really arrives: delay distributions per leg, combined along a route.
//!
//! A vehicle arrives late by a lognormal time with the median and the ninth decile of its mode;
//! customs clears after a lognormal time with those of its lane. A parcel that is ready too late
//! for its departure takes the next one of the same leg (recourse), so a missed connection costs
//! the wait for it. Delays of different legs are taken as independent.
//!
//! Time is counted in bins of 15 minutes. Planned routes assume punctual vehicles and the median
//! of customs, so the median of the arrival here is later than the plan.

use std::collections::BTreeMap;

use crate::network::{Leg, Network};
use crate::search::Step;
use crate::time::Minute;

/// Width of a bin in minutes.
const BIN: i32 = 15;
/// Probability that may be cut off at the far end of a distribution.
const TAIL: f64 = 1e-5;
/// Most bins of one leg's delay: three weeks.
const BINS_MAX: usize = 2_016;
/// Ninth decile of the standard normal distribution.
const Z90: f64 = 1.281_551_565_5;

/// Probabilities of being 0, 1, 2, … bins late.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delay(Vec<f64>);

impl Delay {
    /// Always on time.
    pub(crate) fn none() -> Self {
        Self(vec![1.0])
    }

    /// Lognormal with this median and ninth decile in minutes, in bins around multiples of
    /// [`BIN`]. A median of 0 is always on time.
    pub(crate) fn lognormal(p50: u32, p90: u32) -> Self {
        if p50 == 0 {
            return Self::none();
        }
        let location = f64::from(p50).ln();
        let spread = (f64::from(p90.max(p50)).ln() - location) / Z90;
        let up_to = |minutes: f64| normal_cdf(minutes.ln() - location, spread);
        let mut bins = Vec::new();
        let mut before = 0.0;
        let mut edge = f64::from(BIN) / 2.0;
        while bins.len() < BINS_MAX && before < 1.0 - TAIL {
            let now = up_to(edge);
            bins.push(now - before);
            before = now;
            edge += f64::from(BIN);
        }
        if let Some(last) = bins.last_mut() {
            *last += 1.0 - before;
        }
        Self(bins)
    }
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

/// Distribution of a point in time: probabilities of `start`, `start` + one bin, and so on. What
/// is missing to 1 is the probability of never arriving within the window.
#[derive(Clone, Debug)]
pub(crate) struct When {
    start: Minute,
    bins: Vec<f64>,
    /// A delay has spread the times over the bins; else each bin is its very minute.
    spread: bool,
}

impl When {
    pub(crate) fn exactly(at: Minute) -> Self {
        Self {
            start: at,
            bins: vec![1.0],
            spread: false,
        }
    }

    fn empty(start: Minute) -> Self {
        Self {
            start,
            bins: Vec::new(),
            spread: false,
        }
    }

    fn points(&self) -> impl Iterator<Item = (Minute, f64)> {
        let times = (0i32..).map(|bin| self.start.after(bin.saturating_mul(BIN)));
        times
            .zip(self.bins.iter().copied())
            .filter(|(_, mass)| *mass > 0.0)
    }

    /// Adds probability at the bin nearest to `at`, and for each bin of `delay` after it.
    fn add(&mut self, at: Minute, mass: f64, delay: &Delay) {
        let first = (at.since(self.start) + BIN / 2).max(0) / BIN;
        let Ok(first) = usize::try_from(first) else {
            return;
        };
        let length = first + delay.0.len();
        if self.bins.len() < length {
            self.bins.resize(length, 0.0);
        }
        for (cell, share) in self.bins.iter_mut().skip(first).zip(&delay.0) {
            *cell += mass * share;
        }
    }

    /// Cuts off what is too unlikely to matter.
    fn trim(mut self) -> Self {
        let mut tail = 0.0;
        while let Some(last) = self.bins.last() {
            tail += last;
            if tail > TAIL {
                break;
            }
            self.bins.pop();
        }
        self
    }

    /// Each point moved by `to`, then delayed. Points that `to` gives nothing for are dropped.
    fn moved(&self, to: impl Fn(Minute) -> Option<Minute>, delay: &Delay) -> Self {
        let start = self
            .points()
            .find_map(|(at, _)| to(at))
            .unwrap_or(self.start);
        let mut next = Self::empty(start);
        next.spread = self.spread || delay.0.len() > 1;
        let mut pending: Option<(Minute, f64)> = None;
        for (at, mass) in self.points() {
            let Some(target) = to(at) else { break };
            pending = Some(match pending {
                Some((same, sum)) if same == target => (same, sum + mass),
                Some((other, sum)) => {
                    next.add(other, sum, delay);
                    (target, mass)
                }
                None => (target, mass),
            });
        }
        if let Some((at, mass)) = pending {
            next.add(at, mass, delay);
        }
        next.trim()
    }

    /// Probability of being there at `limit` or before. Within a bin probability is taken as
    /// evenly spread around its time; nothing comes before the start.
    pub(crate) fn by(&self, limit: Minute) -> f64 {
        let half = f64::from(BIN) / 2.0;
        let share = |at: Minute| {
            let beyond = f64::from(limit.since(at));
            match (self.spread, at == self.start) {
                (false, _) => f64::from(u8::from(beyond >= 0.0)),
                (true, true) => (beyond / half).clamp(0.0, 1.0),
                (true, false) => f64::midpoint(beyond / half, 1.0).clamp(0.0, 1.0),
            }
        };
        let sum = self
            .points()
            .fold(0.0, |sum, (at, mass)| sum + mass * share(at));
        sum.clamp(0.0, 1.0)
    }

    /// The time by which this probability is reached; `None` when it never is.
    pub(crate) fn quantile(&self, probability: f64) -> Option<Minute> {
        let mut sum = 0.0;
        self.points().find_map(|(at, mass)| {
            sum += mass;
            (sum >= probability).then_some(at)
        })
    }
}

/// When parcels that are ready at one time are ready at the end of routes. Routes that begin alike
/// share the work.
#[derive(Debug)]
pub(crate) struct Arrivals {
    ready: Minute,
    known: BTreeMap<Vec<(u32, Minute)>, When>,
}

impl Arrivals {
    pub(crate) fn new(ready: Minute) -> Self {
        Self {
            ready,
            known: BTreeMap::new(),
        }
    }

    /// The time of readiness they are for.
    pub(crate) const fn ready(&self) -> Minute {
        self.ready
    }

    /// When a parcel is ready at the end of the last of `steps`.
    pub(crate) fn after(&mut self, network: &Network, steps: &[Step]) -> When {
        let mut when = When::exactly(self.ready);
        let mut done = Vec::with_capacity(steps.len());
        for step in steps {
            done.push((step.leg, step.departs));
            if let Some(known) = self.known.get(&done) {
                when.clone_from(known);
                continue;
            }
            let Some(leg) = network.leg(step.leg) else {
                return When::empty(self.ready);
            };
            when = after_leg(network, leg, &when);
            self.known.insert(done.clone(), when.clone());
        }
        when
    }
}

fn after_leg(network: &Network, leg: &Leg, when: &When) -> When {
    let none = Delay::none();
    let mode = network.service(leg).map(|service| service.mode);
    let index = crate::network::Mode::ALL
        .iter()
        .position(|each| Some(*each) == mode);
    let late = index
        .and_then(|index| network.delays.get(index))
        .unwrap_or(&none);
    let mut now = when.moved(
        |ready| {
            network
                .next_departure(leg, ready)
                .map(|departs| departs.after(leg.run))
        },
        late,
    );
    let hours = |index: usize, at: Minute| network.hours.get(index).and_then(|open| open.next(at));
    if let Some(clearance) = network.clearance(leg) {
        now = now.moved(|at| hours(clearance.hours, at), &clearance.time);
    }
    let Some(end) = network.node(leg.to) else {
        return now;
    };
    let Some(open) = end.hours else { return now };
    now.moved(
        |at| hours(open, at).map(|start| start.after(end.handling)),
        &none,
    )
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
    fn a_delay_has_its_median_and_ninth_decile() {
        for (p50, p90) in [(20, 72), (720, 2_590), (90, 420), (15, 15)] {
            let mut when = When::empty(Minute(0));
            when.add(Minute(0), 1.0, &Delay::lognormal(p50, p90));
            let (half, nine) = (when.quantile(0.5).unwrap().0, when.quantile(0.9).unwrap().0);
            assert!(
                (half - i32::try_from(p50).unwrap()).abs() <= 8,
                "{p50} {half}"
            );
            assert!(
                (nine - i32::try_from(p90).unwrap()).abs() <= 8,
                "{p90} {nine}"
            );
            let sum: f64 = when.bins.iter().sum();
            assert!((sum - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn no_delay_is_a_point() {
        assert_eq!(Delay::lognormal(0, 0), Delay::none());
        let when = When::exactly(Minute(7)).moved(|at| Some(at.after(3)), &Delay::none());
        assert_eq!(when.quantile(1.0), Some(Minute(10)));
        assert!((when.by(Minute(9))).abs() < 1e-12);
    }

    #[test]
    fn waiting_gathers_probability() {
        let mut when = When::empty(Minute(0));
        for bin in 0..4 {
            when.add(Minute(bin * BIN), 0.25, &Delay::none());
        }
        // A door that opens at minute 20, then at 1,000.
        let door = |at: Minute| {
            Some(if at <= Minute(20) {
                Minute(20)
            } else {
                Minute(1_000)
            })
        };
        let through = when.moved(door, &Delay::none());
        assert!((through.by(Minute(20)) - 0.5).abs() < 1e-12);
        assert!((through.by(Minute(1_010)) - 1.0).abs() < 1e-12);
    }
}
