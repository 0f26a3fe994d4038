//! Pixels of a frame → [`FrameQuality`]: about one in eight rows and columns is looked at, so that it
//! costs little beside reading.

use sortline_read::health::FrameQuality;

use crate::Grey;

/// Every so many rows are looked at for edges along the belt, and columns for those across it.
const STEP: usize = 16;
/// Every so many pixels count in the histogram, within the rows that are looked at.
const HISTOGRAM_STEP: usize = 2;
/// Grey from which a pixel counts as clipped.
const CLIPPED: u8 = 252;
/// An edge must rise by the frame's contrast over this, and by [`RISE_MIN`].
const RISE_PART: u8 = 3;
/// Least rise of an edge, grey levels.
const RISE_MIN: u8 = 24;
/// Longest edge that is looked for, pixels.
const EDGE_MAX: usize = 24;
/// Edges needed for a statement.
const EDGES_MIN: usize = 40;
/// The sharpest of the edges, in percent: the others are slanted, worn or shadows.
const SHARPEST_PERCENT: usize = 20;

/// Measures a frame.
pub fn quality(grey: &Grey) -> FrameQuality {
    let width = usize::try_from(grey.width()).unwrap_or(usize::MAX);
    let data = grey.data();
    let mut histogram = [0_u32; 256];
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    for row in data.chunks_exact(width).step_by(STEP / 2) {
        for &value in row.iter().step_by(HISTOGRAM_STEP) {
            if let Some(count) = histogram.get_mut(usize::from(value)) {
                *count += 1;
            }
            // FNV-1a.
            digest = (digest ^ u64::from(value)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    let [black, median, white] = [10, 500, 990].map(|permille| quantile(&histogram, permille));
    let rise = (white.saturating_sub(black) / RISE_PART).max(RISE_MIN);
    let mut widths = Vec::new();
    for row in data.chunks_exact(width).step_by(STEP) {
        edges(row.iter().copied(), rise, &mut widths);
    }
    let edge_x_px = sharpest(&mut widths);
    widths.clear();
    for x in (0..width).step_by(STEP) {
        let column = data.iter().skip(x).step_by(width).copied();
        edges(column, rise, &mut widths);
    }
    FrameQuality {
        black,
        median,
        white,
        clipped_permille: clipped(&histogram),
        edge_x_px,
        edge_y_px: sharpest(&mut widths),
        noise: noise(data, width),
        evenness: evenness(data, width),
        digest,
    }
}

/// The grey below which `permille` thousandths of the pixels lie.
fn quantile(histogram: &[u32; 256], permille: u64) -> u8 {
    let total: u64 = histogram.iter().copied().map(u64::from).sum();
    let goal = total * permille / 1_000;
    let mut sum = 0;
    for (grey, count) in (0..=u8::MAX).zip(histogram) {
        sum += u64::from(*count);
        if sum > goal {
            return grey;
        }
    }
    u8::MAX
}

fn clipped(histogram: &[u32; 256]) -> u16 {
    let total: u64 = histogram.iter().copied().map(u64::from).sum();
    let above = histogram.iter().skip(usize::from(CLIPPED)).copied();
    let clipped: u64 = above.map(u64::from).sum();
    u16::try_from(clipped * 1_000 / total.max(1)).unwrap_or(1_000)
}

/// Widths from 10 to 90 percent of the steps of a line of pixels that rise or fall by at least `rise`
/// without turning back.
fn edges(line: impl Iterator<Item = u8>, rise: u8, widths: &mut Vec<f32>) {
    let mut run: Vec<u8> = Vec::with_capacity(EDGE_MAX);
    let mut up = true;
    for value in line {
        let last = run.last().copied().unwrap_or(value);
        let goes_on = if up { value >= last } else { value <= last };
        if goes_on && run.len() < EDGE_MAX {
            run.push(value);
            continue;
        }
        width_of(&run, rise, widths);
        run.clear();
        run.extend([last, value]);
        up = value >= last;
    }
    width_of(&run, rise, widths);
}

fn width_of(run: &[u8], rise: u8, widths: &mut Vec<f32>) {
    let (Some(&first), Some(&last)) = (run.first(), run.last()) else {
        return;
    };
    let span = f32::from(first.abs_diff(last));
    if span < f32::from(rise) {
        return;
    }
    // Where the run crosses a share of its span, between pixels.
    let crossing = |share: f32| {
        let goal = span * share;
        let (mut before, mut at) = (0.0, 0.0);
        for value in run {
            let here = f32::from(first.abs_diff(*value));
            if here >= goal {
                let step = (here - before).max(f32::MIN_POSITIVE);
                return at - (here - goal) / step;
            }
            before = here;
            at += 1.0;
        }
        at
    };
    widths.push(crossing(0.9) - crossing(0.1));
}

/// The edge that [`SHARPEST_PERCENT`] of the edges do not exceed.
fn sharpest(widths: &mut [f32]) -> Option<f32> {
    if widths.len() < EDGES_MIN {
        return None;
    }
    let rank = widths.len() * SHARPEST_PERCENT / 100;
    Some(*widths.select_nth_unstable_by(rank, f32::total_cmp).1)
}

/// Noise from second differences along rows: of most pixels it is all there is to them. The median
/// of their amounts is 0.6745 · √6 standard deviations (Immerkær, Fast Noise Variance Estimation,
/// 1996, with the median in place of the mean).
fn noise(data: &[u8], width: usize) -> f32 {
    let mut histogram = [0_u32; 256];
    for row in data.chunks_exact(width).step_by(STEP) {
        for three in row.windows(3).step_by(3) {
            let [a, b, c] = three else {
                continue;
            };
            let second = (i16::from(*a) + i16::from(*c) - 2 * i16::from(*b)).unsigned_abs();
            if let Some(count) = histogram.get_mut(usize::from(second.min(255))) {
                *count += 1;
            }
        }
    }
    let total: u32 = histogram.iter().sum();
    let (mut below, half) = (0, total / 2);
    for (second, count) in (0..=u8::MAX).zip(histogram) {
        if below + count > half {
            let permille = u64::from(half - below) * 1_000 / u64::from(count.max(1));
            let part = f32::from(u16::try_from(permille).unwrap_or(0)) / 1_000.0;
            return (f32::from(second) + part - 0.5).max(0.0) / (0.6745 * 6.0_f32.sqrt());
        }
        below += count;
    }
    0.0
}

/// White of the darkest quarter of the frame over that of the brightest.
fn evenness(data: &[u8], width: usize) -> f32 {
    let height = data.len() / width.max(1);
    let mut histograms = [[0_u32; 256]; 4];
    for (y, row) in data.chunks_exact(width).enumerate().step_by(STEP) {
        for (x, &value) in row.iter().enumerate().step_by(8) {
            let quarter = usize::from(2 * y >= height) * 2 + usize::from(2 * x >= width);
            let histogram = histograms.get_mut(quarter);
            if let Some(count) = histogram.and_then(|h| h.get_mut(usize::from(value))) {
                *count += 1;
            }
        }
    }
    let whites = histograms.map(|histogram| f32::from(quantile(&histogram, 990)));
    let most = whites.iter().copied().fold(1.0, f32::max);
    whites.iter().copied().fold(most, f32::min) / most
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bars under a Gaussian blur of `sigma_x` pixels along x and `sigma_y` along y, with noise.
    fn bars(sigma_x: f64, sigma_y: f64, gain: f64, noise: f64) -> Grey {
        let (width, height) = (640_u32, 480_u32);
        let step = |at: f64, sigma: f64| {
            // Sum of error functions by the logistic approximation of Bowling and others (2009).
            let at = at.rem_euclid(40.0);
            let edge = |d: f64| 1.0 / (1.0 + (-1.702 * d / sigma.max(0.05)).exp());
            edge(at - 10.0) - edge(at - 30.0)
        };
        let mut state = 1_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            f64::from(u32::try_from(state >> 33).unwrap()) / f64::from(1_u32 << 31) - 0.5
        };
        let mut data = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let pattern = if y < height / 2 {
                    step(f64::from(x), sigma_x)
                } else {
                    step(f64::from(y), sigma_y)
                };
                let grain: f64 = (0..12).map(|_| random()).sum();
                let value = gain * (30.0 + 180.0 * pattern) + noise * grain;
                let level = (0..=u8::MAX).rev().find(|&grey| f64::from(grey) <= value);
                data.push(level.unwrap_or(0));
            }
        }
        Grey::new(width, height, data).unwrap()
    }

    #[test]
    fn blur_is_measured_by_direction() {
        let sharp = quality(&bars(0.4, 0.4, 1.0, 1.0));
        let (x, y) = (sharp.edge_x_px.unwrap(), sharp.edge_y_px.unwrap());
        assert!(x < 2.5 && (x - y).abs() < 0.6, "{sharp:?}");
        // A Gaussian edge rises from 10 to 90 percent over 2.56 sigma.
        let soft = quality(&bars(3.0, 3.0, 1.0, 1.0)).edge_x_px.unwrap();
        assert!((5.0..9.5).contains(&soft), "{soft}");
        let moved = quality(&bars(3.0, 0.4, 1.0, 1.0));
        assert!(
            moved.edge_x_px.unwrap() > 2.0 * moved.edge_y_px.unwrap(),
            "{moved:?}"
        );
    }

    #[test]
    fn exposure_and_noise_are_measured() {
        for noise in [1.0_f32, 3.0, 8.0] {
            let found = quality(&bars(1.0, 1.0, 0.6, f64::from(noise)));
            assert!(
                (found.noise - noise).abs() < 0.35 * noise,
                "{noise}: {found:?}"
            );
        }
        let dim = quality(&bars(1.0, 1.0, 0.3, 1.0));
        assert!(
            (50..75).contains(&dim.white) && dim.clipped_permille == 0,
            "{dim:?}"
        );
        let bright = quality(&bars(1.0, 1.0, 1.6, 1.0));
        assert!(
            bright.white == 255 && bright.clipped_permille > 200,
            "{bright:?}"
        );
        let empty = quality(&Grey::new(640, 480, vec![40; 640 * 480]).unwrap());
        assert_eq!((empty.edge_x_px, empty.edge_y_px), (None, None));
        assert!(empty.noise < 0.1 && empty.evenness > 0.99);
    }

    #[test]
    fn the_digest_sees_one_gray_level_in_a_row() {
        let one = bars(1.0, 1.0, 1.0, 2.0);
        assert_eq!(quality(&one).digest, quality(&one.clone()).digest);
        let mut data = one.data().to_vec();
        data[16 * 640 + 2] ^= 1;
        let other = Grey::new(640, 480, data).unwrap();
        assert_ne!(quality(&one).digest, quality(&other).digest);
        for (width, height) in [(1, 1), (3, 1), (1, 300), (17, 2)] {
            let tiny = Grey::new(width, height, vec![9; (width * height) as usize]).unwrap();
            assert_eq!(quality(&tiny).edge_x_px, None);
        }
    }
}
