//! Noise that repeats: drawn once, then read at an offset by every frame.

use super::rng::Rng;

/// Width and height of a tile, texels; a power of two, so that positions wrap by a mask.
const SIDE: usize = 1_024;
/// Steps per grey level in a tile.
const STEPS: f32 = 3.0;
/// Entries in the table of normal deviates.
const DEVIATES: usize = 1 << 16;
/// Bilinear interpolation of independent values keeps 4/9 of their variance.
const BILINEAR_SD: f32 = 2.0 / 3.0;

/// A square of noise that repeats in both directions.
#[derive(Clone, Debug)]
pub(super) struct Tile {
    texels: Vec<i8>,
}

impl Tile {
    fn new(values: &[f32]) -> Self {
        let quantize = |v: &f32| (v * STEPS).round().clamp(-127.0, 127.0) as i8;
        Self {
            texels: values.iter().map(quantize).collect(),
        }
    }

    /// The value at a place that may be negative.
    pub(super) fn around(&self, x: f32, y: f32) -> f32 {
        self.at(x as i32 as usize, y as i32 as usize)
    }

    /// The value at a texel, grey levels; positions wrap.
    pub(super) fn at(&self, x: usize, y: usize) -> f32 {
        let mask = SIDE - 1;
        let index = (y & mask) * SIDE + (x & mask);
        f32::from(self.texels[index]) / STEPS
    }
}

/// All textures of the renderer.
#[derive(Clone, Debug)]
pub(super) struct Textures {
    /// Rubber belt, one texel per pixel.
    pub belt: Tile,
    /// Cardboard, 6.5 texels per mm.
    pub board: Tile,
    /// Folded film, 3.2 texels per mm.
    pub film: Tile,
    /// Label paper, one texel per dot.
    pub paper: Tile,
    /// Normal deviates of standard deviation 1.
    deviates: Vec<f32>,
}

/// Texels per millimetre of [`Textures::board`].
pub(super) const BOARD_TEXELS_PER_MM: f32 = 6.5;
/// Texels per millimetre of [`Textures::film`].
pub(super) const FILM_TEXELS_PER_MM: f32 = 3.2;

impl Textures {
    /// Draws them; the same at every start.
    pub(super) fn new() -> Self {
        let mut rng = Rng::named(0, "textures");
        // Cells per side and standard deviation: 6 and 160 pixels of belt; 37, 6 and 1.2 mm of
        // board; 40 and 3 dots of paper.
        let belt = layers(&mut rng, &[(171, 3.0), (6, 3.0)]);
        let board = layers(&mut rng, &[(4, 7.0), (26, 4.0), (128, 5.0)]);
        let paper = layers(&mut rng, &[(26, 2.0), (341, 1.5)]);
        let film = folds(&mut rng);
        let deviates = (0..DEVIATES).map(|_| rng.normal()).collect();
        Self {
            belt: Tile::new(&belt),
            board: Tile::new(&board),
            film: Tile::new(&film),
            paper: Tile::new(&paper),
            deviates,
        }
    }

    /// `count` normal deviates for one row of a frame, from a random place in the table; fewer when
    /// the table is shorter.
    pub(super) fn deviates(&self, rng: &mut Rng, count: usize) -> &[f32] {
        let start = rng.below(DEVIATES.saturating_sub(count));
        &self.deviates[start..(start + count).min(DEVIATES)]
    }
}

/// Smooth noise of about `cell` dots over a picture, standard deviation 1, not repeating.
pub(super) fn smooth(rng: &mut Rng, width: usize, height: usize, cell: usize) -> Vec<f32> {
    let columns = width / cell + 2;
    let rows = height / cell + 2;
    let grid: Vec<f32> = (0..columns * rows)
        .map(|_| rng.normal() / BILINEAR_SD)
        .collect();
    let mut out = vec![0.0; width * height];
    for (y, line) in out.chunks_exact_mut(width).enumerate() {
        let (row, fy) = (y / cell, (y % cell) as f32 / cell as f32);
        let mix = |column: usize| {
            let i = row * columns + column;
            grid[i] + (grid[i + columns] - grid[i]) * fy
        };
        for (column, run) in line.chunks_mut(cell).enumerate() {
            let (from, to) = (mix(column), mix(column + 1));
            let step = (to - from) / cell as f32;
            for (x, value) in run.iter_mut().enumerate() {
                *value = from + step * x as f32;
            }
        }
    }
    out
}

fn layers(rng: &mut Rng, parts: &[(usize, f32)]) -> Vec<f32> {
    let mut out = vec![0.0; SIDE * SIDE];
    for &(cells, sd) in parts {
        add_layer(&mut out, rng, cells, sd);
    }
    out
}

fn add_layer(out: &mut [f32], rng: &mut Rng, cells: usize, sd: f32) {
    let grid: Vec<f32> = (0..cells * cells)
        .map(|_| rng.normal() * sd / BILINEAR_SD)
        .collect();
    let place = |texel: usize| {
        let at = texel as f32 * cells as f32 / SIDE as f32;
        let cell = at as usize % cells;
        (cell, (cell + 1) % cells, at.fract())
    };
    for y in 0..SIDE {
        let (above, below, fy) = place(y);
        for x in 0..SIDE {
            let (left, right, fx) = place(x);
            let mix = |row: usize| {
                grid[row * cells + left]
                    + (grid[row * cells + right] - grid[row * cells + left]) * fx
            };
            out[y * SIDE + x] += mix(above) + (mix(below) - mix(above)) * fy;
        }
    }
}

/// Film under light: bright ridges where smooth noise crosses zero, dull hollows between them.
fn folds(rng: &mut Rng) -> Vec<f32> {
    let mut out = vec![0.0; SIDE * SIDE];
    for (cells, height, sharpness) in [(9, 16.0, 3.0), (22, 11.0, 2.2), (60, 5.0, 1.2)] {
        let mut field = vec![0.0; SIDE * SIDE];
        add_layer(&mut field, rng, cells, 1.0);
        for (texel, value) in out.iter_mut().zip(&field) {
            *texel += height * ((-value.abs() * sharpness).exp() - 0.35);
        }
    }
    let mut fine = vec![0.0; SIDE * SIDE];
    add_layer(&mut fine, rng, 256, 1.5);
    out.iter_mut()
        .zip(&fine)
        .for_each(|(texel, value)| *texel += value);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deviation(values: impl Iterator<Item = f32>) -> f32 {
        let all: Vec<f32> = values.collect();
        let mean = all.iter().sum::<f32>() / all.len() as f32;
        (all.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / all.len() as f32).sqrt()
    }

    #[test]
    fn tiles_repeat_and_have_the_spread_of_their_layers() {
        let textures = Textures::new();
        let board = deviation((0..200_000).map(|i| textures.board.at(i % 997, i / 997)));
        assert!((6.0..14.0).contains(&board), "{board}");
        assert_eq!(
            textures.belt.at(5, 9).to_bits(),
            textures
                .belt
                .around(5.0 - SIDE as f32, 9.0 + SIDE as f32)
                .to_bits()
        );
        let seam =
            (0..SIDE).map(|y| (textures.board.at(SIDE - 1, y) - textures.board.at(SIDE, y)).abs());
        assert!(
            seam.fold(0.0, f32::max) < 15.0,
            "no step where the tile repeats"
        );
    }

    #[test]
    fn smooth_noise_has_unit_spread() {
        let noise = smooth(&mut Rng::new(4), 800, 800, 12);
        let spread = deviation(noise.into_iter());
        assert!((spread - 1.0).abs() < 0.1, "{spread}");
    }
}
