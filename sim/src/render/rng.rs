//! The renderer's own random numbers: a frame depends on its seed and its name alone, so any
//! subset of a set of frames can be drawn again, in any order, on any number of threads.

/// A stream of pseudo-random numbers: `SplitMix64` (Steele, Lea, Flood: Fast splittable
/// pseudorandom number generators, 2014). Not for secrets.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// The stream of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The stream of `name` under `seed`: the name is hashed with FNV-1a (64 bits).
    pub fn named(seed: u64, name: &str) -> Self {
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut stream = Self::new(seed ^ hash);
        Self::new(stream.bits() ^ seed.rotate_left(17))
    }

    /// The next 64 random bits.
    pub const fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0 (included) to 1 (excluded), 24 bits of it.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / 16_777_216.0
    }

    /// Uniform between `low` and `high`.
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// Uniform integer below `n`; 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        let n = n as u64;
        if n == 0 {
            0
        } else {
            (self.bits() % n) as usize
        }
    }

    /// Uniform integer from `low` to `high`, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// One of the entries of a table, which must not be empty.
    pub fn pick<T: Copy>(&mut self, table: &[T]) -> T {
        table[self.below(table.len())]
    }

    /// Normal deviate of mean 0 and standard deviation 1 (Box and Muller, 1958).
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f32::consts::TAU * self.unit()).cos()
    }

    /// `count` decimal digits.
    pub fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(b'0' + self.below(10) as u8))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_seed_and_name_only() {
        let draw = |seed, name| {
            let mut rng = Rng::named(seed, name);
            [rng.bits(), rng.bits(), rng.bits()]
        };
        assert_eq!(draw(7, "T1/0001"), draw(7, "T1/0001"));
        assert_ne!(draw(7, "T1/0001"), draw(8, "T1/0001"));
        assert_ne!(draw(7, "T1/0001"), draw(7, "T1/0002"));
    }

    #[test]
    fn deviates_have_the_moments_they_claim() {
        let mut rng = Rng::new(1);
        let n = 20_000_u16;
        let (mut sum, mut squares) = (0.0_f32, 0.0_f32);
        for _ in 0..n {
            let x = rng.normal();
            sum += x;
            squares += x * x;
        }
        assert!(
            (sum / f32::from(n)).abs() < 0.03,
            "mean {}",
            sum / f32::from(n)
        );
        assert!(
            (squares / f32::from(n) - 1.0).abs() < 0.05,
            "variance {}",
            squares / f32::from(n)
        );
    }
}
