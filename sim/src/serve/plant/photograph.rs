//! What a camera sees when it is pulsed.

use sortline_core::{CameraId, Ticks, TriggerId};
use sortline_logic::TriggerPulse;

use super::{LIE, PlantField};
use crate::plant::{Fault, Parcel, Rng};
use crate::render::{ParcelLook, PlacedParcel, Scene};

impl PlantField {
    /// A camera was pulsed: what it sees goes to the camera server.
    pub(super) fn photograph(&mut self, pulse: TriggerPulse, in_view: &[(Parcel, i64)]) {
        if self.plant.dice().fires(Fault::FrameLost) {
            return;
        }
        let unreadable = self.plant.dice().fires(Fault::NoRead);
        let placed = in_view.iter().filter_map(|(parcel, offset)| {
            let mut placed = self.place(parcel, *offset)?;
            if unreadable {
                placed.look.labels.clear();
            }
            Some(placed)
        });
        let scene = Scene {
            camera: CameraId(pulse.camera),
            trigger: TriggerId(pulse.number),
            ticks: Ticks(pulse.at),
            parcels: placed.collect(),
        };
        if self.scenes.try_send(scene).is_err() {
            self.counts.frames_dropped += 1;
        }
    }

    fn place(&self, parcel: &Parcel, offset_um: i64) -> Option<PlacedParcel> {
        let identity = self.identities.of(parcel.serial)?;
        let (length, width) = (millimetres(parcel.length_um), f32::from(width_of(parcel)));
        let seed = self.seed ^ u64::from(parcel.serial) << 20;
        let mut look = ParcelLook::new(&identity.shipment, length, width, seed);
        if !identity.readable {
            look.labels.clear();
        }
        // The same parcel lies the same way under every camera, and anew on each lap.
        let mut rng = Rng::new(seed ^ u64::from(parcel.lap), LIE);
        Some(PlacedParcel {
            look,
            length_mm: length,
            width_mm: width,
            offset_mm: millimetres(offset_um),
            lateral_mm: millimetres(rng.normal(12_000)),
            rotation_deg: millimetres(rng.normal(3_000)),
        })
    }
}

/// Micrometres in millimetres to a tenth, up to three metres either way.
fn millimetres(um: i64) -> f32 {
    let tenths = (um / 100).clamp(i64::from(i16::MIN), i64::from(i16::MAX));
    f32::from(i16::try_from(tenths).unwrap_or(0)) / 10.0
}

fn width_of(parcel: &Parcel) -> u16 {
    u16::try_from(parcel.width_mm).unwrap_or(u16::MAX)
}
