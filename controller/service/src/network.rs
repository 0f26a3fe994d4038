//! The transport network of a site: `places.csv`, `services.csv`, `customs.csv`, `zones.csv` and
//! `network.toml`, read and handed to the route crate with the clocks of its places; and
//! `compliance.toml`.
//!
//! The route crate counts minutes of UTC; the conversions to and from [`jiff`] are here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde::de::DeserializeOwned;
use sortline_route::compliance::Rules;
use sortline_route::{
    DAY_MIN, Minute, Network, Node, Offsets, Settings, TableName, Tables, UNDER_WAY_MAX_MIN, Window,
};

use crate::conditions::Conditions;
use crate::config::{ConfigError, Document, Files, Problem};

/// Bytes of a file beyond which it is refused: a network of a million services takes a third.
const BYTES_MAX: u64 = 512 << 20;
/// Problems told of one network; more would hide the first.
const PROBLEMS_MAX: usize = 50;

/// Where the files of a network are.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// The site, or the folder itself.
    pub files: &'a Files,
    /// Folder within it, such as `network`; empty for the folder itself.
    pub folder: &'a str,
}

impl Source<'_> {
    /// Name of one of its files as the site's files know it.
    pub fn name(&self, file: &str) -> String {
        if self.folder.is_empty() {
            file.to_owned()
        } else {
            format!("{}/{file}", self.folder)
        }
    }

    fn text(&self, file: &str) -> Result<String, Problem> {
        let name = self.name(file);
        let path = self.files.path(&name);
        let size = match self.files {
            Files::Directory(_) => std::fs::metadata(&path).map_or(0, |about| about.len()),
            Files::Demo | Files::Edited { .. } => 0,
        };
        if size > BYTES_MAX {
            let text = format!("has {size} bytes, allowed are {BYTES_MAX}");
            return Err(Problem {
                file: path,
                line: None,
                key: None,
                text,
            });
        }
        self.files.text(&name)
    }
}

/// Loads a network whose timetable covers parcels that are ready at `ready` or up to a day before.
///
/// # Errors
/// Every problem found, with file, line and column.
pub fn load(source: &Source<'_>, ready: Timestamp) -> Result<Network, ConfigError> {
    load_for(source, ready, "")
}

/// The same with customs times for goods of an HS code, or its beginning; empty: for any goods.
///
/// # Errors
/// As [`load`].
pub fn load_for(
    source: &Source<'_>,
    ready: Timestamp,
    hs_code: &str,
) -> Result<Network, ConfigError> {
    let mut problems = Vec::new();
    let places = keep(rows(source, TableName::Places), &mut problems);
    let services = keep(rows(source, TableName::Services), &mut problems);
    let customs = keep(rows(source, TableName::Customs), &mut problems);
    let zones = keep(rows(source, TableName::Zones), &mut problems);
    let calendars = keep(optional_rows(source, TableName::Calendars), &mut problems);
    let settings: Option<Settings> = match read_toml(source, TableName::Settings.file()) {
        Ok(settings) => Some(settings),
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    let (Some(places), Some(services), Some(customs), Some(zones)) =
        (places, services, customs, zones)
    else {
        return Err(ConfigError { problems });
    };
    let (Some(calendars), Some(settings)) = (calendars, settings) else {
        return Err(ConfigError { problems });
    };
    let Some(window) = window(ready, &settings) else {
        return Err(ConfigError::whole(
            "ready".as_ref(),
            "is beyond the years 1970 to 5000",
        ));
    };
    // Of a network without services every place would be told, and not why.
    if services.rows.is_empty() && places.rows.len() > 1 {
        let path = source.files.path(&source.name(TableName::Services.file()));
        return Err(ConfigError::whole(
            &path,
            "has no record, allowed: at least one service",
        ));
    }
    let lines = [
        (TableName::Places, places.lines),
        (TableName::Services, services.lines),
        (TableName::Customs, customs.lines),
        (TableName::Zones, zones.lines),
        (TableName::Calendars, calendars.lines),
    ];
    let names = places
        .rows
        .iter()
        .map(|place: &sortline_route::PlaceRow| place.time_zone.as_str());
    let tables = Tables {
        time_zones: clocks(names, window),
        places: places.rows,
        services: services.rows,
        customs: customs.rows,
        zones: zones.rows,
        calendars: calendars.rows,
        hs_code: hs_code.to_owned(),
        settings,
        window,
    };
    Network::new(&tables).map_err(|found| located(source, &lines, found))
}

/// Loads `compliance.toml` of a site; `None` when it has none.
///
/// # Errors
/// What the file says that it must not, with line and key.
pub fn load_rules(files: &Files) -> Result<Option<Rules>, ConfigError> {
    const FILE: &str = "compliance.toml";
    if !files.has(FILE) {
        return Ok(None);
    }
    let source = Source { files, folder: "" };
    let one = |problem| ConfigError {
        problems: vec![problem],
    };
    let text = source.text(FILE).map_err(one)?;
    let path = files.path(FILE);
    let document = Document::new(&path, &text);
    let rules: Rules = document.read().map_err(one)?;
    let found = rules.problems();
    if found.is_empty() {
        return Ok(Some(rules));
    }
    let problems = found
        .into_iter()
        .map(|(key, text)| document.problem(&key, text))
        .collect();
    Err(ConfigError { problems })
}

/// Loads conditions of a site; none when it has no such file.
///
/// # Errors
/// What the file says that it must not, with line and key.
pub fn load_conditions(files: &Files, file: &str) -> Result<Conditions, ConfigError> {
    if !files.has(file) {
        return Ok(Conditions::default());
    }
    let source = Source { files, folder: "" };
    read_toml(&source, file).map_err(|problem| ConfigError {
        problems: vec![problem],
    })
}

fn keep<T>(read: Result<T, Vec<Problem>>, problems: &mut Vec<Problem>) -> Option<T> {
    read.map_err(|found| problems.extend(found)).ok()
}

fn read_toml<T: DeserializeOwned>(source: &Source<'_>, file: &str) -> Result<T, Problem> {
    let text = source.text(file)?;
    Document::new(&source.files.path(&source.name(file)), &text).read()
}

/// Records of a CSV file with the line of each.
pub(crate) struct Rows<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) lines: Vec<usize>,
}

fn rows<T: DeserializeOwned>(
    source: &Source<'_>,
    table: TableName,
) -> Result<Rows<T>, Vec<Problem>> {
    let path = source.files.path(&source.name(table.file()));
    let text = source.text(table.file()).map_err(|problem| vec![problem])?;
    read_csv(&path, &text)
}

/// The same of a table that need not be there.
fn optional_rows<T: DeserializeOwned>(
    source: &Source<'_>,
    table: TableName,
) -> Result<Rows<T>, Vec<Problem>> {
    if source.files.has(&source.name(table.file())) {
        return rows(source, table);
    }
    Ok(Rows {
        rows: Vec::new(),
        lines: Vec::new(),
    })
}

pub(crate) fn read_csv<T: DeserializeOwned>(
    path: &Path,
    text: &str,
) -> Result<Rows<T>, Vec<Problem>> {
    read_csv_as(path, text, false)
}

/// The same of a file of others, whose records may be shorter or longer than its header.
pub(crate) fn read_csv_loose<T: DeserializeOwned>(
    path: &Path,
    text: &str,
) -> Result<Rows<T>, Vec<Problem>> {
    read_csv_as(path, text, true)
}

fn read_csv_as<T: DeserializeOwned>(
    path: &Path,
    text: &str,
    loose: bool,
) -> Result<Rows<T>, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .flexible(loose)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let problem = |line: Option<usize>, error: &csv::Error| Problem {
        file: path.to_owned(),
        line: error
            .position()
            .and_then(|at| usize::try_from(at.line()).ok())
            .or(line),
        key: None,
        text: csv_text(error),
    };
    let headers = reader
        .headers()
        .cloned()
        .map_err(|error| vec![problem(Some(1), &error)])?;
    let (mut rows, mut lines, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for record in reader.records() {
        let read = record.and_then(|record| {
            let line = record
                .position()
                .and_then(|at| usize::try_from(at.line()).ok());
            Ok((record.deserialize(Some(&headers))?, line.unwrap_or(1)))
        });
        match read {
            Ok((row, line)) => {
                rows.push(row);
                lines.push(line);
            }
            Err(error) => problems.push(problem(None, &error)),
        }
        if problems.len() >= PROBLEMS_MAX {
            break;
        }
    }
    if problems.is_empty() {
        Ok(Rows { rows, lines })
    } else {
        Err(problems)
    }
}

/// The message without the position, which is told apart from it.
fn csv_text(error: &csv::Error) -> String {
    if let csv::ErrorKind::Deserialize { err, .. } = error.kind() {
        return err.to_string();
    }
    if let csv::ErrorKind::UnequalLengths {
        expected_len, len, ..
    } = error.kind()
    {
        return format!("found {len} fields, allowed: {expected_len}, as in the header");
    }
    error.to_string()
}

/// Problems of the network with file and line instead of record numbers.
fn located(
    source: &Source<'_>,
    lines: &[(TableName, Vec<usize>)],
    found: Vec<sortline_route::Problem>,
) -> ConfigError {
    let more = found.len().saturating_sub(PROBLEMS_MAX);
    let mut problems: Vec<Problem> = found
        .into_iter()
        .take(PROBLEMS_MAX)
        .map(|problem| {
            let lines = lines.iter().find(|(table, _)| *table == problem.table);
            Problem {
                file: source.files.path(&source.name(problem.table.file())),
                line: lines.and_then(|(_, lines)| lines.get(problem.row).copied()),
                key: Some(problem.column.into_owned()),
                text: format!(
                    "found `{}`, allowed: {}",
                    short(&problem.found),
                    problem.allowed
                ),
            }
        })
        .collect();
    let (name, settings) = (
        TableName::Settings.file(),
        source.text(TableName::Settings.file()),
    );
    if let Ok(text) = settings {
        let path = source.files.path(&source.name(name));
        let document = Document::new(&path, &text);
        for problem in problems.iter_mut().filter(|problem| problem.file == path) {
            let key = problem.key.clone().unwrap_or_default();
            problem.line = document.problem(&key, "").line;
        }
    }
    if more > 0 {
        let text = format!("and {more} more problems");
        let file = source.files.path(&source.name(""));
        problems.push(Problem {
            file,
            line: None,
            key: None,
            text,
        });
    }
    ConfigError { problems }
}

/// The beginning of a cell, as long as a message may quote it.
fn short(cell: &str) -> Cow<'_, str> {
    const QUOTED_MAX: usize = 80;
    match cell.char_indices().nth(QUOTED_MAX) {
        Some((end, _)) => Cow::Owned(cell.get(..end).unwrap_or_default().to_owned() + "…"),
        None => Cow::Borrowed(cell),
    }
}

fn window(ready: Timestamp, settings: &Settings) -> Option<Window> {
    let days = i32::from(settings.horizon_days.clamp(1, 120));
    let now = minute(ready)?;
    Some(Window {
        from: now.after(-DAY_MIN),
        to: now.after(days * DAY_MIN),
    })
}

/// What the clocks of these time zones show in the window; unknown names are left out.
fn clocks<'a>(names: impl Iterator<Item = &'a str>, window: Window) -> BTreeMap<String, Offsets> {
    let mut all = BTreeMap::new();
    for name in names {
        if let Ok(zone) = TimeZone::get(name)
            && !all.contains_key(name)
            && let Some(offsets) = offsets(&zone, window)
        {
            all.insert(name.to_owned(), offsets);
        }
    }
    all
}

fn offsets(zone: &TimeZone, window: Window) -> Option<Offsets> {
    // Unrolling looks a few days beyond the window, and at vehicles that left long before it.
    let from = timestamp(window.from.after(-UNDER_WAY_MAX_MIN - 4 * DAY_MIN))?;
    let to = timestamp(window.to.after(4 * DAY_MIN))?;
    let changes = zone
        .following(from)
        .take_while(|change| change.timestamp() <= to);
    let changes = changes.filter_map(|change| {
        Some((
            minute(change.timestamp())?,
            change.offset().seconds().div_euclid(60),
        ))
    });
    let first = zone.to_offset(from).seconds().div_euclid(60);
    Some(Offsets::new(first, changes.collect()))
}

/// The minute of a time; seconds are rounded up, so that a parcel is never ready too early.
#[must_use]
pub fn minute(time: Timestamp) -> Option<Minute> {
    let seconds = time.as_second() + i64::from(time.subsec_nanosecond() > 0);
    let minutes = -(-seconds).div_euclid(60);
    i32::try_from(minutes).ok().map(Minute)
}

/// The time of a minute.
#[must_use]
pub fn timestamp(minute: Minute) -> Option<Timestamp> {
    Timestamp::from_second(i64::from(minute.0) * 60).ok()
}

/// RFC 3339 with the offset that holds at a place of the network.
#[must_use]
pub fn rfc3339(network: &Network, place: Node, at: Minute) -> Option<String> {
    let local = network.clock(place)?.local(at);
    let offset = Offset::from_seconds(local.saturating_sub(at.0).checked_mul(60)?).ok()?;
    Some(timestamp(at)?.display_with_offset(offset).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortline_route::{Level, Table};

    const SITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/demo");

    fn demo() -> Network {
        let files = Files::Directory(SITE.into());
        let source = Source {
            files: &files,
            folder: "network",
        };
        load(&source, "2026-11-23T17:00Z".parse().unwrap()).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn the_demonstration_network_is_sound_and_serves_every_zone() {
        let network = demo();
        let size = network.size();
        assert!(
            size.places >= 40 && size.services >= 120 && size.zones >= 60,
            "{size:?}"
        );
        let origin = network.find("DE-FRA").unwrap();
        let table = Table::from_site(
            &network,
            origin,
            minute("2026-11-23T17:00Z".parse().unwrap()).unwrap(),
        );
        for (zone, info) in network.nodes().filter(|(_, info)| info.kind.is_none()) {
            for level in Level::ALL {
                let entry = table.entry(zone, level);
                assert!(entry.is_some(), "{} by {}", info.id, level.name());
            }
        }
    }

    #[test]
    fn minutes_round_up_and_back() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.5Z", 1),
            ("1970-01-01T00:01:00Z", 1),
            ("1970-01-01T00:01:01Z", 2),
        ] {
            assert_eq!(
                minute(text.parse().unwrap()),
                Some(Minute(expected)),
                "{text}"
            );
        }
        assert_eq!(
            timestamp(Minute(1)).unwrap().to_string(),
            "1970-01-01T00:01:00Z"
        );
    }

    #[test]
    fn clocks_agree_with_the_time_zone_database_over_two_years() {
        let day = |year, month, day| jiff::civil::date(year, month, day);
        for name in [
            "Europe/Berlin",
            "Europe/Dublin",
            "America/New_York",
            "America/Sao_Paulo",
            "America/St_Johns",
            "Africa/Casablanca",
            "Asia/Kolkata",
            "Asia/Gaza",
            "Australia/Lord_Howe",
            "Pacific/Chatham",
            "Pacific/Kiritimati",
        ] {
            let zone = TimeZone::get(name).unwrap();
            let from = minute("2026-01-01T00:00Z".parse().unwrap()).unwrap();
            let window = Window {
                from,
                to: from.after(2 * 366 * DAY_MIN),
            };
            let clock = offsets(&zone, window).unwrap();
            let days = day(2026, 1, 1).series(jiff::Span::new().days(1));
            for day in days.take_while(|today| *today < day(2028, 1, 1)) {
                for (hour, minutes) in
                    [(0, 0), (0, 30), (1, 45), (2, 15), (2, 30), (3, 0), (23, 59)]
                {
                    let local = day.at(hour, minutes, 0, 0);
                    // A repeated time is the first, a skipped one moves on: as jiff has it.
                    let expected = zone.to_timestamp(local).unwrap();
                    let shown = minute(Offset::UTC.to_timestamp(local).unwrap()).unwrap();
                    let found = clock.utc(shown.0);
                    assert_eq!(timestamp(found), Some(expected), "{name} {local}");
                    let back = zone.to_datetime(expected);
                    let back = minute(Offset::UTC.to_timestamp(back).unwrap()).unwrap();
                    assert_eq!(clock.local(found), back.0, "{name} {local}");
                }
            }
        }
    }

    #[test]
    fn clocks_follow_daylight_saving() {
        let from = minute("2026-10-24T00:00Z".parse().unwrap()).unwrap();
        let window = Window {
            from,
            to: from.after(3 * DAY_MIN),
        };
        let all = clocks(["Europe/Berlin", "Mars/Olympus"].into_iter(), window);
        assert_eq!(all.len(), 1);
        let berlin = &all["Europe/Berlin"];
        assert_eq!(berlin.clock(from), "Sat 02:00");
        assert_eq!(berlin.clock(from.after(2 * DAY_MIN)), "Mon 01:00");
    }

    #[test]
    fn clocks_are_known_when_vehicles_under_way_have_left() {
        // Berlin's clocks went forward on the 29th of March.
        let from = minute("2026-04-05T00:00Z".parse().unwrap()).unwrap();
        let window = Window {
            from,
            to: from.after(3 * DAY_MIN),
        };
        let all = clocks(["Europe/Berlin"].into_iter(), window);
        let berlin = &all["Europe/Berlin"];
        assert_eq!(berlin.clock(from), "Sun 02:00");
        assert_eq!(berlin.clock(from.after(-10 * DAY_MIN)), "Thu 01:00");
        assert_eq!(berlin.clock(from.after(-UNDER_WAY_MAX_MIN)), "Tue 02:00");
    }

    fn problem(file: &str, from: &str, to: &str) -> String {
        let folder = std::env::temp_dir().join(format!(
            "sortline-network-{}-{file}-{}",
            std::process::id(),
            from.len() * 1_000 + to.len()
        ));
        std::fs::create_dir_all(&folder).unwrap();
        for name in [
            "places.csv",
            "services.csv",
            "customs.csv",
            "zones.csv",
            "network.toml",
        ] {
            let mut text = std::fs::read_to_string(format!("{SITE}/network/{name}")).unwrap();
            if name == file {
                assert!(text.contains(from), "{from}");
                text = text.replacen(from, to, 1);
            }
            std::fs::write(folder.join(name), text).unwrap();
        }
        let files = Files::Directory(folder.clone());
        let result = load(
            &Source {
                files: &files,
                folder: "",
            },
            "2026-11-23T17:00Z".parse().unwrap(),
        );
        std::fs::remove_dir_all(&folder).unwrap();
        let text = result.map(|_| ()).unwrap_err().to_string();
        text.replace(&format!("{}/", folder.display()), "")
    }

    #[test]
    fn problems_name_file_line_and_column() {
        let cases = [
            (
                "places.csv",
                "50.059,",
                "NaN,",
                "places.csv:2: lat: found `NaN`, allowed: degrees from -90 to 90",
            ),
            (
                "places.csv",
                "id,name",
                "id,nam",
                "places.csv:2: unknown field `nam`",
            ),
            (
                "services.csv",
                "DE-FRA>DE-LEJ,",
                "DE-FRA>DE-LEX,",
                "services.csv:2: stops: found `DE-LEX`, allowed: an id of places.csv; similar: DE-LEJ",
            ),
            (
                "services.csv",
                ",45,22000,",
                ",45,-1,",
                "services.csv:2: capacity_kg: found `-1`, allowed: a whole number from 1",
            ),
            (
                "customs.csv",
                "90,420",
                "420,90",
                "customs.csv:2: p90_min: found `90`, allowed: a whole number from 420",
            ),
            ("network.toml", "CHF = ", "CHX = ", "zones.csv:"),
            (
                "network.toml",
                "horizon_days = 75",
                "horizon_days = 0",
                "network.toml:6: horizon_days: found `0`",
            ),
        ];
        for (file, from, to, expected) in cases {
            let text = problem(file, from, to);
            assert!(text.starts_with(expected), "{file} {to}: {text}");
        }
    }
}
