//! GS1 Digital Link: identifiers in the path and query of a web address.

use super::{Element, Gs1Error, form, identifier};

/// Identifiers that may begin the path, and the sequences of qualifiers that may follow, each in its
/// order and with gaps. Source: GS1 Digital Link URI syntax, section 4; `|` parts alternatives.
const PRIMARY: &[(&str, &str)] = &[
    ("00", ""),
    ("01", "22 10 21|235"),
    ("253", ""),
    ("255", ""),
    ("401", ""),
    ("402", ""),
    ("414", "254|7040"),
    ("415", "8020"),
    ("417", "7040"),
    ("8003", ""),
    ("8004", "7040"),
    ("8006", "22 10 21"),
    ("8010", "8011"),
    ("8013", ""),
    ("8017", "8019"),
    ("8018", "8019"),
];

/// Identifiers that must not stand in the query.
#[rustfmt::skip]
const NO_ATTRIBUTE: &[&str] = &[
    "03", "21", "22", "235", "254", "7040", "7041", "8011", "8014", "8019", "8020", "8040", "8041",
    "8042", "8043", "8200",
];

/// Most segments or parameters looked at.
const PARTS_MAX: usize = 64;

/// Elements of `https://any.host/any/path/00/395011010000000019?420=10115`; `None` when the address
/// holds no primary identifier in its path.
///
/// # Errors
/// The first element whose data does not fit, or that stands where it must not.
pub fn digital_link(text: &str) -> Option<Result<Vec<Element>, Gs1Error>> {
    let rest = strip_scheme(text)?;
    let rest = rest.split('#').next().unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    let segments: Vec<&str> = path.split('/').skip(1).take(PARTS_MAX).collect();
    // Keys and values make pairs to the end; a host's own path may hold numbers as well.
    let (first, row) = segments.iter().enumerate().find_map(|(at, segment)| {
        let row = PRIMARY.iter().find(|row| row.0 == *segment)?;
        (segments.len().saturating_sub(at) % 2 == 0).then_some((at, row))
    })?;
    let keys = segments.get(first..).unwrap_or(&[]);
    Some(elements(keys, row.1, query))
}

fn elements(keys: &[&str], qualifiers: &str, query: &str) -> Result<Vec<Element>, Gs1Error> {
    let misplaced = |ai: &str| Gs1Error::Place { ai: ai.to_owned() };
    let mut found: Vec<Element> = Vec::new();
    for pair in keys.chunks(2) {
        let [ai, value] = pair else { continue };
        found.push(element(ai, &decoded(value))?);
    }
    let followers: Vec<&str> = found.iter().skip(1).map(|e| e.ai.as_str()).collect();
    if let Some(wrong) = out_of_order(&followers, qualifiers) {
        return Err(misplaced(wrong));
    }
    let attributes = query.split(['&', ';']).take(PARTS_MAX);
    for (ai, value) in attributes.filter_map(|pair| pair.split_once('=')) {
        // Parameters that are no identifiers, such as a language, are the host's own.
        if ai.is_empty() || !ai.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let twice = found.iter().any(|element| element.ai == ai);
        if twice || NO_ATTRIBUTE.contains(&ai) {
            return Err(misplaced(ai));
        }
        found.push(element(ai, &decoded(value))?);
    }
    Ok(found)
}

/// The first of the identifiers that no alternative allows at its place.
fn out_of_order<'a>(found: &[&'a str], qualifiers: &str) -> Option<&'a str> {
    let wrong = |sequence: &str| {
        let mut left = sequence.split(' ');
        found
            .iter()
            .position(|ai| !left.any(|allowed| allowed == *ai))
    };
    let places: Option<Vec<usize>> = qualifiers.split('|').map(wrong).collect();
    // An alternative without a wrong place makes the whole `None`.
    found.get(places?.into_iter().max()?).copied()
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
    let gtin = ai == "01" && matches!(value.len(), 8 | 12 | 13);
    let value = if gtin {
        format!("{value:0>14}")
    } else {
        value.to_owned()
    };
    form::validate(ai, row.2, &value)?;
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
    fn places() {
        let place = |ai: &str| Err(Gs1Error::Place { ai: ai.to_owned() });
        let ais = |link: &str| {
            let found = digital_link(&format!("https://id.gs1.org/{link}")).unwrap();
            found.map(|all| {
                all.iter()
                    .map(|e| e.ai.clone())
                    .collect::<Vec<_>>()
                    .join(" ")
            })
        };
        let gtin = "01/04006381333931";
        for (link, expected) in [
            (format!("{gtin}/22/2A/10/L/21/S"), Ok("01 22 10 21")),
            (format!("{gtin}/22/2A/21/S"), Ok("01 22 21")),
            (format!("{gtin}/235/X"), Ok("01 235")),
            (format!("{gtin}/10/L/22/2A"), Err("22")),
            (format!("{gtin}/22/2A/235/X"), Err("235")),
            (format!("{gtin}?21=S"), Err("21")),
            (format!("{gtin}/10/L?10=L"), Err("10")),
            (format!("{gtin}?17=261231&lang=de"), Ok("01 17")),
            ("00/395011010000000019/10/A".to_owned(), Err("10")),
            ("414/4006381000000/254/1".to_owned(), Ok("414 254")),
            ("01/40063812/".to_owned(), Ok("01")),
        ] {
            let expected = match expected {
                Ok(ais) => Ok(ais.to_owned()),
                Err(ai) => place(ai),
            };
            assert_eq!(ais(&link), expected, "{link}");
        }
    }

    #[test]
    fn escapes() {
        assert_eq!(decoded("a%20b%zz%4"), "a b%zz%4");
        assert_eq!(decoded("%E5%BE%B7"), "德");
    }
}
