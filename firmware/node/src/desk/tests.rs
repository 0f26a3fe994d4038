use proptest::prelude::*;
use sortline_logic::Limits as NodeLimits;
use sortline_mqtt::{Name, decode_event};
use sortline_regmap::{CommandKind, ControlRequest, EventKind};

use super::*;

/// A node on a belt, its desk, and all that it told.
struct Bench {
    desk: Desk,
    node: Node,
    topics: Topics,
    now_ms: u32,
    id: u32,
    told: Vec<Outgoing>,
}

const OWNER: u32 = 77;

impl Bench {
    fn new() -> Self {
        let limits = NodeLimits {
            eyes: 4,
            diverters: 2,
            cameras: 1,
            opposite: [None; 32],
            hold_ms_max: 500,
            hold_ticks_max: 500,
            lead_ticks_min: 5,
            ahead_ticks_max: 10_000,
            heartbeat_ms: 100,
            jam_ms: 0,
        };
        let topics = Topics::new("r", "s", "l", "n");
        let mut node = Node::new(limits, 9);
        node.millis(0);
        let mut desk = Desk::new(topics.clone());
        desk.begin(&node);
        Self {
            desk,
            node,
            topics,
            now_ms: 0,
            id: 0,
            told: Vec::new(),
        }
    }

    fn run(&mut self, ms: u32) {
        for _ in 0..ms {
            self.now_ms += 1;
            self.node.millis(self.now_ms);
            self.node.travel(self.node.count() + 1);
            let told = &mut self.told;
            self.desk.tell(&self.node, &mut |outgoing| {
                told.push(outgoing);
                true
            });
        }
    }

    fn header(&mut self) -> Header {
        self.id += 1;
        Header {
            id: self.id,
            owner: OWNER,
            epoch: self.node.status().health.epoch,
            deadline_ms: self.node.status().health.uptime_ms + 50,
        }
    }

    fn message(&self, wanted: &Wanted, header: Header) -> Message {
        Message {
            topic: self.topics.command(wanted.name()),
            payload: wanted.encode(header),
            retained: false,
        }
    }

    /// What the node says to a command.
    fn ask(&mut self, wanted: &Wanted) -> Option<Verdict> {
        let header = self.header();
        let message = self.message(wanted, header);
        self.desk.take(&message, &mut self.node);
        self.run(1);
        self.acked(header.id)
    }

    fn acked(&self, id: u32) -> Option<Verdict> {
        let topic = self.topics.ack(id);
        let told = self.told.iter().rev().find(|told| told.topic == topic)?;
        let ack = Ack::decode(&told.payload)?;
        assert_eq!((ack.id, ack.owner), (id, OWNER));
        Some(ack.verdict)
    }

    fn arm(&mut self) {
        let arm = Wanted::Control {
            request: ControlRequest::Arm,
            watchdog_ms: 100,
        };
        assert_eq!(self.ask(&arm), Some(Verdict::Answer(AckCode::Accepted)));
        assert!(self.node.status().health.flags.has(Flags::ARMED));
    }

    fn stroke(&self, seq: u16, at: u32) -> map::Command {
        map::Command {
            kind: CommandKind::Stroke,
            seq,
            epoch: self.node.status().health.epoch,
            device: 1,
            at,
            hold: 20,
            hold_ms_max: 100,
            number: 0,
        }
    }

    fn states(&self) -> Vec<State> {
        let topic = self.topics.state();
        let told = self.told.iter().filter(|told| told.topic == topic);
        told.map(|told| State::decode(&told.payload).unwrap())
            .collect()
    }

    fn events(&self) -> Vec<Event> {
        let topic = self.topics.event();
        let told = self.told.iter().filter(|told| told.topic == topic);
        told.map(|told| decode_event(&told.payload).unwrap())
            .collect()
    }
}

#[test]
fn a_stroke_is_acknowledged_and_told_when_it_was_made() {
    let mut bench = Bench::new();
    bench.arm();
    let at = bench.node.count() + 30;
    let wanted = Wanted::Command {
        command: bench.stroke(5, at),
        until: at,
    };
    assert_eq!(bench.ask(&wanted), Some(Verdict::Answer(AckCode::Accepted)));
    assert_eq!(bench.node.outputs(), 0);
    bench.run(60);
    let made: Vec<_> = bench
        .events()
        .into_iter()
        .filter(|event| event.value == 5)
        .map(|event| (event.kind(), event.at))
        .collect();
    let fired = (Some(EventKind::StrokeFired), at);
    let done = (Some(EventKind::StrokeDone), at + 20);
    assert_eq!(made, [fired, done]);
    let done = Verdict::Answer(AckCode::Done);
    assert_eq!(bench.ask(&Wanted::Lookup { seq: 5 }), Some(done));
    let never = Wanted::Lookup { seq: 6 };
    assert_eq!(bench.ask(&never), Some(Verdict::Unknown));
}

#[test]
fn a_stroke_begins_in_its_window_or_never() {
    let mut bench = Bench::new();
    bench.arm();
    let mut check = |seq: u16, ahead: i64, width: u32, expected: Option<i64>| {
        // The answer takes a step.
        let now = bench.node.count();
        let at = now.wrapping_add_signed(i32::try_from(ahead).unwrap());
        let wanted = Wanted::Command {
            command: bench.stroke(seq, at),
            until: at.wrapping_add(width),
        };
        let late = Verdict::Answer(AckCode::Refused(Refusal::Late));
        let verdict = expected.map_or(late, |_| Verdict::Answer(AckCode::Accepted));
        assert_eq!(bench.ask(&wanted), Some(verdict), "{seq}");
        bench.run(50);
        let fired = bench.events().into_iter().find(|event| {
            event.kind() == Some(EventKind::StrokeFired) && event.value == u32::from(seq)
        });
        let fired = fired.map(|event| i64::from(event.at.wrapping_sub(now).cast_signed()));
        assert_eq!(fired, expected, "{seq}");
        // The heartbeat goes on.
        let header = bench.header();
        let counter = u16::try_from(header.id).unwrap();
        let beat = bench.message(&Wanted::Beat { counter }, header);
        bench.desk.take(&beat, &mut bench.node);
    };
    check(1, 10, 0, Some(10));
    check(2, 10, 10, Some(10));
    check(3, 3, 0, None);
    check(4, 3, 2, Some(5));
    check(5, -3, 7, None);
    check(6, -3, 8, Some(5));
    check(7, 5, 0, Some(5));
}

#[test]
fn a_heartbeat_is_answered_by_the_state_and_its_loss_switches_off() {
    let mut bench = Bench::new();
    bench.arm();
    let at = bench.node.count() + 90;
    let long = map::Command {
        hold: 500,
        hold_ms_max: 500,
        ..bench.stroke(5, at)
    };
    let wanted = Wanted::Command {
        command: long,
        until: at,
    };
    bench.ask(&wanted);
    bench.run(60);
    let header = bench.header();
    let beat = bench.message(&Wanted::Beat { counter: 1 }, header);
    let before = bench.states().len();
    bench.desk.take(&beat, &mut bench.node);
    bench.run(1);
    let states = bench.states();
    assert_eq!(states.len(), before + 1);
    assert_eq!(states[before].status.lease.heartbeat, 1);
    assert_eq!(bench.acked(header.id), None);
    bench.run(60);
    assert_eq!(bench.node.outputs(), 2);
    bench.run(38);
    assert_eq!(bench.node.outputs(), 2);
    bench.run(2);
    assert_eq!(bench.node.outputs(), 0);
    let last = *bench.states().last().unwrap();
    bench.run(6);
    assert_eq!(
        bench.states().last().unwrap().status.health.trips,
        1,
        "{last:?}"
    );
}

#[test]
fn the_state_is_told_often_and_who_the_node_is_at_first_and_again() {
    let mut bench = Bench::new();
    bench.run(1_100);
    let states = bench.states();
    for pair in states.windows(2) {
        let [a, b] = pair else { panic!("two") };
        assert_eq!(b.number, a.number + 1);
        let ms = b.status.health.uptime_ms - a.status.health.uptime_ms;
        assert!(ms <= STATE_MS_MAX, "{ms}");
        assert_eq!(b.status.health.writes, 0);
    }
    let births = |topic: String| {
        let kept = |told: &&Outgoing| told.topic == topic && told.care == Care::Kept;
        bench.told.iter().filter(kept).count()
    };
    assert_eq!(births(bench.topics.factsheet()), 2);
    assert_eq!(births(bench.topics.connection()), 2);
    assert!(states.iter().all(|state| state.boot == 9));
    let sheet = factsheet(&bench.node);
    assert_eq!((sheet.ident.boot, sheet.limits.diverters), (9, 2));
}

#[test]
fn events_are_told_again_when_asked_for() {
    let mut bench = Bench::new();
    for blocked in [true, false, true] {
        bench.node.eye(2, blocked);
        bench.run(1);
    }
    let first = 9 << 16;
    let numbers: Vec<_> = bench.events().iter().map(|event| event.seq).collect();
    assert_eq!(numbers, [first, first + 1, first + 2]);
    bench.told.clear();
    let replay = |from, count| Wanted::Replay { from, count };
    let accepted = Some(Verdict::Answer(AckCode::Accepted));
    assert_eq!(bench.ask(&replay(first + 1, 9)), accepted);
    let numbers: Vec<_> = bench.events().iter().map(|event| event.seq).collect();
    assert_eq!(numbers, [first + 1, first + 2]);
    for from in [first + 3, first - 1, 0] {
        assert_eq!(
            bench.ask(&replay(from, 9)),
            Some(Verdict::Unknown),
            "{from}"
        );
    }
}

#[test]
fn what_cannot_be_sent_is_told_later_and_in_order() {
    let mut bench = Bench::new();
    bench.run(1);
    bench.told.clear();
    for n in 0..100_u8 {
        bench.node.eye(1, n % 2 == 0);
    }
    let mut room = 0;
    for _ in 0..40 {
        room += 10;
        let told = &mut bench.told;
        bench.desk.tell(&bench.node, &mut |outgoing| {
            if told.len() < room {
                told.push(outgoing);
                return true;
            }
            false
        });
    }
    let numbers: Vec<_> = bench.events().iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (9 << 16..(9 << 16) + 100).collect::<Vec<_>>());
}

#[test]
fn writes_of_others_show_and_own_ones_do_not() {
    let mut bench = Bench::new();
    bench.arm();
    bench.run(20);
    assert_eq!(bench.states().last().unwrap().status.health.writes, 0);
    let heartbeat = Heartbeat {
        owner: OWNER,
        counter: 1,
    };
    bench
        .node
        .write(map::HEARTBEAT.start, &heartbeat.encode())
        .unwrap();
    bench.run(20);
    assert_eq!(bench.states().last().unwrap().status.health.writes, 1);
}

#[test]
fn stale_kept_repeated_and_foreign_commands_move_nothing() {
    let mut bench = Bench::new();
    bench.arm();
    let at = bench.node.count() + 40;
    let wanted = Wanted::Command {
        command: bench.stroke(5, at),
        until: at,
    };
    let fine = bench.header();
    let mut check = |header: Header, retained: bool, expected: Refused| {
        let mut message = bench.message(&wanted, header);
        message.retained = retained;
        bench.desk.take(&message, &mut bench.node);
        bench.run(1);
        let topic = bench.topics.ack(header.id);
        let told = bench.told.iter().rev().find(|told| told.topic == topic);
        let ack = told.and_then(|told| Ack::decode(&told.payload)).unwrap();
        let stale = Verdict::Answer(AckCode::Refused(Refusal::StaleEpoch));
        let expected = if expected == Refused::StaleEpoch {
            stale
        } else {
            Verdict::Refused(expected)
        };
        assert_eq!(ack.verdict, expected);
        assert_eq!(bench.node.status().health.strokes, 0);
    };
    check(fine, true, Refused::Retained);
    let late = Header {
        deadline_ms: 0,
        ..fine
    };
    check(late, false, Refused::Expired);
    let foreign = Header {
        owner: OWNER + 1,
        ..fine
    };
    check(foreign, false, Refused::Foreign);
    let stale = Header { epoch: 9, ..fine };
    check(stale, false, Refused::StaleEpoch);
    let message = bench.message(&wanted, fine);
    bench.desk.take(&message, &mut bench.node);
    assert_eq!(bench.node.status().health.strokes, 1);
    bench.desk.take(&message, &mut bench.node);
    bench.run(60);
    assert_eq!(bench.node.status().health.commands, 1);
    let refusals = bench.states().last().unwrap().refusals;
    assert_eq!((refusals.total(), refusals.duplicate), (5, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn nothing_moves_by_nonsense(
        messages in proptest::collection::vec(
            ("(stroke|trigger|withdraw|control|beat|replay|lookup|[a-z/+#]{0,8})",
             proptest::collection::vec(any::<u8>(), 0..120), any::<bool>()),
            1..8,
        ),
        cut in 0_usize..120,
        flip in any::<u8>(),
    ) {
        let mut bench = Bench::new();
        bench.arm();
        let before = bench.node.status();
        let at = bench.node.count() + 40;
        let wanted = Wanted::Command { command: bench.stroke(5, at), until: at };
        let header = bench.header();
        // A command that was damaged on its way.
        let mut payload = wanted.encode(header);
        let place = cut % payload.len();
        payload[place] ^= flip | 0x80;
        let damaged = Message {
            topic: bench.topics.command(Name::Stroke), payload: payload.clone(), retained: false,
        };
        payload.truncate(place);
        let short = Message { payload, ..damaged.clone() };
        bench.desk.take(&damaged, &mut bench.node);
        bench.desk.take(&short, &mut bench.node);
        for (name, payload, retained) in messages {
            let topic = format!("r/v1/s/l/node/n/cmd/{name}");
            bench.desk.take(&Message { topic, payload, retained }, &mut bench.node);
        }
        let after = bench.node.status();
        prop_assert_eq!(before, after);
        bench.run(60);
        prop_assert_eq!(bench.node.outputs(), 0);
        prop_assert_eq!(bench.node.status().health.strokes, 0);
    }
}
