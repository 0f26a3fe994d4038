//! Keeps routes fresh: from files, from conditions, from runs that arrived.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::learning::Learning;
use super::{CONDITIONS, Routes, Routing, at_the_dock};
use crate::clock;
use crate::conditions::{Conditions, Told};
use crate::config::Files;
use crate::network;
use crate::office::Office;

/// Time between two looks at whether the table still holds.
const LOOK: Duration = Duration::from_secs(10);

/// Begins with `routes` and keeps them fresh until nobody looks any more. `office` keeps what is
/// told and learnt.
pub fn keep_fresh(
    routes: Option<Routes>,
    (files, origin): (Files, String),
    office: &Office,
) -> (
    Routing,
    impl Future<Output = anyhow::Result<()>> + Send + 'static,
) {
    let (sender, newest) = watch::channel(routes.map(Arc::new));
    let kept = office.conditions().unwrap_or_default();
    let kept = Arc::new(usable(kept, newest.borrow().as_deref()));
    let (told, mut heard) = watch::channel(Arc::clone(&kept));
    let mut keeper = Keeper {
        files,
        origin,
        learning: Some(Learning::new(office.clone())),
        kept,
    };
    let refresh = async move {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = sender.closed() => return Ok(()),
                changed = heard.changed() => if changed.is_err() { return Ok(()) },
                _ = looks.tick() => {}
            }
            let Some(routes) = sender.borrow().clone() else {
                continue;
            };
            let told = heard.borrow_and_update().clone();
            let now = clock::wall();
            let look = move || {
                let newer = keeper.look(&routes, (now, told));
                (newer, keeper)
            };
            match tokio::task::spawn_blocking(look).await {
                Ok((newer, same)) => {
                    keeper = same;
                    if let Some(newer) = newer {
                        sender.send_replace(Some(Arc::new(newer)));
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "making routes failed; the last ones stay");
                    return Ok(());
                }
            }
        }
    };
    (Routing { newest, told }, refresh)
}

/// The same as a task beside others.
pub fn start(
    routes: Option<Routes>,
    place: (Files, String),
    office: &Office,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) -> Routing {
    let (routing, refresh) = keep_fresh(routes, place, office);
    tasks.spawn(refresh);
    routing
}

/// Conditions of an earlier run that are still felt and fit the network.
fn usable(mut conditions: Conditions, routes: Option<&Routes>) -> Conditions {
    let now = clock::wall();
    let fits = |one: &Told| {
        let alone = Conditions {
            condition: vec![one.clone()],
        };
        let counted = alone.counted().ok();
        counted.is_some_and(|counted| {
            routes.is_some_and(|routes| routes.network.check_conditions(&counted).is_ok())
        })
    };
    let felt = |told: &Told| {
        let minutes = routes.map_or(0, |routes| routes.network.felt_after(&told.change));
        told.to > now || now.duration_since(told.to).as_secs() < 60 * i64::from(minutes)
    };
    conditions.condition.retain(|told| felt(told) && fits(told));
    conditions
}

/// What makes new routes.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) files: Files,
    pub(super) origin: String,
    pub(super) learning: Option<Learning>,
    /// The conditions that the office file holds.
    pub(super) kept: Arc<Conditions>,
}

impl Keeper {
    /// What takes the place of `routes` at `now`, from files, conditions and runs.
    fn look(
        &mut self,
        routes: &Routes,
        (now, told): (Timestamp, Arc<Conditions>),
    ) -> Option<Routes> {
        self.keep(&told);
        let newer = self.renewed(routes, (now, told));
        let Some(learning) = &mut self.learning else {
            return newer;
        };
        if newer.as_ref().is_some_and(|newer| newer.reloaded(routes)) {
            learning.forget();
        }
        let newest = newer.as_ref().unwrap_or(routes);
        let learnt = learning
            .look(&newest.network, now)
            .map(|other| newest.with_model(now, other.0));
        let drift = learning.drift();
        let newest = learnt.or(newer);
        if drift == routes.drift {
            return newest;
        }
        Some(Routes {
            drift,
            ..newest.unwrap_or_else(|| routes.clone())
        })
    }

    /// Keeps what was told over a restart.
    fn keep(&mut self, told: &Arc<Conditions>) {
        let Some(learning) = self.learning.as_ref().filter(|_| self.kept != *told) else {
            return;
        };
        match learning.office().keep_conditions(told) {
            Ok(()) => self.kept = Arc::clone(told),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "conditions that were told are not kept");
            }
        }
    }

    /// What takes the place of `routes` at `now`; `None` when they are as they should be.
    pub(super) fn renewed(
        &self,
        routes: &Routes,
        (now, told): (Timestamp, Arc<Conditions>),
    ) -> Option<Routes> {
        let (files, origin) = (&self.files, &self.origin);
        if !routes.last(now) {
            return match Routes::load_with(files, origin, now, told) {
                Ok(Some(newer)) => {
                    tracing::info!("routes were made anew");
                    Some(newer)
                }
                Ok(None) => routes.kept("the network is gone".to_owned()),
                Err(error) => routes.kept(error.to_string()),
            };
        }
        let filed = match network::load_conditions(files, CONDITIONS) {
            Ok(filed) => Arc::new(filed),
            Err(error) => return routes.kept(error.to_string()),
        };
        if told != routes.told || filed != routes.filed {
            return match routes.under(now, told, filed) {
                Ok(newer) => {
                    let changes = newer.changes.len();
                    tracing::info!(changes, "routes were made for new conditions");
                    Some(newer)
                }
                Err(problem) => routes.kept(problem),
            };
        }
        let ready = network::minute(at_the_dock(now))?;
        (ready != routes.ready || routes.problem.is_some()).then(|| Routes {
            ready,
            problem: None,
            ..routes.clone()
        })
    }
}
