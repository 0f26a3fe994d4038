//! The shift report: what the physics saw beside what the controller believes.

use std::collections::BTreeMap;

use serde::Serialize;
use sortline_sim::serve::plant::Truth;

use crate::latency::Latency;
use crate::live::{Counts, Model};

/// A shift on the simulated line.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Seed of the plant.
    pub seed: u64,
    /// Parcels that came onto the line, by the physics; so are the next ones.
    pub inducted: u64,
    /// Parcels in a chute that is right for them.
    pub sorted: u64,
    /// Parcels in the reject chute.
    pub rejected: u64,
    /// Parcels gone.
    pub lost: u64,
    /// Parcels in a wrong chute.
    pub missort: u64,
    /// Parcels taken off by hand.
    pub removed: u64,
    /// Parcels still on the line.
    pub on_belt: u64,
    /// Laps.
    pub recirculations: u64,
    /// Why parcels were rejected, by the controller.
    pub reject_causes: BTreeMap<String, u64>,
    /// Faults of the plant that took effect.
    pub faults_fired: BTreeMap<&'static str, u64>,
    /// Seconds since the belt was started.
    pub running_s: f64,
    /// New parcels per hour between the first and the last induction.
    pub parcels_per_hour: f64,
    /// Share of the parcels that were read.
    pub read_rate: f64,
    /// From induction to the stroke command handed to the fieldbus, milliseconds.
    pub stroke_ms: Percentiles,
    /// Reading of a frame by camera, milliseconds, median.
    pub read_ms_p50: BTreeMap<u8, f64>,
    /// What the controller counted.
    pub controller: Counts,
    /// What must never happen and did; empty when all is well.
    pub violations: Vec<String>,
}

/// Percentiles of a duration, milliseconds; absent without measurements.
#[derive(Debug, Serialize)]
pub struct Percentiles {
    /// Median.
    pub p50: Option<f64>,
    /// Of a hundred, ninety-nine are below.
    pub p99: Option<f64>,
}

impl Report {
    /// Compares the physics with the controller.
    pub fn new(
        truth: &Truth,
        model: &Model,
        latency: &Latency,
        read_ms_p50: BTreeMap<u8, f64>,
    ) -> Self {
        let counts = model.counts();
        let at = |permille| latency.percentile(permille).map(milliseconds);
        Self {
            seed: truth.seed,
            inducted: truth.inducted,
            sorted: truth.sorted,
            rejected: truth.rejected,
            lost: truth.lost,
            missort: truth.missort,
            removed: truth.removed,
            on_belt: truth.on_belt,
            recirculations: truth.recirculations,
            reject_causes: counts.reject_causes.clone(),
            faults_fired: truth.faults_fired.clone(),
            running_s: truth.running_s,
            parcels_per_hour: model.per_hour(),
            read_rate: counts.read_rate(),
            stroke_ms: Percentiles {
                p50: at(500),
                p99: at(990),
            },
            read_ms_p50,
            controller: counts.clone(),
            violations: violations(truth, counts, model.open()),
        }
    }

    /// The report for people.
    pub fn in_words(&self) -> String {
        let causes = self
            .reject_causes
            .iter()
            .map(|(cause, count)| format!("{cause} {count}"));
        let causes = causes.collect::<Vec<_>>().join(", ");
        let or_none = |text: String| {
            if text.is_empty() {
                "none".to_owned()
            } else {
                text
            }
        };
        let stroke = |value: Option<f64>| value.map_or("-".to_owned(), |ms| format!("{ms:.0} ms"));
        format!(
            "inducted {} at {} an hour, sorted {}, rejected {} ({}), missort {}, lost {}, laps \
             {}\nread rate {:.1} %\ninduction to stroke command: median {}, 99 % below \
             {}\nviolations: {}\n",
            self.inducted,
            self.parcels_per_hour,
            self.sorted,
            self.rejected,
            or_none(causes),
            self.missort,
            self.lost,
            self.recirculations,
            self.read_rate * 100.0,
            stroke(self.stroke_ms.p50),
            stroke(self.stroke_ms.p99),
            or_none(self.violations.join("; ")),
        )
    }
}

fn violations(truth: &Truth, counts: &Counts, open: usize) -> Vec<String> {
    let mut all = truth.violations.clone();
    let mut must = |holds: bool, text: String| {
        if !holds {
            all.push(text);
        }
    };
    must(
        truth.missort == 0,
        format!("{} parcels lie in a wrong chute", truth.missort),
    );
    let accounted =
        truth.sorted + truth.rejected + truth.lost + truth.missort + truth.removed + truth.on_belt;
    let missing = format!(
        "of {} parcels {accounted} are accounted for",
        truth.inducted
    );
    must(truth.inducted == accounted, missing);
    must(
        counts.missort == 0,
        format!("the controller saw {} missorts", counts.missort),
    );
    must(
        open == 0 || truth.on_belt > 0,
        format!("{open} parcels have no outcome"),
    );
    let ended = counts.ended();
    let double = format!("{} parcels have {ended} outcomes", counts.inducted);
    must(ended <= counts.inducted, double);
    all
}

fn milliseconds(micros: u64) -> f64 {
    std::time::Duration::from_micros(micros).as_secs_f64() * 1_000.0
}
