//! The transport network as it is now: conditions, closed bags, runs that arrived.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sortline_route::{Arrived, Booking, Change, Network, Node};

use super::Web;
use super::api::{answer, body, done, json_of, problem};
use super::auth::Who;
use crate::clock;
use crate::conditions::{Conditions, Told};
use crate::live::{Bag, Order};
use crate::network::{minute, rfc3339};
use crate::office::{Entry, Office};

/// Longest id of a condition, bytes.
const ID_MAX: usize = 64;
/// Most runs told at once.
const RUNS_MAX: usize = 5_000;

/// Conditions in force, by the file and told, how fresh the routes are, and what the last change of
/// conditions changed for parcels.
#[utoipa::path(
    get, path = "/api/v1/routes/conditions",
    responses((status = 200, description = "Conditions, freshness, changes before and after"))
)]
pub(super) async fn conditions(State(web): State<Web>) -> Response {
    let routing = &web.ends.routing;
    let of = |conditions: &Conditions, source: &str| -> Vec<serde_json::Value> {
        let all = conditions.condition.iter();
        all.map(|told| json!({ "source": source, "condition": told }))
            .collect()
    };
    let all = [of(&routing.filed(), "file"), of(&routing.told(), "told")].concat();
    json_of(&json!({
        "conditions": all,
        "routes": routing.freshness(clock::wall()),
        "changes": &*routing.changes(),
    }))
}

/// A condition without its id, which the path has.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCondition {
    /// From this time on, RFC 3339.
    #[schema(value_type = String)]
    from: Timestamp,
    /// Up to, but not including, this time.
    #[schema(value_type = String)]
    to: Timestamp,
    /// What happens: `kind` is delay, cancel, full, booked, passage, weather, border, close,
    /// congestion or customs, the other members are as in `conditions.toml`.
    #[schema(value_type = Object)]
    change: Change,
    /// Why, for people.
    reason: String,
}

/// Tells a condition; one of the same id is replaced. Routes follow within a second or two.
#[utoipa::path(
    put, path = "/api/v1/routes/conditions/{id}", params(("id" = String, Path)),
    request_body = NewCondition,
    responses((status = 204), (status = 422), (status = 503))
)]
pub(super) async fn tell(
    State(web): State<Web>,
    Path(id): Path<String>,
    who: Who,
    input: Result<Json<NewCondition>, JsonRejection>,
) -> Response {
    let input = match body(input) {
        Ok(input) => input,
        Err(wrong) => return wrong.into_response(),
    };
    if id.is_empty() || id.len() > ID_MAX {
        let text = format!("a condition has an id of 1 to {ID_MAX} bytes");
        return problem(StatusCode::UNPROCESSABLE_ENTITY, &text).into_response();
    }
    let told = Told {
        id,
        from: input.from,
        to: input.to,
        change: input.change,
        reason: input.reason,
    };
    let before = find(&web, &told.id);
    let checked = web.ends.routing.check_one(&told);
    if let Err(why) = checked {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, &why).into_response();
    }
    let entry = entry(
        &who,
        "condition.tell",
        &told.id,
        (&before, &Some(told.clone())),
    );
    let kept = web.in_office(move |office| office.record(entry)).await;
    if let Err(response) = kept {
        return response;
    }
    match web.ends.routing.tell_one(told) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => problem(StatusCode::UNPROCESSABLE_ENTITY, &why).into_response(),
    }
}

/// Takes back a condition that was told.
#[utoipa::path(
    delete, path = "/api/v1/routes/conditions/{id}", params(("id" = String, Path)),
    responses((status = 204), (status = 404), (status = 503))
)]
pub(super) async fn end(State(web): State<Web>, Path(id): Path<String>, who: Who) -> Response {
    let Some(before) = find(&web, &id) else {
        let text = "no such condition was told; those of the file end in the file";
        return problem(StatusCode::NOT_FOUND, text).into_response();
    };
    let entry = entry(&who, "condition.end", &id, (&Some(before), &None));
    let kept = web.in_office(move |office| office.record(entry)).await;
    if kept.is_ok()
        && let Err(why) = web.ends.routing.take_back(&id)
    {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, &why).into_response();
    }
    done(kept)
}

fn find(web: &Web, id: &str) -> Option<Told> {
    let told = web.ends.routing.told();
    let found = told.condition.iter().find(|told| told.id == id);
    found.cloned()
}

fn entry(
    who: &Who,
    action: &'static str,
    id: &str,
    (before, after): (&Option<Told>, &Option<Told>),
) -> Entry {
    Entry {
        at: clock::wall(),
        who: who.id(),
        action,
        target: id.to_owned(),
        before: json!(before),
        after: json!(after),
    }
}

/// A run that arrived.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arrival {
    /// Id of the service, or of the zone of a delivery tour.
    service: String,
    /// When it was to leave by timetable, RFC 3339.
    #[schema(value_type = String)]
    departed: Timestamp,
    /// Minutes behind the timetable at arrival; negative is early.
    late_min: i32,
    /// Level of weather it met, 0 (calm) to 3 (extreme).
    #[serde(default)]
    weather: u8,
}

/// Tells runs that arrived: delays are learnt from them.
#[utoipa::path(
    post, path = "/api/v1/routes/arrivals", request_body = Vec<Arrival>,
    responses((status = 200, description = "How many were new"), (status = 422), (status = 503))
)]
pub(super) async fn arrivals(
    State(web): State<Web>,
    who: Who,
    input: Result<Json<Vec<Arrival>>, JsonRejection>,
) -> Response {
    let input = match body(input) {
        Ok(input) => input,
        Err(wrong) => return wrong.into_response(),
    };
    let wrong = |text: &str| problem(StatusCode::UNPROCESSABLE_ENTITY, text).into_response();
    if input.len() > RUNS_MAX {
        return wrong(&format!("allowed are {RUNS_MAX} runs at once"));
    }
    let run = |arrival: Arrival| {
        let fits = arrival.service.len() <= ID_MAX && arrival.weather <= 3;
        Some(Arrived {
            departed: minute(arrival.departed).filter(|_| fits)?,
            service: arrival.service,
            weather: arrival.weather,
            late_min: arrival.late_min,
        })
    };
    let told = input.len();
    let runs: Option<Vec<Arrived>> = input.into_iter().map(run).collect();
    let Some(runs) = runs else {
        return wrong("a run has a service, a time from 1970 to 5000, and weather from 0 to 3");
    };
    let entry = Entry {
        at: clock::wall(),
        who: who.id(),
        action: "arrivals.tell",
        target: "transport".to_owned(),
        before: json!(null),
        after: json!({ "told": told }),
    };
    let add = move |office: &Office| office.add_arrivals(&runs, Some(entry));
    answer(web.in_office(add).await.map(|new| json!({ "new": new })))
}

/// What delays were learnt: predicted against actual by service, and every verdict on a model.
#[utoipa::path(
    get, path = "/api/v1/routes/learning",
    responses((status = 200, description = "Model in force, services, verdicts"), (status = 503))
)]
pub(super) async fn learning(State(web): State<Web>) -> Response {
    let now = web.ends.routing.network();
    let freshness = web.ends.routing.freshness(clock::wall());
    let found = web.in_office(move |office| {
        let (runs, log) = (office.arrivals()?, office.learning_log()?);
        let model = now.as_ref().and_then(|(network, _)| network.model());
        let score = |model| now.as_ref().map(|(network, _)| network.score(model, &runs));
        Ok(json!({
            "runs": runs.len(),
            "learnt_from": model.map_or(0, |model| model.runs),
            "drift": freshness.and_then(|fresh| fresh.drift),
            "boosted": model.map(|model| &model.boosted),
            "services": model.map(|model| &model.learnt),
            "model": score(model.map(|model| &**model)),
            "settings": score(None),
            "verdicts": log,
        }))
    });
    answer(found.await)
}

/// A closed bag and what it is booked on.
#[derive(Serialize)]
struct WireBag {
    id: i64,
    sscc: Option<String>,
    chute: sortline_core::ChuteId,
    closed: String,
    hop: String,
    parcels: u32,
    /// Of them with another hop.
    others: u32,
    booked: Option<WireBooking>,
    /// It does not go as booked.
    rebook: bool,
    why: Option<String>,
    now: Option<WireBooking>,
}

#[derive(Serialize)]
struct WireBooking {
    service: String,
    board_by: Option<String>,
    departs: Option<String>,
    arrives: Option<String>,
}

/// Closed bags that have not left yet, those to be booked again first: what each is booked on by
/// timetable, why it does not go, and what goes now.
#[utoipa::path(
    get, path = "/api/v1/routes/bags",
    responses((status = 200, description = "Bags"), (status = 503))
)]
pub(super) async fn bags(State(web): State<Web>) -> Response {
    let Some((network, origin)) = web.ends.routing.network() else {
        return json_of(&Vec::<WireBag>::new());
    };
    let asked = web.ends.desk.ask(|reply| Order::Bags { reply });
    let Some(bags) = asked.await else {
        let text = "bags cannot be told at the moment; try again";
        return problem(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let now = clock::wall();
    let bags = bags
        .into_iter()
        .filter_map(|bag| wire(&web, (&*network, origin), bag, now));
    let mut bags: Vec<WireBag> = bags.collect();
    bags.sort_by_key(|bag| (!bag.rebook, core::cmp::Reverse(bag.id)));
    json_of(&bags)
}

/// `None` for a bag whose departure has left as booked.
fn wire(
    web: &Web,
    (network, origin): (&Network, Node),
    bag: Bag,
    now: Timestamp,
) -> Option<WireBag> {
    let booked = web.ends.routing.booked(&bag.hop, bag.closed, now);
    let left = booked.as_ref().is_some_and(|booked| {
        booked.broken.is_none() && Some(booked.booking.departs) < minute(now)
    });
    if left {
        return None;
    }
    let hop = network.find(&bag.hop);
    let booking = |booking: &Booking| WireBooking {
        service: booking.service.clone(),
        board_by: rfc3339(network, origin, booking.board_by),
        departs: rfc3339(network, origin, booking.departs),
        arrives: hop.and_then(|hop| rfc3339(network, hop, booking.arrives)),
    };
    Some(WireBag {
        id: bag.id,
        sscc: bag.sscc,
        chute: bag.chute,
        closed: format!("{:.0}", bag.closed),
        hop: bag.hop,
        parcels: bag.parcels,
        others: bag.others,
        rebook: booked.as_ref().is_none_or(|booked| booked.broken.is_some()),
        why: match &booked {
            Some(booked) => booked.broken.clone(),
            None => Some("nothing goes there".to_owned()),
        },
        booked: booked.as_ref().map(|booked| booking(&booked.booking)),
        now: booked
            .as_ref()
            .and_then(|booked| booked.now.as_ref())
            .map(booking),
    })
}
