//! Values that must not appear in logs.

use std::fmt;

use serde::Deserialize;

/// A value of personal or commercial nature: its `Debug` form says nothing, and it cannot be
/// serialized.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for use, never for display.
    pub const fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹redacted›")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(
            format!("{:?}", Sensitive::new("Erika Mustermann")),
            "‹redacted›"
        );
        assert_eq!(*Sensitive::new(7).reveal(), 7);
    }
}
