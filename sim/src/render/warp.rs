//! Prints and labels brought onto a frame: each pixel gathers the dots that it covers.

use super::geometry::{Homography, Point, spans};
use super::raster::{Bitmap, Plane};
use super::rng::Rng;

/// Dots per pixel up to which two samples a side average a pixel: bilinear samples at most one dot
/// apart miss nothing.
const TWO_SAMPLES_DOTS: f32 = 2.0;
/// The same for three samples a side; beyond it there are four.
const THREE_SAMPLES_DOTS: f32 = 3.0;
/// Share of the ink that covers what is beneath it on a carton.
const INK_COVER: f32 = 0.85;
/// Dots per millimetre of a label.
const DOTS_PER_MM: f32 = super::label::DOTS_PER_MM;
/// Entries in the table of a sine wave.
const WAVE: usize = 1_024;

/// Folds of a poly bag under a label: each wave shifts the print and turns it to the light.
#[derive(Clone, Debug)]
pub(super) struct Wrinkle {
    waves: Vec<Wave>,
    sine: Vec<f32>,
}

#[derive(Clone, Debug)]
struct Wave {
    /// Turns of the table per dot.
    along: Point,
    phase: f32,
    /// Amplitude of the shift, dots.
    shift: Point,
    /// Amplitude of the brightness factor.
    shade: f32,
}

impl Wrinkle {
    /// Three plane waves for a bag with folds `depth_mm` deep.
    pub(super) fn new(depth_mm: f32, rng: &mut Rng) -> Self {
        let turn = |rng: &mut Rng| rng.uniform(0.0, std::f32::consts::TAU).sin_cos();
        let waves = (0..3)
            .map(|_| {
                let per_dot = 1.0 / (rng.uniform(15.0, 60.0) * DOTS_PER_MM);
                let (along, shift) = (turn(rng), turn(rng));
                let amplitude = depth_mm / 1.7 * DOTS_PER_MM;
                Wave {
                    along: [along.0 * per_dot, along.1 * per_dot],
                    phase: rng.unit(),
                    shift: [shift.0 * amplitude, shift.1 * amplitude],
                    shade: 0.06 * depth_mm,
                }
            })
            .collect();
        let sine = (0..WAVE)
            .map(|i| (std::f32::consts::TAU * i as f32 / WAVE as f32).sin())
            .collect();
        Self { waves, sine }
    }

    /// Where the print under `at` comes from, and the brightness factor there.
    fn bend(&self, at: Point) -> (Point, f32) {
        let (mut shift, mut shade) = ([0.0, 0.0], 1.0);
        for wave in &self.waves {
            let turns = at[0] * wave.along[0] + at[1] * wave.along[1] + wave.phase;
            let index = (turns.rem_euclid(1.0) * WAVE as f32) as usize;
            let sine = self.sine[index % WAVE];
            shift[0] += wave.shift[0] * sine;
            shift[1] += wave.shift[1] * sine;
            shade += wave.shade * self.sine[(index + WAVE / 4) % WAVE];
        }
        ([at[0] + shift[0], at[1] + shift[1]], shade)
    }
}

/// Sticks a label onto the frame. `map` takes dots of the surface to pixels.
pub(super) fn label(
    plane: &mut Plane,
    map: &Homography,
    surface: &Plane,
    wrinkle: Option<&Wrinkle>,
) {
    let inverse = map.inverse();
    let (width, height) = (surface.width as f32, surface.height as f32);
    let quad = [[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]].map(|p| map.apply(p));
    let middle = map.scale_at([width / 2.0, height / 2.0]).max(1e-3);
    let side = match 1.0 / middle {
        dots if dots <= TWO_SAMPLES_DOTS => 2,
        dots if dots <= THREE_SAMPLES_DOTS => 3,
        _ => 4,
    };
    for span in spans(&quad, plane.width, plane.height) {
        let row = &mut plane.values[span.y * plane.width..(span.y + 1) * plane.width];
        for (x, value) in row.iter_mut().enumerate().take(span.to).skip(span.from) {
            let at = inverse.apply([x as f32, span.y as f32]);
            let inside = at[0].min(width - at[0]).min(at[1]).min(height - at[1]);
            let cover = inside * middle + 0.5;
            if cover <= 0.0 {
                // The paper's edge throws a thin shadow.
                *value *= 0.86;
                continue;
            }
            let steps = footprint(&inverse, at, [x as f32, span.y as f32]);
            let (from, shade) = wrinkle.map_or((at, 1.0), |folds| folds.bend(at));
            let grey = gather(surface, from, steps, side) * shade;
            *value += (grey - *value) * cover.min(1.0);
        }
    }
}

/// Dots that one step to the right and one step down in the frame cross at a pixel.
fn footprint(inverse: &Homography, at: Point, pixel: Point) -> [Point; 2] {
    let rows = &inverse.0;
    let w = rows[2][0] * pixel[0] + rows[2][1] * pixel[1] + rows[2][2];
    [0, 1].map(|k| [0, 1].map(|r| (rows[r][k] - at[r] * rows[2][k]) / w))
}

/// Mean of `side` by `side` bilinear samples over the area that a pixel covers.
fn gather(surface: &Plane, at: Point, [right, down]: [Point; 2], side: usize) -> f32 {
    let n = side as f32;
    let first = (1.0 - n) / (2.0 * n);
    // Between the dots' middles, at the first sample.
    let start = [0, 1].map(|k| at[k] - 0.5 + first * (right[k] + down[k]));
    let (right, down) = (right.map(|r| r / n), down.map(|d| d / n));
    let mut sum = 0.0;
    for j in 0..side {
        let mut x = start[0] + j as f32 * down[0];
        let mut y = start[1] + j as f32 * down[1];
        for _ in 0..side {
            sum += bilinear(surface, x, y);
            x += right[0];
            y += right[1];
        }
    }
    sum / (n * n)
}

/// Value between the dots' middles; the border's dots go on outside of the surface.
fn bilinear(surface: &Plane, x: f32, y: f32) -> f32 {
    let x = x.clamp(0.0, surface.width as f32 - 1.001);
    let y = y.clamp(0.0, surface.height as f32 - 1.001);
    let (column, row) = (x as i32, y as i32);
    let (fx, fy) = (x - column as f32, y - row as f32);
    let i = row as usize * surface.width + column as usize;
    let top = &surface.values[i..i + 2];
    let bottom = &surface.values[i + surface.width..i + surface.width + 2];
    let above = top[0] + (top[1] - top[0]) * fx;
    let below = bottom[0] + (bottom[1] - bottom[0]) * fx;
    above + (below - above) * fy
}

/// The part of a frame that shows a face.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// From pixels to millimetres from the middle of the face.
    pub(super) inverse: Homography,
    /// Half of the face's length and width, mm.
    pub(super) half: Point,
}

impl Window {
    fn shows(&self, pixel: Point) -> bool {
        let [u, v] = self.inverse.apply(pixel);
        u.abs() < self.half[0] && v.abs() < self.half[1]
    }
}

/// Prints a bitmap onto a face, in ink of one grey. `map` takes dots to pixels.
pub(super) fn print(
    plane: &mut Plane,
    map: &Homography,
    window: &Window,
    bitmap: &Bitmap,
    grey: f32,
) {
    let inverse = map.inverse();
    let (width, height) = (bitmap.width as f32, bitmap.height as f32);
    let quad = [[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]].map(|p| map.apply(p));
    for span in spans(&quad, plane.width, plane.height) {
        let row = &mut plane.values[span.y * plane.width..(span.y + 1) * plane.width];
        for (x, value) in row.iter_mut().enumerate().take(span.to).skip(span.from) {
            let at = inverse.apply([x as f32, span.y as f32]);
            let ink = ink_at(bitmap, at);
            if ink > 0.0 && window.shows([x as f32, span.y as f32]) {
                *value += (grey - *value) * ink * INK_COVER;
            }
        }
    }
}

fn ink_at(bitmap: &Bitmap, [x, y]: Point) -> f32 {
    let (x, y) = (x - 0.5, y - 0.5);
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let dot = |dx: i32, dy: i32| {
        let column = usize::try_from(left as i32 + dx).unwrap_or(usize::MAX);
        let row = usize::try_from(top as i32 + dy).unwrap_or(usize::MAX);
        if bitmap.is_ink(column, row) { 1.0 } else { 0.0 }
    };
    let above = dot(0, 0) * (1.0 - fx) + dot(1, 0) * fx;
    let below = dot(0, 1) * (1.0 - fx) + dot(1, 1) * fx;
    above * (1.0 - fy) + below * fy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_keeps_its_mean_brightness_at_every_scale() {
        // Bars of one dot, finer than any print: a pixel that covers many dots must show their mean.
        let mut surface = Plane::filled(200, 200, 20.0);
        for (i, value) in surface.values.iter_mut().enumerate() {
            if i % 2 == 0 {
                *value = 220.0;
            }
        }
        for scale in [0.9, 0.5, 0.35] {
            let mut plane = Plane::filled(200, 200, 0.0);
            label(
                &mut plane,
                &Homography::scaling(scale, [5.3, 7.1]),
                &surface,
                None,
            );
            let inner: Vec<f32> = (20..50)
                .flat_map(|y| plane.values[y * 200 + 20..y * 200 + 50].to_vec())
                .collect();
            let mean = inner.iter().sum::<f32>() / inner.len() as f32;
            assert!((mean - 120.0).abs() < 6.0, "scale {scale}: {mean}");
        }
    }
}
