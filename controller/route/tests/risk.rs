//! Probabilities of keeping a promise, beside parcels drawn by lot.
#![cfg(test)]

use sortline_route::generator::{Draw, Scale, tables};
use sortline_route::{DAY_MIN, Level, Minute, Network, Node, Query, Window};

const FROM: Minute = Minute(29_802_240);

/// Parcels drawn for each route: three standard deviations of their share are at most 0.0075.
const PARCELS: u32 = 40_000;

#[test]
fn a_probability_is_what_drawn_parcels_keep() {
    let window = Window {
        from: FROM,
        to: FROM.after(24 * DAY_MIN),
    };
    let made = |seed| Network::new(&tables(Scale { permille: 15, seed }, window)).ok();
    let network = (11..60).find_map(made).unwrap();
    let places: Vec<Node> = network
        .nodes()
        .filter(|(_, info)| info.kind.is_some())
        .map(|(node, _)| node)
        .collect();
    let mut draw = Draw::new(5);
    let (mut worst, mut sum, mut routes) = (0.0f64, 0.0, 0u32);
    while routes < 60 {
        let [from, to] = [(); 2].map(|()| places[draw.below(places.len())]);
        let ready = FROM.after(i32::try_from(draw.below(4_000)).unwrap());
        let mut query = Query {
            from,
            to,
            ready,
            weight_g: 500,
            level: Level::Standard,
            promise: None,
            options: 1,
        };
        let Some(fastest) = network.options(&query).into_iter().next() else {
            continue;
        };
        let later = i32::try_from(draw.below(36 * 60)).unwrap();
        let promise = fastest.arrive.after(later);
        query.promise = Some(promise);
        let Some(route) = network.options(&query).into_iter().next() else {
            continue;
        };
        let told = network.on_time(&route, ready, promise);
        let kept = (0..PARCELS)
            .filter_map(|_| network.drawn(&route, ready, &mut draw))
            .filter(|arrive| *arrive <= promise)
            .count();
        let share = f64::from(u32::try_from(kept).unwrap()) / f64::from(PARCELS);
        let apart = (told - share).abs();
        assert!(
            apart < 0.009,
            "{told} and {share}: {from:?} to {to:?}, ready {ready:?}, promise {promise:?}, {route:#?}"
        );
        (worst, sum, routes) = (worst.max(apart), sum + apart, routes + 1);
    }
    let mean = sum / f64::from(routes);
    assert!(mean < 0.003, "mean {mean}, worst {worst}");
}
