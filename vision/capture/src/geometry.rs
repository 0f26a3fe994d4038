//! Turning and scaling a picture, and mapping what is found back to the frame.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "pixel coordinates: at most 2^27, far inside both types"
)]

mod parcels;

use opencv::core::{self, Mat, MatTraitConst, MatTraitConstManual, Scalar, Size};
use opencv::{boxed_ref::BoxedRef, imgproc};
use sortline_read::{Corners, Symbol};

use crate::{CaptureError, Grey};

pub use parcels::parcels;

/// A picture made from a frame, and the way back.
#[derive(Debug)]
pub(crate) struct View {
    /// The picture.
    pub(crate) grey: Grey,
    /// From the view's pixels to the frame's: the rows of a matrix of 2 × 3.
    back: [[f64; 3]; 2],
}

impl View {
    /// Maps corners found in the view to the frame.
    pub(crate) fn corners(&self, corners: Corners) -> Corners {
        corners.map(|[x, y]| {
            let at = [f64::from(x), f64::from(y)];
            self.back
                .map(|row| (row[0] * at[0] + row[1] * at[1] + row[2]).round() as i32)
        })
    }
}

/// Angle in degrees by which the frame must be turned for its symbols to stand upright: that of the
/// longest symbol, since its direction is the surest. 0 without symbols.
pub(crate) fn angle(symbols: &[Symbol]) -> f64 {
    let direction = |symbol: &Symbol| {
        let [[x0, y0], [x1, y1], ..] = symbol.corners;
        (f64::from(x1) - f64::from(x0), f64::from(y1) - f64::from(y0))
    };
    let longest = symbols
        .iter()
        .map(direction)
        .max_by(|(ax, ay), (bx, by)| ax.hypot(*ay).total_cmp(&bx.hypot(*by)));
    longest.map_or(0.0, |(x, y)| y.atan2(x).to_degrees())
}

/// The frame turned by `degrees` counterclockwise and scaled, grown so that nothing is cut off. The
/// empty corners have the median grey: white or black ones draw edges that hide symbols (of 16 real
/// Code 128 turned by 33°, 16 were read with the median and 12 with white).
pub(crate) fn turned(grey: &Grey, degrees: f64, scale: f64) -> Result<View, CaptureError> {
    let (width, height) = (f64::from(grey.width()), f64::from(grey.height()));
    let (sin, cos) = degrees.to_radians().sin_cos();
    let new_width = (scale * (width * cos.abs() + height * sin.abs())).ceil();
    let new_height = (scale * (width * sin.abs() + height * cos.abs())).ceil();
    // About the two middles.
    let (along, across) = (cos / scale, sin / scale);
    let back = [
        [
            along,
            -across,
            width / 2.0 - along * new_width / 2.0 + across * new_height / 2.0,
        ],
        [
            across,
            along,
            height / 2.0 - across * new_width / 2.0 - along * new_height / 2.0,
        ],
    ];
    let source = mat(grey)?;
    let matrix = Mat::from_slice_2d(&back)?;
    let mut out = Mat::default();
    let flags = imgproc::INTER_LINEAR | imgproc::WARP_INVERSE_MAP;
    let size = Size::new(new_width as i32, new_height as i32);
    let (border, fill) = (core::BORDER_CONSTANT, Scalar::all(median(grey)));
    imgproc::warp_affine(&source, &mut out, &matrix, size, flags, border, fill)?;
    Ok(View {
        grey: grey_of(&out)?,
        back,
    })
}

/// The frame with nothing brighter than `most`, 0 to 255.
pub(crate) fn dimmed(grey: &Grey, most: f32) -> Grey {
    let most = most.clamp(0.0, 255.0) as u8;
    grey.map(|value| value.min(most))
}

/// Median grey of a sample of the pixels.
fn median(grey: &Grey) -> f64 {
    let step = if grey.data().len() > 100_000 { 31 } else { 1 };
    let mut sample: Vec<u8> = grey.data().iter().copied().step_by(step).collect();
    let middle = sample.len() / 2;
    f64::from(*sample.select_nth_unstable(middle).1)
}

/// The frame scaled by `factor`, bicubic.
pub(crate) fn scaled(grey: &Grey, factor: f64) -> Result<View, CaptureError> {
    let mut out = Mat::default();
    let flags = if factor < 1.0 {
        imgproc::INTER_AREA
    } else {
        imgproc::INTER_CUBIC
    };
    imgproc::resize(
        &mat(grey)?,
        &mut out,
        Size::default(),
        factor,
        factor,
        flags,
    )?;
    let grey = grey_of(&out)?;
    Ok(View {
        grey,
        back: [[1.0 / factor, 0.0, 0.0], [0.0, 1.0 / factor, 0.0]],
    })
}

/// The picture as a matrix that borrows its pixels.
pub(crate) fn mat(grey: &Grey) -> Result<BoxedRef<'_, Mat>, CaptureError> {
    Ok(Mat::new_rows_cols_with_data(
        grey.height() as i32,
        grey.width() as i32,
        grey.data(),
    )?)
}

/// Copies an 8-bit one-channel matrix.
///
/// # Errors
/// [`CaptureError::Undecodable`] when it is empty or too large.
pub(crate) fn grey_of(mat: &Mat) -> Result<Grey, CaptureError> {
    let continuous;
    let mat = if mat.is_continuous() {
        mat
    } else {
        continuous = mat.try_clone()?;
        &continuous
    };
    let (width, height) = (mat.cols().max(0) as u32, mat.rows().max(0) as u32);
    Grey::new(width, height, mat.data_bytes()?.to_vec())
        .ok_or_else(|| CaptureError::Undecodable("an empty picture".to_owned()))
}

/// Rounds milliseconds to microseconds, as they are printed.
pub(crate) fn round_ms(duration: std::time::Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// The whole part of a number that is not negative.
pub(crate) fn whole(number: f64) -> u64 {
    number as u64
}

/// Factor that brings a picture down to so many pixels.
pub(crate) fn shrinking(grey: &Grey, pixels: usize) -> f64 {
    (pixels as f64 / grey.data().len() as f64).sqrt()
}

/// Longest side of a picture, pixels.
pub(crate) fn longest(grey: &Grey) -> f64 {
    f64::from(grey.width().max(grey.height()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_is_found_where_it_was() {
        let (width, height, x, y) = (301_u32, 201_u32, 60_i32, 150_i32);
        let mut data = vec![255_u8; (width * height) as usize];
        for dy in -1..=1 {
            for dx in -1..=1 {
                data[((y + dy) * width as i32 + x + dx) as usize] = 0;
            }
        }
        let grey = Grey::new(width, height, data).unwrap();
        for degrees in [0.0, 30.0, 45.0, 60.0, 217.0] {
            for scale in [1.0, 2.0] {
                let view = turned(&grey, degrees, scale).unwrap();
                let darkest = view
                    .grey
                    .data()
                    .iter()
                    .enumerate()
                    .min_by_key(|(_, v)| **v)
                    .unwrap();
                let at = darkest.0 as i32;
                let side = view.grey.width() as i32;
                let found = view.corners([[at % side, at / side]; 4])[0];
                let off = (found[0] - x).abs().max((found[1] - y).abs());
                assert!(off <= 2, "{degrees}° ×{scale}: {found:?}");
            }
        }
    }
}
