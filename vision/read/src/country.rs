//! Countries: codes of ISO 3166-1 and the names people write.

mod names;
mod table;

use std::fmt;

use serde::{Serialize, Serializer};

/// A country or territory of ISO 3166-1, by its place in the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(&'static str);

impl Country {
    /// By alpha-2 code in capitals, such as `DE`.
    pub fn from_alpha2(code: &str) -> Option<Self> {
        let at = table::COUNTRIES
            .binary_search_by(|row| row.0.cmp(code))
            .ok()?;
        table::COUNTRIES.get(at).map(|row| Self(row.0))
    }

    /// By alpha-3 code in capitals, such as `DEU`.
    pub fn from_alpha3(code: &str) -> Option<Self> {
        table::COUNTRIES
            .iter()
            .find(|row| row.1 == code)
            .map(|row| Self(row.0))
    }

    /// By numeric code of three digits, such as `276`.
    pub fn from_numeric(code: &str) -> Option<Self> {
        let three_digits = code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit());
        let number: u16 = three_digits.then(|| code.parse().ok())??;
        table::COUNTRIES
            .iter()
            .find(|row| row.2 == number)
            .map(|row| Self(row.0))
    }

    /// By code of two or three letters, numeric code, or a name in one of several languages.
    pub fn from_any(text: &str) -> Option<Self> {
        let text = folded(text);
        Self::from_alpha2(&text)
            .or_else(|| Self::from_alpha3(&text))
            .or_else(|| Self::from_numeric(&text))
            .or_else(|| Self::from_name(&text))
    }

    /// By a name as [`folded`] makes it: `GERMANY`, `ALLEMAGNE`, `德国`, also `USA` and `UK`.
    pub fn from_name(folded: &str) -> Option<Self> {
        let short = || {
            table::COUNTRIES
                .iter()
                .find(|row| row.3 == folded)
                .map(|row| row.0)
        };
        let other = || {
            let has = |row: &&(&'static str, &[&str])| row.1.contains(&folded);
            names::NAMES.iter().find(has).map(|row| row.0)
        };
        short().or_else(other).map(Self)
    }

    /// All countries with each of their names, as [`folded`] makes them.
    pub(crate) fn names() -> impl Iterator<Item = (Self, &'static str)> {
        let short = table::COUNTRIES.iter().map(|row| (Self(row.0), row.3));
        let other = names::NAMES
            .iter()
            .flat_map(|row| row.1.iter().map(|name| (Self(row.0), *name)));
        short.chain(other)
    }

    /// Alpha-2 code, such as `DE`.
    pub fn alpha2(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Country {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0)
    }
}

/// Capitals without accents; everything that is neither letter nor digit becomes one blank.
pub fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_uppercase) {
        let c = plain(c);
        if c.is_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with(' ') && c != '\'' && c != '’' {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// The base letter of the Latin and Greek capitals with marks that European addresses hold.
fn plain(c: char) -> char {
    match c {
        'À'..='Å' | 'Ā' | 'Ă' | 'Ą' => 'A',
        'Ç' | 'Ć' | 'Č' => 'C',
        'Ď' | 'Đ' => 'D',
        'È'..='Ë' | 'Ē' | 'Ė' | 'Ę' | 'Ě' => 'E',
        'Ğ' | 'Ģ' => 'G',
        'Ì'..='Ï' | 'Ī' | 'Į' | 'İ' => 'I',
        'Ķ' => 'K',
        'Ĺ' | 'Ļ' | 'Ľ' | 'Ł' => 'L',
        'Ñ' | 'Ń' | 'Ņ' | 'Ň' => 'N',
        'Ò'..='Ö' | 'Ø' | 'Ő' => 'O',
        'Ŕ' | 'Ř' => 'R',
        'Ś' | 'Š' | 'Ş' | 'Ș' => 'S',
        'Ť' | 'Ţ' | 'Ț' => 'T',
        'Ù'..='Ü' | 'Ū' | 'Ů' | 'Ű' | 'Ų' => 'U',
        'Ý' => 'Y',
        'Ź' | 'Ż' | 'Ž' => 'Z',
        'Ά' => 'Α',
        'Έ' => 'Ε',
        'Ή' => 'Η',
        'Ί' | 'Ϊ' => 'Ι',
        'Ό' => 'Ο',
        'Ύ' | 'Ϋ' => 'Υ',
        'Ώ' => 'Ω',
        'Ё' => 'Е',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_its_codes_are_unique() {
        let mut alpha3: Vec<_> = table::COUNTRIES.iter().map(|row| row.1).collect();
        let mut numeric: Vec<_> = table::COUNTRIES.iter().map(|row| row.2).collect();
        alpha3.sort_unstable();
        alpha3.dedup();
        numeric.sort_unstable();
        numeric.dedup();
        assert_eq!((alpha3.len(), numeric.len()), (249, 249));
        assert!(table::COUNTRIES.is_sorted_by_key(|row| row.0));
        for row in table::COUNTRIES {
            assert_eq!(folded(row.3), row.3);
        }
        for (code, names) in names::NAMES {
            assert!(Country::from_alpha2(code).is_some(), "{code}");
            for name in *names {
                assert_eq!(folded(name), *name, "{code}");
            }
        }
    }

    #[test]
    fn a_country_by_everything_it_is_called() {
        for text in [
            "DE",
            "deu",
            "276",
            "Germany",
            "Deutschland",
            "德国",
            "  germany. ",
        ] {
            assert_eq!(
                Country::from_any(text).map(Country::alpha2),
                Some("DE"),
                "{text}"
            );
        }
        assert_eq!(
            Country::from_any("Österreich").map(Country::alpha2),
            Some("AT")
        );
        assert_eq!(
            Country::from_any("Côte d'Ivoire").map(Country::alpha2),
            Some("CI")
        );
        assert_eq!(Country::from_any("U.S.A.").map(Country::alpha2), Some("US"));
        for text in ["", "XX", "999", "27", "+27", "Atlantis"] {
            assert_eq!(Country::from_any(text), None, "{text}");
        }
    }
}
