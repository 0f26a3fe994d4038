//! Barcode readers and machines that measure and weigh (DWS): their telegrams, and to which
//! trigger a telegram belongs. Pure.
//!
//! All of them send text between two marks, made by a template that a person typed into the
//! device. One decoder with settings reads them: [`Format`] says where a telegram begins and ends
//! and what stands in it, [`Decoder`] takes them out of the stream, [`Matcher`] says which trigger
//! a telegram answers, or that it cannot be known.

mod matcher;
mod template;

use serde::{Deserialize, Serialize};

pub use matcher::Matcher;
pub use template::{Field, Template, TemplateError};

/// Longest telegram, bytes; what is longer is thrown away to its end.
const TELEGRAM_MAX: usize = 4_096;
/// Codes in one telegram.
const CODES_MAX: usize = 32;
const STX: u8 = 0x02;
const ETX: u8 = 0x03;

/// What a device sends, as a person configures it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FormatFile {
    /// Where telegrams begin and end.
    pub frame: Frame,
    /// What stands in one: text with fields in braces, such as `{Code},{Weight}`. Absent: the
    /// telegram is JSON, with the names of the fields as keys.
    pub template: Option<String>,
    /// What the device sends when it read nothing. Default `NoRead`, `noread`, `<NO READ>`.
    #[serde(default = "no_read")]
    pub no_read: Vec<String>,
    /// What it sends to show that it is there; such telegrams say nothing else.
    pub heartbeat: Option<String>,
    /// What stands between several codes in one field.
    pub code_separator: Option<String>,
    /// Unit of weights. Default `g`.
    #[serde(default)]
    pub weight: WeightUnit,
    /// Unit of lengths. Default `mm`.
    #[serde(default)]
    pub length: LengthUnit,
}

fn no_read() -> Vec<String> {
    ["NoRead", "noread", "<NO READ>"]
        .map(str::to_owned)
        .to_vec()
}

/// Where telegrams begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Frame {
    /// Between the control characters STX and ETX.
    StxEtx,
    /// To the end of the line; empty lines are nothing.
    Line,
}

/// Unit of weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WeightUnit {
    /// Grams.
    #[default]
    G,
    /// Kilograms.
    Kg,
}

/// Unit of lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LengthUnit {
    /// Millimeters.
    #[default]
    Mm,
    /// Centimeters.
    Cm,
}

impl FormatFile {
    /// Cognex `DataMan`: the code in a line; answers to commands begin with `||`.
    pub fn dmcc() -> Self {
        Self::of(Frame::Line, "{Code}")
    }

    /// SICK readers as they come: the code between STX and ETX.
    pub fn sick() -> Self {
        Self::of(Frame::StxEtx, "{Code}")
    }

    /// SICK Master Data Analyzer: object number, code, weight in grams, lengths in millimeters.
    pub fn master_data_analyzer() -> Self {
        let template = "{Tracking};{Code};{Weight};g;{ScaleError};{Length};{Width};{Height};mm;\
                        {Status};{Volume}";
        Self::of(Frame::StxEtx, template)
    }

    fn of(frame: Frame, template: &str) -> Self {
        Self {
            frame,
            template: Some(template.to_owned()),
            no_read: no_read(),
            heartbeat: None,
            code_separator: None,
            weight: WeightUnit::G,
            length: LengthUnit::Mm,
        }
    }
}

/// A checked format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    frame: Frame,
    template: Option<Template>,
    no_read: Vec<String>,
    heartbeat: Option<String>,
    code_separator: Option<String>,
    /// Grams and millimeters of one unit.
    scale: (u64, u64),
}

impl Format {
    /// Checks a format.
    ///
    /// # Errors
    /// The template says not clearly where its fields end, or names no such field.
    pub fn new(file: FormatFile) -> Result<Self, TemplateError> {
        let template = file.template.as_deref().map(Template::new).transpose()?;
        let grams = if file.weight == WeightUnit::Kg {
            1_000
        } else {
            1
        };
        let millimeters = if file.length == LengthUnit::Cm { 10 } else { 1 };
        Ok(Self {
            frame: file.frame,
            template,
            no_read: file.no_read,
            heartbeat: file.heartbeat,
            code_separator: file.code_separator.filter(|text| !text.is_empty()),
            scale: (grams, millimeters),
        })
    }
}

/// A telegram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Telegram {
    /// Something was read, weighed or measured.
    Read(Measured),
    /// The device is there.
    Heartbeat,
    /// The answer to a command of Cognex DMCC: its number, if it carries one, and its status (0:
    /// done).
    Answer {
        /// Number given to the command.
        id: Option<u32>,
        /// Status.
        status: u16,
    },
    /// It is not what the format says.
    Unknown,
}

/// What a device says of one parcel. Absent: it says nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Codes; none is a no-read.
    pub codes: Vec<String>,
    /// Weight, grams, rounded down.
    pub weight_g: Option<u32>,
    /// Length, width and height, millimeters, rounded down.
    pub size_mm: [Option<u32>; 3],
    /// The device's number for the parcel, or the trigger's that it was given.
    pub tracking: Option<u32>,
}

/// Takes telegrams out of a stream, in whatever pieces they come.
#[derive(Clone, Debug)]
pub struct Decoder {
    format: Format,
    buffer: Vec<u8>,
    /// A telegram has begun that may still end well.
    open: bool,
    /// Telegrams thrown away: cut off, too long, or not text.
    pub discarded: u64,
}

impl Decoder {
    /// A decoder at the beginning of a connection.
    pub const fn new(format: Format) -> Self {
        // In lines a telegram begins with the connection, else with its mark.
        let open = matches!(format.frame, Frame::Line);
        Self {
            format,
            buffer: Vec::new(),
            open,
            discarded: 0,
        }
    }

    /// Takes bytes in; what was whole comes out in order.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Telegram> {
        bytes.iter().filter_map(|byte| self.take(*byte)).collect()
    }

    /// Nothing has come for longer than a device pauses inside a telegram: what is begun is not
    /// finished any more.
    pub fn pause(&mut self) {
        if !self.buffer.is_empty() {
            self.discard();
        }
        self.open = self.format.frame == Frame::Line;
    }

    fn discard(&mut self) {
        self.buffer.clear();
        self.discarded += 1;
    }

    fn take(&mut self, byte: u8) -> Option<Telegram> {
        match (self.format.frame, byte) {
            (Frame::StxEtx, STX) => {
                if self.open && !self.buffer.is_empty() {
                    self.discard();
                }
                self.open = true;
                None
            }
            (Frame::StxEtx, ETX) | (Frame::Line, b'\r' | b'\n') => self.end(),
            _ if !self.open => None,
            _ if self.buffer.len() >= TELEGRAM_MAX => {
                self.discard();
                // The rest of it belongs to nothing.
                self.open = false;
                None
            }
            _ => {
                self.buffer.push(byte);
                None
            }
        }
    }

    fn end(&mut self) -> Option<Telegram> {
        let whole = std::mem::replace(&mut self.open, self.format.frame == Frame::Line);
        let bytes = std::mem::take(&mut self.buffer);
        if !whole || bytes.is_empty() {
            return None;
        }
        let Ok(text) = String::from_utf8(bytes) else {
            self.discarded += 1;
            return None;
        };
        Some(self.format.read(text.trim()))
    }
}

impl Format {
    fn read(&self, text: &str) -> Telegram {
        if self.heartbeat.as_deref() == Some(text) {
            return Telegram::Heartbeat;
        }
        if let Some(answer) = text.strip_prefix("||") {
            return answer_of(answer).unwrap_or(Telegram::Unknown);
        }
        let fields = match &self.template {
            Some(template) => template.read(text),
            None => template::read_json(text),
        };
        let measured = fields.and_then(|fields| self.measure(&fields));
        measured.map_or(Telegram::Unknown, Telegram::Read)
    }

    /// The values of the fields; `None` when one cannot be its field's.
    fn measure(&self, fields: &[(Field, &str)]) -> Option<Measured> {
        let mut measured = Measured::default();
        let (grams, millimeters) = self.scale;
        for (field, text) in fields {
            let text = text.trim();
            if text.is_empty() && *field != Field::Code {
                continue;
            }
            let length = |to: &mut Option<u32>| {
                *to = Some(number(text, millimeters)?);
                Some(())
            };
            let [long, wide, high] = &mut measured.size_mm;
            match field {
                Field::Code => measured.codes = self.codes(text)?,
                Field::Weight => measured.weight_g = Some(number(text, grams)?),
                Field::Length => length(long)?,
                Field::Width => length(wide)?,
                Field::Height => length(high)?,
                Field::Tracking => measured.tracking = Some(number(text, 1)?),
                Field::Symbology
                | Field::Volume
                | Field::Timestamp
                | Field::Device
                | Field::Status
                | Field::ScaleError => {}
            }
        }
        Some(measured)
    }

    fn codes(&self, text: &str) -> Option<Vec<String>> {
        let parts: Vec<&str> = match &self.code_separator {
            Some(separator) => text.split(separator.as_str()).collect(),
            None => vec![text],
        };
        let read = parts
            .into_iter()
            .map(str::trim)
            .filter(|code| !code.is_empty() && !self.no_read.iter().any(|token| token == code));
        let codes: Vec<String> = read.take(CODES_MAX + 1).map(str::to_owned).collect();
        let clean = codes.iter().all(|code| !code.chars().any(is_control));
        (clean && codes.len() <= CODES_MAX).then_some(codes)
    }
}

/// Control characters have no place in a code, save those with which GS1 separates its fields.
fn is_control(character: char) -> bool {
    character.is_control() && !matches!(character, '\u{1c}'..='\u{1e}')
}

/// A decimal number in units of `scale`.
fn number(text: &str, scale: u64) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || whole.len() > 12 || part.len() > 9 {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    let unit = 10_u64.checked_pow(u32::try_from(part.len()).ok()?)?;
    let part = if part.is_empty() {
        0
    } else {
        part.parse::<u64>().ok()?
    };
    let total = whole.checked_add(part.checked_mul(scale)?.checked_div(unit)?)?;
    u32::try_from(total).ok()
}

/// The answer to a DMCC command in extended mode: `checksum:id[status]`, the first two optional.
fn answer_of(text: &str) -> Option<Telegram> {
    let (head, rest) = text.split_once('[')?;
    let (status, _data) = rest.split_once(']')?;
    let id = match head.rsplit_once(':') {
        Some((_, "")) | None => None,
        Some((_, id)) => Some(id.parse().ok()?),
    };
    Some(Telegram::Answer {
        id,
        status: status.parse().ok()?,
    })
}

/// The command that makes a Cognex `DataMan` read once.
pub const DMCC_TRIGGER: &[u8] = b"||>trigger on\r\n";

#[cfg(test)]
mod tests;
