//! Tables of the plant's physics.

use sortline_core::topology::LineConfig;

use super::*;

/// A line with one machine of two sides, a recirculation diverter and three eyes on the belt.
const LINE: &str = r#"
id = "t"
name = "T"
[belt]
speed_mm_per_s = 1000
um_per_tick = 1000
length_mm = 6000
recirculation_mm = 5000
[parcel]
length_mm_min = 50
length_mm_max = 800
gap_mm_min = 300
[[eye]]
id = 0
name = "in"
role = "induct"
[[eye]]
id = 1
name = "t1"
role = "track"
position_mm = 2000
[[eye]]
id = 2
name = "c1"
role = "confirm"
chute = 1
[[eye]]
id = 3
name = "rc"
role = "confirm"
chute = 90
[[eye]]
id = 4
name = "rj"
role = "confirm"
chute = 99
[[eye]]
id = 5
name = "f1"
role = "full"
chute = 1
[[diverter]]
id = 0
name = "L"
side = "left"
position_mm = 3000
body_mm = 200
extend_ms = 100
retract_ms = 100
hold_ms_max = 1000
opposite = 1
chute = 1
[[diverter]]
id = 1
name = "R"
side = "right"
position_mm = 3000
body_mm = 200
extend_ms = 100
retract_ms = 100
hold_ms_max = 1000
opposite = 0
chute = 1
[[diverter]]
id = 2
name = "RC"
side = "right"
position_mm = 5000
body_mm = 200
extend_ms = 100
retract_ms = 100
hold_ms_max = 1000
chute = 90
[[chute]]
id = 1
name = "1"
kind = "sort"
confirm_ms_min = 200
confirm_ms_max = 600
[[chute]]
id = 90
name = "RC"
kind = "recirculation"
confirm_ms_min = 200
confirm_ms_max = 600
[[chute]]
id = 99
name = "RJ"
kind = "reject"
confirm_ms_min = 0
confirm_ms_max = 600
"#;

fn line() -> LineConfig {
    toml::from_str(LINE).unwrap()
}

/// Parcels of exactly 400 mm without slip, with exactly 600 mm between them, on an encoder that
/// starts at 0.
fn config() -> PlantConfig {
    let text = "[feeder]\nparcels_per_hour = 3600\ngap_mm_min = 600\nlength_mm_min = 400\n\
                length_mm_mean = 400\nlength_mm_max = 400\n[motion]\nslip_mm_sigma = 0\n\
                return_mm_sigma = 0\nencoder_start = 0\n[chutes]\nslide_ms_mean = 400\n\
                slide_ms_sigma = 0\n";
    PlantConfig::from_toml("plant.toml", text).unwrap()
}

/// Runs to the end, switching outputs at the times given (milliseconds, outputs). Returns every
/// signal with its time in milliseconds.
fn run(plant: &mut Plant, strokes: &[(u64, u32)]) -> Vec<(u64, Signal)> {
    let mut seen = Vec::new();
    let mut strokes = strokes.iter().peekable();
    loop {
        let stroke = strokes.peek().map(|(ms, _)| ms * 1_000);
        let Some(next) = [plant.next_us(), stroke].into_iter().flatten().min() else {
            break;
        };
        plant.advance(next);
        seen.extend(std::iter::from_fn(|| plant.take_signal()).map(|s| (next / 1_000, s)));
        if stroke == Some(next) {
            plant.set_outputs(strokes.next().unwrap().1);
        }
    }
    assert!(plant.is_done());
    seen
}

fn edges(seen: &[(u64, Signal)], of: u16) -> Vec<(u64, bool)> {
    let edge = |(at, signal): &(u64, Signal)| match signal {
        Signal::Eye { eye, blocked } if *eye == of => Some((*at, *blocked)),
        Signal::Eye { .. } | Signal::Stop { .. } | Signal::ResetPressed => None,
    };
    seen.iter().filter_map(edge).collect()
}

fn fates(plant: &mut Plant) -> Vec<(u32, Fate)> {
    plant
        .take_ended()
        .map(|e| (e.parcel.serial, e.fate))
        .collect()
}

const REJECT: Fate = Fate::Chute(ChuteId(99));
const ONE: Fate = Fate::Chute(ChuteId(1));

#[test]
fn edges_come_when_leading_and_trailing_edge_cross() {
    let mut plant = Plant::new(&line(), config(), 1, 2);
    let seen = run(&mut plant, &[]);
    // The first gap is the feeder's 600 mm; 1 mm is 1 ms.
    assert_eq!(
        edges(&seen, 0),
        [(600, true), (1_000, false), (1_600, true), (2_000, false)]
    );
    assert_eq!(
        edges(&seen, 1),
        [(2_600, true), (3_000, false), (3_600, true), (4_000, false)]
    );
    // The middle falls off the end at 600 + 6,200 ms and slides 400 ms.
    assert_eq!(
        edges(&seen, 4),
        [(7_200, true), (7_600, false), (8_200, true), (8_600, false)]
    );
    assert_eq!(fates(&mut plant), [(1, REJECT), (2, REJECT)]);
}

#[test]
fn the_encoder_counts_the_edges() {
    let mut start = config();
    start.motion.encoder_start = Some(u32::MAX - 99);
    let mut plant = Plant::new(&line(), start, 1, 1);
    plant.advance(600_000);
    assert_eq!(
        plant.take_signal(),
        Some(Signal::Eye {
            eye: 0,
            blocked: true
        })
    );
    assert_eq!(
        plant.count(),
        500,
        "100 counts to the wrap and 500 after it"
    );
    assert_eq!(plant.time_of_count(501), Some(601_000));
}

#[test]
fn a_parcel_is_diverted_when_the_diverter_is_out_as_its_middle_crosses() {
    // The middle of the first parcel crosses the diverter at 600 + 3,200 ms.
    let cases = [
        (3_700, 4_000, ONE, "out just in time"),
        (3_701, 4_000, REJECT, "a millisecond late"),
        (3_400, 3_801, ONE, "off just after"),
        (3_400, 3_799, REJECT, "off just before"),
    ];
    for (on, off, expected, what) in cases {
        let mut plant = Plant::new(&line(), config(), 1, 1);
        run(&mut plant, &[(on, 1), (off, 0)]);
        assert_eq!(fates(&mut plant), [(1, expected)], "{what}");
        let struck = expected != ONE;
        assert_eq!(plant.take_breaches().count() == 1, struck, "{what}");
    }
}

#[test]
fn a_stroke_strikes_a_neighbor_that_is_on_the_body() {
    // Body 2,900 to 3,100 mm. The tail of the first parcel leaves it at 600 + 3,500 ms, the head
    // of the second enters at 1,600 + 2,900 ms; the second's middle crosses at 4,800 ms.
    let cases = [
        (4_100, 4_850, vec![], "the first has just left"),
        (4_099, 4_850, vec![1], "the first is still there"),
        (4_699, 4_850, vec![], "late but in time"),
    ];
    for (on, off, expected, what) in cases {
        let mut plant = Plant::new(&line(), config(), 1, 2);
        run(&mut plant, &[(on, 1), (off, 0)]);
        assert_eq!(fates(&mut plant).last(), Some(&(1, REJECT)), "{what}");
        let struck: Vec<u32> = plant
            .take_breaches()
            .map(|breach| match breach {
                Breach::Struck { serial, .. } => serial,
                Breach::BothOut { .. } | Breach::HeldTooLong { .. } => 0,
            })
            .collect();
        assert_eq!(struck, expected, "{what}");
    }
}

#[test]
fn a_parcel_that_creeps_is_struck_only_where_it_was() {
    let mut slow = config();
    slow.motion.slip_mm_mean = -300;
    let mut alone = Plant::new(&line(), slow.clone(), 1, 1);
    let left = |plant: &Plant| {
        let mut tails = plant
            .on_belt()
            .map(|(parcel, lead)| lead - parcel.length_um);
        tails.any(|tail| tail >= 3_100_000)
    };
    let clear = (4_000..6_000).find(|ms| {
        alone.advance(ms * 1_000);
        left(&alone)
    });
    let clear = clear.unwrap();
    for (on, struck) in [(clear, 0), (clear - 2, 1)] {
        let mut plant = Plant::new(&line(), slow.clone(), 1, 1);
        run(&mut plant, &[(on, 1), (on + 900, 0)]);
        assert_eq!(plant.take_breaches().count(), struck, "{on}, left {clear}");
    }
}

#[test]
fn both_sides_out_and_holding_too_long_are_breaches() {
    let mut plant = Plant::new(&line(), config(), 1, 1);
    run(&mut plant, &[(0, 1), (50, 3), (100, 2), (1_060, 0)]);
    let seen: Vec<_> = plant.take_breaches().collect();
    let second = DiverterId(1);
    let expected = [
        Breach::BothOut { diverter: second },
        Breach::HeldTooLong {
            diverter: second,
            ms: 1_010,
        },
    ];
    assert_eq!(seen, expected);
}

#[test]
fn recirculated_parcels_come_back_in_order_and_new_ones_wait() {
    let mut plant = Plant::new(&line(), config(), 1, 8);
    // Middles of the first two cross the recirculation diverter at 5,800 and 6,800 ms.
    let strokes = [(5_600, 4), (5_900, 0), (6_600, 4), (6_900, 0)];
    let seen = run(&mut plant, &strokes);
    let confirmed = edges(&seen, 3);
    assert_eq!(
        confirmed,
        [(6_200, true), (6_600, false), (7_200, true), (7_600, false)]
    );
    let induction = edges(&seen, 0);
    // 5 m of conveyor later they are back: 11,200 and 12,200 ms.
    assert!(induction.contains(&(11_200, true)) && induction.contains(&(12_200, true)));
    assert_eq!(
        induction.len(),
        20,
        "ten passages, none merged: {induction:?}"
    );
    let gaps = induction
        .windows(2)
        .filter(|w| !w[0].1)
        .map(|w| w[1].0 - w[0].0);
    assert!(gaps.min() >= Some(600), "{induction:?}");
    let totals = plant.totals();
    assert_eq!(
        (totals.recirculations, totals.inducted, totals.on_belt),
        (2, 8, 0)
    );
    let order: Vec<u32> = fates(&mut plant)
        .into_iter()
        .map(|(serial, _)| serial)
        .collect();
    let (first, second) = (
        order.iter().position(|s| *s == 1),
        order.iter().position(|s| *s == 2),
    );
    assert!(first < second && first > Some(2), "{order:?}");
}

#[test]
fn a_full_bag_blocks_its_eye_until_someone_changes_it() {
    let mut config = config();
    config.chutes.full_parcels = 2;
    config.chutes.bag_parcels = 2;
    config.chutes.change_s_min = 5;
    config.chutes.change_s_max = 5;
    let mut plant = Plant::new(&line(), config, 1, 3);
    let strokes: Vec<_> = (0..3)
        .flat_map(|i| [(3_600 + i * 1_000, 1), (3_900 + i * 1_000, 0)])
        .collect();
    let seen = run(&mut plant, &strokes);
    // Middle at 3,800 + 1,000 ms, slide 400 ms, length 400 ms.
    assert_eq!(edges(&seen, 5), [(5_600, true), (10_600, false)]);
    let totals = plant.totals();
    assert_eq!(totals.in_chute.get(&ChuteId(1)), Some(&3));
    assert_eq!(totals.spilled, 1);
}

#[test]
fn what_lies_under_a_camera_is_told_with_its_offset() {
    let mut plant = Plant::new(&line(), config(), 1, 2);
    plant.advance(1_700_000);
    // Leading edges at 1,100 and 100 mm, middles at 900 and -100.
    let seen: Vec<_> = plant
        .under(800_000, 350_000)
        .map(|(p, offset)| (p.serial, offset))
        .collect();
    assert_eq!(seen, [(1, 100_000)]);
    assert_eq!(plant.under(300_000, 500_000).count(), 2);
}

#[test]
fn a_belt_stop_delays_everything_and_loses_nothing() {
    let mut config = config();
    config.faults_ppm.belt_stop = 1_000_000;
    let mut plant = Plant::new(&line(), config, 5, 3);
    let seen = run(&mut plant, &[]);
    assert!(plant.faults_fired()["belt_stop"] >= 1);
    assert_eq!(edges(&seen, 1).len(), 6);
    assert!(
        edges(&seen, 4).last().unwrap().0 > 9_600,
        "later than without"
    );
    assert_eq!(fates(&mut plant), [(1, REJECT), (2, REJECT), (3, REJECT)]);
}

#[test]
fn a_belt_that_a_person_stops_runs_out_and_waits_for_a_person() {
    let mut plant = Plant::new(&line(), config(), 5, 3);
    let mut now = 1_000;
    // Counts in each of so many spans of 60 ms.
    let mut spans = |plant: &mut Plant, count: usize| -> Vec<u32> {
        let mut told = plant.count();
        let mut next = || {
            now += 60;
            plant.advance(now * 1_000);
            let before = std::mem::replace(&mut told, plant.count());
            told - before
        };
        (0..count).map(|_| next()).collect()
    };
    assert_eq!(spans(&mut plant, 2)[1], 60);
    plant.stop();
    let out = spans(&mut plant, 12);
    assert!(out.is_sorted_by(|a, b| a >= b), "{out:?}");
    assert_eq!(out.iter().sum::<u32>(), 270, "{out:?}");
    // Nobody starts it, and a second press changes nothing.
    plant.stop();
    assert_eq!(spans(&mut plant, 1_000).iter().sum::<u32>(), 0);
    plant.start();
    assert_eq!(spans(&mut plant, 12).last(), Some(&60));
    // Started while it runs out, and stopped while it comes up.
    plant.stop();
    spans(&mut plant, 3);
    plant.start();
    assert_eq!(spans(&mut plant, 30).last(), Some(&60));
    plant.stop();
    spans(&mut plant, 12);
    plant.start();
    spans(&mut plant, 4);
    plant.stop();
    assert_eq!(spans(&mut plant, 20).last(), Some(&0));
    // Of two presses the last counts, and one that is repeated changes nothing.
    plant.start();
    spans(&mut plant, 5);
    plant.start();
    assert_eq!(spans(&mut plant, 8).last(), Some(&60));
    assert_eq!(spans(&mut plant, 12), [60; 12]);
    plant.stop();
    spans(&mut plant, 3);
    plant.start();
    plant.stop();
    assert_eq!(spans(&mut plant, 30).last(), Some(&0));
}

#[test]
fn slip_keeps_the_order_on_the_belt() {
    let mut config = config();
    config.motion.slip_mm_sigma = 400;
    let mut plant = Plant::new(&line(), config, 11, 200);
    let seen = run(&mut plant, &[]);
    assert_eq!(edges(&seen, 1).len(), 400, "no two merged");
    let order: Vec<u32> = fates(&mut plant)
        .into_iter()
        .map(|(serial, _)| serial)
        .collect();
    assert_eq!(order, (1..=200).collect::<Vec<_>>());
}
