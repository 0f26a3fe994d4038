//! What people ask of the model.

use jiff::Timestamp;

use super::Model;
use crate::live::orders::Order;
use crate::live::reports::Capacity;

impl Model {
    /// Does what was asked, and answers. Whoever asked may be gone by then.
    pub(in crate::live) fn order(&mut self, order: Order, at: Timestamp) {
        match order {
            Order::Act {
                row,
                act,
                really,
                reply,
            } => drop(reply.send(self.alarms.act(&row, act, really))),
            Order::Code {
                parcel,
                person,
                wish,
                reply,
            } => drop(reply.send(self.coding.answer(parcel, &person, wish, at))),
            Order::Explain { chute, note, reply } => {
                self.explain_chutes([(chute, note)]);
                reply.send(()).unwrap_or_default();
            }
            Order::Bags { reply } => drop(reply.send(self.bags.closed())),
            Order::Wear { reply } => {
                let wear = self.wear.as_ref();
                let told = wear.map(|wear| (wear.findings(), wear.diverters()));
                drop(reply.send(told.unwrap_or_default()));
            }
            Order::Report { time, part, reply } => {
                let capacity = Capacity::new(&self.line, self.target_per_hour);
                drop(reply.send(self.reports.report(time, part, capacity)));
            }
        }
    }
}
