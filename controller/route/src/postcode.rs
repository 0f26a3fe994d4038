//! Postcode to last-mile zone: the longest prefix of the country decides.

use std::collections::BTreeMap;

use crate::network::Node;

/// Letters and digits of a postcode that are looked at.
const LENGTH: usize = 8;

type Key = [u8; LENGTH];

/// Zones by country and prefix.
#[derive(Clone, Debug, Default)]
pub(crate) struct Postcodes(BTreeMap<[u8; 2], BTreeMap<Key, Node>>);

impl Postcodes {
    /// Adds a prefix; empty stands for all other postcodes of the country. The zone that has it
    /// already, if any.
    pub(crate) fn add(&mut self, country: &str, prefix: &str, zone: Node) -> Option<Node> {
        let country = country_key(country)?;
        let (key, _) = normal(prefix);
        self.0.entry(country).or_default().insert(key, zone)
    }

    pub(crate) fn find(&self, country: &str, postcode: &str) -> Option<Node> {
        let prefixes = self.0.get(&country_key(country)?)?;
        let (mut key, length) = normal(postcode);
        let letters = key
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        for keep in (0..=length).rev() {
            if let Some(byte) = key.get_mut(keep) {
                *byte = 0;
            }
            // Letters alone are an area name and stand only for the whole of it.
            if (keep >= letters || keep == 0)
                && let Some(zone) = prefixes.get(&key)
            {
                return Some(*zone);
            }
        }
        None
    }
}

fn country_key(country: &str) -> Option<[u8; 2]> {
    country.as_bytes().try_into().ok()
}

/// Upper-case letters and digits only, filled up with zeros, and their number.
fn normal(postcode: &str) -> (Key, usize) {
    let mut key = [0; LENGTH];
    let kept = postcode.bytes().filter(u8::is_ascii_alphanumeric);
    let mut length = 0;
    for (cell, byte) in key.iter_mut().zip(kept) {
        *cell = byte.to_ascii_uppercase();
        length += 1;
    }
    (key, length)
}

/// The prefixes a cell of `zones.csv` stands for; `None` when it is malformed.
pub(crate) fn expand(cell: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    for part in cell.split_whitespace() {
        if let Some((first, last)) = part.split_once('-') {
            let width = first.len();
            let numbers = (first.parse::<u32>().ok()?, last.parse::<u32>().ok()?);
            if width != last.len() || width > 5 || numbers.0 > numbers.1 {
                return None;
            }
            all.extend((numbers.0..=numbers.1).map(|number| format!("{number:0width$}")));
        } else if part.len() <= LENGTH && part.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            all.push(part.to_owned());
        } else {
            return None;
        }
    }
    if all.is_empty() {
        all.push(String::new());
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_decides() {
        let mut codes = Postcodes::default();
        for (prefix, zone) in [("", 1), ("1", 2), ("101", 3)] {
            codes.add("DE", prefix, Node(zone));
        }
        for (code, zone) in [
            ("10115", 3),
            ("12043", 2),
            ("80331", 1),
            ("", 1),
            ("1 01", 3),
        ] {
            assert_eq!(codes.find("DE", code), Some(Node(zone)), "{code}");
        }
        assert_eq!(codes.find("FR", "75011"), None);
    }

    #[test]
    fn letters_stand_for_the_whole_area() {
        let mut codes = Postcodes::default();
        for (prefix, zone) in [("", 1), ("E", 2), ("EH", 3), ("M", 4)] {
            codes.add("GB", prefix, Node(zone));
        }
        for (code, zone) in [
            ("E1 6AN", 2),
            ("eh1 1yz", 3),
            ("EX4 4QJ", 1),
            ("ME1 1AA", 1),
        ] {
            assert_eq!(codes.find("GB", code), Some(Node(zone)), "{code}");
        }
    }

    #[test]
    fn ranges_keep_their_width() {
        assert_eq!(expand("08-10 2").unwrap(), ["08", "09", "10", "2"]);
        assert_eq!(expand("").unwrap(), [""]);
        for bad in ["10-9", "8-10", "a-c", "1_2", "123456789"] {
            assert_eq!(expand(bad), None, "{bad}");
        }
    }
}
