//! Twins of bought devices: they answer as the maker's manual says, keep the device's limits and
//! have its watchdog. Nothing here is shared with the controller's profiles, so that a wrong
//! profile shows.
//!
//! Facts: the registers are those of the sources named in `config/hardware`; where no source has
//! them, the twin assumes what the profile's `confirm` says is assumed.

mod ask;
mod kinds;
mod serve;
mod wheel;

use std::collections::BTreeMap;

use ask::{Ask, Refusal};
pub use serve::{Bench, Line, Stop, serve};
pub use wheel::WheelTwin;

/// A device that can be simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Advantech ADAM-6050.
    Adam6050,
    /// Advantech ADAM-6052.
    Adam6052,
    /// Moxa ioLogik E1214.
    MoxaE1214,
    /// WAGO 750-880.
    Wago750,
    /// Beckhoff BK9050.
    BeckhoffBk9050,
    /// `ZhiQian` 32 relays.
    Zhiqian32,
    /// `LeiMa` LM1000H.
    LeimaLm1000h,
    /// `ConveyLinx-Ai2` in PLC IO mode.
    ConveylinxPlcio,
    /// `ConveyLinx-Ai2` in ZPA mode.
    ConveylinxZpa,
    /// The device that the generic profile describes.
    Generic,
}

impl Kind {
    /// Every kind, with the name of its profile.
    pub const ALL: [(&'static str, Self); 10] = [
        ("adam-6050", Self::Adam6050),
        ("adam-6052", Self::Adam6052),
        ("moxa-e1214", Self::MoxaE1214),
        ("wago-750", Self::Wago750),
        ("beckhoff-bk9050", Self::BeckhoffBk9050),
        ("zhiqian-32", Self::Zhiqian32),
        ("leima-lm1000h", Self::LeimaLm1000h),
        ("conveylinx-plcio", Self::ConveylinxPlcio),
        ("conveylinx-zpa", Self::ConveylinxZpa),
        ("generic", Self::Generic),
    ];

    /// The twin of this profile.
    pub fn of_profile(id: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(name, _)| *name == id)
            .map(|(_, kind)| *kind)
    }
}

/// Outputs of one device that the twin keeps.
const OUTPUTS: usize = 32;

/// A simulated device.
#[derive(Clone, Debug)]
pub struct Twin {
    kind: Kind,
    now_ms: u64,
    /// Inputs, one bit each.
    inputs: u32,
    /// Outputs, one bit each.
    outputs: u32,
    counters: [u32; 12],
    /// Whatever else it holds.
    registers: BTreeMap<u16, u16>,
    watchdog: Watchdog,
    /// Its watchdog never trips. For showing that the controller notices.
    broken: bool,
    /// When timed outputs go off.
    ends: [Option<u64>; OUTPUTS],
    refusals: u64,
}

/// A watchdog as devices have it.
#[derive(Clone, Copy, Debug, Default)]
struct Watchdog {
    running: bool,
    time_ms: u64,
    fed_ms: u64,
    tripped: bool,
}

impl Twin {
    /// A device just switched on, with all inputs off.
    pub fn new(kind: Kind) -> Self {
        let mut twin = Self {
            kind,
            now_ms: 0,
            inputs: 0,
            outputs: 0,
            counters: [0; 12],
            registers: BTreeMap::new(),
            watchdog: Watchdog::default(),
            broken: false,
            ends: [None; OUTPUTS],
            refusals: 0,
        };
        twin.power_up();
        twin
    }

    /// The same device with a watchdog that never trips and cannot be set.
    #[must_use]
    pub const fn with_broken_watchdog(mut self) -> Self {
        self.broken = true;
        self.watchdog.running = false;
        self
    }

    /// Brings it to this time, milliseconds since any moment; never back.
    pub fn advance(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        for (n, end) in self.ends.iter_mut().enumerate() {
            if end.is_some_and(|end| end <= self.now_ms) {
                *end = None;
                self.outputs &= !(1 << n);
            }
        }
        let dog = self.watchdog;
        if dog.running && !self.broken && self.now_ms > dog.fed_ms + dog.time_ms {
            self.watchdog.tripped = true;
            self.watchdog.running = false;
            self.outputs = 0;
        }
    }

    /// Sets an input.
    pub const fn input(&mut self, n: u8, on: bool) {
        if on {
            self.inputs |= 1 << n;
        } else {
            self.inputs &= !(1 << n);
        }
    }

    /// Sets a counter input's count.
    pub fn count(&mut self, n: usize, count: u32) {
        if let Some(counter) = self.counters.get_mut(n) {
            *counter = count;
        }
    }

    /// Outputs, one bit each.
    pub const fn outputs(&self) -> u32 {
        self.outputs
    }

    /// Sets an output as another master or a broken relay would.
    pub const fn force_output(&mut self, n: u8, on: bool) {
        if on {
            self.outputs |= 1 << n;
        } else {
            self.outputs &= !(1 << n);
        }
    }

    /// Requests that the device could not serve.
    pub const fn refusals(&self) -> u64 {
        self.refusals
    }

    /// Answers a request (function code and data). Empty: the device stays silent.
    pub fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        let function = request.first().copied().unwrap_or_default();
        match Ask::read(request).and_then(|ask| self.serve(request, ask)) {
            Ok(reply) => reply,
            Err(Refusal::Silence) => {
                self.refusals += 1;
                Vec::new()
            }
            Err(Refusal::Exception(code)) => {
                self.refusals += 1;
                vec![function | 0x80, code]
            }
        }
    }

    fn serve(&mut self, request: &[u8], ask: Ask) -> Result<Vec<u8>, Refusal> {
        let function = request.first().copied().unwrap_or_default();
        self.allows(function, &ask)?;
        self.heard(&ask);
        let mut reply = vec![function];
        match ask {
            Ask::ReadBits {
                discrete,
                first,
                count,
            } => {
                let bits = (0..count).map(|n| self.bit(discrete, first.checked_add(n)?));
                let bits = bits
                    .collect::<Option<Vec<bool>>>()
                    .ok_or(Refusal::ADDRESS)?;
                let pack = |byte: &[bool]| {
                    byte.iter()
                        .rev()
                        .fold(0_u8, |byte, bit| byte << 1 | u8::from(*bit))
                };
                let bytes: Vec<u8> = bits.chunks(8).map(pack).collect();
                reply.push(u8::try_from(bytes.len()).unwrap_or(u8::MAX));
                reply.extend(bytes);
            }
            Ask::ReadWords {
                input,
                first,
                count,
            } => {
                let words = (0..count).map(|n| self.word(input, first.checked_add(n)?));
                let words = words
                    .collect::<Option<Vec<u16>>>()
                    .ok_or(Refusal::ADDRESS)?;
                reply.push(u8::try_from(words.len() * 2).unwrap_or(u8::MAX));
                reply.extend(words.iter().flat_map(|word| word.to_be_bytes()));
            }
            Ask::WriteBits { first, bits } => {
                for (address, bit) in (first..).zip(bits) {
                    self.write_bit(address, bit)?;
                }
                reply = echo(request);
            }
            Ask::WriteWords { first, words } => {
                for (address, word) in (first..).zip(words.iter().copied()) {
                    self.write_word(address, word)?;
                }
                self.written(first, &words);
                reply = echo(request);
            }
        }
        Ok(reply)
    }
}

/// A write is confirmed by its own first five bytes.
fn echo(request: &[u8]) -> Vec<u8> {
    request.get(..5).unwrap_or(request).to_vec()
}
