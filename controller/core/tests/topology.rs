//! Lines and sort plans that must be refused, each with the key it is refused for.

#[cfg(test)]
mod demo;

use demo::{demo, plan, topology};
use sortline_core::topology::{ChuteKind, EyeRole, LineConfig, Side, Topology};
use sortline_core::{
    CameraId, ChuteId, Destination, DestinationSource, DiverterId, EyeId, Permille, PlanError,
    PlanMatch, Rule, SortPlan,
};

#[test]
fn the_demonstration_line_is_taken() {
    let topology = topology();
    assert_eq!(topology.reject(), ChuteId(99));
    assert_eq!(topology.recirculation(), Some(ChuteId(90)));
    assert_eq!(
        topology.diverter_of(ChuteId(4)).map(|one| one.id),
        Some(DiverterId(3))
    );
    assert_eq!(topology.diverter_of(ChuteId(99)), None);
    assert_eq!(
        topology.confirm_eye(ChuteId(99)).map(|eye| eye.id),
        Some(EyeId(23))
    );
    assert_eq!(
        topology.full_eye(ChuteId(12)).map(|eye| eye.id),
        Some(EyeId(41))
    );
    assert_eq!(topology.full_eye(ChuteId(90)), None);
    assert_eq!((topology.ticks(300), topology.mm(-300)), (300, -300));
    assert_eq!(topology.ticks_in_ms(100), 150);
}

#[cfg(test)]
mod refused {
    use super::*;

    /// A change of the demonstration line, and the one key it must be refused for.
    type Case = (&'static str, &'static str, fn(&mut LineConfig));

    const CASES: &[Case] = &[
        ("id", "Line 1", |line| {
            line.id = "Line 1".into();
        }),
        ("belt.speed_mm_per_s", "found 99", |line| {
            line.belt.speed_mm_per_s = 99;
        }),
        ("belt.um_per_tick", "found 10001", |line| {
            line.belt.um_per_tick = 10_001;
        }),
        ("belt.recirculation_mm", "found 0", |line| {
            line.belt.recirculation_mm = 0;
        }),
        ("parcel.length_mm_min", "found 29", |line| {
            line.parcel.length_mm_min = 29;
        }),
        ("parcel.length_mm_max", "found 90", |line| {
            line.parcel.length_mm_max = 90;
        }),
        ("parcel.gap_mm_min", "285 or more", |line| {
            line.parcel.gap_mm_min = 250;
        }),
        ("parcel.laps_max", "found 21", |line| {
            line.parcel.laps_max = 21;
        }),
        ("tracking.window_mm", "at most 220", |line| {
            line.tracking.window_mm = 221;
        }),
        ("tracking.command_ms", "found 10", |line| {
            line.tracking.command_ms = 10;
        }),
        ("tracking.jam_ms", "found 0", |line| {
            line.tracking.jam_ms = 0;
        }),
        ("tracking.failed_strokes_max", "found 0", |line| {
            line.tracking.failed_strokes_max = 0;
        }),
        ("eye[0].position_mm", "found 10", |line| {
            line.eyes[0].position_mm = 10;
        }),
        ("eye", "found 0 of role induct at position 0", |line| {
            line.eyes.remove(0);
        }),
        ("eye[2].id", "found 1", |line| {
            line.eyes[2].id = EyeId(1);
        }),
        ("eye[2].id", "0 to 1023", |line| {
            line.eyes[2].id = EyeId(1_024);
        }),
        ("eye[2].position_mm", "3000 has photo-eye 1", |line| {
            line.eyes[2].position_mm = 3_299;
        }),
        ("eye[2].position_mm", "1 to 17500", |line| {
            line.eyes[2].position_mm = 17_501;
        }),
        ("eye[2].chute", "allowed is none", |line| {
            line.eyes[2].chute = Some(ChuteId(1));
        }),
        ("eye[22].chute", "missing", |line| {
            line.eyes[22].chute = None;
        }),
        ("eye[22].chute", "the chutes of this line", |line| {
            line.eyes[22].chute = Some(ChuteId(50));
        }),
        ("eye[23].chute", "photo-eye 30 watches", |line| {
            line.eyes[23].chute = Some(ChuteId(1));
        }),
        ("camera[1].id", "found 0", |line| {
            line.cameras[1].id = CameraId(0);
        }),
        ("camera[0].position_mm", "allowed is 610", |line| {
            line.cameras[0].position_mm = 609;
        }),
        ("diverter[1].id", "found 0", |line| {
            line.diverters[1].id = DiverterId(0);
        }),
        ("diverter[12].id", "0 to 511", |line| {
            line.diverters[12].id = DiverterId(512);
        }),
        ("diverter[12].position_mm", "14000 or more", |line| {
            line.diverters[12].position_mm = 13_000;
        }),
        ("diverter[12].position_mm", "to 17350", |line| {
            line.diverters[12].position_mm = 17_351;
        }),
        ("diverter[12].position_mm", "diverter 10 stands", |line| {
            line.diverters[12].position_mm = 14_200;
        }),
        ("diverter[12].hold_ms_max", "823 or more", |line| {
            line.diverters[12].hold_ms_max = 822;
        }),
        ("diverter[12].opposite", "itself", |line| {
            line.diverters[12].opposite = Some(DiverterId(12));
        }),
        (
            "diverter[12].opposite",
            "the diverters of this line",
            |line| {
                line.diverters[12].opposite = Some(DiverterId(20));
            },
        ),
        ("diverter[12].opposite", "in return", |line| {
            line.diverters[12].opposite = Some(DiverterId(0));
        }),
        ("diverter[0].opposite", "same side", |line| {
            line.diverters[0].side = Side::Right;
        }),
        ("diverter[12].chute", "the chutes of this line", |line| {
            line.diverters[12].chute = ChuteId(50);
        }),
        ("chute[1].id", "found 1", |line| {
            line.chutes[1].id = ChuteId(1);
        }),
        ("chute[0].confirm_ms_min", "at most", |line| {
            line.chutes[0].confirm_ms_min = 1_201;
        }),
        ("chute[0].confirm_ms_max", "1 to 60000", |line| {
            line.chutes[0].confirm_ms_max = 60_001;
        }),
        ("chute", "found 0 of kind reject", |line| {
            line.chutes[13].kind = ChuteKind::Sort;
        }),
        ("chute", "found 2 of kind recirculation", |line| {
            line.chutes[0].kind = ChuteKind::Recirculation;
        }),
        ("chute[0].id", "named by 2 diverters", |line| {
            line.diverters[1].chute = ChuteId(1);
        }),
        ("chute[13].id", "allowed is none", |line| {
            line.diverters[12].chute = ChuteId(99);
        }),
        ("chute[0].id", "no photo-eye of role confirm", |line| {
            line.eyes
                .retain(|eye| eye.role != EyeRole::Confirm || eye.chute != Some(ChuteId(1)));
        }),
    ];

    #[test]
    fn every_rule_is_refused_with_its_key() {
        for (key, text, change) in CASES {
            let mut config = demo();
            change(&mut config);
            let problems = Topology::new(config).unwrap_err();
            let hit = problems
                .iter()
                .any(|one| one.key == *key && one.problem.contains(text));
            assert!(hit, "{key}, {text}: {problems:#?}");
            assert!(
                problems.iter().all(|one| one.problem.contains("allowed")),
                "{problems:#?}"
            );
        }
    }
}

fn rule(name: &str, country: Option<&str>, prefix: Option<&str>, chutes: &[u16]) -> Rule {
    Rule {
        name: name.into(),
        country: country.map(Into::into),
        postcode_prefix: prefix.map(Into::into),
        chutes: chutes.iter().copied().map(ChuteId).collect(),
        ..Rule::default()
    }
}

fn problems(rules: Vec<Rule>) -> Vec<String> {
    let plan = SortPlan {
        version: "v".into(),
        rules,
        ..SortPlan::default()
    };
    let found = plan.verify(&topology()).err().unwrap_or_default();
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn plans_are_checked_against_the_line() {
    assert_eq!(plan(&demo()).verify(&topology()), Ok(()));
    let good = vec![
        rule("a", Some("DE"), Some("1"), &[1]),
        rule("b", Some("DE"), None, &[2]),
    ];
    assert_eq!(problems(good), Vec::<String>::new());
    let hidden = vec![
        rule("a", Some("DE"), None, &[1]),
        rule("b", Some("DE"), Some("1"), &[2]),
    ];
    assert_eq!(
        problems(hidden),
        ["rule `b` is never reached: `a` matches first"]
    );
    let names = vec![
        rule("a", Some("DE"), None, &[1]),
        rule("a", Some("FR"), None, &[]),
    ];
    assert_eq!(
        problems(names),
        ["two rules are named `a`", "rule `a` has no chute"]
    );
    let unknown = vec![rule("a", None, None, &[1, 77])];
    assert_eq!(
        problems(unknown),
        ["a names chute 77, which the line does not have"]
    );
    let elsewhere = SortPlan {
        overflow: Some(ChuteId(50)),
        ..SortPlan::default()
    };
    let place = String::from("overflow");
    let expected = vec![PlanError::UnknownChute {
        place,
        chute: ChuteId(50),
    }];
    assert_eq!(elsewhere.verify(&topology()), Err(expected));
}

#[test]
fn the_first_matching_rule_decides() {
    let mut by_hop = rule("hop", None, None, &[5]);
    by_hop.hop = Some("de-fra".into());
    let rules = vec![
        rule("near", Some("DE"), Some("10"), &[1]),
        by_hop,
        rule("all", Some("DE"), None, &[2]),
    ];
    let plan = SortPlan {
        version: "v".into(),
        rules,
        ..SortPlan::default()
    };
    let found = |country: &str, postcode: Option<&str>, hop: Option<&str>| {
        let destination = Destination {
            country: country.into(),
            postcode: postcode.map(Into::into),
            source: DestinationSource::Manifest,
            confidence: Permille::ONE,
        };
        let wanted = PlanMatch {
            destination: &destination,
            hop,
        };
        plan.lookup(&wanted).map(|rule| rule.name.clone())
    };
    assert_eq!(found("DE", Some("10115"), None).as_deref(), Some("near"));
    assert_eq!(
        found("DE", Some("10115"), Some("de-fra")).as_deref(),
        Some("near")
    );
    assert_eq!(found("DE", None, Some("de-fra")).as_deref(), Some("hop"));
    assert_eq!(found("DE", None, None).as_deref(), Some("all"));
    assert_eq!(found("FR", None, None), None);
}

#[cfg(test)]
mod shapes {
    use super::*;
    use sortline_core::topology::{Carriers, LineConfig};

    fn shape(name: &str) -> LineConfig {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/shapes/");
        let text = std::fs::read_to_string(format!("{folder}{name}/line.toml")).unwrap();
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn every_shape_is_taken() {
        for name in [
            "loop",
            "hub",
            "merge",
            "pop-up",
            "pusher",
            "shoe",
            "swing-arm",
        ] {
            let found = Topology::new(shape(name));
            assert!(found.is_ok(), "{name}: {:?}", found.err());
        }
    }

    type Change = (
        &'static str,
        &'static str,
        &'static str,
        fn(&mut LineConfig),
    );

    #[test]
    fn what_loops_and_merges_must_not_be_is_refused_with_its_key() {
        let table: [Change; 9] = [
            ("loop", "carriers.count", "as long as belt", |line| {
                line.belt.recirculation_mm += 600;
            }),
            (
                "loop",
                "carriers.pitch_mm",
                "whole number of ticks",
                |line| {
                    line.belt.um_per_tick = 700;
                },
            ),
            ("loop", "parcel.length_mm_max", "on one carrier", |line| {
                line.parcel.length_mm_max = 561;
            }),
            ("loop", "eye", "of role origin", |line| {
                line.eyes.retain(|eye| eye.role != EyeRole::Origin);
            }),
            ("loop", "eye", "behind the last diverter", |line| {
                line.eyes.retain(|eye| eye.position_mm != 60_000);
            }),
            ("loop", "diverter[0].extend_ms", "half a carrier", |line| {
                line.diverters[0].extend_ms = 150;
            }),
            ("merge", "carriers.count", "makes a loop", |line| {
                line.carriers = Some(Carriers {
                    pitch_mm: 600,
                    count: 20,
                });
            }),
            ("merge", "eye[1].position_mm", "found 1500", |line| {
                line.eyes[1].position_mm = 1_500;
            }),
            (
                "merge",
                "eye[2].position_mm",
                "behind the induction",
                |line| {
                    line.eyes[1].position_mm = 4_000;
                },
            ),
        ];
        for (name, key, problem, change) in table {
            let mut line = shape(name);
            change(&mut line);
            let errors = Topology::new(line).unwrap_err();
            let named = |error: &&sortline_core::topology::TopologyError| {
                error.key == key && error.problem.contains(problem)
            };
            assert!(
                errors.iter().any(|error| named(&error)),
                "{name} {key}: {errors:#?}"
            );
        }
    }
}
