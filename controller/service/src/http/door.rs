//! Who is let in to the web server: so many connections at once, and none that is silent for long.
//! Else whoever opens connections and says nothing takes the descriptors that cameras and the
//! fieldbus need to connect anew.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until};

/// Connections at once: fifty screens hold about 350.
const GUESTS_MAX: usize = 512;

/// A connection on which nothing went either way for so long is closed; open event streams say
/// something more often, and no simulation takes longer.
const SILENCE: Duration = Duration::from_mins(2);

/// The listening socket with its limits.
pub(super) struct Door {
    listener: TcpListener,
    places: Arc<Semaphore>,
    silence: Duration,
}

impl Door {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self::with_limits(listener, GUESTS_MAX, SILENCE)
    }

    fn with_limits(listener: TcpListener, guests: usize, silence: Duration) -> Self {
        Self {
            listener,
            places: Arc::new(Semaphore::new(guests)),
            silence,
        }
    }
}

impl Listener for Door {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        // The system keeps who waits. Nobody closes the semaphore.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let guest = Guest {
            stream,
            silence: self.silence,
            until: Box::pin(sleep_until(Instant::now() + self.silence)),
            _place: place,
        };
        (guest, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
pub(super) struct Guest {
    stream: TcpStream,
    silence: Duration,
    until: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Guest {
    /// Passes on what the socket did; what it did not do within the time is an error.
    fn watched<T>(
        &mut self,
        context: &mut Context<'_>,
        done: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if done.is_ready() {
            let until = Instant::now() + self.silence;
            self.until.as_mut().reset(until);
            return done;
        }
        ready!(self.until.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.watched(context, done)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(context, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watched(context, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    const SHORT: Duration = Duration::from_millis(200);

    async fn serve(guests: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let door = Door::with_limits(listener, guests, SHORT);
        let app = Router::new().route("/", get(|| async { "in" }));
        tokio::spawn(async move { axum::serve(door, app).await });
        address
    }

    /// What the server says until it closes.
    async fn answer(mut stream: TcpStream, request: &str) -> String {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // A reset is an end as well.
        drop(stream.read_to_string(&mut answer).await);
        answer
    }

    #[tokio::test]
    async fn who_says_nothing_makes_room_for_others() {
        let address = serve(2).await;
        let idle = [
            TcpStream::connect(address).await.unwrap(),
            TcpStream::connect(address).await.unwrap(),
        ];
        let third = TcpStream::connect(address).await.unwrap();
        let request = "GET / HTTP/1.0\r\n\r\n";
        let told = timeout(Duration::from_secs(20), answer(third, request)).await;
        assert!(told.unwrap().ends_with("in"));
        for stream in idle {
            let told = timeout(Duration::from_secs(20), answer(stream, "")).await;
            assert_eq!(told.as_deref(), Ok(""), "it was closed");
        }
    }

    #[tokio::test]
    async fn half_a_request_is_not_waited_for() {
        let address = serve(1).await;
        let slow = TcpStream::connect(address).await.unwrap();
        let told = timeout(Duration::from_secs(20), answer(slow, "GET / HT")).await;
        assert!(told.is_ok());
    }
}
