//! Properties that hold for any events in any order, and for any count and line.

use proptest::prelude::*;

#[cfg(test)]
mod demo;

use std::collections::BTreeMap;

use demo::{demo, plan, topology};
use sortline_core::topology::Topology;
use sortline_core::{
    Action, CameraId, ChuteId, ChuteState, Code, Command, Destination, DestinationSource, Edge,
    Epoch, Event, EyeId, Line, LineTime, NodeFault, OperatorCommand, ParcelId, Permille, Reading,
    Refusal, Resolution, Seq, Step, StrokeResult, Ticks, TriggerId,
};

/// Counts near each other and around the wrap, and now and then anything.
fn ticks() -> impl Strategy<Value = Ticks> {
    prop_oneof![
        20 => (0_u32..20_000).prop_map(|at| Ticks(at.wrapping_sub(10_000))),
        1 => any::<u32>().prop_map(Ticks),
    ]
}

fn destination() -> impl Strategy<Value = Destination> {
    (0_u16..20).prop_map(|chute| Destination {
        country: "DE".into(),
        postcode: Some(format!("{chute:02}000")),
        source: DestinationSource::Manifest,
        confidence: Permille::ONE,
    })
}

fn result() -> impl Strategy<Value = StrokeResult> {
    prop_oneof![
        Just(StrokeResult::Accepted),
        ticks().prop_map(|at| StrokeResult::Fired { at }),
        ticks().prop_map(|at| StrokeResult::Done { at }),
        Just(StrokeResult::Refused {
            refusal: Refusal::Late
        }),
        Just(StrokeResult::Withdrawn),
        Just(StrokeResult::Unknown),
    ]
}

fn identification() -> impl Strategy<Value = Event> {
    let reading = (0_u8..2, 1_u32..60, 0_u32..30).prop_map(|(camera, trigger, value)| {
        let code = Code {
            kind: "s10".into(),
            value: value.to_string(),
        };
        let codes = if value == 0 { Vec::new() } else { vec![code] };
        let reading = Reading {
            codes,
            ..Reading::default()
        };
        Event::Read {
            camera: CameraId(camera),
            trigger: TriggerId(trigger),
            reading,
        }
    });
    let resolution = prop_oneof![
        4 => destination().prop_map(|destination| Resolution::Sort {
            sequence: None,
            destination,
            hop: None,
            why: String::new()
        }),
        1 => Just(Resolution::Unknown),
        1 => Just(Resolution::Hold { reason: "x".into(), why: String::new() }),
    ];
    let resolved = (1_u64..30, resolution).prop_map(|(parcel, resolution)| Event::Resolved {
        parcel: ParcelId(parcel),
        resolution,
    });
    let key = (1_u64..30, destination()).prop_map(|(parcel, destination)| Event::Operator {
        command: OperatorCommand::Key {
            parcel: ParcelId(parcel),
            destination,
        },
    });
    prop_oneof![3 => reading, 3 => resolved, 1 => key]
}

fn disturbance() -> impl Strategy<Value = Event> {
    let chute = || prop_oneof![(0_u16..14).prop_map(ChuteId), Just(ChuteId(90))];
    let state = prop_oneof![
        Just(ChuteState::Ready),
        Just(ChuteState::Full),
        Just(ChuteState::Disabled),
        Just(ChuteState::Jammed)
    ];
    prop_oneof![
        (1_u16..4, ticks(), any::<bool>()).prop_map(|(epoch, at, gap)| Event::NodeUp {
            epoch: Epoch(epoch),
            at,
            gap
        }),
        Just(Event::NodeDown {
            fault: NodeFault::Unreachable
        }),
        any::<bool>().prop_map(|active| Event::Stop { active }),
        Just(Event::Restarted),
        (0_u8..3, any::<bool>()).prop_map(|(camera, healthy)| Event::Camera {
            camera: CameraId(camera),
            healthy
        }),
        (chute(), state).prop_map(|(chute, state)| Event::Chute { chute, state }),
        Just(Event::Operator {
            command: OperatorCommand::Reset
        }),
        (chute(), any::<bool>()).prop_map(|(chute, enabled)| Event::Operator {
            command: OperatorCommand::EnableChute { chute, enabled }
        }),
        chute().prop_map(|chute| Event::Operator {
            command: OperatorCommand::EmptyChute { chute }
        }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let edge = prop_oneof![Just(Edge::Blocked), Just(Edge::Clear)];
    prop_oneof![
        20 => (0_u16..44, edge, ticks())
            .prop_map(|(eye, edge, at)| Event::Eye { eye: EyeId(eye), edge, at }),
        10 => ticks().prop_map(|at| Event::Belt { at }),
        6 => identification(),
        4 => (1_u16..40, result()).prop_map(|(seq, result)| Event::Stroke { seq: Seq(seq), result }),
        1 => disturbance(),
    ]
}

/// Events whose counts mostly go on, as a real belt's do.
fn going_on(events: Vec<(Event, u16)>) -> Vec<(Event, u16)> {
    let mut count = Ticks(u32::MAX - 5_000);
    let mut all = vec![(
        Event::NodeUp {
            epoch: Epoch(1),
            at: count,
            gap: false,
        },
        0,
    )];
    for (mut event, step) in events {
        count = count.offset(i32::from(step));
        if let Event::Eye { at, .. } | Event::Belt { at } = &mut event {
            *at = count;
        }
        all.push((event, step));
    }
    all
}

/// Feeds events; panics when a parcel has two outcomes or lives on after its end.
fn feed(events: &[(Event, u16)]) -> Vec<Action> {
    let mut line = Line::new(topology(), plan(&demo()));
    let mut ended = BTreeMap::new();
    let mut all = Vec::new();
    let mut now = LineTime(0);
    for (event, step) in events {
        now = LineTime(now.0 + u64::from(*step) * 667);
        line.handle_event(now, event);
        if let Some((due, _)) = line.poll_timeout() {
            line.handle_timeout(due.max(now));
        }
        let mut actions = 0;
        while let Some(action) = line.poll_action() {
            actions += 1;
            if let Action::Parcel { parcel, step } = &action {
                assert!(
                    !ended.contains_key(parcel),
                    "{parcel}: {step:?} after {ended:?}"
                );
                if let Step::Ended { outcome } = step {
                    ended.insert(*parcel, *outcome);
                }
            }
            if let Action::Send {
                command: Command::Stroke { hold, .. },
            } = action
            {
                assert!(hold > 0);
            }
            all.push(action);
        }
        assert!(
            actions <= 20 * (line.under_way() + 20),
            "{actions} actions for {event:?}"
        );
        let views = line.parcels(line.count().unwrap_or_default());
        assert!(views.len() <= line.under_way());
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn garbage_never_panics_nor_ends_a_parcel_twice(
        events in prop::collection::vec((event(), 0_u16..300), 1..300)
    ) {
        let first = feed(&events);
        prop_assert_eq!(first, feed(&events));
    }

    #[test]
    fn a_belt_that_goes_on_with_any_edges_ends_no_parcel_twice(
        events in prop::collection::vec((event(), 0_u16..300), 1..600)
    ) {
        feed(&going_on(events));
    }

    #[test]
    fn counts_compare_across_the_wrap(start in any::<u32>(), step in 1_i32..i32::MAX) {
        let earlier = Ticks(start);
        let later = earlier.offset(step);
        prop_assert_eq!(later.signed_since(earlier), step);
        prop_assert!(earlier.is_before(later) && !later.is_before(earlier));
        prop_assert_eq!(later.offset(-step), earlier);
    }

    #[test]
    fn a_line_is_taken_or_refused_with_keys(
        speed in 0_u32..6_000,
        um in 0_u32..12_000,
        position in prop::collection::vec(0_u32..20_000, 13),
        gap in 0_u32..1_000,
        window in 0_u32..1_200,
    ) {
        let mut config = demo();
        config.belt.speed_mm_per_s = speed;
        config.belt.um_per_tick = um;
        config.parcel.gap_mm_min = gap;
        config.tracking.window_mm = window;
        for (diverter, position) in config.diverters.iter_mut().zip(position) {
            diverter.position_mm = position;
        }
        match Topology::new(config.clone()) {
            Ok(topology) => prop_assert_eq!(topology.config(), &config),
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                for problem in problems {
                    prop_assert!(!problem.key.is_empty() && problem.problem.contains("allowed"),
                        "{}", problem);
                }
            }
        }
    }
}
