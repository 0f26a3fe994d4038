//! The host's clock.

use std::time::Instant;

/// Now.
#[expect(
    clippy::disallowed_methods,
    reason = "durations are measured here, nothing is decided"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
