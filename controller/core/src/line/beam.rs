//! Debouncing of one belt photo-eye, by belt travel and never by time: a fixed time would merge
//! real parcels on a fast belt and chatter on a slow one.

use crate::planted;
use crate::{LineTime, Ticks};

/// A photo-eye's beam.
#[derive(Clone, Debug, Default)]
pub(super) struct Beam {
    since: Option<Ticks>,
    cleared: Option<Ticks>,
    accepted: bool,
    /// When it was blocked, for the jam timer.
    pub(super) blocked_at: LineTime,
    /// The parcel that blocks it, once known.
    pub(super) parcel: Option<crate::ParcelId>,
    /// Bounces, each weighed against eight parcels that passed without.
    bounces: u32,
}

/// A bounce counts as much as so many parcels without one.
const BOUNCE: u32 = 8;
/// Eight bounces in a row, or more than one in eight parcels for long.
const BOUNCES_MAX: u32 = 64;

/// What a beam tells as the belt moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// It has been blocked long enough to be a parcel whose leading edge came at `since`.
    Leading {
        /// Count of the leading edge.
        since: Ticks,
    },
    /// The trailing edge has passed.
    Trailing {
        /// Count of the leading edge.
        since: Ticks,
        /// Ticks blocked.
        length: i32,
        /// A [`Note::Leading`] was given before.
        accepted: bool,
    },
}

impl Beam {
    /// The beam was broken. Gives the parcel that ended before, if that is only known by this.
    pub(super) fn blocked(&mut self, at: Ticks, now: LineTime, chatter: i32) -> Option<Note> {
        let ended = match (self.since, self.cleared) {
            (Some(_), Some(cleared)) if at.signed_since(cleared) < chatter && !planted::is(30) => {
                self.cleared = None;
                self.bounces = self.bounces.saturating_add(BOUNCE).min(BOUNCES_MAX);
                return None;
            }
            (Some(_), None) => return None,
            (Some(_), Some(_)) => self.finish(),
            (None, _) => None,
        };
        // The caller still asks which parcel ended, so its name stays until then.
        self.since = Some(at);
        self.cleared = None;
        self.accepted = false;
        self.blocked_at = now;
        ended
    }

    /// The beam is whole again.
    pub(super) fn clear(&mut self, at: Ticks) {
        if self.since.is_some() && self.cleared.is_none() {
            self.cleared = Some(at);
        }
    }

    /// What follows from the belt having reached `count`. A parcel is accepted after `accept`
    /// ticks of blocking; a clear beam counts after `chatter` ticks.
    pub(super) fn poll(&mut self, count: Ticks, accept: i32, chatter: i32) -> Option<Note> {
        let since = self.since?;
        let end = self.cleared.unwrap_or(count);
        if !self.accepted && end.signed_since(since) >= accept {
            self.accepted = true;
            return Some(Note::Leading { since });
        }
        if self
            .cleared
            .is_some_and(|cleared| count.signed_since(cleared) >= chatter)
        {
            return self.finish();
        }
        None
    }

    fn finish(&mut self) -> Option<Note> {
        let since = self.since.take()?;
        let cleared = self.cleared.take()?;
        let accepted = std::mem::take(&mut self.accepted);
        self.bounces = self.bounces.saturating_sub(1);
        Some(Note::Trailing {
            since,
            length: cleared.signed_since(since),
            accepted,
        })
    }

    /// It has nothing to tell, wherever the belt is.
    pub(super) const fn is_idle(&self) -> bool {
        self.since.is_none()
    }

    /// Count at which [`Beam::poll`] has something to say at the earliest.
    pub(super) fn due(&self, accept: i32, chatter: i32) -> Option<Ticks> {
        let since = self.since?;
        if let Some(cleared) = self.cleared {
            return Some(cleared.offset(chatter));
        }
        (!self.accepted).then(|| since.offset(accept))
    }

    /// Count of the edge that blocks it.
    pub(super) fn blocked_since(&self) -> Option<Ticks> {
        self.since.filter(|_| self.cleared.is_none())
    }

    /// Whether it bounces too often; `None` while that is open.
    pub(super) const fn chatters(&self) -> Option<bool> {
        match self.bounces {
            BOUNCES_MAX.. => Some(true),
            0 => Some(false),
            _ => None,
        }
    }

    /// Forgets what it saw: edges were lost.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: LineTime = LineTime(0);

    fn leading(since: u32) -> Note {
        Note::Leading {
            since: Ticks(since),
        }
    }

    fn trailing(since: u32, length: i32, accepted: bool) -> Note {
        Note::Trailing {
            since: Ticks(since),
            length,
            accepted,
        }
    }

    #[test]
    fn a_parcel_is_one_leading_and_one_trailing_edge() {
        let mut beam = Beam::default();
        assert_eq!(beam.blocked(Ticks(1_000), NOW, 15), None);
        assert_eq!(beam.due(45, 15), Some(Ticks(1_045)));
        assert_eq!(beam.poll(Ticks(1_044), 45, 15), None);
        assert_eq!(beam.poll(Ticks(1_045), 45, 15), Some(leading(1_000)));
        assert_eq!(beam.due(45, 15), None);
        beam.clear(Ticks(1_300));
        assert_eq!(beam.poll(Ticks(1_310), 45, 15), None);
        assert_eq!(
            beam.poll(Ticks(1_315), 45, 15),
            Some(trailing(1_000, 300, true))
        );
        assert_eq!(beam.poll(Ticks(1_400), 45, 15), None);
    }

    #[test]
    fn chatter_is_merged_and_gaps_are_not() {
        let mut beam = Beam::default();
        beam.blocked(Ticks(0), NOW, 15);
        beam.clear(Ticks(100));
        assert_eq!(beam.blocked(Ticks(114), NOW, 15), None);
        beam.clear(Ticks(200));
        assert_eq!(
            beam.blocked(Ticks(215), NOW, 15),
            Some(trailing(0, 200, false))
        );
        assert_eq!(beam.blocked_since(), Some(Ticks(215)));
    }

    #[test]
    fn a_flicker_is_no_parcel_and_the_count_may_wrap() {
        let mut beam = Beam::default();
        beam.blocked(Ticks(u32::MAX), NOW, 15);
        beam.clear(Ticks(9));
        assert_eq!(
            beam.poll(Ticks(40), 45, 15),
            Some(trailing(u32::MAX, 10, false))
        );
    }
}
