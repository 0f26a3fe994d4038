//! Lines of other controllers, shown here too: whoever signs in here reaches them under
//! `/at/{neighbor}/…`, with no more rights than here and no more than the key made for us there.
//!
//! Nothing of a neighbor is kept but a summary of its lines. One that is away costs its own screens
//! only.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::{
    ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HOST,
    HeaderName,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Web;
use super::api::{Problem, problem};
use super::auth::{PERSON, ROLES, Who};
use crate::config::{ConfigError, Files, NeighborConfig};
use crate::office::Token;
use crate::people::Actor;
use crate::service::stopped;

/// Requests passed on at once, event streams included.
const FORWARDS_MAX: usize = 128;
/// Longest time to connect, to get an answer's head, and to get that of a long piece of work.
const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(30);
const WORK: Duration = Duration::from_mins(5);
/// Time between two looks at a neighbor.
const EVERY: Duration = Duration::from_secs(2);
/// Longest summary, bytes.
const SUMMARY_MAX: usize = 64 * 1024;
/// What is passed on of a request, and of an answer. No cookie goes either way.
const ASKED: [HeaderName; 4] = [
    ACCEPT,
    ACCEPT_LANGUAGE,
    CONTENT_TYPE,
    HeaderName::from_static("last-event-id"),
];
const ANSWERED: [HeaderName; 3] = [CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE];
/// Where people sign in is here.
const OURS: [&str; 3] = ["/api/v1/session", "/api/v1/enrolment", "/api/v1/password"];

/// Another controller.
#[derive(Clone, Debug)]
pub struct Neighbor {
    /// Name in addresses.
    pub id: String,
    /// `host:port` of its web server.
    pub address: String,
    /// The key made for us there.
    pub key: Token,
}

/// The neighbors of a site, with their keys.
///
/// # Errors
/// A key cannot be read.
pub fn neighbors(configs: &[NeighborConfig], files: &Files) -> Result<Vec<Neighbor>, ConfigError> {
    let neighbor = |config: &NeighborConfig| {
        let path = files.path("site.toml").with_file_name(&config.key_file);
        let key = std::fs::read_to_string(&path).map_err(|error| {
            ConfigError::whole(
                &path,
                format!("the key of a neighbor cannot be read: {error}"),
            )
        })?;
        Ok(Neighbor {
            id: config.id.clone(),
            address: config.address.clone(),
            key: Token::shown(key.trim()),
        })
    };
    configs.iter().map(neighbor).collect()
}

/// A neighbor and what it said last.
#[derive(Debug)]
struct Known {
    neighbor: Neighbor,
    lines: watch::Sender<Vec<Map<String, Value>>>,
}

/// All neighbors.
#[derive(Debug)]
pub(super) struct Neighbors {
    all: Vec<Known>,
    forwards: Arc<Semaphore>,
}

impl Neighbors {
    pub(super) fn new(neighbors: Vec<Neighbor>) -> Self {
        let known = |neighbor: Neighbor| {
            let first = json!({ "id": neighbor.id, "name": neighbor.id });
            let lines = first
                .as_object()
                .cloned()
                .map(|line| away(line, &neighbor.id));
            Known {
                lines: watch::Sender::new(lines.into_iter().collect()),
                neighbor,
            }
        };
        Self {
            all: neighbors.into_iter().map(known).collect(),
            forwards: Arc::new(Semaphore::new(FORWARDS_MAX)),
        }
    }

    /// Lines of all neighbors as they were said last.
    fn lines(&self) -> impl Iterator<Item = Value> {
        let all = self.all.iter();
        all.flat_map(|known| known.lines.borrow().clone())
            .map(Value::Object)
    }

    /// Looks at the neighbors until told to stop.
    pub(super) async fn follow(&self, stop: watch::Receiver<bool>) {
        let all = self.all.iter();
        let each = all.map(|known| known.follow(stop.clone()));
        futures_util::future::join_all(each).await;
    }
}

impl Known {
    async fn follow(&self, mut stop: watch::Receiver<bool>) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut stop) => return,
                _ = ticks.tick() => {}
            }
            let id = &self.neighbor.id;
            let lines = match self.neighbor.summary().await {
                Some(lines) => lines,
                None => self
                    .lines
                    .borrow()
                    .iter()
                    .cloned()
                    .map(|line| away(line, id))
                    .collect(),
            };
            self.lines.send_replace(lines);
        }
    }
}

/// A line whose controller does not answer.
fn away(mut line: Map<String, Value>, neighbor: &str) -> Map<String, Value> {
    line.insert("at".to_owned(), format!("/at/{neighbor}").into());
    line.insert("up".to_owned(), false.into());
    line
}

impl Neighbor {
    /// Its own lines; `None` when it does not say.
    async fn summary(&self) -> Option<Vec<Map<String, Value>>> {
        let request = self.request(Method::GET, "/api/v1/lines", Body::empty())?;
        let answer = self.send(request, ANSWER, None).await?;
        if !answer.status().is_success() {
            tracing::debug!(neighbor = self.id, status = %answer.status(), "a neighbor refuses");
            return None;
        }
        let bytes = timeout(ANSWER, to_bytes(Body::new(answer.into_body()), SUMMARY_MAX));
        let lines: Vec<Map<String, Value>> =
            serde_json::from_slice(&bytes.await.ok()?.ok()?).ok()?;
        // Its neighbors' lines are not its own.
        let own = |line: &Map<String, Value>| line.get("at").is_none_or(|at| *at == "");
        let ours = lines.into_iter().filter(own).map(|mut line| {
            line.insert("at".to_owned(), format!("/at/{}", self.id).into());
            line
        });
        Some(ours.collect())
    }

    fn request(&self, method: Method, path: &str, body: Body) -> Option<Request> {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(HOST, &self.address);
        let key = format!("Bearer {}", self.key.reveal());
        request.header(AUTHORIZATION, key).body(body).ok()
    }

    async fn send(
        &self,
        request: Request,
        patience: Duration,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Option<Response<Incoming>> {
        let stream = timeout(CONNECT, TcpStream::connect(&self.address))
            .await
            .ok()?
            .ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        // Ends with the answer, or when nobody reads it any more.
        tokio::spawn(async move {
            drop(connection.await);
            drop(permit);
        });
        timeout(patience, sender.send_request(request))
            .await
            .ok()?
            .ok()
    }
}

/// Lines: ours, then those of neighbors. `at` goes before every path of the line's API; `up` is
/// false for a controller that does not answer, and its figures are those it said last.
#[utoipa::path(get, path = "/api/v1/lines", responses((status = 200, description = "Lines")))]
pub(super) async fn lines(State(web): State<Web>) -> Json<Value> {
    let mut lines = vec![own(&web)];
    lines.extend(web.neighbors.lines());
    Json(Value::Array(lines))
}

fn own(web: &Web) -> Value {
    let view = web.ends.views.borrow().clone();
    let member = |name| -> Value {
        let text = view.member(name).unwrap_or("null");
        serde_json::from_str(text).unwrap_or_default()
    };
    let (line, rates, alarms) = (member("line"), member("rates"), member("alarms"));
    let calls = |alarm: &&Value| {
        let state = alarm.get("state").and_then(Value::as_str);
        let open = alarm.get("acknowledged") == Some(&json!(false));
        open && state.is_some_and(|state| ["active", "returned"].contains(&state))
    };
    let open: Vec<&Value> = alarms
        .as_array()
        .into_iter()
        .flatten()
        .filter(calls)
        .collect();
    let ranks = ["high", "medium", "low"];
    let worst = ranks.iter().find(|rank| {
        open.iter()
            .any(|alarm| alarm.get("priority") == Some(&json!(rank)))
    });
    json!({
        "id": &*web.line,
        "name": &*web.name,
        "at": "",
        "up": true,
        "state": line.get("state"),
        "parcels_per_hour": rates.get("parcels_per_hour"),
        "target_per_hour": rates.get("target_per_hour"),
        "alarms": open.len(),
        "priority": worst,
    })
}

/// Passes a request on to a neighbor, in the name of whoever asks here.
pub(super) async fn forward(
    State(web): State<Web>,
    who: Who,
    Path((id, _)): Path<(String, String)>,
    request: Request,
) -> Response {
    let missing = || problem(StatusCode::NOT_FOUND, "there is no such controller");
    let Some(known) = web
        .neighbors
        .all
        .iter()
        .find(|known| known.neighbor.id == id)
    else {
        return missing().into_response();
    };
    let (Some(actor), Ok(permit)) = (who.0, web.neighbors.forwards.clone().try_acquire_owned())
    else {
        let text = "too much is asked of other controllers; try again";
        return problem(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let (method, path) = match target(&id, &request) {
        Ok(target) => target,
        Err(wrong) => return wrong.into_response(),
    };
    let patience = if method == Method::GET { ANSWER } else { WORK };
    let headers = request.headers().clone();
    let passed = known.neighbor.request(method, &path, request.into_body());
    let Some(passed) = passed.and_then(|passed| in_name_of(passed, &headers, &actor)) else {
        return missing().into_response();
    };
    let answer = known.neighbor.send(passed, patience, Some(permit)).await;
    answer.map_or_else(
        || {
            let text = "this line's controller does not answer";
            problem(StatusCode::BAD_GATEWAY, text).into_response()
        },
        |answer| back(answer, web.ends.stop.clone()),
    )
}

/// Method and path there.
fn target(id: &str, request: &Request) -> Result<(Method, String), Problem> {
    let uri = request.uri();
    let path = uri
        .path()
        .strip_prefix(&format!("/at/{id}"))
        .unwrap_or_default();
    let method = request.method().clone();
    if !path.starts_with("/api/v1/") || (method != Method::GET && OURS.contains(&path)) {
        return Err(problem(StatusCode::NOT_FOUND, "this is not passed on"));
    }
    let query = uri.query().map(|query| format!("?{query}"));
    Ok((method, format!("{path}{}", query.unwrap_or_default())))
}

fn in_name_of(mut request: Request, headers: &HeaderMap, actor: &Actor) -> Option<Request> {
    for name in ASKED {
        if let Some(value) = headers.get(&name) {
            request.headers_mut().insert(name, value.clone());
        }
    }
    let person = actor.id.replace(':', "-").parse().ok()?;
    request.headers_mut().insert(PERSON, person);
    request
        .headers_mut()
        .insert(ROLES, actor.roles.names().parse().ok()?);
    Some(request)
}

/// The answer; an event stream ends with us.
fn back(answer: Response<Incoming>, mut stop: watch::Receiver<bool>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    for name in ANSWERED {
        if let Some(value) = answer.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    let body = Body::new(answer.into_body()).into_data_stream();
    let end = Box::pin(async move { stopped(&mut stop).await });
    *response.body_mut() = Body::from_stream(body.take_until(end));
    response
}
