//! What a run tells.

use std::collections::BTreeMap;

use serde::Serialize;

use super::judge::Violation;

/// The result of one seed. Counts are those of the physics:
/// `inducted = sorted + rejected + lost + missort + removed + on_belt`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Name of the scenario.
    pub scenario: String,
    /// Seed.
    pub seed: u64,
    /// Parcels that came onto the line, those put on by hand included.
    pub inducted: u64,
    /// Parcels in a chute that is right for them and that was decided.
    pub sorted: u64,
    /// Parcels in the reject chute.
    pub rejected: u64,
    /// Parcels that are nowhere. The physics loses none: those taken off by hand are `removed`.
    pub lost: u64,
    /// Parcels in a wrong chute.
    pub missort: u64,
    /// Of these, the ones that no photo-eye had seen in time for a command when the diverter that
    /// took them moved: people put them down there, or photo-eyes missed them.
    pub unseen: u64,
    /// Parcels taken off by hand.
    pub removed: u64,
    /// Parcels still on the belt or on the recirculation conveyor at the end.
    pub on_belt: u64,
    /// Passages of the recirculation conveyor.
    pub recirculations: u64,
    /// Parcels that came beside a full bag.
    pub spilled: u64,
    /// Why the core rejected, as it says itself.
    pub reject_causes: BTreeMap<String, u64>,
    /// Outcomes as the core told them.
    pub told: BTreeMap<&'static str, u64>,
    /// Where the core's outcome is not what the physics did, as `told/physics`.
    pub disagreements: BTreeMap<String, u64>,
    /// Strokes that the node refused or dropped, by its reason.
    pub refusals: BTreeMap<String, u64>,
    /// Parcels on the belt that the controller knew when it was killed.
    pub on_belt_at_kill: u64,
    /// Of these, the ones of which it knew afterwards what became of them.
    pub readopted: u64,
    /// How often each fault with a rate above 0 took effect.
    pub faults_fired: BTreeMap<&'static str, u64>,
    /// Virtual time from the start until the line was empty.
    pub simulated_s: f64,
    /// Time on the wall, set by whoever has a clock.
    pub wall_s: f64,
    /// Inducted parcels per hour of virtual time.
    pub parcels_per_hour: u64,
    /// Hash over every event and action with its virtual time.
    pub trace_hash: String,
    /// The first violations.
    pub violations: Vec<Violation>,
    /// All violations.
    pub violations_total: u64,
    /// Parcels in each chute, reject chute included.
    pub in_chute: BTreeMap<u16, u64>,
    /// Positions of the first parcels over time, for pictures.
    #[serde(skip)]
    pub ways: BTreeMap<u32, Vec<Spot>>,
    /// How each parcel that did not end in its chute ended, among the first: `rejected`, `missort`
    /// or `removed`; for pictures.
    #[serde(skip)]
    pub odd_ends: BTreeMap<u32, &'static str>,
}

/// Where a parcel was when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Virtual time in microseconds.
    pub at_us: u64,
    /// Leading edge, micrometres from induction.
    pub lead_um: i64,
}
