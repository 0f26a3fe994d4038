//! The part of the network in which the answers to a Pareto search lie.
//!
//! A node is in the corridor when the earliest readiness there is not after the latest readiness
//! from which the destination is still reached in time; a leg, when its next departure at the
//! earliest ends in time for its end. Within the corridor nodes have numbers of their own, legs
//! their price and emissions for the parcel's weight, and nodes lower bounds on both, on legs, and
//! by a few deadlines on the arrival: how late a parcel may be at a node to meet the deadline. The
//! legs of a node are looked up when it is first left.

use crate::goal::Goal;
use crate::network::{Network, Node};
use crate::reach::{Reach, latest};
use crate::search::Spec;
use crate::time::Minute;

/// Deadlines between the earliest arrival and the last one allowed.
const DEADLINES: usize = 5;
/// The square of it.
const SQUARES: i64 = 25;

/// A leg within the corridor.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Edge {
    pub(crate) to: u32,
    pub(crate) leg: u32,
    /// Least minutes from the cut-off to readiness.
    pub(crate) least: i32,
    pub(crate) cost: i64,
    pub(crate) co2: i64,
}

/// What remains from a node at the least.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rest {
    node: u32,
    pub(crate) cost: i64,
    pub(crate) co2: i64,
    pub(crate) legs: u8,
    /// By deadline, the earliest first: latest readiness here.
    latest: [i32; DEADLINES],
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Corridor {
    /// By node of the network: its number here.
    pub(crate) number: Vec<u32>,
    pub(crate) rest: Vec<Rest>,
    /// By node; empty until it is first left.
    edges: Vec<Option<Vec<Edge>>>,
    deadlines: [i32; DEADLINES],
}

impl Corridor {
    pub(crate) fn new(
        network: &Network,
        spec: &Spec<'_>,
        reach: &Reach,
        goal: Option<&Goal>,
    ) -> Self {
        let mut corridor = Self {
            number: vec![u32::MAX; network.nodes.len()],
            rest: Vec::new(),
            edges: Vec::new(),
            deadlines: [spec.latest.0; DEADLINES],
        };
        let best = goal.and_then(|goal| reach.at(goal.to()));
        let fields = match (goal, best) {
            (Some(goal), Some(best)) => corridor.fields(network, spec, reach, (goal.to(), best)),
            _ => Vec::new(),
        };
        for node in reach.touched() {
            let mut rest = Rest {
                node: *node,
                latest: [spec.latest.0; DEADLINES],
                ..Rest::default()
            };
            for (cell, field) in rest.latest.iter_mut().zip(&fields) {
                *cell = field.get(*node as usize).copied().unwrap_or(i32::MIN);
            }
            if let Some(goal) = goal {
                (rest.cost, rest.co2, rest.legs) = goal.rest(Node(*node));
            }
            let inside = rest
                .latest
                .last()
                .is_some_and(|last| reach.known(*node) <= *last);
            let other_zone =
                goal.is_some_and(|goal| goal.to() != Node(*node)) && network.is_zone(Node(*node));
            if inside && !other_zone {
                if let Some(cell) = corridor.number.get_mut(*node as usize) {
                    *cell = u32::try_from(corridor.rest.len()).unwrap_or(u32::MAX);
                }
                corridor.rest.push(rest);
            }
        }
        corridor.edges = vec![None; corridor.rest.len()];
        corridor
    }

    /// Latest readiness by deadline and node.
    fn fields(
        &mut self,
        network: &Network,
        spec: &Spec<'_>,
        reach: &Reach,
        (to, best): (Node, Minute),
    ) -> Vec<Vec<i32>> {
        let span = i64::from(spec.latest.since(best));
        let mut fields = Vec::new();
        for (step, cell) in (1..).zip(&mut self.deadlines) {
            // Closer together near the earliest arrival, where most answers are.
            let part = i32::try_from(span * step * step / SQUARES).unwrap_or(0);
            let deadline = best.after(part);
            *cell = deadline.0;
            fields.push(latest(network, to, deadline, |node| reach.known(node)));
        }
        fields
    }

    /// Takes the legs from a node that can be part of an answer; [`Corridor::put_back`] gives them
    /// back.
    pub(crate) fn take(
        &mut self,
        network: &Network,
        spec: &Spec<'_>,
        reach: &Reach,
        node: u32,
    ) -> Vec<Edge> {
        let known = self.edges.get_mut(node as usize).and_then(Option::take);
        known.unwrap_or_else(|| self.leave(network, spec, reach, node))
    }

    pub(crate) fn put_back(&mut self, node: u32, edges: Vec<Edge>) {
        if let Some(cell) = self.edges.get_mut(node as usize) {
            *cell = Some(edges);
        }
    }

    fn leave(&self, network: &Network, spec: &Spec<'_>, reach: &Reach, node: u32) -> Vec<Edge> {
        let mut edges = Vec::new();
        let Some(here) = self.rest.get(node as usize) else {
            return edges;
        };
        let now = reach.known(here.node);
        let weight_g = spec.allowed.weight_g;
        for pair in network.timetable.from(here.node) {
            let to = self
                .number
                .get(pair.to as usize)
                .copied()
                .unwrap_or(u32::MAX);
            let Some(there) = self.rest.get(to as usize) else {
                continue;
            };
            let by = there.latest.last().copied().unwrap_or(i32::MIN);
            if now + pair.least > by {
                continue;
            }
            for leg in pair.legs().filter(|leg| spec.allowed.leg(network, *leg)) {
                let run = network.timetable.next_run(leg, now);
                if let Some(info) = network.leg(leg)
                    && run.is_some_and(|run| run.ready <= by)
                {
                    edges.push(Edge {
                        to,
                        leg,
                        least: pair.least,
                        cost: info.cost(weight_g).0,
                        co2: if spec.co2 { info.co2(weight_g).0 } else { 0 },
                    });
                }
            }
        }
        edges
    }

    /// The first deadline that a parcel ready at a node at `ready` can still meet, and a lower bound
    /// on its arrival; `None` when it cannot arrive in time.
    #[inline]
    pub(crate) fn arrival(&self, rest: &Rest, ready: i32, earliest: Minute) -> Option<(i32, i32)> {
        let mut floor = earliest.0;
        for (number, (latest, deadline)) in (0..).zip(rest.latest.iter().zip(&self.deadlines)) {
            if ready <= *latest {
                return Some((number, floor));
            }
            floor = deadline + 1;
        }
        None
    }
}
