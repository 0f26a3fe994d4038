//! `sortline calibrate line`: a survey of the whole line with a calibration parcel.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use sortline_core::LineTime;
use sortline_core::commission::{Calibration, Survey, Surveyed};
use tokio::task::JoinSet;

use crate::cli::{FAILED, FINE};
use crate::clock::Clock;
use crate::config::{self, Configuration};
use crate::field::{self, Place};

/// Arguments of `sortline calibrate line`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sortline calibrate line --config config/demo --length-mm 300\n\nStop the \
                  controller service first: one master drives the field node. Start the belt at the \
                  machine and lay the calibration parcel on it again and again, never two at once. \
                  The more passes, the more is measured; without a pass for --patience-s the result \
                  is printed.\n\nExit code 1: not even the encoder's scale was measured."
)]
pub struct Args {
    /// Directory of the site.
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// Length of the calibration parcel along the belt in millimetres.
    #[arg(long, value_name = "MM", value_parser = clap::value_parser!(u32).range(50..=2_000))]
    length_mm: u32,
    /// End after so many seconds without anything at the photo-eyes.
    #[arg(long, value_name = "S", default_value_t = 120, value_parser = clap::value_parser!(u64).range(5..=3_600))]
    patience_s: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Surveys the line and prints what differs from `line.toml`.
///
/// # Errors
/// A configuration that cannot be loaded, or a session that cannot be begun.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let configuration = config::load(super::site_directory(&args.config)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime of the survey")?;
    let found = runtime.block_on(survey(args, configuration))?;
    runtime.shutdown_background();
    let text = if args.json {
        serde_json::to_string(&found)? + "\n"
    } else {
        in_words(&found)
    };
    super::print(&text)?;
    let code = if found.um_per_tick.is_some() {
        FINE
    } else {
        FAILED
    };
    Ok(code.into())
}

async fn survey(args: &Args, configuration: Configuration) -> anyhow::Result<Calibration> {
    let mut tasks = JoinSet::new();
    let (node, line) = (&configuration.site.config.node, &configuration.topology);
    let site = &configuration.site.config;
    let files = &configuration.files;
    let access = config::access(&site.mqtt, files)?;
    let place = Place::new(site, line.config(), configuration.wiring, (files, &access))?;
    let mut session = field::start(place, (node, line.config()), None, &mut tasks)?;
    let clock = Clock::starting_at(LineTime::default());
    let mut survey = Survey::new(line.clone(), args.length_mm);
    let patience = Duration::from_secs(args.patience_s);
    let mut active = clock.now();
    while survey.passes_left() > 0 && clock.now().since(active) < args.patience_s * 1_000_000 {
        let next = tokio::time::timeout(patience, session.events.recv()).await;
        let Ok(Some(delivery)) = next else { break };
        if let sortline_core::Event::Eye { .. } = delivery.event {
            active = clock.now();
        }
        survey.handle_event(clock.now(), &delivery.event);
        while let Some(command) = survey.poll_command() {
            if session.commands.try_send(command).is_err() {
                tracing::warn!("the fieldbus is too slow, a command was dropped");
            }
        }
    }
    Ok(survey.calibration())
}

fn in_words(found: &Calibration) -> String {
    let mut text = match found.um_per_tick {
        Some(um) => format!("belt.um_per_tick  {um}\n"),
        None => "belt.um_per_tick  not measured\n".to_owned(),
    };
    let mut table = |key: &str, id: String, one: &Surveyed| {
        let Surveyed { written, found } = one;
        text.extend([format!(
            "{key} {id:>4}  {found:>7}  ({written} in line.toml)\n"
        )]);
    };
    for (id, one) in &found.eyes {
        table("eye.position_mm     ", id.to_string(), one);
    }
    for (id, one) in &found.cameras {
        table("camera.position_mm  ", id.to_string(), one);
    }
    for (id, one) in &found.diverters {
        table("diverter.extend_ms  ", id.to_string(), one);
    }
    text
}

#[cfg(test)]
mod tests {
    use sortline_core::EyeId;

    use super::*;

    #[test]
    fn what_was_found_stands_beside_what_is_written() {
        let one = Surveyed {
            written: 3_000,
            found: 3_035,
        };
        let found = Calibration {
            um_per_tick: Some(1_010),
            eyes: [(EyeId(1), one)].into(),
            ..Calibration::default()
        };
        assert_eq!(
            in_words(&found),
            "belt.um_per_tick  1010\neye.position_mm         1     3035  (3000 in line.toml)\n"
        );
    }
}
