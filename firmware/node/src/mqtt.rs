//! The node's door to an MQTT broker: connects, and connects again.

use std::time::Duration;

use sortline_logic::Node;
use sortline_mqtt::link::{Link, Message, Opening, Sender, Server};
use sortline_mqtt::{Presence, Topics};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout};

use crate::desk::Desk;

/// A connection that is not made within this is tried anew.
const CONNECT: Duration = Duration::from_secs(2);
/// Shortest and longest pause before a new connection. A controller that finds no node tries
/// again as often.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_millis(400);
/// Messages that may wait for the node.
const INBOX: usize = 64;
/// A connection that takes nothing for this long is given up, however alive it seems.
const STUCK_MS: u32 = 2_000;
/// Time for the goodbye.
const FAREWELL: Duration = Duration::from_millis(300);

/// How a node is reached over MQTT.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The broker.
    pub server: Server,
    /// The node's topics.
    pub topics: Topics,
    /// The node's name at the broker.
    pub client_id: String,
}

impl Settings {
    /// A node at a broker, under a name there that no other node has.
    pub fn new(server: Server, topics: Topics) -> Self {
        let client_id = topics.base().replace('/', "-");
        Self {
            server,
            topics,
            client_id,
        }
    }
}

/// What comes from the task that keeps the connection.
#[derive(Debug)]
pub(crate) enum Arrival {
    Up(Sender),
    Message(Message),
    Down,
}

/// The node's side of the connection.
#[derive(Debug)]
pub(crate) struct Door {
    server: Server,
    opening: Opening,
    desk: Desk,
    sender: Option<Sender>,
    /// When the connection took something last, on the node's clock.
    took_ms: Option<u32>,
    arrivals: mpsc::Receiver<Arrival>,
    keeping: JoinHandle<()>,
}

impl Door {
    pub(crate) fn open(settings: Settings) -> Self {
        let server = settings.server;
        let desk = Desk::new(settings.topics);
        let opening = Opening {
            client_id: settings.client_id,
            will: {
                let will = desk.presence(Presence::ConnectionBroken);
                Some((will.topic, will.payload))
            },
            filters: vec![(desk.commands(), true)],
        };
        let (arrivals, keeping) = begin(&server, &opening);
        Self {
            server,
            opening,
            desk,
            sender: None,
            took_ms: None,
            arrivals,
            keeping,
        }
    }

    /// What comes next. Never ends by itself.
    pub(crate) async fn next(&mut self) -> Arrival {
        match self.arrivals.recv().await {
            Some(arrival) => arrival,
            None => std::future::pending().await,
        }
    }

    /// Takes what came.
    pub(crate) fn take(&mut self, arrival: Arrival, node: &mut Node) {
        match arrival {
            Arrival::Up(sender) => {
                self.desk.begin(node);
                (self.sender, self.took_ms) = (Some(sender), None);
            }
            Arrival::Message(message) => self.desk.take(&message, node),
            Arrival::Down => self.sender = None,
        }
    }

    /// Tells what is due. What cannot be told is not kept: it would be old.
    pub(crate) fn tell(&mut self, node: &Node) {
        let Some(sender) = &self.sender else { return };
        let (mut took, mut stuck) = (false, false);
        self.desk.tell(node, &mut |outgoing| {
            let sent = sender.send(outgoing);
            (took, stuck) = (took || sent, stuck || !sent);
            sent
        });
        let now_ms = node.status().health.uptime_ms;
        let since = *self.took_ms.get_or_insert(now_ms);
        if took {
            self.took_ms = Some(now_ms);
        } else if stuck && now_ms.wrapping_sub(since) > STUCK_MS {
            self.keeping.abort();
            self.sender = None;
            (self.arrivals, self.keeping) = begin(&self.server, &self.opening);
        }
    }

    /// Says goodbye.
    pub(crate) async fn close(mut self) {
        if let Some(sender) = self.sender.take() {
            sender.send(self.desk.presence(Presence::Offline));
            sender.leave();
            let gone = async { while !matches!(self.next().await, Arrival::Down) {} };
            if timeout(FAREWELL, gone).await.is_err() {
                tracing::debug!("the broker did not hear the node's farewell");
            }
        }
        self.keeping.abort();
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

fn begin(server: &Server, opening: &Opening) -> (mpsc::Receiver<Arrival>, JoinHandle<()>) {
    let (to, arrivals) = mpsc::channel(INBOX);
    let keeping = tokio::spawn(keep(server.clone(), opening.clone(), to));
    (arrivals, keeping)
}

async fn keep(server: Server, opening: Opening, to: mpsc::Sender<Arrival>) {
    let mut pause = PAUSE_MIN;
    loop {
        match timeout(CONNECT, Link::open(&server, opening.clone())).await {
            Ok(Ok(mut link)) => {
                pause = PAUSE_MIN;
                if to.send(Arrival::Up(link.sender())).await.is_err() {
                    return;
                }
                while let Some(message) = link.next().await {
                    if to.send(Arrival::Message(message)).await.is_err() {
                        return;
                    }
                }
                if to.send(Arrival::Down).await.is_err() {
                    return;
                }
            }
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "the node has no MQTT broker");
            }
            Err(_elapsed) => tracing::debug!("the MQTT broker does not answer the node"),
        }
        sleep_until(tokio::time::Instant::now() + pause).await;
        pause = pause.saturating_mul(2).min(PAUSE_MAX);
    }
}
