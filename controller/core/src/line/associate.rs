//! Which of the parcels that may have caused an edge did cause it.
//!
//! Every candidate has a cost: how far the edge is from where it was expected, in its own
//! standard deviations, plus a price for every parcel ahead of it that would have to be missing,
//! because parcels on a belt keep their order. The cheapest wins; the distance to the next
//! cheapest tells how sure that is. Costs are negative logarithms of likelihoods, in 1/256.

/// Price of one parcel that must have vanished: ln(1,000), about one removal in 1,000 parcels.
const SKIP: u64 = 1_768;
/// Least distance to the second best: ln(20), odds of 20 to 1.
const SURE: u64 = 767;

/// A parcel that may have caused the edge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// Where it stands in the caller's list; candidates come in the order of the belt.
    pub(super) index: usize,
    /// Distance between edge and expectation.
    pub(super) deviation: i32,
    /// Standard deviation of the expectation, in the same unit.
    pub(super) sigma: i32,
}

/// The winner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Winner {
    /// The winner's index.
    pub(super) index: usize,
    /// A second candidate explains the edge nearly as well.
    pub(super) rival: Option<usize>,
}

/// The candidate with the least cost, and a rival where the odds are below 20 to 1.
pub(super) fn associate(candidates: impl Iterator<Item = Candidate>) -> Option<Winner> {
    let mut best: Option<(u64, usize)> = None;
    let mut second: Option<(u64, usize)> = None;
    let mut skipped = 0_u64;
    for candidate in candidates {
        let entry = (skipped.saturating_add(cost(&candidate)), candidate.index);
        skipped = skipped.saturating_add(SKIP);
        if best.is_none_or(|best| entry.0 < best.0) {
            second = best;
            best = Some(entry);
        } else if second.is_none_or(|second| entry.0 < second.0) {
            second = Some(entry);
        }
    }
    let (least, index) = best?;
    let rival = second.filter(|(cost, _)| cost.saturating_sub(least) < SURE);
    Some(Winner {
        index,
        rival: rival.map(|(_, index)| index),
    })
}

/// Half the squared deviation in standard deviations, in 1/256.
fn cost(candidate: &Candidate) -> u64 {
    let deviation = u64::from(candidate.deviation.unsigned_abs());
    let sigma = u64::from(candidate.sigma.unsigned_abs()).max(1);
    deviation
        .saturating_mul(deviation)
        .saturating_mul(128)
        .checked_div(sigma.saturating_mul(sigma))
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(deviations: &[(i32, i32)], expected: Option<(usize, Option<usize>)>) {
        let candidates = deviations
            .iter()
            .enumerate()
            .map(|(index, (deviation, sigma))| Candidate {
                index,
                deviation: *deviation,
                sigma: *sigma,
            });
        let found = associate(candidates).map(|winner| (winner.index, winner.rival));
        assert_eq!(found, expected, "{deviations:?}");
    }

    #[test]
    fn order_and_distance_decide() {
        check(&[], None);
        check(&[(140, 20)], Some((0, None)));
        // A follower right on its mark beats a parcel ahead that is far too late.
        check(&[(150, 20), (5, 20)], Some((1, None)));
        // Nearly the same distance: the one ahead, as nobody has to be missing.
        check(&[(60, 20), (-60, 20)], Some((0, None)));
        // Between the two: not sure.
        check(&[(80, 20), (0, 20)], Some((1, Some(0))));
        check(&[(74, 20), (0, 20)], Some((0, Some(1))));
    }

    #[test]
    fn extreme_values_do_not_overflow() {
        check(&[(i32::MIN, 0), (i32::MAX, i32::MIN)], Some((1, None)));
    }
}
