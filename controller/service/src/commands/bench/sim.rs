//! `sortline bench sim`: how fast the line runs in virtual time, beside what real time would take.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use sortline_core::LineTime;
use sortline_sim::harness::{Report, Scenario, run as simulate};

use super::super::print;
use crate::cli::{FAILED, FINE};
use crate::clock::Clock;

/// Times real time that a simulation must reach: a night of ten hours within 72 seconds.
const LIMIT: f64 = 500.0;

/// Arguments of `sortline bench sim`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sortline bench sim --scenario config/scenarios/field.toml --runs 5\n\n\
                  The limit is 500 times real time. The exit code is 1 when a scenario stays below \
                  it, when a parcel came into a wrong chute, or when two runs of one seed differ."
)]
pub struct Args {
    /// Scenario file; may be given several times.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "config/scenarios/nominal.toml"
    )]
    scenario: Vec<PathBuf>,
    /// Parcels of a run.
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    parcels: u64,
    /// Runs of every scenario, all with the same seed; the median counts.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    runs: u16,
    /// Seed of every run.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print one JSON object instead of words.
    #[arg(long)]
    json: bool,
}

/// What was measured of one scenario.
#[derive(Debug, Serialize)]
struct Row {
    /// Its name.
    scenario: String,
    /// Parcels inducted in each run.
    inducted: u64,
    /// Seconds of the line's time in each run.
    simulated_s: f64,
    /// Seconds a run took, the median.
    wall_s: f64,
    /// Parcels a second of one core.
    parcels_per_s: f64,
    /// Simulated seconds for each second.
    times_real_time: f64,
    /// That by the limit of 500.
    ratio_to_limit: f64,
    /// Parcels in a wrong chute and broken invariants, all runs together.
    wrong: u64,
    /// Every run gave the same trace.
    deterministic: bool,
    /// Hash of the trace, the same on every machine.
    trace_hash: String,
}

impl Row {
    fn is_fine(&self) -> bool {
        self.wrong == 0 && self.deterministic && self.ratio_to_limit >= 1.0
    }
}

/// Measures and prints.
///
/// # Errors
/// A scenario that cannot be loaded.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} parcels");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let rows: Vec<Row> = args
        .scenario
        .iter()
        .map(|path| {
            let scenario = Scenario::load(path)
                .with_context(|| format!("loading the scenario {}", path.display()))?;
            let all = args.parcels.saturating_mul(args.runs.into());
            let bar = ProgressBar::new(all).with_style(style.clone());
            bar.set_message(path.display().to_string());
            let row = measure(&scenario, args, &bar);
            bar.finish_and_clear();
            row
        })
        .collect::<anyhow::Result<_>>()?;
    if args.json {
        let report = serde_json::json!({ "limit_times_real_time": LIMIT, "scenarios": rows });
        print(&format!("{report}\n"))?;
    } else {
        print(&in_words(&rows))?;
    }
    let fine = rows.iter().all(Row::is_fine);
    Ok(if fine { FINE } else { FAILED }.into())
}

fn measure(scenario: &Scenario, args: &Args, bar: &ProgressBar) -> anyhow::Result<Row> {
    let clock = Clock::starting_at(LineTime::default());
    let mut runs: Vec<(Duration, Report)> = (0..args.runs)
        .map(|run| {
            let before = args.parcels.saturating_mul(run.into());
            let begun = clock.now();
            let mut tell = |n: u64| bar.set_position(before.saturating_add(n));
            let report = simulate(scenario, args.seed, Some(args.parcels), &mut tell);
            (Duration::from_micros(clock.now().since(begun)), report)
        })
        .collect();
    runs.sort_by_key(|(took, _)| *took);
    let hash = runs.first().map(|(_, report)| report.trace_hash.clone());
    let deterministic = runs
        .iter()
        .all(|(_, r)| Some(&r.trace_hash) == hash.as_ref());
    let wrong = runs
        .iter()
        .map(|(_, r)| r.missort.saturating_add(r.violations_total))
        .sum();
    let middle = runs.len() / 2;
    let (took, report) = runs.into_iter().nth(middle).context("no run")?;
    let wall_s = took.as_secs_f64();
    let times_real_time = report.simulated_s / wall_s;
    Ok(Row {
        inducted: report.inducted,
        simulated_s: report.simulated_s,
        wall_s,
        parcels_per_s: u32::try_from(report.inducted).map_or(f64::INFINITY, f64::from) / wall_s,
        times_real_time,
        ratio_to_limit: times_real_time / LIMIT,
        wrong,
        deterministic,
        trace_hash: report.trace_hash,
        scenario: report.scenario,
    })
}

fn in_words(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let alike = if row.deterministic {
            "equal traces"
        } else {
            "TRACES DIFFER"
        };
        text.extend([format!(
            "{}: {} parcels in {:.2} s, {:.0}/s on one core, {:.0} times real time ({:.1} times \
             the limit of {LIMIT:.0}), {} wrong, {alike} {}\n",
            row.scenario,
            row.inducted,
            row.wall_s,
            row.parcels_per_s,
            row.times_real_time,
            row.ratio_to_limit,
            row.wrong,
            row.trace_hash
        )]);
    }
    text
}
