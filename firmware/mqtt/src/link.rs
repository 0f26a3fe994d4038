//! One connection to a broker, for as long as it lasts.
//!
//! A link never reconnects by itself: whoever uses it opens another one. So nothing written
//! before is sent after, subscriptions are made anew every time, and a client library that would
//! do either differently cannot.

use std::time::Duration;

use rumqttc::NetworkOptions;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    Filter, LastWill, Packet, PubAckReason, Publish, PublishProperties, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::access::Access;

/// The client library takes no less. A silent connection is noticed within twice this; what must
/// be noticed sooner is noticed by the heartbeat and by states that do not come.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Longest packet that ends no connection, bytes: longer than a payload may be, so that one that
/// is too long is refused and not a reason to go away.
const PACKET_MAX: u32 = 1 << 20;
/// Messages handed to the client library at once: the events of a whole ring.
const HANDED_MAX: usize = 256;
/// Messages from the broker that may wait: a whole ring, and the states beside it.
const WAITING_MAX: usize = 512;
/// Messages that may wait for the broker's word at once; brokers allow few by default.
const INFLIGHT_MAX: u16 = 20;
/// A message that must not be old has this long to arrive; no shorter time can be said.
const EXPIRY_S: u32 = 1;

/// Where a broker is, and how one gets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How a client is let in.
    pub access: Access,
}

impl Server {
    /// The same broker, entered another way.
    #[must_use]
    pub fn opened_by(self, access: Access) -> Self {
        Self { access, ..self }
    }
}

/// How a connection is made.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Name of the client at the broker; two with one name push each other out.
    pub client_id: String,
    /// What the broker tells when it loses the client: topic and payload. Kept for who comes
    /// later.
    pub will: Option<(String, Vec<u8>)>,
    /// Topics to hear, and whether messages on them must not be lost.
    pub filters: Vec<(String, bool)>,
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: Vec<u8>,
    /// The broker kept it from earlier, or its sender wanted it kept.
    pub retained: bool,
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: Vec<u8>,
    /// How it is carried.
    pub care: Care,
}

/// How a message is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// Once at most, and only fresh.
    Fresh,
    /// Once at least, and only fresh.
    Assured,
    /// Once at least, and kept for who comes later.
    Kept,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It could not be made, or was lost.
    #[error("no connection to the MQTT broker")]
    Connection(#[source] Box<ConnectionError>),
    /// The broker lets the client not hear what it must.
    #[error("the MQTT broker refused a subscription")]
    Subscription,
}

/// A connection. It ends when this is dropped.
#[derive(Debug)]
pub struct Link {
    client: AsyncClient,
    messages: mpsc::Receiver<Message>,
    _driving: JoinSet<()>,
}

impl Link {
    /// Connects and subscribes. Limit the time for it: it has none of its own that is short.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn open(server: &Server, opening: Opening) -> Result<Self, LinkError> {
        let (client, mut eventloop) = AsyncClient::new(options(server, &opening), HANDED_MAX);
        let (sender, messages) = mpsc::channel(WAITING_MAX);
        while !matches!(poll(&mut eventloop).await?, Some(Packet::ConnAck(_))) {}
        let filters = opening.filters.into_iter().map(filter);
        client
            .try_subscribe_many(filters)
            .map_err(|_full| LinkError::Subscription)?;
        loop {
            let Some(packet) = poll(&mut eventloop).await? else {
                continue;
            };
            if let Packet::SubAck(ack) = packet {
                let granted =
                    |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(_));
                if !ack.return_codes.iter().all(granted) {
                    return Err(LinkError::Subscription);
                }
                break;
            }
            if let Packet::Publish(publish) = packet {
                // Kept messages may come before the subscription is confirmed. There are few.
                drop(sender.try_send(message(&publish)));
            }
        }
        let mut driving = JoinSet::new();
        driving.spawn(drive(eventloop, sender));
        Ok(Self {
            client,
            messages,
            _driving: driving,
        })
    }

    /// The next message; `None` when the connection has ended.
    pub async fn next(&mut self) -> Option<Message> {
        self.messages.recv().await
    }

    /// A message that has come already.
    pub fn try_next(&mut self) -> Option<Message> {
        self.messages.try_recv().ok()
    }

    /// A second sender on the same connection.
    pub fn sender(&self) -> Sender {
        Sender(self.client.clone())
    }

    /// Sends a message; `false` when the connection takes none at the moment.
    pub fn send(&self, outgoing: Outgoing) -> bool {
        send(&self.client, outgoing)
    }
}

/// Sends on a [`Link`] that another one listens to.
#[derive(Clone, Debug)]
pub struct Sender(AsyncClient);

impl Sender {
    /// Sends a message; `false` when the connection takes none at the moment, or has ended.
    pub fn send(&self, outgoing: Outgoing) -> bool {
        send(&self.0, outgoing)
    }

    /// Says goodbye to the broker, after all that was sent before: the will is not told then.
    pub fn leave(&self) {
        if self.0.try_disconnect().is_err() {
            tracing::debug!("the MQTT broker did not hear the farewell");
        }
    }
}

fn options(server: &Server, opening: &Opening) -> MqttOptions {
    let mut options = MqttOptions::new(&opening.client_id, &server.host, server.port);
    // Small messages that wait for each other's acknowledgement would come 40 ms late.
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options
        .set_keep_alive(KEEP_ALIVE)
        .set_clean_start(true)
        .set_max_packet_size(Some(PACKET_MAX))
        .set_outgoing_inflight_upper_limit(INFLIGHT_MAX)
        .set_network_options(network);
    server.access.show(&mut options);
    if let Some((topic, payload)) = &opening.will {
        let (topic, payload) = (topic.as_str(), payload.clone());
        options.set_last_will(LastWill::new(topic, payload, QoS::AtLeastOnce, true, None));
    }
    options
}

fn filter((topic, assured): (String, bool)) -> Filter {
    let qos = if assured {
        QoS::AtLeastOnce
    } else {
        QoS::AtMostOnce
    };
    let mut filter = Filter::new(topic, qos);
    // Else a message that was meant to be kept looks like any other.
    filter.preserve_retain = true;
    filter
}

/// The next packet from the broker, or nothing when the library did something else.
async fn poll(eventloop: &mut EventLoop) -> Result<Option<Packet>, LinkError> {
    match eventloop.poll().await {
        Ok(Event::Incoming(packet)) => Ok(Some(packet)),
        Ok(Event::Outgoing(_)) => Ok(None),
        Err(error) => Err(LinkError::Connection(Box::new(error))),
    }
}

fn message(publish: &Publish) -> Message {
    Message {
        topic: String::from_utf8_lossy(&publish.topic).into_owned(),
        payload: publish.payload.to_vec(),
        retained: publish.retain,
    }
}

async fn drive(mut eventloop: EventLoop, messages: mpsc::Sender<Message>) {
    loop {
        let packet = match poll(&mut eventloop).await {
            Ok(Some(packet)) => packet,
            Ok(None) => continue,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "connection to the MQTT broker ended");
                return;
            }
        };
        if let Packet::Publish(publish) = packet {
            if messages.send(message(&publish)).await.is_err() {
                return;
            }
        } else if let Packet::PubAck(ack) = packet {
            let fine = [PubAckReason::Success, PubAckReason::NoMatchingSubscribers];
            if !fine.contains(&ack.reason) {
                tracing::warn!(reason = ?ack.reason, "the broker refused a message");
            }
        } else if let Packet::Disconnect(_) = packet {
            return;
        }
    }
}

fn send(client: &AsyncClient, outgoing: Outgoing) -> bool {
    let Outgoing {
        topic,
        payload,
        care,
    } = outgoing;
    let (qos, kept) = match care {
        Care::Fresh => (QoS::AtMostOnce, false),
        Care::Assured => (QoS::AtLeastOnce, false),
        Care::Kept => (QoS::AtLeastOnce, true),
    };
    let properties = PublishProperties {
        payload_format_indicator: Some(1),
        message_expiry_interval: (!kept).then_some(EXPIRY_S),
        ..PublishProperties::default()
    };
    client
        .try_publish_with_properties(topic, qos, kept, payload, properties)
        .is_ok()
}
