//! What can go wrong between a path and a frame.

use std::path::PathBuf;

/// Why there is no frame. Texts name what was tried and what is possible.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The path does not exist or cannot be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// What was asked for.
        path: PathBuf,
        /// Why the system refused.
        #[source]
        source: std::io::Error,
    },
    /// The address is of no kind that is supported.
    #[error(
        "{found}: expected a file, a folder, /dev/videoN, an http, https or rtsp address, or gige:// and the IP address, serial number or name of a GigE Vision camera"
    )]
    Address {
        /// What was asked for.
        found: String,
    },
    /// A picture or file larger than is ever read.
    #[error("{what} of {found} exceeds the limit of {limit}")]
    TooLarge {
        /// File size or pixel count.
        what: &'static str,
        /// What it is.
        found: u64,
        /// What is allowed.
        limit: u64,
    },
    /// Not a picture or video of a supported kind, or a broken one.
    #[error("cannot be decoded: {0}")]
    Undecodable(String),
    /// A camera that gave no frame in time, or ended its stream. It is opened again on the next
    /// call, after a back-off.
    #[error("camera stalled: {reason}")]
    Stalled {
        /// What was seen of the stall.
        reason: String,
        /// How many times in a row it stalled, from 1.
        times: u32,
        /// It had answered before.
        answered: bool,
    },
    /// A library call failed.
    #[cfg(feature = "opencv")]
    #[error(transparent)]
    OpenCv(#[from] opencv::Error),
    /// Built without feature `opencv`.
    #[error("this build cannot read pictures: it was made without the feature `opencv`")]
    NotBuilt,
}

impl CaptureError {
    /// Whether a camera had answered, and only its next frame did not come.
    pub const fn answered(&self) -> bool {
        matches!(self, Self::Stalled { answered: true, .. })
    }

    /// The same of a camera that had answered.
    #[cfg(feature = "opencv")]
    pub(crate) fn after_answer(mut self) -> Self {
        if let Self::Stalled { answered, .. } = &mut self {
            *answered = true;
        }
        self
    }
}
