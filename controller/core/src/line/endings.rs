//! Parcels that were not seen where they had to be, and the one end of each parcel.

use super::Line;
use super::parcel::{Parcel, StrokeState};
use super::tracking::MISSES_MAX;
use crate::planted;
use crate::topology::TrackerRule;
use crate::{Outcome, RejectCause, Step, Ticks};

/// Lengths of the belt after which a parcel in a queue without windows is given up.
const QUEUE_LAPS: i32 = 4;

impl Line {
    /// Count from which a parcel has not been seen where it had to be.
    pub(super) fn expires(&self, parcel: &Parcel) -> Ticks {
        let geometry = self.geometry();
        let late = self.gate(parcel).saturating_add(geometry.delivery);
        let chute = parcel
            .stroke
            .as_ref()
            .and_then(|stroke| self.chute_expires(parcel, stroke));
        if parcel.track.gone
            && let Some(chute) = chute
        {
            return chute.offset(late);
        }
        if let Some(eye) = geometry.eye(parcel.track.next) {
            // A queue waits for ever; here until the belt has long been empty.
            let queue = matches!(geometry.rule, TrackerRule::Fifo | TrackerRule::FifoEarly);
            let late = if queue {
                geometry.end.saturating_mul(QUEUE_LAPS)
            } else {
                late
            };
            return self.predict(parcel, eye.position).offset(late);
        }
        if geometry.carriers.is_some() && chute.is_none() {
            return self.predict(parcel, geometry.end).offset(late);
        }
        let fall = geometry
            .chute(geometry.reject)
            .map_or(0, |chute| chute.confirm_max);
        let length = parcel.length.unwrap_or(geometry.length_max);
        let end = self
            .predict(parcel, geometry.end)
            .offset(length)
            .offset(fall);
        let last = chute.filter(|chute| end.is_before(*chute)).unwrap_or(end);
        last.offset(late)
    }

    /// A parcel was not seen where it had to be.
    pub(super) fn missed(&mut self, index: usize) {
        let eyes = self.geometry().eyes.len();
        let Some(parcel) = self.belt.get(index) else {
            return;
        };
        let left = parcel.stroke.as_ref().is_some_and(|stroke| {
            let diverter = self.geometry().diverter(stroke.diverter);
            let eye = self.geometry().eye(parcel.track.next);
            let passed = match (diverter, eye) {
                (Some(diverter), Some(eye)) => diverter.position < eye.position,
                _ => false,
            };
            passed && stroke.state != StrokeState::Withdrawing
        });
        let ended = parcel.track.gone || parcel.track.next >= eyes;
        if ended && self.waits_in_chute(index) {
            return;
        }
        let Some(parcel) = self.belt.get(index) else {
            return;
        };
        let suspect = parcel.suspect.filter(|_| parcel.stroke.is_none());
        if let Some(seen) = suspect {
            self.end_missort(index, seen);
        } else if ended && self.on_loop(index) {
            self.come_round(index);
        } else if ended && self.went_round(index) {
            self.goes_round_unseen(index);
        } else if ended {
            self.lose(index);
        } else if left {
            if let Some(parcel) = self.belt.get_mut(index) {
                parcel.track.gone = true;
            }
        } else {
            self.overlooked(index);
        }
    }

    /// A photo-eye on the belt did not see a parcel: once may be the photo-eye, twice is not.
    fn overlooked(&mut self, index: usize) {
        let Some(parcel) = self.belt.get_mut(index) else {
            return;
        };
        parcel.track.next = parcel.track.next.saturating_add(1);
        parcel.track.misses = parcel.track.misses.saturating_add(1);
        if parcel.track.misses >= MISSES_MAX || planted::is(33) {
            self.lose(index);
        } else {
            self.withdraw(index, RejectCause::Uncertain);
            self.decide(index);
        }
    }

    /// A parcel has not been seen again: it ends here.
    pub(super) fn lose(&mut self, index: usize) {
        let Some(parcel) = self.belt.get(index) else {
            return;
        };
        if let Some(seen) = parcel.suspect {
            return self.end_missort(index, seen);
        }
        let last = self.eye_id(parcel.track.seen);
        if let Some(parcel) = self.take(index)
            && !planted::is(19)
        {
            self.cast_shadow(&parcel);
            self.end(parcel, Outcome::Lost { last });
        }
    }

    /// Takes a parcel from the belt; a stroke still ahead is taken back.
    pub(super) fn take(&mut self, index: usize) -> Option<Parcel> {
        self.withdraw(index, RejectCause::Uncertain);
        self.remove(index)
    }

    /// The one end of a parcel: it is consumed, so there is no second.
    pub(super) fn end(&mut self, parcel: Parcel, outcome: Outcome) {
        let id = parcel.id;
        if let Some(stroke) = &parcel.stroke {
            self.chutes.give_up(stroke);
        }
        drop(parcel);
        let counter = match outcome {
            Outcome::Sorted { .. } => &mut self.counters.sorted,
            Outcome::Rejected { .. } => &mut self.counters.rejected,
            Outcome::Missort { .. } => &mut self.counters.missort,
            Outcome::Lost { .. } => &mut self.counters.lost,
        };
        *counter = counter.saturating_add(1);
        for _ in 0..if planted::is(18) { 2 } else { 1 } {
            self.step(id, Step::Ended { outcome });
        }
        self.wake();
    }
}
