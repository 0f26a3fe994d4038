//! Decimal quantities without floating point: money, and grams of CO2.

use serde::{Deserialize, Serialize};

const SCALE: i64 = 1_000_000;

/// A non-negative quantity in millionths of its unit: of a currency unit, or of a gram.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Reads digits with at most six decimals, such as `12.5`. Signs, exponents, `NaN` and numbers
    /// of a billion and more are refused.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 9 || decimals.len() > 6 {
            return None;
        }
        if !digits(whole) || !digits(decimals) || text.ends_with('.') {
            return None;
        }
        let fraction = format!("{decimals:0<6}").parse::<i64>().ok()?;
        Some(Self(whole.parse::<i64>().ok()? * SCALE + fraction))
    }

    /// The sum; saturates.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The product with a factor in millionths, such as an exchange rate; saturates.
    #[must_use]
    pub fn times(self, factor: Self) -> Self {
        self.share(factor.0, SCALE)
    }

    /// `part / whole` of it, rounded down; all of it when `whole` is not positive.
    #[must_use]
    pub fn share(self, part: i64, whole: i64) -> Self {
        if whole <= 0 {
            return self;
        }
        if let Some(product) = self.0.checked_mul(part) {
            return Self(product / whole);
        }
        let product = i128::from(self.0) * i128::from(part) / i128::from(whole);
        Self(i64::try_from(product).unwrap_or(i64::MAX))
    }

    /// Its share for each of so many, as a fraction for statistics.
    pub(crate) fn mean_of(self, number: usize) -> f64 {
        let number = i64::try_from(number.max(1)).unwrap_or(i64::MAX);
        let millis = i32::try_from(self.0 / number / 1_000).unwrap_or(i32::MAX);
        f64::from(millis) / 1_000.0
    }

    /// Rounded to hundredths of the unit, half up.
    #[must_use]
    pub const fn cents(self) -> i64 {
        self.0.saturating_add(5_000) / 10_000
    }
}

impl core::fmt::Display for Micros {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let cents = self.cents();
        write!(f, "{}.{:02}", cents / 100, cents % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        let table = [
            ("0", 0),
            ("12.5", 12_500_000),
            ("0.000001", 1),
            ("7.25", 7_250_000),
        ];
        for (text, micros) in table {
            assert_eq!(Micros::parse(text), Some(Micros(micros)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_plain_decimal_is_refused() {
        for bad in [
            "",
            "-1",
            "+1",
            "NaN",
            "inf",
            "1e3",
            "1.",
            ".5",
            "1.0000001",
            "1000000000",
        ] {
            assert_eq!(Micros::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn rates_and_shares() {
        let dollars = Micros(10_000_000);
        assert_eq!(dollars.times(Micros(920_000)).to_string(), "9.20");
        assert_eq!(dollars.share(1, 3), Micros(3_333_333));
        assert_eq!(dollars.share(1, 0), dollars);
        assert_eq!(Micros(1_995_000).to_string(), "2.00");
    }
}
