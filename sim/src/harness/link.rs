//! The controller's session with the field node, over the register contract but without a network:
//! arm, heartbeat, poll, events, commands and their answers.

use sortline_core::{
    CameraId, Command, Edge, Epoch, Event, EyeId, NodeFault, Refusal, Seq, StrokeResult, Ticks,
    TriggerId,
};
use sortline_logic::Node;
use sortline_regmap as map;

/// The number under which the harness holds the node.
const OWNER: u32 = 0x5349_4D31;
/// The watchdog time it is armed with.
const WATCHDOG_MS: u16 = 100;

/// The session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    /// Next event to read; `None` before the first connection.
    cursor: Option<u32>,
    /// The epoch the core was told; `None` while the node is not usable.
    epoch: Option<u16>,
    counter: u16,
    ticks: Option<u32>,
    /// A person has released the line after a stop.
    reset: bool,
}

impl Link {
    /// A person pressed reset: the latch may be reset, once the stop circuit is closed.
    pub(crate) const fn release(&mut self) {
        self.reset = true;
    }

    /// One poll: what happened since the last one, in order.
    pub(crate) fn poll(&mut self, node: &mut Node, events: &mut Vec<Event>) {
        let mut status = node.status();
        let armed = status.health.flags.has(map::Flags::ARMED);
        if self.epoch.is_some() && (!armed || self.epoch != Some(status.health.epoch)) {
            self.read_events(node, &status, events);
            self.epoch = None;
            events.push(Event::NodeDown {
                fault: NodeFault::Unsafe,
            });
        }
        if self.epoch.is_none() {
            self.arm(node, &status);
            status = node.status();
        }
        let gap = self.read_events(node, &status, events);
        if self.epoch.is_none() {
            if !status.health.flags.has(map::Flags::ARMED) {
                return;
            }
            let epoch = status.health.epoch;
            self.epoch = Some(epoch);
            let at = Ticks(status.clock.ticks);
            events.push(Event::NodeUp {
                epoch: Epoch(epoch),
                at,
                gap,
            });
        }
        if self.ticks != Some(status.clock.ticks) {
            self.ticks = Some(status.clock.ticks);
            events.push(Event::Belt {
                at: Ticks(status.clock.ticks),
            });
        }
        self.counter = self.counter.wrapping_add(1);
        let beat = map::Heartbeat {
            owner: OWNER,
            counter: self.counter,
        };
        let beaten = node.write(map::HEARTBEAT.start, &beat.encode());
        debug_assert!(beaten.is_ok());
    }

    fn arm(&mut self, node: &mut Node, status: &map::Status) {
        let flags = status.health.flags;
        if flags.has(map::Flags::STOP_OPEN) {
            return;
        }
        if flags.has(map::Flags::STOP_LATCHED) {
            if !self.reset {
                return;
            }
            control(node, map::ControlRequest::Reset);
        }
        self.reset = false;
        control(node, map::ControlRequest::Arm);
        self.counter = 0;
    }

    /// Reads what the ring holds from the cursor on. True when events were lost.
    fn read_events(&mut self, node: &Node, status: &map::Status, events: &mut Vec<Event>) -> bool {
        let next = status.rings.next;
        let oldest = next.wrapping_sub(status.rings.held.into());
        let cursor = self.cursor.unwrap_or(oldest);
        let lost = next.wrapping_sub(cursor) > u32::from(status.rings.held);
        let mut at = if lost { oldest } else { cursor };
        let mut page = [0; map::READ_MAX as usize];
        while let Some((address, count)) = map::event_page(at, next.wrapping_sub(at)) {
            let words = usize::from(count) * map::EVENT_WORDS;
            let Some(page) = page.get_mut(..words) else {
                break;
            };
            if node.read(address, page).is_err() {
                break;
            }
            let (slots, _) = page.as_chunks::<{ map::EVENT_WORDS }>();
            events.extend(slots.iter().filter_map(|s| decode(&map::Event::decode(s))));
            at = at.wrapping_add(count.into());
        }
        self.cursor = Some(at);
        lost
    }
}

/// Writes a command and reads its answer.
pub(crate) fn send(node: &mut Node, command: &Command, events: &mut Vec<Event>) {
    let (seq, words) = encode(command);
    let written = node.write(map::COMMAND.start, &words.encode());
    let mut answer = [0; map::ACK_WORDS];
    let read = node.read(map::ack_address(seq), &mut answer);
    let ack = map::Ack::decode(answer).filter(|ack| ack.seq == seq);
    let result = match (written, read, ack) {
        (Ok(()), Ok(()), Some(ack)) => match ack.result {
            map::AckCode::Accepted => StrokeResult::Accepted,
            map::AckCode::Refused(refusal) => StrokeResult::Refused {
                refusal: refusal_of(refusal),
            },
            // These come as events, with their own counts.
            map::AckCode::Fired | map::AckCode::Done | map::AckCode::Withdrawn => return,
        },
        _ => StrokeResult::Unknown,
    };
    events.push(Event::Stroke {
        seq: Seq(seq),
        result,
    });
}

fn control(node: &mut Node, request: map::ControlRequest) {
    let block = map::Control {
        owner: OWNER,
        watchdog_ms: WATCHDOG_MS,
        request,
    };
    let written = node.write(map::CONTROL.start, &block.encode());
    debug_assert!(written.is_ok());
}

fn encode(command: &Command) -> (u16, map::Command) {
    let none = map::Command {
        kind: map::CommandKind::Withdraw,
        seq: 0,
        epoch: 0,
        device: 0,
        at: 0,
        hold: 0,
        hold_ms_max: 0,
        number: 0,
    };
    let words = match *command {
        Command::Stroke {
            seq,
            epoch,
            diverter,
            fire_at,
            hold,
            hold_ms_max,
        } => map::Command {
            kind: map::CommandKind::Stroke,
            seq: seq.0,
            epoch: epoch.0,
            device: diverter.0,
            at: fire_at.0,
            hold,
            hold_ms_max,
            number: 0,
        },
        Command::Trigger {
            seq,
            epoch,
            camera,
            trigger,
            at,
        } => map::Command {
            kind: map::CommandKind::Trigger,
            seq: seq.0,
            epoch: epoch.0,
            device: camera.0,
            at: at.0,
            number: trigger.0,
            ..none
        },
        Command::Withdraw { seq, epoch, stroke } => map::Command {
            seq: seq.0,
            epoch: epoch.0,
            number: stroke.0.into(),
            ..none
        },
    };
    (words.seq, words)
}

fn decode(event: &map::Event) -> Option<Event> {
    let at = Ticks(event.at);
    let number = u16::try_from(event.value).unwrap_or(0);
    let stroke = |result| {
        Some(Event::Stroke {
            seq: Seq(number),
            result,
        })
    };
    let eye = |edge| {
        Some(Event::Eye {
            eye: EyeId(event.device),
            edge,
            at,
        })
    };
    match event.kind()? {
        map::EventKind::EyeBlocked => eye(Edge::Blocked),
        map::EventKind::EyeClear => eye(Edge::Clear),
        map::EventKind::Triggered => Some(Event::Triggered {
            camera: CameraId(event.device),
            trigger: TriggerId(event.value),
            at,
        }),
        map::EventKind::StopOpen => Some(Event::Stop { active: true }),
        map::EventKind::StopClosed => Some(Event::Stop { active: false }),
        map::EventKind::StrokeFired => stroke(StrokeResult::Fired { at }),
        map::EventKind::StrokeDone => stroke(StrokeResult::Done { at }),
        map::EventKind::Dropped => {
            let refusal =
                map::Refusal::from_code(event.detail).map_or(Refusal::Unknown, refusal_of);
            stroke(StrokeResult::Refused { refusal })
        }
        map::EventKind::Withdrawn => stroke(StrokeResult::Withdrawn),
        map::EventKind::JamLatched | map::EventKind::JamReset | map::EventKind::NewEpoch => None,
    }
}

const fn refusal_of(refusal: map::Refusal) -> Refusal {
    match refusal {
        map::Refusal::Late => Refusal::Late,
        map::Refusal::TooFar => Refusal::TooFar,
        map::Refusal::Unknown => Refusal::Unknown,
        map::Refusal::Overlap => Refusal::Overlap,
        map::Refusal::Opposite => Refusal::Opposite,
        map::Refusal::TooLong => Refusal::TooLong,
        map::Refusal::QueueFull => Refusal::QueueFull,
        map::Refusal::Stopped => Refusal::Stopped,
        map::Refusal::StaleEpoch => Refusal::StaleEpoch,
        map::Refusal::Checksum => Refusal::Checksum,
    }
}

#[cfg(test)]
mod tests {
    use sortline_core::DiverterId;

    use super::*;
    use crate::plant::node_limits;

    fn node() -> Node {
        let line = toml::from_str(include_str!("../../../config/demo/line.toml")).unwrap();
        let mut node = Node::new(node_limits(&line), 7);
        node.millis(0);
        node
    }

    fn stroke(epoch: u16, seq: u16, fire_at: u32) -> Command {
        Command::Stroke {
            seq: Seq(seq),
            epoch: Epoch(epoch),
            diverter: DiverterId(2),
            fire_at: Ticks(fire_at),
            hold: 300,
            hold_ms_max: 400,
        }
    }

    fn up(events: &[Event]) -> u16 {
        match events.iter().find(|e| matches!(e, Event::NodeUp { .. })) {
            Some(Event::NodeUp {
                epoch, gap: false, ..
            }) => epoch.0,
            other => panic!("{other:?} in {events:?}"),
        }
    }

    #[test]
    fn a_stroke_goes_there_and_its_results_come_back() {
        let (mut node, mut link, mut events) = (node(), Link::default(), Vec::new());
        link.poll(&mut node, &mut events);
        let epoch = up(&events);
        events.clear();
        send(&mut node, &stroke(epoch, 5, 1_000), &mut events);
        assert_eq!(
            events,
            [Event::Stroke {
                seq: Seq(5),
                result: StrokeResult::Accepted
            }]
        );
        node.encoder(1_000);
        assert_eq!(node.outputs(), 4);
        node.encoder(1_300);
        events.clear();
        link.poll(&mut node, &mut events);
        let expected = [
            Event::Stroke {
                seq: Seq(5),
                result: StrokeResult::Fired { at: Ticks(1_000) },
            },
            Event::Stroke {
                seq: Seq(5),
                result: StrokeResult::Done { at: Ticks(1_300) },
            },
            Event::Belt { at: Ticks(1_300) },
        ];
        assert_eq!(events, expected);
    }

    #[test]
    fn a_refusal_is_told() {
        let (mut node, mut link, mut events) = (node(), Link::default(), Vec::new());
        link.poll(&mut node, &mut events);
        events.clear();
        send(&mut node, &stroke(99, 5, 1_000), &mut events);
        let refusal = Refusal::StaleEpoch;
        let result = StrokeResult::Refused { refusal };
        assert_eq!(
            events,
            [Event::Stroke {
                seq: Seq(5),
                result
            }]
        );
    }

    #[test]
    fn after_a_stop_it_arms_again_only_when_a_person_released_the_line() {
        let (mut node, mut link, mut events) = (node(), Link::default(), Vec::new());
        link.poll(&mut node, &mut events);
        node.stop(true);
        events.clear();
        link.poll(&mut node, &mut events);
        assert!(events.contains(&Event::Stop { active: true }), "{events:?}");
        assert!(
            events.contains(&Event::NodeDown {
                fault: NodeFault::Unsafe
            }),
            "{events:?}"
        );
        node.stop(false);
        events.clear();
        link.poll(&mut node, &mut events);
        assert_eq!(
            events,
            [Event::Stop { active: false }],
            "not armed by itself"
        );
        link.release();
        events.clear();
        link.poll(&mut node, &mut events);
        up(&events);
    }

    #[test]
    fn a_silent_controller_loses_the_node_and_gets_it_back() {
        let (mut node, mut link, mut events) = (node(), Link::default(), Vec::new());
        link.poll(&mut node, &mut events);
        let first = up(&events);
        node.millis(200);
        events.clear();
        link.poll(&mut node, &mut events);
        assert!(events.contains(&Event::NodeDown {
            fault: NodeFault::Unsafe
        }));
        assert_ne!(up(&events), first);
    }
}
