//! What closed bags and handling units are booked on, and whether it still goes.
//!
//! A bag that is closed for a hop goes with the departure there that arrives first by the published
//! timetable. Under conditions that departure may be gone or late: then the bag is to be booked
//! again, on what is first now.

use crate::network::{Leg, Network, Node};
use crate::time::{Minute, span};

/// A departure between two places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// Id of the service.
    pub service: String,
    /// The goods must be at the dock by then.
    pub board_by: Minute,
    /// Departure.
    pub departs: Minute,
    /// Arrival of the vehicle.
    pub arrives: Minute,
}

/// A booking by the published timetable, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// As published.
    pub booking: Booking,
    /// Why it does not go as booked; absent: it does.
    pub broken: Option<String>,
    /// What goes first now; `None`: nothing in the window.
    pub now: Option<Booking>,
}

impl Network {
    /// The booking of goods that are ready at `ready` for the way to the next place; what may be
    /// booked instead leaves at `at_earliest` or later. `None`: nothing goes there by timetable.
    #[must_use]
    pub fn booked(
        &self,
        from: Node,
        hop: Node,
        (ready, at_earliest): (Minute, Minute),
    ) -> Option<Booked> {
        let pairs = self.timetable.from(from.number());
        let pair = pairs.iter().find(|pair| pair.to == hop.number())?;
        let published = pair.legs().filter_map(|number| {
            let leg = self.leg(number)?;
            Some((self.published(leg, ready)?, number))
        });
        let (departs, number) =
            published.min_by_key(|(departs, number)| (self.arrival(*number, *departs), *number))?;
        let leg = self.leg(number)?;
        let booking = self.booking(leg, departs, departs.after(leg.run))?;
        let run = self.next_run(number, booking.board_by);
        let run = run.filter(|run| run.board == booking.board_by.0);
        let late = run.map(|run| Minute(run.arrive).since(booking.arrives));
        let broken = match late {
            Some(0) => None,
            Some(late) => Some(format!("arrives {} late", span(late))),
            None => Some("does not go, or takes no more".to_owned()),
        };
        let best = self.timetable.next(pair, ready.max(at_earliest).0);
        let now = best.and_then(|best| {
            let leg = self.leg(best.leg)?;
            let run = self.next_run(best.leg, Minute(best.board))?;
            self.booking(
                leg,
                Minute(best.board).after(leg.cutoff),
                Minute(run.arrive),
            )
        });
        Some(Booked {
            broken: broken.map(|what| self.because(leg, &booking, &what)),
            booking,
            now,
        })
    }

    /// The first departure of a leg by timetable, whatever the conditions.
    fn published(&self, leg: &Leg, ready: Minute) -> Option<Minute> {
        let starts = &self.service(leg)?.departures;
        let before = leg.offset - leg.cutoff;
        let index = starts.partition_point(|start| start.after(before) < ready);
        starts.get(index).map(|start| start.after(leg.offset))
    }

    fn arrival(&self, leg: u32, departs: Minute) -> Minute {
        self.leg(leg).map_or(departs, |leg| departs.after(leg.run))
    }

    fn booking(&self, leg: &Leg, departs: Minute, arrives: Minute) -> Option<Booking> {
        Some(Booking {
            service: self.service(leg)?.id.clone(),
            board_by: departs.after(-leg.cutoff),
            departs,
            arrives,
        })
    }

    fn because(&self, leg: &Leg, booking: &Booking, what: &str) -> String {
        let holds = self
            .conditions
            .iter()
            .filter(|one| one.from <= booking.arrives && booking.board_by < one.to)
            .filter(|one| one.change.subject().touches(self, leg));
        let reasons: Vec<&str> = holds.map(|one| one.reason.as_str()).collect();
        let clock = self.text_clock(leg.from, booking.departs);
        format!(
            "{} at {clock} {what} ({})",
            booking.service,
            reasons.join(", ")
        )
    }
}
