//! The controller service put together: journal, line, fieldbus, cameras, host, screens.
//!
//! ```text
//! field node ⇄ fieldbus ⇄ engine → journal → live → screens (HTTP)
//!   cameras → vision ──────┘ ↑                └──→ uplink (MQTT) ─┐
//!                            └──────── commands ──────────────────┘
//! ```
//!
//! At the end everything closes in the order of the arrows: the engine takes no more, the journal
//! writes what it has, the live task tells it, the uplink says good-bye.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use sortline_core::topology::{LineConfig, Topology};
use sortline_core::{Event, Line, LineTime, SortPlan};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::clock::{self, Clock};
use crate::config::{Broker, ConfigError, Configuration, Files, Site};
use crate::engine::{Commanded, Engine, Inputs, Outputs, Picture};
use crate::field;
use crate::http::{self, Ends, Web};
use crate::journal::{self, Journal, Reader, Replayed, Writer};
use crate::live::{self, Feeds, Model, View};
use crate::resolver::Resolver;
use crate::routing::{self, Routes, Routing};
use crate::uplink::{self, Counters, Outbox, Topics, commands::Gate};
use crate::vision;

/// Readings that may wait.
const READINGS: usize = 64;
/// Commands of people that may wait.
const OPERATOR: usize = 16;
/// Records that may wait for the journal: some seconds.
const RECORDS: usize = 4_096;
/// Batches that may wait to be told.
const TOLD: usize = 64;
/// Pictures that may wait.
const SHOTS: usize = 32;
/// Acknowledgements that may wait.
const ACKNOWLEDGED: usize = 16;
/// Messages that may wait to be kept by the uplink.
const MESSAGES: usize = 4_096;
/// Ids of commands remembered over a restart.
const COMMAND_IDS: u32 = 4_096;
/// Time for an orderly end.
const END: Duration = Duration::from_secs(5);

/// A running service.
#[derive(Debug)]
pub struct Service {
    /// Where the web server listens.
    pub http: SocketAddr,
    /// Where the embedded broker listens, if there is one.
    pub mqtt: Option<SocketAddr>,
    /// Views.
    pub views: watch::Receiver<Arc<View>>,
    /// The belt.
    pub picture: watch::Receiver<Picture>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<anyhow::Result<()>>,
    live: JoinHandle<Model>,
    journal: Writer,
}

type Tasks = JoinSet<anyhow::Result<()>>;

/// Starts the service on a data directory.
///
/// # Errors
/// The journal cannot be used, an address is taken, a camera is of no known kind.
pub async fn start(all: Configuration, data: &Path) -> anyhow::Result<Service> {
    let (site, config) = (all.site, all.topology.config().clone());
    let target = site.config.target_per_hour;
    let mut model = Model::new(config.clone(), all.plan.clone(), target);
    let begun = begin(data, all.topology, &all.plan, &mut model)?;
    let path = begun.journal.path().to_owned();
    let (listener, http) = listen(site.http).await?;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let (commands, operator) = mpsc::channel(OPERATOR);
    let (picture, pictures) = watch::channel(Picture::default());
    let (views, view) = watch::channel(Arc::new(View::default()));
    let (records, journalled) = mpsc::channel(RECORDS);
    let (told, committed) = mpsc::channel(TOLD);
    let (acknowledged, acknowledgements) = mpsc::channel(ACKNOWLEDGED);

    let (field, events) = field::start(&site.config.node, &config, begun.cursor, &mut tasks);
    let ids = begun.journal.command_ids(COMMAND_IDS)?;
    let host = start_uplink(&site, &config, ids, commands.clone(), &stopped, &mut tasks)?;
    let window = Duration::from_millis(site.config.journal.commit_ms.into());
    let journal = Writer::start(begun.journal, window, journalled, told).context("the journal")?;
    let (shots, readings) = start_vision(&site)?;
    let feeds = Feeds::new(committed, shots, acknowledgements, pictures.clone());
    let live = tokio::spawn(live::run(model, feeds, views, host.outbox));

    let routing = start_routing(all.routes, all.files, site.config.origin, &mut tasks);
    let resolver = Resolver::new(all.manifest, all.rules, routing);
    let outputs = Outputs::new(field, records, picture);
    let engine = Engine::new(begun.line, Clock::starting_at(begun.at), resolver, outputs);
    let inputs = Inputs {
        field: events,
        vision: readings,
        commands: operator,
        stop: stopped.clone(),
    };
    tasks.spawn(serve(engine, inputs, begun.first));
    let ends = Ends {
        views: view.clone(),
        picture: pictures.clone(),
        uplink: host.counters,
        commands,
        acknowledged,
        stop: stopped,
    };
    tasks.spawn(http::serve(listener, Web::new(&config, path, ends)?));
    Ok(Service {
        http,
        mqtt: host.broker,
        views: view,
        picture: pictures,
        stop,
        tasks,
        live,
        journal,
    })
}

async fn listen(address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = http::listen(address).await?;
    let address = listener.local_addr().context("the web server's address")?;
    Ok((listener, address))
}

fn start_routing(
    routes: Option<Routes>,
    files: Files,
    origin: String,
    tasks: &mut Tasks,
) -> Routing {
    let (routing, refresh) = routing::keep_fresh(routes, files, origin);
    tasks.spawn(async move {
        refresh.await;
        Ok(())
    });
    routing
}

/// A journal opened, and the line as it was when it ended.
struct Begun {
    journal: Journal,
    line: Line,
    at: LineTime,
    cursor: Option<u32>,
    /// What happens before anything else.
    first: Vec<Event>,
}

fn begin(
    data: &Path,
    topology: Topology,
    plan: &SortPlan,
    model: &mut Model,
) -> anyhow::Result<Begun> {
    let what = || format!("the data directory {} cannot be made", data.display());
    std::fs::create_dir_all(data).with_context(what)?;
    let mut journal = Journal::open(data)?;
    let config = topology.config().clone();
    let mut first = Vec::new();
    let (line, at, cursor) = if journal.is_fresh() {
        (Line::new(topology, plan.clone()), LineTime::default(), None)
    } else {
        let replayed = resume(journal.path(), &config, model)?;
        first.push(Event::Restarted);
        let line = replayed
            .line
            .unwrap_or_else(|| Line::new(topology, plan.clone()));
        if line.plan() != plan {
            first.push(Event::Plan { plan: plan.clone() });
        }
        (line, replayed.at.after_ms(1), replayed.cursor)
    };
    journal.begin_run(clock::wall(), &config, plan)?;
    Ok(Begun {
        journal,
        line,
        at,
        cursor,
        first,
    })
}

/// Feeds the journal to a fresh line and model.
fn resume(path: &Path, config: &LineConfig, model: &mut Model) -> anyhow::Result<Replayed> {
    let reader = Reader::open(path)?;
    if reader.runs()?.last().is_some_and(|run| run.line != *config) {
        let text = "was begun with another line.toml; a line's journal goes with its line: use \
                    another --data directory for the changed one";
        return Err(ConfigError::whole(path, text).into());
    }
    let mut quiet = Outbox::closed();
    let replayed = journal::replay(&reader, |entry| {
        if let Some(record) = entry.record() {
            model.record(&record, &mut quiet);
        }
    })?;
    if let Some(difference) = &replayed.difference {
        let seq = difference.seq;
        tracing::warn!(
            seq,
            "this version decides differently from the one that wrote the journal"
        );
    }
    tracing::info!(steps = replayed.steps, "the line goes on from its journal");
    Ok(replayed)
}

/// Ready when the service is told to end, or forgotten.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|&stop| stop).await);
}

async fn serve(mut engine: Engine, inputs: Inputs, first: Vec<Event>) -> anyhow::Result<()> {
    for event in first {
        engine.happen(event).await?;
    }
    Ok(engine.run(inputs).await?)
}

/// The host's side of the service.
struct Host {
    outbox: Outbox,
    counters: watch::Receiver<Counters>,
    broker: Option<SocketAddr>,
}

fn start_uplink(
    site: &Site,
    line: &LineConfig,
    ids: Vec<String>,
    commands: mpsc::Sender<Commanded>,
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
            let address = uplink::start_broker(*listen)?;
            (address.ip().to_string(), address.port(), Some(address))
        }
    };
    let mqtt = &site.config.mqtt;
    let topics = Topics::new(&mqtt.root, &site.config.id, &line.id);
    let settings = uplink::Settings {
        host,
        port,
        client_id: format!("sortline-{}-{}", site.config.id, line.id),
        keep_alive: Duration::from_secs(mqtt.keep_alive_s.into()),
        outbox: usize::try_from(mqtt.outbox_messages).unwrap_or(usize::MAX),
        topics: topics.clone(),
        factsheet: factsheet(site, line),
        gate: Gate::new(mqtt.command_s_max, ids),
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

fn factsheet(site: &Site, line: &LineConfig) -> String {
    serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "site": { "id": site.config.id, "name": site.config.name },
        "line": {
            "id": line.id,
            "name": line.name,
            "speed_mm_per_s": line.belt.speed_mm_per_s,
            "length_mm": line.belt.length_mm,
            "parcel_length_mm": [line.parcel.length_mm_min, line.parcel.length_mm_max],
            "gap_mm_min": line.parcel.gap_mm_min,
            "chutes": line.chutes.iter().map(|chute| chute.id).collect::<Vec<_>>(),
            "cameras": line.cameras.len(),
        },
        "commands": ["reset", "empty_chute", "enable_chute", "key"],
        "command_s_max": site.config.mqtt.command_s_max,
    })
    .to_string()
}

fn start_vision(
    site: &Site,
) -> anyhow::Result<(mpsc::Receiver<live::Shot>, mpsc::Receiver<Event>)> {
    let (shots, pictures) = mpsc::channel(SHOTS);
    let (events, readings) = mpsc::channel(READINGS);
    let config = &site.config;
    let country = config.origin.split('-').next().unwrap_or_default();
    let outputs = vision::Outputs { events, shots };
    if cfg!(feature = "opencv") {
        vision::start(&config.cameras, &config.vision, country, &outputs)?;
    } else if !config.cameras.is_empty() {
        tracing::warn!("this build has no cameras: it was made without the feature `opencv`");
    }
    Ok((pictures, readings))
}

impl Service {
    /// Serves until `end` is ready or a part fails; then ends orderly.
    ///
    /// # Errors
    /// Why a part failed.
    pub async fn run(mut self, end: impl Future<Output = ()>) -> anyhow::Result<Model> {
        let mut failure = None;
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => break,
                Some(ended) = self.tasks.join_next() => match ended {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        failure = Some(error);
                        break;
                    }
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                },
            }
        }
        let ended = self.end().await;
        match (failure, ended) {
            // The journal knows best why it takes no more.
            (Some(_) | None, Err(error)) | (Some(error), Ok(_)) => Err(error),
            (None, Ok(model)) => Ok(model),
        }
    }

    /// Ends orderly and gives the model as it was at the end.
    ///
    /// # Errors
    /// The journal could not be written.
    async fn end(mut self) -> anyhow::Result<Model> {
        self.stop.send_replace(true);
        let rest = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(END, rest).await.is_err() {
            tracing::warn!("some connections did not end in time");
            self.tasks.abort_all();
        }
        let journal = self.journal;
        let written = tokio::task::spawn_blocking(move || journal.join()).await;
        written.context("the journal's thread")??;
        self.live.await.context("the live task")
    }
}
