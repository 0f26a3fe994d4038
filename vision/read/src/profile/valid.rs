//! The likeliest sequence of Code 128 whose check character fits, and how far off the next one is.
//!
//! The search over characters knows nothing of the check character: of a blurred symbol its answer
//! may differ from the truth in a character or two that are nearly as likely. Every character adds
//! its value times its place to a sum modulo 103, so the best sequences of each sum are found
//! exactly, one character after the other, from the prices of all others in its place (the two best
//! of a list, as in N. Seshadri and C. Sundberg, "List Viterbi decoding algorithms with
//! applications", IEEE Trans. Commun. 42, 1994).

use super::code128::{VALUES, residue};

/// Sums of a check character.
const SUMS: usize = 103;

/// The likeliest valid sequence near another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Valid {
    /// Start to check character.
    pub(super) words: Vec<u8>,
    /// How much dearer it is than the sequence it is near to.
    pub(super) price: f32,
    /// How much dearer than itself the next valid sequence is, at least.
    pub(super) margin: f32,
}

/// The best and the second best sequence of one sum.
type Best = [f32; 2];

/// The likeliest valid sequence near `words`. `prices` holds for each word what every value in its
/// place costs more; a word's own costs nothing. Values that cost `most` or more are left out.
/// `None` when no sequence of the others is valid.
pub(super) fn nearest(words: &[u8], prices: &[[f32; VALUES]], most: f32) -> Option<Valid> {
    let (check, rest) = words.split_last()?;
    let mut best: [Best; SUMS] = [[f32::MAX; 2]; SUMS];
    // What the sum lacks of the check character.
    let first = (residue(rest) + 103 - u32::from(*check) % 103) % 103;
    if let Some(best) = best.get_mut(first as usize) {
        best[0] = 0.0;
    }
    let mut chosen: Vec<[u8; SUMS]> = Vec::with_capacity(words.len());
    for (at, (own, prices)) in words.iter().zip(prices).enumerate() {
        let mut next: [Best; SUMS] = [[f32::MAX; 2]; SUMS];
        let mut taken = [0_u8; SUMS];
        for (value, price) in (0_u8..).zip(prices).filter(|(_, price)| **price < most) {
            let added = added(value, *own, at, words.len());
            for (sum, best) in best.iter().enumerate() {
                let to = (sum + added) % SUMS;
                for before in best.iter().filter(|before| **before < f32::MAX) {
                    if insert(&mut next[to], before + price) {
                        taken[to] = value;
                    }
                }
            }
        }
        best = next;
        chosen.push(taken);
    }
    let [price, other] = best[0];
    if price >= f32::MAX {
        return None;
    }
    let mut found = words.to_vec();
    let mut sum = 0;
    for (at, taken) in chosen.iter().enumerate().rev() {
        found[at] = taken[sum];
        let added = added(taken[sum], words[at], at, words.len());
        sum = (sum + SUMS - added) % SUMS;
    }
    Some(Valid {
        words: found,
        price,
        margin: other.min(most.max(price)) - price,
    })
}

/// What a value adds to the sum in place of a word's own: its difference times the word's weight, one
/// for the start and less one for the check character.
fn added(value: u8, own: u8, at: usize, count: usize) -> usize {
    let sums = SUMS as i32;
    let weight = if at + 1 == count {
        -1
    } else {
        at.max(1) as i32
    };
    let difference = i32::from(value) - i32::from(own);
    (weight % sums * (difference % sums)).rem_euclid(sums) as usize
}

/// Adds a price to the two best; whether it is the best.
fn insert(best: &mut Best, price: f32) -> bool {
    if price < best[0] {
        *best = [price, best[0]];
        return true;
    }
    best[1] = best[1].min(price);
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::code128::checks;

    /// Prices of which all are `dear` but a word's own and those named.
    fn prices(words: &[u8], dear: f32, named: &[(usize, u8, f32)]) -> Vec<[f32; VALUES]> {
        let mut all = vec![[dear; VALUES]; words.len()];
        for (own, all) in words.iter().zip(&mut all) {
            all[usize::from(*own)] = 0.0;
        }
        for (at, value, price) in named {
            all[*at][usize::from(*value)] = *price;
        }
        all
    }

    fn valid(text: &str) -> Vec<u8> {
        let mut words = vec![104];
        words.extend(text.bytes().map(|byte| byte - 32));
        words.push(residue(&words) as u8);
        words
    }

    #[test]
    fn a_valid_sequence_stays_and_is_as_sure_as_the_next_valid_one() {
        let words = valid("RR473124829CN");
        // One other character alone breaks the check character, however near it is.
        let near = prices(&words, 90.0, &[(3, 23, 0.1)]);
        let found = nearest(&words, &near, 60.0).unwrap();
        assert_eq!(
            (found.words.as_slice(), found.price),
            (words.as_slice(), 0.0)
        );
        assert!((found.margin - 60.0).abs() < 1e-3, "{found:?}");
        // Together with another check character it is valid.
        let mut other = words.clone();
        other[3] = 23;
        let check = residue(&other[..other.len() - 1]) as u8;
        let near = prices(&words, 90.0, &[(3, 23, 0.1), (words.len() - 1, check, 2.0)]);
        let found = nearest(&words, &near, 60.0).unwrap();
        assert_eq!(found.words, words);
        assert!((found.margin - 2.1).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn the_cheapest_valid_sequence_is_found() {
        let truth = valid("LX100000008DE");
        // The start, a character and the check character are each seen wrong.
        for at in [0, 5, truth.len() - 1] {
            let mut seen = truth.clone();
            seen[at] = if at == 0 { 105 } else { (seen[at] + 7) % 100 };
            let near = prices(&seen, 50.0, &[(at, truth[at], 1.5), (2, 9, 0.7)]);
            let found = nearest(&seen, &near, 60.0).unwrap();
            assert!(checks(&found.words));
            assert_eq!(
                (found.words.as_slice(), found.price),
                (truth.as_slice(), 1.5)
            );
            assert!(found.margin > 48.0, "{found:?}");
        }
        let mut seen = truth.clone();
        seen[4] = 1;
        assert_eq!(nearest(&seen, &prices(&seen, 90.0, &[]), 60.0), None);
        assert_eq!(nearest(&[], &[], 60.0), None);
    }

    #[test]
    fn all_sums_are_compared_with_a_plain_search() {
        // Three words and few values each: every sequence can be written out.
        let words = [104, 17, 33];
        let price = |at: usize, value: usize| {
            let mixed = (at * 7919 + value * 104_729) % 997;
            if value == usize::from(words[at]) {
                0.0
            } else {
                1.0 + mixed as f32 / 10.0
            }
        };
        let all: Vec<[f32; VALUES]> = (0..3)
            .map(|at| std::array::from_fn(|value| price(at, value)))
            .collect();
        let mut plain: Vec<(f32, [u8; 3])> = Vec::new();
        for first in 0..VALUES as u8 {
            for second in 0..VALUES as u8 {
                for third in 0..VALUES as u8 {
                    let sequence = [first, second, third];
                    if residue(&sequence[..2]) % 103 == u32::from(third) % 103 {
                        let sum: f32 = (0..3).map(|at| price(at, usize::from(sequence[at]))).sum();
                        plain.push((sum, sequence));
                    }
                }
            }
        }
        plain.sort_by(|a, b| a.0.total_cmp(&b.0));
        let found = nearest(&words, &all, 1e6).unwrap();
        assert_eq!(found.words, plain[0].1);
        assert!((found.price - plain[0].0).abs() < 1e-3);
        assert!((found.margin - (plain[1].0 - plain[0].0)).abs() < 1e-3);
    }
}
