//! Proposals for the sort plan, from what the line itself has sorted.
//!
//! Guard rails: a proposal changes few chutes, is only a proposal, and says what each move gains and
//! what it would lose to take it back. It comes into force as any plan does: kept, approved by
//! another person, activated, and rolled back by activating the one before.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::json;
use sortline_route::forecast::{Expected, expect};
use sortline_route::sortplan::{Demand, Task, Weights, optimise};

use super::Web;
use super::api::{json_of, problem};
use super::parcels::query;
use super::plans::plan_of;
use crate::clock;
use crate::commands::forecast::{day_number, history};
use crate::commands::optimise::{Now, chutes, wire};

/// Hours at which waves begin.
const WAVES: [u8; 3] = [0, 8, 16];
/// Newest decisions that are looked at.
const DECISIONS_MAX: u32 = 400_000;
/// Chutes that change at most, when not asked otherwise, and at all.
const CHANGES: (usize, usize) = (4, 20);
/// Rules of a chute.
const RULES_MAX: usize = 12;
/// Share of days with at most the volumes reckoned with.
const SHARE: f64 = 0.9;

/// What is asked for.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    /// Most rules that change their chute, 1 to 20; 4 when absent.
    changes_max: Option<usize>,
}

/// A proposal for today, from the volumes of the days before; nothing is changed by it.
#[utoipa::path(
    get, path = "/api/v1/plans/proposal", params(Ask),
    responses((status = 200, description = "Moves with their gains"), (status = 409), (status = 503))
)]
pub(super) async fn proposal(State(web): State<Web>, Query(ask): Query<Ask>) -> Response {
    let changes_max = ask.changes_max.unwrap_or(CHANGES.0).clamp(1, CHANGES.1);
    let zone = TimeZone::get(&web.site.time_zone).unwrap_or(TimeZone::UTC);
    let today = day_number(zone.to_datetime(clock::wall()).date());
    let found = query(&web, move |reader| {
        history(reader, &zone, (&WAVES, DECISIONS_MAX))
    });
    let history = match found.await {
        Ok(history) => history,
        Err(response) => return response,
    };
    let refuse = |text: &str| problem(StatusCode::CONFLICT, text).into_response();
    let expected = expect(&history, today, SHARE);
    let plan = match plan_of(&web, None).await {
        Ok(plan) => plan,
        Err(response) => return response,
    };
    let (chutes, now) = chutes(&plan, &web.topology, RULES_MAX);
    let task = Task {
        demands: demands(&expected, &now),
        chutes,
        weights: Weights::default(),
        changes_max: Some(changes_max),
    };
    if task.demands.is_empty() {
        return refuse("no rule of the plan has sorted a parcel yet");
    }
    match optimise(&task) {
        Ok(proposal) => json_of(&json!({
            "quantile": SHARE,
            "changes_max": changes_max,
            "days": expected.iter().map(|row| row.days).max(),
            "proposal": wire(&task, &proposal),
        })),
        Err(bad) => refuse(&bad.to_string()),
    }
}

/// Volumes of rules that have a chute.
fn demands(expected: &[Expected], now: &Now<'_>) -> Vec<Demand> {
    let mut all: BTreeMap<&str, Demand> = BTreeMap::new();
    for row in expected {
        let Some(Some(chute)) = now.get(row.lane.as_str()) else {
            continue;
        };
        let demand = all.entry(&row.lane).or_insert_with(|| Demand {
            destination: row.lane.clone(),
            parcels: vec![0; WAVES.len()],
            last_wave: WAVES.len() - 1,
            chute: Some(*chute),
        });
        if let Some(cell) = demand.parcels.get_mut(row.wave) {
            *cell = row.quantile;
        }
    }
    all.into_values().collect()
}
