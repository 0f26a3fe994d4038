//! One module for each command of the command line.

pub mod bench;
pub mod bench_line;
pub mod calibrate;
pub mod check;
pub mod demo;
pub mod dry_run;
pub mod export;
pub mod forecast;
pub mod import;
pub mod optimise;
pub mod plan;
pub mod plant;
pub mod read;
pub mod replay;
pub mod route;
pub mod route_learn;
pub mod route_report;
pub mod scratch;
pub mod serve;
pub mod sim;
pub mod survey;
pub mod trace;

use std::io::Write;
use std::path::Path;

use anyhow::Context as _;

use crate::config::{ConfigError, Files};

/// Threads that serve; decoding has its own.
const WORKERS: usize = 4;

/// A site directory as named on the command line.
///
/// # Errors
/// It is no directory.
pub fn site_directory(path: &Path) -> Result<Files, ConfigError> {
    directory(path, "a site directory with site.toml")
}

/// A directory as named on the command line; `needed` says what it must be.
///
/// # Errors
/// It is no directory.
pub fn directory(path: &Path, needed: &str) -> Result<Files, ConfigError> {
    if path.is_dir() {
        Ok(Files::Directory(path.to_owned()))
    } else {
        let text = if path.exists() {
            "is no directory"
        } else {
            "does not exist"
        };
        Err(ConfigError::whole(
            path,
            format!("{text}; needed is {needed}"),
        ))
    }
}

/// Whoever read stdout has gone away: a command has nothing more to do, and did nothing wrong.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the output")]
pub struct ReaderGone;

/// Writes a result to stdout.
///
/// # Errors
/// Stdout cannot be written; [`ReaderGone`].
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        written => Ok(written?),
    }
}

/// Writes a note of a command that serves to stdout; it goes on when nobody reads it.
///
/// # Errors
/// Stdout cannot be written.
pub fn announce(text: &str) -> anyhow::Result<()> {
    print(text).or_else(|error| match error.downcast::<ReaderGone>() {
        Ok(ReaderGone) => Ok(()),
        Err(error) => Err(error),
    })
}

/// Writes text to stderr.
///
/// # Errors
/// Stderr cannot be written.
pub fn print_error(text: &str) -> anyhow::Result<()> {
    Ok(std::io::stderr().lock().write_all(text.as_bytes())?)
}

/// The runtime of a command that serves.
///
/// # Errors
/// The system has no threads to give.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(WORKERS).enable_all().build()?)
}

/// Ready when the process is asked to end.
///
/// # Errors
/// The system gives no signals.
pub fn signals() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
