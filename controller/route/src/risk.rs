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

use crate::delay::{BIN, Delay, HALF, TAIL};
use crate::generator::real;
use crate::network::{Leg, Network};
use crate::options::RouteOption;
use crate::search::Step;
use crate::simulate::up;
use crate::time::Minute;

/// Half minutes of a bin.
const HALVES: usize = 30;

/// Distribution of a point in time. What is missing to 1 is the probability of never arriving within
/// the window.
///
/// Doors and departures gather probability at single minutes, and whether those make a connection is
/// decided to the minute; delays spread it. So both are kept apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct When {
    /// Minutes with their probabilities, rising.
    exact: Vec<(Minute, f64)>,
    /// Where the first cell begins.
    start: Minute,
    /// Probabilities of cells of [`BIN`] minutes, each spread evenly over its minutes.
    cells: Vec<f64>,
}

/// One part of a distribution on its way: probability at a minute, or in the cell that begins after
/// it.
#[derive(Clone, Copy, Debug)]
struct Part {
    at: Minute,
    mass: f64,
    spread: bool,
    /// By how much its density rises within a cell, probability per minute and minute.
    slope: f64,
}

impl Part {
    /// Probability in the first minutes of a cell, or at a minute when they are not fewer than 0.
    fn up_to(&self, minutes: i32) -> f64 {
        if !self.spread {
            return if minutes >= 0 { self.mass } else { 0.0 };
        }
        let (wide, at) = (f64::from(BIN), f64::from(minutes.clamp(0, BIN)));
        self.mass / wide * at + self.slope * (at * at - at * wide) / 2.0
    }
}

impl When {
    pub(crate) fn exactly(at: Minute) -> Self {
        Self {
            exact: vec![(at, 1.0)],
            ..Self::default()
        }
    }

    /// All parts, in no order; those that are too unlikely are left out. Within a cell the density
    /// rises or falls as between the cells beside it, as far as it can.
    fn parts(&self) -> impl Iterator<Item = Part> {
        let exact = self.exact.iter().map(|&(at, mass)| Part {
            at,
            mass,
            spread: false,
            slope: 0.0,
        });
        let starts = (0i32..).map(|cell| self.start.after(cell.saturating_mul(BIN)));
        let cells = starts.zip(self.cells.iter().enumerate());
        let cells = cells.map(|(at, (cell, &mass))| {
            let beside = |cell: Option<usize>| cell.and_then(|cell| self.cells.get(cell)).copied();
            let before = beside(cell.checked_sub(1)).unwrap_or(mass);
            let after = beside(Some(cell + 1)).unwrap_or(0.0);
            let squared = f64::from(BIN * BIN);
            let most = 2.0 * mass / squared;
            Part {
                at,
                mass,
                spread: true,
                slope: ((after - before) / 2.0 / squared).clamp(-most, most),
            }
        });
        exact.chain(cells).filter(|part| part.mass > 0.0)
    }

    /// Adds a part, delayed. Who is punctual to some minutes stays at minutes; the sum of two even
    /// spreads is put where its middle is.
    fn delayed(&mut self, part: Part, delay: &Delay) {
        let halves = part.at.since(self.start).saturating_mul(2);
        let from = |after: i32| usize::try_from(halves.saturating_add(after)).unwrap_or(0);
        match delay.0.as_slice() {
            [punctual, late @ ..] if !part.spread => {
                let mass = part.mass * punctual / 2.0;
                self.exact
                    .extend([2, 6].map(|minutes| (part.at.after(minutes), mass)));
                self.add(from(BIN), part.mass, late);
            }
            all => self.add(from(0), part.mass, all),
        }
    }

    /// Adds probability, a share of it for each cell's width that begins `from` half minutes after
    /// the start and later.
    fn add(&mut self, from: usize, mass: f64, shares: &[f64]) {
        let (cell, inside) = (from / HALVES, from % HALVES);
        let beyond = real(inside) / real(HALVES);
        let length = cell.saturating_add(shares.len()).saturating_add(1);
        if self.cells.len() < length {
            self.cells.resize(length, 0.0);
        }
        for (skip, part) in [(cell, 1.0 - beyond), (cell + 1, beyond)] {
            let mass = mass * part;
            for (place, share) in self.cells.iter_mut().skip(skip).zip(shares) {
                *place += mass * share;
            }
        }
    }

    /// Puts what is too unlikely to matter into the cell before it.
    fn trim(&mut self) {
        let mut tail = 0.0;
        while let Some(last) = self.cells.pop() {
            tail += last;
            if tail > TAIL || self.cells.is_empty() {
                self.cells.push(tail);
                break;
            }
        }
    }

    /// Each minute moved by `to`, which keeps their order, then delayed. Minutes that `to` gives
    /// nothing for are dropped.
    fn moved(&self, to: impl Fn(Minute) -> Option<Minute>, delay: &Delay) -> Self {
        let mut parts: Vec<Part> = Vec::with_capacity(self.exact.len() + self.cells.len());
        for part in self.parts() {
            if part.spread {
                split(part, &to, &mut parts);
            } else if let Some(at) = to(part.at) {
                parts.push(Part { at, ..part });
            }
        }
        parts.sort_by_key(|part| (part.spread, part.at));
        parts.dedup_by(|next, kept| {
            let same = next.spread == kept.spread && next.at == kept.at;
            if same {
                kept.mass += next.mass;
            }
            same
        });
        let mut next = Self {
            start: grid(&parts),
            ..Self::default()
        };
        let punctual = delay.0.len() <= 1;
        for part in parts {
            if punctual && !part.spread {
                next.exact.push((part.at, part.mass));
            } else {
                next.delayed(part, delay);
            }
        }
        next.exact.sort_by_key(|(at, _)| *at);
        next.trim();
        next
    }

    /// Probability of being there at `limit` or before.
    pub(crate) fn by(&self, limit: Minute) -> f64 {
        let sum: f64 = self
            .parts()
            .map(|part| part.up_to(limit.since(part.at)))
            .sum();
        sum.clamp(0.0, 1.0)
    }

    /// Mean of the times, of what arrives at all; `None` when nothing does.
    pub(crate) fn mean(&self) -> Option<Minute> {
        let first = self.parts().map(|part| part.at).min()?;
        let (mut sum, mut mass) = (0.0, 0.0);
        for part in self.parts() {
            let middle = if part.spread { HALF } else { 0.0 };
            sum += part.mass * (f64::from(part.at.since(first)) + middle);
            mass += part.mass;
        }
        (mass > 0.0).then(|| first.after(up(sum / mass)))
    }

    /// The time by which this probability is reached; `None` when it never is.
    pub(crate) fn quantile(&self, probability: f64) -> Option<Minute> {
        let mut parts: Vec<Part> = self.parts().collect();
        parts.sort_by_key(|part| part.at);
        let mut sum = 0.0;
        parts.into_iter().find_map(|part| {
            let before = sum;
            sum += part.mass;
            let inside = (probability - before) / part.mass * f64::from(BIN);
            let inside = if part.spread { up(inside) } else { 0 };
            (sum >= probability).then(|| part.at.after(inside))
        })
    }
}

/// Where cells begin: as those of the parts do, so that they are not spread once more; the delays of
/// exact minutes begin half a bin after these.
fn grid(parts: &[Part]) -> Minute {
    let first = |spread: bool| {
        let these = parts.iter().filter(|part| part.spread == spread);
        these.map(|part| part.at).min()
    };
    let exact = first(false).map(|at| at.after(BIN / 2));
    let Some(spread) = first(true) else {
        return exact.unwrap_or_default();
    };
    let before = exact.map_or(0, |exact| spread.since(exact)).max(0);
    spread.after(-(before.saturating_add(BIN - 1) / BIN).saturating_mul(BIN))
}

/// Moves a cell minute by minute where it must be: what comes to one minute is gathered there, what
/// keeps its distances stays spread.
fn split(part: Part, to: &impl Fn(Minute) -> Option<Minute>, out: &mut Vec<Part>) {
    let (first, last) = (part.at.after(1), part.at.after(BIN));
    let (Some(low), high) = (to(first), to(last)) else {
        return;
    };
    let middle = to(part.at.after(BIN / 2));
    let kept = |at: Option<Minute>, way: i32| at.is_some_and(|at| at.since(low) == way);
    if kept(high, BIN - 1) && kept(middle, BIN / 2 - 1) {
        out.push(Part {
            at: low.after(-1),
            ..part
        });
        return;
    }
    let mut from = first;
    while let Some(target) = to(from).filter(|_| from <= last) {
        // The last minute that comes to the same one.
        let (mut same, mut other) = (from, last.after(1));
        while other.since(same) > 1 {
            let middle = same.after(other.since(same) / 2);
            if to(middle) == Some(target) {
                same = middle;
            } else {
                other = middle;
            }
        }
        let below = |at: Minute| part.up_to(at.since(first));
        out.push(Part {
            at: target,
            mass: below(other) - below(from),
            spread: false,
            slope: 0.0,
        });
        from = other;
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
                return When::default();
            };
            when = after_leg(network, (step, leg), &when, true);
            self.known.insert(done.clone(), when.clone());
        }
        when
    }
}

impl Network {
    /// Probability that a parcel ready at `ready` arrives by `promise` on the legs of a route.
    #[must_use]
    pub fn on_time(&self, route: &RouteOption, ready: Minute, promise: Minute) -> f64 {
        Arrivals::new(ready).after(self, &route.steps).by(promise)
    }
}

/// Readiness at the end of `steps` when the vehicle of one of them is on time and its customs
/// takes the median.
pub(crate) fn without(network: &Network, ready: Minute, steps: &[Step], punctual: usize) -> When {
    let mut when = When::exactly(ready);
    for (index, step) in steps.iter().enumerate() {
        let Some(leg) = network.leg(step.leg) else {
            return When::default();
        };
        when = after_leg(network, (step, leg), &when, index != punctual);
    }
    when
}

fn after_leg(network: &Network, (step, leg): (&Step, &Leg), when: &When, delays: bool) -> When {
    let none = Delay::none();
    let late = network.delay(leg, step.departs);
    let late = late.filter(|_| delays).unwrap_or(&none);
    let mut now = when.moved(
        |ready| {
            let run = network.next_run(step.leg, ready)?;
            Some(Minute(run.arrive))
        },
        late,
    );
    let hours = |index: usize, at: Minute| network.hours.get(index).and_then(|open| open.next(at));
    if let Some(clearance) = network.clearance(leg) {
        now = if delays {
            now.moved(|at| hours(clearance.hours, at), &clearance.time)
        } else {
            let cleared = |at| hours(clearance.hours, at).map(|at| at.after(clearance.p50));
            now.moved(cleared, &none)
        };
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
    fn a_delay_has_its_median_and_ninth_decile() {
        for (p50, p90) in [(20, 72), (720, 2_590), (90, 420), (15, 15)] {
            let delay = Delay::lognormal(p50, p90);
            let when = When::exactly(Minute(0)).moved(Some, &delay);
            let (half, nine) = (when.quantile(0.5).unwrap().0, when.quantile(0.9).unwrap().0);
            assert!(
                (half - i32::try_from(p50).unwrap()).abs() <= 8,
                "{p50} {half}"
            );
            assert!(
                (nine - i32::try_from(p90).unwrap()).abs() <= 8,
                "{p90} {nine}"
            );
            assert!((when.by(Minute(100_000)) - 1.0).abs() < 1e-9);
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
    fn waiting_gathers_probability_to_the_minute() {
        // Evenly over minutes 1 to 60.
        let mut when = When::default();
        when.add(0, 1.0, &[0.25; 4]);
        // A door that opens at minute 20, then at 1,000: the border lies amid a cell.
        let door = |at: Minute| {
            Some(if at <= Minute(20) {
                Minute(20)
            } else {
                Minute(1_000)
            })
        };
        let through = when.moved(door, &Delay::none());
        assert!((through.by(Minute(19))).abs() < 1e-12);
        assert!((through.by(Minute(20)) - 20.0 / 60.0).abs() < 1e-9);
        assert!((through.by(Minute(999)) - 20.0 / 60.0).abs() < 1e-9);
        assert!((through.by(Minute(1_000)) - 1.0).abs() < 1e-9);
        // A departure that only those from the first door reach, and a minute of handling between.
        let boards = |at: Minute| (at.after(1) <= Minute(21)).then_some(Minute(90));
        assert!((through.moved(boards, &Delay::none()).by(Minute(90)) - 20.0 / 60.0).abs() < 1e-9);
    }

    #[test]
    fn an_open_door_keeps_what_is_spread() {
        let mut when = When::default();
        when.add(0, 1.0, &[0.125; 8]);
        // Closed until minute 8, then open.
        let door = |at: Minute| Some(at.max(Minute(8)).after(100));
        let through = when.moved(door, &Delay::none());
        assert!((through.by(Minute(108)) - 8.0 / 120.0).abs() < 1e-9);
        assert!((through.by(Minute(220)) - 1.0).abs() < 1e-9);
        assert!((through.by(Minute(150)) - 50.0 / 120.0).abs() < 1e-9);
    }
}
