//! Lengths: a parcel is as long at every photo-eye, or it is not the parcel.

use super::Line;
use super::tracking::SIGMAS;
use crate::planted;
use crate::topology::TrackerRule;
use crate::{ParcelId, RejectCause};

/// A length measured again may differ by this part of itself, beside the edges' own error:
/// a parcel may turn a little on the belt.
const LENGTH_SHARE: i32 = 8;

impl Line {
    /// True when a parcel cannot have been measured with this length at a belt photo-eye. One that
    /// slips while it passes is measured longer or shorter.
    pub(super) fn is_another_length(&self, known: i32, length: i32, eye: usize) -> bool {
        let edges = self.geometry().chatter.saturating_mul(2);
        let slips = [eye.saturating_sub(1), eye].map(|eye| {
            let slip = self.zones.get(eye);
            slip.map_or(0, |slip| slip.sigma(known, self.zone(eye)))
        });
        let slip = slips.into_iter().max().unwrap_or(0);
        let turns = (known / LENGTH_SHARE).max(slip.saturating_mul(SIGMAS));
        let allowed = turns.saturating_add(edges);
        length.saturating_sub(known).saturating_abs() > allowed
    }

    /// A parcel's length was measured at a photo-eye behind induction, or is known at last.
    pub(super) fn measured(&mut self, id: ParcelId, length: i32) {
        let most = self.geometry().length_max;
        let rule = self.geometry().rule;
        let Some(index) = self.find(id) else { return };
        let known = self
            .belt
            .get(index)
            .and_then(|parcel| Some((parcel.length?, parcel.track.seen)));
        let another = known.is_some_and(|(known, eye)| self.is_another_length(known, length, eye));
        let Some(parcel) = self.belt.get_mut(index) else {
            return;
        };
        let unproven = parcel.unproven.is_some();
        match parcel.length {
            None => {
                parcel.length = Some(length);
                if length > most && !planted::is(22) {
                    parcel.doubt(RejectCause::TooLong);
                }
            }
            Some(_) if rule != TrackerRule::Joint => return,
            Some(known) => {
                // A photo-eye that bounces makes it shorter, never longer; and the neighbor may be
                // in the measurement, so that the longer one keeps strokes away.
                parcel.length = Some(known.max(length));
                if !another {
                    if unproven {
                        self.prove(index);
                    }
                    return;
                }
                parcel.doubt(RejectCause::Uncertain);
            }
        }
        self.withdraw(index, RejectCause::Uncertain);
        self.decide(index);
        self.wake();
    }

    /// A photo-eye has seen a parcel in its order, where it had to come and as long as it is.
    fn prove(&mut self, index: usize) {
        let Some(parcel) = self.belt.get(index) else {
            return;
        };
        if self.contested(parcel.id) {
            return;
        }
        if let Some(parcel) = self.belt.get_mut(index) {
            parcel.unproven = None;
        }
        self.decide(index);
        self.wake();
    }
}
