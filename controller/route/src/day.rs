//! A day of a site in simulation: how parcels fare by Sortline's routes and by simpler ways.
//!
//! Parcels get ready over a day, grouped by half hours and zones. Disruptions begin over the day
//! and are known from then on. Every way plans with what is known when a parcel gets ready; then
//! each parcel travels by lot ([`Network::drawn_plan`]) under all disruptions, and takes the next
//! departure of a leg that it misses. Sortline also plans anew, at each disruption, what is touched
//! and has not met its cut-off yet.

use std::collections::BTreeMap;

use crate::conditions::{BadCondition, Change, Condition};
use crate::generator::{Draw, real};
use crate::micros::Micros;
use crate::network::{Kind, Level, Network, Node};
use crate::replan::{Plan, Planner};
use crate::search::Step;
use crate::table::{TYPICAL_G, site_routes};
use crate::time::{DAY_MIN, Minute};

/// Minutes of readiness that are planned together.
const SLOT_MIN: i32 = 30;
/// Zones that parcels go to at most.
const ZONES_MAX: usize = 200;
/// Legs of a route followed without a timetable.
const LEGS_MAX: usize = 24;

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// The site.
    pub origin: Node,
    /// First minute of the day.
    pub from: Minute,
    /// Parcels of the day.
    pub parcels: usize,
    /// Disruptions.
    pub disruptions: usize,
    /// The same seed gives the same day.
    pub seed: u64,
}

/// How routes are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// By promise, risk and cost, and anew at disruptions.
    Sortline,
    /// The shortest path of a graph without times.
    Static,
    /// The cheapest route.
    Cheapest,
    /// Always the first departure that leads nearer.
    FirstCome,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Sortline,
        Self::Static,
        Self::Cheapest,
        Self::FirstCome,
    ];

    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sortline => "sortline",
            Self::Static => "static shortest path",
            Self::Cheapest => "cheapest",
            Self::FirstCome => "first come",
        }
    }
}

/// How parcels fared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fared {
    /// Parcels.
    pub parcels: usize,
    /// Of them by the promise.
    pub on_time: usize,
    /// Of them not within the network's window.
    pub never: usize,
    /// Departures missed.
    pub missed_cut_offs: usize,
    /// Sum of prices.
    pub cost: Micros,
    /// Sum of hours from readiness to arrival, of those that arrived.
    pub hours: f64,
    /// Plans made anew.
    pub replanned: usize,
}

/// Parcels of one zone that get ready together.
struct Group {
    ready: Minute,
    zone: Node,
    parcels: usize,
}

/// Simulates a day by every way. The network has no conditions afterwards.
///
/// # Errors
/// Never in practice: the disruptions drawn name what the network has.
pub fn simulate(network: &mut Network, day: &Day) -> Result<Vec<(Way, Fared)>, BadCondition> {
    let mut draw = Draw::new(day.seed);
    let groups = groups(network, day, &mut draw);
    let disruptions = disruptions(network, day, &mut draw);
    let mut results = Vec::new();
    for way in Way::ALL {
        network.set_conditions(&[])?;
        let (plans, replanned) = plan(network, day, &groups, (&disruptions, way))?;
        network.set_conditions(&disruptions)?;
        let mut lot = Draw::new(day.seed.wrapping_add(1));
        let mut fared = travel(network, &groups, &plans, &mut lot);
        fared.replanned = replanned;
        results.push((way, fared));
    }
    network.set_conditions(&[])?;
    Ok(results)
}

fn groups(network: &Network, day: &Day, draw: &mut Draw) -> Vec<Group> {
    let mut zones: Vec<Node> = network
        .nodes()
        .filter(|(_, info)| info.kind.is_none())
        .map(|(node, _)| node)
        .collect();
    while zones.len() > ZONES_MAX {
        zones.swap_remove(draw.below(zones.len()));
    }
    let mut counts: BTreeMap<(Minute, Node), usize> = BTreeMap::new();
    for _ in 0..day.parcels {
        let slot = i32::try_from(draw.below(48)).unwrap_or(0);
        if let Some(zone) = zones.get(draw.below(zones.len())) {
            let ready = day.from.after(slot * SLOT_MIN);
            *counts.entry((ready, *zone)).or_default() += 1;
        }
    }
    let group = |((ready, zone), parcels)| Group {
        ready,
        zone,
        parcels,
    };
    counts.into_iter().map(group).collect()
}

fn disruptions(network: &Network, day: &Day, draw: &mut Draw) -> Vec<Condition> {
    let places: Vec<&str> = network
        .nodes()
        .filter(|(node, info)| info.kind.is_some() && *node != day.origin)
        .filter(|(_, info)| info.kind != Some(Kind::Depot))
        .map(|(_, info)| info.id.as_str())
        .collect();
    let services: Vec<&str> = network.service_ids.keys().map(String::as_str).collect();
    let territories: Vec<&str> = network
        .nodes()
        .map(|(_, info)| info.territory.as_str())
        .collect();
    let mut all = Vec::new();
    for index in 0..day.disruptions {
        let one = |names: &[&str], draw: &mut Draw| {
            names
                .get(draw.below(names.len()))
                .map(|name| (*name).to_owned())
        };
        let minutes = i32::try_from(60 * draw.between(2, 12)).unwrap_or(60);
        let (place, service, territory) = (
            one(&places, draw),
            one(&services, draw),
            one(&territories, draw),
        );
        let change = match (index % 5, place, service, territory) {
            (0, Some(place), _, _) => Change::Close { place },
            (1, Some(place), _, _) => Change::Congestion { place, minutes },
            (2, _, Some(service), _) => Change::Delay { service, minutes },
            (3, _, Some(service), _) => Change::Cancel { service },
            (_, _, _, Some(territory)) => Change::Customs {
                territory,
                mode: None,
                minutes,
            },
            _ => continue,
        };
        let from = day
            .from
            .after(i32::try_from(draw.below(36 * 60)).unwrap_or(0));
        let hours = i32::try_from(draw.between(6, 48)).unwrap_or(6);
        all.push(Condition {
            id: format!("d{index}"),
            from,
            to: from.after(hours * 60),
            change,
            reason: "drawn".to_owned(),
        });
    }
    all.sort_by_key(|condition| condition.from);
    all
}

/// Plans by group, and how many were made anew.
fn plan(
    network: &mut Network,
    day: &Day,
    groups: &[Group],
    (disruptions, way): (&[Condition], Way),
) -> Result<(Vec<Vec<Step>>, usize), BadCondition> {
    let mut plans: Vec<Vec<Step>> = Vec::new();
    let mut replanned = 0;
    let mut known = 0;
    let mut slot: Option<(Minute, Slot)> = None;
    let mut planner = Planner::new(network);
    let statics = Statics::new(network);
    for group in groups {
        while disruptions
            .get(known)
            .is_some_and(|next| next.from <= group.ready)
        {
            known += 1;
            slot = None;
            network.set_conditions(disruptions.get(..known).unwrap_or_default())?;
            if way == Way::Sortline {
                let at = disruptions
                    .get(known - 1)
                    .map_or(group.ready, |last| last.from);
                replanned += renew(network, &mut planner, groups, (plans.as_mut_slice(), at));
            }
        }
        if slot.as_ref().is_none_or(|(ready, _)| *ready != group.ready) {
            slot = Some((
                group.ready,
                Slot::new(network, day.origin, group.ready, way),
            ));
        }
        let choice = slot
            .as_mut()
            .map(|(_, slot)| slot.choose(network, group.zone, way));
        let steps = match way {
            Way::Sortline | Way::Cheapest => choice.flatten(),
            Way::Static => statics.follow(network, day.origin, group, false),
            Way::FirstCome => statics.follow(network, day.origin, group, true),
        };
        plans.push(steps.unwrap_or_default());
    }
    while let Some(next) = disruptions.get(known).filter(|_| way == Way::Sortline) {
        known += 1;
        network.set_conditions(disruptions.get(..known).unwrap_or_default())?;
        replanned += renew(
            network,
            &mut planner,
            groups,
            (plans.as_mut_slice(), next.from),
        );
    }
    Ok((plans, replanned))
}

/// Plans anew what has not met its cut-off at `at` and is touched.
fn renew(
    network: &Network,
    planner: &mut Planner,
    groups: &[Group],
    (plans, at): (&mut [Vec<Step>], Minute),
) -> usize {
    let mut renewed = 0;
    for (group, steps) in groups.iter().zip(plans) {
        let Some(plan) = Plan::left(network, steps, (group.ready, group.zone), at) else {
            continue;
        };
        let gone = steps.len() - plan.legs();
        let new = planner
            .replan(network, &plan)
            .and_then(|replanned| replanned.plan);
        if let Some(new) = new {
            steps.truncate(gone);
            steps.extend_from_slice(new.steps());
            renewed += 1;
        }
    }
    renewed
}

/// The routes of one time of readiness.
struct Slot {
    routes: BTreeMap<Node, Vec<Vec<Step>>>,
    arrivals: crate::risk::Arrivals,
    origin: Node,
    ready: Minute,
}

impl Slot {
    fn new(network: &Network, origin: Node, ready: Minute, way: Way) -> Self {
        let wanted = matches!(way, Way::Sortline | Way::Cheapest);
        let routes = if wanted {
            site_routes(network, origin, ready)
        } else {
            Vec::new()
        };
        Self {
            routes: routes.into_iter().collect(),
            arrivals: crate::risk::Arrivals::new(ready),
            origin,
            ready,
        }
    }

    fn choose(&mut self, network: &Network, zone: Node, way: Way) -> Option<Vec<Step>> {
        let routes = self.routes.get(&zone)?;
        if way == Way::Cheapest {
            let cost = |steps: &&Vec<Step>| network.cost_of(steps, TYPICAL_G);
            return routes.iter().min_by_key(cost).cloned();
        }
        let promise = network.promise(zone, self.ready, Level::Standard)?;
        let query = crate::options::Query {
            from: self.origin,
            to: zone,
            ready: self.ready,
            weight_g: TYPICAL_G,
            level: Level::Standard,
            promise: Some(promise),
            options: 1,
        };
        let ranked = network.ranked(&query, routes, &mut self.arrivals);
        ranked.into_iter().next().map(|best| best.steps)
    }
}

/// Minutes without a timetable: least minutes and the mean wait, to every zone that is asked for.
struct Statics {
    /// By pair of nodes, backwards: end, beginning, minutes.
    into: BTreeMap<u32, Vec<(u32, i64)>>,
}

impl Statics {
    fn new(network: &Network) -> Self {
        let window = network.window();
        let whole = i64::from(window.to.since(window.from));
        let mut into: BTreeMap<u32, Vec<(u32, i64)>> = BTreeMap::new();
        for (node, _) in network.nodes() {
            for pair in network.timetable.from(node.0) {
                let runs = i64::try_from(network.timetable.departures(pair).len()).unwrap_or(1);
                let minutes = i64::from(pair.least) + whole / (2 * runs.max(1));
                into.entry(pair.to).or_default().push((pair.from, minutes));
            }
        }
        Self { into }
    }

    fn to(&self, zone: Node) -> BTreeMap<u32, i64> {
        let mut far = BTreeMap::from([(zone.0, 0i64)]);
        let mut open = std::collections::BTreeSet::from([(0i64, zone.0)]);
        while let Some((now, node)) = open.pop_first() {
            for (from, minutes) in self.into.get(&node).into_iter().flatten() {
                let then = now + minutes;
                if far.get(from).is_none_or(|known| then < *known) {
                    far.insert(*from, then);
                    open.insert((then, *from));
                }
            }
        }
        far
    }

    /// Goes nearer with every leg: by the shortest path, or by whatever leaves first.
    fn follow(
        &self,
        network: &Network,
        origin: Node,
        group: &Group,
        first: bool,
    ) -> Option<Vec<Step>> {
        let far = self.to(group.zone);
        let (mut here, mut ready) = (origin.0, group.ready);
        let mut steps = Vec::new();
        while here != group.zone.0 {
            if steps.len() >= LEGS_MAX {
                return None;
            }
            let rest = far.get(&here)?;
            let nearer = network.timetable.from(here).iter().filter_map(|pair| {
                let then = far.get(&pair.to).filter(|then| *then < rest)?;
                let best = network.timetable.next(pair, ready.0)?;
                let along = i64::from(pair.least) + then;
                Some((
                    if first { i64::from(best.board) } else { along },
                    pair.to,
                    best,
                ))
            });
            let (_, to, best) = nearer.min_by_key(|(key, to, _)| (*key, *to))?;
            let cutoff = network.leg(best.leg)?.cutoff;
            steps.push(Step {
                leg: best.leg,
                departs: Minute(best.board).after(cutoff),
                ready: Minute(best.ready),
            });
            (here, ready) = (to, Minute(best.ready));
        }
        Some(steps)
    }
}

/// Sends every parcel on its way.
fn travel(network: &Network, groups: &[Group], plans: &[Vec<Step>], draw: &mut Draw) -> Fared {
    let mut fared = Fared::default();
    for (group, steps) in groups.iter().zip(plans) {
        let promise = network.promise(group.zone, group.ready, Level::Standard);
        let cost = network.cost_of(steps, TYPICAL_G);
        fared.parcels += group.parcels;
        for _ in 0..group.parcels {
            fared.cost = fared.cost.plus(cost);
            let (arrive, missed) = if steps.is_empty() {
                (None, 0)
            } else {
                network.drawn_counted(steps, group.ready, draw)
            };
            fared.missed_cut_offs += missed;
            let Some(arrive) = arrive else {
                fared.never += 1;
                continue;
            };
            fared.hours += f64::from(arrive.since(group.ready)) / 60.0;
            fared.on_time += usize::from(promise.is_some_and(|promise| arrive <= promise));
        }
    }
    fared
}

impl Fared {
    /// Share of parcels by the promise.
    #[must_use]
    pub fn on_time_share(&self) -> f64 {
        real(self.on_time) / real(self.parcels.max(1))
    }

    /// Mean hours from readiness to arrival, of those that arrived.
    #[must_use]
    pub fn mean_hours(&self) -> f64 {
        self.hours / real(self.parcels.saturating_sub(self.never).max(1))
    }

    /// Mean price of a parcel.
    #[must_use]
    pub fn mean_cost(&self) -> Micros {
        let parcels = i64::try_from(self.parcels.max(1)).unwrap_or(1);
        Micros(self.cost.0 / parcels)
    }
}

/// Minutes of the day that is simulated, and of those after it in which parcels arrive: what the
/// network's window must hold at least.
pub const NEEDS_MIN: i32 = 15 * DAY_MIN;
