//! Jog: a person moves one diverter by hand, while the belt stands and nothing lies in its way.
//!
//! Whoever holds the button sends one command after the other; each keeps the output on for
//! [`JOG_MS`], so that a hand that lets go, a closed browser and a broken network all end it. The
//! node has the last word: it switches the output off with the belt's first count.

use super::Line;
use super::schedule::{arrives, clear_of};
use crate::topology::DiverterSpec;
use crate::{
    Action, Command, DiverterId, Epoch, JogRefusal, JogState, LineTime, ParcelId, Seq,
    StrokeResult, Ticks,
};

/// Milliseconds one command keeps the output on: two of a person's commands may be lost on the
/// way without a gap, and letting go is followed faster than a hand gets there.
const JOG_MS: u16 = 400;
/// The belt stands when its count has not moved for so long: five of the polls that tell of a
/// standing belt.
const STILL_MS: u64 = 500;

/// A button that somebody holds: presses that follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    diverter: DiverterId,
    since: LineTime,
    last: LineTime,
}

/// A jog on its way or under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jogging {
    seq: Seq,
    diverter: DiverterId,
    /// It was told that the output is on.
    on: bool,
}

impl Line {
    /// Moves a diverter by hand, or tells why not.
    pub(super) fn jog(&mut self, diverter: DiverterId) {
        let held_ms = self.hold(diverter);
        match self.may_jog(diverter, held_ms) {
            Ok((spec, epoch, at)) => self.send_jog(&spec, epoch, at),
            Err(why) => self.tell_jog(diverter, JogState::Refused { why }),
        }
    }

    /// Notes a press; gives for how long the button has been held, in milliseconds.
    fn hold(&mut self, diverter: DiverterId) -> u64 {
        let goes_on =
            |hold: &Hold| hold.diverter == diverter && self.now < hold.last.after_ms(JOG_MS.into());
        let since = self
            .hold
            .filter(goes_on)
            .map_or(self.now, |hold| hold.since);
        self.hold = Some(Hold {
            diverter,
            since,
            last: self.now,
        });
        self.now.since(since) / 1_000
    }

    fn may_jog(
        &self,
        id: DiverterId,
        held_ms: u64,
    ) -> Result<(DiverterSpec, Epoch, Ticks), JogRefusal> {
        let diverters = &self.geometry().diverters;
        let spec = diverters.iter().find(|spec| spec.id == id).copied();
        let spec = spec.ok_or(JogRefusal::Unknown)?;
        if self.node.stopped() {
            return Err(JogRefusal::Stopped);
        }
        let epoch = self.node.epoch().ok_or(JogRefusal::NodeDown)?;
        let count = self.encoder.count().ok_or(JogRefusal::NodeDown)?;
        if self.encoder.suspect() {
            return Err(JogRefusal::Encoder);
        }
        if self.now < self.encoder.moved_at().after_ms(STILL_MS) {
            return Err(JogRefusal::BeltMoves);
        }
        // One hold is no longer than a stroke may be.
        let over = held_ms.saturating_add(jog_ms(&spec).into());
        if over > spec.hold_ms_max.into() {
            return Err(JogRefusal::HeldTooLong);
        }
        match self.in_the_way(&spec, count) {
            Some(parcel) => Err(JogRefusal::Parcel { parcel }),
            None => Ok((spec, epoch, count)),
        }
    }

    /// The parcel at a diverter, or so near that it would come there before the diverter is back.
    fn in_the_way(&self, spec: &DiverterSpec, count: Ticks) -> Option<ParcelId> {
        let margin = self.geometry().margin;
        let near = |parcel: &&super::Parcel| {
            let body = self.body(parcel, spec);
            let apart = body.tolerance.saturating_add(margin);
            let from = arrives(spec, body, apart.saturating_add(spec.retract));
            !count.is_before(from) && count.is_before(clear_of(spec, body, apart))
        };
        let here = self.belt.iter().filter(|parcel| !parcel.track.gone);
        here.rev().find(near).map(|parcel| parcel.id)
    }

    fn send_jog(&mut self, spec: &DiverterSpec, epoch: Epoch, at: Ticks) {
        let seq = self.new_seq();
        if let Some(machine) = self.machines.get_mut(spec.machine) {
            machine.moved_by_hand(at.offset(1).offset(spec.retract));
        }
        let diverter = spec.id;
        let held = self.jogging.filter(|jogging| jogging.diverter == diverter);
        if held.is_none() {
            self.jog_ended();
        }
        let on = held.is_some_and(|held| held.on);
        self.jogging = Some(Jogging { seq, diverter, on });
        let command = Command::Jog {
            seq,
            epoch,
            diverter,
            at,
            hold_ms_max: jog_ms(spec),
        };
        self.act(Action::Send { command });
    }

    /// Takes in what became of a command, if it is the last jog.
    pub(super) fn jog_result(&mut self, seq: Seq, result: StrokeResult) -> bool {
        let Some(jogging) = self.jogging.filter(|jogging| jogging.seq == seq) else {
            return false;
        };
        match result {
            StrokeResult::Accepted => {}
            StrokeResult::Fired { .. } => {
                if !jogging.on {
                    self.tell_jog(jogging.diverter, JogState::On);
                }
                self.jogging = Some(Jogging {
                    on: true,
                    ..jogging
                });
            }
            StrokeResult::Refused { refusal } => {
                self.jogging = None;
                let why = JogRefusal::Node { refusal };
                self.tell_jog(jogging.diverter, JogState::Refused { why });
            }
            StrokeResult::Done { .. } | StrokeResult::Withdrawn | StrokeResult::Unknown => {
                self.jog_ended();
            }
        }
        true
    }

    /// The jog under way is over, whatever the reason.
    pub(super) fn jog_ended(&mut self) {
        if let Some(jogging) = self.jogging.take() {
            self.tell_jog(jogging.diverter, JogState::Off);
        }
    }

    fn tell_jog(&mut self, diverter: DiverterId, jog: JogState) {
        self.act(Action::Jog { diverter, jog });
    }
}

/// Milliseconds one command keeps this diverter out.
fn jog_ms(spec: &DiverterSpec) -> u16 {
    JOG_MS.min(spec.hold_ms_max)
}
