//! How rare it is that a parcel vanishes, appears or passes a photo-eye unseen.
//!
//! The line's configuration says what is usual. Where people reach in all the time, or a photo-eye
//! is failing, it happens more often than that, and what looks like one parcel that slipped may be
//! two that took each other's place: the price of that follows what was seen.

use super::weigh::{Cost, of_ppb};

/// Weight of one passage in the share that is learnt, as 1 over this.
const WEIGHT: u32 = 1_024;
/// Strays among so many passages that may be chance: fewer say nothing against the configuration.
const CHANCE: u32 = 16;
/// One in parts per billion.
const BILLION: u32 = 1_000_000_000;

/// The price of a stray.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rarity {
    /// Share of strays among passages of photo-eyes that is assumed at least, parts per billion.
    least: u32,
    /// The share seen of late.
    seen: u32,
    cost: Cost,
}

impl Rarity {
    /// Nothing was seen yet; `ppm` is what the line's configuration says.
    pub(super) fn new(ppm: u32) -> Self {
        let least = ppm.saturating_mul(1_000);
        Self {
            least,
            seen: 0,
            cost: of_ppb(least),
        }
    }

    /// Cost of a parcel that was put on, taken off or not seen between two photo-eyes.
    pub(super) const fn cost(&self) -> Cost {
        self.cost
    }

    /// A photo-eye saw a parcel that it had to see.
    pub(super) fn passage(&mut self) {
        let forgotten = self.seen.div_ceil(WEIGHT);
        self.learn(self.seen.saturating_sub(forgotten));
    }

    /// It did not, or it saw one that nobody knows.
    pub(super) fn stray(&mut self) {
        let more = BILLION.saturating_sub(self.seen) / WEIGHT;
        self.learn(self.seen.saturating_add(more));
    }

    fn learn(&mut self, seen: u32) {
        let before = self.share();
        self.seen = seen;
        if self.share() != before {
            self.cost = of_ppb(self.share());
        }
    }

    fn share(&self) -> u32 {
        let counts = self.seen > CHANCE.saturating_mul(BILLION / WEIGHT);
        if counts {
            self.least.max(self.seen)
        } else {
            self.least
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strays_are_as_rare_as_they_were_seen_to_be() {
        let usual = of_ppb(500_000);
        let mut rarity = Rarity::new(500);
        for _ in 0..1_000 {
            rarity.passage();
        }
        assert_eq!(rarity.cost(), usual, "never rarer than configured");
        for _ in 0..CHANCE {
            rarity.stray();
        }
        assert_eq!(rarity.cost(), usual, "a few are chance");
        rarity.stray();
        assert!(rarity.cost() < of_ppb(15_000_000), "{rarity:?}");
        for _ in 0..1_000 {
            rarity.passage();
        }
        assert_eq!(rarity.cost(), usual, "they are forgotten");
        for n in 0..10_000 {
            if n % 10 == 0 {
                rarity.stray();
            } else {
                rarity.passage();
            }
        }
        let (least, most) = (of_ppb(120_000_000), of_ppb(80_000_000));
        assert!((least..most).contains(&rarity.cost()), "{rarity:?}");
        for _ in 0..40_000 {
            rarity.stray();
        }
        assert!(rarity.cost() < 10, "{rarity:?}");
    }
}
