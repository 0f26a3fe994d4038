//! What happens in the plant, one thing at a time.

use sortline_core::topology::ChuteKind;

use super::belt::Belt;
use super::parcel::{Moving, Parcel, Place};
use super::{Breach, Ended, Fate, Fault, Plant, Signal, Timer};

/// More belt than any slip takes: no neighbor.
const FREE_UM: i64 = 1 << 40;

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
        let way = self.places.end_um();
        if self.dice.drawn(Fault::Removed) {
            let at = self.dice.rng().range(1, way);
            moving.meet(at, Place::Remove);
        }
        if self.dice.drawn(Fault::Added) {
            let at = self.dice.rng().range(parcel.length_um, way);
            moving.meet(at, Place::AddBehind);
        }
        self.moving.push_back(moving);
        self.draw_line_faults();
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
        if self.dice.drawn(Fault::EncoderStall) {
            let (at, us) = (soon(self), self.dice.rng().range(50_000, 500_000));
            self.set_timer(at, Timer::Freeze { us });
        }
        if self.dice.drawn(Fault::EncoderJump) {
            let (at, counts) = (soon(self), self.dice.rng().range(-500, 500));
            self.set_timer(at, Timer::Jump { counts });
        }
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
        self.cover(eye, true);
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

    /// Draws how the parcel slips until the next photo-eye. Neighbors bound it: parcels push
    /// each other and never overtake.
    fn draw_slip(&mut self, index: usize) {
        let motion = &self.config.motion;
        let mean = i64::from(motion.slip_mm_mean) * 1_000;
        let sigma = i64::from(motion.slip_mm_sigma) * 1_000;
        if mean == 0 && sigma == 0 {
            return;
        }
        let travel = self.travel();
        let drawn = mean + self.slip_rng.normal(sigma);
        let Some(moving) = self.moving.get(index) else {
            return;
        };
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
        let zone = self.places.zone_end(lead) - lead;
        if let Some(moving) = self.moving.get_mut(index) {
            moving.slip(travel, slip, zone);
        }
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
    fn leave(&mut self, index: usize, chute: Option<usize>) {
        let Some(mut moving) = self.moving.remove(index) else {
            return;
        };
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
                | Place::End
                | Place::Remove
                | Place::AddBehind => {}
            }
        }
        if let Some(chute) = chute {
            self.enter_chute(chute, parcel);
        } else {
            self.totals.removed += 1;
            self.end(parcel, Fate::Removed);
        }
    }

    fn enter_chute(&mut self, index: usize, parcel: Parcel) {
        let Some(chute) = self.chutes.get_mut(index) else {
            return;
        };
        let slide = (&self.config.chutes, &mut self.chute_rng);
        let (blocked, clear) = chute.enter(parcel, self.now_us, self.belt.nominal(), slide);
        let (id, kind) = (chute.id, chute.kind);
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
            self.end(parcel, Fate::Chute(id));
        }
    }

    fn end(&mut self, parcel: Parcel, fate: Fate) {
        self.ended.push(Ended {
            parcel,
            fate,
            at_us: self.now_us.cast_unsigned(),
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
        if room < 0 {
            return;
        }
        let lead = front - BY_HAND_UM - self.dice.rng().range(0, room);
        self.dice.fired(Fault::Added);
        self.totals.inducted += 1;
        self.moving
            .insert(index + 1, Moving::new(parcel, lead, travel, &self.places));
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
            Timer::Unstick { eye } => {
                let edge = self.eyes.get_mut(eye).and_then(|e| e.stick(None));
                self.report(eye, edge);
            }
            Timer::Ramp { down, step } => self.ramp(down, step),
            Timer::Halt { stop } => self.halt(stop),
            Timer::CloseStop => {
                self.stop_open = false;
                self.signals.push(Signal::Stop { active: false });
                let at = self.now_us + self.dice.rng().range(500_000, 3_000_000);
                self.set_timer(at, Timer::Start);
                self.signals.push(Signal::ResetPressed);
            }
            Timer::Start => self.ramp(false, 1),
            Timer::Freeze { us } => {
                self.dice.fired(Fault::EncoderStall);
                self.belt.freeze(travel);
                self.set_timer(self.now_us + us, Timer::Thaw);
            }
            Timer::Thaw => self.belt.thaw(travel),
            Timer::Jump { counts } => {
                self.dice.fired(Fault::EncoderJump);
                self.belt.jump(counts);
            }
        }
    }

    /// A parcel blocks or leaves a chute's confirmation photo-eye.
    fn confirm(&mut self, index: usize, blocked: bool) {
        let travel = self.travel();
        let Some(chute) = self.chutes.get_mut(index) else {
            return;
        };
        let eye = chute.confirm;
        if blocked {
            if let Some(parcel) = chute.hand_over() {
                let sigma = i64::from(self.config.motion.return_mm_sigma) * 1_000;
                let way = self.recirculation_um + self.chute_rng.normal(sigma);
                let last = self.returns.back().map_or(0, |(at, p)| at + p.length_um);
                self.returns
                    .push_back(((travel + way.max(1_000)).max(last), parcel));
            }
        } else {
            let bagged = chute.land(&self.config.chutes);
            self.totals.spilled += u64::from(bagged.spilled);
            if bagged.now_full {
                self.bag_full(index);
            }
        }
        if let Some(eye) = eye {
            self.cover(eye, blocked);
        }
    }

    /// A bag is full: its photo-eye is blocked, and someone comes sooner or later.
    fn bag_full(&mut self, index: usize) {
        let chutes = &self.config.chutes;
        let (soonest, latest) = (
            i64::from(chutes.change_s_min),
            i64::from(chutes.change_s_max),
        );
        let seconds = if self.dice.fires(Fault::ChuteFull) {
            self.dice.rng().range(120, 600)
        } else {
            self.chute_rng.range(soonest, latest)
        };
        self.set_timer(
            self.now_us + seconds * 1_000_000,
            Timer::BagChanged { chute: index },
        );
        if let Some(eye) = self.chutes.get(index).and_then(|c| c.full) {
            self.cover(eye, true);
        }
    }

    fn bag_changed(&mut self, index: usize) {
        let Some(chute) = self.chutes.get_mut(index) else {
            return;
        };
        chute.change_bag();
        if let Some(eye) = chute.full {
            self.cover(eye, false);
        }
    }

    /// The belt begins to stop, by itself or by the stop circuit.
    fn halt(&mut self, stop: bool) {
        if self.halted || self.stop_open {
            return;
        }
        self.halted = true;
        self.dice
            .fired(if stop { Fault::Stop } else { Fault::BeltStop });
        if stop {
            self.stop_open = true;
            self.signals.push(Signal::Stop { active: true });
        }
        self.ramp(true, 1);
    }

    /// One step of a ramp.
    fn ramp(&mut self, down: bool, step: i64) {
        self.belt
            .set_speed(self.now_us, self.belt.ramp_speed(step, down));
        if !Belt::ramp_done(step) {
            let at = self.now_us + Belt::ramp_step_us(self.config.motion.ramp_ms);
            self.set_timer(
                at,
                Timer::Ramp {
                    down,
                    step: step + 1,
                },
            );
        } else if !down {
            self.halted = false;
        } else if self.stop_open {
            let at = self.now_us + self.dice.rng().range(2_000_000, 30_000_000);
            self.set_timer(at, Timer::CloseStop);
        } else {
            let at = self.now_us + self.dice.rng().range(1_000_000, 10_000_000);
            self.set_timer(at, Timer::Start);
        }
    }

    /// A diverter's output changes.
    pub(super) fn switch(&mut self, index: usize, on: bool) {
        let (travel, now) = (self.travel(), self.now_us);
        let stuck = on && self.dice.fires(Fault::FailedDivert);
        let Some(diverter) = self.diverters.get_mut(index) else {
            return;
        };
        let (id, opposite) = (diverter.id, diverter.opposite);
        if on {
            diverter.stuck = stuck;
        } else if let Some(us) = diverter.held_too_long(now) {
            let ms = (us / 1_000).cast_unsigned();
            self.breaches.push(Breach::HeldTooLong { diverter: id, ms });
        }
        if let Some(home) = diverter.set_output(now, travel, on) {
            self.set_timer(home, Timer::Home { diverter: index });
        } else if let Some(other) = opposite.and_then(|i| self.diverters.get(i))
            && !other.is_home(now)
        {
            self.breaches.push(Breach::BothOut { diverter: id });
        }
    }

    /// A diverter may be home: every parcel still on the belt that was on its body while it was
    /// not was struck.
    fn home(&mut self, index: usize) {
        let (travel, now) = (self.travel(), self.now_us);
        let Some(diverter) = self.diverters.get_mut(index) else {
            return;
        };
        if !diverter.is_home(now) {
            return;
        }
        let Some(left_at) = diverter.left_home.take() else {
            return;
        };
        let ((from, to), id) = (diverter.body, diverter.id);
        let moved = travel - left_at;
        for moving in &self.moving {
            if moving.lead(travel) > from && moving.tail(travel) - moved < to {
                let serial = moving.parcel.serial;
                self.breaches.push(Breach::Struck {
                    diverter: id,
                    serial,
                });
            }
        }
    }

    /// A parcel enters a beam or leaves it.
    fn cover(&mut self, eye: usize, enters: bool) {
        let edge = self.eyes.get_mut(eye).and_then(|e| e.cover(enters));
        self.report(eye, edge);
    }

    fn report(&mut self, eye: usize, edge: Option<bool>) {
        if let (Some(blocked), Some(eye)) = (edge, self.eyes.get(eye)) {
            self.signals.push(Signal::Eye {
                eye: eye.id,
                blocked,
            });
        }
    }
}
