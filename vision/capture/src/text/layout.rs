//! Lines of print: where they lie, how they are grouped, and each one straightened.
//!
//! The part of the frame around the symbols is turned upright and made black and white against its
//! surroundings; connected strokes of a letter's size are chained into lines, and lines into blocks.
//! A line is then cut out of the frame itself, so that it is resampled once, along its own slope.
#![expect(
    clippy::cast_possible_truncation,
    reason = "pixel coordinates: at most 2^27, far inside both types"
)]

use opencv::core::{self, Mat, MatTraitConst as _, MatTraitConstManual as _, Rect, Scalar, Size};
use opencv::imgproc;
use sortline_read::{Corners, Symbol, SymbolFormat};

use super::chain::{LETTER_MOST, Line, blocks, chained};
use crate::{CaptureError, Grey, geometry};

/// Least height of letters that is looked for, pixels of the frame.
const LETTER_LEAST: i32 = 7;

/// Most strokes that are chained: a label has a few hundred.
const STROKES_MAX: usize = 4000;

/// Most lines that are handed on.
const LINES_MAX: usize = 40;

/// Height of capitals in a straightened line, and the empty border around it, pixels.
const CAPITAL: f64 = 32.0;
const BORDER: f64 = 12.0;

/// Widest straightened line, pixels.
const WIDTH_MAX: f64 = 2400.0;

/// How far the label reaches beyond its symbols: a linear symbol or PDF417 takes half of the label's
/// width or more, a square one a seventh or more.
const REACH: f64 = 1.4;
const REACH_SQUARE: f64 = 7.0;

/// Affine map: rows of a matrix of 2 × 3.
type Affine = [[f64; 3]; 2];

/// The part of a frame that may hold print, turned upright.
#[derive(Debug)]
pub(super) struct Upright {
    grey: Mat,
    /// From its pixels to those of the frame.
    back: Affine,
}

fn apply(map: &Affine, [x, y]: [f64; 2]) -> [f64; 2] {
    map.map(|[a, b, c]| a * x + b * y + c)
}

/// The symbols' corners turned by `degrees`.
fn turned(symbols: &[Symbol], degrees: f64) -> Vec<[[f64; 2]; 4]> {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let turn = |[x, y]: [i32; 2]| {
        let (x, y) = (f64::from(x), f64::from(y));
        [cos * x + sin * y, cos * y - sin * x]
    };
    symbols
        .iter()
        .map(|symbol| symbol.corners.map(turn))
        .collect()
}

/// Least and greatest value of one coordinate.
fn span(points: impl Iterator<Item = f64>) -> [f64; 2] {
    points.fold([f64::MAX, f64::MIN], |[low, high], at| {
        [low.min(at), high.max(at)]
    })
}

impl Upright {
    /// Turns the surroundings of the symbols by `degrees`, the direction in which they run; without
    /// symbols the whole frame.
    pub(super) fn of(frame: &Grey, symbols: &[Symbol], degrees: f64) -> Result<Self, CaptureError> {
        let (width, height) = (f64::from(frame.width()), f64::from(frame.height()));
        let (sin, cos) = degrees.to_radians().sin_cos();
        let frame_corners = [[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]];
        let turn = |[x, y]: [f64; 2]| [cos * x + sin * y, cos * y - sin * x];
        let whole = frame_corners.map(turn);
        let limits = [0, 1].map(|axis| span(whole.iter().filter_map(|p| p.get(axis).copied())));
        let quads = turned(symbols, degrees);
        let points = || quads.iter().flatten();
        let extents = [0, 1].map(|axis| span(points().filter_map(|p| p.get(axis).copied())));
        let reach = symbols.iter().zip(&quads).map(|(symbol, [a, b, c, _])| {
            let side = |p: &[f64; 2], q: &[f64; 2]| (p[0] - q[0]).hypot(p[1] - q[1]);
            let square = symbol.format.is_matrix() && symbol.format != SymbolFormat::PDF417;
            side(a, b).max(side(b, c)) * if square { REACH_SQUARE } else { REACH }
        });
        let reach = reach.fold(0.0, f64::max);
        let clipped = |extent: [f64; 2], limit: [f64; 2]| {
            let low = (extent[0] - reach).max(limit[0]);
            [low, (extent[1] + reach).min(limit[1]).max(low + 1.0)]
        };
        let [x, y] = if symbols.is_empty() {
            limits
        } else {
            [
                clipped(extents[0], limits[0]),
                clipped(extents[1], limits[1]),
            ]
        };
        let back = [
            [cos, -sin, cos * x[0] - sin * y[0]],
            [sin, cos, sin * x[0] + cos * y[0]],
        ];
        let size = Size::new((x[1] - x[0]) as i32, (y[1] - y[0]) as i32);
        Ok(Self {
            grey: warped(frame, &back, size)?,
            back,
        })
    }

    /// Lines of print outside the symbols, block by block from the top, those of large blocks first
    /// to be read.
    pub(super) fn lines(&self, symbols: &[Symbol]) -> Result<Vec<Line>, CaptureError> {
        let strokes = self.strokes(symbols)?;
        let mut lines = chained(&strokes);
        blocks(&mut lines);
        lines.sort_by(|a, b| {
            let lone = (a.of_block < 2).cmp(&(b.of_block < 2));
            let place = a
                .block
                .cmp(&b.block)
                .then(a.middle[1].total_cmp(&b.middle[1]));
            lone.then(place)
        });
        lines.truncate(LINES_MAX);
        Ok(lines)
    }

    /// Boxes of connected dark strokes that may be letters, from left to right.
    fn strokes(&self, symbols: &[Symbol]) -> Result<Vec<Rect>, CaptureError> {
        let mut ink = Mat::default();
        let (method, inverse) = (imgproc::ADAPTIVE_THRESH_MEAN_C, imgproc::THRESH_BINARY_INV);
        let offset = (contrast(&self.grey)? * 0.12).clamp(4.0, 14.0);
        imgproc::adaptive_threshold(&self.grey, &mut ink, 255.0, method, inverse, 41, offset)?;
        for quad in self.quads(symbols) {
            let points: core::Vector<core::Point> = quad
                .iter()
                .map(|[x, y]| core::Point::new(x.round() as i32, y.round() as i32))
                .collect();
            imgproc::fill_convex_poly_def(&mut ink, &points, Scalar::all(0.0))?;
        }
        let (mut labels, mut stats, mut centroids) =
            (Mat::default(), Mat::default(), Mat::default());
        let count = imgproc::connected_components_with_stats(
            &ink,
            &mut labels,
            &mut stats,
            &mut centroids,
            8,
            core::CV_32S,
        )?;
        let rows = stats.data_typed::<i32>()?;
        let mut found: Vec<Rect> = Vec::new();
        for row in rows
            .chunks_exact(5)
            .take(usize::try_from(count).unwrap_or(0))
            .skip(1)
        {
            let [left, top, width, height, area] = *row else {
                continue;
            };
            let letter = (LETTER_LEAST..=LETTER_MOST).contains(&height)
                && width <= 3 * height.max(12)
                && width >= 2
                && area * 12 >= width * height;
            if letter {
                found.push(Rect::new(left, top, width, height));
            }
        }
        if found.len() > STROKES_MAX {
            found.sort_by_key(|stroke| std::cmp::Reverse(stroke.area()));
            found.truncate(STROKES_MAX);
        }
        found.sort_by_key(|stroke| (stroke.x, stroke.y, stroke.width, stroke.height));
        Ok(found)
    }

    /// The symbols in this picture, a little larger than they are.
    fn quads(&self, symbols: &[Symbol]) -> Vec<[[f64; 2]; 4]> {
        let [across, down] = self.back;
        // A turn: its inverse is its transpose.
        let forward = |[x, y]: [i32; 2]| {
            let (x, y) = (f64::from(x) - across[2], f64::from(y) - down[2]);
            [across[0] * x + down[0] * y, across[1] * x + down[1] * y]
        };
        let grown = |symbol: &Symbol| {
            let quad = symbol.corners.map(forward);
            let middle =
                [0, 1].map(|axis| quad.iter().filter_map(|p| p.get(axis)).sum::<f64>() / 4.0);
            quad.map(|[x, y]| {
                [
                    middle[0] + (x - middle[0]) * 1.03,
                    middle[1] + (y - middle[1]) * 1.06,
                ]
            })
        };
        symbols.iter().map(grown).collect()
    }

    /// The line cut out of the frame: straight, with capitals of one height, dark on light.
    pub(super) fn straightened(&self, frame: &Grey, line: &Line) -> Result<Grey, CaptureError> {
        let scale = (line.height / CAPITAL).max(0.2);
        let width = (line.width / scale + 2.0 * BORDER).min(WIDTH_MAX);
        let height = 1.7 * CAPITAL + 2.0 * BORDER;
        let along = [scale, scale * line.slope];
        let across = [-scale * line.slope, scale];
        let offset = [0, 1].map(|axis| {
            let part =
                |v: [f64; 2], length: f64| v.get(axis).copied().unwrap_or(0.0) * length / 2.0;
            line.middle.get(axis).copied().unwrap_or(0.0)
                - part(along, width)
                - part(across, height)
        });
        let inner: Affine = [
            [along[0], across[0], offset[0]],
            [along[1], across[1], offset[1]],
        ];
        let map = composed(&self.back, &inner);
        let cut = warped(frame, &map, Size::new(width as i32, height as i32))?;
        geometry::grey_of(&stretched(&cut)?)
    }

    /// Corners of a line in the frame, clockwise from its beginning.
    pub(super) fn corners(&self, line: &Line) -> Corners {
        let (half, rise) = (line.width / 2.0, line.width / 2.0 * line.slope);
        let tall = line.height / 2.0;
        let at = |x: f64, y: f64| apply(&self.back, [line.middle[0] + x, line.middle[1] + y]);
        let points = [
            at(-half, -rise - tall),
            at(half, rise - tall),
            at(half, rise + tall),
            at(-half, tall - rise),
        ];
        points.map(|point| point.map(|v| v.round() as i32))
    }
}

/// `outer` after `inner`.
fn composed(outer: &Affine, inner: &Affine) -> Affine {
    let [first, second] = *inner;
    outer.map(|row| {
        let part = |at: usize| {
            let of = |inner: &[f64; 3]| inner.get(at).copied().unwrap_or(0.0);
            row[0] * of(&first) + row[1] * of(&second)
        };
        [part(0), part(1), part(2) + row[2]]
    })
}

/// The picture that `back` maps onto the frame; beyond its border the nearest pixels go on.
fn warped(frame: &Grey, back: &Affine, size: Size) -> Result<Mat, CaptureError> {
    let source = geometry::mat(frame)?;
    let matrix = Mat::from_slice_2d(back)?;
    let mut out = Mat::default();
    let flags = imgproc::INTER_LINEAR | imgproc::WARP_INVERSE_MAP;
    let size = Size::new(size.width.clamp(1, 8192), size.height.clamp(1, 8192));
    let border = core::BORDER_REPLICATE;
    imgproc::warp_affine(
        &source,
        &mut out,
        &matrix,
        size,
        flags,
        border,
        Scalar::default(),
    )?;
    Ok(out)
}

/// Grey values below which these shares of a sample of the pixels lie.
fn percentiles(picture: &Mat, shares: [usize; 2]) -> Result<[f64; 2], CaptureError> {
    let data = picture.data_bytes()?;
    let step = (data.len() / 20_000).max(1);
    let mut sample: Vec<u8> = data.iter().copied().step_by(step).collect();
    let last = sample.len().saturating_sub(1);
    Ok(shares.map(|share| {
        let (_, value, _) = sample.select_nth_unstable(last * share / 100);
        f64::from(*value)
    }))
}

/// Difference between paper and ink.
fn contrast(picture: &Mat) -> Result<f64, CaptureError> {
    let [low, high] = percentiles(picture, [5, 90])?;
    Ok(high - low)
}

/// The picture with its darkest and lightest values spread to black and white.
fn stretched(picture: &Mat) -> Result<Mat, CaptureError> {
    let [low, high] = percentiles(picture, [2, 90])?;
    let gain = 235.0 / (high - low).max(10.0);
    let mut out = Mat::default();
    picture.convert_to(&mut out, core::CV_8U, gain, 10.0 - gain * low)?;
    Ok(out)
}

/// Direction in which the symbols run, degrees. Square symbols tell it by their corners; decoders give
/// linear ones along the row of pixels that they were read in, so their bars are looked at. Without
/// symbols the direction of lines modulo 90.
pub(super) fn direction(frame: &Grey, symbols: &[Symbol]) -> Result<f64, CaptureError> {
    if symbols.is_empty() {
        let small = geometry::scaled(frame, 0.25)?;
        return gradients(&geometry::mat(&small.grey)?.try_clone()?);
    }
    let square =
        |symbol: &&Symbol| symbol.format.is_matrix() && symbol.format != SymbolFormat::PDF417;
    let squares: Vec<Symbol> = symbols.iter().filter(square).cloned().collect();
    if !squares.is_empty() {
        return Ok(geometry::angle(&squares));
    }
    let rough = geometry::angle(symbols);
    let (mut x, mut y) = ([i32::MAX, i32::MIN], [i32::MAX, i32::MIN]);
    for [cx, cy] in symbols.iter().flat_map(|symbol| symbol.corners) {
        x = [x[0].min(cx), x[1].max(cx)];
        y = [y[0].min(cy), y[1].max(cy)];
    }
    let (width, height) = (frame.width().cast_signed(), frame.height().cast_signed());
    let (left, top) = (
        (x[0] - 40).clamp(0, width - 1),
        (y[0] - 40).clamp(0, height - 1),
    );
    let right = (x[1] + 40).clamp(left + 1, width);
    let bottom = (y[1] + 40).clamp(top + 1, height);
    let whole = geometry::mat(frame)?;
    let around = Mat::roi(&whole, Rect::new(left, top, right - left, bottom - top))?;
    let exact = gradients(&around.try_clone()?)?;
    // The one of its four turns that is nearest to the symbol's own direction.
    let off = (exact - rough).rem_euclid(90.0);
    Ok(rough + if off > 45.0 { off - 90.0 } else { off })
}

/// Direction of edges modulo 90, degrees: the mean of four times the gradient's angle, weighted with
/// its strength.
fn gradients(source: &Mat) -> Result<f64, CaptureError> {
    let (mut across, mut down) = (Mat::default(), Mat::default());
    let border = core::BORDER_DEFAULT;
    imgproc::scharr(source, &mut across, core::CV_32F, 1, 0, 1.0, 0.0, border)?;
    imgproc::scharr(source, &mut down, core::CV_32F, 0, 1, 1.0, 0.0, border)?;
    let pairs = across
        .data_typed::<f32>()?
        .iter()
        .zip(down.data_typed::<f32>()?);
    let mut sum = [0.0_f64; 2];
    for (x, y) in pairs {
        let (x, y) = (f64::from(*x), f64::from(*y));
        let squared = x * x + y * y;
        if squared > 1.0e5 {
            // (x + iy)⁴ / |·|³
            let (re, im) = (x * x - y * y, 2.0 * x * y);
            let strength = squared * squared.sqrt();
            sum = [
                sum[0] + (re * re - im * im) / strength,
                sum[1] + 2.0 * re * im / strength,
            ];
        }
    }
    Ok(sum[1].atan2(sum[0]).to_degrees() / 4.0)
}
