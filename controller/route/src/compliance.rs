//! Customs and compliance: what must not travel yet.
//!
//! Rules are data (`compliance.toml`), each with its reason, its source and who may release a
//! parcel it holds. A check gives holds and flags; no result ever says that a parcel is cleared,
//! only that no rule holds it.

use serde::Deserialize;

use crate::micros::Micros;
use crate::time::parse_day;

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
    /// Goods that need a license, by HS code.
    #[serde(default)]
    pub license: Vec<License>,
    /// What a declaration must hold, by destination; without one for a destination: description,
    /// value, and an HS code of six digits.
    #[serde(default)]
    pub requirement: Vec<Requirement>,
}

/// When a rule holds. Days are `YYYY-MM-DD`, both included; absent: no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// First day.
    #[serde(default)]
    pub from: Option<String>,
    /// Last day.
    #[serde(default)]
    pub until: Option<String>,
}

impl Validity {
    /// Whether it holds on a day; on an unknown day every rule does: in doubt a parcel is held.
    fn holds(&self, day: Option<&str>) -> bool {
        let Some(day) = day else { return true };
        self.from.as_deref().is_none_or(|from| from <= day)
            && self.until.as_deref().is_none_or(|until| day <= until)
    }

    fn problem(&self) -> Option<String> {
        let days = [&self.from, &self.until];
        let bad = days
            .into_iter()
            .flatten()
            .find(|day| parse_day(day).is_none());
        if let Some(day) = bad {
            return Some(format!("found `{day}`, allowed: a day YYYY-MM-DD"));
        }
        let (from, until) = (self.from.as_ref()?, self.until.as_ref()?);
        (until < from).then(|| format!("found {from} to {until}, allowed: from before until"))
    }
}

/// What the declaration of a parcel to a territory must hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Customs territory of the destination, or `*` for any other.
    pub territory: String,
    /// Whether a description of the goods is needed.
    pub goods: bool,
    /// Whether a value is needed.
    pub value: bool,
    /// Least digits of the HS code, 0 (none needed) to 10.
    pub hs_digits: usize,
    /// Rule it rests on.
    pub source: String,
    /// When it holds.
    #[serde(default)]
    pub valid: Validity,
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
    /// When it holds.
    #[serde(default)]
    pub valid: Validity,
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
    /// When it holds.
    #[serde(default)]
    pub valid: Validity,
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
    /// When it holds.
    #[serde(default)]
    pub valid: Validity,
}

/// Goods that need a license at the destination, or to leave the site's territory.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct License {
    /// Customs territory of the destination, or `*` for any but the site's.
    pub territory: String,
    /// Two to ten digits each, with which the HS code of the goods begins.
    pub hs: Vec<String>,
    /// Code of the reason or flag.
    pub reason: String,
    /// Whether such goods hold the parcel; else it is only flagged.
    #[serde(default)]
    pub hold: bool,
    /// Rule it rests on.
    pub source: String,
    /// Who may release; empty for a flag.
    #[serde(default)]
    pub release: String,
    /// When it holds.
    #[serde(default)]
    pub valid: Validity,
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
    /// Day, `YYYY-MM-DD`; `None` when unknown: then every rule holds.
    pub day: Option<&'a str>,
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
        let rules = self.stop.iter().map(|rule| ("stop", &rule.valid));
        let rules = rules.chain(self.embargo.iter().map(|rule| ("embargo", &rule.valid)));
        let rules = rules.chain(self.threshold.iter().map(|rule| ("threshold", &rule.valid)));
        let rules = rules.chain(self.license.iter().map(|rule| ("license", &rule.valid)));
        let rules = rules.chain(
            self.requirement
                .iter()
                .map(|rule| ("requirement", &rule.valid)),
        );
        for (list, valid) in rules {
            all.extend(valid.problem().map(|text| (format!("{list}.valid"), text)));
        }
        for (index, rule) in self.license.iter().enumerate() {
            let fits = |code: &&String| {
                let digits = code.bytes().all(|byte| byte.is_ascii_digit());
                !digits || !(2..=10).contains(&code.len())
            };
            if let Some(code) = rule.hs.iter().find(fits) {
                let text = format!("found `{code}`, allowed: 2 to 10 digits");
                all.push((format!("license[{index}].hs"), text));
            }
        }
        for (index, rule) in self.requirement.iter().enumerate() {
            if rule.hs_digits > 10 {
                let text = format!("found {}, allowed: 0 to 10", rule.hs_digits);
                all.push((format!("requirement[{index}].hs_digits"), text));
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
            .find(|rule| rule.country == parcel.country && rule.valid.holds(parcel.day));
        verdict.holds.extend(embargo.map(|embargo| Hold {
            reason: "embargoed_destination".to_owned(),
            evidence: embargo.country.clone(),
            source: embargo.source.clone(),
            release: embargo.release.clone(),
        }));
        let goods = parcel.goods.to_lowercase();
        for stop in self.stop.iter().filter(|rule| rule.valid.holds(parcel.day)) {
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
            self.licenses(parcel, &mut verdict);
        }
        self.thresholds(parcel, &mut verdict);
        verdict
    }

    /// The requirement for a destination: its own, else the one for any other.
    fn required(&self, parcel: &Declaration<'_>) -> Option<&Requirement> {
        let valid = || {
            self.requirement
                .iter()
                .filter(|rule| rule.valid.holds(parcel.day))
        };
        let own = valid().find(|rule| rule.territory == parcel.territory);
        own.or_else(|| valid().find(|rule| rule.territory == "*"))
    }

    fn declared(&self, parcel: &Declaration<'_>, verdict: &mut Verdict) {
        const SOURCE: &str = "advance customs data of the destination";
        let rule = self.required(parcel);
        let source = rule.map_or(SOURCE, |rule| rule.source.as_str());
        let (goods, value) = rule.map_or((true, true), |rule| (rule.goods, rule.value));
        let digits = rule.map_or(6, |rule| rule.hs_digits);
        let mut hold = |reason: &str, evidence: String| {
            verdict.holds.push(Hold {
                reason: reason.to_owned(),
                evidence,
                source: source.to_owned(),
                release: self.declaration_release.clone(),
            });
        };
        if goods && parcel.goods.trim().is_empty() {
            hold("goods_missing", "no description of the goods".to_owned());
        }
        if value && parcel.value.is_none_or(|value| value <= Micros::ZERO) {
            let evidence = "no value above 0 in a known currency";
            hold("value_missing", evidence.to_owned());
        }
        if digits > 0 && parcel.hs_code.is_empty() {
            hold("hs_code_missing", "no HS code".to_owned());
        } else if digits > 0 && !is_hs_code(parcel.hs_code, digits) {
            let code = parcel.hs_code;
            let needed = match digits {
                6 => "six digits".to_owned(),
                other => format!("{other} digits"),
            };
            hold(
                "hs_code_malformed",
                format!("`{code}` is not {needed} of chapters 01 to 97"),
            );
        }
    }

    fn licenses(&self, parcel: &Declaration<'_>, verdict: &mut Verdict) {
        for rule in self
            .license
            .iter()
            .filter(|rule| rule.valid.holds(parcel.day))
        {
            let here = rule.territory == parcel.territory || rule.territory == "*";
            let begins = |code: &&String| parcel.hs_code.starts_with(code.as_str());
            let Some(code) = rule.hs.iter().find(begins).filter(|_| here) else {
                continue;
            };
            if rule.hold {
                verdict.holds.push(Hold {
                    reason: rule.reason.clone(),
                    evidence: format!("HS code of {code}"),
                    source: rule.source.clone(),
                    release: rule.release.clone(),
                });
            } else {
                verdict.flags.push(rule.reason.clone());
            }
        }
    }

    fn thresholds(&self, parcel: &Declaration<'_>, verdict: &mut Verdict) {
        let Some(value) = parcel.value else { return };
        for threshold in &self.threshold {
            let here = threshold.territory == parcel.territory || threshold.territory == "*";
            let above = Micros::parse(&threshold.above).unwrap_or_default();
            if !here || value <= above || !threshold.valid.holds(parcel.day) {
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

/// So many digits (exactly six, when six are needed; else up to ten); the first two name a
/// chapter, 01 to 97 without 77, which is reserved.
fn is_hs_code(code: &str, digits: usize) -> bool {
    let chapter = code.get(..2).and_then(|chapter| chapter.parse::<u8>().ok());
    let fits = if digits == 6 {
        code.len() == 6
    } else {
        (digits..=10).contains(&code.len())
    };
    fits && code.bytes().all(|byte| byte.is_ascii_digit())
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
                valid: Validity::default(),
            }],
            embargo: vec![Embargo {
                country: text("KP"),
                source: text("s"),
                release: text("r"),
                valid: Validity::default(),
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
            license: vec![
                License {
                    territory: text("*"),
                    hs: ["9303", "8525"].map(text).to_vec(),
                    reason: text("export_license"),
                    hold: true,
                    ..License::default()
                },
                License {
                    territory: text("GB"),
                    hs: vec![text("30")],
                    reason: text("medicine_license"),
                    ..License::default()
                },
            ],
            requirement: Vec::new(),
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
            day: None,
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
    fn licenses_go_by_hs_code_and_territory() {
        check(
            "GB",
            "rifle scope mug",
            "930310",
            "5",
            (&["export_license"], &[]),
        );
        check("DE", "rifle scope mug", "930310", "5", (&[], &[]));
        check("GB", "pills", "300490", "5", (&[], &["medicine_license"]));
        check("US", "pills", "300490", "5", (&[], &[]));
        let mut bad = rules();
        bad.license[1].hs.push("3O".to_owned());
        assert_eq!(bad.problems()[0].0, "license[1].hs");
    }

    #[test]
    fn stop_words_are_found_in_many_languages_and_scripts() {
        let mut rules = rules();
        let words = [
            "lithium",
            "akku*",
            "batería de litio",
            "литиев*",
            "بطارية ليثيوم",
            "สไม่",
            "pin lithium",
            "リチウム電池",
            "锂电池",
            "배터리",
            "μπαταρία λιθίου",
            "סוללת ליתיום",
        ];
        rules.stop[0].words = words.map(str::to_owned).to_vec();
        let held = |goods: &str| {
            let parcel = Declaration {
                country: "DE",
                territory: "EU",
                goods,
                hs_code: "",
                value: None,
                day: None,
            };
            !rules.check(&parcel).holds.is_empty()
        };
        for (goods, expected) in [
            ("Ersatz-AKKUPACK 20 V", true),
            ("Batería de LITIO, 2 uds.", true),
            ("Литиевый аккумулятор", true),
            ("بطارية ليثيوم للهاتف", true),
            ("携帯用リチウム電池パック", true),
            ("手机锂电池3000毫安", true),
            ("휴대용배터리팩", true),
            ("ΜΠΑΤΑΡΊΑ ΛΙΘΊΟΥ 3V", true),
            ("סוללת ליתיום", true),
            ("lithiumfrei", false),
            ("Takku", false),
            ("皮革手机壳", false),
        ] {
            assert_eq!(held(goods), expected, "{goods}");
        }
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

    #[test]
    fn rules_hold_from_their_first_to_their_last_day() {
        let mut rules = rules();
        rules.embargo[0].valid = Validity {
            from: Some("2026-03-01".to_owned()),
            until: Some("2026-12-31".to_owned()),
        };
        let held = |rules: &Rules, day: Option<&str>| {
            let parcel = Declaration {
                country: "KP",
                territory: "KP",
                goods: "mug",
                hs_code: "691200",
                value: Micros::parse("5"),
                day,
            };
            !rules.check(&parcel).holds.is_empty()
        };
        for (day, expected) in [
            (Some("2026-02-28"), false),
            (Some("2026-03-01"), true),
            (Some("2026-12-31"), true),
            (Some("2027-01-01"), false),
            (None, true),
        ] {
            assert_eq!(held(&rules, day), expected, "{day:?}");
        }
        for bad in ["2026-3-1", "2026-13-01", "today", "2026-01-00"] {
            rules.embargo[0].valid.from = Some(bad.to_owned());
            assert_eq!(rules.problems().len(), 1, "{bad}");
        }
        rules.embargo[0].valid.from = Some("2027-01-01".to_owned());
        assert!(
            rules.problems()[0].1.contains("before"),
            "{:?}",
            rules.problems()
        );
    }

    #[test]
    fn destinations_have_requirements_of_their_own() {
        let mut rules = rules();
        let rule = |territory: &str, hs_digits| Requirement {
            territory: territory.to_owned(),
            goods: true,
            value: false,
            hs_digits,
            source: format!("rule of {territory}"),
            valid: Validity::default(),
        };
        rules.requirement = vec![rule("*", 0), rule("US", 10)];
        let holds = |territory: &str, hs_code: &str| {
            let parcel = Declaration {
                country: territory,
                territory,
                goods: "mug",
                hs_code,
                value: None,
                day: None,
            };
            rules.check(&parcel).holds
        };
        assert_eq!(holds("GB", ""), []);
        assert_eq!(holds("US", "6912001000"), []);
        let held = holds("US", "691200");
        assert_eq!(
            (held[0].reason.as_str(), held[0].source.as_str()),
            ("hs_code_malformed", "rule of US")
        );
    }
}
