//! Who the parcels of the real-time plant are: rows of the manifest, parcels that only their label
//! knows, and parcels nobody can read.

use crate::plant::Rng;
use crate::plant::config::LabelConfig;
use crate::render::Shipment;

/// Stream of random numbers for identities.
const STREAM: u64 = 201;
/// GS1 company prefix of the shippers of parcels that are not in the manifest; a GS1 example.
const PREFIX: &str = "04012345";

/// What is on a parcel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The shipment; its destination is the true one.
    pub(crate) shipment: Shipment,
    /// Row of the manifest it was made from.
    pub(crate) row: usize,
    /// The label can be used.
    pub(crate) readable: bool,
}

/// All identities of a run.
#[derive(Clone, Debug)]
pub(crate) struct Identities {
    rows: Vec<Shipment>,
    labels: LabelConfig,
    seed: u64,
}

impl Identities {
    /// Identities from these rows.
    pub(crate) const fn new(rows: Vec<Shipment>, labels: LabelConfig, seed: u64) -> Self {
        Self { rows, labels, seed }
    }

    /// The identity of the parcel with this serial; `None` without a manifest.
    pub(crate) fn of(&self, serial: u32) -> Option<Identity> {
        let mut rng = Rng::new(self.seed ^ u64::from(serial), STREAM);
        let index = usize::try_from(serial).ok()?.checked_sub(1)?;
        let row = index.checked_rem(self.rows.len())?;
        let mut shipment = self.rows.get(row)?.clone();
        // A row is used once: two parcels with one code would be duplicates.
        let listed =
            index < self.rows.len() && rng.below(1_000) >= u64::from(self.labels.unlisted_permille);
        if !listed {
            shipment.code = sscc(serial);
        }
        let readable = rng.below(1_000) >= u64::from(self.labels.unreadable_permille);
        Some(Identity {
            shipment,
            row,
            readable,
        })
    }
}

/// A serial shipping container code for a serial number (GS1 General Specifications, section
/// 7.9: check digit modulo 10 with weights 3 and 1).
fn sscc(serial: u32) -> String {
    let body = format!("{PREFIX}{:09}", serial % 1_000_000_000);
    let weights = [3, 1].into_iter().cycle();
    let digits = body
        .bytes()
        .map(|digit| u32::from(digit.wrapping_sub(b'0')));
    let sum: u32 = digits
        .zip(weights)
        .map(|(digit, weight)| digit * weight)
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identities(rows: usize, labels: LabelConfig) -> Identities {
        let row = |i| Shipment {
            code: format!("CODE{i}"),
            country: "DE".to_owned(),
            postcode: "10115".to_owned(),
            city: "Berlin".to_owned(),
            service: "standard".to_owned(),
        };
        Identities::new((0..rows).map(row).collect(), labels, 1)
    }

    #[test]
    fn the_check_digit_is_right() {
        // The example of the GS1 General Specifications: 37610425002123456, check digit 9.
        let digits = "37610425002123456";
        let sum: u32 = digits
            .bytes()
            .zip([3, 1].into_iter().cycle())
            .map(|(d, w)| u32::from(d - b'0') * w)
            .sum();
        assert_eq!((10 - sum % 10) % 10, 9);
        assert_eq!(sscc(1).len(), 18);
        assert_eq!(sscc(1), "040123450000000016");
    }

    #[test]
    fn every_row_is_used_once_and_then_only_the_label_knows() {
        let none = LabelConfig {
            unlisted_permille: 0,
            unreadable_permille: 0,
        };
        let identities = identities(2, none);
        let code = |serial| identities.of(serial).unwrap().shipment.code;
        assert_eq!((code(1), code(2)), ("CODE0".to_owned(), "CODE1".to_owned()));
        assert_eq!(code(3), sscc(3));
        assert_eq!(identities.of(3).unwrap().row, 0);
        assert_eq!(identities.of(0), None);
    }

    #[test]
    fn shares_hold() {
        let labels = LabelConfig {
            unlisted_permille: 100,
            unreadable_permille: 50,
        };
        let identities = identities(10_000, labels);
        let all: Vec<_> = (1..=10_000)
            .filter_map(|serial| identities.of(serial))
            .collect();
        let unlisted = all
            .iter()
            .filter(|i| !i.shipment.code.starts_with("CODE"))
            .count();
        let unreadable = all.iter().filter(|i| !i.readable).count();
        assert!((850..1_150).contains(&unlisted), "{unlisted}");
        assert!((400..600).contains(&unreadable), "{unreadable}");
    }
}
