//! The line as built: what stands where, and how fast it moves.
//!
//! A line is described in `line.toml`. [`LineConfig`] is that file as written; [`Topology`] is
//! the same after every check, with lengths in encoder ticks. Controller, simulator and dashboard
//! use the same file.
//!
//! Positions are millimetres of belt downstream of the induction photo-eye. A parcel's position
//! is that of its leading edge.

use serde::{Deserialize, Serialize};

use crate::{CameraId, ChuteId, DiverterId, EyeId};

mod check;
mod geometry;

pub(crate) use geometry::{BeltEye, ChuteSpec, DiverterSpec, EyeUse, Geometry};

/// `line.toml` as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LineConfig {
    /// Short name used in topics and paths: lower-case letters, digits, dashes.
    pub id: String,
    /// Name shown to people.
    pub name: String,
    /// Belt and encoder.
    pub belt: Belt,
    /// Limits on parcels and gaps.
    pub parcel: ParcelLimits,
    /// How exactly parcels are tracked.
    #[serde(default)]
    pub tracking: Tracking,
    /// Photo-eyes, any order.
    #[serde(rename = "eye")]
    pub eyes: Vec<Eye>,
    /// Cameras, any order.
    #[serde(rename = "camera", default)]
    pub cameras: Vec<Camera>,
    /// Diverters in the order in which parcels reach them.
    #[serde(rename = "diverter")]
    pub diverters: Vec<Diverter>,
    /// Chutes, any order. Exactly one is of kind `reject`: the end of the belt.
    #[serde(rename = "chute")]
    pub chutes: Vec<Chute>,
}

/// Belt and encoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Belt {
    /// Nominal speed, 100 to 4,000.
    pub speed_mm_per_s: u32,
    /// Belt travel per encoder tick in micrometres, 100 to 10,000.
    pub um_per_tick: u32,
    /// From the induction photo-eye to the end of the belt, where parcels fall into the reject
    /// chute.
    pub length_mm: u32,
    /// Length of the recirculation conveyor, from its confirmation photo-eye to the induction
    /// photo-eye. 0: the line has none.
    #[serde(default)]
    pub recirculation_mm: u32,
}

/// Limits on parcels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ParcelLimits {
    /// Shorter blockings of a photo-eye are not parcels.
    pub length_mm_min: u32,
    /// Longer ones are several parcels touching.
    pub length_mm_max: u32,
    /// Least free belt between two parcels that are both diverted.
    pub gap_mm_min: u32,
    /// Laps after which a parcel is rejected.
    #[serde(default = "three")]
    pub laps_max: u8,
}

fn three() -> u8 {
    3
}

/// Tracking tolerances and margins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Tracking {
    /// A parcel is expected at a photo-eye within this distance of its predicted position.
    pub window_mm: u32,
    /// A stroke must be written at least this long before it fires: polling, bus and retry.
    pub command_ms: u32,
    /// A photo-eye blocked longer than the longest parcel takes, plus this, is a jam.
    pub jam_ms: u32,
    /// Failed strokes in a row after which a diverter is disabled.
    pub failed_strokes_max: u8,
}

impl Default for Tracking {
    fn default() -> Self {
        Self {
            window_mm: 150,
            command_ms: 120,
            jam_ms: 5_000,
            failed_strokes_max: 3,
        }
    }
}

/// A photo-eye.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Eye {
    /// Input number at the field node.
    pub id: EyeId,
    /// Name on drawings and screens.
    pub name: String,
    /// What it is for.
    pub role: EyeRole,
    /// Position along the belt; for `confirm` and `full` the chute's diverter counts, not this.
    #[serde(default)]
    pub position_mm: u32,
    /// The chute it watches, for `confirm` and `full`.
    #[serde(default)]
    pub chute: Option<ChuteId>,
}

/// What a photo-eye is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EyeRole {
    /// First sight of a parcel; position 0. Exactly one.
    Induct,
    /// Re-bases tracking on the belt.
    Track,
    /// Sees every parcel that enters a chute, the recirculation conveyor or the end of the belt.
    Confirm,
    /// Blocked while a chute is full.
    Full,
}

/// A camera.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// Trigger output number at the field node.
    pub id: CameraId,
    /// Name on drawings and screens.
    pub name: String,
    /// Centre of its view. The trigger is given when the parcel's middle is there.
    pub position_mm: u32,
}

/// A diverter: one side of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Diverter {
    /// Output number at the field node.
    pub id: DiverterId,
    /// Name on drawings and screens.
    pub name: String,
    /// Side of the belt, in the direction of travel.
    pub side: Side,
    /// Its working point. A parcel is diverted when the diverter is out as the parcel's middle
    /// passes here.
    pub position_mm: u32,
    /// Belt its mechanism covers, half before and half after the position: no other parcel may be
    /// on it while the diverter moves.
    pub body_mm: u32,
    /// From output on to fully out.
    pub extend_ms: u32,
    /// From output off to fully back.
    pub retract_ms: u32,
    /// Longest time the output may stay on.
    pub hold_ms_max: u16,
    /// The diverter on the other side of the same machine, which must not be out at once.
    #[serde(default)]
    pub opposite: Option<DiverterId>,
    /// Where it sends parcels.
    pub chute: ChuteId,
}

/// Side of the belt, in the direction of travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Left.
    Left,
    /// Right.
    Right,
}

/// A chute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Chute {
    /// Number in the building.
    pub id: ChuteId,
    /// Name shown to people.
    pub name: String,
    /// What happens there.
    pub kind: ChuteKind,
    /// Parcels it holds until someone empties it. 0: not counted, only its photo-eye tells.
    #[serde(default)]
    pub capacity_parcels: u32,
    /// Shortest time from leaving the belt to its confirmation photo-eye.
    pub confirm_ms_min: u32,
    /// Longest time from leaving the belt to its confirmation photo-eye.
    pub confirm_ms_max: u32,
}

/// What happens to parcels in a chute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChuteKind {
    /// Collects parcels of destinations.
    Sort,
    /// Leads back to induction.
    Recirculation,
    /// The end of the belt: whatever is not diverted.
    Reject,
}

/// Why a line is refused. Names the key and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct TopologyError {
    /// Key in `line.toml`, such as `diverter[3].position_mm`.
    pub key: String,
    /// What is wrong, what was found and what is allowed.
    pub problem: String,
}

/// A checked line: every rule of the file holds, and lengths are known in encoder ticks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    config: LineConfig,
    geometry: Geometry,
}

impl Topology {
    /// Checks a line.
    ///
    /// # Errors
    /// Every problem found, in the order of the file.
    pub fn new(config: LineConfig) -> Result<Self, Vec<TopologyError>> {
        let problems = check::problems(&config);
        if !problems.is_empty() {
            return Err(problems);
        }
        let geometry = Geometry::new(&config);
        Ok(Self { config, geometry })
    }

    /// The line as written.
    #[must_use]
    pub const fn config(&self) -> &LineConfig {
        &self.config
    }

    /// Encoder ticks in a length of belt, rounded down; saturates.
    #[must_use]
    pub fn ticks(&self, mm: u32) -> i32 {
        geometry::ticks(mm, self.config.belt.um_per_tick)
    }

    /// Millimetres in a number of ticks, rounded towards zero.
    #[must_use]
    pub fn mm(&self, ticks: i64) -> i64 {
        ticks.saturating_mul(i64::from(self.config.belt.um_per_tick)) / 1_000
    }

    /// Ticks the belt moves in a time at nominal speed; saturates.
    #[must_use]
    pub fn ticks_in_ms(&self, ms: u32) -> i32 {
        geometry::ticks_in_ms(&self.config.belt, ms)
    }

    /// The chute at the end of the belt.
    #[must_use]
    pub fn reject(&self) -> ChuteId {
        self.geometry
            .chute(self.geometry.reject)
            .map_or(ChuteId(0), |chute| chute.id)
    }

    /// The chute that leads back to induction, if the line has one.
    #[must_use]
    pub fn recirculation(&self) -> Option<ChuteId> {
        self.geometry
            .recirculation
            .and_then(|at| self.geometry.chute(at))
            .map(|chute| chute.id)
    }

    /// The chute with this number.
    #[must_use]
    pub fn chute(&self, id: ChuteId) -> Option<&Chute> {
        self.config.chutes.iter().find(|chute| chute.id == id)
    }

    /// The diverter that sends parcels to this chute; none for the reject chute.
    #[must_use]
    pub fn diverter_of(&self, chute: ChuteId) -> Option<&Diverter> {
        self.config
            .diverters
            .iter()
            .find(|diverter| diverter.chute == chute)
    }

    /// The photo-eye that sees every parcel entering this chute.
    #[must_use]
    pub fn confirm_eye(&self, chute: ChuteId) -> Option<&Eye> {
        self.eye_of(chute, EyeRole::Confirm)
    }

    /// The photo-eye that is blocked while this chute is full, if it has one.
    #[must_use]
    pub fn full_eye(&self, chute: ChuteId) -> Option<&Eye> {
        self.eye_of(chute, EyeRole::Full)
    }

    fn eye_of(&self, chute: ChuteId, role: EyeRole) -> Option<&Eye> {
        self.config
            .eyes
            .iter()
            .find(|eye| eye.role == role && eye.chute == Some(chute))
    }

    /// Lengths in ticks and tables by index, for the line's own use.
    pub(crate) const fn geometry(&self) -> &Geometry {
        &self.geometry
    }
}
