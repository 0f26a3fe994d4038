//! The simulated line: plant, frames, virtual-time harness, real sockets.

pub mod render;
pub mod serve;
