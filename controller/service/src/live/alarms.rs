//! Alarms in words: what it is, what follows from it, what to do.

use jiff::Timestamp;
use serde::Serialize;
use sortline_core::AlarmKind;

/// An alarm as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Alarm {
    /// Kind and place, such as `chute_full-3`.
    pub(super) id: String,
    kind: &'static str,
    priority: &'static str,
    text: String,
    consequence: &'static str,
    remedy: &'static str,
    since: String,
    pub(super) acknowledged: bool,
}

impl Alarm {
    pub(super) fn new(kind: AlarmKind, since: Timestamp) -> Self {
        let (name, priority, consequence, remedy) = words(kind);
        let place = place(kind);
        let id = place.map_or_else(|| name.to_owned(), |place| format!("{name}-{place}"));
        let (text, since) = (text(kind), format!("{since:.3}"));
        let acknowledged = false;
        Self {
            id,
            kind: name,
            priority,
            text,
            consequence,
            remedy,
            since,
            acknowledged,
        }
    }
}

/// The id under which an alarm is known.
pub(super) fn id(kind: AlarmKind) -> String {
    Alarm::new(kind, Timestamp::UNIX_EPOCH).id
}

fn place(kind: AlarmKind) -> Option<u16> {
    match kind {
        AlarmKind::Camera { camera } => Some(camera.0.into()),
        AlarmKind::Jam { eye } | AlarmKind::Eye { eye } => Some(eye.0.into()),
        AlarmKind::ChuteFull { chute } => Some(chute.0),
        AlarmKind::Diverter { diverter } => Some(diverter.0.into()),
        AlarmKind::Node { .. }
        | AlarmKind::Stopped
        | AlarmKind::Encoder
        | AlarmKind::NoReadRate => None,
    }
}

fn text(kind: AlarmKind) -> String {
    match kind {
        AlarmKind::Node { fault } => format!("The field node cannot be used: {fault:?}"),
        AlarmKind::Stopped => "The line was stopped".to_owned(),
        AlarmKind::Camera { camera } => format!("Camera {camera} delivers nothing usable"),
        AlarmKind::Jam { eye } => format!("Photo-eye {eye} is blocked: a jam"),
        AlarmKind::ChuteFull { chute } => format!("Chute {chute} is full"),
        AlarmKind::Diverter { diverter } => format!("Diverter {diverter} failed repeatedly"),
        AlarmKind::Encoder => "Belt travel and photo-eyes contradict each other".to_owned(),
        AlarmKind::Eye { eye } => format!("Photo-eye {eye} does not see what its neighbors see"),
        AlarmKind::NoReadRate => "Too many parcels cannot be read".to_owned(),
    }
}

/// Name, priority, consequence and remedy.
fn words(kind: AlarmKind) -> (&'static str, &'static str, &'static str, &'static str) {
    match kind {
        AlarmKind::Node { .. } => (
            "node",
            "high",
            "Nothing is diverted; all parcels go to the reject chute",
            "Check power and network of the field node; it is used again by itself",
        ),
        AlarmKind::Stopped => (
            "stopped",
            "high",
            "Nothing is diverted until a person resets the line",
            "Clear the cause, close the stop circuit, then press Reset",
        ),
        AlarmKind::Camera { .. } => (
            "camera",
            "medium",
            "Parcels that only this camera could read are not read",
            "Check cable, lens and light of the camera",
        ),
        AlarmKind::Jam { .. } => (
            "jam",
            "high",
            "Parcels behind it are not diverted",
            "Stop the belt, clear the jam, then start the belt at the machine",
        ),
        AlarmKind::ChuteFull { .. } => (
            "chute_full",
            "medium",
            "Its parcels go to the overflow or take another lap",
            "Change the bag, then press Emptied",
        ),
        AlarmKind::Diverter { .. } => (
            "diverter",
            "medium",
            "It is switched off; its parcels take another lap or are rejected",
            "Check the diverter, then enable its chute",
        ),
        AlarmKind::Encoder => (
            "encoder",
            "high",
            "Nothing is diverted while positions are uncertain",
            "Check the encoder wheel and its cable",
        ),
        AlarmKind::Eye { .. } => (
            "eye",
            "medium",
            "Positions are less certain behind it",
            "Clean and align the photo-eye",
        ),
        AlarmKind::NoReadRate => (
            "no_read_rate",
            "low",
            "More parcels than usual go to the reject chute",
            "Check light, focus and the labels of the last shipper",
        ),
    }
}
