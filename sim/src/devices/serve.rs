//! Twins behind real or simulated connections.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Twin;

/// What surrounds the devices: the plant that moves their inputs and feels their outputs.
pub trait Bench: Send + 'static {
    /// Brings the devices' pins to this time, microseconds since the start; called every
    /// millisecond and before every request.
    fn advance(&mut self, twins: &mut [Twin], now_us: u64);
}

impl<F: FnMut(&mut [Twin], u64) + Send + 'static> Bench for F {
    fn advance(&mut self, twins: &mut [Twin], now_us: u64) {
        self(twins, now_us);
    }
}

/// A connection to one of the devices.
pub struct Line {
    /// Which of the twins answers.
    pub twin: usize,
    /// The bytes.
    pub stream: Box<dyn Bytes>,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Line")
            .field("twin", &self.twin)
            .finish_non_exhaustive()
    }
}

/// Bytes both ways.
pub trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytes for T {}

impl Line {
    /// Connections accepted for one twin, each handed on; ends when nobody takes them.
    pub async fn accept(listener: TcpListener, twin: usize, lines: mpsc::Sender<Self>) {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream.set_nodelay(true));
            let line = Self {
                twin,
                stream: Box::new(stream),
            };
            if lines.send(line).await.is_err() {
                return;
            }
        }
    }
}

/// Ends [`serve`] when it is dropped or sent.
pub type Stop = oneshot::Sender<()>;

struct Ask {
    twin: usize,
    request: Vec<u8>,
    reply: oneshot::Sender<Vec<u8>>,
}

/// Requests that may wait.
const ASKS_MAX: usize = 64;
/// Connections at a time.
const LINES_MAX: usize = 64;
/// Transaction (2), protocol (2), length (2), unit (1).
const HEADER: usize = 7;

/// Serves twins over Modbus TCP framing until it is told to stop; gives twins and bench back.
///
/// # Errors
/// Never of a single connection; they end alone.
pub async fn serve<B: Bench>(
    mut twins: Vec<Twin>,
    mut bench: B,
    mut lines: mpsc::Receiver<Line>,
    mut stop: oneshot::Receiver<()>,
) -> io::Result<(Vec<Twin>, B)> {
    let (asks, mut inbox) = mpsc::channel::<Ask>(ASKS_MAX);
    let mut tasks = JoinSet::new();
    let mut ticks = interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let start = Instant::now();
    loop {
        let ask = tokio::select! {
            biased;
            _ = &mut stop => return Ok((twins, bench)),
            ask = inbox.recv() => ask,
            Some(line) = lines.recv() => {
                while tasks.try_join_next().is_some() {}
                if tasks.len() < LINES_MAX {
                    tasks.spawn(converse(line, asks.clone()));
                }
                None
            }
            _ = ticks.tick() => None,
        };
        let now_us = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        for twin in &mut twins {
            twin.advance(now_us / 1_000);
        }
        bench.advance(&mut twins, now_us);
        if let Some(Ask {
            twin,
            request,
            reply,
        }) = ask
            && let Some(twin) = twins.get_mut(twin)
        {
            // A connection that is gone needs no answer.
            drop(reply.send(twin.answer(&request)));
        }
    }
}

/// Answers until the peer closes or sends what is no request.
async fn converse(mut line: Line, asks: mpsc::Sender<Ask>) -> io::Result<()> {
    loop {
        let mut header = [0; HEADER];
        line.stream.read_exact(&mut header).await?;
        let [t1, t2, p1, p2, l1, l2, unit] = header;
        let length = usize::from(u16::from_be_bytes([l1, l2])).saturating_sub(1);
        if [p1, p2] != [0, 0] || !(1..=253).contains(&length) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut request = vec![0; length];
        line.stream.read_exact(&mut request).await?;
        let (reply, answer) = oneshot::channel();
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        asks.send(Ask {
            twin: line.twin,
            request,
            reply,
        })
        .await
        .map_err(|_ask| gone())?;
        let answer = answer.await.map_err(|_dropped| gone())?;
        if answer.is_empty() {
            continue;
        }
        let [l1, l2] = u16::try_from(answer.len() + 1)
            .unwrap_or(u16::MAX)
            .to_be_bytes();
        let frame = [&[t1, t2, 0, 0, l1, l2, unit], answer.as_slice()].concat();
        line.stream.write_all(&frame).await?;
    }
}
