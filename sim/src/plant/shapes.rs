//! Shapes of lines beyond a belt with wheels and one induction: carriers of a loop, inductions that
//! merge, and diverters that take parcels whole.
//!
//! Carrier `k` has its leading edge at induction when the belt has travelled `k` pitches. A parcel
//! stays where it lies on its carrier. What reaches the end of the belt goes round on the loop. A
//! parcel of an induction that merges appears on the belt as its leading edge passes that
//! induction's photo-eye, where there is room for it.

use sortline_core::topology::{EyeRole, LineConfig};

use super::belt::NEVER_UM;
use super::config::MergingConfig;
use super::parcel::{Moving, Parcel, Place};
use super::{Breach, Plant, Rng, stream};

/// Length of the flag on the first carrier.
const FLAG_UM: i64 = 60_000;
/// Free carrier on either side of a parcel.
const EDGE_UM: i64 = 20_000;

/// Carriers of a loop.
#[derive(Clone, Debug)]
pub(crate) struct Carriers {
    pitch_um: i64,
    round_um: i64,
    /// Index and position of the origin photo-eye.
    origin: Option<(usize, i64)>,
    /// Belt travel of the flag's next edge there, and whether that one blocks.
    flag: (i64, bool),
}

impl Carriers {
    fn new(line: &LineConfig) -> Option<Self> {
        let carriers = line.carriers?;
        let pitch_um = i64::from(carriers.pitch_mm) * 1_000;
        let mut eyes = line.eyes.iter().enumerate();
        let origin = eyes.find(|(_, eye)| eye.role == EyeRole::Origin);
        let origin = origin.map(|(index, eye)| (index, i64::from(eye.position_mm) * 1_000));
        Some(Self {
            pitch_um,
            round_um: pitch_um * i64::from(carriers.count),
            origin,
            flag: (origin.map_or(NEVER_UM, |(_, at)| at), true),
        })
    }

    /// The carrier that passes induction when the belt has travelled `travel_um`.
    pub(crate) const fn at(&self, travel_um: i64) -> i64 {
        travel_um.div_euclid(self.pitch_um)
    }

    /// How far behind a parcel's leading edge the middle of its carrier is, when the leading edge is
    /// at induction at `travel_um`.
    pub(crate) const fn middle(&self, travel_um: i64) -> i64 {
        self.pitch_um / 2 - travel_um.rem_euclid(self.pitch_um)
    }

    /// First travel not before `travel_um` at which a parcel of this length can come to lie on a
    /// carrier.
    pub(crate) fn slot(&self, travel_um: i64, length_um: i64, rng: &mut Rng) -> i64 {
        let carrier = (travel_um + self.pitch_um - 1).div_euclid(self.pitch_um);
        let room = (self.pitch_um - length_um - 2 * EDGE_UM).max(0);
        carrier * self.pitch_um + EDGE_UM + rng.range(0, room)
    }

    pub(crate) const fn pitch_um(&self) -> i64 {
        self.pitch_um
    }
}

/// An induction that merges.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    eye: usize,
    entry_um: i64,
    gap_um: (i64, i64),
    /// Belt travel at which its next parcel is ready.
    next_um: i64,
    parcel: Option<Parcel>,
    rng: Rng,
}

/// What a line has beyond a belt.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Number of the photo-eye at the beginning of the belt.
    pub(crate) induction: u16,
    pub(crate) carriers: Option<Carriers>,
    lanes: Vec<Lane>,
}

impl Shape {
    /// The shape of a line; inductions that `merging` does not name bring nothing.
    pub(crate) fn new(line: &LineConfig, merging: &[MergingConfig], seed: u64) -> Self {
        let speed = i64::from(line.belt.speed_mm_per_s);
        let lane = |(n, config): (u64, &MergingConfig)| {
            let mut eyes = line.eyes.iter().enumerate();
            let (index, eye) = eyes.find(|(_, eye)| eye.id.0 == config.eye)?;
            let pitch = speed * 3_600_000 / i64::from(config.parcels_per_hour.max(1));
            let least = i64::from(config.gap_mm_min) * 1_000;
            let entry_um = i64::from(eye.position_mm) * 1_000;
            Some(Lane {
                eye: index,
                entry_um,
                gap_um: (least, (2 * pitch - least).max(least)),
                next_um: entry_um,
                parcel: None,
                rng: Rng::new(seed, stream::LANES + n),
            })
        };
        let mut eyes = line.eyes.iter();
        let first = eyes.find(|eye| eye.role == EyeRole::Induct && eye.position_mm == 0);
        Self {
            induction: first.map_or(u16::MAX, |eye| eye.id.0),
            carriers: Carriers::new(line),
            lanes: (0..).zip(merging).filter_map(lane).collect(),
        }
    }

    /// Belt travel at which something is due.
    pub(crate) fn next_um(&self) -> i64 {
        let flag = self.carriers.as_ref().map_or(NEVER_UM, |c| c.flag.0);
        let lanes = self.lanes.iter().map(|lane| lane.next_um);
        lanes.min().unwrap_or(NEVER_UM).min(flag)
    }
}

impl Plant {
    /// What is due of the shape at `travel_um`.
    pub(super) fn shape_happens(&mut self, travel_um: i64) {
        if let Some(carriers) = &mut self.shape.carriers
            && carriers.flag.0 <= travel_um
            && let Some((eye, _)) = carriers.origin
        {
            let (_, blocks) = carriers.flag;
            let further = if blocks {
                FLAG_UM
            } else {
                carriers.round_um - FLAG_UM
            };
            carriers.flag = (carriers.flag.0 + further, !blocks);
            return self.cover(eye, blocks);
        }
        let due = |lane: &Lane| lane.next_um <= travel_um;
        if let Some(index) = self.shape.lanes.iter().position(due) {
            self.lane_due(index, travel_um);
        }
    }

    fn lane_due(&mut self, index: usize, travel_um: i64) {
        let Some(mut lane) = self.shape.lanes.get(index).cloned() else {
            return;
        };
        let waiting = lane.parcel.take();
        let Some(parcel) = waiting.or_else(|| self.feeder.take()) else {
            lane.next_um = NEVER_UM;
            self.put_lane(index, lane);
            return;
        };
        let free = self.room_for(&lane, &parcel, travel_um);
        if free > travel_um {
            lane.parcel = Some(parcel);
            lane.next_um = free;
            self.put_lane(index, lane);
            return;
        }
        let gap = lane.rng.range(lane.gap_um.0, lane.gap_um.1);
        lane.next_um = travel_um + parcel.length_um + gap;
        let (eye, entry) = (lane.eye, lane.entry_um);
        self.put_lane(index, lane);
        self.totals.inducted += 1;
        let places = &self.places;
        let mut moving = Moving::new(parcel, entry, travel_um, places);
        moving.meet(entry + parcel.length_um, Place::Trail(eye));
        moving.meet(entry, Place::Lead(eye));
        self.draw_hands(&mut moving, entry);
        self.meet_diverters(&mut moving);
        let eye = self.eyes.get(eye).map_or(u16::MAX, |eye| eye.id);
        self.arrivals.push((eye, parcel.serial, self.count()));
        let behind = self.moving.iter().position(|m| m.lead(travel_um) < entry);
        let place = behind.unwrap_or(self.moving.len());
        self.moving.insert(place, moving);
    }

    fn put_lane(&mut self, index: usize, lane: Lane) {
        if let Some(place) = self.shape.lanes.get_mut(index) {
            *place = lane;
        }
    }

    /// Belt travel at which the parcel can merge: now, when that is `travel_um`.
    fn room_for(&mut self, lane: &Lane, parcel: &Parcel, travel_um: i64) -> i64 {
        if let Some(carriers) = &self.shape.carriers {
            let at_induction = travel_um - lane.entry_um;
            let inside = at_induction.rem_euclid(carriers.pitch_um);
            let fits =
                inside >= EDGE_UM && inside + parcel.length_um + EDGE_UM <= carriers.pitch_um;
            let carrier = carriers.at(at_induction);
            let mut moving = self.moving.iter();
            let taken = moving.any(|m| carriers.at(travel_um - m.lead(travel_um)) == carrier);
            if fits && !taken {
                return travel_um;
            }
            let rng = &mut self.chute_rng;
            return lane.entry_um + carriers.slot(at_induction + 1, parcel.length_um, rng);
        }
        let (gap, _) = lane.gap_um;
        let (first, last) = (lane.entry_um + gap, lane.entry_um - parcel.length_um - gap);
        let moving = self.moving.iter();
        let near = moving.filter(|m| m.tail(travel_um) < first && m.lead(travel_um) > last);
        let waits = near.map(|m| first - m.tail(travel_um)).max();
        travel_um + waits.unwrap_or(0)
    }

    /// Parcels that lie under the photo-eye of an induction, with its number.
    pub(crate) fn at_inductions(&self) -> Vec<(u16, u32)> {
        let travel = self.travel();
        let lanes = self.shape.lanes.iter();
        let lanes = lanes.filter_map(|lane| Some((self.eyes.get(lane.eye)?.id, lane.entry_um)));
        let all = core::iter::once((self.shape.induction, 0)).chain(lanes);
        let under = |(eye, at): (u16, i64)| {
            let lies = |m: &&Moving| m.lead(travel) >= at && m.tail(travel) <= at;
            let moving = self.moving.iter().rev().find(lies)?;
            Some((eye, moving.parcel.serial))
        };
        all.filter_map(under).collect()
    }

    /// A leading edge passes a diverter that takes parcels whole.
    pub(super) fn front_at(&mut self, index: usize, diverter: usize) {
        let now = self.now_us;
        let out = self.diverters.get(diverter).is_some_and(|d| d.is_out(now));
        if let Some(moving) = self.moving.get_mut(index).filter(|_| out) {
            moving.gripped = Some(diverter);
        }
    }

    /// A trailing edge passes such a diverter: it was out all the while, or not at all.
    pub(super) fn back_at(&mut self, index: usize, diverter: usize) {
        let now_um = self.travel();
        let (Some(moving), Some(machine)) =
            (self.moving.get_mut(index), self.diverters.get(diverter))
        else {
            return;
        };
        let out = machine.is_out(self.now_us);
        let serial = moving.parcel.serial;
        let left_at = machine.left_home.unwrap_or(now_um);
        let (slipped, seen_for_um) = (moving.slipped_by(left_at), moving.seen_for(left_at));
        let gripped = moving.gripped.take_if(|at| *at == diverter).is_some();
        if out && gripped {
            let chute = machine.chute;
            self.leave(index, Some(chute));
        } else if out || gripped {
            let diverter = machine.id;
            self.breaches.push(Breach::Struck {
                diverter,
                serial,
                slipped,
                seen_for_um,
            });
        }
    }

    /// A parcel on a loop has passed the last diverter and stays on its carrier.
    pub(super) fn go_round(&mut self, index: usize) {
        if let Some(parcel) = self.take_off(index) {
            let comes = self.travel() + self.recirculation_um;
            self.totals.recirculations += 1;
            self.returns.push_back((comes, parcel));
        }
    }

    /// Where on its carrier behind that of the parcel with this index another can be laid by hand.
    pub(super) fn carrier_behind(&mut self, index: usize, length_um: i64) -> Option<i64> {
        let travel = self.travel();
        let carriers = self.shape.carriers.as_ref()?;
        let carrier = |m: &Moving| carriers.at(travel - m.lead(travel));
        let next = carrier(self.moving.get(index)?) + 1;
        let taken = self
            .moving
            .get(index + 1)
            .is_some_and(|m| carrier(m) == next);
        let start = next * carriers.pitch_um;
        let lead = travel - carriers.slot(start, length_um, self.dice.rng());
        (!taken && lead > length_um).then_some(lead)
    }
}
