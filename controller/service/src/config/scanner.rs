//! Barcode readers and machines that measure and weigh, in `site.toml`.

use serde::{Deserialize, Serialize};
use sortline_core::CameraId;
use sortline_fieldbus::address::Address;
use sortline_fieldbus::scanner::{Format, FormatFile};

/// A reader that sends text instead of frames. It stands where a camera of `line.toml` stands, and
/// is triggered like one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ScannerConfig {
    /// The camera's id in `line.toml` for which it stands.
    pub camera: CameraId,
    /// Where it is: `host:port`, or a serial line like `serial:///dev/ttyS1?9600-8N1`. Absent: it
    /// connects to `listen`.
    pub address: Option<String>,
    /// Where it connects to: `address:port` of this controller.
    pub listen: Option<String>,
    /// What it is. Absent: `format` says what it sends.
    pub kind: Option<ScannerKind>,
    /// What it sends. Absent: what `kind` sends as it comes.
    pub format: Option<FormatFile>,
    /// Milliseconds from its trigger to its telegram, at least and at most; the most is less than
    /// the time between two triggers, or parcels are no-reads for doubt. Default 0 and 400.
    #[serde(default = "answer")]
    pub answer_ms: [u32; 2],
    /// Seconds without any telegram after which it counts as ill, 0 to 3,600; 0: never. Set it where
    /// the device sends a heartbeat. Default 0.
    #[serde(default)]
    pub idle_s: u16,
}

/// From a trigger to its answer where nothing else is said.
pub(super) const fn answer() -> [u32; 2] {
    [0, 400]
}

/// A reader that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ScannerKind {
    /// Cognex `DataMan`: lines.
    CognexDmcc,
    /// SICK CLV or Lector: between STX and ETX.
    Sick,
    /// SICK Master Data Analyzer: code, weight and dimensions.
    SickMasterDataAnalyzer,
}

/// Where a reader is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScannerPlace {
    /// The controller connects to it.
    At(Address),
    /// It connects to the controller.
    Listen(std::net::SocketAddr),
}

impl ScannerConfig {
    /// What it sends.
    ///
    /// # Errors
    /// Key and text of what is wrong.
    pub fn sends(&self) -> Result<Format, (&'static str, String)> {
        let file = match (self.kind, &self.format) {
            (Some(ScannerKind::CognexDmcc), None) => FormatFile::dmcc(),
            (Some(ScannerKind::Sick), None) => FormatFile::sick(),
            (Some(ScannerKind::SickMasterDataAnalyzer), None) => FormatFile::master_data_analyzer(),
            (None, Some(format)) => format.clone(),
            (Some(_), Some(_)) | (None, None) => {
                return Err(("kind", "needed is either `kind` or `format`".to_owned()));
            }
        };
        Format::new(file).map_err(|error| ("format.template", error.to_string()))
    }

    /// Where it is.
    ///
    /// # Errors
    /// Key and text of what is wrong.
    pub fn place(&self) -> Result<ScannerPlace, (&'static str, String)> {
        match (&self.address, &self.listen) {
            (Some(address), None) => {
                let address = address.parse().map(ScannerPlace::At);
                address.map_err(|error| ("address", format!("{error}")))
            }
            (None, Some(listen)) => listen.parse().map(ScannerPlace::Listen).map_err(|_error| {
                (
                    "listen",
                    format!("found `{listen}`, allowed is `address:port`"),
                )
            }),
            _ => Err((
                "address",
                "needed is either `address` or `listen`".to_owned(),
            )),
        }
    }
}

/// What is wrong with the times of an answer.
pub(super) fn check_answer([least, most]: [u32; 2]) -> Option<String> {
    (least >= most || most > 10_000)
        .then(|| format!("found {least} to {most}, allowed is less to more, up to 10000"))
}

/// Checks the scanners of a site.
pub(super) fn check(scanners: &[ScannerConfig], refuse: &mut impl FnMut(&str, String)) {
    for (index, scanner) in scanners.iter().enumerate() {
        let mut refuse = |key: &str, text: String| refuse(&format!("scanner[{index}].{key}"), text);
        if let Err((key, text)) = scanner.sends() {
            refuse(key, text);
        }
        if let Err((key, text)) = scanner.place() {
            refuse(key, text);
        }
        if let Some(text) = check_answer(scanner.answer_ms) {
            refuse("answer_ms", text);
        }
        if scanner.idle_s > 3_600 {
            let found = scanner.idle_s;
            refuse("idle_s", format!("found {found}, allowed is 0 to 3600"));
        }
        if scanners
            .iter()
            .take(index)
            .any(|other| other.camera == scanner.camera)
        {
            refuse(
                "camera",
                format!("camera {} is there twice", scanner.camera),
            );
        }
    }
}
