//! What other conditions change for parcels: first hops and arrivals before and after.

use serde::Serialize;
use sortline_route::{Condition, Entry, Level, Network, Node, Table};

use crate::network::rfc3339;

/// Most changes that are kept and shown.
const CHANGES_MAX: usize = 500;

/// A zone whose route is another, or arrives at another time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HopChange {
    /// Zone.
    pub zone: String,
    /// Service level.
    pub level: &'static str,
    /// Before; absent: no route.
    pub before: Option<Way>,
    /// After.
    pub after: Option<Way>,
    /// What came or went, and how the new route was chosen.
    pub why: String,
}

/// A route as far as a sorter cares.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Way {
    /// First hop.
    pub hop: String,
    /// Arrival by timetable, RFC 3339.
    pub arrive: Option<String>,
    /// Probability of keeping the promise.
    pub on_time_probability: f64,
    /// Price, in the network's base currency.
    pub cost: String,
}

/// The differences between two tables of one network, the first [`CHANGES_MAX`] of them.
pub(super) fn between(
    (before, old): (&Network, Option<&Table>),
    (after, new): (&Network, Option<&Table>),
) -> Vec<HopChange> {
    let cause = cause(before.conditions(), after.conditions());
    let zones = after.nodes().filter(|(_, info)| info.kind.is_none());
    let mut all = Vec::new();
    for (zone, info) in zones {
        for level in Level::ALL {
            let entries = [old, new].map(|table| table.and_then(|table| table.entry(zone, level)));
            let [old, new] = entries;
            let key = |entry: Option<&Entry>| entry.map(|one| (one.hop.clone(), one.arrive));
            if key(old) == key(new) {
                continue;
            }
            let why = new.map_or("no route reaches it", |entry| entry.why.as_str());
            all.push(HopChange {
                zone: info.id.clone(),
                level: level.name(),
                before: old.map(|entry| way(before, zone, entry)),
                after: new.map(|entry| way(after, zone, entry)),
                why: format!("{cause}; {why}"),
            });
            if all.len() >= CHANGES_MAX {
                return all;
            }
        }
    }
    all
}

fn way(network: &Network, zone: Node, entry: &Entry) -> Way {
    Way {
        hop: entry.hop.clone(),
        arrive: rfc3339(network, zone, entry.arrive),
        on_time_probability: (entry.on_time_probability * 10_000.0).round() / 10_000.0,
        cost: entry.cost.to_string(),
    }
}

/// The conditions that came and went.
fn cause(before: &[Condition], after: &[Condition]) -> String {
    let only = |these: &[Condition], those: &[Condition], word: &str| {
        let new = these.iter().filter(|one| !those.contains(one));
        let new: Vec<String> = new.map(|one| format!("{} {word}", one.reason)).collect();
        new
    };
    let all = [only(after, before, "came"), only(before, after, "went")].concat();
    if all.is_empty() {
        "time passed".to_owned()
    } else {
        all.join(", ")
    }
}
