//! Licence plates of transport units and the envelopes that hold them.
//!
//! Sources: ISO/IEC 15459-1 and -3 (unique identifiers of transport units), ANSI MH10.8.2 (data
//! identifiers), ISO/IEC 15434 (envelopes of high-capacity symbols); for format 01 in MaxiCode, the
//! structured carrier message as UPS describes it in its Guide to Labeling.

use crate::country::Country;
use crate::gs1::{self, Element};
use crate::{check, postcode};

/// Separators of ISO/IEC 15434.
const RECORD: char = '\u{1e}';
const GROUP: char = '\u{1d}';
const END: char = '\u{4}';

/// Most records and fields looked at.
const PARTS_MAX: usize = 100;

/// The data of one record of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Format 01, transportation.
    Transport(Transport),
    /// Format 05, GS1 application identifiers.
    Gs1(Vec<Element>),
    /// Format 06, data identifiers of MH10.8.2 with their data.
    Identified(Vec<(String, String)>),
}

/// Format 01: the structured carrier message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transport {
    /// Destination country, where the code is one.
    pub country: Option<Country>,
    /// Destination postcode in the country's own form.
    pub postcode: Option<String>,
    /// The parcel's number, put together where the carrier abbreviates it.
    pub tracking: Option<String>,
}

/// Takes an envelope apart, `None` when the text is none. Records of other formats are left out.
pub fn envelope(text: &str) -> Option<Vec<Record>> {
    let inner = text
        .strip_prefix("[)>")?
        .trim_start_matches(RECORD)
        .trim_end_matches(END);
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
    fn carrier_message() {
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
