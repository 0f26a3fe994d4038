//! `sortline bench`: what this machine reaches, beside a named peer in the same run.

pub mod core;
pub mod journal;
pub mod read;
pub mod route;
pub mod sim;

use std::process::ExitCode;

/// Arguments of `sortline bench`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sortline bench read --tier T1,T2 --frames 50")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is measured.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Read rates, wrong reads and time per frame of the label reader, beside other decoders.
    Read(read::Args),
    /// Time to make a record durable and records a second of the journal, beside the bare disk.
    Journal(journal::Args),
    /// Events a second through the line's core, beside a plain queue.
    Core(core::Args),
    /// Route search, risk and sort plans, beside petgraph and vulture.
    Route(route::Args),
    /// Speed of the simulated line, beside real time.
    Sim(sim::Args),
}

/// Measures and prints.
///
/// # Errors
/// What is to be measured cannot be set up.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Read(args) => read::run(args),
        What::Journal(args) => journal::run(args),
        What::Core(args) => core::run(args),
        What::Route(args) => route::run(args),
        What::Sim(args) => sim::run(args),
    }
}
