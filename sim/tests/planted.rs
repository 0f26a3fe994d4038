//! Bugs planted on purpose in core, field node and their translation: the simulation must find
//! every one of them, and nothing when none is planted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::Path;

use sortline_core::planted as core;
use sortline_logic::planted as node;
use sortline_sim::harness::{Report, Scenario, run};

/// Number of a bug, as in the sources, and what it does.
const BUGS: [(u8, &str); 54] = [
    (1, "photo-eyes do not re-base a parcel"),
    (2, "the slip of a zone is learnt with the wrong sign"),
    (3, "the other side of the machine is commanded"),
    (4, "strokes are commanded 150 mm late"),
    (5, "strokes are held for a quarter of the time"),
    (6, "a stroke does not mind the parcel ahead"),
    (7, "a stroke does not mind the parcel behind"),
    (8, "a stroke does not mind that its machine is busy"),
    (9, "a stroke is sent however doubtful its parcel is"),
    (
        10,
        "parcels need no proof after a stop, a restart or lost edges",
    ),
    (11, "a field node that is down may still be sent strokes"),
    (12, "a stop is forgotten as soon as the circuit is closed"),
    (13, "a reset is obeyed while the stop circuit is open"),
    (14, "an encoder that is not to be believed is believed"),
    (
        15,
        "a frame belongs to the first parcel on the belt, whatever its trigger",
    ),
    (16, "labels that contradict each other are ignored"),
    (17, "a parcel that comes round needs no fresh reading"),
    (18, "every parcel ends twice"),
    (19, "a lost parcel has no outcome"),
    (20, "a new plan applies to parcels on the belt"),
    (21, "a gap that is too small is ignored"),
    (22, "a parcel that is too long is ignored"),
    (
        23,
        "a reading after the commit position changes the evidence",
    ),
    (24, "a jump of the encoder is not seen"),
    (25, "parcels may be overtaken"),
    (26, "alarms are raised again and again"),
    (27, "a parcel goes by its neighbor's rule"),
    (28, "every command has the same number"),
    (29, "the encoder count is compared as a plain number"),
    (30, "every bounce of a photo-eye is an edge"),
    (31, "a parcel is told to be in the neighboring chute"),
    (32, "chutes that take nothing are sent parcels"),
    (33, "a parcel that one photo-eye missed is lost"),
    (
        34,
        "parcels are expected from the recirculation conveyor 700 mm late",
    ),
    (40, "a stroke whose count was jumped over is fired late"),
    (41, "the watchdog never trips"),
    (42, "the stop circuit does not switch outputs off"),
    (43, "commands of an earlier epoch are obeyed"),
    (44, "an output has no longest time"),
    (45, "some edges are lost"),
    (46, "events are stamped 200 counts too early"),
    (47, "closing the stop circuit resets its latch"),
    (48, "the epoch never changes"),
    (49, "no stroke can be taken back"),
    (50, "a heartbeat whose counter stands keeps the node alive"),
    (51, "the neighboring output is switched"),
    (52, "the end of a stroke is not told"),
    (53, "frames carry the number of the trigger before"),
    (54, "a stroke that comes too late is fired at once"),
    (60, "a photo-eye that is clear is told as blocked"),
    (61, "an open stop circuit is not told"),
    (62, "a stroke that was dropped is not told"),
    (64, "every second event is skipped"),
    (65, "hold and longest hold are mixed up"),
];

/// What is run for each bug, until one run finds it: scenario, parcels, faults.
const RUNS: [(&str, u64, &str); 28] = [
    ("nominal", 300, "none"),
    (
        "nominal",
        400,
        "no_read=100000,late_read=100000,frame_lost=50000",
    ),
    ("nominal", 300, "stop=30000,controller_kill=10000"),
    ("nominal", 300, "link_down=30000,heartbeat_frozen=30000"),
    ("nominal", 300, "node_restart=20000,controller_stall=30000"),
    (
        "nominal",
        300,
        "write_late=50000,answer_lost=20000,write_lost=20000",
    ),
    (
        "nominal",
        300,
        "encoder_jump=50000,encoder_stall=30000,encoder_noise=30000",
    ),
    (
        "nominal",
        300,
        "encoder_rollover=1000000,belt_stop=30000,belt_slow=20000",
    ),
    (
        "field",
        300,
        "touching=80000,short_gap=100000,second_label=80000,same_label=30000",
    ),
    (
        "field",
        300,
        "eye_chatter=300000,eye_missed=20000,eye_ghost=20000,parcel_slip=20000",
    ),
    (
        "field",
        300,
        "removed=60000,added=60000,failed_divert=60000,eye_stuck_off=3000",
    ),
    (
        "field",
        300,
        "plan_swap=80000,chute_disabled=80000,held=60000,unlisted=60000",
    ),
    (
        "field",
        400,
        "failed_divert=100000,chute_disabled=80000,no_read=200000",
    ),
    (
        "swarm",
        500,
        "touching=100000,added=50000,removed=50000,no_read=100000,parcel_slip=20000",
    ),
    (
        "swarm",
        500,
        "stop=20000,link_down=20000,node_restart=10000,belt_stop=20000",
    ),
    (
        "swarm",
        600,
        "diverter_slow=100000,confirm_missed=50000,chute_jam=20000,eye_missed=20000",
    ),
    (
        "restart",
        400,
        "controller_kill=20000,stop=20000,removed=20000",
    ),
    (
        "nominal",
        400,
        "stop=100000,command_twice=100000,write_late=200000,second_master=20000",
    ),
    (
        "nominal",
        400,
        "node_restart=100000,write_late=300000,write_lost=100000,link_slow=50000",
    ),
    (
        "nominal",
        400,
        "chute_disabled=300000,chute_full=200000,plan_swap=200000,keyed=100000",
    ),
    (
        "field",
        400,
        "eye_missed=20000,removed=40000,added=40000,short_gap=100000,hostile_label=50000",
    ),
    ("nominal", 500, "stop=300000,command_twice=500000"),
    ("long", 300, "none"),
    ("uniform", 1_000, "encoder_jump=20000"),
    (
        "field",
        600,
        "eye_missed=100000,removed=80000,added=80000,short_gap=200000",
    ),
    (
        "slip60",
        2_000,
        "removed=10000,added=10000,failed_divert=5000,eye_missed=1000",
    ),
    (
        "swing-arm",
        600,
        "short_gap=100000,diverter_slow=50000,encoder_jump=20000",
    ),
    ("shoe", 600, "short_gap=100000,encoder_jump=20000"),
];

/// Seeds of each run.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=2;

fn plant(bug: u8) {
    core::plant(bug);
    node::plant(bug);
}

/// Every run and seed with nothing planted, to compare with.
fn all() -> Vec<(Scenario, u64, u64, Report)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/scenarios");
    let mut runs = Vec::new();
    for (name, parcels, faults) in RUNS {
        let scenario = Scenario::load(&folder.join(format!("{name}.toml"))).unwrap();
        let scenario = scenario.with_faults(faults).unwrap();
        for seed in SEEDS {
            let clean = run(&scenario, seed, Some(parcels), &mut |_| ());
            runs.push((scenario.clone(), seed, parcels, clean));
        }
    }
    runs
}

/// How often the core says something else of a parcel than the physics.
fn disagreements(report: &Report) -> u64 {
    report.disagreements.values().sum()
}

/// What is wrong with a run; the clean one tells how good it can be.
fn wrong(report: &Report, clean: &Report) -> Option<String> {
    let floor = clean.sorted * 9 / 10;
    if let Some(violation) = report.violations.first() {
        Some(format!("{}: {}", violation.rule, violation.what))
    } else if report.missort > 0 {
        Some(format!("{} missorts", report.missort))
    } else if report.sorted < floor {
        Some(format!("{} sorted, at least {floor}", report.sorted))
    } else if disagreements(report) > disagreements(clean) * 2 + 5 {
        Some(format!("{:?}", report.disagreements))
    } else {
        apart(&report.reject_causes, &clean.reject_causes)
            .or_else(|| apart(&report.told, &clean.told))
            .or_else(|| apart(&report.refusals, &clean.refusals))
    }
}

/// A count that is too far from that of the same run without the bug to be a matter of timing: a rule
/// that holds no more gives its cause no more, and one that holds too often gives it too often.
fn apart<K: Ord + Display>(found: &BTreeMap<K, u64>, clean: &BTreeMap<K, u64>) -> Option<String> {
    let keys: BTreeSet<&K> = found.keys().chain(clean.keys()).collect();
    keys.into_iter().find_map(|key| {
        let [found, clean] = [found, clean].map(|counts| counts.get(key).copied().unwrap_or(0));
        let far = found.abs_diff(clean) > 5 + found.max(clean) / 2;
        far.then(|| format!("{key}: {found}, {clean} without the bug"))
    })
}

#[test]
fn every_planted_bug_is_found() {
    plant(0);
    let runs = all();
    for (scenario, seed, _, clean) in &runs {
        let name = &scenario.config.name;
        assert_eq!(clean.violations, [], "{name} {seed}, nothing planted");
        assert_eq!(clean.missort, 0, "{name} {seed}, nothing planted");
    }
    let mut missed = Vec::new();
    for (bug, what) in BUGS {
        plant(bug);
        let found = runs.iter().find_map(|(scenario, seed, parcels, clean)| {
            let report = run(scenario, *seed, Some(*parcels), &mut |_| ());
            wrong(&report, clean)
        });
        plant(0);
        match found {
            Some(found) => println!("{bug} ({what}): {found}"),
            None => missed.push((bug, what)),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:#?}");
}
