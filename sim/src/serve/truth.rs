//! What the physics of the real-time plant knows.

use std::collections::BTreeMap;

use serde::Serialize;
use sortline_core::ChuteId;

/// Where a parcel ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct End {
    /// Code on its label; absent without one.
    pub code: Option<String>,
    /// Chute; absent for a parcel taken off by hand.
    pub chute: Option<ChuteId>,
}

/// What the physics knows. `inducted = sorted + rejected + lost + missort + removed + on_belt`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Truth {
    /// Seed.
    pub seed: u64,
    /// Parcels that came onto the line.
    pub inducted: u64,
    /// Parcels in a sort chute that is right for them.
    pub sorted: u64,
    /// Parcels in the reject chute.
    pub rejected: u64,
    /// The physics loses none.
    pub lost: u64,
    /// Parcels in a sort chute that is not right for them.
    pub missort: u64,
    /// Parcels taken off by hand.
    pub removed: u64,
    /// Parcels on the belt or on the recirculation conveyor.
    pub on_belt: u64,
    /// Passages of the recirculation conveyor.
    pub recirculations: u64,
    /// Parcels beside a full bag.
    pub spilled: u64,
    /// How often each fault took effect.
    pub faults_fired: BTreeMap<&'static str, u64>,
    /// Seconds since the belt was started.
    pub running_s: f64,
    /// Inducted parcels per hour since the belt was started.
    pub parcels_per_hour: u64,
    /// What must never happen and did: diverters moved against parcels and the like.
    pub violations: Vec<String>,
    /// Camera pulses that found the cameras' queue full.
    pub frames_dropped: u64,
    /// Parcels in each chute.
    pub in_chute: BTreeMap<u16, u64>,
    /// Every parcel has come and gone.
    pub done: bool,
    /// The latest ends, oldest first. Not part of `GET /truth`.
    #[serde(skip)]
    pub ends: Vec<End>,
}
