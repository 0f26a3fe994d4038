//! The host's side of the service: the broker, and the uplink to it.

use std::net::SocketAddr;
use std::time::Duration;

use sortline_core::topology::LineConfig;
use sortline_fieldbus::mqtt::{Access, Server};
use tokio::sync::{mpsc, watch};

use super::Tasks;
use crate::clock;
use crate::config::{Broker, Site};
use crate::engine::Commanded;
use crate::journal::{Journal, JournalError};
use crate::routing::Routing;
use crate::uplink::commands::{Gate, PER_SECOND_MAX};
use crate::uplink::{self, Counters, Outbox, Spool, Topics};

/// Messages that may wait to be kept by the uplink.
const MESSAGES: usize = 4_096;

/// Ids of commands remembered over a restart at least.
const COMMAND_IDS: u32 = 4_096;

/// The host's side of the service.
pub(super) struct Host {
    pub(super) outbox: Outbox,
    pub(super) counters: watch::Receiver<Counters>,
    pub(super) broker: Option<SocketAddr>,
}

/// Ids of commands of before: all whose deadlines may still last.
fn known_commands(journal: &Journal, site: &Site) -> Result<Vec<String>, JournalError> {
    let window = PER_SECOND_MAX.saturating_mul(site.config.mqtt.command_s_max);
    journal.command_ids(window.max(COMMAND_IDS))
}

pub(super) fn start_uplink(
    (site, line, journal): (&Site, &LineConfig, &Journal),
    access: Access,
    (commands, routing): (&mpsc::Sender<Commanded>, &Routing),
    stop: &watch::Receiver<bool>,
    tasks: &mut Tasks,
) -> anyhow::Result<Host> {
    let (counter, counters) = watch::channel(Counters::default());
    let (host, port, broker) = match &site.broker {
        Broker::Off => {
            return Ok(Host {
                outbox: Outbox::closed(),
                counters,
                broker: None,
            });
        }
        Broker::Remote(host, port) => (host.clone(), *port, None),
        Broker::Embedded(listen) => {
            let address = uplink::start_broker(*listen, &access)?;
            (address.ip().to_string(), address.port(), Some(address))
        }
    };
    let mqtt = &site.config.mqtt;
    let (commands, routing) = (commands.clone(), routing.clone());
    let topics = Topics::new(&mqtt.root, &site.config.id, &line.id);
    let settings = uplink::Settings {
        server: Server { host, port, access },
        client_id: format!("sortline-{}-{}", site.config.id, line.id),
        keep_alive: Duration::from_secs(mqtt.keep_alive_s.into()),
        outbox: usize::try_from(mqtt.outbox_messages).unwrap_or(usize::MAX),
        topics: topics.clone(),
        factsheet: uplink::factsheet(site, line),
        gate: Gate::new(
            mqtt.command_s_max,
            known_commands(journal, site)?,
            clock::wall(),
        ),
        routing,
        spool: Spool::open(journal.path())?,
    };
    let (messages, publications) = mpsc::channel(MESSAGES);
    let run = uplink::run(settings, publications, commands, counter, stop.clone());
    tasks.spawn(async move {
        run.await;
        Ok(())
    });
    Ok(Host {
        outbox: Outbox::new(topics, messages),
        counters,
        broker,
    })
}
