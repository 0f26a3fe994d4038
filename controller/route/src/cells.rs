//! Reading of single cells, with the problem each gives when it is wrong.

use std::borrow::Cow;

use crate::micros::Micros;
use crate::tables::{Problem, TableName};
use crate::time::{Days, Exceptions, WeekHours, parse_clock};

/// Collects problems; every reader gives a harmless value after one, so that reading goes on.
#[derive(Debug, Default)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

/// One record being read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub(crate) table: TableName,
    pub(crate) row: usize,
}

impl Problems {
    pub(crate) fn add(
        &mut self,
        at: At,
        column: impl Into<Cow<'static, str>>,
        found: &str,
        allowed: &str,
    ) {
        self.0.push(Problem {
            table: at.table,
            row: at.row,
            column: column.into(),
            found: found.to_owned(),
            allowed: allowed.to_owned(),
        });
    }

    /// The value, or a problem and the default.
    fn or_default<T: Default>(
        &mut self,
        at: At,
        column: impl Into<Cow<'static, str>>,
        found: &str,
        read: Result<T, &str>,
    ) -> T {
        read.unwrap_or_else(|allowed| {
            self.add(at, column, found, allowed);
            T::default()
        })
    }

    pub(crate) fn id(&mut self, at: At, column: &'static str, text: &str) -> String {
        let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || text.len() > 24 || !text.bytes().all(fits) {
            self.add(
                at,
                column,
                text,
                "1 to 24 capital letters, digits and dashes",
            );
        }
        text.to_owned()
    }

    pub(crate) fn letters(
        &mut self,
        at: At,
        column: &'static str,
        text: &str,
        count: usize,
    ) -> String {
        if text.len() != count || !text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            self.add(at, column, text, &format!("{count} capital letters"));
        }
        text.to_owned()
    }

    pub(crate) fn whole(
        &mut self,
        at: At,
        column: &'static str,
        text: &str,
        allowed: core::ops::RangeInclusive<i32>,
    ) -> i32 {
        let read = text
            .parse::<i32>()
            .ok()
            .filter(|value| allowed.contains(value));
        read.unwrap_or_else(|| {
            let range = format!(
                "a whole number from {} to {}",
                allowed.start(),
                allowed.end()
            );
            self.add(at, column, text, &range);
            *allowed.start()
        })
    }

    pub(crate) fn decimal(
        &mut self,
        at: At,
        column: impl Into<Cow<'static, str>>,
        text: &str,
    ) -> Micros {
        let read = Micros::parse(text).ok_or("a decimal from 0 with at most 6 places");
        self.or_default(at, column, text, read)
    }

    /// Degrees from `-limit` to `limit`.
    pub(crate) fn degrees(&mut self, at: At, column: &'static str, text: &str, limit: f64) -> f64 {
        let read = text
            .parse::<f64>()
            .ok()
            .filter(|value| value.abs() <= limit);
        read.unwrap_or_else(|| {
            self.add(
                at,
                column,
                text,
                &format!("degrees from -{limit} to {limit}"),
            );
            0.0
        })
    }

    pub(crate) fn clock(&mut self, at: At, column: &'static str, text: &str) -> i32 {
        let read = parse_clock(text).ok_or("a local time HH:MM from 00:00 to 24:00");
        self.or_default(at, column, text, read)
    }

    pub(crate) fn days(&mut self, at: At, text: &str) -> Option<Days> {
        let days = Days::parse(text);
        if days.is_none() {
            self.add(
                at,
                "days",
                text,
                "digits 1 (Monday) to 7 (Sunday), each at most once",
            );
        }
        days
    }

    pub(crate) fn hours(
        &mut self,
        at: At,
        (days, but): (&str, Option<&Exceptions>),
        opens: &str,
        closes: &str,
    ) -> Option<WeekHours> {
        let opens = self.clock(at, "opens", opens);
        let closes = self.clock(at, "closes", closes);
        let days = self.days(at, days)?.but(but);
        Some(WeekHours {
            days,
            opens,
            closes,
        })
    }

    /// A decimal that may be left out: then nothing.
    pub(crate) fn optional(&mut self, at: At, column: &'static str, text: &str) -> Option<Micros> {
        (!text.is_empty()).then(|| self.decimal(at, column, text))
    }
}

/// The names nearest to `wanted`, best first, at most three: for messages that help. Of equally
/// near ones those that begin alike come first.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_ascii_uppercase();
    let same = |name: &str| {
        wanted
            .chars()
            .zip(name.chars())
            .take_while(|(a, b)| a == b)
            .count()
    };
    let mut scored: Vec<(usize, usize, &str)> = names
        .map(|name| {
            let upper = name.to_ascii_uppercase();
            (
                distance(&wanted, &upper),
                name.len().saturating_sub(same(&upper)),
                name,
            )
        })
        .filter(|(score, _, name)| *score <= 2 + name.len() / 4)
        .collect();
    scored.sort_unstable();
    scored
        .into_iter()
        .take(3)
        .map(|(_, _, name)| name)
        .collect()
}

/// Edit distance (Levenshtein) of two short texts.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (cell, other) in row.iter_mut().skip(1).zip(right.chars()) {
            let cost = diagonal + usize::from(letter != other);
            diagonal = *cell;
            *cell = cost.min(diagonal + 1).min(before + 1);
            before = *cell;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: At = At {
        table: TableName::Places,
        row: 4,
    };

    #[test]
    fn distances() {
        let table = [
            ("", "", 0),
            ("AB", "AB", 0),
            ("KITTEN", "SITTING", 3),
            ("", "ABC", 3),
        ];
        for (left, right, expected) in table {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn near_names_come_first() {
        let names = ["DE-FRA", "DE-HAM", "FR-PAR", "DE-FRA-AIR"];
        assert_eq!(
            nearest("de-frx", names.into_iter()).first(),
            Some(&"DE-FRA")
        );
        assert!(nearest("ZZZZZZZZZZ", names.into_iter()).is_empty());
    }

    #[test]
    fn a_problem_names_place_value_and_range() {
        let mut problems = Problems::default();
        assert_eq!(problems.whole(AT, "handling_min", "-5", 0..=99), 0);
        assert!((problems.degrees(AT, "lat", "NaN", 90.0)).abs() < f64::EPSILON);
        let texts: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "places.csv, record 5, handling_min: found `-5`, allowed: a whole number from 0 to 99",
                "places.csv, record 5, lat: found `NaN`, allowed: degrees from -90 to 90",
            ]
        );
    }
}
