//! What the host shall hear, handed over without waiting.

use jiff::Timestamp;
use serde::Serialize;
use sortline_core::{ChuteId, ChuteState, ParcelId, Step};
use tokio::sync::mpsc;

use super::Topics;
use crate::live::step_json;

/// A message to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Topic.
    pub topic: String,
    /// JSON, or nothing to clear a retained message.
    pub payload: String,
    /// The broker keeps it for those who come later.
    pub retain: bool,
    /// What it is worth when there is no room for all.
    pub worth: Worth,
}

/// What a message is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// It may be dropped when too many wait.
    Telemetry,
    /// It goes first: who we are.
    Birth,
    /// An outcome, in this row of the journal: told at least once.
    Outcome(i64),
}

/// The live task's end of the uplink.
#[derive(Debug)]
pub struct Outbox {
    to: Option<(Topics, mpsc::Sender<Publication>)>,
}

#[derive(Serialize)]
struct ChuteEvent {
    at: String,
    chute: ChuteId,
    state: ChuteState,
}

impl Outbox {
    /// An outbox into an uplink.
    pub const fn new(topics: Topics, to: mpsc::Sender<Publication>) -> Self {
        Self {
            to: Some((topics, to)),
        }
    }

    /// An outbox of a site without MQTT.
    pub const fn closed() -> Self {
        Self { to: None }
    }

    /// The whole state.
    pub fn state(&mut self, snapshot: &str) {
        self.put(Topics::state, snapshot.to_owned(), true);
    }

    /// A step of a parcel, in this row of the journal.
    pub fn parcel(&mut self, parcel: ParcelId, step: &Step, (at, row): (Timestamp, i64)) {
        if let Some((topics, to)) = &self.to {
            send(to, parcel_step(topics, parcel, step, (at, row)));
        }
    }

    /// A chute's state.
    pub fn chute(&mut self, chute: ChuteId, state: ChuteState, at: Timestamp) {
        let event = ChuteEvent {
            at: format!("{at:.3}"),
            chute,
            state,
        };
        let payload = serde_json::to_string(&event).unwrap_or_default();
        self.put(|topics| topics.chute(chute), payload, true);
    }

    /// An alarm that came.
    pub fn alarm(&mut self, id: &str, alarm: &impl Serialize) {
        let payload = serde_json::to_string(alarm).unwrap_or_default();
        self.put(|topics| topics.alarm(id), payload, true);
    }

    /// An alarm that went.
    pub fn alarm_cleared(&mut self, id: &str) {
        self.put(|topics| topics.alarm(id), String::new(), true);
    }

    fn put(&mut self, topic: impl FnOnce(&Topics) -> String, payload: String, retain: bool) {
        let Some((topics, to)) = &self.to else { return };
        send(
            to,
            Publication {
                topic: topic(topics),
                payload,
                retain,
                worth: Worth::Telemetry,
            },
        );
    }
}

/// The message that tells a step of a parcel.
pub(super) fn parcel_step(
    topics: &Topics,
    parcel: ParcelId,
    step: &Step,
    (at, row): (Timestamp, i64),
) -> Publication {
    let mut event = step_json(at, step);
    event.insert("parcel".to_owned(), parcel.0.into());
    let ends = matches!(step, Step::Ended { .. });
    Publication {
        topic: topics.parcel(parcel),
        payload: serde_json::Value::from(event).to_string(),
        retain: false,
        worth: if ends {
            Worth::Outcome(row)
        } else {
            Worth::Telemetry
        },
    }
}

fn send(to: &mpsc::Sender<Publication>, publication: Publication) {
    if to.try_send(publication).is_err() {
        // The uplink takes messages out faster than a line can make them.
        tracing::warn!("the uplink is too slow, a message was dropped");
    }
}
