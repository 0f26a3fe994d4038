//! What happens at a count: outputs that end and begin, camera pulses, and what came too late.

use sortline_regmap::{AckCode, EventKind, Refusal};

use crate::{Node, Stroke, Trigger, is_before, planted};

impl Node {
    /// Does what the present count asks for: first outputs that end, then what was jumped over,
    /// then what begins.
    pub(crate) fn act(&mut self) {
        let count = self.count;
        while let Some(ended) = self.outputs.take_ended(count) {
            self.finish(ended);
        }
        while let Some(stroke) = self
            .strokes
            .take_first(|stroke| is_before(stroke.fire_at, count))
        {
            if planted::is(40) {
                self.fire(stroke);
            } else {
                self.jumped(stroke.seq, stroke.diverter);
            }
        }
        while let Some(trigger) = self
            .triggers
            .take_first(|trigger| is_before(trigger.pulse.at, count))
        {
            self.jumped(trigger.seq, trigger.pulse.camera);
        }
        while let Some(stroke) = self.strokes.take_first(|stroke| stroke.fire_at == count) {
            self.fire(stroke);
        }
        while let Some(trigger) = self
            .triggers
            .take_first(|trigger| trigger.pulse.at == count)
        {
            self.pulse(trigger);
        }
        self.plan();
    }

    fn fire(&mut self, stroke: Stroke) {
        match self.switch_on(&stroke) {
            Ok(()) => self.answers.update(stroke.seq, AckCode::Fired, self.count),
            Err(refusal) => self.drop_command(stroke.seq, stroke.diverter, refusal),
        }
    }

    pub(crate) fn switch_on(&mut self, stroke: &Stroke) -> Result<(), Refusal> {
        self.outputs
            .switch_on(stroke, self.now, self.limits.hold_ms_max)?;
        let value = u32::from(stroke.seq);
        self.tell(EventKind::StrokeFired, stroke.diverter, 0, value);
        Ok(())
    }

    fn pulse(&mut self, trigger: Trigger) {
        let Trigger { seq, mut pulse } = trigger;
        // The board takes pulses after every count; a full queue means that it does not.
        pulse.number = pulse.number.wrapping_sub(planted::is(53).into());
        if self.pulses.insert(pulse) {
            self.answers.update(seq, AckCode::Fired, self.count);
            self.tell(EventKind::Triggered, pulse.camera, 0, pulse.number);
        } else {
            self.drop_command(seq, pulse.camera, Refusal::QueueFull);
        }
    }

    fn jumped(&mut self, seq: u16, device: u8) {
        self.health.jumped = self.health.jumped.wrapping_add(1);
        self.drop_command(seq, device, Refusal::Late);
    }

    pub(crate) fn drop_command(&mut self, seq: u16, device: u8, refusal: Refusal) {
        self.answers
            .update(seq, AckCode::Refused(refusal), self.count);
        self.tell(EventKind::Dropped, device, refusal.code(), u32::from(seq));
    }

    pub(crate) fn finish(&mut self, (diverter, seq): (u8, u16)) {
        self.answers.update(seq, AckCode::Done, self.count);
        if !planted::is(52) {
            self.tell(EventKind::StrokeDone, diverter, 0, u32::from(seq));
        }
    }
}
