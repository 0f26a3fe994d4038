//! Trades of several parts each way between two chutes, and what is done when not even these help.

use super::{Search, Step};

/// Most trades looked at, of several parts each way between two chutes.
const TRADES_MAX: usize = 2_500_000;
/// About as many sets of parts of a chute are looked at.
const PICKS_MAX: usize = 1_000;
/// Most trades that gain nothing.
const SIDEWAYS_MAX: usize = 100;
/// Most times that some parts are exchanged whatever it costs, to get away from where nothing helps.
const KICKS_MAX: usize = 60;
/// Most parts that a chute gives in a trade.
const TRADED_MAX: usize = 2;

/// What may still be looked at.
pub(super) struct Budget {
    trades: usize,
    sideways: usize,
    kicks: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            trades: TRADES_MAX,
            sideways: SIDEWAYS_MAX,
            kicks: KICKS_MAX,
        }
    }
}

/// Some parts of a chute, and their parcels by wave.
struct Pick {
    parts: Vec<usize>,
    parcels: Vec<i64>,
}

impl Search<'_> {
    /// Exchanges some parts of the highest chute for others, from the best assignment so far, which it
    /// keeps; whether it did. With few changes allowed none is spent on this.
    pub(super) fn kick(&mut self, best: &mut (i64, Vec<usize>), budget: &mut Budget) -> bool {
        const PARTS: usize = 3;
        self.keep(best);
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

    /// Remembers the assignment if it is the best so far.
    pub(super) fn keep(&self, best: &mut (i64, Vec<usize>)) {
        if self.loads.peak() < best.0 {
            *best = (self.loads.peak(), self.place.clone());
        }
    }

    /// Restores an assignment, unless the present one is as good.
    pub(super) fn back_to(&mut self, (peak, place): &(i64, Vec<usize>)) {
        if self.loads.peak() > *peak {
            for (part, chute) in place.iter().enumerate() {
                self.transfer(part, *chute);
            }
        }
    }

    /// The first trade that helps; else one that changes nothing but what can be traded next. Whether
    /// there was any.
    pub(super) fn trades(&mut self, high: &[usize], budget: &mut Budget) -> bool {
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
}
