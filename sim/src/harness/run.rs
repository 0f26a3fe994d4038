//! One run: plant, node and core, from event to event.

use std::collections::BTreeMap;

use sortline_core::topology::{EyeRole, LineConfig};
use sortline_core::{Action, AlarmChange, AlarmKind, Event, Line, LineTime, OperatorCommand};
use sortline_logic::{Node, TriggerPulse};
use sortline_regmap::Flags;

use super::judge::Judge;
use super::link::{self, Link, Passage};
use super::report::Spot;
use super::scenario::Scenario;
use super::shell::{Pending, Shell};
use super::trace::Trace;
use super::trouble::Trouble;
use crate::plant::{Driven, Fault, Plant, drive_once, node_limits};

/// Longest time without a poll while nothing can come of one: the heartbeat must be seen within
/// 100 ms, and the belt's count as often.
const IDLE_US: u64 = 90_000;
/// After anything but steady travel every poll is done for this long: what the core thinks of the
/// encoder rests on each of them.
const DISTURBED_US: u64 = 3_000_000;
/// A stroke is commanded at most this long before it is over.
const ASTRAY_US: i64 = 15_000_000;
/// Parcels whose way is drawn.
pub(super) const DRAWN_MAX: u32 = 60;
/// Time between two points of a drawn way.
const DRAWN_US: u64 = 100_000;

/// What was seen at the pins, to be handled once plant and node stand still.
#[derive(Debug)]
enum Seen {
    Triggered {
        at_us: u64,
        pulse: TriggerPulse,
        in_view: Vec<u32>,
    },
    Outputs {
        at_us: u64,
        outputs: u32,
        count: u32,
        stopped: bool,
    },
    ResetPressed {
        at_us: u64,
    },
    StopClosed {
        at_us: u64,
    },
}

/// One run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) plant: Plant,
    pub(super) node: Node,
    pub(super) line: Line,
    pub(super) link: Link,
    pub(super) shell: Shell,
    pub(super) judge: Judge,
    pub(super) trace: Trace,
    pub(super) trouble: Trouble,
    cameras: BTreeMap<u8, i64>,
    poll_us: u64,
    polled_us: u64,
    next_poll_us: u64,
    dense_until_us: u64,
    pub(super) now_us: u64,
    /// Virtual time at which the line's own time began.
    pub(super) epoch_us: u64,
    pub(super) events: Vec<Event>,
    seen: Vec<Seen>,
    pub(super) ways: BTreeMap<u32, Vec<Spot>>,
    drawn_us: u64,
}

impl Run {
    pub(super) fn new(scenario: &Scenario, seed: u64, parcels: u64) -> Self {
        let line = scenario.topology.config();
        let camera =
            |c: &sortline_core::topology::Camera| (c.id.0, i64::from(c.position_mm) * 1_000);
        let poll_ms = scenario.config.shell.poll_ms;
        Self {
            plant: Plant::new(line, scenario.plant.clone(), seed, parcels),
            node: Node::new(node_limits(line), 1),
            line: Line::new(scenario.topology.clone(), scenario.plan.clone()),
            link: Link::new(poll_ms, full_eyes(line)),
            shell: Shell::new(&scenario.config, line.cameras.first().map(|c| c.id), seed),
            judge: Judge::new(line, &scenario.plan, &scenario.config.destinations),
            trace: Trace::new(),
            trouble: Trouble::new(scenario),
            cameras: line.cameras.iter().map(camera).collect(),
            poll_us: u64::from(poll_ms) * 1_000,
            polled_us: 0,
            next_poll_us: 0,
            dense_until_us: 0,
            now_us: 0,
            epoch_us: 0,
            events: Vec::new(),
            seen: Vec::new(),
            ways: BTreeMap::new(),
            drawn_us: 0,
        }
    }

    /// To the next moment at which the controller has something to do, and what it does then.
    pub(super) fn step(&mut self) {
        let until = self.run_line();
        self.now_us = until;
        self.handle_seen();
        if !self.is_away() {
            self.controller();
        }
        self.judge_physics();
        self.draw();
        self.plan_poll();
    }

    /// What the controller does now.
    fn controller(&mut self) {
        let now = self.now_us;
        self.revive();
        if now >= self.next_poll_us {
            self.link.poll(now, &mut self.node, &mut self.events);
            self.feed();
            if self.link.hears(now) {
                self.judge.in_touch(self.plant.is_stopped());
            }
            self.polled_us = now;
        }
        while let Some(pending) = self.shell.take(now) {
            match pending {
                Pending::Event(event) => self.events.push(event),
                Pending::Write(command) => self.write(&command),
                Pending::Stray(command) => link::stray(&mut self.node, &command),
            }
            self.feed();
        }
        if self.timeout_us().is_some_and(|at| at <= now) {
            let time = self.time();
            self.trouble.note_timeout(time);
            self.line.handle_timeout(time);
            self.act();
        }
    }

    /// A command is written, if the network lets it.
    fn write(&mut self, command: &sortline_core::Command) {
        let dice = self.plant.dice();
        let passage = if !self.link.is_up() {
            Passage::Clean
        } else if dice.fires(Fault::WriteLost) {
            Passage::Lost
        } else if dice.fires(Fault::WriteLate) {
            self.shell.stray(self.now_us, *command, dice);
            Passage::Lost
        } else if dice.fires(Fault::AnswerLost) {
            Passage::Unanswered
        } else if dice.fires(Fault::WriteCorrupt) {
            let bit = dice.rng().below(11 * 16);
            Passage::Corrupt(u16::try_from(bit).unwrap_or(0))
        } else {
            Passage::Clean
        };
        let events = &mut self.events;
        self.link
            .send(self.now_us, &mut self.node, command, (passage, events));
    }

    /// When the next poll is, unless something reaches the node's ring before.
    fn plan_poll(&mut self) {
        let next = self.polled_us / self.poll_us + 1;
        if self.plant.take_disturbed() || !self.link.is_up() {
            self.dense_until_us = self.now_us + DISTURBED_US;
        }
        let due = if self.now_us < self.dense_until_us {
            None
        } else {
            self.line
                .poll_count()
                .and_then(|count| self.plant.time_of_count(count.0))
        };
        let due = due.map_or(next, |due| due.div_ceil(self.poll_us).max(next));
        let idle = (self.polled_us + IDLE_US) / self.poll_us;
        self.next_poll_us = due.min(idle.max(next)) * self.poll_us;
    }

    /// The line's own time.
    pub(super) const fn time(&self) -> LineTime {
        LineTime(self.now_us - self.epoch_us)
    }

    /// When the core wants to be woken.
    fn timeout_us(&self) -> Option<u64> {
        let (at, _) = self.line.poll_timeout()?;
        Some(at.0.saturating_add(self.epoch_us))
    }

    /// Plant and node run until the controller's next moment. When something reaches the node's
    /// ring, that is the next poll.
    fn run_line(&mut self) -> u64 {
        let away = self.trouble.away_until_us;
        let absent = self.is_away();
        let due = self.shell.next_us().unwrap_or(u64::MAX);
        // A core that asks to be woken in the past gets its turn, but time moves on.
        let woken = self
            .timeout_us()
            .map_or(u64::MAX, |at| at.max(self.now_us + 1));
        let mut until = if absent {
            away
        } else {
            self.next_poll_us.min(due).min(woken).max(self.now_us)
        };
        let half = self.shell.half_view_um();
        let Self {
            plant,
            node,
            seen,
            cameras,
            ..
        } = self;
        loop {
            let (mut touched, mut pulsed) = (false, false);
            let now = drive_once(plant, node, until, &mut |plant, at_us, driven| {
                // A pulse to a camera is no news to the controller; its frame is taken now.
                let pulse = matches!(driven, Driven::Trigger(_));
                (touched, pulsed) = (touched || !pulse, pulsed || pulse);
                seen.extend(see(plant, at_us, driven, (half, cameras)));
            });
            if touched && !absent {
                until = until.min(now.div_ceil(self.poll_us) * self.poll_us);
                self.next_poll_us = self.next_poll_us.min(until);
            }
            if now >= until || pulsed {
                return now;
            }
        }
    }

    fn handle_seen(&mut self) {
        for (eye, serial, count) in self.plant.take_arrivals() {
            self.judge.edge(eye, count, serial);
            let touches = self.plant.touched_by(serial, true);
            self.shell
                .labels
                .inducted(serial, touches, self.plant.dice());
            self.draw_trouble();
        }
        let mut all = std::mem::take(&mut self.seen);
        for seen in all.drain(..) {
            match seen {
                Seen::Triggered {
                    at_us,
                    pulse,
                    in_view,
                } => {
                    let dice = self.plant.dice();
                    self.shell.triggered(at_us, pulse, &in_view, dice);
                }
                Seen::Outputs {
                    at_us,
                    outputs,
                    count,
                    stopped,
                } => {
                    let beat_us = self.link.beat_us;
                    self.judge
                        .outputs(at_us, (outputs, count), (stopped, beat_us));
                }
                Seen::StopClosed { at_us } => {
                    let latched = self.node.status().health.flags.has(Flags::STOP_LATCHED);
                    self.judge.closed(at_us, latched);
                }
                Seen::ResetPressed { at_us } => {
                    // A person needs a moment from the machine to the screen.
                    let dice = self.plant.dice();
                    self.shell
                        .operator(at_us + 2_000_000, OperatorCommand::Reset, dice);
                }
            }
        }
        self.seen = all;
    }

    /// Feeds the core with what has come, and does what it wants.
    pub(super) fn feed(&mut self) {
        let time = self.time();
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            self.trace.event(self.now_us, &event);
            self.judge.fed(self.now_us, &event);
            self.line.handle_event(time, &event);
            self.trouble.note(time, event);
            // What it wants is judged by what it was told so far: of two events of one poll it
            // knows the first only.
            self.act();
        }
        self.events = events;
    }

    fn act(&mut self) {
        while let Some(action) = self.line.poll_action() {
            self.trace.action(self.now_us, &action);
            self.trouble.wanted(&action);
            self.judge.wanted(self.now_us, &action);
            match action {
                Action::Send { command } => self.shell.send(self.now_us, command),
                Action::Resolve { parcel, reading } => {
                    let dice = self.plant.dice();
                    self.shell.resolve(self.now_us, parcel, &reading, dice);
                }
                Action::Alarm {
                    kind: AlarmKind::Diverter { diverter },
                    change: AlarmChange::Raised,
                } => self.repair(diverter),
                Action::Parcel { .. }
                | Action::Chute { .. }
                | Action::BagClosed { .. }
                | Action::Induction { .. }
                | Action::Jog { .. }
                | Action::Alarm { .. } => {}
            }
        }
    }

    fn judge_physics(&mut self) {
        for ended in self.plant.take_ended() {
            let destination = self.shell.labels.destination(ended.parcel.serial);
            self.shell.labels.ended(ended.parcel.serial);
            self.judge.ended(ended, destination);
        }
        let astray = self.plant.was_astray(ASTRAY_US);
        for breach in self.plant.take_breaches() {
            self.judge.breach(self.now_us, breach, astray);
        }
    }

    /// Notes where the first parcels are.
    fn draw(&mut self) {
        if self.now_us < self.drawn_us || self.drawn_us == u64::MAX {
            return;
        }
        self.drawn_us = self.now_us + DRAWN_US;
        let mut past = false;
        for (parcel, lead_um) in self.plant.on_belt() {
            if parcel.serial <= DRAWN_MAX {
                let spot = Spot {
                    at_us: self.now_us,
                    lead_um,
                };
                self.ways.entry(parcel.serial).or_default().push(spot);
            }
            past |= parcel.serial > 2 * DRAWN_MAX;
        }
        if past {
            self.drawn_us = u64::MAX;
        }
    }
}

/// Photo-eyes whose level counts.
pub(super) fn full_eyes(line: &LineConfig) -> Vec<u16> {
    let full = line.eyes.iter().filter(|eye| eye.role == EyeRole::Full);
    full.map(|eye| eye.id.0).collect()
}

/// What a change at the pins means for the run.
fn see(
    plant: &Plant,
    at_us: u64,
    driven: Driven,
    (half, cameras): (i64, &BTreeMap<u8, i64>),
) -> Option<Seen> {
    match driven {
        Driven::Trigger(pulse) => {
            let position = cameras.get(&pulse.camera)?;
            // A label is near the parcel's middle: it is in view when that is.
            let in_view = plant.under(*position, half);
            let in_view = in_view.filter(|(_, offset)| offset.abs() <= half);
            let in_view = in_view.map(|(parcel, _)| parcel.serial).collect();
            Some(Seen::Triggered {
                at_us,
                pulse,
                in_view,
            })
        }
        Driven::Outputs { outputs, count } => Some(Seen::Outputs {
            at_us,
            outputs,
            count,
            stopped: plant.is_stopped(),
        }),
        Driven::ResetPressed => Some(Seen::ResetPressed { at_us }),
        Driven::Stop { active: false } => Some(Seen::StopClosed { at_us }),
        Driven::Eye { .. } | Driven::Stop { active: true } => None,
    }
}
