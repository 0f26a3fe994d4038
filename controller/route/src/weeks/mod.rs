//! Weeks of a site in simulation: how well risks are predicted, and what choosing by them gains.
//!
//! Every service is late in its own way, which nobody knows, and weather makes it later; a run is
//! as late for all its parcels. In the first weeks only runs are observed, and delays learnt from
//! them. In the weeks after, which nothing was learnt from, parcels travel by the fastest route and
//! by the one that Sortline takes for its risk; arrivals and probabilities predicted are compared
//! with what happened. Weather is forecast, not always rightly. In adversarial weeks storms stand
//! over the places that most routes use, when they are used.

mod sky;
mod tally;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::conditions::{BadCondition, Change, Condition};
use crate::forecast::{Volume, expect};
use crate::generator::{Draw, real};
use crate::learn::{Arrived, LEVELS, Score};
use crate::network::{Leg, Network, Node};
use crate::risk::Arrivals;
use crate::search::Step;
use crate::table::site_routes;
use crate::time::{DAY_MIN, Minute};
pub use sky::Sky;
use sky::{Spell, spell, stands_out};
use tally::{Choices, Tally};

/// Hours of the day at which parcels get ready.
const WAVES: [i32; 4] = [6, 12, 18, 22];
/// Days ahead that weather is forecast.
const FORECAST_DAYS: i32 = 3;
/// By how much weather really multiplies delays: unknown to whoever predicts.
const TRUTH: [f64; LEVELS] = [1.0, 1.8, 3.2, 7.0];
/// Places that storms are put over in adversarial weeks.
const TARGETS: usize = 6;
/// Zones that parcels go to at most.
const ZONES_MAX: usize = 120;
/// Days after the last parcel within which all arrive.
const AFTER_DAYS: i32 = 21;

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weeks {
    /// The site.
    pub origin: Node,
    /// First minute of the week that is repeated; the network's window must hold it and four weeks.
    pub from: Minute,
    /// Weeks whose runs are learnt from.
    pub learnt: usize,
    /// Weeks after them.
    pub held_out: usize,
    /// Parcels of each.
    pub parcels: usize,
    /// A parcel is promised so many hours after its earliest arrival by timetable.
    pub grace_h: u8,
    /// Weather.
    pub sky: Sky,
    /// The same seed gives the same weeks.
    pub seed: u64,
}

/// How parcels fared by one way to choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Chosen {
    /// Of all parcels, those that kept their promise, as a share.
    pub on_time_share: f64,
    /// Mean price.
    pub mean_cost: f64,
    /// Mean hours from readiness to arrival.
    pub mean_hours: f64,
    /// Mean hours predicted, with delays.
    pub predicted_hours: f64,
}

/// What held-out weeks gave.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeldOut {
    /// Weather.
    pub sky: Sky,
    /// Weeks held out.
    pub weeks: usize,
    /// Runs learnt from.
    pub runs: usize,
    /// Parcels by each way.
    pub parcels: usize,
    /// By the fastest route.
    pub fastest: Chosen,
    /// By Sortline's.
    pub sortline: Chosen,
    /// Mean probability of keeping the promise that was predicted for Sortline's routes.
    pub predicted_on_time: f64,
    /// By how much fewer parcels are late, as a share of those late by the fastest route.
    pub fewer_late: f64,
    /// By how much dearer, as a share.
    pub dearer: f64,
    /// Mean distance of probabilities of keeping the promise from the shares that did, over ten
    /// bins, by the count of each.
    pub calibration_error: f64,
    /// Share of arrivals that were predicted to be later than 5 % and earlier than 5 % of all.
    pub within_90: f64,
    /// Mean square error of the probability.
    pub brier: f64,
    /// The same of the share of all.
    pub brier_climatology: f64,
    /// The learnt delays on the runs of the weeks held out.
    pub model: Score,
    /// The settings alone on them.
    pub settings: Score,
    /// Volumes forecast from the weeks learnt from, by zone and day: mean distance from the actual
    /// ones as a share of their mean.
    pub volume_error: f64,
    /// Share of zones and days with at most the volume that nine of ten days should have.
    pub volumes_within: f64,
}

/// Simulates weeks. The network has no conditions and no model afterwards.
///
/// # Errors
/// Never in practice: the weather drawn names what the network has.
pub fn simulate(network: &mut Network, weeks: &Weeks) -> Result<HeldOut, BadCondition> {
    network.set_conditions(&[])?;
    network.use_model(None);
    let world = World::new(network, weeks);
    let runs = |range: core::ops::Range<usize>| -> Vec<Arrived> {
        range.flat_map(|week| world.runs(network, week)).collect()
    };
    let all = weeks.learnt + weeks.held_out;
    let history = runs(0..weeks.learnt);
    let model = network.learn(&history);
    let later = runs(weeks.learnt..all);
    let score = (
        network.score(Some(&model), &later),
        network.score(None, &later),
    );
    network.use_model(Some(Arc::new(model)));
    let mut tally = Tally::default();
    world.volumes(&mut tally);
    for week in weeks.learnt..all {
        world.week(network, week, &mut tally)?;
    }
    network.set_conditions(&[])?;
    network.use_model(None);
    Ok(tally.result(weeks, history.len(), score))
}

/// What really happens.
struct World {
    weeks: Weeks,
    zones: Vec<Node>,
    /// By service: how much later than its mode it is.
    slow: Vec<f64>,
    /// By week and place: storms and bad weather.
    skies: Vec<BTreeMap<Node, Vec<Spell>>>,
    volume: Vec<f64>,
}

impl World {
    fn new(network: &Network, weeks: &Weeks) -> Self {
        let mut draw = Draw::new(weeks.seed);
        let services = network.services.iter();
        let slow = services.map(|_| (0.5 * draw.normal()).exp()).collect();
        let zones = network.nodes().filter(|(_, info)| info.kind.is_none());
        let mut zones: Vec<Node> = zones.map(|(node, _)| node).collect();
        while zones.len() > ZONES_MAX {
            zones.swap_remove(draw.below(zones.len()));
        }
        let volume = zones.iter().map(|_| draw.real(0.2, 2.0)).collect();
        let mut world = Self {
            weeks: *weeks,
            zones,
            slow,
            skies: Vec::new(),
            volume,
        };
        let used = world.used(network);
        for _ in 0..weeks.learnt + weeks.held_out {
            let sky = world.sky(network, &used, &mut draw);
            world.skies.push(sky);
        }
        world
    }

    /// Places that the fastest routes go through, the most used first, with times of passing.
    fn used(&self, network: &Network) -> Vec<(Node, Vec<Minute>)> {
        let mut all: BTreeMap<Node, Vec<Minute>> = BTreeMap::new();
        for day in 0..7 {
            let ready = self.weeks.from.after(day * DAY_MIN + 18 * 60);
            let routes = site_routes(network, self.weeks.origin, ready);
            for (_, routes) in routes.iter().filter(|(zone, _)| self.zones.contains(zone)) {
                for step in routes.iter().take(1).flatten() {
                    let leg = network.leg(step.leg);
                    let end = leg.filter(|leg| !network.is_zone(leg.to));
                    if let Some(leg) = end {
                        all.entry(leg.to).or_default().push(step.ready);
                    }
                }
            }
        }
        let mut used: Vec<(Node, Vec<Minute>)> = all.into_iter().collect();
        used.sort_by_key(|(node, times)| (core::cmp::Reverse(times.len()), *node));
        used
    }

    fn sky(
        &self,
        network: &Network,
        used: &[(Node, Vec<Minute>)],
        draw: &mut Draw,
    ) -> BTreeMap<Node, Vec<Spell>> {
        let mut all: BTreeMap<Node, Vec<Spell>> = BTreeMap::new();
        let mut add = |spell: Spell| all.entry(spell.place).or_default().push(spell);
        let days = 7 + AFTER_DAYS / 3;
        for (place, _) in network.nodes().filter(|(_, info)| stands_out(info.kind)) {
            for day in 0..days {
                let level = match draw.below(1_000) {
                    0..15 => 2,
                    15..65 => 1,
                    _ => continue,
                };
                let from = self.weeks.from.after(day * DAY_MIN);
                add(spell(place, from, 24, level, draw));
            }
        }
        if self.weeks.sky == Sky::Adversarial {
            for (place, times) in used.iter().take(TARGETS) {
                // Over the place just when most of its parcels are there.
                let at = times.get(draw.below(times.len()));
                if let Some(at) = at {
                    let hours = i32::try_from(draw.between(18, 48)).unwrap_or(24);
                    add(spell(*place, at.after(-hours * 30), hours, 3, draw));
                }
            }
        }
        all
    }

    /// Level of weather on a leg, as it is or as it was forecast.
    fn level(&self, week: usize, leg: &Leg, departs: Minute, of: fn(&Spell) -> usize) -> usize {
        let over = |place: Node, at: Minute| {
            let spells = self.skies.get(week).and_then(|sky| sky.get(&place));
            let spells = spells.into_iter().flatten();
            spells.filter(move |spell| spell.from <= at && at < spell.to)
        };
        let there = over(leg.from, departs).chain(over(leg.to, departs.after(leg.run)));
        there.map(of).max().unwrap_or(0)
    }

    /// How late a run really is on a leg, in minutes; the same for all its parcels.
    fn late(&self, network: &Network, week: usize, leg: &Leg, departs: Minute) -> f64 {
        let start = u64::from(departs.after(-leg.offset).0.unsigned_abs());
        let run = (u64::from(leg.service) << 32) | start;
        let mut draw = Draw::new(self.weeks.seed ^ run.rotate_left(17) ^ (real_bits(week) << 7));
        let slow = self.slow.get(leg.service as usize).copied().unwrap_or(1.0);
        let weather = self.level(week, leg, departs, |spell| spell.level);
        let mode = network
            .service(leg)
            .map_or(0, |service| service.mode.index());
        let row = network.usual.get(mode).copied().unwrap_or_default();
        let factor = TRUTH.get(weather).copied().unwrap_or(1.0);
        draw.minutes(row.p50_min, row.p90_min) * slow * factor
    }

    /// The runs of a week that were seen to arrive: each of a service's first leg.
    fn runs(&self, network: &Network, week: usize) -> Vec<Arrived> {
        let mut first: BTreeMap<u32, &Leg> = BTreeMap::new();
        for leg in network.legs.iter().filter(|leg| leg.offset == 0) {
            first.entry(leg.service).or_insert(leg);
        }
        let shift = i32::try_from(week).unwrap_or(0) * 7 * DAY_MIN;
        let end = self.weeks.from.after(7 * DAY_MIN);
        let mut all = Vec::new();
        for leg in first.values() {
            let Some(service) = network.service(leg) else {
                continue;
            };
            let here = service.departures.iter();
            for departs in here.filter(|at| self.weeks.from <= **at && **at < end) {
                let late = self.late(network, week, leg, *departs);
                let forecast = self.level(week, leg, *departs, |spell| spell.forecast);
                all.push(Arrived {
                    service: service.id.clone(),
                    departed: departs.after(shift),
                    weather: u8::try_from(forecast).unwrap_or(0),
                    late_min: crate::simulate::up(late),
                });
            }
        }
        all.sort_by_key(|run| run.departed);
        all
    }

    /// Sends a week of parcels.
    fn week(
        &self,
        network: &mut Network,
        week: usize,
        tally: &mut Tally,
    ) -> Result<(), BadCondition> {
        let seed = self
            .weeks
            .seed
            .wrapping_mul(31)
            .wrapping_add(real_bits(week));
        let mut draw = Draw::new(seed);
        for day in 0..7 {
            network.set_conditions(&self.known(network, week, day))?;
            for hour in WAVES {
                let ready = self.weeks.from.after(day * DAY_MIN + hour * 60);
                let routes = site_routes(network, self.weeks.origin, ready);
                let mut arrivals = Arrivals::new(ready);
                for (zone, routes) in &routes {
                    let Some(index) = self.zones.iter().position(|one| one == zone) else {
                        continue;
                    };
                    let parcels = self.parcels(week, (day, hour), index);
                    if parcels == 0 {
                        continue;
                    }
                    let choices =
                        Choices::new(network, &mut arrivals, (*zone, routes), self.weeks.grace_h);
                    if let Some(choices) = choices {
                        let group = (week, ready, parcels);
                        self.send(network, &choices, group, (&mut draw, tally));
                    }
                }
            }
        }
        Ok(())
    }

    /// Parcels of a zone that get ready at an hour of a day.
    fn parcels(&self, week: usize, (day, hour): (i32, i32), zone: usize) -> usize {
        let slots = 7 * WAVES.len() * self.zones.len();
        let mean = real(self.weeks.parcels) / real(slots.max(1));
        let share = self.volume.get(zone).copied().unwrap_or(1.0);
        let slot = u64::from((day * 24 + hour).unsigned_abs());
        let cell = (real_bits(week) << 40) | (real_bits(zone) << 20) | slot;
        let mut draw = Draw::new(self.weeks.seed.wrapping_mul(17) ^ cell.wrapping_mul(0x9e37_79b9));
        poisson(mean * share, &mut draw)
    }

    /// Parcels of a zone on a day.
    fn volume(&self, week: usize, day: i32, zone: usize) -> Volume {
        let waves = WAVES.iter();
        let parcels: usize = waves
            .map(|hour| self.parcels(week, (day, *hour), zone))
            .sum();
        Volume {
            lane: format!("{zone:04}"),
            day: i32::try_from(week).unwrap_or(0) * 7 + day,
            wave: 0,
            parcels: u32::try_from(parcels).unwrap_or(u32::MAX),
        }
    }

    /// Compares volumes forecast from the weeks learnt from with those of the weeks after.
    fn volumes(&self, tally: &mut Tally) {
        let zones = 0..self.zones.len();
        let mut history: Vec<Volume> = Vec::new();
        for week in 0..self.weeks.learnt {
            for day in 0..7 {
                history.extend(zones.clone().map(|zone| self.volume(week, day, zone)));
            }
        }
        for week in self.weeks.learnt..self.weeks.learnt + self.weeks.held_out {
            for day in 0..7 {
                let number = i32::try_from(week).unwrap_or(0) * 7 + day;
                for (expected, zone) in expect(&history, number, 0.9).iter().zip(zones.clone()) {
                    tally.volume(expected, self.volume(week, day, zone).parcels);
                }
            }
        }
    }

    /// The weather that is forecast on a day.
    fn known(&self, network: &Network, week: usize, day: i32) -> Vec<Condition> {
        let until = self.weeks.from.after((day + FORECAST_DAYS) * DAY_MIN);
        let all = self.skies.get(week).into_iter().flat_map(BTreeMap::values);
        let known = all
            .flatten()
            .filter(|spell| spell.from < until && spell.forecast > 0);
        let condition = |(index, spell): (usize, &Spell)| Condition {
            id: format!("w{index}"),
            from: spell.from,
            to: spell.to,
            change: Change::Weather {
                place: network.id(spell.place).to_owned(),
                level: u8::try_from(spell.forecast).unwrap_or(1),
            },
            reason: "forecast".to_owned(),
        };
        known.enumerate().map(condition).collect()
    }

    fn send(
        &self,
        network: &Network,
        choices: &Choices,
        (week, ready, parcels): (usize, Minute, usize),
        (draw, tally): (&mut Draw, &mut Tally),
    ) {
        for _ in 0..parcels {
            for (choice, sums) in [&choices.fastest, &choices.aware]
                .into_iter()
                .zip(&mut tally.ways)
            {
                let arrive = self.travel(network, week, (&choice.steps, ready), draw);
                let on_time = arrive.is_some_and(|arrive| arrive <= choices.promise);
                let within = arrive.is_some_and(|arrive| {
                    let share = choice.when.by(arrive);
                    (0.05..=0.95).contains(&share)
                });
                sums.parcels += 1;
                sums.chances += choice.chance;
                sums.on_time += usize::from(on_time);
                sums.cost = sums.cost.plus(choice.cost);
                let hours = |at: Minute| f64::from(at.since(ready)) / 60.0;
                if let Some((actual, predicted)) = arrive.zip(choice.mean) {
                    sums.hours += hours(actual);
                    sums.predicted += hours(predicted);
                    sums.arrived += 1;
                }
                tally.checks.push((choice.chance, on_time));
                tally.within += usize::from(within);
            }
        }
    }

    /// When a parcel really arrives.
    fn travel(
        &self,
        network: &Network,
        week: usize,
        (steps, ready): (&[Step], Minute),
        draw: &mut Draw,
    ) -> Option<Minute> {
        steps.iter().try_fold(ready, |now, step| {
            let leg = network.leg(step.leg)?;
            let run = network.next_run(step.leg, now)?;
            let departs = Minute(run.board).after(leg.cutoff);
            let late = self.late(network, week, leg, departs);
            network.end_of(leg, Minute(run.arrive), late, draw)
        })
    }
}

fn real_bits(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// A number of events with this mean (Knuth: The Art of Computer Programming 2, 3.4.1).
fn poisson(mean: f64, draw: &mut Draw) -> usize {
    const MOST: usize = 1_000;
    let least = (-mean).exp();
    let mut product = draw.part();
    let mut events = 0;
    while product > least && events < MOST {
        product *= draw.part();
        events += 1;
    }
    events
}
