//! `sortline bench core`: events a second through the line's core on one thread.
//!
//! A recorded hour of the demonstration line is fed to a fresh core as fast as it takes it, once
//! for the joint rule and once for the plain queue as its peer. What is recorded is the whole
//! stream: belt counts every 10 ms, photo-eyes, strokes, readings and look-ups.

use std::collections::{BTreeMap, VecDeque};
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use sortline_core::topology::{EyeRole, Topology, TrackerRule};
use sortline_core::{
    Action, ChuteId, Code, Command, Destination, DestinationSource, Edge, Epoch, Event, EyeId,
    Line, LineTime, ParcelId, Permille, Reading, Resolution, Rule, SortPlan, StrokeResult, Ticks,
};

use crate::cli::FINE;
use crate::clock;
use crate::config::{Files, load};

/// Belt travel between two polls, in millimetres.
const POLL_MM: u32 = 15;
/// Belt from leading edge to leading edge, in millimetres.
const PITCH_MM: u32 = 1_000;
const LENGTH_MM: u32 = 320;

/// Arguments of `sortline bench core`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sortline bench core --parcels 20000 --json")]
pub struct Args {
    /// Parcels in the recording.
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    parcels: u32,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Speed {
    parcels: u32,
    events: usize,
    actions: usize,
    joint_events_per_s: u64,
    fifo_events_per_s: u64,
    /// Joint against the queue.
    ratio: f64,
}

/// Measures and prints.
///
/// # Errors
/// The demonstration site is not what it must be.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let topology = load(Files::Demo)?.topology;
    let plan = plan(&topology);
    let events = record(&topology, &plan, args.parcels);
    let (joint, actions) = time(&topology, &plan, TrackerRule::Joint, &events);
    let (fifo, _) = time(&topology, &plan, TrackerRule::Fifo, &events);
    let speed = Speed {
        parcels: args.parcels,
        events: events.len(),
        actions,
        joint_events_per_s: rate(events.len(), joint),
        fifo_events_per_s: rate(events.len(), fifo),
        ratio: fifo.as_secs_f64() / joint.as_secs_f64().max(f64::EPSILON),
    };
    if args.json {
        crate::commands::print(&(serde_json::to_string(&speed)? + "\n"))?;
    } else {
        crate::commands::print(&format!(
            "{} events of {} parcels, {} actions\njoint {:>12} events/s\nfifo  {:>12} events/s\n\
             ratio {:.2}\n",
            speed.events,
            speed.parcels,
            speed.actions,
            speed.joint_events_per_s,
            speed.fifo_events_per_s,
            speed.ratio
        ))?;
    }
    Ok(FINE.into())
}

fn rate(events: usize, elapsed: Duration) -> u64 {
    let us = elapsed.as_micros().max(1);
    let events = u128::try_from(events).unwrap_or(u128::MAX);
    u64::try_from(events.saturating_mul(1_000_000) / us).unwrap_or(u64::MAX)
}

/// Processor time for all events, actions taken, and their number.
fn time(
    topology: &Topology,
    plan: &SortPlan,
    rule: TrackerRule,
    events: &[(LineTime, Event)],
) -> (Duration, usize) {
    let mut line = Line::new(topology.clone().with_rule(rule), plan.clone());
    let mut actions = 0;
    let began = clock::thread_cpu();
    for (now, event) in events {
        line.handle_event(*now, event);
        while line.poll_action().is_some() {
            actions += 1;
        }
    }
    (clock::thread_cpu().saturating_sub(began), actions)
}

/// One rule for each sort chute: country by the chute's number.
fn plan(topology: &Topology) -> SortPlan {
    let chutes = topology.config().chutes.iter();
    let rules = chutes
        .filter(|chute| topology.diverter_of(chute.id).is_some())
        .map(|chute| Rule {
            name: format!("chute {}", chute.id),
            country: Some(country(chute.id)),
            chutes: vec![chute.id],
            ..Rule::default()
        });
    SortPlan {
        version: "bench".to_owned(),
        rules: rules.collect(),
        ..SortPlan::default()
    }
}

fn country(chute: ChuteId) -> String {
    format!("X{chute}")
}

/// A line on which everything goes well.
#[derive(Debug)]
struct World<'a> {
    topology: &'a Topology,
    /// Travel in ticks.
    travel: u32,
    /// Travel at which each parcel's leading edge was at induction.
    belt: VecDeque<u32>,
    strokes: Vec<(Command, bool)>,
    later: BTreeMap<u32, Vec<Event>>,
    events: Vec<(LineTime, Event)>,
    line: Line,
}

fn record(topology: &Topology, plan: &SortPlan, parcels: u32) -> Vec<(LineTime, Event)> {
    let mut world = World {
        topology,
        travel: 0,
        belt: VecDeque::new(),
        strokes: Vec::new(),
        later: BTreeMap::new(),
        events: Vec::new(),
        line: Line::new(topology.clone(), plan.clone()),
    };
    world.tell(Event::NodeUp {
        epoch: Epoch(1),
        at: Ticks(0),
        gap: false,
    });
    let end = topology.config().belt.length_mm;
    let last = PITCH_MM.saturating_mul(parcels).saturating_add(end * 2);
    while world.travel < last {
        world.step(parcels);
    }
    world.events
}

impl World<'_> {
    fn tell(&mut self, event: Event) {
        let speed = u64::from(self.topology.config().belt.speed_mm_per_s.max(1));
        let now = LineTime(u64::from(self.travel) * 1_000_000 / speed);
        self.line.handle_event(now, &event);
        self.events.push((now, event));
        while let Some(action) = self.line.poll_action() {
            self.act(&action);
        }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Send { command } => match command {
                Command::Stroke { .. } => self.strokes.push((*command, false)),
                Command::Trigger {
                    camera,
                    trigger,
                    at,
                    ..
                } => {
                    let code = Code {
                        kind: "s10".to_owned(),
                        value: trigger.to_string(),
                    };
                    let reading = Reading {
                        codes: vec![code],
                        ..Reading::default()
                    };
                    let read = Event::Read {
                        camera: *camera,
                        trigger: *trigger,
                        reading,
                    };
                    self.later.entry(at.0 + 90).or_default().push(read);
                }
                Command::Withdraw { .. } | Command::Jog { .. } => {}
            },
            Action::Resolve { parcel, .. } => self.resolve(*parcel),
            Action::Parcel { .. }
            | Action::Chute { .. }
            | Action::BagClosed { .. }
            | Action::Induction { .. }
            | Action::Jog { .. }
            | Action::Alarm { .. } => {}
        }
    }

    /// A manifest that spreads parcels over all sort chutes.
    fn resolve(&mut self, parcel: ParcelId) {
        let chutes = &self.topology.config().chutes;
        let sort: Vec<ChuteId> = chutes
            .iter()
            .map(|chute| chute.id)
            .filter(|chute| self.topology.diverter_of(*chute).is_some())
            .collect();
        let turn = usize::try_from(parcel.0).unwrap_or(0) % sort.len().max(1);
        let chute = sort.get(turn).copied().unwrap_or_default();
        let destination = Destination {
            country: country(chute),
            postcode: None,
            source: DestinationSource::Manifest,
            confidence: Permille::ONE,
        };
        let resolution = Resolution::Sort {
            destination,
            hop: None,
            why: String::new(),
            sequence: None,
        };
        let resolved = Event::Resolved { parcel, resolution };
        let soon = self.travel + POLL_MM;
        self.later.entry(soon).or_default().push(resolved);
    }

    /// One poll later.
    fn step(&mut self, parcels: u32) {
        let before = self.travel;
        self.travel += POLL_MM;
        let fed = before / PITCH_MM != self.travel / PITCH_MM;
        if fed && before / PITCH_MM < parcels {
            self.belt.push_back(self.travel);
        }
        self.eyes(before);
        self.diverters();
        while let Some(entry) = self.later.first_entry() {
            if *entry.key() > self.travel {
                break;
            }
            for event in entry.remove() {
                self.tell(event);
            }
        }
        self.tell(Event::Belt {
            at: Ticks(self.travel),
        });
    }

    fn eyes(&mut self, before: u32) {
        let mut seen = Vec::new();
        let belt = |role| matches!(role, EyeRole::Induct | EyeRole::Track);
        for eye in &self.topology.config().eyes {
            if !belt(eye.role) {
                continue;
            }
            for origin in &self.belt {
                let leading = origin + eye.position_mm;
                for (at, edge) in [(leading, Edge::Blocked), (leading + LENGTH_MM, Edge::Clear)] {
                    if at > before && at <= self.travel {
                        seen.push((at, eye.id, edge));
                    }
                }
            }
        }
        seen.sort_by_key(|(at, ..)| *at);
        for (at, eye, edge) in seen {
            let at = Ticks(at);
            self.tell(Event::Eye { eye, edge, at });
        }
        let end = self.topology.config().belt.length_mm + LENGTH_MM / 2;
        while self.belt.front().is_some_and(|at| at + end <= self.travel) {
            self.belt.pop_front();
            let reject = self.topology.reject();
            self.fall(reject);
        }
    }

    fn diverters(&mut self) {
        let mut told = Vec::new();
        for (command, fired) in &mut self.strokes {
            let Command::Stroke {
                seq, fire_at, hold, ..
            } = *command
            else {
                continue;
            };
            if !*fired && fire_at.0 <= self.travel {
                *fired = true;
                let (seq, at) = (seq, fire_at);
                told.push((seq, StrokeResult::Fired { at }));
            }
            if *fired && fire_at.0 + u32::from(hold) <= self.travel {
                let at = Ticks(fire_at.0 + u32::from(hold));
                told.push((seq, StrokeResult::Done { at }));
            }
        }
        for (command, _) in self.strokes.clone() {
            self.divert(&command);
        }
        for (seq, result) in told {
            if let StrokeResult::Done { .. } = result {
                self.strokes.retain(
                    |(one, _)| !matches!(one, Command::Stroke { seq: other, .. } if *other == seq),
                );
            }
            self.tell(Event::Stroke { seq, result });
        }
    }

    /// Takes the parcel off the belt whose middle passes a diverter that is out.
    fn divert(&mut self, command: &Command) {
        let Command::Stroke {
            diverter, fire_at, ..
        } = command
        else {
            return;
        };
        let all = &self.topology.config().diverters;
        let Some(spec) = all.iter().find(|one| one.id == *diverter) else {
            return;
        };
        let way = spec.position_mm + LENGTH_MM / 2;
        let passes = |origin: &u32| {
            let middle = origin + way;
            middle >= fire_at.0 && middle <= self.travel && middle + POLL_MM > self.travel
        };
        if let Some(index) = self.belt.iter().position(passes) {
            self.belt.remove(index);
            self.fall(spec.chute);
        }
    }

    /// A parcel slides past a chute's photo-eye.
    fn fall(&mut self, chute: ChuteId) {
        let eye = self.topology.confirm_eye(chute);
        let eye = eye.map_or(EyeId(0), |eye| eye.id);
        for (ticks, edge) in [(600, Edge::Blocked), (840, Edge::Clear)] {
            let at = self.travel + ticks;
            let seen = Event::Eye {
                eye,
                edge,
                at: Ticks(at),
            };
            self.later.entry(at).or_default().push(seen);
        }
    }
}
