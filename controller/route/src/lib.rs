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

mod build;
mod cells;
pub mod compliance;
mod graph;
mod micros;
mod network;
mod options;
mod postcode;
mod risk;
mod search;
mod table;
mod tables;
mod time;
mod why;

pub use micros::Micros;
pub use network::{Kind, Level, Mode, Network, Node, NodeInfo, Size};
pub use options::{CustomsStep, Hop, Query, RouteOption};
pub use table::{Entry, Table};
pub use tables::{
    CustomsRow, DelayRow, PlaceRow, Problem, ServiceRow, Settings, TableName, Tables, ZoneRow,
};
pub use time::{DAY_MIN, Minute, Offsets, Window};
