//! One conversation with a node after the other, over one connection each.

use std::time::Duration;

use sortline_core::{Command, Edge, Epoch, Event, EyeId, NodeFault, Refusal, StrokeResult, Ticks};
use sortline_regmap::{Flags, Limits, Status};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::port::Port;
use crate::translate::{self, Feed};
use crate::{Delivery, Place, Settings, Statistics, Watch};

/// Why a conversation ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The controller has gone.
    Closed,
    /// The node cannot be used.
    Fault(NodeFault),
}

impl From<NodeFault> for End {
    fn from(fault: NodeFault) -> Self {
        Self::Fault(fault)
    }
}

/// Belt counts are told at least this often, in polls of 10 ms.
const QUIET_POLLS_MAX: u8 = 10;
/// Outputs may differ from what the node wants for this many polls before it counts as a fault:
/// the output stage needs time to follow.
const MISMATCH_POLLS_MAX: u8 = 5;

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

/// The node's own time may stand still for so long before its answers count as somebody's memory
/// of it: gateways that keep old answers exist. Also the bound for noticing a half-open link.
const FROZEN_MS_MAX: u16 = 150;

/// What is known of the node during one connection.
pub(crate) struct Link {
    pub(crate) port: Port,
    pub(crate) phase: Phase,
    pub(crate) limits: Limits,
    pub(crate) epoch: u16,
    /// The node's write counter before this connection wrote anything.
    writes: u16,
    pub(crate) beat: u16,
    /// Polls for which another controller was seen to hold the node.
    pub(crate) held_polls: u32,
    feed: Feed,
    /// Events were lost and the core has not been told yet.
    gap: bool,
    fresh: bool,
    uptime_ms: u32,
    /// When the node's time was last seen to go on.
    moved: Instant,
    mismatch_polls: u8,
    quiet_polls: u8,
    last_ticks: Option<u32>,
}

/// What outlives a connection.
#[derive(Debug)]
pub(crate) struct Session {
    place: Place,
    pub(crate) settings: Settings,
    pub(crate) statistics: Statistics,
    /// A command written without a clean reply.
    pub(crate) doubtful: Option<Command>,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Delivery>,
    watch: Watch,
    cursor: Option<u32>,
    boot: Option<u16>,
    stop_told: bool,
    blocked_told: u64,
    /// Photo-eyes of which it is not known what was told: all, in a life that goes on with a journal.
    unsure: u64,
    was_up: bool,
}

impl Session {
    pub(crate) fn new(
        place: Place,
        settings: Settings,
        (commands, events): (mpsc::Receiver<Command>, mpsc::Sender<Delivery>),
        watch: Watch,
    ) -> Self {
        let cursor = settings.cursor;
        Self {
            place,
            settings,
            statistics: Statistics::default(),
            doubtful: None,
            commands,
            events,
            watch,
            cursor,
            boot: None,
            stop_told: false,
            blocked_told: 0,
            unsure: if cursor.is_some() { u64::MAX } else { 0 },
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
        self.watch.statistics.send_replace(self.statistics);
        end
    }

    async fn connect(&mut self) -> Result<Link, End> {
        let tap = self.watch.tap.clone();
        let statistics = &mut self.statistics;
        let mut port = Port::open(&self.place, &self.settings, tap, statistics).await?;
        let ident = port.ident(&mut self.statistics).await?;
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
        let limits = port.limits(&mut self.statistics).await?;
        self.admit(&limits)?;
        let status = port.status(&mut self.statistics).await?;
        let (feed, gap) = Feed::resume(self.cursor, status.rings);
        let fresh = self.cursor.is_none();
        self.cursor = Some(feed.cursor());
        Ok(Link {
            port,
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
            moved: Instant::now(),
            mismatch_polls: 0,
            quiet_polls: 0,
            last_ticks: None,
        })
    }

    /// Whether a node of these limits can serve the line.
    fn admit(&self, limits: &Limits) -> Result<(), End> {
        let needs = self.settings.needs;
        if limits.eyes < needs.eyes
            || limits.diverters < needs.diverters
            || limits.cameras < needs.cameras
            || limits.heartbeat_ms == 0
            || limits.hold_ms_max == 0
        {
            tracing::warn!(?needs, ?limits, "field node has too few inputs or outputs");
            return Err(End::Fault(NodeFault::Unsafe));
        }
        Ok(())
    }

    async fn talk(&mut self, link: &mut Link) -> End {
        let mut ticks = interval(Duration::from_millis(self.settings.poll_ms.into()));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                biased;
                _ = ticks.tick() => {
                    let begun = Instant::now();
                    let step = self.poll(link).await;
                    self.statistics.polled(begun.elapsed(), ticks.period());
                    step
                }
                command = self.commands.recv() => match command {
                    Some(command) => self.command(link, &command).await,
                    None => Err(End::Closed),
                },
            };
            self.watch.statistics.send_replace(self.statistics);
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
        let status = link.port.status(&mut self.statistics).await?;
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
        // The count of a node that was switched off and on is another one: not before the core
        // knows that events were lost.
        if !link.gap {
            self.tell_belt(link, status.clock.ticks).await?;
        }
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
        if health.uptime_ms != link.uptime_ms {
            (link.uptime_ms, link.moved) = (health.uptime_ms, Instant::now());
        } else if link.moved.elapsed() > Duration::from_millis(FROZEN_MS_MAX.into()) {
            return Err(End::Fault(NodeFault::Protocol));
        }
        let foreign = status.lease.owner != 0 && status.lease.owner != self.settings.owner;
        let writes = link.writes.wrapping_add(link.port.writes());
        if health.writes != writes || (foreign && link.phase != Phase::Unarmed) {
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
        let rings = status.rings;
        while let Some(events) = link
            .port
            .events(&link.feed, rings, &mut self.statistics)
            .await?
        {
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
            self.tell_levels(link.limits.eyes, status).await?;
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

    /// Tells the levels that the core takes for others. That a photo-eye is clear ends what was a jam;
    /// that one is blocked would be a parcel, except where the level counts.
    async fn tell_levels(&mut self, eyes: u16, status: &Status) -> Result<(), End> {
        for eye in 0..eyes {
            let bit = 1_u64.checked_shl(eye.into()).unwrap_or(0);
            let blocked = status.levels.eyes & bit != 0;
            let known = self.unsure & bit == 0 && blocked == (self.blocked_told & bit != 0);
            let mut counts = self.settings.level_eyes.iter();
            if !known && (!blocked || counts.any(|level| u16::from(*level) == eye)) {
                let edge = if blocked { Edge::Blocked } else { Edge::Clear };
                let at = Ticks(status.clock.ticks);
                let eye = EyeId(eye);
                let event = Event::Eye { eye, edge, at };
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
            self.unsure &= !bit;
            match edge {
                Edge::Blocked => self.blocked_told |= bit,
                Edge::Clear => self.blocked_told &= !bit,
            }
        }
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
