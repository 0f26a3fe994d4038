//! The parts of the measurement.

use std::sync::Arc;

use sortline_route::generator::Draw;
use sortline_route::sortplan::{Chute, Demand, Proposal, Task, Weights, optimise};
use sortline_route::{
    Change, Condition, DAY_MIN, Kind, Level, Minute, Mode, Node, Plan, Planner, Query, Reach,
    Replanned, Table,
};
use tokio::sync::watch;

use super::graphs::Static;
use super::{Bench, Disruption, Ignoring, OneToAll, Question, Risk, SortPlan, Times, number, part};

/// Samples drawn for a probability.
const SAMPLES: usize = 100_000;

impl Bench<'_> {
    pub(super) fn nodes(&self) -> usize {
        self.network.nodes().count()
    }

    pub(super) fn asked(&self, limit: usize) -> impl Iterator<Item = (&Question, &Option<Minute>)> {
        self.questions.iter().zip(&self.answers).take(limit)
    }

    pub(super) fn one_to_all(&self) -> OneToAll {
        (self.say)("one to all");
        let origins = || self.questions.iter().take(200);
        let mut reach = Reach::new(&self.network);
        let ours = origins().map(|question| {
            let query = || reach.spread(&self.network, question.from, question.ready);
            self.timed(query).1
        });
        let sortline = Times::of(ours.collect());
        let graph = Static::new(self.nodes(), &self.departures, Self::week());
        let theirs = origins().map(|question| self.timed(|| graph.to_all(question.from)).1);
        let petgraph_static = Times::of(theirs.collect());
        (self.say)("the table of one site");
        let (table_s, look_up_ns) = self.table();
        OneToAll {
            of_petgraph: sortline.mean_us / petgraph_static.mean_us,
            sortline,
            petgraph_static,
            table_s,
            look_up_ns,
        }
    }

    /// Seconds for a full table, and nanoseconds for one look-up of it by postcode.
    fn table(&self) -> (f64, f64) {
        const LOOKS: usize = 200_000;
        let Some(question) = self.questions.first() else {
            return (0.0, 0.0);
        };
        let make = || Table::from_site(&self.network, question.from, question.ready);
        let (table, time) = self.timed(make);
        let (_sender, newest) = watch::channel(Some(Arc::new(table)));
        let addresses: Vec<(String, String)> = self
            .network
            .nodes()
            .filter(|(_, info)| info.kind.is_none())
            .zip(10_000..)
            .map(|((_, info), code)| (info.country.clone(), format!("{code}")))
            .collect();
        let mut found = 0usize;
        let looks = || {
            for (country, postcode) in addresses.iter().cycle().take(LOOKS) {
                let table = newest.borrow();
                let entry = table.as_ref();
                let entry = entry.and_then(|all| all.lookup(country, postcode, Level::Standard));
                found += usize::from(entry.is_some());
            }
        };
        let ((), all) = self.timed(looks);
        (self.say)(&format!("{found} of {LOOKS} look-ups found a route"));
        (time / 1e6, all * 1_000.0 / number(LOOKS))
    }

    pub(super) fn query(question: &Question) -> Query {
        Query {
            from: question.from,
            to: question.to,
            ready: question.ready,
            weight_g: 500,
            level: Level::Standard,
            promise: None,
            options: 1,
        }
    }

    pub(super) fn ignoring(&self) -> Ignoring {
        (self.say)("following static routes");
        let graph = Static::new(self.nodes(), &self.departures, Self::week());
        let mut extra = Vec::new();
        let mut optimal = 0;
        for (question, best) in self.asked(1_000) {
            let followed = graph
                .path(question.from, question.to)
                .and_then(|path| self.network.follow(&path, question.ready));
            let (Some(followed), Some(best)) = (followed, best) else {
                continue;
            };
            let took = |at: Minute| f64::from(at.since(question.ready).max(1));
            extra.push((took(followed) / took(*best) - 1.0) * 100.0);
            optimal += usize::from(followed == *best);
        }
        extra.sort_unstable_by(f64::total_cmp);
        let routes = extra.len();
        Ignoring {
            routes,
            mean_percent: extra.iter().sum::<f64>() / number(routes.max(1)),
            p50_percent: part(&extra, 500),
            p90_percent: part(&extra, 900),
            p99_percent: part(&extra, 990),
            optimal_percent: 100.0 * number(optimal) / number(routes.max(1)),
        }
    }

    pub(super) fn risk(&self) -> Risk {
        (self.say)("probabilities of keeping the promise");
        let mut draw = Draw::new(self.plan.seed.wrapping_add(2));
        let (mut times, mut apart) = (Vec::new(), Vec::new());
        for (question, best) in self.asked(40) {
            let Some(best) = best else { continue };
            let promise = best.after(i32::try_from(draw.below(24 * 60)).unwrap_or(0));
            let query = Query {
                promise: Some(promise),
                ..Self::query(question)
            };
            let Some(route) = self.network.options(&query).into_iter().next() else {
                continue;
            };
            let evaluate = || self.network.on_time(&route, question.ready, promise);
            let (chance, time) = self.timed(evaluate);
            times.push(time);
            if apart.len() < 20 {
                let kept = (0..SAMPLES)
                    .filter_map(|_| self.network.drawn(&route, question.ready, &mut draw))
                    .filter(|arrive| *arrive <= promise)
                    .count();
                apart.push((chance - number(kept) / number(SAMPLES)).abs());
            }
        }
        Risk {
            sortline: Times::of(times),
            routes: apart.len(),
            samples: SAMPLES,
            worst: apart.iter().copied().fold(0.0, f64::max),
            mean: apart.iter().sum::<f64>() / number(apart.len().max(1)),
        }
    }

    pub(super) fn sort_plan(&self) -> SortPlan {
        (self.say)("sort plans");
        let (mut gap, mut to_share) = (0.0f64, 0.0f64);
        let mut times = Vec::new();
        for seed in 0..20 {
            let task = task(self.plan.seed.wrapping_add(seed));
            let (made, time) = self.timed(|| optimise(&task));
            times.push(time);
            gap = gap.max(made.as_ref().map_or(1.0, Proposal::gap));
            let peak = made.map_or(0, |proposal| proposal.figures.peak);
            let peak = number(usize::try_from(peak).unwrap_or(0));
            to_share = to_share.max(peak / number(share(&task)) - 1.0);
        }
        SortPlan {
            sortline: Times::of(times),
            gap_percent: gap * 100.0,
            gap_to_share_percent: to_share * 100.0,
        }
    }

    pub(super) fn disruption(&mut self) -> anyhow::Result<Disruption> {
        (self.say)("a hub closed for 48 hours");
        let mut planner = Planner::new(&self.network);
        let asked = self.questions.iter().take(10_000);
        let plans: Vec<Plan> = asked
            .filter_map(|one| planner.plan(&self.network, one.from, one.ready, one.to))
            .collect();
        let place = self.busiest(&plans);
        self.disrupted((planner, &plans), Change::Close { place }, 2)
    }

    /// The strait that most ships pass, closed for ten days: ships go round, a week longer.
    pub(super) fn strait(&mut self) -> anyhow::Result<Disruption> {
        (self.say)("a strait closed for ten days");
        let mut planner = Planner::without(&self.network, Mode::Air);
        let ports: Vec<Node> = self
            .network
            .nodes()
            .filter(|(_, info)| info.kind == Some(Kind::Port))
            .map(|(node, _)| node)
            .collect();
        let mut draw = Draw::new(self.plan.seed.wrapping_add(3));
        let mut plans = Vec::new();
        for _ in 0..self.plan.queries.min(600) {
            let mut pick = || ports.get(draw.below(ports.len())).copied();
            if let (Some(from), Some(to)) = (pick(), pick()) {
                let later = i32::try_from(draw.below(3 * 1_440)).unwrap_or(0);
                let ready = Self::week().after(later);
                plans.extend(planner.plan(&self.network, from, ready, to));
            }
        }
        let mut counts = std::collections::BTreeMap::<&str, usize>::new();
        for passage in plans.iter().flat_map(|plan| plan.passages(&self.network)) {
            *counts.entry(passage).or_default() += 1;
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        let Some((passage, _)) = most else {
            return Ok(Disruption::default());
        };
        let change = Change::Passage {
            passage: passage.to_owned(),
            minutes: Some(7 * DAY_MIN),
        };
        self.disrupted((planner, &plans), change, 10)
    }

    fn disrupted(
        &mut self,
        (mut planner, plans): (Planner, &[Plan]),
        change: Change,
        days: i32,
    ) -> anyhow::Result<Disruption> {
        let from = Self::week().after(2 * DAY_MIN);
        let condition = Condition {
            id: "closed".to_owned(),
            from,
            to: from.after(days * DAY_MIN),
            change,
            reason: "it is closed".to_owned(),
        };
        self.network.set_conditions(&[])?;
        // It is announced when it begins: parcels go on from where they are then.
        let left = plans.iter().enumerate();
        let left = left.filter_map(|(whole, plan)| Some((whole, plan.rest(&self.network, from)?)));
        let left: Vec<(usize, Plan)> = left.collect();
        let began = (self.clock)();
        self.network.set_conditions(&[condition])?;
        let apply = (self.clock)().saturating_sub(began);
        let replan = || -> Vec<(usize, Replanned)> {
            let new = left.iter();
            new.filter_map(|(whole, plan)| Some((*whole, planner.replan(&self.network, plan)?)))
                .collect()
        };
        let (touched, time) = self.timed(replan);
        let (mut kept_h, mut new_h, mut known_h, mut both) = (0.0, 0.0, 0.0, 0usize);
        for (whole, replanned) in &touched {
            let whole = plans.get(*whole);
            // With the closure known before the parcel left: no plan is earlier.
            let known = whole.and_then(|whole| {
                planner.plan(&self.network, whole.from(), whole.ready(), whole.to())
            });
            let later = |at: Minute| f64::from(at.since(replanned.before)) / 60.0;
            if let (Some(kept), Some(new), Some(known)) = (replanned.kept, &replanned.plan, known) {
                kept_h += later(kept);
                new_h += later(new.arrive());
                known_h += later(known.arrive());
                both += 1;
            }
        }
        Ok(Disruption {
            parcels: left.len(),
            touched: touched.len(),
            apply_ms: apply.as_secs_f64() * 1_000.0,
            replanned_per_s: number(touched.len()) / (time / 1e6),
            kept_h: kept_h / number(both.max(1)),
            replanned_h: new_h / number(both.max(1)),
            known_h: known_h / number(both.max(1)),
            share: new_h / kept_h.max(1e-9),
            share_known: known_h / kept_h.max(1e-9),
        })
    }

    /// The airport that most plans go through.
    fn busiest(&self, plans: &[Plan]) -> String {
        let airport = |node: &Node| {
            let info = self.network.node(*node);
            info.is_some_and(|info| info.kind == Some(Kind::Airport))
        };
        let mut counts = std::collections::BTreeMap::<Node, usize>::new();
        for plan in plans {
            for node in plan.nodes(&self.network).filter(airport) {
                *counts.entry(node).or_default() += 1;
            }
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        most.map_or_else(String::new, |(node, _)| self.network.id(node).to_owned())
    }
}

/// Parcels of the fullest wave over all chutes, rounded up.
fn share(task: &Task) -> usize {
    let waves = 0..task
        .demands
        .first()
        .map_or(0, |demand| demand.parcels.len());
    let of_wave = |wave: usize| -> usize {
        let parcels = task.demands.iter().filter_map(|one| one.parcels.get(wave));
        parcels.map(|parcels| *parcels as usize).sum()
    };
    let fullest = waves.map(of_wave).max().unwrap_or(0);
    fullest.div_ceil(task.chutes.len().max(1)).max(1)
}

/// 300 destinations whose volumes are lognormal (3.0, 0.6), 40 chutes, 3 waves of 0.6 to 1.4.
fn task(seed: u64) -> Task {
    let mut draw = Draw::new(seed);
    let demand = |index: usize, draw: &mut Draw| {
        let mean = (3.0 + 0.6 * draw.normal()).exp();
        let wave = |draw: &mut Draw| {
            let wanted = mean * draw.real(0.6, 1.4);
            (0..500u32)
                .find(|count| f64::from(*count) >= wanted)
                .unwrap_or(500)
        };
        Demand {
            destination: format!("{index}"),
            parcels: (0..3).map(|_| wave(draw)).collect(),
            last_wave: draw.below(3),
            chute: None,
        }
    };
    let chute = |index: usize, draw: &mut Draw| Chute {
        name: format!("{index}"),
        parcels_max: 400,
        destinations_max: 12,
        walk_m: u32::try_from(10 + draw.below(60)).unwrap_or(10),
    };
    Task {
        demands: (0..300).map(|index| demand(index, &mut draw)).collect(),
        chutes: (0..40).map(|index| chute(index, &mut draw)).collect(),
        weights: Weights::default(),
        changes_max: None,
    }
}
