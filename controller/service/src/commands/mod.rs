//! One module for each command of the command line.

pub mod bench;
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

/// Writes text to stdout.
///
/// # Errors
/// Stdout cannot be written; a reader that went away is none.
pub fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
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
