//! Geometry of one stroke: when it must be out, and what it must not touch.
//!
//! A parcel is diverted when the diverter is fully out as its grip passes: its middle, for most
//! kinds. It should be out before the parcel reaches the mechanism; a parcel close ahead may put
//! that off, but never beyond the moment the grip needs. Nothing else may be over the mechanism
//! while it moves or is out; only the next parcel to the same side may find it out. Every distance
//! is widened by the uncertainty of the positions it rests on.

use std::collections::VecDeque;

use crate::topology::DiverterSpec;
use crate::{RejectCause, Seq, Ticks};

/// Strokes remembered per machine: those in the node's queue and the one under way. At the
/// smallest pitch more than this cannot be ahead within the command distance.
const BUSY_MAX: usize = 8;

/// A parcel's place on the belt, as a stroke sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body {
    /// Count at which the leading edge reaches the diverter's position.
    pub(super) leading: Ticks,
    /// Length; the longest possible if it is not known.
    pub(super) length: i32,
    /// From where to where behind the leading edge the diverter has to be out.
    pub(super) grip: (i32, i32),
    /// How far it may be from there, either way.
    pub(super) tolerance: i32,
}

impl Body {
    /// Count at which the diverter's position is free of it at the latest.
    pub(super) fn end(&self) -> Ticks {
        self.leading.offset(self.length).offset(self.tolerance)
    }

    /// Count at which it reaches the diverter's position at the earliest.
    pub(super) fn begin(&self) -> Ticks {
        self.leading.offset(back(self.tolerance))
    }

    /// The same, when it is known not to come before `earliest`.
    pub(super) fn not_before(self, earliest: Ticks) -> Self {
        let first = self.leading.offset(back(self.tolerance));
        if !first.is_before(earliest) {
            return self;
        }
        let last = self.leading.offset(self.tolerance);
        let width = last.signed_since(earliest).max(0);
        Self {
            leading: earliest.offset(width / 2),
            tolerance: width / 2,
            ..self
        }
    }
}

/// What surrounds a parcel at a diverter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings {
    /// The parcel ahead.
    pub(super) ahead: Option<Body>,
    /// The parcel behind.
    pub(super) behind: Option<Body>,
    /// Count from which the machine is free.
    pub(super) free: Option<Ticks>,
    /// Earliest count a command can still be executed at.
    pub(super) earliest: Ticks,
}

/// A stroke that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) fire_at: Ticks,
    pub(super) hold: u16,
}

/// Count at which the output goes on when nothing is in the way: fully out before the parcel
/// reaches the mechanism.
pub(super) fn wanted(diverter: &DiverterSpec, parcel: Body, margin: i32) -> Ticks {
    parcel
        .leading
        .offset(back(diverter.half_body))
        .offset(back(parcel.tolerance))
        .offset(back(diverter.extend))
        .offset(back(margin))
}

/// Count at which the output must go on at the latest: fully out as the grip passes.
pub(super) fn latest(diverter: &DiverterSpec, parcel: Body, margin: i32) -> Ticks {
    let reach = parcel.tolerance.saturating_add(margin);
    let (first, _) = parcel.grip;
    let grip = parcel.leading.offset(first);
    grip.offset(back(reach)).offset(back(diverter.extend))
}

/// Finds the stroke for a parcel.
///
/// # Errors
/// `Late` when the command can no longer be in time, `Conflict` when the machine is busy, `Gap`
/// when a neighbor is too near, `Uncertain` when it is too near only because positions are
/// uncertain.
pub(super) fn fit(
    diverter: &DiverterSpec,
    parcel: Body,
    around: &Surroundings,
    margin: i32,
) -> Result<Slot, RejectCause> {
    let reach = parcel.tolerance.saturating_add(margin);
    let latest = latest(diverter, parcel, margin);
    let passed = around
        .ahead
        .map(|ahead| clear_of(diverter, ahead, ahead.tolerance.saturating_add(margin)));
    let mut fire_at = wanted(diverter, parcel, margin);
    let limits = [
        (passed, None),
        (around.free, Some(RejectCause::Conflict)),
        (Some(around.earliest), Some(RejectCause::Late)),
    ];
    for (limit, cause) in limits {
        let Some(limit) = limit else { continue };
        if latest.is_before(limit) {
            return Err(cause.unwrap_or_else(|| gap_or_doubt(diverter, parcel, around, margin)));
        }
        if fire_at.is_before(limit) {
            fire_at = limit;
        }
    }
    let (_, last) = parcel.grip;
    let needed = parcel.leading.offset(last).offset(reach);
    let mut off = parcel
        .leading
        .offset(parcel.length)
        .offset(parcel.tolerance);
    if off.is_before(needed) {
        off = needed;
    }
    if let Some(behind) = around.behind {
        let apart = behind.tolerance.saturating_add(margin);
        let back_by = arrives(diverter, behind, apart).offset(back(diverter.retract));
        if back_by.is_before(needed) {
            return Err(gap_or_doubt(diverter, parcel, around, margin));
        }
        // Leaves room for the follower's own stroke where that costs this one nothing.
        let polite = back_by.offset(back(diverter.extend)).offset(back(margin));
        let target = if polite.is_before(needed) {
            needed
        } else {
            polite
        };
        if target.is_before(off) {
            off = target;
        }
    }
    let hold = u16::try_from(off.signed_since(fire_at)).or(Err(RejectCause::Conflict))?;
    Ok(Slot { fire_at, hold })
}

/// Count from which a parcel's trailing edge has left the mechanism.
pub(super) fn clear_of(diverter: &DiverterSpec, parcel: Body, tolerance: i32) -> Ticks {
    parcel
        .leading
        .offset(parcel.length)
        .offset(diverter.half_body)
        .offset(tolerance)
}

/// Count at which a parcel's leading edge reaches the mechanism.
pub(super) fn arrives(diverter: &DiverterSpec, parcel: Body, tolerance: i32) -> Ticks {
    parcel
        .leading
        .offset(back(diverter.half_body))
        .offset(back(tolerance))
}

/// `Uncertain` when the neighbors would be far enough if every position were exact.
fn gap_or_doubt(
    diverter: &DiverterSpec,
    parcel: Body,
    around: &Surroundings,
    margin: i32,
) -> RejectCause {
    let (first, last) = parcel.grip;
    let latest = parcel.leading.offset(first).offset(back(margin));
    let latest = latest.offset(back(diverter.extend));
    let needed = parcel.leading.offset(last).offset(margin);
    let needed = needed.offset(diverter.retract);
    let near_ahead = around
        .ahead
        .is_some_and(|ahead| latest.is_before(clear_of(diverter, ahead, 0)));
    let near_behind = around
        .behind
        .is_some_and(|behind| arrives(diverter, behind, 0).is_before(needed));
    if near_ahead || near_behind {
        RejectCause::Gap
    } else {
        RejectCause::Uncertain
    }
}

fn back(ticks: i32) -> i32 {
    ticks.saturating_neg()
}

/// One stroke of a machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Busy {
    pub(super) seq: Seq,
    /// Index of the side that is out.
    pub(super) diverter: usize,
    /// Count at which the output goes off.
    pub(super) off: Ticks,
    /// Count at which the side is fully back.
    pub(super) until: Ticks,
}

/// Strokes of one machine, both sides.
#[derive(Clone, Debug, Default)]
pub(super) struct Machine {
    busy: VecDeque<Busy>,
    /// Count at which it is fully back after it was moved by hand.
    by_hand: Option<Ticks>,
}

impl Machine {
    /// Count from which a side may be switched on; `None` when it may at once. A side need not come
    /// back before its own next stroke: it holds its position. Its output goes off for a tick all
    /// the same, as no output may be on longer than the limits say.
    pub(super) fn free(&self, diverter: usize) -> Option<Ticks> {
        let own = |busy: &Busy| busy.diverter == diverter;
        self.busy
            .iter()
            .map(|busy| {
                if own(busy) {
                    busy.off.offset(1)
                } else {
                    busy.until
                }
            })
            .chain(self.by_hand)
            .reduce(|a, b| if a.is_before(b) { b } else { a })
    }

    /// It is moved by hand while the belt stands, and fully back at `until`.
    pub(super) fn moved_by_hand(&mut self, until: Ticks) {
        self.by_hand = Some(until);
    }

    /// Room for one more stroke.
    pub(super) fn has_room(&self) -> bool {
        self.busy.len() < BUSY_MAX
    }

    /// Occupies the machine until it is fully back.
    pub(super) fn occupy(&mut self, busy: Busy) {
        self.busy.push_back(busy);
    }

    /// A stroke will not take place, or is over.
    pub(super) fn release(&mut self, seq: Seq) {
        self.busy.retain(|busy| busy.seq != seq);
    }

    /// A stroke is going back, its output off and the side back at these counts. True when that is
    /// later than it was to be.
    pub(super) fn goes_back(&mut self, stroke: Busy) -> bool {
        let own = |busy: &&mut Busy| busy.seq == stroke.seq;
        match self.busy.iter_mut().find(own) {
            Some(busy) if !busy.until.is_before(stroke.until) => return false,
            Some(busy) => *busy = stroke,
            None => self.busy.push_front(stroke),
        }
        true
    }

    /// The count has gone ahead by `leap` from `before`: gives the stroke that was going back then.
    pub(super) fn leapt(&mut self, before: Ticks, leap: i32) -> Option<Busy> {
        let back = |busy: &&mut Busy| !before.is_before(busy.off) && before.is_before(busy.until);
        let busy = self.busy.iter_mut().rfind(back)?;
        busy.until = busy.until.offset(leap);
        Some(*busy)
    }

    /// Forgets strokes that are over at `count`.
    pub(super) fn expire(&mut self, count: Ticks) {
        self.busy.retain(|busy| count.is_before(busy.until));
        self.by_hand = self.by_hand.filter(|until| count.is_before(*until));
    }

    /// The node has emptied its queue, and a diverter that was out is back at `until`.
    pub(super) fn emptied(&mut self, until: Ticks) {
        if let Some(first) = self.busy.front().copied() {
            self.busy.clear();
            self.busy.push_back(Busy {
                off: until,
                until,
                ..first
            });
        }
    }

    /// Nothing is known of it.
    pub(super) fn clear(&mut self) {
        self.busy.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DiverterId;

    const DIVERTER: DiverterSpec = DiverterSpec {
        id: DiverterId(0),
        position: 4_000,
        half_body: 150,
        extend: 150,
        retract: 150,
        hold_ms_max: 1_200,
        machine: 0,
        whole: false,
    };

    fn body(leading: u32, length: i32) -> Body {
        Body {
            leading: Ticks(leading),
            length,
            grip: (length / 2, length / 2),
            tolerance: 10,
        }
    }

    fn around(ahead: Option<Body>, behind: Option<Body>) -> Surroundings {
        Surroundings {
            ahead,
            behind,
            free: None,
            earliest: Ticks(0),
        }
    }

    fn check(ahead: Option<Body>, behind: Option<Body>, expected: Result<(u32, u16), RejectCause>) {
        let found = fit(&DIVERTER, body(10_000, 300), &around(ahead, behind), 15);
        let found = found.map(|slot| (slot.fire_at.0, slot.hold));
        assert_eq!(found, expected, "{ahead:?} {behind:?}");
    }

    #[test]
    fn alone_it_is_out_before_the_parcel_comes_and_until_it_has_passed() {
        // 10,000 - 150 body - 150 extend - 10 tolerance - 15 margin; off at 10,310.
        check(None, None, Ok((9_675, 635)));
    }

    #[test]
    fn neighbors_shorten_or_forbid_it() {
        let ahead = |gap: u32| Some(body(9_700_u32.saturating_sub(gap), 300));
        let behind = |gap: u32| Some(body(10_300_u32.saturating_add(gap), 300));
        check(ahead(600), None, Ok((9_675, 635)));
        check(ahead(400), None, Ok((9_775, 535)));
        check(ahead(350), None, Ok((9_825, 485)));
        check(ahead(300), None, Ok((9_875, 435)));
        check(ahead(200), None, Ok((9_975, 335)));
        check(ahead(199), None, Err(RejectCause::Uncertain));
        check(ahead(164), None, Err(RejectCause::Gap));
        check(None, behind(600), Ok((9_675, 635)));
        check(None, behind(400), Ok((9_675, 535)));
        check(None, behind(350), Ok((9_675, 500)));
        check(None, behind(200), Ok((9_675, 500)));
        check(None, behind(199), Err(RejectCause::Uncertain));
        check(None, behind(150), Err(RejectCause::Gap));
    }

    #[test]
    fn what_is_taken_whole_needs_it_from_edge_to_edge() {
        let whole = Body {
            grip: (0, 300),
            ..body(10_000, 300)
        };
        let fits = |ahead: u32, behind: u32| {
            let ahead = body(9_700_u32.saturating_sub(ahead), 300);
            let behind = body(10_300_u32.saturating_add(behind), 300);
            fit(&DIVERTER, whole, &around(Some(ahead), Some(behind)), 15).map(|slot| {
                let off = slot.fire_at.offset(i32::from(slot.hold));
                (slot.fire_at.0, off.0)
            })
        };
        // Out by 9,975 at the latest, and on until 10,325 at least.
        assert_eq!(fits(700, 700), Ok((9_675, 10_325)));
        assert_eq!(fits(350, 700), Ok((9_825, 10_325)));
        assert_eq!(fits(349, 700), Err(RejectCause::Uncertain));
        assert_eq!(fits(700, 350), Ok((9_675, 10_325)));
        assert_eq!(fits(700, 349), Err(RejectCause::Uncertain));
    }

    #[test]
    fn uncertainty_is_named_when_it_alone_is_in_the_way() {
        let wide = Body {
            tolerance: 300,
            ..body(9_300, 300)
        };
        check(Some(wide), None, Err(RejectCause::Uncertain));
    }

    #[test]
    fn busy_or_late() {
        let free = Surroundings {
            free: Some(Ticks(9_976)),
            ..around(None, None)
        };
        assert_eq!(
            fit(&DIVERTER, body(10_000, 300), &free, 15),
            Err(RejectCause::Conflict)
        );
        let late = Surroundings {
            earliest: Ticks(9_976),
            ..around(None, None)
        };
        assert_eq!(
            fit(&DIVERTER, body(10_000, 300), &late, 15),
            Err(RejectCause::Late)
        );
        let just = Surroundings {
            earliest: Ticks(9_975),
            ..around(None, None)
        };
        let slot = fit(&DIVERTER, body(10_000, 300), &just, 15);
        assert_eq!(
            slot,
            Ok(Slot {
                fire_at: Ticks(9_975),
                hold: 335
            })
        );
    }

    #[test]
    fn a_parcel_that_cannot_have_come_yet_is_further() {
        let wide = Body {
            tolerance: 100,
            ..body(1_000, 300)
        };
        for (earliest, leading, tolerance) in [
            (900, 1_000, 100),
            (950, 1_025, 75),
            (1_100, 1_100, 0),
            (1_300, 1_300, 0),
        ] {
            let found = wide.not_before(Ticks(earliest));
            let found = (found.leading.0, found.tolerance);
            assert_eq!(found, (leading, tolerance), "{earliest}");
        }
    }

    #[test]
    fn a_machine_remembers_its_strokes() {
        let mut machine = Machine::default();
        let busy = |seq: u16, until: u32| Busy {
            seq: Seq(seq),
            diverter: 0,
            off: Ticks(until.wrapping_sub(5)),
            until: Ticks(until),
        };
        machine.occupy(busy(1, 10));
        machine.occupy(busy(2, u32::MAX));
        assert_eq!(machine.free(1), Some(Ticks(10)), "later across the wrap");
        assert_eq!(machine.free(0), Some(Ticks(6)), "it holds its position");
        machine.release(Seq(1));
        assert_eq!(machine.free(1), Some(Ticks(u32::MAX)));
        machine.expire(Ticks(0));
        assert_eq!(machine.free(1), None);
    }

    const fn busy(seq: u16, diverter: usize, off: u32, until: u32) -> Busy {
        Busy {
            seq: Seq(seq),
            diverter,
            off: Ticks(off),
            until: Ticks(until),
        }
    }

    #[test]
    fn a_body_lies_between_its_earliest_and_its_latest() {
        let body = body(10_000, 300);
        assert_eq!((body.begin(), body.end()), (Ticks(9_990), Ticks(10_310)));
    }

    #[test]
    fn a_machine_takes_no_more_strokes_than_it_remembers() {
        let mut machine = Machine::default();
        for seq in 0..8 {
            assert!(machine.has_room(), "{seq}");
            machine.occupy(busy(seq, 0, 100, 250));
        }
        assert!(!machine.has_room());
        machine.release(Seq(3));
        assert!(machine.has_room());
    }

    #[test]
    fn a_side_that_goes_back_late_is_in_the_way_for_longer() {
        let mut machine = Machine::default();
        machine.occupy(busy(1, 0, 100, 250));
        machine.occupy(busy(2, 1, 400, 550));
        assert!(!machine.goes_back(busy(1, 0, 90, 240)), "earlier");
        assert!(!machine.goes_back(busy(1, 0, 100, 250)), "as expected");
        assert_eq!(machine.free(1), Some(Ticks(401)));
        assert!(machine.goes_back(busy(1, 0, 600, 750)), "later");
        assert_eq!(machine.free(1), Some(Ticks(750)));
        let mut other = machine.clone();
        other.release(Seq(1));
        assert_eq!(other.free(0), Some(Ticks(550)), "the other side's is kept");
        assert!(machine.goes_back(busy(9, 0, 700, 850)), "it was forgotten");
        assert_eq!(machine.free(1), Some(Ticks(850)));
    }

    #[test]
    fn a_leap_of_the_count_is_added_to_what_was_going_back() {
        let mut machine = Machine::default();
        machine.occupy(busy(1, 0, 100, 250));
        machine.occupy(busy(2, 0, 400, 550));
        let until = |late: Option<Busy>| late.map(|late| (late.seq.0, late.until.0));
        for (before, late) in [
            (99, None),
            (100, Some((1, 290))),
            (289, Some((1, 330))),
            (330, None),
            (549, Some((2, 590))),
        ] {
            assert_eq!(until(machine.leapt(Ticks(before), 40)), late, "{before}");
        }
        assert_eq!(machine.free(1), Some(Ticks(590)));
    }

    #[test]
    fn a_machine_whose_queue_was_emptied_is_back_soon() {
        let mut machine = Machine::default();
        machine.emptied(Ticks(300));
        assert_eq!(machine.free(1), None, "it had nothing");
        machine.occupy(busy(1, 0, 100, 250));
        machine.occupy(busy(2, 1, 400, 550));
        machine.emptied(Ticks(300));
        assert_eq!(
            [machine.free(0), machine.free(1)],
            [Some(Ticks(301)), Some(Ticks(300))]
        );
        machine.moved_by_hand(Ticks(320));
        assert_eq!(machine.free(0), Some(Ticks(320)));
        machine.expire(Ticks(319));
        assert_eq!(machine.free(0), Some(Ticks(320)));
        machine.expire(Ticks(320));
        assert_eq!(machine.free(0), None);
        machine.occupy(busy(3, 0, 500, 650));
        machine.clear();
        assert_eq!(machine.free(1), None);
    }
}
