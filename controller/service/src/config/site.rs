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
use super::mqtt::{self, Broker, MqttConfig};
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
    /// Where its frames come from: `http://…`, `rtsp://…`, `gige://…` with the IP address, serial
    /// number or name of a GigE Vision camera, `/dev/videoN`, a folder or a file.
    pub source: String,
    /// Milliseconds from its trigger to its frame, at least and at most, of a camera whose frames do
    /// not say which trigger took them; the most is less than the time between two triggers, or
    /// parcels are no-reads for doubt. Default 0 and 400.
    #[serde(default = "scanner::answer")]
    pub answer_ms: [u32; 2],
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
        let broker = mqtt::broker(&config.mqtt, &mut refuse);
        mqtt::check_access(&config.mqtt, &mut refuse);
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
        if mqtt::split_host_port(&neighbor.address).is_none() {
            let text = format!("found `{}`, allowed is `host:port`", neighbor.address);
            refuse(&format!("neighbor[{index}].address"), text);
        }
    }
    for (index, camera) in config.cameras.iter().enumerate() {
        if !is_source(&camera.source) {
            let found = &camera.source;
            let allowed = "an http, https, rtsp or gige address, /dev/videoN, or a folder or file \
                           that is there";
            let text = format!("found `{found}`, allowed is {allowed}");
            refuse(&format!("camera[{index}].source"), text);
        }
        if let Some(text) = scanner::check_answer(camera.answer_ms) {
            refuse(&format!("camera[{index}].answer_ms"), text);
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
        Some((scheme, rest)) => {
            ["http", "https", "rtsp", "gige"].contains(&scheme) && !rest.is_empty()
        }
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

/// An `address:port` to listen at.
pub(super) fn address(
    text: &str,
    key: &str,
    refuse: &mut impl FnMut(&str, String),
) -> Option<SocketAddr> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        refuse(
            key,
            format!("found `{text}`, allowed is `address:port` like `127.0.0.1:8080`"),
        );
    }
    parsed
}
