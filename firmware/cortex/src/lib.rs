//! What the boards of the field node share below its logic: registers in memory, and the few
//! routines that the compiler calls by name.
#![no_std]

mod register;
#[cfg(target_arch = "arm")]
mod routines;

pub use register::Register;
