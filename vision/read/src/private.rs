//! What stands for personal data where something is shown for finding faults.

use std::fmt;

/// Shown in place of what a label says.
pub(crate) struct Redacted;

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹redacted›")
    }
}
