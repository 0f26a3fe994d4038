//! The audit trail: who did what to what, and what it was before and after.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde_json::Value;
use sortline_core::ChuteId;

use super::{Office, OfficeError, micros, timestamp};
use crate::journal::{FIRST_LINK, Link, link};
use crate::live::Note;

/// Longest text kept of what was before and after, bytes.
const VALUE_MAX: usize = 16_384;

/// One action, to be put on record.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Id of a person, or `key:NAME` of a machine.
    pub who: String,
    /// What, as a word such as `chute.disable`.
    pub action: &'static str,
    /// On what.
    pub target: String,
    /// What it was.
    pub before: Value,
    /// What it is now.
    pub after: Value,
}

/// One row of the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRow {
    /// Number.
    pub seq: i64,
    /// When.
    pub at: String,
    /// Who.
    pub who: String,
    /// What.
    pub action: String,
    /// On what.
    pub target: String,
    /// JSON of what it was.
    pub before: String,
    /// JSON of what it is now.
    pub after: String,
}

pub(super) fn append(connection: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    let select = "SELECT seq, link FROM audit ORDER BY seq DESC LIMIT 1";
    let last: Option<(i64, Link)> = connection
        .query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (last, before) = last.unwrap_or((0, FIRST_LINK));
    let (seq, wall) = (last.saturating_add(1), micros(entry.at));
    let (old, new) = (bounded(&entry.before), bounded(&entry.after));
    let head = head(wall, &entry.who, entry.action, &entry.target);
    let link = link(&before, seq, &head, &body(&old, &new));
    let insert = "INSERT INTO audit (seq, wall_us, who, action, target, before, after, link) \
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    connection.execute(
        insert,
        params![
            seq,
            wall,
            entry.who,
            entry.action,
            entry.target,
            old,
            new,
            link
        ],
    )?;
    Ok(())
}

fn head(wall: i64, who: &str, action: &str, target: &str) -> String {
    format!("{wall}\u{1f}{who}\u{1f}{action}\u{1f}{target}\u{1f}")
}

fn body(before: &str, after: &str) -> String {
    format!("{before}\u{1f}{after}")
}

/// JSON of a value, or of its size when it is too long to be kept with every change.
fn bounded(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= VALUE_MAX {
        return text;
    }
    serde_json::json!({ "bytes": text.len() }).to_string()
}

impl Office {
    /// Puts an action on record that changes nothing else here.
    ///
    /// # Errors
    /// The file cannot be written: the action must not happen then.
    pub fn record(&self, entry: Entry) -> Result<(), OfficeError> {
        self.change(|_| Ok(((), Some(entry))))
    }

    /// Why chutes were switched off: of those whose last switch was off and had a reason.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn chute_notes(&self) -> Result<Vec<(ChuteId, Note)>, OfficeError> {
        let select = "SELECT target, max(seq), wall_us, after FROM audit \
                      WHERE action = 'chute.enable' GROUP BY target";
        let rows: Vec<(String, i64, String)> = self.ask(|connection| {
            let mut statement = connection.prepare(select)?;
            let rows =
                statement.query_map([], |row| Ok((row.get(0)?, row.get(2)?, row.get(3)?)))?;
            rows.collect()
        })?;
        let note = |(target, wall, after): (String, i64, String)| {
            let after: Value = serde_json::from_str(&after).ok()?;
            let reason = after.get("reason")?.as_str()?.to_owned();
            let off = after.get("enabled")? == &Value::Bool(false);
            let at = timestamp(wall);
            off.then_some((ChuteId(target.parse().ok()?), Note { at, reason }))
        };
        Ok(rows.into_iter().filter_map(note).collect())
    }

    /// Rows that mention `text`, newest first, below number `before` when it is given.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn audit(
        &self,
        text: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, OfficeError> {
        let select = "SELECT seq, wall_us, who, action, target, before, after FROM audit \
                      WHERE seq < ?1 AND (?2 = '' OR instr(lower(who || ' ' || action || ' ' || \
                      target || ' ' || before || ' ' || after), lower(?2)) > 0) \
                      ORDER BY seq DESC LIMIT ?3";
        let below = before.unwrap_or(i64::MAX);
        self.ask(|connection| {
            let mut statement = connection.prepare(select)?;
            let rows = statement.query_map(params![below, text, limit], |row| {
                Ok(AuditRow {
                    seq: row.get(0)?,
                    at: format!("{:.3}", timestamp(row.get(1)?)),
                    who: row.get(2)?,
                    action: row.get(3)?,
                    target: row.get(4)?,
                    before: row.get(5)?,
                    after: row.get(6)?,
                })
            })?;
            rows.collect()
        })
    }

    /// The first row whose hash does not follow from the row before; `None` when all do.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn audit_damaged_at(&self) -> Result<Option<i64>, OfficeError> {
        let select = "SELECT seq, wall_us, who, action, target, before, after, link FROM audit \
                      ORDER BY seq";
        self.ask(|connection| {
            let mut statement = connection.prepare(select)?;
            let mut rows = statement.query([])?;
            let mut chain = FIRST_LINK;
            while let Some(row) = rows.next()? {
                let seq: i64 = row.get(0)?;
                let text = |at: usize| row.get::<_, String>(at);
                let head = head(row.get(1)?, &text(2)?, &text(3)?, &text(4)?);
                chain = link(&chain, seq, &head, &body(&text(5)?, &text(6)?));
                if chain != row.get::<_, Link>(7)? {
                    return Ok(Some(seq));
                }
            }
            Ok(None)
        })
    }
}
