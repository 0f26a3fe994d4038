//! Forms of postcodes by country.
//!
//! Source of the forms: UPU, "Postal addressing systems", the page of each country.

mod table;

pub use table::Place;
use table::{FORMS, WITHOUT};

use crate::country::Country;

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
    FORMS.get(at).map(|row| row.2)
}

/// Where in an address of the country the postcode stands.
pub fn place(country: Country) -> Option<Place> {
    let at = FORMS
        .binary_search_by(|row| row.0.cmp(country.alpha2()))
        .ok()?;
    FORMS.get(at).map(|row| row.1)
}

/// Countries whose forms the text fits as it stands.
pub fn countries(text: &str) -> Vec<Country> {
    let fitting = FORMS.iter().filter_map(|row| {
        let country = Country::from_alpha2(row.0)?;
        normal(country, text).map(|_| country)
    });
    fitting.collect()
}

/// The postcode in the country's own form, from any spelling with or without blanks and hyphens;
/// `None` when it does not fit. A country prefix (`D-`, `LV-`, `L-`) is left out.
pub fn normal(country: Country, text: &str) -> Option<String> {
    let key = key(text);
    let bare = key
        .strip_prefix(country.alpha2())
        .filter(|rest| rest.bytes().next().is_some_and(|b| b.is_ascii_digit()));
    let forms = forms(country)?;
    let fit = |key: &str| forms.iter().find_map(|form| laid_out(key, form));
    fit(&key).or_else(|| fit(bare?))
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
            ' ' | '-' => out.push(place),
            other => out.push(rest.next().filter(|c| *c == other)?),
        }
    }
    rest.next().is_none().then_some(out)
}

/// A postcode found in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// In the country's own form.
    pub code: String,
    /// First and last of the line's blank-separated words that it takes.
    pub words: (usize, usize),
    /// Characters that were taken for another that looks alike, such as `O` for 0.
    pub repaired: usize,
}

/// Longest line looked at, characters, and most words of it.
const LINE_MAX: usize = 200;
const WORDS_MAX: usize = 40;

/// Blank-separated words of a line, as [`Found::words`] counts them.
pub fn words(line: &str) -> Vec<&str> {
    let end = line
        .char_indices()
        .nth(LINE_MAX)
        .map_or(line.len(), |(at, _)| at);
    let line = line.get(..end).unwrap_or(line);
    line.split_whitespace().take(WORDS_MAX).collect()
}

/// All postcodes of `country` in a line of an address: the form stands alone between blanks, commas
/// or the ends. Digits that go on (a house number, a telephone) do not count. With `repair`, letters
/// that look like digits may stand for them and the other way round.
pub fn find_all(country: Country, line: &str, repair: bool) -> Vec<Found> {
    let words = words(line);
    let upper: Vec<String> = words.iter().map(|word| stripped(word)).collect();
    let mut found = Vec::new();
    for (at, word) in upper.iter().enumerate() {
        let word = bare(country, word);
        if let Some(next) = upper.get(at + 1) {
            // Two words only where the form itself has a blank, so that "75 001" is not 75001.
            let pair = format!("{word} {next}");
            if let Some((code, repaired)) = fitted(country, &pair, repair)
                && blanks_agree(&code, word)
            {
                found.push(Found {
                    code,
                    words: (at, at + 1),
                    repaired,
                });
                continue;
            }
        }
        if let Some((code, repaired)) = fitted(country, word, repair) {
            found.push(Found {
                code,
                words: (at, at),
                repaired,
            });
        }
    }
    // What stands there as it is comes before what is made of something else.
    if found.iter().any(|found| found.repaired == 0) {
        found.retain(|found| found.repaired == 0);
    }
    found
}

/// The first postcode of `country` in a line of an address; see [`find_all`].
pub fn find(country: Country, line: &str) -> Option<String> {
    find_all(country, line, false)
        .into_iter()
        .next()
        .map(|found| found.code)
}

/// A word in capitals without the punctuation and the ideographs around it, which have no blanks.
fn stripped(word: &str) -> String {
    let around = |c: char| !c.is_ascii() || matches!(c, ',' | ';' | ':' | '(' | ')' | '.' | '|');
    let inner = word.trim_matches(around);
    inner.chars().flat_map(char::to_uppercase).collect()
}

/// Whether the form's blank stands where the line has it.
fn blanks_agree(code: &str, first: &str) -> bool {
    code.split_once(' ')
        .is_some_and(|(head, _)| head.chars().count() == first.chars().count())
}

/// The text in one of the country's forms, and how many characters were repaired. Nothing but blanks
/// and hyphens is passed over.
fn fitted(country: Country, text: &str, repair: bool) -> Option<(String, usize)> {
    let kept = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-');
    if text.chars().count() > POSTCODE_MAX || !text.chars().all(kept) {
        return None;
    }
    let key: Vec<char> = text.chars().filter(|c| c.is_alphanumeric()).collect();
    let forms = forms(country)?;
    let repair = repair && key.iter().any(char::is_ascii_digit);
    let exact = forms
        .iter()
        .find_map(|form| laid_out_repaired(&key, form, false));
    let repaired = || {
        let all = forms.iter();
        let all = all.filter_map(|form| laid_out_repaired(&key, form, true));
        all.min_by_key(|(_, changes)| *changes)
    };
    exact.or_else(|| repair.then(repaired)?)
}

fn laid_out_repaired(key: &[char], form: &str, repair: bool) -> Option<(String, usize)> {
    let mut rest = key.iter().copied();
    let (mut out, mut changes) = (String::with_capacity(form.len()), 0);
    for place in form.chars() {
        let fits: fn(&char) -> bool = match place {
            '9' => char::is_ascii_digit,
            'A' => char::is_ascii_uppercase,
            ' ' | '-' => {
                out.push(place);
                continue;
            }
            other => {
                out.push(rest.next().filter(|c| *c == other)?);
                continue;
            }
        };
        let c = rest.next()?;
        if fits(&c) {
            out.push(c);
        } else {
            let alike = alike(c).filter(|c| repair && fits(c))?;
            changes += 1;
            out.push(alike);
        }
    }
    // More repairs than half of the code would make one out of anything.
    (rest.next().is_none() && changes * 2 < key.len()).then_some((out, changes))
}

/// The letter for a digit, or the digit for a letter, that looks most like it in print.
fn alike(c: char) -> Option<char> {
    let pair = match c {
        'O' | 'Q' | 'D' => '0',
        'I' | 'L' | '|' => '1',
        'Z' => '2',
        'A' => '4',
        'S' => '5',
        'G' => '6',
        'T' => '7',
        'B' => '8',
        '0' => 'O',
        '1' => 'I',
        '2' => 'Z',
        '4' => 'A',
        '5' => 'S',
        '6' => 'G',
        '8' => 'B',
        _ => return None,
    };
    Some(pair)
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
    fn lookalikes_are_repaired_only_when_asked() {
        let found = |code: &str, line: &str, repair| {
            let all = find_all(country(code), line, repair);
            all.first()
                .map(|found| (found.code.clone(), found.repaired, found.words))
        };
        let expect = |code: &str, repaired, words| Some((code.to_owned(), repaired, words));
        assert_eq!(found("DE", "1O1I5 Berlin", false), None);
        assert_eq!(
            found("DE", "1O1I5 Berlin", true),
            expect("10115", 2, (0, 0))
        );
        assert_eq!(
            found("GB", "London SWIA 2AA", true),
            expect("SW1A 2AA", 1, (1, 2))
        );
        assert_eq!(found("DE", "SOLID Berlin", true), None);
        assert_eq!(
            found("SE", "114 55 Stockholm", true),
            expect("114 55", 0, (0, 1))
        );
        assert_eq!(
            found("NL", "Straat 12 1012 LG Ede", false),
            expect("1012 LG", 0, (2, 3))
        );
        let all = countries("1012 LG");
        assert_eq!(all.iter().map(|c| c.alpha2()).collect::<Vec<_>>(), ["NL"]);
    }

    #[test]
    fn at_least_sixty_countries() {
        assert!(FORMS.len() >= 60);
        for row in FORMS {
            assert!(Country::from_alpha2(row.0).is_some(), "{}", row.0);
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
