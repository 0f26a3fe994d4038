//! GS1 element strings: application identifiers with their data, and Digital Link addresses.
//!
//! Sources: GS1 General Specifications, sections 3 (identifiers), 4.13 (data relationships), 7.8
//! (processing of element strings) and 7.9 (check digits); GS1 Digital Link URI syntax 1.6. Rules
//! between identifiers are apart, in [`faults`], since they hold for all symbols of an item together,
//! and a label that breaks them still says where its parcel must go.

mod form;
mod link;
mod rules;
mod table;
mod together;

pub(crate) use link::decoded;
pub use link::digital_link;
pub use together::faults;

use std::fmt;

use crate::private::Redacted;

/// Separator after data of variable length: FNC1 as decoders hand it over.
pub const SEPARATOR: char = '\u{1d}';

/// Most elements taken from one symbol; the longest symbols hold fewer than 100.
const ELEMENTS_MAX: usize = 200;

/// One application identifier with its data.
#[derive(Clone, PartialEq, Eq)]
pub struct Element {
    /// Application identifier, two to four digits.
    pub ai: String,
    /// Its data, in the form that the identifier asks for.
    pub value: String,
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The data of 4300 to 4319 are names and addresses.
        f.debug_struct("Element")
            .field("ai", &self.ai)
            .field("value", &Redacted)
            .finish()
    }
}

/// Why a text is no GS1 element string.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Gs1Error {
    /// There is nothing in it.
    #[error("no element string")]
    Empty,
    /// No known identifier begins there.
    #[error("unknown application identifier at character {at}")]
    UnknownIdentifier {
        /// Characters before it.
        at: usize,
    },
    /// Data of the wrong length or with characters that are not allowed.
    #[error("data of ({ai}) does not have the form {form}")]
    Form {
        /// Application identifier.
        ai: String,
        /// What is expected.
        form: &'static str,
    },
    /// A check digit, date, country or flag that does not hold.
    #[error("data of ({ai}) breaks rule `{rule}`")]
    Rule {
        /// Application identifier.
        ai: String,
        /// Name of the rule, as in the table of identifiers.
        rule: &'static str,
    },
    /// An identifier lacks what it needs beside it.
    #[error("({ai}) needs one of {needs} beside it")]
    Requires {
        /// Application identifier.
        ai: String,
        /// Alternatives; `+` joins identifiers that are needed together, `n` is any digit.
        needs: &'static str,
    },
    /// Two identifiers that must not stand on one item.
    #[error("({ai}) and ({other}) exclude each other")]
    Excludes {
        /// Application identifier.
        ai: String,
        /// The other one.
        other: String,
    },
    /// An identifier with two different data on one item.
    #[error("({ai}) stands there twice with different data")]
    Repeated {
        /// Application identifier.
        ai: String,
    },
    /// An identifier where a Digital Link must not have it.
    #[error("({ai}) must not stand at that place of a Digital Link")]
    Place {
        /// Application identifier.
        ai: String,
    },
    /// More elements than any symbol can hold.
    #[error("more than {ELEMENTS_MAX} elements")]
    TooMany,
}

/// Takes an element string apart.
///
/// Separators in front and between elements are skipped. Data of a fixed length that is not
/// predefined may lack its separator, since some label printers leave it out and nothing is ambiguous.
///
/// # Errors
/// The first thing that does not fit; see [`Gs1Error`].
pub fn parse(text: &str) -> Result<Vec<Element>, Gs1Error> {
    let mut rest = text.trim_start_matches(SEPARATOR);
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let (row, ai) = identifier(rest).ok_or(Gs1Error::UnknownIdentifier { at })?;
        let data = rest.get(ai.len()..).unwrap_or("");
        let short = || Gs1Error::Form {
            ai: ai.to_owned(),
            form: row.2,
        };
        let value = data.get(..form::extent(row.2, data)).ok_or_else(short)?;
        form::validate(ai, row.2, value)?;
        rest = data.get(value.len()..).unwrap_or("");
        rest = rest.trim_start_matches(SEPARATOR);
        elements.push(Element {
            ai: ai.to_owned(),
            value: value.to_owned(),
        });
        if elements.len() > ELEMENTS_MAX {
            return Err(Gs1Error::TooMany);
        }
    }
    if elements.is_empty() {
        Err(Gs1Error::Empty)
    } else {
        Ok(elements)
    }
}

/// Takes apart the form printed for people, `(00)395011010000000019(420)10115`.
///
/// # Errors
/// As [`parse`].
pub fn parse_printed(text: &str) -> Result<Vec<Element>, Gs1Error> {
    let mut elements = Vec::new();
    let inner = text
        .trim()
        .strip_prefix('(')
        .ok_or(Gs1Error::UnknownIdentifier { at: 0 })?;
    for part in inner.split('(').take(ELEMENTS_MAX) {
        let (ai, value) = part
            .split_once(')')
            .ok_or(Gs1Error::UnknownIdentifier { at: 0 })?;
        let known = identifier(ai).filter(|(_, found)| *found == ai);
        let (row, _) = known.ok_or(Gs1Error::UnknownIdentifier { at: 0 })?;
        let value = value.trim();
        // Blanks are printed between groups of digits for the reader.
        let value = if row.2.contains('X') {
            value.to_owned()
        } else {
            value.replace(' ', "")
        };
        form::validate(ai, row.2, &value)?;
        elements.push(Element {
            ai: ai.to_owned(),
            value,
        });
    }
    Ok(elements)
}

/// Puts elements together, with a separator after each whose length is not predefined, except the
/// last. The opposite of [`parse`].
pub fn format(elements: &[Element]) -> String {
    let mut out = String::new();
    for (i, element) in elements.iter().enumerate() {
        out.push_str(&element.ai);
        out.push_str(&element.value);
        let predefined = identifier(&element.ai).is_some_and(|(row, _)| row.3);
        if !predefined && i + 1 < elements.len() {
            out.push(SEPARATOR);
        }
    }
    out
}

/// Data of the first element with this identifier.
pub fn value<'a>(elements: &'a [Element], ai: &str) -> Option<&'a str> {
    elements
        .iter()
        .find(|element| element.ai == ai)
        .map(|element| element.value.as_str())
}

/// First and last identifier of each range, form of the data, and whether its length is predefined,
/// in the order of the identifiers. The form's grammar: `N` digits, `X` and `Y` characters of sets 82
/// and 39, `Z` of base64url, then a length or a greatest length; brackets for what may be left out;
/// names of rules after commas.
pub fn identifiers() -> impl Iterator<Item = (&'static str, &'static str, &'static str, bool)> {
    table::ROWS.iter().copied()
}

/// The row of the identifier with which `text` begins, and the identifier. No identifier is the
/// beginning of another, so the row that sorts last before the text is the only one that can fit.
fn identifier(text: &str) -> Option<(&'static table::Row, &str)> {
    let after = table::ROWS.partition_point(|row| row.0 <= text);
    let row = table::ROWS.get(after.checked_sub(1)?)?;
    let ai = text.get(..row.0.len())?;
    let digits = ai.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (row.0..=row.1).contains(&ai)).then_some((row, ai))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Result<String, Gs1Error> {
        let elements = parse(text)?;
        let shown = elements.iter().map(|e| format!("({}){}", e.ai, e.value));
        Ok(shown.collect::<String>())
    }

    #[test]
    fn element_strings() {
        for (text, expected) in [
            ("00395011010000000019", "(00)395011010000000019"),
            ("\u{1d}00395011010000000019", "(00)395011010000000019"),
            (
                "0039501101000000001942127664293",
                "(00)395011010000000019(421)27664293",
            ),
            (
                "42010115\u{1d}00395011010000000019",
                "(420)10115(00)395011010000000019",
            ),
            (
                "403DE10115\u{1d}00395011010000000019",
                "(403)DE10115(00)395011010000000019",
            ),
            ("4307DE\u{1d}42010115", "(4307)DE(420)10115"),
            (
                "010890381998765921S1ND6MPPFCGG6B869XES\u{1d}1731063010BNav4Cam2",
                "(01)08903819987659(21)S1ND6MPPFCGG6B869XES(17)310630(10)BNav4Cam2",
            ),
            ("3103001500", "(3103)001500"),
            ("253401200000000912345", "(253)401200000000912345"),
            ("43240112310930", "(4324)0112310930"),
            ("4330001234-\u{1d}10A", "(4330)001234-(10)A"),
        ] {
            assert_eq!(listed(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let form = |ai: &str, form| {
            Err(Gs1Error::Form {
                ai: ai.to_owned(),
                form,
            })
        };
        let rule = |ai: &str, rule: &'static str| {
            Err(Gs1Error::Rule {
                ai: ai.to_owned(),
                rule,
            })
        };
        assert_eq!(parse(""), Err(Gs1Error::Empty));
        assert_eq!(parse("\u{1d}"), Err(Gs1Error::Empty));
        assert_eq!(parse("hello"), Err(Gs1Error::UnknownIdentifier { at: 0 }));
        assert_eq!(parse("0039501101000000001"), form("00", "N18,check"));
        assert_eq!(parse("00395011010000000018"), rule("00", "check"));
        assert_eq!(parse("17311330"), rule("17", "date0"));
        assert_eq!(parse("421999123"), rule("421", "country"));
        assert_eq!(parse("4307XX"), rule("4307", "alpha2"));
        assert_eq!(parse("43217"), rule("4321", "yesno"));
        assert_eq!(parse("420123456789012345678901"), form("420", "X..20"));
        assert_eq!(parse("10a b"), form("10", "X..20"));
        assert_eq!(parse("10"), form("10", "X..20"));
        assert_eq!(parse("00é9501101000000001"), form("00", "N18,check"));
    }

    #[test]
    fn where_another_parser_says_otherwise() {
        // Found by comparing 120,000 generated strings with biip 5.2.0; what holds by the General
        // Specifications, with the section.
        for (text, holds) in [
            // 3.8.8: a harvest date may be a range of two dates.
            ("7007240110240112", true),
            // 3.9.8: a digital signature may end in padding.
            ("8030AbCd==", true),
            ("8030Ab=Cd", false),
            // 3.9.10: a component has a company prefix and a reference.
            ("80107352", false),
            ("801073521", true),
            // 7.9: check digits of keys that are neither GTIN, GLN nor SSCC.
            ("4029521321094511113", false),
            ("2534012000000001", false),
            ("8017952132109876543217", false),
            // 7.8: data of variable length ends at its greatest length or a separator.
            ("30123456789", false),
            ("3012345678", true),
            // 3.9.7: the check digits of an IBAN.
            ("8007DE88370400440532013000", false),
            // 3.9.11: the serial of a component has no zeros in front.
            ("8011012", false),
        ] {
            assert_eq!(parse(text).is_ok(), holds, "{text}");
        }
    }

    #[test]
    fn no_identifier_begins_another() {
        for row in table::ROWS {
            for other in table::ROWS {
                let inside = other.0.len() < row.0.len()
                    && row
                        .0
                        .get(..other.0.len())
                        .is_some_and(|ai| (other.0..=other.1).contains(&ai));
                assert!(!inside, "{} in {}", other.0, row.0);
            }
        }
    }

    #[test]
    fn printed_form() {
        let elements = parse_printed("(00) 3 9501101 000000001 9 (420) 10115").unwrap();
        assert_eq!(value(&elements, "00"), Some("395011010000000019"));
        assert_eq!(value(&elements, "420"), Some("10115"));
        assert!(parse_printed("(00)12").is_err());
        assert!(parse_printed("(").is_err());
    }
}
