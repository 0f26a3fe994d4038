//! The contract between a controller and a field node that speaks MQTT 5: topics, JSON payloads,
//! and the rules by which a node refuses commands. Firmware, controller and simulator use it; the
//! meaning of every value is that of the register contract, `sortline-regmap`.
//!
//! The node tells: whether it is connected, its factsheet, its state many times a second, every
//! event of its ring, and an acknowledgement of every command. That a command was taken and that
//! its stroke was made are different facts: the second comes as an event.
//!
//! The controller asks with commands. Each says who asks, in which epoch, until which time on the
//! node's own clock it may be executed, and between which encoder counts it may begin; so a
//! broker that keeps, repeats or delays it can make nothing move. [`Gate`] holds these rules.
//!
//! Topics, payloads and the gate are pure; [`link`] alone touches the network, with what
//! [`access`] and [`tls`] read from files.

pub mod access;
mod command;
mod gate;
pub mod link;
mod names;
pub mod tls;
mod told;
mod topics;

pub use command::{Header, Name, Wanted};
pub use gate::{Gate, Judged, Refusals, Refused, View};
pub use told::{Ack, Factsheet, Presence, State, Verdict, decode_event, encode_event};
pub use topics::{Told, Topics, is_slug};

/// Longest payload that a node or a controller reads, bytes. The longest of the contract is a
/// state with 64 blocked photo-eyes, 1,400 bytes.
pub const PAYLOAD_MAX: usize = 4_096;

/// A node tells its state at least this often, milliseconds.
pub const STATE_MS_MAX: u32 = 20;

/// Events that one replay brings at most.
pub const REPLAY_MAX: u16 = 32;
