//! Calls one by one: what they cost, and what they leave behind on a serial line.
#![cfg(test)]

use std::time::Duration;

use sortline_fieldbus::address::{Dialer, Stream};
use sortline_fieldbus::bus::Bus;
use sortline_fieldbus::pdu::{Reply, Request, Table};
use sortline_fieldbus::tap::Tap;
use sortline_fieldbus::{Framing, Statistics};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::Instant;

const UNIT: u8 = 1;

/// A bus, and the far end of its line.
async fn line(framing: Framing) -> (Bus, DuplexStream) {
    let (sender, mut receiver) = mpsc::channel(1);
    let dialer = Dialer::with(framing, move || {
        let (near, far) = duplex(4_096);
        sender.try_send(far).expect("one connection");
        Box::pin(async move { Ok(Box::new(near) as Box<dyn Stream>) })
    });
    let bus = Bus::connect(&dialer, Duration::from_millis(200), Tap::default());
    let bus = bus.await.unwrap();
    (bus, receiver.recv().await.unwrap())
}

fn read() -> Request {
    Request::Read {
        table: Table::Holding,
        address: 0,
        count: 1,
    }
}

/// The clock of the runtime counts whole milliseconds, so even a wait that is over takes the rest
/// of one.
#[tokio::test(start_paused = true)]
async fn a_call_over_tcp_waits_for_nothing_but_its_reply() {
    let (mut bus, mut far) = line(Framing::Tcp).await;
    tokio::spawn(async move {
        let mut request = [0; 12];
        while far.read_exact(&mut request).await.is_ok() {
            let [t1, t2, ..] = request;
            let reply = [t1, t2, 0, 0, 0, 5, UNIT, 3, 2, 0, 7];
            far.write_all(&reply).await.unwrap();
        }
    });
    tokio::time::advance(Duration::from_micros(300)).await;
    let begun = Instant::now();
    let mut statistics = Statistics::default();
    for _ in 0..100 {
        let reply = bus.call(UNIT, &read(), &mut statistics).await.unwrap();
        assert_eq!(reply, Reply::Words(vec![7]));
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

/// Requests that a slave made with libmodbus answers, out of the bytes of a line: it ends a frame
/// by its function code, takes one that it does not know for 4 bytes, and expects the answer of
/// another unit behind a frame that is not its own.
fn answered_by_libmodbus(mut bytes: &[u8]) -> usize {
    let mut answered = 0;
    while let [unit, function, ..] = *bytes {
        let length = match function {
            0..=6 => 8,
            15 | 16 => 9 + bytes.get(6).map_or(0, |count| usize::from(*count)),
            _ => 4,
        };
        let Some((frame, rest)) = bytes.split_at_checked(length) else {
            break;
        };
        bytes = rest;
        if unit != UNIT {
            // Whatever comes next is taken for that answer.
            bytes = &[];
        } else if crc(frame) == 0 {
            answered += 1;
        }
    }
    answered
}

fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| {
            sum >> 1 ^ if sum & 1 == 1 { 0xA001 } else { 0 }
        })
    })
}

/// A slave that knows no echo is in step all the same with what comes behind it.
#[tokio::test(start_paused = true)]
async fn an_echo_leaves_no_slave_out_of_step() {
    let (mut bus, mut far) = line(Framing::Rtu).await;
    let mut statistics = Statistics::default();
    for round in 0..300 {
        bus.resynchronize(UNIT, 1, &mut statistics).await.unwrap();
        let call = bus.call(UNIT, &read(), &mut statistics).await;
        assert!(call.is_err(), "nobody answers here");
        let mut bytes = vec![0; 256];
        let length = far.read(&mut bytes).await.unwrap();
        assert_eq!(length, 16, "an echo and a read");
        let answered = answered_by_libmodbus(&bytes[..length]);
        assert_eq!(answered, 1, "round {round}: {:02x?}", &bytes[..length]);
    }
}
