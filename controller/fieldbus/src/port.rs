//! The node as the session sees it, by whichever transport it is reached.
//!
//! The session knows what must be asked in which order and what the answers mean; a port knows
//! how to ask. Every call has one deadline. After an error the port is given up and a new one is
//! opened: what came late is never taken for an answer.

use sortline_core::{Command, NodeFault};
use sortline_regmap::{AckCode, Control, Event, Heartbeat, Ident, Limits, Rings, Status};

use crate::mqtt::Remote;
use crate::registers::Registers;
use crate::tap::Tap;
use crate::translate::Feed;
use crate::{Place, Settings, Statistics};

/// A conversation with a node.
#[derive(Debug)]
pub(crate) enum Port {
    /// Registers, read and written.
    Modbus(Registers),
    /// Messages, sent and received.
    Mqtt(Box<Remote>),
}

impl Port {
    /// Reaches the node.
    pub(crate) async fn open(
        place: &Place,
        settings: &Settings,
        tap: Tap,
        statistics: &mut Statistics,
    ) -> Result<Self, NodeFault> {
        match place {
            Place::Bus(dialer) => Registers::open(dialer, settings, tap, statistics)
                .await
                .map(Self::Modbus),
            Place::Mqtt(broker) => {
                let remote = Remote::open(broker, settings, tap, statistics).await?;
                Ok(Self::Mqtt(Box::new(remote)))
            }
        }
    }

    /// Who the node is.
    pub(crate) async fn ident(&mut self, statistics: &mut Statistics) -> Result<Ident, NodeFault> {
        match self {
            Self::Modbus(port) => port.ident(statistics).await,
            Self::Mqtt(port) => port.ident(statistics).await,
        }
    }

    /// What the node enforces.
    pub(crate) async fn limits(
        &mut self,
        statistics: &mut Statistics,
    ) -> Result<Limits, NodeFault> {
        match self {
            Self::Modbus(port) => port.limits(statistics).await,
            Self::Mqtt(port) => port.limits(statistics).await,
        }
    }

    /// The node's state after everything that was written before.
    pub(crate) async fn status(
        &mut self,
        statistics: &mut Statistics,
    ) -> Result<Status, NodeFault> {
        match self {
            Self::Modbus(port) => port.status(statistics).await,
            Self::Mqtt(port) => port.status(statistics).await,
        }
    }

    /// The next events of the ring, in order; `None` when all were taken, or when the next one
    /// was overwritten, which shows at the next state.
    pub(crate) async fn events(
        &mut self,
        feed: &Feed,
        rings: Rings,
        statistics: &mut Statistics,
    ) -> Result<Option<Vec<Event>>, NodeFault> {
        match self {
            Self::Modbus(port) => port.events(feed, rings, statistics).await,
            Self::Mqtt(port) => port.events(feed, rings, statistics).await,
        }
    }

    /// The controller's sign of life.
    pub(crate) async fn beat(
        &mut self,
        heartbeat: Heartbeat,
        statistics: &mut Statistics,
    ) -> Result<(), NodeFault> {
        match self {
            Self::Modbus(port) => port.beat(heartbeat, statistics).await,
            Self::Mqtt(port) => port.beat(heartbeat),
        }
    }

    /// Something wanted of the node as a whole; what became of it is in the next state.
    pub(crate) async fn control(
        &mut self,
        control: Control,
        statistics: &mut Statistics,
    ) -> Result<(), NodeFault> {
        match self {
            Self::Modbus(port) => port.control(control, statistics).await,
            Self::Mqtt(port) => port.control(control, statistics).await,
        }
    }

    /// Gives the node a command: its answer, or `None` when the command arrived damaged every
    /// time. After an error it is not known whether the node has it.
    pub(crate) async fn command(
        &mut self,
        command: &Command,
        statistics: &mut Statistics,
    ) -> Result<Option<AckCode>, NodeFault> {
        match self {
            Self::Modbus(port) => port.command(command, statistics).await,
            Self::Mqtt(port) => port.command(command, statistics).await,
        }
    }

    /// What the node remembers of a command.
    pub(crate) async fn look_up(
        &mut self,
        command: &Command,
        statistics: &mut Statistics,
    ) -> Result<Option<AckCode>, NodeFault> {
        match self {
            Self::Modbus(port) => port.look_up(command, statistics).await,
            Self::Mqtt(port) => port.look_up(command, statistics).await,
        }
    }

    /// How far the node's write counter must have moved on by this port's own writes. Over MQTT it
    /// counts only those that came another way.
    pub(crate) const fn writes(&self) -> u16 {
        match self {
            Self::Modbus(port) => port.writes(),
            Self::Mqtt(_) => 0,
        }
    }
}
