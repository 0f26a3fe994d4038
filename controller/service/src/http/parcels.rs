//! Parcels and outcomes from the journal.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sortline_core::{Decision, Destination, Disposition, Outcome, ParcelId, Physical, Step};

use super::Web;
use super::api::{json_text, problem};
use crate::journal::{JournalError, OutcomeRow, Reader, StepRow};
use crate::live::step_json;

/// Rows answered at most, and when nothing is asked for.
const LIMIT: (u32, u32) = (1_000, 100);

/// Parcels whose steps are looked at for a disposition at most.
const LOOKED_AT_MAX: u32 = 5_000;

/// What to look for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Find {
    /// Part of a code, postcode or cause; or a parcel's number.
    #[serde(default)]
    query: String,
    /// Only those to which this happened on the belt: `gap`, `stroke_missed`, …; among the last 5,000.
    #[param(value_type = Option<String>)]
    physical: Option<Physical>,
    /// Only those about which this was decided: `chute`, `no_read`, `laps`, …; among the last 5,000.
    #[param(value_type = Option<String>)]
    decision: Option<Decision>,
    /// Rows, 1 to 1,000; 100 when absent.
    limit: Option<u32>,
}

impl Find {
    fn fits(&self, found: Disposition) -> bool {
        self.physical.is_none_or(|wanted| wanted == found.physical)
            && self.decision.is_none_or(|wanted| wanted == found.decision)
    }
}

/// How many outcomes.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Last {
    /// Rows, 1 to 1,000; 100 when absent.
    limit: Option<u32>,
}

#[derive(Serialize)]
struct Ended {
    parcel: ParcelId,
    at: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
struct Life {
    id: ParcelId,
    outcome: Option<Ended>,
    /// Outcome, physical cause and decision in one word each.
    disposition: Disposition,
    /// When it came onto the line.
    inducted: Option<String>,
    /// Where it goes, as it was known last.
    destination: Option<Destination>,
    /// Nothing of them in a list.
    steps: Vec<Map<String, Value>>,
}

impl From<OutcomeRow> for Ended {
    fn from(row: OutcomeRow) -> Self {
        Self {
            parcel: row.parcel,
            at: format!("{:.3}", row.wall),
            outcome: row.outcome,
        }
    }
}

/// Parcels, newest first.
#[utoipa::path(
    get, path = "/api/v1/parcels", params(Find),
    responses((status = 200, description = "Parcels with their outcome"), (status = 503))
)]
pub(super) async fn parcels(State(web): State<Web>, Query(find): Query<Find>) -> Response {
    let limit = limit(find.limit);
    ask(&web, move |reader| {
        let all = find.physical.is_none() && find.decision.is_none();
        let found = reader.find(&find.query, if all { limit } else { LOOKED_AT_MAX })?;
        let mut lives = Vec::new();
        for parcel in found {
            let life = life(reader, parcel, false)?;
            if find.fits(life.disposition) {
                lives.push(life);
            }
            if u32::try_from(lives.len()).is_ok_and(|count| count >= limit) {
                break;
            }
        }
        Ok(lives)
    })
    .await
}

/// One parcel's life.
#[utoipa::path(
    get, path = "/api/v1/parcels/{id}", params(("id" = u64, Path)),
    responses((status = 200, description = "Outcome and steps"), (status = 404), (status = 503))
)]
pub(super) async fn parcel(State(web): State<Web>, Path(id): Path<String>) -> Response {
    let missing = || problem(StatusCode::NOT_FOUND, "there is no such parcel").into_response();
    let Ok(id) = id.parse().map(ParcelId) else {
        return missing();
    };
    match query(&web, move |reader| life(reader, id, true)).await {
        Ok(life) if life.steps.is_empty() => missing(),
        Ok(life) => to_json(&life),
        Err(response) => response,
    }
}

/// Outcomes, newest first.
#[utoipa::path(
    get, path = "/api/v1/outcomes", params(Last),
    responses((status = 200, description = "Outcomes"), (status = 503))
)]
pub(super) async fn outcomes(State(web): State<Web>, Query(last): Query<Last>) -> Response {
    let limit = limit(last.limit);
    ask(&web, move |reader| {
        let rows = reader.outcomes(limit)?;
        Ok(rows.into_iter().map(Ended::from).collect::<Vec<_>>())
    })
    .await
}

fn limit(asked: Option<u32>) -> u32 {
    asked.unwrap_or(LIMIT.1).clamp(1, LIMIT.0)
}

fn life(reader: &Reader, id: ParcelId, whole: bool) -> Result<Life, JournalError> {
    let outcome = reader.outcome(id)?.map(Ended::from);
    let steps = reader.steps(id)?;
    let told = if whole { steps.as_slice() } else { &[] };
    Ok(Life {
        id,
        outcome,
        disposition: Disposition::of(steps.iter().map(|row| &row.step)),
        inducted: steps.first().map(|row| format!("{:.3}", row.wall)),
        destination: steps.iter().rev().find_map(destination),
        steps: told
            .iter()
            .map(|row| step_json(row.wall, &row.step))
            .collect(),
    })
}

fn destination(row: &StepRow) -> Option<Destination> {
    if let Step::Resolved { destination, .. } = &row.step {
        return destination.clone();
    }
    None
}

async fn ask<T, F>(web: &Web, question: F) -> Response
where
    T: Serialize + Send + 'static,
    F: FnOnce(&Reader) -> Result<T, JournalError> + Send + 'static,
{
    match query(web, question).await {
        Ok(answer) => to_json(&answer),
        Err(response) => response,
    }
}

/// Asks the journal, aside.
pub(super) async fn query<T, F>(web: &Web, question: F) -> Result<T, Response>
where
    T: Send + 'static,
    F: FnOnce(&Reader) -> Result<T, JournalError> + Send + 'static,
{
    let path = web.journal.clone();
    let work = move || Reader::open(&path).and_then(|reader| question(&reader));
    aside(web, work).await?.map_err(|error| {
        tracing::warn!(%error, "the journal cannot be read");
        let text = "the journal cannot be read";
        problem(StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    })
}

/// Does what takes more than a moment in a thread of its own, a few at a time: the line, which shares
/// the runtime, does not wait for it.
pub(super) async fn aside<T, F>(web: &Web, work: F) -> Result<T, Response>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let busy = |text| problem(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    let Ok(permit) = Arc::clone(&web.limits.queries).try_acquire_owned() else {
        return Err(busy("too many questions at once; try again"));
    };
    let work = move || {
        let answer = work();
        drop(permit);
        answer
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a question failed");
        busy("the question failed; the log says why")
    })
}

/// An answer as JSON.
pub(super) fn to_json(value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => json_text(text),
        Err(error) => {
            problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()).into_response()
        }
    }
}
