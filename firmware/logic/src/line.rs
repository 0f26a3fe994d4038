//! A unit on a serial line: a request comes in, its reply goes out, one at a time. The board gives
//! and takes the bytes.

use crate::PDU_MAX;
use crate::rtu::{ADU_MAX, Receiver, frame};

/// A pause that ends a frame. With 115200 baud the standard asks for 1.75 ms (MODBUS over Serial
/// Line V1.02, section 2.5.1.1); a master that got no answer waits far longer than this before it
/// asks again.
const SILENCE_MS: u32 = 5;

/// One end of the line.
#[derive(Debug)]
pub struct Line {
    unit: u8,
    receiver: Receiver,
    /// When the last byte came.
    heard_ms: u32,
    out: [u8; ADU_MAX],
    length: usize,
    sent: usize,
}

impl Line {
    /// Answers requests to `unit`, 1 to 247.
    #[must_use]
    pub const fn new(unit: u8) -> Self {
        Self {
            unit,
            receiver: Receiver::new(unit),
            heard_ms: 0,
            out: [0; ADU_MAX],
            length: 0,
            sent: 0,
        }
    }

    /// A byte came, at a time in milliseconds. `answer` puts the reply to a request into the
    /// buffer and gives its length. A byte that comes while a reply goes out is discarded: call
    /// this only when [`Line::is_done`], if the hardware can hold it back.
    pub fn hear(
        &mut self,
        byte: u8,
        now_ms: u32,
        answer: impl FnOnce(&[u8], &mut [u8; PDU_MAX]) -> usize,
    ) {
        self.heard_ms = now_ms;
        if !self.is_done() {
            return;
        }
        if let Some(request) = self.receiver.push(byte) {
            let mut reply = [0; PDU_MAX];
            let length = answer(request, &mut reply);
            self.send(&reply, length);
        }
    }

    /// Nothing came, up to a time in milliseconds. A pause ends what came before, which is
    /// answered when it was whole.
    pub fn wait(
        &mut self,
        now_ms: u32,
        answer: impl FnOnce(&[u8], &mut [u8; PDU_MAX]) -> usize,
    ) {
        let was_silent = now_ms.wrapping_sub(self.heard_ms) >= SILENCE_MS;
        if was_silent
            && self.receiver.is_amid()
            && let Some(request) = self.receiver.silence()
        {
            let mut reply = [0; PDU_MAX];
            let length = answer(request, &mut reply);
            self.send(&reply, length);
        }
    }

    /// The next byte of the reply, when the hardware has room for one.
    pub fn take(&mut self) -> Option<u8> {
        let byte = self.out.get(..self.length)?.get(self.sent).copied()?;
        self.sent = self.sent.saturating_add(1);
        Some(byte)
    }

    /// True when no reply is on its way out.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.sent == self.length
    }

    fn send(&mut self, reply: &[u8; PDU_MAX], length: usize) {
        let reply = reply.get(..length).unwrap_or_default();
        self.length = frame(self.unit, reply, &mut self.out);
        self.sent = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads of two registers at address 0 of unit 1 and its answer, by another implementation.
    const REQUEST: [u8; 8] = [1, 3, 0, 0, 0, 2, 0xC4, 0x0B];
    const REPLY: [u8; 5] = [3, 2, 0, 7, 0];

    fn answer(request: &[u8], reply: &mut [u8; PDU_MAX]) -> usize {
        assert_eq!(request, &REQUEST[1..6]);
        reply[..5].copy_from_slice(&REPLY);
        5
    }

    fn never(request: &[u8], _reply: &mut [u8; PDU_MAX]) -> usize {
        panic!("answered {request:02x?}");
    }

    fn sent(line: &mut Line) -> usize {
        core::iter::from_fn(|| line.take()).count()
    }

    #[test]
    fn one_request_one_reply() {
        let mut line = Line::new(1);
        for byte in REQUEST {
            assert!(line.is_done());
            line.hear(byte, 0, answer);
        }
        assert!(!line.is_done());
        assert_eq!(line.take(), Some(1), "the unit");
        // A master that talks while it is answered is not heard.
        for byte in REQUEST {
            line.hear(byte, 1, never);
        }
        assert_eq!(sent(&mut line), 7);
        assert!(line.is_done());
        assert_eq!(line.take(), None);
    }

    #[test]
    fn a_pause_ends_a_frame() {
        let mut line = Line::new(1);
        for byte in &REQUEST[..5] {
            line.hear(*byte, 100, never);
        }
        line.wait(104, never);
        for byte in REQUEST {
            line.hear(byte, 104, never);
        }
        // Garbage so far, discarded up to the pause.
        line.wait(109, never);
        for byte in REQUEST {
            line.hear(byte, 109, answer);
        }
        assert_eq!(sent(&mut line), 8);
    }
}
