//! Photo-eyes and their jam latches.
//!
//! A photo-eye is jammed when it was blocked for the jam time while the belt moved: time in which
//! the belt stands does not count, because then nothing can clear it. The latch informs; it holds
//! no output back, because the node does not know which photo-eyes watch the belt and which a
//! chute that fills.

const EYES: usize = 64;

/// The belt is held to move for this long after its last count.
const MOVING_MS: u32 = 200;

#[derive(Debug)]
pub(crate) struct Eyes {
    blocked: u64,
    jammed: u64,
    /// Time blocked while the belt moved.
    blocked_ms: [u32; EYES],
    moved: bool,
    still_ms: u32,
}

impl Eyes {
    pub(crate) const fn new() -> Self {
        Self {
            blocked: 0,
            jammed: 0,
            blocked_ms: [0; EYES],
            moved: false,
            still_ms: MOVING_MS,
        }
    }

    pub(crate) const fn blocked(&self) -> u64 {
        self.blocked
    }

    pub(crate) const fn jammed(&self) -> u64 {
        self.jammed
    }

    /// Sets a level; `false` when it did not change.
    pub(crate) fn set(&mut self, eye: u8, blocked: bool) -> bool {
        let bit = bit(eye);
        if (self.blocked & bit != 0) == blocked {
            return false;
        }
        self.blocked ^= bit;
        if let Some(ms) = self.blocked_ms.get_mut(usize::from(eye)) {
            *ms = 0;
        }
        true
    }

    pub(crate) const fn belt_moved(&mut self) {
        self.moved = true;
    }

    /// The next photo-eye that becomes jammed once `elapsed` has passed; latches it.
    pub(crate) fn take_jam(&mut self, elapsed: u32, jam_ms: u16) -> Option<u8> {
        if jam_ms == 0 || !self.is_moving() || self.blocked & !self.jammed == 0 {
            return None;
        }
        let limit = u32::from(jam_ms);
        let due = |eye: &u8| self.blocked_ms(*eye).saturating_add(elapsed) >= limit;
        let eye = each(self.blocked & !self.jammed).find(due)?;
        self.jammed |= bit(eye);
        Some(eye)
    }

    /// Adds `elapsed` to the photo-eyes blocked, if the belt moved.
    pub(crate) fn settle(&mut self, elapsed: u32) {
        if self.is_moving() && self.blocked != 0 {
            for eye in each(self.blocked) {
                if let Some(ms) = self.blocked_ms.get_mut(usize::from(eye)) {
                    *ms = ms.saturating_add(elapsed);
                }
            }
        }
        self.still_ms = if self.moved {
            0
        } else {
            self.still_ms.saturating_add(elapsed)
        };
        self.moved = false;
    }

    /// When the next photo-eye becomes jammed, if the belt goes on.
    pub(crate) fn next_jam(&self, now: u32, jam_ms: u16) -> Option<u32> {
        if jam_ms == 0 || !self.is_moving() {
            return None;
        }
        let limit = u32::from(jam_ms);
        let left = each(self.blocked & !self.jammed)
            .map(|eye| limit.saturating_sub(self.blocked_ms(eye)))
            .min()?;
        // At least one millisecond ahead, so that a caller that jumps always moves on.
        Some(now.wrapping_add(left.max(1)))
    }

    /// Resets one latch whose photo-eye is clear.
    pub(crate) fn take_reset(&mut self) -> Option<u8> {
        let eye = (0_u8..64).find(|eye| self.jammed & !self.blocked & bit(*eye) != 0)?;
        self.jammed &= !bit(eye);
        Some(eye)
    }

    fn blocked_ms(&self, eye: u8) -> u32 {
        self.blocked_ms.get(usize::from(eye)).copied().unwrap_or(0)
    }

    const fn is_moving(&self) -> bool {
        self.moved || self.still_ms < MOVING_MS
    }
}

/// The photo-eyes of a set, in order.
fn each(set: u64) -> impl Iterator<Item = u8> {
    let mut left = set;
    core::iter::from_fn(move || {
        let eye = u8::try_from(left.trailing_zeros()).ok()?;
        let rest = left.checked_sub(1)?;
        left &= rest;
        Some(eye)
    })
}

fn bit(eye: u8) -> u64 {
    1_u64.checked_shl(u32::from(eye)).unwrap_or(0)
}
