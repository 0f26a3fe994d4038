//! What people do around the line, kept beside the journal: accounts and sessions, the audit
//! trail, the history of alarms, versions of the sort plan, what coders keyed.
//!
//! One SQLite file. The audit trail is append-only and hash-chained, and written in the same
//! transaction as what it tells of: an action that cannot be put on record does not happen.
//! Nothing here is needed to sort; a line whose office file is lost sorts on.

mod accounts;
mod alarm_log;
mod audit;
mod codings;
mod files;
mod plans;
mod secret;
mod transport;

pub use accounts::{Account, Change, Key, Session};
pub use alarm_log::{AlarmChange, AlarmRow, Find as FindAlarms};
pub use audit::{AuditRow, Entry};
pub use codings::{Coding, Tally, Verdict};
pub use files::{FileChange, FileVersion};
pub use plans::{Activation, PlanRow};
pub use secret::{Token, random_code};
pub use transport::Learning;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// Name of the file in a data directory.
pub const FILE: &str = "office.db";

/// `OFFC` in ASCII.
const APPLICATION_ID: i64 = 0x4F46_4643;

/// Format written by this version, in `user_version`.
const FORMAT: i64 = 2;

/// What version 2 added to version 1.
const SECOND: &str = "
CREATE TABLE file_version (
    seq INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    wall_us INTEGER NOT NULL,
    who TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE TABLE arrival (
    seq INTEGER PRIMARY KEY,
    service TEXT NOT NULL,
    departed_min INTEGER NOT NULL,
    weather INTEGER NOT NULL,
    late_min INTEGER NOT NULL,
    UNIQUE (service, departed_min)
) STRICT;
CREATE TABLE transport (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;
CREATE TABLE learning_log (
    seq INTEGER PRIMARY KEY,
    wall_us INTEGER NOT NULL,
    verdict TEXT NOT NULL
) STRICT;
CREATE TABLE told (
    id TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;
";

/// How long a writer waits for another.
const BUSY: Duration = Duration::from_secs(2);

const TABLES: &str = "
CREATE TABLE person (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    roles TEXT NOT NULL,
    salt BLOB NOT NULL,
    hash BLOB NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    locked_us INTEGER NOT NULL DEFAULT 0,
    made_us INTEGER NOT NULL
) STRICT;
CREATE TABLE session (
    token BLOB PRIMARY KEY,
    person TEXT NOT NULL REFERENCES person ON DELETE CASCADE,
    seen_us INTEGER NOT NULL,
    ends_us INTEGER NOT NULL
) STRICT;
CREATE TABLE machine_key (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    roles TEXT NOT NULL,
    token BLOB NOT NULL UNIQUE,
    made_us INTEGER NOT NULL
) STRICT;
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    wall_us INTEGER NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    link BLOB NOT NULL
) STRICT;
CREATE TABLE alarm_log (
    seq INTEGER PRIMARY KEY,
    journal INTEGER,
    wall_us INTEGER NOT NULL,
    alarm TEXT NOT NULL,
    change TEXT NOT NULL,
    who TEXT NOT NULL,
    reason TEXT NOT NULL,
    until_us INTEGER,
    UNIQUE (journal, alarm)
) STRICT;
CREATE INDEX alarm_log_wall ON alarm_log (wall_us);
CREATE TABLE plan (
    id INTEGER PRIMARY KEY,
    version TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    author TEXT NOT NULL,
    comment TEXT NOT NULL,
    made_us INTEGER NOT NULL,
    approved_by TEXT
) STRICT;
CREATE TABLE activation (
    seq INTEGER PRIMARY KEY,
    plan INTEGER NOT NULL REFERENCES plan,
    wall_us INTEGER NOT NULL,
    who TEXT NOT NULL,
    ticks INTEGER
) STRICT;
CREATE TABLE coding (
    seq INTEGER PRIMARY KEY,
    wall_us INTEGER NOT NULL,
    person TEXT NOT NULL,
    parcel INTEGER NOT NULL,
    kind TEXT NOT NULL,
    took_ms INTEGER NOT NULL,
    agrees INTEGER
) STRICT;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
";

/// Why something was not put on record.
#[derive(Debug, thiserror::Error)]
pub enum OfficeError {
    /// The file is no office file of Sortline, or of a newer version.
    #[error("{} is no office file that this version knows", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// SQLite refuses.
    #[error("{} cannot be used", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's answer.
        #[source]
        source: rusqlite::Error,
    },
    /// What is asked for is not allowed; one sentence says why.
    #[error("{0}")]
    Refused(String),
    /// There is no such thing.
    #[error("there is no such {0}")]
    Missing(&'static str),
}

/// The office file of a data directory. Cheap to clone; every call opens it anew and may block.
#[derive(Clone, Debug)]
pub struct Office {
    path: Arc<PathBuf>,
}

impl Office {
    /// Opens the file of a data directory, making it when it is not there.
    ///
    /// # Errors
    /// [`OfficeError`]: foreign, or not accessible.
    pub fn open(directory: &Path) -> Result<Self, OfficeError> {
        let office = Self {
            path: Arc::new(directory.join(FILE)),
        };
        let connection = office.connect()?;
        office.prepare(&connection)?;
        Ok(office)
    }

    fn prepare(&self, connection: &Connection) -> Result<(), OfficeError> {
        let failed = |source| self.failed(source);
        let empty: bool = connection
            .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
                row.get(0)
            })
            .map_err(failed)?;
        if empty {
            let script = format!(
                "BEGIN; {TABLES} {SECOND} PRAGMA application_id = {APPLICATION_ID}; \
                 PRAGMA user_version = {FORMAT}; COMMIT; PRAGMA journal_mode = WAL;"
            );
            connection.execute_batch(&script).map_err(failed)?;
        }
        let number = |name: &str| {
            let value = connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            value.map_err(failed)
        };
        if number("application_id")? != APPLICATION_ID || number("user_version")? > FORMAT {
            return Err(OfficeError::Foreign {
                path: self.path.to_path_buf(),
            });
        }
        if number("user_version")? < FORMAT {
            let script = format!("BEGIN; {SECOND} PRAGMA user_version = {FORMAT}; COMMIT;");
            connection.execute_batch(&script).map_err(failed)?;
        }
        Ok(())
    }

    fn connect(&self) -> Result<Connection, OfficeError> {
        let failed = |source| self.failed(source);
        let connection = Connection::open(&*self.path).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection
            .execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
            .map_err(failed)?;
        Ok(connection)
    }

    /// A copy of the whole file as it is now, beside it, which goes away when it is dropped.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub fn copy(&self, at: jiff::Timestamp) -> Result<Copied, OfficeError> {
        let name = format!("{FILE}.{}.copy", at.as_nanosecond());
        let copy = Copied {
            path: self.path.with_file_name(name),
        };
        let path = copy.path.to_string_lossy().into_owned();
        self.ask(|connection| connection.execute("VACUUM INTO ?1", [path]))?;
        Ok(copy)
    }

    /// Asks something.
    fn ask<T>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, OfficeError> {
        question(&self.connect()?).map_err(|source| self.failed(source))
    }

    /// Does something and puts it on record, or does neither.
    fn change<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<(T, Option<Entry>), Trouble>,
    ) -> Result<T, OfficeError> {
        let mut connection = self.connect()?;
        let failed = |source| self.failed(source);
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let (value, entry) = change(&transaction).map_err(|trouble| self.trouble(trouble))?;
        if let Some(entry) = entry {
            audit::append(&transaction, &entry).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
        Ok(value)
    }

    fn failed(&self, source: rusqlite::Error) -> OfficeError {
        OfficeError::Sqlite {
            path: self.path.to_path_buf(),
            source,
        }
    }

    fn trouble(&self, trouble: Trouble) -> OfficeError {
        match trouble {
            Trouble::Sqlite(source) => self.failed(source),
            Trouble::Refused(why) => OfficeError::Refused(why),
            Trouble::Missing(what) => OfficeError::Missing(what),
        }
    }
}

/// A copy of an office file.
#[derive(Debug)]
pub struct Copied {
    /// Where it is.
    pub path: PathBuf,
}

impl Drop for Copied {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "a copy is left behind");
        }
    }
}

/// Why a change ends without effect.
enum Trouble {
    Sqlite(rusqlite::Error),
    Refused(String),
    Missing(&'static str),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn refused<T>(why: &str) -> Result<T, Trouble> {
    Err(Trouble::Refused(why.to_owned()))
}

fn micros(at: jiff::Timestamp) -> i64 {
    at.as_microsecond()
}

fn timestamp(micros: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}
