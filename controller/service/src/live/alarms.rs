//! Alarms as people deal with them (ISA-18.2, IEC 62682).
//!
//! The line raises and clears conditions; people acknowledge, silence, shelve and take out of
//! service. A condition that another one explains is a *consequence*: it is kept, but calls nobody
//! until its root is gone. An alarm whose cause is gone stays until somebody has seen it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sortline_core::AlarmKind;
use sortline_core::topology::{EyeRole, LineConfig};

use super::alarm_kinds::{class, fault, id, place};
use crate::office::{AlarmChange, AlarmRow};
use crate::words::{self, words};

/// A root takes in conditions that came at most this long before it: a jam is told only after
/// the photo-eyes behind it have gone blind.
const ADOPT: SignedDuration = SignedDuration::from_secs(60);

/// Longest shelf life: one shift.
pub const SHELF_MINUTES_MAX: u32 = 480;

/// What a person does about an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Has seen it.
    Acknowledge,
    /// Switches its sound off; it stays unacknowledged.
    Silence,
    /// Puts it aside for some minutes.
    Shelve {
        /// How many.
        minutes: u32,
    },
    /// Takes it back.
    Unshelve,
    /// Takes it out of service until further notice.
    Remove,
    /// Puts it into service again.
    Restore,
}

/// Why an act is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such alarm.
    Unknown,
    /// It is not in a state in which this makes sense.
    State,
}

/// Whether it calls somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Attention {
    /// With sound.
    Calls,
    /// Without.
    Silenced,
    /// Somebody has seen it.
    Seen,
}

/// One alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Alarm {
    kind: AlarmKind,
    active: bool,
    attention: Attention,
    /// Until when, and why.
    shelf: Option<(Timestamp, String)>,
    /// Why.
    removed: Option<String>,
    /// The alarm that explains it.
    root: Option<String>,
    since: Timestamp,
    count: u32,
}

impl Alarm {
    fn new(kind: AlarmKind, since: Timestamp) -> Self {
        Self {
            kind,
            active: false,
            attention: Attention::Calls,
            shelf: None,
            removed: None,
            root: None,
            since,
            count: 0,
        }
    }

    fn state(&self) -> &'static str {
        if self.removed.is_some() {
            "out_of_service"
        } else if self.shelf.is_some() {
            "shelved"
        } else if self.root.is_some() {
            "suppressed"
        } else if self.active {
            "active"
        } else {
            "returned"
        }
    }

    /// Nothing about it needs to be kept.
    fn is_normal(&self) -> bool {
        let aside = self.removed.is_some() || self.shelf.is_some();
        let seen = self.attention == Attention::Seen || self.root.is_some();
        !self.active && seen && !aside
    }
}

/// An alarm as sent, in English; its words in other languages are those of [`crate::words`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Wire {
    id: String,
    kind: String,
    /// Number of the part of the line.
    place: Option<u16>,
    /// Name of that part.
    name: String,
    priority: &'static str,
    /// `active`, `returned`, `suppressed`, `shelved` or `out_of_service`.
    state: &'static str,
    acknowledged: bool,
    silenced: bool,
    since: String,
    /// Times it came before somebody saw it.
    count: u32,
    /// The alarm that explains it.
    root: Option<String>,
    until: Option<String>,
    reason: Option<String>,
    /// Fault of the field node.
    fault: String,
    text: String,
    consequence: String,
    remedy: String,
}

/// All alarms of a line. Bounded by what the line has parts.
#[derive(Debug)]
pub(super) struct Alarms {
    line: LineConfig,
    all: BTreeMap<String, Alarm>,
    log: Vec<AlarmRow>,
}

impl Alarms {
    pub(super) fn new(line: LineConfig) -> Self {
        Self {
            line,
            all: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// The line raised a condition. `journal` numbers the row that says so.
    pub(super) fn raise(&mut self, kind: AlarmKind, at: Timestamp, journal: Option<i64>) -> String {
        let id = id(kind);
        let root = self.root_of(kind);
        let alarm = self
            .all
            .entry(id.clone())
            .or_insert_with(|| Alarm::new(kind, at));
        if !alarm.active && alarm.attention == Attention::Seen {
            (alarm.count, alarm.since) = (0, at);
        }
        if !alarm.active {
            alarm.attention = Attention::Calls;
        }
        (alarm.kind, alarm.active) = (kind, true);
        alarm.count = alarm.count.saturating_add(1);
        alarm.root.clone_from(&root);
        let change = if root.is_some() {
            AlarmChange::Suppressed
        } else {
            AlarmChange::Raised
        };
        self.note(journal, at, &id, change);
        if root.is_none() {
            self.adopt(kind, &id, at);
        }
        id
    }

    /// A condition is gone.
    pub(super) fn clear(&mut self, kind: AlarmKind, at: Timestamp, journal: Option<i64>) -> String {
        let id = id(kind);
        if let Some(alarm) = self.all.get_mut(&id) {
            alarm.active = false;
            self.note(journal, at, &id, AlarmChange::Cleared);
        }
        let orphans: Vec<String> = self
            .all
            .iter()
            .filter(|(_, alarm)| alarm.active && alarm.root.as_ref() == Some(&id))
            .map(|(id, _)| id.clone())
            .collect();
        self.forget();
        self.orphaned(&orphans, at);
        self.forget();
        id
    }

    /// What a root explained stands for itself again, or is explained by another: first those
    /// that nothing explains, then the others by them.
    fn orphaned(&mut self, orphans: &[String], at: Timestamp) {
        let explained = |id: &String| {
            let Some(mine) = self.all.get(id) else {
                return false;
            };
            let mut others = orphans.iter().filter(|other| *other != id);
            others.any(|other| {
                let kind = self.all.get(other).map(|alarm| alarm.kind);
                // Of two that explain each other the first by name is the root.
                kind.is_some_and(|kind| {
                    self.explains(kind, mine.kind)
                        && (other < id || !self.explains(mine.kind, kind))
                })
            })
        };
        let (rest, tops): (Vec<&String>, Vec<&String>) =
            orphans.iter().partition(|id| explained(id));
        for id in tops.into_iter().chain(rest) {
            let root = self.all.get(id).and_then(|alarm| self.root_of(alarm.kind));
            let Some(alarm) = self.all.get_mut(id) else {
                continue;
            };
            let freed = root.is_none();
            alarm.root = root;
            if freed {
                alarm.since = at;
                self.note(None, at, id, AlarmChange::Raised);
            }
        }
    }

    /// What a person does. With `really` false only whether it may be done.
    pub(super) fn act(
        &mut self,
        row: &AlarmRow,
        act: Act,
        really: bool,
    ) -> Result<&'static str, Refused> {
        let alarm = self.all.get_mut(&row.alarm).ok_or(Refused::Unknown)?;
        let before = alarm.state();
        let fits = match act {
            Act::Acknowledge => alarm.attention < Attention::Seen,
            Act::Silence => alarm.attention < Attention::Silenced,
            Act::Shelve { .. } => alarm.shelf.is_none() && alarm.removed.is_none(),
            Act::Unshelve => alarm.shelf.is_some(),
            Act::Remove => alarm.removed.is_none(),
            Act::Restore => alarm.removed.is_some(),
        };
        if !fits {
            return Err(Refused::State);
        }
        if really {
            self.apply(row);
        }
        Ok(before)
    }

    /// Applies what a person did, also on a restart.
    pub(super) fn apply(&mut self, row: &AlarmRow) {
        let Some(alarm) = self.all.get_mut(&row.alarm) else {
            return;
        };
        match row.change {
            AlarmChange::Acknowledged => alarm.attention = Attention::Seen,
            AlarmChange::Silenced => alarm.attention = alarm.attention.max(Attention::Silenced),
            AlarmChange::Shelved => {
                alarm.shelf = row.until.map(|until| (until, row.reason.clone()));
            }
            AlarmChange::Unshelved => alarm.shelf = None,
            AlarmChange::OutOfService => alarm.removed = Some(row.reason.clone()),
            AlarmChange::InService => alarm.removed = None,
            AlarmChange::Raised | AlarmChange::Suppressed | AlarmChange::Cleared => {}
        }
        self.forget();
    }

    /// Ends shelf lives.
    pub(super) fn tick(&mut self, at: Timestamp) {
        let over = |alarm: &Alarm| alarm.shelf.as_ref().is_some_and(|(until, _)| *until <= at);
        let over: Vec<String> = self
            .all
            .iter()
            .filter(|(_, alarm)| over(alarm))
            .map(|(id, _)| id.clone())
            .collect();
        for id in over {
            if let Some(alarm) = self.all.get_mut(&id) {
                alarm.shelf = None;
            }
            self.note(None, at, &id, AlarmChange::Unshelved);
        }
        self.forget();
    }

    /// What happened since the last call, for the history.
    pub(super) fn take_log(&mut self) -> Vec<AlarmRow> {
        std::mem::take(&mut self.log)
    }

    /// Whether a jam is told at this moment, whatever people have done about it.
    pub(super) fn jammed(&self) -> bool {
        let is_jam = |kind| matches!(kind, AlarmKind::Jam { .. });
        self.all
            .values()
            .any(|alarm| alarm.active && is_jam(alarm.kind))
    }

    /// Whether a chute is full.
    pub(super) fn full(&self) -> bool {
        let is_full = |kind| matches!(kind, AlarmKind::ChuteFull { .. });
        self.all
            .values()
            .any(|alarm| alarm.active && is_full(alarm.kind))
    }

    /// When the oldest alarm of the list came.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.all.values().map(|alarm| alarm.since).min()
    }

    pub(super) fn wire(&self) -> Vec<Wire> {
        let wires = self.all.iter();
        wires.map(|(id, alarm)| self.wire_of(id, alarm)).collect()
    }

    pub(super) fn one(&self, id: &str) -> Option<Wire> {
        self.all.get(id).map(|alarm| self.wire_of(id, alarm))
    }

    fn wire_of(&self, id: &str, alarm: &Alarm) -> Wire {
        let (kind, priority) = class(alarm.kind);
        let (name, fault) = (self.name(alarm.kind), fault(alarm.kind));
        let english = words("en");
        let words = english.alarm.get(kind).cloned().unwrap_or_default();
        let said = english.fault.get(&fault).unwrap_or(&fault);
        Wire {
            id: id.to_owned(),
            kind: kind.to_owned(),
            place: place(alarm.kind),
            priority,
            state: alarm.state(),
            acknowledged: alarm.attention == Attention::Seen,
            silenced: alarm.attention >= Attention::Silenced,
            since: format!("{:.3}", alarm.since),
            count: alarm.count,
            root: alarm.root.clone(),
            until: alarm.shelf.as_ref().map(|(until, _)| format!("{until:.0}")),
            reason: alarm
                .removed
                .clone()
                .or_else(|| alarm.shelf.as_ref().map(|(_, reason)| reason.clone())),
            text: words::fill(&words.text, &name, said),
            consequence: words.consequence,
            remedy: words.remedy,
            name,
            fault,
        }
    }

    fn name(&self, kind: AlarmKind) -> String {
        let line = &self.line;
        let found = match kind {
            AlarmKind::Camera { camera } => {
                let found = line.cameras.iter().find(|known| known.id == camera);
                found.map(|known| &known.name)
            }
            AlarmKind::Jam { eye }
            | AlarmKind::Eye { eye }
            | AlarmKind::Chatter { eye }
            | AlarmKind::Slip { eye } => {
                let found = line.eyes.iter().find(|known| known.id == eye);
                found.map(|known| &known.name)
            }
            AlarmKind::ChuteFull { chute } => {
                let found = line.chutes.iter().find(|known| known.id == chute);
                found.map(|known| &known.name)
            }
            AlarmKind::Diverter { diverter } => {
                let found = line.diverters.iter().find(|known| known.id == diverter);
                found.map(|known| &known.name)
            }
            AlarmKind::Node { .. }
            | AlarmKind::Stopped
            | AlarmKind::Encoder
            | AlarmKind::NoReadRate => None,
        };
        let number = || place(kind).map(|place| place.to_string());
        found.cloned().or_else(number).unwrap_or_default()
    }

    fn note(&mut self, journal: Option<i64>, at: Timestamp, id: &str, change: AlarmChange) {
        self.log.push(AlarmRow {
            journal,
            at,
            alarm: id.to_owned(),
            change,
            who: String::new(),
            reason: String::new(),
            until: None,
        });
    }

    fn forget(&mut self) {
        self.all.retain(|_, alarm| !alarm.is_normal());
    }

    /// The active alarm that explains this condition, if there is one.
    fn root_of(&self, kind: AlarmKind) -> Option<String> {
        let roots = self.all.iter().filter(|(_, alarm)| {
            alarm.active && alarm.root.is_none() && self.explains(alarm.kind, kind)
        });
        roots.map(|(id, _)| id.clone()).next()
    }

    /// Takes in what came shortly before a root was known.
    fn adopt(&mut self, kind: AlarmKind, id: &str, at: Timestamp) {
        let fresh = |alarm: &Alarm| {
            alarm.active
                && alarm.attention < Attention::Seen
                && at.duration_since(alarm.since) <= ADOPT
        };
        let mine: Vec<String> = self
            .all
            .iter()
            .filter(|(other, alarm)| {
                *other != id && fresh(alarm) && self.explains(kind, alarm.kind)
            })
            .map(|(other, _)| other.clone())
            .collect();
        for other in mine {
            if let Some(alarm) = self.all.get_mut(&other) {
                alarm.root = Some(id.to_owned());
            }
            self.note(None, at, &other, AlarmChange::Suppressed);
        }
    }

    /// Whether one condition is a cause of the other.
    fn explains(&self, root: AlarmKind, kind: AlarmKind) -> bool {
        use AlarmKind::{
            Camera, ChuteFull, Diverter, Encoder, Eye, Jam, NoReadRate, Node, Stopped,
        };
        match (root, kind) {
            // Parcels pile up against the flow.
            (Jam { eye: at }, Jam { eye }) => self.position(eye) < self.position(at),
            (Jam { eye }, ChuteFull { chute }) | (ChuteFull { chute }, Jam { eye }) => {
                self.watches(eye, chute)
            }
            // A stopped belt lets photo-eyes stay blocked; without the node nothing is seen or
            // moved; what lies under a pile is not seen or hit; wrong positions make eyes miss
            // parcels and strokes miss their mark.
            (Stopped | Node { .. }, Jam { .. } | Encoder | Eye { .. } | Diverter { .. })
            | (Jam { .. }, Encoder | Eye { .. } | Diverter { .. })
            | (Encoder, Eye { .. } | Diverter { .. })
            | (Node { .. } | Camera { .. }, NoReadRate) => true,
            _ => false,
        }
    }

    fn watches(&self, eye: sortline_core::EyeId, chute: sortline_core::ChuteId) -> bool {
        let mut eyes = self.line.eyes.iter();
        eyes.any(|known| known.id == eye && known.chute == Some(chute))
    }

    /// Where along the belt a photo-eye is; one in a chute is where its diverter is.
    fn position(&self, eye: sortline_core::EyeId) -> u32 {
        let Some(eye) = self.line.eyes.iter().find(|known| known.id == eye) else {
            return 0;
        };
        if !matches!(eye.role, EyeRole::Confirm | EyeRole::Full) {
            return eye.position_mm;
        }
        let mut diverters = self.line.diverters.iter();
        let diverter = diverters.find(|diverter| Some(diverter.chute) == eye.chute);
        diverter.map_or(self.line.belt.length_mm, |diverter| diverter.position_mm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortline_core::{ChuteId, DiverterId, EyeId, NodeFault};

    fn alarms() -> Alarms {
        let line = include_str!("../../../../config/demo/line.toml");
        Alarms::new(toml::from_str(line).unwrap())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn row(alarm: &str, change: AlarmChange, second: i64) -> AlarmRow {
        AlarmRow {
            journal: None,
            at: at(second),
            alarm: alarm.to_owned(),
            change,
            who: "x".to_owned(),
            reason: "because".to_owned(),
            until: Some(at(second + 60)),
        }
    }

    fn states(alarms: &Alarms) -> Vec<(String, &'static str, bool)> {
        let wires = alarms.wire().into_iter();
        wires
            .map(|wire| (wire.id, wire.state, wire.acknowledged))
            .collect()
    }

    #[test]
    fn an_alarm_goes_through_its_states() {
        let mut alarms = alarms();
        let full = AlarmKind::ChuteFull { chute: ChuteId(3) };
        let one = |state, seen| vec![("chute_full-3".to_owned(), state, seen)];
        alarms.raise(full, at(0), Some(1));
        assert_eq!(states(&alarms), one("active", false));
        alarms.clear(full, at(1), Some(2));
        assert_eq!(states(&alarms), one("returned", false));
        alarms.raise(full, at(2), Some(3));
        assert_eq!(
            alarms.wire()[0].count,
            2,
            "it came twice before it was seen"
        );
        let silence = row("chute_full-3", AlarmChange::Silenced, 3);
        assert_eq!(alarms.act(&silence, Act::Silence, true), Ok("active"));
        assert_eq!(states(&alarms), one("active", false));
        let seen = row("chute_full-3", AlarmChange::Acknowledged, 3);
        assert_eq!(alarms.act(&seen, Act::Acknowledge, false), Ok("active"));
        assert_eq!(states(&alarms), one("active", false), "only asked");
        alarms.act(&seen, Act::Acknowledge, true).unwrap();
        assert_eq!(states(&alarms), one("active", true));
        assert_eq!(
            alarms.act(&seen, Act::Acknowledge, true),
            Err(Refused::State)
        );
        let shelve = row("chute_full-3", AlarmChange::Shelved, 4);
        alarms
            .act(&shelve, Act::Shelve { minutes: 1 }, true)
            .unwrap();
        assert_eq!(states(&alarms), one("shelved", true));
        alarms.tick(at(63));
        assert_eq!(states(&alarms), one("shelved", true));
        alarms.tick(at(64));
        assert_eq!(states(&alarms), one("active", true));
        alarms.clear(full, at(65), Some(4));
        assert_eq!(states(&alarms), Vec::new());
        assert_eq!(
            alarms.act(&seen, Act::Acknowledge, true),
            Err(Refused::Unknown)
        );
    }

    #[test]
    fn an_alarm_out_of_service_stays_so_until_it_is_restored() {
        let mut alarms = alarms();
        let rate = AlarmKind::NoReadRate;
        alarms.raise(rate, at(0), None);
        alarms.apply(&row("no_read_rate", AlarmChange::OutOfService, 1));
        alarms.apply(&row("no_read_rate", AlarmChange::Acknowledged, 1));
        alarms.clear(rate, at(2), None);
        alarms.raise(rate, at(3), None);
        assert_eq!(alarms.wire()[0].state, "out_of_service");
        alarms.apply(&row("no_read_rate", AlarmChange::InService, 4));
        assert_eq!(alarms.wire()[0].state, "active");
        assert!(!alarms.wire()[0].acknowledged, "it came again");
    }

    #[test]
    fn fifty_raw_faults_of_a_jam_call_people_for_a_few() {
        let mut alarms = alarms();
        let mut raw = 0;
        let mut raise = |alarms: &mut Alarms, kind| {
            raw += 1;
            alarms.raise(kind, at(raw / 10), Some(raw));
        };
        let eyes: Vec<EyeId> = alarms.line.eyes.iter().map(|eye| eye.id).collect();
        let diverters: Vec<DiverterId> = alarms.line.diverters.iter().map(|d| d.id).collect();
        // The photo-eyes behind a jam go blind before it is told.
        for eye in &eyes {
            raise(&mut alarms, AlarmKind::Eye { eye: *eye });
        }
        for diverter in &diverters {
            raise(
                &mut alarms,
                AlarmKind::Diverter {
                    diverter: *diverter,
                },
            );
        }
        raise(&mut alarms, AlarmKind::Encoder);
        // Upstream first: each further downstream takes the earlier ones in.
        let mut by_place = eyes.clone();
        by_place.sort_by_key(|eye| alarms.position(*eye));
        for eye in by_place {
            raise(&mut alarms, AlarmKind::Jam { eye });
        }
        assert!(raw >= 50, "{raw} raw faults");
        let called = |alarms: &Alarms| {
            let wires = alarms.wire().into_iter();
            wires.filter(|wire| wire.state == "active").count()
        };
        assert!((1..=5).contains(&called(&alarms)), "{:#?}", states(&alarms));
        // A stopped line takes it all in; when it is reset, the jam stands for itself again.
        alarms.raise(AlarmKind::Stopped, at(20), None);
        assert_eq!(called(&alarms), 1);
        alarms.clear(AlarmKind::Stopped, at(30), None);
        assert!((1..=5).contains(&called(&alarms)), "{:#?}", states(&alarms));
    }

    #[test]
    fn a_consequence_that_ends_before_its_root_calls_nobody() {
        let mut alarms = alarms();
        let fault = NodeFault::Unreachable;
        alarms.raise(AlarmKind::Node { fault }, at(0), None);
        alarms.raise(AlarmKind::Encoder, at(1), None);
        assert_eq!(alarms.wire()[0].root.as_deref(), Some("node"));
        alarms.clear(AlarmKind::Encoder, at(2), None);
        assert_eq!(states(&alarms), [("node".to_owned(), "active", false)]);
        assert!(alarms.wire()[0].text.contains("no connection"));
    }
}
