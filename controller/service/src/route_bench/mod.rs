//! What route search reaches on this machine, beside petgraph and vulture, in one run on one
//! invented network: see [`sortline_route::generator`].
//!
//! Every engine answers the same queries: the parcel is at one depot and must get to another.
//! petgraph gets the time-expanded graph of a week for exact answers, and a graph of least minutes
//! and mean waits for what ignoring the timetable costs; vulture (RAPTOR) gets three weeks, every
//! pair of places a route of two stops.

mod exact;
mod flights;
mod graphs;
mod pareto;
mod parts;
mod raptor;
mod text;
mod weeks;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use sortline_route::generator::{Draw, Geography, Scale, from_geography, tables};
use sortline_route::{
    Bounds, Connection, DAY_MIN, Kind, Minute, Network, Node, Reach, TableName, Tables, Window,
};

pub use exact::Difference;
pub use flights::{Flights, measure as flights};
pub use text::table;
pub use weeks::Site;
pub use world::world;

/// Days of timetable: one before the first query, a week of queries, and three weeks under way.
const DAYS: i32 = 30;
/// First minute: a Monday.
const FROM: Minute = Minute(29_802_240);

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Thousandths of the full network.
    pub permille: usize,
    /// Seed of the network; queries take the next one.
    pub seed: u64,
    /// Queries from point to point.
    pub queries: usize,
    /// Queries that petgraph's time-expanded graph answers too.
    pub expanded: usize,
    /// Queries that vulture answers too.
    pub raptor: usize,
    /// Queries for Pareto sets; a fifth of them also by vulture.
    pub pareto: usize,
    /// Weeks held out; 0: none.
    pub weeks: usize,
}

/// Times of queries in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Times {
    /// Queries.
    pub queries: usize,
    /// Mean.
    pub mean_us: f64,
    /// Half take at most this.
    pub p50_us: f64,
    /// Ninety-nine of a hundred do.
    pub p99_us: f64,
}

/// The network measured on.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    /// Seed.
    pub seed: u64,
    /// Places.
    pub places: usize,
    /// Last-mile zones.
    pub zones: usize,
    /// Services.
    pub services: usize,
    /// (Board, alight) pairs of services.
    pub legs: usize,
    /// Departures of legs in one week.
    pub departures_per_week: usize,
    /// Checking and compiling it, in seconds.
    pub build_s: f64,
}

/// Earliest arrival between two places.
#[derive(Clone, Debug, Serialize)]
pub struct PointToPoint {
    /// With lower bounds of the destination at hand.
    pub sortline: Times,
    /// Queries a second.
    pub per_second: f64,
    /// Making the lower bounds of one destination.
    pub bounds: Times,
    /// petgraph's Dijkstra on the time-expanded graph.
    pub petgraph_time_expanded: Times,
    /// Mean of petgraph over mean of Sortline, on the queries both answered.
    pub times_petgraph: f64,
    /// vulture.
    pub vulture: Times,
    /// Mean of vulture over mean of Sortline.
    pub times_vulture: f64,
    /// Answers compared.
    pub compared: usize,
    /// Answers that differ.
    pub mismatches: usize,
    /// The queries of these.
    pub differences: Vec<Difference>,
}

/// One origin to all places.
#[derive(Clone, Debug, Serialize)]
pub struct OneToAll {
    /// Earliest readiness everywhere.
    pub sortline: Times,
    /// petgraph's Dijkstra on the graph without times.
    pub petgraph_static: Times,
    /// Mean of Sortline over mean of petgraph.
    pub of_petgraph: f64,
    /// The full table of one site with costs, risks and reasons for every zone and level.
    pub table_s: f64,
    /// Looking up a parcel's entry, the swapped table included, in nanoseconds.
    pub look_up_ns: f64,
}

/// Sets of routes that no other beats in arrival, cost and CO2.
#[derive(Clone, Debug, Serialize)]
pub struct Pareto {
    /// With tolerance.
    pub sortline: Times,
    /// Tolerance in thousandths.
    pub tolerance_permille: i64,
    /// Mean size of a set.
    pub points: f64,
    /// Making the lower bounds of one destination.
    pub bounds: Times,
    /// Without tolerance.
    pub exact: Times,
    /// Mean size of an exact set.
    pub exact_points: f64,
    /// Share of exact points that have an answer worse by at most 5 % in each criterion.
    pub covered: f64,
    /// vulture's multi-criteria RAPTOR on arrival and price alone, and the number of trips.
    pub vulture: Times,
    /// Median of vulture over median of Sortline, on the queries both answered.
    pub times_vulture: f64,
    /// vulture on the same three criteria, and the number of trips, with the same limits on arrival
    /// and legs; it is told the earliest arrival.
    pub vulture_co2: Times,
    /// The ratio of these.
    pub times_vulture_co2: f64,
    /// Sets on the same criteria compared with vulture's.
    pub compared: usize,
    /// Sets that differ.
    pub mismatches: usize,
}

/// What a route found without the timetable costs when it is followed in the timetable.
#[derive(Clone, Debug, Serialize)]
pub struct Ignoring {
    /// Routes.
    pub routes: usize,
    /// Mean of the extra time door to door, in percent.
    pub mean_percent: f64,
    /// Median.
    pub p50_percent: f64,
    /// Nine of ten.
    pub p90_percent: f64,
    /// Ninety-nine of a hundred.
    pub p99_percent: f64,
    /// Routes that are as early as the earliest, in percent.
    pub optimal_percent: f64,
}

/// A disruption.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Disruption {
    /// Parcels under way.
    pub parcels: usize,
    /// Of them touched.
    pub touched: usize,
    /// Applying the event, in milliseconds.
    pub apply_ms: f64,
    /// Touched parcels planned anew in a second on one core, explanation included.
    pub replanned_per_s: f64,
    /// Mean extra hours when the old plan is kept.
    pub kept_h: f64,
    /// Mean extra hours of the new plans.
    pub replanned_h: f64,
    /// Mean extra hours had it been known before the parcels left: no plan does with less.
    pub known_h: f64,
    /// Those of the new plans over those of the old ones.
    pub share: f64,
    /// The same had it been known.
    pub share_known: f64,
}

/// Probability of keeping the promise.
#[derive(Clone, Debug, Serialize)]
pub struct Risk {
    /// Evaluating a route.
    pub sortline: Times,
    /// Routes compared with drawn ones.
    pub routes: usize,
    /// Samples drawn for each.
    pub samples: usize,
    /// Largest difference of the probabilities.
    pub worst: f64,
    /// Mean difference.
    pub mean: f64,
}

/// Proposals for sort plans of 300 destinations, 40 chutes, 3 waves.
#[derive(Clone, Debug, Serialize)]
pub struct SortPlan {
    /// Making one.
    pub sortline: Times,
    /// Largest gap to Sortline's own bound, in percent; no assignment is below it.
    pub gap_percent: f64,
    /// The same to the parcels of the fullest wave over all chutes: what HiGHS' bound begins with.
    pub gap_to_share_percent: f64,
}

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Network.
    pub network: About,
    /// Earliest arrival.
    pub point_to_point: PointToPoint,
    /// Table.
    pub one_to_all: OneToAll,
    /// Alternatives.
    pub pareto: Pareto,
    /// Static routes.
    pub ignoring_the_timetable: Ignoring,
    /// Live conditions: a hub closed.
    pub disruption: Disruption,
    /// A strait closed, for parcels that may not fly.
    pub strait: Disruption,
    /// Risk.
    pub risk: Risk,
    /// Sort plan.
    pub sort_plan: SortPlan,
    /// Weeks held out, by site and weather.
    pub weeks: Vec<Site>,
    /// Delays learnt from flights; empty when no file was named.
    pub flights: Vec<Flights>,
}

/// A query.
#[derive(Clone, Copy, Debug)]
struct Question {
    from: Node,
    ready: Minute,
    to: Node,
}

struct Bench<'a> {
    plan: Plan,
    clock: fn() -> Duration,
    say: &'a dyn Fn(&str),
    network: Network,
    departures: Vec<Connection>,
    questions: Vec<Question>,
    bounds: BTreeMap<Node, Bounds>,
    answers: Vec<Option<Minute>>,
}

/// Measures all parts; `say` hears what is being done.
///
/// # Errors
/// The invented network is not sound, which would be a fault of the generator.
pub fn run(
    plan: Plan,
    world: Option<&Geography>,
    clock: fn() -> Duration,
    say: &dyn Fn(&str),
) -> anyhow::Result<Report> {
    say("making the network");
    let scale = Scale {
        permille: plan.permille,
        seed: plan.seed,
    };
    let window = Window {
        from: FROM,
        to: FROM.after(DAYS * DAY_MIN),
    };
    let mut rows = match world {
        Some(world) => from_geography(world, scale, &mut Draw::new(plan.seed), window),
        None => tables(scale, window),
    };
    if world.is_some() {
        connected(&mut rows);
    }
    let began = clock();
    let network = Network::new(&rows).map_err(|problems| {
        let first = problems
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        anyhow::anyhow!(
            "the invented network has {} problems: {first}",
            problems.len()
        )
    })?;
    let build_s = clock().saturating_sub(began).as_secs_f64();
    drop(rows);
    let mut bench = Bench::new(plan, clock, say, network);
    let about = bench.about(build_s);
    let point_to_point = bench.point_to_point();
    Ok(Report {
        network: about,
        point_to_point,
        one_to_all: bench.one_to_all(),
        pareto: bench.pareto(),
        ignoring_the_timetable: bench.ignoring(),
        risk: bench.risk(),
        sort_plan: bench.sort_plan(),
        disruption: bench.disruption()?,
        strait: bench.strait()?,
        weeks: bench.weeks()?,
        flights: Vec::new(),
    })
}

/// Takes places out that are not connected with the rest: a few airports of the real world.
fn connected(rows: &mut Tables) {
    const ROUNDS: usize = 3;
    for _ in 0..ROUNDS {
        let problems = Network::new(rows).err().unwrap_or_default();
        let islands = problems.iter().filter(|one| one.table == TableName::Places);
        let gone: BTreeSet<String> = islands.map(|one| one.found.clone()).collect();
        if gone.is_empty() {
            return;
        }
        let stops = |stops: &str| stops.split('>').any(|stop| gone.contains(stop));
        rows.places.retain(|place| !gone.contains(&place.id));
        rows.zones.retain(|zone| !gone.contains(&zone.depot));
        rows.services.retain(|service| !stops(&service.stops));
    }
}

impl<'a> Bench<'a> {
    fn new(plan: Plan, clock: fn() -> Duration, say: &'a dyn Fn(&str), network: Network) -> Self {
        let departures = network.connections(500).collect();
        let depots: Vec<Node> = network
            .nodes()
            .filter(|(_, info)| info.kind == Some(Kind::Depot))
            .map(|(node, _)| node)
            .collect();
        let mut draw = Draw::new(plan.seed.wrapping_add(1));
        let mut questions = Vec::new();
        while questions.len() < plan.queries && depots.len() > 1 {
            let mut pick = || depots.get(draw.below(depots.len())).copied();
            if let (Some(from), Some(to)) = (pick(), pick())
                && from != to
            {
                let later = i32::try_from(draw.below(7 * 1_440)).unwrap_or(0);
                let ready = FROM.after(DAY_MIN + later);
                questions.push(Question { from, ready, to });
            }
        }
        Self {
            plan,
            clock,
            say,
            network,
            departures,
            questions,
            bounds: BTreeMap::new(),
            answers: Vec::new(),
        }
    }

    /// The first minute of the week that peers see.
    const fn week() -> Minute {
        FROM.after(DAY_MIN)
    }

    fn about(&self, build_s: f64) -> About {
        let size = self.network.size();
        let week = Self::week()..Self::week().after(7 * DAY_MIN);
        let departures = self.departures.iter();
        About {
            seed: self.plan.seed,
            places: size.places,
            zones: size.zones,
            services: size.services,
            legs: size.legs,
            departures_per_week: departures
                .filter(|one| week.contains(&one.board_by))
                .count(),
            build_s,
        }
    }

    /// Runs a query and gives its time in microseconds.
    fn timed<T>(&self, query: impl FnOnce() -> T) -> (T, f64) {
        let began = (self.clock)();
        let answer = std::hint::black_box(query());
        (
            answer,
            (self.clock)().saturating_sub(began).as_secs_f64() * 1e6,
        )
    }

    /// Earliest arrivals of all questions, and the time of each.
    fn arrivals(&self) -> (Vec<Option<Minute>>, Vec<f64>) {
        let mut reach = Reach::new(&self.network);
        let one = |question: &Question| {
            let bounds = self.bounds.get(&question.to)?;
            let query = || reach.seek(&self.network, question.from, question.ready, bounds);
            Some(self.timed(query))
        };
        self.questions.iter().filter_map(one).unzip()
    }
}

impl Times {
    fn of(mut all: Vec<f64>) -> Self {
        let queries = all.len();
        let sum: f64 = all.iter().sum();
        all.sort_unstable_by(f64::total_cmp);
        Self {
            queries,
            mean_us: sum / number(queries.max(1)),
            p50_us: part(&all, 500),
            p99_us: part(&all, 990),
        }
    }
}

/// The value that so many thousandths of sorted values are at most; 0 of none.
fn part(sorted: &[f64], permille: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * permille / 1_000).copied().unwrap_or(0.0)
}

fn number(value: usize) -> f64 {
    f64::from(u32::try_from(value).unwrap_or(u32::MAX))
}
