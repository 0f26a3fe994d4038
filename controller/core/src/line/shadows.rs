//! Parcels that were lost, and may still lie on the belt.
//!
//! A parcel that photo-eyes have not seen twice is lost: it is told so, and nothing is diverted
//! for it any more. Mostly someone has taken it off. It may also lie where it always did, before
//! photo-eyes that did not see it; strokes keep clear of that place to the end of the belt.

use super::Line;
use super::parcel::{Parcel, Track};
use super::schedule::Body;
use super::tracking::SIGMAS;
use crate::Ticks;
use crate::topology::{DiverterSpec, TrackerRule};

/// Lost parcels that are kept clear of; beyond it the first is forgotten.
const SHADOWS_MAX: usize = 32;

/// Where a lost parcel would be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shadow {
    track: Track,
    length: i32,
}

impl Line {
    /// A parcel is lost. What lies on a carrier is met by its own strokes alone, and the simpler
    /// rules are compared as they are.
    pub(super) fn cast_shadow(&mut self, parcel: &Parcel) {
        let geometry = self.topology.geometry();
        if geometry.rule != TrackerRule::Joint || geometry.carriers.is_some() {
            return;
        }
        self.strays.stray();
        if self.shadows.len() >= SHADOWS_MAX {
            self.shadows.pop_front();
        }
        self.shadows.push_back(Shadow {
            track: parcel.track,
            length: parcel.length.unwrap_or(geometry.length_max),
        });
    }

    /// Lost parcels as a stroke of this diverter for `parcel` sees them: those ahead, those behind.
    pub(super) fn shadow_bodies(
        &self,
        parcel: &Parcel,
        spec: &DiverterSpec,
    ) -> (Vec<Body>, Vec<Body>) {
        let own = self.predict(parcel, spec.position);
        let bodies = self.shadows.iter().map(|shadow| Body {
            leading: self.predict_track(&shadow.track, spec.position),
            length: shadow.length,
            grip: (0, shadow.length),
            tolerance: self
                .sigma_track(&shadow.track, spec.position)
                .saturating_mul(SIGMAS),
        });
        bodies.partition(|body| !own.is_before(body.leading))
    }

    /// Forgets lost parcels that would have fallen off the end by now.
    pub(super) fn shadows_due(&mut self, count: Ticks) {
        while let Some(first) = self.shadows.front() {
            let (end, late) = (self.geometry().end, self.gate_track(&first.track));
            let fell = self.predict_track(&first.track, end).offset(first.length);
            if count.is_before(fell.offset(late)) {
                return;
            }
            self.shadows.pop_front();
        }
    }

    /// The count has another origin.
    pub(super) fn shift_shadows(&mut self, shift: i32) {
        for shadow in &mut self.shadows {
            shadow.track.origin = shadow.track.origin.offset(shift);
        }
    }

    /// Nobody knows any more where they would be.
    pub(super) fn forget_shadows(&mut self) {
        self.shadows.clear();
    }

    /// Positions become less certain.
    pub(super) fn widen_shadows(&mut self, more: i32, most: i32) {
        for shadow in &mut self.shadows {
            let slack = shadow.track.slack.saturating_add(more);
            shadow.track.slack = slack.min(most);
        }
    }
}
