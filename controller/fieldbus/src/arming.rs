//! Taking the node into use, keeping it, and giving it back.

use sortline_core::NodeFault;
use sortline_regmap::{AckCode, Control, ControlRequest, ControlResult, Flags, Heartbeat, Status};

use crate::session::{End, Link, Phase, Session};
use crate::translate;

/// Added to the longest hold when waiting for outputs of an earlier epoch: reading back takes a
/// few polls.
const SETTLE_MARGIN_MS: u32 = 200;
/// Another controller's lease is waited out for this many of its watchdog times before it counts
/// as a second master: the usual cause is this controller's own last life.
const HELD_WATCHDOGS_MAX: u32 = 3;

impl Session {
    /// Arms the node, unless the stop circuit or another controller stands against it; the arming
    /// is read back. Resets the stop latch once the circuit is closed: it is the core that holds
    /// diverting back until a person has released the line.
    pub(crate) async fn arm(&mut self, link: &mut Link, status: &Status) -> Result<(), End> {
        let flags = status.health.flags;
        if flags.has(Flags::STOP_OPEN) {
            return Ok(());
        }
        let owner = self.settings.owner;
        if flags.has(Flags::ARMED) && status.lease.owner != owner {
            return self.wait_for_lease(link, status);
        }
        link.held_polls = 0;
        let watchdog_ms = self.settings.watchdog_ms.min(link.limits.heartbeat_ms);
        if flags.has(Flags::STOP_LATCHED) {
            self.control(
                link,
                Control {
                    owner,
                    watchdog_ms,
                    request: ControlRequest::Reset,
                },
            )
            .await?;
        }
        self.control(
            link,
            Control {
                owner,
                watchdog_ms,
                request: ControlRequest::Arm,
            },
        )
        .await?;
        let status = link.port.status(&mut self.statistics).await?;
        match status.lease.control {
            ControlResult::Done => {}
            // The circuit opened in between: try again at the next poll.
            ControlResult::StopOpen | ControlResult::Latched => return Ok(()),
            ControlResult::Owned => return Err(End::Fault(NodeFault::SecondMaster)),
            ControlResult::None => return Err(End::Fault(NodeFault::Unsafe)),
        }
        if !status.health.flags.has(Flags::ARMED)
            || status.lease.owner != owner
            || status.lease.watchdog_ms != watchdog_ms
        {
            return Err(End::Fault(NodeFault::Unsafe));
        }
        link.epoch = status.health.epoch;
        link.beat = 0;
        let settle_ms = u32::from(link.limits.hold_ms_max).saturating_add(SETTLE_MARGIN_MS);
        link.phase = Phase::Settling(settle_ms / u32::from(self.settings.poll_ms));
        self.beat(link).await?;
        self.resolve(link).await
    }

    /// The sign of life: a write, because reads feed no watchdog.
    pub(crate) async fn beat(&mut self, link: &mut Link) -> Result<(), End> {
        link.beat = link.beat.wrapping_add(1);
        let heartbeat = Heartbeat {
            owner: self.settings.owner,
            counter: link.beat,
        };
        Ok(link.port.beat(heartbeat, &mut self.statistics).await?)
    }

    /// Outputs off before the controller leaves. If it fails, the watchdog does it.
    pub(crate) async fn disarm(&mut self, link: &mut Link) {
        let owner = self.settings.owner;
        let control = Control {
            owner,
            watchdog_ms: 0,
            request: ControlRequest::Disarm,
        };
        if link.phase != Phase::Unarmed && self.control(link, control).await.is_err() {
            tracing::debug!("could not disarm the node");
        }
    }

    fn wait_for_lease(&self, link: &mut Link, status: &Status) -> Result<(), End> {
        link.held_polls = link.held_polls.saturating_add(1);
        let waited_ms = link.held_polls.saturating_mul(self.settings.poll_ms.into());
        if waited_ms > u32::from(status.lease.watchdog_ms).saturating_mul(HELD_WATCHDOGS_MAX) {
            return Err(End::Fault(NodeFault::SecondMaster));
        }
        Ok(())
    }

    /// Finds out about a command that was written without a clean reply. Its epoch has ended, so
    /// what the node does not know of it will not happen; what it did comes through the ring.
    async fn resolve(&mut self, link: &mut Link) -> Result<(), End> {
        let Some(command) = self.doubtful.take() else {
            return Ok(());
        };
        match link.port.look_up(&command, &mut self.statistics).await? {
            None => self.refuse(&command).await,
            Some(AckCode::Refused(refusal)) => {
                self.deliver_refusal(&command, translate::refusal(refusal))
                    .await
            }
            Some(AckCode::Accepted | AckCode::Fired | AckCode::Done | AckCode::Withdrawn) => Ok(()),
        }
    }

    async fn control(&mut self, link: &mut Link, control: Control) -> Result<(), End> {
        Ok(link.port.control(control, &mut self.statistics).await?)
    }
}
