//! Set-up, checks and generated files: what a contributor types instead of remembering.
//!
//! ```text
//! cargo xtask demo     install what is missing, build, run the demonstration line
//! cargo xtask test     the same, then every test
//! ```

mod dashboard;
mod firmware;
mod setup;
mod steps;
mod tidy;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;

use crate::setup::Group;
use crate::steps::Steps;

/// The command that builds and runs every test of the workspace.
const TESTS: [&str; 5] = [
    "test",
    "--workspace",
    "--no-fail-fast",
    "--features",
    SCHEMA,
];

/// Extents of the firmware's runs in a test: all counts and strokes, fewer losses and frames than a
/// run of its own has.
const FIRMWARE: [&str; 4] = ["--losses", "200", "--garbage-rtu", "500"];

/// Generated schemas are compared with the committed ones.
const SCHEMA: &str = "sortline-service/schema";

const HELP: &str = "\
Set-up, checks and generated files of Sortline.

usage: cargo xtask COMMAND [ARGUMENTS]

  setup              install the system packages that are missing (asks for sudo if needed)
  demo [ARGUMENTS]   set up, build, run `sortline demo ARGUMENTS`
  test               set up, then style, lints and every test
  check              format, clippy, documentation, licences and advisories, tidy
  tidy               the project's own rules: dependencies, sizes, vocabulary
  docs               write the generated files: register manual, JSON schemas
  dashboard          build the dashboard only
  firmware [ARGUMENTS]
                     build the microcontroller's images and measure one under QEMU;
                     `--garbage-tcp 1000000` for a long run, `--help` for all arguments

example: cargo xtask demo --headless --parcels 100
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    match run(&command, &rest) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, rest: &[String]) -> Result<ExitCode> {
    match command {
        "setup" => {
            setup::install(&Group::ALL)?;
            setup::install_firmware()?;
        }
        "demo" => return demo(rest),
        "test" => test()?,
        "check" => check()?,
        "tidy" => tidy::run()?,
        "docs" => docs()?,
        "dashboard" => {
            setup::install(&[Group::Dashboard])?;
            dashboard::build()?;
        }
        "firmware" => return firmware(rest),
        "" | "help" | "-h" | "--help" => say(HELP),
        other => {
            say(&format!("error: `{other}` is not a command\n\n{HELP}"));
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the images and measures one; exit code 3 when no toolchain can build them.
fn firmware(arguments: &[String]) -> Result<ExitCode> {
    setup::install(&[Group::Build, Group::Dashboard, Group::Fonts, Group::Test])?;
    if let Err(error) = setup::install_firmware() {
        say(&format!("error: {error:#}"));
        return Ok(ExitCode::from(3));
    }
    dashboard::build()?;
    firmware::lint()?;
    firmware::run(arguments, true)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the product in release mode and hands over to `sortline demo`.
fn demo(arguments: &[String]) -> Result<ExitCode> {
    let mut steps = Steps::new(3);
    steps.step("system packages", "1 to 4 minutes the first time", || {
        setup::install(&[Group::Build, Group::Dashboard, Group::Fonts])
    })?;
    steps.step(
        "dashboard",
        "half a minute the first time",
        dashboard::build,
    )?;
    steps.step(
        "controller and simulator",
        "10 to 13 minutes the first time, on two cores",
        || steps::cargo(&["build", "--release", "--package", "sortline-service"]),
    )?;
    let binary = steps::target_dir()?.join("release").join("sortline");
    steps::hand_over(&binary, "demo", arguments)
}

/// Everything that has to hold before a change lands.
fn test() -> Result<()> {
    let mut steps = Steps::new(9);
    steps.step("system packages", "1 to 4 minutes the first time", || {
        setup::install(&Group::ALL)
    })?;
    steps.step("tidy", "seconds", tidy::run)?;
    steps.step("format", "seconds", || {
        steps::cargo(&["fmt", "--all", "--check"])
    })?;
    steps.step("dashboard: build and unit tests", "1 minute", || {
        dashboard::build()?;
        dashboard::test()
    })?;
    steps.step("clippy", "3 to 5 minutes the first time", clippy)?;
    steps.step("without OpenCV", "1 minute", || {
        steps::cargo(&[
            "check",
            "--package",
            "sortline-service",
            "--no-default-features",
        ])
    })?;
    steps.step(
        "tests",
        "10 to 15 minutes the first time, on two cores",
        || steps::cargo(&TESTS),
    )?;
    steps.step("firmware under QEMU", "3 to 5 minutes", || {
        setup::install_firmware()?;
        firmware::run(&FIRMWARE.map(str::to_owned), false)
    })?;
    steps.step(
        "dashboard in a browser",
        "1 minute",
        dashboard::browser_test,
    )?;
    steps.finish();
    Ok(())
}

/// What a reviewer would otherwise have to look for.
fn check() -> Result<()> {
    let mut steps = Steps::new(6);
    steps.step("format", "seconds", || {
        steps::cargo(&["fmt", "--all", "--check"])
    })?;
    steps.step("tidy", "seconds", tidy::run)?;
    steps.step("clippy", "3 to 5 minutes the first time", clippy)?;
    steps.step("firmware: style and lints", "1 minute", || {
        setup::install_firmware()?;
        firmware::lint()
    })?;
    steps.step("documentation", "1 minute", || {
        steps::cargo_with(
            &[
                "doc",
                "--workspace",
                "--no-deps",
                "--document-private-items",
            ],
            &[("RUSTDOCFLAGS", "-Dwarnings")],
        )
    })?;
    steps.step(
        "licences, bans, sources, advisories",
        "5 minutes the first time",
        steps::deny,
    )?;
    steps.finish();
    Ok(())
}

fn clippy() -> Result<()> {
    steps::cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--features",
        SCHEMA,
        "--",
        "-Dwarnings",
    ])
}

/// Writes the generated files; the tests only compare them.
fn docs() -> Result<()> {
    steps::cargo(&[
        "run",
        "--quiet",
        "--package",
        "sortline-service",
        "--features",
        "schema",
        "--example",
        "generate",
    ])
}

/// A line for the person at the terminal.
pub(crate) fn say(text: &str) {
    // A closed terminal is no reason to stop a build.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}
