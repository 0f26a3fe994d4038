//! Places and routes of the real world for the measurement: OpenFlights, and a file of ports.
//!
//! Airports are those that a route without stops touches, most routes first; every row of a route is
//! a flight number, ports are those with a terminal, and rail terminals stand beside the airports
//! with most routes, since no open list of them is at hand. Timetables, customs and prices are
//! invented all the same.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use sortline_read::Country;
use sortline_route::generator::{Draw, Geography, Site, zone_at};

/// Largest file that is read, in bytes.
const BYTES_MAX: u64 = 64 << 20;
/// Rail terminals at full size.
const RAIL: usize = 1_332;
/// Members of the one customs union.
const UNION: &str =
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK";

fn text(path: &Path) -> anyhow::Result<String> {
    let what = || format!("{} cannot be used", path.display());
    let size = std::fs::metadata(path).with_context(what)?.len();
    ensure!(
        size <= BYTES_MAX,
        "{} has {size} bytes, allowed are {BYTES_MAX}",
        path.display()
    );
    std::fs::read_to_string(path).with_context(what)
}

fn records(path: &Path) -> anyhow::Result<Vec<csv::StringRecord>> {
    let text = text(path)?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .escape(Some(b'\\'))
        .from_reader(text.as_bytes());
    let all = reader.records().collect::<Result<_, _>>();
    all.with_context(|| format!("{} cannot be read as CSV", path.display()))
}

/// The world in the folder of OpenFlights; ports are in `ports/ports.geojson` beside it.
///
/// # Errors
/// A file is missing or not of the form expected.
pub fn world(folder: &Path, seed: u64) -> anyhow::Result<Geography> {
    let mut known = airports(&folder.join("airports.dat"))?;
    let mut rows: Vec<(String, String)> = Vec::new();
    for record in records(&folder.join("routes.dat"))? {
        let cell = |index: usize| record.get(index).unwrap_or_default();
        let (from, to) = (cell(2), cell(4));
        let direct = cell(7) == "0" && from != to;
        if direct && known.contains_key(from) && known.contains_key(to) {
            rows.push((from.to_owned(), to.to_owned()));
        }
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for end in rows.iter().flat_map(|(from, to)| [from, to]) {
        *counts.entry(end).or_default() += 1;
    }
    let mut order: Vec<(&str, usize)> = counts.into_iter().collect();
    order.sort_by_key(|(code, routes)| (std::cmp::Reverse(*routes), *code));
    let airports: Vec<Site> = order
        .iter()
        .filter_map(|(code, _)| known.remove(*code))
        .collect();
    let numbers: BTreeMap<&str, usize> = order.iter().map(|(code, _)| *code).zip(0..).collect();
    let flights = rows
        .iter()
        .filter_map(|(from, to)| Some((*numbers.get(from.as_str())?, *numbers.get(to.as_str())?)));
    let mut draw = Draw::new(seed);
    let rail = airports.iter().take(RAIL).enumerate();
    let rail = rail.map(|(index, airport)| beside(airport, index, &mut draw));
    let ports = folder.parent().map(|data| data.join("ports/ports.geojson"));
    let ports = ports.context("the folder of OpenFlights has no folder around it")?;
    Ok(Geography {
        flights: flights.collect(),
        ports: read_ports(&ports, &airports)?,
        rail: rail.collect(),
        airports,
    })
}

fn beside(airport: &Site, index: usize, draw: &mut Draw) -> Site {
    let (lat, lon) = airport.position;
    Site {
        id: format!("R{index:04}"),
        position: (
            (lat + draw.real(-0.2, 0.2)).clamp(-89.0, 89.0),
            (lon + draw.real(-0.2, 0.2)).clamp(-179.9, 179.9),
        ),
        ..airport.clone()
    }
}

fn site(id: String, country: &str, continent: usize, position: (f64, f64)) -> Site {
    let union = UNION.split(' ').any(|member| member == country);
    Site {
        id,
        country: country.to_owned(),
        territory: if union { "EU" } else { country }.to_owned(),
        continent,
        position,
        time_zone: zone_at(position.1),
    }
}

fn airports(path: &Path) -> anyhow::Result<BTreeMap<String, Site>> {
    let mut all = BTreeMap::new();
    for record in records(path)? {
        let cell = |index: usize| record.get(index).unwrap_or_default();
        let code = cell(4);
        let letters = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        let position = cell(6).parse().ok().zip(cell(7).parse().ok());
        let Some(position) = position.filter(|_| letters) else {
            continue;
        };
        let country = Country::from_any(cell(3)).map_or("ZZ", Country::alpha2);
        let continent = continent(cell(11));
        all.insert(
            code.to_owned(),
            site(format!("A-{code}"), country, continent, position),
        );
    }
    Ok(all)
}

/// By the first part of a time zone; Europe and Asia are one.
fn continent(zone: &str) -> usize {
    match zone.split('/').next() {
        Some("America") => 1,
        Some("Africa") => 2,
        Some("Australia") => 3,
        Some("Pacific") => 4,
        Some("Atlantic") => 5,
        Some("Indian") => 6,
        _ => 0,
    }
}

fn read_ports(path: &Path, airports: &[Site]) -> anyhow::Result<Vec<Site>> {
    let parsed: serde_json::Value = serde_json::from_str(&text(path)?)
        .with_context(|| format!("{} is no GeoJSON", path.display()))?;
    let features = parsed.get("features").and_then(|all| all.as_array());
    let features = features.context("the file of ports has no features")?;
    let mut all = Vec::new();
    for feature in features {
        let about = |key: &str| feature.get("properties").and_then(|all| all.get(key));
        let point = feature.pointer("/geometry/coordinates");
        let number = |index: usize| point.and_then(|point| point.get(index)?.as_f64());
        let code = about("port").and_then(|code| code.as_str()).unwrap_or("");
        let terminal = about("t").and_then(serde_json::Value::as_f64);
        let terminal = terminal.is_some_and(|flag| (flag - 1.0).abs() < 0.5);
        let (Some(lon), Some(lat), Some(country)) = (number(0), number(1), code.get(..2)) else {
            continue;
        };
        if terminal {
            let apart = |site: &Site| {
                let (dy, dx) = (site.position.0 - lat, site.position.1 - lon);
                dx * dx + dy * dy
            };
            let near = airports.iter().min_by(|a, b| apart(a).total_cmp(&apart(b)));
            let continent = near.map_or(0, |near| near.continent);
            let id = format!("P{:04}", all.len());
            all.push(site(
                id,
                country,
                continent,
                (lat, lon.clamp(-179.9, 179.9)),
            ));
        }
    }
    Ok(all)
}
