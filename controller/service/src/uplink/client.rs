//! The connection to the broker.

use std::collections::VecDeque;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    Filter, LastWill, Packet, PubAckReason, Publish, PublishProperties,
};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use serde_json::json;
use sortline_fieldbus::mqtt::Server;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};

use super::commands::{Gate, Refused, Verdict, Wanted};
use super::{Counters, Publication, Spool, Topics, Worth};
use crate::clock;
use crate::engine::Commanded;
use crate::journal::Origin;
use crate::resolver::checked;
use crate::routing::Routing;
use crate::service::stopped;

/// Messages handed to the client library at once.
const HANDED_MAX: usize = 256;

/// Packets from the broker that may wait for this task.
const PACKETS: usize = 64;

/// Pause between two attempts to connect, first and longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// After a new session at the broker, the time for what was handed to the client library before,
/// and that it publishes all the same.
const SETTLING: Duration = Duration::from_millis(300);

/// Time for the last messages at the end.
const FAREWELL: Duration = Duration::from_millis(500);

/// What the uplink needs to know.
#[derive(Debug)]
pub struct Settings {
    /// The broker.
    pub server: Server,
    /// Client id; two clients with one id would push each other out.
    pub client_id: String,
    /// Keep-alive.
    pub keep_alive: Duration,
    /// Messages kept while the broker cannot be reached.
    pub outbox: usize,
    /// Topics.
    pub topics: Topics,
    /// What the line is and can do, as JSON.
    pub factsheet: String,
    /// Rules for commands.
    pub gate: Gate,
    /// Who hears of conditions of the transport network.
    pub routing: Routing,
    /// Where outcomes are read again.
    pub spool: Spool,
}

/// What comes from the connection.
enum Incoming {
    Packet(Box<Packet>),
    Lost,
}

struct Uplink {
    client: AsyncClient,
    topics: Topics,
    factsheet: String,
    gate: Gate,
    routing: Routing,
    commands: mpsc::Sender<Commanded>,
    waiting: VecDeque<Publication>,
    spool: Spool,
    /// Until then nothing is handed over, and acknowledgements are of what was handed before.
    settled: Instant,
    limit: usize,
    counters: Counters,
}

/// Serves the uplink until it is told to stop.
pub async fn run(
    settings: Settings,
    mut publications: mpsc::Receiver<Publication>,
    commands: mpsc::Sender<Commanded>,
    counters: watch::Sender<Counters>,
    mut stop: watch::Receiver<bool>,
) {
    let options = options(&settings);
    let (client, eventloop) = AsyncClient::new(options, HANDED_MAX);
    let (packets, mut incoming) = mpsc::channel(PACKETS);
    let connection = tokio::spawn(connect(eventloop, packets, stop.clone()));
    let mut uplink = Uplink {
        client,
        topics: settings.topics,
        factsheet: settings.factsheet,
        gate: settings.gate,
        routing: settings.routing,
        commands,
        waiting: VecDeque::new(),
        spool: settings.spool,
        settled: Instant::now(),
        limit: settings.outbox,
        counters: Counters::default(),
    };
    let mut retry = tokio::time::interval(Duration::from_millis(100));
    retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            Some(incoming) = incoming.recv() => uplink.incoming(incoming),
            Some(publication) = publications.recv() => uplink.keep(publication),
            Some(batch) = uplink.spool.batch() => uplink.waiting.extend(batch),
            _ = retry.tick() => uplink.spool.tick(),
        }
        uplink.fetch();
        uplink.hand_over();
        counters.send_replace(uplink.counters);
    }
    // What the live task still tells while the service ends.
    let last = async {
        while let Some(publication) = publications.recv().await {
            uplink.keep(publication);
            uplink.hand_over();
        }
    };
    if tokio::time::timeout(FAREWELL, last).await.is_err() {
        tracing::debug!("the live task still has messages");
    }
    uplink.farewell().await;
    connection.abort();
    uplink.spool.close();
}

fn options(settings: &Settings) -> MqttOptions {
    let Server { host, port, access } = &settings.server;
    let mut options = MqttOptions::new(&settings.client_id, host, *port);
    access.show(&mut options);
    let will = connection_state("CONNECTION_BROKEN");
    let topic = settings.topics.connection();
    options
        .set_keep_alive(settings.keep_alive)
        .set_clean_start(true)
        .set_max_packet_size(Some(1 << 20))
        .set_outgoing_inflight_upper_limit(64)
        .set_last_will(LastWill::new(topic, will, QoS::AtLeastOnce, true, None));
    options
}

fn connection_state(state: &str) -> String {
    json!({ "at": format!("{:.3}", clock::wall()), "state": state }).to_string()
}

/// Drives the client library and reconnects for ever, with pauses that grow.
async fn connect(
    mut eventloop: EventLoop,
    packets: mpsc::Sender<Incoming>,
    stop: watch::Receiver<bool>,
) {
    let mut pause = PAUSE.0;
    loop {
        let incoming = match eventloop.poll().await {
            Ok(Event::Incoming(packet)) => {
                pause = PAUSE.0;
                Incoming::Packet(Box::new(packet))
            }
            Ok(Event::Outgoing(_)) => continue,
            Err(_) if *stop.borrow() => return,
            Err(error) => {
                // The embedded broker may still be starting at the first attempt.
                if pause > PAUSE.0 {
                    tracing::warn!(%error, "no connection to the MQTT broker");
                }
                tokio::time::interval_at(later(pause), pause).tick().await;
                pause = pause.saturating_mul(2).min(PAUSE.1);
                Incoming::Lost
            }
        };
        if packets.send(incoming).await.is_err() {
            return;
        }
    }
}

fn later(pause: Duration) -> Instant {
    Instant::now() + pause
}

impl Uplink {
    fn incoming(&mut self, incoming: Incoming) {
        let packet = match incoming {
            Incoming::Packet(packet) => *packet,
            Incoming::Lost => {
                self.counters.connected = false;
                return;
            }
        };
        if let Packet::ConnAck(ack) = packet {
            self.connected(ack.session_present);
        } else if let Packet::Publish(publish) = packet {
            self.command(&publish);
        } else if let Packet::PubAck(ack) = packet {
            let fine = [PubAckReason::Success, PubAckReason::NoMatchingSubscribers];
            let fine = fine.contains(&ack.reason);
            if Instant::now() >= self.settled {
                self.spool.ledger.acknowledged(fine);
            }
            if !fine {
                self.counters.refused += 1;
                tracing::warn!(reason = ?ack.reason, "the broker refused a message");
            }
        } else if let Packet::SubAck(ack) = packet {
            tracing::debug!(codes = ?ack.return_codes, "subscribed to commands");
        }
    }

    /// The client library forgets subscriptions when the broker has no session of ours.
    fn connected(&mut self, session_present: bool) {
        self.counters.connected = true;
        self.counters.connections += 1;
        if !session_present {
            self.settled = Instant::now() + SETTLING;
            self.spool.ledger.session_is_new();
            let mut filter = Filter::new(self.topics.commands(), QoS::AtLeastOnce);
            filter.preserve_retain = true;
            if let Err(error) = self.client.try_subscribe_many([filter]) {
                tracing::warn!(%error, "commands cannot be subscribed to");
            }
        }
        let retained = |topic, payload| Publication {
            topic,
            payload,
            retain: true,
            worth: Worth::Birth,
        };
        let online = retained(self.topics.connection(), connection_state("ONLINE"));
        let factsheet = retained(self.topics.factsheet(), self.factsheet.clone());
        self.waiting.push_front(factsheet);
        self.waiting.push_front(online);
    }

    fn command(&mut self, publish: &Publish) {
        let topic = String::from_utf8_lossy(&publish.topic).into_owned();
        let Some(name) = self.topics.command(&topic) else {
            return;
        };
        let Verdict { id, result } =
            self.gate
                .judge(clock::wall(), name, &publish.payload, publish.retain);
        let result = result.and_then(|wanted| self.carry_out(wanted, id.as_deref()));
        if let (Err(Refused::Busy), Some(id)) = (&result, &id) {
            self.gate.forget(id);
        }
        match result {
            Ok(()) => self.counters.commands_accepted += 1,
            Err(_) => self.counters.commands_refused += 1,
        }
        if let Err(reason) = result {
            tracing::warn!(name, ?reason, "a command was refused");
        }
        let at = format!("{:.3}", clock::wall());
        let (word, reason) = match result {
            Ok(()) => ("accepted", None),
            Err(reason) => ("refused", Some(reason)),
        };
        let payload = json!({ "at": at, "id": id, "result": word, "reason": reason }).to_string();
        let topic = self.topics.ack(id.as_deref().unwrap_or("unknown"));
        self.keep(Publication {
            topic,
            payload,
            retain: false,
            worth: Worth::Telemetry,
        });
    }

    fn carry_out(&self, wanted: Wanted, id: Option<&str>) -> Result<(), Refused> {
        let invalid = |why: String| {
            tracing::warn!(why, "a condition was refused");
            Refused::Invalid
        };
        match wanted {
            Wanted::Line(command) => {
                let command = checked(command).map_err(|why| {
                    tracing::warn!(why, "a command was refused");
                    Refused::Invalid
                })?;
                let id = id.unwrap_or_default().to_owned();
                let commanded = Commanded {
                    event: sortline_core::Event::Operator { command },
                    origin: Origin { id, via: "mqtt" },
                };
                let sent = self.commands.try_send(commanded);
                sent.map_err(|_full| Refused::Busy)
            }
            Wanted::Condition(told) => self.routing.tell_one(*told).map_err(invalid),
            Wanted::EndCondition(id) => match self.routing.take_back(&id) {
                Ok(true) => Ok(()),
                Ok(false) => Err(Refused::Invalid),
                Err(why) => Err(invalid(why)),
            },
        }
    }

    /// Keeps a message until it can be handed over; when there are too many, the oldest telemetry
    /// goes. Where there is none outcomes wait in the journal.
    fn keep(&mut self, publication: Publication) {
        if let Worth::Outcome(row) = publication.worth
            && !self.spool.ledger.hears(row)
        {
            return;
        }
        if self.waiting.len() >= self.limit {
            let telemetry = |waiting: &Publication| waiting.worth == Worth::Telemetry;
            if let Some(oldest) = self.waiting.iter().position(telemetry) {
                self.waiting.remove(oldest);
                self.counters.dropped += 1;
            } else {
                self.spool.ledger.falls_behind();
                self.forget_outcomes();
            }
        }
        self.waiting.push_back(publication);
    }

    fn forget_outcomes(&mut self) {
        let outcome = |waiting: &Publication| matches!(waiting.worth, Worth::Outcome(_));
        self.waiting.retain(|waiting| !outcome(waiting));
    }

    /// Has outcomes read from the journal, when that is where they are.
    fn fetch(&mut self) {
        if self.counters.connected && Instant::now() >= self.settled && self.spool.wants() {
            // Those that wait are among them.
            self.forget_outcomes();
            self.spool.fetch(&self.topics);
        }
    }

    fn hand_over(&mut self) {
        while self.counters.connected
            && Instant::now() >= self.settled
            && let Some(next) = self.waiting.front()
        {
            let properties = PublishProperties {
                payload_format_indicator: Some(1),
                content_type: Some("application/json".to_owned()),
                ..PublishProperties::default()
            };
            let payload = next.payload.clone().into_bytes();
            let handed = self.client.try_publish_with_properties(
                next.topic.as_str(),
                QoS::AtLeastOnce,
                next.retain,
                payload,
                properties,
            );
            if handed.is_err() {
                break;
            }
            let outcome = match next.worth {
                Worth::Outcome(row) => Some(row),
                Worth::Telemetry | Worth::Birth => None,
            };
            self.spool.ledger.hands(outcome);
            self.waiting.pop_front();
            self.counters.published += 1;
        }
        self.counters.waiting = self.waiting.len() as u64;
    }

    async fn farewell(&mut self) {
        if !self.counters.connected {
            return;
        }
        let offline = connection_state("OFFLINE");
        let goodbye = async {
            let topic = self.topics.connection();
            self.client
                .publish(topic, QoS::AtLeastOnce, true, offline)
                .await?;
            self.client.disconnect().await
        };
        if !matches!(tokio::time::timeout(FAREWELL, goodbye).await, Ok(Ok(()))) {
            tracing::debug!("the broker did not hear the farewell");
        }
        let pause = FAREWELL / 5;
        tokio::time::interval_at(later(pause), pause).tick().await;
    }
}
