//! `manifest.csv`: what the shippers announced, by code on the label.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::files::Files;
use super::problem::Problem;
use crate::sensitive::Sensitive;

/// Bytes of the file beyond which it is refused: a million parcels are about a tenth of it.
const BYTES_MAX: usize = 1 << 30;

/// One parcel announced.
#[derive(Clone, Debug, PartialEq, Deserialize)]
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
    /// Value declared, in units of the currency.
    pub value: Option<f64>,
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
        let problem = |line, key: Option<&str>, text: String| Problem {
            file: files.path("manifest.csv"),
            line,
            key: key.map(str::to_owned),
            text,
        };
        if text.len() > BYTES_MAX {
            return Err(vec![problem(
                None,
                None,
                format!("is larger than {BYTES_MAX} bytes"),
            )]);
        }
        let (mut entries, mut problems) = (BTreeMap::new(), Vec::new());
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let headers = reader.headers().cloned().unwrap_or_default();
        for record in reader.records() {
            let line = |position: Option<&csv::Position>| {
                position.and_then(|position| usize::try_from(position.line()).ok())
            };
            match record {
                Ok(record) => match record.deserialize::<ManifestEntry>(Some(&headers)) {
                    Ok(entry) => {
                        let at = line(record.position());
                        let code = normal(&entry.code);
                        if !is_country(&entry.country) {
                            let text = format!(
                                "found `{}`, allowed are two capital letters",
                                entry.country
                            );
                            problems.push(problem(at, Some("country"), text));
                        }
                        if code.is_empty() {
                            problems.push(problem(at, Some("code"), "is empty".to_owned()));
                        } else if entries.insert(code, entry).is_some() {
                            let text = "the code is there twice".to_owned();
                            problems.push(problem(at, Some("code"), text));
                        }
                    }
                    Err(error) => {
                        problems.push(problem(line(record.position()), None, error.to_string()));
                    }
                },
                Err(error) => {
                    problems.push(problem(line(error.position()), None, error.to_string()))
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

    /// Number of parcels announced.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is announced.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
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
