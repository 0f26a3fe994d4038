//! Frames of parcels as the line's cameras take them, with ground truth.
//!
//! A label is printed dot by dot (203 dots per inch, bi-level) with real symbols and addresses in
//! Latin and Chinese letters, worn, stuck onto a carton or a bag, and photographed: perspective,
//! light, glare, defocus, motion, noise. The order of effects and the ranges of the five tiers
//! make frames as hard to read as parcels on a belt are; every effect is a knob of
//! [`Degradation`].
//!
//! Terms: a *dot* is 0.125 mm of print; a *module* is the narrowest bar of the tracking symbol,
//! 0.375 mm; *truth* is what was drawn, never shown to a reader.
//!
//! A frame depends on its seed and its name (or trigger) alone. The module reads no clock and,
//! apart from the fonts at start, no file.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    reason = "pixel code: positions are clipped to the picture before they become indices"
)]

mod address;
mod backdrop;
mod degradation;
mod fonts;
mod frame;
mod geometry;
mod label;
mod look;
mod marks;
mod optics;
mod raster;
mod reference;
mod rng;
mod scene;
mod surface;
mod symbol;
mod texture;
mod warp;

pub use degradation::{Degradation, Factor, MODULE_MM, Tier};
pub use frame::{Picture, Renderer, View};
pub use geometry::Point;
pub use look::{Print, Tape, Warning};
pub use raster::Gray;
pub use reference::{BURST, Series};
pub use scene::{
    Design, LabelData, LabelSize, ParcelLook, PlacedParcel, Scene, Shipment, StuckLabel,
    SymbolText, Template, TrueLabel, TrueLine, TrueParcel, TrueSymbol, Truth, Wrapping,
};
pub use symbol::{SymbolKind, modules};

/// Quality of the JPEG files that cameras deliver, 1 to 100.
const JPEG_QUALITY: u8 = 88;

/// Why a frame cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A font is not where its package installs it.
    #[error("font {path} cannot be read: install the Debian package {package}")]
    FontMissing {
        /// The package that brings it.
        package: &'static str,
        /// Where it should be.
        path: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is not a font.
    #[error("file {path} is not a font")]
    FontInvalid {
        /// The file.
        path: &'static str,
    },
    /// A text cannot be encoded in its symbol.
    #[error("a {kind:?} symbol cannot be made of its text")]
    Symbol {
        /// The symbology.
        kind: SymbolKind,
        /// What the encoder said.
        #[source]
        source: zxingcpp::Error,
    },
    /// A frame cannot be compressed.
    #[error("a frame of {width} by {height} pixels cannot be encoded as JPEG")]
    Jpeg {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// What the encoder said.
        #[source]
        source: jpeg_encoder::EncodingError,
    },
}

impl Gray {
    /// The frame as a grey JPEG file.
    ///
    /// # Errors
    /// [`RenderError::Jpeg`] for a frame without pixels or larger than 65,535 pixels a side.
    pub fn jpeg(&self) -> Result<Vec<u8>, RenderError> {
        let (width, height) = (self.width, self.height);
        let mut bytes = Vec::with_capacity(self.pixels.len() / 3);
        let side = |n: usize| u16::try_from(n).unwrap_or(0);
        jpeg_encoder::Encoder::new(&mut bytes, JPEG_QUALITY)
            .encode(
                &self.pixels,
                side(width),
                side(height),
                jpeg_encoder::ColorType::Luma,
            )
            .map_err(|source| RenderError::Jpeg {
                width,
                height,
                source,
            })?;
        Ok(bytes)
    }
}
