//! Modbus TCP: the header before every request and reply (MODBUS Messaging on TCP/IP V1.0b,
//! section 3.1.3).

use crate::PDU_MAX;

/// Length of the header: transaction (2), protocol (2), length (2), unit (1).
pub const HEADER: usize = 7;
/// Longest frame.
pub const ADU_MAX: usize = 260;
const _: () = assert!(ADU_MAX == HEADER + PDU_MAX);

/// Length of the request behind this header; `None` when it is none of Modbus, and the stream can
/// not be understood any more.
#[must_use]
pub fn request_length(header: [u8; HEADER]) -> Option<usize> {
    let [_, _, protocol_hi, protocol_lo, length_hi, length_lo, _] = header;
    // The length counts the unit id as well.
    let length = usize::from(u16::from_be_bytes([length_hi, length_lo])).checked_sub(1)?;
    let sound = [protocol_hi, protocol_lo] == [0, 0] && (1..=PDU_MAX).contains(&length);
    sound.then_some(length)
}

/// Header of a reply of `length` bytes to the request with this header.
#[must_use]
pub fn reply_header(request: [u8; HEADER], length: usize) -> [u8; HEADER] {
    let [transaction_hi, transaction_lo, .., unit] = request;
    // A reply is at most `PDU_MAX` long.
    let length = u16::try_from(length.saturating_add(1)).unwrap_or(u16::MAX);
    let [length_hi, length_lo] = length.to_be_bytes();
    [
        transaction_hi,
        transaction_lo,
        0,
        0,
        length_hi,
        length_lo,
        unit,
    ]
}
