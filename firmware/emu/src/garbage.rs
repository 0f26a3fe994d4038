//! Garbage on both transports: the board neither resets nor moves an output nor gives a wrong
//! answer, while its controller keeps it armed and a stroke waits.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use sortline_regmap as map;
use sortline_regmap::{AckCode, Command, CommandKind, Refusal};

use crate::clock;
use crate::image::Image;
use crate::machine::{Machine, Pace};
use crate::master::{Line, Master, PAUSE, UNIT, fault, is_late, rtu_frame, tcp_frame};
use crate::nonsense::{Nonsense, fit_to_line, writes_control};

/// Requests sent before their answers are read: on the serial line few, because a slow host tears
/// a long burst apart.
const BATCH_RTU: u64 = 4;
const BATCH_TCP: u64 = 16;
/// Longest wait for an answer on a line that was damaged.
const PATIENCE: Duration = Duration::from_millis(300);
/// Signs of life of the controller, in milliseconds of the board's clock.
const BEAT_MS: u32 = 25;
/// A pause that ends every frame on the serial line, in milliseconds of the board's clock.
const PAUSE_MS: u32 = 7;
const WATCHDOG_MS: u16 = 90;
/// Counts that the stroke which waits is out.
const HOLD: u16 = 10;
/// A host that stalls lets the watchdog trip, as it must; more than once in so many frames is no
/// accident, and some at the beginning are none too many.
const FRAMES_PER_TRIP: u64 = 100;
const TRIPS_MIN: u64 = 20;
/// Boards side by side, and frames that are worth one of their own.
const BOARDS_MAX: u64 = 8;
const FRAMES_PER_BOARD: u64 = 2_000;
/// Frames after which the board's work is looked at.
const PART_RTU: u64 = 1_000;
const PART_TCP: u64 = 20_000;
/// Of so many frames one may be torn apart by a slow host.
const LOST_ONE_IN: u64 = 10;

/// Which transport the garbage comes by; the controller keeps the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Rtu,
    Tcp,
}

/// What was sent, and what became of it.
#[derive(Debug, Default)]
struct Tally {
    sent: u64,
    answered: u64,
    closed: u64,
    trips: u32,
    /// Frames on the serial line that a slow host tore apart.
    lost: u64,
    /// Parts that were sent again.
    again: u32,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.closed += other.closed;
        self.trips += other.trips;
        self.lost += other.lost;
        self.again += other.again;
    }
}

/// Sends `frames` of garbage and holds the board to its promises; over the serial line, which is
/// slow, to several boards side by side when there are many.
pub(crate) fn run(image: &Image, transport: Transport, frames: u64, seed: u64) -> Result<String> {
    let boards = match transport {
        Transport::Rtu => (frames / FRAMES_PER_BOARD).clamp(1, BOARDS_MAX),
        Transport::Tcp => 1,
    };
    let begun = clock::now();
    let mut all = Tally::default();
    std::thread::scope(|scope| {
        let each = frames.div_ceil(boards);
        let boards: Vec<_> = (0..boards)
            .map(|board| scope.spawn(move || run_board(image, transport, each, seed ^ board << 32)))
            .collect();
        for board in boards {
            all.add(&board.join().ok().context("a board's thread panicked")??);
        }
        anyhow::Ok(())
    })?;
    ensure!(
        all.lost * LOST_ONE_IN <= all.sent,
        "{} of {} frames were lost",
        all.lost,
        all.sent
    );
    Ok(format!(
        "{} garbage frames over {}: {} answered, every answer right, {} discarded, {} connections \
         closed; no reset, no output moved, every stroke that waited fired at its count; {} watchdog \
         trips, {} torn frames and {} repeated parts of a slow host; {:.0} frames/s",
        all.sent,
        match transport {
            Transport::Rtu => "Modbus RTU",
            Transport::Tcp => "Modbus TCP",
        },
        all.answered,
        all.sent - all.answered,
        all.closed,
        all.trips,
        all.lost,
        all.again,
        f64::from(u32::try_from(all.sent)?) / begun.elapsed().as_secs_f64()
    ))
}

/// A board's share, in parts. A host that stalls for longer than the hardware watchdog allows has
/// a board that sleeps start anew, and so would a hang: that part is sent again to a board that
/// never sleeps, where a restart is no accident.
fn run_board(image: &Image, transport: Transport, frames: u64, seed: u64) -> Result<Tally> {
    // The serial line, of which QEMU takes a byte at a time, wants a board in the host's time, or
    // pauses would come into its frames.
    let (pace, most) = match transport {
        Transport::Rtu => (Pace::Live, PART_RTU),
        Transport::Tcp => (Pace::Counted, PART_TCP),
    };
    let mut run = Run::new(image, transport, pace)?;
    let mut all = Tally::default();
    for part in 0..frames.div_ceil(most) {
        let seed = seed ^ part << 40;
        let frames = most.min(frames - part * most);
        let went = run.part(frames, seed);
        if went.is_err() && pace == Pace::Live && run.was_starved() {
            all.again += 1;
            run = Run::new(image, transport, Pace::Counted)?;
            run.part(frames, seed).context("sent again")?;
            all.add(&run.tally);
            run = Run::new(image, transport, pace)?;
        } else {
            went?;
            all.add(&run.tally);
        }
    }
    Ok(all)
}

struct Run {
    machine: Machine,
    transport: Transport,
    /// The controller, on the other transport.
    controller: Master,
    /// Where the garbage goes.
    victim: Master,
    nonsense: Nonsense,
    boot: Vec<u16>,
    /// A request among the garbage was a sound one to the register that arms and disarms.
    ordered: bool,
    seq: u16,
    /// When the last sign of life was given, by the board's clock.
    beaten: u32,
    tally: Tally,
}

impl Run {
    fn new(image: &Image, transport: Transport, pace: Pace) -> Result<Self> {
        let mut machine = Machine::start(image, pace)?;
        machine.pins.stop_circuit(true)?;
        let (mut controller, victim) = match transport {
            Transport::Rtu => (machine.tcp()?, machine.rtu()?),
            Transport::Tcp => (machine.rtu()?, machine.tcp()?),
        };
        let boot = controller.read(map::IDENT.start, 16)?;
        Ok(Self {
            machine,
            transport,
            controller,
            victim,
            nonsense: Nonsense::new(transport, 0),
            boot,
            ordered: false,
            seq: 0,
            beaten: 0,
            tally: Tally::default(),
        })
    }

    /// Sends one part, and sees that the board works still.
    fn part(&mut self, frames: u64, seed: u64) -> Result<()> {
        self.nonsense = Nonsense::new(self.transport, seed);
        self.tally = Tally::default();
        self.take()?;
        self.all(frames).with_context(|| {
            let console = self.machine.console().unwrap_or_default();
            format!(
                "after {} frames of seed {seed}; the console says {console:?}",
                self.tally.sent
            )
        })
    }

    /// True when the hardware watchdog had the board start anew.
    fn was_starved(&self) -> bool {
        let console = self.machine.console().unwrap_or_default();
        console.lines().count() > 1
            && console
                .lines()
                .skip(1)
                .all(|line| line.ends_with("watchdog"))
    }

    /// Arms the board and leaves a stroke waiting; again when the host was too slow for the
    /// watchdog.
    fn take(&mut self) -> Result<()> {
        for _ in 0..10 {
            let epoch = self.controller.arm(WATCHDOG_MS)?;
            self.seq += 1;
            let command = Command {
                kind: CommandKind::Stroke,
                seq: self.seq,
                epoch,
                device: 1,
                at: self.machine.pins.count() + 50,
                hold: HOLD,
                hold_ms_max: 1_000,
                number: 0,
            };
            let answer = self.controller.command(&command)?;
            if answer.result == AckCode::Accepted {
                self.beaten = self.machine.now_ms()?;
                self.ordered = false;
                return Ok(());
            }
            let stopped = AckCode::Refused(Refusal::Stopped);
            ensure!(answer.result == stopped, "{answer:?}");
        }
        bail!("the board does not stay armed")
    }

    fn all(&mut self, frames: u64) -> Result<()> {
        while self.tally.sent < frames {
            self.batch()?;
            self.keep_alive()?;
        }
        self.finish()
    }

    fn keep_alive(&mut self) -> Result<()> {
        if self.machine.now_ms()?.wrapping_sub(self.beaten) < BEAT_MS {
            return Ok(());
        }
        self.controller.beat()?;
        self.beaten = self.machine.now_ms()?;
        // A reply of QEMU brings with it what the outputs did before.
        let moved = self.machine.pins.driven()? != 0 || self.machine.pins.take_risen() != 0;
        ensure!(!moved, "garbage moved an output");
        let status = self.controller.status()?;
        if !status.health.flags.has(map::Flags::ARMED) {
            let tripped = status.health.flags.has(map::Flags::TRIPPED);
            ensure!(tripped || self.ordered, "disarmed by garbage");
            self.tally.trips += u32::from(tripped);
            ensure!(
                u64::from(self.tally.trips) <= TRIPS_MIN + self.tally.sent / FRAMES_PER_TRIP,
                "the watchdog trips again and again"
            );
            self.take()?;
        }
        Ok(())
    }

    fn batch(&mut self) -> Result<()> {
        if self.nonsense.below(4) == 0 {
            return match self.transport {
                Transport::Rtu => self.damaged_on_the_line(),
                Transport::Tcp => self.nonsense_in_the_stream(),
            };
        }
        let mut requests = Vec::new();
        let mut bytes = Vec::new();
        let most = match self.transport {
            Transport::Rtu => BATCH_RTU,
            Transport::Tcp => BATCH_TCP,
        };
        for number in 0..=self.nonsense.below(most) {
            let request = self.nonsense.request();
            bytes.extend(match self.transport {
                Transport::Rtu => rtu_frame(UNIT, &request),
                Transport::Tcp => tcp_frame(u16::try_from(number)?, &request),
            });
            self.ordered |= writes_control(&request);
            requests.push(request);
        }
        self.victim.send_bytes(&bytes)?;
        for (number, request) in (0_u16..).zip(&requests) {
            if let Line::Tcp(_, transaction) = &mut self.victim.line {
                *transaction = number;
            }
            let answer = match self.victim.hear() {
                Err(error) if is_late(&error) && self.transport == Transport::Rtu => {
                    // A slow host paused within a frame: the board discards until a silence.
                    self.tally.lost += u64::try_from(requests.len())? - u64::from(number);
                    self.machine.pass(PAUSE_MS)?;
                    self.victim.discard()?;
                    break;
                }
                answer => answer.with_context(|| format!("after {request:02x?}"))?,
            };
            if let Some(fault) = fault(request, &answer) {
                bail!("{fault}: {answer:02x?} to {request:02x?}");
            }
            self.tally.answered += 1;
        }
        self.tally.sent += u64::try_from(requests.len())?;
        Ok(())
    }

    /// A frame with damage or of another unit: nothing comes back, and after a pause the line works.
    fn damaged_on_the_line(&mut self) -> Result<()> {
        let mut request = self.nonsense.request();
        fit_to_line(&mut request);
        let mut frame = rtu_frame(UNIT, &request);
        if self.nonsense.below(4) == 0 {
            frame = rtu_frame(2 + self.nonsense.byte() % 100, &request);
        } else {
            let at = usize::try_from(self.nonsense.below(u64::try_from(frame.len())?))?;
            if let Some(byte) = frame.get_mut(at) {
                *byte ^= 1 << self.nonsense.below(8);
            }
        }
        self.victim.send_bytes(&frame)?;
        self.tally.sent += 1;
        self.machine.pass(PAUSE_MS)?;
        // An answer of any other kind would be one to this frame. On a host that is slow enough
        // the board cannot see the pause; then it hears the next question.
        let answer = self.victim.ask_patiently(&[3, 0, 0, 0, 2], PATIENCE)?;
        ensure!(
            answer.as_deref() == Some(&[3, 4, b'S', b'O', b'R', b'T']),
            "{answer:02x?} after {frame:02x?}"
        );
        Ok(())
    }

    /// Bytes that are no Modbus TCP: the connection ends without an answer, and only that one.
    fn nonsense_in_the_stream(&mut self) -> Result<()> {
        let mut bytes = tcp_frame(1, &[3, 0, 0, 0, 2]);
        match self.nonsense.below(3) {
            0 => {
                // Protocol id.
                let byte = self.nonsense.byte().max(1);
                if let Some(place) = bytes.get_mut(2) {
                    *place = byte;
                }
            }
            1 => {
                // Length 0, 1 or over 254.
                let lengths = [[0, 0], [0, 1], [0, 255], [0xFF, 0xFF]];
                let pick = usize::try_from(self.nonsense.below(4)).unwrap_or(0);
                let length = lengths.get(pick).copied().unwrap_or_default();
                if let Some(place) = bytes.get_mut(4..6) {
                    place.copy_from_slice(&length);
                }
            }
            _ => {
                bytes = b"GET / HTTP/1.1\r\nHost: node\r\n\r\n".to_vec();
            }
        }
        self.victim.send_bytes(&bytes)?;
        self.tally.sent += 1;
        let heard = self.victim.hear();
        ensure!(heard.is_err(), "{heard:02x?} to {bytes:02x?}");
        self.tally.closed += 1;
        self.victim = connect(self.machine.modbus)?;
        Ok(())
    }

    /// The board is the same, and works.
    fn finish(&mut self) -> Result<()> {
        self.controller.beat()?;
        ensure!(
            self.controller.read(map::IDENT.start, 16)? == self.boot,
            "the board has started anew"
        );
        let answer = self.victim.ask(&[3, 0, 0, 0, 2])?;
        ensure!(answer == [3, 4, b'S', b'O', b'R', b'T'], "{answer:02x?}");
        for _ in 0..5 {
            // The host may lose a race against the watchdog; not five times.
            if self.fire()? {
                return Ok(());
            }
            self.tally.trips += 1;
            self.take()?;
        }
        bail!("the stroke that waited does not fire");
    }

    fn fire(&mut self) -> Result<bool> {
        if self.controller.result(self.seq)?.result != AckCode::Accepted {
            return Ok(false);
        }
        let fire_at = self.machine.pins.count() + 50;
        self.controller.beat()?;
        for count in 0..50 {
            ensure!(self.machine.pins.diverters() == 0, "an output moved early");
            if count % 5 == 0 {
                self.controller.beat()?;
            }
            self.machine.pins.forward()?;
        }
        ensure!(self.machine.pins.count() == fire_at, "the belt lost count");
        let fired = self.machine.pins.diverters() == 1 << 1;
        for _ in 0..HOLD {
            self.machine.pins.forward()?;
        }
        ensure!(
            self.machine.pins.diverters() == 0,
            "the stroke does not end"
        );
        self.machine.pins.take_risen();
        Ok(fired)
    }
}

fn connect(address: SocketAddr) -> Result<Master> {
    // The board may still be closing the last connection.
    for _ in 0..50 {
        if let Ok(mut master) = Master::tcp(address)
            && master.ask(&[3, 0, 0, 0, 2]).is_ok()
        {
            return Ok(master);
        }
        std::thread::sleep(PAUSE);
    }
    bail!("the board takes no connection")
}
