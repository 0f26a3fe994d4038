//! Properties of the plant's physics under random faults and random strokes.

use proptest::prelude::*;
use sortline_core::topology::LineConfig;
use sortline_sim::plant::{Fault, Plant, PlantConfig, Rng};

fn demo_line() -> Option<LineConfig> {
    toml::from_str(include_str!("../../config/demo/line.toml")).ok()
}

/// These rates for all faults, in events per million.
fn with_faults(ppm: &[u32]) -> PlantConfig {
    let mut config = PlantConfig::default();
    for (fault, ppm) in Fault::ALL.into_iter().zip(ppm) {
        *config.faults_ppm.rate_mut(fault) = *ppm;
    }
    config.motion.slip_mm_sigma = 40;
    config.chutes.full_parcels = 5;
    config.chutes.bag_parcels = 6;
    config
}

/// Runs with outputs switched at random; returns a line for everything that happened.
fn run(config: PlantConfig, seed: u64, parcels: u64) -> Vec<String> {
    let line = demo_line();
    assert!(line.is_some(), "the demonstration line can be read");
    let Some(line) = line else { return Vec::new() };
    let mut plant = Plant::new(&line, config, seed, parcels);
    let mut hands = Rng::new(seed, 99);
    let mut log = Vec::new();
    let mut next_switch = 0;
    while let Some(next) = plant.next_us() {
        if plant.is_done() {
            break;
        }
        let now = next.min(next_switch);
        plant.advance(now);
        log.extend(std::iter::from_fn(|| plant.take_signal()).map(|s| format!("{now} {s:?}")));
        log.extend(plant.take_ended().map(|e| format!("{e:?}")));
        if now == next_switch {
            // Mostly one diverter at a time, so that some parcels are diverted and some struck.
            plant.set_outputs(1 << hands.below(16) & 0x1FFF);
            next_switch += 100_000 + hands.below(700_000);
        }
        let totals = plant.totals();
        let chutes: u64 = totals.in_chute.values().sum();
        assert_eq!(
            totals.inducted,
            chutes + totals.removed + totals.on_belt,
            "at {now}"
        );
    }
    log.extend(plant.take_breaches().map(|b| format!("{b:?}")));
    assert!(plant.is_done(), "everything that came has gone");
    assert_eq!(plant.totals().on_belt, 0);
    assert!(plant.totals().inducted >= parcels);
    log
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_parcel_appears_or_disappears(
        seed: u64,
        ppm in prop::collection::vec(0_u32..60_000, Fault::ALL.len()),
    ) {
        run(with_faults(&ppm), seed, 80);
    }

    #[test]
    fn a_seed_gives_the_same_physics(seed: u64) {
        let config = || with_faults(&[20_000; Fault::ALL.len()]);
        prop_assert_eq!(run(config(), seed, 40), run(config(), seed, 40));
    }
}

#[test]
fn every_fault_of_the_plant_fires() {
    let line = demo_line().unwrap();
    let mut rates = [20_000; Fault::ALL.len()];
    rates[Fault::ChuteFull as usize] = 1_000_000;
    rates[Fault::EncoderRollover as usize] = 1_000_000;
    let mut plant = Plant::new(&line, with_faults(&rates), 4, 1_500);
    let mut at = 0;
    while !plant.is_done() {
        at += 400_000;
        plant.advance(at);
        plant.set_outputs(if plant.outputs() == 0 {
            1 << (at / 800_000 % 13)
        } else {
            0
        });
    }
    let fired = plant.faults_fired();
    // From the first fault of a camera on they are drawn by the harness.
    let own = Fault::ALL.into_iter().filter(|f| *f < Fault::NoRead);
    let silent: Vec<_> = own
        .map(Fault::name)
        .filter(|name| fired.get(name).is_none_or(|n| *n == 0))
        .collect();
    assert_eq!(silent, Vec::<&str>::new());
}
