//! Building an assignment, and improving it by moves and exchanges.

use super::{Loads, Part, Task, bound};

/// Most steps away from the peak.
const STEPS_MAX: usize = 2_000;
/// Most trades looked at, of several parts each way between two chutes.
const TRADES_MAX: usize = 3_000_000;
/// About as many sets of parts of a chute are looked at.
const PICKS_MAX: usize = 1_000;
/// Most trades that gain nothing.
const SIDEWAYS_MAX: usize = 100;
/// Most times that some parts are exchanged whatever it costs, to get away from where nothing helps.
const KICKS_MAX: usize = 60;
/// This part of the bound above it is near enough: nobody notices.
const NEAR: i64 = 100;
/// Most parts that a chute gives in a trade.
const TRADED_MAX: usize = 2;
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

/// What may still be looked at.
struct Budget {
    trades: usize,
    sideways: usize,
    kicks: usize,
}

/// A way to change the assignment.
#[derive(Clone, Copy, Debug)]
enum Step {
    Move(usize, usize),
    Swap(usize, usize),
}

/// Some parts of a chute, and their parcels by wave.
struct Pick {
    parts: Vec<usize>,
    parcels: Vec<i64>,
}

impl<'a> Search<'a> {
    pub(super) fn new(task: &'a Task, parts: &'a [Part]) -> Self {
        Self {
            task,
            parts,
            place: vec![0; parts.len()],
            loads: Loads::empty(task, parts),
            level: bound(parts, task.chutes.len()),
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

    /// Takes load from chutes above the bound, the highest first, until none is or nothing helps.
    /// Squares are lowered, not the peak itself: a step that only makes room for another counts.
    /// When no single move or exchange helps and the peak is not near the bound, loads near it are good
    /// enough, which leaves few chutes to mend and room in the others; then trades of several parts
    /// are looked for.
    pub(super) fn flatten(&mut self) {
        let near = self.level + self.level / NEAR;
        let mut budget = Budget {
            trades: TRADES_MAX,
            sideways: SIDEWAYS_MAX,
            kicks: KICKS_MAX,
        };
        let mut best = (i64::MAX, Vec::new());
        for _ in 0..STEPS_MAX {
            let mut high: Vec<usize> = (0..self.task.chutes.len())
                .filter(|chute| self.excess(*chute) > 0)
                .collect();
            high.sort_by_key(|chute| (core::cmp::Reverse(self.excess(*chute)), *chute));
            if let Some(step) = high.iter().find_map(|chute| self.best_step(*chute)) {
                self.apply(step);
            } else if self.loads.peak() <= near {
                return;
            } else if self.level < near {
                self.level = near;
            } else if !self.trades(&high, &mut budget) && !self.kick(&mut best, &mut budget) {
                break;
            }
        }
        self.back_to(&best);
    }

    /// Exchanges some parts of the highest chute for others, from the best assignment so far, which it
    /// keeps; whether it did. With few changes allowed none is spent on this.
    fn kick(&mut self, best: &mut (i64, Vec<usize>), budget: &mut Budget) -> bool {
        const PARTS: usize = 3;
        if self.loads.peak() < best.0 {
            *best = (self.loads.peak(), self.place.clone());
        }
        if self.task.changes_max.is_some() || budget.kicks == 0 || budget.trades == 0 {
            return false;
        }
        budget.kicks -= 1;
        budget.sideways = budget.sideways.max(PARTS);
        self.back_to(best);
        let high = (0..self.task.chutes.len()).max_by_key(|chute| self.excess(*chute));
        let here: Vec<usize> = (0..self.parts.len())
            .filter(|part| Some(self.of(*part)) == high)
            .collect();
        // Other parts each time, all over the chutes; the factors are without meaning.
        for turn in 0..PARTS {
            let step = budget.kicks * PARTS + turn;
            let ours = here.get(step * 5 % here.len().max(1)).copied().unwrap_or(0);
            let theirs = step * 37 % self.parts.len().max(1);
            if self.of(ours) != self.of(theirs) {
                self.apply(Step::Swap(ours, theirs));
            }
        }
        true
    }

    /// Restores an assignment, unless the present one is as good.
    fn back_to(&mut self, (peak, place): &(i64, Vec<usize>)) {
        if self.loads.peak() > *peak {
            for (part, chute) in place.iter().enumerate() {
                self.transfer(part, *chute);
            }
        }
    }

    /// The first trade that helps; else one that changes nothing but what can be traded next. Whether
    /// there was any.
    fn trades(&mut self, high: &[usize], budget: &mut Budget) -> bool {
        if high.iter().any(|chute| self.trade(*chute, 1, budget)) {
            return true;
        }
        if budget.sideways == 0 {
            return false;
        }
        budget.sideways -= 1;
        high.iter().any(|chute| self.trade(*chute, 0, budget))
    }

    /// Trades parts of a chute for parts of another so that the squares fall by at least so much;
    /// whether it did.
    fn trade(&mut self, high: usize, least: i64, budget: &mut Budget) -> bool {
        let ours = self.picks(high);
        let loads = self.loads.of(high).iter().zip(0..);
        let Some((most, worst)) = loads.max_by_key(|(load, wave)| (**load, *wave)) else {
            return false;
        };
        let in_worst = |parcels: &[i64]| parcels.get(worst).copied().unwrap_or(0);
        // Where the last trade began is not where the next does, or two would undo each other.
        let chutes = self.task.chutes.len();
        let others = (0..chutes).map(|chute| (chute + budget.sideways) % chutes);
        for other in others.filter(|chute| *chute != high) {
            // What makes the other chute as full as this one was helps nobody.
            let room = most - in_worst(self.loads.of(other));
            let theirs = self.picks(other);
            let before = self.excess(high) + self.excess(other);
            let mut best: Option<(i64, &Pick, &Pick)> = None;
            for away in &ours {
                if budget.trades == 0 {
                    return false;
                }
                budget.trades = budget.trades.saturating_sub(theirs.len());
                let gone = in_worst(&away.parcels);
                for back in &theirs {
                    let change = gone - in_worst(&back.parcels);
                    if change <= 0 || change >= room {
                        continue;
                    }
                    let gain = before - self.excess_traded((high, away), (other, back));
                    let worth = gain > best.map_or(least - 1, |(most, ..)| most);
                    if worth && self.tradable((high, away), (other, back)) {
                        best = Some((gain, away, back));
                    }
                }
            }
            if let Some((_, away, back)) = best {
                let moves = || away.parts.iter().map(|part| (*part, other));
                let back = || back.parts.iter().map(|part| (*part, high));
                let all = || moves().chain(back());
                let changes = all().map(|(part, to)| self.change(part, to)).sum();
                self.count(changes);
                all().for_each(|(part, to)| self.transfer(part, to));
                return true;
            }
        }
        false
    }

    /// All sets of up to [`TRADED_MAX`] parts of a chute.
    fn picks(&self, chute: usize) -> Vec<Pick> {
        let none = Pick {
            parts: Vec::new(),
            parcels: vec![0; self.loads.of(chute).len()],
        };
        let mut all = vec![none];
        let here = self.parts.iter().enumerate();
        for (index, part) in here.filter(|(index, _)| self.of(*index) == chute) {
            let with = |pick: &Pick| Pick {
                parts: pick.parts.iter().copied().chain([index]).collect(),
                parcels: (pick.parcels.iter().zip(&part.parcels))
                    .map(|(sum, parcels)| sum + parcels)
                    .collect(),
            };
            let smaller = all.iter().filter(|pick| pick.parts.len() < TRADED_MAX);
            let more: Vec<Pick> = smaller.map(with).collect();
            all.extend(more);
            if all.len() > PICKS_MAX {
                break;
            }
        }
        all
    }

    /// What the loads of two chutes are above the level, squared, after a trade.
    fn excess_traded(&self, (from, away): (usize, &Pick), (to, back): (usize, &Pick)) -> i64 {
        let loads = self.loads.of(from).iter().zip(self.loads.of(to));
        let moved = away.parcels.iter().zip(&back.parcels);
        let waves = loads.zip(moved);
        waves
            .map(|((from, to), (away, back))| {
                let change = away - back;
                self.above(from - change) + self.above(to + change)
            })
            .sum()
    }

    /// Whether both chutes have room for what they get, and no more parts move than may.
    fn tradable(&self, (from, away): (usize, &Pick), (to, back): (usize, &Pick)) -> bool {
        let room = |chute: usize, gets: &Pick, gives: &Pick| {
            let most = self.task.chutes.get(chute).map(|one| one.destinations_max);
            let count = self.loads.count.get(chute).copied().unwrap_or(0);
            let after = count + gets.parts.len() - gives.parts.len();
            after <= count || most.is_some_and(|most| after <= most)
        };
        let sum = |pick: &Pick, to: usize| -> i64 {
            let changes = pick.parts.iter().map(|part| self.change(*part, to));
            changes.sum()
        };
        let (gone, come) = (sum(away, to), sum(back, from));
        let changes = usize::try_from(gone + come).unwrap_or(0);
        room(to, away, back) && room(from, back, away) && changes <= self.left
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
