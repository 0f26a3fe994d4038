//! A device profile as written in TOML.

use serde::{Deserialize, Serialize};

/// `config/hardware/NAME.toml`: one kind of device. Takes effect at the next start of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProfileFile {
    /// Short name: lower-case letters, digits, dashes.
    pub id: String,
    /// Maker and model, as people know it.
    pub name: String,
    /// How it is spoken to. Default `modbus`.
    #[serde(default)]
    pub protocol: Protocol,
    /// Where the facts were read.
    pub source: String,
    /// Facts that no source backs: look them up in the manual before the device is relied on.
    /// `sortline check` names them.
    #[serde(default)]
    pub confirm: Vec<String>,
    /// Number that the manual gives to the first element of a table; `addr` minus this is the
    /// address on the wire, 0 or 1. Default 0.
    #[serde(default)]
    pub base: u16,
    /// What one request may ask for.
    #[serde(default)]
    pub limits: LimitsFile,
    /// Blocks that answer only when they are read or written from their first register.
    #[serde(default, rename = "assembly")]
    pub assemblies: Vec<AssemblyFile>,
    /// Inputs, outputs and values.
    #[serde(default, rename = "point")]
    pub points: Vec<PointFile>,
    /// What switches the outputs off when the controller falls silent. Without it no output of
    /// this device may be used by a running line, except those that end by themselves.
    pub watchdog: Option<WatchdogFile>,
}

/// How a device is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Modbus.
    #[default]
    Modbus,
    /// Telegrams of the `ShuDiNiao` wheel diverter; its points are `left` and `right`.
    Shudiniao,
}

/// What one request may ask for; the defaults are those of Modbus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LimitsFile {
    /// Function codes that the device knows, among 1 to 6, 15, 16 and 23. Default: all but 23.
    pub functions: Vec<u8>,
    /// Registers in one read, 1 to 125.
    pub read_words: u16,
    /// Registers in one write, 1 to 123.
    pub write_words: u16,
    /// Bits in one read, 1 to 2,000.
    pub read_bits: u16,
    /// Bits in one write, 1 to 1,968.
    pub write_bits: u16,
    /// Registers nobody wants that may be read along to save a request. Default 8.
    pub gap_words: u16,
    /// Bits nobody wants that may be read along. Default 64.
    pub gap_bits: u16,
}

impl Default for LimitsFile {
    fn default() -> Self {
        Self {
            functions: vec![1, 2, 3, 4, 5, 6, 15, 16],
            read_words: 125,
            write_words: 123,
            read_bits: 2_000,
            write_bits: 1_968,
            gap_words: 8,
            gap_bits: 64,
        }
    }
}

/// A block that answers only from its first register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AssemblyFile {
    /// First register, counted like `addr`.
    pub first: u16,
    /// Registers.
    pub words: u16,
}

/// Where something is: `ref = "00017"` counts from 1 and names its table by the first digit (0
/// coils, 1 discrete inputs, 3 input registers, 4 holding registers); `addr = 16` is a holding
/// register unless `table` says otherwise, and counts from `base`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlaceFile {
    /// Reference with table digit, five or six digits.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// Address.
    pub addr: Option<u16>,
    /// Table of `addr`. Default `holding`.
    pub table: Option<TableFile>,
}

/// A table of a Modbus device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TableFile {
    /// Outputs of one bit.
    Coil,
    /// Inputs of one bit.
    Discrete,
    /// Registers that may be written.
    Holding,
    /// Registers that are read only.
    Input,
}

/// One input, output or value, or a row of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PointFile {
    /// Name; of a row each one's number is put behind it, from 0.
    pub name: String,
    /// Points in the row. Default: a single point without number.
    pub count: Option<u16>,
    /// Reference with table digit.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// Address.
    pub addr: Option<u16>,
    /// Table of `addr`.
    pub table: Option<TableFile>,
    /// Bit of a register that this point is, 0 to 15, 0 the lowest; of a row the first one's.
    pub bit: Option<u8>,
    /// What it holds. Default `bit` in tables of bits and where `bit` is given, else `u16`.
    pub value: Option<ValueFile>,
    /// Which register of two comes first. Needed for `u32` and `i32`: makers differ.
    pub words: Option<WordsFile>,
    /// Whether the controller writes it. Default false.
    #[serde(default)]
    pub write: bool,
    /// Unit of its value, for screens.
    #[serde(default)]
    pub unit: String,
    /// Address at which what was written is read back, in the same table; of a row that of the
    /// first point. Default: where it is written.
    pub read_back: Option<u16>,
    /// How the device switches this output for a time by itself.
    pub pulse: Option<PulseFile>,
}

/// What a point holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ValueFile {
    /// On or off.
    Bit,
    /// One register.
    U16,
    /// One register, two's complement.
    I16,
    /// Two registers.
    U32,
    /// Two registers, two's complement.
    I32,
}

/// Which register of two comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WordsFile {
    /// The more significant one.
    HiLo,
    /// The less significant one.
    LoHi,
}

/// An output that the device times: registers *level, time in milliseconds (two, hi lo)*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PulseFile {
    /// First register, of a row that of the first point; the others follow three by three.
    pub addr: u16,
}

/// How a device's watchdog is armed, fed and looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WatchdogFile {
    /// Time without a sign of life after which outputs are in their safe state, milliseconds.
    pub time_ms: u16,
    /// Written in this order at connect; `arm` sets the time and starts it.
    #[serde(default)]
    pub arm: Vec<StepFile>,
    /// Read after arming: every one must hold.
    #[serde(default)]
    pub verify: Vec<StepFile>,
    /// Read at every poll: any one that holds says that the watchdog has tripped.
    #[serde(default)]
    pub tripped: Vec<StepFile>,
    /// Written before arming when it has tripped.
    #[serde(default)]
    pub clear: Vec<StepFile>,
    /// Prove it once at start: the controller falls silent for longer than `time_ms`, and
    /// `tripped` must hold then. For devices whose arming cannot be read. Default false.
    #[serde(default)]
    pub prove: bool,
    /// A register to which another number is written at every poll as the sign of life. Default:
    /// the outputs are written at every poll, changed or not.
    pub feed: Option<PlaceFile>,
}

/// One register or bit, and what is written to it or must be read from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StepFile {
    /// Reference with table digit.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// Address.
    pub addr: Option<u16>,
    /// Table of `addr`.
    pub table: Option<TableFile>,
    /// The value; of a bit 0 or 1.
    pub value: Option<u16>,
    /// Instead of a value: the watchdog's time in units of so many milliseconds.
    pub time_in_ms: Option<u16>,
    /// Bits that count when it is read. Default: all.
    #[serde(default = "all_bits")]
    pub mask: u16,
}

const fn all_bits() -> u16 {
    u16::MAX
}
