//! Plain content of two-dimensional symbols: JSON or JSON-like, `key=value`, web addresses, or a
//! few values after each other.
//!
//! The scanner is tolerant (it takes single quotes, missing quotes and cut-off ends) and reads names
//! and scalar values only; nothing in the content is ever executed or nested deeper than a few
//! levels.

use std::fmt;

use crate::gs1;
use crate::private::Redacted;

/// What a symbol's content says in plain.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Payload {
    /// Values that may be numbers of the parcel, in their order.
    pub(crate) numbers: Vec<String>,
    /// Whether the numbers stand under a name such as `tracking`.
    pub(crate) named: bool,
    /// Country, as written.
    pub(crate) country: Option<String>,
    /// Postcode, as written.
    pub(crate) postcode: Option<String>,
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("numbers", &Redacted)
            .finish_non_exhaustive()
    }
}

/// Most name-value pairs looked at.
const PAIRS_MAX: usize = 128;

/// Longest name or value kept, characters.
const WORD_MAX: usize = 120;

/// Names, without case, blanks, hyphens and underscores.
const NUMBER_NAMES: &[&str] = &[
    "tracking",
    "trackingnumber",
    "trackingno",
    "trackingid",
    "trackingcode",
    "trackno",
    "tn",
    "waybill",
    "waybillno",
    "waybillnumber",
    "mailno",
    "awb",
    "sscc",
    "parcel",
    "parcelid",
    "parcelnumber",
    "barcode",
    "shipmentid",
    "consignment",
    "运单号",
    "快递单号",
];
const COUNTRY_NAMES: &[&str] = &[
    "country",
    "countrycode",
    "tocountry",
    "destcountry",
    "destinationcountry",
    "cc",
    "land",
    "国家",
];
const POSTCODE_NAMES: &[&str] = &[
    "postcode",
    "postalcode",
    "zip",
    "zipcode",
    "plz",
    "topostcode",
    "destpostcode",
    "destinationpostcode",
    "cp",
    "邮编",
];
/// Objects that describe where the parcel comes from.
const SENDER_NAMES: &[&str] = &[
    "from",
    "sender",
    "shipper",
    "return",
    "returnto",
    "origin",
    "shipfrom",
    "寄件人",
];

/// Reads what the content says.
pub(crate) fn read(text: &str) -> Payload {
    let mut payload = Payload::default();
    let text = text.trim();
    if text.starts_with('{') || text.starts_with('[') {
        pairs_of_json(text, &mut |name, value| take(&mut payload, name, value));
        return payload;
    }
    if let Some((scheme, rest)) = text.split_once("://")
        && scheme.chars().all(char::is_alphanumeric)
    {
        address(rest, &mut payload);
        return payload;
    }
    let pairs = text
        .split(['&', ';', '\n', '|'])
        .filter_map(|pair| pair.split_once(['=', ':']));
    for (name, value) in pairs.take(PAIRS_MAX) {
        take(&mut payload, name, value);
    }
    if !payload.named {
        payload.numbers = words(text);
    }
    payload
}

/// Path segments and query values of a web address.
fn address(rest: &str, payload: &mut Payload) {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    for pair in query.split(['&', ';']).take(PAIRS_MAX) {
        if let Some((name, value)) = pair.split_once('=') {
            take(payload, name, &gs1::decoded(value));
        }
    }
    if !payload.named {
        let segments = path.split(['/', '#']).skip(1).take(PAIRS_MAX);
        payload.numbers = segments.map(gs1::decoded).filter(|s| is_word(s)).collect();
    }
}

/// Values after each other, separated by what no number holds.
fn words(text: &str) -> Vec<String> {
    let parts = text.split([',', ';', '|', '\n', '\r', '\t', '\u{1d}', '\u{1e}']);
    let parts = parts.map(|part| part.trim().to_owned());
    parts.filter(|part| is_word(part)).take(PAIRS_MAX).collect()
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= WORD_MAX
}

/// Keeps a pair that says something.
fn take(payload: &mut Payload, name: &str, value: &str) {
    let name: String = name
        .chars()
        .filter(|c| c.is_alphanumeric())
        .take(WORD_MAX)
        .flat_map(char::to_lowercase)
        .collect();
    let value = value.trim();
    if !is_word(value) {
        return;
    }
    let name = name.as_str();
    if NUMBER_NAMES.contains(&name) {
        payload.numbers.push(value.to_owned());
        payload.named = true;
    } else if COUNTRY_NAMES.contains(&name) {
        payload.country.get_or_insert_with(|| value.to_owned());
    } else if POSTCODE_NAMES.contains(&name) {
        payload.postcode.get_or_insert_with(|| value.to_owned());
    }
}

/// Calls `found` with each name and scalar value, except inside an object named as the sender.
fn pairs_of_json(text: &str, found: &mut dyn FnMut(&str, &str)) {
    // Depth of the sender's object, while inside it.
    let (mut depth, mut sender) = (0_u32, None);
    let (mut name, mut word) = (String::new(), String::new());
    let (mut quote, mut pairs) = (None, 0);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => word.extend(unescaped(&mut chars)),
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, ':') => name = core::mem::take(&mut word),
            (None, '{' | '[') => {
                depth += 1;
                if sender.is_none() && is_sender(&name) {
                    sender = Some(depth);
                }
                name.clear();
            }
            (None, ',' | '}' | ']') => {
                if sender.is_none() && !name.is_empty() {
                    found(&name, &word);
                    pairs += 1;
                }
                word.clear();
                name.clear();
                if c != ',' {
                    sender = sender.filter(|at| *at < depth);
                    depth = depth.saturating_sub(1);
                }
            }
            (None, c) if c.is_whitespace() => {}
            (_, c) => push(&mut word, c),
        }
        if pairs == PAIRS_MAX {
            return;
        }
    }
    if sender.is_none() && !name.is_empty() {
        found(&name, &word);
    }
}

fn push(word: &mut String, c: char) {
    if word.len() < WORD_MAX * 4 {
        word.push(c);
    }
}

fn is_sender(name: &str) -> bool {
    let name: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    SENDER_NAMES.contains(&name.to_lowercase().as_str())
}

/// The character after a backslash: RFC 8259, section 7.
fn unescaped(chars: &mut core::str::Chars<'_>) -> Option<char> {
    match chars.next()? {
        'u' => {
            let hex: String = chars.by_ref().take(4).collect();
            u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32)
        }
        'n' | 'r' | 't' | 'b' | 'f' => Some(' '),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, numbers: &[&str], country: Option<&str>, postcode: Option<&str>) {
        let payload = read(text);
        assert_eq!(payload.numbers, numbers, "{text}");
        assert_eq!(payload.country.as_deref(), country, "{text}");
        assert_eq!(payload.postcode.as_deref(), postcode, "{text}");
    }

    #[test]
    fn contents() {
        let (number, de, code) = ("RB123456785GB", Some("DE"), Some("10115"));
        check(
            r#"{"tracking":"RB123456785GB","postcode":"10115","country":"DE"}"#,
            &[number],
            de,
            code,
        );
        check(
            "{tracking:'RB123456785GB', zip: 10115, cc: DE}",
            &[number],
            de,
            code,
        );
        check(
            r#"{"from":{"country":"CN","zip":"100000"},"to":{"country":"DE"}}"#,
            &[],
            de,
            None,
        );
        check(
            r#"{"tracking_number":"RB123456785GB","postco"#,
            &[number],
            None,
            None,
        );
        check(
            r#"[{"tracking":"A1"},{"tracking":"B2"}]"#,
            &["A1", "B2"],
            None,
            None,
        );
        check(r#"{"country":"\u5fb7\u56fd"}"#, &[], Some("德国"), None);
        check(
            "tracking=RB123456785GB;country=DE;zip=10115",
            &[number],
            de,
            code,
        );
        check(
            "https://t.example/track/RB123456785GB",
            &["track", number],
            None,
            None,
        );
        check(
            "https://t.example/?tracking=RB123456785GB&x=1",
            &[number],
            None,
            None,
        );
        check(
            "RB123456785GB,10115,12345",
            &[number, "10115", "12345"],
            None,
            None,
        );
        check("", &[], None, None);
        check("{{{{{[[[[:::\\", &[], None, None);
    }
}
