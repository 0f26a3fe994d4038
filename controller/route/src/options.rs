//! Alternatives for one parcel: routes that really differ, each with its arrival, cost, emissions,
//! customs steps and the reasons for and against it.

use std::collections::BTreeSet;

use crate::graph::Bounds;
use crate::micros::Micros;
use crate::network::{Level, Mode, Network, Node};
use crate::risk::Arrivals;
use crate::search::{Spec, Step, earliest, pareto};
use crate::time::{DAY_MIN, Minute};
use crate::why;

/// A route counts as keeping its promise from this probability on.
pub(crate) const SURE: f64 = 0.9;
/// Routes that end this much later than the earliest, and after the promise, are not looked for.
const SLACK_MIN: i32 = 6 * DAY_MIN;
/// A promise to a place, which has no delivery days: this long after the earliest arrival.
const GRACE_MIN: i32 = 12 * 60;
/// Two routes closer than this in arrival and cost are one alternative.
const ALIKE_MIN: i32 = 60;
/// Share of the cost, in thousandths.
const ALIKE_PERMILLE: i64 = 20;

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
        let bounds = Bounds::new(self, query.to, query.weight_g);
        let none = BTreeSet::new();
        let first = earliest(self, query.from, query.ready, query.weight_g, &none);
        let Some(best) = first.at.get(query.to.index()).copied().flatten() else {
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
        let mut front = self.front(query, &bounds, best.after(SLACK_MIN).max(promise), &none);
        if front.is_empty() {
            // Only routes of more legs than the Pareto search allows.
            front.extend(first.route(self, query.to));
        }
        let all = self.ranked(query, &front, &mut arrivals);
        let mut chosen = distinct(all, query.options);
        self.fill_up(query, &bounds, &mut arrivals, &mut chosen);
        why::explain(self, query, &mut chosen);
        chosen
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
        order(&mut all, query.level);
        all
    }

    /// Arrival and cost of every route that no other beats in both, earliest first, up to six
    /// days after the earliest arrival and of at most eight legs: what [`Network::options`]
    /// chooses from.
    #[must_use]
    pub fn frontier(&self, query: &Query) -> Vec<(Minute, Micros)> {
        let none = BTreeSet::new();
        let bounds = Bounds::new(self, query.to, query.weight_g);
        let first = earliest(self, query.from, query.ready, query.weight_g, &none);
        let Some(best) = first.at.get(query.to.index()).copied().flatten() else {
            return Vec::new();
        };
        let routes = self.front(query, &bounds, best.after(SLACK_MIN), &none);
        let cost = |steps: &[Step]| self.cost(query, steps);
        let figures = routes
            .iter()
            .filter_map(|steps| Some((steps.last()?.ready, cost(steps))));
        figures.collect()
    }

    fn front(
        &self,
        query: &Query,
        bounds: &Bounds,
        latest: Minute,
        banned: &BTreeSet<u32>,
    ) -> Vec<Vec<Step>> {
        let spec = Spec {
            origin: query.from,
            ready: query.ready,
            weight_g: query.weight_g,
            latest,
            target: Some((query.to, bounds)),
            tolerance_permille: 0,
            banned,
        };
        pareto(self, &spec).routes(query.to)
    }

    /// Adds the best routes that do without one service of the first route.
    fn fill_up(
        &self,
        query: &Query,
        bounds: &Bounds,
        arrivals: &mut Arrivals,
        chosen: &mut Vec<RouteOption>,
    ) {
        let Some(first) = chosen.first().cloned() else {
            return;
        };
        for hop in &first.legs {
            if chosen.len() >= query.options {
                break;
            }
            if self.is_zone(hop.to) {
                continue;
            }
            let services = (0u32..).zip(&self.services);
            let banned = services.filter(|(_, service)| service.id == hop.service);
            let banned: BTreeSet<u32> = banned.map(|(number, _)| number).collect();
            let latest = first.arrive.after(SLACK_MIN);
            let front = self.front(query, bounds, latest, &banned);
            let more = self.ranked(query, &front, arrivals);
            let best = more
                .into_iter()
                .find(|option| chosen.iter().all(|other| differs(option, other)));
            chosen.extend(best);
        }
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
            cost: self.cost(query, steps),
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
        }
    }

    fn cost(&self, query: &Query, steps: &[Step]) -> Micros {
        let legs = steps.iter().filter_map(|step| self.leg(step.leg));
        legs.fold(Micros::ZERO, |sum, leg| sum.plus(leg.cost(query.weight_g)))
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

/// Puts the one to take first, then by arrival: of the routes sure to keep the promise the
/// earliest that hardly costs more than the cheapest (for express the earliest of all); when none
/// is sure, the one most likely to keep it.
fn order(options: &mut [RouteOption], level: Level) {
    options.sort_by_key(|option| (option.arrive, option.cost));
    let best = {
        let all = || options.iter().enumerate();
        let sure = || all().filter(|(_, option)| option.on_time_probability >= SURE);
        let pick = match level {
            Level::Express => sure().min_by_key(|(_, option)| (option.arrive, option.cost)),
            Level::Standard | Level::Economy => {
                let least = sure()
                    .map(|(_, option)| option.cost)
                    .min()
                    .unwrap_or_default();
                let most = least.plus(least.share(ALIKE_PERMILLE, 1_000));
                let cheap = sure().filter(|(_, option)| option.cost <= most);
                cheap.min_by_key(|(_, option)| (option.arrive, option.cost))
            }
        };
        // Of equal probabilities `max_by` takes the last: look from the latest arrival on.
        pick.or_else(|| {
            all().rev().max_by(|left, right| {
                left.1
                    .on_time_probability
                    .total_cmp(&right.1.on_time_probability)
            })
        })
        .map(|(index, _)| index)
    };
    if let Some(first) = best.and_then(|index| options.get_mut(..=index)) {
        first.rotate_right(1);
    }
}

/// The first `limit` options that differ from all before them.
fn distinct(all: Vec<RouteOption>, limit: usize) -> Vec<RouteOption> {
    let mut chosen: Vec<RouteOption> = Vec::new();
    for option in all {
        if chosen.len() >= limit.max(1) {
            break;
        }
        if chosen.iter().all(|other| differs(&option, other)) {
            chosen.push(option);
        }
    }
    chosen
}

/// Two options differ when they use other services, and differ in time or in cost by more than
/// anyone would care about.
fn differs(option: &RouteOption, other: &RouteOption) -> bool {
    let services = |option: &RouteOption| -> Vec<String> {
        option.legs.iter().map(|leg| leg.service.clone()).collect()
    };
    let apart = option.arrive.since(other.arrive).abs() >= ALIKE_MIN
        || (option.cost.0 - other.cost.0).abs() * 1_000 > other.cost.0 * ALIKE_PERMILLE;
    apart && services(option) != services(other)
}
