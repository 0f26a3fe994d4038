//! Bodies that nobody knows, as a sign that the encoder has miscounted.
//!
//! People put a parcel on the belt at one place, and one photo-eye sees a stranger. When the
//! encoder has lost or gained counts without a step that is seen, every parcel on the belt is
//! elsewhere at once: different photo-eyes see strangers, and a parcel may come right where its
//! neighbor was expected, which no later photo-eye can tell.

use super::Line;
use crate::Ticks;
use crate::topology::TrackerRule;

/// What photo-eyes saw last that nobody knows.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    last: Option<(usize, Ticks)>,
    astray: bool,
}

impl Strangers {
    /// A belt photo-eye saw a stranger; two at different ones within `pitch` are no chance.
    fn seen(&mut self, eye: usize, at: Ticks, pitch: i32) {
        let near = |before: Ticks| at.signed_since(before).saturating_abs() <= pitch;
        let other = |(seen, before): (usize, Ticks)| seen != eye && near(before);
        self.astray |= self.last.is_some_and(other);
        self.last = Some((eye, at));
    }
}

impl Line {
    pub(super) fn stranger_seen(&mut self, eye: usize, at: Ticks) {
        let geometry = self.topology.geometry();
        // The simpler rules are compared as they are.
        if geometry.rule == TrackerRule::Joint {
            let pitch = geometry.length_max.saturating_add(geometry.gap_min);
            self.strangers.seen(eye, at, pitch);
            self.strays.stray();
        }
    }

    /// No stroke rests on a count that has strangers at several photo-eyes.
    pub(super) fn mind_strangers(&mut self) {
        if std::mem::take(&mut self.strangers.astray) {
            self.strangers.last = None;
            let verdict = self.encoder.distrust(self.now);
            self.encoder_verdict(verdict);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seen: &[(usize, u32)], astray: bool) {
        let mut strangers = Strangers::default();
        for (eye, at) in seen {
            strangers.seen(*eye, Ticks(*at), 1_000);
        }
        assert_eq!(strangers.astray, astray, "{seen:?}");
    }

    #[test]
    fn strangers_at_two_photo_eyes_are_no_chance() {
        check(&[(1, 100)], false);
        check(&[(1, 100), (1, 200), (1, 300)], false);
        check(&[(1, 100), (2, 1_101)], false);
        check(&[(1, u32::MAX), (1, 3), (2, 999)], true);
    }
}
