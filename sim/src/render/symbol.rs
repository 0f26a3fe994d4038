//! Bar codes and matrix codes, made by the writer of the zxing-cpp library (its bundled zint).

use serde::{Deserialize, Serialize};
use zxingcpp::BarcodeFormat;

use super::RenderError;
use super::raster::Bitmap;

/// The kind of a symbol on a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SymbolKind {
    /// Code 128 (ISO/IEC 15417).
    Code128,
    /// GS1-128: Code 128 with FNC1 and GS1 element strings.
    #[serde(rename = "GS1-128")]
    Gs1128,
    /// Interleaved 2 of 5 (ISO/IEC 16390).
    #[serde(rename = "ITF")]
    Itf,
    /// QR code, error correction M (ISO/IEC 18004).
    #[serde(rename = "QRCode")]
    QrCode,
    /// Square `DataMatrix` ECC 200 (ISO/IEC 16022).
    DataMatrix,
    /// PDF417 (ISO/IEC 15438).
    #[serde(rename = "PDF417")]
    Pdf417,
    /// Aztec (ISO/IEC 24778).
    Aztec,
    /// `MaxiCode`, mode 4 (ISO/IEC 16023).
    MaxiCode,
}

impl SymbolKind {
    /// True for a symbol that is one row of bars.
    pub const fn is_linear(self) -> bool {
        matches!(self, Self::Code128 | Self::Gs1128 | Self::Itf)
    }

    /// The name that `sortline read` gives this symbol in `format`.
    pub const fn format_name(self) -> &'static str {
        match self {
            Self::Code128 | Self::Gs1128 => "Code128",
            Self::Itf => "ITF",
            Self::QrCode => "QRCode",
            Self::DataMatrix => "DataMatrix",
            Self::Pdf417 => "PDF417",
            Self::Aztec => "Aztec",
            Self::MaxiCode => "MaxiCode",
        }
    }

    const fn writer(self) -> (BarcodeFormat, &'static str) {
        match self {
            Self::Code128 => (BarcodeFormat::Code128, ""),
            Self::Gs1128 => (BarcodeFormat::Code128, "gs1"),
            Self::Itf => (BarcodeFormat::ITF, ""),
            Self::QrCode => (BarcodeFormat::QRCode, "ecLevel=M"),
            Self::DataMatrix => (BarcodeFormat::DataMatrix, "forceSquare"),
            Self::Pdf417 => (BarcodeFormat::PDF417, ""),
            Self::Aztec => (BarcodeFormat::Aztec, ""),
            Self::MaxiCode => (BarcodeFormat::MaxiCode, ""),
        }
    }
}

/// Scale at which a `MaxiCode` is drawn before it is brought to its printed width.
const MAXICODE_SCALE: i32 = 10;

/// Draws a symbol without quiet zone: one dot per module, one row for a linear symbol, rows three
/// modules high for PDF417. A `MaxiCode` is drawn large, in its own proportions.
///
/// The text of a GS1-128 has its application identifiers in parentheses.
///
/// # Errors
/// [`RenderError::Symbol`] when the text cannot be encoded.
pub(super) fn draw(kind: SymbolKind, text: &str) -> Result<Bitmap, RenderError> {
    let failed = |source| RenderError::Symbol { kind, source };
    let (format, options) = kind.writer();
    let scale = if kind == SymbolKind::MaxiCode {
        MAXICODE_SCALE
    } else {
        1
    };
    let barcode = zxingcpp::create(format)
        .options(options)
        .from_str(text)
        .map_err(failed)?;
    let writer = zxingcpp::write()
        .scale(scale)
        .add_quiet_zones(false)
        .add_hrt(false);
    let image = barcode.to_image_with(&writer).map_err(failed)?;
    let width = usize::try_from(image.width()).unwrap_or(0);
    let height = usize::try_from(image.height()).unwrap_or(0);
    let dots: Vec<u8> = image
        .data()
        .iter()
        .map(|&grey| if grey < 128 { 255 } else { 0 })
        .collect();
    let height = if kind.is_linear() {
        height.min(1)
    } else {
        height
    };
    Ok(Bitmap {
        width,
        height,
        dots: dots.into_iter().take(width * height).collect(),
    })
}

/// The modules of a matrix symbol without quiet zone, row by row; true is dark.
///
/// # Errors
/// [`RenderError::Symbol`] when the text cannot be encoded.
pub fn modules(kind: SymbolKind, text: &str) -> Result<Vec<Vec<bool>>, RenderError> {
    let drawing = draw(kind, text)?;
    let rows = drawing.dots.chunks_exact(drawing.width.max(1));
    Ok(rows
        .map(|row| row.iter().map(|&dot| dot != 0).collect())
        .collect())
}

/// Brings a drawing to `width` dots, nearest dot.
pub(super) fn resized(drawing: &Bitmap, width: usize) -> Bitmap {
    let height = (drawing.height * width)
        .checked_div(drawing.width)
        .unwrap_or(0);
    let mut out = Bitmap::blank(width, height);
    for y in 0..height {
        for x in 0..width {
            if drawing.is_ink(x * drawing.width / width, y * drawing.height / height) {
                out.dots[y * width + x] = 255;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Enlarges a drawing with a quiet zone around it and reads it back.
    fn read_back(kind: SymbolKind, text: &str) -> Vec<String> {
        let mut drawing = draw(kind, text).expect("drawn");
        let mut scale = (4, 4);
        if kind == SymbolKind::MaxiCode {
            drawing = resized(&drawing, 224);
            scale = (1, 1);
        } else if kind.is_linear() {
            scale = (3, 60);
        }
        let (width, height) = (drawing.width * scale.0 + 80, drawing.height * scale.1 + 80);
        let mut paper = Bitmap::blank(width, height);
        paper.stamp(&drawing, 40, 40, scale);
        let pixels: Vec<u8> = paper.dots.iter().map(|d| 255 - d).collect();
        let view =
            zxingcpp::ImageView::from_slice(&pixels, width, height, zxingcpp::ImageFormat::Lum)
                .expect("a view");
        let symbols = zxingcpp::read().from(&view).expect("read");
        symbols
            .iter()
            .map(|s| format!("{} {}", s.format(), s.text()))
            .collect()
    }

    #[test]
    fn every_kind_reads_back_what_was_written() {
        let json = r#"{"tracking":"RR123456785CN","postcode":"10115","country":"DE"}"#;
        let table = [
            (
                SymbolKind::Code128,
                "RR123456785CN",
                "Code 128 RR123456785CN",
            ),
            (
                SymbolKind::Gs1128,
                "(00)340123450000000017(420)10115",
                "Code 128 (00)340123450000000017(420)10115",
            ),
            (
                SymbolKind::Gs1128,
                "(00)340123450000000017(421)27610115",
                "Code 128 (00)340123450000000017(421)27610115",
            ),
            (SymbolKind::Itf, "15400141288763", "ITF 15400141288763"),
            (SymbolKind::QrCode, json, &format!("QR Code {json}")),
            (
                SymbolKind::DataMatrix,
                "RR123456785CN 10115 31415926",
                "Data Matrix RR123456785CN 10115 31415926",
            ),
            (
                SymbolKind::Pdf417,
                "RR123456785CN Berlin",
                "PDF417 RR123456785CN Berlin",
            ),
            (SymbolKind::Aztec, json, &format!("Aztec {json}")),
            (
                SymbolKind::MaxiCode,
                "RR123456785CN 10115",
                "MaxiCode RR123456785CN 10115",
            ),
        ];
        for (kind, text, expected) in table {
            assert_eq!(read_back(kind, text), [expected], "{kind:?}");
        }
    }

    #[test]
    fn text_that_cannot_be_encoded_is_an_error() {
        let error = draw(SymbolKind::Gs1128, "(00)12").expect_err("an SSCC has 18 digits");
        assert!(matches!(
            error,
            RenderError::Symbol {
                kind: SymbolKind::Gs1128,
                ..
            }
        ));
    }
}
