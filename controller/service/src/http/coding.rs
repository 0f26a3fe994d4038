//! Video coding: people key in where a parcel goes that no camera could read.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sortline_core::{Destination, Event, OperatorCommand, ParcelId};

use super::Web;
use super::api::{Problem, answer, body, done, json_of, problem};
use super::auth::Who;
use super::parcels::aside;
use crate::clock;
use crate::live::{Answer, Order, Sample, Wish};
use crate::office::{Coding, Entry, Office, Verdict};
use crate::resolver::keyed;

/// Places answered to a search.
const PLACES_MAX: usize = 12;
/// Entries of the manifest looked at for one search.
const ENTRIES_MAX: usize = 200_000;
/// Longest text searched for, bytes.
const TEXT_MAX: usize = 64;

fn parcel_of(text: &str) -> Result<ParcelId, Problem> {
    let missing = |_no_number| problem(StatusCode::NOT_FOUND, "there is no such parcel");
    text.parse().map(ParcelId).map_err(missing)
}

async fn wish(web: &Web, who: &Who, parcel: ParcelId, wish: Wish) -> Result<Answer, Response> {
    let person = who.id();
    let asked = web.ends.desk.ask(|reply| Order::Code {
        parcel,
        person,
        wish,
        reply,
    });
    let busy = "coding is not possible at the moment; try again";
    let busy = || problem(StatusCode::SERVICE_UNAVAILABLE, busy).into_response();
    match asked.await.ok_or_else(busy)? {
        Answer::Held(person) => {
            let text = format!("{person} has it");
            Err(problem(StatusCode::CONFLICT, &text).into_response())
        }
        Answer::Gone => {
            let text = "it has passed its last position, or somebody was faster";
            Err(problem(StatusCode::GONE, text).into_response())
        }
        answer @ (Answer::Yours | Answer::Keyed(_) | Answer::Shown(_)) => Ok(answer),
    }
}

/// Takes a parcel, or holds it on: for 20 seconds.
#[utoipa::path(
    post, path = "/api/v1/coding/{parcel}/claim", params(("parcel" = u64, Path)),
    responses((status = 204), (status = 409), (status = 410))
)]
pub(super) async fn claim(State(web): State<Web>, who: Who, Path(id): Path<String>) -> Response {
    match parcel_of(&id) {
        Ok(parcel) => done(wish(&web, &who, parcel, Wish::Claim).await.map(drop)),
        Err(wrong) => wrong.into_response(),
    }
}

/// Gives a parcel back.
#[utoipa::path(
    delete, path = "/api/v1/coding/{parcel}/claim", params(("parcel" = u64, Path)),
    responses((status = 204), (status = 409), (status = 410))
)]
pub(super) async fn release(State(web): State<Web>, who: Who, Path(id): Path<String>) -> Response {
    match parcel_of(&id) {
        Ok(parcel) => done(wish(&web, &who, parcel, Wish::Release).await.map(drop)),
        Err(wrong) => wrong.into_response(),
    }
}

/// Pictures of a parcel with the way to show them, and what its print may say, best first.
#[utoipa::path(
    get, path = "/api/v1/coding/{parcel}", params(("parcel" = u64, Path)),
    responses((status = 200, description = "Pictures and candidates"), (status = 410))
)]
pub(super) async fn look(State(web): State<Web>, who: Who, Path(id): Path<String>) -> Response {
    let parcel = match parcel_of(&id) {
        Ok(parcel) => parcel,
        Err(wrong) => return wrong.into_response(),
    };
    match wish(&web, &who, parcel, Wish::Look).await {
        Ok(Answer::Shown(look)) => json_of(&look),
        Ok(_) => StatusCode::GONE.into_response(),
        Err(response) => response,
    }
}

/// Where a parcel goes.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Keyed {
    /// ISO 3166-1 alpha-2.
    country: String,
    /// In the country's own form; may be empty.
    #[serde(default)]
    postcode: String,
    /// From the picture on the screen to the answer.
    took_ms: u32,
}

/// Keys a destination in. For a sample the answer says whether the machine read the same.
#[utoipa::path(
    post, path = "/api/v1/coding/{parcel}", params(("parcel" = u64, Path)), request_body = Keyed,
    responses((status = 200, description = "Kind and agreement"), (status = 409), (status = 410),
        (status = 422))
)]
pub(super) async fn key(
    State(web): State<Web>,
    who: Who,
    Path(id): Path<String>,
    input: Result<Json<Keyed>, JsonRejection>,
) -> Response {
    match key_in(&web, &who, &id, input).await {
        Ok(said) => Json(said).into_response(),
        Err(response) => response,
    }
}

async fn key_in(
    web: &Web,
    who: &Who,
    id: &str,
    input: Result<Json<Keyed>, JsonRejection>,
) -> Result<serde_json::Value, Response> {
    let told = |wrong: Problem| wrong.into_response();
    let (parcel, input) = (parcel_of(id).map_err(told)?, body(input).map_err(told)?);
    let destination = keyed(&input.country, &input.postcode)
        .map_err(|text| problem(StatusCode::UNPROCESSABLE_ENTITY, text).into_response())?;
    let Answer::Keyed(sample) = wish(web, who, parcel, Wish::Ask).await? else {
        return Err(StatusCode::GONE.into_response());
    };
    let kind = if sample.is_some() {
        "sample"
    } else {
        "no_read"
    };
    let agrees = sample.as_ref().map(|known| same(&known.read, &destination));
    let coding = Coding {
        at: clock::wall(),
        person: who.id(),
        parcel: parcel.0,
        kind,
        took_ms: input.took_ms,
        agrees,
        verdict: sample.and_then(|known| verdict(&known, &destination)),
    };
    let entry = Entry {
        at: coding.at,
        who: coding.person.clone(),
        action: "parcel.key",
        target: parcel.to_string(),
        before: json!(null),
        after: json!({ "country": destination.country, "kind": kind, "agrees": agrees }),
    };
    web.in_office(move |office: &Office| office.add_coding(&coding, entry))
        .await?;
    if agrees.is_none() {
        let command = OperatorCommand::Key {
            parcel,
            destination: destination.clone(),
        };
        // First the line: while it takes no more, the parcel waits on.
        web.command(Event::Operator { command }).map_err(told)?;
    }
    drop(wish(web, who, parcel, Wish::Done(destination)).await?);
    Ok(json!({ "kind": kind, "agrees": agrees }))
}

/// What two coders say together about a sample that another has keyed before.
fn verdict(sample: &Sample, keyed: &Destination) -> Option<Verdict> {
    let other = sample.others.first()?;
    Some(match (same(other, keyed), same(&sample.read, keyed)) {
        (true, true) => Verdict::Right,
        (true, false) => Verdict::Wrong,
        (false, _) => Verdict::Split,
    })
}

/// Whether two destinations are the same, whatever blanks and dashes their postcodes have.
fn same(a: &Destination, b: &Destination) -> bool {
    let plain = |destination: &Destination| {
        let postcode = destination.postcode.as_deref().unwrap_or_default();
        let kept = postcode.chars().filter(char::is_ascii_alphanumeric);
        kept.collect::<String>().to_ascii_uppercase()
    };
    a.country == b.country && plain(a) == plain(b)
}

/// What to look for.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    /// Beginning of a town or postcode; or a parcel's number as printed.
    text: String,
    /// Only in this country.
    country: Option<String>,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    city: String,
    country: String,
    postcode: String,
}

/// Towns and postcodes of announced parcels that begin with a text.
#[utoipa::path(
    get, path = "/api/v1/coding/places", params(Text),
    responses((status = 200, description = "Places"))
)]
pub(super) async fn places(State(web): State<Web>, Query(find): Query<Text>) -> Response {
    let text = find.text.trim().to_lowercase();
    if text.chars().count() < 2 || text.len() > TEXT_MAX {
        return Json(json!([])).into_response();
    }
    let wanted = find.country.map(|country| country.to_ascii_uppercase());
    let asked = web.clone();
    match aside(&web, move || search(&asked, &text, wanted.as_deref())).await {
        Ok(found) => Json(found).into_response(),
        Err(response) => response,
    }
}

fn search(web: &Web, text: &str, country: Option<&str>) -> BTreeSet<Place> {
    let mut found = BTreeSet::new();
    for entry in web.manifest.entries().take(ENTRIES_MAX) {
        let city = entry.city.reveal();
        let fits = city.to_lowercase().starts_with(text) || entry.postcode.starts_with(text);
        if fits && country.is_none_or(|country| country == entry.country) {
            found.insert(Place {
                city: city.clone(),
                country: entry.country.clone(),
                postcode: entry.postcode.clone(),
            });
        }
        if found.len() >= PLACES_MAX {
            break;
        }
    }
    found
}

/// What a number printed on a label is, whether its check digit holds, and where the manifest says
/// the parcel goes.
#[utoipa::path(
    get, path = "/api/v1/coding/code", params(Text),
    responses((status = 200, description = "Kind, check, destination"))
)]
pub(super) async fn code(State(web): State<Web>, Query(find): Query<Text>) -> Response {
    if find.text.len() > TEXT_MAX {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, "the number is too long").into_response();
    }
    let known = sortline_read::identify(&find.text);
    let best = known.as_ref().filter(|known| known.valid);
    let entry = web.manifest.get(&find.text);
    Json(json!({
        "kind": best.map(|known| known.kind),
        "valid": best.is_some(),
        "destination": entry.map(|entry| json!({
            "country": entry.country,
            "postcode": entry.postcode,
            "city": entry.city.reveal(),
        })),
    }))
    .into_response()
}

/// How well coders and machine agree, over the last week.
#[utoipa::path(
    get, path = "/api/v1/coding/figures",
    responses((status = 200, description = "Counts, times, error rate with its interval"))
)]
pub(super) async fn figures(State(web): State<Web>) -> Response {
    let now = clock::wall();
    let from = now
        .checked_sub(SignedDuration::from_hours(24 * 7))
        .unwrap_or(now);
    answer(
        web.in_office(move |office| office.codings_since(from))
            .await,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_no_disagreement() {
        let (a, b) = (
            keyed("NL", "1012 AB").unwrap(),
            keyed("NL", "1012ab").unwrap(),
        );
        assert!(same(&a, &b));
        assert!(!same(&a, &keyed("BE", "1012AB").unwrap()));
    }

    #[test]
    fn two_coders_together_judge_the_machine() {
        let to = |postcode| keyed("NL", postcode).unwrap();
        let sample = |others: &[Destination]| Sample {
            read: to("1012AB"),
            others: others.to_vec(),
        };
        assert_eq!(
            verdict(&sample(&[]), &to("1012AB")),
            None,
            "one says nothing"
        );
        for (first, second, expected) in [
            ("1012 AB", "1012ab", Verdict::Right),
            ("9999ZZ", "9999 zz", Verdict::Wrong),
            ("1012AB", "9999ZZ", Verdict::Split),
            ("9999ZZ", "1012AB", Verdict::Split),
        ] {
            let found = verdict(&sample(&[to(first)]), &to(second));
            assert_eq!(found, Some(expected), "{first} {second}");
        }
    }
}
