//! What a controller reads: identity and state.

use crate::command::{AckCode, ControlResult};
use crate::wire::{collect, join, join_wide, split, split_wide};
use crate::{MAGIC, VERSION_CURRENT, VERSION_MIN};

/// Registers of [`Ident`].
pub const IDENT_WORDS: usize = 8;
/// Registers of [`Status`].
pub const STATUS_WORDS: usize = 44;
/// Who the node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ident {
    /// [`MAGIC`] in every version.
    pub magic: u32,
    /// Oldest contract version whose controllers it serves.
    pub version_min: u16,
    /// Contract version it speaks.
    pub version_current: u16,
    /// Number given to the node at installation; 0 when none was given.
    pub node_id: u16,
    /// Differs from one start of the node to the next: its first epoch.
    pub boot: u16,
}

impl Ident {
    /// Identity of a node of this version.
    #[must_use]
    pub const fn new(node_id: u16, boot: u16) -> Self {
        Self {
            magic: MAGIC,
            version_min: VERSION_MIN,
            version_current: VERSION_CURRENT,
            node_id,
            boot,
        }
    }

    /// True when a controller of this version can work with the node.
    #[must_use]
    pub const fn is_compatible(&self) -> bool {
        self.magic == MAGIC
            && self.version_min <= VERSION_CURRENT
            && self.version_current >= VERSION_MIN
    }

    /// As registers.
    #[must_use]
    pub const fn encode(&self) -> [u16; IDENT_WORDS] {
        let [hi, lo] = split(self.magic);
        [
            hi,
            lo,
            self.version_min,
            self.version_current,
            self.node_id,
            self.boot,
            0,
            0,
        ]
    }

    /// From registers.
    #[must_use]
    pub const fn decode(words: &[u16; IDENT_WORDS]) -> Self {
        let [hi, lo, version_min, version_current, node_id, boot, _, _] = *words;
        Self {
            magic: join(hi, lo),
            version_min,
            version_current,
            node_id,
            boot,
        }
    }
}

/// State bits in [`Health::flags`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u16);

impl Flags {
    /// Bit 0: accepts commands.
    pub const ARMED: Self = Self(1);
    /// Bit 1: the stop circuit is open.
    pub const STOP_OPEN: Self = Self(2);
    /// Bit 2: the stop circuit was open and the latch waits for a reset.
    pub const STOP_LATCHED: Self = Self(4);
    /// Bit 3: the watchdog tripped since the node was last armed.
    pub const TRIPPED: Self = Self(8);
    /// Bit 4: a photo-eye is latched as jammed.
    pub const JAMMED: Self = Self(16);
    /// Bit 5: outputs read back differ from outputs wanted.
    pub const MISMATCH: Self = Self(32);

    /// True when every bit of `other` is set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These bits, and those of `other` if `set`.
    #[must_use]
    pub const fn with(self, other: Self, set: bool) -> Self {
        if set { Self(self.0 | other.0) } else { self }
    }
}

/// State and counters. Counters count from the node's start and wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// State bits.
    pub flags: Flags,
    /// Present epoch.
    pub epoch: u16,
    /// Milliseconds since the node's start; wraps after 49 days.
    pub uptime_ms: u32,
    /// Write requests accepted, from whomever: a controller that counts its own notices others.
    pub writes: u16,
    /// Commands taken from the mailbox.
    pub commands: u16,
    /// Commands refused.
    pub refused: u16,
    /// Commands whose checksum did not match.
    pub damaged: u16,
    /// Watchdog trips.
    pub trips: u16,
    /// Strokes and triggers dropped because their count was jumped over.
    pub jumped: u16,
    /// Times the belt began to run backwards.
    pub reversals: u16,
    /// What ended the last epoch: 0 nothing or a controller, 1 watchdog, 2 stop circuit.
    pub last_fault: u16,
    /// Strokes waiting.
    pub strokes: u16,
    /// Triggers waiting.
    pub triggers: u16,
}

/// Encoder and node time, latched at the same instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Encoder count; wraps.
    pub ticks: u32,
    /// Node time in milliseconds; wraps.
    pub millis: u32,
}

/// Inputs and outputs. Bit n is photo-eye or diverter n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// Photo-eyes blocked.
    pub eyes: u64,
    /// Photo-eyes latched as jammed.
    pub jams: u64,
    /// Diverter outputs that the node wants on.
    pub desired: u32,
    /// Diverter outputs read back from the output stage.
    pub actual: u32,
}

/// Who holds the node, and the last answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Number of the controller that armed it; 0 when nobody did.
    pub owner: u32,
    /// Watchdog time it was armed with, in milliseconds.
    pub watchdog_ms: u16,
    /// Last heartbeat counter that counted.
    pub heartbeat: u16,
    /// What became of the last control request.
    pub control: ControlResult,
    /// Number of the last command taken from the mailbox, as received.
    pub last_seq: u16,
    /// Answer to it; `None` before the first.
    pub last_result: Option<AckCode>,
}

/// How far the event ring has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rings {
    /// Number the next event will get; wraps.
    pub next: u32,
    /// Events in the ring: the oldest has number `next - held`.
    pub held: u16,
}

/// All that a controller polls: one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// State and counters.
    pub health: Health,
    /// Encoder and node time.
    pub clock: Clock,
    /// Inputs and outputs.
    pub levels: Levels,
    /// Who holds the node.
    pub lease: Lease,
    /// Event ring.
    pub rings: Rings,
}

impl Health {
    const fn encode(&self) -> [u16; 16] {
        let [up_hi, up_lo] = split(self.uptime_ms);
        let Self {
            writes,
            commands,
            refused,
            damaged,
            ..
        } = *self;
        let Self {
            trips,
            jumped,
            reversals,
            last_fault,
            strokes,
            triggers,
            ..
        } = *self;
        [
            self.flags.0,
            self.epoch,
            up_hi,
            up_lo,
            writes,
            commands,
            refused,
            damaged,
            trips,
            jumped,
            reversals,
            last_fault,
            strokes,
            triggers,
            0,
            0,
        ]
    }

    const fn decode(words: [u16; 16]) -> Self {
        let [
            flags,
            epoch,
            up_hi,
            up_lo,
            writes,
            commands,
            refused,
            damaged,
            rest @ ..,
        ] = words;
        let [
            trips,
            jumped,
            reversals,
            last_fault,
            strokes,
            triggers,
            _,
            _,
        ] = rest;
        Self {
            flags: Flags(flags),
            epoch,
            uptime_ms: join(up_hi, up_lo),
            writes,
            commands,
            refused,
            damaged,
            trips,
            jumped,
            reversals,
            last_fault,
            strokes,
            triggers,
        }
    }
}

impl Clock {
    const fn encode(self) -> [u16; 4] {
        let [ticks_hi, ticks_lo] = split(self.ticks);
        let [millis_hi, millis_lo] = split(self.millis);
        [ticks_hi, ticks_lo, millis_hi, millis_lo]
    }

    const fn decode(words: [u16; 4]) -> Self {
        let [ticks_hi, ticks_lo, millis_hi, millis_lo] = words;
        Self {
            ticks: join(ticks_hi, ticks_lo),
            millis: join(millis_hi, millis_lo),
        }
    }
}

impl Levels {
    fn encode(&self) -> [u16; 12] {
        let [e3, e2, e1, e0] = split_wide(self.eyes);
        let [j3, j2, j1, j0] = split_wide(self.jams);
        let [desired_hi, desired_lo] = split(self.desired);
        let [actual_hi, actual_lo] = split(self.actual);
        [
            e3, e2, e1, e0, j3, j2, j1, j0, desired_hi, desired_lo, actual_hi, actual_lo,
        ]
    }

    fn decode(words: [u16; 12]) -> Self {
        let [e3, e2, e1, e0, j3, j2, j1, j0, outputs @ ..] = words;
        let [desired_hi, desired_lo, actual_hi, actual_lo] = outputs;
        Self {
            eyes: join_wide([e3, e2, e1, e0]),
            jams: join_wide([j3, j2, j1, j0]),
            desired: join(desired_hi, desired_lo),
            actual: join(actual_hi, actual_lo),
        }
    }
}

impl Lease {
    fn encode(&self) -> [u16; 8] {
        let [owner_hi, owner_lo] = split(self.owner);
        let last = self.last_result.map_or(0, AckCode::code);
        let Self {
            watchdog_ms,
            heartbeat,
            last_seq,
            ..
        } = *self;
        [
            owner_hi,
            owner_lo,
            watchdog_ms,
            heartbeat,
            self.control.code(),
            last_seq,
            last,
            0,
        ]
    }

    fn decode(words: [u16; 8]) -> Option<Self> {
        let [
            owner_hi,
            owner_lo,
            watchdog_ms,
            heartbeat,
            control,
            last_seq,
            last,
            _,
        ] = words;
        Some(Self {
            owner: join(owner_hi, owner_lo),
            watchdog_ms,
            heartbeat,
            control: ControlResult::from_code(control)?,
            last_seq,
            last_result: if last == 0 {
                None
            } else {
                Some(AckCode::from_code(last)?)
            },
        })
    }
}

impl Rings {
    const fn encode(self) -> [u16; 4] {
        let [next_hi, next_lo] = split(self.next);
        [next_hi, next_lo, self.held, 0]
    }

    const fn decode(words: [u16; 4]) -> Self {
        let [next_hi, next_lo, held, _] = words;
        Self {
            next: join(next_hi, next_lo),
            held,
        }
    }
}

impl Status {
    /// As registers, from `HEALTH` to `RINGS`.
    #[must_use]
    pub fn encode(&self) -> [u16; STATUS_WORDS] {
        let health = self.health.encode();
        let clock = self.clock.encode();
        let levels = self.levels.encode();
        let lease = self.lease.encode();
        let rings = self.rings.encode();
        let all = health
            .iter()
            .chain(&clock)
            .chain(&levels)
            .chain(&lease)
            .chain(&rings);
        collect(all.copied())
    }

    /// From registers; `None` when a code is unknown.
    #[must_use]
    pub fn decode(words: &[u16; STATUS_WORDS]) -> Option<Self> {
        let mut rest = words.iter().copied();
        Some(Self {
            health: Health::decode(collect(&mut rest)),
            clock: Clock::decode(collect(&mut rest)),
            levels: Levels::decode(collect(&mut rest)),
            lease: Lease::decode(collect(&mut rest))?,
            rings: Rings::decode(collect(&mut rest)),
        })
    }
}
