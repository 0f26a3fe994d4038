//! The state behind the views, built from what the journal holds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::value::{RawValue, to_raw_value};
use sortline_core::topology::LineConfig;
use sortline_core::{
    Action, AlarmChange, CameraId, ChuteId, ChuteState, Destination, Event, OperatorCommand,
    Outcome, ParcelId, Reading, SortPlan, Step, TriggerId,
};

use super::Shot;
use super::alarms::{self, Alarm};
use super::counts::{Counts, cause_name, to_f64};
use super::view::{Frame, View};
use super::wire;
use crate::engine::Picture;
use crate::journal::{Cause, Record};
use crate::latency::Latency;
use crate::uplink::Outbox;

/// Over this time the rate of parcels is taken.
const RATE_WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// Pictures kept in memory, and for how long.
const FRAMES_MAX: usize = 64;
const FRAMES_AGE: SignedDuration = SignedDuration::from_mins(2);

/// Frames that may wait for the record of their reading.
const SHOTS_MAX: usize = 32;

/// Parcels followed at once; far more than fit on a line.
const PARCELS_MAX: usize = 4_096;

#[derive(Clone, Debug, Default)]
struct Track {
    destination: Option<Destination>,
    read: bool,
}

#[derive(Clone, Debug, Default)]
struct ChuteLife {
    state: ChuteState,
    count: u64,
    last: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct CameraLife {
    healthy: bool,
    frames: u64,
    times: Latency,
}

/// The model of one line.
#[derive(Debug)]
pub struct Model {
    line: LineConfig,
    target_per_hour: u32,
    plan: SortPlan,
    counts: Counts,
    inducted: VecDeque<Timestamp>,
    tracks: BTreeMap<ParcelId, Track>,
    chutes: BTreeMap<ChuteId, ChuteLife>,
    cameras: BTreeMap<CameraId, CameraLife>,
    alarms: BTreeMap<String, Alarm>,
    node_up: bool,
    stopped: bool,
    moved: Option<(u32, Timestamp)>,
    shots: VecDeque<Shot>,
    frames: VecDeque<Frame>,
    fresh: Vec<Box<RawValue>>,
    last_reading: u64,
}

impl Model {
    /// A model of a line to which nothing has happened yet.
    pub fn new(line: LineConfig, plan: SortPlan, target_per_hour: u32) -> Self {
        let chutes = line
            .chutes
            .iter()
            .map(|chute| (chute.id, ChuteLife::default()))
            .collect();
        let camera = || CameraLife {
            healthy: true,
            frames: 0,
            times: Latency::default(),
        };
        let cameras = line
            .cameras
            .iter()
            .map(|known| (known.id, camera()))
            .collect();
        Self {
            line,
            target_per_hour,
            plan,
            counts: Counts::default(),
            inducted: VecDeque::new(),
            tracks: BTreeMap::new(),
            chutes,
            cameras,
            alarms: BTreeMap::new(),
            node_up: false,
            stopped: false,
            moved: None,
            shots: VecDeque::new(),
            frames: VecDeque::new(),
            fresh: Vec::new(),
            last_reading: 0,
        }
    }

    /// Totals.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Parcels without an outcome.
    pub fn open(&self) -> usize {
        self.tracks.len()
    }

    /// A frame was read; its reading follows as a record.
    pub(super) fn shot(&mut self, shot: Shot, at: Timestamp) {
        if let Some(camera) = self.cameras.get_mut(&shot.camera) {
            camera.frames = camera.frames.saturating_add(1);
            camera.times.add(shot.read_us);
        }
        self.shots.push_back(shot);
        if self.shots.len() > SHOTS_MAX {
            self.shots.pop_front();
        }
        self.forget_frames(at);
    }

    fn forget_frames(&mut self, at: Timestamp) {
        let old = |frame: &Frame| at.duration_since(frame.at) > FRAMES_AGE;
        while self.frames.len() > FRAMES_MAX || self.frames.back().is_some_and(old) {
            self.frames.pop_back();
        }
    }

    pub(super) fn acknowledge(&mut self, id: &str) {
        if let Some(alarm) = self.alarms.get_mut(id) {
            alarm.acknowledged = true;
        }
    }

    /// Takes in a durable step, and puts what the host shall hear of it into the outbox.
    pub fn record(&mut self, record: &Record, outbox: &mut Outbox) {
        if let Cause::Event { event } = &record.cause {
            self.event(event);
        }
        for action in &record.actions {
            self.action(action, record.wall, outbox);
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::NodeUp { .. } => self.node_up = true,
            Event::NodeDown { .. } | Event::Restarted => self.node_up = false,
            Event::Stop { active: true } => self.stopped = true,
            Event::Operator {
                command: OperatorCommand::Reset,
            } => self.stopped = false,
            Event::Operator {
                command: OperatorCommand::EmptyChute { chute },
            } => {
                if let Some(chute) = self.chutes.get_mut(chute) {
                    chute.count = 0;
                }
            }
            Event::Plan { plan } => self.plan.clone_from(plan),
            Event::Camera { camera, healthy } => {
                if let Some(camera) = self.cameras.get_mut(camera) {
                    camera.healthy = *healthy;
                }
            }
            Event::Belt { .. }
            | Event::Eye { .. }
            | Event::Stroke { .. }
            | Event::Triggered { .. }
            | Event::Stop { .. }
            | Event::Read { .. }
            | Event::Resolved { .. }
            | Event::Chute { .. }
            | Event::Operator { .. } => {}
        }
    }

    fn action(&mut self, action: &Action, at: Timestamp, outbox: &mut Outbox) {
        match action {
            Action::Parcel { parcel, step } => {
                self.step(*parcel, step, at);
                outbox.parcel(*parcel, step, at);
            }
            Action::Chute { chute, state } => {
                if let Some(life) = self.chutes.get_mut(chute) {
                    life.state = *state;
                }
                outbox.chute(*chute, *state, at);
            }
            Action::Alarm {
                kind,
                change: AlarmChange::Raised,
            } => {
                let alarm = Alarm::new(*kind, at);
                outbox.alarm(&alarm.id, &alarm);
                self.alarms.insert(alarm.id.clone(), alarm);
            }
            Action::Alarm {
                kind,
                change: AlarmChange::Cleared,
            } => {
                let id = alarms::id(*kind);
                self.alarms.remove(&id);
                outbox.alarm_cleared(&id);
            }
            Action::Send { .. } | Action::Resolve { .. } => {}
        }
    }

    fn step(&mut self, parcel: ParcelId, step: &Step, at: Timestamp) {
        match step {
            Step::Inducted { lap: 0, .. } => self.induct(parcel, at),
            Step::Read {
                camera,
                trigger,
                reading,
                late,
            } => {
                self.counts.late_readings += u64::from(*late);
                let read = reading.no_read.is_none();
                self.tracks.entry(parcel).or_default().read |= read;
                self.reading(parcel, (*camera, *trigger), reading, at);
            }
            Step::Resolved { destination, .. } => {
                self.tracks
                    .entry(parcel)
                    .or_default()
                    .destination
                    .clone_from(destination);
            }
            Step::Commanded { .. } => self.counts.strokes_commanded += 1,
            Step::Fired { .. } => self.counts.strokes_fired += 1,
            Step::Aborted { .. } => self.counts.strokes_aborted += 1,
            Step::Recirculated { .. } => {
                self.counts.recirculations += 1;
                self.seen_in_kind(sortline_core::topology::ChuteKind::Recirculation, at);
            }
            Step::Ended { outcome } => self.end(parcel, *outcome, at),
            Step::Inducted { .. }
            | Step::Measured { .. }
            | Step::Decided { .. }
            | Step::Seen { .. } => {}
        }
    }

    fn induct(&mut self, parcel: ParcelId, at: Timestamp) {
        self.counts.inducted += 1;
        self.inducted.push_back(at);
        if self.tracks.len() >= PARCELS_MAX {
            self.tracks.pop_first();
        }
        self.tracks.insert(parcel, Track::default());
    }

    fn end(&mut self, parcel: ParcelId, outcome: Outcome, at: Timestamp) {
        let track = self.tracks.remove(&parcel).unwrap_or_default();
        self.counts.no_read += u64::from(!track.read);
        match outcome {
            Outcome::Sorted { chute } => {
                self.counts.sorted += 1;
                self.seen_in(chute, at);
            }
            Outcome::Rejected { cause } => {
                self.counts.rejected += 1;
                *self
                    .counts
                    .reject_causes
                    .entry(cause_name(cause))
                    .or_default() += 1;
                self.seen_in_kind(sortline_core::topology::ChuteKind::Reject, at);
            }
            Outcome::Missort { seen, .. } => {
                self.counts.missort += 1;
                self.seen_in(seen, at);
            }
            Outcome::Lost { .. } => self.counts.lost += 1,
        }
    }

    fn seen_in_kind(&mut self, kind: sortline_core::topology::ChuteKind, at: Timestamp) {
        let chute = self.line.chutes.iter().find(|chute| chute.kind == kind);
        if let Some(chute) = chute.map(|chute| chute.id) {
            self.seen_in(chute, at);
        }
    }

    fn seen_in(&mut self, chute: ChuteId, at: Timestamp) {
        if let Some(life) = self.chutes.get_mut(&chute) {
            life.count += 1;
            life.last = Some(at);
        }
    }

    fn reading(
        &mut self,
        parcel: ParcelId,
        shot: (CameraId, TriggerId),
        reading: &Reading,
        at: Timestamp,
    ) {
        self.last_reading += 1;
        let id = self.last_reading;
        let (camera, trigger) = shot;
        let belongs = |shot: &Shot| shot.camera == camera && shot.trigger == Some(trigger);
        let found = self.shots.iter().position(belongs);
        let shot = found.and_then(|index| self.shots.remove(index));
        let jpeg = shot.as_ref().and_then(|shot| shot.jpeg.clone());
        let elapsed = shot.map(|shot| shot.read_us);
        let image = jpeg.as_ref().map(|_| format!("/api/v1/frames/{id}.jpg"));
        let wire = wire::Reading::new(id, (parcel, camera), (at, reading), image, elapsed);
        if let Ok(json) = to_raw_value(&wire) {
            self.fresh.push(json);
        }
        if let Some(jpeg) = jpeg {
            self.frames.push_front(Frame { id, at, jpeg });
        }
        self.forget_frames(at);
    }

    /// The next view.
    pub(super) fn view(&mut self, before: &View, picture: &Picture, at: Timestamp) -> View {
        self.forget_frames(at);
        let floor = at.checked_sub(RATE_WINDOW).unwrap_or(at);
        while self.inducted.front().is_some_and(|&then| then < floor) {
            self.inducted.pop_front();
        }
        if self.moved.is_none_or(|(ticks, _)| ticks != picture.ticks.0) {
            self.moved = Some((picture.ticks.0, at));
        }
        let parts = [
            ("line", to_raw_value(&self.line_member(picture, at))),
            ("rates", to_raw_value(&self.rates(at))),
            ("parcels", to_raw_value(&wire::parcels(&picture.parcels))),
            ("chutes", to_raw_value(&self.chute_members())),
            ("cameras", to_raw_value(&self.camera_members())),
            (
                "alarms",
                to_raw_value(&self.alarms.values().collect::<Vec<_>>()),
            ),
        ];
        let members = parts
            .into_iter()
            .filter_map(|(name, json)| Some((name, json.ok()?)));
        let mut view = before.next(members.collect(), std::mem::take(&mut self.fresh));
        view.at = at;
        view.counts.clone_from(&self.counts);
        view.node_up = self.node_up;
        view.frames = self.frames.iter().cloned().collect();
        let medians = self.cameras.iter().filter_map(|(id, camera)| {
            Some((id.0, wire::milliseconds(camera.times.percentile(500)?)))
        });
        view.read_ms_p50 = medians.collect();
        view
    }

    fn line_member(&self, picture: &Picture, at: Timestamp) -> wire::Line<'_> {
        let still = SignedDuration::from_secs(1);
        let moving = self
            .moved
            .is_some_and(|(_, then)| at.duration_since(then) < still);
        wire::Line {
            id: &self.line.id,
            name: &self.line.name,
            state: match (self.stopped, self.node_up, moving) {
                (true, ..) => "Aborted",
                (_, false, _) => "Suspended",
                (_, _, true) => "Execute",
                _ => "Idle",
            },
            speed_mm_per_s: picture.speed_mm_per_s,
            ticks: picture.ticks.0,
            um_per_tick: self.line.belt.um_per_tick,
            node: if self.node_up { "up" } else { "down" },
            plan: &self.plan.version,
        }
    }

    fn rates(&self, at: Timestamp) -> wire::Rates<'_> {
        let since = self
            .inducted
            .front()
            .map_or(SignedDuration::ZERO, |&then| at.duration_since(then));
        let seconds = since.as_secs_f64();
        let count = to_f64(self.inducted.len() as u64);
        let per_hour = if seconds >= 1.0 {
            (count * 3_600.0 / seconds).round()
        } else {
            0.0
        };
        wire::Rates {
            parcels_per_hour: per_hour,
            target_per_hour: self.target_per_hour,
            on_belt: self.tracks.len(),
            read_rate: self.counts.read_rate(),
            counts: &self.counts,
        }
    }

    fn chute_members(&self) -> Vec<wire::Chute<'_>> {
        let member = |chute: &'_ sortline_core::topology::Chute| {
            let life = self.chutes.get(&chute.id).cloned().unwrap_or_default();
            (chute.id, life)
        };
        let lives = self.line.chutes.iter().map(|chute| (chute, member(chute)));
        lives
            .map(|(chute, (id, life))| wire::Chute {
                id,
                name: &chute.name,
                kind: chute.kind,
                state: life.state,
                count: life.count,
                serves: wire::serves(&self.plan, id),
                last: life.last.map(|at| format!("{at:.3}")),
            })
            .collect()
    }

    fn camera_members(&self) -> Vec<wire::Camera<'_>> {
        let known = self.line.cameras.iter();
        known
            .filter_map(|camera| {
                let life = self.cameras.get(&camera.id)?;
                Some(wire::Camera {
                    id: camera.id,
                    name: &camera.name,
                    healthy: life.healthy,
                    frames: life.frames,
                    read_ms_p50: life.times.percentile(500).map(wire::milliseconds),
                })
            })
            .collect()
    }
}

/// A picture of the frame with this id, if it is still kept.
pub(crate) fn frame(view: &View, id: u64) -> Option<Arc<[u8]>> {
    view.frames
        .iter()
        .find(|frame| frame.id == id)
        .map(|frame| Arc::clone(&frame.jpeg))
}
