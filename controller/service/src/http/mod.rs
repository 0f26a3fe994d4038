//! The web server: JSON API, live events, metrics, and the dashboard.
//!
//! Handlers read the newest [`View`] and the journal, and hand commands over without waiting.
//! Nothing here can hold up the line.

mod api;
mod assets;
mod events;
mod guard;
mod metrics;
mod parcels;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use utoipa::OpenApi;

use crate::engine::{Commanded, Picture};
use crate::live::View;
use crate::service::stopped;
use crate::uplink::Counters;

/// Longest request body, bytes.
const BODY_MAX: usize = 16 * 1024;

/// Event streams open at once.
const STREAMS_MAX: usize = 64;

/// Questions to the journal at once.
const QUERIES_MAX: usize = 4;

/// What handlers know.
#[derive(Clone, Debug)]
pub struct Web {
    /// Id of the line.
    pub line: Arc<str>,
    /// Name of the line.
    pub name: Arc<str>,
    /// `line.toml` as JSON.
    pub topology: Arc<str>,
    /// Views.
    pub views: watch::Receiver<Arc<View>>,
    /// The belt.
    pub picture: watch::Receiver<Picture>,
    /// Uplink.
    pub uplink: watch::Receiver<Counters>,
    /// Commands for the line.
    pub commands: mpsc::Sender<Commanded>,
    /// Alarms acknowledged.
    pub acknowledged: mpsc::Sender<String>,
    /// The journal.
    pub journal: Arc<PathBuf>,
    /// Becomes true when the service ends.
    pub stop: watch::Receiver<bool>,
    limits: Limits,
}

#[derive(Clone, Debug)]
struct Limits {
    streams: Arc<Semaphore>,
    queries: Arc<Semaphore>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            queries: Arc::new(Semaphore::new(QUERIES_MAX)),
        }
    }
}

/// The ends of the channels that the web server holds.
#[derive(Debug)]
pub struct Ends {
    /// Views.
    pub views: watch::Receiver<Arc<View>>,
    /// The belt.
    pub picture: watch::Receiver<Picture>,
    /// Uplink.
    pub uplink: watch::Receiver<Counters>,
    /// Commands for the line.
    pub commands: mpsc::Sender<Commanded>,
    /// Alarms acknowledged.
    pub acknowledged: mpsc::Sender<String>,
    /// Becomes true when the service ends.
    pub stop: watch::Receiver<bool>,
}

impl Web {
    /// What handlers know of a line.
    ///
    /// # Errors
    /// The line cannot be written as JSON.
    pub fn new(
        line: &sortline_core::topology::LineConfig,
        journal: PathBuf,
        ends: Ends,
    ) -> anyhow::Result<Self> {
        let Ends {
            views,
            picture,
            uplink,
            commands,
            acknowledged,
            stop,
        } = ends;
        Ok(Self {
            line: line.id.as_str().into(),
            name: line.name.as_str().into(),
            topology: serde_json::to_string(line)
                .context("the line as JSON")?
                .into(),
            views,
            picture,
            uplink,
            commands,
            acknowledged,
            journal: Arc::new(journal),
            stop,
            limits: Limits::default(),
        })
    }
}

/// The API's description.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Sortline",
        description = "One sorting line: state, events, commands."
    ),
    paths(
        api::lines,
        api::topology,
        api::state,
        api::command,
        api::acknowledge,
        api::frame,
        events::events,
        parcels::outcomes,
        parcels::parcel,
        parcels::parcels,
    )
)]
struct Description;

/// All routes.
pub fn router(web: Web) -> Router {
    let api = Router::new()
        .route("/api/v1/lines", get(api::lines))
        .route("/api/v1/lines/{line}/topology", get(api::topology))
        .route("/api/v1/lines/{line}/state", get(api::state))
        .route("/api/v1/lines/{line}/events", get(events::events))
        .route("/api/v1/lines/{line}/commands", post(api::command))
        .route("/api/v1/alarms/{id}/acknowledge", post(api::acknowledge))
        .route("/api/v1/frames/{name}", get(api::frame))
        .route("/api/v1/parcels", get(parcels::parcels))
        .route("/api/v1/parcels/{id}", get(parcels::parcel))
        .route("/api/v1/outcomes", get(parcels::outcomes))
        .route(
            "/api/openapi.json",
            get(async || Json(Description::openapi())),
        )
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(async || Json(json!({ "status": "alive" }))))
        .route("/readyz", get(metrics::ready));
    api.fallback(assets::page)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn(guard::same_origin))
        .layer(middleware::from_fn(guard::headers))
        .with_state(web)
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
    let mut stop = web.stop.clone();
    let end = async move { stopped(&mut stop).await };
    let server = axum::serve(listener, router(web)).with_graceful_shutdown(end);
    server.await.context("the web server's socket")
}
