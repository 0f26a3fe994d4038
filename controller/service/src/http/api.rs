//! Lines, state, commands, alarms, frames.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sortline_core::{ChuteId, Event, OperatorCommand};

use super::Web;
use super::auth::{Who, refuse};
use crate::clock;
use crate::live::{self, Note, Order};
use crate::office::{Entry, Office};
use crate::people::Right;
use crate::resolver::checked;

/// Characters of a reason.
const REASON_MAX: usize = 200;

/// An error as every route answers it.
pub(super) type Problem = (StatusCode, Json<Value>);

/// An error with its sentence.
pub(super) fn problem(status: StatusCode, detail: &str) -> Problem {
    (status, Json(json!({ "error": detail })))
}

/// A request's body, or what is wrong with it.
pub(super) fn body<T: DeserializeOwned>(
    input: Result<Json<T>, JsonRejection>,
) -> Result<T, Problem> {
    input
        .map(|Json(value)| value)
        .map_err(|wrong| problem(wrong.status(), &wrong.body_text()))
}

/// A value as JSON.
pub(super) fn json_of(value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => json_text(text),
        Err(error) => {
            problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()).into_response()
        }
    }
}

/// A value as JSON, or why not.
pub(super) fn answer<T: Serialize>(found: Result<T, Response>) -> Response {
    match found {
        Ok(value) => json_of(&value),
        Err(response) => response,
    }
}

/// Done, or why not.
pub(super) fn done(result: Result<(), Response>) -> Response {
    match result {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(response) => response,
    }
}

/// A table to be kept as a file. A cell that a spreadsheet would take for a formula is quoted as
/// text (OWASP, CSV injection).
pub(super) fn csv(name: &str, head: &[&str], lines: Vec<Vec<String>>) -> Response {
    let tame = |cell: String| {
        let number = cell.parse::<f64>().is_ok();
        if !number && cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
            format!("'{cell}")
        } else {
            cell
        }
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut written = writer.write_record(head);
    for line in lines {
        written = written.and_then(|()| writer.write_record(line.into_iter().map(tame)));
    }
    let bytes = written.ok().and_then(|()| writer.into_inner().ok());
    let Some(bytes) = bytes else {
        let text = "the table cannot be written";
        return problem(StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    (headers, bytes).into_response()
}

pub(super) fn json_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

pub(super) fn no_line(line: &str) -> Response {
    problem(StatusCode::NOT_FOUND, &format!("there is no line `{line}`")).into_response()
}

/// The line as built.
#[utoipa::path(
    get, path = "/api/v1/lines/{line}/topology", params(("line" = String, Path)),
    responses((status = 200, description = "Keys as in line.toml"), (status = 404))
)]
pub(super) async fn topology(State(web): State<Web>, Path(line): Path<String>) -> Response {
    if line == *web.line {
        json_text(web.drawing.to_string())
    } else {
        no_line(&line)
    }
}

/// The line at this moment.
#[utoipa::path(
    get, path = "/api/v1/lines/{line}/state", params(("line" = String, Path)),
    responses((status = 200, description = "Snapshot"), (status = 404))
)]
pub(super) async fn state(State(web): State<Web>, who: Who, Path(line): Path<String>) -> Response {
    let snapshot = || web.ends.views.borrow().snapshot(who.may(Right::Labels));
    if line == *web.line {
        json_text(snapshot())
    } else {
        no_line(&line)
    }
}

/// A command of a person, with what may be said about it.
#[derive(Deserialize)]
pub(super) struct Ordered {
    #[serde(flatten)]
    command: OperatorCommand,
    reason: Option<String>,
}

/// Commands the line. 202: handed to the line, which may still refuse; the state shows it. A
/// `reason` of at most 200 characters goes into the audit trail, and to the chute that it switches
/// off.
#[utoipa::path(
    post, path = "/api/v1/lines/{line}/commands", params(("line" = String, Path)),
    request_body(content = Object, content_type = "application/json"),
    responses((status = 202), (status = 400), (status = 404), (status = 422), (status = 503))
)]
pub(super) async fn command(
    State(web): State<Web>,
    who: Who,
    Path(line): Path<String>,
    input: Result<Json<Ordered>, JsonRejection>,
) -> Response {
    if line != *web.line {
        return no_line(&line);
    }
    let Ordered { command, reason } = match body(input) {
        Ok(ordered) => ordered,
        Err(wrong) => return wrong.into_response(),
    };
    if let OperatorCommand::Jog { .. } = command {
        let text = "a diverter is moved by hand under /diverters/{diverter}/jog";
        return problem(StatusCode::UNPROCESSABLE_ENTITY, text).into_response();
    }
    let command = match checked(command) {
        Ok(command) => command,
        Err(text) => return problem(StatusCode::UNPROCESSABLE_ENTITY, text).into_response(),
    };
    let reason = reason.as_deref().map(str::trim).unwrap_or_default();
    if reason.chars().count() > REASON_MAX {
        let text = format!("a reason has at most {REASON_MAX} characters");
        return problem(StatusCode::UNPROCESSABLE_ENTITY, &text).into_response();
    }
    let right = match &command {
        OperatorCommand::Key { .. } => Right::Code,
        OperatorCommand::Jog { .. } => Right::Maintain,
        OperatorCommand::Reset
        | OperatorCommand::CloseBag { .. }
        | OperatorCommand::EmptyChute { .. }
        | OperatorCommand::EnableChute { .. } => Right::Operate,
    };
    if !who.may(right) {
        return refuse(true);
    }
    let mut entry = entry_of(&web, &who, &command);
    let at = entry.at;
    if let Value::Object(after) = &mut entry.after
        && !reason.is_empty()
    {
        after.insert("reason".to_owned(), reason.into());
    }
    // On record first: what cannot be put on record does not happen.
    if let Err(response) = web
        .in_office(move |office: &Office| office.record(entry))
        .await
    {
        return response;
    }
    let off = switched_off(&command).filter(|_| !reason.is_empty());
    if let Err(wrong) = web.command(Event::Operator { command }) {
        return wrong.into_response();
    }
    if let Some(chute) = off {
        let reason = reason.to_owned();
        let note = Note { at, reason };
        let explain = |reply| Order::Explain { chute, note, reply };
        // Without a place in the queue the chute is off all the same, and the reason on record.
        web.ends.desk.ask(explain).await;
    }
    (StatusCode::ACCEPTED, Json(json!({ "status": "accepted" }))).into_response()
}

/// The chute that a command switches off.
const fn switched_off(command: &OperatorCommand) -> Option<ChuteId> {
    if let OperatorCommand::EnableChute {
        chute,
        enabled: false,
    } = command
    {
        Some(*chute)
    } else {
        None
    }
}

pub(super) fn entry_of(web: &Web, who: &Who, command: &OperatorCommand) -> Entry {
    let (action, target, before, after) = match command {
        OperatorCommand::Reset => {
            let state = line_state(web);
            ("line.reset", web.line.to_string(), state, json!(null))
        }
        OperatorCommand::EmptyChute { chute } => {
            let after = json!({ "count": 0 });
            (
                "chute.empty",
                chute.to_string(),
                chute_state(web, *chute),
                after,
            )
        }
        OperatorCommand::CloseBag { chute } => (
            "bag.close",
            chute.to_string(),
            chute_state(web, *chute),
            json!({ "closing": true }),
        ),
        OperatorCommand::EnableChute { chute, enabled } => {
            let (before, after) = (chute_state(web, *chute), json!({ "enabled": enabled }));
            ("chute.enable", chute.to_string(), before, after)
        }
        OperatorCommand::Jog { diverter } => (
            "diverter.jog",
            diverter.to_string(),
            json!(null),
            json!(null),
        ),
        OperatorCommand::Key {
            parcel,
            destination,
        } => {
            let after = json!({ "country": destination.country });
            ("parcel.key", parcel.to_string(), json!(null), after)
        }
    };
    Entry {
        at: clock::wall(),
        who: who.id(),
        action,
        target,
        before,
        after,
    }
}

fn line_state(web: &Web) -> Value {
    let view = web.ends.views.borrow().clone();
    let line: Option<Value> = view
        .member("line")
        .and_then(|text| serde_json::from_str(text).ok());
    let state = line.as_ref().and_then(|line| line.get("state"));
    json!({ "state": state })
}

fn chute_state(web: &Web, chute: ChuteId) -> Value {
    let view = web.ends.views.borrow().clone();
    let chutes = view.member("chutes").unwrap_or("[]");
    let chutes: Vec<Value> = serde_json::from_str(chutes).unwrap_or_default();
    let found = chutes
        .iter()
        .find(|known| known.get("id") == Some(&json!(chute)));
    let part = |key| found.and_then(|found| found.get(key));
    json!({ "state": part("state"), "count": part("count") })
}

/// The picture of a reading, kept in memory for two minutes at most.
#[utoipa::path(
    get, path = "/api/v1/frames/{name}", params(("name" = String, Path, description = "`{id}.jpg`")),
    responses((status = 200, content_type = "image/jpeg"), (status = 404))
)]
pub(super) async fn frame(State(web): State<Web>, Path(name): Path<String>) -> Response {
    let id = name.strip_suffix(".jpg").and_then(|id| id.parse().ok());
    let jpeg = id.and_then(|id| live::frame(&web.ends.views.borrow(), id));
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
