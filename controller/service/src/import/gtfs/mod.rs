//! GTFS Schedule feeds (gtfs.org): stops, routes, trips, stop times, calendars, frequencies.
//!
//! Trips of a route with the same stops, running times and days become one service with a departure
//! for each. Standing at a stop is added to the stretch before it, so that no arrival is too early.
//! A feed has no prices, cut-offs, capacities and countries: these are given or assumed.

mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::civil::Date;
use serde::de::DeserializeOwned;
use sortline_route::{CalendarRow, PlaceRow, ServiceRow};

use super::source::Source;
use super::{Brought, id_of, problem, territory};
use crate::config::ConfigError;
use crate::network::read_csv_loose;
use records::{
    Agency, Exception, Frequency, Route, Stop, StopTime, Trip, Week, date, minutes, seconds,
};

/// Most rows of stop times.
const STOP_TIMES_MAX: usize = 20_000_000;
/// Most departures of one frequency.
const EVERY_MAX: usize = 2_000;
const ASSUMED: &str = "cut-offs of 30 minutes, handling of 60, loads of 20 t, prices and emissions: a \
    feed of passenger services has none";

/// A stop of a trip: place, arrival and departure in minutes after midnight of its day.
#[derive(Clone, Copy)]
struct Call {
    sequence: u32,
    place: usize,
    arrive: i32,
    depart: i32,
}

/// What makes trips one service: route, stops, running times, days, and how many midnights after
/// the day of service it leaves.
type Pattern = (String, Vec<usize>, Vec<i32>, String, i32);

/// By service id of the feed: weekdays, and the name of a calendar.
type Days = BTreeMap<String, (String, String)>;

struct Feed<'a> {
    source: Source,
    country: &'a str,
    brought: Brought,
    /// By stop: number of its place.
    places: BTreeMap<String, usize>,
    /// By place, while it is not settled what stops there.
    kinds: Vec<&'static str>,
}

/// Reads a feed, in a folder or as a ZIP archive, whose stops are in a country (ISO 3166-1 alpha-2).
///
/// # Errors
/// A file that a feed must have is missing, or has a record that cannot be read.
pub fn gtfs(path: &Path, country: &str) -> Result<Brought, ConfigError> {
    let mut feed = Feed {
        source: Source::open(path)?,
        country,
        brought: Brought::default(),
        places: BTreeMap::new(),
        kinds: Vec::new(),
    };
    feed.stops()?;
    let days = feed.days()?;
    let calls = feed.calls()?;
    feed.services(&days, calls)?;
    let kinds = core::mem::take(&mut feed.kinds);
    for (place, kind) in feed.brought.places.iter_mut().zip(kinds) {
        kind.clone_into(&mut place.kind);
    }
    feed.brought.connected();
    feed.brought.assumed.push(ASSUMED);
    Ok(feed.brought)
}

impl Feed<'_> {
    fn rows<T: DeserializeOwned>(&mut self, name: &str) -> Result<Vec<T>, ConfigError> {
        let text = self.source.needed(name)?;
        self.parse(name, &text)
    }

    fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Vec<T>, ConfigError> {
        match self.source.text(name)? {
            Some(text) => self.parse(name, &text),
            None => Ok(Vec::new()),
        }
    }

    fn parse<T: DeserializeOwned>(&self, name: &str, text: &str) -> Result<Vec<T>, ConfigError> {
        let path = self.source.path(name);
        let rows = read_csv_loose(&path, text).map_err(|problems| ConfigError { problems })?;
        Ok(rows.rows)
    }

    /// Stops as places; a platform is its station.
    fn stops(&mut self) -> Result<(), ConfigError> {
        let agencies: Vec<Agency> = self.rows("agency.txt")?;
        let zone = agencies.first().map(|agency| agency.timezone.clone());
        let zone = zone.unwrap_or_default();
        let stops: Vec<Stop> = self.rows("stops.txt")?;
        let mut taken = BTreeSet::new();
        let parents: BTreeMap<&str, &str> = stops
            .iter()
            .map(|stop| (stop.id.as_str(), stop.parent_station.as_str()))
            .collect();
        for stop in stops.iter().filter(|stop| stop.parent_station.is_empty()) {
            let degrees = |text: &str, most: f64| {
                let value = text.parse::<f64>().ok();
                value.filter(|value| value.abs() <= most)
            };
            let position = degrees(&stop.lat, 90.0).zip(degrees(&stop.lon, 180.0));
            let Some((lat, lon)) = position else {
                self.brought.leave_out("a stop without a place on the map");
                continue;
            };
            let own = &stop.timezone;
            self.places
                .insert(stop.id.clone(), self.brought.places.len());
            self.kinds.push("hub");
            self.brought.places.push(PlaceRow {
                id: id_of(&stop.id, &mut taken),
                name: stop.name.clone(),
                country: self.country.to_owned(),
                territory: territory(self.country),
                kind: String::new(),
                lat: format!("{lat:.5}"),
                lon: format!("{lon:.5}"),
                time_zone: if own.is_empty() { &zone } else { own }.clone(),
                opens: "00:00".to_owned(),
                closes: "24:00".to_owned(),
                days: "1234567".to_owned(),
                handling_min: "60".to_owned(),
                calendar: String::new(),
            });
        }
        for (stop, parent) in parents.iter().filter(|(_, parent)| !parent.is_empty()) {
            if let Some(place) = self.places.get(*parent).copied() {
                self.places.insert((*stop).to_owned(), place);
            }
        }
        Ok(())
    }

    /// By service id of the feed: weekdays and the name of its calendar.
    fn days(&mut self) -> Result<Days, ConfigError> {
        let weeks: Vec<Week> = self.optional("calendar.txt")?;
        let exceptions: Vec<Exception> = self.optional("calendar_dates.txt")?;
        let mut taken = BTreeSet::new();
        let mut all = Days::new();
        let file = self.source.path("calendar.txt");
        for (week, line) in weeks.iter().zip(2..) {
            let name = id_of(&week.service_id, &mut taken);
            let digits = self.week(week, &name).map_err(|found| {
                let text = format!("found `{found}`, allowed: a day YYYYMMDD");
                let problem = problem(&file, line, "start_date, end_date", text);
                ConfigError {
                    problems: vec![problem],
                }
            })?;
            all.insert(week.service_id.clone(), (digits, name));
        }
        for exception in &exceptions {
            let Some(day) = date(&exception.date) else {
                self.brought.leave_out("an exception on no day");
                continue;
            };
            let known = all.get(&exception.service_id).map(|(_, name)| name.clone());
            let name = known.unwrap_or_else(|| {
                // Only the days that are named: none by weekday.
                let name = id_of(&exception.service_id, &mut taken);
                self.brought.calendars.push(row(&name, "", "", false));
                let days = ("1234567".to_owned(), name.clone());
                all.insert(exception.service_id.clone(), days);
                name
            });
            let (day, runs) = (day.to_string(), exception.kind == 1);
            self.brought.calendars.push(row(&name, &day, &day, runs));
        }
        Ok(all)
    }

    /// Weekdays of a week, and its calendar: nothing before its first day and after its last. Gives
    /// back a day that is none.
    fn week(&mut self, week: &Week, name: &str) -> Result<String, String> {
        let flags = [
            week.monday,
            week.tuesday,
            week.wednesday,
            week.thursday,
            week.friday,
            week.saturday,
            week.sunday,
        ];
        let runs = flags.iter().zip(1u8..).filter(|(runs, _)| **runs == 1);
        let digits: String = runs.map(|(_, day)| day.to_string()).collect();
        let edge = |text: &String, step: i64| {
            let day = date(text);
            let day = day.and_then(|day| day.checked_add(jiff::Span::new().days(step)).ok());
            day.map(|day| day.to_string()).ok_or_else(|| text.clone())
        };
        let before = edge(&week.start_date, -1)?;
        let after = edge(&week.end_date, 1)?;
        let rows = [row(name, "", &before, false), row(name, &after, "", false)];
        self.brought.calendars.extend(rows);
        if digits.is_empty() {
            self.brought.calendars.push(row(name, "", "", false));
            return Ok("1234567".to_owned());
        }
        Ok(digits)
    }

    /// Calls by trip, in order.
    fn calls(&mut self) -> Result<BTreeMap<String, Vec<Call>>, ConfigError> {
        let times: Vec<StopTime> = self.rows("stop_times.txt")?;
        let path = self.source.path("stop_times.txt");
        if times.len() > STOP_TIMES_MAX {
            let text = format!("has {} records, allowed are {STOP_TIMES_MAX}", times.len());
            return Err(ConfigError::whole(&path, text));
        }
        let mut all: BTreeMap<String, Vec<Call>> = BTreeMap::new();
        for (time, line) in times.into_iter().zip(2..) {
            let (arrive, depart) = (time.arrival_time.trim(), time.departure_time.trim());
            if arrive.is_empty() && depart.is_empty() {
                // Passed at a time that is not told.
                self.brought.leave_out("a stop without a time");
                continue;
            }
            let read = |text: &str, other: &str| {
                let text = if text.is_empty() { other } else { text };
                minutes(text).ok_or_else(|| ConfigError {
                    problems: vec![problem(
                        &path,
                        line,
                        "arrival_time, departure_time",
                        format!("found `{text}`, allowed: HH:MM:SS"),
                    )],
                })
            };
            let (arrives, departs) = (read(arrive, depart)?, read(depart, arrive)?);
            let Some(place) = self.places.get(&time.stop_id).copied() else {
                self.brought.leave_out("a call at a stop that is not known");
                continue;
            };
            all.entry(time.trip_id).or_default().push(Call {
                sequence: time.stop_sequence,
                place,
                // Vehicles arrive late rather than early, and leave early rather than late.
                arrive: arrives.1,
                depart: departs.0,
            });
        }
        for calls in all.values_mut() {
            calls.sort_by_key(|call| call.sequence);
        }
        Ok(all)
    }

    fn services(
        &mut self,
        days: &Days,
        mut calls: BTreeMap<String, Vec<Call>>,
    ) -> Result<(), ConfigError> {
        let routes: Vec<Route> = self.rows("routes.txt")?;
        let trips: Vec<Trip> = self.rows("trips.txt")?;
        let mut often: BTreeMap<String, Vec<Frequency>> = BTreeMap::new();
        for frequency in self.optional::<Frequency>("frequencies.txt")? {
            often
                .entry(frequency.trip_id.clone())
                .or_default()
                .push(frequency);
        }
        let routes: BTreeMap<&str, &Route> = routes
            .iter()
            .map(|route| (route.id.as_str(), route))
            .collect();
        let mut patterns: BTreeMap<Pattern, BTreeSet<i32>> = BTreeMap::new();
        for trip in trips {
            let calls = calls.remove(&trip.id).unwrap_or_default();
            if !routes.contains_key(trip.route.as_str()) || !days.contains_key(&trip.service) {
                self.brought
                    .leave_out("a trip of a route or of days that are not known");
                continue;
            }
            let Some((stops, runs)) = pattern(&calls) else {
                self.brought
                    .leave_out("a trip with less than two stops, or that comes by one twice");
                continue;
            };
            for start in starts(&calls, often.get(&trip.id)) {
                let key = (
                    trip.route.clone(),
                    stops.clone(),
                    runs.clone(),
                    trip.service.clone(),
                    start.div_euclid(1_440),
                );
                let clock = start.rem_euclid(1_440);
                patterns.entry(key).or_default().insert(clock);
            }
        }
        let mut taken = BTreeSet::new();
        for (pattern, departs) in patterns {
            let Some(route) = routes.get(pattern.0.as_str()) else {
                continue;
            };
            self.service(route, &pattern, &departs, (days, &mut taken));
        }
        Ok(())
    }

    fn service(
        &mut self,
        route: &Route,
        (_, stops, runs, service, midnights): &Pattern,
        departs: &BTreeSet<i32>,
        (days, taken): (&Days, &mut BTreeSet<String>),
    ) {
        let Some((mode, kind)) = mode(route.kind) else {
            self.brought
                .leave_out("a service of a kind that carries no freight");
            return;
        };
        let Some((weekdays, calendar)) = days.get(service) else {
            return;
        };
        let ids = stops
            .iter()
            .filter_map(|place| self.brought.places.get(*place));
        let ids: Vec<String> = ids.map(|place| place.id.clone()).collect();
        for place in stops {
            if let Some(known) = self.kinds.get_mut(*place)
                && *known == "hub"
            {
                *known = kind;
            }
        }
        let clocks = departs.iter();
        let clocks: Vec<String> = clocks
            .map(|at| format!("{:02}:{:02}", at / 60, at % 60))
            .collect();
        let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
        let name = if route.short_name.is_empty() {
            &route.id
        } else {
            &route.short_name
        };
        let (weekdays, calendar) = self.shifted(weekdays, calendar, *midnights);
        self.brought.services.push(ServiceRow {
            id: id_of(name, taken),
            mode: mode.to_owned(),
            carrier: route.agency_id.clone(),
            stops: ids.join(">"),
            days: weekdays,
            departs: clocks.join(" "),
            run_min: runs.join(">"),
            dwell_min: "0".to_owned(),
            cutoff_min: "30".to_owned(),
            capacity_kg: "20000".to_owned(),
            price_per_kg: "0.1".to_owned(),
            price_per_parcel: "0.1".to_owned(),
            currency: "EUR".to_owned(),
            co2_g_per_kg: "30".to_owned(),
            calendar,
            ..ServiceRow::default()
        });
    }

    /// The days on which a vehicle leaves that belongs to the day before, or to one before that.
    fn shifted(&mut self, weekdays: &str, calendar: &str, midnights: i32) -> (String, String) {
        if midnights == 0 {
            return (weekdays.to_owned(), calendar.to_owned());
        }
        let steps = u32::try_from(midnights.rem_euclid(7)).unwrap_or(0);
        let digits = weekdays.chars().filter_map(|day| day.to_digit(10));
        let mut digits: Vec<u32> = digits.map(|day| (day - 1 + steps) % 7 + 1).collect();
        digits.sort_unstable();
        let name = format!("{calendar}-{midnights}");
        if !self
            .brought
            .calendars
            .iter()
            .any(|row| row.calendar == name)
        {
            let moved = |text: &str| {
                let day: Option<Date> = text.parse().ok();
                let step = jiff::Span::new().days(midnights);
                let day = day.and_then(|day| day.checked_add(step).ok());
                day.map_or_else(String::new, |day| day.to_string())
            };
            let own = self.brought.calendars.iter();
            let own = own.filter(|row| row.calendar == calendar);
            let rows: Vec<CalendarRow> = own
                .map(|row| CalendarRow {
                    calendar: name.clone(),
                    from: moved(&row.from),
                    until: moved(&row.until),
                    runs: row.runs.clone(),
                })
                .collect();
            self.brought.calendars.extend(rows);
        }
        let text = digits.iter().map(ToString::to_string);
        (text.collect(), name)
    }
}

fn row(calendar: &str, from: &str, until: &str, runs: bool) -> CalendarRow {
    CalendarRow {
        calendar: calendar.to_owned(),
        from: from.to_owned(),
        until: until.to_owned(),
        runs: if runs { "yes" } else { "no" }.to_owned(),
    }
}

/// Stops and minutes of each stretch; `None` for what is no service.
fn pattern(calls: &[Call]) -> Option<(Vec<usize>, Vec<i32>)> {
    let stops: Vec<usize> = calls.iter().map(|call| call.place).collect();
    let unique: BTreeSet<usize> = stops.iter().copied().collect();
    if stops.len() < 2 || unique.len() != stops.len() {
        return None;
    }
    let last = calls.len() - 1;
    let ends = calls.iter().enumerate().skip(1);
    let mut before = calls.first()?.depart;
    let runs = ends.map(|(index, call)| {
        let at = if index == last {
            call.arrive
        } else {
            call.depart.max(call.arrive)
        };
        let run = (at - before).max(1);
        before += run;
        run
    });
    Some((stops.clone(), runs.collect()))
}

/// When a trip leaves its first stop: once, or as often as its frequencies say.
fn starts(calls: &[Call], often: Option<&Vec<Frequency>>) -> Vec<i32> {
    let Some(often) = often else {
        return calls.first().map(|call| call.depart).into_iter().collect();
    };
    let mut all = Vec::new();
    for frequency in often {
        let ends = seconds(&frequency.start_time).zip(seconds(&frequency.end_time));
        let Some((from, to)) = ends else { continue };
        let step = i32::try_from(frequency.headway_secs.max(60)).unwrap_or(i32::MAX);
        let times = core::iter::successors(Some(from), |at| at.checked_add(step));
        let times = times.take_while(|at| *at < to).take(EVERY_MAX);
        all.extend(times.map(|at| at.div_euclid(60)));
    }
    all
}

/// Mode and kind of its places by route type, extended types included; `None`: no vehicle for
/// freight.
const fn mode(route_type: u16) -> Option<(&'static str, &'static str)> {
    match route_type {
        2 | 100..=117 => Some(("rail", "rail")),
        3 | 200..=209 | 700..=716 | 800 => Some(("truck", "hub")),
        4 | 1_000 | 1_200 => Some(("sea", "port")),
        1_100..=1_114 => Some(("air", "airport")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standing_counts_to_the_stretch_before() {
        let call = |place, arrive, depart| Call {
            sequence: 0,
            place,
            arrive,
            depart,
        };
        let calls = [
            call(0, 0, 5),
            call(1, 30, 45),
            call(2, 45, 46),
            call(3, 80, 95),
        ];
        assert_eq!(pattern(&calls), Some((vec![0, 1, 2, 3], vec![40, 1, 34])));
        assert_eq!(pattern(&calls[..1]), None);
        assert_eq!(pattern(&[calls[0], calls[1], calls[0]]), None);
    }
}
