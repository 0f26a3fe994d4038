//! Still pictures: bounded file size, dimensions checked before decoding, 8-bit grey out.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use opencv::core::{self, Mat, MatTraitConst as _, Vector};
use opencv::{imgcodecs, imgproc};

use crate::header::header;
use crate::{CaptureError, FILE_MAX, Grey, PIXELS_MAX, geometry};

/// Shorter files are filled up with zeros, which every decoder ignores after the picture's end.
const BYTES_MIN: usize = 64;

/// Of 100: bars two pixels wide keep their edges.
const JPEG_QUALITY: i32 = 85;

/// Reads a file of at most [`FILE_MAX`] bytes.
///
/// # Errors
/// [`CaptureError::Open`] and [`CaptureError::TooLarge`].
pub(crate) fn bytes_of(path: &Path) -> Result<Vec<u8>, CaptureError> {
    let open = |source| CaptureError::Open {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(open)?;
    let mut bytes = Vec::new();
    file.take(FILE_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(open)?;
    let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if found > FILE_MAX {
        return Err(CaptureError::TooLarge {
            what: "file size",
            found,
            limit: FILE_MAX,
        });
    }
    Ok(bytes)
}

/// Decodes a PNG, JPEG, WebP, TIFF or BMP picture.
///
/// # Errors
/// [`CaptureError::Undecodable`] for another kind or a broken file; [`CaptureError::TooLarge`]
/// beyond [`PIXELS_MAX`], before any pixel is allocated.
pub fn decode(bytes: &[u8]) -> Result<Grey, CaptureError> {
    let Some(header) = header(bytes) else {
        let what = "not a PNG, JPEG, WebP, TIFF or BMP picture, or cut off in its header";
        return Err(CaptureError::Undecodable(what.to_owned()));
    };
    let pixels = u64::from(header.width).saturating_mul(header.height.into());
    if pixels > PIXELS_MAX {
        return Err(CaptureError::TooLarge {
            what: "pixel count",
            found: pixels,
            limit: PIXELS_MAX,
        });
    }
    let mut buffer = Vector::<u8>::from_slice(bytes);
    // OpenCV wants at least 32 bytes of a WebP file; the smallest have 30.
    while buffer.len() < BYTES_MIN {
        buffer.push(0);
    }
    let mat = imgcodecs::imdecode(&buffer, imgcodecs::IMREAD_UNCHANGED)?;
    if mat.empty() {
        let what = format!("a broken {:?} file", header.kind);
        return Err(CaptureError::Undecodable(what));
    }
    geometry::grey_of(&to_grey(mat)?)
}

/// Encodes a picture as JPEG, well enough for a person to read a label.
///
/// # Errors
/// [`CaptureError::Undecodable`] beyond 65,535 pixels a side, which JPEG cannot say.
pub fn encode(grey: &Grey) -> Result<Vec<u8>, CaptureError> {
    let mut jpeg = Vector::new();
    let quality = Vector::from_slice(&[imgcodecs::IMWRITE_JPEG_QUALITY, JPEG_QUALITY]);
    let mat = geometry::mat(grey)?;
    if imgcodecs::imencode(".jpg", &mat, &mut jpeg, &quality)? {
        Ok(jpeg.into())
    } else {
        Err(CaptureError::Undecodable(format!("{grey:?} as JPEG")))
    }
}

/// 8-bit grey from any depth and channel count; transparency is laid over white paper.
pub(crate) fn to_grey(mat: Mat) -> Result<Mat, CaptureError> {
    let mat = to_8_bit(mat)?;
    let mut grey = Mat::default();
    match mat.channels() {
        1 => return Ok(mat),
        4 => {
            imgproc::cvt_color_def(&mat, &mut grey, imgproc::COLOR_BGRA2GRAY)?;
            return over_white(&mat, &grey);
        }
        _ => imgproc::cvt_color_def(&mat, &mut grey, imgproc::COLOR_BGR2GRAY)?,
    }
    Ok(grey)
}

fn to_8_bit(mat: Mat) -> Result<Mat, CaptureError> {
    let scale = match mat.depth() {
        core::CV_8U => return Ok(mat),
        core::CV_16U => 1.0 / 257.0,
        core::CV_32F | core::CV_64F => 255.0,
        _ => 1.0,
    };
    let mut out = Mat::default();
    mat.convert_to(&mut out, core::CV_8U, scale, 0.0)?;
    Ok(out)
}

/// grey · alpha + 255 · (1 − alpha).
fn over_white(bgra: &Mat, grey: &Mat) -> Result<Mat, CaptureError> {
    let (mut alpha, mut inked, mut paper, mut out) = (
        Mat::default(),
        Mat::default(),
        Mat::default(),
        Mat::default(),
    );
    core::extract_channel(bgra, &mut alpha, 3)?;
    core::multiply(grey, &alpha, &mut inked, 1.0 / 255.0, -1)?;
    core::bitwise_not_def(&alpha, &mut paper)?;
    core::add_def(&inked, &paper, &mut out)?;
    Ok(out)
}
