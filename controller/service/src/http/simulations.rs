//! Runs of this line in virtual time.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use sortline_core::LineTime;
use sortline_sim::harness::{Scenario, ScenarioConfig, run};
use sortline_sim::plant::PlantConfig;

use super::Web;
use super::api::{body, json_of, problem};
use super::auth::Who;
use super::plans::plan_of;
use crate::clock::{self, Clock};
use crate::office::{Entry, Office};

/// Parcels of one run: seconds of work on a small machine.
const PARCELS_MAX: u64 = 20_000;

/// Faults and traffic that the line can be tried under.
const SCENARIOS: [(&str, &str); 2] = [
    (
        "nominal",
        include_str!("../../../../config/scenarios/nominal.toml"),
    ),
    (
        "field",
        include_str!("../../../../config/scenarios/field.toml"),
    ),
];

/// The plant of a scenario that names none, on a site that has none.
const PLANT: &str = include_str!("../../../../config/demo/plant.toml");

/// Scenarios that can be run.
#[utoipa::path(get, path = "/api/v1/simulations", responses((status = 200, description = "Names")))]
pub(super) async fn scenarios() -> Response {
    let names = SCENARIOS.map(|(name, _)| name);
    let texts: BTreeMap<&str, &str> = SCENARIOS.into_iter().collect();
    let told = json!({ "scenarios": names, "texts": texts, "parcels_max": PARCELS_MAX });
    Json(told).into_response()
}

/// One run.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// One of the names; with a text any name.
    scenario: String,
    /// Traffic and faults to run with, as a scenario file has them; absent: those of the name.
    text: Option<String>,
    /// The same seed gives the same run.
    seed: u64,
    /// 1 to 20,000.
    parcels: u64,
    /// Sort plan by number; absent: the one that was activated last.
    plan: Option<i64>,
}

/// Runs this line with a scenario's traffic and faults; one run at a time.
#[utoipa::path(
    post, path = "/api/v1/simulations", request_body = Order,
    responses((status = 200, description = "Report as of `sortline sim --json`"), (status = 422),
        (status = 503))
)]
pub(super) async fn simulate(
    State(web): State<Web>,
    who: Who,
    input: Result<Json<Order>, JsonRejection>,
) -> Response {
    let order = match body(input) {
        Ok(order) => order,
        Err(wrong) => return wrong.into_response(),
    };
    let wrong = |text: &str| problem(StatusCode::UNPROCESSABLE_ENTITY, text).into_response();
    let known = SCENARIOS.iter().find(|(name, _)| *name == order.scenario);
    let Some(text) = order.text.as_deref().or(known.map(|(_, text)| *text)) else {
        return wrong("there is no such scenario");
    };
    if !(1..=PARCELS_MAX).contains(&order.parcels) {
        return wrong("a run has 1 to 20,000 parcels");
    }
    let plan = match plan_of(&web, order.plan).await {
        Ok(plan) => plan,
        Err(response) => return response,
    };
    let config = match ScenarioConfig::from_toml("the scenario", text) {
        Ok(config) => config,
        Err(error) => return wrong(&error.to_string()),
    };
    let plant = config.plant.clone().map_or_else(|| plant(&web), Ok);
    let plant = match plant {
        Ok(plant) => plant,
        Err(error) => return wrong(&error),
    };
    let topology = web.topology.clone();
    let scenario = Scenario {
        config,
        topology,
        plan,
        plant,
    };
    let entry = Entry {
        at: clock::wall(),
        who: who.id(),
        action: "simulation.run",
        target: order.scenario.clone(),
        before: json!(null),
        after: json!({ "seed": order.seed, "parcels": order.parcels, "text": order.text }),
    };
    if let Err(response) = web
        .in_office(move |office: &Office| office.record(entry))
        .await
    {
        return response;
    }
    run_one(&web, scenario, order).await
}

/// The plant of the site, or the demonstration's where it has none.
fn plant(web: &Web) -> Result<PlantConfig, String> {
    let text = web.files.text("plant.toml");
    let text = text.as_deref().unwrap_or(PLANT);
    PlantConfig::from_toml("plant.toml", text).map_err(|error| error.to_string())
}

async fn run_one(web: &Web, scenario: Scenario, order: Order) -> Response {
    let busy = |text: &str| problem(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    let Ok(permit) = Arc::clone(&web.limits.simulations).try_acquire_owned() else {
        return busy("another run is under way; wait for its end");
    };
    let work = move || {
        let clock = Clock::starting_at(LineTime::default());
        let started = clock.now();
        let mut report = run(&scenario, order.seed, Some(order.parcels), &mut |_| {});
        let took = std::time::Duration::from_micros(clock.now().since(started));
        report.wall_s = took.as_secs_f64();
        drop(permit);
        report
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(report) => json_of(&report),
        Err(error) => {
            tracing::error!(%error, "a simulation failed");
            busy("the run failed; the log says why")
        }
    }
}
