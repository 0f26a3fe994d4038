//! Modbus requests to the node and its replies, without transport (Modbus Application Protocol
//! V1.1b3, section 6).
//!
//! The field node answers untrusted bytes, so it parses them itself, by exact shape: the servers
//! of the public libraries panic or mis-size on some of them. Function codes 3, 4, 6 and 16.

use sortline_regmap::{READ_MAX, WRITE_MAX};

use crate::{Exception, Node};

/// Longest request or reply without the transport's frame.
pub const PDU_MAX: usize = 253;

const ILLEGAL_FUNCTION: u8 = 1;

impl Exception {
    /// Code on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::IllegalAddress => 2,
            Self::IllegalValue => 3,
        }
    }
}

impl Node {
    /// Answers one request: function code and data, without unit id, header or checksum. Returns
    /// the length of what it put into `reply`; 0 for an empty request, which has no answer.
    pub fn answer(&mut self, request: &[u8], reply: &mut [u8; PDU_MAX]) -> usize {
        let Some((&function, data)) = request.split_first() else {
            return 0;
        };
        let answer = match function {
            3 | 4 => self.answer_read(data, reply),
            6 => self.answer_write_one(data, reply),
            16 => self.answer_write(data, reply),
            _ => Err(ILLEGAL_FUNCTION),
        };
        match answer {
            Ok(length) => {
                put(reply, 0, &[function]);
                length
            }
            Err(code) => {
                put(reply, 0, &[function | 0x80, code]);
                2
            }
        }
    }

    fn answer_read(&mut self, data: &[u8], reply: &mut [u8; PDU_MAX]) -> Result<usize, u8> {
        let &[a, b, c, d] = data else {
            return Err(Exception::IllegalValue.code());
        };
        let count = u16::from_be_bytes([c, d]);
        let mut words = [0; READ_MAX_LEN];
        let words = words
            .get_mut(..usize::from(count))
            .ok_or(Exception::IllegalValue.code())?;
        self.read(u16::from_be_bytes([a, b]), words)
            .map_err(Exception::code)?;
        // At most 125 words, so at most 250 bytes.
        let bytes = usize::from(count).saturating_mul(2);
        put(reply, 1, &[u8::try_from(bytes).unwrap_or(u8::MAX)]);
        for (place, word) in reply
            .get_mut(2..)
            .unwrap_or_default()
            .chunks_exact_mut(2)
            .zip(words)
        {
            place.copy_from_slice(&word.to_be_bytes());
        }
        Ok(bytes.saturating_add(2))
    }

    fn answer_write_one(&mut self, data: &[u8], reply: &mut [u8; PDU_MAX]) -> Result<usize, u8> {
        let &[a, b, c, d] = data else {
            return Err(Exception::IllegalValue.code());
        };
        let word = u16::from_be_bytes([c, d]);
        self.write(u16::from_be_bytes([a, b]), &[word])
            .map_err(Exception::code)?;
        put(reply, 1, data);
        Ok(5)
    }

    fn answer_write(&mut self, data: &[u8], reply: &mut [u8; PDU_MAX]) -> Result<usize, u8> {
        let &[a, b, c, d, bytes, ref values @ ..] = data else {
            return Err(Exception::IllegalValue.code());
        };
        let count = u16::from_be_bytes([c, d]);
        let whole = usize::from(bytes) == values.len()
            && usize::from(count).saturating_mul(2) == values.len();
        let mut words = [0; WRITE_MAX_LEN];
        let words = words.get_mut(..usize::from(count)).filter(|_| whole);
        let words = words.ok_or(Exception::IllegalValue.code())?;
        for (word, value) in words.iter_mut().zip(values.chunks_exact(2)) {
            if let &[high, low] = value {
                *word = u16::from_be_bytes([high, low]);
            }
        }
        self.write(u16::from_be_bytes([a, b]), words)
            .map_err(Exception::code)?;
        put(reply, 1, &[a, b, c, d]);
        Ok(5)
    }
}

const READ_MAX_LEN: usize = 125;
const WRITE_MAX_LEN: usize = 123;
const _: () = assert!(READ_MAX == 125 && WRITE_MAX == 123);

fn put(reply: &mut [u8; PDU_MAX], offset: usize, bytes: &[u8]) {
    for (place, byte) in reply.iter_mut().skip(offset).zip(bytes) {
        *place = *byte;
    }
}
