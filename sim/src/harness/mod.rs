//! Core, field node and plant in virtual time.
//!
//! The same core and the same node logic as on a real line, wired to the simulated plant over the
//! register contract. Time jumps from event to event; the fieldbus is polled at its own rhythm,
//! but idle polls are left out, as nothing could come of them. Everything is drawn from one seed:
//! the same scenario and seed give the same trace hash in every process.
//!
//! After every step the judge compares the core's actions with the physics: no parcel in a wrong
//! chute, none unaccounted for, one outcome each, no stroke twice, no diverter moved against a
//! parcel.

mod html;
mod judge;
mod label;
mod link;
mod report;
mod right;
mod run;
mod scenario;
mod shell;
mod shrink;
mod survey;
mod trace;
mod trouble;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use serde::Serialize;

pub use html::write_html;
pub use judge::Violation;
pub use report::{Report, Spot};
pub use scenario::{Scenario, ScenarioConfig, ScenarioError, Share, ShellConfig, SwarmConfig};
pub use shrink::{Shrunk, shrink};
pub use survey::survey;

use crate::plant::Totals;
use run::Run;

/// Virtual time after the last parcel in which the core comes to its last outcomes.
const SETTLE_US: u64 = 30_000_000;
/// Virtual time a parcel takes at the very most, the feeder's pace and stops included; more is no
/// progress.
const PARCEL_US_MAX: u64 = 600_000_000;
/// Runs a scenario with a seed. `parcels` overrides the scenario's number; `progress` is told the
/// number of parcels inducted from time to time.
pub fn run(
    scenario: &Scenario,
    seed: u64,
    parcels: Option<u64>,
    progress: &mut dyn FnMut(u64),
) -> Report {
    let parcels = parcels.unwrap_or(scenario.config.parcels);
    let scenario = &scenario.of_seed(seed);
    let mut run = Run::new(scenario, seed, parcels);
    let mut told = 0;
    let mut empty_since = None;
    let latest = parcels.saturating_mul(PARCEL_US_MAX);
    while run.now_us < latest {
        run.step();
        if run.plant.is_done() {
            let since = *empty_since.get_or_insert(run.now_us);
            if run.now_us.saturating_sub(since) > SETTLE_US {
                break;
            }
        }
        if run.now_us / 60_000_000 != told {
            told = run.now_us / 60_000_000;
            let totals = run.plant.totals();
            run.judge.conserve(run.now_us, &totals);
            progress(totals.inducted);
        }
    }
    let ended_us = empty_since.unwrap_or(run.now_us);
    run.report(scenario, seed, ended_us)
}

impl Run {
    fn report(mut self, scenario: &Scenario, seed: u64, ended_us: u64) -> Report {
        let totals = self.plant.totals();
        self.judge.conserve(self.now_us, &totals);
        self.judge.close(self.now_us);
        let Totals {
            inducted,
            recirculations,
            on_belt,
            spilled,
            in_chute,
            ..
        } = totals;
        let tally = self.judge.tally;
        Report {
            scenario: scenario.config.name.clone(),
            seed,
            inducted,
            sorted: tally.sorted,
            rejected: tally.rejected,
            lost: 0,
            missort: tally.missort,
            unseen: tally.unseen,
            removed: tally.removed,
            on_belt,
            recirculations,
            spilled,
            reject_causes: named(&tally.causes),
            refusals: named(&tally.refusals),
            told: tally.told,
            disagreements: tally.disagreements,
            on_belt_at_kill: tally.on_belt_at_kill,
            readopted: tally.readopted,
            faults_fired: self.plant.faults_fired(),
            simulated_s: Duration::from_micros(ended_us).as_secs_f64(),
            wall_s: 0.0,
            parcels_per_hour: inducted.saturating_mul(3_600_000_000) / ended_us.max(1),
            trace_hash: format!("{:016x}", self.trace.hash()),
            violations: self.judge.violations,
            violations_total: self.judge.violations_total,
            in_chute: in_chute
                .into_iter()
                .map(|(chute, n)| (chute.0, n))
                .collect(),
            ways: self.ways,
            odd_ends: tally.odd_ends,
        }
    }
}

/// Causes or reasons by the names that the journal uses.
fn named<K: Serialize + Debug>(counts: &BTreeMap<K, u64>) -> BTreeMap<String, u64> {
    let mut named = BTreeMap::new();
    for (key, count) in counts {
        let name = match serde_json::to_value(key) {
            Ok(serde_json::Value::String(name)) => name,
            Ok(serde_json::Value::Object(members)) => {
                members.keys().next().cloned().unwrap_or_default()
            }
            _ => format!("{key:?}"),
        };
        *named.entry(name).or_default() += count;
    }
    named
}
