//! From frames to a destination: readings, the shell's answers, and what people key in.

use super::Line;
use super::evidence::Added;
use super::parcel::Parcel;
use crate::planted;
use crate::{
    Action, AlarmKind, CameraId, Destination, Everything, ParcelId, PlanMatch, Reading, Resolution,
    Step, TriggerId,
};

impl Parcel {
    /// Finds the rule of its plan, and takes a turn if the rule spreads.
    pub(super) fn match_rule(&mut self, turns: &mut [usize]) {
        self.rule = None;
        let Some(Resolution::Sort {
            destination, hop, ..
        }) = &self.resolution
        else {
            return;
        };
        let wanted = PlanMatch {
            destination,
            hop: hop.as_deref(),
        };
        self.rule = self
            .plan
            .rules
            .iter()
            .position(|rule| rule.matches(&wanted));
        if let Some(turn) = self.rule.and_then(|rule| turns.get_mut(rule)) {
            self.turn = *turn;
            *turn = turn.wrapping_add(1);
        }
    }

    /// What to look up: all that was read, and the destination that a person keyed above it.
    fn wanted(&self) -> Reading {
        let mut reading = self.evidence.reading().clone();
        if self.keyed.is_some() {
            reading.destination.clone_from(&self.keyed);
        }
        reading
    }

    /// Whether an answer is one to what a person keyed, where one did; a hold always is.
    fn answers_keyed(&self, resolution: &Resolution) -> bool {
        let Some(keyed) = &self.keyed else {
            return true;
        };
        match resolution {
            Resolution::Sort { destination, .. } => destination == keyed,
            Resolution::Hold { .. } => true,
            Resolution::Unknown => false,
        }
    }

    /// Takes its turn where the plan sends everything to chutes in turn.
    pub(super) fn take_turn(&mut self, turns: &mut [usize]) {
        let spreads = |everything: &Everything| everything.spread;
        if self.plan.everything.as_ref().is_some_and(spreads)
            && let Some(turn) = turns.first_mut()
        {
            self.turn = *turn;
            *turn = turn.wrapping_add(1);
        }
    }
}

impl Line {
    /// A frame was read. Its trigger alone says whose it is, never the time it comes.
    pub(super) fn read(&mut self, camera: CameraId, trigger: TriggerId, reading: &Reading) {
        let blank = reading.codes.is_empty() && reading.destination.is_none();
        let counters = &mut self.counters;
        let counter = if blank {
            &mut counters.frames_no_read
        } else {
            &mut counters.frames_read
        };
        *counter = counter.saturating_add(1);
        let owner = self
            .belt
            .iter()
            .position(|parcel| parcel.evidence.owns(camera, trigger) || planted::is(15));
        let Some(index) = owner else { return };
        let Some(parcel) = self.belt.get_mut(index) else {
            return;
        };
        let (id, late) = (parcel.id, parcel.stroke.is_some() && !planted::is(23));
        let before = parcel.evidence.fresh();
        let added = if late {
            Added::Nothing
        } else {
            parcel.evidence.add(camera, trigger, reading)
        };
        // A parcel that comes round without a destination is looked up once more.
        let unknown = !matches!(parcel.resolution, Some(Resolution::Sort { .. }));
        let again = unknown && parcel.lap > 0 && !before && parcel.evidence.fresh();
        let fused = (added == Added::News || again).then(|| parcel.wanted());
        self.step(
            id,
            Step::Read {
                camera,
                trigger,
                reading: reading.clone(),
                late,
            },
        );
        self.look_for_duplicates(id, reading);
        if let Some(reading) = fused {
            self.act(Action::Resolve {
                parcel: id,
                reading,
            });
        }
        self.decide(index);
    }

    fn look_for_duplicates(&mut self, id: ParcelId, reading: &Reading) {
        for code in &reading.codes {
            if let Some(of) = self.duplicates.take(code, id, self.now) {
                self.step(id, Step::Duplicate { of });
            }
        }
    }

    /// The shell has looked a parcel up. An answer that is late is kept for the next lap.
    pub(super) fn resolved(&mut self, id: ParcelId, resolution: &Resolution) {
        let turns = &mut self.turns;
        let mut all = self.belt.iter_mut().chain(&mut self.returning);
        let Some(parcel) = all.find(|parcel| parcel.id == id) else {
            return;
        };
        if !parcel.answers_keyed(resolution) {
            return;
        }
        let late = parcel.stroke.is_some();
        parcel.resolution = Some(resolution.clone());
        if !late && parcel.plan.everything.is_none() {
            parcel.match_rule(turns);
        }
        let (destination, hop, why) = match resolution {
            Resolution::Sort {
                destination,
                hop,
                why,
                ..
            } => (Some(destination.clone()), hop.clone(), why.clone()),
            Resolution::Hold { reason, why } if why.is_empty() => (None, None, reason.clone()),
            Resolution::Hold { reason, why } => (None, None, format!("{reason}: {why}")),
            Resolution::Unknown => (None, None, String::from("unknown")),
        };
        self.step(
            id,
            Step::Resolved {
                destination,
                hop,
                why,
                late,
            },
        );
        if let Some(index) = self.find(id) {
            self.decide(index);
        }
    }

    /// A person has keyed a destination in; it stands above every reading. It is looked up like
    /// one: holds of customs and the route are its own.
    pub(super) fn key(&mut self, id: ParcelId, destination: &Destination) {
        let mut all = self.belt.iter_mut().chain(&mut self.returning);
        let Some(parcel) = all.find(|parcel| parcel.id == id) else {
            return;
        };
        parcel.keyed = Some(destination.clone());
        // What was read before counts no longer, and until the answer nothing does.
        if let Some(Resolution::Sort { .. }) = parcel.resolution {
            parcel.resolution = None;
            parcel.rule = None;
        }
        let reading = parcel.wanted();
        self.act(Action::Resolve {
            parcel: id,
            reading,
        });
        if let Some(index) = self.find(id) {
            self.decide(index);
        }
    }

    /// A camera is well or not. One that is not is no longer waited for.
    pub(super) fn camera(&mut self, camera: CameraId, healthy: bool) {
        self.alarm(AlarmKind::Camera { camera }, !healthy);
        for index in 0..self.belt.len() {
            self.decide(index);
        }
        self.wake();
    }

    /// True while a camera's frames are waited for.
    pub(super) fn camera_well(&self, camera: CameraId) -> bool {
        !self
            .alarms
            .raised()
            .any(|kind| kind == AlarmKind::Camera { camera })
    }
}
