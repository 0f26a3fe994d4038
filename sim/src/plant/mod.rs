//! The physics of a line: belt, parcels, photo-eyes, diverters, chutes and what goes wrong with
//! them.
//!
//! The plant is pure and seeded: it has no clock, and the same seed and the same outputs at the
//! same times give the same physics on every machine. It jumps from event to event; nothing is
//! sampled, so an edge is at the microsecond at which the parcel meets the beam.
//!
//! Lengths are micrometres, *travel* is belt travel since the start, time is microseconds since
//! the start. A parcel's position is that of its leading edge, downstream of the induction
//! photo-eye. A parcel is diverted when a diverter is fully out as the parcel's middle passes it;
//! what nobody diverts falls into the reject chute at the end of the belt.
//!
//! Faults are named knobs ([`FaultRates`]); each counts how often it took effect.

mod belt;
mod chute;
pub mod config;
mod diverter;
mod drive;
mod eye;
mod faults;
mod feeder;
mod happenings;
pub(crate) mod machines;
mod parcel;
mod rng;
mod shapes;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use sortline_core::topology::{ChuteKind, LineConfig};
use sortline_core::{ChuteId, DiverterId};

pub use config::{ConfigError, PlantConfig};
pub(crate) use drive::millis;
pub use drive::{Driven, TriggerPulse, drive, drive_once, next_us, node_limits};
pub use faults::{Fault, FaultDice, FaultRates};
pub use parcel::Parcel;
pub use rng::Rng;

use belt::{Belt, NEVER_UM};
use chute::Chute;
use diverter::Diverter;
use eye::Eye;
use feeder::{Feeder, Returning};
use machines::{Slope, Starter, build_chutes, build_diverters};
use parcel::{Moving, Places};
use shapes::Shape;

/// Streams of random numbers, one for each purpose.
pub(crate) mod stream {
    pub(crate) const FEEDER: u64 = 1;
    pub(crate) const SLIP: u64 = 2;
    pub(crate) const CHUTE: u64 = 3;
    pub(crate) const START: u64 = 5;
    /// One for each induction that merges.
    pub(crate) const LANES: u64 = 2_000;
}

/// What the field node sees change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A photo-eye.
    Eye {
        /// Input number at the node.
        eye: u16,
        /// Blocked or clear.
        blocked: bool,
    },
    /// The stop circuit opened (`true`) or closed.
    Stop {
        /// Open.
        active: bool,
    },
    /// A person at the machine has looked at the line after a stop and presses reset.
    ResetPressed,
}

/// How a parcel's way on the line ended, physically.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is in this chute.
    Chute(ChuteId),
    /// Taken off by hand.
    Removed,
}

/// The physical end of one parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which parcel.
    pub parcel: Parcel,
    /// How.
    pub fate: Fate,
    /// When.
    pub at_us: u64,
    /// Belt travel from when a photo-eye saw it first in this lap until the diverter that took it
    /// left home, micrometres; 0: none had seen it.
    pub seen_for_um: i64,
}

/// Counts of the physics. `inducted` = parcels in sort and reject chutes + `removed` + `on_belt`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Parcels that came onto the line, those put on by hand included.
    pub inducted: u64,
    /// Parcels taken off by hand.
    pub removed: u64,
    /// Parcels in each sort or reject chute.
    pub in_chute: BTreeMap<ChuteId, u64>,
    /// Passages of the recirculation conveyor.
    pub recirculations: u64,
    /// Parcels on the belt or on the recirculation conveyor.
    pub on_belt: u64,
    /// Parcels that came beside a full bag.
    pub spilled: u64,
}

/// Something that must never happen in the physics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// A diverter moved or was out while a parcel it did not divert was on its body.
    Struck {
        /// Which diverter.
        diverter: DiverterId,
        /// Which parcel.
        serial: u32,
        /// It slipped further than parcels do, since the last photo-eye but one before the diverter
        /// left home.
        slipped: bool,
        /// As [`Ended::seen_for_um`].
        seen_for_um: i64,
    },
    /// Both sides of a machine were out at once.
    BothOut {
        /// The second one.
        diverter: DiverterId,
    },
    /// An output was on longer than the line allows.
    HeldTooLong {
        /// Which diverter.
        diverter: DiverterId,
        /// For how long, milliseconds.
        ms: u64,
    },
}

/// Something that happens at a time, wherever the belt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Confirm { chute: usize, blocked: bool },
    Home { diverter: usize },
    BagChanged { chute: usize },
    Bounce { eye: usize, level: bool },
    Ghost { eye: usize, enters: bool },
    Unstick { eye: usize },
    Ramp { down: bool, step: i64 },
    Halt { stop: bool },
    CloseStop,
    Start,
    Press,
    Slow { ends: bool },
    Freeze { us: i64 },
    Thaw,
    Noise { until: i64 },
    Jump { counts: i64 },
}

/// A time that never comes.
const NEVER_US: i64 = i64::MAX;

/// What the belt brings next.
#[derive(Clone, Copy, Debug)]
struct Next {
    travel_um: i64,
    at_us: i64,
}

/// The simulated line.
#[derive(Clone, Debug)]
pub struct Plant {
    config: PlantConfig,
    places: Places,
    belt: Belt,
    now_us: i64,
    next: Next,
    eyes: Vec<Eye>,
    diverters: Vec<Diverter>,
    outputs: u32,
    chutes: Vec<Chute>,
    reject: usize,
    recirculation_um: i64,
    shape: Shape,
    /// First the furthest downstream.
    moving: VecDeque<Moving>,
    returns: VecDeque<Returning>,
    feeder: Feeder,
    slip_rng: Rng,
    chute_rng: Rng,
    dice: FaultDice,
    timers: BinaryHeap<Reverse<(i64, u64, Timer)>>,
    timers_set: u64,
    halted: bool,
    /// Who starts the belt when it stands.
    starter: Starter,
    /// The last ramp.
    slope: Slope,
    /// Travel at which the encoder count wraps, if a fault made it wrap soon.
    rollover_um: Option<i64>,
    stop_open: bool,
    signals: VecDeque<Signal>,
    /// Parcels that came to an induction's photo-eye, with that and the count, whatever it saw.
    arrivals: Vec<(u16, u32, u32)>,
    ended: Vec<Ended>,
    breaches: Vec<Breach>,
    totals: Totals,
}

impl Plant {
    /// A line with an empty, running belt. The feeder brings `limit` new parcels. The line's
    /// configuration must have passed [`sortline_core::topology::Topology::new`].
    #[must_use]
    pub fn new(line: &LineConfig, config: PlantConfig, seed: u64, limit: u64) -> Self {
        let mut dice = FaultDice::new(config.faults_ppm.clone(), seed);
        let mut start = Rng::new(seed, stream::START);
        let drawn = u32::try_from(start.below(1 << 32)).unwrap_or(0);
        let mut count = config.motion.encoder_start.unwrap_or(drawn);
        let mut rollover_um = None;
        if dice.drawn(Fault::EncoderRollover) {
            let before = u32::try_from(start.range(2_000, 60_000)).unwrap_or(0);
            count = u32::MAX - before;
            rollover_um = Some(i64::from(before) * i64::from(line.belt.um_per_tick));
        }
        let belt = Belt::new(line.belt.speed_mm_per_s, line.belt.um_per_tick, count);
        let chutes = build_chutes(line);
        let feeder_rng = Rng::new(seed, stream::FEEDER);
        let shape = Shape::new(line, &config.merging, seed);
        let mut feeder = Feeder::new(&config.feeder, belt.nominal(), limit, feeder_rng, &mut dice);
        if let Some(carriers) = &shape.carriers {
            feeder.onto(carriers);
        }
        let reject = chutes
            .iter()
            .position(|c| c.kind == ChuteKind::Reject)
            .unwrap_or(0);
        let mut plant = Self {
            places: Places::new(line, shape.carriers.as_ref()),
            belt,
            now_us: 0,
            next: Next {
                travel_um: NEVER_UM,
                at_us: NEVER_US,
            },
            eyes: line.eyes.iter().map(|eye| Eye::new(eye.id.0)).collect(),
            diverters: build_diverters(line, &chutes),
            outputs: 0,
            chutes,
            reject,
            recirculation_um: i64::from(line.belt.recirculation_mm) * 1_000,
            shape,
            moving: VecDeque::new(),
            returns: VecDeque::new(),
            feeder,
            slip_rng: Rng::new(seed, stream::SLIP),
            chute_rng: Rng::new(seed, stream::CHUTE),
            dice,
            timers: BinaryHeap::new(),
            timers_set: 0,
            halted: false,
            starter: Starter::Itself,
            slope: Slope::Up,
            rollover_um,
            stop_open: false,
            signals: VecDeque::new(),
            arrivals: Vec::new(),
            ended: Vec::new(),
            breaches: Vec::new(),
            totals: Totals::default(),
            config,
        };
        plant.find_next();
        plant
    }

    /// When the next thing happens by itself, microseconds; `None` when nothing ever will.
    #[must_use]
    pub fn next_us(&self) -> Option<u64> {
        let next = self.next.at_us.min(self.next_timer());
        (next != NEVER_US).then(|| next.max(self.now_us).cast_unsigned())
    }

    /// Everything up to and including `now_us` happens. Time never goes back.
    pub fn advance(&mut self, now_us: u64) {
        let until = now_us.cast_signed().max(self.now_us);
        loop {
            let belt = self.next.at_us.max(self.now_us);
            let timer = self.next_timer().max(self.now_us);
            if timer.min(belt) > until {
                break;
            }
            self.now_us = timer.min(belt);
            if timer <= belt {
                self.timer();
            } else {
                self.happen(self.next.travel_um);
            }
            self.find_next();
        }
        self.now_us = until;
    }

    /// The node's diverter outputs are these now, one bit for each diverter number.
    pub fn set_outputs(&mut self, outputs: u32) {
        let changed = self.outputs ^ outputs;
        self.outputs = outputs;
        if changed == 0 {
            return;
        }
        for index in 0..self.diverters.len() {
            let id = self.diverters.get(index).map_or(u16::MAX, |d| d.id.0);
            let bit = 1_u32.checked_shl(id.into()).unwrap_or(0);
            if changed & bit != 0 {
                self.switch(index, outputs & bit != 0);
            }
        }
        // A diverter that moves is one more place that parcels meet.
        self.find_next();
    }

    /// The outputs last set.
    #[must_use]
    pub const fn outputs(&self) -> u32 {
        self.outputs
    }

    /// The present time in microseconds since the start.
    #[must_use]
    pub const fn now_us(&self) -> u64 {
        self.now_us.cast_unsigned()
    }

    /// The encoder counts from 0 again: its counter was switched off and on.
    pub fn restart_encoder(&mut self) {
        self.belt.disturbed = true;
        self.belt.astray_us = Some(self.now_us);
        self.belt.jump(-i64::from(self.count()));
    }

    /// Photo-eyes by their input number, and whether they report a blocked beam.
    pub fn levels(&self) -> impl Iterator<Item = (u16, bool)> + '_ {
        self.eyes.iter().map(|eye| (eye.id, eye.is_blocked()))
    }

    /// True while the stop circuit is open.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.stop_open
    }

    /// The encoder count.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.belt.count(self.travel())
    }

    /// When the encoder will show `count`; `None` while the belt or the encoder stands.
    #[must_use]
    pub fn time_of_count(&self, count: u32) -> Option<u64> {
        let travel = self.belt.travel_at_count(self.travel(), count)?;
        Some(self.belt.time_at(travel)?.max(self.now_us).cast_unsigned())
    }

    /// True when belt or encoder did anything but travel steadily at nominal speed since the last
    /// call.
    pub const fn take_disturbed(&mut self) -> bool {
        let still = !self.belt.is_steady();
        std::mem::replace(&mut self.belt.disturbed, still)
    }

    /// True when the encoder has gone astray within the last `us`: strokes that were in the node's
    /// queue then came at the right count, and at the wrong place.
    #[must_use]
    pub fn was_astray(&self, us: i64) -> bool {
        self.belt.astray_us.is_some_and(|at| self.now_us - at < us)
    }

    /// Parcels that reach into the belt `half_um` before and after `position_um`, with the
    /// distance of their middle from there: downstream is positive.
    pub fn under(&self, position_um: i64, half_um: i64) -> impl Iterator<Item = (Parcel, i64)> {
        let travel = self.travel();
        self.moving.iter().filter_map(move |m| {
            let inside =
                m.lead(travel) > position_um - half_um && m.tail(travel) < position_um + half_um;
            inside.then(|| (m.parcel, m.middle(travel) - position_um))
        })
    }

    /// Leading edge and length of every parcel on the belt in micrometres, first the furthest
    /// downstream.
    pub fn on_belt(&self) -> impl Iterator<Item = (Parcel, i64)> {
        let travel = self.travel();
        self.moving.iter().map(move |m| (m.parcel, m.lead(travel)))
    }

    /// True when every parcel has come and gone.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let sliding = self.chutes.iter().any(|chute| chute.sliding() > 0);
        self.feeder.is_done() && self.moving.is_empty() && self.returns.is_empty() && !sliding
    }

    /// The next thing the node must be told, in order.
    pub fn take_signal(&mut self) -> Option<Signal> {
        self.signals.pop_front()
    }

    /// Serial numbers of the parcels that came to the induction photo-eye since the last call, each
    /// with the encoder count.
    pub fn take_arrivals(&mut self) -> Vec<(u16, u32, u32)> {
        std::mem::take(&mut self.arrivals)
    }

    /// Parcels whose way ended since the last call.
    pub fn take_ended(&mut self) -> impl Iterator<Item = Ended> + '_ {
        self.ended.drain(..)
    }

    /// What must never happen and did, since the last call.
    pub fn take_breaches(&mut self) -> impl Iterator<Item = Breach> + '_ {
        self.breaches.drain(..)
    }

    /// Counts of the physics.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let recirculating = |c: &Chute| c.kind == ChuteKind::Recirculation;
        let leaving: usize = self
            .chutes
            .iter()
            .filter(|c| recirculating(c))
            .map(Chute::sliding)
            .sum();
        let on_belt = self.moving.len() + self.returns.len() + leaving;
        let ends = self.chutes.iter().filter(|c| !recirculating(c));
        Totals {
            in_chute: ends.map(|c| (c.id, c.taken)).collect(),
            on_belt: u64::try_from(on_belt).unwrap_or(u64::MAX),
            ..self.totals.clone()
        }
    }

    /// The fault dice: the shell draws faults of cameras and readings from it.
    pub const fn dice(&mut self) -> &mut FaultDice {
        &mut self.dice
    }

    /// How often each fault with a rate above 0 took effect.
    #[must_use]
    pub fn faults_fired(&self) -> BTreeMap<&'static str, u64> {
        self.dice.counts()
    }

    fn travel(&self) -> i64 {
        self.belt.travel(self.now_us)
    }

    fn next_timer(&self) -> i64 {
        self.timers
            .peek()
            .map_or(NEVER_US, |Reverse((at, _, _))| *at)
    }

    /// Finds the belt travel at which the belt brings the next thing, and when that is.
    fn find_next(&mut self) {
        let back = self.returns.front().map_or(NEVER_UM, |(at, _)| *at);
        let feeder = self.feeder.next_um().min(self.shape.next_um());
        let mut travel_um = feeder.min(back);
        for moving in &self.moving {
            travel_um = travel_um.min(moving.next_um);
        }
        let at_us = self.belt.time_at(travel_um).unwrap_or(NEVER_US);
        self.next = Next { travel_um, at_us };
    }

    fn set_timer(&mut self, at_us: i64, timer: Timer) {
        self.timers_set += 1;
        self.timers.push(Reverse((at_us, self.timers_set, timer)));
    }
}

#[cfg(test)]
mod tests;
