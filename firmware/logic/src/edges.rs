//! What an encoder interrupt does by itself: the next counts at which pins change, worked out in
//! advance, so that a count costs one comparison however much waits.
//!
//! The interrupt owns an [`Encoder`] and calls [`Encoder::moved_to`]; everything else, answers and
//! events, is left to [`Node::follow`], which whoever touches the node calls first. The two must
//! not run at the same time: a board holds the encoder's interrupt back while it uses the node.

use sortline_regmap::{CAMERAS_MAX, DIVERTERS_MAX};

use crate::{Node, TriggerPulse};

/// Edges worked out in advance: as many counts can pass with something to do at each before
/// [`Node::follow`] must have run. What comes later than that is refused as late, not done late.
const EDGES: usize = 4;

/// What the pins do at one count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Encoder count.
    pub at: u32,
    /// Diverter outputs from this count on, one bit each.
    pub outputs: u32,
    /// Cameras pulsed at this count, one bit each.
    pub cameras: u8,
}

/// The encoder's count and the edges ahead of it.
#[derive(Debug, Default)]
pub struct Encoder {
    count: u32,
    edges: [Option<Edge>; EDGES],
    /// Edges done since [`Node::follow`] was called last.
    done: usize,
    /// The node's plan that these edges are from.
    plan: u32,
}

impl Encoder {
    /// The present count.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The count of the next edge, for a timer that compares by itself.
    pub fn next(&self) -> Option<u32> {
        let edge = self.edges.get(self.done).copied().flatten();
        edge.map(|edge| edge.at)
    }

    /// The belt moved to `count`. Gives what the pins have to do there, if anything; nothing is
    /// done while the belt runs backwards.
    pub fn moved_to(&mut self, count: u32) -> Option<Edge> {
        let forwards = count.wrapping_sub(self.count).cast_signed() > 0;
        self.count = count;
        let edge = self.edges.get(self.done).copied().flatten()?;
        if edge.at != count || !forwards {
            return None;
        }
        self.done = self.done.saturating_add(1);
        Some(edge)
    }

    fn last_done(&self) -> Option<u32> {
        let edge = self.edges.get(self.done.checked_sub(1)?)?;
        edge.map(|edge| edge.at)
    }
}

impl Node {
    /// Takes up what the encoder has done since the last call, exactly at its counts, and gives
    /// it its next edges. The pins must show [`Node::outputs`] afterwards: what other reasons
    /// switched off is off there.
    pub fn follow(&mut self, encoder: &mut Encoder) {
        if let Some(done) = encoder.last_done() {
            self.travel(done);
        }
        // Whatever was due in between and not among the encoder's edges is late.
        self.encoder(encoder.count);
        self.lay_out(encoder);
    }

    /// Gives the encoder the next edges, if they are others than it has. To be called after
    /// anything was done to the node.
    pub fn lay_out(&self, encoder: &mut Encoder) {
        if encoder.done != 0 || encoder.plan != self.plan {
            encoder.edges = self.forecast();
            encoder.done = 0;
            encoder.plan = self.plan;
        }
    }

    /// Finds the nearest count at which something happens.
    pub(crate) fn plan(&mut self) {
        let strokes = self.strokes.iter().map(|stroke| stroke.fire_at);
        let triggers = self.triggers.iter().map(|trigger| trigger.pulse.at);
        let all = strokes.chain(triggers).chain(self.outputs.ends());
        self.due = all.min_by_key(|at| at.wrapping_sub(self.count).cast_signed());
        self.plan = self.plan.wrapping_add(1);
    }

    fn forecast(&self) -> [Option<Edge>; EDGES] {
        let mut changes = Changes {
            count: self.count,
            nearest: [None; EDGES],
        };
        for (diverter, end) in self.outputs.running() {
            changes.note(end, |change| change.off |= diverter_bit(diverter));
        }
        for stroke in self.strokes.iter() {
            let bit = diverter_bit(stroke.diverter);
            let end = stroke.fire_at.wrapping_add(u32::from(stroke.hold));
            changes.note(stroke.fire_at, |change| change.on |= bit);
            changes.note(end, |change| change.off |= bit);
        }
        for trigger in self.triggers.iter() {
            changes.note(trigger.pulse.at, |change| {
                change.cameras |= camera_bit(trigger.pulse);
            });
        }
        let mut outputs = self.outputs.bits();
        changes.nearest.map(|change| {
            let change = change?;
            outputs &= !change.off;
            // A last bolt, as when a stroke is switched on.
            outputs |= self.outputs.unopposed(change.on, outputs);
            Some(Edge {
                at: change.at,
                outputs,
                cameras: change.cameras,
            })
        })
    }
}

/// What changes at a count.
#[derive(Clone, Copy)]
struct Change {
    at: u32,
    off: u32,
    on: u32,
    cameras: u8,
}

/// The changes nearest ahead of `count`, nearest first.
struct Changes {
    count: u32,
    nearest: [Option<Change>; EDGES],
}

impl Changes {
    /// Notes a change at a count, if it is among the nearest.
    fn note(&mut self, at: u32, add: impl Fn(&mut Change)) {
        let distance = |at: u32| at.wrapping_sub(self.count).cast_signed();
        if distance(at) <= 0 {
            return;
        }
        let place = self
            .nearest
            .iter()
            .position(|known| known.is_none_or(|known| distance(known.at) >= distance(at)));
        let Some(behind) = place.and_then(|place| self.nearest.get_mut(place..)) else {
            return;
        };
        let Some(first) = behind.first() else {
            return;
        };
        if first.is_none_or(|first| first.at != at) {
            behind.rotate_right(1);
            if let Some(first) = behind.first_mut() {
                *first = Some(Change {
                    at,
                    off: 0,
                    on: 0,
                    cameras: 0,
                });
            }
        }
        if let Some(Some(first)) = behind.first_mut() {
            add(first);
        }
    }
}

fn diverter_bit(diverter: u8) -> u32 {
    1_u32.checked_shl(u32::from(diverter)).unwrap_or(0)
}

fn camera_bit(pulse: TriggerPulse) -> u8 {
    1_u8.checked_shl(u32::from(pulse.camera)).unwrap_or(0)
}

const _: () = assert!(DIVERTERS_MAX == 32 && CAMERAS_MAX == 8);
