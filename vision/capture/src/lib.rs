//! Frames, decoding and text recognition: the only crate that links OpenCV.
//!
//! [`Source`] yields [`Frame`]s from pictures, folders, videos and cameras; [`Reader`] makes a
//! [`sortline_read::FrameResult`] of each, within a budget of time. Without feature `opencv` the
//! types are the same, and opening anything is [`CaptureError::NotBuilt`].

mod effort;
mod error;
mod frame;
mod header;
mod multipart;
mod quality;

#[cfg(feature = "opencv")]
mod decode;
#[cfg(feature = "opencv")]
mod folder;
#[cfg(feature = "opencv")]
mod geometry;
#[cfg(feature = "opencv")]
mod gige;
#[cfg(feature = "opencv")]
mod http;
#[cfg(feature = "opencv")]
mod image;
#[cfg(feature = "opencv")]
mod ladder;
#[cfg(feature = "opencv")]
mod peer;
#[cfg(feature = "opencv")]
mod reader;
#[cfg(feature = "opencv")]
mod source;
mod stats;
#[cfg(feature = "opencv")]
mod text;
#[cfg(not(feature = "opencv"))]
mod without;

use std::time::Duration;

use sortline_read::{Country, TEXT_CONFIDENCE_MIN};

pub use effort::{Effort, Knob};
pub use error::CaptureError;
pub use frame::{Frame, Grey};
#[cfg(feature = "opencv")]
pub use geometry::parcels;
pub use header::{Header, Kind, header};
#[cfg(feature = "opencv")]
pub use image::{decode, encode};
pub use multipart::{PART_MAX, Parser, Part, PartError};
#[cfg(feature = "opencv")]
pub use peer::{Peer, PeerRead, turned};
pub use quality::quality;
#[cfg(feature = "opencv")]
pub use reader::Reader;
#[cfg(feature = "opencv")]
pub(crate) use source::Deadline;
#[cfg(feature = "opencv")]
pub use source::{Missed, Source};
pub use stats::{Rung, RungStats};
#[cfg(not(feature = "opencv"))]
pub use without::{Missed, Peer, PeerRead, Reader, Source, decode, encode, parcels, turned};

/// Most pixels of a picture that is read: 100 megapixels, five times the largest line camera.
pub const PIXELS_MAX: u64 = 100_000_000;

/// Largest picture file that is read, bytes.
pub const FILE_MAX: u64 = 256 << 20;

/// How a [`Reader`] reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Time for one frame; `None` tries everything. The budget is looked at between steps, so a
    /// frame takes at most the budget and one step more.
    pub budget: Option<Duration>,
    /// Whether printed text is read.
    pub text: bool,
    /// Languages of the printed text, as Tesseract names them, joined by `+`, most frequent first; a
    /// line is tried in the next one when it is not made out in those before.
    pub languages: String,
    /// Least confidence from which printed text alone says where a parcel goes, 0 to 1.
    pub text_confidence_min: f32,
    /// Country of a postcode that stands alone.
    pub country: Option<Country>,
    /// How far the ladder climbs for what is still unread.
    pub effort: Effort,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            budget: None,
            text: true,
            languages: "eng+chi_sim".to_owned(),
            text_confidence_min: TEXT_CONFIDENCE_MIN,
            country: None,
            effort: Effort::default(),
        }
    }
}

/// Clocks that a [`Reader`] measures with: time is an input.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Time since any fixed moment; never goes back.
    pub monotonic: fn() -> Duration,
    /// Processor time of the calling thread.
    pub thread_cpu: fn() -> Duration,
}
