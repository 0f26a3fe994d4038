//! A parcel on the belt: where its leading edge is for a given belt travel, and what it meets
//! next.

use sortline_core::topology::{EyeRole, LineConfig};

use super::shapes::Carriers;

use super::belt::NEVER_UM;
use super::machines::command_um;

/// One million: slip is a factor in millionths.
const ONE: i64 = 1_000_000;

/// A physical parcel, wherever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Number in the order in which parcels came onto the belt, from 1.
    pub serial: u32,
    /// Length along the belt, micrometres.
    pub length_um: i64,
    /// Width across the belt, millimetres.
    pub width_mm: u32,
    /// Mass in grams.
    pub mass_g: u32,
    /// Laps completed.
    pub lap: u8,
}

/// How far upstream of a diverter a parcel can be and still meet it in the same stroke: more than
/// any belt runs in the longest hold, micrometres.
const REACH_UM: i64 = 5_000_000;

/// Something at a place along the belt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Leading edge at the eye with this index.
    Lead(usize),
    /// Trailing edge at the eye with this index.
    Trail(usize),
    /// Middle, on a loop that of the carrier, at the diverter with this index.
    Middle(usize),
    /// Leading edge at the diverter with this index, which takes parcels whole.
    Front(usize),
    /// Trailing edge there.
    Back(usize),
    /// Middle at the end of the belt.
    End,
    /// A person takes the parcel off the belt here.
    Remove,
    /// A person puts another parcel on the belt behind this one.
    AddBehind,
}

/// A place and the position of the leading edge at which the parcel is there, micrometres.
pub(crate) type Station = (i64, Place);

/// What the belt has for every parcel: positions of eyes. A diverter of a belt that takes parcels by
/// their middle counts for them only while it is not at home.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Position and eye index, in order.
    eyes: Vec<(i64, usize)>,
    /// Position and index, in order, of diverters that every parcel meets: those that take parcels
    /// whole, and on a loop all.
    diverters: Vec<(i64, usize)>,
    /// Diverters that take parcels whole.
    whole: Vec<usize>,
    end_um: i64,
    /// Belt travel from an edge to a diverter that moves for it, at least.
    pub(crate) command_um: i64,
    carriers: Option<Carriers>,
}

impl Places {
    /// The places of a line. Eye and diverter indices are those of the file.
    pub(crate) fn new(line: &LineConfig, carriers: Option<&Carriers>) -> Self {
        let on_belt = |eye: &sortline_core::topology::Eye| match eye.role {
            EyeRole::Induct => eye.position_mm == 0,
            EyeRole::Track => true,
            EyeRole::Confirm | EyeRole::Full | EyeRole::Origin => false,
        };
        let mut eyes: Vec<_> = line.eyes.iter().enumerate().collect();
        eyes.retain(|(_, eye)| on_belt(eye));
        let mut eyes: Vec<_> = eyes
            .into_iter()
            .map(|(i, eye)| (i64::from(eye.position_mm) * 1_000, i))
            .collect();
        eyes.sort_unstable();
        let whole: Vec<usize> = (0..)
            .zip(&line.diverters)
            .filter(|(_, d)| d.kind.takes_whole())
            .map(|(i, _)| i)
            .collect();
        let mut diverters: Vec<_> = line
            .diverters
            .iter()
            .enumerate()
            .filter(|(i, _)| carriers.is_some() || whole.contains(i))
            .map(|(i, d)| (i64::from(d.position_mm) * 1_000, i))
            .collect();
        diverters.sort_unstable();
        Self {
            eyes,
            diverters,
            whole,
            end_um: i64::from(line.belt.length_mm) * 1_000,
            command_um: command_um(line),
            carriers: carriers.cloned(),
        }
    }

    /// True on a loop.
    pub(crate) const fn is_loop(&self) -> bool {
        self.carriers.is_some()
    }

    /// True when every parcel meets the diverter with this index, out or not.
    pub(crate) fn always_meets(&self, diverter: usize) -> bool {
        self.is_loop() || self.whole.contains(&diverter)
    }

    /// Every place a parcel of this length meets with its leading edge beyond `from_um`, last
    /// place first. Its leading edge was or would have been at induction at `since_um`.
    pub(crate) fn stations(&self, length_um: i64, from_um: i64, since_um: i64) -> Vec<Station> {
        let carriers = self.carriers.as_ref();
        let middle = carriers.map_or(length_um / 2, |carriers| carriers.middle(since_um));
        // Room for what people and diverters do with it.
        let places = self.eyes.len() + self.diverters.len();
        let mut all = Vec::with_capacity(places * 2 + 8);
        for &(at, eye) in &self.eyes {
            all.push((at, Place::Lead(eye)));
            // A photo-eye that the leading edge has already passed never saw this parcel come.
            if at >= from_um {
                all.push((at + length_um, Place::Trail(eye)));
            }
        }
        for &(at, diverter) in &self.diverters {
            if self.whole.contains(&diverter) {
                all.push((at, Place::Front(diverter)));
                all.push((at + length_um, Place::Back(diverter)));
            } else {
                all.push((at + middle, Place::Middle(diverter)));
            }
        }
        let end = if self.is_loop() {
            self.end_um
        } else {
            self.end_um + length_um / 2
        };
        all.retain(|(at, _)| (from_um..end).contains(at));
        all.push((end, Place::End));
        all.sort_by_key(|(at, _)| core::cmp::Reverse(*at));
        all
    }

    /// The end of the belt.
    pub(crate) const fn end_um(&self) -> i64 {
        self.end_um
    }

    /// Where the tracking zone ends in which `lead_um` lies: the next photo-eye, or the end of
    /// the belt.
    pub(crate) fn zone_end(&self, lead_um: i64) -> i64 {
        let next = self.eyes.iter().map(|(at, _)| *at).find(|at| *at > lead_um);
        next.unwrap_or(self.end_um)
    }
}

/// A parcel on the belt.
#[derive(Clone, Debug)]
pub(crate) struct Moving {
    pub(crate) parcel: Parcel,
    /// Belt travel at which the leading edge was at `lead_um`.
    since_um: i64,
    lead_um: i64,
    /// Its way per way of the belt, in millionths.
    factor: i64,
    /// Position of the leading edge up to which that holds.
    zone_end_um: i64,
    /// What it meets, last first.
    stations: Vec<Station>,
    /// Belt travel at which it meets the next.
    pub(crate) next_um: i64,
    /// How far it has slipped so far.
    pub(crate) slipped_um: i64,
    /// It slips further than parcels do in this zone, or did in the last one or the one before.
    pub(crate) slipped: [bool; 3],
    /// Belt travel at which a photo-eye saw it first.
    pub(crate) seen_um: i64,
    /// Eyes on the belt that do not see it: index of the one it is passing.
    pub(crate) missed_by: Option<usize>,
    /// Diverter that takes parcels whole and was out as the leading edge passed.
    pub(crate) gripped: Option<usize>,
}

impl Moving {
    /// A parcel whose leading edge is at `lead_um` when the belt has travelled `travel_um`.
    pub(crate) fn new(parcel: Parcel, lead_um: i64, travel_um: i64, places: &Places) -> Self {
        let stations = places.stations(parcel.length_um, lead_um, travel_um - lead_um);
        let mut moving = Self {
            parcel,
            since_um: travel_um,
            lead_um,
            factor: ONE,
            zone_end_um: lead_um,
            stations,
            next_um: 0,
            slipped_um: 0,
            slipped: [false; 3],
            seen_um: NEVER_UM,
            missed_by: None,
            gripped: None,
        };
        moving.aim();
        moving
    }

    /// Position of the leading edge.
    pub(crate) const fn lead(&self, travel_um: i64) -> i64 {
        self.lead_um + (travel_um - self.since_um) * self.factor / ONE
    }

    /// Position of the trailing edge.
    pub(crate) const fn tail(&self, travel_um: i64) -> i64 {
        self.lead(travel_um) - self.parcel.length_um
    }

    /// Position of the middle.
    pub(crate) const fn middle(&self, travel_um: i64) -> i64 {
        self.lead(travel_um) - self.parcel.length_um / 2
    }

    /// From here on it slips by `slip_um` over the next `zone_um` of belt.
    pub(crate) fn slip(&mut self, travel_um: i64, slip_um: i64, zone_um: i64) {
        self.lead_um = self.lead(travel_um);
        self.since_um = travel_um;
        self.slipped_um += slip_um;
        let slip = slip_um * ONE / zone_um.max(1);
        self.factor = (ONE + slip).clamp(ONE / 4, ONE * 4);
        self.zone_end_um = self.lead_um + zone_um;
        self.aim();
    }

    /// True when it slipped further than parcels do in the zone in which it was at this belt
    /// travel, in the one before, or since.
    pub(crate) fn slipped_by(&self, travel_um: i64) -> bool {
        let zones = if self.since_um > travel_um { 3 } else { 2 };
        self.slipped.iter().take(zones).any(|slipped| *slipped)
    }

    /// Belt travel from when a photo-eye saw it first to this; 0 when none had.
    pub(crate) fn seen_for(&self, travel_um: i64) -> i64 {
        travel_um.saturating_sub(self.seen_um).max(0)
    }

    /// How far it will still slip in its zone.
    pub(crate) fn slip_left(&self, travel_um: i64) -> i64 {
        let way = (self.zone_end_um - self.lead(travel_um)).max(0);
        way * (self.factor - ONE) / self.factor
    }

    /// Takes the place it has just met.
    pub(crate) fn take(&mut self) -> Option<Place> {
        let (_, place) = self.stations.pop()?;
        self.aim();
        Some(place)
    }

    /// Adds a place further on.
    pub(crate) fn meet(&mut self, lead_um: i64, place: Place) {
        let behind = self.stations.partition_point(|(at, _)| *at > lead_um);
        self.stations.insert(behind, (lead_um, place));
        self.aim();
    }

    /// A diverter moves out: it meets the parcel if that is upstream of it, and near.
    pub(crate) fn meet_diverter(&mut self, diverter: usize, position_um: i64, travel_um: i64) {
        let at = position_um + self.parcel.length_um / 2;
        if (0..=REACH_UM).contains(&(at - self.lead(travel_um))) {
            self.meet(at, Place::Middle(diverter));
        }
    }

    /// Computes at which belt travel it meets the next place.
    fn aim(&mut self) {
        self.next_um = self.stations.last().map_or(NEVER_UM, |(at, _)| {
            let ahead = (at - self.lead_um).max(0);
            self.since_um + (ahead * ONE + self.factor - 1) / self.factor
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(length_mm: i64) -> Parcel {
        Parcel {
            serial: 1,
            length_um: length_mm * 1_000,
            width_mm: 200,
            mass_g: 500,
            lap: 0,
        }
    }

    fn places() -> Places {
        Places {
            eyes: vec![(0, 0), (3_000_000, 1)],
            diverters: Vec::new(),
            whole: Vec::new(),
            carriers: None,
            end_um: 5_000_000,
            command_um: 0,
        }
    }

    #[test]
    fn a_parcel_meets_places_in_order_with_the_right_edge() {
        let mut moving = Moving::new(parcel(400), 0, 1_000, &places());
        let mut met = Vec::new();
        loop {
            let at = moving.next_um;
            let Some(place) = moving.take() else { break };
            met.push((at - 1_000, place));
        }
        let expected = [
            (0, Place::Lead(0)),
            (400_000, Place::Trail(0)),
            (3_000_000, Place::Lead(1)),
            (3_400_000, Place::Trail(1)),
            (5_200_000, Place::End),
        ];
        assert_eq!(met, expected);
    }

    #[test]
    fn slip_moves_the_meeting() {
        let mut moving = Moving::new(parcel(400), 0, 0, &places());
        assert_eq!(moving.take(), Some(Place::Lead(0)));
        assert_eq!(moving.take(), Some(Place::Trail(0)));
        moving.slip(0, 30_000, 3_000_000);
        // 3 m of way at 1 % more than the belt is 2.970 m of belt.
        assert_eq!(moving.next_um, 2_970_298);
        assert!(moving.lead(moving.next_um) >= 3_000_000);
        assert!(moving.lead(moving.next_um - 1) < 3_000_000);
    }

    #[test]
    fn a_parcel_put_down_on_the_way_meets_only_what_is_ahead() {
        let mut moving = Moving::new(parcel(400), 3_200_000, 0, &places());
        moving.meet(4_300_000, Place::Remove);
        assert_eq!(
            (moving.next_um, moving.take()),
            (1_100_000, Some(Place::Remove))
        );
        assert_eq!(
            (moving.next_um, moving.take()),
            (2_000_000, Some(Place::End))
        );
    }
}
