//! The one end of each parcel.

use rusqlite::{Row, params};
use sortline_core::ParcelId;

use super::{OutcomeRow, Reader, timestamp};
use crate::journal::JournalError;

impl Reader {
    /// The last outcomes, newest first.
    ///
    /// # Errors
    /// Damaged, or SQLite refuses.
    pub fn outcomes(&self, limit: u32) -> Result<Vec<OutcomeRow>, JournalError> {
        let select = "SELECT parcel, wall_us, body FROM outcome ORDER BY event DESC LIMIT ?1";
        let rows = self.rows(select, params![limit])?;
        rows.into_iter().map(|row| self.outcome_row(row)).collect()
    }

    /// Outcomes in rows of the journal's events behind this one, in order, each with its row; those
    /// of `rows` rows at most, and none of a row without the others.
    ///
    /// # Errors
    /// Damaged, or SQLite refuses.
    pub fn outcomes_behind(
        &self,
        row: i64,
        rows: u32,
    ) -> Result<Vec<(i64, OutcomeRow)>, JournalError> {
        let select = "SELECT event, parcel, wall_us, body FROM outcome WHERE event > ?1 AND event \
                      <= (SELECT max(event) FROM (SELECT DISTINCT event FROM outcome WHERE event > \
                      ?1 ORDER BY event LIMIT ?2)) ORDER BY event, parcel";
        let found = self.connection.prepare(select).and_then(|mut statement| {
            let read = |row: &Row<'_>| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?)));
            let found = statement.query_map(params![row, rows], read)?;
            found.collect::<rusqlite::Result<Vec<(i64, (i64, i64, String))>>>()
        });
        let found = found.map_err(|source| self.failed(source))?;
        let outcome = |(event, (parcel, wall, body)): (i64, (i64, i64, String))| {
            Ok((event, self.outcome_row((parcel, timestamp(wall), body))?))
        };
        found.into_iter().map(outcome).collect()
    }

    /// Row of the newest outcome; 0 when there is none.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn last_outcome(&self) -> Result<i64, JournalError> {
        let select = "SELECT coalesce(max(event), 0) FROM outcome";
        let last = self.connection.query_row(select, [], |row| row.get(0));
        last.map_err(|source| self.failed(source))
    }

    /// The outcome of one parcel, if it has one.
    ///
    /// # Errors
    /// Damaged, or SQLite refuses.
    pub fn outcome(&self, parcel: ParcelId) -> Result<Option<OutcomeRow>, JournalError> {
        let select = "SELECT parcel, wall_us, body FROM outcome WHERE parcel = ?1";
        let rows = self.rows(select, params![parcel.0.cast_signed()])?;
        rows.into_iter()
            .next()
            .map(|row| self.outcome_row(row))
            .transpose()
    }
}
