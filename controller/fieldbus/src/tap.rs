//! A look at the telegrams on a bus, for the people who must find out what a device does.

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::time::Instant;

/// Which way a telegram went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the controller.
    Sent,
    /// From the device.
    Received,
}

/// A telegram as it was on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telegram {
    /// On which bus.
    pub bus: Arc<str>,
    /// When.
    pub at: Instant,
    /// Which way.
    pub direction: Direction,
    /// All bytes, framing included.
    pub bytes: Vec<u8>,
}

/// Where the telegrams of a bus are shown. Showing never waits and costs nothing while nobody
/// looks; who looks too slowly misses some.
#[derive(Clone, Debug, Default)]
pub struct Tap(Option<(Arc<str>, broadcast::Sender<Telegram>)>);

impl Tap {
    /// A tap that shows the telegrams of the named bus to whoever subscribes.
    #[must_use]
    pub fn new(bus: &str, telegrams: broadcast::Sender<Telegram>) -> Self {
        Self(Some((bus.into(), telegrams)))
    }

    pub(crate) fn show(&self, direction: Direction, bytes: &[u8]) {
        self.show_with(direction, || bytes.to_vec());
    }

    /// Shows what is put together only when someone looks.
    pub(crate) fn show_with(&self, direction: Direction, bytes: impl FnOnce() -> Vec<u8>) {
        let Some((bus, telegrams)) = &self.0 else {
            return;
        };
        if telegrams.receiver_count() == 0 {
            return;
        }
        let telegram = Telegram {
            bus: Arc::clone(bus),
            at: Instant::now(),
            direction,
            bytes: bytes(),
        };
        // Who looked has gone in between.
        drop(telegrams.send(telegram));
    }
}
