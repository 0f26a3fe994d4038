//! Pictures and frames, without any tie to the library that made them.

use std::fmt;
use std::time::Duration;

/// A grey picture, one byte per pixel, rows without padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Grey {
    width: u32,
    height: u32,
    data: Vec<u8>,
}

impl Grey {
    /// A picture of `width` × `height` pixels; `None` when `data` has another length, a side is 0,
    /// or the picture exceeds [`crate::PIXELS_MAX`].
    pub fn new(width: u32, height: u32, data: Vec<u8>) -> Option<Self> {
        let pixels = u64::from(width).checked_mul(u64::from(height))?;
        let fits = pixels > 0 && pixels <= crate::PIXELS_MAX;
        (fits && u64::try_from(data.len()).ok()? == pixels).then_some(Self {
            width,
            height,
            data,
        })
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Pixels, row by row from the top, 0 = black.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The same picture, pixel by pixel.
    #[cfg(feature = "opencv")]
    pub(crate) fn map(&self, pixel: impl Fn(u8) -> u8) -> Self {
        Self {
            data: self.data.iter().map(|value| pixel(*value)).collect(),
            ..*self
        }
    }

    /// Whether it shows nothing: the brightest and the darkest of a sample of its pixels differ by
    /// less than 8 grey levels (a capped lens, a full overexposure).
    pub fn is_blank(&self) -> bool {
        // A prime step visits all columns.
        let sample = || {
            self.data
                .iter()
                .step_by(if self.data.len() > 100_000 { 31 } else { 1 })
        };
        let (low, high) = (sample().min(), sample().max());
        low.zip(high)
            .is_none_or(|(low, high)| high.abs_diff(*low) < 8)
    }
}

impl fmt::Debug for Grey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grey({}×{})", self.width, self.height)
    }
}

/// One frame of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The picture.
    pub pixels: Grey,
    /// The frame as it was received, where it came encoded from a camera: for showing it to people.
    pub jpeg: Option<Vec<u8>>,
    /// Number of the trigger that took it, where the camera says so (`X-Sortline-Trigger`).
    pub trigger: Option<u32>,
    /// Number of the camera, where the camera says so (`X-Sortline-Camera`).
    pub camera: Option<u8>,
    /// Encoder count at the exposure, where the camera says so (`X-Sortline-Ticks`).
    pub ticks: Option<u32>,
    /// Time of the exposure by the camera's own clock, since any moment; where it tells it.
    pub exposed: Option<Duration>,
    /// The camera's own number of the frame, where it counts; what it counts is its own affair.
    pub counter: Option<u64>,
    /// Frames that the camera has taken since the one before and that were lost on the way.
    pub lost: u64,
    /// File or address it came from.
    pub file: String,
    /// Number of the frame in its source, from 0.
    pub index: u64,
}

impl Frame {
    /// A frame of a picture in memory, without trigger.
    pub fn of(pixels: Grey, file: impl Into<String>) -> Self {
        let file = file.into();
        Self {
            pixels,
            jpeg: None,
            trigger: None,
            camera: None,
            ticks: None,
            exposed: None,
            counter: None,
            lost: 0,
            file,
            index: 0,
        }
    }
}
