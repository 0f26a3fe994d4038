//! What chutes' photo-eyes prove. A stroke that was done is not a parcel that was sorted: only
//! the chute's photo-eye makes it so.

use super::Line;
use super::associate::{Candidate, associate};
use super::parcel::{Parcel, Sent, StrokeState};
use crate::planted;
use crate::topology::{ChuteKind, ChuteSpec};
use crate::{ChuteId, Edge, Outcome, RejectCause, Step, Ticks};

impl Line {
    /// Last count at which the chute's photo-eye can see the parcel.
    pub(super) fn chute_expires(&self, parcel: &Parcel, stroke: &Sent) -> Option<Ticks> {
        let chute = self.geometry().chute(stroke.chute)?;
        let diverter = self.geometry().diverter(stroke.diverter)?;
        let left = self.middle_at(parcel, diverter.position);
        let late = left.offset(parcel.length.unwrap_or(0)).offset(slow(chute));
        let behind = stroke.behind.filter(|behind| late.is_before(*behind));
        Some(behind.unwrap_or(late))
    }

    pub(super) fn chute_eye(&mut self, chute: usize, edge: Edge, at: Ticks) {
        self.wake();
        let since = self.chutes.blocked_at(chute);
        if self.chutes.passage(chute, (edge, at), self.now) {
            self.chute_changed(chute);
        }
        if edge == Edge::Clear {
            return self.chute_clear(chute, since, at);
        }
        let Some(spec) = self.geometry().chute(chute).copied() else {
            return;
        };
        let found = match spec.kind {
            ChuteKind::Reject if spec.diverter.is_none() => self.who_fell(&spec, at),
            ChuteKind::Sort | ChuteKind::Recirculation | ChuteKind::Reject => {
                self.who_was_sent(chute, &spec, at)
            }
        };
        match (found, spec.kind) {
            (Some(index), ChuteKind::Reject) => self.rejected(index),
            (Some(index), ChuteKind::Recirculation) => self.recirculated(index, at),
            (Some(index), ChuteKind::Sort) => self.sorted(index, chute),
            (None, ChuteKind::Reject) if spec.diverter.is_none() => {
                self.rejected_unknown(&spec, at);
            }
            (None, ChuteKind::Sort | ChuteKind::Recirculation | ChuteKind::Reject) => {
                self.somebody_in(chute, &spec, at);
            }
        }
    }

    /// The parcel with a stroke to this chute that the edge shows; one that is thought to have been
    /// seen on the belt behind its diverter only if there is no other.
    fn who_was_sent(&self, index: usize, spec: &ChuteSpec, at: Ticks) -> Option<usize> {
        let (_, diverter) = self.geometry().diverter_of(index)?;
        let typical = spec.confirm_min.saturating_add(spec.confirm_max) / 2;
        let sigma = (spec.confirm_max.saturating_sub(spec.confirm_min) / 4).max(20);
        let find = |missed: bool| {
            let candidates = self.belt.iter().enumerate().filter_map(|(index, parcel)| {
                let stroke = parcel.stroke.as_ref()?;
                let here = self.geometry().chute(stroke.chute)?.id == spec.id;
                let seen = self.geometry().eye(parcel.track.seen)?.position;
                let left = self.middle_at(parcel, diverter.position);
                let early = left.offset(self.gate(parcel).saturating_neg());
                let expires = self
                    .chute_expires(parcel, stroke)?
                    .offset(self.gate(parcel));
                let behind = seen > diverter.position;
                if !here || behind != missed || at.is_before(early) || expires.is_before(at) {
                    return None;
                }
                // Who waits comes when the way is free, in order.
                let waited = stroke.behind.is_some();
                let deviation = if waited {
                    0
                } else {
                    at.signed_since(left.offset(typical))
                };
                Some(Candidate {
                    index,
                    deviation,
                    sigma,
                })
            });
            associate(candidates).map(|winner| winner.index)
        };
        find(false).or_else(|| find(true))
    }

    /// The parcel at the end of the belt that the edge shows.
    fn who_fell(&self, spec: &ChuteSpec, at: Ticks) -> Option<usize> {
        let geometry = self.geometry();
        let typical = spec.confirm_min.saturating_add(spec.confirm_max) / 2;
        let candidates = self.belt.iter().enumerate().filter_map(|(index, parcel)| {
            let end = self.predict(parcel, geometry.end);
            let length = parcel.length.unwrap_or(geometry.length_max);
            let gate = self.gate(parcel);
            let early = end.offset(gate.saturating_neg());
            let late = end.offset(length).offset(spec.confirm_max).offset(gate);
            if at.is_before(early) || late.is_before(at) {
                return None;
            }
            let sigma = self
                .sigma(parcel, geometry.end)
                .saturating_add(spec.confirm_max.saturating_sub(spec.confirm_min) / 4)
                .saturating_add(length / 4);
            let deviation = at.signed_since(end.offset(length / 2).offset(typical));
            Some(Candidate {
                index,
                deviation,
                sigma,
            })
        });
        associate(candidates).map(|winner| winner.index)
    }

    /// A chute's photo-eye, blocked `since`, is clear at `at`: whoever waits behind it comes now.
    fn chute_clear(&mut self, chute: usize, since: Option<Ticks>, at: Ticks) {
        let Some(spec) = self.geometry().chute(chute).copied() else {
            return;
        };
        let stayed = since.is_some_and(|since| at.signed_since(since) > self.longest());
        for index in 0..self.belt.len() {
            let waits = stayed && self.came_to(index, chute, at);
            let stroke = self
                .belt
                .get_mut(index)
                .and_then(|parcel| parcel.stroke.as_mut());
            if let Some(stroke) = stroke.filter(|one| one.chute == chute)
                && (waits || stroke.behind.is_some())
            {
                stroke.behind = Some(at.offset(slow(&spec)));
            }
        }
        if let Some(since) = since.filter(|_| spec.kind == ChuteKind::Recirculation) {
            self.stayed(since, at);
        }
    }

    /// True when a parcel has left the belt towards this chute before `at`.
    fn came_to(&self, index: usize, chute: usize, at: Ticks) -> bool {
        let parcel = self.belt.get(index);
        let sent = parcel.and_then(|parcel| Some((parcel, parcel.executed()?)));
        sent.is_some_and(|(parcel, stroke)| stroke.chute == chute && self.has_left(parcel, at))
    }

    /// Belt that passes while the longest parcel does.
    fn longest(&self) -> i32 {
        let geometry = self.geometry();
        geometry.length_max.saturating_add(geometry.chatter)
    }

    /// True when a parcel that has left the belt may wait in its chute behind one that stays at the
    /// photo-eye; it is looked at again later.
    pub(super) fn waits_in_chute(&mut self, index: usize) -> bool {
        let (longest, count) = (self.longest(), self.encoder.count());
        let stroke = self.belt.get_mut(index).and_then(|one| one.stroke.as_mut());
        let (Some(stroke), Some(count)) = (stroke, count) else {
            return false;
        };
        let since = self.chutes.blocked_at(stroke.chute);
        let stays = since.is_some_and(|since| count.signed_since(since) > longest);
        let spec = self.topology.geometry().chute(stroke.chute);
        let spec = spec.filter(|_| stays);
        if let Some(spec) = spec {
            stroke.behind = Some(count.offset(slow(spec)));
        }
        spec.is_some()
    }

    /// True when a parcel was diverted onto the recirculation conveyor, though the photo-eye there
    /// has not seen it.
    pub(super) fn went_round(&self, index: usize) -> bool {
        let stroke = self.belt.get(index).and_then(Parcel::executed);
        let stroke = stroke.filter(|stroke| stroke.state != StrokeState::Unknown);
        let around = self.geometry().recirculation;
        stroke.is_some_and(|stroke| Some(stroke.chute) == around)
    }

    /// A parcel comes round that the recirculation conveyor's photo-eye has not seen.
    pub(super) fn goes_round_unseen(&mut self, index: usize) {
        let Some(parcel) = self.remove_diverted(index) else {
            return;
        };
        let Some(stroke) = parcel.stroke else { return };
        self.chutes.give_up(&stroke);
        let geometry = self.geometry();
        let (Some(spec), Some(diverter)) = (
            geometry.chute(stroke.chute),
            geometry.diverter(stroke.diverter),
        ) else {
            return;
        };
        let typical = spec.confirm_min.saturating_add(spec.confirm_max) / 2;
        let spread = spec.confirm_max.saturating_sub(spec.confirm_min) / 2;
        let left = self.middle_at(&parcel, diverter.position);
        let comes = left.offset(typical).offset(geometry.lap);
        self.send_round(parcel, comes, Some(spread));
    }

    fn sorted(&mut self, index: usize, chute: usize) {
        let Some(parcel) = self.remove_diverted(index) else {
            return;
        };
        let chute = if planted::is(31) { chute ^ 1 } else { chute };
        self.chutes.entered(chute, parcel.length.unwrap_or(0));
        self.chutes.worked(chute);
        let id = self
            .geometry()
            .chute(chute)
            .map_or(ChuteId(0), |chute| chute.id);
        self.end(parcel, Outcome::Sorted { chute: id });
        self.chute_changed(chute);
    }

    fn recirculated(&mut self, index: usize, at: Ticks) {
        let Some(parcel) = self.remove_diverted(index) else {
            return;
        };
        if let Some(stroke) = &parcel.stroke {
            self.chutes.give_up(stroke);
            self.chutes.worked(stroke.chute);
        }
        let comes = at.offset(self.geometry().lap);
        self.send_round(parcel, comes, None);
    }

    fn rejected(&mut self, index: usize) {
        let reject = self.geometry().reject;
        let sent = self.belt.get_mut(index).and_then(|p| p.stroke.take());
        if let Some(stroke) = &sent {
            self.chutes.give_up(stroke);
        }
        if sent.is_some_and(|stroke| stroke.chute == reject) {
            self.chutes.worked(reject);
        } else {
            if let Some(parcel) = self.belt.get_mut(index).filter(|_| sent.is_some()) {
                // It had a stroke and fell off the end: as good as seen behind its diverter.
                parcel.doubt(RejectCause::FailedDivert);
            }
            self.decide(index);
            self.tell(index);
        }
        let Some(parcel) = self.remove(index) else {
            return;
        };
        let decided = parcel.choice.and_then(|choice| choice.cause());
        let cause = parcel
            .doubt
            .or(parcel.unproven)
            .or(decided)
            .or(parcel.hindrance)
            .unwrap_or(RejectCause::Late);
        self.chutes.entered(reject, parcel.length.unwrap_or(0));
        self.end(parcel, Outcome::Rejected { cause });
        self.chute_changed(reject);
    }

    /// A parcel at the end of the belt that nobody knew.
    fn rejected_unknown(&mut self, spec: &ChuteSpec, at: Ticks) {
        self.counters.unexpected = self.counters.unexpected.saturating_add(1);
        let id = self.new_parcel_id();
        let parcel = Parcel::new(id, at, 0, self.plan.clone());
        self.step(
            id,
            Step::Seen {
                eye: spec.eye,
                at,
                error_ticks: 0,
            },
        );
        self.end(
            parcel,
            Outcome::Rejected {
                cause: RejectCause::Unexpected,
            },
        );
    }

    /// A chute's photo-eye saw something that was not sent there. The parcel that passed its
    /// diverter at the right time is the suspect; it is a missort when the belt does not see it
    /// again.
    fn somebody_in(&mut self, chute: usize, spec: &ChuteSpec, at: Ticks) {
        self.counters.unexplained = self.counters.unexplained.saturating_add(1);
        let Some((_, diverter)) = self.geometry().diverter_of(chute) else {
            return;
        };
        let position = diverter.position;
        let typical = spec.confirm_min.saturating_add(spec.confirm_max) / 2;
        let sigma = (spec.confirm_max.saturating_sub(spec.confirm_min) / 4).max(20);
        let candidates = self.belt.iter().enumerate().filter_map(|(index, parcel)| {
            let seen = self
                .geometry()
                .eye(parcel.track.seen)
                .map_or(0, |eye| eye.position);
            let left = self.middle_at(parcel, position);
            let after = at.signed_since(left);
            let late = spec.confirm_max.saturating_add(self.gate(parcel));
            let possible = seen < position
                && after >= self.gate(parcel).saturating_neg()
                && after <= late
                && parcel.suspect.is_none();
            let deviation = after.saturating_sub(typical);
            possible.then_some(Candidate {
                index,
                deviation,
                sigma,
            })
        });
        let suspect = associate(candidates).map(|winner| winner.index);
        if let Some(parcel) = suspect.and_then(|index| self.belt.get_mut(index)) {
            parcel.suspect = Some(chute);
        }
    }

    /// The suspect was not seen again: it is in another chute than decided.
    pub(super) fn end_missort(&mut self, index: usize, seen: usize) {
        let Some(parcel) = self.remove(index) else {
            return;
        };
        let geometry = self.topology.geometry();
        let id = |chute: usize| geometry.chute(chute).map_or(ChuteId(0), |chute| chute.id);
        let chosen = parcel.choice.map_or(geometry.reject, |choice| choice.chute);
        let (decided, seen_id) = (id(chosen), id(seen));
        self.chutes.entered(seen, parcel.length.unwrap_or(0));
        let outcome = if seen == geometry.reject {
            let cause = parcel.doubt.unwrap_or(RejectCause::Uncertain);
            Outcome::Rejected { cause }
        } else if decided == seen_id {
            Outcome::Sorted { chute: seen_id }
        } else {
            Outcome::Missort {
                decided,
                seen: seen_id,
            }
        };
        self.end(parcel, outcome);
        self.chute_changed(seen);
    }
}

/// Longest way of the belt while a parcel is on its way to a chute's photo-eye: one that is slower
/// by a fifth than allowed is late, not lost.
const fn slow(chute: &ChuteSpec) -> i32 {
    chute.confirm_max.saturating_add(chute.confirm_max / 5)
}
