//! Where a camera looks: scale, turn, perspective and lens from a printed target, scale and place
//! along the belt from parcels in passing.
//!
//! The target is a sheet of QR codes, each of which says where it is printed ([`mark_text`]), so a
//! part of the sheet, in any position, is enough. The map from pixels to millimetres is a homography
//! behind a radial lens term: a point at distance r from the frame's middle (1 is half of the
//! diagonal) lies, without the lens, at r·(1 + k·r²). The homography is the linear least-squares
//! solution over normalized points (Hartley and Zisserman, Multiple View Geometry, 2nd edition,
//! section 4.1); k is found by golden-section search on what is left over.

use serde::Serialize;

use crate::result::{Symbol, SymbolFormat};

/// Beginning of the text of every mark on the target.
const MARK: &str = "SORTLINE-CAL1";

/// Least marks from which a camera is calibrated: with fewer, lens and tilt are guesses.
pub const MARKS_MIN: usize = 6;

/// Largest lens term that is searched for, either way: far beyond any lens sold for such cameras.
const LENS_MAX: f64 = 0.4;
/// Steps of the golden-section search: 0.8 · 0.618³⁰ is below 10⁻⁶.
const LENS_STEPS: usize = 30;

/// A point in the frame and on the belt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Pixels: to the right, down.
    pub px: [f64; 2],
    /// Millimetres on the target.
    pub mm: [f64; 2],
}

/// What a camera's frame measures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// Pixels per millimetre in the middle of the frame.
    pub px_per_mm: f64,
    /// Largest over smallest scale in the frame; 1 is seen straight from above.
    pub perspective: f64,
    /// Turn of the target's x axis in the frame, degrees, clockwise.
    pub turn_deg: f64,
    /// The lens term k; negative for a barrel.
    pub lens: f64,
    /// Root mean square of what the model leaves over, pixels.
    pub residual_px: f64,
    /// Points that were used.
    pub points: usize,
    /// From pixels without the lens to millimetres, row by row.
    pub to_mm: [[f64; 3]; 3],
    /// Width and height of the frame, pixels.
    pub frame: [u32; 2],
}

/// Why a camera is not calibrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalibrationError {
    /// The target is not in view, or too small or blurred.
    #[error("{found} marks of the target were read, at least {MARKS_MIN} are needed")]
    TooFewMarks {
        /// Marks that were read.
        found: usize,
    },
    /// All marks lie on one line, or on one point.
    #[error("the marks of the target lie on one line")]
    Degenerate,
}

/// Text of the mark whose symbol has its corner at `x`, `y` and is `side` wide, millimetres.
pub fn mark_text(x: u32, y: u32, side: u32) -> String {
    format!("{MARK} {x} {y} {side}")
}

/// The corners of all marks of the target among some symbols, and how many marks there are.
pub fn marks(symbols: &[Symbol]) -> (Vec<Pair>, usize) {
    let mut pairs = Vec::new();
    let mut count = 0;
    let qr = symbols.iter().filter(|s| s.format == SymbolFormat::QRCode);
    for symbol in qr {
        let Some([x, y, side]) = parse(&symbol.text) else {
            continue;
        };
        count += 1;
        let corners = [[x, y], [x + side, y], [x + side, y + side], [x, y + side]];
        for (px, mm) in symbol.corners.iter().zip(corners) {
            let px = px.map(f64::from);
            pairs.push(Pair { px, mm });
        }
    }
    (pairs, count)
}

fn parse(text: &str) -> Option<[f64; 3]> {
    let mut words = text.split(' ');
    let number = |word: Option<&str>| word?.parse::<u16>().ok().map(f64::from);
    (words.next() == Some(MARK)).then_some(())?;
    let all = [
        number(words.next())?,
        number(words.next())?,
        number(words.next())?,
    ];
    words.next().is_none().then_some(all)
}

/// Calibrates a camera from the symbols of one frame of the target. `frame` is its size in pixels.
///
/// # Errors
/// [`CalibrationError`] says what the frame lacks.
pub fn calibrate(symbols: &[Symbol], frame: [u32; 2]) -> Result<Calibration, CalibrationError> {
    let (pairs, found) = marks(symbols);
    if found < MARKS_MIN {
        return Err(CalibrationError::TooFewMarks { found });
    }
    fit(&pairs, frame)
}

/// Fits the model to points.
///
/// # Errors
/// [`CalibrationError::Degenerate`] when they do not span a plane.
pub fn fit(pairs: &[Pair], frame: [u32; 2]) -> Result<Calibration, CalibrationError> {
    let left = |lens: f64| attempt(pairs, frame, lens).map_or(f64::MAX, |(_, rms)| rms);
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (-LENS_MAX, LENS_MAX);
    for _ in 0..LENS_STEPS {
        let step = golden * (high - low);
        if left(high - step) < left(low + step) {
            high = low + step;
        } else {
            low = high - step;
        }
    }
    let lens = f64::midpoint(low, high);
    let (to_mm, residual_mm) = attempt(pairs, frame, lens).ok_or(CalibrationError::Degenerate)?;
    let middle = frame.map(|side| f64::from(side) / 2.0);
    let scale = |at: [f64; 2]| scale_at(&to_mm, at);
    let px_per_mm = scale(middle);
    let corners = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]]
        .map(|[x, y]: [f64; 2]| scale([x * middle[0], y * middle[1]]));
    let most = corners.iter().copied().fold(px_per_mm, f64::max);
    let least = corners.iter().copied().fold(px_per_mm, f64::min);
    let ([x0, y0], [x1, y1]) = (
        apply(&to_mm, middle),
        apply(&to_mm, [middle[0] + 1.0, middle[1]]),
    );
    Ok(Calibration {
        px_per_mm,
        perspective: most / least,
        // The frame's x axis on the target, seen the other way round.
        turn_deg: -(y1 - y0).atan2(x1 - x0).to_degrees(),
        lens,
        residual_px: residual_mm * px_per_mm,
        points: pairs.len(),
        to_mm,
        frame,
    })
}

impl Calibration {
    /// Millimetres on the target under a pixel of the frame.
    pub fn millimetres(&self, px: [f64; 2]) -> [f64; 2] {
        apply(&self.to_mm, without_lens(px, self.frame, self.lens))
    }
}

fn without_lens([x, y]: [f64; 2], frame: [u32; 2], lens: f64) -> [f64; 2] {
    let [cx, cy] = frame.map(|side| f64::from(side) / 2.0);
    let r2 = ((x - cx).powi(2) + (y - cy).powi(2)) / (cx * cx + cy * cy).max(1.0);
    let factor = 1.0 + lens * r2;
    [cx + (x - cx) * factor, cy + (y - cy) * factor]
}

fn apply(map: &[[f64; 3]; 3], [x, y]: [f64; 2]) -> [f64; 2] {
    let [right, down, near] = map.map(|row| {
        let [along, across, shift] = row;
        along * x + across * y + shift
    });
    [right / near, down / near]
}

/// Pixels per millimetre at a pixel: inverse square root of the area scale.
fn scale_at(map: &[[f64; 3]; 3], [x, y]: [f64; 2]) -> f64 {
    let at = apply(map, [x, y]);
    let right = apply(map, [x + 1.0, y]);
    let down = apply(map, [x, y + 1.0]);
    let area = (right[0] - at[0]) * (down[1] - at[1]) - (down[0] - at[0]) * (right[1] - at[1]);
    1.0 / area.abs().sqrt().max(f64::MIN_POSITIVE)
}

/// The best homography for one lens term, and the root mean square of its errors in millimetres.
fn attempt(pairs: &[Pair], frame: [u32; 2], lens: f64) -> Option<([[f64; 3]; 3], f64)> {
    let flat: Vec<Pair> = pairs
        .iter()
        .map(|pair| Pair {
            px: without_lens(pair.px, frame, lens),
            ..*pair
        })
        .collect();
    let map = homography(&flat)?;
    let count = f64::from(u32::try_from(flat.len()).ok()?);
    let squares = flat.iter().map(|pair| {
        let [x, y] = apply(&map, pair.px);
        (x - pair.mm[0]).powi(2) + (y - pair.mm[1]).powi(2)
    });
    let rms = (squares.sum::<f64>() / count).sqrt();
    rms.is_finite().then_some((map, rms))
}

/// Unknowns of a homography whose last element is 1.
const N: usize = 8;

fn homography(pairs: &[Pair]) -> Option<[[f64; 3]; 3]> {
    let (px_middle, px_scale) = normal(pairs.iter().map(|pair| pair.px))?;
    let (mm_middle, mm_scale) = normal(pairs.iter().map(|pair| pair.mm))?;
    let mut equations = [[0.0; N + 1]; N];
    for pair in pairs {
        let [x, y] = [0, 1].map(|i| (pick(pair.px, i) - pick(px_middle, i)) * px_scale);
        let [u, v] = [0, 1].map(|i| (pick(pair.mm, i) - pick(mm_middle, i)) * mm_scale);
        let rows = [
            [x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, u],
            [0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, v],
        ];
        for row in rows {
            for (equation, factor) in equations.iter_mut().zip(row) {
                for (sum, value) in equation.iter_mut().zip(row) {
                    *sum += factor * value;
                }
            }
        }
    }
    let solved = solve(equations)?;
    let element = |i: usize| solved.get(i).copied().unwrap_or(1.0);
    // Undo the normalization: mm = T⁻¹ · H · S · px. The last element of H is 1.
    let middle = [0, 3, 6].map(|row| [0, 1, 2].map(|column| element(row + column)));
    let from_px = [
        [px_scale, 0.0, -px_scale * px_middle[0]],
        [0.0, px_scale, -px_scale * px_middle[1]],
        [0.0, 0.0, 1.0],
    ];
    let back = 1.0 / mm_scale;
    let to_mm = [
        [back, 0.0, mm_middle[0]],
        [0.0, back, mm_middle[1]],
        [0.0, 0.0, 1.0],
    ];
    Some(product(&to_mm, &product(&middle, &from_px)))
}

fn pick(point: [f64; 2], axis: usize) -> f64 {
    let [x, y] = point;
    if axis == 0 { x } else { y }
}

/// Middle of some points, and the factor that brings their mean distance from it to √2.
fn normal(points: impl Iterator<Item = [f64; 2]> + Clone) -> Option<([f64; 2], f64)> {
    let (mut sum, mut count) = ([0.0; 2], 0.0);
    for [x, y] in points.clone() {
        sum = [sum[0] + x, sum[1] + y];
        count += 1.0;
    }
    let middle = sum.map(|s| s / count);
    let distances = points.map(|[x, y]| (x - middle[0]).hypot(y - middle[1]));
    let mean = distances.sum::<f64>() / count;
    (mean > 0.0).then(|| (middle, std::f64::consts::SQRT_2 / mean))
}

fn product(a: &[[f64; 3]; 3], b: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let [b0, b1, b2] = b;
    a.map(|[x, y, z]| {
        let mut row = [0.0; 3];
        for (out, ((p, q), r)) in row.iter_mut().zip(b0.iter().zip(b1).zip(b2)) {
            *out = x * p + y * q + z * r;
        }
        row
    })
}

/// Gauss elimination with the largest pivot; `None` when the equations do not fix the unknowns.
fn solve(mut rows: [[f64; N + 1]; N]) -> Option<[f64; N]> {
    for column in 0..N {
        let (best, _) = rows
            .iter()
            .enumerate()
            .skip(column)
            .filter_map(|(i, row)| Some((i, row.get(column)?.abs())))
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        rows.swap(column, best);
        let pivot = *rows.get(column)?;
        let lead = *pivot.get(column)?;
        if lead.abs() < 1e-9 {
            return None;
        }
        for (i, row) in rows.iter_mut().enumerate() {
            if i == column {
                continue;
            }
            let factor = row.get(column)? / lead;
            for (value, other) in row.iter_mut().zip(pivot) {
                *value -= factor * other;
            }
        }
    }
    let mut out = [0.0; N];
    for (i, (value, row)) in out.iter_mut().zip(rows).enumerate() {
        *value = row.get(N)? / row.get(i)?;
    }
    Some(out)
}

/// A parcel's leading edge as a camera saw it after the photo-eye had.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passing {
    /// Encoder counts from the photo-eye's edge to the exposure.
    pub ticks: i32,
    /// The leading edge before the frame's middle along the travel, millimetres; negative behind it.
    pub edge_mm: f64,
}

/// Where a camera looks along the belt.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Offset {
    /// From the photo-eye to the middle of the frame, encoder counts.
    pub ticks: f64,
    /// Half of the parcels lie within this of it, encoder counts.
    pub spread_ticks: f64,
    /// Parcels that it rests on.
    pub parcels: usize,
}

/// Camera offset from parcels in passing: the median, so that a parcel that slipped or was taken for
/// its neighbor does not count. `None` without parcels.
pub fn offset(passings: &[Passing], ticks_per_mm: f64) -> Option<Offset> {
    let place = |p: &Passing| f64::from(p.ticks) - p.edge_mm * ticks_per_mm;
    let ticks = median(passings.iter().map(place).collect())?;
    let gaps = passings.iter().map(|p| (place(p) - ticks).abs());
    Some(Offset {
        ticks,
        spread_ticks: median(gaps.collect())?,
        parcels: passings.len(),
    })
}

/// One symbol in two frames of a moving belt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Travel {
    /// Encoder counts between the frames.
    pub ticks: i32,
    /// Its movement in the frame, pixels.
    pub px: [f64; 2],
}

/// Pixels per encoder count, and the direction of the travel in the frame in degrees clockwise from
/// its x axis, from symbols seen twice; medians. `None` without movement.
pub fn travel(seen: &[Travel]) -> Option<(f64, f64)> {
    let moved = || {
        let moved = seen.iter().filter(|t| t.ticks != 0);
        moved.map(|t| t.px.map(|px| px / f64::from(t.ticks)))
    };
    let [x, y] = [
        median(moved().map(|[x, _]| x).collect())?,
        median(moved().map(|[_, y]| y).collect())?,
    ];
    let scale = x.hypot(y);
    (scale > 0.0).then(|| (scale, y.atan2(x).to_degrees()))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAME: [u32; 2] = [2448, 2048];

    /// A camera of known make: where a point of the target appears, by inverting its own model.
    fn seen(mm: [f64; 2], map: &[[f64; 3]; 3], lens: f64) -> [f64; 2] {
        let goal = apply(map, mm);
        let [cx, cy] = FRAME.map(|side| f64::from(side) / 2.0);
        let mut at = goal;
        for _ in 0..60 {
            let [x, y] = without_lens(at, FRAME, lens);
            at = [at[0] + goal[0] - x, at[1] + goal[1] - y];
        }
        assert!((at[0] - cx).abs() < 5_000.0 && (at[1] - cy).abs() < 5_000.0);
        at
    }

    fn grid(map: &[[f64; 3]; 3], lens: f64) -> Vec<Pair> {
        let points =
            (0..7).flat_map(|i| (0..9).map(move |j| [f64::from(i) * 28.0, f64::from(j) * 28.0]));
        points
            .map(|mm| Pair {
                px: seen(mm, map, lens),
                mm,
            })
            .collect()
    }

    fn camera(scale: f64, turn: f64, tilt: f64) -> [[f64; 3]; 3] {
        let (sin, cos) = turn.to_radians().sin_cos();
        [
            [scale * cos, -scale * sin, 700.0],
            [scale * sin, scale * cos, 300.0],
            [tilt, -tilt / 2.0, 1.0],
        ]
    }

    #[test]
    fn known_cameras_are_found_again() {
        for (scale, turn, tilt, lens) in [
            (5.0, 0.0, 0.0, 0.0),
            (4.4, 12.0, 0.0, -0.05),
            (6.0, -30.0, 0.0002, 0.03),
            (3.0, 88.0, -0.0001, -0.12),
        ] {
            let map = camera(scale, turn, tilt);
            let found = fit(&grid(&map, lens), FRAME).unwrap();
            assert!((found.lens - lens).abs() < 2e-3, "{lens}: {found:?}");
            assert!(found.residual_px < 0.05, "{found:?}");
            // Rounded to whole pixels, as decoders give corners, it holds as well as they do.
            let mut rounded = grid(&map, lens);
            for pair in &mut rounded {
                pair.px = pair.px.map(f64::round);
            }
            let found = fit(&rounded, FRAME).unwrap();
            assert!(found.residual_px < 0.6, "{found:?}");
            for pair in grid(&map, lens) {
                let [x, y] = found.millimetres(pair.px);
                let off = (x - pair.mm[0]).hypot(y - pair.mm[1]);
                assert!(off < 0.3, "{off} mm off");
            }
            if tilt == 0.0 {
                assert!((found.turn_deg - turn).abs() < 0.2, "{found:?}");
                assert!(found.perspective < 1.02, "{found:?}");
            }
        }
    }

    #[test]
    fn too_few_marks_or_a_line_is_an_error() {
        let symbol = |text: String| Symbol {
            format: SymbolFormat::QRCode,
            text,
            gs1: false,
            corners: [[0, 0], [10, 0], [10, 10], [0, 10]],
        };
        let mut symbols: Vec<Symbol> = (0..5).map(|i| symbol(mark_text(i * 28, 0, 20))).collect();
        symbols.push(symbol("SORTLINE-CAL1 1 2".to_owned()));
        symbols.push(symbol("SORTLINE-CAL1 1 2 3 4".to_owned()));
        symbols.push(symbol("https://example.org".to_owned()));
        assert_eq!(
            calibrate(&symbols, FRAME),
            Err(CalibrationError::TooFewMarks { found: 5 })
        );
        let line: Vec<Pair> = (0..30)
            .map(|i| Pair {
                px: [f64::from(i), 5.0],
                mm: [f64::from(i), 1.0],
            })
            .collect();
        assert_eq!(fit(&line, FRAME), Err(CalibrationError::Degenerate));
    }

    #[test]
    fn offset_and_travel_are_medians() {
        // 3.2 counts per mm, the camera 640 counts behind the eye; one parcel slipped by 100 mm.
        let mut passings: Vec<Passing> = (0..21_i32)
            .map(|i| Passing {
                ticks: 600 + 5 * i,
                edge_mm: f64::from(5 * i - 40) / 3.2,
            })
            .collect();
        passings[7].edge_mm += 100.0;
        let found = offset(&passings, 3.2).unwrap();
        assert!((found.ticks - 640.0).abs() < 0.5, "{found:?}");
        assert!(found.spread_ticks < 0.5 && found.parcels == 21);
        assert_eq!(offset(&[], 3.2), None);
        let seen: Vec<Travel> = (1..9_i32)
            .map(|i| Travel {
                ticks: 10 * i,
                px: [f64::from(14 * i), f64::from(i)],
            })
            .collect();
        let (scale, direction) = travel(&seen).unwrap();
        assert!(
            (scale - 1.4036).abs() < 1e-3 && (direction - 4.09).abs() < 0.05,
            "{scale} {direction}"
        );
        assert_eq!(travel(&[]), None);
    }

    proptest! {
        /// No points, however odd, break the fit.
        #[test]
        fn any_points_are_borne(
            points in prop::collection::vec((any::<f64>(), any::<f64>(), any::<f64>(), any::<f64>()), 0..40),
            width in any::<u32>(),
        ) {
            let pairs: Vec<Pair> = points
                .iter()
                .map(|&(a, b, c, d)| Pair { px: [a, b], mm: [c, d] })
                .collect();
            if let Ok(found) = fit(&pairs, [width, 0]) {
                prop_assert_eq!(found.points, pairs.len());
            }
        }
    }
}
