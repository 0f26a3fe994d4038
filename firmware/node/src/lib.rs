//! The field node's logic as a process: a soft controller for bench, tests and simulation.
//!
//! One task owns the node and its [`Field`], steps them every millisecond and answers Modbus TCP
//! requests; every connection is a task that only frames and forwards. Nothing is shared. The same
//! node can be reached over MQTT as well, or only so.
//!
//! The Modbus TCP frame is read here and the request answered by `sortline-logic` rather than by
//! a server library: the node faces untrusted bytes, and limits on connections and idle time have
//! to hold before a request is understood.

mod connection;
mod desk;
pub mod mqtt;

use std::future::Future;
use std::io;
use std::time::Duration;

use sortline_logic::{Node, PDU_MAX};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};

use connection::Connections;
use mqtt::{Arrival, Door};

/// What surrounds the node: inputs, encoder, outputs.
pub trait Field {
    /// Brings the node to `now_us`, microseconds since the start of [`serve`]: tells it the time
    /// ([`Node::millis`]), the inputs and the count, and takes its outputs and camera pulses.
    /// Called every millisecond and before every request; after a stall of the machine the time
    /// may have moved on by more. Must not wait for anything.
    fn advance(&mut self, node: &mut Node, now_us: u64);
}

/// A request on its way to the node, and the way back.
#[derive(Debug)]
struct Ask {
    request: Vec<u8>,
    reply: oneshot::Sender<Vec<u8>>,
}

/// Requests that may wait for the node: one for each connection.
const ASKS_MAX: usize = 16;
/// The node's tick.
const STEP: Duration = Duration::from_millis(1);

/// Serves the node over Modbus TCP until `shutdown` is ready; gives the field back.
///
/// # Errors
/// When the field's task failed; errors of single connections end only those.
pub fn serve<F>(
    listener: TcpListener,
    node: Node,
    field: F,
    shutdown: impl Future<Output = ()>,
) -> impl Future<Output = io::Result<F>>
where
    F: Field + Send + 'static,
{
    let ways = Ways {
        modbus: Some(listener),
        mqtt: None,
    };
    serve_on(ways, node, field, shutdown)
}

/// The ways to a node.
#[derive(Debug, Default)]
pub struct Ways {
    /// Where Modbus TCP connections come in.
    pub modbus: Option<TcpListener>,
    /// The broker to be reached at.
    pub mqtt: Option<mqtt::Settings>,
}

/// Serves the node as [`serve`] does, on any ways.
///
/// # Errors
/// As [`serve`].
pub async fn serve_on<F>(
    ways: Ways,
    node: Node,
    field: F,
    shutdown: impl Future<Output = ()>,
) -> io::Result<F>
where
    F: Field + Send + 'static,
{
    let (asks, inbox) = mpsc::channel(ASKS_MAX);
    let (stop, stopped) = oneshot::channel();
    let door = ways.mqtt.map(Door::open);
    let mut stepping = tokio::spawn(step(node, field, (inbox, door), stopped));
    let mut connections = ways
        .modbus
        .map(|listener| Connections::new(listener, asks.clone()));
    let accepting = async {
        match &mut connections {
            Some(connections) => connections.accept().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = shutdown => {}
        () = accepting => {}
        // It ends by itself only by a panic in the field.
        field = &mut stepping => return field.map_err(io::Error::other),
    }
    // Ends every connection first, then the node.
    drop((connections, asks));
    drop(stop);
    stepping.await.map_err(io::Error::other)
}

/// What wakes the node between its ticks.
enum Wake {
    Tick,
    Ask(Ask),
    Arrival(Arrival),
}

async fn step<F: Field>(
    mut node: Node,
    mut field: F,
    (mut inbox, mut door): (mpsc::Receiver<Ask>, Option<Door>),
    mut stopped: oneshot::Receiver<()>,
) -> F {
    let mut ticks = interval(STEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let start = ticks.tick().await;
    loop {
        let wake = tokio::select! {
            biased;
            _ = &mut stopped => break,
            Some(ask) = inbox.recv() => Wake::Ask(ask),
            arrival = next(door.as_mut()) => Wake::Arrival(arrival),
            _ = ticks.tick() => Wake::Tick,
        };
        field.advance(&mut node, microseconds(start.elapsed()));
        match wake {
            Wake::Tick => {}
            Wake::Ask(Ask { request, reply }) => {
                let mut answer = [0; PDU_MAX];
                let length = node.answer(&request, &mut answer);
                let answer = answer.get(..length).unwrap_or_default().to_vec();
                // A connection that is gone needs no answer.
                drop(reply.send(answer));
            }
            Wake::Arrival(arrival) => {
                if let Some(door) = &mut door {
                    door.take(arrival, &mut node);
                }
            }
        }
        if let Some(door) = &mut door {
            door.tell(&node);
        }
    }
    if let Some(door) = door {
        door.close().await;
    }
    field
}

async fn next(door: Option<&mut Door>) -> Arrival {
    match door {
        Some(door) => door.next().await,
        None => std::future::pending().await,
    }
}

fn microseconds(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

/// Modbus TCP traffic is a stream of requests; a connection without one for this long is closed.
const IDLE: Duration = Duration::from_secs(30);

/// The instant after which a connection counts as idle.
fn idle_deadline() -> Instant {
    Instant::now() + IDLE
}
