//! What the crate offers without feature `opencv`: the same types, which cannot be made.

use std::convert::Infallible;
use std::time::Duration;

use sortline_read::FrameResult;

use crate::{CaptureError, Clock, Frame, Grey, Options};

/// A frame that could not be had.
#[derive(Debug)]
pub struct Missed {
    /// File or address.
    pub file: String,
    /// Number that the frame would have had.
    pub index: u64,
    /// Why.
    pub error: CaptureError,
}

/// Yields frames; there is none in this build.
#[derive(Debug)]
pub struct Source(Infallible);

impl Source {
    /// Opens nothing.
    ///
    /// # Errors
    /// Always [`CaptureError::NotBuilt`].
    pub fn open(_name: &str, _deadline: Duration, _clock: Clock) -> Result<Self, CaptureError> {
        Err(CaptureError::NotBuilt)
    }

    /// How many files wait.
    pub fn waiting(&self) -> Option<usize> {
        match self.0 {}
    }
}

impl Iterator for Source {
    type Item = Result<Frame, Missed>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0 {}
    }
}

/// Reads frames; there is none in this build.
#[derive(Debug)]
pub struct Reader(Infallible);

impl Reader {
    /// Makes nothing.
    ///
    /// # Errors
    /// Always [`CaptureError::NotBuilt`].
    pub fn new(_options: Options, _clock: Clock) -> Result<Self, CaptureError> {
        Err(CaptureError::NotBuilt)
    }

    /// Reads one frame.
    pub fn read(&mut self, _frame: &Frame) -> FrameResult {
        match self.0 {}
    }
}

/// Decodes nothing.
///
/// # Errors
/// Always [`CaptureError::NotBuilt`].
pub fn decode(_bytes: &[u8]) -> Result<Grey, CaptureError> {
    Err(CaptureError::NotBuilt)
}
