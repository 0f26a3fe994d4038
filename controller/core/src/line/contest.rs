//! Contests: what becomes of parcels while several hypotheses about them remain, and how a
//! contest ends.

use super::Line;
use super::hypotheses::{Cluster, Hypothesis, MEMBERS_MAX, Place};
use super::joint::Sight;
use super::parcel::{Parcel, Track};
use super::tracking::MISSES_MAX;
use crate::{ParcelId, RejectCause, Step, Ticks};

/// Clusters at once; beyond it the oldest is settled as it stands.
const CLUSTERS_MAX: usize = 64;

impl Line {
    /// Goes by the best hypothesis of a cluster that has changed, and keeps it while others remain.
    pub(super) fn weigh_up(&mut self, mut cluster: Cluster) {
        cluster.prune(self.settled());
        self.adopt(&cluster);
        let lost = cluster.best().is_some_and(|best| {
            let mut places = best.places.iter();
            places.any(|place| place.track.misses >= MISSES_MAX)
        });
        let full = cluster.members().len() > MEMBERS_MAX;
        if cluster.is_settled() || lost || full {
            self.settle(&cluster);
        } else {
            let strangers = cluster.strangers.clone();
            for place in cluster.agreed() {
                self.confirmed(&place, &strangers);
            }
            self.clusters.push_back(cluster);
        }
        if self.clusters.len() > CLUSTERS_MAX
            && let Some(oldest) = self.clusters.pop_front()
        {
            self.settle(&oldest);
        }
        self.wake();
    }

    /// Puts every parcel where the best hypothesis has it.
    fn adopt(&mut self, cluster: &Cluster) {
        let Some(best) = cluster.best() else { return };
        for stranger in &cluster.strangers {
            let gone = best.place(*stranger).is_none();
            let index = self.find(*stranger).filter(|_| gone);
            let quiet = |parcel: &Parcel| parcel.quiet;
            if let Some(index) = index.filter(|index| self.belt.get(*index).is_some_and(quiet)) {
                self.belt.remove(index);
            }
        }
        for place in &best.places {
            match self.find(place.id) {
                Some(index) => self.move_to(index, place),
                None if cluster.strangers.contains(&place.id) => self.insert_stranger(place),
                None => {}
            }
        }
    }

    fn insert_stranger(&mut self, place: &Place) {
        let Track { origin, seen, .. } = place.track;
        let mut parcel = Parcel::new(place.id, origin, seen, self.plan.clone());
        parcel.seen_at = self.now;
        parcel.track = place.track;
        parcel.quiet = true;
        parcel.doubt(RejectCause::Unexpected);
        let index = self.place_of(&place.track);
        self.insert(index, parcel);
    }

    fn move_to(&mut self, index: usize, place: &Place) {
        let now = self.now;
        let Some(parcel) = self.belt.get_mut(index) else {
            return;
        };
        let before = std::mem::replace(&mut parcel.track, place.track);
        if before == place.track {
            return;
        }
        let (id, seen, quiet) = (parcel.id, place.track.seen, parcel.quiet);
        if place.track.misses > before.misses {
            self.withdraw(index, RejectCause::Uncertain);
        } else if seen > before.seen || (seen == before.seen && place.track.origin != before.origin)
        {
            parcel.seen_at = now;
            parcel.suspect = None;
            let position = self.geometry().eye(seen).map_or(0, |eye| eye.position);
            let error_ticks = place.sighting.map_or(0, |sighting| sighting.error);
            let at = place.track.origin.offset(position);
            let eye = self.eye_id(seen);
            let told = Step::Seen {
                eye,
                at,
                error_ticks,
            };
            if !quiet {
                self.step(id, told);
            }
            if !self.left_before(id, position) {
                self.stroke_against_sight(index, position, error_ticks);
            }
            self.was_measured(index, place);
        }
        self.decide(index);
    }

    /// What a parcel is taken to have caused was measured while another was taken for it: strokes
    /// keep clear of all of it.
    fn was_measured(&mut self, index: usize, place: &Place) {
        let known = self.belt.get(index).and_then(|parcel| parcel.length);
        if let (Some(known), Some(length)) = (known, place.length)
            && self.is_another_length(known, length, place.track.seen)
        {
            self.measured(place.id, length);
        }
    }

    /// Nothing else is possible any more for one parcel.
    fn confirmed(&mut self, place: &Place, strangers: &[ParcelId]) {
        let Some(index) = self.find(place.id) else {
            return;
        };
        if strangers.contains(&place.id) {
            return self.name_stranger(index);
        }
        if let Some(sighting) = place.sighting {
            if sighting.regular {
                self.learn(sighting.from, sighting.error);
            }
            self.eyes_saw(sighting.from.saturating_add(1), place.track.seen);
        }
        let position = self
            .geometry()
            .eye(place.track.seen)
            .map_or(0, |eye| eye.position);
        if self.left_before(place.id, position) {
            self.stroke_against_sight(index, position, 0);
            self.decide(index);
        }
    }

    /// A body that is nobody's gets its name, and its life is told from here on.
    pub(super) fn name_stranger(&mut self, index: usize) {
        let Some(parcel) = self.belt.get_mut(index) else {
            return;
        };
        if !std::mem::take(&mut parcel.quiet) {
            return;
        }
        let (id, track) = (parcel.id, parcel.track);
        self.counters.unexpected = self.counters.unexpected.saturating_add(1);
        let position = self
            .geometry()
            .eye(track.seen)
            .map_or(0, |eye| eye.position);
        let at = track.origin.offset(position);
        self.stranger_seen(track.seen, at);
        self.step(
            id,
            Step::Seen {
                eye: self.eye_id(track.seen),
                at,
                error_ticks: 0,
            },
        );
        self.tell(index);
    }

    /// Ends a contest with what is most likely; who remains in doubt goes straight on.
    fn settle(&mut self, cluster: &Cluster) {
        let most = self.topology.config().tracking.doubt_ppb_max;
        let near = self.geometry().margin;
        let Some(best) = cluster.best() else { return };
        for place in &best.places {
            let Some(index) = self.find(place.id) else {
                continue;
            };
            if cluster.doubt_ppb(place.id, near) > most {
                if let Some(parcel) = self.belt.get_mut(index) {
                    parcel.doubt(RejectCause::Uncertain);
                }
                self.withdraw(index, RejectCause::Uncertain);
                self.decide(index);
            }
            self.confirmed(place, &cluster.strangers);
            if place.track.misses >= MISSES_MAX
                && let Some(index) = self.find(place.id)
            {
                self.lose(index);
            }
        }
    }

    /// Ends every contest.
    pub(super) fn settle_all(&mut self) {
        while let Some(cluster) = self.clusters.pop_front() {
            self.settle(&cluster);
        }
    }

    /// A parcel is taken from the belt: what the line believed of it is a fact.
    pub(super) fn remove(&mut self, index: usize) -> Option<Parcel> {
        self.name_stranger(index);
        let parcel = self.belt.remove(index)?;
        self.conclude(parcel.id, Cluster::fix);
        Some(parcel)
    }

    /// A parcel was seen in the chute of its stroke: whatever was seen of it on the belt behind its
    /// diverter was another.
    pub(super) fn remove_diverted(&mut self, index: usize) -> Option<Parcel> {
        let parcel = self.belt.remove(index)?;
        let stroke = parcel.stroke.as_ref();
        let diverter = stroke.and_then(|stroke| self.geometry().diverter(stroke.diverter));
        let position = diverter.map_or(i32::MAX, |diverter| diverter.position);
        let eyes = self.geometry().eyes.iter();
        let before = eyes.filter(|eye| eye.position < position).count();
        self.conclude(parcel.id, |cluster, id| {
            cluster.fix_gone(id, before.saturating_sub(1));
        });
        Some(parcel)
    }

    fn conclude(&mut self, id: ParcelId, fact: impl Fn(&mut Cluster, ParcelId)) {
        let Some(index) = self.clusters.iter().position(|cluster| cluster.has(id)) else {
            return;
        };
        if let Some(mut cluster) = self.clusters.remove(index) {
            fact(&mut cluster, id);
            self.weigh_up(cluster);
        }
    }

    /// Settles clusters that removals have decided, and windows that have passed.
    pub(super) fn clusters_due(&mut self, count: Ticks) {
        // Every turn takes a parcel of every hypothesis past one photo-eye.
        for _ in 0..self.beams.len().saturating_mul(CLUSTERS_MAX) {
            let due = |cluster: &Cluster| {
                let due = self.cluster_due(cluster);
                cluster.is_settled() || due.is_none_or(|due| !count.is_before(due))
            };
            let Some(index) = self.clusters.iter().position(due) else {
                return;
            };
            let Some(mut cluster) = self.clusters.remove(index) else {
                return;
            };
            if self.cluster_due(&cluster).is_none() {
                // No photo-eye can tell more.
                self.settle(&cluster);
                continue;
            }
            cluster.grow(|from, all| all.push(self.expired(from, count)));
            self.weigh_up(cluster);
        }
    }

    fn expired(&self, from: &Hypothesis, count: Ticks) -> Hypothesis {
        let mut after = from.clone();
        for (at, place) in from.places.iter().enumerate() {
            let over = self
                .place_due(place)
                .is_some_and(|due| !count.is_before(due));
            if over && place.track.gone {
                after.unseen(at);
            } else if over && let Some(eye) = self.geometry().eye(place.track.next) {
                let sight = Sight {
                    eye: place.track.next,
                    position: eye.position,
                    at: count,
                };
                let claim = self.claim(place.id, &place.track, &sight);
                after.passes(at, &claim);
            }
        }
        after
    }

    /// Count at which a window of a cluster passes.
    pub(super) fn cluster_due(&self, cluster: &Cluster) -> Option<Ticks> {
        let places = cluster.hypotheses().iter().flat_map(|one| &one.places);
        places
            .filter_map(|place| self.place_due(place))
            .reduce(|a, b| if b.is_before(a) { b } else { a })
    }

    fn place_due(&self, place: &Place) -> Option<Ticks> {
        if place.track.gone {
            let parcel = self.find(place.id).and_then(|index| self.belt.get(index))?;
            let stroke = parcel.stroke.as_ref().filter(|_| !place.unseen)?;
            let late = self.geometry().delivery;
            return Some(self.chute_expires(parcel, stroke)?.offset(late));
        }
        let eye = self.geometry().eye(place.track.next)?;
        let late = self
            .gate_track(&place.track)
            .saturating_add(self.geometry().delivery);
        let expected = self.predict_track(&place.track, eye.position);
        Some(expected.offset(late))
    }
}
