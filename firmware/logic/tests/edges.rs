//! The encoder's own half does at every count what the whole node would have done.
#![cfg(test)]

use proptest::prelude::*;
use sortline_logic::{Encoder, Limits, Node};
use sortline_regmap as map;
use sortline_regmap::{Command, CommandKind, Control, ControlRequest};

fn node() -> Node {
    let mut opposite = [None; 32];
    opposite[0] = Some(1);
    let limits = Limits {
        eyes: 8,
        diverters: 6,
        cameras: 2,
        opposite,
        hold_ms_max: 500,
        hold_ticks_max: 500,
        lead_ticks_min: 1,
        ahead_ticks_max: 10_000,
        heartbeat_ms: 100,
        jam_ms: 1_000,
    };
    let mut node = Node::new(limits, 3);
    node.millis(0);
    let arm = Control {
        owner: 5,
        watchdog_ms: 100,
        request: ControlRequest::Arm,
    };
    node.write(map::CONTROL.start, &arm.encode()).unwrap();
    node
}

#[derive(Clone, Debug)]
enum Step {
    Stroke {
        diverter: u8,
        ahead: u32,
        hold: u16,
        ms: u16,
    },
    Trigger {
        camera: u8,
        ahead: u32,
    },
    Withdraw {
        back: u16,
    },
    Forward(u32),
    Backward(u32),
    Millis(u32),
    Stop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_u8..6, 1_u32..60, 1_u16..40, 1_u16..50)
            .prop_map(|(diverter, ahead, hold, ms)| Step::Stroke { diverter, ahead, hold, ms }),
        2 => (0_u8..2, 1_u32..60).prop_map(|(camera, ahead)| Step::Trigger { camera, ahead }),
        1 => (0_u16..4).prop_map(|back| Step::Withdraw { back }),
        6 => (1_u32..30).prop_map(Step::Forward),
        1 => (1_u32..10).prop_map(Step::Backward),
        2 => (1_u32..20).prop_map(Step::Millis),
        1 => Just(Step::Stop),
    ];
    prop::collection::vec(step, 1..60)
}

const BLANK: Command = Command {
    kind: CommandKind::Stroke,
    seq: 0,
    epoch: 0,
    device: 0,
    at: 0,
    hold: 0,
    hold_ms_max: 0,
    number: 0,
};

/// A node and, where it has one, the encoder in front of it.
struct Side {
    node: Node,
    encoder: Option<Encoder>,
    pins: u32,
    /// Counts that may pass before the node hears of it.
    lag: u32,
    behind: u32,
    seq: u16,
    now: u32,
    /// What could be seen from outside: outputs after every count, and camera pulses.
    seen: Vec<(u32, u32, u8)>,
}

impl Side {
    fn new(lag: Option<u32>) -> Self {
        Self {
            node: node(),
            encoder: lag.map(|_| Encoder::default()),
            pins: 0,
            lag: lag.unwrap_or(0),
            behind: 0,
            seq: 0,
            now: 0,
            seen: Vec::new(),
        }
    }

    fn count(&self) -> u32 {
        self.encoder
            .as_ref()
            .map_or(self.node.count(), Encoder::count)
    }

    fn with_node(&mut self, act: impl FnOnce(&mut Node)) {
        if let Some(encoder) = &mut self.encoder {
            self.node.follow(encoder);
            act(&mut self.node);
            self.node.lay_out(encoder);
        } else {
            act(&mut self.node);
        }
        while self.node.take_trigger().is_some() {}
        self.pins = self.node.outputs();
        self.behind = 0;
    }

    fn move_to(&mut self, count: u32) {
        let mut cameras = 0;
        if let Some(encoder) = &mut self.encoder {
            if let Some(edge) = encoder.moved_to(count) {
                self.pins = edge.outputs;
                cameras = edge.cameras;
            }
            self.behind += 1;
            if self.behind > self.lag {
                self.with_node(|_| {});
            }
        } else {
            self.node.encoder(count);
            self.pins = self.node.outputs();
            while let Some(pulse) = self.node.take_trigger() {
                cameras |= 1 << pulse.camera;
            }
        }
        self.seen.push((count, self.pins, cameras));
    }

    fn command(&mut self, command: Command) {
        self.seq += 1;
        let command = Command {
            seq: self.seq,
            epoch: self.node.status().health.epoch,
            ..command
        };
        self.with_node(|node| {
            node.write(map::COMMAND.start, &command.encode()).unwrap();
        });
    }

    fn apply(&mut self, step: &Step) {
        let count = self.count();
        match *step {
            Step::Stroke {
                diverter,
                ahead,
                hold,
                ms,
            } => self.command(Command {
                device: diverter,
                at: count.wrapping_add(ahead),
                hold,
                hold_ms_max: ms,
                ..BLANK
            }),
            Step::Trigger { camera, ahead } => self.command(Command {
                kind: CommandKind::Trigger,
                device: camera,
                at: count.wrapping_add(ahead),
                number: 7,
                ..BLANK
            }),
            Step::Withdraw { back } => self.command(Command {
                kind: CommandKind::Withdraw,
                number: self.seq.saturating_sub(back).into(),
                ..BLANK
            }),
            Step::Forward(counts) => {
                for _ in 0..counts {
                    self.move_to(self.count().wrapping_add(1));
                }
            }
            Step::Backward(counts) => {
                for _ in 0..counts {
                    self.move_to(self.count().wrapping_sub(1));
                }
            }
            Step::Millis(ms) => {
                self.now += ms;
                let now = self.now;
                self.with_node(|node| node.millis(now));
            }
            Step::Stop => self.with_node(|node| {
                node.stop(true);
                node.stop(false);
                for request in [ControlRequest::Reset, ControlRequest::Arm] {
                    let control = Control {
                        owner: 5,
                        watchdog_ms: 100,
                        request,
                    };
                    node.write(map::CONTROL.start, &control.encode()).unwrap();
                }
            }),
        }
    }

    fn events(&mut self) -> Vec<u16> {
        self.with_node(|_| {});
        let mut words = vec![0; usize::from(map::EVENTS.words)];
        for (page, words) in (0_u16..).zip(words.chunks_mut(120)) {
            self.node
                .read(map::EVENTS.start + page * 120, words)
                .unwrap();
        }
        words
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn pins_move_as_if_the_whole_node_ran_at_every_count(
        steps in steps(),
        lag in 0_u32..4,
        start in prop_oneof![Just(0_u32), Just(u32::MAX - 100)],
    ) {
        let mut whole = Side::new(None);
        let mut split = Side::new(Some(lag));
        for side in [&mut whole, &mut split] {
            side.move_to(start);
            side.with_node(|_| {});
        }
        for step in &steps {
            whole.apply(step);
            split.apply(step);
        }
        prop_assert_eq!(&whole.seen, &split.seen);
        // A belt that ran to and fro within the lag is seen by the net way only.
        if !steps.iter().any(|step| matches!(step, Step::Backward(_))) {
            prop_assert_eq!(whole.events(), split.events());
        }
    }
}

#[test]
fn what_the_encoder_was_never_told_of_is_late() {
    let mut split = Side::new(Some(u32::MAX));
    split.lag = u32::MAX;
    for diverter in [0, 2, 3] {
        split.apply(&Step::Stroke {
            diverter,
            ahead: 10 * u32::from(diverter) + 5,
            hold: 3,
            ms: 100,
        });
    }
    // Four edges are known: on and off of the first two strokes. The third comes after them.
    split.apply(&Step::Forward(60));
    assert!(split.seen.iter().all(|(_, pins, _)| pins & 1 << 3 == 0));
    assert_eq!(
        split.seen.iter().filter(|(_, pins, _)| *pins != 0).count(),
        6
    );
    split.with_node(|_| {});
    let status = split.node.status();
    assert_eq!((status.health.jumped, status.levels.desired), (1, 0));
}

#[test]
fn the_next_edge_is_told_to_a_timer_that_compares() {
    let mut split = Side::new(Some(0));
    split.apply(&Step::Stroke {
        diverter: 0,
        ahead: 5,
        hold: 3,
        ms: 100,
    });
    let next = |side: &Side| side.encoder.as_ref().and_then(Encoder::next);
    assert_eq!(next(&split), Some(5));
    split.apply(&Step::Forward(5));
    assert_eq!(next(&split), Some(8));
    split.apply(&Step::Forward(3));
    assert_eq!(next(&split), None);
}
