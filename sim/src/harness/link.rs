//! The controller's session with the field node, over the register contract but without a network:
//! connect, arm, heartbeat, poll, events, commands and their answers, and what the network does to
//! them. It keeps to the rules of `sortline_fieldbus`, whose session needs sockets and a clock.

use sortline_core::{Command, Edge, Epoch, Event, EyeId, NodeFault, Refusal, StrokeResult, Ticks};
use sortline_fieldbus::translate::{self, Feed};
use sortline_logic::Node;
use sortline_regmap as map;
use sortline_regmap::{AckCode, Control, ControlRequest, Flags, Status};

mod arming;

/// The number under which the first life of the controller holds the node.
const OWNER: u32 = 0x5349_4D31;
/// The number of an intruder.
const INTRUDER: u32 = 0x4556_494C;
/// The watchdog time it is armed with.
pub(super) const WATCHDOG_MS: u16 = 100;
/// Longest time of one call.
const CALL_US: u64 = 50_000;
/// Pauses between two attempts to connect.
const PAUSE_US: (u64, u64) = (50_000, 1_000_000);
/// Polls without a new count after which it is told all the same.
const QUIET_POLLS_MAX: u8 = 10;

/// How far the node is on its way to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Unarmed,
    /// Armed; outputs of an earlier epoch may still be on until this time, milliseconds.
    Settling(u64),
    Up,
}

/// What the network does to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It arrives, and so does its answer.
    Clean,
    /// This bit is flipped on the way.
    Corrupt(u16),
    /// It never arrives.
    Lost,
    /// It arrives; its answer does not.
    Unanswered,
}

/// One connection.
#[derive(Clone, Debug)]
struct Open {
    phase: Phase,
    epoch: u16,
    /// Value of the node's write counter if nobody else writes.
    writes: u16,
    beat: u16,
    held_polls: u32,
    feed: Feed,
    gap: bool,
    fresh: bool,
    uptime_ms: u32,
    ticks: Option<u32>,
    quiet_polls: u8,
}

/// The session.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    owner: u32,
    poll_ms: u32,
    /// Photo-eyes whose level counts: those told anew after a gap.
    level_eyes: Vec<u16>,
    open: Option<Open>,
    /// Number of the next event in the node's ring.
    cursor: Option<u32>,
    boot: Option<u16>,
    stop_told: bool,
    blocked_told: u64,
    /// Photo-eyes of which it is not known what was told: all, in a life that goes on with a journal.
    unsure: u64,
    /// A command written without a clean answer.
    doubtful: Option<Command>,
    was_up: bool,
    told: Option<NodeFault>,
    retry_us: u64,
    pause_us: u64,
    /// Nothing passes until then.
    pub(crate) down_until_us: u64,
    /// The heartbeat's counter stands until then.
    pub(crate) frozen_until_us: u64,
    /// A call hangs since then.
    hangs_us: Option<u64>,
    /// The last heartbeat that advanced.
    pub(crate) beat_us: u64,
}

impl Link {
    /// A controller that has never seen the node.
    pub(crate) const fn new(poll_ms: u32, level_eyes: Vec<u16>) -> Self {
        Self {
            owner: OWNER,
            poll_ms,
            level_eyes,
            open: None,
            cursor: None,
            boot: None,
            stop_told: false,
            blocked_told: 0,
            unsure: 0,
            doubtful: None,
            was_up: false,
            told: None,
            retry_us: 0,
            pause_us: PAUSE_US.0,
            down_until_us: 0,
            frozen_until_us: 0,
            hangs_us: None,
            beat_us: 0,
        }
    }

    /// The controller's next life: all it knows is how far its journal goes.
    pub(crate) fn reborn(&self) -> Self {
        let mut next = Self::new(self.poll_ms, self.level_eyes.clone());
        next.owner = self.owner.wrapping_add(1);
        next.cursor = self.cursor;
        next.unsure = if self.cursor.is_some() { u64::MAX } else { 0 };
        next.down_until_us = self.down_until_us;
        next.beat_us = self.beat_us;
        next
    }

    /// Commands reach the node.
    pub(crate) fn is_up(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.phase == Phase::Up)
    }

    /// What it polls comes from the node now.
    pub(crate) const fn hears(&self, now_us: u64) -> bool {
        self.open.is_some() && now_us >= self.down_until_us
    }

    /// One poll: what happened since the last one, in order.
    pub(crate) fn poll(&mut self, now_us: u64, node: &mut Node, events: &mut Vec<Event>) {
        if now_us < self.down_until_us {
            let since = *self.hangs_us.get_or_insert(now_us);
            if self.open.is_none() && now_us >= self.retry_us {
                self.fail(now_us, NodeFault::Unreachable, events);
            } else if self.open.is_some() && now_us.saturating_sub(since) >= CALL_US {
                self.fail(now_us, NodeFault::Protocol, events);
            }
            return;
        }
        self.hangs_us = None;
        if self.open.is_none() {
            if now_us < self.retry_us {
                return;
            }
            self.connect(node, events);
        }
        let Some(mut open) = self.open.take() else {
            return;
        };
        match self.round(now_us, &mut open, node, events) {
            Ok(()) => self.open = Some(open),
            Err(fault) => self.fail(now_us, fault, events),
        }
    }

    fn fail(&mut self, now_us: u64, fault: NodeFault, events: &mut Vec<Event>) {
        self.open = None;
        if std::mem::take(&mut self.was_up) {
            (self.pause_us, self.told) = (PAUSE_US.0, None);
        }
        if self.told.replace(fault) != Some(fault) {
            events.push(Event::NodeDown { fault });
        }
        self.retry_us = now_us + self.pause_us;
        self.pause_us = (self.pause_us * 2).min(PAUSE_US.1);
    }

    fn connect(&mut self, node: &Node, events: &mut Vec<Event>) {
        let mut words = [0; map::IDENT_WORDS];
        let read = node.read(map::IDENT.start, &mut words);
        debug_assert!(read.is_ok());
        let boot = map::Ident::decode(&words).boot;
        if self.boot.replace(boot).is_some_and(|old| old != boot) {
            self.doubtful = None;
            events.push(Event::NodeDown {
                fault: NodeFault::Restarted,
            });
        }
        let status = node.status();
        let (feed, gap) = Feed::resume(self.cursor, status.rings);
        let fresh = self.cursor.is_none();
        self.cursor = Some(feed.cursor());
        self.open = Some(Open {
            phase: Phase::Unarmed,
            epoch: status.health.epoch,
            writes: status.health.writes,
            beat: 0,
            held_polls: 0,
            feed,
            gap,
            fresh,
            uptime_ms: status.health.uptime_ms,
            ticks: None,
            quiet_polls: 0,
        });
    }

    fn round(
        &mut self,
        now_us: u64,
        open: &mut Open,
        node: &mut Node,
        events: &mut Vec<Event>,
    ) -> Result<(), NodeFault> {
        if open.phase != Phase::Unarmed {
            self.beat(now_us, open, node);
        }
        let status = node.status();
        self.check(open, &status, events)?;
        let mut announce = settle(now_us, open, &status)?;
        if open.feed.skip_lost(status.rings) {
            open.gap = true;
            self.cursor = Some(open.feed.cursor());
            announce |= open.phase == Phase::Up;
        }
        if open.gap && !announce {
            self.tell_stop(&status, events);
        } else {
            self.drain(open, node, &status, (announce, &mut *events));
        }
        if !open.gap {
            tell_belt(open, status.clock.ticks, events);
        }
        if open.phase == Phase::Unarmed {
            self.arm(now_us, open, node, (&status, events))?;
        }
        Ok(())
    }

    /// Whatever shows that the node is not, or no longer, in this controller's hands.
    fn check(
        &self,
        open: &mut Open,
        status: &Status,
        events: &mut Vec<Event>,
    ) -> Result<(), NodeFault> {
        let health = &status.health;
        if health.uptime_ms.wrapping_sub(open.uptime_ms).cast_signed() < 0 {
            return Err(NodeFault::Restarted);
        }
        open.uptime_ms = health.uptime_ms;
        let foreign = status.lease.owner != 0 && status.lease.owner != self.owner;
        if health.writes != open.writes || (foreign && open.phase != Phase::Unarmed) {
            return Err(NodeFault::SecondMaster);
        }
        let armed = health.flags.has(Flags::ARMED) && health.epoch == open.epoch;
        if open.phase != Phase::Unarmed && !armed {
            open.phase = Phase::Unarmed;
            if !health.flags.has(Flags::STOP_LATCHED) {
                events.push(Event::NodeDown {
                    fault: NodeFault::Unreachable,
                });
            }
        }
        Ok(())
    }

    /// Delivers what is in the ring. After lost events the core is told first; else what happened
    /// before the node was up comes before it.
    fn drain(
        &mut self,
        open: &mut Open,
        node: &Node,
        status: &Status,
        (announce, events): (bool, &mut Vec<Event>),
    ) {
        let levels = announce && (open.gap || open.fresh);
        let mut pending = announce;
        let mut page = [0; map::READ_MAX as usize];
        while let Some((address, words)) = open.feed.next_read(status.rings) {
            let Some(page) = page.get_mut(..usize::from(words)) else {
                break;
            };
            if node.read(address, page).is_err() {
                break;
            }
            let Ok(found) = open.feed.decode(page) else {
                break;
            };
            for found in found {
                if pending && open.gap {
                    pending = false;
                    self.tell_up(open, found.at, events);
                }
                open.feed.advance();
                self.cursor = Some(open.feed.cursor());
                if let Some(event) = translate::event(&found) {
                    self.note(&event);
                    events.push(event);
                }
            }
        }
        self.tell_stop(status, events);
        if pending {
            self.tell_up(open, status.clock.ticks, events);
        }
        if levels {
            self.tell_levels(node.limits().eyes.into(), status, events);
        }
    }

    fn tell_up(&mut self, open: &mut Open, at: u32, events: &mut Vec<Event>) {
        let gap = std::mem::take(&mut open.gap);
        open.fresh = false;
        self.was_up = true;
        events.push(Event::NodeUp {
            epoch: Epoch(open.epoch),
            at: Ticks(at),
            gap,
        });
    }

    fn tell_stop(&mut self, status: &Status, events: &mut Vec<Event>) {
        let active = status.health.flags.has(Flags::STOP_OPEN);
        if active != self.stop_told {
            self.stop_told = active;
            events.push(Event::Stop { active });
        }
    }

    /// Tells the levels that the core takes for others. That a photo-eye is clear ends what was a jam;
    /// that one is blocked would be a parcel, except where the level counts.
    fn tell_levels(&mut self, eyes: u16, status: &Status, events: &mut Vec<Event>) {
        for eye in 0..eyes {
            let bit = 1_u64.checked_shl(eye.into()).unwrap_or(0);
            let blocked = status.levels.eyes & bit != 0;
            let known = self.unsure & bit == 0 && blocked == (self.blocked_told & bit != 0);
            if !known && (!blocked || self.level_eyes.contains(&eye)) {
                let event = Event::Eye {
                    eye: EyeId(eye),
                    edge: if blocked { Edge::Blocked } else { Edge::Clear },
                    at: Ticks(status.clock.ticks),
                };
                self.note(&event);
                events.push(event);
            }
        }
    }

    /// Remembers levels told by edges.
    fn note(&mut self, event: &Event) {
        if let Event::Stop { active } = event {
            self.stop_told = *active;
        } else if let Event::Eye { eye, edge, .. } = event {
            let bit = 1_u64.checked_shl(eye.0.into()).unwrap_or(0);
            self.unsure &= !bit;
            match edge {
                Edge::Blocked => self.blocked_told |= bit,
                Edge::Clear => self.blocked_told &= !bit,
            }
        }
    }

    /// Writes a command and reads its answer.
    pub(crate) fn send(
        &mut self,
        now_us: u64,
        node: &mut Node,
        command: &Command,
        (passage, events): (Passage, &mut Vec<Event>),
    ) {
        let Some(open) = self.open.as_mut().filter(|open| open.phase == Phase::Up) else {
            events.push(refused(command, Refusal::Stopped));
            return;
        };
        let lost = passage == Passage::Lost || now_us < self.down_until_us;
        let (address, mut words) = translate::command_words(command);
        if let Passage::Corrupt(bit) = passage {
            let at = usize::from(bit / 16) % words.len();
            if let Some(word) = words.get_mut(at) {
                *word ^= 1 << (bit % 16);
            }
        }
        if !lost {
            write(open, node, address, &words);
        }
        if lost || passage == Passage::Unanswered {
            self.doubtful = Some(*command);
            events.push(Event::Stroke {
                seq: translate::seq(command),
                result: StrokeResult::Unknown,
            });
            self.fail(now_us, NodeFault::Protocol, events);
            return;
        }
        let mut result = look_up(node, command);
        if result.is_none() {
            // It arrived damaged: once more.
            write(open, node, address, &translate::command_words(command).1);
            result = look_up(node, command);
        }
        match result {
            Some(result) => events.extend(translate::answer(command, result)),
            None => events.push(refused(command, Refusal::Checksum)),
        }
    }
}

/// Another master asks for the node and beats for it.
pub(crate) fn intrude(node: &mut Node) {
    let control = Control {
        owner: INTRUDER,
        watchdog_ms: WATCHDOG_MS,
        request: ControlRequest::Arm,
    };
    let beat = map::Heartbeat {
        owner: INTRUDER,
        counter: 1,
    };
    let blocks: [(u16, &[u16]); 2] = [
        (map::CONTROL.start, &control.encode()),
        (map::HEARTBEAT.start, &beat.encode()),
    ];
    for (address, words) in blocks {
        let written = node.write(address, words);
        debug_assert!(written.is_ok());
    }
}

/// A command arrives that nobody waits for any more.
pub(crate) fn stray(node: &mut Node, command: &Command) {
    let (address, words) = translate::command_words(command);
    let written = node.write(address, &words);
    debug_assert!(written.is_ok());
}

fn write(open: &mut Open, node: &mut Node, address: u16, words: &[u16]) {
    let written = node.write(address, words);
    debug_assert!(written.is_ok());
    open.writes = open.writes.wrapping_add(1);
}

/// What the node remembers of a command.
fn look_up(node: &Node, command: &Command) -> Option<AckCode> {
    let seq = translate::seq(command).0;
    let mut answer = [0; map::ACK_WORDS];
    node.read(map::ack_address(seq), &mut answer).ok()?;
    let ack = map::Ack::decode(answer).filter(|ack| ack.seq == seq)?;
    Some(ack.result)
}

fn refused(command: &Command, refusal: Refusal) -> Event {
    Event::Stroke {
        seq: translate::seq(command),
        result: StrokeResult::Refused { refusal },
    }
}

/// True when the node has just become usable.
fn settle(now_us: u64, open: &mut Open, status: &Status) -> Result<bool, NodeFault> {
    let Phase::Settling(until_ms) = open.phase else {
        return Ok(false);
    };
    if status.levels.desired | status.levels.actual == 0 {
        open.phase = Phase::Up;
        return Ok(true);
    }
    if now_us / 1_000 > until_ms {
        return Err(NodeFault::Unsafe);
    }
    Ok(false)
}

fn tell_belt(open: &mut Open, ticks: u32, events: &mut Vec<Event>) {
    open.quiet_polls = open.quiet_polls.saturating_add(1);
    if open.ticks != Some(ticks) || open.quiet_polls >= QUIET_POLLS_MAX {
        open.ticks = Some(ticks);
        open.quiet_polls = 0;
        events.push(Event::Belt { at: Ticks(ticks) });
    }
}

#[cfg(test)]
mod tests {
    use sortline_core::{DiverterId, Seq};

    use super::*;
    use crate::plant::node_limits;

    fn node() -> Node {
        let line = toml::from_str(include_str!("../../../config/demo/line.toml")).unwrap();
        let mut node = Node::new(node_limits(&line), 7);
        node.millis(0);
        node
    }

    fn link() -> Link {
        Link::new(10, Vec::new())
    }

    /// Polls from `from_ms` on, every 10 ms, as often as asked.
    fn poll(link: &mut Link, node: &mut Node, from_ms: u32, polls: u32) -> Vec<Event> {
        let mut events = Vec::new();
        for n in 0..polls {
            let ms = from_ms + n * 10;
            node.millis(ms);
            link.poll(u64::from(ms) * 1_000, node, &mut events);
        }
        events
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

    fn sent(link: &mut Link, node: &mut Node, command: &Command, passage: Passage) -> Vec<Event> {
        let mut events = Vec::new();
        link.send(0, node, command, (passage, &mut events));
        events
    }

    fn answer(seq: u16, result: StrokeResult) -> Event {
        Event::Stroke {
            seq: Seq(seq),
            result,
        }
    }

    #[test]
    fn a_stroke_goes_there_and_its_results_come_back() {
        let (mut node, mut link) = (node(), link());
        let epoch = up(&poll(&mut link, &mut node, 0, 3));
        let command = stroke(epoch, 5, 1_000);
        let events = sent(&mut link, &mut node, &command, Passage::Clean);
        assert_eq!(events, [answer(5, StrokeResult::Accepted)]);
        node.encoder(1_000);
        assert_eq!(node.outputs(), 4);
        node.encoder(1_300);
        let events = poll(&mut link, &mut node, 30, 1);
        let expected = [
            answer(5, StrokeResult::Fired { at: Ticks(1_000) }),
            answer(5, StrokeResult::Done { at: Ticks(1_300) }),
            Event::Belt { at: Ticks(1_300) },
        ];
        assert_eq!(events, expected);
    }

    #[test]
    fn a_command_of_another_epoch_is_refused_and_a_damaged_one_is_written_again() {
        let (mut node, mut link) = (node(), link());
        let epoch = up(&poll(&mut link, &mut node, 0, 3));
        let stale = sent(&mut link, &mut node, &stroke(99, 5, 1_000), Passage::Clean);
        let refusal = Refusal::StaleEpoch;
        assert_eq!(stale, [answer(5, StrokeResult::Refused { refusal })]);
        let damaged = Passage::Corrupt(40);
        let events = sent(&mut link, &mut node, &stroke(epoch, 6, 1_000), damaged);
        assert_eq!(events, [answer(6, StrokeResult::Accepted)]);
    }

    #[test]
    fn a_command_without_an_answer_is_looked_up_after_the_next_connection() {
        for (passage, known) in [(Passage::Lost, false), (Passage::Unanswered, true)] {
            let (mut node, mut link) = (node(), link());
            let epoch = up(&poll(&mut link, &mut node, 0, 3));
            let events = sent(&mut link, &mut node, &stroke(epoch, 5, 9_000), passage);
            let fault = NodeFault::Protocol;
            let expected = [answer(5, StrokeResult::Unknown), Event::NodeDown { fault }];
            assert_eq!(events, expected, "{passage:?}");
            let events = poll(&mut link, &mut node, 30, 30);
            assert_ne!(up(&events), epoch, "armed anew");
            let refused = |e: &&Event| {
                matches!(
                    e,
                    Event::Stroke {
                        seq: Seq(5),
                        result: StrokeResult::Refused { .. }
                    }
                )
            };
            assert!(events.iter().any(|e| refused(&e)), "{known} {events:?}");
        }
    }

    #[test]
    fn after_a_stop_it_arms_again_once_the_circuit_is_closed() {
        let (mut node, mut link) = (node(), link());
        poll(&mut link, &mut node, 0, 3);
        node.stop(true);
        let events = poll(&mut link, &mut node, 30, 5);
        assert!(events.contains(&Event::Stop { active: true }), "{events:?}");
        node.stop(false);
        let events = poll(&mut link, &mut node, 80, 5);
        assert!(
            events.contains(&Event::Stop { active: false }),
            "{events:?}"
        );
        up(&events);
    }

    #[test]
    fn a_silent_controller_and_another_master_lose_the_node_and_get_it_back() {
        let (mut node, mut link) = (node(), link());
        let first = up(&poll(&mut link, &mut node, 0, 3));
        let events = poll(&mut link, &mut node, 500, 30);
        assert!(events.contains(&Event::NodeDown {
            fault: NodeFault::Unreachable
        }));
        let second = up(&events);
        assert_ne!(second, first);
        intrude(&mut node);
        let events = poll(&mut link, &mut node, 800, 30);
        assert!(events.contains(&Event::NodeDown {
            fault: NodeFault::SecondMaster
        }));
        assert_ne!(up(&events), second);
    }

    #[test]
    fn no_count_of_another_life_of_the_node_is_told_before_it_is_up() {
        let (mut old, mut link) = (node(), link());
        old.encoder(900_000);
        up(&poll(&mut link, &mut old, 0, 3));
        let line = toml::from_str(include_str!("../../../config/demo/line.toml")).unwrap();
        let mut new = Node::new(node_limits(&line), 8);
        new.millis(30);
        new.encoder(5);
        let events = poll(&mut link, &mut new, 40, 60);
        let place = |wanted: fn(&Event) -> bool| events.iter().position(wanted);
        let up = place(|e| matches!(e, Event::NodeUp { gap: true, .. })).unwrap();
        let count = place(|e| matches!(e, Event::Belt { at } if at.0 < 900_000)).unwrap();
        assert!(up < count, "{events:?}");
    }

    /// Levels told of one life of the node to its next, with photo-eyes blocked in the first and in the
    /// second, by a controller that lives on or begins again from its journal.
    fn levels(before: &[u8], after: &[u8], reborn: bool) -> Vec<(u16, Edge)> {
        let (mut old, mut link) = (node(), Link::new(10, vec![9]));
        up(&poll(&mut link, &mut old, 0, 3));
        for eye in before {
            old.eye(*eye, true);
        }
        let events = poll(&mut link, &mut old, 30, 1);
        let told = |e: &Event| {
            if let Event::Eye { eye, edge, .. } = e {
                Some((eye.0, *edge))
            } else {
                None
            }
        };
        assert_eq!(events.iter().filter_map(told).count(), before.len());
        if reborn {
            link = link.reborn();
        }
        // Events that an overflow of the ring loses.
        for eye in before {
            old.eye(*eye, false);
        }
        for eye in after {
            old.eye(*eye, true);
        }
        for _ in 0..600 {
            old.eye(2, true);
            old.eye(2, false);
        }
        let mut events = poll(&mut link, &mut old, 40, 30);
        let gap = |e: &Event| matches!(e, Event::NodeUp { gap: true, .. });
        let from = events.iter().position(gap).unwrap();
        let last = events
            .iter()
            .rposition(|e| told(e).is_some_and(|(eye, _)| eye == 2));
        events.drain(..=last.filter(|last| *last > from).unwrap_or(from));
        events.iter().filter_map(told).collect()
    }

    #[test]
    fn after_lost_events_photo_eyes_that_are_clear_again_are_told() {
        assert_eq!(
            levels(&[5, 9], &[7], false),
            [(5, Edge::Clear), (9, Edge::Clear)]
        );
        assert_eq!(levels(&[9], &[9, 5], false), []);
        assert_eq!(levels(&[], &[5, 9], false), [(9, Edge::Blocked)]);
        let told = levels(&[5], &[9], true);
        assert!(told.contains(&(5, Edge::Clear)), "{told:?}");
        assert!(told.contains(&(9, Edge::Blocked)), "{told:?}");
        let blocked = told.iter().filter(|(_, edge)| *edge == Edge::Blocked);
        assert_eq!(blocked.count(), 1, "{told:?}");
    }

    #[test]
    fn a_partition_shorter_than_a_call_is_not_noticed_and_a_longer_one_is() {
        let (mut node, mut link) = (node(), link());
        up(&poll(&mut link, &mut node, 0, 3));
        link.down_until_us = 60_000;
        let events = poll(&mut link, &mut node, 30, 4);
        assert!(!events.iter().any(|e| matches!(e, Event::NodeDown { .. })));
        link.down_until_us = 1_000_000;
        let events = poll(&mut link, &mut node, 70, 200);
        let downs = events
            .iter()
            .filter(|e| matches!(e, Event::NodeDown { .. }));
        assert!(downs.count() >= 1, "{events:?}");
        up(&events);
    }
}
