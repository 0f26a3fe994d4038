//! Any bytes from a camera or a scanner, in pieces of any size.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sortline_capture::{PART_MAX, Parser};

fuzz_target!(|bytes: &[u8]| {
    let [size, bytes @ ..] = bytes else { return };
    let mut parser = Parser::new("frame");
    for piece in bytes.chunks(usize::from(*size).max(1)) {
        parser.push(piece);
        while let Ok(Some(part)) = parser.next_part() {
            assert!(part.body.len() <= PART_MAX);
        }
    }
});
