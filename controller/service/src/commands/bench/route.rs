//! `sortline bench route`: route search, risk and sort plans on this machine.

use std::path::PathBuf;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};

use super::super::print;
use crate::cli::FINE;
use crate::clock;
use crate::route_bench::{Plan, flights, run as measure, table, world};

/// Arguments of `sortline bench route`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sortline bench route --json\nExample: sortline bench route --permille 100 \
                  --queries 500\n\nOne thread, one run, one invented network of about 9,900 places \
                  and 1.1 million departures a week. Times are processor time. petgraph and vulture \
                  answer a part of the queries; the ratios are over these."
)]
pub struct Args {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Size of the network in thousandths.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u16).range(10..=1_000))]
    permille: u16,
    /// Seed of the network.
    #[arg(long, value_name = "N", default_value_t = 20_261_123)]
    seed: u64,
    /// Queries from point to point.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    queries: u32,
    /// Of them answered by petgraph's time-expanded graph too.
    #[arg(long, value_name = "N", default_value_t = 200)]
    expanded: u32,
    /// Of them answered by vulture too.
    #[arg(long, value_name = "N", default_value_t = 50)]
    raptor: u32,
    /// Queries for Pareto sets.
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pareto: u32,
    /// Weeks of parcels held out to compare risks with, in mild and in adversarial weather; 0: none.
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u8).range(0..=52))]
    weeks: u8,
    /// Folder of OpenFlights (airports.dat, routes.dat) with ports/ports.geojson beside it: the real
    /// world's places and routes instead of invented ones.
    #[arg(long, value_name = "DIR")]
    world: Option<PathBuf>,
    /// An Arrow file of flights with delay, distance and time, to learn delays from.
    #[arg(long, value_name = "FILE")]
    flights: Option<PathBuf>,
}

/// Measures and prints.
///
/// # Errors
/// The files of the world or of flights cannot be used.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let plan = Plan {
        permille: usize::from(args.permille),
        seed: args.seed,
        queries: count(args.queries),
        expanded: count(args.expanded),
        raptor: count(args.raptor),
        pareto: count(args.pareto),
        weeks: usize::from(args.weeks),
    };
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{elapsed} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let say = |what: &str| {
        bar.set_message(what.to_owned());
        bar.tick();
    };
    let geography = args.world.as_ref().map(|folder| world(folder, args.seed));
    let geography = geography.transpose()?;
    let mut report = measure(plan, geography.as_ref(), clock::thread_cpu, &say)?;
    if let Some(file) = &args.flights {
        say("flights");
        report.flights = flights(file, clock::thread_cpu)?;
    }
    bar.finish_and_clear();
    if args.json {
        print(&(serde_json::to_string(&report)? + "\n"))?;
    } else {
        print(&table(&report))?;
    }
    Ok(FINE.into())
}
