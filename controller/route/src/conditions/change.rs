//! What a condition does, and what it is about.

use serde::{Deserialize, Serialize};

use crate::network::{Leg, Mode, Network};

/// What a condition does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// Runs of a service that leave their first stop in the stretch are late.
    Delay {
        /// Id of the service.
        service: String,
        /// How late.
        minutes: i32,
    },
    /// Runs of a service that leave their first stop in the stretch do not take place.
    Cancel {
        /// Id of the service.
        service: String,
    },
    /// Runs of a service that leave their first stop in the stretch take no more parcels.
    Full {
        /// Id of the service.
        service: String,
    },
    /// So much is booked on every run of a service that leaves its first stop in the stretch: it
    /// takes more parcels while there is room for one in weight, volume and pieces.
    Booked {
        /// Id of the service.
        service: String,
        /// Kilograms.
        #[serde(default)]
        kg: u32,
        /// Litres.
        #[serde(default)]
        litres: u32,
        /// Pieces.
        #[serde(default)]
        pieces: u32,
    },
    /// A strait, canal or pass is closed: runs by it that leave their first stop in the stretch go
    /// round, which takes so much longer; without minutes they do not take place.
    Passage {
        /// Its name, as in the column `via` of `services.csv`.
        passage: String,
        /// How much longer the way round takes.
        #[serde(default)]
        minutes: Option<i32>,
    },
    /// Weather at a place: vehicles that leave it or arrive there in the stretch are later than usual.
    /// Changes probabilities, not the timetable.
    Weather {
        /// Id of the place.
        place: String,
        /// 1 bad, 2 severe, 3 extreme.
        level: u8,
    },
    /// A border is closed, or a policy stops clearance: what is presented in the stretch waits for
    /// its end.
    Border {
        /// Territory entered.
        territory: String,
        /// Only for this mode.
        #[serde(default)]
        mode: Option<Mode>,
    },
    /// Nothing leaves a place, and what arrives waits for the end of the stretch.
    Close {
        /// Id of the place.
        place: String,
    },
    /// Handling at a place takes longer for what arrives in the stretch.
    Congestion {
        /// Id of the place.
        place: String,
        /// How much longer.
        minutes: i32,
    },
    /// Customs takes longer for what is presented in the stretch.
    Customs {
        /// Territory entered.
        territory: String,
        /// Only for this mode.
        #[serde(default)]
        mode: Option<Mode>,
        /// How much longer.
        minutes: i32,
    },
}

impl Change {
    pub(super) const fn what(&self) -> What {
        match self {
            Self::Delay { minutes, .. }
            | Self::Congestion { minutes, .. }
            | Self::Customs { minutes, .. }
            | Self::Passage {
                minutes: Some(minutes),
                ..
            } => What::Late(*minutes),
            Self::Weather { level, .. } => What::Weather(*level),
            Self::Cancel { .. }
            | Self::Full { .. }
            | Self::Booked { .. }
            | Self::Passage { minutes: None, .. }
            | Self::Border { .. }
            | Self::Close { .. } => What::Gone,
        }
    }

    /// What it is about.
    pub(crate) fn subject(&self) -> Subject<'_> {
        match self {
            Self::Delay { service, .. }
            | Self::Cancel { service }
            | Self::Full { service }
            | Self::Booked { service, .. } => Subject::Service(service),
            Self::Passage { passage, .. } => Subject::Passage(passage),
            Self::Close { place }
            | Self::Congestion { place, .. }
            | Self::Weather { place, .. } => Subject::Place(place),
            Self::Customs {
                territory, mode, ..
            }
            | Self::Border { territory, mode } => Subject::Border(territory, *mode),
        }
    }
}

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject<'a> {
    Service(&'a str),
    Passage(&'a str),
    Place(&'a str),
    Border(&'a str, Option<Mode>),
}

impl Subject<'_> {
    /// Whether it is part of a leg.
    pub(crate) fn touches(self, network: &Network, leg: &Leg) -> bool {
        let service = network.service(leg);
        match self {
            Self::Service(id) => service.is_some_and(|service| service.id == id),
            Self::Passage(name) => {
                service.is_some_and(|service| service.via.iter().any(|via| via == name))
            }
            Self::Place(id) => network.id(leg.from) == id || network.id(leg.to) == id,
            Self::Border(territory, mode) => {
                let there = network.clearance(leg).map(|clearance| &clearance.to);
                let mode = mode.is_none_or(|mode| service.is_some_and(|one| one.mode == mode));
                mode && there.is_some_and(|there| there == territory)
            }
        }
    }
}

/// What a condition does to a run.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Late(i32),
    Gone,
    Weather(u8),
}
