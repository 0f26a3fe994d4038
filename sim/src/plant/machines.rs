//! What chutes, belt and diverters do as time passes.

use sortline_core::topology::{EyeRole, LineConfig};
use sortline_core::{ChuteId, DiverterId};

use super::belt::Belt;
use super::chute::Chute;
use super::diverter::Diverter;
use super::{Breach, Fault, Plant, Signal, Timer};

/// Parcels nearer than this are one to a photo-eye, micrometres.
const TOUCH_UM: i64 = 20_000;

/// Who starts a belt that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Starter {
    /// It starts after a while.
    Itself,
    /// A person has stopped it, and a person starts it.
    Person,
    /// A person has pressed start, and it still runs out.
    Pressed,
}

/// Which way a ramp goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slope {
    Up,
    Down,
}

impl Plant {
    /// The belt stands, as before someone has started the machine. Call it before the first event.
    pub fn stand(&mut self) {
        self.halted = true;
        self.starter = Starter::Person;
        self.belt.set_speed(self.now_us, 0);
        self.find_next();
    }

    /// A person stops the belt at the machine: it runs out.
    pub fn stop(&mut self) {
        self.starter = Starter::Person;
        if self.belt.runs() && (!self.halted || self.slope == Slope::Up) {
            self.halted = true;
            let step = self.belt.ramp_step();
            self.set_timer(self.now_us, Timer::Ramp { down: true, step });
        }
    }

    /// A person starts a standing belt at the machine; one that runs out stands first.
    pub fn start(&mut self) {
        if self.halted {
            self.starter = Starter::Pressed;
            let wait = i64::from(self.config.motion.ramp_ms) * 1_000;
            let at = self.now_us + if self.belt.runs() { wait } else { 0 };
            self.set_timer(at, Timer::Press);
        }
    }

    /// The parcel that touches this one, ahead of it or behind.
    #[must_use]
    pub fn touched_by(&self, serial: u32, ahead: bool) -> Option<u32> {
        let travel = self.travel();
        let index = self.moving.iter().position(|m| m.parcel.serial == serial)?;
        let other = if ahead {
            index.checked_sub(1)?
        } else {
            index + 1
        };
        let (own, other) = (self.moving.get(index)?, self.moving.get(other)?);
        let (first, last) = if ahead { (other, own) } else { (own, other) };
        let gap = first.tail(travel) - last.lead(travel);
        (gap < TOUCH_UM).then_some(other.parcel.serial)
    }

    /// A parcel blocks or leaves a chute's confirmation photo-eye.
    pub(super) fn confirm(&mut self, index: usize, blocked: bool) {
        let travel = self.travel();
        let Some(chute) = self.chutes.get_mut(index) else {
            return;
        };
        let eye = chute.confirm.filter(|_| chute.seen());
        if let Some(parcel) = chute.hand_over(blocked) {
            let sigma = i64::from(self.config.motion.return_mm_sigma) * 1_000;
            let way = self.recirculation_um + self.chute_rng.normal(sigma);
            let last = self.returns.back().map_or(0, |(at, p)| at + p.length_um);
            let passed = if blocked { 0 } else { parcel.length_um };
            let comes = travel - passed + way.max(1_000);
            self.returns.push_back((comes.max(last), parcel));
        }
        if !blocked && let Some(chute) = self.chutes.get_mut(index) {
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

    pub(super) fn bag_changed(&mut self, index: usize) {
        let Some(chute) = self.chutes.get_mut(index) else {
            return;
        };
        chute.change_bag();
        if let Some(eye) = chute.full {
            self.cover(eye, false);
        }
    }

    /// The belt begins to stop, by itself or by the stop circuit.
    pub(super) fn halt(&mut self, stop: bool) {
        if self.halted || self.stop_open {
            return;
        }
        self.halted = true;
        self.dice
            .fired(if stop { Fault::Stop } else { Fault::BeltStop });
        if stop {
            self.stop_open = true;
            self.signals.push_back(Signal::Stop { active: true });
        }
        self.ramp(true, 1);
    }

    /// A person closes the stop circuit, presses reset and starts the belt.
    pub(super) fn close_stop(&mut self) {
        self.stop_open = false;
        self.signals.push_back(Signal::Stop { active: false });
        let at = self.now_us + self.dice.rng().range(500_000, 3_000_000);
        self.set_timer(at, Timer::Start);
        self.signals.push_back(Signal::ResetPressed);
    }

    /// The belt runs slower for a while, unless it stops or does so already.
    pub(super) fn slow(&mut self, ends: bool) {
        if self.halted || self.belt.is_slow() != ends {
            return;
        }
        self.belt.disturbed = true;
        let nominal = self.belt.nominal();
        if ends {
            return self.belt.set_speed(self.now_us, nominal);
        }
        self.dice.fired(Fault::BeltSlow);
        let percent = self.dice.rng().range(30, 90);
        self.belt.set_speed(self.now_us, nominal * percent / 100);
        let until = self.now_us + self.dice.rng().range(1_000_000, 20_000_000);
        self.set_timer(until, Timer::Slow { ends: true });
    }

    /// The belt comes up, unless it does already or a person has stopped it.
    pub(super) fn restart(&mut self) {
        let comes_up = self.belt.runs() && self.slope == Slope::Up;
        if self.halted && !comes_up {
            self.ramp(false, 1);
        }
    }

    /// A person's start takes effect, unless the last press was stop.
    pub(super) fn restart_by_hand(&mut self) {
        if self.starter == Starter::Pressed {
            self.starter = Starter::Itself;
            self.restart();
        }
    }

    /// One step of a ramp.
    pub(super) fn ramp(&mut self, down: bool, step: i64) {
        if !down && self.starter == Starter::Person {
            return;
        }
        self.slope = if down { Slope::Down } else { Slope::Up };
        self.belt.disturbed = true;
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
        } else if self.starter == Starter::Itself {
            let at = self.now_us + self.dice.rng().range(1_000_000, 10_000_000);
            self.set_timer(at, Timer::Start);
        }
    }

    /// A diverter's output changes.
    pub(super) fn switch(&mut self, index: usize, on: bool) {
        let (travel, now) = (self.travel(), self.now_us);
        let stuck = on && self.dice.fires(Fault::FailedDivert);
        let slow = if on && self.dice.fires(Fault::DiverterSlow) {
            self.dice.rng().range(110, 300)
        } else {
            100
        };
        let Some(diverter) = self.diverters.get_mut(index) else {
            return;
        };
        let (id, opposite) = (diverter.id, diverter.opposite);
        if on {
            diverter.stuck = stuck;
            diverter.slow_percent = slow;
        } else if let Some(us) = diverter.held_too_long(now) {
            let ms = (us / 1_000).cast_unsigned();
            self.breaches.push(Breach::HeldTooLong { diverter: id, ms });
        }
        let (position, to) = (diverter.position, diverter.body.1);
        let was_home = diverter.left_home.is_none();
        let home = diverter.set_output(now, travel, on);
        if was_home && diverter.left_home.is_some() {
            // Parcels slip, so that where one was cannot be told from where it is.
            let beyond = self.moving.iter().filter(|m| m.tail(travel) >= to);
            diverter.beyond.clear();
            diverter.beyond.extend(beyond.map(|m| m.parcel.serial));
        }
        if on && !self.places.always_meets(index) {
            for moving in &mut self.moving {
                moving.meet_diverter(index, position, travel);
            }
        }
        if let Some(home) = home {
            self.set_timer(home, Timer::Home { diverter: index });
        } else if on
            && let Some(other) = opposite.and_then(|i| self.diverters.get(i))
            && !other.is_home(now)
        {
            self.breaches.push(Breach::BothOut { diverter: id });
        }
    }

    /// A diverter may be home: every parcel still on the belt that was on its body while it was
    /// not was struck.
    pub(super) fn home(&mut self, index: usize) {
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
        let ((from, _), id) = (diverter.body, diverter.id);
        for moving in &self.moving {
            let serial = moving.parcel.serial;
            if moving.lead(travel) > from && !diverter.beyond.contains(&serial) {
                self.breaches.push(Breach::Struck {
                    diverter: id,
                    serial,
                    slipped: moving.slipped_by(left_at),
                    seen_for_um: moving.seen_for(left_at),
                });
            }
        }
    }
}

/// Belt travel from an edge to a diverter that moves for it, at least: the edge is debounced for half
/// the shortest parcel, and a command takes its time.
pub(crate) fn command_um(line: &LineConfig) -> i64 {
    let way = i64::from(line.tracking.command_ms) * i64::from(line.belt.speed_mm_per_s);
    way + i64::from(line.parcel.length_mm_min) * 500
}

/// The chutes of a line.
pub(super) fn build_chutes(line: &LineConfig) -> Vec<Chute> {
    let eye = |role: EyeRole, chute: ChuteId| {
        line.eyes
            .iter()
            .position(|e| e.role == role && e.chute == Some(chute))
    };
    let build = |c: &sortline_core::topology::Chute| {
        Chute::new(c, eye(EyeRole::Confirm, c.id), eye(EyeRole::Full, c.id))
    };
    line.chutes.iter().map(build).collect()
}

/// The diverters of a line.
pub(super) fn build_diverters(line: &LineConfig, chutes: &[Chute]) -> Vec<Diverter> {
    let index = |id: DiverterId| line.diverters.iter().position(|d| d.id == id);
    let build = |d: &sortline_core::topology::Diverter| {
        let chute = chutes.iter().position(|c| c.id == d.chute).unwrap_or(0);
        Diverter::new(d, chute, d.opposite.and_then(index))
    };
    line.diverters.iter().map(build).collect()
}
