//! Properties that hold for any sequence of belt, time, inputs and register traffic.
#![cfg(test)]

use proptest::prelude::*;
use sortline_logic::{Limits, Node};
use sortline_regmap as map;
use sortline_regmap::{Command, CommandKind, Control, ControlRequest, Event, EventKind, Heartbeat};

const OWNER: u32 = 1;
const HOLD_MS: u16 = 60;
const HEARTBEAT_MS: u16 = 100;

fn limits() -> Limits {
    let mut opposite = [None; 32];
    opposite[0] = Some(1);
    opposite[2] = Some(3);
    Limits {
        eyes: 8,
        diverters: 5,
        cameras: 2,
        opposite,
        hold_ms_max: HOLD_MS,
        hold_ticks_max: 60,
        lead_ticks_min: 2,
        ahead_ticks_max: 400,
        heartbeat_ms: HEARTBEAT_MS,
        jam_ms: 50,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Tick(u32),
    Jump(i32),
    Wait(u32),
    Beat,
    Stroke {
        device: u8,
        ahead: i32,
        hold: u16,
        hold_ms_max: u16,
        repeat: bool,
    },
    Trigger {
        device: u8,
        ahead: i32,
    },
    Withdraw(u16),
    Control(u16),
    Stop(bool),
    Eye(u8, bool),
    Write(u16, Vec<u16>),
    Read(u16, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..40_u32).prop_map(Step::Tick),
        1 => (-200..400_i32).prop_map(Step::Jump),
        4 => (1..40_u32).prop_map(Step::Wait),
        6 => Just(Step::Beat),
        8 => (0..6_u8, -20..450_i32, 0..80_u16, 0..200_u16, any::<bool>()).prop_map(
            |(device, ahead, hold, hold_ms_max, repeat)| Step::Stroke {
                device, ahead, hold, hold_ms_max, repeat,
            }
        ),
        3 => (0..3_u8, 0..450_i32).prop_map(|(device, ahead)| Step::Trigger { device, ahead }),
        1 => (0..20_u16).prop_map(Step::Withdraw),
        2 => (1..=3_u16).prop_map(Step::Control),
        1 => any::<bool>().prop_map(Step::Stop),
        2 => (0..10_u8, any::<bool>()).prop_map(|(eye, blocked)| Step::Eye(eye, blocked)),
        1 => (any::<u16>(), prop::collection::vec(any::<u16>(), 0..130))
            .prop_map(|(address, words)| Step::Write(address, words)),
        1 => (155..195_u16, prop::collection::vec(0..300_u16, 0..14))
            .prop_map(|(address, words)| Step::Write(address, words)),
        1 => (any::<u16>(), 0..300_usize).prop_map(|(address, words)| Step::Read(address, words)),
    ]
}

/// The node, and what the rules are checked against.
struct World {
    node: Node,
    now: u32,
    counter: u16,
    seq: u16,
    sent: Vec<Command>,
    on_since: [Option<u32>; 32],
    last_beat: u32,
}

impl World {
    fn new(count: u32) -> Self {
        let mut node = Node::new(limits(), 1);
        node.millis(0);
        node.encoder(count);
        Self {
            node,
            now: 0,
            counter: 0,
            seq: 0,
            sent: Vec::new(),
            on_since: [None; 32],
            last_beat: 0,
        }
    }

    fn status(&self) -> map::Status {
        self.node.status()
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Tick(ticks) => {
                for _ in 0..ticks {
                    self.node.encoder(self.node.count().wrapping_add(1));
                    self.check();
                }
            }
            Step::Jump(delta) => self
                .node
                .encoder(self.node.count().wrapping_add_signed(delta)),
            Step::Wait(ms) => {
                for _ in 0..ms {
                    self.now += 1;
                    self.node.millis(self.now);
                    self.check();
                }
            }
            Step::Beat => {
                self.counter = self.counter.wrapping_add(1);
                self.last_beat = self.now;
                let words = Heartbeat {
                    owner: OWNER,
                    counter: self.counter,
                }
                .encode();
                self.node.write(map::HEARTBEAT.start, &words).unwrap();
            }
            Step::Stroke {
                device,
                ahead,
                hold,
                hold_ms_max,
                repeat,
            } => {
                self.stroke(device, ahead, (hold, hold_ms_max), repeat);
            }
            Step::Trigger { device, ahead } => self.trigger(device, ahead),
            Step::Withdraw(back) => self.withdraw(back),
            Step::Control(code) => self.control(code),
            Step::Stop(active) => self.node.stop(active),
            Step::Eye(eye, blocked) => self.node.eye(eye, blocked),
            Step::Write(address, words) => {
                // Any answer is right, as long as there is one; a lucky arm moves the heartbeat on.
                if self.node.write(address, &words).is_ok() && map::CONTROL.holds(address, 1) {
                    self.counter = self.status().lease.heartbeat;
                    self.last_beat = self.now;
                }
            }
            Step::Read(address, words) => {
                let mut out = vec![0; words];
                let fits = self.node.read(address, &mut out).is_ok();
                assert!(!fits || (1..=125).contains(&words));
            }
        }
        self.check();
    }

    fn stroke(&mut self, device: u8, ahead: i32, holds: (u16, u16), repeat: bool) {
        let (hold, hold_ms_max) = holds;
        let command = self.command(CommandKind::Stroke, ahead);
        self.send(
            Command {
                device,
                hold,
                hold_ms_max,
                ..command
            },
            repeat,
        );
    }

    fn trigger(&mut self, device: u8, ahead: i32) {
        let command = self.command(CommandKind::Trigger, ahead);
        self.send(Command { device, ..command }, false);
    }

    fn withdraw(&mut self, back: u16) {
        let number = u32::from(self.seq.wrapping_sub(back));
        let command = self.command(CommandKind::Withdraw, 0);
        self.send(Command { number, ..command }, false);
    }

    fn control(&mut self, code: u16) {
        let request = ControlRequest::from_code(code).unwrap();
        if request == ControlRequest::Arm {
            self.counter = 0;
            self.last_beat = self.now;
        }
        let control = Control {
            owner: OWNER,
            watchdog_ms: HEARTBEAT_MS,
            request,
        };
        self.node
            .write(map::CONTROL.start, &control.encode())
            .unwrap();
    }

    fn command(&mut self, kind: CommandKind, ahead: i32) -> Command {
        self.seq = self.seq.wrapping_add(1).max(1);
        Command {
            kind,
            seq: self.seq,
            epoch: self.status().health.epoch,
            device: 0,
            at: self.node.count().wrapping_add_signed(ahead),
            hold: 0,
            hold_ms_max: 0,
            number: u32::from(self.seq),
        }
    }

    fn send(&mut self, command: Command, repeat: bool) {
        self.sent.push(command);
        self.node
            .write(map::COMMAND.start, &command.encode())
            .unwrap();
        if repeat {
            self.node
                .write(map::COMMAND.start, &command.encode())
                .unwrap();
        }
    }

    /// Rules that hold at every moment.
    fn check(&mut self) {
        let outputs = self.node.outputs();
        assert!(outputs & 0b11 != 0b11, "opposite outputs 0 and 1");
        assert!(outputs & 0b1100 != 0b1100, "opposite outputs 2 and 3");
        assert_eq!(outputs >> 5, 0, "outputs that are not connected");
        for (bit, since) in self.on_since.iter_mut().enumerate() {
            if outputs >> bit & 1 == 0 {
                *since = None;
            } else {
                let since = *since.get_or_insert(self.now);
                // Two strokes may follow each other without a pause between two checks, but each
                // tick is checked: an output that stays on over the limit is one stroke's.
                assert!(
                    self.now - since <= 2 * u32::from(HOLD_MS),
                    "output {bit} too long"
                );
            }
        }
        if outputs != 0 {
            let since_beat = self.now - self.last_beat;
            assert!(
                since_beat < u32::from(HEARTBEAT_MS),
                "outputs {since_beat} ms after heartbeat"
            );
            let flags = self.status().health.flags;
            assert!(
                !flags.has(map::Flags::STOP_LATCHED),
                "outputs while stopped"
            );
        }
        if let Some(count) = self.node.next_count() {
            assert_ne!(count, self.node.count(), "something due was not done");
        }
    }

    fn events(&self) -> Vec<Event> {
        let rings = self.status().rings;
        let first = rings.next.wrapping_sub(u32::from(rings.held));
        (0..u32::from(rings.held))
            .map(|n| {
                let seq = first.wrapping_add(n);
                let mut words = [0; map::EVENT_WORDS];
                self.node.read(map::event_address(seq), &mut words).unwrap();
                let event = Event::decode(&words);
                assert_eq!(event.seq, seq);
                event
            })
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_hold(
        count in prop_oneof![Just(0), Just(u32::MAX - 100), Just(0x7FFF_FF00_u32), any::<u32>()],
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new(count);
        world.apply(Step::Control(1));
        for step in steps {
            world.apply(step);
        }
        let mut fired = std::collections::BTreeSet::new();
        for event in world.events() {
            if event.kind() != Some(EventKind::StrokeFired) {
                continue;
            }
            let sent = world.sent.iter().find(|sent| u32::from(sent.seq) == event.value);
            // Commands also come from the random writes; their checksum cannot match by chance here.
            let sent = sent.expect("a stroke that nobody sent");
            prop_assert_eq!(event.at, sent.at, "fired at another count");
            prop_assert_eq!(event.device, sent.device);
            prop_assert!(fired.insert(event.value), "fired twice");
        }
    }

    #[test]
    fn jumping_is_stepping(
        strokes in prop::collection::vec((0..5_u8, 2..400_i32, 1..60_u16), 1..40),
    ) {
        // A caller that jumps from next_count to next_count sees what one that steps sees.
        let run = |jump: bool| {
            let mut world = World::new(0);
            world.apply(Step::Control(1));
            for (device, ahead, hold) in &strokes {
                let (device, ahead, hold) = (*device, *ahead, *hold);
                world.apply(Step::Stroke { device, ahead, hold, hold_ms_max: 1_000, repeat: false });
            }
            if jump {
                while let Some(count) = world.node.next_count() {
                    world.node.encoder(count);
                    world.check();
                }
            } else {
                world.apply(Step::Tick(600));
            }
            world.events()
        };
        prop_assert_eq!(run(true), run(false));
    }

    #[test]
    fn any_bytes_are_answered(request in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut world = World::new(0);
        let mut reply = [0; sortline_logic::PDU_MAX];
        let length = world.node.answer(&request, &mut reply);
        prop_assert_eq!(length == 0, request.is_empty());
        if let Some(function) = request.first() {
            prop_assert_eq!(reply[0] & 0x7F, function & 0x7F);
        }
    }
}
