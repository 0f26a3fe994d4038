//! Core, node and plant together.

use std::path::{Path, PathBuf};

use sortline_core::topology::TrackerRule;
use sortline_sim::harness::{Report, Scenario, run, shrink};
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
    let swarm = Scenario::load(&file("swarm.toml")).unwrap();
    for fault in Fault::ALL {
        let rate = swarm.plant.faults_ppm.of(fault);
        assert!(rate > 0, "{} is not in the swarm", fault.name());
        let mut alone = format!("{}={}", fault.name(), (rate * 4).min(1_000_000));
        if fault == Fault::CommandTwice {
            // Without a command none can be given twice.
            alone.push_str(",chute_disabled=40000");
        }
        let mut scenario = swarm.clone().with_faults(&alone).unwrap();
        scenario.plant.chutes.full_parcels = 10;
        let (mut fired, mut seed) = (0, 0);
        while fired == 0 && seed < 10 {
            seed += 1;
            let report = quietly(&scenario, seed, 400);
            fired += report.faults_fired[fault.name()];
            assert!(is_conserved(&report), "{report:?}");
            assert_eq!(report.violations, [], "{alone}, seed {seed}");
        }
        assert!(fired > 0, "{}", fault.name());
    }
}

#[test]
fn runs_that_once_failed_do_not_fail_again() {
    let mut runs = 0;
    for line in include_str!("../seeds/kept.txt").lines() {
        if line.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = line.splitn(5, ' ').collect();
        let [name, seed, parcels, faults, _what] = words.as_slice() else {
            panic!("not five words in `{line}`");
        };
        let mut scenario = Scenario::load(&file(&format!("{name}.toml"))).unwrap();
        if *faults != "-" {
            scenario = scenario.with_faults(faults).unwrap();
        }
        let report = quietly(&scenario, seed.parse().unwrap(), parcels.parse().unwrap());
        assert_eq!((report.missort, report.violations), (0, vec![]), "{line}");
        runs += 1;
    }
    assert!(runs > 0, "no run is kept");
}

#[test]
fn a_killed_controller_takes_its_parcels_up_again() {
    let scenario = Scenario::load(&file("restart.toml")).unwrap();
    let (mut kills, mut on_belt, mut readopted) = (0, 0, 0);
    for seed in 1..=5 {
        let report = quietly(&scenario, seed, 1_000);
        assert_eq!(
            (report.missort, report.violations),
            (0, vec![]),
            "seed {seed}"
        );
        kills += report.faults_fired[Fault::ControllerKill.name()];
        on_belt += report.on_belt_at_kill;
        readopted += report.readopted;
    }
    assert!(kills >= 25, "{kills} kills");
    assert!(
        on_belt >= kills * 5,
        "{on_belt} on the belt at {kills} kills"
    );
    assert!(readopted * 100 >= on_belt * 95, "{readopted} of {on_belt}");
}

#[test]
fn when_all_faults_have_healed_the_line_is_as_good_as_new() {
    let mut scenario = Scenario::load(&file("swarm.toml")).unwrap();
    scenario.config.heal_after = Some(300);
    for seed in 1..=4 {
        let report = quietly(&scenario, seed, 2_500);
        assert_eq!(report.violations, [], "seed {seed}");
    }
}

#[test]
fn joint_hypotheses_missort_nothing_where_a_queue_does() {
    let scenario = Scenario::load(&file("slip60.toml")).unwrap();
    let by = |rule, parcels| quietly(&scenario.clone().with_tracker(rule), 1, parcels);
    let (joint, order) = (
        by(TrackerRule::Joint, 20_000),
        by(TrackerRule::Order, 20_000),
    );
    assert_eq!(joint.missort, 0, "{joint:?}");
    let (few, many) = (joint.rejected, order.rejected);
    assert!(3 * few <= many, "{few} rejects, in order {many}");
    let queue = by(TrackerRule::Fifo, 3_000);
    assert!(queue.missort > 0, "{queue:?}");
}

#[test]
fn a_failing_run_is_shrunk_to_what_makes_it_fail() {
    let scenario = Scenario::load(&file("slip60.toml")).unwrap();
    let scenario = scenario.with_tracker(TrackerRule::Fifo);
    let small = shrink(&scenario, 1, 2_000).unwrap();
    assert!(small.parcels < 2_000, "{} parcels", small.parcels);
    let again = scenario.with_faults(&small.faults_text()).unwrap();
    let report = quietly(&again, 1, small.parcels);
    assert_eq!(report.trace_hash, small.report.trace_hash);
    assert!(report.violations_total > 0);
}
