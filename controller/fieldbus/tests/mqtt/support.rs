//! A broker, a cable to it that can be cut, a node on a belt, and a session with it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Command as Program, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};
use sortline_core::{Command, DiverterId, Epoch, Event, NodeFault, Seq, StrokeResult, Ticks};
use sortline_fieldbus::mqtt;
use sortline_fieldbus::{Delivery, Needs, Settings, Watch, run};
use sortline_logic::{Limits, Node};
use sortline_mqtt::access::Access;
use sortline_mqtt::link::{Link, Opening, Server};
use sortline_mqtt::{State, Topics};
use sortline_node::{Field, Ways, serve_on};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Held while a broker starts: a child that another thread forks in between keeps the sockets of this
/// process until it runs its own program, and with them the port that was found to be free.
static STARTING: Mutex<()> = Mutex::new(());

/// An address where nobody listens.
fn free() -> SocketAddr {
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    probe.local_addr().unwrap()
}

/// The broker of the service, in this process; one for all tests.
pub(crate) fn broker() -> SocketAddr {
    static BROKER: OnceLock<SocketAddr> = OnceLock::new();
    *BROKER.get_or_init(|| {
        let _alone = STARTING.lock().unwrap();
        let listen = free();
        let mut broker = Broker::new(config(listen));
        std::thread::spawn(move || broker.start().unwrap());
        while std::net::TcpStream::connect(listen).is_err() {
            std::thread::yield_now();
        }
        listen
    })
}

fn config(listen: SocketAddr) -> Config {
    let server = ServerSettings {
        name: "mqtt".to_owned(),
        listen,
        tls: None,
        next_connection_delay_ms: 1,
        connections: ConnectionSettings {
            connection_timeout_ms: 5_000,
            max_payload_size: 256 * 1024,
            max_inflight_count: 100,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    };
    Config {
        router: RouterConfig {
            max_connections: 64,
            max_outgoing_packet_count: 200,
            max_segment_size: 1 << 20,
            max_segment_count: 8,
            ..RouterConfig::default()
        },
        v5: Some(
            BTreeMap::from([("mqtt".to_owned(), server)])
                .into_iter()
                .collect(),
        ),
        ..Config::default()
    }
}

/// A Mosquitto that takes connections, or none where it is not installed.
pub(crate) struct Mosquitto {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Mosquitto {
    pub(crate) fn start(at: Option<SocketAddr>) -> Option<Self> {
        let _alone = STARTING.lock().unwrap();
        if Program::new("mosquitto").arg("-h").output().is_err() {
            writeln!(std::io::stdout(), "skipped: mosquitto is not installed").unwrap();
            return None;
        }
        let address = at.unwrap_or_else(free);
        let name = format!("mosquitto-{}.conf", address.port());
        let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let (ip, port) = (address.ip(), address.port());
        let text = format!("listener {port} {ip}\nallow_anonymous true\nset_tcp_nodelay true\n");
        std::fs::write(&file, text).unwrap();
        let mut program = Program::new("mosquitto");
        program.arg("-c").arg(file).stderr(Stdio::null());
        let child = program.spawn().unwrap();
        while std::net::TcpStream::connect(address).is_err() {
            std::thread::yield_now();
        }
        Some(Self { address, child })
    }

    pub(crate) fn kill(mut self) -> SocketAddr {
        self.end();
        self.address
    }

    fn end(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.end();
    }
}

/// A way to a broker that can be cut.
pub(crate) struct Cable {
    pub(crate) address: SocketAddr,
    to: SocketAddr,
    carrying: JoinSet<()>,
}

impl Cable {
    pub(crate) async fn to(to: SocketAddr) -> Self {
        let mut cable = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            to,
            carrying: JoinSet::new(),
        };
        cable.mend().await;
        cable
    }

    pub(crate) async fn cut(&mut self) {
        self.carrying.shutdown().await;
    }

    pub(crate) async fn mend(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let to = self.to;
        self.carrying.spawn(async move {
            let mut ways = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                ways.spawn(async move {
                    let mut far = TcpStream::connect(to).await.unwrap();
                    near.set_nodelay(true).unwrap();
                    far.set_nodelay(true).unwrap();
                    drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
                });
            }
        });
    }
}

/// Inputs that a test sets and outputs that it sees; the belt runs one tick a millisecond.
#[derive(Clone, Default)]
pub(crate) struct Pins {
    pub(crate) eye: Arc<AtomicBool>,
    pub(crate) chatter: Arc<AtomicU32>,
    pub(crate) outputs: Arc<AtomicU32>,
}

pub(crate) struct Bench(Pins);

impl Field for Bench {
    fn advance(&mut self, node: &mut Node, now_us: u64) {
        let ms = u32::try_from(now_us / 1_000).unwrap();
        node.millis(ms);
        node.travel(ms);
        node.eye(0, self.0.eye.load(Ordering::SeqCst));
        for _ in 0..self.0.chatter.swap(0, Ordering::SeqCst) {
            node.eye(1, true);
            node.eye(1, false);
        }
        while node.take_trigger().is_some() {}
        self.0.outputs.store(node.outputs(), Ordering::SeqCst);
    }
}

/// A running node.
pub(crate) struct Served {
    task: JoinHandle<std::io::Result<Bench>>,
    stop: oneshot::Sender<()>,
}

impl Served {
    pub(crate) fn start(pins: Pins, broker: SocketAddr, topics: Topics, epoch: u16) -> Self {
        let limits = Limits {
            eyes: 4,
            diverters: 2,
            cameras: 1,
            opposite: [None; 32],
            hold_ms_max: 8_000,
            hold_ticks_max: 8_000,
            lead_ticks_min: 5,
            ahead_ticks_max: 100_000,
            // Tests run on busy machines: only the trips that are meant shall come.
            heartbeat_ms: 5_000,
            jam_ms: 0,
        };
        let ways = Ways {
            modbus: None,
            mqtt: Some(sortline_node::mqtt::Settings::new(server(broker), topics)),
        };
        let (stop, stopped) = oneshot::channel();
        let node = serve_on(ways, Node::new(limits, epoch), Bench(pins), async {
            drop(stopped.await);
        });
        Self {
            task: tokio::spawn(node),
            stop,
        }
    }

    pub(crate) async fn stop(self) {
        drop(self.stop);
        self.task.await.unwrap().unwrap();
    }
}

pub(crate) fn server(address: SocketAddr) -> Server {
    Server {
        host: address.ip().to_string(),
        port: address.port(),
        access: Access::default(),
    }
}

pub(crate) fn topics(node: &str) -> Topics {
    Topics::new("sortline", "site", "line", node)
}

/// A session and what it delivered.
pub(crate) struct Rig {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) events: mpsc::Receiver<Delivery>,
    pub(crate) session: JoinHandle<()>,
}

impl Rig {
    pub(crate) fn start(broker: SocketAddr, topics: &Topics, watchdog_ms: u16) -> Self {
        let settings = Settings {
            call_ms: 4_000,
            watchdog_ms,
            needs: Needs {
                eyes: 4,
                diverters: 2,
                cameras: 1,
            },
            ..Settings::default()
        };
        let place = mqtt::Broker {
            server: server(broker),
            topics: topics.clone(),
        };
        let (commands, inbox) = mpsc::channel(64);
        let (outbox, events) = mpsc::channel(64);
        let session = tokio::spawn(run(place, settings, inbox, outbox, Watch::default()));
        Self {
            commands,
            events,
            session,
        }
    }

    /// The first event that fits.
    pub(crate) async fn find<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            let next = timeout_at(end, self.events.recv()).await;
            let event = next.expect("an event in time").expect("session runs").event;
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    }

    pub(crate) async fn up(&mut self) -> (Epoch, Ticks, bool) {
        self.find(|event| {
            if let Event::NodeUp { epoch, at, gap } = event {
                Some((*epoch, *at, *gap))
            } else {
                None
            }
        })
        .await
    }

    pub(crate) async fn down(&mut self) -> NodeFault {
        self.find(|event| {
            if let Event::NodeDown { fault } = event {
                Some(*fault)
            } else {
                None
            }
        })
        .await
    }

    pub(crate) async fn result(&mut self, wanted: u16) -> StrokeResult {
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

    pub(crate) async fn leave(self) {
        drop(self.commands);
        timeout(PATIENCE, self.session).await.unwrap().unwrap();
    }
}

pub(crate) fn stroke(seq: u16, epoch: Epoch, diverter: u16, fire_at: Ticks, hold: u16) -> Command {
    Command::Stroke {
        seq: Seq(seq),
        epoch,
        diverter: DiverterId(diverter),
        fire_at,
        hold,
        hold_ms_max: 8_000,
    }
}

/// Waits until something holds.
pub(crate) async fn wait(holds: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    let mut looks = tokio::time::interval(Duration::from_millis(1));
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "it never held");
        looks.tick().await;
    }
    begun.elapsed()
}

/// Another client, who hears the node's commands and states.
pub(crate) struct Other {
    pub(crate) link: Link,
    topics: Topics,
}

impl Other {
    pub(crate) async fn join(broker: SocketAddr, topics: &Topics) -> Self {
        let opening = Opening {
            client_id: format!("other-{}", topics.state().replace('/', "-")),
            will: None,
            filters: vec![(topics.commands(), true), (topics.state(), true)],
        };
        Self {
            link: Link::open(&server(broker), opening).await.unwrap(),
            topics: topics.clone(),
        }
    }

    /// The payload of the next command on this topic.
    pub(crate) async fn overhear(&mut self, topic: &str) -> Vec<u8> {
        loop {
            let message = timeout(PATIENCE, self.link.next()).await.unwrap().unwrap();
            if message.topic == topic {
                return message.payload;
            }
        }
    }

    /// The next state that fits.
    pub(crate) async fn state(&mut self, fits: impl Fn(&State) -> bool) -> State {
        let topic = self.topics.state();
        loop {
            let state = State::decode(&self.overhear(&topic).await).unwrap();
            if fits(&state) {
                return state;
            }
        }
    }
}
