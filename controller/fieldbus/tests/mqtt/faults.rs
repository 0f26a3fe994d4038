//! Brokers that go away, other clients, and nodes that restart.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sortline_core::{Event, NodeFault, Refusal, StrokeResult};
use sortline_mqtt::link::{Care, Message, Outgoing};
use sortline_mqtt::{Header, Name, State, Topics, Wanted};
use sortline_regmap::{Command, CommandKind};
use tokio::time::timeout;

use crate::support::{
    Cable, Mosquitto, Other, PATIENCE, Pins, Rig, Served, broker, stroke, topics, wait,
};

/// The watchdog time of these tests; a busy machine may need most of it by itself.
const WATCHDOG_MS: u16 = 500;

/// A long stroke is running; then everything is lost.
async fn while_an_output_is_on(rig: &mut Rig, pins: &Pins) {
    let (epoch, at, _) = rig.up().await;
    let long = stroke(1, epoch, 1, at.offset(300), 7_000);
    rig.commands.send(long).await.unwrap();
    assert_eq!(rig.result(1).await, StrokeResult::Accepted);
    wait(|| pins.outputs.load(Ordering::SeqCst) == 2).await;
}

/// Outputs are off in time, the core is told, and commands are refused instead of kept.
async fn all_is_off(rig: &mut Rig, pins: &Pins) {
    let took = wait(|| pins.outputs.load(Ordering::SeqCst) == 0).await;
    let most = Duration::from_millis(u64::from(WATCHDOG_MS) + 300);
    assert!(took < most, "off after {took:?}");
    assert_eq!(rig.down().await, NodeFault::Unreachable);
    let late = stroke(2, sortline_core::Epoch(0), 0, sortline_core::Ticks(0), 20);
    rig.commands.send(late).await.unwrap();
    let stopped = StrokeResult::Refused {
        refusal: Refusal::Stopped,
    };
    assert_eq!(rig.result(2).await, stopped);
}

/// It is in use again, and nothing that happened meanwhile is lost or comes twice.
async fn all_is_well_again(rig: &mut Rig, pins: &Pins, edges: usize) {
    let mut seen = 0;
    let gap = loop {
        let event = timeout(PATIENCE, rig.events.recv()).await.unwrap().unwrap();
        if let Event::NodeUp { gap, .. } = event.event {
            break gap;
        }
        seen += usize::from(matches!(event.event, Event::Eye { .. }));
    };
    assert_eq!((gap, seen), (false, edges));
    assert_eq!(pins.outputs.load(Ordering::SeqCst), 0);
}

/// Twice as many edges.
async fn toggle(pins: &Pins, times: u32) {
    pins.chatter.store(times, Ordering::SeqCst);
    wait(|| pins.chatter.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn a_cut_cable_switches_off_and_a_mended_one_loses_nothing() {
    let topics = topics("cable");
    let pins = Pins::default();
    let mut cable = Cable::to(broker()).await;
    let node = Served::start(pins.clone(), cable.address, topics.clone(), 9);
    let mut rig = Rig::start(cable.address, &topics, WATCHDOG_MS);
    while_an_output_is_on(&mut rig, &pins).await;
    cable.cut().await;
    all_is_off(&mut rig, &pins).await;
    toggle(&pins, 4).await;
    cable.mend().await;
    all_is_well_again(&mut rig, &pins, 8).await;
    rig.leave().await;
    node.stop().await;
}

#[tokio::test]
async fn a_broker_that_is_killed_and_comes_back_is_used_again() {
    let Some(mosquitto) = Mosquitto::start(None) else {
        return;
    };
    let topics = topics("killed");
    let pins = Pins::default();
    let node = Served::start(pins.clone(), mosquitto.address, topics.clone(), 9);
    let mut rig = Rig::start(mosquitto.address, &topics, WATCHDOG_MS);
    while_an_output_is_on(&mut rig, &pins).await;
    let address = mosquitto.kill();
    all_is_off(&mut rig, &pins).await;
    toggle(&pins, 4).await;
    let _mosquitto = Mosquitto::start(Some(address)).unwrap();
    all_is_well_again(&mut rig, &pins, 8).await;
    rig.leave().await;
    node.stop().await;
}

#[tokio::test]
async fn a_node_that_is_lost_or_leaves_is_told_at_once() {
    let topics = topics("leaves");
    let mut cable = Cable::to(broker()).await;
    let node = Served::start(Pins::default(), cable.address, topics.clone(), 9);
    let mut rig = Rig::start(broker(), &topics, 5_000);
    rig.up().await;
    // Its last will, long before any deadline.
    cable.cut().await;
    assert_eq!(
        timeout(Duration::from_secs(3), rig.down()).await,
        Ok(NodeFault::Unreachable)
    );
    cable.mend().await;
    rig.up().await;
    node.stop().await;
    assert_eq!(
        timeout(Duration::from_secs(3), rig.down()).await,
        Ok(NodeFault::Unreachable)
    );
    let node = Served::start(Pins::default(), broker(), topics, 44);
    assert_eq!(rig.down().await, NodeFault::Restarted);
    let (epoch, _, gap) = rig.up().await;
    assert_eq!((epoch.0, gap), (45, true));
    node.stop().await;
}

#[tokio::test]
async fn a_node_that_tells_nonsense_is_given_up_and_found_again() {
    let topics = topics("nonsense");
    let node = Served::start(Pins::default(), broker(), topics.clone(), 9);
    let mut rig = Rig::start(broker(), &topics, 5_000);
    let other = Other::join(broker(), &topics).await;
    rig.up().await;
    for (topic, payload) in [
        (topics.state(), "{\"number\":1}"),
        (topics.event(), "[]"),
        (topics.factsheet(), "\u{0}"),
        (topics.ack(1), "{}"),
    ] {
        let payload = payload.as_bytes().to_vec();
        let care = Care::Assured;
        assert!(other.link.send(Outgoing {
            topic,
            payload,
            care,
        }));
        assert_eq!(rig.down().await, NodeFault::Protocol);
        rig.up().await;
    }
    rig.leave().await;
    node.stop().await;
}

#[tokio::test]
async fn a_second_controller_is_told_that_it_is_one() {
    let topics = topics("second");
    let node = Served::start(Pins::default(), broker(), topics.clone(), 9);
    let mut first = Rig::start(broker(), &topics, 1_000);
    let (epoch, ..) = first.up().await;
    let mut second = Rig::start(broker(), &topics, 1_000);
    // A controller that does not keep up would lose the node.
    let going_on = first.find(|event| matches!(event, Event::NodeDown { .. }).then_some(()));
    tokio::select! {
        fault = second.down() => assert_eq!(fault, NodeFault::SecondMaster),
        () = going_on => panic!("the first one lost the node"),
    }
    second.leave().await;
    let now = first
        .find(|event| {
            if let Event::Belt { at } = event {
                Some(*at)
            } else {
                None
            }
        })
        .await;
    let command = stroke(1, epoch, 0, now.offset(3_000), 20);
    first.commands.send(command).await.unwrap();
    assert_eq!(first.result(1).await, StrokeResult::Accepted);
    node.stop().await;
}

fn at(topics: &Topics, name: Name, payload: Vec<u8>, care: Care) -> Outgoing {
    Outgoing {
        topic: topics.command(name),
        payload,
        care,
    }
}

/// A stroke that the node would make if only it came from the right one, in time, and once.
fn forged(header: Header, ticks: u32) -> Vec<u8> {
    let wanted = Wanted::Command {
        command: Command {
            kind: CommandKind::Stroke,
            seq: 999,
            epoch: header.epoch,
            device: 0,
            at: ticks + 1_500,
            hold: 20,
            hold_ms_max: 100,
            number: 0,
        },
        until: ticks + 10_000,
    };
    wanted.encode(header)
}

/// Sends what must not be executed, and gives the number of messages.
fn forge(other: &Other, topics: &Topics, state: &State, overheard: &[u8]) -> u32 {
    let health = state.status.health;
    let header = Header {
        id: state.last_id + 100_000,
        owner: state.status.lease.owner,
        epoch: health.epoch,
        deadline_ms: health.uptime_ms + 4_000,
    };
    let foreign = Header {
        owner: header.owner ^ 1,
        ..header
    };
    let expired = Header {
        deadline_ms: health.uptime_ms.wrapping_sub(1),
        ..header
    };
    let stale = Header {
        epoch: header.epoch.wrapping_sub(1),
        ..header
    };
    let ticks = state.status.clock.ticks;
    let cut = forged(header, ticks);
    let payloads = [
        // Twice what the controller sent.
        overheard.to_vec(),
        overheard.to_vec(),
        forged(foreign, ticks),
        forged(expired, ticks),
        forged(stale, ticks),
        cut[..cut.len() - 1].to_vec(),
        vec![b'['; 100_000],
    ];
    let mut sent = 0;
    for payload in payloads {
        let outgoing = at(topics, Name::Stroke, payload, Care::Assured);
        assert!(other.link.send(outgoing));
        sent += 1;
    }
    sent
}

async fn messages_of_others_move_nothing(address: SocketAddr, name: &str, kept: bool) {
    let topics = topics(name);
    let node = Served::start(Pins::default(), address, topics.clone(), 9);
    let mut rig = Rig::start(address, &topics, 5_000);
    let mut other = Other::join(address, &topics).await;
    let (epoch, up_at, _) = rig.up().await;
    let command = stroke(1, epoch, 1, up_at.offset(2_000), 20);
    rig.commands.send(command).await.unwrap();
    let overheard = other.overhear(&topics.command(Name::Stroke)).await;
    let state = other.state(|state| state.status.lease.owner != 0).await;
    let mut sent = forge(&other, &topics, &state, &overheard);
    if kept {
        let outgoing = at(&topics, Name::Stroke, overheard, Care::Kept);
        assert!(other.link.send(outgoing));
        sent += 1;
    }
    let told = other.state(|state| state.refusals.total() == sent).await;
    let refusals = told.refusals;
    assert_eq!(
        (refusals.duplicate, refusals.foreign),
        (2, 1),
        "{refusals:?}"
    );
    assert_eq!((refusals.expired, refusals.stale_epoch), (1, 1));
    assert_eq!(
        (refusals.malformed, refusals.retained),
        (2, u32::from(kept))
    );
    // Only the controller's own stroke is made, once.
    let done = up_at.offset(2_020);
    assert_eq!(rig.result(1).await, StrokeResult::Accepted);
    let fired = StrokeResult::Fired {
        at: up_at.offset(2_000),
    };
    assert_eq!(rig.result(1).await, fired);
    assert_eq!(rig.result(1).await, StrokeResult::Done { at: done });
    let ticks = state.status.clock.ticks;
    let last = other
        .state(|state| state.status.clock.ticks > ticks + 2_500)
        .await;
    let status = last.status;
    assert_eq!((status.health.commands, status.levels.desired), (1, 0));
    rig.leave().await;
    node.stop().await;
}

#[tokio::test]
async fn messages_of_others_move_nothing_at_the_own_broker() {
    messages_of_others_move_nothing(broker(), "others", false).await;
}

#[tokio::test]
async fn messages_of_others_move_nothing_at_mosquitto() {
    let Some(mosquitto) = Mosquitto::start(None) else {
        return;
    };
    messages_of_others_move_nothing(mosquitto.address, "others", true).await;
}

/// A command that the broker kept while there was no node.
async fn kept_commands_are_refused(address: SocketAddr, name: &str) {
    let topics = topics(name);
    let mut other = Other::join(address, &topics).await;
    let header = Header {
        id: 5,
        owner: 77,
        epoch: 9,
        deadline_ms: 4_000,
    };
    let arm = Wanted::Control {
        request: sortline_regmap::ControlRequest::Arm,
        watchdog_ms: 5_000,
    };
    let kept = at(&topics, Name::Control, arm.encode(header), Care::Kept);
    assert!(other.link.send(kept));
    other.overhear(&topics.command(Name::Control)).await;
    let node = Served::start(Pins::default(), address, topics.clone(), 9);
    let state = other.state(|state| state.refusals.total() > 0).await;
    assert_eq!((state.refusals.retained, state.status.lease.owner), (1, 0));
    // Not left behind for others.
    let nothing = at(&topics, Name::Control, Vec::new(), Care::Kept);
    assert!(other.link.send(nothing));
    let empty = |message: &Message| message.payload.is_empty();
    while !empty(&timeout(PATIENCE, other.link.next()).await.unwrap().unwrap()) {}
    node.stop().await;
}

#[tokio::test]
async fn kept_commands_are_refused_at_the_own_broker() {
    kept_commands_are_refused(broker(), "kept").await;
}

#[tokio::test]
async fn kept_commands_are_refused_at_mosquitto() {
    let Some(mosquitto) = Mosquitto::start(None) else {
        return;
    };
    kept_commands_are_refused(mosquitto.address, "kept").await;
}

#[tokio::test]
async fn without_broker_or_node_the_core_is_told_and_commands_are_refused() {
    let mut cable = Cable::to(broker()).await;
    cable.cut().await;
    for address in [cable.address, broker()] {
        let mut rig = Rig::start(address, &topics("nobody"), 5_000);
        assert_eq!(rig.down().await, NodeFault::Unreachable);
        let epoch = sortline_core::Epoch(1);
        let command = stroke(1, epoch, 0, sortline_core::Ticks(500), 20);
        rig.commands.send(command).await.unwrap();
        let stopped = StrokeResult::Refused {
            refusal: Refusal::Stopped,
        };
        assert_eq!(rig.result(1).await, stopped);
        rig.leave().await;
    }
}
