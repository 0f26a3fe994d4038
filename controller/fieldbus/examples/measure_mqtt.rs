//! Round trips of heartbeats and commands over a broker. The node runs in this process:
//! `cargo run --release -p sortline-fieldbus --example measure_mqtt -- 127.0.0.1:1883`

use std::error::Error;
use std::io::Write as _;
use std::time::Duration;

use sortline_core::{Command, Event, Seq};
use sortline_fieldbus::mqtt::{Address, Broker, Topics};
use sortline_fieldbus::{Settings, Statistics, Watch, run};
use sortline_logic::{Limits, Node};
use sortline_node::{Field, Ways, serve_on};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

const TIME: Duration = Duration::from_secs(20);

/// A belt that runs one tick a millisecond.
struct Belt;

impl Field for Belt {
    fn advance(&mut self, node: &mut Node, now_us: u64) {
        let ms = u32::try_from(now_us / 1_000).unwrap_or(u32::MAX);
        node.millis(ms);
        node.travel(ms);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let broker = std::env::args().nth(1).ok_or("HOST:PORT of a broker")?;
    let address: Address = format!("mqtt://{broker}/measured").parse()?;
    let topics = Topics::new("sortline", "site", "line", &address.node);
    let settings = sortline_node::mqtt::Settings::new(address.server.clone(), topics.clone());
    std::thread::spawn(move || serve(settings));
    let broker = Broker {
        server: address.server,
        topics,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let statistics = runtime.block_on(Box::pin(measure(broker)));
    let times = statistics.times;
    let (p50, p99, p999) = (
        times.within_us(500),
        times.within_us(990),
        times.within_us(999),
    );
    writeln!(
        std::io::stdout().lock(),
        "{} calls, {} commands: p50 <= {p50} us, p99 <= {p99} us, p99.9 <= {p999} us, max {} us; \
         {} connections, {} errors, {} trips",
        statistics.calls,
        statistics.commands,
        statistics.call_us_max,
        statistics.connections,
        statistics.errors,
        statistics.points.trips,
    )?;
    Ok(())
}

fn serve(settings: sortline_node::mqtt::Settings) -> std::io::Result<()> {
    let limits = Limits {
        eyes: 4,
        diverters: 2,
        cameras: 1,
        opposite: [None; 32],
        hold_ms_max: 500,
        hold_ticks_max: 500,
        lead_ticks_min: 5,
        ahead_ticks_max: 100_000,
        heartbeat_ms: 100,
        jam_ms: 0,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ways = Ways {
        modbus: None,
        mqtt: Some(settings),
    };
    let node = Node::new(limits, 9);
    runtime.block_on(Box::pin(async {
        serve_on(ways, node, Belt, std::future::pending()).await?;
        Ok(())
    }))
}

/// Runs a session, and a withdrawal of nothing a hundred times a second beside its polls.
async fn measure(broker: Broker) -> Statistics {
    let (commands, inbox) = mpsc::channel(64);
    let (outbox, mut events) = mpsc::channel(64);
    let (published, statistics) = watch::channel(Statistics::default());
    let watch = Watch {
        statistics: published,
        ..Watch::default()
    };
    tokio::spawn(run(broker, Settings::default(), inbox, outbox, watch));
    let end = Instant::now() + TIME;
    let (mut epoch, mut seq) = (None, 0_u16);
    while let Ok(Some(delivery)) = timeout_at(end, events.recv()).await {
        if let Event::NodeUp { epoch: begun, .. } = delivery.event {
            epoch = Some(begun);
        }
        if let (Event::Belt { .. }, Some(epoch)) = (delivery.event, epoch) {
            seq = seq.wrapping_add(1).max(1);
            let stroke = Seq(seq);
            let withdraw = Command::Withdraw {
                seq: stroke,
                epoch,
                stroke,
            };
            // One too many is not sent, and its number is used again.
            if commands.try_send(withdraw).is_err() {
                seq = seq.wrapping_sub(1);
            }
        }
    }
    *statistics.borrow()
}
