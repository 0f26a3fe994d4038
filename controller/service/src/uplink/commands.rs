//! Rules for commands that come over MQTT.
//!
//! A command is `{"id": …, "deadline": …, …}` on the topic `cmd/{name}`; the remaining members are
//! those of [`OperatorCommand`]; or, on `cmd/condition`, a live condition of the transport network,
//! and on `cmd/end_condition` the `condition_id` of one that is over. Retained, expired, far too early, repeated, malformed and too
//! frequent ones are refused, each with a reason.

use std::collections::{BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use sortline_core::OperatorCommand;

use crate::conditions::Told;

/// Longest payload read, bytes.
const PAYLOAD_MAX: usize = 4_096;

/// Ids remembered at least; one whose deadline has not passed is remembered in any case.
const SEEN_MIN: usize = 4_096;

/// Commands accepted in one second.
pub const PER_SECOND_MAX: u32 = 20;

/// Names of the commands that there are.
pub const NAMES: [&str; 7] = [
    "reset",
    "close_bag",
    "empty_chute",
    "enable_chute",
    "key",
    "condition",
    "end_condition",
];

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// The broker kept it from earlier.
    Retained,
    /// Not JSON, no id, no deadline, unknown command, unknown member, or too long.
    Malformed,
    /// Its deadline has passed.
    Expired,
    /// Its deadline is further ahead than the site allows.
    DeadlineTooFar,
    /// A command with its id was here before.
    Duplicate,
    /// Too many commands at once.
    TooMany,
    /// The line takes no commands at the moment.
    Busy,
    /// What it names is not there, or its values are not allowed.
    Invalid,
}

/// What a command wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Something of the line.
    Line(OperatorCommand),
    /// A condition of the transport network holds.
    Condition(Box<Told>),
    /// A condition is over.
    EndCondition(String),
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its id, where one could be read.
    pub id: Option<String>,
    /// The command, or why not.
    pub result: Result<Wanted, Refused>,
}

/// Remembers what was accepted.
#[derive(Debug)]
pub struct Gate {
    ahead_max: SignedDuration,
    seen: BTreeSet<String>,
    /// In the order of acceptance, each with its deadline.
    order: VecDeque<(String, Timestamp)>,
    second: (i64, u32),
}

impl Gate {
    /// A gate that knows at `now` the ids of commands accepted before, oldest last.
    pub fn new(ahead_max_s: u32, known: Vec<String>, now: Timestamp) -> Self {
        let ahead_max = SignedDuration::from_secs(ahead_max_s.into());
        let mut gate = Self {
            ahead_max,
            seen: BTreeSet::new(),
            order: VecDeque::new(),
            second: (0, 0),
        };
        // The latest deadline that they can have had.
        let until = now.saturating_add(ahead_max).unwrap_or(now);
        for id in known.into_iter().rev() {
            gate.remember(id, until, now);
        }
        gate
    }

    /// Judges a message on `cmd/{name}` received at `now`.
    pub fn judge(&mut self, now: Timestamp, name: &str, payload: &[u8], retained: bool) -> Verdict {
        let parsed = parse(name, payload);
        let id = parsed.as_ref().ok().map(|parsed| parsed.id.clone());
        let result = match parsed {
            Err(refused) => Err(refused),
            Ok(_) if retained => Err(Refused::Retained),
            Ok(parsed) => self.admit(now, parsed),
        };
        Verdict { id, result }
    }

    fn admit(&mut self, now: Timestamp, parsed: Parsed) -> Result<Wanted, Refused> {
        let Parsed {
            id,
            deadline,
            wanted,
        } = parsed;
        if deadline < now {
            return Err(Refused::Expired);
        }
        if deadline.duration_since(now) > self.ahead_max {
            return Err(Refused::DeadlineTooFar);
        }
        if self.seen.contains(&id) {
            return Err(Refused::Duplicate);
        }
        let second = now.as_second();
        let before = if self.second.0 == second {
            self.second.1
        } else {
            0
        };
        if before >= PER_SECOND_MAX {
            return Err(Refused::TooMany);
        }
        self.second = (second, before.saturating_add(1));
        self.remember(id, deadline, now);
        Ok(wanted)
    }

    /// Forgets an accepted command that came to nothing, so that it may be sent again.
    pub fn forget(&mut self, id: &str) {
        if self.seen.remove(id) {
            self.order.retain(|(known, _)| known != id);
        }
    }

    fn remember(&mut self, id: String, deadline: Timestamp, now: Timestamp) {
        while self.order.len() >= SEEN_MIN
            && let Some((oldest, _)) = self.order.pop_front_if(|(_, until)| *until < now)
        {
            self.seen.remove(&oldest);
        }
        if self.seen.insert(id.clone()) {
            self.order.push_back((id, deadline));
        }
    }
}

struct Parsed {
    id: String,
    deadline: Timestamp,
    wanted: Wanted,
}

fn parse(name: &str, payload: &[u8]) -> Result<Parsed, Refused> {
    if payload.len() > PAYLOAD_MAX {
        return Err(Refused::Malformed);
    }
    let malformed = |_error| Refused::Malformed;
    let json: Value = serde_json::from_slice(payload).map_err(malformed)?;
    let Value::Object(mut members) = json else {
        return Err(Refused::Malformed);
    };
    let mut text = |key| match members.remove(key) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(Refused::Malformed),
    };
    let (id, deadline) = (text("id")?, text("deadline")?);
    let deadline = deadline.parse().map_err(|_error| Refused::Malformed)?;
    if !is_id(&id) || members.contains_key("command") {
        return Err(Refused::Malformed);
    }
    Ok(Parsed {
        id,
        deadline,
        wanted: wanted(name, members)?,
    })
}

fn wanted(name: &str, mut members: Map<String, Value>) -> Result<Wanted, Refused> {
    let only = |members: &mut Map<String, Value>, key: &str| {
        let value = members.remove(key).filter(|_| members.is_empty());
        value.ok_or(Refused::Malformed)
    };
    let malformed = |_error| Refused::Malformed;
    Ok(match name {
        "condition" => {
            let told = serde_json::from_value(only(&mut members, "condition")?);
            Wanted::Condition(told.map_err(malformed)?)
        }
        "end_condition" => {
            let id = serde_json::from_value(only(&mut members, "condition_id")?);
            Wanted::EndCondition(id.map_err(malformed)?)
        }
        _ => {
            members.insert("command".to_owned(), name.into());
            Wanted::Line(serde_json::from_value(members.into()).map_err(malformed)?)
        }
    })
}

/// Ids become part of a topic: letters, digits and `-_.` only.
fn is_id(id: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&id.len()) && id.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn judge(gate: &mut Gate, name: &str, payload: &str) -> Result<Wanted, Refused> {
        gate.judge(now(), name, payload.as_bytes(), false).result
    }

    fn reset(id: &str, deadline: &str) -> String {
        format!(r#"{{"id":"{id}","deadline":"{deadline}"}}"#)
    }

    #[test]
    fn a_command_in_time_is_accepted_once() {
        let mut gate = Gate::new(60, Vec::new(), now());
        let payload = reset("a-1", "2026-11-23T12:00:30Z");
        assert_eq!(
            judge(&mut gate, "reset", &payload),
            Ok(Wanted::Line(OperatorCommand::Reset))
        );
        assert_eq!(judge(&mut gate, "reset", &payload), Err(Refused::Duplicate));
    }

    #[test]
    fn conditions_come_and_go_by_command() {
        let mut gate = Gate::new(60, Vec::new(), now());
        let head = |id: &str| format!(r#"{{"id":"{id}","deadline":"2026-11-23T12:00:30Z""#);
        let told = r#"{"id":"c1","from":"2026-11-23T12:00:00Z","to":"2026-11-24T12:00:00Z",
            "change":{"kind":"close","place":"DE-LEJ"},"reason":"snow"}"#;
        let payload = format!("{},\"condition\":{told}}}", head("a"));
        let found = judge(&mut gate, "condition", &payload);
        assert!(
            matches!(&found, Ok(Wanted::Condition(told)) if told.reason == "snow"),
            "{found:?}"
        );
        let payload = format!("{},\"condition_id\":\"c1\"}}", head("b"));
        assert_eq!(
            judge(&mut gate, "end_condition", &payload),
            Ok(Wanted::EndCondition("c1".to_owned()))
        );
        for (name, members) in [
            ("condition", r#","condition":{"id":"c1"}"#.to_owned()),
            ("condition", format!(",\"condition\":{told},\"more\":1")),
            ("condition", String::new()),
            ("end_condition", r#","condition_id":7"#.to_owned()),
        ] {
            let payload = format!("{}{members}}}", head("c"));
            let found = judge(&mut gate, name, &payload);
            assert_eq!(found, Err(Refused::Malformed), "{name} {members}");
        }
    }

    #[test]
    fn ids_from_before_a_restart_are_known() {
        let mut gate = Gate::new(60, vec!["a-1".to_owned()], now());
        let payload = reset("a-1", "2026-11-23T12:00:30Z");
        assert_eq!(judge(&mut gate, "reset", &payload), Err(Refused::Duplicate));
    }

    #[test]
    fn an_id_is_known_as_long_as_its_deadline_lasts() {
        let mut gate = Gate::new(3_600, Vec::new(), now());
        let second = |n: i64| now() + SignedDuration::from_secs(n);
        let send = |gate: &mut Gate, id: &str, at: i64, deadline: i64| {
            let payload = reset(id, &second(deadline).to_string());
            gate.judge(second(at), "reset", payload.as_bytes(), false)
                .result
        };
        assert!(send(&mut gate, "first", 0, 3_600).is_ok());
        for n in 0..6_000 {
            let at = 1 + n / 20;
            assert!(send(&mut gate, &format!("n{n}"), at, at).is_ok(), "{n}");
        }
        let again = send(&mut gate, "first", 302, 3_600);
        assert_eq!(again, Err(Refused::Duplicate));
        assert_eq!(gate.seen.len(), gate.order.len());
    }

    #[test]
    fn a_command_that_came_to_nothing_may_come_again() {
        let mut gate = Gate::new(60, Vec::new(), now());
        let payload = reset("a", "2026-11-23T12:00:30Z");
        assert!(judge(&mut gate, "reset", &payload).is_ok());
        gate.forget("a");
        assert!(judge(&mut gate, "reset", &payload).is_ok());
    }

    #[test]
    fn every_bad_command_has_its_reason() {
        let table = [
            (
                "reset",
                reset("a", "2026-11-23T11:59:59Z"),
                Refused::Expired,
            ),
            (
                "reset",
                reset("a", "2026-11-23T12:01:01Z"),
                Refused::DeadlineTooFar,
            ),
            ("reset", reset("a", "soon"), Refused::Malformed),
            (
                "reset",
                reset("a/b", "2026-11-23T12:00:30Z"),
                Refused::Malformed,
            ),
            (
                "reset",
                reset("", "2026-11-23T12:00:30Z"),
                Refused::Malformed,
            ),
            (
                "divert",
                reset("a", "2026-11-23T12:00:30Z"),
                Refused::Malformed,
            ),
            (
                "empty_chute",
                reset("a", "2026-11-23T12:00:30Z"),
                Refused::Malformed,
            ),
            ("reset", "{".to_owned(), Refused::Malformed),
            ("reset", "[]".to_owned(), Refused::Malformed),
            ("reset", "[".repeat(PAYLOAD_MAX), Refused::Malformed),
            ("reset", " ".repeat(PAYLOAD_MAX + 1), Refused::Malformed),
        ];
        for (name, payload, expected) in table {
            let mut gate = Gate::new(60, Vec::new(), now());
            assert_eq!(
                judge(&mut gate, name, &payload),
                Err(expected),
                "{name} {payload:.80}"
            );
        }
    }

    #[test]
    fn a_retained_command_is_refused_under_its_id() {
        let payload = reset("a", "2026-11-23T12:00:30Z");
        let verdict =
            Gate::new(60, Vec::new(), now()).judge(now(), "reset", payload.as_bytes(), true);
        assert_eq!(
            verdict,
            Verdict {
                id: Some("a".to_owned()),
                result: Err(Refused::Retained)
            }
        );
    }

    #[test]
    fn a_flood_is_cut_off() {
        let mut gate = Gate::new(60, Vec::new(), now());
        let results = (0..100).map(|n| {
            judge(
                &mut gate,
                "reset",
                &reset(&format!("a{n}"), "2026-11-23T12:00:30Z"),
            )
        });
        let accepted = results.flatten().count();
        assert_eq!(accepted, 20);
    }
}
