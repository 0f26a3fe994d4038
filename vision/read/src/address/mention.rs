//! Names and codes of countries in a line, and what else tells the country.

use crate::country::{Country, folded};
use crate::postcode;

/// How a line names a country, surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Certainty {
    /// The whole line is the country's name.
    Line,
    /// The line begins or ends with the country's name.
    End,
    /// The country's code in front of a fitting postcode: `DE-10115`.
    Prefix,
    /// The whole line is the name but for one character.
    Nearly,
    /// A code stands alone, or ends the line.
    Code,
    /// Only the town tells it.
    Town,
    /// Nothing tells it; it is the country of the site.
    Home,
}

/// International vehicle codes of one letter, which people write in front of postcodes:
/// `D-10115`. Source: UNECE, distinguishing signs of vehicles.
const VEHICLES: &[(&str, &str)] = &[
    ("A", "AT"),
    ("B", "BE"),
    ("D", "DE"),
    ("E", "ES"),
    ("F", "FR"),
    ("FIN", "FI"),
    ("FL", "LI"),
    ("H", "HU"),
    ("I", "IT"),
    ("L", "LU"),
    ("N", "NO"),
    ("P", "PT"),
    ("S", "SE"),
    ("SLO", "SI"),
];

/// The country that a line names, if any: `text` is folded, `written` as it was read.
pub(super) fn country(text: &str, written: &str) -> Option<(Country, Certainty)> {
    whole(text)
        .or_else(|| at_the_ends(text))
        .or_else(|| prefix(written))
        .or_else(|| nearly(text))
        .or_else(|| code(text))
}

/// The whole line, its words in one or in two languages: `CHINA`, `中国 CHINA`, `GERMANY / ALLEMAGNE`.
fn whole(text: &str) -> Option<(Country, Certainty)> {
    let joined: String = text.split(' ').collect();
    let named = Country::from_name(text).or_else(|| ideographs(&joined));
    let both = || {
        text.match_indices(' ').find_map(|(at, _)| {
            let (one, other) = text.split_at(at);
            let torn: String = one.split(' ').collect();
            let one = Country::from_name(one).or_else(|| ideographs(&torn))?;
            let other = Country::from_name(other.trim_start())?;
            (one == other).then_some(one)
        })
    };
    named
        .or_else(both)
        .map(|country| (country, Certainty::Line))
}

/// A name at the end or, in ideographs, at the beginning.
fn at_the_ends(text: &str) -> Option<(Country, Certainty)> {
    let words: Vec<&str> = text.split(' ').collect();
    let end = (1..=5.min(words.len())).rev().find_map(|count| {
        let name = words.get(words.len() - count..)?.join(" ");
        // Short names such as CHAD or OMAN are also family names and streets.
        Country::from_name(&name).filter(|_| name.len() > 4)
    });
    let beginning = || {
        let joined: String = text.split(' ').collect();
        let ends: Vec<usize> = joined
            .char_indices()
            .map(|(at, _)| at)
            .skip(2)
            .take(7)
            .collect();
        ends.iter()
            .rev()
            .find_map(|end| ideographs(joined.get(..*end)?))
    };
    end.or_else(beginning)
        .map(|country| (country, Certainty::End))
}

/// A code joined to a postcode of that country.
fn prefix(written: &str) -> Option<(Country, Certainty)> {
    let words: Vec<&str> = postcode::words(written);
    words.iter().enumerate().find_map(|(at, word)| {
        let word = word.to_uppercase();
        let (code, rest) = word.split_once(['-', '–'])?;
        let vehicle = VEHICLES.iter().find(|row| row.0 == code).map(|row| row.1);
        let country = Country::from_alpha2(vehicle.unwrap_or(code))?;
        let next = words.get(at + 1).copied().unwrap_or("");
        let fits = postcode::normal(country, rest).is_some()
            || postcode::normal(country, &format!("{rest}{next}")).is_some();
        (fits && !rest.is_empty()).then_some((country, Certainty::Prefix))
    })
}

/// A name with one character wrong, missing or too many, where that leaves one country only.
fn nearly(text: &str) -> Option<(Country, Certainty)> {
    const LEAST: usize = 6;
    if text.chars().count() < LEAST {
        return None;
    }
    let mut near = Country::names().filter(|(_, name)| name.len() >= LEAST && one_off(name, text));
    let (country, _) = near.next()?;
    near.all(|(other, _)| other == country)
        .then_some((country, Certainty::Nearly))
}

/// Whether two texts differ in one character changed, left out or put in.
fn one_off(one: &str, other: &str) -> bool {
    if one.len().abs_diff(other.len()) > 2 {
        return false;
    }
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let head = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let (one, other) = (
        one.get(head..).unwrap_or(&[]),
        other.get(head..).unwrap_or(&[]),
    );
    let pairs = one.iter().rev().zip(other.iter().rev());
    let tail = pairs.take_while(|(a, b)| a == b).count();
    one.len().max(other.len()) - tail.min(one.len().max(other.len())) == 1
}

/// A code of two or three letters alone or at the end.
fn code(text: &str) -> Option<(Country, Certainty)> {
    let last = text.rsplit(' ').next()?;
    let country = Country::from_alpha2(last)
        .or_else(|| Country::from_alpha3(last))
        .or_else(|| Country::from_name(last));
    country.map(|country| (country, Certainty::Code))
}

/// A country's name in ideographs, which recognizers often tear apart with blanks.
fn ideographs(joined: &str) -> Option<Country> {
    (!joined.is_ascii()).then(|| Country::from_name(joined))?
}

/// The line without a country's name or code at its end, folded: where the town stands.
pub(super) fn without_codes(written: &str, code: &str) -> String {
    let text = folded(written);
    let code = folded(code);
    text.replacen(&code, " ", 1).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions() {
        for (line, expected) in [
            ("GERMANY", Some(("DE", Certainty::Line))),
            ("中国 CHINA", Some(("CN", Certainty::Line))),
            ("中 国", Some(("CN", Certainty::Line))),
            ("Korea, Republic of", Some(("KR", Certainty::Line))),
            ("10115 Berlin, Germany", Some(("DE", Certainty::End))),
            ("中国北京市朝阳区", Some(("CN", Certainty::End))),
            ("GERMANV", Some(("DE", Certainty::Nearly))),
            ("NETHERIANDS", Some(("NL", Certainty::Nearly))),
            ("UNITEDKINGDOM", Some(("GB", Certainty::Nearly))),
            ("D-10115 Berlin", Some(("DE", Certainty::Prefix))),
            ("SE-114 55 Stockholm", Some(("SE", Certainty::Prefix))),
            ("IBELAND", None),
            ("Springfield IL 62701 US", Some(("US", Certainty::Code))),
            ("Musterstr. 1", None),
            ("", None),
        ] {
            let found = country(&folded(line), line);
            let found = found.map(|(country, certainty)| (country.alpha2(), certainty));
            assert_eq!(found, expected, "{line}");
        }
    }
}
