//! A node that is driven over MQTT 5.
//!
//! Every conversation is one connection to the broker, made anew after any trouble: nothing that
//! was not sent before is sent later, so no stroke comes late. Commands are acknowledged one by
//! one; what became of strokes comes as events, and events that did not arrive are asked for by
//! number. What the node guarantees stands in `sortline-mqtt`.

mod remote;

use std::fmt;
use std::str::FromStr;

pub(crate) use remote::Remote;
pub use sortline_mqtt::access::{Access, PasswordError};
pub use sortline_mqtt::link::Server;
pub use sortline_mqtt::{Topics, is_slug};

/// `mqtt://host:port/node`: a broker, and the node's name there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The broker; how one gets in is not in the address.
    pub server: Server,
    /// The node's level in its topics.
    pub node: String,
}

impl Address {
    const SCHEME: &str = "mqtt://";

    /// Whether a text means to be such an address.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(Self::SCHEME)
    }
}

/// Text that is no address of a node behind MQTT.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "found `{0}`, allowed is `mqtt://host:port/node`, the node's name in 1 to 32 lower-case \
     letters, digits and dashes"
)]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let address = || {
            let (host_port, node) = text.strip_prefix(Self::SCHEME)?.split_once('/')?;
            let (host, port) = host_port.rsplit_once(':')?;
            let port = port.parse().ok().filter(|port: &u16| *port > 0)?;
            // A password is a secret and has its own file.
            let plain = !host.is_empty() && !host.contains('@');
            (plain && is_slug(node)).then(|| Self {
                server: Server {
                    host: host.to_owned(),
                    port,
                    access: Access::default(),
                },
                node: node.to_owned(),
            })
        };
        address().ok_or_else(|| AddressError(text.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Server { host, port, .. } = &self.server;
        write!(out, "{}{host}:{port}/{}", Self::SCHEME, self.node)
    }
}

/// A node's place at a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// The broker.
    pub server: Server,
    /// The node's topics.
    pub topics: Topics,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let check = |text: &str, expected: Option<(&str, u16, &str)>| {
            let found = text.parse::<Address>();
            let parts = found.as_ref().ok().map(|address| {
                let Server { host, port, .. } = &address.server;
                (host.as_str(), *port, address.node.as_str())
            });
            assert_eq!(parts, expected, "{text}");
            if let Ok(address) = &found {
                assert_eq!(address.to_string(), text);
            }
        };
        check("mqtt://broker:1883/north", Some(("broker", 1_883, "north")));
        check("mqtt://[::1]:1883/n-1", Some(("[::1]", 1_883, "n-1")));
        for wrong in [
            "mqtt://broker:1883",
            "mqtt://broker:1883/",
            "mqtt://broker:1883/North",
            "mqtt://broker:1883/a/b",
            "mqtt://broker:1883/+",
            "mqtt://broker/north",
            "mqtt://broker:0/north",
            "mqtt://:1883/north",
            "mqtt://me:secret@broker:1883/north",
            "mqtts://broker:8883/north",
            "broker:1883",
        ] {
            check(wrong, None);
        }
        assert!(Address::is_meant("mqtt://x") && !Address::is_meant("10.0.0.5:502"));
    }
}
