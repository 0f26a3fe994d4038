//! Routes from this site, for planners: places on a map, and what is possible now.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use sortline_route::{Level, Network, Node, Query as Wanted};

use super::Web;
use super::api::{json_of, problem};
use super::parcels::aside;
use crate::clock;
use crate::commands::route::{Wire, destination, wire};
use crate::config::ConfigError;
use crate::network;

/// Folder of the network in a site directory.
const FOLDER: &str = "network";
/// Alternatives answered at most.
const OPTIONS_MAX: usize = 6;
/// Longest destination, bytes.
const TEXT_MAX: usize = 64;
/// Heaviest parcel.
const WEIGHT_G_MAX: u32 = 1_000_000;

/// A place of the network.
#[derive(Serialize, Deserialize)]
struct Place {
    id: String,
    name: String,
    country: String,
    kind: String,
    lat: f64,
    lon: f64,
}

/// Places of the transport network; none when the site has no network.
#[utoipa::path(
    get, path = "/api/v1/routes/places",
    responses((status = 200, description = "Places"), (status = 503))
)]
pub(super) async fn places(State(web): State<Web>) -> Response {
    if !web.files.has(FOLDER) {
        return json_of(&Vec::<Place>::new());
    }
    let read = |web: &Web| -> anyhow::Result<Vec<Place>> {
        let text = web.files.text("network/places.csv");
        let text = text.map_err(|problem| anyhow::anyhow!(problem.text))?;
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        Ok(reader.deserialize().collect::<Result<_, _>>()?)
    };
    let asked = web.clone();
    match aside(&web, move || read(&asked)).await {
        Ok(Ok(places)) => json_of(&places),
        Ok(Err(error)) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()).into_response()
        }
        Err(response) => response,
    }
}

/// What is asked for.
#[derive(Clone, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    /// A place, a zone, or a country and postcode such as `DE-10115`.
    to: String,
    /// express, standard or economy; standard when absent.
    service: Option<String>,
    /// 500 when absent.
    weight_g: Option<u32>,
}

/// The network and the site's place in it, as the line's own routes are made from.
type Now = Option<(Arc<Network>, Node)>;

/// Routes for a parcel that is ready now, best first: as `sortline route --json`.
#[utoipa::path(
    get, path = "/api/v1/routes", params(Ask),
    responses((status = 200, description = "Alternatives"), (status = 422), (status = 503))
)]
pub(super) async fn routes(State(web): State<Web>, Query(ask): Query<Ask>) -> Response {
    let wrong = |text: &str| problem(StatusCode::UNPROCESSABLE_ENTITY, text).into_response();
    if ask.to.len() > TEXT_MAX {
        return wrong("the destination is too long");
    }
    let level = match ask.service.as_deref().map(Level::parse) {
        Some(None) => return wrong("service is express, standard or economy"),
        Some(Some(level)) => level,
        None => Level::default(),
    };
    let now = web.ends.routing.network();
    match aside(&web, move || find(now, &ask, level)).await {
        Ok(Ok(options)) => json_of(&options),
        Ok(Err(error)) => {
            let first = error.problems.first().map(|problem| problem.text.clone());
            wrong(&first.unwrap_or_default())
        }
        Err(response) => response,
    }
}

fn find(now: Now, ask: &Ask, level: Level) -> Result<Vec<Wire>, ConfigError> {
    let none = |text: &str| ConfigError::whole("site.toml".as_ref(), text);
    let (network, from) = now.ok_or_else(|| none("the site has no transport network"))?;
    let to = destination(&network, &ask.to)?;
    let ready = network::minute(clock::wall());
    let ready = ready.ok_or_else(|| none("the time is beyond the years 1970 to 5000"))?;
    let options = network.options(&Wanted {
        from,
        to,
        ready,
        weight_g: ask.weight_g.unwrap_or(500).clamp(1, WEIGHT_G_MAX),
        level,
        promise: None,
        options: OPTIONS_MAX,
    });
    Ok(options
        .iter()
        .map(|option| wire(&network, option))
        .collect())
}
