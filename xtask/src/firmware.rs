//! The microcontroller's images: which toolchain builds them, building them, and running one of
//! them under QEMU.
//!
//! The images need the core library of another target. It is taken from the first of these that is
//! there: a target that rustup has added, the library's own source beside the toolchain, or
//! Debian's compiler with its source.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::{say, steps};

const TARGET: &str = "thumbv7m-none-eabi";
/// The board that is run, and the one that is only compiled.
const RUN: &str = "board-lm3s6965";
const COMPILED: &str = "board-stm32f446";
/// What they share.
const SHARED: &str = "cortex";
/// Faults planted in the board that is run, to see whether the harness finds them.
const PLANTED: [&str; 3] = ["late", "hang", "panic"];
/// Debian's compiler and the source of its libraries.
const DEBIAN: [&str; 2] = [
    "/usr/bin/rustc",
    "/usr/lib/rustlib/src/rust/library/Cargo.lock",
];

/// A way to build for the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The current toolchain has the target.
    Target,
    /// The current toolchain has the source of its libraries.
    Source,
    /// Debian's compiler, with the linker that belongs to it.
    Debian {
        /// Name of the linker.
        linker: String,
    },
}

impl Toolchain {
    /// The first that is there.
    pub(crate) fn find() -> Option<Self> {
        let sysroot = PathBuf::from(ask("rustc", &["--print", "sysroot"])?);
        let library = sysroot.join("lib/rustlib");
        if library.join(TARGET).join("lib").is_dir() {
            return Some(Self::Target);
        }
        if library.join("src/rust/library/Cargo.lock").exists() {
            return Some(Self::Source);
        }
        if DEBIAN.iter().all(|path| Path::new(path).exists()) {
            return Some(Self::Debian {
                linker: debian_linker()?,
            });
        }
        None
    }

    /// What is done about it when there is none.
    pub(crate) const REMEDIES: &str = "\
no toolchain for the microcontroller. Either
  rustup target add thumbv7m-none-eabi
or, on Debian 12,
  apt-get install rustc-web cargo-web rust-web-src
and the linker `lld-N`, N being the LLVM version that `/usr/bin/rustc -vV` names";

    /// Cargo in a board's directory.
    fn cargo(&self, board: &str) -> Result<Command> {
        let mut command = match self {
            Self::Target | Self::Source => Command::new(env!("CARGO")),
            Self::Debian { .. } => Command::new("/usr/bin/cargo"),
        };
        command
            .current_dir(directory(board))
            .env("CARGO_TARGET_DIR", target_dir()?);
        if let Self::Debian { linker } = self {
            // Without this, Debian's cargo takes the compiler that rustup put first in the path.
            command
                .env("RUSTC", "/usr/bin/rustc")
                .env("CARGO_TARGET_THUMBV7M_NONE_EABI_LINKER", linker);
        }
        Ok(command)
    }

    /// What makes cargo build the core library where there is only its source.
    fn prepare<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match self {
            Self::Target => command,
            Self::Source | Self::Debian { .. } => command
                .env("RUSTC_BOOTSTRAP", "1")
                .args(["-Z", "build-std=core"]),
        }
    }

    /// Builds a board's image, with a fault planted or not, and gives a copy of it.
    fn build(&self, board: &str, planted: Option<&str>) -> Result<PathBuf> {
        let mut command = self.cargo(board)?;
        command.args(["rustc", "--release", "--locked"]);
        self.prepare(&mut command)
            .args(["--", "-D", "warnings"])
            .args(
                planted
                    .iter()
                    .flat_map(|fault| ["--cfg".to_owned(), format!("planted=\"{fault}\"")]),
            );
        steps::status(&mut command)?;
        let images = target_dir()?.join("images");
        fs::create_dir_all(&images).context("making a directory for the images")?;
        let image = images.join(planted.map_or_else(
            || format!("{board}.elf"),
            |fault| format!("{board}-{fault}.elf"),
        ));
        let built = target_dir()?.join(TARGET).join("release").join(board);
        fs::copy(&built, &image).with_context(|| format!("copying {}", built.display()))?;
        Ok(image)
    }
}

/// Builds everything and runs the harness with `arguments`.
///
/// The belt that `sortline serve` sorts keeps the controller's deadlines in real time, beside an
/// emulator: it is left out where the machine may be busy.
pub(crate) fn run(arguments: &[String], with_belt: bool) -> Result<()> {
    let toolchain = Toolchain::find().context(Toolchain::REMEDIES)?;
    say(&format!("building for {TARGET} with {toolchain:?}"));
    let image = toolchain.build(RUN, None)?;
    let mut faults = Vec::new();
    for fault in PLANTED {
        faults.push((fault, toolchain.build(RUN, Some(fault))?));
    }
    let compiled = toolchain.build(COMPILED, None)?;
    say(&format!("{}: compiled, not run", compiled.display()));
    // Exactly what the tests build, so that nothing is built twice.
    steps::cargo(&[crate::TESTS.as_slice(), &["--no-run"]].concat())?;
    let built = steps::target_dir()?.join("debug");
    let mut command = Command::new(built.join("sortline-emu"));
    command.arg("--image").arg(image);
    if with_belt {
        command.arg("--sortline").arg(built.join("sortline"));
    }
    for (fault, image) in faults {
        command.arg(format!("--{fault}")).arg(image);
    }
    command.args(arguments).current_dir(steps::root());
    steps::status(&mut command)
}

/// Format and lints of the boards, which are no members of the workspace. Lints need a toolchain
/// of rustup's, whose clippy has the target.
pub(crate) fn lint() -> Result<()> {
    let toolchain = Toolchain::find().context(Toolchain::REMEDIES)?;
    for board in [RUN, COMPILED, SHARED] {
        steps::run_in(&directory(board), env!("CARGO"), &["fmt", "--check"])?;
        if matches!(toolchain, Toolchain::Debian { .. }) {
            say(&format!("{board}: no clippy for the target, so no lints"));
            continue;
        }
        let mut command = toolchain.cargo(board)?;
        command.args(["clippy", "--release", "--locked"]);
        toolchain
            .prepare(&mut command)
            .args(["--", "-D", "warnings"]);
        steps::status(&mut command)?;
    }
    Ok(())
}

/// Manifests of the boards, for checks of their dependencies.
pub(crate) fn manifests() -> [PathBuf; 2] {
    [RUN, COMPILED].map(|board| directory(board).join("Cargo.toml"))
}

/// The linker that belongs to Debian's compiler: LLVM's, of the same version. `None` when it is
/// not installed.
fn debian_linker() -> Option<String> {
    let linker = debian_linker_name()?;
    ask(&linker, &["-flavor", "gnu", "--version"]).map(|_| linker)
}

/// Its name, and that of its package.
pub(crate) fn debian_linker_name() -> Option<String> {
    linker_of(&ask("/usr/bin/rustc", &["-vV"])?)
}

fn linker_of(version: &str) -> Option<String> {
    let llvm = version
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))?;
    let major: u32 = llvm.split('.').next()?.parse().ok()?;
    Some(format!("lld-{major}"))
}

/// What a program prints, without the line's end; `None` when it is not there or fails.
fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn directory(board: &str) -> PathBuf {
    steps::root().join("firmware").join(board)
}

/// One for all boards: they share what they are built of.
fn target_dir() -> Result<PathBuf> {
    Ok(steps::target_dir()?.join("firmware"))
}

/// Adds the target by rustup, where that is the toolchain's way and the network lets it.
pub(crate) fn add_target() -> bool {
    say("rustup target add thumbv7m-none-eabi (about 20 MB: the core library for it)");
    let added = Command::new("rustup")
        .args(["target", "add", TARGET])
        .current_dir(steps::root())
        .status();
    added.is_ok_and(|status| status.success())
}

/// Says why there is none.
pub(crate) fn ensure_found() -> Result<()> {
    ensure!(Toolchain::find().is_some(), Toolchain::REMEDIES);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linker_is_that_of_the_compiler() {
        let version = "rustc 1.96.0\nrelease: 1.96.0\nLLVM version: 22.1.8\n";
        assert_eq!(linker_of(version).as_deref(), Some("lld-22"));
        assert_eq!(linker_of("rustc 1.63.0"), None);
        assert_eq!(linker_of("LLVM version: next"), None);
    }

    #[test]
    fn every_board_is_there() {
        for manifest in manifests() {
            let text = fs::read_to_string(&manifest).unwrap();
            assert!(text.contains("[workspace]"), "{}", manifest.display());
        }
    }
}
