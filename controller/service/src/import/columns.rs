//! Tables of a company, whose columns and words are its own.
//!
//! A mapping (TOML) says which of its columns is which of ours, what its words mean, and what it
//! does not say:
//!
//! ```toml
//! separator = ";"
//! [columns]
//! id = "Linie"
//! mode = "Art"
//! [words.mode]
//! LKW = "truck"
//! [default]
//! currency = "EUR"
//! ```
//!
//! Without a mapping the columns must have our names. Decimal commas are read when the separator is
//! none.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sortline_route::TableName;

use super::source::text_of;
use super::{Brought, problem};
use crate::config::{ConfigError, Document};

/// Most records of a table.
const RECORDS_MAX: usize = 5_000_000;
/// Problems told of one table.
const PROBLEMS_MAX: usize = 50;

/// How a company's table is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// One letter between cells; found out when absent.
    #[serde(default)]
    separator: Option<char>,
    /// Our column to theirs.
    #[serde(default)]
    columns: BTreeMap<String, String>,
    /// By our column: their word to ours.
    #[serde(default)]
    words: BTreeMap<String, BTreeMap<String, String>>,
    /// Our column to what an empty or missing cell means.
    #[serde(default)]
    default: BTreeMap<String, String>,
}

impl Mapping {
    /// Reads a mapping.
    ///
    /// # Errors
    /// It cannot be read, or says what it must not.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = text_of(path)?;
        let read = Document::new(path, &text).read();
        read.map_err(|problem| ConfigError {
            problems: vec![problem],
        })
    }
}

/// Reads a company's file as one of our tables.
///
/// # Errors
/// The file cannot be read, or a record has no place for a column that is needed.
pub fn company(path: &Path, table: TableName, columns: &Mapping) -> Result<Brought, ConfigError> {
    let mut brought = Brought::default();
    match table {
        TableName::Places => brought.places = rows(path, columns)?,
        TableName::Services => brought.services = rows(path, columns)?,
        TableName::Customs => brought.customs = rows(path, columns)?,
        TableName::Zones => brought.zones = rows(path, columns)?,
        TableName::Calendars => brought.calendars = rows(path, columns)?,
        TableName::Settings => {}
    }
    Ok(brought)
}

/// The separator that the header has most of.
fn separator(text: &str) -> char {
    let header = text.lines().next().unwrap_or_default();
    let count = |letter: char| header.matches(letter).count();
    [',', ';', '\t', '|']
        .into_iter()
        .rev()
        .max_by_key(|letter| count(*letter))
        .unwrap_or(',')
}

/// Records as one of our kinds, by our column names.
fn rows<T: DeserializeOwned>(path: &Path, columns: &Mapping) -> Result<Vec<T>, ConfigError> {
    let (names, records) = columns.records(path)?;
    let header = csv::StringRecord::from(names);
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    for (line, record) in records {
        match csv::StringRecord::from(record).deserialize::<T>(Some(&header)) {
            Ok(row) => all.push(row),
            Err(error) => {
                let text = if let csv::ErrorKind::Deserialize { err, .. } = error.kind() {
                    err.to_string()
                } else {
                    error.to_string()
                };
                problems.push(problem(path, line, "record", text));
            }
        }
        if problems.len() >= PROBLEMS_MAX {
            break;
        }
    }
    if problems.is_empty() {
        Ok(all)
    } else {
        Err(ConfigError { problems })
    }
}

/// Our column names, and where each is in the file; `None`: only by default.
fn header(
    path: &Path,
    headers: &csv::StringRecord,
    columns: &Mapping,
) -> Result<(Vec<String>, Vec<Option<usize>>), ConfigError> {
    let at = |name: &str| headers.iter().position(|header| header == name);
    let (mut names, mut from) = (Vec::new(), Vec::new());
    for (ours, theirs) in &columns.columns {
        let Some(index) = at(theirs) else {
            let known: Vec<&str> = headers.iter().collect();
            let text = format!(
                "found no column `{theirs}` for {ours}; it has: {}",
                known.join(", ")
            );
            return Err(ConfigError::whole(path, text));
        };
        names.push(ours.clone());
        from.push(Some(index));
    }
    // With a mapping only what it names is taken; without one every column.
    if columns.columns.is_empty() {
        for (index, header) in headers.iter().enumerate() {
            names.push(header.to_owned());
            from.push(Some(index));
        }
    }
    for ours in columns.default.keys() {
        if !names.contains(ours) {
            names.push(ours.clone());
            from.push(None);
        }
    }
    Ok((names, from))
}

/// Cells of a record with its line.
type Record = (usize, Vec<String>);

impl Mapping {
    /// A company's file in our columns and words, as CSV.
    ///
    /// # Errors
    /// The file cannot be read, or lacks a column that the mapping names.
    pub fn rewritten(&self, path: &Path) -> Result<String, ConfigError> {
        let (names, records) = self.records(path)?;
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut wrote = writer.write_record(&names);
        for (_, record) in &records {
            wrote = wrote.and_then(|()| writer.write_record(record));
        }
        let bytes = wrote.ok().and_then(|()| writer.into_inner().ok());
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        text.ok_or_else(|| ConfigError::whole(path, "cannot be written as CSV"))
    }

    /// Our column names, and the records in our words.
    fn records(&self, path: &Path) -> Result<(Vec<String>, Vec<Record>), ConfigError> {
        let text = text_of(path)?;
        let separator = self.separator.unwrap_or_else(|| separator(&text));
        let refuse = |text: String| ConfigError::whole(path, text);
        let Ok(byte) = u8::try_from(separator) else {
            let text = format!("found separator `{separator}`, allowed: an ASCII letter");
            return Err(refuse(text));
        };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(byte)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let headers = reader.headers().cloned();
        let headers = headers.map_err(|error| refuse(error.to_string()))?;
        let (names, from) = header(path, &headers, self)?;
        let mut all = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| refuse(error.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            let cells = names.iter().zip(&from).map(|(name, index)| {
                let cell = index.and_then(|index| record.get(index)).unwrap_or("");
                self.word(name, cell, separator)
            });
            all.push((usize::try_from(line).unwrap_or(0), cells.collect()));
            if all.len() > RECORDS_MAX {
                let text = format!("has more than {RECORDS_MAX} records, which are allowed");
                return Err(refuse(text));
            }
        }
        Ok((names, all))
    }

    fn word(&self, ours: &str, cell: &str, separator: char) -> String {
        if cell.is_empty() {
            return self.default.get(ours).cloned().unwrap_or_default();
        }
        if let Some(word) = self.words.get(ours).and_then(|words| words.get(cell)) {
            return word.clone();
        }
        let decimal = |text: &str| {
            let parts = text.split_once(',');
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            parts.is_some_and(|(whole, rest)| digits(whole.trim_start_matches('-')) && digits(rest))
        };
        if separator != ',' && decimal(cell) {
            return cell.replace(',', ".");
        }
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_is_found_out() {
        for (header, expected) in [
            ("a,b,c", ','),
            ("a;b;c", ';'),
            ("a\tb", '\t'),
            ("a|b", '|'),
            ("a", ','),
        ] {
            assert_eq!(separator(header), expected, "{header}");
        }
    }

    #[test]
    fn words_defaults_and_decimal_commas() {
        let columns = Mapping {
            words: BTreeMap::from([(
                "mode".to_owned(),
                BTreeMap::from([("LKW".to_owned(), "truck".to_owned())]),
            )]),
            default: BTreeMap::from([("currency".to_owned(), "EUR".to_owned())]),
            ..Mapping::default()
        };
        for (ours, cell, expected) in [
            ("mode", "LKW", "truck"),
            ("mode", "sea", "sea"),
            ("currency", "", "EUR"),
            ("price_per_kg", "1,25", "1.25"),
            ("name", "Halle 3, Tor 4", "Halle 3, Tor 4"),
        ] {
            assert_eq!(columns.word(ours, cell, ';'), expected);
        }
        assert_eq!(columns.word("price_per_kg", "1,25", ','), "1,25");
    }
}
