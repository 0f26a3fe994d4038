//! What needs no timetable: the static graph of the network, on petgraph.
//!
//! Nodes are places and zones, edges the (board, alight) pairs. It tells what is connected at all.

use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::unionfind::UnionFind;
use petgraph::visit::Bfs;

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
