//! Line shapes: each with all the faults it knows, and nothing goes astray.

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sortline_core::topology::Topology;
    use sortline_sim::harness::{Report, Scenario, run, survey};

    fn load(name: &str) -> Scenario {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/scenarios");
        Scenario::load(&folder.join(format!("{name}.toml"))).unwrap()
    }

    fn is_sound(report: &Report) {
        let named = (&report.scenario, report.seed);
        assert_eq!(report.violations, [], "{named:?}");
        assert_eq!((report.missort, report.on_belt), (0, 0), "{named:?}");
    }

    #[test]
    fn every_shape_sorts_in_a_bad_month_and_misroutes_nothing() {
        // The least share that is sorted, in percent.
        let shapes = [
            ("loop", 95),
            ("merge", 90),
            ("pusher", 90),
            ("pop-up", 90),
            ("swing-arm", 80),
            ("shoe", 90),
            ("hub", 95),
        ];
        for (name, least) in shapes {
            let scenario = load(name);
            for seed in [3, 4] {
                let report = run(&scenario, seed, Some(600), &mut |_| ());
                is_sound(&report);
                let sorted = report.sorted * 100 / report.inducted.max(1);
                assert!(sorted >= least, "{name} {seed}: {sorted} % sorted");
            }
        }
    }

    #[test]
    fn three_hundred_chutes_take_twenty_thousand_parcels_an_hour() {
        let scenario = load("center");
        let report = run(&scenario, 1, Some(8_000), &mut |_| ());
        is_sound(&report);
        assert!(report.parcels_per_hour >= 19_000, "{report:?}");
        // One in a thousand is rejected in such a month; two here at most.
        assert!(report.rejected * 500 <= report.inducted, "{report:?}");
        let sorts = |chute: &u16| *chute % 1_000 <= 30;
        let used = report
            .in_chute
            .iter()
            .filter(|(chute, n)| sorts(chute) && **n > 0);
        assert_eq!(used.count(), 300);
        let again = run(&scenario, 1, Some(8_000), &mut |_| ());
        assert_eq!(again, report);
    }

    #[test]
    fn a_loop_without_faults_sorts_everything_on_its_carriers() {
        let mut scenario = load("loop");
        scenario.plant.faults_ppm = sortline_sim::plant::FaultRates::default();
        let report = run(&scenario, 1, Some(1_000), &mut |_| ());
        is_sound(&report);
        assert_eq!((report.sorted, report.rejected), (1_000, 0));
        assert!(
            report.disagreements.is_empty(),
            "{:?}",
            report.disagreements
        );
    }

    #[test]
    fn a_survey_finds_what_the_line_is_really_like() {
        let mut scenario = load("nominal");
        scenario.plant.faults_ppm = sortline_sim::plant::FaultRates::default();
        // The drawing says otherwise: an encoder of 1 % more, eyes and a camera that stand
        // elsewhere, and a diverter that takes longer.
        let written = scenario.topology.config().clone();
        let mut line = written.clone();
        line.belt.um_per_tick = 1_010;
        line.eyes[1].position_mm += 35;
        line.eyes[4].position_mm -= 42;
        line.cameras[1].position_mm += 120;
        line.diverters[0].extend_ms += 40;
        line.diverters[5].extend_ms -= 30;
        scenario.topology = Topology::new(line.clone()).unwrap();
        let found = survey(&scenario, Topology::new(written).unwrap(), 5, 400);
        let near = |found: i64, real: u32, within: i64, what: &str| {
            let real = i64::from(real);
            assert!(
                (found - real).abs() <= within,
                "{what}: {found}, really {real}"
            );
        };
        near(found.um_per_tick.unwrap().into(), 1_010, 3, "um_per_tick");
        for eye in &line.eyes[1..8] {
            near(found.eyes[&eye.id].found, eye.position_mm, 25, &eye.name);
        }
        for camera in &line.cameras {
            near(
                found.cameras[&camera.id].found,
                camera.position_mm,
                30,
                &camera.name,
            );
        }
        assert_eq!(found.diverters.len(), line.diverters.len());
        for diverter in &line.diverters {
            near(
                found.diverters[&diverter.id].found,
                diverter.extend_ms,
                20,
                &diverter.name,
            );
        }
    }

    #[test]
    fn both_inductions_bring_their_share() {
        let mut scenario = load("merge");
        scenario.plant.faults_ppm = sortline_sim::plant::FaultRates::default();
        let both = run(&scenario, 1, Some(800), &mut |_| ());
        is_sound(&both);
        scenario.plant.merging.clear();
        let one = run(&scenario, 1, Some(800), &mut |_| ());
        is_sound(&one);
        assert!(both.parcels_per_hour * 10 >= one.parcels_per_hour * 15);
    }
}
