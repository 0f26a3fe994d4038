//! Register contract and core, one into the other, without IO.

use sortline_core as core;
use sortline_core::planted;
use sortline_core::{
    CameraId, DiverterId, Edge, Epoch, Event, EyeId, Seq, StrokeResult, Ticks, TriggerId,
};
use sortline_regmap as map;
use sortline_regmap::{EVENT_WORDS, EventKind, Rings};

/// What to write into the node's mailbox for a command: first address and registers.
#[must_use]
pub fn command_words(command: &core::Command) -> (u16, [u16; map::COMMAND_WORDS]) {
    (map::COMMAND.start, self::command(command).encode())
}

/// A command as the node knows it.
#[must_use]
pub fn command(command: &core::Command) -> map::Command {
    let blank = map::Command {
        kind: map::CommandKind::Withdraw,
        seq: seq(command).0,
        epoch: epoch(command).0,
        device: 0,
        at: 0,
        hold: 0,
        hold_ms_max: 0,
        number: 0,
    };
    match *command {
        core::Command::Stroke {
            diverter,
            fire_at,
            hold,
            hold_ms_max,
            ..
        } => map::Command {
            kind: map::CommandKind::Stroke,
            device: output(diverter),
            at: fire_at.0,
            hold: if planted::is(65) { hold_ms_max } else { hold },
            hold_ms_max,
            ..blank
        },
        core::Command::Trigger {
            camera,
            trigger,
            at,
            ..
        } => map::Command {
            kind: map::CommandKind::Trigger,
            device: camera.0,
            at: at.0,
            number: trigger.0,
            ..blank
        },
        core::Command::Withdraw { stroke, .. } => map::Command {
            number: stroke.0.into(),
            ..blank
        },
        core::Command::Jog {
            diverter,
            at,
            hold_ms_max,
            ..
        } => map::Command {
            kind: map::CommandKind::Jog,
            device: output(diverter),
            at: at.0,
            hold_ms_max,
            ..blank
        },
    }
}

/// The output of a diverter; a number beyond those of a node is refused by it.
fn output(diverter: DiverterId) -> u8 {
    u8::try_from(diverter.0).unwrap_or(u8::MAX)
}

/// The life of the node that a command is for.
const fn epoch(command: &core::Command) -> Epoch {
    match command {
        core::Command::Stroke { epoch, .. }
        | core::Command::Trigger { epoch, .. }
        | core::Command::Withdraw { epoch, .. }
        | core::Command::Jog { epoch, .. } => *epoch,
    }
}

/// The number of a command.
#[must_use]
pub const fn seq(command: &core::Command) -> Seq {
    match command {
        core::Command::Stroke { seq, .. }
        | core::Command::Trigger { seq, .. }
        | core::Command::Withdraw { seq, .. }
        | core::Command::Jog { seq, .. } => *seq,
    }
}

/// What to tell the core about the node's answer to a command. Facts that come through the event
/// ring as well (fired, done, withdrawn) are left to the ring: then they come once and in order.
/// Of triggers and withdrawals only refusals are told.
#[must_use]
pub fn answer(command: &core::Command, result: map::AckCode) -> Option<Event> {
    let seq = seq(command);
    match result {
        map::AckCode::Refused(found) => Some(Event::Stroke {
            seq,
            result: StrokeResult::Refused {
                refusal: refusal(found),
            },
        }),
        map::AckCode::Accepted
        | map::AckCode::Fired
        | map::AckCode::Done
        | map::AckCode::Withdrawn => {
            matches!(command, core::Command::Stroke { .. }).then_some(Event::Stroke {
                seq,
                result: StrokeResult::Accepted,
            })
        }
    }
}

/// The core's name of a refusal.
#[must_use]
pub const fn refusal(refusal: map::Refusal) -> core::Refusal {
    match refusal {
        map::Refusal::Late => core::Refusal::Late,
        map::Refusal::TooFar => core::Refusal::TooFar,
        map::Refusal::Unknown => core::Refusal::Unknown,
        map::Refusal::Overlap => core::Refusal::Overlap,
        map::Refusal::Opposite => core::Refusal::Opposite,
        map::Refusal::TooLong => core::Refusal::TooLong,
        map::Refusal::QueueFull => core::Refusal::QueueFull,
        map::Refusal::Stopped => core::Refusal::Stopped,
        map::Refusal::StaleEpoch => core::Refusal::StaleEpoch,
        map::Refusal::Checksum => core::Refusal::Checksum,
    }
}

/// What the core is told of an event in the node's ring; `None` for those that concern only the
/// session (epochs, jam latches) and for kinds of a newer node.
#[must_use]
pub fn event(event: &map::Event) -> Option<Event> {
    let at = Ticks(event.at);
    let eye = EyeId(event.device.into());
    let stroke = |result| {
        let seq = u16::try_from(event.value).ok()?;
        Some(Event::Stroke {
            seq: Seq(seq),
            result,
        })
    };
    match event.kind()? {
        EventKind::EyeBlocked => Some(Event::Eye {
            eye,
            edge: Edge::Blocked,
            at,
        }),
        EventKind::EyeClear => Some(Event::Eye {
            eye,
            edge: if planted::is(60) {
                Edge::Blocked
            } else {
                Edge::Clear
            },
            at,
        }),
        EventKind::Triggered => Some(Event::Triggered {
            camera: CameraId(event.device),
            trigger: TriggerId(event.value),
            at,
        }),
        EventKind::StopOpen => Some(Event::Stop { active: true }),
        EventKind::StopClosed => Some(Event::Stop { active: false }),
        EventKind::StrokeFired => stroke(StrokeResult::Fired { at }),
        EventKind::StrokeDone => stroke(StrokeResult::Done { at }),
        EventKind::Withdrawn => stroke(StrokeResult::Withdrawn),
        EventKind::Dropped if planted::is(62) => None,
        EventKind::Dropped => {
            let found = map::Refusal::from_code(event.detail)?;
            stroke(StrokeResult::Refused {
                refusal: refusal(found),
            })
        }
        EventKind::JamLatched | EventKind::JamReset | EventKind::NewEpoch => None,
    }
}

/// Where a controller is in the node's event ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    cursor: u32,
}

/// The ring has overtaken the feed, or a slot does not hold the event that it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {expected} is not in the ring any more, found {found}")]
pub struct Overrun {
    /// Number wanted.
    pub expected: u32,
    /// Number in its slot.
    pub found: u32,
}

impl Feed {
    /// Goes on from a persisted cursor, or from now on a fresh journal. The flag is true when
    /// events between the cursor and the first one still in the ring were lost.
    #[must_use]
    pub fn resume(cursor: Option<u32>, rings: Rings) -> (Self, bool) {
        let mut feed = Self {
            cursor: cursor.unwrap_or(rings.next),
        };
        let gap = feed.skip_lost(rings);
        (feed, gap)
    }

    /// Number of the next event to take.
    #[must_use]
    pub const fn cursor(&self) -> u32 {
        self.cursor
    }

    /// Goes on at the oldest event held when the ring has left the cursor behind; true then.
    pub fn skip_lost(&mut self, rings: Rings) -> bool {
        let pending = rings.next.wrapping_sub(self.cursor);
        let lost = pending > u32::from(rings.held);
        if lost && !planted::is(63) {
            self.cursor = rings.next.wrapping_sub(u32::from(rings.held));
        }
        lost
    }

    /// The next read to do: address and number of registers; `None` when all was taken.
    #[must_use]
    pub fn next_read(&self, rings: Rings) -> Option<(u16, u16)> {
        let pending = rings.next.wrapping_sub(self.cursor);
        let (address, events) = map::event_page(self.cursor, pending)?;
        Some((address, events.saturating_mul(8)))
    }

    /// Takes the registers of that read in: every event in order. Call [`Feed::advance`] for each
    /// one when it was delivered.
    ///
    /// # Errors
    /// When the ring was overwritten between the poll and the read; nothing is taken then.
    pub fn decode(&self, words: &[u16]) -> Result<Vec<map::Event>, Overrun> {
        let mut expected = self.cursor;
        let mut events = Vec::new();
        let (slots, _) = words.as_chunks::<EVENT_WORDS>();
        for slot in slots {
            let event = map::Event::decode(slot);
            if event.seq != expected {
                return Err(Overrun {
                    expected,
                    found: event.seq,
                });
            }
            expected = expected.wrapping_add(1);
            events.push(event);
        }
        Ok(events)
    }

    /// One event was delivered.
    pub fn advance(&mut self) {
        self.cursor = self
            .cursor
            .wrapping_add(if planted::is(64) { 2 } else { 1 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_become_mailbox_words() {
        let stroke = core::Command::Stroke {
            seq: Seq(0x102),
            epoch: Epoch(3),
            diverter: DiverterId(12),
            fire_at: Ticks(0x4_0005),
            hold: 300,
            hold_ms_max: 400,
        };
        // Words and checksum as pinned in regmap.
        let (address, words) = command_words(&stroke);
        assert_eq!(address, map::COMMAND.start);
        assert_eq!(words[..10], [0x010C, 0x0102, 3, 4, 5, 300, 400, 0, 0, 0]);
        let trigger = core::Command::Trigger {
            seq: Seq(2),
            epoch: Epoch(3),
            camera: CameraId(1),
            trigger: TriggerId(0x6_0007),
            at: Ticks(1_000),
        };
        assert_eq!(
            command_words(&trigger).1[..10],
            [0x0201, 2, 3, 0, 1_000, 0, 0, 6, 7, 0]
        );
        let withdraw = core::Command::Withdraw {
            seq: Seq(3),
            epoch: Epoch(3),
            stroke: Seq(0x102),
        };
        assert_eq!(
            command_words(&withdraw).1[..10],
            [0x0300, 3, 3, 0, 0, 0, 0, 0, 0x102, 0]
        );
        let jog = core::Command::Jog {
            seq: Seq(4),
            epoch: Epoch(3),
            diverter: DiverterId(12),
            at: Ticks(0x4_0005),
            hold_ms_max: 300,
        };
        assert_eq!(
            command_words(&jog).1[..10],
            [0x040C, 4, 3, 4, 5, 0, 300, 0, 0, 0]
        );
        for command in [stroke, trigger, withdraw, jog] {
            assert!(map::Command::decode(&command_words(&command).1).is_some());
        }
    }

    fn check_event(kind: EventKind, detail: u16, value: u32, expected: Option<&Event>) {
        let code = kind.code();
        let found = map::Event {
            seq: 9,
            code,
            device: 4,
            detail,
            at: 77,
            value,
        };
        assert_eq!(event(&found).as_ref(), expected, "{kind:?}");
    }

    #[test]
    fn inputs_become_core_events() {
        let at = Ticks(77);
        let eye = |edge| {
            Some(Event::Eye {
                eye: EyeId(4),
                edge,
                at,
            })
        };
        check_event(EventKind::EyeBlocked, 0, 0, eye(Edge::Blocked).as_ref());
        check_event(EventKind::EyeClear, 0, 0, eye(Edge::Clear).as_ref());
        check_event(
            EventKind::StopOpen,
            0,
            0,
            Some(&Event::Stop { active: true }),
        );
        check_event(
            EventKind::StopClosed,
            0,
            0,
            Some(&Event::Stop { active: false }),
        );
        let triggered = Event::Triggered {
            camera: CameraId(4),
            trigger: TriggerId(70_000),
            at,
        };
        check_event(EventKind::Triggered, 0, 70_000, Some(&triggered));
    }

    #[test]
    fn results_become_core_events() {
        let at = Ticks(77);
        let stroke = |result| {
            Some(Event::Stroke {
                seq: Seq(5),
                result,
            })
        };
        check_event(
            EventKind::StrokeFired,
            0,
            5,
            stroke(StrokeResult::Fired { at }).as_ref(),
        );
        check_event(
            EventKind::StrokeDone,
            0,
            5,
            stroke(StrokeResult::Done { at }).as_ref(),
        );
        check_event(
            EventKind::Withdrawn,
            0,
            5,
            stroke(StrokeResult::Withdrawn).as_ref(),
        );
        let late = StrokeResult::Refused {
            refusal: core::Refusal::Late,
        };
        check_event(EventKind::Dropped, 1, 5, stroke(late).as_ref());
        check_event(EventKind::Dropped, 99, 5, None);
        check_event(EventKind::StrokeFired, 0, 0x1_0005, None);
        check_event(EventKind::NewEpoch, 1, 5, None);
        assert_eq!(
            event(&map::Event {
                code: 200,
                ..map::Event::default()
            }),
            None
        );
    }

    #[test]
    fn resuming_finds_gaps() {
        let check = |cursor: Option<u32>, next: u32, held: u16, expected: (u32, bool)| {
            let (feed, gap) = Feed::resume(cursor, Rings { next, held });
            assert_eq!((feed.cursor(), gap), expected, "{cursor:?} {next} {held}");
        };
        check(None, 500, 256, (500, false));
        check(Some(500), 500, 256, (500, false));
        check(Some(244), 500, 256, (244, false));
        check(Some(243), 500, 256, (244, true));
        check(Some(501), 500, 256, (244, true)); // the node was restarted
        check(Some(0x1_0005), 0x2_0003, 3, (0x2_0000, true)); // restarted into another epoch
        check(Some(u32::MAX - 3), 10, 256, (u32::MAX - 3, false));
    }

    #[test]
    fn overwritten_slots_are_noticed() {
        let rings = Rings { next: 12, held: 12 };
        let (feed, _) = Feed::resume(Some(10), rings);
        assert_eq!(feed.next_read(rings), Some((map::event_address(10), 16)));
        let slot = |seq| {
            map::Event {
                seq,
                code: 1,
                ..map::Event::default()
            }
            .encode()
        };
        let good = [slot(10), slot(11)].concat();
        assert_eq!(feed.decode(&good).map(|events| events.len()), Ok(2));
        let torn = [slot(10), slot(267)].concat();
        assert_eq!(
            feed.decode(&torn),
            Err(Overrun {
                expected: 11,
                found: 267
            })
        );
    }
}
