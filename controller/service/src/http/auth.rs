//! Who asks, and whether they may.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HeaderName, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;

use super::Front;
use super::api::{body, problem};
use super::policy::{self, Need};
use crate::clock;
use crate::office::{Account, Change, Token};
use crate::people::{Actor, Right, Role, Roles};

/// Name of the cookie that holds a session.
const NAME: &str = "sortline";

/// With these a program that has a key speaks for a person whom it has signed in: another
/// controller, or a proxy that does so by `OpenID` Connect.
pub(super) const PERSON: HeaderName = HeaderName::from_static("sortline-person");
pub(super) const ROLES: HeaderName = HeaderName::from_static("sortline-roles");
/// Longest name of such a person, bytes.
const PERSON_MAX: usize = 64;

/// The actor of a request, for handlers. Present on every route of the API.
#[derive(Clone, Debug)]
pub(super) struct Who(pub(super) Option<Actor>);

impl Who {
    /// Id for the records.
    pub(super) fn id(&self) -> String {
        let actor = self.0.as_ref();
        actor.map_or_else(|| "nobody".to_owned(), |actor| actor.id.clone())
    }

    pub(super) fn may(&self, right: Right) -> bool {
        self.0.as_ref().is_some_and(|actor| actor.may(right))
    }
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Who {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _state: &S,
    ) -> Result<Self, Response> {
        // Without the middleware nobody asks, and nobody may do anything.
        let who = parts.extensions.get::<Self>().cloned();
        Ok(who.unwrap_or(Self(None)))
    }
}

/// Finds out who asks, and refuses those who may not.
pub(super) async fn check(
    State(front): State<Front>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(route) = request.extensions().get::<MatchedPath>() else {
        return next.run(request).await;
    };
    let need = policy::need(request.method().as_str(), route.as_str());
    let actor = match identify(&front, request.headers()).await {
        Ok(actor) => actor,
        Err(response) => return response,
    };
    let may = match (need, &actor) {
        (Some(Need::Nothing), _) | (Some(Need::Somebody), Some(_)) => true,
        (Some(Need::To(right)), Some(actor)) => actor.may(right),
        (None, _) | (Some(_), None) => false,
    };
    if !may {
        return refuse(actor.is_some());
    }
    request.extensions_mut().insert(Who(actor));
    next.run(request).await
}

pub(super) fn refuse(known: bool) -> Response {
    if known {
        let text = "your roles do not include this";
        problem(StatusCode::FORBIDDEN, text).into_response()
    } else {
        problem(StatusCode::UNAUTHORIZED, "sign in first").into_response()
    }
}

async fn identify(front: &Front, headers: &HeaderMap) -> Result<Option<Actor>, Response> {
    if front.site.open {
        return Ok(on_behalf(Actor::open(), headers));
    }
    let now = clock::wall();
    if let Some(token) = bearer(headers) {
        let key = front
            .in_office(move |office| office.machine(&token))
            .await?;
        let key = key.map(|key| Actor {
            id: format!("key:{}", key.name),
            name: key.name,
            roles: key.roles,
        });
        return Ok(key.and_then(|key| on_behalf(key, headers)));
    }
    let Some(token) = cookie(headers) else {
        return Ok(None);
    };
    let account = front.in_office(move |office| office.session(&token, now));
    Ok(account.await?.map(actor))
}

/// The person for whom a program speaks, or the program itself. Such a person has no right that the
/// program has not, and stands in the records as `key:PROGRAM/PERSON`.
fn on_behalf(program: Actor, headers: &HeaderMap) -> Option<Actor> {
    let Some(person) = headers.get(PERSON) else {
        return Some(program);
    };
    let person = person.to_str().ok().map(str::trim)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_@/".contains(c);
    if person.is_empty() || person.len() > PERSON_MAX || !person.chars().all(allowed) {
        return None;
    }
    let names = headers.get(ROLES).and_then(|roles| roles.to_str().ok());
    Some(Actor {
        id: format!("{}/{person}", program.id),
        name: person.to_owned(),
        roles: program.roles.and(&Roles::named(names.unwrap_or_default())),
    })
}

fn actor(account: Account) -> Actor {
    Actor {
        id: account.id,
        name: account.name,
        roles: account.roles,
    }
}

fn bearer(headers: &HeaderMap) -> Option<Token> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    text.strip_prefix("Bearer ").map(Token::shown)
}

fn cookie(headers: &HeaderMap) -> Option<Token> {
    let all = headers.get_all(COOKIE).iter();
    let mut pairs = all.filter_map(|value| value.to_str().ok());
    pairs.find_map(|line| {
        let mut pairs = line
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='));
        let found = pairs.find(|(name, _)| *name == NAME);
        found.map(|(_, token)| Token::shown(token))
    })
}

/// A session as the browser keeps it: not for scripts, not for other sites.
fn set_cookie(token: &str, seconds: i64) -> String {
    format!("{NAME}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict")
}

/// Who asks, what they may, and what the site asks of them.
#[utoipa::path(get, path = "/api/v1/session", responses((status = 200, description = "Session")))]
pub(super) async fn session(State(front): State<Front>, who: Who) -> Response {
    let empty = front.in_office(crate::office::Office::is_empty).await;
    let empty = match empty {
        Ok(empty) => empty,
        Err(response) => return response,
    };
    let actor = who.0.unwrap_or(Actor {
        id: String::new(),
        name: String::new(),
        roles: Roles::default(),
    });
    let rights: Vec<Right> = actor.roles.rights().into_iter().collect();
    Json(json!({
        // Nobody signs in here; only this machine can reach the controller.
        "open": front.site.open,
        // Nobody can sign in yet: the first administrator is to be enrolled.
        "enrolment": empty && !front.site.open,
        "signed_in": !actor.id.is_empty(),
        "id": actor.id,
        "name": actor.name,
        "roles": actor.roles,
        "rights": rights,
        // The configuration cannot be used: only its files can be mended.
        "safe_mode": front.safe_mode,
        "four_eyes": front.site.four_eyes,
        "site": front.site.name,
        "time_zone": front.site.time_zone,
    }))
    .into_response()
}

/// Name and password.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    id: String,
    password: String,
}

/// Signs in; the session is in a cookie.
#[utoipa::path(
    post, path = "/api/v1/session", request_body = SignIn,
    responses((status = 204), (status = 401), (status = 503))
)]
pub(super) async fn sign_in(
    State(front): State<Front>,
    input: Result<Json<SignIn>, JsonRejection>,
) -> Response {
    let SignIn { id, password } = match body(input) {
        Ok(input) => input,
        Err(wrong) => return wrong.into_response(),
    };
    let now = clock::wall();
    let sign_in = move |office: &crate::office::Office| office.sign_in(&id, &password, now);
    match front.in_office(sign_in).await {
        Ok(session) => {
            let cookie = set_cookie(session.token.reveal(), session.lasts.as_secs());
            (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
        }
        Err(response) if response.status() == StatusCode::CONFLICT => {
            let text = "name and password do not fit, or there were too many attempts: wait a \
                        minute";
            problem(StatusCode::UNAUTHORIZED, text).into_response()
        }
        Err(response) => response,
    }
}

/// Signs out.
#[utoipa::path(delete, path = "/api/v1/session", responses((status = 204), (status = 401)))]
pub(super) async fn sign_out(State(front): State<Front>, who: Who, headers: HeaderMap) -> Response {
    let now = clock::wall();
    if let Some(token) = cookie(&headers) {
        let id = who.id();
        let end = move |office: &crate::office::Office| office.sign_out(&token, &id, now);
        if let Err(response) = front.in_office(end).await {
            return response;
        }
    }
    (StatusCode::NO_CONTENT, [(SET_COOKIE, set_cookie("", 0))]).into_response()
}

/// The first administrator.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Enrolment {
    /// As printed by the service at its start.
    code: String,
    id: String,
    name: String,
    password: String,
}

/// Enrols the first administrator of a controller, with the code that the service prints at its
/// start.
#[utoipa::path(
    post, path = "/api/v1/enrolment", request_body = Enrolment,
    responses((status = 204), (status = 401), (status = 409))
)]
pub(super) async fn enrol(
    State(front): State<Front>,
    input: Result<Json<Enrolment>, JsonRejection>,
) -> Response {
    let input = match body(input) {
        Ok(input) => input,
        Err(wrong) => return wrong.into_response(),
    };
    let shown = Token::shown(&input.code.trim().to_ascii_uppercase());
    let fits = front
        .enrolment
        .as_deref()
        .is_some_and(|code| shown.is(code));
    if !fits {
        let text = "this is not the code that the controller printed at its start";
        return problem(StatusCode::UNAUTHORIZED, text).into_response();
    }
    let now = clock::wall();
    let account = Account {
        id: input.id,
        name: input.name,
        roles: Role::ALL.into_iter().collect(),
        disabled: false,
    };
    let password = input.password;
    let add = move |office: &crate::office::Office| {
        office.add_account(&account, &password, "enrolment", true, now)
    };
    match front.in_office(add).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(response) => response,
    }
}

/// A new password.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    old: String,
    new: String,
}

/// Changes one's own password; all sessions end.
#[utoipa::path(
    post, path = "/api/v1/password", request_body = NewPassword,
    responses((status = 204), (status = 401), (status = 409))
)]
pub(super) async fn password(
    State(front): State<Front>,
    who: Who,
    input: Result<Json<NewPassword>, JsonRejection>,
) -> Response {
    let NewPassword { old, new } = match body(input) {
        Ok(input) => input,
        Err(wrong) => return wrong.into_response(),
    };
    let (now, id) = (clock::wall(), who.id());
    let change = move |office: &crate::office::Office| {
        drop(office.sign_in(&id, &old, now)?);
        let change = Change {
            password: Some(new),
            ..Change::default()
        };
        office.change_account(&id, &change, &id, now)
    };
    match front.in_office(change).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(response) => response,
    }
}

/// For tests and messages: what a role may, as JSON.
pub(super) fn rights_of(role: Role) -> serde_json::Value {
    json!({ "role": role, "rights": role.rights() })
}
