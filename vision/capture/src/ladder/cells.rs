//! The structure tensor of a frame, averaged over cells: where brightness changes, how much, and
//! whether in one direction (J. Bigün and G. Granlund, "Optimal orientation detection of linear
//! symmetry", ICCV 1987).

use crate::Grey;

/// Side of a cell in pixels of the shrunk picture.
const CELL: usize = 4;

/// Gradients are kept at this many units per grey level.
const UNITS: f32 = 16.0;

/// Means of squared gradients over cells, grey levels² per (shrunk pixel)².
#[derive(Clone, Debug, Default)]
pub(super) struct Cells {
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// Side of a cell, frame pixels.
    pub(super) side: f32,
    pub(super) xx: Vec<f32>,
    pub(super) yy: Vec<f32>,
    pub(super) xy: Vec<f32>,
    lines: [Vec<i16>; 3],
    sums: [Vec<i32>; 3],
}

impl Cells {
    /// Measures a frame shrunk `shrink` times (1, 2, 3, ...) by averaging.
    pub(super) fn measure(&mut self, grey: &Grey, shrink: usize) {
        let (width, height) = (grey.width() as usize, grey.height() as usize);
        let (small_width, small_height) = (width / shrink, height / shrink);
        self.side = (CELL * shrink) as f32;
        (self.columns, self.rows) = (small_width / CELL, small_height / CELL);
        let count = self.columns * self.rows;
        for map in [&mut self.xx, &mut self.yy, &mut self.xy] {
            map.clear();
            map.reserve(count);
        }
        if count == 0 {
            return;
        }
        for line in &mut self.lines {
            line.clear();
            line.resize(small_width, 0);
        }
        for sum in &mut self.sums {
            sum.clear();
            sum.resize(small_width, 0);
        }
        let line = |lines: &mut [Vec<i16>; 3], at: usize| {
            let at = at.min(small_height - 1);
            shrunk(
                grey.data(),
                width,
                (at * shrink, shrink),
                &mut lines[at % 3],
            );
        };
        line(&mut self.lines, 0);
        line(&mut self.lines, 1);
        for row in 0..self.rows * CELL {
            // The first and the last line have no neighbor on one side, and no gradient.
            if row > 0 && row + 1 < small_height {
                line(&mut self.lines, row + 1);
                let [above, here, below] = [row - 1, row, row + 1].map(|at| &self.lines[at % 3]);
                add_gradients([above, here, below], &mut self.sums);
            }
            if row % CELL == CELL - 1 {
                self.finish_row();
            }
        }
    }

    /// Sums over the columns of each cell, for one row of cells.
    fn finish_row(&mut self) {
        let scale = 1.0 / (UNITS * UNITS * (CELL * CELL) as f32);
        let maps = [&mut self.xx, &mut self.yy, &mut self.xy];
        for (sum, map) in self.sums.iter_mut().zip(maps) {
            let cells = sum.chunks_exact(CELL).take(self.columns);
            map.extend(cells.map(|cell| cell.iter().sum::<i32>() as f32 * scale));
            sum.fill(0);
        }
    }

    /// Means over `2 · reach + 1` cells in both directions of one map.
    pub(super) fn averaged(&self, map: &[f32], reach: usize, out: &mut Vec<f32>) {
        let (columns, rows) = (self.columns, self.rows);
        let mut across = vec![0.0_f32; map.len()];
        let full = (2 * reach + 1) as f32;
        for (from, to) in map
            .chunks_exact(columns)
            .zip(across.chunks_exact_mut(columns))
        {
            running(columns, reach, |at| from[at], |at, sum| to[at] = sum / full);
        }
        out.clear();
        out.resize(map.len(), 0.0);
        let mut sums = vec![0.0_f32; columns];
        let row = |at: usize| &across[at * columns..][..columns];
        for at in 0..rows.min(reach) {
            add(&mut sums, row(at), 1.0);
        }
        for at in 0..rows {
            if at + reach < rows {
                add(&mut sums, row(at + reach), 1.0);
            }
            if at > reach {
                add(&mut sums, row(at - reach - 1), -1.0);
            }
            for (to, sum) in out[at * columns..][..columns].iter_mut().zip(&sums) {
                *to = sum / full;
            }
        }
    }
}

fn add(sums: &mut [f32], row: &[f32], sign: f32) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum += sign * value;
    }
}

/// Running sums over a window, zero outside.
fn running(
    count: usize,
    reach: usize,
    from: impl Fn(usize) -> f32,
    mut to: impl FnMut(usize, f32),
) {
    let mut sum: f32 = (0..count.min(reach)).map(&from).sum();
    for at in 0..count {
        if at + reach < count {
            sum += from(at + reach);
        }
        if at > reach {
            sum -= from(at - reach - 1);
        }
        to(at, sum);
    }
}

/// One line of the shrunk picture, four units per grey level. `lines`: first line and their count.
fn shrunk(data: &[u8], width: usize, lines: (usize, usize), out: &mut [i16]) {
    let (first, shrink) = lines;
    match shrink {
        1 => {
            for (to, from) in out.iter_mut().zip(&data[first * width..][..width]) {
                *to = 4 * i16::from(*from);
            }
        }
        2 => {
            let (one, two) = data[first * width..][..2 * width].split_at(width);
            let pairs = one.chunks_exact(2).zip(two.chunks_exact(2));
            for (to, (a, b)) in out.iter_mut().zip(pairs) {
                *to = i16::from(a[0]) + i16::from(a[1]) + i16::from(b[0]) + i16::from(b[1]);
            }
        }
        _ => {
            for (at, to) in out.iter_mut().enumerate() {
                let mut sum = 0_u32;
                for line in 0..shrink {
                    let part = &data[(first + line) * width + at * shrink..][..shrink];
                    sum += part.iter().map(|value| u32::from(*value)).sum::<u32>();
                }
                *to = (4 * sum / (shrink * shrink) as u32) as i16;
            }
        }
    }
}

/// Adds the products of Scharr's gradients of one line.
fn add_gradients([above, here, below]: [&Vec<i16>; 3], sums: &mut [Vec<i32>; 3]) {
    let count = here.len();
    if count < 3 {
        return;
    }
    let [xx, yy, xy] = sums;
    let [a0, a1, a2] = [0, 1, 2].map(|at| &above[at..at + count - 2]);
    let [h0, h2] = [0, 2].map(|at| &here[at..at + count - 2]);
    let [b0, b1, b2] = [0, 1, 2].map(|at| &below[at..at + count - 2]);
    let (xx, yy, xy) = (
        &mut xx[1..=count - 2],
        &mut yy[1..=count - 2],
        &mut xy[1..=count - 2],
    );
    for at in 0..count - 2 {
        let gx = (3 * (a2[at] - a0[at] + b2[at] - b0[at]) + 10 * (h2[at] - h0[at])) >> 3;
        let gy = (3 * (b0[at] - a0[at] + b2[at] - a2[at]) + 10 * (b1[at] - a1[at])) >> 3;
        let (gx, gy) = (i32::from(gx), i32::from(gy));
        xx[at] += gx * gx;
        yy[at] += gy * gy;
        xy[at] += gx * gy;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripes_are_told_by_their_direction() {
        let (width, height) = (160_u32, 120_u32);
        for (vertical, shrink) in [(true, 1), (false, 1), (true, 2), (false, 3)] {
            let data = (0..width * height)
                .map(|at| {
                    let place = if vertical { at % width } else { at / width };
                    if place % 12 < 6 { 40 } else { 200 }
                })
                .collect();
            let grey = Grey::new(width, height, data).unwrap();
            let mut cells = Cells::default();
            cells.measure(&grey, shrink);
            assert_eq!(cells.xx.len(), cells.columns * cells.rows);
            let (x, y): (f32, f32) = (cells.xx.iter().sum(), cells.yy.iter().sum());
            assert!(
                if vertical {
                    x > 100.0 * y
                } else {
                    y > 100.0 * x
                },
                "{x} {y}"
            );
        }
    }

    #[test]
    fn averages_are_those_of_a_plain_sum() {
        let mut cells = Cells {
            columns: 7,
            rows: 5,
            ..Cells::default()
        };
        cells.xx = (0..35).map(|i| ((i * 31) % 17) as f32).collect();
        let mut out = Vec::new();
        cells.averaged(&cells.xx, 1, &mut out);
        let at = |x: i32, y: i32| {
            let inside = (0..7).contains(&x) && (0..5).contains(&y);
            if inside {
                cells.xx[(y * 7 + x) as usize]
            } else {
                0.0
            }
        };
        for (index, value) in out.iter().enumerate() {
            let (x, y) = (index as i32 % 7, index as i32 / 7);
            let sum: f32 = (-1..=1)
                .flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)))
                .map(|(dx, dy)| at(x + dx, y + dy))
                .sum();
            assert!((value - sum / 9.0).abs() < 1e-4, "{index}: {value} {sum}");
        }
    }

    #[test]
    fn tiny_pictures_have_no_cells() {
        let mut cells = Cells::default();
        for (width, height) in [(1, 1), (3, 100), (100, 1), (7, 7)] {
            let grey = Grey::new(width, height, vec![9; (width * height) as usize]).unwrap();
            for shrink in 1..4 {
                cells.measure(&grey, shrink);
                assert!(cells.xx.len() <= 25);
            }
        }
    }
}
