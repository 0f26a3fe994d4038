//! `sortline plant`: only the simulated line, as its own process on real sockets.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use sortline_core::ChuteId;
use sortline_fieldbus::address::NodeAddress;
use sortline_fieldbus::mqtt::{Address, Topics};
use sortline_node::mqtt::Settings;
use sortline_sim::plant::PlantConfig;
use sortline_sim::render::Shipment;
use sortline_sim::serve::plant::{Options, Truth};
use sortline_sim::serve::ways::{Ways, plant_on};

use super::{announce, print, site_directory};
use crate::cli::{FAILED, FINE};
use crate::config::{self, ConfigError, Files, Manifest};

/// Arguments of `sortline plant`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sortline plant --config config/demo --modbus 127.0.0.1:5020\n\
                  In another terminal: sortline serve --config config/demo\n\n\
                  At a broker: sortline plant --config DIR --mqtt 127.0.0.1:1883"
)]
pub struct Args {
    /// The site directory; line.toml, plant.toml and manifest.csv are used.
    #[arg(long, value_name = "DIR")]
    config: PathBuf,

    /// Address at which the field node serves Modbus TCP; port 0 takes any.
    #[arg(long, value_name = "ADDR", required_unless_present = "mqtt")]
    modbus: Option<SocketAddr>,

    /// MQTT 5 broker at which the field node can be reached, beside Modbus TCP or without it. Its
    /// topics are those that site.toml names; the node's own name is that of `node.address`
    /// there, or `node`. User, password and
    /// TLS are those of `[mqtt]` there.
    #[arg(long, value_name = "HOST:PORT")]
    mqtt: Option<String>,

    /// Address at which the cameras serve HTTP. Default: where site.toml looks for the first one.
    #[arg(long, value_name = "ADDR")]
    cameras: Option<SocketAddr>,

    /// Seed of everything random.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Parcels the feeder brings; then it ends when the line is empty. Default: no end.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    parcels: Option<u64>,
}

/// The plant of a site's files, for `sortline plant` and `sortline demo`. `right` names for each
/// manifest row, in the order of the codes, the chutes that are right; empty when not judged.
///
/// # Errors
/// Every problem found in `line.toml`, `plant.toml` and `manifest.csv`.
pub fn options(
    files: &Files,
    modbus: SocketAddr,
    right: Vec<BTreeSet<ChuteId>>,
) -> Result<Options, ConfigError> {
    let refused = |problems| ConfigError { problems };
    let topology = config::load_line(files).map_err(refused)?;
    let path = files.path("plant.toml");
    let text = files
        .text("plant.toml")
        .map_err(|problem| refused(vec![problem]))?;
    let plant = PlantConfig::from_toml("plant.toml", &text)
        .map_err(|error| ConfigError::whole(&path, error.to_string()))?;
    let manifest = Manifest::load(files).map_err(refused)?;
    let row = |entry: &config::ManifestEntry| Shipment {
        code: entry.code.clone(),
        country: entry.country.clone(),
        postcode: entry.postcode.clone(),
        city: entry.city.reveal().clone(),
        service: entry.service.clone(),
    };
    Ok(Options {
        line: topology.config().clone(),
        plant,
        manifest: manifest.entries().map(row).collect(),
        right,
        modbus,
        cameras: None,
        seed: 1,
        parcels: None,
    })
}

/// Runs the plant until the parcels are through, or until it is interrupted. Prints the addresses
/// first, and the truth as one JSON object last.
///
/// # Errors
/// A configuration that cannot be used, or an address that cannot be listened on.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let files = site_directory(&args.config)?;
    let cameras = match args.cameras {
        Some(address) => Some(address),
        None => looked_for(&files)?,
    };
    let modbus = args
        .modbus
        .unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let options = Options {
        cameras,
        seed: args.seed,
        parcels: args.parcels,
        ..options(&files, modbus, Vec::new())?
    };
    let broker = args.mqtt.as_deref();
    let ways = Ways {
        modbus: args.modbus.is_some(),
        mqtt: broker
            .map(|broker| at_broker(broker, &files, &options.line.id))
            .transpose()?,
    };
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    let truth = runtime.block_on(serve(options, ways))?;
    print(&format!("{}\n", serde_json::to_string(&truth)?))?;
    let fine = truth.missort == 0 && truth.violations.is_empty();
    Ok(if fine { FINE } else { FAILED }.into())
}

/// Where the site's service looks for its first HTTP camera: a plant that is started with the same
/// directory is then found without a further word.
fn looked_for(files: &Files) -> Result<Option<SocketAddr>, ConfigError> {
    if !files.has("site.toml") {
        return Ok(None);
    }
    let site = config::load_site(files).map_err(|problems| ConfigError { problems })?;
    let host = |source: &String| {
        source
            .strip_prefix("http://")?
            .split('/')
            .next()?
            .parse()
            .ok()
    };
    Ok(site
        .config
        .cameras
        .iter()
        .find_map(|camera| host(&camera.source)))
}

/// The node's place at a broker, where the site's service looks for it.
fn at_broker(broker: &str, files: &Files, line: &str) -> anyhow::Result<Settings> {
    let site = config::load_site(files).map_err(|problems| ConfigError { problems })?;
    let site = site.config;
    let access = config::access(&site.mqtt, files)?;
    let node = match site.node.address.parse() {
        Ok(NodeAddress::Mqtt(address)) => address.node,
        Ok(NodeAddress::Bus(_)) | Err(_) => "node".to_owned(),
    };
    let address: Address = format!("mqtt://{broker}/{node}")
        .parse()
        .context("--mqtt")?;
    let topics = Topics::new(&site.mqtt.root, &site.id, line, &node);
    Ok(Settings::new(address.server.opened_by(access), topics))
}

async fn serve(options: Options, ways: Ways) -> anyhow::Result<Truth> {
    let topics = ways.mqtt.as_ref().map(|mqtt| mqtt.topics.clone());
    let over_modbus = ways.modbus;
    // Whoever reads that it is there may ask it to end the next moment.
    let signals = super::signals()?;
    let handle = plant_on(options, ways).await?;
    if over_modbus {
        announce(&format!("modbus {}\n", handle.modbus()))?;
    }
    if let Some(topics) = topics {
        announce(&format!("mqtt {}\n", topics.base()))?;
    }
    if let Some(address) = handle.cameras() {
        announce(&format!("cameras http://{address}/camera/0\n"))?;
    }
    tokio::select! {
        () = handle.finished() => {}
        () = signals => {}
    }
    Ok(handle.stop().await?)
}
