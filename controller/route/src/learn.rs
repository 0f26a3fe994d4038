//! Delays learnt from what happened.
//!
//! A service's delays are a mixture of what was observed and of what is usual for services like it.
//! What is usual is that of its carrier, which is itself mixed with the mode's, and that with the
//! settings; or, where this predicts runs held out of the newest quarter better, quantiles boosted
//! from hour, length and carrier. The more observations, the less the usual counts (shrinkage, with
//! weights `n / (n + k)`; Efron and Morris: Data analysis using Stein's estimator and its
//! generalizations, JASA 70, 1975). Weather multiplies delays by a factor of its level and the
//! mode, learnt and shrunk likewise; everything else is learnt as on a calm day.
//!
//! A [`Model`] is made from runs and changes nothing; [`Network::use_model`] puts it in force.
//! [`Network::trial`] and [`Network::score`] are for whoever decides whether it does, and stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::boost::{Boost, Growth, Loss};
use crate::delay::Delay;
use crate::generator::real;
use crate::network::{Leg, Mode, Network};
use crate::time::Minute;

/// Levels of weather: 0 calm, 1 bad, 2 severe, 3 extreme.
pub(crate) const LEVELS: usize = 4;
/// Delays by level of weather.
pub(crate) type ByWeather = [Delay; LEVELS];

/// Factors on delays by level before anything is observed: judgements.
const FACTORS: [f64; LEVELS] = [1.0, 1.5, 2.5, 6.0];
/// Observations that what is usual counts for: of a mode's settings, of a mode for a carrier, of
/// what is usual for a service, of the factors for a level of weather.
const USUAL: [usize; 3] = [200, 50, 30];
const USUAL_WEATHER: f64 = 50.0;
/// The same for how many times as late as usual a service is.
const USUAL_SCALE: f64 = 8.0;
/// Minutes from which on a run counts as late in a [`Score`].
const LATE_MIN: f64 = 60.0;
/// Longest delay taken as one, in minutes; longer ones are cut.
const LATE_MAX: i32 = 20_160;
/// Most runs learnt from: the newest.
pub const RUNS_MAX: usize = 1_000_000;
/// Runs of a mode below which nothing is boosted, and rows that a boosted quantile learns from.
const BOOST_MIN: usize = 2_000;
const BOOST_MAX: usize = 20_000;
/// Quantiles that stand for a distribution.
const SHARES: [f64; 9] = [0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95];

/// A run that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Id of the service, or of the zone of a delivery tour.
    pub service: String,
    /// When it left.
    pub departed: Minute,
    /// Level of weather it met, as told by conditions; 0: calm.
    pub weather: u8,
    /// Minutes behind the timetable at arrival; early counts as 0.
    pub late_min: i32,
}

/// What was learnt of a service, for a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Learnt {
    /// Id of the service.
    pub service: String,
    /// Observations.
    pub runs: usize,
    /// Share more than 15 minutes late, observed in any weather.
    pub observed: f64,
    /// The same as the network reckons with on a calm day.
    pub shrunk: f64,
}

/// Delays learnt from runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Runs learnt from.
    pub runs: usize,
    /// By service that was observed.
    pub learnt: Vec<Learnt>,
    /// Modes whose usual delays are boosted.
    pub boosted: Vec<Mode>,
    own: BTreeMap<u32, ByWeather>,
    modes: Vec<ByWeather>,
}

/// How well delays are predicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// Runs predicted.
    pub runs: usize,
    /// Mean pinball loss over quantiles from 5 % to 95 %, in minutes; less is better.
    pub loss_min: f64,
    /// Mean probability of more than an hour.
    pub late_predicted: f64,
    /// Share more than an hour late.
    pub late_observed: f64,
    /// Share of delays at most the 90 % quantile.
    pub within_90: f64,
}

/// What a new model came to against the one in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// The model in force on the newest runs.
    pub served: Score,
    /// The new one, learnt from the runs before these.
    pub candidate: Score,
    /// Whether the new one is no worse.
    pub better: bool,
}

/// A run as it is learnt from.
struct Row {
    service: u32,
    mode: usize,
    level: usize,
    late: f64,
    hour: f64,
}

impl Row {
    /// Minutes late as on a calm day.
    fn calm(&self, factors: &[[f64; LEVELS]]) -> f64 {
        let factor = factors.get(self.mode).and_then(|mode| mode.get(self.level));
        self.late / factor.copied().unwrap_or(1.0)
    }
}

/// Delays for all levels of weather from those of a calm day.
pub(crate) fn by_weather(calm: &Delay, factors: [f64; LEVELS]) -> ByWeather {
    factors.map(|factor| calm.scaled(factor))
}

/// Before anything is observed.
pub(crate) fn usual_weather(calm: &Delay) -> ByWeather {
    by_weather(calm, FACTORS)
}

/// The factor on delays at a level of weather before anything is observed.
pub(crate) fn usual_factor(level: usize) -> f64 {
    FACTORS.get(level).copied().unwrap_or(1.0)
}

impl Network {
    /// Learns the delays of services from runs in the order of time; those of unknown services are
    /// left out, and of more than [`RUNS_MAX`] the oldest.
    #[must_use]
    pub fn learn(&self, runs: &[Arrived]) -> Model {
        let newest = runs.len().saturating_sub(RUNS_MAX);
        let rows = self.rows(runs.get(newest..).unwrap_or_default());
        let factors = factors(&rows);
        let usual = Usual::new(self, &rows, &factors);
        let mut by_service: BTreeMap<u32, Vec<&Row>> = BTreeMap::new();
        for row in &rows {
            by_service.entry(row.service).or_default().push(row);
        }
        let (mut own, mut learnt) = (BTreeMap::new(), Vec::new());
        for (number, rows) in by_service {
            let (Some(service), Some(first)) = (self.services.get(number as usize), rows.first())
            else {
                continue;
            };
            let calm: Vec<f64> = rows.iter().map(|row| row.calm(&factors)).collect();
            let prior = usual.of(self, number);
            let delay = prior.scaled(scale(&prior, &calm)).with(&calm, USUAL[2]);
            let above = rows.iter().filter(|row| row.late > 15.0).count();
            learnt.push(Learnt {
                service: service.id.clone(),
                runs: rows.len(),
                observed: real(above) / real(rows.len()),
                shrunk: 1.0 - delay.up_to(15.0),
            });
            let factors = factors.get(first.mode).copied().unwrap_or(FACTORS);
            own.insert(number, by_weather(&delay, factors));
        }
        let modes = usual.modes.iter().zip(&factors);
        Model {
            runs: rows.len(),
            learnt,
            boosted: usual.boosted(),
            own,
            modes: modes
                .map(|(calm, factors)| by_weather(calm, *factors))
                .collect(),
        }
    }

    /// Puts a model in force; `None`: the settings alone.
    pub fn use_model(&mut self, model: Option<Arc<Model>>) {
        self.model = model;
    }

    /// The model in force.
    #[must_use]
    pub const fn model(&self) -> Option<&Arc<Model>> {
        self.model.as_ref()
    }

    /// How well a model predicts runs; `None`: the settings alone.
    #[must_use]
    pub fn score(&self, model: Option<&Model>, runs: &[Arrived]) -> Score {
        let mut score = Score::default();
        for row in self.rows(runs) {
            let Some(delay) = self.delay_of(model, row.service, row.level) else {
                continue;
            };
            score.runs += 1;
            score.loss_min += loss(row.late, |share| delay.quantile(share));
            score.late_predicted += 1.0 - delay.up_to(LATE_MIN);
            score.late_observed += f64::from(u8::from(row.late > LATE_MIN));
            score.within_90 += f64::from(u8::from(row.late <= delay.quantile(0.9)));
        }
        let all = real(score.runs.max(1));
        Score {
            runs: score.runs,
            loss_min: score.loss_min / all,
            late_predicted: score.late_predicted / all,
            late_observed: score.late_observed / all,
            within_90: score.within_90 / all,
        }
    }

    /// Whether a model learnt from the older three quarters of the runs predicts the newest quarter
    /// no worse than the one in force does.
    #[must_use]
    pub fn trial(&self, served: Option<&Model>, runs: &[Arrived]) -> Trial {
        let (older, newest) = runs.split_at(runs.len() * 3 / 4);
        let candidate = self.score(Some(&self.learn(older)), newest);
        let served = self.score(served, newest);
        Trial {
            served,
            candidate,
            better: candidate.loss_min <= served.loss_min,
        }
    }

    /// How late the vehicles of a leg arrive that leave at a time.
    pub(crate) fn delay(&self, leg: &Leg, departs: Minute) -> Option<&Delay> {
        let level = self.weather_on(leg, departs);
        self.delay_of(self.model.as_deref(), leg.service, level)
    }

    fn delay_of<'a>(
        &'a self,
        model: Option<&'a Model>,
        service: u32,
        level: usize,
    ) -> Option<&'a Delay> {
        let own = model.and_then(|model| model.own.get(&service)?.get(level));
        own.or_else(|| {
            let mode = self.services.get(service as usize)?.mode;
            let modes = model.map_or(&self.delays, |model| &model.modes);
            modes.get(mode.index())?.get(level)
        })
    }

    fn rows(&self, runs: &[Arrived]) -> Vec<Row> {
        let numbers = (0u32..).zip(&self.services);
        let tours: BTreeMap<&str, u32> = numbers
            .map(|(number, service)| (service.id.as_str(), number))
            .collect();
        let row = |run: &Arrived| {
            let id = run.service.as_str();
            let known = self.service_ids.get(id).copied();
            let service = known.or_else(|| tours.get(id).copied())?;
            let mode = self.services.get(service as usize)?.mode;
            Some(Row {
                service,
                mode: mode.index(),
                level: usize::from(run.weather).min(LEVELS - 1),
                late: f64::from(run.late_min.clamp(0, LATE_MAX)),
                hour: hour(run.departed),
            })
        };
        runs.iter().filter_map(row).collect()
    }
}

/// Hour of the day in UTC.
fn hour(at: Minute) -> f64 {
    f64::from(at.0.rem_euclid(crate::time::DAY_MIN)) / 60.0
}

/// Mean pinball loss over [`SHARES`].
fn loss(late: f64, quantile: impl Fn(f64) -> f64) -> f64 {
    let of = |share: &f64| {
        let apart = late - quantile(*share);
        if apart >= 0.0 {
            share * apart
        } else {
            (share - 1.0) * apart
        }
    };
    SHARES.iter().map(of).sum::<f64>() / real(SHARES.len())
}

/// How many times as late as usual a service is: by the mean of logarithms, which few long delays
/// hardly move, shrunk.
fn scale(prior: &Delay, calm: &[f64]) -> f64 {
    let sum: f64 = calm.iter().map(|late| late.ln_1p()).sum();
    let runs = real(calm.len());
    let apart = sum / runs.max(1.0) - prior.mean_log();
    (apart * runs / (runs + USUAL_SCALE)).exp().clamp(0.1, 10.0)
}

/// Factors of weather by mode and level: mean delay against that of calm days, shrunk.
fn factors(rows: &[Row]) -> Vec<[f64; LEVELS]> {
    let of_mode = |mode: usize| {
        let mut sums = [(0.0, 0.0); LEVELS];
        for row in rows.iter().filter(|row| row.mode == mode) {
            if let Some(sum) = sums.get_mut(row.level) {
                *sum = (sum.0 + row.late, sum.1 + 1.0);
            }
        }
        let calm = sums
            .first()
            .map_or(0.0, |(late, runs)| late / f64::max(*runs, 1.0));
        let mut factors = FACTORS;
        for (factor, (late, runs)) in factors.iter_mut().zip(sums).skip(1) {
            if calm > 0.0 {
                let seen = late / calm + *factor * USUAL_WEATHER;
                *factor = (seen / (runs + USUAL_WEATHER)).max(1.0);
            }
        }
        factors
    };
    (0..Mode::ALL.len()).map(of_mode).collect()
}

/// What is usual for services like one.
struct Usual {
    modes: Vec<Delay>,
    carriers: BTreeMap<(usize, String), Delay>,
    /// By mode, where they predict better.
    boosts: Vec<Option<Vec<Boost>>>,
    /// By service: minutes from the first stop to the last, and hour of the first departure.
    shapes: Vec<(f64, f64)>,
}

impl Usual {
    fn new(network: &Network, rows: &[Row], factors: &[[f64; LEVELS]]) -> Self {
        let mut usual = Self::without_boosts(network, rows, factors);
        usual.boosts = (0..Mode::ALL.len())
            .map(|mode| usual.boost(network, rows, factors, mode))
            .collect();
        usual
    }

    fn without_boosts(network: &Network, rows: &[Row], factors: &[[f64; LEVELS]]) -> Self {
        let mut by_mode: Vec<Vec<f64>> = vec![Vec::new(); Mode::ALL.len()];
        let mut by_carrier: BTreeMap<(usize, String), Vec<f64>> = BTreeMap::new();
        for row in rows {
            let calm = row.calm(factors);
            if let Some(all) = by_mode.get_mut(row.mode) {
                all.push(calm);
            }
            if let Some(service) = network.services.get(row.service as usize) {
                let key = (row.mode, service.carrier.clone());
                by_carrier.entry(key).or_default().push(calm);
            }
        }
        let settings = network.delays.iter().filter_map(|levels| levels.first());
        let modes: Vec<Delay> = settings
            .zip(&by_mode)
            .map(|(usual, calm)| usual.with(calm, USUAL[0]))
            .collect();
        let none = Delay::none();
        let carriers = by_carrier.into_iter().map(|(key, calm)| {
            let delay = modes.get(key.0).unwrap_or(&none).with(&calm, USUAL[1]);
            (key, delay)
        });
        Self {
            carriers: carriers.collect(),
            modes,
            boosts: Vec::new(),
            shapes: shapes(network),
        }
    }

    /// By carrier, else by mode.
    fn plain(&self, network: &Network, number: u32) -> Option<&Delay> {
        let service = network.services.get(number as usize)?;
        let mode = service.mode.index();
        let own = self.carriers.get(&(mode, service.carrier.clone()));
        own.or_else(|| self.modes.get(mode))
    }

    fn of(&self, network: &Network, number: u32) -> Delay {
        let plain = self.plain(network, number);
        let mode = network.services.get(number as usize);
        let boosts = mode.and_then(|service| self.boosts.get(service.mode.index())?.as_ref());
        let (Some(boosts), Some(plain)) = (boosts, plain) else {
            return plain.cloned().unwrap_or_else(Delay::none);
        };
        let hour = self
            .shapes
            .get(number as usize)
            .map_or(0.0, |shape| shape.1);
        let features = self.features(number, hour, plain);
        Delay::of_quantiles(&predicted(boosts, &features))
    }

    fn features(&self, number: u32, hour: f64, plain: &Delay) -> [f64; 4] {
        let length = self
            .shapes
            .get(number as usize)
            .map_or(0.0, |shape| shape.0);
        [hour, length, plain.quantile(0.5), plain.quantile(0.9)]
    }

    /// Boosted quantiles of a mode, when they predict the newest quarter of its runs better than
    /// carriers alone, both learnt from the older ones.
    fn boost(
        &self,
        network: &Network,
        rows: &[Row],
        factors: &[[f64; LEVELS]],
        mode: usize,
    ) -> Option<Vec<Boost>> {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.mode == mode).collect();
        if rows.len() < BOOST_MIN {
            return None;
        }
        let (older, newest) = rows.split_at(rows.len() * 3 / 4);
        let learn = |rows: &[&Row]| {
            let step = rows.len().div_ceil(BOOST_MAX);
            let mut columns = vec![Vec::new(); 4];
            let mut values = Vec::new();
            for row in rows.iter().step_by(step) {
                let plain = self.plain(network, row.service)?;
                let features = self.features(row.service, row.hour, plain);
                for (column, feature) in columns.iter_mut().zip(features) {
                    column.push(feature);
                }
                values.push(row.calm(factors));
            }
            let one = |share| Boost::learn(&columns, &values, Loss::Quantile(share), GROWTH);
            Some(SHARES.map(one).to_vec())
        };
        let trial = learn(older)?;
        let (mut boosted, mut plainly) = (0.0, 0.0);
        for row in newest.iter().step_by(newest.len().div_ceil(BOOST_MAX)) {
            let plain = self.plain(network, row.service)?;
            let features = self.features(row.service, row.hour, plain);
            let quantiles = Delay::of_quantiles(&predicted(&trial, &features));
            boosted += loss(row.calm(factors), |share| quantiles.quantile(share));
            plainly += loss(row.calm(factors), |share| plain.quantile(share));
        }
        if boosted < plainly {
            learn(&rows)
        } else {
            None
        }
    }

    fn boosted(&self) -> Vec<Mode> {
        let modes = Mode::ALL.into_iter().zip(&self.boosts);
        let boosted = modes.filter(|(_, boosts)| boosts.is_some());
        boosted.map(|(mode, _)| mode).collect()
    }
}

/// A few deep steps: four features, some thousand rows.
const GROWTH: Growth = Growth {
    trees: 40,
    depth: 4,
    rate: 0.1,
};

/// Shares and minutes, made to rise.
fn predicted(boosts: &[Boost], features: &[f64]) -> Vec<(f64, f64)> {
    let mut most = 0.0f64;
    let pairs = SHARES.iter().zip(boosts);
    let rising = pairs.map(|(share, boost)| {
        most = most.max(boost.predict(features));
        (*share, most)
    });
    rising.collect()
}

fn shapes(network: &Network) -> Vec<(f64, f64)> {
    let first = |service: &crate::network::Service| {
        let first = service.departures.first();
        (0.0, first.map_or(0.0, |at| hour(*at)))
    };
    let mut all: Vec<(f64, f64)> = network.services.iter().map(first).collect();
    for leg in &network.legs {
        if let Some(shape) = all.get_mut(leg.service as usize) {
            shape.0 = shape.0.max(f64::from(leg.offset + leg.run));
        }
    }
    all
}
