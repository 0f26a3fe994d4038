//! OpenFlights: `airports.dat`, `routes.dat` and, for the names of carriers, `airlines.dat`.
//!
//! The files tell which airports are joined, not when: departures, prices and emissions are
//! assumed, and said to be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::tz::TimeZone;
use sortline_read::Country;
use sortline_route::{PlaceRow, ServiceRow};

use super::source::Source;
use super::{Brought, id_of, kilometres, problem, territory};
use crate::config::ConfigError;

const ASSUMED: &str = "every route flies once a day at a time drawn from its name, at 830 km/h, with \
    cut-off, handling, price and emissions of the order of public figures";

/// An airport as far as it matters here.
struct Airport {
    position: (f64, f64),
}

/// Reads a folder or archive of OpenFlights.
///
/// # Errors
/// `airports.dat` or `routes.dat` is missing or has fewer columns than it must.
pub fn openflights(path: &Path) -> Result<Brought, ConfigError> {
    let mut source = Source::open(path)?;
    let mut brought = Brought::default();
    let airports = airports(&mut source, &mut brought)?;
    routes(&mut source, &airports, &mut brought)?;
    brought.connected();
    brought.assumed.push(ASSUMED);
    brought.assume_customs();
    Ok(brought)
}

/// Records of a file without a header, each with at least so many columns.
fn records(
    source: &mut Source,
    name: &str,
    columns: usize,
) -> Result<Vec<Vec<String>>, ConfigError> {
    let text = source.needed(name)?;
    let file = source.path(name);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .escape(Some(b'\\'))
        .from_reader(text.as_bytes());
    let mut all = Vec::new();
    for record in reader.records() {
        let line = all.len() + 1;
        let wrong = |text: String| ConfigError {
            problems: vec![problem(&file, line, "columns", text)],
        };
        let record = record.map_err(|error| wrong(error.to_string()))?;
        if record.len() < columns {
            let text = format!("found {}, allowed: at least {columns}", record.len());
            return Err(wrong(text));
        }
        all.push(record.iter().map(str::to_owned).collect());
    }
    Ok(all)
}

fn cell(record: &[String], index: usize) -> &str {
    // The escape of `\N`, which stands for nothing, is gone after reading.
    let text = record.get(index).map_or("", String::as_str);
    if matches!(text, "N" | "\\N" | "-") {
        ""
    } else {
        text
    }
}

fn airports(
    source: &mut Source,
    brought: &mut Brought,
) -> Result<BTreeMap<String, Airport>, ConfigError> {
    let mut all = BTreeMap::new();
    for record in records(source, "airports.dat", 12)? {
        let code = cell(&record, 4);
        if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
            brought.leave_out("an airport without a code of three letters");
            continue;
        }
        let Some(country) = Country::from_any(cell(&record, 3)) else {
            brought.leave_out("an airport of a country that is not known");
            continue;
        };
        let degrees = |index| cell(&record, index).parse::<f64>().ok();
        let position = degrees(6).zip(degrees(7));
        let Some(position) = position.filter(|(lat, lon)| lat.abs() <= 90.0 && lon.abs() <= 180.0)
        else {
            brought.leave_out("an airport without a place on the map");
            continue;
        };
        if all.contains_key(code) {
            brought.leave_out("an airport with the code of another");
            continue;
        }
        all.insert(code.to_owned(), Airport { position });
        brought.places.push(PlaceRow {
            id: code.to_owned(),
            name: cell(&record, 1).to_owned(),
            country: country.alpha2().to_owned(),
            territory: territory(country.alpha2()),
            kind: "airport".to_owned(),
            lat: format!("{:.4}", position.0),
            lon: format!("{:.4}", position.1),
            time_zone: time_zone(cell(&record, 11), position.1),
            opens: "00:00".to_owned(),
            closes: "24:00".to_owned(),
            days: "1234567".to_owned(),
            handling_min: "150".to_owned(),
            calendar: String::new(),
        });
    }
    Ok(all)
}

/// A known IANA name, or the hours that the sun gives.
fn time_zone(name: &str, longitude: f64) -> String {
    if TimeZone::get(name).is_ok() {
        return name.to_owned();
    }
    let hours = (longitude / 15.0).round();
    // The signs of these names are the other way round.
    let sign = if hours > 0.0 { '-' } else { '+' };
    format!("Etc/GMT{sign}{:.0}", hours.abs())
}

fn airlines(source: &mut Source) -> Result<BTreeMap<String, String>, ConfigError> {
    if source.text("airlines.dat")?.is_none() {
        return Ok(BTreeMap::new());
    }
    let records = records(source, "airlines.dat", 2)?;
    let names = records.iter();
    Ok(names
        .map(|record| (cell(record, 0).to_owned(), cell(record, 1).to_owned()))
        .collect())
}

fn routes(
    source: &mut Source,
    airports: &BTreeMap<String, Airport>,
    brought: &mut Brought,
) -> Result<(), ConfigError> {
    let names = airlines(source)?;
    let mut taken = BTreeSet::new();
    for record in records(source, "routes.dat", 9)? {
        let (from, to) = (cell(&record, 2), cell(&record, 4));
        let (Some(here), Some(there)) = (airports.get(from), airports.get(to)) else {
            brought.leave_out("a route of an airport that is not known");
            continue;
        };
        if from == to || !matches!(cell(&record, 7), "" | "0") {
            brought.leave_out("a route with stops between, or back to where it begins");
            continue;
        }
        if cell(&record, 6) == "Y" {
            brought.leave_out("a route flown by another airline");
            continue;
        }
        let airline = cell(&record, 0);
        let airline = if airline.is_empty() { "XX" } else { airline };
        let id = id_of(&format!("{airline}-{from}-{to}"), &mut taken);
        let kilometres = kilometres(here.position, there.position);
        let minute = id.bytes().fold(7u32, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u32::from(byte))
        }) % 1_440;
        let carrier = names.get(cell(&record, 1)).cloned();
        brought.services.push(ServiceRow {
            mode: "air".to_owned(),
            carrier: carrier.unwrap_or_else(|| airline.to_owned()),
            stops: format!("{from}>{to}"),
            days: "1234567".to_owned(),
            departs: format!("{:02}:{:02}", minute / 60, minute % 60),
            run_min: format!("{:.0}", kilometres * 1.03 / 830.0 * 60.0 + 40.0),
            dwell_min: "0".to_owned(),
            cutoff_min: "180".to_owned(),
            capacity_kg: "20000".to_owned(),
            price_per_kg: format!("{:.4}", kilometres * 0.000_45),
            price_per_parcel: "0.9".to_owned(),
            currency: "EUR".to_owned(),
            co2_g_per_kg: format!("{:.3}", kilometres * 0.75),
            id,
            ..ServiceRow::default()
        });
    }
    Ok(())
}
