//! Induction: new parcels, parcels that come round again, and the cameras' triggers.

use super::Line;
use super::parcel::Parcel;
use crate::{Action, Command, Outcome, ParcelId, RejectCause, Seq, Step, Ticks, TriggerId};

/// Part of the recirculation conveyor's length by which a parcel may come early or late, beside
/// the window: 1/100.
const LAP_SHARE: i32 = 100;
/// Part of its length by which a parcel that comes round may be measured differently: 1/8.
const LENGTH_SHARE: i32 = 8;

impl Line {
    pub(super) fn new_parcel_id(&mut self) -> ParcelId {
        self.identities.parcel = self.identities.parcel.saturating_add(1);
        ParcelId(self.identities.parcel)
    }

    pub(super) fn new_seq(&mut self) -> Seq {
        self.identities.seq = self.identities.seq.wrapping_add(1).max(1);
        Seq(self.identities.seq)
    }

    fn new_trigger(&mut self) -> TriggerId {
        self.identities.trigger = self.identities.trigger.wrapping_add(1).max(1);
        TriggerId(self.identities.trigger)
    }

    /// A parcel at induction, its leading edge at `since`; without a length it is longer than the
    /// longest.
    pub(super) fn induct(&mut self, since: Ticks, length: Option<i32>) -> ParcelId {
        let mut parcel = if let Some(mut parcel) = self.coming_round(since, length) {
            parcel.next_lap(since, self.plan.clone());
            parcel
        } else {
            self.counters.inducted = self.counters.inducted.saturating_add(1);
            Parcel::new(self.new_parcel_id(), since, 0, self.plan.clone())
        };
        if parcel.lap == 0 && self.hides_another(since, length) {
            parcel.doubt(RejectCause::Uncertain);
        }
        parcel.length = length;
        let id = parcel.id;
        self.step(
            id,
            Step::Inducted {
                at: since,
                lap: parcel.lap,
            },
        );
        let gap = self.last_trailing.map(|before| since.signed_since(before));
        if let Some(length) = length {
            let mm = |ticks: i32| u32::try_from(self.topology.mm(i64::from(ticks))).unwrap_or(0);
            let (length_mm, gap_mm) = (mm(length), gap.map(mm));
            self.step(id, Step::Measured { length_mm, gap_mm });
        }
        self.judge(&mut parcel, gap);
        if parcel.doubt.is_none() {
            self.trigger_cameras(&mut parcel);
        }
        parcel.match_rule(&mut self.turns);
        self.insert(self.belt.len(), parcel);
        id
    }

    /// What induction alone says against a parcel, and against the one before it.
    fn judge(&mut self, parcel: &mut Parcel, gap: Option<i32>) {
        let geometry = self.topology.geometry();
        match parcel.length {
            None => parcel.doubt(RejectCause::TooLong),
            Some(length) if length > geometry.length_max => parcel.doubt(RejectCause::TooLong),
            Some(length) if length < geometry.length_min => parcel.doubt(RejectCause::TooShort),
            Some(_) => {}
        }
        if let Err(cause @ (RejectCause::Stop | RejectCause::Uncertain)) = self.may_divert() {
            parcel.doubt(cause);
        }
        if gap.is_none_or(|gap| gap >= geometry.gap_min) {
            return;
        }
        parcel.doubt(RejectCause::Gap);
        let before = self.belt.len().checked_sub(1);
        if let Some(index) = before
            && let Some(other) = self.belt.get_mut(index)
            && other.seen == 0
            && other.stroke.is_none()
        {
            other.doubt(RejectCause::Gap);
            self.decide(index);
        }
    }

    /// The parcel on the recirculation conveyor that this is. Those that had to come before it
    /// are lost: nothing overtakes there either.
    fn coming_round(&mut self, since: Ticks, length: Option<i32>) -> Option<Parcel> {
        let length = length?;
        let gate = self.lap_gate();
        let index = self.returning.iter().position(|parcel| {
            let known = parcel.length.unwrap_or(length);
            let edges = self.geometry().chatter.saturating_mul(2);
            let allowed = (known / LENGTH_SHARE).saturating_add(edges);
            since.signed_since(parcel.origin).saturating_abs() <= gate.saturating_add(parcel.slack)
                && length.saturating_sub(known).saturating_abs() <= allowed
        })?;
        let mut coming = self.returning.drain(..=index).collect::<Vec<_>>();
        let found = coming.pop();
        for parcel in coming {
            self.lose_returning(parcel);
        }
        found
    }

    /// A longer parcel where one was to come round may be two: the one, and another touching it.
    fn hides_another(&self, since: Ticks, length: Option<i32>) -> bool {
        let gate = self.lap_gate();
        let length = length.unwrap_or(self.geometry().length_max);
        self.returning.iter().any(|parcel| {
            let ahead = parcel.origin.signed_since(since);
            let inside = ahead >= gate.saturating_neg() && ahead <= length.saturating_add(gate);
            inside && parcel.length.is_some_and(|known| known < length)
        })
    }

    fn lap_gate(&self) -> i32 {
        let geometry = self.geometry();
        geometry.window.saturating_add(geometry.lap / LAP_SHARE)
    }

    /// A parcel was seen on the recirculation conveyor at `at`.
    pub(super) fn send_round(&mut self, mut parcel: Parcel, at: Ticks) {
        let cause = parcel
            .choice
            .and_then(|choice| choice.cause())
            .unwrap_or(RejectCause::Plan);
        let lap = parcel.lap;
        parcel.origin = at.offset(self.geometry().lap);
        parcel.stroke = None;
        parcel.slack = 0;
        let late = self.lap_gate().saturating_add(self.geometry().delivery);
        // At induction a parcel counts when its trailing edge has passed.
        let longest = self
            .geometry()
            .length_max
            .saturating_add(self.geometry().chatter);
        parcel.due = parcel.origin.offset(late).offset(longest);
        self.counters.recirculations = self.counters.recirculations.saturating_add(1);
        self.step(parcel.id, Step::Recirculated { cause, lap });
        self.returning.push_back(parcel);
        self.wake();
    }

    /// Gives up parcels that did not come round in time.
    pub(super) fn returning_due(&mut self, count: Ticks) {
        while let Some(first) = self.returning.front() {
            let due = first.due.offset(first.slack);
            if count.is_before(due) {
                if let Some(first) = self.returning.front_mut() {
                    first.due = due;
                    first.slack = 0;
                }
                return;
            }
            let Some(parcel) = self.returning.pop_front() else {
                return;
            };
            self.lose_returning(parcel);
        }
    }

    pub(super) fn lose_returning(&mut self, parcel: Parcel) {
        let geometry = self.geometry();
        let chute = geometry
            .recirculation
            .and_then(|chute| geometry.chute(chute));
        let last = chute.map_or_else(|| self.eye_id(0), |chute| chute.eye);
        self.end(parcel, Outcome::Lost { last });
    }

    /// Orders a frame of the parcel from every camera, at the count its middle is there.
    fn trigger_cameras(&mut self, parcel: &mut Parcel) {
        let (Some(epoch), Some(length)) = (self.node.epoch(), parcel.length) else {
            return;
        };
        for index in 0..self.geometry().cameras.len() {
            let Some((camera, position)) = self.geometry().cameras.get(index).copied() else {
                continue;
            };
            let at = parcel.origin.offset(position).offset(length / 2);
            // A command that comes too late is refused by the node; one that surely would is
            // not sent. Half the command time is kept.
            let least = self.geometry().command / 2;
            if self
                .encoder
                .count()
                .is_some_and(|count| at.signed_since(count) < least)
            {
                continue;
            }
            let trigger = self.new_trigger();
            let seq = self.new_seq();
            parcel.evidence.expect(camera, trigger);
            self.act(Action::Send {
                command: Command::Trigger {
                    seq,
                    epoch,
                    camera,
                    trigger,
                    at,
                },
            });
        }
    }
}
