//! Plans of parcels under way, and new ones when conditions change.
//!
//! A plan is touched when one of its departures is gone or ends later than planned. Touched plans
//! are searched anew from where the parcel is, with lower bounds that are kept by destination:
//! conditions only slow down, so the bounds stay valid.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::network::{Mode, Network, Node};
use crate::reach::{Bounds, Reach};
use crate::search::Step;
use crate::time::{Minute, span};

/// Destinations whose bounds are kept: about 120 MB on the largest networks.
const BOUNDS_MAX: usize = 6_000;

/// How a parcel is to travel. For parcels that every service takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    from: Node,
    ready: Minute,
    to: Node,
    steps: Vec<Step>,
}

impl Plan {
    /// Where the parcel is.
    #[must_use]
    pub const fn from(&self) -> Node {
        self.from
    }

    /// When it is ready there.
    #[must_use]
    pub const fn ready(&self) -> Minute {
        self.ready
    }

    /// Where it must get to.
    #[must_use]
    pub const fn to(&self) -> Node {
        self.to
    }

    /// Arrival by timetable.
    #[must_use]
    pub fn arrive(&self) -> Minute {
        self.steps.last().map_or(self.ready, |step| step.ready)
    }

    /// What is left of it at a time: the legs whose cut-off is not over, from where the parcel is then;
    /// `None` when there are none.
    #[must_use]
    pub fn rest(&self, network: &Network, at: Minute) -> Option<Self> {
        Self::left(network, &self.steps, (self.ready, self.to), at)
    }

    /// The same of steps for a parcel that was ready at a time and must get to a node.
    pub(crate) fn left(
        network: &Network,
        steps: &[Step],
        (ready, to): (Minute, Node),
        at: Minute,
    ) -> Option<Self> {
        let over = |step: &&Step| {
            let cutoff = network.leg(step.leg).map_or(0, |leg| leg.cutoff);
            step.departs.after(-cutoff) < at
        };
        let gone = steps.iter().take_while(over).count();
        let rest = steps.get(gone..)?;
        let from = network.leg(rest.first()?.leg)?.from;
        let before = gone.checked_sub(1).and_then(|last| steps.get(last));
        Some(Self {
            from,
            ready: before.map_or(ready, |step| step.ready).max(at),
            to,
            steps: rest.to_vec(),
        })
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Number of legs.
    #[must_use]
    pub fn legs(&self) -> usize {
        self.steps.len()
    }

    /// Straits, canals and passes on the way.
    pub fn passages<'a>(&'a self, network: &'a Network) -> impl Iterator<Item = &'a str> + 'a {
        let legs = self.steps.iter().filter_map(|step| network.leg(step.leg));
        let services = legs.filter_map(|leg| network.service(leg));
        services.flat_map(|service| service.via.iter().map(String::as_str))
    }

    /// Nodes after each leg.
    pub fn nodes<'a>(&'a self, network: &'a Network) -> impl Iterator<Item = Node> + 'a {
        let legs = self.steps.iter().filter_map(|step| network.leg(step.leg));
        legs.map(|leg| leg.to)
    }
}

/// What became of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replanned {
    /// Arrival before the change.
    pub before: Minute,
    /// Arrival with the legs of the old plan, each with its next departure; `None` beyond the
    /// window.
    pub kept: Option<Minute>,
    /// The new plan; `None` when the destination cannot be reached any more.
    pub plan: Option<Plan>,
    /// Cause, and what the new plan gains, as a sentence.
    pub why: String,
}

/// Searches plans, and keeps what can be used again.
#[derive(Clone, Debug)]
pub struct Planner {
    reach: Reach,
    /// Services that are not used.
    banned: BTreeSet<u32>,
    bounds: BTreeMap<Node, Bounds>,
    /// Destinations in the order in which their bounds were made.
    order: VecDeque<Node>,
}

impl Planner {
    /// One for a network under any conditions.
    #[must_use]
    pub fn new(network: &Network) -> Self {
        Self {
            reach: Reach::new(network),
            banned: BTreeSet::new(),
            bounds: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    /// One for parcels that may not go by a mode, such as dangerous goods by air.
    #[must_use]
    pub fn without(network: &Network, mode: Mode) -> Self {
        let services = (0u32..).zip(&network.services);
        let banned = services.filter(|(_, service)| service.mode == mode);
        Self {
            banned: banned.map(|(number, _)| number).collect(),
            ..Self::new(network)
        }
    }

    /// The plan with the earliest arrival; `None` when there is none in the window.
    pub fn plan(&mut self, network: &Network, from: Node, ready: Minute, to: Node) -> Option<Plan> {
        if !self.bounds.contains_key(&to) {
            while self.order.len() >= BOUNDS_MAX {
                let oldest = self.order.pop_front();
                oldest.and_then(|oldest| self.bounds.remove(&oldest));
            }
            self.order.push_back(to);
            self.bounds.insert(to, Bounds::new(network, to));
        }
        let bounds = self.bounds.get(&to)?;
        self.reach
            .seek_by(network, (from, ready), bounds, &self.banned)?;
        let steps = self.reach.route(network, to)?;
        Some(Plan {
            from,
            ready,
            to,
            steps,
        })
    }

    /// A new plan in the place of one that is touched; `None` when it holds as it is.
    pub fn replan(&mut self, network: &Network, plan: &Plan) -> Option<Replanned> {
        let broken = network.broken(plan)?;
        let kept = network.keep(plan);
        let new = self.plan(network, plan.from, plan.ready, plan.to);
        let cause = network.cause(plan, broken);
        let arrive = new.as_ref().map(Plan::arrive);
        let why = match (arrive, kept) {
            (None, _) => format!("{cause}; no other route arrives in time"),
            (Some(_), None) => format!("{cause}; the old route would not arrive at all"),
            (Some(arrive), Some(kept)) => format!(
                "{cause}; arrives {} later than planned, {} earlier than by the old route",
                span(arrive.since(plan.arrive())),
                span(kept.since(arrive)),
            ),
        };
        Some(Replanned {
            before: plan.arrive(),
            kept,
            plan: new,
            why,
        })
    }
}

impl Network {
    /// The first step of a plan that does not take place as planned.
    fn broken(&self, plan: &Plan) -> Option<Step> {
        let mut ready = plan.ready;
        for step in &plan.steps {
            let cutoff = self.leg(step.leg).map_or(0, |leg| leg.cutoff);
            let run = self.next_run(step.leg, step.departs.after(-cutoff));
            let holds = run.is_some_and(|run| {
                run.board == step.departs.after(-cutoff).0
                    && run.ready <= step.ready.0
                    && run.board >= ready.0
            });
            if !holds {
                return Some(*step);
            }
            ready = step.ready;
        }
        None
    }

    /// Arrival when every leg of a plan is kept and its next departure taken.
    fn keep(&self, plan: &Plan) -> Option<Minute> {
        plan.steps.iter().try_fold(plan.ready, |ready, step| {
            let run = self.next_run(step.leg, ready)?;
            Some(Minute(run.ready))
        })
    }

    /// What happened to a step: the conditions that touch its leg.
    fn cause(&self, plan: &Plan, step: Step) -> String {
        let place = |node| self.id(node).to_owned();
        let Some((leg, service)) = self
            .leg(step.leg)
            .and_then(|leg| Some((leg, self.service(leg)?)))
        else {
            return "a leg is gone".to_owned();
        };
        let until = plan.arrive();
        let reasons: Vec<&str> = self
            .conditions
            .iter()
            .filter(|condition| condition.from <= until && plan.ready < condition.to)
            .filter(|condition| condition.change.subject().touches(self, leg))
            .map(|condition| condition.reason.as_str())
            .collect();
        let reasons = match reasons.as_slice() {
            [] => "an earlier leg is late".to_owned(),
            all => all.join(", "),
        };
        format!(
            "{} from {} to {} at {} does not run as planned ({reasons})",
            service.id,
            place(leg.from),
            place(leg.to),
            self.text_clock(leg.from, step.departs),
        )
    }
}
