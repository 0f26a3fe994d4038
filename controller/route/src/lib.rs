//! Shipment routes by graph search: pure.
//!
//! A [`Network`] is places, last-mile zones and services with timetables, cut-offs, handling and
//! customs times, prices and emissions, checked and unrolled over a window of time. [`Table`] is
//! all a sorting line needs of it: for its one site and a time of readiness, the route to every
//! zone, so that a parcel's decision is a look-up. [`Network::options`] gives a planner the
//! alternatives between any two nodes. [`compliance`] says what must not travel yet.
//!
//! The crate has no clock, no file and no time-zone data: times are [`Minute`]s, clocks are
//! [`Offsets`], and the caller provides both.

mod ahead;
mod booking;
pub mod boost;
mod build;
mod cells;
pub mod compliance;
mod conditions;
mod corridor;
pub mod day;
mod delay;
pub mod forecast;
pub mod generator;
mod goal;
mod graph;
mod learn;
pub mod lifecycle;
mod micros;
mod network;
mod options;
mod postcode;
mod queue;
mod ranking;
mod reach;
mod replan;
mod risk;
mod search;
mod simulate;
pub mod sortplan;
mod table;
mod tables;
mod time;
mod timetable;
pub mod weeks;
mod why;

pub use ahead::{Ahead, TABLES_MAX};
pub use booking::{Booked, Booking};
pub use conditions::{Applied, BadCondition, CONDITIONS_MAX, Change, Condition};
pub use goal::Goal;
pub use learn::{Arrived, Learnt, Model, RUNS_MAX, Score, Trial};
pub use micros::Micros;
pub use network::{Connection, Kind, Level, Mode, Network, Node, NodeInfo, Size};
pub use options::{CustomsStep, Hop, Limits, Point, Query, RouteOption};
pub use reach::{Bounds, Reach};
pub use replan::{Plan, Planner, Replanned};

pub use table::{Entry, Table};
pub use tables::{
    CalendarRow, CustomsRow, DelayRow, PlaceRow, Problem, ServiceRow, Settings, TableName, Tables,
    ZoneRow,
};
pub use time::{DAY_MIN, Minute, Offsets, UNDER_WAY_MAX_MIN, Window};
