//! A diverter moved by hand, for as long as somebody holds a button.
//!
//! The page sends one press after the other while the button is held; the line keeps the output
//! on for less than half a second a press, so that whatever ends the presses ends the movement.
//! One person on one page has the hand at a time, for [`LEASE`] after the last press. Only the
//! first press of a hold goes into the audit trail.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use sortline_core::{DiverterId, Event, OperatorCommand};
use tokio::time::Instant;

use super::Web;
use super::api::{body, entry_of, no_line, problem};
use super::auth::Who;
use crate::office::Office;

/// For so long after a press nobody else may move anything.
const LEASE: Duration = Duration::from_millis(1_500);
/// Characters of a hand's name.
const HAND_MAX: usize = 64;

/// Who has the hand.
#[derive(Debug)]
struct Held {
    who: String,
    hand: String,
    diverter: DiverterId,
    until: Instant,
}

/// The one hand that may move diverters.
#[derive(Clone, Debug, Default)]
pub(super) struct Hand(Arc<Mutex<Option<Held>>>);

impl Hand {
    /// Takes the hand for one more press at `now`: true when this begins a hold. Else who has it.
    fn press(&self, press: Held, now: Instant) -> Result<bool, String> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let living = held.as_ref().filter(|held| now < held.until);
        let same = |held: &Held| held.who == press.who && held.hand == press.hand;
        if let Some(other) = living.filter(|held| !same(held)) {
            return Err(other.who.clone());
        }
        let begins = living.is_none_or(|held| held.diverter != press.diverter);
        *held = Some(press);
        Ok(begins)
    }
}

/// One press.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Press {
    /// Name that the page chose for itself, 1 to 64 characters: two pages of one person are two
    /// hands.
    hand: String,
}

/// Moves a diverter by hand while the belt stands: once, for less than half a second; hold it on
/// by a press at least every 300 ms. 202: handed to the line, which tells in `line.jog` of its
/// state what became of it. 409: somebody else has the hand.
#[utoipa::path(
    post, path = "/api/v1/lines/{line}/diverters/{diverter}/jog",
    params(("line" = String, Path), ("diverter" = u16, Path)), request_body = Press,
    responses((status = 202), (status = 404), (status = 409), (status = 422), (status = 503))
)]
pub(super) async fn jog(
    State(web): State<Web>,
    who: Who,
    Path((line, diverter)): Path<(String, u16)>,
    input: Result<Json<Press>, JsonRejection>,
) -> Response {
    if line != *web.line {
        return no_line(&line);
    }
    let diverter = DiverterId(diverter);
    let mut known = web.topology.config().diverters.iter();
    if !known.any(|spec| spec.id == diverter) {
        let text = format!("there is no diverter {diverter}");
        return problem(StatusCode::NOT_FOUND, &text).into_response();
    }
    let hand = match body(input) {
        Ok(Press { hand }) => hand,
        Err(wrong) => return wrong.into_response(),
    };
    if !(1..=HAND_MAX).contains(&hand.chars().count()) {
        let text = format!("`hand` has 1 to {HAND_MAX} characters");
        return problem(StatusCode::UNPROCESSABLE_ENTITY, &text).into_response();
    }
    let now = Instant::now();
    let press = Held {
        who: who.id(),
        hand,
        diverter,
        until: now + LEASE,
    };
    let begins = match web.hand.press(press, now) {
        Ok(begins) => begins,
        Err(other) => {
            let text = format!("{other} is moving diverters by hand at the moment");
            return problem(StatusCode::CONFLICT, &text).into_response();
        }
    };
    let command = OperatorCommand::Jog { diverter };
    // On record first: what cannot be put on record does not happen.
    if begins {
        let entry = entry_of(&web, &who, &command);
        let record = move |office: &Office| office.record(entry);
        if let Err(response) = web.in_office(record).await {
            return response;
        }
    }
    match web.command(Event::Operator { command }) {
        Ok(()) => (StatusCode::ACCEPTED, Json(json!({ "status": "accepted" }))).into_response(),
        Err(wrong) => wrong.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hand_at_a_time_and_a_hold_begins_once() {
        let hand = Hand::default();
        let start = Instant::now();
        let press = |who: &str, page: &str, diverter: u16, ms: u64| {
            let now = start + Duration::from_millis(ms);
            let held = Held {
                who: who.to_owned(),
                hand: page.to_owned(),
                diverter: DiverterId(diverter),
                until: now + LEASE,
            };
            hand.press(held, now)
        };
        assert_eq!(press("kim", "a", 1, 0), Ok(true));
        assert_eq!(press("kim", "a", 1, 200), Ok(false));
        assert_eq!(press("kim", "a", 2, 400), Ok(true));
        assert_eq!(press("lee", "b", 1, 500), Err("kim".to_owned()));
        assert_eq!(press("kim", "c", 2, 600), Err("kim".to_owned()));
        assert_eq!(press("kim", "a", 2, 1_899), Ok(false));
        assert_eq!(press("lee", "b", 1, 3_398), Err("kim".to_owned()));
        assert_eq!(press("lee", "b", 1, 3_399), Ok(true));
    }
}
