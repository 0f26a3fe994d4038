//! Costs of explanations: negative logarithms of likelihoods, base 2, in 1/256 bit.
//!
//! Integers only, so that every computer weighs alike. The rates of faults behind the prices are
//! those of a bad month on a public sorter line, doubled: a price that is too low only makes
//! the tracker doubt more.

/// A cost in 1/256 bit.
pub(super) type Cost = i64;

/// One bit.
const BIT: Cost = 256;
/// A stroke that was done did not take its parcel along: 1 in 500.
pub(super) const FAILED: Cost = 9 * BIT;
/// A chute's photo-eye did not see a parcel that fell in: 1 in 4,000.
pub(super) const UNSEEN: Cost = 12 * BIT;
/// A parcel slips otherwise than its zone has taught, anywhere within its window: 1 in 256.
const ODD_SLIP: Cost = 8 * BIT;
/// A parcel is measured with another length than at induction: it turned, or has company: 1 in
/// 128.
const ODD_LENGTH: Cost = 7 * BIT;
/// log2 of the square root of 2π.
const ROOT: Cost = 339;
/// Half of log2(e), in 1/256: a squared deviation in squared standard deviations as cost.
const SQUARE: Cost = 185;
/// No deviation costs more; sums of costs stay far from overflow.
const MOST: Cost = 1 << 30;
/// A weight that stands for certainty.
const ONE: u128 = 1 << 60;
/// Parts of which probabilities are told.
const BILLION: u128 = 1_000_000_000;

/// Logarithm to base 2; the fraction is linear between powers of two, up to 0.09 bit too low.
pub(super) fn log2(value: i32) -> Cost {
    let value = value.unsigned_abs().max(1);
    let whole = value.ilog2();
    let rest = u64::from(value)
        .saturating_mul(256)
        .checked_shr(whole)
        .unwrap_or(0);
    let fraction = i64::try_from(rest).unwrap_or(0).saturating_sub(BIT);
    Cost::from(whole)
        .saturating_mul(BIT)
        .saturating_add(fraction)
}

/// A deviation from a normal distribution, as density per tick.
fn normal(deviation: i32, sigma: i32) -> Cost {
    log2(sigma)
        .saturating_add(ROOT)
        .saturating_add(square(deviation, sigma))
}

/// A parcel seen this far from where it was expected, as density per tick; `gate` is how far it can
/// be.
pub(super) fn slip(deviation: i32, sigma: i32, gate: i32) -> Cost {
    let odd = log2(gate.saturating_mul(2)).saturating_add(ODD_SLIP);
    normal(deviation, sigma).min(odd)
}

/// At least this it costs to be beyond `distance`; nothing when that is negative.
pub(super) fn beyond(distance: i32, sigma: i32) -> Cost {
    if distance <= 0 {
        0
    } else {
        square(distance, sigma)
    }
}

fn square(deviation: i32, sigma: i32) -> Cost {
    let deviation = i64::from(deviation);
    let sigma = i64::from(sigma).max(1);
    deviation
        .saturating_mul(deviation)
        .saturating_mul(SQUARE)
        .checked_div(sigma.saturating_mul(sigma))
        .unwrap_or(MOST)
        .min(MOST)
}

/// A length measured of a parcel that is known to be `known` long.
pub(super) fn length(measured: i32, known: i32, sigma: i32, range: i32) -> Cost {
    let same = normal(measured.saturating_sub(known), sigma);
    same.min(any_length(range).saturating_add(ODD_LENGTH))
}

/// A length of a parcel whose length nobody knows.
pub(super) fn any_length(range: i32) -> Cost {
    log2(range)
}

/// Cost of a probability in parts per billion.
pub(super) fn of_ppb(ppb: u32) -> Cost {
    let billion = i32::try_from(BILLION).unwrap_or(i32::MAX);
    log2(billion).saturating_sub(log2(i32::try_from(ppb).unwrap_or(i32::MAX)))
}

/// What a cost, relative to the least one, weighs.
pub(super) fn weight(cost: Cost) -> u128 {
    let cost = cost.max(0);
    let whole = u32::try_from(cost / BIT).unwrap_or(u32::MAX);
    let fraction = u128::try_from(cost % BIT).unwrap_or(0);
    let half = ONE.checked_shr(whole).unwrap_or(0) / 512;
    half.saturating_mul(512_u128.saturating_sub(fraction))
}

/// A share of weights in parts per billion.
pub(super) fn ppb(part: u128, all: u128) -> u32 {
    let share = part.saturating_mul(BILLION).checked_div(all).unwrap_or(0);
    u32::try_from(share).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms() {
        for (value, expected) in [(1, 0), (2, 256), (3, 384), (1_024, 2_560), (0, 0)] {
            assert_eq!(log2(value), expected, "{value}");
        }
        // 1 in a million is 19.93 bits.
        let million = of_ppb(1_000);
        assert!(
            (19 * BIT + 200..20 * BIT + 50).contains(&million),
            "{million}"
        );
    }

    #[test]
    fn deviations() {
        assert_eq!(normal(0, 64), 6 * BIT + ROOT);
        // Four standard deviations: 8 / ln 2 = 11.54 bits.
        assert_eq!(beyond(80, 20), 16 * SQUARE);
        assert_eq!(beyond(-80, 20), 0);
        assert_eq!(square(i32::MIN, 0), MOST);
    }

    #[test]
    fn an_odd_length_is_dear_but_not_impossible() {
        let right = length(300, 300, 8, 700);
        let wrong = length(400, 300, 8, 700);
        assert_eq!(wrong, any_length(700) + ODD_LENGTH);
        assert!(wrong > right + 10 * BIT, "{right} {wrong}");
    }

    #[test]
    fn weights_are_shares() {
        let (best, rest) = (weight(0), weight(20 * BIT));
        assert_eq!(ppb(rest, best + rest), 953);
        assert_eq!(ppb(best, best + best), 500_000_000);
        assert_eq!(weight(i64::MAX), 0);
        assert!(weight(100) > weight(101));
    }
}
