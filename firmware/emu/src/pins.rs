//! Pins of the emulated board, over QEMU's test protocol beside the running processor.
//!
//! The protocol is internal to QEMU and without a promise of stability, so it is spoken here
//! alone: one command a line, one `OK` or `FAIL` each; lines that begin with `IRQ` tell that a
//! watched output moved, and may come before any reply.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

/// Polls for an interrupt to be dealt with before the processor counts as stuck: seconds of it.
const POLLS_MAX: u32 = 200_000;
/// Longest wait for a reply of QEMU.
const REPLY: Duration = Duration::from_secs(20);

/// GPIO ports by letter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Port {
    A,
    B,
    C,
    D,
    E,
}

/// GPIO port B: outputs.
const PORT_B: u32 = 0x4000_5000;
const DIVERTERS: u32 = 0b0011_1111;

/// The pins.
#[derive(Debug)]
pub(crate) struct Pins {
    stream: BufReader<UnixStream>,
    /// QEMU's names of the ports, A first.
    ports: Vec<String>,
    /// Address of the word that counts encoder edges dealt with, and its last value.
    handled: (u32, u32),
    /// Counts driven: where the belt is.
    count: u32,
    /// Outputs as watched: bits of port B.
    outputs: u32,
    /// Outputs that rose since they were taken last, also if they fell again.
    risen: u32,
}

impl Pins {
    pub(crate) fn new(stream: UnixStream, ports: Vec<String>, handled: u32) -> Result<Self> {
        stream.set_read_timeout(Some(REPLY))?;
        let mut pins = Self {
            stream: BufReader::new(stream),
            ports,
            handled: (handled, 0),
            count: 0,
            outputs: 0,
            risen: 0,
        };
        let watched = format!("irq_intercept_out {}", pins.port(Port::B)?);
        pins.command(&watched)?;
        Ok(pins)
    }

    /// Where the belt is.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// The belt goes on by one count: a whole period of both channels. Returns when the board has
    /// dealt with it.
    pub(crate) fn forward(&mut self) -> Result<()> {
        // A rises while B is low: that is the count.
        self.edge(&[(CHANNEL_A, true)])?;
        // B rises, A falls: dealt with, but no count.
        self.edge(&[(CHANNEL_B, true), (CHANNEL_A, false)])?;
        self.set(Port::C, CHANNEL_B, false)?;
        self.count = self.count.wrapping_add(1);
        Ok(())
    }

    /// The belt moves on, and nobody waits for the board to deal with it.
    pub(crate) fn strike(&mut self) -> Result<()> {
        self.set(Port::C, CHANNEL_A, true)
    }

    /// The belt goes back by one count.
    pub(crate) fn backward(&mut self) -> Result<()> {
        self.edge(&[(CHANNEL_B, true), (CHANNEL_A, true)])?;
        self.edge(&[(CHANNEL_B, false), (CHANNEL_A, false)])?;
        self.count = self.count.wrapping_sub(1);
        Ok(())
    }

    /// A photo-eye's level.
    pub(crate) fn eye(&mut self, eye: u8, blocked: bool) -> Result<()> {
        let (port, pin) = match eye {
            0..=5 => (Port::A, eye + 2),
            6 | 7 => (Port::D, eye - 6),
            _ => (Port::D, eye - 4),
        };
        self.set(port, pin, blocked)
    }

    /// The stop circuit: closed lets the outputs move.
    pub(crate) fn stop_circuit(&mut self, closed: bool) -> Result<()> {
        self.set(Port::E, 0, closed)
    }

    /// Diverter outputs as watched.
    pub(crate) const fn diverters(&self) -> u32 {
        self.outputs & DIVERTERS
    }

    /// Outputs of port B that rose since the last call.
    pub(crate) const fn take_risen(&mut self) -> u32 {
        std::mem::replace(&mut self.risen, 0)
    }

    /// Diverter outputs as the board drives them at this moment, by its registers: a pin that is
    /// no output is not driven.
    pub(crate) fn driven(&mut self) -> Result<u32> {
        let data = self.read(PORT_B + 0x3FC)?;
        let direction = self.read(PORT_B + 0x400)?;
        Ok(data & direction & DIVERTERS)
    }

    /// A word of memory or a register.
    pub(crate) fn read(&mut self, address: u32) -> Result<u32> {
        let reply = self.command(&format!("readl {address:#x}"))?;
        number(&reply)
    }

    /// Waits until QEMU has taken a short frame off the serial line's socket: it takes one byte
    /// each time that it looks at its sockets, of which this is one.
    pub(crate) fn wait_for_bytes(&mut self) -> Result<()> {
        const FRAME: u32 = 16;
        for _ in 0..2 * FRAME {
            self.command("endianness")?;
        }
        Ok(())
    }

    /// Forgets what was watched, after a reset of the board.
    pub(crate) fn forget(&mut self) -> Result<()> {
        self.handled.1 = self.read(self.handled.0)?;
        (self.outputs, self.risen, self.count) = (0, 0, 0);
        Ok(())
    }

    fn set(&mut self, port: Port, pin: u8, level: bool) -> Result<()> {
        let text = self.setting(port, pin, level)?;
        self.command(&text).map(drop)
    }

    fn setting(&self, port: Port, pin: u8, level: bool) -> Result<String> {
        let port = self.port(port)?;
        let level = u8::from(level);
        Ok(format!("set_irq_in {port} unnamed-gpio-in {pin} {level}"))
    }

    /// Moves channels of the encoder, of which one interrupts, and waits until that is dealt with.
    /// Commands go out together: each is a round trip otherwise.
    fn edge(&mut self, levels: &[(u8, bool)]) -> Result<()> {
        let mut text = String::new();
        for (channel, level) in levels {
            text.push_str(&self.setting(Port::C, *channel, *level)?);
            text.push('\n');
        }
        let (address, before) = self.handled;
        let look = format!("readl {address:#x}\n");
        text.push_str(&look);
        self.send(&text)?;
        for _ in levels {
            self.reply()?;
        }
        for _ in 0..POLLS_MAX {
            let now = number(&self.reply()?)?;
            if now != before {
                ensure!(
                    now == before.wrapping_add(1),
                    "one edge counted as {}",
                    now.wrapping_sub(before)
                );
                self.handled.1 = now;
                return Ok(());
            }
            self.send(&look)?;
        }
        bail!("the board does not deal with an encoder edge")
    }

    fn port(&self, port: Port) -> Result<&str> {
        let index = match port {
            Port::A => 0,
            Port::B => 1,
            Port::C => 2,
            Port::D => 3,
            Port::E => 4,
        };
        let name = self.ports.get(index).context("too few GPIO ports")?;
        Ok(name)
    }

    fn command(&mut self, text: &str) -> Result<String> {
        self.send(&format!("{text}\n"))?;
        self.reply()
    }

    fn send(&mut self, text: &str) -> Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(text.as_bytes()).context("telling QEMU")
    }

    fn reply(&mut self) -> Result<String> {
        loop {
            let mut line = String::new();
            let length = self.stream.read_line(&mut line).context("hearing QEMU")?;
            ensure!(length > 0, "QEMU is gone");
            let line = line.trim();
            if line.starts_with("IRQ") {
                self.watch(line);
            } else if let Some(rest) = line.strip_prefix("OK") {
                return Ok(rest.trim().to_owned());
            } else {
                bail!("QEMU says {line:?}");
            }
        }
    }

    /// `IRQ raise N` and `IRQ lower N`.
    fn watch(&mut self, line: &str) {
        let mut words = line.split_whitespace().skip(1);
        let (what, pin) = (words.next(), words.next().and_then(|pin| pin.parse().ok()));
        let bit = pin.and_then(|pin| 1_u32.checked_shl(pin)).unwrap_or(0);
        if what == Some("raise") {
            self.outputs |= bit;
            self.risen |= bit;
        } else {
            self.outputs &= !bit;
        }
    }
}

const CHANNEL_A: u8 = 4;
const CHANNEL_B: u8 = 6;
/// Bit of the camera's pulse in [`Pins::take_risen`].
pub(crate) const CAMERA: u32 = 1 << 6;

fn number(text: &str) -> Result<u32> {
    let digits = text.trim_start_matches("0x");
    let value = u64::from_str_radix(digits, 16).with_context(|| format!("QEMU says {text:?}"))?;
    u32::try_from(value).context("more than 32 bits")
}
