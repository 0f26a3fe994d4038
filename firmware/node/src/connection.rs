//! Connections: limits, and the Modbus TCP frame (MODBUS Messaging on TCP/IP V1.0b, section 3.1).

use std::io;
use std::time::Duration;

use sortline_logic::PDU_MAX;
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
/// Transaction (2), protocol (2), length (2), unit (1).
const HEADER: usize = 7;

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
        let frame = frame(header, &answer)?;
        timeout_at(deadline, stream.write_all(&frame)).await??;
    }
}

/// One request: its header, and function code with data.
async fn receive(stream: &mut TcpStream) -> io::Result<([u8; HEADER], Vec<u8>)> {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).await?;
    let [_, _, protocol_hi, protocol_lo, length_hi, length_lo, _] = header;
    // The length counts the unit id as well.
    let length = usize::from(u16::from_be_bytes([length_hi, length_lo])).saturating_sub(1);
    if [protocol_hi, protocol_lo] != [0, 0] || length == 0 || length > PDU_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut request = vec![0; length];
    stream.read_exact(&mut request).await?;
    Ok((header, request))
}

fn frame(header: [u8; HEADER], answer: &[u8]) -> io::Result<Vec<u8>> {
    let [transaction_hi, transaction_lo, .., unit] = header;
    let length = u16::try_from(answer.len().saturating_add(1)).map_err(io::Error::other)?;
    let [length_hi, length_lo] = length.to_be_bytes();
    let mut frame = vec![
        transaction_hi,
        transaction_lo,
        0,
        0,
        length_hi,
        length_lo,
        unit,
    ];
    frame.extend_from_slice(answer);
    Ok(frame)
}
