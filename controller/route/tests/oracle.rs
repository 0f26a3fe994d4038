//! Searches against independent implementations on random small networks: a time-expanded graph
//! on petgraph for the earliest arrival, and a sweep over all events for arrival and cost. Both
//! read the tables themselves, minute by minute, and share no code with the crate.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};

use petgraph::graph::{DiGraph, NodeIndex};
use proptest::prelude::*;
use sortline_route::{
    CalendarRow, CustomsRow, DAY_MIN, Level, Limits, Micros, Minute, Network, Offsets, PlaceRow,
    Query, ServiceRow, Settings, Table, TableName, Tables, Window, ZoneRow,
};

/// 2026-10-25T01:00Z: clocks in zone `B` go back by an hour, inside the window.
const CHANGE: i32 = 29_881_500;
const FROM: i32 = CHANGE - 5 * DAY_MIN;
const LENGTH: i32 = 17 * DAY_MIN;
const LEGS_MAX: u8 = 8;
/// Longer than any vehicle here is under way to the last stop where it can be boarded.
const UNDER_WAY: i32 = 7 * DAY_MIN;

/// Splitmix64: small, and the same everywhere.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    fn clock(&mut self) -> String {
        format!("{:02}:{:02}", self.below(24), self.below(60))
    }

    fn days(&mut self) -> String {
        let bits = 1 + self.below(127);
        (1..=7)
            .filter(|day| bits >> (day - 1) & 1 == 1)
            .map(|day| day.to_string())
            .collect()
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, usize::try_from(self.below(last as u64 + 1)).unwrap());
        }
    }
}

fn zone_offset(zone: &str, at: i32) -> i32 {
    match zone {
        "B" => {
            if at < CHANGE {
                120
            } else {
                60
            }
        }
        "C" => -300,
        _ => 0,
    }
}

fn place(draw: &mut Draw, index: u64) -> PlaceRow {
    let always = draw.below(2) == 0;
    let (opens, closes) = if always {
        ("00:00", "24:00")
    } else {
        (
            draw.one_of(&["06:00", "08:00", "18:00"]),
            draw.one_of(&["20:00", "22:00", "04:00"]),
        )
    };
    let territory = draw.one_of(&["AA", "AA", "BB"]);
    PlaceRow {
        id: format!("P{index}"),
        name: "x".into(),
        country: territory.into(),
        territory: territory.into(),
        kind: "hub".into(),
        lat: "0".into(),
        lon: "0".into(),
        time_zone: draw.one_of(&["A", "B", "C"]).into(),
        opens: opens.into(),
        closes: closes.into(),
        days: if always {
            "1234567".into()
        } else {
            draw.days()
        },
        handling_min: draw.below(200).to_string(),
        calendar: draw.one_of(&["", "", "H"]).into(),
    }
}

fn service(draw: &mut Draw, index: u64, places: u64) -> ServiceRow {
    let mut stops: Vec<String> = (0..places).map(|place| format!("P{place}")).collect();
    draw.shuffle(&mut stops);
    stops.truncate(usize::try_from(2 + draw.below(3)).unwrap());
    // Some are under way for days.
    let longest = if draw.below(4) == 0 { 4_000 } else { 900 };
    let runs: Vec<String> = stops
        .iter()
        .skip(1)
        .map(|_| (1 + draw.below(longest)).to_string())
        .collect();
    let departs: Vec<String> = (0..=draw.below(2)).map(|_| draw.clock()).collect();
    ServiceRow {
        id: format!("S{index}"),
        mode: "truck".into(),
        carrier: "c".into(),
        stops: stops.join(">"),
        days: draw.days(),
        departs: departs.join(" "),
        run_min: runs.join(">"),
        dwell_min: draw.below(90).to_string(),
        cutoff_min: draw.below(150).to_string(),
        capacity_kg: "1000".into(),
        price_per_kg: format!("{}.{:02}", draw.below(4), draw.below(100)),
        price_per_parcel: format!("{}.{:02}", draw.below(3), draw.below(100)),
        currency: draw.one_of(&["EUR", "USD"]).into(),
        co2_g_per_kg: draw.below(900).to_string(),
        price_min: draw.one_of(&["", "3.10"]).into(),
        calendar: draw.one_of(&["", "H"]).into(),
        ..ServiceRow::default()
    }
}

fn customs(draw: &mut Draw, from: &str, to: &str) -> CustomsRow {
    let p50 = draw.below(300);
    CustomsRow {
        from: from.into(),
        to: to.into(),
        mode: draw.one_of(&["truck", "*"]).into(),
        p50_min: p50.to_string(),
        p90_min: (p50 + draw.below(900)).to_string(),
        days: draw.days(),
        opens: draw.one_of(&["00:00", "06:00"]).into(),
        closes: draw.one_of(&["18:00", "24:00"]).into(),
        commodity: String::new(),
        calendar: draw.one_of(&["", "H"]).into(),
    }
}

fn zone(draw: &mut Draw, index: u64, depot: &PlaceRow) -> ZoneRow {
    ZoneRow {
        id: format!("Z{index}"),
        country: depot.country.clone(),
        postcodes: index.to_string(),
        depot: depot.id.clone(),
        days: draw.days(),
        tour: draw.clock(),
        cutoff_min: draw.below(60).to_string(),
        delivery_min: (1 + draw.below(600)).to_string(),
        price_per_parcel: "2".into(),
        price_per_kg: "0.1".into(),
        currency: "EUR".into(),
        co2_g_per_parcel: "300".into(),
        standard_days: "3".into(),
        express_days: "1".into(),
        calendar: draw.one_of(&["", "H"]).into(),
    }
}

/// Calendar `H`: Friday the 23rd is off, Sunday the 25th is on, the 28th and 29th are off but for
/// the 29th, which is on after all.
fn calendar() -> Vec<CalendarRow> {
    let row = |from: &str, until: &str, runs: &str| CalendarRow {
        calendar: "H".into(),
        from: from.into(),
        until: until.into(),
        runs: runs.into(),
    };
    vec![
        row("2026-10-23", "2026-10-23", "no"),
        row("2026-10-25", "2026-10-25", "yes"),
        row("2026-10-28", "2026-10-29", "no"),
        row("2026-10-29", "2026-10-29", "yes"),
    ]
}

/// A random network: rows that do not go together are taken out again until the rest does.
fn tables(seed: u64) -> Option<(Tables, Network)> {
    let mut draw = Draw(seed);
    let count = 3 + draw.below(4);
    let places: Vec<PlaceRow> = (0..count).map(|index| place(&mut draw, index)).collect();
    let services = 4 + draw.below(10);
    let services = (0..services)
        .map(|index| service(&mut draw, index, count))
        .collect();
    let zones = places
        .iter()
        .zip(0..)
        .map(|(depot, index)| zone(&mut draw, index, depot))
        .collect();
    let settings = Settings {
        base_currency: "EUR".into(),
        horizon_days: 16,
        rates_date: "2026-01-01".into(),
        rates: BTreeMap::from([("USD".to_owned(), "0.9".to_owned())]),
        delay: BTreeMap::new(),
    };
    let clocks = [
        ("A", 0, vec![]),
        ("B", 120, vec![(Minute(CHANGE), 60)]),
        ("C", -300, vec![]),
    ];
    let mut tables = Tables {
        places,
        services,
        customs: vec![
            customs(&mut draw, "AA", "BB"),
            customs(&mut draw, "BB", "AA"),
        ],
        zones,
        calendars: calendar(),
        hs_code: String::new(),
        settings,
        time_zones: clocks
            .into_iter()
            .map(|(name, first, changes)| (name.to_owned(), Offsets::new(first, changes)))
            .collect(),
        window: Window {
            from: Minute(FROM),
            to: Minute(FROM + LENGTH),
        },
    };
    for _ in 0..10 {
        match Network::new(&tables) {
            Ok(network) => return Some((tables, network)),
            Err(problems) => {
                for problem in problems.iter().rev() {
                    repair(&mut tables, problem.table, problem.row);
                }
            }
        }
    }
    None
}

fn repair(tables: &mut Tables, table: TableName, row: usize) {
    match table {
        TableName::Services if row < tables.services.len() => drop(tables.services.remove(row)),
        TableName::Customs if row < tables.customs.len() => drop(tables.customs.remove(row)),
        TableName::Zones if row < tables.zones.len() => drop(tables.zones.remove(row)),
        TableName::Places if row < tables.places.len() => {
            let gone = tables.places.remove(row).id;
            tables.zones.retain(|zone| zone.depot != gone);
            tables
                .services
                .retain(|service| !service.stops.split('>').any(|stop| stop == gone));
        }
        TableName::Places
        | TableName::Services
        | TableName::Customs
        | TableName::Zones
        | TableName::Calendars
        | TableName::Settings => {}
    }
}

/// A ride as the tables describe it: from a place, by a deadline, to readiness elsewhere.
struct Ride {
    from: String,
    deadline: i32,
    to: String,
    ready: i32,
    cost: i64,
    co2: i64,
}

struct Oracle<'a> {
    tables: &'a Tables,
    rides: Vec<Ride>,
}

fn number(text: &str) -> i32 {
    text.parse().unwrap()
}

fn minutes(clock: &str) -> i32 {
    let (hours, minutes) = clock.split_once(':').unwrap();
    number(hours) * 60 + number(minutes)
}

/// Weekdays, and the calendar whose exceptions stand above them.
type On<'a> = (&'a str, &'a str);

/// 2026-10-23, counted from 1970-01-01.
const FRIDAY: i32 = 20_749;

fn on_day((days, calendar): On<'_>, local: i32) -> bool {
    if calendar == "H" {
        match local.div_euclid(DAY_MIN) - FRIDAY {
            0 | 5 => return false,
            2 | 6 => return true,
            _ => {}
        }
    }
    let weekday = (local.div_euclid(DAY_MIN) + 3).rem_euclid(7) + 1;
    days.contains(&weekday.to_string())
}

fn is_open(at: i32, zone: &str, days: On<'_>, opens: &str, closes: &str) -> bool {
    let local = at + zone_offset(zone, at);
    let (opens, closes) = (minutes(opens), minutes(closes));
    let clock = local.rem_euclid(DAY_MIN);
    if closes > opens {
        on_day(days, local) && clock >= opens && clock < closes
    } else {
        (on_day(days, local) && clock >= opens) || (on_day(days, local - DAY_MIN) && clock < closes)
    }
}

/// The first minute from each minute of the window on at which something is open.
fn next_open(zone: &str, days: On<'_>, opens: &str, closes: &str) -> Vec<Option<i32>> {
    let beyond = FROM + LENGTH + 2 * DAY_MIN;
    let mut next = None;
    let mut all: Vec<Option<i32>> = (FROM..beyond)
        .rev()
        .map(|at| {
            if is_open(at, zone, days, opens, closes) {
                next = Some(at);
            }
            next
        })
        .collect();
    all.reverse();
    all
}

/// Departures from the first stop: of vehicles that are under way when the window begins, too.
fn departures(zone: &str, days: On<'_>, times: &str) -> Vec<i32> {
    let times: Vec<i32> = times.split(' ').map(minutes).collect();
    let mut seen = BTreeSet::new();
    (FROM - UNDER_WAY..FROM + LENGTH)
        .filter(|at| {
            let local = at + zone_offset(zone, *at);
            let now = on_day(days, local) && times.contains(&local.rem_euclid(DAY_MIN));
            now && seen.insert(local)
        })
        .collect()
}

fn cost(fixed: &str, per_kg: &str, currency: &str, share: (i64, i64), weight_g: i64) -> i64 {
    let rate = if currency == "USD" {
        900_000
    } else {
        1_000_000
    };
    let micros = |text: &str| {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let micros = whole.parse::<i64>().unwrap() * 1_000_000
            + format!("{decimals:0<6}").parse::<i64>().unwrap();
        micros * rate / 1_000_000
    };
    micros(fixed) + micros(per_kg) * share.0 / share.1 * weight_g / 1_000
}

/// A least price; 0 when there is none.
fn least(price: &str, currency: &str) -> i64 {
    let price = if price.is_empty() { "0" } else { price };
    cost(price, "0", currency, (1, 1), 0)
}

fn grams(service: &ServiceRow, share: (i64, i64), weight_g: i64) -> i64 {
    cost("0", &service.co2_g_per_kg, "EUR", share, weight_g)
}

impl<'a> Oracle<'a> {
    fn new(tables: &'a Tables, weight_g: i64) -> Self {
        let mut oracle = Self {
            tables,
            rides: Vec::new(),
        };
        for service in &tables.services {
            oracle.add_service(service, weight_g);
        }
        for zone in &tables.zones {
            let depot = oracle.place(&zone.depot);
            for leaves in departures(&depot.time_zone, (&zone.days, &zone.calendar), &zone.tour) {
                let ready = leaves + number(&zone.delivery_min);
                if ready < FROM + LENGTH {
                    oracle.rides.push(Ride {
                        from: zone.depot.clone(),
                        deadline: leaves - number(&zone.cutoff_min),
                        to: zone.id.clone(),
                        ready,
                        cost: cost(
                            &zone.price_per_parcel,
                            &zone.price_per_kg,
                            &zone.currency,
                            (1, 1),
                            weight_g,
                        ),
                        co2: cost(&zone.co2_g_per_parcel, "0", "EUR", (1, 1), weight_g),
                    });
                }
            }
        }
        oracle
    }

    fn place(&self, id: &str) -> &'a PlaceRow {
        self.tables
            .places
            .iter()
            .find(|place| place.id == id)
            .unwrap()
    }

    fn add_service(&mut self, service: &ServiceRow, weight_g: i64) {
        let stops: Vec<&PlaceRow> = service.stops.split('>').map(|id| self.place(id)).collect();
        let runs: Vec<i32> = service.run_min.split('>').map(number).collect();
        let whole: i32 = runs.iter().sum();
        let days = (service.days.as_str(), service.calendar.as_str());
        let starts = departures(&stops[0].time_zone, days, &service.departs);
        for board in 0..stops.len() - 1 {
            for alight in board + 1..stops.len() {
                let moving: i32 = runs[board..alight].iter().sum();
                let dwell = number(&service.dwell_min);
                let before: i32 = runs[..board].iter().map(|run| run + dwell).sum();
                let stands = dwell * i32::try_from(alight - board - 1).unwrap();
                let share = (i64::from(moving), i64::from(whole));
                let currency = &service.currency;
                let cost = cost(
                    &service.price_per_parcel,
                    &service.price_per_kg,
                    currency,
                    share,
                    weight_g,
                )
                .max(least(&service.price_min, currency));
                let times: Vec<(i32, i32)> = starts
                    .iter()
                    .map(|start| (start + before, start + before + moving + stands))
                    .collect();
                let co2 = grams(service, share, weight_g);
                self.add_rides(service, (stops[board], stops[alight]), &times, (cost, co2));
            }
        }
    }

    fn add_rides(
        &mut self,
        service: &ServiceRow,
        (from, to): (&PlaceRow, &PlaceRow),
        times: &[(i32, i32)],
        (cost, co2): (i64, i64),
    ) {
        let days = (to.days.as_str(), to.calendar.as_str());
        let place_open = next_open(&to.time_zone, days, &to.opens, &to.closes);
        let border = (from.territory != to.territory).then(|| {
            let rows = || {
                let all = self.tables.customs.iter();
                all.filter(|row| row.from == from.territory && row.to == to.territory)
            };
            let row = rows()
                .find(|row| row.mode == "truck")
                .or_else(|| rows().next())
                .unwrap();
            (
                next_open(
                    &to.time_zone,
                    (&row.days, &row.calendar),
                    &row.opens,
                    &row.closes,
                ),
                number(&row.p50_min),
            )
        });
        let open = |table: &[Option<i32>], at: i32| {
            usize::try_from(at - FROM)
                .ok()
                .and_then(|index| table.get(index).copied().flatten())
        };
        for (leaves, arrives) in times.iter().filter(|(leaves, _)| *leaves >= FROM) {
            let mut at = Some(*arrives);
            if let Some((customs_open, p50)) = &border {
                at = at.and_then(|at| open(customs_open, at)).map(|at| at + p50);
            }
            let ready = at.and_then(|at| open(&place_open, at));
            let ready = ready.map(|at| at + number(&to.handling_min));
            if let Some(ready) = ready.filter(|ready| *ready < FROM + LENGTH) {
                self.rides.push(Ride {
                    from: from.id.clone(),
                    deadline: leaves - number(&service.cutoff_min),
                    to: to.id.clone(),
                    ready,
                    cost,
                    co2,
                });
            }
        }
    }

    /// Every moment at which something can happen at a place.
    fn events(&self, origin: &str, ready: i32) -> BTreeSet<(i32, String)> {
        let mut events = BTreeSet::from([(ready, origin.to_owned())]);
        for ride in &self.rides {
            events.insert((ride.deadline, ride.from.clone()));
            events.insert((ride.ready, ride.to.clone()));
        }
        events
    }

    /// Earliest readiness by place and zone, on the time-expanded graph.
    fn earliest(&self, origin: &str, ready: i32) -> BTreeMap<String, i32> {
        let events = self.events(origin, ready);
        let mut graph = DiGraph::<(i32, String), ()>::new();
        let mut nodes: BTreeMap<(i32, String), NodeIndex> = BTreeMap::new();
        let mut last: BTreeMap<String, NodeIndex> = BTreeMap::new();
        for event in events {
            let node = graph.add_node(event.clone());
            if let Some(before) = last.insert(event.1.clone(), node) {
                graph.add_edge(before, node, ());
            }
            nodes.insert(event, node);
        }
        for ride in &self.rides {
            let from = nodes[&(ride.deadline, ride.from.clone())];
            graph.add_edge(from, nodes[&(ride.ready, ride.to.clone())], ());
        }
        let start = nodes[&(ready, origin.to_owned())];
        let reached = petgraph::algo::dijkstra(&graph, start, None, |_| 1u32);
        let mut earliest = BTreeMap::new();
        for ((at, place), node) in &nodes {
            if reached.contains_key(node) {
                earliest.entry(place.clone()).or_insert(*at);
            }
        }
        earliest
    }

    /// Arrival, cost and emissions that no route of at most eight legs beats, by a sweep over all
    /// events; emissions count as 0 when they are not asked for.
    fn frontier(&self, origin: &str, ready: i32, to: &str, co2: bool) -> Vec<(i32, i64, i64)> {
        type State = (i64, i64, u8);
        let no_worse = |other: &State, state: &State| {
            other.0 <= state.0 && other.1 <= state.1 && other.2 <= state.2
        };
        let mut leaving: BTreeMap<(i32, &str), Vec<&Ride>> = BTreeMap::new();
        for ride in &self.rides {
            leaving
                .entry((ride.deadline, &ride.from))
                .or_default()
                .push(ride);
        }
        let mut coming: BTreeMap<(i32, String), Vec<State>> = BTreeMap::new();
        coming.insert((ready, origin.to_owned()), vec![(0, 0, 0)]);
        let mut here: BTreeMap<String, Vec<State>> = BTreeMap::new();
        let mut front: Vec<(i32, i64, i64)> = Vec::new();
        for event in self.events(origin, ready) {
            let standing = here.entry(event.1.clone()).or_default();
            standing.extend(coming.remove(&event).unwrap_or_default());
            standing.sort_unstable();
            let mut kept: Vec<State> = Vec::new();
            for state in standing.iter() {
                if !kept.iter().any(|other| no_worse(other, state)) {
                    kept.push(*state);
                }
            }
            standing.clone_from(&kept);
            if event.1 == to {
                for (cost, grams, _) in &kept {
                    if front
                        .iter()
                        .all(|other| other.1 > *cost || other.2 > *grams)
                    {
                        front.push((event.0, *cost, *grams));
                    }
                }
            }
            let here = leaving.get(&(event.0, event.1.as_str()));
            for ride in here.into_iter().flatten() {
                let onward = kept.iter().filter(|(_, _, legs)| *legs < LEGS_MAX);
                let onward = onward.map(|(cost, grams, legs)| {
                    let more = if co2 { ride.co2 } else { 0 };
                    (cost + ride.cost, grams + more, legs + 1)
                });
                coming
                    .entry((ride.ready, ride.to.clone()))
                    .or_default()
                    .extend(onward);
            }
        }
        front
    }
}

fn ready_of(seed: u64) -> i32 {
    FROM + i32::try_from(seed % 8 * 1_440 + seed / 8 % 1_440).unwrap()
}

proptest! {
    // Some seeds give no sound network: more than a thousand remain.
    #![proptest_config(ProptestConfig { cases: 1_300, ..ProptestConfig::default() })]

    #[test]
    fn earliest_arrivals_equal_the_time_expanded_graph(seed: u64) {
        let Some((tables, network)) = tables(seed) else { return Ok(()) };
        let ready = ready_of(seed);
        let oracle = Oracle::new(&tables, 500);
        for place in tables.places.iter().take(2) {
            let origin = network.find(&place.id).unwrap();
            let table = Table::from_site(&network, origin, Minute(ready));
            let expected = oracle.earliest(&place.id, ready);
            for (node, info) in network.nodes() {
                let found = table.earliest(node).map(|at| at.0);
                prop_assert_eq!(found, expected.get(&info.id).copied(), "{} {}", place.id, info.id);
            }
        }
    }

    #[test]
    fn frontiers_equal_the_sweep_over_all_events(seed: u64) {
        let Some((tables, network)) = tables(seed) else { return Ok(()) };
        let ready = ready_of(seed);
        let oracle = Oracle::new(&tables, 2_000);
        let from = network.find(&tables.places[0].id).unwrap();
        for (to, info) in network.nodes().filter(|(to, _)| *to != from) {
            let query = Query {
                from,
                to,
                ready: Minute(ready),
                weight_g: 2_000,
                level: Level::Standard,
                promise: None,
                options: 3,
            };
            let found: Vec<(i32, i64)> =
                network.frontier(&query).into_iter().map(|(at, Micros(cost))| (at.0, cost)).collect();
            let expected = oracle.frontier(&tables.places[0].id, ready, &info.id, false);
            let first = expected.first().map_or(0, |(at, _, _)| *at);
            let expected: Vec<(i32, i64)> = expected
                .into_iter()
                .filter(|(at, _, _)| *at <= first + 6 * DAY_MIN)
                .map(|(at, cost, _)| (at, cost))
                .collect();
            prop_assert_eq!(found, expected, "to {}", info.id);
        }
    }

    #[test]
    fn the_latest_departure_is_the_last_that_arrives_in_time(seed: u64) {
        let Some((tables, network)) = tables(seed) else { return Ok(()) };
        let ready = Minute(ready_of(seed));
        let from = network.find(&tables.places[0].id).unwrap();
        let table = Table::from_site(&network, from, ready);
        for (to, info) in network.nodes().filter(|(to, _)| *to != from) {
            let Some(promise) = table.earliest(to) else { continue };
            let latest = network.latest_departure(from, to, promise).unwrap();
            prop_assert!(latest >= ready, "{}", info.id);
            let at = |ready| Table::from_site(&network, from, ready).earliest(to);
            prop_assert_eq!(at(latest), Some(promise), "{}", info.id);
            let late = at(latest.after(1));
            prop_assert!(late.is_none_or(|late| late > promise), "{}", info.id);
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter(seed: u64) {
        let Some((mut tables, network)) = tables(seed) else { return Ok(()) };
        let mut draw = Draw(seed ^ 1);
        draw.shuffle(&mut tables.places);
        draw.shuffle(&mut tables.services);
        draw.shuffle(&mut tables.customs);
        draw.shuffle(&mut tables.zones);
        let other = Network::new(&tables).unwrap();
        let query = |network: &Network, to: &str| Query {
            from: network.find("P0").or_else(|| network.find("P1")).unwrap(),
            to: network.find(to).unwrap(),
            ready: Minute(ready_of(seed)),
            weight_g: 700,
            level: Level::Express,
            promise: None,
            options: 4,
        };
        for zone in tables.zones.iter().filter(|_| network.find("P0").or(network.find("P1")).is_some()) {
            let left = network.options(&query(&network, &zone.id));
            prop_assert_eq!(left, other.options(&query(&other, &zone.id)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn sets_with_emissions_equal_the_sweep_and_tolerance_keeps_near_to_them(seed: u64) {
        let Some((tables, network)) = tables(seed) else { return Ok(()) };
        let ready = ready_of(seed);
        let oracle = Oracle::new(&tables, 2_000);
        let from = network.find(&tables.places[0].id).unwrap();
        for (to, info) in network.nodes().filter(|(to, _)| *to != from) {
            let query = Query {
                from,
                to,
                ready: Minute(ready),
                weight_g: 2_000,
                level: Level::Standard,
                promise: None,
                options: 3,
            };
            let points = |tolerance_permille| {
                let limits = Limits { within_min: 3 * DAY_MIN, tolerance_permille, co2: true };
                let mut all: Vec<(i32, i64, i64)> = network
                    .points(&query, limits)
                    .into_iter()
                    .map(|point| (point.arrive.0, point.cost.0, point.co2_g.0))
                    .collect();
                all.sort_unstable();
                all
            };
            let mut expected = oracle.frontier(&tables.places[0].id, ready, &info.id, true);
            let first = expected.iter().map(|(at, _, _)| *at).min().unwrap_or(0);
            expected.retain(|(at, _, _)| *at <= first + 3 * DAY_MIN);
            expected.sort_unstable();
            prop_assert_eq!(&points(0), &expected, "to {}", info.id);
            let near = points(50);
            let within = |found: i64, exact: i64| found * 1_000 <= exact * 1_050;
            for (at, cost, grams) in expected {
                prop_assert!(near.iter().any(|found| {
                    within(i64::from(found.0 - ready), i64::from(at - ready))
                        && within(found.1, cost)
                        && within(found.2, grams)
                }), "to {}", info.id);
            }
        }
    }
}

#[test]
fn most_random_networks_are_sound() {
    let sound = (0..300)
        .filter(|seed| tables(*seed * 977 + 5).is_some())
        .count();
    assert!(sound >= 250, "{sound} of 300");
}
