//! Heartbeat loss: an output is out, the controller falls silent at a random moment in one of four
//! ways, and the time until every output is off is taken.
//!
//! Virtual time runs by instructions alone and stands while the last heartbeat is sent, so a slow
//! host changes nothing that is measured: at worst the board rightly stops before the loss, and it
//! is tried again. The board's own clock is held against the host's in a run apart.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sortline_regmap::{AckCode, Command, CommandKind, ControlRequest};
use sortline_sim::plant::Rng;

use crate::clock;
use crate::image::Image;
use crate::machine::{GLANCE, Machine, Pace};
use crate::master::Master;

/// Longest time from the last heartbeat that counted until all outputs are off.
const OFF_MS_MAX: u32 = 100;
/// What the controller asks for: the board cuts nothing, it refuses more.
const WATCHDOG_MS: u16 = 90;
/// Boards side by side.
const BOARDS: u32 = 2;
/// An output that has not gone off by then, by the host's clock, is a failure in any case.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between signs of life that do not count, in virtual milliseconds.
const EMPTY_MS: u32 = 15;

/// How the controller falls silent.
#[derive(Clone, Copy, Debug)]
enum Way {
    Silent,
    Frozen,
    Toggling,
    Foreign,
}

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    virtual_ms: Vec<u32>,
    /// Trials that the host spoilt.
    spoilt: u32,
}

impl Outcome {
    pub(crate) fn check(mut self, trials: u32) -> Result<String> {
        self.virtual_ms.sort_unstable();
        let most = *self.virtual_ms.last().context("no trial")?;
        ensure!(
            self.virtual_ms.len() >= usize::try_from(trials)?,
            "{} trials",
            self.virtual_ms.len()
        );
        ensure!(
            most <= OFF_MS_MAX,
            "outputs off {most} ms after the last heartbeat, {OFF_MS_MAX} allowed"
        );
        Ok(format!(
            "{} losses of the heartbeat at random moments: outputs off after {} to {most} ms of \
             virtual time ({OFF_MS_MAX} allowed); in {} more the host let it stop before",
            self.virtual_ms.len(),
            self.virtual_ms.first().copied().unwrap_or_default(),
            self.spoilt
        ))
    }
}

/// Runs the trials on boards side by side.
pub(crate) fn run(image: &Image, trials: u32, seed: u64) -> Result<Outcome> {
    let each = trials.div_ceil(BOARDS);
    std::thread::scope(|scope| {
        let boards: Vec<_> = (0..BOARDS)
            .map(|board| scope.spawn(move || run_board(image, each, seed ^ u64::from(board) << 32)))
            .collect();
        let mut all = Outcome::default();
        for board in boards {
            let one = board.join().ok().context("a trial's thread panicked")??;
            all.virtual_ms.extend(one.virtual_ms);
            all.spoilt += one.spoilt;
        }
        Ok(all)
    })
}

/// The board's clock against the host's over some seconds, in parts per thousand.
pub(crate) fn compare_clocks(image: &Image) -> Result<String> {
    const PERMILLE_MAX: f64 = 10.0;
    let mut machine = Machine::start(image, Pace::Free)?;
    let first = (clock::now(), machine.pins.read(image.millis)?);
    std::thread::sleep(Duration::from_secs(3));
    let board = machine.pins.read(image.millis)?.wrapping_sub(first.1);
    let host = first.0.elapsed().as_secs_f64() * 1_000.0;
    let off = (f64::from(board) - host) / host * 1_000.0;
    ensure!(
        off.abs() <= PERMILLE_MAX,
        "the board counted {board} ms in {host:.1} ms"
    );
    Ok(format!(
        "the board counted {board} ms in {host:.1} ms of the host ({off:+.1} in a thousand)"
    ))
}

fn run_board(image: &Image, trials: u32, seed: u64) -> Result<Outcome> {
    let mut machine = Machine::start(image, Pace::Counted)?;
    machine.pins.stop_circuit(true)?;
    let mut master = machine.rtu()?;
    let mut rng = Rng::new(seed, 1);
    let mut outcome = Outcome::default();
    let mut seq = 0_u16;
    while outcome.virtual_ms.len() < usize::try_from(trials)? {
        seq = seq.wrapping_add(1).max(1);
        let trial =
            trial(image, (&mut machine, &mut master), (&mut rng, seq)).with_context(|| {
                let console = machine.console().unwrap_or_default();
                format!("the console says {console:?}")
            })?;
        if let Some(virtual_ms) = trial {
            outcome.virtual_ms.push(virtual_ms);
        } else {
            // The host was too slow to keep it armed until the loss.
            outcome.spoilt += 1;
            master.control(ControlRequest::Disarm, 0)?;
        }
        ensure!(
            outcome.spoilt < trials * 4 + 50,
            "the host is too slow for these trials"
        );
    }
    let starts = machine.console()?.lines().count();
    ensure!(starts == 1, "the board started {starts} times");
    ensure!(
        machine.pins.read(image.stalls)? == 0,
        "the board's clock jumped"
    );
    Ok(outcome)
}

/// One loss: virtual milliseconds until the outputs are off; `None` when it did not come to it.
fn trial(
    image: &Image,
    (machine, master): (&mut Machine, &mut Master),
    (rng, seq): (&mut Rng, u16),
) -> Result<Option<u32>> {
    let epoch = master.arm(WATCHDOG_MS)?;
    let diverter = u8::try_from(rng.below(6))?;
    let command = Command {
        kind: CommandKind::Stroke,
        seq,
        epoch,
        device: diverter,
        at: machine.pins.count().wrapping_add(2),
        hold: 4_000,
        hold_ms_max: 1_500,
        number: 0,
    };
    if master.command(&command)?.result != AckCode::Accepted {
        return Ok(None);
    }
    machine.pins.forward()?;
    machine.pins.forward()?;
    // Some heartbeats at random distances, then the last one.
    for _ in 0..rng.below(4) {
        master.beat()?;
        machine.pass(u32::try_from(rng.below(60))?)?;
    }
    // Time stands while the last one is sent, so that its moment is known.
    machine.pause()?;
    let out = machine.pins.driven()? == 1 << diverter;
    let sent = machine.now_ms()?;
    master.send_beat()?;
    machine.pins.wait_for_bytes()?;
    machine.resume()?;
    master.hear_beat()?;
    let way = match rng.below(4) {
        0 => Way::Silent,
        1 => Way::Frozen,
        2 => Way::Toggling,
        _ => Way::Foreign,
    };
    if !out {
        return Ok(None);
    }
    fall_silent(machine, master, way)?;
    ensure!(machine.pins.driven()? == 0, "an output is driven still");
    // The board notes when it moves its pins; that they moved was seen from outside. Taken from
    // before the heartbeat was sent, so the time is rather too long than too short.
    let off = machine.pins.read(image.moved_millis)?;
    ensure!(
        off.wrapping_sub(sent) <= machine.now_ms()?.wrapping_sub(sent),
        "the board says that its outputs moved at {off} ms"
    );
    Ok(Some(off.wrapping_sub(sent)))
}

fn fall_silent(machine: &mut Machine, master: &mut Master, way: Way) -> Result<()> {
    let begun = clock::now();
    let mut back = 0;
    loop {
        let until = machine.now_ms()?.wrapping_add(EMPTY_MS);
        while machine.now_ms()?.wrapping_sub(until).cast_signed() < 0 {
            // A reply of QEMU brings with it what the outputs did before.
            if machine.pins.diverters() == 0 {
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "outputs stay on: {way:?}");
            std::thread::sleep(GLANCE);
        }
        back ^= 1;
        match way {
            Way::Silent => {}
            Way::Frozen => master.stale_beat(0)?,
            Way::Toggling => master.stale_beat(back)?,
            Way::Foreign => master.foreign_beat()?,
        }
    }
}
