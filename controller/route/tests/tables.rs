//! Tables that must be refused, and what each problem says; and routes on a network small enough
//! to be checked by hand.
#![cfg(test)]

use std::collections::BTreeMap;

use sortline_route::{
    CalendarRow, Change, Condition, CustomsRow, DAY_MIN, DelayRow, Level, Micros, Minute, Network,
    Offsets, PlaceRow, Query, RouteOption, ServiceRow, Settings, Table, Tables, Window, ZoneRow,
};

/// 2026-11-23T00:00Z, a Monday.
const MONDAY: i32 = 29_923_200;

fn place(id: &str, territory: &str, kind: &str) -> PlaceRow {
    PlaceRow {
        id: id.into(),
        name: id.into(),
        country: territory.into(),
        territory: territory.into(),
        kind: kind.into(),
        lat: "50".into(),
        lon: "8".into(),
        time_zone: "UTC".into(),
        opens: "00:00".into(),
        closes: "24:00".into(),
        days: "1234567".into(),
        handling_min: "60".into(),
        calendar: String::new(),
    }
}

fn service(id: &str, stops: &str, departs: &str, run_min: &str, price: &str) -> ServiceRow {
    ServiceRow {
        id: id.into(),
        mode: "truck".into(),
        carrier: "Northgate Freight".into(),
        stops: stops.into(),
        days: "1234567".into(),
        departs: departs.into(),
        run_min: run_min.into(),
        dwell_min: "30".into(),
        cutoff_min: "45".into(),
        capacity_kg: "100".into(),
        price_per_kg: "0".into(),
        price_per_parcel: price.into(),
        currency: "EUR".into(),
        co2_g_per_kg: "100".into(),
        ..ServiceRow::default()
    }
}

/// A, B and C in the territory XX, D in YY. One run A-B-C, a faster one A-B, one B-C soon after
/// the run has left, one C-D over the border, and a tour at C.
fn tables() -> Tables {
    Tables {
        places: vec![
            place("A", "XX", "hub"),
            place("B", "XX", "hub"),
            place("C", "XX", "depot"),
            place("D", "YY", "depot"),
        ],
        services: vec![
            service("RUN", "A>B>C", "18:00", "120>120", "2"),
            service("FAST", "A>B", "18:30", "60", "1"),
            service("ONWARD", "B>C", "20:45", "90", "1"),
            service("BORDER", "C>D", "06:00", "60", "3"),
        ],
        customs: vec![CustomsRow {
            from: "XX".into(),
            to: "YY".into(),
            mode: "*".into(),
            p50_min: "60".into(),
            p90_min: "600".into(),
            days: "12345".into(),
            opens: "08:00".into(),
            closes: "16:00".into(),
            ..CustomsRow::default()
        }],
        zones: vec![ZoneRow {
            id: "Z".into(),
            country: "XX".into(),
            postcodes: "1".into(),
            depot: "C".into(),
            days: "123456".into(),
            tour: "07:30".into(),
            cutoff_min: "30".into(),
            delivery_min: "300".into(),
            price_per_parcel: "2.50".into(),
            price_per_kg: "0".into(),
            currency: "EUR".into(),
            co2_g_per_parcel: "300".into(),
            standard_days: "2".into(),
            express_days: "1".into(),
            calendar: String::new(),
        }],
        calendars: Vec::new(),
        hs_code: String::new(),
        settings: Settings {
            base_currency: "EUR".into(),
            horizon_days: 14,
            rates_date: "2026-11-02".into(),
            rates: BTreeMap::new(),
            delay: BTreeMap::new(),
        },
        time_zones: BTreeMap::from([("UTC".to_owned(), Offsets::new(0, Vec::new()))]),
        window: Window {
            from: Minute(MONDAY - DAY_MIN),
            to: Minute(MONDAY + 14 * DAY_MIN),
        },
    }
}

fn clock(day: i32, hour: i32, minute: i32) -> Minute {
    Minute(MONDAY + day * DAY_MIN + hour * 60 + minute)
}

fn query(network: &Network, to: &str, ready: Minute) -> Query {
    Query {
        from: network.find("A").unwrap(),
        to: network.find(to).unwrap(),
        ready,
        weight_g: 1_000,
        level: Level::Standard,
        promise: None,
        options: 3,
    }
}

fn services(option: &RouteOption) -> Vec<&str> {
    option.legs.iter().map(|leg| leg.service.as_str()).collect()
}

#[test]
fn staying_on_board_beats_the_faster_vehicle() {
    // FAST is at B earlier, but unloading and the cut-off of ONWARD cost more than RUN's stop.
    let network = Network::new(&tables()).unwrap();
    let best = &network.options(&query(&network, "C", clock(0, 17, 0)))[0];
    assert_eq!(services(best), ["RUN"]);
    assert_eq!(best.arrive, clock(0, 23, 30));
}

#[test]
fn a_cut_off_missed_by_a_minute_costs_a_day() {
    let network = Network::new(&tables()).unwrap();
    let arrive = |ready| network.options(&query(&network, "B", ready))[0].arrive;
    assert_eq!(arrive(clock(0, 17, 45)), clock(0, 20, 30));
    assert_eq!(arrive(clock(0, 17, 46)), clock(1, 20, 30));
}

#[test]
fn vehicles_under_way_when_the_window_begins_are_boarded_at_their_next_stops() {
    let mut tables = tables();
    // On Wednesdays at 18:00 from A, five days to B: last week's is there on Monday.
    tables.services[0].days = "3".into();
    tables.services[0].run_min = "7200>120".into();
    tables.services.remove(2);
    tables.calendars = vec![CalendarRow {
        calendar: "OFF".into(),
        from: "2026-11-18".into(),
        until: "2026-11-18".into(),
        runs: "no".into(),
    }];
    let cancelled = Condition {
        id: "cancelled".into(),
        from: clock(-5, 17, 0),
        to: clock(-5, 19, 0),
        change: Change::Cancel {
            service: "RUN".into(),
        },
        reason: "no driver".into(),
    };
    let arrive_under = |tables: &Tables, conditions: &[Condition]| {
        let mut network = Network::new(tables).unwrap();
        network.set_conditions(conditions).unwrap();
        let at_b = Query {
            from: network.find("B").unwrap(),
            ..query(&network, "C", clock(0, 12, 0))
        };
        network.options(&at_b)[0].arrive
    };
    let arrive = |tables: &Tables| arrive_under(tables, &[]);
    assert_eq!(arrive(&tables), clock(0, 21, 30));
    // It is told by when it left, and the telling is felt until it is at its last stop.
    let network = Network::new(&tables).unwrap();
    assert_eq!(network.felt_after(&cancelled.change), 7_200 + 30 + 120);
    assert_eq!(arrive_under(&tables, &[cancelled]), clock(7, 21, 30));
    let closed = Change::Close { place: "B".into() };
    assert_eq!(network.felt_after(&closed), 0);
    // A day off holds for it too, though that day lies before the window.
    tables.services[0].calendar = "OFF".into();
    assert_eq!(arrive(&tables), clock(7, 21, 30));
}

#[test]
fn customs_waits_for_its_hours_and_the_weekend() {
    let network = Network::new(&tables()).unwrap();
    // Ready on Friday evening: at the border on Saturday, presented on Monday at 8.
    let option = &network.options(&query(&network, "D", clock(4, 17, 0)))[0];
    assert_eq!(option.legs.last().unwrap().arrive, clock(5, 7, 0));
    assert_eq!(option.arrive, clock(7, 10, 0));
    assert_eq!(option.customs.len(), 1);
    assert!(
        option
            .why
            .iter()
            .any(|why| why.starts_with("customs XX to YY at D"))
    );
}

#[test]
fn holidays_close_customs_and_stop_services() {
    let day = |calendar: &str, from: &str, until: &str, runs: &str| CalendarRow {
        calendar: calendar.into(),
        from: from.into(),
        until: until.into(),
        runs: runs.into(),
    };
    let mut tables = tables();
    tables.calendars = vec![
        day("OFFICE", "2026-11-24", "2026-11-24", "no"),
        day("ROAD", "", "2026-11-24", "no"),
    ];
    let arrive = |tables: &Tables| {
        let network = Network::new(tables).unwrap();
        let border = query(&network, "D", clock(0, 8, 0));
        let options = network.options(&border);
        options.first().map(|first| first.arrive)
    };
    let plain = arrive(&tables).unwrap();
    // Ready on Monday, over the border on Tuesday: customs is closed until Wednesday.
    tables.customs[0].calendar = "OFFICE".into();
    assert_eq!(arrive(&tables), Some(clock(2, 10, 0)), "{plain:?}");
    tables.customs[0].calendar = String::new();
    // No vehicle crosses before Wednesday.
    tables.services[3].calendar = "ROAD".into();
    assert_eq!(arrive(&tables), Some(plain.after(DAY_MIN)));
    refused(
        |t| t.places[0].calendar = "NONE".into(),
        "places.csv, record 1, calendar: found `NONE`, allowed: a name of calendars.csv, or nothing",
    );
    refused(
        |t| t.calendars = vec![day("A", "2026-02-30", "", "no")],
        "calendars.csv, record 1, from: found `2026-02-30`, allowed: a day YYYY-MM-DD",
    );
    refused(
        |t| t.calendars = vec![day("A", "2026-12-26", "2026-12-24", "off")],
        "calendars.csv, record 1, runs: found `off`, allowed: yes or no",
    );
}

#[test]
fn customs_takes_its_time_by_commodity() {
    let mut tables = tables();
    let general = tables.customs[0].clone();
    let of = |commodity: &str, p50: &str| CustomsRow {
        commodity: commodity.into(),
        p50_min: p50.into(),
        ..general.clone()
    };
    tables.customs.extend([of("33", "300"), of("3304", "420")]);
    for (hs_code, hours) in [
        ("", 1),
        ("691200", 1),
        ("33", 5),
        ("330300", 5),
        ("330499", 7),
    ] {
        tables.hs_code = hs_code.into();
        let network = Network::new(&tables).unwrap();
        let first = network
            .options(&query(&network, "D", clock(0, 8, 0)))
            .remove(0);
        // Presented at 8, cleared after so many hours, handled for one.
        assert_eq!(first.arrive, clock(1, 8 + hours + 1, 0), "{hs_code}");
    }
    tables.customs.push(of("33", "1"));
    assert!(
        Network::new(&tables).is_err(),
        "two records for one commodity"
    );
}

#[test]
fn a_boarding_costs_its_least_price() {
    let mut tables = tables();
    tables.services[2].price_min = "4".into();
    let network = Network::new(&tables).unwrap();
    let from = network.find("B").unwrap();
    let to = Query {
        from,
        ..query(&network, "C", clock(0, 19, 50))
    };
    let onward = network.options(&to).remove(0);
    assert_eq!(
        (services(&onward), onward.cost),
        (vec!["ONWARD"], Micros(4_000_000))
    );
}

/// The first option to D when a condition holds.
fn under(tables: &Tables, change: Change) -> Option<RouteOption> {
    let mut network = Network::new(tables).unwrap();
    let condition = Condition {
        id: "c".into(),
        from: clock(0, 0, 0),
        to: clock(3, 0, 0),
        change,
        reason: "a test".into(),
    };
    network.set_conditions(&[condition]).unwrap();
    let query = query(&network, "D", clock(0, 8, 0));
    network.options(&query).into_iter().next()
}

#[test]
fn straits_borders_and_bookings_hold_parcels_up() {
    let mut tables = tables();
    tables.services[3].via = "PASS OTHER".into();
    tables.services[3].capacity_pieces = "40".into();
    tables.services[3].capacity_m3 = "2.5".into();
    let arrive = |change| under(&tables, change).map(|first| first.arrive);
    let passage = |minutes| Change::Passage {
        passage: "PASS".into(),
        minutes,
    };
    // By the tables: over the border on Tuesday at 6, cleared at 9, handled at 10.
    assert_eq!(arrive(passage(Some(300))), Some(clock(1, 14, 0)));
    assert_eq!(arrive(passage(None)), Some(clock(3, 10, 0)));
    let border = Change::Border {
        territory: "YY".into(),
        mode: None,
    };
    // Presented when the border opens on Thursday at midnight, in office hours.
    assert_eq!(arrive(border), Some(clock(3, 10, 0)));
    let booked = |kg, litres, pieces| Change::Booked {
        service: "BORDER".into(),
        kg,
        litres,
        pieces,
    };
    for (change, expected) in [
        (booked(99, 2_490, 39), clock(1, 10, 0)),
        (booked(100, 0, 0), clock(3, 10, 0)),
        (booked(0, 2_491, 0), clock(3, 10, 0)),
        (booked(0, 0, 40), clock(3, 10, 0)),
    ] {
        assert_eq!(arrive(change.clone()), Some(expected), "{change:?}");
    }
}

#[test]
fn alternatives_trade_time_for_money_and_say_so() {
    let network = Network::new(&tables()).unwrap();
    let all = network.options(&query(&network, "B", clock(0, 12, 0)));
    // RUN is not on the front: it is later and dearer than FAST. It is offered as a fallback.
    assert_eq!(services(&all[0]), ["FAST"]);
    assert_eq!(services(&all[1]), ["RUN"]);
    assert_eq!(all[0].cost.to_string(), "1.00");
    let text = all[0].why.join("\n");
    for part in [
        "30 min earlier than option 2, 1.00 EUR cheaper",
        "cut-off at A is Mon 17:45",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_table_holds_up_to_its_first_cut_off() {
    let network = Network::new(&tables()).unwrap();
    let origin = network.find("A").unwrap();
    let table = Table::from_site(&network, origin, clock(0, 12, 0));
    let entry = table.lookup("XX", "1 23", Level::Express).unwrap().clone();
    assert_eq!(
        (entry.hop.as_str(), entry.board_by),
        ("C", clock(0, 17, 15))
    );
    assert_eq!(table.valid_until(), clock(0, 17, 15));
    let again = Table::from_site(&network, origin, table.valid_until());
    assert_eq!(again.lookup("XX", "123", Level::Express), Some(&entry));
    assert_eq!(table.lookup("XX", "9", Level::Express), None);
    assert_eq!(table.lookup("QQ", "1", Level::Express), None);
}

#[test]
fn a_heavy_parcel_needs_a_vehicle_that_takes_it() {
    let network = Network::new(&tables()).unwrap();
    let heavy = Query {
        weight_g: 100_001,
        ..query(&network, "B", clock(0, 12, 0))
    };
    assert!(network.options(&heavy).is_empty());
}

#[test]
fn where_the_parcel_is_needs_no_leg() {
    let network = Network::new(&tables()).unwrap();
    let all = network.options(&query(&network, "A", clock(0, 12, 0)));
    assert!(all.len() == 1 && all[0].legs.is_empty());
    assert_eq!(all[0].arrive, clock(0, 12, 0));
}

#[test]
fn unreachable_places_are_told() {
    let network = Network::new(&tables()).unwrap();
    let origin = network.find("D").unwrap();
    let ids: Vec<&str> = network
        .unreachable(origin)
        .into_iter()
        .map(|node| network.id(node))
        .collect();
    assert_eq!(ids, ["A", "B", "C", "Z"]);
    let back = Query {
        from: origin,
        to: network.find("A").unwrap(),
        ..query(&network, "A", clock(0, 0, 0))
    };
    assert!(network.options(&back).is_empty());
}

/// Delays drawn one by one, as a check of the convolution: the same legs, the same recourse.
#[test]
fn on_time_probabilities_agree_with_simulation() {
    let mut tables = tables();
    tables.settings.delay = BTreeMap::from([
        (
            "truck".to_owned(),
            DelayRow {
                p50_min: 25,
                p90_min: 120,
            },
        ),
        (
            "van".to_owned(),
            DelayRow {
                p50_min: 15,
                p90_min: 60,
            },
        ),
    ]);
    let network = Network::new(&tables).unwrap();
    let mut asked = query(&network, "Z", clock(0, 12, 0));
    for (day, hour) in [(1, 12), (1, 13), (1, 14), (2, 13), (3, 13)] {
        asked.promise = Some(clock(day, hour, 0));
        let option = &network.options(&asked)[0];
        assert_eq!(services(option), ["RUN", "Z"]);
        let simulated = simulate(asked.promise.unwrap());
        let found = option.on_time_probability;
        assert!(
            (found - simulated).abs() < 0.02,
            "day {day}, {hour}:00: {found} {simulated}"
        );
    }
}

/// Share of 40,000 parcels that leave A by RUN and C by the tour and arrive by `promise`.
fn simulate(promise: Minute) -> f64 {
    let mut state = 1u64;
    let mut normal = || {
        let sum: f64 = (0..12)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                f64::from(u32::try_from(state >> 32).unwrap()) / 4_294_967_296.0
            })
            .sum();
        sum - 6.0
    };
    let mut late =
        |p50: f64, p90: f64| (p50.ln() + normal() * (p90 / p50).ln() / 1.281_551_565_5).exp();
    let mut on_time = 0u32;
    for _ in 0..40_000 {
        let ready = f64::from(clock(0, 22, 30).0) + late(25.0, 120.0) + 60.0;
        let tour = (1..8).map(|day| clock(day, 7, 30)).find(|tour| {
            let sunday = (tour.0 - MONDAY) / DAY_MIN % 7 == 6;
            !sunday && ready <= f64::from(tour.0 - 30)
        });
        let arrives = f64::from(tour.unwrap().0) + 300.0 + late(15.0, 60.0);
        on_time += u32::from(arrives <= f64::from(promise.0));
    }
    f64::from(on_time) / 40_000.0
}

fn refused(change: impl Fn(&mut Tables), expected: &str) {
    let mut tables = tables();
    change(&mut tables);
    let problems = Network::new(&tables).map(|_| ()).unwrap_err();
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(
        texts.iter().any(|text| text.starts_with(expected)),
        "{expected} in {texts:#?}"
    );
}

#[test]
fn bad_places_are_refused() {
    refused(
        |t| t.places[0].lat = "91".into(),
        "places.csv, record 1, lat: found `91`",
    );
    refused(
        |t| t.places[0].lon = "NaN".into(),
        "places.csv, record 1, lon: found `NaN`",
    );
    refused(
        |t| t.places[1].id = "A".into(),
        "places.csv, record 2, id: found `A`, allowed: an id that",
    );
    refused(
        |t| t.places[1].kind = "shed".into(),
        "places.csv, record 2, kind: found `shed`, allowed: hub",
    );
    refused(
        |t| t.places[1].time_zone = "X/Y".into(),
        "places.csv, record 2, time_zone: found `X/Y`",
    );
    refused(
        |t| t.places[1].days = "8".into(),
        "places.csv, record 2, days: found `8`",
    );
    refused(
        |t| t.places[1].handling_min = "-1".into(),
        "places.csv, record 2, handling_min: found `-1`",
    );
    refused(
        |t| t.places.push(place("E", "XX", "hub")),
        "places.csv, record 5, id: found `E`, allowed: places that services connect",
    );
    refused(
        |t| t.places.clear(),
        "places.csv, record 1, id: found `no record`",
    );
}

#[test]
fn bad_services_are_refused() {
    refused(
        |t| t.services[1].stops = "A>X".into(),
        "services.csv, record 2, stops: found `X`, allowed: an id of places.csv",
    );
    refused(
        |t| t.services[1].stops = "A".into(),
        "services.csv, record 2, stops: found `A`, allowed: at least two",
    );
    refused(
        |t| t.services[1].stops = "A>B>A".into(),
        "services.csv, record 2, stops: found `A`, allowed: every place once",
    );
    refused(
        |t| t.services[0].run_min = "120".into(),
        "services.csv, record 1, run_min: found `120`, allowed: 2 numbers",
    );
    refused(
        |t| t.services[1].run_min = "0".into(),
        "services.csv, record 2, run_min: found `0`",
    );
    refused(
        |t| t.services[1].price_per_kg = "NaN".into(),
        "services.csv, record 2, price_per_kg: found `NaN`",
    );
    refused(
        |t| t.services[1].price_per_parcel = "-1".into(),
        "services.csv, record 2, price_per_parcel: found `-1`",
    );
    refused(
        |t| t.services[1].currency = "USD".into(),
        "services.csv, record 2, currency: found `USD`, allowed: EUR",
    );
    refused(
        |t| t.services[1].departs = "25:00".into(),
        "services.csv, record 2, departs: found `25:00`",
    );
    refused(
        |t| t.services[1].departs = String::new(),
        "services.csv, record 2, departs: found ``",
    );
    refused(
        |t| t.services[1].mode = "air".into(),
        "services.csv, record 2, stops: found `A`, allowed: airports only",
    );
    refused(
        |t| t.places[1].lat = "55".into(),
        "services.csv, record 1, run_min: found `120 minutes from A to B`",
    );
    refused(
        |t| t.places[0].closes = "17:00".into(),
        "services.csv, record 1, departs: found `Sun 18:00 at A`",
    );
    refused(
        |t| t.customs.clear(),
        "services.csv, record 4, stops: found `XX to YY by truck`",
    );
    refused(
        |t| t.services[1].id = "RUN".into(),
        "services.csv, record 2, id: found `RUN`",
    );
}

#[test]
fn a_service_is_under_way_for_at_most_half_a_year() {
    refused(
        |t| {
            t.services[0].stops = "A>B>C>D".into();
            t.services[0].run_min = "86400>86400>86400".into();
        },
        "services.csv, record 1, run_min: found `259260 minutes and more from the first stop on`, \
         allowed: at most 259200, dwell_min counted in",
    );
}

#[test]
fn bad_zones_customs_and_settings_are_refused() {
    refused(
        |t| t.zones[0].depot = "X".into(),
        "zones.csv, record 1, depot: found `X`",
    );
    refused(
        |t| t.zones[0].postcodes = "9-1".into(),
        "zones.csv, record 1, postcodes: found `9-1`",
    );
    refused(
        |t| t.zones[0].country = "YY".into(),
        "zones.csv, record 1, country: found `YY`",
    );
    refused(
        |t| t.zones[0].express_days = "3".into(),
        "zones.csv, record 1, express_days: found `3`",
    );
    refused(
        |t| t.zones[0].id = "C".into(),
        "zones.csv, record 1, id: found `C`",
    );
    refused(
        |t| {
            let twin = ZoneRow {
                id: "Z2".into(),
                ..t.zones[0].clone()
            };
            t.zones.push(twin);
        },
        "zones.csv, record 2, postcodes: found `1`, allowed: every beginning",
    );
    refused(
        |t| t.customs[0].p90_min = "10".into(),
        "customs.csv, record 1, p90_min: found `10`",
    );
    refused(
        |t| t.customs[0].from = "QQ".into(),
        "customs.csv, record 1, from: found `QQ`",
    );
    refused(
        |t| t.settings.base_currency = "euro".into(),
        "network.toml, record 1, base_currency",
    );
    refused(
        |t| drop(t.settings.rates.insert("USD".into(), "-1".into())),
        "network.toml, record 1, rates.USD: found `-1`",
    );
    refused(
        |t| {
            let row = DelayRow {
                p50_min: 9,
                p90_min: 3,
            };
            t.settings.delay.insert("truck".into(), row);
        },
        "network.toml, record 1, delay.truck.p90_min",
    );
}

#[test]
fn settings_are_refused_by_their_whole_key() {
    refused(
        |t| {
            t.settings.rates.insert("USD".into(), "NaN".into());
        },
        "network.toml, record 1, rates.USD: found `NaN`, allowed: a decimal",
    );
    let late = |p50_min, p90_min| DelayRow { p50_min, p90_min };
    refused(
        |t| {
            t.settings.delay.insert("air".into(), late(20, 2));
        },
        "network.toml, record 1, delay.air.p90_min: found `2`, allowed: p50_min, which is 20, to",
    );
    refused(
        |t| {
            t.settings.delay.insert("air".into(), late(20, u32::MAX));
        },
        "network.toml, record 1, delay.air.p90_min: found `4294967295`, allowed: p50_min",
    );
    refused(
        |t| {
            t.settings.delay.insert("rocket".into(), late(1, 2));
        },
        "network.toml, record 1, delay.rocket: found `rocket`, allowed: air, truck",
    );
}

#[test]
fn what_is_not_written_is_not_told() {
    let texts = |tables: &Tables| -> Vec<String> {
        let problems = Network::new(tables).map(|_| ()).unwrap_err();
        problems.iter().map(ToString::to_string).collect()
    };
    let mut far = tables();
    far.places[1].lat = "-50".into();
    far.services[0].run_min = "-5>60".into();
    let about_run: Vec<String> = texts(&far)
        .into_iter()
        .filter(|text| text.starts_with("services.csv, record 1, run_min"))
        .collect();
    assert_eq!(
        about_run,
        ["services.csv, record 1, run_min: found `-5`, allowed: a whole number from 1 to 86400"]
    );
}
