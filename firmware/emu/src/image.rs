//! The image: where its words are, and how much flash it takes.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSegment as _, ObjectSymbol as _};

/// Flash that an image may take, in bytes.
const FLASH_MAX: u64 = 32 * 1024;
/// Where memory begins.
const MEMORY: u64 = 0x2000_0000;

/// An image for the board.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) path: PathBuf,
    /// Bytes of flash it takes.
    pub(crate) flash: u64,
    /// Bytes of memory it takes, without the stack.
    pub(crate) memory: u64,
    /// Addresses of the words that tell the harness what happened.
    pub(crate) handled: u32,
    pub(crate) encoder_clocks: u32,
    pub(crate) held_clocks: u32,
    pub(crate) millis: u32,
    pub(crate) moved_millis: u32,
    pub(crate) stalls: u32,
    /// Address of the word that keeps the processor awake.
    pub(crate) awake: u32,
}

impl Image {
    /// Reads the ELF file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let file = object::File::parse(bytes.as_slice()).context("reading the image as ELF")?;
        // What the segments hold in the file is what is written to flash.
        let flash = file.segments().map(|segment| segment.file_range().1).sum();
        let in_memory = file
            .segments()
            .filter(|segment| segment.address() >= MEMORY);
        let memory = in_memory.map(|segment| segment.size()).sum();
        let address = |name: &str| {
            let symbol = file
                .symbols()
                .find(|symbol| symbol.name().is_ok_and(|full| full.contains(name)))
                .with_context(|| format!("the image has no symbol {name}"))?;
            u32::try_from(symbol.address()).context("an address beyond 32 bits")
        };
        Ok(Self {
            path: path.to_owned(),
            flash,
            memory,
            handled: address("HANDLED")?,
            encoder_clocks: address("ENCODER_CLOCKS_MAX")?,
            held_clocks: address("HELD_CLOCKS_MAX")?,
            millis: address("UPTIME_MS")?,
            moved_millis: address("MOVED_MS")?,
            stalls: address("STALLS")?,
            awake: address("STAY_AWAKE")?,
        })
    }

    /// Holds the image to its size.
    pub(crate) fn check(&self) -> Result<String> {
        anyhow::ensure!(
            self.flash <= FLASH_MAX,
            "{} bytes of flash, {FLASH_MAX} allowed",
            self.flash
        );
        Ok(format!(
            "{} bytes of flash ({FLASH_MAX} allowed), {} of memory without the stack",
            self.flash, self.memory
        ))
    }
}
