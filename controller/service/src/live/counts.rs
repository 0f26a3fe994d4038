//! Totals of a line.

use std::collections::BTreeMap;

use serde::Serialize;
use sortline_core::{NoRead, RejectCause};

/// Totals since the journal began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Parcels inducted for the first time.
    pub inducted: u64,
    /// Outcomes sorted.
    pub sorted: u64,
    /// Outcomes rejected.
    pub rejected: u64,
    /// Outcomes lost.
    pub lost: u64,
    /// Outcomes missort.
    pub missort: u64,
    /// Laps taken.
    pub recirculations: u64,
    /// Parcels that ended without any frame having been read.
    pub no_read: u64,
    /// Rejected by cause.
    pub reject_causes: BTreeMap<String, u64>,
    /// Strokes commanded, fired, and withheld or refused.
    pub strokes_commanded: u64,
    /// Strokes executed.
    pub strokes_fired: u64,
    /// Strokes withheld or refused.
    pub strokes_aborted: u64,
    /// Readings that came after the commit position.
    pub late_readings: u64,
}

impl Counts {
    /// Parcels that have an outcome.
    pub fn ended(&self) -> u64 {
        self.sorted + self.rejected + self.lost + self.missort
    }

    /// Share of the parcels ended of which a frame was read; 1 before the first.
    pub fn read_rate(&self) -> f64 {
        let ended = to_f64(self.ended());
        if ended > 0.0 {
            1.0 - to_f64(self.no_read) / ended
        } else {
            1.0
        }
    }
}

/// A count as a number to divide by; infinite beyond 4 thousand millions.
pub(super) fn to_f64(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// Name of a cause as in the simulator's report: without the reason of a no-read.
pub(super) fn cause_name(cause: RejectCause) -> String {
    if let RejectCause::NoRead { reason } = cause {
        let name = if reason == NoRead::NoFrame {
            "no_frame"
        } else {
            "no_read"
        };
        return name.to_owned();
    }
    let json = serde_json::to_string(&cause).unwrap_or_default();
    json.trim_matches('"').to_owned()
}
