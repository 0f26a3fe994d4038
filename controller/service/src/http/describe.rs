//! The API's description, with the right that each route needs.

use axum::Json;
use serde_json::Value;
use utoipa::OpenApi;

use super::policy::{Need, RULES};
use super::{
    alarms, api, auth, backup, coding, devices, events, files, jog, neighbors, parcels, people,
    plans, proposals, reports, routes, safe_mode, simulations, steps, system, transport,
};

/// The API's description.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Sortline",
        description = "One sorting line: state, events, commands."
    ),
    paths(
        alarms::act,
        alarms::alarms,
        alarms::figures,
        alarms::history,
        api::command,
        api::frame,
        api::state,
        api::topology,
        auth::enrol,
        auth::password,
        auth::session,
        auth::sign_in,
        auth::sign_out,
        backup::backup,
        coding::claim,
        coding::code,
        coding::figures,
        coding::key,
        coding::look,
        coding::places,
        coding::release,
        devices::devices,
        devices::points,
        devices::telegrams,
        devices::wear,
        events::events,
        files::change,
        files::check,
        files::file,
        files::files,
        files::version,
        files::versions,
        jog::jog,
        neighbors::lines,
        parcels::outcomes,
        parcels::parcel,
        parcels::parcels,
        people::add,
        people::add_key,
        people::audit,
        people::change,
        people::keys,
        people::people,
        people::remove_key,
        plans::activate,
        plans::add,
        plans::approve,
        plans::check,
        plans::dry_run,
        plans::from_csv,
        plans::plan,
        plans::plans,
        proposals::proposal,
        reports::report,
        routes::places,
        routes::routes,
        safe_mode::problems,
        safe_mode::start,
        simulations::scenarios,
        simulations::simulate,
        steps::steps,
        system::system,
        transport::arrivals,
        transport::bags,
        transport::conditions,
        transport::end,
        transport::learning,
        transport::tell,
    )
)]
struct Description;

/// The description as JSON; `x-right` of an operation is the right that it needs, `nobody` where it
/// needs none, `somebody` where any right will do.
pub(super) fn description() -> Value {
    let mut described = serde_json::to_value(Description::openapi()).unwrap_or_default();
    for (method, path, need) in RULES {
        let right = match need {
            Need::Nothing => "nobody".into(),
            Need::Somebody => "somebody".into(),
            Need::To(right) => serde_json::to_value(right).unwrap_or_default(),
        };
        let operation = described
            .pointer_mut(&format!(
                "/paths/{}/{}",
                escaped(path),
                method.to_lowercase()
            ))
            .and_then(Value::as_object_mut);
        if let Some(operation) = operation {
            operation.insert("x-right".to_owned(), right);
        }
    }
    described
}

/// A path as one step of a JSON pointer (RFC 6901).
fn escaped(path: &str) -> String {
    path.replace('~', "~0").replace('/', "~1")
}

pub(super) async fn openapi() -> Json<Value> {
    Json(description())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_of_the_api_is_described_with_its_right() {
        let described = description();
        for (method, path, _) in RULES
            .iter()
            .filter(|(_, path, _)| path.starts_with("/api/v1/"))
        {
            let pointer = format!("/paths/{}/{}", escaped(path), method.to_lowercase());
            let operation = described.pointer(&pointer);
            let right = operation.and_then(|operation| operation.get("x-right"));
            assert!(right.is_some(), "{method} {path} is not described");
        }
        let paths = described["paths"].as_object().unwrap();
        for (path, operations) in paths {
            for (method, operation) in operations.as_object().unwrap() {
                assert!(
                    operation.get("x-right").is_some(),
                    "{method} {path} has no rule"
                );
                assert!(
                    operation["summary"].is_string(),
                    "{method} {path} has no summary"
                );
            }
        }
    }
}
