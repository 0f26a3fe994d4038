//! Registers of the LM3S6965 (datasheet SPMS002) and memory that survives a reset: the only
//! unsafe code of this crate.

use core::mem::MaybeUninit;
use core::ptr::{addr_of_mut, read_volatile, write_volatile};

use sortline_cortex::Register;

/// The register of a block at its base and an offset.
const fn at(base: usize, offset: usize) -> Register {
    // SAFETY: only this module gives addresses, all of them word-aligned and of peripherals that
    // move no memory by themselves.
    unsafe { Register::new(base.wrapping_add(offset)) }
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
        at(self.0, 0)
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
    use super::{Register, at};

    pub(crate) const INTERRUPT_STATUS: Register = at(0x400F_E050, 0);
    pub(crate) const RESET_CAUSE: Register = at(0x400F_E05C, 0);
    pub(crate) const CLOCK: Register = at(0x400F_E060, 0);
    pub(crate) const GATE_0: Register = at(0x400F_E100, 0);
    pub(crate) const GATE_1: Register = at(0x400F_E104, 0);
    pub(crate) const GATE_2: Register = at(0x400F_E108, 0);
}

/// The hardware watchdog.
pub(crate) mod watchdog {
    use super::{Register, at};

    pub(crate) const LOAD: Register = at(0x4000_0000, 0);
    pub(crate) const VALUE: Register = at(0x4000_0004, 0);
    pub(crate) const CONTROL: Register = at(0x4000_0008, 0);
    pub(crate) const CLEAR: Register = at(0x4000_000C, 0);
}

/// The Ethernet controller.
pub(crate) mod ethernet {
    use super::{Register, at};

    pub(crate) const STATUS: Register = at(0x4004_8000, 0);
    pub(crate) const INTERRUPTS: Register = at(0x4004_8004, 0);
    pub(crate) const RECEIVE: Register = at(0x4004_8008, 0);
    pub(crate) const TRANSMIT: Register = at(0x4004_800C, 0);
    pub(crate) const DATA: Register = at(0x4004_8010, 0);
    pub(crate) const ADDRESS_0: Register = at(0x4004_8014, 0);
    pub(crate) const ADDRESS_1: Register = at(0x4004_8018, 0);
    pub(crate) const PACKETS: Register = at(0x4004_8034, 0);
    pub(crate) const REQUEST: Register = at(0x4004_8038, 0);
}

/// What one run leaves to the next, if the power stays on.
#[derive(Clone, Copy)]
pub(crate) struct Legacy {
    pub(crate) cause: u16,
    pub(crate) epoch: u16,
}

/// Where it lies: a word that says that a program wrote the second one, cause and epoch, and words
/// that nobody ever writes: after power-up they hold whatever the memory cells fell into.
#[unsafe(link_section = ".uninit.legacy")]
static mut LEGACY: MaybeUninit<[u32; 34]> = MaybeUninit::uninit();

const MAGIC: u32 = 0x534F_5254;

fn legacy(word: usize) -> *mut u32 {
    addr_of_mut!(LEGACY).cast::<u32>().wrapping_add(word)
}

impl Legacy {
    /// What the last run left, if there was one.
    pub(crate) fn read() -> Option<Self> {
        // SAFETY: both words lie within the static, and any bits are a valid `u32`; a volatile
        // read takes the memory as it is, and no reference to it is ever made.
        let (magic, word) = unsafe { (read_volatile(legacy(0)), read_volatile(legacy(1))) };
        let [a, b, c, d] = word.to_be_bytes();
        (magic == MAGIC).then_some(Self {
            cause: u16::from_be_bytes([a, b]),
            epoch: u16::from_be_bytes([c, d]),
        })
    }

    /// Leaves cause and epoch to the next run.
    pub(crate) fn leave(cause: u16, epoch: u16) {
        let word = u32::from(cause) << 16 | u32::from(epoch);
        // SAFETY: both words lie within the static; volatile writes, as above. Whole words, so
        // that an interrupted write leaves nothing worse than an old value.
        unsafe {
            write_volatile(legacy(1), word);
            write_volatile(legacy(0), MAGIC);
        }
    }

    /// All of it as one word that differs from power-up to power-up.
    pub(crate) fn noise() -> u32 {
        let step = |hash: u32, word: usize| {
            // SAFETY: the word lies within the static; a volatile read, as above.
            let word = unsafe { read_volatile(legacy(word)) };
            (hash ^ word).wrapping_mul(0x0100_0193)
        };
        (0..34).fold(0, step)
    }
}

/// What the test harness writes before the board starts, or nothing.
#[used]
#[unsafe(link_section = ".uninit.awake")]
static mut STAY_AWAKE: MaybeUninit<u32> = MaybeUninit::uninit();

/// True when the test harness asks that the processor never sleeps: an emulator that counts
/// instructions lets time jump while it sleeps, by as much as the host was slow.
pub(crate) fn stays_awake() -> bool {
    // SAFETY: any bits are a valid `u32`; a volatile read, as above.
    let word = unsafe { read_volatile(addr_of_mut!(STAY_AWAKE).cast::<u32>()) };
    word == MAGIC
}
