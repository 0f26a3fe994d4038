//! What remains to a destination at the least: minutes, price, emissions, legs.
//!
//! Distances in the graph of pairs, each pair at its least, whatever the timetable and the
//! conditions. A search that knows them leaves out what cannot become an answer. They can be kept
//! and used for every query to the same destination with a parcel of the same weight.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::network::{Network, Node};
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
        let (mut cost, mut co2) = (Vec::new(), Vec::new());
        for legs in network.timetable.legs_by_pair() {
            let legs = || legs.clone().filter_map(|leg| network.leg(leg));
            let least = |all: Option<i64>| all.unwrap_or(FAR);
            cost.push(least(legs().map(|leg| leg.cost(weight_g).0).min()));
            co2.push(least(legs().map(|leg| leg.co2(weight_g).0).min()));
        }
        let of = |all: &[i64], pair: u32| all.get(pair as usize).copied().unwrap_or(FAR);
        Self {
            bounds: Bounds::new(network, to),
            cost: least(network, to, |pair| of(&cost, pair)),
            co2: least(network, to, |pair| of(&co2, pair)),
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

/// Least sums of what the pairs weigh.
fn least(network: &Network, to: Node, weight: impl Fn(u32) -> i64) -> Vec<i64> {
    let mut far = vec![FAR; network.nodes.len()];
    if let Some(cell) = far.get_mut(to.index()) {
        *cell = 0;
    }
    let mut queue = BinaryHeap::from([Reverse((0i64, to.0))]);
    while let Some(Reverse((now, node))) = queue.pop() {
        if far.get(node as usize) != Some(&now) {
            continue;
        }
        for (begins, pair) in network.timetable.ending_at(node) {
            let then = now.saturating_add(weight(pair));
            if let Some(cell) = far.get_mut(begins.node as usize)
                && then < *cell
            {
                *cell = then;
                queue.push(Reverse((then, begins.node)));
            }
        }
    }
    far
}
