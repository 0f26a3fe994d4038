//! How a parcel looks: wrapping, tape, printed warnings, and where its label sits.

use serde::{Deserialize, Serialize};
use sortline_core::CameraId;

use super::geometry::Point;
use super::rng::Rng;
use super::scene::{LabelData, LabelSize, ParcelLook, Shipment, StuckLabel, Template, Wrapping};

/// A strip of tape along the whole face.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tape {
    /// Middle line, mm from the middle of the face.
    pub middle_mm: f32,
    /// Width, mm.
    pub width_mm: f32,
    /// Grey levels it adds to the face.
    pub gloss: f32,
    /// True when it runs across the belt instead of along it.
    pub across: bool,
}

/// Something printed on the wrapping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    /// What is printed.
    pub print: Print,
    /// Middle of the mark on the face, mm from the face's middle.
    pub middle_mm: Point,
    /// Turn against the face, degrees.
    pub rotation_deg: f32,
    /// Height, mm.
    pub height_mm: f32,
    /// Grey of its ink.
    pub grey: f32,
}

/// Kinds of print on a wrapping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Print {
    /// Words.
    Words(String),
    /// Parallel bars that look like a bar code: how many, and their period in mm.
    Stripes(u8, f32),
    /// Two arrows that point up, over a line.
    Arrows,
    /// A plain rectangle, width in mm.
    Patch(f32),
    /// Bars of random widths that encode nothing: seed, how many, narrowest in mm.
    Bars(u64, u8, f32),
    /// Square modules at random that encode nothing: seed, how many on a side.
    Modules(u64, u8),
    /// Diagonal stripes as on warning tape, period in mm.
    Hatch(f32),
    /// A ruled table: rows and columns.
    Table(u8, u8),
}

/// Words that cartons carry.
const WORDS: [&str; 10] = [
    "FRAGILE",
    "HANDLE WITH CARE",
    "THIS SIDE UP",
    "KEEP DRY",
    "MADE IN CHINA",
    "易碎品",
    "小心轻放",
    "G.W. 4.2 KGS",
    "NACHNAHME",
    "DO NOT STACK",
];

/// Distance of the label from the face's edge, mm.
const MARGIN_MM: f32 = 4.0;
/// Farthest that a label's middle is stuck from the middle of the face, along and across, mm: the
/// packer aims at the middle, so that the whole label is in view when the trigger fires.
const REACH_MM: Point = [70.0, 40.0];

/// The look of a parcel of `size` (length, width; mm).
pub(super) fn derive(shipment: &Shipment, size: Point, seed: u64) -> ParcelLook {
    let mut rng = Rng::named(seed, "look");
    let wrapping = match rng.below(20) {
        0..12 => Wrapping::Cardboard,
        12..14 => Wrapping::WhiteBoard,
        _ => Wrapping::PolyBag,
    };
    let labels = labels(shipment, size, &mut rng);
    bare(wrapping, size, labels, &mut rng)
}

/// A parcel without regard to any shipment: the given labels on a random wrapping.
pub(super) fn bare(
    wrapping: Wrapping,
    size: Point,
    labels: Vec<StuckLabel>,
    rng: &mut Rng,
) -> ParcelLook {
    let carton = wrapping != Wrapping::PolyBag;
    ParcelLook {
        seed: rng.bits(),
        wrapping,
        grey: match wrapping {
            Wrapping::Cardboard => rng.uniform(105.0, 150.0),
            Wrapping::WhiteBoard => rng.uniform(165.0, 190.0),
            Wrapping::PolyBag => {
                if rng.chance(0.5) {
                    rng.uniform(60.0, 95.0)
                } else {
                    rng.uniform(130.0, 175.0)
                }
            }
        },
        flutes: (carton && rng.chance(0.8)).then(|| [rng.uniform(6.0, 9.0), rng.uniform(0.5, 3.0)]),
        tape: (carton && rng.chance(0.75)).then(|| tape(size, rng)),
        warnings: (0..rng.below(5))
            .map(|_| warning(size, carton, rng))
            .collect(),
        labels,
    }
}

/// Words on parcels of design B.
const OTHER_WORDS: [&str; 8] = [
    "HEAVY 18KG",
    "Nicht werfen",
    "CARTON NO. 4/12",
    "Attention! Verre",
    "ETA 09:30 HUB 7",
    "当心破碎",
    "NET WT 3.25 KG  LOT 88121",
    "Batterie Li-Ion UN3481",
];

/// What a frame without symbols shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Negative {
    /// Stripes, bars and modules that look like symbols and are none.
    Stripes,
    /// Words, signs, tables and patches.
    Prints,
    /// A bare parcel.
    Bare,
}

/// A parcel of design B: other wrappings, denser prints, patterns that look like symbols.
pub(super) fn held_out(size: Point, labels: Vec<StuckLabel>, rng: &mut Rng) -> ParcelLook {
    let wrapping = match rng.below(10) {
        0..5 => Wrapping::Cardboard,
        5..7 => Wrapping::WhiteBoard,
        _ => Wrapping::PolyBag,
    };
    let mut look = bare(wrapping, size, labels, rng);
    look.warnings = (0..rng.between(1, 6))
        .map(|_| {
            let print = if rng.chance(0.4) {
                false_symbol(rng)
            } else {
                plain_print(rng)
            };
            placed(print, size, rng)
        })
        .collect();
    look
}

/// A parcel without any symbol.
pub(super) fn negative(kind: Negative, size: Point, rng: &mut Rng) -> ParcelLook {
    let mut look = held_out(size, Vec::new(), rng);
    let count = rng.between(4, 9);
    look.warnings = match kind {
        Negative::Bare => Vec::new(),
        Negative::Stripes => (0..count)
            .map(|_| placed(false_symbol(rng), size, rng))
            .collect(),
        Negative::Prints => (0..count)
            .map(|_| placed(plain_print(rng), size, rng))
            .collect(),
    };
    look
}

fn false_symbol(rng: &mut Rng) -> Print {
    match rng.below(4) {
        0 => Print::Stripes(rng.between(5, 30) as u8, rng.uniform(1.5, 12.0)),
        1 => Print::Modules(rng.bits(), rng.between(10, 40) as u8),
        2 => Print::Hatch(rng.uniform(3.0, 12.0)),
        _ => Print::Bars(rng.bits(), rng.between(12, 60) as u8, rng.uniform(0.4, 1.6)),
    }
}

fn plain_print(rng: &mut Rng) -> Print {
    match rng.below(6) {
        0..3 => Print::Words(rng.pick(&OTHER_WORDS).to_owned()),
        3 => Print::Arrows,
        4 => Print::Table(rng.between(2, 8) as u8, rng.between(2, 5) as u8),
        _ => Print::Patch(rng.uniform(10.0, 60.0)),
    }
}

fn placed(print: Print, size: Point, rng: &mut Rng) -> Warning {
    let any = rng.chance(0.3);
    Warning {
        middle_mm: [
            size[0] * rng.uniform(-0.45, 0.45),
            size[1] * rng.uniform(-0.45, 0.45),
        ],
        rotation_deg: if any {
            rng.uniform(0.0, 360.0)
        } else {
            rng.pick(&[0.0, 90.0, 180.0, 270.0]) + rng.normal() * 2.0
        },
        height_mm: match print {
            Print::Words(_) => rng.uniform(4.0, 18.0),
            Print::Patch(_) => rng.uniform(5.0, 30.0),
            Print::Stripes(..)
            | Print::Arrows
            | Print::Bars(..)
            | Print::Modules(..)
            | Print::Hatch(_)
            | Print::Table(..) => rng.uniform(12.0, 45.0),
        },
        grey: if matches!(print, Print::Patch(_)) {
            rng.uniform(170.0, 230.0)
        } else {
            rng.uniform(20.0, 70.0)
        },
        print,
    }
}

fn tape(size: Point, rng: &mut Rng) -> Tape {
    let across = rng.chance(0.35);
    let reach = if across { size[0] } else { size[1] };
    // Most tape closes the flaps along the middle.
    let off = if rng.chance(0.7) { 0.03 } else { 0.35 };
    Tape {
        middle_mm: reach * rng.uniform(-off, off),
        width_mm: rng.uniform(40.0, 60.0),
        gloss: rng.uniform(10.0, 45.0),
        across,
    }
}

fn warning(size: Point, carton: bool, rng: &mut Rng) -> Warning {
    let print = match rng.below(if carton { 8 } else { 4 }) {
        0..4 => Print::Words(rng.pick(&WORDS).to_owned()),
        4 | 5 => Print::Arrows,
        6 => Print::Stripes(rng.between(5, 13) as u8, rng.uniform(4.0, 12.0)),
        _ => Print::Patch(rng.uniform(10.0, 60.0)),
    };
    let patch = matches!(print, Print::Patch(_));
    let turn = rng.pick(&[0.0, 0.0, 90.0, 180.0, 270.0]);
    Warning {
        middle_mm: [
            size[0] * rng.uniform(-0.45, 0.45),
            size[1] * rng.uniform(-0.45, 0.45),
        ],
        rotation_deg: turn + rng.normal() * 1.5,
        height_mm: match print {
            Print::Words(_) => rng.uniform(7.0, 25.0),
            Print::Stripes(..) => 30.0,
            Print::Arrows => rng.uniform(25.0, 45.0),
            Print::Patch(_)
            | Print::Bars(..)
            | Print::Modules(..)
            | Print::Hatch(_)
            | Print::Table(..) => rng.uniform(5.0, 30.0),
        },
        grey: if patch {
            rng.uniform(170.0, 230.0)
        } else {
            rng.uniform(20.0, 70.0)
        },
        print,
    }
}

fn labels(shipment: &Shipment, size: Point, rng: &mut Rng) -> Vec<StuckLabel> {
    let narrow = size[0].min(size[1]);
    let label_size = if narrow < 100.0 + 2.0 * MARGIN_MM {
        LabelSize::Compact
    } else {
        LabelSize::Small
    };
    let template = if rng.chance(0.9) {
        Template::Core
    } else {
        rng.pick(&Template::ALL)
    };
    let data = LabelData::new(shipment, template, label_size, rng.bits());
    let stick = |camera: u8, data: LabelData, rng: &mut Rng| {
        let rotation_deg = turn(size, label_size, rng);
        let middle_mm = spot(size, label_size, rotation_deg, rng);
        StuckLabel {
            camera: CameraId(camera),
            middle_mm,
            rotation_deg,
            data,
        }
    };
    let mut labels = Vec::new();
    if rng.chance(0.2) {
        labels.push(stick(1, data.clone(), rng));
    }
    labels.push(stick(0, data, rng));
    labels
}

/// Labels are stuck by hand: mostly square to the carton, sometimes anyhow where there is room.
fn turn(size: Point, label: LabelSize, rng: &mut Rng) -> f32 {
    let any = rng.uniform(0.0, 360.0);
    if rng.chance(0.15) && half_extent(label, any) <= size[0].min(size[1]) / 2.0 {
        any
    } else {
        rng.pick(&[0.0, 90.0, 180.0, 270.0]) + (rng.normal() * 3.0).clamp(-7.0, 7.0)
    }
}

/// Where the middle of a label may be so that the whole label is on the face.
fn spot(size: Point, label: LabelSize, turn: f32, rng: &mut Rng) -> Point {
    let half = half_extent(label, turn);
    [0, 1].map(|i| {
        let room = (size[i] / 2.0 - half).clamp(0.0, REACH_MM[i]);
        rng.uniform(-room, room)
    })
}

/// Half of the room that a turned label takes in any direction, with its margin, mm.
fn half_extent(label: LabelSize, turn: f32) -> f32 {
    let [width, height] = label.millimetres();
    let (sin, cos) = turn.to_radians().sin_cos();
    width.max(height) / 2.0 * (sin.abs() + cos.abs()) + MARGIN_MM
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::address;

    #[test]
    fn labels_stay_on_their_parcel() {
        for seed in 0..500 {
            let mut rng = Rng::new(seed);
            let size = [rng.uniform(90.0, 800.0), rng.uniform(90.0, 400.0)];
            let look = derive(&address::random_shipment(&mut rng), size, seed);
            assert!(look.labels.iter().any(|label| label.camera == CameraId(0)));
            for label in &look.labels {
                let [width, height] = label.data.size.millimetres();
                let (sin, cos) = label.rotation_deg.to_radians().sin_cos();
                for [x, y] in [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0_f32]] {
                    let corner = [x * width / 2.0, y * height / 2.0];
                    let u = label.middle_mm[0] + cos * corner[0] - sin * corner[1];
                    let v = label.middle_mm[1] + sin * corner[0] + cos * corner[1];
                    // A narrow parcel may have a corner of its label folded over the edge.
                    assert!(
                        u.abs() < size[0] / 2.0 + 2.0,
                        "{seed}: {u} {size:?} {label:?}"
                    );
                    assert!(
                        v.abs() < size[1] / 2.0 + 2.0,
                        "{seed}: {v} {size:?} {label:?}"
                    );
                }
            }
        }
    }
}
