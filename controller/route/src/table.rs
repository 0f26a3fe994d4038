//! The table of one site: the route to every zone, computed ahead.
//!
//! A sorting line has one origin. The shell makes a table for the time at which parcels read now
//! will be ready to leave, swaps it in whole, and makes the next one when the earliest cut-off in
//! use has passed ([`Table::valid_until`]): up to then every entry is exact, because being ready
//! later cannot make a route better.

use std::collections::BTreeSet;

use crate::micros::Micros;
use crate::network::{Level, Network, Node};
use crate::options::{LATE_SHARES, Query, SPARE_MIN};
use crate::postcode::Postcodes;
use crate::reach::{Allowed, Reach};
use crate::risk::Arrivals;
use crate::search::{Spec, Step, pareto};
use crate::time::{DAY_MIN, Minute};
use crate::why::{HOPELESS, percent, waiting};

/// Weight of the parcel a table is computed for, in grams: routes are compared at this weight.
pub(crate) const TYPICAL_G: u32 = 500;
/// Routes of a table end within this time.
const REACH_MIN: i32 = 21 * DAY_MIN;
/// A table forgoes routes that save less than this share of the cost, in thousandths.
const TOLERANCE_PERMILLE: i64 = 10;

/// What a line needs to know of the route to a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The zone.
    pub zone: Node,
    /// Id of the place after the first leg.
    pub hop: String,
    /// The parcel must be ready at the site by then; after it the entry is out of date.
    pub board_by: Minute,
    /// Arrival by timetable.
    pub arrive: Minute,
    /// Nine of ten arrive by then.
    pub arrive_p90: Option<Minute>,
    /// Probability of arriving by the promise of the level.
    pub on_time_probability: f64,
    /// Price of a typical parcel.
    pub cost: Micros,
    /// One sentence for the parcel's trace.
    pub why: String,
}

/// Routes from one site to every zone, by service level. Immutable.
#[derive(Clone, Debug)]
pub struct Table {
    origin: Node,
    ready: Minute,
    valid_until: Minute,
    postcodes: Postcodes,
    places: usize,
    /// By zone and level.
    entries: Vec<[Option<Entry>; 3]>,
    /// Earliest readiness by node.
    earliest: Vec<Option<Minute>>,
}

impl Table {
    /// Computes the table for parcels that are ready at `origin` at `ready`.
    #[must_use]
    pub fn from_site(network: &Network, origin: Node, ready: Minute) -> Self {
        let reach = everywhere(network, origin, ready);
        let mut arrivals = Arrivals::new(ready);
        let entries: Vec<[Option<Entry>; 3]> = routes_to_zones(network, origin, &reach, ready)
            .into_iter()
            .map(|(zone, routes)| {
                Level::ALL
                    .map(|level| entry(network, origin, &mut arrivals, (zone, level), &routes))
            })
            .collect();
        let in_use = entries
            .iter()
            .flatten()
            .flatten()
            .map(|entry| entry.board_by);
        Self {
            origin,
            ready,
            valid_until: in_use.min().unwrap_or(network.window.to),
            postcodes: network.postcodes.clone(),
            places: network.nodes.len() - entries.len(),
            entries,
            earliest: reach.all(),
        }
    }

    /// The entry for a postcode of a country (ISO 3166-1 alpha-2, capitals) at a service level.
    /// `None`: no zone serves it, or no route reaches the zone.
    #[must_use]
    pub fn lookup(&self, country: &str, postcode: &str, level: Level) -> Option<&Entry> {
        let zone = self.postcodes.find(country, postcode)?;
        self.entry(zone, level)
    }

    /// The entry of a zone at a service level.
    #[must_use]
    pub fn entry(&self, zone: Node, level: Level) -> Option<&Entry> {
        let levels = self.entries.get(zone.index().checked_sub(self.places)?)?;
        let index = Level::ALL.iter().position(|each| *each == level)?;
        levels.get(index)?.as_ref()
    }

    /// Earliest readiness at any place or zone.
    #[must_use]
    pub fn earliest(&self, node: Node) -> Option<Minute> {
        self.earliest.get(node.index()).copied().flatten()
    }

    /// The site.
    #[must_use]
    pub const fn origin(&self) -> Node {
        self.origin
    }

    /// The time of readiness it was computed for.
    #[must_use]
    pub const fn ready(&self) -> Minute {
        self.ready
    }

    /// Up to this time of readiness every entry holds.
    #[must_use]
    pub const fn valid_until(&self) -> Minute {
        self.valid_until
    }
}

/// What a table is computed for.
const NONE: &BTreeSet<u32> = &BTreeSet::new();

fn everywhere(network: &Network, origin: Node, ready: Minute) -> Reach {
    let mut reach = Reach::new(network);
    let allowed = Allowed {
        weight_g: TYPICAL_G,
        banned: NONE,
    };
    reach.spread_by(network, origin, ready, allowed);
    reach
}

/// The routes from a site to every zone that no other beats in arrival and cost, or the earliest
/// one where these have too many legs; zones in order.
pub(crate) fn site_routes(
    network: &Network,
    origin: Node,
    ready: Minute,
) -> Vec<(Node, Vec<Vec<Step>>)> {
    routes_to_zones(network, origin, &everywhere(network, origin, ready), ready)
}

fn routes_to_zones(
    network: &Network,
    origin: Node,
    reach: &Reach,
    ready: Minute,
) -> Vec<(Node, Vec<Vec<Step>>)> {
    let spec = Spec {
        origin,
        ready,
        allowed: Allowed {
            weight_g: TYPICAL_G,
            banned: NONE,
        },
        latest: ready.after(REACH_MIN),
        tolerance_permille: TOLERANCE_PERMILLE,
        co2: false,
    };
    let labels = pareto(network, &spec, reach, None);
    let zones = network.nodes().filter(|(_, info)| info.kind.is_none());
    let mut all: Vec<(Node, Vec<Vec<Step>>)> = zones
        .map(|(zone, _)| {
            let mut routes = labels.routes(network, zone);
            if routes.is_empty() {
                routes.extend(reach.route(network, zone));
            }
            (zone, routes)
        })
        .collect();
    let mut spared = Reach::new(network);
    let (start, latest) = ((origin, ready), spec.latest);
    let mut add = |spared: &Reach| {
        for (zone, routes) in &mut all {
            network.add_route(spared, (*zone, ready, latest), routes);
        }
    };
    for spare in SPARE_MIN {
        spared.spare(network, start, spare, None);
        add(&spared);
    }
    for share in LATE_SHARES {
        spared.late(network, start, share, None);
        add(&spared);
    }
    all
}

fn entry(
    network: &Network,
    origin: Node,
    arrivals: &mut Arrivals,
    (zone, level): (Node, Level),
    routes: &[Vec<Step>],
) -> Option<Entry> {
    let ready = arrivals.ready();
    let promise = network.promise(zone, ready, level)?;
    let query = Query {
        from: origin,
        to: zone,
        ready,
        weight_g: TYPICAL_G,
        level,
        promise: Some(promise),
        options: 1,
    };
    let options = network.ranked(&query, routes, arrivals);
    let best = options.first()?;
    let first = best.legs.first()?;
    let clock = |node: Node, at: Minute| network.text_clock_from(node, at, ready);
    let mut why = format!(
        "{} {} at {}, best of {} routes for {}: arrives {}, by the promise {} with {}, {} {}",
        first.service,
        network.id(first.to),
        clock(origin, first.depart),
        options.len(),
        level.name(),
        clock(zone, best.arrive),
        clock(zone, promise),
        percent(best.on_time_probability),
        best.cost,
        network.base_currency(),
    );
    let late = best.arrive > promise && best.on_time_probability < HOPELESS;
    let kept = late.then(|| "no route keeps the promise".to_owned());
    for more in kept.into_iter().chain(waiting(network, ready, best)) {
        why.extend(["; ", &more]);
    }
    Some(Entry {
        zone,
        hop: network.id(first.to).to_owned(),
        board_by: first.board_by,
        arrive: best.arrive,
        arrive_p90: best.arrive_p90,
        on_time_probability: best.on_time_probability,
        cost: best.cost,
        why,
    })
}
