//! The simulated line: plant, frames, virtual-time harness, real sockets.

pub mod devices;
pub mod harness;
pub mod plant;
pub mod render;
pub mod serve;
