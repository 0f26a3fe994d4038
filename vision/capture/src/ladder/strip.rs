//! Brightness profiles across a band of bars: bands of lines summed along the bars, straightened
//! against each other, joined where they agree.

use super::regions::Region;
use crate::Grey;

/// Fewest and most bands of a strip, and the lines that a band should have.
const BANDS: [usize; 2] = [3, 9];
const BAND_LINES: f32 = 6.0;

/// Most lines that are sampled.
const LINES_MAX: usize = 90;

/// Most samples of a profile.
const SAMPLES_MAX: usize = 4_000;

/// Samples by which a band may be shifted against its neighbor at each end.
const SHIFT: i32 = 5;

/// Parts in which the bands' agreement is judged.
const PARTS: usize = 8;

/// A band shows the bars when it agrees with the joined profile by this share of the best one; print
/// above and below them does not.
const SHOWS: f32 = 0.85;

/// What is brighter than the paper between the bars by more than this factor lies beyond the label,
/// or is glare; it is made as bright as that, so that the label's end is no edge.
const BEYOND: f32 = 1.08;

/// Share of the samples between the bars that are no brighter than the paper.
const PAPER: f32 = 0.95;

/// Places at which a region is looked at for its paper.
const PAPER_ROWS: usize = 12;
const PAPER_COLUMNS: usize = 96;

/// By this factor the frame is thought shrunk for a coarse look.
const COARSE: f32 = 4.0;

/// How a region is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// As it is.
    Plain,
    /// With nothing brighter than the paper between the bars.
    Dimmed,
    /// As if the frame were much smaller along the bars' axis.
    Coarse,
}

/// Profiles of a band of bars.
#[derive(Clone, Debug, Default)]
pub(super) struct Strip {
    /// Samples to a pixel of the frame, or of the shrunk frame.
    pub(super) per_px: f32,
    /// Samples of a profile.
    pub(super) count: usize,
    /// All bands, one after the other, straightened.
    bands: Vec<f32>,
    band_count: usize,
    /// The joined profile.
    pub(super) joined: Vec<f32>,
    raw: Vec<f32>,
    /// The frame's place of the first sample, at the middle of the bars' height, and a step.
    origin: [f32; 2],
    step: [f32; 2],
}

impl Strip {
    /// Samples a region with a margin of quiet zone at both ends.
    pub(super) fn sample(&mut self, grey: &Grey, region: &Region, look: Look) {
        let margin = (0.12 * region.length).max(30.0);
        let length = region.length + 2.0 * margin;
        self.per_px = if region.length < 500.0 { 2.0 } else { 1.5 };
        self.per_px = self.per_px.min(SAMPLES_MAX as f32 / length);
        let per_frame_px = match look {
            Look::Plain | Look::Dimmed => self.per_px,
            Look::Coarse => self.per_px / COARSE,
        };
        self.count = (length * per_frame_px) as usize;
        let height = (0.86 * region.height).max(region.height - 16.0).max(1.0);
        let lines = (height.ceil() as usize).clamp(1, LINES_MAX);
        let least = BANDS[0].min(lines);
        self.band_count = ((lines as f32 / BAND_LINES) as usize).clamp(least, BANDS[1]);
        self.raw.clear();
        self.raw.resize(self.band_count * self.count, 0.0);
        let step = 1.0 / per_frame_px;
        self.step = [region.axis[0] * step, region.axis[1] * step];
        self.origin = region.point(-length / 2.0, 0.0);
        let mut weights = [0.0_f32; BANDS[1]];
        for line in 0..lines {
            let across = ((line as f32 + 0.5) / lines as f32 - 0.5) * height;
            let band = (line * self.band_count / lines).min(self.band_count - 1);
            weights[band] += 1.0;
            let from = region.point(-length / 2.0, across);
            let out = &mut self.raw[band * self.count..][..self.count];
            add_line(grey, from, self.step, out);
        }
        for (band, weight) in self.raw.chunks_exact_mut(self.count.max(1)).zip(weights) {
            for value in band.iter_mut() {
                *value /= weight.max(1.0);
            }
            if look == Look::Dimmed {
                dim_beyond(band);
            }
        }
        self.straighten();
        self.join(&(0..self.band_count).collect::<Vec<_>>());
    }

    /// The frame's place of a sample.
    pub(super) fn place(&self, at: f32) -> [f32; 2] {
        [
            self.origin[0] + at * self.step[0],
            self.origin[1] + at * self.step[1],
        ]
    }

    /// Joins the upper and the lower half of the bands that show the bars, each on their own.
    pub(super) fn halves(&mut self) -> [Vec<f32>; 2] {
        let whole = std::mem::take(&mut self.joined);
        let all = 0..self.band_count;
        let fits: Vec<f32> = all
            .clone()
            .map(|at| correlation(self.band(at), &whole))
            .collect();
        let least = SHOWS * fits.iter().copied().fold(0.0, f32::max);
        let mut shown: Vec<usize> = all.clone().filter(|at| fits[*at] >= least).collect();
        if shown.len() < 2 {
            shown = all.collect();
        }
        let half = (shown.len() / 2).max(1);
        let halves = [&shown[..half], &shown[shown.len() - half..]].map(|half| {
            self.join(half);
            std::mem::take(&mut self.joined)
        });
        self.joined = whole;
        halves
    }

    fn band(&self, at: usize) -> &[f32] {
        &self.bands[at * self.count..][..self.count]
    }

    /// Shifts and stretches each band so that it lies on its neighbor nearer to the middle.
    fn straighten(&mut self) {
        self.bands.clear();
        self.bands.extend_from_slice(&self.raw);
        let middle = self.band_count / 2;
        for outwards in [true, false] {
            let mut ends = [0.0_f32; 2];
            let mut before = middle;
            let order: Vec<usize> = if outwards {
                (middle + 1..self.band_count).collect()
            } else {
                (0..middle).rev().collect()
            };
            for at in order {
                let raw = &self.raw[at * self.count..][..self.count];
                ends = align(self.band(before), raw, ends);
                let moved = shifted(raw, ends);
                self.bands[at * self.count..][..self.count].copy_from_slice(&moved);
                before = at;
            }
        }
    }

    /// Mean of some bands, each weighted part by part by how well it agrees with all: what hides or
    /// tears a part of the bars' height then counts little.
    fn join(&mut self, which: &[usize]) {
        let mean = self.weighted(which, &|_, _| 1.0);
        let part = self.count.div_ceil(PARTS).max(1);
        let agreement: Vec<Vec<f32>> = which
            .iter()
            .map(|band| {
                let parts = self.band(*band).chunks(part).zip(mean.chunks(part));
                parts
                    .map(|(band, mean)| correlation(band, mean).max(0.05).powi(6))
                    .collect()
            })
            .collect();
        let weight = |index: usize, at: usize| {
            // Between the middles of the parts the weight changes evenly.
            let place = (at as f32 + 0.5) / part as f32 - 0.5;
            let from = place.max(0.0) as usize;
            let share = (place - from as f32).clamp(0.0, 1.0);
            let of = |at: usize| {
                let parts = &agreement[index];
                parts.get(at).or(parts.last()).copied().unwrap_or(1.0)
            };
            of(from) * (1.0 - share) + of(from + 1) * share
        };
        self.joined = self.weighted(which, &weight);
    }

    /// Mean of some bands, weighted by their index among them and the sample.
    fn weighted(&self, which: &[usize], weight: &dyn Fn(usize, usize) -> f32) -> Vec<f32> {
        (0..self.count)
            .map(|at| {
                let (mut sum, mut weights) = (0.0, 1e-6);
                for (index, band) in which.iter().enumerate() {
                    let weight = weight(index, at);
                    sum += weight * self.bands[band * self.count + at];
                    weights += weight;
                }
                sum / weights
            })
            .collect()
    }
}

/// Makes nothing brighter than the paper between the bars, by much.
fn dim_beyond(band: &mut [f32]) {
    let quarter = band.len() / 4;
    let most = brightest(band[quarter..band.len() - quarter].to_vec());
    for value in band {
        *value = value.min(most);
    }
}

/// What is no brighter than this is on the label, of places between bars.
fn brightest(mut inside: Vec<f32>) -> f32 {
    if inside.is_empty() {
        return f32::MAX;
    }
    let at = ((inside.len() - 1) as f32 * PAPER) as usize;
    BEYOND * *inside.select_nth_unstable_by(at, f32::total_cmp).1
}

/// Brightness of a label's paper, at most, by a region of it.
pub(super) fn paper(grey: &Grey, region: &Region) -> f32 {
    let (width, height) = (grey.width() as usize, grey.height() as usize);
    let mut inside = Vec::new();
    for row in 0..PAPER_ROWS {
        let share = |at: usize, of: usize| (at as f32 + 0.5) / of as f32 - 0.5;
        for column in 0..PAPER_COLUMNS {
            // The ends of a region may lie beyond the label.
            let along = 0.8 * region.length * share(column, PAPER_COLUMNS);
            let across = 0.8 * region.height * share(row, PAPER_ROWS);
            let [x, y] = region
                .point(along, across)
                .map(|place| place.max(0.0) as usize);
            if x < width && y < height {
                inside.push(f32::from(grey.data()[y * width + x]));
            }
        }
    }
    brightest(inside)
}

/// Adds the brightness along a line, bilinear, the picture's edge continued.
fn add_line(grey: &Grey, from: [f32; 2], step: [f32; 2], out: &mut [f32]) {
    let (width, height) = (grey.width() as usize, grey.height() as usize);
    let data = grey.data();
    let (right, bottom) = ((width - 1) as f32, (height - 1) as f32);
    // Pixel i covers the places from i to i + 1.
    let [mut x, mut y] = [from[0] - 0.5, from[1] - 0.5];
    for value in out {
        let (cx, cy) = (x.clamp(0.0, right), y.clamp(0.0, bottom));
        let (column, row) = (cx as usize, cy as usize);
        let (fx, fy) = (cx - column as f32, cy - row as f32);
        let at = row * width + column;
        let next = usize::from(column + 1 < width);
        let below = if row + 1 < height { width } else { 0 };
        let between = |at: usize| {
            let (left, right) = (f32::from(data[at]), f32::from(data[at + next]));
            left + fx * (right - left)
        };
        let (upper, lower) = (between(at), between(at + below));
        *value += upper + fy * (lower - upper);
        x += step[0];
        y += step[1];
    }
}

/// Shifts of a band's two ends that lay it best on another, near a guess.
fn align(fixed: &[f32], band: &[f32], guess: [f32; 2]) -> [f32; 2] {
    let half = fixed.len() / 2;
    let parts = [0..half, half..fixed.len()];
    let middles = [0, 1].map(|part| {
        let range = parts[part].clone();
        // Shift at the middle of this half.
        let near = if part == 0 {
            0.75 * guess[0] + 0.25 * guess[1]
        } else {
            0.25 * guess[0] + 0.75 * guess[1]
        };
        let score = |shift: i32| {
            let moved = near + shift as f32;
            let whole = moved.round() as i32;
            agreement(fixed, band, range.clone(), whole)
        };
        let scores: Vec<f32> = (-SHIFT..=SHIFT).map(score).collect();
        let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        let best = best.unwrap_or(SHIFT as usize);
        let peak = |at: usize| scores.get(at).copied();
        let part = match (
            best.checked_sub(1).and_then(peak),
            peak(best),
            peak(best + 1),
        ) {
            (Some(a), Some(b), Some(c)) if 2.0 * b - a - c > 1e-6 => {
                0.5 * (c - a) / (2.0 * b - a - c)
            }
            _ => 0.0,
        };
        if scores[best] < 0.3 {
            // Nothing to hold on to: as the neighbor.
            return near;
        }
        near.round() + (best as f32 - SHIFT as f32) + part
    });
    // From the halves' middles to the ends.
    let slope = middles[1] - middles[0];
    [middles[0] - 0.5 * slope, middles[1] + 0.5 * slope]
}

/// Correlation of a stretch with the same stretch of another profile, shifted.
fn agreement(fixed: &[f32], band: &[f32], range: std::ops::Range<usize>, shift: i32) -> f32 {
    let from = (range.start as i32).max(-shift).max(0);
    let to = (range.end as i32).min(band.len() as i32 - shift);
    if to - from < 8 {
        return 0.0;
    }
    let moved = &band[(from + shift) as usize..(to + shift) as usize];
    correlation(&fixed[from as usize..to as usize], moved)
}

/// Correlation coefficient.
fn correlation(one: &[f32], other: &[f32]) -> f32 {
    let count = one.len().max(1) as f32;
    let (mut a, mut b, mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (x, y) in one.iter().zip(other) {
        a += x;
        b += y;
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    let (aa, bb) = (aa - a * a / count, bb - b * b / count);
    if aa < 1.0 || bb < 1.0 {
        return 0.0;
    }
    (ab - a * b / count) / (aa * bb).sqrt()
}

/// A profile whose places are shifted by `ends` at its two ends, and evenly between.
fn shifted(values: &[f32], ends: [f32; 2]) -> Vec<f32> {
    let count = values.len();
    let last = count.saturating_sub(1) as f32;
    (0..count)
        .map(|at| {
            let share = at as f32 / last.max(1.0);
            let place = (at as f32 + ends[0] + share * (ends[1] - ends[0])).clamp(0.0, last);
            let whole = place as usize;
            let next = (whole + 1).min(count - 1);
            values[whole] + (place - whole as f32) * (values[next] - values[whole])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slanting_bars_are_straightened() {
        // Bars of irregular width that lean by 0.15 pixels to a line.
        let (width, height) = (420_u32, 90_u32);
        let bars: Vec<u8> = (0..70)
            .map(|i| if (i * i * 7) % 5 < 2 { 30 } else { 220 })
            .collect();
        let data = (0..width * height)
            .map(|at| {
                let (x, y) = ((at % width) as f32, (at / width) as f32);
                let place = (x - 60.0 - 0.15 * (y - 45.0)) / 4.5;
                bars.get(place as usize)
                    .copied()
                    .filter(|_| place > 0.0)
                    .unwrap_or(220)
            })
            .collect();
        let grey = Grey::new(width, height, data).unwrap();
        let region = Region {
            middle: [210.0, 45.0],
            axis: [1.0, 0.0],
            length: 330.0,
            height: 80.0,
            rank: 1.0,
            fill: 1.0,
        };
        let mut strip = Strip::default();
        strip.sample(&grey, &region, Look::Plain);
        let swing = |values: &[f32]| {
            let steps = values.windows(2).map(|pair| (pair[1] - pair[0]).abs());
            steps.sum::<f32>()
        };
        let mean = strip.weighted(&[0], &|_, _| 1.0);
        assert!(
            swing(&strip.joined) > 0.75 * swing(&mean),
            "{} {}",
            swing(&strip.joined),
            swing(&mean)
        );
    }

    #[test]
    fn any_region_can_be_sampled() {
        let grey = Grey::new(13, 9, vec![100; 117]).unwrap();
        let mut strip = Strip::default();
        for (middle, length, height) in [
            ([6.0, 4.0], 5.0, 1.0),
            ([-500.0, 800.0], 30.0, 400.0),
            ([6.0, 4.0], 90_000.0, 0.0),
        ] {
            let axis = [0.6, 0.8];
            let region = Region {
                middle,
                axis,
                length,
                height,
                rank: 0.0,
                fill: 0.0,
            };
            strip.sample(&grey, &region, Look::Plain);
            assert!(strip.count <= SAMPLES_MAX + 1 && !strip.joined.is_empty());
        }
    }
}
