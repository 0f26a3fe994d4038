//! From a reading to a destination, a hold and a first hop. Pure and fast: the line does not wait.
//!
//! A code in the manifest decides; the label's own words come second. Two codes with different
//! entries, or a label that contradicts its manifest entry in the country, are never guessed away.

use sortline_core::{Destination, DestinationSource, Permille, Reading, Resolution};

use crate::config::{ComplianceConfig, Manifest, ManifestEntry};
use crate::hops::Hops;

/// All that is looked up for a parcel.
#[derive(Debug)]
pub struct Resolver {
    manifest: Manifest,
    rules: ComplianceConfig,
    hops: Hops,
}

impl Resolver {
    /// A resolver of a site.
    pub const fn new(manifest: Manifest, rules: ComplianceConfig, hops: Hops) -> Self {
        Self {
            manifest,
            rules,
            hops,
        }
    }

    /// What is known of a parcel with this reading.
    pub fn resolve(&self, reading: &Reading) -> Resolution {
        let entry = match self.announced(reading) {
            Ok(entry) => entry,
            Err(hold) => return hold,
        };
        let destination = match (entry, &reading.destination) {
            (Some(entry), label) => match of_entry(entry, label.as_ref()) {
                Some(destination) => destination,
                None => return hold("destination_conflict"),
            },
            (None, Some(label)) => label.clone(),
            (None, None) => return Resolution::Unknown,
        };
        if let Some(reason) = self.hold_reason(entry, &destination) {
            return hold(&reason);
        }
        let (hop, why) = self.hops.first(&destination);
        Resolution::Sort {
            destination,
            hop,
            why,
        }
    }

    /// The manifest entry of the codes read; two different ones are a conflict.
    fn announced(&self, reading: &Reading) -> Result<Option<&ManifestEntry>, Resolution> {
        let mut found: Option<&ManifestEntry> = None;
        for entry in reading
            .codes
            .iter()
            .filter_map(|code| self.manifest.get(&code.value))
        {
            match found {
                Some(other) if other != entry => return Err(hold("manifest_conflict")),
                _ => found = Some(entry),
            }
        }
        Ok(found)
    }

    fn hold_reason(&self, entry: Option<&ManifestEntry>, to: &Destination) -> Option<String> {
        if self.rules.embargoed.contains(&to.country) {
            return Some("embargoed".to_owned());
        }
        let territory = &self.rules.customs_territory;
        let leaves = !territory.is_empty() && !territory.contains(&to.country);
        let Some(entry) = entry else {
            return leaves.then(|| "no_customs_data".to_owned());
        };
        if leaves && !has_customs_data(entry) {
            return Some("customs_data_missing".to_owned());
        }
        let goods = entry.goods.reveal().to_lowercase();
        let mut words = self.rules.stop_words.iter();
        if words.any(|word| goods.contains(&word.to_lowercase())) {
            return Some("stop_word".to_owned());
        }
        let weight_max = self.rules.weight_g_max;
        if weight_max > 0 && entry.weight_g.is_some_and(|weight| weight > weight_max) {
            return Some("too_heavy".to_owned());
        }
        let value_max = f64::from(self.rules.value_max);
        let too_dear = value_max > 0.0 && entry.value.is_some_and(|value| value > value_max);
        too_dear.then(|| "too_dear".to_owned())
    }
}

fn hold(reason: &str) -> Resolution {
    Resolution::Hold {
        reason: reason.to_owned(),
    }
}

/// The destination announced; `None` when the label names another country.
fn of_entry(entry: &ManifestEntry, label: Option<&Destination>) -> Option<Destination> {
    if label.is_some_and(|label| label.country != entry.country) {
        return None;
    }
    Some(Destination {
        country: entry.country.clone(),
        postcode: (!entry.postcode.is_empty()).then(|| entry.postcode.clone()),
        source: DestinationSource::Manifest,
        confidence: Permille::ONE,
    })
}

fn has_customs_data(entry: &ManifestEntry) -> bool {
    let code_digits = entry.hs_code.bytes().filter(u8::is_ascii_digit).count();
    let value = entry.value.is_some_and(|value| value > 0.0);
    !entry.goods.reveal().trim().is_empty()
        && value
        && entry.currency.len() == 3
        && code_digits >= 6
}
