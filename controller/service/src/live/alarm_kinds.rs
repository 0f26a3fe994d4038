//! Kinds of alarms: their ids, places and priorities.

use sortline_core::AlarmKind;

/// The id under which an alarm is known.
pub(super) fn id(kind: AlarmKind) -> String {
    let (name, _) = class(kind);
    place(kind).map_or_else(|| name.to_owned(), |place| format!("{name}-{place}"))
}

pub(super) fn place(kind: AlarmKind) -> Option<u16> {
    match kind {
        AlarmKind::Camera { camera } => Some(camera.0.into()),
        AlarmKind::Jam { eye }
        | AlarmKind::Eye { eye }
        | AlarmKind::Chatter { eye }
        | AlarmKind::Slip { eye } => Some(eye.0),
        AlarmKind::ChuteFull { chute } => Some(chute.0),
        AlarmKind::Diverter { diverter } => Some(diverter.0),
        AlarmKind::Node { .. }
        | AlarmKind::Stopped
        | AlarmKind::Encoder
        | AlarmKind::NoReadRate => None,
    }
}

pub(super) fn fault(kind: AlarmKind) -> String {
    let AlarmKind::Node { fault } = kind else {
        return String::new();
    };
    let json = serde_json::to_string(&fault).unwrap_or_default();
    json.trim_matches('"').to_owned()
}

/// Name and priority of a kind.
pub(super) const fn class(kind: AlarmKind) -> (&'static str, &'static str) {
    match kind {
        AlarmKind::Node { .. } => ("node", "high"),
        AlarmKind::Stopped => ("stopped", "high"),
        AlarmKind::Camera { .. } => ("camera", "medium"),
        AlarmKind::Jam { .. } => ("jam", "high"),
        AlarmKind::ChuteFull { .. } => ("chute_full", "medium"),
        AlarmKind::Diverter { .. } => ("diverter", "medium"),
        AlarmKind::Encoder => ("encoder", "high"),
        AlarmKind::Eye { .. } => ("eye", "medium"),
        AlarmKind::Chatter { .. } => ("chatter", "low"),
        AlarmKind::Slip { .. } => ("slip", "low"),
        AlarmKind::NoReadRate => ("no_read_rate", "low"),
    }
}
