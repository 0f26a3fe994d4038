//! Whatever a label holds, reading it ends, and what is put together comes apart again.

use proptest::prelude::*;
use sortline_read::gs1::{self, Element};
use sortline_read::{
    Evidence, Policy, SoftText, Symbol, SymbolFormat, TextLine, bounded, carrier, folded, fuse,
    fuse_frames, identify, plate, postcode, text_evidence, upu,
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
            .map(|line| TextLine { line, confidence: 0.9, ..TextLine::default() })
            .collect();
        let result = fuse(Evidence { symbols, text, ..Evidence::default() }, Policy::default());
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

    #[test]
    fn every_parser_ends_on_any_text(text in hostile()) {
        let _elements = gs1::parse(&text).map(|elements| gs1::faults(&elements));
        let _printed = gs1::parse_printed(&text);
        let _link = gs1::digital_link(&text);
        let _link = gs1::digital_link(&format!("https://id.gs1.org/01/{text}"));
        let _field = plate::identified(&text);
        let _message = plate::carrier_message(&text);
        let _sort_code = plate::sort_code(&text);
        let _agency = plate::agency(&text);
        let _despatch = upu::despatch(&text);
        let _s10 = upu::s10(&text);
        let _countries = postcode::countries(&text);
        let line = TextLine { line: text.clone(), confidence: 0.9, ..TextLine::default() };
        let _evidence = text_evidence(&[line.clone(), line], None);
        prop_assert!(folded(&text).len() <= 4 * text.len());
        for country in ["DE", "GB", "SE", "AD"] {
            let country = sortline_read::Country::from_alpha2(country).unwrap();
            for found in postcode::find_all(country, &text, true) {
                prop_assert_eq!(postcode::normal(country, &found.code), Some(found.code.clone()));
            }
        }
    }

    #[test]
    fn the_order_of_frames_makes_no_difference(frames in frames(), turn in 0_usize..4) {
        let mut turned = frames.clone();
        let length = turned.len();
        turned.rotate_left(turn % length);
        turned.reverse();
        let (one, other) = (fuse_frames(&frames, policy()), fuse_frames(&turned, policy()));
        prop_assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&other).unwrap());
    }

    #[test]
    fn one_frame_never_outvotes_two(right in address(), wrong in address(), at in 0_usize..3) {
        let mut frames = vec![right.clone(), right.clone()];
        frames.insert(at, wrong.clone());
        let alone = |frame: &Evidence| fuse_frames(std::slice::from_ref(frame), policy()).destination;
        let (of_right, of_wrong) = (alone(&right), alone(&wrong));
        let found = fuse_frames(&frames, policy()).destination;
        let place = |to: &sortline_read::Destination| (to.country, to.postcode.clone());
        if let (Some(right), Some(wrong)) = (&of_right, &of_wrong)
            && place(right) != place(wrong)
        {
            prop_assert!(found.as_ref().is_none_or(|found| place(found) == place(right)));
        }
        if of_right.as_ref().map(place) == of_wrong.as_ref().map(place) && of_right.is_some() {
            prop_assert_eq!(found.as_ref().map(place), of_right.as_ref().map(place));
        }
    }

    #[test]
    fn what_contradicts_is_never_guessed(
        codes in prop::collection::vec("[1-9][0-9]{4}", 2..4),
        rest in 0_usize..3,
    ) {
        // Two SSCCs, each with its check digit, and two places in symbols, as often as one likes.
        let symbols: Vec<Symbol> = codes.iter().map(|code| sscc(code)).collect();
        let distinct = codes.iter().any(|code| code != &codes[0]);
        let mut frames: Vec<Evidence> = symbols
            .into_iter()
            .map(|symbol| Evidence { symbols: vec![symbol], ..Evidence::default() })
            .collect();
        frames.extend(vec![frames[0].clone(); rest]);
        let found = fuse_frames(&frames, policy());
        prop_assert_eq!(found.destination.is_none(), distinct);
        prop_assert_eq!(found.no_read == Some(sortline_read::NoRead::Conflict), distinct);
    }

    #[test]
    fn damaged_symbols_are_voted_or_left(
        text in "[A-Z]{2}[0-9]{9}[A-Z]{2}",
        holes in prop::collection::vec((0_usize..13, 0_usize..3), 0..6),
        odd in any::<f32>(),
    ) {
        let mut looks = vec![look(&text); 3];
        for (place, of) in holes {
            looks[of].places[place] = vec![('0', odd), ('5', 0.4), ('A', 0.3)];
        }
        let evidence = Evidence { soft: looks, ..Evidence::default() };
        let found = fuse(evidence, policy());
        for identifier in &found.identifiers {
            prop_assert!(identifier.valid && (0.0..=1.0).contains(&identifier.confidence));
        }
    }
}

fn policy() -> Policy {
    Policy::default()
}

/// A symbol with an SSCC made of the postcode that it also holds.
fn sscc(code: &str) -> Symbol {
    let body = format!("395011010000{code}");
    let check = sortline_read::check::gs1_digit(body.as_bytes()).unwrap_or(0);
    Symbol {
        format: SymbolFormat::Code128,
        text: format!("00{body}{check}421276{code}"),
        gs1: true,
        corners: [[0; 2]; 4],
    }
}

fn look(text: &str) -> SoftText {
    SoftText {
        format: SymbolFormat::Code128,
        gs1: false,
        places: text.chars().map(|c| vec![(c, 0.9)]).collect(),
        corners: [[0; 2]; 4],
    }
}

/// Control characters, brackets, escapes and scripts, up to 10 kB.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        content(),
        "[\u{0}-\u{20}\u{7f}0-9A-Z()%/=?&:.-]{0,300}",
        "[东北京市区中国号0-9 ,-]{0,80}",
        ("[0-9A-Z \u{1d}(%{]{1,8}", 1_usize..1500)
            .prop_map(|(part, times)| { part.repeat(times).chars().take(10_000).collect() }),
    ]
}

/// One frame with an address in print, and sometimes a symbol.
fn address() -> impl Strategy<Value = Evidence> {
    let place = prop::sample::select(vec![
        ["10115 Berlin", "GERMANY"],
        ["80331 MUNCHEN", "GERMANY"],
        ["75001 PARIS", "FRANCE"],
        ["00-950 WARSZAWA", "POLAND"],
        ["100020 北京市", "中国"],
    ]);
    (place, 0.6_f32..1.0, any::<bool>()).prop_map(|(place, confidence, headed)| {
        let heading = if headed { "SHIP TO" } else { "Erika Muster" };
        let text = [heading, place[0], place[1]].map(|line| TextLine {
            line: line.to_owned(),
            confidence,
            ..TextLine::default()
        });
        Evidence {
            text: text.to_vec(),
            ..Evidence::default()
        }
    })
}

fn frames() -> impl Strategy<Value = Vec<Evidence>> {
    let symbols = prop::collection::vec(
        prop_oneof![
            "1011[0-9]".prop_map(|code| sscc(&code)),
            Just(sscc("10115")),
            ("[0-9A-Z]{6,14}", format()).prop_map(|(text, format)| Symbol {
                format,
                text,
                gs1: false,
                corners: [[0; 2]; 4],
            }),
        ],
        0..3,
    );
    let frame = (address(), symbols).prop_map(|(frame, symbols)| Evidence { symbols, ..frame });
    prop::collection::vec(frame, 1..6)
}
