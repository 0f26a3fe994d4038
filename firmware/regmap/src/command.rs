//! What a controller writes, and the answer it reads back.

use crate::wire::{checksum, join, pair, split};

/// Registers of the mailbox.
pub const COMMAND_WORDS: usize = 11;
/// Registers of one answer.
pub const ACK_WORDS: usize = 4;
/// Registers of [`Control`].
pub const CONTROL_WORDS: usize = 4;
/// Registers of [`Heartbeat`].
pub const HEARTBEAT_WORDS: usize = 3;

/// What a command asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandKind {
    /// 1: switch a diverter on at a count, off again after a hold.
    Stroke,
    /// 2: trigger a camera at a count.
    Trigger,
    /// 3: take back a stroke that has not fired.
    Withdraw,
    /// 4: switch a diverter on at once while the belt stands, for maintenance. From contract
    /// version 3.
    Jog,
}

impl CommandKind {
    /// Code on the wire; never 0.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Stroke => 1,
            Self::Trigger => 2,
            Self::Withdraw => 3,
            Self::Jog => 4,
        }
    }

    /// The kind of a code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Stroke,
            2 => Self::Trigger,
            3 => Self::Withdraw,
            4 => Self::Jog,
            _ => return None,
        })
    }
}

/// The mailbox. Its last register is a checksum over the others; writing that register, in the
/// same request or a later one, has the node execute what the mailbox holds. A torn write fails
/// the checksum and does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// What to do.
    pub kind: CommandKind,
    /// Number; the answer comes back under it. Never 0. Sending the same command again under the
    /// same number gives the same answer and does nothing more.
    pub seq: u16,
    /// The epoch it is for; refused in any other.
    pub epoch: u16,
    /// Diverter or camera; 0 for a withdrawal.
    pub device: u8,
    /// Encoder count to do it at; 0 for a withdrawal. For a jog the count at which the belt
    /// stands: at any other it is refused as late.
    pub at: u32,
    /// Ticks the output stays on; 0 unless a stroke.
    pub hold: u16,
    /// Milliseconds after which the output goes off even if the belt stands; of a jog 1 to
    /// [`crate::JOG_MS_MAX`]; 0 unless a stroke or a jog.
    pub hold_ms_max: u16,
    /// Number for the camera's frame, or the number of the stroke to withdraw; 0 for a stroke.
    pub number: u32,
}

impl Command {
    /// As registers, checksum last.
    #[must_use]
    pub fn encode(&self) -> [u16; COMMAND_WORDS] {
        let [at_hi, at_lo] = split(self.at);
        let [number_hi, number_lo] = split(self.number);
        let body = [
            pair(self.kind.code(), self.device),
            self.seq,
            self.epoch,
            at_hi,
            at_lo,
            self.hold,
            self.hold_ms_max,
            number_hi,
            number_lo,
            0,
        ];
        let [w0, w1, w2, w3, w4, w5, w6, w7, w8, w9] = body;
        [w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, checksum(&body)]
    }

    /// From registers; `None` when the checksum does not match or the kind is unknown.
    #[must_use]
    pub fn decode(words: &[u16; COMMAND_WORDS]) -> Option<Self> {
        let [w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, check] = *words;
        if checksum(&[w0, w1, w2, w3, w4, w5, w6, w7, w8, w9]) != check || w1 == 0 {
            return None;
        }
        let [code, device] = w0.to_be_bytes();
        Some(Self {
            kind: CommandKind::from_code(code)?,
            seq: w1,
            epoch: w2,
            device,
            at: join(w3, w4),
            hold: w5,
            hold_ms_max: w6,
            number: join(w7, w8),
        })
    }
}

/// Why a command is refused, or dropped after it was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 1: the count has passed, or is nearer than the least lead.
    Late,
    /// 2: the count is further ahead than the node accepts.
    TooFar,
    /// 3: no such diverter, camera or stroke.
    Unknown,
    /// 4: it would overlap another stroke of the same diverter, or its number is in use by
    /// another stroke that has not ended.
    Overlap,
    /// 5: the opposite diverter would be out at the same time.
    Opposite,
    /// 6: held longer than the node allows, or not at all.
    TooLong,
    /// 7: no room in the queue.
    QueueFull,
    /// 8: stopped, not armed, or the queue was emptied for safety.
    Stopped,
    /// 9: for another epoch.
    StaleEpoch,
    /// 10: the checksum does not match, or the command makes no sense.
    Checksum,
}

impl Refusal {
    /// Every refusal, by code.
    pub const ALL: [Self; 10] = [
        Self::Late,
        Self::TooFar,
        Self::Unknown,
        Self::Overlap,
        Self::Opposite,
        Self::TooLong,
        Self::QueueFull,
        Self::Stopped,
        Self::StaleEpoch,
        Self::Checksum,
    ];

    /// Code on the wire, 1 to 10.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Late => 1,
            Self::TooFar => 2,
            Self::Unknown => 3,
            Self::Overlap => 4,
            Self::Opposite => 5,
            Self::TooLong => 6,
            Self::QueueFull => 7,
            Self::Stopped => 8,
            Self::StaleEpoch => 9,
            Self::Checksum => 10,
        }
    }

    /// The refusal of a code.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckCode {
    /// 1: in the queue, or done at once (a withdrawal).
    Accepted,
    /// 2: the output was switched on, or the camera triggered.
    Fired,
    /// 3: the output was switched off again.
    Done,
    /// 4: taken back before it fired.
    Withdrawn,
    /// 100 + refusal code: refused, or dropped after it was accepted.
    Refused(Refusal),
}

impl AckCode {
    const REFUSED: u16 = 100;

    /// Code on the wire; never 0.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Accepted => 1,
            Self::Fired => 2,
            Self::Done => 3,
            Self::Withdrawn => 4,
            Self::Refused(refusal) => Self::REFUSED.saturating_add(refusal.code()),
        }
    }

    /// The result of a code.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Some(match code {
            1 => Self::Accepted,
            2 => Self::Fired,
            3 => Self::Done,
            4 => Self::Withdrawn,
            _ => Self::Refused(Refusal::from_code(code.checked_sub(Self::REFUSED)?)?),
        })
    }
}

/// The answer to one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The command's number.
    pub seq: u16,
    /// What became of it.
    pub result: AckCode,
    /// Encoder count at which that happened.
    pub at: u32,
}

impl Ack {
    /// As registers.
    #[must_use]
    pub const fn encode(self) -> [u16; ACK_WORDS] {
        let [at_hi, at_lo] = split(self.at);
        [self.seq, self.result.code(), at_hi, at_lo]
    }

    /// From registers; `None` in a slot never written.
    #[must_use]
    pub fn decode(words: [u16; ACK_WORDS]) -> Option<Self> {
        let [seq, code, at_hi, at_lo] = words;
        Some(Self {
            seq,
            result: AckCode::from_code(code)?,
            at: join(at_hi, at_lo),
        })
    }
}

/// What a controller wants of the node as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlRequest {
    /// 1: begin a new epoch with an empty queue, and accept commands while the heartbeat advances.
    Arm,
    /// 2: outputs off, queue emptied, new epoch, accept nothing.
    Disarm,
    /// 3: reset the stop latch and the jam latches of photo-eyes that are clear.
    Reset,
}

impl ControlRequest {
    /// Code on the wire; never 0.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Arm => 1,
            Self::Disarm => 2,
            Self::Reset => 3,
        }
    }

    /// The request of a code.
    #[must_use]
    pub const fn from_code(code: u16) -> Option<Self> {
        Some(match code {
            1 => Self::Arm,
            2 => Self::Disarm,
            3 => Self::Reset,
            _ => return None,
        })
    }
}

/// The control block; writing its last register executes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// Number the controller chose for itself; never 0.
    pub owner: u32,
    /// The heartbeat must advance within this time, in milliseconds: 1 to `LIMITS.heartbeat_ms`.
    /// Read by `Arm` only.
    pub watchdog_ms: u16,
    /// What to do.
    pub request: ControlRequest,
}

impl Control {
    /// As registers.
    #[must_use]
    pub const fn encode(self) -> [u16; CONTROL_WORDS] {
        let [owner_hi, owner_lo] = split(self.owner);
        [owner_hi, owner_lo, self.watchdog_ms, self.request.code()]
    }

    /// From registers; `None` for an unknown request or owner 0.
    #[must_use]
    pub const fn decode(words: [u16; CONTROL_WORDS]) -> Option<Self> {
        let [owner_hi, owner_lo, watchdog_ms, code] = words;
        let owner = join(owner_hi, owner_lo);
        match ControlRequest::from_code(code) {
            Some(request) if owner != 0 => Some(Self {
                owner,
                watchdog_ms,
                request,
            }),
            _ => None,
        }
    }
}

/// What became of the last control request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlResult {
    /// 0: none since the node was switched on.
    None,
    /// 1: done.
    Done,
    /// 2: refused: the stop circuit is open.
    StopOpen,
    /// 3: refused: the stop latch is set; reset it first.
    Latched,
    /// 4: refused: another controller holds the node and its heartbeat advances.
    Owned,
}

impl ControlResult {
    /// Code on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Done => 1,
            Self::StopOpen => 2,
            Self::Latched => 3,
            Self::Owned => 4,
        }
    }

    /// The result of a code.
    #[must_use]
    pub const fn from_code(code: u16) -> Option<Self> {
        Some(match code {
            0 => Self::None,
            1 => Self::Done,
            2 => Self::StopOpen,
            3 => Self::Latched,
            4 => Self::Owned,
            _ => return None,
        })
    }
}

/// The controller's sign of life; writing its last register executes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The number given at `Arm`; a heartbeat of anyone else is ignored.
    pub owner: u32,
    /// Must be ahead of the last one by 1 to 32,767, wrapping: a stale buffer does not count.
    pub counter: u16,
}

impl Heartbeat {
    /// As registers.
    #[must_use]
    pub const fn encode(self) -> [u16; HEARTBEAT_WORDS] {
        let [owner_hi, owner_lo] = split(self.owner);
        [owner_hi, owner_lo, self.counter]
    }

    /// From registers.
    #[must_use]
    pub const fn decode(words: [u16; HEARTBEAT_WORDS]) -> Self {
        let [owner_hi, owner_lo, counter] = words;
        Self {
            owner: join(owner_hi, owner_lo),
            counter,
        }
    }
}
