//! Alternatives for one parcel: routes that really differ, each with its arrival, cost, emissions,
//! customs steps and the reasons for and against it.

use std::collections::BTreeSet;

use crate::goal::Goal;
use crate::micros::Micros;
use crate::network::{Level, Mode, Network, Node};
use crate::ranking::{differs, distinct, keep_useful, order};
use crate::reach::{Allowed, Reach};
use crate::risk::Arrivals;
use crate::search::{Spec, Step, pareto};
use crate::time::{DAY_MIN, Minute};
use crate::why;

/// Routes that end this much later than the earliest, and after the promise, are not looked for.
const SLACK_MIN: i32 = 6 * DAY_MIN;
/// A promise to a place, which has no delivery days: this long after the earliest arrival.
const GRACE_MIN: i32 = 12 * 60;
/// Minutes to spare at every change for which surer routes are looked for.
pub(crate) const SPARE_MIN: [i32; 2] = [60, 240];
/// The same for vehicles as late as these shares of them are at most.
pub(crate) const LATE_SHARES: [f64; 3] = [0.5, 0.75, 0.9];

/// What routes are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Where the parcel is.
    pub from: Node,
    /// Place or zone it must get to.
    pub to: Node,
    /// When it is ready to leave `from`.
    pub ready: Minute,
    /// Its weight in grams.
    pub weight_g: u32,
    /// Service level; decides which route is first, and the promise to a zone.
    pub level: Level,
    /// When it must have arrived; absent: the zone's promise for the level, or for a place twelve
    /// hours after the earliest arrival.
    pub promise: Option<Minute>,
    /// Most alternatives wanted.
    pub options: usize,
}

/// What [`Network::points`] leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Routes that arrive more than this many minutes after the earliest.
    pub within_min: i32,
    /// Routes that are better than another by at most this many thousandths.
    pub tolerance_permille: i64,
    /// Whether emissions count.
    pub co2: bool,
}

/// What a route comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Arrival by timetable.
    pub arrive: Minute,
    /// Price in the base currency.
    pub cost: Micros,
    /// Grams of CO2; 0 when they do not count.
    pub co2_g: Micros,
}

/// One leg of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Means of transport.
    pub mode: Mode,
    /// Boarding place.
    pub from: Node,
    /// Place or zone where it ends.
    pub to: Node,
    /// The parcel must be ready at `from` by then.
    pub board_by: Minute,
    /// Departure.
    pub depart: Minute,
    /// Arrival of the vehicle, before customs and handling.
    pub arrive: Minute,
    /// Cleared and handled: ready for the next leg.
    pub ready: Minute,
    /// Who runs it.
    pub carrier: String,
    /// Id of the service; of the last mile, the zone's.
    pub service: String,
}

/// A customs clearance on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomsStep {
    /// Territory left.
    pub from: String,
    /// Territory entered.
    pub to: String,
    /// Where the parcel is presented.
    pub place: Node,
    /// Half are cleared within this many minutes.
    pub p50_min: i32,
    /// Nine of ten are.
    pub p90_min: i32,
}

/// A route with all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteOption {
    /// 1 is the one to take.
    pub rank: usize,
    /// Legs in order; empty when origin and destination are one.
    pub legs: Vec<Hop>,
    /// Arrival by timetable, with the median of customs.
    pub arrive: Minute,
    /// Half of all parcels arrive by then; `None` when more than half miss the window.
    pub arrive_p50: Option<Minute>,
    /// Nine of ten do.
    pub arrive_p90: Option<Minute>,
    /// The promise the probability is of.
    pub promise: Minute,
    /// Probability of arriving by the promise.
    pub on_time_probability: f64,
    /// Price in the network's base currency.
    pub cost: Micros,
    /// Grams of CO2.
    pub co2_g: Micros,
    /// Borders crossed.
    pub customs: Vec<CustomsStep>,
    /// Reasons, one sentence each.
    pub why: Vec<String>,
    pub(crate) steps: Vec<Step>,
}

impl RouteOption {
    /// Place after the first leg: what a sort plan calls the hop.
    #[must_use]
    pub fn hop(&self) -> Option<Node> {
        self.legs.first().map(|leg| leg.to)
    }

    /// When the parcel must be ready at the origin.
    #[must_use]
    pub fn board_by(&self) -> Option<Minute> {
        self.legs.first().map(|leg| leg.board_by)
    }
}

impl Network {
    /// Routes for a query, best first: all that no other beats in arrival and cost, those that
    /// hardly differ left out; when fewer than asked for, also the best ones without a service of
    /// the first. Empty when the destination cannot be reached in the window.
    #[must_use]
    pub fn options(&self, query: &Query) -> Vec<RouteOption> {
        if query.from == query.to {
            return vec![self.already_there(query)];
        }
        let goal = Goal::new(self, query.to, query.weight_g);
        let mut search = Options {
            network: self,
            query: *query,
            goal: &goal,
            reach: Reach::new(self),
        };
        let none = BTreeSet::new();
        let Some(best) = search.around(SLACK_MIN, &none) else {
            return Vec::new();
        };
        let promise = query
            .promise
            .or_else(|| self.promise(query.to, query.ready, query.level))
            .unwrap_or_else(|| best.after(GRACE_MIN));
        let query = &Query {
            promise: Some(promise),
            ..*query
        };
        let mut arrivals = Arrivals::new(query.ready);
        search.query.promise = Some(promise);
        let slack = SLACK_MIN.max(promise.since(best));
        let mut front = search.front(slack, &none);
        if front.is_empty() {
            // Only routes of more legs than the Pareto search allows.
            front.extend(search.reach.route(self, query.to));
        }
        search.surer(&mut front, best.after(slack));
        let all = self.ranked(query, &front, &mut arrivals);
        let mut chosen = distinct(all, query.options);
        search.fill_up(&mut arrivals, &mut chosen);
        why::explain(self, query, &mut chosen);
        chosen
    }

    /// The legs of a route, each with the first departure for a parcel that is ready at `ready`.
    pub(crate) fn without_waiting(&self, steps: &[Step], ready: Minute) -> Option<Vec<Step>> {
        let mut now = ready;
        let step = |step: &Step| {
            let leg = self.leg(step.leg)?;
            let run = self.next_run(step.leg, now)?;
            now = Minute(run.ready);
            Some(Step {
                leg: step.leg,
                departs: Minute(run.board).after(leg.cutoff),
                ready: now,
            })
        };
        steps.iter().map(step).collect()
    }

    /// Adds the route to a node that a search with time to spare found, unless it is known or ends
    /// after `latest`.
    pub(crate) fn add_route(
        &self,
        reach: &Reach,
        (to, ready, latest): (Node, Minute, Minute),
        routes: &mut Vec<Vec<Step>>,
    ) {
        let route = reach.route(self, to);
        let route = route.and_then(|steps| self.without_waiting(&steps, ready));
        let ends = |steps: &Vec<Step>| steps.last().is_some_and(|step| step.ready <= latest);
        if let Some(steps) = route.filter(ends)
            && !routes.contains(&steps)
        {
            routes.push(steps);
        }
    }

    /// Routes with their figures, best first.
    pub(crate) fn ranked(
        &self,
        query: &Query,
        routes: &[Vec<Step>],
        arrivals: &mut Arrivals,
    ) -> Vec<RouteOption> {
        let mut all: Vec<RouteOption> = routes
            .iter()
            .map(|steps| self.evaluate(query, steps, arrivals))
            .collect();
        keep_useful(&mut all);
        order(&mut all, query.level);
        all
    }

    /// Arrival and cost of every route that no other beats in both, earliest first, up to six
    /// days after the earliest arrival and of at most eight legs: what [`Network::options`]
    /// chooses from.
    #[must_use]
    pub fn frontier(&self, query: &Query) -> Vec<(Minute, Micros)> {
        let goal = Goal::new(self, query.to, query.weight_g);
        let mut search = Options {
            network: self,
            query: *query,
            goal: &goal,
            reach: Reach::new(self),
        };
        let routes = search.front(SLACK_MIN, &BTreeSet::new());
        let cost = |steps: &[Step]| self.cost_of(steps, query.weight_g);
        let figures = routes
            .iter()
            .filter_map(|steps| Some((steps.last()?.ready, cost(steps))));
        figures.collect()
    }

    /// Arrival, cost and emissions of the routes that no other beats in all three. With a tolerance
    /// every route left out has one among the answers that is worse by at most that share in each
    /// criterion, the arrival counted from readiness.
    #[must_use]
    pub fn points(&self, query: &Query, limits: Limits) -> Vec<Point> {
        let goal = Goal::new(self, query.to, query.weight_g);
        self.points_to(query, limits, &goal, &mut Reach::new(self))
    }

    /// The same with lower bounds and memory at hand; the bounds are for the destination and the
    /// weight of the query.
    #[must_use]
    pub fn points_to(
        &self,
        query: &Query,
        limits: Limits,
        goal: &Goal,
        reach: &mut Reach,
    ) -> Vec<Point> {
        let none = BTreeSet::new();
        let allowed = Allowed {
            weight_g: query.weight_g,
            banned: &none,
        };
        let from = (query.from, query.ready);
        reach.around(self, from, (&goal.bounds, limits.within_min), allowed);
        let Some(best) = reach.at(query.to) else {
            return Vec::new();
        };
        let spec = Spec {
            origin: query.from,
            ready: query.ready,
            allowed,
            latest: best.after(limits.within_min),
            tolerance_permille: limits.tolerance_permille,
            co2: limits.co2,
        };
        pareto(self, &spec, reach, Some(goal)).points(query.to)
    }

    fn already_there(&self, query: &Query) -> RouteOption {
        let mut option = self.evaluate(query, &[], &mut Arrivals::new(query.ready));
        option.rank = 1;
        option
            .why
            .push(format!("{} is where the parcel is", self.id(query.to)));
        option
    }

    /// All figures of a route; rank and reasons are left open.
    fn evaluate(&self, query: &Query, steps: &[Step], arrivals: &mut Arrivals) -> RouteOption {
        let promise = query.promise.unwrap_or(query.ready);
        let when = arrivals.after(self, steps);
        let legs: Vec<Hop> = steps.iter().filter_map(|step| self.hop(step)).collect();
        let used = || steps.iter().filter_map(|step| self.leg(step.leg));
        RouteOption {
            rank: 0,
            arrive: steps.last().map_or(query.ready, |step| step.ready),
            arrive_p50: when.quantile(0.5),
            arrive_p90: when.quantile(0.9),
            promise,
            on_time_probability: when.by(promise),
            cost: self.cost_of(steps, query.weight_g),
            co2_g: used().fold(Micros::ZERO, |sum, leg| sum.plus(leg.co2(query.weight_g))),
            customs: used()
                .filter_map(|leg| {
                    let clearance = self.clearance(leg)?;
                    Some(CustomsStep {
                        from: clearance.from.clone(),
                        to: clearance.to.clone(),
                        place: leg.to,
                        p50_min: clearance.p50,
                        p90_min: clearance.p90,
                    })
                })
                .collect(),
            legs,
            why: Vec::new(),
            steps: steps.to_vec(),
        }
    }

    pub(crate) fn cost_of(&self, steps: &[Step], weight_g: u32) -> Micros {
        let legs = steps.iter().filter_map(|step| self.leg(step.leg));
        legs.fold(Micros::ZERO, |sum, leg| sum.plus(leg.cost(weight_g)))
    }

    fn hop(&self, step: &Step) -> Option<Hop> {
        let leg = self.leg(step.leg)?;
        let service = self.service(leg)?;
        Some(Hop {
            mode: service.mode,
            from: leg.from,
            to: leg.to,
            board_by: step.departs.after(-leg.cutoff),
            depart: step.departs,
            arrive: step.departs.after(leg.run),
            ready: step.ready,
            carrier: service.carrier.clone(),
            service: service.id.clone(),
        })
    }
}

/// The search for the options of one query.
struct Options<'a> {
    network: &'a Network,
    query: Query,
    goal: &'a Goal,
    reach: Reach,
}

impl Options<'_> {
    /// Looks for everything on ways that end at most `slack` minutes after the earliest arrival,
    /// which it gives.
    fn around(&mut self, slack: i32, banned: &BTreeSet<u32>) -> Option<Minute> {
        let from = (self.query.from, self.query.ready);
        let allowed = Allowed {
            weight_g: self.query.weight_g,
            banned,
        };
        let bounds = &self.goal.bounds;
        self.reach
            .around(self.network, from, (bounds, slack), allowed);
        self.reach.at(self.query.to)
    }

    /// The routes that no other beats and that end at most `slack` minutes after the earliest.
    fn front(&mut self, slack: i32, banned: &BTreeSet<u32>) -> Vec<Vec<Step>> {
        let Some(best) = self.around(slack, banned) else {
            return Vec::new();
        };
        let spec = Spec {
            origin: self.query.from,
            ready: self.query.ready,
            allowed: Allowed {
                weight_g: self.query.weight_g,
                banned,
            },
            latest: best.after(slack),
            tolerance_permille: 0,
            co2: false,
        };
        let labels = pareto(self.network, &spec, &self.reach, Some(self.goal));
        labels.routes(self.network, self.query.to)
    }

    /// Adds routes with time to spare, the same at every change or by how late vehicles are: they
    /// may be surer, if not earlier.
    fn surer(&mut self, routes: &mut Vec<Vec<Step>>, latest: Minute) {
        let (network, query) = (self.network, self.query);
        if i64::from(query.weight_g) > network.light_g {
            return;
        }
        let start = (query.from, query.ready);
        let bounds = Some(&self.goal.bounds);
        for spare in SPARE_MIN {
            self.reach.spare(network, start, spare, bounds);
            network.add_route(&self.reach, (query.to, query.ready, latest), routes);
        }
        for share in LATE_SHARES {
            self.reach.late(network, start, share, bounds);
            network.add_route(&self.reach, (query.to, query.ready, latest), routes);
        }
    }

    /// Adds the best routes that do without one service of the first route.
    fn fill_up(&mut self, arrivals: &mut Arrivals, chosen: &mut Vec<RouteOption>) {
        let Some(first) = chosen.first().cloned() else {
            return;
        };
        for hop in &first.legs {
            if chosen.len() >= self.query.options {
                break;
            }
            if self.network.is_zone(hop.to) {
                continue;
            }
            let services = (0u32..).zip(&self.network.services);
            let banned = services.filter(|(_, service)| service.id == hop.service);
            let banned: BTreeSet<u32> = banned.map(|(number, _)| number).collect();
            let front = self.front(SLACK_MIN, &banned);
            let more = self.network.ranked(&self.query, &front, arrivals);
            let best = more
                .into_iter()
                .find(|option| chosen.iter().all(|other| differs(option, other)));
            chosen.extend(best);
        }
    }
}
