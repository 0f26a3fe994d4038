//! A label on its way from the printer to the camera: worn heads, dirt, pens, creases, pale ink.
//! Follows the order of effects of the frame model: defects of the print, paper, occlusion,
//! creases, contrast.

use super::degradation::Degradation;
use super::label::{DOTS_PER_MM, Label};
use super::raster::{Area, Plane};
use super::rng::Rng;
use super::texture::{self, Textures};

/// Grey of bare paper.
const PAPER: f32 = 228.0;
/// Grey of full ink.
const INK: f32 = 22.0;
/// Brightness that a label loses with all of its contrast.
const HAZE: f32 = 60.0;

/// The reflectance of a label's surface, one value per dot, as grey levels.
pub(super) fn reflectance(
    label: &Label,
    degradation: &Degradation,
    textures: &Textures,
    rng: &mut Rng,
) -> Plane {
    let mut surface = ink(label, degradation.print_defect, rng);
    on_paper(&mut surface, textures, rng);
    if degradation.occlusion > 0.0 {
        for printed in &label.symbols {
            if rng.chance(0.75) {
                occlude(&mut surface, printed.area, degradation.occlusion, rng);
            }
        }
    }
    for _ in 0..degradation.creases {
        crease(&mut surface, rng);
    }
    let contrast = degradation.contrast;
    if contrast < 1.0 {
        for value in &mut surface.values {
            *value = PAPER - contrast * (PAPER - *value) - HAZE * (1.0 - contrast);
        }
    }
    surface
}

/// Ink density, 0 to 1, as the print head leaves it.
fn ink(label: &Label, defect: f32, rng: &mut Rng) -> Plane {
    let paper = &label.paper;
    let mut dots = paper.dots.clone();
    if defect <= 0.0 {
        let values = dots.iter().map(|&d| f32::from(d) / 255.0).collect();
        return Plane {
            width: paper.width,
            height: paper.height,
            values,
        };
    }
    // Dead elements of the head leave lines along the paper's way.
    for _ in 0..=(6.0 * defect) as usize {
        let x = rng.below(paper.width);
        let wide = rng.between(1, 2).min(paper.width - x);
        for row in dots.chunks_exact_mut(paper.width) {
            row[x..x + wide].fill(0);
        }
    }
    let fade = texture::smooth(rng, paper.width, paper.height, 120);
    let values = dots
        .iter()
        .zip(&fade)
        .map(|(&d, noise)| {
            f32::from(d) / 255.0 * (1.0 - 0.5 * defect * (0.6 * noise).clamp(0.0, 1.0))
        })
        .collect();
    let mut plane = Plane {
        width: paper.width,
        height: paper.height,
        values,
    };
    plane.blur(0.35 + 0.3 * defect);
    plane
}

fn on_paper(surface: &mut Plane, textures: &Textures, rng: &mut Rng) {
    let (left, top) = (rng.below(1_024), rng.below(1_024));
    for (y, row) in surface.values.chunks_exact_mut(surface.width).enumerate() {
        for (x, value) in row.iter_mut().enumerate() {
            let paper = PAPER + textures.paper.at(left + x, top + y);
            *value = paper - *value * (paper - INK);
        }
    }
}

fn occlude(surface: &mut Plane, area: Area, share: f32, rng: &mut Rng) {
    let grey = rng.uniform(40.0, 220.0);
    match rng.below(3) {
        0 => {
            let side = share.sqrt();
            let width = (area.width as f32 * side) as usize;
            let height = (area.height as f32 * side) as usize;
            let x = area.x + rng.below(area.width.saturating_sub(width) + 1);
            let y = area.y + rng.below(area.height.saturating_sub(height) + 1);
            cover(
                surface,
                Area {
                    x,
                    y,
                    width,
                    height,
                },
                grey,
            );
        }
        1 => {
            let height = (area.height as f32 * share) as usize;
            let y = area.y + rng.below(area.height.saturating_sub(height) + 1);
            cover(surface, Area { y, height, ..area }, grey);
        }
        _ => {
            for _ in 0..((20.0 * share) as usize).max(1) {
                marker(surface, area, rng);
            }
        }
    }
}

fn cover(surface: &mut Plane, area: Area, grey: f32) {
    let right = (area.x + area.width).min(surface.width);
    for y in area.y..(area.y + area.height).min(surface.height) {
        surface.values[y * surface.width + area.x..y * surface.width + right].fill(grey);
    }
}

/// A stroke of a pen through a symbol.
fn marker(surface: &mut Plane, area: Area, rng: &mut Rng) {
    let grey = rng.uniform(15.0, 60.0);
    let half = rng.uniform(3.0, 6.0) / 2.0;
    let end = |rng: &mut Rng| {
        let x = area.x as f32 + rng.unit() * area.width as f32;
        [x, area.y as f32 + rng.unit() * area.height as f32]
    };
    let (from, to) = (end(rng), end(rng));
    let way = [to[0] - from[0], to[1] - from[1]];
    let length_squared = (way[0] * way[0] + way[1] * way[1]).max(1e-3);
    for y in area.y..(area.y + area.height).min(surface.height) {
        for x in area.x..(area.x + area.width).min(surface.width) {
            let off = [x as f32 - from[0], y as f32 - from[1]];
            let t = ((off[0] * way[0] + off[1] * way[1]) / length_squared).clamp(0.0, 1.0);
            let gap = [off[0] - t * way[0], off[1] - t * way[1]];
            if gap[0] * gap[0] + gap[1] * gap[1] <= half * half {
                surface.values[y * surface.width + x] = grey;
            }
        }
    }
}

/// A fold through the whole label: a dark valley with a bright flank at 12 dots.
fn crease(surface: &mut Plane, rng: &mut Rng) {
    let (sin, cos) = rng.uniform(0.0, std::f32::consts::TAU).sin_cos();
    let through = [
        rng.unit() * surface.width as f32,
        rng.unit() * surface.height as f32,
    ];
    let (depth, width) = (rng.uniform(0.15, 0.5), rng.uniform(3.0, 10.0));
    let flank = rng.uniform(0.05, 0.25);
    let reach = 5.0 * DOTS_PER_MM;
    for (y, row) in surface.values.chunks_exact_mut(surface.width).enumerate() {
        let across = (y as f32 - through[1]) * cos;
        for (x, value) in row.iter_mut().enumerate() {
            let distance = (x as f32 - through[0]) * sin + across;
            if distance.abs() < reach {
                let valley = depth * (-(distance / width).powi(2)).exp();
                let ridge = flank * (-((distance - 12.0) / 8.0).powi(2)).exp();
                *value *= 1.0 - valley + ridge;
            }
        }
    }
}
