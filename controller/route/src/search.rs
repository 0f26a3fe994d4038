//! Time-dependent search.
//!
//! [`earliest`] is Dijkstra's algorithm on arrival times: a leg's next departure is looked up when
//! its place is settled. It is exact because being ready later never makes any leg arrive earlier.
//! [`pareto`] settles labels in order of readiness and keeps those that no other beats in time,
//! cost and number of legs together. Each leg takes its next departure only: all departures of a
//! service cost the same, so a later one cannot be part of a better route.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use crate::graph::Bounds;
use crate::network::{Network, Node};
use crate::time::Minute;

/// Most legs of a route, the last mile included.
pub(crate) const LEGS_MAX: u8 = 8;
/// Labels after which a Pareto search stops with what it has: about 100 MB.
const LABELS_MAX: usize = 2_000_000;

/// A step of a route: a leg and its departure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) leg: u32,
    pub(crate) departs: Minute,
    /// Ready at the leg's end.
    pub(crate) ready: Minute,
}

/// Earliest readiness at every node, with the step that reaches it.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    pub(crate) at: Vec<Option<Minute>>,
    via: Vec<Option<Step>>,
}

/// Earliest readiness of a parcel at all nodes, from one that is ready at `origin` at `ready`.
pub(crate) fn earliest(
    network: &Network,
    origin: Node,
    ready: Minute,
    weight_g: u32,
    banned: &BTreeSet<u32>,
) -> Reach {
    let mut reach = Reach {
        at: vec![None; network.nodes.len()],
        via: vec![None; network.nodes.len()],
    };
    let mut queue = BinaryHeap::from([Reverse((ready, origin))]);
    if let Some(cell) = reach.at.get_mut(origin.index()) {
        *cell = Some(ready);
    }
    while let Some(Reverse((now, node))) = queue.pop() {
        if reach.at.get(node.index()).copied().flatten() != Some(now) {
            continue;
        }
        for (number, leg) in network.legs_from(node) {
            if banned.contains(&leg.service) || !network.takes(leg, weight_g) {
                continue;
            }
            let Some(departs) = network.next_departure(leg, now) else {
                continue;
            };
            let known = reach.at.get(leg.to.index()).copied().flatten();
            if known.is_some_and(|known| known <= departs) {
                continue;
            }
            let Some(then) = network.ready_after(leg, departs) else {
                continue;
            };
            if known.is_none_or(|known| then < known) {
                reach.set(
                    leg.to,
                    Step {
                        leg: number,
                        departs,
                        ready: then,
                    },
                );
                queue.push(Reverse((then, leg.to)));
            }
        }
    }
    reach
}

impl Reach {
    fn set(&mut self, node: Node, step: Step) {
        if let Some(cell) = self.at.get_mut(node.index()) {
            *cell = Some(step.ready);
        }
        if let Some(cell) = self.via.get_mut(node.index()) {
            *cell = Some(step);
        }
    }

    /// Steps from the origin to `node`; empty for the origin itself, `None` when not reached.
    pub(crate) fn route(&self, network: &Network, node: Node) -> Option<Vec<Step>> {
        self.at.get(node.index()).copied().flatten()?;
        let mut steps = Vec::new();
        let mut here = node;
        // Every step goes back in time, so there are at most as many as nodes.
        while let Some(step) = self.via.get(here.index()).copied().flatten() {
            steps.push(step);
            here = network.leg(step.leg)?.from;
        }
        steps.reverse();
        Some(steps)
    }
}

/// What a Pareto search is asked for.
#[derive(Debug)]
pub(crate) struct Spec<'a> {
    pub(crate) origin: Node,
    pub(crate) ready: Minute,
    pub(crate) weight_g: u32,
    /// Routes that end later are left out.
    pub(crate) latest: Minute,
    /// The one destination, with its lower bounds; `None`: all nodes.
    pub(crate) target: Option<(Node, &'a Bounds)>,
    /// A route goes if another is no later and costs no more than this many thousandths above it.
    pub(crate) tolerance_permille: i64,
    /// Services that may not be used.
    pub(crate) banned: &'a BTreeSet<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Label {
    node: Node,
    ready: Minute,
    cost: i64,
    legs: u8,
    parent: Option<u32>,
    leg: u32,
    departs: Minute,
}

/// The labels that a Pareto search kept.
#[derive(Debug)]
pub(crate) struct Labels {
    all: Vec<Label>,
    /// By node: labels none of which beats another, earliest first.
    fronts: Vec<Vec<u32>>,
}

/// Routes that no other beats in readiness and cost, with at most [`LEGS_MAX`] legs.
pub(crate) fn pareto(network: &Network, spec: &Spec<'_>) -> Labels {
    let mut labels = Labels {
        all: Vec::new(),
        fronts: vec![Vec::new(); network.nodes.len()],
    };
    let mut queue = BinaryHeap::new();
    labels.push(
        &mut queue,
        Label {
            node: spec.origin,
            ready: spec.ready,
            cost: 0,
            legs: 0,
            parent: None,
            leg: u32::MAX,
            departs: spec.ready,
        },
    );
    while let Some(Reverse((_, _, _, number))) = queue.pop() {
        let Some(label) = labels.get(number) else {
            continue;
        };
        if labels.beaten(&label, spec) {
            continue;
        }
        labels.settle(label.node, number);
        let at_target = spec.target.is_some_and(|(target, _)| target == label.node);
        if at_target || label.legs >= LEGS_MAX || labels.all.len() > LABELS_MAX {
            continue;
        }
        for (leg, _) in network.legs_from(label.node) {
            if let Some(next) = extend(network, spec, &label, (number, leg))
                && !labels.beaten(&next, spec)
            {
                labels.push(&mut queue, next);
            }
        }
    }
    labels
}

/// The label at the end of a leg, unless the leg cannot be part of an answer.
fn extend(
    network: &Network,
    spec: &Spec<'_>,
    label: &Label,
    (parent, number): (u32, u32),
) -> Option<Label> {
    let leg = network.leg(number)?;
    if spec.banned.contains(&leg.service) || !network.takes(leg, spec.weight_g) {
        return None;
    }
    if spec
        .target
        .is_some_and(|(target, _)| target != leg.to && network.is_zone(leg.to))
    {
        return None;
    }
    let departs = network.next_departure(leg, label.ready)?;
    let ready = network.ready_after(leg, departs)?;
    (ready <= spec.latest).then(|| Label {
        node: leg.to,
        ready,
        cost: label.cost.saturating_add(leg.cost(spec.weight_g).0),
        legs: label.legs + 1,
        parent: Some(parent),
        leg: number,
        departs,
    })
}

type Queue = BinaryHeap<Reverse<(Minute, i64, u8, u32)>>;

impl Labels {
    fn get(&self, number: u32) -> Option<Label> {
        self.all.get(number as usize).copied()
    }

    fn push(&mut self, queue: &mut Queue, label: Label) {
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(label);
        queue.push(Reverse((label.ready, label.cost, label.legs, number)));
    }

    fn settle(&mut self, node: Node, number: u32) {
        if let Some(front) = self.fronts.get_mut(node.index()) {
            front.push(number);
        }
    }

    /// Whether a settled label is no worse, here or, by the lower bounds, at the destination.
    fn beaten(&self, label: &Label, spec: &Spec<'_>) -> bool {
        let factor = 1_000 + spec.tolerance_permille;
        let no_worse = |other: &Label, (ready, cost): (Minute, i64)| {
            other.ready <= ready && other.cost.saturating_mul(1_000) <= cost.saturating_mul(factor)
        };
        let here = (label.ready, label.cost);
        let mut rivals = self.front(label.node);
        if rivals.any(|other| no_worse(&other, here) && other.legs <= label.legs) {
            return true;
        }
        let Some((target, bounds)) = spec.target else {
            return false;
        };
        let Some((minutes, cost)) = bounds.at(label.node) else {
            return true;
        };
        let there = (label.ready.after(minutes), label.cost.saturating_add(cost));
        there.0 > spec.latest
            || (target != label.node && self.front(target).any(|other| no_worse(&other, there)))
    }

    fn front(&self, node: Node) -> impl Iterator<Item = Label> {
        let front = self
            .fronts
            .get(node.index())
            .map(Vec::as_slice)
            .unwrap_or_default();
        front.iter().filter_map(|number| self.get(*number))
    }

    /// Routes to a node that no other beats in readiness and cost, earliest first.
    pub(crate) fn routes(&self, node: Node) -> Vec<Vec<Step>> {
        let mut routes = Vec::new();
        let mut cheapest = i64::MAX;
        for label in self.front(node) {
            // A dearer label was kept for its fewer legs: no longer of use at the end.
            if label.cost < cheapest {
                cheapest = label.cost;
                routes.push(self.trace(label));
            }
        }
        routes
    }

    fn trace(&self, last: Label) -> Vec<Step> {
        let mut steps = Vec::with_capacity(usize::from(last.legs));
        let mut label = last;
        while let Some(before) = label.parent.and_then(|parent| self.get(parent)) {
            steps.push(Step {
                leg: label.leg,
                departs: label.departs,
                ready: label.ready,
            });
            label = before;
        }
        steps.reverse();
        steps
    }
}

impl Network {
    pub(crate) fn is_zone(&self, node: Node) -> bool {
        self.node(node).is_some_and(|info| info.kind.is_none())
    }
}
