//! How long something takes, as percentiles over the last measurements.

use std::collections::{BTreeMap, VecDeque};

use sortline_core::{LineTime, ParcelId};

/// Measurements kept for the percentiles.
const KEPT: usize = 1_024;

/// Parcels whose end may be awaited at once; more than fit on any belt.
const OPEN_MAX: usize = 512;

/// Durations by parcel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    open: BTreeMap<ParcelId, LineTime>,
    done: VecDeque<u64>,
}

impl Latency {
    /// The measurement of a parcel begins; it begins anew when it had begun.
    pub fn begin(&mut self, parcel: ParcelId, at: LineTime) {
        if self.open.len() >= OPEN_MAX {
            self.open.pop_first();
        }
        self.open.insert(parcel, at);
    }

    /// It ends; without a beginning nothing is measured.
    pub fn end(&mut self, parcel: ParcelId, at: LineTime) {
        if let Some(begun) = self.open.remove(&parcel) {
            self.add(at.since(begun));
        }
    }

    /// Adds a measurement in microseconds.
    pub fn add(&mut self, micros: u64) {
        if self.done.len() >= KEPT {
            self.done.pop_front();
        }
        self.done.push_back(micros);
    }

    /// The duration in microseconds that `permille` of the measurements do not exceed.
    pub fn percentile(&self, permille: usize) -> Option<u64> {
        let mut sorted: Vec<u64> = self.done.iter().copied().collect();
        sorted.sort_unstable();
        let index = sorted
            .len()
            .saturating_sub(1)
            .saturating_mul(permille.min(1_000))
            / 1_000;
        sorted.get(index).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_measurements() {
        let mut latency = Latency::default();
        assert_eq!(latency.percentile(500), None);
        for micros in 1..=101 {
            latency.add(micros);
        }
        let found = [0, 500, 990, 1_000].map(|permille| latency.percentile(permille).unwrap());
        assert_eq!(found, [1, 51, 100, 101]);
    }

    #[test]
    fn only_what_began_is_measured() {
        let mut latency = Latency::default();
        latency.end(ParcelId(1), LineTime(5));
        latency.begin(ParcelId(1), LineTime(10));
        latency.end(ParcelId(1), LineTime(17));
        latency.end(ParcelId(1), LineTime(99));
        assert_eq!(
            (latency.percentile(0), latency.percentile(1_000)),
            (Some(7), Some(7))
        );
    }
}
