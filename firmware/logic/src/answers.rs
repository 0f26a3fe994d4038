//! Answers to commands, kept so that a repeated command is answered and not done again.

use sortline_regmap::{ACK_WORDS, ACKS_MAX, Ack, AckCode, Command};

use crate::ring::copy_slots;

const ACKS: usize = 128;
const _: () = assert!(ACKS_MAX == 128);

#[derive(Debug)]
pub(crate) struct Answers {
    slots: [Option<(Command, Ack)>; ACKS],
}

impl Answers {
    pub(crate) const fn new() -> Self {
        Self {
            slots: [None; ACKS],
        }
    }

    /// The answer to exactly this command, when it was given before.
    pub(crate) fn find(&self, command: &Command) -> Option<Ack> {
        let (known, ack) = self.get(command.seq)?;
        (known == *command).then_some(ack)
    }

    /// The answer under this number, whatever the command was.
    pub(crate) fn result(&self, seq: u16) -> Option<AckCode> {
        let (_, ack) = self.get(seq)?;
        (ack.seq == seq).then_some(ack.result)
    }

    pub(crate) fn put(&mut self, command: Command, ack: Ack) {
        if let Some(slot) = self.slots.get_mut(index(command.seq)) {
            *slot = Some((command, ack));
        }
    }

    /// Notes what became of a command, unless its slot was taken over by a later one.
    pub(crate) fn update(&mut self, seq: u16, result: AckCode, at: u32) {
        if let Some(Some((_, ack))) = self.slots.get_mut(index(seq))
            && ack.seq == seq
        {
            ack.result = result;
            ack.at = at;
        }
    }

    /// Copies the answers' registers from `offset` on.
    pub(crate) fn copy(&self, offset: usize, out: &mut [u16]) {
        let slots = self.slots.iter().skip(offset.wrapping_div(ACK_WORDS));
        let words = |slot: &Option<(Command, Ack)>| slot.map_or([0; 4], |(_, ack)| ack.encode());
        copy_slots(slots, words, offset.wrapping_rem(ACK_WORDS), out);
    }

    fn get(&self, seq: u16) -> Option<(Command, Ack)> {
        *self.slots.get(index(seq))?
    }
}

fn index(seq: u16) -> usize {
    usize::from(seq & 0x7F)
}
