//! The MQTT broker inside the service, for sites without their own.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};

use anyhow::Context as _;
use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};
use sortline_fieldbus::mqtt::Access;

/// Largest message, bytes.
const PAYLOAD_MAX: usize = 256 * 1024;

/// Starts the broker and gives the address it listens on. It lasts as long as the process. Where the
/// controller has a name, nobody is let in under another.
///
/// # Errors
/// The address is in use, or the system has no thread to give.
pub fn start(listen: SocketAddr, access: &Access) -> anyhow::Result<SocketAddr> {
    // The broker binds by itself and only logs when it cannot: find out here, and learn the port
    // behind port 0.
    let probe = TcpListener::bind(listen)
        .with_context(|| format!("the MQTT broker cannot listen on {listen} (mqtt.listen)"))?;
    let address = probe
        .local_addr()
        .context("the MQTT broker's address is unknown")?;
    drop(probe);
    let mut broker = Broker::new(config(address, access));
    let serve = move || {
        if let Err(error) = broker.start() {
            tracing::error!(%error, "the embedded MQTT broker ended");
        }
    };
    let thread = std::thread::Builder::new().name("broker".to_owned());
    thread
        .spawn(serve)
        .context("the MQTT broker has no thread")?;
    Ok(address)
}

fn config(listen: SocketAddr, access: &Access) -> Config {
    let login = access.login();
    let login = login.map(|(user, password)| (user.to_owned(), password.to_owned()));
    let connections = ConnectionSettings {
        connection_timeout_ms: 5_000,
        max_payload_size: PAYLOAD_MAX,
        max_inflight_count: 100,
        auth: login.map(|login| [login].into_iter().collect()),
        external_auth: None,
        dynamic_filters: true,
    };
    let name = "mqtt".to_owned();
    let server = ServerSettings {
        name: name.clone(),
        listen,
        tls: None,
        next_connection_delay_ms: 1,
        connections,
    };
    let router = RouterConfig {
        max_connections: 64,
        max_outgoing_packet_count: 200,
        max_segment_size: 1 << 20,
        max_segment_count: 8,
        ..RouterConfig::default()
    };
    let v5 = BTreeMap::from([(name, server)]).into_iter().collect();
    Config {
        router,
        v5: Some(v5),
        ..Config::default()
    }
}
