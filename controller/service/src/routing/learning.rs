//! Delays learnt from the runs that were told, while the service runs.

use std::sync::Arc;

use jiff::Timestamp;
use sortline_route::lifecycle::{Lifecycle, Verdict};
use sortline_route::{Model, Network};

use crate::office::{Office, OfficeError};

/// Another model, or none: the settings alone.
pub(super) struct Other(pub(super) Option<Arc<Model>>);

/// The life of the model, and where its runs are kept.
#[derive(Debug)]
pub(super) struct Learning {
    office: Office,
    life: Option<Lifecycle>,
    /// Runs at the last look.
    seen: usize,
}

impl Learning {
    pub(super) const fn new(office: Office) -> Self {
        Self {
            office,
            life: None,
            seen: 0,
        }
    }

    /// The network was read anew: models are of the old one.
    pub(super) fn forget(&mut self) {
        self.life = None;
    }

    /// The conditions that were kept.
    pub(super) fn office(&self) -> &Office {
        &self.office
    }

    /// How much worse than at its trial the model in force predicts, when it must be told.
    pub(super) fn drift(&self) -> Option<f64> {
        self.life.as_ref().and_then(Lifecycle::drift)
    }

    /// Looks at new runs; the model that is in force from now on, when it is another than the
    /// network's.
    pub(super) fn look(&mut self, network: &Network, now: Timestamp) -> Option<Other> {
        let looked = self.try_look(network, now);
        if let Err(error) = looked {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "nothing was learnt: the runs cannot be read");
        }
        let served = self.life.as_ref()?.served();
        let same = match (served, network.model()) {
            (None, None) => true,
            (Some(served), Some(used)) => Arc::ptr_eq(served, used),
            _ => false,
        };
        (!same).then(|| Other(served.cloned()))
    }

    fn try_look(&mut self, network: &Network, now: Timestamp) -> Result<(), OfficeError> {
        let count = self.office.arrivals_count()?;
        if self.life.is_some() && count == self.seen {
            return Ok(());
        }
        let runs = self.office.arrivals()?;
        let mut life = match self.life.take() {
            Some(life) => life,
            None => Lifecycle::resume(network, self.office.learning()?, &runs),
        };
        let verdict = life.look(network, &runs);
        if verdict != Verdict::Wait {
            tracing::info!(?verdict, "delays were learnt");
            self.office.keep_learning(life.state(), &verdict, now)?;
        }
        self.life = Some(life);
        self.seen = count;
        Ok(())
    }
}
