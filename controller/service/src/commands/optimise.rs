//! `sortline plan optimise`: a proposal for which rule of a sort plan gets which chute.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use sortline_core::SortPlan;
use sortline_core::topology::{ChuteKind, Topology};
use sortline_route::sortplan::{
    Chute, Demand, Figures, Proposal, Task, WAVES_MAX, Weights, optimise,
};

use crate::cli::FINE;
use crate::config::{self, ConfigError, Problem};
use crate::network;

/// Most parcels of a chute in a wave when the line does not say.
const PARCELS_MAX: u32 = 1_000;

/// Arguments of `sortline plan optimise`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sortline plan optimise --config config/demo --volumes volumes.csv \
                  --changes-max 4\n\nvolumes.csv has the columns rule (name of a rule of the \
                  plan), wave (from 1), parcels, and last_wave (after which its vehicle leaves; \
                  empty: the last). Nothing is changed: the proposal is printed with what each \
                  move gains."
)]
pub struct Args {
    /// The site directory.
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// Forecast parcels by rule and wave.
    #[arg(long, value_name = "CSV")]
    volumes: PathBuf,
    /// Most rules that may change their chute.
    #[arg(long, value_name = "K")]
    changes_max: Option<usize>,
    /// Rules that a chute can have.
    #[arg(long, value_name = "N", default_value_t = 12)]
    rules_max: usize,
    /// What a parcel that misses its cut-off costs, in parcels handled.
    #[arg(long, value_name = "N", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u16).range(0..=10_000))]
    missed: u16,
    /// What a rule that changes its chute costs, in parcels handled.
    #[arg(long, value_name = "N", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u16).range(0..=10_000))]
    change: u16,
    /// Also solve it by HiGHS, for so many seconds at most for each of two steps: needs a program
    /// built with `--features solver`.
    #[arg(long, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=3_600))]
    exact: Option<u16>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    rule: String,
    wave: usize,
    parcels: u32,
    last_wave: Option<usize>,
}

/// Makes a proposal and prints it.
///
/// # Errors
/// [`ConfigError`] when the site or the volumes cannot be used.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let task = task(args)?;
    let proposal =
        optimise(&task).map_err(|bad| ConfigError::whole(&args.volumes, bad.to_string()))?;
    let exact = args
        .exact
        .map(|seconds| exact(&task, seconds))
        .transpose()?;
    let text = if args.json {
        let mut wire = wire(&task, &proposal);
        wire.exact = exact;
        serde_json::to_string(&wire)? + "\n"
    } else {
        let exact = exact.map(|exact| format!("HiGHS: {exact}\n"));
        readable(&task, &proposal) + &exact.unwrap_or_default()
    };
    super::print(&text)?;
    Ok(FINE.into())
}

/// What the solver makes of it.
#[cfg(feature = "solver")]
fn exact(task: &Task, seconds: u16) -> anyhow::Result<serde_json::Value> {
    let solved = crate::solver::solve(task, f64::from(seconds))?;
    Ok(serde_json::to_value(solved)?)
}

/// What the solver makes of it: there is none.
#[cfg(not(feature = "solver"))]
fn exact(_task: &Task, _seconds: u16) -> anyhow::Result<serde_json::Value> {
    let text = "this program was built without a solver; build it with `--features solver`";
    Err(ConfigError::whole("--exact".as_ref(), text).into())
}

fn task(args: &Args) -> Result<Task, ConfigError> {
    let files = super::site_directory(&args.config)?;
    let (plan, topology) = config::load_plan_and_line(&files)?;
    let (chutes, now) = chutes(&plan, &topology, args.rules_max);
    Ok(Task {
        demands: demands(&args.volumes, &now)?,
        chutes,
        weights: Weights {
            missed: i64::from(args.missed),
            change: i64::from(args.change),
            ..Weights::default()
        },
        changes_max: args.changes_max,
    })
}

/// By rule: the chute it has, as an index.
pub(crate) type Now<'a> = BTreeMap<&'a str, Option<usize>>;

/// The chutes that a plan sorts to, and which of them its rules have.
pub(crate) fn chutes<'a>(
    plan: &'a SortPlan,
    topology: &Topology,
    rules_max: usize,
) -> (Vec<Chute>, Now<'a>) {
    let all = topology.config().chutes.iter();
    let sorting: Vec<_> = all
        .filter(|chute| chute.kind == ChuteKind::Sort && Some(chute.id) != plan.hold)
        .collect();
    let now = plan.rules.iter().map(|rule| {
        let first = rule.chutes.first();
        let chute = sorting.iter().position(|chute| Some(&chute.id) == first);
        (rule.name.as_str(), chute)
    });
    let now = now.collect();
    let chutes = sorting.iter().zip(1u32..).map(|(chute, place)| Chute {
        name: format!("chute {} ({})", chute.id, chute.name),
        parcels_max: match chute.capacity_parcels {
            0 => PARCELS_MAX,
            parcels => parcels.saturating_mul(10),
        },
        destinations_max: rules_max,
        // The dock is at the head of the line: a later chute is a longer way.
        walk_m: place.saturating_mul(5),
    });
    (chutes.collect(), now)
}

fn demands(file: &Path, now: &Now<'_>) -> Result<Vec<Demand>, ConfigError> {
    let problem = |line: Option<usize>, key: &str, text: String| Problem {
        file: file.to_owned(),
        line,
        key: Some(key.to_owned()),
        text,
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| ConfigError::whole(file, error.to_string()))?;
    let rows =
        network::read_csv::<Row>(file, &text).map_err(|problems| ConfigError { problems })?;
    let waves = rows.rows.iter().map(|row| row.wave).max().unwrap_or(0);
    let mut problems = Vec::new();
    let mut all: BTreeMap<&str, Demand> = BTreeMap::new();
    for (row, line) in rows.rows.iter().zip(&rows.lines) {
        let last = row.last_wave.unwrap_or(waves);
        if !(1..=WAVES_MAX).contains(&row.wave) {
            let text = format!("found {}, allowed: 1 to {WAVES_MAX}", row.wave);
            problems.push(problem(Some(*line), "wave", text));
        } else if !(1..=waves).contains(&last) {
            let text = format!("found {last}, allowed: 1 to {waves}");
            problems.push(problem(Some(*line), "last_wave", text));
        } else if let Some(chute) = now.get(row.rule.as_str()) {
            let demand = all.entry(&row.rule).or_insert_with(|| Demand {
                destination: row.rule.clone(),
                parcels: vec![0; waves],
                last_wave: last - 1,
                chute: *chute,
            });
            demand.last_wave = demand.last_wave.min(last - 1);
            if let Some(cell) = demand.parcels.get_mut(row.wave - 1) {
                *cell = cell.saturating_add(row.parcels);
            }
        } else {
            let text = format!(
                "found `{}`, allowed: the name of a rule of plan.toml",
                row.rule
            );
            problems.push(problem(Some(*line), "rule", text));
        }
    }
    if problems.is_empty() {
        Ok(all.into_values().collect())
    } else {
        Err(ConfigError { problems })
    }
}

#[derive(Serialize)]
pub(crate) struct Wire<'a> {
    peak: i64,
    bound: i64,
    gap: f64,
    figures: WireFigures,
    before: Option<WireFigures>,
    rules: Vec<WireRule<'a>>,
    moves: Vec<WireMove<'a>>,
    /// What the solver found; absent when it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    exact: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct WireFigures {
    peak: i64,
    missed: i64,
    laps: i64,
    changes: i64,
    walk_m: i64,
}

#[derive(Serialize)]
struct WireRule<'a> {
    rule: &'a str,
    chutes: Vec<&'a str>,
}

#[derive(Serialize)]
struct WireMove<'a> {
    rule: &'a str,
    from: Option<&'a str>,
    to: &'a str,
    without: WireFigures,
    why: &'a str,
}

impl From<Figures> for WireFigures {
    fn from(figures: Figures) -> Self {
        Self {
            peak: figures.peak,
            missed: figures.missed,
            laps: figures.laps,
            changes: figures.changes,
            walk_m: figures.walk_m,
        }
    }
}

fn name(task: &Task, chute: usize) -> &str {
    task.chutes
        .get(chute)
        .map_or("", |chute| chute.name.as_str())
}

/// A proposal as JSON.
pub(crate) fn wire<'a>(task: &'a Task, proposal: &'a Proposal) -> Wire<'a> {
    let rules = task.demands.iter().zip(&proposal.chutes);
    Wire {
        peak: proposal.figures.peak,
        bound: proposal.bound,
        gap: proposal.gap(),
        figures: proposal.figures.into(),
        before: proposal.before.map(Into::into),
        rules: rules
            .map(|(demand, chutes)| WireRule {
                rule: &demand.destination,
                chutes: chutes.iter().map(|chute| name(task, *chute)).collect(),
            })
            .collect(),
        moves: proposal
            .moves
            .iter()
            .map(|one| WireMove {
                rule: &one.destination,
                from: one.from.map(|chute| name(task, chute)),
                to: name(task, one.to),
                without: one.without.into(),
                why: &one.why,
            })
            .collect(),
        exact: None,
    }
}

fn readable(task: &Task, proposal: &Proposal) -> String {
    let line = |name: &str, figures: Figures| {
        format!(
            "{name:<9} peak {:>6}, missed cut-offs {:>6}, laps {:>6}, changes {:>4}, walking {:>7} m\n",
            figures.peak, figures.missed, figures.laps, figures.changes, figures.walk_m
        )
    };
    let mut text = proposal
        .before
        .map_or_else(String::new, |before| line("now", before));
    text.push_str(&line("proposal", proposal.figures));
    let bound = proposal.bound.to_string();
    text.extend(["no assignment has a peak below ", &bound, "\n"]);
    for one in &proposal.moves {
        text.extend(["  ", &one.destination, ": ", &one.why, "\n"]);
    }
    for (demand, chutes) in task.demands.iter().zip(&proposal.chutes) {
        if chutes.len() > 1 {
            let names: Vec<&str> = chutes.iter().map(|chute| name(task, *chute)).collect();
            text.extend([
                "  ",
                &demand.destination,
                " is split over ",
                &names.join(", "),
                "\n",
            ]);
        }
    }
    text
}
