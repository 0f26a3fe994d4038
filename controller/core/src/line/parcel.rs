//! One parcel as the line knows it. A [`Parcel`] is never copied: it lives in exactly one list of
//! the line, and ending it consumes it, so that it cannot have two outcomes.

use std::sync::Arc;

use super::evidence::Evidence;
use crate::{ParcelId, RejectCause, Resolution, Seq, SortPlan, Ticks};

/// Where a parcel is to go, as things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// Index of the chute.
    pub(super) chute: usize,
    /// Why.
    pub(super) why: Why,
}

/// Why a chute was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// By the rule with this index in the parcel's plan.
    Rule(usize),
    /// The rule's chutes cannot take it; this is the plan's overflow.
    Overflow,
    /// It is held, and the plan has a chute for that.
    Hold,
    /// It cannot go where it should.
    Cause(RejectCause),
}

impl Choice {
    /// The cause of not going to the chute of its destination.
    pub(super) const fn cause(&self) -> Option<RejectCause> {
        match self.why {
            Why::Cause(cause) => Some(cause),
            Why::Rule(_) | Why::Overflow | Why::Hold => None,
        }
    }
}

/// How far a stroke has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StrokeState {
    /// Written, or in the node's queue.
    Sent,
    /// Asked back; the node has not answered.
    Withdrawing,
    /// The output was switched on.
    Fired,
    /// The output was switched off again.
    Done,
    /// Nobody knows whether it was done.
    Unknown,
}

/// A stroke commanded for a parcel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) seq: Seq,
    /// Index of the diverter.
    pub(super) diverter: usize,
    /// Index of the chute.
    pub(super) chute: usize,
    pub(super) fire_at: Ticks,
    /// Uncertainty of the position the stroke was computed with.
    pub(super) tolerance: i32,
    pub(super) state: StrokeState,
}

/// A parcel on the belt, on its way into a chute, or on the recirculation conveyor.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) id: ParcelId,
    /// Count at which the leading edge was at induction, as last re-based.
    pub(super) origin: Ticks,
    /// Belt photo-eye that saw it last.
    pub(super) seen: usize,
    /// Belt photo-eye that is to see it next; one past the last: the end of the belt.
    pub(super) next: usize,
    /// Uncertainty beside that of the zone, until it is seen again.
    pub(super) slack: i32,
    /// Absent until the trailing edge has passed.
    pub(super) length: Option<i32>,
    pub(super) lap: u8,
    /// Photo-eyes in a row that did not see it.
    pub(super) misses: u8,
    /// Set: it goes straight on, whatever else is known.
    pub(super) doubt: Option<RejectCause>,
    /// Why no stroke was possible for it so far in this lap.
    pub(super) hindrance: Option<RejectCause>,
    pub(super) evidence: Evidence,
    pub(super) resolution: Option<Resolution>,
    /// A person keyed the destination, so no reading has to confirm it.
    pub(super) keyed: bool,
    /// The plan of its induction.
    pub(super) plan: Arc<SortPlan>,
    /// Index of the plan's rule that matches.
    pub(super) rule: Option<usize>,
    /// Its turn among the chutes of a rule that spreads.
    pub(super) turn: usize,
    /// Diverters that cannot be used for it in this lap, one bit each.
    pub(super) tried: u64,
    pub(super) choice: Option<Choice>,
    /// The choice that was told last.
    pub(super) told: Option<Choice>,
    pub(super) stroke: Option<Sent>,
    /// A chute whose photo-eye saw something that can only be this parcel.
    pub(super) suspect: Option<usize>,
    /// It has left the belt: the photo-eye behind its diverter did not see it.
    pub(super) gone: bool,
    /// Count at which something has to be done about it.
    pub(super) due: Ticks,
}

impl Parcel {
    /// A parcel first seen by belt photo-eye `seen`, its leading edge at induction at `origin`.
    pub(super) fn new(id: ParcelId, origin: Ticks, seen: usize, plan: Arc<SortPlan>) -> Self {
        Self {
            id,
            origin,
            seen,
            next: seen.saturating_add(1),
            slack: 0,
            length: None,
            lap: 0,
            misses: 0,
            doubt: None,
            hindrance: None,
            evidence: Evidence::default(),
            resolution: None,
            keyed: false,
            plan,
            rule: None,
            turn: 0,
            tried: 0,
            choice: None,
            told: None,
            stroke: None,
            suspect: None,
            gone: false,
            due: origin,
        }
    }

    /// Makes it ready for another lap that begins at `origin`.
    pub(super) fn next_lap(&mut self, origin: Ticks, plan: Arc<SortPlan>) {
        self.origin = origin;
        self.seen = 0;
        self.next = 1;
        self.slack = 0;
        self.lap = self.lap.saturating_add(1);
        self.misses = 0;
        self.doubt = None;
        self.hindrance = None;
        self.evidence.next_lap();
        self.plan = plan;
        self.tried = 0;
        self.choice = None;
        self.told = None;
        self.stroke = None;
        self.suspect = None;
        self.gone = false;
    }

    /// Sets a doubt; the first one stays, as it is the cause.
    pub(super) fn doubt(&mut self, cause: RejectCause) {
        self.doubt.get_or_insert(cause);
    }

    /// Excludes a diverter for this lap.
    pub(super) fn exclude(&mut self, diverter: usize, cause: RejectCause) {
        self.tried |= bit(diverter);
        self.hindrance = Some(cause);
    }

    /// True when this diverter may still be used.
    pub(super) fn may_use(&self, diverter: usize) -> bool {
        self.tried & bit(diverter) == 0
    }

    /// The stroke that was or may have been executed.
    pub(super) fn executed(&self) -> Option<&Sent> {
        self.stroke.as_ref().filter(|stroke| {
            matches!(
                stroke.state,
                StrokeState::Fired | StrokeState::Done | StrokeState::Unknown
            )
        })
    }
}

fn bit(diverter: usize) -> u64 {
    u32::try_from(diverter)
        .ok()
        .and_then(|shift| 1_u64.checked_shl(shift))
        .unwrap_or(0)
}
