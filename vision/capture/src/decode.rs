//! Symbols of a picture: the zxing-cpp library on whole views of the frame, in rungs.
//!
//! The library reads lines of pixels along rows and columns, so a linear symbol turned by more than
//! about 15° is invisible to it. When the frame as it is shows no parcel identifier and time is
//! left, the frame is read again turned by 30° and 60°, and small pictures twice as large.

use std::fmt;
use std::time::Duration;

use sortline_read::{Corners, Symbol, SymbolFormat, bounded, plausible};
use zxingcpp::{
    BarcodeFormat, BarcodeReader, ContentType, EanAddOnSymbol, ImageFormat, ImageView, TextMode,
};

use crate::geometry::{self, View};
use crate::{CaptureError, Grey};

/// Pictures with a shorter longest side than this many pixels are also read twice as large.
const SMALL: f64 = 800.0;

/// Most symbols taken from one view.
const SYMBOLS_MAX: i32 = 64;

/// A linear symbol that reads the same in this many lines of pixels is believed even when it is
/// short: stripes and torn symbols agree in few.
const LINES_CERTAIN: i32 = 16;

/// Two symbols with equal text whose middles are nearer than this share of a side are the same.
const SAME_SIDE: i32 = 2;

/// Reads symbols; belongs to one thread.
pub(crate) struct Decoder {
    /// All formats of the contract, with the library's default of trying harder.
    reader: BarcodeReader,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

impl Decoder {
    pub(crate) fn new() -> Self {
        let all = [
            BarcodeFormat::Code128,
            BarcodeFormat::Code39,
            BarcodeFormat::Code93,
            BarcodeFormat::Codabar,
            BarcodeFormat::ITF,
            BarcodeFormat::EANUPC,
            BarcodeFormat::DataBar,
            BarcodeFormat::QRCode,
            BarcodeFormat::DataMatrix,
            BarcodeFormat::PDF417,
            BarcodeFormat::Aztec,
            BarcodeFormat::MaxiCode,
        ];
        let reader = BarcodeReader::new()
            .max_number_of_symbols(SYMBOLS_MAX)
            .ean_add_on_symbol(EanAddOnSymbol::Ignore)
            .text_mode(TextMode::Plain)
            .formats(all);
        Self { reader }
    }

    /// Symbols of the frame. `enough` says after each rung whether more is wanted; `left` how much
    /// time there is. The second value tells whether rungs were left out for want of time.
    pub(crate) fn symbols(
        &self,
        frame: &Grey,
        left: &dyn Fn() -> Duration,
        enough: &dyn Fn(&[Symbol]) -> bool,
    ) -> Result<(Vec<Symbol>, bool), CaptureError> {
        let mut symbols = Vec::new();
        if left().is_zero() {
            return Ok((symbols, true));
        }
        merge(&mut symbols, read(&self.reader, frame)?);
        let small = geometry::longest(frame) < SMALL;
        let scale = if small { 2.0 } else { 1.0 };
        let rungs = [(0.0, small), (30.0, true), (60.0, true)];
        for (degrees, _) in rungs.into_iter().filter(|(_, wanted)| *wanted) {
            if enough(&symbols) {
                break;
            }
            if left().is_zero() {
                return Ok((symbols, true));
            }
            let view = if degrees == 0.0 {
                geometry::scaled(frame, scale)?
            } else {
                geometry::turned(frame, degrees, scale)?
            };
            merge(&mut symbols, self.again(&view)?);
        }
        Ok((symbols, false))
    }

    fn again(&self, view: &View) -> Result<Vec<Symbol>, CaptureError> {
        let mut found = read(&self.reader, &view.grey)?;
        for symbol in &mut found {
            symbol.corners = view.corners(symbol.corners);
        }
        Ok(found)
    }
}

/// One call of the library; only valid, plausible symbols of the contract's formats.
fn read(reader: &BarcodeReader, grey: &Grey) -> Result<Vec<Symbol>, CaptureError> {
    let undecodable = |error: zxingcpp::Error| CaptureError::Undecodable(error.to_string());
    let view = ImageView::from_slice(grey.data(), grey.width(), grey.height(), ImageFormat::Lum)
        .map_err(undecodable)?;
    let found = reader.from(view).map_err(undecodable)?;
    Ok(found.iter().filter_map(symbol).collect())
}

fn symbol(barcode: &zxingcpp::Barcode) -> Option<Symbol> {
    if !barcode.is_valid() {
        return None;
    }
    let at = barcode.position();
    let lines = barcode.line_count();
    let corners: Corners = [at.top_left, at.top_right, at.bottom_right, at.bottom_left]
        .map(|point| [point.x, point.y]);
    let symbol = Symbol {
        format: format(barcode)?,
        text: bounded(&text(barcode)),
        gs1: barcode.content_type() == ContentType::GS1,
        corners,
    };
    let certain = lines >= LINES_CERTAIN && !symbol.text.is_empty();
    (certain || plausible(&symbol)).then_some(symbol)
}

/// The content. The library hands text over with a terminating zero, and none where it knows no
/// character set, so then it is taken from the bytes instead.
fn text(barcode: &zxingcpp::Barcode) -> String {
    let (bytes, text) = (barcode.bytes(), barcode.text());
    if bytes.contains(&0) || text.is_empty() {
        return String::from_utf8(bytes)
            .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect());
    }
    text
}

/// Symbologies and their names in the contract. QR codes and retail codes are told apart further.
const NAMES: [(BarcodeFormat, SymbolFormat); 11] = [
    (BarcodeFormat::Code128, SymbolFormat::Code128),
    (BarcodeFormat::Code39, SymbolFormat::Code39),
    (BarcodeFormat::Code93, SymbolFormat::Code93),
    (BarcodeFormat::Codabar, SymbolFormat::Codabar),
    (BarcodeFormat::ITF, SymbolFormat::Itf),
    (BarcodeFormat::DataBar, SymbolFormat::DataBar),
    (BarcodeFormat::DataMatrix, SymbolFormat::DataMatrix),
    (BarcodeFormat::PDF417, SymbolFormat::PDF417),
    (BarcodeFormat::Aztec, SymbolFormat::Aztec),
    (BarcodeFormat::MaxiCode, SymbolFormat::MaxiCode),
    (BarcodeFormat::QRCode, SymbolFormat::QRCode),
];

/// Variants of retail codes, and the small QR code.
const VARIANTS: [(BarcodeFormat, SymbolFormat); 6] = [
    (BarcodeFormat::EAN13, SymbolFormat::EAN13),
    (BarcodeFormat::ISBN, SymbolFormat::EAN13),
    (BarcodeFormat::EAN8, SymbolFormat::EAN8),
    (BarcodeFormat::UPCA, SymbolFormat::Upca),
    (BarcodeFormat::UPCE, SymbolFormat::Upce),
    (BarcodeFormat::MicroQRCode, SymbolFormat::MicroQRCode),
];

/// The contract's name of a symbology; `None` for those outside it.
///
/// The Rust binding's list of variants lacks some that the library returns (Code 39 extended, Code
/// 32, ITF-14), and asking for one of those would abort. Its list of symbologies is complete, so the
/// variant is asked only where all variants are listed.
fn format(barcode: &zxingcpp::Barcode) -> Option<SymbolFormat> {
    let named = |names: &[(BarcodeFormat, SymbolFormat)], wanted| {
        names
            .iter()
            .find(|name| name.0 == wanted)
            .map(|name| name.1)
    };
    let symbology = barcode.symbology();
    if symbology == BarcodeFormat::EANUPC {
        return named(&VARIANTS, barcode.format());
    }
    if symbology == BarcodeFormat::QRCode {
        let variant = barcode.format();
        let other = variant == BarcodeFormat::RMQRCode;
        let plain = (!other).then_some(SymbolFormat::QRCode);
        return named(&VARIANTS, variant).or(plain);
    }
    named(&NAMES, symbology)
}

/// Adds the symbols not yet known: another text, or the same text in another place. Of two texts in
/// one place of which one is a part of the other, the shorter was cut off.
fn merge(known: &mut Vec<Symbol>, found: Vec<Symbol>) {
    for symbol in found {
        let same_place =
            |other: &Symbol| other.format == symbol.format && near(&other.corners, &symbol.corners);
        if known
            .iter()
            .any(|other| same_place(other) && other.text.contains(&symbol.text))
        {
            continue;
        }
        known.retain(|other| !(same_place(other) && symbol.text.contains(&other.text)));
        known.push(symbol);
    }
}

/// Whether the middles of two quadrangles are nearer than half of the longer side.
fn near(one: &Corners, other: &Corners) -> bool {
    let middle = |corners: &Corners, axis: usize| {
        corners
            .iter()
            .filter_map(|corner| corner.get(axis))
            .sum::<i32>()
            / 4
    };
    let extent = |axis: usize| {
        let values = || one.iter().filter_map(|corner| corner.get(axis));
        values()
            .max()
            .zip(values().min())
            .map_or(0, |(max, min)| max - min)
    };
    let reach = extent(0).max(extent(1)) / SAME_SIDE;
    (0..2).all(|axis| (middle(one, axis) - middle(other, axis)).abs() <= reach)
}
