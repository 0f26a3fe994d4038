//! The likeliest sequence of Code 128 characters under blur: dynamic programming over characters,
//! the modules that reach over their borders, and a slowly drifting timing.
//!
//! The darkness at a place is taken as the sum of the modules' values (±0.5), each a box widened by
//! a Gaussian blur. Of all sequences the one with the least squared residual is found exactly
//! (G. Ungerboeck, "Adaptive maximum-likelihood receiver for carrier-modulated data-transmission
//! systems", IEEE Trans. Commun. 22, 1974): neither binarisation nor edges are needed. The timing
//! may drift, which is what perspective and wrinkles do to a symbol (compare O. Gallo and
//! R. Manduchi, "Reading 1D barcodes with mobile phones using deformable templates", PAMI 2011).

use super::blur::{Blur, MEMORY, QUIET_GROUP, STEPS, Tails, module};
use super::code128::{CHARACTER, PATTERNS, START, STOP, STOP_MODULES, VALUES};
use super::grid::Grid;
use super::sum::Sums;
use super::valid::nearest;

/// Timing offsets to each side, steps.
const DRIFT: usize = 12;

/// All timing offsets.
const OFFSETS: usize = 2 * DRIFT + 1;

/// Steps by which the timing may change from one character to the next.
const DRIFT_STEP: usize = 2;

/// Price of a change of timing by one step, squared, in units of one module's full contrast.
const DRIFT_PRICE: f32 = 0.02;

/// A timing that lies so far behind the best, modules of full contrast, is given up: to go all the
/// way over from the best one costs less than one.
const BEAM: f32 = 4.0;

/// Modules sampled beyond both ends.
const MARGIN: usize = MEMORY + 3;

/// Correlation with the signal from which a path is worth a look at its valid neighbors.
const FIT_NEAR: f32 = 0.8;

/// Values that cost more than this in place of a word are not thought of, residuals of one module.
const PRICES_MAX: f32 = 40.0;

/// The likeliest sequence on one grid.
#[derive(Clone, Debug, Default)]
pub(super) struct Path {
    /// Start to check character.
    pub(super) words: Vec<u8>,
    /// Timing offset of each word and of the stop pattern, steps.
    pub(super) offsets: Vec<i32>,
    /// How much greater the squared residual of the next sequence is whose check character fits,
    /// modules of full contrast; 0 when that of this one does not.
    pub(super) margin: f32,
    /// How much greater its squared residual is than that of the likeliest sequence of all.
    pub(super) price: f32,
    /// Mean squared residual, as a share of the squared contrast.
    pub(super) residual: f32,
    /// Correlation of signal and model.
    pub(super) fit: f32,
}

/// Memory of the search, reused from symbol to symbol.
#[derive(Clone, Debug, Default)]
pub(super) struct Trellis {
    /// The signal at steps of the grid, from [`MARGIN`] modules before the first.
    signal: Vec<f32>,
    /// The signal through the module's pulse.
    matched: Vec<f32>,
    /// Score of each word, offset and value.
    scores: Vec<f32>,
    /// Best score of each word, group and offset, drift paid.
    best: Vec<f32>,
    model: Vec<f32>,
    /// What each value in place of a word costs more.
    prices: Vec<[f32; VALUES]>,
}

impl Trellis {
    /// Samples the signal on a grid.
    pub(super) fn sample(&mut self, signal: &Sums, grid: &Grid) {
        let step = grid.pitch / STEPS as f32;
        let count = (grid.modules() + 2 * MARGIN) * STEPS;
        let first = grid.from - MARGIN as f32 * grid.pitch;
        self.signal.clear();
        self.signal.extend((0..count).map(|at| {
            let from = first + at as f32 * step;
            signal.mean(from, from + step)
        }));
    }

    /// Takes a signal that is already sampled on a grid.
    pub(super) fn set(&mut self, signal: &[f32]) {
        self.signal.clear();
        self.signal.extend_from_slice(signal);
    }

    /// The sampled signal with the timing of a path taken out.
    pub(super) fn straightened(&self, path: &Path) -> Vec<f32> {
        let last = path.offsets.len().saturating_sub(1);
        let offset = |word: usize| {
            path.offsets
                .get(word.min(last))
                .map_or(0.0, |at| *at as f32)
        };
        let word_steps = (CHARACTER * STEPS) as f32;
        (0..self.signal.len())
            .map(|at| {
                // Offsets hold at the middles of the words.
                let words = (at as f32 - (MARGIN * STEPS) as f32) / word_steps - 0.5;
                let word = words.max(0.0) as usize;
                let share = (words - word as f32).clamp(0.0, 1.0);
                let shift = offset(word) * (1.0 - share) + offset(word + 1) * share;
                let place = (at as f32 + shift).clamp(0.0, (self.signal.len() - 1) as f32);
                let whole = place as usize;
                let next = (whole + 1).min(self.signal.len() - 1);
                let part = place - whole as f32;
                self.signal[whole] + part * (self.signal[next] - self.signal[whole])
            })
            .collect()
    }

    /// The likeliest sequence of the sampled signal.
    pub(super) fn decode(&mut self, grid: &Grid, blur: &Blur, tails: &Tails) -> Path {
        self.filter(blur);
        let groups = tails.last.len();
        let states = OFFSETS * VALUES;
        self.scores.clear();
        self.scores.resize(grid.characters * states, f32::MIN);
        self.best.clear();
        self.best
            .resize((grid.characters + 1) * groups * OFFSETS, f32::MIN);
        // Before the first character there is only the quiet zone, at any timing.
        self.best[QUIET_GROUP * OFFSETS..][..OFFSETS].fill(0.0);
        for word in 0..grid.characters {
            self.forward(word, blur, tails);
            self.collect(word, tails);
        }
        let mut path = self.trace(grid, blur, tails);
        self.judge(grid, blur, tails, &mut path);
        path
    }

    fn filter(&mut self, blur: &Blur) {
        let reach = blur.pulse.len() / 2;
        let count = self.signal.len();
        self.matched.clear();
        self.matched.extend((0..count).map(|at| {
            let first = at.saturating_sub(reach);
            let last = (at + reach + 1).min(count);
            let pulse = &blur.pulse[first + reach - at..];
            let pairs = self.signal[first..last].iter().zip(pulse);
            pairs.map(|(value, weight)| value * weight).sum::<f32>()
        }));
    }

    /// The matched signal at the middle of a module, `offset` in 0..OFFSETS.
    fn at(&self, module: usize, offset: usize) -> f32 {
        let middle = (module + MARGIN) * STEPS + STEPS / 2 + offset - DRIFT;
        // The middle of a module lies between two steps.
        f32::midpoint(self.matched[middle - 1], self.matched[middle])
    }

    /// Scores of all values of one word at all offsets.
    fn forward(&mut self, word: usize, blur: &Blur, tails: &Tails) {
        let groups = tails.last.len();
        let states = OFFSETS * VALUES;
        let allowed = if word == 0 {
            usize::from(START)..VALUES
        } else {
            0..usize::from(START)
        };
        let entries = &self.best[word * groups * OFFSETS..][..groups * OFFSETS];
        let most = |offset: usize| {
            let entries = entries.iter().skip(offset).step_by(OFFSETS);
            entries.copied().fold(f32::MIN, f32::max)
        };
        let most: [f32; OFFSETS] = std::array::from_fn(most);
        let least = most.iter().copied().fold(f32::MIN, f32::max) - BEAM;
        for offset in (0..OFFSETS).filter(|offset| most[*offset] > least) {
            let mut row = [0.0_f32; VALUES];
            for (score, energy) in row.iter_mut().zip(&blur.energy) {
                *score = -energy;
            }
            for at in 0..CHARACTER {
                let twice = 2.0 * self.at(word * CHARACTER + at, offset);
                for (score, ink) in row.iter_mut().zip(&tails.ink[at]) {
                    *score += twice * ink;
                }
            }
            let mut before = [f32::MIN; VALUES];
            for (group, coupling) in blur.coupling.iter().enumerate() {
                let best = self.best[(word * groups + group) * OFFSETS + offset];
                if best > f32::MIN {
                    for (most, coupling) in before.iter_mut().zip(coupling) {
                        *most = most.max(best - coupling);
                    }
                }
            }
            let out = &mut self.scores[word * states + offset * VALUES..][..VALUES];
            for value in allowed.clone() {
                if before[value] > f32::MIN {
                    out[value] = row[value] + before[value];
                }
            }
        }
    }

    /// Best of each group after a word, the drift to the next offset paid.
    fn collect(&mut self, word: usize, tails: &Tails) {
        let groups = tails.last.len();
        let states = OFFSETS * VALUES;
        let mut plain = vec![[f32::MIN; OFFSETS]; groups];
        let scores = &self.scores[word * states..][..states];
        for (offset, scores) in scores.chunks_exact(VALUES).enumerate() {
            for (score, group) in scores.iter().zip(&tails.of) {
                plain[*group][offset] = plain[*group][offset].max(*score);
            }
        }
        for (group, plain) in plain.iter().enumerate() {
            let out = &mut self.best[((word + 1) * groups + group) * OFFSETS..][..OFFSETS];
            for (offset, out) in out.iter_mut().enumerate() {
                for (from, score) in plain.iter().enumerate() {
                    *out = out.max(drifted(*score, from, offset));
                }
            }
        }
    }

    /// Follows the best path back from the stop pattern.
    fn trace(&self, grid: &Grid, blur: &Blur, tails: &Tails) -> Path {
        let groups = tails.last.len();
        let states = OFFSETS * VALUES;
        let stop = grid.characters * CHARACTER;
        let mut best = (f32::MIN, 0, 0);
        for offset in 0..OFFSETS {
            let seen: f32 = (0..STOP_MODULES)
                .map(|at| 2.0 * self.at(stop + at, offset) * module(STOP, at, STOP_MODULES))
                .sum();
            for (group, coupling) in blur.stop_coupling.iter().enumerate() {
                let before = self.best[(grid.characters * groups + group) * OFFSETS + offset];
                let score = before + seen - blur.stop_energy - coupling;
                if before > f32::MIN && score > best.0 {
                    best = (score, group, offset);
                }
            }
        }
        let (_, mut group, mut offset) = best;
        let mut path = Path::default();
        path.offsets.push(signed(offset));
        for word in (0..grid.characters).rev() {
            // Which value of the group, at which offset, led here.
            let mut from = (f32::MIN, 0, offset);
            for before in 0..OFFSETS {
                let scores = &self.scores[word * states + before * VALUES..][..VALUES];
                for (value, score) in scores.iter().enumerate() {
                    let score = drifted(*score, before, offset);
                    if tails.of[value] == group && score > from.0 {
                        from = (score, value, before);
                    }
                }
            }
            let (_, value, at) = from;
            offset = at;
            path.words.push(value as u8);
            path.offsets.push(signed(offset));
            // Which group before the word.
            let mut most = (f32::MIN, QUIET_GROUP);
            for (candidate, coupling) in blur.coupling.iter().enumerate() {
                let best = self.best[(word * groups + candidate) * OFFSETS + offset];
                if best > f32::MIN && best - coupling[value] > most.0 {
                    most = (best - coupling[value], candidate);
                }
            }
            group = most.1;
        }
        path.words.reverse();
        path.offsets.reverse();
        path
    }

    /// Residual and fit of a path; of one that fits at all, the nearest valid sequence in its place,
    /// and its margin.
    fn judge(&mut self, grid: &Grid, blur: &Blur, tails: &Tails, path: &mut Path) {
        self.measure(grid, blur, path);
        if path.fit < FIT_NEAR {
            return;
        }
        self.price(blur, tails, path);
        let Some(valid) = nearest(&path.words, &self.prices, PRICES_MAX * path.residual) else {
            return;
        };
        (path.price, path.margin) = (valid.price, valid.margin);
        if path.words != valid.words {
            path.words = valid.words;
            self.measure(grid, blur, path);
        }
    }

    /// What each value costs in place of each word of a path.
    fn price(&mut self, blur: &Blur, tails: &Tails, path: &Path) {
        self.prices.clear();
        for (at, &word) in path.words.iter().enumerate() {
            let offset = (path.offsets[at] + DRIFT as i32) as usize;
            let before = at
                .checked_sub(1)
                .map_or(QUIET_GROUP, |at| tails.of[usize::from(path.words[at])]);
            let after = path.words.get(at + 1);
            let seen: [f32; CHARACTER] =
                std::array::from_fn(|i| self.at(at * CHARACTER + i, offset));
            let cost = |value: usize| {
                let modules = PATTERNS[value];
                let seen = seen.iter().enumerate();
                let seen: f32 = seen
                    .map(|(i, seen)| seen * module(modules, i, CHARACTER))
                    .sum();
                let group = tails.of[value];
                let next = after.map_or(blur.stop_coupling[group], |next| {
                    blur.coupling[group][usize::from(*next)]
                });
                blur.energy[value] + blur.coupling[before][value] + next - 2.0 * seen
            };
            let allowed = if at == 0 {
                usize::from(START)..VALUES
            } else {
                0..usize::from(START)
            };
            let own = cost(usize::from(word));
            let mut prices = [f32::MAX; VALUES];
            for value in allowed {
                prices[value] = (cost(value) - own).max(0.0);
            }
            self.prices.push(prices);
        }
    }

    /// Residual and fit of a path.
    fn measure(&mut self, grid: &Grid, blur: &Blur, path: &mut Path) {
        self.compose(grid, blur, path);
        let from = MARGIN * STEPS;
        let to = from + grid.modules() * STEPS;
        let (seen, model) = (&self.signal[from..to], &self.model[from..to]);
        let squares = seen.iter().zip(model).map(|(a, b)| (a - b) * (a - b));
        path.residual = squares.sum::<f32>() / (to - from) as f32;
        path.fit = super::grid::correlation(seen, model);
    }

    /// The signal that a path would give.
    fn compose(&mut self, grid: &Grid, blur: &Blur, path: &Path) {
        let count = self.signal.len();
        let reach = blur.pulse.len() / 2;
        self.model.clear();
        self.model.resize(count, -0.5);
        let mut bar = |module: usize, offset: i32| {
            let middle = ((module + MARGIN) * STEPS + STEPS / 2) as i32 + offset;
            for (i, weight) in blur.pulse.iter().enumerate() {
                // Half of the weight to each side, since the middle lies between two steps.
                let at = middle + i as i32 - reach as i32;
                for at in [at - 1, at] {
                    if let Some(value) = usize::try_from(at)
                        .ok()
                        .and_then(|at| self.model.get_mut(at))
                    {
                        *value += 0.5 * weight * STEPS as f32;
                    }
                }
            }
        };
        for (at, word) in path.words.iter().enumerate() {
            for i in 0..CHARACTER {
                if module(PATTERNS[usize::from(*word)], i, CHARACTER) > 0.0 {
                    bar(at * CHARACTER + i, path.offsets[at]);
                }
            }
        }
        for i in 0..STOP_MODULES {
            if module(STOP, i, STOP_MODULES) > 0.0 {
                bar(
                    grid.characters * CHARACTER + i,
                    path.offsets[grid.characters],
                );
            }
        }
    }

    /// Fits the signal's level and contrast to the model in a sliding window, so that unevenness
    /// which the envelope left goes away.
    pub(super) fn level(&mut self) {
        let reach = 2 * CHARACTER * STEPS;
        let count = self.signal.len();
        let product =
            |a: &[f32], b: &[f32]| -> Vec<f32> { a.iter().zip(b).map(|(a, b)| a * b).collect() };
        let [s, m, mm, sm] = [
            Sums::of(&self.signal),
            Sums::of(&self.model),
            Sums::of(&product(&self.model, &self.model)),
            Sums::of(&product(&self.signal, &self.model)),
        ];
        let inside = MARGIN * STEPS..count - MARGIN * STEPS;
        for at in 0..count {
            let middle = at.clamp(inside.start, inside.end - 1);
            let from = middle.saturating_sub(reach).max(inside.start) as f32;
            let to = (middle + reach).min(inside.end) as f32;
            let means = [&s, &m, &mm, &sm].map(|sums| sums.mean(from, to));
            let spread = (means[2] - means[1] * means[1]).max(1e-3);
            let gain = ((means[3] - means[0] * means[1]) / spread).clamp(0.3, 2.0);
            let level = means[0] - gain * means[1];
            self.signal[at] = ((self.signal[at] - level) / gain).clamp(-1.0, 1.0);
        }
    }
}

/// A score after the timing has changed; the worst when it changes too fast.
fn drifted(score: f32, from: usize, to: usize) -> f32 {
    let change = from.abs_diff(to);
    if change > DRIFT_STEP || score <= f32::MIN {
        return f32::MIN;
    }
    score - DRIFT_PRICE * (change * change) as f32
}

/// Offset in steps from its place among all offsets.
fn signed(offset: usize) -> i32 {
    offset as i32 - DRIFT as i32
}
