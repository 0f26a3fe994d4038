//! The field node's logic, without pins, clock or network: strokes and camera triggers executed
//! at encoder counts, photo-eye edges stamped with the count, watchdog, stop latch, and the
//! register file through which a controller sees all of it.
//!
//! The same code runs on a microcontroller, in `firmware/node` and in the simulator. It allocates
//! nothing, never panics on data, and asks for nothing: the caller tells it the count, the time
//! and the inputs, and copies the outputs. At one instant the caller tells the time first, then
//! the inputs, then the count.
//!
//! Rules it keeps, whatever a controller writes:
//! - a stroke is executed at exactly its count, once, or never;
//! - two opposite outputs are never on together;
//! - an output is never on longer than the limits say, belt or no belt;
//! - a jog moves nothing unless the belt stands, and ends with the belt's first count;
//! - all outputs are off once the heartbeat has not advanced for the watchdog time, and while the
//!   stop circuit is open or its latch is set.
#![no_std]
#![warn(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod act;
mod answers;
mod commands;
mod edges;
mod eyes;
mod lease;
mod modbus;
mod outputs;
pub mod planted;
mod registers;
mod ring;
pub mod rtu;
mod slots;
pub mod tcp;

use sortline_regmap as map;
use sortline_regmap::{AckCode, EventKind, Refusal};

use answers::Answers;
use eyes::Eyes;
use lease::Lease;
use outputs::Outputs;
use ring::Ring;
use slots::Slots;

pub use edges::{Edge, Encoder};
pub use modbus::PDU_MAX;

/// What the node enforces, whatever a controller asks for. Fixed at start; readable in `LIMITS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Photo-eyes connected, ids 0 to `eyes - 1`; at most 64.
    pub eyes: u8,
    /// Diverter outputs connected, ids 0 to `diverters - 1`; at most 32.
    pub diverters: u8,
    /// Cameras connected, ids 0 to `cameras - 1`; at most 8.
    pub cameras: u8,
    /// For each diverter the one on the other side of its machine. One direction is enough.
    pub opposite: [Option<u8>; 32],
    /// Longest time an output may stay on, in milliseconds. A command that asks for more is cut.
    pub hold_ms_max: u16,
    /// Longest hold in ticks. A command that asks for more is refused.
    pub hold_ticks_max: u16,
    /// A command must arrive at least this many ticks before it fires.
    pub lead_ticks_min: u16,
    /// A command may fire at most this many ticks ahead.
    pub ahead_ticks_max: u32,
    /// The controller's heartbeat must advance within this time, or all outputs go off, the queue
    /// is emptied and the epoch changes. Milliseconds.
    pub heartbeat_ms: u16,
    /// A photo-eye blocked longer than this while the belt moves latches a jam. Milliseconds; 0:
    /// never.
    pub jam_ms: u16,
}

/// A camera pulse the board must give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriggerPulse {
    /// Camera output.
    pub camera: u8,
    /// Number for the frame.
    pub number: u32,
    /// Encoder count.
    pub at: u32,
}

/// Modbus exception a request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// 02: no such registers, or not all of them.
    IllegalAddress,
    /// 03: a value or count that is not allowed.
    IllegalValue,
}

/// A stroke that waits for its count, or a jog.
#[derive(Clone, Copy, Debug)]
struct Stroke {
    seq: u16,
    diverter: u8,
    fire_at: u32,
    hold: u16,
    hold_ms: u16,
    /// By hand, while the belt stands: node time at which the hold began.
    jog: Option<u32>,
}

/// A camera trigger that waits for its count.
#[derive(Clone, Copy, Debug)]
struct Trigger {
    seq: u16,
    pulse: TriggerPulse,
}

/// The stop circuit as last seen.
#[derive(Debug, Default)]
struct StopCircuit {
    open: bool,
    /// It was open since the last reset.
    latched: bool,
}

/// Why an epoch ended; the codes of `HEALTH.last_fault`.
#[derive(Clone, Copy, Debug)]
enum Cause {
    Controller,
    Watchdog,
    Stop,
}

impl Cause {
    const fn code(self) -> u16 {
        match self {
            Self::Controller => 0,
            Self::Watchdog => 1,
            Self::Stop => 2,
        }
    }
}

const STROKES: usize = 64;
const TRIGGERS: usize = 64;
const _: () = assert!(map::STROKES_MAX == 64 && map::TRIGGERS_MAX == 64);

/// The field node.
#[derive(Debug)]
pub struct Node {
    limits: Limits,
    id: u16,
    boot: u16,
    image: map::Image,
    health: map::Health,
    count: u32,
    backwards: bool,
    now: u32,
    started: Option<u32>,
    /// The nearest count at which something happens, so that a tick costs one comparison.
    due: Option<u32>,
    /// Changes whenever what lies ahead does.
    plan: u32,
    stop: StopCircuit,
    lease: Lease,
    last_seq: u16,
    last_result: Option<AckCode>,
    strokes: Slots<Stroke, STROKES>,
    triggers: Slots<Trigger, TRIGGERS>,
    pulses: Slots<TriggerPulse, TRIGGERS>,
    outputs: Outputs,
    actual: Option<u32>,
    eyes: Eyes,
    ring: Ring,
    answers: Answers,
    mailbox: [u16; map::COMMAND_WORDS],
    control: [u16; map::CONTROL_WORDS],
    heartbeat: [u16; map::HEARTBEAT_WORDS],
}

impl Node {
    /// A node that has just been switched on: outputs off, not armed, in `epoch`.
    ///
    /// The caller chooses an epoch that differs from the last start's: a controller recognizes a
    /// restart by it, and events are numbered from `epoch << 16` so that a cursor of an earlier
    /// run is seen to be one.
    pub fn new(limits: Limits, epoch: u16) -> Self {
        let mut limits = limits;
        limits.eyes = limits.eyes.min(64);
        limits.diverters = limits.diverters.min(32);
        limits.cameras = limits.cameras.min(8);
        let outputs = Outputs::new(&limits.opposite);
        Self {
            limits,
            id: 0,
            boot: epoch,
            image: map::Image::default(),
            health: map::Health {
                epoch,
                ..map::Health::default()
            },
            count: 0,
            backwards: false,
            now: 0,
            started: None,
            due: None,
            plan: 0,
            stop: StopCircuit::default(),
            lease: Lease::new(),
            last_seq: 0,
            last_result: None,
            strokes: Slots::new(),
            triggers: Slots::new(),
            pulses: Slots::new(),
            outputs,
            actual: None,
            eyes: Eyes::new(),
            ring: Ring::new(first_event(epoch)),
            answers: Answers::new(),
            mailbox: [0; map::COMMAND_WORDS],
            control: [0; map::CONTROL_WORDS],
            heartbeat: [0; map::HEARTBEAT_WORDS],
        }
    }

    /// The same node with a number given at installation.
    #[must_use]
    pub const fn with_id(mut self, node_id: u16) -> Self {
        self.id = node_id;
        self
    }

    /// The same node, which says what it is made of and why it started.
    #[must_use]
    pub const fn with_image(mut self, image: map::Image) -> Self {
        self.image = image;
        self
    }

    /// Begins in another epoch, for boards that find one only when the first request comes. What
    /// happened before is forgotten; does nothing once anyone has written to the node.
    pub fn begin_in(&mut self, epoch: u16) {
        if self.health.writes == 0 {
            self.boot = epoch;
            self.health.epoch = epoch;
            self.ring.begin_at(first_event(epoch));
        }
    }

    /// The encoder count moved to `count`. Call it for every count, or at least for every count
    /// that [`Node::next_count`] names: a command whose count was jumped over is refused as late.
    pub fn encoder(&mut self, count: u32) {
        let moved = count.wrapping_sub(self.count).cast_signed();
        if moved == 0 {
            return;
        }
        self.count = count;
        self.eyes.belt_moved();
        if moved < 0 {
            if !self.backwards {
                self.health.reversals = self.health.reversals.wrapping_add(1);
            }
            self.backwards = true;
            while let Some(ended) = self.outputs.take_jog(None) {
                self.finish(ended);
                self.plan();
            }
            return;
        }
        self.backwards = false;
        if self.due.is_some_and(|due| !is_before(count, due)) {
            self.act();
        }
    }

    /// Moves the belt on to `count`, halting at every count on the way at which something
    /// happens. For callers that see the belt in steps of many counts but know that it ran
    /// through all of them; the time is the same for all.
    pub fn travel(&mut self, count: u32) {
        while let Some(due) = self.due.filter(|due| is_before(*due, count)) {
            if is_before(due, self.count) {
                break;
            }
            self.encoder(due);
        }
        self.encoder(count);
    }

    /// The node's own millisecond timer; wraps.
    pub fn millis(&mut self, now: u32) {
        if self.started.is_none() {
            self.started = Some(now);
            self.now = now;
        }
        let elapsed = now.wrapping_sub(self.now);
        self.now = now;
        self.health.uptime_ms = self.health.uptime_ms.wrapping_add(elapsed);
        while let Some(ended) = self.outputs.take_expired(now) {
            self.finish(ended);
            self.plan();
        }
        if self.lease.is_expired(now) && !planted::is(41) {
            self.lease.trip();
            self.health.trips = self.health.trips.wrapping_add(1);
            self.halt(Cause::Watchdog);
        }
        while let Some(eye) = self.eyes.take_jam(elapsed, self.limits.jam_ms) {
            self.tell(EventKind::JamLatched, eye, 0, 0);
        }
        self.eyes.settle(elapsed);
    }

    /// A photo-eye changed, at the present count and time. Ids that are not connected are ignored.
    pub fn eye(&mut self, eye: u8, blocked: bool) {
        let lost = planted::is(45) && self.ring.next().is_multiple_of(64);
        if eye < self.limits.eyes && self.eyes.set(eye, blocked) && !lost {
            let kind = if blocked {
                EventKind::EyeBlocked
            } else {
                EventKind::EyeClear
            };
            self.tell(kind, eye, 0, 0);
        }
    }

    /// The stop circuit's state changed. Opening it switches all outputs off at once, empties the
    /// queue, begins a new epoch and sets the latch; closing it resets nothing.
    pub fn stop(&mut self, active: bool) {
        if active == self.stop.open {
            return;
        }
        self.stop.open = active;
        if active {
            self.stop.latched = true;
            if !planted::is(61) {
                self.tell(EventKind::StopOpen, 0, 0, 0);
            }
            if !planted::is(42) {
                self.halt(Cause::Stop);
            }
        } else {
            self.stop.latched &= !planted::is(47);
            self.tell(EventKind::StopClosed, 0, 0, 0);
        }
    }

    /// What the output stage reads back. Without it the node reports what it wants.
    pub const fn read_back(&mut self, outputs: u32) {
        self.actual = Some(outputs);
    }

    /// Diverter outputs, one bit each.
    pub const fn outputs(&self) -> u32 {
        self.outputs.bits()
    }

    /// The next camera pulse to give, until `None`.
    pub fn take_trigger(&mut self) -> Option<TriggerPulse> {
        self.pulses.take_first(|_| true)
    }

    /// The nearest count ahead at which something happens.
    pub const fn next_count(&self) -> Option<u32> {
        self.due
    }

    /// The nearest time ahead at which something happens, if no input changes before.
    pub fn next_millis(&self) -> Option<u32> {
        let jam = self.eyes.next_jam(self.now, self.limits.jam_ms);
        let candidates = [self.lease.expires(), self.outputs.next_expiry(), jam];
        candidates
            .into_iter()
            .flatten()
            .min_by_key(|at| at.wrapping_sub(self.now).cast_signed())
    }

    /// The present encoder count.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// What the node enforces.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Outputs off, queue emptied, disarmed, new epoch.
    fn halt(&mut self, cause: Cause) {
        while let Some(ended) = self.outputs.take_any() {
            self.finish(ended);
        }
        self.lease.end();
        self.begin_epoch(cause);
    }

    /// Empties the queue and begins a new epoch; outputs that are on run to their end.
    fn begin_epoch(&mut self, cause: Cause) {
        while let Some(stroke) = self.strokes.take_first(|_| true) {
            self.drop_command(stroke.seq, stroke.diverter, Refusal::Stopped);
        }
        while let Some(trigger) = self.triggers.take_first(|_| true) {
            self.drop_command(trigger.seq, trigger.pulse.camera, Refusal::Stopped);
        }
        let step = u16::from(!planted::is(48));
        self.health.epoch = self.health.epoch.wrapping_add(step);
        self.health.last_fault = cause.code();
        let epoch = u32::from(self.health.epoch);
        self.tell(EventKind::NewEpoch, 0, cause.code(), epoch);
        self.plan();
    }

    fn tell(&mut self, kind: EventKind, device: u8, detail: u16, value: u32) {
        let at = self
            .count
            .wrapping_sub(if planted::is(46) { 200 } else { 0 });
        self.ring.push(map::Event {
            seq: 0,
            code: kind.code(),
            device,
            detail,
            at,
            value,
        });
    }
}

/// Number of the first event of a run.
fn first_event(epoch: u16) -> u32 {
    u32::from(epoch).wrapping_shl(16)
}

/// True when count `a` comes before `b` on the belt's travel.
const fn is_before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}
