//! Sort plans by a solver of mixed-integer programs (HiGHS): exact for small instances, and a bound
//! that the heuristic of [`sortline_route::sortplan`] is measured against.
//!
//! Every destination has one chute; a chute has at most as many destinations as it may. First the
//! peak is made as small as possible, then, with that peak, parcels that take another lap, changes
//! of chutes and walking.

use std::ops::RangeInclusive;

use highs::{Col, HighsModelStatus, RowProblem, Sense, SolvedModel};
use sortline_route::sortplan::Task;

/// Chutes times destinations beyond which nothing is begun.
pub const BINARIES_MAX: usize = 50_000;
/// Parcels of a handling unit: one walk each.
const UNIT: f64 = 40.0;

/// What the solver found.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Solved {
    /// By destination: its chute.
    pub chutes: Vec<usize>,
    /// Largest load of a chute in any wave.
    pub peak: f64,
    /// No assignment of whole destinations has a smaller peak.
    pub bound: f64,
    /// Whether the peak is proved to be the smallest.
    pub optimal: bool,
    /// Whether the rest is proved to be the cheapest with that peak.
    pub cheapest: bool,
}

/// Why nothing was solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsolved {
    /// The instance is too large to begin with.
    #[error("{found} pairs of destination and chute; allowed are {BINARIES_MAX}")]
    TooLarge {
        /// Pairs.
        found: usize,
    },
    /// No assignment was found in time, or there is none.
    #[error("no assignment was found in time")]
    Nothing,
}

struct Program {
    rows: RowProblem,
    /// By destination, then chute.
    assigned: Vec<Vec<Col>>,
}

/// Solves a task, taking at most so many seconds for each of the two steps.
///
/// # Errors
/// It is too large, or nothing was found in time.
pub fn solve(task: &Task, seconds: f64) -> Result<Solved, Unsolved> {
    let found = task.demands.len() * task.chutes.len();
    if found > BINARIES_MAX {
        return Err(Unsolved::TooLarge { found });
    }
    let mut first = Program::new(task, |_, _| 0.0);
    let peak = first.rows.add_column(1.0, 0.0..);
    first.loads(task, Some(peak), f64::INFINITY);
    let (columns, solved) = run(first.rows, seconds).ok_or(Unsolved::Nothing)?;
    let least = columns.get(found).copied().unwrap_or(0.0).round();
    let optimal = solved.status() == HighsModelStatus::Optimal;
    let bound = if optimal {
        least
    } else {
        least * (1.0 - solved.mip_gap().clamp(0.0, 1.0))
    };
    let cost = |demand: usize, chute: usize| cost(task, demand, chute);
    let mut second = Program::new(task, cost);
    second.laps(task);
    second.loads(task, None, least + 0.5);
    let (columns, cheapest) = match run(second.rows, seconds) {
        Some((columns, solved)) => (columns, solved.status() == HighsModelStatus::Optimal),
        None => (columns, false),
    };
    let chutes = columns.chunks(task.chutes.len()).take(task.demands.len());
    let chosen = |row: &[f64]| row.iter().position(|value| *value > 0.5).unwrap_or(0);
    Ok(Solved {
        chutes: chutes.map(chosen).collect(),
        peak: least,
        bound,
        optimal,
        cheapest,
    })
}

/// Changing chutes and walking, in thousandths of a parcel.
fn cost(task: &Task, demand: usize, chute: usize) -> f64 {
    let (Some(demand), Some(about)) = (task.demands.get(demand), task.chutes.get(chute)) else {
        return 0.0;
    };
    let parcels: u32 = demand.parcels.iter().sum();
    let walk = f64::from(parcels) / UNIT * f64::from(about.walk_m);
    let changed = demand.chute.is_some_and(|now| now != chute);
    let number = |weight: i64| f64::from(i32::try_from(weight).unwrap_or(i32::MAX));
    walk * number(task.weights.walk_km)
        + f64::from(u8::from(changed)) * number(task.weights.change) * 1_000.0
}

impl Program {
    fn new(task: &Task, cost: impl Fn(usize, usize) -> f64) -> Self {
        let mut rows = RowProblem::default();
        let binary: RangeInclusive<f64> = 0.0..=1.0;
        let assigned: Vec<Vec<Col>> = (0..task.demands.len())
            .map(|demand| {
                let columns = (0..task.chutes.len())
                    .map(|chute| rows.add_integer_column(cost(demand, chute), binary.clone()));
                columns.collect()
            })
            .collect();
        for chutes in &assigned {
            let all: Vec<(Col, f64)> = chutes.iter().map(|column| (*column, 1.0)).collect();
            rows.add_row(1.0..=1.0, all);
        }
        for (index, chute) in task.chutes.iter().enumerate() {
            let here = assigned.iter().filter_map(|chutes| chutes.get(index));
            let all: Vec<(Col, f64)> = here.map(|column| (*column, 1.0)).collect();
            let most = u32::try_from(chute.destinations_max).unwrap_or(u32::MAX);
            rows.add_row(..=f64::from(most), all);
        }
        let mut program = Self { rows, assigned };
        program.changes(task);
        program
    }

    /// No more changes than are allowed.
    fn changes(&mut self, task: &Task) {
        let Some(most) = task.changes_max else {
            return;
        };
        let demands = task.demands.iter().zip(&self.assigned);
        let kept: Vec<(Col, f64)> = demands
            .filter_map(|(demand, chutes)| chutes.get(demand.chute?).map(|column| (*column, 1.0)))
            .collect();
        let least = task.demands.len().saturating_sub(most);
        self.rows
            .add_row(f64::from(u32::try_from(least).unwrap_or(u32::MAX)).., kept);
    }

    /// The load of a chute in a wave, by column.
    fn load(&self, task: &Task, chute: usize, wave: usize) -> Vec<(Col, f64)> {
        let demands = task.demands.iter().zip(&self.assigned);
        let loads = demands.filter_map(|(demand, chutes)| {
            let parcels = demand.parcels.get(wave).copied()?;
            (parcels > 0).then(|| Some((*chutes.get(chute)?, f64::from(parcels))))?
        });
        loads.collect()
    }

    fn waves(task: &Task) -> usize {
        task.demands
            .first()
            .map_or(0, |demand| demand.parcels.len())
    }

    /// Every load is at most the peak, a column or a number.
    fn loads(&mut self, task: &Task, peak: Option<Col>, most: f64) {
        for chute in 0..task.chutes.len() {
            for wave in 0..Self::waves(task) {
                let mut load = self.load(task, chute, wave);
                match peak {
                    Some(peak) => {
                        load.push((peak, -1.0));
                        self.rows.add_row(..=0.0, load);
                    }
                    None => {
                        self.rows.add_row(..=most, load);
                    }
                }
            }
        }
    }

    /// Parcels beyond what a chute takes in a wave take another lap.
    fn laps(&mut self, task: &Task) {
        let weight = f64::from(i32::try_from(task.weights.lap).unwrap_or(i32::MAX)) * 1_000.0;
        for (index, chute) in task.chutes.iter().enumerate() {
            for wave in 0..Self::waves(task) {
                let mut load = self.load(task, index, wave);
                let over = self.rows.add_column(weight, 0.0..);
                load.push((over, -1.0));
                self.rows.add_row(..=f64::from(chute.parcels_max), load);
            }
        }
    }
}

/// Values of the columns; `None` when nothing was found.
fn run(rows: RowProblem, seconds: f64) -> Option<(Vec<f64>, SolvedModel)> {
    let mut model = rows.optimise(Sense::Minimise);
    model.make_quiet();
    model.set_option("time_limit", seconds);
    model.set_option("threads", 1);
    let solved = model.solve();
    let found = matches!(
        solved.status(),
        HighsModelStatus::Optimal | HighsModelStatus::ReachedTimeLimit
    );
    let columns = solved.get_solution().columns().to_vec();
    (found && !columns.is_empty()).then_some((columns, solved))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortline_route::generator::Draw;
    use sortline_route::sortplan::{Chute, Demand, Weights, optimise};

    fn task(loads: &[[u32; 2]], chutes: usize) -> Task {
        let demand = |(index, parcels): (usize, &[u32; 2])| Demand {
            destination: index.to_string(),
            parcels: parcels.to_vec(),
            last_wave: 1,
            chute: Some(index % chutes),
        };
        let chute = |index: usize| Chute {
            name: index.to_string(),
            parcels_max: 100,
            destinations_max: 4,
            walk_m: 10,
        };
        Task {
            demands: loads.iter().enumerate().map(demand).collect(),
            chutes: (0..chutes).map(chute).collect(),
            weights: Weights::default(),
            changes_max: None,
        }
    }

    #[test]
    fn the_solver_finds_the_least_peak_and_the_heuristic_is_near() {
        let loads = [
            [9, 1],
            [8, 2],
            [7, 3],
            [6, 4],
            [5, 5],
            [4, 6],
            [3, 7],
            [2, 8],
            [1, 9],
        ];
        let task = task(&loads, 3);
        let solved = solve(&task, 20.0).unwrap();
        assert!(solved.optimal && solved.cheapest);
        assert!((solved.peak - 15.0).abs() < 1e-6, "{solved:?}");
        let mut seen = [[0u32; 2]; 3];
        for (load, chute) in loads.iter().zip(&solved.chutes) {
            seen[*chute][0] += load[0];
            seen[*chute][1] += load[1];
        }
        assert!(seen.iter().flatten().all(|load| *load <= 15), "{seen:?}");
        let made = optimise(&task).unwrap();
        assert!(made.figures.peak <= 15, "{:?}", made.figures);
    }

    #[test]
    fn few_changes_are_kept_to() {
        let mut task = task(&[[9, 0], [1, 0], [1, 0], [9, 0], [1, 0], [1, 0]], 3);
        task.changes_max = Some(1);
        let solved = solve(&task, 20.0).unwrap();
        let demands = task.demands.iter().zip(&solved.chutes);
        let changed = demands
            .filter(|(demand, chute)| demand.chute != Some(**chute))
            .count();
        assert_eq!(changed, 1);
        // One of the large ones goes to a chute that has two small ones.
        assert!((solved.peak - 11.0).abs() < 1e-6, "{solved:?}");
    }

    #[test]
    fn on_small_instances_the_heuristic_is_at_most_a_parcel_above_the_optimum() {
        let mut same = 0;
        for seed in 0..12 {
            let mut draw = Draw::new(seed);
            let mut load = || u32::try_from(5 + draw.below(40)).unwrap();
            let loads: Vec<[u32; 2]> = (0..10).map(|_| [load(), load()]).collect();
            let task = task(&loads, 3);
            let (solved, made) = (solve(&task, 20.0).unwrap(), optimise(&task).unwrap());
            assert!(solved.optimal, "{seed}: {solved:?}");
            let whole = made.chutes.iter().all(|chutes| chutes.len() == 1);
            let peak = f64::from(i32::try_from(made.figures.peak).unwrap());
            assert!(
                !whole || peak >= solved.peak - 0.5,
                "{seed}: {peak} {solved:?}"
            );
            assert!(peak <= solved.peak + 1.5, "{seed}: {peak} {solved:?}");
            same += usize::from(peak <= solved.peak + 0.5);
        }
        assert!(same >= 10, "{same} of 12 are optimal");
    }
}
