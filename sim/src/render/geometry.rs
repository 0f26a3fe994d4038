//! From a flat face in millimetres to the pixels of a frame, as a pinhole camera sees it.

/// Distance between the camera and the point it looks at, mm.
const CAMERA_MM: f32 = 1_000.0;

/// A point: millimetres on a face or pixels in a frame.
pub type Point = [f32; 2];

/// A plane-to-plane projective map, row by row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Homography(pub [[f32; 3]; 3]);

/// How a face lies before the camera.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pose {
    /// Where the face's origin appears, pixels.
    pub origin: Point,
    /// Scale at the origin, pixels per mm.
    pub px_per_mm: f32,
    /// Turn of the face in its plane, degrees, clockwise as seen in the frame.
    pub rotation_deg: f32,
    /// Angle between the face and the image plane, degrees, 0 to 80.
    pub tilt_deg: f32,
    /// Direction of the axis about which the face is tilted, degrees in the frame.
    pub tilt_axis_deg: f32,
}

impl Pose {
    /// Maps millimetres on the face to pixels of the frame.
    pub(super) fn homography(&self) -> Homography {
        let (sin, cos) = self.rotation_deg.to_radians().sin_cos();
        let (axis_y, axis_x) = self.tilt_axis_deg.to_radians().sin_cos();
        let (sin_tilt, cos_tilt) = self.tilt_deg.to_radians().sin_cos();
        // Along the axis lengths stay; across it they shrink by the cosine and gain depth.
        let along = [axis_x * cos + axis_y * sin, -axis_x * sin + axis_y * cos];
        let across = [-axis_y * cos + axis_x * sin, axis_y * sin + axis_x * cos];
        let depth = across.map(|c| c * sin_tilt / CAMERA_MM);
        let x = |i: usize| axis_x * along[i] - axis_y * across[i] * cos_tilt;
        let y = |i: usize| axis_y * along[i] + axis_x * across[i] * cos_tilt;
        let [left, top] = self.origin;
        let s = self.px_per_mm;
        Homography([
            [s * x(0) + left * depth[0], s * x(1) + left * depth[1], left],
            [s * y(0) + top * depth[0], s * y(1) + top * depth[1], top],
            [depth[0], depth[1], 1.0],
        ])
    }
}

impl Homography {
    /// Where a point goes.
    pub(super) fn apply(&self, [x, y]: Point) -> Point {
        let [right, down, w] = self.0.map(|row| row[0] * x + row[1] * y + row[2]);
        let near = 1.0 / w;
        [right * near, down * near]
    }

    /// The map that applies `first`, then `self`.
    pub(super) fn after(&self, first: &Self) -> Self {
        let cell = |r: usize, c: usize| (0..3).map(|k| self.0[r][k] * first.0[k][c]).sum();
        Self([0, 1, 2].map(|r| [0, 1, 2].map(|c| cell(r, c))))
    }

    /// Turn by `rotation_deg`, then shift by `shift`.
    pub(super) fn placement(shift: Point, rotation_deg: f32) -> Self {
        let (sin, cos) = rotation_deg.to_radians().sin_cos();
        Self([[cos, -sin, shift[0]], [sin, cos, shift[1]], [0.0, 0.0, 1.0]])
    }

    /// Scales by `factor` and then shifts by `shift`.
    pub(super) const fn scaling(factor: f32, shift: Point) -> Self {
        Self([
            [factor, 0.0, shift[0]],
            [0.0, factor, shift[1]],
            [0.0, 0.0, 1.0],
        ])
    }

    /// The way back. The maps made here are always invertible: no tilt reaches 90 degrees.
    pub(super) fn inverse(&self) -> Self {
        let m = &self.0;
        let minor = |r: usize, c: usize| {
            let (r1, r2) = ((r + 1) % 3, (r + 2) % 3);
            let (c1, c2) = ((c + 1) % 3, (c + 2) % 3);
            m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
        };
        let determinant: f32 = (0..3).map(|c| m[0][c] * minor(0, c)).sum();
        Self([0, 1, 2].map(|r| [0, 1, 2].map(|c| minor(c, r) / determinant)))
    }

    /// Pixels of a frame that one unit of length covers at `at`: square root of the area scale.
    pub(super) fn scale_at(&self, at: Point) -> f32 {
        let [x0, y0] = self.apply(at);
        let [x1, y1] = self.apply([at[0] + 1.0, at[1]]);
        let [x2, y2] = self.apply([at[0], at[1] + 1.0]);
        ((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)).abs().sqrt()
    }
}

/// A run of pixels of one row, `from` included, `to` excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The row.
    pub y: usize,
    /// First pixel.
    pub from: usize,
    /// One past the last pixel.
    pub to: usize,
}

/// The pixels whose centres lie within one pixel of a convex quadrilateral, clipped to a frame of
/// `width` by `height`.
pub(super) fn spans(quad: &[Point; 4], width: usize, height: usize) -> Vec<Span> {
    let top = quad.iter().map(|p| p[1]).fold(f32::INFINITY, f32::min) - 1.0;
    let bottom = quad.iter().map(|p| p[1]).fold(f32::NEG_INFINITY, f32::max) + 1.0;
    let first = top.floor().max(0.0) as usize;
    let last = (bottom.ceil().max(0.0) as usize).min(height);
    (first..last)
        .filter_map(|y| row_span(quad, y, width))
        .collect()
}

fn row_span(quad: &[Point; 4], y: usize, width: usize) -> Option<Span> {
    let (low, high) = (y as f32 - 0.5, y as f32 + 1.5);
    let (mut left, mut right) = (f32::INFINITY, f32::NEG_INFINITY);
    for i in 0..4 {
        let ([x0, y0], [x1, y1]) = (quad[i], quad[(i + 1) % 4]);
        if y0.max(y1) < low || y0.min(y1) > high {
            continue;
        }
        let flat = (y1 - y0).abs() < 1e-6;
        let at = |row: f32| {
            if flat {
                0.0
            } else {
                ((row - y0) / (y1 - y0)).clamp(0.0, 1.0)
            }
        };
        let ends = if flat {
            [0.0, 1.0]
        } else {
            [at(low), at(high)]
        };
        for t in ends {
            left = left.min(x0 + t * (x1 - x0));
            right = right.max(x0 + t * (x1 - x0));
        }
    }
    let from = (left - 1.0).floor().max(0.0) as usize;
    let to = ((right + 1.0).ceil().max(0.0) as usize).min(width);
    (from < to).then_some(Span { y, from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: Point, b: Point) -> bool {
        (a[0] - b[0]).abs() < 0.02 && (a[1] - b[1]).abs() < 0.02
    }

    #[test]
    fn pose_maps_flat_turned_and_tilted_faces() {
        let flat = Pose {
            origin: [100.0, 50.0],
            px_per_mm: 2.0,
            rotation_deg: 0.0,
            tilt_deg: 0.0,
            tilt_axis_deg: 33.0,
        };
        assert!(close(flat.homography().apply([10.0, -5.0]), [120.0, 40.0]));
        let turned = Pose {
            rotation_deg: 90.0,
            ..flat
        };
        assert!(close(turned.homography().apply([10.0, 0.0]), [100.0, 70.0]));
        // Tilted by 60 degrees about the x axis: heights halve and are seen from a little farther.
        let tilted = Pose {
            tilt_deg: 60.0,
            tilt_axis_deg: 0.0,
            ..flat
        };
        let depth = 1.0 + 10.0 * 60.0_f32.to_radians().sin() / 1_000.0;
        assert!(close(
            tilted.homography().apply([0.0, 10.0]),
            [100.0, 50.0 + 10.0 / depth]
        ));
        assert!(close(tilted.homography().apply([10.0, 0.0]), [120.0, 50.0]));
    }

    #[test]
    fn inverse_undoes_and_after_composes() {
        let pose = Pose {
            origin: [640.0, 512.0],
            px_per_mm: 6.9,
            rotation_deg: 211.0,
            tilt_deg: 37.0,
            tilt_axis_deg: 71.0,
        };
        let map = pose.homography();
        let label = Homography::placement([30.0, -20.0], 44.0);
        let both = map.after(&label);
        let p = [17.0, 5.0];
        assert!(close(both.apply(p), map.apply(label.apply(p))));
        assert!(close(both.inverse().apply(both.apply(p)), p));
    }

    #[test]
    fn spans_cover_a_rectangle_and_stay_in_the_frame() {
        let quad = [[-5.0, 2.0], [4.0, 2.0], [4.0, 6.0], [-5.0, 6.0]];
        let rows = spans(&quad, 100, 5);
        assert_eq!(rows.first().map(|s| (s.y, s.from)), Some((1, 0)));
        assert!(rows.iter().all(|s| s.y < 5 && s.to <= 100 && s.to >= 5));
        assert!(
            spans(
                &[[200.0, 1.0], [210.0, 1.0], [210.0, 9.0], [200.0, 9.0]],
                100,
                10
            )
            .is_empty()
        );
    }
}
