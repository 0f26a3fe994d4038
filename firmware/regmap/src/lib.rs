//! The register contract between a controller and a field node: one place for every address,
//! layout, code and version. Firmware, controller and simulator all use this crate, and the manual
//! in `docs/reference/registers.md` is generated from it.
//!
//! All registers are 16-bit Modbus holding registers. 32-bit values are stored high word first,
//! 64-bit sets with the highest bits first. Encoder counts and sequence numbers wrap.
//!
//! Growth: a block's words never move and never change their meaning; new words go to the end of
//! a block or into a new block, and [`VERSION_CURRENT`] goes up by one. [`VERSION_MIN`] goes up
//! only when an old controller could no longer work safely; the words of every version are pinned
//! in `tests/versioning.rs`.
//!
//! What this crate does not do: it holds no state and takes no decision.
#![no_std]
#![warn(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod command;
mod event;
mod image;
mod limits;
mod manual;
mod registers;
mod status;
mod wire;

pub use command::{
    ACK_WORDS, Ack, AckCode, COMMAND_WORDS, CONTROL_WORDS, Command, CommandKind, Control,
    ControlRequest, ControlResult, HEARTBEAT_WORDS, Heartbeat, Refusal,
};
pub use event::{EVENT_WORDS, Event, EventKind};
pub use image::{Board, IMAGE_WORDS, Image, ResetCause};
pub use limits::{LIMITS_WORDS, Limits, NO_OPPOSITE};
pub use manual::write_manual;
pub use registers::{Access, REGISTERS, Register};
pub use status::{
    Clock, Flags, Health, IDENT_WORDS, Ident, Lease, Levels, Rings, STATUS_WORDS, Status,
};

/// Most registers one Modbus read may ask for (Modbus Application Protocol V1.1b3, section 6.3).
pub const READ_MAX: u16 = 125;
/// Most registers one Modbus write may carry (Modbus Application Protocol V1.1b3, section 6.12).
pub const WRITE_MAX: u16 = 123;

/// Oldest contract version whose controllers a node of this version still serves.
pub const VERSION_MIN: u16 = 1;
/// Contract version described here.
pub const VERSION_CURRENT: u16 = 3;
/// First two words of [`IDENT`]: `SORT` in ASCII.
pub const MAGIC: u32 = 0x534F_5254;

/// Photo-eye inputs a node can have.
pub const EYES_MAX: usize = 64;
/// Diverter outputs a node can have.
pub const DIVERTERS_MAX: usize = 32;
/// Camera trigger outputs a node can have.
pub const CAMERAS_MAX: usize = 8;

/// Strokes that can wait. 3,200 ticks of belt at 60 ticks a parcel is 54 parcels in flight: 32
/// would overflow, 64 holds.
pub const STROKES_MAX: u16 = 64;
/// Camera triggers that can wait: two cameras for 32 parcels between induction and cameras.
pub const TRIGGERS_MAX: u16 = 64;
/// Answers remembered. Twice the stroke queue, so that a queued stroke's answer is not overwritten
/// by the commands that follow it.
pub const ACKS_MAX: u16 = 128;
/// Events remembered. A parcel on a line of 12 chutes makes about 24 (18 edges, 2 triggers, 3 of
/// its stroke); 20,000 parcels an hour make 134 a second, so a host may be away for 1.9 s. A power
/// of two, so that the ring runs on through the wrap of the 32-bit sequence number.
pub const EVENTS_MAX: u16 = 256;

/// A contiguous range of registers with one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Name in the manual.
    pub name: &'static str,
    /// Wire address (0-based) of the first register.
    pub start: u16,
    /// Number of registers.
    pub words: u16,
}

impl Block {
    /// Wire address after the last register.
    #[must_use]
    pub const fn end(self) -> u16 {
        self.start.saturating_add(self.words)
    }

    /// True when the registers `address .. address + words` all lie in this block.
    #[must_use]
    pub const fn holds(self, address: u16, words: u16) -> bool {
        match address.checked_add(words) {
            Some(end) => address >= self.start && end <= self.end(),
            None => false,
        }
    }
}

/// Who it is and which contract it speaks. Constant while it runs.
pub const IDENT: Block = Block {
    name: "IDENT",
    start: 0,
    words: 8,
};
/// What runs on it and why it started. Constant while it runs. From contract version 2.
pub const IMAGE: Block = Block {
    name: "IMAGE",
    start: 8,
    words: 8,
};
/// State, counters, last fault.
pub const HEALTH: Block = Block {
    name: "HEALTH",
    start: 16,
    words: 16,
};
/// Encoder count and node time, latched together.
pub const CLOCK: Block = Block {
    name: "CLOCK",
    start: 32,
    words: 4,
};
/// Inputs and outputs as they are.
pub const LEVELS: Block = Block {
    name: "LEVELS",
    start: 36,
    words: 12,
};
/// Who holds the node, and the answer to the last command.
pub const LEASE: Block = Block {
    name: "LEASE",
    start: 48,
    words: 8,
};
/// How far the event ring has come.
pub const RINGS: Block = Block {
    name: "RINGS",
    start: 56,
    words: 4,
};
/// What the node enforces. Constant while it runs.
pub const LIMITS: Block = Block {
    name: "LIMITS",
    start: 100,
    words: 48,
};
/// Arm, disarm, reset latches.
pub const CONTROL: Block = Block {
    name: "CONTROL",
    start: 160,
    words: 4,
};
/// The controller's sign of life.
pub const HEARTBEAT: Block = Block {
    name: "HEARTBEAT",
    start: 170,
    words: 3,
};
/// Mailbox for strokes, camera triggers and withdrawals.
pub const COMMAND: Block = Block {
    name: "COMMAND",
    start: 180,
    words: 11,
};
/// Answers to commands: the answer to `seq` is in slot `seq % 128`.
pub const ACK: Block = Block {
    name: "ACK",
    start: 1_000,
    words: 512,
};
/// Ring of events: event number `n` is in slot `n % 256`.
pub const EVENTS: Block = Block {
    name: "EVENTS",
    start: 2_000,
    words: 2_048,
};

/// [`HEALTH`] to [`RINGS`] in one read: what a controller polls.
pub const STATUS: Block = Block {
    name: "STATUS",
    start: 16,
    words: 44,
};

/// Every block, by address.
pub const BLOCKS: [Block; 13] = [
    IDENT, IMAGE, HEALTH, CLOCK, LEVELS, LEASE, RINGS, LIMITS, CONTROL, HEARTBEAT, COMMAND, ACK,
    EVENTS,
];

/// Longest time one jog keeps an output on, milliseconds: a hand that lets go, or a network that
/// fails, is followed within half a second. One who holds on sends another before it ends.
pub const JOG_MS_MAX: u16 = 500;

/// Events in one read.
pub const EVENTS_PER_READ: u16 = 15;

/// Wire address of the answer to command `seq`.
#[must_use]
pub const fn ack_address(seq: u16) -> u16 {
    // 127 * 4 + 1,000 cannot overflow.
    ACK.start.wrapping_add((seq & 0x7F).wrapping_mul(4))
}

/// Slot of event number `seq`.
#[must_use]
pub const fn event_slot(seq: u32) -> u16 {
    let [_, _, _, low] = seq.to_be_bytes();
    u16::from_be_bytes([0, low])
}

/// Wire address of event number `seq`.
#[must_use]
pub const fn event_address(seq: u32) -> u16 {
    // 255 * 8 + 2,000 cannot overflow.
    EVENTS.start.wrapping_add(event_slot(seq).wrapping_mul(8))
}

/// How to read the events from number `seq` on, up to `pending` of them: wire address and number
/// of events, at most one Modbus read and never over the ring's end. `None` when none is pending.
#[must_use]
pub fn event_page(seq: u32, pending: u32) -> Option<(u16, u16)> {
    let to_end = EVENTS_MAX.saturating_sub(event_slot(seq));
    let most = to_end.min(EVENTS_PER_READ);
    let events = u16::try_from(pending).map_or(most, |pending| pending.min(most));
    if events == 0 {
        None
    } else {
        Some((event_address(seq), events))
    }
}

const _: () = {
    // No overlap, in the order of addresses.
    assert!(IDENT.end() <= IMAGE.start);
    assert!(IMAGE.end() <= HEALTH.start);
    assert!(HEALTH.end() <= CLOCK.start);
    assert!(CLOCK.end() <= LEVELS.start);
    assert!(LEVELS.end() <= LEASE.start);
    assert!(LEASE.end() <= RINGS.start);
    assert!(RINGS.end() <= LIMITS.start);
    assert!(LIMITS.end() <= CONTROL.start);
    assert!(CONTROL.end() <= HEARTBEAT.start);
    assert!(HEARTBEAT.end() <= COMMAND.start);
    assert!(COMMAND.end() <= ACK.start);
    assert!(ACK.end() <= EVENTS.start);
    // The poll is one read without holes.
    assert!(STATUS.start == HEALTH.start && STATUS.end() == RINGS.end());
    assert!(HEALTH.end() == CLOCK.start && CLOCK.end() == LEVELS.start);
    assert!(LEVELS.end() == LEASE.start && LEASE.end() == RINGS.start);
    // One request each.
    assert!(IDENT.words <= READ_MAX && STATUS.words <= READ_MAX && LIMITS.words <= READ_MAX);
    assert!(EVENTS_PER_READ * 8 <= READ_MAX);
    assert!(COMMAND.words <= WRITE_MAX && CONTROL.words <= WRITE_MAX);
    assert!(HEARTBEAT.words <= WRITE_MAX);
    // Structures fit their blocks; lengths here are far below any conversion limit.
    assert!(IDENT_WORDS == 8 && IDENT.words == 8);
    assert!(IMAGE_WORDS == 8 && IMAGE.words == 8);
    assert!(STATUS_WORDS == 44 && STATUS.words == 44);
    assert!(LIMITS_WORDS == 48 && LIMITS.words == 48);
    assert!(CONTROL_WORDS == 4 && CONTROL.words == 4);
    assert!(HEARTBEAT_WORDS == 3 && HEARTBEAT.words == 3);
    assert!(COMMAND_WORDS == 11 && COMMAND.words == 11);
    assert!(ACK_WORDS == 4 && ACK.words == ACKS_MAX * 4);
    assert!(EVENT_WORDS == 8 && EVENTS.words == EVENTS_MAX * 8);
    assert!(ACKS_MAX == 128 && EVENTS_MAX == 256);
    assert!(VERSION_MIN <= VERSION_CURRENT);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_stay_in_one_read_and_in_the_ring() {
        for (seq, pending, expected) in [
            (0, 0, None),
            (0, 1, Some((2_000, 1))),
            (0, 100, Some((2_000, 15))),
            (250, 100, Some((2_000 + 250 * 8, 6))),
            (255, 1, Some((2_000 + 255 * 8, 1))),
            (256, u32::MAX, Some((2_000, 15))),
            (u32::MAX, 3, Some((2_000 + 255 * 8, 1))),
        ] {
            assert_eq!(
                event_page(seq, pending),
                expected,
                "seq {seq} pending {pending}"
            );
        }
    }

    #[test]
    fn answers_lie_in_their_block() {
        for seq in 0..=u16::MAX {
            assert!(ACK.holds(ack_address(seq), 4), "seq {seq}");
        }
    }

    #[test]
    fn a_block_holds_its_own_words_only() {
        assert!(COMMAND.holds(180, 11));
        assert!(!COMMAND.holds(180, 12));
        assert!(!COMMAND.holds(179, 2));
        assert!(!COMMAND.holds(65_535, 2));
    }
}
