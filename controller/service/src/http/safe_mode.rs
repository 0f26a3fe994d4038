//! Safe mode: a controller whose configuration cannot be used serves the files of its site, so that
//! they can be mended in a browser. There is no line: nothing is connected and nothing moves.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::api::{json_of, problem};
use super::door::Door;
use super::files::wrong_with;
use super::{Front, assets, auth, door_routes, file_routes, guarded};
use crate::config::ConfigError;

/// What handlers know.
#[derive(Clone, Debug)]
pub struct SafeMode {
    front: Front,
    /// Told when the configuration can be used and somebody wants the line.
    mended: Arc<Notify>,
}

impl SafeMode {
    /// Safe mode of a controller.
    pub fn new(front: Front) -> Self {
        Self {
            front: Front {
                safe_mode: true,
                ..front
            },
            mended: Arc::new(Notify::new()),
        }
    }
}

impl axum::extract::FromRef<SafeMode> for Front {
    fn from_ref(safe: &SafeMode) -> Self {
        safe.front.clone()
    }
}

/// Serves safe mode until the configuration can be used and somebody starts the line; or until
/// `end` is ready, and then says what is still wrong.
///
/// # Errors
/// [`ConfigError`] at `end`, or the socket broke.
pub async fn serve_safe_mode(
    listener: TcpListener,
    safe: SafeMode,
    end: impl Future<Output = ()> + Send,
    wrong: ConfigError,
) -> anyhow::Result<()> {
    let mended = Arc::clone(&safe.mended);
    let stop = Arc::new(Notify::new());
    let stopped = {
        let stop = Arc::clone(&stop);
        async move { stop.notified().await }
    };
    let server = axum::serve(Door::new(listener), router(safe)).with_graceful_shutdown(stopped);
    let server = tokio::spawn(server.into_future());
    let outcome = tokio::select! {
        () = mended.notified() => Ok(()),
        () = end => Err(wrong.into()),
    };
    stop.notify_one();
    server.await??;
    outcome
}

fn router(safe: SafeMode) -> Router {
    let front = safe.front.clone();
    let api = Router::new()
        .merge(door_routes())
        .merge(file_routes())
        .route("/api/v1/safe-mode", get(problems).post(start))
        .route(
            "/healthz",
            get(async || Json(json!({ "status": "safe mode" }))),
        )
        .route("/readyz", get(no_line))
        .route_layer(middleware::from_fn_with_state(safe.clone(), auth::check))
        .route("/api/{*path}", any(no_line));
    guarded(api.fallback(assets::page), &front).with_state(safe)
}

/// What a controller with a line says of safe mode.
pub(super) async fn none() -> Response {
    let text = "the configuration can be used: this controller is not in safe mode";
    problem(StatusCode::NOT_FOUND, text).into_response()
}

/// Why there is no line.
async fn no_line() -> Response {
    let text = "the configuration cannot be used, so that there is no line: safe mode";
    problem(StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

async fn wrong(front: &Front) -> Result<Vec<Value>, Response> {
    let files = front.files.clone();
    let found = tokio::task::spawn_blocking(move || wrong_with(files));
    found.await.map_err(|_gone| {
        let text = "the configuration could not be read; try again";
        problem(StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    })
}

/// What is wrong with the configuration, while the controller is in safe mode.
#[utoipa::path(
    get, path = "/api/v1/safe-mode",
    responses((status = 200, description = "Problems with file, line, key and what is allowed"),
        (status = 404, description = "Not in safe mode"))
)]
pub(super) async fn problems(State(front): State<Front>) -> Response {
    match wrong(&front).await {
        Ok(problems) => json_of(&json!({ "problems": problems })),
        Err(response) => response,
    }
}

/// Starts the line with the mended configuration.
#[utoipa::path(
    post, path = "/api/v1/safe-mode",
    responses((status = 202), (status = 404, description = "Not in safe mode"),
        (status = 422, description = "It still cannot be used"))
)]
pub(super) async fn start(State(safe): State<SafeMode>) -> Response {
    match wrong(&safe.front).await {
        Ok(problems) if problems.is_empty() => {
            safe.mended.notify_one();
            (StatusCode::ACCEPTED, Json(json!({ "status": "starting" }))).into_response()
        }
        Ok(problems) => {
            let told =
                json!({ "error": "the configuration still cannot be used", "problems": problems });
            (StatusCode::UNPROCESSABLE_ENTITY, Json(told)).into_response()
        }
        Err(response) => response,
    }
}
