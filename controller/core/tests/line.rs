//! The line against a small plant of its own: nominal, and every fault by itself.

#[cfg(test)]
mod plant;

use plant::{Faults, Plant};

#[test]
fn a_thousand_parcels_are_all_sorted() {
    let mut plant = Plant::new(
        0,
        Faults {
            slip: 4,
            ..Faults::default()
        },
    );
    plant.shift(1, 1_000);
    plant.drain();
    plant.assert_sound();
    assert_eq!(plant.sorted(), 1_000);
}
