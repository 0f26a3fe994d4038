//! The sort plan: destination to chute, with version and validity.

use serde::{Deserialize, Serialize};

use crate::{ChuteId, Destination};

/// A sort plan as data. Rules are tried in order; the first that matches decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SortPlan {
    /// Version, chosen by the planner; every decision names it.
    pub version: String,
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
}

/// What a rule is matched against.
#[derive(Clone, Copy, Debug)]
pub struct PlanMatch<'a> {
    /// Final destination.
    pub destination: &'a Destination,
    /// First hop of the route, where one was computed.
    pub hop: Option<&'a str>,
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
