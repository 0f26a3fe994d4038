//! How a picture is shown to the person who keys it in: turned so that the label stands upright,
//! cut to where something is.

use sortline_read::view::ParcelView;
use sortline_read::{Corners, FrameResult};

use crate::live::Pose;

/// Space left around what was found, thousandths of the picture's side.
const MARGIN: i64 = 60;
/// Narrower than this a cut would show pixels, not a label; thousandths of the picture's side.
const LEAST: i64 = 250;

/// The pose by what was read on a frame of these pixels: text says which way is up, a symbol says it
/// but for half a turn. Without either the parcel's own edges say it but for quarters of a turn.
pub(crate) fn pose(result: &FrameResult, size: (u32, u32), parcels: &[ParcelView]) -> Pose {
    let lines: Vec<Corners> = result.text.iter().map(|line| line.corners).collect();
    let symbols: Vec<Corners> = result.symbols.iter().map(|symbol| symbol.corners).collect();
    let sure = if lines.is_empty() { &symbols } else { &lines };
    let longest = sure.iter().map(along).max_by(|a, b| {
        let length = |(x, y): &(f64, f64)| x.hypot(*y);
        length(a).total_cmp(&length(b))
    });
    let angle = |(x, y): (f64, f64)| y.atan2(x).to_degrees();
    let edge = || {
        parcels
            .first()
            .map_or(0.0, |parcel| quarter(angle(along(&parcel.corners))))
    };
    let degrees = longest.map_or_else(edge, angle);
    let points = lines.iter().chain(&symbols).flatten();
    Pose {
        turn_deg: whole(-degrees),
        crop: crop(points.copied(), size),
    }
}

fn along([[x0, y0], [x1, y1], ..]: &Corners) -> (f64, f64) {
    (
        f64::from(*x1) - f64::from(*x0),
        f64::from(*y1) - f64::from(*y0),
    )
}

/// The angle of the edge that is nearest to level.
fn quarter(degrees: f64) -> f64 {
    let within = degrees.rem_euclid(90.0);
    if within > 45.0 { within - 90.0 } else { within }
}

/// The nearest whole degree of a circle.
fn whole(degrees: f64) -> i16 {
    let off = |candidate: i16| (f64::from(candidate) - degrees).abs();
    let nearest = (-180..=180).min_by(|a, b| off(*a).total_cmp(&off(*b)));
    nearest.unwrap_or_default()
}

/// The part of the picture that holds all points, with some space around.
fn crop(points: impl Iterator<Item = [i32; 2]>, (width, height): (u32, u32)) -> Option<[u16; 4]> {
    let share = |at: i32, of: u32| i64::from(at).saturating_mul(1_000) / i64::from(of.max(1));
    let shares: Vec<[i64; 2]> = points
        .map(|[x, y]| [share(x, width), share(y, height)])
        .collect();
    let side = |axis: fn(&[i64; 2]) -> i64| {
        let (low, high) = (
            shares.iter().map(axis).min()?,
            shares.iter().map(axis).max()?,
        );
        let grown = (LEAST - (high - low)).max(2 * MARGIN) / 2;
        let end = |at: i64| u16::try_from(at.clamp(0, 1_000)).ok();
        Some((end(low - grown)?, end(high + grown)?))
    };
    let ((left, right), (top, bottom)) = (side(|[x, _]| *x)?, side(|[_, y]| *y)?);
    Some([left, top, right, bottom])
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortline_read::{Symbol, SymbolFormat, TextLine};

    fn symbol(corners: Corners) -> Symbol {
        Symbol {
            format: SymbolFormat::Code128,
            text: String::new(),
            gs1: false,
            corners,
        }
    }

    #[test]
    fn a_symbol_that_reads_downward_is_turned_back() {
        let result = FrameResult {
            symbols: vec![symbol([[500, 200], [500, 600], [400, 600], [400, 200]])],
            ..FrameResult::default()
        };
        let pose = pose(&result, (1_000, 1_000), &[]);
        assert_eq!(pose.turn_deg, -90);
        assert_eq!(pose.crop, Some([325, 140, 575, 660]));
    }

    #[test]
    fn text_counts_more_than_a_symbol() {
        let result = FrameResult {
            symbols: vec![symbol([[0, 0], [900, 0], [900, 90], [0, 90]])],
            text: vec![TextLine {
                corners: [[700, 500], [300, 500], [300, 450], [700, 450]],
                ..TextLine::default()
            }],
            ..FrameResult::default()
        };
        assert_eq!(pose(&result, (1_000, 1_000), &[]).turn_deg.abs(), 180);
    }

    #[test]
    fn without_print_the_edges_of_the_parcel_count() {
        let nothing = FrameResult::default();
        assert_eq!(pose(&nothing, (10, 10), &[]), Pose::default());
        for (angle, turn) in [(12.0, -12), (80.0, 10), (-30.0, 30)] {
            assert_eq!(whole(-quarter(angle)), turn, "{angle}");
        }
    }
}
