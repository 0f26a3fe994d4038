//! Delays learnt from flights: 200,000 rows of delay, distance and time of day, of which three
//! quarters are learnt from and the rest is predicted: every fourth row, and a quarter drawn at
//! random. The file names no day, so rows cannot be split by date; it is sorted by time of day, and
//! its last quarter is the flights of the evening, of which those before tell little.
//!
//! The file is an Arrow IPC file of one record batch without compression; its columns are 16-bit
//! delays in minutes, 16-bit distances in miles, and 32-bit times of day in hours.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use sortline_route::boost::{Boost, Growth, Loss};
use sortline_route::generator::Draw;

use super::number;

/// Largest file that is read, in bytes.
const BYTES_MAX: u64 = 64 << 20;
/// Seed of the quarter that is drawn.
const SEED: u64 = 1;
/// Quantiles that stand for a distribution.
const SHARES: [f64; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];

/// How well delays are predicted.
#[derive(Clone, Debug, Serialize)]
pub struct Flights {
    /// Which rows are predicted.
    pub split: &'static str,
    /// Rows learnt from.
    pub learnt: usize,
    /// Rows predicted.
    pub predicted: usize,
    /// Mean square error of the probability of more than 15 minutes.
    pub brier: f64,
    /// The same of the mean.
    pub brier_climatology: f64,
    /// Mean distance of that probability from the share observed, over ten bins.
    pub calibration_error: f64,
    /// Twice the mean pinball loss over five quantiles, in minutes.
    pub crps_min: f64,
    /// The same of the quantiles of all.
    pub crps_climatology_min: f64,
    /// Share of delays below the quantiles for 0.1, 0.3, 0.5, 0.7 and 0.9.
    pub coverage: Vec<f64>,
    /// Seconds for learning all six models.
    pub learn_s: f64,
}

struct Rows {
    /// Distance and time of day.
    columns: Vec<Vec<f64>>,
    delays: Vec<f64>,
}

fn word(bytes: &[u8], at: usize) -> anyhow::Result<usize> {
    let word = bytes.get(at..at + 4).context("the file ends early")?;
    Ok(usize::try_from(u32::from_le_bytes(word.try_into()?))?)
}

fn read(path: &Path) -> anyhow::Result<Rows> {
    let size = std::fs::metadata(path)?.len();
    ensure!(
        size <= BYTES_MAX,
        "has {size} bytes, allowed are {BYTES_MAX}"
    );
    let bytes = std::fs::read(path)?;
    ensure!(bytes.starts_with(b"ARROW1"), "is no Arrow IPC file");
    // The schema's message, then the record batch's: a marker, the length, the description.
    let schema = 8;
    let batch = schema + 8 + word(&bytes, schema + 4)?;
    let body = batch + 8 + word(&bytes, batch + 4)?;
    let footer = word(&bytes, bytes.len().saturating_sub(10))?;
    // After the body comes a marker of eight bytes, after the footer its length and `ARROW1`.
    let end = bytes.len().saturating_sub(footer + 10 + 8);
    let body = bytes.get(body..end).context("the file ends early")?;
    let rows = body.len() / 8;
    ensure!(
        rows >= 1_000 && body.len() == rows * 8,
        "has not the three columns expected"
    );
    let short = |pair: &[u8]| <[u8; 2]>::try_from(pair).map_or(0, i16::from_le_bytes);
    let long = |four: &[u8]| <[u8; 4]>::try_from(four).map_or(0.0, f32::from_le_bytes);
    let part = |from: usize, to: usize| body.get(from * rows..to * rows).unwrap_or_default();
    let shorts = |bytes: &[u8]| -> Vec<f64> {
        bytes
            .chunks_exact(2)
            .map(|pair| f64::from(short(pair)))
            .collect()
    };
    let hours = part(4, 8).chunks_exact(4).map(|four| f64::from(long(four)));
    Ok(Rows {
        columns: vec![shorts(part(2, 4)), hours.collect()],
        delays: shorts(part(0, 2)),
    })
}

impl Rows {
    /// The same rows, those at the end for which `last` holds.
    fn apart(&self, last: impl Fn(usize) -> bool) -> Self {
        let part = |column: &Vec<f64>| -> Vec<f64> {
            let rows = || column.iter().copied().enumerate();
            let most = rows().filter(|(index, _)| !last(*index));
            let rest = rows().filter(|(index, _)| last(*index));
            most.chain(rest).map(|(_, value)| value).collect()
        };
        Self {
            columns: self.columns.iter().map(part).collect(),
            delays: part(&self.delays),
        }
    }

    /// Of each row whether it is in a quarter drawn at random.
    fn drawn(&self) -> Vec<bool> {
        let number = self.delays.len();
        let mut order: Vec<usize> = (0..number).collect();
        let mut draw = Draw::new(SEED);
        for last in (1..number).rev() {
            order.swap(last, draw.below(last + 1));
        }
        let mut drawn = vec![false; number];
        for index in order.iter().skip(number * 3 / 4) {
            if let Some(cell) = drawn.get_mut(*index) {
                *cell = true;
            }
        }
        drawn
    }
}

/// Learns and predicts: every fourth row, a quarter drawn at random, and the evening.
///
/// # Errors
/// The file cannot be read or is of another form.
pub fn measure(path: &Path, clock: fn() -> Duration) -> anyhow::Result<Vec<Flights>> {
    let what = || format!("{} cannot be used", path.display());
    let rows = read(path).with_context(what)?;
    let drawn = rows.drawn();
    let in_drawn = |index: usize| drawn.get(index).copied().unwrap_or(false);
    Ok(vec![
        split(&rows.apart(|index| index % 4 == 3), "every fourth", clock),
        split(&rows.apart(in_drawn), "a random quarter", clock),
        split(&rows, "the last quarter by time of day", clock),
    ])
}

fn split(rows: &Rows, split: &'static str, clock: fn() -> Duration) -> Flights {
    let learnt = rows.delays.len() * 3 / 4;
    let first = |column: &Vec<f64>| column.iter().copied().take(learnt).collect::<Vec<f64>>();
    let columns: Vec<Vec<f64>> = rows.columns.iter().map(first).collect();
    let delays = first(&rows.delays);
    let began = clock();
    let learn = |loss| Boost::learn(&columns, &delays, loss, Growth::default());
    let late = learn(Loss::Above(15.0));
    let quantiles = SHARES.map(|share| learn(Loss::Quantile(share)));
    let learn_s = clock().saturating_sub(began).as_secs_f64();
    // A model of no trees is the share or the quantile of all.
    let bare = Growth {
        trees: 0,
        ..Growth::default()
    };
    let none = |loss| Boost::learn(&columns, &delays, loss, bare);
    let usual = none(Loss::Above(15.0));
    let usual_quantiles = SHARES.map(|share| none(Loss::Quantile(share)));
    let test = Test { rows, from: learnt };
    let (brier, calibration_error) = test.probability(&late);
    let (crps_min, coverage) = test.quantiles(&quantiles);
    Flights {
        split,
        learnt,
        predicted: rows.delays.len() - learnt,
        brier,
        brier_climatology: test.probability(&usual).0,
        calibration_error,
        crps_min,
        crps_climatology_min: test.quantiles(&usual_quantiles).0,
        coverage,
        learn_s,
    }
}

struct Test<'a> {
    rows: &'a Rows,
    from: usize,
}

impl Test<'_> {
    /// Features and delay of the rows predicted.
    fn all(&self) -> impl Iterator<Item = (Vec<f64>, f64)> {
        let delays = self.rows.delays.iter().enumerate().skip(self.from);
        delays.map(|(index, delay)| {
            let columns = self.rows.columns.iter();
            (
                columns
                    .filter_map(|column| column.get(index).copied())
                    .collect(),
                *delay,
            )
        })
    }

    /// Brier score and calibration error.
    fn probability(&self, model: &Boost) -> (f64, f64) {
        let (mut square, mut rows) = (0.0, 0usize);
        let mut bins = [(0.0, 0.0, 0.0); 10];
        for (features, delay) in self.all() {
            let chance = model.predict(&features);
            let late = f64::from(u8::from(delay > 15.0));
            square += (chance - late) * (chance - late);
            rows += 1;
            let bin = (1..10)
                .filter(|edge| chance >= number(*edge) / 10.0)
                .count();
            if let Some(bin) = bins.get_mut(bin) {
                *bin = (bin.0 + chance, bin.1 + late, bin.2 + 1.0);
            }
        }
        let apart = bins.iter().map(|bin| (bin.0 - bin.1).abs()).sum::<f64>();
        (square / number(rows.max(1)), apart / number(rows.max(1)))
    }

    /// Twice the mean pinball loss, and the share of delays below each quantile.
    fn quantiles(&self, models: &[Boost]) -> (f64, Vec<f64>) {
        let (mut loss, mut rows) = (0.0, 0usize);
        let mut below = vec![0usize; models.len()];
        for (features, delay) in self.all() {
            rows += 1;
            for ((model, share), below) in models.iter().zip(SHARES).zip(&mut below) {
                let apart = delay - model.predict(&features);
                loss += if apart >= 0.0 {
                    share * apart
                } else {
                    (share - 1.0) * apart
                };
                *below += usize::from(apart <= 0.0);
            }
        }
        let rows = number(rows.max(1));
        let shares = below
            .into_iter()
            .map(|below| number(below) / rows)
            .collect();
        (2.0 * loss / rows / number(models.len().max(1)), shares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_keep_every_row_and_put_a_quarter_last() {
        let rows = Rows {
            columns: vec![(0..100u8).map(f64::from).collect()],
            delays: (0..100u8).map(f64::from).collect(),
        };
        let fourth = rows.apart(|index| index % 4 == 3);
        assert_eq!(fourth.delays.get(73..77), Some(&[97.0, 98.0, 3.0, 7.0][..]));
        let drawn = rows.drawn();
        assert_eq!(drawn.iter().filter(|one| **one).count(), 25);
        let mut random = rows.apart(|index| drawn[index]);
        assert_eq!(random.columns, [random.delays.clone()]);
        assert_ne!(random.delays, rows.delays);
        random.delays.sort_by(f64::total_cmp);
        assert_eq!(random.delays, rows.delays);
    }
}
