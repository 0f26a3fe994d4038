//! Bags: what lies in a chute between two changes, and where it is to go next.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sortline_core::{Action, ChuteId, Event, OperatorCommand, Outcome, ParcelId, Step};

use super::sscc::Numbers;
use crate::journal::{Cause, Record};

/// Parcels followed at once; far more than fit on a line.
const PARCELS_MAX: usize = 4_096;
/// Closed bags kept, and for how long.
const CLOSED_MAX: usize = 5_000;
const AGE: SignedDuration = SignedDuration::from_hours(72);

/// A bag that was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bag {
    /// Number: that of the record that closed it.
    pub id: i64,
    /// SSCC, where the site has a prefix for them.
    pub sscc: Option<String>,
    /// Chute it hung at.
    pub chute: ChuteId,
    /// When it was closed.
    pub closed: Timestamp,
    /// Hop of most of its parcels.
    pub hop: String,
    /// Parcels in it.
    pub parcels: u32,
    /// Of them with another hop.
    pub others: u32,
}

/// Where the bag that hangs at a chute is on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Hanging {
    /// Takes parcels.
    #[default]
    Open,
    /// Is to be closed: parcels on their way still come.
    Closing,
    /// Waits to be changed.
    Closed,
}

/// The bag that hangs at a chute.
#[derive(Clone, Debug, Default)]
struct Open {
    hops: BTreeMap<String, u32>,
    parcels: u32,
    state: Hanging,
    /// Given when it is closed.
    sscc: Option<String>,
}

/// The bag that was taken away from a chute last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) sscc: Option<String>,
    pub(super) parcels: u32,
    pub(super) at: Timestamp,
}

/// The bags of a line.
#[derive(Clone, Debug, Default)]
pub(super) struct Bags {
    numbers: Numbers,
    hops: BTreeMap<ParcelId, String>,
    open: BTreeMap<ChuteId, Open>,
    taken: BTreeMap<ChuteId, Taken>,
    closed: VecDeque<Bag>,
}

impl Bags {
    /// The same bags, whose SSCCs begin with `prefix`; empty: they have none.
    pub(super) fn number(&mut self, prefix: String) {
        self.numbers = Numbers::new(prefix);
    }

    /// The bag at a chute, and its SSCC once it is closed.
    pub(super) fn at(&self, chute: ChuteId) -> (Hanging, Option<&str>) {
        let open = self.open.get(&chute);
        open.map_or((Hanging::Open, None), |open| {
            (open.state, open.sscc.as_deref())
        })
    }

    /// The bag before it.
    pub(super) fn before(&self, chute: ChuteId) -> Option<&Taken> {
        self.taken.get(&chute)
    }

    /// Takes in a durable step with its number.
    pub(super) fn record(&mut self, record: &Record, seq: i64) {
        if let Cause::Event {
            event: Event::Operator { command },
        } = &record.cause
        {
            if let OperatorCommand::EmptyChute { chute } = command {
                self.emptied(*chute, seq, record.wall);
            } else if let OperatorCommand::CloseBag { chute } = command {
                self.open.entry(*chute).or_default().state = Hanging::Closing;
            }
        }
        for action in &record.actions {
            if let Action::Parcel { parcel, step } = action {
                self.step(*parcel, step);
            } else if let Action::BagClosed { chute, .. } = action {
                let open = self.open.entry(*chute).or_default();
                open.state = Hanging::Closed;
                if open.sscc.is_none() {
                    open.sscc = self.numbers.next(record.wall);
                }
            }
        }
    }

    fn step(&mut self, parcel: ParcelId, step: &Step) {
        if let Step::Resolved { hop, .. } = step {
            match hop {
                Some(hop) => self.hops.insert(parcel, hop.clone()),
                None => self.hops.remove(&parcel),
            };
            while self.hops.len() > PARCELS_MAX {
                self.hops.pop_first();
            }
        } else if let Step::Ended { outcome } = step {
            match outcome {
                Outcome::Sorted { chute } => self.sorted(parcel, *chute),
                Outcome::Missort { .. } | Outcome::Rejected { .. } | Outcome::Lost { .. } => {
                    self.hops.remove(&parcel);
                }
            }
        }
    }

    /// A parcel ended in a chute.
    fn sorted(&mut self, parcel: ParcelId, chute: ChuteId) {
        let open = self.open.entry(chute).or_default();
        open.parcels = open.parcels.saturating_add(1);
        if let Some(hop) = self.hops.remove(&parcel) {
            *open.hops.entry(hop).or_default() += 1;
        }
    }

    /// The bag at a chute was changed.
    fn emptied(&mut self, chute: ChuteId, id: i64, at: Timestamp) {
        let Some(open) = self.open.remove(&chute).filter(|open| open.parcels > 0) else {
            return;
        };
        let sscc = open.sscc.or_else(|| self.numbers.next(at));
        let taken = Taken {
            sscc: sscc.clone(),
            parcels: open.parcels,
            at,
        };
        self.taken.insert(chute, taken);
        let most = open.hops.iter().max_by_key(|(_, parcels)| **parcels);
        let Some((hop, parcels)) = most.map(|(hop, parcels)| (hop.clone(), *parcels)) else {
            return;
        };
        self.closed.push_back(Bag {
            id,
            sscc,
            chute,
            closed: at,
            hop,
            parcels: open.parcels,
            others: open.parcels.saturating_sub(parcels),
        });
        let old = at.checked_sub(AGE).unwrap_or(at);
        while self.closed.len() > CLOSED_MAX
            || self.closed.front().is_some_and(|bag| bag.closed < old)
        {
            self.closed.pop_front();
        }
    }

    /// Closed bags, the newest last.
    pub(super) fn closed(&self) -> Vec<Bag> {
        self.closed.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortline_core::LineTime;

    fn sort(bags: &mut Bags, parcel: u64, hop: &str) {
        let resolved = Step::Resolved {
            destination: None,
            hop: Some(hop.to_owned()),
            why: String::new(),
            late: false,
        };
        let outcome = Outcome::Sorted { chute: ChuteId(4) };
        bags.step(ParcelId(parcel), &resolved);
        bags.step(ParcelId(parcel), &Step::Ended { outcome });
    }

    #[test]
    fn a_bag_has_the_hop_of_most_of_its_parcels() {
        let mut bags = Bags::default();
        let at: Timestamp = "2026-11-23T18:00Z".parse().unwrap();
        for (parcel, hop) in [(1, "DE-LEJ"), (2, "DE-BER"), (3, "DE-LEJ")] {
            sort(&mut bags, parcel, hop);
        }
        let outcome = Outcome::Sorted { chute: ChuteId(4) };
        bags.step(ParcelId(4), &Step::Ended { outcome });
        bags.emptied(ChuteId(4), 77, at);
        bags.emptied(ChuteId(4), 78, at);
        let closed = bags.closed();
        assert_eq!(closed.len(), 1, "an empty bag is none");
        assert_eq!((closed[0].id, &*closed[0].hop), (77, "DE-LEJ"));
        assert_eq!((closed[0].parcels, closed[0].others), (4, 2));
        let later = at.checked_add(SignedDuration::from_hours(100)).unwrap();
        sort(&mut bags, 5, "FR-PAR");
        bags.emptied(ChuteId(4), 90, later);
        assert_eq!(bags.closed().len(), 1, "old bags are forgotten");
    }

    #[test]
    fn a_bag_has_its_number_from_when_it_is_closed() {
        let mut bags = Bags::default();
        bags.number("03950110".to_owned());
        let wall: Timestamp = "2026-11-23T18:00Z".parse().unwrap();
        let chute = ChuteId(4);
        let operator = |command| Cause::Event {
            event: Event::Operator { command },
        };
        let happen = |bags: &mut Bags, cause, actions| {
            let record = Record {
                at: LineTime(0),
                wall,
                cursor: None,
                cause,
                actions,
                origin: None,
            };
            bags.record(&record, 9);
        };
        sort(&mut bags, 1, "DE-LEJ");
        let close = operator(OperatorCommand::CloseBag { chute });
        happen(&mut bags, close, Vec::new());
        assert_eq!(bags.at(chute), (Hanging::Closing, None));
        sort(&mut bags, 2, "DE-LEJ");
        let closed = Action::BagClosed {
            chute,
            parcels: 2,
            length_mm: 600,
        };
        happen(&mut bags, Cause::Timeout, vec![closed]);
        let (state, sscc) = bags.at(chute);
        let sscc = sscc.map(str::to_owned);
        assert_eq!(state, Hanging::Closed);
        assert!(sscc.as_ref().is_some_and(|sscc| sscc.len() == 18));
        let empty = || operator(OperatorCommand::EmptyChute { chute });
        happen(&mut bags, empty(), Vec::new());
        assert_eq!(bags.at(chute), (Hanging::Open, None));
        let taken = bags.before(chute).cloned().unwrap();
        assert_eq!((&taken.sscc, taken.parcels), (&sscc, 2));
        assert_eq!(bags.closed()[0].sscc, sscc);
        happen(&mut bags, empty(), Vec::new());
        assert_eq!(bags.before(chute), Some(&taken), "an empty bag is none");
        sort(&mut bags, 3, "FR-PAR");
        happen(&mut bags, empty(), Vec::new());
        let other = bags.before(chute).cloned().unwrap().sscc;
        assert!(
            other.is_some() && other != sscc,
            "never closed, and numbered"
        );
    }
}
