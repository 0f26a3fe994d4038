//! What the line asks of its inductions, and whose turn it is where order matters.

use super::Line;
use super::parcel::{Parcel, Why};
use crate::{Action, AlarmKind, InductionLevel, Resolution};

/// From this share of the most parcels on, in percent, inductions slow down; below it they bring
/// parcels as before.
const SLOW_PERCENT: u32 = 80;

/// Whose turn it is in a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Its own.
    Now,
    /// That of a parcel before it.
    Later,
    /// One behind it went already.
    Over,
}

impl Parcel {
    /// Its place in the sequence of its rule.
    pub(super) fn sequence(&self) -> Option<u32> {
        match &self.resolution {
            Some(Resolution::Sort { sequence, .. }) => *sequence,
            Some(Resolution::Hold { .. } | Resolution::Unknown) | None => None,
        }
    }
}

impl Line {
    /// Tells inductions when they are to slow down, pause or go on.
    pub(super) fn throttle(&mut self) {
        let level = self.wanted_level();
        if std::mem::replace(&mut self.level, level) != level {
            self.act(Action::Induction { level });
        }
    }

    fn wanted_level(&self) -> InductionLevel {
        // A jam on the belt: what comes would run into it.
        let jammed = |beam| {
            let eye = self.eye_id(beam);
            self.alarms.is_raised(AlarmKind::Jam { eye })
        };
        if self.alarms.any() && (0..self.beams.len()).any(jammed) {
            return InductionLevel::Pause;
        }
        let most = self.topology.config().parcel.in_flight_max;
        let here = u32::try_from(self.under_way()).unwrap_or(u32::MAX);
        let slow = most.saturating_mul(SLOW_PERCENT) / 100;
        if most == 0 || here < slow {
            InductionLevel::Normal
        } else if here >= most || self.level == InductionLevel::Pause {
            InductionLevel::Pause
        } else {
            InductionLevel::Slow
        }
    }

    /// Whose turn it is. A number that nobody on the line has is waited for while the parcel may
    /// take another lap.
    pub(super) fn turn(&self, parcel: &Parcel, rule: usize) -> Turn {
        let kept = parcel.plan.rules.get(rule).filter(|rule| rule.sequence);
        let (Some(rule), Some(number)) = (kept, parcel.sequence()) else {
            return Turn::Now;
        };
        let last = self.sequences.get(&rule.name).copied().unwrap_or(0);
        if number <= last {
            return Turn::Over;
        }
        let before = |other: &Parcel| {
            let same = other.rule.and_then(|index| other.plan.rules.get(index));
            same.is_some_and(|same| same.name == rule.name)
                && other.stroke.is_none()
                && other
                    .sequence()
                    .is_some_and(|other| other > last && other < number)
        };
        let next = number == last.saturating_add(1);
        let waited = parcel.lap >= self.topology.config().parcel.laps_max;
        let mut others = self.belt.iter().chain(&self.returning);
        if next || (waited && !others.any(before)) {
            Turn::Now
        } else {
            Turn::Later
        }
    }

    /// A parcel's stroke was sent: the turn goes to the next one.
    pub(super) fn took_turn(&mut self, index: usize) {
        let Some(parcel) = self.belt.get(index) else {
            return;
        };
        let rule = match parcel.choice.map(|choice| choice.why) {
            Some(Why::Rule(rule)) => parcel.plan.rules.get(rule),
            _ => None,
        };
        let Some((rule, number)) = rule.filter(|rule| rule.sequence).zip(parcel.sequence()) else {
            return;
        };
        let name = rule.name.clone();
        let last = self.sequences.entry(name).or_default();
        *last = (*last).max(number);
        for index in 0..self.belt.len() {
            self.decide(index);
        }
        self.wake();
    }
}
