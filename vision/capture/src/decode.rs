//! The zxing-cpp library: readers for profiles, crops and whole frames, and what is believed of
//! their answers.

use std::fmt;

use sortline_read::{Corners, Symbol, SymbolFormat, bounded, plausible};
use zxingcpp::{
    BarcodeFormat, BarcodeReader, Binarizer, ContentType, EanAddOnSymbol, ImageFormat, ImageView,
    TextMode,
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

/// Fewest lines of a symbol of which a part might be valid as well.
const LINES_WHOLE: i32 = 10;

/// Greatest lean of a symbol of which a part might be valid as well, about 8°.
const LEAN_MAX: f64 = 0.14;

/// A PDF417 or a Data Matrix with less unused error correction than this may have been corrected to
/// another text. Codewords that no line of pixels shows take one spare codeword each; when they and one
/// error take all, one in 23 spoiled symbols of 40 codewords fits another text (n ÷ 929), and the
/// library tries up to a hundred readings of ambiguous ones. One spare codeword more makes that one in
/// 20,000. Of a small Data Matrix whose t corrections are all used, one in t! is another text.
const SPARE_MIN: f32 = 0.05;

/// Factor by which a picture is enlarged for a second look at such a symbol: where lines and pixels
/// fall elsewhere, more of it may be seen.
const SECOND_LOOK: f64 = 1.27;

/// Where the quiet zone of a Micro QR is looked at, hundredths of half a side from the middle: it has 11 to 17 modules
/// a side and a quiet zone of two (ISO/IEC 18004), so this is 0.8 to 1.2 modules outside.
const QUIET_AT: i32 = 114;

/// Points of each side that are looked at, and how many may be dark: specks are, half of them are where
/// modules go on.
const SAMPLES: i32 = 24;
const DARK_MAX: usize = 5;

/// Two symbols with equal text whose middles are nearer than this share of a side are the same.
const SAME_SIDE: i32 = 2;

const LINEAR: [BarcodeFormat; 7] = [
    BarcodeFormat::Code128,
    BarcodeFormat::Code39,
    BarcodeFormat::Code93,
    BarcodeFormat::Codabar,
    BarcodeFormat::ITF,
    BarcodeFormat::EANUPC,
    BarcodeFormat::DataBar,
];

const MATRIX: [BarcodeFormat; 4] = [
    BarcodeFormat::QRCode,
    BarcodeFormat::DataMatrix,
    BarcodeFormat::PDF417,
    BarcodeFormat::Aztec,
];

/// A reader that does nothing dear.
fn plain() -> BarcodeReader {
    BarcodeReader::new()
        .max_number_of_symbols(SYMBOLS_MAX)
        .ean_add_on_symbol(EanAddOnSymbol::Ignore)
        .text_mode(TextMode::Plain)
        .try_invert(false)
        .try_downscale(false)
        .try_rotate(false)
}

/// Reads linear symbols from levelled profiles: middle grey is the border of dark and bright.
pub(crate) fn profile_reader() -> BarcodeReader {
    // Without trying harder only the first likely start of a row is looked at.
    plain()
        .binarizer(Binarizer::FixedThreshold)
        .min_line_count(1)
        .formats(LINEAR)
}

/// Reads two-dimensional symbols from turned crops, and tells of damaged ones.
pub(crate) fn matrix_reader() -> BarcodeReader {
    plain().try_rotate(true).return_errors(true).formats(MATRIX)
}

/// Reads the rows of a PDF417 that lie or stand upright.
pub(crate) fn stacked_reader() -> BarcodeReader {
    plain().try_rotate(true).formats([BarcodeFormat::PDF417])
}

/// Reads a clean, upright `MaxiCode`.
pub(crate) fn maxicode_reader() -> BarcodeReader {
    plain()
        .is_pure(true)
        .binarizer(Binarizer::FixedThreshold)
        .formats([BarcodeFormat::MaxiCode])
}

/// Reads a frame as a whole, trying hard.
pub(crate) struct Whole(BarcodeReader);

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Whole").finish()
    }
}

impl Whole {
    pub(crate) fn new() -> Self {
        let mut all = LINEAR.to_vec();
        all.extend(MATRIX);
        all.push(BarcodeFormat::MaxiCode);
        let reader = plain()
            .try_rotate(true)
            .try_invert(true)
            .try_downscale(true);
        Self(reader.formats(all))
    }

    /// Symbols of the frame, scaled down to `most` pixels; of a small one also twice as large.
    pub(crate) fn read(&self, grey: &Grey, most: usize) -> Result<Vec<Symbol>, CaptureError> {
        if grey.data().len() > most {
            return self.view(&geometry::scaled(grey, geometry::shrinking(grey, most))?);
        }
        let found = symbols(&self.0, grey.data(), grey.width(), grey.height())?;
        if !found.is_empty() || geometry::longest(grey) >= SMALL {
            return Ok(found);
        }
        self.view(&geometry::scaled(grey, 2.0)?)
    }

    /// Symbols of the frame turned by an angle in degrees, counterclockwise. What is brighter than
    /// the label's paper lies beyond it and is dimmed, so that the label has no edge there.
    pub(crate) fn turned(
        &self,
        grey: &Grey,
        degrees: f32,
        paper: f32,
    ) -> Result<Vec<Symbol>, CaptureError> {
        let dimmed = geometry::dimmed(grey, paper);
        self.view(&geometry::turned(&dimmed, f64::from(degrees), 1.0)?)
    }

    fn view(&self, view: &View) -> Result<Vec<Symbol>, CaptureError> {
        let (width, height) = (view.grey.width(), view.grey.height());
        let mut found = symbols(&self.0, view.grey.data(), width, height)?;
        for symbol in &mut found {
            symbol.corners = view.corners(symbol.corners);
        }
        Ok(found)
    }
}

/// What a look at a picture gave.
#[derive(Debug)]
pub(crate) struct Look {
    /// Valid, plausible symbols.
    pub(crate) symbols: Vec<Symbol>,
    /// There is a symbol that could not be corrected.
    pub(crate) damaged: bool,
}

/// Valid, plausible symbols of a picture.
pub(crate) fn symbols(
    reader: &BarcodeReader,
    pixels: &[u8],
    width: u32,
    height: u32,
) -> Result<Vec<Symbol>, CaptureError> {
    Ok(look(reader, pixels, width, height)?.symbols)
}

/// Valid, plausible symbols of a picture, and whether there is a damaged one.
pub(crate) fn look(
    reader: &BarcodeReader,
    pixels: &[u8],
    width: u32,
    height: u32,
) -> Result<Look, CaptureError> {
    let (mut found, damaged) = attempt(reader, pixels, width, height)?;
    if found.iter().any(|decoded| decoded.weak) {
        let second = second_look(reader, pixels, width, height)?;
        found.retain(|decoded| {
            let same = |other: &Decoded| other.symbol.text == decoded.symbol.text;
            !decoded.weak || second.iter().any(|other| !other.weak && same(other))
        });
    }
    let free = |symbol: &Symbol| {
        symbol.format != SymbolFormat::MicroQRCode || is_quiet(pixels, width, &symbol.corners)
    };
    let believed = |Decoded { symbol, lines, .. }| {
        let certain = lines >= LINES_CERTAIN && !symbol.text.is_empty();
        let whole = lines >= LINES_WHOLE && lean(&symbol.corners) < LEAN_MAX;
        let upright = whole || !may_be_cut(symbol.format);
        (upright && (certain || plausible(&symbol)) && free(&symbol)).then_some(symbol)
    };
    Ok(Look {
        symbols: found.into_iter().filter_map(believed).collect(),
        damaged,
    })
}

/// Whether the quiet zone of a Micro QR is free. One finder pattern and five digits checked by two
/// bytes are soon found in a damaged QR code, but there the modules go on beyond it.
fn is_quiet(pixels: &[u8], width: u32, corners: &Corners) -> bool {
    let next = [corners[1], corners[2], corners[3], corners[0]];
    let sides = || corners.iter().copied().zip(next);
    let sum = corners
        .iter()
        .fold([0, 0], |sum, at| [sum[0] + at[0], sum[1] + at[1]]);
    let middle = sum.map(|sum| sum / 4);
    // A point of a side, moved to so many hundredths of its way from the middle.
    let pixel = |(from, to): ([i32; 2], [i32; 2]), sample: i32, reach: i32| {
        let moved = |from: i32, to: i32, middle: i32| {
            let on = from + (to - from) * (2 * sample + 1) / (2 * SAMPLES);
            usize::try_from(middle + (on - middle) * reach / 100).ok()
        };
        let width = usize::try_from(width).ok()?;
        let x = moved(from[0], to[0], middle[0]).filter(|x| *x < width)?;
        let y = moved(from[1], to[1], middle[1])?;
        let pixel = pixels.get(y.checked_mul(width)?.checked_add(x)?)?;
        Some(u32::from(*pixel))
    };
    let (mut sum, mut count) = (0, 0);
    for side in sides() {
        for sample in 0..SAMPLES {
            for inner in (0..SAMPLES).filter_map(|at| pixel(side, sample, 100 * at / SAMPLES)) {
                (sum, count) = (sum + inner, count + 1);
            }
        }
    }
    // What lies beyond the picture is not known to be dark.
    let dark = |pixel: u32| pixel * count < sum;
    sides().all(|side| {
        let rim = (0..SAMPLES).filter_map(|sample| pixel(side, sample, QUIET_AT));
        rim.filter(|pixel| dark(*pixel)).count() <= DARK_MAX
    })
}

/// What the same picture shows a little larger.
fn second_look(
    reader: &BarcodeReader,
    pixels: &[u8],
    width: u32,
    height: u32,
) -> Result<Vec<Decoded>, CaptureError> {
    let Some(grey) = Grey::new(width, height, pixels.to_vec()) else {
        return Ok(Vec::new());
    };
    let larger = geometry::scaled(&grey, SECOND_LOOK)?.grey;
    decoded(reader, larger.data(), larger.width(), larger.height())
}

/// Whether a part of a symbol of this format is a valid symbol.
fn may_be_cut(format: SymbolFormat) -> bool {
    [
        SymbolFormat::Itf,
        SymbolFormat::Code39,
        SymbolFormat::Codabar,
    ]
    .contains(&format)
}

/// How far the bars lean, as a share of their height: rows of pixels leave leaning bars before the
/// symbol ends.
fn lean(&[top_left, top_right, _, bottom_left]: &Corners) -> f64 {
    let vector = |from: [i32; 2], to: [i32; 2]| {
        [0, 1]
            .map(|i| f64::from(to.get(i).copied().unwrap_or(0) - from.get(i).copied().unwrap_or(0)))
    };
    let ([ax, ay], [bx, by]) = (vector(top_left, top_right), vector(top_left, bottom_left));
    let (dot, cross) = (ax * bx + ay * by, ax * by - ay * bx);
    dot.abs() / cross.abs().max(1.0)
}

/// A symbol as the library gives it.
#[derive(Clone, Debug)]
pub(crate) struct Decoded {
    pub(crate) symbol: Symbol,
    /// Lines of pixels in which a linear one was read.
    pub(crate) lines: i32,
    /// So much was corrected that it may be another.
    weak: bool,
}

/// Valid symbols of the contract's formats.
pub(crate) fn decoded(
    reader: &BarcodeReader,
    pixels: &[u8],
    width: u32,
    height: u32,
) -> Result<Vec<Decoded>, CaptureError> {
    Ok(attempt(reader, pixels, width, height)?.0)
}

/// Valid symbols, and whether there is an invalid one.
fn attempt(
    reader: &BarcodeReader,
    pixels: &[u8],
    width: u32,
    height: u32,
) -> Result<(Vec<Decoded>, bool), CaptureError> {
    let undecodable = |error: zxingcpp::Error| CaptureError::Undecodable(error.to_string());
    let view =
        ImageView::from_slice(pixels, width, height, ImageFormat::Lum).map_err(undecodable)?;
    let found = reader.from(view).map_err(undecodable)?;
    let damaged = found.iter().any(|barcode| !barcode.is_valid());
    Ok((found.iter().filter_map(symbol).collect(), damaged))
}

fn symbol(barcode: &zxingcpp::Barcode) -> Option<Decoded> {
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
    // One decimal, as a number; nothing where the library does not know.
    let spare = barcode.extra_with_key("UEC").parse::<f32>();
    let mended = [SymbolFormat::PDF417, SymbolFormat::DataMatrix].contains(&symbol.format);
    let weak = mended && spare.is_ok_and(|spare| spare < SPARE_MIN);
    Some(Decoded {
        symbol,
        lines,
        weak,
    })
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
pub(crate) fn merge(known: &mut Vec<Symbol>, found: Vec<Symbol>) {
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

#[cfg(test)]
mod tests {
    use zxingcpp::{create, write};

    use super::*;

    /// A PDF417 as pixels, with the places of its codewords.
    struct Stacked {
        data: Vec<u8>,
        width: usize,
        left: usize,
        top: usize,
        module: usize,
        row: usize,
        columns: usize,
        rows: usize,
    }

    impl Stacked {
        fn of(text: &str) -> Self {
            let code = create(BarcodeFormat::PDF417).from_str(text).unwrap();
            let image = code
                .to_image_with(&write().scale(3).add_quiet_zones(true))
                .unwrap();
            let width = usize::try_from(image.width()).unwrap();
            let data = image.data();
            let dark = |at: usize| data[at] < 128;
            let first = (0..data.len()).find(|at| dark(*at)).unwrap();
            let (left, top) = (first % width, first / width);
            // The start pattern begins with a bar of eight modules.
            let bar = (first..data.len()).take_while(|at| dark(*at));
            let module = bar.count() / 8;
            let right = (left..width).rfind(|x| dark(top * width + x)).unwrap();
            let bottom = (0..data.len()).rfind(|at| dark(*at)).unwrap() / width;
            let line = |y: usize| &data[y * width..][..width];
            let row = (1..=bottom - top).find(|y| line(top + y) != line(top));
            let row = row.unwrap();
            // Start, stop and both row indicators are as wide as codewords, the stop one module wider.
            let columns = (right + 1 - left) / module / 17 - 4;
            let rows = (bottom + 1 - top) / row;
            Self {
                data,
                width,
                left,
                top,
                module,
                row,
                columns,
                rows,
            }
        }

        fn places(&self, [row, column]: [usize; 2]) -> impl Iterator<Item = usize> {
            let wide = 17 * self.module;
            let left = self.left + (column + 2) * wide;
            let (top, high, width) = (self.top + row * self.row, self.row, self.width);
            (top..top + high).flat_map(move |y| (left..left + wide).map(move |x| y * width + x))
        }

        fn hide(&mut self, cell: [usize; 2]) {
            for at in self.places(cell).collect::<Vec<_>>() {
                self.data[at] = 255;
            }
        }

        /// Puts one codeword in the place of another, three rows away: it stays a codeword.
        fn copy(&mut self, from: [usize; 2], to: [usize; 2]) {
            for (from, to) in self.places(from).zip(self.places(to)).collect::<Vec<_>>() {
                self.data[to] = self.data[from];
            }
        }
    }

    #[test]
    fn a_pdf417_mended_with_its_last_spare_codeword_is_not_believed() {
        let text = "RR485455482CN|NL|1099 LB|AMSTERDAM";
        let whole = Stacked::of(text);
        let reader = matrix_reader();
        let texts = |picture: &Stacked| {
            let (width, height) = (picture.width, picture.data.len() / picture.width);
            let size = [width, height].map(|side| u32::try_from(side).unwrap());
            let raw = decoded(&reader, &picture.data, size[0], size[1]).unwrap();
            let believed = symbols(&reader, &picture.data, size[0], size[1]).unwrap();
            let raw: Vec<String> = raw.into_iter().map(|one| one.symbol.text).collect();
            let believed: Vec<String> = believed.into_iter().map(|one| one.text).collect();
            (raw, believed)
        };
        assert_eq!(texts(&whole).1, [text]);
        // Hidden codewords cost one spare one each, replaced ones two; there are eight.
        let (mut read, mut refused) = (0, 0);
        let cells = whole.columns * whole.rows;
        let cell = |at: usize| [at / whole.columns % whole.rows, at % whole.columns];
        for seed in 0..100_usize {
            let mut spoiled = Stacked::of(text);
            let replaced = seed % 5;
            let hidden = (8 - 2 * replaced).min(6 + seed % 2);
            let at = |i: usize| (seed * 7919 + i * (2 * (seed % 9) + 3)) % cells;
            for i in 0..hidden {
                spoiled.hide(cell(at(i)));
            }
            for i in hidden..hidden + replaced {
                let [row, column] = cell(at(i));
                let other = if row < 3 { row + 3 } else { row - 3 };
                spoiled.copy([other, column], [row, column]);
            }
            let (raw, believed) = texts(&spoiled);
            assert!(believed.iter().all(|found| found == text), "{believed:?}");
            read += usize::from(!raw.is_empty());
            refused += usize::from(!raw.is_empty() && believed.is_empty());
        }
        assert!(refused > 0, "{refused} of {read}");
    }

    #[test]
    fn a_micro_qr_among_more_modules_is_a_part_of_a_damaged_qr() {
        let code = create(BarcodeFormat::MicroQRCode).from_str("12345");
        let style = write().scale(4).add_quiet_zones(false);
        let image = code.unwrap().to_image_with(&style).unwrap();
        let (side, data) = (usize::try_from(image.width()).unwrap(), image.data());
        let margin = 60;
        let width = side + 2 * margin;
        let drawn = |around: &dyn Fn(usize, usize) -> u8| {
            let mut picture: Vec<u8> = (0..width * width)
                .map(|at| around(at % width, at / width))
                .collect();
            for (from, row) in data.chunks_exact(side).enumerate() {
                picture[(margin + from) * width + margin..][..side].copy_from_slice(row);
            }
            picture
        };
        let reader = matrix_reader();
        let size = u32::try_from(width).unwrap();
        let alone = drawn(&|_, _| 255);
        let found = symbols(&reader, &alone, size, size).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].format, SymbolFormat::MicroQRCode);
        // As in a QR code whose other finder patterns are hidden: modules right and below.
        let noise = |x: usize, y: usize| (x / 4 * 7919 + y / 4 * 104_729) % 13 < 6;
        let among = drawn(&|x, y| {
            let beyond = x >= margin && y >= margin && (x >= margin + side || y >= margin + side);
            if beyond && noise(x, y) { 0 } else { 255 }
        });
        let raw = decoded(&reader, &among, size, size).unwrap();
        assert!(
            raw.iter()
                .any(|one| one.symbol.format == SymbolFormat::MicroQRCode)
        );
        assert!(symbols(&reader, &among, size, size).unwrap().is_empty());
    }
}
