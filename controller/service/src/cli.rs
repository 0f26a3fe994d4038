//! The command tree, exit codes, and how errors are shown.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::commands::{
    ReaderGone, bench, bench_line, calibrate, check, demo, export, import, plan, plant, read,
    replay, route, serve, sim, trace,
};
use crate::config::ConfigError;
use crate::journal::JournalError;

/// Exit code of a run that did what was asked.
pub const FINE: u8 = 0;
/// Exit code when the thing asked for failed, or a check does not hold.
pub const FAILED: u8 = 1;
/// Exit code of wrong usage or configuration.
pub const USAGE: u8 = 2;

/// Edge controller for parcel sorting lines.
#[derive(Debug, Parser)]
#[command(name = "sortline", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 fine, 1 it failed or a check does not hold, 2 wrong usage or \
                        configuration.\n\nExample: sortline demo"
)]
struct Cli {
    /// What is logged to stderr, such as `info` or `warn,sortline_service=debug`.
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        default_value = "warn,rumqttd=off"
    )]
    log: String,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole product on this machine, without hardware.
    Demo(demo::Args),
    /// Validate a site directory, start nothing.
    Check(check::Args),
    /// Work with sort plans.
    Plan(plan::Args),
    /// Run the controller service for the line described in a site directory.
    Serve(serve::Args),
    /// Feed a recorded journal to the core again and compare.
    Replay(replay::Args),
    /// Explain what became of one parcel, and why.
    Trace(trace::Args),
    /// Take results out of a journal.
    Export(export::Args),
    /// Bring public or company data in: networks, locations, manifests.
    Import(import::Args),
    /// Run only the simulated line, on real sockets.
    Plant(plant::Args),
    /// Measure this program beside others.
    Bench(bench::Args),
    /// Try any controller on the simulated line, case by case, over real Modbus TCP.
    BenchLine(bench_line::Args),
    /// Print the calibration target, or measure a camera with it.
    Calibrate(calibrate::Args),
    /// Read labels in pictures, folders, videos and camera streams.
    Read(read::Args),
    /// Find transport routes with arrival, cost, risk and reasons.
    Route(route::Args),
    /// Run the line in virtual time, with faults, deterministic.
    Sim(sim::Args),
}

/// Runs the command line and gives its exit code. Never panics on what a person typed.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { USAGE } else { FINE };
            return if error.print().is_ok() {
                code.into()
            } else {
                FAILED.into()
            };
        }
    };
    let outcome = start_logging(&cli.log).and_then(|()| dispatch(&cli.command));
    outcome.unwrap_or_else(|error| {
        if error.is::<ReaderGone>() {
            return FINE.into();
        }
        show(&error);
        // A file that is not there, or another one, was named wrongly.
        let journal = error.downcast_ref().is_some_and(JournalError::is_misnamed);
        if error.is::<ConfigError>() || journal {
            USAGE.into()
        } else {
            FAILED.into()
        }
    })
}

fn dispatch(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Bench(args) => bench::run(args),
        Command::BenchLine(args) => bench_line::run(args),
        Command::Calibrate(args) => calibrate::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Check(args) => check::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Trace(args) => trace::run(args),
        Command::Export(args) => export::run(args),
        Command::Import(args) => import::run(args),
        Command::Plant(args) => plant::run(args),
        Command::Read(args) => read::run(args),
        Command::Route(args) => route::run(args),
        Command::Sim(args) => sim::run(args),
    }
}

fn start_logging(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().parse(filter).map_err(|error| {
        ConfigError::whole(
            "--log".as_ref(),
            format!("`{filter}` is no log filter: {error}"),
        )
    })?;
    let ansi = std::io::stderr().is_terminal();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(ansi);
    subscriber
        .with_writer(std::io::stderr)
        .try_init()
        .map_err(|error| anyhow::anyhow!(error))
}

/// Shows an error with its causes; a configuration error lists its problems, one a line.
fn show(error: &anyhow::Error) {
    let mut text = String::new();
    for cause in error.chain() {
        let lead = if text.is_empty() { "error" } else { "  cause" };
        for line in cause.to_string().lines() {
            text.extend([lead, ": ", line, "\n"]);
        }
    }
    // Nothing is left to be told to when stderr itself is gone.
    drop(std::io::stderr().lock().write_all(text.as_bytes()));
}
