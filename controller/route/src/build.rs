//! Tables to network: reading, checking, unrolling.

use std::collections::{BTreeMap, BTreeSet};

use crate::cells::{At, Problems, nearest};
use crate::graph;
use crate::micros::Micros;
use crate::network::{Clearance, Kind, Leg, Mode, Network, Node, NodeInfo, Promise, Service};
use crate::postcode::{Postcodes, expand};
use crate::risk::Delay;
use crate::tables::{PlaceRow, Problem, ServiceRow, TableName, Tables, ZoneRow};
use crate::time::{Hours, Offsets, WeekHours, unroll};

/// Longest run of a stretch, and of a delivery: 60 days.
const RUN_MAX: i32 = 86_400;
/// Longest cut-off and dwell: a week.
const WEEK: i32 = 10_080;

pub(crate) fn build(tables: &Tables) -> Result<Network, Vec<Problem>> {
    let mut build = Build::new(tables);
    build.settings();
    build.places();
    build.customs();
    build.services();
    build.zones();
    build.delays();
    build.finish()
}

/// A customs row as read.
struct Border {
    week: WeekHours,
    p50: i32,
    p90: i32,
}

struct Build<'a> {
    tables: &'a Tables,
    problems: Problems,
    network: Network,
    clock_names: BTreeMap<&'a str, usize>,
    hours_known: BTreeMap<(WeekHours, usize), usize>,
    rates: BTreeMap<&'a str, Micros>,
    borders: BTreeMap<(&'a str, &'a str, &'a str), Border>,
    services: BTreeSet<&'a str>,
}

impl<'a> Build<'a> {
    fn new(tables: &'a Tables) -> Self {
        let network = Network {
            base: tables.settings.base_currency.clone(),
            window: tables.window,
            nodes: Vec::new(),
            ids: BTreeMap::new(),
            clocks: tables.time_zones.values().cloned().collect(),
            hours: Vec::new(),
            services: Vec::new(),
            clearances: Vec::new(),
            legs: Vec::new(),
            first_leg: Vec::new(),
            postcodes: Postcodes::default(),
            promises: Vec::new(),
            delays: Vec::new(),
        };
        let clock_names = tables
            .time_zones
            .keys()
            .map(String::as_str)
            .zip(0..)
            .collect();
        Self {
            tables,
            problems: Problems::default(),
            network,
            clock_names,
            hours_known: BTreeMap::new(),
            rates: BTreeMap::new(),
            borders: BTreeMap::new(),
            services: BTreeSet::new(),
        }
    }

    fn settings(&mut self) {
        let at = At {
            table: TableName::Settings,
            row: 0,
        };
        let settings = &self.tables.settings;
        self.problems
            .letters(at, "base_currency", &settings.base_currency, 3);
        self.rates
            .insert(&settings.base_currency, Micros(1_000_000));
        for (currency, rate) in &settings.rates {
            let value = self.problems.decimal(at, "rates", rate);
            self.rates.insert(currency, value);
        }
        if !(1..=120).contains(&settings.horizon_days) {
            let found = settings.horizon_days.to_string();
            self.problems
                .add(at, "horizon_days", &found, "1 to 120 days");
        }
    }

    fn places(&mut self) {
        for (row, place) in sorted(&self.tables.places, |place| &place.id) {
            let at = At {
                table: TableName::Places,
                row,
            };
            let kind = self.kind(at, &place.kind);
            let clock = self.clock_of(at, &place.time_zone);
            let week = self
                .problems
                .hours(at, &place.days, &place.opens, &place.closes);
            let info = NodeInfo {
                id: self.problems.id(at, "id", &place.id),
                name: place.name.clone(),
                country: self.problems.letters(at, "country", &place.country, 2),
                territory: self.problems.letters(at, "territory", &place.territory, 2),
                kind: Some(kind),
                position: self.position(at, place),
                clock,
                hours: week.map(|week| self.hours(week, clock)),
                handling: self
                    .problems
                    .whole(at, "handling_min", &place.handling_min, 0..=14_400),
            };
            self.add_node(at, info, None);
        }
        if self.tables.places.is_empty() {
            let at = At {
                table: TableName::Places,
                row: 0,
            };
            self.problems
                .add(at, "id", "no record", "at least one place");
        }
    }

    fn position(&mut self, at: At, place: &PlaceRow) -> (f64, f64) {
        let lat = self.problems.degrees(at, "lat", &place.lat, 90.0);
        (lat, self.problems.degrees(at, "lon", &place.lon, 180.0))
    }

    fn kind(&mut self, at: At, text: &str) -> Kind {
        match text {
            "hub" => Kind::Hub,
            "airport" => Kind::Airport,
            "port" => Kind::Port,
            "rail" => Kind::Rail,
            "customs" => Kind::Customs,
            "depot" => Kind::Depot,
            _ => {
                let allowed = "hub, airport, port, rail, customs or depot";
                self.problems.add(at, "kind", text, allowed);
                Kind::Hub
            }
        }
    }

    fn clock_of(&mut self, at: At, name: &str) -> usize {
        self.clock_names.get(name).copied().unwrap_or_else(|| {
            self.problems.add(
                at,
                "time_zone",
                name,
                "an IANA time zone, such as Europe/Berlin",
            );
            0
        })
    }

    fn offsets(&self, clock: usize) -> Offsets {
        self.network
            .clocks
            .get(clock)
            .cloned()
            .unwrap_or_else(|| Offsets::new(0, Vec::new()))
    }

    fn hours(&mut self, week: WeekHours, clock: usize) -> usize {
        if let Some(known) = self.hours_known.get(&(week, clock)) {
            return *known;
        }
        let index = self.network.hours.len();
        let hours = Hours::unroll(week, &self.offsets(clock), self.network.window);
        self.network.hours.push(hours);
        self.hours_known.insert((week, clock), index);
        index
    }

    fn add_node(&mut self, at: At, info: NodeInfo, promise: Option<Promise>) -> Node {
        let node = Node(u32::try_from(self.network.nodes.len()).unwrap_or(u32::MAX));
        if self.network.ids.insert(info.id.clone(), node).is_some() {
            self.problems
                .add(at, "id", &info.id, "an id that no other place or zone has");
        }
        self.network.nodes.push(info);
        self.network.promises.push(promise);
        node
    }

    fn customs(&mut self) {
        let territories: BTreeSet<&str> = self
            .network
            .nodes
            .iter()
            .map(|place| place.territory.as_str())
            .collect();
        let territories: BTreeSet<String> = territories.into_iter().map(str::to_owned).collect();
        for (row, border) in self.tables.customs.iter().enumerate() {
            let at = At {
                table: TableName::Customs,
                row,
            };
            for (column, name) in [("from", &border.from), ("to", &border.to)] {
                if !territories.contains(name) {
                    self.problems
                        .add(at, column, name, "a territory of places.csv");
                }
            }
            if border.mode != "*" {
                self.mode(at, &border.mode);
            }
            let p50 = self
                .problems
                .whole(at, "p50_min", &border.p50_min, 0..=RUN_MAX);
            let p90 = self
                .problems
                .whole(at, "p90_min", &border.p90_min, p50..=RUN_MAX);
            let week = self
                .problems
                .hours(at, &border.days, &border.opens, &border.closes);
            let Some(week) = week else { continue };
            let key = (
                border.from.as_str(),
                border.to.as_str(),
                border.mode.as_str(),
            );
            if self
                .borders
                .insert(key, Border { week, p50, p90 })
                .is_some()
            {
                let allowed = "one record for two territories and a mode";
                self.problems.add(at, "mode", &border.mode, allowed);
            }
        }
    }

    fn mode(&mut self, at: At, text: &str) -> Mode {
        Mode::ALL
            .into_iter()
            .find(|mode| mode.name() == text)
            .unwrap_or_else(|| {
                self.problems
                    .add(at, "mode", text, "air, truck, rail, sea or van");
                Mode::Truck
            })
    }

    fn price(&mut self, at: At, column: &'static str, text: &str, currency: &str) -> Micros {
        let price = self.problems.decimal(at, column, text);
        price.times(self.rates.get(currency).copied().unwrap_or_default())
    }

    fn currency(&mut self, at: At, currency: &str) {
        if !self.rates.contains_key(currency) {
            let known: Vec<&str> = self.rates.keys().copied().collect();
            self.problems
                .add(at, "currency", currency, &known.join(", "));
        }
    }

    fn services(&mut self) {
        for (row, service) in sorted(&self.tables.services, |service| &service.id) {
            let at = At {
                table: TableName::Services,
                row,
            };
            self.problems.id(at, "id", &service.id);
            if !self.services.insert(&service.id) {
                self.problems
                    .add(at, "id", &service.id, "an id that no other service has");
            }
            self.currency(at, &service.currency);
            let mode = self.mode(at, &service.mode);
            let Some(stops) = self.stops(at, mode, service) else {
                continue;
            };
            let times = self.running(at, service, stops.len());
            let Some(times) = times else { continue };
            self.speed(at, mode, &stops, &times);
            let index = self.unroll_service(at, mode, service, &stops);
            self.loading(at, index, &stops, &times);
            self.service_legs(at, service, index, &Run { mode, stops, times });
        }
    }

    fn stops(&mut self, at: At, mode: Mode, service: &ServiceRow) -> Option<Vec<Node>> {
        let mut stops = Vec::new();
        for id in service.stops.split('>').map(str::trim) {
            let Some(node) = self.network.find(id) else {
                let near = self.network.near(id).join(", ");
                let allowed = format!("an id of places.csv; similar: {near}");
                self.problems.add(at, "stops", id, &allowed);
                return None;
            };
            if stops.contains(&node) {
                self.problems.add(at, "stops", id, "every place once");
                return None;
            }
            self.right_kind(at, mode, node);
            stops.push(node);
        }
        if stops.len() < 2 {
            self.problems
                .add(at, "stops", &service.stops, "at least two places");
            return None;
        }
        Some(stops)
    }

    /// Aircraft stop at airports, trains at rail terminals, ships at ports.
    fn right_kind(&mut self, at: At, mode: Mode, node: Node) {
        let (wanted, name) = match mode {
            Mode::Air => (Kind::Airport, "airports only, for mode air"),
            Mode::Rail => (Kind::Rail, "rail terminals only, for mode rail"),
            Mode::Sea => (Kind::Port, "ports only, for mode sea"),
            Mode::Truck | Mode::Van => return,
        };
        let info = self
            .network
            .node(node)
            .map(|info| (info.kind, info.id.clone()));
        if let Some((kind, id)) = info
            && kind != Some(wanted)
        {
            self.problems.add(at, "stops", &id, name);
        }
    }

    /// Minutes from the first departure to arrival and departure at every stop.
    fn running(&mut self, at: At, service: &ServiceRow, stops: usize) -> Option<Vec<(i32, i32)>> {
        let dwell = self
            .problems
            .whole(at, "dwell_min", &service.dwell_min, 0..=WEEK);
        let runs: Vec<&str> = service.run_min.split('>').map(str::trim).collect();
        if runs.len() + 1 != stops {
            let allowed = format!("{} numbers joined by >", stops - 1);
            self.problems.add(at, "run_min", &service.run_min, &allowed);
            return None;
        }
        let mut times = vec![(0, 0)];
        let mut clock = 0;
        for run in runs {
            clock += self.problems.whole(at, "run_min", run, 1..=RUN_MAX);
            times.push((clock, clock + dwell));
            clock += dwell;
        }
        Some(times)
    }

    fn speed(&mut self, at: At, mode: Mode, stops: &[Node], times: &[(i32, i32)]) {
        let limit = match mode {
            Mode::Air => 1_000.0,
            Mode::Truck | Mode::Van => 110.0,
            Mode::Rail => 200.0,
            Mode::Sea => 60.0,
        };
        for (pair, when) in stops.windows(2).zip(times.windows(2)) {
            let ([from, to], [left, reached]) = (pair, when) else {
                continue;
            };
            let minutes = reached.0 - left.1;
            let least = self.kilometres(*from, *to) / limit * 60.0;
            if f64::from(minutes) < least {
                let found = format!(
                    "{minutes} minutes from {} to {}",
                    self.network.id(*from),
                    self.network.id(*to)
                );
                let allowed = format!("at least {least:.0}: no {} is faster", mode.name());
                self.problems.add(at, "run_min", &found, &allowed);
            }
        }
    }

    /// Great-circle distance (haversine formula, mean radius of the Earth 6,371 km).
    fn kilometres(&self, from: Node, to: Node) -> f64 {
        let position = |node| {
            self.network
                .node(node)
                .map_or((0.0, 0.0), |info| info.position)
        };
        let ((lat, lon), (other_lat, other_lon)) = (position(from), position(to));
        let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
        let across = lat.to_radians().cos() * other_lat.to_radians().cos() * half(other_lon - lon);
        2.0 * 6_371.0 * (half(other_lat - lat) + across).sqrt().min(1.0).asin()
    }

    fn unroll_service(
        &mut self,
        at: At,
        mode: Mode,
        service: &ServiceRow,
        stops: &[Node],
    ) -> usize {
        let clock = stops
            .first()
            .and_then(|node| self.network.node(*node))
            .map_or(0, |n| n.clock);
        let mut times = Vec::new();
        for text in service.departs.split_whitespace() {
            times.push(self.problems.clock(at, "departs", text));
        }
        if times.is_empty() {
            self.problems.add(
                at,
                "departs",
                &service.departs,
                "at least one local time HH:MM",
            );
        }
        let days = self.problems.days(at, &service.days);
        let departures = days.map_or_else(Vec::new, |days| {
            unroll(days, &times, &self.offsets(clock), self.network.window)
        });
        let capacity =
            self.problems
                .whole(at, "capacity_kg", &service.capacity_kg, 1..=100_000_000);
        self.network.services.push(Service {
            id: service.id.clone(),
            mode,
            carrier: service.carrier.clone(),
            departures,
            capacity_g: i64::from(capacity) * 1_000,
        });
        self.network.services.len() - 1
    }

    /// A vehicle that leaves while the place is closed cannot be loaded there.
    fn loading(&mut self, at: At, service: usize, stops: &[Node], times: &[(i32, i32)]) {
        let last = stops.len().saturating_sub(1);
        for (stop, (_, leaves)) in stops.iter().zip(times).take(last) {
            let found = {
                let network = &self.network;
                let hours = network.node(*stop).and_then(|info| info.hours);
                let hours = hours.and_then(|hours| network.hours.get(hours));
                let runs = network
                    .services
                    .get(service)
                    .map(|service| &service.departures);
                let closed = runs.zip(hours).and_then(|(runs, hours)| {
                    let mut all = runs.iter().map(|run| run.after(*leaves));
                    all.find(|leaves| *leaves < network.window.to && !hours.is_open(*leaves))
                });
                closed
                    .map(|at| format!("{} at {}", network.text_clock(*stop, at), network.id(*stop)))
            };
            if let Some(found) = found {
                self.problems
                    .add(at, "departs", &found, "departures while the place is open");
            }
        }
    }

    fn service_legs(&mut self, at: At, service: &ServiceRow, index: usize, run: &Run) {
        let cutoff = self
            .problems
            .whole(at, "cutoff_min", &service.cutoff_min, 0..=WEEK);
        let fixed = self.price(
            at,
            "price_per_parcel",
            &service.price_per_parcel,
            &service.currency,
        );
        let per_kg = self.price(at, "price_per_kg", &service.price_per_kg, &service.currency);
        let co2 = self
            .problems
            .decimal(at, "co2_g_per_kg", &service.co2_g_per_kg);
        let whole = run.moving(0, run.stops.len() - 1);
        for (board, (from, (_, leaves))) in run.stops.iter().zip(&run.times).enumerate() {
            let later = run.stops.iter().zip(&run.times).enumerate().skip(board + 1);
            for (alight, (to, (arrives, _))) in later {
                let part = run.moving(board, alight);
                let clearance = self.clearance(at, run.mode, *from, *to);
                self.network.legs.push(Leg {
                    from: *from,
                    to: *to,
                    service: u32::try_from(index).unwrap_or(u32::MAX),
                    cutoff,
                    offset: *leaves,
                    run: arrives - leaves,
                    clearance,
                    fixed,
                    per_kg: per_kg.share(part, whole),
                    co2_fixed: Micros::ZERO,
                    co2_per_kg: co2.share(part, whole),
                });
            }
        }
    }

    fn clearance(&mut self, at: At, mode: Mode, from: Node, to: Node) -> Option<u32> {
        let left = self.network.node(from)?.territory.clone();
        let (entered, clock) = {
            let end = self.network.node(to)?;
            (end.territory.clone(), end.clock)
        };
        if left == entered {
            return None;
        }
        let named = self
            .borders
            .get(&(left.as_str(), entered.as_str(), mode.name()));
        let border = named.or_else(|| self.borders.get(&(left.as_str(), entered.as_str(), "*")));
        let Some(border) = border else {
            let found = format!("{left} to {entered} by {}", mode.name());
            self.problems.add(
                at,
                "stops",
                &found,
                "borders that customs.csv has a record for",
            );
            return None;
        };
        let (week, p50, p90) = (border.week, border.p50, border.p90);
        let hours = self.hours(week, clock);
        let index = self.network.clearances.len();
        self.network.clearances.push(Clearance {
            from: left,
            to: entered,
            hours,
            p50,
            p90,
        });
        u32::try_from(index).ok()
    }

    fn zones(&mut self) {
        for (row, zone) in sorted(&self.tables.zones, |zone| &zone.id) {
            let at = At {
                table: TableName::Zones,
                row,
            };
            let depot = self.network.find(&zone.depot);
            let depot = depot.and_then(|node| Some((node, self.network.node(node)?.clone())));
            let Some((depot, info)) = depot else {
                let places = self.tables.places.iter().map(|place| place.id.as_str());
                let near = nearest(&zone.depot, places).join(", ");
                let allowed = format!("an id of places.csv; similar: {near}");
                self.problems.add(at, "depot", &zone.depot, &allowed);
                continue;
            };
            let node = self.zone_node(at, zone, &info);
            self.zone_postcodes(at, zone, node);
            self.zone_tour(at, zone, (depot, &info), node);
        }
    }

    fn zone_node(&mut self, at: At, zone: &ZoneRow, depot: &NodeInfo) -> Node {
        let id = self.problems.id(at, "id", &zone.id);
        let country = self.problems.letters(at, "country", &zone.country, 2);
        let mut same = self
            .network
            .nodes
            .iter()
            .filter(|place| place.country == country);
        if same.any(|place| place.territory != depot.territory) {
            let allowed = format!("a country of the depot's territory {}", depot.territory);
            self.problems.add(at, "country", &country, &allowed);
        }
        let standard = self
            .problems
            .whole(at, "standard_days", &zone.standard_days, 0..=60);
        let express = self
            .problems
            .whole(at, "express_days", &zone.express_days, 0..=standard);
        let days = self.problems.days(at, &zone.days);
        let info = NodeInfo {
            name: id.clone(),
            id,
            country,
            kind: None,
            hours: None,
            handling: 0,
            ..depot.clone()
        };
        self.add_node(
            at,
            info,
            days.map(|days| Promise {
                days,
                standard,
                express,
            }),
        )
    }

    fn zone_postcodes(&mut self, at: At, zone: &ZoneRow, node: Node) {
        let Some(prefixes) = expand(&zone.postcodes) else {
            let allowed = "beginnings of postcodes, or ranges such as 08-13, with blanks between";
            self.problems.add(at, "postcodes", &zone.postcodes, allowed);
            return;
        };
        for prefix in prefixes {
            if self
                .network
                .postcodes
                .add(&zone.country, &prefix, node)
                .is_some()
            {
                let allowed = "every beginning in one zone of a country";
                self.problems.add(at, "postcodes", &prefix, allowed);
            }
        }
    }

    fn zone_tour(&mut self, at: At, zone: &ZoneRow, depot: (Node, &NodeInfo), node: Node) {
        self.currency(at, &zone.currency);
        let tour = self.problems.clock(at, "tour", &zone.tour);
        let cutoff = self
            .problems
            .whole(at, "cutoff_min", &zone.cutoff_min, 0..=WEEK);
        let run = self
            .problems
            .whole(at, "delivery_min", &zone.delivery_min, 1..=RUN_MAX);
        let departures = self.network.promises.get(node.index()).copied().flatten();
        let departures = departures.map_or_else(Vec::new, |promise| {
            unroll(
                promise.days,
                &[tour],
                &self.offsets(depot.1.clock),
                self.network.window,
            )
        });
        let index = self.network.services.len();
        self.network.services.push(Service {
            id: zone.id.clone(),
            mode: Mode::Van,
            carrier: depot.1.name.clone(),
            departures,
            capacity_g: i64::MAX,
        });
        let fixed = self.price(
            at,
            "price_per_parcel",
            &zone.price_per_parcel,
            &zone.currency,
        );
        let per_kg = self.price(at, "price_per_kg", &zone.price_per_kg, &zone.currency);
        let co2_fixed = self
            .problems
            .decimal(at, "co2_g_per_parcel", &zone.co2_g_per_parcel);
        self.network.legs.push(Leg {
            from: depot.0,
            to: node,
            service: u32::try_from(index).unwrap_or(u32::MAX),
            cutoff,
            offset: 0,
            run,
            clearance: None,
            fixed,
            per_kg,
            co2_fixed,
            co2_per_kg: Micros::ZERO,
        });
    }

    fn delays(&mut self) {
        let at = At {
            table: TableName::Settings,
            row: 0,
        };
        for (mode, delay) in &self.tables.settings.delay {
            self.mode(at, mode);
            if delay.p90_min < delay.p50_min || delay.p90_min > RUN_MAX.unsigned_abs() {
                let found = format!("{} below {}", delay.p90_min, delay.p50_min);
                let allowed = format!("p50_min to {RUN_MAX}");
                self.problems.add(at, "delay.p90_min", &found, &allowed);
            }
        }
        self.network.delays = Mode::ALL
            .iter()
            .map(|mode| self.tables.settings.delay.get(mode.name()))
            .map(|row| {
                row.map_or_else(Delay::none, |row| {
                    Delay::lognormal(row.p50_min, row.p90_min)
                })
            })
            .collect();
    }

    fn finish(mut self) -> Result<Network, Vec<Problem>> {
        self.network.legs.sort_by_key(|leg| leg.from);
        let legs = &self.network.legs;
        self.network.first_leg = (0..=self.network.nodes.len())
            .map(|node| legs.partition_point(|leg| leg.from.index() < node))
            .collect();
        if self.problems.0.is_empty() {
            for island in graph::islands(&self.network) {
                let row = self
                    .tables
                    .places
                    .iter()
                    .position(|place| place.id == island);
                let at = At {
                    table: TableName::Places,
                    row: row.unwrap_or(0),
                };
                let allowed = "places that services connect with the rest of the network";
                self.problems.add(at, "id", &island, allowed);
            }
        }
        if self.problems.0.is_empty() {
            return Ok(self.network);
        }
        self.problems.0.sort_unstable();
        Err(self.problems.0)
    }
}

/// A service's stops with the minutes of arrival and departure at each.
struct Run {
    mode: Mode,
    stops: Vec<Node>,
    times: Vec<(i32, i32)>,
}

impl Run {
    /// Minutes under way between two stops, without standing.
    fn moving(&self, board: usize, alight: usize) -> i64 {
        let stretches = self.times.iter().zip(self.times.iter().skip(1));
        let between = stretches.skip(board).take(alight - board);
        between.map(|(from, to)| i64::from(to.0 - from.1)).sum()
    }
}

/// Rows with their number in the file, in order of their id, so that results do not depend on
/// the order of the file.
fn sorted<T>(rows: &[T], id: impl Fn(&T) -> &String) -> Vec<(usize, &T)> {
    let mut all: Vec<(usize, &T)> = rows.iter().enumerate().collect();
    all.sort_by_key(|(_, row)| id(row).clone());
    all
}
