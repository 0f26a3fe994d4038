//! One conversation with a node, by messages.

use std::time::Duration;

use sortline_core::{Command, NodeFault};
use sortline_mqtt::link::{Care, Link, LinkError, Message, Opening, Outgoing};
use sortline_mqtt::{
    Ack, Factsheet, Header, Presence, REPLAY_MAX, Refused, State, Told, Topics, Verdict, Wanted,
    decode_event,
};
use sortline_regmap::{
    AckCode, Control, EVENTS_MAX, Event, Flags, Heartbeat, Ident, Limits, Refusal, Rings, Status,
    event_slot,
};
use tokio::time::{Instant, timeout, timeout_at};

use super::Broker;
use crate::tap::{Direction, Tap};
use crate::translate::{self, Feed};
use crate::{Points, Settings, Statistics};

/// A connection that is not made, with its subscriptions, within this is tried anew. With the
/// pauses between tries it is part of the second within which a healed link must be in use again.
const CONNECT: Duration = Duration::from_millis(300);
/// Time within which a node tells its next state: `sortline_mqtt::STATE_MS_MAX`.
const DUE: Duration = Duration::from_millis(20);
/// An event that a state speaks of comes within this, or is asked for.
const EVENT: Duration = Duration::from_millis(10);
/// Ids between the last one that the node knows and the first one of a connection: commands of
/// the connection before may still be under way, and their answers must not be taken for others.
const IDS_APART: u32 = 1_000;
/// A control request that met the end of an epoch is sent once more, for the new one.
const CONTROLS_MAX: u8 = 2;

/// A conversation with one node.
#[derive(Debug)]
pub(crate) struct Remote {
    link: Link,
    topics: Topics,
    owner: u32,
    call: Duration,
    tap: Tap,
    factsheet: Option<Factsheet>,
    /// The newest state, and when it came.
    state: Option<(State, Instant)>,
    /// Number of the state that was given to the session last.
    given: Option<u32>,
    /// A state must not be older than this one to tell of all that was asked for.
    since: Option<u32>,
    /// Watchdog time that the node was armed with.
    watchdog: Duration,
    /// Heartbeat that the next state must answer, and its epoch.
    beat: Option<(u16, u16)>,
    /// The events that came, in the places of the node's ring.
    events: Vec<Option<Event>>,
    /// Id of the last command sent.
    id: u32,
    /// Whether it goes on from what the node knows.
    numbered: bool,
    /// The answer to it.
    ack: Option<Ack>,
}

impl Remote {
    pub(crate) async fn open(
        broker: &Broker,
        settings: &Settings,
        tap: Tap,
        statistics: &mut Statistics,
    ) -> Result<Self, NodeFault> {
        let topics = broker.topics.clone();
        let opening = Opening {
            client_id: format!("sortline-controller-{:08x}", settings.owner),
            will: None,
            filters: vec![
                (topics.connection(), true),
                (topics.factsheet(), true),
                (topics.state(), false),
                (topics.event(), true),
                (topics.acks(), true),
            ],
        };
        let link = match timeout(CONNECT, Link::open(&broker.server, opening)).await {
            Ok(Ok(link)) => link,
            Ok(Err(error)) => return Err(unreached(&error)),
            Err(_elapsed) => return Err(NodeFault::Unreachable),
        };
        statistics.connections += 1;
        Ok(Self {
            link,
            topics,
            owner: settings.owner,
            call: Duration::from_millis(settings.call_ms.into()),
            tap,
            factsheet: None,
            state: None,
            given: None,
            since: None,
            watchdog: Duration::ZERO,
            beat: None,
            events: vec![None; usize::from(EVENTS_MAX)],
            id: 0,
            numbered: false,
            ack: None,
        })
    }

    pub(crate) async fn ident(&mut self, statistics: &mut Statistics) -> Result<Ident, NodeFault> {
        Ok(self.sheet(statistics).await?.ident)
    }

    pub(crate) async fn limits(
        &mut self,
        statistics: &mut Statistics,
    ) -> Result<Limits, NodeFault> {
        Ok(self.sheet(statistics).await?.limits)
    }

    /// The broker keeps the factsheet, so it comes with the subscription.
    async fn sheet(&mut self, statistics: &mut Statistics) -> Result<Factsheet, NodeFault> {
        let deadline = Instant::now() + CONNECT;
        let sheet = self.until(deadline, |me| me.factsheet.clone()).await;
        counted(sheet, statistics)
    }

    pub(crate) async fn status(
        &mut self,
        statistics: &mut Statistics,
    ) -> Result<Status, NodeFault> {
        let begun = Instant::now();
        statistics.calls += 1;
        let state = self.until(begun + self.call, Self::fresh).await;
        let state = counted(state, statistics)?;
        if self.beat.take().is_some() {
            // Else the time is that between two states.
            statistics.took(begun.elapsed());
        }
        self.given = Some(state.number);
        if !self.numbered {
            self.numbered = true;
            self.id = state.last_id.wrapping_add(IDS_APART);
        }
        statistics.points = Points::of(&state.status);
        Ok(state.status)
    }

    /// The newest state, when it tells of all that was asked for. One that the session has had is
    /// as good as another while the next is not due; a node that hangs shows by its uptime.
    fn fresh(&mut self) -> Option<State> {
        let (state, came) = self.state?;
        let number = state.number;
        let is_early = |since: u32| number.wrapping_sub(since).cast_signed() < 0;
        let is_told = self.given == Some(number) && came.elapsed() > DUE;
        if is_told || self.since.is_some_and(is_early) {
            return None;
        }
        let health = &state.status.health;
        let answered = self.beat.is_none_or(|(counter, epoch)| {
            // A lease that is over answers no heartbeat.
            state.status.lease.heartbeat == counter
                || !health.flags.has(Flags::ARMED)
                || health.epoch != epoch
        });
        answered.then_some(state)
    }

    pub(crate) async fn events(
        &mut self,
        feed: &Feed,
        rings: Rings,
        statistics: &mut Statistics,
    ) -> Result<Option<Vec<Event>>, NodeFault> {
        let first = feed.cursor();
        let pending = rings.next.wrapping_sub(first);
        if pending == 0 {
            return Ok(None);
        }
        let here = |me: &mut Self| me.event(first).map(|_| ());
        let begun = Instant::now();
        if self
            .come(begun + EVENT.min(self.call), here)
            .await?
            .is_none()
        {
            let count = u16::try_from(pending).unwrap_or(REPLAY_MAX).min(REPLAY_MAX);
            let replay = Wanted::Replay { from: first, count };
            let verdict = self.ask(&replay, statistics).await?;
            if verdict == Verdict::Unknown {
                return Ok(None);
            }
            let again = self.until(Instant::now() + self.call, here).await;
            counted(again, statistics)?;
        }
        let numbers = (0..pending).map(|n| first.wrapping_add(n));
        Ok(Some(numbers.map_while(|n| self.event(n)).collect()))
    }

    fn event(&self, number: u32) -> Option<Event> {
        let slot = self.events.get(usize::from(event_slot(number)))?;
        slot.filter(|event| event.seq == number)
    }

    /// Not acknowledged: the next state tells that it counted.
    pub(crate) fn beat(&mut self, heartbeat: Heartbeat) -> Result<(), NodeFault> {
        let Heartbeat { counter, .. } = heartbeat;
        let epoch = self.epoch();
        self.beat = Some((counter, epoch));
        // One that comes after the watchdog time must not count any more.
        let header = self.header(epoch, self.watchdog);
        self.send(&Wanted::Beat { counter }, header, Care::Fresh)
    }

    pub(crate) async fn control(
        &mut self,
        control: Control,
        statistics: &mut Statistics,
    ) -> Result<(), NodeFault> {
        let Control {
            request,
            watchdog_ms,
            ..
        } = control;
        self.watchdog = Duration::from_millis(watchdog_ms.into());
        let wanted = Wanted::Control {
            request,
            watchdog_ms,
        };
        for _ in 0..CONTROLS_MAX {
            match self.ask(&wanted, statistics).await? {
                Verdict::Answer(AckCode::Refused(Refusal::StaleEpoch)) => {
                    let deadline = Instant::now() + self.call;
                    let state = self.until(deadline, Self::fresh).await;
                    counted(state, statistics)?;
                }
                Verdict::Answer(_) => return Ok(()),
                Verdict::Refused(Refused::Foreign) => return Err(NodeFault::SecondMaster),
                Verdict::Refused(Refused::Expired) => return Err(NodeFault::Unreachable),
                Verdict::Refused(_) | Verdict::Unknown => return Err(NodeFault::Protocol),
            }
        }
        Err(NodeFault::Protocol)
    }

    pub(crate) async fn command(
        &mut self,
        command: &Command,
        statistics: &mut Statistics,
    ) -> Result<Option<AckCode>, NodeFault> {
        let command = translate::command(command);
        // The core names one count, and no other will do.
        let until = command.at;
        let wanted = Wanted::Command { command, until };
        match self.ask(&wanted, statistics).await? {
            Verdict::Answer(code) => Ok(Some(code)),
            Verdict::Refused(refused) => Ok(Some(AckCode::Refused(refusal(refused)))),
            Verdict::Unknown => Err(NodeFault::Protocol),
        }
    }

    pub(crate) async fn look_up(
        &mut self,
        command: &Command,
        statistics: &mut Statistics,
    ) -> Result<Option<AckCode>, NodeFault> {
        let seq = translate::seq(command).0;
        match self.ask(&Wanted::Lookup { seq }, statistics).await? {
            Verdict::Answer(code) => Ok(Some(code)),
            Verdict::Unknown => Ok(None),
            Verdict::Refused(_) => Err(NodeFault::Protocol),
        }
    }

    /// Sends a command and waits for its acknowledgement.
    async fn ask(
        &mut self,
        wanted: &Wanted,
        statistics: &mut Statistics,
    ) -> Result<Verdict, NodeFault> {
        let begun = Instant::now();
        statistics.calls += 1;
        let epoch = match wanted {
            Wanted::Command { command, .. } => command.epoch,
            Wanted::Control { .. }
            | Wanted::Beat { .. }
            | Wanted::Replay { .. }
            | Wanted::Lookup { .. } => self.epoch(),
        };
        self.ack = None;
        let header = self.header(epoch, self.call);
        self.send(wanted, header, Care::Assured)?;
        let ack = self.until(begun + self.call, |me| me.ack.take()).await;
        let ack = counted(ack, statistics)?;
        statistics.took(begun.elapsed());
        self.since = Some(ack.state);
        Ok(ack.verdict)
    }

    fn epoch(&self) -> u16 {
        let state = self.state.as_ref();
        state.map_or(0, |(state, _)| state.status.health.epoch)
    }

    /// The deadline is on the node's clock, of which every state tells the time.
    fn header(&mut self, epoch: u16, time: Duration) -> Header {
        self.id = self.id.wrapping_add(1);
        let now_ms = self.state.as_ref().map_or(0, |(state, came)| {
            let uptime_ms = state.status.health.uptime_ms;
            uptime_ms.wrapping_add(milliseconds(came.elapsed()))
        });
        Header {
            id: self.id,
            owner: self.owner,
            epoch,
            deadline_ms: now_ms.wrapping_add(milliseconds(time)),
        }
    }

    fn send(&self, wanted: &Wanted, header: Header, care: Care) -> Result<(), NodeFault> {
        let topic = self.topics.command(wanted.name());
        let payload = wanted.encode(header);
        self.show(Direction::Sent, &topic, &payload);
        let outgoing = Outgoing {
            topic,
            payload,
            care,
        };
        // A connection that takes nothing more is stuck.
        self.link
            .send(outgoing)
            .then_some(())
            .ok_or(NodeFault::Unreachable)
    }

    /// What is looked for, as soon as it is there; an error when it does not come.
    async fn until<T>(
        &mut self,
        deadline: Instant,
        found: impl Fn(&mut Self) -> Option<T>,
    ) -> Result<T, NodeFault> {
        let came = self.come(deadline, found).await?;
        came.ok_or(NodeFault::Unreachable)
    }

    /// What is looked for, or `None` when it has not come by the deadline.
    async fn come<T>(
        &mut self,
        deadline: Instant,
        found: impl Fn(&mut Self) -> Option<T>,
    ) -> Result<Option<T>, NodeFault> {
        loop {
            while let Some(message) = self.link.try_next() {
                self.take(&message)?;
            }
            if let Some(found) = found(self) {
                return Ok(Some(found));
            }
            match timeout_at(deadline, self.link.next()).await {
                Ok(Some(message)) => self.take(&message)?,
                Ok(None) => return Err(NodeFault::Unreachable),
                Err(_elapsed) => return Ok(None),
            }
        }
    }

    /// Takes a message in. What is kept by the broker tells of the past: only who the node is may
    /// be that old.
    fn take(&mut self, message: &Message) -> Result<(), NodeFault> {
        let Message {
            topic,
            payload,
            retained,
        } = message;
        self.show(Direction::Received, topic, payload);
        let told = self.topics.told(topic);
        if told == Some(Told::Factsheet) {
            let sheet = Factsheet::decode(payload).ok_or_else(nonsense)?;
            let boot = sheet.ident.boot;
            let before = self.factsheet.replace(sheet);
            if before.is_some_and(|before| before.ident.boot != boot) {
                return Err(NodeFault::Restarted);
            }
        }
        let Some(told) = told.filter(|_| !retained) else {
            return Ok(());
        };
        match told {
            Told::Factsheet => {}
            Told::Connection => {
                if Presence::decode(payload).ok_or_else(nonsense)? != Presence::Online {
                    return Err(NodeFault::Unreachable);
                }
            }
            Told::State => self.take_state(State::decode(payload).ok_or_else(nonsense)?)?,
            Told::Event => {
                let event = decode_event(payload).ok_or_else(nonsense)?;
                let slot = usize::from(event_slot(event.seq));
                if let Some(slot) = self.events.get_mut(slot) {
                    *slot = Some(event);
                }
            }
            Told::Ack(id) => {
                let ack = Ack::decode(payload).ok_or_else(nonsense)?;
                // That of another controller, or one that came too late, is not for us. A second
                // one answers a copy of the command, which the node has refused.
                let is_ours = ack.owner == self.owner && ack.id == id && id == self.id;
                if is_ours && self.ack.is_none() {
                    self.ack = Some(ack);
                }
            }
        }
        Ok(())
    }

    fn take_state(&mut self, state: State) -> Result<(), NodeFault> {
        let sheet = self.factsheet.as_ref();
        if sheet.is_some_and(|sheet| sheet.ident.boot != state.boot) {
            return Err(NodeFault::Restarted);
        }
        let newer = self.state.as_ref().is_none_or(|(known, _)| {
            known.boot != state.boot || state.number.wrapping_sub(known.number).cast_signed() > 0
        });
        if newer {
            self.state = Some((state, Instant::now()));
        }
        Ok(())
    }

    fn show(&self, direction: Direction, topic: &str, payload: &[u8]) {
        let text = || [topic.as_bytes(), b" ", payload].concat();
        self.tap.show_with(direction, text);
    }
}

/// What a command that did not pass the node's gate is to the core.
const fn refusal(refused: Refused) -> Refusal {
    match refused {
        Refused::Expired => Refusal::Late,
        Refused::StaleEpoch => Refusal::StaleEpoch,
        Refused::Foreign => Refusal::Stopped,
        Refused::Retained
        | Refused::Malformed
        | Refused::DeadlineTooFar
        | Refused::Duplicate
        | Refused::Replayed => Refusal::Checksum,
    }
}

fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

fn nonsense() -> NodeFault {
    tracing::debug!("the node told nonsense");
    NodeFault::Protocol
}

fn unreached(error: &LinkError) -> NodeFault {
    let error = error as &dyn std::error::Error;
    tracing::debug!(error, "the MQTT broker is not reached");
    NodeFault::Unreachable
}

fn counted<T>(result: Result<T, NodeFault>, statistics: &mut Statistics) -> Result<T, NodeFault> {
    if result.is_err() {
        statistics.errors += 1;
    }
    result
}
