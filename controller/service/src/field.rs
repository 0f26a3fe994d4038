//! The field node, as the service reaches it: a board at an address or at a broker, or one made of
//! devices.

use anyhow::Context as _;
use sortline_core::Command;
use sortline_core::topology::{EyeRole, LineConfig};
use sortline_fieldbus::address::{Address, Dialer, NodeAddress};
use sortline_fieldbus::device::driver::BusView;
use sortline_fieldbus::mqtt::{Access, Broker, Topics};
use sortline_fieldbus::tap::{Tap, Telegram};
use sortline_fieldbus::tls::Tls;
use sortline_fieldbus::{self as fieldbus, Delivery, Needs, Settings, Statistics, Watch};
use sortline_softnode::{SoftNode, WiredBus, Wiring};
use tokio::runtime::Builder;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinSet;

use crate::config::{Files, NodeConfig, SiteConfig};

/// Commands for the field node that may wait; a poll writes several.
const COMMANDS: usize = 256;
/// Events of the field node that may wait; its ring holds more.
const EVENTS: usize = 512;

/// Telegrams that whoever looks may be behind.
const TELEGRAMS: usize = 1_024;

/// The service's ends of the session.
#[derive(Debug)]
pub struct Session {
    /// Commands for the node.
    pub commands: mpsc::Sender<Command>,
    /// What it told.
    pub events: mpsc::Receiver<Delivery>,
    /// How the bus does, and the node's points.
    pub statistics: watch::Receiver<Statistics>,
    /// Buses of a node made of devices.
    pub buses: Vec<(WiredBus, watch::Receiver<BusView>)>,
    /// Telegrams on all buses.
    pub telegrams: broadcast::Sender<Telegram>,
}

/// Where the field node is.
#[derive(Debug)]
pub struct Place {
    kind: Kind,
    tls: Option<Tls>,
}

#[derive(Debug)]
enum Kind {
    At(Address),
    AtBroker(Broker),
    OnDevices(Wiring),
}

impl Place {
    /// The node's place by the configuration; certificates are read.
    ///
    /// # Errors
    /// Certificates that cannot be used, or an address that is none.
    pub fn new(
        site: &SiteConfig,
        line: &LineConfig,
        wiring: Option<Wiring>,
        (files, access): (&Files, &Access),
    ) -> anyhow::Result<Self> {
        let node = &site.node;
        let path = |name: &String| files.path(name);
        let tls = node.tls.as_ref().map(|tls| {
            Tls::from_files(
                &path(&tls.authority),
                &path(&tls.certificate),
                &path(&tls.key),
            )
        });
        let kind = match wiring {
            Some(wiring) => Kind::OnDevices(wiring),
            None => match node.address.parse()? {
                NodeAddress::Bus(address) => Kind::At(address),
                NodeAddress::Mqtt(address) => Kind::AtBroker(Broker {
                    topics: Topics::new(&site.mqtt.root, &site.id, &line.id, &address.node),
                    server: address.server.opened_by(access.clone()),
                }),
            },
        };
        let tls = tls.transpose().context("the certificates of node.tls")?;
        Ok(Self { kind, tls })
    }
}

/// Starts the session with the field node, in a thread and a runtime of its own: a burst of work
/// elsewhere must not delay the heartbeat, or the node's watchdog sends parcels to the reject chute.
///
/// # Errors
/// A device cannot serve a point.
pub fn start(
    place: Place,
    (node, line): (&NodeConfig, &LineConfig),
    cursor: Option<u32>,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<Session> {
    let (commands, wanted) = mpsc::channel(COMMANDS);
    let (events, happened) = mpsc::channel(EVENTS);
    let (published, statistics) = watch::channel(Statistics::default());
    let settings = settings(node, line, cursor);
    let telegrams = broadcast::Sender::new(TELEGRAMS);
    let watch = Watch {
        statistics: published,
        tap: Tap::new("node", telegrams.clone()),
    };
    let Place { kind, tls } = place;
    let (soft, found) = match kind {
        Kind::At(address) => (None, Some(Dialer::to(&address, tls).into())),
        Kind::AtBroker(broker) => (None, Some(fieldbus::Place::from(broker))),
        Kind::OnDevices(wiring) => {
            let looks = (tls.as_ref(), &telegrams);
            (Some(SoftNode::new(line, &wiring, looks, epoch())?), None)
        }
    };
    let buses = soft
        .as_ref()
        .map(|soft| soft.buses.clone())
        .unwrap_or_default();
    tasks.spawn_blocking(move || {
        // Only a privileged process may step forward; without it the session competes like others.
        if let Err(error) = rustix::process::nice(-10) {
            tracing::debug!(%error, "the thread keeps its priority");
        }
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("the runtime of the field node's session")?;
        runtime.block_on(async {
            let (found, _devices) = match (found, soft) {
                (Some(found), _) => (found, None),
                (None, Some(soft)) => {
                    let (address, tasks) = Box::pin(soft.start())
                        .await
                        .context("the node on devices")?;
                    let address = Address::Tcp(address.to_string());
                    (Dialer::to(&address, None).into(), Some(tasks))
                }
                (None, None) => return Ok(()),
            };
            fieldbus::run(found, settings, wanted, events, watch).await;
            Ok(())
        })
    });
    Ok(Session {
        commands,
        events: happened,
        statistics,
        buses,
        telegrams,
    })
}

/// A number by which the controller tells this start of the node from the one before.
fn epoch() -> u16 {
    let mut bytes = [0; 2];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(2) => u16::from_be_bytes(bytes),
        // Without random numbers it is the same at every start, and a restart shows by its uptime.
        Ok(_) | Err(_) => 0,
    }
}

fn settings(node: &NodeConfig, line: &LineConfig, cursor: Option<u32>) -> Settings {
    let full = line.eyes.iter().filter(|eye| eye.role == EyeRole::Full);
    let count = |ids: &mut dyn Iterator<Item = u16>| ids.max().map_or(0, |id| id.saturating_add(1));
    let needs = Needs {
        eyes: count(&mut line.eyes.iter().map(|eye| eye.id.0)),
        diverters: count(&mut line.diverters.iter().map(|diverter| diverter.id.0)),
        cameras: count(&mut line.cameras.iter().map(|camera| camera.id.0.into())),
    };
    Settings {
        unit: node.unit,
        poll_ms: node.poll_ms,
        call_ms: node.call_ms,
        watchdog_ms: node.watchdog_ms,
        cursor,
        needs,
        level_eyes: full.filter_map(|eye| u8::try_from(eye.id.0).ok()).collect(),
        ..Settings::default()
    }
}
