//! Hypotheses about the few parcels that compete for edges: which parcel caused which.
//!
//! A [`Cluster`] holds the parcels of which it is not settled where they are. Each hypothesis has
//! all of them in the order of the belt, where it believes them to be, and what it cost so far.
//! The cheapest is what the line goes by; how much the others weigh against it is the
//! probability that a parcel is another one. Multiple-hypothesis tracking after Reid (IEEE
//! Transactions on Automatic Control 24, 1979), with order on the belt as a hard constraint.

use super::parcel::Track;
use super::weigh::{Cost, ppb, weight};
use crate::{ParcelId, Ticks};

/// Hypotheses kept of one cluster; what is cut off counts as doubt.
const HYPOTHESES_MAX: usize = 16;
/// Parcels in one cluster; beyond it the best hypothesis is taken.
pub(super) const MEMBERS_MAX: usize = 8;

/// Where one hypothesis has one parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) id: ParcelId,
    pub(super) track: Track,
    /// Paid in advance for not having been seen yet.
    pub(super) prepaid: Cost,
    /// How it was seen last; `None` when not in this contest.
    pub(super) sighting: Option<Sighting>,
    /// Length of what was seen last, once its trailing edge has passed.
    pub(super) length: Option<i32>,
    /// The chute it should be in has not seen it, and that is paid for.
    pub(super) unseen: bool,
}

impl Place {
    pub(super) const fn new(id: ParcelId, track: Track) -> Self {
        Self {
            id,
            track,
            prepaid: 0,
            sighting: None,
            length: None,
            unseen: false,
        }
    }
}

/// How a photo-eye saw a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    /// Photo-eye that had seen it before.
    pub(super) from: usize,
    /// Distance from where it was expected.
    pub(super) error: i32,
    /// It says how parcels slip.
    pub(super) regular: bool,
}

/// One way how things can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hypothesis {
    pub(super) cost: Cost,
    /// In the order of the belt, first the furthest downstream.
    pub(super) places: Vec<Place>,
}

impl Hypothesis {
    pub(super) fn place(&self, id: ParcelId) -> Option<&Place> {
        self.places.iter().find(|place| place.id == id)
    }
}

/// Parcels that compete for edges.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    /// At least one; the cheapest first.
    hypotheses: Vec<Hypothesis>,
    /// Least cost of what was cut off for want of room.
    cut: Option<Cost>,
    /// Members that exist in some hypotheses only: bodies that nobody may have inducted.
    pub(super) strangers: Vec<ParcelId>,
}

impl Cluster {
    /// A cluster of which everything is certain.
    pub(super) fn new(places: Vec<Place>) -> Self {
        Self {
            hypotheses: vec![Hypothesis { cost: 0, places }],
            cut: None,
            strangers: Vec::new(),
        }
    }

    /// The cheapest hypothesis.
    pub(super) fn best(&self) -> Option<&Hypothesis> {
        self.hypotheses.first()
    }

    pub(super) fn hypotheses(&self) -> &[Hypothesis] {
        &self.hypotheses
    }

    /// Replaces every hypothesis by those that `grow` makes of it.
    pub(super) fn grow(&mut self, mut grow: impl FnMut(&Hypothesis, &mut Vec<Hypothesis>)) {
        let mut grown = Vec::new();
        for hypothesis in &self.hypotheses {
            grow(hypothesis, &mut grown);
        }
        if !grown.is_empty() {
            self.hypotheses = grown;
        }
    }

    /// Sorts, and drops what is `settled` dearer than the best, or has no room.
    pub(super) fn prune(&mut self, settled: Cost) {
        self.hypotheses.sort_by_key(|hypothesis| hypothesis.cost);
        let mut kept: Vec<Hypothesis> = Vec::new();
        let least = self.hypotheses.first().map_or(0, |best| best.cost);
        for hypothesis in self.hypotheses.drain(..) {
            let dear = hypothesis.cost.saturating_sub(least) > settled;
            let same = |other: &Hypothesis| {
                other.places.len() == hypothesis.places.len()
                    && other
                        .places
                        .iter()
                        .zip(&hypothesis.places)
                        .all(|(a, b)| a.id == b.id && a.track == b.track)
            };
            if dear || kept.iter().any(same) {
                continue;
            }
            if kept.len() >= HYPOTHESES_MAX {
                self.cut = Some(
                    self.cut
                        .map_or(hypothesis.cost, |cut| cut.min(hypothesis.cost)),
                );
                break;
            }
            kept.push(hypothesis);
        }
        self.hypotheses = kept;
        self.cut = self.cut.filter(|cut| cut.saturating_sub(least) <= settled);
    }

    /// Members in the order of the best hypothesis, then the others.
    pub(super) fn members(&self) -> Vec<ParcelId> {
        let mut ids: Vec<ParcelId> = Vec::new();
        for place in self.hypotheses.iter().flat_map(|one| &one.places) {
            if !ids.contains(&place.id) {
                ids.push(place.id);
            }
        }
        ids
    }

    /// Nothing is left to be settled.
    pub(super) fn is_settled(&self) -> bool {
        self.hypotheses.len() <= 1 && self.cut.is_none()
    }

    pub(super) fn has(&self, id: ParcelId) -> bool {
        self.hypotheses.iter().any(|one| one.place(id).is_some())
    }

    /// Takes members out of which all hypotheses say the same; gives their places.
    pub(super) fn agreed(&mut self) -> Vec<Place> {
        let mut agreed = Vec::new();
        if self.cut.is_some() {
            return agreed;
        }
        for id in self.members() {
            let mut places = self.hypotheses.iter().map(|one| one.place(id));
            let Some(first) = places.next().flatten().copied() else {
                continue;
            };
            if places.all(|place| place.is_some_and(|place| place.track == first.track)) {
                agreed.push(first);
                self.drop_member(id);
            }
        }
        agreed
    }

    fn forget(&mut self, id: ParcelId) {
        for hypothesis in &mut self.hypotheses {
            hypothesis.places.retain(|place| place.id != id);
        }
    }

    /// What the best hypothesis says of a member has become a fact: it is dropped, with the
    /// hypotheses that say otherwise.
    pub(super) fn fix(&mut self, id: ParcelId) {
        let fact = self.best().and_then(|best| best.place(id)).map(|p| p.track);
        self.hypotheses
            .retain(|one| one.place(id).map(|place| place.track) == fact);
        self.drop_member(id);
    }

    /// A member was seen off the belt: it is dropped, with the hypotheses that have seen it behind
    /// photo-eye `last`, if others remain.
    pub(super) fn fix_gone(&mut self, id: ParcelId, last: usize) {
        let agrees = |one: &Hypothesis| one.place(id).is_none_or(|place| place.track.seen <= last);
        if self.hypotheses.iter().any(agrees) {
            self.hypotheses.retain(agrees);
        }
        self.drop_member(id);
    }

    fn drop_member(&mut self, id: ParcelId) {
        self.forget(id);
        self.strangers.retain(|stranger| *stranger != id);
    }

    /// Probability that a member is not where the best hypothesis has it, in parts per billion.
    /// Places less than `near` apart are one.
    pub(super) fn doubt_ppb(&self, id: ParcelId, near: i32) -> u32 {
        let Some(best) = self.best() else { return 0 };
        let here = best.place(id).map(|place| place.track.origin);
        let relative = |cost: Cost| weight(cost.saturating_sub(best.cost));
        let (mut all, mut wrong) = (0_u128, 0_u128);
        for one in &self.hypotheses {
            let there = one.place(id).map(|place| place.track.origin);
            let same = match (here, there) {
                (Some(a), Some(b)) => a.signed_since(b).saturating_abs() <= near,
                (None, None) => true,
                _ => false,
            };
            let weight = relative(one.cost);
            all = all.saturating_add(weight);
            if !same {
                wrong = wrong.saturating_add(weight);
            }
        }
        if let Some(cut) = self.cut {
            all = all.saturating_add(relative(cut));
            wrong = wrong.saturating_add(relative(cut));
        }
        ppb(wrong, all)
    }

    /// One cluster of two: every hypothesis of one with every one of the other.
    pub(super) fn join(&mut self, other: &Self, settled: Cost) {
        let mut joined = Vec::new();
        for one in &self.hypotheses {
            for two in &other.hypotheses {
                let mut places = one.places.clone();
                places.extend(two.places.iter().copied());
                joined.push(Hypothesis {
                    cost: one.cost.saturating_add(two.cost),
                    places,
                });
            }
        }
        let least = |cluster: &Self| cluster.best().map_or(0, |best| best.cost);
        let cuts = [
            self.cut.map(|cut| cut.saturating_add(least(other))),
            other.cut.map(|cut| cut.saturating_add(least(self))),
        ];
        self.cut = cuts.into_iter().flatten().min();
        self.hypotheses = joined;
        self.strangers.extend(other.strangers.iter().copied());
        self.prune(settled);
    }

    /// Puts the places of every hypothesis into the order of the belt.
    pub(super) fn order(&mut self, reference: Ticks) {
        for hypothesis in &mut self.hypotheses {
            hypothesis.places.sort_by_key(|place| {
                let ahead = place.track.origin.signed_since(reference);
                (core::cmp::Reverse(place.track.next), ahead)
            });
        }
    }
}
