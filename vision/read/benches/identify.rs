//! Time to recognise one number, to read one element string and to read one address.
//!
//! ```text
//! cargo bench -p sortline-read --bench identify
//! ```

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sortline_read::{carrier, gs1, identify};

/// Numbers of many carriers, and text that is no number.
const NUMBERS: &[&str] = &[
    "RB123456785GB",
    "1Z5R89390357567127",
    "420787459400111206206406260787",
    "9400111206206406260787",
    "986578788855",
    "1001921334250001000300779017972697",
    "008182709980000020033350276C",
    "TBA502887274000",
    "LP00123456789012",
    "SF1234567890123",
    "395011010000000019",
    "JJD0146000012345678",
    "773012345678901",
    "CNPEKADEFRAAAUN60012001100123",
    "HELLO-WORLD",
];

fn numbers(criterion: &mut Criterion) {
    criterion.bench_function("identify 15 numbers", |bencher| {
        bencher.iter(|| {
            for text in NUMBERS {
                black_box(carrier::normal(black_box(text)).and_then(|number| identify(&number)));
            }
        });
    });
}

fn elements(criterion: &mut Criterion) {
    let text = "0039501101000000001942127610115\u{1d}403DE10115\u{1d}43211";
    criterion.bench_function("parse one element string", |bencher| {
        bencher.iter(|| gs1::parse(black_box(text)));
    });
}

criterion_group!(benches, numbers, elements);
criterion_main!(benches);
