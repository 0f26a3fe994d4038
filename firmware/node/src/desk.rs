//! What a node behind MQTT takes and tells, without the network.

use sortline_logic::Node;
use sortline_mqtt::link::{Care, Message, Outgoing};
use sortline_mqtt::{
    Ack, Factsheet, Gate, Header, Presence, REPLAY_MAX, Refused, STATE_MS_MAX, State, Topics,
    Verdict, View, Wanted, encode_event,
};
use sortline_regmap as map;
use sortline_regmap::{
    AckCode, Clock, Control, ControlResult, Event, Flags, Heartbeat, Ident, Limits, Refusal, Status,
};

/// The state is told when it is this old, milliseconds: a busy machine then still keeps
/// [`STATE_MS_MAX`].
const STATE_MS: u32 = STATE_MS_MAX - 5;
/// Changes are told at most this often, milliseconds; answers to commands at once.
const CHANGE_MS_MIN: u32 = 5;
/// Who the node is is told again this often, milliseconds: a broker that was restarted, or took
/// the will of an earlier connection for the newer word, then knows better.
const BIRTH_MS: u32 = 1_000;
/// Events told in one step; the others follow in the next.
const EVENTS_MAX: u16 = 64;
/// Acknowledgements and repeated events that may wait to be sent.
const REPLIES_MAX: usize = 256;

/// Takes messages, and knows what has been told.
#[derive(Debug)]
pub(crate) struct Desk {
    topics: Topics,
    gate: Gate,
    /// Answers not sent yet.
    replies: Vec<Outgoing>,
    /// Write requests that came through this desk; wraps.
    writes: u16,
    /// Number of the next state.
    number: u32,
    /// The state as told last, without what always changes, and when.
    told: Option<(Status, u32)>,
    /// A command was executed: the state is told at once.
    due: bool,
    /// Number of the next event to tell.
    event: u32,
    /// When the node's birth was told.
    birth_ms: Option<u32>,
}

impl Desk {
    pub(crate) fn new(topics: Topics) -> Self {
        Self {
            topics,
            gate: Gate::default(),
            replies: Vec::new(),
            writes: 0,
            number: 1,
            told: None,
            due: false,
            event: 0,
            birth_ms: None,
        }
    }

    /// A connection begins: what was not told before it is asked for by whoever needs it.
    pub(crate) fn begin(&mut self, node: &Node) {
        self.replies.clear();
        (self.told, self.birth_ms) = (None, None);
        self.event = node.status().rings.next;
    }

    /// Takes a message that came.
    pub(crate) fn take(&mut self, message: &Message, node: &mut Node) {
        let Some(name) = self.topics.name(&message.topic) else {
            return;
        };
        let Status { health, lease, .. } = node.status();
        let view = View {
            epoch: health.epoch,
            uptime_ms: health.uptime_ms,
            holder: health.flags.has(Flags::ARMED).then_some(lease.owner),
        };
        let judged = self
            .gate
            .judge(name, &message.payload, message.retained, view);
        // Without an id there is nobody to answer; the counters in the state tell of it.
        let Some(header) = judged.header else { return };
        let verdict = match judged.result {
            Ok(wanted) => self.carry_out(&wanted, header, node),
            Err(refused) => Some(Verdict::Refused(refused)),
        };
        let beat = name == sortline_mqtt::Name::Beat.word();
        // The state answers a heartbeat that counted.
        if let Some(verdict) = verdict.filter(|_| !beat) {
            let ack = Ack {
                id: header.id,
                owner: header.owner,
                verdict,
                state: self.number,
            };
            self.reply(self.topics.ack(ack.id), ack.encode());
        }
    }

    /// Tells what is due, in order, until `send` takes no more.
    pub(crate) fn tell(&mut self, node: &Node, send: &mut dyn FnMut(Outgoing) -> bool) {
        let status = node.status();
        let now_ms = status.health.uptime_ms;
        if self
            .birth_ms
            .is_none_or(|told| now_ms.wrapping_sub(told) >= BIRTH_MS)
            && self.birth(node, send)
        {
            self.birth_ms = Some(now_ms);
        }
        self.tell_events(node, &status, send);
        self.tell_state(node, status, send);
        let mut replies = std::mem::take(&mut self.replies).into_iter();
        for reply in replies.by_ref() {
            if !send(reply.clone()) {
                self.replies.push(reply);
                break;
            }
        }
        self.replies.extend(replies);
    }

    /// Whether the node is there.
    pub(crate) fn presence(&self, presence: Presence) -> Outgoing {
        Outgoing {
            topic: self.topics.connection(),
            payload: presence.encode(),
            care: Care::Kept,
        }
    }

    /// What the node hears.
    pub(crate) fn commands(&self) -> String {
        self.topics.commands()
    }

    fn birth(&self, node: &Node, send: &mut dyn FnMut(Outgoing) -> bool) -> bool {
        let sheet = Outgoing {
            topic: self.topics.factsheet(),
            payload: factsheet(node).encode(),
            care: Care::Kept,
        };
        send(sheet) && send(self.presence(Presence::Online))
    }

    fn tell_events(
        &mut self,
        node: &Node,
        status: &Status,
        send: &mut dyn FnMut(Outgoing) -> bool,
    ) {
        let rings = status.rings;
        let pending = rings.next.wrapping_sub(self.event);
        if pending > u32::from(rings.held) {
            // The ring has overtaken it; whoever needs them sees it by the numbers.
            self.event = rings.next.wrapping_sub(u32::from(rings.held));
        }
        for _ in 0..EVENTS_MAX {
            if self.event == rings.next {
                break;
            }
            let Some(event) = event(node, self.event) else {
                break;
            };
            if !send(self.about(&event)) {
                break;
            }
            self.event = self.event.wrapping_add(1);
        }
    }

    fn tell_state(&mut self, node: &Node, status: Status, send: &mut dyn FnMut(Outgoing) -> bool) {
        let now_ms = status.health.uptime_ms;
        let kept = steady(status);
        let due = self.told.as_ref().is_none_or(|(told, at)| {
            let age_ms = now_ms.wrapping_sub(*at);
            age_ms >= STATE_MS || (age_ms >= CHANGE_MS_MIN && *told != kept)
        });
        if !due && !self.due {
            return;
        }
        let mut status = status;
        status.health.writes = status.health.writes.wrapping_sub(self.writes);
        let state = State {
            number: self.number,
            boot: ident(node).boot,
            last_id: self.gate.last_id(),
            refusals: self.gate.refusals(),
            status,
        };
        let sent = send(Outgoing {
            topic: self.topics.state(),
            payload: state.encode(),
            care: Care::Fresh,
        });
        if sent {
            (self.told, self.due) = (Some((kept, now_ms)), false);
            self.number = self.number.wrapping_add(1);
        }
    }

    /// Does what passed the gate.
    fn carry_out(&mut self, wanted: &Wanted, header: Header, node: &mut Node) -> Option<Verdict> {
        let refused = Verdict::Refused(Refused::Malformed);
        match *wanted {
            Wanted::Command { command, until } => {
                let at = begin(node, command.at, until);
                let words = map::Command { at, ..command }.encode();
                if !self.write(node, map::COMMAND.start, &words) {
                    return Some(refused);
                }
                let result = node.status().lease.last_result;
                Some(result.map_or(refused, Verdict::Answer))
            }
            Wanted::Control {
                request,
                watchdog_ms,
            } => {
                let control = Control {
                    owner: header.owner,
                    watchdog_ms,
                    request,
                };
                if !self.write(node, map::CONTROL.start, &control.encode()) {
                    return Some(refused);
                }
                Some(controlled(node.status().lease.control))
            }
            Wanted::Beat { counter } => {
                let heartbeat = Heartbeat {
                    owner: header.owner,
                    counter,
                };
                self.write(node, map::HEARTBEAT.start, &heartbeat.encode());
                None
            }
            Wanted::Replay { from, count } => Some(self.replay(node, from, count)),
            Wanted::Lookup { seq } => {
                let mut words = [0; map::ACK_WORDS];
                let read = node.read(map::ack_address(seq), &mut words);
                let known = read.ok().and_then(|()| map::Ack::decode(words));
                let known = known.filter(|ack| ack.seq == seq);
                Some(known.map_or(Verdict::Unknown, |ack| Verdict::Answer(ack.result)))
            }
        }
    }

    fn replay(&mut self, node: &Node, from: u32, count: u16) -> Verdict {
        let mut verdict = Verdict::Unknown;
        for place in 0..u32::from(count.min(REPLAY_MAX)) {
            let Some(event) = event(node, from.wrapping_add(place)) else {
                break;
            };
            let outgoing = self.about(&event);
            self.reply(outgoing.topic, outgoing.payload);
            verdict = Verdict::Answer(AckCode::Accepted);
        }
        verdict
    }

    fn write(&mut self, node: &mut Node, address: u16, words: &[u16]) -> bool {
        let written = node.write(address, words).is_ok();
        if written {
            self.writes = self.writes.wrapping_add(1);
            self.due = true;
        }
        written
    }

    fn about(&self, event: &Event) -> Outgoing {
        Outgoing {
            topic: self.topics.event(),
            payload: encode_event(event),
            care: Care::Assured,
        }
    }

    /// Who floods a node with questions loses answers; a controller waits for each.
    fn reply(&mut self, topic: String, payload: Vec<u8>) {
        if self.replies.len() < REPLIES_MAX {
            self.replies.push(Outgoing {
                topic,
                payload,
                care: Care::Assured,
            });
        }
    }
}

/// The count at which a command begins: the first of its window that still can be. One whose
/// window has passed keeps its own count, and the node refuses it as late.
fn begin(node: &Node, at: u32, until: u32) -> u32 {
    let lead = u32::from(node.limits().lead_ticks_min.max(1));
    let earliest = node.count().wrapping_add(lead);
    let is_before = |a: u32, b: u32| a.wrapping_sub(b).cast_signed() < 0;
    if is_before(at, earliest) && !is_before(until, earliest) {
        earliest
    } else {
        at
    }
}

/// A control request that the node did not follow is refused for the reason a command would be:
/// the state tells which.
fn controlled(result: ControlResult) -> Verdict {
    match result {
        ControlResult::None | ControlResult::Done => Verdict::Answer(AckCode::Accepted),
        ControlResult::StopOpen | ControlResult::Latched => {
            Verdict::Answer(AckCode::Refused(Refusal::Stopped))
        }
        ControlResult::Owned => Verdict::Refused(Refused::Foreign),
    }
}

/// A state without what changes all the time.
fn steady(status: Status) -> Status {
    let mut status = status;
    status.clock = Clock::default();
    status.health.uptime_ms = 0;
    status.lease.heartbeat = 0;
    status
}

/// An event in the ring.
fn event(node: &Node, seq: u32) -> Option<Event> {
    let rings = node.status().rings;
    let age = rings.next.wrapping_sub(seq);
    if age == 0 || age > u32::from(rings.held) {
        return None;
    }
    let mut words = [0; map::EVENT_WORDS];
    node.read(map::event_address(seq), &mut words).ok()?;
    Some(Event::decode(&words)).filter(|event| event.seq == seq)
}

fn ident(node: &Node) -> Ident {
    Ident::decode(&block(node, map::IDENT.start))
}

fn factsheet(node: &Node) -> Factsheet {
    Factsheet {
        ident: ident(node),
        limits: Limits::decode(&block(node, map::LIMITS.start)),
    }
}

/// A block of registers that every node has.
fn block<const N: usize>(node: &Node, start: u16) -> [u16; N] {
    let mut words = [0; N];
    match node.read(start, &mut words) {
        Ok(()) => words,
        Err(_absent) => [0; N],
    }
}

#[cfg(test)]
mod tests;
