//! The simulated line on real sockets.

mod apart;
pub mod cameras;
mod identity;
pub mod plant;
mod truth;
pub mod ways;
