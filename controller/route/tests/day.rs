//! A small day in simulation: the same for the same seed, whole, and with the order expected.
#![cfg(test)]

use sortline_route::day::{Day, Way, simulate};
use sortline_route::generator::{Scale, tables};
use sortline_route::weeks::{self, Sky, Weeks};
use sortline_route::{DAY_MIN, Kind, Minute, Network, Node, NodeInfo, Window};

const FROM: Minute = Minute(29_802_240);

#[test]
fn a_day_is_repeatable_and_keeps_promises_at_less_cost() {
    let window = Window {
        from: FROM,
        to: FROM.after(24 * DAY_MIN),
    };
    let made = |seed| Network::new(&tables(Scale { permille: 15, seed }, window)).ok();
    let mut network = (11..60).find_map(made).unwrap();
    let hub = network
        .nodes()
        .find(|(_, info)| info.kind == Some(Kind::Airport));
    let day = Day {
        origin: hub.unwrap().0,
        from: FROM.after(DAY_MIN),
        parcels: 4_000,
        disruptions: 60,
        seed: 3,
    };
    let results = simulate(&mut network, &day).unwrap();
    assert_eq!(results, simulate(&mut network, &day).unwrap());
    assert!(network.conditions().is_empty());
    let of = |way| results.iter().find(|(each, _)| *each == way).unwrap().1;
    for (way, fared) in &results {
        assert_eq!(fared.parcels, 4_000, "{}", way.name());
        assert!(fared.on_time + fared.never <= fared.parcels);
    }
    assert!(
        of(Way::Sortline).on_time >= of(Way::Cheapest).on_time,
        "{results:?}"
    );
    assert!(
        of(Way::Sortline).cost <= of(Way::Static).cost,
        "{results:?}"
    );
    assert!(of(Way::Sortline).replanned > 0, "{results:?}");
    assert_eq!(of(Way::Static).replanned, 0);
}

/// A network, and an airport of it.
fn small(days: i32) -> (Network, Node) {
    let window = Window {
        from: FROM,
        to: FROM.after(days * DAY_MIN),
    };
    let made = |seed| Network::new(&tables(Scale { permille: 15, seed }, window)).ok();
    let network = (11..60).find_map(made).unwrap();
    let airport = |(_, info): &(Node, &NodeInfo)| info.kind == Some(Kind::Airport);
    let hub = network.nodes().find(airport).unwrap().0;
    (network, hub)
}

#[test]
fn weeks_are_predicted_as_they_turn_out() {
    let (mut network, origin) = small(40);
    for sky in [Sky::Mild, Sky::Adversarial] {
        let weeks = Weeks {
            origin,
            from: FROM.after(DAY_MIN),
            learnt: 6,
            held_out: 5,
            parcels: 1_200,
            grace_h: 48,
            sky,
            seed: 5,
        };
        let held = weeks::simulate(&mut network, &weeks).unwrap();
        assert!(held.calibration_error <= 0.03, "{held:#?}");
        assert!((0.88..=0.92).contains(&held.within_90), "{held:#?}");
        assert!(held.fewer_late >= 0.15 && held.dearer <= 0.05, "{held:#?}");
        assert!(held.model.loss_min < held.settings.loss_min, "{held:#?}");
        assert!(held.brier < held.brier_climatology, "{held:#?}");
        assert!((0.85..=0.95).contains(&held.volumes_within), "{held:#?}");
    }
}
