//! Frames of cameras that do not say which trigger took them.
//!
//! Only the time ties such a frame to a trigger, and time deceives: a frame that was held up on its
//! way may arrive when the next parcel's is due. So the moment of the exposure is taken from the
//! camera's own clock where there is one, and a frame goes to a trigger only when that is the one
//! trigger it can answer. Where two could be meant, neither gets it, and both parcels are no-reads.

use std::collections::VecDeque;
use std::time::Duration;

use sortline_capture::Frame;
use sortline_core::TriggerId;
use sortline_fieldbus::scanner::Matcher;
use tokio::sync::mpsc;

use crate::clock;
use crate::triggers::{Given, LAG, LAG_MS, ms};

/// Frames by which the camera's clock is compared with ours.
const FRAMES: usize = 64;
/// The same in time: crystals differ by up to 100 ppm, 6 ms in this.
const LASTS: Duration = Duration::from_mins(1);
/// A camera's clock that is behind by so much more, or went back, was set anew.
const ANEW_US: i128 = 2_000_000;

/// How far a camera's clock is behind ours. The way of a frame takes at least what the fastest of
/// the last frames took; what one took more than that, it was held up.
#[derive(Clone, Debug, Default)]
struct Shutter {
    /// When the frame arrived, and by how much that was after its exposure, microseconds.
    ways: VecDeque<(Duration, i128)>,
    /// The last exposure.
    exposed: Duration,
}

impl Shutter {
    /// When a frame would have arrived that nothing held up.
    fn arrival(&mut self, exposed: Option<Duration>, arrived: Duration) -> Duration {
        let Some(exposed) = exposed else {
            return arrived;
        };
        let us = |time: Duration| i128::try_from(time.as_micros()).unwrap_or(i128::MAX);
        let way = us(arrived).saturating_sub(us(exposed));
        let is_old = |at: Duration| arrived.saturating_sub(at) > LASTS;
        while self.ways.front().is_some_and(|(at, _)| is_old(*at)) || self.ways.len() >= FRAMES {
            self.ways.pop_front();
        }
        let least = self.ways.iter().map(|(_, way)| *way).min();
        let leaps = least.is_some_and(|least| way.saturating_sub(least).abs() > ANEW_US);
        if std::mem::replace(&mut self.exposed, exposed) > exposed || leaps {
            self.ways.clear();
        }
        self.ways.push_back((arrived, way));
        let least = self.ways.iter().map(|(_, way)| *way).min().unwrap_or(way);
        let late = u64::try_from(way.saturating_sub(least)).unwrap_or(0);
        arrived.saturating_sub(Duration::from_micros(late))
    }
}

/// Gives frames to the triggers that took them.
#[derive(Debug)]
pub(super) struct Unnumbered {
    triggers: mpsc::Receiver<Given>,
    matcher: Matcher,
    shutter: Shutter,
}

impl Unnumbered {
    /// Of a camera whose frames arrive between so many milliseconds after their triggers, at least
    /// and at most.
    pub(super) fn new(triggers: mpsc::Receiver<Given>, [least, most]: [u32; 2]) -> Self {
        Self {
            triggers,
            matcher: Matcher::new((least, most.saturating_add(LAG_MS))),
            shutter: Shutter::default(),
        }
    }

    /// The trigger of a frame that arrived at this time since the machine's start. Waits until every
    /// trigger that it can answer is known.
    pub(super) fn trigger(&mut self, frame: &Frame, arrived: Duration) -> Option<TriggerId> {
        if let Some(named) = frame.trigger {
            self.hear();
            return Some(TriggerId(named));
        }
        let arrival = self.shutter.arrival(frame.exposed, arrived);
        std::thread::sleep((arrived + LAG).saturating_sub(clock::since_start_of_machine()));
        self.hear();
        self.matcher
            .telegram(None, ms(arrival + LAG))
            .map(TriggerId)
    }

    fn hear(&mut self) {
        while let Ok(given) = self.triggers.try_recv() {
            self.matcher.triggered(given.trigger.0, ms(given.told));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortline_capture::Grey;

    const fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn frame(exposed: Option<Duration>) -> Frame {
        Frame {
            exposed,
            ..Frame::of(Grey::new(1, 1, vec![0]).unwrap(), "camera")
        }
    }

    fn camera() -> (mpsc::Sender<Given>, Unnumbered) {
        let (sender, triggers) = mpsc::channel(8);
        (sender, Unnumbered::new(triggers, [5, 200]))
    }

    fn given(trigger: u32, told: Duration) -> Given {
        let trigger = TriggerId(trigger);
        Given { trigger, told }
    }

    #[test]
    fn a_frame_goes_to_the_one_trigger_before_it() {
        let (sender, mut camera) = camera();
        for (number, told) in [(1, at(1_000)), (2, at(1_400))] {
            sender.try_send(given(number, told)).unwrap();
        }
        // The second frame's trigger may be told of only when the node is polled next.
        assert_eq!(camera.trigger(&frame(None), at(1_050)), Some(TriggerId(1)));
        assert_eq!(camera.trigger(&frame(None), at(1_380)), Some(TriggerId(2)));
        assert_eq!(camera.trigger(&frame(None), at(1_500)), None, "no third");
    }

    #[test]
    fn a_frame_that_two_triggers_may_have_taken_is_nobodys() {
        let (sender, mut camera) = camera();
        for (number, told) in [(1, at(1_000)), (2, at(1_100)), (3, at(2_000))] {
            sender.try_send(given(number, told)).unwrap();
        }
        assert_eq!(camera.trigger(&frame(None), at(1_150)), None);
        assert_eq!(camera.trigger(&frame(None), at(1_170)), None, "as doubtful");
    }

    #[test]
    fn a_frame_that_was_held_up_is_not_the_next_parcels() {
        let (sender, mut camera) = camera();
        let exposed = |ms: u64| frame(Some(at(90_000 + ms)));
        for (number, told) in [(1, at(1_000)), (2, at(1_400)), (3, at(1_800))] {
            sender.try_send(given(number, told)).unwrap();
        }
        assert_eq!(
            camera.trigger(&exposed(1_000), at(1_020)),
            Some(TriggerId(1))
        );
        // The second frame comes in the time of the third, which never comes.
        assert_eq!(
            camera.trigger(&exposed(1_400), at(1_830)),
            Some(TriggerId(2))
        );
        let (sender, mut camera) = self::camera();
        sender.try_send(given(1, at(1_000))).unwrap();
        assert_eq!(
            camera.trigger(&exposed(1_000), at(1_020)),
            Some(TriggerId(1))
        );
        // Too late for its own trigger, which was never told of.
        sender.try_send(given(3, at(1_800))).unwrap();
        assert_eq!(camera.trigger(&exposed(1_400), at(1_830)), None);
    }

    #[test]
    fn a_number_says_more_than_the_time() {
        let (sender, mut camera) = camera();
        sender.try_send(given(1, at(1_000))).unwrap();
        let named = Frame {
            trigger: Some(7),
            ..frame(None)
        };
        assert_eq!(camera.trigger(&named, at(1_020)), Some(TriggerId(7)));
    }

    #[test]
    fn a_clock_that_was_set_anew_or_drifts_deceives_nobody() {
        let mut shutter = Shutter::default();
        assert_eq!(shutter.arrival(Some(at(500)), at(10_020)), at(10_020));
        assert_eq!(
            shutter.arrival(Some(at(600)), at(10_150)),
            at(10_120),
            "held up by 30 ms"
        );
        assert_eq!(
            shutter.arrival(Some(at(5)), at(10_300)),
            at(10_300),
            "started anew"
        );
        // 100 ppm slow: after a minute nothing of before counts.
        let drifted = at(100_000 - 9);
        assert_eq!(shutter.arrival(Some(drifted), at(110_305)), at(110_305));
        assert_eq!(shutter.arrival(None, at(110_400)), at(110_400));
    }
}
