//! Strokes: sent at the commit position, taken back when a chute closes, and what became of them.

use super::Line;
use super::parcel::{Parcel, Sent, StrokeState};
use super::schedule::{Body, Busy, Slot, Surroundings, fit, latest, wanted};
use super::tracking::{SIGMAS, shortest};
use crate::topology::DiverterSpec;
use crate::{
    Action, AlarmKind, Command, DiverterId, RejectCause, Seq, Step, StrokeResult, Ticks, planted,
};

/// Standard deviations of its own place for which a stroke is held, at least: one in 22 is further
/// away, and goes straight on.
const OWN_SIGMAS_MIN: i32 = 2;
/// Parcels ahead and behind that a stroke keeps clear of: one that no photo-eye has seen for a
/// while may stand in the order where another is in the way.
const NEIGHBORS_MAX: usize = 4;
/// Time a stroke's output may stay on beyond what it needs, as a part of it: a belt that slows down
/// still finishes its stroke, one that stands does not hold for long; and an encoder that stalls
/// does not keep the diverter out until the next parcel comes.
const HOLD_SHARE: i64 = 4;
/// Least such time in milliseconds.
const HOLD_MS: i64 = 50;

impl Line {
    /// Count at which a stroke of this diverter must be sent for the parcel.
    pub(super) fn commit_position(&self, parcel: &Parcel, diverter: usize) -> Option<Ticks> {
        let geometry = self.geometry();
        let spec = geometry.diverter(diverter)?;
        let body = self.body(parcel, spec);
        let fire_at = wanted(spec, body, geometry.margin);
        Some(fire_at.offset(geometry.command.saturating_neg()))
    }

    /// True while a stroke of this diverter can still be sent in time.
    pub(super) fn reachable(&self, parcel: &Parcel, diverter: usize, count: Ticks) -> bool {
        let spare = self.geometry().command / 2;
        let waits = parcel.waits == Some(diverter);
        let commit = self.commit_position(parcel, diverter);
        commit.is_some_and(|commit| count.signed_since(commit) <= spare)
            || (waits && !self.last_call(parcel, diverter, count))
    }

    /// True when a stroke is to be sent now or never: it need only be out as the parcel's middle
    /// passes, and the next look may be one poll later.
    fn last_call(&self, parcel: &Parcel, diverter: usize, count: Ticks) -> bool {
        let geometry = self.geometry();
        let Some(spec) = geometry.diverter(diverter) else {
            return true;
        };
        let body = self.own_body(parcel, spec, OWN_SIGMAS_MIN);
        let fire_at = latest(spec, body, geometry.margin);
        fire_at.signed_since(count) <= geometry.command / 2
    }

    /// A parcel as its own stroke sees it, sure by so many standard deviations.
    fn own_body(&self, parcel: &Parcel, spec: &DiverterSpec, sigmas: i32) -> Body {
        let body = self.body(parcel, spec);
        if self.geometry().carriers.is_some() {
            return body;
        }
        let tolerance = self.sigma(parcel, spec.position).saturating_mul(sigmas);
        self.as_unseen(parcel, Body { tolerance, ..body }, spec)
    }

    /// The parcel behind, as a stroke sees it.
    fn body_behind(&self, parcel: &Parcel, spec: &DiverterSpec) -> Body {
        self.as_unseen(parcel, self.body(parcel, spec), spec)
    }

    /// A parcel that the next photo-eye has not seen yet is not nearer than there: the belt's count is
    /// told after all edges up to it. Once it is overdue there, the photo-eye may have missed it, or
    /// taken it for the tail of the one ahead.
    fn as_unseen(&self, parcel: &Parcel, body: Body, spec: &DiverterSpec) -> Body {
        let (position, next, told) = (spec.position, parcel.track.next, self.encoder.told());
        let (Some(eye), Some(told)) = (self.geometry().eye(next), told) else {
            return body;
        };
        let carried = self.geometry().carriers.is_some();
        let expected = self.predict(parcel, eye.position);
        let overdue = expected.offset(self.tolerance(parcel, eye.position));
        let missed = parcel.track.misses > 0 || overdue.is_before(told);
        if eye.position > position || missed || carried {
            return body;
        }
        let unseen = told.offset(shortest(self.geometry()).saturating_neg());
        let way = position.saturating_sub(eye.position);
        let zone = self.zone(next);
        let (creep, slip) = self.zones.get(next).map_or((0, 0), |slip| {
            (
                slip.mean(way, zone),
                slip.sigma(way, zone).saturating_mul(SIGMAS),
            )
        });
        let way = way.saturating_add(creep).saturating_sub(slip);
        body.not_before(unseen.offset(way))
    }

    /// The probability that a stroke for it takes another parcel is above the set-point.
    fn unclear(&self, parcel: &Parcel) -> bool {
        !planted::is(9) && self.doubt_ppb(parcel.id) > self.topology.config().tracking.doubt_ppb_max
    }

    /// The parcel is at its commit position: its stroke is sent now, or it goes further.
    pub(super) fn commit(&mut self, index: usize, count: Ticks) {
        let Some(parcel) = self.belt.get(index) else {
            return;
        };
        let Some(choice) = parcel.choice else { return };
        let Some((diverter, _)) = self.geometry().diverter_of(choice.chute) else {
            return;
        };
        let length = parcel.length.unwrap_or(0);
        if !self.chutes.takes(choice.chute, length) {
            // Others were sent there since it was chosen, and fill it up.
            return self.decide(index);
        }
        let last = self.last_call(parcel, diverter, count);
        let found = self.stroke_for(index, diverter, count, last);
        let open = matches!(found, Err(RejectCause::Uncertain | RejectCause::Late));
        if open && !last {
            // What photo-eyes see just now may settle it; and where the spread of slip has grown
            // since it was chosen, this may be late, but not too late.
            if let Some(parcel) = self.belt.get_mut(index) {
                parcel.waits = Some(diverter);
            }
            return;
        }
        self.tell(index);
        match found {
            Ok(slot) => self.send_stroke(index, diverter, slot),
            Err(cause) => {
                let Some(parcel) = self.belt.get_mut(index) else {
                    return;
                };
                parcel.exclude(diverter, cause);
                let id = parcel.id;
                let ppb = self.doubt_ppb(id);
                if cause == RejectCause::Uncertain && ppb > 0 {
                    let rivals = self.rivals(id);
                    self.step(id, Step::Doubted { ppb, rivals });
                }
                self.step(
                    id,
                    Step::Aborted {
                        refusal: None,
                        cause,
                    },
                );
                self.decide(index);
            }
        }
    }

    /// The stroke for a parcel; `last` when there will be no other chance.
    fn stroke_for(
        &self,
        index: usize,
        diverter: usize,
        count: Ticks,
        last: bool,
    ) -> Result<Slot, RejectCause> {
        self.may_divert()?;
        let unknown = RejectCause::Uncertain;
        let geometry = self.geometry();
        let parcel = self.belt.get(index).ok_or(unknown)?;
        let spec = geometry.diverter(diverter).ok_or(unknown)?;
        if parcel.track.misses > 0 || parcel.length.is_none() || self.overdue(parcel, count) {
            return Err(unknown);
        }
        if self.unclear(parcel) {
            return Err(unknown);
        }
        if !last && !self.reachable(parcel, diverter, count) {
            return Err(RejectCause::Late);
        }
        let machine = self.machines.get(spec.machine).ok_or(unknown)?;
        if !machine.has_room() {
            return Err(RejectCause::Conflict);
        }
        let body = |other: &Parcel| self.body(other, spec);
        // Two on one carrier go together. One that no photo-eye saw behind its diverter is kept
        // clear of until its chute has seen it: the stroke may have failed, and the photo-eye too.
        let apart = |other: &&Parcel| !self.rides_with(other, parcel, spec.position);
        let before = self.belt.range(..index).rev().filter(apart);
        let before = before.take(NEIGHBORS_MAX).map(body);
        let after = self.belt.range(index.saturating_add(1)..);
        let after = after.filter(apart).take(NEIGHBORS_MAX);
        let after = after.map(|other| self.body_behind(other, spec));
        let (lost_ahead, lost_behind) = self.shadow_bodies(parcel, spec);
        let (before, after) = (before.chain(lost_ahead), after.chain(lost_behind));
        let around = Surroundings {
            ahead: before
                .reduce(|a, b| if a.end().is_before(b.end()) { b } else { a })
                .filter(|_| !planted::is(6)),
            behind: after
                .reduce(|a, b| if b.begin().is_before(a.begin()) { b } else { a })
                .filter(|_| !planted::is(7)),
            free: machine.free(diverter).filter(|_| !planted::is(8)),
            earliest: count.offset(geometry.command / 4),
        };
        self.fitting(parcel, spec, &around, last)
    }

    /// The stroke that fits what surrounds the parcel.
    fn fitting(
        &self,
        parcel: &Parcel,
        spec: &DiverterSpec,
        around: &Surroundings,
        last: bool,
    ) -> Result<Slot, RejectCause> {
        // Where it is tight, a stroke that may miss its own parcel is better than none; what it
        // must not touch keeps its distance.
        let least = if last { OWN_SIGMAS_MIN } else { SIGMAS };
        let mut found = Err(RejectCause::Late);
        for sigmas in (least..=SIGMAS).rev() {
            let own = self.own_body(parcel, spec, sigmas);
            found = fit(spec, own, around, self.geometry().margin);
            let open = matches!(found, Err(RejectCause::Uncertain | RejectCause::Late));
            if !open {
                break;
            }
        }
        let slot = found?;
        let longest = i64::from(spec.hold_ms_max);
        if self.hold_ms(slot.hold) <= longest {
            return Ok(slot);
        }
        // The next photo-eye may tell its place well enough for a shorter one.
        let length = parcel.length.and_then(|length| u16::try_from(length).ok());
        let too_long = self.hold_ms(length.unwrap_or(u16::MAX)) > longest;
        Err(if too_long {
            RejectCause::TooLong
        } else {
            RejectCause::Uncertain
        })
    }

    /// Milliseconds the belt takes for a hold at nominal speed.
    fn hold_ms(&self, hold: u16) -> i64 {
        let speed = i64::from(self.geometry().speed.max(1));
        i64::from(hold)
            .saturating_mul(1_000)
            .checked_div(speed)
            .unwrap_or(i64::MAX)
    }

    /// Milliseconds after which a stroke ends even if the belt stands.
    fn hold_limit_ms(&self, spec: &DiverterSpec, hold: u16) -> u16 {
        let nominal = i64::from(self.geometry().speed);
        let slow = |speed: &i64| (1..nominal).contains(speed);
        let speed = Some(self.encoder.ticks_per_s()).filter(slow);
        let needed = speed.map_or_else(
            || self.hold_ms(hold),
            |speed| {
                let ms = i64::from(hold).saturating_mul(1_000);
                ms.checked_div(speed).unwrap_or(i64::MAX)
            },
        );
        let longest = needed
            .saturating_add(needed / HOLD_SHARE)
            .saturating_add(HOLD_MS);
        u16::try_from(longest)
            .unwrap_or(u16::MAX)
            .min(spec.hold_ms_max)
    }

    fn send_stroke(&mut self, index: usize, diverter: usize, slot: Slot) {
        let Ok(epoch) = self.may_divert() else { return };
        let seq = self.new_seq();
        let geometry = self.topology.geometry();
        let Some(spec) = geometry.diverter(diverter).copied() else {
            return;
        };
        let Some(parcel) = self.belt.get(index) else {
            return;
        };
        let tolerance = self.tolerance(parcel, spec.position);
        let chute = parcel.choice.map_or(geometry.reject, |choice| choice.chute);
        let id = parcel.id;
        let fire_at = slot.fire_at;
        let off = fire_at.offset(i32::from(slot.hold));
        if let Some(machine) = self.machines.get_mut(spec.machine) {
            let until = off.offset(spec.retract);
            machine.occupy(Busy {
                seq,
                diverter,
                off,
                until,
            });
        }
        let length = parcel.length.unwrap_or(0);
        self.chutes.expect(chute, length);
        if let Some(parcel) = self.belt.get_mut(index) {
            let state = StrokeState::Sent;
            parcel.stroke = Some(Sent {
                seq,
                diverter,
                chute,
                length,
                fire_at,
                hold: slot.hold,
                tolerance,
                state,
                behind: None,
            });
        }
        let hold = slot.hold;
        let hold_ms_max = self.hold_limit_ms(&spec, hold);
        let (diverter, at, hold) = written(spec.id, fire_at, hold);
        let command = Command::Stroke {
            seq,
            epoch,
            diverter,
            fire_at: at,
            hold,
            hold_ms_max,
        };
        self.act(Action::Send { command });
        self.step(
            id,
            Step::Commanded {
                seq,
                diverter: spec.id,
                fire_at,
            },
        );
        self.took_turn(index);
    }

    /// Takes a parcel's stroke back, if that can still be in time.
    pub(super) fn withdraw(&mut self, index: usize, cause: RejectCause) {
        let least = self.geometry().command / 4;
        self.withdraw_ahead(index, cause, least);
    }

    /// Takes a parcel's stroke back however near its count is: the encoder may stand, and then there is
    /// time that no count tells of. One that fires all the same is told as fired.
    pub(super) fn withdraw_in_any_case(&mut self, index: usize, cause: RejectCause) {
        self.withdraw_ahead(index, cause, i32::MIN);
    }

    fn withdraw_ahead(&mut self, index: usize, cause: RejectCause, least: i32) {
        let (Some(epoch), Some(count)) = (self.node.epoch(), self.encoder.count()) else {
            return;
        };
        let Some(parcel) = self.belt.get_mut(index) else {
            return;
        };
        let Some(stroke) = &mut parcel.stroke else {
            return;
        };
        let ahead = stroke.fire_at.signed_since(count);
        if stroke.state != StrokeState::Sent || ahead < least {
            return;
        }
        stroke.state = StrokeState::Withdrawing;
        parcel.hindrance = Some(cause);
        let stroke = stroke.seq;
        let seq = self.new_seq();
        self.act(Action::Send {
            command: Command::Withdraw { seq, epoch, stroke },
        });
    }

    pub(super) fn stroke_result(&mut self, seq: Seq, result: StrokeResult) {
        if self.jog_result(seq, result) {
            return;
        }
        if matches!(
            result,
            StrokeResult::Refused { .. } | StrokeResult::Withdrawn
        ) {
            for machine in &mut self.machines {
                machine.release(seq);
            }
        }
        let margin = self.geometry().margin;
        let owner = self.belt.iter().position(|parcel| {
            parcel
                .stroke
                .as_ref()
                .is_some_and(|stroke| stroke.seq == seq)
        });
        let Some(index) = owner else { return };
        let Some(parcel) = self.belt.get_mut(index) else {
            return;
        };
        let id = parcel.id;
        let Some(stroke) = &mut parcel.stroke else {
            return;
        };
        match result {
            // The usual course of a stroke makes nothing due.
            StrokeResult::Accepted => return,
            StrokeResult::Fired { at } => {
                stroke.state = StrokeState::Fired;
                return self.step(id, Step::Fired { seq, at });
            }
            StrokeResult::Done { at } => {
                let off = stroke.fire_at.offset(i32::from(stroke.hold));
                stroke.state = StrokeState::Done;
                if !at.offset(margin).is_before(off) {
                    let diverter = stroke.diverter;
                    return self.went_back(seq, diverter, at);
                }
                self.cut_short(seq);
            }
            StrokeResult::Unknown => {
                if stroke.state == StrokeState::Sent {
                    stroke.state = StrokeState::Unknown;
                }
            }
            StrokeResult::Refused { refusal } => {
                self.no_stroke(index, Some(refusal), RejectCause::Refused);
            }
            StrokeResult::Withdrawn => {
                let cause = parcel.hindrance.unwrap_or(RejectCause::ChuteUnavailable);
                self.no_stroke(index, None, cause);
            }
        }
        self.wake();
    }

    /// The node will not do a stroke: the parcel goes further.
    fn no_stroke(&mut self, index: usize, refusal: Option<crate::Refusal>, cause: RejectCause) {
        let Some(parcel) = self.belt.get_mut(index) else {
            return;
        };
        let Some(stroke) = parcel.stroke.take() else {
            return;
        };
        let id = parcel.id;
        parcel.exclude(stroke.diverter, cause);
        self.chutes.give_up(&stroke);
        self.step(id, Step::Aborted { refusal, cause });
        self.decide(index);
    }

    /// A parcel with a stroke was seen at `position` on the belt, `error` from its prediction.
    pub(super) fn stroke_against_sight(&mut self, index: usize, position: i32, error: i32) {
        let Some(parcel) = self.belt.get_mut(index) else {
            return;
        };
        let Some(stroke) = parcel.stroke else { return };
        let geometry = self.topology.geometry();
        let Some(spec) = geometry.diverter(stroke.diverter).copied() else {
            return;
        };
        if spec.position >= position {
            if error.saturating_abs() > stroke.tolerance {
                self.withdraw(index, RejectCause::Uncertain);
            }
            return;
        }
        // It is behind the diverter and still on the belt: the stroke missed it.
        parcel.stroke = None;
        let cause = match stroke.state {
            StrokeState::Fired | StrokeState::Done => RejectCause::FailedDivert,
            StrokeState::Sent | StrokeState::Withdrawing | StrokeState::Unknown => {
                RejectCause::Refused
            }
        };
        parcel.exclude(stroke.diverter, cause);
        if cause == RejectCause::FailedDivert {
            parcel.doubt(cause);
        }
        self.chutes.give_up(&stroke);
        if cause == RejectCause::FailedDivert {
            self.stroke_failed(stroke.diverter, stroke.chute);
        }
    }

    fn stroke_failed(&mut self, diverter: usize, chute: usize) {
        if !self.chutes.failed(chute) {
            return;
        }
        if let Some(id) = self.geometry().diverter(diverter).map(|spec| spec.id) {
            self.alarm(AlarmKind::Diverter { diverter: id }, true);
        }
        self.chute_changed(chute);
    }
}

/// What is written to the node of a stroke: itself, unless a bug is planted.
fn written(diverter: DiverterId, fire_at: Ticks, hold: u16) -> (DiverterId, Ticks, u16) {
    if planted::is(3) {
        (DiverterId(diverter.0 ^ 1), fire_at, hold)
    } else if planted::is(4) {
        (diverter, fire_at.offset(150), hold)
    } else if planted::is(5) {
        (diverter, fire_at, hold / 4)
    } else {
        (diverter, fire_at, hold)
    }
}
