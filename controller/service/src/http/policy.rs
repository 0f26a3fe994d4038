//! What a request needs. A route that is not listed is open to nobody.

use crate::people::Right;

/// What a route asks of whoever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: whoever can reach the controller.
    Nothing,
    /// To be somebody.
    Somebody,
    /// A right.
    To(Right),
}

use Need::{Nothing, Somebody, To};
use Right::{Administer, Code, Labels, Maintain, Operate, Plan, See, Supervise};

/// Method, route, need.
pub(super) const RULES: &[(&str, &str, Need)] = &[
    ("GET", "/healthz", Nothing),
    ("GET", "/readyz", Nothing),
    ("GET", "/metrics", To(See)),
    ("GET", "/api/openapi.json", Nothing),
    ("GET", "/api/v1/session", Nothing),
    ("POST", "/api/v1/session", Nothing),
    ("DELETE", "/api/v1/session", Somebody),
    ("POST", "/api/v1/enrolment", Nothing),
    ("POST", "/api/v1/password", Somebody),
    ("GET", "/api/v1/people", To(Administer)),
    ("POST", "/api/v1/people", To(Administer)),
    ("PATCH", "/api/v1/people/{id}", To(Administer)),
    ("GET", "/api/v1/keys", To(Administer)),
    ("POST", "/api/v1/keys", To(Administer)),
    ("DELETE", "/api/v1/keys/{id}", To(Administer)),
    ("GET", "/api/v1/audit", To(Supervise)),
    ("GET", "/api/v1/points", To(Maintain)),
    ("GET", "/api/v1/devices", To(Maintain)),
    ("GET", "/api/v1/telegrams", To(Maintain)),
    ("GET", "/api/v1/wear", To(Maintain)),
    ("GET", "/api/v1/system", To(See)),
    ("GET", "/api/v1/safe-mode", To(Administer)),
    ("POST", "/api/v1/safe-mode", To(Administer)),
    ("GET", "/api/v1/system/backup", To(Administer)),
    ("GET", "/api/v1/system/files", To(Administer)),
    ("GET", "/api/v1/system/files/{name}", To(Administer)),
    ("PUT", "/api/v1/system/files/{name}", To(Administer)),
    ("POST", "/api/v1/system/files/{name}/check", To(Administer)),
    (
        "GET",
        "/api/v1/system/files/{name}/versions",
        To(Administer),
    ),
    (
        "GET",
        "/api/v1/system/files/{name}/versions/{seq}",
        To(Administer),
    ),
    ("GET", "/api/v1/lines", To(See)),
    ("GET", "/api/v1/lines/{line}/topology", To(See)),
    ("GET", "/api/v1/lines/{line}/state", To(See)),
    ("GET", "/api/v1/lines/{line}/events", To(See)),
    // Which right a command needs depends on it; the handler asks for more.
    ("POST", "/api/v1/lines/{line}/commands", Somebody),
    (
        "POST",
        "/api/v1/lines/{line}/diverters/{diverter}/jog",
        To(Maintain),
    ),
    ("GET", "/api/v1/frames/{name}", To(Labels)),
    ("GET", "/api/v1/parcels", To(Labels)),
    ("GET", "/api/v1/parcels/{id}", To(Labels)),
    ("GET", "/api/v1/outcomes", To(See)),
    ("GET", "/api/v1/steps", To(See)),
    ("GET", "/api/v1/alarms", To(See)),
    ("GET", "/api/v1/alarms/history", To(See)),
    ("GET", "/api/v1/alarms/figures", To(See)),
    // Out of service is for a supervisor; the handler asks for more.
    ("POST", "/api/v1/alarms/{id}/{act}", To(Operate)),
    ("POST", "/api/v1/coding/{parcel}/claim", To(Code)),
    ("DELETE", "/api/v1/coding/{parcel}/claim", To(Code)),
    ("GET", "/api/v1/coding/{parcel}", To(Code)),
    ("POST", "/api/v1/coding/{parcel}", To(Code)),
    ("GET", "/api/v1/coding/places", To(Code)),
    ("GET", "/api/v1/coding/code", To(Code)),
    ("GET", "/api/v1/coding/figures", To(See)),
    ("GET", "/api/v1/plans", To(See)),
    ("GET", "/api/v1/plans/proposal", To(See)),
    ("GET", "/api/v1/plans/{id}", To(See)),
    ("POST", "/api/v1/plans", To(Plan)),
    ("POST", "/api/v1/plans/check", To(Plan)),
    ("POST", "/api/v1/plans/dry-run", To(Plan)),
    ("POST", "/api/v1/plans/from-csv", To(Plan)),
    ("POST", "/api/v1/plans/{id}/approve", To(Plan)),
    ("POST", "/api/v1/plans/{id}/activate", To(Plan)),
    ("GET", "/api/v1/reports", To(See)),
    ("GET", "/api/v1/routes", To(See)),
    ("GET", "/api/v1/routes/places", To(See)),
    ("GET", "/api/v1/routes/bags", To(See)),
    ("GET", "/api/v1/routes/learning", To(See)),
    ("POST", "/api/v1/routes/arrivals", To(Plan)),
    ("GET", "/api/v1/routes/conditions", To(See)),
    ("PUT", "/api/v1/routes/conditions/{id}", To(Plan)),
    ("DELETE", "/api/v1/routes/conditions/{id}", To(Plan)),
    ("GET", "/api/v1/simulations", To(Maintain)),
    ("POST", "/api/v1/simulations", To(Maintain)),
    // The other controller asks for the right.
    ("GET", "/at/{neighbor}/{*path}", Somebody),
    ("POST", "/at/{neighbor}/{*path}", Somebody),
    ("PUT", "/at/{neighbor}/{*path}", Somebody),
    ("PATCH", "/at/{neighbor}/{*path}", Somebody),
    ("DELETE", "/at/{neighbor}/{*path}", Somebody),
];

/// What a route needs; `None` for one that is not listed.
pub(super) fn need(method: &str, route: &str) -> Option<Need> {
    let method = if method == "HEAD" { "GET" } else { method };
    let mut rules = RULES.iter();
    let found = rules.find(|(known, path, _)| *known == method && *path == route);
    found.map(|(_, _, need)| *need)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_listed_once_and_changes_need_more_than_looking() {
        for (index, (method, path, needed)) in RULES.iter().enumerate() {
            let before = RULES.iter().take(index);
            assert!(
                before.clone().all(|(m, p, _)| (m, p) != (method, path)),
                "{method} {path}"
            );
            if *method != "GET" && *needed == Nothing {
                let entries = ["/api/v1/session", "/api/v1/enrolment"];
                assert!(entries.contains(path), "{method} {path}");
            }
            assert!(*method == "GET" || *needed != To(See), "{method} {path}");
        }
        assert_eq!(need("HEAD", "/healthz"), Some(Nothing));
        assert_eq!(need("PUT", "/healthz"), None);
    }
}
