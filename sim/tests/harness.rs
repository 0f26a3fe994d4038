//! Core, node and plant together.

use std::path::{Path, PathBuf};

use sortline_sim::harness::{Report, Scenario, run};
use sortline_sim::plant::Fault;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../config/scenarios")
        .join(name)
}

fn quietly(scenario: &Scenario, seed: u64, parcels: u64) -> Report {
    run(scenario, seed, Some(parcels), &mut |_| ())
}

fn is_conserved(report: &Report) -> bool {
    let ended = report.sorted + report.rejected + report.lost + report.missort + report.removed;
    report.inducted == ended + report.on_belt
}

#[test]
fn a_nominal_day_has_no_missort_and_no_violation() {
    let scenario = Scenario::load(&file("nominal.toml")).unwrap();
    let report = quietly(&scenario, 7, 2_000);
    assert_eq!((report.missort, report.lost, report.on_belt), (0, 0, 0));
    assert_eq!(report.violations, []);
    assert_eq!(report.inducted, 2_000);
    assert!(is_conserved(&report));
    assert!(report.sorted >= 1_980, "{} sorted", report.sorted);
    assert!(report.parcels_per_hour >= 4_000);
    assert!(
        report.disagreements.is_empty(),
        "{:?}",
        report.disagreements
    );
}

#[test]
fn a_seed_gives_the_same_trace_and_another_seed_another() {
    let scenario = Scenario::load(&file("field.toml")).unwrap();
    let hash = |seed| quietly(&scenario, seed, 300).trace_hash;
    assert_eq!(hash(3), hash(3));
    assert_ne!(hash(3), hash(4));
}

#[test]
fn each_fault_fires_and_misroutes_nothing() {
    let scenario = Scenario::load(&file("nominal.toml")).unwrap();
    for fault in Fault::ALL {
        let mut scenario = scenario.clone();
        *scenario.plant.faults_ppm.rate_mut(fault) = 20_000;
        scenario.plant.chutes.full_parcels = 10;
        // Of parcels that touch, only cameras that see both labels can tell.
        scenario.config.shell.view_mm = 700;
        let report = quietly(&scenario, 11, 400);
        assert!(report.faults_fired[fault.name()] > 0, "{}", fault.name());
        assert!(is_conserved(&report), "{report:?}");
        assert_eq!(
            report.missort,
            0,
            "{}: {:?}",
            fault.name(),
            report.violations
        );
    }
}

#[test]
fn runs_that_once_failed_do_not_fail_again() {
    let scenario = Scenario::load(&file("field.toml")).unwrap();
    let kept = include_str!("../seeds/field.txt");
    let mut runs = 0;
    for line in kept.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace().map(str::parse);
        let (Some(Ok(seed)), Some(Ok(parcels))) = (words.next(), words.next()) else {
            panic!("no seed and number of parcels in `{line}`");
        };
        let report = quietly(&scenario, seed, parcels);
        assert_eq!((report.missort, report.violations), (0, vec![]), "{line}");
        runs += 1;
    }
    assert!(runs > 0, "no run is kept");
}
