//! What a camera station says of one parcel in one frame, reduced to what sorting needs.

use serde::{Deserialize, Serialize};

use crate::Permille;

/// Result of reading one frame.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Identifiers found, best first, without duplicates. Empty for a no-read.
    pub codes: Vec<Code>,
    /// Where the label itself says the parcel must go, where it says so.
    pub destination: Option<Destination>,
    /// Why nothing was read; `None` when there is a code or a destination.
    pub no_read: Option<NoRead>,
}

/// An identifier of a parcel read from a symbol or from text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Code {
    /// Kind of the identifier: `sscc`, `s10`, `ups_1z`, … as in `sortline read`.
    pub kind: String,
    /// Normal form: upper case, no blanks.
    pub value: String,
}

/// Where a parcel must finally go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// ISO 3166-1 alpha-2 country, upper case.
    pub country: String,
    /// Postcode in the country's own form, where known.
    pub postcode: Option<String>,
    /// Which evidence it rests on.
    pub source: DestinationSource,
    /// How sure the evidence is.
    pub confidence: Permille,
}

/// Evidence for a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DestinationSource {
    /// The host's manifest, by identifier.
    Manifest,
    /// GS1 application identifier 421: postcode with country.
    Gs1421,
    /// GS1 application identifier 420: postcode of the country of the site.
    Gs1420,
    /// GS1 application identifiers 4307 and 43xx: ship-to country and address.
    Gs143xx,
    /// GS1 application identifier 403: routing code.
    Gs1403,
    /// A carrier's licence plate with an embedded postcode.
    Carrier,
    /// The destination written in a two-dimensional symbol.
    Symbol,
    /// Printed text.
    Ocr,
    /// Keyed in by a person.
    Keyed,
}

/// Why a frame gave no reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoRead {
    /// The image shows no symbol and no usable text.
    NothingFound,
    /// Symbols were read, none is a parcel identifier or destination.
    NoIdentifier,
    /// Black, overexposed or frozen.
    BadImage,
    /// The file or frame could not be decoded.
    Undecodable,
    /// The time allowed ran out.
    Deadline,
    /// No frame came for the trigger.
    NoFrame,
    /// Evidence contradicts itself.
    Conflict,
}
