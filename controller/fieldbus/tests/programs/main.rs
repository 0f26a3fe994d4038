//! The fieldbus's calls against a slave that this project did not write: pymodbus, where it is
//! installed. Every function code, the longest requests, exceptions, over both framings.
#![cfg(test)]

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sortline_fieldbus::Statistics;
use sortline_fieldbus::address::{Address, Dialer};
use sortline_fieldbus::bus::{Bus, BusError};
use sortline_fieldbus::pdu::{Reply, Request, Table};
use sortline_fieldbus::tap::Tap;
use tokio::time::{Instant, sleep_until};

/// The program has to load a library; a machine may be busy.
const START: Duration = Duration::from_mins(1);
const CALL: Duration = Duration::from_secs(10);

/// A running slave, ended when dropped.
struct Slave(Child);

impl Drop for Slave {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Starts a slave for a framing and connects to it; `None`, and says so, without pymodbus.
async fn start(framing: &str) -> Option<(Slave, Bus)> {
    let import = ["-c", "import pymodbus.server"];
    let found = Command::new("python3")
        .args(import)
        .stderr(Stdio::null())
        .status();
    if !found.is_ok_and(|status| status.success()) {
        writeln!(std::io::stdout(), "skipped: pymodbus is not installed").unwrap();
        return None;
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = free.local_addr().unwrap();
    drop(free);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/slave.py");
    let child = Command::new("python3")
        .args([script, framing, &address.port().to_string()])
        .spawn()
        .unwrap();
    let slave = Slave(child);
    let address: Address = match framing {
        "tcp" => address.to_string().parse().unwrap(),
        _ => format!("{framing}://{address}").parse().unwrap(),
    };
    let dialer = Dialer::to(&address, None);
    let begun = Instant::now();
    loop {
        match Bus::connect(&dialer, CALL, Tap::default()).await {
            Ok(bus) => return Some((slave, bus)),
            Err(error) => assert!(begun.elapsed() < START, "{error}"),
        }
        sleep_until(Instant::now() + Duration::from_millis(50)).await;
    }
}

fn word(address: u16) -> u16 {
    address.wrapping_mul(3).wrapping_add(1)
}

/// What the slave holds at the beginning.
fn untouched(table: Table, address: u16, count: u16) -> Reply {
    let words = (address..address + count).map(word);
    if table.is_bits() {
        Reply::Bits(words.map(|word| word & 1 == 1).collect())
    } else {
        Reply::Words(words.collect())
    }
}

const fn read(table: Table, address: u16, count: u16) -> Request {
    Request::Read {
        table,
        address,
        count,
    }
}

/// Reads of every table, up to the longest.
async fn reads(bus: &mut Bus, statistics: &mut Statistics) {
    for table in [
        Table::Coils,
        Table::Discretes,
        Table::Holding,
        Table::Inputs,
    ] {
        for (address, count) in [(0, 1), (7, 9), (100, table.read_max())] {
            let request = read(table, address, count);
            let reply = bus.call(1, &request, statistics).await.unwrap();
            assert_eq!(reply, untouched(table, address, count), "{table:?}");
        }
    }
}

/// Writes of every kind from address 1 on, up to the longest, and what must be read back.
fn writes() -> [(Request, Table, Reply); 4] {
    let (many, bits) = ((0..123).map(word).collect::<Vec<_>>(), vec![true; 1_968]);
    let address = 1;
    [
        (
            Request::WriteCoil { address, on: true },
            Table::Coils,
            Reply::Bits(vec![true]),
        ),
        (
            Request::WriteRegister {
                address,
                value: 0xABCD,
            },
            Table::Holding,
            Reply::Words(vec![0xABCD]),
        ),
        (
            Request::WriteCoils {
                address,
                values: bits.clone(),
            },
            Table::Coils,
            Reply::Bits(bits),
        ),
        (
            Request::WriteRegisters {
                address,
                values: many.clone(),
            },
            Table::Holding,
            Reply::Words(many),
        ),
    ]
}

async fn converse(framing: &str) {
    let Some((_slave, mut bus)) = start(framing).await else {
        return;
    };
    let mut statistics = Statistics::default();
    reads(&mut bus, &mut statistics).await;
    for (write, table, expected) in writes() {
        let count = match &expected {
            Reply::Bits(bits) => bits.len(),
            Reply::Words(words) => words.len(),
            Reply::Done => 0,
        };
        let done = bus.call(1, &write, &mut statistics).await.unwrap();
        assert_eq!(done, Reply::Done, "{write:?}");
        let back = read(table, 1, u16::try_from(count).unwrap());
        let back = bus.call(1, &back, &mut statistics).await.unwrap();
        assert_eq!(back, expected, "{write:?}");
    }
    let echo = Request::Echo { token: 0x1234 };
    let echoed = bus.call(1, &echo, &mut statistics).await.unwrap();
    assert_eq!(echoed, Reply::Done);
    let beyond = read(Table::Holding, 60_000, 1);
    let refused = bus.call(1, &beyond, &mut statistics).await;
    assert!(matches!(refused, Err(BusError::Exception(2))));
    // The line is in step after a refusal.
    let request = read(Table::Inputs, 5, 2);
    let reply = bus.call(1, &request, &mut statistics).await.unwrap();
    assert_eq!(reply, untouched(Table::Inputs, 5, 2));
}

#[tokio::test]
async fn pymodbus_understands_every_call() {
    converse("tcp").await;
}

#[tokio::test]
async fn pymodbus_understands_every_call_in_rtu_frames() {
    converse("rtu+tcp").await;
}
