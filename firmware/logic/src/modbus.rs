//! Modbus requests to the node and its replies, without transport (Modbus Application Protocol
//! V1.1b3, section 6).
//!
//! The field node answers untrusted bytes, so it parses them itself, by exact shape: the servers
//! of the public libraries panic or mis-size on some of them. Function codes 1 to 6, 15, 16, 23.
//! Coils and discrete inputs are the bits of the registers: bit `b` of register `r` is number
//! `16 r + b`.

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

type Reply = [u8; PDU_MAX];

impl Node {
    /// Answers one request: function code and data, without unit id, header or checksum. Returns
    /// the length of what it put into `reply`; 0 for an empty request, which has no answer.
    pub fn answer(&mut self, request: &[u8], reply: &mut Reply) -> usize {
        let Some((&function, data)) = request.split_first() else {
            return 0;
        };
        let answer = match function {
            1 | 2 => self.answer_read_bits(data, reply),
            3 | 4 => self.answer_read(data, reply),
            5 => self.answer_write_bit(data, reply),
            6 => self.answer_write_one(data, reply),
            15 => self.answer_write_bits(data, reply),
            16 => self.answer_write(data, reply),
            23 => self.answer_write_and_read(data, reply),
            _ => {
                put(reply, 0, &[function | 0x80, ILLEGAL_FUNCTION]);
                return 2;
            }
        };
        match answer {
            Ok(length) => {
                put(reply, 0, &[function]);
                length
            }
            Err(exception) => {
                put(reply, 0, &[function | 0x80, exception.code()]);
                2
            }
        }
    }

    fn answer_read_bits(&self, data: &[u8], reply: &mut Reply) -> Result<usize, Exception> {
        let (address, count) = address_and_count(data)?;
        if !(1..=BITS_READ_MAX).contains(&count) {
            return Err(Exception::IllegalValue);
        }
        let mut words = [0; BIT_WORDS_MAX];
        self.read_words_of_bits(address, count, &mut words)?;
        let bytes = count.div_ceil(8);
        // At most 2000 bits, so at most 250 bytes.
        put(reply, 1, &[u8::try_from(bytes).unwrap_or(u8::MAX)]);
        let first = usize::from(address & 0xF);
        let places = reply.iter_mut().skip(2).take(usize::from(bytes));
        for (place, at) in places.zip((first..).step_by(8)) {
            *place = byte_at(&words, at);
        }
        // Bits beyond the count are 0.
        let spare = u32::from(bytes.saturating_mul(8).saturating_sub(count));
        if let Some(last) = reply.get_mut(usize::from(bytes).saturating_add(1)) {
            *last &= u8::MAX.checked_shr(spare).unwrap_or(0);
        }
        Ok(usize::from(bytes).saturating_add(2))
    }

    fn answer_read(&self, data: &[u8], reply: &mut Reply) -> Result<usize, Exception> {
        let (address, count) = address_and_count(data)?;
        let mut words = [0; READ_MAX_LEN];
        let words = words
            .get_mut(..usize::from(count))
            .ok_or(Exception::IllegalValue)?;
        self.read(address, words)?;
        Ok(put_words(reply, words))
    }

    fn answer_write_bit(&mut self, data: &[u8], reply: &mut Reply) -> Result<usize, Exception> {
        let (address, value) = address_and_count(data)?;
        let on = match value {
            0 => 0,
            0xFF00 => 1,
            _ => return Err(Exception::IllegalValue),
        };
        self.write_bits(address, 1, &[on])?;
        put(reply, 1, data);
        Ok(5)
    }

    fn answer_write_one(&mut self, data: &[u8], reply: &mut Reply) -> Result<usize, Exception> {
        let (address, word) = address_and_count(data)?;
        self.write(address, &[word])?;
        put(reply, 1, data);
        Ok(5)
    }

    fn answer_write_bits(&mut self, data: &[u8], reply: &mut Reply) -> Result<usize, Exception> {
        let (head, values) = data.split_at_checked(5).ok_or(Exception::IllegalValue)?;
        let &[a, b, c, d, bytes] = head else {
            return Err(Exception::IllegalValue);
        };
        let (address, count) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let whole = usize::from(bytes) == values.len()
            && usize::from(count.div_ceil(8)) == values.len()
            && (1..=BITS_WRITE_MAX).contains(&count);
        if !whole {
            return Err(Exception::IllegalValue);
        }
        self.write_bits(address, count, values)?;
        put(reply, 1, &[a, b, c, d]);
        Ok(5)
    }

    fn answer_write(&mut self, data: &[u8], reply: &mut Reply) -> Result<usize, Exception> {
        let &[a, b, ref rest @ ..] = data else {
            return Err(Exception::IllegalValue);
        };
        let mut words = [0; WRITE_MAX_LEN];
        let words = written_words(rest, &mut words)?;
        self.write(u16::from_be_bytes([a, b]), words)?;
        put(reply, 1, data.get(..4).unwrap_or_default());
        Ok(5)
    }

    fn answer_write_and_read(
        &mut self,
        data: &[u8],
        reply: &mut Reply,
    ) -> Result<usize, Exception> {
        let (read, write) = data.split_at_checked(4).ok_or(Exception::IllegalValue)?;
        let &[a, b, ref rest @ ..] = write else {
            return Err(Exception::IllegalValue);
        };
        let mut words = [0; WRITE_MAX_LEN];
        let words = written_words(rest, &mut words)?;
        if words.len() > WRITE_WITH_READ_MAX {
            return Err(Exception::IllegalValue);
        }
        // Read before as well: a request that is refused has changed nothing.
        self.answer_read(read, reply)?;
        self.write(u16::from_be_bytes([a, b]), words)?;
        self.answer_read(read, reply)
    }

    /// Writes bits as the registers that they are in, in one write.
    fn write_bits(&mut self, address: u16, count: u16, values: &[u8]) -> Result<(), Exception> {
        let mut words = [0; BIT_WORDS_MAX];
        let words = self.read_words_of_bits(address, count, &mut words)?;
        let bits = values.iter().flat_map(|byte| {
            (0..8).map(move |bit| byte.checked_shr(bit).is_some_and(|rest| rest & 1 == 1))
        });
        for (at, on) in (usize::from(address & 0xF)..).zip(bits.take(usize::from(count))) {
            let bit = 1_u16.checked_shl(u32::try_from(at & 0xF).unwrap_or(0));
            if let (Some(word), Some(bit)) = (words.get_mut(at >> 4), bit) {
                *word = if on { *word | bit } else { *word & !bit };
            }
        }
        self.write(address >> 4, words)
    }

    /// Reads the registers that hold these bits.
    fn read_words_of_bits<'a>(
        &self,
        address: u16,
        count: u16,
        words: &'a mut [u16; BIT_WORDS_MAX],
    ) -> Result<&'a mut [u16], Exception> {
        let last = address
            .checked_add(count.saturating_sub(1))
            .ok_or(Exception::IllegalAddress)?;
        let first = address >> 4;
        let length = usize::from((last >> 4).saturating_sub(first)).saturating_add(1);
        let words = words.get_mut(..length).ok_or(Exception::IllegalValue)?;
        let mut from = first;
        for part in words.chunks_mut(READ_MAX_LEN) {
            self.read(from, part)?;
            from = from.saturating_add(READ_MAX);
        }
        Ok(words)
    }
}

const READ_MAX_LEN: usize = 125;
const WRITE_MAX_LEN: usize = 123;
const _: () = assert!(READ_MAX == 125 && WRITE_MAX == 123);
/// Most registers that function code 23 may write (section 6.17).
const WRITE_WITH_READ_MAX: usize = 121;
/// Most bits in one read (sections 6.1, 6.2) and in one write (section 6.11).
const BITS_READ_MAX: u16 = 2_000;
const BITS_WRITE_MAX: u16 = 1_968;
/// Registers that 2,000 bits lie in when they begin in the middle of one.
const BIT_WORDS_MAX: usize = 126;

fn address_and_count(data: &[u8]) -> Result<(u16, u16), Exception> {
    let &[a, b, c, d] = data else {
        return Err(Exception::IllegalValue);
    };
    Ok((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// The words behind a count and a number of bytes that agree with each other and with what is
/// there.
fn written_words<'a>(
    data: &[u8],
    words: &'a mut [u16; WRITE_MAX_LEN],
) -> Result<&'a [u16], Exception> {
    let &[c, d, bytes, ref values @ ..] = data else {
        return Err(Exception::IllegalValue);
    };
    let count = usize::from(u16::from_be_bytes([c, d]));
    let whole = usize::from(bytes) == values.len() && count.saturating_mul(2) == values.len();
    let words = words.get_mut(..count).filter(|_| whole);
    let words = words.ok_or(Exception::IllegalValue)?;
    for (word, value) in words.iter_mut().zip(values.chunks_exact(2)) {
        if let &[high, low] = value {
            *word = u16::from_be_bytes([high, low]);
        }
    }
    Ok(words)
}

/// The eight bits from bit `at` on.
fn byte_at(words: &[u16], at: usize) -> u8 {
    let word = |index: usize| words.get(index).copied().unwrap_or(0);
    let [a, b] = word((at >> 4).saturating_add(1)).to_be_bytes();
    let [c, d] = word(at >> 4).to_be_bytes();
    let shift = u32::try_from(at & 0xF).unwrap_or(0);
    let window = u32::from_be_bytes([a, b, c, d]).checked_shr(shift);
    let [.., byte] = window.unwrap_or(0).to_be_bytes();
    byte
}

/// Puts words behind their number of bytes; gives the reply's length.
fn put_words(reply: &mut Reply, words: &[u16]) -> usize {
    // At most 125 words, so at most 250 bytes.
    let bytes = words.len().saturating_mul(2);
    put(reply, 1, &[u8::try_from(bytes).unwrap_or(u8::MAX)]);
    let places = reply.get_mut(2..).unwrap_or_default().chunks_exact_mut(2);
    for (place, word) in places.zip(words) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    bytes.saturating_add(2)
}

fn put(reply: &mut Reply, offset: usize, bytes: &[u8]) {
    for (place, byte) in reply.iter_mut().skip(offset).zip(bytes) {
        *place = *byte;
    }
}
