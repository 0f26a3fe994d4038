//! How requests and replies travel: the header of Modbus TCP, or the checksum of Modbus RTU.
//! Pure.

use crate::pdu::{Defect, EXCEPTION_LENGTH, Reply, Request};

/// How requests are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Header with transaction, length and unit (MODBUS Messaging on TCP/IP V1.0b, section 3.1).
    Tcp,
    /// Unit before, checksum behind (MODBUS over Serial Line V1.02, section 2.5.1).
    Rtu,
}

/// Transaction (2), protocol (2), length (2), unit (1).
const HEADER: usize = 7;
/// Unit before and checksum behind.
const RTU_REST: usize = 3;

/// One request on its way, and what its reply must look like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) framing: Framing,
    /// Number that the reply must carry; of no meaning in RTU.
    pub(crate) transaction: u16,
    pub(crate) unit: u8,
    pub(crate) request: &'a Request,
}

impl Exchange<'_> {
    /// The frame to send.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let pdu = self.request.encode();
        match self.framing {
            Framing::Tcp => {
                let length = u16::try_from(pdu.len() + 1).unwrap_or(u16::MAX);
                let mut frame = Vec::with_capacity(HEADER + pdu.len());
                for word in [self.transaction, 0, length] {
                    frame.extend(word.to_be_bytes());
                }
                frame.push(self.unit);
                frame.extend(pdu);
                frame
            }
            Framing::Rtu => {
                let mut frame = Vec::with_capacity(RTU_REST + pdu.len());
                frame.push(self.unit);
                frame.extend(pdu);
                frame.extend(crc(&frame).to_le_bytes());
                frame
            }
        }
    }

    /// Looks at what has come so far: `None` while the reply is not whole. What cannot become the
    /// reply is refused as early as it shows.
    pub(crate) fn decode(&self, received: &[u8]) -> Option<Result<Reply, Defect>> {
        match self.framing {
            Framing::Tcp => self.decode_tcp(received),
            Framing::Rtu => self.decode_rtu(received),
        }
    }

    fn decode_tcp(&self, received: &[u8]) -> Option<Result<Reply, Defect>> {
        let (header, pdu) = received.split_first_chunk::<HEADER>()?;
        let [t1, t2, p1, p2, l1, l2, unit] = *header;
        let length = usize::from(u16::from_be_bytes([l1, l2]));
        let expected = [EXCEPTION_LENGTH, self.request.reply_length()];
        let wrong = if [p1, p2] != [0, 0] {
            Some("another protocol")
        } else if u16::from_be_bytes([t1, t2]) != self.transaction {
            Some("another transaction")
        } else if unit != self.unit {
            Some("another unit")
        } else if !expected.contains(&length.saturating_sub(1)) {
            Some("frame of another length")
        } else {
            None
        };
        if let Some(text) = wrong {
            return Some(Err(Defect::Nonsense(text)));
        }
        let whole = length.saturating_sub(1);
        match pdu.len().cmp(&whole) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(self.request.decode(pdu)),
            std::cmp::Ordering::Greater => Some(Err(TRAILING)),
        }
    }

    fn decode_rtu(&self, received: &[u8]) -> Option<Result<Reply, Defect>> {
        let &[unit, function, ..] = received else {
            return None;
        };
        let length = if function == self.request.function() | 0x80 {
            EXCEPTION_LENGTH
        } else {
            self.request.reply_length()
        };
        let frame = received.get(..RTU_REST + length)?;
        if received.len() > frame.len() {
            return Some(Err(TRAILING));
        }
        let (body, sum) = frame.split_last_chunk::<2>()?;
        let wrong = if crc(body) != u16::from_le_bytes(*sum) {
            "wrong checksum"
        } else if unit == self.unit {
            return body.get(1..).map(|pdu| self.request.decode(pdu));
        } else {
            "another unit"
        };
        Some(Err(Defect::Nonsense(wrong)))
    }
}

const TRAILING: Defect = Defect::Nonsense("more bytes than the reply has");

/// The checksum of Modbus RTU (MODBUS over Serial Line V1.02, section 6.2.2).
pub(crate) fn crc(bytes: &[u8]) -> u16 {
    let shift = |sum: u16| {
        if sum & 1 == 1 {
            sum >> 1 ^ 0xA001
        } else {
            sum >> 1
        }
    };
    bytes.iter().fold(0xFFFF, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| shift(sum))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdu::Table;

    fn read() -> Request {
        Request::Read {
            table: Table::Holding,
            address: 0x6B,
            count: 2,
        }
    }

    fn exchange(framing: Framing, request: &Request) -> Exchange<'_> {
        Exchange {
            framing,
            transaction: 0x1501,
            unit: 0x11,
            request,
        }
    }

    const TCP: [u8; 13] = [0x15, 1, 0, 0, 0, 7, 0x11, 3, 4, 0, 1, 0, 2];

    fn rtu() -> Vec<u8> {
        let mut frame = vec![0x11, 3, 4, 0, 1, 0, 2];
        frame.extend(crc(&frame).to_le_bytes());
        frame
    }

    #[test]
    fn checksum_is_that_of_the_standard() {
        // MODBUS over Serial Line V1.02, appendix B: 02 07 gives 1241 hexadecimal.
        assert_eq!(crc(&[2, 7]), 0x1241);
    }

    #[test]
    fn frames_are_written() {
        let request = read();
        assert_eq!(
            exchange(Framing::Tcp, &request).encode(),
            [0x15, 1, 0, 0, 0, 6, 0x11, 3, 0, 0x6B, 0, 2]
        );
        let frame = exchange(Framing::Rtu, &request).encode();
        assert_eq!(frame[..6], [0x11, 3, 0, 0x6B, 0, 2]);
        assert_eq!(
            crc(&frame),
            0,
            "a frame with its checksum sums up to nothing"
        );
    }

    #[test]
    fn replies_are_whole_at_their_last_byte_and_no_longer_after_it() {
        let request = read();
        let rtu = rtu();
        for (framing, frame) in [(Framing::Tcp, TCP.as_slice()), (Framing::Rtu, &rtu)] {
            let exchange = exchange(framing, &request);
            for length in 0..frame.len() {
                assert_eq!(
                    exchange.decode(&frame[..length]),
                    None,
                    "{framing:?} {length}"
                );
            }
            assert_eq!(exchange.decode(frame), Some(Ok(Reply::Words(vec![1, 2]))));
            let longer = [frame, &[0]].concat();
            assert_eq!(exchange.decode(&longer), Some(Err(TRAILING)), "{framing:?}");
        }
    }

    #[test]
    fn no_flipped_bit_in_a_header_or_rtu_frame_gives_data() {
        let request = read();
        let rtu = rtu();
        // TCP has no checksum: flipped data are data. Header, function and byte count are not.
        for (framing, frame, bits) in [
            (Framing::Tcp, TCP.as_slice(), 9 * 8),
            (Framing::Rtu, &rtu, rtu.len() * 8),
        ] {
            for bit in 0..bits {
                let mut flipped = frame.to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let read = exchange(framing, &request).decode(&flipped);
                assert!(
                    !matches!(read, Some(Ok(_))),
                    "{framing:?} bit {bit}: {read:?}"
                );
            }
        }
    }
}
