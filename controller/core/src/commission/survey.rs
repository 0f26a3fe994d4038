//! Learning from calibration parcels.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::topology::{EyeRole, Topology};
use crate::{
    CameraId, ChuteId, Command, DiverterId, Edge, Epoch, Event, EyeId, LineTime, Seq, StrokeResult,
    Ticks, TriggerId,
};

/// Passes without a stroke: they give scale and places of photo-eyes.
const PLAIN_PASSES: usize = 12;
/// Halvings of the span in which a diverter's time is sought: 400 ms to 3 ms.
const HALVINGS: usize = 7;
/// Longest time a diverter is expected to take to be out.
const DELAY_MS_MAX: i64 = 400;
/// Frames are taken from so much before to so much after the place on the drawing.
const CAMERA_MM: i64 = 400;
/// Between two of them.
const CAMERA_STEP_MM: i64 = 50;
/// How much longer than to the middle a stroke is held.
const HOLD_MM: i64 = 150;

/// What a survey has found; absent what it could not measure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calibration {
    /// Belt travel per encoder tick in micrometres.
    pub um_per_tick: Option<u32>,
    /// Places of photo-eyes on the belt, millimetres from induction.
    pub eyes: BTreeMap<EyeId, Surveyed>,
    /// Places that cameras look at, millimetres from induction.
    pub cameras: BTreeMap<CameraId, Surveyed>,
    /// Times from output on to fully out, milliseconds.
    pub diverters: BTreeMap<DiverterId, Surveyed>,
}

/// One quantity: as the file has it, and as found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surveyed {
    /// In `line.toml`.
    pub written: i64,
    /// Measured.
    pub found: i64,
}

/// A sum and how many it is of.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: i64,
    count: i64,
}

impl Mean {
    fn add(&mut self, value: i64) {
        self.sum = self.sum.saturating_add(value);
        self.count = self.count.saturating_add(1);
    }

    /// The mean, times 1,000.
    fn milli(&self) -> Option<i64> {
        self.sum.saturating_mul(1_000).checked_div(self.count)
    }
}

/// One pass of the calibration parcel.
#[derive(Clone, Debug)]
struct Pass {
    origin: Ticks,
    /// Index of the diverter under test, and how long before the middle it is fired, ms.
    test: Option<(usize, i64)>,
    /// Seen in the chute of that diverter.
    diverted: bool,
    /// Another parcel is on the belt: whose edges are whose is not known.
    crowded: bool,
}

/// Which span a diverter's time lies in, milliseconds: too late below, early enough above.
#[derive(Clone, Copy, Debug)]
struct Span {
    late: i64,
    early: i64,
    tried: usize,
}

/// A survey of a line with a calibration parcel.
#[derive(Debug)]
pub struct Survey {
    topology: Topology,
    length_mm: u32,
    epoch: Option<Epoch>,
    commands: VecDeque<Command>,
    pass: Option<Pass>,
    passes: usize,
    lengths: Mean,
    eyes: BTreeMap<EyeId, Mean>,
    /// Distances from its place on the drawing at which each camera has seen the code.
    views: BTreeMap<CameraId, (i64, i64)>,
    triggers: BTreeMap<TriggerId, (CameraId, i64)>,
    spans: Vec<Span>,
    seq: u16,
    trigger: u32,
    /// Count and time of the first belt count, and of the last.
    travel: Option<((LineTime, Ticks), (LineTime, Ticks))>,
}

impl Survey {
    /// A survey with a calibration parcel of this length.
    #[must_use]
    pub fn new(topology: Topology, length_mm: u32) -> Self {
        let span = Span {
            late: 0,
            early: DELAY_MS_MAX,
            tried: 0,
        };
        let spans = vec![span; topology.config().diverters.len()];
        Self {
            topology,
            length_mm,
            epoch: None,
            commands: VecDeque::new(),
            pass: None,
            passes: 0,
            lengths: Mean::default(),
            eyes: BTreeMap::new(),
            views: BTreeMap::new(),
            triggers: BTreeMap::new(),
            spans,
            seq: 0,
            trigger: 0,
            travel: None,
        }
    }

    /// Takes in one event at line time `now`.
    pub fn handle_event(&mut self, now: LineTime, event: &Event) {
        match event {
            Event::NodeUp { epoch, .. } => self.epoch = Some(*epoch),
            Event::NodeDown { .. } | Event::Stop { active: true } => self.epoch = None,
            Event::Belt { at } => {
                let first = self.travel.map_or((now, *at), |(first, _)| first);
                self.travel = Some((first, (now, *at)));
            }
            Event::Eye { eye, edge, at } => self.edge(*eye, *edge, *at),
            Event::Read {
                trigger, reading, ..
            } if !reading.codes.is_empty() => self.seen(*trigger),
            Event::Stroke {
                result: StrokeResult::Refused { .. } | StrokeResult::Unknown,
                ..
            } => {
                // Nothing is learnt of a stroke that was not done.
                if let Some(pass) = &mut self.pass {
                    pass.test = None;
                }
            }
            Event::Stroke { .. }
            | Event::Read { .. }
            | Event::Triggered { .. }
            | Event::Stop { active: false }
            | Event::Camera { .. }
            | Event::Resolved { .. }
            | Event::Chute { .. }
            | Event::Plan { .. }
            | Event::Operator { .. }
            | Event::Restarted
            | Event::Rebuilt { .. } => {}
        }
    }

    /// The next command for the field node, until `None`.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// Passes that are still needed.
    pub fn passes_left(&self) -> usize {
        let open = |span: &Span| HALVINGS.saturating_sub(span.tried);
        let strokes = self.spans.iter().map(open).fold(0, usize::saturating_add);
        let plain = PLAIN_PASSES.saturating_sub(self.passes);
        plain.saturating_add(strokes)
    }

    /// What was found so far.
    pub fn calibration(&self) -> Calibration {
        let config = self.topology.config();
        let um = self.um_per_tick();
        let mm = |milliticks: i64| {
            let um = um.unwrap_or_else(|| i64::from(config.belt.um_per_tick));
            milliticks.saturating_mul(um) / 1_000_000
        };
        let eyes = config.eyes.iter().filter_map(|eye| {
            let found = mm(self.eyes.get(&eye.id)?.milli()?);
            let written = i64::from(eye.position_mm);
            Some((eye.id, Surveyed { written, found }))
        });
        let cameras = config.cameras.iter().filter_map(|camera| {
            let (first, last) = self.views.get(&camera.id).copied()?;
            let written = i64::from(camera.position_mm);
            let found = written.saturating_add(i64::midpoint(first, last));
            Some((camera.id, Surveyed { written, found }))
        });
        let spans = self.spans.iter().zip(&config.diverters);
        let done = spans.filter(|(span, _)| span.tried >= HALVINGS && span.early < DELAY_MS_MAX);
        let diverters = done.map(|(span, diverter)| {
            let written = i64::from(diverter.extend_ms);
            let found = i64::midpoint(span.late, span.early);
            (diverter.id, Surveyed { written, found })
        });
        Calibration {
            um_per_tick: um.and_then(|um| u32::try_from(um).ok()),
            eyes: eyes.collect(),
            cameras: cameras.collect(),
            diverters: diverters.collect(),
        }
    }

    /// Micrometres per tick, from the length of the parcel.
    fn um_per_tick(&self) -> Option<i64> {
        let um = i64::from(self.length_mm).saturating_mul(1_000_000);
        um.checked_div(self.lengths.milli()?)
    }

    /// Ticks in a length on the real belt.
    fn ticks(&self, mm: i64) -> i64 {
        let written = i64::from(self.topology.config().belt.um_per_tick);
        let um = self.um_per_tick().unwrap_or(written);
        mm.saturating_mul(1_000).checked_div(um).unwrap_or(0)
    }

    /// Ticks of travel in a time, at the speed the belt really has.
    fn ticks_in_ms(&self, ms: i64) -> i64 {
        let measured = self.travel.and_then(|((then, first), (now, last))| {
            let us = i64::try_from(now.since(then)).ok()?;
            let ticks = i64::from(last.signed_since(first));
            ticks
                .saturating_mul(ms)
                .saturating_mul(1_000)
                .checked_div(us)
        });
        let written = u32::try_from(ms).map_or(0, |ms| self.topology.ticks_in_ms(ms));
        measured.unwrap_or_else(|| i64::from(written))
    }

    fn edge(&mut self, eye: EyeId, edge: Edge, at: Ticks) {
        let known = self.topology.config().eyes.iter();
        let Some(found) = known.clone().find(|known| known.id == eye) else {
            return;
        };
        let (role, chute) = (found.role, found.chute);
        match (role, edge) {
            (EyeRole::Induct, Edge::Blocked) => self.begin(at),
            (EyeRole::Induct, Edge::Clear) => self.measured(at),
            (EyeRole::Track, Edge::Blocked) => {
                let Some(pass) = self.pass.as_ref().filter(|pass| !pass.crowded) else {
                    return;
                };
                let travel = i64::from(at.signed_since(pass.origin));
                let tested = pass.test.map(|(index, _)| index);
                let mean = self.eyes.entry(eye).or_default();
                mean.add(travel);
                let from = mean.milli().unwrap_or(0) / 1_000;
                if tested.and_then(|index| self.eye_before(index)) == Some(eye) {
                    self.order_stroke(at, from);
                }
            }
            (EyeRole::Confirm, Edge::Blocked) => self.arrived(chute),
            (EyeRole::Track | EyeRole::Confirm, Edge::Clear)
            | (EyeRole::Full | EyeRole::Origin, _) => {}
        }
    }

    fn begin(&mut self, at: Ticks) {
        let way = i64::from(self.topology.config().belt.length_mm);
        let way = self.ticks(way);
        let on_belt = |pass: &Pass| i64::from(at.signed_since(pass.origin)) < way;
        let crowded = self.pass.as_ref().is_some_and(on_belt);
        if crowded {
            self.pass = None;
        }
        self.conclude();
        self.pass = Some(Pass {
            origin: at,
            test: None,
            diverted: false,
            crowded,
        });
    }

    /// The parcel has passed induction: frames and a stroke of this pass are ordered.
    fn measured(&mut self, at: Ticks) {
        let alone = self.pass.as_ref().filter(|pass| !pass.crowded);
        let Some(origin) = alone.map(|pass| pass.origin) else {
            return;
        };
        self.lengths.add(i64::from(at.signed_since(origin)));
        let Some(epoch) = self.epoch else { return };
        self.order_frames(origin, epoch);
        if self.passes < PLAIN_PASSES {
            return;
        }
        let open = |span: &Span| span.tried < HALVINGS;
        let Some(index) = self.spans.iter().position(open) else {
            return;
        };
        let Some(span) = self.spans.get(index).copied() else {
            return;
        };
        if let Some(pass) = &mut self.pass {
            pass.test = Some((index, i64::midpoint(span.late, span.early)));
        }
        if self.eye_before(index).is_none() {
            self.order_stroke(origin, 0);
        }
    }

    /// The last photo-eye from which a stroke of this diverter can be ordered in time.
    fn eye_before(&self, diverter: usize) -> Option<EyeId> {
        let config = self.topology.config();
        let diverter = config.diverters.get(diverter)?;
        let speed = i64::from(config.belt.speed_mm_per_s);
        let way = DELAY_MS_MAX.saturating_add(i64::from(config.tracking.command_ms));
        let way = way.saturating_mul(speed) / 1_000;
        let ahead = |eye: &&crate::topology::Eye| {
            let place = i64::from(eye.position_mm).saturating_add(way);
            eye.role == EyeRole::Track && place <= i64::from(diverter.position_mm)
        };
        let last = config.eyes.iter().filter(ahead);
        last.max_by_key(|eye| eye.position_mm).map(|eye| eye.id)
    }

    /// One frame of each camera, at another distance from its place on the drawing in each pass.
    fn order_frames(&mut self, origin: Ticks, epoch: Epoch) {
        let steps = (CAMERA_MM / CAMERA_STEP_MM)
            .saturating_mul(2)
            .saturating_add(1);
        let turn = i64::try_from(self.passes).unwrap_or(0);
        // Coprime to the number of steps, so that few passes cover the span coarsely.
        let step = turn.saturating_mul(7).checked_rem(steps).unwrap_or(0);
        let off = step
            .saturating_mul(CAMERA_STEP_MM)
            .saturating_sub(CAMERA_MM);
        let middle = i64::from(self.length_mm / 2);
        for camera in self.topology.config().cameras.clone() {
            let place = i64::from(camera.position_mm).saturating_add(middle);
            let ticks = self.ticks(place.saturating_add(off));
            let at = origin.offset(i32::try_from(ticks).unwrap_or(0));
            self.trigger = self.trigger.wrapping_add(1).max(1);
            let trigger = TriggerId(self.trigger);
            self.triggers.insert(trigger, (camera.id, off));
            while self.triggers.len() > 64 {
                self.triggers.pop_first();
            }
            let seq = self.next_seq();
            self.commands.push_back(Command::Trigger {
                seq,
                epoch,
                camera: camera.id,
                trigger,
                at,
            });
        }
    }

    /// The stroke of this pass, for a parcel that is `from` ticks behind induction at `at`.
    fn order_stroke(&mut self, at: Ticks, from: i64) {
        let test = self.pass.as_ref().and_then(|pass| pass.test);
        let Some(((index, lead_ms), epoch)) = test.zip(self.epoch) else {
            return;
        };
        let Some(diverter) = self.topology.config().diverters.get(index).cloned() else {
            return;
        };
        let place = i64::from(diverter.position_mm);
        let middle = self.ticks(place.saturating_add(i64::from(self.length_mm / 2)));
        let lead = self.ticks_in_ms(lead_ms);
        let fire = middle.saturating_sub(from).saturating_sub(lead);
        let fire = i32::try_from(fire).unwrap_or(0);
        let hold = lead.saturating_add(self.ticks(HOLD_MM));
        let seq = self.next_seq();
        self.commands.push_back(Command::Stroke {
            seq,
            epoch,
            diverter: diverter.id,
            fire_at: at.offset(fire),
            hold: u16::try_from(hold).unwrap_or(u16::MAX),
            hold_ms_max: diverter.hold_ms_max,
        });
    }

    fn next_seq(&mut self) -> Seq {
        self.seq = self.seq.wrapping_add(1).max(1);
        Seq(self.seq)
    }

    /// A frame shows the code.
    fn seen(&mut self, trigger: TriggerId) {
        if let Some((camera, off)) = self.triggers.remove(&trigger) {
            let view = self.views.entry(camera).or_insert((off, off));
            *view = (view.0.min(off), view.1.max(off));
        }
    }

    /// A chute's photo-eye has seen the parcel.
    fn arrived(&mut self, chute: Option<ChuteId>) {
        let diverters = &self.topology.config().diverters;
        if let Some(pass) = &mut self.pass
            && let Some((index, _)) = pass.test
        {
            let tested = diverters.get(index).map(|diverter| diverter.chute);
            pass.diverted |= chute.is_some() && chute == tested;
        }
        self.conclude();
    }

    /// The pass is over: what it says of the diverter under test.
    fn conclude(&mut self) {
        let Some(pass) = self.pass.take() else { return };
        self.passes = self.passes.saturating_add(1);
        let Some((index, lead_ms)) = pass.test else {
            return;
        };
        if let Some(span) = self.spans.get_mut(index) {
            span.tried = span.tried.saturating_add(1);
            if pass.diverted {
                span.early = lead_ms;
            } else {
                span.late = lead_ms;
            }
        }
    }
}
