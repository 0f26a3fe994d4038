//! Large networks for measurements and tests: invented, seeded, the same on every machine.
//!
//! Size and rules follow worldwide parcel networks: a few thousand airports joined by tens of
//! thousands of flight numbers, lorries between neighbours, trains and ships of many stops, vans to
//! depots, customs between territories. Nothing of it is about the real world.

mod geography;
mod lines;

use std::collections::BTreeMap;

use crate::tables::{Settings, Tables};
use crate::time::{Offsets, Window};

pub use geography::{Geography, Site, zone_at};

/// Splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014):
/// small, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Draw(u64);

impl Draw {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A whole number from 0 up to, but not including, `limit`; 0 when there is none.
    pub fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let drawn = self.bits().checked_rem(limit).unwrap_or(0);
        usize::try_from(drawn).unwrap_or(0)
    }

    /// A whole number between two, both included.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// A fraction from 0 up to, but not including, 1.
    pub fn part(&mut self) -> f64 {
        let bits = u32::try_from(self.bits() >> 32).unwrap_or(0);
        f64::from(bits) / 4_294_967_296.0
    }

    /// A fraction between two.
    pub fn real(&mut self, least: f64, most: f64) -> f64 {
        least + self.part() * (most - least)
    }
}

/// A number as a fraction; those beyond 4 thousand million are cut.
pub(crate) fn real(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// How big a network is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Thousandths of the full size of about 9,900 places and 1.1 million trips a week; at least 5.
    pub permille: usize,
    /// The same seed gives the same network.
    pub seed: u64,
}

impl Scale {
    /// The size that goals are measured at.
    pub const FULL: Self = Self {
        permille: 1_000,
        seed: 20_261_123,
    };

    pub(crate) fn of(self, full: usize) -> usize {
        (full * self.permille / 1_000).max(1)
    }
}

/// An invented network of this size over a window of time, with the clocks of [`time_zones`].
#[must_use]
pub fn tables(scale: Scale, window: Window) -> Tables {
    let mut draw = Draw::new(scale.seed);
    let geography = Geography::invented(scale, &mut draw);
    from_geography(&geography, scale, &mut draw, window)
}

/// The same over places and flight numbers that are given.
#[must_use]
pub fn from_geography(
    geography: &Geography,
    scale: Scale,
    draw: &mut Draw,
    window: Window,
) -> Tables {
    let days = window.to.since(window.from) / crate::time::DAY_MIN;
    let mut tables = Tables {
        places: Vec::new(),
        services: Vec::new(),
        customs: Vec::new(),
        zones: Vec::new(),
        calendars: Vec::new(),
        hs_code: String::new(),
        settings: Settings {
            base_currency: "EUR".to_owned(),
            horizon_days: u16::try_from(days - 1).unwrap_or(1),
            rates_date: "2026-01-01".to_owned(),
            rates: BTreeMap::new(),
            delay: lines::delays(),
        },
        time_zones: time_zones(),
        window,
    };
    lines::Lines::new(geography, scale, draw, &mut tables).write();
    tables
}

/// The time zones that invented places are in, with what their clocks show in winter.
#[must_use]
pub fn time_zones() -> BTreeMap<String, Offsets> {
    let all = geography::TIME_ZONES.iter();
    all.map(|(name, minutes)| ((*name).to_owned(), Offsets::new(*minutes, Vec::new())))
        .collect()
}
