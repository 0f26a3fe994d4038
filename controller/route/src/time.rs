//! Time as the network counts it: whole minutes of UTC since the Unix epoch.
//!
//! Timetables and opening hours are written in local time. [`Offsets`] holds what a place's clock
//! shows against UTC, daylight saving included, so that a week is unrolled once, when the network
//! is built, and a search compares plain numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Minutes of a day.
pub const DAY_MIN: i32 = 1_440;

/// A point in time: minutes of UTC since 1970-01-01T00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Minute(pub i32);

impl Minute {
    /// The time `minutes` later (earlier, when negative); saturates.
    #[must_use]
    pub const fn after(self, minutes: i32) -> Self {
        Self(self.0.saturating_add(minutes))
    }

    /// Minutes from `earlier` to `self`; negative when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i32 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The stretch of time in which a network's timetable is unrolled: from the first minute up to,
/// but not including, the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First minute.
    pub from: Minute,
    /// First minute after it.
    pub to: Minute,
}

impl Window {
    pub(crate) fn holds(self, at: Minute) -> bool {
        self.from <= at && at < self.to
    }
}

/// Longest time that a service is under way, its stops counted in: 180 days. Those that left so long
/// before a window call at stops within it, so clocks and calendars are needed from then on.
pub const UNDER_WAY_MAX_MIN: i32 = 180 * DAY_MIN;

/// What the clocks of a time zone show, over a window: each step holds from its minute on. The
/// first step holds from the beginning of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offsets(Vec<(Minute, i32)>);

impl Offsets {
    /// A zone from `first` (local time minus UTC, in minutes) and the changes after it. Changes
    /// are put in order; one of equal minutes stays.
    #[must_use]
    pub fn new(first: i32, mut changes: Vec<(Minute, i32)>) -> Self {
        changes.sort_unstable();
        changes.dedup_by_key(|change| change.0);
        changes.insert(0, (Minute(i32::MIN), first));
        Self(changes)
    }

    /// Local minutes since local 1970-01-01 00:00.
    #[must_use]
    pub fn local(&self, at: Minute) -> i32 {
        let step = self.0.partition_point(|(from, _)| *from <= at);
        let offset = self
            .0
            .get(step.saturating_sub(1))
            .map_or(0, |(_, offset)| *offset);
        at.0.saturating_add(offset)
    }

    /// The time at which clocks show `local`. Of two (autumn) the first; a time that is skipped
    /// (spring) is shifted by the length of the gap, as jiff and RFC 5545 do.
    #[must_use]
    pub fn utc(&self, local: i32) -> Minute {
        let mut before_gap = None;
        for (index, (from, offset)) in self.0.iter().enumerate() {
            let at = Minute(local.saturating_sub(*offset));
            let until = self
                .0
                .get(index.saturating_add(1))
                .map_or(Minute(i32::MAX), |next| next.0);
            if at >= *from && at < until {
                return at;
            }
            if at >= until {
                before_gap = Some(at);
            }
        }
        before_gap.unwrap_or(Minute(local))
    }

    /// Weekday and time of day on the local clock, such as `Mon 18:45`.
    #[must_use]
    pub fn clock(&self, at: Minute) -> String {
        let local = self.local(at);
        let minute = local.rem_euclid(DAY_MIN);
        let name = weekday_name(local.div_euclid(DAY_MIN));
        format!("{name} {:02}:{:02}", minute / 60, minute % 60)
    }

    /// The same as seen from `now`: with the day when the weekday alone could be another, such as
    /// `Mon 2026-12-21 18:45`.
    #[must_use]
    pub fn clock_from(&self, at: Minute, now: Minute) -> String {
        if at.since(now).abs() < 6 * DAY_MIN {
            return self.clock(at);
        }
        let local = self.local(at);
        let (day, minute) = (local.div_euclid(DAY_MIN), local.rem_euclid(DAY_MIN));
        let (name, date) = (weekday_name(day), date_of(day));
        format!("{name} {date} {:02}:{:02}", minute / 60, minute % 60)
    }
}

fn weekday_name(day: i32) -> &'static str {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let name = usize::from(weekday(day) - 1);
    NAMES.get(name).copied().unwrap_or_default()
}

/// `YYYY-MM-DD` of a day counted from 1970-01-01: the inverse of [`parse_day`].
fn date_of(day: i32) -> String {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i32::from(month <= 2);
    format!("{year:04}-{month:02}-{date:02}")
}

/// ISO weekday, 1 = Monday, of a day counted from 1970-01-01, a Thursday.
pub(crate) fn weekday(day: i32) -> u8 {
    u8::try_from(day.saturating_add(3).rem_euclid(7))
        .unwrap_or(0)
        .saturating_add(1)
}

/// The day (counted from 1970-01-01) of `YYYY-MM-DD`, years 1970 to 5000; `None` for what is no day
/// (days from civil dates by Hinnant: chrono-Compatible Low-Level Date Algorithms, 2013).
pub(crate) fn parse_day(text: &str) -> Option<i32> {
    let mut parts = text.split('-');
    let mut number = |width: usize| {
        let part = parts.next()?;
        let digits = part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<i32>().ok()).flatten()
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 => 28 + i32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if parts.next().is_some() || !(1970..=5000).contains(&year) || !(1..=longest).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is the last.
    let year = year - i32::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some(era * 146_097 + of_era - 719_468)
}

/// Exceptions of a calendar by day: whether it is one of the days all the same.
pub(crate) type Exceptions = Arc<BTreeMap<i32, bool>>;

/// Days on which something happens: weekdays, but for the exceptions of a calendar.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Days {
    week: u8,
    but: Option<Exceptions>,
}

impl Days {
    /// From digits 1 (Monday) to 7 (Sunday), each at most once; at least one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut bits = 0u8;
        for letter in text.chars() {
            let digit = letter
                .to_digit(10)
                .filter(|digit| (1..=7).contains(digit))?;
            let bit = 1u8 << digit;
            if bits & bit != 0 {
                return None;
            }
            bits |= bit;
        }
        (bits != 0).then_some(Self {
            week: bits,
            but: None,
        })
    }

    /// The same but for these exceptions.
    pub(crate) fn but(self, exceptions: Option<&Exceptions>) -> Self {
        Self {
            but: exceptions.cloned(),
            ..self
        }
    }

    /// Whether the day (since 1970-01-01, local) is one of them.
    pub(crate) fn contains(&self, day: i32) -> bool {
        let exception = self.but.as_ref().and_then(|but| but.get(&day).copied());
        exception.unwrap_or(self.week & (1u8 << weekday(day)) != 0)
    }
}

/// Minutes after midnight from `HH:MM`, 00:00 to 24:00.
pub(crate) fn parse_clock(text: &str) -> Option<i32> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
    let total = i32::from(hours) * 60 + i32::from(minutes);
    (minutes < 60 && total <= DAY_MIN).then_some(total)
}

/// All times in the window at which clocks show one of `times` on one of `days`, in order.
pub(crate) fn unroll(days: &Days, times: &[i32], offsets: &Offsets, window: Window) -> Vec<Minute> {
    let mut all = Vec::new();
    for day in local_days(offsets, window) {
        if days.contains(day) {
            all.extend(times.iter().map(|time| offsets.utc(day * DAY_MIN + time)));
        }
    }
    all.retain(|at| window.holds(*at));
    all.sort_unstable();
    all.dedup();
    all
}

pub(crate) fn local_days(offsets: &Offsets, window: Window) -> core::ops::RangeInclusive<i32> {
    let first = offsets.local(window.from).div_euclid(DAY_MIN);
    let last = offsets.local(window.to).div_euclid(DAY_MIN);
    first.saturating_sub(2)..=last.saturating_add(1)
}

/// Where the minutes of a stretch are moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shift {
    /// First minute.
    pub(crate) from: Minute,
    /// Where it is moved to.
    pub(crate) to: Minute,
    /// Last minute.
    pub(crate) until: Minute,
    /// Whether the minutes keep their distances; else all come to the same.
    pub(crate) keeps: bool,
}

impl Shift {
    /// All minutes of a stretch to one.
    pub(crate) const fn gather(from: Minute, to: Minute, until: Minute) -> Self {
        Self {
            from,
            to,
            until,
            keeps: false,
        }
    }

    /// The same, and then later.
    pub(crate) const fn later(self, minutes: i32) -> Self {
        Self {
            to: self.to.after(minutes),
            ..self
        }
    }

    pub(crate) fn holds(self, at: Minute) -> bool {
        self.from <= at && at <= self.until
    }

    /// Where a minute of the stretch is moved to.
    pub(crate) const fn of(self, at: Minute) -> Minute {
        if self.keeps {
            self.to.after(at.since(self.from))
        } else {
            self.to
        }
    }
}

/// Opening hours unrolled over the window: disjoint stretches in order, touching ones joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hours(Vec<(Minute, Minute)>);

/// Opening hours of a week as written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WeekHours {
    pub(crate) days: Days,
    /// Minutes after midnight.
    pub(crate) opens: i32,
    /// Minutes after midnight; not later than `opens` means the next day.
    pub(crate) closes: i32,
}

impl Hours {
    pub(crate) fn unroll(week: &WeekHours, offsets: &Offsets, window: Window) -> Self {
        let extra = if week.closes <= week.opens {
            DAY_MIN
        } else {
            0
        };
        let mut joined: Vec<(Minute, Minute)> = Vec::new();
        for day in local_days(offsets, window).filter(|day| week.days.contains(*day)) {
            let open = offsets.utc(day * DAY_MIN + week.opens);
            let close = offsets.utc(day * DAY_MIN + week.closes + extra);
            match joined.last_mut() {
                Some(last) if last.1 >= open => last.1 = last.1.max(close),
                _ => joined.push((open, close)),
            }
        }
        Self(joined)
    }

    /// The first open minute from `at` on; `None` beyond the window.
    pub(crate) fn next(&self, at: Minute) -> Option<Minute> {
        let index = self.0.partition_point(|(_, close)| *close <= at);
        self.0.get(index).map(|(open, _)| at.max(*open))
    }

    /// The same as [`Hours::next`] for `at` and the minutes after it.
    pub(crate) fn shift(&self, at: Minute) -> Option<Shift> {
        let index = self.0.partition_point(|(_, close)| *close <= at);
        let (open, close) = *self.0.get(index)?;
        Some(if at < open {
            Shift::gather(at, open, open)
        } else {
            Shift {
                from: at,
                to: at,
                until: close.after(-1),
                keeps: true,
            }
        })
    }

    /// Whether it is open at `at`, the closing minute included.
    pub(crate) fn is_open(&self, at: Minute) -> bool {
        let index = self.0.partition_point(|(_, close)| *close < at);
        self.0.get(index).is_some_and(|(open, _)| *open <= at)
    }
}

/// A stretch of time for people: `45 min`, `5 h 20 min`, `2 d 3 h`.
pub(crate) fn span(minutes: i32) -> String {
    let minutes = minutes.max(0);
    let (days, hours, rest) = (minutes / DAY_MIN, minutes % DAY_MIN / 60, minutes % 60);
    match (days, hours, rest) {
        (0, 0, rest) => format!("{rest} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, rest) => format!("{hours} h {rest} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-10-25T01:00Z, when Berlin goes from +2 h to +1 h; and 2026-03-29T01:00Z, the other way.
    const AUTUMN: Minute = Minute(29_881_500);
    const SPRING: Minute = Minute(29_579_100);

    fn berlin() -> Offsets {
        Offsets::new(60, vec![(AUTUMN, 60), (SPRING, 120)])
    }

    #[test]
    fn local_time_follows_daylight_saving() {
        assert_eq!(berlin().clock(AUTUMN.after(-1)), "Sun 02:59");
        assert_eq!(berlin().clock(AUTUMN), "Sun 02:00");
        assert_eq!(berlin().clock(SPRING.after(-1)), "Sun 01:59");
        assert_eq!(berlin().clock(SPRING), "Sun 03:00");
    }

    #[test]
    fn repeated_times_mean_the_first_and_skipped_ones_move_on() {
        let autumn = berlin().local(AUTUMN) + 30;
        assert_eq!(berlin().utc(autumn), AUTUMN.after(-30));
        // 02:30 does not exist in spring: 03:30 summer time is half an hour after the change.
        let spring = berlin().local(SPRING) - 30;
        assert_eq!(berlin().utc(spring), SPRING.after(30));
    }

    #[test]
    fn utc_is_the_inverse_of_local_outside_the_change() {
        for at in (AUTUMN.0 - 5_000..AUTUMN.0 - 61).step_by(37).map(Minute) {
            assert_eq!(berlin().utc(berlin().local(at)), at);
        }
    }

    #[test]
    fn a_nightly_departure_keeps_its_local_time_over_the_change() {
        let window = Window {
            from: AUTUMN.after(-3 * DAY_MIN),
            to: AUTUMN.after(3 * DAY_MIN),
        };
        let days = Days::parse("1234567").unwrap();
        let all = unroll(&days, &[20 * 60], &berlin(), window);
        let gaps: Vec<i32> = all.windows(2).map(|pair| pair[1].since(pair[0])).collect();
        assert_eq!(gaps, [1_440, 1_440, 1_500, 1_440, 1_440]);
    }

    #[test]
    fn weekdays_and_clocks_are_checked() {
        for bad in ["", "0", "8", "11", "a"] {
            assert_eq!(Days::parse(bad), None, "{bad}");
        }
        assert!(
            Days::parse("4").unwrap().contains(0),
            "1970-01-01 was a Thursday"
        );
        for bad in ["", "7", "24:01", "12:60", "1:00", "-1:00", "+1:00", "ab:cd"] {
            assert_eq!(parse_clock(bad), None, "{bad}");
        }
        assert_eq!(parse_clock("24:00"), Some(1_440));
    }

    #[test]
    fn round_the_clock_is_one_stretch() {
        let window = Window {
            from: Minute(0),
            to: Minute(30 * DAY_MIN),
        };
        let week = WeekHours {
            days: Days::parse("1234567").unwrap(),
            opens: 0,
            closes: 1_440,
        };
        let hours = Hours::unroll(&week, &Offsets::new(0, vec![]), window);
        assert_eq!(hours.0.len(), 1);
        assert_eq!(hours.next(Minute(7_777)), Some(Minute(7_777)));
    }

    #[test]
    fn closed_places_open_again_next_morning() {
        let window = Window {
            from: Minute(0),
            to: Minute(14 * DAY_MIN),
        };
        let week = WeekHours {
            days: Days::parse("45").unwrap(),
            opens: 360,
            closes: 1_200,
        };
        let hours = Hours::unroll(&week, &Offsets::new(0, vec![]), window);
        // Thursday and Friday are days 0 and 1 of the epoch.
        assert_eq!(hours.next(Minute(1_200)), Some(Minute(DAY_MIN + 360)));
        assert_eq!(
            hours.next(Minute(2 * DAY_MIN)),
            Some(Minute(7 * DAY_MIN + 360))
        );
        assert!(hours.is_open(Minute(1_200)) && !hours.is_open(Minute(1_201)));
        for at in (0..9 * DAY_MIN).step_by(7).map(Minute) {
            let shift = hours.shift(at).unwrap();
            for later in [at, at.after(200), shift.until] {
                let there = shift.holds(later).then(|| shift.of(later));
                assert!(there.is_none_or(|there| hours.next(later) == Some(there)));
            }
        }
    }

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("1972-02-29", Some(789)),
            ("2000-03-01", Some(11_017)),
            ("2026-11-23", Some(20_780)),
            ("2026-02-29", None),
            ("2026-13-01", None),
            ("2026-00-10", None),
            ("2026-1-01", None),
            ("2026-01-01-", None),
            ("1969-12-31", None),
            ("today", None),
        ] {
            assert_eq!(parse_day(text), expected, "{text}");
        }
        for day in (0..400_000).step_by(37) {
            assert_eq!(parse_day(&date_of(day)), Some(day));
        }
    }

    #[test]
    fn far_times_have_their_day() {
        let clock = Offsets::new(60, Vec::new());
        let now = Minute(20_780 * DAY_MIN);
        assert_eq!(clock.clock_from(now.after(90), now), "Mon 02:30");
        let far = now.after(28 * DAY_MIN);
        assert_eq!(clock.clock_from(far, now), "Mon 2026-12-21 01:00");
    }

    #[test]
    fn exceptions_stand_above_weekdays() {
        let but = Arc::new(BTreeMap::from([(0, false), (2, true)]));
        let days = Days::parse("4").unwrap().but(Some(&but));
        let all: Vec<i32> = (0..9).filter(|day| days.contains(*day)).collect();
        assert_eq!(
            all,
            [2, 7],
            "Thursday the 1st is off, Saturday the 3rd is on"
        );
    }

    #[test]
    fn spans_are_readable() {
        assert_eq!(span(45), "45 min");
        assert_eq!(span(320), "5 h 20 min");
        assert_eq!(span(3_060), "2 d 3 h");
    }
}
