//! Watching what changes in service, and which part it is.
//!
//! Every sight of a parcel tells how far it has come since the last one. A photo-eye that has
//! moved makes the zone before it longer by as much as it makes the zone behind it shorter; a worn
//! encoder wheel makes all zones longer in proportion; a belt that slips does so in its own zone
//! alone. A diverter that gets slower lets its parcels come later into the chute.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::topology::{EyeRole, Topology};
use crate::{Action, ChuteId, DiverterId, EyeId, LineTime, Outcome, ParcelId, Step, Ticks};

/// Weight of one parcel in a mean is 1/64.
const WEIGHT: i64 = 64;
/// Means are kept in 1/256.
const SCALE: i64 = 256;
/// Parcels before a mean says anything, and after which the first mean is what is right.
const SETTLED: u32 = 200;
/// Change of a photo-eye's place that is told, in mm.
const PLACE_MM: i64 = 8;
/// Change of the encoder's scale that is told, in parts per million.
const SCALE_PPM: i64 = 2_000;
/// Change of the time into a chute that is told, in ms.
const TRANSIT_MS: i64 = 40;
/// Classes of a diverter's times, each of [`CLASS_MS`] but the last, which holds what took longer.
pub const CLASSES: usize = 24;
/// Width of a class in milliseconds: half the change that is told, and some polls wide.
pub const CLASS_MS: u16 = 50;
/// Parcels under way that are remembered.
const OPEN_MAX: usize = 1_024;

/// A part of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "part")]
pub enum Part {
    /// The encoder's wheel.
    Encoder,
    /// A photo-eye's mounting.
    Eye {
        /// Which.
        eye: EyeId,
    },
    /// The belt before a photo-eye.
    Belt {
        /// Which.
        before: EyeId,
    },
    /// A diverter, or the chute behind it.
    Diverter {
        /// Which.
        diverter: DiverterId,
    },
}

/// A part that changes, and by how much since the watch began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    #[serde(flatten)]
    pub part: Part,
    /// Millimetres for a photo-eye and the belt, parts per million for the encoder, milliseconds
    /// for a diverter.
    pub change: i64,
}

/// A mean that moves slowly, and what it was when it had settled.
#[derive(Clone, Copy, Debug, Default)]
struct Drift {
    mean: i64,
    first: i64,
    count: u32,
}

impl Drift {
    fn add(&mut self, value: i64) {
        self.count = self.count.saturating_add(1);
        let weight = i64::from(self.count).clamp(1, WEIGHT);
        let value = value.saturating_mul(SCALE);
        let step = value.saturating_sub(self.mean).checked_div(weight);
        self.mean = self.mean.saturating_add(step.unwrap_or(0));
        if self.count == SETTLED {
            self.first = self.mean;
        }
    }

    /// Change since it had settled, in 1/256; `None` before.
    const fn change(&self) -> Option<i64> {
        if self.count > SETTLED {
            Some(self.mean.saturating_sub(self.first))
        } else {
            None
        }
    }
}

/// How long a diverter's parcels take from the stroke to their chute's photo-eye.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiverterTimes {
    /// Which.
    pub diverter: DiverterId,
    /// Parcels it put into its chute.
    pub parcels: u32,
    /// Mean of the last ones, in milliseconds.
    pub mean_ms: i64,
    /// Change of the mean since the watch began, in milliseconds; absent before 200 parcels.
    pub change_ms: Option<i64>,
    /// Parcels by class of [`CLASS_MS`].
    pub classes: [u32; CLASSES],
}

/// Times of one diverter.
#[derive(Clone, Copy, Debug, Default)]
struct Transit {
    drift: Drift,
    classes: [u32; CLASSES],
}

impl Transit {
    fn add(&mut self, ms: i64) {
        self.drift.add(ms);
        let class = ms.checked_div(CLASS_MS.into()).unwrap_or(0);
        let class = usize::try_from(class).unwrap_or(0);
        let class = class.min(CLASSES.saturating_sub(1));
        if let Some(parcels) = self.classes.get_mut(class) {
            *parcels = parcels.saturating_add(1);
        }
    }
}

/// The watch over one line.
#[derive(Debug)]
pub struct Wear {
    topology: Topology,
    /// Photo-eyes on the belt in the order of travel, induction first, with their places in mm.
    eyes: Vec<(EyeId, i64)>,
    /// Deviation at the end of the zone that each photo-eye but the first ends.
    zones: Vec<Drift>,
    /// Last photo-eye that saw a parcel, and when.
    last: BTreeMap<ParcelId, (usize, Ticks)>,
    fired: BTreeMap<ParcelId, (DiverterId, LineTime)>,
    transits: BTreeMap<DiverterId, Transit>,
}

impl Wear {
    /// A watch that begins with the line as it is.
    #[must_use]
    pub fn new(topology: Topology) -> Self {
        let on_belt = |role| matches!(role, EyeRole::Induct | EyeRole::Track);
        let eyes = topology.config().eyes.iter();
        let mut eyes: Vec<(EyeId, i64)> = eyes
            .filter(|eye| on_belt(eye.role))
            .map(|eye| (eye.id, i64::from(eye.position_mm)))
            .collect();
        eyes.sort_by_key(|(id, at)| (*at, *id));
        Self {
            zones: vec![Drift::default(); eyes.len()],
            eyes,
            topology,
            last: BTreeMap::new(),
            fired: BTreeMap::new(),
            transits: BTreeMap::new(),
        }
    }

    /// Takes in what a line has told at line time `now`.
    pub fn handle_action(&mut self, now: LineTime, action: &Action) {
        let Action::Parcel { parcel, step } = action else {
            return;
        };
        match step {
            Step::Inducted { eye, at, .. } | Step::Seen { eye, at, .. } => {
                self.seen(*parcel, *eye, *at);
            }
            Step::Commanded { diverter, .. } => {
                self.fired.insert(*parcel, (*diverter, now));
            }
            Step::Fired { .. } => {
                if let Some(fired) = self.fired.get_mut(parcel) {
                    fired.1 = now;
                }
            }
            Step::Ended { outcome } => self.ended(*parcel, *outcome, now),
            Step::Measured { .. }
            | Step::Read { .. }
            | Step::Resolved { .. }
            | Step::Duplicate { .. }
            | Step::Decided { .. }
            | Step::Aborted { .. }
            | Step::Doubted { .. }
            | Step::Recirculated { .. } => {}
        }
        while self.last.len() > OPEN_MAX {
            self.last.pop_first();
        }
        while self.fired.len() > OPEN_MAX {
            self.fired.pop_first();
        }
    }

    /// A parcel's way between two photo-eyes, as the encoder counts it, against that on the drawing.
    /// What the tracker expected does not count: it learns what it finds, and forgets what was.
    fn seen(&mut self, parcel: ParcelId, eye: EyeId, at: Ticks) {
        let Some(index) = self.eyes.iter().position(|(known, _)| *known == eye) else {
            return;
        };
        let Some((before, since)) = self.last.insert(parcel, (index, at)) else {
            return;
        };
        if before.saturating_add(1) != index {
            return;
        }
        let place = |index: usize| self.eyes.get(index).map_or(0, |(_, at)| *at);
        let way = place(index).saturating_sub(place(before));
        let travel = self.topology.mm(i64::from(at.signed_since(since)));
        if let Some(zone) = self.zones.get_mut(index) {
            zone.add(travel.saturating_sub(way));
        }
    }

    fn ended(&mut self, parcel: ParcelId, outcome: Outcome, now: LineTime) {
        self.last.remove(&parcel);
        let Some((diverter, since)) = self.fired.remove(&parcel) else {
            return;
        };
        let chute = |id: ChuteId| self.topology.diverter_of(id).map(|known| known.id);
        if let Outcome::Sorted { chute: seen } = outcome
            && chute(seen) == Some(diverter)
        {
            let ms = i64::try_from(now.since(since) / 1_000).unwrap_or(i64::MAX);
            self.transits.entry(diverter).or_default().add(ms);
        }
    }

    /// The parts that have changed, the belt's order first.
    pub fn findings(&self) -> Vec<Finding> {
        let mut found = self.along_the_belt();
        for (diverter, transit) in &self.transits {
            let change = transit.drift.change().unwrap_or(0) / SCALE;
            if change.abs() >= TRANSIT_MS {
                let part = Part::Diverter {
                    diverter: *diverter,
                };
                found.push(Finding { part, change });
            }
        }
        found
    }

    /// Times of every diverter that put a parcel into its chute.
    pub fn diverters(&self) -> Vec<DiverterTimes> {
        let times = |(diverter, transit): (&DiverterId, &Transit)| DiverterTimes {
            diverter: *diverter,
            parcels: transit.drift.count,
            mean_ms: transit.drift.mean / SCALE,
            change_ms: transit.drift.change().map(|change| change / SCALE),
            classes: transit.classes,
        };
        self.transits.iter().map(times).collect()
    }

    /// Changes of zones, in mm; `None` while one is not known.
    fn changes(&self) -> Option<Vec<i64>> {
        let zones = self.zones.iter().skip(1);
        let changes = zones.map(|zone| Some(zone.change()? / SCALE));
        changes.collect()
    }

    fn along_the_belt(&self) -> Vec<Finding> {
        let Some(mut changes) = self.changes() else {
            return Vec::new();
        };
        let mut found = Vec::new();
        if let Some(ppm) = self.scale(&changes) {
            found.push(Finding {
                part: Part::Encoder,
                change: ppm,
            });
            for (change, length) in changes.iter_mut().zip(self.lengths()) {
                *change = change.saturating_sub(length.saturating_mul(ppm) / 1_000_000);
            }
        }
        let mut carried = 0_i64;
        let eyes = self.eyes.iter().skip(1).map(|(id, _)| *id);
        let behind: Vec<i64> = changes.iter().skip(1).copied().collect();
        for ((eye, change), next) in eyes
            .zip(changes)
            .zip(behind.into_iter().map(Some).chain([None]))
        {
            // What an eye that moved took from the zone behind it.
            let own = change.saturating_add(carried);
            carried = 0;
            if own.abs() < PLACE_MM {
                continue;
            }
            let given_back = next.is_some_and(|next| {
                next.signum() == own.signum().saturating_neg()
                    && next.saturating_add(own).abs() < PLACE_MM
            });
            let part = if given_back {
                carried = own;
                Part::Eye { eye }
            } else {
                Part::Belt { before: eye }
            };
            found.push(Finding { part, change: own });
        }
        found
    }

    fn lengths(&self) -> impl Iterator<Item = i64> {
        let pairs = self.eyes.iter().zip(self.eyes.iter().skip(1));
        pairs.map(|((_, from), (_, to))| to.saturating_sub(*from))
    }

    /// The change that all zones share in proportion to their length, where they do.
    fn scale(&self, changes: &[i64]) -> Option<i64> {
        let all: i64 = changes.iter().fold(0, |sum, one| sum.saturating_add(*one));
        let length: i64 = self.lengths().fold(0, i64::saturating_add);
        let ppm = all.saturating_mul(1_000_000).checked_div(length)?;
        let alike = changes.iter().zip(self.lengths()).all(|(change, length)| {
            let share = length.saturating_mul(ppm) / 1_000_000;
            change.saturating_sub(share).abs() < PLACE_MM / 2
        });
        (changes.len() > 1 && alike && ppm.abs() >= SCALE_PPM).then_some(ppm)
    }
}
