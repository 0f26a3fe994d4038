//! From a failing run to a small one that fails in the same way.

use super::report::Report;
use super::run;
use super::scenario::Scenario;
use crate::plant::{Fault, FaultRates};

/// Runs spent on one failing run.
const RUNS_MAX: u32 = 200;

/// A small run that fails.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// Parcels that the feeder brings.
    pub parcels: u64,
    /// Faults that it needs, with their rates.
    pub faults: FaultRates,
    /// What happens.
    pub report: Report,
}

impl Shrunk {
    /// The faults as the command line takes them: `name=rate,name=rate`, or `none`.
    #[must_use]
    pub fn faults_text(&self) -> String {
        let on = Fault::ALL
            .into_iter()
            .map(|fault| (fault.name(), self.faults.of(fault)));
        let on: Vec<String> = on
            .filter(|(_, rate)| *rate > 0)
            .map(|(name, rate)| format!("{name}={rate}"))
            .collect();
        if on.is_empty() {
            "none".to_owned()
        } else {
            on.join(",")
        }
    }
}

/// Finds fewer parcels and fewer faults with which the run with this seed still breaks the rule
/// that it breaks first; `None` when it breaks none.
#[must_use]
pub fn shrink(scenario: &Scenario, seed: u64, parcels: u64) -> Option<Shrunk> {
    let mut search = Search::new(scenario.of_seed(seed), seed, parcels)?;
    loop {
        let before = (search.best.parcels, search.best.faults.clone());
        search.fewer_parcels();
        search.fewer_faults();
        if before == (search.best.parcels, search.best.faults.clone()) || search.left == 0 {
            return Some(search.best);
        }
    }
}

/// The search.
struct Search {
    scenario: Scenario,
    seed: u64,
    rule: &'static str,
    best: Shrunk,
    left: u32,
}

impl Search {
    fn new(mut scenario: Scenario, seed: u64, parcels: u64) -> Option<Self> {
        // What the seed draws is fixed from here on.
        scenario.config.swarm = None;
        let report = run(&scenario, seed, Some(parcels), &mut |_| ());
        let rule = report.violations.first()?.rule;
        let faults = scenario.plant.faults_ppm.clone();
        let best = Shrunk {
            parcels,
            faults,
            report,
        };
        Some(Self {
            scenario,
            seed,
            rule,
            best,
            left: RUNS_MAX,
        })
    }

    /// Takes it when it still fails.
    fn take(&mut self, parcels: u64, faults: FaultRates) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.scenario.plant.faults_ppm = faults.clone();
        let report = run(&self.scenario, self.seed, Some(parcels), &mut |_| ());
        let fails = report.violations.iter().any(|v| v.rule == self.rule);
        if fails {
            self.best = Shrunk {
                parcels,
                faults,
                report,
            };
        }
        fails
    }

    fn fewer_parcels(&mut self) {
        let mut step = self.best.parcels / 2;
        while step > 0 {
            let fewer = self.best.parcels.saturating_sub(step).max(1);
            if fewer == self.best.parcels || !self.take(fewer, self.best.faults.clone()) {
                step /= 2;
            }
        }
    }

    fn fewer_faults(&mut self) {
        for fault in Fault::ALL {
            let mut faults = self.best.faults.clone();
            if std::mem::take(faults.rate_mut(fault)) > 0 {
                self.take(self.best.parcels, faults);
            }
        }
    }
}
