//! A field node in memory that misbehaves on demand, in virtual time.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use sortline_fieldbus::Framing;
use sortline_fieldbus::address::{Dialer, Stream};
use sortline_logic::{Limits, Node};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

/// What the slave does while it is sick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Vice {
    // Replies that are not the answer.
    ShortReply,
    LongReply,
    ShorterThanItsByteCount,
    ByteCountOfZero,
    WrongTransaction,
    LastTransaction,
    WrongUnit,
    WrongFunction,
    WrongProtocol,
    LengthZero,
    LengthOne,
    LengthHuge,
    LengthOffByOne,
    EchoOfTheRequest,
    EchoOfAnotherWrite,
    EchoOfAnotherCount,
    ReplyOfThePreviousRequest,
    ReplyToAnotherReader,
    // Too little, too much, too late.
    Silent,
    Header,
    Dribble,
    AllButOneByte,
    Late,
    LateByOne,
    Twice,
    TwiceLater,
    GluedToAnother,
    BytesBetweenRequests,
    Garbage,
    Flood,
    Web,
    Telnet,
    // Connections.
    CloseWithoutReply,
    CloseInReply,
    CloseAfterReply,
    CloseAtOnce,
    HalfOpen,
    Refused,
    BlackHole,
    OneByteThenClose,
    Banner,
    // Refusals.
    Exception(u8),
    ExceptionOfAnotherFunction,
    ExceptionTooLong,
    ExceptionWithoutCode,
    Busy,
    // Clean replies with content that cannot be.
    FrozenState,
    Zeros,
    Ones,
    AnotherProduct,
    // Serial lines alone.
    WrongChecksum,
    FlippedBit,
    // Odd, and nothing wrong with it.
    SplitAtEveryByte,
    SlowInTime,
    BusyOnce,
}

impl Vice {
    /// Those without a number.
    const PLAIN: &[Self] = &[
        Self::ShortReply,
        Self::LongReply,
        Self::ShorterThanItsByteCount,
        Self::ByteCountOfZero,
        Self::WrongTransaction,
        Self::LastTransaction,
        Self::WrongUnit,
        Self::WrongFunction,
        Self::WrongProtocol,
        Self::LengthZero,
        Self::LengthOne,
        Self::LengthHuge,
        Self::LengthOffByOne,
        Self::EchoOfTheRequest,
        Self::EchoOfAnotherWrite,
        Self::EchoOfAnotherCount,
        Self::ReplyOfThePreviousRequest,
        Self::ReplyToAnotherReader,
        Self::Silent,
        Self::Header,
        Self::Dribble,
        Self::AllButOneByte,
        Self::Late,
        Self::LateByOne,
        Self::Twice,
        Self::TwiceLater,
        Self::GluedToAnother,
        Self::BytesBetweenRequests,
        Self::Garbage,
        Self::Flood,
        Self::Web,
        Self::Telnet,
        Self::CloseWithoutReply,
        Self::CloseInReply,
        Self::CloseAfterReply,
        Self::CloseAtOnce,
        Self::HalfOpen,
        Self::Refused,
        Self::BlackHole,
        Self::OneByteThenClose,
        Self::Banner,
        Self::ExceptionOfAnotherFunction,
        Self::ExceptionTooLong,
        Self::ExceptionWithoutCode,
        Self::Busy,
        Self::FrozenState,
        Self::Zeros,
        Self::Ones,
        Self::AnotherProduct,
        Self::SplitAtEveryByte,
        Self::SlowInTime,
        Self::BusyOnce,
    ];

    /// Those of a serial line.
    const SERIAL: &[Self] = &[
        Self::ShortReply,
        Self::LongReply,
        Self::WrongUnit,
        Self::WrongFunction,
        Self::EchoOfTheRequest,
        Self::EchoOfAnotherWrite,
        Self::Silent,
        Self::AllButOneByte,
        Self::Dribble,
        Self::Late,
        Self::LateByOne,
        Self::Twice,
        Self::BytesBetweenRequests,
        Self::Garbage,
        Self::Busy,
        Self::WrongChecksum,
        Self::FlippedBit,
        Self::SplitAtEveryByte,
        Self::SlowInTime,
        Self::BusyOnce,
    ];

    /// Every vice, with all exception codes of the standard and two that it does not know.
    pub(crate) fn all() -> Vec<Self> {
        let codes = [1, 2, 3, 4, 8, 10, 11, 0, 77].map(Self::Exception);
        [Self::PLAIN, &codes].concat()
    }

    /// Those that a serial line has.
    pub(crate) fn of_a_serial_line() -> Vec<Self> {
        let codes = [1, 2, 3, 4, 8, 77].map(Self::Exception);
        [Self::SERIAL, &codes].concat()
    }

    /// Whether a controller must take it.
    pub(crate) const fn is_harmless(self) -> bool {
        matches!(
            self,
            Self::SplitAtEveryByte | Self::SlowInTime | Self::BusyOnce
        )
    }

    /// Whether it is about how connections begin.
    const fn is_of_the_connection(self) -> bool {
        matches!(
            self,
            Self::CloseAtOnce
                | Self::Refused
                | Self::BlackHole
                | Self::Banner
                | Self::AnotherProduct
        )
    }

    const fn ends_the_connection(self) -> bool {
        matches!(
            self,
            Self::CloseWithoutReply
                | Self::OneByteThenClose
                | Self::CloseInReply
                | Self::CloseAfterReply
        )
    }

    /// Whether it shows in one reply by itself.
    pub(crate) const fn is_of_a_reply(self) -> bool {
        !matches!(
            self,
            Self::CloseAtOnce
                | Self::HalfOpen
                | Self::Refused
                | Self::BlackHole
                | Self::OneByteThenClose
                | Self::Banner
                | Self::Busy
                | Self::FrozenState
                | Self::AnotherProduct
                | Self::Zeros
                | Self::Ones
                | Self::ReplyOfThePreviousRequest
                | Self::TwiceLater
                | Self::BytesBetweenRequests
                | Self::CloseAfterReply
        )
    }
}

/// When the slave is sick.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health {
    /// From now on, until healed.
    pub(crate) sick: Arc<AtomicBool>,
    /// In this reply alone, counted from 1; 0: in none.
    pub(crate) nth: Arc<AtomicU32>,
    /// Replies so far.
    pub(crate) served: Arc<AtomicU32>,
}

impl Health {
    /// The reply after so many more is the bad one.
    pub(crate) fn count_from_here(&self, replies: u32) {
        self.nth.store(
            self.served.load(Ordering::SeqCst) + replies,
            Ordering::SeqCst,
        );
    }

    fn is_sick(&self) -> bool {
        self.sick.load(Ordering::SeqCst)
    }
}

pub(crate) fn limits() -> Limits {
    Limits {
        eyes: 4,
        diverters: 2,
        cameras: 1,
        opposite: [None; 32],
        hold_ms_max: 500,
        hold_ticks_max: 500,
        lead_ticks_min: 10,
        ahead_ticks_max: 10_000,
        heartbeat_ms: 100,
        jam_ms: 1_000,
    }
}

/// Connections made to the slave: at most one waits.
pub(crate) type Connections = mpsc::Receiver<DuplexStream>;

/// A serial line: opening it anew does not make it another one.
#[derive(Clone)]
struct Line(Arc<Mutex<DuplexStream>>);

impl Line {
    fn with<T>(&self, act: impl FnOnce(Pin<&mut DuplexStream>) -> T) -> T {
        act(Pin::new(&mut *self.0.lock().unwrap()))
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.with(|line| line.poll_read(context, buffer))
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.with(|line| line.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|line| line.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A dialer to the slave, and where its connections come out. A sick slave may refuse, or never
/// answer.
pub(crate) fn wire(vice: Vice, framing: Framing, health: &Health) -> (Dialer, Connections) {
    let (sender, receiver) = mpsc::channel(1);
    let health = health.clone();
    if framing == Framing::Rtu {
        let (near, far) = duplex(4_096);
        sender.try_send(far).expect("room for one");
        let line = Line(Arc::new(Mutex::new(near)));
        let dialer = Dialer::with(framing, move || {
            let (line, _open) = (line.clone(), sender.clone());
            Box::pin(async move { Ok(Box::new(line) as Box<dyn Stream>) })
        });
        return (dialer, receiver);
    }
    let dialer = Dialer::with(framing, move || {
        let (sender, sick) = (sender.clone(), health.is_sick());
        Box::pin(async move {
            if sick && vice == Vice::Refused {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            if sick && vice == Vice::BlackHole {
                std::future::pending::<()>().await;
            }
            let (near, far) = duplex(4_096);
            drop(sender.send(far).await);
            Ok(Box::new(near) as Box<dyn Stream>)
        })
    });
    (dialer, receiver)
}

/// The node behind the slave: its belt runs one count a millisecond of virtual time.
pub(crate) struct Slave {
    pub(crate) vice: Vice,
    pub(crate) framing: Framing,
    pub(crate) health: Health,
    node: Node,
    born: Instant,
    last: Vec<u8>,
    outputs: u32,
    busy: bool,
    /// Times that an output went on.
    strokes: Arc<AtomicU32>,
}

/// What becomes of a connection.
enum Next {
    Goes,
    Ends,
}

impl Slave {
    pub(crate) fn new(
        vice: Vice,
        framing: Framing,
        health: Health,
        strokes: Arc<AtomicU32>,
    ) -> Self {
        Self {
            vice,
            framing,
            health,
            node: Node::new(limits(), 7),
            born: Instant::now(),
            last: Vec::new(),
            outputs: 0,
            busy: false,
            strokes,
        }
    }

    /// Serves one connection after the other; the newest is the one that lives.
    pub(crate) async fn serve(mut self, mut connections: Connections) {
        let mut dead = Vec::new();
        while let Some(mut stream) = connections.recv().await {
            let sick = self.health.is_sick();
            if sick && self.vice == Vice::CloseAtOnce {
                continue;
            }
            if sick && self.vice == Vice::Banner {
                drop(stream.write_all(b"login: ").await);
            }
            loop {
                let request = tokio::select! {
                    biased;
                    newer = connections.recv() => match newer {
                        Some(newer) => { stream = newer; continue; }
                        None => return,
                    },
                    request = receive(&mut stream, self.framing) => request,
                    () = self.idle(), if self.vice == Vice::BytesBetweenRequests => {
                        drop(stream.write_all(&[0x55]).await);
                        continue;
                    }
                };
                let Some(request) = request else { break };
                if self.vice == Vice::HalfOpen && self.health.is_sick() {
                    // Nobody hears, and nobody says so: not now and not after the cure.
                    dead.push(stream);
                    break;
                }
                let begins = request.get(8..10) == Some(&[0, 0][..]);
                if self.vice.is_of_the_connection() && self.health.is_sick() && !begins {
                    break;
                }
                if let Next::Ends = self.answer(&mut stream, request).await {
                    break;
                }
            }
        }
    }

    async fn idle(&self) {
        pause(3).await;
        if !self.health.is_sick() {
            std::future::pending::<()>().await;
        }
    }

    fn advance(&mut self) {
        let now = u32::try_from(self.born.elapsed().as_millis()).unwrap();
        for ms in self.node.count()..now {
            self.node.millis(ms + 1);
            self.node.encoder(ms + 1);
            let begun = self.node.outputs() & !self.outputs;
            self.strokes.fetch_add(begun.count_ones(), Ordering::SeqCst);
            self.outputs = self.node.outputs();
        }
    }

    async fn answer(&mut self, stream: &mut DuplexStream, request: Vec<u8>) -> Next {
        self.advance();
        let served = self.health.served.fetch_add(1, Ordering::SeqCst) + 1;
        let (head, pdu) = match self.framing {
            Framing::Tcp => request.split_at(7),
            Framing::Rtu => (&request[..1], &request[1..request.len() - 2]),
        };
        let position = self.health.nth.load(Ordering::SeqCst);
        let writes = matches!(
            self.vice,
            Vice::EchoOfAnotherWrite | Vice::EchoOfAnotherCount
        );
        let due = position > 0 && served >= position && (!writes || pdu[0] == 16);
        if due {
            self.health.nth.store(0, Ordering::SeqCst);
        }
        let sick = due || self.health.is_sick();
        // A busy device has not done what it was asked.
        self.busy = sick && (self.vice == Vice::Busy || self.vice == Vice::BusyOnce && !self.busy);
        if self.busy {
            let refusal = exception(self.framing, &request, 6);
            return send(stream, &refusal).await;
        }
        let mut answer = [0; sortline_logic::PDU_MAX];
        let length = self.node.answer(pdu, &mut answer);
        let frame = frame(self.framing, head, &answer[..length]);
        if sick {
            self.misbehave(stream, &request, frame).await
        } else {
            self.last.clone_from(&frame);
            send(stream, &frame).await
        }
    }

    async fn misbehave(
        &mut self,
        stream: &mut DuplexStream,
        request: &[u8],
        frame: Vec<u8>,
    ) -> Next {
        match (self.vice, self.framing) {
            (Vice::Silent, _) => Next::Goes,
            (Vice::Header, _) => send(stream, &frame[..7]).await,
            (Vice::AllButOneByte, _) => send(stream, &frame[..frame.len() - 1]).await,
            (Vice::Dribble, _) => {
                for byte in frame {
                    if let Next::Ends = send(stream, &[byte]).await {
                        return Next::Ends;
                    }
                    pause(200).await;
                }
                Next::Goes
            }
            (Vice::SplitAtEveryByte, _) => {
                for byte in frame {
                    send(stream, &[byte]).await;
                    tokio::task::yield_now().await;
                }
                Next::Goes
            }
            (Vice::Late, _) => {
                pause(120).await;
                send(stream, &frame).await
            }
            (Vice::LateByOne, _) => {
                pause(51).await;
                send(stream, &frame).await
            }
            (Vice::SlowInTime, _) => {
                pause(30).await;
                send(stream, &frame).await
            }
            (Vice::TwiceLater, _) => {
                send(stream, &frame).await;
                pause(2).await;
                send(stream, &frame).await
            }
            (Vice::Flood, _) => {
                for _ in 0..1_000 {
                    let sent = timeout(Duration::from_secs(1), send(stream, &[0x5A; 1_024])).await;
                    if !matches!(sent, Ok(Next::Goes)) {
                        return Next::Ends;
                    }
                }
                Next::Ends
            }
            (vice, _) if vice.ends_the_connection() => self.hang_up(stream, &frame).await,
            _ => {
                let spoiled = self.spoil(request, frame);
                send(stream, &spoiled).await
            }
        }
    }

    /// Ends the connection, after nothing, a part or all of the reply.
    async fn hang_up(&self, stream: &mut DuplexStream, frame: &[u8]) -> Next {
        let length = match (self.vice, frame.len()) {
            (Vice::CloseWithoutReply, _) => 0,
            (Vice::OneByteThenClose, _) => 1,
            (Vice::CloseInReply, _) => 8,
            (_, length) => length,
        };
        send(stream, &frame[..length]).await;
        Next::Ends
    }

    /// A reply of the wrong form or content.
    fn spoil(&mut self, request: &[u8], reply: Vec<u8>) -> Vec<u8> {
        if self.framing == Framing::Rtu {
            return self.spoil_rtu(request, reply);
        }
        self.spoil_answer(request, self.spoil_frame(reply))
    }

    /// What is around the answer.
    fn spoil_frame(&self, mut reply: Vec<u8>) -> Vec<u8> {
        let read = reply[7] == 3;
        match (self.vice, read) {
            (Vice::LongReply, _) => reply.extend_from_slice(&[0, 0]),
            (Vice::WrongTransaction, _) => reply[1] ^= 1,
            (Vice::LastTransaction, _) => {
                let number = u16::from_be_bytes([reply[0], reply[1]]).wrapping_sub(1);
                reply[..2].copy_from_slice(&number.to_be_bytes());
            }
            (Vice::WrongUnit, _) => reply[6] ^= 1,
            (Vice::WrongFunction, _) => reply[7] = if read { 4 } else { 6 },
            (Vice::WrongProtocol, _) => reply[3] = 1,
            (Vice::LengthZero, _) => (reply[4], reply[5]) = (0, 0),
            (Vice::LengthOne, _) => (reply[4], reply[5]) = (0, 1),
            (Vice::LengthHuge, _) => (reply[4], reply[5]) = (0xFF, 0xFF),
            (Vice::LengthOffByOne, _) => reply[5] += 1,
            (Vice::Twice, _) => reply.extend(reply.clone()),
            (Vice::GluedToAnother, _) => {
                let mut other = reply.clone();
                other[1] = other[1].wrapping_add(1);
                reply.extend(other);
            }
            (Vice::Garbage, _) => reply = vec![0xA5; 64],
            (Vice::Web, _) => {
                reply = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec();
            }
            (Vice::Telnet, _) => reply = vec![0xFF, 0xFD, 0x18, 0xFF, 0xFD, 0x20, 0xFF, 0xFD, 0x23],
            _ => {}
        }
        reply
    }

    /// The answer itself.
    fn spoil_answer(&mut self, request: &[u8], mut reply: Vec<u8>) -> Vec<u8> {
        let framing = self.framing;
        let read = reply.get(7) == Some(&3);
        match (self.vice, read) {
            (Vice::ShortReply, true) if reply.len() > 11 => {
                reply.truncate(reply.len() - 2);
                reply[8] -= 2;
                reply[5] -= 2;
            }
            (Vice::ShortReply, _) => {
                reply.pop();
                reply[5] -= 1;
            }
            (Vice::ShorterThanItsByteCount, _) => {
                reply.truncate(reply.len() - 2);
                reply[5] -= 2;
            }
            (Vice::ByteCountOfZero, _) => {
                reply.truncate(8);
                reply.push(0);
                reply[5] = 3;
            }
            (Vice::EchoOfTheRequest, _) => reply = request.to_vec(),
            (Vice::EchoOfAnotherWrite, false) => reply[9] ^= 1,
            (Vice::EchoOfAnotherCount, false) => reply[11] ^= 1,
            (Vice::ReplyOfThePreviousRequest, _) => {
                let previous = std::mem::replace(&mut self.last, reply.clone());
                reply = [&reply[..2], &previous[2..]].concat();
            }
            (Vice::ReplyToAnotherReader, _) => {
                reply.truncate(9);
                reply.extend([0; 6]);
                (reply[5], reply[7], reply[8]) = (9, 3, 6);
            }
            (Vice::Exception(code), _) => reply = exception(framing, &reply, code),
            (Vice::ExceptionOfAnotherFunction, _) => {
                reply = exception(framing, &reply, 2);
                reply[7] ^= 1;
            }
            (Vice::ExceptionTooLong, _) => {
                reply = exception(framing, &reply, 2);
                reply.push(0);
                reply[5] += 1;
            }
            (Vice::ExceptionWithoutCode, _) => {
                reply = exception(framing, &reply, 2);
                reply.pop();
                reply[5] -= 1;
            }
            (Vice::Zeros, true) => reply[9..].fill(0),
            (Vice::Ones, true) => reply[9..].fill(0xFF),
            (Vice::AnotherProduct, true) if request.get(8..10) == Some(&[0, 0][..]) => {
                reply[9..13].copy_from_slice(b"ABCD");
            }
            (Vice::FrozenState, _) => reply = self.remembered(request, reply),
            _ => {}
        }
        reply
    }

    fn spoil_rtu(&self, request: &[u8], mut reply: Vec<u8>) -> Vec<u8> {
        let body = reply.len() - 2;
        match (self.vice, self.framing) {
            (Vice::WrongUnit, _) => reply[0] ^= 1,
            (Vice::WrongFunction, _) => reply[1] = if reply[1] == 3 { 4 } else { 6 },
            (Vice::ShortReply, _) => drop(reply.remove(body - 1)),
            (Vice::LongReply, _) => reply.insert(body, 0),
            (Vice::Twice, _) => return reply.repeat(2),
            (Vice::Garbage, _) => return vec![0xA5; 64],
            (Vice::EchoOfTheRequest, _) => return request.to_vec(),
            (Vice::EchoOfAnotherWrite, _) => reply[3] ^= 1,
            (Vice::Exception(code), _) => return exception(self.framing, &reply, code),
            (Vice::WrongChecksum, _) => {
                reply[body] ^= 0x10;
                return reply;
            }
            (Vice::FlippedBit, _) => {
                reply[body / 2] ^= 0x08;
                return reply;
            }
            _ => return reply,
        }
        reply.truncate(reply.len() - 2);
        seal(&mut reply);
        reply
    }

    /// What a gateway answers that keeps the last state instead of asking for it.
    fn remembered(&mut self, request: &[u8], reply: Vec<u8>) -> Vec<u8> {
        if request[7] != 3 {
            return reply;
        }
        if self.last.len() != reply.len() {
            self.last.clone_from(&reply);
            return reply;
        }
        [&reply[..2], &self.last[2..]].concat()
    }
}

async fn pause(ms: u64) {
    sleep_until(Instant::now() + Duration::from_millis(ms)).await;
}

async fn send(stream: &mut DuplexStream, bytes: &[u8]) -> Next {
    if stream.write_all(bytes).await.is_ok() {
        Next::Goes
    } else {
        Next::Ends
    }
}

/// One request, with its frame.
async fn receive(stream: &mut DuplexStream, framing: Framing) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 7];
    stream.read_exact(&mut bytes).await.ok()?;
    let rest = match framing {
        Framing::Tcp => usize::from(bytes[5]) - 1,
        Framing::Rtu if bytes[1] == 16 => usize::from(bytes[6]) + 2,
        Framing::Rtu => 1,
    };
    let begun = bytes.len();
    bytes.resize(begun + rest, 0);
    stream.read_exact(&mut bytes[begun..]).await.ok()?;
    Some(bytes)
}

fn frame(framing: Framing, head: &[u8], pdu: &[u8]) -> Vec<u8> {
    let mut frame = head.to_vec();
    if framing == Framing::Tcp {
        let length = u16::try_from(pdu.len() + 1).unwrap();
        frame[4..6].copy_from_slice(&length.to_be_bytes());
    }
    frame.extend_from_slice(pdu);
    if framing == Framing::Rtu {
        seal(&mut frame);
    }
    frame
}

/// Puts the checksum behind an RTU frame, bit by bit as the standard describes it.
pub(crate) fn seal(frame: &mut Vec<u8>) {
    let mut sum = 0xFFFF_u16;
    for byte in frame.iter() {
        sum ^= u16::from(*byte);
        for _ in 0..8 {
            let carry = sum & 1;
            sum >>= 1;
            if carry == 1 {
                sum ^= 0xA001;
            }
        }
    }
    frame.extend(sum.to_le_bytes());
}

fn exception(framing: Framing, reply: &[u8], code: u8) -> Vec<u8> {
    match framing {
        Framing::Tcp => {
            vec![
                reply[0],
                reply[1],
                0,
                0,
                0,
                3,
                reply[6],
                reply[7] | 0x80,
                code,
            ]
        }
        Framing::Rtu => {
            let mut frame = vec![reply[0], reply[1] | 0x80, code];
            seal(&mut frame);
            frame
        }
    }
}
