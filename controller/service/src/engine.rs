//! The one task that owns the line: feeds it, keeps its time, carries out what it wants.
//!
//! Inputs come over bounded channels, events of the field node first. Every step is handed to the
//! journal before anything is done because of it; what people and hosts hear of it waits for the
//! journal's commit. Nothing here waits for a camera, a broker or a screen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use sortline_core::{
    Action, Command, Event, Line, LineTime, ParcelId, ParcelView, Reading, Resolution, Step, Ticks,
};
use sortline_fieldbus::Delivery;
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior};

use crate::clock::{self, Clock};
use crate::journal::{Cause, Origin, Record};
use crate::latency::Latency;
use crate::resolver::Resolver;
use crate::service::stopped;
use crate::triggers::{Given, Triggers};

/// Time between two pictures of the belt for screens.
const PICTURE: Duration = Duration::from_millis(100);

/// Parcels whose look-up is remembered; far more than fit on a line.
const LOOKED_UP_MAX: usize = 1_024;

/// A command of a person or host system, already checked for form.
#[derive(Clone, Debug, PartialEq)]
pub struct Commanded {
    /// What: [`Event::Operator`], or [`Event::Plan`] with a plan that holds against the line.
    pub event: Event,
    /// Who.
    pub origin: Origin,
}

/// What the line is fed from.
#[derive(Debug)]
pub struct Inputs {
    /// From the field node. Never dropped: the node's ring holds what this channel cannot.
    pub field: mpsc::Receiver<Delivery>,
    /// Readings and camera health. The senders drop the oldest frame when this is full.
    pub vision: mpsc::Receiver<Event>,
    /// Commands of people and hosts. Refused by the sender when this is full.
    pub commands: mpsc::Receiver<Commanded>,
    /// Becomes true when the service ends.
    pub stop: watch::Receiver<bool>,
}

/// The belt at one moment, for screens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Encoder count.
    pub ticks: Ticks,
    /// Line time of that count.
    pub at: LineTime,
    /// Belt speed as measured.
    pub speed_mm_per_s: u32,
    /// Parcels, the furthest downstream first.
    pub parcels: Vec<ParcelView>,
    /// From induction to the stroke command handed to the fieldbus, microseconds.
    pub latency: Latency,
    /// From the moment a step is due to its commands handed over, microseconds: the control loop.
    pub steps: Latency,
}

/// Why the engine ended.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The journal cannot be written: nothing may happen that it does not hold.
    #[error("the journal takes no more records")]
    JournalGone,
    /// The fieldbus task ended.
    #[error("the fieldbus task ended")]
    FieldGone,
}

/// The line with all it needs.
#[derive(Debug)]
pub struct Engine {
    line: Line,
    clock: Clock,
    resolver: Resolver,
    field: mpsc::Sender<Command>,
    records: mpsc::Sender<Record>,
    picture: watch::Sender<Picture>,
    belt: (Ticks, LineTime),
    cursor: Option<u32>,
    pending: VecDeque<Event>,
    latency: Latency,
    /// What was looked up for the parcels on the belt.
    looked_up: BTreeMap<ParcelId, (Reading, Resolution)>,
    steps: Latency,
    triggers: Vec<Triggers>,
}

/// Where the engine's results go.
#[derive(Debug)]
pub struct Outputs {
    /// Commands for the field node.
    pub field: mpsc::Sender<Command>,
    /// Steps for the journal.
    pub records: mpsc::Sender<Record>,
    /// The belt for screens.
    pub picture: watch::Sender<Picture>,
}

impl Outputs {
    /// The outputs in the order of the fields.
    pub const fn new(
        field: mpsc::Sender<Command>,
        records: mpsc::Sender<Record>,
        picture: watch::Sender<Picture>,
    ) -> Self {
        Self {
            field,
            records,
            picture,
        }
    }
}

impl Engine {
    /// An engine around a line that is new or was replayed.
    pub fn new(line: Line, clock: Clock, resolver: Resolver, outputs: Outputs) -> Self {
        let Outputs {
            field,
            records,
            picture,
        } = outputs;
        Self {
            line,
            clock,
            resolver,
            field,
            records,
            picture,
            belt: (Ticks::default(), clock.now()),
            cursor: None,
            pending: VecDeque::new(),
            latency: Latency::default(),
            looked_up: BTreeMap::new(),
            steps: Latency::default(),
            triggers: Vec::new(),
        }
    }

    /// The same engine, that tells scanners and cameras when their camera's trigger was given.
    #[must_use]
    pub fn with_triggers(mut self, triggers: Vec<Triggers>) -> Self {
        self.triggers = triggers;
        self
    }

    /// Something that happens before the inputs are served, such as [`Event::Restarted`].
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn happen(&mut self, event: Event) -> Result<(), EngineError> {
        self.take(Cause::Event { event }, None, None).await
    }

    /// Serves the line until it is told to stop.
    ///
    /// # Errors
    /// [`EngineError`]: the service must end then; the node's watchdog takes the outputs back.
    pub async fn run(mut self, mut inputs: Inputs) -> Result<(), EngineError> {
        let mut pictures = pictures();
        loop {
            let wake = self
                .line
                .poll_timeout()
                .map(|(at, _why)| self.clock.instant(at));
            tokio::select! {
                biased;
                () = stopped(&mut inputs.stop) => return Ok(()),
                delivery = inputs.field.recv() => {
                    let delivery = delivery.ok_or(EngineError::FieldGone)?;
                    self.delivered(delivery).await?;
                }
                Some(commanded) = inputs.commands.recv() => {
                    let cause = Cause::Event { event: commanded.event };
                    self.take(cause, None, Some(commanded.origin)).await?;
                }
                () = sleep_until(wake) => self.take(Cause::Timeout, None, None).await?,
                Some(event) = inputs.vision.recv() => self.happen(event).await?,
                () = self.resolver.changed() => self.look_up_again().await?,
                _ = pictures.tick() => self.show(),
            }
        }
    }

    async fn delivered(&mut self, delivery: Delivery) -> Result<(), EngineError> {
        let Delivery { event, cursor } = delivery;
        if let Event::Belt { at } = &event {
            self.belt = (*at, self.clock.now());
        }
        if let Event::Triggered {
            camera, trigger, ..
        } = &event
        {
            let (trigger, told) = (*trigger, clock::since_start_of_machine());
            for (_, reader) in self.triggers.iter().filter(|(known, _)| known == camera) {
                // A reader that is behind answers no trigger for certain: a no-read.
                if reader.try_send(Given { trigger, told }).is_err() {
                    tracing::debug!(trigger = trigger.0, "a reader is behind its triggers");
                }
            }
        }
        // A position in the ring that did not move is not worth a row.
        let moved = self.cursor != Some(cursor);
        self.cursor = Some(cursor);
        self.take(Cause::Event { event }, moved.then_some(cursor), None)
            .await
    }

    /// Takes one step and those that follow from it at once.
    async fn take(
        &mut self,
        cause: Cause,
        cursor: Option<u32>,
        origin: Option<Origin>,
    ) -> Result<(), EngineError> {
        self.step(cause, cursor, origin).await?;
        while let Some(event) = self.pending.pop_front() {
            self.step(Cause::Event { event }, None, None).await?;
        }
        Ok(())
    }

    async fn step(
        &mut self,
        cause: Cause,
        cursor: Option<u32>,
        origin: Option<Origin>,
    ) -> Result<(), EngineError> {
        let at = self.clock.now();
        let due = match &cause {
            Cause::Timeout => self.line.poll_timeout().map_or(at, |(due, _why)| due),
            Cause::Event { .. } => at,
        };
        match &cause {
            Cause::Event { event } => self.line.handle_event(at, event),
            Cause::Timeout => self.line.handle_timeout(at),
        }
        let actions: Vec<Action> = std::iter::from_fn(|| self.line.poll_action()).collect();
        let effects: Vec<Action> = actions
            .iter()
            .filter(|action| is_effect(action))
            .cloned()
            .collect();
        let record = Record {
            at,
            wall: clock::wall(),
            cursor,
            cause,
            actions,
            origin,
        };
        self.records
            .send(record)
            .await
            .map_err(|_closed| EngineError::JournalGone)?;
        for action in effects {
            self.perform(at, action);
        }
        self.steps.add(self.clock.now().since(due));
        Ok(())
    }

    fn perform(&mut self, at: LineTime, action: Action) {
        match action {
            Action::Send { command } => {
                if self.field.try_send(command).is_err() {
                    // The core hears nothing of the stroke then, and the parcel goes straight on.
                    tracing::warn!("the fieldbus is too slow, a command was dropped");
                }
            }
            Action::Resolve { parcel, reading } => {
                let resolution = self.resolver.resolve(&reading);
                while self.looked_up.len() >= LOOKED_UP_MAX {
                    self.looked_up.pop_first();
                }
                self.looked_up.insert(parcel, (reading, resolution.clone()));
                self.pending
                    .push_back(Event::Resolved { parcel, resolution });
            }
            Action::Parcel { parcel, step } => self.time(at, parcel, &step),
            Action::Chute { .. }
            | Action::BagClosed { .. }
            | Action::Induction { .. }
            | Action::Jog { .. }
            | Action::Alarm { .. } => {}
        }
    }

    /// Routes are others: parcels on the belt whose hop is another are told so. The core decides
    /// them anew as long as it can.
    async fn look_up_again(&mut self) -> Result<(), EngineError> {
        let on_belt = self.line.parcels(self.belt.0);
        let on_belt: BTreeSet<ParcelId> = on_belt.iter().map(|view| view.parcel).collect();
        self.looked_up.retain(|parcel, _| on_belt.contains(parcel));
        let mut changed = Vec::new();
        for (parcel, (reading, known)) in &mut self.looked_up {
            let resolution = self.resolver.resolve(reading);
            if !same_way(&resolution, known) {
                known.clone_from(&resolution);
                changed.push(Event::Resolved {
                    parcel: *parcel,
                    resolution,
                });
            }
        }
        for event in changed {
            self.happen(event).await?;
        }
        Ok(())
    }

    fn time(&mut self, at: LineTime, parcel: ParcelId, step: &Step) {
        if let Step::Inducted { .. } = step {
            self.latency.begin(parcel, at);
        } else {
            self.latency.end(parcel, at);
        }
    }

    fn show(&self) {
        let (ticks, at) = self.belt;
        let parcels = self.line.parcels(ticks);
        let (latency, steps) = (self.latency.clone(), self.steps.clone());
        let speed_mm_per_s = self.line.speed_mm_per_s();
        self.picture.send_replace(Picture {
            ticks,
            at,
            speed_mm_per_s,
            parcels,
            latency,
            steps,
        });
    }
}

/// Whether two answers send a parcel the same way, whatever their reasons.
fn same_way(one: &Resolution, other: &Resolution) -> bool {
    match (one, other) {
        (Resolution::Sort { hop, .. }, Resolution::Sort { hop: other, .. }) => hop == other,
        _ => one == other,
    }
}

/// Whether the engine has to do anything about an action besides journalling it.
fn is_effect(action: &Action) -> bool {
    match action {
        Action::Send { .. } | Action::Resolve { .. } => true,
        Action::Parcel { step, .. } => {
            matches!(step, Step::Inducted { .. } | Step::Commanded { .. })
        }
        Action::Chute { .. }
        | Action::BagClosed { .. }
        | Action::Induction { .. }
        | Action::Jog { .. }
        | Action::Alarm { .. } => false,
    }
}

fn pictures() -> Interval {
    let mut interval = tokio::time::interval(PICTURE);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn sleep_until(wake: Option<tokio::time::Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}
