//! `sortline-node`: a field node on the bench, with a belt that runs by itself.

mod bench;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use sortline_logic::{Limits, Node};
use sortline_mqtt::access::Access;
use sortline_mqtt::link::Server;
use sortline_mqtt::tls;
use sortline_mqtt::{Topics, is_slug};
use sortline_node::mqtt::Settings;
use sortline_node::{Ways, serve_on};
use tokio::net::TcpListener;

use bench::Bench;

/// A field node behind Modbus TCP, and MQTT if wanted, with a belt that runs at a given speed.
///
/// Type on standard input: `eye N on`, `eye N off`, `stop on`, `stop off`, `speed MM_PER_S`,
/// `state`. Outputs and camera pulses are printed as they come.
#[derive(Debug, Parser)]
#[command(
    name = "sortline-node",
    version,
    after_help = "Example:\n  sortline-node --listen 127.0.0.1:5020 --eyes 8 --diverters 4 \
                  --opposite 0:1 --speed-mm-per-s 1500\n  mbpoll -m tcp -p 5020 -t 4:int -B -0 \
                  -r 32 -c 2 127.0.0.1"
)]
struct Arguments {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:5020")]
    listen: String,
    /// MQTT 5 broker to be reached at as well, and the levels of the node's topics.
    #[arg(long, value_name = "HOST:PORT/ROOT/SITE/LINE/NODE", value_parser = broker)]
    mqtt: Option<Settings>,
    /// Name at the broker.
    #[arg(long, value_name = "NAME", requires_all = ["mqtt", "mqtt_password_file"])]
    mqtt_user: Option<String>,
    /// File that holds the password at the broker alone, in one line.
    #[arg(long, value_name = "FILE", requires = "mqtt_user")]
    mqtt_password_file: Option<PathBuf>,
    /// PEM file with the authorities that may have signed the broker's certificate: the broker is
    /// then reached over TLS.
    #[arg(long, value_name = "FILE", requires = "mqtt")]
    mqtt_authority: Option<PathBuf>,
    /// Photo-eyes connected, 0 to 64.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(0..=64))]
    eyes: u8,
    /// Diverters connected, 0 to 32.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(0..=32))]
    diverters: u8,
    /// Cameras connected, 0 to 8.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=8))]
    cameras: u8,
    /// Two diverters that must never be out together; may be given several times.
    #[arg(long, value_name = "A:B", value_parser = opposite_pair)]
    opposite: Vec<(u8, u8)>,
    /// Longest time an output may stay on, in milliseconds.
    #[arg(long, default_value_t = 1_200, value_parser = clap::value_parser!(u16).range(1..))]
    hold_ms_max: u16,
    /// Longest hold in ticks.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u16).range(1..))]
    hold_ticks_max: u16,
    /// A command must arrive at least this many ticks ahead.
    #[arg(long, default_value_t = 10)]
    lead_ticks_min: u16,
    /// A command may arrive at most this many ticks ahead.
    #[arg(long, default_value_t = 30_000)]
    ahead_ticks_max: u32,
    /// Longest watchdog time a controller may ask for, in milliseconds.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    heartbeat_ms: u16,
    /// A photo-eye blocked so long while the belt moves is a jam; 0: never. Milliseconds.
    #[arg(long, default_value_t = 5_000)]
    jam_ms: u16,
    /// Belt speed, 0 to 4000.
    #[arg(long, default_value_t = 1_500, value_parser = clap::value_parser!(u32).range(0..=4_000))]
    speed_mm_per_s: u32,
    /// Belt travel per tick in micrometres, 100 to 10000.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(100..=10_000))]
    um_per_tick: u32,
    /// Number of this node, readable in IDENT.
    #[arg(long, default_value_t = 0)]
    node_id: u16,
    /// First epoch; by default a random one, so that a restart is seen.
    #[arg(long)]
    epoch: Option<u16>,
}

fn broker(text: &str) -> Result<Settings, String> {
    let wrong = || format!("expected HOST:PORT/ROOT/SITE/LINE/NODE, found {text:?}");
    let parts: Vec<&str> = text.split('/').collect();
    let [place, levels @ ..] = parts.as_slice() else {
        return Err(wrong());
    };
    let [root, site, line, node] = levels else {
        return Err(wrong());
    };
    let (host, port) = place.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_error| wrong())?;
    if host.is_empty() || !levels.iter().all(|level| is_slug(level)) {
        return Err(wrong());
    }
    let server = Server {
        host: host.to_owned(),
        port,
        access: Access::default(),
    };
    Ok(Settings::new(server, Topics::new(root, site, line, node)))
}

fn opposite_pair(text: &str) -> Result<(u8, u8), String> {
    let id = |text: &str| text.parse::<u8>().ok().filter(|id| *id < 32);
    let pair = text
        .split_once(':')
        .and_then(|(a, b)| Some((id(a)?, id(b)?)));
    pair.filter(|(a, b)| a != b)
        .ok_or_else(|| format!("expected two different diverters 0 to 31 as A:B, found {text:?}"))
}

impl Arguments {
    /// The node's place at a broker, and the way in.
    fn at_broker(&self) -> anyhow::Result<Option<Settings>> {
        let Some(mut settings) = self.mqtt.clone() else {
            return Ok(None);
        };
        let mut access = Access::default();
        if let (Some(user), Some(file)) = (&self.mqtt_user, &self.mqtt_password_file) {
            access =
                Access::user_from_file(user, file).with_context(|| file.display().to_string())?;
        }
        if let Some(authority) = &self.mqtt_authority {
            access = access.over_tls(tls::client(authority, None)?);
        }
        settings.server = settings.server.opened_by(access);
        Ok(Some(settings))
    }

    fn limits(&self) -> Limits {
        let mut opposite = [None; 32];
        for (a, b) in &self.opposite {
            if let Some(place) = opposite.get_mut(usize::from(*a)) {
                *place = Some(*b);
            }
            if let Some(place) = opposite.get_mut(usize::from(*b)) {
                *place = Some(*a);
            }
        }
        Limits {
            eyes: self.eyes,
            diverters: self.diverters,
            cameras: self.cameras,
            opposite,
            hold_ms_max: self.hold_ms_max,
            hold_ticks_max: self.hold_ticks_max,
            lead_ticks_min: self.lead_ticks_min,
            ahead_ticks_max: self.ahead_ticks_max,
            heartbeat_ms: self.heartbeat_ms,
            jam_ms: self.jam_ms,
        }
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without standard error there is nobody left to tell.
            drop(writeln!(
                std::io::stderr().lock(),
                "sortline-node: {error:#}"
            ));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(async {
        let listener = TcpListener::bind(&arguments.listen)
            .await
            .with_context(|| format!("listening on {}", arguments.listen))?;
        let address = listener
            .local_addr()
            .context("reading the address listened on")?;
        let epoch = arguments.epoch.unwrap_or_else(random_epoch);
        let node = Node::new(arguments.limits(), epoch).with_id(arguments.node_id);
        let field = Bench::new(arguments.speed_mm_per_s, arguments.um_per_tick);
        writeln!(
            std::io::stdout().lock(),
            "listening on {address}, epoch {epoch}"
        )?;
        let interrupted = async { drop(tokio::signal::ctrl_c().await) };
        let ways = Ways {
            modbus: Some(listener),
            mqtt: arguments.at_broker()?,
        };
        Box::pin(serve_on(ways, node, field, interrupted)).await?;
        Ok(())
    })
}

/// The system seeds each `RandomState` anew; that is random enough to tell two starts apart.
fn random_epoch() -> u16 {
    let [a, b, ..] = RandomState::new().build_hasher().finish().to_be_bytes();
    u16::from_be_bytes([a, b])
}
