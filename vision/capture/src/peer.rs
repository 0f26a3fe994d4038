//! Other decoders, on the same frame and thread, to be measured against. Nothing here is used for
//! reading parcels.

use std::ffi::OsStr;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zxingcpp::{BarcodeFormat, BarcodeReader, ImageFormat, ImageView};

use crate::geometry;
use crate::{CaptureError, Grey};

/// A symbol as a peer reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerRead {
    /// Name of the symbology in the peer's words, without blanks.
    pub format: String,
    /// Its content.
    pub text: String,
}

/// Another decoder.
pub struct Peer {
    name: &'static str,
    engine: Engine,
}

enum Engine {
    Zxing(BarcodeReader),
    Zbar(PathBuf),
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Symbologies that parcels carry.
const PARCEL_FORMATS: [BarcodeFormat; 7] = [
    BarcodeFormat::Code128,
    BarcodeFormat::ITF,
    BarcodeFormat::QRCode,
    BarcodeFormat::DataMatrix,
    BarcodeFormat::PDF417,
    BarcodeFormat::Aztec,
    BarcodeFormat::MaxiCode,
];

/// Program of the `ZBar` project that reads pictures.
const ZBAR_PROGRAM: &str = "zbarimg";

impl Peer {
    /// All that there are: zxing-cpp with its default options (it tries harder, rotated, inverted and
    /// downscaled); restricted to the symbologies of parcels, without inversion; without rotation,
    /// inversion and downscaling; and `ZBar`, where its program `zbarimg` is in one of the directories
    /// of `path`. Its time is elapsed time with the start of the program.
    pub fn all(path: &OsStr) -> Vec<Self> {
        let tuned = BarcodeReader::new()
            .formats(PARCEL_FORMATS)
            .try_invert(false);
        let fast = BarcodeReader::new()
            .try_harder(false)
            .try_rotate(false)
            .try_invert(false)
            .try_downscale(false);
        let zxing = [
            ("zxing-cpp", BarcodeReader::new()),
            ("zxing-cpp tuned", tuned),
            ("zxing-cpp fast", fast),
        ];
        let zxing = zxing.map(|(name, reader)| Self {
            name,
            engine: Engine::Zxing(reader),
        });
        let zbar = std::env::split_paths(path)
            .map(|directory| directory.join(ZBAR_PROGRAM))
            .find(|program| program.is_file())
            .map(|program| Self {
                name: "zbar",
                engine: Engine::Zbar(program),
            });
        zxing.into_iter().chain(zbar).collect()
    }

    /// What tables call it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it is a program of its own, so that the processor time of this thread says nothing.
    pub fn is_program(&self) -> bool {
        matches!(self.engine, Engine::Zbar(_))
    }

    /// Reads one frame.
    ///
    /// # Errors
    /// [`CaptureError::Undecodable`] with what the decoder said.
    pub fn read(&self, grey: &Grey) -> Result<Vec<PeerRead>, CaptureError> {
        match &self.engine {
            Engine::Zxing(reader) => zxing(reader, grey),
            Engine::Zbar(program) => zbar(program, grey),
        }
    }
}

/// The frame turned by `degrees` counterclockwise, grown so that nothing is cut off: pictures taken
/// upright as a camera sees parcels that lie anyhow.
///
/// # Errors
/// [`CaptureError::OpenCv`] when the turned picture cannot be made.
pub fn turned(grey: &Grey, degrees: f64) -> Result<Grey, CaptureError> {
    Ok(geometry::turned(grey, degrees, 1.0)?.grey)
}

fn undecodable(error: impl fmt::Display) -> CaptureError {
    CaptureError::Undecodable(error.to_string())
}

fn zxing(reader: &BarcodeReader, grey: &Grey) -> Result<Vec<PeerRead>, CaptureError> {
    let view = ImageView::from_slice(grey.data(), grey.width(), grey.height(), ImageFormat::Lum)
        .map_err(undecodable)?;
    let found = reader.from(view).map_err(undecodable)?;
    let valid = found.iter().filter(|barcode| barcode.is_valid());
    Ok(valid
        .map(|barcode| PeerRead {
            format: barcode.symbology().to_string().replace(' ', ""),
            text: barcode.text(),
        })
        .collect())
}

/// Hands the frame to the program as a grey PNM picture on its standard input.
fn zbar(program: &Path, grey: &Grey) -> Result<Vec<PeerRead>, CaptureError> {
    let mut child = Command::new(program)
        .args(["--quiet", "--nodbus", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(undecodable)?;
    if let Some(mut input) = child.stdin.take() {
        let head = format!("P5\n{} {}\n255\n", grey.width(), grey.height());
        let sent = input.write_all(head.as_bytes());
        // A program that gives up early closes its end; its answer says the rest.
        drop(sent.and_then(|()| input.write_all(grey.data())));
    }
    let output = child.wait_with_output().map_err(undecodable)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let symbols = text.lines().filter_map(|line| line.split_once(':'));
    Ok(symbols
        .map(|(format, text)| PeerRead {
            format: format.replace('-', ""),
            text: text.to_owned(),
        })
        .collect())
}
