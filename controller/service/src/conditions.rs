//! Live conditions as people and other systems tell them: times are RFC 3339, the rest is
//! [`sortline_route::Condition`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sortline_route::{Change, Condition};

use crate::network;

/// `network/conditions.toml`, and what is told over HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Conditions, each with an id of its own.
    #[serde(default)]
    pub condition: Vec<Told>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Unique id.
    pub id: String,
    /// From this time on.
    pub from: Timestamp,
    /// Up to, but not including, this time.
    pub to: Timestamp,
    /// What happens.
    pub change: Change,
    /// Why, for people.
    pub reason: String,
}

impl Conditions {
    /// As the route crate counts time; a time beyond its years is named.
    ///
    /// # Errors
    /// The id and the time.
    pub fn counted(&self) -> Result<Vec<Condition>, String> {
        let all = self.condition.iter().map(|told| {
            let minute = |at: Timestamp| {
                let text = || format!("condition {}: found {at}, allowed: 1970 to 5000", told.id);
                network::minute(at).ok_or_else(text)
            };
            Ok(Condition {
                id: told.id.clone(),
                from: minute(told.from)?,
                to: minute(told.to)?,
                change: told.change.clone(),
                reason: told.reason.clone(),
            })
        });
        all.collect()
    }
}
