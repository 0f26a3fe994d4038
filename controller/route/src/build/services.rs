//! `services.csv` to services and legs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Build, RUN_MAX, WEEK, sorted};
use crate::cells::At;
use crate::micros::Micros;
use crate::network::{Clearance, Kind, Leg, Mode, Node, Service};
use crate::tables::{ServiceRow, TableName};
use crate::time::{Days, Exceptions, Minute, UNDER_WAY_MAX_MIN, Window, unroll};

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

    /// Minutes from the first stop until the last place where a parcel can be boarded is left.
    fn last_boarding(&self) -> i32 {
        let boarded = self.times.iter().rev().nth(1);
        boarded.map_or(0, |(_, leaves)| *leaves)
    }
}

impl Build<'_> {
    pub(super) fn services(&mut self) {
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
            let run = Run { mode, stops, times };
            let index = self.unroll_service(at, service, &run);
            self.loading(at, index, &run);
            self.service_legs(at, service, index, &run);
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
        let before = self.problems.0.len();
        let mut times = vec![(0, 0)];
        let mut clock = 0;
        for run in runs {
            clock += self.problems.whole(at, "run_min", run, 1..=RUN_MAX);
            if clock > UNDER_WAY_MAX_MIN {
                let found = format!("{clock} minutes and more from the first stop on");
                let allowed = format!("at most {UNDER_WAY_MAX_MIN}, dwell_min counted in");
                self.problems.add(at, "run_min", &found, &allowed);
                return None;
            }
            times.push((clock, clock + dwell));
            clock += dwell;
        }
        // Of minutes that nobody wrote nothing more is told.
        (self.problems.0.len() == before).then_some(times)
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

    fn unroll_service(&mut self, at: At, service: &ServiceRow, run: &Run) -> usize {
        let departures = self.departures(at, service, run);
        let capacity =
            self.problems
                .whole(at, "capacity_kg", &service.capacity_kg, 1..=100_000_000);
        let capacity_l = self.room(at, &service.capacity_m3);
        let capacity_pieces = self.pieces(at, &service.capacity_pieces);
        let via = service.via.split_whitespace();
        let via = via.map(|name| self.problems.id(at, "via", name)).collect();
        let number = u32::try_from(self.network.services.len()).unwrap_or(u32::MAX);
        self.network.service_ids.insert(service.id.clone(), number);
        self.network.services.push(Service {
            id: service.id.clone(),
            mode: run.mode,
            carrier: service.carrier.clone(),
            departures,
            capacity_g: i64::from(capacity) * 1_000,
            capacity_l,
            capacity_pieces,
            via,
        });
        self.network.services.len() - 1
    }

    /// Departures from the first stop: each time on the service's days, or on its own. Those before
    /// the window are of vehicles that can still be boarded within it.
    fn departures(&mut self, at: At, service: &ServiceRow, run: &Run) -> Vec<Minute> {
        let but = self.calendar(at, &service.calendar);
        let but: Option<&Exceptions> = but.as_ref();
        let days = self.problems.days(at, &service.days);
        let mut by_days: BTreeMap<Days, Vec<i32>> = BTreeMap::new();
        for text in service.departs.split_whitespace() {
            let (time, own) = text.split_once('/').unwrap_or((text, ""));
            let time = self.problems.clock(at, "departs", time);
            let days = if own.is_empty() {
                days.clone()
            } else {
                Days::parse(own)
            };
            match days {
                Some(days) => by_days.entry(days.but(but)).or_default().push(time),
                None if own.is_empty() => {}
                None => self
                    .problems
                    .add(at, "departs", text, "HH:MM, or HH:MM/DAYS"),
            }
        }
        if service.departs.trim().is_empty() {
            let allowed = "at least one local time HH:MM";
            self.problems.add(at, "departs", &service.departs, allowed);
        }
        let first = run.stops.first().and_then(|node| self.network.node(*node));
        let offsets = self.offsets(first.map_or(0, |info| info.clock));
        let Window { from, to } = self.network.window;
        let window = Window {
            from: from.after(-run.last_boarding()),
            to,
        };
        let mut all: Vec<Minute> = by_days
            .iter()
            .flat_map(|(days, times)| unroll(days, times, &offsets, window))
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// A vehicle that leaves while the place is closed cannot be loaded there.
    fn loading(&mut self, at: At, service: usize, run: &Run) {
        let last = run.stops.len().saturating_sub(1);
        for (stop, (_, leaves)) in run.stops.iter().zip(&run.times).take(last) {
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
                    let window = network.window;
                    all.find(|leaves| window.holds(*leaves) && !hours.is_open(*leaves))
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

    /// Litres of a volume in cubic metres; without one as good as unlimited.
    fn room(&mut self, at: At, text: &str) -> i64 {
        let volume = self.problems.optional(at, "capacity_m3", text);
        volume.map_or(i64::MAX, |volume| volume.0 / 1_000)
    }

    fn pieces(&mut self, at: At, text: &str) -> i64 {
        if text.is_empty() {
            return i64::MAX;
        }
        let pieces = self
            .problems
            .whole(at, "capacity_pieces", text, 1..=100_000_000);
        i64::from(pieces)
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
        let least = self.problems.optional(at, "price_min", &service.price_min);
        let rate = self.rates.get(service.currency.as_str()).copied();
        let least = least.map_or(Micros::ZERO, |least| least.times(rate.unwrap_or_default()));
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
                    least,
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
        let key = (left.clone(), entered.clone(), mode, clock);
        if let Some(known) = self.crossings.get(&key) {
            return Some(*known);
        }
        let rows = [
            (left.as_str(), mode.name()),
            (left.as_str(), "*"),
            ("*", mode.name()),
            ("*", "*"),
        ];
        let named = |(from, mode)| self.borders.get(&(from, entered.as_str(), mode));
        let Some(border) = rows.into_iter().find_map(named) else {
            let found = format!("{left} to {entered} by {}", mode.name());
            self.problems.add(
                at,
                "stops",
                &found,
                "borders that customs.csv has a record for",
            );
            return None;
        };
        let (week, p50, p90) = (border.week.clone(), border.p50, border.p90);
        let time = Arc::clone(&border.time);
        let hours = self.hours(week, clock);
        let index = u32::try_from(self.network.clearances.len()).ok()?;
        self.network.clearances.push(Clearance {
            from: left,
            to: entered,
            hours,
            p50,
            p90,
            time,
        });
        self.crossings.insert(key, index);
        Some(index)
    }
}
