//! MaxiCode (ISO/IEC 16023) at any angle: the bullseye gives middle, scale and tilt, the six
//! orientation patterns the turn, the contrast of the hexagons the rest. The sampled hexagons are
//! drawn anew, upright and clean, for the zxing-cpp library, which reads only such pictures.

use sortline_read::{Corners, Symbol};
use zxingcpp::BarcodeReader;

use super::regions::Region;
use crate::decode;
use crate::{CaptureError, Grey};

/// Hexagons of a row and rows.
const COLUMNS: usize = 30;
const ROWS: usize = 33;

/// Column and row of the hexagon under the bullseye's middle.
const MIDDLE: [f32; 2] = [14.0, 16.0];

/// Distance of rows in widths of a hexagon.
const ROW_STEP: f32 = 0.866_025_4;

/// Borders of the bullseye's rings in widths of a hexagon: bright disc, then dark and bright rings
/// in turn (0.51, 1.18, 1.86, 2.53, 3.20 and 3.87 mm at 0.88 mm; figure 4).
const RINGS: [f32; 6] = [0.58, 1.34, 2.11, 2.875, 3.64, 4.40];

/// Hexagons of the orientation patterns: row, column, and whether dark.
const ORIENTATION: [(usize, usize, bool); 18] = [
    (9, 10, true),
    (9, 11, true),
    (10, 11, true),
    (9, 17, false),
    (10, 17, false),
    (10, 18, false),
    (15, 7, true),
    (16, 7, false),
    (16, 8, true),
    (16, 20, true),
    (16, 21, false),
    (17, 20, true),
    (22, 10, true),
    (22, 11, false),
    (23, 10, true),
    (22, 17, true),
    (23, 16, false),
    (23, 17, true),
];

/// Widths of a hexagon that are looked for, pixels.
const WIDTH_PX: [f32; 2] = [2.2, 24.0];

/// Directions in which the rings are measured.
const RAYS: usize = 32;

/// Least mean correlation of the rays with the rings.
const RINGS_MIN: f32 = 0.55;

/// Turns that are tried, and how many of the best go on.
const TURNS: usize = 180;
const TURNS_CLOSE: usize = 2;

/// Pixels of a hexagon in the clean picture, and its border.
const CLEAN: usize = 10;
const BORDER: usize = 20;

/// Where the hexagons lie: from widths of a hexagon, the bullseye's middle being 0, to pixels.
#[derive(Clone, Copy, Debug)]
struct Map {
    middle: [f32; 2],
    /// Columns: where one width to the right and one down lie.
    right: [f32; 2],
    down: [f32; 2],
    /// Perspective.
    tilt: [f32; 2],
}

impl Map {
    fn apply(&self, [u, v]: [f32; 2]) -> [f32; 2] {
        let depth = 1.0 + self.tilt[0] * u + self.tilt[1] * v;
        [0, 1].map(|i| self.middle[i] + (u * self.right[i] + v * self.down[i]) / depth)
    }

    /// One number after the other, for the search.
    fn parts(&mut self) -> [&mut f32; 8] {
        let [x, y] = &mut self.middle;
        let [right_x, right_y] = &mut self.right;
        let [down_x, down_y] = &mut self.down;
        let [tilt_x, tilt_y] = &mut self.tilt;
        [x, y, right_x, right_y, down_x, down_y, tilt_x, tilt_y]
    }
}

/// Place of a hexagon's middle.
fn hexagon(row: usize, column: usize) -> [f32; 2] {
    let shift = if row % 2 == 1 { 0.5 } else { 0.0 };
    [
        column as f32 + shift - MIDDLE[0],
        (row as f32 - MIDDLE[1]) * ROW_STEP,
    ]
}

/// The MaxiCode of a patch, if there is one.
pub(super) fn read(
    reader: &BarcodeReader,
    grey: &Grey,
    region: &Region,
) -> Result<Option<Symbol>, CaptureError> {
    let shape = region.length / region.height;
    let width = region.length.min(region.height) / COLUMNS as f32;
    if !(0.45..=2.2).contains(&shape) || !(WIDTH_PX[0]..=WIDTH_PX[1]).contains(&width) {
        return Ok(None);
    }
    let Some(middle) = bullseye(grey, region, width) else {
        return Ok(None);
    };
    let Some(map) = rings(grey, middle, width) else {
        return Ok(None);
    };
    for map in turns(grey, map) {
        let map = settled(grey, map);
        if let Some(mut symbol) = decoded(reader, grey, &map)? {
            symbol.corners = corners(&map);
            return Ok(Some(symbol));
        }
    }
    Ok(None)
}

/// Brightness between pixels, the edge continued.
fn sample(grey: &Grey, [x, y]: [f32; 2]) -> f32 {
    let (width, height) = (grey.width() as usize, grey.height() as usize);
    let (x, y) = (
        (x - 0.5).clamp(0.0, (width - 1) as f32),
        (y - 0.5).clamp(0.0, (height - 1) as f32),
    );
    let (column, row) = (x as usize, y as usize);
    let (fx, fy) = (x - column as f32, y - row as f32);
    let (right, below) = ((column + 1).min(width - 1), (row + 1).min(height - 1));
    let at = |column: usize, row: usize| f32::from(grey.data()[row * width + column]);
    let upper = at(column, row) + fx * (at(right, row) - at(column, row));
    let lower = at(column, below) + fx * (at(right, below) - at(column, below));
    upper + fy * (lower - upper)
}

/// The point near the patch's middle through which most gradients point.
fn bullseye(grey: &Grey, region: &Region, width: f32) -> Option<[f32; 2]> {
    let reach = 0.3 * region.length.max(region.height) + RINGS[5] * width;
    // Votes on a grid of about a third of a hexagon.
    let cell = (width / 3.0).max(1.0);
    let side = (2.0 * reach / cell).ceil() as usize + 1;
    let mut votes = vec![0.0_f32; side * side];
    let corner = [region.middle[0] - reach, region.middle[1] - reach];
    let step = (width / 5.0).max(1.0);
    let count = (2.0 * reach / step) as usize;
    let near = step.max(0.35 * width);
    let cells = ((1.15 * RINGS[5] - 0.6) * width / cell).ceil() as usize;
    for row in 0..count {
        for column in 0..count {
            let at = [
                corner[0] + column as f32 * step,
                corner[1] + row as f32 * step,
            ];
            let gx = sample(grey, [at[0] + near, at[1]]) - sample(grey, [at[0] - near, at[1]]);
            let gy = sample(grey, [at[0], at[1] + near]) - sample(grey, [at[0], at[1] - near]);
            let size = (gx * gx + gy * gy).sqrt();
            if size < 6.0 {
                continue;
            }
            let weight = size.min(60.0);
            let from = [0, 1].map(|i| (at[i] - corner[i]) / cell);
            for sign in [-1.0, 1.0] {
                // In cells, a cell at a time along the gradient.
                let step = [sign * gx / size, sign * gy / size];
                let nearest = 0.6 * width / cell;
                let [mut x, mut y] = [0, 1].map(|i| from[i] + nearest * step[i]);
                for _ in 0..cells {
                    if x >= 0.0 && y >= 0.0 && x < side as f32 && y < side as f32 {
                        votes[y as usize * side + x as usize] += weight;
                    }
                    x += step[0];
                    y += step[1];
                }
            }
        }
    }
    // The greatest sum of 3 × 3 cells.
    let mut best = (0.0, 0, 0);
    for row in 1..side.saturating_sub(1) {
        for column in 1..side - 1 {
            let sum: f32 = (row - 1..=row + 1)
                .map(|row| {
                    votes[row * side + column - 1..=row * side + column + 1]
                        .iter()
                        .sum::<f32>()
                })
                .sum();
            if sum > best.0 {
                best = (sum, column, row);
            }
        }
    }
    let (most, column, row) = best;
    let place = |corner: f32, at: usize| corner + (at as f32 + 0.5) * cell;
    (most > 0.0).then(|| [place(corner[0], column), place(corner[1], row)])
}

/// Expected brightness (1 bright, −1 dark) at a distance in widths of a hexagon.
fn ring(distance: f32) -> f32 {
    let passed = RINGS.iter().filter(|border| distance > **border).count();
    if passed % 2 == 0 { 1.0 } else { -1.0 }
}

/// The ellipse of the rings about a middle, as a map without its turn.
fn rings(grey: &Grey, mut middle: [f32; 2], width: f32) -> Option<Map> {
    let mut map = None;
    for round in 0..3 {
        let mut sums = [[0.0_f64; 4]; 3];
        let (mut total, mut shift) = (0.0, [0.0_f32; 2]);
        for ray in 0..RAYS {
            let angle = std::f32::consts::TAU * ray as f32 / RAYS as f32;
            let direction = [angle.cos(), angle.sin()];
            let (scale, fit) = radius(grey, middle, direction, width);
            total += fit / RAYS as f32;
            let weight = f64::from(fit.max(0.0).powi(2));
            // 1/s² = m₁·cos² + m₂·sin² + 2·m₃·cos·sin along every direction.
            let [cos, sin] = direction.map(f64::from);
            let terms = [cos * cos, sin * sin, 2.0 * cos * sin];
            let value = 1.0 / f64::from(scale * scale);
            for (row, term) in sums.iter_mut().zip(terms) {
                for (sum, other) in row.iter_mut().zip(terms.into_iter().chain([value])) {
                    *sum += weight * term * other;
                }
            }
            for (shift, part) in shift.iter_mut().zip(direction) {
                *shift += fit.max(0.0) * part * scale * 2.0 / RAYS as f32;
            }
        }
        if total < RINGS_MIN && round > 0 {
            return None;
        }
        // Rings that reach farther to one side: the middle lies to that side.
        for (middle, shift) in middle.iter_mut().zip(shift) {
            *middle += (RINGS[3] * shift).clamp(-width, width) * 0.5;
        }
        let matrix = solved(sums)?;
        let [right, down] = root(matrix)?;
        map = Some(Map {
            middle,
            right,
            down,
            tilt: [0.0; 2],
        });
    }
    map
}

/// Width of a hexagon in one direction by which the brightness from the middle fits the rings best,
/// and how well.
fn radius(grey: &Grey, middle: [f32; 2], direction: [f32; 2], width: f32) -> (f32, f32) {
    const SAMPLES: usize = 40;
    let farthest = 1.6 * width * RINGS[5];
    let along: Vec<f32> = (0..SAMPLES)
        .map(|at| {
            let distance = farthest * (at as f32 + 0.5) / SAMPLES as f32;
            sample(grey, [0, 1].map(|i| middle[i] + direction[i] * distance))
        })
        .collect();
    let mut best = (width, -1.0);
    for step in 0..36 {
        let scale = width * (0.55 + 0.028 * step as f32);
        let (mut n, mut x, mut y, mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for (at, value) in along.iter().enumerate() {
            let distance = farthest * (at as f32 + 0.5) / SAMPLES as f32 / scale;
            if distance > RINGS[5] {
                break;
            }
            let expected = ring(distance);
            n += 1.0;
            x += value;
            y += expected;
            xx += value * value;
            yy += expected * expected;
            xy += value * expected;
        }
        let spread = ((xx - x * x / n) * (yy - y * y / n)).max(1e-3).sqrt();
        let fit = (xy - x * y / n) / spread;
        if fit > best.1 {
            best = (scale, fit);
        }
    }
    best
}

/// Solves three normal equations.
fn solved(mut rows: [[f64; 4]; 3]) -> Option<[f64; 3]> {
    for at in 0..3 {
        let pivot = rows[at];
        if pivot[at].abs() < 1e-12 {
            return None;
        }
        for (other, row) in rows.iter_mut().enumerate() {
            if other != at {
                let factor = row[at] / pivot[at];
                for (value, pivot) in row.iter_mut().zip(pivot) {
                    *value -= factor * pivot;
                }
            }
        }
    }
    Some([0, 1, 2].map(|at| rows[at][3] / rows[at][at]))
}

/// Columns of the inverse root of the matrix ((xx, xy), (xy, yy)): a circle to its ellipse.
fn root([xx, yy, xy]: [f64; 3]) -> Option<[[f32; 2]; 2]> {
    let determinant = xx * yy - xy * xy;
    if determinant <= 0.0 || xx <= 0.0 {
        return None;
    }
    let size = determinant.sqrt();
    let trace = (xx + yy + 2.0 * size).sqrt();
    // The root of a matrix of 2 × 2 is (M + s·I) / t; its inverse is the adjugate by s.
    let scale = 1.0 / (size * trace);
    let inverse = [
        [(yy + size) * scale, -xy * scale],
        [-xy * scale, (xx + size) * scale],
    ];
    // Ellipses of a symbol seen at more than about 65° are something else.
    let long = inverse[0][0].max(inverse[1][1]) / inverse[0][0].min(inverse[1][1]);
    (long < 2.6).then(|| inverse.map(|column| column.map(|part| part as f32)))
}

/// The map turned so that the orientation patterns fit, the best turns first.
fn turns(grey: &Grey, map: Map) -> Vec<Map> {
    let turned = |angle: f32| {
        let (s, c) = angle.sin_cos();
        let mix = |x: f32, y: f32| [0, 1].map(|i| x * map.right[i] + y * map.down[i]);
        Map {
            right: mix(c, s),
            down: mix(-s, c),
            ..map
        }
    };
    let mut scored: Vec<(f32, Map)> = (0..TURNS)
        .map(|turn| {
            let map = turned(std::f32::consts::TAU * turn as f32 / TURNS as f32);
            let values = ORIENTATION.map(|(row, column, dark)| {
                let value = sample(grey, map.apply(hexagon(row, column)));
                if dark { -value } else { value }
            });
            // Eleven of the eighteen are dark.
            let bright: f32 = values.iter().filter(|value| **value > 0.0).sum::<f32>() / 7.0;
            let dark: f32 = values.iter().filter(|value| **value <= 0.0).sum::<f32>() / 11.0;
            (bright + dark, map)
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut best: Vec<Map> = Vec::new();
    for (_, map) in scored {
        let apart = |other: &Map| {
            let dot = other.right[0] * map.right[0] + other.right[1] * map.right[1];
            let size = |map: &Map| map.right[0].hypot(map.right[1]);
            dot < 0.97 * size(other) * size(&map)
        };
        if best.iter().all(apart) {
            best.push(map);
        }
        if best.len() == TURNS_CLOSE {
            break;
        }
    }
    best
}

/// The map moved so that the hexagons within more and more rows differ most from their neighbors'
/// mean: on the borders between hexagons they differ less.
fn settled(grey: &Grey, mut map: Map) -> Map {
    let size = map.right[0].hypot(map.right[1]);
    for (reach, rounds) in [(8.0_f32, 3), (12.0, 3), (20.0, 4)] {
        let mut steps = [0.15, 0.15, 0.012, 0.012, 0.012, 0.012, 0.0, 0.0].map(|part| part * size);
        if reach > 10.0 {
            (steps[6], steps[7]) = (0.0015, 0.0015);
        }
        let mut best = contrast(grey, &map, reach);
        for _ in 0..rounds {
            for (part, step) in steps.into_iter().enumerate() {
                for sign in [-1.0, 1.0] {
                    // As long as a step in this direction helps.
                    for _ in 0..3 {
                        let mut moved = map;
                        *moved.parts()[part] += sign * step;
                        let score = contrast(grey, &moved, reach);
                        if score <= best {
                            break;
                        }
                        (best, map) = (score, moved);
                    }
                }
            }
            steps = steps.map(|step| step * 0.6);
        }
    }
    map
}

/// Variance of the hexagons' brightness within a distance of the middle.
fn contrast(grey: &Grey, map: &Map, reach: f32) -> f32 {
    let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for row in 0..ROWS {
        // Every second row is enough to steer by.
        if row % 2 == 1 && reach > 10.0 && row % 4 == 1 {
            continue;
        }
        for column in 0..COLUMNS - row % 2 {
            let at = hexagon(row, column);
            let distance = at[0].hypot(at[1]);
            if distance > reach || distance < 5.0 {
                continue;
            }
            let value = sample(grey, map.apply(at));
            n += 1.0;
            sum += value;
            squares += value * value;
        }
    }
    if n < 1.0 {
        0.0
    } else {
        squares / n - (sum / n) * (sum / n)
    }
}

/// Samples the hexagons, draws them clean, and has them decoded.
fn decoded(reader: &BarcodeReader, grey: &Grey, map: &Map) -> Result<Option<Symbol>, CaptureError> {
    let values: Vec<f32> = (0..ROWS * COLUMNS)
        .map(|at| sample(grey, map.apply(hexagon(at / COLUMNS, at % COLUMNS))))
        .collect();
    let (width, height) = (COLUMNS * CLEAN, ROWS * CLEAN);
    let side = width + 2 * BORDER;
    let mut clean = vec![255_u8; side * (height + 2 * BORDER)];
    let mut dot = |x: usize, y: usize, reach: usize| {
        for row in y.saturating_sub(reach)..=y + reach {
            let from = row * side + x.saturating_sub(reach);
            clean[from..=from + 2 * reach].fill(0);
        }
    };
    // The outermost corners tell the library the size.
    dot(BORDER, BORDER, 0);
    dot(BORDER + width - 1, BORDER + height - 1, 0);
    for row in 0..ROWS {
        for column in 0..COLUMNS - row % 2 {
            let x = BORDER + column * CLEAN + CLEAN / 2 + row % 2 * CLEAN / 2;
            let y = BORDER + row * CLEAN + CLEAN / 2;
            if values[row * COLUMNS + column] < around(&values, row, column) {
                dot(x, y, CLEAN / 2 - 2);
            }
        }
    }
    let height = (height + 2 * BORDER) as u32;
    let found = decode::symbols(reader, &clean, side as u32, height)?;
    Ok(found.into_iter().next())
}

/// Middle between the brightest and the darkest hexagons around one.
fn around(values: &[f32], row: usize, column: usize) -> f32 {
    const REACH: usize = 4;
    let rows = row.saturating_sub(REACH)..(row + REACH + 1).min(ROWS);
    let columns = column.saturating_sub(REACH)..(column + REACH + 1).min(COLUMNS);
    let mut near: Vec<f32> = rows
        .flat_map(|row| values[row * COLUMNS..][columns.clone()].iter().copied())
        .collect();
    near.sort_by(f32::total_cmp);
    let at = |share: usize| near[(near.len() - 1) * share / 8];
    f32::midpoint(at(1), at(7))
}

/// Corners of the symbol in the frame.
fn corners(map: &Map) -> Corners {
    let (left, right) = (-MIDDLE[0] - 0.5, COLUMNS as f32 - 0.5 - MIDDLE[0]);
    let (top, bottom) = (-(MIDDLE[1] + 0.5) * ROW_STEP, (MIDDLE[1] + 0.5) * ROW_STEP);
    [[left, top], [right, top], [right, bottom], [left, bottom]]
        .map(|at| map.apply(at).map(|part| part.round() as i32))
}
