//! The field node, the stop circuit and the controller's own restart.
//!
//! While one of them is away nothing is diverted, and strokes that the node has not begun are
//! void. The encoder has counted on and the node's ring keeps the edges, so that places are still
//! known when it comes back: a parcel that only missed its commit position goes further. What a
//! stop, a restart or lost edges make doubtful must be confirmed by the next photo-eye, in order
//! and by its length, before it is diverted.

use super::Line;
use super::encoder::Verdict;
use super::parcel::{Sent, StrokeState};
use super::schedule::Busy;
use crate::planted;
use crate::topology::BeltEye;
use crate::{AlarmKind, Epoch, NodeFault, RejectCause, Step, Ticks};

/// What is known of the node.
#[derive(Debug, Default)]
pub(super) struct Node {
    epoch: Option<Epoch>,
    /// The last epoch there was.
    last: Option<Epoch>,
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

    /// Goes on with what people must still do.
    pub(super) const fn take_over(&mut self, before: &Self) {
        self.open = before.open;
        self.latched = before.latched;
    }
}

impl Line {
    /// The epoch strokes may be sent in; the cause when none may.
    pub(super) fn may_divert(&self) -> Result<Epoch, RejectCause> {
        if self.node.latched {
            return Err(RejectCause::Stop);
        }
        let suspect = self.encoder.suspect() && !planted::is(14);
        if suspect || !self.carriers_known() {
            return Err(RejectCause::Uncertain);
        }
        self.node.epoch.ok_or(RejectCause::NodeDown)
    }

    pub(super) fn node_up(&mut self, epoch: Epoch, at: Ticks, gap: bool) {
        if self.node.epoch.is_some_and(|old| old != epoch) {
            self.void_strokes();
        }
        self.node.epoch = Some(epoch);
        let renewed = self.node.last.replace(epoch) != Some(epoch);
        if let Some(fault) = self.node.fault.take() {
            self.alarm(AlarmKind::Node { fault }, false);
        }
        let continues = self.encoder.continues(self.now, at);
        if !continues {
            self.transplant(at);
        }
        self.encoder.rebase(self.now, at, continues && !gap);
        if gap || !continues {
            self.edges_lost(at, continues);
        } else if renewed {
            self.strokes_emptied(at);
        }
        for index in 0..self.belt.len() {
            self.decide(index);
        }
        self.wake();
    }

    pub(super) fn node_down(&mut self, fault: NodeFault) {
        self.node.epoch = self.node.epoch.filter(|_| planted::is(11));
        if let Some(old) = self.node.fault.replace(fault).filter(|old| *old != fault) {
            self.alarm(AlarmKind::Node { fault: old }, false);
        }
        self.alarm(AlarmKind::Node { fault }, true);
        self.void_strokes();
        self.wake();
    }

    pub(super) fn stop(&mut self, active: bool) {
        self.node.open = active;
        if active {
            self.node.latched = !planted::is(12);
            self.alarm(AlarmKind::Stopped, true);
            self.void_strokes();
            // A belt that stops hard moves what lies on it, and people may have reached in.
            let slack = self.geometry().window / 2;
            self.unprove_all(RejectCause::Stop, slack);
        }
    }

    /// A person allows diverting again; refused while the stop circuit is open.
    pub(super) fn reset(&mut self) {
        if (!self.node.open || planted::is(13)) && self.node.latched {
            self.node.latched = false;
            self.alarm(AlarmKind::Stopped, false);
            self.wake();
        }
    }

    /// The controller has just replayed its journal.
    pub(super) fn restarted(&mut self) {
        self.node.epoch = None;
        self.void_strokes();
        self.unprove_all(RejectCause::Restart, 0);
        self.encoder.forget_time();
    }

    pub(super) fn encoder_verdict(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Same => {}
            Verdict::Suspect => {
                self.round.forget();
                self.tell_encoder();
                // What was sent fires at counts that mean other places by now.
                for index in 0..self.belt.len() {
                    self.withdraw_in_any_case(index, RejectCause::Uncertain);
                }
                self.widen();
                self.doubt_all(RejectCause::Uncertain);
            }
            Verdict::Recovered => self.tell_encoder(),
        }
    }

    /// The node has emptied its queue: what had not fired will not. A stroke whose end is not
    /// known stays on record, because the parcel may have gone with it.
    fn void_strokes(&mut self) {
        self.jog_ended();
        for parcel in &mut self.belt {
            if let Some(stroke) = &mut parcel.stroke
                && matches!(stroke.state, StrokeState::Sent | StrokeState::Withdrawing)
            {
                stroke.state = StrokeState::Unknown;
            }
        }
    }

    /// The node is in a new epoch: what it had not begun at `at` will not happen, and its parcel
    /// may be diverted otherwise. What was under way was cut short.
    fn strokes_emptied(&mut self, at: Ticks) {
        let geometry = self.topology.geometry();
        for (index, machine) in self.machines.iter_mut().enumerate() {
            let specs = geometry.diverters.iter();
            let back = specs.filter(|spec| spec.machine == index);
            let back = back.map(|spec| spec.retract).max().unwrap_or(0);
            machine.emptied(at.offset(back));
        }
        for index in 0..self.belt.len() {
            let Some(parcel) = self.belt.get_mut(index) else {
                return;
            };
            let Some(stroke) = &mut parcel.stroke else {
                continue;
            };
            let (seq, begun) = (stroke.seq, !at.is_before(stroke.fire_at));
            match stroke.state {
                StrokeState::Unknown if !begun => {
                    let id = parcel.id;
                    let sent = *stroke;
                    parcel.stroke = None;
                    parcel.hindrance = Some(RejectCause::NodeDown);
                    self.chutes.give_up(&sent);
                    let cause = RejectCause::NodeDown;
                    self.step(
                        id,
                        Step::Aborted {
                            refusal: None,
                            cause,
                        },
                    );
                }
                StrokeState::Fired => self.cut_short(seq),
                StrokeState::Unknown
                | StrokeState::Sent
                | StrokeState::Withdrawing
                | StrokeState::Done => {}
            }
        }
    }

    /// A diverter went back before its stroke was over. Whether it took its parcel along is open,
    /// and it may have pushed it: a photo-eye must see it first.
    pub(super) fn cut_short(&mut self, seq: crate::Seq) {
        let slack = self.geometry().window / 2;
        for parcel in &mut self.belt {
            if let Some(stroke) = parcel.stroke.as_mut().filter(|stroke| stroke.seq == seq) {
                stroke.state = StrokeState::Unknown;
                parcel.track.slack = parcel.track.slack.max(slack);
                parcel.unproven.get_or_insert(RejectCause::NodeDown);
            }
        }
    }

    /// A diverter began to go back at `at`. When the count has jumped over the end of its stroke, that
    /// is later than was reckoned with, and a stroke of the other side may no longer fit.
    pub(super) fn went_back(&mut self, seq: crate::Seq, diverter: usize, at: Ticks) {
        let geometry = self.topology.geometry();
        let Some(spec) = geometry.diverter(diverter).copied() else {
            return;
        };
        let back = at.offset(spec.retract);
        let stroke = Busy {
            seq,
            diverter,
            off: at,
            until: back,
        };
        let machine = self.machines.get_mut(spec.machine);
        if machine.is_some_and(|machine| machine.goes_back(stroke)) {
            self.keep_away(spec.machine, stroke);
        }
    }

    /// Strokes of a machine's other sides are taken back that would begin before this one is back.
    fn keep_away(&mut self, machine: usize, from: Busy) {
        for index in 0..self.belt.len() {
            let stroke = self.belt.get(index).and_then(|parcel| parcel.stroke);
            let other = |stroke: &Sent| {
                let spec = self.geometry().diverter(stroke.diverter);
                stroke.diverter != from.diverter && spec.map(|spec| spec.machine) == Some(machine)
            };
            if stroke.is_some_and(|stroke| other(&stroke) && stroke.fire_at.is_before(from.until)) {
                self.withdraw_in_any_case(index, RejectCause::Conflict);
            }
        }
    }

    /// The count told as `at` may have gone ahead of the belt, by too little to be doubted: what was
    /// going back then takes as many counts longer.
    pub(super) fn mind_leap(&mut self, at: Ticks) {
        let leap = self.encoder.leap();
        if leap <= self.geometry().command / 4 {
            return;
        }
        let before = at.offset(leap.saturating_neg());
        for index in 0..self.machines.len() {
            let machine = self.machines.get_mut(index);
            let Some(late) = machine.and_then(|machine| machine.leapt(before, leap)) else {
                continue;
            };
            self.keep_away(index, late);
        }
    }

    /// Every parcel on the belt must be confirmed before it is diverted.
    pub(super) fn unprove_all(&mut self, cause: RejectCause, slack: i32) {
        if planted::is(10) {
            return;
        }
        self.settle_all();
        for parcel in &mut self.belt {
            parcel.unproven = Some(cause);
            parcel.track.slack = parcel.track.slack.max(slack);
        }
        for index in 0..self.belt.len() {
            self.decide(index);
        }
        self.wake();
    }

    /// Edges were lost: photo-eyes start anew, and parcels may be further than was seen. Where the
    /// encoder has counted on, their places are known all the same.
    fn edges_lost(&mut self, at: Ticks, counted: bool) {
        for beam in &mut self.beams {
            beam.reset();
        }
        for machine in &mut self.machines {
            machine.clear();
        }
        self.chutes.edges_lost();
        self.last_trailing = None;
        self.settle_all();
        self.pass_unseen(at);
        if counted {
            let slack = self.geometry().window;
            self.unprove_all(RejectCause::NodeDown, slack);
        } else {
            self.widen();
            self.doubt_all(RejectCause::NodeDown);
        }
    }

    /// Photo-eyes that parcels have passed by now are not expected to have seen them.
    fn pass_unseen(&mut self, at: Ticks) {
        for index in 0..self.belt.len() {
            let Some(parcel) = self.belt.get(index) else {
                return;
            };
            let passed = |eye: &BeltEye| self.predict(parcel, eye.position).is_before(at);
            let eyes = self.geometry().eyes.iter().skip(parcel.track.next);
            let next = parcel
                .track
                .next
                .saturating_add(eyes.take_while(|eye| passed(eye)).count());
            if let Some(parcel) = self.belt.get_mut(index) {
                parcel.track.next = next;
            }
        }
    }

    /// Positions of all parcels become less certain by some windows.
    fn widen(&mut self) {
        self.settle_all();
        let more = self.geometry().window.saturating_mul(4);
        self.widen_shadows(more, more.saturating_mul(4));
        for parcel in self.belt.iter_mut().chain(&mut self.returning) {
            parcel.track.slack = parcel
                .track
                .slack
                .saturating_add(more)
                .min(more.saturating_mul(4));
        }
        self.wake();
    }

    /// The node counts from another origin: every track is moved there, by the travel that the
    /// time and the last speed make likely. Without the time nothing is known of any of them.
    fn transplant(&mut self, at: Ticks) {
        self.round.forget();
        self.settle_all();
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
            self.forget_shadows();
            return;
        };
        let shift = at.signed_since(count).saturating_sub(travel);
        self.shift_shadows(shift);
        for parcel in self.belt.iter_mut().chain(&mut self.returning) {
            parcel.track.origin = parcel.track.origin.offset(shift);
            parcel.due = at;
            if let Some(stroke) = &mut parcel.stroke {
                stroke.fire_at = stroke.fire_at.offset(shift);
            }
        }
    }
}
