//! Earlier texts of the site's files, so that a change can be taken back.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;
use serde_json::json;

use super::{Entry, Office, OfficeError, micros, timestamp};

/// Texts kept of one file.
const VERSIONS_MAX: i64 = 100;

/// One text that a file had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileVersion {
    /// Number.
    pub seq: i64,
    /// When it was replaced.
    pub at: String,
    /// By whom.
    pub who: String,
    /// Bytes.
    pub bytes: i64,
}

/// A file's text that is about to be replaced.
#[derive(Clone, Debug)]
pub struct FileChange {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// Name of the file.
    pub name: String,
    /// Its text until now.
    pub before: String,
    /// Its text from now on.
    pub after: String,
}

impl Office {
    /// Puts a change of a file on record and keeps its text until now; `write` makes the change, and
    /// neither happens when it fails.
    ///
    /// # Errors
    /// SQLite refuses, or the file cannot be written.
    pub fn change_file(
        &self,
        change: &FileChange,
        write: impl FnOnce() -> std::io::Result<()>,
    ) -> Result<(), OfficeError> {
        self.change(|transaction| {
            let insert =
                "INSERT INTO file_version (name, wall_us, who, body) VALUES (?1, ?2, ?3, ?4)";
            let values = params![change.name, micros(change.at), change.who, change.before];
            transaction.execute(insert, values)?;
            let forget = "DELETE FROM file_version WHERE name = ?1 AND seq NOT IN (SELECT seq FROM \
                          file_version WHERE name = ?1 ORDER BY seq DESC LIMIT ?2)";
            transaction.execute(forget, params![change.name, VERSIONS_MAX])?;
            if let Err(error) = write() {
                return super::refused(&format!("{} cannot be written: {error}", change.name));
            }
            let entry = Entry {
                at: change.at,
                who: change.who.clone(),
                action: "file.change",
                target: change.name.clone(),
                before: json!(change.before),
                after: json!(change.after),
            };
            Ok(((), Some(entry)))
        })
    }

    /// Texts that a file had, newest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn file_versions(&self, name: &str) -> Result<Vec<FileVersion>, OfficeError> {
        let select = "SELECT seq, wall_us, who, length(body) FROM file_version WHERE name = ?1 \
                      ORDER BY seq DESC";
        self.ask(|connection| {
            let mut rows = connection.prepare(select)?;
            let version = |row: &rusqlite::Row<'_>| {
                Ok(FileVersion {
                    seq: row.get(0)?,
                    at: format!("{:.0}", timestamp(row.get(1)?)),
                    who: row.get(2)?,
                    bytes: row.get(3)?,
                })
            };
            rows.query_map([name], version)?.collect()
        })
    }

    /// One of these texts.
    ///
    /// # Errors
    /// There is none with this number.
    pub fn file_version(&self, name: &str, seq: i64) -> Result<String, OfficeError> {
        let select = "SELECT body FROM file_version WHERE name = ?1 AND seq = ?2";
        let found = self.ask(|connection| {
            let found = connection.query_row(select, params![name, seq], |row| row.get(0));
            found.optional()
        })?;
        found.ok_or(OfficeError::Missing("version of the file"))
    }
}
