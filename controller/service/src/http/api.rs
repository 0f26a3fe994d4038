//! Lines, state, commands, alarms, frames.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sortline_core::OperatorCommand;

use super::Web;
use crate::clock;
use crate::engine::Commanded;
use crate::journal::Origin;
use crate::live;

/// Longest alarm id.
const ALARM_ID_MAX: usize = 64;

/// An error as every route answers it.
pub(super) fn problem(status: StatusCode, detail: &str) -> (StatusCode, Json<Value>) {
    (status, Json(json!({ "error": detail })))
}

pub(super) fn json_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

pub(super) fn no_line(line: &str) -> Response {
    problem(StatusCode::NOT_FOUND, &format!("there is no line `{line}`")).into_response()
}

/// The lines of this controller.
#[utoipa::path(get, path = "/api/v1/lines", responses((status = 200, description = "Lines")))]
pub(super) async fn lines(State(web): State<Web>) -> Json<Value> {
    Json(json!([{ "id": &*web.line, "name": &*web.name }]))
}

/// The line as built.
#[utoipa::path(
    get, path = "/api/v1/lines/{line}/topology", params(("line" = String, Path)),
    responses((status = 200, description = "Keys as in line.toml"), (status = 404))
)]
pub(super) async fn topology(State(web): State<Web>, Path(line): Path<String>) -> Response {
    if line == *web.line {
        json_text(web.topology.to_string())
    } else {
        no_line(&line)
    }
}

/// The line at this moment.
#[utoipa::path(
    get, path = "/api/v1/lines/{line}/state", params(("line" = String, Path)),
    responses((status = 200, description = "Snapshot"), (status = 404))
)]
pub(super) async fn state(State(web): State<Web>, Path(line): Path<String>) -> Response {
    let snapshot = || web.views.borrow().snapshot();
    if line == *web.line {
        json_text(snapshot())
    } else {
        no_line(&line)
    }
}

/// Commands the line. 202: handed to the line, which may still refuse; the state shows it.
#[utoipa::path(
    post, path = "/api/v1/lines/{line}/commands", params(("line" = String, Path)),
    request_body(content = Object, content_type = "application/json"),
    responses((status = 202), (status = 400), (status = 404), (status = 503))
)]
pub(super) async fn command(
    State(web): State<Web>,
    Path(line): Path<String>,
    body: Result<Json<OperatorCommand>, JsonRejection>,
) -> Response {
    if line != *web.line {
        return no_line(&line);
    }
    let command = match body {
        Ok(Json(command)) => command,
        Err(rejection) => {
            return problem(rejection.status(), &rejection.body_text()).into_response();
        }
    };
    // Unique in the journal: nanoseconds, and one command at a time takes longer than one.
    let id = format!("http-{}", clock::wall().as_nanosecond());
    let commanded = Commanded {
        command,
        origin: Origin { id, via: "http" },
    };
    if web.commands.try_send(commanded).is_err() {
        let text = "the line takes no commands at the moment; try again";
        return problem(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    (StatusCode::ACCEPTED, Json(json!({ "status": "accepted" }))).into_response()
}

/// Marks an alarm as seen by a person.
#[utoipa::path(
    post, path = "/api/v1/alarms/{id}/acknowledge", params(("id" = String, Path)),
    responses((status = 204), (status = 404), (status = 503))
)]
pub(super) async fn acknowledge(State(web): State<Web>, Path(id): Path<String>) -> Response {
    if id.len() > ALARM_ID_MAX || web.acknowledged.try_send(id).is_err() {
        let text = "alarms cannot be acknowledged at the moment; try again";
        return problem(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    StatusCode::NO_CONTENT.into_response()
}

/// The picture of a reading, kept in memory for two minutes at most.
#[utoipa::path(
    get, path = "/api/v1/frames/{name}", params(("name" = String, Path, description = "`{id}.jpg`")),
    responses((status = 200, content_type = "image/jpeg"), (status = 404))
)]
pub(super) async fn frame(State(web): State<Web>, Path(name): Path<String>) -> Response {
    let id = name.strip_suffix(".jpg").and_then(|id| id.parse().ok());
    let jpeg = id.and_then(|id| live::frame(&web.views.borrow(), id));
    match jpeg {
        Some(jpeg) => {
            let headers = [
                (header::CONTENT_TYPE, "image/jpeg"),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (headers, Bytes::from_owner(jpeg)).into_response()
        }
        None => problem(StatusCode::NOT_FOUND, "this picture is not kept any more").into_response(),
    }
}
