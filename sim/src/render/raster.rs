//! Pictures in memory: bi-level prints, grey frames, and the light that falls on a frame.

/// A bi-level print: 0 is bare paper, 255 is ink. Rows from the top, no padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bitmap {
    /// Width in dots.
    pub width: usize,
    /// Height in dots.
    pub height: usize,
    /// `width * height` dots.
    pub dots: Vec<u8>,
}

impl Bitmap {
    /// Bare paper.
    pub(super) fn blank(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            dots: vec![0; width * height],
        }
    }

    /// Prints one dot; outside of the paper nothing happens.
    pub(super) fn set(&mut self, x: i32, y: i32) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else {
            return;
        };
        if x < self.width && y < self.height {
            self.dots[y * self.width + x] = 255;
        }
    }

    /// True where there is ink; false outside of the paper.
    pub(super) fn is_ink(&self, x: usize, y: usize) -> bool {
        x < self.width && y < self.height && self.dots[y * self.width + x] != 0
    }

    /// Prints a filled rectangle, clipped to the paper.
    pub(super) fn fill(&mut self, area: Area) {
        let right = (area.x + area.width).min(self.width);
        for y in area.y..(area.y + area.height).min(self.height) {
            if area.x < right {
                self.dots[y * self.width + area.x..y * self.width + right].fill(255);
            }
        }
    }

    /// Turns ink into paper and paper into ink in a rectangle, clipped to the paper.
    pub(super) fn invert(&mut self, area: Area) {
        let right = (area.x + area.width).min(self.width);
        for y in area.y..(area.y + area.height).min(self.height) {
            for dot in self
                .dots
                .iter_mut()
                .take(y * self.width + right)
                .skip(y * self.width + area.x)
            {
                *dot = 255 - *dot;
            }
        }
    }

    /// Prints `other` enlarged by whole factors with its top left dot at `x`, `y`.
    pub(super) fn stamp(&mut self, other: &Self, x: usize, y: usize, scale: (usize, usize)) {
        for row in 0..other.height {
            for column in 0..other.width {
                if other.is_ink(column, row) {
                    self.fill(Area {
                        x: x + column * scale.0,
                        y: y + row * scale.1,
                        width: scale.0,
                        height: scale.1,
                    });
                }
            }
        }
    }
}

/// A rectangle of dots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    /// Left edge.
    pub x: usize,
    /// Top edge.
    pub y: usize,
    /// Width; the right edge is excluded.
    pub width: usize,
    /// Height; the bottom edge is excluded.
    pub height: usize,
}

impl Area {
    /// The corners from the top left, clockwise.
    pub(super) fn corners(self) -> [[f32; 2]; 4] {
        let (left, top) = (self.x as f32, self.y as f32);
        let (right, bottom) = (left + self.width as f32, top + self.height as f32);
        [[left, top], [right, top], [right, bottom], [left, bottom]]
    }
}

/// A frame as a camera delivers it: 8-bit grey, rows from the top, no padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gray {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `width * height` pixels, 0 is black.
    pub pixels: Vec<u8>,
}

/// Linear brightness of a picture before the sensor: grey levels that may leave 0 to 255.
#[derive(Clone, Debug)]
pub(super) struct Plane {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `width * height` values.
    pub values: Vec<f32>,
}

impl Plane {
    /// A plane of one brightness.
    pub(super) fn filled(width: usize, height: usize, value: f32) -> Self {
        Self {
            width,
            height,
            values: vec![value; width * height],
        }
    }

    /// Gaussian blur, separable, edges repeated. A `sigma` below 0.1 pixels changes nothing.
    pub(super) fn blur(&mut self, sigma: f32) {
        if sigma < 0.1 {
            return;
        }
        let radius = (sigma * 3.0).ceil() as usize;
        let mut kernel: Vec<f32> = (0..=2 * radius)
            .map(|i| {
                let x = i as f32 - radius as f32;
                (-x * x / (2.0 * sigma * sigma)).exp()
            })
            .collect();
        let sum: f32 = kernel.iter().sum();
        for weight in &mut kernel {
            *weight /= sum;
        }
        self.convolve_rows(&kernel);
        self.convolve_columns(&kernel);
    }

    fn convolve_rows(&mut self, kernel: &[f32]) {
        let radius = kernel.len() / 2;
        let mut padded = vec![0.0_f32; self.width + 2 * radius];
        for row in self.values.chunks_exact_mut(self.width) {
            padded[..radius].fill(row[0]);
            padded[radius..radius + row.len()].copy_from_slice(row);
            padded[radius + row.len()..].fill(row[row.len() - 1]);
            row.fill(0.0);
            for (k, &weight) in kernel.iter().enumerate() {
                for (out, &value) in row.iter_mut().zip(&padded[k..]) {
                    *out += weight * value;
                }
            }
        }
    }

    fn convolve_columns(&mut self, kernel: &[f32]) {
        let radius = kernel.len() / 2;
        let source = self.values.clone();
        for (y, row) in self.values.chunks_exact_mut(self.width).enumerate() {
            row.fill(0.0);
            for (k, &weight) in kernel.iter().enumerate() {
                let from = (y + k).saturating_sub(radius).min(self.height - 1) * self.width;
                for (out, &value) in row.iter_mut().zip(&source[from..from + self.width]) {
                    *out += weight * value;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ink(paper: &Bitmap) -> usize {
        let row = |y| (0..paper.width).filter(|&x| paper.is_ink(x, y)).count();
        (0..paper.height).map(row).sum()
    }

    #[test]
    fn fill_and_stamp_stay_on_the_paper() {
        let mut paper = Bitmap::blank(10, 6);
        paper.fill(Area {
            x: 8,
            y: 4,
            width: 9,
            height: 9,
        });
        assert_eq!(ink(&paper), 4);
        let dot = Bitmap {
            width: 1,
            height: 1,
            dots: vec![255],
        };
        paper.stamp(&dot, 0, 0, (3, 2));
        assert!(paper.is_ink(2, 1) && !paper.is_ink(3, 1) && !paper.is_ink(2, 2));
        paper.set(-1, 0);
        paper.set(10, 0);
        assert_eq!(ink(&paper), 10);
    }

    #[test]
    fn blur_keeps_the_mean_and_spreads_by_sigma() {
        let mut plane = Plane::filled(61, 61, 0.0);
        plane.values[30 * 61 + 30] = 1.0;
        plane.blur(2.0);
        let sum: f32 = plane.values.iter().sum();
        assert!((sum - 1.0).abs() < 1e-3, "{sum}");
        let variance: f32 = plane
            .values
            .iter()
            .enumerate()
            .map(|(i, v)| v * ((i % 61) as f32 - 30.0).powi(2))
            .sum();
        assert!((variance - 4.0).abs() < 0.2, "{variance}");
    }
}
