//! The session against a slave that misbehaves in one reply and is healthy else: nothing wrong is
//! taken for data, nothing hangs, and the node is in use again after the cure.
#![cfg(test)]

use std::time::Duration;

use sortline_core::{Event, NodeFault};
use sortline_fieldbus::{Delivery, Settings, run};
use sortline_logic::{Limits, Node};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What the slave does with one reply.
#[derive(Clone, Copy, Debug)]
enum Vice {
    ShortReply,
    LongReply,
    WrongTransaction,
    WrongUnit,
    WrongFunction,
    WrongProtocol,
    LengthZero,
    LengthHuge,
    Silent,
    Dribble,
    Garbage,
    ResetInReply,
    CloseWithoutReply,
    GluedReplies,
    EchoOfAnotherWrite,
    EchoOfAnotherCount,
    ExceptionFour,
    ExceptionUnknown,
    ExceptionZero,
}

const VICES: [Vice; 19] = [
    Vice::ShortReply,
    Vice::LongReply,
    Vice::WrongTransaction,
    Vice::WrongUnit,
    Vice::WrongFunction,
    Vice::WrongProtocol,
    Vice::LengthZero,
    Vice::LengthHuge,
    Vice::Silent,
    Vice::Dribble,
    Vice::Garbage,
    Vice::ResetInReply,
    Vice::CloseWithoutReply,
    Vice::GluedReplies,
    Vice::EchoOfAnotherWrite,
    Vice::EchoOfAnotherCount,
    Vice::ExceptionFour,
    Vice::ExceptionUnknown,
    Vice::ExceptionZero,
];

fn limits() -> Limits {
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

/// Bytes to send for a healthy reply, and whether the connection ends after them.
fn spoil(vice: Vice, mut reply: Vec<u8>) -> (Vec<u8>, bool) {
    match vice {
        Vice::ShortReply => {
            // One register fewer, consistent in itself.
            let bytes = reply.len() - 9;
            if reply[7] == 3 && bytes >= 4 {
                reply.truncate(reply.len() - 2);
                reply[8] -= 2;
                reply[5] -= 2;
            } else {
                reply.pop();
                reply[5] -= 1;
            }
        }
        Vice::LongReply => reply.extend_from_slice(&[0, 0]),
        Vice::WrongTransaction => reply[1] ^= 1,
        Vice::WrongUnit => reply[6] ^= 1,
        Vice::WrongFunction => reply[7] = if reply[7] == 3 { 4 } else { 6 },
        Vice::WrongProtocol => reply[3] = 1,
        Vice::LengthZero => (reply[4], reply[5]) = (0, 0),
        Vice::LengthHuge => (reply[4], reply[5]) = (0xFF, 0xFF),
        Vice::Silent => reply.clear(),
        Vice::Dribble => reply.truncate(1),
        Vice::Garbage => reply = vec![0xA5; 64],
        Vice::ResetInReply => {
            reply.truncate(8);
            return (reply, true);
        }
        Vice::CloseWithoutReply => return (Vec::new(), true),
        Vice::GluedReplies => reply.extend(reply.clone()),
        Vice::EchoOfAnotherWrite if reply[7] == 16 => reply[9] ^= 1,
        Vice::EchoOfAnotherCount if reply[7] == 16 => reply[11] ^= 1,
        Vice::EchoOfAnotherWrite | Vice::EchoOfAnotherCount => {
            reply.truncate(reply.len() - 1);
            reply[5] -= 1;
            reply[8] -= 1;
        }
        Vice::ExceptionFour => reply = exception(&reply, 4),
        Vice::ExceptionUnknown => reply = exception(&reply, 77),
        Vice::ExceptionZero => reply = exception(&reply, 0),
    }
    (reply, false)
}

fn exception(reply: &[u8], code: u8) -> Vec<u8> {
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

/// A node that answers request by request; reply number `nth` is spoilt, or the first write
/// after it. Time is the number of requests: 1 ms each, so the watchdog plays no part.
async fn slave(listener: TcpListener, vice: Vice, nth: u32) {
    let mut node = Node::new(limits(), 7);
    let mut served = 0;
    let mut spoilt = false;
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        while let Some((header, request)) = receive(&mut stream).await {
            served += 1;
            node.millis(served);
            node.encoder(served);
            let mut answer = [0; sortline_logic::PDU_MAX];
            let length = node.answer(&request, &mut answer);
            let mut reply = header.to_vec();
            reply[5] = u8::try_from(length + 1).unwrap();
            reply.extend_from_slice(&answer[..length]);
            let mut ends = false;
            let echo = matches!(vice, Vice::EchoOfAnotherWrite | Vice::EchoOfAnotherCount);
            if !spoilt && served >= nth && (!echo || request[0] == 16) {
                spoilt = true;
                (reply, ends) = spoil(vice, reply);
            }
            if stream.write_all(&reply).await.is_err() || ends {
                break;
            }
        }
    }
}

async fn receive(stream: &mut TcpStream) -> Option<([u8; 7], Vec<u8>)> {
    let mut header = [0; 7];
    stream.read_exact(&mut header).await.ok()?;
    let mut request = vec![0; usize::from(header[5]) - 1];
    stream.read_exact(&mut request).await.ok()?;
    header[4] = 0;
    Some((header, request))
}

async fn next(events: &mut mpsc::Receiver<Delivery>) -> Event {
    let next = tokio::time::timeout(Duration::from_secs(20), events.recv());
    next.await
        .expect("an event within 20 s")
        .expect("session runs")
        .event
}

/// Waits for the node to go down and come up again; what was told in between.
async fn down_and_up(events: &mut mpsc::Receiver<Delivery>) -> (NodeFault, Vec<Event>) {
    let mut told = Vec::new();
    let mut fault = None;
    loop {
        match (next(events).await, fault) {
            (Event::NodeDown { fault: found }, None) => fault = Some(found),
            (Event::NodeUp { .. }, Some(fault)) => return (fault, told),
            (event, _) => told.push(event),
        }
    }
}

#[tokio::test]
async fn every_vice_in_every_reply_is_survived() {
    for vice in VICES {
        // Identity, limits, first state, poll state, arming, its read-back, heartbeat, later ones.
        for nth in [1, 2, 3, 4, 5, 6, 7, 30, 31] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut settings = Settings::new(listener.local_addr().unwrap().to_string());
            settings.poll_ms = 1;
            let slave = tokio::spawn(slave(listener, vice, nth));
            let (commands, inbox) = mpsc::channel(4);
            let (outbox, mut events) = mpsc::channel(64);
            let session = tokio::spawn(run(settings, inbox, outbox));
            let (fault, told) = down_and_up(&mut events).await;
            let allowed = [NodeFault::Unreachable, NodeFault::Protocol];
            assert!(
                allowed.contains(&fault),
                "{vice:?} in reply {nth}: {fault:?}"
            );
            // Nothing but the belt's counts, the first coming up, and possibly a trip.
            for event in told {
                let harmless = matches!(event, Event::Belt { .. } | Event::NodeUp { .. });
                assert!(harmless, "{vice:?} in reply {nth}: {event:?}");
            }
            drop(commands);
            events.close();
            tokio::time::timeout(Duration::from_secs(20), session)
                .await
                .unwrap()
                .unwrap();
            slave.abort();
        }
    }
}
