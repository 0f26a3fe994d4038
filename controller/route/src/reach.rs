//! Earliest arrival, latest departure, and lower bounds: one label for each node.
//!
//! All three are Dijkstra's algorithm. [`Reach::spread`] and [`Reach::seek`] settle nodes by the
//! time of readiness and take the next departure of every pair; they are exact because being ready
//! later never makes a pair arrive earlier. With a destination the nodes are settled by readiness
//! plus a lower bound on the rest (A*). [`latest`] does the same backwards in time. [`Bounds`] are
//! distances in the graph whose edges are the least minutes of every pair: consistent, and valid
//! under all conditions, since these only slow down.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::network::{Network, Node};
use crate::queue::Queue;
use crate::search::Step;
use crate::simulate::up;
use crate::time::Minute;
use crate::timetable::{Best, Look};

/// Not reached.
const NEVER: i32 = i32::MAX;
/// Lower bound of a node from which the destination cannot be reached.
const FAR: i32 = i32::MAX / 4;

/// What may be used by a parcel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed<'a> {
    pub(crate) weight_g: u32,
    pub(crate) banned: &'a BTreeSet<u32>,
}

impl Allowed<'_> {
    fn all(self, network: &Network) -> bool {
        self.banned.is_empty() && i64::from(self.weight_g) <= network.light_g
    }

    pub(crate) fn leg(self, network: &Network, number: u32) -> bool {
        network.leg(number).is_some_and(|leg| {
            !self.banned.contains(&leg.service) && network.takes(leg, self.weight_g)
        })
    }

    /// The departure of a pair that leads to readiness first, of the legs that are allowed.
    fn next(self, network: &Network, look: &Look<'_>, at: i32) -> Option<Best> {
        let legs = look.pair.legs().filter(|leg| self.leg(network, *leg));
        let runs = legs.filter_map(|leg| {
            let run = network.timetable.next_run(leg, at)?;
            Some(Best {
                board: run.board,
                ready: run.ready,
                leg,
            })
        });
        runs.min_by_key(|best| (best.ready, Reverse(best.board), best.leg))
    }
}

/// In [`Bounds`]: the destination cannot be reached. Distances are cut at one less, 45 days, where
/// they stay consistent lower bounds.
const CUT_OFF: u16 = u16::MAX;

/// Least minutes to one destination, by node.
///
/// Two bytes a place, for a search reads them in no order, and many destinations are kept.
#[derive(Clone, Debug)]
pub struct Bounds {
    to: Node,
    /// By place; nothing leaves a zone.
    minutes: Vec<u16>,
}

impl Bounds {
    /// From all nodes to `to`.
    #[must_use]
    pub fn new(network: &Network, to: Node) -> Self {
        let mut minutes = vec![FAR; network.nodes.len()];
        let mut queue = Queue::default();
        queue.push(0, to.0);
        if let Some(cell) = minutes.get_mut(to.index()) {
            *cell = 0;
        }
        while let Some((far, node)) = queue.pop() {
            if minutes.get(node as usize) != Some(&far) {
                continue;
            }
            for (begins, _) in network.timetable.ending_at(node) {
                let then = far + begins.least;
                if let Some(cell) = minutes.get_mut(begins.node as usize)
                    && then < *cell
                {
                    *cell = then;
                    queue.push(then, begins.node);
                }
            }
        }
        let places = network.nodes.partition_point(|info| info.kind.is_some());
        minutes.truncate(places);
        let short = |far: &i32| match *far {
            FAR => CUT_OFF,
            near => u16::try_from(near).unwrap_or(CUT_OFF).min(CUT_OFF - 1),
        };
        Self {
            to,
            minutes: minutes.iter().map(short).collect(),
        }
    }

    /// The destination.
    #[must_use]
    pub const fn to(&self) -> Node {
        self.to
    }

    /// Least minutes from a node; `None` when the destination cannot be reached at all.
    #[must_use]
    pub fn minutes(&self, node: Node) -> Option<i32> {
        Some(self.at(node.0)).filter(|far| *far < FAR)
    }

    #[inline]
    fn at(&self, node: u32) -> i32 {
        match self.minutes.get(node as usize) {
            Some(&CUT_OFF) => FAR,
            Some(far) => i32::from(*far),
            None if node == self.to.0 => 0,
            None => FAR,
        }
    }
}

/// Earliest readiness at the nodes, with the departure that reaches each. Can be used again and
/// again without new memory.
#[derive(Clone, Debug)]
pub struct Reach {
    ready: i32,
    at: Vec<i32>,
    via: Vec<Best>,
    touched: Vec<u32>,
    queue: Queue,
}

impl Reach {
    /// One for a network, or for any other with as many nodes.
    #[must_use]
    pub fn new(network: &Network) -> Self {
        Self {
            ready: 0,
            at: vec![NEVER; network.nodes.len()],
            via: vec![Best::default(); network.nodes.len()],
            touched: Vec::new(),
            queue: Queue::default(),
        }
    }

    fn start(&mut self, from: Node, ready: Minute, bound: i32) {
        for node in self.touched.drain(..) {
            if let Some(cell) = self.at.get_mut(node as usize) {
                *cell = NEVER;
            }
        }
        self.queue.clear();
        self.ready = ready.0;
        if let Some(cell) = self.at.get_mut(from.index()) {
            *cell = ready.0;
            self.touched.push(from.0);
            self.queue.push(bound, from.0);
        }
    }

    /// Sets a node when `best` reaches it earlier than known.
    #[inline]
    fn set(&mut self, node: u32, known: i32, best: Best) {
        if known == NEVER {
            self.touched.push(node);
        }
        if let Some(cell) = self.at.get_mut(node as usize) {
            *cell = best.ready;
        }
        if let Some(cell) = self.via.get_mut(node as usize) {
            *cell = best;
        }
    }

    #[inline]
    pub(crate) fn known(&self, node: u32) -> i32 {
        self.at.get(node as usize).copied().unwrap_or(0)
    }

    /// From a parcel that is ready at `from` at `ready` to every node.
    pub fn spread(&mut self, network: &Network, from: Node, ready: Minute) {
        let next = |look: &Look<'_>, at: i32| network.timetable.next_near(look, at);
        self.run(network, (from, ready), |_| 0, None, next);
    }

    /// The same to one destination only; how early it is ready there.
    pub fn seek(
        &mut self,
        network: &Network,
        from: Node,
        ready: Minute,
        bounds: &Bounds,
    ) -> Option<Minute> {
        let next = |look: &Look<'_>, at: i32| network.timetable.next_near(look, at);
        let bound = |node: u32| bounds.at(node);
        self.run(network, (from, ready), bound, Some((bounds.to, None)), next);
        self.at(bounds.to)
    }

    /// From a parcel that is ready at `from` at `ready` to every node, or to one, with so many minutes
    /// to spare at every change; the routes are those of [`Reach::route`], whose legs may have an
    /// earlier departure for a parcel that does not wait.
    pub(crate) fn spare(
        &mut self,
        network: &Network,
        (from, ready): (Node, Minute),
        spare: i32,
        bounds: Option<&Bounds>,
    ) {
        let next = |look: &Look<'_>, at: i32| {
            let spare = if at == ready.0 { 0 } else { spare };
            network.timetable.next(look.pair, at.saturating_add(spare))
        };
        match bounds {
            Some(bounds) => {
                let bound = |node: u32| bounds.at(node);
                let to = Some((bounds.to, None));
                self.run(network, (from, ready), bound, to, next);
            }
            None => self.run(network, (from, ready), |_| 0, None, next),
        }
    }

    /// From a parcel that is ready at `from` at `ready` to every node, or to one, as if every vehicle
    /// were as late as this share of them is at most; the routes are those of [`Reach::route`], whose
    /// vehicles may be earlier.
    pub(crate) fn late(
        &mut self,
        network: &Network,
        (from, ready): (Node, Minute),
        share: f64,
        bounds: Option<&Bounds>,
    ) {
        let next = |look: &Look<'_>, at: i32| {
            let runs = look.pair.legs().filter_map(|number| {
                let run = network.timetable.next_run(number, at)?;
                let leg = network.leg(number)?;
                let delay = network.delay(leg, Minute(run.board).after(leg.cutoff));
                let late = delay.map_or(0.0, |delay| delay.quantile(share));
                Some(Best {
                    board: run.board,
                    ready: run.ready.saturating_add(up(late)),
                    leg: number,
                })
            });
            runs.min_by_key(|best| (best.ready, Reverse(best.board), best.leg))
        };
        match bounds {
            Some(bounds) => {
                let bound = |node: u32| bounds.at(node);
                let to = Some((bounds.to, None));
                self.run(network, (from, ready), bound, to, next);
            }
            None => self.run(network, (from, ready), |_| 0, None, next),
        }
    }

    /// The same as [`Reach::seek`] without some services.
    pub(crate) fn seek_by(
        &mut self,
        network: &Network,
        (from, ready): (Node, Minute),
        bounds: &Bounds,
        banned: &BTreeSet<u32>,
    ) -> Option<Minute> {
        if banned.is_empty() {
            return self.seek(network, from, ready, bounds);
        }
        let allowed = Allowed {
            weight_g: 0,
            banned,
        };
        let next = |look: &Look<'_>, at: i32| allowed.next(network, look, at);
        let bound = |node: u32| bounds.at(node);
        self.run(network, (from, ready), bound, Some((bounds.to, None)), next);
        self.at(bounds.to)
    }

    /// To every node by what is allowed.
    pub(crate) fn spread_by(
        &mut self,
        network: &Network,
        from: Node,
        ready: Minute,
        allowed: Allowed<'_>,
    ) {
        if allowed.all(network) {
            return self.spread(network, from, ready);
        }
        let next = |look: &Look<'_>, at: i32| allowed.next(network, look, at);
        self.run(network, (from, ready), |_| 0, None, next);
    }

    /// The earliest readiness of all nodes on ways to a destination that end at most `slack`
    /// minutes after the earliest one, by what is allowed.
    pub(crate) fn around(
        &mut self,
        network: &Network,
        (from, ready): (Node, Minute),
        (bounds, slack): (&Bounds, i32),
        allowed: Allowed<'_>,
    ) {
        let bound = |node: u32| bounds.at(node);
        let to = Some((bounds.to, Some(slack)));
        if allowed.all(network) {
            let next = |look: &Look<'_>, at: i32| network.timetable.next_near(look, at);
            self.run(network, (from, ready), bound, to, next);
        } else {
            let next = |look: &Look<'_>, at: i32| allowed.next(network, look, at);
            self.run(network, (from, ready), bound, to, next);
        }
    }

    #[inline]
    fn run(
        &mut self,
        network: &Network,
        (from, ready): (Node, Minute),
        bound: impl Fn(u32) -> i32,
        to: Option<(Node, Option<i32>)>,
        next: impl Fn(&Look<'_>, i32) -> Option<Best>,
    ) {
        let first = bound(from.0);
        if first >= FAR {
            self.start(from, ready, 0);
            self.queue.clear();
            return;
        }
        self.start(from, ready, first);
        let target = to.map_or(u32::MAX, |(to, _)| to.0);
        let slack = to.and_then(|(_, slack)| slack);
        // Nothing that ends later is of use.
        let mut limit = NEVER;
        let mut looks = Vec::new();
        while let Some((far, node)) = self.queue.pop() {
            let now = self.known(node);
            // A node was set again since, or the destination is settled.
            if now.saturating_add(bound(node)) - self.ready != far {
                continue;
            }
            if node == target && slack.is_none() {
                return;
            }
            if far.saturating_add(self.ready) > limit {
                return;
            }
            for (end, pair) in network.timetable.leaving(node) {
                let soonest = now + end.least;
                if soonest >= self.known(end.node) {
                    continue;
                }
                let rest = bound(end.node);
                if rest >= FAR || soonest.saturating_add(rest) > limit {
                    continue;
                }
                looks.push((end.node, rest, network.timetable.look(pair, now)));
            }
            for (end, rest, look) in looks.drain(..) {
                let known = self.known(end);
                let Some(best) = next(&look, now) else {
                    continue;
                };
                let total = best.ready.saturating_add(rest);
                if best.ready >= known || total > limit {
                    continue;
                }
                self.set(end, known, best);
                if end == target {
                    limit = match slack {
                        None => best.ready - 1,
                        Some(slack) => best.ready.saturating_add(slack),
                    };
                }
                self.queue.push(total - self.ready, end);
            }
        }
    }

    /// Earliest readiness at a node. After [`Reach::seek`] only the destination's is meant.
    #[must_use]
    pub fn at(&self, node: Node) -> Option<Minute> {
        let at = self.at.get(node.index()).copied();
        at.filter(|at| *at != NEVER).map(Minute)
    }

    /// Nodes that were reached, the origin first.
    pub(crate) fn touched(&self) -> &[u32] {
        &self.touched
    }

    pub(crate) fn all(&self) -> Vec<Option<Minute>> {
        let known = |at: &i32| (*at != NEVER).then_some(Minute(*at));
        self.at.iter().map(known).collect()
    }

    /// Steps from the origin to `node`; empty for the origin itself, `None` when not reached.
    pub(crate) fn route(&self, network: &Network, node: Node) -> Option<Vec<Step>> {
        self.at(node)?;
        let mut steps = Vec::new();
        let mut here = node;
        // Every step goes back in time, so there are at most as many as nodes.
        while !self.begins(here) {
            let best = self.via.get(here.index())?;
            let leg = network.leg(best.leg)?;
            steps.push(Step {
                leg: best.leg,
                departs: Minute(best.board).after(leg.cutoff),
                ready: Minute(best.ready),
            });
            here = leg.from;
        }
        steps.reverse();
        Some(steps)
    }

    fn begins(&self, node: Node) -> bool {
        self.touched.first() == Some(&node.0)
    }
}

/// The latest time of readiness at every node from which `to` is still reached by `limit`. Times
/// before what `floor` gives for a node are not looked for; `i32::MIN` where there is none.
pub(crate) fn latest(
    network: &Network,
    to: Node,
    limit: Minute,
    floor: impl Fn(u32) -> i32,
) -> Vec<i32> {
    let mut at = vec![i32::MIN; network.nodes.len()];
    if let Some(cell) = at.get_mut(to.index()) {
        *cell = limit.0;
    }
    let mut queue = Queue::default();
    queue.push(0, to.0);
    while let Some((before, node)) = queue.pop() {
        let now = limit.0 - before;
        if at.get(node as usize) != Some(&now) {
            continue;
        }
        for (begins, number) in network.timetable.ending_at(node) {
            let known = at.get(begins.node as usize).copied().unwrap_or(i32::MAX);
            let soonest = now - begins.least;
            let floor = floor(begins.node);
            if soonest <= known || soonest < floor {
                continue;
            }
            let pair = network.timetable.pair(number);
            let Some(best) = pair.and_then(|pair| network.timetable.last(pair, now)) else {
                continue;
            };
            if best.board > known
                && best.board >= floor
                && let Some(cell) = at.get_mut(begins.node as usize)
            {
                *cell = best.board;
                queue.push(limit.0 - best.board, begins.node);
            }
        }
    }
    at
}

impl Network {
    /// When a parcel arrives that goes from node to node, by the first departure each time; `None`
    /// when two are not joined, or beyond the window. For parcels that every service takes.
    #[must_use]
    pub fn follow(&self, nodes: &[u32], ready: Minute) -> Option<Minute> {
        let mut steps = nodes.iter().zip(nodes.iter().skip(1));
        steps
            .try_fold(ready.0, |now, (from, to)| {
                let pairs = self.timetable.from(*from);
                let pair = pairs.iter().find(|pair| pair.to == *to)?;
                Some(self.timetable.next(pair, now)?.ready)
            })
            .map(Minute)
    }

    /// The latest minute at which a parcel may be ready at `from` and still arrives at `to` by
    /// `promise`; `None` when it is impossible within the window. For parcels that every service
    /// takes.
    #[must_use]
    pub fn latest_departure(&self, from: Node, to: Node, promise: Minute) -> Option<Minute> {
        let all = latest(self, to, promise, |_| self.window.from.0);
        let at = all.get(from.index()).copied();
        at.filter(|at| *at != i32::MIN).map(Minute)
    }
}
