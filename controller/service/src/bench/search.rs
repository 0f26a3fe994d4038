//! Looking for a better setting of the reader's ladder, one knob after the other.
//!
//! Settings are compared on one half of the pictures; what the best one gains is measured on the other
//! half, so that a setting which fits its pictures by chance does not promise more than it keeps.

use std::ffi::OsStr;
use std::fmt::Write as _;

use serde::Serialize;
use sortline_capture::{Clock, Effort, Knob, Options};

use super::contender::{Who, contenders};
use super::run::{Plan, run};

/// What a setting reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reached {
    /// Symbols read.
    pub read: u64,
    /// Symbols that there are.
    pub of: u64,
    /// Texts read that stand on nothing.
    pub wrong: u64,
    /// Processor time of all frames, milliseconds.
    pub cpu_ms: f64,
}

impl Reached {
    /// What it is worth, milliseconds: a symbol read is worth `price`, and time costs itself.
    fn worth(self, price: f64) -> f64 {
        super::score::as_f64(self.read) * price - self.cpu_ms
    }

    /// Whether it is better than another: a wrong read more is never made up for.
    fn better(self, other: Self, price: f64) -> bool {
        self.wrong <= other.wrong && self.worth(price) > other.worth(price)
    }
}

/// A setting that was tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// The setting, as `vision.effort` takes it.
    pub effort: String,
    /// What it reached on the half of the pictures that settings are compared on.
    pub reached: Reached,
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposal {
    /// Everything that was tried, the setting in use first.
    pub trials: Vec<Trial>,
    /// The setting proposed; the one in use when nothing was better.
    pub effort: String,
    /// What the setting in use reaches on the other half.
    pub before: Reached,
    /// What the proposed one reaches there.
    pub after: Reached,
}

/// Values of a knob worth trying beside the one it has.
fn others(knob: Knob, now: u8) -> Vec<u8> {
    let mut values = vec![
        0,
        now / 2,
        now.saturating_add(1),
        now.saturating_mul(2),
        knob.most(),
    ];
    for value in &mut values {
        *value = (*value).min(knob.most());
    }
    values.sort_unstable();
    values.dedup();
    values.retain(|value| *value != now);
    values
}

/// Searches from the setting in `options`. `price_ms` is the processor time that one symbol more is
/// worth; `path` is where programs are looked for. `progress` is told each frame.
///
/// # Errors
/// As [`run`].
pub fn search(
    [compared, held_out]: &[Plan; 2],
    options: &Options,
    (path, clock): (&OsStr, Clock),
    price_ms: f64,
    progress: &dyn Fn(),
) -> anyhow::Result<Proposal> {
    let measure = |plan: &Plan, effort: Effort| -> anyhow::Result<Reached> {
        let options = Options {
            effort,
            ..options.clone()
        };
        let mut ours = contenders(&[Who::Symbols], &options, path, clock)?;
        Ok(run(plan, &mut ours, progress)?.total(0))
    };
    let mut best = options.effort;
    let mut reached = measure(compared, best)?;
    let trial = |effort: Effort, reached| Trial {
        effort: effort.to_string(),
        reached,
    };
    let mut trials = vec![trial(best, reached)];
    for knob in Knob::ALL {
        let start = best;
        for value in others(knob, start.of(knob)) {
            let effort = start.with(knob, value);
            let found = measure(compared, effort)?;
            trials.push(trial(effort, found));
            if found.better(reached, price_ms) {
                (best, reached) = (effort, found);
            }
        }
    }
    Ok(Proposal {
        trials,
        effort: best.to_string(),
        before: measure(held_out, options.effort)?,
        after: measure(held_out, best)?,
    })
}

impl Proposal {
    /// For people.
    pub fn table(&self) -> String {
        let mut out = String::from("  read/there  wrong      cpu ms  effort\n");
        let mut row = |reached: &Reached, name: &str| {
            let share = format!("{}/{}", reached.read, reached.of);
            let (wrong, ms) = (reached.wrong, reached.cpu_ms);
            writeln!(out, "{share:>12} {wrong:>6} {ms:>11.1}  {name}").unwrap_or_default();
        };
        for trial in &self.trials {
            row(&trial.reached, &trial.effort);
        }
        row(&self.before, "on the other half, in use");
        row(&self.after, "on the other half, proposed");
        writeln!(out, "proposed: effort = \"{}\"", self.effort).unwrap_or_default();
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_read_is_never_made_up_for() {
        let now = Reached {
            read: 10,
            of: 20,
            wrong: 0,
            cpu_ms: 100.0,
        };
        let more = Reached {
            read: 12,
            cpu_ms: 160.0,
            ..now
        };
        assert!(more.better(now, 50.0) && !more.better(now, 20.0));
        assert!(!Reached { wrong: 1, ..more }.better(now, 50.0));
        assert!(!now.better(now, 50.0));
    }

    #[test]
    fn values_to_try_differ_from_the_one_in_use() {
        assert_eq!(others(Knob::Enlarged, 4), [0, 2, 5, 8, 16]);
        assert_eq!(others(Knob::Fine, 1), [0]);
        assert_eq!(others(Knob::Whole, 0), [1]);
    }
}
