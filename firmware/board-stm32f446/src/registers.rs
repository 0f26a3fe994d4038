//! Registers of the STM32F446 (reference manual RM0390): the only unsafe code of this crate.

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
    pub(crate) const A: Self = Self(0x4002_0000);
    pub(crate) const B: Self = Self(0x4002_0400);
    pub(crate) const C: Self = Self(0x4002_0800);

    /// Two bits a pin: 0 input, 1 output, 2 alternate function.
    pub(crate) const fn mode(self) -> Register {
        at(self.0, 0)
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
    use super::{Register, at};

    pub(crate) const GATE_PORTS: Register = at(0x4002_3830, 0);
    pub(crate) const GATE_1: Register = at(0x4002_3840, 0);
    pub(crate) const GATE_2: Register = at(0x4002_3844, 0);
    pub(crate) const CAUSE: Register = at(0x4002_3874, 0);
}

/// Timer 2, 32 bits wide, as quadrature decoder with a compare channel.
pub(crate) mod tim2 {
    use super::{Register, at};

    pub(crate) const CONTROL: Register = at(0x4000_0000, 0);
    pub(crate) const SLAVE: Register = at(0x4000_0008, 0);
    pub(crate) const INTERRUPTS: Register = at(0x4000_000C, 0);
    pub(crate) const STATUS: Register = at(0x4000_0010, 0);
    pub(crate) const CHANNELS: Register = at(0x4000_0018, 0);
    pub(crate) const COUNT: Register = at(0x4000_0024, 0);
    pub(crate) const RELOAD: Register = at(0x4000_002C, 0);
    pub(crate) const COMPARE_3: Register = at(0x4000_003C, 0);
}

/// USART 1.
pub(crate) mod usart1 {
    use super::{Register, at};

    pub(crate) const STATUS: Register = at(0x4001_1000, 0);
    pub(crate) const DATA: Register = at(0x4001_1004, 0);
    pub(crate) const BAUD: Register = at(0x4001_1008, 0);
    pub(crate) const CONTROL: Register = at(0x4001_100C, 0);
}

/// External interrupts: which port each line watches, and the lines.
pub(crate) mod exti {
    use super::{Register, at};

    pub(crate) const PORT_OF_4: Register = at(0x4001_380C, 0);
    pub(crate) const PORT_OF_8: Register = at(0x4001_3810, 0);
    pub(crate) const PORT_OF_12: Register = at(0x4001_3814, 0);
    pub(crate) const MASK: Register = at(0x4001_3C00, 0);
    pub(crate) const RISING: Register = at(0x4001_3C08, 0);
    pub(crate) const FALLING: Register = at(0x4001_3C0C, 0);
    pub(crate) const PENDING: Register = at(0x4001_3C14, 0);
}

/// The independent watchdog.
pub(crate) mod watchdog {
    use super::{Register, at};

    pub(crate) const KEY: Register = at(0x4000_3000, 0);
    pub(crate) const RELOAD: Register = at(0x4000_3008, 0);
}

/// A word that survives a reset, and the switch that lets it be written.
pub(crate) mod backup {
    use super::{Register, at};

    pub(crate) const POWER: Register = at(0x4000_7000, 0);
    pub(crate) const WORD: Register = at(0x4000_2850, 0);
}
