//! The line: one state machine, fed with events, asked for actions.

use std::collections::VecDeque;

use crate::topology::Topology;
use crate::{Action, ChuteId, Event, LineTime, ParcelId, Reading, SortPlan, Ticks};

/// The control core of one line.
#[derive(Debug)]
pub struct Line {
    topology: Topology,
    plan: SortPlan,
    actions: VecDeque<Action>,
}

/// A parcel on the belt, for screens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParcelView {
    /// Identity.
    pub parcel: ParcelId,
    /// Predicted position of its leading edge, millimetres from induction.
    pub position_mm: i64,
    /// Length, once measured.
    pub length_mm: Option<u32>,
    /// Chute decided.
    pub chute: Option<ChuteId>,
    /// The decision can no longer change.
    pub committed: bool,
    /// Lap, from 0.
    pub lap: u8,
    /// What its frames said so far.
    pub reading: Option<Reading>,
}

impl Line {
    /// A line without parcels. Nothing is diverted before [`Event::NodeUp`].
    #[must_use]
    pub fn new(topology: Topology, plan: SortPlan) -> Self {
        Self { topology, plan, actions: VecDeque::new() }
    }

    /// Takes in one event at line time `now`. Time never goes back between calls.
    pub fn handle_event(&mut self, now: LineTime, event: &Event) {
        let _ = (now, event, &self.plan);
    }

    /// Tells that the time asked for by [`Line::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: LineTime) {
        let _ = now;
    }

    /// When the line wants to be woken next, and why.
    pub fn poll_timeout(&self) -> Option<(LineTime, &'static str)> {
        None
    }

    /// The next action, until `None`.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The parcels on the belt in order, first the furthest downstream, as predicted for the
    /// encoder count `at`.
    pub fn parcels(&self, at: Ticks) -> Vec<ParcelView> {
        let _ = at;
        Vec::new()
    }

    /// The line as built.
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }
}
