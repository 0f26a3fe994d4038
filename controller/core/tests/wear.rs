//! The watch over a line's parts, with changes of known size.

#[cfg(test)]
mod tests {
    use sortline_core::commission::{Finding, Part, Wear};
    use sortline_core::topology::Topology;
    use sortline_core::{
        Action, ChuteId, DiverterId, EyeId, LineTime, Outcome, ParcelId, Seq, Step, Ticks,
    };

    fn topology() -> Topology {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/demo/line.toml");
        Topology::new(toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()).unwrap()
    }

    /// Real places of photo-eyes 0 to 7, ticks per metre, and ms into the chute.
    struct Truth {
        places: [i64; 8],
        ticks_per_m: i64,
        transit_ms: u64,
    }

    fn truth() -> Truth {
        Truth {
            places: [0, 3_000, 5_000, 7_000, 9_000, 11_000, 13_000, 15_000],
            ticks_per_m: 1_000,
            transit_ms: 450,
        }
    }

    /// Parcels pass, each with some scatter, and fall into chute 1.
    fn pass(wear: &mut Wear, truth: &Truth, parcels: std::ops::Range<u32>) {
        for number in parcels {
            let parcel = ParcelId(number.into());
            let start = Ticks(number.wrapping_mul(40_000).wrapping_sub(1_000_000));
            let now = LineTime(u64::from(number) * 30_000_000);
            let mut tell = |now, step| wear.handle_action(now, &Action::Parcel { parcel, step });
            for (eye, place) in (0_u16..).zip(truth.places) {
                let scatter = i64::from(number.wrapping_mul(2_654_435_761) >> 29) - 3;
                let way = place * truth.ticks_per_m / 1_000 + if eye == 0 { 0 } else { scatter };
                let at = start.offset(i32::try_from(way).unwrap());
                let eye = EyeId(eye);
                if eye.0 == 0 {
                    tell(now, Step::Inducted { eye, at, lap: 0 });
                } else {
                    let error_ticks = 0;
                    tell(
                        now,
                        Step::Seen {
                            eye,
                            at,
                            error_ticks,
                        },
                    );
                }
            }
            let (seq, diverter, at) = (Seq(1), DiverterId(0), start);
            tell(
                now,
                Step::Commanded {
                    seq,
                    diverter,
                    fire_at: at,
                },
            );
            tell(now, Step::Fired { seq, at });
            let jitter = u64::from(number % 7) * 5;
            let outcome = Outcome::Sorted { chute: ChuteId(1) };
            tell(
                now.after_ms(truth.transit_ms + jitter),
                Step::Ended { outcome },
            );
        }
    }

    fn found(after: &Truth) -> Vec<Finding> {
        let mut wear = Wear::new(topology());
        pass(&mut wear, &truth(), 0..400);
        assert_eq!(wear.findings(), [], "nothing has changed yet");
        pass(&mut wear, after, 400..1_200);
        wear.findings()
    }

    fn near(found: &[Finding], part: Part, change: i64, within: i64) {
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].part, part);
        assert!((found[0].change - change).abs() <= within, "{found:?}");
    }

    #[test]
    fn a_diverter_tells_how_long_its_parcels_take() {
        let mut wear = Wear::new(topology());
        pass(&mut wear, &truth(), 0..150);
        let [times] = &wear.diverters()[..] else {
            panic!("{:?}", wear.diverters());
        };
        assert_eq!((times.diverter, times.parcels), (DiverterId(0), 150));
        assert!((440..480).contains(&times.mean_ms), "{times:?}");
        assert_eq!(times.change_ms, None);
        let near: u32 = times.classes[8..11].iter().sum();
        assert_eq!(near, 150, "400 to 550 ms: {times:?}");
        let slower = Truth {
            transit_ms: 5_000,
            ..truth()
        };
        pass(&mut wear, &slower, 150..400);
        let times = wear.diverters().remove(0);
        assert_eq!(times.classes.iter().sum::<u32>(), 400);
        assert_eq!(times.classes[23], 250, "what took longer is in the last");
        assert!(
            times.change_ms.is_some_and(|change| change > 1_000),
            "{times:?}"
        );
    }

    #[test]
    fn a_line_that_stays_as_it_is_has_no_findings() {
        assert_eq!(found(&truth()), []);
    }

    #[test]
    fn a_photo_eye_that_moved_is_named() {
        for (index, by) in [(1, 20), (3, -25), (6, 14)] {
            let mut after = truth();
            after.places[index] += by;
            let eye = EyeId(u16::try_from(index).unwrap());
            near(&found(&after), Part::Eye { eye }, by, 3);
        }
    }

    #[test]
    fn a_belt_that_slips_is_named_with_its_zone() {
        let mut after = truth();
        // From photo-eye 4 on parcels lag: they come later everywhere behind.
        for place in &mut after.places[4..] {
            *place += 30;
        }
        near(&found(&after), Part::Belt { before: EyeId(4) }, 30, 3);
    }

    #[test]
    fn a_worn_encoder_wheel_is_named() {
        for ticks_per_m in [1_008, 990] {
            let after = Truth {
                ticks_per_m,
                ..truth()
            };
            let ppm = (ticks_per_m - 1_000) * 1_000;
            near(&found(&after), Part::Encoder, ppm, 1_000);
        }
    }

    #[test]
    fn a_diverter_that_gets_slow_is_named() {
        let after = Truth {
            transit_ms: 530,
            ..truth()
        };
        let diverter = DiverterId(0);
        near(&found(&after), Part::Diverter { diverter }, 80, 8);
    }
}
