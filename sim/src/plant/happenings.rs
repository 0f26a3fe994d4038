//! What happens in the plant, one thing at a time.

use sortline_core::topology::ChuteKind;

use super::belt::NEVER_UM;
use super::chute::Slide;
use super::diverter::Diverter;
use super::eye::Eye;
use super::parcel::{Moving, Parcel, Place};
use super::{Ended, Fate, Fault, Plant, Signal, Timer};

/// More belt than any slip takes: no neighbor.
const FREE_UM: i64 = 1 << 40;
/// Longer than any time between two polls, microseconds.
const LOOK_US: i64 = 200_000;

/// Standard deviations within which parcels slip by themselves.
const USUAL_SIGMAS: i64 = 5;

/// Least belt between a parcel put on by hand and its neighbors, micrometres.
const BY_HAND_UM: i64 = 50_000;

/// How much of the room to a neighbor a parcel may slip: less than half, so that some is left for
/// what the neighbor draws next; all of it when the neighbor comes nearer than touching.
const fn part_of(room_um: i64) -> i64 {
    if room_um > 0 {
        room_um * 9 / 20
    } else {
        room_um
    }
}

impl Plant {
    /// The belt has come to `travel_um`, where something was due.
    pub(super) fn happen(&mut self, travel_um: i64) {
        if self.returns.front().is_some_and(|(at, _)| *at <= travel_um) {
            self.come_back();
        } else if self.shape.next_um() <= travel_um {
            self.shape_happens(travel_um);
        } else if self.feeder.next_um() <= travel_um {
            if let Some(parcel) = self.feeder.release(&self.returns, &mut self.dice) {
                self.totals.inducted += 1;
                self.induct(parcel, travel_um);
            }
        } else if let Some(index) = self.moving.iter().rposition(|m| m.next_um <= travel_um) {
            // The last of several first: a parcel that touches the one in front enters a beam
            // before that one leaves it.
            self.meet(index);
        }
    }

    /// A parcel comes back on the recirculation conveyor.
    fn come_back(&mut self) {
        let Some((at, mut parcel)) = self.returns.pop_front() else {
            return;
        };
        let enters = self.feeder.readmit(at, &parcel);
        if enters > at {
            self.returns.push_front((enters, parcel));
            return;
        }
        parcel.lap = parcel.lap.saturating_add(1);
        self.induct(parcel, at);
    }

    /// A parcel's leading edge is at the induction photo-eye.
    fn induct(&mut self, parcel: Parcel, travel_um: i64) {
        let mut moving = Moving::new(parcel, 0, travel_um, &self.places);
        self.draw_hands(&mut moving, 0);
        self.meet_diverters(&mut moving);
        self.moving.push_back(moving);
        let eye = self.shape.induction;
        self.arrivals.push((eye, parcel.serial, self.count()));
        self.draw_line_faults();
    }

    /// What people do to a parcel that is on the belt from `from_um` on.
    pub(super) fn draw_hands(&mut self, moving: &mut Moving, from_um: i64) {
        let way = self.places.end_um();
        if self.dice.drawn(Fault::Removed) {
            let at = self.dice.rng().range(from_um + 1, way);
            moving.meet(at, Place::Remove);
        }
        if self.dice.drawn(Fault::Added) {
            let length_um = moving.parcel.length_um;
            let at = self.dice.rng().range(from_um + length_um, way);
            moving.meet(at, Place::AddBehind);
        }
    }

    /// Faults of belt, stop circuit and encoder that a parcel's arrival may bring.
    fn draw_line_faults(&mut self) {
        let soon = |plant: &mut Self| plant.now_us + plant.dice.rng().range(0, 3_000_000);
        if self.dice.drawn(Fault::BeltStop) {
            let at = soon(self);
            self.set_timer(at, Timer::Halt { stop: false });
        }
        if self.dice.drawn(Fault::Stop) {
            let at = soon(self);
            self.set_timer(at, Timer::Halt { stop: true });
        }
        if self.dice.drawn(Fault::BeltSlow) {
            let at = soon(self);
            self.set_timer(at, Timer::Slow { ends: false });
        }
        if self.dice.fires(Fault::EncoderNoise) {
            let until = self.now_us + self.dice.rng().range(1_000_000, 10_000_000);
            self.set_timer(self.now_us, Timer::Noise { until });
        }
        if self.rollover_um.is_some_and(|at| at <= self.travel()) {
            self.rollover_um = None;
            self.dice.fired(Fault::EncoderRollover);
        }
        if self.dice.drawn(Fault::EncoderStall) {
            let (at, us) = (soon(self), self.dice.rng().range(50_000, 500_000));
            self.set_watched_timer(at, Timer::Freeze { us });
        }
        if self.dice.drawn(Fault::EncoderJump) {
            let (at, counts) = (soon(self), self.dice.rng().range(-500, 500));
            self.set_watched_timer(at, Timer::Jump { counts });
        }
    }

    /// Whoever polls all the time has looked right before it: from now on the belt is disturbed.
    fn set_watched_timer(&mut self, at: i64, timer: Timer) {
        self.belt.disturbed = true;
        self.set_timer(at.max(self.now_us + LOOK_US), timer);
    }

    /// The parcel with this index meets its next place.
    fn meet(&mut self, index: usize) {
        let Some(moving) = self.moving.get_mut(index) else {
            return;
        };
        let missed = moving.missed_by;
        match moving.take() {
            Some(Place::Lead(eye)) => self.lead_at(index, eye),
            Some(Place::Trail(eye)) if missed == Some(eye) => {
                if let Some(moving) = self.moving.get_mut(index) {
                    moving.missed_by = None;
                }
            }
            Some(Place::Trail(eye)) => self.cover(eye, false),
            Some(Place::Middle(diverter)) => self.pass_diverter(index, diverter),
            Some(Place::Front(diverter)) => self.front_at(index, diverter),
            Some(Place::Back(diverter)) => self.back_at(index, diverter),
            Some(Place::End) if self.places.is_loop() => self.go_round(index),
            Some(Place::End) => self.leave(index, Some(self.reject)),
            Some(Place::Remove) => {
                self.dice.fired(Fault::Removed);
                self.leave(index, None);
            }
            Some(Place::AddBehind) => self.add_behind(index),
            None => {}
        }
    }

    /// A leading edge reaches a photo-eye, and a new tracking zone.
    fn lead_at(&mut self, index: usize, eye: usize) {
        self.draw_slip(index);
        if self.dice.fires(Fault::EyeMissed) {
            if let Some(moving) = self.moving.get_mut(index) {
                moving.missed_by = Some(eye);
            }
            return;
        }
        for (fault, level) in [(Fault::EyeStuckOn, true), (Fault::EyeStuckOff, false)] {
            if self.dice.fires(fault) {
                let until = self.now_us + self.dice.rng().range(500_000, 10_000_000);
                self.set_timer(until, Timer::Unstick { eye });
                let edge = self.eyes.get_mut(eye).and_then(|e| e.stick(Some(level)));
                self.report(eye, edge);
            }
        }
        if self.dice.drawn(Fault::EyeGhost) {
            self.ghost(eye);
        }
        self.cover(eye, true);
        let (told, travel) = (self.eyes.get(eye).map(Eye::is_blocked), self.travel());
        if let Some(moving) = self.moving.get_mut(index)
            && told == Some(true)
        {
            moving.seen_um = moving.seen_um.min(travel);
        }
        if self.dice.fires(Fault::EyeChatter) {
            let mut at = self.now_us;
            for _ in 0..self.dice.rng().range(1, 4) {
                for level in [false, true] {
                    at += self.dice.rng().range(1_000, 10_000);
                    self.set_timer(at, Timer::Bounce { eye, level });
                }
            }
        }
    }

    /// Something comes into a beam soon, and leaves it.
    fn ghost(&mut self, eye: usize) {
        let at = self.now_us + self.dice.rng().range(50_000, 2_000_000);
        let length = self.dice.rng().range(5_000, 400_000);
        let until = at + length * 1_000 / self.belt.nominal();
        self.set_timer(at, Timer::Ghost { eye, enters: true });
        self.set_timer(until, Timer::Ghost { eye, enters: false });
    }

    /// Draws how the parcel slips until the next photo-eye. Neighbors bound it: parcels push
    /// each other and never overtake.
    fn draw_slip(&mut self, index: usize) {
        if self.places.is_loop() {
            return;
        }
        let odd = self.odd_slip();
        let travel = self.travel();
        let Some(moving) = self.moving.get(index) else {
            return;
        };
        let motion = &self.config.motion;
        let mean = i64::from(motion.slip_mm_mean) * 1_000;
        let zone = self.places.zone_end(moving.lead(travel)) - moving.lead(travel);
        let (sigma, back) = motion.slip_in(zone);
        // What is drawn anew is less where the rest is made good, so that the whole is `sigma`.
        let anew = (sigma * sigma * (2_000 - back) / 2_000).isqrt();
        let made_good = moving.slipped_um * back / 1_000;
        let drawn = mean + self.slip_rng.normal(anew) - made_good + odd;
        let (lead, tail) = (moving.lead(travel), moving.tail(travel));
        let ahead = index.checked_sub(1).and_then(|i| self.moving.get(i));
        let room_ahead = ahead.map_or(FREE_UM, |m| {
            m.tail(travel) - lead + m.slip_left(travel).min(0)
        });
        let behind = self.moving.get(index + 1);
        let room_behind = behind.map_or(FREE_UM, |m| {
            tail - m.lead(travel) - m.slip_left(travel).max(0)
        });
        let slip = drawn.max(-part_of(room_behind)).min(part_of(room_ahead));
        if let Some(moving) = self.moving.get_mut(index) {
            // A neighbor that slips far takes it along.
            let far = odd != 0 || (slip - mean).abs() > USUAL_SIGMAS * sigma;
            let [last, before, _] = moving.slipped;
            moving.slipped = [far, last, before];
            moving.slip(travel, slip, zone);
        }
    }

    /// A slip far beyond the usual, either way.
    fn odd_slip(&mut self) -> i64 {
        if !self.dice.fires(Fault::ParcelSlip) {
            return 0;
        }
        let rng = self.dice.rng();
        let slip = rng.range(50_000, 250_000);
        if rng.below(2) == 0 { slip } else { -slip }
    }

    /// A parcel's middle passes a diverter.
    fn pass_diverter(&mut self, index: usize, diverter: usize) {
        let Some(diverter) = self.diverters.get(diverter) else {
            return;
        };
        if diverter.is_out(self.now_us) {
            let chute = diverter.chute;
            self.leave(index, Some(chute));
        }
    }

    /// A parcel leaves the belt: into a chute, or taken away.
    pub(super) fn leave(&mut self, index: usize, chute: Option<usize>) {
        let mut diverters = self.diverters.iter();
        let out_since = diverters.find_map(|d| d.left_home.filter(|_| Some(d.chute) == chute));
        let seen_for_um = self
            .moving
            .get(index)
            .map_or(0, |moving| moving.seen_for(out_since.unwrap_or(NEVER_UM)));
        let Some(parcel) = self.take_off(index) else {
            return;
        };
        if let Some(chute) = chute {
            self.enter_chute(chute, parcel, seen_for_um);
        } else {
            self.totals.removed += 1;
            self.end(parcel, Fate::Removed, seen_for_um);
        }
    }

    /// Takes a parcel from the belt.
    pub(super) fn take_off(&mut self, index: usize) -> Option<Parcel> {
        let mut moving = self.moving.remove(index)?;
        let parcel = moving.parcel;
        let missed = moving.missed_by;
        // It leaves every beam it is in: those it entered and would still have left.
        let mut ahead = Vec::new();
        while let Some(place) = moving.take() {
            match place {
                Place::Lead(eye) => ahead.push(eye),
                Place::Trail(eye) if missed != Some(eye) && !ahead.contains(&eye) => {
                    self.cover(eye, false);
                }
                Place::Trail(_)
                | Place::Middle(_)
                | Place::Front(_)
                | Place::Back(_)
                | Place::End
                | Place::Remove
                | Place::AddBehind => {}
            }
        }
        Some(parcel)
    }

    fn enter_chute(&mut self, index: usize, parcel: Parcel, seen_for_um: i64) {
        let Some(chute) = self.chutes.get_mut(index) else {
            return;
        };
        let sticks = if self.dice.fires(Fault::ChuteJam) {
            self.dice.rng().range(3_000_000, 40_000_000)
        } else {
            0
        };
        let slide = (&self.config.chutes, &mut self.chute_rng);
        let way = Slide {
            speed_mm_per_s: self.belt.nominal(),
            sticks_us: sticks,
            unseen: self.dice.fires(Fault::ConfirmMissed),
        };
        let (blocked, clear) = chute.enter(parcel, self.now_us, &way, slide);
        let (id, kind) = (chute.id, chute.kind);
        if let Some(eye) = chute.confirm
            && self.dice.drawn(Fault::ConfirmGhost)
        {
            self.ghost(eye);
        }
        self.set_timer(
            blocked,
            Timer::Confirm {
                chute: index,
                blocked: true,
            },
        );
        self.set_timer(
            clear,
            Timer::Confirm {
                chute: index,
                blocked: false,
            },
        );
        if kind == ChuteKind::Recirculation {
            self.totals.recirculations += 1;
        } else {
            self.end(parcel, Fate::Chute(id), seen_for_um);
        }
    }

    fn end(&mut self, parcel: Parcel, fate: Fate, seen_for_um: i64) {
        self.ended.push(Ended {
            parcel,
            fate,
            at_us: self.now_us.cast_unsigned(),
            seen_for_um,
        });
    }

    /// A person puts a parcel behind the one with this index, if there is room.
    fn add_behind(&mut self, index: usize) {
        let travel = self.travel();
        let Some(front) = self.moving.get(index).map(|m| m.tail(travel)) else {
            return;
        };
        let back = self.moving.get(index + 1).map_or(0, |m| m.lead(travel));
        let parcel = self.feeder.by_hand();
        let room = front - back - parcel.length_um - 2 * BY_HAND_UM;
        let lead = if self.places.is_loop() {
            self.carrier_behind(index, parcel.length_um)
        } else {
            (room >= 0).then(|| front - BY_HAND_UM - self.dice.rng().range(0, room))
        };
        let length = parcel.length_um;
        let Some(lead) = lead.filter(|lead| self.is_watched(*lead, length)) else {
            return;
        };
        self.dice.fired(Fault::Added);
        self.totals.inducted += 1;
        let mut moving = Moving::new(parcel, lead, travel, &self.places);
        self.meet_diverters(&mut moving);
        self.moving.insert(index + 1, moving);
    }

    /// True when a photo-eye sees what is put down here before a diverter can take it, in time for a
    /// command, and for another that takes a stroke back. It does not lie on one either.
    fn is_watched(&self, lead_um: i64, length_um: i64) -> bool {
        let known = self.places.zone_end(lead_um) + 2 * self.places.command_um;
        let before = |d: &Diverter| d.body.1 < lead_um - length_um || d.body.0 > known;
        self.places.is_loop() || self.diverters.iter().all(before)
    }

    /// A parcel new on the belt may meet diverters that are out already.
    pub(super) fn meet_diverters(&mut self, moving: &mut Moving) {
        let travel = self.travel();
        for (index, diverter) in self.diverters.iter_mut().enumerate() {
            if diverter.left_home.is_some() && moving.tail(travel) >= diverter.body.1 {
                diverter.beyond.push(moving.parcel.serial);
            }
            if !diverter.is_home(self.now_us) && !self.places.always_meets(index) {
                moving.meet_diverter(index, diverter.position, travel);
            }
        }
    }

    /// The next timer is due.
    pub(super) fn timer(&mut self) {
        let Some(core::cmp::Reverse((_, _, timer))) = self.timers.pop() else {
            return;
        };
        let travel = self.travel();
        match timer {
            Timer::Confirm { chute, blocked } => self.confirm(chute, blocked),
            Timer::Home { diverter } => self.home(diverter),
            Timer::BagChanged { chute } => self.bag_changed(chute),
            Timer::Bounce { eye, level } => {
                let edge = self.eyes.get_mut(eye).and_then(|e| e.bounce(level));
                self.report(eye, edge);
            }
            Timer::Ghost { eye, enters } => {
                if enters {
                    let chute = self.chutes.iter().any(|c| c.confirm == Some(eye));
                    self.dice.fired(if chute {
                        Fault::ConfirmGhost
                    } else {
                        Fault::EyeGhost
                    });
                }
                self.cover(eye, enters);
            }
            Timer::Unstick { eye } => {
                let edge = self.eyes.get_mut(eye).and_then(|e| e.stick(None));
                self.report(eye, edge);
            }
            Timer::Ramp { down, step } => self.ramp(down, step),
            Timer::Halt { stop } => self.halt(stop),
            Timer::CloseStop => self.close_stop(),
            Timer::Start => self.restart(),
            Timer::Press => self.restart_by_hand(),
            Timer::Freeze { us } => {
                self.belt.astray_us = Some(self.now_us + us);
                self.belt.disturbed = true;
                self.dice.fired(Fault::EncoderStall);
                self.belt.freeze(travel);
                self.set_timer(self.now_us + us, Timer::Thaw);
            }
            Timer::Thaw => self.belt.thaw(travel),
            Timer::Slow { ends } => self.slow(ends),
            Timer::Noise { until } => {
                self.belt.astray_us = Some(self.now_us);
                self.belt.jump(self.dice.rng().range(-3, 3));
                if self.now_us < until {
                    let at = self.now_us + self.dice.rng().range(50_000, 150_000);
                    self.set_timer(at, Timer::Noise { until });
                }
            }
            Timer::Jump { counts } => {
                self.belt.astray_us = Some(self.now_us);
                self.belt.disturbed = true;
                self.dice.fired(Fault::EncoderJump);
                self.belt.jump(counts);
            }
        }
    }

    /// A parcel enters a beam or leaves it.
    pub(super) fn cover(&mut self, eye: usize, enters: bool) {
        let edge = self.eyes.get_mut(eye).and_then(|e| e.cover(enters));
        self.report(eye, edge);
    }

    fn report(&mut self, eye: usize, edge: Option<bool>) {
        if let (Some(blocked), Some(eye)) = (edge, self.eyes.get(eye)) {
            self.signals.push_back(Signal::Eye {
                eye: eye.id,
                blocked,
            });
        }
    }
}
