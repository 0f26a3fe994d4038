//! Modbus requests and their replies as bytes, without IO (MODBUS Application Protocol V1.1b3).
//!
//! A reply is checked against its request down to the last byte: function, lengths, the echo of a
//! write. What passes is the answer to this request as far as the protocol can tell; what does not
//! is a [`Defect`], never data.

/// The four tables of a Modbus device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Outputs of one bit; function 1.
    Coils,
    /// Inputs of one bit; function 2.
    Discretes,
    /// Registers that may be written; function 3.
    Holding,
    /// Registers that are read only; function 4.
    Inputs,
}

impl Table {
    /// Function code that reads it.
    pub const fn function(self) -> u8 {
        match self {
            Self::Coils => 1,
            Self::Discretes => 2,
            Self::Holding => 3,
            Self::Inputs => 4,
        }
    }

    /// Whether its elements are bits.
    pub const fn is_bits(self) -> bool {
        matches!(self, Self::Coils | Self::Discretes)
    }

    /// Elements that one read may ask for (sections 6.1 to 6.4).
    pub const fn read_max(self) -> u16 {
        if self.is_bits() { 2_000 } else { 125 }
    }

    /// Elements that one write may carry (sections 6.11, 6.12).
    pub const fn write_max(self) -> u16 {
        if self.is_bits() { 1_968 } else { 123 }
    }
}

/// What a master asks. Addresses are those on the wire, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Functions 1 to 4.
    Read {
        /// From where.
        table: Table,
        /// First element.
        address: u16,
        /// Elements, 1 to [`Table::read_max`].
        count: u16,
    },
    /// Function 5.
    WriteCoil {
        /// Which.
        address: u16,
        /// Level.
        on: bool,
    },
    /// Function 6.
    WriteRegister {
        /// Which.
        address: u16,
        /// Value.
        value: u16,
    },
    /// Function 15.
    WriteCoils {
        /// First.
        address: u16,
        /// Levels, 1 to 1,968.
        values: Vec<bool>,
    },
    /// Function 16.
    WriteRegisters {
        /// First.
        address: u16,
        /// Values, 1 to 123.
        values: Vec<u16>,
    },
    /// Function 8, sub-function 0: the device sends the word back.
    Echo {
        /// Any word.
        token: u16,
    },
}

/// What a device answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Bits read, as many as were asked for.
    Bits(Vec<bool>),
    /// Registers read, as many as were asked for.
    Words(Vec<u16>),
    /// A write or an echo was confirmed.
    Done,
}

/// Why bytes are no answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// The device refused.
    #[error("exception {0}")]
    Exception(u8),
    /// The bytes answer no such request.
    #[error("{0}")]
    Nonsense(&'static str),
}

/// Bytes of an exception: function and code.
pub(crate) const EXCEPTION_LENGTH: usize = 2;
const ON: u16 = 0xFF00;

impl Request {
    /// Function code.
    pub const fn function(&self) -> u8 {
        match self {
            Self::Read { table, .. } => table.function(),
            Self::WriteCoil { .. } => 5,
            Self::WriteRegister { .. } => 6,
            Self::Echo { .. } => 8,
            Self::WriteCoils { .. } => 15,
            Self::WriteRegisters { .. } => 16,
        }
    }

    /// Function code and data.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.function()];
        let mut word = |value: u16| bytes.extend(value.to_be_bytes());
        match self {
            Self::Read { address, count, .. } => {
                word(*address);
                word(*count);
            }
            Self::WriteCoil { address, on } => {
                word(*address);
                word(if *on { ON } else { 0 });
            }
            Self::WriteRegister { address, value } => {
                word(*address);
                word(*value);
            }
            Self::Echo { token } => {
                word(0);
                word(*token);
            }
            Self::WriteCoils { address, values } => {
                word(*address);
                word(count(values));
                let packed = pack(values);
                bytes.push(u8::try_from(packed.len()).unwrap_or(u8::MAX));
                bytes.extend(packed);
            }
            Self::WriteRegisters { address, values } => {
                word(*address);
                word(count(values));
                bytes.push(u8::try_from(values.len().saturating_mul(2)).unwrap_or(u8::MAX));
                bytes.extend(values.iter().flat_map(|value| value.to_be_bytes()));
            }
        }
        bytes
    }

    /// Bytes of a reply that is no exception.
    pub fn reply_length(&self) -> usize {
        match self {
            Self::Read { table, count, .. } if table.is_bits() => {
                2 + usize::from(*count).div_ceil(8)
            }
            Self::Read { count, .. } => 2 + usize::from(*count) * 2,
            Self::WriteCoil { .. }
            | Self::WriteRegister { .. }
            | Self::WriteCoils { .. }
            | Self::WriteRegisters { .. }
            | Self::Echo { .. } => 5,
        }
    }

    /// Reads the reply's function code and data.
    ///
    /// # Errors
    /// [`Defect::Exception`] when the device refused, [`Defect::Nonsense`] when this answers
    /// another request or none.
    pub fn decode(&self, reply: &[u8]) -> Result<Reply, Defect> {
        let (&function, data) = reply.split_first().ok_or(EMPTY)?;
        if function == self.function() | 0x80 {
            return match data {
                [code] => Err(Defect::Exception(*code)),
                _ => Err(Defect::Nonsense("exception of another length")),
            };
        }
        if function != self.function() {
            return Err(Defect::Nonsense("another function"));
        }
        if reply.len() != self.reply_length() {
            return Err(Defect::Nonsense("reply of another length"));
        }
        if let Self::Read { table, count, .. } = self {
            return read(*table, *count, data);
        }
        // A write is confirmed by its own first four bytes, an echo by all of it.
        let sent = self.encode();
        if sent.get(1..5) == Some(data) {
            Ok(Reply::Done)
        } else {
            Err(Defect::Nonsense("echo of another write"))
        }
    }
}

const EMPTY: Defect = Defect::Nonsense("empty reply");

fn read(table: Table, count: u16, data: &[u8]) -> Result<Reply, Defect> {
    let (&length, data) = data.split_first().ok_or(EMPTY)?;
    if usize::from(length) != data.len() {
        return Err(Defect::Nonsense("byte count of another length"));
    }
    if table.is_bits() {
        let bits = data
            .iter()
            .flat_map(|byte| (0..8).map(move |n| byte >> n & 1 == 1));
        Ok(Reply::Bits(bits.take(count.into()).collect()))
    } else {
        let (words, _) = data.as_chunks::<2>();
        Ok(Reply::Words(
            words.iter().map(|word| u16::from_be_bytes(*word)).collect(),
        ))
    }
}

fn count<T>(values: &[T]) -> u16 {
    u16::try_from(values.len()).unwrap_or(u16::MAX)
}

fn pack(values: &[bool]) -> Vec<u8> {
    let byte = |bits: &[bool]| {
        bits.iter()
            .rev()
            .fold(0, |byte, bit| byte << 1 | u8::from(*bit))
    };
    values.chunks(8).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Example = (Request, Vec<u8>, Vec<u8>, Reply);

    fn bits(bytes: &[u8], count: usize) -> Vec<bool> {
        let all = bytes
            .iter()
            .flat_map(|byte| (0..8).map(move |n| byte >> n & 1 == 1));
        all.take(count).collect()
    }

    // Requests and replies as printed in the examples of MODBUS Application Protocol V1.1b3,
    // sections 6.1, 6.3, 6.5, 6.6, 6.8, 6.11 and 6.12.
    fn reads() -> Vec<Example> {
        vec![
            (
                Request::Read {
                    table: Table::Coils,
                    address: 0x13,
                    count: 19,
                },
                vec![1, 0, 0x13, 0, 0x13],
                vec![1, 3, 0xCD, 0x6B, 0x05],
                Reply::Bits(bits(&[0xCD, 0x6B, 0x05], 19)),
            ),
            (
                Request::Read {
                    table: Table::Holding,
                    address: 0x6B,
                    count: 3,
                },
                vec![3, 0, 0x6B, 0, 3],
                vec![3, 6, 2, 0x2B, 0, 0, 0, 0x64],
                Reply::Words(vec![0x22B, 0, 100]),
            ),
        ]
    }

    fn writes() -> Vec<Example> {
        vec![
            (
                Request::WriteCoil {
                    address: 0xAC,
                    on: true,
                },
                vec![5, 0, 0xAC, 0xFF, 0],
                vec![5, 0, 0xAC, 0xFF, 0],
                Reply::Done,
            ),
            (
                Request::WriteRegister {
                    address: 1,
                    value: 3,
                },
                vec![6, 0, 1, 0, 3],
                vec![6, 0, 1, 0, 3],
                Reply::Done,
            ),
            (
                Request::Echo { token: 0xA537 },
                vec![8, 0, 0, 0xA5, 0x37],
                vec![8, 0, 0, 0xA5, 0x37],
                Reply::Done,
            ),
            (
                Request::WriteCoils {
                    address: 0x13,
                    values: bits(&[0xCD, 1], 10),
                },
                vec![15, 0, 0x13, 0, 10, 2, 0xCD, 1],
                vec![15, 0, 0x13, 0, 10],
                Reply::Done,
            ),
            (
                Request::WriteRegisters {
                    address: 1,
                    values: vec![10, 0x102],
                },
                vec![16, 0, 1, 0, 2, 4, 0, 10, 1, 2],
                vec![16, 0, 1, 0, 2],
                Reply::Done,
            ),
        ]
    }

    fn all() -> Vec<Example> {
        [reads(), writes()].concat()
    }

    #[test]
    fn requests_and_replies_are_those_of_the_standard() {
        for (request, sent, received, reply) in all() {
            assert_eq!(request.encode(), sent, "{request:?}");
            assert_eq!(request.reply_length(), received.len(), "{request:?}");
            assert_eq!(request.decode(&received), Ok(reply), "{request:?}");
        }
    }

    #[test]
    fn every_cut_and_every_longer_reply_is_refused() {
        for (request, _, received, _) in all() {
            for length in 0..received.len() {
                assert!(
                    request.decode(&received[..length]).is_err(),
                    "{request:?} {length}"
                );
            }
            for more in 1..5 {
                let longer = [received.as_slice(), &vec![0; more]].concat();
                assert!(request.decode(&longer).is_err(), "{request:?} {more}");
            }
        }
    }

    #[test]
    fn every_flipped_bit_of_function_length_or_echo_is_refused() {
        for (request, _, received, reply) in all() {
            // Of a read only the data may differ; of a write nothing.
            let fixed = if reply == Reply::Done {
                received.len()
            } else {
                2
            };
            for bit in 0..fixed * 8 {
                let mut flipped = received.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(request.decode(&flipped).is_err(), "{request:?} bit {bit}");
            }
        }
    }

    #[test]
    fn exceptions_are_told_with_their_code() {
        for (request, _, _, _) in all() {
            let function = request.function() | 0x80;
            for code in 0..=255 {
                assert_eq!(
                    request.decode(&[function, code]),
                    Err(Defect::Exception(code))
                );
            }
            assert!(matches!(
                request.decode(&[function, 1, 0]),
                Err(Defect::Nonsense(_))
            ));
            assert!(matches!(
                request.decode(&[function]),
                Err(Defect::Nonsense(_))
            ));
        }
    }
}
