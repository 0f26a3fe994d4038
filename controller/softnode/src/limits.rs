//! What the field node of a line enforces.

use sortline_core::topology::LineConfig;
use sortline_logic::Limits;

/// What the field node of this line enforces: geometry and times of `line.toml`, and a heartbeat at
/// least every second; a controller arms it with less, by default 100 ms.
#[must_use]
pub fn node_limits(line: &LineConfig) -> Limits {
    let span = |ids: &mut dyn Iterator<Item = u16>| {
        let most = ids.max().map_or(0, |id| id.saturating_add(1));
        u8::try_from(most).unwrap_or(u8::MAX)
    };
    let mut opposite = [None; 32];
    for diverter in &line.diverters {
        if let Some(place) = opposite.get_mut(usize::from(diverter.id.0)) {
            *place = diverter.opposite.and_then(|id| u8::try_from(id.0).ok());
        }
    }
    let ticks = |mm: u64| mm * 1_000 / u64::from(line.belt.um_per_tick.max(1));
    let speed = u64::from(line.belt.speed_mm_per_s);
    let hold_ms_max = line
        .diverters
        .iter()
        .map(|d| d.hold_ms_max)
        .max()
        .unwrap_or(0);
    let hold_ticks = ticks(speed * u64::from(hold_ms_max) / 1_000);
    // A stroke is never further ahead than one belt length and the way of one second.
    let ahead = ticks(u64::from(line.belt.length_mm) + speed);
    Limits {
        eyes: span(&mut line.eyes.iter().map(|e| e.id.0)),
        diverters: span(&mut line.diverters.iter().map(|d| d.id.0)),
        cameras: span(&mut line.cameras.iter().map(|c| c.id.0.into())),
        opposite,
        hold_ms_max,
        hold_ticks_max: u16::try_from(hold_ticks).unwrap_or(u16::MAX),
        lead_ticks_min: 2,
        ahead_ticks_max: u32::try_from(ahead).unwrap_or(u32::MAX),
        heartbeat_ms: 1_000,
        jam_ms: u16::try_from(line.tracking.jam_ms).unwrap_or(u16::MAX),
    }
}
