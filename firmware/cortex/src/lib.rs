//! What the boards of the field node share below its logic: registers in memory, the few routines
//! that the compiler calls by name, a watch over the tasks, the program's version.
#![no_std]

mod register;
mod rounds;
#[cfg(target_arch = "arm")]
mod routines;
mod version;

pub use register::Register;
pub use rounds::{Rounds, Watch};
pub use version::version;
