//! The network as written: rows of `places.csv`, `services.csv`, `customs.csv`, `zones.csv`, and
//! `network.toml`. Every cell is text here; [`crate::Network::new`] reads and checks them all, so
//! that every problem is told at once and in one form.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::{Offsets, Window};

/// Everything a network is built from.
#[derive(Clone, Debug)]
pub struct Tables {
    /// `places.csv`.
    pub places: Vec<PlaceRow>,
    /// `services.csv`.
    pub services: Vec<ServiceRow>,
    /// `customs.csv`.
    pub customs: Vec<CustomsRow>,
    /// `zones.csv`.
    pub zones: Vec<ZoneRow>,
    /// `calendars.csv`; may be empty.
    pub calendars: Vec<CalendarRow>,
    /// `network.toml`.
    pub settings: Settings,
    /// HS code, or the beginning of one, of the goods that customs rows are chosen for; empty: those
    /// for any goods.
    pub hs_code: String,
    /// What clocks show, by IANA name; at least the zones of the places.
    pub time_zones: BTreeMap<String, Offsets>,
    /// The stretch of time to unroll.
    pub window: Window,
}

/// A place: somewhere a parcel is handed from one service to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlaceRow {
    /// Unique id: capital letters, digits, dashes; the hop a sort plan names.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Customs territory: `EU`, else the country.
    pub territory: String,
    /// `hub`, `airport`, `port`, `rail`, `customs` or `depot`.
    pub kind: String,
    /// Degrees north, -90 to 90.
    pub lat: String,
    /// Degrees east, -180 to 180.
    pub lon: String,
    /// IANA name, such as `Europe/Berlin`.
    pub time_zone: String,
    /// Opens at, local `HH:MM`.
    pub opens: String,
    /// Closes at, local `HH:MM`; up to `24:00`, or the next day when not after `opens`.
    pub closes: String,
    /// Weekdays it opens, digits 1 (Monday) to 7.
    pub days: String,
    /// Minutes from arrival to ready for the next service; starts in opening hours. 0 to 14,400.
    pub handling_min: String,
    /// Calendar with the holidays; empty: none.
    #[serde(default)]
    pub calendar: String,
}

/// A service: a vehicle with fixed stops and weekly departures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ServiceRow {
    /// Unique id.
    pub id: String,
    /// `air`, `truck`, `rail`, `sea` or `van`.
    pub mode: String,
    /// Who runs it.
    pub carrier: String,
    /// Place ids in order, joined by `>`; at least two, none twice.
    pub stops: String,
    /// Weekdays it leaves its first stop, digits 1 (Monday) to 7.
    pub days: String,
    /// Times it leaves its first stop, local `HH:MM`, separated by blanks; `HH:MM/135` leaves on
    /// days of its own.
    pub departs: String,
    /// Minutes of each stretch between stops, joined by `>`.
    pub run_min: String,
    /// Minutes it stands at every stop between. 0 to 10,080.
    pub dwell_min: String,
    /// A parcel must be ready this long before the departure. 0 to 10,080.
    pub cutoff_min: String,
    /// Load a departure can take, 1 to 100,000,000.
    pub capacity_kg: String,
    /// Volume a departure can take, a decimal; empty: only the weight counts.
    #[serde(default)]
    pub capacity_m3: String,
    /// Pieces a departure can take, 1 to 100,000,000; empty: any number.
    #[serde(default)]
    pub capacity_pieces: String,
    /// For the whole run; a part of it costs its share of the running time.
    pub price_per_kg: String,
    /// For each boarding.
    pub price_per_parcel: String,
    /// Least price of a boarding, whatever the weight; empty: none.
    #[serde(default)]
    pub price_min: String,
    /// ISO 4217; the base currency, or one that has a rate.
    pub currency: String,
    /// For the whole run; shared like the price.
    pub co2_g_per_kg: String,
    /// Calendar with the days on which it does not run, or runs all the same; empty: none.
    #[serde(default)]
    pub calendar: String,
    /// Straits, canals and passes on the way, such as `SUEZ`, separated by blanks: what a condition
    /// can close.
    #[serde(default)]
    pub via: String,
}

/// Customs clearance between two territories.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CustomsRow {
    /// Territory left, or `*` for all others.
    pub from: String,
    /// Territory entered.
    pub to: String,
    /// Mode of the service that crosses, or `*` for all others.
    pub mode: String,
    /// Half of all parcels are cleared within this many minutes of presentation.
    pub p50_min: String,
    /// Nine of ten are; not less than `p50_min`.
    pub p90_min: String,
    /// Weekdays on which parcels are presented, digits 1 (Monday) to 7.
    pub days: String,
    /// Presented from, local `HH:MM` of the place of arrival.
    pub opens: String,
    /// Presented until, local `HH:MM`.
    pub closes: String,
    /// Goods it is for: two to ten digits with which their HS code begins, or `*` or empty for any.
    /// The longest that fits decides.
    #[serde(default)]
    pub commodity: String,
    /// Calendar with the holidays; empty: none.
    #[serde(default)]
    pub calendar: String,
}

/// A last-mile zone: postcodes served from one depot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ZoneRow {
    /// Unique id, no place's.
    pub id: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Beginnings of postcodes, separated by blanks; `08-13` is each from 08 to 13. Empty: all
    /// others of the country. The longest that fits decides; letters alone mean the whole
    /// group of letters, so `E` is not `EH`.
    pub postcodes: String,
    /// Place the tours start from.
    pub depot: String,
    /// Weekdays of the tours, digits 1 (Monday) to 7.
    pub days: String,
    /// Local time at which the tours leave.
    pub tour: String,
    /// A parcel must be ready this long before. 0 to 10,080.
    pub cutoff_min: String,
    /// Minutes from leaving the depot to delivery.
    pub delivery_min: String,
    /// Price of a delivery.
    pub price_per_parcel: String,
    /// Price by weight.
    pub price_per_kg: String,
    /// ISO 4217.
    pub currency: String,
    /// CO2 of a delivery.
    pub co2_g_per_parcel: String,
    /// Promise of the standard level: delivery days after the day of readiness, 0 to 60.
    pub standard_days: String,
    /// Promise of the express level.
    pub express_days: String,
    /// Calendar with the holidays; empty: none.
    #[serde(default)]
    pub calendar: String,
}

/// A stretch of days that are exceptions: of the records of a calendar, the last that holds a day
/// decides; a day that none holds is decided by its weekday.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CalendarRow {
    /// Name of the calendar.
    pub calendar: String,
    /// First day, `YYYY-MM-DD`; empty: since ever.
    pub from: String,
    /// Last day; empty: for ever.
    pub until: String,
    /// `yes`: these are days of running or opening; `no`: they are not.
    pub runs: String,
}

/// `network.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// ISO 4217 currency of every result.
    pub base_currency: String,
    /// Days of timetable that are unrolled from the day a parcel is ready, 1 to 120.
    pub horizon_days: u16,
    /// Day of the rates, `YYYY-MM-DD`.
    pub rates_date: String,
    /// What one unit of a currency costs in the base currency, as a decimal in quotes.
    #[serde(default)]
    pub rates: BTreeMap<String, String>,
    /// How late vehicles arrive, by mode; a mode without an entry is always on time.
    #[serde(default)]
    pub delay: BTreeMap<String, DelayRow>,
}

/// How late the vehicles of a mode arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DelayRow {
    /// Half arrive at most this late, in minutes. 0: on time.
    pub p50_min: u32,
    /// Nine of ten arrive at most this late; not less than `p50_min`.
    pub p90_min: u32,
}

/// Which file a problem is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TableName {
    /// `places.csv`.
    Places,
    /// `services.csv`.
    Services,
    /// `customs.csv`.
    Customs,
    /// `zones.csv`.
    Zones,
    /// `calendars.csv`.
    Calendars,
    /// `network.toml`.
    Settings,
}

impl TableName {
    /// Name of the file.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::Places => "places.csv",
            Self::Services => "services.csv",
            Self::Customs => "customs.csv",
            Self::Zones => "zones.csv",
            Self::Calendars => "calendars.csv",
            Self::Settings => "network.toml",
        }
    }
}

/// One thing that is wrong with the tables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{}, record {}, {column}: found `{found}`, allowed: {allowed}", table.file(), row + 1)]
pub struct Problem {
    /// Which file.
    pub table: TableName,
    /// Record, counted from 0 without the header; 0 in `network.toml`.
    pub row: usize,
    /// Column, or key with the tables it is in, such as `rates.USD`.
    pub column: Cow<'static, str>,
    /// What is there.
    pub found: String,
    /// What would be allowed.
    pub allowed: String,
}
