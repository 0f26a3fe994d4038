//! What each kind of device has, knows and allows.

use super::ask::{Ask, Refusal};
use super::{Kind, OUTPUTS, Twin};

/// First registers of the assemblies of a `ConveyLinx` module.
const ASSEMBLIES: [u16; 8] = [1_500, 1_600, 1_700, 1_800, 2_700, 2_800, 2_900, 3_000];
/// The `ConveyLinx` status of "no connection to the controller".
const LOST_CONTROLLER: u16 = 0x80;

impl Twin {
    /// State at power-on.
    pub(super) fn power_up(&mut self) {
        let registers: &[(u16, u16)] = match self.kind {
            Kind::Adam6050 => &[(210, 0x6050)],
            Kind::Adam6052 => &[(210, 0x6052)],
            Kind::Wago750 => &[(0x1000, 100), (0x1001, 0xFFFF), (0x1003, 0), (0x1022, 0)],
            Kind::BeckhoffBk9050 => &[(0x1120, 1_000), (0x1121, 0), (0x1122, 0)],
            Kind::LeimaLm1000h => &[
                (0x2000, 0),
                (0x5020, 1),
                (0x3100, 0),
                (0x5000, 2_500),
                (0x501A, 2_480),
                (0xF001, 2),
                (0xF003, 9),
                (0xF004, 5_000),
                (0xF005, 5_000),
                (0xF007, 5_000),
                (0x030A, 100),
                (0xF206, 82),
            ],
            Kind::Generic => &[(0, 0)],
            Kind::MoxaE1214 | Kind::Zhiqian32 | Kind::ConveylinxPlcio | Kind::ConveylinxZpa => &[],
        };
        self.registers.extend(registers.iter().copied());
        // Those whose watchdog is set at the device run from the start.
        if matches!(self.kind, Kind::MoxaE1214 | Kind::ConveylinxPlcio) {
            (self.watchdog.running, self.watchdog.time_ms) = (true, 1_000);
        }
    }

    /// Functions, lengths and first registers that the device takes.
    pub(super) fn allows(&self, function: u8, ask: &Ask) -> Result<(), Refusal> {
        let (functions, most): (&[u8], usize) = match self.kind {
            Kind::LeimaLm1000h => (&[3, 6], 16),
            Kind::ConveylinxPlcio | Kind::ConveylinxZpa => (&[3, 6, 16], 45),
            Kind::Wago750 if ask.is_write() => (
                &[5, 6, 15, 16],
                if matches!(ask, Ask::WriteBits { .. }) {
                    800
                } else {
                    100
                },
            ),
            Kind::Zhiqian32 => (&[1, 2, 3, 5, 6, 15, 16], 2_000),
            Kind::Adam6050
            | Kind::Adam6052
            | Kind::MoxaE1214
            | Kind::Wago750
            | Kind::BeckhoffBk9050
            | Kind::Generic => (&[1, 2, 3, 4, 5, 6, 15, 16], 2_000),
        };
        if !functions.contains(&function) {
            return Err(Refusal::FUNCTION);
        }
        if ask.count() > most {
            return Err(Refusal::VALUE);
        }
        let assembled = matches!(self.kind, Kind::ConveylinxPlcio | Kind::ConveylinxZpa);
        if assembled && !ASSEMBLIES.contains(&ask.first()) {
            return Err(Refusal::Silence);
        }
        Ok(())
    }

    /// A request that the device takes: most count it as a sign of life.
    pub(super) fn heard(&mut self, ask: &Ask) {
        let feeds = match self.kind {
            Kind::MoxaE1214 | Kind::ConveylinxPlcio => true,
            Kind::BeckhoffBk9050 => {
                if ask.is_write() && !self.watchdog.tripped && !self.broken {
                    // The first write arms it.
                    self.watchdog.running = true;
                    self.watchdog.time_ms = self.register(0x1120).into();
                }
                ask.is_write()
            }
            Kind::Generic => ask.is_write(),
            Kind::Adam6050
            | Kind::Adam6052
            | Kind::Wago750
            | Kind::Zhiqian32
            | Kind::LeimaLm1000h
            | Kind::ConveylinxZpa => false,
        };
        if feeds {
            self.watchdog.fed_ms = self.now_ms;
            if matches!(self.kind, Kind::MoxaE1214 | Kind::ConveylinxPlcio) && !self.broken {
                self.watchdog.running = true;
            }
        }
    }

    fn register(&self, address: u16) -> u16 {
        self.registers.get(&address).copied().unwrap_or_default()
    }

    fn input_bit(&self, n: u16, inputs: u16) -> Option<bool> {
        (n < inputs).then(|| self.inputs >> n & 1 == 1)
    }

    fn output_bit(&self, n: u16, outputs: u16) -> Option<bool> {
        (n < outputs).then(|| self.outputs >> n & 1 == 1)
    }

    /// A coil or discrete input; `None` where there is none.
    pub(super) fn bit(&self, discrete: bool, address: u16) -> Option<bool> {
        let beyond = |first: u16| address.checked_sub(first);
        match self.kind {
            Kind::Adam6050 | Kind::Adam6052 => {
                let (inputs, outputs) = if self.kind == Kind::Adam6050 {
                    (12, 6)
                } else {
                    (8, 8)
                };
                let input = self.input_bit(address, inputs);
                input.or_else(|| self.output_bit(beyond(16)?, outputs))
            }
            Kind::MoxaE1214 if discrete => self.input_bit(address, 6),
            Kind::MoxaE1214 if address == 0x1030 => Some(self.watchdog.tripped),
            Kind::MoxaE1214 => self.output_bit(address, 6),
            // Both functions read inputs from 0 and outputs from 0x200.
            Kind::Wago750 => match beyond(0x200) {
                Some(n) => self.output_bit(n, 16),
                None => self.input_bit(address, 16),
            },
            Kind::BeckhoffBk9050 if discrete => self.input_bit(address, 16),
            Kind::BeckhoffBk9050 => self.output_bit(address, 16),
            Kind::Zhiqian32 => self.output_bit(beyond(0x1040)?, 32),
            Kind::Generic if discrete => self.input_bit(address, 8),
            Kind::Generic => self.output_bit(address, 8),
            Kind::LeimaLm1000h | Kind::ConveylinxPlcio | Kind::ConveylinxZpa => None,
        }
    }

    /// A register; `None` where there is none.
    pub(super) fn word(&self, input: bool, address: u16) -> Option<u16> {
        let (inputs, outputs) = (low(self.inputs), low(self.outputs));
        match self.kind {
            Kind::Adam6050 | Kind::Adam6052 => match address {
                0..24 => self.counter(address, true),
                300 => Some(inputs),
                302 => Some(outputs),
                _ => self.registers.get(&address).copied(),
            },
            Kind::MoxaE1214 if input => match address {
                0x10..0x1C => self.counter(address - 0x10, false),
                5_000 => Some(0x1214),
                _ => None,
            },
            Kind::Wago750 => match address {
                0x0000 => Some(inputs),
                0x0200 => Some(outputs),
                0x1006 => Some(match self.watchdog {
                    dog if dog.tripped => 2,
                    dog => u16::from(dog.running),
                }),
                _ => self.registers.get(&address).copied(),
            },
            Kind::BeckhoffBk9050 => match address {
                0x0000 => Some(inputs),
                0x0800 => Some(outputs),
                _ => self.registers.get(&address).copied(),
            },
            Kind::LeimaLm1000h => self.registers.get(&address).copied(),
            Kind::ConveylinxPlcio | Kind::ConveylinxZpa => Some(self.assembly_word(address)),
            Kind::Generic => match address {
                1 => Some(u16::from(self.watchdog.tripped)),
                _ => self.registers.get(&address).copied(),
            },
            Kind::MoxaE1214 | Kind::Zhiqian32 => None,
        }
    }

    fn counter(&self, offset: u16, low_first: bool) -> Option<u16> {
        let count = *self.counters.get(usize::from(offset / 2))?;
        let is_low = offset.is_multiple_of(2) == low_first;
        Some(if is_low { low(count) } else { low(count >> 16) })
    }

    /// `ConveyLinx`: status and sensors from the pins, the rest as written or set.
    fn assembly_word(&self, address: u16) -> u16 {
        let output = |n: u32| low(self.outputs >> n & 1);
        match address {
            1_604 => output(0) | output(1) << 9,
            1_605 => output(2) | output(3) << 9,
            1_700 if self.watchdog.tripped => LOST_CONTROLLER,
            1_701 => {
                let (left, right) = (low(self.inputs & 1), low(self.inputs >> 1 & 1));
                left << 4 | right << 6
            }
            1_803 => output(0) << 1 | output(1) << 3,
            1_804 => output(2),
            _ => self.register(address),
        }
    }

    pub(super) fn write_bit(&mut self, address: u16, on: bool) -> Result<(), Refusal> {
        let beyond = |first: u16| address.checked_sub(first);
        let (number, outputs) = match self.kind {
            Kind::MoxaE1214 if address == 0x1030 => {
                self.watchdog.tripped &= !on;
                return Ok(());
            }
            Kind::Adam6050 => (beyond(16), 6),
            Kind::Adam6052 => (beyond(16), 8),
            Kind::MoxaE1214 => (Some(address), 6),
            Kind::Wago750 if self.watchdog.tripped => return Err(Refusal::DEVICE),
            Kind::Wago750 | Kind::BeckhoffBk9050 => (Some(address), 16),
            Kind::Zhiqian32 => (beyond(0x1040), 32),
            Kind::Generic => (Some(address), 8),
            Kind::LeimaLm1000h | Kind::ConveylinxPlcio | Kind::ConveylinxZpa => (None, 0),
        };
        let number = number.filter(|n| *n < outputs).ok_or(Refusal::ADDRESS)?;
        self.set(number, on && !self.watchdog.tripped);
        Ok(())
    }

    fn set(&mut self, number: u16, on: bool) {
        self.force_output(u8::try_from(number).unwrap_or(0), on);
    }

    pub(super) fn write_word(&mut self, address: u16, word: u16) -> Result<(), Refusal> {
        match self.kind {
            Kind::Wago750 => self.write_wago(address, word),
            Kind::BeckhoffBk9050 => self.write_beckhoff(address, word),
            Kind::Zhiqian32 => match address {
                0x11A0..0x1200 => Ok(()),
                _ => Err(Refusal::ADDRESS),
            },
            Kind::LeimaLm1000h if self.registers.contains_key(&address) => {
                self.registers.insert(address, word);
                Ok(())
            }
            Kind::Generic => self.write_generic(address, word),
            Kind::ConveylinxPlcio | Kind::ConveylinxZpa => {
                self.write_assembly(address, word);
                Ok(())
            }
            Kind::LeimaLm1000h | Kind::Adam6050 | Kind::Adam6052 | Kind::MoxaE1214 => {
                Err(Refusal::ADDRESS)
            }
        }
    }

    /// What a write does as a whole: the timed outputs of the `ZhiQian`.
    pub(super) fn written(&mut self, first: u16, words: &[u16]) {
        if self.kind != Kind::Zhiqian32 {
            return;
        }
        let Some(offset) = first.checked_sub(0x11A0) else {
            return;
        };
        let number = offset / 3;
        let &[level, high, low] = words else { return };
        let ms = u64::from(high) << 16 | u64::from(low);
        let place = usize::from(number);
        if offset % 3 == 0 && place < OUTPUTS {
            self.set(number, level == 1);
            if let Some(end) = self.ends.get_mut(place) {
                *end = (level == 1 && ms > 0).then_some(self.now_ms + ms);
            }
        }
    }

    fn write_wago(&mut self, address: u16, word: u16) -> Result<(), Refusal> {
        let dog = &mut self.watchdog;
        match address {
            0x1000 | 0x1001 if dog.running => return Err(Refusal::VALUE),
            0x1003 if word == 0 || self.broken => {}
            0x1003 if dog.tripped => return Err(Refusal::DEVICE),
            0x1003 => {
                let different = self.registers.get(&0x1003) != Some(&word);
                if different || !dog.running {
                    dog.fed_ms = self.now_ms;
                }
                dog.running = true;
                let units = self.registers.get(&0x1000).copied().unwrap_or_default();
                dog.time_ms = u64::from(units) * 100;
            }
            0x1005 if word == 0x5555 && self.registers.get(&0x1005) == Some(&0xAAAA) => {
                dog.running = false;
            }
            0x1007 if word == 1 => (dog.tripped, dog.running) = (false, false),
            0x1001 | 0x1002 | 0x1000 | 0x1005 | 0x1007 | 0x1008 | 0x100A => {}
            _ => return Err(Refusal::ADDRESS),
        }
        self.registers.insert(address, word);
        Ok(())
    }

    fn write_beckhoff(&mut self, address: u16, word: u16) -> Result<(), Refusal> {
        match address {
            0x0800 if self.watchdog.tripped => {}
            0x0800 => self.outputs = word.into(),
            0x1121 if word == 0xAFFE && self.register(0x1121) == 0xBECF => {
                (self.watchdog.tripped, self.watchdog.running) = (false, false);
            }
            0x1120..=0x1122 => {}
            _ => return Err(Refusal::ADDRESS),
        }
        if !(self.broken && address == 0x1120) {
            self.registers.insert(address, word);
        }
        self.watchdog.time_ms = self.register(0x1120).into();
        Ok(())
    }

    fn write_generic(&mut self, address: u16, word: u16) -> Result<(), Refusal> {
        match address {
            0 if self.broken => {}
            0 => {
                self.registers.insert(0, word);
                (self.watchdog.running, self.watchdog.time_ms) = (word > 0, word.into());
            }
            1 => self.watchdog.tripped &= word != 0,
            _ => return Err(Refusal::ADDRESS),
        }
        Ok(())
    }

    fn write_assembly(&mut self, address: u16, word: u16) {
        let bit = |n: u16| word >> n & 1 == 1;
        match address {
            1_604 => {
                self.set(0, bit(0));
                self.set(1, bit(9));
            }
            1_605 => {
                self.set(2, bit(0));
                self.set(3, bit(9));
            }
            1_800 if word == 2 => self.watchdog.tripped = false,
            1_803 if !self.watchdog.tripped => {
                self.set(0, bit(1));
                self.set(1, bit(3));
            }
            1_804 if !self.watchdog.tripped => self.set(2, bit(0)),
            _ => {}
        }
        self.registers.insert(address, word);
    }
}

/// The lower sixteen bits.
const fn low(bits: u32) -> u16 {
    let [a, b, _, _] = bits.to_le_bytes();
    u16::from_le_bytes([a, b])
}
