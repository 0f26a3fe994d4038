//! Events: what the node saw and did, in order, numbered.

use crate::wire::{join, pair, split};

/// Registers of one event.
pub const EVENT_WORDS: usize = 8;

/// What an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// 1: the photo-eye `device` was blocked.
    EyeBlocked,
    /// 2: the photo-eye `device` became clear.
    EyeClear,
    /// 3: the camera `device` was triggered; `value` is the trigger's number.
    Triggered,
    /// 4: the stop circuit opened.
    StopOpen,
    /// 5: the stop circuit closed.
    StopClosed,
    /// 6: the diverter `device` was switched on for command `value`.
    StrokeFired,
    /// 7: the diverter `device` was switched off again for command `value`.
    StrokeDone,
    /// 8: a stroke or trigger that had been accepted was dropped; `detail` is the refusal,
    /// `value` the command.
    Dropped,
    /// 9: a stroke was taken back before it fired; `value` is the stroke's command.
    Withdrawn,
    /// 10: the photo-eye `device` was blocked too long.
    JamLatched,
    /// 11: the jam latch of the photo-eye `device` was reset.
    JamReset,
    /// 12: a new epoch began; `value` is its number, `detail` the cause (a fault code, or 0 when
    /// a controller armed or disarmed the node).
    NewEpoch,
}

impl EventKind {
    /// Code on the wire; never 0.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::EyeBlocked => 1,
            Self::EyeClear => 2,
            Self::Triggered => 3,
            Self::StopOpen => 4,
            Self::StopClosed => 5,
            Self::StrokeFired => 6,
            Self::StrokeDone => 7,
            Self::Dropped => 8,
            Self::Withdrawn => 9,
            Self::JamLatched => 10,
            Self::JamReset => 11,
            Self::NewEpoch => 12,
        }
    }

    /// The kind of a code; `None` for one that this version does not know.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::EyeBlocked,
            2 => Self::EyeClear,
            3 => Self::Triggered,
            4 => Self::StopOpen,
            5 => Self::StopClosed,
            6 => Self::StrokeFired,
            7 => Self::StrokeDone,
            8 => Self::Dropped,
            9 => Self::Withdrawn,
            10 => Self::JamLatched,
            11 => Self::JamReset,
            12 => Self::NewEpoch,
            _ => return None,
        })
    }
}

/// One slot of the event ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Number; the slot is `seq % 256`. Wraps.
    pub seq: u32,
    /// Code of the [`EventKind`]; 0 in a slot never written. A controller skips codes it does not
    /// know, so that a newer node can add some.
    pub code: u8,
    /// Photo-eye, diverter or camera.
    pub device: u8,
    /// Refusal code or fault code, by kind.
    pub detail: u16,
    /// Encoder count at the event.
    pub at: u32,
    /// Trigger number, command number or epoch, by kind.
    pub value: u32,
}

impl Event {
    /// The kind, when this version knows it.
    #[must_use]
    pub const fn kind(&self) -> Option<EventKind> {
        EventKind::from_code(self.code)
    }

    /// As registers.
    #[must_use]
    pub const fn encode(&self) -> [u16; EVENT_WORDS] {
        let [seq_hi, seq_lo] = split(self.seq);
        let [at_hi, at_lo] = split(self.at);
        let [value_hi, value_lo] = split(self.value);
        let what = pair(self.code, self.device);
        [
            seq_hi,
            seq_lo,
            what,
            self.detail,
            at_hi,
            at_lo,
            value_hi,
            value_lo,
        ]
    }

    /// From registers.
    #[must_use]
    pub const fn decode(words: &[u16; EVENT_WORDS]) -> Self {
        let [
            seq_hi,
            seq_lo,
            what,
            detail,
            at_hi,
            at_lo,
            value_hi,
            value_lo,
        ] = *words;
        let [code, device] = what.to_be_bytes();
        Self {
            seq: join(seq_hi, seq_lo),
            code,
            device,
            detail,
            at: join(at_hi, at_lo),
            value: join(value_hi, value_lo),
        }
    }
}
