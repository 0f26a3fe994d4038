//! A diverter's mechanism: how far out it is, from what its output does.

use sortline_core::DiverterId;
use sortline_core::topology::Diverter as DiverterConfig;

/// Fully out, in millionths of the stroke.
const OUT: i64 = 1_000_000;

/// One diverter.
#[derive(Clone, Debug)]
pub(crate) struct Diverter {
    pub(crate) id: DiverterId,
    /// Where it meets the middle of parcels.
    pub(crate) position: i64,
    /// Belt its body covers, from and to.
    pub(crate) body: (i64, i64),
    pub(crate) chute: usize,
    pub(crate) opposite: Option<usize>,
    pub(crate) output: bool,
    extend_us: i64,
    retract_us: i64,
    hold_us_max: i64,
    /// How far out it was at `since_us`.
    at: i64,
    since_us: i64,
    /// Time the present stroke takes to move out, in percent of the usual.
    pub(crate) slow_percent: i64,
    /// The present stroke has no effect.
    pub(crate) stuck: bool,
    /// Belt travel when it left home; `None` while it is home.
    pub(crate) left_home: Option<i64>,
    /// Parcels that were beyond its body then.
    pub(crate) beyond: Vec<u32>,
}

impl Diverter {
    /// A diverter at home. `chute` and `opposite` are indices, not numbers.
    pub(crate) fn new(config: &DiverterConfig, chute: usize, opposite: Option<usize>) -> Self {
        let position = i64::from(config.position_mm) * 1_000;
        let half = i64::from(config.body_mm) * 500;
        Self {
            id: config.id,
            position,
            body: (position - half, position + half),
            chute,
            opposite,
            output: false,
            extend_us: i64::from(config.extend_ms).max(1) * 1_000,
            retract_us: i64::from(config.retract_ms).max(1) * 1_000,
            hold_us_max: i64::from(config.hold_ms_max) * 1_000,
            at: 0,
            since_us: 0,
            slow_percent: 100,
            stuck: false,
            left_home: None,
            beyond: Vec::new(),
        }
    }

    /// How far out it is, in millionths.
    fn extension(&self, now_us: i64) -> i64 {
        let gone = now_us - self.since_us;
        if self.output && !self.stuck {
            (self.at + gone * OUT * 100 / (self.extend_us * self.slow_percent)).min(OUT)
        } else {
            (self.at - gone * OUT / self.retract_us).max(0)
        }
    }

    /// True when a parcel whose middle passes now is diverted.
    pub(crate) fn is_out(&self, now_us: i64) -> bool {
        self.extension(now_us) >= OUT
    }

    /// True when it is out of the way.
    pub(crate) fn is_home(&self, now_us: i64) -> bool {
        self.extension(now_us) <= 0 && (!self.output || self.stuck)
    }

    /// How long the output has been on, when that is longer than the line allows; one step of the node's own millisecond timer is no excess. Microseconds.
    pub(crate) fn held_too_long(&self, now_us: i64) -> Option<i64> {
        let on = now_us - self.since_us;
        (self.output && on > self.hold_us_max + 2_000).then_some(on)
    }

    /// The output changes. Returns when the diverter will be home again, for an output that goes
    /// off.
    pub(crate) fn set_output(&mut self, now_us: i64, travel_um: i64, on: bool) -> Option<i64> {
        self.at = self.extension(now_us);
        self.since_us = now_us;
        self.output = on;
        if on {
            if self.left_home.is_none() && !self.stuck {
                self.left_home = Some(travel_um);
            }
            return None;
        }
        // Rounded up, so that the timer never comes before the mechanism.
        Some(now_us + (self.at * self.retract_us + OUT - 1) / OUT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diverter() -> Diverter {
        let config = DiverterConfig {
            id: DiverterId(0),
            name: "D".to_owned(),
            kind: sortline_core::topology::DiverterKind::Wheel,
            side: sortline_core::topology::Side::Left,
            position_mm: 1_000,
            body_mm: 300,
            extend_ms: 90,
            retract_ms: 60,
            hold_ms_max: 500,
            opposite: None,
            chute: sortline_core::ChuteId(1),
        };
        Diverter::new(&config, 0, None)
    }

    #[test]
    fn it_is_out_after_its_extend_time_and_home_after_its_retract_time() {
        let mut d = diverter();
        assert!(d.is_home(0));
        assert_eq!(d.set_output(0, 0, true), None);
        assert!(!d.is_home(1_000) && !d.is_out(89_999));
        assert!(d.is_out(90_000));
        let home = d.set_output(200_000, 0, false).unwrap();
        assert_eq!(home, 260_000);
        assert!(!d.is_out(200_001) && !d.is_home(259_999) && d.is_home(260_000));
    }

    #[test]
    fn a_stroke_cut_short_comes_back_sooner() {
        let mut d = diverter();
        d.set_output(0, 0, true);
        assert_eq!(d.set_output(45_000, 0, false), Some(75_000), "half way out");
    }

    #[test]
    fn a_stuck_diverter_stays_home() {
        let mut d = diverter();
        d.stuck = true;
        d.set_output(0, 0, true);
        assert!(d.is_home(500_000) && !d.is_out(500_000));
        assert!(d.left_home.is_none());
    }
}
