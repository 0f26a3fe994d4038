//! Pareto search: the routes that no other beats in arrival, cost and, when asked for, emissions.
//!
//! Labels are settled in order of the deadline that they can still meet, then of readiness (NAMOA*
//! with the arrival as the first criterion), so those of the destination come in order of arrival.
//! Neither falls along a route, so minutes are buckets of a queue. The number of legs takes part in the comparison,
//! because a route may have [`LEGS_MAX`] at most. Each leg takes its next departure only: all
//! departures of a service cost the same, so a later one cannot be part of a better route.
//!
//! A tolerance leaves out routes that hardly differ. With a destination it is applied there only,
//! against lower bounds: every route left out is within the tolerance of one that is kept, however
//! many legs it has. Without one it is applied at every node, where it adds up leg by leg.

use crate::corridor::{Corridor, Edge};
use crate::goal::Goal;
use crate::micros::Micros;
use crate::network::{Network, Node};
use crate::options::Point;
use crate::queue::Queue;
use crate::reach::{Allowed, Reach};
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

/// What a Pareto search is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec<'a> {
    pub(crate) origin: Node,
    pub(crate) ready: Minute,
    pub(crate) allowed: Allowed<'a>,
    /// Routes that end later are left out.
    pub(crate) latest: Minute,
    /// A route goes if another is no worse within this many thousandths.
    pub(crate) tolerance_permille: i64,
    /// Whether emissions count.
    pub(crate) co2: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Label {
    /// Number in the corridor.
    node: u32,
    ready: i32,
    cost: i64,
    co2: i64,
    legs: u8,
    parent: u32,
    leg: u32,
}

/// A settled label, as others are compared with it.
#[derive(Clone, Copy, Debug)]
struct Rival {
    ready: i32,
    cost: i64,
    co2: i64,
    legs: u8,
    number: u32,
}

/// The labels that a Pareto search kept.
#[derive(Debug)]
pub(crate) struct Labels {
    corridor: Corridor,
    all: Vec<Label>,
    /// By node of the corridor: labels none of which beats another, earliest first.
    fronts: Vec<Vec<Rival>>,
}

struct Search<'a> {
    network: &'a Network,
    spec: &'a Spec<'a>,
    reach: &'a Reach,
    one_target: bool,
    labels: Labels,
    queue: Queue,
    /// Minutes of readiness that a deadline has in the queue.
    span: i32,
    /// Where the queue is.
    now: i32,
    target: u32,
    earliest: Minute,
    /// Thousandths by which a rival may be worse at a node, and at the destination.
    factors: (i64, i64),
}

/// Routes that no other beats, with at most [`LEGS_MAX`] legs: to the one destination of `goal`,
/// or without it to all nodes. `reach` holds the earliest readiness at every node that matters.
pub(crate) fn pareto(
    network: &Network,
    spec: &Spec<'_>,
    reach: &Reach,
    goal: Option<&Goal>,
) -> Labels {
    let corridor = Corridor::new(network, spec, reach, goal);
    let number = |node: Node| corridor.number.get(node.index()).copied();
    let tolerant = 1_000 + spec.tolerance_permille;
    let to = goal.map(Goal::to);
    let mut search = Search {
        network,
        spec,
        reach,
        one_target: to.is_some(),
        queue: Queue::default(),
        span: spec.latest.min(network.window.to).since(spec.ready) + 1,
        now: 0,
        target: to.and_then(number).unwrap_or(u32::MAX),
        earliest: to.and_then(|to| reach.at(to)).unwrap_or(spec.ready),
        factors: match to {
            Some(_) => (1_000, tolerant),
            None => (tolerant, tolerant),
        },
        labels: Labels {
            all: Vec::new(),
            fronts: vec![Vec::new(); corridor.rest.len()],
            corridor,
        },
    };
    search.run();
    search.labels
}

impl Search<'_> {
    fn run(&mut self) {
        let origin = self
            .labels
            .corridor
            .number
            .get(self.spec.origin.index())
            .copied();
        let Some(origin) = origin.filter(|node| *node != u32::MAX) else {
            return;
        };
        self.push(Label {
            node: origin,
            ready: self.spec.ready.0,
            parent: u32::MAX,
            leg: u32::MAX,
            ..Label::default()
        });
        while let Some((now, number)) = self.queue.pop() {
            self.now = now;
            let Some(label) = self.labels.all.get(number as usize).copied() else {
                continue;
            };
            if self.bound(&label).is_none() || self.labels.beaten(&label, self.factors.0) {
                continue;
            }
            self.labels.settle(&label, number);
            if label.node != self.target && self.labels.all.len() <= LABELS_MAX {
                self.extend(&label, number);
            }
        }
    }

    fn extend(&mut self, label: &Label, number: u32) {
        let corridor = &mut self.labels.corridor;
        let edges = corridor.take(self.network, self.spec, self.reach, label.node);
        for edge in &edges {
            self.along(label, number, edge);
        }
        self.labels.corridor.put_back(label.node, edges);
    }

    /// Makes the label at the end of a leg, unless it cannot become an answer.
    #[inline]
    fn along(&mut self, label: &Label, number: u32, edge: &Edge) {
        let mut next = Label {
            node: edge.to,
            ready: label.ready + edge.least,
            cost: label.cost.saturating_add(edge.cost),
            co2: label.co2.saturating_add(edge.co2),
            legs: label.legs + 1,
            parent: number,
            leg: edge.leg,
        };
        // Before the timetable is asked: even without a wait it would not do.
        if self.one_target && self.bound(&next).is_none() {
            return;
        }
        let Some(run) = self.network.timetable.next_run(edge.leg, label.ready) else {
            return;
        };
        next.ready = run.ready;
        if !self.labels.beaten(&next, self.factors.0) {
            self.push(next);
        }
    }

    fn push(&mut self, label: Label) {
        if let Some(deadline) = self.bound(&label) {
            let number = u32::try_from(self.labels.all.len()).unwrap_or(u32::MAX);
            self.labels.all.push(label);
            let minute = deadline * self.span + label.ready - self.spec.ready.0;
            self.queue.push(minute.max(self.now), number);
        }
    }

    /// The first deadline that can still be met; `None` when the label cannot become an answer.
    fn bound(&self, label: &Label) -> Option<i32> {
        let corridor = &self.labels.corridor;
        let rest = corridor.rest.get(label.node as usize)?;
        if !self.one_target {
            let far = label.ready > self.spec.latest.0 || label.legs > LEGS_MAX;
            return (!far).then_some(0);
        }
        if label.legs + rest.legs > LEGS_MAX {
            return None;
        }
        if label.ready > self.spec.latest.0 {
            return None;
        }
        let (deadline, arrival) = corridor.arrival(rest, label.ready, self.earliest)?;
        let (arrival, factor) = if label.node == self.target {
            (label.ready, 1_000)
        } else {
            (arrival.max(label.ready), self.factors.1)
        };
        let (cost, co2) = (label.cost + rest.cost, label.co2 + rest.co2);
        let since = i64::from(arrival - self.spec.ready.0) * factor;
        let worse = (cost.saturating_mul(factor), co2.saturating_mul(factor));
        let found = self.labels.fronts.get(self.target as usize)?;
        let beaten = label.node != self.target
            && found.iter().any(|rival| {
                i64::from(rival.ready - self.spec.ready.0) * 1_000 <= since
                    && rival.cost.saturating_mul(1_000) <= worse.0
                    && rival.co2.saturating_mul(1_000) <= worse.1
            });
        (!beaten).then_some(deadline)
    }
}

impl Labels {
    fn settle(&mut self, label: &Label, number: u32) {
        if let Some(front) = self.fronts.get_mut(label.node as usize) {
            front.push(Rival {
                ready: label.ready,
                cost: label.cost,
                co2: label.co2,
                legs: label.legs,
                number,
            });
        }
    }

    /// Whether a settled label of the same node is no worse.
    fn beaten(&self, label: &Label, factor: i64) -> bool {
        let front = self.fronts.get(label.node as usize);
        let (cost, co2) = if factor == 1_000 {
            (label.cost, label.co2)
        } else {
            (
                label.cost.saturating_mul(factor) / 1_000,
                label.co2.saturating_mul(factor) / 1_000,
            )
        };
        front.is_some_and(|front| {
            front.iter().any(|rival| {
                rival.cost <= cost
                    && rival.co2 <= co2
                    && rival.legs <= label.legs
                    && rival.ready <= label.ready
            })
        })
    }

    /// Routes to a node that no other beats, earliest first.
    pub(crate) fn routes(&self, network: &Network, node: Node) -> Vec<Vec<Step>> {
        let best = self.best(node);
        best.iter()
            .map(|rival| self.trace(network, rival.number))
            .collect()
    }

    /// What these routes come to.
    pub(crate) fn points(&self, node: Node) -> Vec<Point> {
        let best = self.best(node);
        let points = best.iter().map(|rival| Point {
            arrive: Minute(rival.ready),
            cost: Micros(rival.cost),
            co2_g: Micros(rival.co2),
        });
        points.collect()
    }

    fn best(&self, node: Node) -> Vec<Rival> {
        let number = self.corridor.number.get(node.index()).copied();
        let front = number.and_then(|number| self.fronts.get(number as usize));
        let mut kept: Vec<Rival> = Vec::new();
        for rival in front.into_iter().flatten() {
            // A worse label was kept for its fewer legs: no longer of use at the end.
            if kept
                .iter()
                .all(|other| other.cost > rival.cost || other.co2 > rival.co2)
            {
                // Of equally early and cheap ones a dirtier one may have come first.
                kept.retain(|other| {
                    other.ready < rival.ready || other.cost < rival.cost || other.co2 < rival.co2
                });
                kept.push(*rival);
            }
        }
        kept
    }

    fn trace(&self, network: &Network, last: u32) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut next = self.all.get(last as usize);
        while let Some(label) = next {
            let parent = self.all.get(label.parent as usize);
            if let Some(parent) = parent
                && let Some(run) = network.timetable.next_run(label.leg, parent.ready)
                && let Some(leg) = network.leg(label.leg)
            {
                steps.push(Step {
                    leg: label.leg,
                    departs: Minute(run.board).after(leg.cutoff),
                    ready: Minute(run.ready),
                });
            }
            next = parent;
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
