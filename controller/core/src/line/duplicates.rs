//! Identifiers seen shortly before: a second parcel with the same one is a copy of a label, or the
//! same parcel put on the line again.

use std::collections::{BTreeMap, VecDeque};

use crate::{Code, LineTime, ParcelId};

/// Identifiers remembered.
const CODES_MAX: usize = 4_096;
/// How long, in milliseconds: half an hour.
const REMEMBERED_MS: u64 = 1_800_000;

/// Identifiers and who had them.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    owners: BTreeMap<Code, (ParcelId, LineTime)>,
    order: VecDeque<Code>,
}

impl Duplicates {
    /// A parcel has this identifier; gives another that had it before.
    pub(super) fn take(&mut self, code: &Code, id: ParcelId, now: LineTime) -> Option<ParcelId> {
        let before = self.owners.get(code).copied();
        if before.is_none() {
            self.order.push_back(code.clone());
            if self.order.len() > CODES_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.owners.remove(&oldest);
            }
        }
        self.owners.insert(code.clone(), (id, now));
        let (other, since) = before?;
        (other != id && now <= since.after_ms(REMEMBERED_MS)).then_some(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(value: &str) -> Code {
        Code {
            kind: "s10".into(),
            value: value.into(),
        }
    }

    #[test]
    fn the_same_identifier_of_another_parcel_is_found_for_half_an_hour() {
        let late = LineTime::default().after_ms(REMEMBERED_MS + 1);
        for (second, id, now, found) in [
            ("a", 2, LineTime(5), Some(ParcelId(1))),
            ("a", 1, LineTime(5), None),
            ("b", 2, LineTime(5), None),
            ("a", 2, late, None),
        ] {
            let mut known = Duplicates::default();
            assert_eq!(known.take(&code("a"), ParcelId(1), LineTime(0)), None);
            assert_eq!(
                known.take(&code(second), ParcelId(id), now),
                found,
                "{second} {id}"
            );
        }
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut known = Duplicates::default();
        for number in 0..10_000_u64 {
            known.take(&code(&number.to_string()), ParcelId(number), LineTime(0));
        }
        assert_eq!(
            (known.order.len(), known.owners.len()),
            (CODES_MAX, CODES_MAX)
        );
    }
}
