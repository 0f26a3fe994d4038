//! Keeps a bus of devices: connects, arms watchdogs, polls, writes what is wanted, reads it back.
//!
//! What is wanted is a state, not a queue: between two polls the latest wins. A device is *up*
//! only with its watchdog armed and verified and its outputs read back as off; it goes down at
//! anything that makes its outputs doubtful, and comes back the same way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::plan::PlanError;
use super::profile::Profile;
use super::unit::Unit;
use crate::Statistics;
use crate::address::Dialer;
use crate::bus::{Bus, BusError};
use crate::tap::Tap;

/// Shortest and longest pause before a device or a connection is tried again.
pub(super) const BACK_OFF_MIN: Duration = Duration::from_millis(50);
pub(super) const BACK_OFF_MAX: Duration = Duration::from_millis(400);

/// A bus.
#[derive(Clone, Debug)]
pub struct BusSettings {
    /// Time between two polls, milliseconds.
    pub poll_ms: u16,
    /// Deadline of one call, milliseconds.
    pub call_ms: u16,
    /// Devices, polled in this order.
    pub devices: Vec<DeviceSettings>,
}

/// A device, and the points of it that are used.
#[derive(Clone, Debug)]
pub struct DeviceSettings {
    /// Modbus unit.
    pub unit: u8,
    /// What it is.
    pub profile: Arc<Profile>,
    /// Inputs to read.
    pub inputs: Vec<String>,
    /// Outputs to write.
    pub outputs: Vec<Output>,
    /// Its outputs are used although nothing switches them off when the controller is gone.
    pub without_watchdog: bool,
}

/// An output that is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The point.
    pub point: String,
    /// The device switches it on for so long by itself, at every rise of what is wanted.
    pub pulse_ms: Option<u32>,
}

/// Values wanted for the outputs of every device, in the order of the settings.
pub type Wanted = Vec<Vec<u16>>;

/// A bus as it was at the last poll.
#[derive(Clone, Debug, Default)]
pub struct BusView {
    /// Its calls.
    pub statistics: Statistics,
    /// Its devices.
    pub devices: Vec<DeviceView>,
}

/// A device as it was at the last poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceView {
    /// Why it cannot be used; `None` when it can.
    pub fault: Option<DeviceFault>,
    /// Values of its inputs; `None` before the first poll.
    pub inputs: Vec<Option<i64>>,
    /// Values of its outputs as read back.
    pub outputs: Vec<Option<i64>>,
    /// When they were read.
    pub polled: Option<Instant>,
}

/// Why a device cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceFault {
    /// It has not been asked yet.
    #[error("not connected yet")]
    Starting,
    /// No connection.
    #[error("cannot be reached")]
    Unreachable,
    /// It answered late, wrongly or with a refusal.
    #[error("gave no clean answer")]
    Protocol,
    /// Its watchdog could not be armed and verified.
    #[error("its watchdog cannot be armed and verified")]
    Watchdog,
    /// Its watchdog tripped.
    #[error("its watchdog tripped")]
    Tripped,
    /// An output does not follow.
    #[error("an output differs from what was written")]
    Mismatch,
    /// An output that had followed changed by itself.
    #[error("another master writes to it")]
    SecondMaster,
    /// It says that it is stopped or has a fault.
    #[error("it is stopped, or says that it has a fault")]
    Stopped,
}

impl From<BusError> for DeviceFault {
    fn from(error: BusError) -> Self {
        match error {
            BusError::ConnectTimeout | BusError::Transport(_) => Self::Unreachable,
            BusError::Timeout | BusError::Nonsense(_) | BusError::Exception(_) => Self::Protocol,
        }
    }
}

/// A bus with its devices, planned.
pub struct Driver {
    dialer: Dialer,
    poll: Duration,
    call: Duration,
    units: Vec<Unit>,
    statistics: Statistics,
    tap: Tap,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Driver")
            .field("dialer", &self.dialer)
            .finish_non_exhaustive()
    }
}

impl Driver {
    /// Plans the requests of a bus.
    ///
    /// # Errors
    /// [`PlanError`] when a device cannot serve a point.
    pub fn new(dialer: Dialer, settings: BusSettings, tap: Tap) -> Result<Self, PlanError> {
        let units = settings
            .devices
            .into_iter()
            .map(Unit::new)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            dialer,
            poll: Duration::from_millis(settings.poll_ms.max(1).into()),
            call: Duration::from_millis(settings.call_ms.max(1).into()),
            units,
            statistics: Statistics::default(),
            tap,
        })
    }

    /// The view before the first poll.
    pub fn view(&self) -> BusView {
        let devices = self.units.iter().map(|unit| unit.view.clone()).collect();
        BusView {
            statistics: self.statistics,
            devices,
        }
    }

    /// Keeps the bus until nobody wants anything of it any more: then outputs are switched off.
    pub async fn run(mut self, mut wanted: watch::Receiver<Wanted>, views: watch::Sender<BusView>) {
        let mut pause = BACK_OFF_MIN;
        loop {
            match Bus::connect(&self.dialer, self.call, self.tap.clone()).await {
                Ok(mut bus) => {
                    self.statistics.connections += 1;
                    let Some(was_used) = self.converse(&mut bus, &mut wanted, &views).await else {
                        return;
                    };
                    if was_used {
                        pause = BACK_OFF_MIN;
                    }
                }
                Err(error) => {
                    let fault = DeviceFault::from(error);
                    self.units.iter_mut().for_each(|unit| unit.fall(fault));
                }
            }
            views.send_replace(self.view());
            let until = Instant::now() + pause;
            tokio::select! {
                () = sleep_until(until) => {}
                () = gone(&mut wanted) => return,
            }
            pause = pause.saturating_mul(2).min(BACK_OFF_MAX);
        }
    }

    /// Polls until the connection is of no more use (`Some`, and whether any device was in use), or
    /// nobody wants anything (`None`).
    async fn converse(
        &mut self,
        bus: &mut Bus,
        wanted: &mut watch::Receiver<Wanted>,
        views: &watch::Sender<BusView>,
    ) -> Option<bool> {
        self.units.iter_mut().for_each(Unit::connected);
        let mut was_used = false;
        let mut ticks = interval(self.poll);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = ticks.tick() => {}
                () = gone(wanted) => {
                    self.leave(bus).await;
                    return None;
                }
            }
            let begun = Instant::now();
            let values = wanted.borrow_and_update().clone();
            was_used |= self.units.iter().any(|unit| unit.view.fault.is_none());
            let broken = self.round(bus, &values).await;
            self.statistics.polled(begun.elapsed(), self.poll);
            views.send_replace(self.view());
            if broken {
                return Some(was_used);
            }
        }
    }

    /// Every device once; true when the connection is out of step.
    async fn round(&mut self, bus: &mut Bus, wanted: &Wanted) -> bool {
        let nothing = Vec::new();
        for (number, unit) in self.units.iter_mut().enumerate() {
            let wanted = wanted.get(number).unwrap_or(&nothing);
            let result = unit
                .step(bus, wanted, (self.poll, &mut self.statistics))
                .await;
            let Err(failure) = result else { continue };
            unit.fall(failure.fault);
            if !failure.out_of_step {
                continue;
            }
            // On a serial line a late reply must not meet the next device's request.
            if !bus.is_mendable() || bus.drain().await.is_err() {
                let others = DeviceFault::Unreachable;
                self.units
                    .iter_mut()
                    .filter(|u| u.view.fault.is_none())
                    .for_each(|u| u.fall(others));
                return true;
            }
        }
        false
    }

    /// Outputs off, as far as that goes; the watchdogs do the rest.
    async fn leave(&mut self, bus: &mut Bus) {
        for unit in &mut self.units {
            if unit.view.fault.is_none() {
                // All that is wanted is nothing.
                drop(unit.step(bus, &[], (self.poll, &mut self.statistics)).await);
            }
        }
    }
}

async fn gone(wanted: &mut watch::Receiver<Wanted>) {
    while wanted.changed().await.is_ok() {}
}
