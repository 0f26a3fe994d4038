//! Country and postcode from lines of an address.
//!
//! A country is a line of its own, or the end of a line, in one of several languages; the postcode
//! must have that country's form and stand near it. Lines under a heading such as "From" are the
//! sender's and never a destination. Two countries with equal right are no destination: it is not
//! guessed.

use crate::country::{Country, folded};
use crate::postcode;

/// A line with the confidence of whoever read it, 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) text: &'a str,
    pub(crate) confidence: f32,
}

/// What an address says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    pub(crate) country: Country,
    pub(crate) postcode: Option<String>,
    pub(crate) confidence: f32,
    /// Whether it stands under a heading such as "Ship to".
    pub(crate) headed: bool,
}

/// Most lines looked at.
const LINES_MAX: usize = 200;

/// How many lines above the country its postcode may stand.
const ABOVE: usize = 3;

/// Headings, as [`folded`] makes them.
const TO: &[&str] = &[
    "TO",
    "SHIP TO",
    "DELIVER TO",
    "DELIVERY ADDRESS",
    "CONSIGNEE",
    "RECIPIENT",
    "RECEIVER",
    "ADDRESSEE",
    "DESTINATION",
    "SEND TO",
    "EMPFANGER",
    "AN",
    "LIEFERADRESSE",
    "DESTINATAIRE",
    "DESTINATARIO",
    "ODBIORCA",
    "ONTVANGER",
    "AAN",
    "收件人",
    "收货人",
    "目的地",
    "收件",
];
const FROM: &[&str] = &[
    "FROM",
    "SHIP FROM",
    "SENDER",
    "SHIPPER",
    "RETURN TO",
    "RETURN ADDRESS",
    "IF UNDELIVERED",
    "IF UNDELIVERED RETURN TO",
    "ABSENDER",
    "VON",
    "EXPEDITEUR",
    "REMITENTE",
    "MITTENTE",
    "NADAWCA",
    "AFZENDER",
    "寄件人",
    "发件人",
    "寄件",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    To,
    Unknown,
    From,
}

/// The destination that the lines name; `None` when they name none, or several.
pub(crate) fn read(lines: &[Line<'_>]) -> Option<Address> {
    let mut role = Role::Unknown;
    let mut found: Vec<Address> = Vec::new();
    let folded_lines: Vec<String> = lines
        .iter()
        .take(LINES_MAX)
        .map(|l| folded(l.text))
        .collect();
    for (at, (line, text)) in lines.iter().zip(&folded_lines).enumerate() {
        let (heading, rest) = heading(text);
        role = heading.unwrap_or(role);
        let Some((country, certainty)) = country(rest) else {
            continue;
        };
        if role == Role::From {
            continue;
        }
        let above = lines.get(at.saturating_sub(ABOVE)..=at).unwrap_or(&[]);
        let code = above
            .iter()
            .rev()
            .find_map(|l| Some((postcode::find(country, l.text)?, *l)));
        let (postcode, read) = match code {
            Some((code, l)) => (Some(code), line.confidence.min(l.confidence)),
            None => (None, line.confidence),
        };
        let fits = postcode.is_some() || postcode::has_none(country);
        // "Made in China" and a code of two letters are believed only beside a fitting postcode.
        if certainty != Certainty::Line && !fits {
            continue;
        }
        let base = match (certainty, fits) {
            (Certainty::Line, true) => 0.97,
            (Certainty::End, _) => 0.94,
            (Certainty::Code, _) => 0.85,
            (Certainty::Line, false) => 0.75,
        };
        let headed = role == Role::To;
        found.push(Address {
            country,
            postcode,
            confidence: base * read,
            headed,
        });
    }
    single(found)
}

/// The one address, preferring headed ones; `None` when two differ.
fn single(mut found: Vec<Address>) -> Option<Address> {
    if found.iter().any(|address| address.headed) {
        found.retain(|address| address.headed);
    }
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let mut found = found.into_iter();
    let best = found.next()?;
    let agrees = |other: &Address| {
        other.country == best.country
            && (other.postcode.is_none()
                || best.postcode.is_none()
                || other.postcode == best.postcode)
    };
    let rest: Vec<Address> = found.collect();
    if !rest.iter().all(agrees) {
        return None;
    }
    let postcode = best.postcode.clone();
    let postcode = postcode.or_else(|| rest.into_iter().find_map(|other| other.postcode));
    Some(Address { postcode, ..best })
}

/// Role that a heading at the start of the line gives, and the line after it.
fn heading(line: &str) -> (Option<Role>, &str) {
    let after = |headings: &[&str]| {
        let fitting = headings.iter().filter_map(|heading| {
            let rest = line.strip_prefix(heading)?;
            let ideographs = !heading.is_ascii();
            (rest.is_empty() || rest.starts_with(' ') || ideographs).then(|| rest.trim_start())
        });
        fitting.min_by_key(|rest| rest.len())
    };
    let shorter = |a: &str, b: Option<&str>| b.is_none_or(|b| a.len() <= b.len());
    match (after(TO), after(FROM)) {
        (Some(rest), from) if shorter(rest, from) => (Some(Role::To), rest),
        (_, Some(rest)) => (Some(Role::From), rest),
        _ => (None, line),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Certainty {
    /// The whole line is the country's name.
    Line,
    /// The line ends in the country's name.
    End,
    /// A code stands alone, or ends the line.
    Code,
}

/// The country that a folded line names.
fn country(line: &str) -> Option<(Country, Certainty)> {
    let joined: String = line.split(' ').collect();
    if let Some(country) = Country::from_name(line).or_else(|| ideographs(&joined)) {
        return Some((country, Certainty::Line));
    }
    let words: Vec<&str> = line.split(' ').collect();
    for count in (1..=4.min(words.len())).rev() {
        let name = words.get(words.len() - count..)?.join(" ");
        // Short names such as CHAD or OMAN are also family names and streets.
        if let Some(country) = Country::from_name(&name).filter(|_| name.len() > 3) {
            return Some((country, Certainty::End));
        }
    }
    let last = words.last()?;
    let code = Country::from_alpha2(last).or_else(|| Country::from_alpha3(last));
    let code = code.or_else(|| Country::from_name(last));
    code.map(|country| (country, Certainty::Code))
}

/// A country's name in ideographs, which recognizers often tear apart with blanks.
fn ideographs(joined: &str) -> Option<Country> {
    (!joined.is_ascii()).then(|| Country::from_name(joined))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &[&str]) -> Option<String> {
        let lines: Vec<Line<'_>> = lines
            .iter()
            .map(|text| Line {
                text,
                confidence: 0.9,
            })
            .collect();
        read(&lines).map(|a| format!("{} {}", a.country, a.postcode.unwrap_or_default()))
    }

    #[test]
    fn addresses() {
        for (lines, expected) in [
            (
                &["Erika Muster", "Musterstr. 1", "10115 Berlin", "GERMANY"][..],
                Some("DE 10115"),
            ),
            (&["Jean Dupont", "75001 Paris", "FRANCE"], Some("FR 75001")),
            (
                &[
                    "Jane Roe",
                    "10 Downing St",
                    "London SW1A 2AA",
                    "United Kingdom",
                ],
                Some("GB SW1A 2AA"),
            ),
            (&["1012 LG Amsterdam, Netherlands"], Some("NL 1012 LG")),
            (&["Springfield IL 62701 US"], Some("US 62701")),
            (
                &["张三", "北京市朝阳区", "100020", "中 国"],
                Some("CN 100020"),
            ),
            (
                &[
                    "Ship to:",
                    "10115 Berlin",
                    "Germany",
                    "From:",
                    "100020 Beijing",
                    "China",
                ],
                Some("DE 10115"),
            ),
            (
                &[
                    "From: Shop",
                    "100020 Beijing",
                    "China",
                    "To: Erika",
                    "10115 Berlin",
                    "Germany",
                ],
                Some("DE 10115"),
            ),
            (
                &["100020 Beijing", "China", "10115 Berlin", "Germany"],
                None,
            ),
            (&["Kowloon", "Hong Kong"], Some("HK ")),
            (&["Made in China"], None),
            (&["Visit us"], None),
            (&["", " ", "?"], None),
        ] {
            assert_eq!(found(lines).as_deref(), expected, "{lines:?}");
        }
    }
}
