//! Everything that can happen to a line.

use serde::{Deserialize, Serialize};

use crate::topology::LineConfig;
use crate::{
    CameraId, ChuteId, Destination, DiverterId, Epoch, EyeId, ParcelId, Reading, Seq, SortPlan,
    Ticks, TriggerId,
};

/// One thing that happened. The journal holds these, in order; replaying them gives the same
/// actions. The serialized form is part of the journal's format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// The field node answers, its watchdog is armed, its outputs were read back as off, and it
    /// accepts commands for `epoch`.
    NodeUp {
        /// The node's current epoch.
        epoch: Epoch,
        /// Encoder count at that moment.
        at: Ticks,
        /// Events between the last one delivered and the first one still in the node's ring were
        /// lost. False on the first connection of a fresh journal.
        gap: bool,
    },
    /// The field node is not usable; nothing may be diverted.
    NodeDown {
        /// Why.
        fault: NodeFault,
    },
    /// Encoder count, latched by the node; delivered at every poll in which it moved, and at
    /// least every 100 ms.
    Belt {
        /// Count.
        at: Ticks,
    },
    /// A photo-eye changed, stamped by the node.
    Eye {
        /// Which.
        eye: EyeId,
        /// How.
        edge: Edge,
        /// Encoder count at the edge.
        at: Ticks,
    },
    /// What became of a stroke.
    Stroke {
        /// The command's number.
        seq: Seq,
        /// Result.
        result: StrokeResult,
    },
    /// A camera trigger was given, stamped by the node.
    Triggered {
        /// Which camera.
        camera: CameraId,
        /// The trigger's number.
        trigger: TriggerId,
        /// Encoder count at the pulse.
        at: Ticks,
    },
    /// The stop circuit was seen open (`true`) or closed again by a person.
    Stop {
        /// Whether the line is stopped.
        active: bool,
    },
    /// A frame was read.
    Read {
        /// Camera that took it.
        camera: CameraId,
        /// Trigger number carried by the frame.
        trigger: TriggerId,
        /// What was read.
        reading: Reading,
    },
    /// A camera fell silent or delivers useless images (`false`), or is well again.
    Camera {
        /// Which.
        camera: CameraId,
        /// Whether its frames may be relied on.
        healthy: bool,
    },
    /// The shell has looked a parcel up: manifest, label, compliance, route.
    Resolved {
        /// Which parcel.
        parcel: ParcelId,
        /// What it says.
        resolution: Resolution,
    },
    /// A chute's state was set from outside (operator, PLC). Full by photo-eye is found by the
    /// core itself.
    Chute {
        /// Which.
        chute: ChuteId,
        /// New state.
        state: ChuteState,
    },
    /// A sort plan becomes active for parcels inducted from now on.
    Plan {
        /// The plan; already verified against the line.
        plan: SortPlan,
    },
    /// Something a person commanded.
    Operator {
        /// What.
        command: OperatorCommand,
    },
    /// The controller started again on this journal: every track is uncertain from here on.
    Restarted,
    /// The controller started again, with another line: every parcel on the line before ends as
    /// lost. Numbers go on, and so do chutes with the same id: their counts, bags and whether a
    /// person switched them off.
    Rebuilt {
        /// The line from here on; already checked.
        line: Box<LineConfig>,
    },
}

/// Direction of a photo-eye's change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edge {
    /// A parcel's leading edge broke the beam.
    Blocked,
    /// A parcel's trailing edge left the beam.
    Clear,
}

/// Why the field node cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeFault {
    /// No connection, or it was lost.
    Unreachable,
    /// It answered nonsense, or not in time.
    Protocol,
    /// It runs another version of the register contract.
    Version,
    /// Its watchdog could not be armed, or outputs differ from what they must be.
    Unsafe,
    /// It restarted.
    Restarted,
    /// Another master writes to it.
    SecondMaster,
}

/// What became of a stroke command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum StrokeResult {
    /// In the node's queue.
    Accepted,
    /// The output was switched on at this count.
    Fired {
        /// Encoder count.
        at: Ticks,
    },
    /// The output was switched off again.
    Done {
        /// Encoder count.
        at: Ticks,
    },
    /// The node will not do it.
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// Taken back before it fired, as asked.
    Withdrawn,
    /// The bus gave no clean answer: it may or may not be in the node's queue. Never sent again
    /// under another number.
    Unknown,
}

/// Why the field node refuses a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The count to fire at has passed, or is nearer than the node's least lead.
    Late,
    /// The count to fire at is further ahead than the node accepts.
    TooFar,
    /// No such diverter or camera.
    Unknown,
    /// It would overlap another stroke of the same diverter.
    Overlap,
    /// The opposite side would be out at the same time.
    Opposite,
    /// Held longer than the node allows.
    TooLong,
    /// No room in the queue.
    QueueFull,
    /// The node is stopped or not armed.
    Stopped,
    /// The command is for another epoch.
    StaleEpoch,
    /// The command arrived damaged.
    Checksum,
}

/// What the shell found out about a parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "resolution")]
pub enum Resolution {
    /// Destination and first hop are known.
    Sort {
        /// Final destination.
        destination: Destination,
        /// First hop of the best route: a place id of the transport network.
        hop: Option<String>,
        /// One sentence for the trace: why this route.
        why: String,
        /// Its place in the sequence of its rule, from 1; absent where order does not matter.
        #[serde(default)]
        sequence: Option<u32>,
    },
    /// Must not travel on: customs or compliance.
    Hold {
        /// Reason code.
        reason: String,
        /// For the trace: evidence, the rule it rests on, and who may release; may be empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
    /// Neither manifest nor label says where it goes.
    Unknown,
}

/// Whether a chute can take parcels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChuteState {
    /// Takes parcels.
    #[default]
    Ready,
    /// Full: its photo-eye stays blocked, or its capacity is reached.
    Full,
    /// Switched off by a person, or its diverter failed.
    Disabled,
    /// Jammed: needs a person.
    Jammed,
}

/// What a person may command on a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum OperatorCommand {
    /// Allow diverting again after a stop. The belt itself is started at the machine, never here.
    Reset,
    /// No more parcels into this chute's bag: it is closed when those on their way have come, and
    /// stays so until it is emptied.
    CloseBag {
        /// Which.
        chute: ChuteId,
    },
    /// The chute was emptied (bag changed): its counters start anew.
    EmptyChute {
        /// Which.
        chute: ChuteId,
    },
    /// Enable or disable a chute.
    EnableChute {
        /// Which.
        chute: ChuteId,
        /// New setting.
        enabled: bool,
    },
    /// Move a diverter by hand, for half a second at most; held on by the next one.
    Jog {
        /// Which.
        diverter: DiverterId,
    },
    /// A destination keyed in for a parcel.
    Key {
        /// Which parcel.
        parcel: ParcelId,
        /// Where it goes.
        destination: Destination,
    },
}
