//! Modbus calls of which only clean replies come back.

use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_modbus::client::Client;
use tokio_modbus::slave::Slave;
use tokio_modbus::{ExceptionCode, Request, Response};

use crate::{Settings, Statistics};

/// A connection that is not made within this is tried anew.
const CONNECT: Duration = Duration::from_millis(500);
/// Bytes of a reply before its data: header (7) and function code.
const FRAME: usize = 8;
/// Calls answered as busy (exceptions 5 and 6) are repeated this often.
const BUSY_RETRIES: u8 = 3;

/// Why a call gave no clean reply. After anything but an exception the connection is unusable.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BusError {
    #[error("no connection within {} ms", CONNECT.as_millis())]
    ConnectTimeout,
    #[error("no reply within the deadline")]
    Timeout,
    #[error("transport failed")]
    Transport(#[source] io::Error),
    #[error("{0}")]
    Nonsense(&'static str),
    #[error("frame does not belong to the request")]
    Frame(#[source] tokio_modbus::Error),
    #[error("exception {0}")]
    Exception(u8),
}

/// One connection.
pub(crate) struct Bus {
    client: tokio_modbus::client::Context,
    meter: Arc<Meter>,
    deadline: Duration,
}

impl Bus {
    pub(crate) async fn connect(settings: &Settings) -> Result<Self, BusError> {
        let stream = timeout(CONNECT, TcpStream::connect(&settings.address))
            .await
            .map_err(|_elapsed| BusError::ConnectTimeout)?
            .map_err(BusError::Transport)?;
        stream.set_nodelay(true).map_err(BusError::Transport)?;
        let meter = Arc::new(Meter::default());
        let guarded = Guarded {
            stream,
            meter: Arc::clone(&meter),
        };
        let client = tokio_modbus::client::tcp::attach_slave(guarded, Slave(settings.unit));
        Ok(Self {
            client,
            meter,
            deadline: Duration::from_millis(settings.call_ms.into()),
        })
    }

    /// Reads holding registers.
    pub(crate) async fn read(
        &mut self,
        address: u16,
        count: u16,
        statistics: &mut Statistics,
    ) -> Result<Vec<u16>, BusError> {
        let request = Request::ReadHoldingRegisters(address, count);
        // Byte count and data follow the function code.
        let bytes = FRAME + 1 + usize::from(count) * 2;
        if let Response::ReadHoldingRegisters(words) = self.call(request, bytes, statistics).await?
            && words.len() == usize::from(count)
        {
            return Ok(words);
        }
        Err(BusError::Nonsense("reply of another length"))
    }

    /// Writes holding registers in one request.
    pub(crate) async fn write(
        &mut self,
        address: u16,
        words: &[u16],
        statistics: &mut Statistics,
    ) -> Result<(), BusError> {
        let request = Request::WriteMultipleRegisters(address, Cow::Borrowed(words));
        let reply = self.call(request, FRAME + 4, statistics).await?;
        if let Response::WriteMultipleRegisters(echoed, count) = reply
            && echoed == address
            && usize::from(count) == words.len()
        {
            return Ok(());
        }
        Err(BusError::Nonsense("echo of another write"))
    }

    async fn call(
        &mut self,
        request: Request<'_>,
        bytes: usize,
        statistics: &mut Statistics,
    ) -> Result<Response, BusError> {
        let mut retries = BUSY_RETRIES;
        let result = loop {
            let result = self.call_once(request.clone(), bytes, statistics).await;
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
        request: Request<'_>,
        bytes: usize,
        statistics: &mut Statistics,
    ) -> Result<Response, BusError> {
        statistics.calls += 1;
        self.meter.begin();
        let begun = Instant::now();
        let reply = timeout(self.deadline, self.client.call(request)).await;
        let took = begun.elapsed();
        let reply = reply.map_err(|_elapsed| BusError::Timeout)?;
        let reply = reply.map_err(|error| match error {
            tokio_modbus::Error::Transport(error) => BusError::Transport(error),
            tokio_modbus::Error::Protocol(_) => BusError::Frame(error),
        })?;
        let expected = if reply.is_ok() { bytes } else { FRAME + 1 };
        if self.meter.received() != expected {
            return Err(BusError::Nonsense("more or fewer bytes than the reply has"));
        }
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        statistics.call_us_max = statistics.call_us_max.max(took);
        statistics.call_us_total = statistics.call_us_total.saturating_add(took);
        reply.map_err(|code: ExceptionCode| BusError::Exception(code.into()))
    }
}

/// What a call and its transport know of each other.
#[derive(Debug, Default)]
struct Meter {
    received: AtomicUsize,
    beginning: AtomicBool,
}

impl Meter {
    fn begin(&self) {
        self.received.store(0, Ordering::Relaxed);
        self.beginning.store(true, Ordering::Relaxed);
    }

    fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }
}

/// The stream, with every byte counted, that refuses to begin a request while bytes wait that
/// nobody asked for: a late or second reply would be taken for the next one's.
#[derive(Debug)]
struct Guarded {
    stream: TcpStream,
    meter: Arc<Meter>,
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        let count = buffer.filled().len().saturating_sub(before);
        self.meter.received.fetch_add(count, Ordering::Relaxed);
        poll
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.meter.beginning.swap(false, Ordering::Relaxed) {
            match self.stream.try_read(&mut [0; 1]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
            }
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
