//! Seeded random numbers in integers only, equal on every platform.
//!
//! The generator is xoshiro256++ seeded by `SplitMix64`, both by D. Blackman and S. Vigna
//! ("Scrambled Linear Pseudorandom Number Generators", ACM TOMS 47, 2021), which they placed in
//! the public domain. Normal deviates are the sum of twelve uniform ones (Irwin-Hall): no
//! floating point, and nothing beyond six standard deviations.

/// One stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

/// One step of `SplitMix64`: a well mixed word for every input word.
pub(crate) const fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Rng {
    /// Stream number `stream` of a seed. Each purpose has its own stream, so that a fault that is
    /// switched on does not change what is drawn for another purpose.
    #[must_use]
    pub const fn new(seed: u64, stream: u64) -> Self {
        let a = mix(seed ^ mix(stream));
        let b = mix(a);
        let c = mix(b);
        Self {
            state: [a, b, c, mix(c)],
        }
    }

    /// The next 64 random bits.
    pub const fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c1, d1) = (c ^ a, d ^ b);
        self.state = [a ^ d1, b ^ c1, c1 ^ (b << 17), d1.rotate_left(45)];
        result
    }

    /// Uniform in `0..bound`; 0 when `bound` is 0. The bias of the multiplication is below
    /// `bound` / 2⁶⁴.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.bits()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// Uniform in `low..=high`; `low` when the range is empty.
    pub fn range(&mut self, low: i64, high: i64) -> i64 {
        let span = high.saturating_sub(low).max(0).cast_unsigned();
        low + self.below(span + 1).cast_signed()
    }

    /// True in `ppm` of a million draws. Draws nothing for a rate of 0.
    pub fn chance(&mut self, ppm: u32) -> bool {
        ppm > 0 && self.below(1_000_000) < u64::from(ppm)
    }

    /// Normal deviate with standard deviation `sigma`, in the unit of `sigma`.
    pub fn normal(&mut self, sigma: i64) -> i64 {
        if sigma == 0 {
            return 0;
        }
        // Twelve uniform numbers of 16 bits: mean 6 · 2¹⁶ − 6, variance 2³².
        let mut sum = 0_i64;
        for _ in 0..3 {
            let mut word = self.bits();
            for _ in 0..4 {
                sum += (word & 0xFFFF).cast_signed();
                word >>= 16;
            }
        }
        (sum - 6 * 0x1_0000 + 6) * sigma / 0x1_0000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_for_ever() {
        let mut rng = Rng::new(1, 0);
        let first: Vec<u64> = (0..3).map(|_| rng.bits()).collect();
        let mut again = Rng::new(1, 0);
        assert_eq!(first, (0..3).map(|_| again.bits()).collect::<Vec<_>>());
        assert_ne!(
            first.first(),
            Some(&Rng::new(1, 1).bits()),
            "streams differ"
        );
        assert_ne!(first.first(), Some(&Rng::new(2, 0).bits()), "seeds differ");
    }

    #[test]
    fn split_mix_gives_the_published_numbers() {
        // First outputs of the reference implementation for seed 0.
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(mix(0x9E37_79B9_7F4A_7C15), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn normal_deviates_have_the_mean_and_deviation_asked_for() {
        let mut rng = Rng::new(7, 3);
        let n = 100_000;
        let draws: Vec<i64> = (0..n).map(|_| rng.normal(10_000)).collect();
        let mean = draws.iter().sum::<i64>() / n;
        let variance = draws.iter().map(|d| (d - mean) * (d - mean)).sum::<i64>() / n;
        assert!(mean.abs() < 150, "mean {mean}");
        assert!(
            (97_000_000..103_000_000).contains(&variance),
            "variance {variance}"
        );
    }

    #[test]
    fn ranges_are_closed_and_chances_hold() {
        let mut rng = Rng::new(3, 9);
        let draws: Vec<i64> = (0..1_000).map(|_| rng.range(-2, 2)).collect();
        assert!(draws.iter().all(|d| (-2..=2).contains(d)));
        assert!((-2..=2).all(|v| draws.contains(&v)));
        assert_eq!(rng.range(5, 5), 5);
        let hits = (0..100_000).filter(|_| rng.chance(10_000)).count();
        assert!((850..1_150).contains(&hits), "{hits}");
        assert!(!rng.chance(0));
    }
}
