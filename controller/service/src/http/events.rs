//! Live state as server-sent events: a snapshot, then what changed.
//!
//! Every stream keeps the number of the view it sent last and takes the newest view when it can
//! send again. A slow client so skips views, and costs no memory.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::Web;
use super::api::{no_line, problem};
use super::auth::Who;
use crate::live::View;
use crate::people::Right;
use crate::service::stopped;

/// A comment is sent when nothing else was for this long.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Live events of a line; resumes after `Last-Event-ID`.
#[utoipa::path(
    get, path = "/api/v1/lines/{line}/events", params(("line" = String, Path)),
    responses((status = 200, content_type = "text/event-stream"), (status = 404), (status = 503))
)]
pub(super) async fn events(
    State(web): State<Web>,
    who: Who,
    Path(line): Path<String>,
    headers: HeaderMap,
) -> Response {
    if line != *web.line {
        return no_line(&line);
    }
    let Ok(permit) = Arc::clone(&web.limits.streams).try_acquire_owned() else {
        let text = "too many event streams are open";
        return problem(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let sent = last.filter(|&seq: &u64| seq > 0 && seq <= web.ends.views.borrow().seq);
    let follower = Follower {
        views: web.ends.views.clone(),
        stop: web.ends.stop.clone(),
        sent,
        labels: who.may(Right::Labels),
        _permit: permit,
    };
    Sse::new(stream(follower))
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response()
}

struct Follower {
    views: watch::Receiver<Arc<View>>,
    stop: watch::Receiver<bool>,
    sent: Option<u64>,
    /// Whoever follows may see what labels say.
    labels: bool,
    _permit: OwnedSemaphorePermit,
}

fn stream(follower: Follower) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    })
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        loop {
            let view = Arc::clone(&self.views.borrow_and_update());
            let (name, data) = match self.sent {
                None => ("snapshot", Some(view.snapshot(self.labels))),
                Some(seq) => ("delta", view.delta(seq, self.labels)),
            };
            if let Some(data) = data {
                self.sent = Some(view.seq);
                return Some(
                    Event::default()
                        .event(name)
                        .id(view.seq.to_string())
                        .data(data),
                );
            }
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return None,
                changed = self.views.changed() => changed.ok()?,
            }
        }
    }
}
