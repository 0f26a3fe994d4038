//! Which parcel caused an edge, weighed jointly: position with its uncertainty, order, length, and
//! how rare it is that parcels vanish or appear.
//!
//! Most edges have one explanation that is a million times likelier than all others; they re-base
//! their parcel at once. Otherwise the parcels that compete form a [`Cluster`], the line goes by
//! its best hypothesis, and the next edges, lengths and windows that pass settle it. A stroke
//! waits for that as long as it can.

use super::Line;
use super::hypotheses::{Cluster, Hypothesis, Place, Sighting};
use super::parcel::{Parcel, StrokeState, Track};
use super::weigh::{self, Cost};
use crate::planted;
use crate::{ParcelId, Ticks};

/// What is this much dearer than the best, beyond the doubt that a stroke may have, is settled:
/// two bits.
const RESERVE: Cost = 512;

/// An edge at a belt photo-eye.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    pub(super) eye: usize,
    pub(super) position: i32,
    pub(super) at: Ticks,
}

/// How well a parcel that is to be seen next by an eye explains an edge there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    /// Distance from where it was expected.
    error: i32,
    /// It caused the edge; `None` when it is too far away.
    caused: Option<Cost>,
    /// It comes later.
    later: Cost,
    /// It will not come.
    missed: Cost,
    /// A stroke should have taken it away.
    left: bool,
}

/// What an edge says without a contest.
enum Obvious {
    /// It is the parcel at this index.
    Parcel(usize),
    /// It is nobody's.
    Stranger,
    /// There is more than one explanation.
    No,
}

impl Line {
    /// A leading edge at a belt photo-eye behind induction: whose?
    pub(super) fn sight_jointly(&mut self, eye: usize, at: Ticks) -> ParcelId {
        let position = self.geometry().eye(eye).map_or(0, |eye| eye.position);
        let sight = Sight { eye, position, at };
        let touched = self.touched(&sight);
        if touched.is_empty() {
            match self.obvious(&sight) {
                Obvious::Parcel(index) => {
                    let id = self.belt.get(index).map_or(ParcelId(0), |parcel| parcel.id);
                    self.pass_over(index, eye);
                    return self
                        .find(id)
                        .map_or(id, |index| self.rebase(index, eye, at));
                }
                Obvious::Stranger => return self.unexpected(eye, at),
                Obvious::No => {}
            }
        }
        let mut cluster = self.gather(&sight, &touched);
        let stranger = self.new_parcel_id();
        cluster.strangers.push(stranger);
        cluster.grow(|from, all| self.branch(from, &sight, stranger, all));
        self.weigh_up(cluster);
        self.owner(eye, at).unwrap_or(stranger)
    }

    /// The length of the parcel whose leading edge came at `since` is known.
    pub(super) fn length_jointly(&mut self, eye: usize, since: Ticks, length: i32) {
        let position = self.geometry().eye(eye).map_or(0, |eye| eye.position);
        let origin = since.offset(position.saturating_neg());
        let caused = |place: &Place| place.track.seen == eye && place.track.origin == origin;
        let concerned = |cluster: &Cluster| {
            let mut all = cluster.hypotheses().iter().flat_map(|one| &one.places);
            all.any(caused)
        };
        let Some(index) = self.clusters.iter().position(concerned) else {
            return;
        };
        let Some(mut cluster) = self.clusters.remove(index) else {
            return;
        };
        cluster.grow(|from, all| {
            let mut grown = from.clone();
            if let Some(place) = grown.places.iter_mut().find(|place| caused(place)) {
                place.length = Some(length);
                let cost = self.length_cost(place, length);
                grown.cost = grown.cost.saturating_add(cost);
            }
            all.push(grown);
        });
        self.weigh_up(cluster);
    }

    fn length_cost(&self, place: &Place, length: i32) -> Cost {
        let geometry = self.geometry();
        let range = geometry.length_max.saturating_sub(geometry.length_min);
        let known = self.find(place.id).and_then(|index| self.belt.get(index));
        let Some(known) = known.and_then(|parcel| parcel.length) else {
            return weigh::any_length(range);
        };
        // A parcel that slips is measured longer or shorter, here as at induction.
        let zone = place.track.seen.saturating_sub(1);
        let slip = self
            .zones
            .get(zone)
            .map_or(0, |slip| slip.sigma(known, self.zone(zone)));
        weigh::length(length, known, slip.saturating_mul(2), range)
    }

    /// The parcel that the line believes to have caused an edge.
    pub(super) fn owner(&self, eye: usize, since: Ticks) -> Option<ParcelId> {
        let position = self.geometry().eye(eye)?.position;
        let origin = since.offset(position.saturating_neg());
        let caused = |parcel: &&Parcel| parcel.track.seen == eye && parcel.track.origin == origin;
        self.belt.iter().find(caused).map(|parcel| parcel.id)
    }

    /// Probability that a parcel is another one than it is thought to be, in parts per billion.
    pub(super) fn doubt_ppb(&self, id: ParcelId) -> u32 {
        let near = self.geometry().margin;
        let cluster = self.clusters.iter().find(|cluster| cluster.has(id));
        cluster.map_or(0, |cluster| cluster.doubt_ppb(id, near))
    }

    /// The parcels that compete with one for what photo-eyes saw.
    pub(super) fn rivals(&self, id: ParcelId) -> Vec<ParcelId> {
        let cluster = self.clusters.iter().find(|cluster| cluster.has(id));
        let mut rivals = cluster.map(Cluster::members).unwrap_or_default();
        rivals.retain(|rival| *rival != id);
        rivals
    }

    pub(super) fn contested(&self, id: ParcelId) -> bool {
        self.clusters.iter().any(|cluster| cluster.has(id))
    }

    /// Cost above the best at which an explanation is out of the race.
    pub(super) fn settled(&self) -> Cost {
        let most = self.topology.config().tracking.doubt_ppb_max;
        weigh::of_ppb(most).saturating_add(RESERVE)
    }

    pub(super) fn claim(&self, id: ParcelId, track: &Track, sight: &Sight) -> Claim {
        let geometry = self.geometry();
        let expected = self.predict_track(track, sight.position);
        // The spread is learnt from few parcels, and may be larger.
        let sigma = self.sigma_track(track, sight.position);
        let sigma = sigma.saturating_add(sigma / 8);
        let gate = self.gate_track(track);
        let error = sight.at.signed_since(expected);
        let seen = geometry.eye(track.seen).map_or(0, |eye| eye.position);
        // Once it was seen behind its diverter, that the stroke failed is paid for.
        let left = self.left_before(id, sight.position) && !self.left_before(id, seen);
        let failed = if left { weigh::FAILED } else { 0 };
        let missed = if left { 0 } else { self.strays.cost() };
        let least = error.saturating_add(geometry.length_min);
        Claim {
            error,
            caused: (error.saturating_abs() <= gate)
                .then(|| weigh::slip(error, sigma, gate).saturating_add(failed)),
            later: weigh::beyond(least, sigma).min(missed),
            missed,
            left,
        }
    }

    /// True when a stroke upstream of `position` should have taken the parcel away.
    pub(super) fn left_before(&self, id: ParcelId, position: i32) -> bool {
        let parcel = self.find(id).and_then(|index| self.belt.get(index));
        let stroke = parcel.and_then(|parcel| parcel.stroke.as_ref());
        stroke.is_some_and(|stroke| {
            let diverter = self.geometry().diverter(stroke.diverter);
            stroke.state != StrokeState::Withdrawing
                && diverter.is_some_and(|diverter| diverter.position < position)
        })
    }

    /// Bodies that nobody inducted, per tick of belt: as often per pitch of parcels as one is missed.
    fn stranger_cost(&self) -> Cost {
        let geometry = self.geometry();
        let pitch = geometry.length_max.saturating_add(geometry.gap_min);
        weigh::log2(pitch).saturating_add(self.strays.cost())
    }

    /// The only explanation, if there is one that leaves no doubt.
    fn obvious(&self, sight: &Sight) -> Obvious {
        let waits = self.belt.iter().enumerate();
        let waits = waits.filter(|(_, parcel)| parcel.track.awaits(sight.eye));
        let mut claims = waits
            .map(|(index, parcel)| (index, self.claim(parcel.id, &parcel.track, sight)))
            .filter(|(_, claim)| claim.caused.is_some());
        let Some(first) = claims.next() else {
            return Obvious::Stranger;
        };
        if let Some(second) = claims.next() {
            let claims: Vec<_> = [first, second].into_iter().chain(claims).collect();
            self.likeliest(&claims)
        } else {
            self.likeliest(&[first])
        }
    }

    /// The likeliest of some that can have caused an edge, if it leaves no doubt.
    fn likeliest(&self, claims: &[(usize, Claim)]) -> Obvious {
        let sum = |some: &[(usize, Claim)], cost: fn(&Claim) -> Cost| {
            some.iter()
                .fold(0, |all: Cost, (_, one)| all.saturating_add(cost(one)))
        };
        let nobody = self
            .stranger_cost()
            .saturating_add(sum(claims, |claim| claim.later));
        let (mut best, mut second) = ((nobody, None), Cost::MAX);
        for (n, (index, claim)) in claims.iter().enumerate() {
            let (ahead, behind) = claims.split_at(n);
            let behind = behind.get(1..).unwrap_or_default();
            let cost = claim
                .caused
                .unwrap_or(Cost::MAX)
                .saturating_add(sum(ahead, |claim| claim.missed))
                .saturating_add(sum(behind, |claim| claim.later));
            if cost < best.0 {
                second = best.0;
                best = (cost, Some(*index));
            } else {
                second = second.min(cost);
            }
        }
        match best.1 {
            Some(index) if second.saturating_sub(best.0) >= self.settled() => {
                Obvious::Parcel(index)
            }
            _ => Obvious::No,
        }
    }

    /// Nothing overtakes on a belt: parcels ahead of one that an eye has seen will not be seen by
    /// it any more.
    fn pass_over(&mut self, index: usize, eye: usize) {
        let ahead = self.belt.range(..index);
        let passed: Vec<ParcelId> = ahead
            .filter(|parcel| parcel.track.awaits(eye) && !self.contested(parcel.id))
            .map(|parcel| parcel.id)
            .collect();
        for id in passed {
            if let Some(index) = self.find(id).filter(|_| !planted::is(25)) {
                self.missed(index);
            }
        }
    }

    /// Clusters of which a member may have caused the edge.
    fn touched(&self, sight: &Sight) -> Vec<usize> {
        let claims = |place: &Place| {
            place.track.awaits(sight.eye)
                && self.claim(place.id, &place.track, sight).caused.is_some()
        };
        let touched = |cluster: &Cluster| {
            let mut all = cluster.hypotheses().iter().flat_map(|one| &one.places);
            all.any(claims)
        };
        let all = self.clusters.iter().enumerate();
        all.filter(|(_, cluster)| touched(cluster))
            .map(|(index, _)| index)
            .collect()
    }

    /// One cluster of all that compete for the edge.
    fn gather(&mut self, sight: &Sight, touched: &[usize]) -> Cluster {
        let settled = self.settled();
        let free = self.belt.iter().filter(|parcel| {
            parcel.track.awaits(sight.eye)
                && !self.contested(parcel.id)
                && self.claim(parcel.id, &parcel.track, sight).caused.is_some()
        });
        let places = free.map(|parcel| Place::new(parcel.id, parcel.track));
        let mut cluster = Cluster::new(places.collect());
        for index in touched.iter().rev() {
            if let Some(other) = self.clusters.remove(*index) {
                cluster.join(&other, settled);
            }
        }
        cluster.order(sight.at);
        cluster
    }

    /// Every way how one hypothesis can go on with an edge.
    fn branch(&self, from: &Hypothesis, sight: &Sight, id: ParcelId, all: &mut Vec<Hypothesis>) {
        let waits: Vec<(usize, Claim)> = from
            .places
            .iter()
            .enumerate()
            .filter(|(_, place)| place.track.awaits(sight.eye))
            .map(|(at, place)| (at, self.claim(place.id, &place.track, sight)))
            .collect();
        let track = Track::new(sight.at.offset(sight.position.saturating_neg()), sight.eye);
        let mut nobody = from.clone();
        nobody.cost = nobody.cost.saturating_add(self.stranger_cost());
        for (at, claim) in &waits {
            nobody.waits_on(*at, claim);
        }
        let ahead = |place: &Place| place.track.next > sight.eye;
        let first = nobody
            .places
            .iter()
            .take_while(|place| ahead(place))
            .count();
        nobody.places.insert(first, Place::new(id, track));
        all.push(nobody);
        for (n, (own, claim)) in waits.iter().enumerate() {
            let Some(caused) = claim.caused else { continue };
            let mut one = from.clone();
            let ahead = if planted::is(25) { 0 } else { n };
            for (at, claim) in waits.iter().take(ahead) {
                one.passes(*at, claim);
            }
            for (at, claim) in waits.iter().skip(n).skip(1) {
                one.waits_on(*at, claim);
            }
            let Some(place) = one.places.get_mut(*own) else {
                continue;
            };
            place.sighting = Some(Sighting {
                from: place.track.seen,
                error: claim.error,
                regular: place.track.misses == 0 && place.track.slack == 0,
            });
            place.track = track;
            place.length = None;
            let paid = std::mem::take(&mut place.prepaid);
            one.cost = one.cost.saturating_add(caused).saturating_sub(paid);
            all.push(one);
        }
    }
}

impl Hypothesis {
    /// A parcel has not come yet.
    fn waits_on(&mut self, at: usize, claim: &Claim) {
        if let Some(place) = self.places.get_mut(at) {
            let more = claim.later.saturating_sub(place.prepaid).max(0);
            place.prepaid = place.prepaid.saturating_add(more);
            self.cost = self.cost.saturating_add(more);
        }
    }

    /// The chute that a parcel should be in has not seen it.
    pub(super) fn unseen(&mut self, at: usize) {
        if let Some(place) = self.places.get_mut(at) {
            place.unseen = true;
            self.cost = self.cost.saturating_add(weigh::UNSEEN);
        }
    }

    /// A parcel will not come any more.
    pub(super) fn passes(&mut self, at: usize, claim: &Claim) {
        let Some(place) = self.places.get_mut(at) else {
            return;
        };
        if claim.left {
            place.track.gone = true;
        } else {
            place.track.next = place.track.next.saturating_add(1);
            place.track.misses = place.track.misses.saturating_add(1);
        }
        let paid = std::mem::take(&mut place.prepaid);
        let more = claim.missed.saturating_sub(paid).max(0);
        self.cost = self.cost.saturating_add(more);
    }
}
