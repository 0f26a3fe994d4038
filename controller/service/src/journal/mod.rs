//! The journal: everything that happened to a line and everything its core wanted, append-only.
//!
//! One SQLite file. A row of `event` holds what was fed to the core, rows of `action` what it
//! wanted then, `outcome` the one end of each parcel, `command` what people commanded, `run` the
//! configuration of each start. Events and actions are hash-chained; triggers refuse every change
//! of what was written. Feeding the events again gives the same actions: [`replay()`] checks that,
//! and a restart goes on from there.
//!
//! Steps in which nothing but time or belt travel moved and the core wanted nothing are *quiet*:
//! many of them share one row, written with the next step that is not quiet. A crash loses at most
//! [`writer::QUIET_MAX`] of them, and nothing was ever told because of one.

mod reader;
mod replay;
mod schema;
mod writer;

pub use reader::{Entry, OutcomeRow, Reader, RunRow, StepRow, Window};
pub use replay::{Difference, Replayed, replay};
pub use writer::{Committed, Journal, Origin, QUIET_MAX, Record, Writer};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sortline_core::{Event, LineTime};

/// Name of the journal in a data directory.
pub const FILE: &str = "journal.db";

/// What made the core take a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "cause")]
pub enum Cause {
    /// Something happened.
    Event {
        /// What.
        event: Event,
    },
    /// The time it asked for had come.
    Timeout,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process has it open.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// Its lock file.
        path: PathBuf,
    },
    /// The file is no journal.
    #[error("{} is no journal of Sortline", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It was written by a newer version.
    #[error("{} has journal format {found}; this version knows up to {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Format found.
        found: i64,
        /// Newest format known.
        known: i64,
    },
    /// It was damaged or tampered with.
    #[error("{} is damaged at {table} {seq}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Table.
        table: &'static str,
        /// Row.
        seq: i64,
        /// What does not hold.
        what: String,
    },
    /// SQLite refuses.
    #[error("{} cannot be {doing}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// SQLite's answer.
        #[source]
        source: rusqlite::Error,
    },
    /// A file cannot be used.
    #[error("{} cannot be opened", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
}

impl JournalError {
    /// Whether what was named is no journal at all.
    pub fn is_misnamed(&self) -> bool {
        match self {
            Self::Foreign { .. } => true,
            Self::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
            Self::InUse { .. }
            | Self::Newer { .. }
            | Self::Damaged { .. }
            | Self::Sqlite { .. } => false,
        }
    }
}

/// A link of a hash chain: SHA-256 over the link before, the row's number, its head and its body.
pub(crate) type Link = [u8; 32];

/// The link before the first row.
pub(crate) const FIRST_LINK: Link = [0; 32];

pub(crate) fn link(before: &Link, seq: i64, head: &str, body: &str) -> Link {
    use sha2::Digest as _;
    let mut hash = sha2::Sha256::new();
    hash.update(before);
    hash.update(seq.to_be_bytes());
    hash.update(head.as_bytes());
    hash.update(body.as_bytes());
    hash.finalize().into()
}

/// A link as 64 hexadecimal digits.
pub(crate) fn hex(link: &Link) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('?');
    link.iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// The columns of an event beside its body, for its link.
pub(crate) fn head(kind: &str, at_us: i64, wall_us: i64, cursor: Option<u32>) -> String {
    let cursor = cursor.map(|cursor| cursor.to_string()).unwrap_or_default();
    format!("{kind} {at_us} {wall_us} {cursor} ")
}

/// Line time as SQLite stores it; 292,000 years fit.
pub(crate) fn micros(at: LineTime) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}
