//! The transport network, checked and unrolled: places, legs, and what each costs.
//!
//! A leg is one (board, alight) pair of a service: board at one stop, stay on board, leave at a
//! later one. Pairs are kept apart because merging stretches is unsound where a change of vehicle
//! takes handling time. The last mile is a leg like any other, from a depot to a zone.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::conditions::Condition;
use crate::delay::Delay;
use crate::learn::{ByWeather, Model};
use crate::micros::Micros;
use crate::postcode::Postcodes;
use crate::tables::{DelayRow, Problem, Tables};
use crate::time::{Hours, Minute, Offsets, Window};
use crate::timetable::{Run, Timetable};

/// Means of transport.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Aircraft, airport to airport.
    Air,
    /// Lorry, any place to any place.
    Truck,
    /// Train, between rail terminals.
    Rail,
    /// Ship, port to port.
    Sea,
    /// Delivery tour.
    Van,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Air, Self::Truck, Self::Rail, Self::Sea, Self::Van];

    /// Its place in [`Mode::ALL`].
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Air => 0,
            Self::Truck => 1,
            Self::Rail => 2,
            Self::Sea => 3,
            Self::Van => 4,
        }
    }

    /// The word used in tables and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Air => "air",
            Self::Truck => "truck",
            Self::Rail => "rail",
            Self::Sea => "sea",
            Self::Van => "van",
        }
    }
}

/// What a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Sorts parcels between services.
    Hub,
    /// Airport.
    Airport,
    /// Sea port.
    Port,
    /// Rail terminal.
    Rail,
    /// Customs office on the way.
    Customs,
    /// Starts delivery tours.
    Depot,
}

/// A place or a last-mile zone: a node of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub(crate) u32);

impl Node {
    /// Places and zones are numbered from 0, places first.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A checked place or zone.
#[derive(Clone, Debug)]
pub struct NodeInfo {
    /// Id, unique among places and zones.
    pub id: String,
    /// Name for people; of a zone, its id.
    pub name: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Customs territory.
    pub territory: String,
    /// What it is; `None` for a zone.
    pub kind: Option<Kind>,
    pub(crate) position: (f64, f64),
    pub(crate) clock: usize,
    /// Index of opening hours; `None` for a zone, where nothing is handled.
    pub(crate) hours: Option<usize>,
    pub(crate) handling: i32,
}

/// A vehicle run with its departures.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) id: String,
    pub(crate) mode: Mode,
    pub(crate) carrier: String,
    /// Departures from the first stop, in order.
    pub(crate) departures: Vec<Minute>,
    /// What a departure takes in all.
    pub(crate) capacity_g: i64,
    pub(crate) capacity_l: i64,
    pub(crate) capacity_pieces: i64,
    /// Straits, canals and passes on the way.
    pub(crate) via: Vec<String>,
}

/// Customs clearance at the end of a leg.
#[derive(Clone, Debug)]
pub(crate) struct Clearance {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) hours: usize,
    pub(crate) p50: i32,
    pub(crate) p90: i32,
    /// Time from presentation to clearance.
    pub(crate) time: Arc<Delay>,
}

/// One (board, alight) pair of a service.
#[derive(Clone, Debug)]
pub(crate) struct Leg {
    pub(crate) from: Node,
    pub(crate) to: Node,
    pub(crate) service: u32,
    /// Minutes before the departure at which a parcel must be ready.
    pub(crate) cutoff: i32,
    /// Minutes from the first stop's departure to the boarding stop's.
    pub(crate) offset: i32,
    /// Minutes from departure to arrival.
    pub(crate) run: i32,
    pub(crate) clearance: Option<u32>,
    /// Base currency.
    pub(crate) fixed: Micros,
    /// Least price, whatever the weight.
    pub(crate) least: Micros,
    /// Base currency per kilogram.
    pub(crate) per_kg: Micros,
    /// Grams of CO2 per parcel and per kilogram.
    pub(crate) co2_fixed: Micros,
    pub(crate) co2_per_kg: Micros,
}

impl Leg {
    /// Price for a parcel in the base currency.
    pub(crate) fn cost(&self, weight_g: u32) -> Micros {
        let by_weight = self.per_kg.share(i64::from(weight_g), 1_000);
        self.fixed.plus(by_weight).max(self.least)
    }

    /// CO2 for a parcel in grams.
    pub(crate) fn co2(&self, weight_g: u32) -> Micros {
        self.co2_fixed
            .plus(self.co2_per_kg.share(i64::from(weight_g), 1_000))
    }
}

/// Promised delivery days of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Promise {
    pub(crate) days: crate::time::Days,
    pub(crate) standard: i32,
    pub(crate) express: i32,
}

/// A departure of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Number of the leg: a (board, alight) pair of one service.
    pub leg: u32,
    /// Boarding place.
    pub from: Node,
    /// Where it ends.
    pub to: Node,
    /// A parcel must be ready by then.
    pub board_by: Minute,
    /// Cleared and handled at the end.
    pub ready: Minute,
    /// Price in the base currency.
    pub cost: Micros,
    /// Grams of CO2.
    pub co2: Micros,
}

/// A checked network over a window of time. A change of the tables makes a new one; live
/// conditions change it in place.
#[derive(Clone, Debug)]
pub struct Network {
    pub(crate) base: String,
    pub(crate) window: Window,
    /// Places, then zones.
    pub(crate) nodes: Vec<NodeInfo>,
    pub(crate) ids: BTreeMap<String, Node>,
    pub(crate) clocks: Vec<Offsets>,
    pub(crate) hours: Vec<Hours>,
    pub(crate) services: Vec<Service>,
    pub(crate) clearances: Vec<Clearance>,
    /// Sorted by `from`.
    pub(crate) legs: Vec<Leg>,
    /// Node to the start of its legs; one more entry than nodes.
    pub(crate) first_leg: Vec<usize>,
    pub(crate) postcodes: Postcodes,
    /// By node; `None` for places.
    pub(crate) promises: Vec<Option<Promise>>,
    /// By mode, in the order of [`Mode::ALL`], as the settings say.
    pub(crate) delays: Vec<ByWeather>,
    /// What the delays are made of, by mode.
    pub(crate) usual: Vec<DelayRow>,
    /// Delays learnt from runs, when there are any.
    pub(crate) model: Option<Arc<Model>>,
    /// What one unit of a currency costs in the base currency.
    pub(crate) rates: BTreeMap<String, Micros>,
    /// Services that are not last-mile tours.
    pub(crate) service_ids: BTreeMap<String, u32>,
    /// Every service takes a parcel of this weight, in grams.
    pub(crate) light_g: i64,
    pub(crate) timetable: Timetable,
    pub(crate) conditions: Vec<Condition>,
    /// Levels of weather by place and stretch.
    pub(crate) weather: BTreeMap<Node, Vec<(Minute, Minute, usize)>>,
}

impl Network {
    /// Checks the tables and unrolls the timetable over their window. Rows may be in any order:
    /// results do not depend on it.
    ///
    /// # Errors
    /// Every problem found: unknown, double or unconnected places, times and prices that are no
    /// plain numbers of zero or more, services that stop at the wrong kind of place, run faster
    /// than their mode can or load while a place is closed, borders without a customs row.
    pub fn new(tables: &Tables) -> Result<Self, Vec<Problem>> {
        crate::build::build(tables)
    }

    /// The place or zone of this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Node> {
        self.ids.get(id).copied()
    }

    /// The zone that serves a postcode of a country (ISO 3166-1 alpha-2, capitals). Blanks and
    /// dashes in the postcode, and case, do not matter.
    #[must_use]
    pub fn zone(&self, country: &str, postcode: &str) -> Option<Node> {
        self.postcodes.find(country, postcode)
    }

    /// Ids of places that look like `id`, best first, at most three.
    #[must_use]
    pub fn near(&self, id: &str) -> Vec<&str> {
        let places = self.nodes.iter().filter(|node| node.kind.is_some());
        crate::cells::nearest(id, places.map(|node| node.id.as_str()))
    }

    /// What is known of a node.
    #[must_use]
    pub fn node(&self, node: Node) -> Option<&NodeInfo> {
        self.nodes.get(node.index())
    }

    /// Id of a node; empty for one of another network.
    #[must_use]
    pub fn id(&self, node: Node) -> &str {
        self.node(node).map_or("", |info| info.id.as_str())
    }

    /// Clock of a node.
    #[must_use]
    pub fn clock(&self, node: Node) -> Option<&Offsets> {
        self.clocks.get(self.node(node)?.clock)
    }

    /// All places, then all zones.
    pub fn nodes(&self) -> impl Iterator<Item = (Node, &NodeInfo)> {
        (0u32..).map(Node).zip(&self.nodes)
    }

    /// Currency of all prices.
    #[must_use]
    pub fn base_currency(&self) -> &str {
        &self.base
    }

    /// An amount in the base currency at the planning rates; `None` for an unknown currency.
    #[must_use]
    pub fn in_base(&self, amount: Micros, currency: &str) -> Option<Micros> {
        self.rates.get(currency).map(|rate| amount.times(*rate))
    }

    /// The stretch of time that can be planned.
    #[must_use]
    pub const fn window(&self) -> Window {
        self.window
    }

    /// Numbers for people: places, zones, services, legs, departures of services in the window.
    #[must_use]
    pub fn size(&self) -> Size {
        let zones = self.promises.iter().flatten().count();
        Size {
            places: self.nodes.len().saturating_sub(zones),
            zones,
            services: self.services.len().saturating_sub(zones),
            legs: self.legs.len(),
            departures: self
                .services
                .iter()
                .flat_map(|service| &service.departures)
                .filter(|start| self.window.holds(**start))
                .count(),
        }
    }

    /// Every departure of every leg, under the conditions in force, for a parcel of this weight.
    pub fn connections(&self, weight_g: u32) -> impl Iterator<Item = Connection> {
        let legs = (0u32..).zip(&self.legs);
        legs.flat_map(move |(number, leg)| {
            let (cost, co2) = (leg.cost(weight_g), leg.co2(weight_g));
            let runs = self.timetable.runs(number).iter();
            runs.map(move |run| Connection {
                leg: number,
                from: leg.from,
                to: leg.to,
                board_by: Minute(run.board),
                ready: Minute(run.ready),
                cost,
                co2,
            })
        })
    }

    pub(crate) fn text_clock(&self, node: Node, at: Minute) -> String {
        self.clock(node)
            .map_or_else(String::new, |clock| clock.clock(at))
    }

    pub(crate) fn text_clock_from(&self, node: Node, at: Minute, now: Minute) -> String {
        self.clock(node)
            .map_or_else(String::new, |clock| clock.clock_from(at, now))
    }

    pub(crate) fn leg(&self, leg: u32) -> Option<&Leg> {
        self.legs.get(leg as usize)
    }

    pub(crate) fn service(&self, leg: &Leg) -> Option<&Service> {
        self.services.get(leg.service as usize)
    }

    pub(crate) fn clearance(&self, leg: &Leg) -> Option<&Clearance> {
        self.clearances.get(leg.clearance? as usize)
    }

    /// Departure of a leg that a parcel ready at `ready` can still take.
    pub(crate) fn next_run(&self, leg: u32, ready: Minute) -> Option<Run> {
        self.timetable.next_run(leg, ready.0)
    }

    /// When a parcel on a vehicle of `leg` that arrives at `arrive` is ready at the leg's end:
    /// cleared and handled. `None` beyond the window.
    pub(crate) fn ready_after(&self, leg: &Leg, arrive: Minute) -> Option<Minute> {
        let mut at = arrive;
        if let Some(clearance) = self.clearance(leg) {
            let presented = self.hours.get(clearance.hours)?.next(at)?;
            at = presented.after(clearance.p50);
        }
        self.handled(leg, at)
    }

    /// When a parcel that is at the end of `leg` and cleared at `at` is handled.
    pub(crate) fn handled(&self, leg: &Leg, at: Minute) -> Option<Minute> {
        let end = self.node(leg.to)?;
        match end.hours {
            Some(hours) => Some(self.hours.get(hours)?.next(at)?.after(end.handling)),
            None => Some(at),
        }
    }

    pub(crate) fn takes(&self, leg: &Leg, weight_g: u32) -> bool {
        self.service(leg)
            .is_some_and(|service| i64::from(weight_g) <= service.capacity_g)
    }

    /// The minute by which a parcel ready at `ready` is promised in a zone, at the end of the day
    /// (20:00 local). `None` for a place.
    pub(crate) fn promise(&self, node: Node, ready: Minute, level: Level) -> Option<Minute> {
        const DAY_ENDS: i32 = 20 * 60;
        let promise = self.promises.get(node.index())?.as_ref()?;
        let clock = self.clock(node)?;
        let wanted = match level {
            Level::Express => promise.express,
            Level::Standard => promise.standard,
            Level::Economy => promise.standard.saturating_mul(2),
        };
        let mut day = clock.local(ready).div_euclid(crate::time::DAY_MIN);
        let mut left = wanted;
        while left > 0 {
            day = day.saturating_add(1);
            left -= i32::from(promise.days.contains(day));
        }
        Some(
            clock.utc(
                day.saturating_mul(crate::time::DAY_MIN)
                    .saturating_add(DAY_ENDS),
            ),
        )
    }
}

/// Service level promised to the sender.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As early as possible.
    Express,
    /// At the least cost, lateness after the standard promise reckoned in, or earlier within 0.5 % of it.
    #[default]
    Standard,
    /// The same for twice the standard promise.
    Economy,
}

impl Level {
    /// All of them, in the order of a table's entries.
    pub const ALL: [Self; 3] = [Self::Express, Self::Standard, Self::Economy];

    /// Reads `express`, `standard` or `economy`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "express" => Some(Self::Express),
            "standard" => Some(Self::Standard),
            "economy" => Some(Self::Economy),
            _ => None,
        }
    }

    /// The word used in manifests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Express => "express",
            Self::Standard => "standard",
            Self::Economy => "economy",
        }
    }
}

/// How big a network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Places.
    pub places: usize,
    /// Last-mile zones.
    pub zones: usize,
    /// Services without last-mile tours.
    pub services: usize,
    /// (Board, alight) pairs, last-mile tours included.
    pub legs: usize,
    /// Departures from first stops in the window.
    pub departures: usize,
}
