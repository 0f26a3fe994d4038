//! Two-dimensional symbols of a patch: turned crops, then enlarged and sharpened ones.

use std::fmt;

use sortline_read::Symbol;
use zxingcpp::BarcodeReader;

use super::crop::Crop;
use super::maxicode;
use super::regions::Region;
use crate::decode::{self, Look};
use crate::{CaptureError, Grey};

/// Pixels added on each side of a patch.
const MARGIN: f32 = 16.0;

/// Patches whose longest side is at most this many pixels are enlarged.
const ENLARGE_MAX: f32 = 520.0;

/// Patches with a shorter longest side are enlarged more.
const TINY: f32 = 200.0;

/// Gain and deviation of the sharpened attempt, pixels of the crop.
const SHARP: (f64, f64) = (3.0, 2.0);

/// Margin of a crop for a PDF417 as a share of the longest side, and at most in pixels: start and
/// stop patterns change in one direction only, so they lie outside the patch.
const ROWS_MARGIN: f32 = 0.7;
const ROWS_MARGIN_MAX: f32 = 160.0;

/// Patches that are longer than this many times their height hold no square symbol.
const SQUARE_MAX: f32 = 2.4;

/// Width of the scratches that are closed, pixels of the enlarged crop.
const SCRATCH: i32 = 5;

/// Whether a region may hold a square symbol.
fn squarish(region: &Region) -> bool {
    let (long, high) = (
        region.length.max(region.height),
        region.length.min(region.height),
    );
    long < SQUARE_MAX * high
}

/// Reads patches; keeps its memory between them.
pub(super) struct Matrices {
    reader: BarcodeReader,
    stacked: BarcodeReader,
    hexagons: BarcodeReader,
    crop: Crop,
}

impl fmt::Debug for Matrices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matrices").finish_non_exhaustive()
    }
}

impl Matrices {
    pub(super) fn new() -> Self {
        Self {
            reader: decode::matrix_reader(),
            stacked: decode::stacked_reader(),
            hexagons: decode::maxicode_reader(),
            crop: Crop::default(),
        }
    }

    /// The crop at the frame's scale; with `rows`, a wider one for the rows of a PDF417 as well.
    pub(super) fn look(
        &mut self,
        grey: &Grey,
        region: &Region,
        rows: bool,
    ) -> Result<Vec<Symbol>, CaptureError> {
        self.crop.cut(grey, region, MARGIN, 1.0)?;
        let found = self.read(&self.reader)?;
        if found.is_empty() && rows {
            return self.rows(grey, region, 1.0);
        }
        Ok(found)
    }

    /// The crop enlarged, then with scratches closed, then, when there is a damaged symbol in it,
    /// stretched and sharpened: where nothing has the shape of a symbol, sharpening brings none.
    pub(super) fn again(
        &mut self,
        grey: &Grey,
        region: &Region,
        rows: bool,
    ) -> Result<Vec<Symbol>, CaptureError> {
        let longest = region.length.max(region.height);
        if longest > ENLARGE_MAX {
            return Ok(Vec::new());
        }
        let scale = if longest < TINY { 2.5 } else { 2.0 };
        if rows {
            let found = self.rows(grey, region, 2.0)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        if !squarish(region) {
            return Ok(Vec::new());
        }
        self.crop.cut(grey, region, MARGIN, scale)?;
        let enlarged = self.see(&self.reader)?;
        if !enlarged.symbols.is_empty() {
            return Ok(enlarged.symbols);
        }
        self.crop.mend(SCRATCH)?;
        let mended = self.see(&self.reader)?;
        if !mended.symbols.is_empty() || !(enlarged.damaged || mended.damaged) {
            return Ok(mended.symbols);
        }
        self.crop.cut(grey, region, MARGIN, scale)?;
        self.crop.sharpen(SHARP.0, SHARP.1)?;
        self.read(&self.reader)
    }

    /// The rows of a PDF417 of which the patch is a part.
    fn rows(
        &mut self,
        grey: &Grey,
        region: &Region,
        scale: f32,
    ) -> Result<Vec<Symbol>, CaptureError> {
        let margin = ROWS_MARGIN * region.length.max(region.height);
        self.crop
            .cut(grey, region, margin.min(ROWS_MARGIN_MAX), scale)?;
        self.read(&self.stacked)
    }

    /// A `MaxiCode`.
    pub(super) fn hexagons(
        &mut self,
        grey: &Grey,
        region: &Region,
    ) -> Result<Vec<Symbol>, CaptureError> {
        let found = maxicode::read(&self.hexagons, grey, region)?;
        Ok(found.into_iter().collect())
    }

    fn read(&self, reader: &BarcodeReader) -> Result<Vec<Symbol>, CaptureError> {
        Ok(self.see(reader)?.symbols)
    }

    fn see(&self, reader: &BarcodeReader) -> Result<Look, CaptureError> {
        let (width, height, pixels) = self.crop.pixels()?;
        let mut look = decode::look(reader, pixels, width, height)?;
        for symbol in &mut look.symbols {
            symbol.corners = self.crop.corners(symbol.corners);
        }
        Ok(look)
    }
}
