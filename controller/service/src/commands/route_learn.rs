//! `sortline route learn`: delays learnt from runs that arrived, beside the network's settings.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sortline_route::{Arrived, Learnt, Mode, Score};

use super::route::open;
use crate::cli::{FAILED, FINE};
use crate::config::{ConfigError, Problem};
use crate::network::{minute, read_csv};

/// Services shown to people.
const SHOWN_MAX: usize = 30;
/// Largest file of runs, in bytes.
const BYTES_MAX: u64 = 256 << 20;

/// Arguments of `sortline route learn`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sortline route learn --network config/demo/network --arrivals runs.csv\n\n\
                  runs.csv has the columns service (of the last mile: the zone), departed (RFC 3339, \
                  by timetable), late_min, and weather (0 calm to 3 extreme; may be left out), in \
                  order of time. Three quarters are learnt from, the newest quarter is predicted. \
                  Exit code 1: what was learnt predicts worse than the settings; the service would \
                  not use it."
)]
pub struct Args {
    /// Folder of the network, or the site directory around it.
    #[arg(long, value_name = "DIR")]
    network: PathBuf,
    /// Runs that arrived.
    #[arg(long, value_name = "CSV")]
    arrivals: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    service: String,
    departed: Timestamp,
    late_min: i32,
    #[serde(default)]
    weather: Option<u8>,
}

#[derive(Serialize)]
struct Wire<'a> {
    runs: usize,
    better: bool,
    settings: Score,
    learnt: Score,
    boosted: &'a [Mode],
    services: &'a [Learnt],
}

/// Learns, compares and prints.
///
/// # Errors
/// [`ConfigError`] when the network or the runs cannot be used.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let runs = read(&args.arrivals)?;
    let Some((_, at)) = runs.first().zip(runs.last()) else {
        return Err(ConfigError::whole(&args.arrivals, "has no runs").into());
    };
    let newest = crate::network::timestamp(at.departed).unwrap_or(Timestamp::UNIX_EPOCH);
    let network = open(&args.network, ("--arrivals", &newest.to_string()), "")?;
    let trial = network.trial(None, &runs);
    let model = network.learn(&runs);
    let text = if args.json {
        let wire = Wire {
            runs: model.runs,
            better: trial.better,
            settings: trial.served,
            learnt: trial.candidate,
            boosted: &model.boosted,
            services: &model.learnt,
        };
        serde_json::to_string(&wire)? + "\n"
    } else {
        in_words(&model.learnt, &trial.served, &trial.candidate)?
    };
    super::print(&text)?;
    Ok(if trial.better { FINE } else { FAILED }.into())
}

fn read(path: &Path) -> Result<Vec<Arrived>, ConfigError> {
    let refuse = |text: String| ConfigError::whole(path, text);
    let about = std::fs::metadata(path);
    let size = about
        .map_err(|error| refuse(format!("cannot be read: {error}")))?
        .len();
    if size > BYTES_MAX {
        return Err(refuse(format!("has {size} bytes, allowed are {BYTES_MAX}")));
    }
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| refuse(format!("cannot be read: {error}")))?;
    let rows = read_csv::<Row>(path, &text).map_err(|problems| ConfigError { problems })?;
    let lines = rows.rows.into_iter().zip(rows.lines);
    let runs = lines.map(|(row, line)| {
        let problem = |key: &str, text: String| ConfigError {
            problems: vec![Problem {
                file: path.to_owned(),
                line: Some(line),
                key: Some(key.to_owned()),
                text,
            }],
        };
        let weather = row.weather.unwrap_or(0);
        if weather > 3 {
            let text = format!("found {weather}, allowed: 0 to 3");
            return Err(problem("weather", text));
        }
        let departed = minute(row.departed);
        let departed = departed.ok_or_else(|| {
            problem(
                "departed",
                "allowed: a time of the years 1970 to 5000".to_owned(),
            )
        })?;
        Ok(Arrived {
            service: row.service,
            departed,
            weather,
            late_min: row.late_min,
        })
    });
    runs.collect()
}

fn in_words(learnt: &[Learnt], settings: &Score, model: &Score) -> Result<String, std::fmt::Error> {
    let mut text = format!(
        "{:<12}{:>8}{:>12}{:>12}\n",
        "service", "runs", "observed", "reckoned"
    );
    for one in learnt.iter().take(SHOWN_MAX) {
        writeln!(
            text,
            "{:<12}{:>8}{:>11.1}%{:>11.1}%",
            one.service,
            one.runs,
            one.observed * 100.0,
            one.shrunk * 100.0
        )?;
    }
    if learnt.len() > SHOWN_MAX {
        writeln!(text, "and {} more services", learnt.len() - SHOWN_MAX)?;
    }
    writeln!(
        text,
        "on the newest {} runs: mean pinball loss {:.2} min learnt from the others, {:.2} min by the \
         settings; {:.1} % over an hour late, {:.1} % predicted; {:.1} % within the 90 % quantile",
        model.runs,
        model.loss_min,
        settings.loss_min,
        model.late_observed * 100.0,
        model.late_predicted * 100.0,
        model.within_90 * 100.0,
    )?;
    Ok(text)
}
