//! What one frame says: the JSON of `sortline read`, one object per frame.
//!
//! Fields may be added, never renamed. Times, file and frame number are filled in by whoever took
//! the frame; this crate has no clock.

use std::fmt;

use serde::Serialize;

use crate::country::Country;
use crate::private::Redacted;
use crate::profile::UnreadBars;

/// Corners of a symbol or line in pixels of the frame, x to the right, y down; clockwise from the
/// corner that is top left when the symbol is upright.
pub type Corners = [[i32; 2]; 4];

/// Everything read from one frame.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FrameResult {
    /// File or address of the frame's source, as it was asked for.
    pub file: String,
    /// Number of the frame in its source, from 0.
    pub frame: u64,
    /// Elapsed time of the reading alone, milliseconds.
    pub elapsed_ms: f64,
    /// Processor time of the reading alone, milliseconds.
    pub cpu_ms: f64,
    /// Symbols found, in the order in which they were found.
    pub symbols: Vec<Symbol>,
    /// Lines of printed text, top to bottom; empty when text was not read.
    pub text: Vec<TextLine>,
    /// Identifiers, best first, without duplicates.
    pub identifiers: Vec<Identifier>,
    /// Where the label says the parcel must go; `None` when it does not or contradicts itself.
    pub destination: Option<Destination>,
    /// Destinations that printed text may say, best first, where none is sure enough: for the person
    /// who keys it in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Destination>,
    /// What the GS1 element strings of the label break between them: for whoever printed it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gs1_faults: Vec<String>,
    /// Why nothing usable was read; `None` when there is a parcel identifier or a destination.
    pub no_read: Option<NoRead>,
    /// Bars that were seen and not read, the strongest first; other frames of the same parcel may
    /// show the rest of them.
    #[serde(skip)]
    pub unread: Vec<UnreadBars>,
}

/// Symbologies, with the names of the JSON contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum SymbolFormat {
    /// Code 128, GS1-128 included.
    Code128,
    /// Code 39.
    Code39,
    /// Code 93.
    Code93,
    /// Codabar.
    Codabar,
    /// Interleaved 2 of 5, ITF-14 included.
    #[serde(rename = "ITF")]
    Itf,
    /// EAN-13.
    EAN13,
    /// EAN-8.
    EAN8,
    /// UPC-A.
    #[serde(rename = "UPCA")]
    Upca,
    /// UPC-E.
    #[serde(rename = "UPCE")]
    Upce,
    /// GS1 `DataBar`, all variants.
    DataBar,
    /// QR Code, models 1 and 2.
    QRCode,
    /// Micro QR Code.
    MicroQRCode,
    /// Data Matrix ECC 200.
    DataMatrix,
    /// PDF417.
    PDF417,
    /// Aztec Code.
    Aztec,
    /// MaxiCode.
    MaxiCode,
}

impl SymbolFormat {
    /// Whether it is a retail product code, which never names a parcel.
    pub fn is_retail(self) -> bool {
        matches!(
            self,
            Self::EAN13 | Self::EAN8 | Self::Upca | Self::Upce | Self::DataBar
        )
    }

    /// Whether it is a two-dimensional symbol with error correction.
    pub fn is_matrix(self) -> bool {
        matches!(
            self,
            Self::QRCode
                | Self::MicroQRCode
                | Self::DataMatrix
                | Self::PDF417
                | Self::Aztec
                | Self::MaxiCode
        )
    }
}

/// One decoded symbol.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Symbol {
    /// Symbology.
    pub format: SymbolFormat,
    /// Content as decoded, GS1 separators as U+001D; at most [`crate::TEXT_MAX`] characters.
    pub text: String,
    /// Whether the symbol says of itself that it holds GS1 element strings.
    pub gs1: bool,
    /// Where it lies.
    pub corners: Corners,
}

/// One line of printed text.
#[derive(Clone, Default, PartialEq, Serialize)]
pub struct TextLine {
    /// The text.
    pub line: String,
    /// Confidence of the recognizer, 0 to 1.
    pub confidence: f32,
    /// Where it lies.
    pub corners: Corners,
    /// Confidence of each blank-separated word; empty when it is not known.
    #[serde(skip)]
    pub words: Vec<f32>,
    /// Number of the block of text that it belongs to; 0 for all when blocks are not known.
    #[serde(skip)]
    pub block: u32,
}

impl TextLine {
    /// Height of the line in pixels of the frame.
    pub fn height(&self) -> f32 {
        let [[left, top], _, _, [other_left, bottom]] = self.corners;
        // Pixels of a frame fit 16 bits; anything larger is no line of print.
        let side = |a: i32, b: i32| f32::from(i16::try_from(a.saturating_sub(b)).unwrap_or(0));
        side(left, other_left).hypot(side(top, bottom))
    }
}

/// An identifier found in a symbol or in text.
#[derive(Clone, PartialEq, Serialize)]
pub struct Identifier {
    /// `sscc`, `s10`, `ups_1z`, `license_plate`, `gtin`, … or a carrier such as `fedex`.
    pub kind: &'static str,
    /// Normal form: upper case, without blanks.
    pub value: String,
    /// Whether length, characters and check digits hold.
    pub valid: bool,
    /// The exact number format, such as `fedex_34`.
    pub format: &'static str,
    /// How sure it is that the number is of this kind, 0 to 1.
    pub confidence: f32,
    /// Why it is held for this kind.
    pub why: Vec<&'static str>,
    /// Other kinds that the same number also fits, likelier first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<&'static str>,
}

impl Identifier {
    /// Whether it names one parcel (and not a product, an order or a receptacle) and holds.
    pub fn names_parcel(&self) -> bool {
        self.valid
            && !matches!(
                self.kind,
                "gtin" | "ginc" | "gsin" | "s8" | "s9" | "unknown"
            )
    }
}

/// Where a parcel must go, by its own label.
#[derive(Clone, PartialEq, Serialize)]
pub struct Destination {
    /// ISO 3166-1 alpha-2 country; `None` when only a postcode is written and the site's country
    /// was not given.
    pub country: Option<Country>,
    /// Postcode in the country's own form.
    pub postcode: Option<String>,
    /// Which evidence it rests on.
    pub source: Source,
    /// How sure it is, 0 to 1.
    pub confidence: f32,
}

/// Evidence for a destination, most trusted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// GS1 application identifier 421: postcode with country.
    #[serde(rename = "gs1_421")]
    Gs1421,
    /// GS1 application identifiers 4307 and 420: country and postcode apart.
    #[serde(rename = "gs1_43xx")]
    Gs143xx,
    /// GS1 application identifier 420: postcode of the country of the site.
    #[serde(rename = "gs1_420")]
    Gs1420,
    /// A carrier's number with an embedded postcode.
    Carrier,
    /// Written in plain in a two-dimensional symbol.
    Symbol,
    /// GS1 application identifier 403: routing code.
    #[serde(rename = "gs1_403")]
    Gs1403,
    /// Printed text.
    Ocr,
}

/// Why a frame gave no usable reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoRead {
    /// The image shows no symbol and no usable text.
    NothingFound,
    /// Symbols were read, none is a parcel identifier or destination.
    NoIdentifier,
    /// Black or overexposed.
    BadImage,
    /// The file or frame could not be decoded.
    Undecodable,
    /// The time allowed ran out.
    Deadline,
    /// Evidence contradicts itself.
    Conflict,
    /// Printed text names destinations, and none is sure enough.
    Doubtful,
}

// Content of labels is personal data: what is shown for finding faults leaves it out.

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Symbol")
            .field("format", &self.format)
            .field("text", &Redacted)
            .field("gs1", &self.gs1)
            .field("corners", &self.corners)
            .finish()
    }
}

impl fmt::Debug for TextLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextLine")
            .field("line", &Redacted)
            .field("confidence", &self.confidence)
            .field("corners", &self.corners)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identifier")
            .field("kind", &self.kind)
            .field("value", &Redacted)
            .field("valid", &self.valid)
            .field("format", &self.format)
            .field("confidence", &self.confidence)
            .field("why", &self.why)
            .field("alternatives", &self.alternatives)
            .finish()
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination")
            .field("country", &self.country)
            .field("postcode", &Redacted)
            .field("source", &self.source)
            .field("confidence", &self.confidence)
            .finish()
    }
}
