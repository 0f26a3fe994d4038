//! `sortline export`: take results out.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use sortline_core::Outcome;

use crate::cli::FINE;
use crate::journal::{FILE, OutcomeRow, Reader};

/// Arguments of `sortline export`.
#[derive(Debug, clap::Args)]
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
}

/// Exports outcomes.
///
/// # Errors
/// The journal cannot be read or is damaged.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Format::Csv { journal } = &args.format;
    let path = if journal.is_dir() {
        journal.join(FILE)
    } else {
        journal.clone()
    };
    let mut rows = Reader::open(&path)?.outcomes(u32::MAX)?;
    rows.reverse();
    super::print(&csv(&rows).context("the outcomes as CSV")?)?;
    Ok(FINE.into())
}

fn csv(rows: &[OutcomeRow]) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["parcel", "at", "outcome", "chute", "cause"])?;
    for row in rows {
        let (outcome, chute, cause) = match row.outcome {
            Outcome::Sorted { chute } => ("sorted", chute.to_string(), String::new()),
            Outcome::Rejected { cause } => {
                let cause = serde_json::to_string(&cause)?;
                (
                    "rejected",
                    String::new(),
                    cause.trim_matches('"').to_owned(),
                )
            }
            Outcome::Missort { seen, .. } => ("missort", seen.to_string(), String::new()),
            Outcome::Lost { last } => ("lost", String::new(), format!("last eye {last}")),
        };
        let (parcel, at) = (row.parcel.to_string(), format!("{:.3}", row.wall));
        writer.write_record([&parcel, &at, outcome, &chute, &cause])?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
