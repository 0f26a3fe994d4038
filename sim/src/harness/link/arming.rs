//! Taking the node into use, and keeping it.

use sortline_core::{Event, NodeFault, Refusal};
use sortline_fieldbus::translate;
use sortline_logic::Node;
use sortline_regmap as map;
use sortline_regmap::{AckCode, Control, ControlRequest, ControlResult, Flags, Status};

use super::{Link, Open, Phase, WATCHDOG_MS, look_up, refused, write};

/// Another's lease is waited out for this many of its watchdog times.
const HELD_WATCHDOGS_MAX: u32 = 3;
/// Added to the longest hold when waiting for outputs of an earlier epoch.
const SETTLE_MARGIN_MS: u32 = 200;

impl Link {
    pub(super) fn beat(&mut self, now_us: u64, open: &mut Open, node: &mut Node) {
        if now_us >= self.frozen_until_us {
            self.beat_us = now_us;
            open.beat = open.beat.wrapping_add(1);
        }
        let beat = map::Heartbeat {
            owner: self.owner,
            counter: open.beat,
        };
        write(open, node, map::HEARTBEAT.start, &beat.encode());
    }

    pub(super) fn arm(
        &mut self,
        now_us: u64,
        open: &mut Open,
        node: &mut Node,
        (status, events): (&Status, &mut Vec<Event>),
    ) -> Result<(), NodeFault> {
        let flags = status.health.flags;
        if flags.has(Flags::STOP_OPEN) {
            return Ok(());
        }
        if flags.has(Flags::ARMED) && status.lease.owner != self.owner {
            open.held_polls += 1;
            let waited_ms = open.held_polls.saturating_mul(self.poll_ms);
            let most = u32::from(status.lease.watchdog_ms).saturating_mul(HELD_WATCHDOGS_MAX);
            return if waited_ms > most {
                Err(NodeFault::SecondMaster)
            } else {
                Ok(())
            };
        }
        open.held_polls = 0;
        if flags.has(Flags::STOP_LATCHED) {
            self.control(open, node, ControlRequest::Reset);
        }
        self.control(open, node, ControlRequest::Arm);
        let status = node.status();
        match status.lease.control {
            ControlResult::Done => {}
            ControlResult::StopOpen | ControlResult::Latched => return Ok(()),
            ControlResult::Owned => return Err(NodeFault::SecondMaster),
            ControlResult::None => return Err(NodeFault::Unsafe),
        }
        open.epoch = status.health.epoch;
        open.beat = 0;
        // The node's watchdog begins anew with the lease, as with a heartbeat.
        self.beat_us = now_us;
        let settle_ms = u64::from(node.limits().hold_ms_max) + u64::from(SETTLE_MARGIN_MS);
        open.phase = Phase::Settling(now_us / 1_000 + settle_ms);
        self.beat(now_us, open, node);
        self.resolve(node, events);
        Ok(())
    }

    fn control(&self, open: &mut Open, node: &mut Node, request: ControlRequest) {
        let block = Control {
            owner: self.owner,
            watchdog_ms: WATCHDOG_MS,
            request,
        };
        write(open, node, map::CONTROL.start, &block.encode());
    }

    /// Finds out about a command that was written without a clean answer.
    fn resolve(&mut self, node: &Node, events: &mut Vec<Event>) {
        let Some(command) = self.doubtful.take() else {
            return;
        };
        let refusal = match look_up(node, &command) {
            None => Refusal::Stopped,
            Some(AckCode::Refused(refusal)) => translate::refusal(refusal),
            Some(AckCode::Accepted | AckCode::Fired | AckCode::Done | AckCode::Withdrawn) => return,
        };
        events.push(refused(&command, refusal));
    }
}
