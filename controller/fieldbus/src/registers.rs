//! A node behind Modbus: its registers, read and written.

use std::time::Duration;

use sortline_core::{Command, NodeFault};
use sortline_regmap as map;
use sortline_regmap::{
    Ack, AckCode, Block, Control, Event, Heartbeat, Ident, Limits, Rings, Status,
};

use crate::address::Dialer;
use crate::bus::{Bus, BusError};
use crate::tap::Tap;
use crate::translate::{self, Feed};
use crate::{Points, Settings, Statistics};

/// A command that the node says arrived damaged is written once more.
const COMMAND_WRITES_MAX: u8 = 2;
/// Tries to find a serial line in step again.
const RESYNC_TRIES: u8 = 3;

/// The registers of one node, over one connection.
#[derive(Debug)]
pub(crate) struct Registers {
    bus: Bus,
    unit: u8,
    writes: u16,
}

impl From<BusError> for NodeFault {
    fn from(error: BusError) -> Self {
        let fault = match &error {
            BusError::ConnectTimeout | BusError::Transport(_) => Self::Unreachable,
            BusError::Timeout | BusError::Nonsense(_) | BusError::Exception(_) => Self::Protocol,
        };
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            ?fault,
            "modbus call failed"
        );
        fault
    }
}

impl Registers {
    pub(crate) async fn open(
        dialer: &Dialer,
        settings: &Settings,
        tap: Tap,
        statistics: &mut Statistics,
    ) -> Result<Self, NodeFault> {
        let (unit, call_ms) = (settings.unit, settings.call_ms.into());
        let mut bus = Bus::connect(dialer, Duration::from_millis(call_ms), tap).await?;
        statistics.connections += 1;
        if bus.is_mendable() {
            // What the last connection left on the line is not for this one.
            bus.resynchronize(unit, RESYNC_TRIES, statistics).await?;
        }
        Ok(Self {
            bus,
            unit,
            writes: 0,
        })
    }

    pub(crate) async fn ident(&mut self, statistics: &mut Statistics) -> Result<Ident, NodeFault> {
        let words = self.block(map::IDENT, statistics).await?;
        Ok(Ident::decode(&words))
    }

    pub(crate) async fn limits(
        &mut self,
        statistics: &mut Statistics,
    ) -> Result<Limits, NodeFault> {
        let words = self.block(map::LIMITS, statistics).await?;
        Ok(Limits::decode(&words))
    }

    pub(crate) async fn status(
        &mut self,
        statistics: &mut Statistics,
    ) -> Result<Status, NodeFault> {
        let words = self.block(map::STATUS, statistics).await?;
        let status = Status::decode(&words).ok_or(NodeFault::Protocol)?;
        statistics.points = Points::of(&status);
        Ok(status)
    }

    pub(crate) async fn events(
        &mut self,
        feed: &Feed,
        rings: Rings,
        statistics: &mut Statistics,
    ) -> Result<Option<Vec<Event>>, NodeFault> {
        let Some(place) = feed.next_read(rings) else {
            return Ok(None);
        };
        let words = self.bus.read(self.unit, place, statistics).await?;
        Ok(feed.decode(&words).ok())
    }

    pub(crate) async fn beat(
        &mut self,
        heartbeat: Heartbeat,
        statistics: &mut Statistics,
    ) -> Result<(), NodeFault> {
        let words = heartbeat.encode();
        Ok(self.write(map::HEARTBEAT.start, &words, statistics).await?)
    }

    pub(crate) async fn control(
        &mut self,
        control: Control,
        statistics: &mut Statistics,
    ) -> Result<(), NodeFault> {
        let words = control.encode();
        Ok(self.write(map::CONTROL.start, &words, statistics).await?)
    }

    pub(crate) async fn command(
        &mut self,
        command: &Command,
        statistics: &mut Statistics,
    ) -> Result<Option<AckCode>, NodeFault> {
        let (address, words) = translate::command_words(command);
        for _ in 0..COMMAND_WRITES_MAX {
            self.write(address, &words, statistics).await?;
            if let Some(result) = self.look_up(command, statistics).await? {
                return Ok(Some(result));
            }
        }
        Ok(None)
    }

    pub(crate) async fn look_up(
        &mut self,
        command: &Command,
        statistics: &mut Statistics,
    ) -> Result<Option<AckCode>, NodeFault> {
        let seq = translate::seq(command).0;
        let place = (map::ack_address(seq), 4);
        let words = self.bus.read(self.unit, place, statistics).await?;
        let words = words
            .as_array()
            .ok_or(BusError::Nonsense("answer of another length"))?;
        Ok(Ack::decode(*words)
            .filter(|ack| ack.seq == seq)
            .map(|ack| ack.result))
    }

    pub(crate) const fn writes(&self) -> u16 {
        self.writes
    }

    async fn block<const N: usize>(
        &mut self,
        block: Block,
        statistics: &mut Statistics,
    ) -> Result<[u16; N], NodeFault> {
        let place = (block.start, block.words);
        let words = self.bus.read(self.unit, place, statistics).await?;
        words.as_array().copied().ok_or(NodeFault::Protocol)
    }

    async fn write(
        &mut self,
        address: u16,
        words: &[u16],
        statistics: &mut Statistics,
    ) -> Result<(), BusError> {
        self.bus
            .write(self.unit, address, words, statistics)
            .await?;
        self.writes = self.writes.wrapping_add(1);
        Ok(())
    }
}
