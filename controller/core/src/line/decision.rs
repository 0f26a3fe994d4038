//! Which chute a parcel is to go to. Decided anew at any change until its stroke is sent, and
//! never after.

use super::Line;
use super::admission::Turn;
use super::parcel::{Choice, Parcel, Why, is_harmless};
use crate::planted;
use crate::topology::ChuteKind;
use crate::{Alternative, ChuteId, Obstacle, RejectCause, Resolution, Step, Ticks};

/// What is known of where a parcel must go.
enum Known {
    /// The plan's rule with this index says.
    Rule(usize),
    /// The plan sends everything to the same chutes.
    Everything,
    /// It is held.
    Hold,
    /// It goes straight on.
    Straight(RejectCause),
    /// Not this lap: another one may help.
    Again(RejectCause),
    /// Not known yet; this is the cause if it stays so.
    Waiting(RejectCause),
}

impl Line {
    /// Chooses anew for the parcel at `index`, unless its stroke was sent.
    pub(super) fn decide(&mut self, index: usize) {
        let Some(parcel) = self.belt.get(index) else {
            return;
        };
        if parcel.stroke.is_some() {
            return;
        }
        let known = self.known(parcel);
        let waiting = matches!(known, Known::Waiting(_));
        let choice = self.choose(parcel, &known);
        if let Some(parcel) = self.belt.get_mut(index) {
            parcel.choice = Some(choice);
        }
        if !waiting {
            self.tell(index);
        }
        let count = self.encoder.count();
        if let Some(count) = count {
            self.set_due(index, count);
            if let Some(due) = self.belt.get(index).map(|parcel| parcel.due) {
                self.due_by(due);
            }
        }
    }

    /// Makes the choice known, once.
    pub(super) fn tell(&mut self, index: usize) {
        let Some(parcel) = self.belt.get_mut(index) else {
            return;
        };
        if parcel.quiet || parcel.choice == parcel.told {
            return;
        }
        let first = parcel.told.is_none();
        parcel.told = parcel.choice;
        let Some(choice) = parcel.choice else { return };
        let reason = match choice.why {
            Why::Rule(rule) => parcel
                .plan
                .rules
                .get(rule)
                .map_or_else(String::new, |rule| rule.name.clone()),
            Why::Everything => String::from("everything"),
            Why::Overflow => String::from("overflow"),
            Why::Hold => String::from("hold"),
            Why::Cause(cause) => name(cause).to_owned(),
        };
        let (id, plan) = (parcel.id, parcel.plan.version.clone());
        let doubtful = parcel.doubt.is_some();
        let alternatives = self
            .belt
            .get(index)
            .map(|parcel| self.alternatives(parcel, choice))
            .unwrap_or_default();
        if let Some(chute) = self.geometry().chute(choice.chute).map(|chute| chute.id) {
            self.step(
                id,
                Step::Decided {
                    chute,
                    reason,
                    plan,
                    alternatives,
                },
            );
        }
        if first && !doubtful {
            let no_read = matches!(choice.why, Why::Cause(RejectCause::NoRead { .. }));
            self.count_read(!no_read);
        }
    }

    fn known(&self, parcel: &Parcel) -> Known {
        if let Some(cause) = parcel.doubt {
            return if is_harmless(cause) {
                Known::Again(cause)
            } else {
                Known::Straight(cause)
            };
        }
        if let Some(cause) = parcel.unproven {
            return Known::Straight(cause);
        }
        if parcel.plan.everything.is_some() {
            return Known::Everything;
        }
        if parcel.evidence.conflict() && parcel.keyed.is_none() && !planted::is(16) {
            return Known::Straight(RejectCause::MultiRead);
        }
        let complete = parcel.evidence.complete(|camera| self.camera_well(camera));
        let no_read = RejectCause::NoRead {
            reason: parcel.evidence.no_read(),
        };
        // A parcel that comes round is known by order and length alone: a reading of this lap
        // has to confirm it.
        if parcel.lap > 0 && parcel.keyed.is_none() && !parcel.evidence.fresh() && !planted::is(17)
        {
            return if complete {
                Known::Again(no_read)
            } else {
                Known::Waiting(no_read)
            };
        }
        match &parcel.resolution {
            Some(Resolution::Sort { .. })
                if !complete && parcel.evidence.in_parts() && parcel.keyed.is_none() =>
            {
                // The part that is not read yet may have another label.
                Known::Waiting(RejectCause::Late)
            }
            Some(Resolution::Sort { .. }) => parcel
                .rule
                .map_or(Known::Straight(RejectCause::NoRule), Known::Rule),
            Some(Resolution::Hold { .. }) => Known::Hold,
            Some(Resolution::Unknown) if complete => Known::Straight(RejectCause::NoDestination),
            Some(Resolution::Unknown) => Known::Waiting(RejectCause::NoDestination),
            None if parcel.evidence.usable() => Known::Waiting(RejectCause::Late),
            None if complete => Known::Again(no_read),
            None => Known::Waiting(no_read),
        }
    }

    fn choose(&self, parcel: &Parcel, known: &Known) -> Choice {
        match *known {
            Known::Straight(cause) => self.straight(parcel, cause),
            Known::Again(cause) | Known::Waiting(cause) => self.again(parcel, cause),
            Known::Hold => {
                let hold = parcel
                    .plan
                    .hold
                    .and_then(|id| self.geometry().chute_index(id));
                match hold {
                    Some(chute) if self.can_go(parcel, chute) => Choice {
                        chute,
                        why: Why::Hold,
                    },
                    _ => self.straight(parcel, RejectCause::Hold),
                }
            }
            Known::Rule(rule) => self.by_rule(parcel, rule),
            Known::Everything => {
                let everything = parcel.plan.everything.as_ref();
                everything.map_or_else(
                    || self.straight(parcel, RejectCause::NoRule),
                    |to| self.by_chutes(parcel, (&to.chutes, to.spread), Why::Everything),
                )
            }
        }
    }

    /// The reject chute: the end of the belt. On a loop that is a chute like others, and what is
    /// not sure enough to be discharged stays on its carrier.
    fn straight(&self, parcel: &Parcel, cause: RejectCause) -> Choice {
        let geometry = self.geometry();
        let stays = || self.waits_a_lap(parcel) || !self.can_go(parcel, geometry.reject);
        let chute = match (geometry.carriers, geometry.recirculation) {
            (Some(_), Some(around)) if stays() => around,
            _ => geometry.reject,
        };
        Choice {
            chute,
            why: Why::Cause(cause),
        }
    }

    /// Another lap if the line has one and the parcel may take it, else the reject chute.
    fn again(&self, parcel: &Parcel, cause: RejectCause) -> Choice {
        let Some(chute) = self.geometry().recirculation else {
            return self.straight(parcel, cause);
        };
        if parcel.lap >= self.topology.config().parcel.laps_max {
            // What no camera reads is a no-read, however often it went round.
            let own = parcel.lap == 0 || matches!(cause, RejectCause::NoRead { .. });
            return self.straight(parcel, if own { cause } else { RejectCause::Laps });
        }
        if self.geometry().carriers.is_some() || self.can_go(parcel, chute) {
            return Choice {
                chute,
                why: Why::Cause(cause),
            };
        }
        self.straight(parcel, parcel.hindrance.unwrap_or(cause))
    }

    fn by_rule(&self, parcel: &Parcel, index: usize) -> Choice {
        let Some(rule) = parcel.plan.rules.get(index) else {
            return self.straight(parcel, RejectCause::NoRule);
        };
        let rules = &parcel.plan.rules;
        let other = rules.get(index ^ 1).filter(|_| planted::is(27));
        let rule = other.unwrap_or(rule);
        match self.turn(parcel, index) {
            Turn::Now => self.by_chutes(parcel, (&rule.chutes, rule.spread), Why::Rule(index)),
            Turn::Later => self.again(parcel, RejectCause::Sequence),
            Turn::Over => self.straight(parcel, RejectCause::Sequence),
        }
    }

    /// The first of these chutes that the parcel can go to; those that `spread` begin at its turn.
    fn by_chutes(&self, parcel: &Parcel, to: (&[ChuteId], bool), why: Why) -> Choice {
        let (chutes, spread) = to;
        let start = if spread { parcel.turn } else { 0 };
        let start = start.checked_rem(chutes.len()).unwrap_or(0);
        let turned = chutes.iter().cycle().skip(start).take(chutes.len());
        let length = parcel.length.unwrap_or(0);
        let mut ready = false;
        for id in turned {
            let Some(chute) = self.geometry().chute_index(*id) else {
                continue;
            };
            if chute == self.geometry().reject {
                return self.straight(parcel, RejectCause::Plan);
            }
            if self.can_go(parcel, chute) {
                return Choice {
                    chute,
                    why: self.why(chute, why),
                };
            }
            ready |= self.chutes.takes(chute, length);
        }
        let overflow = parcel
            .plan
            .overflow
            .and_then(|id| self.geometry().chute_index(id));
        if let Some(chute) = overflow.filter(|chute| self.can_go(parcel, *chute)) {
            return Choice {
                chute,
                why: self.why(chute, Why::Overflow),
            };
        }
        let late = if ready {
            RejectCause::Late
        } else {
            RejectCause::ChuteUnavailable
        };
        self.again(parcel, parcel.hindrance.unwrap_or(late))
    }

    /// A plan that names the recirculation sends a parcel round on purpose.
    fn why(&self, chute: usize, why: Why) -> Why {
        let kind = self.geometry().chute(chute).map(|chute| chute.kind);
        if kind == Some(ChuteKind::Recirculation) {
            Why::Cause(RejectCause::Plan)
        } else {
            why
        }
    }

    /// True when the chute takes parcels and the parcel can still be diverted there.
    fn can_go(&self, parcel: &Parcel, chute: usize) -> bool {
        self.obstacle(parcel, chute).is_none()
    }

    /// What stands against sending the parcel there.
    fn obstacle(&self, parcel: &Parcel, chute: usize) -> Option<Obstacle> {
        let Some((diverter, _)) = self.geometry().diverter_of(chute) else {
            return Some(Obstacle::Disabled);
        };
        let in_time = |count| self.reachable(parcel, diverter, count);
        self.chutes
            .obstacle(chute, parcel.length.unwrap_or(0))
            .or_else(|| (!parcel.may_use(diverter)).then_some(Obstacle::Failed))
            .or_else(|| (!self.encoder.count().is_none_or(in_time)).then_some(Obstacle::Late))
    }

    /// The other chutes that the parcel's rule names, and the overflow where none of them was
    /// chosen, each with what stands against it.
    fn alternatives(&self, parcel: &Parcel, choice: Choice) -> Vec<Alternative> {
        let by_chute = match choice.why {
            Why::Rule(_) | Why::Everything | Why::Overflow => true,
            Why::Hold => false,
            Why::Cause(cause) => {
                matches!(cause, RejectCause::Late | RejectCause::ChuteUnavailable)
                    || parcel.hindrance == Some(cause)
            }
        };
        let named = match (&parcel.plan.everything, parcel.rule) {
            _ if !by_chute => None,
            (Some(to), _) => Some(&to.chutes),
            (None, Some(rule)) => parcel.plan.rules.get(rule).map(|rule| &rule.chutes),
            (None, None) => None,
        };
        let Some(named) = named else {
            return Vec::new();
        };
        let geometry = self.geometry();
        let overflow = parcel
            .plan
            .overflow
            .filter(|_| !matches!(choice.why, Why::Rule(_) | Why::Everything));
        named
            .iter()
            .chain(overflow.iter().filter(|chute| !named.contains(chute)))
            .filter_map(|id| Some((*id, geometry.chute_index(*id)?)))
            .filter(|(_, chute)| *chute != choice.chute && *chute != geometry.reject)
            .map(|(chute, index)| Alternative {
                chute,
                obstacle: self.obstacle(parcel, index),
            })
            .collect()
    }

    /// Count at which the parcel's stroke has to be sent.
    pub(super) fn commit_at(&self, parcel: &Parcel) -> Option<Ticks> {
        if parcel.stroke.is_some() {
            return None;
        }
        let (diverter, _) = self.geometry().diverter_of(parcel.choice?.chute)?;
        self.commit_position(parcel, diverter)
    }
}

/// One word for a cause, as in the serialized form.
fn name(cause: RejectCause) -> &'static str {
    match cause {
        RejectCause::NoRead { .. } => "no_read",
        RejectCause::MultiRead => "multi_read",
        RejectCause::NoDestination => "no_destination",
        RejectCause::NoRule => "no_rule",
        RejectCause::Hold => "hold",
        RejectCause::Gap => "gap",
        RejectCause::TooLong => "too_long",
        RejectCause::TooShort => "too_short",
        RejectCause::ChuteUnavailable => "chute_unavailable",
        RejectCause::Late => "late",
        RejectCause::Conflict => "conflict",
        RejectCause::Refused => "refused",
        RejectCause::Uncertain => "uncertain",
        RejectCause::Unexpected => "unexpected",
        RejectCause::NodeDown => "node_down",
        RejectCause::Restart => "restart",
        RejectCause::Stop => "stop",
        RejectCause::FailedDivert => "failed_divert",
        RejectCause::Laps => "laps",
        RejectCause::Plan => "plan",
        RejectCause::Sequence => "sequence",
    }
}
