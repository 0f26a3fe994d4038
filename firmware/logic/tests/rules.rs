//! The node's rules, one table or scenario each, through its public face: registers, counts, time.
#![cfg(test)]

use sortline_logic::{Exception, Limits, Node};
use sortline_regmap as map;
use sortline_regmap::{
    Ack, AckCode, Command, CommandKind, Control, ControlRequest, ControlResult, Event, EventKind,
    Flags, Heartbeat, Refusal,
};

const OWNER: u32 = 0xCAFE;

fn limits() -> Limits {
    let mut opposite = [None; 32];
    opposite[0] = Some(1);
    Limits {
        eyes: 4,
        diverters: 3,
        cameras: 2,
        opposite,
        hold_ms_max: 500,
        hold_ticks_max: 400,
        lead_ticks_min: 10,
        ahead_ticks_max: 5_000,
        heartbeat_ms: 100,
        jam_ms: 1_000,
    }
}

struct Rig {
    node: Node,
    now: u32,
    beats: u16,
    seq: u16,
}

impl Rig {
    fn new() -> Self {
        let mut node = Node::new(limits(), 7);
        node.millis(0);
        Self {
            node,
            now: 0,
            beats: 0,
            seq: 0,
        }
    }

    fn armed() -> Self {
        let mut rig = Self::new();
        rig.control(OWNER, 100, ControlRequest::Arm).unwrap();
        let status = rig.status();
        assert!(status.health.flags.has(Flags::ARMED));
        assert_eq!((status.lease.owner, status.lease.watchdog_ms), (OWNER, 100));
        rig
    }

    fn control(
        &mut self,
        owner: u32,
        watchdog_ms: u16,
        request: ControlRequest,
    ) -> Result<(), Exception> {
        self.beats = 0;
        let words = Control {
            owner,
            watchdog_ms,
            request,
        }
        .encode();
        self.node.write(map::CONTROL.start, &words)
    }

    fn status(&self) -> map::Status {
        let mut words = [0; map::STATUS_WORDS];
        self.node.read(map::STATUS.start, &mut words).unwrap();
        map::Status::decode(&words).unwrap()
    }

    fn beat(&mut self) {
        self.beats = self.beats.wrapping_add(1);
        let words = Heartbeat {
            owner: OWNER,
            counter: self.beats,
        }
        .encode();
        self.node.write(map::HEARTBEAT.start, &words).unwrap();
        let lease = self.status().lease;
        assert!(lease.owner != OWNER || lease.heartbeat == self.beats);
    }

    /// Time goes on by `ms`, with heartbeats; the belt stands.
    fn wait(&mut self, ms: u32) {
        for _ in 0..ms {
            self.now += 1;
            self.node.millis(self.now);
            self.beat();
        }
    }

    /// The belt moves to `count`, tick by tick.
    fn run_to(&mut self, count: u32) {
        while self.node.count() != count {
            self.node.encoder(self.node.count().wrapping_add(1));
        }
    }

    fn command(&self, kind: CommandKind, seq: u16) -> Command {
        Command {
            kind,
            seq,
            epoch: self.status().health.epoch,
            device: 0,
            at: 0,
            hold: 0,
            hold_ms_max: 0,
            number: 0,
        }
    }

    fn send(&mut self, command: &Command) -> AckCode {
        self.node
            .write(map::COMMAND.start, &command.encode())
            .unwrap();
        let mut words = [0; map::ACK_WORDS];
        self.node
            .read(map::ack_address(command.seq), &mut words)
            .unwrap();
        let ack = Ack::decode(words).expect("an answer");
        assert_eq!(ack.seq, command.seq);
        ack.result
    }

    fn stroke(&mut self, diverter: u8, fire_at: u32, hold: u16) -> AckCode {
        self.seq += 1;
        let command = Command {
            device: diverter,
            at: fire_at,
            hold,
            hold_ms_max: 300,
            ..self.command(CommandKind::Stroke, self.seq)
        };
        self.send(&command)
    }

    fn trigger(&mut self, camera: u8, at: u32, number: u32) -> AckCode {
        self.seq += 1;
        let command = Command {
            device: camera,
            at,
            number,
            ..self.command(CommandKind::Trigger, self.seq)
        };
        self.send(&command)
    }

    fn result(&self, seq: u16) -> AckCode {
        let mut words = [0; map::ACK_WORDS];
        self.node.read(map::ack_address(seq), &mut words).unwrap();
        Ack::decode(words).unwrap().result
    }

    fn events(&self) -> Vec<(EventKind, u8, u16, u32, u32)> {
        let rings = self.status().rings;
        let mut seq = rings.next.wrapping_sub(u32::from(rings.held));
        let mut events = Vec::new();
        while let Some((address, count)) = map::event_page(seq, rings.next.wrapping_sub(seq)) {
            let mut words = vec![0; usize::from(count) * map::EVENT_WORDS];
            self.node.read(address, &mut words).unwrap();
            for slot in words.chunks_exact(map::EVENT_WORDS) {
                let event = Event::decode(slot.try_into().unwrap());
                assert_eq!(event.seq, seq);
                seq = seq.wrapping_add(1);
                let kind = event.kind().unwrap();
                events.push((kind, event.device, event.detail, event.at, event.value));
            }
        }
        events
    }
}

fn refused(refusal: Refusal) -> AckCode {
    AckCode::Refused(refusal)
}

#[test]
fn stroke_is_on_from_its_count_to_its_end() {
    let mut rig = Rig::armed();
    assert_eq!(rig.stroke(0, 100, 50), AckCode::Accepted);
    for count in 1..=200 {
        rig.run_to(count);
        assert_eq!(
            rig.node.outputs(),
            u32::from((100..150).contains(&count)),
            "count {count}"
        );
    }
    assert_eq!(rig.result(1), AckCode::Done);
    let events = rig.events();
    assert!(events.contains(&(EventKind::StrokeFired, 0, 0, 100, 1)));
    assert!(events.contains(&(EventKind::StrokeDone, 0, 0, 150, 1)));
}

#[test]
fn counts_wrap() {
    let mut rig = Rig::new();
    rig.node.encoder(u32::MAX - 20);
    rig.control(OWNER, 100, ControlRequest::Arm).unwrap();
    assert_eq!(rig.stroke(2, 5, 10), AckCode::Accepted);
    rig.run_to(4);
    assert_eq!(rig.node.outputs(), 0);
    rig.run_to(5);
    assert_eq!(rig.node.outputs(), 4);
    rig.run_to(15);
    assert_eq!(rig.node.outputs(), 0);
}

/// With a stroke of diverter 0 from 1,200 to 1,300 in the queue, at count 1,000.
fn check_stroke(stroke: (u8, u32, u16), expected: AckCode, name: &str) {
    let (diverter, fire_at, hold) = stroke;
    let mut rig = Rig::armed();
    rig.run_to(1_000);
    assert_eq!(rig.stroke(0, 1_200, 100), AckCode::Accepted);
    assert_eq!(rig.stroke(diverter, fire_at, hold), expected, "{name}");
}

#[test]
fn refusals_by_device_and_distance() {
    check_stroke(
        (2, 1_009, 10),
        refused(Refusal::Late),
        "nearer than the lead",
    );
    check_stroke((2, 1_010, 10), AckCode::Accepted, "just the lead");
    check_stroke((2, 900, 10), refused(Refusal::Late), "passed");
    check_stroke((2, 6_000, 10), AckCode::Accepted, "just ahead");
    check_stroke((2, 6_001, 10), refused(Refusal::TooFar), "too far ahead");
    check_stroke(
        (3, 1_500, 10),
        refused(Refusal::Unknown),
        "no such diverter",
    );
    check_stroke(
        (255, 1_500, 10),
        refused(Refusal::Unknown),
        "no such diverter",
    );
    check_stroke((2, 1_500, 400), AckCode::Accepted, "just not too long");
    check_stroke((2, 1_500, 401), refused(Refusal::TooLong), "too long");
    check_stroke((2, 1_500, 0), refused(Refusal::TooLong), "no hold");
    assert_eq!(
        Rig::armed().trigger(2, 1_500, 1),
        refused(Refusal::Unknown),
        "no such camera"
    );
}

#[test]
fn refusals_by_other_strokes() {
    check_stroke(
        (0, 1_299, 10),
        refused(Refusal::Overlap),
        "overlaps the end",
    );
    check_stroke(
        (0, 1_150, 51),
        refused(Refusal::Overlap),
        "overlaps the begin",
    );
    check_stroke((0, 1_300, 10), AckCode::Accepted, "follows");
    check_stroke((0, 1_150, 50), AckCode::Accepted, "precedes");
    check_stroke((1, 1_299, 10), refused(Refusal::Opposite), "opposite");
    check_stroke((1, 1_300, 10), AckCode::Accepted, "opposite follows");
    check_stroke((2, 1_200, 100), AckCode::Accepted, "another machine");
}

#[test]
fn running_stroke_refuses_overlap() {
    let mut rig = Rig::armed();
    rig.stroke(0, 100, 300);
    rig.run_to(150);
    assert_eq!(rig.stroke(0, 399, 10), refused(Refusal::Overlap));
    assert_eq!(rig.stroke(1, 399, 10), refused(Refusal::Opposite));
    assert_eq!(rig.stroke(1, 400, 10), AckCode::Accepted);
}

#[test]
fn queue_holds_64() {
    let mut rig = Rig::armed();
    for n in 0..64 {
        assert_eq!(
            rig.stroke(2, 100 + n * 20, 10),
            AckCode::Accepted,
            "stroke {n}"
        );
    }
    assert_eq!(rig.stroke(2, 4_000, 10), refused(Refusal::QueueFull));
    assert_eq!(rig.status().health.strokes, 64);
    rig.run_to(100);
    assert_eq!(rig.stroke(2, 4_000, 10), AckCode::Accepted);
}

#[test]
fn not_armed_and_stale_epoch() {
    let mut rig = Rig::new();
    assert_eq!(rig.stroke(0, 100, 10), refused(Refusal::Stopped));
    rig.control(OWNER, 100, ControlRequest::Arm).unwrap();
    let stale = Command {
        at: 100,
        hold: 10,
        hold_ms_max: 10,
        epoch: 7,
        ..rig.command(CommandKind::Stroke, 50)
    };
    assert_eq!(rig.send(&stale), refused(Refusal::StaleEpoch));
    rig.run_to(200);
    assert_eq!(rig.node.outputs(), 0);
}

#[test]
fn damaged_command_does_nothing() {
    let mut rig = Rig::armed();
    let command = Command {
        at: 100,
        hold: 10,
        hold_ms_max: 10,
        ..rig.command(CommandKind::Stroke, 1)
    };
    let good = command.encode();
    for word in 0..good.len() {
        for bit in 0..16 {
            let mut words = good;
            words[word] ^= 1 << bit;
            rig.node.write(map::COMMAND.start, &words).unwrap();
            let lease = rig.status().lease;
            assert_eq!(
                lease.last_result,
                Some(refused(Refusal::Checksum)),
                "{word} {bit}"
            );
            assert_eq!(rig.status().health.strokes, 0);
        }
    }
    // Torn: one half of an old command, one of another.
    let other = Command {
        at: 500,
        seq: 2,
        ..command
    }
    .encode();
    rig.node.write(map::COMMAND.start, &other[..5]).unwrap();
    rig.node.write(map::COMMAND.start + 5, &good[5..]).unwrap();
    assert_eq!(rig.status().health.strokes, 0);
    // Whole, but word by word.
    for (address, word) in (map::COMMAND.start..).zip(good) {
        rig.node.write(address, &[word]).unwrap();
    }
    assert_eq!(rig.status().health.strokes, 1);
}

#[test]
fn repeated_command_is_answered_and_not_done_again() {
    let mut rig = Rig::armed();
    let command = Command {
        at: 100,
        hold: 50,
        hold_ms_max: 300,
        ..rig.command(CommandKind::Stroke, 1)
    };
    assert_eq!(rig.send(&command), AckCode::Accepted);
    assert_eq!(rig.send(&command), AckCode::Accepted);
    assert_eq!(rig.status().health.strokes, 1);
    rig.run_to(120);
    assert_eq!(rig.send(&command), AckCode::Fired);
    rig.run_to(150);
    assert_eq!(rig.send(&command), AckCode::Done);
    assert_eq!(rig.status().health.strokes, 0);
    let fired = rig
        .events()
        .iter()
        .filter(|event| event.0 == EventKind::StrokeFired)
        .count();
    assert_eq!(fired, 1);
}

#[test]
fn number_in_use_by_another_command_is_refused() {
    let mut rig = Rig::armed();
    let command = Command {
        at: 100,
        hold: 50,
        hold_ms_max: 300,
        ..rig.command(CommandKind::Stroke, 1)
    };
    assert_eq!(rig.send(&command), AckCode::Accepted);
    rig.node
        .write(map::COMMAND.start, &Command { at: 900, ..command }.encode())
        .unwrap();
    assert_eq!(
        rig.status().lease.last_result,
        Some(refused(Refusal::Overlap))
    );
    assert_eq!(rig.result(1), AckCode::Accepted);
    assert_eq!(rig.status().health.strokes, 1);
    // Nor is that of a stroke that is on, or of a trigger that waits, free.
    rig.seq = 1;
    assert_eq!(rig.trigger(0, 500, 9), AckCode::Accepted);
    rig.run_to(120);
    assert_eq!(rig.node.outputs(), 1);
    for seq in [1, 2] {
        let other = Command {
            device: 2,
            at: 1_000,
            seq,
            ..command
        };
        let words = other.encode();
        rig.node.write(map::COMMAND.start, &words).unwrap();
        let last = rig.status().lease.last_result;
        assert_eq!(last, Some(refused(Refusal::Overlap)), "{seq}");
    }
}

#[test]
fn an_epoch_says_why_the_one_before_ended() {
    let mut rig = Rig::armed();
    let check = |rig: &mut Rig, fault: u16| {
        let health = rig.status().health;
        assert_eq!(health.last_fault, fault);
        let event = (EventKind::NewEpoch, 0, fault, 0, health.epoch.into());
        assert_eq!(rig.events().last(), Some(&event));
    };
    check(&mut rig, 0);
    for ms in [50, 150] {
        rig.node.millis(ms);
    }
    check(&mut rig, 1);
    rig.node.stop(true);
    check(&mut rig, 2);
}

#[test]
fn withdrawal() {
    let mut rig = Rig::armed();
    rig.stroke(0, 100, 50);
    rig.stroke(2, 100, 50);
    let withdraw = |rig: &mut Rig, stroke: u32| {
        rig.seq += 1;
        let command = Command {
            number: stroke,
            ..rig.command(CommandKind::Withdraw, rig.seq)
        };
        rig.send(&command)
    };
    assert_eq!(withdraw(&mut rig, 1), AckCode::Accepted);
    assert_eq!(rig.result(1), AckCode::Withdrawn);
    assert_eq!(withdraw(&mut rig, 1), refused(Refusal::Unknown));
    assert_eq!(withdraw(&mut rig, 99), refused(Refusal::Unknown));
    assert_eq!(withdraw(&mut rig, 0x1_0002), refused(Refusal::Unknown));
    rig.run_to(100);
    assert_eq!(rig.node.outputs(), 4);
    assert_eq!(withdraw(&mut rig, 2), refused(Refusal::Late));
    rig.run_to(150);
    assert_eq!(withdraw(&mut rig, 2), refused(Refusal::Late));
    assert!(rig.events().contains(&(EventKind::Withdrawn, 0, 0, 0, 1)));
}

#[test]
fn hold_ends_in_milliseconds_when_the_belt_stands() {
    for (asked, lasts) in [(300, 300), (500, 500), (60_000, 500), (1, 1)] {
        let mut rig = Rig::armed();
        let command = Command {
            at: 100,
            hold: 400,
            hold_ms_max: asked,
            ..rig.command(CommandKind::Stroke, 1)
        };
        assert_eq!(rig.send(&command), AckCode::Accepted);
        rig.run_to(100);
        rig.wait(lasts - 1);
        assert_eq!(rig.node.outputs(), 1, "asked {asked}");
        assert_eq!(rig.node.next_millis(), Some(rig.now + 1), "asked {asked}");
        rig.wait(1);
        assert_eq!(rig.node.outputs(), 0, "asked {asked}");
    }
}

#[test]
fn watchdog_trips_when_the_counter_does_not_advance() {
    // Counter sent every 10 ms; what of it keeps the node armed.
    let check = |counter: &dyn Fn(u16) -> u16, owner: u32, alive: bool, name: &str| {
        let mut rig = Rig::armed();
        rig.stroke(0, 100, 400);
        rig.stroke(2, 4_000, 10);
        rig.run_to(100);
        for beat in 1..=30 {
            let words = Heartbeat {
                owner,
                counter: counter(beat),
            }
            .encode();
            rig.node.write(map::HEARTBEAT.start, &words).unwrap();
            for _ in 0..10 {
                rig.now += 1;
                rig.node.millis(rig.now);
            }
        }
        let health = rig.status().health;
        assert_eq!(health.flags.has(Flags::ARMED), alive, "{name}");
        assert_eq!(health.flags.has(Flags::TRIPPED), !alive, "{name}");
        assert_eq!(health.strokes, u16::from(alive), "{name}");
        assert_eq!(health.epoch, if alive { 8 } else { 9 }, "{name}");
        if !alive {
            assert_eq!(rig.node.outputs(), 0, "{name}");
            assert_eq!(rig.result(2), refused(Refusal::Stopped), "{name}");
        }
    };
    check(&|beat| beat, OWNER, true, "advances");
    check(
        &|beat| beat.wrapping_mul(1_000),
        OWNER,
        true,
        "advances by more",
    );
    check(&|_| 5, OWNER, false, "frozen");
    check(&|beat| 5 + beat % 2, OWNER, false, "toggles");
    check(&|beat| 100 - beat, OWNER, false, "counts down");
    check(&|beat| beat, OWNER + 1, false, "of another owner");
}

#[test]
fn outputs_go_off_exactly_at_the_watchdog_time() {
    let mut rig = Rig::armed();
    rig.stroke(0, 100, 400);
    rig.run_to(100);
    rig.wait(40);
    for ms in 1..=100 {
        assert_eq!(rig.node.outputs(), 1, "{ms} ms after the last heartbeat");
        assert_eq!(rig.node.next_millis(), Some(140));
        rig.now += 1;
        rig.node.millis(rig.now);
    }
    assert_eq!(rig.node.outputs(), 0);
    assert_eq!(rig.status().health.trips, 1);
}

#[test]
fn stop_takes_effect_at_once_and_needs_a_reset() {
    let mut rig = Rig::armed();
    rig.stroke(0, 100, 400);
    rig.stroke(2, 300, 10);
    rig.run_to(150);
    let circuit = |rig: &Rig| {
        let flags = rig.status().health.flags;
        [Flags::STOP_OPEN, Flags::STOP_LATCHED].map(|flag| flags.has(flag))
    };
    assert_eq!(circuit(&rig), [false, false]);
    rig.node.stop(true);
    assert_eq!(circuit(&rig), [true, true]);
    assert_eq!(rig.node.outputs(), 0);
    assert_eq!(rig.status().health.epoch, 9);
    rig.run_to(400);
    assert_eq!(rig.node.outputs(), 0);
    let attempt = |rig: &mut Rig, request, expected: ControlResult| {
        rig.control(OWNER, 100, request).unwrap();
        assert_eq!(rig.status().lease.control, expected);
    };
    attempt(&mut rig, ControlRequest::Arm, ControlResult::StopOpen);
    attempt(&mut rig, ControlRequest::Reset, ControlResult::StopOpen);
    rig.node.stop(false);
    assert_eq!(circuit(&rig), [false, true]);
    attempt(&mut rig, ControlRequest::Arm, ControlResult::Latched);
    assert_eq!(rig.stroke(2, 500, 10), refused(Refusal::Stopped));
    attempt(&mut rig, ControlRequest::Reset, ControlResult::Done);
    attempt(&mut rig, ControlRequest::Arm, ControlResult::Done);
    assert_eq!(rig.stroke(2, 500, 10), AckCode::Accepted);
    let kinds: Vec<EventKind> = rig.events().iter().map(|event| event.0).collect();
    assert!(kinds.contains(&EventKind::StopOpen) && kinds.contains(&EventKind::StopClosed));
}

#[test]
fn stop_at_every_tick_of_a_stroke() {
    for at in 90..=160 {
        let mut rig = Rig::armed();
        rig.stroke(0, 100, 50);
        rig.run_to(at);
        rig.node.stop(true);
        assert_eq!(rig.node.outputs(), 0, "stop at {at}");
        rig.run_to(at + 200);
        assert_eq!(rig.node.outputs(), 0, "stop at {at}");
    }
}

#[test]
fn arming_is_refused_to_a_second_controller() {
    let mut rig = Rig::armed();
    rig.control(OWNER + 1, 100, ControlRequest::Arm).unwrap();
    assert_eq!(rig.status().lease.control, ControlResult::Owned);
    rig.control(OWNER + 1, 100, ControlRequest::Disarm).unwrap();
    assert_eq!(rig.status().lease.control, ControlResult::Owned);
    assert_eq!(rig.status().lease.owner, OWNER);
    rig.now += 100;
    rig.node.millis(rig.now);
    rig.control(OWNER + 1, 100, ControlRequest::Arm).unwrap();
    assert_eq!(rig.status().lease.control, ControlResult::Done);
    assert_eq!(rig.status().lease.owner, OWNER + 1);
}

#[test]
fn arming_again_empties_the_queue_and_lets_a_running_stroke_end() {
    let mut rig = Rig::armed();
    rig.stroke(0, 100, 50);
    rig.stroke(2, 200, 50);
    rig.run_to(120);
    rig.control(OWNER, 100, ControlRequest::Arm).unwrap();
    assert_eq!(rig.status().health.epoch, 9);
    assert_eq!(rig.status().health.strokes, 0);
    assert_eq!(rig.node.outputs(), 1);
    rig.run_to(150);
    assert_eq!(rig.node.outputs(), 0);
    rig.run_to(300);
    assert_eq!(rig.node.outputs(), 0);
}

#[test]
fn disarming_switches_off() {
    let mut rig = Rig::armed();
    rig.stroke(0, 100, 50);
    rig.run_to(120);
    rig.control(OWNER, 0, ControlRequest::Disarm).unwrap();
    assert_eq!(rig.node.outputs(), 0);
    assert!(!rig.status().health.flags.has(Flags::ARMED));
    assert_eq!(rig.status().health.epoch, 9);
}

#[test]
fn values_not_allowed_change_nothing() {
    let mut rig = Rig::new();
    for words in [
        [0, 1, 0, 1],
        [0, 1, 101, 1],
        [0, 1, 100, 0],
        [0, 1, 100, 4],
        [0, 0, 100, 1],
    ] {
        let result = rig.node.write(map::CONTROL.start, &words);
        assert_eq!(result, Err(Exception::IllegalValue), "{words:?}");
        let mut found = [9; 4];
        rig.node.read(map::CONTROL.start, &mut found).unwrap();
        assert_eq!(found, [0; 4]);
    }
    assert_eq!(rig.status().health.writes, 0);
    for address in [0, 15, 16, 100, 163, 164, 173, 191, 1_000, 2_000, 65_535] {
        let result = rig.node.write(address, &[1, 1]);
        assert_eq!(result, Err(Exception::IllegalAddress), "address {address}");
    }
    assert_eq!(rig.node.write(170, &[]), Err(Exception::IllegalValue));
    assert_eq!(rig.node.write(170, &[0; 124]), Err(Exception::IllegalValue));
}

#[test]
fn a_write_is_no_longer_than_modbus_allows() {
    let mut rig = Rig::new();
    let words = [0; map::WRITE_MAX as usize + 1];
    let all = rig.node.write(map::COMMAND.start, &words);
    assert_eq!(all, Err(Exception::IllegalValue));
    let most = rig.node.write(map::COMMAND.start, &words[1..]);
    assert_eq!(most, Err(Exception::IllegalAddress));
    let none = rig.node.write(map::COMMAND.start, &[]);
    assert_eq!(none, Err(Exception::IllegalValue));
}

#[test]
fn reads_of_any_length() {
    let rig = Rig::new();
    let check = |address: u16, words: usize, expected: Result<(), Exception>| {
        let mut out = vec![0; words];
        assert_eq!(
            rig.node.read(address, &mut out),
            expected,
            "{address} {words}"
        );
    };
    check(0, 8, Ok(()));
    check(0, 60, Ok(()));
    check(0, 61, Err(Exception::IllegalAddress));
    check(16, 44, Ok(()));
    check(59, 2, Err(Exception::IllegalAddress));
    check(2_000, 125, Ok(()));
    check(2_000, 126, Err(Exception::IllegalValue));
    check(2_000, 0, Err(Exception::IllegalValue));
    check(4_047, 1, Ok(()));
    check(4_047, 2, Err(Exception::IllegalAddress));
    check(1_511, 1, Ok(()));
    check(65_535, 125, Err(Exception::IllegalAddress));
    // A read that begins in mid-block gives the same words.
    let (mut whole, mut part) = ([0; 48], [0; 20]);
    rig.node.read(100, &mut whole).unwrap();
    rig.node.read(110, &mut part).unwrap();
    assert_eq!(whole[10..30], part);
    assert_eq!(whole[16..19], [1, 0xFFFF, 0xFFFF]);
}

#[test]
fn triggers_are_given_at_their_count() {
    let mut rig = Rig::armed();
    assert_eq!(rig.trigger(1, 100, 70_000), AckCode::Accepted);
    assert_eq!(rig.trigger(1, 100, 70_001), refused(Refusal::Overlap));
    assert_eq!(rig.trigger(0, 100, 70_002), AckCode::Accepted);
    assert_eq!(rig.status().health.triggers, 2);
    rig.run_to(99);
    assert_eq!(rig.node.take_trigger(), None);
    rig.run_to(100);
    let pulses = [
        rig.node.take_trigger(),
        rig.node.take_trigger(),
        rig.node.take_trigger(),
    ];
    let given = pulses.map(|pulse| pulse.map(|pulse| (pulse.camera, pulse.number, pulse.at)));
    assert_eq!(
        given,
        [Some((1, 70_000, 100)), Some((0, 70_002, 100)), None]
    );
    assert_eq!(rig.result(1), AckCode::Fired);
    assert!(
        rig.events()
            .contains(&(EventKind::Triggered, 1, 0, 100, 70_000))
    );
}

#[test]
fn jumped_counts_are_dropped_never_late() {
    let mut rig = Rig::armed();
    rig.stroke(0, 100, 50);
    rig.trigger(0, 110, 1);
    rig.stroke(2, 200, 50);
    rig.node.encoder(120);
    assert_eq!(rig.node.outputs(), 0);
    assert_eq!(rig.node.take_trigger(), None);
    assert_eq!(rig.result(1), refused(Refusal::Late));
    assert_eq!(rig.result(2), refused(Refusal::Late));
    assert_eq!(rig.status().health.jumped, 2);
    assert_eq!(rig.node.next_count(), Some(200));
    rig.node.encoder(200);
    assert_eq!(rig.node.outputs(), 4);
    assert_eq!(rig.node.next_count(), Some(250));
    rig.node.encoder(100_000);
    assert_eq!(rig.node.outputs(), 0);
    assert_eq!(rig.node.next_count(), None);
}

#[test]
fn reverse_fires_nothing_twice() {
    let mut rig = Rig::armed();
    rig.stroke(0, 100, 20);
    rig.stroke(2, 140, 20);
    rig.run_to(130);
    for count in (90..130).rev() {
        rig.node.encoder(count);
        assert_eq!(rig.node.outputs(), 0);
    }
    assert_eq!(rig.status().health.reversals, 1);
    for count in 91..=200 {
        rig.run_to(count);
        let expected = if (140..160).contains(&count) { 4 } else { 0 };
        assert_eq!(rig.node.outputs(), expected, "count {count}");
    }
}

#[test]
fn eyes_are_stamped_and_numbered() {
    let mut rig = Rig::new();
    rig.run_to(10);
    rig.node.eye(3, true);
    rig.node.eye(3, true);
    rig.node.eye(4, true);
    rig.node.eye(200, true);
    assert_eq!(rig.status().levels.eyes, 8);
    rig.run_to(20);
    rig.node.eye(3, false);
    assert_eq!(
        rig.events(),
        [
            (EventKind::EyeBlocked, 3, 0, 10, 0),
            (EventKind::EyeClear, 3, 0, 20, 0)
        ]
    );
    assert_eq!(rig.status().rings.next, (7 << 16) + 2);
    assert_eq!(rig.status().levels.eyes, 0);
}

#[test]
fn the_next_jam_is_foreseen_while_the_belt_moves() {
    let mut rig = Rig::new();
    rig.run_to(1);
    assert_eq!(rig.node.next_millis(), None);
    rig.node.eye(2, true);
    assert_eq!(rig.node.next_millis(), Some(1_000));
    rig.wait(150);
    assert_eq!(rig.node.next_millis(), Some(1_000));
    rig.node.eye(1, true);
    rig.run_to(2);
    rig.wait(40);
    assert_eq!(rig.node.next_millis(), Some(1_000), "the one blocked first");
    rig.node.eye(2, false);
    assert_eq!(rig.node.next_millis(), Some(1_150));
    // The belt stands, and nothing can clear it.
    rig.wait(300);
    assert_eq!(rig.node.next_millis(), None);
    rig.node.millis(rig.now + 60_000);
    assert_eq!(rig.status().levels.jams, 0);
    rig.now += 60_000;
    while rig.status().levels.jams == 0 {
        let due = rig.node.next_millis();
        rig.node.encoder(rig.node.count() + 1);
        rig.wait(1);
        if rig.status().levels.jams != 0 {
            assert_eq!(due, Some(rig.now));
        }
    }
    assert_eq!(rig.status().levels.jams, 2);
    assert_eq!(rig.node.next_millis(), None, "latched already");
}

#[test]
fn without_a_jam_time_nothing_latches() {
    let mut node = Node::new(
        Limits {
            jam_ms: 0,
            ..limits()
        },
        7,
    );
    node.millis(0);
    node.encoder(1);
    node.eye(2, true);
    assert_eq!(node.next_millis(), None);
    for ms in 1..=100 {
        node.encoder(1 + ms);
        node.millis(ms);
    }
    let mut words = [0; map::STATUS_WORDS];
    node.read(map::STATUS.start, &mut words).unwrap();
    assert_eq!(map::Status::decode(&words).unwrap().levels.jams, 0);
}

#[test]
fn ring_keeps_the_newest() {
    let mut rig = Rig::new();
    for n in 0..300 {
        rig.run_to(n);
        rig.node.eye(0, n % 2 == 0);
    }
    let events = rig.events();
    assert_eq!(events.len(), 256);
    assert_eq!(events[0].3, 44);
    assert_eq!(events[255].3, 299);
}

#[test]
fn jam_needs_a_moving_belt_and_a_clear_eye_to_reset() {
    let mut rig = Rig::new();
    rig.run_to(1);
    rig.node.eye(2, true);
    // The belt stands: after a while that is known, and no time counts any more.
    rig.wait(5_000);
    assert_eq!(rig.status().levels.jams, 0);
    let mut latched_after = None;
    for ms in 1..=1_000 {
        rig.node.encoder(rig.node.count() + 1);
        rig.wait(1);
        if rig.status().levels.jams == 4 {
            latched_after = Some(ms);
            break;
        }
    }
    let latched_after = latched_after.expect("a jam");
    assert!(
        (799..=1_000).contains(&latched_after),
        "after {latched_after} ms"
    );
    assert!(rig.status().health.flags.has(Flags::JAMMED));
    rig.control(OWNER, 0, ControlRequest::Reset).unwrap();
    assert_eq!(rig.status().levels.jams, 4);
    rig.node.eye(2, false);
    assert_eq!(rig.status().levels.jams, 4);
    rig.control(OWNER, 0, ControlRequest::Reset).unwrap();
    assert_eq!(rig.status().levels.jams, 0);
    let kinds: Vec<EventKind> = rig.events().iter().map(|event| event.0).collect();
    assert!(kinds.ends_with(&[
        EventKind::JamLatched,
        EventKind::EyeClear,
        EventKind::JamReset
    ]));
}

#[test]
fn read_back_that_differs_is_flagged() {
    let mut rig = Rig::armed();
    assert!(!rig.status().health.flags.has(Flags::MISMATCH));
    rig.node.read_back(2);
    let status = rig.status();
    assert!(status.health.flags.has(Flags::MISMATCH));
    assert_eq!((status.levels.desired, status.levels.actual), (0, 2));
}

#[test]
fn identity() {
    let node = Node::new(limits(), 7).with_id(3);
    let mut words = [0; map::IDENT_WORDS];
    node.read(map::IDENT.start, &mut words).unwrap();
    assert_eq!(map::Ident::decode(&words), map::Ident::new(3, 7));
}

#[test]
fn image() {
    let image = map::Image {
        version: [1, 2, 3],
        board: map::Board::Lm3s6965,
        reset: map::ResetCause::Watchdog,
    };
    let node = Node::new(limits(), 7).with_image(image);
    let mut words = [0; map::IMAGE_WORDS];
    node.read(map::IMAGE.start, &mut words).unwrap();
    assert_eq!(map::Image::decode(&words), Some(image));
    node.read(map::IMAGE.start - 1, &mut words).unwrap();
    assert_eq!(words, [0, 1, 2, 3, 1, 1, 0, 0]);
}

#[test]
fn epoch_is_chosen_until_somebody_writes() {
    let mut node = Node::new(limits(), 7);
    node.stop(true);
    node.begin_in(9);
    let status = node.status();
    assert_eq!((status.health.epoch, status.rings.next), (9, 9 << 16));
    assert_eq!(status.rings.held, 0);
    node.write(map::HEARTBEAT.start, &[0]).unwrap();
    node.begin_in(11);
    assert_eq!(node.status().health.epoch, 9);
}

#[test]
fn travel_halts_at_every_count_that_matters() {
    let mut rig = Rig::armed();
    rig.stroke(0, 100, 50);
    rig.stroke(2, 120, 50);
    rig.node.travel(300);
    assert_eq!(rig.node.outputs(), 0);
    assert_eq!([rig.result(1), rig.result(2)], [AckCode::Done; 2]);
    assert_eq!(rig.node.count(), 300);
    rig.node.travel(200);
    assert_eq!(rig.node.count(), 200);
}

#[test]
fn modbus_requests() {
    let check = |request: &[u8], expected: &[u8]| {
        let mut rig = Rig::new();
        let mut reply = [0; sortline_logic::PDU_MAX];
        let length = rig.node.answer(request, &mut reply);
        assert_eq!(&reply[..length], expected, "{request:02x?}");
    };
    check(&[], &[]);
    check(&[3, 0, 0, 0, 2], &[3, 4, 0x53, 0x4F, 0x52, 0x54]);
    check(&[4, 0, 1, 0, 1], &[4, 2, 0x52, 0x54]);
    check(&[3, 0, 0, 0, 0], &[0x83, 3]);
    check(&[3, 0, 0, 0, 126], &[0x83, 3]);
    check(&[3, 0, 0, 0xFF, 0xFF], &[0x83, 3]);
    check(&[3, 0, 90, 0, 1], &[0x83, 2]);
    check(&[3, 0, 0, 0], &[0x83, 3]);
    check(&[3, 0, 0, 0, 2, 0], &[0x83, 3]);
    check(&[6, 0, 180, 1, 2], &[6, 0, 180, 1, 2]);
    check(&[6, 0, 0, 1, 2], &[0x86, 2]);
    check(&[6, 0, 180], &[0x86, 3]);
    check(&[16, 0, 180, 0, 2, 4, 1, 2, 3, 4], &[16, 0, 180, 0, 2]);
    check(&[16, 0, 180, 0, 2, 4, 1, 2, 3], &[0x90, 3]);
    check(&[16, 0, 180, 0, 2, 2, 1, 2, 3, 4], &[0x90, 3]);
    check(&[16, 0, 180, 0x80, 2, 4, 1, 2, 3, 4], &[0x90, 3]);
    check(&[16, 0, 180, 0, 0, 0], &[0x90, 3]);
    check(&[16], &[0x90, 3]);
    check(&[16, 0, 160, 0, 4, 8, 0, 0, 0, 1, 0, 100, 0, 9], &[0x90, 3]);
    check(&[0x2B, 14, 1, 0], &[0xAB, 1]);
    check(&[0xFF], &[0xFF, 1]);
    let mut long = vec![3, 7, 0xD0, 0, 125];
    let mut reply = [0; sortline_logic::PDU_MAX];
    assert_eq!(Rig::new().node.answer(&long, &mut reply), 252);
    long.resize(10_000, 0);
    assert_eq!(Rig::new().node.answer(&long, &mut reply), 2);
}

#[test]
fn modbus_bits_and_write_with_read() {
    let check = |requests: &[&[u8]], expected: &[u8]| {
        let mut rig = Rig::new();
        let mut reply = [0; sortline_logic::PDU_MAX];
        let mut length = 0;
        for request in requests {
            length = rig.node.answer(request, &mut reply);
        }
        assert_eq!(&reply[..length], expected, "{requests:02x?}");
    };
    // Bits 0 to 9 of the magic 0x534F 0x5254, then bits 12 to 19 across both words.
    check(&[&[1, 0, 0, 0, 10]], &[1, 2, 0x4F, 0x03]);
    check(&[&[2, 0, 12, 0, 8]], &[2, 1, 0x45]);
    check(&[&[1, 0, 0, 0, 0]], &[0x81, 3]);
    check(&[&[1, 0, 0, 7, 0xD1]], &[0x81, 3]);
    check(&[&[1, 0, 0, 0]], &[0x81, 3]);
    check(&[&[2, 5, 0xA0, 0, 1]], &[0x82, 2]); // register 90
    check(&[&[1, 0xFF, 0xFF, 0, 2]], &[0x81, 2]);
    // Register 180 is bit 2880 = 0x0B40 on.
    check(
        &[&[5, 0x0B, 0x42, 0xFF, 0], &[3, 0, 180, 0, 1]],
        &[3, 2, 0, 4],
    );
    check(
        &[
            &[6, 0, 180, 0xFF, 0xFF],
            &[5, 0x0B, 0x42, 0, 0],
            &[3, 0, 180, 0, 1],
        ],
        &[3, 2, 0xFF, 0xFB],
    );
    let on = [5, 0x0B, 0x42, 0xFF, 0];
    check(&[&on], &on);
    check(&[&on, &on, &[3, 0, 180, 0, 1]], &[3, 2, 0, 4]);
    check(&[&[5, 0x0B, 0x42, 0xFF, 1]], &[0x85, 3]);
    check(&[&[5, 0x0B, 0x42, 1, 0]], &[0x85, 3]);
    check(&[&[5, 0x0B, 0x42, 0xFF]], &[0x85, 3]);
    // Who it is cannot be written, and no output either.
    check(&[&[5, 0, 0, 0xFF, 0]], &[0x85, 2]);
    check(&[&[5, 2, 0xC0, 0xFF, 0]], &[0x85, 2]);
    let bits: [u8; 8] = [15, 0x0B, 0x4C, 0, 10, 2, 0xFF, 0xFF];
    check(&[&bits], &[15, 0x0B, 0x4C, 0, 10]);
    check(&[&bits, &[3, 0, 180, 0, 2]], &[3, 4, 0xF0, 0, 0, 0x3F]);
    check(&[&[15, 0x0B, 0x4C, 0, 10, 1, 0xFF]], &[0x8F, 3]);
    check(&[&[15, 0x0B, 0x4C, 0, 10, 2, 0xFF]], &[0x8F, 3]);
    check(&[&[15, 0x0B, 0x4C, 0, 0, 0]], &[0x8F, 3]);
    check(&[&[15, 0x0B, 0x4C, 0xFF, 0xFF, 249]], &[0x8F, 3]);
    check(&[&[15]], &[0x8F, 3]);
    // The mailbox's last two registers and one more.
    check(&[&[15, 0x0B, 0xD0, 0, 33, 5, 0, 0, 0, 0, 0]], &[0x8F, 2]);
    let both = [23, 0, 180, 0, 3, 0, 181, 0, 2, 4, 1, 2, 3, 4];
    check(&[&both], &[23, 6, 0, 0, 1, 2, 3, 4]);
    check(&[&both[..13]], &[0x97, 3]);
    check(&[&both[..5]], &[0x97, 3]);
    check(&[&[23, 0, 180, 0, 0, 0, 181, 0, 1, 2, 1, 2]], &[0x97, 3]);
    // The read is refused: nothing is written.
    let refused = [23, 0, 90, 0, 1, 0, 181, 0, 1, 2, 1, 2];
    check(&[&refused], &[0x97, 2]);
    check(&[&refused, &[3, 0, 181, 0, 1]], &[3, 2, 0, 0]);
    let mut reply = [0; sortline_logic::PDU_MAX];
    let all = [1, 0x7D, 0x08, 7, 0xD0]; // 2,000 bits from the middle of register 2,000 on
    assert_eq!(Rig::new().node.answer(&all, &mut reply), 252);
}

#[test]
fn modbus_write_with_read_has_room_for_the_address_to_read() {
    // One register too many for a request, and one too many for the mailbox only.
    for (registers, exception) in [(122, 3), (121, 2)] {
        let mut request = vec![23, 0, 180, 0, 1, 0, 181, 0, registers, 2 * registers];
        request.resize(request.len() + 2 * usize::from(registers), 0);
        let mut reply = [0; sortline_logic::PDU_MAX];
        let length = Rig::new().node.answer(&request, &mut reply);
        assert_eq!(reply[..length], [0x97, exception], "{registers}");
    }
}

impl Rig {
    fn jog(&mut self, diverter: u8, at: u32, hold_ms_max: u16) -> AckCode {
        self.seq += 1;
        let command = Command {
            device: diverter,
            at,
            hold_ms_max,
            ..self.command(CommandKind::Jog, self.seq)
        };
        self.send(&command)
    }
}

#[test]
fn jog_is_on_for_its_time_while_the_belt_stands() {
    let mut rig = Rig::armed();
    rig.run_to(50);
    assert_eq!(rig.jog(2, 50, 200), AckCode::Fired);
    assert_eq!(rig.node.outputs(), 4);
    rig.wait(199);
    assert_eq!(rig.node.outputs(), 4);
    rig.wait(1);
    assert_eq!(rig.node.outputs(), 0);
    assert_eq!(rig.result(1), AckCode::Done);
    let events = rig.events();
    assert!(events.contains(&(EventKind::StrokeFired, 2, 0, 50, 1)));
    assert!(events.contains(&(EventKind::StrokeDone, 2, 0, 50, 1)));
}

#[test]
fn jog_ends_with_the_belts_first_count_either_way() {
    for count in [51, 49] {
        let mut rig = Rig::armed();
        rig.run_to(50);
        assert_eq!(rig.jog(0, 50, 500), AckCode::Fired);
        rig.node.encoder(count);
        assert_eq!(rig.node.outputs(), 0, "count {count}");
        assert_eq!(rig.result(1), AckCode::Done, "count {count}");
    }
}

#[test]
fn jog_goes_on_with_the_next_one_for_as_long_as_an_output_may_be_on() {
    let mut rig = Rig::armed();
    assert_eq!(rig.jog(0, 0, 200), AckCode::Fired);
    rig.wait(150);
    assert_eq!(rig.jog(0, 0, 200), AckCode::Fired);
    assert_eq!(rig.result(1), AckCode::Done, "taken over");
    rig.wait(150);
    assert_eq!(rig.node.outputs(), 1);
    // The limit is 500 ms, and 300 are over.
    assert_eq!(rig.jog(0, 0, 201), refused(Refusal::TooLong));
    assert_eq!(rig.jog(0, 0, 200), AckCode::Fired);
    rig.wait(150);
    assert_eq!(rig.jog(0, 0, 51), refused(Refusal::TooLong));
    rig.wait(49);
    assert_eq!(rig.node.outputs(), 1);
    rig.wait(1);
    assert_eq!(rig.node.outputs(), 0);
    assert_eq!(rig.jog(0, 0, 200), AckCode::Fired, "a new hold");
}

#[test]
fn jog_is_refused() {
    let check = |jog: (u8, u32, u16), expected: Refusal, name: &str| {
        let mut rig = Rig::armed();
        rig.run_to(50);
        let (diverter, at, hold_ms_max) = jog;
        assert_eq!(
            rig.jog(diverter, at, hold_ms_max),
            refused(expected),
            "{name}"
        );
        assert_eq!(rig.node.outputs(), 0, "{name}");
    };
    check((3, 50, 100), Refusal::Unknown, "no such diverter");
    check((0, 50, 0), Refusal::TooLong, "no time");
    check((0, 50, 501), Refusal::TooLong, "too long");
    check((0, 49, 100), Refusal::Late, "the belt has moved");
    check((0, 51, 100), Refusal::Late, "the belt was not there yet");
}

#[test]
fn jog_keeps_clear_of_strokes_and_of_the_opposite_side() {
    let mut rig = Rig::armed();
    rig.stroke(0, 100, 300);
    rig.run_to(150);
    assert_eq!(rig.jog(0, 150, 100), refused(Refusal::Overlap));
    assert_eq!(rig.jog(1, 150, 100), refused(Refusal::Opposite));
    assert_eq!(rig.node.outputs(), 1);
    let mut rig = Rig::armed();
    assert_eq!(rig.jog(0, 0, 100), AckCode::Fired);
    assert_eq!(rig.jog(1, 0, 100), refused(Refusal::Opposite));
    assert_eq!(rig.node.outputs(), 1);
}

#[test]
fn jog_ends_with_the_watchdog_and_the_stop_circuit() {
    let mut rig = Rig::armed();
    assert_eq!(rig.jog(0, 0, 500), AckCode::Fired);
    rig.node.millis(rig.now + 100);
    assert_eq!(rig.node.outputs(), 0, "heartbeats are missing");
    let mut rig = Rig::armed();
    assert_eq!(rig.jog(0, 0, 500), AckCode::Fired);
    rig.node.stop(true);
    assert_eq!(rig.node.outputs(), 0);
    assert_eq!(rig.jog(0, 0, 500), refused(Refusal::Stopped));
}
