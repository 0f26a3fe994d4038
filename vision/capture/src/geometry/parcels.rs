//! Parcels in the top view: faces that are brighter than the belt, each with its smallest rectangle.
//!
//! The frame is reduced to about [`SIDE`] pixels, so that print and texture vanish and the cost is
//! small beside reading. The belt is what is darkest; a view without belt shows no edge of a parcel,
//! and then nothing is said. Parcels that touch make one region that is no rectangle: it is cut
//! between its deepest notches until its parts are.

use opencv::core::{self, Mat, Point, Point2f, Scalar, Size, Vec4i, Vector};
use opencv::imgproc;
use opencv::prelude::*;
use sortline_read::view::ParcelView;

use super::{grey_of, mat};
use crate::{CaptureError, Grey};

/// Longest side of the reduced frame, pixels.
const SIDE: u32 = 306;
/// Narrower reduced frames show no parcel, pixels.
const SIDE_MIN: i32 = 16;
/// Share of the frame that is taken for belt, in percent: its darkest part.
const BELT_PERCENT: usize = 3;
/// A face is brighter than the belt by this share of it …
const ABOVE_SHARE: f64 = 0.35;
/// … and by this many grey levels: belt texture, light and noise stay below.
const ABOVE_MIN: f64 = 18.0;
/// Brightest belt, grey levels: where the darkest part is brighter, no belt is in view.
const BELT_MAX: f64 = 110.0;
/// Least share of the frame that a parcel covers.
const AREA_MIN: f64 = 0.004;
/// A region that fills less of its rectangle than this is cut, if it has a notch.
const FILL_MIN: f64 = 0.93;
/// Least depth of a notch between two parcels, reduced pixels.
const NOTCH_MIN: f64 = 4.0;
/// Width of a cut, reduced pixels.
const CUT: i32 = 2;
/// Most cuts in one frame: nine parcels.
const CUTS_MAX: usize = 8;

/// Finds the parcels of a frame, from left to right. `px_per_mm` is the scale at their faces, where
/// the camera is calibrated.
///
/// # Errors
/// [`CaptureError::OpenCv`] when the library refuses the frame.
pub fn parcels(grey: &Grey, px_per_mm: Option<f32>) -> Result<Vec<ParcelView>, CaptureError> {
    let longest = grey.width().max(grey.height());
    let factor = (f64::from(SIDE) / f64::from(longest)).min(1.0);
    let [cols, rows] = [grey.width(), grey.height()].map(|side| (f64::from(side) * factor) as i32);
    if cols.min(rows) < SIDE_MIN {
        return Ok(Vec::new());
    }
    let (mut small, area) = (Mat::default(), imgproc::INTER_AREA);
    imgproc::resize(
        &mat(grey)?,
        &mut small,
        Size::new(cols, rows),
        0.0,
        0.0,
        area,
    )?;
    let Some(mut mask) = faces(&small)? else {
        return Ok(Vec::new());
    };
    let mut touching = Vec::new();
    for _ in 0..CUTS_MAX {
        let Some([from, to]) = notch(&mask)? else {
            break;
        };
        touching.push([from, to]);
        imgproc::line(
            &mut mask,
            from,
            to,
            Scalar::all(0.0),
            CUT,
            imgproc::LINE_8,
            0,
        )?;
    }
    let mut views = Vec::new();
    for contour in contours(&mask)? {
        let beside = |end: &Point| {
            let at = Point2f::new(end.x as f32, end.y as f32);
            imgproc::point_polygon_test(&contour, at, true).is_ok_and(|d| d > -f64::from(3 * CUT))
        };
        let touches = touching.iter().any(|cut| cut.iter().all(beside));
        views.extend(view(&contour, (grey, factor, px_per_mm), touches)?);
    }
    views.sort_by_key(|view| view.offset_px);
    Ok(views)
}

/// What is brighter than the belt; `None` where no belt is in view.
fn faces(small: &Mat) -> Result<Option<Mat>, CaptureError> {
    let grey = grey_of(small)?;
    let mut sorted = grey.data().to_vec();
    let rank = sorted.len() * BELT_PERCENT / 100;
    let belt = f64::from(*sorted.select_nth_unstable(rank).1);
    if belt > BELT_MAX {
        return Ok(None);
    }
    let level = belt + (belt * ABOVE_SHARE).max(ABOVE_MIN);
    let (mut bright, mut closed, mut open) = (Mat::default(), Mat::default(), Mat::default());
    imgproc::threshold(small, &mut bright, level, 255.0, imgproc::THRESH_BINARY)?;
    // Print and the gap under tape are closed, hairs and glints opened.
    shape(&bright, &mut closed, imgproc::MORPH_CLOSE, 7)?;
    shape(&closed, &mut open, imgproc::MORPH_OPEN, 5)?;
    Ok(Some(open))
}

fn shape(from: &Mat, to: &mut Mat, operation: i32, size: i32) -> Result<(), CaptureError> {
    let anchor = Point::new(-1, -1);
    let size = Size::new(size, size);
    let kernel = imgproc::get_structuring_element(imgproc::MORPH_RECT, size, anchor)?;
    let border = imgproc::morphology_default_border_value()?;
    let fill = core::BORDER_CONSTANT;
    imgproc::morphology_ex(from, to, operation, &kernel, anchor, 1, fill, border)?;
    Ok(())
}

/// Outlines of all regions that are large enough.
fn contours(mask: &Mat) -> Result<Vec<Vector<Point>>, CaptureError> {
    let mut all = Vector::<Vector<Point>>::new();
    let (mode, method) = (imgproc::RETR_EXTERNAL, imgproc::CHAIN_APPROX_NONE);
    imgproc::find_contours(mask, &mut all, mode, method, Point::new(0, 0))?;
    let least = AREA_MIN * f64::from(mask.rows()) * f64::from(mask.cols());
    let mut kept = Vec::new();
    for contour in &all {
        if imgproc::contour_area(&contour, false)? >= least {
            kept.push(contour);
        }
    }
    Ok(kept)
}

/// Where the least rectangular region is to be cut: between its deepest notch and the nearest point
/// of its outline that lies on the other side.
fn notch(mask: &Mat) -> Result<Option<[Point; 2]>, CaptureError> {
    for contour in contours(mask)? {
        let rectangle = imgproc::min_area_rect(&contour)?;
        let whole = f64::from(rectangle.size.width) * f64::from(rectangle.size.height);
        if imgproc::contour_area(&contour, false)? >= FILL_MIN * whole {
            continue;
        }
        let mut hull = Vector::<i32>::new();
        imgproc::convex_hull(&contour, &mut hull, false, false)?;
        if hull.len() < 4 {
            continue;
        }
        let mut defects = Vector::<Vec4i>::new();
        imgproc::convexity_defects(&contour, &hull, &mut defects)?;
        // Start, end, farthest point (numbers in the contour) and depth in 1/256 pixels.
        let mut notches: Vec<(f64, usize)> = defects
            .iter()
            .map(|defect| {
                let [_, _, farthest, depth] = defect.0;
                (
                    f64::from(depth) / 256.0,
                    usize::try_from(farthest).unwrap_or(0),
                )
            })
            .filter(|(depth, _)| *depth >= NOTCH_MIN / 2.0)
            .collect();
        notches.sort_by(|one, other| other.0.total_cmp(&one.0));
        if let Some(cut) = across(&contour, &notches) {
            return Ok(Some(cut));
        }
    }
    Ok(None)
}

/// From the deepest notch straight to the nearest other one; where it is the only one, to the nearest
/// point that is far along the outline.
fn across(contour: &Vector<Point>, notches: &[(f64, usize)]) -> Option<[Point; 2]> {
    let (deepest, others) = notches.split_first()?;
    if deepest.0 < NOTCH_MIN {
        return None;
    }
    let (length, start) = (contour.len(), contour.get(deepest.1).ok()?);
    let distance = |to: &Point| (to.x - start.x).pow(2) + (to.y - start.y).pow(2);
    let facing = others.iter().filter_map(|(_, at)| contour.get(*at).ok());
    let far = (length / 8..length - length / 8).map(|step| (deepest.1 + step) % length);
    let far = far.filter_map(|at| contour.get(at).ok());
    let end = facing
        .min_by_key(distance)
        .or_else(|| far.min_by_key(distance))?;
    (distance(&end) > CUT * CUT).then_some([start, end])
}

fn view(
    contour: &Vector<Point>,
    (grey, factor, px_per_mm): (&Grey, f64, Option<f32>),
    touching: bool,
) -> Result<Option<ParcelView>, CaptureError> {
    let rectangle = imgproc::min_area_rect(contour)?;
    let mut points = [Point2f::default(); 4];
    rectangle.points(&mut points)?;
    // A region's outline runs through the middles of its pixels.
    let back = |at: f32| (f64::from(at) + 0.5) / factor;
    let corners = points.map(|p| [back(p.x), back(p.y)]);
    let side = |[x0, y0]: [f64; 2], [x1, y1]: [f64; 2]| {
        // Half a pixel is missing at either end.
        (
            (x1 - x0).hypot(y1 - y0) + 1.0 / factor,
            (y1 - y0).atan2(x1 - x0).to_degrees(),
        )
    };
    let [a, b, c, _] = corners;
    let ((first, first_turn), (second, second_turn)) = (side(a, b), side(b, c));
    let (long, short, turn) = if first >= second {
        (first, second, first_turn)
    } else {
        (second, first, second_turn)
    };
    let bounds = imgproc::bounding_rect(contour)?;
    let (width, height) = (f64::from(grey.width()), f64::from(grey.height()));
    let (cols, rows) = ((width * factor) as i32, (height * factor) as i32);
    let whole = bounds.x > 1
        && bounds.y > 1
        && bounds.x + bounds.width < cols - 1
        && bounds.y + bounds.height < rows - 1;
    let millimetres = |pixels: f64| {
        let scale = px_per_mm.filter(|_| whole)?;
        Some((pixels / f64::from(scale)) as f32)
    };
    let offset = corners.iter().map(|[x, _]| x).sum::<f64>() / 4.0 - width / 2.0;
    Ok(Some(ParcelView {
        corners: clockwise(corners.map(|corner| corner.map(|at| at.round() as i32))),
        length_mm: millimetres(long),
        width_mm: millimetres(short),
        turn_deg: half_turn(turn) as f32,
        whole,
        touching,
        offset_px: offset.round() as i32,
        offset_mm: px_per_mm.map(|scale| (offset / f64::from(scale)) as f32),
        symbols: Vec::new(),
    }))
}

/// A direction without sense: −90 to 90 degrees.
fn half_turn(degrees: f64) -> f64 {
    let turn = degrees.rem_euclid(180.0);
    if turn > 90.0 { turn - 180.0 } else { turn }
}

/// Corners of a rectangle beginning with the one nearest to the frame's upper left corner.
fn clockwise(mut corners: [[i32; 2]; 4]) -> [[i32; 2]; 4] {
    let numbered = corners.iter().enumerate();
    let first = numbered
        .min_by_key(|(_, [x, y])| x + y)
        .map_or(0, |(i, _)| i);
    corners.rotate_left(first);
    corners
}
