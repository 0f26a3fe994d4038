//! Chutes: whether they can take parcels, and what changes that.

use super::Line;
use super::parcel::Sent;
use crate::planted;
use crate::topology::{ChuteSpec, Geometry};
use crate::{Action, AlarmKind, ChuteId, ChuteState, Edge, LineTime, Obstacle, RejectCause, Ticks};

/// A chute is full when its photo-eye is blocked this long: longer than any parcel needs to slide
/// past it.
const FULL_ON_MS: u64 = 1_500;
/// And free again when it is clear this long.
const FULL_OFF_MS: u64 = 1_000;

/// The bag under a chute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Bag {
    /// Takes parcels.
    #[default]
    Open,
    /// Is to be closed: parcels on their way still come.
    Closing,
    /// Waits to be changed.
    Closed,
}

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
    /// The count then.
    blocked_at: Option<Ticks>,
    jammed: bool,
    count: u32,
    /// Strokes sent, parcel not yet seen.
    coming: u32,
    capacity: u32,
    /// Ticks of product in it, and on the way.
    length: i32,
    length_coming: i32,
    length_max: i32,
    bag: Bag,
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
        } else if self.full || counted || self.bag != Bag::Open || self.outside == ChuteState::Full
        {
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
    /// A bag is to be closed.
    closing: bool,
    /// Chutes with a timer that is set.
    timed: Vec<usize>,
}

impl ChuteTable {
    /// All ready and empty; a diverter that fails `failures_max` times in a row is disabled.
    pub(super) fn new(geometry: &Geometry, failures_max: u8) -> Self {
        let one = |spec: &ChuteSpec| Chute {
            capacity: spec.capacity,
            length_max: spec.capacity_length,
            failures_max,
            ..Chute::default()
        };
        Self {
            chutes: geometry.chutes.iter().map(one).collect(),
            closing: false,
            timed: Vec::new(),
        }
    }

    /// Keeps account of which chutes have a timer that is set, after anything that sets or stops one.
    fn note_timer(&mut self, index: usize) {
        let Some(chute) = self.chutes.get(index) else {
            return;
        };
        let set = chute.full_due().is_some() || (chute.blocked.is_some() && !chute.jammed);
        if !set {
            self.timed.retain(|timed| *timed != index);
        } else if !self.timed.contains(&index) {
            self.timed.push(index);
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

    /// True when one more parcel of this length may be sent there.
    pub(super) fn takes(&self, chute: usize, length: i32) -> bool {
        self.obstacle(chute, length).is_none()
    }

    /// Goes on with what chutes of the same id were: counts, bags, and what people set.
    pub(super) fn take_over(&mut self, before: &Self, was: &Geometry, is: &Geometry) {
        for (chute, spec) in self.chutes.iter_mut().zip(&is.chutes) {
            let index = was.chute_index(spec.id);
            let Some(old) = index.and_then(|index| before.chutes.get(index)) else {
                continue;
            };
            chute.outside = old.outside;
            chute.person = old.person;
            chute.count = old.count;
            chute.length = old.length;
            chute.bag = old.bag;
            chute.told = old.told;
        }
        self.closing = before.closing;
    }

    /// What stands against sending one more parcel of this length there.
    pub(super) fn obstacle(&self, chute: usize, length: i32) -> Option<Obstacle> {
        let Some(chute) = self.chutes.get(chute) else {
            return Some(Obstacle::Disabled);
        };
        let room = chute.capacity == 0 || chute.count.saturating_add(chute.coming) < chute.capacity;
        let all = chute.length.saturating_add(chute.length_coming);
        let fits = chute.length_max == 0 || all.saturating_add(length) <= chute.length_max;
        if planted::is(32) {
            return None;
        }
        match chute.state() {
            ChuteState::Jammed => Some(Obstacle::Jammed),
            ChuteState::Disabled => Some(Obstacle::Disabled),
            ChuteState::Full => Some(Obstacle::Full),
            ChuteState::Ready if !room => Some(Obstacle::Full),
            ChuteState::Ready if !fits => Some(Obstacle::NoRoom),
            ChuteState::Ready => None,
        }
    }

    /// A stroke towards it was sent for a parcel of this length.
    pub(super) fn expect(&mut self, chute: usize, length: i32) {
        if let Some(chute) = self.chutes.get_mut(chute) {
            chute.coming = chute.coming.saturating_add(1);
            chute.length_coming = chute.length_coming.saturating_add(length);
        }
    }

    /// A parcel that was expected will not come, or has.
    pub(super) fn give_up(&mut self, sent: &Sent) {
        if let Some(chute) = self.chutes.get_mut(sent.chute) {
            chute.coming = chute.coming.saturating_sub(1);
            chute.length_coming = chute.length_coming.saturating_sub(sent.length).max(0);
        }
    }

    /// A parcel was seen in it.
    pub(super) fn entered(&mut self, chute: usize, length: i32) {
        if let Some(chute) = self.chutes.get_mut(chute) {
            chute.count = chute.count.saturating_add(1);
            chute.length = chute.length.saturating_add(length);
        }
    }

    /// The bag of this chute is to be closed.
    fn close(&mut self, chute: usize) {
        if let Some(chute) = self.chutes.get_mut(chute) {
            chute.bag = Bag::Closing;
            self.closing = true;
        }
    }

    /// True, once, when a bag that is to be closed has its last parcel: then its parcels and ticks
    /// of product.
    fn closed(&mut self, chute: usize) -> Option<(u32, i32)> {
        let chute = self.chutes.get_mut(chute)?;
        if chute.bag != Bag::Closing || chute.coming > 0 {
            return None;
        }
        chute.bag = Bag::Closed;
        Some((chute.count, chute.length))
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

    pub(super) fn full_eye(&mut self, index: usize, edge: Edge, now: LineTime) {
        if let Some(chute) = self.chutes.get_mut(index) {
            chute.full_eye = Some((edge, now));
        }
        self.note_timer(index);
    }

    /// Its confirmation photo-eye was blocked or is clear again; true when that ends a jam.
    pub(super) fn passage(
        &mut self,
        index: usize,
        (edge, at): (Edge, Ticks),
        now: LineTime,
    ) -> bool {
        let Some(chute) = self.chutes.get_mut(index) else {
            return false;
        };
        chute.blocked = (edge == Edge::Blocked).then_some(now);
        chute.blocked_at = (edge == Edge::Blocked).then_some(at);
        let ended = edge == Edge::Clear && std::mem::take(&mut chute.jammed);
        self.note_timer(index);
        ended
    }

    /// Count since which its confirmation photo-eye is blocked.
    pub(super) fn blocked_at(&self, chute: usize) -> Option<Ticks> {
        self.chutes.get(chute)?.blocked_at
    }

    /// Edges were lost: how long a photo-eye has been blocked is not known.
    pub(super) fn edges_lost(&mut self) {
        for chute in &mut self.chutes {
            chute.blocked_at = None;
        }
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
        for index in &changed {
            self.note_timer(*index);
        }
        changed
    }

    pub(super) fn next_timer(
        &self,
        jam_ms: u64,
    ) -> impl Iterator<Item = (LineTime, &'static str)> + '_ {
        let timed = self.timed.iter();
        let timed = timed.filter_map(|index| self.chutes.get(*index));
        let full = timed.clone().filter_map(Chute::full_due);
        let jam = timed.filter_map(move |chute| chute.jam_due(jam_ms));
        full.map(|(due, _)| (due, "chute full"))
            .chain(jam.map(|due| (due, "jam")))
    }
}

impl Line {
    /// A chute's state may have changed: tells it, and decides anew for who was to go there. A
    /// stroke on its way there is taken back.
    pub(super) fn chute_changed(&mut self, index: usize) {
        self.chute_is(index, true);
    }

    /// The same, and strokes on their way stay.
    fn chute_closing(&mut self, index: usize) {
        self.chute_is(index, false);
    }

    fn chute_is(&mut self, index: usize, withdraws: bool) {
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
            if there && withdraws && state != ChuteState::Ready {
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

    /// A bag is to be closed: parcels that are not committed go elsewhere.
    pub(super) fn close_bag(&mut self, id: ChuteId) {
        if let Some(index) = self.geometry().chute_index(id) {
            self.chutes.close(index);
            self.chute_closing(index);
        }
    }

    /// Tells of the bags whose last parcel has come.
    pub(super) fn settle_bags(&mut self) {
        if !self.chutes.closing {
            return;
        }
        self.chutes.closing = false;
        for index in 0..self.chutes.chutes.len() {
            if let Some((parcels, length)) = self.chutes.closed(index)
                && let Some(chute) = self.geometry().chute(index).map(|chute| chute.id)
            {
                let length_mm = u32::try_from(self.topology.mm(i64::from(length))).unwrap_or(0);
                self.act(Action::BagClosed {
                    chute,
                    parcels,
                    length_mm,
                });
            }
        }
        let closing = |chute: &Chute| chute.bag == Bag::Closing;
        self.chutes.closing = self.chutes.chutes.iter().any(closing);
    }

    pub(super) fn empty_chute(&mut self, id: ChuteId) {
        let Some(index) = self.geometry().chute_index(id) else {
            return;
        };
        if let Some(chute) = self.chutes.chutes.get_mut(index) {
            chute.count = 0;
            chute.length = 0;
            chute.bag = Bag::Open;
        }
        self.chute_changed(index);
    }
}
