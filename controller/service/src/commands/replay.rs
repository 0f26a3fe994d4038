//! `sortline replay`: feed a recorded journal to the core again; the actions must be equal.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::{FAILED, FINE};
use crate::journal::{self, Reader};

/// Arguments of `sortline replay`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 1: this version wants other actions than were recorded, or the \
                        journal is damaged.\n\nExample: sortline replay sortline-data/journal.db"
)]
pub struct Args {
    /// A journal, or the data directory that holds it.
    #[arg(value_name = "JOURNAL")]
    journal: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Summary<'a> {
    equal: bool,
    steps: u64,
    actions: u64,
    simulated_s: f64,
    action_hash: &'a str,
    first_difference: Option<i64>,
}

/// Replays a journal.
///
/// # Errors
/// The journal cannot be read or is damaged.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let journal = &args.journal;
    let replayed = journal::replay(&Reader::open(journal)?, |_| ())?;
    let seconds = std::time::Duration::from_micros(replayed.at.0).as_secs_f64();
    let difference = replayed.difference.as_ref();
    let summary = Summary {
        equal: difference.is_none(),
        steps: replayed.steps,
        actions: replayed.actions,
        simulated_s: seconds,
        action_hash: &replayed.hash,
        first_difference: difference.map(|difference| difference.seq),
    };
    if args.json {
        super::print(&(serde_json::to_string(&summary)? + "\n"))?;
    } else {
        super::print(&in_words(&summary))?;
        for (name, actions) in difference
            .into_iter()
            .flat_map(|found| [("recorded", &found.recorded), ("replayed", &found.replayed)])
        {
            super::print(&format!("{name}: [{}]\n", actions.join(", ")))?;
        }
    }
    Ok(if summary.equal { FINE } else { FAILED }.into())
}

fn in_words(summary: &Summary<'_>) -> String {
    let Summary {
        steps,
        actions,
        simulated_s,
        action_hash,
        ..
    } = summary;
    let result = match summary.first_difference {
        None => "equal to what was recorded".to_owned(),
        Some(seq) => format!("different from what was recorded, first at event {seq}"),
    };
    format!(
        "{steps} steps over {simulated_s:.1} s gave {actions} actions, {result}\naction hash \
         {action_hash}\n"
    )
}
