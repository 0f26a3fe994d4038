//! Many faulty parcels on both cores: no missort, no broken invariant, every fault in every company.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use sortline_sim::harness::{Report, Scenario, run};
use sortline_sim::plant::Fault;

/// Parcels in all.
const PARCELS: u64 = 10_000_000;
/// How often each fault must fire in all.
const FIRED_MIN: u64 = 100;
/// Parcels in a storm.
const STORM_PARCELS: u64 = 300_000;
/// How many times as often faults come in a storm.
const STORM: u32 = 5;

/// What all runs together did.
#[derive(Debug, Default)]
struct All {
    inducted: u64,
    fired: BTreeMap<&'static str, u64>,
    pairs: BTreeSet<(&'static str, &'static str)>,
    failed: Vec<String>,
    unseen: u64,
}

impl All {
    fn add(&mut self, report: &Report, parcels: u64) {
        self.inducted += report.inducted;
        let fired = report.faults_fired.iter().filter(|(_, n)| **n > 0);
        for (fault, n) in fired.clone() {
            *self.fired.entry(fault).or_default() += n;
            self.pairs
                .extend(fired.clone().map(|(other, _)| (*fault, *other)));
        }
        let ended = report.sorted + report.rejected + report.lost + report.missort + report.removed;
        let conserved = report.inducted == ended + report.on_belt;
        self.unseen += report.unseen;
        if report.missort > report.unseen || report.violations_total > 0 || !conserved {
            self.failed.push(format!(
                "sortline sim --scenario config/scenarios/swarm.toml --seed {} --parcels {parcels} \
                 --shrink\n{:#?}",
                report.seed,
                report.violations.first(),
            ));
        }
    }

    fn join(&mut self, other: Self) {
        self.inducted += other.inducted;
        for (fault, n) in other.fired {
            *self.fired.entry(fault).or_default() += n;
        }
        self.pairs.extend(other.pairs);
        self.failed.extend(other.failed);
        self.unseen += other.unseen;
    }

    /// Runs seeds until so many parcels have come, on both cores.
    fn of(scenario: &Scenario, parcels: u64) -> Self {
        let each = scenario.config.parcels;
        let seeds = parcels.div_ceil(each);
        let next = AtomicU64::new(1);
        let work = || {
            let mut all = Self::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed > seeds {
                    return all;
                }
                all.add(&run(scenario, seed, None, &mut |_| ()), each);
            }
        };
        let all = std::thread::scope(|scope| {
            let other = scope.spawn(work);
            let mut all = work();
            all.join(other.join().unwrap());
            all
        });
        assert!(
            all.failed.is_empty(),
            "again with:\n{}",
            all.failed.join("\n")
        );
        assert!(all.inducted >= parcels, "{}", all.inducted);
        let (seen, kinds) = (all.pairs.len(), Fault::ALL.len());
        assert_eq!(seen, kinds * kinds, "pairs of faults in one run");
        all
    }
}

fn swarm() -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/scenarios/swarm.toml");
    Scenario::load(&path).unwrap()
}

#[test]
fn a_swarm_of_faults_missorts_nothing() {
    let all = All::of(&swarm(), PARCELS);
    assert_eq!(all.unseen, 0);
    for fault in Fault::ALL {
        let fired = all.fired.get(fault.name()).copied().unwrap_or(0);
        assert!(fired >= FIRED_MIN, "{} fired {fired} times", fault.name());
    }
}

/// Far beyond what any line sees: one stroke in ten fails, one parcel in twenty is taken off, another
/// put on. What no photo-eye saw in time may be taken along, and nothing else.
#[test]
fn a_storm_of_faults_missorts_only_what_nobody_saw() {
    let all = All::of(&swarm().with_faults_times(STORM), STORM_PARCELS);
    assert!(all.unseen * 100_000 <= all.inducted, "{}", all.unseen);
}
