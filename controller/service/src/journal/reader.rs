//! Reading a journal, also while it is written.

mod outcomes;
mod window;

pub use window::Window;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use sortline_core::topology::LineConfig;
use sortline_core::{Event, LineTime, Outcome, ParcelId, SortPlan, Step, Ticks};

use super::{Cause, FILE, FIRST_LINK, JournalError, Link, Record, head, link, schema};

/// A journal opened for reading.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

/// One start of the service.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// Number, from 1.
    pub id: i64,
    /// Its first event.
    pub first: i64,
    /// The line as configured then.
    pub line: LineConfig,
    /// The sort plan it began with.
    pub plan: SortPlan,
}

/// One step as journalled.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Row.
    pub seq: i64,
    /// Run.
    pub run: i64,
    /// Line time.
    pub at: LineTime,
    /// Wall time.
    pub wall: Timestamp,
    /// Position in the field node's event ring.
    pub cursor: Option<u32>,
    /// What made the core take it.
    pub cause: Cause,
    /// What the core wanted, as stored.
    pub actions: Vec<String>,
}

impl Entry {
    /// The record that was written; `None` when nothing but time and belt travel moved, or its
    /// actions are of another version.
    pub fn record(&self) -> Option<Record> {
        let quiet = matches!(
            &self.cause,
            Cause::Timeout
                | Cause::Event {
                    event: Event::Belt { .. }
                }
        );
        if quiet && self.actions.is_empty() {
            return None;
        }
        let actions = self
            .actions
            .iter()
            .map(|action| serde_json::from_str(action).ok());
        Some(Record {
            at: self.at,
            wall: self.wall,
            cursor: self.cursor,
            cause: self.cause.clone(),
            actions: actions.collect::<Option<_>>()?,
            origin: None,
        })
    }
}

/// One outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct OutcomeRow {
    /// Parcel.
    pub parcel: ParcelId,
    /// Wall time.
    pub wall: Timestamp,
    /// Outcome.
    pub outcome: Outcome,
}

/// One step of a parcel's life.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRow {
    /// Wall time.
    pub wall: Timestamp,
    /// What happened.
    pub step: Step,
}

impl Reader {
    /// Opens the journal in `path`: the file itself, or the data directory that holds it.
    ///
    /// # Errors
    /// [`JournalError`]: no journal, of a newer version, or not accessible.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let path = if path.is_dir() {
            path.join(FILE)
        } else {
            path.to_owned()
        };
        if let Err(source) = std::fs::metadata(&path) {
            return Err(JournalError::Io { path, source });
        }
        Ok(Self {
            connection: schema::open_to_read(&path)?,
            path,
        })
    }

    /// All runs in order.
    ///
    /// # Errors
    /// Damaged, or SQLite refuses.
    pub fn runs(&self) -> Result<Vec<RunRow>, JournalError> {
        let select = "SELECT id, first, line, plan FROM run ORDER BY id";
        let rows = self.connection.prepare(select).and_then(|mut statement| {
            let row = |row: &Row<'_>| {
                let (line, plan): (String, String) = (row.get(2)?, row.get(3)?);
                Ok((row.get(0)?, row.get(1)?, line, plan))
            };
            statement
                .query_map([], row)?
                .collect::<rusqlite::Result<Vec<_>>>()
        });
        let rows: Vec<(i64, i64, String, String)> = rows.map_err(|source| self.failed(source))?;
        let parsed = rows.into_iter().map(|(id, first, line, plan)| {
            let (line, plan) = (self.parse("run", id, &line)?, self.parse("run", id, &plan)?);
            Ok(RunRow {
                id,
                first,
                line,
                plan,
            })
        });
        parsed.collect()
    }

    /// Feeds every step in order to `each`, checking both hash chains on the way. `each` ends the
    /// walk with `false`.
    ///
    /// # Errors
    /// Damaged, or SQLite refuses.
    pub fn walk(&self, mut each: impl FnMut(Entry) -> bool) -> Result<(), JournalError> {
        let read = |source| self.failed(source);
        let select =
            "SELECT seq, run, at_us, wall_us, cursor, kind, body, link FROM event ORDER BY seq";
        let mut events = self.connection.prepare(select).map_err(read)?;
        let select = "SELECT seq, body, link FROM action WHERE event = ?1 ORDER BY seq";
        let mut actions = self.connection.prepare(select).map_err(read)?;
        let mut rows = events.query([]).map_err(read)?;
        let (mut event_link, mut action_link) = (FIRST_LINK, FIRST_LINK);
        while let Some(row) = rows.next().map_err(read)? {
            let raw = RawEvent::new(row).map_err(read)?;
            let head = head(&raw.kind, raw.at_us, raw.wall_us, raw.cursor);
            event_link = link(&event_link, raw.seq, &head, &raw.body);
            self.check_link("event", raw.seq, &event_link, &raw.link)?;
            let mut wanted = Vec::new();
            let mut found = actions.query([raw.seq]).map_err(read)?;
            while let Some(row) = found.next().map_err(read)? {
                let raw = RawAction::new(row).map_err(read)?;
                action_link = link(&action_link, raw.seq, "", &raw.body);
                self.check_link("action", raw.seq, &action_link, &raw.link)?;
                wanted.push(raw.body);
            }
            for entry in self.entries(&raw, wanted)? {
                if !each(entry) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn check_link(
        &self,
        table: &'static str,
        seq: i64,
        expected: &Link,
        stored: &Link,
    ) -> Result<(), JournalError> {
        if expected == stored {
            return Ok(());
        }
        Err(self.damaged(
            table,
            seq,
            "its hash does not follow from the row before".to_owned(),
        ))
    }

    fn entries(&self, raw: &RawEvent, actions: Vec<String>) -> Result<Vec<Entry>, JournalError> {
        let RawEvent {
            seq,
            run,
            cursor,
            kind,
            body,
            ..
        } = raw;
        let (seq, run, cursor) = (*seq, *run, *cursor);
        let (at, wall) = (LineTime(raw.at_us.cast_unsigned()), timestamp(raw.wall_us));
        let single = |cause| {
            vec![Entry {
                seq,
                run,
                at,
                wall,
                cursor,
                cause,
                actions,
            }]
        };
        match kind.as_str() {
            "event" => Ok(single(Cause::Event {
                event: self.parse("event", seq, body)?,
            })),
            "timeout" => Ok(single(Cause::Timeout)),
            "quiet" => {
                let steps: Vec<(u64, Option<u32>)> = self.parse("event", seq, body)?;
                let quiet = |(at, ticks): (u64, Option<u32>)| {
                    let belt = |ticks| Cause::Event {
                        event: Event::Belt { at: Ticks(ticks) },
                    };
                    let (cause, actions) = (ticks.map_or(Cause::Timeout, belt), Vec::new());
                    Entry {
                        seq,
                        run,
                        at: LineTime(at),
                        wall,
                        cursor,
                        cause,
                        actions,
                    }
                };
                Ok(steps.into_iter().map(quiet).collect())
            }
            other => Err(self.damaged("event", seq, format!("its kind is `{other}`"))),
        }
    }

    /// All steps of one parcel in order; empty when there is no such parcel.
    ///
    /// # Errors
    /// Damaged, or SQLite refuses.
    pub fn steps(&self, parcel: ParcelId) -> Result<Vec<StepRow>, JournalError> {
        let select = "SELECT action.seq, event.wall_us, action.body FROM action \
                      JOIN event ON event.seq = action.event WHERE action.parcel = ?1 \
                      ORDER BY action.seq";
        let rows = self.rows(select, params![parcel.0.cast_signed()])?;
        let mut steps = Vec::new();
        for (seq, wall, body) in rows {
            if let sortline_core::Action::Parcel { step, .. } = self.parse("action", seq, &body)? {
                steps.push(StepRow { wall, step });
            }
        }
        Ok(steps)
    }

    /// The newest answers to where a parcel goes, newest first.
    ///
    /// # Errors
    /// Damaged, or SQLite refuses.
    pub fn resolutions(&self, limit: u32) -> Result<Vec<Step>, JournalError> {
        let select = "SELECT seq, 0, body FROM action WHERE parcel IS NOT NULL AND \
                      instr(body, '\"step\":\"resolved\"') > 0 ORDER BY seq DESC LIMIT ?1";
        let rows = self.rows(select, params![limit])?;
        let mut steps = Vec::new();
        for (seq, _, body) in rows {
            if let sortline_core::Action::Parcel { step, .. } = self.parse("action", seq, &body)? {
                steps.push(step);
            }
        }
        Ok(steps)
    }

    /// The newest decisions and ends of parcels, oldest first.
    ///
    /// # Errors
    /// Damaged, or SQLite refuses.
    pub fn decisions(&self, limit: u32) -> Result<Vec<(ParcelId, StepRow)>, JournalError> {
        let select = "SELECT action.seq, event.wall_us, action.body FROM action \
                      JOIN event ON event.seq = action.event WHERE action.parcel IS NOT NULL AND \
                      (instr(action.body, '\"step\":\"decided\"') > 0 OR \
                      instr(action.body, '\"step\":\"ended\"') > 0) \
                      ORDER BY action.seq DESC LIMIT ?1";
        let rows = self.rows(select, params![limit])?;
        let mut all = Vec::new();
        for (seq, wall, body) in rows.into_iter().rev() {
            let action = self.parse("action", seq, &body)?;
            if let sortline_core::Action::Parcel { parcel, step } = action {
                all.push((parcel, StepRow { wall, step }));
            }
        }
        Ok(all)
    }

    /// Parcels whose steps mention `text` (a code or postcode), newest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn find(&self, text: &str, limit: u32) -> Result<Vec<ParcelId>, JournalError> {
        let select = "SELECT parcel, 0, '' FROM (SELECT DISTINCT parcel FROM action \
                      WHERE parcel IS NOT NULL AND (?1 = '' OR instr(body, ?1) > 0 \
                      OR CAST(parcel AS TEXT) = ?1)) ORDER BY parcel DESC LIMIT ?2";
        let rows = self.rows(select, params![text, limit])?;
        Ok(rows
            .into_iter()
            .map(|(parcel, ..)| ParcelId(parcel.cast_unsigned()))
            .collect())
    }

    /// Number of the last event; 0 for an empty journal.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn last(&self) -> Result<i64, JournalError> {
        let select = "SELECT seq FROM event ORDER BY seq DESC LIMIT 1";
        let last = self
            .connection
            .query_row(select, [], |row| row.get(0))
            .optional();
        Ok(last.map_err(|source| self.failed(source))?.unwrap_or(0))
    }

    fn rows(
        &self,
        select: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<(i64, Timestamp, String)>, JournalError> {
        let rows = self
            .connection
            .prepare_cached(select)
            .and_then(|mut statement| {
                let row = |row: &Row<'_>| Ok((row.get(0)?, timestamp(row.get(1)?), row.get(2)?));
                statement.query_map(values, row)?.collect()
            });
        rows.map_err(|source| self.failed(source))
    }

    fn outcome_row(
        &self,
        (parcel, wall, body): (i64, Timestamp, String),
    ) -> Result<OutcomeRow, JournalError> {
        let outcome = self.parse("outcome", parcel, &body)?;
        Ok(OutcomeRow {
            parcel: ParcelId(parcel.cast_unsigned()),
            wall,
            outcome,
        })
    }

    fn parse<T: serde::de::DeserializeOwned>(
        &self,
        table: &'static str,
        seq: i64,
        body: &str,
    ) -> Result<T, JournalError> {
        serde_json::from_str(body).map_err(|error| self.damaged(table, seq, error.to_string()))
    }

    fn failed(&self, source: rusqlite::Error) -> JournalError {
        JournalError::Sqlite {
            path: self.path.clone(),
            doing: "read",
            source,
        }
    }

    pub(super) fn refused(&self, table: &'static str, seq: i64, what: String) -> JournalError {
        self.damaged(table, seq, what)
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

/// A row of `event` before its body is understood.
struct RawEvent {
    seq: i64,
    run: i64,
    at_us: i64,
    wall_us: i64,
    cursor: Option<u32>,
    kind: String,
    body: String,
    link: Link,
}

impl RawEvent {
    fn new(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            run: row.get(1)?,
            at_us: row.get(2)?,
            wall_us: row.get(3)?,
            cursor: row.get(4)?,
            kind: row.get(5)?,
            body: row.get(6)?,
            link: row.get(7)?,
        })
    }
}

/// A row of `action`.
struct RawAction {
    seq: i64,
    body: String,
    link: Link,
}

impl RawAction {
    fn new(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            body: row.get(1)?,
            link: row.get(2)?,
        })
    }
}

fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}
