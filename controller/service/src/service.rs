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

mod host;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::SignedDuration;
use sortline_core::topology::{LineConfig, Topology};
use sortline_core::{Event, Line, LineTime, SortPlan};
use sortline_fieldbus::mqtt::Access;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle, JoinSet};

use crate::clock::{self, Clock};
use crate::config::{self, ConfigError, Configuration, Files, Site};
use crate::engine::{Engine, Inputs, Outputs, Picture};
use crate::field::{self, Place};
use crate::http::{self, Ends, Fixed, Front, SiteInfo, Web};
use crate::journal::{self, Committed, Journal, Reader, Record, Replayed, Writer};
use crate::live::{self, Desk, Feeds, Model, View};
use crate::office::{AlarmRow, Office, random_code};
use crate::resolver::Resolver;
use crate::routing::{self, Routes, Routing};
use crate::scanners;
use crate::triggers::Triggers;
use crate::uplink::Outbox;
use crate::vision;

use host::start_uplink;

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
/// Requests to the live task that may wait.
const ORDERS: usize = 64;
/// Batches of the history of alarms that may wait.
const ALARMS: usize = 256;
/// How long the history of alarms is kept.
const ALARM_AGE: SignedDuration = SignedDuration::from_hours(24 * 400);
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
    /// What the first administrator shows, while there is none.
    pub enrolment: Option<Arc<str>>,
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
    let (site, line) = (all.site, all.topology.config().clone());
    if let Some(text) = config::exposed(site.config.people, site.http) {
        return Err(ConfigError::whole(&all.files.path("site.toml"), text).into());
    }
    let what = || format!("the data directory {} cannot be made", data.display());
    std::fs::create_dir_all(data).with_context(what)?;
    let office = Office::open(data)?;
    let plan = office.adopt_plan(&all.plan, clock::wall())?;
    let mut model = Model::new(line.clone(), plan.clone(), site.config.target_per_hour)
        .with_bags(&site.config.bags.sscc_prefix);
    model.explain_chutes(office.chute_notes()?);
    let begun = begin(data, all.topology.clone(), &plan, &mut model)?;
    resume_alarms(&office, &mut model)?;
    let info = SiteInfo::of(&site);
    let code = enrolment(info.open, &office)?;
    let fixed = Fixed {
        front: Front::new(info, all.files.clone(), office, code),
        neighbors: http::neighbors(&site.config.neighbors, &all.files)?,
        topology: all.topology,
        plan,
        manifest: all.manifest.clone(),
        journal: begun.journal.path().to_owned(),
    };
    let access = config::access(&site.config.mqtt, &all.files)?;
    let place = Place::new(&site.config, &line, all.wiring, (&all.files, &access))?;
    let country = country_of(&site.config.origin, all.routes.as_ref());
    let routes = (all.routes, all.files, site.config.origin.clone());
    let parts = Parts {
        site,
        country,
        access,
        line,
        begun,
        model,
        fixed,
    };
    let knows = |routing| Resolver::new(all.manifest, all.rules, routing);
    Box::pin(parts.start(place, routes, knows)).await
}

/// What a service is put together from.
struct Parts {
    site: Site,
    country: String,
    access: Access,
    line: LineConfig,
    begun: Begun,
    model: Model,
    fixed: Fixed,
}

impl Parts {
    async fn start(
        self,
        place: Place,
        (routes, files, origin): (Option<Routes>, Files, String),
        knows: impl FnOnce(Routing) -> Resolver,
    ) -> anyhow::Result<Service> {
        let (site, line, fixed) = (self.site, self.line, self.fixed);
        let (begun, model) = (self.begun, self.model);
        let (listener, http) = listen(site.http).await?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let (commands, operator) = mpsc::channel(OPERATOR);
        let (picture, pictures) = watch::channel(Picture::default());
        let (views, view) = watch::channel(Arc::new(View::default()));
        let (records, journalled) = mpsc::channel(RECORDS);
        let (told, committed) = mpsc::channel(TOLD);
        let (desk, orders) = mpsc::channel(ORDERS);

        let routing = routing::start(routes, (files, origin), &fixed.office, &mut tasks);
        let field = field::start(place, (&site.config.node, &line), begun.cursor, &mut tasks)?;
        let ends = (&commands, &routing);
        let of = (&site, &line, &begun.journal);
        let host = start_uplink(of, self.access, ends, &stopped, &mut tasks)?;
        let journal = start_journal(begun.journal, &site, journalled, told)?;
        let (shots, readings, triggers) =
            start_vision((&site, &self.country), &stopped, &mut tasks)?;
        let history = keep_alarms(&fixed.office, &mut tasks);
        let feeds = Feeds::new(committed, shots, orders, pictures.clone(), history);
        let live = tokio::spawn(live::run(model, feeds, views, host.outbox));

        let outputs = Outputs::new(field.commands, records, picture);
        let (line, clock) = (begun.line, Clock::starting_at(begun.at));
        let engine =
            Engine::new(line, clock, knows(routing.clone()), outputs).with_triggers(triggers);
        let inputs = Inputs {
            field: field.events,
            vision: readings,
            commands: operator,
            stop: stopped.clone(),
        };
        tasks.spawn(serve(engine, inputs, begun.first));
        let ends = Ends {
            views: view.clone(),
            picture: pictures.clone(),
            uplink: host.counters,
            field: field.statistics,
            buses: field.buses,
            telegrams: field.telegrams,
            commands,
            desk: Desk::new(desk),
            routing,
            stop: stopped,
        };
        let enrolment = fixed.enrolment.clone();
        tasks.spawn(http::serve(listener, Web::new(fixed, ends)?));
        Ok(Service {
            http,
            mqtt: host.broker,
            views: view,
            picture: pictures,
            enrolment,
            stop,
            tasks,
            live,
            journal,
        })
    }
}

fn start_journal(
    journal: Journal,
    site: &Site,
    records: mpsc::Receiver<Record>,
    told: mpsc::Sender<Vec<Committed>>,
) -> anyhow::Result<Writer> {
    let window = Duration::from_millis(site.config.journal.commit_ms.into());
    Writer::start(journal, window, records, told).context("the journal's thread")
}

/// A code for the first administrator, where people sign in and there is none.
///
/// # Errors
/// The office file cannot be read, or the system gives no random numbers.
pub fn enrolment(open: bool, office: &Office) -> anyhow::Result<Option<String>> {
    if open || !office.is_empty()? {
        return Ok(None);
    }
    let code = random_code().context("the system gives no random numbers")?;
    Ok(Some(code))
}

/// What people did to alarms that are still there, and the history up to now.
fn resume_alarms(office: &Office, model: &mut Model) -> anyhow::Result<()> {
    let now = clock::wall();
    office.log_alarms(&model.alarm_log())?;
    office.forget_alarms(now, ALARM_AGE)?;
    if let Some(oldest) = model.oldest_alarm() {
        model.resume_alarms(&office.acts_since(oldest)?);
    }
    Ok(())
}

/// Keeps the history of alarms in a thread of its own until the live task ends.
fn keep_alarms(office: &Office, tasks: &mut Tasks) -> mpsc::Sender<Vec<AlarmRow>> {
    let (sender, mut rows) = mpsc::channel::<Vec<AlarmRow>>(ALARMS);
    let office = office.clone();
    tasks.spawn_blocking(move || {
        while let Some(batch) = rows.blocking_recv() {
            if let Err(error) = office.log_alarms(&batch) {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "the history of alarms is not kept; the journal has them"
                );
            }
        }
        Ok(())
    });
    sender
}

async fn listen(address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = http::listen(address).await?;
    let address = listener.local_addr().context("the web server's address")?;
    Ok((listener, address))
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
    let mut journal = Journal::open(data)?;
    let config = topology.config().clone();
    let mut first = Vec::new();
    let (line, at, cursor) = if journal.is_fresh() {
        (Line::new(topology, plan.clone()), LineTime::default(), None)
    } else {
        let replayed = resume(journal.path(), model)?;
        let mut cursor = replayed.cursor;
        let line = replayed
            .line
            .unwrap_or_else(|| Line::new(topology, plan.clone()));
        if *line.topology().config() == config {
            first.push(Event::Restarted);
        } else {
            tracing::warn!("line.toml is another: parcels that were on the line end as lost");
            let line = Box::new(config.clone());
            first.push(Event::Rebuilt { line });
            // The node's edges of before are those of another line.
            cursor = None;
        }
        if line.plan() != plan {
            first.push(Event::Plan { plan: plan.clone() });
        }
        (line, replayed.at.after_ms(1), cursor)
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
fn resume(path: &Path, model: &mut Model) -> anyhow::Result<Replayed> {
    let reader = Reader::open(path)?;
    let mut quiet = Outbox::closed();
    let replayed = journal::replay(&reader, |entry| {
        if let Some(record) = entry.record() {
            model.record(&record, entry.seq, &mut quiet);
        } else if let journal::Cause::Event {
            event: Event::Belt { at },
        } = &entry.cause
        {
            model.belt(at.0, entry.wall);
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

/// The country (ISO 3166-1 alpha-2) of the place where the site is: as its network says; without
/// one as the place's name begins, like `DE-FRA`.
fn country_of(origin: &str, routes: Option<&Routes>) -> String {
    let named = || origin.split('-').next().unwrap_or_default().to_owned();
    routes.map_or_else(named, |routes| routes.country().to_owned())
}

fn start_vision(
    (site, country): (&Site, &str),
    stopped: &watch::Receiver<bool>,
    tasks: &mut Tasks,
) -> anyhow::Result<(
    mpsc::Receiver<live::Shot>,
    mpsc::Receiver<Event>,
    Vec<Triggers>,
)> {
    let (shots, pictures) = mpsc::channel(SHOTS);
    let (events, readings) = mpsc::channel(READINGS);
    let config = &site.config;
    let ends = (&events.clone(), stopped);
    let mut triggers = scanners::start(&config.scanners, country, ends, tasks)?;
    let outputs = vision::Outputs { events, shots };
    if cfg!(feature = "opencv") {
        triggers.extend(vision::start(
            &config.cameras,
            &config.vision,
            country,
            &outputs,
        )?);
    } else if !config.cameras.is_empty() {
        tracing::warn!("this build has no cameras: it was made without the feature `opencv`");
    }
    Ok((pictures, readings, triggers))
}

impl Service {
    /// Serves until `end` is ready or a part fails; then ends orderly.
    ///
    /// # Errors
    /// Why a part failed.
    pub async fn run(mut self, end: impl Future<Output = ()>) -> anyhow::Result<Model> {
        let (mut failure, mut early) = (None, None);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => break,
                ended = &mut self.live => {
                    early = Some(ended);
                    break;
                }
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
        let ended = self.end(early).await;
        match (failure, ended) {
            // The journal knows best why it takes no more.
            (Some(_) | None, Err(error)) | (Some(error), Ok(_)) => Err(error),
            (None, Ok(model)) => Ok(model),
        }
    }

    /// Ends orderly and gives the model as it was at the end. What people see must not stand still
    /// behind the line: a live task that ended `early` is a failure.
    ///
    /// # Errors
    /// The journal could not be written, or the live task ended early.
    async fn end(mut self, early: Option<Result<Model, JoinError>>) -> anyhow::Result<Model> {
        self.stop.send_replace(true);
        let rest = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(END, rest).await.is_err() {
            tracing::warn!("some connections did not end in time");
            self.tasks.abort_all();
        }
        let journal = self.journal;
        let written = tokio::task::spawn_blocking(move || journal.join()).await;
        written.context("the journal's thread")??;
        match early {
            None => self.live.await.context("the live task"),
            Some(Err(panic)) => Err(panic).context("the live task"),
            Some(Ok(_)) => anyhow::bail!("the live task ended before its feeds"),
        }
    }
}
