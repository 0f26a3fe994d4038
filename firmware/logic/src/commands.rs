//! Commands from the mailbox, control requests and heartbeats.

use sortline_regmap::{
    Ack, AckCode, Command, CommandKind, Control, ControlRequest, ControlResult, EventKind,
    Heartbeat, JOG_MS_MAX, Refusal,
};

use crate::{Cause, Node, Stroke, Trigger, TriggerPulse, is_before, planted};

impl Node {
    /// Executes what the mailbox holds.
    pub(crate) fn take_command(&mut self) {
        self.health.commands = self.health.commands.wrapping_add(1);
        let [_, seq, ..] = self.mailbox;
        self.last_seq = seq;
        let Some(command) = Command::decode(&self.mailbox) else {
            // Not filed under its number: that could be the damaged word.
            self.health.damaged = self.health.damaged.wrapping_add(1);
            self.health.refused = self.health.refused.wrapping_add(1);
            self.last_result = Some(AckCode::Refused(Refusal::Checksum));
            return;
        };
        if let Some(known) = self.answers.find(&command) {
            self.last_result = Some(known.result);
            return;
        }
        if self.is_in_use(command.seq) {
            self.health.refused = self.health.refused.wrapping_add(1);
            self.last_result = Some(AckCode::Refused(Refusal::Overlap));
            return;
        }
        let result = match self.accept(&command) {
            Ok(result) => result,
            Err(refusal) => {
                self.health.refused = self.health.refused.wrapping_add(1);
                AckCode::Refused(refusal)
            }
        };
        self.last_result = Some(result);
        self.answers.put(
            command,
            Ack {
                seq: command.seq,
                result,
                at: self.count,
            },
        );
        self.plan();
    }

    fn is_in_use(&self, seq: u16) -> bool {
        self.strokes.iter().any(|stroke| stroke.seq == seq)
            || self.triggers.iter().any(|trigger| trigger.seq == seq)
            || self.outputs.is_running(seq)
    }

    fn accept(&mut self, command: &Command) -> Result<AckCode, Refusal> {
        if !self.lease.is_armed() || self.stop.open || self.stop.latched {
            return Err(Refusal::Stopped);
        }
        if command.epoch != self.health.epoch && !planted::is(43) {
            return Err(Refusal::StaleEpoch);
        }
        match command.kind {
            CommandKind::Stroke => self.accept_stroke(command)?,
            CommandKind::Trigger => self.accept_trigger(command)?,
            CommandKind::Withdraw => self.withdraw(command)?,
            CommandKind::Jog => {
                self.jog(command)?;
                return Ok(AckCode::Fired);
            }
        }
        Ok(AckCode::Accepted)
    }

    fn accept_stroke(&mut self, command: &Command) -> Result<(), Refusal> {
        if command.device >= self.limits.diverters {
            return Err(Refusal::Unknown);
        }
        if command.hold == 0
            || command.hold_ms_max == 0
            || command.hold > self.limits.hold_ticks_max
        {
            return Err(Refusal::TooLong);
        }
        let soon = self
            .count
            .wrapping_add(self.limits.lead_ticks_min.max(1).into());
        let late = is_before(command.at, soon) && planted::is(54);
        let fire_at = if late { soon } else { command.at };
        self.check_lead(fire_at)?;
        let stroke = Stroke {
            seq: command.seq,
            diverter: command.device,
            fire_at,
            hold: command.hold,
            hold_ms: command.hold_ms_max,
            jog: None,
        };
        self.check_free(&stroke)?;
        if self.strokes.insert(stroke) {
            Ok(())
        } else {
            Err(Refusal::QueueFull)
        }
    }

    fn accept_trigger(&mut self, command: &Command) -> Result<(), Refusal> {
        if command.device >= self.limits.cameras {
            return Err(Refusal::Unknown);
        }
        self.check_lead(command.at)?;
        let pulse = TriggerPulse {
            camera: command.device,
            number: command.number,
            at: command.at,
        };
        let same =
            |other: &Trigger| other.pulse.camera == pulse.camera && other.pulse.at == pulse.at;
        if self.triggers.iter().any(same) {
            return Err(Refusal::Overlap);
        }
        let trigger = Trigger {
            seq: command.seq,
            pulse,
        };
        if self.triggers.insert(trigger) {
            Ok(())
        } else {
            Err(Refusal::QueueFull)
        }
    }

    fn withdraw(&mut self, command: &Command) -> Result<(), Refusal> {
        let seq = u16::try_from(command.number).map_err(|_out_of_range| Refusal::Unknown)?;
        let Some(stroke) = self
            .strokes
            .take_first(|stroke| stroke.seq == seq && !planted::is(49))
        else {
            let fired = matches!(
                self.answers.result(seq),
                Some(AckCode::Fired | AckCode::Done)
            );
            let late = fired || self.outputs.is_running(seq);
            return Err(if late {
                Refusal::Late
            } else {
                Refusal::Unknown
            });
        };
        self.answers.update(seq, AckCode::Withdrawn, self.count);
        self.tell(EventKind::Withdrawn, stroke.diverter, 0, u32::from(seq));
        Ok(())
    }

    /// Switches an output on by hand. Its end is the belt's next count.
    fn jog(&mut self, command: &Command) -> Result<(), Refusal> {
        if command.device >= self.limits.diverters {
            return Err(Refusal::Unknown);
        }
        if !(1..=JOG_MS_MAX).contains(&command.hold_ms_max) {
            return Err(Refusal::TooLong);
        }
        if command.at != self.count {
            return Err(Refusal::Late);
        }
        // One jog after the other is one hold, and no longer than any other.
        let since = self.outputs.jogged_since(command.device);
        let since = since.unwrap_or(self.now);
        let held = self.now.wrapping_sub(since);
        let left = u32::from(self.limits.hold_ms_max).saturating_sub(held);
        if u32::from(command.hold_ms_max) > left {
            return Err(Refusal::TooLong);
        }
        if let Some(held) = self.outputs.take_jog(Some(command.device)) {
            self.finish(held);
        }
        let stroke = Stroke {
            seq: command.seq,
            diverter: command.device,
            fire_at: command.at,
            hold: 1,
            hold_ms: command.hold_ms_max,
            jog: Some(since),
        };
        self.check_free(&stroke)?;
        self.switch_on(&stroke)
    }

    fn check_lead(&self, at: u32) -> Result<(), Refusal> {
        let ahead = i64::from(at.wrapping_sub(self.count).cast_signed());
        if ahead < i64::from(self.limits.lead_ticks_min.max(1)) {
            return Err(Refusal::Late);
        }
        if ahead > i64::from(self.limits.ahead_ticks_max) {
            return Err(Refusal::TooFar);
        }
        Ok(())
    }

    /// Refuses a stroke that would be on together with another of its own diverter or of the
    /// opposite one. One may begin at the count at which the other ends.
    fn check_free(&self, stroke: &Stroke) -> Result<(), Refusal> {
        let ahead = |at: u32| i64::from(at.wrapping_sub(self.count).cast_signed());
        let begin = ahead(stroke.fire_at);
        let end = begin.saturating_add(i64::from(stroke.hold));
        let waiting = self.strokes.iter().map(|other| {
            let from = ahead(other.fire_at);
            (
                other.diverter,
                from,
                from.saturating_add(i64::from(other.hold)),
            )
        });
        let running = self
            .outputs
            .running()
            .map(|(diverter, end)| (diverter, 0, ahead(end)));
        for (diverter, from, to) in waiting.chain(running) {
            if begin >= to || end <= from {
                continue;
            }
            if diverter == stroke.diverter {
                return Err(Refusal::Overlap);
            }
            if self.outputs.are_opposed(diverter, stroke.diverter) {
                return Err(Refusal::Opposite);
            }
        }
        Ok(())
    }

    /// Executes a control request that was checked.
    pub(crate) fn take_control(&mut self, control: Control) {
        self.lease.control = match control.request {
            ControlRequest::Arm => self.arm(control),
            ControlRequest::Disarm if self.lease.is_held_against(control.owner) => {
                ControlResult::Owned
            }
            ControlRequest::Disarm => {
                if self.lease.is_armed() {
                    self.halt(Cause::Controller);
                }
                ControlResult::Done
            }
            ControlRequest::Reset => self.reset(),
        };
    }

    fn arm(&mut self, control: Control) -> ControlResult {
        if self.stop.open {
            return ControlResult::StopOpen;
        }
        if self.stop.latched {
            return ControlResult::Latched;
        }
        if self.lease.is_held_against(control.owner) {
            return ControlResult::Owned;
        }
        self.lease
            .begin(control.owner, control.watchdog_ms, self.now);
        self.begin_epoch(Cause::Controller);
        ControlResult::Done
    }

    fn reset(&mut self) -> ControlResult {
        if self.stop.open {
            return ControlResult::StopOpen;
        }
        self.stop.latched = false;
        while let Some(eye) = self.eyes.take_reset() {
            self.tell(EventKind::JamReset, eye, 0, 0);
        }
        ControlResult::Done
    }

    pub(crate) fn take_heartbeat(&mut self) {
        let Heartbeat { owner, counter } = Heartbeat::decode(self.heartbeat);
        self.lease.beat(owner, counter, self.now);
    }
}
