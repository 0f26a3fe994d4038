//! Earliest arrival: speed, and every answer beside those of petgraph and vulture.

use std::collections::BTreeSet;

use serde::Serialize;
use sortline_route::{Bounds, Minute};

use super::graphs::TimeExpanded;
use super::raptor::Raptor;
use super::{Bench, PointToPoint, Question, Times, number};

/// A query that not all engines answer alike. Times are minutes since 1970 in UTC; `null` is no
/// route. Both peers are asked for it, also beyond their numbers of queries.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// Where the parcel is.
    pub from: String,
    /// Where it must get to.
    pub to: String,
    /// When it is ready.
    pub ready: Minute,
    /// Sortline's answer.
    pub sortline: Option<Minute>,
    /// petgraph's, on the time-expanded graph.
    pub petgraph: Option<Minute>,
    /// vulture's.
    pub vulture: Option<Minute>,
}

/// Times of a peer, and the numbers of the queries that it answers differently.
type Asked = (Times, Vec<usize>);

impl Bench<'_> {
    pub(super) fn point_to_point(&mut self) -> PointToPoint {
        (self.say)("lower bounds");
        let mut bounds = Vec::new();
        for to in self.questions.iter().map(|question| question.to) {
            if !self.bounds.contains_key(&to) {
                let (made, time) = self.timed(|| Bounds::new(&self.network, to));
                self.bounds.insert(to, made);
                bounds.push(time);
            }
        }
        (self.say)("point to point");
        // The first round only warms the caches.
        let (_, _) = self.arrivals();
        let (answers, times) = self.arrivals();
        self.answers = answers;
        let (expanded, raptor, differences) = self.peers();
        let both = |peer: &Times| {
            let ours = times.get(..peer.queries).unwrap_or_default();
            peer.mean_us / (ours.iter().sum::<f64>() / number(ours.len().max(1)))
        };
        let sortline = Times::of(times.clone());
        PointToPoint {
            per_second: 1e6 / sortline.mean_us,
            sortline,
            bounds: Times::of(bounds),
            times_petgraph: both(&expanded.0),
            times_vulture: both(&raptor.0),
            compared: expanded.0.queries + raptor.0.queries,
            mismatches: expanded.1.len() + raptor.1.len(),
            differences,
            petgraph_time_expanded: expanded.0,
            vulture: raptor.0,
        }
    }

    /// Both peers on their parts of the queries, and what differs.
    fn peers(&self) -> (Asked, Asked, Vec<Difference>) {
        (self.say)("petgraph, time-expanded");
        let graph = TimeExpanded::new(self.nodes(), &self.departures, Self::week());
        let by_graph = |one: &Question| graph.arrival(one.from, one.ready, one.to);
        let expanded = self.ask(self.plan.expanded, by_graph);
        (self.say)("vulture");
        let raptor = Raptor::new(self.nodes(), &self.departures, Self::week(), false);
        let mut cache = raptor.cache();
        let mut by_raptor =
            |one: &Question| raptor.arrival(one.from, one.ready, one.to, &mut cache);
        let rounds = self.ask(self.plan.raptor, &mut by_raptor);
        let numbers: BTreeSet<usize> = expanded.1.iter().chain(&rounds.1).copied().collect();
        let differing = numbers.into_iter().filter_map(|number| {
            let one = self.questions.get(number)?;
            Some(Difference {
                from: self.network.id(one.from).to_owned(),
                to: self.network.id(one.to).to_owned(),
                ready: one.ready,
                sortline: *self.answers.get(number)?,
                petgraph: by_graph(one),
                vulture: by_raptor(one),
            })
        });
        let differences = differing.collect();
        (expanded, rounds, differences)
    }

    fn ask(&self, limit: usize, mut peer: impl FnMut(&Question) -> Option<Minute>) -> Asked {
        let (mut times, mut differing) = (Vec::new(), Vec::new());
        for (number, (question, ours)) in self.asked(limit).enumerate() {
            let (theirs, time) = self.timed(|| peer(question));
            times.push(time);
            if theirs != *ours {
                differing.push(number);
            }
        }
        (Times::of(times), differing)
    }
}
