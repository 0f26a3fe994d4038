//! What the door and the site's files need, whether the line runs or its configuration cannot be
//! used.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Semaphore;

use super::SiteInfo;
use super::api;
use crate::config::Files;
use crate::office::{Office, OfficeError};

/// Event streams open at once.
pub(super) const STREAMS_MAX: usize = 64;

/// Questions to the journal at once.
const QUERIES_MAX: usize = 4;

/// Uses of the office file at once, and how long one may wait.
const OFFICE_MAX: usize = 4;
const OFFICE_WAIT: Duration = Duration::from_secs(5);

/// Who may come in, and the site's files.
#[derive(Clone, Debug)]
pub struct Front {
    /// The site.
    pub site: Arc<SiteInfo>,
    /// Files of the site.
    pub files: Files,
    /// What people do.
    pub office: Office,
    /// Code for the first administrator, while there is none.
    pub enrolment: Option<Arc<str>>,
    /// The configuration cannot be used: there is no line, only the files to mend it.
    pub safe_mode: bool,
    pub(super) limits: Limits,
}

#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) streams: Arc<Semaphore>,
    pub(super) queries: Arc<Semaphore>,
    pub(super) office: Arc<Semaphore>,
    pub(super) simulations: Arc<Semaphore>,
}

impl Front {
    /// The front of a controller whose configuration can be used.
    pub fn new(site: SiteInfo, files: Files, office: Office, enrolment: Option<String>) -> Self {
        Self {
            site: Arc::new(site),
            files,
            office,
            enrolment: enrolment.map(Arc::from),
            safe_mode: false,
            limits: Limits {
                streams: Arc::new(Semaphore::new(STREAMS_MAX)),
                queries: Arc::new(Semaphore::new(QUERIES_MAX)),
                office: Arc::new(Semaphore::new(OFFICE_MAX)),
                simulations: Arc::new(Semaphore::new(1)),
            },
        }
    }

    /// Uses the office file in a thread of its own, a few at a time.
    pub(super) async fn in_office<T, F>(&self, work: F) -> Result<T, Response>
    where
        T: Send + 'static,
        F: FnOnce(&Office) -> Result<T, OfficeError> + Send + 'static,
    {
        let say = |status, text: &str| api::problem(status, text).into_response();
        let busy = || {
            say(
                StatusCode::SERVICE_UNAVAILABLE,
                "too much at once; try again",
            )
        };
        let place = Arc::clone(&self.limits.office).acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout(OFFICE_WAIT, place).await else {
            return Err(busy());
        };
        let office = self.office.clone();
        let work = move || {
            let result = work(&office);
            drop(permit);
            result
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(OfficeError::Refused(why))) => Err(say(StatusCode::CONFLICT, &why)),
            Ok(Err(error @ OfficeError::Missing(_))) => {
                Err(say(StatusCode::NOT_FOUND, &error.to_string()))
            }
            Ok(Err(error @ (OfficeError::Foreign { .. } | OfficeError::Sqlite { .. }))) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "nothing was put on record"
                );
                let text = "this cannot be put on record, so it was not done";
                Err(say(StatusCode::SERVICE_UNAVAILABLE, text))
            }
            Err(error) => {
                tracing::error!(%error, "a use of the office file failed");
                Err(busy())
            }
        }
    }
}
