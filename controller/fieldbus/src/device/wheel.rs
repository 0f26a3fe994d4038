//! Telegrams of the `ShuDiNiao` wheel diverter, and a session with one. Commands are acknowledged
//! first and completed later: two different facts.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::driver::{BACK_OFF_MAX, BACK_OFF_MIN, BusView, DeviceFault, DeviceView, Wanted};
use crate::Statistics;
use crate::address::{Dialer, Stream};
use crate::tap::{Direction, Tap};

/// First bytes of every telegram, and the byte that ends it.
const HEAD: [u8; 2] = [0x51, 0x52];
const SHORT: u8 = 0x57;
const LONG: u8 = 0x5C;
const END: u8 = 0xFE;
const SHORT_LENGTH: usize = 7;
const LONG_LENGTH: usize = 12;

/// Where the wheels point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// To the left.
    Left,
    /// Straight on.
    Center,
    /// To the right.
    Right,
}

/// What a diverter says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Switched on, wheels stand.
    Standby,
    /// In use.
    Running,
    /// Its stop circuit is open.
    EmergencyStop,
    /// It has a fault.
    Fault,
}

/// A telegram from a diverter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telegram {
    /// Its state.
    State(Condition),
    /// It has taken a command to turn.
    Taken(Side),
    /// It has turned.
    Turned(Side),
    /// It is of a kind that says nothing about turning.
    Other,
}

/// The telegram that turns the wheels of a device.
pub const fn turn(device: u8, side: Side) -> [u8; SHORT_LENGTH] {
    let code = match side {
        Side::Left => 0x53,
        Side::Center => 0x54,
        Side::Right => 0x55,
    };
    let [a, b] = HEAD;
    [a, b, SHORT, device, 0x52, code, END]
}

/// Takes telegrams out of a stream of bytes, in whatever pieces they come.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: VecDeque<u8>,
    /// Bytes that belong to no telegram.
    pub skipped: u64,
}

impl Decoder {
    /// Takes bytes in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next telegram of a device that is whole. Telegrams of others are skipped.
    pub fn next(&mut self, device: u8) -> Option<Telegram> {
        loop {
            let length = match (self.bytes.front()?, self.bytes.get(1), self.bytes.get(2)) {
                (&first, _, _) if first != HEAD[0] => 0,
                (_, Some(&second), _) if second != HEAD[1] => 0,
                (_, _, Some(&SHORT)) => SHORT_LENGTH,
                (_, _, Some(&LONG)) => LONG_LENGTH,
                (_, _, Some(_)) => 0,
                (_, _, None) => return None,
            };
            if length > self.bytes.len() {
                return None;
            }
            if length == 0 || self.bytes.get(length - 1) != Some(&END) {
                self.bytes.pop_front();
                self.skipped += 1;
                continue;
            }
            let telegram: Vec<u8> = self.bytes.drain(..length).collect();
            if let &[_, _, _, from, kind, code, ..] = telegram.as_slice()
                && from == device
            {
                return Some(meaning(kind, code));
            }
        }
    }
}

const fn meaning(kind: u8, code: u8) -> Telegram {
    match (kind, code) {
        (0x51, 0x50) => Telegram::State(Condition::Standby),
        (0x51, 0x51) => Telegram::State(Condition::Running),
        (0x51, 0x52) => Telegram::State(Condition::EmergencyStop),
        (0x51, 0x53) => Telegram::State(Condition::Fault),
        (0x53, 0x53) => Telegram::Taken(Side::Left),
        (0x53, 0x54) => Telegram::Taken(Side::Center),
        (0x53, 0x55) => Telegram::Taken(Side::Right),
        (0x53, 0x56) => Telegram::Turned(Side::Left),
        (0x53, 0x57) => Telegram::Turned(Side::Center),
        (0x53, 0x58) => Telegram::Turned(Side::Right),
        _ => Telegram::Other,
    }
}

/// A wheel diverter as it is used.
#[derive(Debug)]
pub struct Wheel {
    /// How it is reached.
    pub dialer: Dialer,
    /// Its number, 0x51 and up.
    pub device: u8,
    /// Deadline of an acknowledgement, milliseconds.
    pub call_ms: u16,
    /// Deadline of a movement, milliseconds.
    pub turn_ms: u16,
    /// Telegrams are shown here.
    pub tap: Tap,
}

/// Places of the outputs `left` and `right` among those that are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// Place of `left`, if it is used.
    pub left: Option<usize>,
    /// Place of `right`, if it is used.
    pub right: Option<usize>,
}

impl Sides {
    /// Where the wheels are wanted. Both sides at once is no side.
    fn wanted(self, values: &[u16]) -> Side {
        let on = |place: Option<usize>| place.and_then(|p| values.get(p)).is_some_and(|v| *v != 0);
        match (on(self.left), on(self.right)) {
            (true, false) => Side::Left,
            (false, true) => Side::Right,
            (false, false) | (true, true) => Side::Center,
        }
    }

    fn outputs(self, side: Side) -> Vec<Option<i64>> {
        let mut values =
            vec![None; usize::from(self.left.is_some()) + usize::from(self.right.is_some())];
        for (place, own) in [(self.left, Side::Left), (self.right, Side::Right)] {
            if let Some(value) = place.and_then(|place| values.get_mut(place)) {
                *value = Some(i64::from(side == own));
            }
        }
        values
    }
}

/// What a session knows.
struct Talk {
    stream: Box<dyn Stream>,
    decoder: Decoder,
    /// The last command, when it was sent, and whether it was taken.
    told: Option<(Side, Instant, bool)>,
    side: Option<Side>,
    running: bool,
}

impl Wheel {
    /// Keeps the diverter until nobody wants anything of it any more.
    pub async fn run(
        self,
        sides: Sides,
        mut wanted: watch::Receiver<Wanted>,
        views: watch::Sender<BusView>,
    ) {
        let mut statistics = Statistics::default();
        let mut pause = BACK_OFF_MIN;
        loop {
            let connected = timeout(BACK_OFF_MAX, self.dialer.open()).await;
            let mut fault = DeviceFault::Unreachable;
            if let Ok(Ok(stream)) = connected {
                statistics.connections += 1;
                let talk = Talk {
                    stream,
                    decoder: Decoder::default(),
                    told: None,
                    side: None,
                    running: false,
                };
                let ends = (sides, &mut wanted, &views);
                match self.talk(talk, ends, &mut statistics).await {
                    None => return,
                    Some(found) => fault = found,
                }
            }
            let device = view(
                Some(fault),
                sides.outputs(Side::Center).iter().map(|_| None).collect(),
            );
            let was_up = views
                .borrow()
                .devices
                .iter()
                .any(|device| device.fault.is_none());
            views.send_replace(BusView {
                statistics,
                devices: vec![device],
            });
            pause = if was_up {
                BACK_OFF_MIN
            } else {
                pause.saturating_mul(2).min(BACK_OFF_MAX)
            };
            let until = Instant::now() + pause;
            tokio::select! {
                () = sleep_until(until) => {}
                gone = async { while wanted.changed().await.is_ok() {} } => return gone,
            }
        }
    }

    /// Talks until the connection or the diverter fails (`Some`), or nobody wants it (`None`).
    async fn talk(
        &self,
        mut talk: Talk,
        (sides, wanted, views): (Sides, &mut watch::Receiver<Wanted>, &watch::Sender<BusView>),
        statistics: &mut Statistics,
    ) -> Option<DeviceFault> {
        let mut buffer = [0; 256];
        loop {
            let side = sides.wanted(
                wanted
                    .borrow_and_update()
                    .first()
                    .map_or(&[], Vec::as_slice),
            );
            if talk.told.is_none_or(|(told, _, _)| told != side) {
                let telegram = turn(self.device, side);
                statistics.calls += 1;
                self.tap.show(Direction::Sent, &telegram);
                if talk.stream.write_all(&telegram).await.is_err() {
                    return Some(DeviceFault::Unreachable);
                }
                talk.told = Some((side, Instant::now(), false));
            }
            views.send_replace(BusView {
                statistics: *statistics,
                devices: vec![talk.view(sides)],
            });
            let overdue = self.overdue(&talk);
            tokio::select! {
                read = talk.stream.read(&mut buffer) => match read {
                    Ok(count @ 1..) => {
                        let bytes = buffer.get(..count).unwrap_or_default();
                        self.tap.show(Direction::Received, bytes);
                        talk.decoder.push(bytes);
                        talk.take(self.device, statistics);
                    }
                    Ok(_) | Err(_) => return Some(DeviceFault::Unreachable),
                },
                changed = wanted.changed() => if changed.is_err() {
                    drop(talk.stream.write_all(&turn(self.device, Side::Center)).await);
                    return None;
                },
                () = sleep_until(overdue) => {
                    statistics.errors += 1;
                    return Some(DeviceFault::Protocol);
                }
            }
        }
    }

    /// When an answer is overdue; far away when none is waited for.
    fn overdue(&self, talk: &Talk) -> Instant {
        let far = Duration::from_hours(1);
        let deadline = |ms: u16| Duration::from_millis(ms.into());
        match talk.told {
            Some((_, at, false)) => at + deadline(self.call_ms),
            Some((side, at, true)) if talk.side != Some(side) => at + deadline(self.turn_ms),
            Some(_) | None => Instant::now() + far,
        }
    }
}

impl Talk {
    /// Takes in every telegram that is whole.
    fn take(&mut self, device: u8, statistics: &mut Statistics) {
        while let Some(telegram) = self.decoder.next(device) {
            match telegram {
                Telegram::State(condition) => self.running = condition == Condition::Running,
                Telegram::Taken(side) => {
                    if let Some((told, at, taken)) = &mut self.told
                        && *told == side
                    {
                        *taken = true;
                        statistics.took(at.elapsed());
                    }
                }
                Telegram::Turned(side) => self.side = Some(side),
                Telegram::Other => {}
            }
        }
    }

    fn view(&self, sides: Sides) -> DeviceView {
        let fault = match (self.running, self.side) {
            (false, _) => Some(DeviceFault::Stopped),
            (true, None) => Some(DeviceFault::Starting),
            (true, Some(_)) => None,
        };
        let outputs = match self.side {
            Some(side) if fault.is_none() => sides.outputs(side),
            Some(_) | None => sides.outputs(Side::Center).iter().map(|_| None).collect(),
        };
        view(fault, outputs)
    }
}

fn view(fault: Option<DeviceFault>, outputs: Vec<Option<i64>>) -> DeviceView {
    DeviceView {
        fault,
        inputs: Vec::new(),
        outputs,
        polled: Some(Instant::now()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT_TAKEN: [u8; 7] = [0x51, 0x52, 0x57, 0x51, 0x53, 0x53, 0xFE];
    const LEFT_TURNED: [u8; 7] = [0x51, 0x52, 0x57, 0x51, 0x53, 0x56, 0xFE];
    const RUNNING: [u8; 7] = [0x51, 0x52, 0x57, 0x51, 0x51, 0x51, 0xFE];
    const SPEED: [u8; 12] = [
        0x51, 0x52, 0x5C, 0x51, 0x54, 90, 60, 0x5A, 0x5A, 0x5A, 0x5A, 0xFE,
    ];

    fn all(decoder: &mut Decoder) -> Vec<Telegram> {
        std::iter::from_fn(|| decoder.next(0x51)).collect()
    }

    #[test]
    fn commands_are_written() {
        assert_eq!(
            turn(0x52, Side::Left),
            [0x51, 0x52, 0x57, 0x52, 0x52, 0x53, 0xFE]
        );
        assert_eq!(turn(0x51, Side::Center)[5], 0x54);
        assert_eq!(turn(0x51, Side::Right)[5], 0x55);
    }

    #[test]
    fn telegrams_come_in_any_pieces_and_between_garbage() {
        let noise: &[u8] = &[0x51, 0x00, 0xFE, 0x51, 0x52, 0x33];
        let stream = [noise, &RUNNING, &LEFT_TAKEN, &SPEED, noise, &LEFT_TURNED].concat();
        let expected = [
            Telegram::State(Condition::Running),
            Telegram::Taken(Side::Left),
            Telegram::Other,
            Telegram::Turned(Side::Left),
        ];
        for size in 1..=stream.len() {
            let mut decoder = Decoder::default();
            let mut found = Vec::new();
            for piece in stream.chunks(size) {
                decoder.push(piece);
                found.extend(all(&mut decoder));
            }
            assert_eq!(found, expected, "in pieces of {size}");
            assert_eq!(decoder.skipped, 12);
        }
    }

    #[test]
    fn telegrams_of_other_devices_and_damaged_ones_say_nothing() {
        let mut decoder = Decoder::default();
        let mut other = LEFT_TURNED;
        other[3] = 0x52;
        decoder.push(&other);
        for place in [0, 1, 2, 6] {
            let mut damaged = LEFT_TURNED;
            damaged[place] ^= 0x04;
            decoder.push(&damaged);
        }
        assert_eq!(all(&mut decoder), []);
        decoder.push(&[0; 12]);
        decoder.push(&LEFT_TURNED);
        assert_eq!(all(&mut decoder), [Telegram::Turned(Side::Left)]);
    }
}
