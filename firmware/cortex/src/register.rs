//! Registers of peripherals.

use core::ptr::{read_volatile, write_volatile};

/// A register that may be read and written at any time.
#[derive(Clone, Copy, Debug)]
pub struct Register(usize);

impl Register {
    /// The register at an address.
    ///
    /// # Safety
    /// The address is word-aligned and lies in the peripherals' address space; neither reading nor
    /// writing it makes a peripheral change memory of the program.
    pub const unsafe fn new(address: usize) -> Self {
        Self(address)
    }

    /// What it holds.
    pub fn read(self) -> u32 {
        // SAFETY: whoever made the register has promised it.
        unsafe { read_volatile(self.0 as *const u32) }
    }

    /// Writes all of it.
    pub fn write(self, value: u32) {
        // SAFETY: as above.
        unsafe { write_volatile(self.0 as *mut u32, value) }
    }

    /// Sets some bits.
    pub fn set(self, bits: u32) {
        self.write(self.read() | bits);
    }

    /// Clears some bits.
    pub fn clear(self, bits: u32) {
        self.write(self.read() & !bits);
    }
}
