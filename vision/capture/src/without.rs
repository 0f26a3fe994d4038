//! What the crate offers without feature `opencv`: the same types, which cannot be made.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::time::Duration;

use sortline_read::FrameResult;
use sortline_read::view::ParcelView;

use crate::{CaptureError, Clock, Frame, Grey, Options, RungStats};

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

    /// What each rung has cost and brought.
    pub fn rungs(&self) -> &[RungStats] {
        match self.0 {}
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

/// Encodes nothing.
///
/// # Errors
/// Always [`CaptureError::NotBuilt`].
pub fn encode(_grey: &Grey) -> Result<Vec<u8>, CaptureError> {
    Err(CaptureError::NotBuilt)
}

/// A symbol as a peer reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRead {
    /// Name of the symbology in the peer's words, without blanks.
    pub format: String,
    /// Its content.
    pub text: String,
}

/// Another decoder; there is none in this build.
#[derive(Debug)]
pub struct Peer(Infallible);

impl Peer {
    /// None in this build.
    pub fn all(_path: &OsStr) -> Vec<Self> {
        Vec::new()
    }

    /// What tables call it.
    pub fn name(&self) -> &'static str {
        match self.0 {}
    }

    /// Whether it is a program of its own.
    pub fn is_program(&self) -> bool {
        match self.0 {}
    }

    /// Reads one frame.
    ///
    /// # Errors
    /// None: there is no peer.
    pub fn read(&self, _grey: &Grey) -> Result<Vec<PeerRead>, CaptureError> {
        match self.0 {}
    }
}

/// Turns nothing.
///
/// # Errors
/// Always [`CaptureError::NotBuilt`].
pub fn turned(_grey: &Grey, _degrees: f64) -> Result<Grey, CaptureError> {
    Err(CaptureError::NotBuilt)
}

/// Finds nothing.
///
/// # Errors
/// Always [`CaptureError::NotBuilt`].
pub fn parcels(_grey: &Grey, _px_per_mm: Option<f32>) -> Result<Vec<ParcelView>, CaptureError> {
    Err(CaptureError::NotBuilt)
}
