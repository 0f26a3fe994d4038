//! One device on a bus: taken into use, polled, guarded.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::driver::{BACK_OFF_MAX, BACK_OFF_MIN, DeviceFault, DeviceSettings, DeviceView};
use super::plan::{Plan, PlanError, value};
use super::watchdog::Wire;
use crate::Statistics;
use crate::bus::{Bus, BusError};
use crate::pdu::{Reply, Request};

/// Polls for which an output may differ from what was written: output stages need time.
const MISMATCH_POLLS_MAX: u8 = 3;
/// An output that the device times is renewed every poll and goes off after so many of them.
const PULSE_POLLS: u32 = 4;

/// How far a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Not before this.
    Down(Instant),
    /// Its watchdog must have tripped at this time.
    Proving(Instant),
    Up,
}

/// An output that the device times.
#[derive(Clone, Copy, Debug)]
struct Timed {
    /// Its place among the outputs.
    index: usize,
    /// First of its registers.
    address: u16,
    pulse_ms: Option<u32>,
}

pub(super) struct Unit {
    settings: DeviceSettings,
    plan: Plan,
    /// Places of the outputs that are written plainly.
    plain: Vec<usize>,
    timed: Vec<Timed>,
    stage: Stage,
    pause: Duration,
    proven: bool,
    /// Values last written.
    written: Vec<u16>,
    /// They were read back since.
    confirmed: bool,
    mismatches: u8,
    /// Outputs that the device times and that were wanted on at the last poll.
    pulses: Vec<bool>,
    count: u16,
    pub(super) view: DeviceView,
}

/// Why a step failed, and whether the connection is out of step with the device after it.
pub(super) struct Failure {
    pub(super) fault: DeviceFault,
    pub(super) out_of_step: bool,
}

impl From<BusError> for Failure {
    fn from(error: BusError) -> Self {
        let out_of_step = !matches!(error, BusError::Exception(_));
        Self {
            fault: error.into(),
            out_of_step,
        }
    }
}

impl From<DeviceFault> for Failure {
    fn from(fault: DeviceFault) -> Self {
        let out_of_step = matches!(fault, DeviceFault::Unreachable | DeviceFault::Protocol);
        Self { fault, out_of_step }
    }
}

impl Unit {
    pub(super) fn new(settings: DeviceSettings) -> Result<Self, PlanError> {
        let profile = &settings.profile;
        let (mut plain, mut timed) = (Vec::new(), Vec::new());
        for (index, output) in settings.outputs.iter().enumerate() {
            let point = profile.points.get(&output.point);
            let pulse = point.and_then(|point| point.pulse);
            let by_device = output.pulse_ms.is_some() || profile.watchdog.is_none();
            match pulse.filter(|_| by_device) {
                Some(address) => timed.push(Timed {
                    index,
                    address,
                    pulse_ms: output.pulse_ms,
                }),
                None => plain.push(index),
            }
        }
        let name = |index: usize| {
            settings
                .outputs
                .get(index)
                .map(|output| output.point.clone())
        };
        let mut read = settings.inputs.clone();
        read.extend(timed.iter().filter_map(|timed| name(timed.index)));
        let outputs: Vec<String> = plain.iter().filter_map(|index| name(*index)).collect();
        let plan = Plan::new(profile, &read, &outputs)?;
        let view = DeviceView {
            fault: Some(DeviceFault::Starting),
            inputs: vec![None; settings.inputs.len()],
            outputs: vec![None; settings.outputs.len()],
            polled: None,
        };
        Ok(Self {
            plan,
            plain,
            timed,
            stage: Stage::Down(Instant::now()),
            pause: BACK_OFF_MIN,
            proven: false,
            written: Vec::new(),
            confirmed: false,
            mismatches: 0,
            pulses: vec![false; settings.outputs.len()],
            count: 0,
            view,
            settings,
        })
    }

    /// There is a new connection.
    pub(super) fn connected(&mut self) {
        self.stage = Stage::Down(Instant::now());
    }

    /// The device cannot be used for a while.
    pub(super) fn fall(&mut self, fault: DeviceFault) {
        if self.view.fault.is_none() {
            self.pause = BACK_OFF_MIN;
        }
        if self.view.fault.replace(fault) != Some(fault) {
            tracing::warn!(unit = self.settings.unit, %fault, "device not usable");
        }
        self.view.outputs.fill(None);
        self.stage = Stage::Down(Instant::now() + self.pause);
        self.pause = self.pause.saturating_mul(2).min(BACK_OFF_MAX);
    }

    /// Whatever is next for the device; outputs that are not given are wanted off.
    pub(super) async fn step(
        &mut self,
        bus: &mut Bus,
        wanted: &[u16],
        (poll, statistics): (Duration, &mut Statistics),
    ) -> Result<(), Failure> {
        let now = Instant::now();
        match self.stage {
            Stage::Down(until) | Stage::Proving(until) if now < until => return Ok(()),
            Stage::Down(_) if bus.is_mendable() => {
                // One try: the other devices on the line are waiting.
                bus.resynchronize(self.settings.unit, 1, statistics).await?;
            }
            Stage::Down(_) | Stage::Proving(_) | Stage::Up => {}
        }
        let unit = self.settings.unit;
        let mut wire = Wire {
            bus,
            unit,
            statistics,
        };
        match self.stage {
            Stage::Down(_) => self.start(&mut wire).await,
            Stage::Proving(_) => self.prove(&mut wire).await,
            Stage::Up => self.poll(&mut wire, wanted, poll).await,
        }
    }

    /// Takes the device into use: watchdog, outputs off, read back.
    async fn start(&mut self, wire: &mut Wire<'_>) -> Result<(), Failure> {
        let profile = Arc::clone(&self.settings.profile);
        if let Some(watchdog) = &profile.watchdog {
            if self.settings.outputs.is_empty() {
                // Nothing to guard.
            } else if watchdog.prove && !self.proven {
                watchdog.take(wire).await?;
                self.write(wire, &[]).await?;
                let silence = Duration::from_millis(watchdog.time_ms.into()).saturating_mul(3) / 2;
                self.stage = Stage::Proving(Instant::now() + silence);
                return Ok(());
            } else {
                watchdog.take(wire).await?;
            }
        } else if self.plain_needs_guard() {
            return Err(DeviceFault::Watchdog.into());
        }
        (self.confirmed, self.mismatches, self.count) = (false, 0, 1);
        self.switch_timed_off(wire).await?;
        self.write(wire, &[]).await?;
        self.read(wire).await?;
        if self.view.outputs.iter().any(|value| *value != Some(0)) {
            return Err(DeviceFault::Mismatch.into());
        }
        (self.stage, self.view.fault, self.confirmed) = (Stage::Up, None, true);
        Ok(())
    }

    fn plain_needs_guard(&self) -> bool {
        !self.plain.is_empty() && !self.settings.without_watchdog
    }

    /// The device was left alone for longer than its watchdog allows: that must show.
    async fn prove(&mut self, wire: &mut Wire<'_>) -> Result<(), Failure> {
        let profile = Arc::clone(&self.settings.profile);
        self.stage = Stage::Down(Instant::now());
        if let Some(watchdog) = &profile.watchdog
            && !watchdog.has_tripped(wire).await?
        {
            return Err(DeviceFault::Watchdog.into());
        }
        self.proven = true;
        Ok(())
    }

    async fn poll(
        &mut self,
        wire: &mut Wire<'_>,
        wanted: &[u16],
        poll: Duration,
    ) -> Result<(), Failure> {
        let profile = Arc::clone(&self.settings.profile);
        self.count = self.count.wrapping_add(1).max(1);
        let guarded = !self.settings.outputs.is_empty();
        let watchdog = profile.watchdog.as_ref().filter(|_| guarded);
        let feeds_by_writing = watchdog.is_some_and(|watchdog| watchdog.feed.is_none());
        let values: Vec<u16> = self
            .plain
            .iter()
            .map(|index| wanted.get(*index).copied().unwrap_or(0))
            .collect();
        if values != self.written || feeds_by_writing {
            self.write(wire, &values).await?;
        }
        self.write_timed(wire, wanted, poll).await?;
        if let Some(watchdog) = watchdog {
            watchdog.feed(wire, self.count).await?;
            if watchdog.has_tripped(wire).await? {
                return Err(DeviceFault::Tripped.into());
            }
        }
        self.read(wire).await?;
        self.compare().map_err(Failure::from)
    }

    /// Writes the plain outputs; those that are not given are off.
    async fn write(&mut self, wire: &mut Wire<'_>, values: &[u16]) -> Result<(), BusError> {
        let mut values = values.to_vec();
        values.resize(self.plain.len(), 0);
        if values != self.written {
            (self.confirmed, self.mismatches) = (false, 0);
        }
        for request in self.plan.write_requests(&self.settings.profile, &values) {
            wire.call(&request).await?;
        }
        self.written = values;
        Ok(())
    }

    /// Outputs that the device times: a pulse at every rise, or one renewed at every poll that
    /// ends when it is renewed no more.
    async fn write_timed(
        &mut self,
        wire: &mut Wire<'_>,
        wanted: &[u16],
        poll: Duration,
    ) -> Result<(), BusError> {
        let renewed = u32::try_from(poll.as_millis())
            .unwrap_or(u32::MAX)
            .saturating_mul(PULSE_POLLS);
        for timed in self.timed.clone() {
            let on = wanted.get(timed.index).is_some_and(|value| *value != 0);
            let was = self.pulsed(timed.index);
            let ms = match timed.pulse_ms {
                Some(ms) if on && !was => ms,
                None if on => renewed,
                None if was => 0,
                Some(_) | None => continue,
            };
            self.pulse(wire, timed, (on, ms)).await?;
        }
        for timed in &self.timed {
            let on = wanted.get(timed.index).is_some_and(|value| *value != 0);
            if let Some(kept) = self.pulses.get_mut(timed.index) {
                *kept = on;
            }
        }
        Ok(())
    }

    async fn switch_timed_off(&mut self, wire: &mut Wire<'_>) -> Result<(), BusError> {
        for timed in self.timed.clone() {
            self.pulse(wire, timed, (false, 0)).await?;
        }
        self.pulses.fill(false);
        Ok(())
    }

    async fn pulse(
        &self,
        wire: &mut Wire<'_>,
        timed: Timed,
        (on, ms): (bool, u32),
    ) -> Result<(), BusError> {
        let [a, b, c, d] = ms.to_be_bytes();
        let values = vec![
            u16::from(on),
            u16::from_be_bytes([a, b]),
            u16::from_be_bytes([c, d]),
        ];
        wire.call(&Request::WriteRegisters {
            address: timed.address,
            values,
        })
        .await?;
        Ok(())
    }

    fn pulsed(&self, index: usize) -> bool {
        self.pulses.get(index).copied().unwrap_or(false)
    }

    async fn read(&mut self, wire: &mut Wire<'_>) -> Result<(), BusError> {
        let mut replies: Vec<Reply> = Vec::with_capacity(self.plan.reads.len());
        for block in &self.plan.reads {
            replies.push(wire.call(&block.request()).await?);
        }
        let mut found = self.plan.inputs.iter().map(|slot| value(&replies, *slot));
        for kept in &mut self.view.inputs {
            *kept = found.next().flatten();
        }
        for timed in &self.timed {
            if let Some(kept) = self.view.outputs.get_mut(timed.index) {
                *kept = found.next().flatten();
            }
        }
        for (index, slot) in self.plain.iter().zip(&self.plan.read_backs) {
            if let Some(kept) = self.view.outputs.get_mut(*index) {
                *kept = value(&replies, *slot);
            }
        }
        self.view.polled = Some(Instant::now());
        Ok(())
    }

    /// Whether the outputs are what was written: an output stage may need some polls to follow,
    /// and what had followed and changes is another master's doing.
    fn compare(&mut self) -> Result<(), DeviceFault> {
        let same = self.plain.iter().zip(&self.written).all(|(index, wanted)| {
            self.view.outputs.get(*index).copied().flatten() == Some((*wanted).into())
        });
        if same {
            (self.confirmed, self.mismatches) = (true, 0);
            return Ok(());
        }
        if self.confirmed {
            return Err(DeviceFault::SecondMaster);
        }
        self.mismatches = self.mismatches.saturating_add(1);
        if self.mismatches > MISMATCH_POLLS_MAX {
            return Err(DeviceFault::Mismatch);
        }
        Ok(())
    }
}
