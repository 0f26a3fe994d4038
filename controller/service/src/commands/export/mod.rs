//! `sortline export`: take results out.

mod epcis;
mod parquet;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use sortline_core::Outcome;

use crate::cli::FINE;
use crate::journal::{OutcomeRow, Reader};

/// Arguments of `sortline export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sortline export csv sortline-data > outcomes.csv")]
pub struct Args {
    #[command(subcommand)]
    format: Format,
}

#[derive(Debug, clap::Subcommand)]
enum Format {
    /// One line for each parcel that has an outcome, oldest first.
    #[command(after_help = "Example: sortline export csv sortline-data > outcomes.csv")]
    Csv {
        /// A journal, or the data directory that holds it.
        #[arg(value_name = "JOURNAL")]
        journal: PathBuf,
    },
    /// An EPCIS 2.0 document: each parcel's arrival, sort decision and end.
    Epcis(epcis::Args),
    /// The table of `csv` as an Apache Parquet file.
    #[command(
        after_help = "Columns: parcel (INT64), at (TIMESTAMP, microseconds, UTC), outcome, chute, \
                      cause (UTF8).\n\nExample: sortline export parquet sortline-data --out \
                      outcomes.parquet"
    )]
    Parquet {
        /// A journal, or the data directory that holds it.
        #[arg(value_name = "JOURNAL")]
        journal: PathBuf,
        /// The file to write; one that is there is replaced.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Exports outcomes.
///
/// # Errors
/// The journal cannot be read or is damaged, or the file cannot be written.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.format {
        Format::Csv { journal } => {
            let rows = outcomes(&Reader::open(journal)?)?;
            super::print(&csv(&rows).context("the outcomes as CSV")?)?;
        }
        Format::Epcis(args) => epcis::run(args)?,
        Format::Parquet { journal, out } => {
            let rows = outcomes(&Reader::open(journal)?)?;
            parquet::write(&rows, out)?;
        }
    }
    Ok(FINE.into())
}

/// All outcomes, oldest first.
fn outcomes(reader: &Reader) -> anyhow::Result<Vec<OutcomeRow>> {
    let mut rows = reader.outcomes(u32::MAX)?;
    rows.reverse();
    Ok(rows)
}

/// Outcome, chute and cause of a parcel in words; what does not apply is empty.
fn words(outcome: Outcome) -> anyhow::Result<(&'static str, String, String)> {
    Ok(match outcome {
        Outcome::Sorted { chute } => ("sorted", chute.to_string(), String::new()),
        Outcome::Rejected { cause } => {
            let cause = serde_json::to_string(&cause)?;
            let cause = cause.trim_matches('"').to_owned();
            ("rejected", String::new(), cause)
        }
        Outcome::Missort { seen, .. } => ("missort", seen.to_string(), String::new()),
        Outcome::Lost { last } => ("lost", String::new(), format!("last eye {last}")),
    })
}

fn csv(rows: &[OutcomeRow]) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["parcel", "at", "outcome", "chute", "cause"])?;
    for row in rows {
        let (outcome, chute, cause) = words(row.outcome)?;
        let (parcel, at) = (row.parcel.to_string(), format!("{:.3}", row.wall));
        writer.write_record([&parcel, &at, outcome, &chute, &cause])?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
