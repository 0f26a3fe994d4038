//! When a model of delays comes into force, and when it goes again.
//!
//! Runs that arrived are kept in order of time. From time to time a candidate is tried on the
//! newest of them ([`Network::trial`]) and comes into force only when it predicts them no worse than
//! the model it would replace. In force it is watched: when it predicts the runs since then worse
//! than its predecessor would have, the predecessor comes back. Drift is told when runs are
//! predicted much worse than when the model came into force. Everything follows from the runs and
//! the numbers of [`State`], so a restart learns the same again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::learn::{Arrived, Model, Score};
use crate::network::Network;

/// Runs before anything is learnt, and between two trials.
pub const TRIAL_RUNS: usize = 500;
/// Runs in force before a model is judged.
pub const WATCH_RUNS: usize = 200;
/// A model goes when its loss is this many times its predecessor's.
const WORSE: f64 = 1.02;
/// Drift is told when the loss is this many times that of the trial.
const DRIFT: f64 = 1.25;

/// What must be kept over a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    /// The model in force was learnt from so many of the first runs; 0: the settings alone.
    pub served: usize,
    /// The same of its predecessor, while it may come back.
    pub before: Option<usize>,
    /// Number of runs when the model in force came.
    pub since: usize,
    /// Number of runs at the last trial.
    pub tried: usize,
    /// Loss of the model in force at its trial, in minutes.
    pub loss_min: f64,
}

/// What a look at new runs led to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// Too few new runs for anything.
    Wait,
    /// A new model is in force.
    Adopted {
        /// Runs it is learnt from.
        runs: usize,
        /// Loss of the old one on the newest runs, in minutes.
        old_loss_min: f64,
        /// Loss of the new one.
        new_loss_min: f64,
    },
    /// A candidate was tried and left.
    Kept {
        /// Loss of the model in force on the newest runs, in minutes.
        old_loss_min: f64,
        /// Loss of the candidate.
        new_loss_min: f64,
    },
    /// The model in force went, its predecessor came back.
    RolledBack {
        /// Loss of the model that went on the runs since it came, in minutes.
        bad_loss_min: f64,
        /// Loss of the one that came back.
        good_loss_min: f64,
    },
}

/// The models, and what is known of how they do.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    state: State,
    served: Option<Arc<Model>>,
    before: Option<Arc<Model>>,
    drift: Option<f64>,
}

impl Lifecycle {
    /// As it was when `state` was kept, from the same runs or more of them.
    #[must_use]
    pub fn resume(network: &Network, state: State, runs: &[Arrived]) -> Self {
        let model = |count: usize| {
            let runs = runs.get(..count).filter(|runs| !runs.is_empty());
            runs.map(|runs| Arc::new(network.learn(runs)))
        };
        Self {
            served: model(state.served),
            before: state.before.and_then(model),
            state,
            drift: None,
        }
    }

    /// What must be kept.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The model in force; `None`: the settings alone.
    #[must_use]
    pub const fn served(&self) -> Option<&Arc<Model>> {
        self.served.as_ref()
    }

    /// Loss since the model came against that of its trial, when it is high enough to be told.
    #[must_use]
    pub const fn drift(&self) -> Option<f64> {
        self.drift
    }

    /// Looks at all runs so far, in order of time.
    pub fn look(&mut self, network: &Network, runs: &[Arrived]) -> Verdict {
        let new = runs.get(self.state.since..).unwrap_or_default();
        if new.len() >= WATCH_RUNS
            && let Some(verdict) = self.judge(network, new, runs.len())
        {
            return verdict;
        }
        if runs.len() < self.state.tried + TRIAL_RUNS {
            return Verdict::Wait;
        }
        self.state.tried = runs.len();
        let trial = network.trial(self.served.as_deref(), runs);
        let (old_loss_min, new_loss_min) = (trial.served.loss_min, trial.candidate.loss_min);
        if !trial.better || trial.candidate.runs == 0 {
            return Verdict::Kept {
                old_loss_min,
                new_loss_min,
            };
        }
        self.before = self.served.take();
        self.served = Some(Arc::new(network.learn(runs)));
        self.drift = None;
        self.state = State {
            served: runs.len(),
            before: Some(self.state.served),
            since: runs.len(),
            tried: runs.len(),
            loss_min: new_loss_min,
        };
        Verdict::Adopted {
            runs: runs.len(),
            old_loss_min,
            new_loss_min,
        }
    }

    /// Whether the model in force does what it promised.
    fn judge(&mut self, network: &Network, new: &[Arrived], all: usize) -> Option<Verdict> {
        let now: Score = network.score(self.served.as_deref(), new);
        let ratio = now.loss_min / self.state.loss_min.max(1e-9);
        self.drift = (self.state.served > 0 && ratio > DRIFT).then_some(ratio);
        self.state.before?;
        let then = network.score(self.before.as_deref(), new);
        if now.loss_min <= then.loss_min * WORSE {
            return None;
        }
        self.served = self.before.take();
        self.state = State {
            served: self.state.before.unwrap_or(0),
            before: None,
            since: all,
            // The runs that led astray must not be tried again at once.
            tried: all,
            loss_min: then.loss_min,
        };
        self.drift = None;
        Some(Verdict::RolledBack {
            bad_loss_min: now.loss_min,
            good_loss_min: then.loss_min,
        })
    }
}
