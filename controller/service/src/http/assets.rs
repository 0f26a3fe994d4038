//! The dashboard, built into the binary.

use axum::body::Body;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse as _, Response};

use super::api::problem;

/// The built dashboard; empty when the binary was built without.
#[derive(rust_embed::RustEmbed)]
#[folder = "../dashboard/dist"]
#[allow_missing = true]
struct Dashboard;

const WITHOUT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
<title>Sortline</title><h1>Sortline</h1><p>This binary was built without the dashboard. \
Run <code>cargo xtask demo</code>, which builds both.</p>\
<p>The API is described at <a href=\"/api/openapi.json\">/api/openapi.json</a>.</p></html>";

/// Answers everything that is not API: a file of the dashboard, or its page.
pub(super) async fn page(method: Method, uri: Uri) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return problem(StatusCode::METHOD_NOT_ALLOWED, "allowed is GET").into_response();
    }
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") {
        return problem(StatusCode::NOT_FOUND, "there is no such resource").into_response();
    }
    if let Some(file) = Dashboard::get(path) {
        return answer(path, file.data.into_owned());
    }
    let is_page = !path.rsplit('/').next().unwrap_or_default().contains('.');
    match Dashboard::get("index.html") {
        Some(index) if is_page => answer("index.html", index.data.into_owned()),
        None if is_page => Html(WITHOUT).into_response(),
        _ => problem(StatusCode::NOT_FOUND, "there is no such file").into_response(),
    }
}

fn answer(path: &str, data: Vec<u8>) -> Response {
    let extension = path.rsplit('.').next().unwrap_or_default();
    let kind = match extension {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" | "webmanifest" => "application/json",
        "woff2" => "font/woff2",
        "png" => "image/png",
        "ico" => "image/x-icon",
        _ => "application/octet-stream",
    };
    // Built files carry a hash in their name; the page that names them does not.
    let forever = path.starts_with("assets/");
    let cache = if forever {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    (
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)],
        Body::from(data),
    )
        .into_response()
}
