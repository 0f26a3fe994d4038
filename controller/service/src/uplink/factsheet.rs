//! What a line is and can do, for host systems.

use sortline_core::topology::LineConfig;

use crate::config::Site;

/// The factsheet as JSON.
pub(crate) fn factsheet(site: &Site, line: &LineConfig) -> String {
    serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "site": { "id": site.config.id, "name": site.config.name },
        "line": {
            "id": line.id,
            "name": line.name,
            "speed_mm_per_s": line.belt.speed_mm_per_s,
            "length_mm": line.belt.length_mm,
            "parcel_length_mm": [line.parcel.length_mm_min, line.parcel.length_mm_max],
            "gap_mm_min": line.parcel.gap_mm_min,
            "chutes": line.chutes.iter().map(|chute| chute.id).collect::<Vec<_>>(),
            "cameras": line.cameras.len(),
        },
        "commands": super::commands::NAMES,
        "command_s_max": site.config.mqtt.command_s_max,
    })
    .to_string()
}
