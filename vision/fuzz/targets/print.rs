//! Any lines of print as an address: a place, candidates or nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sortline_read::{Evidence, Policy, TextLine, fuse};

fuzz_target!(|text: &str| {
    let line = |(number, text): (usize, &str)| {
        let top = i32::try_from(number.min(200)).unwrap() * 30;
        TextLine {
            line: text.to_owned(),
            confidence: 0.9,
            corners: [[0, top], [400, top], [400, top + 24], [0, top + 24]],
            ..TextLine::default()
        }
    };
    let text = text.lines().take(60).enumerate().map(line).collect();
    let result = fuse(
        Evidence {
            text,
            ..Evidence::default()
        },
        Policy::default(),
    );
    if let Some(destination) = result.destination {
        assert!((0.0..=1.0).contains(&destination.confidence));
    }
});
