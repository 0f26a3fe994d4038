//! What surrounds the core in virtual time: cameras, look-ups and the writing of commands, each
//! with its delay.

use std::collections::BTreeMap;

use sortline_core::{
    CameraId, Code, Command, Event, NoRead, OperatorCommand, ParcelId, Reading, Resolution,
    TriggerId,
};
use sortline_logic::TriggerPulse;

use super::judge::destination_of;
use super::scenario::{ScenarioConfig, Share, ShellConfig};
use crate::plant::{Fault, FaultDice, Rng};

/// Streams of random numbers beside the plant's.
const VISION: u64 = 101;
const WRITES: u64 = 102;
const LOOK_UPS: u64 = 103;
const IDENTITY: u64 = 104;

/// Something that is on its way.
#[derive(Clone, Debug)]
pub(crate) enum Pending {
    /// An event for the core.
    Event(Event),
    /// A command for the node.
    Write(Command),
}

/// The surroundings.
#[derive(Debug)]
pub(crate) struct Shell {
    config: ShellConfig,
    shares: Vec<Share>,
    shares_total: u64,
    identity: u64,
    vision: Rng,
    writes: Rng,
    look_ups: Rng,
    pending: BTreeMap<(u64, u64), Pending>,
    sent: u64,
    /// When the last command is written: commands keep their order.
    written_us: u64,
    /// The camera that sees the side with the label.
    first_camera: Option<CameraId>,
}

impl Shell {
    pub(crate) fn new(config: &ScenarioConfig, first_camera: Option<CameraId>, seed: u64) -> Self {
        Self {
            config: config.shell.clone(),
            shares: config.destinations.clone(),
            shares_total: config
                .destinations
                .iter()
                .map(|d| u64::from(d.weight))
                .sum(),
            identity: Rng::new(seed, IDENTITY).bits(),
            vision: Rng::new(seed, VISION),
            writes: Rng::new(seed, WRITES),
            look_ups: Rng::new(seed, LOOK_UPS),
            pending: BTreeMap::new(),
            sent: 0,
            written_us: 0,
            first_camera,
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

    /// Index of the destination at which a parcel really has to arrive.
    pub(crate) fn destination(&self, serial: u32) -> usize {
        let mut draw = Rng::new(self.identity, serial.into()).below(self.shares_total);
        let fits = |share: &Share| {
            let inside = draw < u64::from(share.weight);
            draw = draw.saturating_sub(share.weight.into());
            inside
        };
        self.shares.iter().position(fits).unwrap_or(0)
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
        if dice.fires(Fault::FrameLost) {
            return;
        }
        let camera = CameraId(pulse.camera);
        let unreadable = dice.fires(Fault::NoRead);
        let late = if dice.fires(Fault::LateRead) {
            dice.rng().range(1_000_000, 20_000_000).cast_unsigned()
        } else {
            0
        };
        let mut codes: Vec<Code> = Vec::new();
        if !unreadable {
            let visible = in_view.iter().filter(|serial| self.shows(camera, **serial));
            codes.extend(visible.map(|serial| code_of(*serial)));
        }
        let no_read = codes.is_empty().then_some(NoRead::NothingFound);
        let reading = Reading {
            codes,
            destination: None,
            no_read,
        };
        let trigger = TriggerId(pulse.number);
        self.push(
            now_us + taken + late,
            Event::Read {
                camera,
                trigger,
                reading,
            },
        );
    }

    /// The first camera sees every label, each other one a fifth of them.
    fn shows(&self, camera: CameraId, serial: u32) -> bool {
        let stream = u64::from(camera.0) << 32 | u64::from(serial);
        Some(camera) == self.first_camera || Rng::new(self.identity, !stream).below(5) == 0
    }

    /// The core wants a parcel looked up.
    pub(crate) fn resolve(&mut self, now_us: u64, parcel: ParcelId, reading: &Reading) {
        let resolution = match reading.codes.as_slice() {
            [] => Resolution::Unknown,
            [code] => self.look_up(code),
            [first, rest @ ..] => {
                let found = self.look_up(first);
                let same = rest.iter().all(|code| self.look_up(code) == found);
                let reason = "manifest_conflict".to_owned();
                if same {
                    found
                } else {
                    Resolution::Hold { reason }
                }
            }
        };
        let most = u64::from(self.config.resolve_ms_max) * 1_000;
        let at = now_us + 100 + self.look_ups.below(most + 1);
        self.push(at, Event::Resolved { parcel, resolution });
    }

    fn look_up(&self, code: &Code) -> Resolution {
        let Some(serial) = code.value.parse().ok() else {
            return Resolution::Unknown;
        };
        let Some(share) = self.shares.get(self.destination(serial)) else {
            return Resolution::Unknown;
        };
        Resolution::Sort {
            destination: destination_of(share),
            hop: share.hop.clone(),
            why: "manifest".to_owned(),
        }
    }

    /// The core wants a command written.
    pub(crate) fn send(&mut self, now_us: u64, command: Command) {
        let most = u64::from(self.config.write_ms_max) * 1_000;
        let at = now_us + 200 + self.writes.below(most + 1);
        self.written_us = at.max(self.written_us);
        self.insert(self.written_us, Pending::Write(command));
    }

    /// A person commands something.
    pub(crate) fn operator(&mut self, at_us: u64, command: OperatorCommand) {
        self.push(at_us, Event::Operator { command });
    }

    fn push(&mut self, at_us: u64, event: Event) {
        self.insert(at_us, Pending::Event(event));
    }

    fn insert(&mut self, at_us: u64, pending: Pending) {
        self.sent += 1;
        self.pending.insert((at_us, self.sent), pending);
    }
}

/// The code on a parcel's label.
fn code_of(serial: u32) -> Code {
    Code {
        kind: "sscc".to_owned(),
        value: format!("{serial:018}"),
    }
}
