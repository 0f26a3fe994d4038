//! Quantities that carry their unit in the type.

use serde::{Deserialize, Serialize};

/// Encoder count: belt travel as the field node stamps it. Wraps at 2³², so it is compared only
/// through [`Ticks::signed_since`] and [`Ticks::is_before`], which hold while two counts are less
/// than 2³¹ apart (2,147 km of belt at 1 mm per tick).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ticks(pub u32);

impl Ticks {
    /// Signed distance from `earlier` to `self`.
    #[must_use]
    pub const fn signed_since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0).cast_signed()
    }

    /// True when `self` comes before `other` on the belt's travel.
    #[must_use]
    pub const fn is_before(self, other: Self) -> bool {
        self.signed_since(other) < 0
    }

    /// The count `delta` ticks further (or back, when negative).
    #[must_use]
    pub const fn offset(self, delta: i32) -> Self {
        Self(self.0.wrapping_add_signed(delta))
    }
}

/// Monotonic time of the line in microseconds since the controller started. Never wall time.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct LineTime(pub u64);

impl LineTime {
    /// The time `ms` milliseconds later; saturates.
    #[must_use]
    pub const fn after_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1_000)))
    }

    /// Microseconds from `earlier` to `self`; 0 when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A length along the belt in millimetres.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millimetres(pub u32);

/// A speed in millimetres per second.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MillimetresPerSecond(pub u32);

/// Parts per thousand, 0 to 1,000: confidences and rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Permille(u16);

impl Permille {
    /// All of it.
    pub const ONE: Self = Self(1_000);

    /// `None` above 1,000.
    #[must_use]
    pub const fn new(value: u16) -> Option<Self> {
        if value <= 1_000 {
            Some(Self(value))
        } else {
            None
        }
    }

    /// The number of thousandths.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Permille {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = u16::deserialize(deserializer)?;
        Self::new(value)
            .ok_or_else(|| serde::de::Error::custom(format_args!("{value} permille is above 1000")))
    }
}
