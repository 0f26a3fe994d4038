//! `sortline demo`: the whole product on one machine, without hardware.
//!
//! The simulated plant serves real Modbus TCP and real camera streams on loopback; the service
//! connects to them as to hardware, and nothing else joins the two.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use sortline_core::topology::ChuteKind;
use sortline_core::{
    ChuteId, Code, Destination, DestinationSource, Permille, PlanMatch, Reading, Resolution,
};
use sortline_sim::serve::plant::{Options, PlantHandle, plant};

use super::scratch::Scratch;
use super::{plant as site_plant, serve};
use crate::cli::{FAILED, FINE};
use crate::config::{self, Broker, Configuration, Files, ManifestEntry};
use crate::report::Report;
use crate::resolver::Resolver;
use crate::routing::{Routes, Routing};
use crate::service::{self, Service};

/// Time for the controller to tell the last outcomes after the physics is done.
const SETTLE: Duration = Duration::from_secs(15);

/// Arguments of `sortline demo`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sortline demo\nExample: sortline demo --headless --parcels 500 \
                        --json\n\nWith --headless exit code 1: a parcel was missorted or is not \
                        accounted for."
)]
pub struct Args {
    /// Another site directory than the built-in demonstration site.
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// Where the journal is kept; without it, a directory that goes away at the end.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Listen for browsers here instead of at `http.bind` of site.toml.
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// Run a number of parcels, print the shift report and end. Ports are free ones.
    #[arg(long)]
    headless: bool,
    /// Parcels to run; without --headless the feeder stops after them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    parcels: Option<u64>,
    /// Seed of everything random in the simulated plant.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print the report as one JSON object.
    #[arg(long, requires = "headless")]
    json: bool,
}

/// Parcels of a headless run when none are named.
const PARCELS: u64 = 200;

/// Runs the demonstration.
///
/// # Errors
/// A configuration that cannot be used, or an address that is taken.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let files = match &args.config {
        Some(directory) => super::site_directory(directory)?,
        None => Files::Demo,
    };
    let mut configuration = config::load(files.clone())?;
    if args.headless {
        on_free_ports(&mut configuration);
    }
    if let Some(http) = args.http {
        configuration.site.http = http;
    }
    let scratch = Scratch::new("demo", args.data.as_deref())?;
    let right = right_chutes(&configuration, &files)?;
    let options = Options {
        cameras: Some(loopback(0)),
        seed: args.seed,
        parcels: args.parcels.or(args.headless.then_some(PARCELS)),
        ..site_plant::options(&files, loopback(0), right)?
    };
    let runtime = super::runtime()?;
    let outcome = runtime.block_on(demonstrate(args, configuration, options, scratch.path()));
    // What draws and decodes has threads of its own that may still be at it.
    runtime.shutdown_timeout(Duration::from_millis(500));
    outcome
}

async fn demonstrate(
    args: &Args,
    mut configuration: Configuration,
    options: Options,
    data: &Path,
) -> anyhow::Result<ExitCode> {
    // Whoever reads that it is there may ask it to end the next moment.
    let signals = super::signals()?;
    let plant = plant(options).await?;
    connect(&mut configuration, &plant);
    let service = service::start(configuration, data).await?;
    if !args.headless {
        super::announce(&format!("dashboard at http://{}\n", service.http))?;
        let mqtt = service
            .mqtt
            .map(|mqtt| format!("MQTT 5 broker at {mqtt}\n"));
        super::announce(&mqtt.unwrap_or_default())?;
        super::announce(&format!(
            "simulated line at {} (Modbus TCP)\n",
            plant.modbus()
        ))?;
        let machine = plant.cameras().map(|machine| {
            format!("the belt's button: curl -X POST http://{machine}/belt/stop, or /belt/start\n")
        });
        super::announce(&machine.unwrap_or_default())?;
        super::announce(&serve::enrolment(service.enrolment.as_deref()))?;
        super::announce("Ctrl-C ends it\n")?;
        service.run(signals).await?;
        plant.stop().await?;
        return Ok(FINE.into());
    }
    let (picture, views) = (service.picture.clone(), service.views.clone());
    let model = run_headless(service, &plant, signals).await?;
    let truth = plant.stop().await?;
    let read_ms = views.borrow().read_ms_p50.clone();
    let report = Report::new(&truth, &model, &picture.borrow().latency, read_ms);
    let text = if args.json {
        serde_json::to_string(&report)? + "\n"
    } else {
        report.in_words()
    };
    super::print(&text)?;
    for violation in &report.violations {
        tracing::warn!(%violation, "what must never happen did");
    }
    Ok(if report.violations.is_empty() {
        FINE
    } else {
        FAILED
    }
    .into())
}

/// Serves until the plant is done and the controller has told every outcome, or a signal comes.
async fn run_headless(
    service: Service,
    plant: &PlantHandle,
    signals: impl Future<Output = ()>,
) -> anyhow::Result<crate::live::Model> {
    let mut views = service.views.clone();
    let end = async {
        let through = async {
            plant.finished().await;
            let told = views.wait_for(|view| view.counts.inducted <= view.counts.ended());
            drop(tokio::time::timeout(SETTLE, told).await);
        };
        tokio::select! {
            () = through => {}
            () = signals => {}
        }
    };
    service.run(end).await
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn on_free_ports(configuration: &mut Configuration) {
    configuration.site.http = loopback(0);
    if let Broker::Embedded(listen) = &mut configuration.site.broker {
        *listen = loopback(0);
    }
}

/// Points the service at the plant's sockets, and at nothing else that it would drive or tell by
/// itself: what a site's files name may be real.
fn connect(configuration: &mut Configuration, plant: &PlantHandle) {
    configuration.wiring = None;
    if let Broker::Remote(..) = configuration.site.broker {
        configuration.site.broker = Broker::Embedded(loopback(0));
    }
    let site = &mut configuration.site.config;
    site.mqtt.user = None;
    site.mqtt.tls = None;
    site.scanners.clear();
    site.node.address = plant.modbus().to_string();
    if let Some(cameras) = plant.cameras() {
        for camera in &mut site.cameras {
            camera.source = format!("http://{cameras}/camera/{}", camera.id);
        }
    }
}

/// For each manifest row, in the order of the codes, the chutes a right controller may choose: by
/// its entry, or by its label alone where the shipper did not announce it.
pub(super) fn right_chutes(
    configuration: &Configuration,
    files: &Files,
) -> anyhow::Result<Vec<BTreeSet<ChuteId>>> {
    let origin = &configuration.site.config.origin;
    let routes = Routes::load(files, origin, crate::clock::wall())?;
    let (manifest, rules) = (configuration.manifest.clone(), configuration.rules.clone());
    let resolver = Resolver::new(manifest, rules, Routing::fixed(routes));
    let chutes = |reading: &Reading| chutes_of(configuration, &resolver.resolve(reading));
    let right = configuration.manifest.entries().map(|entry| {
        let by_code = chutes(&coded(entry));
        by_code.into_iter().chain(chutes(&labeled(entry))).collect()
    });
    Ok(right.collect())
}

fn coded(entry: &ManifestEntry) -> Reading {
    let code = Code {
        kind: String::new(),
        value: entry.code.clone(),
    };
    Reading {
        codes: vec![code],
        ..Reading::default()
    }
}

fn labeled(entry: &ManifestEntry) -> Reading {
    let destination = Destination {
        country: entry.country.clone(),
        postcode: Some(entry.postcode.clone()),
        source: DestinationSource::Gs1421,
        confidence: Permille::ONE,
    };
    Reading {
        destination: Some(destination),
        ..Reading::default()
    }
}

fn chutes_of(configuration: &Configuration, resolution: &Resolution) -> Vec<ChuteId> {
    let (plan, line) = (&configuration.plan, configuration.topology.config());
    let reject = line
        .chutes
        .iter()
        .filter(|chute| chute.kind == ChuteKind::Reject);
    let chosen = match resolution {
        Resolution::Sort {
            destination, hop, ..
        } => {
            let rule = plan.lookup(&PlanMatch {
                destination,
                hop: hop.as_deref(),
            });
            rule.map(|rule| rule.chutes.clone()).unwrap_or_default()
        }
        Resolution::Hold { .. } => plan.hold.into_iter().collect(),
        Resolution::Unknown => Vec::new(),
    };
    let overflow = plan
        .overflow
        .into_iter()
        .chain(reject.map(|chute| chute.id));
    chosen.into_iter().chain(overflow).collect()
}
