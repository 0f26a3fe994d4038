//! The history of alarms: what the line raised and cleared, and what people did about it.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::{Entry, Office, OfficeError, micros, timestamp};

/// What happened to an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmChange {
    /// It came.
    Raised,
    /// It came as a consequence of another: nobody is called for it.
    Suppressed,
    /// Its cause is gone.
    Cleared,
    /// A person has seen it.
    Acknowledged,
    /// A person switched its sound off.
    Silenced,
    /// A person put it aside for a time.
    Shelved,
    /// That time is over, or a person took it back.
    Unshelved,
    /// A person took it out of service.
    OutOfService,
    /// And back into it.
    InService,
}

impl AlarmChange {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Raised, "raised"),
        (Self::Suppressed, "suppressed"),
        (Self::Cleared, "cleared"),
        (Self::Acknowledged, "acknowledged"),
        (Self::Silenced, "silenced"),
        (Self::Shelved, "shelved"),
        (Self::Unshelved, "unshelved"),
        (Self::OutOfService, "out_of_service"),
        (Self::InService, "in_service"),
    ];

    /// As stored and sent.
    pub fn name(self) -> &'static str {
        let named = Self::ALL.iter().find(|(change, _)| *change == self);
        named.map_or("raised", |(_, name)| name)
    }

    fn parse(name: &str) -> Option<Self> {
        let named = Self::ALL.iter().find(|(_, known)| *known == name);
        named.map(|(change, _)| *change)
    }
}

/// One row of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmRow {
    /// Number of the journal's row, for what the line itself did.
    pub journal: Option<i64>,
    /// When.
    pub at: Timestamp,
    /// Id of the alarm.
    pub alarm: String,
    /// What.
    pub change: AlarmChange,
    /// Who; empty for the line itself.
    pub who: String,
    /// Why, in the person's words.
    pub reason: String,
    /// Until when, for shelving.
    pub until: Option<Timestamp>,
}

/// What to look for in the history.
#[derive(Clone, Debug)]
pub struct Find {
    /// Part of an id, a person or a reason.
    pub text: String,
    /// From here on.
    pub from: Timestamp,
    /// Up to here.
    pub to: Timestamp,
    /// Rows at most.
    pub limit: u32,
}

impl Office {
    /// Keeps what the line did. Rows that are known already are kept once.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn log_alarms(&self, rows: &[AlarmRow]) -> Result<(), OfficeError> {
        self.change(|transaction| {
            for row in rows {
                insert(transaction, row)?;
            }
            Ok(((), None))
        })
    }

    /// Puts what a person did on record, here and in the audit trail.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn log_act(&self, row: &AlarmRow, entry: Entry) -> Result<(), OfficeError> {
        self.change(|transaction| {
            insert(transaction, row)?;
            Ok(((), Some(entry)))
        })
    }

    /// The history, newest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn alarms(&self, find: &Find) -> Result<Vec<AlarmRow>, OfficeError> {
        let select = "SELECT journal, wall_us, alarm, change, who, reason, until_us FROM alarm_log \
                      WHERE wall_us >= ?1 AND wall_us < ?2 AND (?3 = '' OR instr(lower(alarm || \
                      ' ' || change || ' ' || who || ' ' || reason), lower(?3)) > 0) \
                      ORDER BY wall_us DESC, seq DESC LIMIT ?4";
        let values = params![micros(find.from), micros(find.to), find.text, find.limit];
        self.ask(|connection| {
            connection
                .prepare(select)?
                .query_map(values, row)?
                .collect()
        })
    }

    /// What people did since `from`, oldest first; for a restart.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn acts_since(&self, from: Timestamp) -> Result<Vec<AlarmRow>, OfficeError> {
        let select = "SELECT journal, wall_us, alarm, change, who, reason, until_us FROM alarm_log \
                      WHERE journal IS NULL AND wall_us >= ?1 ORDER BY seq";
        let values = params![micros(from)];
        self.ask(|connection| {
            connection
                .prepare(select)?
                .query_map(values, row)?
                .collect()
        })
    }

    /// Forgets what is older than `age`.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn forget_alarms(&self, now: Timestamp, age: SignedDuration) -> Result<(), OfficeError> {
        let floor = now.checked_sub(age).unwrap_or(now);
        self.change(|transaction| {
            transaction.execute("DELETE FROM alarm_log WHERE wall_us < ?1", [micros(floor)])?;
            Ok(((), None))
        })
    }
}

fn insert(connection: &Connection, row: &AlarmRow) -> rusqlite::Result<()> {
    let insert = "INSERT INTO alarm_log (journal, wall_us, alarm, change, who, reason, until_us) \
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (journal, alarm) DO NOTHING";
    let values = params![
        row.journal,
        micros(row.at),
        row.alarm,
        row.change.name(),
        row.who,
        row.reason,
        row.until.map(micros)
    ];
    connection.execute(insert, values)?;
    Ok(())
}

fn row(row: &Row<'_>) -> rusqlite::Result<AlarmRow> {
    let change: String = row.get(3)?;
    Ok(AlarmRow {
        journal: row.get(0)?,
        at: timestamp(row.get(1)?),
        alarm: row.get(2)?,
        change: AlarmChange::parse(&change).unwrap_or(AlarmChange::Raised),
        who: row.get(4)?,
        reason: row.get(5)?,
        until: row.get::<_, Option<i64>>(6)?.map(timestamp),
    })
}
