//! Routes from this site, made ahead so that a look-up takes no time.
//!
//! A table holds for parcels that are ready up to a certain time. A task of its own makes the next
//! one before, from files read again, and swaps it in whole; when the files are bad by then, the
//! last good table stays.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sortline_core::Destination;
use sortline_route::{Level, Micros, Network, Node, Table};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::clock;
use crate::config::{ConfigError, Files, Problem};
use crate::network::{self, Source};

/// A parcel read now is in a bag and at the dock after this time.
const TO_THE_DOCK: SignedDuration = SignedDuration::from_mins(30);

/// Time between two looks at whether the table still holds.
const LOOK: Duration = Duration::from_mins(1);

/// Folder of the network in a site directory.
const FOLDER: &str = "network";

/// A network and the table of the site made from it.
#[derive(Debug)]
pub struct Routes {
    network: Network,
    table: Table,
}

/// The newest routes of a site; none when it has no network.
#[derive(Clone, Debug)]
pub struct Routing {
    newest: watch::Receiver<Option<Arc<Routes>>>,
}

impl Routes {
    /// Reads the network of a site and makes the table for parcels read at `now`; `None` when the
    /// site has no network.
    ///
    /// # Errors
    /// What is wrong with the network's files, or with the site's place in it.
    pub fn load(files: &Files, origin: &str, now: Timestamp) -> Result<Option<Self>, ConfigError> {
        if !files.has(FOLDER) {
            return Ok(None);
        }
        let ready = now.checked_add(TO_THE_DOCK).unwrap_or(now);
        let network = network::load(
            &Source {
                files,
                folder: FOLDER,
            },
            ready,
        )?;
        let (Some(node), Some(minute)) = (network.find(origin), network::minute(ready)) else {
            let near = network.near(origin).join(", ");
            let text =
                format!("found `{origin}`, allowed is a place of the network, such as {near}");
            let (file, key) = (files.path("site.toml"), Some("origin".to_owned()));
            return Err(ConfigError {
                problems: vec![Problem {
                    file,
                    line: None,
                    key,
                    text,
                }],
            });
        };
        let table = Table::from_site(&network, node, minute);
        Ok(Some(Self { network, table }))
    }

    fn holds(&self, now: Timestamp) -> bool {
        let ready = now.checked_add(TO_THE_DOCK).unwrap_or(now);
        network::minute(ready).is_some_and(|ready| ready <= self.table.valid_until())
    }

    fn zone(&self, to: &Destination) -> Option<Node> {
        self.network
            .zone(&to.country, to.postcode.as_deref().unwrap_or_default())
    }
}

impl Routing {
    /// Routing that never changes.
    pub fn fixed(routes: Option<Routes>) -> Self {
        let (_, newest) = watch::channel(routes.map(Arc::new));
        Self { newest }
    }

    /// The first hop to a destination, and why.
    pub fn first(&self, to: &Destination, level: Level) -> (Option<String>, String) {
        let routes = self.newest.borrow();
        let Some(routes) = routes.as_ref() else {
            return (None, "the site has no transport network".to_owned());
        };
        let entry = routes.zone(to).map(|zone| routes.table.entry(zone, level));
        match entry {
            Some(Some(entry)) => (Some(entry.hop.clone()), entry.why.clone()),
            Some(None) => (None, "no route reaches its zone".to_owned()),
            None => (
                None,
                format!(
                    "no zone of the network serves {} with its postcode",
                    to.country
                ),
            ),
        }
    }

    /// The customs territory of a destination: the network's word for it, else the country.
    pub fn territory(&self, to: &Destination) -> String {
        let routes = self.newest.borrow();
        let found = routes.as_ref().and_then(|routes| {
            let zone = routes.zone(to).and_then(|zone| routes.network.node(zone));
            let mut nodes = routes.network.nodes();
            let mut same_country = || nodes.find(|(_, info)| info.country == to.country);
            zone.or_else(|| same_country().map(|(_, info)| info))
                .map(|info| info.territory.clone())
        });
        found.unwrap_or_else(|| to.country.clone())
    }

    /// An amount in the network's base currency.
    pub fn in_base(&self, amount: &str, currency: &str) -> Option<Micros> {
        let routes = self.newest.borrow();
        routes
            .as_ref()?
            .network
            .in_base(Micros::parse(amount)?, currency)
    }
}

/// Begins with `routes` and keeps them fresh until nobody looks any more.
pub fn keep_fresh(
    routes: Option<Routes>,
    files: Files,
    origin: String,
) -> (Routing, impl Future<Output = ()> + Send + 'static) {
    let (sender, newest) = watch::channel(routes.map(Arc::new));
    let refresh = async move {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = sender.closed() => return,
                _ = looks.tick() => {}
            }
            let now = clock::wall();
            if sender
                .borrow()
                .as_ref()
                .is_none_or(|routes| routes.holds(now))
            {
                continue;
            }
            let (files, origin) = (files.clone(), origin.clone());
            let load = move || Routes::load(&files, &origin, now);
            match tokio::task::spawn_blocking(load).await {
                Ok(Ok(Some(routes))) => {
                    tracing::info!("routes were made anew");
                    sender.send_replace(Some(Arc::new(routes)));
                }
                Ok(Ok(None)) => tracing::warn!("the network is gone; the last routes stay"),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the network is bad; the last routes stay");
                }
                Err(error) => tracing::error!(%error, "making routes failed"),
            }
        }
    };
    (Routing { newest }, refresh)
}
