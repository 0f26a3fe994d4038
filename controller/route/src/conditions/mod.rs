//! Live conditions: what slows down or stops parts of the timetable, for a stretch of time.
//!
//! Conditions only take away or slow down, never add or speed up, so lower bounds computed without
//! them stay valid. A cut-off stays where it was published, also when the departure is late: in
//! doubt a parcel is there in time. [`Network::set_conditions`] compiles anew only the legs that
//! the changed conditions touch.

mod change;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::network::{Leg, Mode, Network, Node};
use crate::time::Minute;

pub use change::Change;
use change::{Subject, What};

/// Most conditions at a time.
pub const CONDITIONS_MAX: usize = 10_000;
/// Longest delay by a condition, in minutes: 60 days.
const MINUTES_MAX: i32 = 86_400;

/// Something that holds for a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Unique id, given by whoever tells it; the same id again replaces it.
    pub id: String,
    /// First minute.
    pub from: Minute,
    /// First minute after it.
    pub to: Minute,
    /// What happens.
    pub change: Change,
    /// Why, for people.
    pub reason: String,
}

/// Why a condition cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("condition {id}: {field}: found `{found}`, allowed: {allowed}")]
pub struct BadCondition {
    /// Its id.
    pub id: String,
    /// Which field.
    pub field: &'static str,
    /// What is there.
    pub found: String,
    /// What would be allowed.
    pub allowed: String,
}

/// What [`Network::set_conditions`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Conditions that came, went or differ.
    pub changed: usize,
    /// Legs compiled again.
    pub legs: usize,
}

#[derive(Clone, Copy, Debug)]
struct Effect {
    from: Minute,
    to: Minute,
    what: What,
}

impl Effect {
    fn holds(&self, at: Minute) -> bool {
        self.from <= at && at < self.to
    }
}

/// Conditions by what they are about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effects {
    services: BTreeMap<u32, Vec<Effect>>,
    places: BTreeMap<Node, Vec<Effect>>,
    customs: BTreeMap<(String, Option<Mode>), Vec<Effect>>,
    weather: BTreeMap<Node, Vec<(Minute, Minute, usize)>>,
}

/// The effects on one leg.
pub(crate) struct Here<'a> {
    service: &'a [Effect],
    from: &'a [Effect],
    to: &'a [Effect],
    customs: Vec<Effect>,
}

impl Effects {
    /// Those on a leg; `None` when there are none.
    pub(crate) fn on<'a>(&'a self, network: &Network, leg: &Leg) -> Option<Here<'a>> {
        if self.services.is_empty() && self.places.is_empty() && self.customs.is_empty() {
            return None;
        }
        let here = Here {
            service: self.services.get(&leg.service).map_or(&[], Vec::as_slice),
            from: self.places.get(&leg.from).map_or(&[], Vec::as_slice),
            to: self.places.get(&leg.to).map_or(&[], Vec::as_slice),
            customs: self.customs_of(network, leg),
        };
        let none = here.service.is_empty()
            && here.from.is_empty()
            && here.to.is_empty()
            && here.customs.is_empty();
        (!none).then_some(here)
    }

    fn customs_of(&self, network: &Network, leg: &Leg) -> Vec<Effect> {
        let Some(clearance) = network.clearance(leg).filter(|_| !self.customs.is_empty()) else {
            return Vec::new();
        };
        let mode = network.service(leg).map(|service| service.mode);
        [None, mode]
            .into_iter()
            .filter_map(|mode| self.customs.get(&(clearance.to.clone(), mode)))
            .flatten()
            .copied()
            .collect()
    }
}

/// Minutes that the effects add at a time; `None` when one of them stops it.
fn late(effects: &[Effect], at: Minute) -> Option<i32> {
    let mut sum = 0i32;
    for effect in effects.iter().filter(|effect| effect.holds(at)) {
        match effect.what {
            What::Late(minutes) => sum = sum.saturating_add(minutes),
            What::Gone => return None,
            What::Weather(_) => {}
        }
    }
    Some(sum)
}

/// The first time from `at` on, as `open` gives it, at which no effect stops everything; `None` when
/// there is none.
fn reopened(
    effects: &[Effect],
    at: Minute,
    open: impl Fn(Minute) -> Option<Minute>,
) -> Option<Minute> {
    let mut at = open(at)?;
    // Closures may follow each other: as many rounds as there are effects.
    for _ in 0..=effects.len() {
        let mut stops = effects
            .iter()
            .filter(|effect| matches!(effect.what, What::Gone));
        let Some(closed) = stops.find(|effect| effect.holds(at)) else {
            return Some(at);
        };
        at = open(closed.to)?;
    }
    None
}

impl Here<'_> {
    /// Arrival and readiness of the run that leaves its first stop at `start` by timetable; `None`
    /// when no parcel can take it.
    pub(crate) fn run(
        &self,
        network: &Network,
        leg: &Leg,
        start: Minute,
    ) -> Option<(Minute, Minute)> {
        let delay = late(self.service, start)?;
        let departs = start.after(leg.offset).after(delay);
        // Congestion slows down what arrives; what leaves has been handled.
        late(self.from, departs)?;
        let arrive = departs.after(leg.run);
        let mut at = arrive;
        if let Some(clearance) = network.clearance(leg) {
            let hours = network.hours.get(clearance.hours)?;
            let presented = reopened(&self.customs, at, |at| hours.next(at))?;
            let queue = late(&self.customs, presented)?;
            at = presented.after(clearance.p50).after(queue);
        }
        at = reopened(self.to, at, Some)?;
        let congested = late(self.to, at)?;
        let ready = network.handled(leg, at)?.after(congested);
        Some((arrive, ready))
    }
}

impl Network {
    /// Puts these conditions in the place of all earlier ones, and compiles the legs they touch.
    ///
    /// # Errors
    /// The first condition that names what the network does not have, ends before it begins, or
    /// is double; the network is then as before.
    pub fn set_conditions(&mut self, conditions: &[Condition]) -> Result<Applied, BadCondition> {
        let effects = self.effects(conditions)?;
        let before = core::mem::take(&mut self.conditions);
        let changed: Vec<&Condition> = before
            .iter()
            .filter(|old| !conditions.contains(old))
            .chain(conditions.iter().filter(|new| !before.contains(new)))
            .collect();
        let legs = self.touched(&changed);
        let mut timetable = core::mem::take(&mut self.timetable);
        timetable.update(self, &legs, &effects);
        self.timetable = timetable;
        self.weather = effects.weather;
        let applied = Applied {
            changed: changed.len(),
            legs: legs.len(),
        };
        self.conditions = conditions.to_vec();
        Ok(applied)
    }

    /// Whether [`Network::set_conditions`] would take these.
    ///
    /// # Errors
    /// As there.
    pub fn check_conditions(&self, conditions: &[Condition]) -> Result<(), BadCondition> {
        self.effects(conditions).map(|_| ())
    }

    /// For how many minutes after its stretch a change is still felt. Runs are told by when they leave
    /// their first stop, and call at others for days; what is told of places and borders is over.
    #[must_use]
    pub fn felt_after(&self, change: &Change) -> i32 {
        let subject = change.subject();
        if !matches!(subject, Subject::Service(_) | Subject::Passage(_)) {
            return 0;
        }
        let hit = self.legs.iter().filter(|leg| subject.touches(self, leg));
        let last = hit.map(|leg| leg.offset + leg.run).max().unwrap_or(0);
        match change.what() {
            What::Late(minutes) => last.saturating_add(minutes),
            What::Gone | What::Weather(_) => last,
        }
    }

    fn effects(&self, conditions: &[Condition]) -> Result<Effects, BadCondition> {
        let mut ids = BTreeSet::new();
        let mut effects = Effects::default();
        for condition in conditions {
            check(condition, &mut ids)?;
            self.add(condition, &mut effects)?;
        }
        Ok(effects)
    }

    /// Level of weather that a vehicle of a leg meets which leaves at a time: the worse of both ends.
    pub(crate) fn weather_on(&self, leg: &Leg, departs: Minute) -> usize {
        if self.weather.is_empty() {
            return 0;
        }
        let level = |node: Node, at: Minute| {
            let all = self.weather.get(&node).into_iter().flatten();
            let now = all.filter(|(from, to, _)| *from <= at && at < *to);
            now.map(|(_, _, level)| *level).max().unwrap_or(0)
        };
        level(leg.from, departs).max(level(leg.to, departs.after(leg.run)))
    }

    /// The conditions in force.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    fn add(&self, condition: &Condition, effects: &mut Effects) -> Result<(), BadCondition> {
        let bad = |field, found: &str, allowed: String| BadCondition {
            id: condition.id.clone(),
            field,
            found: found.to_owned(),
            allowed,
        };
        let effect = Effect {
            from: condition.from,
            to: condition.to,
            what: condition.change.what(),
        };
        match condition.change.subject() {
            Subject::Service(service) => {
                let number = self.service_ids.get(service).copied();
                let number = number
                    .ok_or_else(|| bad("service", service, "an id of services.csv".to_owned()))?;
                if !self.has_room(number, &condition.change) {
                    effects.services.entry(number).or_default().push(effect);
                }
            }
            Subject::Passage(passage) => {
                let numbers = (0u32..).zip(&self.services);
                let mut found = numbers
                    .filter(|(_, service)| service.via.iter().any(|via| via == passage))
                    .peekable();
                if found.peek().is_none() {
                    let allowed = "a passage of the column via of services.csv".to_owned();
                    return Err(bad("passage", passage, allowed));
                }
                for (number, _) in found {
                    effects.services.entry(number).or_default().push(effect);
                }
            }
            Subject::Place(place) => {
                let node = self.find(place).ok_or_else(|| {
                    let near = self.near(place).join(", ");
                    let allowed = format!("an id of places.csv; similar: {near}");
                    bad("place", place, allowed)
                })?;
                if let What::Weather(level) = effect.what {
                    let all = effects.weather.entry(node).or_default();
                    all.push((effect.from, effect.to, usize::from(level)));
                } else {
                    effects.places.entry(node).or_default().push(effect);
                }
            }
            Subject::Border(territory, mode) => {
                if !self.nodes.iter().any(|info| info.territory == *territory) {
                    let allowed = "a territory of places.csv".to_owned();
                    return Err(bad("territory", territory, allowed));
                }
                let key = (territory.to_owned(), mode);
                effects.customs.entry(key).or_default().push(effect);
            }
        }
        Ok(())
    }

    /// Whether a run with these bookings still takes a parcel.
    fn has_room(&self, service: u32, change: &Change) -> bool {
        const PARCEL_L: i64 = 10;
        let Change::Booked {
            kg, litres, pieces, ..
        } = change
        else {
            return false;
        };
        self.services.get(service as usize).is_some_and(|service| {
            let booked_g = i64::from(*kg) * 1_000;
            booked_g.saturating_add(i64::from(crate::table::TYPICAL_G)) <= service.capacity_g
                && i64::from(*litres) + PARCEL_L <= service.capacity_l
                && i64::from(*pieces) < service.capacity_pieces
        })
    }

    /// Legs that any of the conditions can change.
    fn touched(&self, conditions: &[&Condition]) -> Vec<u32> {
        let mut services: BTreeSet<u32> = BTreeSet::new();
        let mut places = BTreeSet::new();
        let mut borders = BTreeSet::new();
        for condition in conditions {
            if matches!(condition.change, Change::Weather { .. }) {
                continue;
            }
            match condition.change.subject() {
                Subject::Service(service) => services.extend(self.service_ids.get(service)),
                Subject::Passage(passage) => {
                    let numbers = (0u32..).zip(&self.services);
                    let by = numbers.filter(|(_, one)| one.via.iter().any(|via| via == passage));
                    services.extend(by.map(|(number, _)| number));
                }
                Subject::Place(place) => places.extend(self.find(place)),
                Subject::Border(territory, mode) => {
                    borders.insert((territory, mode));
                }
            }
        }
        let at_border = |leg: &Leg| {
            self.clearance(leg).is_some_and(|clearance| {
                let mode = self.service(leg).map(|service| service.mode);
                let to = clearance.to.as_str();
                borders.contains(&(to, None)) || borders.contains(&(to, mode))
            })
        };
        let mut all: Vec<u32> = places
            .iter()
            .flat_map(|node| self.timetable.legs_at(*node))
            .collect();
        if !services.is_empty() || !borders.is_empty() {
            let hit = |leg: &Leg| services.contains(&leg.service) || at_border(leg);
            let legs = (0u32..).zip(&self.legs);
            all.extend(legs.filter(|(_, leg)| hit(leg)).map(|(number, _)| number));
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn check(condition: &Condition, ids: &mut BTreeSet<String>) -> Result<(), BadCondition> {
    let bad = |field, found: &str, allowed: &str| BadCondition {
        id: condition.id.clone(),
        field,
        found: found.to_owned(),
        allowed: allowed.to_owned(),
    };
    if !ids.insert(condition.id.clone()) {
        return Err(bad("id", &condition.id, "every id once"));
    }
    if ids.len() > CONDITIONS_MAX {
        let allowed = format!("at most {CONDITIONS_MAX} conditions");
        return Err(bad("id", &condition.id, &allowed));
    }
    if condition.to <= condition.from {
        let found = condition.to.0.to_string();
        return Err(bad("to", &found, "a time after `from`"));
    }
    let minutes = match condition.change.what() {
        What::Late(minutes) => minutes,
        What::Weather(level) if !(1..=3).contains(&level) => {
            return Err(bad("level", &level.to_string(), "1 to 3"));
        }
        What::Gone | What::Weather(_) => 0,
    };
    if !(0..=MINUTES_MAX).contains(&minutes) {
        let allowed = format!("0 to {MINUTES_MAX}");
        return Err(bad("minutes", &minutes.to_string(), &allowed));
    }
    Ok(())
}
