//! Running commands, saying how far things are and how long they took.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use crate::{firmware, say};

/// A numbered list of steps with their durations.
pub(crate) struct Steps {
    total: usize,
    done: Vec<(String, std::time::Duration)>,
}

impl Steps {
    pub(crate) const fn new(total: usize) -> Self {
        Self {
            total,
            done: Vec::new(),
        }
    }

    /// Runs one step; `expected` tells the reader how long it may take.
    pub(crate) fn step(
        &mut self,
        name: &str,
        expected: &str,
        run: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let number = self.done.len().saturating_add(1);
        say(&format!("[{number}/{}] {name} ({expected})", self.total));
        let started = now();
        run().with_context(|| format!("step {number}, {name}"))?;
        let took = started.elapsed();
        say(&format!(
            "[{number}/{}] {name}: {:.0} s",
            self.total,
            took.as_secs_f64()
        ));
        self.done.push((name.to_owned(), took));
        Ok(())
    }

    /// Prints where the time went.
    pub(crate) fn finish(&self) {
        let total: f64 = self.done.iter().map(|(_, took)| took.as_secs_f64()).sum();
        for (name, took) in &self.done {
            say(&format!("{:>7.0} s  {name}", took.as_secs_f64()));
        }
        say(&format!("{total:>7.0} s  in all"));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "build times are measured here, nothing is decided"
)]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Runs cargo in the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Result<()> {
    cargo_with(arguments, &[])
}

/// Runs cargo in the workspace with further environment variables.
pub(crate) fn cargo_with(arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(root());
    status(&mut command)
}

/// Runs a command in a directory and fails when it fails.
pub(crate) fn run_in(directory: &Path, program: &str, arguments: &[&str]) -> Result<()> {
    status(Command::new(program).args(arguments).current_dir(directory))
}

pub(crate) fn status(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("starting {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// Standard output of a command that must succeed.
pub(crate) fn output_of(command: &mut Command) -> Result<Vec<u8>> {
    let output = command
        .output()
        .with_context(|| format!("starting {command:?}"))?;
    if !output.status.success() {
        bail!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(output.stdout)
}

/// `cargo metadata` without dependencies.
pub(crate) fn metadata() -> Result<serde_json::Value> {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root());
    serde_json::from_slice(&output_of(&mut command)?).context("reading cargo metadata")
}

/// Where cargo puts its results.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let metadata = metadata()?;
    let directory = metadata
        .get("target_directory")
        .and_then(serde_json::Value::as_str);
    Ok(PathBuf::from(
        directory.context("cargo metadata names no target directory")?,
    ))
}

/// Replaces this process's work by another program's: its exit code becomes ours.
pub(crate) fn hand_over(program: &Path, command: &str, arguments: &[String]) -> Result<ExitCode> {
    say(&format!(
        "running {} {command} {}",
        program.display(),
        arguments.join(" ")
    ));
    let status = Command::new(program)
        .arg(command)
        .args(arguments)
        .current_dir(root())
        .status()
        .with_context(|| format!("starting {}", program.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Licences, bans, sources and advisories by cargo-deny, which is installed when missing.
pub(crate) fn deny() -> Result<()> {
    let installed = Command::new(env!("CARGO"))
        .args(["deny", "--version"])
        .output();
    if !installed.is_ok_and(|output| output.status.success()) {
        say("cargo-deny is missing: installing it");
        cargo(&["install", "--locked", "cargo-deny"])?;
    }
    let manifests = std::iter::once(root().join("Cargo.toml")).chain(firmware::manifests());
    for manifest in manifests {
        let manifest = manifest.to_string_lossy();
        let checks = ["bans", "licenses", "sources"];
        let arguments = ["deny", "--workspace", "--manifest-path", &manifest];
        let check = ["--config", "deny.toml", "check"];
        cargo(&[arguments.as_slice(), &check, &checks].concat())?;
    }
    if let Err(error) = cargo(&["deny", "--workspace", "check", "advisories"]) {
        say("the advisory database could not be fetched or lists one of our dependencies");
        return Err(error);
    }
    Ok(())
}
