//! The timetable compiled for search: every departure of every leg with its cut-off and the time
//! of readiness at its end, and for every pair of nodes the departures worth taking.
//!
//! Two forms, because two questions are asked. Legs keep their departures apart, for searches that
//! weigh price or emissions. Pairs hold the departures of all their legs from which every one is
//! dropped that another, boarded no earlier, beats to readiness: all that the earliest arrival
//! needs. Merging is sound within a pair, since handling and customs are counted in.
//!
//! Slots are laid out once. A change of conditions writes the slots of the legs it touches anew.

use crate::conditions::Effects;
use crate::network::{Leg, Network, Node};
use crate::time::Minute;

/// One departure of a leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Run {
    /// A parcel must be ready by then.
    pub(crate) board: i32,
    /// Arrival of the vehicle.
    pub(crate) arrive: i32,
    /// Cleared and handled at the end.
    pub(crate) ready: i32,
}

/// A departure of a pair that no other beats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Best {
    pub(crate) board: i32,
    pub(crate) ready: i32,
    pub(crate) leg: u32,
}

/// Where departures lie, in order of their cut-offs.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    /// First slot, and slots in use.
    first: u32,
    len: u32,
    /// First cut-off, and departures per minute in 2⁻²⁰, to guess where a time lies.
    start: i32,
    rate: u32,
}

impl Row {
    /// Of slots from `first` on, with these first and last cut-offs.
    fn new(first: u32, len: usize, ends: Option<(i32, i32)>) -> Self {
        let (start, last) = ends.unwrap_or_default();
        let span = u64::try_from(last - start).unwrap_or(0) + 1;
        let len = count(len);
        Self {
            first,
            len,
            start,
            rate: u32::try_from((u64::from(len) << 20) / span).unwrap_or(u32::MAX),
        }
    }

    fn range(&self) -> core::ops::Range<usize> {
        self.first as usize..(self.first + self.len) as usize
    }

    /// About how many departures are before a time.
    #[inline]
    fn guess(&self, at: i32) -> usize {
        let since = u64::try_from(at.saturating_sub(self.start)).unwrap_or(0);
        let guess = (since * u64::from(self.rate)) >> 20;
        usize::try_from(guess).unwrap_or(0).min(self.len as usize)
    }

    /// The first of the row's departures with a cut-off at `at` or later.
    #[inline]
    fn from<T: Copy>(&self, all: &[T], at: i32, board: impl Fn(&T) -> i32) -> Option<T> {
        self.near(all, (self.guess(at), at), board)
    }

    /// The same, looked for from a guess.
    #[inline]
    fn near<T: Copy>(
        &self,
        all: &[T],
        (mut index, at): (usize, i32),
        board: impl Fn(&T) -> i32,
    ) -> Option<T> {
        let slots = all.get(self.range())?;
        while let Some(before) = index.checked_sub(1)
            && board(slots.get(before)?) >= at
        {
            index = before;
        }
        while board(slots.get(index)?) < at {
            index += 1;
        }
        slots.get(index).copied()
    }
}

/// Two nodes that at least one leg joins.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pair {
    pub(crate) from: u32,
    pub(crate) to: u32,
    /// Least minutes from the cut-off to readiness, whatever the conditions.
    pub(crate) least: i32,
    row: Row,
    /// First leg, and number of legs.
    first_leg: u32,
    legs: u32,
}

/// What a search asks of a pair first. Most pairs are left there, so these lie close together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Near {
    /// The node at the other end.
    pub(crate) node: u32,
    /// As in [`Pair`].
    pub(crate) least: i32,
}

/// See [`Timetable::look`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look<'a> {
    pub(crate) pair: &'a Pair,
    guess: usize,
    /// Cut-off there.
    board: i32,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timetable {
    /// By leg: its first slot; one entry more than legs.
    slots: Vec<u32>,
    /// By leg.
    rows: Vec<Row>,
    runs: Vec<Run>,
    /// In order of `from`, then `to`.
    pairs: Vec<Pair>,
    /// By node; one entry more than nodes.
    first_pair: Vec<u32>,
    /// By leg.
    pair_of: Vec<u32>,
    best: Vec<Best>,
    /// By pair: its end.
    ends: Vec<Near>,
    /// Pairs in order of `to` with their beginnings, and where each node's begin.
    into: Vec<(Near, u32)>,
    first_into: Vec<u32>,
}

fn count(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

impl Timetable {
    /// Compiles the legs of a network, which are in order of their nodes.
    pub(crate) fn new(network: &Network) -> Self {
        let mut table = Self::default();
        let effects = Effects::default();
        let mut runs = Vec::new();
        for leg in &network.legs {
            let first = count(table.runs.len());
            table.slots.push(first);
            departures(network, leg, &effects, &mut runs);
            table.rows.push(Row::new(first, runs.len(), ends(&runs)));
            // Room for every departure: without its rival a dropped one may be worth taking.
            let room = network
                .service(leg)
                .map_or(0, |service| service.departures.len());
            runs.resize(room, Run::default());
            table.runs.append(&mut runs);
        }
        table.slots.push(count(table.runs.len()));
        table.best = vec![Best::default(); table.runs.len()];
        table.join(network);
        for pair in 0..count(table.pairs.len()) {
            table.merge(pair);
            if let Some(pair) = table.pairs.get_mut(pair as usize) {
                let slots = table.best.get(pair.row.range()).unwrap_or_default();
                let least = slots.iter().map(|best| best.ready - best.board).min();
                pair.least = least.unwrap_or(i32::MAX / 4);
            }
        }
        table.index(count(network.nodes.len()));
        table
    }

    /// Lists the pairs by both ends, once their least minutes are known.
    fn index(&mut self, nodes: u32) {
        let near = |node: u32, pair: &Pair| Near {
            node,
            least: pair.least,
        };
        self.ends = self.pairs.iter().map(|pair| near(pair.to, pair)).collect();
        let mut order: Vec<(u32, u32)> = self.pairs.iter().map(|pair| pair.to).zip(0..).collect();
        order.sort_unstable();
        self.first_into = starts(nodes, order.iter().map(|(to, _)| *to));
        let numbers = order.iter().map(|(_, number)| *number);
        self.into = numbers
            .filter_map(|number| Some((number, self.pairs.get(number as usize)?)))
            .map(|(number, pair)| (near(pair.from, pair), number))
            .collect();
    }

    /// Groups the legs by their nodes.
    fn join(&mut self, network: &Network) {
        for (number, leg) in (0u32..).zip(&network.legs) {
            let known = self.pairs.last_mut();
            match known.filter(|pair| pair.from == leg.from.0 && pair.to == leg.to.0) {
                Some(pair) => pair.legs += 1,
                None => self.pairs.push(Pair {
                    from: leg.from.0,
                    to: leg.to.0,
                    row: Row {
                        first: self.slots.get(number as usize).copied().unwrap_or(0),
                        ..Row::default()
                    },
                    first_leg: number,
                    legs: 1,
                    ..Pair::default()
                }),
            }
            self.pair_of.push(count(self.pairs.len() - 1));
        }
        let nodes = count(network.nodes.len());
        self.first_pair = starts(nodes, self.pairs.iter().map(|pair| pair.from));
    }

    /// Writes a pair's departures worth taking from those of its legs.
    fn merge(&mut self, number: u32) {
        let Some(pair) = self.pairs.get_mut(number as usize) else {
            return;
        };
        let mut all: Vec<Best> = Vec::new();
        for leg in pair.first_leg..pair.first_leg + pair.legs {
            let row = self.rows.get(leg as usize).copied().unwrap_or_default();
            let runs = self.runs.get(row.range()).unwrap_or_default();
            all.extend(runs.iter().map(|run| Best {
                board: run.board,
                ready: run.ready,
                leg,
            }));
        }
        if pair.legs > 1 {
            all.sort_unstable_by_key(|best| (core::cmp::Reverse(best.board), best.ready, best.leg));
            let mut kept = (i32::MAX, i32::MAX);
            all.retain(|best| {
                // Of equally early ones the first departure is taken, so all are kept.
                let worth = best.ready <= kept.0 && best.board < kept.1;
                if worth {
                    kept = (best.ready, best.board);
                }
                worth
            });
            all.reverse();
        }
        let first = pair.row.first as usize;
        if let Some(slots) = self.best.get_mut(first..first + all.len()) {
            slots.copy_from_slice(&all);
        }
        let ends = all.first().zip(all.last());
        let ends = ends.map(|(first, last)| (first.board, last.board));
        pair.row = Row::new(pair.row.first, all.len(), ends);
    }

    /// Compiles some legs again, under these effects.
    pub(crate) fn update(&mut self, network: &Network, legs: &[u32], effects: &Effects) {
        let mut runs = Vec::new();
        let mut pairs = Vec::new();
        for number in legs {
            let Some(leg) = network.leg(*number) else {
                continue;
            };
            runs.clear();
            departures(network, leg, effects, &mut runs);
            let at = *number as usize;
            let from = self.slots.get(at).copied().unwrap_or(0) as usize;
            let to = self.slots.get(at + 1).copied().unwrap_or(0) as usize;
            let slots = self.runs.get_mut(from..to).unwrap_or_default();
            let fits = runs.len().min(slots.len());
            for (slot, run) in slots.iter_mut().zip(&runs) {
                *slot = *run;
            }
            if let Some(row) = self.rows.get_mut(at) {
                let kept = runs.get(..fits).unwrap_or_default();
                *row = Row::new(row.first, fits, ends(kept));
            }
            pairs.extend(self.pair_of.get(at));
        }
        pairs.sort_unstable();
        pairs.dedup();
        for pair in pairs {
            self.merge(pair);
        }
    }

    /// The pairs that begin at a node.
    pub(crate) fn from(&self, node: u32) -> &[Pair] {
        let range = range(&self.first_pair, node);
        self.pairs.get(range).unwrap_or_default()
    }

    /// The same, each with its end.
    #[inline]
    pub(crate) fn leaving(&self, node: u32) -> impl Iterator<Item = (Near, &Pair)> {
        let range = range(&self.first_pair, node);
        let ends = self.ends.get(range.clone()).unwrap_or_default();
        let pairs = self.pairs.get(range).unwrap_or_default();
        ends.iter().copied().zip(pairs)
    }

    /// The pairs that end at a node: their beginnings and numbers.
    #[inline]
    pub(crate) fn ending_at(&self, node: u32) -> impl Iterator<Item = (Near, u32)> {
        let range = range(&self.first_into, node);
        self.into.get(range).unwrap_or_default().iter().copied()
    }

    /// The legs that begin or end at a node.
    pub(crate) fn legs_at(&self, node: Node) -> impl Iterator<Item = u32> {
        let into = self.ending_at(node.0);
        let into = into.filter_map(|(_, number)| self.pair(number));
        self.from(node.0).iter().chain(into).flat_map(Pair::legs)
    }

    /// By pair: its legs.
    pub(crate) fn legs_by_pair(&self) -> impl Iterator<Item = core::ops::Range<u32>> {
        self.pairs.iter().map(Pair::legs)
    }

    /// The pair of this number.
    #[inline]
    pub(crate) fn pair(&self, number: u32) -> Option<&Pair> {
        self.pairs.get(number as usize)
    }

    /// The departures worth taking of a pair, earliest first.
    pub(crate) fn departures(&self, pair: &Pair) -> &[Best] {
        self.best.get(pair.row.range()).unwrap_or_default()
    }

    /// The departure of a pair that a parcel ready at `at` takes.
    #[inline]
    pub(crate) fn next(&self, pair: &Pair, at: i32) -> Option<Best> {
        pair.row.from(&self.best, at, |best| best.board)
    }

    /// Where the answer of [`Timetable::next`] about lies. Who looks at many pairs before the first
    /// answer is needed waits for memory once, not for each.
    #[inline]
    pub(crate) fn look<'a>(&self, pair: &'a Pair, at: i32) -> Look<'a> {
        let guess = pair.row.guess(at);
        let slot = self.best.get(pair.row.first as usize + guess);
        Look {
            pair,
            guess,
            board: slot.map_or(i32::MIN, |best| best.board),
        }
    }

    /// [`Timetable::next`] from there.
    #[inline]
    pub(crate) fn next_near(&self, look: &Look<'_>, at: i32) -> Option<Best> {
        // The cut-off there decides on which side of it the answer is.
        let guess = look.guess + usize::from(look.board < at);
        look.pair
            .row
            .near(&self.best, (guess, at), |best| best.board)
    }

    /// The last departure of a pair after which a parcel is ready by `limit`.
    pub(crate) fn last(&self, pair: &Pair, limit: i32) -> Option<Best> {
        let slots = self.departures(pair);
        // The number of departures that end in time.
        let mut index = pair.row.guess(limit.saturating_sub(pair.least));
        while slots.get(index).is_some_and(|best| best.ready <= limit) {
            index += 1;
        }
        while let Some(before) = index.checked_sub(1) {
            let best = slots.get(before)?;
            if best.ready <= limit {
                return Some(*best);
            }
            index = before;
        }
        None
    }

    /// The departures of a leg, earliest first.
    pub(crate) fn runs(&self, leg: u32) -> &[Run] {
        let row = self.rows.get(leg as usize).copied().unwrap_or_default();
        self.runs.get(row.range()).unwrap_or_default()
    }

    /// The departure of a leg that a parcel ready at `at` takes.
    #[inline]
    pub(crate) fn next_run(&self, leg: u32, at: i32) -> Option<Run> {
        self.rows
            .get(leg as usize)?
            .from(&self.runs, at, |run| run.board)
    }
}

impl Pair {
    /// Numbers of its legs.
    pub(crate) fn legs(&self) -> core::ops::Range<u32> {
        self.first_leg..self.first_leg + self.legs
    }
}

/// First and last cut-off.
fn ends(runs: &[Run]) -> Option<(i32, i32)> {
    let ends = runs.first().zip(runs.last());
    ends.map(|(first, last)| (first.board, last.board))
}

/// Where each of `nodes` begins among sorted `keys`, and the end.
fn starts(nodes: u32, keys: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut counts = vec![0u32; nodes as usize + 1];
    for key in keys {
        if let Some(cell) = counts.get_mut(key as usize + 1) {
            *cell += 1;
        }
    }
    let mut sum = 0;
    for cell in &mut counts {
        sum += *cell;
        *cell = sum;
    }
    counts
}

fn range(starts: &[u32], node: u32) -> core::ops::Range<usize> {
    let from = starts.get(node as usize).copied().unwrap_or(0);
    let to = starts.get(node as usize + 1).copied().unwrap_or(from);
    from as usize..to as usize
}

/// All departures of a leg under these effects, earliest first, without those that a later one of
/// the same leg beats to readiness.
fn departures(network: &Network, leg: &Leg, effects: &Effects, out: &mut Vec<Run>) {
    let Some(service) = network.service(leg) else {
        return;
    };
    let here = effects.on(network, leg);
    for start in &service.departures {
        let departs = start.after(leg.offset);
        if departs < network.window.from {
            continue;
        }
        let run = match &here {
            None => {
                let arrive = departs.after(leg.run);
                network
                    .ready_after(leg, arrive)
                    .map(|ready| (arrive, ready))
            }
            Some(here) => here.run(network, leg, *start),
        };
        let Some((arrive, ready)) = run else { continue };
        if ready < network.window.to {
            let board = departs.after(-leg.cutoff).0;
            push(out, board, arrive, ready);
        }
    }
}

fn push(out: &mut Vec<Run>, board: i32, arrive: Minute, ready: Minute) {
    while out.last().is_some_and(|before| before.ready > ready.0) {
        out.pop();
    }
    out.push(Run {
        board,
        arrive: arrive.0,
        ready: ready.0,
    });
}
