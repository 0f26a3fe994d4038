//! Where MQTT messages go, and what the broker there asks for.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sortline_fieldbus::mqtt::Access;
use sortline_fieldbus::tls;

use super::site::address;
use super::{ConfigError, Files};

/// MQTT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MqttConfig {
    /// `embedded` for the broker inside the service, `off`, or `host:port` of an MQTT 5 broker.
    /// Default `embedded`.
    pub broker: String,
    /// Where the embedded broker listens; port 0 takes a free one. Default `127.0.0.1:1883`.
    pub listen: String,
    /// Name at the broker; the embedded one then lets nobody in but this user. Default none.
    pub user: Option<String>,
    /// File that holds the user's password alone, in one line; absolute or from the site directory.
    pub password_file: Option<PathBuf>,
    /// TLS to a broker at `host:port`. Default none: what is sent can be read on the way.
    pub tls: Option<BrokerTlsConfig>,
    /// First level of every topic. Default `sortline`.
    pub root: String,
    /// Seconds without traffic after which the link is tested, 5 to 600. Default 5.
    pub keep_alive_s: u16,
    /// Messages kept in memory while the broker cannot be reached, 100 to 1,000,000; beyond that
    /// the oldest that is no outcome is dropped. Default 20,000.
    pub outbox_messages: u32,
    /// A command whose deadline is further ahead is refused, 1 to 3,600. Default 60.
    pub command_s_max: u32,
}

impl Default for MqttConfig {
    fn default() -> Self {
        Self {
            broker: "embedded".to_owned(),
            listen: "127.0.0.1:1883".to_owned(),
            user: None,
            password_file: None,
            tls: None,
            root: "sortline".to_owned(),
            keep_alive_s: 5,
            outbox_messages: 20_000,
            command_s_max: 60,
        }
    }
}

/// TLS to a broker, as PEM files; absolute or from the site directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BrokerTlsConfig {
    /// Certificates of the authorities that the broker's certificate may be signed by. Those of the
    /// system are in `/etc/ssl/certs/ca-certificates.crt` on Debian.
    pub authority: PathBuf,
    /// The controller's certificate, with its chain, where the broker asks for one.
    pub certificate: Option<PathBuf>,
    /// The key of this certificate.
    pub key: Option<PathBuf>,
}

/// Where MQTT messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broker {
    /// Nowhere.
    Off,
    /// To a broker inside the service, listening here.
    Embedded(SocketAddr),
    /// To this host and port.
    Remote(String, u16),
}

/// How this controller is let in by the brokers of its site.
///
/// # Errors
/// The password or a certificate cannot be read or used.
pub fn access(config: &MqttConfig, files: &Files) -> Result<Access, ConfigError> {
    let path = |name: &Path| files.path("site.toml").with_file_name(name);
    let mut access = Access::default();
    if let (Some(user), Some(file)) = (&config.user, &config.password_file) {
        let file = path(file);
        access = Access::user_from_file(user, &file).map_err(|error| refused(&file, &error))?;
    }
    if let Some(tls) = &config.tls {
        let own = tls.certificate.as_deref().zip(tls.key.as_deref());
        let own = own.map(|(certificate, key)| (path(certificate), path(key)));
        let own = own
            .as_ref()
            .map(|(certificate, key)| (certificate.as_path(), key.as_path()));
        let client = tls::client(&path(&tls.authority), own);
        let at = files.path("site.toml");
        access = access.over_tls(client.map_err(|error| refused(&at, &error))?);
    }
    Ok(access)
}

fn refused(path: &Path, error: &dyn std::error::Error) -> ConfigError {
    let why = error.source().map(|why| format!(": {why}"));
    ConfigError::whole(path, format!("mqtt: {error}{}", why.unwrap_or_default()))
}

pub(super) fn broker(config: &MqttConfig, refuse: &mut impl FnMut(&str, String)) -> Option<Broker> {
    match config.broker.as_str() {
        "off" => Some(Broker::Off),
        "embedded" => address(&config.listen, "mqtt.listen", refuse).map(Broker::Embedded),
        remote => {
            let parts = split_host_port(remote);
            if parts.is_none() {
                let allowed = "`embedded`, `off` or `host:port`";
                refuse(
                    "mqtt.broker",
                    format!("found `{remote}`, allowed is {allowed}"),
                );
            }
            parts.map(|(host, port)| Broker::Remote(host.to_owned(), port))
        }
    }
}

/// What belongs together is there together.
pub(super) fn check_access(config: &MqttConfig, refuse: &mut impl FnMut(&str, String)) {
    if config.user.as_ref().is_some_and(String::is_empty) {
        refuse("mqtt.user", "is empty".to_owned());
    }
    match (&config.user, &config.password_file) {
        (Some(_), None) => {
            let text = "found a user without a password, needed is `mqtt.password_file`";
            refuse("mqtt.user", text.to_owned());
        }
        (None, Some(_)) => {
            let text = "found a password without a user, needed is `mqtt.user`";
            refuse("mqtt.password_file", text.to_owned());
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    let Some(tls) = &config.tls else { return };
    if tls.certificate.is_some() != tls.key.is_some() {
        let text = "found one of `certificate` and `key`, allowed is both or none";
        refuse("mqtt.tls", text.to_owned());
    }
}

pub(super) fn split_host_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|&port| port > 0)?;
    (!host.is_empty()).then_some((host, port))
}
