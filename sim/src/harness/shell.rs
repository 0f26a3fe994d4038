//! What surrounds the core in virtual time: cameras, look-ups, people and the writing of commands,
//! each with its delay and its faults.

use std::collections::BTreeMap;

use sortline_core::{
    CameraId, ChuteId, ChuteState, Command, DestinationSource, Event, NoRead, OperatorCommand,
    ParcelId, Reading, Resolution, TriggerId,
};
use sortline_logic::TriggerPulse;

use super::label::Labels;
use super::scenario::{ScenarioConfig, ShellConfig};
use crate::plant::{Fault, FaultDice, Rng};

/// Streams of random numbers beside the plant's.
const VISION: u64 = 101;
const WRITES: u64 = 102;
const LOOK_UPS: u64 = 103;
/// Images after which a frozen camera is noticed.
const FROZEN_MAX: u32 = 3;
/// Time after which a camera without usable images is told.
const DARK_US: u64 = 2_000_000;

/// Something that is on its way.
#[derive(Clone, Debug)]
pub(crate) enum Pending {
    /// An event for the core.
    Event(Event),
    /// A command for the node.
    Write(Command),
    /// A command for the node that the controller has given up.
    Stray(Command),
}

/// A camera's images are of no use.
#[derive(Clone, Copy, Debug)]
struct Outage {
    until_us: u64,
    /// It repeats its last image; else images are black or white.
    frozen: bool,
    since_us: u64,
    images: u32,
    told: bool,
}

/// The surroundings.
#[derive(Debug)]
pub(crate) struct Shell {
    config: ShellConfig,
    pub(crate) labels: Labels,
    vision: Rng,
    writes: Rng,
    look_ups: Rng,
    pending: BTreeMap<(u64, u64), Pending>,
    sent: u64,
    /// When the last command is written: commands keep their order.
    written_us: u64,
    /// The camera that sees the side with the label.
    first_camera: Option<CameraId>,
    outages: BTreeMap<CameraId, Outage>,
    vision_until_us: u64,
    host_until_us: u64,
    slow_until_us: u64,
}

impl Shell {
    pub(crate) fn new(config: &ScenarioConfig, first_camera: Option<CameraId>, seed: u64) -> Self {
        Self {
            config: config.shell.clone(),
            labels: Labels::new(&config.destinations, seed),
            vision: Rng::new(seed, VISION),
            writes: Rng::new(seed, WRITES),
            look_ups: Rng::new(seed, LOOK_UPS),
            pending: BTreeMap::new(),
            sent: 0,
            written_us: 0,
            first_camera,
            outages: BTreeMap::new(),
            vision_until_us: 0,
            host_until_us: 0,
            slow_until_us: 0,
        }
    }

    /// When the next thing arrives.
    pub(crate) fn next_us(&self) -> Option<u64> {
        self.pending.first_key_value().map(|((at, _), _)| *at)
    }

    /// What has arrived by now, one at a time.
    pub(crate) fn take(&mut self, now_us: u64) -> Option<Pending> {
        let first = self.pending.first_entry()?;
        (first.key().0 <= now_us).then(|| first.remove())
    }

    /// The controller is gone: with it all that was under way inside of it. People and what is on
    /// the wire stay.
    pub(crate) fn kill(&mut self) {
        self.pending.retain(|_, pending| {
            matches!(
                pending,
                Pending::Stray(_) | Pending::Event(Event::Operator { .. } | Event::Chute { .. })
            )
        });
        self.outages.clear();
    }

    /// Belt that a camera sees, micrometres to either side of its middle.
    pub(crate) fn half_view_um(&self) -> i64 {
        i64::from(self.config.view_mm) * 500
    }

    /// A camera was triggered with these parcels in view.
    pub(crate) fn triggered(
        &mut self,
        now_us: u64,
        pulse: TriggerPulse,
        in_view: &[u32],
        dice: &mut FaultDice,
    ) {
        let sigma = i64::from(self.config.read_ms_sigma) * 1_000;
        let mean = i64::from(self.config.read_ms_mean) * 1_000;
        let taken = (mean + self.vision.normal(sigma))
            .max(1_000)
            .cast_unsigned();
        let mut at = now_us + taken;
        let camera = CameraId(pulse.camera);
        let lost = dice.fires(Fault::FrameLost);
        if dice.fires(Fault::VisionDown) {
            self.vision_until_us = now_us + span(dice, 500_000, 5_000_000);
            // The frames that it was reading are gone as well.
            self.pending
                .retain(|_, p| !matches!(p, Pending::Event(Event::Read { .. })));
        }
        if lost || now_us < self.vision_until_us {
            return;
        }
        if dice.fires(Fault::LateRead) {
            at += span(dice, 1_000_000, 20_000_000);
        }
        let reading = self.reading(now_us, camera, in_view, dice);
        let trigger = TriggerId(pulse.number);
        let event = Event::Read {
            camera,
            trigger,
            reading,
        };
        if dice.fires(Fault::FrameTwice) {
            self.push(at + span(dice, 0, 5_000_000), event.clone());
        }
        self.push(at, event);
    }

    fn reading(
        &mut self,
        now_us: u64,
        camera: CameraId,
        in_view: &[u32],
        dice: &mut FaultDice,
    ) -> Reading {
        let useless = self.useless(now_us, camera, dice);
        let corrupt = dice.fires(Fault::FrameCorrupt);
        let unreadable = dice.fires(Fault::NoRead);
        let mut codes = Vec::new();
        if !(useless || corrupt || unreadable) {
            for serial in in_view.iter().filter(|serial| self.shows(camera, **serial)) {
                self.labels.read(*serial, &mut codes);
            }
        }
        let no_read = if useless {
            NoRead::BadImage
        } else if corrupt {
            NoRead::Undecodable
        } else {
            NoRead::NothingFound
        };
        Reading {
            no_read: codes.is_empty().then_some(no_read),
            codes,
            destination: None,
        }
    }

    /// True when a camera's image shows nothing: it repeats itself, or is black or white. That is
    /// noticed and told.
    fn useless(&mut self, now_us: u64, camera: CameraId, dice: &mut FaultDice) -> bool {
        for (fault, frozen) in [(Fault::CameraFrozen, true), (Fault::CameraDark, false)] {
            if dice.drawn(fault) && !self.outages.contains_key(&camera) {
                dice.fired(fault);
                let outage = Outage {
                    until_us: now_us + span(dice, 500_000, 20_000_000),
                    frozen,
                    since_us: now_us,
                    images: 0,
                    told: false,
                };
                self.outages.insert(camera, outage);
            }
        }
        let Some(outage) = self.outages.get_mut(&camera) else {
            return false;
        };
        let over = outage.until_us <= now_us;
        outage.images += 1;
        let noticed = if outage.frozen {
            outage.images >= FROZEN_MAX
        } else {
            now_us - outage.since_us >= DARK_US
        };
        let tell = over == outage.told && (noticed || over);
        outage.told |= noticed;
        if over {
            self.outages.remove(&camera);
        }
        if tell {
            let healthy = over;
            self.push(now_us + 1, Event::Camera { camera, healthy });
        }
        !over
    }

    /// The first camera sees every label, each other one a fifth of them.
    fn shows(&self, camera: CameraId, serial: u32) -> bool {
        let stream = u64::from(camera.0) << 32 | u64::from(self.labels.face(serial));
        Some(camera) == self.first_camera || Rng::new(self.labels.identity(), !stream).below(5) == 0
    }

    /// The core wants a parcel looked up.
    pub(crate) fn resolve(
        &mut self,
        now_us: u64,
        parcel: ParcelId,
        reading: &Reading,
        dice: &mut FaultDice,
    ) {
        let keyed = reading.destination.as_ref();
        let keyed = keyed.filter(|to| to.source == DestinationSource::Keyed);
        let resolution = match (keyed, reading.codes.as_slice()) {
            // A person knows no route, so the plan's rules for addresses decide.
            (Some(to), _) => Resolution::Sort {
                destination: to.clone(),
                hop: None,
                why: String::from("keyed"),
                sequence: None,
            },
            (None, []) => Resolution::Unknown,
            (None, [code]) => self.labels.look_up(code),
            (None, [first, rest @ ..]) => {
                let found = self.labels.look_up(first);
                let same = rest.iter().all(|code| self.labels.look_up(code) == found);
                let reason = "manifest_conflict".to_owned();
                if same {
                    found
                } else {
                    Resolution::Hold {
                        reason,
                        why: String::new(),
                    }
                }
            }
        };
        let most = u64::from(self.config.resolve_ms_max) * 1_000;
        let mut at = now_us + 100 + self.look_ups.below(most + 1);
        if dice.fires(Fault::HostDown) {
            self.host_until_us = now_us + span(dice, 1_000_000, 60_000_000);
        }
        if dice.fires(Fault::LookUpLost) || now_us < self.host_until_us {
            return;
        }
        if dice.fires(Fault::LookUpLate) {
            at += span(dice, 500_000, 20_000_000);
        }
        self.push(at, Event::Resolved { parcel, resolution });
    }

    /// The core wants a command written.
    pub(crate) fn send(&mut self, now_us: u64, command: Command) {
        let mut most = u64::from(self.config.write_ms_max) * 1_000;
        if now_us < self.slow_until_us {
            most += 200_000;
        }
        let at = now_us + 200 + self.writes.below(most + 1);
        self.written_us = at.max(self.written_us);
        self.insert(self.written_us, Pending::Write(command));
    }

    /// Writes take longer until then.
    pub(crate) const fn slow_until(&mut self, until_us: u64) {
        self.slow_until_us = until_us;
    }

    /// A command that was given up arrives after all.
    pub(crate) fn stray(&mut self, now_us: u64, command: Command, dice: &mut FaultDice) {
        let at = now_us + span(dice, 10_000, 10_000_000);
        self.insert(at, Pending::Stray(command));
    }

    /// A person commands something.
    pub(crate) fn operator(&mut self, at_us: u64, command: OperatorCommand, dice: &mut FaultDice) {
        if dice.fires(Fault::CommandTwice) {
            let at = at_us + span(dice, 1_000, 500_000);
            let command = command.clone();
            self.push(at, Event::Operator { command });
        }
        self.push(at_us, Event::Operator { command });
    }

    /// A chute is disabled for a while, by a person at the screen or by a machine controller.
    pub(crate) fn disable(&mut self, now_us: u64, chute: ChuteId, dice: &mut FaultDice) {
        let until = now_us + span(dice, 5_000_000, 60_000_000);
        if dice.rng().below(2) == 0 {
            for (at, enabled) in [(now_us, false), (until, true)] {
                self.operator(at, OperatorCommand::EnableChute { chute, enabled }, dice);
            }
        } else {
            for (at, state) in [(now_us, ChuteState::Disabled), (until, ChuteState::Ready)] {
                self.push(at, Event::Chute { chute, state });
            }
        }
    }

    /// Another event for the core.
    pub(crate) fn push(&mut self, at_us: u64, event: Event) {
        self.insert(at_us, Pending::Event(event));
    }

    fn insert(&mut self, at_us: u64, pending: Pending) {
        self.sent += 1;
        self.pending.insert((at_us, self.sent), pending);
    }
}

/// A time between two, microseconds.
fn span(dice: &mut FaultDice, least: i64, most: i64) -> u64 {
    dice.rng().range(least, most).cast_unsigned()
}
