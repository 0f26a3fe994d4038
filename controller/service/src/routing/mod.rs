//! Routes from this site, made ahead so that a look-up takes no time.
//!
//! A table holds for parcels that are ready up to a certain time, so a few hours of them are made
//! at once. A task of its own passes on to the next one in time, makes new ones from files read
//! again before they are used up, and makes them anew when conditions change. It swaps them in
//! whole: a look-up never waits. When files or conditions are bad, the last good tables stay, and
//! say their age. Conditions come from a file, over HTTP and over MQTT; those told are kept over a
//! restart. Delays are learnt from runs that were told to have arrived.

mod changes;
mod keeper;
mod learning;

pub use changes::{HopChange, Way};
pub use keeper::{keep_fresh, start};

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sortline_core::Destination;
use sortline_route::{
    Ahead, Booked, CONDITIONS_MAX, DAY_MIN, Level, Micros, Minute, Model, Network, Node, Table,
};
use tokio::sync::watch;

use crate::conditions::{Conditions, Told};
use crate::config::{ConfigError, Files, Problem};
use crate::network::{self, Source};

/// A parcel read now is in a bag and at the dock after this time.
const TO_THE_DOCK: SignedDuration = SignedDuration::from_mins(30);

/// Minutes for which tables are made ahead.
const AHEAD_MIN: i32 = 6 * 60;

/// Minutes before the last table ends at which new ones are made.
const RENEW_MIN: i32 = 60;

/// Longest reason of a condition, in bytes.
const REASON_MAX: usize = 500;

/// Folder of the network in a site directory.
const FOLDER: &str = "network";

/// Conditions in it; the file may be absent.
const CONDITIONS: &str = "network/conditions.toml";

/// A network and the tables of the site made from it.
#[derive(Clone, Debug)]
pub struct Routes {
    network: Arc<Network>,
    ahead: Arc<Ahead>,
    origin: Node,
    /// Readiness of parcels read now.
    ready: Minute,
    made: Timestamp,
    /// What was told when they were made, and what the file said.
    told: Arc<Conditions>,
    filed: Arc<Conditions>,
    /// What the last change of conditions changed.
    changes: Arc<Vec<HopChange>>,
    /// How much worse than at its trial the model of delays predicts.
    drift: Option<f64>,
    /// Why the last attempt to make newer ones failed.
    problem: Option<Arc<str>>,
}

/// The newest routes of a site; none when it has no network.
#[derive(Clone, Debug)]
pub struct Routing {
    newest: watch::Receiver<Option<Arc<Routes>>>,
    told: watch::Sender<Arc<Conditions>>,
}

/// How fresh the routes are.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Freshness {
    /// When they were made.
    pub made: Timestamp,
    /// Seconds since.
    pub age_s: i64,
    /// Parcels ready up to this time have an entry.
    pub valid_until: Option<Timestamp>,
    /// Number of tables.
    pub tables: usize,
    /// Conditions in force.
    pub conditions: usize,
    /// Why newer ones could not be made.
    pub problem: Option<String>,
    /// Runs that delays were learnt from; 0: as the network's settings say.
    pub learnt_from: usize,
    /// Delays are predicted so many times worse than when they were learnt; absent: not much.
    pub drift: Option<f64>,
}

impl Routes {
    /// Reads the network of a site and makes the tables for parcels read at `now` and in the hours
    /// after; `None` when the site has no network.
    ///
    /// # Errors
    /// What is wrong with the network's files, or with the site's place in it.
    pub fn load(files: &Files, origin: &str, now: Timestamp) -> Result<Option<Self>, ConfigError> {
        Self::load_with(files, origin, now, Arc::default())
    }

    fn load_with(
        files: &Files,
        origin: &str,
        now: Timestamp,
        told: Arc<Conditions>,
    ) -> Result<Option<Self>, ConfigError> {
        if !files.has(FOLDER) {
            return Ok(None);
        }
        let ready = at_the_dock(now);
        let source = Source {
            files,
            folder: FOLDER,
        };
        let mut network = network::load(&source, ready)?;
        let filed = Arc::new(network::load_conditions(files, CONDITIONS)?);
        apply(&mut network, &filed, &told)
            .map_err(|text| ConfigError::whole(&files.path(CONDITIONS), text))?;
        let (Some(node), Some(minute)) = (network.find(origin), network::minute(ready)) else {
            return Err(no_origin(&network, files, origin));
        };
        let ahead = Ahead::new(&network, node, minute, minute.after(AHEAD_MIN));
        Ok(Some(Self {
            network: Arc::new(network),
            ahead: Arc::new(ahead),
            origin: node,
            ready: minute,
            made: now,
            told,
            filed,
            changes: Arc::default(),
            drift: None,
            problem: None,
        }))
    }

    /// The country (ISO 3166-1 alpha-2) of the place where parcels set out.
    pub fn country(&self) -> &str {
        let place = self.network.node(self.origin);
        place.map_or("", |place| &place.country)
    }

    /// The same network under other conditions.
    fn under(
        &self,
        now: Timestamp,
        told: Arc<Conditions>,
        filed: Arc<Conditions>,
    ) -> Result<Self, String> {
        let mut network = Network::clone(&self.network);
        apply(&mut network, &filed, &told)?;
        let ready = network::minute(at_the_dock(now)).unwrap_or(self.ready);
        let mut newer = Self {
            told,
            filed,
            problem: None,
            ..self.remade(network, now, ready)
        };
        let changes = changes::between(
            (&*self.network, self.table()),
            (&*newer.network, newer.table()),
        );
        newer.changes = Arc::new(changes);
        Ok(newer)
    }

    /// The same with other delays.
    fn with_model(&self, now: Timestamp, model: Option<Arc<Model>>) -> Self {
        let mut network = Network::clone(&self.network);
        network.use_model(model);
        self.remade(network, now, self.ready)
    }

    fn remade(&self, network: Network, now: Timestamp, ready: Minute) -> Self {
        let ahead = Ahead::new(&network, self.origin, ready, ready.after(AHEAD_MIN));
        Self {
            network: Arc::new(network),
            ahead: Arc::new(ahead),
            ready,
            made: now,
            ..self.clone()
        }
    }

    /// Whether the network was read from its files since `before`.
    fn reloaded(&self, before: &Self) -> bool {
        self.network.window() != before.network.window()
    }

    /// The same, because newer ones cannot be made; `None` when that was told already.
    fn kept(&self, problem: String) -> Option<Self> {
        if self.problem.as_deref() == Some(problem.as_str()) {
            return None;
        }
        tracing::warn!(problem, "routes could not be made anew; the last ones stay");
        Some(Self {
            problem: Some(problem.into()),
            ..self.clone()
        })
    }

    fn table(&self) -> Option<&Table> {
        // Between two looks a table may end: the last that there is serves on.
        self.ahead
            .at(self.ready)
            .or_else(|| self.ahead.tables().last())
    }

    /// Whether the tables last for a while after parcels read at `now`.
    fn last(&self, now: Timestamp) -> bool {
        let soon = network::minute(at_the_dock(now)).map(|ready| ready.after(RENEW_MIN));
        let window = self.network.window().to.after(-DAY_MIN);
        soon.is_some_and(|soon| {
            soon < window && self.ahead.valid_until().is_some_and(|until| soon <= until)
        })
    }

    fn zone(&self, to: &Destination) -> Option<Node> {
        self.network
            .zone(&to.country, to.postcode.as_deref().unwrap_or_default())
    }

    fn freshness(&self, now: Timestamp) -> Freshness {
        Freshness {
            made: self.made,
            age_s: now.duration_since(self.made).as_secs(),
            valid_until: self.ahead.valid_until().and_then(network::timestamp),
            tables: self.ahead.tables().len(),
            conditions: self.network.conditions().len(),
            problem: self.problem.as_deref().map(str::to_owned),
            learnt_from: self.network.model().map_or(0, |model| model.runs),
            drift: self.drift,
        }
    }
}

fn at_the_dock(now: Timestamp) -> Timestamp {
    now.checked_add(TO_THE_DOCK).unwrap_or(now)
}

fn apply(network: &mut Network, filed: &Conditions, told: &Conditions) -> Result<(), String> {
    let mut all = filed.counted()?;
    // What is told over HTTP takes the place of what the file says under the same id.
    let told = told.counted()?;
    all.retain(|filed| told.iter().all(|told| told.id != filed.id));
    all.extend(told);
    let applied = network.set_conditions(&all);
    applied.map(|_| ()).map_err(|bad| bad.to_string())
}

fn no_origin(network: &Network, files: &Files, origin: &str) -> ConfigError {
    let near = network.near(origin).join(", ");
    let text = format!("found `{origin}`, allowed is a place of the network, such as {near}");
    ConfigError {
        problems: vec![Problem {
            file: files.path("site.toml"),
            line: None,
            key: Some("origin".to_owned()),
            text,
        }],
    }
}

impl Routing {
    /// Routing that never changes.
    pub fn fixed(routes: Option<Routes>) -> Self {
        let (_, newest) = watch::channel(routes.map(Arc::new));
        let (told, _) = watch::channel(Arc::default());
        Self { newest, told }
    }

    /// The first hop to a destination, and why.
    pub fn first(&self, to: &Destination, level: Level) -> (Option<String>, String) {
        let routes = self.newest.borrow();
        let Some(routes) = routes.as_ref() else {
            return (None, "the site has no transport network".to_owned());
        };
        let entry = |zone| routes.table().and_then(|table| table.entry(zone, level));
        match routes.zone(to).map(entry) {
            Some(Some(entry)) => (Some(entry.hop.clone()), entry.why.clone()),
            Some(None) => (None, "no route reaches its zone".to_owned()),
            None => (
                None,
                format!(
                    "no zone of the network serves {} with its postcode",
                    to.country
                ),
            ),
        }
    }

    /// The customs territory of a destination: the network's word for it, else the country.
    pub fn territory(&self, to: &Destination) -> String {
        let routes = self.newest.borrow();
        let found = routes.as_ref().and_then(|routes| {
            let zone = routes.zone(to).and_then(|zone| routes.network.node(zone));
            let mut nodes = routes.network.nodes();
            let mut same_country = || nodes.find(|(_, info)| info.country == to.country);
            zone.or_else(|| same_country().map(|(_, info)| info))
                .map(|info| info.territory.clone())
        });
        found.unwrap_or_else(|| to.country.clone())
    }

    /// An amount in the network's base currency.
    pub fn in_base(&self, amount: &str, currency: &str) -> Option<Micros> {
        let routes = self.newest.borrow();
        routes
            .as_ref()?
            .network
            .in_base(Micros::parse(amount)?, currency)
    }

    /// The day, `YYYY-MM-DD`, on which parcels read now are ready, on the site's clock.
    pub fn day(&self) -> Option<String> {
        let routes = self.newest.borrow();
        let routes = routes.as_ref()?;
        let text = network::rfc3339(&routes.network, routes.origin, routes.ready)?;
        text.get(..10).map(str::to_owned)
    }

    /// How fresh the routes are; `None` without a network.
    pub fn freshness(&self, now: Timestamp) -> Option<Freshness> {
        self.newest
            .borrow()
            .as_ref()
            .map(|routes| routes.freshness(now))
    }

    /// The network as it is now, and the site's place in it; `None` without one.
    pub fn network(&self) -> Option<(Arc<Network>, Node)> {
        let routes = self.newest.borrow();
        let routes = routes.as_ref()?;
        Some((Arc::clone(&routes.network), routes.origin))
    }

    /// What the last change of conditions changed.
    pub fn changes(&self) -> Arc<Vec<HopChange>> {
        let routes = self.newest.borrow();
        routes
            .as_ref()
            .map(|routes| Arc::clone(&routes.changes))
            .unwrap_or_default()
    }

    /// The conditions of the file.
    pub fn filed(&self) -> Arc<Conditions> {
        let routes = self.newest.borrow();
        routes
            .as_ref()
            .map(|routes| Arc::clone(&routes.filed))
            .unwrap_or_default()
    }

    /// The conditions told.
    pub fn told(&self) -> Arc<Conditions> {
        Arc::clone(&self.told.borrow())
    }

    /// What a bag for a hop that was closed at a time is booked on, and whether that still goes;
    /// `None` when nothing goes there.
    pub fn booked(&self, hop: &str, closed: Timestamp, now: Timestamp) -> Option<Booked> {
        let routes = self.newest.borrow();
        let routes = routes.as_ref()?;
        let ready = network::minute(at_the_dock(closed))?;
        let hop = routes.network.find(hop)?;
        routes
            .network
            .booked(routes.origin, hop, (ready, network::minute(now)?))
    }

    /// Waits for other routes; for ever when there will be none.
    pub async fn changed(&mut self) {
        if self.newest.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Tells a condition; one of the same id is replaced. Tables follow when they are made.
    ///
    /// # Errors
    /// What is wrong with it; then nothing changes.
    pub fn tell_one(&self, one: Told) -> Result<(), String> {
        self.tell(self.with(one))
    }

    /// Whether a condition could be told.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_one(&self, one: &Told) -> Result<(), String> {
        self.check(&self.with(one.clone()))
    }

    fn with(&self, one: Told) -> Conditions {
        let mut all = Conditions::clone(&self.told());
        all.condition.retain(|told| told.id != one.id);
        all.condition.push(one);
        all
    }

    /// Takes a condition back; whether there was one.
    ///
    /// # Errors
    /// The site has no transport network.
    pub fn take_back(&self, id: &str) -> Result<bool, String> {
        let mut all = Conditions::clone(&self.told());
        let before = all.condition.len();
        all.condition.retain(|told| told.id != id);
        let gone = all.condition.len() < before;
        if gone {
            self.tell(all)?;
        }
        Ok(gone)
    }

    /// Puts these conditions in the place of all that were told before; tables follow when they
    /// are made.
    ///
    /// # Errors
    /// What is wrong with the first bad one; then nothing changes.
    pub fn tell(&self, conditions: Conditions) -> Result<(), String> {
        self.check(&conditions)?;
        self.told.send_replace(Arc::new(conditions));
        Ok(())
    }

    fn check(&self, conditions: &Conditions) -> Result<(), String> {
        let routes = self.newest.borrow().clone();
        let routes = routes.ok_or("the site has no transport network")?;
        let bytes = conditions.condition.iter().map(|told| told.reason.len());
        if conditions.condition.len() > CONDITIONS_MAX || bytes.max() > Some(REASON_MAX) {
            return Err(format!(
                "allowed: {CONDITIONS_MAX} conditions, each with a reason of {REASON_MAX} bytes"
            ));
        }
        routes
            .network
            .check_conditions(&conditions.counted()?)
            .map_err(|bad| bad.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::keeper::Keeper;
    use super::*;
    use crate::conditions::Told;
    use sortline_route::Change;

    fn routes() -> (Routes, Timestamp) {
        let now = "2026-11-23T17:00Z".parse().unwrap();
        (
            Routes::load(&Files::Demo, "DE-FRA", now).unwrap().unwrap(),
            now,
        )
    }

    fn keeper() -> Keeper {
        Keeper {
            files: Files::Demo,
            origin: "DE-FRA".to_owned(),
            learning: None,
            kept: Arc::default(),
        }
    }

    fn closing(place: &str) -> Conditions {
        let told = Told {
            id: "c1".to_owned(),
            from: "2026-11-23T00:00Z".parse().unwrap(),
            to: "2026-12-20T00:00Z".parse().unwrap(),
            change: Change::Close {
                place: place.to_owned(),
            },
            reason: "snow".to_owned(),
        };
        Conditions {
            condition: vec![told],
        }
    }

    /// The first hop to New York, which can be flown to from several airports.
    fn hop(routes: &Routes) -> (Option<String>, String) {
        let to = Destination {
            country: "US".to_owned(),
            postcode: Some("10001".to_owned()),
            source: sortline_core::DestinationSource::Manifest,
            confidence: sortline_core::Permille::ONE,
        };
        Routing::fixed(Some(routes.clone())).first(&to, Level::Standard)
    }

    #[test]
    fn tables_follow_the_time_and_the_conditions() {
        let (routes, now) = routes();
        let keeper = keeper();
        let same = |routes: &Routes, now| keeper.renewed(routes, (now, Arc::clone(&routes.told)));
        assert!(same(&routes, now).is_none(), "nothing changed");
        let later = now.checked_add(SignedDuration::from_mins(3)).unwrap();
        let passed = same(&routes, later).unwrap();
        assert!(
            Arc::ptr_eq(&passed.ahead, &routes.ahead),
            "tables are made ahead"
        );
        let (before, _) = hop(&routes);
        let place = before.unwrap();
        let told = Arc::new(closing(&place));
        let closed = keeper.renewed(&routes, (now, told)).unwrap();
        let (after, why) = hop(&closed);
        assert_ne!(after.as_deref(), Some(place.as_str()), "{why}");
        let evening = now.checked_add(SignedDuration::from_hours(8)).unwrap();
        let renewed = same(&routes, evening).unwrap();
        assert_eq!(renewed.made, evening);
    }

    #[test]
    fn bad_conditions_are_told_and_change_nothing() {
        let (routes, now) = routes();
        let routing = Routing::fixed(Some(routes.clone()));
        let error = routing.tell(closing("NOWHERE")).unwrap_err();
        assert!(error.contains("found `NOWHERE`"), "{error}");
        assert!(routing.told().condition.is_empty());
        let told = Arc::new(closing("NOWHERE"));
        let kept = keeper().renewed(&routes, (now, told.clone())).unwrap();
        let freshness = kept.freshness(now.checked_add(SignedDuration::from_secs(90)).unwrap());
        assert_eq!(freshness.age_s, 90);
        assert!(freshness.problem.unwrap().contains("NOWHERE"));
        assert!(keeper().renewed(&kept, (now, told)).is_none(), "told once");
    }
}
