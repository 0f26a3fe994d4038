//! The controller service and the `sortline` command line.
//!
//! The core decides; this crate does: it feeds the core from fieldbus, cameras and people, carries
//! out what it wants, and keeps the journal. One task owns the line; everything else talks to it
//! over bounded channels.

pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod engine;
pub mod field;
pub mod http;
pub mod journal;
pub mod latency;
pub mod live;
pub mod network;
pub mod report;
pub mod resolver;
pub mod routing;
#[cfg(feature = "schema")]
pub mod schemas;
pub mod sensitive;
pub mod service;
pub mod uplink;
pub mod vision;
