//! Lines between places: stops, departures, running times, prices, emissions.

use std::collections::BTreeMap;

use super::geography::{Geography, Site, kilometres};
use super::{Draw, Scale, real};
use crate::network::Mode;
use crate::tables::{CustomsRow, DelayRow, PlaceRow, ServiceRow, Tables, ZoneRow};

/// What a kind of line is like.
#[derive(Clone, Copy)]
struct Rule {
    mode: Mode,
    speed_km_per_h: f64,
    /// Way on the ground against the great circle.
    detour: f64,
    extra_min: f64,
    dwell_min: usize,
    cutoff_min: usize,
    /// Euros for each boarding of a parcel, and per kilogram and 1,000 km.
    fixed: f64,
    price: f64,
    /// Grams of CO2 per kilogram and 1,000 km: assumptions of the order of public factors.
    co2: f64,
    /// First and last hour of departures.
    hours: (usize, usize),
}

const AIR: Rule = rule(
    Mode::Air,
    (830.0, 1.03, 40.0),
    (0, 180),
    (0.45, 0.45, 750.0),
    (0, 23),
);
const TRUCK: Rule = rule(
    Mode::Truck,
    (62.0, 1.3, 20.0),
    (60, 45),
    (0.075, 0.30, 85.0),
    (18, 27),
);
const DRAY: Rule = rule(
    Mode::Truck,
    (50.0, 1.3, 30.0),
    (0, 30),
    (0.03, 0.35, 120.0),
    (0, 23),
);
const VAN: Rule = rule(
    Mode::Van,
    (45.0, 1.3, 20.0),
    (0, 30),
    (0.05, 0.9, 200.0),
    (5, 12),
);
const RAIL: Rule = rule(
    Mode::Rail,
    (48.0, 1.3, 30.0),
    (180, 240),
    (0.06, 0.10, 22.0),
    (0, 23),
);
const SEA: Rule = rule(
    Mode::Sea,
    (29.6, 1.4, 240.0),
    (1_200, 1_440),
    (0.04, 0.012, 10.0),
    (0, 23),
);

const fn rule(
    mode: Mode,
    (speed_km_per_h, detour, extra_min): (f64, f64, f64),
    (dwell_min, cutoff_min): (usize, usize),
    (fixed, price, co2): (f64, f64, f64),
    hours: (usize, usize),
) -> Rule {
    Rule {
        mode,
        speed_km_per_h,
        detour,
        extra_min,
        dwell_min,
        cutoff_min,
        fixed,
        price,
        co2,
        hours,
    }
}

/// Delays of the order of public statistics, by mode.
pub(super) fn delays() -> BTreeMap<String, DelayRow> {
    let rows = [
        (Mode::Air, 20, 72),
        (Mode::Truck, 30, 95),
        (Mode::Rail, 120, 432),
        (Mode::Sea, 720, 2_594),
        (Mode::Van, 15, 42),
    ];
    let row = |(mode, p50_min, p90_min): (Mode, u32, u32)| {
        (mode.name().to_owned(), DelayRow { p50_min, p90_min })
    };
    rows.into_iter().map(row).collect()
}

pub(super) struct Lines<'a> {
    geography: &'a Geography,
    scale: Scale,
    draw: &'a mut Draw,
    tables: &'a mut Tables,
    depots: Vec<(Site, usize)>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(
        geography: &'a Geography,
        scale: Scale,
        draw: &'a mut Draw,
        tables: &'a mut Tables,
    ) -> Self {
        Self {
            geography,
            scale,
            draw,
            tables,
            depots: Vec::new(),
        }
    }

    pub(super) fn write(mut self) {
        let geography = self.geography;
        self.build_depots();
        self.places(&geography.airports, "airport", 150);
        self.places(&geography.ports, "port", 720);
        self.places(&geography.rail, "rail", 240);
        let depots: Vec<Site> = self.depots.iter().map(|(site, _)| site.clone()).collect();
        self.places(&depots, "depot", 60);
        self.customs();
        self.air();
        self.trucks();
        self.truck_runs();
        self.drays();
        self.rail();
        self.sea();
        self.vans();
        self.zones();
    }

    /// Three around each of the airports with most flights.
    fn build_depots(&mut self) {
        let number = self.scale.of(1_500);
        for (index, airport) in self.geography.airports.iter().enumerate().take(number) {
            for _ in 0..3 {
                let far = self.draw.real(15.0, 80.0) / 111.0;
                let turn = self.draw.part() * core::f64::consts::TAU;
                let narrow = airport.position.0.to_radians().cos().max(0.1);
                let lat = airport.position.0 + far * turn.sin();
                let lon = (airport.position.1 + far * turn.cos() / narrow).clamp(-179.9, 179.9);
                let site = Site {
                    id: format!("D{:04}", self.depots.len()),
                    position: (lat, lon),
                    ..airport.clone()
                };
                self.depots.push((site, index));
            }
        }
    }

    fn places(&mut self, sites: &[Site], kind: &str, handling_min: usize) {
        for site in sites {
            self.tables.places.push(PlaceRow {
                id: site.id.clone(),
                name: site.id.clone(),
                country: site.country.clone(),
                territory: site.territory.clone(),
                kind: kind.to_owned(),
                lat: format!("{:.4}", site.position.0),
                lon: format!("{:.4}", site.position.1),
                time_zone: site.time_zone.clone(),
                opens: "00:00".to_owned(),
                closes: "24:00".to_owned(),
                days: "1234567".to_owned(),
                handling_min: (handling_min + self.draw.below(30)).to_string(),
                calendar: String::new(),
            });
        }
    }

    fn customs(&mut self) {
        let mut territories: Vec<String> = self
            .tables
            .places
            .iter()
            .map(|place| place.territory.clone())
            .collect();
        territories.sort_unstable();
        territories.dedup();
        let modes = [
            ("air", 120.0, 2_400.0),
            ("truck", 60.0, 900.0),
            ("rail", 180.0, 1_800.0),
            ("sea", 720.0, 4_300.0),
            ("van", 10.0, 50.0),
        ];
        for territory in territories {
            let quality = self.draw.part();
            let always = self.draw.below(2) == 0;
            for (mode, least, slow) in modes {
                let p50 = least + slow * quality;
                self.tables.customs.push(CustomsRow {
                    from: "*".to_owned(),
                    to: territory.clone(),
                    mode: mode.to_owned(),
                    p50_min: format!("{p50:.0}"),
                    p90_min: format!("{:.0}", p50 * 2.5),
                    days: if always { "1234567" } else { "123456" }.to_owned(),
                    opens: if always { "00:00" } else { "06:00" }.to_owned(),
                    closes: if always { "24:00" } else { "22:00" }.to_owned(),
                    ..CustomsRow::default()
                });
            }
        }
    }

    fn air(&mut self) {
        let geography = self.geography;
        let airports = &geography.airports;
        for (from, to) in &geography.flights {
            let (Some(here), Some(there)) = (airports.get(*from), airports.get(*to)) else {
                continue;
            };
            let far = kilometres(here.position, there.position);
            let (least, most) = match far {
                near if near < 1_500.0 => (5, 14),
                middle if middle < 5_000.0 => (3, 10),
                _ => (2, 7),
            };
            let trips = self.draw.between(least, most);
            self.line("AIR", AIR, &[here, there], trips);
        }
    }

    /// Each airport to its nearest ones.
    fn trucks(&mut self) {
        let airports = &self.geography.airports;
        for here in airports {
            for there in near(airports, here, 8, 900.0) {
                let trips = self.draw.between(5, 14);
                self.line("TRK", TRUCK, &[here, there], trips);
            }
        }
    }

    /// Lorries of several stops.
    fn truck_runs(&mut self) {
        let airports = &self.geography.airports;
        for _ in 0..self.scale.of(4_000) {
            let rank = self.draw.below(airports.len());
            let start = rank * self.draw.below(airports.len()) / airports.len().max(1);
            let stops = self.draw.between(3, 6);
            let run = self.walk(airports, start, stops, (6, 600.0, false));
            if run.len() >= 3 {
                self.line("RUN", TRUCK, &run, 5);
            }
        }
    }

    /// Stops, each drawn from the nearest of the one before that are not in the run yet.
    fn walk<'b>(
        &mut self,
        sites: &'b [Site],
        start: usize,
        stops: usize,
        (nearest, within, far_half): (usize, f64, bool),
    ) -> Vec<&'b Site> {
        let mut run: Vec<&Site> = sites.get(start).into_iter().collect();
        while run.len() < stops {
            let Some(here) = run.last().copied() else {
                break;
            };
            let mut next = near(sites, here, nearest + run.len(), within);
            next.retain(|site| run.iter().all(|other| other.id != site.id));
            next.truncate(nearest);
            let skip = if far_half { next.len() / 2 } else { 0 };
            let pick = skip + self.draw.below(next.len().saturating_sub(skip));
            let Some(site) = next.get(pick) else { break };
            run.push(site);
        }
        run
    }

    fn drays(&mut self) {
        let geography = self.geography;
        for site in geography.ports.iter().chain(&geography.rail) {
            let mut found = near(&geography.airports, site, 2, 400.0);
            if found.is_empty() {
                found = near(&geography.airports, site, 1, 40_000.0);
            }
            for airport in found {
                self.line("DRY", DRAY, &[site, airport], 14);
                self.line("DRY", DRAY, &[airport, site], 14);
            }
        }
    }

    fn rail(&mut self) {
        let rail = &self.geography.rail;
        for _ in 0..self.scale.of(1_500) {
            let start = self.draw.below(rail.len());
            let stops = self.draw.between(3, 8);
            let run = self.walk(rail, start, stops, (12, 900.0, true));
            let trips = self.draw.between(3, 7);
            if run.len() >= 3 {
                self.line("RAI", RAIL, &run, trips);
            }
        }
    }

    /// Ships along a few ports of one coast, then of another.
    fn sea(&mut self) {
        let ports = &self.geography.ports;
        for _ in 0..self.scale.of(400) {
            let mut run: Vec<&Site> = Vec::new();
            for _ in 0..2 {
                let start = self.draw.below(ports.len());
                let number = self.draw.between(3, 5);
                let mut order: Vec<&Site> = ports.get(start).into_iter().collect();
                if let Some(here) = ports.get(start) {
                    order.extend(near(ports, here, number - 1, 40_000.0));
                }
                order.retain(|site| run.iter().all(|other| other.id != site.id));
                run.extend(order);
            }
            if run.len() >= 3 {
                self.line("SEA", SEA, &run, 1);
            }
        }
    }

    fn vans(&mut self) {
        let depots = core::mem::take(&mut self.depots);
        let airports = &self.geography.airports;
        for (depot, own) in &depots {
            let Some(airport) = airports.get(*own) else {
                continue;
            };
            self.line("VAN", VAN, &[airport, depot], 14);
            self.line("VAN", VAN, &[depot, airport], 14);
            let mut others = near(airports, depot, 6, 300.0);
            others.retain(|site| site.id != airport.id);
            let pick = self.draw.below(others.len());
            if let Some(other) = others.get(pick) {
                self.line("VAN", VAN, &[other, depot], 7);
                self.line("VAN", VAN, &[depot, other], 7);
            }
        }
        self.depots = depots;
    }

    /// A line with its departures of the week.
    fn line(&mut self, name: &str, rule: Rule, stops: &[&Site], trips: usize) {
        let mut runs = Vec::new();
        let mut whole = 0.0;
        for pair in stops.windows(2) {
            let [from, to] = pair else { continue };
            let far = kilometres(from.position, to.position) * rule.detour;
            whole += far;
            runs.push(format!(
                "{:.0}",
                far / rule.speed_km_per_h * 60.0 + rule.extra_min
            ));
        }
        let dear = self.draw.real(0.75, 1.25);
        let dirty = self.draw.real(0.85, 1.15);
        let ids: Vec<&str> = stops.iter().map(|site| site.id.as_str()).collect();
        let (departs, carrier) = (self.departs(rule, trips), self.draw.below(40));
        self.tables.services.push(ServiceRow {
            id: format!("{name}-{:06}", self.tables.services.len()),
            mode: rule.mode.name().to_owned(),
            carrier: format!("{name} {carrier}"),
            stops: ids.join(">"),
            days: "1234567".to_owned(),
            departs,
            run_min: runs.join(">"),
            dwell_min: rule.dwell_min.to_string(),
            cutoff_min: rule.cutoff_min.to_string(),
            capacity_kg: "20000".to_owned(),
            price_per_kg: format!("{:.6}", rule.price * dear * whole / 1_000.0),
            price_per_parcel: format!("{:.6}", rule.fixed * dear),
            currency: "EUR".to_owned(),
            co2_g_per_kg: format!("{:.3}", rule.co2 * dirty * whole / 1_000.0),
            via: strait(rule, stops),
            ..ServiceRow::default()
        });
    }

    /// Times of day, spread over the days of the week.
    fn departs(&mut self, rule: Rule, trips: usize) -> String {
        let shift = self.draw.below(7);
        let mut left = trips;
        let mut all = Vec::new();
        while left > 0 {
            let hour = self.draw.between(rule.hours.0, rule.hours.1) % 24;
            let minute = self.draw.below(60);
            let days = left.min(7);
            left -= days;
            let mut on: Vec<usize> = (0..days).map(|step| (3 * step + shift) % 7 + 1).collect();
            on.sort_unstable();
            let on: String = on.iter().map(ToString::to_string).collect();
            all.push(if days == 7 {
                format!("{hour:02}:{minute:02}")
            } else {
                format!("{hour:02}:{minute:02}/{on}")
            });
        }
        all.join(" ")
    }

    /// One last-mile zone for each depot.
    fn zones(&mut self) {
        let depots = core::mem::take(&mut self.depots);
        for (index, (depot, _)) in depots.iter().enumerate() {
            self.tables.zones.push(ZoneRow {
                id: format!("Z{index:04}"),
                country: depot.country.clone(),
                postcodes: format!("{:05}", 10_000 + index),
                depot: depot.id.clone(),
                days: "12345".to_owned(),
                tour: format!("{:02}:30", self.draw.between(6, 9)),
                cutoff_min: "60".to_owned(),
                delivery_min: self.draw.between(180, 480).to_string(),
                price_per_parcel: format!("{:.2}", 1.5 + 0.1 * real(self.draw.below(30))),
                price_per_kg: "0.10".to_owned(),
                currency: "EUR".to_owned(),
                co2_g_per_parcel: "300".to_owned(),
                standard_days: "8".to_owned(),
                express_days: "5".to_owned(),
                calendar: String::new(),
            });
        }
    }
}

/// Ships between two parts of the world pass one strait, whichever way they go.
fn strait(rule: Rule, stops: &[&Site]) -> String {
    let parts = stops.iter().map(|site| site.continent);
    let ends = parts.clone().min().zip(parts.max());
    match ends {
        Some((from, to)) if rule.mode == Mode::Sea && from != to => format!("STRAIT-{from}-{to}"),
        _ => String::new(),
    }
}

/// The sites of the same part of the world nearest to one, within so many kilometres and 12
/// degrees of latitude, nearest first.
fn near<'b>(sites: &'b [Site], here: &Site, number: usize, within: f64) -> Vec<&'b Site> {
    let far = |site: &Site| kilometres(here.position, site.position);
    let close = |site: &&Site| {
        site.id != here.id
            && site.continent == here.continent
            && (within > 10_000.0 || (site.position.0 - here.position.0).abs() <= 12.0)
    };
    let mut all: Vec<(f64, &Site)> = sites
        .iter()
        .filter(close)
        .map(|site| (far(site), site))
        .filter(|(far, _)| *far <= within)
        .collect();
    all.sort_unstable_by(|left, right| left.0.total_cmp(&right.0));
    all.into_iter().take(number).map(|(_, site)| site).collect()
}
