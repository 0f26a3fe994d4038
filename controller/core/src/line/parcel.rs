//! One parcel as the line knows it. A [`Parcel`] is never copied: it lives in exactly one list of
//! the line, and ending it consumes it, so that it cannot have two outcomes.

use std::sync::Arc;

use super::evidence::Evidence;
use crate::{Destination, LineTime, ParcelId, RejectCause, Resolution, Seq, SortPlan, Ticks};

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
    /// The plan sends everything there.
    Everything,
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
            Why::Rule(_) | Why::Everything | Why::Overflow | Why::Hold => None,
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
    /// Length of its parcel.
    pub(super) length: i32,
    pub(super) fire_at: Ticks,
    /// Ticks the output stays on.
    pub(super) hold: u16,
    /// Uncertainty of the position the stroke was computed with.
    pub(super) tolerance: i32,
    pub(super) state: StrokeState,
    /// Set: it may wait in the chute behind one that stays at the photo-eye, up to this count.
    pub(super) behind: Option<Ticks>,
}

/// Where a parcel is, as far as photo-eyes have told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Track {
    /// Count at which the leading edge was at induction, as last re-based.
    pub(super) origin: Ticks,
    /// Belt photo-eye that saw it last, or the one before the induction that merged it.
    pub(super) seen: usize,
    /// Where it merged into the belt, until a photo-eye on the belt has seen it.
    pub(super) entry: Option<i32>,
    /// Belt photo-eye that is to see it next; one past the last: the end of the belt.
    pub(super) next: usize,
    /// Uncertainty beside that of the zone, until it is seen again.
    pub(super) slack: i32,
    /// Photo-eyes in a row that did not see it.
    pub(super) misses: u8,
    /// It has left the belt: the photo-eye behind its diverter did not see it.
    pub(super) gone: bool,
}

impl Track {
    /// First seen by belt photo-eye `seen`.
    pub(super) const fn new(origin: Ticks, seen: usize) -> Self {
        Self {
            origin,
            seen,
            entry: None,
            next: seen.saturating_add(1),
            slack: 0,
            misses: 0,
            gone: false,
        }
    }

    /// True when this belt photo-eye is to see it next.
    pub(super) const fn awaits(&self, eye: usize) -> bool {
        self.next == eye && !self.gone
    }
}

/// A parcel on the belt, on its way into a chute, or on the recirculation conveyor.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) id: ParcelId,
    /// Where it is.
    pub(super) track: Track,
    /// When a photo-eye saw it last.
    pub(super) seen_at: LineTime,
    /// Absent until the trailing edge has passed.
    pub(super) length: Option<i32>,
    pub(super) lap: u8,
    /// Set: it goes straight on, whatever else is known.
    pub(super) doubt: Option<RejectCause>,
    /// Set: it goes straight on until a photo-eye has confirmed it.
    pub(super) unproven: Option<RejectCause>,
    /// Why no stroke was possible for it so far in this lap.
    pub(super) hindrance: Option<RejectCause>,
    pub(super) evidence: Evidence,
    pub(super) resolution: Option<Resolution>,
    /// The destination that a person keyed, so that no reading has to confirm it.
    pub(super) keyed: Option<Destination>,
    /// The plan of its induction.
    pub(super) plan: Arc<SortPlan>,
    /// Index of the plan's rule that matches.
    pub(super) rule: Option<usize>,
    /// Its turn among the chutes of a rule that spreads.
    pub(super) turn: usize,
    /// Diverters that cannot be used for it in this lap.
    pub(super) tried: Vec<usize>,
    pub(super) choice: Option<Choice>,
    /// The choice that was told last.
    pub(super) told: Option<Choice>,
    pub(super) stroke: Option<Sent>,
    /// Diverter for which it waits until the last moment.
    pub(super) waits: Option<usize>,
    /// A chute whose photo-eye saw something that can only be this parcel.
    pub(super) suspect: Option<usize>,
    /// Nobody knows it, and it may be another: its life is not told yet.
    pub(super) quiet: bool,
    /// Count at which something has to be done about it.
    pub(super) due: Ticks,
}

impl Parcel {
    /// A parcel first seen by belt photo-eye `seen`, its leading edge at induction at `origin`.
    pub(super) fn new(id: ParcelId, origin: Ticks, seen: usize, plan: Arc<SortPlan>) -> Self {
        Self {
            id,
            track: Track::new(origin, seen),
            seen_at: LineTime::default(),
            length: None,
            lap: 0,
            doubt: None,
            unproven: None,
            hindrance: None,
            evidence: Evidence::default(),
            resolution: None,
            keyed: None,
            plan,
            rule: None,
            turn: 0,
            tried: Vec::new(),
            choice: None,
            told: None,
            stroke: None,
            waits: None,
            suspect: None,
            quiet: false,
            due: origin,
        }
    }

    /// Makes it ready for another lap that begins at `origin`.
    pub(super) fn next_lap(&mut self, origin: Ticks, plan: Arc<SortPlan>) {
        self.track = Track::new(origin, 0);
        self.lap = self.lap.saturating_add(1);
        self.doubt = None;
        self.unproven = None;
        self.hindrance = None;
        self.evidence.next_lap();
        // Who comes round is known by order and length alone: what a person has seen may have been
        // another.
        self.keyed = None;
        self.plan = plan;
        self.tried.clear();
        self.choice = None;
        self.told = None;
        self.stroke = None;
        self.waits = None;
        self.suspect = None;
    }

    /// Sets a doubt. The first one stays, as it is the cause, unless the new one says more: that
    /// the parcel may be another, or elsewhere.
    pub(super) fn doubt(&mut self, cause: RejectCause) {
        if self
            .doubt
            .is_none_or(|first| is_harmless(first) && !is_harmless(cause))
        {
            self.doubt = Some(cause);
        }
    }

    /// Excludes a diverter for this lap.
    pub(super) fn exclude(&mut self, diverter: usize, cause: RejectCause) {
        self.tried.push(diverter);
        self.hindrance = Some(cause);
    }

    /// True when this diverter may still be used.
    pub(super) fn may_use(&self, diverter: usize) -> bool {
        !self.tried.contains(&diverter)
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

/// True for a doubt that says nothing against a parcel's identity and position: it may go another
/// lap.
pub(super) const fn is_harmless(doubt: RejectCause) -> bool {
    matches!(doubt, RejectCause::Gap | RejectCause::FailedDivert)
}
