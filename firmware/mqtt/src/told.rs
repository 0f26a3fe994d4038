//! What a node tells.

use serde::{Deserialize, Serialize};
use sortline_regmap::{
    AckCode, Clock, Event, EventKind, Health, Ident, Lease, Levels, Limits, MAGIC, NO_OPPOSITE,
    Refusal, Rings, Status,
};

use crate::PAYLOAD_MAX;
use crate::gate::{Refusals, Refused};
use crate::names::{
    ANSWERS, CONTROLS, FAULTS, KINDS, REFUSALS, bits, flag_words, flags, numbers, value, word,
};

/// Whether a node is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Presence {
    /// It is.
    Online,
    /// It said goodbye.
    Offline,
    /// The broker lost it: its last will.
    ConnectionBroken,
}

#[derive(Serialize, Deserialize)]
struct PresenceWire {
    state: Presence,
}

impl Presence {
    /// As a payload.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        text(&PresenceWire { state: self })
    }

    /// From a payload.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Option<Self> {
        read::<PresenceWire>(payload).map(|wire| wire.state)
    }
}

/// What a node is and can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factsheet {
    /// Who it is.
    pub ident: Ident,
    /// What it enforces.
    pub limits: Limits,
}

#[derive(Serialize, Deserialize)]
struct FactsheetWire {
    version_min: u16,
    version_current: u16,
    node_id: u16,
    boot: u16,
    eyes: u16,
    diverters: u16,
    cameras: u16,
    hold_ms_max: u16,
    hold_ticks_max: u16,
    lead_ticks_min: u16,
    ahead_ticks_max: u32,
    heartbeat_ms: u16,
    jam_ms: u16,
    strokes: u16,
    triggers: u16,
    acks: u16,
    events: u16,
    /// Pairs of diverters on two sides of one machine.
    opposite: Vec<(u8, u16)>,
}

impl Factsheet {
    /// As a payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Self { ident, limits } = self;
        let pairs = (0_u8..).zip(limits.opposite);
        text(&FactsheetWire {
            version_min: ident.version_min,
            version_current: ident.version_current,
            node_id: ident.node_id,
            boot: ident.boot,
            eyes: limits.eyes,
            diverters: limits.diverters,
            cameras: limits.cameras,
            hold_ms_max: limits.hold_ms_max,
            hold_ticks_max: limits.hold_ticks_max,
            lead_ticks_min: limits.lead_ticks_min,
            ahead_ticks_max: limits.ahead_ticks_max,
            heartbeat_ms: limits.heartbeat_ms,
            jam_ms: limits.jam_ms,
            strokes: limits.strokes,
            triggers: limits.triggers,
            acks: limits.acks,
            events: limits.events,
            opposite: pairs.filter(|(_, other)| *other != NO_OPPOSITE).collect(),
        })
    }

    /// From a payload.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let wire: FactsheetWire = read(payload)?;
        let mut opposite = [NO_OPPOSITE; sortline_regmap::DIVERTERS_MAX];
        for (diverter, other) in wire.opposite {
            *opposite.get_mut(usize::from(diverter))? = other;
        }
        Some(Self {
            ident: Ident {
                magic: MAGIC,
                version_min: wire.version_min,
                version_current: wire.version_current,
                node_id: wire.node_id,
                boot: wire.boot,
            },
            limits: Limits {
                eyes: wire.eyes,
                diverters: wire.diverters,
                cameras: wire.cameras,
                hold_ms_max: wire.hold_ms_max,
                hold_ticks_max: wire.hold_ticks_max,
                lead_ticks_min: wire.lead_ticks_min,
                ahead_ticks_max: wire.ahead_ticks_max,
                heartbeat_ms: wire.heartbeat_ms,
                jam_ms: wire.jam_ms,
                strokes: wire.strokes,
                triggers: wire.triggers,
                acks: wire.acks,
                events: wire.events,
                opposite,
            },
        })
    }
}

/// A node's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Number of this message; goes up by one with each, and wraps.
    pub number: u32,
    /// The run of the node that it belongs to.
    pub boot: u16,
    /// Highest id of a command that passed the gate.
    pub last_id: u32,
    /// What the gate refused.
    pub refusals: Refusals,
    /// The node's state. Its `writes` are those that did not come over MQTT.
    pub status: Status,
}

#[derive(Serialize, Deserialize)]
struct StateWire {
    number: u32,
    boot: u16,
    epoch: u16,
    uptime_ms: u32,
    clock_ms: u32,
    ticks: u32,
    flags: Vec<String>,
    eyes_blocked: Vec<u8>,
    eyes_jammed: Vec<u8>,
    outputs_wanted: Vec<u8>,
    outputs_on: Vec<u8>,
    owner: u32,
    watchdog_ms: u16,
    heartbeat: u16,
    control: String,
    last_seq: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_answer: Option<AnswerWire>,
    events_next: u32,
    events_held: u16,
    strokes_waiting: u16,
    triggers_waiting: u16,
    last_fault: String,
    writes_elsewhere: u16,
    commands: u16,
    refused: u16,
    damaged: u16,
    trips: u16,
    jumped: u16,
    reversals: u16,
    last_id: u32,
    refusals: Refusals,
}

#[derive(Serialize, Deserialize)]
struct AnswerWire {
    result: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl State {
    /// As a payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Status {
            health,
            clock,
            levels,
            lease,
            rings,
        } = &self.status;
        text(&StateWire {
            number: self.number,
            boot: self.boot,
            epoch: health.epoch,
            uptime_ms: health.uptime_ms,
            clock_ms: clock.millis,
            ticks: clock.ticks,
            flags: flag_words(health.flags),
            eyes_blocked: numbers(levels.eyes),
            eyes_jammed: numbers(levels.jams),
            outputs_wanted: numbers(levels.desired.into()),
            outputs_on: numbers(levels.actual.into()),
            owner: lease.owner,
            watchdog_ms: lease.watchdog_ms,
            heartbeat: lease.heartbeat,
            control: word(&CONTROLS, &lease.control).to_owned(),
            last_seq: lease.last_seq,
            last_answer: lease.last_result.map(answer_wire),
            events_next: rings.next,
            events_held: rings.held,
            strokes_waiting: health.strokes,
            triggers_waiting: health.triggers,
            last_fault: word(&FAULTS, &health.last_fault).to_owned(),
            writes_elsewhere: health.writes,
            commands: health.commands,
            refused: health.refused,
            damaged: health.damaged,
            trips: health.trips,
            jumped: health.jumped,
            reversals: health.reversals,
            last_id: self.last_id,
            refusals: self.refusals,
        })
    }

    /// From a payload; `None` for what cannot be a node's state.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let wire: StateWire = read(payload)?;
        let lease = Lease {
            owner: wire.owner,
            watchdog_ms: wire.watchdog_ms,
            heartbeat: wire.heartbeat,
            control: value(&CONTROLS, &wire.control)?,
            last_seq: wire.last_seq,
            last_result: match &wire.last_answer {
                Some(wire) => Some(answer(wire)?),
                None => None,
            },
        };
        let levels = Levels {
            eyes: bits(&wire.eyes_blocked)?,
            jams: bits(&wire.eyes_jammed)?,
            desired: u32::try_from(bits(&wire.outputs_wanted)?).ok()?,
            actual: u32::try_from(bits(&wire.outputs_on)?).ok()?,
        };
        let rings = Rings {
            next: wire.events_next,
            held: wire.events_held,
        };
        Some(Self {
            number: wire.number,
            boot: wire.boot,
            last_id: wire.last_id,
            refusals: wire.refusals,
            status: Status {
                health: health(&wire),
                clock: Clock {
                    ticks: wire.ticks,
                    millis: wire.clock_ms,
                },
                levels,
                lease,
                rings,
            },
        })
    }
}

fn health(wire: &StateWire) -> Health {
    Health {
        flags: flags(&wire.flags),
        epoch: wire.epoch,
        uptime_ms: wire.uptime_ms,
        writes: wire.writes_elsewhere,
        commands: wire.commands,
        refused: wire.refused,
        damaged: wire.damaged,
        trips: wire.trips,
        jumped: wire.jumped,
        reversals: wire.reversals,
        // A newer node may know more faults; all that matters is that it is one.
        last_fault: value(&FAULTS, &wire.last_fault).unwrap_or(u16::MAX),
        strokes: wire.strokes_waiting,
        triggers: wire.triggers_waiting,
    }
}

fn answer_wire(code: AckCode) -> AnswerWire {
    let (result, reason) = match code {
        AckCode::Refused(refusal) => ("refused", Some(word(&REFUSALS, &refusal))),
        AckCode::Accepted | AckCode::Fired | AckCode::Done | AckCode::Withdrawn => {
            (word(&ANSWERS, &code), None)
        }
    };
    AnswerWire {
        result: result.to_owned(),
        reason: reason.map(str::to_owned),
    }
}

fn answer(wire: &AnswerWire) -> Option<AckCode> {
    if wire.result == "refused" {
        let refusal = value(&REFUSALS, wire.reason.as_deref()?)?;
        return Some(AckCode::Refused(refusal));
    }
    value(&ANSWERS, &wire.result)
}

/// The answer to a command: what the node did with it at once. What comes of a stroke later is
/// told by events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The command's id.
    pub id: u32,
    /// Who sent it.
    pub owner: u32,
    /// What became of it.
    pub verdict: Verdict,
    /// Number of the first state told after it.
    pub state: u32,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The node's answer, or what it remembers of the command looked up. Of a replay, and of a
    /// control request whose result the state tells: accepted.
    Answer(AckCode),
    /// The node knows nothing of what was asked for.
    Unknown,
    /// It did not pass the gate.
    Refused(Refused),
}

#[derive(Serialize, Deserialize)]
struct AckWire {
    id: u32,
    owner: u32,
    result: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    state: u32,
}

impl Ack {
    /// As a payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let AnswerWire { result, reason } = match self.verdict {
            Verdict::Answer(code) => answer_wire(code),
            Verdict::Unknown => AnswerWire {
                result: "unknown".to_owned(),
                reason: None,
            },
            Verdict::Refused(refused) => AnswerWire {
                result: "refused".to_owned(),
                reason: Some(word(&Refused::ALL, &refused).to_owned()),
            },
        };
        text(&AckWire {
            id: self.id,
            owner: self.owner,
            result,
            reason,
            state: self.state,
        })
    }

    /// From a payload. The epoch is refused by node and gate under the same word; it is read as
    /// the node's.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let AckWire {
            id,
            owner,
            result,
            reason,
            state,
        } = read(payload)?;
        let gate = reason
            .as_deref()
            .filter(|_| result == "refused")
            .and_then(|reason| value(&Refused::ALL, reason));
        let wire = AnswerWire { result, reason };
        let verdict = match (answer(&wire), gate) {
            (Some(code), _) => Verdict::Answer(code),
            (None, Some(refused)) => Verdict::Refused(refused),
            (None, None) if wire.result == "unknown" => Verdict::Unknown,
            (None, None) => return None,
        };
        Some(Self {
            id,
            owner,
            verdict,
            state,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct EventWire {
    number: u32,
    kind: String,
    device: u8,
    at_ticks: u32,
    value: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// An event as a payload.
#[must_use]
pub fn encode_event(event: &Event) -> Vec<u8> {
    let kind = event.kind();
    let reason = if kind == Some(EventKind::Dropped) {
        Refusal::from_code(event.detail).map(|refusal| word(&REFUSALS, &refusal))
    } else {
        (kind == Some(EventKind::NewEpoch)).then(|| word(&FAULTS, &event.detail))
    };
    text(&EventWire {
        number: event.seq,
        kind: kind.map_or("", |kind| word(&KINDS, &kind)).to_owned(),
        device: event.device,
        at_ticks: event.at,
        value: event.value,
        reason: reason.map(str::to_owned),
    })
}

/// An event from a payload. One of a kind that this version does not know has code 0.
#[must_use]
pub fn decode_event(payload: &[u8]) -> Option<Event> {
    let wire: EventWire = read(payload)?;
    let kind = value(&KINDS, &wire.kind);
    let reason = wire.reason.as_deref();
    let detail = if kind == Some(EventKind::Dropped) {
        value(&REFUSALS, reason?)?.code()
    } else if kind == Some(EventKind::NewEpoch) {
        value(&FAULTS, reason?).unwrap_or(u16::MAX)
    } else {
        0
    };
    Some(Event {
        seq: wire.number,
        code: kind.map_or(0, EventKind::code),
        device: wire.device,
        detail,
        at: wire.at_ticks,
        value: wire.value,
    })
}

fn text(wire: &impl Serialize) -> Vec<u8> {
    // Numbers and words always have a JSON form.
    serde_json::to_vec(wire).unwrap_or_default()
}

fn read<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Option<T> {
    // Without the brace a list of values would be taken for the object.
    let object = payload.len() <= PAYLOAD_MAX && payload.trim_ascii_start().starts_with(b"{");
    object.then(|| serde_json::from_slice(payload).ok())?
}

#[cfg(test)]
mod tests;
