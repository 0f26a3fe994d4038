//! The edge cases of sorter control, one table each, against the small plant. Numbers are those of
//! the requirements: a test is named by its case.

#[cfg(test)]
mod demo;
#[cfg(test)]
mod plant;

#[cfg(test)]
mod tests {
    use super::demo::{demo, plan};
    use super::plant::{Faults, Plant};
    use sortline_core::topology::Topology;
    use sortline_core::{
        Action, AlarmChange, AlarmKind, Alternative, ChuteId, ChuteState, Command, Destination,
        DestinationSource, Edge, Event, EyeId, InductionLevel, Line, NoRead, NodeFault, Obstacle,
        OperatorCommand, Outcome, ParcelId, Permille, Refusal, RejectCause, Resolution, SortPlan,
        Status, Step, StrokeResult,
    };

    /// The core's numbers of a physical parcel that was read.
    fn ids(plant: &Plant, number: u32) -> Vec<ParcelId> {
        let of = |(id, name): (&ParcelId, &u32)| (*name == number).then_some(*id);
        plant.names.iter().filter_map(of).collect()
    }

    fn outcome(plant: &Plant, number: u32) -> Option<Outcome> {
        let [id] = ids(plant, number)[..] else {
            return None;
        };
        plant.outcomes.get(&id).copied()
    }

    fn causes(plant: &Plant) -> Vec<RejectCause> {
        let mut all: Vec<RejectCause> = Vec::new();
        for outcome in plant.outcomes.values() {
            if let Outcome::Rejected { cause } = outcome {
                all.push(*cause);
            }
        }
        all
    }

    fn raised(plant: &Plant, kind: AlarmKind) -> bool {
        let change = AlarmChange::Raised;
        plant.actions.contains(&Action::Alarm { kind, change })
    }

    fn steps(plant: &Plant, wanted: impl Fn(&Step) -> bool) -> usize {
        let of = |action: &&Action| matches!(action, Action::Parcel { step, .. } if wanted(step));
        plant.actions.iter().filter(of).count()
    }

    fn strokes(plant: &Plant) -> usize {
        steps(plant, |step| matches!(step, Step::Commanded { .. }))
    }

    fn recirculated_for(plant: &Plant, wanted: RejectCause) -> usize {
        steps(
            plant,
            |step| matches!(step, Step::Recirculated { cause, .. } if *cause == wanted),
        )
    }

    fn to(chute: u16, hop: Option<&str>) -> Resolution {
        let destination = Destination {
            country: "DE".into(),
            postcode: Some(format!("{chute:02}115")),
            source: DestinationSource::Manifest,
            confidence: Permille::ONE,
        };
        Resolution::Sort {
            destination,
            hop: hop.map(ToOwned::to_owned),
            why: String::new(),
            sequence: None,
        }
    }

    #[test]
    fn e01_slip_is_learnt_and_named_when_it_grows() {
        // Slip in 1/1,000 of the way, up to so much either way: sorted, and whether it is told.
        for (slip, sorted, told) in [(0, 200, false), (10, 200, false), (30, 120, true)] {
            let faults = Faults {
                slip,
                ..Faults::default()
            };
            let mut plant = Plant::new(0, faults);
            plant.shift(1, 200);
            plant.drain();
            plant.assert_sound();
            assert!(plant.sorted() >= sorted, "{slip}: {}", plant.sorted());
            let alarm = (1..8).any(|eye| raised(&plant, AlarmKind::Slip { eye: EyeId(eye) }));
            assert_eq!(alarm, told, "slip {slip}");
        }
    }

    #[test]
    fn e02_a_code_belongs_to_the_place_of_its_frame_not_to_its_time() {
        // The first parcel's frames come after those of one, two and three behind it.
        for slow in [0, 600, 1_200, 1_700] {
            let faults = Faults {
                slow_read: [(5, slow)].into(),
                ..Faults::default()
            };
            let mut plant = Plant::new(0, faults);
            for number in 1..=12 {
                plant.lay(number, 300, u16::try_from(number).unwrap());
                plant.run(800);
            }
            plant.drain();
            plant.assert_sound();
            assert_eq!(plant.sorted(), 12, "{slow} ticks late");
        }
    }

    #[test]
    fn e03_too_near_is_measured_and_named() {
        // Gap in mm, and whether both are named too near.
        for (gap, near) in [(150, true), (340, true), (352, false)] {
            let mut plant = Plant::new(0, Faults::default());
            plant.lay(1, 300, 3);
            plant.run(300 + gap);
            plant.lay(2, 300, 4);
            plant.drain();
            plant.assert_sound();
            let round = recirculated_for(&plant, RejectCause::Gap);
            let out = causes(&plant);
            let out = out.iter().filter(|cause| **cause == RejectCause::Gap);
            assert_eq!(round + out.count() >= 2, near, "gap {gap}");
            assert!(near || plant.sorted() == 2, "gap {gap}");
        }
    }

    #[test]
    fn e04_touching_parcels_are_never_split_by_guess() {
        for length in [200, 300, 450] {
            let faults = Faults {
                half_view: 400,
                ..Faults::default()
            };
            let mut plant = Plant::new(0, faults);
            plant.lay(1, length, 3);
            plant.run(u64::try_from(length).unwrap());
            plant.lay(2, length, 4);
            plant.drain();
            plant.assert_sound();
            assert_eq!(plant.sorted(), 0, "length {length}");
            let cause = causes(&plant)[0];
            let named = [RejectCause::MultiRead, RejectCause::TooLong].contains(&cause);
            assert!(named, "length {length}: {cause:?}");
        }
    }

    #[test]
    fn e05_one_code_twice_is_one_reading_two_codes_are_none() {
        // Both cameras read; the second the same, or another.
        for (two_codes, sorted) in [(vec![], 1), (vec![1], 0)] {
            let faults = Faults {
                two_codes,
                ..Faults::default()
            };
            let mut plant = Plant::new(0, faults);
            plant.lay(1, 300, 3);
            plant.drain();
            plant.assert_sound();
            assert_eq!(plant.sorted(), sorted);
        }
    }

    #[test]
    fn e05_a_second_parcel_with_the_same_code_is_flagged() {
        for (second, flagged) in [("1", 1), ("2", 0)] {
            let faults = Faults {
                code: [(2, second.to_owned())].into(),
                ..Faults::default()
            };
            let mut plant = Plant::new(0, faults);
            plant.lay(1, 300, 3);
            plant.run(1_000);
            plant.lay(2, 300, 3);
            plant.drain();
            let duplicates = steps(&plant, |step| matches!(step, Step::Duplicate { .. }));
            assert_eq!(duplicates, flagged, "code {second}");
        }
    }

    #[test]
    fn e06_chatter_makes_no_parcels_and_is_counted() {
        // Bounces of 4 mm at an eye on the belt, and whether the eye is named.
        for (bounces, named) in [(0, false), (1, false), (40, true)] {
            let mut plant = Plant::new(0, Faults::default());
            for number in 1..=10 {
                plant.lay(number, 300, 3);
                for _ in 0..bounces / 10 + u32::from(bounces == 1 && number == 1) {
                    plant.run(20);
                    bounce(&mut plant, EyeId(0));
                }
                plant.run(1_000);
            }
            plant.drain();
            plant.assert_sound();
            assert_eq!(plant.line.counters().inducted, 10, "{bounces}");
            assert_eq!(plant.sorted(), 10, "{bounces}");
            assert_eq!(raised(&plant, AlarmKind::Chatter { eye: EyeId(0) }), named);
        }
    }

    fn bounce(plant: &mut Plant, eye: EyeId) {
        for edge in [Edge::Clear, Edge::Blocked] {
            let at = plant.count;
            plant.tell(Event::Eye { eye, edge, at });
            plant.run(4);
        }
    }

    #[test]
    fn e07_a_lost_parcel_moves_nobody_and_its_stroke_is_withdrawn() {
        // Taken off before it is committed, and just after.
        for (at, withdrawn) in [(1_500, 0), (3_200, 0), (4_600, 1)] {
            let mut plant = Plant::new(
                0,
                Faults {
                    removed: [(5, at)].into(),
                    ..Faults::default()
                },
            );
            for number in 1..=10 {
                plant.lay(number, 300, 4);
                plant.run(900);
            }
            plant.drain();
            plant.assert_sound();
            assert_eq!(plant.sorted(), 9, "removed at {at}");
            assert!(matches!(outcome(&plant, 5), Some(Outcome::Lost { .. })));
            let taken = |action: &&Action| {
                matches!(
                    action,
                    Action::Send {
                        command: Command::Withdraw { .. }
                    }
                )
            };
            let taken = plant.actions.iter().filter(taken).count();
            assert!(taken <= withdrawn, "removed at {at}: {taken}");
        }
    }

    #[test]
    fn e08_a_missed_divert_is_known_again_and_goes_round() {
        for chute in [1, 4, 7, 9] {
            let mut plant = Plant::new(
                0,
                Faults {
                    stuck_at: [(3, chute)].into(),
                    ..Faults::default()
                },
            );
            for number in 1..=6 {
                plant.lay(number, 300, chute);
                plant.run(1_000);
            }
            plant.run(12_000);
            plant.faults.stuck_at.clear();
            plant.drain();
            plant.assert_sound();
            assert_eq!(plant.sorted(), 6, "chute {chute}: {:?}", causes(&plant));
            let laps = recirculated_for(&plant, RejectCause::FailedDivert);
            assert_eq!((laps, ids(&plant, 3).len()), (1, 1), "chute {chute}");
        }
    }

    #[test]
    fn e09_a_diverter_that_fails_in_a_row_is_out_and_its_parcels_go_elsewhere() {
        let mut config = demo();
        config.tracking.failed_strokes_max = 2;
        for (stuck, disabled) in [(vec![1], false), (vec![1, 2], true), (vec![1, 3], false)] {
            let topology = Topology::new(config.clone()).unwrap();
            let faults = Faults {
                stuck: stuck.clone(),
                ..Faults::default()
            };
            let mut plant = Plant::on(topology, 0, faults);
            let mut other = plan(&config);
            other.version = "v2".into();
            if let Some(rule) = other.rules.get_mut(1) {
                rule.chutes = vec![ChuteId(2), ChuteId(8)];
            }
            plant.tell(Event::Plan { plan: other });
            for number in 1..=4 {
                plant.lay(number, 300, 2);
                plant.run(4_000);
            }
            let state = plant.line.chute_state(ChuteId(2));
            assert_eq!(state == ChuteState::Disabled, disabled, "{stuck:?}");
            plant.run(30_000);
            let in_chute = |chute| {
                plant
                    .line
                    .chutes()
                    .iter()
                    .find(|c| c.chute == chute)
                    .unwrap()
                    .count
            };
            assert_eq!(in_chute(ChuteId(8)) > 0, disabled, "{stuck:?}");
        }
    }

    #[test]
    fn e10_a_closed_chute_means_overflow_then_another_lap_then_reject() {
        let table = [
            (Some(5), true, "overflow"),
            (None, true, "round"),
            (None, false, "reject"),
        ];
        for (overflow, round, expected) in table {
            let mut plant = Plant::new(0, Faults::default());
            let mut with = plan(&plant.config);
            with.overflow = overflow.map(ChuteId);
            plant.tell(Event::Plan { plan: with });
            for (chute, open) in [(3, false), (90, round)] {
                let state = if open {
                    ChuteState::Ready
                } else {
                    ChuteState::Full
                };
                let chute = ChuteId(chute);
                plant.tell(Event::Chute { chute, state });
            }
            plant.lay(1, 300, 3);
            plant.run(20_000);
            let first = plant.line.counters();
            let found = match (first.sorted, first.recirculations, first.rejected) {
                (1, 0, 0) => "overflow",
                (0, 1, 0) => "round",
                (0, 0, 1) => "reject",
                other => panic!("{other:?}"),
            };
            assert_eq!(found, expected);
            let passed = plant.actions.iter().find_map(|action| {
                if let Action::Parcel {
                    step: Step::Decided { alternatives, .. },
                    ..
                } = action
                {
                    Some(alternatives.clone())
                } else {
                    None
                }
            });
            // The rule's own chute, and what stood against it, belong to the explanation.
            let full = Alternative {
                chute: ChuteId(3),
                obstacle: Some(Obstacle::Full),
            };
            assert_eq!(passed, Some(vec![full]), "{expected}");
        }
    }

    #[test]
    fn e11_a_position_that_is_jumped_over_is_not_missed() {
        // Belt counts come every so many ticks; strokes are sent ahead, at counts.
        for every in [15, 45, 75] {
            let mut plant = Plant::new(0, Faults::default());
            plant.poll_ticks = every;
            for number in 1..=12 {
                plant.lay(number, 300, u16::try_from(number).unwrap());
                plant.run(1_000);
            }
            plant.drain();
            plant.assert_sound();
            assert_eq!(plant.sorted(), 12, "a count every {every} ticks");
        }
    }

    #[test]
    fn e12_a_late_destination_costs_a_lap_and_never_the_line() {
        // Answer after so many ticks, the lap in which the parcel is sorted.
        for (slow, laps) in [(30, 0), (2_000, 0), (2_600, 1), (12_000, 1), (20_000, 1)] {
            let mut plant = Plant::new(
                0,
                Faults {
                    slow: [(2, slow)].into(),
                    ..Faults::default()
                },
            );
            for number in 1..=4 {
                plant.lay(number, 300, 1);
                plant.run(1_000);
            }
            plant.drain();
            plant.assert_sound();
            assert_eq!(plant.sorted(), 4, "after {slow}");
            assert_eq!(plant.line.counters().recirculations, laps, "after {slow}");
        }
    }

    #[test]
    fn e13_a_change_before_commit_wins_and_after_it_is_told_late() {
        // The host changes chute 4 to 5 when the parcel has gone so far.
        for (at, chute, late) in [(2_000, 5, false), (5_000, 5, false), (5_850, 4, true)] {
            let mut plant = Plant::new(0, Faults::default());
            plant.lay(1, 300, 4);
            plant.run(at);
            let parcel = ParcelId(1);
            let resolution = to(5, None);
            plant.tell(Event::Resolved { parcel, resolution });
            plant.run(9_000);
            let seen = plant.outcomes.get(&parcel);
            let chute = ChuteId(chute);
            assert_eq!(seen, Some(&Outcome::Sorted { chute }), "changed at {at}");
            let told = steps(&plant, |step| {
                matches!(step, Step::Resolved { late: true, .. })
            });
            assert_eq!(told > 0, late, "changed at {at}");
        }
    }

    #[test]
    fn a_keyed_destination_is_looked_up_and_stands_above_readings_and_below_holds() {
        let hold = Resolution::Hold {
            reason: "embargo".into(),
            why: String::new(),
        };
        let sorted = |chute| Outcome::Sorted {
            chute: ChuteId(chute),
        };
        // What the host says after a person keyed chute 5 for a parcel read for chute 4.
        for (says, expected) in [
            (None, Some(sorted(5))),
            (Some(to(4, None)), Some(sorted(5))),
            (Some(Resolution::Unknown), Some(sorted(5))),
            (Some(hold), None),
        ] {
            let mut plant = Plant::new(0, Faults::default());
            plant.lay(1, 300, 4);
            plant.run(2_500);
            let parcel = ParcelId(1);
            let Resolution::Sort {
                mut destination, ..
            } = to(5, None)
            else {
                panic!("a destination")
            };
            destination.source = DestinationSource::Keyed;
            plant.tell(Event::Operator {
                command: OperatorCommand::Key {
                    parcel,
                    destination,
                },
            });
            plant.run(100);
            if let Some(resolution) = says.clone() {
                plant.tell(Event::Resolved { parcel, resolution });
            }
            plant.run(25_000);
            let seen = plant.outcomes.get(&parcel);
            if let Some(expected) = expected {
                assert_eq!(seen, Some(&expected), "{says:?}");
            } else {
                let rejected = matches!(seen, Some(Outcome::Rejected { .. }));
                assert!(rejected, "{says:?}: {seen:?}");
            }
        }
    }

    #[test]
    fn e14_a_belt_that_stands_for_a_while_changes_nothing() {
        // The belt stands for so long when the first parcel has gone so far.
        for (at, ms) in [
            (1_000, 3_000),
            (3_700, 400),
            (5_400, 20_000),
            (7_450, 2_000),
        ] {
            let mut plant = Plant::new(0, Faults::default());
            for number in 1..=8 {
                if plant.travelled >= at && plant.waited_ms == 0 {
                    plant.waited_ms = ms;
                }
                plant.lay(number, 300, u16::try_from(number).unwrap());
                plant.run(900);
            }
            plant.drain();
            plant.assert_sound();
            assert_eq!(plant.sorted(), 8, "at {at} for {ms} ms");
        }
    }

    #[test]
    fn e15_after_a_stop_only_what_is_seen_again_is_diverted() {
        for moment in [500, 2_500, 4_500] {
            let mut plant = Plant::new(0, Faults::default());
            plant.lay(1, 300, 10);
            plant.run(moment);
            plant.tell(Event::Stop { active: true });
            plant.epoch = None;
            let before = strokes(&plant);
            plant.run(50);
            plant.tell(Event::Stop { active: false });
            plant.connect(2, false);
            assert_eq!(plant.line.status(), Status::Stopped, "only a person resets");
            plant.tell(Event::Operator {
                command: OperatorCommand::Reset,
            });
            plant.drain();
            plant.assert_sound();
            assert_eq!((before, plant.sorted()), (0, 1), "stopped at {moment}");
        }
    }

    #[test]
    fn e16_strokes_of_one_machine_never_cross() {
        // Chutes 3 and 4 are two sides of one machine. Gap in mm, and what becomes of the second.
        for (first, second, gap) in [(3, 3, 360), (3, 4, 360), (4, 3, 420), (3, 4, 600)] {
            let mut plant = Plant::new(0, Faults::default());
            plant.lay(1, 200, first);
            plant.run(200 + gap);
            plant.lay(2, 200, second);
            plant.drain();
            // That no stroke touches two parcels and none overlap is part of this.
            plant.assert_sound();
            assert_eq!(plant.sorted(), 2, "{first} {second} {gap}");
        }
    }

    #[test]
    fn e16_a_side_that_goes_back_late_keeps_the_other_away() {
        // The second stroke is sent before the end of the first, and begins shortly after it.
        for late_off in [0, 40, 100] {
            let mut plant = Plant::new(
                0,
                Faults {
                    late_off,
                    ..Faults::default()
                },
            );
            plant.lay(1, 200, 3);
            plant.run(800);
            plant.lay(2, 200, 4);
            plant.drain();
            plant.assert_sound();
            let laps = plant.line.counters().recirculations;
            assert_eq!(laps == 0, late_off < 100, "{laps} laps, late by {late_off}");
        }
    }

    #[test]
    fn e17_a_leap_too_small_to_be_doubted_keeps_the_sides_of_a_machine_apart() {
        for leap in [60, 90, 120] {
            let mut plant = Plant::new(0, Faults::default());
            plant.lay(1, 200, 3);
            plant.run(800);
            plant.lay(2, 200, 4);
            let done = |(_, event): &(_, Event)| {
                let done = |result: &StrokeResult| matches!(result, StrokeResult::Done { .. });
                matches!(event, Event::Stroke { result, .. } if done(result))
            };
            while !plant.events.iter().any(done) {
                plant.run(1);
            }
            plant.count = plant.count.offset(leap);
            plant.drain();
            plant.assert_sound();
        }
    }

    #[test]
    fn e17_a_count_that_is_not_believed_stops_diverting() {
        for jump in [-300_i32, -20, 700, 100_000] {
            let mut plant = Plant::new(0_u32.wrapping_sub(4_000), Faults::default());
            plant.lay(1, 300, 6);
            plant.run(2_500);
            plant.count = plant.count.offset(jump);
            plant.run(60);
            assert_eq!(plant.line.status(), Status::EncoderFault, "jump {jump}");
            let before = strokes(&plant);
            plant.run(1_000);
            assert_eq!(strokes(&plant), before, "jump {jump}");
            plant.run(8_000);
            assert_eq!(plant.line.status(), Status::Running, "jump {jump}");
            plant.lay(2, 300, 2);
            plant.drain();
            plant.assert_sound();
            assert!(matches!(outcome(&plant, 2), Some(Outcome::Sorted { .. })));
        }
    }

    #[test]
    fn e17_a_stroke_on_its_way_is_taken_back_when_the_count_is_not_believed() {
        let mut plant = Plant::new(0, Faults::default());
        plant.lay(1, 300, 6);
        plant.run(7_600);
        assert_eq!(strokes(&plant), 1);
        plant.count = plant.count.offset(-300);
        plant.drain();
        plant.assert_sound();
        let withdraw = |action: &&Action| {
            matches!(
                action,
                Action::Send {
                    command: Command::Withdraw { .. }
                }
            )
        };
        assert_eq!(plant.actions.iter().filter(withdraw).count(), 1);
        assert_eq!(plant.sorted(), 0);
    }

    #[test]
    fn e17_a_count_that_stands_at_once_is_not_believed() {
        // Parcels of one length at one distance, and the count loses nearly that while no photo-eye
        // behind induction is busy: induction takes two parcels for one.
        for before in 2..=4 {
            let mut plant = Plant::new(0, Faults::default());
            for number in 1..=12 {
                plant.lay(number, 150, u16::try_from(number).unwrap());
                plant.run(65);
                plant.stalled = false;
                plant.run(40);
                plant.stalled = number == before;
                plant.run(435);
            }
            plant.drain();
            plant.assert_sound();
        }
    }

    #[test]
    fn e18_a_jam_on_the_belt_pauses_inductions_until_it_is_cleared() {
        let mut plant = Plant::new(0, Faults::default());
        plant.run(100);
        let (eye, at) = (EyeId(3), plant.count);
        let edge = Edge::Blocked;
        plant.tell(Event::Eye { eye, edge, at });
        plant.run(9_000);
        let (edge, at) = (Edge::Clear, plant.count);
        plant.tell(Event::Eye { eye, edge, at });
        let levels: Vec<InductionLevel> = plant.actions.iter().filter_map(level).collect();
        assert_eq!(levels, [InductionLevel::Pause, InductionLevel::Normal]);
        assert!(raised(&plant, AlarmKind::Jam { eye }));
    }

    fn level(action: &Action) -> Option<InductionLevel> {
        if let Action::Induction { level } = action {
            Some(*level)
        } else {
            None
        }
    }

    #[test]
    fn e19_a_parcel_that_passes_is_no_full_chute() {
        // Its photo-eye is blocked for so many ms.
        for (ms, full) in [(200, false), (1_400, false), (1_600, true)] {
            let mut plant = Plant::new(0, Faults::default());
            plant.run(15);
            let (eye, at) = (EyeId(32), plant.count);
            plant.tell(Event::Eye {
                eye,
                edge: Edge::Blocked,
                at,
            });
            plant.run(ms * 1_500 / 1_000 + 30);
            assert_eq!(
                plant.line.chute_state(ChuteId(3)) == ChuteState::Full,
                full,
                "{ms} ms"
            );
        }
    }

    #[test]
    fn e20_laps_are_counted_by_cause_and_end() {
        for laps_max in [0, 1, 3] {
            let mut config = demo();
            config.parcel.laps_max = laps_max;
            let mut plant = Plant::on(Topology::new(config).unwrap(), 0, Faults::default());
            let (chute, state) = (ChuteId(3), ChuteState::Full);
            plant.tell(Event::Chute { chute, state });
            plant.lay(1, 300, 3);
            plant.drain();
            plant.assert_sound();
            let laps = recirculated_for(&plant, RejectCause::ChuteUnavailable);
            assert_eq!(laps, usize::from(laps_max));
            let expected = if laps_max == 0 {
                RejectCause::ChuteUnavailable
            } else {
                RejectCause::Laps
            };
            assert_eq!(causes(&plant), [expected]);
        }
    }

    #[test]
    fn e21_commands_of_an_old_epoch_are_not_repeated() {
        let mut plant = Plant::new(0, Faults::default());
        plant.lay(1, 300, 2);
        plant.run(3_850);
        assert_eq!(strokes(&plant), 1);
        // The node starts again: its queue is empty.
        plant.connect(7, false);
        plant.drain();
        plant.assert_sound();
        let epochs: Vec<u16> = plant.actions.iter().filter_map(epoch_of).collect();
        let old = epochs.iter().take_while(|epoch| **epoch == 1).count();
        assert!(
            epochs.iter().skip(old).all(|epoch| *epoch == 7),
            "{epochs:?}"
        );
        assert_eq!(plant.sorted(), 1);
    }

    fn epoch_of(action: &Action) -> Option<u16> {
        if let Action::Send {
            command: Command::Stroke { epoch, .. },
        } = action
        {
            Some(epoch.0)
        } else {
            None
        }
    }

    #[test]
    fn e21_what_the_node_saw_while_it_was_not_heard_is_caught_up() {
        // The link is away for so many ticks, and the controller starts anew, or not.
        for (away, restarts) in [(200, false), (1_500, false), (1_500, true)] {
            let mut plant = Plant::new(0, Faults::default());
            plant.lay(1, 300, 10);
            plant.run(1_500);
            let fault = NodeFault::Unreachable;
            plant.tell(Event::NodeDown { fault });
            plant.epoch = None;
            let heard = plant.silence(away);
            if restarts {
                plant.restart();
            }
            plant.connect(2, false);
            for event in heard {
                plant.tell(event);
            }
            plant.drain();
            plant.assert_sound();
            assert_eq!(plant.sorted(), 1, "away for {away}, restart {restarts}");
        }
    }

    #[test]
    fn e22_a_parcel_keeps_its_number_over_laps() {
        let mut plant = Plant::new(0, Faults::default());
        let (chute, full, ready) = (ChuteId(3), ChuteState::Full, ChuteState::Ready);
        plant.tell(Event::Chute { chute, state: full });
        plant.lay(1, 300, 3);
        plant.run(50_000);
        plant.tell(Event::Chute {
            chute,
            state: ready,
        });
        plant.drain();
        plant.assert_sound();
        assert_eq!(ids(&plant, 1).len(), 1);
        assert_eq!(plant.line.counters().inducted, 1);
        assert_eq!(outcome(&plant, 1), Some(Outcome::Sorted { chute }));
    }

    #[test]
    fn e23_a_plan_counts_from_induction_on() {
        // The plan changes when the first parcel has gone so far; the second comes after.
        for at in [400, 2_000, 3_500] {
            let mut plant = Plant::new(0, Faults::default());
            plant.lay(1, 300, 3);
            plant.run(at);
            let mut next = plan(&plant.config);
            next.version = "v2".into();
            plant.tell(Event::Plan { plan: next });
            plant.lay(2, 300, 4);
            plant.drain();
            plant.assert_sound();
            let of = |id: u64| {
                plant.actions.iter().find_map(|action| {
                    if let Action::Parcel {
                        parcel,
                        step: Step::Decided { plan, .. },
                    } = action
                    {
                        (parcel.0 == id).then(|| plan.clone())
                    } else {
                        None
                    }
                })
            };
            assert_eq!(
                (of(1), of(2)),
                (Some("v1".into()), Some("v2".into())),
                "{at}"
            );
        }
    }

    #[test]
    fn e24_the_time_at_which_something_is_handled_moves_nothing() {
        let mut plant = Plant::new(0, Faults::default());
        plant.shift(1, 12);
        plant.drain();
        for later_ms in [1, 400, 3_600_000] {
            let mut again = Line::new(plant.line.topology().clone(), plan(&plant.config));
            let mut actions = Vec::new();
            for (now, event) in &plant.events {
                again.handle_event(now.after_ms(later_ms), event);
                while let Some(action) = again.poll_action() {
                    actions.push(action);
                }
            }
            assert_eq!(actions, plant.actions, "{later_ms} ms later");
        }
    }

    #[test]
    fn e26_a_refused_stroke_is_told_and_its_parcel_goes_further() {
        for refusal in [Refusal::Late, Refusal::QueueFull, Refusal::Checksum] {
            let refuse = Some(refusal);
            let mut plant = Plant::new(
                0,
                Faults {
                    refuse,
                    ..Faults::default()
                },
            );
            plant.lay(1, 300, 3);
            plant.drain();
            plant.assert_sound();
            let told = steps(
                &plant,
                |step| matches!(step, Step::Aborted { refusal: Some(found), .. } if *found == refusal),
            );
            assert_eq!(told, 1, "{refusal:?}");
            assert_eq!(recirculated_for(&plant, RejectCause::Refused), 1);
            assert_eq!(plant.sorted(), 1);
        }
    }

    /// Three parcels whose destinations come a lap late, as the recirculation conveyor has them.
    fn go_round(faults: Faults) -> Plant {
        let slow = [(1, 30_000), (2, 30_000), (3, 30_000)].into();
        let mut plant = Plant::new(0, Faults { slow, ..faults });
        for number in 1..=3 {
            plant.lay(number, 200 + 100 * i64::from(number), 1);
            plant.run(1_100);
        }
        plant.drain();
        plant.assert_sound();
        plant
    }

    #[test]
    fn e22_who_comes_round_is_read_again() {
        let none = RejectCause::NoRead {
            reason: NoRead::NoFrame,
        };
        for (seen, laps) in [(true, 1), (false, 3)] {
            let mut plant = Plant::new(
                0,
                Faults {
                    stuck_at: [(1, 3)].into(),
                    ..Faults::default()
                },
            );
            plant.lay(1, 300, 3);
            plant.run(9_000);
            plant.faults.stuck_at.clear();
            plant.faults.no_frame.extend((!seen).then_some(1));
            plant.drain();
            plant.assert_sound();
            assert_eq!(plant.line.counters().recirculations, laps);
            assert_eq!(plant.sorted(), usize::from(seen));
            let expected = if seen { vec![] } else { vec![none] };
            assert_eq!(causes(&plant), expected, "known by order and length alone");
        }
    }

    #[test]
    fn e22_who_waits_behind_another_on_the_recirculation_conveyor_is_not_forgotten() {
        for stays in [3_000, 12_000, 20_000] {
            let plant = go_round(Faults {
                stays: [(1, stays)].into(),
                ..Faults::default()
            });
            let counters = plant.line.counters();
            let (inducted, lost) = (counters.inducted, counters.lost);
            assert_eq!((inducted, lost), (3, 0), "stays {stays}");
        }
    }

    #[test]
    fn e22_who_went_round_unseen_is_known_when_it_comes() {
        // The last one: an edge that is missing would else be taken to be its follower's.
        let plant = go_round(Faults {
            unseen: vec![3],
            ..Faults::default()
        });
        let counters = plant.line.counters();
        assert_eq!((counters.inducted, counters.recirculations), (3, 3));
        assert_eq!(plant.sorted(), 3);
    }

    #[test]
    fn e30_done_is_not_seen() {
        // The stroke is done, and nobody sees the parcel again: that is not sorted.
        let mut plant = Plant::new(0, Faults::default());
        plant.lay(1, 300, 3);
        plant.run(5_500);
        plant.faults.removed = [(1, 5_200)].into();
        plant.drain();
        plant.assert_sound();
        assert!(matches!(outcome(&plant, 1), Some(Outcome::Lost { .. })));
        let steps = plant.actions.iter().filter_map(|action| {
            if let Action::Parcel { step, .. } = action {
                Some(step)
            } else {
                None
            }
        });
        let disposition = sortline_core::Disposition::of(steps);
        assert_eq!(disposition.physical, sortline_core::Physical::Unverified);
    }

    #[test]
    fn modes_without_reading_use_their_chutes() {
        // Chutes of the plan for everything, in turn or not, and what the first six parcels get.
        let table = [
            (vec![4], false, [4, 4, 4, 4, 4, 4]),
            (vec![2, 5, 9], true, [2, 5, 9, 2, 5, 9]),
            (vec![2, 5], false, [2, 2, 2, 2, 2, 2]),
        ];
        for (chutes, spread, expected) in table {
            let mut plant = Plant::new(0, Faults::default());
            let everything = sortline_core::Everything {
                chutes: chutes.iter().copied().map(ChuteId).collect(),
                spread,
            };
            let version = String::from("all");
            let everything = Some(everything);
            plant.tell(Event::Plan {
                plan: SortPlan {
                    version,
                    everything,
                    ..SortPlan::default()
                },
            });
            plant.faults.no_frame = vec![2];
            for (number, chute) in (1..).zip(expected) {
                plant.lay(number, 300, chute);
                plant.run(1_200);
            }
            plant.drain();
            plant.assert_sound();
            assert_eq!(plant.sorted(), 6, "{chutes:?}");
            let of = |chute: u16| expected.iter().filter(|one| **one == chute).count();
            for view in plant.line.chutes() {
                let count = usize::try_from(view.count).unwrap();
                assert_eq!(count, of(view.chute.0), "{chutes:?} {}", view.chute);
            }
        }
    }

    #[test]
    fn a_chute_takes_no_more_length_than_it_holds() {
        let mut config = demo();
        config.chutes[2].capacity_mm = 1_000;
        let mut plant = Plant::on(Topology::new(config).unwrap(), 0, Faults::default());
        for number in 1..=4 {
            plant.lay(number, 400, 3);
            plant.run(1_000);
        }
        plant.run(18_000);
        // Two of 400 mm fit, a third does not.
        assert_eq!(plant.sorted(), 2);
        assert_eq!(plant.line.counters().recirculations, 2);
        let command = OperatorCommand::EmptyChute { chute: ChuteId(3) };
        plant.tell(Event::Operator { command });
        plant.drain();
        plant.assert_sound();
        assert_eq!(plant.sorted(), 4);
    }

    #[test]
    fn a_bag_is_closed_when_the_last_parcel_on_its_way_has_come() {
        // Closed when the parcel is far, committed, in the chute already.
        for (at, inside) in [(1_000, 0), (5_500, 1), (9_000, 1)] {
            let mut plant = Plant::new(0, Faults::default());
            plant.lay(1, 300, 3);
            plant.run(at);
            let chute = ChuteId(3);
            let command = OperatorCommand::CloseBag { chute };
            plant.tell(Event::Operator { command });
            plant.run(4_000);
            let closed: Vec<u32> = plant
                .actions
                .iter()
                .filter_map(|action| {
                    if let Action::BagClosed { parcels, .. } = action {
                        Some(*parcels)
                    } else {
                        None
                    }
                })
                .collect();
            assert_eq!(closed, [inside], "closed at {at}");
            assert_eq!(plant.line.chute_state(chute), ChuteState::Full);
            let command = OperatorCommand::EmptyChute { chute };
            plant.tell(Event::Operator { command });
            plant.drain();
            plant.assert_sound();
            assert_eq!(plant.sorted(), 1, "closed at {at}");
        }
    }

    #[test]
    fn induction_slows_down_and_stops_before_the_line_overflows() {
        let mut config = demo();
        config.parcel.in_flight_max = 10;
        let mut plant = Plant::on(Topology::new(config).unwrap(), 0, Faults::default());
        for number in 1..=16 {
            plant.lay(number, 300, 12);
            plant.run(800);
        }
        plant.drain();
        let levels: Vec<InductionLevel> = plant.actions.iter().filter_map(level).collect();
        assert_eq!(levels.first(), Some(&InductionLevel::Slow), "{levels:?}");
        assert!(levels.contains(&InductionLevel::Pause), "{levels:?}");
        assert_eq!(levels.last(), Some(&InductionLevel::Normal), "{levels:?}");
    }

    #[test]
    fn a_sequence_is_kept_and_a_missing_number_does_not_stop_it_for_ever() {
        // Numbers in the order of arrival, and whether all come into the chute in order.
        for order in [[1, 2, 3, 4], [2, 1, 3, 4], [4, 3, 2, 1]] {
            let mut plant = Plant::new(0, Faults::default());
            let mut sequence = plan(&plant.config);
            for rule in &mut sequence.rules {
                rule.sequence = true;
            }
            plant.tell(Event::Plan { plan: sequence });
            for (number, place) in (1..).zip(order) {
                plant.lay(number, 300, 3);
                plant.place.insert(number, place);
                plant.run(1_500);
            }
            plant.drain();
            plant.assert_sound();
            let mut seen: Vec<u32> = Vec::new();
            for action in &plant.actions {
                if let Action::Parcel {
                    parcel,
                    step:
                        Step::Ended {
                            outcome: Outcome::Sorted { .. },
                        },
                } = action
                {
                    seen.push(plant.place[&plant.names[parcel]]);
                }
            }
            assert!(seen.is_sorted(), "{order:?}: {seen:?}");
            assert!(seen.len() >= 3, "{order:?}: {seen:?}");
        }
    }
}
