//! MQTT 5 towards the host: state, events, alarms out; commands in.
//!
//! The live task puts messages into the [`Outbox`] and never waits. The uplink task keeps them
//! while the broker cannot be reached, drops the oldest that is no outcome when there are too
//! many, subscribes again at every connection without a session, and checks every command by the
//! rules of [`commands`] before the line hears of it. Outcomes are told at least once, over
//! restarts of either side: what the broker did not acknowledge is read from the journal again.

mod broker;
mod client;
pub mod commands;
mod factsheet;
mod ledger;
mod outbox;
mod spool;
mod topics;

pub use broker::start as start_broker;
pub use client::{Settings, run};
pub(crate) use factsheet::factsheet;
pub use outbox::{Outbox, Publication, Worth};
pub use spool::Spool;
pub use topics::Topics;

/// What the uplink did, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Whether the broker is connected.
    pub connected: bool,
    /// Connections made.
    pub connections: u64,
    /// Messages handed to the broker.
    pub published: u64,
    /// Messages that the broker refused.
    pub refused: u64,
    /// Messages dropped because too many waited.
    pub dropped: u64,
    /// Messages waiting.
    pub waiting: u64,
    /// Commands accepted.
    pub commands_accepted: u64,
    /// Commands refused.
    pub commands_refused: u64,
}
