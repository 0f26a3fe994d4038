//! What no assignment of parts to chutes can do better than.
//!
//! Two bounds are of any such task: a wave's parcels over all chutes, and the largest part. A third
//! is of large parts whose waves differ. No two of them fit into one chute, so each is alone among
//! small ones; where its own largest wave leaves little room, few small ones fit, and these carry
//! little of the other waves, too. What such chutes cannot take of a wave is left to the others.
//! How much they can take is a knapsack, and that of fractions is no less than the real one
//! (Dantzig: Discrete-variable extremum problems, Operations Research 5(2), 1957).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::Part;

/// Most large parts that are looked at.
const LARGE_MAX: usize = 16;

/// No assignment of these parts has a smaller peak.
pub(crate) fn bound(parts: &[Part], chutes: usize) -> i64 {
    let tight = Tight::new(parts, chutes);
    let least = share(parts, chutes);
    // Refuted are the levels below `low`; of `high` it is not known, or it holds.
    let (mut low, mut high) = (least, least.saturating_mul(2));
    if !tight.refutes(least) {
        return least;
    }
    while low + 1 < high {
        let middle = low.midpoint(high);
        if tight.refutes(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low + 1
}

/// A wave's parcels over all chutes, or the largest part: a bound that is seldom far off.
pub(crate) fn share(parts: &[Part], chutes: usize) -> i64 {
    let chutes = i64::try_from(chutes.max(1)).unwrap_or(1);
    let sums = sums(parts).into_iter();
    let shares = sums.map(|sum| sum / chutes + i64::from(sum % chutes != 0));
    shares.chain(parts.iter().map(largest)).max().unwrap_or(0)
}

/// By wave: parcels of all parts.
fn sums(parts: &[Part]) -> Vec<i64> {
    let waves = parts.first().map_or(0, |part| part.parcels.len());
    let sum = |wave: usize| parts.iter().map(|part| parcels(part, wave)).sum();
    (0..waves).map(sum).collect()
}

struct Tight<'a> {
    parts: &'a [Part],
    chutes: i64,
    /// By wave: parcels of all parts.
    sums: Vec<i64>,
    /// The largest parts, the largest first.
    large: Vec<usize>,
    /// By wave of which much is wanted, and wave of which there is little room: parts with most of the
    /// one for the other first.
    orders: BTreeMap<(usize, usize), Vec<usize>>,
}

fn parcels(part: &Part, wave: usize) -> i64 {
    part.parcels.get(wave).copied().unwrap_or(0)
}

fn largest(part: &Part) -> i64 {
    part.parcels.iter().copied().max().unwrap_or(0)
}

/// The wave in which a part leaves least room.
fn scarce(part: &Part) -> usize {
    let waves = part.parcels.iter().zip(0..);
    waves.max().map_or(0, |(_, wave)| wave)
}

impl<'a> Tight<'a> {
    fn new(parts: &'a [Part], chutes: usize) -> Self {
        let sums = sums(parts);
        let mut large: Vec<usize> = (0..parts.len()).collect();
        large.sort_by_key(|index| (Reverse(parts.get(*index).map(largest)), *index));
        large.truncate(LARGE_MAX.min(chutes));
        let by_ratio = |(wanted, scarce): (usize, usize)| {
            let of = |index: &usize| {
                let part = parts.get(*index);
                part.map_or((0, 0), |part| {
                    (parcels(part, wanted), parcels(part, scarce))
                })
            };
            let mut order: Vec<usize> = (0..parts.len()).filter(|index| of(index).0 > 0).collect();
            order.sort_by(|left, right| {
                let (left, right) = (of(left), of(right));
                (right.0 * left.1).cmp(&(left.0 * right.1))
            });
            order
        };
        let tightest = large.iter().filter_map(|index| parts.get(*index));
        let tightest: BTreeSet<usize> = tightest.map(scarce).collect();
        let pairs =
            (0..sums.len()).flat_map(|wanted| tightest.iter().map(move |one| (wanted, *one)));
        Self {
            parts,
            chutes: i64::try_from(chutes.max(1)).unwrap_or(1),
            large,
            orders: pairs.map(|pair| (pair, by_ratio(pair))).collect(),
            sums,
        }
    }

    /// Whether no assignment has all loads at this level or below.
    fn refutes(&self, level: i64) -> bool {
        let mut alone: Vec<usize> = Vec::new();
        for index in &self.large {
            if alone.iter().all(|other| self.apart(*other, *index, level)) {
                alone.push(*index);
            }
        }
        (1..=alone.len()).any(|number| {
            let alone = alone.get(..number).unwrap_or_default();
            let others = self.chutes - i64::try_from(number).unwrap_or(0);
            let mut sums = self.sums.iter().enumerate();
            sums.any(|(wave, sum)| {
                let taken = alone
                    .iter()
                    .map(|index| self.most(*index, wave, level, alone));
                taken.sum::<i64>() + others * level < *sum
            })
        })
    }

    /// Whether two parts do not fit into one chute.
    fn apart(&self, left: usize, right: usize, level: i64) -> bool {
        let both = self.parts.get(left).zip(self.parts.get(right));
        both.is_some_and(|(left, right)| {
            let mut waves = left.parcels.iter().zip(&right.parcels);
            waves.any(|(left, right)| left + right > level)
        })
    }

    /// The most parcels of a wave in the chute of a part that none of `alone` shares.
    fn most(&self, index: usize, wave: usize, level: i64, alone: &[usize]) -> i64 {
        let Some(part) = self.parts.get(index) else {
            return level;
        };
        let scarce = scarce(part);
        let mut most = parcels(part, wave);
        let mut room = level - parcels(part, scarce);
        let order = self.orders.get(&(wave, scarce));
        for other in order
            .into_iter()
            .flatten()
            .filter(|other| !alone.contains(other))
        {
            let Some(other) = self.parts.get(*other) else {
                continue;
            };
            let (wanted, takes) = (parcels(other, wave), parcels(other, scarce));
            if takes > room {
                // The last one in part.
                most += wanted * room / takes;
                break;
            }
            room -= takes;
            most += wanted;
            if most >= level {
                break;
            }
        }
        most.min(level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::Draw;

    fn part(parcels: &[i64]) -> Part {
        Part {
            demand: 0,
            parcels: parcels.to_vec(),
            last_wave: 0,
            now: None,
        }
    }

    #[test]
    fn what_a_large_part_keeps_out_of_its_chute_is_left_to_the_others() {
        // With three small ones beside the large one the other chute has 14 in the first wave; with
        // four its own has 14 in the second.
        let mut parts = vec![part(&[2, 1]); 10];
        parts.push(part(&[0, 10]));
        assert_eq!(bound(&parts, 2), 14);
        assert_eq!(bound(&[], 3), 0);
        assert_eq!(bound(&[part(&[7, 0]), part(&[0, 4])], 1), 7);
    }

    #[test]
    fn no_assignment_is_below_it() {
        const CHUTES: usize = 3;
        let mut draw = Draw::new(8);
        let (mut sharper, mut exact) = (0, 0);
        for _ in 0..200 {
            let size = |draw: &mut Draw| {
                let most = [3, 10, 60][draw.below(3)];
                i64::try_from(draw.below(most)).unwrap()
            };
            let parts: Vec<Part> = (0..7)
                .map(|_| part(&[size(&mut draw), size(&mut draw)]))
                .collect();
            let peak = |mut number: usize| {
                let mut loads = [0i64; 2 * CHUTES];
                for part in &parts {
                    for (wave, parcels) in part.parcels.iter().enumerate() {
                        loads[number % CHUTES * 2 + wave] += parcels;
                    }
                    number /= CHUTES;
                }
                loads.into_iter().max().unwrap()
            };
            let least = (0..CHUTES.pow(7)).map(peak).min().unwrap();
            let found = bound(&parts, CHUTES);
            assert!(found <= least, "{found} {least} {parts:?}");
            sharper += usize::from(found > share(&parts, CHUTES));
            exact += usize::from(found == least);
        }
        assert!(sharper > 10 && exact > 100, "{sharper} {exact}");
    }
}
