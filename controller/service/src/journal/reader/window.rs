//! What happened on the belt in a stretch of time.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};
use sortline_core::{Action, ParcelId};

use super::{Reader, StepRow};
use crate::journal::JournalError;

/// Steps of all parcels in a stretch of time, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// Each with its parcel.
    pub steps: Vec<(ParcelId, StepRow)>,
    /// Where to go on, when there may be more before the end.
    pub next: Option<i64>,
}

impl Reader {
    /// Steps of parcels from `from` up to, but not including, `to`, of at most `limit` rows; a later
    /// part begins at the earlier one's [`Window::next`].
    ///
    /// Events are in the order in which they were taken, so the first one is found by halving; a clock
    /// that was set back in between moves the beginning, never the order.
    ///
    /// # Errors
    /// Damaged, or SQLite refuses.
    pub fn window(
        &self,
        (from, to): (Timestamp, Timestamp),
        next: Option<i64>,
        limit: u32,
    ) -> Result<Window, JournalError> {
        let Some(first) = next.map_or_else(|| self.first_action(from), |seq| Ok(Some(seq)))? else {
            return Ok(Window::default());
        };
        let select = "SELECT action.seq, event.wall_us, action.body FROM action \
                      JOIN event ON event.seq = action.event WHERE action.seq >= ?1 \
                      ORDER BY action.seq LIMIT ?2";
        let rows = self.rows(select, params![first, limit])?;
        let full = u32::try_from(rows.len()).is_ok_and(|count| count >= limit);
        let mut window = Window::default();
        for (seq, wall, body) in rows {
            if wall >= to {
                window.next = None;
                break;
            }
            window.next = full.then_some(seq.saturating_add(1));
            if let Action::Parcel { parcel, step } = self.parse("action", seq, &body)? {
                window.steps.push((parcel, StepRow { wall, step }));
            }
        }
        Ok(window)
    }

    /// The first action of the first event at or after a time.
    fn first_action(&self, from: Timestamp) -> Result<Option<i64>, JournalError> {
        let from = from.as_microsecond();
        let (mut low, mut high) = (1, self.last()?.saturating_add(1));
        while low < high {
            let middle = low.midpoint(high);
            let select = "SELECT seq, wall_us FROM event WHERE seq >= ?1 ORDER BY seq LIMIT 1";
            let found = self.one(select, middle)?;
            if found.is_some_and(|(_, wall)| wall < from) {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        let select = "SELECT seq, event FROM action WHERE event >= ?1 ORDER BY event, seq LIMIT 1";
        Ok(self.one(select, low)?.map(|(seq, _)| seq))
    }

    fn one(&self, select: &str, from: i64) -> Result<Option<(i64, i64)>, JournalError> {
        let row = self
            .connection
            .prepare_cached(select)
            .and_then(|mut statement| {
                statement
                    .query_row([from], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            });
        row.map_err(|source| self.failed(source))
    }
}
