//! `sortline plan dry-run`: a sort plan tried on parcels of a journal.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::FINE;
use crate::config;
use crate::journal::Reader;
use crate::trial::{self, Moves};

/// Arguments of `sortline plan dry-run`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Chute 0 stands for parcels that no rule takes. States of chutes do not count: \
                  every chute is taken as ready.\n\nExample: sortline plan dry-run --config \
                  config/demo --plan new.toml sortline-data"
)]
pub struct Args {
    /// The site directory; its plan is the one compared with.
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// The plan to try, with the keys of plan.toml.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// A journal, or the data directory that holds it.
    #[arg(value_name = "JOURNAL")]
    journal: PathBuf,
    /// Parcels, newest first.
    #[arg(long, value_name = "N", default_value_t = trial::PARCELS)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(trial::PARCELS_MAX)))]
    parcels: u32,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Tries a plan.
///
/// # Errors
/// [`config::ConfigError`] for the site or the plan, or the journal cannot be read.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let files = super::site_directory(&args.config)?;
    let (base, topology) = config::load_plan_and_line(&files)?;
    let plan = config::load_plan_file(&args.plan, &topology)?;
    let steps = Reader::open(&args.journal)?.resolutions(args.parcels)?;
    let moves = trial::compare(&steps, &base, &plan);
    if args.json {
        super::print(&(serde_json::to_string(&moves)? + "\n"))?;
    } else {
        super::print(&in_words(&moves, &base.version, &plan.version)?)?;
    }
    Ok(FINE.into())
}

fn in_words(moves: &Moves, base: &str, plan: &str) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let (parcels, moved) = (moves.parcels, moves.moved);
    writeln!(
        text,
        "{parcels} parcels, {moved} go elsewhere by plan {plan} than by plan {base}"
    )?;
    writeln!(
        text,
        "{:>8} {:>8} {:>8} {:>8}",
        "chute", "before", "after", "change"
    )?;
    let mut chutes: Vec<u16> = moves
        .before
        .keys()
        .chain(moves.after.keys())
        .copied()
        .collect();
    chutes.sort_unstable();
    chutes.dedup();
    for chute in chutes {
        let count =
            |of: &std::collections::BTreeMap<u16, u64>| of.get(&chute).copied().unwrap_or(0);
        let (before, after) = (count(&moves.before), count(&moves.after));
        let change = i128::from(after) - i128::from(before);
        writeln!(text, "{chute:>8} {before:>8} {after:>8} {change:>+8}")?;
    }
    for (country, postcode, from, to) in &moves.examples {
        writeln!(
            text,
            "for example {country} {postcode}…: chute {from} → {to}"
        )?;
    }
    Ok(text)
}
