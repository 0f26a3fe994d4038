//! `sortline sim`: the line in virtual time, with faults, deterministic.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use sortline_core::LineTime;
use sortline_core::topology::TrackerRule;
use sortline_sim::harness::{Report, Scenario, run as run_scenario, shrink, write_html};

use super::print;
use crate::cli::{FAILED, FINE};
use crate::clock::Clock;
use crate::config::ConfigError;

/// Reports that may wait for an earlier seed.
const WAITING_MAX: usize = 64;

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

    /// Rule that ties a photo-eye's edge to a parcel, instead of the line's.
    #[arg(long, value_name = "RULE", value_parser = TrackerRule::ALL.map(TrackerRule::name))]
    tracker: Option<String>,

    /// Faults instead of the scenario's, as NAME=RATE,NAME=RATE in events per million chances, or
    /// `none`.
    #[arg(long, value_name = "LIST")]
    faults: Option<String>,

    /// Runs at the same time, 1 to 64; the output is in the order of the seeds. Default 1.
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u64).range(1..=64))]
    jobs: u64,

    /// Look for the smallest run that fails in the same way as the first one that fails.
    #[arg(long)]
    shrink: bool,

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
    let scenario = load(args)?;
    let one = args.seed.unwrap_or(1);
    let seeds = args.seeds.clone().unwrap_or(one..=one);
    if let Some(directory) = &args.report {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("creating {}", directory.display()))?;
    }
    let mut all = Totals::default();
    let mut failed = None;
    each_seed(args, &scenario, &seeds, &mut |report| {
        all.add(&report);
        if failed.is_none() && !is_fine(&report) {
            failed = Some(report.seed);
        }
        tell(args, &scenario, &report)
    })?;
    if !args.json && seeds.start() != seeds.end() {
        print(&all.summary())?;
    }
    let Some(seed) = failed else {
        return Ok(FINE.into());
    };
    if args.shrink {
        print_shrunk(args, &scenario, seed)?;
    } else if !args.json {
        let parcels = args.parcels.unwrap_or(scenario.config.parcels);
        print(&format!(
            "again: {}\n",
            again(args, seed, parcels, args.faults.as_deref())
        ))?;
    }
    Ok(FAILED.into())
}

fn load(args: &Args) -> anyhow::Result<Scenario> {
    let mut scenario = Scenario::load(&args.scenario).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|c| format!(": {c}"));
        ConfigError::whole(
            &args.scenario,
            format!("{error}{}", cause.unwrap_or_default()),
        )
    })?;
    let rule = |name: &String| {
        TrackerRule::ALL
            .into_iter()
            .find(|rule| rule.name() == name)
    };
    if let Some(rule) = args.tracker.as_ref().and_then(rule) {
        scenario = scenario.with_tracker(rule);
    }
    if let Some(faults) = &args.faults {
        scenario = scenario
            .with_faults(faults)
            .map_err(|problem| ConfigError::whole(&args.scenario, problem))?;
    }
    Ok(scenario)
}

const fn is_fine(report: &Report) -> bool {
    report.violations_total == 0 && report.missort == 0
}

/// Runs every seed, some at the same time; hands the reports on in the order of the seeds.
fn each_seed(
    args: &Args,
    scenario: &Scenario,
    seeds: &RangeInclusive<u64>,
    done: &mut dyn FnMut(Report) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let parcels = args.parcels.unwrap_or(scenario.config.parcels);
    let next = AtomicU64::new(*seeds.start());
    let bound = usize::try_from(args.jobs).unwrap_or(1).min(WAITING_MAX);
    let (send, receive) = mpsc::sync_channel(bound);
    std::thread::scope(|scope| {
        for _ in 0..args.jobs {
            let (send, next) = (send.clone(), &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) {
                        return;
                    }
                    let bar = progress_bar(parcels, seed, args.jobs);
                    let report = timed(scenario, seed, parcels, &bar);
                    bar.finish_and_clear();
                    if send.send(report).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let mut waiting = BTreeMap::new();
        let mut told = *seeds.start();
        for report in receive {
            waiting.insert(report.seed, report);
            while let Some(report) = waiting.remove(&told) {
                told += 1;
                done(report)?;
            }
        }
        Ok(())
    })
}

fn timed(scenario: &Scenario, seed: u64, parcels: u64, bar: &ProgressBar) -> Report {
    let clock = Clock::starting_at(LineTime::default());
    let started = clock.now();
    let mut report = run_scenario(scenario, seed, Some(parcels), &mut |n| bar.set_position(n));
    report.wall_s = std::time::Duration::from_micros(clock.now().since(started)).as_secs_f64();
    report
}

/// Prints a report, and writes its page.
fn tell(args: &Args, scenario: &Scenario, report: &Report) -> anyhow::Result<()> {
    if args.json {
        print(&format!("{}\n", serde_json::to_string(report)?))?;
    } else {
        print(&summary(report))?;
    }
    if let Some(directory) = &args.report {
        let path = directory.join(format!("{}-{}.html", report.scenario, report.seed));
        std::fs::write(&path, write_html(report, scenario))
            .with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// The command line that runs one seed again.
fn again(args: &Args, seed: u64, parcels: u64, faults: Option<&str>) -> String {
    let mut line = format!(
        "sortline sim --scenario {} --seed {seed} --parcels {parcels}",
        args.scenario.display()
    );
    if let Some(tracker) = &args.tracker {
        line.extend([" --tracker ", tracker]);
    }
    if let Some(faults) = faults {
        line.extend([" --faults ", faults]);
    }
    line
}

fn print_shrunk(args: &Args, scenario: &Scenario, seed: u64) -> anyhow::Result<()> {
    let parcels = args.parcels.unwrap_or(scenario.config.parcels);
    let Some(small) = shrink(scenario, seed, parcels) else {
        return Ok(());
    };
    let faults = small.faults_text();
    let line = again(args, seed, small.parcels, Some(&faults));
    if args.json {
        let small = serde_json::json!({ "shrunk": line, "violations": small.report.violations });
        print(&format!("{small}\n"))
    } else {
        print(&format!("smallest: {line}\n{}", summary(&small.report)))
    }
}

/// Sums over all seeds.
#[derive(Debug, Default)]
struct Totals {
    seeds: u64,
    inducted: u64,
    missort: u64,
    violations: u64,
    wall_s: f64,
    fired: BTreeMap<&'static str, u64>,
    /// Kinds of fault that fired in one run.
    pairs: BTreeSet<(&'static str, &'static str)>,
}

impl Totals {
    fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.inducted += report.inducted;
        self.missort += report.missort;
        self.violations += report.violations_total;
        self.wall_s += report.wall_s;
        let fired = report.faults_fired.iter().filter(|(_, n)| **n > 0);
        for (fault, n) in fired.clone() {
            *self.fired.entry(fault).or_default() += n;
            let with = |(other, _): (&&'static str, _)| (*fault, *other);
            self.pairs.extend(fired.clone().map(with));
        }
    }

    fn summary(&self) -> String {
        let mut text = format!(
            "all {} seeds: {} inducted, {} missort, {} violations, {:.2} s of computing\n",
            self.seeds, self.inducted, self.missort, self.violations, self.wall_s
        );
        let kinds = self.fired.len();
        text.extend([format!(
            "{kinds} kinds of fault, {} of {} pairs in one run\n",
            self.pairs.len(),
            kinds * kinds
        )]);
        for (fault, fired) in &self.fired {
            text.extend([format!("  {fault} fired {fired} times\n")]);
        }
        text
    }
}

fn progress_bar(parcels: u64, seed: u64, jobs: u64) -> ProgressBar {
    if jobs > 1 || !std::io::stderr().is_terminal() {
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
