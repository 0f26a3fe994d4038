//! Versions of the sort plan, and which was active when.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use serde_json::json;
use sortline_core::{SortPlan, Ticks};

use super::{Entry, Office, OfficeError, Trouble, micros, refused, timestamp};

/// Versions kept; more are refused until a person names an old one anew.
const PLANS_MAX: i64 = 10_000;

/// One version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanRow {
    /// Number.
    pub id: i64,
    /// Version as named in decisions.
    pub version: String,
    /// Who made it; `plan.toml` for the file of the site.
    pub author: String,
    /// Why.
    pub comment: String,
    /// When it was made.
    pub made: String,
    /// Who approved it, besides the author.
    pub approved_by: Option<String>,
    /// When it was activated last.
    pub activated: Option<String>,
}

/// An activation to be put on record.
#[derive(Clone, Debug)]
pub struct Activation {
    /// Version.
    pub id: i64,
    /// Who.
    pub who: String,
    /// When.
    pub at: Timestamp,
    /// Encoder count: parcels inducted behind it are sorted by the plan.
    pub ticks: Option<Ticks>,
    /// A second person must have approved it.
    pub four_eyes: bool,
}

const SELECT: &str = "SELECT p.id, p.version, p.author, p.comment, p.made_us, p.approved_by, \
                      (SELECT max(a.wall_us) FROM activation a WHERE a.plan = p.id) FROM plan p";

impl Office {
    /// The plan to begin with: the one activated last, unless the site's file has changed since.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn adopt_plan(&self, file: &SortPlan, at: Timestamp) -> Result<SortPlan, OfficeError> {
        let body = body(file);
        self.change(|transaction| {
            let (author, text) = ("plan.toml", "read from the site's file");
            let last = "SELECT body FROM plan WHERE author = ?1 ORDER BY id DESC LIMIT 1";
            let last: Option<String> = transaction
                .query_row(last, [author], |row| row.get(0))
                .optional()?;
            if last.as_ref() == Some(&body)
                && let Some(plan) = active(transaction)?
            {
                return Ok((plan, None));
            }
            let id = insert(transaction, file, (author, text), at)?;
            activate(transaction, id, author, at, None)?;
            let kept = load(transaction, id)?;
            Ok((kept.unwrap_or_else(|| file.clone()), None))
        })
    }

    /// The version activated last; none before the first start.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn active_plan(&self) -> Result<Option<SortPlan>, OfficeError> {
        self.ask(active)
    }

    /// All versions, newest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn plans(&self, limit: u32) -> Result<Vec<PlanRow>, OfficeError> {
        let select = format!("{SELECT} ORDER BY p.id DESC LIMIT ?1");
        self.ask(|connection| {
            connection
                .prepare(&select)?
                .query_map([limit], row)?
                .collect()
        })
    }

    /// One version and its rules.
    ///
    /// # Errors
    /// There is no such plan.
    pub fn plan(&self, id: i64) -> Result<(PlanRow, SortPlan), OfficeError> {
        let select = format!("{SELECT} WHERE p.id = ?1");
        let found = self.ask(|connection| {
            let row = connection.query_row(&select, [id], row).optional()?;
            Ok(row.zip(load(connection, id)?))
        })?;
        found.ok_or(OfficeError::Missing("plan"))
    }

    /// Keeps a new version as a draft.
    ///
    /// # Errors
    /// Its version is taken.
    pub fn add_plan(
        &self,
        plan: &SortPlan,
        author: &str,
        comment: &str,
        at: Timestamp,
    ) -> Result<i64, OfficeError> {
        self.change(|transaction| {
            let taken = "SELECT count(*), (SELECT count(*) FROM plan) FROM plan WHERE version = ?1";
            let (taken, all): (i64, i64) =
                transaction
                    .query_row(taken, [&plan.version], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if taken > 0 {
                return refused("this version is taken: give the plan another one");
            }
            if all >= PLANS_MAX {
                return refused("there are too many versions");
            }
            let id = insert(transaction, plan, (author, comment), at)?;
            let entry = Entry {
                at,
                who: author.to_owned(),
                action: "plan.add",
                target: plan.version.clone(),
                before: json!(null),
                after: json!(plan),
            };
            Ok((id, Some(entry)))
        })
    }

    /// Approves a version of another person.
    ///
    /// # Errors
    /// There is no such plan, or it is the approver's own.
    pub fn approve_plan(&self, id: i64, who: &str, at: Timestamp) -> Result<(), OfficeError> {
        self.change(|transaction| {
            let select = format!("{SELECT} WHERE p.id = ?1");
            let Some(before) = transaction.query_row(&select, [id], row).optional()? else {
                return Err(Trouble::Missing("plan"));
            };
            if before.author == who {
                return refused("a plan is approved by somebody else than its author");
            }
            transaction.execute(
                "UPDATE plan SET approved_by = ?2 WHERE id = ?1",
                params![id, who],
            )?;
            let entry = Entry {
                at,
                who: who.to_owned(),
                action: "plan.approve",
                target: before.version.clone(),
                before: json!({ "approved_by": before.approved_by }),
                after: json!({ "approved_by": who }),
            };
            Ok(((), Some(entry)))
        })
    }

    /// Puts on record that a version becomes active, and gives it.
    ///
    /// # Errors
    /// There is no such plan, or it needs approval.
    pub fn activate_plan(&self, activation: &Activation) -> Result<SortPlan, OfficeError> {
        let Activation {
            id,
            who,
            at,
            ticks,
            four_eyes,
        } = activation;
        self.change(|transaction| {
            let select = format!("{SELECT} WHERE p.id = ?1");
            let found = transaction.query_row(&select, [id], row).optional()?;
            let Some((found, plan)) = found.zip(load(transaction, *id)?) else {
                return Err(Trouble::Missing("plan"));
            };
            let was_active = found.activated.is_some();
            if *four_eyes && found.approved_by.is_none() && !was_active {
                return refused("this site asks for a second person to approve the plan first");
            }
            let before = active(transaction)?.map(|plan| plan.version);
            activate(transaction, *id, who, *at, *ticks)?;
            let entry = Entry {
                at: *at,
                who: who.clone(),
                action: "plan.activate",
                target: plan.version.clone(),
                before: json!({ "version": before }),
                after: json!({ "version": plan.version, "from_ticks": ticks.map(|at| at.0) }),
            };
            Ok((plan, Some(entry)))
        })
    }
}

fn body(plan: &SortPlan) -> String {
    serde_json::to_string(plan).unwrap_or_default()
}

fn insert(
    connection: &Connection,
    plan: &SortPlan,
    (author, comment): (&str, &str),
    at: Timestamp,
) -> rusqlite::Result<i64> {
    // The site's file may change under the same version; its later contents are told apart.
    let mut taken = connection.prepare("SELECT 1 FROM plan WHERE version = ?1")?;
    let mut version = plan.version.clone();
    let mut number = 1_u32;
    while taken.exists([&version])? {
        number = number.saturating_add(1);
        version = format!("{} ({number})", plan.version);
    }
    let insert = "INSERT INTO plan (version, body, author, comment, made_us) \
                  VALUES (?1, ?2, ?3, ?4, ?5)";
    connection.execute(
        insert,
        params![version, body(plan), author, comment, micros(at)],
    )?;
    Ok(connection.last_insert_rowid())
}

fn activate(
    connection: &Connection,
    id: i64,
    who: &str,
    at: Timestamp,
    ticks: Option<Ticks>,
) -> rusqlite::Result<()> {
    let insert = "INSERT INTO activation (plan, wall_us, who, ticks) VALUES (?1, ?2, ?3, ?4)";
    connection.execute(insert, params![id, micros(at), who, ticks.map(|at| at.0)])?;
    Ok(())
}

fn active(connection: &Connection) -> rusqlite::Result<Option<SortPlan>> {
    let select = "SELECT plan FROM activation ORDER BY seq DESC LIMIT 1";
    let id: Option<i64> = connection
        .query_row(select, [], |row| row.get(0))
        .optional()?;
    id.map_or(Ok(None), |id| load(connection, id))
}

/// The rules of a version, under the name it was given here.
fn load(connection: &Connection, id: i64) -> rusqlite::Result<Option<SortPlan>> {
    let select = "SELECT version, body FROM plan WHERE id = ?1";
    let found: Option<(String, String)> = connection
        .query_row(select, [id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.and_then(|(version, body)| {
        let plan: SortPlan = serde_json::from_str(&body).ok()?;
        Some(SortPlan { version, ..plan })
    }))
}

fn row(row: &Row<'_>) -> rusqlite::Result<PlanRow> {
    let time = |at: Timestamp| format!("{at:.0}");
    Ok(PlanRow {
        id: row.get(0)?,
        version: row.get(1)?,
        author: row.get(2)?,
        comment: row.get(3)?,
        made: time(timestamp(row.get(4)?)),
        approved_by: row.get(5)?,
        activated: row.get::<_, Option<i64>>(6)?.map(timestamp).map(time),
    })
}
