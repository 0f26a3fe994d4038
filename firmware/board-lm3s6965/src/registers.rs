//! Registers of the LM3S6965 (datasheet SPMS002) and memory that survives a reset: the only
//! unsafe code of this crate.

use core::mem::MaybeUninit;
use core::ptr::{addr_of_mut, read_volatile, write_volatile};

/// A register that may be read and written at any time.
#[derive(Clone, Copy)]
pub(crate) struct Register(usize);

/// The register of a block at its base and an offset.
const fn at(base: usize, offset: usize) -> Register {
    Register(base.wrapping_add(offset))
}

impl Register {
    pub(crate) fn read(self) -> u32 {
        // SAFETY: only this module makes registers, all of them word-aligned and in the
        // peripherals' address space, where reading affects no memory of the program.
        unsafe { read_volatile(self.0 as *const u32) }
    }

    pub(crate) fn write(self, value: u32) {
        // SAFETY: as above; no register here starts a transfer into memory.
        unsafe { write_volatile(self.0 as *mut u32, value) }
    }

    pub(crate) fn set(self, bits: u32) {
        self.write(self.read() | bits);
    }
}

/// A GPIO port.
#[derive(Clone, Copy)]
pub(crate) struct Port(usize);

impl Port {
    pub(crate) const A: Self = Self(0x4000_4000);
    pub(crate) const B: Self = Self(0x4000_5000);
    pub(crate) const C: Self = Self(0x4000_6000);
    pub(crate) const D: Self = Self(0x4000_7000);
    pub(crate) const E: Self = Self(0x4002_4000);

    /// The pins of `mask` alone; the others read as 0 and are not written.
    pub(crate) const fn data(self, mask: u8) -> Register {
        at(self.0, (mask as usize) << 2)
    }
    pub(crate) const fn direction(self) -> Register {
        at(self.0, 0x400)
    }
    pub(crate) const fn both_edges(self) -> Register {
        at(self.0, 0x408)
    }
    pub(crate) const fn interrupts(self) -> Register {
        at(self.0, 0x410)
    }
    pub(crate) const fn clear(self) -> Register {
        at(self.0, 0x41C)
    }
    pub(crate) const fn alternate(self) -> Register {
        at(self.0, 0x420)
    }
    pub(crate) const fn pull_down(self) -> Register {
        at(self.0, 0x514)
    }
    pub(crate) const fn digital(self) -> Register {
        at(self.0, 0x51C)
    }
}

/// A UART (PL011).
#[derive(Clone, Copy)]
pub(crate) struct Uart(usize);

impl Uart {
    pub(crate) const CONSOLE: Self = Self(0x4000_C000);
    pub(crate) const FIELDBUS: Self = Self(0x4000_D000);

    pub(crate) const fn data(self) -> Register {
        Register(self.0)
    }
    pub(crate) const fn flags(self) -> Register {
        at(self.0, 0x18)
    }
    pub(crate) const fn baud_integer(self) -> Register {
        at(self.0, 0x24)
    }
    pub(crate) const fn baud_fraction(self) -> Register {
        at(self.0, 0x28)
    }
    pub(crate) const fn line(self) -> Register {
        at(self.0, 0x2C)
    }
    pub(crate) const fn control(self) -> Register {
        at(self.0, 0x30)
    }
    pub(crate) const fn interrupts(self) -> Register {
        at(self.0, 0x38)
    }
    pub(crate) const fn clear(self) -> Register {
        at(self.0, 0x44)
    }
}

/// System control: raw interrupt status, reset cause, clock, and the peripherals' clock gates.
pub(crate) mod system {
    use super::Register;

    pub(crate) const INTERRUPT_STATUS: Register = Register(0x400F_E050);
    pub(crate) const RESET_CAUSE: Register = Register(0x400F_E05C);
    pub(crate) const CLOCK: Register = Register(0x400F_E060);
    pub(crate) const GATE_0: Register = Register(0x400F_E100);
    pub(crate) const GATE_1: Register = Register(0x400F_E104);
    pub(crate) const GATE_2: Register = Register(0x400F_E108);
}

/// The hardware watchdog.
pub(crate) mod watchdog {
    use super::Register;

    pub(crate) const LOAD: Register = Register(0x4000_0000);
    pub(crate) const VALUE: Register = Register(0x4000_0004);
    pub(crate) const CONTROL: Register = Register(0x4000_0008);
    pub(crate) const CLEAR: Register = Register(0x4000_000C);
}

/// The Ethernet controller.
pub(crate) mod ethernet {
    use super::Register;

    pub(crate) const STATUS: Register = Register(0x4004_8000);
    pub(crate) const INTERRUPTS: Register = Register(0x4004_8004);
    pub(crate) const RECEIVE: Register = Register(0x4004_8008);
    pub(crate) const TRANSMIT: Register = Register(0x4004_800C);
    pub(crate) const DATA: Register = Register(0x4004_8010);
    pub(crate) const ADDRESS_0: Register = Register(0x4004_8014);
    pub(crate) const ADDRESS_1: Register = Register(0x4004_8018);
    pub(crate) const PACKETS: Register = Register(0x4004_8034);
    pub(crate) const REQUEST: Register = Register(0x4004_8038);
}

/// What one run leaves to the next, if the power stays on.
#[derive(Clone, Copy)]
pub(crate) struct Legacy {
    /// Says that the rest was written by a program.
    pub(crate) magic: u32,
    pub(crate) cause: u16,
    pub(crate) epoch: u16,
    /// Never written: after power-up whatever the memory cells fell into.
    noise: [u32; 32],
}

#[unsafe(link_section = ".uninit.legacy")]
static mut LEGACY: MaybeUninit<Legacy> = MaybeUninit::uninit();

impl Legacy {
    pub(crate) const MAGIC: u32 = 0x534F_5254;

    /// What the last run left, or noise.
    pub(crate) fn read() -> Self {
        // SAFETY: any bits are a valid `Legacy`; a volatile read takes the memory as it is, and
        // no reference to it is ever made.
        unsafe { read_volatile(addr_of_mut!(LEGACY).cast::<Self>()) }
    }

    /// Leaves cause and epoch to the next run.
    pub(crate) fn leave(cause: u16, epoch: u16) {
        let legacy = addr_of_mut!(LEGACY).cast::<Self>();
        // SAFETY: the fields lie within the static; volatile writes, as above. Word-sized or
        // smaller, so that an interrupted write leaves nothing worse than an old value.
        unsafe {
            write_volatile(addr_of_mut!((*legacy).cause), cause);
            write_volatile(addr_of_mut!((*legacy).epoch), epoch);
            write_volatile(addr_of_mut!((*legacy).magic), Self::MAGIC);
        }
    }

    /// The noise as one word.
    pub(crate) fn noise(&self) -> u32 {
        let step = |hash: u32, word: &u32| (hash ^ word).wrapping_mul(0x0100_0193);
        self.noise.iter().fold(self.magic, step)
    }
}
