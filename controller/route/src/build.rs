//! Tables to network: reading, checking, unrolling.

mod services;
mod zones;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cells::{At, Problems};
use crate::delay::Delay;
use crate::graph;
use crate::learn::usual_weather;
use crate::micros::Micros;
use crate::network::{Kind, Mode, Network, Node, NodeInfo, Promise};
use crate::postcode::Postcodes;
use crate::tables::{CustomsRow, PlaceRow, Problem, TableName, Tables};
use crate::time::{
    Exceptions, Hours, Offsets, UNDER_WAY_MAX_MIN, WeekHours, Window, local_days, parse_day,
};
use crate::timetable::Timetable;

/// Longest run of a stretch, and of a delivery: 60 days.
const RUN_MAX: i32 = 86_400;
/// Longest cut-off and dwell: a week.
const WEEK: i32 = 10_080;
/// What a mode may be.
const MODES: &str = "air, truck, rail, sea or van";

pub(crate) fn build(tables: &Tables) -> Result<Network, Vec<Problem>> {
    let mut build = Build::new(tables);
    build.settings();
    build.calendars();
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
    time: Arc<Delay>,
    /// Digits of the HS code that it is for.
    digits: usize,
}

struct Build<'a> {
    tables: &'a Tables,
    problems: Problems,
    network: Network,
    clock_names: BTreeMap<&'a str, usize>,
    hours_known: BTreeMap<(WeekHours, usize), usize>,
    rates: BTreeMap<&'a str, Micros>,
    borders: BTreeMap<(&'a str, &'a str, &'a str), Border>,
    /// Clearances by territories, mode and clock.
    crossings: BTreeMap<(String, String, Mode, usize), u32>,
    services: BTreeSet<&'a str>,
    /// Territories of a country's places.
    territories: BTreeMap<String, BTreeSet<String>>,
    calendars: BTreeMap<&'a str, Exceptions>,
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
            model: None,
            weather: BTreeMap::new(),
            usual: Vec::new(),
            rates: BTreeMap::new(),
            service_ids: BTreeMap::new(),
            light_g: 0,
            timetable: Timetable::default(),
            conditions: Vec::new(),
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
            crossings: BTreeMap::new(),
            services: BTreeSet::new(),
            territories: BTreeMap::new(),
            calendars: BTreeMap::new(),
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
            let value = self.problems.decimal(at, format!("rates.{currency}"), rate);
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
            let but = self.calendar(at, &place.calendar);
            let days = (place.days.as_str(), but.as_ref());
            let week = self.problems.hours(at, days, &place.opens, &place.closes);
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
            let territories = self.territories.entry(info.country.clone()).or_default();
            territories.insert(info.territory.clone());
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

    /// The calendars, each for the days that unrolling looks at.
    fn calendars(&mut self) {
        let edges = Offsets::new(0, Vec::new());
        // A day more on both sides: clocks are up to 14 hours from UTC.
        let Window { from, to } = self.network.window;
        let window = Window {
            from: from.after(-UNDER_WAY_MAX_MIN),
            to,
        };
        let window = local_days(&edges, window);
        let days = window.start() - 1..=window.end() + 1;
        let mut all: BTreeMap<&'a str, BTreeMap<i32, bool>> = BTreeMap::new();
        for (row, line) in self.tables.calendars.iter().enumerate() {
            let at = At {
                table: TableName::Calendars,
                row,
            };
            let from = self.day(at, "from", &line.from).unwrap_or(*days.start());
            let until = self.day(at, "until", &line.until).unwrap_or(*days.end());
            let both = !line.from.is_empty() && !line.until.is_empty();
            if both && until < from {
                self.problems
                    .add(at, "until", &line.until, "a day not before `from`");
            }
            if line.calendar.is_empty() {
                self.problems.add(at, "calendar", "", "a name");
            }
            if !matches!(line.runs.as_str(), "yes" | "no") {
                self.problems.add(at, "runs", &line.runs, "yes or no");
            }
            let known = all.entry(&line.calendar).or_default();
            let first = from.max(*days.start());
            known.extend((first..=until.min(*days.end())).map(|day| (day, line.runs == "yes")));
        }
        self.calendars = all
            .into_iter()
            .map(|(name, days)| (name, Arc::new(days)))
            .collect();
    }

    fn day(&mut self, at: At, column: &'static str, text: &str) -> Option<i32> {
        if text.is_empty() {
            return None;
        }
        let day = parse_day(text);
        if day.is_none() {
            self.problems.add(at, column, text, "a day YYYY-MM-DD");
        }
        day
    }

    /// The exceptions of a named calendar; none for an empty name.
    fn calendar(&mut self, at: At, name: &str) -> Option<Exceptions> {
        if name.is_empty() {
            return None;
        }
        let known = self.calendars.get(name).cloned();
        if known.is_none() {
            self.problems
                .add(at, "calendar", name, "a name of calendars.csv, or nothing");
        }
        known
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
        let key = (week, clock);
        if let Some(known) = self.hours_known.get(&key) {
            return *known;
        }
        let index = self.network.hours.len();
        let hours = Hours::unroll(&key.0, &self.offsets(clock), self.network.window);
        self.network.hours.push(hours);
        self.hours_known.insert(key, index);
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
        let nodes = self.network.nodes.iter();
        let territories: BTreeSet<String> = nodes.map(|place| place.territory.clone()).collect();
        let mut seen = BTreeSet::new();
        for (row, line) in self.tables.customs.iter().enumerate() {
            let at = At {
                table: TableName::Customs,
                row,
            };
            for (column, name) in [("from", &line.from), ("to", &line.to)] {
                if !territories.contains(name) && (column == "to" || name != "*") {
                    self.problems
                        .add(at, column, name, "a territory of places.csv");
                }
            }
            if line.mode != "*" {
                self.mode(at, &line.mode);
            }
            let goods = self.commodity(at, &line.commodity);
            let key = (line.from.as_str(), line.to.as_str(), line.mode.as_str());
            if !seen.insert((key, goods)) {
                let allowed = "one record for two territories, a mode and a commodity";
                self.problems.add(at, "mode", &line.mode, allowed);
            }
            let Some(border) = self.border(at, line, goods.len()) else {
                continue;
            };
            let known = self.borders.get(&key).map(|known| known.digits);
            if self.tables.hs_code.starts_with(goods) && known.is_none_or(|d| d <= goods.len()) {
                self.borders.insert(key, border);
            }
        }
    }

    fn border(&mut self, at: At, line: &CustomsRow, digits: usize) -> Option<Border> {
        let p50 = self
            .problems
            .whole(at, "p50_min", &line.p50_min, 0..=RUN_MAX);
        let p90 = self
            .problems
            .whole(at, "p90_min", &line.p90_min, p50..=RUN_MAX);
        let but = self.calendar(at, &line.calendar);
        let days = (line.days.as_str(), but.as_ref());
        let week = self.problems.hours(at, days, &line.opens, &line.closes)?;
        let time = Arc::new(Delay::lognormal(p50.unsigned_abs(), p90.unsigned_abs()));
        Some(Border {
            week,
            p50,
            p90,
            time,
            digits,
        })
    }

    /// The digits with which the HS codes of the goods begin; none for any goods.
    fn commodity(&mut self, at: At, text: &'a str) -> &'a str {
        let any = text.is_empty() || text == "*";
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let code = digits && (2..=10).contains(&text.len());
        if !any && !code {
            let allowed = "two to ten digits of an HS code, or *";
            self.problems.add(at, "commodity", text, allowed);
        }
        if any { "" } else { text }
    }

    fn mode(&mut self, at: At, text: &str) -> Mode {
        Mode::ALL
            .into_iter()
            .find(|mode| mode.name() == text)
            .unwrap_or_else(|| {
                self.problems.add(at, "mode", text, MODES);
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

    fn delays(&mut self) {
        let at = At {
            table: TableName::Settings,
            row: 0,
        };
        for (mode, delay) in &self.tables.settings.delay {
            if Mode::ALL.iter().all(|known| known.name() != mode) {
                self.problems.add(at, format!("delay.{mode}"), mode, MODES);
            }
            let least = delay.p50_min;
            if !(least..=RUN_MAX.unsigned_abs()).contains(&delay.p90_min) {
                let found = delay.p90_min.to_string();
                let allowed = format!("p50_min, which is {least}, to {RUN_MAX}");
                self.problems
                    .add(at, format!("delay.{mode}.p90_min"), &found, &allowed);
            }
        }
        let rows = &self.tables.settings.delay;
        self.network.usual = Mode::ALL
            .iter()
            .map(|mode| rows.get(mode.name()).copied().unwrap_or_default())
            .collect();
        let usual = self.network.usual.iter();
        self.network.delays = usual
            .map(|row| usual_weather(&Delay::lognormal(row.p50_min, row.p90_min)))
            .collect();
    }

    fn finish(mut self) -> Result<Network, Vec<Problem>> {
        self.network.legs.sort_by_key(|leg| (leg.from, leg.to));
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
            let rates = self.rates.iter();
            self.network.rates = rates
                .map(|(name, rate)| ((*name).to_owned(), *rate))
                .collect();
            let capacities = self
                .network
                .services
                .iter()
                .map(|service| service.capacity_g);
            self.network.light_g = capacities.min().unwrap_or(i64::MAX);
            self.network.timetable = Timetable::new(&self.network);
            return Ok(self.network);
        }
        self.problems.0.sort_unstable();
        Err(self.problems.0)
    }
}

/// Rows with their number in the file, in order of their id, so that results do not depend on
/// the order of the file.
fn sorted<T>(rows: &[T], id: impl Fn(&T) -> &String) -> Vec<(usize, &T)> {
    let mut all: Vec<(usize, &T)> = rows.iter().enumerate().collect();
    all.sort_by(|(_, left), (_, right)| id(left).cmp(id(right)));
    all
}
