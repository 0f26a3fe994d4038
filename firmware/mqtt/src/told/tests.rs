use proptest::prelude::*;
use sortline_regmap::{ControlResult, Flags};

use super::*;

fn state() -> State {
    State {
        number: 41,
        boot: 9,
        last_id: 17,
        refusals: Refusals {
            expired: 3,
            ..Refusals::default()
        },
        status: Status {
            health: Health {
                flags: Flags(0b10_0001),
                epoch: 10,
                uptime_ms: 5_000,
                writes: 0,
                commands: 4,
                refused: 1,
                strokes: 2,
                ..Health::default()
            },
            clock: Clock {
                ticks: 777,
                millis: 6_000,
            },
            levels: Levels {
                eyes: 1 << 63 | 1,
                jams: 0,
                desired: 2,
                actual: 0,
            },
            lease: Lease {
                owner: 77,
                watchdog_ms: 100,
                heartbeat: 12,
                control: ControlResult::Done,
                last_seq: 258,
                last_result: Some(AckCode::Refused(Refusal::Late)),
            },
            rings: Rings {
                next: 655_363,
                held: 3,
            },
        },
    }
}

#[test]
fn a_state_there_and_back() {
    let text = concat!(
        r#"{"number":41,"boot":9,"epoch":10,"uptime_ms":5000,"clock_ms":6000,"ticks":777,"#,
        r#""flags":["armed","mismatch"],"eyes_blocked":[0,63],"eyes_jammed":[],"#,
        r#""outputs_wanted":[1],"outputs_on":[],"owner":77,"watchdog_ms":100,"heartbeat":12,"#,
        r#""control":"done","last_seq":258,"last_answer":{"result":"refused","reason":"late"},"#,
        r#""events_next":655363,"events_held":3,"strokes_waiting":2,"triggers_waiting":0,"#,
        r#""last_fault":"none","writes_elsewhere":0,"commands":4,"refused":1,"damaged":0,"#,
        r#""trips":0,"jumped":0,"reversals":0,"last_id":17,"refusals":{"retained":0,"#,
        r#""malformed":0,"foreign":0,"expired":3,"deadline_too_far":0,"stale_epoch":0,"#,
        r#""duplicate":0,"replayed":0}}"#
    );
    assert_eq!(String::from_utf8(state().encode()).unwrap(), text);
    assert_eq!(State::decode(text.as_bytes()), Some(state()));
    // A newer node may tell more.
    let more = text.replace("{\"number\"", "{\"more\":[1],\"number\"");
    assert_eq!(State::decode(more.as_bytes()), Some(state()));
    let flag = text.replace("[\"armed\"", "[\"armed\",\"new\"");
    assert_eq!(State::decode(flag.as_bytes()), Some(state()));
    for (found, wrong) in [
        ("\"done\"", "\"perhaps\""),
        ("[0,63]", "[0,64]"),
        ("\"outputs_wanted\":[1]", "\"outputs_wanted\":[32]"),
        ("\"late\"", "\"lazy\""),
        ("\"ticks\":777,", ""),
        ("777", "-1"),
    ] {
        let text = text.replace(found, wrong);
        assert_eq!(State::decode(text.as_bytes()), None, "{wrong}");
    }
}

#[test]
fn the_longest_state_is_read() {
    let mut state = state();
    state.status.levels = Levels {
        eyes: u64::MAX,
        jams: u64::MAX,
        desired: u32::MAX,
        actual: u32::MAX,
    };
    assert!(
        state.encode().len() < PAYLOAD_MAX,
        "{}",
        state.encode().len()
    );
    assert_eq!(State::decode(&state.encode()), Some(state));
}

#[test]
fn a_factsheet_there_and_back() {
    let mut opposite = [NO_OPPOSITE; 32];
    opposite[1] = 2;
    let sheet = Factsheet {
        ident: Ident::new(5, 9),
        limits: Limits {
            eyes: 4,
            diverters: 3,
            cameras: 1,
            hold_ms_max: 500,
            hold_ticks_max: 600,
            lead_ticks_min: 5,
            ahead_ticks_max: 100_000,
            heartbeat_ms: 100,
            jam_ms: 0,
            strokes: 64,
            triggers: 64,
            acks: 128,
            events: 256,
            opposite,
        },
    };
    let text = String::from_utf8(sheet.encode()).unwrap();
    assert!(
        text.ends_with(r#""events":256,"opposite":[[1,2]]}"#),
        "{text}"
    );
    assert_eq!(Factsheet::decode(text.as_bytes()), Some(sheet));
    let wrong = text.replace("[[1,2]]", "[[32,2]]");
    assert_eq!(Factsheet::decode(wrong.as_bytes()), None);
}

#[test]
fn acknowledgements_there_and_back() {
    let check = |verdict, result: &str| {
        let ack = Ack {
            id: 17,
            owner: 77,
            verdict,
            state: 41,
        };
        let text = format!(r#"{{"id":17,"owner":77,"result":{result},"state":41}}"#);
        assert_eq!(String::from_utf8(ack.encode()).unwrap(), text);
        assert_eq!(Ack::decode(text.as_bytes()), Some(ack));
    };
    check(Verdict::Answer(AckCode::Accepted), r#""accepted""#);
    check(Verdict::Answer(AckCode::Done), r#""done""#);
    check(Verdict::Unknown, r#""unknown""#);
    let late = AckCode::Refused(Refusal::Late);
    check(Verdict::Answer(late), r#""refused","reason":"late""#);
    let expired = Verdict::Refused(Refused::Expired);
    check(expired, r#""refused","reason":"expired""#);
    for text in [
        r#"{"id":17,"owner":77,"result":"refused","state":41}"#,
        r#"{"id":17,"owner":77,"result":"maybe","state":41}"#,
        r#"{"id":17,"owner":77,"result":"refused","reason":"mood","state":41}"#,
        r#"[17,77,"accepted",41]"#,
    ] {
        assert_eq!(Ack::decode(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn events_there_and_back() {
    let check = |kind: EventKind, detail: u16, rest: &str| {
        let event = Event {
            seq: 655_360,
            code: kind.code(),
            device: 3,
            detail,
            at: 900,
            value: 258,
        };
        let text =
            format!(r#"{{"number":655360,"kind":{rest},"device":3,"at_ticks":900,"value":258"#);
        let encoded = String::from_utf8(encode_event(&event)).unwrap();
        assert!(encoded.starts_with(&text), "{encoded}");
        assert_eq!(decode_event(encoded.as_bytes()), Some(event));
        encoded
    };
    check(EventKind::EyeBlocked, 0, r#""eye_blocked""#);
    check(EventKind::StrokeFired, 0, r#""fired""#);
    let dropped = check(EventKind::Dropped, 1, r#""dropped""#);
    assert!(dropped.ends_with(r#","reason":"late"}"#), "{dropped}");
    let epoch = check(EventKind::NewEpoch, 1, r#""new_epoch""#);
    assert!(epoch.ends_with(r#","reason":"watchdog"}"#), "{epoch}");
    let newer = r#"{"number":5,"kind":"sang","device":3,"at_ticks":9,"value":2,"tune":1}"#;
    let event = decode_event(newer.as_bytes()).unwrap();
    assert_eq!((event.seq, event.code), (5, 0));
}

#[test]
fn presence_is_told_as_on_the_uplink() {
    for (presence, text) in [
        (Presence::Online, r#"{"state":"ONLINE"}"#),
        (Presence::Offline, r#"{"state":"OFFLINE"}"#),
        (
            Presence::ConnectionBroken,
            r#"{"state":"CONNECTION_BROKEN"}"#,
        ),
    ] {
        assert_eq!(presence.encode(), text.as_bytes());
        assert_eq!(Presence::decode(text.as_bytes()), Some(presence));
    }
    assert_eq!(Presence::decode(b"ONLINE"), None);
}

proptest! {
    #[test]
    fn every_state_there_and_back(words in proptest::array::uniform32(any::<u16>())) {
        let mut all = [0_u16; 44];
        all[..32].copy_from_slice(&words);
        // Codes that exist.
        all[0] &= 0x3F;
        all[11] %= 3;
        all[14] = 0;
        all[15] = 0;
        let mut state = state();
        state.status = Status {
            lease: state.status.lease,
            rings: Rings { next: u32::from(words[3]) << 16, held: words[4] },
            ..Status::decode(&all).unwrap()
        };
        prop_assert_eq!(State::decode(&state.encode()), Some(state));
    }

    #[test]
    fn nothing_told_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(State::decode(&bytes), None);
        prop_assert_eq!(Ack::decode(&bytes), None);
        prop_assert_eq!(decode_event(&bytes), None);
        prop_assert_eq!(Factsheet::decode(&bytes), None);
        prop_assert_eq!(Presence::decode(&bytes), None);
    }
}
