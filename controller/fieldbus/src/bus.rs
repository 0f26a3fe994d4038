//! Modbus calls of which only clean replies come back.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::Statistics;
use crate::address::{Dialer, Stream};
use crate::frame::{Exchange, Framing};
use crate::pdu::{Defect, Reply, Request, Table};
use crate::tap::{Direction, Tap};

/// A connection that is not made within this is tried anew. With the pauses between tries it is
/// part of the second within which a healed link must be in use again.
const CONNECT: Duration = Duration::from_millis(300);
/// Calls answered as busy (exceptions 5 and 6) are repeated this often.
const BUSY_RETRIES: u8 = 3;
/// Longest frame of either framing (260 bytes), and room to see that more came.
const FRAME_MAX: usize = 300;
/// Deadlines for which a noisy line is waited for.
const NOISE_DEADLINES: u32 = 4;

/// Why a call gave no clean reply. After anything but an exception the connection is out of step:
/// over TCP it is given up, on a serial line [`Bus::resynchronize`] mends it.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The connection was not made in time.
    #[error("no connection within {} ms", CONNECT.as_millis())]
    ConnectTimeout,
    /// The device did not answer in time.
    #[error("no reply within the deadline")]
    Timeout,
    /// The connection failed.
    #[error("transport failed")]
    Transport(#[source] io::Error),
    /// What came is not the answer.
    #[error("{0}")]
    Nonsense(&'static str),
    /// The device refused.
    #[error("exception {0}")]
    Exception(u8),
}

impl From<Defect> for BusError {
    fn from(defect: Defect) -> Self {
        match defect {
            Defect::Exception(code) => Self::Exception(code),
            Defect::Nonsense(text) => Self::Nonsense(text),
        }
    }
}

/// One connection. Calls are made one at a time, each within one deadline.
pub struct Bus {
    stream: Box<dyn Stream>,
    framing: Framing,
    silence: Duration,
    quiet_from: Instant,
    deadline: Duration,
    transaction: u16,
    received: Vec<u8>,
    tap: Tap,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Bus")
            .field("framing", &self.framing)
            .finish_non_exhaustive()
    }
}

impl Bus {
    /// Connects. Calls are given up after `deadline`, and shown to `tap`.
    ///
    /// # Errors
    /// [`BusError::ConnectTimeout`] or [`BusError::Transport`].
    pub async fn connect(dialer: &Dialer, deadline: Duration, tap: Tap) -> Result<Self, BusError> {
        let stream = timeout(CONNECT, dialer.open())
            .await
            .map_err(|_elapsed| BusError::ConnectTimeout)?
            .map_err(BusError::Transport)?;
        Ok(Self {
            stream,
            framing: dialer.framing,
            silence: dialer.silence,
            quiet_from: Instant::now(),
            deadline,
            transaction: 0,
            received: Vec::with_capacity(FRAME_MAX),
            tap,
        })
    }

    /// Whether the connection can be mended after a failed call, instead of being made anew.
    pub const fn is_mendable(&self) -> bool {
        matches!(self.framing, Framing::Rtu)
    }

    /// Reads holding registers.
    pub(crate) async fn read(
        &mut self,
        unit: u8,
        (address, count): (u16, u16),
        statistics: &mut Statistics,
    ) -> Result<Vec<u16>, BusError> {
        let table = Table::Holding;
        let request = Request::Read {
            table,
            address,
            count,
        };
        match self.call(unit, &request, statistics).await? {
            Reply::Words(words) => Ok(words),
            Reply::Bits(_) | Reply::Done => Err(BusError::Nonsense("reply of another kind")),
        }
    }

    /// Writes holding registers in one request.
    pub(crate) async fn write(
        &mut self,
        unit: u8,
        address: u16,
        words: &[u16],
        statistics: &mut Statistics,
    ) -> Result<(), BusError> {
        let values = words.to_vec();
        let request = Request::WriteRegisters { address, values };
        self.call(unit, &request, statistics).await?;
        Ok(())
    }

    /// Asks a device. A device that says it is busy is asked again.
    ///
    /// # Errors
    /// [`BusError`].
    pub async fn call(
        &mut self,
        unit: u8,
        request: &Request,
        statistics: &mut Statistics,
    ) -> Result<Reply, BusError> {
        let mut retries = BUSY_RETRIES;
        let result = loop {
            let result = self.call_once(unit, request, statistics).await;
            let busy = matches!(result, Err(BusError::Exception(5 | 6)));
            if !busy || retries == 0 {
                break result;
            }
            retries = retries.saturating_sub(1);
        };
        match &result {
            Ok(_) => {}
            Err(BusError::Exception(_)) => statistics.exceptions += 1,
            Err(_) => statistics.errors += 1,
        }
        result
    }

    async fn call_once(
        &mut self,
        unit: u8,
        request: &Request,
        statistics: &mut Statistics,
    ) -> Result<Reply, BusError> {
        statistics.calls += 1;
        self.transaction = self.transaction.wrapping_add(1);
        let exchange = Exchange {
            framing: self.framing,
            transaction: self.transaction,
            unit,
            request,
        };
        // The runtime's clock counts whole milliseconds: even a wait that is over takes the rest
        // of one.
        if self.quiet_from > Instant::now() {
            sleep_until(self.quiet_from).await;
        }
        let begun = Instant::now();
        let reply = timeout_at(begun + self.deadline, self.exchange(exchange)).await;
        if !self.silence.is_zero() {
            self.quiet_from = Instant::now() + self.silence;
        }
        if !self.received.is_empty() {
            self.tap.show(Direction::Received, &self.received);
        }
        let reply = reply.map_err(|_elapsed| BusError::Timeout)??;
        if let Ok(_) | Err(Defect::Exception(_)) = &reply {
            statistics.took(begun.elapsed());
        }
        Ok(reply?)
    }

    /// Sends one request and takes what comes until it is the reply or cannot be.
    async fn exchange(
        &mut self,
        exchange: Exchange<'_>,
    ) -> Result<Result<Reply, Defect>, BusError> {
        let frame = exchange.encode();
        self.received.clear();
        // A late or second reply would be taken for the answer to this request.
        if self.waiting().await? > 0 {
            return Err(BusError::Nonsense("bytes that nobody asked for"));
        }
        self.tap.show(Direction::Sent, &frame);
        self.stream
            .write_all(&frame)
            .await
            .map_err(BusError::Transport)?;
        self.stream.flush().await.map_err(BusError::Transport)?;
        loop {
            let read = self.stream.read_buf(&mut self.received).await;
            if read.map_err(BusError::Transport)? == 0 {
                return Err(BusError::Transport(io::ErrorKind::UnexpectedEof.into()));
            }
            if let Some(reply) = exchange.decode(&self.received) {
                return Ok(reply);
            }
        }
    }

    /// Finds a serial line in step again after a call without a clean reply: waits until nothing
    /// comes, then has the device echo a word. Devices answer in order, so whatever was late has
    /// come before the echo. Call it before the first request on a new connection as well.
    ///
    /// A device that ignores what it does not know gives no echo; the silence of all tries is
    /// then the proof, and whether the device is there at all shows at the next call.
    ///
    /// # Errors
    /// The line is never quiet, or fails.
    pub async fn resynchronize(
        &mut self,
        unit: u8,
        tries: u8,
        statistics: &mut Statistics,
    ) -> Result<(), BusError> {
        let mut result = Ok(());
        for _ in 0..tries {
            self.drain().await?;
            let token = token(unit, self.transaction);
            let request = Request::Echo { token };
            result = match self.call_once(unit, &request, statistics).await {
                // A device that knows no echo says so, and to no other request like this.
                Ok(_) | Err(BusError::Exception(_)) => return Ok(()),
                Err(error @ BusError::Transport(_)) => return Err(error),
                Err(BusError::Timeout) if self.received.is_empty() => Ok(()),
                Err(error) => Err(error),
            };
        }
        result
    }

    /// Throws away what comes until nothing has come for one deadline.
    pub(crate) async fn drain(&mut self) -> Result<(), BusError> {
        let end = Instant::now() + self.deadline.saturating_mul(NOISE_DEADLINES);
        let mut rest = [0; FRAME_MAX];
        while Instant::now() < end {
            let read = timeout(self.deadline, self.stream.read(&mut rest)).await;
            match read {
                Err(_quiet) => return Ok(()),
                Ok(Ok(0)) => return Err(BusError::Transport(io::ErrorKind::UnexpectedEof.into())),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(BusError::Transport(error)),
            }
        }
        Err(BusError::Nonsense("a line that is never quiet"))
    }

    /// Bytes that have come without a request.
    async fn waiting(&mut self) -> Result<usize, BusError> {
        let mut byte = [0; 1];
        let mut buffer = ReadBuf::new(&mut byte);
        let stream = &mut self.stream;
        let read = poll_fn(|context| {
            let read = Pin::new(&mut *stream).poll_read(context, &mut buffer);
            Poll::Ready(match read {
                Poll::Pending => None,
                Poll::Ready(read) => Some(read),
            })
        });
        match read.await {
            None => Ok(0),
            Some(Ok(())) if buffer.filled().is_empty() => {
                Err(BusError::Transport(io::ErrorKind::UnexpectedEof.into()))
            }
            Some(Ok(())) => Ok(1),
            Some(Err(error)) => Err(BusError::Transport(error)),
        }
    }
}

/// A word for an echo, another one at each transaction.
///
/// A slave that does not know the function may take half of the echo for a frame and the other
/// half, which begins with this word, for the next one. It stays in step when that seems to be a
/// damaged frame for itself of a function that nobody knows: behind a frame for another unit,
/// slaves made with libmodbus expect the answer of that unit, and take the next request for it.
fn token(unit: u8, transaction: u16) -> u16 {
    let [_, number] = transaction.to_be_bytes();
    u16::from_be_bytes([unit, number | 0x80])
}
