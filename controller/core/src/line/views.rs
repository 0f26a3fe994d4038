//! What screens, hosts and metrics may see of a line.

use super::{Destination, Line, Parcel, Reading, Resolution};
use crate::{AlarmKind, ChuteId, ChuteState, EyeId, ParcelId, SortPlan, Ticks};

/// A parcel on the belt, for screens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParcelView {
    /// Identity.
    pub parcel: ParcelId,
    /// Predicted position of its leading edge, millimetres from induction.
    pub position_mm: i64,
    /// Length, once measured.
    pub length_mm: Option<u32>,
    /// Chute decided.
    pub chute: Option<ChuteId>,
    /// The decision can no longer change.
    pub committed: bool,
    /// Lap, from 0.
    pub lap: u8,
    /// What its frames said so far.
    pub reading: Option<Reading>,
    /// Where it must finally go, once known.
    pub destination: Option<Destination>,
    /// Its position or identity is in doubt: it goes straight on.
    pub uncertain: bool,
}

/// A chute, for screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChuteView {
    /// Number.
    pub chute: ChuteId,
    /// State as it is decided with.
    pub state: ChuteState,
    /// Parcels seen in it since it was emptied.
    pub count: u32,
}

/// Whether the line diverts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It diverts.
    Running,
    /// The field node is not usable.
    NodeDown,
    /// The stop circuit is open, or was and waits for a reset.
    Stopped,
    /// Belt travel is not plausible.
    EncoderFault,
}

/// Totals since the line was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Parcels seen at induction for the first time.
    pub inducted: u64,
    /// Parcels seen first elsewhere.
    pub unexpected: u64,
    /// Outcomes: seen in the decided chute.
    pub sorted: u64,
    /// Outcomes: seen at the reject chute.
    pub rejected: u64,
    /// Outcomes: not seen again.
    pub lost: u64,
    /// Outcomes: seen in another chute.
    pub missort: u64,
    /// Laps taken.
    pub recirculations: u64,
    /// Frames that gave a reading.
    pub frames_read: u64,
    /// Frames that gave none.
    pub frames_no_read: u64,
    /// Parcels of which no frame gave a reading.
    pub no_read: u64,
    /// Edges at a chute's photo-eye that no parcel explains.
    pub unexplained: u64,
}

impl Line {
    /// The parcels on the belt in order, first the furthest downstream, as predicted for the
    /// encoder count `at`. Those that have left it for a chute are not among them.
    pub fn parcels(&self, at: Ticks) -> Vec<ParcelView> {
        let here = self
            .belt
            .iter()
            .filter(|parcel| !parcel.track.gone && !self.has_left(parcel, at));
        here.map(|parcel| self.view(parcel, at)).collect()
    }

    fn view(&self, parcel: &Parcel, at: Ticks) -> ParcelView {
        let position = i64::from(at.signed_since(parcel.track.origin));
        let chute = parcel
            .choice
            .and_then(|choice| self.geometry().chute(choice.chute));
        let mm = |ticks: i32| u32::try_from(self.topology.mm(i64::from(ticks))).unwrap_or(0);
        let destination = match &parcel.resolution {
            Some(Resolution::Sort { destination, .. }) => Some(destination.clone()),
            Some(Resolution::Hold { .. } | Resolution::Unknown) | None => None,
        };
        ParcelView {
            parcel: parcel.id,
            position_mm: self.topology.mm(position),
            length_mm: parcel.length.map(mm),
            chute: chute
                .filter(|_| parcel.told.is_some())
                .map(|chute| chute.id),
            committed: parcel.stroke.is_some(),
            lap: parcel.lap,
            reading: parcel
                .evidence
                .usable()
                .then(|| parcel.evidence.reading().clone()),
            destination,
            uncertain: parcel.doubt.is_some()
                || parcel.unproven.is_some()
                || parcel.track.misses > 0,
        }
    }

    /// All chutes in the order of the file.
    pub fn chutes(&self) -> Vec<ChuteView> {
        let specs = self.geometry().chutes.iter().enumerate();
        specs
            .map(|(index, chute)| ChuteView {
                chute: chute.id,
                state: self.chutes.state(index),
                count: self.chutes.count(index),
            })
            .collect()
    }

    /// State of one chute; `Disabled` for a number the line does not have.
    pub fn chute_state(&self, chute: ChuteId) -> ChuteState {
        let index = self.geometry().chute_index(chute);
        index.map_or(ChuteState::Disabled, |index| self.chutes.state(index))
    }

    /// Totals since the line was made.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Parcels under way: on the belt, falling into a chute, and on the recirculation conveyor.
    pub fn under_way(&self) -> usize {
        self.belt.len().saturating_add(self.returning.len())
    }

    /// Newest encoder count known.
    pub const fn count(&self) -> Option<Ticks> {
        self.encoder.count()
    }

    /// Belt speed as measured over the last encoder counts, in millimetres per second.
    pub fn speed_mm_per_s(&self) -> u32 {
        u32::try_from(self.topology.mm(self.encoder.ticks_per_s())).unwrap_or(0)
    }

    /// Whether the line diverts, and if not, why.
    pub const fn status(&self) -> Status {
        if self.node.stopped() {
            Status::Stopped
        } else if self.node.epoch().is_none() {
            Status::NodeDown
        } else if self.encoder.suspect() {
            Status::EncoderFault
        } else {
            Status::Running
        }
    }

    /// The sort plan for parcels inducted from now on.
    pub fn plan(&self) -> &SortPlan {
        &self.plan
    }

    /// Alarms that are raised.
    pub fn alarms(&self) -> impl Iterator<Item = AlarmKind> + '_ {
        self.alarms.raised()
    }

    /// The belt photo-eye, or that of an induction that merges, with this index.
    pub(super) fn eye_id(&self, index: usize) -> EyeId {
        self.geometry().beam_id(index)
    }
}
