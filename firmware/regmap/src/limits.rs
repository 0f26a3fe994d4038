//! What the node enforces, whatever a controller asks for.

use crate::DIVERTERS_MAX;
use crate::wire::{collect, join, split};

/// Registers of [`Limits`].
pub const LIMITS_WORDS: usize = 48;

/// In [`Limits::opposite`]: the diverter stands alone.
pub const NO_OPPOSITE: u16 = 0xFFFF;

/// What the node enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Photo-eyes connected.
    pub eyes: u16,
    /// Diverters connected.
    pub diverters: u16,
    /// Cameras connected.
    pub cameras: u16,
    /// Longest time an output may stay on, in milliseconds.
    pub hold_ms_max: u16,
    /// Longest hold in ticks.
    pub hold_ticks_max: u16,
    /// Least lead of a command in ticks.
    pub lead_ticks_min: u16,
    /// Greatest lead of a command in ticks.
    pub ahead_ticks_max: u32,
    /// Longest watchdog time it may be armed with, in milliseconds.
    pub heartbeat_ms: u16,
    /// A photo-eye blocked longer than this while the belt moves latches a jam; 0: never.
    pub jam_ms: u16,
    /// Strokes that can wait.
    pub strokes: u16,
    /// Triggers that can wait.
    pub triggers: u16,
    /// Answers remembered.
    pub acks: u16,
    /// Events remembered.
    pub events: u16,
    /// For each diverter the opposite one, or [`NO_OPPOSITE`].
    pub opposite: [u16; DIVERTERS_MAX],
}

impl Limits {
    /// As registers.
    #[must_use]
    pub fn encode(&self) -> [u16; LIMITS_WORDS] {
        let [ahead_hi, ahead_lo] = split(self.ahead_ticks_max);
        let Self {
            eyes,
            diverters,
            cameras,
            hold_ms_max,
            hold_ticks_max,
            ..
        } = *self;
        let Self {
            lead_ticks_min,
            heartbeat_ms,
            jam_ms,
            ..
        } = *self;
        let [strokes, triggers, acks, events] =
            [self.strokes, self.triggers, self.acks, self.events];
        let reach = [
            eyes,
            diverters,
            cameras,
            hold_ms_max,
            hold_ticks_max,
            lead_ticks_min,
        ];
        let times = [ahead_hi, ahead_lo, heartbeat_ms, jam_ms];
        let rings = [strokes, triggers, acks, events, 0, 0];
        collect(
            reach
                .into_iter()
                .chain(times)
                .chain(rings)
                .chain(self.opposite),
        )
    }

    /// From registers.
    #[must_use]
    pub fn decode(words: &[u16; LIMITS_WORDS]) -> Self {
        let [
            eyes,
            diverters,
            cameras,
            hold_ms_max,
            hold_ticks_max,
            lead_ticks_min,
            rest @ ..,
        ] = *words;
        let [ahead_hi, ahead_lo, heartbeat_ms, jam_ms, rest @ ..] = rest;
        let [strokes, triggers, acks, events, _, _, opposite @ ..] = rest;
        Self {
            eyes,
            diverters,
            cameras,
            hold_ms_max,
            hold_ticks_max,
            lead_ticks_min,
            ahead_ticks_max: join(ahead_hi, ahead_lo),
            heartbeat_ms,
            jam_ms,
            strokes,
            triggers,
            acks,
            events,
            opposite,
        }
    }
}
