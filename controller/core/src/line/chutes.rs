//! Chutes: whether they can take parcels, and what changes that.

use super::Line;
use crate::topology::Geometry;
use crate::{Action, AlarmKind, ChuteId, ChuteState, Edge, LineTime, RejectCause};

/// A chute is full when its photo-eye is blocked this long: longer than any parcel needs to slide
/// past it.
const FULL_ON_MS: u64 = 1_500;
/// And free again when it is clear this long.
const FULL_OFF_MS: u64 = 1_000;

/// One chute.
#[derive(Clone, Debug, Default)]
struct Chute {
    /// Set from outside.
    outside: ChuteState,
    /// Set by a person at this line: `Ready` or `Disabled`.
    person: ChuteState,
    full: bool,
    /// Its photo-eye for full is blocked (or clear) since.
    full_eye: Option<(Edge, LineTime)>,
    /// Its confirmation photo-eye is blocked since.
    blocked: Option<LineTime>,
    jammed: bool,
    count: u32,
    /// Strokes sent, parcel not yet seen.
    coming: u32,
    capacity: u32,
    /// Strokes that failed in a row; at the limit it is disabled until a person enables it.
    failures: u8,
    failures_max: u8,
    told: ChuteState,
}

impl Chute {
    fn state(&self) -> ChuteState {
        let counted = self.capacity > 0 && self.count >= self.capacity;
        if self.jammed || self.outside == ChuteState::Jammed {
            ChuteState::Jammed
        } else if self.disabled() {
            ChuteState::Disabled
        } else if self.full || counted || self.outside == ChuteState::Full {
            ChuteState::Full
        } else {
            ChuteState::Ready
        }
    }

    fn disabled(&self) -> bool {
        self.person == ChuteState::Disabled || self.outside == ChuteState::Disabled || self.failed()
    }

    fn failed(&self) -> bool {
        self.failures >= self.failures_max
    }

    /// When the full photo-eye's state counts, if it does not count yet.
    fn full_due(&self) -> Option<(LineTime, bool)> {
        let (edge, since) = self.full_eye?;
        match edge {
            Edge::Blocked if !self.full => Some((since.after_ms(FULL_ON_MS), true)),
            Edge::Clear if self.full => Some((since.after_ms(FULL_OFF_MS), false)),
            Edge::Blocked | Edge::Clear => None,
        }
    }

    fn jam_due(&self, jam_ms: u64) -> Option<LineTime> {
        self.blocked
            .filter(|_| !self.jammed)
            .map(|since| since.after_ms(jam_ms))
    }
}

/// All chutes by index.
#[derive(Debug)]
pub(super) struct ChuteTable {
    chutes: Vec<Chute>,
}

impl ChuteTable {
    /// All ready and empty; a diverter that fails `failures_max` times in a row is disabled.
    pub(super) fn new(geometry: &Geometry, failures_max: u8) -> Self {
        let one = |capacity| Chute {
            capacity,
            failures_max,
            ..Chute::default()
        };
        Self {
            chutes: geometry
                .chutes
                .iter()
                .map(|chute| one(chute.capacity))
                .collect(),
        }
    }

    pub(super) fn state(&self, chute: usize) -> ChuteState {
        self.chutes
            .get(chute)
            .map_or(ChuteState::Disabled, Chute::state)
    }

    pub(super) fn count(&self, chute: usize) -> u32 {
        self.chutes.get(chute).map_or(0, |chute| chute.count)
    }

    /// True when one more parcel may be sent there.
    pub(super) fn takes(&self, chute: usize) -> bool {
        self.chutes.get(chute).is_some_and(|chute| {
            let room =
                chute.capacity == 0 || chute.count.saturating_add(chute.coming) < chute.capacity;
            room && chute.state() == ChuteState::Ready
        })
    }

    /// A stroke towards it was sent.
    pub(super) fn expect(&mut self, chute: usize) {
        if let Some(chute) = self.chutes.get_mut(chute) {
            chute.coming = chute.coming.saturating_add(1);
        }
    }

    /// A parcel that was expected will not come.
    pub(super) fn give_up(&mut self, chute: usize) {
        if let Some(chute) = self.chutes.get_mut(chute) {
            chute.coming = chute.coming.saturating_sub(1);
        }
    }

    /// A parcel was seen in it.
    pub(super) fn entered(&mut self, chute: usize) {
        if let Some(chute) = self.chutes.get_mut(chute) {
            chute.count = chute.count.saturating_add(1);
        }
    }

    /// A stroke towards it did what it should.
    pub(super) fn worked(&mut self, chute: usize) {
        if let Some(chute) = self.chutes.get_mut(chute).filter(|chute| !chute.failed()) {
            chute.failures = 0;
        }
    }

    /// A stroke towards it failed; true when it is disabled for that.
    pub(super) fn failed(&mut self, chute: usize) -> bool {
        self.chutes.get_mut(chute).is_some_and(|chute| {
            chute.failures = chute.failures.saturating_add(1);
            chute.failed()
        })
    }

    pub(super) fn full_eye(&mut self, chute: usize, edge: Edge, now: LineTime) {
        if let Some(chute) = self.chutes.get_mut(chute) {
            chute.full_eye = Some((edge, now));
        }
    }

    /// Its confirmation photo-eye was blocked or is clear again; true when that ends a jam.
    pub(super) fn passage(&mut self, chute: usize, edge: Edge, now: LineTime) -> bool {
        let Some(chute) = self.chutes.get_mut(chute) else {
            return false;
        };
        chute.blocked = (edge == Edge::Blocked).then_some(now);
        edge == Edge::Clear && std::mem::take(&mut chute.jammed)
    }

    /// Does what time demands; gives the chutes that may have changed.
    pub(super) fn timers(&mut self, now: LineTime, jam_ms: u64) -> Vec<usize> {
        let mut changed = Vec::new();
        for (index, chute) in self.chutes.iter_mut().enumerate() {
            let mut change = false;
            if let Some((_, full)) = chute.full_due().filter(|(due, _)| *due <= now) {
                chute.full = full;
                change = true;
            }
            if chute.jam_due(jam_ms).is_some_and(|due| due <= now) {
                chute.jammed = true;
                change = true;
            }
            if change {
                changed.push(index);
            }
        }
        changed
    }

    pub(super) fn next_timer(
        &self,
        jam_ms: u64,
    ) -> impl Iterator<Item = (LineTime, &'static str)> + '_ {
        let full = self.chutes.iter().filter_map(Chute::full_due);
        let jam = self
            .chutes
            .iter()
            .filter_map(move |chute| chute.jam_due(jam_ms));
        full.map(|(due, _)| (due, "chute full"))
            .chain(jam.map(|due| (due, "jam")))
    }
}

impl Line {
    /// A chute's state may have changed: tells it, and decides anew for who was to go there.
    pub(super) fn chute_changed(&mut self, index: usize) {
        let state = self.chutes.state(index);
        let Some(spec) = self.geometry().chute(index).copied() else {
            return;
        };
        let Some(chute) = self.chutes.chutes.get_mut(index) else {
            return;
        };
        let before = std::mem::replace(&mut chute.told, state);
        if before == state {
            return;
        }
        self.act(Action::Chute {
            chute: spec.id,
            state,
        });
        self.alarm(
            AlarmKind::ChuteFull { chute: spec.id },
            state == ChuteState::Full,
        );
        if let (ChuteState::Jammed, _) | (_, ChuteState::Jammed) = (before, state) {
            self.alarm(
                AlarmKind::Jam { eye: spec.eye },
                state == ChuteState::Jammed,
            );
        }
        for parcel in 0..self.belt.len() {
            let there = self
                .belt
                .get(parcel)
                .and_then(|parcel| parcel.stroke.as_ref())
                .is_some_and(|stroke| stroke.chute == index);
            if there && state != ChuteState::Ready {
                self.withdraw(parcel, RejectCause::ChuteUnavailable);
            }
            self.decide(parcel);
        }
        self.wake();
    }

    pub(super) fn set_chute(&mut self, id: ChuteId, state: ChuteState) {
        let Some(index) = self.geometry().chute_index(id) else {
            return;
        };
        if let Some(chute) = self.chutes.chutes.get_mut(index) {
            chute.outside = state;
        }
        self.chute_changed(index);
    }

    pub(super) fn enable_chute(&mut self, id: ChuteId, enabled: bool) {
        let Some(index) = self.geometry().chute_index(id) else {
            return;
        };
        if let Some(chute) = self.chutes.chutes.get_mut(index) {
            chute.person = if enabled {
                ChuteState::Ready
            } else {
                ChuteState::Disabled
            };
            if enabled {
                chute.failures = 0;
            }
        }
        if let Some((_, spec)) = self.geometry().diverter_of(index).filter(|_| enabled) {
            let kind = AlarmKind::Diverter { diverter: spec.id };
            self.alarm(kind, false);
        }
        self.chute_changed(index);
    }

    pub(super) fn empty_chute(&mut self, id: ChuteId) {
        let Some(index) = self.geometry().chute_index(id) else {
            return;
        };
        if let Some(chute) = self.chutes.chutes.get_mut(index) {
            chute.count = 0;
        }
        self.chute_changed(index);
    }
}
