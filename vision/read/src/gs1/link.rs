//! GS1 Digital Link: identifiers in the path and query of a web address.

use super::{Element, Gs1Error, identifier, validate};

/// Identifiers that may begin the path of a Digital Link.
const PRIMARY: &[&str] = &[
    "00", "01", "253", "255", "401", "402", "414", "415", "417", "8003", "8004", "8006", "8010",
    "8013", "8017", "8018",
];

/// Elements of `https://any.host/any/path/00/395011010000000019?420=10115`; `None` when the address
/// holds no primary identifier in its path.
///
/// # Errors
/// The first element whose data does not fit.
pub fn digital_link(text: &str) -> Option<Result<Vec<Element>, Gs1Error>> {
    let rest = strip_scheme(text)?;
    let rest = rest.split('#').next().unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let segments: Vec<&str> = path.split('/').skip(1).take(64).collect();
    let first = segments
        .iter()
        .position(|segment| PRIMARY.contains(segment))?;
    let keys = segments
        .get(first..)
        .unwrap_or(&[])
        .chunks(2)
        .filter_map(|pair| match pair {
            [ai, value] => Some((*ai, *value)),
            _ => None,
        });
    let attributes = query
        .split(['&', ';'])
        .take(64)
        .filter_map(|pair| pair.split_once('='));
    let numeric = |ai: &str| ai.len() > 1 && ai.bytes().all(|b| b.is_ascii_digit());
    let pairs = keys.chain(attributes).filter(|(ai, _)| numeric(ai));
    Some(
        pairs
            .map(|(ai, value)| element(ai, &decoded(value)))
            .collect(),
    )
}

fn strip_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    web.then_some(rest)
}

fn element(ai: &str, value: &str) -> Result<Element, Gs1Error> {
    let known = identifier(ai).filter(|(_, found)| *found == ai);
    let (row, _) = known.ok_or(Gs1Error::UnknownIdentifier { at: 0 })?;
    // GTINs of 8, 12 and 13 digits stand for the one of 14 with zeros in front.
    let gtin = ai == "01" && value.len() < 14;
    let value = if gtin {
        format!("{value:0>14}")
    } else {
        value.to_owned()
    };
    validate(ai, row.2, &value)?;
    Ok(Element {
        ai: ai.to_owned(),
        value,
    })
}

/// Percent-decoded text (RFC 3986, section 2.1); what is no valid escape stays as it is.
pub(crate) fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = (byte == b'%')
            .then(|| tail.split_at_checked(2))
            .flatten()
            .and_then(|(hex, tail)| Some((hex_value(hex)?, tail)));
        let (byte, tail) = escaped.unwrap_or((byte, tail));
        out.push(byte);
        rest = tail;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex_value(hex: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    match hex {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gs1::value;

    #[test]
    fn links() {
        let link = "https://id.example.com/a/00/395011010000000019?420=10115&lang=de#top";
        let elements = digital_link(link).unwrap().unwrap();
        assert_eq!(value(&elements, "00"), Some("395011010000000019"));
        assert_eq!(value(&elements, "420"), Some("10115"));
        let link = "HTTPS://id.gs1.org/01/4006381333931/10/A%2FB";
        let elements = digital_link(link).unwrap().unwrap();
        assert_eq!(value(&elements, "01"), Some("04006381333931"));
        assert_eq!(value(&elements, "10"), Some("A/B"));
        assert!(digital_link("https://example.com/track/123").is_none());
        assert!(digital_link("ftp://example.com/00/395011010000000019").is_none());
        assert!(
            digital_link("https://e.com/00/395011010000000018")
                .unwrap()
                .is_err()
        );
    }

    #[test]
    fn escapes() {
        assert_eq!(decoded("a%20b%zz%4"), "a b%zz%4");
        assert_eq!(decoded("%E5%BE%B7"), "德");
    }
}
