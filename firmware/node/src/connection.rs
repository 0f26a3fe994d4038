//! Connections and their limits.

use std::io;
use std::time::Duration;

use sortline_logic::tcp::{HEADER, reply_header, request_length};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout_at};

use crate::{Ask, idle_deadline};

/// Connections at a time: a controller, its successor while the old connection lingers, and tools.
pub(crate) const CONNECTIONS_MAX: usize = 16;
/// Pause after a failed accept, so that a lack of descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections and owns their tasks; they end when it is dropped.
#[derive(Debug)]
pub(crate) struct Connections {
    listener: TcpListener,
    asks: mpsc::Sender<Ask>,
    tasks: JoinSet<()>,
}

impl Connections {
    pub(crate) fn new(listener: TcpListener, asks: mpsc::Sender<Ask>) -> Self {
        Self {
            listener,
            asks,
            tasks: JoinSet::new(),
        }
    }

    /// Accepts until dropped. A connection over the limit is closed at once.
    pub(crate) async fn accept(&mut self) {
        let mut pause = interval(ACCEPT_PAUSE);
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                pause.reset();
                pause.tick().await;
                continue;
            };
            while self.tasks.try_join_next().is_some() {}
            if self.tasks.len() < CONNECTIONS_MAX {
                let asks = self.asks.clone();
                self.tasks.spawn(async move {
                    // However a connection ends, it concerns nobody else.
                    drop(converse(stream, asks).await);
                });
            }
        }
    }
}

/// Answers requests until the peer closes, sends anything that is no request, or falls idle.
async fn converse(mut stream: TcpStream, asks: mpsc::Sender<Ask>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let deadline = idle_deadline();
        let (header, request) = timeout_at(deadline, receive(&mut stream)).await??;
        let (reply, answer) = oneshot::channel();
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        asks.send(Ask { request, reply })
            .await
            .map_err(|_ask| closed())?;
        let answer = answer.await.map_err(|_dropped| closed())?;
        let header = reply_header(header, answer.len());
        let frame = [header.as_slice(), &answer].concat();
        timeout_at(deadline, stream.write_all(&frame)).await??;
    }
}

/// One request: its header, and function code with data.
async fn receive(stream: &mut TcpStream) -> io::Result<([u8; HEADER], Vec<u8>)> {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).await?;
    let length = request_length(header).ok_or(io::ErrorKind::InvalidData)?;
    let mut request = vec![0; length];
    stream.read_exact(&mut request).await?;
    Ok((header, request))
}
