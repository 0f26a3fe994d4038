//! Files of the site, without those that hold personal data: looked at, checked, changed, taken
//! back. A change takes effect at the next start of the controller.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

use super::Web;
use super::api::{Problem, answer, body, done, problem};
use super::auth::Who;
use crate::clock;
use crate::config::{self, Files};
use crate::office::{FileChange, Office};

/// Files of a site that may be looked at: those without personal data.
pub(super) const FILES: [&str; 4] = ["site.toml", "line.toml", "plan.toml", "compliance.toml"];
/// Longest file, bytes.
const FILE_MAX: usize = 512 * 1024;

fn known(web: &Web, name: &str) -> Result<&'static str, Problem> {
    let known = FILES
        .iter()
        .find(|known| **known == name && web.files.has(known));
    let missing = || problem(StatusCode::NOT_FOUND, "there is no such file");
    known.copied().ok_or_else(missing)
}

fn plain(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// A file of the site as it is on disk.
#[utoipa::path(
    get, path = "/api/v1/system/files/{name}", params(("name" = String, Path)),
    responses((status = 200, content_type = "text/plain"), (status = 404))
)]
pub(super) async fn file(State(web): State<Web>, Path(name): Path<String>) -> Response {
    let text = known(&web, &name).map(|name| web.files.text(name));
    match text {
        Ok(Ok(text)) => plain(text),
        Ok(Err(wrong)) => problem(StatusCode::NOT_FOUND, &wrong.text).into_response(),
        Err(wrong) => wrong.into_response(),
    }
}

/// A text for a file.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    /// All of it.
    text: String,
    /// For a change: the text that it was made from.
    #[serde(default)]
    was: String,
}

/// Problems of the whole site if a file had this text; none when it can be used.
async fn problems(web: &Web, name: &'static str, text: String) -> Result<Vec<Value>, Response> {
    let busy = || {
        let text = "too many questions at once; try again";
        problem(StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    };
    if text.len() > FILE_MAX {
        let text = "a file has at most 512 KiB";
        return Err(problem(StatusCode::UNPROCESSABLE_ENTITY, text).into_response());
    }
    let Ok(permit) = Arc::clone(&web.limits.queries).try_acquire_owned() else {
        return Err(busy());
    };
    let base = Box::new(web.files.clone());
    let work = move || {
        let name = name.to_owned();
        let checked = config::load(Files::Edited { base, name, text });
        drop(permit);
        checked
            .err()
            .map(|error| error.problems)
            .unwrap_or_default()
    };
    let found = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_gone| busy())?;
    let problem = |found: &config::Problem| {
        let file = found.file.file_name().map(|name| name.to_string_lossy());
        json!({ "file": file, "line": found.line, "key": found.key, "text": found.text })
    };
    Ok(found.iter().map(problem).collect())
}

/// Checks the whole site with this text in the place of a file's; nothing is changed.
#[utoipa::path(
    post, path = "/api/v1/system/files/{name}/check", params(("name" = String, Path)),
    request_body = Text,
    responses((status = 200, description = "Problems with file, line, key and what is allowed"),
        (status = 404), (status = 422))
)]
pub(super) async fn check(
    State(web): State<Web>,
    Path(name): Path<String>,
    input: Result<Json<Text>, JsonRejection>,
) -> Response {
    let (name, input) = match (known(&web, &name), body(input)) {
        (Ok(name), Ok(input)) => (name, input),
        (Err(wrong), _) | (_, Err(wrong)) => return wrong.into_response(),
    };
    let found = problems(&web, name, input.text).await;
    answer(found.map(|problems| json!({ "problems": problems })))
}

/// Changes a file when the whole site can be used with it and nobody else has changed it meanwhile.
#[utoipa::path(
    put, path = "/api/v1/system/files/{name}", params(("name" = String, Path)),
    request_body = Text,
    responses((status = 204), (status = 404), (status = 409), (status = 422))
)]
pub(super) async fn change(
    State(web): State<Web>,
    who: Who,
    Path(name): Path<String>,
    input: Result<Json<Text>, JsonRejection>,
) -> Response {
    let (name, input) = match (known(&web, &name), body(input)) {
        (Ok(name), Ok(input)) => (name, input),
        (Err(wrong), _) | (_, Err(wrong)) => return wrong.into_response(),
    };
    let before = web.files.text(name).unwrap_or_default();
    if before != input.was {
        let text = "somebody else has changed this file meanwhile; load it again";
        return problem(StatusCode::CONFLICT, text).into_response();
    }
    match problems(&web, name, input.text.clone()).await {
        Ok(found) if found.is_empty() => {}
        Ok(found) => {
            let told =
                json!({ "error": "the site cannot be used with this text", "problems": found });
            return (StatusCode::UNPROCESSABLE_ENTITY, Json(told)).into_response();
        }
        Err(response) => return response,
    }
    let change = FileChange {
        at: clock::wall(),
        who: who.id(),
        name: name.to_owned(),
        before,
        after: input.text,
    };
    let files = web.files.clone();
    let write =
        move |office: &Office| office.change_file(&change, || files.replace(name, &change.after));
    done(web.in_office(write).await)
}

/// Texts that a file had before, newest first.
#[utoipa::path(
    get, path = "/api/v1/system/files/{name}/versions", params(("name" = String, Path)),
    responses((status = 200, description = "Numbers, times, people"), (status = 404))
)]
pub(super) async fn versions(State(web): State<Web>, Path(name): Path<String>) -> Response {
    match known(&web, &name) {
        Ok(name) => answer(
            web.in_office(|office: &Office| office.file_versions(name))
                .await,
        ),
        Err(wrong) => wrong.into_response(),
    }
}

/// One of these texts.
#[utoipa::path(
    get, path = "/api/v1/system/files/{name}/versions/{seq}",
    params(("name" = String, Path), ("seq" = i64, Path)),
    responses((status = 200, content_type = "text/plain"), (status = 404))
)]
pub(super) async fn version(
    State(web): State<Web>,
    Path((name, seq)): Path<(String, String)>,
) -> Response {
    let seq = seq.parse().unwrap_or_default();
    match known(&web, &name) {
        Ok(name) => {
            let found = web.in_office(move |office: &Office| office.file_version(name, seq));
            found.await.map_or_else(|response| response, plain)
        }
        Err(wrong) => wrong.into_response(),
    }
}
