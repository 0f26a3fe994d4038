//! Voting over the characters of a text that several looks read in part.
//!
//! Each look gives, for every place of the text, the characters that it may be with their
//! probabilities. Looks are independent given the text, so their logarithms add up (naive Bayes); the
//! sums are integers, so that the order of the looks does not matter. The likeliest texts are then
//! offered to a test, such as a check digit, and the first that passes wins, unless another that
//! passes is nearly as likely.

use std::collections::BTreeMap;
use std::fmt;

use crate::private::Redacted;
use crate::result::{Corners, SymbolFormat};

/// Most places of a text that is voted on; the longest linear symbol on parcels has fewer.
pub const PLACES_MAX: usize = 80;

/// Most candidates of one place that are looked at.
const CANDIDATES_MAX: usize = 12;

/// Least probability of a character that a look does not list: it may have been wrong altogether.
const LEAST: f32 = 1e-3;

/// Thousandths of the natural logarithm.
const UNIT: f32 = 1000.0;

/// A text that passes the test must be likelier than the next that passes by this factor: e³ = 20.
const MARGIN: i32 = 3000;

/// Most texts that are offered to the test.
const TRIES_MAX: usize = 400;

/// What one look made of a damaged symbol: candidates for each character of its text.
#[derive(Clone, PartialEq)]
pub struct SoftText {
    /// Symbology.
    pub format: SymbolFormat,
    /// Whether it holds GS1 element strings, their separators as U+001D.
    pub gs1: bool,
    /// For each place the characters that may stand there with their probabilities; at most
    /// [`PLACES_MAX`] places.
    pub places: Vec<Vec<(char, f32)>>,
    /// Where it lies.
    pub corners: Corners,
}

impl fmt::Debug for SoftText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoftText")
            .field("format", &self.format)
            .field("gs1", &self.gs1)
            .field("places", &Redacted)
            .field("corners", &self.corners)
            .finish()
    }
}

/// What the looks agree on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Elected {
    pub(crate) text: String,
    /// Share of the probability that the text has among all, 0 to 1.
    pub(crate) share: f32,
}

/// The likeliest text of looks of equal length that passes the test; `None` when none passes, when
/// two do that are nearly as likely, or when the lengths differ.
pub(crate) fn elect(
    looks: &[&[Vec<(char, f32)>]],
    passes: &dyn Fn(&str) -> bool,
) -> Option<Elected> {
    let length = looks.first()?.len();
    if length == 0 || length > PLACES_MAX || looks.iter().any(|look| look.len() != length) {
        return None;
    }
    let places: Vec<Vec<(char, i32)>> = (0..length).map(|at| tally(looks, at)).collect();
    let likeliest: Vec<char> = places
        .iter()
        .map(|place| place.first().map(|candidate| candidate.0))
        .collect::<Option<_>>()?;
    let mut winner: Option<(i32, String)> = None;
    for (cost, changes) in variants(&places) {
        if winner
            .as_ref()
            .is_some_and(|(best, _)| cost - best >= MARGIN)
        {
            break;
        }
        let text = changed(&likeliest, &changes);
        if !passes(&text) {
            continue;
        }
        if winner.is_some() {
            return None;
        }
        winner = Some((cost, text));
    }
    let (cost, text) = winner?;
    Some(Elected {
        text,
        share: share(&places, cost),
    })
}

/// Logarithm of each candidate of one place over all looks, likeliest first.
fn tally(looks: &[&[Vec<(char, f32)>]], at: usize) -> Vec<(char, i32)> {
    let mut sums: BTreeMap<char, i32> = BTreeMap::new();
    let listed = |look: &&[Vec<(char, f32)>]| look.get(at).cloned().unwrap_or_default();
    for look in looks {
        for (c, _) in listed(look).into_iter().take(CANDIDATES_MAX) {
            sums.entry(c).or_insert(0);
        }
    }
    for look in looks {
        let place = listed(look);
        for (c, sum) in &mut sums {
            let found = place.iter().find(|candidate| candidate.0 == *c);
            *sum = sum.saturating_add(thousandths(found.map_or(LEAST, |candidate| candidate.1)));
        }
    }
    let mut sums: Vec<(char, i32)> = sums.into_iter().collect();
    sums.sort_by_key(|(c, sum)| (core::cmp::Reverse(*sum), *c));
    sums.truncate(CANDIDATES_MAX);
    sums
}

/// Logarithm of a probability in thousandths; what is no probability counts as the least.
fn thousandths(probability: f32) -> i32 {
    let kept = if probability.is_finite() {
        probability.clamp(LEAST, 1.0)
    } else {
        LEAST
    };
    let wanted = -kept.ln() * UNIT;
    // The whole number by halving: it lies between 0 and 6908.
    let (mut low, mut high) = (0_i16, 7000_i16);
    while high - low > 1 {
        let middle = i16::midpoint(low, high);
        if f32::from(middle) <= wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    -i32::from(low)
}

/// The texts with at most two places changed from the likeliest, cheapest first: what it costs, and
/// the changes.
fn variants(places: &[Vec<(char, i32)>]) -> Vec<(i32, Vec<(usize, char)>)> {
    let mut singles: Vec<(i32, (usize, char))> = Vec::new();
    for (at, place) in places.iter().enumerate() {
        let best = place.first().map_or(0, |candidate| candidate.1);
        let others = place
            .iter()
            .skip(1)
            .map(|(c, sum)| (best.saturating_sub(*sum), (at, *c)));
        singles.extend(others);
    }
    singles.sort_unstable();
    singles.truncate(TRIES_MAX / 4);
    let mut all = vec![(0, vec![])];
    all.extend(singles.iter().map(|(cost, change)| (*cost, vec![*change])));
    for (i, (cost, change)) in singles.iter().enumerate() {
        let later = singles
            .iter()
            .skip(i + 1)
            .filter(|(_, other)| other.0 != change.0);
        all.extend(later.map(|(more, other)| (cost.saturating_add(*more), vec![*change, *other])));
    }
    all.sort_unstable();
    all.truncate(TRIES_MAX);
    all
}

fn changed(likeliest: &[char], changes: &[(usize, char)]) -> String {
    let at = |place: usize, c: char| {
        let change = changes.iter().find(|change| change.0 == place);
        change.map_or(c, |change| change.1)
    };
    likeliest
        .iter()
        .enumerate()
        .map(|(place, c)| at(place, *c))
        .collect()
}

/// Share of a text that costs this much more than the likeliest, among all texts.
fn share(places: &[Vec<(char, i32)>], cost: i32) -> f32 {
    let thousandths = |value: i32| i16::try_from(value).map_or(f32::from(i16::MIN), f32::from);
    let place = |place: &Vec<(char, i32)>| -> f32 {
        let best = place.first().map_or(0, |candidate| candidate.1);
        let odds = place
            .iter()
            .map(|candidate| (thousandths(candidate.1.saturating_sub(best)) / UNIT).exp());
        1.0 / odds.sum::<f32>()
    };
    places.iter().map(place).product::<f32>() * (thousandths(-cost) / UNIT).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;

    fn look(text: &str, sure: f32) -> Vec<Vec<(char, f32)>> {
        text.chars().map(|c| vec![(c, sure)]).collect()
    }

    fn elected(looks: &[Vec<Vec<(char, f32)>>], passes: &dyn Fn(&str) -> bool) -> Option<String> {
        let looks: Vec<&[Vec<(char, f32)>]> = looks.iter().map(Vec::as_slice).collect();
        elect(&looks, passes).map(|elected| elected.text)
    }

    #[test]
    fn the_majority_of_each_place_wins() {
        let any = |_: &str| true;
        let looks = [look("1X11", 0.9), look("111X", 0.9), look("X111", 0.9)];
        assert_eq!(elected(&looks, &any).as_deref(), Some("1111"));
        let looks = [look("1111", 0.9), look("2222", 0.9)];
        assert_eq!(elected(&looks, &any), None, "equal right");
        assert_eq!(elected(&[look("1", 0.9), look("11", 0.9)], &any), None);
        assert_eq!(elected(&[], &any), None);
        assert_eq!(elected(&[look("", 0.9)], &any), None);
    }

    #[test]
    fn a_check_digit_settles_what_no_look_is_sure_of() {
        let gs1 = |text: &str| check::gs1(text.as_bytes());
        // 4006381333931 with one place that each look gets half right.
        let mut one = look("4006381333931", 0.98);
        one[3] = vec![('8', 0.5), ('6', 0.45)];
        assert_eq!(elected(&[one], &gs1).as_deref(), Some("4006381333931"));
        // Two doubtful places with several solutions are not settled.
        let mut two = look("4006381333931", 0.98);
        two[3] = "0123456789".chars().map(|c| (c, 0.1)).collect();
        two[5] = two[3].clone();
        assert_eq!(elected(&[two], &gs1), None);
    }

    #[test]
    fn odd_probabilities_are_harmless() {
        let any = |_: &str| true;
        for odd in [f32::NAN, f32::INFINITY, -1.0, 0.0, 2.0] {
            let looks = [look("AB", odd), look("AB", 0.9)];
            assert_eq!(elected(&looks, &any).as_deref(), Some("AB"), "{odd}");
        }
    }
}
