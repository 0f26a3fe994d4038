//! The microcontroller's image under QEMU: its pins are driven from outside, and what the
//! firmware claims is measured. `cargo xtask firmware` builds the images and runs this.
//!
//! What it shows is counts, instructions and virtual milliseconds of an emulated board; the timing
//! of a real one is not proved by it.

mod belt;
mod clock;
mod garbage;
mod image;
mod interop;
mod machine;
mod master;
mod monitor;
mod nonsense;
mod pins;
mod resets;
mod silence;
mod strokes;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use sortline_regmap::ResetCause;

use garbage::Transport;
use image::Image;
use strokes::Extent;

/// Runs the field node's image under QEMU and measures what it claims.
#[derive(Debug, Parser)]
#[command(
    name = "sortline-emu",
    version,
    after_help = "Example:\n  cargo xtask firmware    # builds all images, then runs this"
)]
struct Arguments {
    /// The image.
    #[arg(long, value_name = "ELF")]
    image: PathBuf,
    /// The same with "one count late" planted.
    #[arg(long, value_name = "ELF")]
    late: Option<PathBuf>,
    /// The same with a hang planted at count 1000.
    #[arg(long, value_name = "ELF")]
    hang: Option<PathBuf>,
    /// The same with a panic planted at count 1000.
    #[arg(long, value_name = "ELF")]
    panic: Option<PathBuf>,
    /// The controller that sorts a belt through the board.
    #[arg(long, value_name = "PATH")]
    sortline: Option<PathBuf>,
    /// Encoder counts driven in lockstep, at least.
    #[arg(long, default_value_t = 100_000)]
    counts: u32,
    /// Strokes fired meanwhile, at least.
    #[arg(long, default_value_t = 2_000)]
    strokes: u32,
    /// Losses of the heartbeat.
    #[arg(long, default_value_t = 1_000)]
    losses: u32,
    /// Garbage frames over Modbus TCP.
    #[arg(long, default_value_t = 20_000)]
    garbage_tcp: u64,
    /// Garbage frames over Modbus RTU, where damage ends only with a pause of the line.
    #[arg(long, default_value_t = 2_000)]
    garbage_rtu: u64,
    /// Parcels that the controller sorts.
    #[arg(long, default_value_t = 10)]
    parcels: u64,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only the runs with these names.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("sortline-emu: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let image = Image::read(&arguments.image)?;
    let seed = arguments.seed;
    let extent = Extent {
        counts: arguments.counts,
        strokes: arguments.strokes,
        seed,
    };
    let runs = Runs(&arguments.only);
    runs.run("size", || image.check())?;
    runs.run("interop", || interop::run(&image))?;
    runs.run("strokes", || {
        strokes::run(&image, extent, 10)?.check(extent)
    })?;
    if let Some(late) = &arguments.late {
        runs.run("late", || late_is_found(late, extent))?;
    }
    for (path, cause) in [
        (&arguments.hang, ResetCause::Watchdog),
        (&arguments.panic, ResetCause::Panic),
    ] {
        if let Some(path) = path {
            runs.run("resets", || resets::run(&Image::read(path)?, cause))?;
        }
    }
    runs.run("clock", || silence::compare_clocks(&image))?;
    runs.run("silence", || {
        silence::run(&image, arguments.losses, seed)?.check(arguments.losses)
    })?;
    runs.run("garbage-tcp", || {
        garbage::run(&image, Transport::Tcp, arguments.garbage_tcp, seed)
    })?;
    runs.run("garbage-rtu", || {
        garbage::run(&image, Transport::Rtu, arguments.garbage_rtu, seed)
    })?;
    if let Some(sortline) = &arguments.sortline {
        runs.run("belt", || belt::run(&image, sortline, arguments.parcels))?;
    }
    Ok(())
}

/// The runs that are wanted: all, or some by name.
struct Runs<'a>(&'a [String]);

impl Runs<'_> {
    fn run(&self, name: &str, run: impl FnOnce() -> Result<String>) -> Result<()> {
        if !self.0.is_empty() && !self.0.iter().any(|wanted| wanted == name) {
            return Ok(());
        }
        let begun = clock::now();
        let found = run().with_context(|| format!("run {name}"))?;
        say(&format!(
            "{name}, {:.0} s: {found}",
            begun.elapsed().as_secs_f64()
        ));
        Ok(())
    }
}

/// The run of the strokes must turn red on a board that is one count late.
fn late_is_found(path: &std::path::Path, extent: Extent) -> Result<String> {
    let short = Extent {
        counts: 3_000,
        strokes: 40,
        ..extent
    };
    let outcome = strokes::run(&Image::read(path)?, short, 20)?;
    let Some(first) = outcome.wrong.first() else {
        bail!("a build that fires one count late was not found out");
    };
    ensure!(
        outcome.check(short).is_err(),
        "found, and passed all the same"
    );
    Ok(format!(
        "a build that fires one count late turns the run red: {first}"
    ))
}

/// A line for the person at the terminal.
fn say(text: &str) {
    // A closed terminal is no reason to stop a run.
    drop(writeln!(std::io::stdout().lock(), "{text}"));
}
