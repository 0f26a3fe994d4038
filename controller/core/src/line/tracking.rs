//! Where parcels are, and how sure that is: prediction, re-basing at photo-eyes, misses.

use super::beam::{Beam, Note};
use super::parcel::{Parcel, Track};
use super::schedule::Body;
use super::{Line, PARCELS_MAX};
use crate::planted;
use crate::topology::{DiverterSpec, Geometry, TrackerRule};
use crate::{Edge, ParcelId, RejectCause, Step, Ticks};

/// Standard deviations that count as certain: one in 16,000 is further away, and the margins of
/// a stroke come on top.
pub(super) const SIGMAS: i32 = 4;
/// Standard deviations within which a photo-eye still may see a parcel: one in 1.7 million is
/// further away.
const GATE_SIGMAS: i32 = 5;
/// Photo-eyes in a row that may miss a parcel before it is lost.
pub(super) const MISSES_MAX: u8 = 2;

/// Ticks of blocking after which a belt photo-eye has a parcel. At induction a parcel counts when
/// its trailing edge has passed, as its length tells whether it is a known one that comes round;
/// one longer than the longest counts without.
pub(super) fn accept(geometry: &Geometry, eye: usize) -> i32 {
    if geometry.inducts(eye) {
        geometry.length_max.saturating_add(geometry.chatter)
    } else {
        shortest(geometry)
    }
}

/// Shorter blockings are noise; from here to the shortest parcel something lies on the belt that
/// is no proper parcel.
pub(super) fn shortest(geometry: &Geometry) -> i32 {
    geometry.length_min / 2
}

impl Line {
    /// Count at which a parcel's leading edge is expected at `position`.
    pub(super) fn predict(&self, parcel: &Parcel, position: i32) -> Ticks {
        self.predict_track(&parcel.track, position)
    }

    pub(super) fn predict_track(&self, track: &Track, position: i32) -> Ticks {
        let (travel, zone) = self.travel(track, position);
        let mean = |eye: usize, travel, zone| {
            let slip = self.zones.get(eye);
            slip.map_or(0, |slip| slip.mean(travel, zone))
        };
        let at = track.origin.offset(position);
        if travel <= zone || track.entry.is_some() {
            return at.offset(mean(track.seen, travel, zone));
        }
        self.zones_to(track.seen, travel)
            .fold(at, |at, (eye, travel, zone)| {
                at.offset(mean(eye, travel, zone))
            })
    }

    /// Standard deviation of [`Line::predict`].
    pub(super) fn sigma(&self, parcel: &Parcel, position: i32) -> i32 {
        self.sigma_track(&parcel.track, position)
    }

    pub(super) fn sigma_track(&self, track: &Track, position: i32) -> i32 {
        let (travel, zone) = self.travel(track, position);
        let sigma = |eye: usize, travel, zone| {
            let slip = self.zones.get(eye);
            slip.map_or(0, |slip| slip.sigma(travel, zone))
        };
        let sigma = if travel <= zone || track.entry.is_some() {
            sigma(track.seen, travel, zone)
        } else {
            // What a parcel slips in one zone says nothing about the next: variances add up.
            let squares = self.zones_to(track.seen, travel);
            let squares = squares.fold(0_u64, |sum, (eye, travel, zone)| {
                let sigma = u64::from(sigma(eye, travel, zone).unsigned_abs());
                sum.saturating_add(sigma.saturating_mul(sigma))
            });
            i32::try_from(squares.isqrt()).unwrap_or(i32::MAX)
        };
        sigma.saturating_add(track.slack / SIGMAS)
    }

    /// The zones that `travel` from a belt photo-eye on leads through, each with the travel in it and
    /// its length; beyond the end of the belt goes on as in the last.
    fn zones_to(&self, eye: usize, travel: i32) -> impl Iterator<Item = (usize, i32, i32)> {
        let last = self.geometry().eyes.len().saturating_sub(1);
        let mut left = travel;
        (eye..=last).map_while(move |eye| {
            let zone = self.zone(eye);
            let here = if eye == last { left } else { left.min(zone) };
            left = left.saturating_sub(here);
            (here > 0).then_some((eye, here, zone))
        })
    }

    /// How far a parcel may be from its prediction.
    pub(super) fn tolerance(&self, parcel: &Parcel, position: i32) -> i32 {
        self.sigma(parcel, position).saturating_mul(SIGMAS)
    }

    /// Travel since the parcel was last seen, and the length of the zone that began there.
    fn travel(&self, track: &Track, position: i32) -> (i32, i32) {
        let eye = || self.geometry().eye(track.seen);
        let start = track.entry.or_else(|| eye().map(|eye| eye.position));
        let travel = position.saturating_sub(start.unwrap_or(0));
        (travel, self.zone(track.seen))
    }

    /// Length of the zone that begins at a belt photo-eye.
    pub(super) fn zone(&self, eye: usize) -> i32 {
        let geometry = self.geometry();
        let start = geometry.eye(eye).map_or(0, |eye| eye.position);
        let behind = geometry.eye(eye.saturating_add(1));
        let end = behind.map_or(geometry.end, |eye| eye.position);
        end.saturating_sub(start)
    }

    /// Half the width of the window in which a parcel is expected.
    pub(super) fn gate(&self, parcel: &Parcel) -> i32 {
        self.gate_track(&parcel.track)
    }

    pub(super) fn gate_track(&self, track: &Track) -> i32 {
        let geometry = self.geometry();
        let missed = i32::from(track.misses).saturating_mul(geometry.window / 2);
        let fixed = geometry
            .window
            .saturating_add(missed)
            .saturating_add(track.slack);
        if geometry.rule != TrackerRule::Joint {
            return fixed;
        }
        let next = geometry.eye(track.next);
        let position = next.map_or(geometry.end, |eye| eye.position);
        let spread = self.sigma_track(track, position);
        fixed.max(spread.saturating_mul(GATE_SIGMAS))
    }

    /// A parcel that should have been seen already, and was not, is not where it is thought.
    pub(super) fn overdue(&self, parcel: &Parcel, count: Ticks) -> bool {
        self.geometry().eye(parcel.track.next).is_some_and(|eye| {
            let due = self.predict(parcel, eye.position).offset(self.gate(parcel));
            due.is_before(count)
        })
    }

    /// A parcel as a stroke of this diverter sees it: on a loop, its carrier.
    pub(super) fn body(&self, parcel: &Parcel, spec: &DiverterSpec) -> Body {
        if let Some(carrier) = self.carrier_body(parcel, spec.position) {
            return carrier;
        }
        let length = parcel.length.unwrap_or(self.geometry().length_max);
        let grip = if spec.whole {
            (0, length)
        } else {
            (length / 2, length / 2)
        };
        Body {
            leading: self.predict(parcel, spec.position),
            length,
            grip,
            tolerance: self.tolerance(parcel, spec.position),
        }
    }

    /// True when the parcel is behind its diverter at `at`, by a stroke that was done.
    pub(super) fn has_left(&self, parcel: &Parcel, at: Ticks) -> bool {
        let stroke = parcel.executed();
        let position = stroke.and_then(|stroke| self.geometry().diverter(stroke.diverter));
        position.is_some_and(|diverter| self.middle_at(parcel, diverter.position).is_before(at))
    }

    /// Count at which a parcel's middle, on a loop that of its carrier, is at `position`.
    pub(super) fn middle_at(&self, parcel: &Parcel, position: i32) -> Ticks {
        if let Some(carrier) = self.carrier_body(parcel, position) {
            return carrier.leading.offset(carrier.length / 2);
        }
        self.predict(parcel, position)
            .offset(parcel.length.unwrap_or(0) / 2)
    }

    pub(super) fn belt_eye(&mut self, eye: usize, edge: Edge, at: Ticks) {
        let chatter = self.geometry().chatter;
        let now = self.now;
        match edge {
            Edge::Blocked => {
                // What was under way ended before this edge, even if the belt's count is older.
                self.poll_beam(eye, at);
                let Some(beam) = self.beams.get_mut(eye) else {
                    return;
                };
                if let Some(note) = beam.blocked(at, now, chatter) {
                    self.note(eye, note);
                }
            }
            Edge::Clear => {
                if let Some(beam) = self.beams.get_mut(eye) {
                    beam.clear(at);
                }
                self.poll_beam(eye, at);
                let id = self.eye_id(eye);
                self.alarm(crate::AlarmKind::Jam { eye: id }, false);
                if let Some(on) = self.beams.get(eye).and_then(Beam::chatters) {
                    self.alarm(crate::AlarmKind::Chatter { eye: id }, on);
                }
            }
        }
        let geometry = self.topology.geometry();
        let beam = self.beams.get(eye);
        if let Some(due) = beam.and_then(|beam| beam.due(accept(geometry, eye), chatter)) {
            self.due_by(due);
        }
    }

    pub(super) fn poll_beam(&mut self, eye: usize, count: Ticks) {
        if self.beams.get(eye).is_none_or(Beam::is_idle) {
            return;
        }
        let geometry = self.geometry();
        let (accept, chatter) = (accept(geometry, eye), geometry.chatter);
        // At most a leading and a trailing edge can be due.
        for _ in 0..2 {
            let beam = self.beams.get_mut(eye);
            let Some(note) = beam.and_then(|beam| beam.poll(count, accept, chatter)) else {
                return;
            };
            self.note(eye, note);
        }
    }

    fn note(&mut self, eye: usize, note: Note) {
        let inducts = self.geometry().inducts(eye);
        let parcel = match note {
            Note::Leading { since } if inducts => Some(self.induct(eye, since, None)),
            Note::Leading { since } => Some(self.sight(eye, since)),
            Note::Trailing { length, .. } if length < shortest(self.geometry()) => None,
            Note::Trailing {
                since,
                length,
                accepted,
            } => {
                if inducts && !accepted {
                    self.induct(eye, since, Some(length));
                } else {
                    let known = self.beams.get_mut(eye).and_then(|beam| beam.parcel.take());
                    let mut parcel = known.unwrap_or_else(|| self.sight(eye, since));
                    if !inducts {
                        if !self.clusters.is_empty() {
                            self.length_jointly(eye, since, length);
                        }
                        parcel = self.owner(eye, since).unwrap_or(parcel);
                    }
                    self.measured(parcel, length);
                }
                if eye == 0 {
                    self.last_trailing = Some(since.offset(length));
                }
                None
            }
        };
        if let Some(beam) = self.beams.get_mut(eye) {
            beam.parcel = parcel;
        }
    }

    /// A leading edge at a belt photo-eye behind induction: whose?
    fn sight(&mut self, eye: usize, at: Ticks) -> ParcelId {
        let rule = self.geometry().rule;
        if rule != TrackerRule::Joint {
            return match self.by_baseline(rule, eye, at) {
                Some(index) => self.rebase(index, eye, at),
                None => self.unexpected(eye, at),
            };
        }
        self.sight_jointly(eye, at)
    }

    /// A parcel was seen where it was expected.
    pub(super) fn rebase(&mut self, index: usize, eye: usize, at: Ticks) -> ParcelId {
        let position = self.geometry().eye(eye).map_or(0, |eye| eye.position);
        let error = self
            .belt
            .get(index)
            .map_or(0, |parcel| at.signed_since(self.predict(parcel, position)));
        let now = self.time_of(at);
        let Some(parcel) = self.belt.get_mut(index) else {
            return ParcelId(0);
        };
        parcel.seen_at = now;
        let (id, missed) = (parcel.id, parcel.track.seen.saturating_add(1));
        let learn = parcel.track.misses == 0 && parcel.track.slack == 0;
        if !planted::is(1) {
            parcel.track.origin = at.offset(position.saturating_neg());
        }
        parcel.track.entry = None;
        let zone = std::mem::replace(&mut parcel.track.seen, eye);
        parcel.track.next = eye.saturating_add(1);
        parcel.track.misses = 0;
        parcel.track.slack = 0;
        parcel.suspect = None;
        if learn {
            self.learn(zone, error);
        }
        self.eyes_saw(missed, eye);
        self.step(
            id,
            Step::Seen {
                eye: self.eye_id(eye),
                at,
                error_ticks: error,
            },
        );
        self.stroke_against_sight(index, position, error);
        self.decide(index);
        id
    }

    /// A parcel slipped by `error` in the zone that begins at a belt photo-eye.
    pub(super) fn learn(&mut self, zone: usize, error: i32) {
        self.carrier_seen(error);
        let Some(slip) = self.zones.get_mut(zone) else {
            return;
        };
        slip.learn(if planted::is(2) {
            error.saturating_neg()
        } else {
            error
        });
        if let Some(on) = slip.beyond() {
            let eye = self.eye_id(zone.saturating_add(1));
            self.alarm(crate::AlarmKind::Slip { eye }, on);
        }
    }

    /// A parcel nobody knows lies on the belt: it goes straight on, and strokes keep clear of it.
    pub(super) fn unexpected(&mut self, eye: usize, at: Ticks) -> ParcelId {
        let position = self.geometry().eye(eye).map_or(0, |eye| eye.position);
        let id = self.new_parcel_id();
        let origin = at.offset(position.saturating_neg());
        let mut parcel = Parcel::new(id, origin, eye, self.plan.clone());
        parcel.seen_at = self.time_of(at);
        parcel.doubt(RejectCause::Unexpected);
        self.counters.unexpected = self.counters.unexpected.saturating_add(1);
        self.stranger_seen(eye, at);
        self.step(
            id,
            Step::Seen {
                eye: self.eye_id(eye),
                at,
                error_ticks: 0,
            },
        );
        let place = self.place_of(&parcel.track);
        self.insert(place, parcel);
        id
    }

    /// Where on the belt a body belongs that an eye has just seen: behind all that the eye has seen
    /// before, ahead of all that it has not.
    pub(super) fn place_of(&self, track: &Track) -> usize {
        let seen = |other: &Parcel| other.track.next > track.seen;
        let last = self.belt.iter().rposition(seen);
        last.map_or(0, |last| last.saturating_add(1))
    }

    /// Puts a parcel into the order of the belt.
    pub(super) fn insert(&mut self, place: usize, parcel: Parcel) {
        let mut place = place.min(self.belt.len());
        if self.belt.len() >= PARCELS_MAX {
            self.lose(0);
            place = place.saturating_sub(1);
        }
        self.belt.insert(place, parcel);
        self.decide(place);
        self.wake();
    }

    /// What is due for a parcel at `count`. True when it is still there.
    pub(super) fn parcel_due(&mut self, index: usize, count: Ticks) -> bool {
        let Some(parcel) = self.belt.get(index) else {
            return true;
        };
        let id = parcel.id;
        let expires = self.expires(parcel);
        if !count.is_before(expires) && !self.contest_decides(parcel) {
            self.missed(index);
        } else if self
            .commit_at(parcel)
            .is_some_and(|at| !count.is_before(at))
        {
            self.commit(index, count);
        }
        let still = self.belt.get(index).is_some_and(|parcel| parcel.id == id);
        if still {
            self.set_due(index, count);
        }
        still
    }

    /// The windows of a contested parcel are those of the contest.
    fn contest_decides(&self, parcel: &Parcel) -> bool {
        let eyes = self.geometry().eyes.len();
        !parcel.track.gone && parcel.track.next < eyes && self.contested(parcel.id)
    }

    /// Computes when a parcel is to be looked at next.
    pub(super) fn set_due(&mut self, index: usize, count: Ticks) {
        let Some(parcel) = self.belt.get(index) else {
            return;
        };
        let mut due = self.expires(parcel);
        if let Some(commit) = self
            .commit_at(parcel)
            .filter(|commit| commit.is_before(due))
        {
            due = commit;
        }
        // Never in the past: what could not be settled now is looked at with the next travel.
        if !count.is_before(due) {
            due = count.offset(1);
        }
        if let Some(parcel) = self.belt.get_mut(index) {
            parcel.due = due;
        }
    }
}
