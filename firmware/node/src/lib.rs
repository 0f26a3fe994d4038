//! The field node's logic as a process: a soft controller for bench, tests and simulation.
//!
//! One task owns the node and its [`Field`], steps them every millisecond and answers Modbus TCP
//! requests; every connection is a task that only frames and forwards. Nothing is shared.
//!
//! The Modbus TCP frame is read here and the request answered by `sortline-logic` rather than by
//! a server library: the node faces untrusted bytes, and limits on connections and idle time have
//! to hold before a request is understood.

mod connection;

use std::future::Future;
use std::io;
use std::time::Duration;

use sortline_logic::{Node, PDU_MAX};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};

use connection::Connections;

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
pub async fn serve<F>(
    listener: TcpListener,
    node: Node,
    field: F,
    shutdown: impl Future<Output = ()>,
) -> io::Result<F>
where
    F: Field + Send + 'static,
{
    let (asks, inbox) = mpsc::channel(ASKS_MAX);
    let (stop, stopped) = oneshot::channel();
    let mut stepping = tokio::spawn(step(node, field, inbox, stopped));
    let mut connections = Connections::new(listener, asks);
    tokio::select! {
        () = shutdown => {}
        () = connections.accept() => {}
        // It ends by itself only by a panic in the field.
        field = &mut stepping => return field.map_err(io::Error::other),
    }
    // Ends every connection first, then the node.
    drop(connections);
    drop(stop);
    stepping.await.map_err(io::Error::other)
}

async fn step<F: Field>(
    mut node: Node,
    mut field: F,
    mut inbox: mpsc::Receiver<Ask>,
    mut stopped: oneshot::Receiver<()>,
) -> F {
    let mut ticks = interval(STEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let start = ticks.tick().await;
    loop {
        let ask = tokio::select! {
            biased;
            _ = &mut stopped => return field,
            ask = inbox.recv() => ask,
            _ = ticks.tick() => None,
        };
        field.advance(&mut node, microseconds(start.elapsed()));
        if let Some(Ask { request, reply }) = ask {
            let mut answer = [0; PDU_MAX];
            let length = node.answer(&request, &mut answer);
            let answer = answer.get(..length).unwrap_or_default().to_vec();
            // A connection that is gone needs no answer.
            drop(reply.send(answer));
        }
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
