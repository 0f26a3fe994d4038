//! The controller's side of the fieldbus: sessions that survive real devices, and the
//! translation between register contract and core.
//!
//! [`translate`] is pure and serves the simulator as well; [`run`] owns one connection to one
//! field node for as long as the controller lives.
//!
//! Requests and replies are read and written by the own, pure modules [`pdu`] and `frame`: client
//! libraries take short replies and foreign echoes for good data, drop a second reply in silence
//! and wait for ever. [`bus`] gives every call one deadline, refuses bytes that nobody asked for,
//! and gives a TCP connection up at anything but a clean reply or a Modbus exception; a serial
//! line is drained and found in step again instead.
//!
//! A node can be reached over MQTT 5 as well ([`mqtt`]): the session is the same, only how it asks
//! differs.

pub mod address;
mod arming;
pub mod bus;
mod commanding;
pub mod device;
mod frame;
pub mod mqtt;
pub mod pdu;
mod port;
mod registers;
pub mod scanner;
mod session;
pub mod statistics;
pub mod tap;
pub mod tls;
pub mod translate;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use sortline_core::{Command, Event, NodeFault};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use address::Dialer;
pub use frame::Framing;
use session::{End, Session};
pub use sortline_regmap::{CAMERAS_MAX, DIVERTERS_MAX, EYES_MAX};
pub use statistics::{Points, Statistics};
use tap::Tap;

/// What is expected of a field node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Modbus unit id; without meaning over MQTT.
    pub unit: u8,
    /// Time between two polls in milliseconds, 1 to 50.
    pub poll_ms: u16,
    /// Deadline of one call in milliseconds.
    pub call_ms: u16,
    /// The node's watchdog time in milliseconds; at least three polls.
    pub watchdog_ms: u16,
    /// Number of the next event to deliver, as persisted with the last one; `None` on a fresh
    /// journal.
    pub cursor: Option<u32>,
    /// This controller's number for the node's lease; 0: a random one.
    pub owner: u32,
    /// Inputs and outputs that the line needs; a node with fewer is not used.
    pub needs: Needs,
    /// Photo-eyes whose level matters, not only their edges (those that see a chute full): their
    /// levels are delivered as edges on a fresh start and after lost events. Of the others only that
    /// they are clear again.
    pub level_eyes: Vec<u8>,
}

/// Inputs and outputs that a line needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Highest photo-eye id plus one.
    pub eyes: u16,
    /// Highest diverter id plus one.
    pub diverters: u16,
    /// Highest camera id plus one.
    pub cameras: u16,
}

impl Default for Settings {
    /// Unit 1, poll every 10 ms, calls within 50 ms, watchdog 100 ms, fresh journal.
    fn default() -> Self {
        Self {
            unit: 1,
            poll_ms: 10,
            call_ms: 50,
            watchdog_ms: 100,
            cursor: None,
            owner: 0,
            needs: Needs::default(),
            level_eyes: Vec::new(),
        }
    }
}

/// An event, and where to go on after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// What happened.
    pub event: Event,
    /// Number of the next event in the node's ring: persist it together with the event.
    pub cursor: u32,
}

/// Shortest and longest pause before a new connection. The longest leaves room for a try that
/// was begun too early and for taking the node into use: a healed link is in use within 1 s.
const BACK_OFF_MIN: Duration = Duration::from_millis(50);
const BACK_OFF_MAX: Duration = Duration::from_millis(400);

/// The session's ends, besides commands and events.
#[derive(Debug, Default)]
pub struct Watch {
    /// Statistics, published after every poll.
    pub statistics: watch::Sender<Statistics>,
    /// Telegrams.
    pub tap: Tap,
}

/// Where a field node is.
#[derive(Debug)]
pub enum Place {
    /// Behind Modbus.
    Bus(Dialer),
    /// Behind an MQTT broker.
    Mqtt(mqtt::Broker),
}

impl From<Dialer> for Place {
    fn from(dialer: Dialer) -> Self {
        Self::Bus(dialer)
    }
}

impl From<mqtt::Broker> for Place {
    fn from(broker: mqtt::Broker) -> Self {
        Self::Mqtt(broker)
    }
}

/// Keeps a session with the field node until `commands` or `events` closes: reconnects for ever,
/// and says so with [`Event::NodeDown`] and [`Event::NodeUp`].
///
/// Commands that come while the node is not up are answered as refused and never sent later.
/// When `events` is full this waits, the heartbeat stops, and the node switches off: a controller
/// that does not keep up does not divert.
pub async fn run(
    place: impl Into<Place>,
    settings: Settings,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Delivery>,
    watch: Watch,
) {
    let mut settings = settings;
    settings.poll_ms = settings.poll_ms.clamp(1, 50);
    if settings.owner == 0 {
        settings.owner = random_owner();
    }
    let mut session = Session::new(place.into(), settings, (commands, events), watch);
    let mut pause = BACK_OFF_MIN;
    let mut told: Option<NodeFault> = None;
    loop {
        let end = session.converse().await;
        if session.was_up() {
            (pause, told) = (BACK_OFF_MIN, None);
        }
        let End::Fault(fault) = end else {
            return;
        };
        if told != Some(fault) {
            told = Some(fault);
            tracing::warn!(?fault, "field node not usable");
            if session.deliver(Event::NodeDown { fault }).await.is_err() {
                return;
            }
        }
        if !wait(&mut session, pause).await {
            return;
        }
        pause = pause.saturating_mul(2).min(BACK_OFF_MAX);
    }
}

/// Waits, answering commands; `false` when the controller is gone.
async fn wait(session: &mut Session, pause: Duration) -> bool {
    let until = Instant::now() + pause;
    loop {
        tokio::select! {
            biased;
            () = sleep_until(until) => return true,
            command = session.next_command() => match command {
                Some(command) => {
                    if session.refuse(&command).await.is_err() {
                        return false;
                    }
                }
                None => return false,
            },
        }
    }
}

fn random_owner() -> u32 {
    let [a, b, c, d, ..] = RandomState::new().build_hasher().finish().to_be_bytes();
    u32::from_be_bytes([a, b, c, d]).max(1)
}
