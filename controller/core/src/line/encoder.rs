//! Is the encoder's count to be believed? Steps beyond the drive's speed, travel backwards, a count
//! that stands while parcels pass photo-eyes and one that stops harder than a belt can all mean that
//! no stroke may rest on it.

use super::brake::Brake;
use crate::planted;
use crate::topology::Geometry;
use crate::{EyeId, LineTime, Ticks};

/// Share of the nominal speed a belt may reach, in percent.
const SPEED_PERCENT_MAX: i64 = 130;
/// A count that stands this long while parcels pass two photo-eyes has stalled.
const STALL_MS: u64 = 100;
/// A plausible count for this long is believed again.
const RECOVERY_MS: u64 = 2_000;
/// Time over which speed is measured.
const SPEED_MS: u64 = 200;

/// What a new count says about the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As before.
    Same,
    /// It is not to be believed from here on.
    Suspect,
    /// It is believed again.
    Recovered,
}

/// The belt's count and what is known of its truth.
#[derive(Debug)]
pub(super) struct Encoder {
    /// Ticks per second at nominal speed.
    nominal: i64,
    /// Ticks within which edges may arrive out of order.
    delivery: i32,
    count: Option<Ticks>,
    latched: Option<(LineTime, Ticks)>,
    moved_at: LineTime,
    suspect_since: Option<LineTime>,
    last_edge: Option<(EyeId, Ticks, LineTime)>,
    speed_base: Option<(LineTime, Ticks)>,
    speed: i64,
    /// Travel that the last speed makes likely and that no count has shown yet: a count that was
    /// handled late is followed by a step that is no jump.
    lag: i64,
    /// Counts beyond what the belt can have run at nominal speed, in the last step.
    leap: i32,
    brake: Brake,
}

impl Encoder {
    pub(super) fn new(geometry: &Geometry) -> Self {
        Self {
            nominal: i64::from(geometry.speed),
            delivery: geometry.delivery,
            count: None,
            latched: None,
            moved_at: LineTime::default(),
            suspect_since: None,
            last_edge: None,
            speed_base: None,
            speed: 0,
            lag: 0,
            leap: 0,
            brake: Brake::new(geometry),
        }
    }

    /// Newest count known.
    pub(super) const fn count(&self) -> Option<Ticks> {
        self.count
    }

    /// Newest count told by itself: every edge up to it has been told before.
    pub(super) fn told(&self) -> Option<Ticks> {
        self.latched.map(|(_, at)| at)
    }

    pub(super) const fn suspect(&self) -> bool {
        self.suspect_since.is_some()
    }

    /// When the count last moved.
    pub(super) const fn moved_at(&self) -> LineTime {
        self.moved_at
    }

    /// Counts by which the last step was longer than the belt runs, at least.
    pub(super) const fn leap(&self) -> i32 {
        self.leap
    }

    pub(super) const fn ticks_per_s(&self) -> i64 {
        self.speed
    }

    /// Farthest the belt can have moved since `then`.
    pub(super) fn reach(&self, then: LineTime, now: LineTime) -> i32 {
        let ms = i64::try_from(now.since(then) / 1_000).unwrap_or(i64::MAX);
        let most = self
            .nominal
            .saturating_mul(SPEED_PERCENT_MAX)
            .saturating_mul(ms)
            / 100_000;
        i32::try_from(most)
            .unwrap_or(i32::MAX)
            .saturating_add(self.delivery.saturating_mul(2))
    }

    /// A count latched at `now`.
    pub(super) fn belt(&mut self, now: LineTime, at: Ticks) -> Verdict {
        let Some((then, before)) = self.latched.replace((now, at)) else {
            self.begin(now, at);
            return Verdict::Same;
        };
        let travel = at.signed_since(before);
        if travel != 0 {
            self.moved_at = now;
        }
        let allowed = i64::from(self.reach(then, now)).saturating_add(self.lag);
        self.leap = self.beyond(i64::from(travel), now.since(then));
        self.count_lag(i64::from(travel), now.since(then));
        self.measure_speed(now, at);
        if !planted::is(24) && (travel < 0 || i64::from(travel) > allowed) {
            self.count = Some(at);
            self.brake.forget();
            return self.distrust(now);
        }
        self.forward(at);
        if self.brake.stalls(now, at) {
            return self.distrust(now);
        }
        let back = self
            .suspect_since
            .is_some_and(|since| since.after_ms(RECOVERY_MS) <= now);
        if back && travel > 0 {
            self.suspect_since = None;
            return Verdict::Recovered;
        }
        Verdict::Same
    }

    /// An edge stamped `at` came at `now`.
    pub(super) fn edge(&mut self, now: LineTime, eye: EyeId, at: Ticks) -> Verdict {
        let Some((then, latched)) = self.latched else {
            self.begin(now, at);
            return Verdict::Same;
        };
        let allowed = i64::from(self.reach(then, now)).saturating_add(self.lag);
        if !planted::is(24) && i64::from(at.signed_since(latched)) > allowed {
            return self.distrust(now);
        }
        self.forward(at);
        let stalled = self.last_edge.is_some_and(|(other, count, since)| {
            other != eye && count == at && since < now && self.moved_at.after_ms(STALL_MS) <= now
        });
        if self.last_edge.is_none_or(|(_, count, _)| count != at) {
            self.last_edge = Some((eye, at, now));
        }
        if stalled {
            self.distrust(now)
        } else {
            Verdict::Same
        }
    }

    /// True when a node that answers again with `at` can have gone on counting from before.
    pub(super) fn continues(&self, now: LineTime, at: Ticks) -> bool {
        let Some((then, before)) = self.latched else {
            return true;
        };
        let travel = at.signed_since(before);
        travel >= 0 && travel <= self.reach(then, now)
    }

    /// Travel since the last count, by time and the last speed; `None` when the time is unknown.
    pub(super) fn likely_travel(&self, now: LineTime) -> Option<i32> {
        let (then, _) = self.latched.filter(|_| self.speed_base.is_some())?;
        let us = i64::try_from(now.since(then)).ok()?;
        i32::try_from(self.speed.saturating_mul(us) / 1_000_000).ok()
    }

    /// Counting goes on from `at`, whatever was before. The newest count stays where it is when
    /// edges from before may still come.
    pub(super) fn rebase(&mut self, now: LineTime, at: Ticks, keep: bool) {
        if !keep || self.count.is_none() {
            self.count = Some(at);
        }
        self.latched = Some((now, at));
        self.last_edge = None;
        self.speed_base = None;
        self.brake.forget();
    }

    /// The time between two lives of the controller is not known: any forward travel is possible.
    pub(super) fn forget_time(&mut self) {
        self.latched = self.latched.map(|(_, at)| (LineTime::default(), at));
        self.speed_base = None;
        self.brake.forget();
    }

    fn begin(&mut self, now: LineTime, at: Ticks) {
        self.latched = Some((now, at));
        self.count = Some(at);
        self.moved_at = now;
    }

    fn forward(&mut self, at: Ticks) {
        let wrong = planted::is(29) && self.count.is_some_and(|count| at.0 < count.0);
        if !wrong && self.count.is_none_or(|count| count.is_before(at)) {
            self.count = Some(at);
        }
    }

    /// The count is not to be believed for a while.
    pub(super) fn distrust(&mut self, now: LineTime) -> Verdict {
        let first = self.suspect_since.replace(now).is_none();
        if first {
            Verdict::Suspect
        } else {
            Verdict::Same
        }
    }

    fn beyond(&self, travel: i64, us: u64) -> i32 {
        let us = i64::try_from(us).unwrap_or(i64::MAX);
        let runs = self.nominal.saturating_mul(us) / 1_000_000;
        let leap = travel.saturating_sub(runs).saturating_sub(self.lag);
        i32::try_from(leap.max(0)).unwrap_or(i32::MAX)
    }

    /// Keeps account of travel that is owed: it grows when a count comes late, is paid back by the
    /// step that follows, and is forgotten within a second, as the belt may simply stand.
    fn count_lag(&mut self, travel: i64, us: u64) {
        let us = i64::try_from(us).unwrap_or(i64::MAX);
        let likely = self.speed.saturating_mul(us) / 1_000_000;
        let forgotten = self.lag.saturating_mul(us.min(1_000_000)) / 1_000_000;
        let lag = self.lag.saturating_sub(forgotten).saturating_add(likely);
        self.lag = lag.saturating_sub(travel).clamp(0, self.nominal);
    }

    fn measure_speed(&mut self, now: LineTime, at: Ticks) {
        let Some((then, before)) = self.speed_base else {
            self.speed_base = Some((now, at));
            return;
        };
        let us = now.since(then);
        if us >= SPEED_MS.saturating_mul(1_000) {
            let ticks = i64::from(at.signed_since(before)).saturating_mul(1_000_000);
            let most = self.nominal.saturating_mul(SPEED_PERCENT_MAX) / 100;
            let speed = ticks
                .checked_div(i64::try_from(us).unwrap_or(i64::MAX))
                .unwrap_or(0);
            self.speed = speed.clamp(0, most);
            self.speed_base = Some((now, at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoder() -> Encoder {
        Encoder {
            nominal: 1_500,
            delivery: 150,
            count: None,
            latched: None,
            moved_at: LineTime::default(),
            suspect_since: None,
            last_edge: None,
            speed_base: None,
            speed: 0,
            lag: 0,
            leap: 0,
            brake: Brake::of(1_500, 9_810, 37),
        }
    }

    /// Counts as (milliseconds, ticks) after a second of steady travel; the last verdict.
    fn after_a_second(steps: &[(u64, u32)]) -> (Verdict, Encoder) {
        let mut encoder = encoder();
        for step in 0..=100_u32 {
            let now = LineTime(u64::from(step).saturating_mul(10_000));
            let at = Ticks(step.saturating_mul(15).wrapping_sub(700));
            assert_eq!(encoder.belt(now, at), Verdict::Same);
        }
        let mut last = Verdict::Same;
        for (ms, ticks) in steps {
            let now = LineTime(1_000_000).after_ms(*ms);
            last = encoder.belt(now, Ticks(ticks.wrapping_add(800)));
        }
        (last, encoder)
    }

    #[test]
    fn steps_beyond_the_drive_are_not_believed() {
        assert_eq!(after_a_second(&[(10, 15)]).0, Verdict::Same);
        assert_eq!(after_a_second(&[(10, 319)]).0, Verdict::Same);
        assert_eq!(after_a_second(&[(10, 320)]).0, Verdict::Suspect);
        assert_eq!(
            after_a_second(&[(10, u32::MAX)]).0,
            Verdict::Suspect,
            "backwards"
        );
        assert_eq!(after_a_second(&[]).1.ticks_per_s(), 1_500);
    }

    #[test]
    fn a_count_handled_late_makes_no_jump_of_the_next() {
        assert_eq!(after_a_second(&[(600, 30), (610, 915)]).0, Verdict::Same);
        assert_eq!(
            after_a_second(&[(600, 30), (610, 1_400)]).0,
            Verdict::Suspect
        );
    }

    #[test]
    fn a_standing_belt_earns_no_credit() {
        let stands = (3..=50).map(|step: u64| (step.saturating_mul(100), 200));
        let runs_out = [(100, 100), (200, 170)];
        let steps: Vec<(u64, u32)> = runs_out.into_iter().chain(stands).collect();
        let (last, mut encoder) = after_a_second(&steps);
        assert_eq!(last, Verdict::Same);
        let now = LineTime(1_000_000).after_ms(5_010);
        assert_eq!(encoder.belt(now, Ticks(1_400)), Verdict::Suspect);
    }

    #[test]
    fn a_count_that_stands_at_once_is_not_believed_until_it_runs_again() {
        let (_, mut encoder) = after_a_second(&[(10, 15), (110, 15)]);
        assert!(encoder.suspect());
        let mut verdict = Verdict::Same;
        for step in 1..=300_u32 {
            let now = LineTime(1_110_000).after_ms(u64::from(step).saturating_mul(10));
            let run = step.saturating_sub(50).saturating_mul(15);
            verdict = encoder.belt(now, Ticks(815_u32.saturating_add(run)));
            assert_eq!(verdict == Verdict::Recovered, step == 250, "{step}");
            assert_eq!(encoder.suspect(), step < 250, "{step}");
        }
        assert_eq!(verdict, Verdict::Same);
    }

    #[test]
    fn doubt_ends_after_two_good_seconds() {
        let (_, mut encoder) = after_a_second(&[(10, 2_000)]);
        assert!(encoder.suspect());
        let mut verdict = Verdict::Same;
        for step in 1..=200_u32 {
            let now = LineTime(1_010_000).after_ms(u64::from(step).saturating_mul(10));
            verdict = encoder.belt(
                now,
                Ticks(2_800_u32.saturating_add(step.saturating_mul(15))),
            );
        }
        assert_eq!((verdict, encoder.suspect()), (Verdict::Recovered, false));
    }

    #[test]
    fn doubt_does_not_end_while_the_count_stands() {
        let jumps = [(10, 2_000), (500, 2_735)];
        let stands = (6..=40).map(|n| (n * 100, 2_735));
        let steps: Vec<(u64, u32)> = jumps.into_iter().chain(stands).collect();
        let (last, mut encoder) = after_a_second(&steps);
        assert_eq!((last, encoder.suspect()), (Verdict::Same, true));
        let runs = encoder.belt(LineTime(5_010_000), Ticks(3_536));
        assert_eq!((runs, encoder.suspect()), (Verdict::Recovered, false));
    }

    #[test]
    fn an_edge_beyond_the_drive_is_not_believed() {
        for (ticks, verdict) in [(319, Verdict::Same), (320, Verdict::Suspect)] {
            let (_, mut encoder) = after_a_second(&[]);
            let at = Ticks(800 + ticks);
            let now = LineTime(1_010_000);
            assert_eq!(encoder.edge(now, EyeId(1), at), verdict, "{ticks}");
            let count = if verdict == Verdict::Same {
                at
            } else {
                Ticks(800)
            };
            assert_eq!(encoder.count(), Some(count));
        }
    }

    #[test]
    fn an_edge_told_late_moves_nothing_back() {
        let (_, mut encoder) = after_a_second(&[(10, 115)]);
        assert_eq!(encoder.leap(), 100, "beyond the nominal speed");
        let late = encoder.edge(LineTime(1_011_000), EyeId(1), Ticks(900));
        assert_eq!((late, encoder.count()), (Verdict::Same, Some(Ticks(915))));
        let next = encoder.edge(LineTime(1_012_000), EyeId(2), Ticks(916));
        assert_eq!((next, encoder.count()), (Verdict::Same, Some(Ticks(916))));
        assert_eq!(encoder.told(), Some(Ticks(915)));
        assert_eq!(after_a_second(&[(10, 15)]).1.leap(), 0);
    }

    #[test]
    fn a_node_that_comes_back_may_have_counted_on() {
        let (_, mut encoder) = after_a_second(&[]);
        let soon = LineTime(1_010_000);
        for (at, continues) in [(799, false), (800, true), (1_119, true), (1_120, false)] {
            assert_eq!(encoder.continues(soon, Ticks(at)), continues, "{at}");
        }
        assert_eq!(encoder.likely_travel(LineTime(1_100_000)), Some(150));
        encoder.rebase(soon, Ticks(5), true);
        let known = (encoder.count(), encoder.told());
        assert_eq!(known, (Some(Ticks(800)), Some(Ticks(5))));
        assert_eq!(encoder.likely_travel(LineTime(1_100_000)), None);
        encoder.rebase(soon, Ticks(5), false);
        assert_eq!(encoder.count(), Some(Ticks(5)));
    }

    #[test]
    fn what_ran_while_the_controller_was_away_is_open() {
        let (_, mut encoder) = after_a_second(&[]);
        encoder.forget_time();
        assert_eq!(encoder.likely_travel(LineTime(1_100_000)), None);
        let now = LineTime(1_010_000);
        assert!(encoder.continues(now, Ticks(2_000)));
        assert_eq!(encoder.belt(now, Ticks(2_000)), Verdict::Same);
        let mut new = self::encoder();
        assert_eq!((new.count(), new.told()), (None, None));
        assert_eq!(new.belt(now, Ticks(7)), Verdict::Same);
        let known = (new.count(), new.told(), new.moved_at());
        assert_eq!(known, (Some(Ticks(7)), Some(Ticks(7)), now));
    }

    #[test]
    fn edges_at_two_eyes_on_a_standing_count_are_a_stall() {
        let (_, mut encoder) = after_a_second(&[(10, 15)]);
        let later = LineTime(1_010_000).after_ms(300);
        let at = Ticks(815);
        assert_eq!(
            encoder.edge(LineTime(1_010_000), EyeId(1), at),
            Verdict::Same
        );
        assert_eq!(
            encoder.edge(later, EyeId(1), at),
            Verdict::Same,
            "one eye only"
        );
        assert_eq!(encoder.edge(later, EyeId(2), at), Verdict::Suspect);
    }
}
