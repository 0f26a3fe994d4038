//! What a label says is never shown where types are shown for finding faults: a name, a street and a
//! telephone number planted everywhere do not come out of any `Debug`.

use sortline_read::gs1::Element;
use sortline_read::profile::UnreadBars;
use sortline_read::{
    Evidence, Policy, SoftText, Symbol, SymbolFormat, TextLine, fuse_frames, gs1, plate,
};

const PLANTED: &[&str] = &[
    "Erika",
    "Mustermann",
    "Heidestrasse",
    "4917612345678",
    "10115",
];

const ELEMENT_STRING: &str = "003950110100000000194300Erika\u{1d}4308+4917612345678\u{1d}42010115";

fn check(what: &str, shown: &str) {
    for planted in PLANTED {
        assert!(
            !shown.contains(planted),
            "{what} shows `{planted}`: {shown}"
        );
    }
    assert!(shown.contains("‹redacted›"), "{what}: {shown}");
}

#[test]
fn personal_data_is_not_shown() {
    let symbol = |format, text: &str, gs1| Symbol {
        format,
        text: text.to_owned(),
        gs1,
        corners: [[0; 2]; 4],
    };
    let symbols = vec![
        symbol(SymbolFormat::Code128, ELEMENT_STRING, true),
        symbol(
            SymbolFormat::QRCode,
            "{\"name\":\"Erika\",\"tel\":\"4917612345678\"}",
            false,
        ),
        symbol(SymbolFormat::Code128, "ERIKA10115", false),
    ];
    let lines = [
        "Erika Mustermann",
        "Heidestrasse 17",
        "10115 Berlin",
        "Germany",
    ];
    let text = lines.map(|line| TextLine {
        line: line.to_owned(),
        confidence: 0.95,
        ..TextLine::default()
    });
    let soft = SoftText {
        format: SymbolFormat::Code128,
        gs1: false,
        places: "Erika".chars().map(|c| vec![(c, 0.9)]).collect(),
        corners: [[0; 2]; 4],
    };
    let evidence = Evidence {
        symbols: symbols.clone(),
        text: text.to_vec(),
        soft: vec![soft.clone()],
        unread: vec![UnreadBars {
            profile: vec![10_115.0; 4],
            per_px: 2.0,
            length_px: 2.0,
            corners: [[0; 2]; 4],
        }],
    };
    check("SoftText", &format!("{soft:?}"));
    check("Symbol", &format!("{:#?}", symbols[0]));
    check("TextLine", &format!("{:?}", text[0]));
    check("Evidence", &format!("{evidence:?}"));
    let result = fuse_frames(&[evidence], Policy::default());
    assert!(!result.identifiers.is_empty() && !result.text.is_empty());
    check("FrameResult", &format!("{result:#?}"));
    check("Identifier", &format!("{:?}", result.identifiers));
    check("Destination", &format!("{:?}", result.destination));
}

#[test]
fn personal_data_in_parsed_content_is_not_shown() {
    let elements = gs1::parse(ELEMENT_STRING).unwrap();
    check("Element", &format!("{elements:?}"));
    check(
        "Element",
        &format!(
            "{:?}",
            Element {
                ai: "4300".to_owned(),
                value: "Erika".to_owned()
            }
        ),
    );
    for envelope in [
        "[)>\u{1e}06\u{1d}5DErika\u{1d}52L10115\u{1e}\u{4}",
        "[)>\u{1e}01\u{1d}9610115    \u{1d}276\u{1d}001\u{1d}4917612345678\u{1d}",
    ] {
        check(
            "Record",
            &format!("{:?}", plate::envelope(envelope).unwrap()),
        );
    }
    // What is said of faults names identifiers, never their data.
    let error = gs1::parse("4308Erika Mustermann").unwrap_err();
    for planted in PLANTED {
        assert!(!format!("{error} {error:?}").contains(planted));
    }
}
