//! Alarms: each condition is raised once and cleared once, and the timers behind them.

use std::collections::BTreeSet;

use super::Line;
use crate::planted;
use crate::{Action, AlarmChange, AlarmKind, LineTime};

/// Parcels over which the share of no-reads is taken.
const READS: u32 = 128;
/// No-reads among them above which the alarm comes: 5 %.
const NO_READS_RAISE: u32 = 6;
/// And below which it goes: 2 %.
const NO_READS_CLEAR: u32 = 2;
/// Parcels in a row that a photo-eye missed and the next one saw: it is blind.
const BLIND: u8 = 3;

/// Which alarms are raised.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    raised: BTreeSet<AlarmKind>,
    reads: u128,
    count: u32,
    blind: Vec<u8>,
}

impl Alarms {
    pub(super) fn raised(&self) -> impl Iterator<Item = AlarmKind> + '_ {
        self.raised.iter().copied()
    }

    pub(super) fn any(&self) -> bool {
        !self.raised.is_empty()
    }

    pub(super) fn is_raised(&self, kind: AlarmKind) -> bool {
        self.raised.contains(&kind)
    }

    /// Goes on with the alarms of the line before.
    pub(super) fn take_over(&mut self, before: Self) {
        self.raised = before.raised;
    }

    /// Records whether one more parcel was read; gives the change of the alarm.
    fn parcel_read(&mut self, read: bool) -> Option<bool> {
        self.reads = (self.reads << 1) | u128::from(!read);
        self.count = self.count.saturating_add(1).min(READS);
        let no_reads = self.reads.count_ones();
        if self.count == READS && no_reads > NO_READS_RAISE {
            Some(true)
        } else if no_reads <= NO_READS_CLEAR {
            Some(false)
        } else {
            None
        }
    }

    /// Records whether a photo-eye saw a parcel that the next one saw; gives the alarm's change.
    fn eye_saw(&mut self, eye: usize, saw: bool) -> Option<bool> {
        if self.blind.len() <= eye {
            self.blind.resize(eye.saturating_add(1), 0);
        }
        let run = self.blind.get_mut(eye)?;
        *run = if saw { 0 } else { run.saturating_add(1) };
        if saw {
            Some(false)
        } else {
            (*run >= BLIND).then_some(true)
        }
    }
}

impl Line {
    pub(super) fn alarm(&mut self, kind: AlarmKind, on: bool) {
        let changed = if on {
            self.alarms.raised.insert(kind)
        } else {
            self.alarms.raised.remove(&kind)
        };
        if changed || planted::is(26) {
            let change = if on {
                AlarmChange::Raised
            } else {
                AlarmChange::Cleared
            };
            self.act(Action::Alarm { kind, change });
        }
    }

    /// One more parcel was read or not.
    pub(super) fn count_read(&mut self, read: bool) {
        if !read {
            self.counters.no_read = self.counters.no_read.saturating_add(1);
        }
        if let Some(on) = self.alarms.parcel_read(read) {
            self.alarm(AlarmKind::NoReadRate, on);
        }
    }

    /// A parcel was seen by the photo-eye `seen`; those from `missed` on did not see it.
    pub(super) fn eyes_saw(&mut self, missed: usize, seen: usize) {
        for eye in missed..=seen {
            if eye == seen {
                self.strays.passage();
            } else {
                self.strays.stray();
            }
            if let Some(on) = self.alarms.eye_saw(eye, eye == seen) {
                self.alarm(
                    AlarmKind::Eye {
                        eye: self.eye_id(eye),
                    },
                    on,
                );
            }
        }
    }

    /// Longest time a photo-eye may be blocked: the longest parcel, and the time allowed.
    fn jam_ms(&self) -> u64 {
        let parcel = &self.topology.config().parcel;
        let transit = u64::from(parcel.length_mm_max).saturating_mul(1_000);
        let speed = u64::from(self.topology.config().belt.speed_mm_per_s);
        let transit = transit.checked_div(speed).unwrap_or(0);
        transit.saturating_add(u64::from(self.topology.config().tracking.jam_ms))
    }

    /// Does what time alone demands.
    pub(super) fn timers(&mut self) {
        let jam_ms = self.jam_ms();
        let moved = self.encoder.moved_at();
        for eye in 0..self.beams.len() {
            let Some(beam) = self.beams.get(eye) else {
                continue;
            };
            // A parcel that waits under a photo-eye on a standing belt is no jam.
            let since = beam.blocked_at;
            let jam = beam.blocked_since().is_some()
                && since.after_ms(jam_ms) <= self.now
                && since.after_ms(jam_ms) <= moved;
            if jam {
                self.alarm(
                    AlarmKind::Jam {
                        eye: self.eye_id(eye),
                    },
                    true,
                );
            }
        }
        let changes = self.chutes.timers(self.now, jam_ms);
        for chute in changes {
            self.chute_changed(chute);
        }
        self.find_timer();
    }

    /// The earliest time at which [`Line::timers`] has something to do.
    pub(super) fn next_timer(&self) -> Option<(LineTime, &'static str)> {
        if self.timer.is_none_or(|(due, _)| due > self.now) {
            return self.timer;
        }
        // Once the time is up, only belt travel can make it a jam, and that is an event.
        let moved = self.encoder.moved_at();
        let beams = self.beam_timers();
        let open = beams.filter(|(due, _)| *due > self.now || *due <= moved);
        open.chain(self.chutes.next_timer(self.jam_ms())).min()
    }

    /// Notes the earliest timer, after anything that sets or stops one.
    pub(super) fn find_timer(&mut self) {
        let chutes = self.chutes.next_timer(self.jam_ms());
        self.timer = self.beam_timers().chain(chutes).min();
    }

    /// When each blocked photo-eye on the belt becomes jammed.
    fn beam_timers(&self) -> impl Iterator<Item = (LineTime, &'static str)> + '_ {
        let jam_ms = self.jam_ms();
        self.beams
            .iter()
            .enumerate()
            .filter_map(move |(eye, beam)| {
                beam.blocked_since()?;
                let raised = AlarmKind::Jam {
                    eye: self.eye_id(eye),
                };
                let due = beam.blocked_at.after_ms(jam_ms);
                (!self.alarms.raised.contains(&raised)).then_some((due, "jam"))
            })
    }
}
