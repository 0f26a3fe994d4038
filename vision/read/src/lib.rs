//! Symbols and label text to identifiers and destination: pure.
//!
//! What a camera's decoder and text recognizer found goes in as [`Evidence`]; what comes out of
//! [`fuse`] is the JSON of `sortline read`: a [`FrameResult`] with identifiers, a destination, or the
//! reason why there is none. Content of symbols is data: it is bounded, compared with tables, and
//! nothing else is ever done with it.

mod address;
pub mod calibration;
pub mod carrier;
pub mod check;
mod country;
mod fusion;
pub mod gs1;
pub mod health;
mod payload;
mod places;
pub mod plate;
pub mod postcode;
mod private;
pub mod profile;
mod result;
mod symbol;
pub mod upu;
pub mod view;
mod vote;

pub use country::{Country, folded};
pub use fusion::{Evidence, Policy, TEXT_CONFIDENCE_MIN, fuse, fuse_frames, text_evidence};
pub use result::{
    Corners, Destination, FrameResult, Identifier, NoRead, Source, Symbol, SymbolFormat, TextLine,
};
pub use symbol::{has_check_digit, identify};
pub use vote::{PLACES_MAX, SoftText};

/// Longest content of a symbol that is kept, characters: more than the largest symbol can hold
/// (a QR Code of version 40 holds 7,089 digits).
pub const TEXT_MAX: usize = 8192;

/// The first [`TEXT_MAX`] characters.
pub fn bounded(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}

/// Whether a decoded symbol is believable. Printed stripes and torn symbols decode as short
/// Interleaved 2 of 5 and Codabar, which have no compulsory check character.
pub fn plausible(symbol: &Symbol) -> bool {
    let length = symbol.text.len();
    match symbol.format {
        SymbolFormat::Itf if length == 14 => check::gs1(symbol.text.as_bytes()),
        SymbolFormat::Itf | SymbolFormat::Codabar => length >= 6,
        SymbolFormat::Code39 | SymbolFormat::Code93 => length >= 3,
        SymbolFormat::EAN13
        | SymbolFormat::EAN8
        | SymbolFormat::Upca
        | SymbolFormat::Upce
        | SymbolFormat::Code128
        | SymbolFormat::DataBar
        | SymbolFormat::QRCode
        | SymbolFormat::MicroQRCode
        | SymbolFormat::DataMatrix
        | SymbolFormat::PDF417
        | SymbolFormat::Aztec
        | SymbolFormat::MaxiCode => length > 0,
    }
}
