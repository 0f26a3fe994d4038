//! The simulated line on real sockets.

pub mod cameras;
