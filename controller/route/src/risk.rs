//! When a parcel really arrives: delay distributions per leg, combined along a route.
//!
//! A vehicle arrives late by a lognormal time with the median and the ninth decile of its mode;
//! customs clears after a lognormal time with those of its lane. A parcel that is ready too late
//! for its departure takes the next one of the same leg (recourse), so a missed connection costs
//! the wait for it. Delays of different legs are taken as independent.
//!
//! Connections are decided to the minute; sums of delays are counted in bins of 15 minutes. Planned
//! routes assume punctual vehicles and the median of customs, so the median of the arrival here is
//! later than the plan.

use std::collections::BTreeMap;

use crate::delay::{BIN, Delay, HALF, TAIL};
use crate::generator::real;
use crate::network::{Leg, Network};
use crate::options::RouteOption;
use crate::search::Step;
use crate::simulate::up;
use crate::time::{Minute, Shift};

/// Half minutes of a bin.
const HALVES: usize = 30;
/// A time after all others.
const NEVER: Minute = Minute(i32::MAX);

/// Distribution of a point in time. What is missing to 1 is the probability of never arriving within
/// the window.
///
/// Doors and departures gather probability at single minutes, and whether those make a connection is
/// decided to the minute; delays spread it. What is late from a minute on is kept as that until a door
/// or a departure gathers it again; only a second delay after it is counted in cells.
#[derive(Clone, Debug)]
pub(crate) struct When {
    /// Minutes with their probabilities, rising.
    exact: Vec<(Minute, f64)>,
    /// The same for minutes from which on they are late by `delay`.
    late: Vec<(Minute, f64)>,
    delay: Delay,
    /// Where the first cell begins.
    start: Minute,
    /// Probabilities of cells of [`BIN`] minutes, each spread evenly over its minutes.
    cells: Vec<f64>,
    /// What is later is of no interest, and left out.
    until: Minute,
}

impl Default for When {
    fn default() -> Self {
        Self {
            exact: Vec::new(),
            late: Vec::new(),
            delay: Delay::none(),
            start: Minute(0),
            cells: Vec::new(),
            until: NEVER,
        }
    }
}

/// One part of a distribution on its way.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    at: Minute,
    mass: f64,
    shape: Shape<'a>,
}

/// How the probability of a part lies.
#[derive(Clone, Copy, Debug)]
enum Shape<'a> {
    /// All at the minute.
    Exact,
    /// Late from the minute on.
    Late(&'a Delay),
    /// In the cell that begins after the minute. Its density rises by so much, probability per minute
    /// and minute.
    Cell(f64),
}

impl Part<'_> {
    /// First and last minute with a probability.
    fn ends(&self) -> (Minute, Minute) {
        match self.shape {
            Shape::Exact => (self.at, self.at),
            Shape::Late(delay) => (self.at, self.at.after(delay.most())),
            Shape::Cell(_) => (self.at.after(1), self.at.after(BIN)),
        }
    }

    /// Probability of at most so many minutes after its own.
    #[inline]
    fn up_to(&self, minutes: i32) -> f64 {
        match self.shape {
            Shape::Exact if minutes >= 0 => self.mass,
            Shape::Exact => 0.0,
            Shape::Late(delay) => self.mass * delay.by(minutes),
            Shape::Cell(slope) => {
                let (wide, at) = (f64::from(BIN), f64::from(minutes.clamp(0, BIN)));
                self.mass / wide * at + slope * (at * at - at * wide) / 2.0
            }
        }
    }

    /// Its mean in minutes after its own.
    fn mean(&self) -> f64 {
        match self.shape {
            Shape::Exact => 0.0,
            Shape::Late(delay) => delay.mean(),
            Shape::Cell(_) => HALF,
        }
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
    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let exact = self.exact.iter().map(|&(at, mass)| Part {
            at,
            mass,
            shape: Shape::Exact,
        });
        let late = self.late.iter().map(|&(at, mass)| Part {
            at,
            mass,
            shape: Shape::Late(&self.delay),
        });
        let starts = (0i32..).map(|cell| self.start.after(cell.saturating_mul(BIN)));
        let cells = starts.zip(self.cells.iter().enumerate());
        let cells = cells.map(|(at, (cell, &mass))| {
            let beside = |cell: Option<usize>| cell.and_then(|cell| self.cells.get(cell)).copied();
            let before = beside(cell.checked_sub(1)).unwrap_or(mass);
            let after = beside(Some(cell + 1)).unwrap_or(0.0);
            let squared = f64::from(BIN * BIN);
            let most = 2.0 * mass / squared;
            let slope = ((after - before) / 2.0 / squared).clamp(-most, most);
            Part {
                at,
                mass,
                shape: Shape::Cell(slope),
            }
        });
        let all = exact.chain(late).chain(cells);
        all.filter(|part| part.mass > 0.0)
    }

    /// Adds a cell, delayed. The sum of two even spreads is put where its middle is.
    fn delayed(&mut self, (at, mass): (Minute, f64), delay: &Delay) {
        let halves = at.since(self.start).saturating_mul(2);
        let from = usize::try_from(halves).unwrap_or(0);
        self.add(from, mass, delay.bins());
    }

    /// Adds probability, a share of it for each cell's width that begins `from` half minutes after
    /// the start and later.
    fn add(&mut self, from: usize, mass: f64, shares: &[f64]) {
        let (cell, inside) = (from / HALVES, from % HALVES);
        let beyond = real(inside) / real(HALVES);
        let length = cell.saturating_add(shares.len()).saturating_add(1);
        let length = length.min(self.cells_max());
        if self.cells.len() < length {
            self.cells.resize(length, 0.0);
        }
        for (skip, part) in [(cell, 1.0 - beyond), (cell + 1, beyond)] {
            let mass = mass * part;
            if mass > 0.0
                && let Some(places) = self.cells.get_mut(skip..)
            {
                for (place, share) in places.iter_mut().zip(shares) {
                    *place += mass * share;
                }
            }
        }
    }

    /// Cells that begin before the end of interest, and the one after, which tells how the density
    /// of the last goes on.
    fn cells_max(&self) -> usize {
        let minutes = self.until.since(self.start).max(0);
        usize::try_from(minutes / BIN + 2).unwrap_or(usize::MAX)
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
    /// nothing for are dropped, and those that it moves beyond `until`.
    fn moved(&self, to: impl Fn(Minute) -> Option<Shift>, delay: &Delay, until: Minute) -> Self {
        let mut moved = Moved {
            to,
            shift: None,
            until,
            delays: !delay.is_none(),
            exact: Vec::with_capacity(self.exact.len()),
            late: Vec::new(),
            spread: Vec::with_capacity(self.cells.len()),
        };
        for part in self.parts() {
            moved.add(&part);
        }
        let Moved {
            mut exact,
            late,
            spread,
            ..
        } = moved;
        exact.sort_by_key(|(at, _)| *at);
        exact.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        let (exact, late, kept) = if delay.is_none() {
            (exact, late, &self.delay)
        } else {
            (Vec::new(), exact, delay)
        };
        let mut next = Self {
            exact,
            late,
            delay: kept.clone(),
            start: spread.iter().map(|(at, _)| *at).min().unwrap_or_default(),
            until,
            ..Self::default()
        };
        for part in spread {
            next.delayed(part, delay);
        }
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
            sum += part.mass * (f64::from(part.at.since(first)) + part.mean());
            mass += part.mass;
        }
        (mass > 0.0).then(|| first.after(up(sum / mass)))
    }

    /// The time by which this probability is reached; `None` when it never is.
    pub(crate) fn quantile(&self, probability: f64) -> Option<Minute> {
        let parts: Vec<Part<'_>> = self.parts().collect();
        let by = |at: i32| -> f64 {
            let up_to = parts.iter().map(|part| part.up_to(at - part.at.0));
            up_to.sum()
        };
        let mut low = parts.iter().map(|part| part.ends().0.0).min()?;
        let mut high = parts.iter().map(|part| part.ends().1.0).max()?;
        if by(high) < probability {
            return None;
        }
        while low < high {
            let middle = low.midpoint(high);
            if by(middle) < probability {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Some(Minute(low))
    }
}

/// Parts of a distribution after a move.
struct Moved<To> {
    to: To,
    /// The move looked up last; it holds for a while.
    shift: Option<Shift>,
    until: Minute,
    /// Whether a delay follows.
    delays: bool,
    exact: Vec<(Minute, f64)>,
    late: Vec<(Minute, f64)>,
    spread: Vec<(Minute, f64)>,
}

impl<To: Fn(Minute) -> Option<Shift>> Moved<To> {
    /// Moves a part: what comes to one minute is gathered there, what keeps its distances stays as it
    /// is if all of it does.
    fn add(&mut self, part: &Part<'_>) {
        let (first, last) = part.ends();
        let up_to = |at: Minute| part.up_to(at.since(part.at));
        let mut from = first;
        while from <= last {
            let known = self.shift.filter(|shift| shift.holds(from));
            let Some(shift) = known.or_else(|| (self.to)(from)) else {
                return;
            };
            self.shift = Some(shift);
            if shift.of(from) > self.until {
                return;
            }
            let end = shift.until.min(last).max(from);
            let whole = from == first && end == last;
            match part.shape {
                _ if !shift.keeps => {
                    let mass = up_to(end) - up_to(from.after(-1));
                    self.exact.push((shift.to, mass));
                }
                Shape::Cell(_) if whole => {
                    self.spread.push((shift.of(from).after(-1), part.mass));
                }
                Shape::Late(_) if whole && !self.delays => {
                    self.late.push((shift.of(from), part.mass));
                }
                Shape::Late(_) => self.cut((from, end), shift, up_to),
                Shape::Exact | Shape::Cell(_) => self.by_minute((from, end), shift, up_to),
            }
            from = end.after(1);
        }
    }

    fn by_minute(
        &mut self,
        (from, end): (Minute, Minute),
        shift: Shift,
        up_to: impl Fn(Minute) -> f64,
    ) {
        let minutes = (from.0..=end.0).map(Minute);
        let moved = minutes.map(|at| (shift.of(at), up_to(at) - up_to(at.after(-1))));
        self.exact.extend(moved);
    }

    /// Cuts a stretch into cells; what is left of it at the end, into minutes.
    fn cut(
        &mut self,
        (mut from, end): (Minute, Minute),
        shift: Shift,
        up_to: impl Fn(Minute) -> f64,
    ) {
        let mut before = up_to(from.after(-1));
        while from.after(BIN - 1) <= end && shift.of(from) <= self.until {
            let now = up_to(from.after(BIN - 1));
            self.spread.push((shift.of(from).after(-1), now - before));
            before = now;
            from = from.after(BIN);
        }
        if shift.of(from) <= self.until {
            self.by_minute((from, end), shift, up_to);
        }
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
            when = after_leg(network, (step, leg), &when, (true, NEVER));
            self.known.insert(done.clone(), when.clone());
        }
        when
    }
}

impl Network {
    /// Probability that a parcel ready at `ready` arrives by `promise` on the legs of a route.
    #[must_use]
    pub fn on_time(&self, route: &RouteOption, ready: Minute, promise: Minute) -> f64 {
        chance(self, (ready, promise), &route.steps, None)
    }
}

/// Probability of arriving by a promise, or what it would be if the vehicle of one of the steps
/// were on time and its customs took the median.
///
/// Only what can still be in time is followed: being ready later never makes a parcel arrive
/// earlier.
pub(crate) fn chance(
    network: &Network,
    (ready, promise): (Minute, Minute),
    steps: &[Step],
    punctual: Option<usize>,
) -> f64 {
    let mut when = When::exactly(ready);
    let limits = limits(network, steps, promise);
    for (index, (step, limit)) in steps.iter().zip(limits).enumerate() {
        let Some(leg) = network.leg(step.leg) else {
            return 0.0;
        };
        let delays = Some(index) != punctual;
        when = after_leg(network, (step, leg), &when, (delays, limit));
    }
    when.by(promise)
}

/// By step, when a parcel must be ready after it to arrive by `promise` or soon after, were there no
/// waits, no delays and no customs afterwards.
fn limits(network: &Network, steps: &[Step], promise: Minute) -> Vec<Minute> {
    // How the density goes on after the promise tells where in its cell it is crossed.
    let mut limit = promise.after(2 * BIN);
    let mut all = Vec::with_capacity(steps.len());
    for step in steps.iter().rev() {
        all.push(limit);
        if let Some(leg) = network.leg(step.leg) {
            let end = network.node(leg.to).filter(|end| end.hours.is_some());
            let handling = end.map_or(0, |end| end.handling);
            limit = limit.after(-(leg.cutoff + leg.run + handling));
        }
    }
    all.reverse();
    all
}

fn after_leg(
    network: &Network,
    (step, leg): (&Step, &Leg),
    when: &When,
    (delays, until): (bool, Minute),
) -> When {
    let none = Delay::none();
    let late = network.delay(leg, step.departs);
    let late = late.filter(|_| delays).unwrap_or(&none);
    let mut now = when.moved(
        |ready| {
            let run = network.next_run(step.leg, ready)?;
            // All that are ready after the run before and by the cut-off take it.
            Some(Shift::gather(ready, Minute(run.arrive), Minute(run.board)))
        },
        late,
        until,
    );
    let hours = |index: usize, at: Minute| network.hours.get(index)?.shift(at);
    if let Some(clearance) = network.clearance(leg) {
        now = if delays {
            now.moved(|at| hours(clearance.hours, at), &clearance.time, until)
        } else {
            let cleared = |at| Some(hours(clearance.hours, at)?.later(clearance.p50));
            now.moved(cleared, &none, until)
        };
    }
    let Some(end) = network.node(leg.to) else {
        return now;
    };
    let Some(open) = end.hours else { return now };
    let handled = |at| Some(hours(open, at)?.later(end.handling));
    now.moved(handled, &none, until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stay(at: Minute) -> Shift {
        Shift {
            from: at,
            to: at,
            until: NEVER,
            keeps: true,
        }
    }

    #[test]
    fn a_delay_has_its_median_and_ninth_decile() {
        for (p50, p90) in [(20, 72), (720, 2_590), (90, 420), (15, 15)] {
            let delay = Delay::lognormal(p50, p90);
            let when = When::exactly(Minute(0)).moved(|at| Some(stay(at)), &delay, NEVER);
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
        let when = When::exactly(Minute(7));
        let when = when.moved(|at| Some(stay(at).later(3)), &Delay::none(), NEVER);
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
            let opens = Minute(if at <= Minute(20) { 20 } else { 1_000 });
            Some(Shift::gather(at, opens, opens))
        };
        let through = when.moved(door, &Delay::none(), NEVER);
        assert!((through.by(Minute(19))).abs() < 1e-12);
        assert!((through.by(Minute(20)) - 20.0 / 60.0).abs() < 1e-9);
        assert!((through.by(Minute(999)) - 20.0 / 60.0).abs() < 1e-9);
        assert!((through.by(Minute(1_000)) - 1.0).abs() < 1e-9);
        // A departure that only those from the first door reach, and a minute of handling between.
        let boards = |at: Minute| {
            let taken = at.after(1) <= Minute(21);
            taken.then_some(Shift::gather(at, Minute(90), Minute(20)))
        };
        let boarded = through.moved(boards, &Delay::none(), NEVER);
        assert!((boarded.by(Minute(90)) - 20.0 / 60.0).abs() < 1e-9);
    }

    #[test]
    fn an_open_door_keeps_what_is_spread() {
        let mut when = When::default();
        when.add(0, 1.0, &[0.125; 8]);
        // Closed until minute 8, then open.
        let door = |at: Minute| {
            let closed = Shift::gather(at, Minute(8), Minute(8));
            let shift = if at <= Minute(8) { closed } else { stay(at) };
            Some(shift.later(100))
        };
        let through = when.moved(door, &Delay::none(), NEVER);
        assert!((through.by(Minute(108)) - 8.0 / 120.0).abs() < 1e-9);
        assert!((through.by(Minute(220)) - 1.0).abs() < 1e-9);
        assert!((through.by(Minute(150)) - 50.0 / 120.0).abs() < 1e-9);
    }

    #[test]
    fn what_comes_too_late_is_left_out_and_the_rest_is_the_same() {
        let delay = Delay::lognormal(120, 400);
        let late = |until: Minute| {
            let first = When::exactly(Minute(5)).moved(|at| Some(stay(at)), &delay, until);
            first.moved(|at| Some(stay(at).later(30)), &delay, until)
        };
        let (all, some) = (late(NEVER), late(Minute(500 + 2 * BIN)));
        assert!(some.cells.len() < all.cells.len());
        for limit in (0..=500).map(Minute) {
            let apart = (all.by(limit) - some.by(limit)).abs();
            assert!(apart < 1e-9, "{limit:?} {apart}");
        }
    }
}
