//! What happened on the belt in a stretch of time, for whoever looks at it again.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sortline_core::{ParcelId, Step};

use super::Web;
use super::api::problem;
use super::parcels::{query, to_json};
use crate::journal::{StepRow, Window};
use crate::live::step_json;

/// Rows looked at in one answer at most: ten minutes of 5,000 parcels an hour, about 3 MB.
const ROWS_MAX: u32 = 20_000;

/// Which stretch of time.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Span {
    /// Begin, RFC 3339.
    #[param(value_type = String)]
    from: Timestamp,
    /// End, RFC 3339; not included.
    #[param(value_type = String)]
    to: Timestamp,
    /// `next` of the answer before, to go on where it ended.
    next: Option<i64>,
    /// Rows looked at, 1 to 20,000; 20,000 when absent.
    limit: Option<u32>,
}

#[derive(Serialize)]
struct Answer {
    steps: Vec<Map<String, Value>>,
    next: Option<i64>,
}

/// Steps of all parcels in a stretch of time, oldest first, without what their labels say.
#[utoipa::path(
    get, path = "/api/v1/steps", params(Span),
    responses((status = 200, description = "Steps with their parcels"), (status = 422), (status = 503))
)]
pub(super) async fn steps(State(web): State<Web>, Query(span): Query<Span>) -> Response {
    if span.from >= span.to {
        let text = "`from` must be before `to`";
        return problem(StatusCode::UNPROCESSABLE_ENTITY, text).into_response();
    }
    let limit = span.limit.unwrap_or(ROWS_MAX).clamp(1, ROWS_MAX);
    let window = query(&web, move |reader| {
        reader.window((span.from, span.to), span.next, limit)
    });
    match window.await {
        Ok(window) => to_json(&Answer::from(window)),
        Err(response) => response,
    }
}

impl From<Window> for Answer {
    fn from(window: Window) -> Self {
        let shown = window.steps.iter().filter(|(_, row)| moves(&row.step));
        Self {
            steps: shown.map(|(parcel, row)| told(*parcel, row)).collect(),
            next: window.next,
        }
    }
}

/// Whether a step says something of the parcel's way, and nothing of its label.
fn moves(step: &Step) -> bool {
    match step {
        Step::Read { .. } | Step::Resolved { .. } | Step::Duplicate { .. } => false,
        Step::Inducted { .. }
        | Step::Measured { .. }
        | Step::Decided { .. }
        | Step::Commanded { .. }
        | Step::Fired { .. }
        | Step::Aborted { .. }
        | Step::Doubted { .. }
        | Step::Seen { .. }
        | Step::Recirculated { .. }
        | Step::Ended { .. } => true,
    }
}

fn told(parcel: ParcelId, row: &StepRow) -> Map<String, Value> {
    let mut members = step_json(row.wall, &row.step);
    members.insert("parcel".to_owned(), parcel.0.into());
    // Of the way to a decision only its end is needed.
    members.remove("alternatives");
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortline_core::{ChuteId, Destination, Ticks};

    fn row(step: Step) -> (ParcelId, StepRow) {
        (
            ParcelId(7),
            StepRow {
                wall: Timestamp::UNIX_EPOCH,
                step,
            },
        )
    }

    #[test]
    fn a_parcels_way_is_told_and_its_label_is_not() {
        let resolved = Step::Resolved {
            destination: None::<Destination>,
            hop: Some("DE-CGN".to_owned()),
            why: "a name and an address".to_owned(),
            late: false,
        };
        let decided = Step::Decided {
            chute: ChuteId(3),
            reason: "via Cologne".to_owned(),
            plan: "A".to_owned(),
            alternatives: Vec::new(),
        };
        let inducted = Step::Inducted {
            eye: sortline_core::EyeId(0),
            at: Ticks(5),
            lap: 0,
        };
        let window = Window {
            steps: vec![row(inducted), row(resolved), row(decided)],
            next: None,
        };
        let text = serde_json::to_value(Answer::from(window)).unwrap();
        let steps = text["steps"].as_array().unwrap();
        let names: Vec<_> = steps
            .iter()
            .map(|step| step["step"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["inducted", "decided"]);
        assert_eq!(steps[0]["parcel"], 7);
        assert_eq!(steps[0]["ticks"], 5);
        assert!(!text.to_string().contains("address"), "{text}");
    }
}
