//! Telegrams whole, cut, glued and invented.

use super::*;

fn decoder(file: FormatFile) -> Decoder {
    Decoder::new(Format::new(file).unwrap())
}

fn check(file: &FormatFile, bytes: &str, expected: &[Telegram]) {
    for size in 1..=bytes.len() {
        let mut decoder = decoder(file.clone());
        let pieces = bytes.as_bytes().chunks(size);
        let found: Vec<Telegram> = pieces.flat_map(|piece| decoder.push(piece)).collect();
        assert_eq!(found, expected, "{bytes:?} in pieces of {size}");
    }
}

fn code(code: &str) -> Telegram {
    Telegram::Read(Measured {
        codes: vec![code.to_owned()],
        ..Measured::default()
    })
}

fn nothing() -> Telegram {
    Telegram::Read(Measured::default())
}

#[test]
fn cognex_lines_and_answers() {
    check(
        &FormatFile::dmcc(),
        "\r\n00340434161094042557\r\nNoRead\r\n||1:123[0]\r\n||[105]\r\n||x\r\n",
        &[
            code("00340434161094042557"),
            nothing(),
            Telegram::Answer {
                id: Some(123),
                status: 0,
            },
            Telegram::Answer {
                id: None,
                status: 105,
            },
            Telegram::Unknown,
        ],
    );
}

#[test]
fn sick_readers_with_heartbeat_and_several_codes() {
    let file = FormatFile {
        heartbeat: Some("HB".to_owned()),
        code_separator: Some("|".to_owned()),
        ..FormatFile::sick()
    };
    let several = Measured {
        codes: vec!["A1".to_owned(), "B2".to_owned()],
        ..Measured::default()
    };
    check(
        &file,
        "noise\u{2}HB\u{3}noise\u{2}A1|noread|B2\u{3}\u{2}cut\u{2}C3\u{3}D4\u{3}",
        &[Telegram::Heartbeat, Telegram::Read(several), code("C3")],
    );
}

#[test]
fn master_data_analyzer_weighs_and_measures() {
    let read = Measured {
        codes: vec!["4006381333931".to_owned()],
        weight_g: Some(1_250),
        size_mm: [Some(400), Some(300), Some(120)],
        tracking: Some(17),
    };
    let unread = Measured {
        codes: Vec::new(),
        ..read.clone()
    };
    check(
        &FormatFile::master_data_analyzer(),
        "\u{2}17;4006381333931;000001250;g;0;400;300;120;mm;0;14400\u{3}\
         \u{2}17;NoRead;000001250;g;0;400;300;120;mm;0;14400\u{3}\
         \u{2}17;NoRead;000001250;lb;0;400;300;120;mm;0;14400\u{3}\
         \u{2}17;NoRead;000001250;g;0;400;300;120;mm;0;14400;1\u{3}",
        &[
            Telegram::Read(read),
            Telegram::Read(unread),
            Telegram::Unknown,
            Telegram::Unknown,
        ],
    );
}

#[test]
fn templates_in_csv_and_json() {
    let csv = FormatFile {
        template: Some("{Code},{Weight},{Length},{Width},{Height},{Volume},{Timestamp}".to_owned()),
        weight: WeightUnit::Kg,
        length: LengthUnit::Cm,
        ..FormatFile::dmcc()
    };
    let read = Measured {
        codes: vec!["A1".to_owned()],
        weight_g: Some(1_234),
        size_mm: [Some(405), Some(300), None],
        tracking: None,
    };
    check(
        &csv,
        "A1,1.2345,40.5,30,,0,2026-11-29 10:00:00\nA1,-1,40,30,1,0,0\nA1,1\nA1,1e3,1,1,1,1,1\n",
        &[
            Telegram::Read(read.clone()),
            Telegram::Unknown,
            Telegram::Unknown,
            Telegram::Unknown,
        ],
    );
    let json = FormatFile {
        template: None,
        ..FormatFile::dmcc()
    };
    let read = Measured {
        size_mm: [Some(405), None, None],
        tracking: Some(9),
        ..read
    };
    check(
        &json,
        "{\"code\":\"A1\",\"weight\":1234,\"length\":\"405\",\"height\":null,\"tracking\":9,\"x\":{}}\n\
         {\"code\":{\"a\":1}}\n{\"weight\":1}\nnull\n[1]\n{\"code\":\"a\\u0000\"}\n",
        &[
            Telegram::Read(read),
            Telegram::Unknown,
            Telegram::Unknown,
            Telegram::Unknown,
            Telegram::Unknown,
            Telegram::Unknown,
        ],
    );
}

#[test]
fn telegrams_that_never_end_take_no_memory() {
    let mut decoder = decoder(FormatFile::sick());
    assert_eq!(decoder.push(&[STX]), []);
    for _ in 0..100 {
        assert_eq!(decoder.push(&[b'x'; 1_000]), []);
    }
    assert!(decoder.buffer.capacity() <= 2 * TELEGRAM_MAX);
    assert_eq!(decoder.discarded, 1);
    assert_eq!(decoder.push(b"\x03\x02A1\x03"), [code("A1")]);
}

#[test]
fn what_is_begun_before_a_pause_is_not_finished_after_it() {
    let mut lines = decoder(FormatFile::dmcc());
    assert_eq!(lines.push(b"A"), []);
    lines.pause();
    assert_eq!(lines.push(b"B2\n"), [code("B2")]);
    let mut marked = decoder(FormatFile::sick());
    assert_eq!(marked.push(b"\x02A"), []);
    marked.pause();
    assert_eq!(marked.push(b"B2\x03\x02C3\x03"), [code("C3")]);
}

#[test]
fn templates_that_leave_doubt_are_refused() {
    let check = |text: &str, expected: TemplateError| {
        assert_eq!(Template::new(text), Err(expected), "{text}");
    };
    check("", TemplateError::NoCode);
    check("{Weight}", TemplateError::NoCode);
    check("{Code", TemplateError::Brace);
    check("{Code}{Weight}", TemplateError::Touching("Code".to_owned()));
    check("{Code},{code}", TemplateError::Twice("code".to_owned()));
    check("{Kode}", TemplateError::Field("Kode".to_owned()));
}

#[test]
fn a_telegram_goes_to_the_one_trigger_that_it_can_answer() {
    let mut matcher = Matcher::new((20, 300));
    matcher.triggered(1, 1_000);
    assert_eq!(
        matcher.telegram(None, 1_010),
        None,
        "too early to be of this trigger"
    );
    assert_eq!(matcher.telegram(None, 1_100), Some(1));
    assert_eq!(
        matcher.telegram(None, 1_110),
        None,
        "a second one belongs to nothing"
    );
    matcher.triggered(2, 2_000);
    matcher.triggered(3, 2_100);
    assert_eq!(
        matcher.telegram(None, 2_110),
        Some(2),
        "3 cannot be meant yet"
    );
    matcher.triggered(4, 2_150);
    assert_eq!(matcher.telegram(None, 2_200), None, "3 or 4");
    assert_eq!(
        matcher.telegram(None, 2_250),
        None,
        "as doubtful as the one before"
    );
    matcher.triggered(5, 3_000);
    assert_eq!(matcher.telegram(None, 3_400), None, "too late");
    matcher.triggered(6, 4_000);
    matcher.triggered(7, 4_050);
    assert_eq!(matcher.telegram(Some(7), 4_100), Some(7), "named");
    assert_eq!(matcher.telegram(Some(9), 4_100), None);
    assert_eq!(matcher.telegram(None, 4_110), Some(6));
    assert_eq!(matcher.unmatched, 6);
}

/// A stream of numbers (xorshift, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn garbage(&mut self, length: u64) -> Vec<u8> {
        (0..length)
            .map(|_| u8::try_from(self.roll(256)).unwrap())
            .collect()
    }
}

/// A whole telegram with the code of this number.
fn whole(file: &FormatFile, number: u64) -> Vec<u8> {
    let body = match &file.template {
        Some(template) if template.contains("Weight") => {
            format!("{number};C{number};000001250;g;0;400;300;120;mm;0;14400")
        }
        Some(_) => format!("C{number}"),
        None => format!("{{\"code\":\"C{number}\",\"weight\":{}}}", number % 9_999),
    };
    let marked = file.frame == Frame::StxEtx;
    let (begin, end) = if marked {
        ("\u{2}", "\u{3}")
    } else {
        ("", "\r\n")
    };
    format!("{begin}{body}{end}").into_bytes()
}

/// Telegrams whole, cut, glued and between garbage: every whole one comes out once and in order,
/// and no code comes out that was not sent whole.
fn storm(file: &FormatFile, telegrams: u64, seed: u64) {
    let mut decoder = decoder(file.clone());
    let mut dice = Dice(seed | 1);
    let marked = file.frame == Frame::StxEtx;
    let mut cut = false;
    let (mut sent, mut came) = (std::collections::VecDeque::new(), 0_u64);
    for number in 0..telegrams {
        let mut bytes = whole(file, number);
        let mut pause = false;
        let happens = if std::mem::take(&mut cut) {
            9
        } else {
            dice.roll(10)
        };
        match happens {
            0 => {
                // Cut off; a new telegram's mark or a pause follows.
                let end = usize::try_from(dice.roll(bytes.len() as u64 - 1)).unwrap();
                bytes.truncate(end);
                pause = !marked || dice.roll(2) == 0;
                cut = !pause;
            }
            1 if marked => {
                // Garbage before it, without marks.
                let length = dice.roll(40);
                let mut garbage = dice.garbage(length);
                garbage.retain(|byte| !matches!(*byte, STX | ETX));
                bytes.splice(0..0, garbage);
                sent.push_back(number);
            }
            2 => {
                // Any bytes at all, then silence.
                let length = dice.roll(60);
                bytes = dice.garbage(length);
                pause = true;
            }
            _ => sent.push_back(number),
        }
        let split = usize::try_from(dice.roll(bytes.len() as u64 + 1)).unwrap();
        let (first, second) = bytes.split_at(split);
        let mut found = decoder.push(first);
        found.extend(decoder.push(second));
        if pause {
            decoder.pause();
        }
        for telegram in found {
            let Telegram::Read(Measured { codes, .. }) = telegram else {
                continue;
            };
            for code in codes {
                let Some(known) = code.strip_prefix('C').and_then(|n| n.parse::<u64>().ok()) else {
                    continue; // invented by the garbage, and no parcel's
                };
                assert_eq!(sent.pop_front(), Some(known), "{code} in stream {seed}");
                came += 1;
            }
        }
    }
    assert!(sent.is_empty(), "{} telegrams were lost", sent.len());
    assert!(came > telegrams / 2);
}

fn storms(telegrams: u64) {
    let json = FormatFile {
        template: None,
        ..FormatFile::sick()
    };
    let all = [
        FormatFile::dmcc(),
        FormatFile::sick(),
        FormatFile::master_data_analyzer(),
        json,
    ];
    for (seed, file) in (1..).zip(&all) {
        storm(file, telegrams / 4, seed * 0x9E37_79B9);
    }
}

#[test]
fn ten_million_telegrams_bring_only_what_was_sent() {
    storms(10_000_000);
}
