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

pub(crate) use geometry::{BeltEye, CarrierSpec, ChuteSpec, DiverterSpec, EyeUse, Geometry};

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
    /// Carriers of a loop. Absent: parcels lie on a belt.
    #[serde(default)]
    pub carriers: Option<Carriers>,
    /// Photo-eyes, any order.
    #[serde(rename = "eye")]
    pub eyes: Vec<Eye>,
    /// Cameras, any order.
    #[serde(rename = "camera", default)]
    pub cameras: Vec<Camera>,
    /// Diverters in the order in which parcels reach them.
    #[serde(rename = "diverter")]
    pub diverters: Vec<Diverter>,
    /// Chutes, any order. Exactly one is of kind `reject`: the end of the belt, or on a loop a
    /// chute with a diverter.
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
    /// chute; on a loop to where the way back to induction begins.
    pub length_mm: u32,
    /// Length of the recirculation conveyor, from its confirmation photo-eye to the induction
    /// photo-eye; on a loop of the way back. 0: the line has none.
    #[serde(default)]
    pub recirculation_mm: u32,
}

/// Carriers of a loop: trays or cross belts, each with one parcel, that come round for ever.
///
/// What is not discharged takes another lap by itself. Carriers do not slip, so that a parcel is
/// where its carrier is, and the carrier is what a diverter acts on. Belt and way back together
/// are as long as all carriers. The chute of kind `recirculation` is the loop itself: it has
/// neither diverter nor photo-eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Carriers {
    /// From one carrier to the next, 200 to 3,000; a whole number of encoder ticks.
    pub pitch_mm: u32,
    /// Carriers on the loop, 10 to 5,000.
    pub count: u32,
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
    /// Parcels under way at most, 0 to 1,000: from four fifths on inductions are asked to slow
    /// down, here to pause. 0: no limit.
    #[serde(default)]
    pub in_flight_max: u32,
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
    /// Which rule ties an edge of a photo-eye to a parcel. All but `joint` are there to compare
    /// with, and can missort.
    pub rule: TrackerRule,
    /// A stroke is sent only if the probability that it takes another parcel is at most this, in
    /// parts per billion; 1 to 100,000,000.
    pub doubt_ppb_max: u32,
    /// How often people take a parcel off, put one on, or a photo-eye does not see one, between two
    /// photo-eyes, in parts per million of the parcels that pass; 1 to 100,000. Rather too often than
    /// too seldom: where it is more than the truth, more parcels are doubted.
    pub stray_ppm: u32,
}

/// Which rule ties an edge of a photo-eye to a parcel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TrackerRule {
    /// First in, first out, wherever the edge comes.
    Fifo,
    /// First in, first out; an edge before the next parcel's window is nobody's.
    FifoEarly,
    /// First in, first out within windows of wall-clock time.
    WindowTime,
    /// The parcel that is expected nearest, within windows of belt travel.
    Nearest,
    /// The first parcel in the order of the belt whose window of belt travel holds the edge.
    Order,
    /// All parcels and edges that compete, together: position, its uncertainty, order and length.
    #[default]
    Joint,
}

impl TrackerRule {
    /// Every rule, simplest first.
    pub const ALL: [Self; 6] = [
        Self::Fifo,
        Self::FifoEarly,
        Self::WindowTime,
        Self::Nearest,
        Self::Order,
        Self::Joint,
    ];

    /// Its name in files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fifo => "fifo",
            Self::FifoEarly => "fifo-early",
            Self::WindowTime => "window-time",
            Self::Nearest => "nearest",
            Self::Order => "order",
            Self::Joint => "joint",
        }
    }
}

impl Default for Tracking {
    fn default() -> Self {
        Self {
            window_mm: 150,
            command_ms: 120,
            jam_ms: 5_000,
            failed_strokes_max: 3,
            rule: TrackerRule::Joint,
            doubt_ppb_max: 1_000,
            stray_ppm: 500,
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
    /// Position along the belt; for `confirm` and `full` the chute's diverter counts, not this. For
    /// an induction that merges: where on the belt the leading edge comes to lie as it passes.
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
    /// First sight of a parcel. Exactly one at position 0; others stand beside the belt, where
    /// further inductions merge into it, and see their own parcels only.
    Induct,
    /// Re-bases tracking on the belt.
    Track,
    /// Sees every parcel that enters a chute, the recirculation conveyor or the end of the belt.
    Confirm,
    /// Blocked while a chute is full.
    Full,
    /// Blocked by the flag of the first carrier of a loop, once a lap.
    Origin,
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
    /// Belt that it sees in one frame. A longer parcel gets a frame of each part, as it may be
    /// two that touch, each with its label. 0: any parcel fits into one frame.
    #[serde(default)]
    pub view_mm: u32,
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
    /// How it moves parcels off the belt.
    #[serde(default)]
    pub kind: DiverterKind,
    /// Side of the belt, in the direction of travel.
    pub side: Side,
    /// Its working point. A parcel is diverted when the diverter is out as the parcel's middle
    /// passes here; by a `swing_arm` or `shoe` when it is out from leading to trailing edge.
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

/// How a diverter moves parcels off the belt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DiverterKind {
    /// A plate pushes the parcel off across the belt.
    Pusher,
    /// Wheels rise and steer the parcel off.
    #[default]
    Wheel,
    /// Belts or rollers rise and carry the parcel off at a right angle.
    PopUp,
    /// An arm swings across the belt and guides the parcel off along itself.
    SwingArm,
    /// A switch sends the shoes beside the parcel across, and they push it off as it travels.
    Shoe,
    /// Tilts or drives the carrier that passes; on loops only.
    Carrier,
}

impl DiverterKind {
    /// True when it must be out from the parcel's leading edge to its trailing edge; otherwise it
    /// takes what has its middle on it.
    #[must_use]
    pub const fn takes_whole(self) -> bool {
        matches!(self, Self::SwingArm | Self::Shoe)
    }
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
    /// Length of product it holds until someone empties it. 0: not counted.
    #[serde(default)]
    pub capacity_mm: u32,
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
    /// Leads back to induction; on a loop, the loop itself.
    Recirculation,
    /// The end of the belt: whatever is not diverted. On a loop it has a diverter.
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

    /// The same line, its parcels tracked by another rule.
    #[must_use]
    pub const fn with_rule(mut self, rule: TrackerRule) -> Self {
        self.config.tracking.rule = rule;
        self.geometry.rule = rule;
        self
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

    /// The diverter that sends parcels to this chute; none for the end of the belt and for a loop
    /// itself.
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
