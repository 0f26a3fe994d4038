//! The simulated line on real sockets.

pub mod cameras;
mod identity;
pub mod plant;
mod truth;
