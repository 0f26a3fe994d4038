//! What became of a parcel, in three words: outcome, what happened to it on the belt, and what
//! was decided about it.
//!
//! The three are independent: a parcel can be rejected for a decision that was right (no camera
//! could read it) or although the decision was to sort it (its stroke missed it). Published
//! disposition codes of sorters have the same shape, a digit for the outcome and one for the
//! physical cause, and separate codes for the decision.

use serde::{Deserialize, Serialize};

use crate::{Outcome, RejectCause, Step};

/// A parcel's disposition, derived from the steps of its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disposition {
    /// Where it ended.
    pub outcome: Ending,
    /// What happened on the belt.
    pub physical: Physical,
    /// What was decided, and why.
    pub decision: Decision,
    /// Laps taken before.
    pub laps: u8,
}

/// Where a parcel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It is still under way.
    UnderWay,
    /// Seen in the chute that was decided.
    Sorted,
    /// Seen at the reject chute.
    Rejected,
    /// Seen in another chute.
    Missort,
    /// Not seen again.
    Lost,
}

/// What happened to a parcel on the belt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Physical {
    /// Nothing unusual.
    Regular,
    /// Too near to its neighbor.
    Gap,
    /// Too long or too short to be one parcel.
    Length,
    /// Its place or identity was not certain.
    Uncertain,
    /// It lay on the belt without having been inducted.
    Unexpected,
    /// A stroke was done, and it went on.
    StrokeMissed,
    /// A stroke was not done.
    StrokeRefused,
    /// The belt was stopped under it.
    Stopped,
    /// It vanished.
    Vanished,
    /// Its stroke was done, and nothing has seen it since.
    Unverified,
}

/// What was decided about a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// To the chute of its rule, overflow or hold.
    Chute,
    /// The sort plan sends it to the reject chute.
    Plan,
    /// Nothing was read.
    NoRead,
    /// What was read contradicts itself.
    MultiRead,
    /// Nobody knows where it goes.
    NoDestination,
    /// No rule of the plan has it.
    NoRule,
    /// It is held.
    Hold,
    /// The answer came too late.
    Late,
    /// No chute could take it.
    ChuteUnavailable,
    /// Another stroke stood against it.
    Conflict,
    /// It was not to be diverted: what happened on the belt stood against it.
    StraightOn,
    /// Field node or controller were away.
    Unavailable,
    /// It was not its turn in a sequence.
    Sequence,
    /// It had taken too many laps.
    Laps,
    /// None was made.
    None,
}

impl Disposition {
    /// The disposition of a parcel with these steps, oldest first.
    #[must_use]
    pub fn of<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Self {
        let mut found = Self {
            outcome: Ending::UnderWay,
            physical: Physical::Regular,
            decision: Decision::None,
            laps: 0,
        };
        let mut fired = false;
        for step in steps {
            found.take(step);
            match step {
                Step::Fired { .. } => fired = true,
                Step::Ended {
                    outcome: Outcome::Lost { .. },
                } if fired => found.physical = Physical::Unverified,
                Step::Seen { .. } | Step::Inducted { .. } | Step::Recirculated { .. } => {
                    fired = false;
                }
                Step::Measured { .. }
                | Step::Read { .. }
                | Step::Resolved { .. }
                | Step::Duplicate { .. }
                | Step::Decided { .. }
                | Step::Commanded { .. }
                | Step::Aborted { .. }
                | Step::Doubted { .. }
                | Step::Ended { .. } => {}
            }
        }
        found
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Decided { .. } | Step::Commanded { .. } => self.decision = Decision::Chute,
            Step::Aborted { cause, .. } | Step::Recirculated { cause, .. } => self.blame(*cause),
            Step::Inducted { lap, .. } => {
                self.laps = *lap;
                self.physical = Physical::Regular;
            }
            Step::Ended { outcome } => match outcome {
                Outcome::Sorted { .. } => self.outcome = Ending::Sorted,
                Outcome::Missort { .. } => self.outcome = Ending::Missort,
                Outcome::Rejected { cause } => {
                    self.outcome = Ending::Rejected;
                    self.blame(*cause);
                }
                Outcome::Lost { .. } => {
                    self.outcome = Ending::Lost;
                    self.physical = Physical::Vanished;
                }
            },
            Step::Measured { .. }
            | Step::Read { .. }
            | Step::Resolved { .. }
            | Step::Duplicate { .. }
            | Step::Fired { .. }
            | Step::Seen { .. }
            | Step::Doubted { .. } => {}
        }
    }

    fn blame(&mut self, cause: RejectCause) {
        let (physical, decision) = causes(cause);
        self.decision = decision;
        if physical != Physical::Regular {
            self.physical = physical;
        }
    }
}

/// The physical and the decision cause behind one cause.
#[must_use]
pub const fn causes(cause: RejectCause) -> (Physical, Decision) {
    let straight = Decision::StraightOn;
    let regular = Physical::Regular;
    match cause {
        RejectCause::NoRead { .. } => (regular, Decision::NoRead),
        RejectCause::MultiRead => (regular, Decision::MultiRead),
        RejectCause::NoDestination => (regular, Decision::NoDestination),
        RejectCause::NoRule => (regular, Decision::NoRule),
        RejectCause::Hold => (regular, Decision::Hold),
        RejectCause::Late => (regular, Decision::Late),
        RejectCause::ChuteUnavailable => (regular, Decision::ChuteUnavailable),
        RejectCause::Conflict => (regular, Decision::Conflict),
        RejectCause::Sequence => (regular, Decision::Sequence),
        RejectCause::Plan => (regular, Decision::Plan),
        RejectCause::Laps => (regular, Decision::Laps),
        RejectCause::NodeDown | RejectCause::Restart => (regular, Decision::Unavailable),
        RejectCause::Gap => (Physical::Gap, straight),
        RejectCause::TooLong | RejectCause::TooShort => (Physical::Length, straight),
        RejectCause::Uncertain => (Physical::Uncertain, straight),
        RejectCause::Unexpected => (Physical::Unexpected, straight),
        RejectCause::Stop => (Physical::Stopped, straight),
        RejectCause::FailedDivert => (Physical::StrokeMissed, straight),
        RejectCause::Refused => (Physical::StrokeRefused, straight),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChuteId, EyeId, NoRead, Ticks};

    const AT: Ticks = Ticks(1);

    fn check(steps: &[Step], expected: (Ending, Physical, Decision, u8)) {
        let found = Disposition::of(steps);
        let found = (found.outcome, found.physical, found.decision, found.laps);
        assert_eq!(found, expected, "{steps:?}");
    }

    fn decided() -> Step {
        Step::Decided {
            chute: ChuteId(1),
            reason: "rule".into(),
            plan: "v".into(),
            alternatives: Vec::new(),
        }
    }

    fn ended(outcome: Outcome) -> Step {
        Step::Ended { outcome }
    }

    #[test]
    fn the_three_words_are_independent() {
        let inducted = |lap| Step::Inducted {
            eye: EyeId(0),
            at: AT,
            lap,
        };
        let sorted = ended(Outcome::Sorted { chute: ChuteId(1) });
        let lost = ended(Outcome::Lost { last: EyeId(1) });
        let no_read = RejectCause::NoRead {
            reason: NoRead::NoFrame,
        };
        let missed = RejectCause::FailedDivert;
        check(
            &[inducted(0)],
            (Ending::UnderWay, Physical::Regular, Decision::None, 0),
        );
        check(
            &[inducted(0), decided(), sorted.clone()],
            (Ending::Sorted, Physical::Regular, Decision::Chute, 0),
        );
        check(
            &[decided(), lost],
            (Ending::Lost, Physical::Vanished, Decision::Chute, 0),
        );
        check(
            &[ended(Outcome::Rejected { cause: no_read })],
            (Ending::Rejected, Physical::Regular, Decision::NoRead, 0),
        );
        let round = Step::Recirculated {
            cause: missed,
            lap: 0,
        };
        check(
            &[decided(), round.clone()],
            (
                Ending::UnderWay,
                Physical::StrokeMissed,
                Decision::StraightOn,
                0,
            ),
        );
        check(
            &[round, inducted(1), decided(), sorted],
            (Ending::Sorted, Physical::Regular, Decision::Chute, 1),
        );
    }
}
