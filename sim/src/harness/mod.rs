//! Core, field node and plant in virtual time.
//!
//! The same core and the same node logic as on a real line, wired to the simulated plant over the
//! register contract. Time jumps from event to event; the fieldbus is polled at its own rhythm,
//! but idle polls are left out, as nothing could come of them. Everything is drawn from one seed:
//! the same scenario and seed give the same trace hash in every process.
//!
//! After every step the judge compares the core's actions with the physics: no parcel in a wrong
//! chute, none unaccounted for, one outcome each, no stroke twice, no diverter moved against a
//! parcel.

mod html;
mod judge;
mod link;
mod report;
mod scenario;
mod shell;
mod trace;

use std::collections::BTreeMap;
use std::time::Duration;

use sortline_core::topology::EyeRole;
use sortline_core::{Action, Event, Line, LineTime, OperatorCommand, RejectCause};
use sortline_logic::{Node, TriggerPulse};

pub use html::write_html;
pub use judge::Violation;
pub use report::{Report, Spot};
pub use scenario::{Scenario, ScenarioConfig, ScenarioError, Share, ShellConfig};

use crate::plant::{Driven, Plant, Totals, drive, next_us, node_limits};
use judge::Judge;
use link::Link;
use shell::{Pending, Shell};
use trace::Trace;

/// Polls that may be left out in a row: the heartbeat must be seen within 100 ms, and the belt's
/// count at least every 100 ms.
const IDLE_POLLS: u64 = 3;
/// Virtual time after the last parcel in which the core comes to its last outcomes.
const SETTLE_US: u64 = 30_000_000;
/// Virtual time a parcel takes at the very most, the feeder's pace and stops included; more is no
/// progress.
const PARCEL_US_MAX: u64 = 600_000_000;
/// Parcels whose way is drawn.
const DRAWN_MAX: u32 = 60;
/// Time between two points of a drawn way.
const DRAWN_US: u64 = 100_000;

/// Runs a scenario with a seed. `parcels` overrides the scenario's number; `progress` is told the
/// number of parcels inducted from time to time.
pub fn run(
    scenario: &Scenario,
    seed: u64,
    parcels: Option<u64>,
    progress: &mut dyn FnMut(u64),
) -> Report {
    let parcels = parcels.unwrap_or(scenario.config.parcels);
    let mut run = Run::new(scenario, seed, parcels);
    let mut told = 0;
    let mut empty_since = None;
    let latest = parcels.saturating_mul(PARCEL_US_MAX);
    while run.now_us < latest {
        run.step();
        if run.plant.is_done() {
            let since = *empty_since.get_or_insert(run.now_us);
            if run.now_us.saturating_sub(since) > SETTLE_US {
                break;
            }
        }
        if run.now_us / 60_000_000 != told {
            told = run.now_us / 60_000_000;
            let totals = run.plant.totals();
            run.judge.conserve(run.now_us, &totals);
            progress(totals.inducted);
        }
    }
    let ended_us = empty_since.unwrap_or(run.now_us);
    run.report(scenario, seed, ended_us)
}

/// What was seen at the pins, to be handled once plant and node stand still.
#[derive(Debug)]
enum Seen {
    Inducted {
        count: u32,
        serial: u32,
    },
    Triggered {
        at_us: u64,
        pulse: TriggerPulse,
        in_view: Vec<u32>,
    },
    ResetPressed {
        at_us: u64,
    },
}

/// One run.
#[derive(Debug)]
struct Run {
    plant: Plant,
    node: Node,
    line: Line,
    link: Link,
    shell: Shell,
    judge: Judge,
    trace: Trace,
    /// Photo-eye of the induction.
    induct: u8,
    cameras: BTreeMap<u8, i64>,
    poll_us: u64,
    next_poll_us: u64,
    now_us: u64,
    events: Vec<Event>,
    seen: Vec<Seen>,
    ways: BTreeMap<u32, Vec<Spot>>,
    drawn_us: u64,
}

impl Run {
    fn new(scenario: &Scenario, seed: u64, parcels: u64) -> Self {
        let line = scenario.topology.config();
        let induct = line.eyes.iter().find(|eye| eye.role == EyeRole::Induct);
        let camera =
            |c: &sortline_core::topology::Camera| (c.id.0, i64::from(c.position_mm) * 1_000);
        Self {
            plant: Plant::new(line, scenario.plant.clone(), seed, parcels),
            node: Node::new(node_limits(line), 1),
            line: Line::new(scenario.topology.clone(), scenario.plan.clone()),
            link: Link::default(),
            shell: Shell::new(&scenario.config, line.cameras.first().map(|c| c.id), seed),
            judge: Judge::new(line, &scenario.plan, &scenario.config.destinations),
            trace: Trace::new(),
            induct: induct.map_or(u8::MAX, |eye| eye.id.0),
            cameras: line.cameras.iter().map(camera).collect(),
            poll_us: u64::from(scenario.config.shell.poll_ms) * 1_000,
            next_poll_us: 0,
            now_us: 0,
            events: Vec::new(),
            seen: Vec::new(),
            ways: BTreeMap::new(),
            drawn_us: 0,
        }
    }

    /// To the next moment at which the controller has something to do, and what it does then.
    fn step(&mut self) {
        let until = self.run_line();
        self.now_us = until;
        self.handle_seen();
        if until >= self.next_poll_us {
            self.next_poll_us = (until / self.poll_us + IDLE_POLLS) * self.poll_us;
            self.link.poll(&mut self.node, &mut self.events);
            self.feed();
        }
        while let Some(pending) = self.shell.take(until) {
            match pending {
                Pending::Event(event) => self.events.push(event),
                Pending::Write(command) => {
                    link::send(&mut self.node, &command, &mut self.events);
                }
            }
            self.feed();
        }
        if self.timeout_us().is_some_and(|at| at <= until) {
            self.line.handle_timeout(LineTime(until));
            self.act();
        }
        self.judge_physics();
        self.draw();
    }

    /// When the core wants to be woken.
    fn timeout_us(&self) -> Option<u64> {
        self.line.poll_timeout().map(|(at, _)| at.0)
    }

    /// Plant and node run until the controller's next moment. When something reaches the node's
    /// ring, that is the next poll.
    fn run_line(&mut self) -> u64 {
        let Self {
            plant,
            node,
            seen,
            cameras,
            induct,
            ..
        } = self;
        let half = self.shell.half_view_um();
        let due = self.shell.next_us().unwrap_or(u64::MAX);
        // A core that asks to be woken in the past gets its turn, but time moves on.
        let woken = self
            .line
            .poll_timeout()
            .map_or(u64::MAX, |(at, _)| at.0.max(self.now_us + 1));
        let mut until = self.next_poll_us.min(due).min(woken);
        loop {
            let mut touched = false;
            let next = next_us(plant, node).unwrap_or(u64::MAX).min(until);
            drive(plant, node, next, &mut |plant, at_us, driven| {
                touched = true;
                seen.extend(see(plant, at_us, driven, (*induct, half, cameras)));
            });
            if touched {
                self.next_poll_us = next.div_ceil(self.poll_us) * self.poll_us;
                until = until.min(self.next_poll_us);
            }
            if next >= until {
                return until;
            }
        }
    }

    fn handle_seen(&mut self) {
        for seen in std::mem::take(&mut self.seen) {
            match seen {
                Seen::Inducted { count, serial } => self.judge.edge(count, serial),
                Seen::Triggered {
                    at_us,
                    pulse,
                    in_view,
                } => {
                    self.shell
                        .triggered(at_us, pulse, &in_view, self.plant.dice());
                }
                Seen::ResetPressed { at_us } => {
                    self.link.release();
                    // A person needs a moment from the machine to the screen.
                    self.shell
                        .operator(at_us + 2_000_000, OperatorCommand::Reset);
                }
            }
        }
    }

    /// Feeds the core with what has come, and does what it wants.
    fn feed(&mut self) {
        for event in std::mem::take(&mut self.events) {
            self.trace.event(self.now_us, &event);
            self.judge.fed(self.now_us, &event);
            self.line.handle_event(LineTime(self.now_us), &event);
        }
        self.act();
    }

    fn act(&mut self) {
        while let Some(action) = self.line.poll_action() {
            self.trace.action(self.now_us, &action);
            self.judge.wanted(self.now_us, &action);
            match action {
                Action::Send { command } => self.shell.send(self.now_us, command),
                Action::Resolve { parcel, reading } => {
                    self.shell.resolve(self.now_us, parcel, &reading);
                }
                Action::Parcel { .. } | Action::Chute { .. } | Action::Alarm { .. } => {}
            }
        }
    }

    fn judge_physics(&mut self) {
        for ended in self.plant.take_ended() {
            let destination = self.shell.destination(ended.parcel.serial);
            self.judge.ended(ended, destination);
        }
        for breach in self.plant.take_breaches() {
            self.judge.breach(self.now_us, breach);
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

    fn report(mut self, scenario: &Scenario, seed: u64, ended_us: u64) -> Report {
        let totals = self.plant.totals();
        self.judge.conserve(self.now_us, &totals);
        self.judge.close(self.now_us);
        let Totals {
            inducted,
            recirculations,
            on_belt,
            spilled,
            in_chute,
            ..
        } = totals;
        let tally = self.judge.tally;
        Report {
            scenario: scenario.config.name.clone(),
            seed,
            inducted,
            sorted: tally.sorted,
            rejected: tally.rejected,
            lost: 0,
            missort: tally.missort,
            removed: tally.removed,
            on_belt,
            recirculations,
            spilled,
            reject_causes: cause_names(&tally.causes),
            told: tally.told,
            disagreements: tally.disagreements,
            faults_fired: self.plant.faults_fired(),
            simulated_s: Duration::from_micros(ended_us).as_secs_f64(),
            wall_s: 0.0,
            parcels_per_hour: inducted.saturating_mul(3_600_000_000) / ended_us.max(1),
            trace_hash: format!("{:016x}", self.trace.hash()),
            violations: self.judge.violations,
            violations_total: self.judge.violations_total,
            in_chute: in_chute
                .into_iter()
                .map(|(chute, n)| (chute.0, n))
                .collect(),
            ways: self.ways,
        }
    }
}

/// What a change at the pins means for the run.
fn see(
    plant: &Plant,
    at_us: u64,
    driven: Driven,
    line: (u8, i64, &BTreeMap<u8, i64>),
) -> Option<Seen> {
    let (induct, half, cameras) = line;
    match driven {
        Driven::Eye {
            eye,
            blocked: true,
            count,
        } if eye == induct => {
            // Only the last parcel on the belt can be at the induction photo-eye.
            let serial = plant.on_belt().last().map(|(parcel, _)| parcel.serial)?;
            Some(Seen::Inducted { count, serial })
        }
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
        Driven::ResetPressed => Some(Seen::ResetPressed { at_us }),
        Driven::Eye { .. } | Driven::Outputs { .. } | Driven::Stop { .. } => None,
    }
}

/// Causes by the names that the journal uses.
fn cause_names(causes: &BTreeMap<RejectCause, u64>) -> BTreeMap<String, u64> {
    let mut named = BTreeMap::new();
    for (cause, count) in causes {
        let name = match serde_json::to_value(cause) {
            Ok(serde_json::Value::String(name)) => name,
            Ok(serde_json::Value::Object(members)) => {
                members.keys().next().cloned().unwrap_or_default()
            }
            _ => format!("{cause:?}"),
        };
        *named.entry(name).or_default() += count;
    }
    named
}
