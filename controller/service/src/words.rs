//! Words for alarms, causes and reasons in every language: one file each, which the dashboard
//! uses too.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// Languages, English first.
pub const LANGUAGES: [&str; 6] = ["en", "zh", "de", "es", "ja", "ar"];

const FILES: [&str; 6] = [
    include_str!("words/en.json"),
    include_str!("words/zh.json"),
    include_str!("words/de.json"),
    include_str!("words/es.json"),
    include_str!("words/ja.json"),
    include_str!("words/ar.json"),
];

/// An alarm in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// What it is.
    pub text: String,
    /// What follows from it.
    pub consequence: String,
    /// What to do.
    pub remedy: String,
}

/// One language. Kinds, causes and reasons are named as in the API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Alarms by kind; `{name}` is the part of the line, `{fault}` the node's fault.
    pub alarm: BTreeMap<String, Alarm>,
    /// Faults of the field node.
    pub fault: BTreeMap<String, String>,
    /// Why parcels are rejected.
    pub cause: BTreeMap<String, String>,
    /// Why parcels are not read.
    pub no_read: BTreeMap<String, String>,
}

static ALL: LazyLock<Vec<Words>> = LazyLock::new(|| {
    // A test holds the files to the type; a bad one would show bare names instead of words.
    let parse = |text: &&str| serde_json::from_str(text).unwrap_or_default();
    FILES.iter().map(parse).collect()
});

/// The words of a language, or English.
pub fn words(language: &str) -> &'static Words {
    static NONE: Words = Words {
        alarm: BTreeMap::new(),
        fault: BTreeMap::new(),
        cause: BTreeMap::new(),
        no_read: BTreeMap::new(),
    };
    let index = LANGUAGES.iter().position(|known| *known == language);
    ALL.get(index.unwrap_or_default()).unwrap_or(&NONE)
}

/// The first language that we have of those a browser names (RFC 9110, section 12.5.4; the order
/// is taken, not the weights, because browsers write it by weight).
pub fn wanted(accept_language: &str) -> &'static str {
    let tags = accept_language.split(',').filter_map(|tag| {
        let short = tag.trim().split(['-', ';']).next()?.to_ascii_lowercase();
        LANGUAGES.into_iter().find(|known| *known == short)
    });
    tags.take(1).next().unwrap_or("en")
}

/// Fills `{name}` and `{fault}`.
pub fn fill(text: &str, name: &str, fault: &str) -> String {
    text.replace("{name}", name).replace("{fault}", fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_word_and_fills_the_same_holes() {
        let holes = |text: &str| (text.contains("{name}"), text.contains("{fault}"));
        let english: Words = serde_json::from_str(FILES[0]).unwrap();
        for (language, file) in LANGUAGES.iter().zip(FILES) {
            let other: Words = serde_json::from_str(file).unwrap();
            let keys = |words: &Words| {
                let groups = [&words.fault, &words.cause, &words.no_read];
                let names = groups.map(|group| group.keys().cloned().collect::<Vec<_>>());
                (words.alarm.keys().cloned().collect::<Vec<_>>(), names)
            };
            assert_eq!(keys(&other), keys(&english), "{language}");
            for (kind, alarm) in &other.alarm {
                assert_eq!(
                    holes(&alarm.text),
                    holes(&english.alarm[kind].text),
                    "{language} {kind}"
                );
                for text in [&alarm.text, &alarm.consequence, &alarm.remedy] {
                    assert!(!text.trim().is_empty(), "{language} {kind}");
                }
            }
        }
    }

    #[test]
    fn the_language_is_what_the_browser_asks_for() {
        for (asked, expected) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
            ("fr,de;q=0.7", "de"),
            ("fr", "en"),
            ("", "en"),
            ("AR", "ar"),
        ] {
            assert_eq!(wanted(asked), expected, "{asked}");
        }
    }
}
