//! From a reading to a destination, a hold and a first hop. Pure and fast: the line does not wait.
//!
//! A code in the manifest decides; the label's own words come second. Two codes with different
//! entries, or a label that contradicts its manifest entry in the country, are never guessed away.
//! What a person keyed stands above both; holds stand above that.

use sortline_core::{
    Destination, DestinationSource, OperatorCommand, Permille, Reading, Resolution,
};
use sortline_read::Country;
use sortline_route::Level;
use sortline_route::compliance::{Declaration, Rules};

use crate::config::{Manifest, ManifestEntry};
use crate::routing::Routing;

/// All that is looked up for a parcel.
#[derive(Debug)]
pub struct Resolver {
    manifest: Manifest,
    rules: Option<Rules>,
    routing: Routing,
}

impl Resolver {
    /// A resolver of a site.
    pub const fn new(manifest: Manifest, rules: Option<Rules>, routing: Routing) -> Self {
        Self {
            manifest,
            rules,
            routing,
        }
    }

    /// Waits until routes are others than before.
    pub async fn changed(&mut self) {
        self.routing.changed().await;
    }

    /// What is known of a parcel with this reading.
    pub fn resolve(&self, reading: &Reading) -> Resolution {
        let keyed = reading.destination.as_ref();
        let keyed = keyed.filter(|to| to.source == DestinationSource::Keyed);
        let entry = match self.announced(reading) {
            Ok(entry) => entry,
            Err(_) if keyed.is_some() => None,
            Err(hold) => return hold,
        };
        let destination = match (keyed, entry, &reading.destination) {
            (Some(keyed), _, _) => keyed.clone(),
            (None, Some(entry), label) => match of_entry(entry, label.as_ref()) {
                Some(destination) => destination,
                None => return hold("destination_conflict"),
            },
            (None, None, Some(label)) => label.clone(),
            (None, None, None) => return Resolution::Unknown,
        };
        if let Some(hold) = self.held(entry, &destination) {
            return hold;
        }
        let level = entry
            .and_then(|entry| Level::parse(&entry.service))
            .unwrap_or_default();
        let (hop, why) = self.routing.first(&destination, level);
        Resolution::Sort {
            destination,
            hop,
            why,
            sequence: None,
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

    /// The gravest hold, with its evidence, the rule it rests on, and who may release.
    fn held(&self, entry: Option<&ManifestEntry>, to: &Destination) -> Option<Resolution> {
        let rules = self.rules.as_ref()?;
        let value = entry.and_then(|entry| self.routing.in_base(&entry.value, &entry.currency));
        let day = self.routing.day();
        let declaration = Declaration {
            country: &to.country,
            territory: &self.routing.territory(to),
            goods: entry.map_or("", |entry| entry.goods.reveal()),
            hs_code: entry.map_or("", |entry| &entry.hs_code),
            value,
            day: day.as_deref(),
        };
        let verdict = rules.check(&declaration);
        verdict
            .holds
            .into_iter()
            .next()
            .map(|hold| Resolution::Hold {
                why: format!(
                    "{}; rule: {} ({}); released by {}",
                    hold.evidence, hold.source, rules.version, hold.release
                ),
                reason: hold.reason,
            })
    }
}

/// Longest postcode that a person may key.
const POSTCODE_MAX: usize = 12;

/// A destination that a person keyed, in whatever case.
///
/// # Errors
/// What is wrong, in words.
pub fn keyed(country: &str, postcode: &str) -> Result<Destination, &'static str> {
    let country = country.trim().to_ascii_uppercase();
    if Country::from_alpha2(&country).is_none() {
        return Err("the country is no ISO 3166-1 code of two letters");
    }
    let postcode = postcode.trim().to_uppercase();
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == ' ' || c == '-';
    if postcode.len() > POSTCODE_MAX || !postcode.chars().all(allowed) {
        return Err("a postcode has up to 12 letters, digits, blanks and dashes");
    }
    Ok(Destination {
        country,
        postcode: (!postcode.is_empty()).then_some(postcode),
        source: DestinationSource::Keyed,
        confidence: Permille::ONE,
    })
}

/// A command as the line takes it: a destination keyed in it is checked, and is nothing else.
///
/// # Errors
/// What is wrong, in words.
pub fn checked(command: OperatorCommand) -> Result<OperatorCommand, &'static str> {
    let OperatorCommand::Key {
        parcel,
        destination: to,
    } = command
    else {
        return Ok(command);
    };
    let destination = keyed(&to.country, to.postcode.as_deref().unwrap_or_default())?;
    Ok(OperatorCommand::Key {
        parcel,
        destination,
    })
}

fn hold(reason: &str) -> Resolution {
    Resolution::Hold {
        reason: reason.to_owned(),
        why: String::new(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Files;
    use crate::network;
    use crate::routing::Routes;
    use sortline_core::Code;

    fn resolver() -> Resolver {
        let manifest = "code,country,postcode,city,service,weight_g,value,currency,goods,hs_code\n\
            A1,FR,93200,Saint-Denis,standard,448,11.79,EUR,ceramic mug,691200\n\
            A2,FR,34000,Montpellier,express,1392,57.7,EUR,curtain,630392\n\
            B1,US,90012,Los Angeles,standard,300,20,USD,knitted scarf,611710\n\
            B2,US,90012,Los Angeles,standard,300,20,USD,knitted scarf,\n\
            C1,FR,93200,Saint-Denis,standard,448,11.79,EUR,lithium cells,850650\n";
        let manifest = Manifest::parse("m.csv".as_ref(), manifest).unwrap();
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        let routes = Routes::load(&Files::Demo, "DE-FRA", now).unwrap();
        let rules = network::load_rules(&Files::Demo).unwrap();
        Resolver::new(manifest, rules, Routing::fixed(routes))
    }

    fn reading(codes: &[&str], country: Option<&str>) -> Reading {
        let code = |value: &&str| Code {
            kind: "s10".to_owned(),
            value: (*value).to_owned(),
        };
        let destination = country.map(|country| Destination {
            country: country.to_owned(),
            postcode: Some("93200".to_owned()),
            source: DestinationSource::Gs1421,
            confidence: Permille::ONE,
        });
        Reading {
            codes: codes.iter().map(code).collect(),
            destination,
            no_read: None,
        }
    }

    #[test]
    fn only_destinations_are_taken() {
        let found = keyed(" gb", "sw1a 1aa").unwrap();
        assert_eq!(
            (found.country.as_str(), found.postcode.as_deref()),
            ("GB", Some("SW1A 1AA"))
        );
        assert_eq!(keyed("DE", "").unwrap().postcode, None);
        for (country, postcode) in [
            ("XX", ""),
            ("", ""),
            ("DE", "<script>"),
            ("DE", "1234567890123"),
        ] {
            assert!(keyed(country, postcode).is_err(), "{country} {postcode}");
        }
    }

    #[test]
    fn what_a_person_keyed_stands_above_labels_and_below_holds() {
        let resolver = resolver();
        let keyed = |codes: &[&str], country: &str| {
            let mut reading = reading(codes, Some(country));
            if let Some(to) = &mut reading.destination {
                to.source = DestinationSource::Keyed;
            }
            resolver.resolve(&reading)
        };
        for codes in [&["A1"][..], &["A1", "A2"], &[]] {
            let found = keyed(codes, "IT");
            let Resolution::Sort {
                destination, hop, ..
            } = found
            else {
                panic!("{codes:?}: {found:?}");
            };
            assert_eq!(destination.country, "IT", "{codes:?}");
            assert!(
                hop.is_some(),
                "{codes:?}: a keyed parcel has a route as well"
            );
        }
        for (codes, country, reason) in [
            (&["C1"][..], "FR", "lithium_battery"),
            (&["B2"], "US", "hs_code_missing"),
        ] {
            let found = keyed(codes, country);
            let held = matches!(&found, Resolution::Hold { reason: why, .. } if why == reason);
            assert!(held, "{codes:?}: {found:?}");
        }
    }

    #[test]
    fn every_reading_has_its_resolution() {
        let resolver = resolver();
        let table = [
            (reading(&["A1"], None), "FR"),
            (reading(&["a 1"], Some("FR")), "FR"),
            (reading(&["A1", "X9"], None), "FR"),
            (reading(&[], Some("FR")), "FR"),
            (reading(&["A1", "A2"], None), "manifest_conflict"),
            (reading(&["A1"], Some("DE")), "destination_conflict"),
            (reading(&["B1"], None), "US"),
            (reading(&["B2"], None), "hs_code_missing"),
            (reading(&["C1"], None), "lithium_battery"),
            (reading(&["X9"], None), "unknown"),
            (reading(&[], None), "unknown"),
        ];
        for (reading, expected) in table {
            let found = match resolver.resolve(&reading) {
                Resolution::Sort {
                    destination, hop, ..
                } => {
                    assert!(hop.is_some(), "no hop for {reading:?}");
                    destination.country
                }
                Resolution::Hold { reason, why } => {
                    let rule = !reason.ends_with("conflict");
                    assert_eq!(why.contains("released by"), rule, "{reason}: {why}");
                    reason
                }
                Resolution::Unknown => "unknown".to_owned(),
            };
            assert_eq!(found, expected, "{reading:?}");
        }
    }
}
