//! Any pixels through the whole ladder: symbols or a no-read, never a crash.

#![no_main]

use std::cell::RefCell;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use sortline_capture::{Clock, Frame, Grey, Options, Reader};

thread_local! {
    static READER: RefCell<Option<Reader>> = const { RefCell::new(None) };
}

/// Time stands still: how far the ladder climbs must not depend on the machine.
fn still() -> Duration {
    Duration::ZERO
}

fuzz_target!(|bytes: &[u8]| {
    let [scale, width, pattern @ ..] = bytes else {
        return;
    };
    // Each byte becomes a square, so that few bytes make modules of a plausible size.
    let (scale, columns) = (usize::from(scale % 6) + 1, usize::from(*width).max(1));
    let rows = pattern.len() / columns;
    if rows == 0 || rows * columns * scale * scale > 512 * 512 {
        return;
    }
    let mut data = Vec::with_capacity(rows * columns * scale * scale);
    for y in 0..rows * scale {
        for x in 0..columns * scale {
            data.push(pattern[y / scale * columns + x / scale]);
        }
    }
    let size = |n: usize| u32::try_from(n * scale).unwrap();
    let pixels = Grey::new(size(columns), size(rows), data).unwrap();
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
        assert!(result.symbols.is_empty() || result.symbols.iter().all(|s| !s.text.is_empty()));
    });
});
