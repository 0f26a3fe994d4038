//! The ways on which a controller finds the simulated field node.

use std::io;
use std::net::TcpListener;

use sortline_logic::Node;
use sortline_node::mqtt;

use super::apart;
use super::plant::{Options, PlantError, PlantHandle, begin, listen};
use crate::plant::{Rng, node_limits};

/// The ways to the node.
#[derive(Clone, Debug)]
pub struct Ways {
    /// Behind Modbus TCP, at [`Options::modbus`].
    pub modbus: bool,
    /// At an MQTT broker.
    pub mqtt: Option<mqtt::Settings>,
}

impl Default for Ways {
    /// Modbus TCP alone.
    fn default() -> Self {
        Self {
            modbus: true,
            mqtt: None,
        }
    }
}

/// Ways that are ready for the node.
#[derive(Debug)]
pub(super) struct Opened {
    modbus: Option<TcpListener>,
    mqtt: Option<mqtt::Settings>,
}

impl Opened {
    /// As the node takes them, in the runtime in which it lives.
    pub(super) fn ways(self) -> io::Result<sortline_node::Ways> {
        let modbus = self.modbus.map(tokio::net::TcpListener::from_std);
        Ok(sortline_node::Ways {
            modbus: modbus.transpose()?,
            mqtt: self.mqtt,
        })
    }
}

/// Starts the plant with its node on these ways.
///
/// # Errors
/// As [`plant`](super::plant::plant). A broker that is not there is none: the node looks for it
/// until it comes.
pub async fn plant_on(options: Options, ways: Ways) -> Result<PlantHandle, PlantError> {
    let mut address = options.modbus;
    let mut modbus = None;
    if ways.modbus {
        let local = |source| PlantError::Listen {
            address: options.modbus,
            what: "Modbus TCP",
            source,
        };
        let listener = listen(options.modbus, "Modbus TCP").await?;
        address = listener.local_addr().map_err(local)?;
        modbus = Some(listener.into_std().map_err(local)?);
    }
    let opened = Opened {
        modbus,
        mqtt: ways.mqtt,
    };
    // A controller recognizes a restarted node by its epoch: another process has another one.
    let epoch = Rng::new(std::process::id().into(), options.seed).below(1 << 16);
    let epoch = u16::try_from(epoch).unwrap_or(1);
    let node = Box::new(Node::new(node_limits(&options.line), epoch));
    begin(options, address, |field, stopped| {
        apart::serve(opened, *node, field, stopped)
    })
    .await
}
