//! `manifest.csv`: what the shippers announced, by code on the label.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use serde::Deserialize;

use super::files::Files;
use super::problem::Problem;
use crate::sensitive::Sensitive;

/// Bytes of the file beyond which it is refused: a million parcels are about a tenth of it.
const BYTES_MAX: usize = 1 << 30;

/// One parcel announced.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ManifestEntry {
    /// Tracking number or SSCC as on the label.
    pub code: String,
    /// ISO 3166-1 alpha-2 country of the destination.
    pub country: String,
    /// Postcode of the destination.
    pub postcode: String,
    /// Town of the destination.
    pub city: Sensitive<String>,
    /// Service level promised.
    pub service: String,
    /// Weight declared in grams; absent when not announced.
    pub weight_g: Option<u32>,
    /// Value declared, a decimal in units of the currency; empty when not announced.
    pub value: String,
    /// ISO 4217 currency of the value.
    pub currency: String,
    /// Description of the goods.
    pub goods: Sensitive<String>,
    /// Harmonized System code of the goods.
    pub hs_code: String,
}

/// The manifest by code in normal form.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    entries: BTreeMap<String, ManifestEntry>,
}

impl Manifest {
    /// Reads `manifest.csv`; a site without one has an empty manifest.
    ///
    /// # Errors
    /// Every line that cannot be used.
    pub fn load(files: &Files) -> Result<Self, Vec<Problem>> {
        if !files.has("manifest.csv") {
            return Ok(Self::default());
        }
        let text = files
            .text("manifest.csv")
            .map_err(|problem| vec![problem])?;
        let path = files.path("manifest.csv");
        if text.len() > BYTES_MAX {
            let text = format!("is larger than {BYTES_MAX} bytes");
            return Err(vec![Problem {
                file: path,
                line: None,
                key: None,
                text,
            }]);
        }
        Self::parse(&path, &text)
    }

    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, Vec<Problem>> {
        let (mut entries, mut problems) = (BTreeMap::new(), Vec::new());
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut records = reader.deserialize::<ManifestEntry>();
        loop {
            let line = records.reader().position().line();
            let Some(record) = records.next() else { break };
            let refuse = |line: u64, key: Option<&str>, text| Problem {
                file: path.to_owned(),
                line: usize::try_from(line.max(2)).ok(),
                key: key.map(str::to_owned),
                text,
            };
            match record {
                Ok(entry) => {
                    if let Err((key, text)) = accept(entry, &mut entries) {
                        problems.push(refuse(line, Some(key), text));
                    }
                }
                Err(error) => {
                    let line = error.position().map_or(line, csv::Position::line);
                    problems.push(refuse(line, None, error.to_string()));
                }
            }
        }
        if problems.is_empty() {
            Ok(Self { entries })
        } else {
            Err(problems)
        }
    }

    /// The entry of a code, written in whatever case and spacing.
    pub fn get(&self, code: &str) -> Option<&ManifestEntry> {
        self.entries.get(&normal(code))
    }

    /// All entries, by code.
    pub fn entries(&self) -> impl Iterator<Item = &ManifestEntry> {
        self.entries.values()
    }

    /// Number of parcels announced.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is announced.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Takes an entry in, or tells the key and what is wrong with it.
fn accept(
    entry: ManifestEntry,
    entries: &mut BTreeMap<String, ManifestEntry>,
) -> Result<(), (&'static str, String)> {
    let code = normal(&entry.code);
    if code.is_empty() {
        return Err(("code", "has no letter or digit".to_owned()));
    }
    if !is_country(&entry.country) {
        let found = &entry.country;
        return Err((
            "country",
            format!("found `{found}`, allowed are two capital letters"),
        ));
    }
    match entries.entry(code) {
        Entry::Occupied(_) => Err(("code", "is there twice".to_owned())),
        Entry::Vacant(vacant) => {
            vacant.insert(entry);
            Ok(())
        }
    }
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase())
}

/// Upper case, letters and digits only.
fn normal(code: &str) -> String {
    code.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect()
}
