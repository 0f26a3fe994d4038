//! The node with its encoder and outputs: what the tasks share.
//!
//! The timer counts by itself and compares with the next edge's count, so nothing is lost while
//! the node is in use; an edge that came due meanwhile is done as soon as it is free.

use cortex_m::peripheral::SYST;
use sortline_cortex::version;
use sortline_logic::{Encoder, Limits, Node, PDU_MAX};
use sortline_regmap::{Board, Image, ResetCause};

use crate::pins;
use crate::registers::{backup, rcc, tim2};

/// What this installation enforces, whatever a controller asks for.
const fn limits() -> Limits {
    let mut opposite = [None; 32];
    opposite[2] = Some(3);
    opposite[4] = Some(5);
    Limits {
        eyes: 10,
        diverters: 6,
        cameras: 1,
        opposite,
        hold_ms_max: 1_500,
        hold_ticks_max: 16_000,
        lead_ticks_min: 8,
        ahead_ticks_max: 240_000,
        heartbeat_ms: 90,
        jam_ms: 5_000,
    }
}

/// The node, its encoder, and what this board adds.
pub struct Field {
    node: Node,
    encoder: Encoder,
    /// Somebody has asked something: the epoch is chosen.
    is_known: bool,
    /// The camera's pulse was on at the last tick.
    is_pulsing: bool,
}

impl Field {
    pub(crate) fn new() -> Self {
        let (cause, epoch) = take_legacy();
        let image = Image {
            version: VERSION,
            board: Board::Stm32f446,
            reset: cause,
        };
        Self {
            node: Node::new(limits(), epoch).with_image(image),
            encoder: Encoder::default(),
            is_known: false,
            is_pulsing: false,
        }
    }

    /// Does what has come due by the timer's count. The list of edges bounds it.
    pub(crate) fn catch_up(&mut self) {
        tim2::STATUS.write(!(1 << 3));
        let count = tim2::COUNT.read();
        while let Some(due) = self.encoder.next() {
            if count.wrapping_sub(due).cast_signed() < 0 {
                break;
            }
            match self.encoder.moved_to(due) {
                Some(edge) => pins::edge(&edge),
                // The belt is beyond it, running backwards: not now.
                None => break,
            }
        }
        if let Some(edge) = self.encoder.moved_to(count) {
            pins::edge(&edge);
        }
        if let Some(next) = self.encoder.next() {
            tim2::COMPARE_3.write(next);
        }
    }

    /// Does something to the node, and then to the pins what has become of it.
    pub(crate) fn with_node<T>(&mut self, act: impl FnOnce(&mut Node) -> T) -> T {
        self.catch_up();
        self.node.follow(&mut self.encoder);
        let result = act(&mut self.node);
        self.node.lay_out(&mut self.encoder);
        // Cameras were pulsed at their count.
        while self.node.take_trigger().is_some() {}
        pins::diverters(self.node.outputs());
        // What came due while the node was in use.
        self.catch_up();
        result
    }

    /// A millisecond has passed.
    pub(crate) fn tick(&mut self, now: u32) {
        self.with_node(|node| {
            node.millis(now);
            node.read_back(pins::read_back());
        });
        let on = pins::is_camera_on();
        if on && self.is_pulsing {
            pins::camera_off();
        }
        self.is_pulsing = on;
    }

    /// Answers a Modbus request. The first one fixes the epoch: no two starts hear it at the same
    /// clock of the same millisecond.
    pub(crate) fn answer(&mut self, request: &[u8], reply: &mut [u8; PDU_MAX]) -> usize {
        if !self.is_known {
            self.is_known = true;
            let status = self.node.status();
            let mixed = SYST::get_current() ^ status.health.uptime_ms << 16;
            let [high, low, ..] = mixed.wrapping_mul(0x9E37_79B1).to_be_bytes();
            // Never that of the last run.
            let epoch = status
                .health
                .epoch
                .wrapping_add(u16::from_be_bytes([high, low]) | 1);
            self.with_node(|node| node.begin_in(epoch));
            leave(ResetCause::Power, epoch);
        }
        self.with_node(|node| node.answer(request, reply))
    }
}

/// The last run ends here: outputs off, and the next one knows why.
pub(crate) fn give_up(cause: ResetCause) {
    pins::all_off();
    let [_, _, high, low] = backup::WORD.read().to_be_bytes();
    leave(cause, u16::from_be_bytes([high, low]));
}

/// Leaves cause and epoch to the next run.
fn leave(cause: ResetCause, epoch: u16) {
    backup::POWER.set(1 << 8);
    backup::WORD.write(u32::from(cause.code()) << 16 | u32::from(epoch));
}

/// What the last run left, and what the chip says of the reset.
fn take_legacy() -> (ResetCause, u16) {
    let [high, low, epoch_high, epoch_low] = backup::WORD.read().to_be_bytes();
    let epoch = u16::from_be_bytes([epoch_high, epoch_low]);
    let by_watchdog = rcc::CAUSE.read() & 1 << 29 != 0;
    rcc::CAUSE.set(1 << 24);
    let left = ResetCause::from_code(u16::from_be_bytes([high, low]));
    let cause = if by_watchdog {
        ResetCause::Watchdog
    } else {
        left.unwrap_or_default()
    };
    leave(ResetCause::Power, epoch);
    (cause, epoch)
}

/// This crate's version: major, minor, patch.
const VERSION: [u16; 3] = version(
    env!("CARGO_PKG_VERSION_MAJOR"),
    env!("CARGO_PKG_VERSION_MINOR"),
    env!("CARGO_PKG_VERSION_PATCH"),
);
