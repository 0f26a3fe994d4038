//! One conversation with a node after the other, over one connection each.

use std::time::Duration;

use sortline_core::{Command, Edge, Epoch, Event, EyeId, NodeFault, Refusal, StrokeResult, Ticks};
use sortline_regmap as map;
use sortline_regmap::{Ack, AckCode, Flags, Ident, Limits, Status};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::bus::{Bus, BusError};
use crate::translate::{self, Feed};
use crate::{Delivery, Settings, Statistics};

/// Why a conversation ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The controller has gone.
    Closed,
    /// The node cannot be used.
    Fault(NodeFault),
}

impl From<BusError> for End {
    fn from(error: BusError) -> Self {
        let fault = match &error {
            BusError::ConnectTimeout | BusError::Transport(_) => NodeFault::Unreachable,
            BusError::Timeout
            | BusError::Nonsense(_)
            | BusError::Frame(_)
            | BusError::Exception(_) => NodeFault::Protocol,
        };
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            ?fault,
            "modbus call failed"
        );
        Self::Fault(fault)
    }
}

/// Belt counts are told at least this often, in polls of 10 ms.
const QUIET_POLLS_MAX: u8 = 10;
/// Outputs may differ from what the node wants for this many polls before it counts as a fault:
/// the output stage needs time to follow.
const MISMATCH_POLLS_MAX: u8 = 5;
/// A command that the node says arrived damaged is written once more.
const COMMAND_WRITES_MAX: u8 = 2;

/// How far the node is on its way to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not armed.
    Unarmed,
    /// Armed; outputs of an earlier epoch may still be on for so many polls.
    Settling(u32),
    /// In use.
    Up,
}

/// What is known of the node during one connection.
pub(crate) struct Link {
    pub(crate) bus: Bus,
    pub(crate) phase: Phase,
    pub(crate) limits: Limits,
    pub(crate) epoch: u16,
    /// Value of the node's write counter if nobody else writes.
    pub(crate) writes: u16,
    pub(crate) beat: u16,
    /// Polls for which another controller was seen to hold the node.
    pub(crate) held_polls: u32,
    feed: Feed,
    /// Events were lost and the core has not been told yet.
    gap: bool,
    fresh: bool,
    uptime_ms: u32,
    mismatch_polls: u8,
    quiet_polls: u8,
    last_ticks: Option<u32>,
}

/// What outlives a connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) settings: Settings,
    pub(crate) statistics: Statistics,
    /// A command written without a clean reply.
    pub(crate) doubtful: Option<Command>,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Delivery>,
    published: watch::Sender<Statistics>,
    cursor: Option<u32>,
    boot: Option<u16>,
    stop_told: bool,
    blocked_told: u64,
    was_up: bool,
}

impl Session {
    pub(crate) fn new(
        settings: Settings,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<Delivery>,
        published: watch::Sender<Statistics>,
    ) -> Self {
        let cursor = settings.cursor;
        Self {
            settings,
            statistics: Statistics::default(),
            doubtful: None,
            commands,
            events,
            published,
            cursor,
            boot: None,
            stop_told: false,
            blocked_told: 0,
            was_up: false,
        }
    }

    /// True once after every conversation in which the node came up.
    pub(crate) fn was_up(&mut self) -> bool {
        std::mem::take(&mut self.was_up)
    }

    pub(crate) async fn next_command(&mut self) -> Option<Command> {
        self.commands.recv().await
    }

    /// Tells the core one event.
    pub(crate) async fn deliver(&mut self, event: Event) -> Result<(), End> {
        let cursor = self.cursor.unwrap_or_default();
        self.events
            .send(Delivery { event, cursor })
            .await
            .map_err(|_closed| End::Closed)
    }

    /// Answers a command that was not written.
    pub(crate) async fn refuse(&mut self, command: &Command) -> Result<(), End> {
        self.deliver_refusal(command, Refusal::Stopped).await
    }

    pub(crate) async fn deliver_refusal(
        &mut self,
        command: &Command,
        refusal: Refusal,
    ) -> Result<(), End> {
        let (seq, result) = (translate::seq(command), StrokeResult::Refused { refusal });
        self.deliver(Event::Stroke { seq, result }).await
    }

    /// Connects and talks until something ends it.
    pub(crate) async fn converse(&mut self) -> End {
        let end = match self.connect().await {
            Ok(mut link) => {
                let end = self.talk(&mut link).await;
                if matches!(end, End::Closed) {
                    self.disarm(&mut link).await;
                }
                end
            }
            Err(end) => end,
        };
        self.published.send_replace(self.statistics);
        end
    }

    async fn connect(&mut self) -> Result<Link, End> {
        let mut bus = Bus::connect(&self.settings).await?;
        self.statistics.connections += 1;
        let block = map::IDENT;
        let words = bus
            .read(block.start, block.words, &mut self.statistics)
            .await?;
        let ident = Ident::decode(&exact(&words)?);
        if !ident.is_compatible() {
            return Err(End::Fault(NodeFault::Version));
        }
        if self
            .boot
            .replace(ident.boot)
            .is_some_and(|boot| boot != ident.boot)
        {
            // What was written to the earlier run is not known by this one.
            self.doubtful = None;
            self.deliver(Event::NodeDown {
                fault: NodeFault::Restarted,
            })
            .await?;
        }
        let block = map::LIMITS;
        let words = bus
            .read(block.start, block.words, &mut self.statistics)
            .await?;
        let limits = Limits::decode(&exact(&words)?);
        let needs = self.settings.needs;
        if limits.eyes < needs.eyes
            || limits.diverters < needs.diverters
            || limits.cameras < needs.cameras
        {
            tracing::warn!(?needs, ?limits, "field node has too few inputs or outputs");
            return Err(End::Fault(NodeFault::Unsafe));
        }
        let status = read_status(&mut bus, &mut self.statistics).await?;
        let (feed, gap) = Feed::resume(self.cursor, status.rings);
        let fresh = self.cursor.is_none();
        self.cursor = Some(feed.cursor());
        Ok(Link {
            bus,
            phase: Phase::Unarmed,
            limits,
            epoch: status.health.epoch,
            writes: status.health.writes,
            beat: 0,
            held_polls: 0,
            feed,
            gap,
            fresh,
            uptime_ms: status.health.uptime_ms,
            mismatch_polls: 0,
            quiet_polls: 0,
            last_ticks: None,
        })
    }

    async fn talk(&mut self, link: &mut Link) -> End {
        let mut ticks = interval(Duration::from_millis(self.settings.poll_ms.into()));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                biased;
                _ = ticks.tick() => self.poll(link).await,
                command = self.commands.recv() => match command {
                    Some(command) => self.command(link, &command).await,
                    None => Err(End::Closed),
                },
            };
            self.published.send_replace(self.statistics);
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// One round: sign of life, state, events, and whatever brings the node nearer to use.
    async fn poll(&mut self, link: &mut Link) -> Result<(), End> {
        if link.phase != Phase::Unarmed {
            self.beat(link).await?;
        }
        let status = read_status(&mut link.bus, &mut self.statistics).await?;
        self.check(link, &status).await?;
        let mut announce = settle(link, &status)?;
        if link.feed.skip_lost(status.rings) {
            link.gap = true;
            self.cursor = Some(link.feed.cursor());
            announce |= link.phase == Phase::Up;
        }
        if link.gap && !announce {
            self.tell_stop(&status).await?;
        } else {
            self.drain(link, &status, announce).await?;
        }
        self.tell_belt(link, status.clock.ticks).await?;
        if link.phase == Phase::Unarmed {
            self.arm(link, &status).await?;
        }
        Ok(())
    }

    /// Whatever shows that the node is not, or no longer, in this controller's hands.
    async fn check(&mut self, link: &mut Link, status: &Status) -> Result<(), End> {
        let health = &status.health;
        if health.uptime_ms.wrapping_sub(link.uptime_ms).cast_signed() < 0 {
            return Err(End::Fault(NodeFault::Restarted));
        }
        link.uptime_ms = health.uptime_ms;
        let foreign = status.lease.owner != 0 && status.lease.owner != self.settings.owner;
        if health.writes != link.writes || (foreign && link.phase != Phase::Unarmed) {
            return Err(End::Fault(NodeFault::SecondMaster));
        }
        let mismatch = health.flags.has(Flags::MISMATCH);
        link.mismatch_polls = if mismatch {
            link.mismatch_polls.saturating_add(1)
        } else {
            0
        };
        if link.mismatch_polls > MISMATCH_POLLS_MAX {
            return Err(End::Fault(NodeFault::Unsafe));
        }
        let armed = health.flags.has(Flags::ARMED) && health.epoch == link.epoch;
        if link.phase != Phase::Unarmed && !armed {
            link.phase = Phase::Unarmed;
            if !health.flags.has(Flags::STOP_LATCHED) {
                // The watchdog tripped: the link was too slow.
                self.deliver(Event::NodeDown {
                    fault: NodeFault::Unreachable,
                })
                .await?;
            }
        }
        Ok(())
    }

    /// Delivers what is in the ring. After lost events the core is told first; else what happened
    /// before the node was up comes before it.
    async fn drain(&mut self, link: &mut Link, status: &Status, announce: bool) -> Result<(), End> {
        let levels = announce && (link.gap || link.fresh);
        let mut pending = announce;
        while let Some((address, count)) = link.feed.next_read(status.rings) {
            let words = link.bus.read(address, count, &mut self.statistics).await?;
            let Ok(events) = link.feed.decode(&words) else {
                // Overwritten since the poll; the next one finds the gap.
                break;
            };
            for found in events {
                if pending && link.gap {
                    pending = false;
                    self.tell_up(link, found.at).await?;
                }
                link.feed.advance();
                self.cursor = Some(link.feed.cursor());
                self.statistics.events += 1;
                if let Some(event) = translate::event(&found) {
                    self.note(&event);
                    self.deliver(event).await?;
                }
            }
        }
        self.tell_stop(status).await?;
        if pending {
            self.tell_up(link, status.clock.ticks).await?;
        }
        if levels {
            self.tell_levels(status).await?;
        }
        Ok(())
    }

    async fn tell_up(&mut self, link: &mut Link, at: u32) -> Result<(), End> {
        let gap = std::mem::take(&mut link.gap);
        link.fresh = false;
        self.was_up = true;
        tracing::info!(epoch = link.epoch, gap, "field node up");
        let (epoch, at) = (Epoch(link.epoch), Ticks(at));
        self.deliver(Event::NodeUp { epoch, at, gap }).await
    }

    async fn tell_stop(&mut self, status: &Status) -> Result<(), End> {
        let active = status.health.flags.has(Flags::STOP_OPEN);
        if active != self.stop_told {
            self.stop_told = active;
            self.deliver(Event::Stop { active }).await?;
        }
        Ok(())
    }

    async fn tell_levels(&mut self, status: &Status) -> Result<(), End> {
        for eye in self.settings.level_eyes.clone() {
            let bit = 1_u64.checked_shl(eye.into()).unwrap_or(0);
            let blocked = status.levels.eyes & bit != 0;
            if blocked != (self.blocked_told & bit != 0) {
                let edge = if blocked { Edge::Blocked } else { Edge::Clear };
                let at = Ticks(status.clock.ticks);
                let event = Event::Eye {
                    eye: EyeId(eye),
                    edge,
                    at,
                };
                self.note(&event);
                self.deliver(event).await?;
            }
        }
        Ok(())
    }

    async fn tell_belt(&mut self, link: &mut Link, ticks: u32) -> Result<(), End> {
        link.quiet_polls = link.quiet_polls.saturating_add(1);
        if link.last_ticks != Some(ticks) || link.quiet_polls >= QUIET_POLLS_MAX {
            link.last_ticks = Some(ticks);
            link.quiet_polls = 0;
            self.deliver(Event::Belt { at: Ticks(ticks) }).await?;
        }
        Ok(())
    }

    /// Remembers levels told by edges.
    fn note(&mut self, event: &Event) {
        if let Event::Stop { active } = event {
            self.stop_told = *active;
        } else if let Event::Eye { eye, edge, .. } = event {
            let bit = 1_u64.checked_shl(eye.0.into()).unwrap_or(0);
            match edge {
                Edge::Blocked => self.blocked_told |= bit,
                Edge::Clear => self.blocked_told &= !bit,
            }
        }
    }

    /// Writes a command and reads its answer. Without a clean reply it is not known whether the
    /// node has it: it is never written again, and looked up after the next connection.
    async fn command(&mut self, link: &mut Link, command: &Command) -> Result<(), End> {
        if link.phase != Phase::Up {
            return self.refuse(command).await;
        }
        self.statistics.commands += 1;
        match self.exchange(link, command).await {
            Ok(Some(result)) => match translate::answer(command, result) {
                Some(event) => self.deliver(event).await,
                None => Ok(()),
            },
            Ok(None) => self.deliver_refusal(command, Refusal::Checksum).await,
            Err(error) => {
                self.doubtful = Some(*command);
                let seq = translate::seq(command);
                let result = StrokeResult::Unknown;
                self.deliver(Event::Stroke { seq, result }).await?;
                Err(error.into())
            }
        }
    }

    /// The node's answer; `None` when the command arrived damaged every time.
    async fn exchange(
        &mut self,
        link: &mut Link,
        command: &Command,
    ) -> Result<Option<AckCode>, BusError> {
        let (address, words) = translate::command_words(command);
        for _ in 0..COMMAND_WRITES_MAX {
            link.bus
                .write(address, &words, &mut self.statistics)
                .await?;
            link.writes = link.writes.wrapping_add(1);
            if let Some(result) = self.look_up(link, command).await? {
                return Ok(Some(result));
            }
        }
        Ok(None)
    }

    /// What the node remembers of a command.
    pub(crate) async fn look_up(
        &mut self,
        link: &mut Link,
        command: &Command,
    ) -> Result<Option<AckCode>, BusError> {
        let seq = translate::seq(command).0;
        let words = link
            .bus
            .read(map::ack_address(seq), 4, &mut self.statistics)
            .await?;
        let words = words
            .as_array()
            .ok_or(BusError::Nonsense("answer of another length"))?;
        Ok(Ack::decode(*words)
            .filter(|ack| ack.seq == seq)
            .map(|ack| ack.result))
    }
}

/// True when the node has just become usable.
fn settle(link: &mut Link, status: &Status) -> Result<bool, End> {
    let Phase::Settling(polls) = link.phase else {
        return Ok(false);
    };
    if status.levels.desired | status.levels.actual == 0 {
        link.phase = Phase::Up;
        return Ok(true);
    }
    let Some(polls) = polls.checked_sub(1) else {
        return Err(End::Fault(NodeFault::Unsafe));
    };
    link.phase = Phase::Settling(polls);
    Ok(false)
}

pub(crate) async fn read_status(bus: &mut Bus, statistics: &mut Statistics) -> Result<Status, End> {
    let words = bus
        .read(map::STATUS.start, map::STATUS.words, statistics)
        .await?;
    Status::decode(&exact(&words)?).ok_or(End::Fault(NodeFault::Protocol))
}

fn exact<const N: usize>(words: &[u16]) -> Result<[u16; N], End> {
    words
        .as_array()
        .copied()
        .ok_or(End::Fault(NodeFault::Protocol))
}
