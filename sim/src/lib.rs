//! The simulated line: plant, frames, virtual-time harness, real sockets.

pub mod plant;
pub mod render;
