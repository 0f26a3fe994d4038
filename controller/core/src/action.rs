//! Everything a line can want.

use serde::{Deserialize, Serialize};

use crate::{
    CameraId, ChuteId, Destination, DiverterId, Epoch, EyeId, NoRead, ParcelId, Reading, Refusal,
    Seq, Ticks, TriggerId,
};

/// One thing the core wants done or made known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    /// Write this to the field node.
    Send {
        /// What.
        command: Command,
    },
    /// Look this parcel up and answer with [`crate::Event::Resolved`]. Nothing waits for the
    /// answer: without one the parcel goes straight on.
    Resolve {
        /// Which parcel.
        parcel: ParcelId,
        /// All that its frames said, fused.
        reading: Reading,
    },
    /// One more fact in a parcel's life, for journal, host and screen.
    Parcel {
        /// Which parcel.
        parcel: ParcelId,
        /// What happened.
        step: Step,
    },
    /// A chute's state changed.
    Chute {
        /// Which.
        chute: ChuteId,
        /// New state.
        state: crate::ChuteState,
    },
    /// A bag that was to be closed is: the last parcel on its way there has come.
    BagClosed {
        /// Which chute.
        chute: ChuteId,
        /// Parcels in it.
        parcels: u32,
        /// Their lengths together.
        length_mm: u32,
    },
    /// How fast inductions may bring parcels.
    Induction {
        /// From here on.
        level: InductionLevel,
    },
    /// What became of a jog.
    Jog {
        /// Which diverter.
        diverter: DiverterId,
        /// What.
        jog: JogState,
    },
    /// An alarm came or went.
    Alarm {
        /// Which condition.
        kind: AlarmKind,
        /// Came or went.
        change: AlarmChange,
    },
}

/// How fast inductions may bring parcels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InductionLevel {
    /// As fast as they can.
    #[default]
    Normal,
    /// The line fills up: at half the rate.
    Slow,
    /// None: the line is full, or something on it is jammed.
    Pause,
}

/// A command for the field node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    /// Switch a diverter on at a count, off again after `hold` ticks.
    Stroke {
        /// Number; the result comes back under it.
        seq: Seq,
        /// Valid in this life of the node only.
        epoch: Epoch,
        /// Which output.
        diverter: DiverterId,
        /// Count at which the output goes on.
        fire_at: Ticks,
        /// Ticks the output stays on.
        hold: u16,
        /// Milliseconds after which the output goes off even if the belt stands.
        hold_ms_max: u16,
    },
    /// Trigger a camera at a count.
    Trigger {
        /// Number of the command.
        seq: Seq,
        /// Valid in this life of the node only.
        epoch: Epoch,
        /// Which camera.
        camera: CameraId,
        /// Number the frame will carry.
        trigger: TriggerId,
        /// Count at which the pulse is given.
        at: Ticks,
    },
    /// Take back a stroke that has not fired (divert abort).
    Withdraw {
        /// Number of this command.
        seq: Seq,
        /// Valid in this life of the node only.
        epoch: Epoch,
        /// Number of the stroke.
        stroke: Seq,
    },
    /// Switch a diverter on at once, by hand, while the belt stands.
    Jog {
        /// Number; the result comes back under it.
        seq: Seq,
        /// Valid in this life of the node only.
        epoch: Epoch,
        /// Which output.
        diverter: DiverterId,
        /// Count at which the belt stands; the output goes off with the next one.
        at: Ticks,
        /// Milliseconds after which the output goes off, unless another jog takes over.
        hold_ms_max: u16,
    },
}

/// What became of a jog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum JogState {
    /// The output is on.
    On,
    /// The output is off again.
    Off,
    /// Nothing moved.
    Refused {
        /// Why.
        why: JogRefusal,
    },
}

/// Why a diverter is not moved by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "cause")]
pub enum JogRefusal {
    /// The line has no such diverter.
    Unknown,
    /// The belt moves, or moved less than half a second ago.
    BeltMoves,
    /// It was held for as long as its diverter may be out: let go first.
    HeldTooLong,
    /// The line is stopped and was not reset.
    Stopped,
    /// The field node is not usable.
    NodeDown,
    /// The encoder is not to be believed: whether the belt stands is not known.
    Encoder,
    /// A parcel lies in its way.
    Parcel {
        /// Which.
        parcel: ParcelId,
    },
    /// The node refused it.
    Node {
        /// Why.
        refusal: Refusal,
    },
}

/// A chute that a parcel could have been sent to by the plan, and was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// Which.
    pub chute: ChuteId,
    /// What stood against it; absent when only its place in the plan did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Obstacle>,
}

/// What stands against sending a parcel into a chute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// It is full, or will be with what is on its way.
    Full,
    /// The parcel is longer than the room that is left.
    NoRoom,
    /// It is jammed.
    Jammed,
    /// It is disabled, or its diverter failed too often.
    Disabled,
    /// This parcel's divert failed there before.
    Failed,
    /// Its diverter cannot be set in time any more.
    Late,
}

/// One fact in the life of a parcel; together they are its trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    /// Seen at induction: for the first time, or again after a lap.
    Inducted {
        /// Photo-eye of the induction.
        #[serde(default)]
        eye: EyeId,
        /// Encoder count of the leading edge.
        at: Ticks,
        /// Lap number: 0 for the first.
        lap: u8,
    },
    /// Its trailing edge has passed induction.
    Measured {
        /// Length along the belt.
        length_mm: u32,
        /// Free belt in front of it; absent for the first parcel.
        gap_mm: Option<u32>,
    },
    /// A frame of it was read.
    Read {
        /// Camera.
        camera: CameraId,
        /// Trigger.
        trigger: TriggerId,
        /// Result.
        reading: Reading,
        /// It came after the commit position and was not used.
        late: bool,
    },
    /// Its destination and route are known.
    Resolved {
        /// Destination, absent when unknown or held.
        destination: Option<Destination>,
        /// First hop.
        hop: Option<String>,
        /// Why.
        why: String,
        /// It came after the commit position and changes nothing in this lap.
        #[serde(default)]
        late: bool,
    },
    /// Another parcel had the same identifier shortly before.
    Duplicate {
        /// Which.
        of: ParcelId,
    },
    /// A chute was chosen, or chosen anew.
    Decided {
        /// Where to.
        chute: ChuteId,
        /// Rule of the sort plan, or the reason for going elsewhere.
        reason: String,
        /// Version of the sort plan.
        plan: String,
        /// The other chutes that would have done, in the order of the plan.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        alternatives: Vec<Alternative>,
    },
    /// A stroke was commanded.
    Commanded {
        /// Number.
        seq: Seq,
        /// Diverter.
        diverter: DiverterId,
        /// Count.
        fire_at: Ticks,
    },
    /// A stroke was executed.
    Fired {
        /// Number.
        seq: Seq,
        /// Count.
        at: Ticks,
    },
    /// A stroke was withheld or refused.
    Aborted {
        /// Why; absent when the core withheld it.
        refusal: Option<Refusal>,
        /// One word of cause.
        cause: RejectCause,
    },
    /// What photo-eyes saw has more than one explanation, and no stroke may rest on the best.
    Doubted {
        /// Probability that it is another parcel, in parts per billion.
        ppb: u32,
        /// Parcels that compete with it; a number of its own stands for a body nobody inducted.
        rivals: Vec<ParcelId>,
    },
    /// Seen again at a photo-eye on the belt.
    Seen {
        /// Which.
        eye: EyeId,
        /// Count of the leading edge.
        at: Ticks,
        /// Distance from where it was expected.
        error_ticks: i32,
    },
    /// Seen on the recirculation conveyor: it will be inducted once more.
    Recirculated {
        /// Why it takes another lap.
        cause: RejectCause,
        /// The lap that ends here, counted from 0.
        lap: u8,
    },
    /// The one end of a parcel's life on the line.
    Ended {
        /// How.
        outcome: Outcome,
    },
}

/// How a parcel's life on the line ends. Recirculation is a step on the way, not an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// Seen in the chute that was decided.
    Sorted {
        /// Chute.
        chute: ChuteId,
    },
    /// Seen at the reject chute.
    Rejected {
        /// Why it went there.
        cause: RejectCause,
    },
    /// Seen in another chute than decided.
    Missort {
        /// Decided.
        decided: ChuteId,
        /// Seen in.
        seen: ChuteId,
    },
    /// Not seen again where it had to be.
    Lost {
        /// Last photo-eye that saw it.
        last: EyeId,
    },
}

/// Why a parcel did not go to the chute of its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectCause {
    /// Nothing could be read; the reason of the frame nearest to a reading.
    NoRead {
        /// Reason.
        reason: NoRead,
    },
    /// Different valid identifiers or destinations.
    MultiRead,
    /// Neither manifest nor label says where it goes.
    NoDestination,
    /// No rule of the sort plan matches.
    NoRule,
    /// Held: customs or compliance, and the plan has no hold chute.
    Hold,
    /// The gap in front or behind is too small for a stroke.
    Gap,
    /// Longer than the longest parcel: probably several touching.
    TooLong,
    /// Shorter than the shortest parcel.
    TooShort,
    /// The chute and its overflow are full, disabled or jammed.
    ChuteUnavailable,
    /// The destination came after the commit position.
    Late,
    /// The stroke would overlap another.
    Conflict,
    /// The node refused the stroke.
    Refused,
    /// Position or identity is not certain enough.
    Uncertain,
    /// Seen without a track.
    Unexpected,
    /// The field node was not usable.
    NodeDown,
    /// The controller was started again while it was on the belt.
    Restart,
    /// The line was stopped while it was on the belt.
    Stop,
    /// The stroke was done, and the parcel went on.
    FailedDivert,
    /// Too many laps.
    Laps,
    /// The sort plan sends it there.
    Plan,
    /// Not its turn in a sequence, or its turn is over.
    Sequence,
}

/// An alarm condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum AlarmKind {
    /// The field node is not usable.
    Node {
        /// Why.
        fault: crate::NodeFault,
    },
    /// The stop circuit is open, or was and waits for a reset.
    Stopped,
    /// A camera delivers nothing usable.
    Camera {
        /// Which.
        camera: CameraId,
    },
    /// A photo-eye is blocked too long.
    Jam {
        /// Which.
        eye: EyeId,
    },
    /// A chute is full.
    ChuteFull {
        /// Which.
        chute: ChuteId,
    },
    /// A diverter failed several times in a row and was disabled.
    Diverter {
        /// Which.
        diverter: DiverterId,
    },
    /// Belt travel and photo-eyes contradict each other.
    Encoder,
    /// A photo-eye does not see what its neighbours see.
    Eye {
        /// Which.
        eye: EyeId,
    },
    /// A photo-eye bounces: dirt, or a loose mirror.
    Chatter {
        /// Which.
        eye: EyeId,
    },
    /// Parcels slip more than they should on the way to a photo-eye.
    Slip {
        /// Which.
        eye: EyeId,
    },
    /// The share of parcels that were not read is above the limit.
    NoReadRate,
}

/// An alarm's change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmChange {
    /// It came.
    Raised,
    /// Its cause is gone.
    Cleared,
}
