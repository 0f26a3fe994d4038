//! The induction feeder: which parcel comes next, and when the belt has room for it.

use std::collections::VecDeque;

use super::belt::NEVER_UM;
use super::config::FeederConfig;
use super::parcel::Parcel;
use super::shapes::Carriers;
use super::{Fault, FaultDice, Rng};

/// A parcel coming back on the recirculation conveyor: the belt travel at which its leading edge
/// reaches the induction photo-eye.
pub(crate) type Returning = (i64, Parcel);

/// The feeder.
#[derive(Clone, Debug)]
pub(crate) struct Feeder {
    config: FeederConfig,
    rng: Rng,
    gap_um_min: i64,
    gap_um_max: i64,
    /// New parcels it still brings.
    left: u64,
    /// The last serial given.
    serial: u32,
    next: Parcel,
    gap_um: i64,
    /// Belt travel at which the next new parcel comes.
    next_um: i64,
    /// Belt travel at which the last parcel has left the induction photo-eye.
    clear_um: i64,
    /// It feeds onto these, one parcel onto each.
    carriers: Option<Carriers>,
    /// The carrier that was taken last.
    taken: Option<i64>,
}

impl Feeder {
    /// A feeder that brings `limit` parcels onto a belt of this speed.
    pub(crate) fn new(
        config: &FeederConfig,
        speed_mm_per_s: i64,
        limit: u64,
        rng: Rng,
        dice: &mut FaultDice,
    ) -> Self {
        let pitch = speed_mm_per_s * 3_600 * 1_000 / i64::from(config.parcels_per_hour).max(1);
        let gap_um_min = i64::from(config.gap_mm_min) * 1_000;
        let mean = pitch - i64::from(config.length_mm_mean) * 1_000;
        let gap_um_max = (2 * mean - gap_um_min).max(gap_um_min);
        let nothing = Parcel {
            serial: 0,
            length_um: 0,
            width_mm: 0,
            mass_g: 0,
            lap: 0,
        };
        let mut feeder = Self {
            config: config.clone(),
            rng,
            gap_um_min,
            gap_um_max,
            left: limit,
            serial: 0,
            next: nothing,
            gap_um: 0,
            next_um: 0,
            clear_um: 0,
            carriers: None,
            taken: None,
        };
        feeder.plan(dice);
        feeder
    }

    /// Parcels are laid onto carriers.
    pub(crate) fn onto(&mut self, carriers: &Carriers) {
        self.next_um = carriers.slot(self.next_um, self.next.length_um, &mut self.rng);
        self.carriers = Some(carriers.clone());
    }

    /// A parcel for another induction; `None` when there are no more.
    pub(crate) fn take(&mut self) -> Option<Parcel> {
        self.left = self.left.checked_sub(1)?;
        Some(self.draw())
    }

    /// True when it brings no more new parcels.
    pub(crate) const fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Belt travel at which the next new parcel comes.
    pub(crate) const fn next_um(&self) -> i64 {
        if self.left == 0 {
            NEVER_UM
        } else {
            self.next_um
        }
    }

    /// The belt has come to [`Feeder::next_um`]: the new parcel, or `None` when it has to wait
    /// for one that comes back.
    pub(crate) fn release(
        &mut self,
        returns: &VecDeque<Returning>,
        dice: &mut FaultDice,
    ) -> Option<Parcel> {
        if let Some(carriers) = self.carriers.clone() {
            let carrier = carriers.at(self.next_um);
            let comes = |(at, _): &Returning| carriers.at(*at) == carrier;
            if self.taken == Some(carrier) || returns.iter().any(comes) {
                self.next_um += carriers.pitch_um();
                return None;
            }
            self.taken = Some(carrier);
            return Some(self.give(dice));
        }
        let start = self.next_um;
        let end = start + self.next.length_um + self.gap_um_min;
        let wait = returns
            .iter()
            .find(|(at, parcel)| *at < end && at + parcel.length_um + self.gap_um_min > start);
        if let Some((at, parcel)) = wait {
            self.next_um = at + parcel.length_um + self.gap_um.max(self.gap_um_min);
            return None;
        }
        Some(self.give(dice))
    }

    fn give(&mut self, dice: &mut FaultDice) -> Parcel {
        let parcel = self.next;
        self.left -= 1;
        self.clear_um = self.next_um + parcel.length_um;
        self.plan(dice);
        parcel
    }

    /// A parcel comes back at belt travel `at`. Returns the travel at which it enters: later when
    /// another is still under the induction photo-eye.
    pub(crate) fn readmit(&mut self, at: i64, parcel: &Parcel) -> i64 {
        if let Some(carriers) = &self.carriers {
            self.taken = Some(carriers.at(at));
            return at;
        }
        let enters = at.max(self.clear_um);
        self.clear_um = enters + parcel.length_um;
        self.next_um = self
            .next_um
            .max(self.clear_um + self.gap_um.max(self.gap_um_min));
        enters
    }

    /// A parcel nobody fed: put on the belt by hand.
    pub(crate) fn by_hand(&mut self) -> Parcel {
        self.draw()
    }

    fn plan(&mut self, dice: &mut FaultDice) {
        if self.left == 0 {
            return;
        }
        self.next = self.draw();
        self.gap_um = self.rng.range(self.gap_um_min, self.gap_um_max);
        if let Some(carriers) = &self.carriers {
            // On carriers parcels neither touch nor come near each other.
            let from = self.clear_um + self.gap_um;
            self.next_um = carriers.slot(from, self.next.length_um, &mut self.rng);
            return;
        }
        if self.clear_um > 0 {
            if dice.fires(Fault::Touching) {
                self.gap_um = 0;
            } else if dice.fires(Fault::ShortGap) {
                self.gap_um = dice.rng().range(20_000, 200_000);
            }
        }
        self.next_um = self.clear_um + self.gap_um;
    }

    fn draw(&mut self) -> Parcel {
        let c = &self.config;
        let (least, mean, most) = (c.length_mm_min, c.length_mm_mean, c.length_mm_max);
        // Uniform below the mean or above it, with the weights that give the mean.
        let span = u64::from(most - least);
        let below = self.rng.below(span.max(1)) < u64::from(most - mean);
        let (low, high) = if below { (least, mean) } else { (mean, most) };
        self.serial += 1;
        let length_um = self
            .rng
            .range(i64::from(low) * 1_000, i64::from(high) * 1_000);
        let grams = self
            .rng
            .range(i64::from(c.mass_g_min), i64::from(c.mass_g_max));
        let width_mm = self.rng.range(100, 400);
        Parcel {
            serial: self.serial,
            length_um,
            width_mm: u32::try_from(width_mm).unwrap_or(0),
            mass_g: u32::try_from(grams).unwrap_or(0),
            lap: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plant::FaultRates;

    fn feeder(limit: u64) -> (Feeder, FaultDice) {
        let mut dice = FaultDice::new(FaultRates::default(), 1);
        let config = FeederConfig::default();
        (
            Feeder::new(&config, 1_500, limit, Rng::new(1, 2), &mut dice),
            dice,
        )
    }

    #[test]
    fn the_rate_is_the_one_asked_for() {
        let (mut feeder, mut dice) = feeder(10_000);
        let none = VecDeque::new();
        let mut last = 0;
        while !feeder.is_done() {
            last = feeder.next_um();
            assert!(feeder.release(&none, &mut dice).is_some());
        }
        // 10,000 parcels at 4,500 an hour and 1.5 m/s: 12,000 m of belt.
        assert!((11_800_000_000..12_200_000_000).contains(&last), "{last}");
    }

    #[test]
    fn a_new_parcel_waits_for_one_that_comes_back() {
        let (mut feeder, mut dice) = feeder(5);
        let (first, length) = (feeder.next_um(), 300_000);
        let back = Parcel {
            serial: 99,
            length_um: length,
            width_mm: 1,
            mass_g: 1,
            lap: 1,
        };
        let returns = VecDeque::from([(first + 100_000, back)]);
        assert_eq!(feeder.release(&returns, &mut dice), None);
        assert!(feeder.next_um() >= first + 100_000 + length + 450_000);
        assert_eq!(feeder.readmit(first + 100_000, &back), first + 100_000);
        assert!(feeder.release(&VecDeque::new(), &mut dice).is_some());
    }

    #[test]
    fn parcels_that_come_back_never_overlap() {
        let (mut feeder, _) = feeder(5);
        let back = Parcel {
            serial: 9,
            length_um: 300_000,
            width_mm: 1,
            mass_g: 1,
            lap: 1,
        };
        assert_eq!(feeder.readmit(1_000_000, &back), 1_000_000);
        assert_eq!(feeder.readmit(1_100_000, &back), 1_300_000);
    }
}
