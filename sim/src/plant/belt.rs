//! The belt: travel as a function of time, and the encoder that counts it.
//!
//! Speed is constant between changes and a ramp is a staircase of speeds, so travel can be turned
//! into time and back exactly, in integers. Travel is in micrometres since the start, time in
//! microseconds since the start.

/// Travel that is never reached: nothing is due.
pub(crate) const NEVER_UM: i64 = i64::MAX;

/// Steps of one ramp.
const RAMP_STEPS: i64 = 10;

/// Belt and encoder.
#[derive(Clone, Debug)]
pub(crate) struct Belt {
    um_per_tick: i64,
    nominal: i64,
    /// Present speed in micrometres per millisecond, which is millimetres per second.
    speed: i64,
    since_us: i64,
    travel_um: i64,
    /// Count shown when the travel is 0, plus every count an encoder fault added.
    count_offset: i64,
    /// Travel at which the encoder froze.
    frozen_um: Option<i64>,
    /// The encoder shows something else than steady travel at nominal speed.
    pub(crate) disturbed: bool,
    /// When the encoder showed last what was not so.
    pub(crate) astray_us: Option<i64>,
}

impl Belt {
    /// A belt at full speed. Its encoder shows `count` at the start.
    pub(crate) fn new(speed_mm_per_s: u32, um_per_tick: u32, count: u32) -> Self {
        let nominal = i64::from(speed_mm_per_s).max(1);
        Self {
            um_per_tick: i64::from(um_per_tick).max(1),
            nominal,
            speed: nominal,
            since_us: 0,
            travel_um: 0,
            count_offset: i64::from(count),
            frozen_um: None,
            disturbed: false,
            astray_us: None,
        }
    }

    /// Nominal speed in millimetres per second.
    pub(crate) const fn nominal(&self) -> i64 {
        self.nominal
    }

    /// It does not stand.
    pub(crate) const fn runs(&self) -> bool {
        self.speed > 0
    }

    /// It runs, but slower than it should.
    pub(crate) const fn is_slow(&self) -> bool {
        self.speed > 0 && self.speed < self.nominal
    }

    /// It runs at nominal speed, and the encoder counts.
    pub(crate) const fn is_steady(&self) -> bool {
        self.speed == self.nominal && self.frozen_um.is_none()
    }

    /// Travel at `now_us`, not before the last change of speed.
    pub(crate) const fn travel(&self, now_us: i64) -> i64 {
        self.travel_um + self.speed * (now_us - self.since_us) / 1_000
    }

    /// First microsecond at which the travel is at least `travel_um`; `None` while the belt
    /// stands, and for [`NEVER_UM`]. Never earlier than the last change of speed.
    pub(crate) fn time_at(&self, travel_um: i64) -> Option<i64> {
        let ahead = travel_um.saturating_sub(self.travel_um);
        if ahead <= 0 {
            return Some(self.since_us);
        }
        (self.speed > 0 && travel_um != NEVER_UM)
            .then(|| self.since_us + (ahead * 1_000 + self.speed - 1) / self.speed)
    }

    /// Changes the speed.
    pub(crate) const fn set_speed(&mut self, now_us: i64, speed_mm_per_s: i64) {
        self.travel_um = self.travel(now_us);
        self.since_us = now_us;
        self.speed = speed_mm_per_s;
    }

    /// The speed `step` steps into a ramp (1 to 10) down to a stop, or up from it.
    pub(crate) const fn ramp_speed(&self, step: i64, down: bool) -> i64 {
        let part = if down { RAMP_STEPS - step } else { step };
        self.nominal * part / RAMP_STEPS
    }

    /// The step of a ramp down that does not raise the speed.
    pub(crate) const fn ramp_step(&self) -> i64 {
        let step = RAMP_STEPS - self.speed * RAMP_STEPS / self.nominal;
        if step > 1 { step } else { 1 }
    }

    /// True after the last step of a ramp.
    pub(crate) const fn ramp_done(step: i64) -> bool {
        step >= RAMP_STEPS
    }

    /// Time of one step of a ramp that takes `ramp_ms`.
    pub(crate) const fn ramp_step_us(ramp_ms: u32) -> i64 {
        ramp_ms as i64 * 1_000 / RAMP_STEPS
    }

    /// What the encoder shows when the belt has travelled `travel_um`.
    pub(crate) fn count(&self, travel_um: i64) -> u32 {
        let seen = self.frozen_um.unwrap_or(travel_um);
        let count = (seen.div_euclid(self.um_per_tick) + self.count_offset).rem_euclid(1 << 32);
        u32::try_from(count).unwrap_or(0)
    }

    /// The travel at which the encoder will show `count`, when that is ahead of `travel_um`;
    /// `None` while the encoder is frozen.
    pub(crate) fn travel_at_count(&self, travel_um: i64, count: u32) -> Option<i64> {
        if self.frozen_um.is_some() {
            return None;
        }
        let ahead = count.wrapping_sub(self.count(travel_um)).cast_signed();
        Some((travel_um.div_euclid(self.um_per_tick) + i64::from(ahead)) * self.um_per_tick)
    }

    /// The encoder stops counting.
    pub(crate) const fn freeze(&mut self, travel_um: i64) {
        if self.frozen_um.is_none() {
            self.frozen_um = Some(travel_um);
        }
    }

    /// The encoder counts again; what it missed stays missed.
    pub(crate) const fn thaw(&mut self, travel_um: i64) {
        if let Some(frozen) = self.frozen_um.take() {
            let missed =
                travel_um.div_euclid(self.um_per_tick) - frozen.div_euclid(self.um_per_tick);
            self.count_offset -= missed;
        }
    }

    /// The encoder count jumps by `counts`.
    pub(crate) const fn jump(&mut self, counts: i64) {
        self.count_offset += counts;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_travel_are_inverse() {
        let mut belt = Belt::new(1_500, 1_000, 0);
        for travel in [1, 999, 1_000, 1_500, 123_457, 17_500_000] {
            let at = belt.time_at(travel).unwrap();
            assert!(
                belt.travel(at) >= travel && belt.travel(at - 1) < travel,
                "{travel}"
            );
        }
        belt.set_speed(10_000, 700);
        assert_eq!(belt.travel(10_000), 15_000);
        let at = belt.time_at(15_001).unwrap();
        assert!(belt.travel(at) >= 15_001 && belt.travel(at - 1) < 15_001);
    }

    #[test]
    fn a_standing_belt_reaches_nothing() {
        let mut belt = Belt::new(1_500, 1_000, 0);
        belt.set_speed(1_000, 0);
        assert_eq!(belt.travel(9_000_000), 1_500);
        assert_eq!(belt.time_at(1_501), None);
        assert_eq!(belt.time_at(1_500), Some(1_000), "already there");
    }

    #[test]
    fn the_encoder_wraps() {
        let belt = Belt::new(1_000, 500, u32::MAX);
        assert_eq!(belt.count(0), u32::MAX);
        assert_eq!(belt.count(499), u32::MAX);
        assert_eq!(belt.count(500), 0);
        assert_eq!(belt.travel_at_count(250, 2), Some(1_500));
    }

    #[test]
    fn a_stalled_encoder_loses_counts_and_a_jump_adds_them() {
        let mut belt = Belt::new(1_000, 1_000, 100);
        belt.freeze(5_500);
        assert_eq!(belt.count(9_000), 105);
        assert_eq!(belt.travel_at_count(9_000, 200), None);
        belt.thaw(9_000);
        assert_eq!(belt.count(9_000), 105);
        assert_eq!(belt.count(10_000), 106);
        belt.jump(-6);
        assert_eq!(belt.count(10_000), 100);
        assert_eq!(belt.travel_at_count(10_000, 101), Some(11_000));
    }

    #[test]
    fn a_ramp_ends_at_nothing_and_at_full_speed() {
        let belt = Belt::new(1_500, 1_000, 0);
        assert_eq!(
            (belt.ramp_speed(1, true), belt.ramp_speed(10, true)),
            (1_350, 0)
        );
        assert_eq!(
            (belt.ramp_speed(1, false), belt.ramp_speed(10, false)),
            (150, 1_500)
        );
    }
}
