//! What people see: the state of the line as of the journal's last commit, ten times a second.
//!
//! One task owns the model; others get immutable views through a `watch` channel, so that a slow
//! reader skips views and holds up nobody.

mod alarm_kinds;
mod alarms;
mod bags;
mod chutes;
mod coding;
mod counts;
mod model;
mod orders;
mod reports;
mod sscc;
mod view;
mod wire;

pub use alarms::{Act, Refused, SHELF_MINUTES_MAX};
pub use bags::Bag;
pub use chutes::Note;
pub use coding::{Answer, Hints, Image, Look, Pose, Sample, Wish};
pub use counts::Counts;
pub use model::Model;
pub(crate) use model::frame;
pub use orders::{Desk, Order};
pub use reports::{Capacity, Oee, Part, Report, State, Sums};
pub use view::{Frame, View};
pub(crate) use wire::step as step_json;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sortline_core::{CameraId, TriggerId};
use sortline_read::health::HealthReport;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

use crate::clock;
use crate::engine::Picture;
use crate::journal::Committed;
use crate::office::AlarmRow;
use crate::uplink::Outbox;

/// Time between two views.
const PERIOD: Duration = Duration::from_millis(100);

/// Views between two messages of the whole state to the host.
const STATE_EVERY: u64 = 10;

/// A frame that was read, for screens.
#[derive(Clone, Debug)]
pub struct Shot {
    /// Camera.
    pub camera: CameraId,
    /// The trigger that took it.
    pub trigger: TriggerId,
    /// The picture as it came from the camera.
    pub jpeg: Option<Arc<[u8]>>,
    /// Time that reading it took, microseconds.
    pub read_us: u64,
    /// Health of the camera, by all its frames so far.
    pub health: HealthReport,
    /// What helps a person who keys it in.
    pub hints: Hints,
}

/// What the live task is fed from.
#[derive(Debug)]
pub struct Feeds {
    /// Durable steps, from the journal.
    pub committed: mpsc::Receiver<Vec<Committed>>,
    /// Frames read. Dropped by the sender when this is full.
    pub shots: mpsc::Receiver<Shot>,
    /// What people ask.
    pub orders: mpsc::Receiver<Order>,
    /// The belt.
    pub picture: watch::Receiver<Picture>,
    /// Where the history of alarms is kept.
    pub alarms: mpsc::Sender<Vec<AlarmRow>>,
}

impl Feeds {
    /// The feeds in the order of the fields.
    pub fn new(
        committed: mpsc::Receiver<Vec<Committed>>,
        shots: mpsc::Receiver<Shot>,
        orders: mpsc::Receiver<Order>,
        picture: watch::Receiver<Picture>,
        alarms: mpsc::Sender<Vec<AlarmRow>>,
    ) -> Self {
        Self {
            committed,
            shots,
            orders,
            picture,
            alarms,
        }
    }
}

/// Keeps the model and publishes views until the journal's thread has ended.
pub async fn run(
    mut model: Model,
    mut feeds: Feeds,
    views: watch::Sender<Arc<View>>,
    mut outbox: Outbox,
) -> Model {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut count: u64 = 0;
    loop {
        tokio::select! {
            biased;
            Some(shot) = feeds.shots.recv() => model.shot(shot, clock::wall()),
            batch = feeds.committed.recv() => {
                let Some(batch) = batch else { break };
                for committed in &batch {
                    model.record(&committed.record, committed.seq, &mut outbox);
                }
            }
            Some(order) = feeds.orders.recv() => model.order(order, clock::wall()),
            _ = ticks.tick() => {
                count = count.wrapping_add(1);
                let at = clock::wall();
                publish(&mut model, &feeds, &views, at);
                if count.is_multiple_of(STATE_EVERY) {
                    // Whoever listens to the broker has no role: no labels.
                    outbox.state(&views.borrow().snapshot(false));
                }
            }
        }
    }
    publish(&mut model, &feeds, &views, clock::wall());
    model
}

fn publish(model: &mut Model, feeds: &Feeds, views: &watch::Sender<Arc<View>>, at: Timestamp) {
    let picture = feeds.picture.borrow().clone();
    model.tick(at);
    let rows = model.alarm_log();
    if !rows.is_empty() && feeds.alarms.try_send(rows).is_err() {
        tracing::warn!("the history of alarms is not kept at the moment; the journal has them");
    }
    let view = model.view(&views.borrow(), &picture, at);
    views.send_replace(Arc::new(view));
}
