//! Many faulty parcels on both cores: no missort, no broken invariant, every fault in every company.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use sortline_sim::harness::{Report, Scenario, run};
use sortline_sim::plant::Fault;

/// Parcels in all.
const PARCELS: u64 = 10_000_000;
/// How often each fault must fire in all.
const FIRED_MIN: u64 = 100;

/// What all runs together did.
#[derive(Debug, Default)]
struct All {
    inducted: u64,
    fired: BTreeMap<&'static str, u64>,
    pairs: BTreeSet<(&'static str, &'static str)>,
    failed: Vec<String>,
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
        if report.missort > 0 || report.violations_total > 0 || !conserved {
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
    }
}

#[test]
fn a_swarm_of_faults_missorts_nothing() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/scenarios/swarm.toml");
    let scenario = Scenario::load(&path).unwrap();
    let parcels = scenario.config.parcels;
    let seeds = PARCELS.div_ceil(parcels);
    let next = AtomicU64::new(1);
    let work = || {
        let mut all = All::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > seeds {
                return all;
            }
            all.add(&run(&scenario, seed, None, &mut |_| ()), parcels);
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
    assert!(all.inducted >= PARCELS, "{}", all.inducted);
    for fault in Fault::ALL {
        let fired = all.fired.get(fault.name()).copied().unwrap_or(0);
        assert!(fired >= FIRED_MIN, "{} fired {fired} times", fault.name());
    }
    let (seen, kinds) = (all.pairs.len(), Fault::ALL.len());
    assert_eq!(seen, kinds * kinds, "pairs of faults in one run");
}
