//! `devices.toml` as written.

use serde::{Deserialize, Serialize};

/// `devices.toml` as written. Every key takes effect at the next start of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WiringFile {
    /// Buses: connections, each with one or more devices.
    #[serde(rename = "bus")]
    pub buses: Vec<BusFile>,
    /// Devices.
    #[serde(rename = "device")]
    pub devices: Vec<DeviceFile>,
    /// Photo-eyes, one for each of `line.toml`.
    #[serde(rename = "eye")]
    pub eyes: Vec<EyeFile>,
    /// Encoder.
    pub encoder: EncoderFile,
    /// Diverters, one for each of `line.toml`.
    #[serde(default, rename = "diverter")]
    pub diverters: Vec<DiverterFile>,
    /// Cameras that are triggered by an output.
    #[serde(default, rename = "camera")]
    pub cameras: Vec<CameraFile>,
    /// Stop circuit. Default: none is connected.
    pub stop: Option<StopFile>,
}

/// A connection to devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BusFile {
    /// Name.
    pub id: String,
    /// `host:port`, `tls://host:port`, `rtu+tcp://host:port`, or a serial line like
    /// `rtu:///dev/ttyS0?19200-8E1`.
    pub address: String,
    /// Milliseconds between two polls, 2 to 1,000. Default 10.
    #[serde(default = "poll")]
    pub poll_ms: u16,
    /// Milliseconds after which a call is given up, 5 to 2,000. Default 50.
    #[serde(default = "call")]
    pub call_ms: u16,
}

const fn poll() -> u16 {
    10
}

const fn call() -> u16 {
    50
}

/// A device on a bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DeviceFile {
    /// Name.
    pub id: String,
    /// The bus it is on.
    pub bus: String,
    /// Its profile: a file of the site's `hardware` folder, or one that comes with the product.
    pub profile: String,
    /// Modbus unit, or number of a wheel diverter (0x51 and up). Default 1.
    #[serde(default = "unit")]
    pub unit: u8,
    /// Why its outputs may be used although nothing switches them off when the controller is gone.
    /// Who writes this answers for it. Default: they may not.
    pub without_watchdog: Option<String>,
}

const fn unit() -> u8 {
    1
}

/// A photo-eye.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EyeFile {
    /// The photo-eye's id in `line.toml`.
    pub id: u8,
    /// `device.point`.
    pub point: String,
    /// The input is off while the photo-eye is blocked. Default false.
    #[serde(default)]
    pub inverted: bool,
}

/// An encoder on a counter input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EncoderFile {
    /// `device.point` of a counter.
    pub point: String,
    /// Counts of the device for `ticks` ticks of `line.toml`. Default 1.
    #[serde(default = "one")]
    pub counts: u32,
    /// Ticks for `counts` counts. Default 1.
    #[serde(default = "one")]
    pub ticks: u32,
}

const fn one() -> u32 {
    1
}

/// A diverter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DiverterFile {
    /// The diverter's id in `line.toml`.
    pub id: u8,
    /// `device.point` of an output.
    pub point: String,
    /// The device switches the output on for so many milliseconds by itself, 10 to 60,000; for
    /// outputs that devices time. Default: on for as long as the stroke lasts.
    pub pulse_ms: Option<u32>,
}

/// A camera that is triggered by an output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CameraFile {
    /// The camera's id in `line.toml`.
    pub id: u8,
    /// `device.point` of an output.
    pub point: String,
}

/// The stop circuit's contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StopFile {
    /// `device.point` of an input that is on while the circuit is closed: a broken wire stops.
    pub point: String,
}
