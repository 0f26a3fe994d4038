//! The line against a small plant of its own: nominal, and every fault by itself.

#[cfg(test)]
mod demo;
#[cfg(test)]
mod plant;

use demo::{demo, plan};
use plant::{Faults, Plant};
use sortline_core::topology::Topology;
use sortline_core::{
    Action, AlarmChange, AlarmKind, ChuteId, ChuteState, Edge, Event, EyeId, Line, NoRead,
    NodeFault, OperatorCommand, Outcome, ParcelId, RejectCause, Step, Ticks,
};

#[test]
fn a_thousand_parcels_are_all_sorted() {
    let mut plant = Plant::new(
        0,
        Faults {
            slip: 4,
            ..Faults::default()
        },
    );
    plant.shift(1, 1_000);
    plant.drain();
    plant.assert_sound();
    assert_eq!(plant.sorted(), 1_000);
}

fn ended(plant: &Plant, number: u32) -> Vec<Outcome> {
    let of = |(parcel, name): (&ParcelId, &u32)| {
        (*name == number)
            .then(|| plant.outcomes.get(parcel).copied())
            .flatten()
    };
    plant.names.iter().filter_map(of).collect()
}

fn rejected(cause: RejectCause) -> Vec<Outcome> {
    vec![Outcome::Rejected { cause }]
}

#[test]
fn the_count_wraps_anywhere() {
    let mut total = 0;
    for start in [
        0_u32, 1_000, 2_999, 3_500, 3_860, 4_100, 9_000, 17_400, 30_000,
    ] {
        let mut plant = Plant::new(0_u32.wrapping_sub(start), Faults::default());
        plant.shift(1, 40);
        plant.drain();
        plant.assert_sound();
        assert_eq!(plant.sorted(), 40, "start {start}");
        total += plant.sorted();
    }
    assert_eq!(total, 360);
}

#[test]
fn a_failed_divert_goes_round_and_is_sorted_then() {
    let mut plant = Plant::new(
        0,
        Faults {
            stuck: vec![7],
            ..Faults::default()
        },
    );
    plant.shift(1, 30);
    plant.faults.stuck.clear();
    plant.drain();
    plant.assert_sound();
    // It missed its own chute; its recirculation failed too, as its diverters do not move.
    assert_eq!(ended(&plant, 7), rejected(RejectCause::FailedDivert));
    assert_eq!(plant.sorted(), 29);
}

#[test]
fn a_removed_parcel_is_lost_and_nobody_else_is_touched() {
    for at in [1_000, 2_000, 3_200, 3_900, 6_500, 12_000] {
        let removed = [(12, at), (13, at)].into();
        let mut plant = Plant::new(
            0,
            Faults {
                removed,
                ..Faults::default()
            },
        );
        plant.shift(1, 40);
        plant.drain();
        plant.assert_sound();
        let lost = plant.count_of(|outcome| matches!(outcome, Outcome::Lost { .. }));
        let gone = 2 - ended(&plant, 12).len() - ended(&plant, 13).len();
        assert_eq!(plant.sorted() + lost, 40, "removed at {at}");
        assert!(
            lost + gone >= lost && plant.sorted() >= 38,
            "removed at {at}"
        );
    }
}

#[test]
fn an_added_parcel_goes_straight_on() {
    for at in [1_500, 2_500, 4_500, 9_500] {
        let added = [(12, at)].into();
        let mut plant = Plant::new(
            0,
            Faults {
                added,
                ..Faults::default()
            },
        );
        plant.shift(1, 40);
        plant.drain();
        plant.assert_sound();
        let unexpected = Outcome::Rejected {
            cause: RejectCause::Unexpected,
        };
        assert_eq!(
            plant.count_of(|outcome| *outcome == unexpected),
            1,
            "added at {at}"
        );
        let neighbors = plant.count_of(|outcome| !matches!(outcome, Outcome::Sorted { .. })) - 1;
        assert!(neighbors <= 2, "added at {at}: {neighbors}");
    }
}

#[test]
fn frames_decide_between_reading_and_no_read() {
    let faults = Faults {
        no_frame: vec![3],
        two_codes: vec![5],
        ..Faults::default()
    };
    let mut plant = Plant::new(0, faults);
    plant.shift(1, 10);
    plant.drain();
    plant.assert_sound();
    assert_eq!(ended(&plant, 5), rejected(RejectCause::MultiRead));
    assert_eq!(plant.sorted(), 8);
    // Three laps for the one that no camera saw, and each of its four looks counts.
    assert_eq!(plant.line.counters().recirculations, 3);
    assert_eq!(plant.line.counters().no_read, 4);
    let cause = RejectCause::NoRead {
        reason: NoRead::NoFrame,
    };
    assert_eq!(
        plant.count_of(|outcome| *outcome == Outcome::Rejected { cause }),
        1
    );
}

#[test]
fn a_decision_is_told_when_it_changes() {
    let faults = Faults {
        no_frame: vec![3],
        stuck_at: [(6, 6)].into(),
        ..Faults::default()
    };
    let mut plant = Plant::new(0, faults);
    plant.shift(1, 10);
    plant.drain();
    let mut last = std::collections::BTreeMap::new();
    let mut told = 0;
    for action in &plant.actions {
        let Action::Parcel { parcel, step } = action else {
            continue;
        };
        if let Step::Inducted { .. } = step {
            last.remove(parcel);
        } else if let Step::Decided { chute, reason, .. } = step {
            let before = last.insert(*parcel, (*chute, reason));
            assert_ne!(before, Some((*chute, reason)), "{parcel:?}");
            told += 1;
        }
    }
    assert!(told >= 10, "{told}");
}

#[test]
fn a_late_answer_is_used_in_the_next_lap() {
    let mut plant = Plant::new(
        0,
        Faults {
            slow: [(4, 15_000)].into(),
            ..Faults::default()
        },
    );
    plant.shift(1, 8);
    plant.drain();
    plant.assert_sound();
    assert_eq!(plant.sorted(), 8);
    assert_eq!(plant.line.counters().recirculations, 1);
}

#[test]
fn a_full_chute_sends_parcels_round_until_it_is_emptied() {
    let mut plant = Plant::new(0, Faults::default());
    let eye = EyeId(30);
    plant.tell(Event::Eye {
        eye,
        edge: Edge::Blocked,
        at: plant.count,
    });
    plant.shift(1, 3);
    assert_eq!(plant.line.chute_state(ChuteId(1)), ChuteState::Full);
    for number in 10..14 {
        plant.lay(number, 300, 1);
        plant.run(1_500);
    }
    plant.run(20_000);
    assert_eq!(plant.line.counters().recirculations, 4);
    plant.tell(Event::Eye {
        eye,
        edge: Edge::Clear,
        at: plant.count,
    });
    plant.drain();
    plant.assert_sound();
    assert_eq!(plant.sorted(), 7);
    let alarms: Vec<_> = plant
        .actions
        .iter()
        .filter(|action| matches!(action, Action::Alarm { .. }))
        .collect();
    assert_eq!(alarms.len(), 2, "{alarms:?}");
}

#[test]
fn a_chute_closed_at_the_last_moment_is_not_used() {
    // The stroke is sent about 300 ms before the parcel comes; just then the chute closes.
    for after in 0..40 {
        let mut plant = Plant::new(0, Faults::default());
        plant.lay(1, 300, 1);
        plant.run(3_200 + after * 10);
        let state = ChuteState::Disabled;
        plant.tell(Event::Chute {
            chute: ChuteId(1),
            state,
        });
        plant.drain();
        plant.assert_sound();
        assert_eq!(plant.outcomes.len(), 1);
        let sorted = plant.sorted();
        assert!(
            sorted == 1 || plant.line.counters().recirculations >= 1,
            "{after}"
        );
    }
}

#[test]
fn parcels_too_close_are_not_struck_apart() {
    for gap in [20, 60, 120, 200, 280, 340, 360] {
        let mut plant = Plant::new(
            0,
            Faults {
                close: [(10, gap)].into(),
                ..Faults::default()
            },
        );
        plant.shift(1, 20);
        plant.drain();
        plant.assert_sound();
        assert!(plant.sorted() >= 18, "gap {gap}: {}", plant.sorted());
    }
}

#[test]
fn a_blind_eye_diverts_nobody_wrongly_and_is_named() {
    for eye in 1..=7 {
        let mut plant = Plant::new(
            0,
            Faults {
                blind: Some(eye),
                ..Faults::default()
            },
        );
        plant.shift(1, 40);
        plant.drain();
        plant.assert_sound();
        let kind = AlarmKind::Eye { eye: EyeId(eye) };
        let raised = Action::Alarm {
            kind,
            change: AlarmChange::Raised,
        };
        assert!(eye == 7 || plant.actions.contains(&raised), "eye {eye}");
    }
}

#[test]
fn three_failed_strokes_disable_a_chute() {
    let stuck = (1..=5).collect();
    let mut plant = Plant::new(
        0,
        Faults {
            stuck,
            ..Faults::default()
        },
    );
    for number in 1..=5 {
        plant.lay(number, 300, 2);
        plant.run(1_500);
    }
    plant.run(3_000);
    assert_eq!(plant.line.chute_state(ChuteId(2)), ChuteState::Disabled);
    plant.drain();
    plant.assert_sound();
    let command = OperatorCommand::EnableChute {
        chute: ChuteId(2),
        enabled: true,
    };
    plant.tell(Event::Operator { command });
    assert_eq!(plant.line.chute_state(ChuteId(2)), ChuteState::Ready);
    assert_eq!(plant.line.alarms().count(), 0);
}

#[test]
fn after_a_stop_old_parcels_are_rejected_and_new_ones_sorted() {
    for moment in [3_000, 3_700, 9_100, 20_000] {
        let mut plant = Plant::new(0, Faults::default());
        plant.shift(1, 10);
        plant.run(moment);
        plant.shift(20, 6);
        plant.tell(Event::Stop { active: true });
        plant.epoch = None;
        plant.lay(30, 300, 3);
        plant.run(2_000);
        plant.tell(Event::Stop { active: false });
        plant.connect(2, false);
        plant.tell(Event::Operator {
            command: OperatorCommand::Reset,
        });
        plant.shift(40, 10);
        plant.drain();
        plant.assert_sound();
        for number in 40..50 {
            assert!(
                matches!(ended(&plant, number)[..], [Outcome::Sorted { .. }]),
                "{moment}: {number}"
            );
        }
        let lost = plant.count_of(|outcome| matches!(outcome, Outcome::Lost { .. }));
        assert_eq!(lost, 0, "{moment}");
    }
}

#[test]
fn a_silent_node_loses_nobody() {
    for outage in [20, 200, 1_500] {
        let mut plant = Plant::new(0, Faults::default());
        plant.shift(1, 15);
        plant.tell(Event::NodeDown {
            fault: NodeFault::Unreachable,
        });
        // The node's watchdog empties its queue; its ring keeps the edges.
        plant.epoch = None;
        let heard = plant.silence(outage);
        plant.connect(2, false);
        for event in heard {
            plant.tell(event);
        }
        plant.shift(40, 10);
        plant.drain();
        plant.assert_sound();
        let lost = plant.count_of(|outcome| matches!(outcome, Outcome::Lost { .. }));
        assert_eq!(lost, 0, "outage {outage}");
        for number in 40..50 {
            assert!(
                matches!(ended(&plant, number)[..], [Outcome::Sorted { .. }]),
                "{number}"
            );
        }
    }
}

#[test]
fn after_a_restart_every_parcel_still_has_one_outcome() {
    for moment in [500, 1_700, 3_100, 5_000] {
        let mut plant = Plant::new(0, Faults::default());
        plant.shift(1, 15);
        plant.run(moment);
        plant.epoch = None;
        let heard = plant.silence(2_500);
        plant.restart();
        plant.connect(2, false);
        for event in heard {
            plant.tell(event);
        }
        plant.shift(40, 10);
        plant.drain();
        plant.assert_sound();
        for number in 40..50 {
            assert!(
                matches!(ended(&plant, number)[..], [Outcome::Sorted { .. }]),
                "{number}"
            );
        }
    }
}

#[test]
fn lost_edges_end_in_lost_or_rejected_parcels_only() {
    let mut plant = Plant::new(0, Faults::default());
    plant.shift(1, 15);
    plant.tell(Event::NodeDown {
        fault: NodeFault::Restarted,
    });
    plant.epoch = None;
    drop(plant.silence(3_000));
    // The node was switched off and on: it counts from 0, and nothing is in its ring.
    plant.count = Ticks(0);
    plant.connect(2, true);
    plant.shift(40, 10);
    plant.drain();
    plant.assert_sound();
    for number in 40..50 {
        assert!(
            matches!(ended(&plant, number)[..], [Outcome::Sorted { .. }]),
            "{number}"
        );
    }
}

#[test]
fn the_same_events_give_the_same_actions() {
    let faults = Faults {
        stuck: vec![7],
        removed: [(12, 3_200)].into(),
        added: [(20, 4_500)].into(),
        no_frame: vec![3],
        slip: 6,
        ..Faults::default()
    };
    let mut plant = Plant::new(u32::MAX - 20_000, faults);
    plant.shift(1, 60);
    plant.drain();
    plant.assert_sound();
    let mut again = Line::new(plant.line.topology().clone(), plan(&plant.config));
    let mut actions = Vec::new();
    for (now, event) in &plant.events {
        // Through the journal's form, as a replay does it.
        let event: Event = serde_json::from_str(&serde_json::to_string(event).unwrap()).unwrap();
        again.handle_event(*now, &event);
        while let Some(action) = again.poll_action() {
            actions.push(action);
        }
    }
    assert_eq!(actions, plant.actions);
}

#[test]
fn a_chute_takes_no_more_than_it_holds() {
    let mut config = demo();
    config.chutes[0].capacity_parcels = 3;
    // The first parcel vanishes when its stroke is on the way: it must not count for ever.
    let removed = [(1, 3_700)].into();
    let mut plant = Plant::on(
        Topology::new(config).unwrap(),
        0,
        Faults {
            removed,
            ..Faults::default()
        },
    );
    for number in 1..=5 {
        plant.lay(number, 300, 1);
        plant.run(1_500);
    }
    plant.run(9_000);
    assert!(plant.line.chutes()[0].count <= 3);
    assert!(plant.sorted() <= 3);
    let command = OperatorCommand::EmptyChute { chute: ChuteId(1) };
    plant.tell(Event::Operator { command });
    plant.drain();
    plant.assert_sound();
    assert_eq!(plant.sorted(), 4);
}

#[test]
fn a_blocked_eye_is_a_jam_only_while_the_belt_moves() {
    let mut plant = Plant::new(0, Faults::default());
    plant.run(100);
    let (eye, at) = (EyeId(3), plant.count);
    plant.tell(Event::Eye {
        eye,
        edge: Edge::Blocked,
        at,
    });
    let kind = AlarmKind::Jam { eye };
    let (due, reason) = plant.line.poll_timeout().unwrap();
    assert_eq!(reason, "jam");
    plant.line.handle_timeout(due);
    assert!(
        !plant.line.alarms().any(|one| one == kind),
        "the belt stands"
    );
    assert_eq!(plant.line.poll_timeout(), None);
    plant.run(9_000);
    assert!(plant.line.alarms().any(|one| one == kind));
    plant.tell(Event::Eye {
        eye,
        edge: Edge::Clear,
        at: plant.count,
    });
    assert!(!plant.line.alarms().any(|one| one == kind));
    plant.drain();
    assert_eq!(plant.line.under_way(), 0);
}
