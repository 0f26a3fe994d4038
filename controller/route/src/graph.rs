//! What needs no timetable: the static graph of the network, on petgraph.
//!
//! Nodes are places and zones, edges the (board, alight) pairs. It tells what is connected at all,
//! and gives lower bounds that let a search leave out what cannot become an answer.

use petgraph::algo::dijkstra;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::unionfind::UnionFind;
use petgraph::visit::{Bfs, EdgeRef, Reversed};

use crate::network::{Network, Node};

/// Edge: index into the legs.
type Static = DiGraph<Node, u32, u32>;

fn build(network: &Network) -> Static {
    let mut graph = Static::with_capacity(network.nodes.len(), network.legs.len());
    for (node, _) in network.nodes() {
        graph.add_node(node);
    }
    for (number, leg) in (0u32..).zip(&network.legs) {
        graph.add_edge(
            NodeIndex::new(leg.from.index()),
            NodeIndex::new(leg.to.index()),
            number,
        );
    }
    graph
}

/// Ids of places that no service connects, in either direction, with the largest connected part.
pub(crate) fn islands(network: &Network) -> Vec<String> {
    let mut sets = UnionFind::<usize>::new(network.nodes.len());
    for leg in &network.legs {
        sets.union(leg.from.index(), leg.to.index());
    }
    let labels = sets.into_labeling();
    let mut sizes = vec![0usize; labels.len()];
    for label in &labels {
        if let Some(size) = sizes.get_mut(*label) {
            *size += 1;
        }
    }
    let largest = sizes
        .iter()
        .copied()
        .enumerate()
        .max_by_key(|(_, size)| *size);
    let Some((main, _)) = largest else {
        return Vec::new();
    };
    let places = network.nodes.iter().zip(&labels);
    places
        .filter(|(info, label)| **label != main && info.kind.is_some())
        .map(|(info, _)| info.id.clone())
        .collect()
}

impl Network {
    /// Places and zones that no sequence of services reaches from `origin`, whatever the time.
    #[must_use]
    pub fn unreachable(&self, origin: Node) -> Vec<Node> {
        let graph = build(self);
        let mut reached = vec![false; self.nodes.len()];
        let mut search = Bfs::new(&graph, NodeIndex::new(origin.index()));
        while let Some(next) = search.next(&graph) {
            if let Some(cell) = reached.get_mut(next.index()) {
                *cell = true;
            }
        }
        let nodes = self.nodes().zip(reached);
        nodes
            .filter(|(_, reached)| !reached)
            .map(|((node, _), _)| node)
            .collect()
    }
}

/// What it takes from each node to a destination at the very least.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// Minutes, by node: cut-off, run, clearance and handling without any waiting. `None`: the
    /// destination cannot be reached from there.
    pub(crate) minutes: Vec<Option<i32>>,
    /// Millionths of the base currency, by node.
    pub(crate) cost: Vec<Option<i64>>,
}

impl Bounds {
    pub(crate) fn new(network: &Network, to: Node, weight_g: u32) -> Self {
        let graph = build(network);
        let target = NodeIndex::new(to.index());
        let leg = |number: &u32| network.leg(*number);
        let minutes = dijkstra(Reversed(&graph), target, None, |edge| {
            leg(edge.weight()).map_or(i32::MAX / 4, |leg| network.least_minutes(leg))
        });
        let cost = dijkstra(Reversed(&graph), target, None, |edge| {
            leg(edge.weight()).map_or(i64::MAX / 4, |leg| leg.cost(weight_g).0)
        });
        let all = || graph.node_indices();
        Self {
            minutes: all().map(|node| minutes.get(&node).copied()).collect(),
            cost: all().map(|node| cost.get(&node).copied()).collect(),
        }
    }

    pub(crate) fn at(&self, node: Node) -> Option<(i32, i64)> {
        let minutes = self.minutes.get(node.index()).copied().flatten()?;
        Some((minutes, self.cost.get(node.index()).copied().flatten()?))
    }
}

impl Network {
    fn least_minutes(&self, leg: &crate::network::Leg) -> i32 {
        let clearance = self.clearance(leg).map_or(0, |clearance| clearance.p50);
        let handling = self.node(leg.to).map_or(0, |info| info.handling);
        leg.cutoff + leg.run + clearance + handling
    }
}
