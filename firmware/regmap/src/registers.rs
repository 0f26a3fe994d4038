//! The list of registers, as data.

use crate::{
    ACK, Block, CLOCK, COMMAND, CONTROL, EVENTS, HEALTH, HEARTBEAT, IDENT, IMAGE, LEASE, LEVELS,
    LIMITS, RINGS,
};

/// Who may change a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only the node.
    Read,
    /// A controller as well.
    ReadWrite,
}

/// One value in the register map.
#[derive(Clone, Copy, Debug)]
pub struct Register {
    /// Block it belongs to.
    pub block: Block,
    /// Offset of its first register in the block, or in the slot for `ACK` and `EVENTS`.
    pub offset: u16,
    /// Registers it takes.
    pub words: u16,
    /// Name.
    pub name: &'static str,
    /// Who may change it.
    pub access: Access,
    /// Unit; empty for codes and numbers.
    pub unit: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn ro(
    block: Block,
    place: (u16, u16),
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
) -> Register {
    let (offset, words) = place;
    Register {
        block,
        offset,
        words,
        name,
        access: Access::Read,
        unit,
        meaning,
    }
}

const fn rw(
    block: Block,
    place: (u16, u16),
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
) -> Register {
    let (offset, words) = place;
    Register {
        block,
        offset,
        words,
        name,
        access: Access::ReadWrite,
        unit,
        meaning,
    }
}

/// Every value, by address. For `ACK` and `EVENTS` those of one slot.
pub const REGISTERS: &[Register] = &[
    ro(IDENT, (0, 2), "magic", "", "0x534F5254, `SORT` in ASCII"),
    ro(
        IDENT,
        (2, 1),
        "version_min",
        "",
        "oldest contract version whose controllers it serves",
    ),
    ro(
        IDENT,
        (3, 1),
        "version_current",
        "",
        "contract version it speaks",
    ),
    ro(
        IDENT,
        (4, 1),
        "node_id",
        "",
        "number given at installation; 0: none",
    ),
    ro(
        IDENT,
        (5, 1),
        "boot",
        "",
        "first epoch of this run; differs from start to start",
    ),
    ro(IDENT, (6, 2), "reserved", "", "0"),
    ro(IMAGE, (0, 1), "major", "", "version of the program"),
    ro(IMAGE, (1, 1), "minor", "", "version of the program"),
    ro(IMAGE, (2, 1), "patch", "", "version of the program"),
    ro(
        IMAGE,
        (3, 1),
        "board",
        "",
        "0 process, 1 LM3S6965, 2 STM32F446",
    ),
    ro(
        IMAGE,
        (4, 1),
        "reset",
        "",
        "why it started: 0 switched on or reset from outside, 1 hardware watchdog, 2 panic",
    ),
    ro(IMAGE, (5, 3), "reserved", "", "0"),
    ro(HEALTH, (0, 1), "flags", "", "state bits, see below"),
    ro(
        HEALTH,
        (1, 1),
        "epoch",
        "",
        "changes at start, arm, disarm, watchdog trip and stop",
    ),
    ro(
        HEALTH,
        (2, 2),
        "uptime",
        "ms",
        "since the node's start; wraps",
    ),
    ro(
        HEALTH,
        (4, 1),
        "writes",
        "",
        "write requests accepted, from anyone; wraps",
    ),
    ro(
        HEALTH,
        (5, 1),
        "commands",
        "",
        "commands taken from the mailbox; wraps",
    ),
    ro(HEALTH, (6, 1), "refused", "", "commands refused; wraps"),
    ro(
        HEALTH,
        (7, 1),
        "damaged",
        "",
        "commands with a wrong checksum; wraps",
    ),
    ro(HEALTH, (8, 1), "trips", "", "watchdog trips; wraps"),
    ro(
        HEALTH,
        (9, 1),
        "jumped",
        "",
        "strokes and triggers whose count was jumped over; wraps",
    ),
    ro(
        HEALTH,
        (10, 1),
        "reversals",
        "",
        "times the belt began to run backwards; wraps",
    ),
    ro(
        HEALTH,
        (11, 1),
        "last_fault",
        "",
        "0 none, 1 watchdog, 2 stop circuit",
    ),
    ro(HEALTH, (12, 1), "strokes", "", "strokes waiting"),
    ro(HEALTH, (13, 1), "triggers", "", "triggers waiting"),
    ro(HEALTH, (14, 2), "reserved", "", "0"),
    ro(CLOCK, (0, 2), "ticks", "ticks", "encoder count; wraps"),
    ro(
        CLOCK,
        (2, 2),
        "millis",
        "ms",
        "node time at the same instant; wraps",
    ),
    ro(
        LEVELS,
        (0, 4),
        "eyes",
        "",
        "photo-eyes blocked; bit 0 of the last word is photo-eye 0",
    ),
    ro(
        LEVELS,
        (4, 4),
        "jams",
        "",
        "photo-eyes latched as jammed, same order",
    ),
    ro(
        LEVELS,
        (8, 2),
        "desired",
        "",
        "diverter outputs wanted on; bit n is diverter n",
    ),
    ro(LEVELS, (10, 2), "actual", "", "diverter outputs read back"),
    ro(
        LEASE,
        (0, 2),
        "owner",
        "",
        "controller that armed it; 0: none",
    ),
    ro(
        LEASE,
        (2, 1),
        "watchdog",
        "ms",
        "watchdog time it was armed with",
    ),
    ro(
        LEASE,
        (3, 1),
        "heartbeat",
        "",
        "last heartbeat counter that counted",
    ),
    ro(
        LEASE,
        (4, 1),
        "control",
        "",
        "0 none, 1 done, 2 stop open, 3 stop latched, 4 owned",
    ),
    ro(
        LEASE,
        (5, 1),
        "last_seq",
        "",
        "number of the last command, as received",
    ),
    ro(
        LEASE,
        (6, 1),
        "last_result",
        "",
        "answer to it, codes as in ACK; 0: none",
    ),
    ro(LEASE, (7, 1), "reserved", "", "0"),
    ro(
        RINGS,
        (0, 2),
        "next",
        "",
        "number the next event will get; wraps",
    ),
    ro(
        RINGS,
        (2, 1),
        "held",
        "",
        "events in the ring; the oldest is `next - held`",
    ),
    ro(RINGS, (3, 1), "reserved", "", "0"),
    ro(
        LIMITS,
        (0, 1),
        "eyes",
        "",
        "photo-eyes connected, at most 64",
    ),
    ro(
        LIMITS,
        (1, 1),
        "diverters",
        "",
        "diverters connected, at most 32",
    ),
    ro(
        LIMITS,
        (2, 1),
        "cameras",
        "",
        "cameras connected, at most 8",
    ),
    ro(
        LIMITS,
        (3, 1),
        "hold_ms_max",
        "ms",
        "longest time an output stays on",
    ),
    ro(LIMITS, (4, 1), "hold_ticks_max", "ticks", "longest hold"),
    ro(
        LIMITS,
        (5, 1),
        "lead_ticks_min",
        "ticks",
        "least lead of a command",
    ),
    ro(
        LIMITS,
        (6, 2),
        "ahead_ticks_max",
        "ticks",
        "greatest lead of a command",
    ),
    ro(
        LIMITS,
        (8, 1),
        "heartbeat_ms",
        "ms",
        "longest watchdog time to arm with",
    ),
    ro(
        LIMITS,
        (9, 1),
        "jam_ms",
        "ms",
        "photo-eye blocked so long: jam; 0: never",
    ),
    ro(LIMITS, (10, 1), "strokes", "", "strokes that can wait"),
    ro(LIMITS, (11, 1), "triggers", "", "triggers that can wait"),
    ro(LIMITS, (12, 1), "acks", "", "answers remembered"),
    ro(LIMITS, (13, 1), "events", "", "events remembered"),
    ro(LIMITS, (14, 2), "reserved", "", "0"),
    ro(
        LIMITS,
        (16, 32),
        "opposite",
        "",
        "one word a diverter: the opposite one, 65535: none",
    ),
    rw(
        CONTROL,
        (0, 2),
        "owner",
        "",
        "number the controller chose for itself, not 0",
    ),
    rw(
        CONTROL,
        (2, 1),
        "watchdog",
        "ms",
        "1 to LIMITS.heartbeat_ms; used by arm",
    ),
    rw(
        CONTROL,
        (3, 1),
        "request",
        "",
        "1 arm, 2 disarm, 3 reset latches; writing it executes",
    ),
    rw(
        HEARTBEAT,
        (0, 2),
        "owner",
        "",
        "as given at arm; others are ignored",
    ),
    rw(
        HEARTBEAT,
        (2, 1),
        "counter",
        "",
        "must advance; writing it executes",
    ),
    rw(
        COMMAND,
        (0, 1),
        "kind, device",
        "",
        "high byte: 1 stroke, 2 trigger, 3 withdraw, 4 jog; low byte: diverter or camera",
    ),
    rw(COMMAND, (1, 1), "seq", "", "number of the command, not 0"),
    rw(COMMAND, (2, 1), "epoch", "", "epoch it is for"),
    rw(COMMAND, (3, 2), "at", "ticks", "encoder count to do it at"),
    rw(
        COMMAND,
        (5, 1),
        "hold",
        "ticks",
        "stroke: output on for so long",
    ),
    rw(
        COMMAND,
        (6, 1),
        "hold_ms_max",
        "ms",
        "stroke, jog: output off after this at the latest",
    ),
    rw(
        COMMAND,
        (7, 2),
        "number",
        "",
        "trigger: number for the frame; withdraw: the stroke's seq",
    ),
    rw(COMMAND, (9, 1), "reserved", "", "0"),
    rw(
        COMMAND,
        (10, 1),
        "check",
        "",
        "CRC-16/MODBUS over words 0 to 9, high byte first; writing it executes",
    ),
    ro(
        ACK,
        (0, 1),
        "seq",
        "",
        "number of the command; 0: slot never used",
    ),
    ro(
        ACK,
        (1, 1),
        "result",
        "",
        "1 accepted, 2 fired, 3 done, 4 withdrawn, 100 + refusal",
    ),
    ro(
        ACK,
        (2, 2),
        "at",
        "ticks",
        "encoder count at which that happened",
    ),
    ro(EVENTS, (0, 2), "seq", "", "number of the event"),
    ro(
        EVENTS,
        (2, 1),
        "code, device",
        "",
        "high byte: kind of event; low byte: photo-eye, diverter or camera",
    ),
    ro(
        EVENTS,
        (3, 1),
        "detail",
        "",
        "refusal or fault code, by kind",
    ),
    ro(EVENTS, (4, 2), "at", "ticks", "encoder count at the event"),
    ro(
        EVENTS,
        (6, 2),
        "value",
        "",
        "trigger number, command number or epoch, by kind",
    ),
];
