//! What holds for every answer and request: headers, and that commands come from our own pages.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::{HOST, HeaderName, HeaderValue, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Front;
use super::api::problem;

const HEADERS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; \
         object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Adds the security headers.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        let (name, value) = (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        response.headers_mut().insert(name, value);
    }
    response
}

/// Refuses requests that change something and come from another site's page. Where nobody signs in,
/// also those that were sent to another name than this machine's own: a name that somebody else
/// made point here.
pub(super) async fn same_origin(
    State(front): State<Front>,
    request: Request,
    next: Next,
) -> Response {
    if front.site.open && !is_local(request.headers()) {
        let text = "this line takes requests to this machine's own name alone: without sign-in it \
                    is for this machine only";
        return problem(StatusCode::MISDIRECTED_REQUEST, text).into_response();
    }
    let harmless = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if !harmless && is_foreign(request.headers()) {
        return problem(
            StatusCode::FORBIDDEN,
            "the request comes from another site's page",
        )
        .into_response();
    }
    next.run(request).await
}

/// Whether a request was sent to `localhost` or a loopback address, or names no host.
fn is_local(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else {
        return true;
    };
    let Some(host) = host.to_str().ok() else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let loopback = |address: IpAddr| address.is_loopback();
    name.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(loopback)
}

fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text(HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return true;
    }
    let Some(origin) = text(ORIGIN) else {
        return false;
    };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.is_none() || authority != text(HOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_names_are_local() {
        let local = |host: &'static str| {
            let host = HeaderValue::from_static(host);
            is_local(&HeaderMap::from_iter([(HOST, host)]))
        };
        for host in [
            "localhost",
            "LocalHost:8080",
            "127.0.0.1:8080",
            "127.8.0.1",
            "[::1]:80",
        ] {
            assert!(local(host), "{host}");
        }
        for host in [
            "",
            "evil.example:8080",
            "10.0.0.5:8080",
            "localhost.evil.example",
            "[::2]",
        ] {
            assert!(!local(host), "{host}");
        }
        assert!(is_local(&HeaderMap::new()), "HTTP/1.0 names none");
    }

    #[test]
    fn only_our_own_pages_and_programs_may_command() {
        let foreign = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter().map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            });
            is_foreign(&pairs.collect())
        };
        assert!(!foreign(&[("host", "a:1")]), "a program sends no origin");
        assert!(!foreign(&[("host", "a:1"), ("origin", "http://a:1")]));
        assert!(foreign(&[("host", "a:1"), ("origin", "http://b:1")]));
        assert!(foreign(&[("host", "a:1"), ("origin", "null")]));
        assert!(foreign(&[
            ("host", "a:1"),
            ("sec-fetch-site", "cross-site")
        ]));
    }
}
