//! `zones.csv` to last-mile zones and their tours.

use super::{Build, RUN_MAX, WEEK, sorted};
use crate::cells::{At, nearest};
use crate::micros::Micros;
use crate::network::{Leg, Mode, Node, NodeInfo, Promise, Service};
use crate::postcode::expand;
use crate::tables::{TableName, ZoneRow};
use crate::time::unroll;

impl Build<'_> {
    pub(super) fn zones(&mut self) {
        for (row, zone) in sorted(&self.tables.zones, |zone| &zone.id) {
            let at = At {
                table: TableName::Zones,
                row,
            };
            let depot = self.network.find(&zone.depot);
            let depot = depot.and_then(|node| Some((node, self.network.node(node)?.clone())));
            let Some((depot, info)) = depot else {
                let places = self.tables.places.iter().map(|place| place.id.as_str());
                let near = nearest(&zone.depot, places).join(", ");
                let allowed = format!("an id of places.csv; similar: {near}");
                self.problems.add(at, "depot", &zone.depot, &allowed);
                continue;
            };
            let node = self.zone_node(at, zone, &info);
            self.zone_postcodes(at, zone, node);
            self.zone_tour(at, zone, (depot, &info), node);
        }
    }

    fn zone_node(&mut self, at: At, zone: &ZoneRow, depot: &NodeInfo) -> Node {
        let id = self.problems.id(at, "id", &zone.id);
        let country = self.problems.letters(at, "country", &zone.country, 2);
        let same = self.territories.get(&country);
        if same.is_some_and(|all| all.iter().any(|one| *one != depot.territory)) {
            let allowed = format!("a country of the depot's territory {}", depot.territory);
            self.problems.add(at, "country", &country, &allowed);
        }
        let standard = self
            .problems
            .whole(at, "standard_days", &zone.standard_days, 0..=60);
        let express = self
            .problems
            .whole(at, "express_days", &zone.express_days, 0..=standard);
        let but = self.calendar(at, &zone.calendar);
        let days = self.problems.days(at, &zone.days);
        let days = days.map(|days| days.but(but.as_ref()));
        let info = NodeInfo {
            name: id.clone(),
            id,
            country,
            kind: None,
            hours: None,
            handling: 0,
            ..depot.clone()
        };
        self.add_node(
            at,
            info,
            days.map(|days| Promise {
                days,
                standard,
                express,
            }),
        )
    }

    fn zone_postcodes(&mut self, at: At, zone: &ZoneRow, node: Node) {
        let Some(prefixes) = expand(&zone.postcodes) else {
            let allowed = "beginnings of postcodes, or ranges such as 08-13, with blanks between";
            self.problems.add(at, "postcodes", &zone.postcodes, allowed);
            return;
        };
        for prefix in prefixes {
            if self
                .network
                .postcodes
                .add(&zone.country, &prefix, node)
                .is_some()
            {
                let allowed = "every beginning in one zone of a country";
                self.problems.add(at, "postcodes", &prefix, allowed);
            }
        }
    }

    fn zone_tour(&mut self, at: At, zone: &ZoneRow, depot: (Node, &NodeInfo), node: Node) {
        self.currency(at, &zone.currency);
        let tour = self.problems.clock(at, "tour", &zone.tour);
        let cutoff = self
            .problems
            .whole(at, "cutoff_min", &zone.cutoff_min, 0..=WEEK);
        let run = self
            .problems
            .whole(at, "delivery_min", &zone.delivery_min, 1..=RUN_MAX);
        let promise = self.network.promises.get(node.index());
        let promise = promise.and_then(Option::as_ref);
        let departures = promise.map_or_else(Vec::new, |promise| {
            unroll(
                &promise.days,
                &[tour],
                &self.offsets(depot.1.clock),
                self.network.window,
            )
        });
        let index = self.network.services.len();
        self.network.services.push(Service {
            id: zone.id.clone(),
            mode: Mode::Van,
            carrier: depot.1.name.clone(),
            departures,
            capacity_g: i64::MAX,
            capacity_l: i64::MAX,
            capacity_pieces: i64::MAX,
            via: Vec::new(),
        });
        let fixed = self.price(
            at,
            "price_per_parcel",
            &zone.price_per_parcel,
            &zone.currency,
        );
        let per_kg = self.price(at, "price_per_kg", &zone.price_per_kg, &zone.currency);
        let co2_fixed = self
            .problems
            .decimal(at, "co2_g_per_parcel", &zone.co2_g_per_parcel);
        self.network.legs.push(Leg {
            from: depot.0,
            to: node,
            service: u32::try_from(index).unwrap_or(u32::MAX),
            cutoff,
            offset: 0,
            run,
            clearance: None,
            fixed,
            least: Micros::ZERO,
            per_kg,
            co2_fixed,
            co2_per_kg: Micros::ZERO,
        });
    }
}
