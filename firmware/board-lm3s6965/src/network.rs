//! Modbus TCP on the Ethernet controller: three connections at a time, on a fixed address.

use core::mem::MaybeUninit;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr, Ipv4Address};

use sortline_logic::PDU_MAX;
use sortline_logic::tcp::{ADU_MAX, HEADER, reply_header, request_length};

use crate::registers::{Legacy, ethernet};

const ADDRESS: Ipv4Address = Ipv4Address::new(10, 0, 2, 15);
const PREFIX: u8 = 24;
const GATEWAY: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);
/// Locally administered.
const HARDWARE: [u8; 6] = [0x02, b'S', b'o', b'r', b't', 1];
const PORT: u16 = 502;
/// A controller, its successor while the old connection lingers, and a tool.
const CONNECTIONS: usize = 3;
/// A connection without a sign of life for this long is closed.
const IDLE: Duration = Duration::from_secs(30);
/// Requests answered before the other tasks of this level have their turn.
const TURN: usize = 16;
/// Longest Ethernet frame without its check.
const FRAME: usize = 1_514;

/// Memory of one connection: requests and replies, two of each.
pub struct Buffers {
    received: [u8; 2 * ADU_MAX],
    sent: [u8; 2 * ADU_MAX],
}

/// Memory of all connections, for as long as the program runs.
pub(crate) type Memory = [Buffers; CONNECTIONS];

/// Memory as it begins.
pub(crate) const MEMORY: Memory = [const {
    Buffers {
        received: [0; 2 * ADU_MAX],
        sent: [0; 2 * ADU_MAX],
    }
}; CONNECTIONS];

/// The list of connections. It begins unwritten, because an empty list is not all zeros and would
/// take flash.
pub(crate) type Sockets = MaybeUninit<[SocketStorage<'static>; CONNECTIONS]>;

/// The network and who is connected.
pub struct Network {
    mac: Mac,
    interface: Interface,
    sockets: SocketSet<'static>,
    handles: [SocketHandle; CONNECTIONS],
}

impl Network {
    /// Begins to listen.
    pub(crate) fn new(memory: &'static mut Memory, sockets: &'static mut Sockets) -> Self {
        let mut mac = Mac::new();
        let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(HARDWARE)));
        // First sequence numbers that differ from start to start.
        config.random_seed = u64::from(Legacy::noise());
        let mut interface = Interface::new(config, &mut mac, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            // There is room for one.
            let _ = addresses.push(IpCidr::new(ADDRESS.into(), PREFIX));
        });
        // There is room for one.
        let _ = interface.routes_mut().add_default_ipv4_route(GATEWAY);
        let mut sockets = SocketSet::new(
            sockets
                .write(core::array::from_fn(|_| SocketStorage::default()))
                .as_mut_slice(),
        );
        let handles = memory.each_mut().map(|buffers| {
            let mut socket = Socket::new(
                SocketBuffer::new(buffers.received.as_mut_slice()),
                SocketBuffer::new(buffers.sent.as_mut_slice()),
            );
            socket.set_nagle_enabled(false);
            socket.set_ack_delay(None);
            socket.set_timeout(Some(IDLE));
            socket.set_keep_alive(Some(Duration::from_secs(10)));
            sockets.add(socket)
        });
        Self {
            mac,
            interface,
            sockets,
            handles,
        }
    }

    /// Receives, answers and sends what there is, up to a bound; true when it was reached and
    /// more may wait.
    pub(crate) fn serve(
        &mut self,
        now_ms: u32,
        mut answer: impl FnMut(&[u8], &mut [u8; PDU_MAX]) -> usize,
    ) -> bool {
        // Acknowledged first: what comes while this works raises it again.
        ethernet::STATUS.write(u32::MAX);
        let now = Instant::from_millis(i64::from(now_ms));
        for _ in 0..TURN {
            self.interface.poll(now, &mut self.mac, &mut self.sockets);
            let mut worked = false;
            for handle in self.handles {
                worked |= converse(self.sockets.get_mut::<Socket<'_>>(handle), &mut answer);
            }
            if !worked && !Mac::has_packet() {
                return false;
            }
        }
        true
    }
}

/// Answers one request of a connection; true when there was one or the connection changed.
fn converse(
    socket: &mut Socket<'_>,
    answer: &mut impl FnMut(&[u8], &mut [u8; PDU_MAX]) -> usize,
) -> bool {
    match socket.state() {
        State::Closed => return socket.listen(PORT).is_ok(),
        // Waiting for stray packets would keep the next controller out.
        State::TimeWait => {
            socket.abort();
            return true;
        }
        _ => {}
    }
    if !socket.may_recv() && socket.may_send() {
        socket.close();
        return true;
    }
    let mut header = [0; HEADER];
    if socket.peek_slice(&mut header) != Ok(HEADER) {
        return false;
    }
    let Some(length) = request_length(header) else {
        socket.abort();
        return true;
    };
    let room = socket.send_capacity().saturating_sub(socket.send_queue());
    if socket.recv_queue() < HEADER.saturating_add(length) || room < ADU_MAX {
        return false;
    }
    let (mut request, mut reply) = ([0; PDU_MAX], [0; PDU_MAX]);
    let request = request.get_mut(..length).unwrap_or_default();
    let taken =
        socket.recv_slice(&mut header) == Ok(HEADER) && socket.recv_slice(request) == Ok(length);
    if !taken {
        socket.abort();
        return true;
    }
    let length = answer(request, &mut reply);
    let reply = reply.get(..length).unwrap_or_default();
    // There is room, so both are taken whole unless the connection is gone.
    let _ = socket.send_slice(&reply_header(header, length));
    let _ = socket.send_slice(reply);
    true
}

/// The Ethernet controller (datasheet, chapter 16).
struct Mac {
    frame: [u8; FRAME],
}

impl Mac {
    fn new() -> Self {
        let [first @ .., fifth, sixth] = HARDWARE;
        ethernet::ADDRESS_0.write(u32::from_le_bytes(first));
        ethernet::ADDRESS_1.write(u32::from_le_bytes([fifth, sixth, 0, 0]));
        // Frames with a wrong check are dropped; the queue begins empty.
        ethernet::RECEIVE.write(1 << 4 | 1 << 3);
        ethernet::RECEIVE.write(1 << 3 | 1);
        // Full duplex; padding and check are added.
        ethernet::TRANSMIT.write(1 << 4 | 1 << 2 | 1 << 1 | 1);
        ethernet::STATUS.write(u32::MAX);
        ethernet::INTERRUPTS.write(1);
        Self { frame: [0; FRAME] }
    }

    fn has_packet() -> bool {
        ethernet::PACKETS.read() != 0
    }

    /// Takes a frame out of the controller. Its first word begins with the length, which counts
    /// itself (2) and the check (4).
    fn take(&mut self) -> usize {
        let [low, high, a, b] = ethernet::DATA.read().to_le_bytes();
        let whole = usize::from(u16::from_le_bytes([low, high]));
        let mut places = self.frame.iter_mut();
        for byte in [a, b] {
            if let Some(place) = places.next() {
                *place = byte;
            }
        }
        for _ in 1..whole.div_ceil(4) {
            for byte in ethernet::DATA.read().to_le_bytes() {
                // Too long for any frame: read to its end and cut.
                if let Some(place) = places.next() {
                    *place = byte;
                }
            }
        }
        whole.saturating_sub(6).min(FRAME)
    }
}

struct Received<'a>(&'a [u8]);
struct Sending;

impl Device for Mac {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sending;

    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, Sending)> {
        if !Self::has_packet() {
            return None;
        }
        let length = self.take();
        Some((Received(self.frame.get(..length)?), Sending))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Sending> {
        // The transmit register reads 1 while the last frame is going out.
        (ethernet::REQUEST.read() & 1 == 0).then_some(Sending)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME;
        capabilities
    }
}

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(self.0)
    }
}

impl TxToken for Sending {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut frame = [0; FRAME];
        let length = length.min(FRAME);
        let frame = frame.get_mut(..length).unwrap_or_default();
        let result = fill(frame);
        send(frame);
        result
    }
}

/// Puts a frame into the controller and lets it go. Its first word begins with the length of what
/// follows the Ethernet header (14).
fn send(frame: &[u8]) {
    let payload = u16::try_from(frame.len().saturating_sub(14)).unwrap_or(0);
    let mut bytes = payload
        .to_le_bytes()
        .into_iter()
        .chain(frame.iter().copied());
    while let Some(first) = bytes.next() {
        let mut rest = || bytes.next().unwrap_or(0);
        let word = [first, rest(), rest(), rest()];
        ethernet::DATA.write(u32::from_le_bytes(word));
    }
    ethernet::REQUEST.write(1);
}
