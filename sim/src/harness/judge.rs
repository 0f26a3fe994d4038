//! The judge: compares what the core says with what the physics did.
//!
//! Identity is known to the physics alone: the judge ties a `ParcelId` of the core to a physical
//! parcel by the encoder count of the edge at which the core took it in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;
use sortline_core::topology::{ChuteKind, LineConfig};
use sortline_core::{
    Action, ChuteId, Command, Destination, DestinationSource, DiverterId, Event, Outcome, ParcelId,
    Permille, PlanMatch, RejectCause, SortPlan, Step, StrokeResult,
};

use super::scenario::Share;
use crate::plant::{Breach, Ended, Fate, Totals};

/// Violations listed in a report; more are only counted.
const LISTED_MAX: usize = 50;
/// Induction edges remembered: more than a controller can be behind.
const EDGES_MAX: usize = 256;

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which: `I1` no misroute, `I2` conservation and one outcome, `I4` actuator bounds, `I5`
    /// strokes at most once.
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
    decided: Option<ChuteId>,
    /// Diverter of the last stroke commanded for it.
    stroke: Option<DiverterId>,
    outcome: Option<Outcome>,
}

/// Counts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) sorted: u64,
    pub(crate) rejected: u64,
    pub(crate) missort: u64,
    pub(crate) removed: u64,
    pub(crate) causes: BTreeMap<RejectCause, u64>,
    /// What the core said of its parcels, by outcome.
    pub(crate) told: BTreeMap<&'static str, u64>,
    /// Where the core's outcome is not what the physics did, as `told/physics`.
    pub(crate) disagreements: BTreeMap<String, u64>,
}

/// The judge.
#[derive(Debug)]
pub(crate) struct Judge {
    reject: ChuteId,
    /// Chutes that are right for each destination.
    allowed: Vec<BTreeSet<ChuteId>>,
    edges: VecDeque<(u32, u32)>,
    known: BTreeMap<ParcelId, Known>,
    ids: BTreeMap<u32, Vec<ParcelId>>,
    fates: BTreeMap<u32, Fate>,
    /// Strokes commanded that have not fired.
    strokes: BTreeSet<u16>,
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
            allowed: destinations
                .iter()
                .map(|share| allowed(plan, share))
                .collect(),
            edges: VecDeque::new(),
            known: BTreeMap::new(),
            ids: BTreeMap::new(),
            fates: BTreeMap::new(),
            strokes: BTreeSet::new(),
            tally: Tally::default(),
            violations: Vec::new(),
            violations_total: 0,
        }
    }

    /// The induction photo-eye was blocked at this count by this parcel.
    pub(crate) fn edge(&mut self, count: u32, serial: u32) {
        if self.edges.len() >= EDGES_MAX {
            self.edges.pop_front();
        }
        self.edges.push_back((count, serial));
    }

    /// The core was fed this.
    pub(crate) fn fed(&mut self, now_us: u64, event: &Event) {
        if let Event::Stroke {
            seq,
            result: StrokeResult::Fired { .. },
        } = event
            && !self.strokes.remove(&seq.0)
        {
            self.violation(
                "I5",
                now_us,
                format!("stroke {seq} fired without being waited for"),
            );
        }
    }

    /// The core wants this.
    pub(crate) fn wanted(&mut self, now_us: u64, action: &Action) {
        match action {
            Action::Send {
                command: Command::Stroke { seq, .. },
            } => {
                self.strokes.insert(seq.0);
            }
            Action::Parcel { parcel, step } => self.step(now_us, *parcel, step),
            Action::Send { .. }
            | Action::Resolve { .. }
            | Action::Chute { .. }
            | Action::Alarm { .. } => {}
        }
    }

    fn step(&mut self, now_us: u64, id: ParcelId, step: &Step) {
        match step {
            Step::Inducted { at, .. } => {
                let edge = self.edges.iter().rev().find(|(count, _)| *count == at.0);
                if let Some((_, serial)) = edge.copied() {
                    self.tie(id, serial);
                }
            }
            Step::Decided { chute, .. } => {
                self.known.entry(id).or_default().decided = Some(*chute);
            }
            Step::Commanded { diverter, .. } => {
                self.known.entry(id).or_default().stroke = Some(*diverter);
            }
            Step::Ended { outcome } => self.outcome(now_us, id, *outcome),
            Step::Measured { .. }
            | Step::Read { .. }
            | Step::Resolved { .. }
            | Step::Fired { .. }
            | Step::Aborted { .. }
            | Step::Seen { .. }
            | Step::Recirculated { .. } => {}
        }
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
        match ended.fate {
            Fate::Removed => self.tally.removed += 1,
            Fate::Chute(chute) if chute == self.reject => self.tally.rejected += 1,
            Fate::Chute(chute) => {
                let right = self
                    .allowed
                    .get(destination)
                    .is_some_and(|a| a.contains(&chute));
                let known = |id| self.known.get(id).and_then(|k: &Known| k.decided);
                let decided = ids.iter().any(|id| known(id) == Some(chute));
                if right && decided {
                    self.tally.sorted += 1;
                } else {
                    self.tally.missort += 1;
                    let decided: Vec<_> = ids.iter().map(|id| (id.0, known(id))).collect();
                    let what = format!(
                        "parcel {serial} is in chute {chute}, right for it: {right}; decided: \
                         {decided:?}"
                    );
                    self.violation("I1", ended.at_us, what);
                }
            }
        }
        self.fates.insert(serial, ended.fate);
        for id in ids {
            self.settle(id);
        }
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
            let key = format!("{}/{real}", name(outcome));
            *self.tally.disagreements.entry(key).or_default() += 1;
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

    /// Something happened in the physics that must never happen.
    pub(crate) fn breach(&mut self, now_us: u64, breach: Breach) {
        if let Breach::Struck { diverter, serial } = breach {
            let ids = self.ids.get(&serial).map(Vec::as_slice).unwrap_or_default();
            let meant = |id| {
                self.known
                    .get(id)
                    .is_some_and(|k: &Known| k.stroke == Some(diverter))
            };
            // A parcel that the core never took in cannot be kept away from; the one that the
            // stroke was for may be missed when the belt stops under it.
            let excuse = if ids.is_empty() {
                Some("struck unknown parcel")
            } else if ids.iter().any(meant) {
                Some("stroke missed its parcel")
            } else {
                None
            };
            if let Some(excuse) = excuse {
                *self
                    .tally
                    .disagreements
                    .entry(excuse.to_owned())
                    .or_default() += 1;
                return;
            }
        }
        self.violation("I4", now_us, format!("{breach:?}"));
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
    }

    fn violation(&mut self, rule: &'static str, at_us: u64, what: String) {
        self.violations_total += 1;
        if self.violations.len() < LISTED_MAX {
            self.violations.push(Violation { rule, at_us, what });
        }
    }
}

/// Chutes in which a parcel of this destination is right: those of the plan's rule for it, and the
/// plan's overflow and hold.
fn allowed(plan: &SortPlan, share: &Share) -> BTreeSet<ChuteId> {
    let destination = destination_of(share);
    let wanted = PlanMatch {
        destination: &destination,
        hop: share.hop.as_deref(),
    };
    let rule = plan.rules.iter().find(|rule| {
        let postcode = wanted.destination.postcode.as_deref();
        rule.hop
            .as_deref()
            .is_none_or(|hop| wanted.hop == Some(hop))
            && rule
                .country
                .as_deref()
                .is_none_or(|c| c == wanted.destination.country)
            && rule
                .postcode_prefix
                .as_deref()
                .is_none_or(|prefix| postcode.is_some_and(|p| p.starts_with(prefix)))
    });
    let chutes = rule.map(|rule| rule.chutes.clone()).unwrap_or_default();
    chutes
        .into_iter()
        .chain(plan.overflow)
        .chain(plan.hold)
        .collect()
}

/// The destination of a share, as a manifest gives it.
pub(crate) fn destination_of(share: &Share) -> Destination {
    Destination {
        country: share.country.clone(),
        postcode: share.postcode.clone(),
        source: DestinationSource::Manifest,
        confidence: Permille::ONE,
    }
}
