//! The register file: what a controller reads and writes.

use sortline_regmap as map;
use sortline_regmap::{Block, Control, Flags};

use crate::{Exception, Node, planted};

/// First register and end of the blocks as they are answered; `STATUS` is the five small ones in
/// one. Without their names, which would take flash.
const READABLE: [(u16, u16); 9] = [
    place(map::IDENT),
    place(map::IMAGE),
    place(map::STATUS),
    place(map::LIMITS),
    place(map::CONTROL),
    place(map::HEARTBEAT),
    place(map::COMMAND),
    place(map::ACK),
    place(map::EVENTS),
];

const fn place(block: Block) -> (u16, u16) {
    (block.start, block.end())
}

impl Node {
    /// A controller reads holding registers (function codes 1 to 4 and 23).
    ///
    /// # Errors
    /// [`Exception`] as a Modbus server answers it.
    pub fn read(&self, address: u16, out: &mut [u16]) -> Result<(), Exception> {
        if out.is_empty() || out.len() > usize::from(map::READ_MAX) {
            return Err(Exception::IllegalValue);
        }
        let mut address = address;
        let mut rest = out;
        while !rest.is_empty() {
            let holds = |(start, end): &&(u16, u16)| (*start..*end).contains(&address);
            let block = READABLE.iter().find(holds);
            let &(start, end) = block.ok_or(Exception::IllegalAddress)?;
            let left = usize::from(end.saturating_sub(address));
            let take = left.min(rest.len());
            let (head, tail) = rest
                .split_at_mut_checked(take)
                .ok_or(Exception::IllegalAddress)?;
            self.fill(start, usize::from(address.saturating_sub(start)), head);
            address = end;
            rest = tail;
        }
        Ok(())
    }

    /// A controller writes holding registers (function codes 5, 6, 15, 16 and 23). A write that covers the
    /// last register of its block executes the block.
    ///
    /// # Errors
    /// [`Exception`] as a Modbus server answers it; nothing was changed then.
    pub fn write(&mut self, address: u16, words: &[u16]) -> Result<(), Exception> {
        let count = u16::try_from(words.len()).unwrap_or(u16::MAX);
        if count == 0 || count > map::WRITE_MAX {
            return Err(Exception::IllegalValue);
        }
        let holds = |block: Block| block.holds(address, count);
        let last = address.saturating_add(count);
        if holds(map::HEARTBEAT) {
            store(&mut self.heartbeat, address, map::HEARTBEAT, words);
            if last == map::HEARTBEAT.end() {
                self.take_heartbeat();
            }
        } else if holds(map::COMMAND) {
            store(&mut self.mailbox, address, map::COMMAND, words);
            if last == map::COMMAND.end() {
                self.take_command();
            }
        } else if holds(map::CONTROL) {
            let mut block = self.control;
            store(&mut block, address, map::CONTROL, words);
            let request = self.control_request(block, last == map::CONTROL.end())?;
            self.control = block;
            if let Some(request) = request {
                self.take_control(request);
            }
        } else {
            return Err(Exception::IllegalAddress);
        }
        self.health.writes = self.health.writes.wrapping_add(1);
        Ok(())
    }

    /// All that a controller polls.
    pub fn status(&self) -> map::Status {
        let desired = self.outputs.bits();
        let actual = self.actual.unwrap_or(desired);
        let flags = Flags::default()
            .with(Flags::ARMED, self.lease.is_armed())
            .with(Flags::STOP_OPEN, self.stop.open && !planted::is(61))
            .with(Flags::STOP_LATCHED, self.stop.latched)
            .with(Flags::TRIPPED, self.lease.is_tripped())
            .with(Flags::JAMMED, self.eyes.jammed() != 0)
            .with(Flags::MISMATCH, actual != desired);
        map::Status {
            health: map::Health {
                flags,
                strokes: self.strokes.len(),
                triggers: self.triggers.len(),
                ..self.health
            },
            clock: map::Clock {
                ticks: self.count,
                millis: self.now,
            },
            levels: map::Levels {
                eyes: self.eyes.blocked(),
                jams: self.eyes.jammed(),
                desired,
                actual,
            },
            lease: map::Lease {
                owner: self.lease.owner(),
                watchdog_ms: self.lease.watchdog_ms(),
                heartbeat: self.lease.heartbeat(),
                control: self.lease.control,
                last_seq: self.last_seq,
                last_result: self.last_result,
            },
            rings: map::Rings {
                next: self.ring.next(),
                held: self.ring.held(),
            },
        }
    }

    fn control_request(
        &self,
        block: [u16; map::CONTROL_WORDS],
        executes: bool,
    ) -> Result<Option<Control>, Exception> {
        if !executes {
            return Ok(None);
        }
        let control = Control::decode(block).ok_or(Exception::IllegalValue)?;
        let watchdog = 1..=self.limits.heartbeat_ms;
        let arms = control.request == map::ControlRequest::Arm;
        if arms && !watchdog.contains(&control.watchdog_ms) {
            return Err(Exception::IllegalValue);
        }
        Ok(Some(control))
    }

    /// Copies registers of the block that begins at `start`.
    fn fill(&self, start: u16, offset: usize, out: &mut [u16]) {
        if start == map::EVENTS.start {
            self.ring.copy(offset, out);
        } else if start == map::ACK.start {
            self.answers.copy(offset, out);
        } else if start == map::STATUS.start {
            copy(out, &self.status().encode(), offset);
        } else if start == map::LIMITS.start {
            copy(out, &self.limit_words(), offset);
        } else if start == map::IDENT.start {
            copy(out, &map::Ident::new(self.id, self.boot).encode(), offset);
        } else if start == map::IMAGE.start {
            copy(out, &self.image.encode(), offset);
        } else if start == map::CONTROL.start {
            copy(out, &self.control, offset);
        } else if start == map::HEARTBEAT.start {
            copy(out, &self.heartbeat, offset);
        } else {
            copy(out, &self.mailbox, offset);
        }
    }

    fn limit_words(&self) -> [u16; map::LIMITS_WORDS] {
        let limits = &self.limits;
        map::Limits {
            eyes: limits.eyes.into(),
            diverters: limits.diverters.into(),
            cameras: limits.cameras.into(),
            hold_ms_max: limits.hold_ms_max,
            hold_ticks_max: limits.hold_ticks_max,
            lead_ticks_min: limits.lead_ticks_min,
            ahead_ticks_max: limits.ahead_ticks_max,
            heartbeat_ms: limits.heartbeat_ms,
            jam_ms: limits.jam_ms,
            strokes: map::STROKES_MAX,
            triggers: map::TRIGGERS_MAX,
            acks: map::ACKS_MAX,
            events: map::EVENTS_MAX,
            opposite: limits
                .opposite
                .map(|other| other.map_or(map::NO_OPPOSITE, u16::from)),
        }
        .encode()
    }
}

fn copy(out: &mut [u16], words: &[u16], offset: usize) {
    for (slot, word) in out.iter_mut().zip(words.iter().skip(offset)) {
        *slot = *word;
    }
}

fn store(block: &mut [u16], address: u16, place: Block, words: &[u16]) {
    let offset = usize::from(address.saturating_sub(place.start));
    for (slot, word) in block.iter_mut().skip(offset).zip(words) {
        *slot = *word;
    }
}
