//! Licence plates of transport units and the envelopes that hold them.
//!
//! Sources: ISO/IEC 15459-1 and -3 (unique identifiers of transport units), ANSI MH10.8.2 (data
//! identifiers), ISO/IEC 15434 (envelopes of high-capacity symbols); for format 01 in MaxiCode, the
//! structured carrier message as UPS describes it in its Guide to Labeling.

use std::fmt;

use crate::country::Country;
use crate::gs1::{self, Element};
use crate::private::Redacted;
use crate::{check, postcode};

/// Separators of ISO/IEC 15434.
const RECORD: char = '\u{1e}';
const GROUP: char = '\u{1d}';
const END: char = '\u{4}';

/// Most records and fields looked at.
const PARTS_MAX: usize = 100;

/// The data of one record of an envelope.
#[derive(Clone, PartialEq, Eq)]
pub enum Record {
    /// Format 01, transportation.
    Transport(Transport),
    /// Format 05, GS1 application identifiers.
    Gs1(Vec<Element>),
    /// Format 06, data identifiers of MH10.8.2 with their data.
    Identified(Vec<(String, String)>),
}

/// Format 01: the structured carrier message.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Transport {
    /// Destination country, where the code is one.
    pub country: Option<Country>,
    /// Destination postcode in the country's own form.
    pub postcode: Option<String>,
    /// The parcel's number, put together where the carrier abbreviates it.
    pub tracking: Option<String>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(transport) => transport.fmt(f),
            Self::Gs1(elements) => f.debug_tuple("Gs1").field(elements).finish(),
            Self::Identified(fields) => {
                let names: Vec<&str> = fields.iter().map(|field| field.0.as_str()).collect();
                f.debug_tuple("Identified")
                    .field(&names)
                    .field(&Redacted)
                    .finish()
            }
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("country", &self.country)
            .field("postcode", &Redacted)
            .field("tracking", &Redacted)
            .finish()
    }
}

/// Issuing agencies of ISO/IEC 15459 by the beginning of the number, longer ones first. Source: the
/// register of issuing agency codes that AIM keeps for ISO/IEC 15459; those met on transport units.
const AGENCIES: &[(&str, &str)] = &[
    ("VTD", "Teikoku Databank"),
    ("LA", "JIPDEC"),
    ("LB", "ATIS"),
    ("LD", "US Department of Defense"),
    ("LE", "EDIFICE"),
    ("LH", "EHIBCC"),
    ("OD", "Odette"),
    ("RH", "HIBCC"),
    ("SI", "Siemens"),
    ("UN", "Dun & Bradstreet"),
    ("D", "NATO AC/135"),
    ("J", "Universal Postal Union"),
];

/// The agency that a licence plate's number was issued under, where it is a known one.
pub fn agency(plate: &str) -> Option<&'static str> {
    let (_, number) = identified(plate).filter(|_| is_plate(plate))?;
    let row = AGENCIES.iter().find(|row| number.starts_with(row.0))?;
    Some(row.1)
}

/// The structured carrier message as decoders hand it over from `MaxiCode` without its envelope:
/// postcode, numeric country and class of service, then the fields of the secondary message.
/// ISO/IEC 16023, modes 2 and 3.
pub fn carrier_message(text: &str) -> Option<Transport> {
    let mut fields = text.split(GROUP).take(PARTS_MAX);
    let (code, country, class) = (fields.next()?, fields.next()?, fields.next()?);
    let three = |field: &str| field.len() == 3 && field.bytes().all(|b| b.is_ascii_digit());
    // The secondary message may bring its own envelope header: year of the standard in the first.
    let rest = text.get(code.len() + country.len() + class.len() + 3..);
    let rest = rest
        .unwrap_or("")
        .trim_start_matches("[)>")
        .trim_start_matches(RECORD);
    let rest = rest
        .strip_prefix("01\u{1d}")
        .map_or(rest, |rest| rest.get(2..).unwrap_or(""));
    let known = (3..=9).contains(&code.trim().len()) && three(country) && three(class);
    known.then(|| transport(&format!("96{code}\u{1d}{country}\u{1d}{class}\u{1d}{rest}")))
}

/// Country and postcode of a carrier's sort code: data identifier 2L, two letters of country, postcode,
/// then `+` and the carrier's product, as DHL Express and other postal operators print it.
pub fn sort_code(text: &str) -> Option<(Country, String)> {
    let text = text.trim();
    let rest = text
        .strip_prefix("(2L)")
        .or_else(|| text.strip_prefix("2L"))?;
    let (place, product) = rest.split_once('+')?;
    let (country, code) = place.split_at_checked(2)?;
    let country = Country::from_alpha2(country)?;
    let digits = !product.is_empty() && product.bytes().all(|byte| byte.is_ascii_digit());
    let code = postcode::normal(country, code.trim_start_matches(':'))?;
    digits.then_some((country, code))
}

/// Takes an envelope apart, `None` when the text is none. Records of other formats are left out.
pub fn envelope(text: &str) -> Option<Vec<Record>> {
    let inner = text
        .strip_prefix("[)>")?
        .trim_start_matches(RECORD)
        .trim_end_matches(END);
    let inner = inner.trim_end_matches(RECORD);
    let records = inner.split(RECORD).take(PARTS_MAX).filter_map(|record| {
        let (format, data) = record.split_at_checked(2)?;
        match format {
            "01" => Some(Record::Transport(transport(data.trim_start_matches(GROUP)))),
            "05" => gs1::parse(data).ok().map(Record::Gs1),
            "06" => {
                let fields = data.split(GROUP).take(PARTS_MAX).filter_map(identified);
                Some(Record::Identified(fields.collect()))
            }
            _ => None,
        }
    });
    Some(records.collect())
}

/// Data identifier (up to three digits and a letter) and data of one field.
pub fn identified(field: &str) -> Option<(String, String)> {
    let digits = field.bytes().take_while(u8::is_ascii_digit).count();
    let (identifier, data) = field.split_at_checked(digits + 1)?;
    let letter = identifier.bytes().last()?.is_ascii_uppercase();
    (digits <= 3 && letter && !data.is_empty()).then(|| (identifier.to_owned(), data.to_owned()))
}

/// Whether `text` is a licence plate: data identifier J or 1J to 6J, an issuing agency's code, and
/// 10 to 35 characters in all. There is no check digit.
pub fn is_plate(text: &str) -> bool {
    let Some((identifier, data)) = identified(text) else {
        return false;
    };
    let plate = matches!(
        identifier.as_str(),
        "J" | "1J" | "2J" | "3J" | "4J" | "5J" | "6J"
    );
    let upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    plate
        && (9..=35).contains(&data.len())
        && data.bytes().all(upper)
        && data.bytes().filter(u8::is_ascii_digit).count() >= 6
}

/// The message: year of the standard and postcode, country, class of service, tracking number,
/// carrier, then for UPS the shipper's number, from which the full number is put together.
fn transport(data: &str) -> Transport {
    let fields: Vec<&str> = data.split(GROUP).take(PARTS_MAX).collect();
    let field = |at: usize| fields.get(at).map_or("", |field| field.trim());
    let country = Country::from_numeric(field(1));
    let code = field(0).get(2..).unwrap_or("");
    let postcode = country.and_then(|country| {
        let whole = postcode::normal(country, code);
        // A US ZIP without its four further digits is filled with zeros or blanks.
        let first = || postcode::normal(country, code.get(..5)?);
        let zip_only = code
            .get(5..)
            .is_some_and(|rest| rest.bytes().all(|b| b == b'0'));
        if zip_only {
            first().or(whole)
        } else {
            whole.or_else(first)
        }
    });
    let (class, tracking, shipper) = (field(2), field(3), field(5));
    let ups = || {
        let number = tracking.strip_prefix("1Z").filter(|rest| rest.len() == 8)?;
        let full = format!(
            "1Z{shipper}{}{number}",
            class.get(class.len().checked_sub(2)?..)?
        );
        let holds = full.len() == 18
            && full
                .get(2..)
                .is_some_and(|rest| check::alternating(rest.as_bytes(), [1, 2]));
        holds.then_some(full)
    };
    let plain = || (!tracking.is_empty() && tracking.len() <= 35).then(|| tracking.to_owned());
    Transport {
        country,
        postcode,
        tracking: ups().or_else(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_in_an_envelope() {
        let text = "[)>\u{1e}01\u{1d}96841706672\u{1d}840\u{1d}001\u{1d}1Z12345675\u{1d}UPSN\u{1d}\
            12345E\u{1d}089\u{1d}\u{1d}1/1\u{1d}10\u{1d}Y\u{1d}\u{1d}\u{1d}UT\u{1e}\u{4}";
        let records = envelope(text).unwrap();
        let Some(Record::Transport(transport)) = records.first() else {
            panic!("{records:?}");
        };
        assert_eq!(transport.country.map(Country::alpha2), Some("US"));
        assert_eq!(transport.postcode.as_deref(), Some("84170-6672"));
        assert!(transport.tracking.is_some());
    }

    #[test]
    fn message_without_envelope() {
        for (text, expected) in [
            (
                "841706672\u{1d}840\u{1d}001\u{1d}1Z12345675\u{1d}UPSN\u{1d}12345E",
                Some(("US", "84170-6672")),
            ),
            ("841700000\u{1d}840\u{1d}001\u{1d}", Some(("US", "84170"))),
            (
                "10115    \u{1d}276\u{1d}002\u{1d}X123456789",
                Some(("DE", "10115")),
            ),
            ("hello", None),
            ("10115\u{1d}27\u{1d}002", None),
            ("\u{1d}\u{1d}\u{1d}", None),
        ] {
            let found = carrier_message(text);
            let found = found.and_then(|t| Some((t.country?.alpha2(), t.postcode?)));
            let expected = expected.map(|(country, code)| (country, code.to_owned()));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn sort_codes() {
        for (text, expected) in [
            ("2LDE10115+72000001", Some("DE 10115")),
            ("(2L)GB:SW1A2AA+01000001", Some("GB SW1A 2AA")),
            ("2LDE1011+72000001", None),
            ("2LXX10115+72000001", None),
            ("2LDE10115", None),
            ("2LDE10115+", None),
            ("2L", None),
        ] {
            let found = sort_code(text).map(|(country, code)| format!("{country} {code}"));
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn agencies() {
        assert_eq!(agency("1JUN043325711MH80312"), Some("Dun & Bradstreet"));
        assert_eq!(
            agency("JJD0146000012345678"),
            Some("Universal Postal Union")
        );
        assert_eq!(agency("JXX0146000012345678"), None);
        assert_eq!(agency("hello"), None);
    }

    #[test]
    fn other_formats() {
        let records =
            envelope("[)>\u{1e}06\u{1d}1JUN043325711MH8031200000000001\u{1d}Q5\u{1e}\u{4}");
        let expected = vec![
            ("1J".to_owned(), "UN043325711MH8031200000000001".to_owned()),
            ("Q".to_owned(), "5".to_owned()),
        ];
        assert_eq!(records, Some(vec![Record::Identified(expected)]));
        let records = envelope("[)>\u{1e}05\u{1d}00395011010000000019\u{1e}\u{4}").unwrap();
        assert!(matches!(records.first(), Some(Record::Gs1(elements)) if elements.len() == 1));
        assert_eq!(envelope("[)>\u{1e}99\u{1d}x"), Some(vec![]));
        assert_eq!(envelope("hello"), None);
    }

    #[test]
    fn plates() {
        for (text, expected) in [
            ("1JUN043325711MH80312", true),
            ("JJD014600001234567890", true),
            ("J123", false),
            ("7JUN043325711MH80312", false),
            ("1Jun043325711MH80312", false),
            ("JOHNSONANDSONS", false),
            ("", false),
        ] {
            assert_eq!(is_plate(text), expected, "{text}");
        }
    }
}
