//! What is known of a chute beside its bag: state, count, and why it was switched off.

use jiff::{SignedDuration, Timestamp};
use sortline_core::ChuteState;

/// A reason is given at most this long before what it is for has happened.
const BEFORE: SignedDuration = SignedDuration::from_mins(1);

/// Why a person switched a chute off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// In that person's words.
    pub reason: String,
}

/// One chute.
#[derive(Clone, Debug, Default)]
pub(super) struct ChuteLife {
    pub(super) state: ChuteState,
    pub(super) count: u64,
    pub(super) last: Option<Timestamp>,
    note: Option<Note>,
}

impl ChuteLife {
    /// Somebody said why.
    pub(super) fn explain(&mut self, note: Note) {
        self.note = Some(note);
    }

    /// It was switched on or off. A reason from before that belongs to an earlier time goes; one
    /// that comes later stays, for after a restart reasons are known before the journal is read.
    pub(super) fn switched(&mut self, enabled: bool, at: Timestamp) {
        let grace = if enabled {
            SignedDuration::ZERO
        } else {
            BEFORE
        };
        self.note.take_if(|note| at.duration_since(note.at) > grace);
    }

    /// Why it is off, while it is.
    pub(super) fn note(&self) -> Option<&Note> {
        let off = self.state == ChuteState::Disabled;
        self.note.as_ref().filter(|_| off)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_while_the_chute_is_off() {
        let at = |second: i64| Timestamp::from_second(1_000_000 + second).unwrap();
        let note = |second: i64| Note {
            at: at(second),
            reason: "frame is bent".to_owned(),
        };
        let mut life = ChuteLife::default();
        life.explain(note(0));
        life.switched(false, at(1));
        assert_eq!(life.note(), None, "it is not off yet");
        life.state = ChuteState::Disabled;
        assert_eq!(life.note(), Some(&note(0)));
        life.switched(true, at(60));
        life.switched(false, at(70));
        assert_eq!(life.note(), None, "that was another time");
        // After a restart the reason comes first, then the journal.
        life.explain(note(500));
        life.switched(true, at(60));
        life.switched(false, at(501));
        assert_eq!(life.note(), Some(&note(500)));
        life.switched(false, at(9_000));
        assert_eq!(
            life.note(),
            None,
            "switched off again by somebody who gave no reason"
        );
    }
}
