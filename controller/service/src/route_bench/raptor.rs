//! The network as `vulture` sees it: a route of two stops for every pair of nodes or every leg.

use std::collections::BTreeMap;

use sortline_route::{Connection, DAY_MIN, Micros, Minute, Node};
use vulture::{
    Duration, Label, RaptorCache, RouteIdx, SecondOfDay, StopIdx, Timetable, TripContext, TripIdx,
};

/// Legs of a route that is looked for; the longest shortest routes have half as many.
const LEGS_MAX: u8 = 30;
/// Legs of a route of a Pareto set.
const PARETO_LEGS_MAX: u8 = 8;

/// Price and emissions, and cut-off and readiness of every trip.
type Group = ((u32, u32), Vec<(u32, u32)>);

/// Two stops, where its trips begin, and how many there are.
#[derive(Debug)]
struct Route {
    stops: [StopIdx; 2],
    first: u32,
    trips: u32,
}

/// A timetable in minutes since its beginning.
#[derive(Debug)]
pub(super) struct Raptor {
    from: Minute,
    serving: Vec<Vec<(RouteIdx, u32)>>,
    routes: Vec<Route>,
    /// Cut-off and readiness.
    trips: Vec<(u32, u32)>,
    /// By route: price and emissions, in thousandths.
    costs: Vec<(u32, u32)>,
}

impl Raptor {
    /// The departures of three weeks; by leg they keep their prices, else all of a pair are one
    /// route.
    pub(super) fn new(nodes: usize, departures: &[Connection], from: Minute, by_leg: bool) -> Self {
        let to = from.after(21 * DAY_MIN);
        let mut groups: BTreeMap<(u32, u32, u32), Group> = BTreeMap::new();
        for one in departures
            .iter()
            .filter(|one| one.board_by >= from && one.board_by < to)
        {
            let key = (
                one.from.number(),
                one.to.number(),
                if by_leg { one.leg } else { 0 },
            );
            let thousandths = |all: Micros| u32::try_from(all.0 / 1_000).unwrap_or(u32::MAX);
            let cost = (thousandths(one.cost), thousandths(one.co2));
            let since = |at: Minute| at.since(from).unsigned_abs();
            let group = groups.entry(key).or_insert((cost, Vec::new()));
            group.1.push((since(one.board_by), since(one.ready)));
        }
        let mut raptor = Self {
            from,
            serving: vec![Vec::new(); nodes],
            routes: Vec::new(),
            trips: Vec::new(),
            costs: Vec::new(),
        };
        for ((from, to, _), (cost, runs)) in groups {
            raptor.add((from, to), cost, runs);
        }
        raptor
    }

    fn add(&mut self, (from, to): (u32, u32), cost: (u32, u32), mut runs: Vec<(u32, u32)>) {
        runs.sort_unstable();
        let mut kept: Vec<(u32, u32)> = Vec::new();
        for run in runs {
            // Trips of a route must not overtake each other.
            while kept.last().is_some_and(|before| before.1 >= run.1) {
                kept.pop();
            }
            kept.push(run);
        }
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let route = RouteIdx::new(count(self.routes.len()));
        for (place, position) in [(from, 0), (to, 1)] {
            if let Some(all) = self.serving.get_mut(place as usize) {
                all.push((route, position));
            }
        }
        self.routes.push(Route {
            stops: [StopIdx::new(from), StopIdx::new(to)],
            first: count(self.trips.len()),
            trips: count(kept.len()),
        });
        self.trips.extend(kept);
        self.costs.push(cost);
    }

    fn second(&self, at: Minute) -> SecondOfDay {
        SecondOfDay(at.since(self.from).unsigned_abs())
    }

    /// Memory for queries.
    pub(super) fn cache(&self) -> RaptorCache {
        RaptorCache::for_timetable(self)
    }

    /// Memory for queries with prices.
    pub(super) fn priced_cache(&self) -> RaptorCache<Priced> {
        RaptorCache::for_timetable(self)
    }

    /// Earliest readiness.
    pub(super) fn arrival(
        &self,
        from: Node,
        ready: Minute,
        to: Node,
        cache: &mut RaptorCache,
    ) -> Option<Minute> {
        let query = self
            .query()
            .from(StopIdx::new(from.number()))
            .to(StopIdx::new(to.number()));
        let query = query
            .max_transfers(LEGS_MAX - 1)
            .depart_at(self.second(ready));
        let all = query.run_with_cache(cache);
        let first = all.iter().map(|journey| journey.arrival().0).min()?;
        Some(self.from.after(i32::try_from(first).ok()?))
    }

    /// Journeys that end by `latest` and that no other beats in arrival, price, trips and, if they
    /// count, emissions.
    pub(super) fn pareto(
        &self,
        (from, to): (Node, Node),
        ready: Minute,
        costs: Costs,
        cache: &mut RaptorCache<Priced>,
    ) -> Vec<Found> {
        let query = self.query_with_label::<Priced>().with_context(costs);
        let query = query
            .from(StopIdx::new(from.number()))
            .to(StopIdx::new(to.number()));
        // vulture runs as many rounds as this says, and a round is a leg.
        let query = query
            .max_transfers(PARETO_LEGS_MAX)
            .depart_at(self.second(ready));
        let found = query.run_with_cache(cache);
        let point = |label: &Priced| Found {
            arrive: self
                .from
                .after(i32::try_from(label.at.0).unwrap_or(i32::MAX)),
            cost: label.cost,
            co2: label.co2,
        };
        found.iter().map(|journey| point(&journey.label)).collect()
    }

    /// Prices of the routes, and emissions if they are to count, for journeys that end by `latest`.
    pub(super) fn costs(&self, co2: bool, latest: Minute) -> Costs {
        let keep = |(cost, emitted): &(u32, u32)| (*cost, if co2 { *emitted } else { 0 });
        Costs {
            by_route: self.costs.iter().map(keep).collect(),
            latest: self.second(latest),
        }
    }

    fn trip(&self, trip: TripIdx, position: u32) -> SecondOfDay {
        let trip = self
            .trips
            .get(trip.get() as usize)
            .copied()
            .unwrap_or_default();
        SecondOfDay(if position == 0 { trip.0 } else { trip.1 })
    }
}

/// What a journey comes to, price and emissions in thousandths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) arrive: Minute,
    pub(super) cost: u32,
    pub(super) co2: u32,
}

/// Prices and emissions by route.
#[derive(Clone, Debug)]
pub(super) struct Costs {
    by_route: Vec<(u32, u32)>,
    /// What is later is of no use: the limit that Sortline has too.
    latest: SecondOfDay,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            by_route: Vec::new(),
            latest: SecondOfDay::MAX,
        }
    }
}

/// Arrival, price and emissions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Priced {
    at: SecondOfDay,
    cost: u32,
    co2: u32,
}

impl Label for Priced {
    type Ctx = Costs;
    const UNREACHED: Self = Self {
        at: SecondOfDay::MAX,
        cost: u32::MAX,
        co2: u32::MAX,
    };

    fn from_departure(_: &Costs, at: SecondOfDay) -> Self {
        Self {
            at,
            cost: 0,
            co2: 0,
        }
    }

    fn extend_by_trip(self, costs: &Costs, leg: TripContext) -> Self {
        if leg.arrival > costs.latest {
            return Self::UNREACHED;
        }
        let route = costs.by_route.get(leg.route.get() as usize);
        let (cost, co2) = route.copied().unwrap_or_default();
        Self {
            at: leg.arrival,
            cost: self.cost.saturating_add(cost),
            co2: self.co2.saturating_add(co2),
        }
    }

    fn extend_by_footpath(self, _: &Costs, _: StopIdx, _: StopIdx, walk: Duration) -> Self {
        Self {
            at: self.at + walk,
            ..self
        }
    }

    fn dominates(&self, other: &Self) -> bool {
        self.at <= other.at && self.cost <= other.cost && self.co2 <= other.co2
    }

    fn arrival(&self) -> SecondOfDay {
        self.at
    }
}

impl Timetable for Raptor {
    fn n_stops(&self) -> usize {
        self.serving.len()
    }

    fn n_routes(&self) -> usize {
        self.routes.len()
    }

    fn get_routes_serving_stop(&self, stop: StopIdx) -> &[(RouteIdx, u32)] {
        self.serving
            .get(stop.get() as usize)
            .map_or(&[], Vec::as_slice)
    }

    fn get_stops_after(&self, route: RouteIdx, position: u32) -> &[StopIdx] {
        let route = self.routes.get(route.get() as usize);
        let stops = route.and_then(|route| route.stops.get(position as usize..));
        stops.unwrap_or_default()
    }

    fn stop_at(&self, route: RouteIdx, position: u32) -> StopIdx {
        let route = self.routes.get(route.get() as usize);
        let stop = route.and_then(|route| route.stops.get(position as usize));
        stop.copied().unwrap_or(StopIdx::new(0))
    }

    fn get_earliest_trip(
        &self,
        route: RouteIdx,
        at: SecondOfDay,
        position: u32,
    ) -> Option<TripIdx> {
        let route = self
            .routes
            .get(route.get() as usize)
            .filter(|_| position == 0)?;
        let all = self
            .trips
            .get(route.first as usize..(route.first + route.trips) as usize)?;
        let index = all.partition_point(|trip| trip.0 < at.0);
        let found = index < all.len();
        found.then(|| TripIdx::new(route.first + u32::try_from(index).unwrap_or(0)))
    }

    fn get_arrival_time(&self, trip: TripIdx, position: u32) -> SecondOfDay {
        self.trip(trip, position)
    }

    fn get_departure_time(&self, trip: TripIdx, position: u32) -> SecondOfDay {
        self.trip(trip, position)
    }

    fn get_footpaths_from(&self, _: StopIdx) -> &[StopIdx] {
        &[]
    }

    fn footpaths_are_transitively_closed(&self) -> bool {
        true
    }
}
