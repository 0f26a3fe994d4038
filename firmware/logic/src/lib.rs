//! The field node's logic, without pins, clock or network: strokes and camera triggers executed
//! at encoder counts, photo-eye edges stamped with the count, watchdog, stop latch, and the
//! register file through which a controller sees all of it.
//!
//! The same code runs on a microcontroller, in `firmware/node` and in the simulator. It allocates
//! nothing, never panics on data, and asks for nothing: the caller tells it the count, the time
//! and the inputs, and copies the outputs.
#![no_std]
#![warn(clippy::arithmetic_side_effects, clippy::as_conversions)]

/// What the node enforces, whatever a controller asks for. Fixed at start; readable in `LIMITS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Photo-eyes connected, ids 0 to `eyes - 1`; at most 64.
    pub eyes: u8,
    /// Diverter outputs connected, ids 0 to `diverters - 1`; at most 32.
    pub diverters: u8,
    /// Cameras connected, ids 0 to `cameras - 1`; at most 8.
    pub cameras: u8,
    /// For each diverter the one on the other side of its machine.
    pub opposite: [Option<u8>; 32],
    /// Longest time an output may stay on, in milliseconds.
    pub hold_ms_max: u16,
    /// Longest hold in ticks.
    pub hold_ticks_max: u16,
    /// A command must arrive at least this many ticks before it fires.
    pub lead_ticks_min: u16,
    /// A command may fire at most this many ticks ahead.
    pub ahead_ticks_max: u32,
    /// The controller's heartbeat must advance within this time, or all outputs go off, the queue
    /// is emptied and the epoch changes. Milliseconds.
    pub heartbeat_ms: u16,
    /// A photo-eye blocked longer than this while the belt moves latches a jam. Milliseconds.
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

/// The field node.
#[derive(Debug)]
pub struct Node {
    limits: Limits,
}

impl Node {
    /// A node that has just been switched on: outputs off, not armed, in `epoch`.
    pub fn new(limits: Limits, epoch: u16) -> Self {
        let _ = epoch;
        Self { limits }
    }

    /// The encoder count moved to `count`. Call it for every count, or at least for every count
    /// that [`Node::next_count`] names: a command whose count was jumped over is refused as late.
    pub fn encoder(&mut self, count: u32) {
        let _ = count;
    }

    /// The node's own millisecond timer; wraps.
    pub fn millis(&mut self, now: u32) {
        let _ = now;
    }

    /// A photo-eye changed, at the present count and time.
    pub fn eye(&mut self, eye: u8, blocked: bool) {
        let _ = (eye, blocked);
    }

    /// The stop circuit's state changed.
    pub fn stop(&mut self, active: bool) {
        let _ = active;
    }

    /// Diverter outputs, one bit each.
    pub fn outputs(&self) -> u32 {
        0
    }

    /// The next camera pulse to give, until `None`.
    pub fn take_trigger(&mut self) -> Option<TriggerPulse> {
        None
    }

    /// The nearest count ahead at which something happens.
    pub fn next_count(&self) -> Option<u32> {
        None
    }

    /// The nearest time ahead at which something happens.
    pub fn next_millis(&self) -> Option<u32> {
        None
    }

    /// A controller reads holding registers (function code 3).
    ///
    /// # Errors
    /// [`Exception`] as a Modbus server answers it.
    pub fn read(&self, address: u16, out: &mut [u16]) -> Result<(), Exception> {
        let _ = (address, out);
        Err(Exception::IllegalAddress)
    }

    /// A controller writes holding registers (function codes 6 and 16).
    ///
    /// # Errors
    /// [`Exception`] as a Modbus server answers it; nothing was changed then.
    pub fn write(&mut self, address: u16, words: &[u16]) -> Result<(), Exception> {
        let _ = (address, words);
        Err(Exception::IllegalAddress)
    }

    /// What the node enforces.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }
}
