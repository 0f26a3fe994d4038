//! The sort plan: destination to chute, with version and validity.

use serde::{Deserialize, Serialize};

use crate::topology::Topology;
use crate::{ChuteId, Destination};

/// A sort plan as data. Rules are tried in order; the first that matches decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SortPlan {
    /// Version, chosen by the planner; every decision names it.
    pub version: String,
    /// Where all parcels go, read or not; the rules are not asked then. One chute: fixed; several
    /// in turn: round-robin.
    #[serde(default)]
    pub everything: Option<Everything>,
    /// Rules, first match wins.
    #[serde(default, rename = "rule")]
    pub rules: Vec<Rule>,
    /// Where parcels go whose chutes are all full, disabled or jammed. Absent: recirculation.
    #[serde(default)]
    pub overflow: Option<ChuteId>,
    /// Where held parcels go (customs, compliance). Absent: the reject chute.
    #[serde(default)]
    pub hold: Option<ChuteId>,
}

/// Chutes for all parcels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Everything {
    /// Chutes in order of preference; with `spread` they are used in turn.
    pub chutes: Vec<ChuteId>,
    /// Use the chutes in turn instead of by preference.
    #[serde(default)]
    pub spread: bool,
}

/// One line of a sort plan. A key that is absent matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name shown in decisions; unique in the plan.
    pub name: String,
    /// First hop of the route: the id of the place the parcel travels to next.
    #[serde(default)]
    pub hop: Option<String>,
    /// ISO 3166-1 alpha-2 country of the destination.
    #[serde(default)]
    pub country: Option<String>,
    /// The destination's postcode starts with this.
    #[serde(default)]
    pub postcode_prefix: Option<String>,
    /// Chutes in order of preference; with `spread` they are used in turn.
    pub chutes: Vec<ChuteId>,
    /// Use the chutes in turn instead of by preference.
    #[serde(default)]
    pub spread: bool,
    /// Parcels enter in the order of the numbers that the host gives them, from 1: a parcel whose
    /// turn has not come takes another lap.
    #[serde(default)]
    pub sequence: bool,
}

/// What a rule is matched against.
#[derive(Clone, Copy, Debug)]
pub struct PlanMatch<'a> {
    /// Final destination.
    pub destination: &'a Destination,
    /// First hop of the route, where one was computed.
    pub hop: Option<&'a str>,
}

impl SortPlan {
    /// Checks the plan against the line.
    ///
    /// # Errors
    /// Every problem found, in the order of the file.
    pub fn verify(&self, topology: &Topology) -> Result<(), Vec<PlanError>> {
        let mut problems = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            let earlier = self.rules.iter().take(at);
            if earlier.clone().any(|other| other.name == rule.name) {
                problems.push(PlanError::DuplicateRule {
                    rule: rule.name.clone(),
                });
            }
            if rule.chutes.is_empty() {
                problems.push(PlanError::NoChute {
                    rule: rule.name.clone(),
                });
            }
            for chute in &rule.chutes {
                known(topology, &rule.name, *chute, &mut problems);
            }
            if let Some(cover) = earlier.clone().find(|other| other.covers(rule)) {
                problems.push(PlanError::Unreachable {
                    rule: rule.name.clone(),
                    earlier: cover.name.clone(),
                });
            }
        }
        if let Some(everything) = &self.everything {
            let place = String::from("everything");
            if everything.chutes.is_empty() {
                problems.push(PlanError::NoChute {
                    rule: place.clone(),
                });
            }
            for chute in &everything.chutes {
                known(topology, &place, *chute, &mut problems);
            }
        }
        for (place, chute) in [("overflow", self.overflow), ("hold", self.hold)] {
            if let Some(chute) = chute {
                known(topology, place, chute, &mut problems);
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    /// The first rule that matches.
    #[must_use]
    pub fn lookup(&self, parcel: &PlanMatch<'_>) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.matches(parcel))
    }
}

fn known(topology: &Topology, place: &str, chute: ChuteId, problems: &mut Vec<PlanError>) {
    if topology.chute(chute).is_none() {
        problems.push(PlanError::UnknownChute {
            place: place.to_owned(),
            chute,
        });
    }
}

impl Rule {
    /// True when every key that is present agrees. A parcel without a postcode matches no
    /// prefix but the empty one.
    #[must_use]
    pub fn matches(&self, parcel: &PlanMatch<'_>) -> bool {
        let hop = self
            .hop
            .as_deref()
            .is_none_or(|hop| parcel.hop == Some(hop));
        let country = self.country.as_deref();
        let postcode = parcel.destination.postcode.as_deref().unwrap_or_default();
        let prefix = self.postcode_prefix.as_deref().unwrap_or_default();
        hop && country.is_none_or(|country| country == parcel.destination.country)
            && postcode.starts_with(prefix)
    }

    /// True when every parcel that `later` matches is matched by this rule too.
    fn covers(&self, later: &Self) -> bool {
        let same = |mine: Option<&String>, its: Option<&String>| mine.is_none() || mine == its;
        let prefix = self.postcode_prefix.as_deref().unwrap_or_default();
        same(self.hop.as_ref(), later.hop.as_ref())
            && same(self.country.as_ref(), later.country.as_ref())
            && later
                .postcode_prefix
                .as_deref()
                .unwrap_or_default()
                .starts_with(prefix)
    }
}

/// Why a sort plan is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A rule, the overflow or the hold names a chute the line does not have.
    #[error("{place} names chute {chute}, which the line does not have")]
    UnknownChute {
        /// Rule name, `overflow` or `hold`.
        place: String,
        /// The number found.
        chute: ChuteId,
    },
    /// A rule has no chute.
    #[error("rule `{rule}` has no chute")]
    NoChute {
        /// Rule name.
        rule: String,
    },
    /// Two rules have one name.
    #[error("two rules are named `{rule}`")]
    DuplicateRule {
        /// Rule name.
        rule: String,
    },
    /// A rule can never be reached, because an earlier one matches all it matches.
    #[error("rule `{rule}` is never reached: `{earlier}` matches first")]
    Unreachable {
        /// Rule name.
        rule: String,
        /// The rule before it.
        earlier: String,
    },
}
