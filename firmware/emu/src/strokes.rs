//! Strokes, camera triggers and photo-eye edges in lockstep: after every single count the pins are
//! compared with what was commanded, by a model that shares nothing with the firmware's logic.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Context as _, Result, ensure};
use sortline_regmap as map;
use sortline_regmap::{AckCode, Command, CommandKind, Event, EventKind, Refusal};
use sortline_sim::plant::Rng;

use crate::clock;
use crate::image::Image;
use crate::machine::{Machine, Pace};
use crate::master::Master;
use crate::pins::CAMERA;

/// Watchdog time that the run arms with, milliseconds: the longest that the board allows.
const WATCHDOG_MS: u16 = 90;
/// Signs of life at least this often, in milliseconds of the board's clock.
const BEAT_MS: u32 = 20;
/// A host that stalls lets the watchdog trip, as it must; more than once in so many counts is no
/// accident, beyond some at the beginning.
const COUNTS_PER_TRIP: u32 = 1_000;
/// Outputs of the board, and the pairs that must never be out together.
const DIVERTERS: u64 = 6;
const OPPOSITE: [(u8, u8); 2] = [(2, 3), (4, 5)];
const EYES: u64 = 12;
/// Counts that take longer than a camera's pulse.
const PULSE_COUNTS: u32 = 20;
/// A clock of the processor, in nanoseconds.
const CLOCK_NS: u32 = 20;
/// Instructions that the encoder's interrupt may take.
const INSTRUCTIONS_MAX: u32 = 400;

/// How much a run does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) counts: u32,
    pub(crate) strokes: u32,
    pub(crate) seed: u64,
}

/// What a run found.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    counts: u32,
    fired: u32,
    triggers: u32,
    edges: u32,
    reversals: u32,
    refused: u32,
    trips: u32,
    /// Times that the board started.
    starts: usize,
    /// Counts at which the pins were not what they had to be, or answers and events not.
    pub(crate) wrong: Vec<String>,
    instructions: u32,
    held_instructions: u32,
    per_second: f64,
}

impl Outcome {
    const fn trips_too_often(&self) -> bool {
        self.trips > 5 + self.counts / COUNTS_PER_TRIP
    }

    /// Holds a run to its bounds.
    pub(crate) fn check(&self, extent: Extent) -> Result<String> {
        let first = self.wrong.first().map(String::as_str).unwrap_or_default();
        ensure!(
            self.wrong.is_empty(),
            "{} wrong; first: {first}",
            self.wrong.len()
        );
        ensure!(self.counts >= extent.counts, "{} counts", self.counts);
        ensure!(self.fired >= extent.strokes, "{} strokes", self.fired);
        ensure!(!self.trips_too_often(), "{} watchdog trips", self.trips);
        ensure!(
            self.instructions <= INSTRUCTIONS_MAX,
            "the encoder's interrupt took {} instructions, {INSTRUCTIONS_MAX} allowed",
            self.instructions
        );
        Ok(format!(
            "0 wrong in {} encoder counts: {} strokes fired and ended at exactly their counts, {} \
             camera triggers, {} photo-eye edges, {} reversals, {} refusals, {} watchdog trips of \
             a slow host; encoder interrupt at most {} instructions ({INSTRUCTIONS_MAX} allowed), \
             held back for at most {}; {:.0} counts/s",
            self.counts,
            self.fired,
            self.triggers,
            self.edges,
            self.reversals,
            self.refused,
            self.trips,
            self.instructions,
            self.held_instructions,
            self.per_second
        ))
    }
}

/// Runs until counts and strokes are reached, or until `faults_max` faults were found.
///
/// The board's processor sleeps meanwhile, which is fast. A host that stalls for long makes its
/// time jump then, beyond what its hardware watchdog allows, and it rightly starts anew: the run
/// is repeated with a processor that never sleeps, where no such thing is an excuse.
pub(crate) fn run(image: &Image, extent: Extent, faults_max: usize) -> Result<Outcome> {
    let outcome = run_in(Pace::Live, image, extent, faults_max)?;
    if outcome.starts > 1 {
        return run_in(Pace::Counted, image, extent, faults_max);
    }
    Ok(outcome)
}

fn run_in(pace: Pace, image: &Image, extent: Extent, faults_max: usize) -> Result<Outcome> {
    let mut run = Run::new(pace, image, extent)?;
    let begun = clock::now();
    let went = run.all(extent, faults_max);
    let console = run.machine.console()?;
    run.outcome.starts = console.lines().count();
    if run.outcome.starts == 1 {
        went.with_context(|| format!("the console says {console:?}"))?;
    } else {
        let wrong = format!("the board started {} times", run.outcome.starts);
        run.outcome.wrong.insert(0, wrong);
    }
    let mut outcome = run.outcome;
    outcome.per_second = f64::from(outcome.counts) / begun.elapsed().as_secs_f64();
    let ns = pace.instruction_ns().context("a pace that counts")?;
    // Both ends of a time are rounded down to whole clocks, so it may be one clock longer.
    let instructions = |clocks: u32| ((clocks + 1) * CLOCK_NS).div_ceil(ns);
    outcome.instructions = instructions(run.machine.pins.read(image.encoder_clocks)?);
    outcome.held_instructions = instructions(run.machine.pins.read(image.held_clocks)?);
    Ok(outcome)
}

/// A stroke that was accepted.
#[derive(Clone, Copy, Debug)]
struct Stroke {
    seq: u16,
    diverter: u8,
    fire_at: u32,
    end: u32,
}

struct Run {
    machine: Machine,
    master: Master,
    rng: Rng,
    epoch: u16,
    seq: u16,
    /// When the last sign of life was given, by the board's clock.
    beaten: u32,
    strokes: Vec<Stroke>,
    triggers: BTreeMap<u32, u32>,
    eyes: u32,
    /// Events that the board must tell, in order: code, device, count, value.
    expected: VecDeque<(u8, u8, u32, u32)>,
    cursor: u32,
    outcome: Outcome,
}

impl Run {
    fn new(pace: Pace, image: &Image, extent: Extent) -> Result<Self> {
        let mut machine = Machine::start(image, pace)?;
        machine.pins.stop_circuit(true)?;
        let mut master = machine.tcp()?;
        let epoch = master.arm(WATCHDOG_MS)?;
        let cursor = master.status()?.rings.next;
        let beaten = machine.now_ms()?;
        Ok(Self {
            machine,
            master,
            rng: Rng::new(extent.seed, 0),
            epoch,
            seq: 0,
            beaten,
            strokes: Vec::new(),
            triggers: BTreeMap::new(),
            eyes: 0,
            expected: VecDeque::new(),
            cursor,
            outcome: Outcome::default(),
        })
    }

    fn all(&mut self, extent: Extent, faults_max: usize) -> Result<()> {
        while self.outcome.wrong.len() < faults_max
            && (self.outcome.counts < extent.counts || self.outcome.fired < extent.strokes)
        {
            self.step()?;
        }
        Ok(())
    }

    /// One count, with what may happen at it.
    fn step(&mut self) -> Result<()> {
        if self.machine.now_ms()?.wrapping_sub(self.beaten) >= BEAT_MS {
            self.beat()?;
        }
        match self.rng.below(400) {
            0..=11 => self.command_stroke()?,
            12 | 13 => self.command_trigger()?,
            14..=21 => self.toggle_eye()?,
            22 => self.tremble()?,
            _ => {}
        }
        self.machine.pins.forward()?;
        self.outcome.counts += 1;
        self.compare()?;
        if self.expected.len() > 40 {
            self.compare_events()?;
        }
        Ok(())
    }

    /// What the pins must be now, against what they are.
    fn compare(&mut self) -> Result<()> {
        let count = self.machine.pins.count();
        let mut wanted = 0;
        for stroke in &self.strokes {
            if (stroke.fire_at..stroke.end).contains(&count) {
                wanted |= 1 << stroke.diverter;
            }
        }
        // Ends before begins, each in the order of the commands: the order of the telling.
        for stroke in self.strokes.iter().filter(|stroke| stroke.end == count) {
            let (code, seq) = (EventKind::StrokeDone.code(), stroke.seq.into());
            self.expected.push_back((code, stroke.diverter, count, seq));
        }
        for stroke in self.strokes.iter().filter(|stroke| stroke.fire_at == count) {
            let (code, seq) = (EventKind::StrokeFired.code(), stroke.seq.into());
            self.expected.push_back((code, stroke.diverter, count, seq));
            self.outcome.fired += 1;
        }
        let pulsed = self.machine.pins.take_risen() & CAMERA != 0;
        let trigger = self.triggers.remove(&count);
        if let Some(number) = trigger {
            let code = EventKind::Triggered.code();
            self.expected.push_back((code, 0, count, number));
            self.outcome.triggers += 1;
        }
        let found = self.machine.pins.diverters();
        if found == wanted && pulsed == trigger.is_some() {
            self.strokes.retain(|stroke| stroke.end > count);
            return Ok(());
        }
        if self.has_tripped()? {
            return self.begin_again();
        }
        self.outcome.wrong.push(format!(
            "count {count}: outputs {found:06b} instead of {wanted:06b}, camera {pulsed} instead \
             of {}",
            trigger.is_some()
        ));
        self.strokes.retain(|stroke| stroke.end > count);
        Ok(())
    }

    fn beat(&mut self) -> Result<()> {
        self.master.beat()?;
        self.beaten = self.machine.now_ms()?;
        Ok(())
    }

    fn has_tripped(&mut self) -> Result<bool> {
        let status = self.master.status()?;
        Ok(status.health.flags.has(map::Flags::TRIPPED))
    }

    /// The host was too slow for the watchdog, and the board rightly stopped: begin anew.
    fn begin_again(&mut self) -> Result<()> {
        self.outcome.trips += 1;
        ensure!(
            !self.outcome.trips_too_often(),
            "the watchdog trips again and again"
        );
        self.epoch = self.master.arm(WATCHDOG_MS)?;
        self.beaten = self.machine.now_ms()?;
        self.strokes.clear();
        self.triggers.clear();
        self.expected.clear();
        self.cursor = self.master.status()?.rings.next;
        // A reply of QEMU brings with it what the outputs did before.
        ensure!(self.machine.pins.driven()? == 0, "outputs on after a trip");
        Ok(())
    }

    fn blank(&mut self, kind: CommandKind) -> Command {
        self.seq = self.seq.wrapping_add(1).max(1);
        Command {
            kind,
            seq: self.seq,
            epoch: self.epoch,
            device: 0,
            at: 0,
            hold: 0,
            hold_ms_max: 0,
            number: 0,
        }
    }

    fn command_stroke(&mut self) -> Result<()> {
        let count = self.machine.pins.count();
        let diverter = small(self.rng.below(DIVERTERS));
        let ahead = 1 + self.rng.below(300);
        let hold = 1 + self.rng.below(40);
        let blank = self.blank(CommandKind::Stroke);
        let command = Command {
            device: diverter,
            at: count.wrapping_add(u32::try_from(ahead)?),
            hold: u16::try_from(hold)?,
            hold_ms_max: 1_500,
            ..blank
        };
        let stroke = Stroke {
            seq: command.seq,
            diverter,
            fire_at: command.at,
            end: command.at.wrapping_add(u32::from(command.hold)),
        };
        let expected = self.judge(&stroke, count);
        if self.send(&command, expected)? {
            self.strokes.push(stroke);
        }
        Ok(())
    }

    /// What the board must answer to a stroke.
    fn judge(&self, stroke: &Stroke, count: u32) -> AckCode {
        if stroke.fire_at < count + 2 {
            return AckCode::Refused(Refusal::Late);
        }
        for other in &self.strokes {
            if stroke.fire_at >= other.end || stroke.end <= other.fire_at {
                continue;
            }
            let pair = (
                stroke.diverter.min(other.diverter),
                stroke.diverter.max(other.diverter),
            );
            if pair.0 == pair.1 {
                return AckCode::Refused(Refusal::Overlap);
            }
            if OPPOSITE.contains(&pair) {
                return AckCode::Refused(Refusal::Opposite);
            }
        }
        AckCode::Accepted
    }

    fn command_trigger(&mut self) -> Result<()> {
        let count = self.machine.pins.count();
        let ahead = 2 + u32::try_from(self.rng.below(200))?;
        let at = count.wrapping_add(ahead);
        // A pulse lasts up to 2 ms: two that are nearer are one on the pin, so only the same count,
        // which is refused, is tried.
        let near = at.saturating_sub(PULSE_COUNTS)..at.saturating_add(PULSE_COUNTS);
        if self.triggers.range(near).any(|(other, _)| *other != at) {
            return Ok(());
        }
        let expected = if self.triggers.contains_key(&at) {
            AckCode::Refused(Refusal::Overlap)
        } else {
            AckCode::Accepted
        };
        let blank = self.blank(CommandKind::Trigger);
        let number = u32::from(blank.seq);
        let command = Command {
            at,
            number,
            ..blank
        };
        if self.send(&command, expected)? {
            self.triggers.insert(at, number);
        }
        Ok(())
    }

    /// Sends a command and judges the answer; true when it was accepted and had to be.
    fn send(&mut self, command: &Command, expected: AckCode) -> Result<bool> {
        let answer = self.master.command(command)?;
        self.beat()?;
        // Two refusals can hold at once; which of them is told is the board's choice.
        let both = [Refusal::Overlap, Refusal::Opposite].map(AckCode::Refused);
        let as_good = both.contains(&answer.result) && both.contains(&expected);
        if answer.result == expected || as_good {
            self.outcome.refused += u32::from(expected != AckCode::Accepted);
            return Ok(expected == AckCode::Accepted);
        }
        if self.has_tripped()? {
            self.begin_again()?;
        } else {
            let wrong = format!("{command:?}: {answer:?} instead of {expected:?}");
            self.outcome.wrong.push(wrong);
        }
        Ok(false)
    }

    fn toggle_eye(&mut self) -> Result<()> {
        let eye = small(self.rng.below(EYES));
        self.eyes ^= 1 << eye;
        let blocked = self.eyes >> eye & 1 == 1;
        self.machine.pins.eye(eye, blocked)?;
        let kind = if blocked {
            EventKind::EyeBlocked
        } else {
            EventKind::EyeClear
        };
        // The edge is stamped when its interrupt runs: before any later answer.
        let status = self.master.status()?;
        if status.levels.eyes != u64::from(self.eyes) {
            let found = status.levels.eyes;
            let wrong = format!("photo-eyes {found:012b} instead of {:012b}", self.eyes);
            self.outcome.wrong.push(wrong);
        }
        let count = self.machine.pins.count();
        self.expected.push_back((kind.code(), eye, count, 0));
        self.outcome.edges += 1;
        Ok(())
    }

    /// The belt trembles: some counts back and the same forth. Nothing may happen.
    fn tremble(&mut self) -> Result<()> {
        let before = self.machine.pins.diverters();
        let counts = 1 + self.rng.below(5);
        for _ in 0..counts {
            self.machine.pins.backward()?;
        }
        for _ in 0..counts {
            self.machine.pins.forward()?;
        }
        self.outcome.reversals += 1;
        let after = self.machine.pins.diverters();
        if after != before && !self.has_tripped()? {
            let wrong = format!("a belt that trembled made {before:06b} into {after:06b}");
            self.outcome.wrong.push(wrong);
        }
        Ok(())
    }

    /// Reads the ring and compares every event with what had to be told.
    fn compare_events(&mut self) -> Result<()> {
        let status = self.master.status()?;
        if status.health.flags.has(map::Flags::TRIPPED) {
            return self.begin_again();
        }
        let (found, count) = (status.clock.ticks, self.machine.pins.count());
        if found != count {
            let wrong = format!("the board is at count {found}, the belt at {count}");
            self.outcome.wrong.push(wrong);
        }
        while let Some((address, events)) =
            map::event_page(self.cursor, status.rings.next.wrapping_sub(self.cursor))
        {
            let words = self.master.read(address, events * 8)?;
            for words in words.chunks_exact(8) {
                let words = words.try_into().context("length of an event")?;
                self.compare_event(&Event::decode(words));
            }
        }
        if let Some(missing) = self.expected.pop_front() {
            self.outcome.wrong.push(format!("never told: {missing:?}"));
            self.expected.clear();
        }
        Ok(())
    }

    fn compare_event(&mut self, event: &Event) {
        if event.seq != self.cursor {
            let wrong = format!("event {} instead of {}", event.seq, self.cursor);
            self.outcome.wrong.push(wrong);
        }
        self.cursor = event.seq.wrapping_add(1);
        // A photo-eye that stays blocked is latched as a jam after its time: no matter of counts.
        let jams = [EventKind::JamLatched.code(), EventKind::JamReset.code()];
        if jams.contains(&event.code) {
            return;
        }
        let found = (event.code, event.device, event.at, event.value);
        let expected = self.expected.pop_front();
        // Strokes and ends at one count may be told in any order.
        let swapped = expected.is_some_and(|expected| expected.2 == found.2)
            && self.expected.iter().any(|other| *other == found);
        if swapped {
            if let Some(place) = self.expected.iter_mut().find(|other| **other == found)
                && let Some(expected) = expected
            {
                *place = expected;
            }
        } else if expected != Some(found) {
            let wrong = format!("told {event:?} instead of {expected:?}");
            self.outcome.wrong.push(wrong);
        }
    }
}

fn small(number: u64) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}
