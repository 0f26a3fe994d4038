//! The words of every contract version, literally.
//!
//! DO NOT EDIT what stands here: field nodes and controllers in the field speak these words. A new
//! version adds a module with its own words; the older modules stay as they are for as long as
//! `VERSION_MIN` includes them.

mod v1 {
    use sortline_regmap::{
        Ack, AckCode, Clock, Command, CommandKind, Control, ControlRequest, ControlResult, Event,
        EventKind, Flags, Health, Heartbeat, Ident, Lease, Levels, Limits, Refusal, Rings, Status,
    };

    #[test]
    fn addresses() {
        let expected = [
            ("IDENT", 0, 8),
            ("HEALTH", 16, 16),
            ("CLOCK", 32, 4),
            ("LEVELS", 36, 12),
            ("LEASE", 48, 8),
            ("RINGS", 56, 4),
            ("LIMITS", 100, 48),
            ("CONTROL", 160, 4),
            ("HEARTBEAT", 170, 3),
            ("COMMAND", 180, 11),
            ("ACK", 1_000, 512),
            ("EVENTS", 2_000, 2_048),
        ];
        for (name, start, words) in expected {
            let block = sortline_regmap::BLOCKS
                .into_iter()
                .find(|block| block.name == name);
            let block = block.unwrap_or_else(|| panic!("{name} is gone"));
            assert_eq!((block.start, block.words), (start, words), "{name}");
        }
    }

    #[test]
    fn ident() {
        let words = [0x534F, 0x5254, 1, 1, 7, 9, 0, 0];
        let ident = Ident {
            magic: 0x534F_5254,
            version_min: 1,
            version_current: 1,
            node_id: 7,
            boot: 9,
        };
        assert_eq!(ident.encode(), words);
        assert_eq!(Ident::decode(&words), ident);
        assert!(ident.is_compatible());
    }

    #[test]
    fn status() {
        let words = [
            0x0015, 4, 0x0001, 0x0002, 5, 6, 7, 8, 9, 10, 11, 2, 12, 13, 0, 0, // HEALTH
            0x0003, 0x0004, 0x0005, 0x0006, // CLOCK
            0x8000, 0, 0, 1, 0, 0, 0, 2, 0x0001, 0x0002, 0x0003, 0x0004, // LEVELS
            0x1234, 0x5678, 100, 55, 1, 77, 101, 0, // LEASE
            0x0001, 0x0000, 256, 0, // RINGS
        ];
        let status = Status {
            health: Health {
                flags: Flags::ARMED
                    .with(Flags::STOP_LATCHED, true)
                    .with(Flags::JAMMED, true),
                epoch: 4,
                uptime_ms: 0x0001_0002,
                writes: 5,
                commands: 6,
                refused: 7,
                damaged: 8,
                trips: 9,
                jumped: 10,
                reversals: 11,
                last_fault: 2,
                strokes: 12,
                triggers: 13,
            },
            clock: Clock {
                ticks: 0x0003_0004,
                millis: 0x0005_0006,
            },
            levels: Levels {
                eyes: 1 << 63 | 1,
                jams: 2,
                desired: 0x1_0002,
                actual: 0x3_0004,
            },
            lease: Lease {
                owner: 0x1234_5678,
                watchdog_ms: 100,
                heartbeat: 55,
                control: ControlResult::Done,
                last_seq: 77,
                last_result: Some(AckCode::Refused(Refusal::Late)),
            },
            rings: Rings {
                next: 0x0001_0000,
                held: 256,
            },
        };
        assert_eq!(status.encode(), words);
        assert_eq!(Status::decode(&words), Some(status));
    }

    #[test]
    fn limits() {
        let mut words = [0xFFFF; 48];
        words[..16].copy_from_slice(&[
            42, 13, 2, 1_200, 2_000, 20, 1, 2, 100, 5_000, 64, 64, 128, 256, 0, 0,
        ]);
        words[16] = 1;
        words[17] = 0;
        let mut opposite = [0xFFFF; 32];
        opposite[0] = 1;
        opposite[1] = 0;
        let limits = Limits {
            eyes: 42,
            diverters: 13,
            cameras: 2,
            hold_ms_max: 1_200,
            hold_ticks_max: 2_000,
            lead_ticks_min: 20,
            ahead_ticks_max: 0x0001_0002,
            heartbeat_ms: 100,
            jam_ms: 5_000,
            strokes: 64,
            triggers: 64,
            acks: 128,
            events: 256,
            opposite,
        };
        assert_eq!(limits.encode(), words);
        assert_eq!(Limits::decode(&words), limits);
    }

    #[test]
    fn commands() {
        let stroke = Command {
            kind: CommandKind::Stroke,
            seq: 0x0102,
            epoch: 3,
            device: 12,
            at: 0x0004_0005,
            hold: 300,
            hold_ms_max: 400,
            number: 0,
        };
        let words = [0x010C, 0x0102, 3, 4, 5, 300, 400, 0, 0, 0, CHECK_STROKE];
        assert_eq!(stroke.encode(), words);
        assert_eq!(Command::decode(&words), Some(stroke));
        let trigger = Command {
            kind: CommandKind::Trigger,
            seq: 2,
            epoch: 3,
            device: 1,
            at: 1_000,
            hold: 0,
            hold_ms_max: 0,
            number: 0x0006_0007,
        };
        let words = [0x0201, 2, 3, 0, 1_000, 0, 0, 6, 7, 0, CHECK_TRIGGER];
        assert_eq!(trigger.encode(), words);
        assert_eq!(Command::decode(&words), Some(trigger));
        let withdraw = Command {
            kind: CommandKind::Withdraw,
            seq: 3,
            epoch: 3,
            device: 0,
            at: 0,
            hold: 0,
            hold_ms_max: 0,
            number: 0x0102,
        };
        let words = [0x0300, 3, 3, 0, 0, 0, 0, 0, 0x0102, 0, CHECK_WITHDRAW];
        assert_eq!(withdraw.encode(), words);
        assert_eq!(Command::decode(&words), Some(withdraw));
    }

    const CHECK_STROKE: u16 = 0x8F6A;
    const CHECK_TRIGGER: u16 = 0x02C2;
    const CHECK_WITHDRAW: u16 = 0xE573;

    #[test]
    fn control_and_heartbeat() {
        let control = Control {
            owner: 0x0001_0002,
            watchdog_ms: 100,
            request: ControlRequest::Arm,
        };
        assert_eq!(control.encode(), [1, 2, 100, 1]);
        assert_eq!(Control::decode([1, 2, 100, 1]), Some(control));
        assert_eq!(ControlRequest::from_code(2), Some(ControlRequest::Disarm));
        assert_eq!(ControlRequest::from_code(3), Some(ControlRequest::Reset));
        let heartbeat = Heartbeat {
            owner: 0x0001_0002,
            counter: 3,
        };
        assert_eq!(heartbeat.encode(), [1, 2, 3]);
        assert_eq!(Heartbeat::decode([1, 2, 3]), heartbeat);
    }

    #[test]
    fn answers() {
        let codes = [
            (1, AckCode::Accepted),
            (2, AckCode::Fired),
            (3, AckCode::Done),
            (4, AckCode::Withdrawn),
            (101, AckCode::Refused(Refusal::Late)),
            (102, AckCode::Refused(Refusal::TooFar)),
            (103, AckCode::Refused(Refusal::Unknown)),
            (104, AckCode::Refused(Refusal::Overlap)),
            (105, AckCode::Refused(Refusal::Opposite)),
            (106, AckCode::Refused(Refusal::TooLong)),
            (107, AckCode::Refused(Refusal::QueueFull)),
            (108, AckCode::Refused(Refusal::Stopped)),
            (109, AckCode::Refused(Refusal::StaleEpoch)),
            (110, AckCode::Refused(Refusal::Checksum)),
        ];
        for (code, result) in codes {
            let ack = Ack {
                seq: 500,
                result,
                at: 0x0007_0008,
            };
            assert_eq!(ack.encode(), [500, code, 7, 8]);
            assert_eq!(Ack::decode([500, code, 7, 8]), Some(ack));
        }
    }

    #[test]
    fn events() {
        let event = Event {
            seq: 0x0001_0002,
            code: EventKind::Triggered.code(),
            device: 1,
            detail: 3,
            at: 0x0004_0005,
            value: 0x0006_0007,
        };
        let words = [1, 2, 0x0301, 3, 4, 5, 6, 7];
        assert_eq!(event.encode(), words);
        assert_eq!(Event::decode(&words), event);
        let kinds = [
            (1, EventKind::EyeBlocked),
            (2, EventKind::EyeClear),
            (3, EventKind::Triggered),
            (4, EventKind::StopOpen),
            (5, EventKind::StopClosed),
            (6, EventKind::StrokeFired),
            (7, EventKind::StrokeDone),
            (8, EventKind::Dropped),
            (9, EventKind::Withdrawn),
            (10, EventKind::JamLatched),
            (11, EventKind::JamReset),
            (12, EventKind::NewEpoch),
        ];
        for (code, kind) in kinds {
            assert_eq!(kind.code(), code);
            assert_eq!(EventKind::from_code(code), Some(kind));
        }
    }
}

mod v2 {
    use sortline_regmap::{Board, IMAGE, Ident, Image, ResetCause};

    #[test]
    fn image() {
        assert_eq!((IMAGE.start, IMAGE.words), (8, 8));
        let words = [1, 2, 3, 1, 2, 0, 0, 0];
        let image = Image {
            version: [1, 2, 3],
            board: Board::Lm3s6965,
            reset: ResetCause::Panic,
        };
        assert_eq!(image.encode(), words);
        assert_eq!(Image::decode(&words), Some(image));
        assert_eq!(Image::decode(&[0, 0, 0, 3, 0, 0, 0, 0]), None);
        assert_eq!(Image::decode(&[0, 0, 0, 0, 3, 0, 0, 0]), None);
        for (code, board) in [Board::Process, Board::Lm3s6965, Board::Stm32f446]
            .into_iter()
            .enumerate()
        {
            assert_eq!(usize::from(board.code()), code);
            assert_eq!(Board::from_code(board.code()), Some(board));
        }
        for (code, cause) in [ResetCause::Power, ResetCause::Watchdog, ResetCause::Panic]
            .into_iter()
            .enumerate()
        {
            assert_eq!(usize::from(cause.code()), code);
            assert_eq!(ResetCause::from_code(cause.code()), Some(cause));
        }
    }

    #[test]
    fn both_versions_work_together() {
        let old = Ident {
            version_current: 1,
            ..Ident::new(7, 9)
        };
        assert!(old.is_compatible() && Ident::new(7, 9).is_compatible());
        let two = Ident {
            version_current: 2,
            ..Ident::new(7, 9)
        };
        assert_eq!(two.encode(), [0x534F, 0x5254, 1, 2, 7, 9, 0, 0]);
        assert!(two.is_compatible());
    }
}

mod v3 {
    use sortline_regmap::{Command, CommandKind, Ident, JOG_MS_MAX};

    #[test]
    fn jog() {
        assert_eq!(JOG_MS_MAX, 500);
        let jog = Command {
            kind: CommandKind::Jog,
            seq: 4,
            epoch: 3,
            device: 12,
            at: 0x0004_0005,
            hold: 0,
            hold_ms_max: 300,
            number: 0,
        };
        let words = [0x040C, 4, 3, 4, 5, 0, 300, 0, 0, 0, CHECK_JOG];
        assert_eq!(jog.encode(), words);
        assert_eq!(Command::decode(&words), Some(jog));
    }

    const CHECK_JOG: u16 = 0x48F4;

    #[test]
    fn ident() {
        assert_eq!(
            Ident::new(7, 9).encode(),
            [0x534F, 0x5254, 1, 3, 7, 9, 0, 0]
        );
    }
}
