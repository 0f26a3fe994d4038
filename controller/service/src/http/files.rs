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

use super::Front;
use super::api::{Problem, answer, body, done, json_of, problem};
use super::auth::Who;
use crate::clock;
use crate::config::{self, Files};
use crate::office::{FileChange, Office};

/// Files of a site that may be looked at: those without personal data.
const FILES: [&str; 4] = ["site.toml", "line.toml", "plan.toml", "compliance.toml"];
/// Longest file, bytes.
const FILE_MAX: usize = 512 * 1024;

fn known(front: &Front, name: &str) -> Result<&'static str, Problem> {
    let known = FILES
        .iter()
        .find(|known| **known == name && front.files.has(known));
    let missing = || problem(StatusCode::NOT_FOUND, "there is no such file");
    known.copied().ok_or_else(missing)
}

fn plain(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// Names of the site's files that can be looked at here.
#[utoipa::path(get, path = "/api/v1/system/files", responses((status = 200, description = "Names")))]
pub(super) async fn files(State(front): State<Front>) -> Response {
    json_of(&names(&front))
}

/// Files of the site that are there and may be looked at.
pub(super) fn names(front: &Front) -> Vec<&'static str> {
    let there = |name: &&str| front.files.has(name);
    FILES.into_iter().filter(there).collect()
}

/// A file of the site as it is on disk.
#[utoipa::path(
    get, path = "/api/v1/system/files/{name}", params(("name" = String, Path)),
    responses((status = 200, content_type = "text/plain"), (status = 404))
)]
pub(super) async fn file(State(front): State<Front>, Path(name): Path<String>) -> Response {
    let text = known(&front, &name).map(|name| front.files.text(name));
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
async fn problems(front: &Front, name: &'static str, text: String) -> Result<Vec<Value>, Response> {
    let busy = || {
        let text = "too many questions at once; try again";
        problem(StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    };
    if text.len() > FILE_MAX {
        let text = "a file has at most 512 KiB";
        return Err(problem(StatusCode::UNPROCESSABLE_ENTITY, text).into_response());
    }
    let Ok(permit) = Arc::clone(&front.limits.queries).try_acquire_owned() else {
        return Err(busy());
    };
    let base = Box::new(front.files.clone());
    let name = name.to_owned();
    let found = tokio::task::spawn_blocking(move || {
        let found = wrong_with(Files::Edited { base, name, text });
        drop(permit);
        found
    });
    found.await.map_err(|_gone| busy())
}

/// Everything that is wrong with a site, with the names of its files.
pub(super) fn wrong_with(files: Files) -> Vec<Value> {
    let problems = config::load(files).err().map(|error| error.problems);
    let problem = |found: &config::Problem| {
        let file = found.file.file_name().map(|name| name.to_string_lossy());
        json!({ "file": file, "line": found.line, "key": found.key, "text": found.text })
    };
    problems.iter().flatten().map(problem).collect()
}

/// Checks the whole site with this text in the place of a file's; nothing is changed.
#[utoipa::path(
    post, path = "/api/v1/system/files/{name}/check", params(("name" = String, Path)),
    request_body = Text,
    responses((status = 200, description = "Problems with file, line, key and what is allowed"),
        (status = 404), (status = 422))
)]
pub(super) async fn check(
    State(front): State<Front>,
    Path(name): Path<String>,
    input: Result<Json<Text>, JsonRejection>,
) -> Response {
    let (name, input) = match (known(&front, &name), body(input)) {
        (Ok(name), Ok(input)) => (name, input),
        (Err(wrong), _) | (_, Err(wrong)) => return wrong.into_response(),
    };
    let found = problems(&front, name, input.text).await;
    answer(found.map(|problems| json!({ "problems": problems })))
}

/// Changes a file when the whole site can be used with it and nobody else has changed it meanwhile.
/// In safe mode the file itself must be in order; what is wrong with others is mended after it.
#[utoipa::path(
    put, path = "/api/v1/system/files/{name}", params(("name" = String, Path)),
    request_body = Text,
    responses((status = 204), (status = 404), (status = 409), (status = 422))
)]
pub(super) async fn change(
    State(front): State<Front>,
    who: Who,
    Path(name): Path<String>,
    input: Result<Json<Text>, JsonRejection>,
) -> Response {
    let (name, input) = match (known(&front, &name), body(input)) {
        (Ok(name), Ok(input)) => (name, input),
        (Err(wrong), _) | (_, Err(wrong)) => return wrong.into_response(),
    };
    let before = front.files.text(name).unwrap_or_default();
    if before != input.was {
        let text = "somebody else has changed this file meanwhile; load it again";
        return problem(StatusCode::CONFLICT, text).into_response();
    }
    match problems(&front, name, input.text.clone()).await {
        Ok(found) if !front.stands_against(name, &found) => {}
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
    let files = front.files.clone();
    let write =
        move |office: &Office| office.change_file(&change, || files.replace(name, &change.after));
    done(front.in_office(write).await)
}

impl Front {
    /// Whether these problems forbid to keep a text of this file.
    fn stands_against(&self, name: &str, found: &[Value]) -> bool {
        let own = |problem: &&Value| !self.safe_mode || problem.get("file") == Some(&name.into());
        found.iter().any(|problem| own(&problem))
    }
}

/// Texts that a file had before, newest first.
#[utoipa::path(
    get, path = "/api/v1/system/files/{name}/versions", params(("name" = String, Path)),
    responses((status = 200, description = "Numbers, times, people"), (status = 404))
)]
pub(super) async fn versions(State(front): State<Front>, Path(name): Path<String>) -> Response {
    match known(&front, &name) {
        Ok(name) => answer(
            front
                .in_office(|office: &Office| office.file_versions(name))
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
    State(front): State<Front>,
    Path((name, seq)): Path<(String, String)>,
) -> Response {
    let seq = seq.parse().unwrap_or_default();
    match known(&front, &name) {
        Ok(name) => {
            let found = front.in_office(move |office: &Office| office.file_version(name, seq));
            found.await.map_or_else(|response| response, plain)
        }
        Err(wrong) => wrong.into_response(),
    }
}
