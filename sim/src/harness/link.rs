//! The controller's session with the field node, over the register contract but without a network:
//! arm, heartbeat, poll, events, commands and their answers.

use sortline_core::{Command, Epoch, Event, NodeFault, Seq, StrokeResult, Ticks};
use sortline_fieldbus::translate::{self, Feed};
use sortline_logic::Node;
use sortline_regmap as map;

/// The number under which the harness holds the node.
const OWNER: u32 = 0x5349_4D31;
/// The watchdog time it is armed with.
const WATCHDOG_MS: u16 = 100;

/// The session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    /// Place in the event ring; `None` before the first connection.
    feed: Option<Feed>,
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

    /// Reads what the ring holds from the last event on. True when events were lost.
    fn read_events(&mut self, node: &Node, status: &map::Status, events: &mut Vec<Event>) -> bool {
        let rings = status.rings;
        // A fresh session begins at the oldest event held: nothing that was seen is left out.
        let oldest = rings.next.wrapping_sub(rings.held.into());
        let mut feed = self
            .feed
            .take()
            .unwrap_or_else(|| Feed::resume(Some(oldest), rings).0);
        let lost = feed.skip_lost(rings);
        let mut page = [0; map::READ_MAX as usize];
        while let Some((address, words)) = feed.next_read(rings) {
            let Some(page) = page.get_mut(..usize::from(words)) else {
                break;
            };
            if node.read(address, page).is_err() {
                break;
            }
            let Ok(found) = feed.decode(page) else { break };
            for event in found {
                events.extend(translate::event(&event));
                feed.advance();
            }
        }
        self.feed = Some(feed);
        lost
    }
}

/// Writes a command and reads its answer.
pub(crate) fn send(node: &mut Node, command: &Command, events: &mut Vec<Event>) {
    let (address, words) = translate::command_words(command);
    let Seq(seq) = translate::seq(command);
    let written = node.write(address, &words);
    let mut answer = [0; map::ACK_WORDS];
    let read = node.read(map::ack_address(seq), &mut answer);
    let ack = map::Ack::decode(answer).filter(|ack| ack.seq == seq);
    match (written, read, ack) {
        (Ok(()), Ok(()), Some(ack)) => events.extend(translate::answer(command, ack.result)),
        _ => events.push(Event::Stroke {
            seq: Seq(seq),
            result: StrokeResult::Unknown,
        }),
    }
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

#[cfg(test)]
mod tests {
    use sortline_core::{DiverterId, Refusal};

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
