//! Writing: records are collected for some milliseconds and made durable together; only then does
//! anyone hear of them.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sortline_core::topology::LineConfig;
use sortline_core::{Action, Event, LineTime, ParcelId, SortPlan, Step};
use tokio::sync::mpsc;

use super::{Cause, FILE, FIRST_LINK, JournalError, Link, head, link, micros, schema};

/// Quiet steps in one row, and how many a crash can lose.
pub const QUIET_MAX: usize = 100;

/// Records made durable together at most; a batch is closed early when it is full.
const BATCH_MAX: usize = 1_024;

/// One step of the core, to be journalled.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Line time of the step.
    pub at: LineTime,
    /// Wall time as a label.
    pub wall: Timestamp,
    /// Position in the field node's event ring after this event, when it came from there.
    pub cursor: Option<u32>,
    /// What made the core take it.
    pub cause: Cause,
    /// What the core wanted then, in order.
    pub actions: Vec<Action>,
    /// Who commanded it, for commands of people and host systems.
    pub origin: Option<Origin>,
}

/// Who commanded something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Id of the command, chosen by the sender; never accepted twice.
    pub id: String,
    /// The way it came: `http` or `mqtt`.
    pub via: &'static str,
}

/// A record that is durable.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// Number of its row.
    pub seq: i64,
    /// The record.
    pub record: Record,
}

/// Time, belt position (absent for a timeout) and wall time of a quiet step.
type QuietStep = (LineTime, Option<u32>, Timestamp);

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    connection: Connection,
    run: i64,
    last: i64,
    last_action: i64,
    event_link: Link,
    action_link: Link,
    quiet: Vec<QuietStep>,
    /// Held as long as the journal is open: one writer at a time.
    _lock: File,
}

impl Journal {
    /// Opens the journal of a data directory for writing, making it when it is not there.
    ///
    /// # Errors
    /// [`JournalError`]: in use, no journal, of a newer version, or not accessible.
    pub fn open(directory: &Path) -> Result<Self, JournalError> {
        let path = directory.join(FILE);
        let lock = lock(&directory.join("journal.lock"))?;
        let connection = schema::open(&path)?;
        let failed = |source| JournalError::Sqlite {
            path: path.clone(),
            doing: "read",
            source,
        };
        let run = "SELECT coalesce(max(id), 0) FROM run";
        let run = connection
            .query_row(run, [], |row| row.get(0))
            .map_err(failed)?;
        let (last, event_link) = end(&connection, "event").map_err(failed)?;
        let (last_action, action_link) = end(&connection, "action").map_err(failed)?;
        let quiet = Vec::new();
        Ok(Self {
            path,
            connection,
            run,
            last,
            last_action,
            event_link,
            action_link,
            quiet,
            _lock: lock,
        })
    }

    /// Whether nothing was ever written.
    pub fn is_fresh(&self) -> bool {
        self.run == 0
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a run: everything that a replay needs besides the events.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn begin_run(
        &mut self,
        wall: Timestamp,
        line: &LineConfig,
        plan: &SortPlan,
    ) -> Result<(), JournalError> {
        let text = |value: Result<String, serde_json::Error>| {
            value.map_err(|error| self.damaged("run", self.run, error.to_string()))
        };
        let (line, plan) = (
            text(serde_json::to_string(line))?,
            text(serde_json::to_string(plan))?,
        );
        let insert = "INSERT INTO run (id, wall_us, version, first, line, plan) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let version = env!("CARGO_PKG_VERSION");
        let values = params![
            self.run + 1,
            wall.as_microsecond(),
            version,
            self.last + 1,
            line,
            plan
        ];
        let done = self.connection.execute(insert, values);
        done.map_err(|source| self.failed(source))?;
        self.run += 1;
        Ok(())
    }

    /// Makes records durable, all or none, and gives them their numbers.
    ///
    /// # Errors
    /// SQLite refuses, for example because the disk is full. The journal is not to be used any
    /// more then: what is in the file counts.
    pub fn commit(&mut self, records: Vec<Record>) -> Result<Vec<Committed>, JournalError> {
        let Self {
            connection,
            run,
            last,
            last_action,
            event_link,
            action_link,
            quiet,
            ..
        } = self;
        let result = connection.transaction().and_then(|transaction| {
            let (run, quiet) = (*run, quiet);
            let mut batch = Batch {
                transaction,
                run,
                last,
                last_action,
                event_link,
                action_link,
            };
            let mut committed = Vec::with_capacity(records.len());
            for record in records {
                if let Some(step) = quiet_step(&record) {
                    quiet.push(step);
                    if quiet.len() < QUIET_MAX {
                        continue;
                    }
                    batch.quiet(&std::mem::take(quiet))?;
                } else {
                    batch.quiet(&std::mem::take(quiet))?;
                    let seq = batch.record(&record)?;
                    committed.push(Committed { seq, record });
                }
            }
            batch.transaction.commit()?;
            Ok(committed)
        });
        result.map_err(|source| self.failed(source))
    }

    /// Writes the quiet steps that still wait; for an orderly end.
    ///
    /// # Errors
    /// As [`Journal::commit`].
    pub fn flush(&mut self) -> Result<(), JournalError> {
        let Self {
            connection,
            run,
            last,
            last_action,
            event_link,
            action_link,
            quiet,
            ..
        } = self;
        let result = connection.transaction().and_then(|transaction| {
            let run = *run;
            let mut batch = Batch {
                transaction,
                run,
                last,
                last_action,
                event_link,
                action_link,
            };
            batch.quiet(&std::mem::take(quiet))?;
            batch.transaction.commit()
        });
        result.map_err(|source| self.failed(source))
    }

    /// Ids of the last `limit` commands accepted.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn command_ids(&self, limit: u32) -> Result<Vec<String>, JournalError> {
        let select = "SELECT id FROM command ORDER BY event DESC LIMIT ?1";
        let ids = self
            .connection
            .prepare(select)
            .and_then(|mut statement| statement.query_map([limit], |row| row.get(0))?.collect());
        ids.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: rusqlite::Error) -> JournalError {
        JournalError::Sqlite {
            path: self.path.clone(),
            doing: "written",
            source,
        }
    }

    fn damaged(&self, table: &'static str, seq: i64, what: String) -> JournalError {
        JournalError::Damaged {
            path: self.path.clone(),
            table,
            seq,
            what,
        }
    }
}

fn lock(path: &Path) -> Result<File, JournalError> {
    let io = |source| JournalError::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

fn end(connection: &Connection, table: &str) -> rusqlite::Result<(i64, Link)> {
    let select = format!("SELECT seq, link FROM {table} ORDER BY seq DESC LIMIT 1");
    let row = connection.query_row(&select, [], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(row.optional()?.unwrap_or((0, FIRST_LINK)))
}

fn quiet_step(record: &Record) -> Option<QuietStep> {
    if !record.actions.is_empty() || record.cursor.is_some() {
        return None;
    }
    match &record.cause {
        Cause::Event {
            event: Event::Belt { at },
        } => Some((record.at, Some(at.0), record.wall)),
        Cause::Event { .. } => None,
        Cause::Timeout => Some((record.at, None, record.wall)),
    }
}

/// One transaction, and the ends of the chains that move with it.
struct Batch<'a> {
    transaction: Transaction<'a>,
    run: i64,
    last: &'a mut i64,
    last_action: &'a mut i64,
    event_link: &'a mut Link,
    action_link: &'a mut Link,
}

impl Batch<'_> {
    fn quiet(&mut self, steps: &[QuietStep]) -> rusqlite::Result<()> {
        let Some(&(at, _, wall)) = steps.last() else {
            return Ok(());
        };
        let pairs: Vec<_> = steps.iter().map(|(at, ticks, _)| (at.0, ticks)).collect();
        self.event("quiet", at, wall, None, &to_json(&pairs)?)
    }

    fn record(&mut self, record: &Record) -> rusqlite::Result<i64> {
        let (kind, body) = match &record.cause {
            Cause::Event { event } => ("event", to_json(event)?),
            Cause::Timeout => ("timeout", "null".to_owned()),
        };
        self.event(kind, record.at, record.wall, record.cursor, &body)?;
        for action in &record.actions {
            self.action(action, record.wall)?;
        }
        if let Some(origin) = &record.origin {
            // An id may come again long after: then its first use stays on record.
            let insert = "INSERT INTO command (id, event, wall_us, via) VALUES (?1, ?2, ?3, ?4) \
                          ON CONFLICT (id) DO NOTHING";
            let wall = record.wall.as_microsecond();
            self.run_cached(insert, params![origin.id, *self.last, wall, origin.via])?;
        }
        Ok(*self.last)
    }

    fn event(
        &mut self,
        kind: &str,
        at: LineTime,
        wall: Timestamp,
        cursor: Option<u32>,
        body: &str,
    ) -> rusqlite::Result<()> {
        let seq = *self.last + 1;
        let (at, wall) = (micros(at), wall.as_microsecond());
        let link = link(self.event_link, seq, &head(kind, at, wall, cursor), body);
        let insert = "INSERT INTO event (seq, run, at_us, wall_us, cursor, kind, body, link) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        self.run_cached(
            insert,
            params![seq, self.run, at, wall, cursor, kind, body, link],
        )?;
        (*self.last, *self.event_link) = (seq, link);
        Ok(())
    }

    fn action(&mut self, action: &Action, wall: Timestamp) -> rusqlite::Result<()> {
        let seq = *self.last_action + 1;
        let body = to_json(action)?;
        let link = link(self.action_link, seq, "", &body);
        let parcel = parcel_of(action).map(|parcel| parcel.0.cast_signed());
        let insert =
            "INSERT INTO action (seq, event, parcel, body, link) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.run_cached(insert, params![seq, *self.last, parcel, body, link])?;
        (*self.last_action, *self.action_link) = (seq, link);
        if let Action::Parcel {
            parcel,
            step: Step::Ended { outcome },
        } = action
        {
            let insert = "INSERT INTO outcome (parcel, event, wall_us, body) \
                          VALUES (?1, ?2, ?3, ?4) ON CONFLICT (parcel) DO NOTHING";
            let wall = wall.as_microsecond();
            let values = params![parcel.0.cast_signed(), *self.last, wall, to_json(outcome)?];
            if self.run_cached(insert, values)? == 0 {
                tracing::error!(%parcel, "a parcel was given a second outcome");
            }
        }
        Ok(())
    }

    fn run_cached(&self, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<usize> {
        self.transaction.prepare_cached(sql)?.execute(values)
    }
}

fn parcel_of(action: &Action) -> Option<ParcelId> {
    match action {
        Action::Parcel { parcel, .. } | Action::Resolve { parcel, .. } => Some(*parcel),
        Action::Send { .. }
        | Action::Chute { .. }
        | Action::BagClosed { .. }
        | Action::Induction { .. }
        | Action::Jog { .. }
        | Action::Alarm { .. } => None,
    }
}

fn to_json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// The thread that writes the journal.
#[derive(Debug)]
pub struct Writer {
    thread: std::thread::JoinHandle<Result<(), JournalError>>,
}

impl Writer {
    /// Starts it. It ends when `records` closes, or when the journal cannot be written: then
    /// `records` closes on the sender's side. `told` hears of records once they are durable.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(
        journal: Journal,
        window: Duration,
        records: mpsc::Receiver<Record>,
        told: mpsc::Sender<Vec<Committed>>,
    ) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Handle::current();
        let write = move || write(journal, window, &runtime, records, &told);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(write)?;
        Ok(Self { thread })
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// Why the journal could not be written.
    pub fn join(self) -> Result<(), JournalError> {
        self.thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn write(
    mut journal: Journal,
    window: Duration,
    runtime: &tokio::runtime::Handle,
    mut records: mpsc::Receiver<Record>,
    told: &mpsc::Sender<Vec<Committed>>,
) -> Result<(), JournalError> {
    loop {
        let batch = runtime.block_on(collect(&mut records, window));
        if batch.is_empty() {
            return journal.flush();
        }
        let committed = journal.commit(batch)?;
        if !committed.is_empty() && told.blocking_send(committed).is_err() {
            tracing::debug!("nobody listens to the journal any more");
        }
    }
}

/// The next records: waits for the first, then for others until the window has passed.
async fn collect(records: &mut mpsc::Receiver<Record>, window: Duration) -> Vec<Record> {
    let mut batch = Vec::new();
    if records.recv_many(&mut batch, BATCH_MAX).await == 0 {
        return batch;
    }
    let rest = async {
        while batch.len() < BATCH_MAX {
            let room = BATCH_MAX.saturating_sub(batch.len());
            if records.recv_many(&mut batch, room).await == 0 {
                return;
            }
        }
    };
    if tokio::time::timeout(window, rest).await.is_err() {
        tracing::trace!("the window of a commit has passed");
    }
    batch
}
