//! A small line of its own, so that the core is tried without the simulator: belt, photo-eyes,
//! diverters, chutes and cameras in steps of one tick. It knows nothing of the core's beliefs.

use std::collections::{BTreeMap, VecDeque};

use crate::demo::{plan, topology};
use sortline_core::topology::{LineConfig, Topology};
use sortline_core::{
    Action, CameraId, ChuteId, Code, Command, Destination, DestinationSource, Edge, Epoch, Event,
    EyeId, Line, LineTime, Outcome, ParcelId, Permille, Reading, Refusal, Resolution, Seq, Step,
    StrokeResult, Ticks, TriggerId,
};

/// Ticks from reading order to answer, and from answer to resolution.
const READ_TICKS: u32 = 60;
/// Belt counts are delivered every 10 ms.
const POLL_TICKS: u32 = 15;

#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) number: u32,
    pub(crate) length: i64,
    /// Leading edge, in 1/1,000 ticks.
    pub(crate) place: i64,
    passed: Vec<u16>,
}

impl Body {
    fn lead(&self) -> i64 {
        self.place / 1_000
    }
    fn middle(&self) -> i64 {
        self.lead() - self.length / 2
    }
    fn covers(&self, at: i64) -> bool {
        self.lead() >= at && self.lead() - self.length < at
    }
}

#[derive(Clone, Debug)]
struct Stroke {
    seq: Seq,
    diverter: usize,
    fire_at: Ticks,
    hold: u16,
    on: Option<u64>,
    off: Option<u64>,
    under: Vec<u32>,
}

/// What goes wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Parcels whose diverter does not move.
    pub(crate) stuck: Vec<u32>,
    /// Parcels taken away at this place.
    pub(crate) removed: BTreeMap<u32, i64>,
    /// Parcels laid down by hand behind this one.
    pub(crate) added: BTreeMap<u32, i64>,
    /// Frames that never come, by parcel.
    pub(crate) no_frame: Vec<u32>,
    /// Frames that show another identifier from the second camera.
    pub(crate) two_codes: Vec<u32>,
    /// Resolutions that come this many ticks late.
    pub(crate) slow: BTreeMap<u32, u32>,
    /// Slip per parcel and tick in 1/1,000.
    pub(crate) slip: i64,
    /// Photo-eye that sees nothing.
    pub(crate) blind: Option<u16>,
    /// Parcels put close behind the one before, with this gap.
    pub(crate) close: BTreeMap<u32, i64>,
    /// Parcels whose stroke at this chute's diverter does nothing.
    pub(crate) stuck_at: BTreeMap<u32, u16>,
    /// Frames of these parcels take so many ticks longer to read.
    pub(crate) slow_read: BTreeMap<u32, u32>,
    /// Cameras see this much belt on either side of their middle.
    pub(crate) half_view: i64,
    /// The node refuses the next stroke.
    pub(crate) refuse: Option<Refusal>,
    /// Identifiers that are not the parcel's number.
    pub(crate) code: BTreeMap<u32, String>,
    /// Parcels that stay at the recirculation conveyor's photo-eye for so many ticks.
    pub(crate) stays: BTreeMap<u32, u64>,
    /// Outputs go off so many ticks late: the count jumped over the end of the stroke.
    pub(crate) late_off: u64,
    /// Parcels that the recirculation conveyor's photo-eye does not see.
    pub(crate) unseen: Vec<u32>,
}

pub(crate) struct Plant {
    pub(crate) line: Line,
    pub(crate) config: LineConfig,
    pub(crate) faults: Faults,
    pub(crate) bodies: VecDeque<Body>,
    pub(crate) count: Ticks,
    pub(crate) travelled: u64,
    pub(crate) events: Vec<(LineTime, Event)>,
    pub(crate) actions: Vec<Action>,
    pub(crate) truth: BTreeMap<u32, u16>,
    pub(crate) outcomes: BTreeMap<ParcelId, Outcome>,
    pub(crate) names: BTreeMap<ParcelId, u32>,
    pub(crate) problems: Vec<String>,
    pub(crate) epoch: Option<Epoch>,
    /// The controller does not hear the plant.
    pub(crate) deaf: bool,
    unheard: Vec<Event>,
    strokes: Vec<Stroke>,
    triggers: Vec<(CameraId, TriggerId, Ticks)>,
    later: BTreeMap<u64, Vec<Event>>,
    arrivals: BTreeMap<u64, Vec<(EyeId, Edge)>>,
    returns: BTreeMap<u64, Body>,
    /// When the recirculation conveyor's photo-eye is free.
    free: u64,
    blocked: Vec<(EyeId, i64, bool)>,
    seen_before: BTreeMap<ParcelId, bool>,
    /// Places in a sequence, by parcel.
    pub(crate) place: BTreeMap<u32, u32>,
    /// Ticks between two belt counts told.
    pub(crate) poll_ticks: u32,
    /// Milliseconds for which the belt has stood.
    pub(crate) waited_ms: u64,
    /// The encoder does not count.
    pub(crate) stalled: bool,
}

impl Plant {
    pub(crate) fn new(start: u32, faults: Faults) -> Self {
        Self::on(topology(), start, faults)
    }

    /// A plant of its own shape.
    pub(crate) fn on(topology: Topology, start: u32, faults: Faults) -> Self {
        let config = topology.config().clone();
        let belt = config.eyes.iter().filter(|eye| eye.chute.is_none());
        let blocked = belt
            .map(|eye| (eye.id, i64::from(eye.position_mm), false))
            .collect();
        let line = Line::new(topology, plan(&config));
        let mut plant = Self {
            line,
            config,
            faults,
            bodies: VecDeque::new(),
            count: Ticks(start),
            travelled: 0,
            events: Vec::new(),
            actions: Vec::new(),
            truth: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            names: BTreeMap::new(),
            problems: Vec::new(),
            epoch: None,
            deaf: false,
            unheard: Vec::new(),
            strokes: Vec::new(),
            triggers: Vec::new(),
            later: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            returns: BTreeMap::new(),
            free: 0,
            blocked,
            seen_before: BTreeMap::new(),
            place: BTreeMap::new(),
            poll_ticks: POLL_TICKS,
            waited_ms: 0,
            stalled: false,
        };
        plant.connect(1, false);
        plant
    }

    pub(crate) fn connect(&mut self, epoch: u16, gap: bool) {
        self.epoch = Some(Epoch(epoch));
        self.deaf = false;
        self.strokes.retain(|stroke| stroke.on.is_some());
        self.tell(Event::NodeUp {
            epoch: Epoch(epoch),
            at: self.count,
            gap,
        });
    }

    pub(crate) fn now(&self) -> LineTime {
        LineTime(self.travelled * 1_000_000 / 1_500).after_ms(self.waited_ms)
    }

    pub(crate) fn tell(&mut self, event: Event) {
        let now = self.now();
        self.line.handle_event(now, &event);
        self.events.push((now, event));
        while let Some(action) = self.line.poll_action() {
            self.act(&action);
            self.actions.push(action);
        }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Send { command } => self.command(*command),
            Action::Resolve { parcel, reading } => self.resolve(*parcel, reading),
            Action::Parcel { parcel, step } => self.step_of(*parcel, step),
            Action::Chute { .. }
            | Action::Alarm { .. }
            | Action::BagClosed { .. }
            | Action::Jog { .. }
            | Action::Induction { .. } => {}
        }
    }

    fn resolve(&mut self, parcel: ParcelId, reading: &Reading) {
        let Some(code) = reading.codes.first() else {
            return;
        };
        let number: u32 = code.value.parse().unwrap();
        let chute = self.truth.get(&number).copied().unwrap_or(0);
        self.names.entry(parcel).or_insert(number);
        let announced = Destination {
            country: "DE".into(),
            postcode: Some(format!("{chute:02}115")),
            source: DestinationSource::Manifest,
            confidence: Permille::ONE,
        };
        let keyed = reading.destination.clone();
        let keyed = keyed.filter(|to| to.source == DestinationSource::Keyed);
        let destination = keyed.unwrap_or(announced);
        let resolution = Resolution::Sort {
            destination,
            hop: None,
            why: String::new(),
            sequence: self.place.get(&number).copied(),
        };
        let delay = self.faults.slow.get(&number).copied().unwrap_or(30);
        let due = self.travelled + u64::from(delay);
        self.later
            .entry(due)
            .or_default()
            .push(Event::Resolved { parcel, resolution });
    }

    fn step_of(&mut self, parcel: ParcelId, step: &Step) {
        if let Step::Inducted { .. } | Step::Seen { .. } = step {
            self.seen_before.insert(parcel, true);
        }
        if let Step::Ended { outcome } = step
            && let Some(before) = self.outcomes.insert(parcel, *outcome)
        {
            self.problems
                .push(format!("parcel {parcel}: {before:?}, then {outcome:?}"));
        }
        if !matches!(step, Step::Ended { .. }) && self.outcomes.contains_key(&parcel) {
            self.problems
                .push(format!("parcel {parcel}: {step:?} after its end"));
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Stroke {
                seq,
                epoch,
                diverter,
                fire_at,
                hold,
                ..
            } => {
                let diverter = self
                    .config
                    .diverters
                    .iter()
                    .position(|one| one.id == diverter);
                let diverter = diverter.unwrap();
                let (on, off, under) = (None, None, Vec::new());
                let stroke = Stroke {
                    seq,
                    diverter,
                    fire_at,
                    hold,
                    on,
                    off,
                    under,
                };
                self.queue(stroke, epoch);
            }
            Command::Trigger {
                camera,
                trigger,
                at,
                ..
            } => {
                self.triggers.push((camera, trigger, at));
            }
            Command::Jog { .. } => panic!("nobody jogs here"),
            Command::Withdraw { stroke, .. } => {
                let waiting = |one: &Stroke| one.seq == stroke && one.on.is_none();
                if self.strokes.iter().any(waiting) {
                    self.strokes.retain(|one| !waiting(one));
                    self.answer(stroke, StrokeResult::Withdrawn);
                }
            }
        }
    }

    fn queue(&mut self, stroke: Stroke, epoch: Epoch) {
        let refusal = if Some(epoch) != self.epoch {
            Some(Refusal::StaleEpoch)
        } else if stroke.fire_at.signed_since(self.count) < 10 {
            Some(Refusal::Late)
        } else {
            self.faults.refuse.take()
        };
        if let Some(refusal) = refusal {
            self.answer(stroke.seq, StrokeResult::Refused { refusal });
        } else {
            self.answer(stroke.seq, StrokeResult::Accepted);
            self.strokes.push(stroke);
        }
    }

    fn answer(&mut self, seq: Seq, result: StrokeResult) {
        let at = self.travelled + 10;
        self.later
            .entry(at)
            .or_default()
            .push(Event::Stroke { seq, result });
    }

    /// Lays a parcel on the belt so that it is about to reach induction.
    pub(crate) fn lay(&mut self, number: u32, length: i64, chute: u16) {
        self.truth.insert(number, chute);
        self.bodies.push_back(Body {
            number,
            length,
            place: 0,
            passed: Vec::new(),
        });
    }

    /// Moves the belt.
    pub(crate) fn run(&mut self, ticks: u64) {
        for _ in 0..ticks {
            self.travelled += 1;
            self.count = self.count.offset(i32::from(!self.stalled));
            self.move_bodies();
            self.eyes();
            self.cameras();
            self.diverters();
            self.chutes();
            for event in self.later.remove(&self.travelled).unwrap_or_default() {
                self.hear(event);
            }
            if self.travelled.is_multiple_of(u64::from(self.poll_ticks)) {
                self.hear(Event::Belt { at: self.count });
            }
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            event if !self.deaf => self.tell(event),
            event => self
                .unheard
                .extend(matches!(event, Event::Eye { .. }).then_some(event)),
        }
    }

    /// Moves the belt without the controller; gives what waits in the node's ring.
    pub(crate) fn silence(&mut self, ticks: u64) -> Vec<Event> {
        self.deaf = true;
        self.run(ticks);
        self.deaf = false;
        std::mem::take(&mut self.unheard)
    }

    /// A new controller on the journal of the old one.
    pub(crate) fn restart(&mut self) {
        self.line = Line::new(self.line.topology().clone(), plan(&self.config));
        let mut actions = Vec::new();
        for (now, event) in &self.events {
            self.line.handle_event(*now, event);
            while let Some(action) = self.line.poll_action() {
                actions.push(action);
            }
        }
        assert_eq!(actions, self.actions, "replay");
        self.tell(Event::Restarted);
    }

    fn move_bodies(&mut self) {
        let slip = self.faults.slip;
        for body in &mut self.bodies {
            // Every parcel creeps its own way, always the same.
            body.place += 1_000 + slip * (i64::from(body.number % 5) - 2) / 2;
        }
        if let Some(body) = self.returns.remove(&self.travelled) {
            self.bodies.push_back(Body {
                place: 0,
                passed: Vec::new(),
                ..body
            });
        }
        let removed = &self.faults.removed;
        self.bodies
            .retain(|body| removed.get(&body.number).is_none_or(|at| body.lead() < *at));
        if let Some((behind, at)) = self.faults.added.iter().next().map(|(a, b)| (*a, *b)) {
            let index = self.bodies.iter().position(|body| body.number == behind);
            if let Some(index) = index.filter(|index| self.bodies[*index].lead() >= at) {
                self.faults.added.remove(&behind);
                // In the middle of the gap, so that it touches nobody.
                let ahead = &self.bodies[index];
                let trailing = ahead.place - ahead.length * 1_000;
                let next = self
                    .bodies
                    .get(index + 1)
                    .map_or(trailing - 600_000, |one| one.place);
                let place = i64::midpoint(trailing, next) + 100_000;
                let behind = self
                    .config
                    .diverters
                    .iter()
                    .filter(|one| i64::from(one.position_mm) < place / 1_000);
                let passed = behind.map(|one| one.id.0).collect();
                let body = Body {
                    number: 900_000,
                    length: 200,
                    place,
                    passed,
                };
                self.bodies.insert(index + 1, body);
            }
        }
    }

    fn eyes(&mut self) {
        for at in 0..self.blocked.len() {
            let (eye, position, before) = self.blocked[at];
            let here = self.bodies.iter().any(|body| body.covers(position));
            if here != before && self.faults.blind != Some(eye.0) {
                self.blocked[at].2 = here;
                let edge = if here { Edge::Blocked } else { Edge::Clear };
                self.hear(Event::Eye {
                    eye,
                    edge,
                    at: self.count,
                });
            }
        }
    }

    fn cameras(&mut self) {
        let due: Vec<_> = self
            .triggers
            .iter()
            .copied()
            .filter(|(.., at)| *at == self.count)
            .collect();
        self.triggers
            .retain(|(.., at)| !at.is_before(self.count) && *at != self.count);
        for (camera, trigger, at) in due {
            self.hear(Event::Triggered {
                camera,
                trigger,
                at,
            });
            let view = self
                .config
                .cameras
                .iter()
                .find(|one| one.id == camera)
                .unwrap();
            let view = i64::from(view.position_mm);
            let half = self.faults.half_view;
            let in_view = |body: &&Body| body.covers(view) || (body.middle() - view).abs() < half;
            let seen: Vec<u32> = self
                .bodies
                .iter()
                .filter(in_view)
                .map(|one| one.number)
                .collect();
            let Some(first) = seen.first().copied() else {
                continue;
            };
            if self.faults.no_frame.contains(&first) {
                continue;
            }
            let other = camera.0 == 1 && self.faults.two_codes.contains(&first);
            let code = |number: &u32| Code {
                kind: "s10".into(),
                value: match self.faults.code.get(number) {
                    Some(code) => code.clone(),
                    None if other => (number + 1).to_string(),
                    None => number.to_string(),
                },
            };
            let reading = Reading {
                codes: seen.iter().map(code).collect(),
                ..Reading::default()
            };
            let slow = self.faults.slow_read.get(&first).copied().unwrap_or(0);
            let due = self.travelled + u64::from(READ_TICKS) + u64::from(slow);
            self.later.entry(due).or_default().push(Event::Read {
                camera,
                trigger,
                reading,
            });
        }
    }

    fn diverters(&mut self) {
        let now = self.travelled;
        let mut told = Vec::new();
        for stroke in &mut self.strokes {
            if stroke.on.is_none() && stroke.fire_at == self.count {
                stroke.on = Some(now);
                told.push((stroke.seq, StrokeResult::Fired { at: self.count }));
            }
            let late = self.faults.late_off;
            let off = stroke.on.map(|on| on + u64::from(stroke.hold) + late);
            if off == Some(now) {
                stroke.off = off;
                told.push((stroke.seq, StrokeResult::Done { at: self.count }));
            }
        }
        for (seq, result) in told {
            self.hear(Event::Stroke { seq, result });
        }
        self.strokes
            .retain(|stroke| stroke.off.is_none_or(|off| now < off + 135));
        self.check_strokes();
        let mut index = 0;
        while index < self.bodies.len() {
            match self.diverted(index) {
                Some(diverter) => self.divert(index, diverter),
                None => index += 1,
            }
        }
    }

    fn check_strokes(&mut self) {
        let bodies = &self.bodies;
        let mut busy: BTreeMap<u32, Seq> = BTreeMap::new();
        for stroke in self.strokes.iter_mut().filter(|stroke| stroke.on.is_some()) {
            let diverter = &self.config.diverters[stroke.diverter];
            if let Some(other) = busy.insert(diverter.position_mm, stroke.seq) {
                self.problems
                    .push(format!("strokes {other} and {} overlap", stroke.seq));
            }
            let (at, half) = (
                i64::from(diverter.position_mm),
                i64::from(diverter.body_mm) / 2,
            );
            for body in bodies {
                let over = body.lead() > at - half && body.lead() - body.length < at + half;
                if over && !stroke.under.contains(&body.number) {
                    stroke.under.push(body.number);
                }
            }
            if stroke.under.len() > 1 {
                self.problems
                    .push(format!("stroke {} touches {:?}", stroke.seq, stroke.under));
            }
        }
    }

    fn diverted(&mut self, index: usize) -> Option<usize> {
        let body = &mut self.bodies[index];
        for (at, diverter) in self.config.diverters.iter().enumerate() {
            let position = i64::from(diverter.position_mm);
            if body.middle() < position || body.passed.contains(&diverter.id.0) {
                continue;
            }
            body.passed.push(diverter.id.0);
            let now = self.travelled;
            let out = self.strokes.iter().any(|stroke| {
                stroke.diverter == at
                    && stroke.on.is_some_and(|on| on + 135 <= now)
                    && stroke.off.is_none()
            });
            let stuck_at = self.faults.stuck_at.get(&body.number) == Some(&diverter.chute.0);
            if out && !stuck_at && !self.faults.stuck.contains(&body.number) {
                return Some(at);
            }
        }
        None
    }

    fn divert(&mut self, index: usize, diverter: usize) {
        let body = self.bodies.remove(index).unwrap();
        let chute = self.config.diverters[diverter].chute;
        self.arrive(body, chute, 400 + self.travelled % 400);
    }

    fn arrive(&mut self, body: Body, chute: ChuteId, delay: u64) {
        let eye = self
            .config
            .eyes
            .iter()
            .find(|eye| eye.chute == Some(chute))
            .unwrap()
            .id;
        let mut at = self.travelled + delay;
        let mut until = at + 150;
        if chute.0 == 90 {
            // Nobody overtakes: who comes while one stays waits behind it.
            at = at.max(self.free + 50);
            let stays = self.faults.stays.remove(&body.number).unwrap_or(0);
            until = at + u64::try_from(body.length).unwrap() + stays;
            self.free = until;
        }
        let edges = [(at, Edge::Blocked), (until, Edge::Clear)];
        for (at, edge) in edges {
            if chute.0 != 90 || !self.faults.unseen.contains(&body.number) {
                self.arrivals.entry(at).or_default().push((eye, edge));
            }
        }
        if chute.0 == 90 {
            let lap = u64::from(self.config.belt.recirculation_mm);
            let at = until - u64::try_from(body.length).unwrap();
            self.returns.insert(at + lap, body);
        } else {
            self.truth_of(body.number, chute);
        }
    }

    /// Where parcels really ended up.
    fn truth_of(&mut self, number: u32, chute: ChuteId) {
        let wanted = self.truth.get(&number).copied().unwrap_or(0);
        if chute.0 != 99 && chute.0 != wanted {
            self.problems
                .push(format!("{number} is in chute {chute}, not in {wanted}"));
        }
    }

    fn chutes(&mut self) {
        for (eye, edge) in self.arrivals.remove(&self.travelled).unwrap_or_default() {
            self.hear(Event::Eye {
                eye,
                edge,
                at: self.count,
            });
        }
        let end = i64::from(self.config.belt.length_mm);
        while let Some(index) = self.bodies.iter().position(|body| body.middle() >= end) {
            let body = self.bodies.remove(index).unwrap();
            self.arrive(body, ChuteId(99), 200);
        }
    }

    /// Lays `parcels` on the belt, one after the other, and runs until all have ended.
    pub(crate) fn shift(&mut self, first: u32, parcels: u32) {
        for number in first..first + parcels {
            let draw = (u64::from(number) * 2_654_435_761) >> 8;
            let length = 150 + i64::try_from(draw % 450).unwrap();
            let chute = 1 + u16::try_from((draw >> 10) % 12).unwrap();
            let gap = 500 + (draw >> 16) % 700;
            // The merge lets parcels that come round go first.
            let mut merged = false;
            let soon = self.travelled.saturating_sub(1_000)..self.travelled + 2_000;
            while self.returns.range(soon.clone()).next().is_some() {
                self.run(100);
                merged = true;
            }
            let near = |body: &Body| body.lead() - body.length < 500;
            while merged && self.bodies.back().is_some_and(near) {
                self.run(10);
            }
            self.lay(number, length, chute);
            let next = number + 1;
            let gap = self
                .faults
                .close
                .get(&next)
                .map_or(gap, |gap| u64::try_from(*gap).unwrap());
            self.run(u64::try_from(length).unwrap() + gap);
        }
    }

    /// Runs the belt empty.
    pub(crate) fn drain(&mut self) {
        for _ in 0..200 {
            self.run(1_000);
            if self.bodies.is_empty() && self.returns.is_empty() && self.line.under_way() == 0 {
                break;
            }
        }
        self.run(1_000);
    }

    pub(crate) fn count_of(&self, wanted: impl Fn(&Outcome) -> bool) -> usize {
        self.outcomes
            .values()
            .filter(|outcome| wanted(outcome))
            .count()
    }

    pub(crate) fn sorted(&self) -> usize {
        self.count_of(|outcome| matches!(outcome, Outcome::Sorted { .. }))
    }

    /// Every parcel has one outcome, no stroke touched two, none is in a wrong chute.
    pub(crate) fn assert_sound(&self) {
        assert!(
            self.problems.is_empty(),
            "{:#?}",
            &self.problems[..self.problems.len().min(10)]
        );
        for parcel in self.seen_before.keys() {
            assert!(
                self.outcomes.contains_key(parcel),
                "parcel {parcel} has no outcome"
            );
        }
        for (parcel, outcome) in &self.outcomes {
            let (Some(number), Outcome::Sorted { chute }) = (self.names.get(parcel), outcome)
            else {
                continue;
            };
            assert_eq!(self.truth.get(number), Some(&chute.0), "parcel {parcel}");
        }
        assert_eq!(self.line.under_way(), 0);
    }
}
