//! What is on the labels: which parcel says it is which, and where each must go.

use std::collections::BTreeMap;

use sortline_core::{Code, Resolution};

use super::right::destination_of;
use super::scenario::Share;
use crate::plant::{Fault, FaultDice, Rng};

/// Stream of random numbers beside the plant's.
const IDENTITY: u64 = 104;
/// Length of a hostile label.
const HOSTILE: usize = 10_000;

/// What is odd about a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Odd {
    /// The label of this other parcel.
    Same(u32),
    /// Its own, and another shipment's.
    Two,
    /// Nonsense.
    Hostile,
    /// Nobody announced it.
    Unlisted,
    /// Customs or compliance hold it.
    Held,
}

/// All labels.
#[derive(Debug)]
pub(crate) struct Labels {
    shares: Vec<Share>,
    /// Destinations as a manifest gives them, one for each share.
    resolutions: Vec<Resolution>,
    shares_total: u64,
    identity: u64,
    odd: BTreeMap<u32, Odd>,
    /// Parcels that touch the one ahead, with the first of the row.
    rows: BTreeMap<u32, u32>,
    /// The last parcel that came.
    last: u32,
}

impl Labels {
    pub(crate) fn new(shares: &[Share], seed: u64) -> Self {
        let sort = |share: &Share| Resolution::Sort {
            destination: destination_of(share),
            hop: share.hop.clone(),
            why: "manifest".to_owned(),
            sequence: None,
        };
        Self {
            resolutions: shares.iter().map(sort).collect(),
            shares_total: shares.iter().map(|d| u64::from(d.weight)).sum(),
            shares: shares.to_vec(),
            identity: Rng::new(seed, IDENTITY).bits(),
            odd: BTreeMap::new(),
            rows: BTreeMap::new(),
            last: 0,
        }
    }

    /// A parcel is at induction, and touches this one ahead of it: when it comes for the first
    /// time, its label is drawn.
    ///
    /// Of two that touch, nothing but their labels tells that they are two: their labels are on
    /// the same sides, and neither is nonsense.
    pub(crate) fn inducted(&mut self, serial: u32, touches: Option<u32>, dice: &mut FaultDice) {
        if let Some(ahead) = touches {
            self.rows.insert(serial, self.face(ahead));
            if self.odd.get(&ahead) == Some(&Odd::Hostile) {
                self.odd.remove(&ahead);
            }
        }
        if serial <= self.last {
            return;
        }
        let before = std::mem::replace(&mut self.last, serial);
        let odds = [
            (Fault::SameLabel, Odd::Same(before)),
            (Fault::SecondLabel, Odd::Two),
            (Fault::HostileLabel, Odd::Hostile),
            (Fault::Unlisted, Odd::Unlisted),
            (Fault::Held, Odd::Held),
        ];
        for (fault, odd) in odds {
            let plain = touches.is_some() && odd == Odd::Hostile;
            if dice.drawn(fault) && before > 0 && !plain {
                dice.fired(fault);
                // A copy of a copy is one of the first.
                let odd = match (odd, self.odd.get(&before)) {
                    (Odd::Same(_), Some(Odd::Same(first))) => Odd::Same(*first),
                    (Odd::Same(_), Some(_)) => continue,
                    _ => odd,
                };
                self.odd.insert(serial, odd);
                return;
            }
        }
    }

    /// A parcel's way has ended.
    pub(crate) fn ended(&mut self, serial: u32) {
        self.odd.remove(&serial);
        self.rows.remove(&serial);
    }

    /// The parcel whose label says on which side this one has its own.
    pub(crate) fn face(&self, serial: u32) -> u32 {
        self.rows.get(&serial).copied().unwrap_or(serial)
    }

    /// Index of the destination at which a parcel really has to arrive.
    pub(crate) fn destination(&self, serial: u32) -> usize {
        let serial = match self.odd.get(&serial) {
            Some(Odd::Same(other)) => *other,
            _ => serial,
        };
        let mut draw = Rng::new(self.identity, serial.into()).below(self.shares_total);
        let fits = |share: &Share| {
            let inside = draw < u64::from(share.weight);
            draw = draw.saturating_sub(share.weight.into());
            inside
        };
        self.shares.iter().position(fits).unwrap_or(0)
    }

    /// Adds what is to be read on a parcel.
    pub(crate) fn read(&self, serial: u32, codes: &mut Vec<Code>) {
        match self.odd.get(&serial) {
            None | Some(Odd::Held) => codes.push(code(serial, "")),
            Some(Odd::Same(other)) => codes.push(code(*other, "")),
            // Of a shipment that the manifest knows, and that is elsewhere.
            Some(Odd::Two) => codes.extend([code(serial, ""), code(serial, "B")]),
            Some(Odd::Hostile) => codes.push(Code {
                kind: "qr".to_owned(),
                value: "'; DROP TABLE parcels;--\u{1b}[2J<script>"
                    .chars()
                    .cycle()
                    .take(HOSTILE)
                    .collect(),
            }),
            Some(Odd::Unlisted) => codes.push(code(serial, "U")),
        }
    }

    /// A number for choices about a parcel that are always the same.
    pub(crate) const fn identity(&self) -> u64 {
        self.identity
    }

    /// What the host knows of a code.
    pub(crate) fn look_up(&self, code: &Code) -> Resolution {
        let Some(serial) = code.value.parse::<u32>().ok() else {
            return Resolution::Unknown;
        };
        if self.odd.get(&serial) == Some(&Odd::Held) {
            return Resolution::Hold {
                reason: "customs_data_missing".to_owned(),
                why: String::new(),
            };
        }
        let known = self.resolutions.get(self.destination(serial));
        known.cloned().unwrap_or(Resolution::Unknown)
    }
}

/// The code on a parcel's label; `mark` makes it another one.
fn code(serial: u32, mark: &str) -> Code {
    Code {
        kind: "sscc".to_owned(),
        value: format!("{serial:018}{mark}"),
    }
}
