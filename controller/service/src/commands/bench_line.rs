//! `sortline bench-line`: edge cases of sorter control over real Modbus TCP, against any
//! controller that drives the simulated line. The physics judges, not the controller.

mod cases;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Serialize;
use sortline_sim::serve::plant::{Options, PlantHandle, Truth, plant};
use tokio::time::timeout;

use super::{announce, demo, plant as site_plant, print, site_directory};
use crate::cli::{FAILED, FINE};
use crate::config;

use cases::{CASES, Case};

/// Time for a controller to arm the node, seconds.
const ARMED_WITHIN_S: u64 = 120;
/// Beside the time that a case's parcels need, the time for stops, jams and laps, seconds.
const SLACK_S: u64 = 180;

/// Arguments of `sortline bench-line`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The controller under test connects to TARGET as to hardware, sees the line's \
                  cameras over HTTP, and goes on from case to case: the field node is switched \
                  off and on between two.\n\nExample: sortline bench-line --target \
                  127.0.0.1:5020 --config config/demo --cameras 127.0.0.1:5080\nIn another \
                  terminal: sortline serve --config config/demo"
)]
pub struct Args {
    /// Address at which the field node of the simulated line serves Modbus TCP; port 0 takes any.
    #[arg(long, value_name = "HOST:PORT")]
    target: SocketAddr,
    /// The site directory; line.toml, plan.toml, plant.toml and manifest.csv are used.
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// Address at which the cameras serve HTTP; port 0 takes any.
    #[arg(long, value_name = "ADDR", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    cameras: SocketAddr,
    /// Parcels in each case.
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    parcels: u64,
    /// Cases to run, such as `E3,E7`; all when absent.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    cases: Vec<String>,
    /// Seed of everything random.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print one JSON object a case, and one of the score.
    #[arg(long)]
    json: bool,
}

/// What became of one case.
#[derive(Debug, Serialize)]
struct Verdict {
    case: &'static str,
    name: &'static str,
    passed: bool,
    inducted: u64,
    sorted: u64,
    rejected: u64,
    removed: u64,
    missort: u64,
    /// Parcels of which the physics knows no end.
    unaccounted: u64,
    faults_fired: u64,
    violations: Vec<String>,
    /// What was asked and does not hold.
    why: Vec<String>,
}

/// The score.
#[derive(Debug, Serialize)]
struct Score {
    cases: usize,
    passed: usize,
    inducted: u64,
    sorted: u64,
    missort: u64,
}

/// Runs the cases one after the other; 0 when all passed.
///
/// # Errors
/// A configuration that cannot be used, an address that cannot be listened on, a case that there is
/// not, or no controller came.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let chosen = chosen(&args.cases)?;
    let files = site_directory(&args.config)?;
    let configuration = config::load(files.clone())?;
    let right = demo::right_chutes(&configuration, &files)?;
    let options = Options {
        cameras: Some(args.cameras),
        seed: args.seed,
        parcels: Some(args.parcels),
        ..site_plant::options(&files, args.target, right)?
    };
    let runtime = super::runtime()?;
    let verdicts = runtime.block_on(run_all(args, &chosen, options))?;
    runtime.shutdown_timeout(Duration::from_millis(500));
    let sum = |of: fn(&Verdict) -> u64| verdicts.iter().map(of).sum();
    let score = Score {
        cases: verdicts.len(),
        passed: verdicts.iter().filter(|verdict| verdict.passed).count(),
        inducted: sum(|verdict| verdict.inducted),
        sorted: sum(|verdict| verdict.sorted),
        missort: sum(|verdict| verdict.missort),
    };
    print(&if args.json {
        serde_json::to_string(&score)? + "\n"
    } else {
        let Score { cases, passed, .. } = score;
        format!("{passed} of {cases} cases passed\n")
    })?;
    let fine = score.passed == score.cases;
    Ok(if fine { FINE } else { FAILED }.into())
}

fn chosen(wanted: &[String]) -> anyhow::Result<Vec<&'static Case>> {
    for number in wanted {
        if !CASES.iter().any(|case| case.number == number) {
            let all: Vec<&str> = CASES.iter().map(|case| case.number).collect();
            bail!("--cases: found `{number}`, allowed are {}", all.join(", "));
        }
    }
    let asked = |case: &&Case| wanted.is_empty() || wanted.iter().any(|one| one == case.number);
    Ok(CASES.iter().filter(asked).collect())
}

async fn run_all(
    args: &Args,
    chosen: &[&'static Case],
    mut options: Options,
) -> anyhow::Result<Vec<Verdict>> {
    let site = options.plant.clone();
    let mut verdicts = Vec::new();
    for (n, case) in chosen.iter().enumerate() {
        options.plant = case.on(&site);
        let handle = plant(options.clone()).await?;
        // Every case is at the address of the first.
        options.modbus = handle.modbus();
        options.cameras = handle.cameras();
        if n == 0 {
            announce(&format!("modbus {}\n", handle.modbus()))?;
            if let Some(cameras) = handle.cameras() {
                announce(&format!("cameras http://{cameras}/camera/0\n"))?;
            }
        }
        let verdict = judge(case, &run_one(args, handle).await?);
        print(&if args.json {
            serde_json::to_string(&verdict)? + "\n"
        } else {
            in_words(&verdict)
        })?;
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

/// Waits for a controller, lets it sort, and gives what the physics knows.
async fn run_one(args: &Args, handle: PlantHandle) -> anyhow::Result<Truth> {
    let mut truth = handle.truth();
    let armed = truth.wait_for(|truth| truth.running_s > 0.0);
    let armed = timeout(Duration::from_secs(ARMED_WITHIN_S), armed).await;
    armed
        .map_err(|_elapsed| anyhow::anyhow!("no controller armed the node in {ARMED_WITHIN_S} s"))?
        .context("the simulated line ended")?;
    // At least one parcel a second, and what faults hold up.
    let limit = Duration::from_secs(args.parcels.saturating_mul(4).saturating_add(SLACK_S));
    let finished = timeout(limit, handle.finished()).await.is_ok();
    let truth = handle.stop().await?;
    tracing::info!(finished, inducted = truth.inducted, "a case ended");
    Ok(truth)
}

fn judge(case: &Case, truth: &Truth) -> Verdict {
    let ended = [truth.sorted, truth.rejected, truth.removed, truth.missort];
    let unaccounted = truth.inducted.saturating_sub(ended.iter().sum());
    let touched: u64 = truth.faults_fired.values().sum();
    let mut why = Vec::new();
    let mut hold = |holds: bool, text: String| {
        if !holds {
            why.push(text);
        }
    };
    hold(truth.missort == 0, format!("{} missorts", truth.missort));
    let violations = truth.violations.len();
    hold(violations == 0, format!("{violations} violations"));
    hold(
        unaccounted == 0,
        format!("{unaccounted} parcels without an end"),
    );
    let least = truth.inducted.saturating_mul(case.sorted_permille) / 1_000;
    hold(
        truth.sorted >= least,
        format!("{} sorted, at least {least} asked", truth.sorted),
    );
    Verdict {
        case: case.number,
        name: case.name,
        passed: why.is_empty(),
        inducted: truth.inducted,
        sorted: truth.sorted,
        rejected: truth.rejected,
        removed: truth.removed,
        missort: truth.missort,
        unaccounted,
        faults_fired: touched,
        violations: truth.violations.clone(),
        why,
    }
}

fn in_words(verdict: &Verdict) -> String {
    let Verdict {
        case,
        name,
        inducted,
        sorted,
        rejected,
        removed,
        faults_fired,
        why,
        ..
    } = verdict;
    let result = if why.is_empty() {
        "passed".to_owned()
    } else {
        format!("FAILED: {}", why.join(", "))
    };
    format!(
        "{case} {name}: {inducted} parcels, {faults_fired} faults, {sorted} sorted, {rejected} \
         rejected, {removed} removed; {result}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(sorted: u64, missort: u64) -> Truth {
        Truth {
            inducted: 40,
            sorted,
            missort,
            rejected: 40 - sorted - missort,
            ..Truth::default()
        }
    }

    #[test]
    fn missorts_violations_open_ends_and_idle_controllers_fail() {
        let case = CASES.first().unwrap();
        assert!(judge(case, &truth(40, 0)).passed);
        assert!(!judge(case, &truth(39, 1)).passed, "a missort");
        assert!(!judge(case, &truth(0, 0)).passed, "everything to reject");
        let open = Truth {
            inducted: 41,
            ..truth(40, 0)
        };
        assert_eq!(judge(case, &open).unaccounted, 1);
        let struck = Truth {
            violations: vec!["diverter 1 moved against parcel 2".to_owned()],
            ..truth(40, 0)
        };
        assert_eq!(judge(case, &struck).why, ["1 violations"]);
    }

    #[test]
    fn cases_are_chosen_by_number() {
        assert_eq!(chosen(&[]).unwrap().len(), CASES.len());
        let two = chosen(&["E7".to_owned(), "E3".to_owned()]).unwrap();
        assert_eq!(two.len(), 2);
        assert!(chosen(&["E99".to_owned()]).is_err());
    }
}
