//! `sortline trace`: what became of one parcel, and why, from the journal.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Map, Value};
use sortline_core::{Disposition, ParcelId};

use crate::cli::{FAILED, FINE};
use crate::journal::{Reader, StepRow};
use crate::live::step_json;

/// Arguments of `sortline trace`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 1: the journal has no such parcel.\n\nExample: sortline trace 4711 \
                        --journal sortline-data"
)]
pub struct Args {
    /// Number of the parcel.
    #[arg(value_name = "ID")]
    parcel: u64,
    /// A journal, or the data directory that holds it.
    #[arg(long, value_name = "JOURNAL", default_value = "sortline-data")]
    journal: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Trace {
    id: ParcelId,
    disposition: Disposition,
    steps: Vec<Map<String, Value>>,
}

/// Explains a parcel.
///
/// # Errors
/// The journal cannot be read or is damaged.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let path = &args.journal;
    let id = ParcelId(args.parcel);
    let rows = Reader::open(path)?.steps(id)?;
    if rows.is_empty() {
        super::print_error(&format!(
            "parcel {id}: {} has no such parcel\n",
            path.display()
        ))?;
        return Ok(FAILED.into());
    }
    let trace = trace(id, &rows);
    if args.json {
        super::print(&(serde_json::to_string(&trace)? + "\n"))?;
    } else {
        super::print(&in_words(&trace)?)?;
    }
    Ok(FINE.into())
}

fn trace(id: ParcelId, rows: &[StepRow]) -> Trace {
    Trace {
        id,
        disposition: Disposition::of(rows.iter().map(|row| &row.step)),
        steps: rows
            .iter()
            .map(|row| step_json(row.wall, &row.step))
            .collect(),
    }
}

/// One line for the disposition, one for each step: time, step, and what belongs to it.
fn in_words(trace: &Trace) -> anyhow::Result<String> {
    let Disposition {
        outcome,
        physical,
        decision,
        laps,
    } = trace.disposition;
    let mut text = format!(
        "parcel {}: {}, belt {}, decision {}, laps {laps}\n",
        trace.id,
        word(&outcome)?,
        word(&physical)?,
        word(&decision)?,
    );
    for step in &trace.steps {
        let mut line = String::from(" ");
        for key in ["at", "step"] {
            if let Some(Value::String(value)) = step.get(key) {
                line.extend([" ", value]);
            }
        }
        for (key, value) in step {
            if key == "alternatives" {
                line.extend([" instead of ", &alternatives(value)]);
            } else if key != "at" && key != "step" && !value.is_null() {
                line.extend([" ", key, "=", value.to_string().trim_matches('"')]);
            }
        }
        text.extend([line.as_str(), "\n"]);
    }
    Ok(text)
}

/// Chutes that were not chosen: number, and what stood against each.
fn alternatives(list: &Value) -> String {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let one = |item: &Value| {
        let chute = item.get("chute").map(Value::to_string).unwrap_or_default();
        let obstacle = item.get("obstacle").and_then(Value::as_str);
        format!("{chute} ({})", obstacle.unwrap_or("later in the plan"))
    };
    list.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn word(value: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string(value)?.trim_matches('"').to_owned())
}
