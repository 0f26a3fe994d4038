//! Forms of postcodes by country.
//!
//! Source of the forms: UPU, "Postal addressing systems", the page of each country.

use crate::country::Country;

/// Country and its forms, the canonical one first: `9` a digit, `A` a letter, anything else itself.
#[rustfmt::skip]
const FORMS: &[(&str, &[&str])] = &[
    ("AR", &["A9999AAA", "9999"]), ("AT", &["9999"]), ("AU", &["9999"]), ("BE", &["9999"]),
    ("BG", &["9999"]), ("BR", &["99999-999"]), ("BY", &["999999"]), ("CA", &["A9A 9A9"]),
    ("CH", &["9999"]), ("CL", &["9999999"]), ("CN", &["999999"]), ("CO", &["999999"]),
    ("CZ", &["999 99"]), ("DE", &["99999"]), ("DK", &["9999"]), ("EE", &["99999"]),
    ("ES", &["99999"]), ("FI", &["99999"]), ("FR", &["99999"]),
    ("GB", &["A9 9AA", "A99 9AA", "A9A 9AA", "AA9 9AA", "AA99 9AA", "AA9A 9AA"]),
    ("GR", &["999 99"]), ("HR", &["99999"]), ("HU", &["9999"]), ("ID", &["99999"]),
    ("IE", &["A99 A999", "A99 A9A9", "A99 AA99", "A99 AA9A", "A99 AAA9", "A99 AAAA", "A99 A99A",
        "A99 A9AA", "A9A A999", "A9A AA99", "A9A A9A9", "A9A AAAA"]),
    ("IL", &["9999999"]), ("IN", &["999999"]), ("IT", &["99999"]), ("JP", &["999-9999"]),
    ("KR", &["99999"]), ("KZ", &["999999"]), ("LT", &["99999"]), ("LU", &["9999"]),
    ("LV", &["9999"]), ("MX", &["99999"]), ("MY", &["99999"]), ("NL", &["9999 AA"]),
    ("NO", &["9999"]), ("NZ", &["9999"]), ("PE", &["99999"]), ("PH", &["9999"]),
    ("PL", &["99-999"]), ("PT", &["9999-999"]), ("RO", &["999999"]), ("RS", &["99999"]),
    ("RU", &["999999"]), ("SA", &["99999"]), ("SE", &["999 99"]), ("SG", &["999999"]),
    ("SI", &["9999"]), ("SK", &["999 99"]), ("TH", &["99999"]), ("TR", &["99999"]),
    ("TW", &["999", "99999", "999999"]), ("UA", &["99999"]), ("US", &["99999", "99999-9999"]),
    ("VN", &["99999", "999999"]), ("ZA", &["9999"]),
];

/// Countries and territories without postcodes that parcels often go to.
const WITHOUT: &[&str] = &["AE", "HK", "MO", "QA"];

/// Longest postcode of any form, blanks included.
pub const POSTCODE_MAX: usize = 12;

/// Whether the forms of the country are known.
pub fn is_known(country: Country) -> bool {
    forms(country).is_some()
}

/// Whether the country has no postcodes.
pub fn has_none(country: Country) -> bool {
    WITHOUT.contains(&country.alpha2())
}

fn forms(country: Country) -> Option<&'static [&'static str]> {
    let at = FORMS
        .binary_search_by(|row| row.0.cmp(country.alpha2()))
        .ok()?;
    FORMS.get(at).map(|row| row.1)
}

/// The postcode in the country's own form, from any spelling with or without blanks and hyphens;
/// `None` when it does not fit. A country prefix (`D-`, `LV-`, `L-`) is left out.
pub fn normal(country: Country, text: &str) -> Option<String> {
    let key = key(text);
    let key = key
        .strip_prefix(country.alpha2())
        .filter(|rest| rest.bytes().next().is_some_and(|b| b.is_ascii_digit()))
        .unwrap_or(&key);
    forms(country)?.iter().find_map(|form| laid_out(key, form))
}

/// Letters and digits in capitals: what two spellings of one postcode have in common.
pub fn key(text: &str) -> String {
    let kept = text
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(POSTCODE_MAX);
    kept.map(|c| c.to_ascii_uppercase()).collect()
}

/// Puts the characters of `key` into `form`; `None` when they do not fit exactly.
fn laid_out(key: &str, form: &str) -> Option<String> {
    let mut rest = key.chars();
    let mut out = String::with_capacity(form.len());
    for place in form.chars() {
        match place {
            '9' => out.push(rest.next().filter(char::is_ascii_digit)?),
            'A' => out.push(rest.next().filter(char::is_ascii_uppercase)?),
            other => out.push(other),
        }
    }
    rest.next().is_none().then_some(out)
}

/// A postcode of `country` in a line of an address: the form stands alone between blanks, commas or
/// the ends. Digits that go on (a house number, a telephone) do not count.
pub fn find(country: Country, line: &str) -> Option<String> {
    let line: String = line
        .chars()
        .take(200)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let words: Vec<&str> = line
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '(' | ')'))
        .filter(|word| !word.is_empty())
        .collect();
    let pairs = words.windows(2).filter_map(|pair| match pair {
        // Two words only where the form itself has a blank, so that "75 001" is not 75001.
        [a, b] => normal(country, &format!("{a}{b}")).filter(|code| *code == format!("{a} {b}")),
        _ => None,
    });
    let single = words.iter().filter_map(|word| {
        let bare = bare(country, word);
        normal(country, bare).filter(|code| key(code) == key(bare))
    });
    pairs.chain(single).next()
}

/// A word without the country prefixes `D-` and `DE-`.
fn bare(country: Country, word: &str) -> &str {
    let code = country.alpha2();
    word.split_once('-')
        .filter(|(prefix, _)| *prefix == code || code.get(..1) == Some(*prefix))
        .map_or(word, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn country(code: &str) -> Country {
        Country::from_alpha2(code).unwrap()
    }

    #[test]
    fn forms_are_sorted() {
        assert!(FORMS.is_sorted_by_key(|row| row.0));
    }

    #[test]
    fn normal_forms() {
        for (code, text, expected) in [
            ("DE", "10115", Some("10115")),
            ("DE", "D-10115", None),
            ("DE", "DE-10115", Some("10115")),
            ("DE", "1011", None),
            ("NL", "1012lg", Some("1012 LG")),
            ("GB", "sw1a1aa", Some("SW1A 1AA")),
            ("GB", "M11AE", Some("M1 1AE")),
            ("PL", "00950", Some("00-950")),
            ("US", "204991234", Some("20499-1234")),
            ("CA", "K1A0B1", Some("K1A 0B1")),
            ("CN", "100 000", Some("100000")),
            ("SE", "114 55", Some("114 55")),
            ("HK", "999077", None),
        ] {
            assert_eq!(
                normal(country(code), text).as_deref(),
                expected,
                "{code} {text}"
            );
        }
    }

    #[test]
    fn postcodes_in_lines() {
        for (code, line, expected) in [
            ("DE", "10115 Berlin", Some("10115")),
            ("DE", "D-10115 Berlin", Some("10115")),
            ("DE", "Tel 030101150", None),
            ("GB", "London SW1A 1AA", Some("SW1A 1AA")),
            ("NL", "1012 LG Amsterdam", Some("1012 LG")),
            ("NL", "1012LG Amsterdam", Some("1012 LG")),
            ("PL", "00-950 Warszawa", Some("00-950")),
            ("US", "Springfield, IL 62701-1234", Some("62701-1234")),
            ("FR", "75 001 Paris", None),
            ("CN", "北京市 100000", Some("100000")),
        ] {
            assert_eq!(
                find(country(code), line).as_deref(),
                expected,
                "{code} {line}"
            );
        }
    }
}
