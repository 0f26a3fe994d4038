//! Weeks held out: choosing by risk beside the fastest route, from a depot and from an airport.

use serde::Serialize;
use sortline_route::weeks::{HeldOut, Sky, Weeks, simulate};
use sortline_route::{Kind, Node};

use super::Bench;

/// Weeks learnt from, and parcels of each week.
const LEARNT: usize = 2;
const PARCELS: usize = 20_000;
/// Hours after the earliest arrival by timetable that a parcel is promised.
const GRACE_H: u8 = 36;

/// Weeks of one site.
#[derive(Clone, Debug, Serialize)]
pub struct Site {
    /// Its id.
    pub place: String,
    /// What the weeks gave.
    pub held_out: HeldOut,
}

impl Bench<'_> {
    /// The site of the table, and the first airport, in mild and in adversarial weather.
    pub(super) fn weeks(&mut self) -> anyhow::Result<Vec<Site>> {
        if self.plan.weeks == 0 {
            return Ok(Vec::new());
        }
        let airport = {
            let mut nodes = self.network.nodes();
            let first = nodes.find(|(_, info)| info.kind == Some(Kind::Airport));
            first.map(|(node, _)| node)
        };
        let depot = self.questions.first().map(|question| question.from);
        let mut all = Vec::new();
        for origin in depot.into_iter().chain(airport) {
            for sky in [Sky::Mild, Sky::Adversarial] {
                (self.say)("weeks held out");
                all.push(self.held_out(origin, sky)?);
            }
        }
        Ok(all)
    }

    fn held_out(&mut self, origin: Node, sky: Sky) -> anyhow::Result<Site> {
        let weeks = Weeks {
            origin,
            from: Self::week(),
            learnt: LEARNT,
            held_out: self.plan.weeks,
            parcels: PARCELS,
            grace_h: GRACE_H,
            sky,
            seed: self.plan.seed,
        };
        Ok(Site {
            place: self.network.id(origin).to_owned(),
            held_out: simulate(&mut self.network, &weeks)?,
        })
    }
}
