//! What a line needs of a node, by way of a broker.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use sortline_core::{
    CameraId, Command, Edge, Epoch, Event, EyeId, Refusal, Seq, StrokeResult, Ticks, TriggerId,
};

use crate::support::{Pins, Rig, Served, broker, stroke, topics};

#[tokio::test]
async fn strokes_fire_at_their_counts() {
    const STROKES: u16 = 40;
    let topics = topics("strokes");
    let node = Served::start(Pins::default(), broker(), topics.clone(), 9);
    let mut rig = Rig::start(broker(), &topics, 5_000);
    let (epoch, at, gap) = rig.up().await;
    assert!(!gap);
    // Every command is acknowledged before the next is sent; a busy machine takes its time.
    let count = |n: u16| at.offset(4_000 + i32::from(n) * 25);
    for n in 0..STROKES {
        let command = stroke(n + 1, epoch, n % 2, count(n), 20);
        rig.commands.send(command).await.unwrap();
    }
    let mut results = BTreeMap::<u16, Vec<StrokeResult>>::new();
    let is_last = |result: &StrokeResult| {
        matches!(
            result,
            StrokeResult::Done { .. } | StrokeResult::Refused { .. }
        )
    };
    while results
        .values()
        .flatten()
        .filter(|result| is_last(result))
        .count()
        < usize::from(STROKES)
    {
        let (seq, result) = rig
            .find(|event| {
                if let Event::Stroke { seq, result } = event {
                    Some((seq.0, *result))
                } else {
                    None
                }
            })
            .await;
        results.entry(seq).or_default().push(result);
    }
    for n in 0..STROKES {
        let expected = [
            StrokeResult::Accepted,
            StrokeResult::Fired { at: count(n) },
            StrokeResult::Done {
                at: count(n).offset(20),
            },
        ];
        assert_eq!(results[&(n + 1)], expected, "{n}");
    }
    rig.leave().await;
    node.stop().await;
}

#[tokio::test]
async fn triggers_withdrawals_and_refusals() {
    let topics = topics("triggers");
    let node = Served::start(Pins::default(), broker(), topics.clone(), 9);
    let mut rig = Rig::start(broker(), &topics, 5_000);
    let (epoch, at, _) = rig.up().await;
    let fire_at = at.offset(3_000);
    let trigger = Command::Trigger {
        seq: Seq(1),
        epoch,
        camera: CameraId(0),
        trigger: TriggerId(70_000),
        at: fire_at,
    };
    rig.commands.send(trigger).await.unwrap();
    let fine = stroke(2, epoch, 1, fire_at, 20);
    rig.commands.send(fine).await.unwrap();
    assert_eq!(rig.result(2).await, StrokeResult::Accepted);
    let withdraw = Command::Withdraw {
        seq: Seq(3),
        epoch,
        stroke: Seq(2),
    };
    rig.commands.send(withdraw).await.unwrap();
    assert_eq!(rig.result(2).await, StrokeResult::Withdrawn);
    let refusals = [
        (stroke(4, epoch, 1, at.offset(-5), 20), Refusal::Late),
        (stroke(5, epoch, 9, fire_at, 20), Refusal::Unknown),
        (
            stroke(6, Epoch(epoch.0 - 1), 1, fire_at, 20),
            Refusal::StaleEpoch,
        ),
        (stroke(7, epoch, 1, fire_at, 9_000), Refusal::TooLong),
    ];
    for (n, (command, refusal)) in (4..).zip(refusals) {
        rig.commands.send(command).await.unwrap();
        assert_eq!(rig.result(n).await, StrokeResult::Refused { refusal });
    }
    let given = rig
        .find(|event| {
            if let Event::Triggered { trigger, at, .. } = event {
                Some((*trigger, *at))
            } else {
                None
            }
        })
        .await;
    assert_eq!(given, (TriggerId(70_000), fire_at));
    rig.leave().await;
    node.stop().await;
}

#[tokio::test]
async fn edges_come_once_and_in_order() {
    let topics = topics("edges");
    let pins = Pins::default();
    let node = Served::start(pins.clone(), broker(), topics.clone(), 9);
    let mut rig = Rig::start(broker(), &topics, 5_000);
    rig.up().await;
    let mut last = None;
    for round in 0..6 {
        let blocked = round % 2 == 0;
        pins.eye.store(blocked, Ordering::SeqCst);
        let (eye, edge, at) = rig
            .find(|event| {
                if let Event::Eye { eye, edge, at } = event {
                    Some((*eye, *edge, *at))
                } else {
                    None
                }
            })
            .await;
        assert_eq!((eye, edge == Edge::Blocked), (EyeId(0), blocked));
        // Two may fall into the same millisecond.
        assert!(last.is_none_or(|last: Ticks| !at.is_before(last)));
        last = Some(at);
    }
    // More than the ring holds, at once.
    pins.chatter.store(300, Ordering::SeqCst);
    let (_, _, gap) = rig.up().await;
    assert!(gap);
    node.stop().await;
}
