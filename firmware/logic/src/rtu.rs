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
