//! Inductions that merge: parcels that come onto the belt between others.
//!
//! Each such induction has a photo-eye of its own beside the belt, which sees its parcels only. The
//! merge leaves them room; what the tracker knows of the neighbors tells whether it was enough.

use super::Line;
use super::parcel::Parcel;
use crate::topology::BeltEye;
use crate::{RejectCause, Ticks};

impl Line {
    /// Tracks a new parcel of an induction that merges; gives its place in the order of the belt.
    pub(super) fn merge_in(&self, parcel: &mut Parcel, merge: BeltEye, since: Ticks) -> usize {
        let before = |eye: &&BeltEye| eye.position <= merge.position;
        let eyes = self.geometry().eyes.iter().take_while(before).count();
        let origin = since.offset(merge.position.saturating_neg());
        parcel.track.origin = origin;
        parcel.track.seen = eyes.saturating_sub(1);
        parcel.track.next = eyes;
        parcel.track.entry = Some(merge.position);
        let ahead = |other: &Parcel| self.predict(other, merge.position).is_before(since);
        let last = self.belt.iter().rposition(ahead);
        last.map_or(0, |last| last.saturating_add(1))
    }

    /// Free belt between a parcel at `index` and the one ahead of it, when both are where the
    /// induction that merges has them; `None` without a neighbor.
    pub(super) fn gap_before(&self, index: usize, position: i32) -> Option<i32> {
        let behind = self.belt.get(index)?;
        let here = |parcel: &&Parcel| !parcel.track.gone;
        let ahead = self.belt.range(..index).rev().find(here)?;
        let length = ahead.length.unwrap_or(self.geometry().length_max);
        let trailing = self.predict(ahead, position).offset(length);
        Some(self.predict(behind, position).signed_since(trailing))
    }

    /// What the gaps around a parcel that has merged say against it and its neighbors.
    pub(super) fn judge_merge(&mut self, index: usize, position: i32) {
        let behind = index.saturating_add(1);
        for (first, second) in [(index.checked_sub(1), index), (Some(index), behind)] {
            let gap = self.gap_before(second, position);
            let pair = [first, Some(second)].into_iter().flatten();
            let near = if self.geometry().carriers.is_some() {
                self.neighbors_share(first, second, position)
            } else {
                gap.is_some_and(|gap| gap < self.geometry().gap_min)
            };
            if !near {
                continue;
            }
            for at in pair {
                if let Some(parcel) = self.belt.get_mut(at)
                    && parcel.stroke.is_none()
                {
                    parcel.doubt(RejectCause::Gap);
                    self.decide(at);
                }
            }
        }
    }

    fn neighbors_share(&self, first: Option<usize>, second: usize, position: i32) -> bool {
        let first = first.and_then(|first| self.belt.get(first));
        let (Some(first), Some(second)) = (first, self.belt.get(second)) else {
            return false;
        };
        self.share_a_carrier(first, second, position)
    }
}
