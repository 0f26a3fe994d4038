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
mod several;
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
    let lines = u64::from(scenario.config.lines.max(1));
    let share = |line: u64| (parcels + lines - 1 - line) / lines;
    let mut courses: Vec<Course> = (0..lines)
        .map(|line| Course::new(scenario, several::seed_of(seed, line), share(line)))
        .collect();
    // All lines share the time: the one that is behind goes on.
    while let Some(next) = courses
        .iter_mut()
        .filter(|course| !course.is_done())
        .min_by_key(|course| course.run.now_us)
    {
        next.step();
        if next.comes_to_a_minute() {
            let inducted = courses
                .iter()
                .map(|course| course.run.plant.totals().inducted);
            progress(inducted.sum());
        }
    }
    let reports = courses.into_iter().map(Course::report);
    several::together(reports.collect(), seed)
}

/// One line on its way through a scenario.
struct Course {
    scenario: Scenario,
    seed: u64,
    run: Run,
    told: u64,
    empty_since: Option<u64>,
    latest: u64,
}

impl Course {
    fn new(scenario: &Scenario, seed: u64, parcels: u64) -> Self {
        let scenario = scenario.of_seed(seed);
        Self {
            run: Run::new(&scenario, seed, parcels),
            scenario,
            seed,
            told: 0,
            empty_since: None,
            latest: parcels.saturating_mul(PARCEL_US_MAX),
        }
    }

    fn step(&mut self) {
        self.run.step();
        if self.run.plant.is_done() {
            self.empty_since.get_or_insert(self.run.now_us);
        }
    }

    /// Every parcel has come and gone, and the core had time; or nothing moves any more.
    fn is_done(&self) -> bool {
        let since = self.empty_since.filter(|_| self.run.plant.is_done());
        let settled = |since| self.run.now_us.saturating_sub(since) > SETTLE_US;
        since.is_some_and(settled) || self.run.now_us >= self.latest
    }

    /// True once in every minute of virtual time.
    fn comes_to_a_minute(&mut self) -> bool {
        let minute = self.run.now_us / 60_000_000;
        if minute == self.told {
            return false;
        }
        self.told = minute;
        let totals = self.run.plant.totals();
        self.run.judge.conserve(self.run.now_us, &totals);
        true
    }

    fn report(self) -> Report {
        let ended_us = self.empty_since.unwrap_or(self.run.now_us);
        self.run.report(&self.scenario, self.seed, ended_us)
    }
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
