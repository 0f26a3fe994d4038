//! With which requests the points of a device are read and written. Pure.
//!
//! Reading joins points that are near each other, within what the device can answer at once.
//! Writing joins only what is side by side: a register that nobody uses belongs to somebody else.
//! Both begin at the first register of an assembly where the device asks for that.

use super::profile::{Form, Place, Profile};
use crate::pdu::{Reply, Request, Table};

/// Elements of one table in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    /// Table.
    pub table: Table,
    /// First element.
    pub address: u16,
    /// Elements.
    pub count: u16,
}

/// Why a device cannot serve a point.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It does not know the function that would be needed.
    #[error("{point}: the device does not know function {function}")]
    Function {
        /// The point.
        point: String,
        /// Function code.
        function: u8,
    },
    /// It is further behind the start of its assembly than one request reaches.
    #[error("{point}: register {address} cannot be reached in one request from {first}")]
    Unreachable {
        /// The point.
        point: String,
        /// Where it is.
        address: u16,
        /// Where a request must begin.
        first: u16,
    },
    /// There is no such point.
    #[error("there is no point {0}")]
    Unknown(String),
    /// It is an input.
    #[error("{0} is no output")]
    ReadOnly(String),
}

/// Where a point is in what was read or is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Number of the block.
    pub block: usize,
    /// Offset of its first element there.
    pub offset: u16,
    /// What it holds.
    pub form: Form,
}

/// Requests for a device, and where its points are in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Reads of every poll.
    pub reads: Vec<Block>,
    /// Inputs, in the order in which they were asked for.
    pub inputs: Vec<Slot>,
    /// Writes.
    pub writes: Vec<Block>,
    /// Outputs in the writes, in the order in which they were asked for.
    pub outputs: Vec<Slot>,
    /// The same outputs in the reads.
    pub read_backs: Vec<Slot>,
}

/// What is read or written for one point.
struct Span<'a> {
    name: &'a str,
    place: Place,
    form: Form,
}

impl Plan {
    /// Plans the requests for these inputs and outputs; outputs that the device times are read
    /// back only.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn new(
        profile: &Profile,
        inputs: &[String],
        outputs: &[String],
    ) -> Result<Self, PlanError> {
        let find = |name: &String| {
            let point = profile.points.get_key_value(name);
            point.ok_or_else(|| PlanError::Unknown(name.clone()))
        };
        let mut read = Vec::new();
        let mut written = Vec::new();
        for name in inputs.iter().chain(outputs) {
            let (name, point) = find(name)?;
            read.push(Span {
                name,
                place: Place {
                    address: point.read_at,
                    ..point.place
                },
                form: point.form,
            });
        }
        for name in outputs {
            let (name, point) = find(name)?;
            if !point.write {
                return Err(PlanError::ReadOnly(name.clone()));
            }
            written.push(Span {
                name,
                place: point.place,
                form: point.form,
            });
        }
        let (reads, mut slots) = Planner {
            profile,
            writes: false,
        }
        .blocks(&read)?;
        let (writes, outputs) = Planner {
            profile,
            writes: true,
        }
        .blocks(&written)?;
        let read_backs = slots.split_off(inputs.len());
        Ok(Self {
            reads,
            inputs: slots,
            writes,
            outputs,
            read_backs,
        })
    }

    /// The write requests that set the outputs to these values: one for every block.
    pub fn write_requests(&self, profile: &Profile, values: &[u16]) -> Vec<Request> {
        let image = |number: usize, block: &Block| {
            let mut image = vec![0_u16; block.count.into()];
            let slots = self
                .outputs
                .iter()
                .zip(values)
                .filter(|(slot, _)| slot.block == number);
            for (slot, value) in slots {
                let Some(word) = image.get_mut(usize::from(slot.offset)) else {
                    continue;
                };
                *word |= match slot.form {
                    Form::Bit(_) if block.table.is_bits() => u16::from(*value != 0),
                    Form::Bit(bit) => u16::from(*value != 0) << bit,
                    Form::Word { .. } | Form::Long { .. } => *value,
                };
            }
            write_request(profile, *block, image)
        };
        self.writes
            .iter()
            .enumerate()
            .map(|(number, block)| image(number, block))
            .collect()
    }
}

impl Block {
    /// The request that reads it.
    pub const fn request(self) -> Request {
        let Self {
            table,
            address,
            count,
        } = self;
        Request::Read {
            table,
            address,
            count,
        }
    }
}

/// The value of a point in the replies to all reads.
pub fn value(replies: &[Reply], slot: Slot) -> Option<i64> {
    let offset = usize::from(slot.offset);
    match (replies.get(slot.block)?, slot.form) {
        (Reply::Bits(bits), _) => bits.get(offset).map(|bit| i64::from(*bit)),
        (Reply::Words(words), Form::Bit(bit)) => words.get(offset).map(|w| i64::from(w >> bit & 1)),
        (Reply::Words(words), Form::Word { signed }) => {
            let word = *words.get(offset)?;
            Some(if signed {
                word.cast_signed().into()
            } else {
                word.into()
            })
        }
        (Reply::Words(words), Form::Long { signed, low_first }) => {
            let (first, second) = (*words.get(offset)?, *words.get(offset + 1)?);
            let (high, low) = if low_first {
                (second, first)
            } else {
                (first, second)
            };
            let long = u32::from(high) << 16 | u32::from(low);
            Some(if signed {
                long.cast_signed().into()
            } else {
                long.into()
            })
        }
        (Reply::Done, _) => None,
    }
}

/// The smallest request that writes a block, among those that the device knows.
fn write_request(profile: &Profile, block: Block, image: Vec<u16>) -> Request {
    let knows = |code: u8| profile.limits.functions.contains(&code);
    let address = block.address;
    match (block.table.is_bits(), image.as_slice()) {
        (true, [bit]) if knows(5) => Request::WriteCoil {
            address,
            on: *bit != 0,
        },
        (true, bits) => Request::WriteCoils {
            address,
            values: bits.iter().map(|bit| *bit != 0).collect(),
        },
        (false, [value]) if knows(6) && !knows(16) => Request::WriteRegister {
            address,
            value: *value,
        },
        (false, _) => Request::WriteRegisters {
            address,
            values: image,
        },
    }
}

/// Joins spans to blocks for reading or writing.
struct Planner<'a> {
    profile: &'a Profile,
    writes: bool,
}

impl Planner<'_> {
    fn blocks(&self, spans: &[Span<'_>]) -> Result<(Vec<Block>, Vec<Slot>), PlanError> {
        let mut order: Vec<&Span<'_>> = spans.iter().collect();
        order.sort_by_key(|span| span.place);
        let mut blocks: Vec<Block> = Vec::new();
        for span in order {
            self.knows(span)?;
            let end = span.place.address.saturating_add(span.form.length());
            match blocks
                .last_mut()
                .filter(|block| self.joins(**block, span.place, end))
            {
                Some(block) => block.count = block.count.max(end.saturating_sub(block.address)),
                None => blocks.push(self.begin(span, end)?),
            }
        }
        let slots = spans.iter().filter_map(|span| {
            let holds = |block: &Block| {
                let Place { table, address } = span.place;
                let end = block.address.saturating_add(block.count);
                block.table == table && (block.address..end).contains(&address)
            };
            let block = blocks.iter().position(holds)?;
            let first = blocks.get(block)?.address;
            let offset = span.place.address.saturating_sub(first);
            Some(Slot {
                block,
                offset,
                form: span.form,
            })
        });
        let slots = slots.collect();
        Ok((blocks, slots))
    }

    fn knows(&self, span: &Span<'_>) -> Result<(), PlanError> {
        let table = span.place.table;
        let wanted: &[u8] = match (self.writes, table.is_bits()) {
            (true, true) => &[5, 15],
            (true, false) => &[16, 6],
            (false, _) => &[table.function()],
        };
        let known = &self.profile.limits.functions;
        match wanted {
            [first, ..] if !wanted.iter().any(|code| known.contains(code)) => {
                Err(PlanError::Function {
                    point: span.name.to_owned(),
                    function: *first,
                })
            }
            _ => Ok(()),
        }
    }

    /// Whether a span may come into the block that ends before it or in it.
    fn joins(&self, block: Block, place: Place, end: u16) -> bool {
        if block.table != place.table || self.single(place.table) {
            return block.table == place.table && end <= block.address.saturating_add(block.count);
        }
        let same = self.assembly(place)
            == self.assembly(Place {
                table: block.table,
                address: block.address,
            });
        let gap = place
            .address
            .saturating_sub(block.address.saturating_add(block.count));
        let within = self.assembly(place).is_some();
        same && (within || gap <= self.gap(place.table))
            && end.saturating_sub(block.address) <= self.most(place.table)
    }

    fn begin(&self, span: &Span<'_>, end: u16) -> Result<Block, PlanError> {
        let Place { table, address } = span.place;
        let first = self.assembly(span.place).unwrap_or(address);
        let count = end.saturating_sub(first);
        if count > self.most(table) {
            let point = span.name.to_owned();
            return Err(PlanError::Unreachable {
                point,
                address,
                first,
            });
        }
        Ok(Block {
            table,
            address: first,
            count,
        })
    }

    /// The first register of the assembly that this is in.
    fn assembly(&self, place: Place) -> Option<u16> {
        let inside =
            |first: u16, words: u16| (first..first.saturating_add(words)).contains(&place.address);
        let mut assemblies = self.profile.assemblies.iter();
        let found = assemblies.find(|(first, words)| inside(*first, *words));
        found
            .filter(|_| place.table == Table::Holding)
            .map(|(first, _)| *first)
    }

    const fn most(&self, table: Table) -> u16 {
        let limits = &self.profile.limits;
        match (self.writes, table.is_bits()) {
            (true, true) => limits.write_bits,
            (true, false) => limits.write_words,
            (false, true) => limits.read_bits,
            (false, false) => limits.read_words,
        }
    }

    const fn gap(&self, table: Table) -> u16 {
        let limits = &self.profile.limits;
        match (self.writes, table.is_bits()) {
            (true, _) => 0,
            (false, true) => limits.gap_bits,
            (false, false) => limits.gap_words,
        }
    }

    /// Whether only single elements can be written.
    fn single(&self, table: Table) -> bool {
        let code = if table.is_bits() { 15 } else { 16 };
        self.writes && !self.profile.limits.functions.contains(&code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::profile::{
        AssemblyFile, LimitsFile, PointFile, ProfileFile, Protocol, TableFile,
    };

    fn profile(points: Vec<PointFile>, edit: impl FnOnce(&mut ProfileFile)) -> Profile {
        let mut file = ProfileFile {
            id: "test".to_owned(),
            name: "Test".to_owned(),
            protocol: Protocol::Modbus,
            source: String::new(),
            confirm: Vec::new(),
            base: 0,
            limits: LimitsFile::default(),
            assemblies: Vec::new(),
            points,
            watchdog: None,
        };
        edit(&mut file);
        Profile::new(file).unwrap()
    }

    fn row_of(name: &str, table: TableFile, addr: u16, count: u16, write: bool) -> PointFile {
        PointFile {
            name: name.to_owned(),
            count: Some(count),
            reference: None,
            addr: Some(addr),
            table: Some(table),
            bit: None,
            value: None,
            words: None,
            write,
            unit: String::new(),
            read_back: None,
            pulse: None,
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn block(table: Table, address: u16, count: u16) -> Block {
        Block {
            table,
            address,
            count,
        }
    }

    #[test]
    fn reads_join_over_small_gaps_and_writes_never() {
        let points = vec![
            row_of("r", TableFile::Holding, 0, 40, true),
            row_of("c", TableFile::Coil, 0, 200, true),
        ];
        let profile = profile(points, |_| {});
        let inputs = names(&["r0", "r9", "r10", "r30", "c0", "c64", "c190"]);
        let outputs = names(&["r3", "r5", "c1", "c2"]);
        let plan = Plan::new(&profile, &inputs, &outputs).unwrap();
        let (coils, holding) = (Table::Coils, Table::Holding);
        assert_eq!(
            plan.reads,
            [
                block(coils, 0, 65),
                block(coils, 190, 1),
                block(holding, 0, 11),
                block(holding, 30, 1)
            ]
        );
        assert_eq!(
            plan.writes,
            [
                block(coils, 1, 2),
                block(holding, 3, 1),
                block(holding, 5, 1)
            ]
        );
        let place = |slot: Slot| (slot.block, slot.offset);
        let places: Vec<_> = plan.inputs.iter().copied().map(place).collect();
        assert_eq!(
            places,
            [(2, 0), (2, 9), (2, 10), (3, 0), (0, 0), (0, 64), (1, 0)]
        );
        let requests = plan.write_requests(&profile, &[7, 8, 1, 0]);
        assert_eq!(
            requests,
            [
                Request::WriteCoils {
                    address: 1,
                    values: vec![true, false]
                },
                Request::WriteRegisters {
                    address: 3,
                    values: vec![7]
                },
                Request::WriteRegisters {
                    address: 5,
                    values: vec![8]
                },
            ]
        );
    }

    #[test]
    fn no_request_is_longer_than_the_device_allows() {
        let points = vec![row_of("r", TableFile::Input, 0, 200, false)];
        let profile = profile(points, |file| file.limits.read_words = 45);
        let all: Vec<String> = (0..200).map(|n| format!("r{n}")).collect();
        let plan = Plan::new(&profile, &all, &[]).unwrap();
        let counts: Vec<u16> = plan.reads.iter().map(|block| block.count).collect();
        assert_eq!(counts, [45, 45, 45, 45, 20]);
    }

    #[test]
    fn assemblies_are_asked_from_their_first_register() {
        let points = vec![row_of("r", TableFile::Holding, 1_700, 60, true)];
        let assembly = AssemblyFile {
            first: 1_700,
            words: 60,
        };
        let profile = profile(points, |file| {
            file.assemblies.push(assembly);
            (file.limits.read_words, file.limits.write_words) = (45, 45);
        });
        let plan = Plan::new(&profile, &names(&["r4", "r24"]), &names(&["r3"])).unwrap();
        assert_eq!(plan.reads, [block(Table::Holding, 1_700, 25)]);
        assert_eq!(plan.writes, [block(Table::Holding, 1_700, 4)]);
        assert_eq!(
            Plan::new(&profile, &names(&["r50"]), &[]),
            Err(PlanError::Unreachable {
                point: "r50".to_owned(),
                address: 1_750,
                first: 1_700
            })
        );
    }

    #[test]
    fn functions_that_a_device_does_not_know_are_not_used() {
        let points = vec![
            row_of("c", TableFile::Coil, 0, 4, true),
            row_of("r", TableFile::Holding, 0, 4, true),
        ];
        let profile = profile(points, |file| file.limits.functions = vec![1, 3, 5, 6]);
        let outputs = names(&["c0", "c1", "r0", "r1"]);
        let plan = Plan::new(&profile, &[], &outputs).unwrap();
        assert_eq!(
            plan.write_requests(&profile, &[1, 0, 5, 6]),
            [
                Request::WriteCoil {
                    address: 0,
                    on: true
                },
                Request::WriteCoil {
                    address: 1,
                    on: false
                },
                Request::WriteRegister {
                    address: 0,
                    value: 5
                },
                Request::WriteRegister {
                    address: 1,
                    value: 6
                },
            ]
        );
        let mute = self::profile(vec![row_of("c", TableFile::Coil, 0, 1, true)], |file| {
            file.limits.functions = vec![3];
        });
        let function = |function| {
            Err(PlanError::Function {
                point: "c0".to_owned(),
                function,
            })
        };
        assert_eq!(Plan::new(&mute, &names(&["c0"]), &[]), function(1));
        assert!(Plan::new(&profile, &names(&["x"]), &[]).is_err());
    }

    #[test]
    fn values_have_the_order_of_their_maker() {
        let long = |signed, low_first| Form::Long { signed, low_first };
        let replies = [
            Reply::Words(vec![1, 2, 0xFFFF, 0x8001]),
            Reply::Bits(vec![false, true]),
        ];
        let check = |block, offset, form, expected| {
            assert_eq!(
                value(
                    &replies,
                    Slot {
                        block,
                        offset,
                        form
                    }
                ),
                expected,
                "{form:?}"
            );
        };
        check(0, 0, long(false, true), Some(0x2_0001));
        check(0, 0, long(false, false), Some(0x1_0002));
        check(0, 2, long(true, false), Some(-32_767));
        check(0, 3, long(true, false), None);
        check(0, 2, Form::Word { signed: false }, Some(0xFFFF));
        check(0, 2, Form::Word { signed: true }, Some(-1));
        check(0, 3, Form::Bit(15), Some(1));
        check(0, 3, Form::Bit(1), Some(0));
        check(1, 1, Form::Bit(0), Some(1));
        check(1, 2, Form::Bit(0), None);
        check(2, 0, Form::Bit(0), None);
    }
}
