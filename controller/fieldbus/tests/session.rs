//! The session against the real node, over loopback.
#![cfg(test)]

use std::sync::{Arc, atomic::AtomicBool, atomic::AtomicU32, atomic::Ordering};
use std::time::Duration;

use sortline_core::{
    CameraId, Command, DiverterId, Edge, Epoch, Event, EyeId, NodeFault, Refusal, Seq,
    StrokeResult, Ticks, TriggerId,
};
use sortline_fieldbus::address::{Address, Dialer};
use sortline_fieldbus::{Delivery, Needs, Settings, Watch, run};
use sortline_logic::{Limits, Node};
use sortline_node::{Field, serve};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_modbus::client::Writer;
use tokio_modbus::slave::Slave;

/// Inputs that a test sets; the belt runs one tick a step.
#[derive(Clone, Default)]
struct Inputs {
    eye: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    chatter: Arc<AtomicU32>,
}

struct Bench {
    inputs: Inputs,
    count: u32,
}

impl Field for Bench {
    fn advance(&mut self, node: &mut Node, now_us: u64) {
        node.millis(u32::try_from(now_us / 1_000).unwrap());
        self.count += 1;
        node.travel(self.count);
        node.eye(0, self.inputs.eye.load(Ordering::SeqCst));
        node.stop(self.inputs.stop.load(Ordering::SeqCst));
        for _ in 0..self.inputs.chatter.swap(0, Ordering::SeqCst) {
            node.eye(1, true);
            node.eye(1, false);
        }
        while node.take_trigger().is_some() {}
    }
}

struct Rig {
    inputs: Inputs,
    address: String,
    node: JoinHandle<std::io::Result<Bench>>,
    stop_node: oneshot::Sender<()>,
    session: JoinHandle<()>,
    commands: mpsc::Sender<Command>,
    events: mpsc::Receiver<Delivery>,
}

async fn start_node(
    inputs: Inputs,
    address: &str,
    epoch: u16,
) -> (
    String,
    JoinHandle<std::io::Result<Bench>>,
    oneshot::Sender<()>,
) {
    let limits = Limits {
        eyes: 4,
        diverters: 2,
        cameras: 1,
        opposite: [None; 32],
        hold_ms_max: 500,
        hold_ticks_max: 500,
        lead_ticks_min: 5,
        ahead_ticks_max: 100_000,
        // Tests run on busy machines: only the trips that are meant shall come.
        heartbeat_ms: 5_000,
        jam_ms: 0,
    };
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = oneshot::channel();
    let field = Bench { inputs, count: 0 };
    let node = serve(listener, Node::new(limits, epoch), field, async {
        drop(stopped.await);
    });
    (address, tokio::spawn(node), stop)
}

fn dialer(address: &str) -> Dialer {
    Dialer::to(&Address::Tcp(address.to_owned()), None)
}

fn settings() -> Settings {
    Settings {
        call_ms: 2_000,
        watchdog_ms: 5_000,
        needs: Needs {
            eyes: 4,
            diverters: 2,
            cameras: 1,
        },
        ..Settings::default()
    }
}

async fn start(configure: impl FnOnce(&mut Settings)) -> Rig {
    let inputs = Inputs::default();
    let (address, node, stop_node) = start_node(inputs.clone(), "127.0.0.1:0", 9).await;
    let mut settings = settings();
    configure(&mut settings);
    let (commands, inbox) = mpsc::channel(16);
    let (outbox, events) = mpsc::channel(16);
    let session = tokio::spawn(run(
        dialer(&address),
        settings,
        inbox,
        outbox,
        Watch::default(),
    ));
    Rig {
        inputs,
        address,
        node,
        stop_node,
        session,
        commands,
        events,
    }
}

impl Rig {
    /// The first event that fits.
    async fn find<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), self.events.recv());
            let event = next
                .await
                .expect("an event within 20 s")
                .expect("session runs")
                .event;
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    }

    async fn up(&mut self) -> (Epoch, Ticks, bool) {
        self.find(|event| {
            if let Event::NodeUp { epoch, at, gap } = event {
                Some((*epoch, *at, *gap))
            } else {
                None
            }
        })
        .await
    }

    async fn down(&mut self) -> NodeFault {
        self.find(|event| {
            if let Event::NodeDown { fault } = event {
                Some(*fault)
            } else {
                None
            }
        })
        .await
    }

    async fn result(&mut self, wanted: u16) -> StrokeResult {
        self.find(|event| {
            if let Event::Stroke { seq, result } = event
                && seq.0 == wanted
            {
                Some(*result)
            } else {
                None
            }
        })
        .await
    }
}

#[tokio::test]
async fn stroke_and_trigger_end_to_end() {
    let mut rig = start(|_| {}).await;
    let (epoch, at, gap) = rig.up().await;
    assert!(!gap);
    let fire_at = at.offset(3_000);
    let stroke = Command::Stroke {
        seq: Seq(1),
        epoch,
        diverter: DiverterId(1),
        fire_at,
        hold: 20,
        hold_ms_max: 400,
    };
    rig.commands.send(stroke).await.unwrap();
    assert_eq!(rig.result(1).await, StrokeResult::Accepted);
    let trigger = Command::Trigger {
        seq: Seq(2),
        epoch,
        camera: CameraId(0),
        trigger: TriggerId(70_000),
        at: fire_at.offset(-100),
    };
    rig.commands.send(trigger).await.unwrap();
    let given = rig
        .find(|event| {
            if let Event::Triggered { trigger, at, .. } = event {
                Some((*trigger, *at))
            } else {
                None
            }
        })
        .await;
    assert_eq!(given, (TriggerId(70_000), fire_at.offset(-100)));
    assert_eq!(rig.result(1).await, StrokeResult::Fired { at: fire_at });
    assert_eq!(
        rig.result(1).await,
        StrokeResult::Done {
            at: fire_at.offset(20)
        }
    );
    let stale = Command::Withdraw {
        seq: Seq(3),
        epoch: Epoch(epoch.0 - 1),
        stroke: Seq(1),
    };
    rig.commands.send(stale).await.unwrap();
    let refused = StrokeResult::Refused {
        refusal: Refusal::StaleEpoch,
    };
    assert_eq!(rig.result(3).await, refused);
    // A controller that leaves disarms the node.
    drop(rig.commands);
    rig.session.await.unwrap();
    rig.stop_node.send(()).unwrap();
    rig.node.await.unwrap().unwrap();
}

#[tokio::test]
async fn edges_come_once_and_in_order() {
    let mut rig = start(|_| {}).await;
    rig.up().await;
    let mut last = None;
    for round in 0..6 {
        let blocked = round % 2 == 0;
        rig.inputs.eye.store(blocked, Ordering::SeqCst);
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
        assert!(last.is_none_or(|last: Ticks| last.is_before(at)));
        last = Some(at);
    }
}

#[tokio::test]
async fn overflow_of_the_ring_is_told_as_a_gap() {
    let mut rig = start(|_| {}).await;
    rig.up().await;
    rig.inputs.chatter.store(300, Ordering::SeqCst);
    let (_, _, gap) = rig.up().await;
    assert!(gap);
}

#[tokio::test]
async fn persisted_cursor_goes_on_without_gap() {
    let mut rig = start(|_| {}).await;
    rig.up().await;
    rig.inputs.eye.store(true, Ordering::SeqCst);
    rig.find(|event| matches!(event, Event::Eye { .. }).then_some(()))
        .await;
    let cursor = rig.events.recv().await.unwrap().cursor;
    drop(rig.commands);
    rig.events.close();
    rig.session.await.unwrap();
    rig.inputs.eye.store(false, Ordering::SeqCst);
    let (commands, inbox) = mpsc::channel(16);
    let (outbox, events) = mpsc::channel(16);
    let again = Settings {
        cursor: Some(cursor),
        ..settings()
    };
    let session = tokio::spawn(run(
        dialer(&rig.address),
        again,
        inbox,
        outbox,
        Watch::default(),
    ));
    let mut rig = Rig {
        session,
        commands,
        events,
        ..rig
    };
    let edge = rig
        .find(|event| {
            assert!(!matches!(event, Event::NodeUp { gap: true, .. }));
            if let Event::Eye { edge, .. } = event {
                Some(*edge)
            } else {
                None
            }
        })
        .await;
    assert_eq!(edge, Edge::Clear);
}

#[tokio::test]
async fn stop_is_told_and_a_new_epoch_follows_it() {
    let mut rig = start(|_| {}).await;
    let (before, _, _) = rig.up().await;
    rig.inputs.stop.store(true, Ordering::SeqCst);
    let stop = |event: &Event| {
        if let Event::Stop { active } = event {
            Some(*active)
        } else {
            None
        }
    };
    assert!(rig.find(stop).await);
    rig.inputs.stop.store(false, Ordering::SeqCst);
    assert!(!rig.find(stop).await);
    let (after, _, gap) = rig.up().await;
    assert_ne!(before, after);
    assert!(!gap);
}

#[tokio::test]
async fn second_master_is_noticed() {
    let mut rig = start(|_| {}).await;
    rig.up().await;
    let stream = TcpStream::connect(&rig.address).await.unwrap();
    let mut intruder = tokio_modbus::client::tcp::attach_slave(stream, Slave(1));
    intruder
        .write_single_register(180, 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(rig.down().await, NodeFault::SecondMaster);
    rig.up().await;
}

#[tokio::test]
async fn restarted_node_is_noticed_and_used_again() {
    let mut rig = start(|_| {}).await;
    rig.up().await;
    rig.inputs.eye.store(true, Ordering::SeqCst);
    let edge = |event: &Event| {
        if let Event::Eye { eye, edge, .. } = event {
            Some((*eye, *edge))
        } else {
            None
        }
    };
    assert_eq!(rig.find(edge).await, (EyeId(0), Edge::Blocked));
    rig.stop_node.send(()).unwrap();
    rig.node.await.unwrap().unwrap();
    rig.inputs.eye.store(false, Ordering::SeqCst);
    let (_, node, stop_node) = start_node(rig.inputs.clone(), &rig.address, 2_000).await;
    let mut rig = Rig {
        node,
        stop_node,
        ..rig
    };
    while rig.down().await != NodeFault::Restarted {}
    let (epoch, _, gap) = rig.up().await;
    assert_eq!(epoch, Epoch(2_001));
    assert!(gap);
    let told = rig.find(edge).await;
    assert_eq!(told, (EyeId(0), Edge::Clear), "it was told as blocked");
}

#[tokio::test]
async fn too_small_a_node_and_none_at_all_are_refused() {
    let mut rig = start(|settings| settings.needs.diverters = 3).await;
    assert_eq!(rig.down().await, NodeFault::Unsafe);
    let rig = start(|_| {}).await;
    rig.stop_node.send(()).unwrap();
    rig.node.await.unwrap().unwrap();
    let mut rig = Rig {
        node: tokio::spawn(std::future::pending()),
        stop_node: oneshot::channel().0,
        ..rig
    };
    assert_eq!(rig.down().await, NodeFault::Unreachable);
    let stroke = Command::Withdraw {
        seq: Seq(5),
        epoch: Epoch(1),
        stroke: Seq(1),
    };
    rig.commands.send(stroke).await.unwrap();
    assert_eq!(
        rig.result(5).await,
        StrokeResult::Refused {
            refusal: Refusal::Stopped
        }
    );
}
