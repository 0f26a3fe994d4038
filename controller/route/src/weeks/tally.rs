//! What is predicted of a parcel's routes, and sums over what became of them.

use super::{Chosen, HeldOut, Weeks};
use crate::forecast::Expected;
use crate::generator::real;
use crate::learn::Score;
use crate::micros::Micros;
use crate::network::{Level, Network, Node};
use crate::options::{Query, RouteOption};
use crate::risk::{Arrivals, When};
use crate::search::Step;
use crate::table::TYPICAL_G;
use crate::time::Minute;

/// A route with what is predicted of it.
pub(super) struct Choice {
    pub(super) steps: Vec<Step>,
    pub(super) cost: Micros,
    pub(super) chance: f64,
    pub(super) when: When,
    pub(super) mean: Option<Minute>,
}

/// The routes of one zone and time.
pub(super) struct Choices {
    pub(super) promise: Minute,
    pub(super) fastest: Choice,
    pub(super) aware: Choice,
}

impl Choices {
    pub(super) fn new(
        network: &Network,
        arrivals: &mut Arrivals,
        (zone, routes): (Node, &[Vec<Step>]),
        grace_h: u8,
    ) -> Option<Self> {
        let earliest = routes.iter().filter_map(|steps| steps.last());
        let promise = earliest.map(|step| step.ready).min()?;
        let promise = promise.after(i32::from(grace_h) * 60);
        let query = Query {
            from: zone,
            to: zone,
            ready: arrivals.ready(),
            weight_g: TYPICAL_G,
            level: Level::Standard,
            promise: Some(promise),
            options: 1,
        };
        let ranked = network.ranked(&query, routes, arrivals);
        let fastest = ranked
            .iter()
            .min_by_key(|option| (option.arrive, option.cost))?;
        let mut choice = |option: &RouteOption| {
            let when: When = arrivals.after(network, &option.steps);
            Choice {
                steps: option.steps.clone(),
                cost: option.cost,
                chance: option.on_time_probability,
                mean: when.mean(),
                when,
            }
        };
        Some(Self {
            promise,
            fastest: choice(fastest),
            aware: choice(ranked.first()?),
        })
    }
}

#[derive(Default)]
pub(super) struct Sums {
    pub(super) parcels: usize,
    pub(super) on_time: usize,
    pub(super) arrived: usize,
    pub(super) chances: f64,
    pub(super) cost: Micros,
    pub(super) hours: f64,
    pub(super) predicted: f64,
}

impl Sums {
    fn chosen(&self) -> Chosen {
        let parcels = real(self.parcels.max(1));
        let arrived = real(self.arrived.max(1));
        Chosen {
            on_time_share: real(self.on_time) / parcels,
            mean_cost: self.cost.mean_of(self.parcels),
            mean_hours: self.hours / arrived,
            predicted_hours: self.predicted / arrived,
        }
    }
}

#[derive(Default)]
pub(super) struct Tally {
    /// By the fastest route, and by Sortline's.
    pub(super) ways: [Sums; 2],
    /// Probabilities with what became of them.
    pub(super) checks: Vec<(f64, bool)>,
    pub(super) within: usize,
    /// Distance and sum of volumes.
    pub(super) volumes: (f64, f64),
    /// Days and zones with at most the volume expected for nine of ten, and all.
    pub(super) expected: (usize, usize),
}

impl Tally {
    pub(super) fn volume(&mut self, expected: &Expected, actual: u32) {
        let parcels = f64::from(actual);
        self.volumes.0 += (expected.mean - parcels).abs();
        self.volumes.1 += parcels;
        self.expected.0 += usize::from(actual <= expected.quantile);
        self.expected.1 += 1;
    }

    pub(super) fn result(
        &self,
        weeks: &Weeks,
        runs: usize,
        (model, settings): (Score, Score),
    ) -> HeldOut {
        let [fastest, sortline] = [&self.ways[0], &self.ways[1]].map(Sums::chosen);
        let all = real(self.checks.len().max(1));
        let late = |chosen: &Chosen| 1.0 - chosen.on_time_share;
        let share = self.checks.iter().filter(|(_, kept)| *kept).count();
        let share = real(share) / all;
        let square = |chance: f64, kept: bool| (chance - f64::from(u8::from(kept))).powi(2);
        let checks = self.checks.iter();
        HeldOut {
            sky: weeks.sky,
            weeks: weeks.held_out,
            runs,
            predicted_on_time: self.ways[1].chances / real(self.ways[1].parcels.max(1)),
            parcels: self.ways[0].parcels,
            fewer_late: 1.0 - late(&sortline) / late(&fastest).max(1e-9),
            dearer: sortline.mean_cost / fastest.mean_cost.max(1e-9) - 1.0,
            fastest,
            sortline,
            calibration_error: calibration(&self.checks),
            within_90: real(self.within) / all,
            brier: checks
                .map(|(chance, kept)| square(*chance, *kept))
                .sum::<f64>()
                / all,
            brier_climatology: share * (1.0 - share),
            model,
            settings,
            volume_error: self.volumes.0 / self.volumes.1.max(1e-9),
            volumes_within: real(self.expected.0) / real(self.expected.1.max(1)),
        }
    }
}

/// Mean distance of probabilities from shares, over ten bins of equal width.
fn calibration(checks: &[(f64, bool)]) -> f64 {
    let mut bins = [(0.0, 0.0); 10];
    for (chance, kept) in checks {
        let bin = (1..10).filter(|edge| *chance >= real(*edge) / 10.0).count();
        if let Some(bin) = bins.get_mut(bin) {
            *bin = (bin.0 + chance, bin.1 + f64::from(u8::from(*kept)));
        }
    }
    let apart = bins.iter().map(|bin| (bin.0 - bin.1).abs()).sum::<f64>();
    apart / real(checks.len().max(1))
}
