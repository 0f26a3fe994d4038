//! The web server: JSON API, live events, metrics, and the dashboard.
//!
//! Handlers read the newest [`View`] and the journal, and hand commands over without waiting.
//! Nothing here can hold up the line.

mod alarms;
mod api;
mod assets;
mod auth;
mod backup;
mod coding;
mod describe;
mod devices;
mod door;
mod events;
mod files;
mod front;
mod guard;
mod jog;
mod metrics;
mod neighbors;
mod parcels;
mod people;
mod plans;
mod policy;
mod proposals;
mod reports;
mod routes;
mod safe_mode;
mod simulations;
mod steps;
mod system;
mod transport;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{any, get, patch, post, put};
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::json;
use sortline_core::topology::Topology;
use sortline_core::{Event, SortPlan};
use sortline_fieldbus::Statistics;
use sortline_fieldbus::device::driver::BusView;
use sortline_fieldbus::tap::Telegram;
use sortline_softnode::WiredBus;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc, watch};

use crate::clock;
use crate::config::{Login, Manifest, Site};
use crate::engine::{Commanded, Picture};
use crate::journal::Origin;
use crate::live::{Desk, View};
use crate::routing::Routing;
use crate::service::stopped;
use crate::uplink::Counters;

use door::Door;
pub use front::Front;
use jog::Hand;
use neighbors::Neighbors;
pub use neighbors::{Neighbor, neighbors};
pub use safe_mode::{SafeMode, serve_safe_mode};

/// Longest request body, bytes; of a sort plan or a file of the site.
const BODY_MAX: usize = 16 * 1024;
const PLAN_MAX: usize = 1024 * 1024;

/// What the site asks of people, and what it is called.
#[derive(Clone, Debug)]
pub struct SiteInfo {
    /// Short name.
    pub id: String,
    /// Name shown.
    pub name: String,
    /// Its place in the transport network.
    pub origin: String,
    /// IANA time zone.
    pub time_zone: String,
    /// Nobody signs in: only this machine can reach the controller.
    pub open: bool,
    /// A second person approves sort plans.
    pub four_eyes: bool,
    /// Address of the field node.
    pub node: String,
    /// MQTT broker as configured.
    pub broker: String,
    /// Start of the service.
    pub started: Timestamp,
}

impl SiteInfo {
    /// As configured, from now on.
    pub fn of(site: &Site) -> Self {
        let config = &site.config;
        Self {
            id: config.id.clone(),
            name: config.name.clone(),
            origin: config.origin.clone(),
            time_zone: config.time_zone.clone(),
            open: config.people.login == Login::Open,
            four_eyes: config.people.four_eyes,
            node: config.node.address.clone(),
            broker: config.mqtt.broker.clone(),
            started: clock::wall(),
        }
    }

    /// A site of which nothing is known: its file cannot be used. People sign in.
    pub fn unknown() -> Self {
        Self {
            id: "site".to_owned(),
            name: "Sortline".to_owned(),
            origin: String::new(),
            time_zone: "UTC".to_owned(),
            open: false,
            four_eyes: false,
            node: String::new(),
            broker: "off".to_owned(),
            started: clock::wall(),
        }
    }
}

/// What handlers know that does not change while the service runs.
#[derive(Debug)]
pub struct Fixed {
    /// Who may come in, and the site's files.
    pub front: Front,
    /// The line.
    pub topology: Topology,
    /// The sort plan that the run began with.
    pub plan: SortPlan,
    /// What shippers announced.
    pub manifest: Manifest,
    /// The journal.
    pub journal: PathBuf,
    /// Controllers whose lines are shown too.
    pub neighbors: Vec<Neighbor>,
}

/// The ends of the channels that the web server holds.
#[derive(Clone, Debug)]
pub struct Ends {
    /// Views.
    pub views: watch::Receiver<Arc<View>>,
    /// The belt.
    pub picture: watch::Receiver<Picture>,
    /// Uplink.
    pub uplink: watch::Receiver<Counters>,
    /// Fieldbus and the node's points.
    pub field: watch::Receiver<Statistics>,
    /// Buses of a node made of devices.
    pub buses: Vec<(WiredBus, watch::Receiver<BusView>)>,
    /// Telegrams, for whoever wants to see them.
    pub telegrams: broadcast::Sender<Telegram>,
    /// Commands for the line.
    pub commands: mpsc::Sender<Commanded>,
    /// The live task.
    pub desk: Desk,
    /// Routes, conditions, delays.
    pub routing: Routing,
    /// Becomes true when the service ends.
    pub stop: watch::Receiver<bool>,
}

impl Ends {
    /// Statistics of every bus, the field node's first.
    fn statistics(&self) -> Vec<(String, Statistics)> {
        let mut all = vec![("node".to_owned(), *self.field.borrow())];
        let bus = |(bus, view): &(WiredBus, watch::Receiver<BusView>)| {
            (bus.id.clone(), view.borrow().statistics)
        };
        all.extend(self.buses.iter().map(bus));
        all
    }
}

/// What handlers know.
#[derive(Clone, Debug)]
pub struct Web {
    fixed: Arc<Fixed>,
    ends: Ends,
    line: Arc<str>,
    name: Arc<str>,
    /// `line.toml` as JSON.
    drawing: Arc<str>,
    hand: Hand,
    neighbors: Arc<Neighbors>,
}

impl std::ops::Deref for Web {
    type Target = Fixed;

    fn deref(&self) -> &Fixed {
        &self.fixed
    }
}

impl std::ops::Deref for Fixed {
    type Target = Front;

    fn deref(&self) -> &Front {
        &self.front
    }
}

impl FromRef<Web> for Front {
    fn from_ref(web: &Web) -> Self {
        web.front.clone()
    }
}

impl Web {
    /// What handlers know of a line.
    ///
    /// # Errors
    /// The line cannot be written as JSON.
    pub fn new(fixed: Fixed, ends: Ends) -> anyhow::Result<Self> {
        let line = fixed.topology.config();
        Ok(Self {
            line: line.id.as_str().into(),
            name: line.name.as_str().into(),
            drawing: serde_json::to_string(line)
                .context("the line as JSON")?
                .into(),
            neighbors: Arc::new(Neighbors::new(fixed.neighbors.clone())),
            fixed: Arc::new(fixed),
            ends,
            hand: Hand::default(),
        })
    }

    /// Hands something over to the line, without waiting.
    fn command(&self, event: Event) -> Result<(), api::Problem> {
        // Unique in the journal: nanoseconds, and one command at a time takes longer than one.
        let id = format!("http-{}", clock::wall().as_nanosecond());
        let origin = Origin { id, via: "http" };
        self.ends
            .commands
            .try_send(Commanded { event, origin })
            .map_err(|_full| {
                let text = "the line takes no commands at the moment; try again";
                api::problem(StatusCode::SERVICE_UNAVAILABLE, text)
            })
    }
}

/// All routes.
pub fn router(web: Web) -> Router {
    let api = line_routes()
        .merge(door_routes())
        .merge(people_routes())
        .merge(plan_routes())
        .merge(file_routes())
        .route("/api/openapi.json", get(describe::openapi))
        .route(
            "/api/v1/safe-mode",
            get(safe_mode::none).post(safe_mode::none),
        )
        .route("/at/{neighbor}/{*path}", any(neighbors::forward))
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(async || Json(json!({ "status": "alive" }))))
        .route("/readyz", get(metrics::ready))
        .route_layer(middleware::from_fn_with_state(web.clone(), auth::check));
    guarded(api.fallback(assets::page), &web.front).with_state(web)
}

/// The routes, with what holds for every request and answer.
fn guarded<S: Clone + Send + Sync + 'static>(routes: Router<S>, front: &Front) -> Router<S> {
    let same_origin = middleware::from_fn_with_state(front.clone(), guard::same_origin);
    routes
        .layer(same_origin)
        .layer(middleware::from_fn(guard::headers))
}

fn line_routes() -> Router<Web> {
    Router::new()
        .route("/api/v1/lines", get(neighbors::lines))
        .route("/api/v1/lines/{line}/topology", get(api::topology))
        .route("/api/v1/lines/{line}/state", get(api::state))
        .route("/api/v1/lines/{line}/events", get(events::events))
        .route("/api/v1/lines/{line}/commands", post(api::command))
        .route(
            "/api/v1/lines/{line}/diverters/{diverter}/jog",
            post(jog::jog),
        )
        .route("/api/v1/alarms", get(alarms::alarms))
        .route("/api/v1/alarms/history", get(alarms::history))
        .route("/api/v1/alarms/figures", get(alarms::figures))
        .route("/api/v1/alarms/{id}/{act}", post(alarms::act))
        .route("/api/v1/frames/{name}", get(api::frame))
        .route("/api/v1/parcels", get(parcels::parcels))
        .route("/api/v1/parcels/{id}", get(parcels::parcel))
        .route("/api/v1/outcomes", get(parcels::outcomes))
        .route("/api/v1/steps", get(steps::steps))
        .route("/api/v1/coding/places", get(coding::places))
        .route("/api/v1/coding/code", get(coding::code))
        .route("/api/v1/coding/figures", get(coding::figures))
        .route(
            "/api/v1/coding/{parcel}",
            get(coding::look).post(coding::key),
        )
        .route(
            "/api/v1/coding/{parcel}/claim",
            post(coding::claim).delete(coding::release),
        )
        .route("/api/v1/reports", get(reports::report))
        .route("/api/v1/routes", get(routes::routes))
        .route("/api/v1/routes/places", get(routes::places))
        .route("/api/v1/routes/bags", get(transport::bags))
        .route("/api/v1/routes/learning", get(transport::learning))
        .route("/api/v1/routes/conditions", get(transport::conditions))
        .route(
            "/api/v1/routes/conditions/{id}",
            put(transport::tell).delete(transport::end),
        )
        .layer(DefaultBodyLimit::max(BODY_MAX))
}

/// The door: who comes in.
fn door_routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Front: FromRef<S>,
{
    let session = get(auth::session)
        .post(auth::sign_in)
        .delete(auth::sign_out);
    Router::new()
        .route("/api/v1/session", session)
        .route("/api/v1/enrolment", post(auth::enrol))
        .route("/api/v1/password", post(auth::password))
        .layer(DefaultBodyLimit::max(BODY_MAX))
}

fn people_routes() -> Router<Web> {
    Router::new()
        .route("/api/v1/people", get(people::people).post(people::add))
        .route("/api/v1/people/{id}", patch(people::change))
        .route("/api/v1/keys", get(people::keys).post(people::add_key))
        .route(
            "/api/v1/keys/{id}",
            axum::routing::delete(people::remove_key),
        )
        .route("/api/v1/audit", get(people::audit))
        .route("/api/v1/points", get(devices::points))
        .route("/api/v1/devices", get(devices::devices))
        .route("/api/v1/telegrams", get(devices::telegrams))
        .route("/api/v1/wear", get(devices::wear))
        .route("/api/v1/system", get(system::system))
        .route("/api/v1/system/backup", get(backup::backup))
        .layer(DefaultBodyLimit::max(BODY_MAX))
}

/// The files of the site.
fn file_routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Front: FromRef<S>,
{
    let file = "/api/v1/system/files/{name}";
    Router::new()
        .route("/api/v1/system/files", get(files::files))
        .route(file, get(files::file).put(files::change))
        .route(&format!("{file}/check"), post(files::check))
        .route(&format!("{file}/versions"), get(files::versions))
        .route(&format!("{file}/versions/{{seq}}"), get(files::version))
        .layer(DefaultBodyLimit::max(PLAN_MAX))
}

fn plan_routes() -> Router<Web> {
    Router::new()
        .route("/api/v1/plans", get(plans::plans).post(plans::add))
        .route("/api/v1/plans/check", post(plans::check))
        .route("/api/v1/plans/dry-run", post(plans::dry_run))
        .route("/api/v1/routes/arrivals", post(transport::arrivals))
        .route("/api/v1/plans/from-csv", post(plans::from_csv))
        .route("/api/v1/plans/proposal", get(proposals::proposal))
        .route("/api/v1/plans/{id}", get(plans::plan))
        .route("/api/v1/plans/{id}/approve", post(plans::approve))
        .route("/api/v1/plans/{id}/activate", post(plans::activate))
        .route(
            "/api/v1/simulations",
            get(simulations::scenarios).post(simulations::simulate),
        )
        .layer(DefaultBodyLimit::max(PLAN_MAX))
}

/// Listens on the address of the site or of the command line.
///
/// # Errors
/// The address is in use or not of this machine.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("the web server cannot listen on {address} (http.bind or --http)"))
}

/// Serves until told to stop; open event streams end then.
///
/// # Errors
/// The socket broke.
pub async fn serve(listener: TcpListener, web: Web) -> anyhow::Result<()> {
    let (neighbors, stop) = (Arc::clone(&web.neighbors), web.ends.stop.clone());
    let end = {
        let mut stop = stop.clone();
        async move { stopped(&mut stop).await }
    };
    let server = axum::serve(Door::new(listener), router(web)).with_graceful_shutdown(end);
    let (served, ()) = tokio::join!(async { server.await }, neighbors.follow(stop));
    served.context("the web server's socket")
}
