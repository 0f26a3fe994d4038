//! Simpler rules that tie an edge to a parcel, to compare the joint one with.
//!
//! They are those of public sorter controllers: a queue, a queue with an early check, windows of
//! wall-clock time, the nearest expectation, and the first window in order. None of them weighs
//! lengths, and each can missort after a fault.

use super::Line;
use super::parcel::{Parcel, StrokeState};
use crate::topology::TrackerRule;
use crate::{LineTime, Ticks};

impl Line {
    /// The parcel that `rule` ties to an edge at a belt photo-eye.
    pub(super) fn by_baseline(&self, rule: TrackerRule, eye: usize, at: Ticks) -> Option<usize> {
        let position = self.geometry().eye(eye)?.position;
        let mut waiting = self
            .belt
            .iter()
            .enumerate()
            .filter(|(_, parcel)| parcel.track.next == eye && !parcel.track.gone);
        let off = |parcel: &Parcel| at.signed_since(self.predict(parcel, position));
        let inside = |parcel: &Parcel, off: i32| off.saturating_abs() <= self.gate(parcel);
        let found = match rule {
            TrackerRule::Fifo => waiting.find(|(_, parcel)| !self.popped(parcel, position)),
            TrackerRule::FifoEarly => waiting
                .find(|(_, parcel)| !self.popped(parcel, position))
                .filter(|(_, parcel)| off(parcel) >= self.gate(parcel).saturating_neg()),
            TrackerRule::WindowTime => {
                waiting.find(|(_, parcel)| inside(parcel, self.off_by_time(parcel, position, at)))
            }
            TrackerRule::Nearest => waiting
                .filter(|(_, parcel)| inside(parcel, off(parcel)))
                .min_by_key(|(_, parcel)| off(parcel).saturating_abs()),
            TrackerRule::Order | TrackerRule::Joint => {
                waiting.find(|(_, parcel)| inside(parcel, off(parcel)))
            }
        };
        found.map(|(index, _)| index)
    }

    /// A queue forgets a parcel with its stroke.
    fn popped(&self, parcel: &Parcel, position: i32) -> bool {
        parcel.stroke.as_ref().is_some_and(|stroke| {
            let diverter = self.geometry().diverter(stroke.diverter);
            stroke.state != StrokeState::Withdrawing
                && diverter.is_some_and(|diverter| diverter.position < position)
        })
    }

    /// When an edge that is told now came, if the belt ran at nominal speed since.
    pub(super) fn time_of(&self, at: Ticks) -> LineTime {
        let count = self.encoder.count().unwrap_or(at);
        let ago = i64::from(count.signed_since(at))
            .max(0)
            .saturating_mul(1_000_000);
        let us = ago.checked_div(i64::from(self.geometry().speed.max(1)));
        let us = u64::try_from(us.unwrap_or(0)).unwrap_or(0);
        LineTime(self.now.0.saturating_sub(us))
    }

    /// How late a parcel is by the clock, in travel at nominal speed.
    fn off_by_time(&self, parcel: &Parcel, position: i32, at: Ticks) -> i32 {
        let geometry = self.geometry();
        let seen = geometry
            .eye(parcel.track.seen)
            .map_or(0, |eye| eye.position);
        let now = self.time_of(at);
        let us = i64::try_from(now.since(parcel.seen_at)).unwrap_or(i64::MAX);
        let travel = us.saturating_mul(i64::from(geometry.speed)) / 1_000_000;
        let way = i64::from(position.saturating_sub(seen));
        i32::try_from(travel.saturating_sub(way)).unwrap_or(i32::MAX)
    }
}
