//! The line in encoder ticks, with tables by index: what the tracker computes with.

use super::{Belt, ChuteKind, Eye, EyeRole, LineConfig, TrackerRule};
use crate::{CameraId, ChuteId, DiverterId, EyeId};

/// Share added to actuator times, in percent: a belt that runs faster than nominal by this much
/// is still met by a diverter that is fully out.
const SPEED_RESERVE_PERCENT: i32 = 10;

/// Free belt kept between a stroke and every parcel it must not touch, beside the uncertainty of
/// both positions.
const STROKE_MARGIN_MM: u32 = 15;

/// Interruptions of a blocked photo-eye shorter than this are chatter: real gaps are longer, and
/// an eye that chatters 10 ms at 1.5 m/s makes 15 mm.
const CHATTER_MM: u32 = 15;

/// How far a carrier may be from where the encoder has it: play of its coupling, and the edges'
/// own error.
const CARRIER_MM: u32 = 12;

/// Frames one camera takes of one parcel at most.
const FRAMES_MAX: i32 = 4;

/// How long an edge may reach the core after a belt count taken later: two polls of 10 ms, one
/// lost call of 50 ms, and reserve.
const DELIVERY_MS: u32 = 100;

/// What a photo-eye number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EyeUse {
    /// No such photo-eye.
    Unknown,
    /// On the belt; index in the order of travel, 0 is induction.
    Belt(usize),
    /// Sees what enters this chute.
    Confirm(usize),
    /// Blocked while this chute is full.
    Full(usize),
    /// Sees what an induction that merges brings; index of the induction.
    Merge(usize),
    /// Sees the first carrier of a loop.
    Origin,
}

/// A photo-eye on the belt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BeltEye {
    pub(crate) id: EyeId,
    /// Ticks from induction.
    pub(crate) position: i32,
}

/// A camera in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CameraSpec {
    pub(crate) id: CameraId,
    pub(crate) position: i32,
    /// Belt in one frame; 0: enough for any parcel.
    pub(crate) view: i32,
}

impl CameraSpec {
    /// Frames that show all of a parcel.
    pub(crate) fn frames(&self, length: i32) -> i32 {
        let parts = length.saturating_sub(1).checked_div(self.view);
        parts
            .map_or(1, |parts| parts.saturating_add(1))
            .clamp(1, FRAMES_MAX)
    }
}

/// A diverter in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DiverterSpec {
    pub(crate) id: DiverterId,
    pub(crate) position: i32,
    pub(crate) half_body: i32,
    /// Travel while it moves out, with reserve.
    pub(crate) extend: i32,
    /// Travel while it moves back, with reserve.
    pub(crate) retract: i32,
    pub(crate) hold_ms_max: u16,
    /// Index of the machine: both sides of one machine share it.
    pub(crate) machine: usize,
    /// It must be out from the parcel's leading edge to its trailing edge.
    pub(crate) whole: bool,
}

/// The carriers of a loop, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CarrierSpec {
    pub(crate) pitch: i32,
    /// Once round the loop.
    pub(crate) round: i32,
    /// Where the origin photo-eye is.
    pub(crate) origin: i32,
    /// How far a carrier, or a parcel on it, may be from where the encoder has it.
    pub(crate) tolerance: i32,
}

/// A chute in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChuteSpec {
    pub(crate) id: ChuteId,
    pub(crate) kind: ChuteKind,
    /// Index of its diverter; none for the end of the belt and for a loop itself.
    pub(crate) diverter: Option<usize>,
    pub(crate) confirm_min: i32,
    pub(crate) confirm_max: i32,
    /// Parcels; 0: not counted.
    pub(crate) capacity: u32,
    /// Ticks of product; 0: not counted.
    pub(crate) capacity_length: i32,
    /// Its confirmation photo-eye; a loop itself has none.
    pub(crate) eye: EyeId,
}

/// The line in ticks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    uses: Vec<EyeUse>,
    /// Belt photo-eyes in the order of travel; the first is induction.
    pub(crate) eyes: Vec<BeltEye>,
    /// Photo-eyes of the inductions that merge further on; `position` is where a parcel's leading
    /// edge comes to lie.
    pub(crate) merges: Vec<BeltEye>,
    pub(crate) carriers: Option<CarrierSpec>,
    pub(crate) cameras: Vec<CameraSpec>,
    pub(crate) diverters: Vec<DiverterSpec>,
    pub(crate) chutes: Vec<ChuteSpec>,
    /// Index of the reject chute.
    pub(crate) reject: usize,
    /// Index of the recirculation chute.
    pub(crate) recirculation: Option<usize>,
    /// Number of machines.
    pub(crate) machines: usize,
    /// Where the belt ends.
    pub(crate) end: i32,
    /// Travel from the recirculation's confirmation photo-eye to induction.
    pub(crate) lap: i32,
    pub(crate) length_min: i32,
    pub(crate) length_max: i32,
    pub(crate) gap_min: i32,
    pub(crate) window: i32,
    /// Travel in the time a command needs.
    pub(crate) command: i32,
    pub(crate) margin: i32,
    pub(crate) chatter: i32,
    /// Travel within which edges may be delivered late.
    pub(crate) delivery: i32,
    /// Ticks per second at nominal speed.
    pub(crate) speed: i32,
    /// Ticks per metre.
    pub(crate) metre: i32,
    /// Rule that ties edges to parcels.
    pub(crate) rule: TrackerRule,
}

impl Geometry {
    pub(super) fn new(config: &LineConfig) -> Self {
        let um = config.belt.um_per_tick;
        let mm = |value: u32| ticks(value, um);
        let eyes = eyes(config, |eye| match eye.role {
            EyeRole::Induct => eye.position_mm == 0,
            EyeRole::Track => true,
            EyeRole::Confirm | EyeRole::Full | EyeRole::Origin => false,
        });
        let merges = self::eyes(config, |eye| {
            eye.role == EyeRole::Induct && eye.position_mm > 0
        });
        let chutes = chutes(config);
        let find = |kind| chutes.iter().position(|chute| chute.kind == kind);
        let (diverters, machines) = diverters(config);
        Self {
            uses: uses(config, &eyes, &merges),
            eyes,
            merges,
            carriers: carriers(config),
            cameras: config
                .cameras
                .iter()
                .map(|camera| CameraSpec {
                    id: camera.id,
                    position: mm(camera.position_mm),
                    view: mm(camera.view_mm),
                })
                .collect(),
            diverters,
            reject: find(ChuteKind::Reject).unwrap_or_default(),
            recirculation: find(ChuteKind::Recirculation),
            chutes,
            machines,
            end: mm(config.belt.length_mm),
            lap: mm(config.belt.recirculation_mm),
            length_min: mm(config.parcel.length_mm_min),
            length_max: mm(config.parcel.length_mm_max),
            gap_min: mm(config.parcel.gap_mm_min),
            window: mm(config.tracking.window_mm),
            command: ticks_in_ms(&config.belt, config.tracking.command_ms),
            margin: mm(STROKE_MARGIN_MM),
            chatter: mm(CHATTER_MM),
            delivery: ticks_in_ms(&config.belt, DELIVERY_MS),
            speed: ticks_in_ms(&config.belt, 1_000),
            metre: mm(1_000),
            rule: config.tracking.rule,
        }
    }

    pub(crate) fn eye_use(&self, eye: EyeId) -> EyeUse {
        self.uses
            .get(usize::from(eye.0))
            .copied()
            .unwrap_or(EyeUse::Unknown)
    }

    /// Number of belt photo-eyes and inductions.
    pub(crate) const fn beams(&self) -> usize {
        self.eyes.len().saturating_add(self.merges.len())
    }

    /// Index of the beam of an induction that merges.
    pub(crate) const fn merge_beam(&self, merge: usize) -> usize {
        self.eyes.len().saturating_add(merge)
    }

    /// The induction that merges whose beam this is.
    pub(crate) fn merge(&self, beam: usize) -> Option<BeltEye> {
        let merge = beam.checked_sub(self.eyes.len())?;
        self.merges.get(merge).copied()
    }

    /// Number of a beam's photo-eye.
    pub(crate) fn beam_id(&self, beam: usize) -> EyeId {
        let eye = self.eye(beam).or_else(|| self.merge(beam));
        eye.map_or(EyeId(0), |eye| eye.id)
    }

    /// True for a beam at which parcels are first seen.
    pub(crate) const fn inducts(&self, beam: usize) -> bool {
        beam == 0 || beam >= self.eyes.len()
    }

    pub(crate) fn eye(&self, index: usize) -> Option<BeltEye> {
        self.eyes.get(index).copied()
    }

    pub(crate) fn diverter(&self, index: usize) -> Option<&DiverterSpec> {
        self.diverters.get(index)
    }

    pub(crate) fn chute(&self, index: usize) -> Option<&ChuteSpec> {
        self.chutes.get(index)
    }

    pub(crate) fn chute_index(&self, id: ChuteId) -> Option<usize> {
        self.chutes.iter().position(|chute| chute.id == id)
    }

    /// The diverter of a chute with its index.
    pub(crate) fn diverter_of(&self, chute: usize) -> Option<(usize, &DiverterSpec)> {
        let index = self.chute(chute)?.diverter?;
        Some((index, self.diverter(index)?))
    }
}

/// Photo-eyes along the belt, in the order of travel.
fn eyes(config: &LineConfig, wanted: impl Fn(&Eye) -> bool) -> Vec<BeltEye> {
    let wanted = config.eyes.iter().filter(|eye| wanted(eye));
    let mut eyes: Vec<BeltEye> = wanted
        .map(|eye| BeltEye {
            id: eye.id,
            position: ticks(eye.position_mm, config.belt.um_per_tick),
        })
        .collect();
    eyes.sort_by_key(|eye| (eye.position, eye.id));
    eyes
}

fn carriers(config: &LineConfig) -> Option<CarrierSpec> {
    let um = config.belt.um_per_tick;
    let mut eyes = config.eyes.iter();
    let origin = eyes.find(|eye| eye.role == EyeRole::Origin);
    config.carriers.map(|carriers| CarrierSpec {
        pitch: ticks(carriers.pitch_mm, um).max(1),
        round: ticks(carriers.pitch_mm.saturating_mul(carriers.count), um),
        origin: origin.map_or(0, |eye| ticks(eye.position_mm, um)),
        tolerance: ticks(CARRIER_MM, um),
    })
}

fn uses(config: &LineConfig, belt: &[BeltEye], merges: &[BeltEye]) -> Vec<EyeUse> {
    let chute = |id: Option<ChuteId>| {
        id.and_then(|id| config.chutes.iter().position(|chute| chute.id == id))
    };
    let at = |all: &[BeltEye], id: EyeId| all.iter().position(|on| on.id == id);
    let most = config.eyes.iter().map(|eye| eye.id.0).max().unwrap_or(0);
    (0..=most)
        .map(|id| {
            let Some(eye) = config.eyes.iter().find(|eye| eye.id == EyeId(id)) else {
                return EyeUse::Unknown;
            };
            let index = match eye.role {
                EyeRole::Induct | EyeRole::Track => {
                    let merge = || at(merges, eye.id).map(EyeUse::Merge);
                    at(belt, eye.id).map(EyeUse::Belt).or_else(merge)
                }
                EyeRole::Origin => Some(EyeUse::Origin),
                EyeRole::Confirm => chute(eye.chute).map(EyeUse::Confirm),
                EyeRole::Full => chute(eye.chute).map(EyeUse::Full),
            };
            index.unwrap_or(EyeUse::Unknown)
        })
        .collect()
}

fn chutes(config: &LineConfig) -> Vec<ChuteSpec> {
    config
        .chutes
        .iter()
        .map(|chute| ChuteSpec {
            id: chute.id,
            kind: chute.kind,
            diverter: config
                .diverters
                .iter()
                .position(|diverter| diverter.chute == chute.id),
            confirm_min: ticks_in_ms(&config.belt, chute.confirm_ms_min),
            confirm_max: ticks_in_ms(&config.belt, chute.confirm_ms_max),
            capacity: chute.capacity_parcels,
            capacity_length: ticks(chute.capacity_mm, config.belt.um_per_tick),
            eye: config
                .eyes
                .iter()
                .find(|eye| eye.role == EyeRole::Confirm && eye.chute == Some(chute.id))
                .map_or(EyeId(0), |eye| eye.id),
        })
        .collect()
}

fn diverters(config: &LineConfig) -> (Vec<DiverterSpec>, usize) {
    let um = config.belt.um_per_tick;
    let mut machines = 0_usize;
    let mut specs: Vec<DiverterSpec> = Vec::with_capacity(config.diverters.len());
    for diverter in &config.diverters {
        let twin = specs
            .iter()
            .find(|other| Some(other.id) == diverter.opposite);
        let machine = twin.map_or(machines, |other| other.machine);
        machines = machines.max(machine.saturating_add(1));
        let reserve = |ms: u32| {
            let travel = ticks_in_ms(&config.belt, ms);
            travel.saturating_add(travel.saturating_mul(SPEED_RESERVE_PERCENT) / 100)
        };
        specs.push(DiverterSpec {
            id: diverter.id,
            position: ticks(diverter.position_mm, um),
            half_body: ticks(diverter.body_mm, um) / 2,
            extend: reserve(diverter.extend_ms),
            retract: reserve(diverter.retract_ms),
            hold_ms_max: diverter.hold_ms_max,
            machine,
            whole: diverter.kind.takes_whole(),
        });
    }
    (specs, machines)
}

/// Ticks in a length of belt; saturates, and gives 0 for a tick length of 0.
pub(super) fn ticks(mm: u32, um_per_tick: u32) -> i32 {
    let ticks = u64::from(mm)
        .saturating_mul(1_000)
        .checked_div(u64::from(um_per_tick));
    i32::try_from(ticks.unwrap_or(0)).unwrap_or(i32::MAX)
}

/// Ticks the belt moves in a time at nominal speed.
pub(super) fn ticks_in_ms(belt: &Belt, ms: u32) -> i32 {
    let um = u64::from(belt.speed_mm_per_s).saturating_mul(u64::from(ms));
    let ticks = um.checked_div(u64::from(belt.um_per_tick)).unwrap_or(0);
    i32::try_from(ticks).unwrap_or(i32::MAX)
}
