//! Accounts, keys of machines, and the audit trail.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;

use super::Web;
use super::api::{answer, body, done};
use super::auth::{Who, rights_of};
use crate::clock;
use crate::office::{Account, Change, Office};
use crate::people::{Role, Roles};

/// Rows answered at most.
const ROWS_MAX: u32 = 1_000;

/// All accounts, and what each role may.
#[utoipa::path(get, path = "/api/v1/people", responses((status = 200, description = "Accounts")))]
pub(super) async fn people(State(web): State<Web>) -> Response {
    let roles: Vec<_> = Role::ALL.into_iter().map(rights_of).collect();
    let accounts = web.in_office(Office::accounts).await;
    answer(accounts.map(|accounts| json!({ "people": accounts, "roles": roles })))
}

/// A new account.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPerson {
    id: String,
    name: String,
    roles: Roles,
    password: String,
}

/// Adds an account.
#[utoipa::path(
    post, path = "/api/v1/people", request_body = NewPerson,
    responses((status = 204), (status = 409))
)]
pub(super) async fn add(
    State(web): State<Web>,
    who: Who,
    input: Result<Json<NewPerson>, JsonRejection>,
) -> Response {
    let input = match body(input) {
        Ok(input) => input,
        Err(wrong) => return wrong.into_response(),
    };
    let account = Account {
        id: input.id,
        name: input.name,
        roles: input.roles,
        disabled: false,
    };
    let (by, now, password) = (who.id(), clock::wall(), input.password);
    let add = move |office: &Office| office.add_account(&account, &password, &by, false, now);
    done(web.in_office(add).await)
}

/// What changes on an account.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonChange {
    name: Option<String>,
    roles: Option<Roles>,
    password: Option<String>,
    disabled: Option<bool>,
}

/// Changes an account; its sessions end when rights or password change.
#[utoipa::path(
    patch, path = "/api/v1/people/{id}", params(("id" = String, Path)), request_body = PersonChange,
    responses((status = 204), (status = 404), (status = 409))
)]
pub(super) async fn change(
    State(web): State<Web>,
    who: Who,
    Path(id): Path<String>,
    input: Result<Json<PersonChange>, JsonRejection>,
) -> Response {
    let input = match body(input) {
        Ok(input) => input,
        Err(wrong) => return wrong.into_response(),
    };
    let change = Change {
        name: input.name,
        roles: input.roles,
        password: input.password,
        disabled: input.disabled,
    };
    let (by, now) = (who.id(), clock::wall());
    let work = move |office: &Office| office.change_account(&id, &change, &by, now);
    done(web.in_office(work).await)
}

/// All keys of machines, without their secrets.
#[utoipa::path(get, path = "/api/v1/keys", responses((status = 200, description = "Keys")))]
pub(super) async fn keys(State(web): State<Web>) -> Response {
    answer(web.in_office(Office::keys).await)
}

/// A new key.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    name: String,
    roles: Roles,
}

/// Makes a key; its secret is in the answer, and nowhere else.
#[utoipa::path(
    post, path = "/api/v1/keys", request_body = NewKey,
    responses((status = 200, description = "Number and secret"), (status = 409))
)]
pub(super) async fn add_key(
    State(web): State<Web>,
    who: Who,
    input: Result<Json<NewKey>, JsonRejection>,
) -> Response {
    let input = match body(input) {
        Ok(input) => input,
        Err(wrong) => return wrong.into_response(),
    };
    let (by, now) = (who.id(), clock::wall());
    let add = move |office: &Office| office.add_key(&input.name, &input.roles, &by, now);
    let made = web.in_office(add).await;
    answer(made.map(|(id, token)| json!({ "id": id, "secret": token.reveal() })))
}

/// Takes a key back.
#[utoipa::path(
    delete, path = "/api/v1/keys/{id}", params(("id" = i64, Path)),
    responses((status = 204), (status = 404))
)]
pub(super) async fn remove_key(
    State(web): State<Web>,
    who: Who,
    Path(id): Path<String>,
) -> Response {
    let Ok(id) = id.parse() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (by, now) = (who.id(), clock::wall());
    let remove = move |office: &Office| office.remove_key(id, &by, now);
    done(web.in_office(remove).await)
}

/// What to look for in the audit trail.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct FindAudit {
    /// Part of a name, an action, a target or a value.
    #[serde(default)]
    query: String,
    /// Rows below this number.
    before: Option<i64>,
    /// Rows, 1 to 1,000; 100 when absent.
    limit: Option<u32>,
}

/// The audit trail, newest first, and whether its hashes hold.
#[utoipa::path(
    get, path = "/api/v1/audit", params(FindAudit),
    responses((status = 200, description = "Rows"))
)]
pub(super) async fn audit(State(web): State<Web>, Query(find): Query<FindAudit>) -> Response {
    let limit = find.limit.unwrap_or(100).clamp(1, ROWS_MAX);
    let look = move |office: &Office| {
        let rows = office.audit(&find.query, find.before, limit)?;
        Ok((rows, office.audit_damaged_at()?))
    };
    let found = web.in_office(look).await;
    answer(found.map(|(rows, damaged)| json!({ "rows": rows, "damaged_at": damaged })))
}
