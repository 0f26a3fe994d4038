//! Customs and compliance: what must not travel yet.
//!
//! Rules are data (`compliance.toml`), each with its reason, its source and who may release a
//! parcel it holds. A check gives holds and flags; no result ever says that a parcel is cleared,
//! only that no rule holds it.

use serde::Deserialize;

use crate::micros::Micros;

/// `compliance.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Version, chosen by whoever answers for the rules; holds name it.
    pub version: String,
    /// Customs territory of the site; parcels within it need no declaration.
    pub territory: String,
    /// Who releases parcels whose declaration is incomplete.
    pub declaration_release: String,
    /// Words that hold a parcel.
    #[serde(default)]
    pub stop: Vec<Stop>,
    /// Countries nothing is sent to.
    #[serde(default)]
    pub embargo: Vec<Embargo>,
    /// Values above which something is due.
    #[serde(default)]
    pub threshold: Vec<Threshold>,
}

/// A list of words in goods descriptions that hold a parcel.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Reason code: lower-case letters and underscores.
    pub reason: String,
    /// Rule it rests on.
    pub source: String,
    /// Who may release.
    pub release: String,
    /// Words or phrases in any language, lower case. A phrase of letters matches whole words; a
    /// trailing `*` matches the rest of a word too. Scripts written without blanks match anywhere.
    pub words: Vec<String>,
}

/// A country nothing is sent to.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Embargo {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Rule it rests on.
    pub source: String,
    /// Who may release.
    pub release: String,
}

/// A declared value from which something is due at the destination, or a parcel is held.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Customs territory of the destination, or `*` for any.
    pub territory: String,
    /// In the network's base currency, as a decimal in quotes.
    pub above: String,
    /// Code of the reason or flag.
    pub reason: String,
    /// Whether a higher value holds the parcel; else it is only flagged.
    #[serde(default)]
    pub hold: bool,
    /// Rule it rests on.
    pub source: String,
    /// Who may release; empty for a flag.
    #[serde(default)]
    pub release: String,
}

/// What is known of a parcel's contents.
#[derive(Clone, Copy, Debug)]
pub struct Declaration<'a> {
    /// Destination, ISO 3166-1 alpha-2.
    pub country: &'a str,
    /// Customs territory of the destination.
    pub territory: &'a str,
    /// Description of the goods; empty when missing.
    pub goods: &'a str,
    /// Harmonized System code; empty when missing.
    pub hs_code: &'a str,
    /// Value in the network's base currency; `None` when missing or in an unknown currency.
    pub value: Option<Micros>,
}

/// Why a parcel is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Reason code.
    pub reason: String,
    /// What was found that the rule is about. A word of the rule, never the whole description.
    pub evidence: String,
    /// Rule it rests on.
    pub source: String,
    /// Who may release it.
    pub release: String,
}

/// Result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Reasons to hold, gravest first; empty: no rule holds it.
    pub holds: Vec<Hold>,
    /// Codes of what is due at the destination.
    pub flags: Vec<String>,
}

impl Rules {
    /// What is wrong with the rules themselves: key and message.
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for (index, stop) in self.stop.iter().enumerate() {
            if stop
                .words
                .iter()
                .any(|word| word.is_empty() || *word != word.to_lowercase())
            {
                let text = "a word is empty or has capitals; allowed is lower case".to_owned();
                all.push((format!("stop[{index}].words"), text));
            }
        }
        for (index, embargo) in self.embargo.iter().enumerate() {
            let country = &embargo.country;
            if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
                let text = format!("found `{country}`, allowed: 2 capital letters (ISO 3166-1)");
                all.push((format!("embargo[{index}].country"), text));
            }
        }
        for (index, threshold) in self.threshold.iter().enumerate() {
            if Micros::parse(&threshold.above).is_none() {
                let text = format!("found `{}`, allowed: a decimal from 0", threshold.above);
                all.push((format!("threshold[{index}].above"), text));
            }
        }
        all
    }

    /// Checks a parcel against every rule.
    #[must_use]
    pub fn check(&self, parcel: &Declaration<'_>) -> Verdict {
        let mut verdict = Verdict::default();
        let embargo = self
            .embargo
            .iter()
            .find(|embargo| embargo.country == parcel.country);
        verdict.holds.extend(embargo.map(|embargo| Hold {
            reason: "embargoed_destination".to_owned(),
            evidence: embargo.country.clone(),
            source: embargo.source.clone(),
            release: embargo.release.clone(),
        }));
        let goods = parcel.goods.to_lowercase();
        for stop in &self.stop {
            let word = stop.words.iter().find(|word| contains_word(&goods, word));
            verdict.holds.extend(word.map(|word| Hold {
                reason: stop.reason.clone(),
                evidence: word.clone(),
                source: stop.source.clone(),
                release: stop.release.clone(),
            }));
        }
        if parcel.territory != self.territory {
            self.declared(parcel, &mut verdict);
        }
        self.thresholds(parcel, &mut verdict);
        verdict
    }

    fn declared(&self, parcel: &Declaration<'_>, verdict: &mut Verdict) {
        const SOURCE: &str = "advance customs data of the destination";
        let mut hold = |reason: &str, evidence: String| {
            verdict.holds.push(Hold {
                reason: reason.to_owned(),
                evidence,
                source: SOURCE.to_owned(),
                release: self.declaration_release.clone(),
            });
        };
        if parcel.goods.trim().is_empty() {
            hold("goods_missing", "no description of the goods".to_owned());
        }
        if parcel.value.is_none_or(|value| value <= Micros::ZERO) {
            hold(
                "value_missing",
                "no value above 0 in a known currency".to_owned(),
            );
        }
        if parcel.hs_code.is_empty() {
            hold("hs_code_missing", "no HS code".to_owned());
        } else if !is_hs_code(parcel.hs_code) {
            let evidence = format!(
                "`{}` is not six digits of chapters 01 to 97",
                parcel.hs_code
            );
            hold("hs_code_malformed", evidence);
        }
    }

    fn thresholds(&self, parcel: &Declaration<'_>, verdict: &mut Verdict) {
        let Some(value) = parcel.value else { return };
        for threshold in &self.threshold {
            let here = threshold.territory == parcel.territory || threshold.territory == "*";
            let above = Micros::parse(&threshold.above).unwrap_or_default();
            if !here || value <= above {
                continue;
            }
            if threshold.hold {
                verdict.holds.push(Hold {
                    reason: threshold.reason.clone(),
                    evidence: format!("{value} is above {above}"),
                    source: threshold.source.clone(),
                    release: threshold.release.clone(),
                });
            } else {
                verdict.flags.push(threshold.reason.clone());
            }
        }
    }
}

/// Six digits; the first two name a chapter, 01 to 97 without 77, which is reserved.
fn is_hs_code(code: &str) -> bool {
    let chapter = code.get(..2).and_then(|chapter| chapter.parse::<u8>().ok());
    code.len() == 6
        && code.bytes().all(|byte| byte.is_ascii_digit())
        && chapter.is_some_and(|chapter| (1..=97).contains(&chapter) && chapter != 77)
}

/// Whether `text` holds `word`: whole words for scripts with blanks between words.
fn contains_word(text: &str, word: &str) -> bool {
    let (stem, open) = word
        .strip_suffix('*')
        .map_or((word, false), |stem| (stem, true));
    // From U+2E80 on: Chinese, Japanese and Korean signs.
    let whole = stem.chars().all(|letter| letter < '\u{2e80}');
    let joins = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    text.match_indices(stem).any(|(start, found)| {
        let before = text.get(..start).and_then(|head| head.chars().next_back());
        let after = text
            .get(start + found.len()..)
            .and_then(|tail| tail.chars().next());
        !whole || (!joins(before) && (open || !joins(after)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        let text = |text: &str| text.to_owned();
        Rules {
            version: text("t"),
            territory: text("EU"),
            declaration_release: text("customs desk"),
            stop: vec![Stop {
                reason: text("dangerous_goods"),
                source: text("s"),
                release: text("dangerous goods desk"),
                words: ["knife", "feuerwerk*", "充电宝"].map(text).to_vec(),
            }],
            embargo: vec![Embargo {
                country: text("KP"),
                source: text("s"),
                release: text("r"),
            }],
            threshold: vec![
                Threshold {
                    territory: text("GB"),
                    above: text("155"),
                    reason: text("duty_due"),
                    ..Threshold::default()
                },
                Threshold {
                    territory: text("*"),
                    above: text("1000"),
                    reason: text("high_value"),
                    hold: true,
                    ..Threshold::default()
                },
            ],
        }
    }

    fn check(country: &str, goods: &str, hs_code: &str, value: &str, expected: (&[&str], &[&str])) {
        let territory = if country == "DE" { "EU" } else { country };
        let value = Micros::parse(value);
        let parcel = Declaration {
            country,
            territory,
            goods,
            hs_code,
            value,
        };
        let verdict = rules().check(&parcel);
        let reasons: Vec<&str> = verdict
            .holds
            .iter()
            .map(|hold| hold.reason.as_str())
            .collect();
        assert_eq!(
            (&reasons[..], &verdict.flags[..]),
            (expected.0, &texts(expected.1)[..])
        );
    }

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn complete_parcels_are_not_held() {
        check("GB", "mug", "691200", "12.50", (&[], &[]));
        check("DE", "", "", "", (&[], &[]));
    }

    #[test]
    fn incomplete_declarations_are_held_outside_the_territory() {
        check(
            "GB",
            " ",
            "",
            "0",
            (&["goods_missing", "value_missing", "hs_code_missing"], &[]),
        );
        for bad in ["61091", "6109100", "ABCDEF", "006109", "770000", "98 100"] {
            check("GB", "mug", bad, "12", (&["hs_code_malformed"], &[]));
        }
    }

    #[test]
    fn stop_words_match_words_stems_and_signs() {
        check(
            "DE",
            "Kitchen Knife, steel",
            "",
            "",
            (&["dangerous_goods"], &[]),
        );
        check("DE", "penknifeless", "", "", (&[], &[]));
        check(
            "DE",
            "Feuerwerkskörper",
            "",
            "",
            (&["dangerous_goods"], &[]),
        );
        check("DE", "小米充电宝20000", "", "", (&["dangerous_goods"], &[]));
    }

    #[test]
    fn embargo_and_thresholds() {
        check(
            "KP",
            "mug",
            "691200",
            "5",
            (&["embargoed_destination"], &[]),
        );
        check("GB", "mug", "691200", "155", (&[], &[]));
        check("GB", "mug", "691200", "155.01", (&[], &["duty_due"]));
        check(
            "GB",
            "mug",
            "691200",
            "1200",
            (&["high_value"], &["duty_due"]),
        );
    }

    #[test]
    fn rules_are_checked_themselves() {
        let mut bad = rules();
        bad.stop[0].words.push("Knife".to_owned());
        bad.embargo[0].country = "kp".to_owned();
        bad.threshold[0].above = "-1".to_owned();
        let keys: Vec<String> = bad.problems().into_iter().map(|(key, _)| key).collect();
        assert_eq!(
            keys,
            ["stop[0].words", "embargo[0].country", "threshold[0].above"]
        );
        assert!(rules().problems().is_empty());
    }
}
