//! Turned, scaled and sharpened crops of a frame.

use opencv::core::{self, Mat, MatTraitConst as _, MatTraitConstManual as _, Point, Scalar, Size};
use opencv::imgproc;
use sortline_read::Corners;

use super::regions::Region;
use crate::{CaptureError, Grey, geometry};

/// Most pixels of a crop.
const PIXELS_MAX: f32 = 4.0e6;

/// A crop in memory that is kept from one to the next.
#[derive(Debug, Default)]
pub(super) struct Crop {
    mat: Mat,
    spare: Mat,
    other: Mat,
    /// From the crop's pixels to the frame's.
    back: [[f64; 3]; 2],
}

impl Crop {
    /// Cuts a region out, its axis turned to the right, with a margin of frame pixels on each side.
    pub(super) fn cut(
        &mut self,
        grey: &Grey,
        region: &Region,
        margin: f32,
        scale: f32,
    ) -> Result<(), CaptureError> {
        let (width, height) = (region.length + 2.0 * margin, region.height + 2.0 * margin);
        let scale = scale.min((PIXELS_MAX / (width * height).max(1.0)).sqrt());
        let size = [width, height].map(|side| ((side * scale).round() as i32).max(1));
        let corner = region.point(-width / 2.0, -height / 2.0);
        let [ax, ay] = region.axis.map(|part| part / scale);
        // Middles of pixels map to middles of pixels.
        let middle = |at: f32, x: f32, y: f32| f64::from(at + 0.5 * x + 0.5 * y - 0.5);
        self.back = [
            [f64::from(ax), f64::from(-ay), middle(corner[0], ax, -ay)],
            [f64::from(ay), f64::from(ax), middle(corner[1], ay, ax)],
        ];
        let source = geometry::mat(grey)?;
        let matrix = Mat::from_slice_2d(&self.back)?;
        let kind = if scale > 1.2 {
            imgproc::INTER_CUBIC
        } else {
            imgproc::INTER_LINEAR
        };
        imgproc::warp_affine(
            &source,
            &mut self.mat,
            &matrix,
            Size::new(size[0], size[1]),
            kind | imgproc::WARP_INVERSE_MAP,
            core::BORDER_REPLICATE,
            Scalar::default(),
        )?;
        Ok(())
    }

    /// Stretches the contrast to the full range and sharpens: gain × (crop − its Gaussian blur).
    pub(super) fn sharpen(&mut self, gain: f64, sigma: f64) -> Result<(), CaptureError> {
        let (mut low, mut high) = (0.0, 0.0);
        core::min_max_loc(
            &self.mat,
            Some(&mut low),
            Some(&mut high),
            None,
            None,
            &core::no_array(),
        )?;
        let factor = 245.0 / (high - low).max(8.0);
        self.mat
            .convert_to(&mut self.spare, core::CV_8U, factor, 5.0 - low * factor)?;
        let size = Size::default();
        imgproc::gaussian_blur(
            &self.spare,
            &mut self.mat,
            size,
            sigma,
            0.0,
            core::BORDER_REPLICATE,
        )?;
        core::add_weighted(
            &self.spare,
            1.0 + gain,
            &self.mat,
            -gain,
            0.0,
            &mut self.other,
            -1,
        )?;
        std::mem::swap(&mut self.mat, &mut self.other);
        Ok(())
    }

    /// Closes bright scratches narrower than `width` pixels, as a worn print head leaves them.
    pub(super) fn mend(&mut self, width: i32) -> Result<(), CaptureError> {
        let size = Size::new(width, width);
        let anchor = Point::new(-1, -1);
        let kernel = imgproc::get_structuring_element(imgproc::MORPH_ELLIPSE, size, anchor)?;
        imgproc::morphology_ex(
            &self.mat,
            &mut self.spare,
            imgproc::MORPH_OPEN,
            &kernel,
            anchor,
            1,
            core::BORDER_REPLICATE,
            Scalar::default(),
        )?;
        std::mem::swap(&mut self.mat, &mut self.spare);
        Ok(())
    }

    /// Width, height and pixels.
    pub(super) fn pixels(&self) -> Result<(u32, u32, &[u8]), CaptureError> {
        let (width, height) = (self.mat.cols().max(0) as u32, self.mat.rows().max(0) as u32);
        Ok((width, height, self.mat.data_bytes()?))
    }

    /// Corners in the frame of corners in the crop.
    pub(super) fn corners(&self, corners: Corners) -> Corners {
        corners.map(|[x, y]| self.place([f64::from(x), f64::from(y)]))
    }

    fn place(&self, at: [f64; 2]) -> [i32; 2] {
        self.back
            .map(|row| (row[0] * at[0] + row[1] * at[1] + row[2]).round() as i32)
    }
}
