//! Live conditions against networks whose tables say the same, and against a fresh compilation.
#![cfg(test)]

use sortline_route::generator::{Draw, Scale, tables};
use sortline_route::{
    Arrived, BadCondition, Change, Condition, DAY_MIN, Level, Minute, Network, Node, Planner,
    Query, Reach, Tables, Window,
};

const FROM: Minute = Minute(29_800_800);

/// The first sound network from a seed on.
fn small(seed: u64) -> Tables {
    let window = Window {
        from: FROM,
        to: FROM.after(21 * DAY_MIN),
    };
    let rows = |seed| tables(Scale { permille: 12, seed }, window);
    (seed * 100..seed * 100 + 100)
        .map(rows)
        .find(|rows| Network::new(rows).is_ok())
        .unwrap()
}

fn condition(id: usize, change: Change) -> Condition {
    Condition {
        id: format!("c{id}"),
        from: Minute(0),
        to: Minute(i32::MAX),
        change,
        reason: "a test".to_owned(),
    }
}

fn reached(network: &Network, from: Node) -> Vec<(String, Option<Minute>)> {
    let mut reach = Reach::new(network);
    reach.spread(network, from, FROM.after(DAY_MIN));
    network
        .nodes()
        .map(|(node, info)| (info.id.clone(), reach.at(node)))
        .collect()
}

/// Everything that a search reads.
fn fingerprint(network: &Network) -> Vec<(u32, Minute, Minute)> {
    let all = network.connections(500);
    all.map(|one| (one.leg, one.board_by, one.ready)).collect()
}

#[test]
fn cancelled_services_are_as_if_they_were_not_there() {
    for seed in 0..12 {
        let rows = small(seed);
        let mut network = Network::new(&rows).unwrap();
        let mut draw = Draw::new(seed);
        let gone: Vec<String> = (0..40)
            .map(|_| rows.services[draw.below(rows.services.len())].id.clone())
            .collect::<std::collections::BTreeSet<String>>()
            .into_iter()
            .collect();
        let conditions: Vec<Condition> = gone
            .iter()
            .enumerate()
            .map(|(index, service)| {
                let service = service.clone();
                condition(
                    index,
                    if index % 2 == 0 {
                        Change::Cancel { service }
                    } else {
                        Change::Full { service }
                    },
                )
            })
            .collect();
        let applied = network.set_conditions(&conditions).unwrap();
        assert!(applied.legs >= gone.len() && applied.changed == conditions.len());
        let mut without = rows.clone();
        without
            .services
            .retain(|service| !gone.contains(&service.id));
        let Ok(expected) = Network::new(&without) else {
            continue;
        };
        for place in rows.places.iter().take(4) {
            let from = network.find(&place.id).unwrap();
            let other = expected.find(&place.id).unwrap();
            assert_eq!(
                reached(&network, from),
                reached(&expected, other),
                "{seed} {}",
                place.id
            );
        }
    }
}

#[test]
fn conditions_that_go_leave_no_trace() {
    let rows = small(3);
    let mut network = Network::new(&rows).unwrap();
    let fresh = fingerprint(&network);
    let place = rows.places[0].id.clone();
    let mut draw = Draw::new(9);
    let mut in_force: Vec<Condition> = Vec::new();
    for round in 0..30 {
        let service = rows.services[draw.below(rows.services.len())].id.clone();
        let change = match round % 5 {
            0 => Change::Close {
                place: place.clone(),
            },
            1 => Change::Congestion {
                place: place.clone(),
                minutes: 300,
            },
            2 => Change::Delay {
                service,
                minutes: 700,
            },
            3 => Change::Cancel { service },
            _ => Change::Customs {
                territory: rows.places[0].territory.clone(),
                mode: None,
                minutes: 900,
            },
        };
        let mut next = condition(round, change);
        next.from = FROM.after(i32::try_from(draw.below(10) * 1_440).unwrap());
        next.to = next.from.after(2 * DAY_MIN);
        in_force.push(next);
        if in_force.len() > 6 {
            in_force.remove(draw.below(6));
        }
        network.set_conditions(&in_force).unwrap();
        // Step by step is the same as all at once.
        let mut other = Network::new(&rows).unwrap();
        other.set_conditions(&in_force).unwrap();
        assert_eq!(fingerprint(&network), fingerprint(&other), "round {round}");
    }
    assert_ne!(fingerprint(&network), fresh);
    network.set_conditions(&[]).unwrap();
    assert_eq!(fingerprint(&network), fresh);
}

#[test]
fn nothing_leaves_or_is_handled_while_a_place_is_closed() {
    let rows = small(4);
    let mut network = Network::new(&rows).unwrap();
    let (from, to) = (FROM.after(3 * DAY_MIN), FROM.after(5 * DAY_MIN));
    let place = network.find(&rows.places[0].id).unwrap();
    let mut closed = condition(
        0,
        Change::Close {
            place: rows.places[0].id.clone(),
        },
    );
    (closed.from, closed.to) = (from, to);
    network.set_conditions(&[closed]).unwrap();
    let handling: i32 = rows.places[0].handling_min.parse().unwrap();
    for one in network.connections(500) {
        if one.to == place {
            assert!(one.ready <= from.after(handling) || one.ready >= to.after(handling));
        }
    }
}

#[test]
fn touched_plans_are_replanned_and_say_why() {
    let rows = small(5);
    let mut network = Network::new(&rows).unwrap();
    let mut planner = Planner::new(&network);
    let nodes: Vec<Node> = network.nodes().map(|(node, _)| node).collect();
    let mut draw = Draw::new(1);
    let plans: Vec<_> = (0..400)
        .filter_map(|_| {
            let (from, to) = (
                nodes[draw.below(nodes.len())],
                nodes[draw.below(nodes.len())],
            );
            planner.plan(&network, from, FROM.after(2 * DAY_MIN), to)
        })
        .collect();
    let mut closed = condition(
        0,
        Change::Close {
            place: "A0000".to_owned(),
        },
    );
    closed.reason = "snow".to_owned();
    (closed.from, closed.to) = (FROM.after(2 * DAY_MIN), FROM.after(5 * DAY_MIN));
    network.set_conditions(&[closed]).unwrap();
    let mut touched = 0;
    for plan in &plans {
        let through = plan.from() == network.find("A0000").unwrap()
            || plan.nodes(&network).any(|node| network.id(node) == "A0000");
        let Some(replanned) = planner.replan(&network, plan) else {
            continue;
        };
        touched += 1;
        assert!(through, "only plans through the closed place are touched");
        assert!(replanned.why.contains("snow"), "{}", replanned.why);
        if let (Some(new), Some(kept)) = (&replanned.plan, replanned.kept) {
            assert!(new.arrive() <= kept && new.arrive() >= plan.arrive());
            let fresh = Planner::new(&network).plan(&network, plan.from(), plan.ready(), plan.to());
            assert_eq!(fresh.map(|plan| plan.arrive()), Some(new.arrive()));
        }
    }
    assert!(
        touched > 0 && touched < plans.len(),
        "{touched} of {}",
        plans.len()
    );
}

#[test]
fn what_is_left_of_a_plan_begins_where_the_parcel_is() {
    let network = Network::new(&small(3)).unwrap();
    let mut planner = Planner::new(&network);
    let nodes: Vec<Node> = network.nodes().map(|(node, _)| node).collect();
    let mut changes = 0;
    for (from, to) in nodes.iter().zip(nodes.iter().rev()).take(12) {
        let Some(plan) = planner.plan(&network, *from, FROM.after(2 * DAY_MIN), *to) else {
            continue;
        };
        assert_eq!(plan.rest(&network, plan.ready()), Some(plan.clone()));
        assert_eq!(plan.rest(&network, plan.arrive()), None);
        let mut at = plan.ready();
        while let Some(rest) = plan.rest(&network, at) {
            assert_eq!((rest.to(), rest.arrive()), (plan.to(), plan.arrive()));
            assert!(rest.ready() >= at && rest.legs() <= plan.legs());
            let begins = plan.legs() - rest.legs();
            let mut passed = std::iter::once(*from).chain(plan.nodes(&network));
            assert_eq!(passed.nth(begins), Some(rest.from()));
            // A plan of earliest arrivals stays one on the way.
            let again = planner.plan(&network, rest.from(), rest.ready(), rest.to());
            assert_eq!(again.map(|plan| plan.arrive()), Some(plan.arrive()));
            changes += usize::from(begins > 0);
            at = at.after(30);
        }
    }
    assert!(changes > 0);
}

/// Conditions that cannot be taken, each with the field that is wrong.
fn bad(service: &str) -> Vec<(Condition, &'static str)> {
    let service = service.to_owned();
    let close = |place: &str| Change::Close {
        place: place.to_owned(),
    };
    let mut backwards = condition(1, close("A0000"));
    backwards.to = Minute(-1);
    let nowhere = Change::Customs {
        territory: "??".to_owned(),
        mode: None,
        minutes: 5,
    };
    vec![
        (condition(1, close("NOWHERE")), "place"),
        (
            condition(
                1,
                Change::Cancel {
                    service: "NONE".to_owned(),
                },
            ),
            "service",
        ),
        (
            condition(
                1,
                Change::Delay {
                    service,
                    minutes: -5,
                },
            ),
            "minutes",
        ),
        (condition(1, nowhere), "territory"),
        (backwards, "to"),
    ]
}

#[test]
fn bad_conditions_change_nothing() {
    let rows = small(6);
    let mut network = Network::new(&rows).unwrap();
    let before = fingerprint(&network);
    let good = condition(
        0,
        Change::Close {
            place: "A0000".to_owned(),
        },
    );
    for (bad, expected) in bad(&rows.services[0].id) {
        let error: BadCondition = network.set_conditions(&[good.clone(), bad]).unwrap_err();
        assert_eq!((error.field, error.id.as_str()), (expected, "c1"));
        assert_eq!(fingerprint(&network), before);
    }
    let error = network.set_conditions(&[good.clone(), good]).unwrap_err();
    assert_eq!(error.field, "id");
}

/// Runs of a service that are all so late.
fn runs(service: &str, late: &[i32]) -> Vec<Arrived> {
    let one = |(index, late_min): (i32, &i32)| Arrived {
        service: service.to_owned(),
        departed: FROM.after(index * DAY_MIN),
        weather: 0,
        late_min: *late_min,
    };
    (0..).zip(late).map(one).collect()
}

/// Services of a mode.
fn of_mode<'a>(rows: &'a Tables, mode: &str) -> Vec<&'a str> {
    let services = rows.services.iter().filter(|service| service.mode == mode);
    services.map(|service| service.id.as_str()).collect()
}

#[test]
fn delays_are_learnt_but_few_runs_hardly_count() {
    let rows = small(7);
    let network = Network::new(&rows).unwrap();
    let air = of_mode(&rows, "air");
    let mut all = runs(air[0], &[240; 2]);
    all.extend(runs(air[1], &[240; 400]));
    all.extend(runs("NO-SUCH-SERVICE", &[240; 9]));
    let model = network.learn(&all);
    assert_eq!((model.learnt.len(), model.runs), (2, 402));
    let one = |id: &str| model.learnt.iter().find(|one| one.service == id).unwrap();
    assert!(one(air[1]).shrunk > 0.97, "{model:?}");
    assert!(one(air[0]).shrunk < one(air[1]).shrunk, "{model:?}");
    assert!(
        model
            .learnt
            .iter()
            .all(|one| (one.observed - 1.0).abs() < 1e-9)
    );
    let again = network.learn(&all);
    assert_eq!(model, again, "the same runs give the same model");
}

#[test]
fn a_model_stays_out_when_it_predicts_worse() {
    let rows = small(7);
    let network = Network::new(&rows).unwrap();
    let air = of_mode(&rows, "air")[0];
    // Steadily an hour late: what is learnt beats the settings.
    let steady = runs(air, &[60; 400]);
    let trial = network.trial(None, &steady);
    assert!(trial.better, "{trial:?}");
    // Three quarters nonsense, then as the settings say: what was learnt must not be used.
    let mut spoilt = vec![1_200; 300];
    spoilt.extend([20; 100]);
    let trial = network.trial(None, &runs(air, &spoilt));
    assert!(!trial.better, "{trial:?}");
    assert!(
        trial.candidate.loss_min > 2.0 * trial.served.loss_min,
        "{trial:?}"
    );
}

#[test]
fn a_model_comes_when_better_and_goes_when_worse() {
    use sortline_route::lifecycle::{Lifecycle, State, Verdict};
    let rows = small(7);
    let network = Network::new(&rows).unwrap();
    let air = of_mode(&rows, "air")[0];
    let mut all = runs(air, &[90; 499]);
    let mut life = Lifecycle::default();
    assert_eq!(life.look(&network, &all), Verdict::Wait);
    all.extend(runs(air, &[90; 101]));
    let adopted = life.look(&network, &all);
    assert!(
        matches!(adopted, Verdict::Adopted { runs: 600, .. }),
        "{adopted:?}"
    );
    // The world goes back to what the settings say: drift first, then the old model.
    all.extend(runs(air, &[5, 20, 60].repeat(50)));
    assert_eq!(life.look(&network, &all), Verdict::Wait);
    all.extend(runs(air, &[5, 20, 60].repeat(50)));
    let kept = life.state();
    let gone = life.look(&network, &all);
    assert!(matches!(gone, Verdict::RolledBack { .. }), "{gone:?}");
    assert!(life.served().is_none());
    assert_eq!(
        life.look(&network, &all),
        Verdict::Wait,
        "not the same again at once"
    );
    // A restart before the last look comes to the same.
    let mut again = Lifecycle::resume(&network, kept, &all);
    assert_eq!(again.look(&network, &all), gone);
    assert_eq!(again.state(), life.state());
    let fresh = Lifecycle::resume(&network, State::default(), &all);
    assert!(fresh.served().is_none());
}

#[test]
fn drift_is_told_before_a_model_goes() {
    use sortline_route::lifecycle::Lifecycle;
    let rows = small(7);
    let network = Network::new(&rows).unwrap();
    let air = of_mode(&rows, "air")[0];
    let mut all = runs(air, &[80, 100].repeat(300));
    let mut life = Lifecycle::default();
    life.look(&network, &all);
    assert_eq!(life.drift(), None);
    // Much later than ever: worse for both, so the newer model stays, and says so.
    all.extend(runs(air, &[400, 900].repeat(110)));
    life.look(&network, &all);
    assert!(life.served().is_some());
    assert!(
        life.drift().is_some_and(|ratio| ratio > 2.0),
        "{:?}",
        life.drift()
    );
}

#[test]
fn weather_is_learnt_and_lowers_probabilities() {
    let rows = small(7);
    let mut network = Network::new(&rows).unwrap();
    let air = of_mode(&rows, "air");
    let mut all = Vec::new();
    for service in air.iter().take(20) {
        for mut run in runs(service, &[10, 30, 20, 40, 15, 25]) {
            all.push(run.clone());
            run.weather = 2;
            run.late_min *= 5;
            all.push(run);
        }
    }
    let model = std::sync::Arc::new(network.learn(&all));
    network.use_model(Some(model));
    let hub = network.find("A0000").unwrap();
    let to = network.nodes().last().unwrap().0;
    let query = Query {
        from: hub,
        to,
        ready: FROM.after(DAY_MIN),
        weight_g: 500,
        level: Level::Express,
        promise: None,
        options: 1,
    };
    let before = network.options(&query).remove(0);
    let chance = |network: &Network| network.on_time(&before, query.ready, before.arrive.after(60));
    let calm = chance(&network);
    let weather = |place: &str| Change::Weather {
        place: place.to_owned(),
        level: 3,
    };
    let fingerprint_before = fingerprint(&network);
    let storms = before
        .legs
        .iter()
        .enumerate()
        .map(|(index, leg)| condition(index, weather(network.id(leg.from))));
    let storms: Vec<Condition> = storms.collect();
    network.set_conditions(&storms).unwrap();
    assert_eq!(
        fingerprint(&network),
        fingerprint_before,
        "no timetable changes"
    );
    assert!(
        chance(&network) < calm - 0.05,
        "{calm} {}",
        chance(&network)
    );
    network.set_conditions(&[]).unwrap();
    assert!((chance(&network) - calm).abs() < 1e-12);
}
