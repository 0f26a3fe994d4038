//! Gradient-boosted regression trees for delays: probabilities of being late, and quantiles.
//!
//! After Friedman: Greedy function approximation: a gradient boosting machine, Annals of
//! Statistics 29(5), 2001. Features are put into at most 255 bins of equal counts; every tree grows
//! level by level, and a leaf takes the step that lowers the loss of its rows most: a Newton step
//! for probabilities, the quantile of the residuals for quantiles. Steps of leaves with few rows
//! are shrunk to zero. Nothing is random: the same rows give the same trees.

use crate::generator::real;

/// Most bins of a feature.
const BINS_MAX: usize = 255;
/// Rows by which the step of a leaf is shrunk.
const SHRINK: f64 = 20.0;
/// Least rows of a leaf.
const LEAF_MIN: f64 = 100.0;

/// How a model is grown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// Number of trees.
    pub trees: usize,
    /// Levels of a tree.
    pub depth: usize,
    /// Share of a step that is taken.
    pub rate: f64,
}

impl Default for Growth {
    /// A hundred and twenty trees of six levels, each a tenth of a step.
    fn default() -> Self {
        Self {
            trees: 120,
            depth: 6,
            rate: 0.1,
        }
    }
}

/// What is learnt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// The probability that a value is above this many minutes.
    Above(f64),
    /// The value that this share of all values is at most.
    Quantile(f64),
}

#[derive(Clone, Copy, Debug)]
enum Node {
    Split {
        feature: usize,
        limit: u8,
        left: usize,
    },
    Leaf(f64),
}

/// A model that was learnt.
#[derive(Clone, Debug)]
pub struct Boost {
    loss: Loss,
    start: f64,
    /// By feature: upper limits of the bins.
    limits: Vec<Vec<f64>>,
    trees: Vec<Vec<Node>>,
}

struct Growing<'a> {
    loss: Loss,
    growth: Growth,
    codes: &'a [Vec<u8>],
    values: &'a [f64],
    /// By row: what the trees so far give.
    score: Vec<f64>,
}

/// Gradient, weight and count of rows.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    gradient: f64,
    weight: f64,
    rows: f64,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.gradient += other.gradient;
        self.weight += other.weight;
        self.rows += other.rows;
    }

    fn gain(self) -> f64 {
        self.gradient * self.gradient / (self.weight + 1.0)
    }
}

impl Boost {
    /// Learns from columns of features and as many values. Rows beyond the shortest are left out.
    #[must_use]
    pub fn learn(columns: &[Vec<f64>], values: &[f64], loss: Loss, growth: Growth) -> Self {
        let limits: Vec<Vec<f64>> = columns.iter().map(|column| bins(column)).collect();
        let coded = columns.iter().zip(&limits);
        let codes: Vec<Vec<u8>> = coded
            .map(|(column, limits)| column.iter().map(|value| code(limits, *value)).collect())
            .collect();
        let start = match loss {
            Loss::Above(minutes) => {
                let above = values.iter().filter(|value| **value > minutes).count();
                let share = (real(above) + 1.0) / (real(values.len()) + 2.0);
                (share / (1.0 - share)).ln()
            }
            Loss::Quantile(share) => quantile(values.to_vec(), share),
        };
        let mut growing = Growing {
            loss,
            growth,
            codes: &codes,
            values,
            score: vec![start; values.len()],
        };
        let trees = (0..growth.trees).map(|_| growing.tree()).collect();
        Self {
            loss,
            start,
            limits,
            trees,
        }
    }

    /// The probability or quantile for a row of features.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> f64 {
        let coded = row.iter().zip(&self.limits);
        let codes: Vec<u8> = coded.map(|(value, limits)| code(limits, *value)).collect();
        let steps = self
            .trees
            .iter()
            .map(|tree| walk(tree, |feature| codes.get(feature).copied()));
        let score = self.start + steps.sum::<f64>();
        match self.loss {
            Loss::Above(_) => 1.0 / (1.0 + (-score).exp()),
            Loss::Quantile(_) => score,
        }
    }
}

fn walk(tree: &[Node], code: impl Fn(usize) -> Option<u8>) -> f64 {
    let mut at = 0;
    loop {
        match tree.get(at) {
            Some(Node::Split {
                feature,
                limit,
                left,
            }) => {
                let right = code(*feature).unwrap_or(0) > *limit;
                at = left + usize::from(right);
            }
            Some(Node::Leaf(step)) => return *step,
            None => return 0.0,
        }
    }
}

/// Upper limits of bins of about equal counts.
fn bins(column: &[f64]) -> Vec<f64> {
    let mut sorted = column.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut limits: Vec<f64> = (1..BINS_MAX)
        .filter_map(|bin| sorted.get(bin * sorted.len() / BINS_MAX).copied())
        .collect();
    limits.dedup();
    limits
}

fn code(limits: &[f64], value: f64) -> u8 {
    u8::try_from(limits.partition_point(|limit| *limit < value)).unwrap_or(u8::MAX)
}

/// The value that this share of all values is at most; 0 of none.
fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    let last = values.len().saturating_sub(1);
    let index = (0..=last).collect::<Vec<usize>>();
    let index = index.partition_point(|index| real(*index) < share * real(last));
    if values.is_empty() {
        return 0.0;
    }
    let (_, value, _) = values.select_nth_unstable_by(index.min(last), f64::total_cmp);
    *value
}

impl Growing<'_> {
    /// Grows a tree and adds its steps to the scores.
    fn tree(&mut self) -> Vec<Node> {
        let sums = self.gradients();
        let mut tree = vec![Node::Leaf(0.0)];
        let mut open: Vec<(usize, Vec<u32>)> = vec![(0, rows(self.values.len()))];
        for level in 0..=self.growth.depth {
            let mut next = Vec::new();
            for (at, rows) in open {
                let split = if level < self.growth.depth {
                    self.split(&rows, &sums)
                } else {
                    None
                };
                let Some((feature, limit)) = split else {
                    self.leaf(&mut tree, at, &rows, &sums);
                    continue;
                };
                let codes = self.codes.get(feature).map_or(&[][..], Vec::as_slice);
                let right = |row: &u32| codes.get(*row as usize).is_some_and(|code| *code > limit);
                let (above, below): (Vec<u32>, Vec<u32>) = rows.into_iter().partition(right);
                let left = tree.len();
                tree.extend([Node::Leaf(0.0), Node::Leaf(0.0)]);
                if let Some(cell) = tree.get_mut(at) {
                    *cell = Node::Split {
                        feature,
                        limit,
                        left,
                    };
                }
                next.extend([(left, below), (left + 1, above)]);
            }
            open = next;
        }
        tree
    }

    fn gradients(&self) -> Vec<Sum> {
        let rows = self.score.iter().zip(self.values);
        let one = |(score, value): (&f64, &f64)| match self.loss {
            Loss::Above(minutes) => {
                let chance = 1.0 / (1.0 + (-score).exp());
                let above = f64::from(u8::from(*value > minutes));
                Sum {
                    gradient: above - chance,
                    weight: chance * (1.0 - chance),
                    rows: 1.0,
                }
            }
            Loss::Quantile(share) => Sum {
                gradient: if value > score { share } else { share - 1.0 },
                weight: 1.0,
                rows: 1.0,
            },
        };
        rows.map(one).collect()
    }

    /// The feature and bin whose split lowers the loss most.
    fn split(&self, rows: &[u32], sums: &[Sum]) -> Option<(usize, u8)> {
        let mut best: Option<(f64, usize, u8)> = None;
        for (feature, codes) in self.codes.iter().enumerate() {
            let mut bins = [Sum::default(); BINS_MAX];
            let mut all = Sum::default();
            for row in rows {
                let (Some(code), Some(sum)) = (codes.get(*row as usize), sums.get(*row as usize))
                else {
                    continue;
                };
                if let Some(bin) = bins.get_mut(usize::from(*code)) {
                    bin.add(*sum);
                }
                all.add(*sum);
            }
            let mut left = Sum::default();
            for (bin, limit) in bins.iter().zip(0u8..) {
                left.add(*bin);
                let right = Sum {
                    gradient: all.gradient - left.gradient,
                    weight: all.weight - left.weight,
                    rows: all.rows - left.rows,
                };
                if left.rows < LEAF_MIN || right.rows < LEAF_MIN {
                    continue;
                }
                let gain = left.gain() + right.gain() - all.gain();
                if gain > best.map_or(1e-9, |(most, _, _)| most) {
                    best = Some((gain, feature, limit));
                }
            }
        }
        best.map(|(_, feature, limit)| (feature, limit))
    }

    fn leaf(&mut self, tree: &mut [Node], at: usize, rows: &[u32], sums: &[Sum]) {
        let mut all = Sum::default();
        for row in rows {
            all.add(sums.get(*row as usize).copied().unwrap_or_default());
        }
        let whole = match self.loss {
            Loss::Above(_) => all.gradient / (all.weight + 1.0),
            Loss::Quantile(share) => {
                let rest = |row: &u32| {
                    let at = *row as usize;
                    Some(self.values.get(at)? - self.score.get(at)?)
                };
                let shrunk = all.rows / (all.rows + SHRINK);
                quantile(rows.iter().filter_map(rest).collect(), share) * shrunk
            }
        };
        let step = whole * self.growth.rate;
        for row in rows {
            if let Some(score) = self.score.get_mut(*row as usize) {
                *score += step;
            }
        }
        if let Some(cell) = tree.get_mut(at) {
            *cell = Node::Leaf(step);
        }
    }
}

fn rows(number: usize) -> Vec<u32> {
    (0..u32::try_from(number).unwrap_or(u32::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::Draw;

    /// Values that depend on the first of two features only.
    fn sample(number: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
        let mut draw = Draw::new(5);
        let (mut columns, mut values) = (vec![Vec::new(), Vec::new()], Vec::new());
        for _ in 0..number {
            let (hour, other) = (draw.real(0.0, 24.0), draw.part());
            columns[0].push(hour);
            columns[1].push(other);
            let late = if hour < 12.0 { 10.0 } else { 60.0 };
            values.push(late * draw.part());
        }
        (columns, values)
    }

    #[test]
    fn probabilities_and_quantiles_follow_the_feature_that_matters() {
        let (columns, values) = sample(20_000);
        let above = Boost::learn(&columns, &values, Loss::Above(5.0), Growth::default());
        let mean = |model: &Boost, from: f64| {
            let hours = (0..11u8).map(|hour| model.predict(&[from + f64::from(hour), 0.5]));
            hours.sum::<f64>() / 11.0
        };
        assert!((mean(&above, 0.5) - 0.5).abs() < 0.03);
        assert!((mean(&above, 12.5) - 55.0 / 60.0).abs() < 0.03);
        let high = Boost::learn(&columns, &values, Loss::Quantile(0.9), Growth::default());
        assert!((mean(&high, 0.5) - 9.0).abs() < 0.5);
        assert!((mean(&high, 12.5) - 54.0).abs() < 1.5);
    }

    #[test]
    fn one_route_of_two_hundred_is_told_from_its_neighbors() {
        // A feature such as a distance names a route; that of number 101 is late.
        let routes: Vec<f64> = (0..200u8).map(f64::from).collect();
        let column: Vec<f64> = routes.iter().copied().cycle().take(40_000).collect();
        let late = |route: &f64| {
            if (route - 101.0).abs() < 0.5 {
                60.0
            } else {
                0.0
            }
        };
        let values: Vec<f64> = column.iter().map(late).collect();
        let model = Boost::learn(&[column], &values, Loss::Above(15.0), Growth::default());
        let chances = [100.0, 101.0, 102.0].map(|route| model.predict(&[route]));
        assert!(
            chances[0] < 0.02 && chances[1] > 0.9 && chances[2] < 0.02,
            "{chances:?}"
        );
    }

    #[test]
    fn few_rows_stay_with_what_is_usual() {
        let (columns, values) = sample(50);
        let model = Boost::learn(&columns, &values, Loss::Above(5.0), Growth::default());
        let usual = model.predict(&[1.0, 0.5]);
        assert!((usual - model.predict(&[23.0, 0.5])).abs() < 1e-9);
        let none = Boost::learn(&[], &[], Loss::Quantile(0.5), Growth::default());
        assert!(none.predict(&[]).abs() < 1e-9);
    }
}
