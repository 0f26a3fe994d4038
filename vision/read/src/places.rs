//! Towns and provinces with the beginnings of their postcodes: what confirms that a postcode and a
//! town were read right, and tells the country of an address that names none.

use std::sync::LazyLock;

use crate::country::Country;
use crate::postcode;

/// One town, or several with the same postcodes.
#[derive(Debug)]
struct Row {
    country: Country,
    /// First and last beginning of each range, of equal length.
    codes: Vec<(&'static str, &'static str)>,
    names: Vec<&'static str>,
}

/// The table, in the order of its file.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let rows = include_str!("places.txt").lines();
    rows.filter_map(parsed).collect()
});

fn parsed(line: &'static str) -> Option<Row> {
    let mut fields = line.split(';');
    let country = Country::from_alpha2(fields.next()?)?;
    let codes = fields.next()?.split(',').filter(|code| !code.is_empty());
    let codes = codes.map(|code| code.split_once('-').unwrap_or((code, code)));
    Some(Row {
        country,
        codes: codes.collect(),
        names: fields.next()?.split('|').collect(),
    })
}

/// How a town and a postcode go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// The table knows the town, and the postcode is one of its.
    Confirmed,
    /// The table knows the town, and the postcode is another's.
    Contradicted,
    /// The table does not know the town.
    Unknown,
}

impl Row {
    fn has(&self, code: &str) -> bool {
        let begins = |(first, last): &(&str, &str)| {
            let beginning = code.get(..first.len());
            beginning.is_some_and(|beginning| (*first..=*last).contains(&beginning))
        };
        // Beginnings of letters are whole postal areas: E is not EH.
        let area = |(first, _): &(&str, &str)| {
            let letters = first.bytes().all(|byte| byte.is_ascii_uppercase());
            let next = code.as_bytes().get(first.len());
            !letters || next.is_some_and(u8::is_ascii_digit)
        };
        self.codes.iter().any(|range| begins(range) && area(range))
    }

    fn is_named_in(&self, words: &str) -> bool {
        self.names.iter().any(|name| named(words, name))
    }
}

/// Whether folded words hold a folded name: at word borders, or anywhere in ideographs, whose towns
/// stand without blanks before their district. Recognizers take a ü for two letters.
fn named(words: &str, name: &str) -> bool {
    if !name.is_ascii() {
        let joined: String = words.split(' ').collect();
        return joined.contains(name);
    }
    stands(words, name) || words.contains("II") && stands(&words.replace("II", "U"), name)
}

/// Whether a name stands between word borders.
fn stands(words: &str, name: &str) -> bool {
    words.match_indices(name).any(|(at, _)| {
        let before = words
            .get(..at)
            .is_some_and(|text| text.is_empty() || text.ends_with(' '));
        let after = words.get(at + name.len()..);
        before && after.is_some_and(|text| text.is_empty() || text.starts_with(' '))
    })
}

/// How the town in folded words goes together with a postcode of the country.
pub(crate) fn fit(country: Country, words: &str, code: &str) -> Fit {
    let code = postcode::key(code);
    let rows = ROWS
        .iter()
        .filter(|row| row.country == country && row.is_named_in(words));
    let mut known = Fit::Unknown;
    for row in rows {
        if row.has(&code) {
            return Fit::Confirmed;
        }
        known = Fit::Contradicted;
    }
    known
}

/// Countries of which the folded words name a known town. Codes of two letters are no towns.
pub(crate) fn countries(words: &str) -> Vec<Country> {
    let town = |row: &&Row| {
        let names = || row.names.iter().filter(|name| name.len() > 2);
        names().any(|name| named(words, name))
    };
    let mut found: Vec<Country> = ROWS.iter().filter(town).map(|row| row.country).collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::country::folded;

    #[test]
    fn every_row_is_read_and_folded() {
        let lines = include_str!("places.txt").lines();
        let rows = lines.filter(|line| !line.starts_with('#')).count();
        assert_eq!(ROWS.len(), rows);
        for row in ROWS.iter() {
            for name in &row.names {
                assert_eq!(folded(name), *name);
            }
            for (first, last) in &row.codes {
                assert!(first.len() == last.len() && first <= last, "{row:?}");
            }
        }
    }

    #[test]
    fn towns_and_postcodes() {
        for (country, words, code, expected) in [
            ("DE", "BERLIN", "10115", Fit::Confirmed),
            ("DE", "BERLIN", "80331", Fit::Contradicted),
            ("DE", "MIINCHEN", "80331", Fit::Confirmed),
            ("DE", "KLEINKLECKERSDORF", "80331", Fit::Unknown),
            ("GB", "LONDON", "E1 6AN", Fit::Confirmed),
            ("GB", "LONDON", "EH1 1AA", Fit::Contradicted),
            ("GB", "EDINBURGH", "EH1 1AA", Fit::Confirmed),
            ("US", "SPRINGFIELD IL", "62701", Fit::Confirmed),
            ("US", "TX", "62701", Fit::Contradicted),
            ("CN", "北京市朝阳区", "100020", Fit::Confirmed),
            ("CN", "北 京 市", "100020", Fit::Confirmed),
            ("PL", "WARSZAWA", "00-950", Fit::Confirmed),
            ("FR", "NICE", "06000", Fit::Confirmed),
            ("FR", "VENICE", "06000", Fit::Unknown),
        ] {
            let country = Country::from_alpha2(country).unwrap();
            assert_eq!(fit(country, words, code), expected, "{words} {code}");
        }
        let of = |words| {
            countries(words)
                .iter()
                .map(|c| c.alpha2())
                .collect::<Vec<_>>()
        };
        assert_eq!(of("10115 BERLIN"), ["DE"]);
        assert_eq!(of("CORDOBA"), ["AR", "ES"]);
        assert_eq!(of("IN"), Vec::<&str>::new());
    }
}
