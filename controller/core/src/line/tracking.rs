//! Where parcels are, and how sure that is: prediction, re-basing at photo-eyes, misses.

use super::associate::{Candidate, associate};
use super::beam::Note;
use super::parcel::{Parcel, StrokeState};
use super::schedule::Body;
use super::{Line, PARCELS_MAX};
use crate::topology::Geometry;
use crate::{Edge, Outcome, ParcelId, RejectCause, Step, Ticks};

/// Standard deviations that count as certain: one in 16,000 is further away, and the margins of
/// a stroke come on top.
const SIGMAS: i32 = 4;
/// Photo-eyes in a row that may miss a parcel before it is lost.
const MISSES_MAX: u8 = 2;
/// A length measured again may differ by this part of itself, beside the edges' own error:
/// a parcel may turn a little on the belt.
const LENGTH_SHARE: i32 = 8;

/// Ticks of blocking after which a belt photo-eye has a parcel. At induction a parcel counts when
/// its trailing edge has passed, as its length tells whether it is a known one that comes round;
/// one longer than the longest counts without.
pub(super) fn accept(geometry: &Geometry, eye: usize) -> i32 {
    if eye == 0 {
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
        let (travel, zone) = self.travel(parcel, position);
        let creep = self
            .zones
            .get(parcel.seen)
            .map_or(0, |slip| slip.mean(travel, zone));
        parcel.origin.offset(position).offset(creep)
    }

    /// Standard deviation of [`Line::predict`].
    pub(super) fn sigma(&self, parcel: &Parcel, position: i32) -> i32 {
        let (travel, zone) = self.travel(parcel, position);
        let sigma = self
            .zones
            .get(parcel.seen)
            .map_or(0, |slip| slip.sigma(travel, zone));
        sigma.saturating_add(parcel.slack / SIGMAS)
    }

    /// How far a parcel may be from its prediction.
    pub(super) fn tolerance(&self, parcel: &Parcel, position: i32) -> i32 {
        self.sigma(parcel, position).saturating_mul(SIGMAS)
    }

    /// Travel since the parcel was last seen, and the length of the zone that began there.
    fn travel(&self, parcel: &Parcel, position: i32) -> (i32, i32) {
        let geometry = self.geometry();
        let start = geometry.eye(parcel.seen).map_or(0, |eye| eye.position);
        let behind = geometry.eye(parcel.seen.saturating_add(1));
        let end = behind.map_or(geometry.end, |eye| eye.position);
        (position.saturating_sub(start), end.saturating_sub(start))
    }

    /// Half the width of the window in which a parcel is expected.
    pub(super) fn gate(&self, parcel: &Parcel) -> i32 {
        let window = self.geometry().window;
        let missed = i32::from(parcel.misses).saturating_mul(window / 2);
        window.saturating_add(missed).saturating_add(parcel.slack)
    }

    /// A parcel as a stroke at `position` sees it.
    pub(super) fn body(&self, parcel: &Parcel, position: i32) -> Body {
        Body {
            leading: self.predict(parcel, position),
            length: parcel.length.unwrap_or(self.geometry().length_max),
            tolerance: self.tolerance(parcel, position),
        }
    }

    /// True when the parcel is behind its diverter at `at`, by a stroke that was done.
    pub(super) fn has_left(&self, parcel: &Parcel, at: Ticks) -> bool {
        let stroke = parcel.executed();
        let position = stroke.and_then(|stroke| self.geometry().diverter(stroke.diverter));
        position.is_some_and(|diverter| self.middle_at(parcel, diverter.position).is_before(at))
    }

    /// Count at which a parcel's middle is at `position`.
    pub(super) fn middle_at(&self, parcel: &Parcel, position: i32) -> Ticks {
        self.predict(parcel, position)
            .offset(parcel.length.unwrap_or(0) / 2)
    }

    pub(super) fn belt_eye(&mut self, eye: usize, edge: Edge, at: Ticks) {
        let chatter = self.geometry().chatter;
        let now = self.now;
        self.wake();
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
                self.alarm(
                    crate::AlarmKind::Jam {
                        eye: self.eye_id(eye),
                    },
                    false,
                );
            }
        }
    }

    pub(super) fn poll_beam(&mut self, eye: usize, count: Ticks) {
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
        let parcel = match note {
            Note::Leading { since } if eye == 0 => Some(self.induct(since, None)),
            Note::Leading { since } => Some(self.sight(eye, since)),
            Note::Trailing { length, .. } if length < shortest(self.geometry()) => None,
            Note::Trailing {
                since,
                length,
                accepted,
            } => {
                if eye == 0 && !accepted {
                    self.induct(since, Some(length));
                } else {
                    let known = self.beams.get_mut(eye).and_then(|beam| beam.parcel.take());
                    let parcel = known.unwrap_or_else(|| self.sight(eye, since));
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
        let position = self.geometry().eye(eye).map_or(0, |eye| eye.position);
        let candidates = self.belt.iter().enumerate().filter_map(|(index, parcel)| {
            if parcel.next != eye || parcel.gone {
                return None;
            }
            let deviation = at.signed_since(self.predict(parcel, position));
            let sigma = self.sigma(parcel, position);
            let inside = deviation.saturating_abs() <= self.gate(parcel);
            inside.then_some(Candidate {
                index,
                deviation,
                sigma,
            })
        });
        let Some(winner) = associate(candidates) else {
            return self.unexpected(eye, at);
        };
        if let Some(rival) = winner.rival {
            for index in [winner.index, rival] {
                if let Some(parcel) = self.belt.get_mut(index) {
                    parcel.doubt(RejectCause::Uncertain);
                }
                self.decide(index);
            }
        }
        self.rebase(winner.index, eye, at)
    }

    /// A parcel was seen where it was expected.
    fn rebase(&mut self, index: usize, eye: usize, at: Ticks) -> ParcelId {
        let position = self.geometry().eye(eye).map_or(0, |eye| eye.position);
        let error = self
            .belt
            .get(index)
            .map_or(0, |parcel| at.signed_since(self.predict(parcel, position)));
        let Some(parcel) = self.belt.get_mut(index) else {
            return ParcelId(0);
        };
        let (id, missed) = (parcel.id, parcel.seen.saturating_add(1));
        let learn = parcel.misses == 0 && parcel.slack == 0;
        parcel.origin = at.offset(position.saturating_neg());
        let zone = std::mem::replace(&mut parcel.seen, eye);
        parcel.next = eye.saturating_add(1);
        parcel.misses = 0;
        parcel.slack = 0;
        parcel.suspect = None;
        if let Some(slip) = self.zones.get_mut(zone).filter(|_| learn) {
            slip.learn(error);
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

    /// A parcel nobody knows lies on the belt: it goes straight on, and strokes keep clear of it.
    fn unexpected(&mut self, eye: usize, at: Ticks) -> ParcelId {
        let position = self.geometry().eye(eye).map_or(0, |eye| eye.position);
        let id = self.new_parcel_id();
        let origin = at.offset(position.saturating_neg());
        let mut parcel = Parcel::new(id, origin, eye, self.plan.clone());
        parcel.doubt(RejectCause::Unexpected);
        self.counters.unexpected = self.counters.unexpected.saturating_add(1);
        self.step(
            id,
            Step::Seen {
                eye: self.eye_id(eye),
                at,
                error_ticks: 0,
            },
        );
        let place = self
            .belt
            .partition_point(|other| other.next > eye || other.origin.is_before(origin));
        self.insert(place, parcel);
        id
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

    /// A parcel's length was measured at a photo-eye behind induction, or is known at last.
    fn measured(&mut self, id: ParcelId, length: i32) {
        let most = self.geometry().length_max;
        let edges = self.geometry().chatter.saturating_mul(2);
        let Some(index) = self.find(id) else { return };
        let Some(parcel) = self.belt.get_mut(index) else {
            return;
        };
        match parcel.length {
            None => {
                parcel.length = Some(length);
                if length > most {
                    parcel.doubt(RejectCause::TooLong);
                }
            }
            Some(known) => {
                let allowed = (known / LENGTH_SHARE).saturating_add(edges);
                if length.saturating_sub(known).saturating_abs() <= allowed {
                    return;
                }
                // The neighbor may be in the measurement, so the longer one keeps strokes away.
                parcel.length = Some(known.max(length));
                parcel.doubt(RejectCause::Uncertain);
            }
        }
        self.withdraw(index, RejectCause::Uncertain);
        self.decide(index);
        self.wake();
    }

    /// What is due for a parcel at `count`. True when it is still there.
    pub(super) fn parcel_due(&mut self, index: usize, count: Ticks) -> bool {
        let Some(parcel) = self.belt.get(index) else {
            return true;
        };
        let id = parcel.id;
        let expires = self.expires(parcel);
        if !count.is_before(expires) {
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

    /// Count from which a parcel has not been seen where it had to be.
    fn expires(&self, parcel: &Parcel) -> Ticks {
        let geometry = self.geometry();
        let late = self.gate(parcel).saturating_add(geometry.delivery);
        let chute = parcel
            .stroke
            .as_ref()
            .and_then(|stroke| self.chute_expires(parcel, stroke));
        if parcel.gone
            && let Some(chute) = chute
        {
            return chute.offset(late);
        }
        if let Some(eye) = geometry.eye(parcel.next) {
            return self.predict(parcel, eye.position).offset(late);
        }
        let fall = geometry
            .chute(geometry.reject)
            .map_or(0, |chute| chute.confirm_max);
        let length = parcel.length.unwrap_or(geometry.length_max);
        let end = self
            .predict(parcel, geometry.end)
            .offset(length)
            .offset(fall);
        let last = chute.filter(|chute| end.is_before(*chute)).unwrap_or(end);
        last.offset(late)
    }

    /// A parcel was not seen where it had to be.
    fn missed(&mut self, index: usize) {
        let eyes = self.geometry().eyes.len();
        let Some(parcel) = self.belt.get(index) else {
            return;
        };
        let left = parcel.stroke.as_ref().is_some_and(|stroke| {
            let diverter = self.geometry().diverter(stroke.diverter);
            let eye = self.geometry().eye(parcel.next);
            let passed = match (diverter, eye) {
                (Some(diverter), Some(eye)) => diverter.position < eye.position,
                _ => false,
            };
            passed && stroke.state != StrokeState::Withdrawing
        });
        let ended = parcel.gone || parcel.next >= eyes;
        let suspect = parcel.suspect.filter(|_| parcel.stroke.is_none());
        if let Some(seen) = suspect {
            self.end_missort(index, seen);
        } else if ended {
            self.lose(index);
        } else if left {
            if let Some(parcel) = self.belt.get_mut(index) {
                parcel.gone = true;
            }
        } else {
            self.overlooked(index);
        }
    }

    /// A photo-eye on the belt did not see a parcel: once may be the photo-eye, twice is not.
    fn overlooked(&mut self, index: usize) {
        let Some(parcel) = self.belt.get_mut(index) else {
            return;
        };
        parcel.next = parcel.next.saturating_add(1);
        parcel.misses = parcel.misses.saturating_add(1);
        if parcel.misses >= MISSES_MAX {
            self.lose(index);
        } else {
            self.withdraw(index, RejectCause::Uncertain);
            self.decide(index);
        }
    }

    /// A parcel has not been seen again: it ends here.
    pub(super) fn lose(&mut self, index: usize) {
        let Some(parcel) = self.belt.get(index) else {
            return;
        };
        if let Some(seen) = parcel.suspect {
            return self.end_missort(index, seen);
        }
        let last = self.eye_id(parcel.seen);
        if let Some(parcel) = self.take(index) {
            self.end(parcel, Outcome::Lost { last });
        }
    }

    /// Takes a parcel from the belt; a stroke still ahead is taken back.
    pub(super) fn take(&mut self, index: usize) -> Option<Parcel> {
        self.withdraw(index, RejectCause::Uncertain);
        self.belt.remove(index)
    }

    /// The one end of a parcel: it is consumed, so there is no second.
    pub(super) fn end(&mut self, parcel: Parcel, outcome: Outcome) {
        let id = parcel.id;
        if let Some(stroke) = &parcel.stroke {
            self.chutes.give_up(stroke.chute);
        }
        drop(parcel);
        let counter = match outcome {
            Outcome::Sorted { .. } => &mut self.counters.sorted,
            Outcome::Rejected { .. } => &mut self.counters.rejected,
            Outcome::Missort { .. } => &mut self.counters.missort,
            Outcome::Lost { .. } => &mut self.counters.lost,
        };
        *counter = counter.saturating_add(1);
        self.step(id, Step::Ended { outcome });
        self.wake();
    }
}
