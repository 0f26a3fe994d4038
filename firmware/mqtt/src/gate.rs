//! Which commands a node executes, and why it refuses the others.
//!
//! A broker may keep, repeat, delay and reorder messages, and may be reached by others. Nothing of
//! that may move anything: a command is executed once, for the epoch and by the time its sender
//! meant, or never. No clocks need to agree, because a deadline is on the node's own time.

use serde::{Deserialize, Serialize};

use crate::PAYLOAD_MAX;
use crate::command::{Header, Name, Wanted};

/// A deadline further ahead than this is none, milliseconds.
const AHEAD_MS_MAX: u32 = 5_000;

/// Why a command is not executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The broker kept it from earlier.
    Retained,
    /// It is no command of the contract.
    Malformed,
    /// Another controller holds the node.
    Foreign,
    /// Its deadline has passed.
    Expired,
    /// Its deadline is further ahead than makes sense.
    DeadlineTooFar,
    /// It is for another epoch.
    StaleEpoch,
    /// The last command of its name had the same id.
    Duplicate,
    /// A later command of its name was here before.
    Replayed,
}

impl Refused {
    /// Every reason, with its word.
    pub const ALL: [(&str, Self); 8] = [
        ("retained", Self::Retained),
        ("malformed", Self::Malformed),
        ("foreign", Self::Foreign),
        ("expired", Self::Expired),
        ("deadline_too_far", Self::DeadlineTooFar),
        ("stale_epoch", Self::StaleEpoch),
        ("duplicate", Self::Duplicate),
        ("replayed", Self::Replayed),
    ];
}

/// How often each reason was given; wraps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refusals {
    /// [`Refused::Retained`].
    pub retained: u32,
    /// [`Refused::Malformed`].
    pub malformed: u32,
    /// [`Refused::Foreign`].
    pub foreign: u32,
    /// [`Refused::Expired`].
    pub expired: u32,
    /// [`Refused::DeadlineTooFar`].
    pub deadline_too_far: u32,
    /// [`Refused::StaleEpoch`].
    pub stale_epoch: u32,
    /// [`Refused::Duplicate`].
    pub duplicate: u32,
    /// [`Refused::Replayed`].
    pub replayed: u32,
}

impl Refusals {
    const fn count(&mut self, refused: Refused) {
        let counter = match refused {
            Refused::Retained => &mut self.retained,
            Refused::Malformed => &mut self.malformed,
            Refused::Foreign => &mut self.foreign,
            Refused::Expired => &mut self.expired,
            Refused::DeadlineTooFar => &mut self.deadline_too_far,
            Refused::StaleEpoch => &mut self.stale_epoch,
            Refused::Duplicate => &mut self.duplicate,
            Refused::Replayed => &mut self.replayed,
        };
        *counter = counter.wrapping_add(1);
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u32 {
        [
            self.retained,
            self.malformed,
            self.foreign,
            self.expired,
            self.deadline_too_far,
            self.stale_epoch,
            self.duplicate,
            self.replayed,
        ]
        .into_iter()
        .fold(0, u32::wrapping_add)
    }
}

/// What the gate must know of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Present epoch.
    pub epoch: u16,
    /// Milliseconds since its start; wraps.
    pub uptime_ms: u32,
    /// Who armed it; `None` while it is not armed.
    pub holder: Option<u32>,
}

/// What became of a command at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What it said about itself, where that could be read.
    pub header: Option<Header>,
    /// What is to be done, or why it is not.
    pub result: Result<Wanted, Refused>,
}

/// Judges commands, and counts those that it refuses.
#[derive(Debug, Default)]
pub struct Gate {
    epoch: u16,
    /// Id of the last command that passed in this epoch, by name: a broker keeps the order on one
    /// topic, not between topics.
    passed: [Option<u32>; Name::ALL.len()],
    last_id: u32,
    refusals: Refusals,
}

impl Gate {
    /// Judges a message on `cmd/{name}`.
    pub fn judge(&mut self, name: &str, payload: &[u8], retained: bool, view: View) -> Judged {
        let found = Name::from_word(name)
            .filter(|_| payload.len() <= PAYLOAD_MAX)
            .and_then(|name| Wanted::decode(name, payload));
        let Some((header, wanted)) = found else {
            let refused = if retained {
                Refused::Retained
            } else {
                Refused::Malformed
            };
            self.refusals.count(refused);
            return Judged {
                header: None,
                result: Err(refused),
            };
        };
        let result = self.check(header, &wanted, retained, view);
        if let Err(refused) = result {
            self.refusals.count(refused);
        }
        Judged {
            header: Some(header),
            result: result.map(|()| wanted),
        }
    }

    /// Highest id that passed so far: a controller goes on from it.
    #[must_use]
    pub const fn last_id(&self) -> u32 {
        self.last_id
    }

    /// What was refused so far.
    #[must_use]
    pub const fn refusals(&self) -> Refusals {
        self.refusals
    }

    fn check(
        &mut self,
        header: Header,
        wanted: &Wanted,
        retained: bool,
        view: View,
    ) -> Result<(), Refused> {
        if retained {
            return Err(Refused::Retained);
        }
        let foreign = match view.holder {
            Some(holder) => holder != header.owner && !is_question(wanted),
            // Whoever wants a node that nobody holds must arm it first.
            None => matches!(wanted, Wanted::Beat { .. }),
        };
        if foreign {
            return Err(Refused::Foreign);
        }
        let ahead_ms = header.deadline_ms.wrapping_sub(view.uptime_ms);
        if ahead_ms.cast_signed() < 0 {
            return Err(Refused::Expired);
        }
        if ahead_ms > AHEAD_MS_MAX {
            return Err(Refused::DeadlineTooFar);
        }
        if header.epoch != view.epoch {
            return Err(Refused::StaleEpoch);
        }
        self.pass(header.id, wanted.name(), view.epoch)
    }

    fn pass(&mut self, id: u32, name: Name, epoch: u16) -> Result<(), Refused> {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.passed = [None; Name::ALL.len()];
        }
        let index = Name::ALL.iter().position(|other| *other == name);
        let Some(last) = index.and_then(|index| self.passed.get_mut(index)) else {
            return Err(Refused::Malformed);
        };
        match last.map(|last| id.wrapping_sub(last).cast_signed()) {
            Some(0) => return Err(Refused::Duplicate),
            Some(..0) => return Err(Refused::Replayed),
            Some(_) | None => *last = Some(id),
        }
        if id.wrapping_sub(self.last_id).cast_signed() > 0 || self.last_id == 0 {
            self.last_id = id;
        }
        Ok(())
    }
}

/// Questions change nothing, so anyone may ask them.
const fn is_question(wanted: &Wanted) -> bool {
    matches!(wanted, Wanted::Replay { .. } | Wanted::Lookup { .. })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sortline_regmap::ControlRequest;

    use super::*;
    use crate::command::tests::NONSENSE;

    const VIEW: View = View {
        epoch: 10,
        uptime_ms: 5_000,
        holder: Some(77),
    };

    const HEADER: Header = Header {
        id: 17,
        owner: 77,
        epoch: 10,
        deadline_ms: 5_050,
    };

    fn judge(gate: &mut Gate, wanted: &Wanted, header: Header, view: View) -> Option<Refused> {
        let judged = gate.judge(wanted.name().word(), &wanted.encode(header), false, view);
        assert_eq!(judged.header, Some(header));
        if let Ok(passed) = judged.result {
            assert_eq!(passed, *wanted);
        }
        judged.result.err()
    }

    #[test]
    fn what_is_not_meant_for_now_is_refused_by_name() {
        let beat = Wanted::Beat { counter: 1 };
        let check = |header: Header, view: View, expected: Option<Refused>| {
            let mut gate = Gate::default();
            assert_eq!(
                judge(&mut gate, &beat, header, view),
                expected,
                "{header:?}"
            );
            assert_eq!(gate.refusals().total(), u32::from(expected.is_some()));
        };
        check(HEADER, VIEW, None);
        let due = |deadline_ms| Header {
            deadline_ms,
            ..HEADER
        };
        check(due(5_000), VIEW, None);
        check(due(4_999), VIEW, Some(Refused::Expired));
        check(due(10_000), VIEW, None);
        check(due(10_001), VIEW, Some(Refused::DeadlineTooFar));
        let wrapping = View {
            uptime_ms: u32::MAX - 5,
            ..VIEW
        };
        check(due(10), wrapping, None);
        check(due(u32::MAX - 6), wrapping, Some(Refused::Expired));
        let foreign = Header {
            owner: 78,
            ..HEADER
        };
        check(foreign, VIEW, Some(Refused::Foreign));
        let stale = Header { epoch: 9, ..HEADER };
        check(stale, VIEW, Some(Refused::StaleEpoch));
        let free = View {
            holder: None,
            ..VIEW
        };
        check(HEADER, free, Some(Refused::Foreign));
    }

    #[test]
    fn a_node_that_nobody_holds_can_be_armed_and_anyone_may_ask() {
        let arm = Wanted::Control {
            request: ControlRequest::Arm,
            watchdog_ms: 100,
        };
        let free = View {
            holder: None,
            ..VIEW
        };
        let other = Header {
            owner: 78,
            ..HEADER
        };
        assert_eq!(judge(&mut Gate::default(), &arm, other, free), None);
        let held = judge(&mut Gate::default(), &arm, other, VIEW);
        assert_eq!(held, Some(Refused::Foreign));
        let question = Wanted::Lookup { seq: 5 };
        assert_eq!(judge(&mut Gate::default(), &question, other, VIEW), None);
    }

    #[test]
    fn ids_go_on_by_name_and_begin_anew_with_the_epoch() {
        let mut gate = Gate::default();
        let beat = Wanted::Beat { counter: 1 };
        let mut check = |wanted: &Wanted, id: u32, epoch: u16, expected: Option<Refused>| {
            let header = Header {
                id,
                epoch,
                ..HEADER
            };
            let view = View { epoch, ..VIEW };
            assert_eq!(judge(&mut gate, wanted, header, view), expected, "{id}");
            gate.last_id()
        };
        assert_eq!(check(&beat, 17, 10, None), 17);
        assert_eq!(check(&beat, 17, 10, Some(Refused::Duplicate)), 17);
        assert_eq!(check(&beat, 16, 10, Some(Refused::Replayed)), 17);
        // Between topics the order is not kept.
        assert_eq!(check(&Wanted::Lookup { seq: 1 }, 16, 10, None), 17);
        assert_eq!(check(&beat, 18, 10, None), 18);
        assert_eq!(check(&beat, u32::MAX, 10, Some(Refused::Replayed)), 18);
        assert_eq!(check(&beat, 3, 11, None), 18);
    }

    #[test]
    fn what_the_broker_kept_is_refused_whatever_it_is() {
        let mut gate = Gate::default();
        let beat = Wanted::Beat { counter: 1 };
        let kept = gate.judge("beat", &beat.encode(HEADER), true, VIEW);
        assert_eq!(kept.result, Err(Refused::Retained));
        assert_eq!(
            gate.judge("beat", b"x", true, VIEW).result,
            Err(Refused::Retained)
        );
        assert_eq!(gate.refusals().retained, 2);
        assert_eq!(judge(&mut gate, &beat, HEADER, VIEW), None);
    }

    #[test]
    fn nonsense_is_counted() {
        let mut gate = Gate::default();
        for text in NONSENSE {
            let judged = gate.judge("beat", text.as_bytes(), false, VIEW);
            assert_eq!(
                (judged.header, judged.result),
                (None, Err(Refused::Malformed))
            );
        }
        let judged = gate.judge("explode", b"{}", false, VIEW);
        assert_eq!(judged.result, Err(Refused::Malformed));
        assert_eq!(gate.refusals().malformed, 19);
    }

    proptest! {
        #[test]
        fn an_id_passes_once(ids in proptest::collection::vec(0..40_u32, 0..60)) {
            let mut gate = Gate::default();
            let mut passed = Vec::new();
            for id in ids {
                let beat = Wanted::Beat { counter: 1 };
                if judge(&mut gate, &beat, Header { id, ..HEADER }, VIEW).is_none() {
                    passed.push(id);
                }
            }
            prop_assert!(passed.is_sorted_by(|a, b| a < b), "{:?}", passed);
        }
    }
}
