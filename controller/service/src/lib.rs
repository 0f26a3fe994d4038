//! The controller service and the `sortline` command line.
//!
//! The core decides; this crate does: it feeds the core from fieldbus, cameras and people, carries
//! out what it wants, and keeps the journal. One task owns the line; everything else talks to it
//! over bounded channels.

pub mod bench;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod conditions;
pub mod config;
pub mod engine;
pub mod field;
pub mod http;
pub mod import;
pub mod journal;
pub mod latency;
pub mod live;
pub mod network;
pub mod office;
pub mod people;
mod pose;
pub mod report;
pub mod resolver;
pub mod route_bench;
pub mod routing;
pub mod scanners;
#[cfg(feature = "schema")]
pub mod schemas;
pub mod sensitive;
pub mod service;
#[cfg(feature = "solver")]
pub mod solver;
pub mod trial;
pub mod triggers;
pub mod uplink;
pub mod vision;
pub mod words;
