//! Frames of both transports, from literal bytes and from hostile ones.
#![cfg(test)]

use proptest::prelude::*;
use sortline_logic::rtu::{self, Receiver};
use sortline_logic::tcp;

/// Frames by the published example's check (MODBUS over Serial Line V1.02, appendix B).
fn framed(body: &[u8]) -> Vec<u8> {
    let mut out = [0; rtu::ADU_MAX];
    let length = rtu::frame(body[0], &body[1..], &mut out);
    out[..length].to_vec()
}

/// All requests that come out of the bytes, with a silence at the end.
fn receive(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut receiver = Receiver::new(1);
    let mut requests = Vec::new();
    for byte in bytes {
        requests.extend(receiver.push(*byte).map(<[u8]>::to_vec));
    }
    requests.extend(receiver.silence().map(<[u8]>::to_vec));
    assert!(!receiver.is_amid());
    requests
}

#[test]
fn check_is_that_of_other_implementations() {
    // From the libraries' defects in the reference: frames made by other programs.
    assert_eq!(framed(&[1, 5, 0x69, 0x6D, 0xDF, 0xD4])[6..], [0x19, 0xE4]);
    assert_eq!(
        framed(&[1, 0x10, 0, 0, 0, 2, 4])[7..],
        [0x09, 0xF3],
        "a request without its data"
    );
    assert_eq!(framed(&[1, 3, 0, 0, 0, 10])[6..], [0xC5, 0xCD]);
}

#[test]
fn requests_of_every_length() {
    for body in [
        &[1_u8, 3, 0, 0, 0, 2] as &[u8],
        &[1, 1, 0, 0, 0, 2],
        &[1, 5, 0, 0, 0xFF, 0],
        &[1, 6, 0, 180, 1, 2],
        &[1, 16, 0, 180, 0, 1, 2, 1, 2],
        &[1, 15, 0, 180, 0, 1, 1, 1],
        &[1, 23, 0, 0, 0, 1, 0, 180, 0, 1, 2, 1, 2],
    ] {
        let bytes = framed(body);
        assert_eq!(receive(&bytes), [&body[1..]], "{body:02x?}");
        // Two at once, and byte by byte with nothing in between, are two.
        assert_eq!(receive(&[bytes.clone(), bytes.clone()].concat()).len(), 2);
        for broken in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[broken / 8] ^= 1 << (broken % 8);
            assert_eq!(
                receive(&bytes),
                [] as [&[u8]; 0],
                "bit {broken} of {body:02x?}"
            );
        }
        for short in 0..bytes.len() {
            assert_eq!(receive(&bytes[..short]), [] as [&[u8]; 0]);
        }
        let mut other = body.to_vec();
        other[0] = 2;
        assert_eq!(receive(&framed(&other)), [] as [&[u8]; 0]);
        other[0] = 0;
        assert_eq!(receive(&framed(&other)), [] as [&[u8]; 0], "a broadcast");
    }
}

#[test]
fn unknown_function_is_known_by_the_silence_behind_it() {
    assert_eq!(receive(&framed(&[1, 0x2B, 14, 1, 0])), [[0x2B, 14, 1, 0]]);
    assert_eq!(receive(&framed(&[1, 7])), [[7]]);
    // Too short to be a frame, though its check is right.
    assert_eq!(receive(&framed(&[1])), [] as [&[u8]; 0]);
}

#[test]
fn after_damage_nothing_counts_until_silence() {
    let good = framed(&[1, 3, 0, 0, 0, 2]);
    let mut bad = good.clone();
    bad[3] ^= 1;
    let mut receiver = Receiver::new(1);
    for byte in bad.iter().chain(&good) {
        assert_eq!(receiver.push(*byte), None);
    }
    assert!(receiver.is_amid());
    assert_eq!(receiver.silence(), None);
    let last = good
        .iter()
        .filter_map(|byte| receiver.push(*byte).map(<[u8]>::to_vec));
    assert_eq!(last.count(), 1);
}

#[test]
fn known_functions_cut_short_are_discarded() {
    // A sound check on a frame that ends before the count of its bytes.
    for body in [
        &[1, 23][..],
        &[1, 16],
        &[1, 15, 0, 0, 0, 1],
        &[1, 3],
        &[1, 23, 0, 0, 0, 1],
    ] {
        assert!(receive(&framed(body)).is_empty(), "{body:02x?}");
    }
}

#[test]
fn frames_longer_than_any_are_discarded() {
    let mut receiver = Receiver::new(1);
    // Function code 23 with a byte count that makes 268.
    for byte in [1, 23, 0, 0, 0, 1, 0, 180, 0, 1, 255] {
        assert_eq!(receiver.push(byte), None);
    }
    for _ in 0..10_000 {
        assert_eq!(receiver.push(0), None);
    }
    assert_eq!(receiver.silence(), None);
    let good = framed(&[1, 3, 0, 0, 0, 2]);
    assert_eq!(
        good.iter()
            .filter(|byte| receiver.push(**byte).is_some())
            .count(),
        1
    );
}

#[test]
fn tcp_headers() {
    for (header, length) in [
        ([0, 1, 0, 0, 0, 6, 1], Some(5)),
        ([0xFF, 0xFF, 0, 0, 0, 254, 9], Some(253)),
        ([0, 1, 0, 0, 0, 255, 1], None),
        ([0, 1, 0, 0, 0, 1, 1], None),
        ([0, 1, 0, 0, 0, 0, 1], None),
        ([0, 1, 0, 1, 0, 6, 1], None),
        ([0, 1, 1, 0, 0, 6, 1], None),
        ([0, 1, 0, 0, 0xFF, 0xFF, 1], None),
    ] {
        assert_eq!(tcp::request_length(header), length, "{header:02x?}");
    }
    let reply = tcp::reply_header([0x12, 0x34, 0, 0, 0, 6, 9], 253);
    assert_eq!(reply, [0x12, 0x34, 0, 0, 0, 254, 9]);
}

proptest! {
    #[test]
    fn any_bytes_leave_the_line_usable(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut receiver = Receiver::new(1);
        for byte in bytes {
            receiver.push(byte);
        }
        receiver.silence();
        let good = framed(&[1, 3, 0, 0, 0, 2]);
        let requests = good.iter().filter(|byte| receiver.push(**byte).is_some()).count();
        prop_assert_eq!(requests, 1);
    }

    #[test]
    fn every_sound_frame_is_received_or_known_to_be_odd(
        body in prop::collection::vec(any::<u8>(), 1..254)
    ) {
        let bytes = framed(&[&[1], body.as_slice()].concat());
        let requests = receive(&bytes);
        let exact = match (body[0], body.len()) {
            (1..=6, length) => length == 5,
            (15 | 16, length) => length > 5 && length == 6 + usize::from(body[5]),
            (23, length) => length > 9 && length == 10 + usize::from(body[9]),
            _ => true,
        };
        if exact {
            prop_assert_eq!(requests, [body]);
        } else {
            prop_assert!(requests.is_empty() || requests[0].len() < body.len());
        }
    }
}
