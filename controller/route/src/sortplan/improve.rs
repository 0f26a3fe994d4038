//! Building an assignment, and improving it by moves and exchanges.

mod trade;

use super::bound::{bound, share};
use super::{Loads, Part, Task};
use trade::Budget;

/// Most steps away from the peak.
const STEPS_MAX: usize = 2_000;
/// This part of a fair share above it is near enough: nobody notices.
const NEAR: i64 = 100;
/// Most exchanges and moves looked at when the other costs are lowered.
const TRIES_MAX: usize = 400_000;

pub(super) struct Search<'a> {
    task: &'a Task,
    parts: &'a [Part],
    /// By part: its chute.
    place: Vec<usize>,
    loads: Loads,
    /// Loads up to this are good: no peak can be lower, or it is near enough.
    level: i64,
    /// Changes of chute still allowed.
    left: usize,
}

/// A way to change the assignment.
#[derive(Clone, Copy, Debug)]
enum Step {
    Move(usize, usize),
    Swap(usize, usize),
}

impl<'a> Search<'a> {
    pub(super) fn new(task: &'a Task, parts: &'a [Part]) -> Self {
        Self {
            task,
            parts,
            place: vec![0; parts.len()],
            loads: Loads::empty(task, parts),
            level: share(parts, task.chutes.len()),
            left: task.changes_max.unwrap_or(usize::MAX),
        }
    }

    pub(super) fn place(&self) -> &[usize] {
        &self.place
    }

    /// The present assignment when only a few may move, else the largest parts first, each to the
    /// chute whose peak it raises least.
    pub(super) fn begin(&mut self) {
        if self.task.changes_max.is_some() {
            for (index, part) in self.parts.iter().enumerate() {
                self.put(index, part.now.unwrap_or(0));
            }
            return;
        }
        let largest = |index: &usize| {
            let part = self.parts.get(*index);
            part.and_then(|part| part.parcels.iter().copied().max())
                .unwrap_or(0)
        };
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        order.sort_by_key(|index| (core::cmp::Reverse(largest(index)), *index));
        for index in order {
            let chutes = 0..self.task.chutes.len();
            let free = chutes.filter(|chute| self.has_room(*chute));
            if let Some(best) = free.min_by_key(|chute| self.raised(index, *chute)) {
                self.put(index, best);
            }
        }
    }

    fn has_room(&self, chute: usize) -> bool {
        let (info, count) = (self.task.chutes.get(chute), self.loads.count.get(chute));
        info.zip(count)
            .is_some_and(|(info, count)| *count < info.destinations_max)
    }

    /// Peak of a chute with a part more, then what decides between equals.
    fn raised(&self, index: usize, chute: usize) -> (i64, i64, bool, usize) {
        let Some(part) = self.parts.get(index) else {
            return (i64::MAX, 0, false, chute);
        };
        let both = || self.loads.of(chute).iter().zip(&part.parcels);
        let peak = both()
            .map(|(load, parcels)| load + parcels)
            .max()
            .unwrap_or(0);
        let sum = both().map(|(load, parcels)| load + parcels).sum();
        (peak, sum, part.now != Some(chute), chute)
    }

    fn put(&mut self, index: usize, chute: usize) {
        if let (Some(part), Some(cell)) = (self.parts.get(index), self.place.get_mut(index)) {
            self.loads.add(part, chute, 1);
            *cell = chute;
        }
    }

    fn of(&self, index: usize) -> usize {
        self.place.get(index).copied().unwrap_or(0)
    }

    /// Changes of chute that a move adds to those there are; -1 when it takes one back.
    fn change(&self, index: usize, to: usize) -> i64 {
        let now = self.parts.get(index).and_then(|part| part.now);
        let away = |chute: usize| i64::from(now.is_some_and(|now| now != chute));
        away(to) - away(self.of(index))
    }

    /// The same of a step.
    fn changes(&self, step: Step) -> i64 {
        match step {
            Step::Move(part, to) => self.change(part, to),
            Step::Swap(left, right) => {
                self.change(left, self.of(right)) + self.change(right, self.of(left))
            }
        }
    }

    fn allowed(&self, step: Step) -> bool {
        let room = match step {
            Step::Move(_, to) => self.has_room(to),
            Step::Swap(..) => true,
        };
        room && usize::try_from(self.changes(step)).unwrap_or(0) <= self.left
    }

    fn apply(&mut self, step: Step) {
        self.count(self.changes(step));
        self.shift(step);
    }

    fn count(&mut self, changes: i64) {
        if self.task.changes_max.is_some() {
            let size = usize::try_from(changes.unsigned_abs()).unwrap_or(0);
            self.left = if changes > 0 {
                self.left - size
            } else {
                self.left + size
            };
        }
    }

    fn shift(&mut self, step: Step) {
        match step {
            Step::Move(part, to) => self.transfer(part, to),
            Step::Swap(left, right) => {
                let (from, to) = (self.of(left), self.of(right));
                self.transfer(left, to);
                self.transfer(right, from);
            }
        }
    }

    fn transfer(&mut self, index: usize, to: usize) {
        let from = self.of(index);
        if let Some(part) = self.parts.get(index) {
            self.loads.add(part, from, -1);
        }
        self.put(index, to);
    }

    /// Peak of the two chutes of a step after it.
    fn peak_after(&self, step: Step) -> i64 {
        let (part, from, to, back) = match step {
            Step::Move(part, to) => (part, self.of(part), to, None),
            Step::Swap(left, right) => (left, self.of(left), self.of(right), Some(right)),
        };
        let empty: &[i64] = &[];
        let parcels = |index: usize| self.parts.get(index).map_or(empty, |part| &part.parcels);
        let back = back.map_or(empty, parcels);
        let mut peak = 0;
        let loads = self.loads.of(from).iter().zip(self.loads.of(to));
        for (wave, ((from, to), moved)) in loads.zip(parcels(part)).enumerate() {
            let change = moved - back.get(wave).copied().unwrap_or(0);
            peak = peak.max(from - change).max(to + change);
        }
        peak
    }

    /// What the loads of two chutes are above the level, squared, after a step.
    fn excess_after(&self, step: Step) -> i64 {
        let (part, from, to, back) = match step {
            Step::Move(part, to) => (part, self.of(part), to, None),
            Step::Swap(left, right) => (left, self.of(left), self.of(right), Some(right)),
        };
        let empty: &[i64] = &[];
        let parcels = |index: usize| self.parts.get(index).map_or(empty, |part| &part.parcels);
        let back = back.map_or(empty, parcels);
        let loads = self.loads.of(from).iter().zip(self.loads.of(to));
        let waves = loads.zip(parcels(part)).enumerate();
        waves
            .map(|(wave, ((from, to), moved))| {
                let change = moved - back.get(wave).copied().unwrap_or(0);
                self.above(from - change) + self.above(to + change)
            })
            .sum()
    }

    fn above(&self, load: i64) -> i64 {
        let above = (load - self.level).max(0);
        above * above
    }

    fn excess(&self, chute: usize) -> i64 {
        self.loads
            .of(chute)
            .iter()
            .map(|load| self.above(*load))
            .sum()
    }

    /// Takes load from chutes above a fair share, the highest first, until none is or nothing helps.
    /// Squares are lowered, not the peak itself: a step that only makes room for another counts.
    /// When no single move or exchange helps and the peak is not near, loads near it are good enough,
    /// which leaves few chutes to mend and room in the others; then trades of several parts are looked
    /// for. Near is first what is of the bound, then what is of a fair share, which may be less and
    /// out of reach.
    pub(super) fn flatten(&mut self) {
        for _ in 0..STEPS_MAX {
            let Some(step) = self.step() else { break };
            self.apply(step);
        }
        let bound = bound(self.parts, self.task.chutes.len());
        let near = (self.level + self.level / NEAR).max(bound);
        let mut budget = Budget::default();
        let mut best = (i64::MAX, Vec::new());
        for level in [bound + bound / NEAR, near] {
            if self.loads.peak() > near {
                self.keep(&mut best);
                self.level = level;
                self.reach(&mut best, &mut budget);
            }
        }
        self.back_to(&best);
    }

    /// Goes on until no load is above the level, or nothing helps.
    fn reach(&mut self, best: &mut (i64, Vec<usize>), budget: &mut Budget) {
        for _ in 0..STEPS_MAX {
            if let Some(step) = self.step() {
                self.apply(step);
            } else if self.loads.peak() <= self.level {
                return;
            } else {
                let high = self.high();
                if !self.trades(&high, budget) && !self.kick(best, budget) {
                    return;
                }
            }
        }
    }

    /// Chutes with loads above the level, the highest first.
    fn high(&self) -> Vec<usize> {
        let mut high: Vec<usize> = (0..self.task.chutes.len())
            .filter(|chute| self.excess(*chute) > 0)
            .collect();
        high.sort_by_key(|chute| (core::cmp::Reverse(self.excess(*chute)), *chute));
        high
    }

    fn step(&self) -> Option<Step> {
        self.high().iter().find_map(|chute| self.best_step(*chute))
    }

    /// The step from a chute that lowers the squares most.
    fn best_step(&self, high: usize) -> Option<Step> {
        let mut best: Option<(i64, Step)> = None;
        let here = self.excess(high);
        let mut look = |step: Step, other: usize| {
            if self.allowed(step) {
                let gain = here + self.excess(other) - self.excess_after(step);
                if gain > best.map_or(0, |(most, _)| most) {
                    best = Some((gain, step));
                }
            }
        };
        let there = |index: &usize| self.of(*index) == high;
        for part in (0..self.parts.len()).filter(there) {
            for chute in (0..self.task.chutes.len()).filter(|chute| *chute != high) {
                look(Step::Move(part, chute), chute);
            }
            for other in (0..self.parts.len()).filter(|other| !there(other)) {
                look(Step::Swap(part, other), self.of(other));
            }
        }
        best.map(|(_, step)| step)
    }

    /// Lowers laps, missed cut-offs, changes and walking without raising the peak.
    pub(super) fn polish(&mut self) {
        let limit = self.loads.peak();
        let mut tries = 0;
        let mut better = true;
        while better && tries < TRIES_MAX {
            better = false;
            for part in 0..self.parts.len() {
                for chute in 0..self.task.chutes.len() {
                    tries += 1;
                    if tries >= TRIES_MAX {
                        break;
                    }
                    better |= self.try_step(Step::Move(part, chute), limit);
                }
                for other in part + 1..self.parts.len() {
                    tries += 1;
                    if tries >= TRIES_MAX {
                        break;
                    }
                    better |= self.try_step(Step::Swap(part, other), limit);
                }
            }
        }
    }

    fn try_step(&mut self, step: Step, limit: i64) -> bool {
        let (from, to) = match step {
            Step::Move(part, to) => (self.of(part), to),
            Step::Swap(left, right) => (self.of(left), self.of(right)),
        };
        if from == to || !self.allowed(step) || self.peak_after(step) > limit {
            return false;
        }
        let cost = |search: &Self| {
            search.loads.cost_of(search.task, from) + search.loads.cost_of(search.task, to)
        };
        let before = cost(self);
        let changes = self.changes(step) * self.task.weights.change * 1_000;
        self.shift(step);
        let better = cost(self) + changes < before;
        let back = match step {
            Step::Move(part, _) => Step::Move(part, from),
            Step::Swap(..) => step,
        };
        self.shift(back);
        if better {
            self.apply(step);
        }
        better
    }
}
