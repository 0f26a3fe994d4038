//! Any bytes as a picture file: decoded within the limits and read, or refused.

#![no_main]

use std::cell::RefCell;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use sortline_capture::{Clock, Frame, Options, Reader, decode};

thread_local! {
    static READER: RefCell<Option<Reader>> = const { RefCell::new(None) };
}

/// Time stands still: how far the ladder climbs must not depend on the machine.
fn still() -> Duration {
    Duration::ZERO
}

fuzz_target!(|bytes: &[u8]| {
    // Larger pictures take longer and reach the same code.
    let Some(header) = sortline_capture::header(bytes) else {
        return;
    };
    if header.width.saturating_mul(header.height) > 512 * 512 {
        return;
    }
    let Ok(pixels) = decode(bytes) else { return };
    READER.with_borrow_mut(|reader| {
        let clock = Clock {
            monotonic: still,
            thread_cpu: still,
        };
        let options = Options {
            text: false,
            ..Options::default()
        };
        let reader = reader.get_or_insert_with(|| Reader::new(options, clock).unwrap());
        let frame = Frame::of(pixels, "");
        let result = reader.read(&frame);
        assert!(
            result
                .symbols
                .iter()
                .all(|s| s.text.chars().count() <= sortline_read::TEXT_MAX)
        );
    });
});
