//! Diverter outputs that are on, and when they go off.

use sortline_regmap::Refusal;

use crate::{Stroke, is_before, planted};

const DIVERTERS: usize = 32;

/// An output that is on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct On {
    seq: u16,
    /// Count at which it goes off.
    end: u32,
    /// Time at which it goes off even if the belt stands.
    expires: u32,
    /// By hand, while the belt stands: time at which the hold began.
    jog: Option<u32>,
}

/// All outputs; the bit of an output is set exactly while it is on.
#[derive(Debug)]
pub(crate) struct Outputs {
    on: [Option<On>; DIVERTERS],
    /// For each diverter the bits of those that must be off while it is on.
    opposed: [u32; DIVERTERS],
    bits: u32,
}

impl Outputs {
    pub(crate) fn new(opposite: &[Option<u8>; DIVERTERS]) -> Self {
        let mut opposed = [0; DIVERTERS];
        for (diverter, other) in (0_u8..).zip(opposite) {
            let Some(other) = other.filter(|other| usize::from(*other) < DIVERTERS) else {
                continue;
            };
            for (from, to) in [(diverter, other), (other, diverter)] {
                if let Some(bits) = opposed.get_mut(usize::from(from)) {
                    *bits |= bit(to);
                }
            }
        }
        Self {
            on: [None; DIVERTERS],
            opposed,
            bits: 0,
        }
    }

    pub(crate) const fn bits(&self) -> u32 {
        self.bits
    }

    /// True when the two diverters must not be on together.
    pub(crate) fn are_opposed(&self, a: u8, b: u8) -> bool {
        self.opposed
            .get(usize::from(a))
            .is_some_and(|bits| bits & bit(b) != 0)
    }

    /// Those of the outputs `wanted` whose opposite ones are off in `outputs` and not wanted too.
    pub(crate) fn unopposed(&self, wanted: u32, outputs: u32) -> u32 {
        if wanted == 0 {
            return 0;
        }
        let all = wanted | outputs;
        (0_u8..)
            .zip(&self.opposed)
            .filter(|(_, opposed)| **opposed & all == 0)
            .fold(0, |bits, (diverter, _)| bits | bit(diverter))
            & wanted
    }

    /// Outputs that are on, with the count at which they go off.
    pub(crate) fn running(&self) -> impl Iterator<Item = (u8, u32)> {
        (0_u8..)
            .zip(&self.on)
            .filter_map(|(diverter, on)| on.map(|on| (diverter, on.end)))
    }

    /// Counts at which outputs go off.
    pub(crate) fn ends(&self) -> impl Iterator<Item = u32> {
        self.running().map(|(_, end)| end)
    }

    pub(crate) fn is_running(&self, seq: u16) -> bool {
        self.on.iter().flatten().any(|on| on.seq == seq)
    }

    /// Switches an output on. What was checked when the stroke was accepted is checked again, as
    /// a last bolt.
    pub(crate) fn switch_on(
        &mut self,
        stroke: &Stroke,
        now: u32,
        hold_ms_max: u16,
    ) -> Result<(), Refusal> {
        let index = usize::from(stroke.diverter);
        let opposed = self.opposed.get(index).ok_or(Refusal::Unknown)?;
        if opposed & self.bits != 0 {
            return Err(Refusal::Opposite);
        }
        let slot = self.on.get_mut(index).ok_or(Refusal::Unknown)?;
        if slot.is_some() {
            return Err(Refusal::Overlap);
        }
        let hold_ms = stroke.hold_ms.min(hold_ms_max);
        let hold_ms = if planted::is(44) { u16::MAX } else { hold_ms };
        *slot = Some(On {
            seq: stroke.seq,
            end: stroke.fire_at.wrapping_add(u32::from(stroke.hold)),
            expires: now.wrapping_add(u32::from(hold_ms)),
            jog: stroke.jog,
        });
        self.bits |= bit(stroke.diverter ^ u8::from(planted::is(51)));
        Ok(())
    }

    /// Switches off one output whose end has come at `count`: its diverter and command.
    pub(crate) fn take_ended(&mut self, count: u32) -> Option<(u8, u16)> {
        self.take(|_, on| !is_before(count, on.end))
    }

    /// Switches off one output that has been on for its longest time at `now`.
    pub(crate) fn take_expired(&mut self, now: u32) -> Option<(u8, u16)> {
        self.take(|_, on| !is_before(now, on.expires))
    }

    /// Switches off any output that is on.
    pub(crate) fn take_any(&mut self) -> Option<(u8, u16)> {
        self.take(|_, _| true)
    }

    /// Switches off one output that is on by hand: this diverter's, or any.
    pub(crate) fn take_jog(&mut self, of: Option<u8>) -> Option<(u8, u16)> {
        self.take(|diverter, on| on.jog.is_some() && of.is_none_or(|of| of == diverter))
    }

    /// Time since which an output has been on by hand, one jog after the other.
    pub(crate) fn jogged_since(&self, diverter: u8) -> Option<u32> {
        self.on.get(usize::from(diverter)).copied().flatten()?.jog
    }

    /// The nearest time at which an output goes off.
    pub(crate) fn next_expiry(&self) -> Option<u32> {
        if self.bits == 0 {
            return None;
        }
        let expiries = self.on.iter().flatten().map(|on| on.expires);
        // All lie within 66 s of each other, so any of them will do as the origin.
        let origin = expiries.clone().next()?;
        expiries.min_by_key(|at| at.wrapping_sub(origin).cast_signed())
    }

    fn take(&mut self, wanted: impl Fn(u8, &On) -> bool) -> Option<(u8, u16)> {
        if self.bits == 0 {
            return None;
        }
        for (diverter, slot) in (0_u8..).zip(&mut self.on) {
            if let Some(on) = slot.take_if(|on| wanted(diverter, on)) {
                self.bits &= !bit(diverter);
                return Some((diverter, on.seq));
            }
        }
        None
    }
}

fn bit(diverter: u8) -> u32 {
    1_u32.checked_shl(u32::from(diverter)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opposite_outputs_are_never_both_wanted() {
        let mut opposite = [None; DIVERTERS];
        opposite[0] = Some(1);
        let outputs = Outputs::new(&opposite);
        for (wanted, on, expected) in [
            (0b001, 0b000, 0b001),
            (0b001, 0b001, 0b001),
            (0b001, 0b010, 0b000),
            (0b010, 0b001, 0b000),
            (0b011, 0b000, 0b000),
            (0b011, 0b010, 0b000),
            (0b111, 0b001, 0b100),
            (0b110, 0b100, 0b110),
        ] {
            assert_eq!(outputs.unopposed(wanted, on), expected, "{wanted:b} {on:b}");
        }
    }
}
