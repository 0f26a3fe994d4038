//! Reports over a shift or a day.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::Web;
use super::api::{csv, json_of, problem};
use crate::clock;
use crate::live::{Order, Report, Sums};

/// Longest time of a report.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 35);
/// Most quarters of an hour in a part: a day.
const PART_MAX: u32 = 96;

/// What a report is about.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    /// RFC 3339; eight hours ago when absent.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// RFC 3339; now when absent.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// Minutes in a part, a multiple of 15 up to a day; 60 when absent.
    part_minutes: Option<u32>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// Sums over a time and over its parts.
#[utoipa::path(
    get, path = "/api/v1/reports", params(About),
    responses((status = 200, description = "Report, or CSV"), (status = 422), (status = 503))
)]
pub(super) async fn report(State(web): State<Web>, Query(about): Query<About>) -> Response {
    let now = clock::wall();
    let to = about.to.unwrap_or(now);
    let shift = SignedDuration::from_hours(8);
    let from = about
        .from
        .unwrap_or_else(|| to.checked_sub(shift).unwrap_or(to));
    if to <= from || to.duration_since(from) > LONGEST {
        let text = "`to` must come after `from`, by 35 days at most";
        return problem(StatusCode::UNPROCESSABLE_ENTITY, text).into_response();
    }
    let part = (about.part_minutes.unwrap_or(60) / 15).clamp(1, PART_MAX);
    let asked = web.ends.desk.ask(|reply| Order::Report {
        time: (from, to),
        part,
        reply,
    });
    let Some(report) = asked.await else {
        let text = "reports cannot be made at the moment; try again";
        return problem(StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    if about.format.as_deref() == Some("csv") {
        return table(&report);
    }
    json_of(&report)
}

fn table(report: &Report) -> Response {
    let head = [
        "from",
        "inducted",
        "sorted",
        "rejected",
        "lost",
        "missort",
        "no_read",
        "recirculations",
        "alarms",
        "execute_s",
        "held_s",
        "suspended_s",
        "aborted_s",
        "idle_s",
    ];
    let line = |from: &str, sums: &Sums| {
        let counts = [
            sums.inducted,
            sums.sorted,
            sums.rejected,
            sums.lost,
            sums.missort,
            sums.no_read,
            sums.recirculations,
            sums.alarms,
        ];
        let seconds = ["Execute", "Held", "Suspended", "Aborted", "Idle"].map(|state| {
            let seconds = sums.seconds.get(state).copied().unwrap_or_default();
            format!("{seconds:.0}")
        });
        let mut row = vec![from.to_owned()];
        row.extend(counts.map(|count| count.to_string()));
        row.extend(seconds);
        row
    };
    let parts = report.parts.iter().map(|part| line(&part.from, &part.sums));
    let mut lines: Vec<_> = parts.collect();
    lines.push(line("total", &report.total));
    csv("report.csv", &head, lines)
}
