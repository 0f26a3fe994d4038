//! Sets of routes that no other beats in arrival, cost and CO2, beside vulture's multi-criteria
//! RAPTOR with the same three criteria and the same limits on time and legs.

use sortline_route::{DAY_MIN, Goal, Limits, Micros, Minute, Point, Reach};

use super::raptor::{Found, Raptor};
use super::{Bench, Pareto, Question, Times, number};

/// Routes of a Pareto set end within this time after the earliest.
const WITHIN_MIN: i32 = 2 * DAY_MIN;
/// Tolerance of Pareto sets, in thousandths.
const TOLERANCE: i64 = 40;

impl Bench<'_> {
    /// A set and its time. Lower bounds are kept by destination, as for point to point.
    fn points(&self, question: &Question, tolerance_permille: i64) -> (Vec<Point>, f64) {
        let limits = Limits {
            within_min: WITHIN_MIN,
            tolerance_permille,
            co2: true,
        };
        let query = Self::query(question);
        let goal = Goal::new(&self.network, query.to, query.weight_g);
        let mut reach = Reach::new(&self.network);
        self.timed(|| self.network.points_to(&query, limits, &goal, &mut reach))
    }

    pub(super) fn pareto(&self) -> Pareto {
        (self.say)("Pareto sets");
        let questions = || self.questions.iter().take(self.plan.pareto);
        let bounds = questions().map(|question| {
            let query = Self::query(question);
            self.timed(|| Goal::new(&self.network, query.to, query.weight_g))
                .1
        });
        let bounds: Vec<f64> = bounds.collect();
        let (sets, times): (Vec<Vec<Point>>, Vec<f64>) = questions()
            .map(|question| self.points(question, TOLERANCE))
            .unzip();
        (self.say)("exact Pareto sets");
        let (exact, exact_times): (Vec<Vec<Point>>, Vec<f64>) =
            questions().map(|question| self.points(question, 0)).unzip();
        let all: usize = exact.iter().map(Vec::len).sum();
        let pairs = questions().zip(&sets).zip(&exact);
        let covered = pairs.map(|((question, set), points)| {
            let near = |point: &&Point| near(point, set, question.ready);
            points.iter().filter(near).count()
        });
        let covered: usize = covered.sum();
        let peers = self.plan.pareto.div_ceil(5);
        let (vulture, _) = self.priced(peers, false, &exact);
        let (vulture_co2, mismatches) = self.priced(peers, true, &exact);
        let both = |peer: &Times| {
            let ours = times.get(..peer.queries).unwrap_or_default();
            peer.p50_us / Times::of(ours.to_vec()).p50_us
        };
        Pareto {
            tolerance_permille: TOLERANCE,
            points: number(sets.iter().map(Vec::len).sum()) / number(sets.len().max(1)),
            bounds: Times::of(bounds),
            exact: Times::of(exact_times),
            exact_points: number(all) / number(sets.len().max(1)),
            covered: number(covered) / number(all.max(1)),
            times_vulture: both(&vulture),
            times_vulture_co2: both(&vulture_co2),
            vulture,
            compared: vulture_co2.queries,
            vulture_co2,
            mismatches,
            sortline: Times::of(times.clone()),
        }
    }

    /// vulture on arrival, price and trips, or on emissions too; and how many of its sets on all
    /// three criteria are not those found here. It has the same limits on time and legs.
    fn priced(&self, queries: usize, co2: bool, exact: &[Vec<Point>]) -> (Times, usize) {
        (self.say)("vulture, multi-criteria");
        let raptor = Raptor::new(self.nodes(), &self.departures, Self::week(), true);
        let mut cache = raptor.priced_cache();
        let (mut times, mut mismatches) = (Vec::new(), 0);
        for (question, exact) in self.questions.iter().zip(exact).take(queries) {
            let Some(first) = exact.iter().map(|point| point.arrive).min() else {
                continue;
            };
            let costs = raptor.costs(co2, first.after(WITHIN_MIN));
            let Question { from, ready, to } = *question;
            let query = || raptor.pareto((from, to), ready, costs, &mut cache);
            let (found, time) = self.timed(query);
            times.push(time);
            mismatches += usize::from(co2 && !alike(exact, &found));
        }
        (Times::of(times), mismatches)
    }
}

/// Whether one of `set` is worse than `point` by at most 5 % in each criterion.
fn near(point: &Point, set: &[Point], ready: Minute) -> bool {
    let within = |found: i64, exact: i64| found * 100 <= exact * 105;
    set.iter().any(|found| {
        let took = |at: Minute| i64::from(at.since(ready));
        within(took(found.arrive), took(point.arrive))
            && within(found.cost.0, point.cost.0)
            && within(found.co2_g.0, point.co2_g.0)
    })
}

/// Whether two sets are the same but for rounding: each point of one is no better than one of the
/// other by more than the thousandths that its legs are rounded by.
fn alike(exact: &[Point], found: &[Found]) -> bool {
    const ROUNDED: i64 = 8;
    let thousandths = |all: Micros| all.0 / 1_000;
    let known = exact.iter().map(|point| {
        (
            point.arrive,
            thousandths(point.cost),
            thousandths(point.co2_g),
        )
    });
    let known: Vec<(Minute, i64, i64)> = known.collect();
    let found = found.iter();
    let found: Vec<(Minute, i64, i64)> = found
        .map(|point| (point.arrive, i64::from(point.cost), i64::from(point.co2)))
        .collect();
    let within = |all: &[(Minute, i64, i64)], others: &[(Minute, i64, i64)]| {
        all.iter().all(|(arrive, cost, co2)| {
            others.iter().any(|other| {
                other.0 <= *arrive && other.1 <= cost + ROUNDED && other.2 <= co2 + ROUNDED
            })
        })
    };
    within(&known, &found) && within(&found, &known)
}
