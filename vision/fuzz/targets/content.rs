//! Any text as the content of every kind of symbol: identifiers that hold, or none.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sortline_read::{
    Evidence, Policy, Symbol, SymbolFormat, bounded, carrier, fuse, gs1, identify, plausible,
};

const FORMATS: [SymbolFormat; 8] = [
    SymbolFormat::Code128,
    SymbolFormat::Code39,
    SymbolFormat::Itf,
    SymbolFormat::EAN13,
    SymbolFormat::QRCode,
    SymbolFormat::DataMatrix,
    SymbolFormat::PDF417,
    SymbolFormat::MaxiCode,
];

fuzz_target!(|text: &str| {
    let text = bounded(text);
    drop(identify(&text));
    drop(carrier::recognize(&text));
    drop(gs1::digital_link(&text));
    for format in FORMATS {
        for gs1 in [false, true] {
            let symbol = Symbol {
                format,
                text: text.clone(),
                gs1,
                corners: [[0, 0], [9, 0], [9, 9], [0, 9]],
            };
            if plausible(&symbol) {
                let evidence = Evidence {
                    symbols: vec![symbol],
                    ..Evidence::default()
                };
                let result = fuse(evidence, Policy::default());
                assert!(
                    result
                        .identifiers
                        .iter()
                        .all(|found| !found.value.is_empty())
                );
            }
        }
    }
});
