//! Whether everything still has its turn.

use core::sync::atomic::{AtomicU32, Ordering};

/// Rounds of what runs when nothing else does; they stand when any task hangs.
#[derive(Debug, Default)]
pub struct Rounds(AtomicU32);

impl Rounds {
    /// None yet.
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// One more.
    pub fn count(&self) {
        let next = self.0.load(Ordering::Relaxed).wrapping_add(1);
        self.0.store(next, Ordering::Relaxed);
    }
}

/// Sees whether the rounds go on.
#[derive(Debug, Default)]
pub struct Watch {
    seen: u32,
    /// Looks since the last new round.
    stale: u32,
}

impl Watch {
    /// Looks: how many looks ago there was a new round.
    pub fn look(&mut self, rounds: &Rounds) -> u32 {
        let now = rounds.0.load(Ordering::Relaxed);
        if now == self.seen {
            self.stale = self.stale.saturating_add(1);
        } else {
            self.seen = now;
            self.stale = 0;
        }
        self.stale
    }
}
