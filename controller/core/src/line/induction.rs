//! Induction: new parcels, parcels that come round again, and the cameras' triggers.

use super::Line;
use super::parcel::Parcel;
use crate::planted;
use crate::{
    Action, CameraId, Command, Epoch, Outcome, ParcelId, RejectCause, Seq, Step, Ticks, TriggerId,
};

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
        let step = u16::from(!planted::is(28));
        self.identities.seq = self.identities.seq.wrapping_add(step).max(1);
        Seq(self.identities.seq)
    }

    fn new_trigger(&mut self) -> TriggerId {
        self.identities.trigger = self.identities.trigger.wrapping_add(1).max(1);
        TriggerId(self.identities.trigger)
    }

    /// A parcel at an induction, its leading edge at `since`; without a length it is longer than
    /// the longest.
    pub(super) fn induct(&mut self, beam: usize, since: Ticks, length: Option<i32>) -> ParcelId {
        let merge = self.geometry().merge(beam);
        let known = merge.is_none().then(|| self.coming_round(since, length));
        let mut parcel = if let Some(mut parcel) = known.flatten() {
            parcel.next_lap(since, self.plan.clone());
            parcel
        } else {
            self.counters.inducted = self.counters.inducted.saturating_add(1);
            Parcel::new(self.new_parcel_id(), since, 0, self.plan.clone())
        };
        if merge.is_none() && parcel.lap == 0 && self.hides_another(since, length) {
            parcel.doubt(RejectCause::Uncertain);
        }
        parcel.seen_at = self.time_of(since);
        parcel.length = length;
        let mut place = self.belt.len();
        if let Some(merge) = merge {
            place = self.merge_in(&mut parcel, merge, since);
        }
        let gap = match merge {
            Some(_) => None,
            None => self.last_trailing.map(|before| since.signed_since(before)),
        };
        self.tell_inducted(&parcel, (beam, since), gap);
        self.judge(&mut parcel, gap);
        if parcel.doubt.is_none() {
            self.trigger_cameras(&mut parcel);
        }
        if parcel.plan.everything.is_some() {
            parcel.take_turn(&mut self.turns);
        } else {
            parcel.match_rule(&mut self.turns);
        }
        let id = parcel.id;
        self.insert(place, parcel);
        let placed = self.find(id).zip(merge);
        if let Some((index, merge)) = placed {
            self.judge_merge(index, merge.position);
        }
        id
    }

    fn tell_inducted(&mut self, parcel: &Parcel, (beam, at): (usize, Ticks), gap: Option<i32>) {
        let (eye, lap) = (self.eye_id(beam), parcel.lap);
        self.step(parcel.id, Step::Inducted { eye, at, lap });
        if let Some(length) = parcel.length {
            let mm = |ticks: i32| u32::try_from(self.topology.mm(i64::from(ticks))).unwrap_or(0);
            let (length_mm, gap_mm) = (mm(length), gap.map(mm));
            self.step(parcel.id, Step::Measured { length_mm, gap_mm });
        }
    }

    /// What induction alone says against a parcel, and against the one before it.
    fn judge(&mut self, parcel: &mut Parcel, gap: Option<i32>) {
        let geometry = self.topology.geometry();
        match parcel.length {
            None if !planted::is(22) => parcel.doubt(RejectCause::TooLong),
            Some(length) if length > geometry.length_max && !planted::is(22) => {
                parcel.doubt(RejectCause::TooLong);
            }
            Some(length) if length < geometry.length_min => parcel.doubt(RejectCause::TooShort),
            None | Some(_) => {}
        }
        if let Err(cause @ (RejectCause::Stop | RejectCause::Uncertain)) = self.may_divert()
            && self.carriers_known()
        {
            parcel.doubt(cause);
        }
        let before = self.belt.len().checked_sub(1);
        let near = if geometry.carriers.is_some() {
            let last = before.and_then(|before| self.belt.get(before));
            last.is_some_and(|last| gap.is_some() && self.share_a_carrier(last, parcel, 0))
        } else {
            gap.is_some_and(|gap| gap < geometry.gap_min)
        };
        if planted::is(21) || !near {
            return;
        }
        parcel.doubt(RejectCause::Gap);
        if let Some(index) = before
            && let Some(other) = self.belt.get_mut(index)
            && other.track.seen == 0
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
            since.signed_since(parcel.track.origin).saturating_abs()
                <= gate.saturating_add(parcel.track.slack)
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
            let gate = gate.saturating_add(parcel.track.slack);
            let ahead = parcel.track.origin.signed_since(since);
            let inside = ahead >= gate.saturating_neg() && ahead <= length.saturating_add(gate);
            inside && parcel.length.is_some_and(|known| known < length)
        })
    }

    fn lap_gate(&self) -> i32 {
        let geometry = self.geometry();
        if geometry.carriers.is_some() {
            return geometry.window;
        }
        geometry.window.saturating_add(geometry.lap / LAP_SHARE)
    }

    /// A parcel is on its way back to induction, where its leading edge comes at `comes`.
    /// `unseen`: nobody has seen it on the recirculation conveyor, and it may come so much earlier or
    /// later.
    pub(super) fn send_round(&mut self, mut parcel: Parcel, comes: Ticks, unseen: Option<i32>) {
        let cause = parcel
            .choice
            .and_then(|choice| choice.cause())
            .unwrap_or(RejectCause::Plan);
        let lap = parcel.lap;
        let late = if planted::is(34) { 700 } else { 0 };
        parcel.track.origin = comes.offset(late);
        parcel.stroke = None;
        parcel.track.slack = unseen.unwrap_or(0);
        parcel.track.gone = unseen.is_some();
        parcel.due = self.return_due(&parcel);
        self.counters.recirculations = self.counters.recirculations.saturating_add(1);
        self.step(parcel.id, Step::Recirculated { cause, lap });
        // One that nobody saw there is known to have gone when others behind it are seen already.
        let before = |other: &Parcel| !parcel.track.origin.is_before(other.track.origin);
        let place = self.returning.iter().rposition(before);
        self.returning
            .insert(place.map_or(0, |last| last.saturating_add(1)), parcel);
        self.wake();
    }

    /// Count at which a parcel that comes round has been at induction at the latest. There it counts
    /// when its trailing edge has passed.
    fn return_due(&self, parcel: &Parcel) -> Ticks {
        let geometry = self.geometry();
        let late = self.lap_gate().saturating_add(geometry.delivery);
        let longest = geometry.length_max.saturating_add(geometry.chatter);
        let latest = parcel.track.origin.offset(late).offset(longest);
        latest.offset(parcel.track.slack)
    }

    /// What the recirculation conveyor's photo-eye saw come at `since` has left it at `at`: a parcel
    /// that stayed there comes round as much later.
    pub(super) fn stayed(&mut self, since: Ticks, at: Ticks) {
        let (lap, window) = (self.geometry().lap, self.geometry().window);
        let came = since.offset(lap);
        let mut all = self.returning.iter_mut();
        let Some(parcel) = all.find(|parcel| parcel.track.origin == came) else {
            return;
        };
        let leading = at.offset(parcel.length.unwrap_or(0).saturating_neg());
        if leading.signed_since(since) > window {
            parcel.track.origin = leading.offset(lap);
            self.wake();
        }
    }

    /// Gives up parcels that did not come round in time.
    pub(super) fn returning_due(&mut self, count: Ticks) {
        while let Some(first) = self.returning.front() {
            let due = self.return_due(first);
            if count.is_before(due) {
                if let Some(first) = self.returning.front_mut() {
                    first.due = due;
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
        let seen = chute.filter(|_| !parcel.track.gone);
        let last = seen.map_or_else(|| self.eye_id(parcel.track.seen), |chute| chute.eye);
        self.end(parcel, Outcome::Lost { last });
    }

    /// Orders a frame of the parcel from every camera, at the count its middle is there.
    fn trigger_cameras(&mut self, parcel: &mut Parcel) {
        let (Some(epoch), Some(length)) = (self.node.epoch(), parcel.length) else {
            return;
        };
        for index in 0..self.geometry().cameras.len() {
            let Some(camera) = self.geometry().cameras.get(index).copied() else {
                continue;
            };
            let frames = camera.frames(length);
            for frame in 0..frames {
                // The middle of this part of the parcel.
                let odd = frame.saturating_mul(2).saturating_add(1);
                let part = length.saturating_mul(odd).checked_div(frames).unwrap_or(0) / 2;
                let at = parcel.track.origin.offset(camera.position).offset(part);
                self.trigger(parcel, (camera.id, at), epoch);
            }
        }
    }

    fn trigger(&mut self, parcel: &mut Parcel, (camera, at): (CameraId, Ticks), epoch: Epoch) {
        // A command that comes too late is refused by the node; one that surely would is
        // not sent. Half the command time is kept.
        let least = self.geometry().command / 2;
        if self
            .encoder
            .count()
            .is_some_and(|count| at.signed_since(count) < least)
        {
            return;
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
