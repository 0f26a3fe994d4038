//! Whatever a label holds, reading it ends, and what is put together comes apart again.

use proptest::prelude::*;
use sortline_read::gs1::{self, Element};
use sortline_read::{
    Evidence, Policy, Symbol, SymbolFormat, TextLine, bounded, carrier, fuse, identify, plate,
};

fn format() -> impl Strategy<Value = SymbolFormat> {
    prop::sample::select(vec![
        SymbolFormat::Code128,
        SymbolFormat::Itf,
        SymbolFormat::EAN13,
        SymbolFormat::DataBar,
        SymbolFormat::QRCode,
        SymbolFormat::DataMatrix,
        SymbolFormat::PDF417,
        SymbolFormat::MaxiCode,
    ])
}

/// Texts of any characters, and texts that look like what labels hold.
fn content() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[0-9\u{1d}()]{0,60}",
        "[\\[(>)\u{1e}\u{1d}\u{4}0-9A-Z]{0,80}",
        "[\\[{}\":,a-z0-9\\\\']{0,120}",
        "https?://[a-z./?=&%0-9]{0,80}",
        "[A-Z]{2}[0-9]{9}[A-Z]{2}",
        "\\[\\)>\u{1e}0[156]\u{1d}[0-9A-ZÄ\u{1d}]{0,80}",
    ]
}

fn element() -> impl Strategy<Value = Element> {
    let of = |ai: &str, value: String| Element {
        ai: ai.to_owned(),
        value,
    };
    prop_oneof![
        "[0-9]{17}".prop_map(move |body| {
            let check = sortline_read::check::gs1_digit(body.as_bytes()).unwrap_or(0);
            of("00", format!("{body}{check}"))
        }),
        "[0-9A-Z]{1,20}".prop_map(move |value| of("420", value)),
        "[0-9A-Z]{1,9}".prop_map(move |value| of("421", format!("276{value}"))),
        "[!-/0-9A-Za-z]{1,30}"
            .prop_filter("set 82", |text| !text.contains(['#', '$']))
            .prop_map(move |value| of("400", value)),
        Just(of("4307", "DE".to_owned())),
        "[0-9]{6}".prop_map(move |value| of("3102", value)),
        "[01]".prop_map(move |value| of("4321", value)),
    ]
}

proptest! {
    #[test]
    fn any_label_is_read(
        symbols in prop::collection::vec((format(), content(), any::<bool>()), 0..4),
        lines in prop::collection::vec(content(), 0..6),
    ) {
        let corners = [[0; 2]; 4];
        let symbols: Vec<Symbol> = symbols
            .into_iter()
            .map(|(format, text, gs1)| Symbol { format, text: bounded(&text), gs1, corners })
            .collect();
        let text = lines
            .into_iter()
            .map(|line| TextLine { line, confidence: 0.9, corners })
            .collect();
        let result = fuse(Evidence { symbols, text }, Policy::default());
        let usable = result.destination.is_some()
            || result.identifiers.iter().any(sortline_read::Identifier::names_parcel);
        prop_assert!(usable || result.no_read.is_some());
        for identifier in &result.identifiers {
            prop_assert!(identifier.value.len() <= 70, "{identifier:?}");
        }
    }

    #[test]
    fn any_text_is_a_number_or_not(text in any::<String>()) {
        let number = carrier::normal(&text);
        prop_assert!(number.as_ref().is_none_or(|number| number.len() <= carrier::NUMBER_MAX));
        let known = number.as_deref().and_then(identify);
        prop_assert!(known.is_none_or(|known| Some(known.value) == number));
        prop_assert!(plate::envelope(&text).is_none() || text.starts_with("[)>"));
    }

    #[test]
    fn element_strings_come_apart_again(elements in prop::collection::vec(element(), 1..8)) {
        let text = gs1::format(&elements);
        prop_assert_eq!(gs1::parse(&text), Ok(elements), "{:?}", text);
    }
}
