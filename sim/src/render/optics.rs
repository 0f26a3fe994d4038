//! Light, lens and sensor: from the brightness of a scene to 8-bit grey.

use super::degradation::Degradation;
use super::geometry::Point;
use super::raster::{Gray, Plane};
use super::rng::Rng;
use super::texture::Textures;

/// Grey that full glare adds at its peak.
const GLARE_PEAK: f32 = 330.0;
/// Shot noise: variance per grey level.
const SHOT: f32 = 0.03;
/// Pixels between the points at which a glare spot is computed; it is at least 10 pixels wide.
const GLARE_STEP: usize = 4;

/// A bright spot: an elliptic Gaussian.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    middle: Point,
    /// Quadratic form: x², xy, y².
    form: [f32; 3],
    /// Grey at the middle.
    peak: f32,
    /// Rows from the middle beyond which it is dark.
    reach: f32,
}

/// Uneven light over the frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Light {
    /// Change of brightness from the middle to half the frame's width.
    pub change: f32,
    /// Direction in which it grows brighter, degrees.
    pub direction_deg: f32,
}

/// Defocus, then motion blur along the belt's travel.
pub(super) fn lens(plane: &mut Plane, degradation: &Degradation, rng: &mut Rng) {
    plane.blur(degradation.defocus * degradation.ppm);
    let angle = rng.uniform(-10.0, 10.0);
    motion(plane, degradation.motion * degradation.ppm, angle);
}

/// Straight motion blur of `length` pixels at `angle` degrees to the x axis.
fn motion(plane: &mut Plane, length: f32, angle: f32) {
    if length < 0.1 {
        return;
    }
    let (sin, cos) = angle.to_radians().sin_cos();
    // The path is sampled at quarter pixels; each sample spreads over its four neighbors.
    let samples = (length * 4.0).ceil().max(2.0) as usize;
    let mut taps: Vec<(i32, i32, f32)> = Vec::new();
    for i in 0..samples {
        let along = length * ((i as f32 + 0.5) / samples as f32 - 0.5);
        let (x, y) = (along * cos, along * sin);
        let (fx, fy) = (x - x.floor(), y - y.floor());
        let at = (x.floor() as i32, y.floor() as i32);
        for (dx, dy, weight) in [
            (0, 0, (1.0 - fx) * (1.0 - fy)),
            (1, 0, fx * (1.0 - fy)),
            (0, 1, (1.0 - fx) * fy),
            (1, 1, fx * fy),
        ] {
            add_tap(&mut taps, (at.0 + dx, at.1 + dy, weight / samples as f32));
        }
    }
    taps.retain(|tap| tap.2 > 1e-4);
    apply_taps(plane, &taps);
}

fn add_tap(taps: &mut Vec<(i32, i32, f32)>, tap: (i32, i32, f32)) {
    match taps
        .iter_mut()
        .find(|known| known.0 == tap.0 && known.1 == tap.1)
    {
        Some(known) => known.2 += tap.2,
        None => taps.push(tap),
    }
}

fn apply_taps(plane: &mut Plane, taps: &[(i32, i32, f32)]) {
    let (width, height) = (plane.width, plane.height);
    let margin = taps
        .iter()
        .map(|t| t.0.unsigned_abs() as usize)
        .max()
        .unwrap_or(0);
    // Rows with repeated ends, so that no tap leaves its row.
    let wide = width + 2 * margin;
    let mut source = Vec::with_capacity(wide * height);
    for row in plane.values.chunks_exact(width) {
        source.extend(std::iter::repeat_n(row[0], margin));
        source.extend_from_slice(row);
        source.extend(std::iter::repeat_n(row[width - 1], margin));
    }
    for (y, row) in plane.values.chunks_exact_mut(width).enumerate() {
        row.fill(0.0);
        for &(dx, dy, weight) in taps {
            let from_row = y.saturating_add_signed(dy as isize).min(height - 1);
            let start = (from_row * wide + margin).saturating_add_signed(dx as isize);
            for (out, &value) in row.iter_mut().zip(&source[start..start + width]) {
                *out += weight * value;
            }
        }
    }
}

/// Adds light, glare and noise, and turns brightness into grey levels.
pub(super) fn sensor(
    plane: &Plane,
    degradation: &Degradation,
    light: Light,
    glare: &[Spot],
    textures: &Textures,
    rng: &mut Rng,
) -> Gray {
    let (width, height) = (plane.width, plane.height);
    let (sin, cos) = light.direction_deg.to_radians().sin_cos();
    let slope = light.change * 2.0 / width as f32;
    let dark = degradation.noise * degradation.noise;
    let exposure = degradation.exposure;
    let ramp: Vec<f32> = (0..width)
        .map(|x| slope * cos * (x as f32 - width as f32 / 2.0))
        .collect();
    let mut pixels = vec![0_u8; width * height];
    let mut shine = vec![0.0_f32; width];
    let rows = plane
        .values
        .chunks_exact(width)
        .zip(pixels.chunks_exact_mut(width));
    for (y, (values, row)) in rows.enumerate() {
        shine_row(glare, y, &mut shine);
        let base = 1.0 + slope * sin * (y as f32 - height as f32 / 2.0);
        let deviates = textures.deviates(rng, width);
        let inputs = values.iter().zip(deviates).zip(shine.iter().zip(&ramp));
        for (out, ((value, deviate), (extra, change))) in row.iter_mut().zip(inputs) {
            let bright = (value * (base + change) + extra) * exposure;
            let sigma = (dark + SHOT * bright.clamp(0.0, 255.0)).sqrt();
            *out = (bright + sigma * deviate + 0.5).clamp(0.0, 255.0) as u8;
        }
    }
    Gray {
        width,
        height,
        pixels,
    }
}

/// The glare of a frame. `targets` are the places and sizes that it seeks: the symbols' middles and
/// diagonals in pixels; `drift` moves each spot along the frame, in its radii.
pub(super) fn spots(
    degradation: &Degradation,
    targets: &[(Point, f32)],
    drift: f32,
    rng: &mut Rng,
) -> Vec<Spot> {
    let count = match degradation.glare {
        g if g <= 0.0 || targets.is_empty() => 0,
        g if g > 0.9 => 3,
        g if g > 0.5 => 2,
        _ => 1,
    };
    let px_per_mm = degradation.ppm / super::degradation::MODULE_MM;
    (0..count)
        .map(|_| {
            let (aim, diagonal) = targets[rng.below(targets.len())];
            let off = 0.3 * diagonal;
            let middle = [
                aim[0] + rng.uniform(-off, off),
                aim[1] + rng.uniform(-off, off),
            ];
            let radius = rng.uniform(8.0, 30.0) * px_per_mm;
            let middle = [middle[0] + drift * radius, middle[1]];
            let other = radius * rng.uniform(0.4, 2.5);
            let (sin, cos) = rng.uniform(0.0, std::f32::consts::PI).sin_cos();
            let (a, b) = (1.0 / (radius * radius), 1.0 / (other * other));
            Spot {
                middle,
                form: [
                    a * cos * cos + b * sin * sin,
                    2.0 * (a - b) * sin * cos,
                    a * sin * sin + b * cos * cos,
                ],
                peak: GLARE_PEAK * degradation.glare,
                reach: 2.8 * radius.max(other),
            }
        })
        .collect()
}

/// Fills `shine` with the glare of one row.
fn shine_row(glare: &[Spot], y: usize, shine: &mut [f32]) {
    shine.fill(0.0);
    for spot in glare {
        let dy = y as f32 - spot.middle[1];
        if dy.abs() > spot.reach {
            continue;
        }
        let value = |x: usize| {
            let dx = x as f32 - spot.middle[0];
            let [xx, xy, yy] = spot.form;
            spot.peak * (-(xx * dx * dx + xy * dx * dy + yy * dy * dy)).exp()
        };
        let mut here = value(0);
        for (i, block) in shine.chunks_mut(GLARE_STEP).enumerate() {
            let next = value((i + 1) * GLARE_STEP);
            let step = (next - here) / GLARE_STEP as f32;
            for (k, out) in block.iter_mut().enumerate() {
                *out += here + step * k as f32;
            }
            here = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn motion_spreads_along_the_belt_and_keeps_brightness() {
        let mut plane = Plane::filled(41, 21, 0.0);
        plane.values[10 * 41 + 20] = 100.0;
        motion(&mut plane, 6.0, 0.0);
        let sum: f32 = plane.values.iter().sum();
        assert!((sum - 100.0).abs() < 0.1, "{sum}");
        let row = &plane.values[10 * 41..11 * 41];
        assert!(
            row[18] > 10.0 && row[22] > 10.0 && row[12] == 0.0,
            "{row:?}"
        );
        assert!(plane.values[9 * 41 + 20] < 0.1);
    }

    #[test]
    fn sensor_adds_the_noise_it_is_told_to_and_clips() {
        let textures = Textures::new();
        let light = Light {
            change: 0.0,
            direction_deg: 0.0,
        };
        for (grey, noise) in [(20.0, 2.0), (120.0, 5.0), (400.0, 2.0)] {
            let plane = Plane::filled(256, 256, grey);
            let knobs = Degradation {
                noise,
                ..Degradation::clean(2.5)
            };
            let frame = sensor(&plane, &knobs, light, &[], &textures, &mut Rng::new(5));
            let n = frame.pixels.len() as f32;
            let mean = frame.pixels.iter().map(|&p| f32::from(p)).sum::<f32>() / n;
            let spread = frame
                .pixels
                .iter()
                .map(|&p| (f32::from(p) - mean).powi(2))
                .sum::<f32>()
                / n;
            let expected = if grey > 255.0 {
                0.0
            } else {
                noise * noise + SHOT * grey
            };
            assert!((mean - grey.min(255.0)).abs() < 0.3, "{mean}");
            assert!(
                (spread - expected).abs() < 0.15 * expected + 0.2,
                "{spread} {expected}"
            );
        }
    }
}
