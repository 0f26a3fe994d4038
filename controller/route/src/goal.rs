//! What remains to a destination at the least: minutes, price, emissions, legs.
//!
//! Distances in the graph of pairs, each pair at its least, whatever the timetable and the
//! conditions. A search that knows them leaves out what cannot become an answer. They can be kept
//! and used for every query to the same destination with a parcel of the same weight.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::network::{Leg, Network, Node};
use crate::reach::Bounds;
use crate::search::LEGS_MAX;

/// Price and emissions of a node from which there is no way.
const FAR: i64 = i64::MAX / 4;

/// Lower bounds to one destination.
#[derive(Clone, Debug)]
pub struct Goal {
    pub(crate) bounds: Bounds,
    cost: Vec<i64>,
    co2: Vec<i64>,
    legs: Vec<i64>,
}

impl Goal {
    /// To `to`, for a parcel of this weight.
    #[must_use]
    pub fn new(network: &Network, to: Node, weight_g: u32) -> Self {
        Self {
            bounds: Bounds::new(network, to),
            cost: least(network, to, |leg| leg.cost(weight_g).0),
            co2: least(network, to, |leg| leg.co2(weight_g).0),
            legs: least(network, to, |_| 1),
        }
    }

    /// The destination.
    #[must_use]
    pub const fn to(&self) -> Node {
        self.bounds.to()
    }

    /// Price, emissions and legs from a node.
    pub(crate) fn rest(&self, node: Node) -> (i64, i64, u8) {
        let at = |all: &[i64]| all.get(node.index()).copied().unwrap_or(FAR);
        let legs = u8::try_from(at(&self.legs)).unwrap_or(LEGS_MAX + 1);
        (at(&self.cost), at(&self.co2), legs)
    }
}

fn least(network: &Network, to: Node, weight: impl Fn(&Leg) -> i64) -> Vec<i64> {
    let mut far = vec![FAR; network.nodes.len()];
    if let Some(cell) = far.get_mut(to.index()) {
        *cell = 0;
    }
    let mut queue = BinaryHeap::from([Reverse((0i64, to.0))]);
    while let Some(Reverse((now, node))) = queue.pop() {
        if far.get(node as usize) != Some(&now) {
            continue;
        }
        for pair in network.timetable.ending_at(node) {
            let legs = pair.legs().filter_map(|leg| network.leg(leg));
            let Some(pair_least) = legs.map(&weight).min() else {
                continue;
            };
            let then = now.saturating_add(pair_least);
            if let Some(cell) = far.get_mut(pair.from as usize)
                && then < *cell
            {
                *cell = then;
                queue.push(Reverse((then, pair.from)));
            }
        }
    }
    far
}
