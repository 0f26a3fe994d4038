//! The rules about the field node and its outputs: I4, I5, I6, and alarms.

use sortline_core::{
    Action, AlarmChange, Command, Event, OperatorCommand, Refusal, Resolution, StrokeResult,
};

use super::super::link::WATCHDOG_MS;
use super::super::right::Right;
use super::{Judge, Known};
use crate::plant::Breach;

/// The watchdog time, and two steps of the node's timer.
const WATCHDOG_US: u64 = WATCHDOG_MS as u64 * 1_000 + 2_000;

impl Judge {
    /// The core was fed this.
    pub(crate) fn fed(&mut self, now_us: u64, event: &Event) {
        match event {
            Event::Stroke {
                seq,
                result: StrokeResult::Fired { at },
            } => {
                let stroke = self.strokes.remove(&seq.0);
                if stroke.is_none_or(|(_, fire_at)| fire_at != at.0) {
                    let what = format!("stroke {seq} fired at {}, commanded: {stroke:?}", at.0);
                    self.violation("I5", now_us, what);
                }
                if self.denied.remove(&seq.0) || !self.begun.insert(seq.0) {
                    let what = format!("stroke {seq} fired, which the node had not, or twice");
                    self.violation("I5", now_us, what);
                }
            }
            Event::Stroke { seq, result } => self.answered(seq.0, *result),
            Event::NodeUp { epoch, gap, .. } => {
                self.node.epoch = Some(epoch.0);
                if *gap {
                    self.begun.clear();
                }
            }
            // What was commanded before may still be told.
            Event::NodeDown { .. } => self.node.epoch = None,
            Event::Restarted | Event::Rebuilt { .. } => {
                self.node.epoch = None;
                self.begun.clear();
            }
            Event::Stop { active } => {
                self.node.open = *active;
                self.node.latched |= *active;
            }
            Event::Operator {
                command: OperatorCommand::Reset,
            } => self.node.latched &= self.node.open,
            Event::Plan { plan } => {
                let known = self.plans.iter().position(|p| p.version() == plan.version);
                self.plan = known.unwrap_or(self.plans.len());
                if known.is_none() {
                    self.plans.push(Right::new(plan, &self.shares));
                }
            }
            Event::Resolved {
                parcel,
                resolution: Resolution::Hold { .. },
            } => {
                if let Some(known) = self.known.get_mut(parcel) {
                    known.held = true;
                }
            }
            Event::Belt { .. }
            | Event::Eye { .. }
            | Event::Triggered { .. }
            | Event::Read { .. }
            | Event::Camera { .. }
            | Event::Resolved { .. }
            | Event::Chute { .. }
            | Event::Operator { .. } => {}
        }
    }

    /// The node has answered a command, or a stroke of it has ended.
    fn answered(&mut self, seq: u16, result: StrokeResult) {
        match result {
            StrokeResult::Done { .. } => {
                self.begun.remove(&seq);
            }
            StrokeResult::Refused { refusal } => {
                if self.strokes.remove(&seq).is_some() {
                    *self.tally.refusals.entry(refusal).or_default() += 1;
                }
                let stroke = self.asked_back.remove(&seq);
                if let Some(stroke) = stroke.filter(|_| refusal == Refusal::Unknown) {
                    self.denied.insert(stroke);
                }
            }
            StrokeResult::Accepted
            | StrokeResult::Fired { .. }
            | StrokeResult::Withdrawn
            | StrokeResult::Unknown => {}
        }
    }

    /// The controller has been in touch with the node: is the stop circuit open?
    pub(crate) const fn in_touch(&mut self, stopped: bool) {
        self.stopped = stopped;
    }

    /// The stop circuit was closed: the node stays as it is until it is told to be reset.
    pub(crate) fn closed(&mut self, now_us: u64, latched: bool) {
        if !latched {
            let what = "the node forgot a stop as its circuit was closed".to_owned();
            self.violation("I6", now_us, what);
        }
    }

    /// The core wants this.
    pub(crate) fn wanted(&mut self, now_us: u64, action: &Action) {
        match action {
            Action::Send { command } => self.sends(now_us, command),
            Action::Parcel { parcel, step } => self.step(now_us, *parcel, step),
            Action::Alarm { kind, change } => {
                let changed = match change {
                    AlarmChange::Raised => self.alarms.insert(*kind),
                    AlarmChange::Cleared => self.alarms.remove(kind),
                };
                if !changed {
                    let what = format!("alarm {kind:?} {change:?} once more");
                    self.violation("I14", now_us, what);
                }
            }
            Action::Resolve { .. }
            | Action::Chute { .. }
            | Action::BagClosed { .. }
            | Action::Induction { .. }
            | Action::Jog { .. } => {}
        }
    }

    fn sends(&mut self, now_us: u64, command: &Command) {
        if let Command::Withdraw { seq, stroke, .. } = command {
            self.asked_back.insert(seq.0, stroke.0);
        }
        let Command::Stroke {
            seq,
            epoch,
            diverter,
            fire_at,
            ..
        } = command
        else {
            return;
        };
        self.denied.remove(&seq.0);
        self.strokes.insert(seq.0, (diverter.0, fire_at.0));
        let stopped = self.node.latched || self.stopped;
        if stopped || self.node.epoch != Some(epoch.0) {
            let what = format!("stroke {seq} in epoch {epoch}, node: {:?}", self.node);
            self.violation("I6", now_us, what);
        }
    }

    /// The outputs changed at the pins, at this count. Every output that goes on was commanded for
    /// this count; none is on while the line is stopped, or after the heartbeat was lost.
    pub(crate) fn outputs(
        &mut self,
        now_us: u64,
        (outputs, count): (u32, u32),
        (stopped, beat_us): (bool, u64),
    ) {
        let before = std::mem::replace(&mut self.outputs, outputs);
        let (mut on, since_beat) = (outputs & !before, now_us.saturating_sub(beat_us));
        if outputs != 0 && stopped {
            self.violation("I4", now_us, format!("outputs {outputs:b} while stopped"));
        }
        if before != 0 && since_beat > WATCHDOG_US {
            let what = format!("outputs {before:b} on {since_beat} us after the last heartbeat");
            self.violation("I4", now_us, what);
        }
        while on != 0 {
            let diverter = on.trailing_zeros();
            on &= on - 1;
            let commanded = |(d, at): &(u16, u32)| u32::from(*d) == diverter && *at == count;
            if !self.strokes.values().any(commanded) {
                let what = format!("diverter {diverter} moves at {count}, which nobody commanded");
                self.violation("I5", now_us, what);
            }
        }
    }

    /// Something happened in the physics that must never happen.
    /// `astray`: the encoder showed what was not so while strokes were in the node's queue.
    pub(crate) fn breach(&mut self, now_us: u64, breach: Breach, astray: bool) {
        if let Breach::Struck {
            diverter,
            serial,
            slipped,
            seen_for_um,
        } = breach
        {
            let ids = self.ids.get(&serial).map(Vec::as_slice).unwrap_or_default();
            let meant = |id| {
                self.known
                    .get(id)
                    .is_some_and(|k: &Known| k.stroke == Some(diverter))
            };
            // A parcel that no photo-eye had seen in time for a command cannot be kept away from; the one that the
            // stroke was for may be missed when the belt stops under it.
            let unseen = seen_for_um < self.command_um;
            let excuse = if ids.is_empty() || unseen {
                Some("struck unknown parcel")
            } else if ids.iter().any(meant) {
                Some("stroke missed its parcel")
            } else if slipped {
                Some("struck a parcel that slipped")
            } else if astray {
                Some("struck as the encoder went astray")
            } else {
                None
            };
            if let Some(excuse) = excuse {
                self.disagree(excuse);
                return;
            }
        }
        self.violation("I4", now_us, format!("{breach:?}"));
    }
}
