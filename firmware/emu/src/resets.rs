//! Builds with a planted fault: the board hangs or panics while an output is out. The output goes
//! off, the board starts anew with everything off, says why, and takes no command of its last life.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use sortline_regmap as map;
use sortline_regmap::{
    AckCode, Board, Command, CommandKind, Image as Version, Refusal, ResetCause,
};

use crate::clock;
use crate::image::Image;
use crate::machine::{Machine, Pace};
use crate::master::Master;

/// The planted faults strike at this count.
const STRIKES_AT: u32 = 1_000;
/// Longest time until the output is off: the watchdog's bark, and a slow host.
const OFF: Duration = Duration::from_secs(10);

/// Runs a board into its planted fault.
pub(crate) fn run(image: &Image, cause: ResetCause) -> Result<String> {
    let mut machine = Machine::start(image, Pace::Counted)?;
    ensure!(
        machine.pins.driven()? == 0,
        "an output is on after power-up"
    );
    ensure!(
        machine.console()?.contains("power-up"),
        "{}",
        machine.console()?
    );
    machine.pins.stop_circuit(true)?;
    let mut master = machine.rtu()?;
    let first = version(&mut master)?;
    ensure!(first.reset == ResetCause::Power, "{first:?}");
    let boot = master.read(map::IDENT.start, map::IDENT.words)?;
    while machine.pins.count() < STRIKES_AT - 10 {
        machine.pins.forward()?;
    }
    let (epoch, command) = take(&mut master)?;
    while machine.pins.count() < STRIKES_AT - 1 {
        master.beat()?;
        machine.pins.forward()?;
    }
    ensure!(machine.pins.driven()? == 1, "the output is not out");
    let struck = clock::now();
    // The fault strikes in the middle of this count, which nobody deals with any more.
    machine.pins.strike()?;
    while machine.pins.driven()? != 0 {
        ensure!(
            struck.elapsed() < OFF,
            "the output stays on after {cause:?}"
        );
    }
    let off = struck.elapsed();
    machine.wait_for_start(2)?;
    machine.pins.forget()?;
    ensure!(
        machine.pins.driven()? == 0,
        "an output is on after the reset"
    );
    let second = version(&mut master)?;
    ensure!(second.reset == cause, "{second:?} instead of {cause:?}");
    let status = master.status()?;
    ensure!(
        !status.health.flags.has(map::Flags::ARMED),
        "armed by itself"
    );
    let boot_after = master.read(map::IDENT.start, map::IDENT.words)?;
    ensure!(boot_after != boot, "the restart cannot be seen");
    // The stop circuit's pin forgot its level with the reset; arm again, and try the old command.
    machine.pins.stop_circuit(true)?;
    let stale = Command { at: 100, ..command };
    refuse(&mut master, epoch, &stale)?;
    Ok(format!(
        "{cause:?} with an output out: off after {} ms of the host's clock, started anew with all \
         off, unarmed, cause told, commands of its last life refused",
        off.as_millis()
    ))
}

/// Arms the board and has it accept a stroke that is out when the fault strikes; again when the
/// host was too slow for the watchdog.
fn take(master: &mut Master) -> Result<(u16, Command)> {
    for _ in 0..10 {
        let epoch = master.arm(90)?;
        let command = Command {
            kind: CommandKind::Stroke,
            seq: 1,
            epoch,
            device: 0,
            at: STRIKES_AT - 5,
            hold: 1_000,
            hold_ms_max: 1_500,
            number: 0,
        };
        if master.command(&command)?.result == AckCode::Accepted {
            return Ok((epoch, command));
        }
    }
    bail!("no stroke is accepted")
}

/// Arms the board and has it refuse a command of its last life; again when the host was too slow
/// for the watchdog, which has every command refused.
fn refuse(master: &mut Master, epoch: u16, stale: &Command) -> Result<()> {
    for _ in 0..10 {
        ensure!(master.arm(90)? != epoch, "the epoch came back");
        let result = master.command(stale)?.result;
        if result == AckCode::Refused(Refusal::StaleEpoch) {
            return Ok(());
        }
        ensure!(
            result == AckCode::Refused(Refusal::Stopped),
            "{result:?} to a command of its last life"
        );
    }
    bail!("the board does not stay armed")
}

/// What runs on the board.
pub(crate) fn version(master: &mut Master) -> Result<Version> {
    let words = master.read(map::IMAGE.start, map::IMAGE.words)?;
    let words = words.try_into().ok().context("length of IMAGE")?;
    let version = Version::decode(&words).context("an image that nobody knows")?;
    ensure!(version.board == Board::Lm3s6965, "{version:?}");
    Ok(version)
}
