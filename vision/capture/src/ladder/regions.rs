//! Candidates on the cells: bands of bars, and patches that change in all directions.

use sortline_read::Corners;

use super::cells::Cells;
use crate::Grey;

/// Least mean energy of a candidate's cells, grey levels² per pixel².
const ENERGY_MIN: f32 = 0.9;

/// A candidate's energy is at least this many times that of the picture's quiet parts.
const ENERGY_FACTOR: f32 = 5.0;

/// Share of all cells that are taken as the picture's quiet parts.
const QUIET_SHARE: f32 = 0.3;

/// Least coherence of bars after the noise is taken off, 0 to 1.
const COHERENCE_MIN: f32 = 0.5;

/// Greatest sine of twice the angle between neighbors of a band.
const TURN_MAX: f32 = 0.5;

/// Share of its rectangle that a region fills when it is one band, and at least.
const FILL_EVEN: f32 = 0.62;
const FILL_MIN: f32 = 0.35;

/// A band is at most this many times as high as long.
const TALL: f32 = 3.0;

/// Share of a region's strongest cells from which a cell is strong.
const STRONG_SHARE: f32 = 0.45;

/// Cells of the smallest band and of the smallest patch.
const BAND_CELLS_MIN: usize = 12;
const PATCH_CELLS_MIN: usize = 12;

/// A patch's lesser eigenvalue is at least this share of the greatest ones of the frame.
const PATCH_SHARE: f32 = 0.2;

/// Least side of a part of a patch beside a symbol, pixels: the smallest symbols at one pixel per
/// module, with some margin.
const PART_MIN: f32 = 24.0;

/// Most bands and patches of a frame.
pub(super) const BANDS_MAX: usize = 12;
pub(super) const PATCHES_MAX: usize = 16;

/// A rectangle at any angle, frame pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Region {
    pub(super) middle: [f32; 2],
    /// Unit vector along which it is `length` long: across the bars, for bars.
    pub(super) axis: [f32; 2],
    pub(super) length: f32,
    pub(super) height: f32,
    /// Mean energy times the root of the number of cells.
    pub(super) rank: f32,
    /// Share of the rectangle that is covered by its cells.
    pub(super) fill: f32,
}

impl Region {
    /// Place of a point given along the axis and across it, from the middle.
    pub(super) fn point(&self, along: f32, across: f32) -> [f32; 2] {
        let [x, y] = self.axis;
        [
            self.middle[0] + along * x - across * y,
            self.middle[1] + along * y + across * x,
        ]
    }

    /// Angle of the axis to the picture's rows, degrees.
    pub(super) fn degrees(&self) -> f32 {
        self.axis[1].atan2(self.axis[0]).to_degrees()
    }

    /// Coordinates of a point along the axis and across it, from the middle.
    fn coordinates(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (dx, dy) = (x - self.middle[0], y - self.middle[1]);
        [
            dx * self.axis[0] + dy * self.axis[1],
            dy * self.axis[0] - dx * self.axis[1],
        ]
    }

    /// Whether a point lies inside, the sides grown by a margin.
    pub(super) fn contains(&self, point: [f32; 2], margin: f32) -> bool {
        let [along, across] = self.coordinates(point);
        along.abs() <= self.length / 2.0 + margin && across.abs() <= self.height / 2.0 + margin
    }
}

impl Region {
    /// The rectangle of a symbol's corners, filled and without a rank.
    pub(super) fn of(corners: &Corners) -> Self {
        let corners = corners.map(|corner| corner.map(|side| side as f32));
        let [[ax, ay], [bx, by], [cx, cy], [dx, dy]] = corners;
        let length = (bx - ax).hypot(by - ay).max(1.0);
        Self {
            middle: [(ax + bx + cx + dx) / 4.0, (ay + by + cy + dy) / 4.0],
            axis: [(bx - ax) / length, (by - ay) / length],
            length,
            height: (dx - ax).hypot(dy - ay).max(1.0),
            rank: 0.0,
            fill: 1.0,
        }
    }

    /// Parts of it beside symbols that lie in it, on the side where most is left, each at least
    /// [`PART_MIN`] pixels and half as wide as the symbols are.
    pub(super) fn beside(&self, symbols: &[Self]) -> Vec<Self> {
        let sides = [self.length, self.height];
        let span = |side: usize| {
            let places = symbols.iter().flat_map(|symbol| {
                let (a, b) = (symbol.length / 2.0, symbol.height / 2.0);
                [(-a, -b), (a, -b), (a, b), (-a, b)].map(|(x, y)| symbol.point(x, y))
            });
            let places = places.map(|place| self.coordinates(place)[side]);
            places.fold((f32::MAX, f32::MIN), |(low, high), at| {
                (low.min(at), high.max(at))
            })
        };
        let mut parts = Vec::new();
        for side in [0, 1] {
            let (low, high) = span(side);
            if low > high {
                continue;
            }
            let (half, wide) = (sides[side] / 2.0, high - low);
            for (from, to) in [(-half, low), (high, half)] {
                let least = PART_MIN.max(0.5 * wide);
                if to - from >= least {
                    parts.push((side, from, to));
                }
            }
        }
        // Both sides of a corner would be looked at twice.
        let area = |&(side, from, to): &(usize, f32, f32)| (to - from) * sides[1 - side];
        parts.sort_by(|a, b| area(b).total_cmp(&area(a)));
        let side = parts.first().map(|part| part.0);
        parts.retain(|part| Some(part.0) == side);
        let cut = |(side, from, to): (usize, f32, f32)| {
            let middle = f32::midpoint(from, to);
            let mut part = *self;
            if side == 0 {
                part.middle = self.point(middle, 0.0);
                part.length = to - from;
            } else {
                part.middle = self.point(0.0, middle);
                part.height = to - from;
            }
            part
        };
        parts.into_iter().map(cut).collect()
    }
}

/// Finds candidates; keeps its memory between frames.
#[derive(Clone, Debug, Default)]
pub(super) struct Finder {
    energy: Vec<f32>,
    xx: Vec<f32>,
    yy: Vec<f32>,
    xy: Vec<f32>,
    least: Vec<f32>,
    mask: Vec<bool>,
    spare: Vec<bool>,
    stack: Vec<usize>,
    members: Vec<usize>,
    /// Energy of the quiet parts.
    noise: f32,
    threshold: f32,
}

impl Finder {
    /// Looks at the energy of the cells. Says whether there is anything at all.
    pub(super) fn look(&mut self, cells: &Cells) -> bool {
        let count = cells.xx.len();
        if count == 0 {
            return false;
        }
        self.energy.clear();
        let sums = cells.xx.iter().zip(&cells.yy).map(|(x, y)| x + y);
        self.energy.extend(sums);
        let mut sorted = self.energy.clone();
        let at = ((count - 1) as f32 * QUIET_SHARE) as usize;
        self.noise = *sorted.select_nth_unstable_by(at, f32::total_cmp).1;
        self.threshold = (ENERGY_FACTOR * self.noise).max(ENERGY_MIN);
        // In a picture that is full of print the quiet third is print as well.
        let at = ((count - 1) as f32 * 0.9) as usize;
        let most = *sorted.select_nth_unstable_by(at, f32::total_cmp).1;
        self.threshold = self.threshold.min((0.3 * most).max(ENERGY_MIN));
        self.energy
            .iter()
            .filter(|energy| **energy > self.threshold)
            .count()
            >= BAND_CELLS_MIN
    }

    /// Bands of parallel bars, the strongest first. `reach`: cells averaged to each side.
    pub(super) fn bands(&mut self, cells: &Cells, reach: usize) -> Vec<Region> {
        cells.averaged(&cells.xx, reach, &mut self.xx);
        cells.averaged(&cells.yy, reach, &mut self.yy);
        cells.averaged(&cells.xy, reach, &mut self.xy);
        self.mask.clear();
        // Isotropic noise adds to both directions alike and is taken off.
        let noise = self.noise.min(self.threshold / ENERGY_FACTOR);
        for at in 0..self.xx.len() {
            let energy = self.xx[at] + self.yy[at];
            let difference = self.difference(at);
            let signal = (energy - noise).max(1e-6);
            let strong = difference > 0.4 * self.threshold && energy > 0.6 * self.threshold;
            self.mask
                .push(strong && difference / signal > COHERENCE_MIN);
        }
        self.open(cells);
        let mut found = Vec::new();
        // The frame line of a label runs parallel to bars and joins them; it is weaker than they are,
        // so of a ragged region the strong cells are looked at again.
        let mut again = Vec::new();
        for pass in [FILL_EVEN, FILL_MIN] {
            for seed in 0..self.mask.len() {
                if self.mask[seed] {
                    self.grow(cells, seed);
                    match self.band(cells) {
                        Some(region)
                            if region.fill > pass && region.height < TALL * region.length =>
                        {
                            found.push(region);
                        }
                        Some(_) if pass > FILL_MIN => again.append(&mut self.strong()),
                        _ => {}
                    }
                }
            }
            for at in std::mem::take(&mut again) {
                self.mask[at] = true;
            }
            self.open(cells);
        }
        strongest(found, BANDS_MAX)
    }

    /// Difference of the energies across and along at a cell.
    fn difference(&self, at: usize) -> f32 {
        (self.xx[at] - self.yy[at]).hypot(2.0 * self.xy[at])
    }

    /// Those of the collected cells that are about as strong as the strongest.
    fn strong(&self) -> Vec<usize> {
        let mut sorted: Vec<f32> = self.members.iter().map(|at| self.difference(*at)).collect();
        sorted.sort_by(f32::total_cmp);
        let most = sorted.get(sorted.len() * 9 / 10).copied().unwrap_or(0.0);
        let near = |at: &usize| self.difference(*at) > STRONG_SHARE * most;
        self.members.iter().copied().filter(near).collect()
    }

    /// Patches that change in all directions outside the given regions, the strongest first. Lines
    /// and bars change in one direction only, so what joins them to a symbol falls away.
    pub(super) fn patches(&mut self, cells: &Cells, grey: &Grey, erased: &[Region]) -> Vec<Region> {
        cells.averaged(&cells.xx, 1, &mut self.xx);
        cells.averaged(&cells.yy, 1, &mut self.yy);
        cells.averaged(&cells.xy, 1, &mut self.xy);
        // The lesser eigenvalue of the tensor.
        let mut least = std::mem::take(&mut self.least);
        least.clear();
        least.extend((0..self.xx.len()).map(|at| {
            let difference = self.difference(at);
            0.5 * (self.xx[at] + self.yy[at] - difference)
        }));
        let mut sorted = least.clone();
        let place = ((sorted.len() - 1) as f32 * 0.995) as usize;
        let most = *sorted.select_nth_unstable_by(place, f32::total_cmp).1;
        let threshold = (1.5 * self.noise)
            .max(PATCH_SHARE * most)
            .max(0.4 * ENERGY_MIN);
        self.mask.clear();
        self.mask
            .extend(least.iter().map(|least| *least > threshold));
        self.least = least;
        for at in 0..self.mask.len() {
            let point = place_of(cells, at);
            if self.mask[at] && erased.iter().any(|region| region.contains(point, 6.0)) {
                self.mask[at] = false;
            }
        }
        self.open(cells);
        let mut found = Vec::new();
        for seed in 0..self.mask.len() {
            if self.mask[seed] {
                self.fill(cells, seed);
                found.extend(self.patch(cells, grey));
            }
        }
        strongest(found, PATCHES_MAX)
    }

    /// Erosion and dilation by one cell.
    fn open(&mut self, cells: &Cells) {
        for erode in [true, false] {
            self.spare.clear();
            self.spare.resize(self.mask.len(), false);
            let columns = cells.columns;
            for row in 1..cells.rows.saturating_sub(1) {
                for column in 1..columns.saturating_sub(1) {
                    let first = (row - 1) * columns + column - 1;
                    let rows = [first, first + columns, first + 2 * columns];
                    let mut near = rows.iter().flat_map(|row| &self.mask[*row..row + 3]);
                    self.spare[row * columns + column] = if erode {
                        near.all(|set| *set)
                    } else {
                        near.any(|set| *set)
                    };
                }
            }
            std::mem::swap(&mut self.mask, &mut self.spare);
        }
    }

    /// Collects the cells connected with a seed whose direction changes slowly.
    fn grow(&mut self, cells: &Cells, seed: usize) {
        self.members.clear();
        self.stack.clear();
        self.stack.push(seed);
        self.mask[seed] = false;
        let columns = cells.columns;
        while let Some(at) = self.stack.pop() {
            self.members.push(at);
            for next in [
                at.wrapping_sub(1),
                at + 1,
                at.wrapping_sub(columns),
                at + columns,
            ] {
                let set = self.mask.get(next).copied().unwrap_or(false);
                if set && self.turn(at, next) < TURN_MAX {
                    self.mask[next] = false;
                    self.stack.push(next);
                }
            }
        }
    }

    /// Sine of twice the angle between the directions of two cells; 1 beyond a right angle.
    fn turn(&self, one: usize, other: usize) -> f32 {
        let vector = |at: usize| (self.xx[at] - self.yy[at], 2.0 * self.xy[at]);
        let ((a, b), (c, d)) = (vector(one), vector(other));
        let (cross, dot) = (a * d - b * c, a * c + b * d);
        if dot <= 0.0 {
            return 1.0;
        }
        (cross / cross.hypot(dot)).abs()
    }

    /// Collects the cells connected with a seed, corners included.
    fn fill(&mut self, cells: &Cells, seed: usize) {
        self.members.clear();
        self.stack.clear();
        self.stack.push(seed);
        self.mask[seed] = false;
        let columns = cells.columns;
        while let Some(at) = self.stack.pop() {
            self.members.push(at);
            for row in [at.wrapping_sub(columns), at, at + columns] {
                for next in [row.wrapping_sub(1), row, row + 1] {
                    if self.mask.get(next).copied().unwrap_or(false) {
                        self.mask[next] = false;
                        self.stack.push(next);
                    }
                }
            }
        }
    }

    /// The rectangle of the collected cells of a band.
    fn band(&mut self, cells: &Cells) -> Option<Region> {
        if self.members.len() < BAND_CELLS_MIN {
            return None;
        }
        let (mut c, mut s) = (0.0, 0.0);
        for &at in &self.members {
            c += self.xx[at] - self.yy[at];
            s += 2.0 * self.xy[at];
        }
        let angle = 0.5 * s.atan2(c);
        let axis = [angle.cos(), angle.sin()];
        let region = self.rectangle(cells, axis, [0.01, 0.02])?;
        let thin = region.length < 5.0 * cells.side || region.height < cells.side;
        (!thin).then_some(region)
    }

    /// The rectangle of the collected cells of a patch, along its own edges.
    fn patch(&mut self, cells: &Cells, grey: &Grey) -> Option<Region> {
        if self.members.len() < PATCH_CELLS_MIN {
            return None;
        }
        let upright = self.rectangle(cells, [1.0, 0.0], [0.0, 0.0])?;
        let angle = edges(grey, &upright);
        let region = self.rectangle(cells, [angle.cos(), angle.sin()], [0.0, 0.0])?;
        let least = region.length.min(region.height);
        (least >= 3.0 * cells.side && region.fill > 0.2).then_some(region)
    }

    /// The rectangle around the collected cells along an axis; `cut` is the share of cells left out
    /// at each end along and across it.
    fn rectangle(&self, cells: &Cells, axis: [f32; 2], cut: [f32; 2]) -> Option<Region> {
        let origin = Region {
            middle: [0.0, 0.0],
            axis,
            length: 0.0,
            height: 0.0,
            rank: 0.0,
            fill: 0.0,
        };
        let spans = [0, 1].map(|i| {
            let places = self
                .members
                .iter()
                .map(|at| origin.coordinates(place_of(cells, *at))[i]);
            let mut places: Vec<f32> = places.collect();
            places.sort_by(f32::total_cmp);
            let skip = (places.len() as f32 * cut[i]) as usize;
            let last = places.len().saturating_sub(1 + skip);
            (places.get(skip).copied(), places.get(last).copied())
        });
        let [(Some(left), Some(right)), (Some(top), Some(bottom))] = spans else {
            return None;
        };
        let energy: f32 = self.members.iter().map(|at| self.energy[*at]).sum();
        let count = self.members.len() as f32;
        let (length, height) = (right - left + cells.side, bottom - top + cells.side);
        Some(Region {
            middle: origin.point(f32::midpoint(left, right), f32::midpoint(top, bottom)),
            axis,
            length,
            height,
            rank: energy / count * count.sqrt(),
            fill: count * cells.side * cells.side / (length * height),
        })
    }
}

/// Direction of the edges in an upright rectangle, modulo a right angle, −45° to 45°: a quarter of
/// the argument of the sum of (gx + i·gy)⁴ / |g|².
fn edges(grey: &Grey, region: &Region) -> f32 {
    let (width, height) = (grey.width() as usize, grey.height() as usize);
    let data = grey.data();
    let span = |middle: f32, side: f32, most: usize| {
        let from = (middle - side / 2.0).max(2.0) as usize;
        let to = ((middle + side / 2.0).max(0.0) as usize).min(most.saturating_sub(2));
        from..to
    };
    let step = if region.length * region.height > 250_000.0 {
        3
    } else {
        2
    };
    let (mut c, mut s) = (0.0_f64, 0.0_f64);
    for y in span(region.middle[1], region.height, height).step_by(step) {
        let row = y * width;
        for x in span(region.middle[0], region.length, width).step_by(step) {
            let at = row + x;
            let gx = f32::from(data[at + 1]) - f32::from(data[at - 1]);
            let gy = f32::from(data[at + width]) - f32::from(data[at - width]);
            let squared = gx * gx + gy * gy;
            if squared > 0.0 {
                let (double_c, double_s) = (gx * gx - gy * gy, 2.0 * gx * gy);
                c += f64::from((double_c * double_c - double_s * double_s) / squared);
                s += f64::from(2.0 * double_c * double_s / squared);
            }
        }
    }
    (s.atan2(c) / 4.0) as f32
}

/// Middle of a cell in the frame.
fn place_of(cells: &Cells, at: usize) -> [f32; 2] {
    let (column, row) = (at % cells.columns, at / cells.columns);
    [
        (column as f32 + 0.5) * cells.side,
        (row as f32 + 0.5) * cells.side,
    ]
}

fn strongest(mut found: Vec<Region>, most: usize) -> Vec<Region> {
    found.sort_by(|a, b| b.rank.total_cmp(&a.rank));
    found.truncate(most);
    found
}
