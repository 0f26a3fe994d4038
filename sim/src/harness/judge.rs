//! The judge: compares what the core says with what the physics did.
//!
//! Identity is known to the physics alone: the judge ties a `ParcelId` of the core to a physical
//! parcel by the encoder count of the edge at which the core took it in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;
use sortline_core::topology::{ChuteKind, LineConfig};
use sortline_core::{
    AlarmKind, ChuteId, DiverterId, Outcome, ParcelId, Refusal, RejectCause, SortPlan, Step,
};

use super::right::Right;
use super::run::DRAWN_MAX;
use super::scenario::Share;
use crate::plant::machines::command_um;
use crate::plant::{Ended, Fate, Totals};

mod node;

/// Violations listed in a report; more are only counted.
const LISTED_MAX: usize = 50;
/// Induction edges remembered: more than a controller can be behind.
const EDGES_MAX: usize = 256;
/// Counts within which something in front of a parcel merges with it.
const MERGED: i32 = 420;
/// A parcel that turns on the belt is measured shorter by one in so many.
const TURNED: i64 = 8;
/// Counts that a photo-eye which bounces may cut off a parcel's leading edge.
const BOUNCED: i32 = 130;
/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which: `I1` no misroute, `I2` conservation and one outcome, `I4` actuator bounds, `I5`
    /// strokes once and in their window, `I6` safe start, `I8` plans pinned, `I12` replay,
    /// `I13` liveness after faults, `I14` alarms raised and cleared once.
    pub rule: &'static str,
    /// Virtual time in microseconds.
    pub at_us: u64,
    /// What happened.
    pub what: String,
}

/// What the core knows of one parcel.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    serial: Option<u32>,
    /// Index of the sort plan that was active when it came last.
    plan: usize,
    decided: Option<ChuteId>,
    /// The shell has answered that it must be held.
    held: bool,
    /// Diverter of the last stroke commanded for it.
    stroke: Option<DiverterId>,
    /// That stroke is under way, and nothing decides the parcel any more.
    committed: bool,
    outcome: Option<Outcome>,
}

/// The field node as the core was told of it.
#[derive(Clone, Copy, Debug, Default)]
struct NodeTold {
    epoch: Option<u16>,
    open: bool,
    latched: bool,
}

/// Parcels that came when all faults had healed.
#[derive(Clone, Copy, Debug, Default)]
struct Healthy {
    /// The first of them.
    from: Option<u32>,
    ended: u64,
    sorted: u64,
}

/// Counts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) sorted: u64,
    pub(crate) rejected: u64,
    pub(crate) missort: u64,
    /// Of the missorts, those that no photo-eye had seen in time.
    pub(crate) unseen: u64,
    pub(crate) removed: u64,
    pub(crate) causes: BTreeMap<RejectCause, u64>,
    /// What the core said of its parcels, by outcome.
    pub(crate) told: BTreeMap<&'static str, u64>,
    /// Parcels of the core that were on the belt when it was killed.
    pub(crate) on_belt_at_kill: u64,
    /// Of these, the ones it knew what became of under the same number.
    pub(crate) readopted: u64,
    /// How the first parcels ended that did not end in their chute.
    pub(crate) odd_ends: BTreeMap<u32, &'static str>,
    /// Where the core's outcome is not what the physics did, as `told/physics`.
    pub(crate) disagreements: BTreeMap<String, u64>,
    /// Strokes that the node refused or dropped, by its reason.
    pub(crate) refusals: BTreeMap<Refusal, u64>,
}

/// The judge.
#[derive(Debug)]
pub(crate) struct Judge {
    reject: ChuteId,
    shares: Vec<Share>,
    /// Every sort plan there was.
    plans: Vec<Right>,
    /// Index of the plan that is active.
    plan: usize,
    /// Belt travel from an edge to a diverter that moves for it, at least.
    command_um: i64,
    /// A parcel longer than this has no place in a sort chute, however it was measured.
    length_um_max: i64,
    node: NodeTold,
    /// The controller has been in touch since the stop circuit opened, and it is open still.
    stopped: bool,
    alarms: BTreeSet<AlarmKind>,
    /// Outputs that are on.
    outputs: u32,
    /// Parcels that were on the belt when the controller was killed.
    at_kill: BTreeSet<ParcelId>,
    latest: Option<(ParcelId, u32)>,
    healthy: Healthy,
    edges: VecDeque<(u16, u32, u32)>,
    known: BTreeMap<ParcelId, Known>,
    ids: BTreeMap<u32, Vec<ParcelId>>,
    fates: BTreeMap<u32, Fate>,
    /// Strokes commanded that have not fired: diverter and count.
    strokes: BTreeMap<u16, (u16, u32)>,
    /// Strokes asked back, by the number of the command that does.
    asked_back: BTreeMap<u16, u16>,
    /// Strokes asked back of which the node has said that it has none such.
    denied: BTreeSet<u16>,
    /// Strokes that have begun and not ended.
    begun: BTreeSet<u16>,
    pub(crate) tally: Tally,
    pub(crate) violations: Vec<Violation>,
    pub(crate) violations_total: u64,
}

impl Judge {
    pub(crate) fn new(line: &LineConfig, plan: &SortPlan, destinations: &[Share]) -> Self {
        let reject = line
            .chutes
            .iter()
            .find(|c| c.kind == ChuteKind::Reject)
            .map(|c| c.id);
        Self {
            reject: reject.unwrap_or_default(),
            shares: destinations.to_vec(),
            plans: vec![Right::new(plan, destinations)],
            plan: 0,
            command_um: command_um(line),
            length_um_max: i64::from(line.parcel.length_mm_max) * (1_000 + 1_000 / TURNED),
            node: NodeTold::default(),
            stopped: false,
            alarms: BTreeSet::new(),
            outputs: 0,
            at_kill: BTreeSet::new(),
            latest: None,
            healthy: Healthy::default(),
            edges: VecDeque::new(),
            known: BTreeMap::new(),
            ids: BTreeMap::new(),
            fates: BTreeMap::new(),
            strokes: BTreeMap::new(),
            asked_back: BTreeMap::new(),
            denied: BTreeSet::new(),
            begun: BTreeSet::new(),
            tally: Tally::default(),
            violations: Vec::new(),
            violations_total: 0,
        }
    }

    /// The photo-eye of an induction was blocked at this count by this parcel.
    pub(crate) fn edge(&mut self, eye: u16, count: u32, serial: u32) {
        if self.edges.len() >= EDGES_MAX {
            self.edges.pop_front();
        }
        self.edges.push_back((eye, count, serial));
    }

    /// From this physical parcel on nothing is wrong with the line.
    pub(crate) fn healthy_from(&mut self, inducted: u64) {
        let serial = u32::try_from(inducted).unwrap_or(u32::MAX);
        self.healthy.from.get_or_insert(serial.saturating_add(1));
    }

    /// The newest parcel of the core with its physical one.
    pub(crate) const fn latest(&self) -> Option<(ParcelId, u32)> {
        self.latest
    }

    /// The controller was killed with these parcels on the belt.
    pub(crate) fn killed(&mut self, on_belt: &[u32]) {
        let ids = on_belt.iter().filter_map(|serial| self.ids.get(serial));
        for id in ids.flatten() {
            if self.at_kill.insert(*id) {
                self.tally.on_belt_at_kill += 1;
            }
        }
    }

    /// The replay of the journal wanted something else than the core did.
    pub(crate) fn not_the_same(&mut self, now_us: u64) {
        self.violation("I12", now_us, "the replay wants something else".to_owned());
    }

    fn step(&mut self, now_us: u64, id: ParcelId, step: &Step) {
        match step {
            Step::Inducted { eye, at, .. } => {
                let edge = self.edge_at(eye.0, at.0);
                let plan = self.plan;
                let known = self.known.entry(id).or_default();
                (known.plan, known.committed) = (plan, false);
                if let Some(serial) = edge {
                    self.tie(id, serial);
                    self.latest = Some((id, serial));
                }
            }
            Step::Decided { chute, plan, .. } => {
                let known = self.known.entry(id).or_default();
                (known.decided, known.committed) = (Some(*chute), false);
                let pinned = self.plans.get(known.plan).map(Right::version);
                if known.serial.is_some() && pinned != Some(plan.as_str()) {
                    let what = format!("parcel {id} decided by plan {plan}, inducted: {pinned:?}");
                    self.violation("I8", now_us, what);
                }
            }
            Step::Commanded { diverter, .. } => {
                let known = self.known.entry(id).or_default();
                (known.stroke, known.committed) = (Some(*diverter), true);
            }
            Step::Aborted { .. } => self.known.entry(id).or_default().committed = false,
            Step::Read { late: false, .. } => {
                if self.known.get(&id).is_some_and(|known| known.committed) {
                    let what = format!("parcel {id} was read after its stroke was sent");
                    self.violation("I8", now_us, what);
                }
            }
            Step::Ended { outcome } => self.outcome(now_us, id, *outcome),
            Step::Measured { .. }
            | Step::Read { late: true, .. }
            | Step::Resolved { .. }
            | Step::Duplicate { .. }
            | Step::Fired { .. }
            | Step::Doubted { .. }
            | Step::Seen { .. }
            | Step::Recirculated { .. } => {}
        }
    }

    /// The physical parcel whose leading edge the core has told: the nearest, as what is in front
    /// of a parcel may merge with it, and a bouncing photo-eye may cut off its first part.
    fn edge_at(&self, eye: u16, at: u32) -> Option<u32> {
        let ahead = |edge: &(u16, u32, u32)| edge.1.wrapping_sub(at).cast_signed();
        let edges = self.edges.iter().rev().filter(|edge| edge.0 == eye);
        let near = edges.filter(|edge| (-BOUNCED..MERGED).contains(&ahead(edge)));
        let nearest = near.min_by_key(|edge| ahead(edge).abs());
        nearest.map(|(.., serial)| *serial)
    }

    fn tie(&mut self, id: ParcelId, serial: u32) {
        let known = self.known.entry(id).or_default();
        if let Some(before) = known.serial.replace(serial)
            && before != serial
            && let Some(ids) = self.ids.get_mut(&before)
        {
            ids.retain(|other| *other != id);
        }
        let ids = self.ids.entry(serial).or_default();
        if !ids.contains(&id) {
            ids.push(id);
        }
    }

    fn outcome(&mut self, now_us: u64, id: ParcelId, outcome: Outcome) {
        let told = match outcome {
            Outcome::Sorted { .. } => "sorted",
            Outcome::Rejected { cause } => {
                *self.tally.causes.entry(cause).or_default() += 1;
                "rejected"
            }
            Outcome::Missort { .. } => "missort",
            Outcome::Lost { .. } => "lost",
        };
        *self.tally.told.entry(told).or_default() += 1;
        let known = self.known.entry(id).or_default();
        if known.outcome.replace(outcome).is_some() {
            self.violation("I2", now_us, format!("parcel {id} ended twice"));
            return;
        }
        self.settle(id);
    }

    /// A parcel's way ended physically. `destination` is the index of where it should go.
    pub(crate) fn ended(&mut self, ended: Ended, destination: usize) {
        let serial = ended.parcel.serial;
        let ids = self.ids.get(&serial).cloned().unwrap_or_default();
        let (sorted, missort) = (self.tally.sorted, self.tally.missort);
        match ended.fate {
            Fate::Removed => self.tally.removed += 1,
            Fate::Chute(chute) if chute == self.reject => self.tally.rejected += 1,
            Fate::Chute(_) if ended.parcel.length_um > self.length_um_max => {
                self.tally.missort += 1;
                let mm = ended.parcel.length_um / 1_000;
                let what = format!("parcel {serial} of {mm} mm is in a sort chute");
                self.violation("I1", ended.at_us, what);
            }
            Fate::Chute(chute) => {
                let known = || ids.iter().filter_map(|id| self.known.get(id));
                let decided = || known().filter(|k| k.decided == Some(chute));
                if decided().any(|k| self.is_right(k, chute, destination)) {
                    self.tally.sorted += 1;
                } else if ids.is_empty() && self.is_right(&Known::default(), chute, destination) {
                    // It touches another with the same label: two in one, where both belong.
                    self.tally.sorted += 1;
                    self.disagree("unknown/sorted");
                } else if ended.seen_for_um < self.command_um {
                    // Nobody could know of it in time: it counts as what it is, and breaks no rule.
                    self.tally.missort += 1;
                    self.tally.unseen += 1;
                } else {
                    self.tally.missort += 1;
                    let all: Vec<_> = known().map(|k| (k.decided, k.plan, k.held)).collect();
                    let what = format!(
                        "parcel {serial} for destination {destination} is in chute {chute}; \
                         decided, plan, held: {all:?} of {ids:?}"
                    );
                    self.violation("I1", ended.at_us, what);
                }
            }
        }
        if serial <= DRAWN_MAX && self.tally.sorted == sorted {
            let end = match ended.fate {
                Fate::Removed => "removed",
                Fate::Chute(_) if self.tally.missort > missort => "missort",
                Fate::Chute(_) => "rejected",
            };
            self.tally.odd_ends.insert(serial, end);
        }
        if self.healthy.from.is_some_and(|from| serial >= from) {
            self.healthy.ended += 1;
            self.healthy.sorted += self.tally.sorted - sorted;
        }
        self.fates.insert(serial, ended.fate);
        for id in ids {
            self.settle(id);
        }
    }

    /// True when the plan that the parcel came under sends it there.
    fn is_right(&self, known: &Known, chute: ChuteId, destination: usize) -> bool {
        let plan = self.plans.get(known.plan);
        plan.is_some_and(|plan| plan.sends(destination, known.held, chute))
    }

    /// Compares outcome and fate once both are known, and forgets the parcel.
    fn settle(&mut self, id: ParcelId) {
        let Some(known) = self.known.get(&id) else {
            return;
        };
        let Some(outcome) = known.outcome else { return };
        let Some(serial) = known.serial else {
            self.known.remove(&id);
            return;
        };
        let Some(fate) = self.fates.get(&serial).copied() else {
            return;
        };
        let agrees = match (outcome, fate) {
            (Outcome::Sorted { chute }, Fate::Chute(real)) => chute == real,
            (Outcome::Missort { seen, .. }, Fate::Chute(real)) => seen == real,
            (Outcome::Rejected { .. }, Fate::Chute(real)) => real == self.reject,
            (Outcome::Lost { .. }, Fate::Removed) => true,
            _ => false,
        };
        if self.at_kill.remove(&id) && agrees {
            self.tally.readopted += 1;
        }
        if !agrees {
            let name = |outcome| match outcome {
                Outcome::Sorted { .. } => "sorted",
                Outcome::Missort { .. } => "missort",
                Outcome::Rejected { .. } => "rejected",
                Outcome::Lost { .. } => "lost",
            };
            let real = match fate {
                Fate::Removed => "removed",
                Fate::Chute(real) if real == self.reject => "rejected",
                Fate::Chute(_) => "sorted",
            };
            self.disagree(&format!("{}/{real}", name(outcome)));
        }
        self.known.remove(&id);
        let all_settled = self.ids.get_mut(&serial).is_none_or(|ids| {
            ids.retain(|other| *other != id);
            ids.is_empty()
        });
        if all_settled {
            self.ids.remove(&serial);
            self.fates.remove(&serial);
        }
    }

    /// Counts where what the core said, or did, is not what the physics did.
    fn disagree(&mut self, what: &str) {
        *self.tally.disagreements.entry(what.to_owned()).or_default() += 1;
    }

    /// Every parcel that came is somewhere.
    pub(crate) fn conserve(&mut self, now_us: u64, totals: &Totals) {
        let t = &self.tally;
        let ended = t.sorted + t.rejected + t.missort + t.removed;
        if totals.inducted != ended + totals.on_belt {
            let what = format!(
                "{} inducted, {ended} ended, {} on the belt",
                totals.inducted, totals.on_belt
            );
            self.violation("I2", now_us, what);
        }
    }

    /// The line is empty and has had time: every parcel must have its outcome.
    pub(crate) fn close(&mut self, now_us: u64) {
        let open: Vec<u64> = self
            .known
            .iter()
            .filter(|(_, k)| k.outcome.is_none())
            .map(|(id, _)| id.0)
            .collect();
        for id in open {
            self.violation("I2", now_us, format!("parcel {id} has no outcome"));
        }
        for seq in std::mem::take(&mut self.begun) {
            self.violation("I5", now_us, format!("stroke {seq} has no end"));
        }
        let Healthy { ended, sorted, .. } = self.healthy;
        if sorted * 100 < ended * 99 {
            let what = format!("{sorted} of {ended} sorted after all faults healed");
            self.violation("I13", now_us, what);
        }
    }

    fn violation(&mut self, rule: &'static str, at_us: u64, what: String) {
        self.violations_total += 1;
        if self.violations.len() < LISTED_MAX {
            self.violations.push(Violation { rule, at_us, what });
        }
    }
}
