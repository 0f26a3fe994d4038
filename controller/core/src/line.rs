//! The line: one state machine, fed with events, asked for actions.
//!
//! Parcels live in two lists: `belt`, in the order of travel, first the furthest downstream, with
//! those that were diverted and are not yet seen in their chute; and `returning`, on the
//! recirculation conveyor. Order on the belt is a hard constraint: a parcel may vanish or appear,
//! but never overtake, so that nothing that happens to one parcel moves the destination of
//! another.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::topology::{EyeUse, Geometry, Topology};
use crate::{
    Action, Destination, Edge, Event, EyeId, InductionLevel, LineTime, OperatorCommand, ParcelId,
    Reading, RejectCause, Resolution, SortPlan, Step, Ticks, planted,
};

mod admission;
mod alarms;
mod associate;
mod baseline;
mod beam;
mod brake;
mod carriers;
mod chutes;
mod confirm;
mod contest;
mod decision;
mod duplicates;
mod encoder;
mod endings;
mod evidence;
mod hypotheses;
mod identify;
mod induction;
mod jog;
mod joint;
mod measure;
mod merge;
mod node;
mod parcel;
mod rarity;
mod rebuild;
mod schedule;
mod shadows;
mod slip;
mod strangers;
mod strokes;
mod tracking;
mod views;
mod weigh;

use alarms::Alarms;
use beam::Beam;
use carriers::Round;
use chutes::ChuteTable;
use duplicates::Duplicates;
use encoder::Encoder;
use hypotheses::Cluster;
use jog::{Hold, Jogging};
use node::Node;
use parcel::Parcel;
use rarity::Rarity;
use schedule::Machine;
use shadows::Shadow;
use slip::Slip;
use strangers::Strangers;

pub use views::{ChuteView, Counters, ParcelView, Status};

/// Parcels tracked at once: 1 km of belt holds fewer at any throughput a line reaches. Beyond it
/// the oldest is given up as lost.
const PARCELS_MAX: usize = 1_024;

/// The control core of one line.
#[derive(Debug)]
pub struct Line {
    topology: Topology,
    plan: Arc<SortPlan>,
    actions: VecDeque<Action>,
    now: LineTime,
    encoder: Encoder,
    round: Round,
    node: Node,
    beams: Vec<Beam>,
    zones: Vec<Slip>,
    machines: Vec<Machine>,
    /// The jog that was sent last, while its end is not known.
    jogging: Option<Jogging>,
    hold: Option<Hold>,
    belt: VecDeque<Parcel>,
    returning: VecDeque<Parcel>,
    /// Parcels that compete for edges; at most one cluster each.
    clusters: VecDeque<Cluster>,
    strangers: Strangers,
    /// Parcels that are put on, taken off or not seen between two photo-eyes.
    strays: Rarity,
    /// Lost parcels that may still lie there, first the one lost first.
    shadows: VecDeque<Shadow>,
    chutes: ChuteTable,
    alarms: Alarms,
    counters: Counters,
    identities: Identities,
    /// Trailing edge of the last parcel at induction.
    last_trailing: Option<Ticks>,
    /// Turns taken per rule that spreads.
    turns: Vec<usize>,
    /// Last number that went, by the name of a rule that keeps a sequence.
    sequences: BTreeMap<String, u32>,
    duplicates: Duplicates,
    /// What inductions were told last.
    level: InductionLevel,
    /// Count at which something has to be done; `None` when nothing has.
    due: Option<Ticks>,
    /// The earliest timer that is set, whether it may run out or not.
    timer: Option<(LineTime, &'static str)>,
}

/// Numbers given out; none is used twice while it can still be referred to.
#[derive(Debug, Default)]
struct Identities {
    parcel: u64,
    seq: u16,
    trigger: u32,
}

impl Line {
    /// A line without parcels. Nothing is diverted before [`Event::NodeUp`].
    #[must_use]
    pub fn new(topology: Topology, plan: SortPlan) -> Self {
        let strays = Rarity::new(topology.config().tracking.stray_ppm);
        let failures_max = topology.config().tracking.failed_strokes_max;
        let geometry = topology.geometry();
        let zones = geometry
            .eyes
            .iter()
            .map(|_| Slip::new(geometry.window))
            .collect();
        let beams = (0..geometry.beams()).map(|_| Beam::default()).collect();
        let machines = (0..geometry.machines).map(|_| Machine::default()).collect();
        let chutes = ChuteTable::new(geometry, failures_max);
        let turns = vec![0; plan.rules.len().max(1)];
        Self {
            plan: Arc::new(plan),
            actions: VecDeque::new(),
            now: LineTime::default(),
            encoder: Encoder::new(geometry),
            round: Round::default(),
            node: Node::default(),
            beams,
            zones,
            machines,
            jogging: None,
            hold: None,
            belt: VecDeque::new(),
            returning: VecDeque::new(),
            clusters: VecDeque::new(),
            strangers: Strangers::default(),
            strays,
            shadows: VecDeque::new(),
            chutes,
            alarms: Alarms::default(),
            counters: Counters::default(),
            identities: Identities::default(),
            last_trailing: None,
            turns,
            sequences: BTreeMap::new(),
            duplicates: Duplicates::default(),
            level: InductionLevel::default(),
            due: None,
            timer: None,
            topology,
        }
    }

    /// Takes in one event at line time `now`. Time never goes back between calls.
    pub fn handle_event(&mut self, now: LineTime, event: &Event) {
        self.now = self.now.max(now);
        match event {
            Event::Belt { at } => self.belt_moved(*at),
            Event::Eye { eye, edge, at } => self.eye(*eye, *edge, *at),
            Event::Stroke { seq, result } => self.stroke_result(*seq, *result),
            Event::Triggered { .. } => {}
            Event::Read {
                camera,
                trigger,
                reading,
            } => self.read(*camera, *trigger, reading),
            Event::Resolved { parcel, resolution } => self.resolved(*parcel, resolution),
            Event::NodeUp { epoch, at, gap } => self.node_up(*epoch, *at, *gap),
            Event::NodeDown { fault } => self.node_down(*fault),
            Event::Stop { active } => self.stop(*active),
            Event::Restarted => self.restarted(),
            Event::Rebuilt { line } => self.rebuild(line),
            Event::Camera { camera, healthy } => self.camera(*camera, *healthy),
            Event::Chute { chute, state } => self.set_chute(*chute, *state),
            Event::Plan { plan } => self.activate(plan),
            Event::Operator { command } => self.operator(command),
        }
        self.settle_bags();
        self.throttle();
        // Timers are those of photo-eyes, and reset with them.
        if let Event::Eye { .. } | Event::NodeUp { .. } | Event::Restarted | Event::Rebuilt { .. } =
            event
        {
            self.find_timer();
        }
    }

    /// Tells that the time asked for by [`Line::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: LineTime) {
        self.now = self.now.max(now);
        self.timers();
        self.throttle();
    }

    /// When the line wants to be woken next, and why.
    pub fn poll_timeout(&self) -> Option<(LineTime, &'static str)> {
        self.next_timer()
    }

    /// Belt count at which the line has something to do next; `None`: at the next one it is told.
    /// [`Event::Belt`] for counts before it changes nothing but what is known of the speed.
    pub const fn poll_count(&self) -> Option<Ticks> {
        self.due
    }

    /// The next action, until `None`. Every event causes a bounded number of them: at most some
    /// ten per parcel on the line.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The line as built.
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    fn geometry(&self) -> &Geometry {
        self.topology.geometry()
    }

    fn belt_moved(&mut self, at: Ticks) {
        let fault = self.encoder.belt(self.now, at);
        self.encoder_verdict(fault);
        self.mind_leap(at);
        self.advance();
        if self.next_timer().is_some_and(|(due, _)| due <= self.now) {
            self.timers();
        }
    }

    fn eye(&mut self, eye: EyeId, edge: Edge, at: Ticks) {
        let place = self.geometry().eye_use(eye);
        if let EyeUse::Belt(_) | EyeUse::Confirm(_) | EyeUse::Merge(_) | EyeUse::Origin = place {
            let fault = self.encoder.edge(self.now, eye, at);
            self.encoder_verdict(fault);
        }
        match place {
            EyeUse::Unknown => {}
            EyeUse::Belt(index) => self.belt_eye(index, edge, at),
            EyeUse::Merge(merge) => {
                let beam = self.geometry().merge_beam(merge);
                self.belt_eye(beam, edge, at);
            }
            EyeUse::Origin => self.origin_seen(edge, at),
            EyeUse::Confirm(chute) => self.chute_eye(chute, edge, at),
            EyeUse::Full(chute) => self.chutes.full_eye(chute, edge, self.now),
        }
        self.advance();
    }

    /// Does whatever is due at the present count.
    fn advance(&mut self) {
        let Some(count) = self.encoder.count() else {
            return;
        };
        if self.due.is_some_and(|due| count.is_before(due)) {
            return;
        }
        for eye in 0..self.beams.len() {
            self.poll_beam(eye, count);
        }
        self.clusters_due(count);
        self.mind_strangers();
        self.shadows_due(count);
        for machine in &mut self.machines {
            machine.expire(count);
        }
        let mut index = 0;
        while let Some(parcel) = self.belt.get(index) {
            let waits = count.is_before(parcel.due);
            // A parcel that ends makes room for its follower at the same index.
            if waits || self.parcel_due(index, count) {
                index = index.saturating_add(1);
            }
        }
        self.returning_due(count);
        self.find_due(count);
    }

    /// Computes when [`Line::advance`] has something to do next.
    fn find_due(&mut self, count: Ticks) {
        let geometry = self.topology.geometry();
        let mut nearest: Option<Ticks> = None;
        let mut take = |due: Ticks| {
            if nearest.is_none_or(|nearest| due.is_before(nearest)) {
                nearest = Some(due);
            }
        };
        for parcel in self.belt.iter().chain(&self.returning) {
            take(parcel.due);
        }
        for (eye, beam) in self.beams.iter().enumerate().filter(|(_, b)| !b.is_idle()) {
            let due = beam.due(tracking::accept(geometry, eye), geometry.chatter);
            due.into_iter().for_each(&mut take);
        }
        for cluster in &self.clusters {
            self.cluster_due(cluster).into_iter().for_each(&mut take);
        }
        // Without a date of its own the line still looks around now and then.
        let at_most = count.offset(geometry.end.max(1));
        self.due = Some(
            nearest
                .filter(|due| due.is_before(at_most))
                .unwrap_or(at_most),
        );
    }

    /// Something changed beside the belt's travel: look at everything at the next chance.
    fn wake(&mut self) {
        self.due = None;
    }

    /// Something has to be done at `count` at the latest.
    fn due_by(&mut self, count: Ticks) {
        if self.due.is_some_and(|due| count.is_before(due)) {
            self.due = Some(count);
        }
    }

    fn activate(&mut self, plan: &SortPlan) {
        self.turns = vec![0; plan.rules.len().max(1)];
        self.sequences.clear();
        self.plan = Arc::new(plan.clone());
        for parcel in self.belt.iter_mut().filter(|_| planted::is(20)) {
            parcel.plan = self.plan.clone();
        }
    }

    fn operator(&mut self, command: &OperatorCommand) {
        match command {
            OperatorCommand::Reset => self.reset(),
            OperatorCommand::CloseBag { chute } => self.close_bag(*chute),
            OperatorCommand::EmptyChute { chute } => self.empty_chute(*chute),
            OperatorCommand::EnableChute { chute, enabled } => self.enable_chute(*chute, *enabled),
            OperatorCommand::Jog { diverter } => self.jog(*diverter),
            OperatorCommand::Key {
                parcel,
                destination,
            } => self.key(*parcel, destination),
        }
    }

    /// Every parcel on the belt goes straight on from here.
    fn doubt_all(&mut self, cause: RejectCause) {
        self.settle_all();
        for index in 0..self.belt.len() {
            if let Some(parcel) = self.belt.get_mut(index) {
                parcel.doubt(cause);
            }
            // A stroke rests on where its parcel was thought to be.
            self.withdraw(index, cause);
            self.decide(index);
        }
        self.wake();
    }

    fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    fn step(&mut self, parcel: ParcelId, step: Step) {
        self.actions.push_back(Action::Parcel { parcel, step });
    }

    fn find(&self, id: ParcelId) -> Option<usize> {
        self.belt.iter().position(|parcel| parcel.id == id)
    }
}
