//! What an assignment of parts to chutes comes to.

use super::{Figures, Part, Task};

/// Parcels of a handling unit, such as a roll container: one walk each.
const UNIT: i64 = 40;

/// Parcels by chute and wave.
#[derive(Clone, Debug)]
pub(crate) struct Loads {
    waves: usize,
    parcels: Vec<i64>,
    /// Parcels by chute and wave whose vehicle leaves after that wave.
    last: Vec<i64>,
    pub(crate) count: Vec<usize>,
    changes: i64,
}

impl Loads {
    pub(crate) fn empty(task: &Task, parts: &[Part]) -> Self {
        let waves = parts.first().map_or(0, |part| part.parcels.len());
        Self {
            waves,
            parcels: vec![0; waves * task.chutes.len()],
            last: vec![0; waves * task.chutes.len()],
            count: vec![0; task.chutes.len()],
            changes: 0,
        }
    }

    pub(crate) fn new(task: &Task, parts: &[Part], place: &[usize]) -> Self {
        let mut loads = Self::empty(task, parts);
        for (part, chute) in parts.iter().zip(place) {
            loads.add(part, *chute, 1);
        }
        loads
    }

    /// Puts a part to a chute, or with a sign of -1 takes it away.
    pub(crate) fn add(&mut self, part: &Part, chute: usize, sign: i64) {
        let cells = self.parcels.iter_mut().skip(chute * self.waves);
        for (cell, parcels) in cells.zip(&part.parcels) {
            *cell += sign * parcels;
        }
        let last = part.last_wave.min(self.waves.saturating_sub(1));
        if let Some(cell) = self.last.get_mut(chute * self.waves + last) {
            *cell += sign * part.parcels.get(last).copied().unwrap_or(0);
        }
        if let Some(cell) = self.count.get_mut(chute) {
            *cell = if sign > 0 {
                *cell + 1
            } else {
                cell.saturating_sub(1)
            };
        }
        if part.now.is_some_and(|now| now != chute) {
            self.changes += sign;
        }
    }

    pub(crate) fn of(&self, chute: usize) -> &[i64] {
        let from = chute * self.waves;
        self.parcels
            .get(from..from + self.waves)
            .unwrap_or_default()
    }

    pub(crate) fn peak(&self) -> i64 {
        self.parcels.iter().copied().max().unwrap_or(0)
    }

    /// Missed cut-offs, laps and walking of one chute.
    fn rest_of(&self, task: &Task, chute: usize) -> (i64, i64, i64) {
        let Some(about) = task.chutes.get(chute) else {
            return (0, 0, 0);
        };
        let limit = i64::from(about.parcels_max);
        let from = chute * self.waves;
        let last = self.last.get(from..from + self.waves).unwrap_or_default();
        let (mut missed, mut laps, mut walks) = (0, 0, 0);
        for (load, leaving) in self.of(chute).iter().zip(last) {
            let over = (load - limit).max(0);
            // Of those that do not fit, as many miss their vehicle as their share of the load.
            missed += over * leaving / (*load).max(1);
            laps += over;
            walks += load / UNIT + i64::from(load % UNIT != 0);
        }
        (missed, laps, walks * i64::from(about.walk_m))
    }

    /// Everything but the peak, of one chute, in thousandths of a parcel.
    pub(crate) fn cost_of(&self, task: &Task, chute: usize) -> i64 {
        let (missed, laps, walk_m) = self.rest_of(task, chute);
        let weights = task.weights;
        missed * weights.missed * 1_000 + laps * weights.lap * 1_000 + walk_m * weights.walk_km
    }

    pub(crate) fn figures(&self, task: &Task) -> Figures {
        let mut figures = Figures {
            peak: self.peak(),
            changes: self.changes,
            ..Figures::default()
        };
        for chute in 0..task.chutes.len() {
            let (missed, laps, walk_m) = self.rest_of(task, chute);
            figures.missed += missed;
            figures.laps += laps;
            figures.walk_m += walk_m;
        }
        figures
    }
}
