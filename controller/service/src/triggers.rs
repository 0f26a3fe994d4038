//! Triggers that were given, for those devices that do not say which trigger they answer.

use std::time::Duration;

use sortline_core::{CameraId, TriggerId};
use tokio::sync::mpsc;

/// The node's events come with its polls, at most 50 ms apart: what answers a trigger may be there
/// before the trigger is known, by this.
pub const LAG: Duration = Duration::from_millis(60);
/// The same in milliseconds.
pub const LAG_MS: u32 = 60;

/// Triggers that may wait to be taken note of.
const WAITING: usize = 64;

/// A trigger that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its number.
    pub trigger: TriggerId,
    /// When the node told of it, since the machine's start.
    pub told: Duration,
}

/// Where the triggers of a camera are told.
pub type Triggers = (CameraId, mpsc::Sender<Given>);

/// The way of one camera's triggers, and its end.
pub fn of(camera: CameraId) -> (Triggers, mpsc::Receiver<Given>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    ((camera, sender), receiver)
}

/// A time as whole milliseconds.
pub fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
