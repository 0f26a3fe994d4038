//! What a controller asks of a node.

use serde::{Deserialize, Serialize};
use sortline_regmap::{Command, CommandKind, ControlRequest};

use crate::PAYLOAD_MAX;
use crate::names::{REQUESTS, value, word};

/// A command by its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Switch a diverter on at a count.
    Stroke,
    /// Trigger a camera at a count.
    Trigger,
    /// Take back a stroke that has not fired.
    Withdraw,
    /// Switch a diverter on by hand.
    Jog,
    /// Arm, disarm, reset.
    Control,
    /// The controller's sign of life.
    Beat,
    /// Tell events of the ring again.
    Replay,
    /// What became of a command.
    Lookup,
}

impl Name {
    /// Every command.
    pub const ALL: [Self; 8] = [
        Self::Stroke,
        Self::Trigger,
        Self::Withdraw,
        Self::Jog,
        Self::Control,
        Self::Beat,
        Self::Replay,
        Self::Lookup,
    ];

    /// The last level of its topic.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stroke => "stroke",
            Self::Trigger => "trigger",
            Self::Withdraw => "withdraw",
            Self::Jog => "jog",
            Self::Control => "control",
            Self::Beat => "beat",
            Self::Replay => "replay",
            Self::Lookup => "lookup",
        }
    }

    /// The command of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.word() == word)
    }
}

/// What every command says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its number: within an epoch it must be ahead of that of the last one of its name.
    pub id: u32,
    /// The controller's number; never 0.
    pub owner: u32,
    /// The epoch it is for.
    pub epoch: u16,
    /// The node's uptime in milliseconds after which it is not executed any more; wraps.
    pub deadline_ms: u32,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A stroke, trigger or withdrawal.
    Command {
        /// As for the mailbox; its count is the first at which it may begin.
        command: Command,
        /// The last count at which it may still begin; 0 for a withdrawal.
        until: u32,
    },
    /// Arm, disarm or reset.
    Control {
        /// Which.
        request: ControlRequest,
        /// Watchdog time for arming, milliseconds; 0 else.
        watchdog_ms: u16,
    },
    /// The sign of life.
    Beat {
        /// Counter that must advance.
        counter: u16,
    },
    /// Events again.
    Replay {
        /// Number of the first one.
        from: u32,
        /// How many, at most.
        count: u16,
    },
    /// What became of a command.
    Lookup {
        /// The command's number in its mailbox.
        seq: u16,
    },
}

/// Every member that a command can have. One that a command does not have is as wrong as one
/// that is missing.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    id: u32,
    owner: u32,
    epoch: u16,
    deadline_ms: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    diverter: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    camera: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_ticks: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until_ticks: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold_ticks: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold_ms_max: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trigger: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stroke: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    watchdog_ms: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counter: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<u16>,
}

impl Wanted {
    /// The topic it belongs on.
    #[must_use]
    pub const fn name(&self) -> Name {
        match self {
            Self::Command { command, .. } => match command.kind {
                CommandKind::Stroke => Name::Stroke,
                CommandKind::Trigger => Name::Trigger,
                CommandKind::Withdraw => Name::Withdraw,
                CommandKind::Jog => Name::Jog,
            },
            Self::Control { .. } => Name::Control,
            Self::Beat { .. } => Name::Beat,
            Self::Replay { .. } => Name::Replay,
            Self::Lookup { .. } => Name::Lookup,
        }
    }

    /// As a payload.
    #[must_use]
    pub fn encode(&self, header: Header) -> Vec<u8> {
        let mut wire = Wire::default();
        (wire.id, wire.owner) = (header.id, header.owner);
        (wire.epoch, wire.deadline_ms) = (header.epoch, header.deadline_ms);
        match *self {
            Self::Command { command, until } => command_into(&mut wire, &command, until),
            Self::Control {
                request,
                watchdog_ms,
            } => {
                wire.request = Some(word(&REQUESTS, &request).to_owned());
                wire.watchdog_ms = (request == ControlRequest::Arm).then_some(watchdog_ms);
            }
            Self::Beat { counter } => wire.counter = Some(counter),
            Self::Replay { from, count } => (wire.from, wire.count) = (Some(from), Some(count)),
            Self::Lookup { seq } => wire.seq = Some(seq),
        }
        // Numbers and words always have a JSON form.
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// From a payload on the topic of `name`; `None` for anything that is no such command.
    #[must_use]
    pub fn decode(name: Name, payload: &[u8]) -> Option<(Header, Self)> {
        // Without the brace a list of numbers would be taken for a command.
        if payload.len() > PAYLOAD_MAX || !payload.trim_ascii_start().starts_with(b"{") {
            return None;
        }
        let mut wire: Wire = serde_json::from_slice(payload).ok()?;
        let header = Header {
            id: std::mem::take(&mut wire.id),
            owner: std::mem::take(&mut wire.owner),
            epoch: std::mem::take(&mut wire.epoch),
            deadline_ms: std::mem::take(&mut wire.deadline_ms),
        };
        let wanted = match name {
            Name::Stroke | Name::Trigger | Name::Withdraw | Name::Jog => {
                command(&mut wire, name, header)?
            }
            Name::Control => {
                let request = value(&REQUESTS, &wire.request.take()?)?;
                let watchdog_ms = match request {
                    ControlRequest::Arm => wire.watchdog_ms.take()?,
                    ControlRequest::Disarm | ControlRequest::Reset => 0,
                };
                Self::Control {
                    request,
                    watchdog_ms,
                }
            }
            Name::Beat => Self::Beat {
                counter: wire.counter.take()?,
            },
            Name::Replay => Self::Replay {
                from: wire.from.take()?,
                count: wire.count.take()?,
            },
            Name::Lookup => Self::Lookup {
                seq: wire.seq.take()?,
            },
        };
        (wire == Wire::default() && header.owner != 0).then_some((header, wanted))
    }
}

fn command_into(wire: &mut Wire, command: &Command, until: u32) {
    wire.seq = Some(command.seq);
    let device = Some(command.device);
    let window = (Some(command.at), Some(until));
    match command.kind {
        CommandKind::Stroke => {
            wire.diverter = device;
            (wire.at_ticks, wire.until_ticks) = window;
            wire.hold_ticks = Some(command.hold);
            wire.hold_ms_max = Some(command.hold_ms_max);
        }
        CommandKind::Trigger => {
            wire.camera = device;
            (wire.at_ticks, wire.until_ticks) = window;
            wire.trigger = Some(command.number);
        }
        CommandKind::Withdraw => {
            // A number that no stroke can have withdraws nothing.
            wire.stroke = Some(u16::try_from(command.number).unwrap_or(0));
        }
        CommandKind::Jog => {
            (wire.diverter, wire.at_ticks) = (device, Some(command.at));
            wire.hold_ms_max = Some(command.hold_ms_max);
        }
    }
}

fn command(wire: &mut Wire, name: Name, header: Header) -> Option<Wanted> {
    let seq = wire.seq.take().filter(|seq| *seq != 0)?;
    let mut command = Command {
        kind: CommandKind::Withdraw,
        seq,
        epoch: header.epoch,
        device: 0,
        at: 0,
        hold: 0,
        hold_ms_max: 0,
        number: 0,
    };
    if name == Name::Withdraw {
        command.number = wire.stroke.take()?.into();
        return Some(Wanted::Command { command, until: 0 });
    }
    command.at = wire.at_ticks.take()?;
    if name == Name::Jog {
        command.kind = CommandKind::Jog;
        (command.device, command.hold_ms_max) = (wire.diverter.take()?, wire.hold_ms_max.take()?);
        let until = command.at;
        return Some(Wanted::Command { command, until });
    }
    let until = wire.until_ticks.take()?;
    // The window begins before it ends, on the belt's travel.
    if until.wrapping_sub(command.at).cast_signed() < 0 {
        return None;
    }
    if name == Name::Stroke {
        command.kind = CommandKind::Stroke;
        command.device = wire.diverter.take()?;
        command.hold = wire.hold_ticks.take()?;
        command.hold_ms_max = wire.hold_ms_max.take()?;
    } else {
        command.kind = CommandKind::Trigger;
        command.device = wire.camera.take()?;
        command.number = wire.trigger.take()?;
    }
    Some(Wanted::Command { command, until })
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: Header = Header {
        id: 17,
        owner: 77,
        epoch: 10,
        deadline_ms: 5_000,
    };

    fn blank(kind: CommandKind) -> Command {
        Command {
            kind,
            seq: 258,
            epoch: HEADER.epoch,
            device: 0,
            at: 0,
            hold: 0,
            hold_ms_max: 0,
            number: 0,
        }
    }

    fn check(wanted: Wanted, rest: &str) {
        let text = format!(r#"{{"id":17,"owner":77,"epoch":10,"deadline_ms":5000,{rest}}}"#);
        let payload = wanted.encode(HEADER);
        assert_eq!(String::from_utf8(payload.clone()).unwrap(), text);
        let name = wanted.name();
        assert_eq!(Name::from_word(name.word()), Some(name));
        assert_eq!(Wanted::decode(name, &payload), Some((HEADER, wanted)));
        for other in Name::ALL.into_iter().filter(|other| *other != name) {
            assert_eq!(Wanted::decode(other, &payload), None, "{other:?} {text}");
        }
    }

    #[test]
    fn commands_there_and_back() {
        let stroke = Command {
            device: 3,
            at: 900,
            hold: 300,
            hold_ms_max: 400,
            ..blank(CommandKind::Stroke)
        };
        check(
            Wanted::Command {
                command: stroke,
                until: 905,
            },
            r#""seq":258,"diverter":3,"at_ticks":900,"until_ticks":905,"hold_ticks":300,"hold_ms_max":400"#,
        );
        let trigger = Command {
            device: 1,
            at: u32::MAX,
            number: 70_000,
            ..blank(CommandKind::Trigger)
        };
        check(
            Wanted::Command {
                command: trigger,
                until: 4,
            },
            r#""seq":258,"camera":1,"at_ticks":4294967295,"until_ticks":4,"trigger":70000"#,
        );
        let withdraw = Command {
            number: 257,
            ..blank(CommandKind::Withdraw)
        };
        check(
            Wanted::Command {
                command: withdraw,
                until: 0,
            },
            r#""seq":258,"stroke":257"#,
        );
        let arm = Wanted::Control {
            request: ControlRequest::Arm,
            watchdog_ms: 100,
        };
        check(arm, r#""request":"arm","watchdog_ms":100"#);
        let reset = Wanted::Control {
            request: ControlRequest::Reset,
            watchdog_ms: 0,
        };
        check(reset, r#""request":"reset""#);
        check(Wanted::Beat { counter: 4 }, r#""counter":4"#);
        let replay = Wanted::Replay {
            from: 655_360,
            count: 15,
        };
        check(replay, r#""from":655360,"count":15"#);
        check(Wanted::Lookup { seq: 258 }, r#""seq":258"#);
    }

    #[test]
    fn a_jog_there_and_back() {
        let jog = Command {
            device: 3,
            at: 900,
            hold_ms_max: 400,
            ..blank(CommandKind::Jog)
        };
        check(
            Wanted::Command {
                command: jog,
                until: 900,
            },
            r#""seq":258,"diverter":3,"at_ticks":900,"hold_ms_max":400"#,
        );
    }

    /// Payloads that are none of the commands, and look like some.
    pub(crate) const NONSENSE: [&str; 18] = [
        "",
        "null",
        "{",
        "{}",
        "[17,77,10,5000,4]",
        r#""counter""#,
        r#"{"id":17,"owner":77,"epoch":10,"deadline_ms":5000}"#,
        r#"{"id":17,"owner":0,"epoch":10,"deadline_ms":5000,"counter":4}"#,
        r#"{"id":17,"owner":77,"epoch":10,"counter":4}"#,
        r#"{"id":-1,"owner":77,"epoch":10,"deadline_ms":5000,"counter":4}"#,
        r#"{"id":17,"owner":77,"epoch":10,"deadline_ms":5000,"counter":65536}"#,
        r#"{"id":17,"owner":77,"epoch":10,"deadline_ms":5000,"counter":4.5}"#,
        r#"{"id":17,"owner":77,"epoch":10,"deadline_ms":5000,"counter":"4"}"#,
        r#"{"id":17,"owner":77,"epoch":10,"deadline_ms":5000,"counter":NaN}"#,
        r#"{"id":17,"owner":77,"epoch":10,"deadline_ms":5000,"counter":4,"counter":5}"#,
        r#"{"id":17,"owner":77,"epoch":10,"deadline_ms":5000,"counter":4,"more":1}"#,
        r#"{"id":17,"owner":77,"epoch":10,"deadline_ms":5000,"counter":4,"seq":1}"#,
        r#"{"id":17,"owner":77,"epoch":10,"deadline_ms":5000,"counter":4}}"#,
    ];

    #[test]
    fn nonsense_is_no_command() {
        for text in NONSENSE {
            for name in Name::ALL {
                assert_eq!(
                    Wanted::decode(name, text.as_bytes()),
                    None,
                    "{name:?} {text}"
                );
            }
        }
        let head = r#"{"id":17,"owner":77,"epoch":10,"deadline_ms":5000"#;
        for (name, rest) in [
            (
                Name::Stroke,
                r#""seq":0,"diverter":3,"at_ticks":900,"until_ticks":905,"hold_ticks":300,"hold_ms_max":400"#,
            ),
            (
                Name::Stroke,
                r#""seq":1,"diverter":3,"at_ticks":900,"until_ticks":899,"hold_ticks":300,"hold_ms_max":400"#,
            ),
            (
                Name::Stroke,
                r#""seq":1,"diverter":3,"at_ticks":900,"until_ticks":905,"hold_ticks":300"#,
            ),
            (
                Name::Stroke,
                r#""seq":1,"camera":3,"at_ticks":900,"until_ticks":905,"trigger":5"#,
            ),
            (Name::Control, r#""request":"arm""#),
            (Name::Control, r#""request":"disarm","watchdog_ms":100"#),
            (Name::Control, r#""request":"explode""#),
        ] {
            let text = format!("{head},{rest}}}");
            assert_eq!(Wanted::decode(name, text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn payloads_are_bounded_before_they_are_read() {
        let mut payload = Wanted::Beat { counter: 4 }.encode(HEADER);
        payload.resize(PAYLOAD_MAX, b' ');
        assert!(Wanted::decode(Name::Beat, &payload).is_some());
        payload.push(b' ');
        assert_eq!(Wanted::decode(Name::Beat, &payload), None);
        let deep = "[".repeat(PAYLOAD_MAX);
        assert_eq!(Wanted::decode(Name::Beat, deep.as_bytes()), None);
    }

    proptest! {
        #[test]
        fn no_payload_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for name in Name::ALL {
                prop_assert_eq!(Wanted::decode(name, &bytes), None);
            }
        }
    }
}
