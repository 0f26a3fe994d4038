//! Modbus RTU: requests out of the bytes of a serial line, replies into them (MODBUS over Serial
//! Line V1.02, section 2.5.1).
//!
//! A request ends where its function code says that it does, so that it is answered at once and
//! lines without a sense of time work too. Anything else is discarded until the line has been
//! silent. Requests to other units and broadcasts are not answered and change nothing.

use crate::PDU_MAX;

/// Longest frame: unit, request or reply, check.
pub const ADU_MAX: usize = 256;
const _: () = assert!(ADU_MAX == PDU_MAX + 3);

/// Function codes whose requests are 8 bytes long, and those that carry their length.
const FIXED: usize = 8;

/// Puts the bytes of the line together.
#[derive(Debug)]
pub struct Receiver {
    unit: u8,
    buffer: [u8; ADU_MAX],
    held: usize,
    crc: u16,
    /// Discards everything until the line has been silent.
    lost: bool,
}

impl Receiver {
    /// Listens for requests to `unit`, 1 to 247.
    #[must_use]
    pub const fn new(unit: u8) -> Self {
        Self {
            unit,
            buffer: [0; ADU_MAX],
            held: 0,
            crc: START,
            lost: false,
        }
    }

    /// A byte came. Gives the request, function code and data, when it is complete.
    pub fn push(&mut self, byte: u8) -> Option<&[u8]> {
        if self.lost {
            return None;
        }
        let Some(place) = self.buffer.get_mut(self.held) else {
            self.lost = true;
            return None;
        };
        *place = byte;
        self.held = self.held.saturating_add(1);
        self.crc = advance(self.crc, byte);
        if self.length() != Some(self.held) {
            return None;
        }
        let sound = self.crc == 0;
        // What follows a damaged frame at once could be its rest.
        self.lost = !sound;
        self.take(sound)
    }

    /// The line has been silent for 3.5 characters or more: whatever comes next is a new frame.
    /// Gives the request if what came before was whole, but of a function code that is not known.
    pub fn silence(&mut self) -> Option<&[u8]> {
        let unknown = !matches!(self.buffer.get(1), Some(1..=6 | 15 | 16 | 23));
        let whole = !self.lost && self.held >= 4 && self.crc == 0 && unknown;
        self.lost = false;
        self.take(whole)
    }

    /// True when bytes were taken since the last request or silence.
    #[must_use]
    pub const fn is_amid(&self) -> bool {
        self.held != 0 || self.lost
    }

    fn take(&mut self, sound: bool) -> Option<&[u8]> {
        let end = self.held.saturating_sub(2);
        self.held = 0;
        self.crc = START;
        let ours = self.buffer.first() == Some(&self.unit);
        self.buffer.get(1..end).filter(|_| sound && ours)
    }

    /// Length of the frame, as far as its beginning tells; `None` for a function code that is not
    /// known, or when the beginning is not there yet.
    fn length(&self) -> Option<usize> {
        let counted = |at: usize, fixed: usize| {
            let count = self.buffer.get(at).filter(|_| self.held > at)?;
            Some(fixed.saturating_add(usize::from(*count)))
        };
        match self.buffer.get(1).filter(|_| self.held > 1)? {
            1..=6 => Some(FIXED),
            15 | 16 => counted(6, 9),
            23 => counted(10, 13),
            _ => None,
        }
    }
}

/// Frames a reply. Gives its length.
#[must_use]
pub fn frame(unit: u8, reply: &[u8], out: &mut [u8; ADU_MAX]) -> usize {
    let mut crc = START;
    let mut length: usize = 0;
    let body = core::iter::once(&unit).chain(reply.iter().take(PDU_MAX));
    for (place, byte) in out.iter_mut().zip(body) {
        *place = *byte;
        crc = advance(crc, *byte);
        length = length.saturating_add(1);
    }
    // The only little-endian value in Modbus.
    for (place, byte) in out.iter_mut().skip(length).zip(crc.to_le_bytes()) {
        *place = byte;
    }
    length.saturating_add(2)
}

const START: u16 = 0xFFFF;

/// CRC-16/MODBUS, one byte on. Over a frame with its check it comes out as 0.
fn advance(crc: u16, byte: u8) -> u16 {
    let mut crc = crc ^ u16::from(byte);
    for _ in 0..8 {
        let carry = crc & 1 == 1;
        crc >>= 1;
        if carry {
            crc ^= 0xA001;
        }
    }
    crc
}

/// A pause that ends a frame. With 115200 baud the standard asks for 1.75 ms (MODBUS over Serial
/// Line V1.02, section 2.5.1.1); a master that got no answer waits far longer than this before it
/// asks again.
const SILENCE_MS: u32 = 5;

/// A unit on the line: a request comes in, its reply goes out, one at a time. The board gives and
/// takes the bytes.
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
    pub fn wait(&mut self, now_ms: u32, answer: impl FnOnce(&[u8], &mut [u8; PDU_MAX]) -> usize) {
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
