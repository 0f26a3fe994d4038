//! Checks of cameras.

use super::eyes::last_induction;
use super::{CAMERA_ID_MAX, LineConfig, Report, travel_mm};

pub(super) fn cameras(config: &LineConfig, report: &mut Report) {
    report.unique("camera", config.cameras.iter().map(|camera| camera.id));
    let command = travel_mm(config, config.tracking.command_ms);
    let least = (config.parcel.length_mm_max / 2)
        .saturating_add(command)
        .saturating_add(30)
        .saturating_add(last_induction(config));
    for (at, camera) in config.cameras.iter().enumerate() {
        report.range(&format!("camera[{at}].id"), camera.id.0, 0, CAMERA_ID_MAX);
        let key = format!("camera[{at}].position_mm");
        let most = config.belt.length_mm;
        // The first of several frames comes before the middle is there.
        let parts = camera.view_mm > 0 && camera.view_mm < config.parcel.length_mm_max;
        let least = if parts {
            least.saturating_add(config.parcel.length_mm_max / 2)
        } else {
            least
        };
        if parts {
            let view = config.parcel.length_mm_max.div_ceil(4);
            report.range(
                &format!("camera[{at}].view_mm"),
                camera.view_mm,
                view,
                config.parcel.length_mm_max,
            );
        }
        if camera.position_mm < least || camera.position_mm > most {
            report.add(
                key,
                format!(
                    "found {}, allowed is {least} (the last induction, half of the longest parcel \
                     and the travel in command_ms) to {most}",
                    camera.position_mm
                ),
            );
        }
    }
}
