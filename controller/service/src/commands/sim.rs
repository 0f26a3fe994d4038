//! `sortline sim`: the line in virtual time, with faults, deterministic.

use std::io::IsTerminal;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use sortline_core::LineTime;
use sortline_sim::harness::{Report, Scenario, run as run_scenario, write_html};

use super::print;
use crate::cli::{FAILED, FINE};
use crate::clock::Clock;
use crate::config::ConfigError;

/// Arguments of `sortline sim`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sortline sim --scenario config/scenarios/nominal.toml --seeds 1..10"
)]
pub struct Args {
    /// Scenario file.
    #[arg(long, value_name = "FILE")]
    scenario: PathBuf,

    /// Seed; the same seed gives the same run. Default 1.
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,

    /// Seeds A to B, both included, one run each.
    #[arg(long, value_name = "A..B", value_parser = parse_seeds)]
    seeds: Option<RangeInclusive<u64>>,

    /// Parcels the feeder brings, instead of the scenario's number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    parcels: Option<u64>,

    /// Print one JSON object per seed.
    #[arg(long)]
    json: bool,

    /// Write an HTML report with pictures of every seed into this directory.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

fn parse_seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let wrong = || format!("`{text}` is no range of seeds; allowed: A..B, both included, A <= B");
    let (first, last) = text.split_once("..").ok_or_else(wrong)?;
    let number = |part: &str| part.trim().parse::<u64>().map_err(|_not_a_number| wrong());
    let (first, last) = (number(first)?, number(last)?);
    if first <= last {
        Ok(first..=last)
    } else {
        Err(wrong())
    }
}

/// Runs the scenario with every seed. The exit code is 1 when a run had a violation or a missort.
///
/// # Errors
/// A scenario that cannot be loaded, or output that cannot be written.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let scenario = Scenario::load(&args.scenario).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|c| format!(": {c}"));
        ConfigError::whole(
            &args.scenario,
            format!("{error}{}", cause.unwrap_or_default()),
        )
    })?;
    let one = args.seed.unwrap_or(1);
    let seeds = args.seeds.clone().unwrap_or(one..=one);
    if let Some(directory) = &args.report {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("creating {}", directory.display()))?;
    }
    let mut fine = true;
    let clock = Clock::starting_at(LineTime::default());
    for seed in seeds {
        let parcels = args.parcels.unwrap_or(scenario.config.parcels);
        let bar = progress_bar(parcels, seed);
        let started = clock.now();
        let mut report = run_scenario(&scenario, seed, Some(parcels), &mut |n| bar.set_position(n));
        report.wall_s = std::time::Duration::from_micros(clock.now().since(started)).as_secs_f64();
        bar.finish_and_clear();
        fine &= report.violations_total == 0 && report.missort == 0;
        if args.json {
            print(&format!("{}\n", serde_json::to_string(&report)?))?;
        } else {
            print(&summary(&report))?;
        }
        if let Some(directory) = &args.report {
            let path = directory.join(format!("{}-{seed}.html", report.scenario));
            std::fs::write(&path, write_html(&report, &scenario))
                .with_context(|| format!("writing {}", path.display()))?;
        }
    }
    Ok(if fine { FINE } else { FAILED }.into())
}

fn progress_bar(parcels: u64, seed: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(parcels);
    let template = "seed {msg} {wide_bar} {human_pos}/{human_len} parcels, {eta} left";
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| {
        // Only a malformed template fails.
        ProgressStyle::default_bar()
    }));
    bar.set_message(seed.to_string());
    bar
}

fn summary(r: &Report) -> String {
    let mut text = format!(
        "{} seed {}: {} inducted, {} sorted, {} rejected, {} missort, {} removed, {} \
         recirculations, {}/h, {:.0} s in {:.2} s, trace {}\n",
        r.scenario,
        r.seed,
        r.inducted,
        r.sorted,
        r.rejected,
        r.missort,
        r.removed,
        r.recirculations,
        r.parcels_per_hour,
        r.simulated_s,
        r.wall_s,
        r.trace_hash
    );
    for (cause, count) in &r.reject_causes {
        text.extend([format!("  rejected for {cause}: {count}\n")]);
    }
    for violation in &r.violations {
        let at = std::time::Duration::from_micros(violation.at_us).as_secs_f64();
        text.extend([format!(
            "  VIOLATION {} at {at:.3} s: {}\n",
            violation.rule, violation.what
        )]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_seeds_is_closed() {
        assert_eq!(parse_seeds("3..5"), Ok(3..=5));
        assert_eq!(parse_seeds("3..3"), Ok(3..=3));
        for wrong in ["5..3", "3", "a..b", "..", "1..=2"] {
            let message = parse_seeds(wrong).unwrap_err();
            assert!(message.contains("A..B"), "{message}");
        }
    }
}
