//! Public and company data as tables of a transport network, and sort plans.
//!
//! A format gives [`Brought`]: rows, what was left out and why, and what the source does not say
//! and was assumed. [`Brought::write`] adds the rows to the tables of a folder, whole or not at all.

mod columns;
mod gtfs;
mod openflights;
mod rules;
mod source;

pub use columns::{Mapping, company};
pub use gtfs::gtfs;
pub use openflights::openflights;
pub use rules::rules_of;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sortline_route::{CalendarRow, CustomsRow, PlaceRow, ServiceRow, TableName, ZoneRow};

use crate::config::{ConfigError, Problem};
use crate::network::read_csv;
use source::text_of;

/// Members of the customs union that has one territory, as of 2026.
const UNION: [&str; 27] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT",
    "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// Settings of a folder that has none.
const SETTINGS: &str = "# Delays are assumed, of the order of public statistics: replace them.
base_currency = \"EUR\"
horizon_days = 30
rates_date = \"2026-01-01\"

[delay.air]
p50_min = 20
p90_min = 72

[delay.truck]
p50_min = 30
p90_min = 95

[delay.rail]
p50_min = 120
p90_min = 432

[delay.sea]
p50_min = 720
p90_min = 2594

[delay.van]
p50_min = 15
p90_min = 42
";

/// What a source gave.
#[derive(Clone, Debug, Default)]
pub struct Brought {
    /// Rows for `places.csv`.
    pub places: Vec<PlaceRow>,
    /// Rows for `services.csv`.
    pub services: Vec<ServiceRow>,
    /// Rows for `customs.csv`.
    pub customs: Vec<CustomsRow>,
    /// Rows for `zones.csv`.
    pub zones: Vec<ZoneRow>,
    /// Rows for `calendars.csv`.
    pub calendars: Vec<CalendarRow>,
    /// Why records of the source were left out, and how many.
    pub left_out: BTreeMap<&'static str, usize>,
    /// What the source does not say, in sentences.
    pub assumed: Vec<&'static str>,
}

impl Brought {
    fn leave_out(&mut self, why: &'static str) {
        *self.left_out.entry(why).or_default() += 1;
    }

    /// Keeps the places that services stop at, and of these the largest part that they connect.
    fn connected(&mut self) {
        let stops = |service: &ServiceRow| -> Vec<String> {
            service.stops.split('>').map(str::to_owned).collect()
        };
        let mut groups: BTreeMap<String, String> = BTreeMap::new();
        for service in &self.services {
            let stops = stops(service);
            for pair in stops.windows(2) {
                let [from, to] = pair else { continue };
                let (from, to) = (root(&mut groups, from), root(&mut groups, to));
                if from != to {
                    groups.insert(from, to);
                }
            }
        }
        let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
        let names: Vec<String> = groups.keys().cloned().collect();
        for name in names {
            *sizes.entry(root(&mut groups, &name)).or_default() += 1;
        }
        let largest = sizes.iter().max_by_key(|(_, size)| **size);
        let Some((largest, _)) = largest.map(|(name, size)| (name.clone(), *size)) else {
            self.left_out
                .insert("a place that no service stops at", self.places.len());
            self.places.clear();
            return;
        };
        let mut inside = |id: &str| groups.contains_key(id) && root(&mut groups, id) == largest;
        let (places, services) = (self.places.len(), self.services.len());
        self.services
            .retain(|service| stops(service).first().is_some_and(|stop| inside(stop)));
        self.places.retain(|place| inside(&place.id));
        for (why, gone) in [
            (
                "a place not connected with the largest part of the network",
                places - self.places.len(),
            ),
            ("a service of such places", services - self.services.len()),
        ] {
            if gone > 0 {
                self.left_out.insert(why, gone);
            }
        }
    }

    /// Customs rows for every territory that a service enters from another, assumed.
    fn assume_customs(&mut self) {
        let territory: BTreeMap<&str, &str> = self
            .places
            .iter()
            .map(|place| (place.id.as_str(), place.territory.as_str()))
            .collect();
        let mut entered = BTreeSet::new();
        for service in &self.services {
            let stops = service.stops.split('>');
            let along: Vec<&str> = stops
                .filter_map(|stop| territory.get(stop).copied())
                .collect();
            for (index, from) in along.iter().enumerate() {
                let later = along.iter().skip(index + 1);
                entered.extend(later.filter(|to| *to != from).copied());
            }
        }
        let row = |territory: &str| CustomsRow {
            from: "*".to_owned(),
            to: territory.to_owned(),
            mode: "*".to_owned(),
            p50_min: "240".to_owned(),
            p90_min: "1440".to_owned(),
            days: "123456".to_owned(),
            opens: "06:00".to_owned(),
            closes: "22:00".to_owned(),
            ..CustomsRow::default()
        };
        let rows: Vec<CustomsRow> = entered.into_iter().map(row).collect();
        if !rows.is_empty() {
            self.assumed.push(
                "customs clears within four hours, nine of ten within a day, on working days",
            );
        }
        self.customs.extend(rows);
    }

    /// Adds the rows to the tables in a folder, which is made when it is not there; nothing is
    /// changed when any of them cannot be.
    ///
    /// # Errors
    /// A table there cannot be read, or has a record of the same id.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, ConfigError> {
        let refuse = |error: std::io::Error| {
            ConfigError::whole(folder, format!("cannot be written: {error}"))
        };
        let texts = [
            table(folder, TableName::Places, &self.places, |row| Some(&row.id))?,
            table(folder, TableName::Services, &self.services, |row| {
                Some(&row.id)
            })?,
            table(folder, TableName::Customs, &self.customs, |_| None)?,
            table(folder, TableName::Zones, &self.zones, |row| Some(&row.id))?,
            table(folder, TableName::Calendars, &self.calendars, |_| None)?,
            settings(folder),
        ];
        std::fs::create_dir_all(folder).map_err(refuse)?;
        let mut written = Vec::new();
        for (path, text) in texts.into_iter().flatten() {
            let draft = path.with_extension("part");
            std::fs::write(&draft, text).map_err(refuse)?;
            written.push((draft, path));
        }
        for (draft, path) in &written {
            std::fs::rename(draft, path).map_err(refuse)?;
        }
        Ok(written.into_iter().map(|(_, path)| path).collect())
    }
}

/// A table with the rows added; `None` when there is nothing to write.
fn table<T>(
    folder: &Path,
    name: TableName,
    rows: &[T],
    id: fn(&T) -> Option<&String>,
) -> Result<Option<(PathBuf, String)>, ConfigError>
where
    T: Serialize + DeserializeOwned + Default + PartialEq,
{
    let path = folder.join(name.file());
    let needed = name != TableName::Calendars;
    if rows.is_empty() && (path.exists() || !needed) {
        return Ok(None);
    }
    let mut all: Vec<T> = Vec::new();
    if path.exists() {
        let text = text_of(&path)?;
        let there = read_csv::<T>(&path, &text).map_err(|problems| ConfigError { problems })?;
        let ids: BTreeSet<&String> = there.rows.iter().filter_map(id).collect();
        let double = rows.iter().filter_map(id).find(|id| ids.contains(id));
        if let Some(double) = double {
            let text = format!("has a record `{double}` already; allowed: ids that are new");
            return Err(ConfigError::whole(&path, text));
        }
        all = there.rows;
    }
    // Records without an id of their own are added once.
    let new = rows
        .iter()
        .filter(|row| id(row).is_some() || !all.contains(row));
    let new: Vec<&T> = new.collect();
    let text = written(&all, &new)
        .map_err(|error| ConfigError::whole(&path, format!("cannot be written as CSV: {error}")))?;
    Ok(Some((path, text)))
}

/// Rows as CSV; without rows the header alone.
fn written<T: Serialize + Default>(there: &[T], new: &[&T]) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in there.iter().chain(new.iter().copied()) {
        writer.serialize(row)?;
    }
    if there.is_empty() && new.is_empty() {
        writer.serialize(T::default())?;
    }
    let text = String::from_utf8(writer.into_inner()?)?;
    if there.is_empty() && new.is_empty() {
        let header = text.lines().next().unwrap_or_default();
        return Ok(format!("{header}\n"));
    }
    Ok(text)
}

fn settings(folder: &Path) -> Option<(PathBuf, String)> {
    let path = folder.join(TableName::Settings.file());
    (!path.exists()).then(|| (path, SETTINGS.to_owned()))
}

/// The name that stands for a place's group; halves the way there.
fn root(groups: &mut BTreeMap<String, String>, name: &str) -> String {
    let mut here = name.to_owned();
    loop {
        let up = groups
            .entry(here.clone())
            .or_insert_with(|| here.clone())
            .clone();
        if up == here {
            return here;
        }
        let above = groups.get(&up).cloned().unwrap_or_else(|| up.clone());
        groups.insert(here, above.clone());
        here = above;
    }
}

/// The customs territory of a country.
fn territory(country: &str) -> String {
    let union = UNION.contains(&country);
    if union { "EU" } else { country }.to_owned()
}

/// An id of the network from a name of another system, unique among `taken`.
fn id_of(name: &str, taken: &mut BTreeSet<String>) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric();
    let letters = name
        .chars()
        .map(|letter| if fits(letter) { letter } else { '-' });
    let mut base: String = letters.collect::<String>().to_uppercase();
    base.truncate(18);
    let base = base.trim_matches('-');
    let base = if base.is_empty() { "X" } else { base };
    let mut id = base.to_owned();
    let mut number = 1;
    while !taken.insert(id.clone()) {
        number += 1;
        id = format!("{base}-{number}");
    }
    id
}

/// Great-circle distance in kilometres (haversine formula, mean radius of the Earth 6,371 km).
fn kilometres(from: (f64, f64), to: (f64, f64)) -> f64 {
    let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let across = from.0.to_radians().cos() * to.0.to_radians().cos() * half(to.1 - from.1);
    2.0 * 6_371.0 * (half(to.0 - from.0) + across).sqrt().min(1.0).asin()
}

/// One problem with a file.
fn problem(file: &Path, line: usize, key: &str, text: String) -> Problem {
    Problem {
        file: file.to_owned(),
        line: Some(line),
        key: Some(key.to_owned()),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_to_fit_and_to_differ() {
        let mut taken = BTreeSet::new();
        for (name, expected) in [
            ("de:06412:10", "DE-06412-10"),
            ("DE-06412-10", "DE-06412-10-2"),
            ("Zürich HB", "Z-RICH-HB"),
            ("—", "X"),
            (
                "a name that is much too long for an id",
                "A-NAME-THAT-IS-MUC",
            ),
        ] {
            assert_eq!(id_of(name, &mut taken), expected);
        }
    }

    #[test]
    fn only_the_largest_connected_part_is_kept() {
        let place = |id: &str| PlaceRow {
            id: id.to_owned(),
            ..PlaceRow::default()
        };
        let service = |stops: &str| ServiceRow {
            stops: stops.to_owned(),
            ..ServiceRow::default()
        };
        let mut brought = Brought {
            places: ["A", "B", "C", "D", "E", "F"].map(place).to_vec(),
            services: ["A>B", "C>B", "D>E"].map(service).to_vec(),
            ..Brought::default()
        };
        brought.connected();
        let ids: Vec<&str> = brought
            .places
            .iter()
            .map(|place| place.id.as_str())
            .collect();
        assert_eq!((ids, brought.services.len()), (vec!["A", "B", "C"], 2));
        assert_eq!(brought.left_out.values().sum::<usize>(), 4);
    }
}
