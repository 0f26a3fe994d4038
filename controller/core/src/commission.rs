//! Self-commissioning: what a line is really like, learnt from calibration parcels.
//!
//! A [`Survey`] takes the place of a [`crate::Line`] while a line is put into service. Someone lays
//! the same calibration parcel on the belt again and again, one at a time; its length is known, and
//! it has a code on top. From the edges of its passes come the encoder's scale and the places of
//! photo-eyes; from frames taken a little earlier or later each time, where each camera looks; from
//! strokes given a little later each time, how long each diverter takes. [`Wear`] watches the same
//! quantities afterwards and names the part that changes.

mod survey;
mod wear;

pub use survey::{Calibration, Survey, Surveyed};
pub use wear::{CLASS_MS, CLASSES, DiverterTimes, Finding, Part, Wear};
