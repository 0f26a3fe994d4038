//! Members of the snapshot as sent.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use sortline_core::topology::ChuteKind;
use sortline_core::{
    CameraId, ChuteId, ChuteState, Code, Destination, DiverterId, JogState, NoRead, ParcelId,
    ParcelView, SortPlan, Step,
};
use sortline_read::health::HealthReport;

use super::bags::Hanging;
use super::counts::Counts;

#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) state: &'static str,
    pub(super) speed_mm_per_s: u32,
    pub(super) ticks: u32,
    pub(super) um_per_tick: u32,
    pub(super) node: &'static str,
    pub(super) plan: &'a str,
    pub(super) jog: Option<Jog>,
}

/// What became of the last jog.
#[derive(Debug, Serialize)]
pub(super) struct Jog {
    pub(super) diverter: DiverterId,
    #[serde(flatten)]
    pub(super) jog: JogState,
}

#[derive(Debug, Serialize)]
pub(super) struct Rates<'a> {
    pub(super) parcels_per_hour: f64,
    pub(super) target_per_hour: u32,
    pub(super) on_belt: usize,
    pub(super) read_rate: f64,
    #[serde(flatten)]
    pub(super) counts: &'a Counts,
}

#[derive(Debug, Serialize)]
pub(super) struct Parcel {
    id: ParcelId,
    position_mm: i64,
    length_mm: Option<u32>,
    chute: Option<ChuteId>,
    committed: bool,
    lap: u8,
    destination: Option<String>,
    status: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Chute<'a> {
    pub(super) id: ChuteId,
    pub(super) name: &'a str,
    pub(super) kind: ChuteKind,
    pub(super) state: ChuteState,
    pub(super) count: u64,
    pub(super) serves: String,
    pub(super) last: Option<String>,
    pub(super) bag: HangingBag<'a>,
    pub(super) taken: Option<TakenBag<'a>>,
    pub(super) off: Option<Off<'a>>,
}

/// The bag that hangs at a chute.
#[derive(Debug, Serialize)]
pub(super) struct HangingBag<'a> {
    pub(super) state: Hanging,
    /// From when it is closed.
    pub(super) sscc: Option<&'a str>,
}

/// The bag before it.
#[derive(Debug, Serialize)]
pub(super) struct TakenBag<'a> {
    pub(super) at: String,
    pub(super) parcels: u32,
    pub(super) sscc: Option<&'a str>,
}

/// Since when and why a person switched it off.
#[derive(Debug, Serialize)]
pub(super) struct Off<'a> {
    pub(super) since: String,
    pub(super) reason: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Camera<'a> {
    pub(super) id: CameraId,
    pub(super) name: &'a str,
    pub(super) healthy: bool,
    pub(super) frames: u64,
    pub(super) read_ms_p50: Option<f64>,
    pub(super) health: Option<&'a HealthReport>,
}

/// Parcels that wait for a coder.
#[derive(Debug, Serialize)]
pub(super) struct Coding<'a> {
    pub(super) limits: &'a super::coding::Limits,
    pub(super) waiting: Vec<super::coding::Wire>,
}

#[derive(Debug, Serialize)]
pub(super) struct Reading<'a> {
    id: u64,
    parcel: ParcelId,
    camera: CameraId,
    at: String,
    image: Option<String>,
    codes: &'a [Code],
    destination: Option<String>,
    no_read: Option<NoRead>,
    elapsed_ms: Option<f64>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        id: u64,
        (parcel, camera): (ParcelId, CameraId),
        (at, reading): (Timestamp, &'a sortline_core::Reading),
        image: Option<String>,
        elapsed_us: Option<u64>,
    ) -> Self {
        Self {
            id,
            parcel,
            camera,
            at: format!("{at:.3}"),
            image,
            codes: &reading.codes,
            destination: reading.destination.as_ref().map(short),
            no_read: reading.no_read,
            elapsed_ms: elapsed_us.map(milliseconds),
        }
    }

    /// The same for those who may not see labels: no picture, no code, no postcode.
    pub(super) fn masked(&self) -> Reading<'static> {
        let country = |text: &String| text.split(' ').next().unwrap_or_default().to_owned();
        Reading {
            id: self.id,
            parcel: self.parcel,
            camera: self.camera,
            at: self.at.clone(),
            image: None,
            codes: &[],
            destination: self.destination.as_ref().map(country),
            no_read: self.no_read,
            elapsed_ms: self.elapsed_ms,
        }
    }
}

pub(super) fn parcels(views: &[ParcelView]) -> Vec<Parcel> {
    let parcel = |view: &ParcelView| Parcel {
        id: view.parcel,
        position_mm: view.position_mm,
        length_mm: view.length_mm,
        chute: view.chute,
        committed: view.committed,
        lap: view.lap,
        destination: view.destination.as_ref().map(short),
        status: if view.uncertain {
            "uncertain"
        } else {
            "tracked"
        },
    };
    views.iter().map(parcel).collect()
}

/// A step with its wall time as one JSON object: `{"at", "step", …}`. Its encoder count, where it
/// has one, is `ticks`.
pub(crate) fn step(at: Timestamp, step: &Step) -> Map<String, Value> {
    let mut members = Map::from_iter([("at".to_owned(), format!("{at:.3}").into())]);
    if let Ok(Value::Object(of_step)) = serde_json::to_value(step) {
        let rename = |name: String| {
            if name == "at" {
                "ticks".to_owned()
            } else {
                name
            }
        };
        members.extend(
            of_step
                .into_iter()
                .map(|(name, value)| (rename(name), value)),
        );
    }
    members
}

/// Names of the rules that send parcels to a chute.
pub(super) fn serves(plan: &SortPlan, chute: ChuteId) -> String {
    let rules = plan
        .rules
        .iter()
        .filter(|rule| rule.chutes.contains(&chute));
    let mut names: Vec<&str> = rules.map(|rule| rule.name.as_str()).collect();
    names.truncate(4);
    names.join(", ")
}

/// Country and postcode, as people write them.
pub(super) fn short(destination: &Destination) -> String {
    let postcode = destination.postcode.as_deref().unwrap_or_default();
    format!("{} {postcode}", destination.country)
        .trim_end()
        .to_owned()
}

/// Microseconds as milliseconds with one decimal.
pub(super) fn milliseconds(micros: u64) -> f64 {
    let tenths = u32::try_from(micros / 100).unwrap_or(u32::MAX);
    f64::from(tenths) / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortline_core::{EyeId, Ticks};

    #[test]
    fn a_step_has_wall_time_and_count_apart() {
        let seen = Step::Seen {
            eye: EyeId(2),
            at: Ticks(77),
            error_ticks: -3,
        };
        let json = Value::from(step(Timestamp::UNIX_EPOCH, &seen));
        let expected = serde_json::json!({
            "at": "1970-01-01T00:00:00.000Z", "step": "seen", "eye": 2, "ticks": 77,
            "error_ticks": -3,
        });
        assert_eq!(json, expected);
    }
}
