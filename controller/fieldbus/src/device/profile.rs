//! A device profile after every check: what `raw` reads from TOML, with addresses as they are on
//! the wire.

use std::collections::BTreeMap;

pub use super::raw::*;
use crate::pdu::Table;

/// A kind of device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Short name.
    pub id: String,
    /// Maker and model.
    pub name: String,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Facts that no source backs.
    pub confirm: Vec<String>,
    /// What one request may ask for.
    pub limits: LimitsFile,
    /// Blocks that answer only from their first register: first and registers.
    pub assemblies: Vec<(u16, u16)>,
    /// Points by name.
    pub points: BTreeMap<String, Point>,
    /// The watchdog.
    pub watchdog: Option<Watchdog>,
}

/// Where something is, as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// In which table.
    pub table: Table,
    /// From 0.
    pub address: u16,
}

/// One input, output or value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Where.
    pub place: Place,
    /// What it holds.
    pub form: Form,
    /// Whether the controller writes it.
    pub write: bool,
    /// Address at which it is read.
    pub read_at: u16,
    /// Unit of its value.
    pub unit: String,
    /// First of the registers with which the device times it.
    pub pulse: Option<u16>,
}

/// What a point holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// On or off; in a register, which bit.
    Bit(u8),
    /// One register.
    Word {
        /// Two's complement.
        signed: bool,
    },
    /// Two registers.
    Long {
        /// Two's complement.
        signed: bool,
        /// The less significant one comes first.
        low_first: bool,
    },
}

impl Form {
    /// Elements of its table that it takes.
    pub const fn length(self) -> u16 {
        match self {
            Self::Bit(_) | Self::Word { .. } => 1,
            Self::Long { .. } => 2,
        }
    }
}

/// A watchdog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watchdog {
    /// Time without a sign of life, milliseconds.
    pub time_ms: u16,
    /// Written at connect.
    pub arm: Vec<Step>,
    /// Read after arming.
    pub verify: Vec<Step>,
    /// Read at every poll.
    pub tripped: Vec<Step>,
    /// Written when it has tripped.
    pub clear: Vec<Step>,
    /// Prove it once by falling silent.
    pub prove: bool,
    /// Register for the sign of life.
    pub feed: Option<u16>,
}

/// One register or bit, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where.
    pub place: Place,
    /// What.
    pub value: u16,
    /// Bits that count when it is read.
    pub mask: u16,
}

/// What is wrong with a profile: the key, and the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {text}")]
pub struct ProfileError {
    /// Key in the file.
    pub key: String,
    /// What was found, and what is allowed.
    pub text: String,
}

/// Names of points of a wheel diverter.
const WHEEL: [&str; 2] = ["left", "right"];
/// Points of one device.
const POINTS_MAX: usize = 4_096;

impl Profile {
    /// Checks a profile file.
    ///
    /// # Errors
    /// Every problem found.
    pub fn new(file: ProfileFile) -> Result<Self, Vec<ProfileError>> {
        let mut check = Check {
            base: file.base,
            problems: Vec::new(),
        };
        check.limits(&file.limits);
        if file.base > 1 {
            check.refuse("base", format!("found {}, allowed is 0 or 1", file.base));
        }
        let mut points = BTreeMap::new();
        for (index, point) in file.points.iter().enumerate() {
            check.point(&format!("point[{index}]"), point, &mut points);
        }
        if file.protocol == Protocol::Shudiniao {
            points.extend(WHEEL.map(|name| (name.to_owned(), wheel_point())));
        }
        let watchdog = file
            .watchdog
            .as_ref()
            .map(|watchdog| check.watchdog(watchdog));
        if file.points.is_empty() && file.protocol == Protocol::Modbus {
            check.refuse("point", "has no points".to_owned());
        }
        let base = file.base;
        let assemblies = file.assemblies.iter();
        let assemblies = assemblies
            .map(|a| (a.first.saturating_sub(base), a.words))
            .collect();
        if !check.problems.is_empty() {
            return Err(check.problems);
        }
        Ok(Self {
            id: file.id,
            name: file.name,
            protocol: file.protocol,
            confirm: file.confirm,
            limits: file.limits,
            assemblies,
            points,
            watchdog,
        })
    }

    /// Whether this output may be used by a running line: something switches it off when the
    /// controller is gone.
    pub fn ends_by_itself(&self, point: &Point) -> bool {
        self.watchdog.is_some() || point.pulse.is_some()
    }
}

fn wheel_point() -> Point {
    Point {
        place: Place {
            table: Table::Coils,
            address: 0,
        },
        form: Form::Bit(0),
        write: true,
        read_at: 0,
        unit: String::new(),
        pulse: None,
    }
}

/// Problems as they are found.
struct Check {
    base: u16,
    problems: Vec<ProfileError>,
}

impl Check {
    fn refuse(&mut self, key: &str, text: String) {
        self.problems.push(ProfileError {
            key: key.to_owned(),
            text,
        });
    }

    fn limits(&mut self, limits: &LimitsFile) {
        let ranges = [
            ("limits.read_words", limits.read_words, 125),
            ("limits.write_words", limits.write_words, 123),
            ("limits.read_bits", limits.read_bits, 2_000),
            ("limits.write_bits", limits.write_bits, 1_968),
        ];
        for (key, found, most) in ranges {
            if !(1..=most).contains(&found) {
                self.refuse(key, format!("found {found}, allowed is 1 to {most}"));
            }
        }
        let known = [1, 2, 3, 4, 5, 6, 15, 16, 23];
        if let Some(code) = limits.functions.iter().find(|code| !known.contains(code)) {
            self.refuse(
                "limits.functions",
                format!("found {code}, allowed are {known:?}"),
            );
        }
    }

    /// Where something is; a place that is not there is told and taken as the first register.
    fn place(&mut self, key: &str, file: &PlaceFile) -> Place {
        let found = match (&file.reference, file.addr) {
            (Some(reference), None) if file.table.is_none() => reference_place(reference)
                .ok_or_else(|| {
                    format!("found ref `{reference}`, allowed are five or six digits like `40001`")
                }),
            (None, Some(addr)) => addr
                .checked_sub(self.base)
                .map(|address| Place {
                    table: table(file.table),
                    address,
                })
                .ok_or_else(|| format!("found addr {addr}, the first is {}", self.base)),
            _ => Err("needed is either `ref`, or `addr` with or without `table`".to_owned()),
        };
        found.unwrap_or_else(|text| {
            self.refuse(key, text);
            Place {
                table: Table::Holding,
                address: 0,
            }
        })
    }

    fn point(&mut self, key: &str, file: &PointFile, points: &mut BTreeMap<String, Point>) {
        let place = PlaceFile {
            reference: file.reference.clone(),
            addr: file.addr,
            table: file.table,
        };
        let first = self.place(key, &place);
        let form = match form(file, first.table) {
            Ok(form) => form,
            Err(text) => return self.refuse(key, text),
        };
        let read_only = matches!(first.table, Table::Discretes | Table::Inputs);
        if file.write && read_only {
            self.refuse(key, "is in a table that cannot be written".to_owned());
        }
        if file.write && matches!(form, Form::Long { .. }) {
            self.refuse(
                key,
                "is of two registers, which cannot be written at once".to_owned(),
            );
        }
        if file.pulse.is_some() && !(file.write && matches!(form, Form::Bit(_))) {
            self.refuse(
                key,
                "has a pulse, which only outputs of one bit have".to_owned(),
            );
        }
        for number in 0..file.count.unwrap_or(1) {
            let name = match file.count {
                Some(_) => format!("{}{number}", file.name),
                None => file.name.clone(),
            };
            let Some(point) = nth(file, (first, form), self.base, number) else {
                return self.refuse(key, format!("{name} is beyond the last address"));
            };
            if points.len() >= POINTS_MAX {
                return self.refuse(key, format!("more than {POINTS_MAX} points"));
            }
            if points.insert(name.clone(), point).is_some() {
                return self.refuse(key, format!("{name} is there twice"));
            }
        }
    }

    fn watchdog(&mut self, file: &WatchdogFile) -> Watchdog {
        let mut steps = |key: &str, steps: &[StepFile]| {
            let each = steps.iter().map(|step| self.step(key, step, file.time_ms));
            each.collect::<Vec<_>>()
        };
        let watchdog = Watchdog {
            time_ms: file.time_ms,
            arm: steps("watchdog.arm", &file.arm),
            verify: steps("watchdog.verify", &file.verify),
            tripped: steps("watchdog.tripped", &file.tripped),
            clear: steps("watchdog.clear", &file.clear),
            prove: file.prove,
            feed: None,
        };
        if !(20..=60_000).contains(&file.time_ms) {
            let found = file.time_ms;
            self.refuse(
                "watchdog.time_ms",
                format!("found {found}, allowed is 20 to 60000"),
            );
        }
        if file.verify.is_empty() && !file.prove {
            let text = "is neither verified nor proved: give `verify`, or `prove` with `tripped`";
            self.refuse("watchdog", text.to_owned());
        }
        if file.prove && file.tripped.is_empty() {
            self.refuse("watchdog.prove", "needs `tripped`".to_owned());
        }
        let feed = file
            .feed
            .as_ref()
            .map(|place| self.place("watchdog.feed", place).address);
        Watchdog { feed, ..watchdog }
    }

    fn step(&mut self, key: &str, file: &StepFile, time_ms: u16) -> Step {
        let place = PlaceFile {
            reference: file.reference.clone(),
            addr: file.addr,
            table: file.table,
        };
        let place = self.place(key, &place);
        let value = match (file.value, file.time_in_ms) {
            (Some(value), None) => value,
            (None, Some(unit)) if unit > 0 => time_ms.div_ceil(unit),
            _ => {
                self.refuse(key, "needed is either `value` or `time_in_ms`".to_owned());
                0
            }
        };
        Step {
            place,
            value,
            mask: file.mask,
        }
    }
}

const fn table(file: Option<TableFile>) -> Table {
    match file {
        Some(TableFile::Coil) => Table::Coils,
        Some(TableFile::Discrete) => Table::Discretes,
        Some(TableFile::Input) => Table::Inputs,
        Some(TableFile::Holding) | None => Table::Holding,
    }
}

/// A reference such as `40001`: table digit, then a number from 1.
fn reference_place(text: &str) -> Option<Place> {
    if !matches!(text.len(), 5 | 6) || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (digit, number) = text.split_at_checked(1)?;
    let table = match digit {
        "0" => Table::Coils,
        "1" => Table::Discretes,
        "3" => Table::Inputs,
        "4" => Table::Holding,
        _ => return None,
    };
    let address = number.parse::<u32>().ok()?.checked_sub(1)?;
    Some(Place {
        table,
        address: u16::try_from(address).ok()?,
    })
}

fn form(file: &PointFile, table: Table) -> Result<Form, String> {
    let value = file
        .value
        .unwrap_or(if table.is_bits() || file.bit.is_some() {
            ValueFile::Bit
        } else {
            ValueFile::U16
        });
    let long = matches!(value, ValueFile::U32 | ValueFile::I32);
    if long != file.words.is_some() {
        return Err("`words` belongs to values of two registers, and is needed there".to_owned());
    }
    if table.is_bits() && (value != ValueFile::Bit || file.bit.is_some()) {
        return Err("a table of bits has no registers".to_owned());
    }
    if value == ValueFile::Bit && !table.is_bits() && file.bit.is_none() {
        return Err("which `bit` of the register is it?".to_owned());
    }
    if file
        .bit
        .is_some_and(|bit| bit > 15 || value != ValueFile::Bit)
    {
        return Err("`bit` is 0 to 15, of a point that holds a bit".to_owned());
    }
    Ok(match value {
        ValueFile::Bit => Form::Bit(file.bit.unwrap_or(0)),
        ValueFile::U16 => Form::Word { signed: false },
        ValueFile::I16 => Form::Word { signed: true },
        ValueFile::U32 | ValueFile::I32 => Form::Long {
            signed: value == ValueFile::I32,
            low_first: file.words == Some(WordsFile::LoHi),
        },
    })
}

/// Point number `number` of a row: the next elements of the table, or the next bits of a register
/// and the ones after it.
fn nth(file: &PointFile, (first, form): (Place, Form), base: u16, number: u16) -> Option<Point> {
    let (step, form) = match form {
        Form::Bit(bit) if !first.table.is_bits() => {
            let bit = u16::from(bit) + number;
            (bit / 16, Form::Bit(u8::try_from(bit % 16).ok()?))
        }
        Form::Bit(_) | Form::Word { .. } | Form::Long { .. } => {
            (number.checked_mul(form.length())?, form)
        }
    };
    let address = first.address.checked_add(step)?;
    address.checked_add(form.length() - 1)?;
    let pulse = match file.pulse {
        Some(pulse) => {
            let offset = number.checked_mul(PULSE_WORDS)?;
            Some(pulse.addr.checked_sub(base)?.checked_add(offset)?)
        }
        None => None,
    };
    let read_at = match file.read_back {
        Some(back) => back.checked_sub(base)?.checked_add(step)?,
        None => address,
    };
    Some(Point {
        read_at,
        place: Place { address, ..first },
        form,
        write: file.write,
        unit: file.unit.clone(),
        pulse,
    })
}

/// Registers of one timed output: level, and milliseconds in two.
const PULSE_WORDS: u16 = 3;
