//! Numbers of bags.

use serde::{Deserialize, Serialize};

/// Digits that every SSCC has before its serial number and check digit, least and most: below, the
/// company prefix is missing; above, numbers come round too soon.
const PREFIX_DIGITS: std::ops::RangeInclusive<usize> = 5..=11;

/// Bags of the sort chutes. Takes effect at the next start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct BagsConfig {
    /// What the SSCC of every bag begins with, 5 to 11 digits: one extension digit, the site's GS1
    /// company prefix, and where several lines share it the digits that tell them apart. Default
    /// empty: bags have no SSCC.
    pub sscc_prefix: String,
}

/// Checks the bags of a site.
pub(super) fn check(bags: &BagsConfig, refuse: &mut impl FnMut(&str, String)) {
    let prefix = &bags.sscc_prefix;
    let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
    let fits = digits && PREFIX_DIGITS.contains(&prefix.len());
    if !prefix.is_empty() && !fits {
        let (least, most) = (PREFIX_DIGITS.start(), PREFIX_DIGITS.end());
        let text = format!("found `{prefix}`, allowed are {least} to {most} digits");
        refuse("bags.sscc_prefix", text);
    }
}
