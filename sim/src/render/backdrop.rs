//! What surrounds the labels: the belt, faces of cartons and bags, their tape and prints.

use super::fonts::Fonts;
use super::geometry::{Homography, Point, spans};
use super::look::Tape;
use super::marks;
use super::raster::Plane;
use super::rng::Rng;
use super::scene::{ParcelLook, Wrapping};
use super::texture::{BOARD_TEXELS_PER_MM, FILM_TEXELS_PER_MM, Textures};
use super::warp::Window;

/// Distance to which a parcel darkens the belt beside it, mm.
const SHADOW_MM: f32 = 22.0;
/// Width of a carton's rounded edge, mm.
const EDGE_MM: f32 = 2.0;
/// Width of the heat seal at the ends of a bag, mm.
const SEAL_MM: f32 = 9.0;
/// Period of the belt's texture, pixels.
const TILE: f32 = 1_024.0;
/// Entries in the table of the corrugation's wave.
const WAVE: usize = 256;

/// The belt: `grey` with its texture moved by `shift` pixels along the travel.
pub(super) fn belt(plane: &mut Plane, grey: f32, shift: Point, textures: &Textures) {
    let [dx, dy] = shift.map(|s| s.rem_euclid(TILE) as usize);
    for (y, row) in plane.values.chunks_exact_mut(plane.width).enumerate() {
        for (x, value) in row.iter_mut().enumerate() {
            *value = grey + textures.belt.at(x + TILE as usize - dx, y + dy);
        }
    }
}

/// A face in the making: everything that does not change from pixel to pixel.
struct Painter<'a> {
    look: &'a ParcelLook,
    textures: &'a Textures,
    half: Point,
    wave: Vec<f32>,
    /// Waves of the corrugation per mm; 0 where there is none.
    flutes_per_mm: f32,
    /// Where in the texture this face begins, texels.
    texture: (f32, f32),
    /// Phases of a bag's outline.
    outline: [f32; 3],
    px_per_mm: f32,
}

/// Paints the face of a parcel of `size` mm over the plane. `map` takes millimetres from the
/// middle of the face to pixels.
pub(super) fn face(
    plane: &mut Plane,
    map: &Homography,
    look: &ParcelLook,
    size: Point,
    (textures, fonts): (&Textures, &Fonts),
) {
    let mut rng = Rng::new(look.seed);
    let amplitude = look.flutes.map_or(0.0, |[_, amplitude]| amplitude);
    let wave = (0..WAVE)
        .map(|i| amplitude * (std::f32::consts::TAU * i as f32 / WAVE as f32).sin())
        .collect();
    let painter = Painter {
        look,
        textures,
        half: [size[0] / 2.0, size[1] / 2.0],
        wave,
        flutes_per_mm: look.flutes.map_or(0.0, |[period, _]| 1.0 / period),
        texture: (rng.uniform(0.0, 1_024.0), rng.uniform(0.0, 1_024.0)),
        outline: [0, 1, 2].map(|_| rng.uniform(0.0, std::f32::consts::TAU)),
        px_per_mm: map.scale_at([0.0, 0.0]),
    };
    painter.paint(plane, map);
    // Ink ends before the rounded edge of the carton, or the seam of the bag.
    let window = Window {
        inverse: map.inverse(),
        half: painter.half.map(|half| half - 3.0),
    };
    for warning in &look.warnings {
        marks::mark(plane, map, &window, warning, fonts);
    }
}

impl Painter<'_> {
    fn paint(&self, plane: &mut Plane, map: &Homography) {
        let inverse = map.inverse();
        let reach = [self.half[0] + SHADOW_MM, self.half[1] + SHADOW_MM];
        let corners = [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]];
        let quad = corners.map(|[x, y]: Point| map.apply([x * reach[0], y * reach[1]]));
        for span in spans(&quad, plane.width, plane.height) {
            let row = &mut plane.values[span.y * plane.width..(span.y + 1) * plane.width];
            for (x, value) in row.iter_mut().enumerate().take(span.to).skip(span.from) {
                let at = inverse.apply([x as f32, span.y as f32]);
                // Distance to the nearest edge; negative outside of the face.
                let inside = (self.half[0] - at[0].abs()).min(self.half[1] - at[1].abs());
                let inside = inside + self.bulge(at);
                let cover = inside * self.px_per_mm + 0.5;
                if cover <= 0.0 {
                    *value *= shadow(self.half, at);
                } else if cover < 1.0 {
                    *value += (self.grey(at, inside) - *value) * cover;
                } else {
                    *value = self.grey(at, inside);
                }
            }
        }
    }

    /// A bag has no straight edges: how far its outline lies beyond the rectangle, mm.
    fn bulge(&self, [u, v]: Point) -> f32 {
        if self.look.wrapping != Wrapping::PolyBag {
            return 0.0;
        }
        let near_edge = (self.half[0] - u.abs()).min(self.half[1] - v.abs());
        if near_edge > 8.0 {
            return 0.0;
        }
        let phases = self.outline;
        1.6 * ((u + 0.3 * v) / 17.0 + phases[0]).sin()
            + 1.2 * ((v - 0.2 * u) / 11.0 + phases[1]).sin()
            - 1.4
            - 0.8 * ((u + v) / 6.0 + phases[2]).sin().abs()
    }

    fn grey(&self, at: Point, inside: f32) -> f32 {
        let base = self.look.grey
            + if self.look.wrapping == Wrapping::PolyBag {
                self.film(at)
            } else {
                self.board(at)
            };
        base * (0.72 + 0.28 * (inside / EDGE_MM).clamp(0.0, 1.0))
    }

    fn board(&self, [u, v]: Point) -> f32 {
        let (x, y) = (
            u * BOARD_TEXELS_PER_MM + self.texture.0,
            v * BOARD_TEXELS_PER_MM + self.texture.1,
        );
        let mut grey = self.textures.board.around(x, y);
        if self.flutes_per_mm > 0.0 {
            let phase = v * self.flutes_per_mm * WAVE as f32;
            grey += self.wave[phase as i32 as usize % WAVE];
        }
        if let Some(tape) = self.look.tape {
            grey += self.tape(tape, [u, v]);
        }
        grey
    }

    /// Tape over the gap between two flaps.
    fn tape(&self, tape: Tape, [u, v]: Point) -> f32 {
        let across = if tape.across { u } else { v } - tape.middle_mm;
        let along = if tape.across { v } else { u };
        let to_edge = tape.width_mm / 2.0 - across.abs();
        let gap = if across.abs() < 0.8 {
            -38.0 * (1.0 - across.abs() / 0.8)
        } else {
            0.0
        };
        if to_edge < -0.4 {
            gap
        } else if to_edge < 0.4 {
            -20.0
        } else {
            // Bubbles under the tape: the texture stretched along it.
            let x = along * BOARD_TEXELS_PER_MM / 4.0;
            let bubbles = self.textures.board.around(x + 300.0, across * 5.0);
            gap * 0.5 + tape.gloss + 0.5 * bubbles
        }
    }

    fn film(&self, [u, v]: Point) -> f32 {
        let (x, y) = (
            u * FILM_TEXELS_PER_MM + self.texture.0,
            v * FILM_TEXELS_PER_MM + self.texture.1,
        );
        // Folds run along and across the bag; where two meet the film shines.
        let film = &self.textures.film;
        let along = film.around(0.35 * x + 0.1 * y, y);
        let across = film.around(1.1 * y - 0.2 * x, 0.5 * x + 400.0);
        let folds = 0.8 * along + 0.6 * across;
        let folds = if folds > 9.0 {
            9.0 + 1.8 * (folds - 9.0)
        } else {
            folds
        };
        let end = self.half[0] - u.abs();
        if end < SEAL_MM {
            folds * 0.4 + 12.0 + 8.0 * (end * 4.0).sin()
        } else {
            folds
        }
    }
}

/// Factor by which a parcel darkens the belt at a point beside it.
fn shadow(half: Point, [u, v]: Point) -> f32 {
    let out = [(u.abs() - half[0]).max(0.0), (v.abs() - half[1]).max(0.0)];
    let distance = (out[0] * out[0] + out[1] * out[1]).sqrt();
    1.0 - 0.55 * (1.0 - distance / SHADOW_MM).max(0.0).powi(2)
}
