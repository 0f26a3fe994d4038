//! The field node, the stop circuit and the controller's own restart: whenever one of them was
//! away, nothing that was on the belt is diverted.

use super::Line;
use super::encoder::Verdict;
use super::parcel::StrokeState;
use crate::topology::BeltEye;
use crate::{AlarmKind, Epoch, NodeFault, RejectCause, Ticks};

/// What is known of the node.
#[derive(Debug, Default)]
pub(super) struct Node {
    epoch: Option<Epoch>,
    fault: Option<NodeFault>,
    /// The stop circuit is open.
    open: bool,
    /// It was open, and nobody has reset the line since.
    latched: bool,
}

impl Node {
    /// The epoch commands are valid in; `None` while the node is not usable.
    pub(super) const fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    pub(super) const fn stopped(&self) -> bool {
        self.latched
    }
}

impl Line {
    /// The epoch strokes may be sent in; the cause when none may.
    pub(super) fn may_divert(&self) -> Result<Epoch, RejectCause> {
        if self.node.latched {
            return Err(RejectCause::Stop);
        }
        if self.encoder.suspect() {
            return Err(RejectCause::Uncertain);
        }
        self.node.epoch.ok_or(RejectCause::NodeDown)
    }

    pub(super) fn node_up(&mut self, epoch: Epoch, at: Ticks, gap: bool) {
        if self.node.epoch.is_some_and(|old| old != epoch) {
            self.void_strokes();
            self.doubt_all(RejectCause::NodeDown);
        }
        self.node.epoch = Some(epoch);
        if let Some(fault) = self.node.fault.take() {
            self.alarm(AlarmKind::Node { fault }, false);
        }
        let continues = self.encoder.continues(self.now, at);
        if !continues {
            self.transplant(at);
        }
        self.encoder.rebase(self.now, at, continues && !gap);
        if gap || !continues {
            self.edges_lost(at);
        }
        self.wake();
    }

    pub(super) fn node_down(&mut self, fault: NodeFault) {
        self.node.epoch = None;
        if let Some(old) = self.node.fault.replace(fault).filter(|old| *old != fault) {
            self.alarm(AlarmKind::Node { fault: old }, false);
        }
        self.alarm(AlarmKind::Node { fault }, true);
        self.void_strokes();
        self.doubt_all(RejectCause::NodeDown);
    }

    pub(super) fn stop(&mut self, active: bool) {
        self.node.open = active;
        if active {
            self.node.latched = true;
            self.alarm(AlarmKind::Stopped, true);
            self.void_strokes();
            self.doubt_all(RejectCause::Stop);
        }
    }

    /// A person allows diverting again; refused while the stop circuit is open.
    pub(super) fn reset(&mut self) {
        if !self.node.open && self.node.latched {
            self.node.latched = false;
            self.alarm(AlarmKind::Stopped, false);
            self.wake();
        }
    }

    /// The controller has just replayed its journal: what was on the belt may be anywhere.
    pub(super) fn restarted(&mut self) {
        self.node.epoch = None;
        self.void_strokes();
        self.doubt_all(RejectCause::Restart);
        self.encoder.forget_time();
    }

    pub(super) fn encoder_verdict(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Same => {}
            Verdict::Suspect => {
                self.alarm(AlarmKind::Encoder, true);
                self.widen();
                self.doubt_all(RejectCause::Uncertain);
            }
            Verdict::Recovered => self.alarm(AlarmKind::Encoder, false),
        }
    }

    /// The node has emptied its queue: what had not fired will not. A stroke whose end is not
    /// known stays on record, because the parcel may have gone with it.
    fn void_strokes(&mut self) {
        for machine in &mut self.machines {
            machine.clear();
        }
        for parcel in &mut self.belt {
            if let Some(stroke) = &mut parcel.stroke
                && stroke.state != StrokeState::Done
            {
                stroke.state = StrokeState::Unknown;
            }
        }
    }

    /// Edges were lost: photo-eyes start anew, and parcels may be further than was seen.
    fn edges_lost(&mut self, at: Ticks) {
        for beam in &mut self.beams {
            beam.reset();
        }
        self.last_trailing = None;
        self.pass_unseen(at);
        self.widen();
        self.doubt_all(RejectCause::NodeDown);
    }

    /// Photo-eyes that parcels have passed by now are not expected to have seen them.
    fn pass_unseen(&mut self, at: Ticks) {
        for index in 0..self.belt.len() {
            let Some(parcel) = self.belt.get(index) else {
                return;
            };
            let passed = |eye: &BeltEye| self.predict(parcel, eye.position).is_before(at);
            let eyes = self.geometry().eyes.iter().skip(parcel.next);
            let next = parcel
                .next
                .saturating_add(eyes.take_while(|eye| passed(eye)).count());
            if let Some(parcel) = self.belt.get_mut(index) {
                parcel.next = next;
            }
        }
    }

    /// Positions of all parcels become less certain by some windows.
    fn widen(&mut self) {
        let more = self.geometry().window.saturating_mul(4);
        for parcel in self.belt.iter_mut().chain(&mut self.returning) {
            parcel.slack = parcel
                .slack
                .saturating_add(more)
                .min(more.saturating_mul(4));
        }
        self.wake();
    }

    /// The node counts from another origin: every track is moved there, by the travel that the
    /// time and the last speed make likely. Without the time nothing is known of any of them.
    fn transplant(&mut self, at: Ticks) {
        let Some(count) = self.encoder.count() else {
            return;
        };
        let Some(travel) = self.encoder.likely_travel(self.now) else {
            while !self.belt.is_empty() {
                self.lose(0);
            }
            while let Some(parcel) = self.returning.pop_front() {
                self.lose_returning(parcel);
            }
            return;
        };
        let shift = at.signed_since(count).saturating_sub(travel);
        for parcel in self.belt.iter_mut().chain(&mut self.returning) {
            parcel.origin = parcel.origin.offset(shift);
            parcel.due = at;
            if let Some(stroke) = &mut parcel.stroke {
                stroke.fire_at = stroke.fire_at.offset(shift);
            }
        }
    }
}
