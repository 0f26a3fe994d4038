//! Parcels as a camera sees them from above, and which symbol lies on which of them.
//!
//! The pixels are measured elsewhere; here are sizes, positions along the belt and the rule that two
//! parcels in one view are never taken for one.

use serde::Serialize;

use crate::result::{Corners, Symbol};

/// One parcel's upper face in a frame.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParcelView {
    /// Corners of the smallest rectangle around it, pixels, clockwise from its upper left corner.
    pub corners: Corners,
    /// Longer side in millimetres; `None` without calibration, or where the face leaves the frame.
    pub length_mm: Option<f32>,
    /// Shorter side in millimetres, likewise.
    pub width_mm: Option<f32>,
    /// Turn of its longer side to the belt's travel, degrees, −90 to 90.
    pub turn_deg: f32,
    /// Whether the whole face is in the frame.
    pub whole: bool,
    /// Whether it touches another parcel in the frame.
    pub touching: bool,
    /// Its middle before the frame's middle along the travel: pixels, and millimetres with
    /// calibration. Behind it is negative.
    pub offset_px: i32,
    /// The same in millimetres.
    pub offset_mm: Option<f32>,
    /// Numbers of the symbols of the frame that lie on it.
    pub symbols: Vec<usize>,
}

impl ParcelView {
    /// Whether a point of the frame lies on the parcel.
    pub fn holds(&self, point: [i32; 2]) -> bool {
        let [first, second, third, fourth] = self.corners;
        let side = |from: [i32; 2], to: [i32; 2]| {
            let [x0, y0] = from.map(i64::from);
            let [x1, y1] = to.map(i64::from);
            let [x, y] = point.map(i64::from);
            (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
        };
        let sides = [
            side(first, second),
            side(second, third),
            side(third, fourth),
            side(fourth, first),
        ];
        sides.iter().all(|side| *side >= 0) || sides.iter().all(|side| *side <= 0)
    }
}

/// Gives each symbol to the parcel on which its middle lies; where faces overlap, to the one whose
/// middle is nearest. A symbol beside all parcels belongs to none.
pub fn assign(parcels: &mut [ParcelView], symbols: &[Symbol]) {
    for parcel in parcels.iter_mut() {
        parcel.symbols.clear();
    }
    for (number, symbol) in symbols.iter().enumerate() {
        let at = middle(&symbol.corners);
        let holding = parcels.iter_mut().filter(|parcel| parcel.holds(at));
        let nearest = holding.min_by_key(|parcel| {
            let [x, y] = middle(&parcel.corners);
            i64::from(x - at[0]).pow(2) + i64::from(y - at[1]).pow(2)
        });
        if let Some(parcel) = nearest {
            parcel.symbols.push(number);
        }
    }
}

/// The parcel that a reading of this frame is about: the only one in view that bears a symbol, or
/// the only one at all. `None` when the frame leaves it open.
pub fn subject(parcels: &[ParcelView]) -> Option<&ParcelView> {
    let mut bearing = parcels.iter().filter(|parcel| !parcel.symbols.is_empty());
    match (bearing.next(), bearing.next(), parcels) {
        (Some(one), None, _) | (None, _, [one]) => Some(one),
        _ => None,
    }
}

/// Middle of a quadrangle.
pub fn middle(corners: &Corners) -> [i32; 2] {
    let sum = |axis: usize| -> i64 {
        let values = corners.iter().filter_map(|corner| corner.get(axis));
        values.copied().map(i64::from).sum()
    };
    [sum(0), sum(1)].map(|sum| i32::try_from(sum / 4).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::SymbolFormat;

    fn parcel(left: i32, right: i32) -> ParcelView {
        ParcelView {
            corners: [[left, 100], [right, 100], [right, 400], [left, 400]],
            length_mm: None,
            width_mm: None,
            turn_deg: 0.0,
            whole: true,
            touching: true,
            offset_px: i32::midpoint(left, right) - 640,
            offset_mm: None,
            symbols: Vec::new(),
        }
    }

    fn symbol(x: i32) -> Symbol {
        Symbol {
            format: SymbolFormat::Code128,
            text: "RR473124829CN".to_owned(),
            gs1: false,
            corners: [[x - 50, 200], [x + 50, 210], [x + 50, 260], [x - 50, 250]],
        }
    }

    #[test]
    fn a_label_on_one_of_two_touching_parcels_names_that_one() {
        let mut parcels = [parcel(100, 600), parcel(600, 1_100)];
        assign(&mut parcels, &[symbol(700)]);
        assert_eq!(
            (parcels[0].symbols.len(), &parcels[1].symbols[..]),
            (0, &[0][..])
        );
        assert_eq!(subject(&parcels).map(|p| p.offset_px), Some(210));
        // Labels on both, or on none: open.
        assign(&mut parcels, &[symbol(700), symbol(300)]);
        assert_eq!(subject(&parcels), None);
        assign(&mut parcels, &[symbol(2_000)]);
        assert_eq!(subject(&parcels), None);
        let mut alone = [parcel(100, 600)];
        assign(&mut alone, &[]);
        assert!(subject(&alone).is_some());
    }

    #[test]
    fn a_turned_face_holds_what_is_inside() {
        let turned = ParcelView {
            corners: [[300, 0], [600, 300], [300, 600], [0, 300]],
            ..parcel(0, 1)
        };
        for (point, inside) in [([300, 300], true), ([40, 40], false), ([300, 0], true)] {
            assert_eq!(turned.holds(point), inside, "{point:?}");
        }
    }
}
