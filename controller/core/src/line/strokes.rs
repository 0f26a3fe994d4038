//! Strokes: sent at the commit position, taken back when a chute closes, and what became of them.

use super::Line;
use super::parcel::{Parcel, Sent, StrokeState};
use super::schedule::{Slot, Surroundings, fit, wanted};
use crate::{Action, AlarmKind, Command, RejectCause, Seq, Step, StrokeResult, Ticks};

/// Time a stroke's output may stay on beyond what it needs at nominal speed, as a part of it:
/// a belt that slows down still finishes its stroke, one that stands does not hold for long.
const HOLD_SHARE: i64 = 2;
/// Least such time in milliseconds.
const HOLD_MS: i64 = 50;

impl Line {
    /// Count at which a stroke of this diverter must be sent for the parcel.
    pub(super) fn commit_position(&self, parcel: &Parcel, diverter: usize) -> Option<Ticks> {
        let geometry = self.geometry();
        let spec = geometry.diverter(diverter)?;
        let body = self.body(parcel, spec.position);
        let fire_at = wanted(spec, body, geometry.margin);
        Some(fire_at.offset(geometry.command.saturating_neg()))
    }

    /// True while a stroke of this diverter can still be sent in time.
    pub(super) fn reachable(&self, parcel: &Parcel, diverter: usize, count: Ticks) -> bool {
        let spare = self.geometry().command / 2;
        self.commit_position(parcel, diverter)
            .is_some_and(|commit| count.signed_since(commit) <= spare)
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
        if !self.chutes.takes(choice.chute) {
            // Others were sent there since it was chosen, and fill it up.
            return self.decide(index);
        }
        self.tell(index);
        match self.stroke_for(index, diverter, count) {
            Ok(slot) => self.send_stroke(index, diverter, slot),
            Err(cause) => {
                let Some(parcel) = self.belt.get_mut(index) else {
                    return;
                };
                parcel.exclude(diverter, cause);
                let id = parcel.id;
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

    fn stroke_for(&self, index: usize, diverter: usize, count: Ticks) -> Result<Slot, RejectCause> {
        self.may_divert()?;
        let unknown = RejectCause::Uncertain;
        let geometry = self.geometry();
        let parcel = self.belt.get(index).ok_or(unknown)?;
        let spec = geometry.diverter(diverter).ok_or(unknown)?;
        if parcel.misses > 0 || parcel.length.is_none() || self.overdue(parcel, count) {
            return Err(unknown);
        }
        if !self.reachable(parcel, diverter, count) {
            return Err(RejectCause::Late);
        }
        let machine = self.machines.get(spec.machine).ok_or(unknown)?;
        if !machine.has_room() {
            return Err(RejectCause::Conflict);
        }
        let body = |other: &Parcel| self.body(other, spec.position);
        let (before, after) = (
            self.belt.range(..index),
            self.belt.range(index.saturating_add(1)..),
        );
        let around = Surroundings {
            ahead: before.rev().find(|other| !other.gone).map(body),
            behind: after.into_iter().find(|other| !other.gone).map(body),
            free: machine.free(),
            earliest: count.offset(geometry.command / 4),
        };
        let slot = fit(spec, body(parcel), &around, geometry.margin)?;
        if self.hold_ms(slot.hold) > i64::from(spec.hold_ms_max) {
            return Err(RejectCause::TooLong);
        }
        Ok(slot)
    }

    /// A parcel that should have been seen already, and was not, is not where it is thought.
    fn overdue(&self, parcel: &Parcel, count: Ticks) -> bool {
        self.geometry().eye(parcel.next).is_some_and(|eye| {
            let due = self.predict(parcel, eye.position).offset(self.gate(parcel));
            due.is_before(count)
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

    fn send_stroke(&mut self, index: usize, diverter: usize, slot: Slot) {
        let Ok(epoch) = self.may_divert() else { return };
        let seq = self.new_seq();
        let needed = self.hold_ms(slot.hold);
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
        let until = fire_at.offset(i32::from(slot.hold)).offset(spec.retract);
        if let Some(machine) = self.machines.get_mut(spec.machine) {
            machine.occupy(seq, until);
        }
        self.chutes.expect(chute);
        if let Some(parcel) = self.belt.get_mut(index) {
            let state = StrokeState::Sent;
            parcel.stroke = Some(Sent {
                seq,
                diverter,
                chute,
                fire_at,
                tolerance,
                state,
            });
        }
        let longest = needed
            .saturating_add(needed / HOLD_SHARE)
            .saturating_add(HOLD_MS);
        let hold_ms_max = u16::try_from(longest)
            .unwrap_or(u16::MAX)
            .min(spec.hold_ms_max);
        let hold = slot.hold;
        let command = Command::Stroke {
            seq,
            epoch,
            diverter: spec.id,
            fire_at,
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
    }

    /// Takes a parcel's stroke back, if that can still be in time.
    pub(super) fn withdraw(&mut self, index: usize, cause: RejectCause) {
        let (Some(epoch), Some(count)) = (self.node.epoch(), self.encoder.count()) else {
            return;
        };
        let least = self.geometry().command / 4;
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
        if matches!(
            result,
            StrokeResult::Refused { .. } | StrokeResult::Withdrawn
        ) {
            for machine in &mut self.machines {
                machine.release(seq);
            }
        }
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
            StrokeResult::Accepted => {}
            StrokeResult::Fired { at } => {
                stroke.state = StrokeState::Fired;
                self.step(id, Step::Fired { seq, at });
            }
            StrokeResult::Done { .. } => stroke.state = StrokeState::Done,
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
        self.chutes.give_up(stroke.chute);
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
        self.chutes.give_up(stroke.chute);
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
