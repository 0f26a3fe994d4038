//! The controller itself: versions, links, inputs and outputs.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::Web;
use super::files::names;
use crate::clock;
use crate::latency::Latency;

/// State of the controller.
#[utoipa::path(get, path = "/api/v1/system", responses((status = 200, description = "Versions, links, sizes")))]
pub(super) async fn system(State(web): State<Web>) -> Response {
    let size = |path: &std::path::Path| std::fs::metadata(path).map(|meta| meta.len()).ok();
    let (view, picture) = (
        web.ends.views.borrow().clone(),
        web.ends.picture.borrow().clone(),
    );
    let uplink = *web.ends.uplink.borrow();
    let up = clock::wall().duration_since(web.site.started).as_secs();
    let times = |of: &Latency| {
        let at = |permille| of.percentile(permille);
        json!({ "p50": at(500), "p99": at(990), "p999": at(999) })
    };
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "up_s": up,
        "site": { "id": web.site.id, "name": web.site.name, "time_zone": web.site.time_zone },
        "open": web.site.open,
        "journal_bytes": size(&web.journal),
        "streams": super::front::STREAMS_MAX.saturating_sub(web.limits.streams.available_permits()),
        "node": { "address": web.site.node, "up": view.node_up },
        "stroke_us": times(&picture.latency),
        "step_us": times(&picture.steps),
        "mqtt": {
            "broker": web.site.broker,
            "connected": uplink.connected,
            "waiting": uplink.waiting,
            "published": uplink.published,
            "dropped": uplink.dropped,
            "commands_accepted": uplink.commands_accepted,
            "commands_refused": uplink.commands_refused,
        },
        "files": names(&web.front),
    }))
    .into_response()
}
