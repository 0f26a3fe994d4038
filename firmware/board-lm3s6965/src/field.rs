//! The node with its encoder and outputs: what the tasks share.

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::SYST;
use sortline_cortex::version;
use sortline_logic::{Edge, Encoder, Limits, Node};
use sortline_regmap::{Board, Image, ResetCause};

use crate::registers::{Legacy, system};
use crate::{UPTIME_MS, pins};

/// Edges of the encoder that were dealt with, pins included. Read by the test harness.
#[used]
pub(crate) static HANDLED: AtomicU32 = AtomicU32::new(0);
/// Longest run of the encoder's interrupt so far, in processor clocks. Read by the test harness.
#[used]
pub(crate) static ENCODER_CLOCKS_MAX: AtomicU32 = AtomicU32::new(0);
/// Longest time so far that the encoder's interrupt was held back, in processor clocks. Read by
/// the test harness.
#[used]
pub(crate) static HELD_CLOCKS_MAX: AtomicU32 = AtomicU32::new(0);

/// When something other than the encoder last moved the diverter pins, in milliseconds of the
/// board's clock. Read by the test harness.
#[used]
pub(crate) static MOVED_MS: AtomicU32 = AtomicU32::new(0);

/// What this installation enforces, whatever a controller asks for.
const fn limits() -> Limits {
    let mut opposite = [None; 32];
    opposite[2] = Some(3);
    opposite[4] = Some(5);
    Limits {
        eyes: 12,
        diverters: 6,
        cameras: 1,
        opposite,
        hold_ms_max: 1_500,
        hold_ticks_max: 4_000,
        lead_ticks_min: 2,
        ahead_ticks_max: 60_000,
        // With the millisecond until a tick sees it, and time for the tick, within 100 ms.
        heartbeat_ms: 90,
        jam_ms: 5_000,
    }
}

/// The node, its encoder, and what this board adds.
pub struct Field {
    node: Node,
    encoder: Encoder,
    cause: ResetCause,
    /// Somebody has asked something: the epoch is chosen.
    is_known: bool,
    /// The camera's pulse was on at the last tick.
    is_pulsing: bool,
    /// Diverter outputs as the pins show them.
    shown: u32,
    /// With the fault planted: what should have been done at the last count.
    late: Option<Edge>,
}

impl Field {
    pub(crate) fn new() -> Self {
        let legacy = Legacy::read();
        let left = legacy.and_then(|legacy| ResetCause::from_code(legacy.cause));
        let epoch = legacy.map_or(0, |legacy| legacy.epoch);
        let by_watchdog = system::RESET_CAUSE.read() & 1 << 3 != 0;
        system::RESET_CAUSE.write(0);
        let cause = if by_watchdog {
            ResetCause::Watchdog
        } else {
            left.unwrap_or_default()
        };
        Legacy::leave(ResetCause::Power.code(), epoch);
        let image = Image {
            version: VERSION,
            board: Board::Lm3s6965,
            reset: cause,
        };
        Self {
            node: Node::new(limits(), epoch).with_image(image),
            encoder: Encoder::default(),
            cause,
            is_known: false,
            is_pulsing: false,
            shown: 0,
            late: None,
        }
    }

    pub(crate) const fn cause(&self) -> ResetCause {
        self.cause
    }

    /// The belt moved by one count. True when the pins were moved and the node should hear of it.
    pub(crate) fn count(&mut self, forwards: bool) -> bool {
        let step = if forwards { 1 } else { u32::MAX };
        let edge = self
            .encoder
            .moved_to(self.encoder.count().wrapping_add(step));
        let edge = if cfg!(planted = "late") {
            core::mem::replace(&mut self.late, edge)
        } else {
            edge
        };
        if cfg!(planted = "hang") && self.encoder.count() == 1_000 {
            loop {
                cortex_m::asm::nop();
            }
        }
        assert!(
            !cfg!(planted = "panic") || self.encoder.count() != 1_000,
            "planted"
        );
        if let Some(edge) = &edge {
            pins::edge(edge);
            self.shown = edge.outputs;
        }
        edge.is_some()
    }

    /// Does something to the node, and then to the pins what has become of it. The encoder's
    /// interrupt is held back meanwhile.
    pub(crate) fn with_node<T>(&mut self, act: impl FnOnce(&mut Node) -> T) -> T {
        let begun = SYST::get_current();
        self.node.follow(&mut self.encoder);
        let result = act(&mut self.node);
        self.settle();
        note(&HELD_CLOCKS_MAX, clocks_since(begun));
        result
    }

    /// Brings encoder and pins to what has become of the node.
    fn settle(&mut self) {
        self.node.lay_out(&mut self.encoder);
        // Cameras were pulsed at their count.
        while self.node.take_trigger().is_some() {}
        if self.late.is_none() {
            self.show(self.node.outputs());
        }
    }

    /// Brings the pins to what the node wants, also when something else has moved them.
    fn show(&mut self, outputs: u32) {
        if outputs != self.shown {
            self.shown = outputs;
            // Before the pins: whoever sees them moved finds it noted.
            MOVED_MS.store(UPTIME_MS.load(Ordering::Relaxed), Ordering::Release);
        }
        pins::diverters(outputs);
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
    pub(crate) fn answer(
        &mut self,
        request: &[u8],
        reply: &mut [u8; sortline_logic::PDU_MAX],
    ) -> usize {
        if !self.is_known {
            self.is_known = true;
            let epoch = choose_epoch();
            self.node.begin_in(epoch);
            Legacy::leave(ResetCause::Power.code(), epoch);
        }
        self.with_node(|node| node.answer(request, reply))
    }
}

fn choose_epoch() -> u16 {
    let uptime = UPTIME_MS.load(Ordering::Relaxed);
    let mixed = (Legacy::noise() ^ SYST::get_current() ^ uptime << 16).wrapping_mul(0x9E37_79B1);
    let [high, low, ..] = mixed.to_be_bytes();
    let epoch = u16::from_be_bytes([high, low]);
    if Legacy::read().is_some_and(|legacy| epoch == legacy.epoch) {
        epoch.wrapping_add(1)
    } else {
        epoch
    }
}

/// The last run ends here: outputs off, and the next one knows why.
pub(crate) fn leave(cause: ResetCause) {
    pins::all_off();
    Legacy::leave(
        cause.code(),
        Legacy::read().map_or(0, |legacy| legacy.epoch),
    );
}

/// Processor clocks since the counter stood at `begun`, if that is less than a millisecond ago.
pub(crate) fn clocks_since(begun: u32) -> u32 {
    let now = SYST::get_current();
    if now <= begun {
        begun.wrapping_sub(now)
    } else {
        begun.wrapping_add(pins::CLOCK_PER_MS).wrapping_sub(now)
    }
}

/// Keeps the greatest value.
pub(crate) fn note(greatest: &AtomicU32, value: u32) {
    if value > greatest.load(Ordering::Relaxed) {
        greatest.store(value, Ordering::Relaxed);
    }
}

/// This crate's version: major, minor, patch.
const VERSION: [u16; 3] = version(
    env!("CARGO_PKG_VERSION_MAJOR"),
    env!("CARGO_PKG_VERSION_MINOR"),
    env!("CARGO_PKG_VERSION_PATCH"),
);
