//! Means of any stretch of a signal from its running sum.

/// Running sum of samples; sample i covers the places from i to i + 1.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums(Vec<f32>);

impl Sums {
    pub(super) fn of(values: &[f32]) -> Self {
        let mut sums = Self::default();
        sums.set(values);
        sums
    }

    /// Takes another signal, keeping the memory.
    pub(super) fn set(&mut self, values: &[f32]) {
        self.0.clear();
        self.0.push(0.0);
        let mut sum = 0.0_f64;
        for value in values {
            sum += f64::from(*value);
            self.0.push(sum as f32);
        }
    }

    /// Integral from the start to a place; outside, the signal is taken as constant at its ends.
    fn integral(&self, to: f32) -> f32 {
        let last = self.0.len() - 1;
        if last == 0 {
            return 0.0;
        }
        let whole = (to.max(0.0) as usize).min(last - 1);
        let part = to - whole as f32;
        self.0[whole] + part * (self.0[whole + 1] - self.0[whole])
    }

    /// Mean between two places.
    pub(super) fn mean(&self, from: f32, to: f32) -> f32 {
        let width = (to - from).max(1e-3);
        (self.integral(from + width) - self.integral(from)) / width
    }
}
