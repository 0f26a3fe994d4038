//! Round trips beside the bare client library in one run, and the processor time of polling a
//! thousand points. `cargo run --release -p sortline-fieldbus --example measure`

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use sortline_fieldbus::Statistics;
use sortline_fieldbus::address::{Address, Dialer};
use sortline_fieldbus::bus::Bus;
use sortline_fieldbus::device::driver::{BusSettings, DeviceSettings, Driver, Wanted};
use sortline_fieldbus::device::profile::{PointFile, Profile, ProfileFile, Protocol};
use sortline_fieldbus::pdu::{Request, Table};
use sortline_fieldbus::tap::Tap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_modbus::client::Reader as _;
use tokio_modbus::slave::Slave;

/// Of each kind.
const CALLS: u32 = 40_000;
const WORDS: u16 = 32;
const DEVICES: usize = 16;
const POINTS: u16 = 63;
const POLL_MS: u16 = 20;
const POLLING: Duration = Duration::from_secs(10);

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || serve(&sender));
    let address = receiver.recv()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut out = std::io::stdout().lock();
    let (bare, own) = runtime.block_on(round_trips(address))?;
    let mut middles = Vec::new();
    for (name, mut times) in [("tokio-modbus", bare), ("sortline", own)] {
        times.sort_unstable();
        let at = |permille: usize| times.get(times.len() * permille / 1_000).copied();
        let us = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64() * 1e6;
        let (p50, p99, p999) = (us(at(500)), us(at(990)), us(at(999)));
        let most = us(times.last().copied());
        writeln!(
            out,
            "{name}: p50 {p50:.1} us, p99 {p99:.0} us, p99.9 {p999:.0} us, max {most:.0} us"
        )?;
        middles.push(p50);
    }
    if let [bare, own] = *middles {
        let added = (own / bare - 1.0) * 100.0;
        writeln!(out, "sortline adds {added:+.1} % at p50")?;
    }
    let (used, polls, overruns) = runtime.block_on(poll(address))?;
    let percent = used.as_secs_f64() / POLLING.as_secs_f64() * 100.0;
    writeln!(
        out,
        "{} points on {DEVICES} devices every {POLL_MS} ms: {percent:.1} % of a core, {polls} \
         calls, {overruns} overruns",
        DEVICES * usize::from(POINTS)
    )?;
    Ok(())
}

/// A device that answers every read of registers with zeros.
fn serve(started: &std::sync::mpsc::Sender<SocketAddr>) -> Option<()> {
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.ok()?;
        started.send(listener.local_addr().ok()?).ok()?;
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
        Some(())
    })
}

async fn answer(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    loop {
        let mut request = [0; 12];
        stream.read_exact(&mut request).await.ok()?;
        let [t1, t2, _, _, _, _, unit, function, _, _, _, count] = request;
        let bytes = count.checked_mul(2)?;
        let mut reply = vec![
            t1,
            t2,
            0,
            0,
            0,
            bytes.checked_add(3)?,
            unit,
            function,
            bytes,
        ];
        reply.resize(9 + usize::from(bytes), 0);
        stream.write_all(&reply).await.ok()?;
    }
}

/// Times of every call, one of each in turn, either first as often.
async fn round_trips(address: SocketAddr) -> Outcome<(Vec<Duration>, Vec<Duration>)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut client = tokio_modbus::client::tcp::attach_slave(stream, Slave(1));
    let dialer = Dialer::to(&Address::Tcp(address.to_string()), None);
    // Long enough for a busy machine: a late reply is measured, not given up.
    let mut bus = Bus::connect(&dialer, Duration::from_secs(5), Tap::default()).await?;
    let mut statistics = Statistics::default();
    let request = Request::Read {
        table: Table::Holding,
        address: 0,
        count: WORDS,
    };
    let (mut bare, mut own) = (Vec::new(), Vec::new());
    for call in 0..2 * CALLS {
        let begun = Instant::now();
        if matches!(call % 4, 0 | 3) {
            client.read_holding_registers(0, WORDS).await??;
            bare.push(begun.elapsed());
        } else {
            bus.call(1, &request, &mut statistics).await?;
            own.push(begun.elapsed());
        }
    }
    Ok((bare, own))
}

/// Processor time of this thread while it polls all devices; calls, and polls that were late.
async fn poll(address: SocketAddr) -> Outcome<(Duration, u64, u64)> {
    let point = PointFile {
        name: "r".to_owned(),
        count: Some(POINTS),
        addr: Some(0),
        reference: None,
        table: None,
        bit: None,
        value: None,
        words: None,
        write: false,
        unit: String::new(),
        read_back: None,
        pulse: None,
    };
    let file = ProfileFile {
        id: "registers".to_owned(),
        name: "Registers".to_owned(),
        protocol: Protocol::Modbus,
        source: String::new(),
        confirm: Vec::new(),
        base: 0,
        limits: sortline_fieldbus::device::profile::LimitsFile::default(),
        assemblies: Vec::new(),
        points: vec![point],
        watchdog: None,
    };
    let profile = Arc::new(Profile::new(file).map_err(|problems| format!("{problems:?}"))?);
    let (want, wanted) = watch::channel(Wanted::new());
    let mut views = Vec::new();
    for _ in 0..DEVICES {
        let device = DeviceSettings {
            unit: 1,
            profile: Arc::clone(&profile),
            inputs: (0..POINTS).map(|n| format!("r{n}")).collect(),
            outputs: Vec::new(),
            without_watchdog: false,
        };
        let settings = BusSettings {
            poll_ms: POLL_MS,
            call_ms: 50,
            devices: vec![device],
        };
        let dialer = Dialer::to(&Address::Tcp(address.to_string()), None);
        let driver = Driver::new(dialer, settings, Tap::default())?;
        let (sender, view) = watch::channel(driver.view());
        views.push(view);
        tokio::spawn(driver.run(wanted.clone(), sender));
    }
    let begun = clock_gettime(ClockId::ThreadCPUTime);
    tokio::time::sleep_until(Instant::now() + POLLING).await;
    let used = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime) - begun)?;
    drop(want);
    let sum = |of: fn(&Statistics) -> u64| views.iter().map(|v| of(&v.borrow().statistics)).sum();
    Ok((used, sum(|s| s.calls), sum(|s| s.overruns)))
}
