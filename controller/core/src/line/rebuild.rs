//! The line itself was changed: other photo-eyes, diverters, chutes or distances. Nothing that was
//! on it is where it was thought to be, so that every parcel ends here; what does not depend on
//! the belt goes on.

use super::Line;
use crate::topology::{LineConfig, Topology};
use crate::{AlarmKind, ChuteState};

impl Line {
    /// The line goes on as another one. A configuration that cannot be a line changes nothing:
    /// whoever feeds it has checked it.
    pub(super) fn rebuild(&mut self, config: &LineConfig) {
        let Ok(topology) = Topology::new(config.clone()) else {
            return;
        };
        self.round.forget();
        self.settle_all();
        while !self.belt.is_empty() {
            self.lose(0);
        }
        while let Some(parcel) = self.returning.pop_front() {
            self.lose_returning(parcel);
        }
        self.jog_ended();
        // What still holds is found out anew; that a person must reset the line is not.
        let stopped = |kind: &AlarmKind| *kind == AlarmKind::Stopped;
        let raised: Vec<AlarmKind> = self.alarms.raised().filter(|kind| !stopped(kind)).collect();
        for kind in raised {
            self.alarm(kind, false);
        }
        let next = Self::new(topology, (*self.plan).clone());
        let old = std::mem::replace(self, next);
        self.chutes
            .take_over(&old.chutes, old.geometry(), self.topology.geometry());
        self.actions = old.actions;
        self.now = old.now;
        self.node.take_over(&old.node);
        self.alarms.take_over(old.alarms);
        self.counters = old.counters;
        self.identities = old.identities;
        self.duplicates = old.duplicates;
        self.level = old.level;
        self.tell_chutes();
    }

    /// Tells what chutes are now, where that is not what they were told to be.
    fn tell_chutes(&mut self) {
        for index in 0..self.geometry().chutes.len() {
            self.chute_changed(index);
            let full = self.chutes.state(index) == ChuteState::Full;
            if let Some(chute) = self.geometry().chute(index).map(|chute| chute.id) {
                self.alarm(AlarmKind::ChuteFull { chute }, full);
            }
        }
    }
}
