//! The network as petgraph sees it, built from every departure of every leg.

use std::collections::BTreeMap;

use petgraph::algo::dijkstra;
use petgraph::graph::{DiGraph, NodeIndex};
use sortline_route::{Connection, DAY_MIN, Minute, Node};

const WEEK: i32 = 7 * DAY_MIN;

/// One week of departures as a graph whose nodes are cut-offs at places, and one more for every
/// place, where arrivals end. A network without changes of the clock in the week is periodic, so
/// the end of the week leads to its beginning.
#[derive(Debug)]
pub(super) struct TimeExpanded {
    graph: DiGraph<(), u32>,
    /// By place: minutes of the week with their node, in order.
    events: Vec<Vec<(i32, NodeIndex)>>,
    ends: Vec<NodeIndex>,
}

fn in_week(at: Minute) -> i32 {
    at.0.rem_euclid(WEEK)
}

impl TimeExpanded {
    /// From the departures of the week that begins at `from`.
    pub(super) fn new(places: usize, departures: &[Connection], from: Minute) -> Self {
        let week: Vec<&Connection> = departures
            .iter()
            .filter(|one| one.board_by >= from && one.board_by < from.after(WEEK))
            .collect();
        let mut keys: Vec<(u32, i32)> = week
            .iter()
            .map(|one| (one.from.number(), in_week(one.board_by)))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        let mut graph = DiGraph::with_capacity(keys.len() + places, week.len() * 2 + keys.len());
        let mut events = vec![Vec::new(); places];
        for (place, minute) in keys {
            let node = graph.add_node(());
            if let Some(all) = events.get_mut(place as usize) {
                all.push((minute, node));
            }
        }
        let ends = (0..places).map(|_| graph.add_node(())).collect();
        let mut expanded = Self {
            graph,
            events,
            ends,
        };
        expanded.waiting();
        for one in week {
            expanded.ride(one);
        }
        expanded
    }

    fn waiting(&mut self) {
        for all in &self.events {
            for (index, (minute, node)) in all.iter().enumerate() {
                let next = all.get(index + 1).or_else(|| all.first());
                if let Some((then, next)) = next.filter(|(_, next)| next != node) {
                    let wait = (then - minute).rem_euclid(WEEK);
                    self.graph.add_edge(*node, *next, wait.unsigned_abs());
                }
            }
        }
    }

    /// The first cut-off at a place from a time on, and the minutes until then.
    fn next(&self, place: u32, at: Minute) -> Option<(NodeIndex, u32)> {
        let all = self.events.get(place as usize)?;
        let index = all.partition_point(|(minute, _)| *minute < in_week(at));
        let (minute, node) = all.get(index).or_else(|| all.first())?;
        Some((
            *node,
            (minute - in_week(at)).rem_euclid(WEEK).unsigned_abs(),
        ))
    }

    fn ride(&mut self, one: &Connection) {
        let minutes = one.ready.since(one.board_by).unsigned_abs();
        let Some((from, _)) = self.next(one.from.number(), one.board_by) else {
            return;
        };
        if let Some(end) = self.ends.get(one.to.number() as usize) {
            self.graph.add_edge(from, *end, minutes);
        }
        if let Some((next, wait)) = self.next(one.to.number(), one.ready) {
            self.graph.add_edge(from, next, minutes + wait);
        }
    }

    /// Earliest readiness, by petgraph's Dijkstra.
    pub(super) fn arrival(&self, from: Node, ready: Minute, to: Node) -> Option<Minute> {
        let (start, wait) = self.next(from.number(), ready)?;
        let end = self.ends.get(to.number() as usize)?;
        let found = dijkstra(&self.graph, start, Some(*end), |edge| *edge.weight());
        let minutes = found.get(end)?;
        Some(ready.after(i32::try_from(minutes + wait).ok()?))
    }
}

/// A graph without times: each pair of nodes by its least minutes and the mean wait for it.
#[derive(Debug)]
pub(super) struct Static {
    graph: DiGraph<(), u32>,
}

impl Static {
    /// From the departures of one week.
    pub(super) fn new(places: usize, departures: &[Connection], from: Minute) -> Self {
        let mut pairs: BTreeMap<(u32, u32), (u32, u32)> = BTreeMap::new();
        for one in departures {
            if one.board_by >= from && one.board_by < from.after(WEEK) {
                let minutes = one.ready.since(one.board_by).unsigned_abs();
                let key = (one.from.number(), one.to.number());
                let cell = pairs.entry(key).or_insert((minutes, 0));
                *cell = (cell.0.min(minutes), cell.1 + 1);
            }
        }
        let mut graph = DiGraph::with_capacity(places, pairs.len());
        for _ in 0..places {
            graph.add_node(());
        }
        for ((from, to), (minutes, number)) in pairs {
            let wait = WEEK.unsigned_abs() / (2 * number.max(1));
            let node = |number: u32| NodeIndex::new(number as usize);
            graph.add_edge(node(from), node(to), minutes + wait);
        }
        Self { graph }
    }

    /// Minutes to every node.
    pub(super) fn to_all(&self, from: Node) -> usize {
        let start = NodeIndex::new(from.number() as usize);
        dijkstra(&self.graph, start, None, |edge| *edge.weight()).len()
    }

    /// The nodes of the shortest path.
    pub(super) fn path(&self, from: Node, to: Node) -> Option<Vec<u32>> {
        let (start, end) = (from.number() as usize, to.number() as usize);
        let goal = NodeIndex::new(end);
        let found = petgraph::algo::astar(
            &self.graph,
            NodeIndex::new(start),
            |node| node == goal,
            |edge| *edge.weight(),
            |_| 0,
        );
        let (_, path) = found?;
        path.iter()
            .map(|node| u32::try_from(node.index()).ok())
            .collect()
    }
}
