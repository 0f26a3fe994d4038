//! The controller's side of the fieldbus: Modbus sessions that survive real devices, and the
//! translation between register contract and core.
//!
//! [`translate`] is pure and serves the simulator as well; [`run`] owns one connection to one
//! field node for as long as the controller lives.
//!
//! Frames are read and written by tokio-modbus, but nothing it returns is trusted: it takes short
//! replies and foreign echoes for good data, drops a second reply in silence and waits for ever.
//! `bus` therefore gives every call one deadline, counts the bytes of every reply, checks address
//! and count of every echo, and gives the connection up at anything but a clean reply or a Modbus
//! exception.

mod arming;
mod bus;
mod session;
pub mod translate;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use sortline_core::{Command, Event, NodeFault};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use session::{End, Session};

/// How to reach a field node, and what is expected of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Host and port of the node.
    pub address: String,
    /// Modbus unit id.
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
    /// levels are delivered as edges on a fresh start and after lost events.
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

impl Settings {
    /// Poll every 10 ms, calls within 50 ms, watchdog 100 ms, fresh journal.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
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

/// What the fieldbus did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Connections made.
    pub connections: u64,
    /// Modbus calls begun.
    pub calls: u64,
    /// Calls without a clean reply in time.
    pub errors: u64,
    /// Calls answered with a Modbus exception.
    pub exceptions: u64,
    /// Commands written.
    pub commands: u64,
    /// Events delivered from the node's ring.
    pub events: u64,
    /// Longest clean call in microseconds.
    pub call_us_max: u64,
    /// Sum of all clean calls in microseconds.
    pub call_us_total: u64,
}

/// Shortest and longest pause before a new connection (reliability: reconnect within 1 s).
const BACK_OFF_MIN: Duration = Duration::from_millis(50);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// Keeps a session with the field node until `commands` or `events` closes: reconnects for ever,
/// and says so with [`Event::NodeDown`] and [`Event::NodeUp`].
///
/// Commands that come while the node is not up are answered as refused and never sent later.
/// When `events` is full this waits, the heartbeat stops, and the node switches off: a controller
/// that does not keep up does not divert.
pub async fn run(
    settings: Settings,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Delivery>,
) {
    run_watched(settings, commands, events, watch::Sender::default()).await;
}

/// [`run`], with statistics published after every poll.
pub async fn run_watched(
    settings: Settings,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Delivery>,
    statistics: watch::Sender<Statistics>,
) {
    let mut settings = settings;
    settings.poll_ms = settings.poll_ms.clamp(1, 50);
    if settings.owner == 0 {
        settings.owner = random_owner();
    }
    let mut session = Session::new(settings, commands, events, statistics);
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
