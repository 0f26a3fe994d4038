//! What became of transport: runs that arrived, the life of the model learnt from them, and
//! conditions that were told.

use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;
use serde_json::Value;
use sortline_route::lifecycle::{State, Verdict};
use sortline_route::{Arrived, Minute, RUNS_MAX};

use super::{Entry, Office, OfficeError, micros, timestamp};
use crate::conditions::{Conditions, Told};

/// Verdicts that are shown at most.
const LOG_MAX: u32 = 200;

/// A verdict on the model, as kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Learning {
    /// When.
    pub at: String,
    /// What.
    #[serde(flatten)]
    pub verdict: Value,
}

impl Office {
    /// Keeps runs that arrived; one that is known already stays as it is. How many are new.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn add_arrivals(
        &self,
        runs: &[Arrived],
        entry: Option<Entry>,
    ) -> Result<usize, OfficeError> {
        self.change(|transaction| {
            let insert = "INSERT OR IGNORE INTO arrival (service, departed_min, weather, late_min) \
                          VALUES (?1, ?2, ?3, ?4)";
            let mut insert = transaction.prepare(insert)?;
            let mut new = 0;
            for run in runs {
                new += insert.execute(params![
                    run.service,
                    run.departed.0,
                    run.weather,
                    run.late_min
                ])?;
            }
            Ok((new, entry))
        })
    }

    /// Number of runs kept.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn arrivals_count(&self) -> Result<usize, OfficeError> {
        self.ask(|connection| {
            let count = connection.query_row("SELECT count(*) FROM arrival", [], |row| {
                row.get::<_, i64>(0)
            });
            Ok(usize::try_from(count?).unwrap_or(0))
        })
    }

    /// The runs kept, in the order in which they were told.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn arrivals(&self) -> Result<Vec<Arrived>, OfficeError> {
        self.ask(|connection| {
            let select = "SELECT service, departed_min, weather, late_min FROM arrival \
                          ORDER BY seq LIMIT ?1";
            let most = i64::try_from(RUNS_MAX).unwrap_or(i64::MAX);
            connection
                .prepare(select)?
                .query_map([most], |row| {
                    Ok(Arrived {
                        service: row.get(0)?,
                        departed: Minute(row.get(1)?),
                        weather: row.get(2)?,
                        late_min: row.get(3)?,
                    })
                })?
                .collect()
        })
    }

    /// State of the model's life; as new when nothing is kept.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn learning(&self) -> Result<State, OfficeError> {
        let kept: Option<String> = self.ask(|connection| {
            let select = "SELECT body FROM transport WHERE name = 'learning'";
            connection
                .query_row(select, [], |row| row.get(0))
                .optional()
        })?;
        let state = kept.and_then(|text| serde_json::from_str(&text).ok());
        Ok(state.unwrap_or_default())
    }

    /// Keeps a verdict and the state after it.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn keep_learning(
        &self,
        state: State,
        verdict: &Verdict,
        at: jiff::Timestamp,
    ) -> Result<(), OfficeError> {
        self.change(|transaction| {
            let text = |value: serde_json::Result<String>| value.unwrap_or_default();
            let put = "INSERT OR REPLACE INTO transport (name, body) VALUES ('learning', ?1)";
            transaction.execute(put, [text(serde_json::to_string(&state))])?;
            let log = "INSERT INTO learning_log (wall_us, verdict) VALUES (?1, ?2)";
            let verdict = text(serde_json::to_string(verdict));
            transaction.execute(log, params![micros(at), verdict])?;
            Ok(((), None))
        })
    }

    /// The last verdicts, newest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn learning_log(&self) -> Result<Vec<Learning>, OfficeError> {
        self.ask(|connection| {
            let select = "SELECT wall_us, verdict FROM learning_log ORDER BY seq DESC LIMIT ?1";
            connection
                .prepare(select)?
                .query_map([LOG_MAX], |row| {
                    let verdict: String = row.get(1)?;
                    Ok(Learning {
                        at: format!("{:.0}", timestamp(row.get(0)?)),
                        verdict: serde_json::from_str(&verdict).unwrap_or_default(),
                    })
                })?
                .collect()
        })
    }

    /// The conditions that were told and not taken back.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn conditions(&self) -> Result<Conditions, OfficeError> {
        let texts: Vec<String> = self.ask(|connection| {
            let select = "SELECT body FROM told ORDER BY id";
            connection
                .prepare(select)?
                .query_map([], |row| row.get(0))?
                .collect()
        })?;
        let told = texts
            .iter()
            .filter_map(|text| serde_json::from_str::<Told>(text).ok());
        Ok(Conditions {
            condition: told.collect(),
        })
    }

    /// Keeps these conditions in the place of all before.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn keep_conditions(&self, conditions: &Conditions) -> Result<(), OfficeError> {
        self.change(|transaction| {
            transaction.execute("DELETE FROM told", [])?;
            let mut insert = transaction.prepare("INSERT INTO told (id, body) VALUES (?1, ?2)")?;
            for told in &conditions.condition {
                let body = serde_json::to_string(told).unwrap_or_default();
                insert.execute(params![told.id, body])?;
            }
            drop(insert);
            Ok(((), None))
        })
    }
}
