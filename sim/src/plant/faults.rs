//! Faults as named knobs with rates, each with a counter of how often it fired.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A stroke without effect: the output is on, the diverter stays back.
    FailedDivert,
    /// A parcel taken off the belt by hand.
    Removed,
    /// A parcel put on the belt by hand.
    Added,
    /// A photo-eye does not see a parcel.
    EyeMissed,
    /// A photo-eye bounces at a parcel's leading edge.
    EyeChatter,
    /// A photo-eye stays blocked for some seconds.
    EyeStuckOn,
    /// A photo-eye stays clear for some seconds.
    EyeStuckOff,
    /// A frame in which nothing can be read.
    NoRead,
    /// A reading that comes seconds late.
    LateRead,
    /// A frame that never arrives.
    FrameLost,
    /// The belt stops for some seconds and starts again.
    BeltStop,
    /// The stop circuit is opened, and closed and reset by a person later.
    Stop,
    /// Nobody changes a full bag for minutes.
    ChuteFull,
    /// Two parcels closer than a stroke needs.
    ShortGap,
    /// Two parcels that touch.
    Touching,
    /// The encoder count stands still while the belt moves.
    EncoderStall,
    /// The encoder count jumps.
    EncoderJump,
}

impl Fault {
    /// All kinds, in the order of their counters.
    pub const ALL: [Self; 17] = [
        Self::FailedDivert,
        Self::Removed,
        Self::Added,
        Self::EyeMissed,
        Self::EyeChatter,
        Self::EyeStuckOn,
        Self::EyeStuckOff,
        Self::NoRead,
        Self::LateRead,
        Self::FrameLost,
        Self::BeltStop,
        Self::Stop,
        Self::ChuteFull,
        Self::ShortGap,
        Self::Touching,
        Self::EncoderStall,
        Self::EncoderJump,
    ];

    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FailedDivert => "failed_divert",
            Self::Removed => "removed",
            Self::Added => "added",
            Self::EyeMissed => "eye_missed",
            Self::EyeChatter => "eye_chatter",
            Self::EyeStuckOn => "eye_stuck_on",
            Self::EyeStuckOff => "eye_stuck_off",
            Self::NoRead => "no_read",
            Self::LateRead => "late_read",
            Self::FrameLost => "frame_lost",
            Self::BeltStop => "belt_stop",
            Self::Stop => "stop",
            Self::ChuteFull => "chute_full",
            Self::ShortGap => "short_gap",
            Self::Touching => "touching",
            Self::EncoderStall => "encoder_stall",
            Self::EncoderJump => "encoder_jump",
        }
    }
}

/// How often each fault happens: events per million chances, 0 to 1,000,000. Absent: never.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct FaultRates {
    /// Strokes without effect, per stroke.
    pub failed_divert: u32,
    /// Parcels removed by hand, per inducted parcel.
    pub removed: u32,
    /// Parcels added by hand, per inducted parcel.
    pub added: u32,
    /// Parcels a photo-eye does not see, per passage.
    pub eye_missed: u32,
    /// Bouncing edges, per passage.
    pub eye_chatter: u32,
    /// Photo-eyes that stay blocked, per passage.
    pub eye_stuck_on: u32,
    /// Photo-eyes that stay clear, per passage.
    pub eye_stuck_off: u32,
    /// Unreadable frames, per frame.
    pub no_read: u32,
    /// Readings that come 1 to 20 seconds late, per frame.
    pub late_read: u32,
    /// Frames that never arrive, per frame.
    pub frame_lost: u32,
    /// Belt stops of 1 to 10 seconds, per inducted parcel.
    pub belt_stop: u32,
    /// Openings of the stop circuit, per inducted parcel.
    pub stop: u32,
    /// Full bags nobody changes for 2 to 10 minutes, per full bag.
    pub chute_full: u32,
    /// Gaps of 20 to 200 mm, per new parcel.
    pub short_gap: u32,
    /// Parcels touching the one in front, per new parcel.
    pub touching: u32,
    /// Encoder stalls of 50 to 500 ms, per inducted parcel.
    pub encoder_stall: u32,
    /// Encoder jumps of up to 500 counts either way, per inducted parcel.
    pub encoder_jump: u32,
}

impl FaultRates {
    /// The rate of one kind, per million.
    #[must_use]
    pub const fn of(&self, fault: Fault) -> u32 {
        match fault {
            Fault::FailedDivert => self.failed_divert,
            Fault::Removed => self.removed,
            Fault::Added => self.added,
            Fault::EyeMissed => self.eye_missed,
            Fault::EyeChatter => self.eye_chatter,
            Fault::EyeStuckOn => self.eye_stuck_on,
            Fault::EyeStuckOff => self.eye_stuck_off,
            Fault::NoRead => self.no_read,
            Fault::LateRead => self.late_read,
            Fault::FrameLost => self.frame_lost,
            Fault::BeltStop => self.belt_stop,
            Fault::Stop => self.stop,
            Fault::ChuteFull => self.chute_full,
            Fault::ShortGap => self.short_gap,
            Fault::Touching => self.touching,
            Fault::EncoderStall => self.encoder_stall,
            Fault::EncoderJump => self.encoder_jump,
        }
    }

    /// The rate of one kind, to be set.
    pub const fn rate_mut(&mut self, fault: Fault) -> &mut u32 {
        match fault {
            Fault::FailedDivert => &mut self.failed_divert,
            Fault::Removed => &mut self.removed,
            Fault::Added => &mut self.added,
            Fault::EyeMissed => &mut self.eye_missed,
            Fault::EyeChatter => &mut self.eye_chatter,
            Fault::EyeStuckOn => &mut self.eye_stuck_on,
            Fault::EyeStuckOff => &mut self.eye_stuck_off,
            Fault::NoRead => &mut self.no_read,
            Fault::LateRead => &mut self.late_read,
            Fault::FrameLost => &mut self.frame_lost,
            Fault::BeltStop => &mut self.belt_stop,
            Fault::Stop => &mut self.stop,
            Fault::ChuteFull => &mut self.chute_full,
            Fault::ShortGap => &mut self.short_gap,
            Fault::Touching => &mut self.touching,
            Fault::EncoderStall => &mut self.encoder_stall,
            Fault::EncoderJump => &mut self.encoder_jump,
        }
    }
}

/// Draws faults and counts those that fired.
#[derive(Clone, Debug)]
pub struct FaultDice {
    rates: FaultRates,
    rng: super::Rng,
    fired: [u64; Fault::ALL.len()],
}

impl FaultDice {
    /// Dice for these rates on stream `stream` of the seed.
    #[must_use]
    pub const fn new(rates: FaultRates, seed: u64, stream: u64) -> Self {
        Self {
            rates,
            rng: super::Rng::new(seed, stream),
            fired: [0; Fault::ALL.len()],
        }
    }

    /// Whether the fault is drawn now. The caller reports with [`FaultDice::fired`] that it took
    /// effect.
    pub fn drawn(&mut self, fault: Fault) -> bool {
        self.rng.chance(self.rates.of(fault))
    }

    /// Draws, and counts it as fired.
    pub fn fires(&mut self, fault: Fault) -> bool {
        let drawn = self.drawn(fault);
        if drawn {
            self.fired(fault);
        }
        drawn
    }

    /// The fault took effect.
    pub fn fired(&mut self, fault: Fault) {
        if let Some(count) = self.fired.get_mut(fault as usize) {
            *count += 1;
        }
    }

    /// The random numbers that shape a fault.
    pub const fn rng(&mut self) -> &mut super::Rng {
        &mut self.rng
    }

    /// How often each kind fired; kinds with a rate of 0 are left out.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        let counted = Fault::ALL.into_iter().zip(self.fired);
        counted
            .filter(|(f, _)| self.rates.of(*f) > 0)
            .map(|(f, n)| (f.name(), n))
            .collect()
    }
}
