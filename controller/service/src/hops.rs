//! The first hop of the best route to a destination, looked up at once.

use sortline_core::Destination;

/// Where parcels of a destination travel first.
#[derive(Debug, Default)]
pub struct Hops {}

impl Hops {
    /// The first hop, and why.
    pub fn first(&self, to: &Destination) -> (Option<String>, String) {
        (
            None,
            format!("no transport network; by country {}", to.country),
        )
    }
}
