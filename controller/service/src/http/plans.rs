//! The sort plan: versions, checks, a dry run on parcels of the journal, activation.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sortline_core::topology::{ChuteKind, Topology};
use sortline_core::{ChuteId, Event, Rule, SortPlan};

use super::Web;
use super::api::{answer, body, csv, done, problem};
use super::auth::Who;
use super::parcels::query;
use crate::clock;
use crate::import::rules_of;
use crate::office::{Activation, Office};
use crate::trial;

/// Versions answered.
const ROWS_MAX: u32 = 200;
/// Longest comment, bytes.
const COMMENT_MAX: usize = 500;

/// Versions, newest first.
#[utoipa::path(get, path = "/api/v1/plans", responses((status = 200, description = "Versions")))]
pub(super) async fn plans(State(web): State<Web>) -> Response {
    let active = active_version(&web);
    let rows = web.in_office(|office| office.plans(ROWS_MAX)).await;
    answer(rows.map(|rows| json!({ "active": active, "plans": rows })))
}

/// The version by which parcels inducted now are sorted.
fn active_version(web: &Web) -> Option<String> {
    #[derive(Deserialize)]
    struct Line {
        plan: String,
    }
    let view = web.ends.views.borrow().clone();
    let line: Option<Line> = serde_json::from_str(view.member("line")?).ok();
    line.map(|line| line.plan)
}

/// One version with its rules; `{id}.csv` gives the rules as a table.
#[utoipa::path(
    get, path = "/api/v1/plans/{id}", params(("id" = String, Path, description = "Number, or number.csv")),
    responses((status = 200, description = "Version and rules"), (status = 404))
)]
pub(super) async fn plan(State(web): State<Web>, Path(id): Path<String>) -> Response {
    let table = id.strip_suffix(".csv");
    let Ok(number) = table.unwrap_or(&id).parse() else {
        return problem(StatusCode::NOT_FOUND, "there is no such plan").into_response();
    };
    match web
        .in_office(move |office: &Office| office.plan(number))
        .await
    {
        Ok((_, plan)) if table.is_some() => csv(
            "plan.csv",
            &COLUMNS,
            plan.rules.iter().map(to_record).collect(),
        ),
        Ok((row, plan)) => Json(json!({ "version": row, "plan": plan })).into_response(),
        Err(response) => response,
    }
}

const COLUMNS: [&str; 6] = [
    "name",
    "hop",
    "country",
    "postcode_prefix",
    "chutes",
    "spread",
];

fn to_record(rule: &Rule) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let chutes: Vec<String> = rule.chutes.iter().map(ToString::to_string).collect();
    vec![
        rule.name.clone(),
        text(&rule.hop),
        text(&rule.country),
        text(&rule.postcode_prefix),
        chutes.join(" "),
        rule.spread.to_string(),
    ]
}

/// Rules from a table as `{id}.csv` gives it.
#[utoipa::path(
    post, path = "/api/v1/plans/from-csv", request_body(content = String, content_type = "text/csv"),
    responses((status = 200, description = "Rules"), (status = 422))
)]
pub(super) async fn from_csv(text: String) -> Response {
    match rules_of(&text) {
        Ok(rules) => Json(json!({ "rule": rules })).into_response(),
        Err(text) => problem(StatusCode::UNPROCESSABLE_ENTITY, &text).into_response(),
    }
}

/// A plan to be kept.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPlan {
    /// Keys as in plan.toml.
    #[schema(value_type = Object)]
    plan: SortPlan,
    /// Why.
    #[serde(default)]
    comment: String,
}

/// Keeps a new version as a draft; it must hold against the line.
#[utoipa::path(
    post, path = "/api/v1/plans", request_body = NewPlan,
    responses((status = 200, description = "Its number"), (status = 409), (status = 422))
)]
pub(super) async fn add(
    State(web): State<Web>,
    who: Who,
    input: Result<Json<NewPlan>, JsonRejection>,
) -> Response {
    let input = match body(input) {
        Ok(input) => input,
        Err(wrong) => return wrong.into_response(),
    };
    let checked = check_plan(&input.plan, &web.topology);
    if let Some(first) = checked.problems.first() {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, first).into_response();
    }
    if input.comment.len() > COMMENT_MAX || input.plan.version.trim().is_empty() {
        let text = "a plan has a version, and a comment of at most 500 bytes";
        return problem(StatusCode::UNPROCESSABLE_ENTITY, text).into_response();
    }
    let (by, now) = (who.id(), clock::wall());
    let add = move |office: &Office| office.add_plan(&input.plan, &by, &input.comment, now);
    answer(web.in_office(add).await.map(|id| json!({ "id": id })))
}

/// What holds of a plan, and what does not.
#[derive(Debug, Serialize)]
struct Checked {
    /// What must be mended.
    problems: Vec<String>,
    /// Chutes that no rule uses.
    unused: Vec<ChuteId>,
    /// There is a rule for every parcel.
    total: bool,
    /// Parcels whose chutes are full have somewhere to go besides the reject chute.
    overflow: bool,
}

/// Checks a plan against the line.
#[utoipa::path(
    post, path = "/api/v1/plans/check", request_body = NewPlan,
    responses((status = 200, description = "Problems and remarks"))
)]
pub(super) async fn check(
    State(web): State<Web>,
    input: Result<Json<NewPlan>, JsonRejection>,
) -> Response {
    match body(input) {
        Ok(input) => Json(check_plan(&input.plan, &web.topology)).into_response(),
        Err(wrong) => wrong.into_response(),
    }
}

fn check_plan(plan: &SortPlan, topology: &Topology) -> Checked {
    let problems = plan.verify(topology).err().unwrap_or_default();
    let rules = plan
        .rules
        .iter()
        .flat_map(|rule| rule.chutes.iter().copied());
    let used: BTreeSet<ChuteId> = rules.chain(plan.overflow).chain(plan.hold).collect();
    let chutes = topology.config().chutes.iter();
    let unused = chutes.filter(|chute| chute.kind == ChuteKind::Sort && !used.contains(&chute.id));
    let open = |rule: &Rule| {
        rule.hop.is_none() && rule.country.is_none() && rule.postcode_prefix.is_none()
    };
    Checked {
        problems: problems.iter().map(ToString::to_string).collect(),
        unused: unused.map(|chute| chute.id).collect(),
        total: plan.rules.iter().any(open),
        overflow: plan.overflow.is_some() || topology.recirculation().is_some(),
    }
}

/// A plan to be tried.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Trial {
    /// Keys as in plan.toml.
    #[schema(value_type = Object)]
    plan: SortPlan,
    /// The plan to compare with, by number; absent: the one that was activated last.
    base: Option<i64>,
    /// Parcels, newest first, 1 to 20,000; 2,000 when absent.
    parcels: Option<u32>,
}

/// The plan with a number; without one the one that was activated last.
pub(super) async fn plan_of(web: &Web, id: Option<i64>) -> Result<SortPlan, Response> {
    let begun = web.plan.clone();
    let find = move |office: &Office| match id {
        Some(id) => office.plan(id).map(|(_, plan)| plan),
        None => Ok(office.active_plan()?.unwrap_or(begun)),
    };
    web.in_office(find).await
}

/// Tries a plan on the newest parcels of the journal.
#[utoipa::path(
    post, path = "/api/v1/plans/dry-run", request_body = Trial,
    responses((status = 200, description = "Parcels by chute, before and after"), (status = 404))
)]
pub(super) async fn dry_run(
    State(web): State<Web>,
    input: Result<Json<Trial>, JsonRejection>,
) -> Response {
    let asked = match body(input) {
        Ok(asked) => asked,
        Err(wrong) => return wrong.into_response(),
    };
    let base = match plan_of(&web, asked.base).await {
        Ok(plan) => plan,
        Err(response) => return response,
    };
    let limit = asked
        .parcels
        .unwrap_or(trial::PARCELS)
        .clamp(1, trial::PARCELS_MAX);
    let found = query(&web, move |reader| reader.resolutions(limit)).await;
    answer(found.map(|steps| trial::compare(&steps, &base, &asked.plan)))
}

/// Approves another person's version.
#[utoipa::path(
    post, path = "/api/v1/plans/{id}/approve", params(("id" = i64, Path)),
    responses((status = 204), (status = 404), (status = 409))
)]
pub(super) async fn approve(State(web): State<Web>, who: Who, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse() else {
        return problem(StatusCode::NOT_FOUND, "there is no such plan").into_response();
    };
    let (by, now) = (who.id(), clock::wall());
    done(
        web.in_office(move |office: &Office| office.approve_plan(id, &by, now))
            .await,
    )
}

/// Activates a version, an old one too, for parcels inducted from the present belt position on.
#[utoipa::path(
    post, path = "/api/v1/plans/{id}/activate", params(("id" = i64, Path)),
    responses((status = 200, description = "Version and encoder count"), (status = 404),
        (status = 409), (status = 503))
)]
pub(super) async fn activate(State(web): State<Web>, who: Who, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse() else {
        return problem(StatusCode::NOT_FOUND, "there is no such plan").into_response();
    };
    let ticks = web.ends.picture.borrow().ticks;
    let activation = Activation {
        id,
        who: who.id(),
        at: clock::wall(),
        ticks: Some(ticks),
        four_eyes: web.site.four_eyes,
    };
    let plan = match web.in_office(move |office: &Office| office.plan(id)).await {
        Ok((_, plan)) => plan,
        Err(response) => return response,
    };
    // The line may have been rebuilt since the version was made.
    if let Some(first) = check_plan(&plan, &web.topology).problems.first() {
        return problem(StatusCode::CONFLICT, first).into_response();
    }
    let keep = move |office: &Office| office.activate_plan(&activation);
    let plan = match web.in_office(keep).await {
        Ok(plan) => plan,
        Err(response) => return response,
    };
    let version = plan.version.clone();
    match web.command(Event::Plan { plan }) {
        Ok(()) => Json(json!({ "version": version, "from_ticks": ticks.0 })).into_response(),
        Err(wrong) => wrong.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> SortPlan {
        SortPlan {
            version: "x".to_owned(),
            rules: rules_of(&format!("name,country,chutes,spread\n{text}")).unwrap(),
            ..SortPlan::default()
        }
    }

    #[test]
    fn a_table_is_read_as_it_is_written() {
        let rules = plan("a,FR,1 2,true\nb,,3,false").rules;
        let table: Vec<String> = rules.iter().map(|rule| to_record(rule).join(",")).collect();
        let text = format!("{}\n{}", COLUMNS.join(","), table.join("\n"));
        assert_eq!(rules_of(&text).unwrap(), rules);
        let wrong = rules_of("name,chutes\na,x").unwrap_err();
        assert!(wrong.contains("line 2"), "{wrong}");
    }
}
