//! Registers of the STM32F446 (reference manual RM0390): the only unsafe code of this crate.

use core::ptr::{read_volatile, write_volatile};

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

    pub(crate) fn clear(self, bits: u32) {
        self.write(self.read() & !bits);
    }
}

/// A GPIO port.
#[derive(Clone, Copy)]
pub(crate) struct Port(usize);

impl Port {
    pub(crate) const A: Self = Self(0x4002_0000);
    pub(crate) const B: Self = Self(0x4002_0400);
    pub(crate) const C: Self = Self(0x4002_0800);

    /// Two bits a pin: 0 input, 1 output, 2 alternate function.
    pub(crate) const fn mode(self) -> Register {
        Register(self.0)
    }
    /// Two bits a pin: 2 pull-down.
    pub(crate) const fn pull(self) -> Register {
        at(self.0, 0x0C)
    }
    pub(crate) const fn input(self) -> Register {
        at(self.0, 0x10)
    }
    pub(crate) const fn output(self) -> Register {
        at(self.0, 0x14)
    }
    /// Low half: pins to set; high half: pins to clear. One write, one instant.
    pub(crate) const fn set_and_clear(self) -> Register {
        at(self.0, 0x18)
    }
    pub(crate) const fn alternate_low(self) -> Register {
        at(self.0, 0x20)
    }
    pub(crate) const fn alternate_high(self) -> Register {
        at(self.0, 0x24)
    }
}

/// Clock gates and reset causes.
pub(crate) mod rcc {
    use super::Register;

    pub(crate) const GATE_PORTS: Register = Register(0x4002_3830);
    pub(crate) const GATE_1: Register = Register(0x4002_3840);
    pub(crate) const GATE_2: Register = Register(0x4002_3844);
    pub(crate) const CAUSE: Register = Register(0x4002_3874);
}

/// Timer 2, 32 bits wide, as quadrature decoder with a compare channel.
pub(crate) mod tim2 {
    use super::Register;

    pub(crate) const CONTROL: Register = Register(0x4000_0000);
    pub(crate) const SLAVE: Register = Register(0x4000_0008);
    pub(crate) const INTERRUPTS: Register = Register(0x4000_000C);
    pub(crate) const STATUS: Register = Register(0x4000_0010);
    pub(crate) const CHANNELS: Register = Register(0x4000_0018);
    pub(crate) const COUNT: Register = Register(0x4000_0024);
    pub(crate) const RELOAD: Register = Register(0x4000_002C);
    pub(crate) const COMPARE_3: Register = Register(0x4000_003C);
}

/// USART 1.
pub(crate) mod usart1 {
    use super::Register;

    pub(crate) const STATUS: Register = Register(0x4001_1000);
    pub(crate) const DATA: Register = Register(0x4001_1004);
    pub(crate) const BAUD: Register = Register(0x4001_1008);
    pub(crate) const CONTROL: Register = Register(0x4001_100C);
}

/// External interrupts: which port each line watches, and the lines.
pub(crate) mod exti {
    use super::Register;

    pub(crate) const PORT_OF_4: Register = Register(0x4001_380C);
    pub(crate) const PORT_OF_8: Register = Register(0x4001_3810);
    pub(crate) const PORT_OF_12: Register = Register(0x4001_3814);
    pub(crate) const MASK: Register = Register(0x4001_3C00);
    pub(crate) const RISING: Register = Register(0x4001_3C08);
    pub(crate) const FALLING: Register = Register(0x4001_3C0C);
    pub(crate) const PENDING: Register = Register(0x4001_3C14);
}

/// The independent watchdog.
pub(crate) mod watchdog {
    use super::Register;

    pub(crate) const KEY: Register = Register(0x4000_3000);
    pub(crate) const RELOAD: Register = Register(0x4000_3008);
}

/// A word that survives a reset, and the switch that lets it be written.
pub(crate) mod backup {
    use super::Register;

    pub(crate) const POWER: Register = Register(0x4000_7000);
    pub(crate) const WORD: Register = Register(0x4000_2850);
}
