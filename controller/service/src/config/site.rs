//! `site.toml`: what surrounds the line. [`SiteConfig`] is the file as written, [`Site`] the same
//! after every check.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sortline_capture::Effort;
use sortline_core::CameraId;
use sortline_fieldbus::address::{Address, NodeAddress};

use super::bags::{self, BagsConfig};
use super::problem::{Document, Problem};
use super::scanner::{self, ScannerConfig};

/// `site.toml` as written. Every key takes effect at the next start of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SiteConfig {
    /// Short name used in topics: lower-case letters, digits, dashes; 1 to 32.
    pub id: String,
    /// Name shown to people.
    pub name: String,
    /// The site's place id in the transport network: where every route begins.
    pub origin: String,
    /// IANA time zone used where times are shown. Default `UTC`.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// Parcels an hour that the line should reach, shown beside the rate; 0 to 50,000. Default 0:
    /// no target.
    #[serde(default)]
    pub target_per_hour: u32,
    /// Web server.
    #[serde(default)]
    pub http: HttpConfig,
    /// MQTT.
    #[serde(default)]
    pub mqtt: MqttConfig,
    /// Field node.
    pub node: NodeConfig,
    /// Cameras, one entry for each camera of `line.toml` that is connected.
    #[serde(default, rename = "camera")]
    pub cameras: Vec<CameraConfig>,
    /// Barcode readers that send text, each in the place of a camera of `line.toml`.
    #[serde(default, rename = "scanner")]
    pub scanners: Vec<ScannerConfig>,
    /// Reading of frames.
    #[serde(default)]
    pub vision: VisionConfig,
    /// Journal.
    #[serde(default)]
    pub journal: JournalConfig,
    /// People.
    #[serde(default)]
    pub people: PeopleConfig,
    /// Bags.
    #[serde(default)]
    pub bags: BagsConfig,
    /// Other controllers whose lines are shown in this one's dashboard too.
    #[serde(default, rename = "neighbor")]
    pub neighbors: Vec<NeighborConfig>,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// Web server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address and port to listen on; port 0 takes a free one. Default `127.0.0.1:8080`. On an
    /// address that others can reach people must sign in (`people.login`).
    pub bind: String,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            bind: "127.0.0.1:8080".to_owned(),
        }
    }
}

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

/// Field node. A site with `devices.toml` has a node made of the devices named there, and no
/// address here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Where the node is: `host:port` for Modbus TCP, `tls://host:port` for Modbus/TCP Security,
    /// `rtu+tcp://host:port` for RTU frames through a serial device server, a serial line like
    /// `rtu:///dev/ttyS0?115200-8E1`, or `mqtt://host:port/node` for a node of that name at an
    /// MQTT 5 broker, with topics below `{mqtt.root}/v1/{id}/{line}/node/`. User, password and TLS of
    /// `[mqtt]` hold for this broker too.
    #[serde(default)]
    pub address: String,
    /// Modbus unit, 0 to 247. Default 1.
    #[serde(default = "one")]
    pub unit: u8,
    /// Milliseconds between two polls, 2 to 50. Default 10.
    #[serde(default = "poll")]
    pub poll_ms: u16,
    /// Milliseconds after which a call is given up, 10 to 500. Default 50.
    #[serde(default = "call")]
    pub call_ms: u16,
    /// Milliseconds without a heartbeat after which the node switches everything off by itself,
    /// 50 to 1,000 and never more than the node allows. Default 100. A longer time rides out a
    /// loaded controller, and lets a stroke go on for longer when the controller is gone.
    #[serde(default = "watchdog")]
    pub watchdog_ms: u16,
    /// Certificates for `tls://` addresses, here and in `devices.toml`.
    pub tls: Option<TlsConfig>,
}

/// Certificates for Modbus/TCP Security, as PEM files; paths are relative to the site directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Certificate of the authority that signs the devices' certificates.
    pub authority: String,
    /// The controller's certificate, with its chain; it carries the controller's role.
    pub certificate: String,
    /// The controller's key.
    pub key: String,
}

const fn watchdog() -> u16 {
    100
}

fn one() -> u8 {
    1
}

fn poll() -> u16 {
    10
}

fn call() -> u16 {
    50
}

/// One connected camera.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CameraConfig {
    /// The camera's id in `line.toml`.
    pub id: CameraId,
    /// Where its frames come from: `http://…`, `rtsp://…`, `/dev/videoN`, a folder or a file.
    pub source: String,
}

/// Reading of frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct VisionConfig {
    /// Milliseconds a frame may be read for, 5 to 5,000. Default 150.
    pub budget_ms: u32,
    /// Frames of one camera that may wait to be read, 1 to 16; the oldest is dropped. Default 4.
    pub queue_frames: u16,
    /// Read printed text where symbols are not enough. Default true.
    pub text: bool,
    /// Least confidence, in thousandths, from which printed text alone says where a parcel goes, 500
    /// to 1,000; below it a person decides among what was read. Default 970.
    pub text_confidence_permille_min: u16,
    /// Languages of printed text, as Tesseract names them, joined by `+`, most frequent first; those
    /// that are not installed are left out. Default `eng+chi_sim`.
    pub languages: String,
    /// How far the reader climbs for what is still unread, such as `enlarged=8,fine=0`; what is left
    /// out stays as it is by default. `sortline bench read --search` proposes it. Default empty.
    pub effort: String,
}

impl Default for VisionConfig {
    fn default() -> Self {
        Self {
            budget_ms: 150,
            queue_frames: 4,
            text: true,
            text_confidence_permille_min: 970,
            languages: "eng+chi_sim".to_owned(),
            effort: String::new(),
        }
    }
}

/// Journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// Milliseconds for which records are collected before they are made durable together, 1 to
    /// 10. Default 5.
    pub commit_ms: u16,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self { commit_ms: 5 }
    }
}

/// People.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct PeopleConfig {
    /// Whether people sign in. Default `required`.
    pub login: Login,
    /// Whether a second person must approve a sort plan before it is activated. Default false.
    pub four_eyes: bool,
}

/// Another controller. Takes effect at the next start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NeighborConfig {
    /// Name in addresses: 1 to 32 lower-case letters, digits and dashes.
    pub id: String,
    /// `host:port` of its web server, in a network that others cannot listen to.
    pub address: String,
    /// File that holds the key made there for this controller, absolute or from the site directory.
    /// Whoever uses that line from here has at most the roles of this key.
    pub key_file: PathBuf,
}

/// Whether people sign in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// Yes, and programs show a key.
    #[default]
    Required,
    /// No: whoever can reach the web server may do everything. Allowed only where the web server
    /// listens on this machine alone; the dashboard says so.
    Open,
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

/// A checked site.
#[derive(Clone, Debug)]
pub struct Site {
    /// The file as written.
    pub config: SiteConfig,
    /// Web server's address.
    pub http: SocketAddr,
    /// MQTT broker.
    pub broker: Broker,
    /// Time zone.
    pub zone: TimeZone,
}

impl Site {
    /// Checks a site file.
    ///
    /// # Errors
    /// Every problem found.
    pub fn new(config: SiteConfig, document: &Document<'_>) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut refuse = |key: &str, text: String| problems.push(document.problem(key, text));
        check_names(&config, &mut refuse);
        check_ranges(&config, &mut refuse);
        let zone = TimeZone::get(&config.time_zone).unwrap_or_else(|_error| {
            let found = &config.time_zone;
            refuse(
                "time_zone",
                format!("found `{found}`, allowed is an IANA name like `Europe/Berlin`"),
            );
            TimeZone::UTC
        });
        let http = address(&config.http.bind, "http.bind", &mut refuse);
        let broker = broker(&config.mqtt, &mut refuse);
        check_access(&config.mqtt, &mut refuse);
        if let Some(text) = http.and_then(|http| exposed(config.people, http)) {
            refuse("people.login", text);
        }
        match (http, broker) {
            (Some(http), Some(broker)) if problems.is_empty() => Ok(Self {
                config,
                http,
                broker,
                zone,
            }),
            _ => Err(problems),
        }
    }
}

/// Why people must sign in on a web server that listens here; `None` when they need not, or do.
pub fn exposed(people: PeopleConfig, http: SocketAddr) -> Option<String> {
    let open = people.login == Login::Open && !http.ip().is_loopback();
    open.then(|| {
        format!("found `open` with the web server at {http}, allowed is `open` only on 127.0.0.1")
    })
}

fn is_slug(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=32).contains(&text.len()) && text.chars().all(allowed)
}

fn check_names(config: &SiteConfig, refuse: &mut impl FnMut(&str, String)) {
    for (key, text) in [("id", &config.id), ("mqtt.root", &config.mqtt.root)] {
        if !is_slug(text) {
            let allowed = "1 to 32 lower-case letters, digits and dashes";
            refuse(key, format!("found `{text}`, allowed are {allowed}"));
        }
    }
    if config.origin.is_empty() {
        refuse(
            "origin",
            "is empty, needed is a place id of the network".to_owned(),
        );
    }
    check_node(&config.node, refuse);
    scanner::check(&config.scanners, refuse);
    bags::check(&config.bags, refuse);
    for (index, neighbor) in config.neighbors.iter().enumerate() {
        let before = config.neighbors.iter().take(index);
        if !is_slug(&neighbor.id) || before.into_iter().any(|other| other.id == neighbor.id) {
            let text = format!("found `{}`, allowed is a name of its own", neighbor.id);
            refuse(&format!("neighbor[{index}].id"), text);
        }
        if split_host_port(&neighbor.address).is_none() {
            let text = format!("found `{}`, allowed is `host:port`", neighbor.address);
            refuse(&format!("neighbor[{index}].address"), text);
        }
    }
    for (index, camera) in config.cameras.iter().enumerate() {
        if !is_source(&camera.source) {
            let found = &camera.source;
            let allowed = "an http, https or rtsp address, /dev/videoN, or a folder or file that \
                           is there";
            let text = format!("found `{found}`, allowed is {allowed}");
            refuse(&format!("camera[{index}].source"), text);
        }
        let before = config.cameras.iter().take(index);
        if before.into_iter().any(|other| other.id == camera.id) {
            let text = format!("camera {} is there twice", camera.id);
            refuse(&format!("camera[{index}].id"), text);
        }
    }
}

fn is_source(text: &str) -> bool {
    match text.split_once("://") {
        Some((scheme, rest)) => ["http", "https", "rtsp"].contains(&scheme) && !rest.is_empty(),
        // A device may be plugged in later.
        None => text.starts_with("/dev/video") || Path::new(text).exists(),
    }
}

/// An empty address is that of a site with `devices.toml`, which is looked at with the other files.
fn check_node(node: &NodeConfig, refuse: &mut impl FnMut(&str, String)) {
    if node.address.is_empty() {
        return;
    }
    match node.address.parse::<NodeAddress>() {
        Ok(NodeAddress::Bus(Address::Tls(_))) if node.tls.is_none() => {
            let text = "found a `tls://` address, needed are certificates in `node.tls`";
            refuse("node.address", text.to_owned());
        }
        Ok(_) => {}
        Err(error) => refuse("node.address", error.to_string()),
    }
}

fn check_ranges(config: &SiteConfig, refuse: &mut impl FnMut(&str, String)) {
    let ranges: [(&str, u32, u32, u32); 12] = [
        ("target_per_hour", config.target_per_hour, 0, 50_000),
        ("mqtt.keep_alive_s", config.mqtt.keep_alive_s.into(), 5, 600),
        (
            "mqtt.outbox_messages",
            config.mqtt.outbox_messages,
            100,
            1_000_000,
        ),
        ("mqtt.command_s_max", config.mqtt.command_s_max, 1, 3_600),
        ("node.unit", config.node.unit.into(), 0, 247),
        ("node.poll_ms", config.node.poll_ms.into(), 2, 50),
        ("node.call_ms", config.node.call_ms.into(), 10, 500),
        (
            "node.watchdog_ms",
            config.node.watchdog_ms.into(),
            50,
            1_000,
        ),
        ("vision.budget_ms", config.vision.budget_ms, 5, 5_000),
        (
            "vision.queue_frames",
            config.vision.queue_frames.into(),
            1,
            16,
        ),
        (
            "vision.text_confidence_permille_min",
            config.vision.text_confidence_permille_min.into(),
            500,
            1_000,
        ),
        ("journal.commit_ms", config.journal.commit_ms.into(), 1, 10),
    ];
    for (key, found, least, most) in ranges {
        if !(least..=most).contains(&found) {
            refuse(key, format!("found {found}, allowed is {least} to {most}"));
        }
    }
    let (poll, watchdog) = (config.node.poll_ms, config.node.watchdog_ms);
    // One late poll must not stop the line.
    if watchdog < poll.saturating_mul(3) {
        let text =
            format!("found {watchdog}, allowed is at least three times node.poll_ms, {poll}");
        refuse("node.watchdog_ms", text);
    }
    if let Err(text) = config.vision.effort.parse::<Effort>() {
        refuse("vision.effort", text);
    }
}

fn address(text: &str, key: &str, refuse: &mut impl FnMut(&str, String)) -> Option<SocketAddr> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        refuse(
            key,
            format!("found `{text}`, allowed is `address:port` like `127.0.0.1:8080`"),
        );
    }
    parsed
}

fn broker(config: &MqttConfig, refuse: &mut impl FnMut(&str, String)) -> Option<Broker> {
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
fn check_access(config: &MqttConfig, refuse: &mut impl FnMut(&str, String)) {
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

fn split_host_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|&port| port > 0)?;
    (!host.is_empty()).then_some((host, port))
}
