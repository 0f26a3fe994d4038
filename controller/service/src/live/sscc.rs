//! Numbers of bags: SSCC, AI 00 of the GS1 General Specifications.

use jiff::Timestamp;

/// Digits of an SSCC before its check digit.
const BODY: usize = 17;
/// Serial numbers come round after this many seconds, 31.7 years, whatever their digits.
const ROUND_S: i64 = 1_000_000_000;

/// Gives numbers that are not given again for years, also by a controller whose journal is new: a
/// serial number is at least what the clock says, and above the one before.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    prefix: String,
    last: Option<i64>,
}

impl Numbers {
    /// Numbers that begin with `prefix`; none when it is empty.
    pub(super) const fn new(prefix: String) -> Self {
        Self { prefix, last: None }
    }

    /// The number of a bag closed now, or none.
    pub(super) fn next(&mut self, at: Timestamp) -> Option<String> {
        let digits = BODY.checked_sub(self.prefix.len())?;
        if self.prefix.is_empty() || digits == 0 {
            return None;
        }
        let all = 10_i64.checked_pow(u32::try_from(digits).ok()?)?;
        let step = (ROUND_S / all).max(1);
        let by_time = at.as_second().div_euclid(step);
        let above = self.last.map_or(by_time, |last| last.saturating_add(1));
        let serial = by_time.max(above);
        self.last = Some(serial);
        let body = format!("{}{:0digits$}", self.prefix, serial.rem_euclid(all));
        let check = check_digit(&body);
        Some(format!("{body}{check}"))
    }
}

/// Modulo 10 with the weights 3 and 1, 3 at the right end (GS1 General Specifications, 7.9).
fn check_digit(body: &str) -> u32 {
    let digits = body.chars().rev().filter_map(|digit| digit.to_digit(10));
    let sum: u32 = digits
        .zip([3, 1].into_iter().cycle())
        .map(|(digit, weight)| digit * weight)
        .sum();
    (10 - sum % 10) % 10
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn the_check_digit_is_that_of_the_standard() {
        assert_eq!(check_digit("39501101000000001"), 9);
        assert_eq!(check_digit("00000000000000000"), 0);
    }

    #[test]
    fn numbers_differ_grow_and_need_a_prefix() {
        let at: Timestamp = "2026-11-23T18:00Z".parse().unwrap();
        let mut numbers = Numbers::new("03950110".to_owned());
        let first = numbers.next(at).unwrap();
        let second = numbers.next(at).unwrap();
        let hour = at.checked_add(SignedDuration::from_hours(1)).unwrap();
        let third = numbers.next(hour).unwrap();
        assert!(first < second && second < third, "{first} {second} {third}");
        assert!(
            [&first, &second, &third]
                .iter()
                .all(|sscc| sscc.len() == 18)
        );
        let mut anew = Numbers::new("03950110".to_owned());
        assert!(
            anew.next(hour).unwrap() > second,
            "a new journal does not begin anew"
        );
        assert_eq!(Numbers::default().next(at), None);
        for prefix in ["39501", "39501101000"] {
            let sscc = Numbers::new(prefix.to_owned()).next(at).unwrap();
            assert!(sscc.starts_with(prefix) && sscc.len() == 18, "{sscc}");
        }
    }
}
