//! Every code on the wire, both ways, and what is no code.
#![cfg(test)]

use sortline_regmap::{
    AckCode, Board, Command, CommandKind, Control, ControlRequest, ControlResult, Event, EventKind,
    Flags, Ident, Refusal, ResetCause, VERSION_CURRENT, VERSION_MIN,
};

#[test]
fn control() {
    let requests = [
        (ControlRequest::Arm, 1),
        (ControlRequest::Disarm, 2),
        (ControlRequest::Reset, 3),
    ];
    for (request, code) in requests {
        assert_eq!(request.code(), code);
        assert_eq!(ControlRequest::from_code(code), Some(request));
    }
    assert_eq!([0, 4].map(ControlRequest::from_code), [None; 2]);
    let results = [
        (ControlResult::None, 0),
        (ControlResult::Done, 1),
        (ControlResult::StopOpen, 2),
        (ControlResult::Latched, 3),
        (ControlResult::Owned, 4),
    ];
    for (result, code) in results {
        assert_eq!(result.code(), code);
        assert_eq!(ControlResult::from_code(code), Some(result));
    }
    assert_eq!(ControlResult::from_code(5), None);
}

#[test]
fn nobody_controls_the_node() {
    assert_eq!(Control::decode([0, 0, 100, 1]), None);
    assert_eq!(Control::decode([0, 1, 100, 9]), None);
    let control = Control {
        owner: 1,
        watchdog_ms: 100,
        request: ControlRequest::Reset,
    };
    assert_eq!(Control::decode([0, 1, 100, 3]), Some(control));
}

#[test]
fn a_command_that_is_damaged_or_has_no_number_is_none() {
    let command = Command {
        kind: CommandKind::Withdraw,
        seq: 7,
        epoch: 3,
        device: 0,
        at: 0,
        hold: 0,
        hold_ms_max: 0,
        number: 5,
    };
    let words = command.encode();
    assert_eq!(Command::decode(&words), Some(command));
    for at in 0..words.len() {
        let mut damaged = words;
        damaged[at] ^= 1;
        assert_eq!(Command::decode(&damaged), None, "word {at}");
    }
    let nameless = Command { seq: 0, ..command };
    assert_eq!(Command::decode(&nameless.encode()), None);
}

#[test]
fn commands_and_answers() {
    let kinds = [
        (CommandKind::Stroke, 1),
        (CommandKind::Trigger, 2),
        (CommandKind::Withdraw, 3),
        (CommandKind::Jog, 4),
    ];
    for (kind, code) in kinds {
        assert_eq!(
            (kind.code(), CommandKind::from_code(code)),
            (code, Some(kind))
        );
    }
    assert_eq!([0, 5].map(CommandKind::from_code), [None; 2]);
    for (refusal, code) in Refusal::ALL.into_iter().zip(1..) {
        assert_eq!(
            (refusal.code(), Refusal::from_code(code)),
            (code, Some(refusal))
        );
        let result = AckCode::Refused(refusal);
        assert_eq!(
            (result.code(), AckCode::from_code(100 + code)),
            (100 + code, Some(result))
        );
    }
    let results = [
        (AckCode::Accepted, 1),
        (AckCode::Fired, 2),
        (AckCode::Done, 3),
        (AckCode::Withdrawn, 4),
    ];
    for (result, code) in results {
        assert_eq!(
            (result.code(), AckCode::from_code(code)),
            (code, Some(result))
        );
    }
    assert_eq!([0, 5, 99, 100, 111].map(AckCode::from_code), [None; 5]);
}

#[test]
fn events() {
    let kinds = [
        EventKind::EyeBlocked,
        EventKind::EyeClear,
        EventKind::Triggered,
        EventKind::StopOpen,
        EventKind::StopClosed,
        EventKind::StrokeFired,
        EventKind::StrokeDone,
        EventKind::Dropped,
        EventKind::Withdrawn,
        EventKind::JamLatched,
        EventKind::JamReset,
        EventKind::NewEpoch,
    ];
    for (kind, code) in kinds.into_iter().zip(1..) {
        let event = Event {
            code,
            ..Event::default()
        };
        assert_eq!((kind.code(), event.kind()), (code, Some(kind)));
    }
    assert_eq!([0, 13].map(EventKind::from_code), [None; 2]);
}

#[test]
fn images() {
    let boards = [Board::Process, Board::Lm3s6965, Board::Stm32f446];
    for (board, code) in boards.into_iter().zip(0..) {
        assert_eq!((board.code(), Board::from_code(code)), (code, Some(board)));
    }
    let causes = [ResetCause::Power, ResetCause::Watchdog, ResetCause::Panic];
    for (cause, code) in causes.into_iter().zip(0..) {
        assert_eq!(
            (cause.code(), ResetCause::from_code(code)),
            (code, Some(cause))
        );
    }
    assert_eq!(
        (Board::from_code(3), ResetCause::from_code(3)),
        (None, None)
    );
}

#[test]
fn flags() {
    let flags = Flags::default().with(Flags::ARMED, true);
    let flags = flags.with(Flags::ARMED, true).with(Flags::JAMMED, true);
    assert_eq!(flags, Flags(17));
    assert_eq!(flags.with(Flags::TRIPPED, false), flags);
    assert!(flags.has(Flags::ARMED) && flags.has(Flags(17)));
    assert!(!flags.has(Flags::TRIPPED) && !flags.has(Flags(3)));
}

#[test]
fn only_a_node_of_a_version_both_know_is_used() {
    let node = Ident::new(1, 1);
    assert!(node.is_compatible());
    let other = |magic, version_min, version_current| Ident {
        magic,
        version_min,
        version_current,
        ..node
    };
    let (least, most) = (VERSION_MIN, VERSION_CURRENT);
    assert!(!other(node.magic + 1, least, most).is_compatible());
    assert!(!other(node.magic, most + 1, most + 2).is_compatible());
    assert!(!other(node.magic, 0, least - 1).is_compatible());
    assert!(other(node.magic, 0, least).is_compatible());
    assert!(other(node.magic, most, most + 1).is_compatible());
}
