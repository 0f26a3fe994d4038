//! The state behind the views, built from what the journal holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::value::{RawValue, to_raw_value};
use sortline_core::commission::Wear;
use sortline_core::topology::{LineConfig, Topology};
use sortline_core::{
    Action, AlarmChange, CameraId, ChuteId, Destination, DiverterId, Event, JogState,
    OperatorCommand, Outcome, ParcelId, Reading, SortPlan, Step, TriggerId,
};
use sortline_read::health::HealthReport;

use super::Shot;
use super::alarms::Alarms;
use super::bags::Bags;
use super::chutes::{ChuteLife, Note};
use super::coding::{Limits, Queue};
use super::counts::{Counts, cause_name, to_f64};
use super::reports::{Reports, State};
use super::view::{Frame, View};
use super::wire;
use crate::engine::Picture;
use crate::journal::{Cause, Record};
use crate::latency::Latency;
use crate::office::AlarmRow;
use crate::uplink::Outbox;

mod members;
mod orders;

/// Over this time the rate of parcels is taken.
const RATE_WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// Pictures kept in memory, and for how long; those of parcels that wait for a coder as long as they do.
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

#[derive(Clone, Debug)]
struct CameraLife {
    healthy: bool,
    frames: u64,
    times: Latency,
    health: Option<HealthReport>,
}

/// The model of one line.
#[derive(Debug)]
pub struct Model {
    line: LineConfig,
    target_per_hour: u32,
    plan: SortPlan,
    counts: Counts,
    /// First and last new induction.
    feeding: Option<(Timestamp, Timestamp)>,
    inducted: VecDeque<Timestamp>,
    tracks: BTreeMap<ParcelId, Track>,
    chutes: BTreeMap<ChuteId, ChuteLife>,
    cameras: BTreeMap<CameraId, CameraLife>,
    alarms: Alarms,
    coding: Queue,
    limits: Limits,
    reports: Reports,
    pub(super) bags: Bags,
    node_up: bool,
    stopped: bool,
    /// The watch over the line's parts.
    wear: Option<Wear>,
    /// What became of the last jog.
    jog: Option<(DiverterId, JogState)>,
    moved: Option<(u32, Timestamp)>,
    shots: VecDeque<Shot>,
    frames: VecDeque<Frame>,
    /// Readings that no view has yet, with and without what a label says.
    fresh: Vec<(Box<RawValue>, Box<RawValue>)>,
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
            health: None,
        };
        let cameras = line
            .cameras
            .iter()
            .map(|known| (known.id, camera()))
            .collect();
        Self {
            alarms: Alarms::new(line.clone()),
            limits: Limits::new(&line),
            coding: Queue::default(),
            reports: Reports::default(),
            bags: Bags::default(),
            target_per_hour,
            plan,
            counts: Counts::default(),
            feeding: None,
            inducted: VecDeque::new(),
            tracks: BTreeMap::new(),
            chutes,
            cameras,
            node_up: false,
            stopped: false,
            wear: watch_over(&line),
            line,
            jog: None,
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

    /// New parcels per hour between the first and the last induction; 0 below two parcels.
    pub fn per_hour(&self) -> f64 {
        let Some((first, last)) = self.feeding else {
            return 0.0;
        };
        let hours = last.duration_since(first).as_secs_f64() / 3_600.0;
        let gaps = to_f64(self.counts.inducted.saturating_sub(1));
        if hours > 0.0 {
            (gaps / hours).round()
        } else {
            0.0
        }
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
            camera.health = Some(shot.health.clone());
        }
        self.shots.push_back(shot);
        if self.shots.len() > SHOTS_MAX {
            self.shots.pop_front();
        }
        self.forget_frames(at);
    }

    fn forget_frames(&mut self, at: Timestamp) {
        let kept: BTreeSet<u64> = self.coding.kept().collect();
        let mut young = 0;
        self.frames.retain(|frame| {
            let waits = kept.contains(&frame.id);
            young += usize::from(!waits);
            waits || (young <= FRAMES_MAX && at.duration_since(frame.at) <= FRAMES_AGE)
        });
    }

    /// The same model, whose bags have SSCCs that begin with `prefix`; empty: none.
    #[must_use]
    pub fn with_bags(mut self, prefix: &str) -> Self {
        self.bags.number(prefix.to_owned());
        self
    }

    /// Why people switched chutes off.
    pub fn explain_chutes(&mut self, notes: impl IntoIterator<Item = (ChuteId, Note)>) {
        for (chute, note) in notes {
            if let Some(life) = self.chutes.get_mut(&chute) {
                life.explain(note);
            }
        }
    }

    /// What people did to alarms before a restart.
    pub fn resume_alarms(&mut self, acts: &[AlarmRow]) {
        for act in acts {
            self.alarms.apply(act);
        }
    }

    /// When the oldest alarm of the list came.
    pub fn oldest_alarm(&self) -> Option<Timestamp> {
        self.alarms.oldest()
    }

    /// What happened to alarms since the last call.
    pub fn alarm_log(&mut self) -> Vec<AlarmRow> {
        self.alarms.take_log()
    }

    /// The first view of this model.
    pub fn view_now(&mut self, picture: &Picture, at: Timestamp) -> View {
        self.view(&View::default(), picture, at)
    }

    /// Time passes.
    pub(super) fn tick(&mut self, at: Timestamp) {
        self.alarms.tick(at);
        self.coding.tick(at);
        let state = self.state(at);
        self.reports.alive(at, state);
    }

    /// The belt's count at a time, also where nothing else happened.
    pub fn belt(&mut self, ticks: u32, at: Timestamp) {
        if self.moved.is_none_or(|(before, _)| before != ticks) {
            self.moved = Some((ticks, at));
        }
        let state = self.state(at);
        self.reports.alive(at, state);
    }

    fn state(&self, at: Timestamp) -> State {
        let still = SignedDuration::from_secs(1);
        let moving = self
            .moved
            .is_some_and(|(_, then)| at.duration_since(then) < still);
        // What stands for a reason is not idle: a jam is the line's own, full chutes are not.
        let (jam, full) = (self.alarms.jammed(), self.alarms.full());
        match (self.stopped, self.node_up, moving) {
            (true, ..) => State::Aborted,
            (_, false, _) => State::Suspended,
            (_, _, true) => State::Execute,
            _ if jam => State::Held,
            _ if full => State::Suspended,
            _ => State::Idle,
        }
    }

    /// Takes in a durable step with its number, and puts what the host shall hear of it into the
    /// outbox.
    pub fn record(&mut self, record: &Record, seq: i64, outbox: &mut Outbox) {
        if let Cause::Event { event } = &record.cause {
            self.event(event, record.wall);
        }
        self.bags.record(record, seq);
        for action in &record.actions {
            self.action(action, (record.wall, seq), outbox);
            if let Some(wear) = &mut self.wear {
                wear.handle_action(record.at, action);
            }
        }
    }

    fn event(&mut self, event: &Event, wall: Timestamp) {
        match event {
            Event::Belt { at } => self.belt(at.0, wall),
            Event::NodeUp { .. } => self.node_up = true,
            Event::NodeDown { .. } | Event::Restarted => self.node_up = false,
            Event::Rebuilt { .. } => {
                self.node_up = false;
                self.wear = watch_over(&self.line);
            }
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
            Event::Operator {
                command: OperatorCommand::EnableChute { chute, enabled },
            } => {
                if let Some(chute) = self.chutes.get_mut(chute) {
                    chute.switched(*enabled, wall);
                }
            }
            Event::Plan { plan } => self.plan.clone_from(plan),
            Event::Camera { camera, healthy } => {
                if let Some(camera) = self.cameras.get_mut(camera) {
                    camera.healthy = *healthy;
                }
            }
            Event::Eye { .. }
            | Event::Stroke { .. }
            | Event::Triggered { .. }
            | Event::Stop { .. }
            | Event::Read { .. }
            | Event::Resolved { .. }
            | Event::Chute { .. }
            | Event::Operator { .. } => {}
        }
    }

    fn action(&mut self, action: &Action, (at, seq): (Timestamp, i64), outbox: &mut Outbox) {
        match action {
            Action::Parcel { parcel, step } => {
                self.step(*parcel, step, at);
                outbox.parcel(*parcel, step, (at, seq));
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
                let id = self.alarms.raise(*kind, at, Some(seq));
                self.reports.at(at).alarms += 1;
                if let Some(alarm) = self.alarms.one(&id) {
                    outbox.alarm(&id, &alarm);
                }
            }
            Action::Alarm {
                kind,
                change: AlarmChange::Cleared,
            } => {
                let id = self.alarms.clear(*kind, at, Some(seq));
                outbox.alarm_cleared(&id);
            }
            Action::Jog { diverter, jog } => self.jog = Some((*diverter, *jog)),
            Action::Send { .. }
            | Action::Resolve { .. }
            | Action::BagClosed { .. }
            | Action::Induction { .. } => {}
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
                if destination.is_some() {
                    self.coding.settled(parcel);
                }
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
                self.reports.at(at).recirculations += 1;
                self.seen_in_kind(sortline_core::topology::ChuteKind::Recirculation, at);
            }
            Step::Ended { outcome } => self.end(parcel, *outcome, at),
            Step::Inducted { .. }
            | Step::Measured { .. }
            | Step::Duplicate { .. }
            | Step::Decided { .. }
            | Step::Doubted { .. }
            | Step::Seen { .. } => {}
        }
    }

    fn induct(&mut self, parcel: ParcelId, at: Timestamp) {
        self.counts.inducted += 1;
        self.reports.at(at).inducted += 1;
        self.feeding = Some((self.feeding.map_or(at, |(first, _)| first), at));
        self.inducted.push_back(at);
        if self.tracks.len() >= PARCELS_MAX {
            self.tracks.pop_first();
        }
        self.tracks.insert(parcel, Track::default());
    }

    fn end(&mut self, parcel: ParcelId, outcome: Outcome, at: Timestamp) {
        let track = self.tracks.remove(&parcel).unwrap_or_default();
        self.counts.no_read += u64::from(!track.read);
        self.reports.ended(at, outcome, track.read);
        self.coding.settled(parcel);
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
        let belongs = |shot: &Shot| shot.camera == camera && shot.trigger == trigger;
        let found = self.shots.iter().position(belongs);
        let shot = found.and_then(|index| self.shots.remove(index));
        let jpeg = shot.as_ref().and_then(|shot| shot.jpeg.clone());
        let elapsed = shot.as_ref().map(|shot| shot.read_us);
        let hints = shot.map(|shot| shot.hints).unwrap_or_default();
        let image = jpeg.as_ref().map(|_| format!("/api/v1/frames/{id}.jpg"));
        let wire = wire::Reading::new(id, (parcel, camera), (at, reading), image, elapsed);
        if let (Ok(json), Ok(masked)) = (to_raw_value(&wire), to_raw_value(&wire.masked())) {
            self.fresh.push((json, masked));
        }
        if let Some(jpeg) = jpeg {
            self.frames.push_front(Frame { id, at, jpeg });
            if let Some(track) = self.tracks.get(&parcel) {
                let whose = (parcel, track.destination.is_some());
                self.coding.frame(whose, (id, &hints), reading, at);
            }
        }
        self.forget_frames(at);
    }
}

/// A picture of the frame with this id, if it is still kept.
pub(crate) fn frame(view: &View, id: u64) -> Option<Arc<[u8]>> {
    view.frames
        .iter()
        .find(|frame| frame.id == id)
        .map(|frame| Arc::clone(&frame.jpeg))
}

/// A watch over the parts of a line, which was checked before.
fn watch_over(line: &LineConfig) -> Option<Wear> {
    Topology::new(line.clone()).ok().map(Wear::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortline_core::{AlarmKind, EyeId, LineTime};

    fn record(cause: Cause, actions: Vec<Action>, wall: Timestamp) -> Record {
        Record {
            at: LineTime(0),
            wall,
            cursor: None,
            cause,
            actions,
            origin: None,
        }
    }

    #[test]
    fn a_line_that_stands_says_whose_trouble_it_is() {
        let line: LineConfig =
            toml::from_str(include_str!("../../../../config/demo/line.toml")).unwrap();
        let mut model = Model::new(line, SortPlan::default(), 0);
        let mut outbox = Outbox::closed();
        let at = |second| Timestamp::from_second(1_000_000 + second).unwrap();
        let mut happen = |model: &mut Model, actions, second| {
            model.record(
                &record(Cause::Timeout, actions, at(second)),
                second,
                &mut outbox,
            );
        };
        let alarm = |kind, change| vec![Action::Alarm { kind, change }];
        assert_eq!(model.state(at(0)), State::Suspended, "the node is away");
        model.node_up = true;
        assert_eq!(model.state(at(0)), State::Idle);
        let full = AlarmKind::ChuteFull { chute: ChuteId(3) };
        happen(&mut model, alarm(full, AlarmChange::Raised), 1);
        assert_eq!(model.state(at(2)), State::Suspended, "downstream is full");
        let jam = AlarmKind::Jam { eye: EyeId(1) };
        happen(&mut model, alarm(jam, AlarmChange::Raised), 2);
        assert_eq!(model.state(at(3)), State::Held, "its own jam");
        model.belt(17, at(4));
        assert_eq!(model.state(at(4)), State::Execute, "what runs is not held");
        happen(&mut model, alarm(jam, AlarmChange::Cleared), 9);
        happen(&mut model, alarm(full, AlarmChange::Cleared), 9);
        assert_eq!(model.state(at(10)), State::Idle);
    }
}
