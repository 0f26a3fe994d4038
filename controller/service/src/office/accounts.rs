//! People, their sessions, and keys of machines.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;
use serde_json::json;

use super::secret::{self, PASSWORD_MAX, PASSWORD_MIN, Token};
use super::{Entry, Office, OfficeError, Trouble, micros, refused, timestamp};
use crate::people::{Role, Roles};

/// Failed attempts in a row after which an account waits.
const FAILURES: u32 = 5;
/// How long it waits.
const LOCKED: SignedDuration = SignedDuration::from_secs(60);
/// A session ends when nothing was asked for this long: a shift with its hand-over.
const IDLE: SignedDuration = SignedDuration::from_hours(10);
/// And at the latest after this.
const SESSION: SignedDuration = SignedDuration::from_hours(16);
/// A person that may only look stays signed in for so long: a display on the wall.
const DISPLAY: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Sessions of one person; the oldest ends when there are more.
const SESSIONS_MAX: u32 = 8;
/// Accounts and keys of a site.
const ACCOUNTS_MAX: i64 = 1_000;

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Name to sign in with.
    pub id: String,
    /// Name shown.
    pub name: String,
    /// Roles.
    pub roles: Roles,
    /// Cannot sign in.
    pub disabled: bool,
}

/// What changes on an account; absent members stay.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Name shown.
    pub name: Option<String>,
    /// Roles.
    pub roles: Option<Roles>,
    /// Password.
    pub password: Option<String>,
    /// Cannot sign in.
    pub disabled: Option<bool>,
}

/// A session as its bearer gets it.
#[derive(Debug)]
pub struct Session {
    /// To be shown with every request.
    pub token: Token,
    /// How long the browser keeps it.
    pub lasts: SignedDuration,
    /// Whose it is.
    pub account: Account,
}

/// A machine's key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Number.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Roles.
    pub roles: Roles,
    /// Since when.
    pub made: String,
}

impl Office {
    /// Whether nobody can sign in yet.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn is_empty(&self) -> Result<bool, OfficeError> {
        self.ask(|connection| {
            connection.query_row("SELECT count(*) = 0 FROM person", [], |row| row.get(0))
        })
    }

    /// All people.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn accounts(&self) -> Result<Vec<Account>, OfficeError> {
        self.ask(|connection| {
            let select = "SELECT id, name, roles, disabled FROM person ORDER BY id";
            connection
                .prepare(select)?
                .query_map([], account)?
                .collect()
        })
    }

    /// Adds a person. `first`: only while there is nobody, as the administrator.
    ///
    /// # Errors
    /// The name is taken or no name, the password too short, or somebody was first.
    pub fn add_account(
        &self,
        new: &Account,
        password: &str,
        by: &str,
        first: bool,
        at: Timestamp,
    ) -> Result<(), OfficeError> {
        self.change(|transaction| {
            check_id(&new.id)?;
            check_password(password)?;
            let count: i64 =
                transaction.query_row("SELECT count(*) FROM person", [], |row| row.get(0))?;
            if count >= ACCOUNTS_MAX {
                return refused("there are too many accounts");
            }
            if first && count > 0 {
                return refused("this controller has its first administrator already");
            }
            if find(transaction, &new.id)?.is_some() {
                return refused("this name is taken");
            }
            let Some((salt, hash)) = secret::keep(password) else {
                return refused("the system gives no random numbers");
            };
            let insert = "INSERT INTO person (id, name, roles, salt, hash, made_us) \
                          VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let roles = new.roles.to_string();
            let values = params![new.id, new.name, roles, salt, hash, micros(at)];
            transaction.execute(insert, values)?;
            let entry = Entry {
                at,
                who: by.to_owned(),
                action: "account.add",
                target: new.id.clone(),
                before: json!(null),
                after: json!(new),
            };
            Ok(((), Some(entry)))
        })
    }

    /// Changes a person. Their sessions end when rights or password change.
    ///
    /// # Errors
    /// There is no such person, or nobody would be left to administer.
    pub fn change_account(
        &self,
        id: &str,
        change: &Change,
        by: &str,
        at: Timestamp,
    ) -> Result<(), OfficeError> {
        self.change(|transaction| {
            let Some(before) = find(transaction, id)? else {
                return Err(Trouble::Missing("account"));
            };
            let mut after = before.clone();
            if let Some(name) = &change.name {
                after.name.clone_from(name);
            }
            if let Some(roles) = &change.roles {
                after.roles.clone_from(roles);
            }
            after.disabled = change.disabled.unwrap_or(before.disabled);
            let update = "UPDATE person SET name = ?2, roles = ?3, disabled = ?4 WHERE id = ?1";
            let values = params![id, after.name, after.roles.to_string(), after.disabled];
            transaction.execute(update, values)?;
            if let Some(password) = &change.password {
                set_password(transaction, id, password)?;
            }
            let rights = before.roles != after.roles || after.disabled;
            if rights || change.password.is_some() {
                transaction.execute("DELETE FROM session WHERE person = ?1", [id])?;
            }
            if administrators(transaction)? == 0 {
                return refused("nobody would be left to administer");
            }
            let mut told = json!(after);
            if let Some(members) = told.as_object_mut()
                && change.password.is_some()
            {
                members.insert("password".to_owned(), json!("set anew"));
            }
            let entry = Entry {
                at,
                who: by.to_owned(),
                action: "account.change",
                target: id.to_owned(),
                before: json!(before),
                after: told,
            };
            Ok(((), Some(entry)))
        })
    }

    /// Signs a person in.
    ///
    /// # Errors
    /// Name and password do not fit, or the account waits after too many attempts.
    pub fn sign_in(&self, id: &str, password: &str, at: Timestamp) -> Result<Session, OfficeError> {
        let verdict = self.change(|transaction| {
            let now = micros(at);
            let kept = kept(transaction, id)?;
            let open = kept.as_ref().is_some_and(|kept| kept.locked_us <= now);
            let length = password.chars().count() <= PASSWORD_MAX;
            let pair = kept.as_ref().map(|kept| (&*kept.salt, &*kept.hash));
            // Also tried for nobody and while waiting: the time taken says nothing.
            let fits = length && secret::fits(password, pair) && open;
            let Some(kept) = kept.filter(|_| open) else {
                return Ok((None, None));
            };
            if !fits || kept.account.disabled {
                note_failure(transaction, &kept, at)?;
                let entry = fact(at, id, "session.refused");
                return Ok((None, Some(entry)));
            }
            let reset = "UPDATE person SET failures = 0, locked_us = 0 WHERE id = ?1";
            transaction.execute(reset, [id])?;
            let session = begin(transaction, kept.account, at)?;
            Ok((Some(session), Some(fact(at, id, "session.begin"))))
        })?;
        let why = "name and password do not fit, or there were too many attempts: wait a minute";
        verdict.ok_or_else(|| OfficeError::Refused(why.to_owned()))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn sign_out(&self, token: &Token, who: &str, at: Timestamp) -> Result<(), OfficeError> {
        self.change(|transaction| {
            let delete = "DELETE FROM session WHERE token = ?1";
            transaction.execute(delete, [token.hash()])?;
            Ok(((), Some(fact(at, who, "session.end"))))
        })
    }

    /// Whose session a token is of.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn session(&self, token: &Token, at: Timestamp) -> Result<Option<Account>, OfficeError> {
        self.ask(|connection| {
            let select = "SELECT p.id, p.name, p.roles, p.disabled, s.seen_us, s.ends_us \
                          FROM session s JOIN person p ON p.id = s.person WHERE s.token = ?1";
            let found = connection
                .query_row(select, [token.hash()], |row| {
                    let times: (i64, i64) = (row.get(4)?, row.get(5)?);
                    Ok((account(row)?, times))
                })
                .optional()?;
            let Some((account, (seen, ends))) = found else {
                return Ok(None);
            };
            let now = micros(at);
            let idle = i64::try_from(IDLE.as_micros()).unwrap_or(i64::MAX);
            let display = account.roles.only(Role::Viewer);
            let over = ends <= now || (!display && seen.saturating_add(idle) <= now);
            if over || account.disabled {
                return Ok(None);
            }
            // Once a minute is enough to know that a session is in use.
            if now.saturating_sub(seen) > 60_000_000 {
                let update = "UPDATE session SET seen_us = ?2 WHERE token = ?1";
                connection.execute(update, params![token.hash(), now])?;
            }
            Ok(Some(account))
        })
    }

    /// Makes a key for a machine; its secret is told this once.
    ///
    /// # Errors
    /// The name is taken, or the system gives no random numbers.
    pub fn add_key(
        &self,
        name: &str,
        roles: &Roles,
        by: &str,
        at: Timestamp,
    ) -> Result<(i64, Token), OfficeError> {
        self.change(|transaction| {
            check_id(name)?;
            let taken: i64 = transaction.query_row(
                "SELECT count(*) FROM machine_key WHERE name = ?1 OR id > ?2",
                params![name, ACCOUNTS_MAX],
                |row| row.get(0),
            )?;
            if taken > 0 {
                return refused("this name is taken");
            }
            let Some(token) = Token::new() else {
                return refused("the system gives no random numbers");
            };
            let insert = "INSERT INTO machine_key (name, roles, token, made_us) \
                          VALUES (?1, ?2, ?3, ?4)";
            let values = params![name, roles.to_string(), token.hash(), micros(at)];
            transaction.execute(insert, values)?;
            let id = transaction.last_insert_rowid();
            let entry = Entry {
                at,
                who: by.to_owned(),
                action: "key.add",
                target: name.to_owned(),
                before: json!(null),
                after: json!({ "roles": roles }),
            };
            Ok(((id, token), Some(entry)))
        })
    }

    /// All keys.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn keys(&self) -> Result<Vec<Key>, OfficeError> {
        self.ask(|connection| {
            let select = "SELECT id, name, roles, made_us FROM machine_key ORDER BY id";
            connection.prepare(select)?.query_map([], key)?.collect()
        })
    }

    /// Takes a key back.
    ///
    /// # Errors
    /// There is no such key.
    pub fn remove_key(&self, id: i64, by: &str, at: Timestamp) -> Result<(), OfficeError> {
        self.change(|transaction| {
            let select = "SELECT id, name, roles, made_us FROM machine_key WHERE id = ?1";
            let Some(before) = transaction.query_row(select, [id], key).optional()? else {
                return Err(Trouble::Missing("key"));
            };
            transaction.execute("DELETE FROM machine_key WHERE id = ?1", [id])?;
            let entry = Entry {
                at,
                who: by.to_owned(),
                action: "key.remove",
                target: before.name.clone(),
                before: json!(before),
                after: json!(null),
            };
            Ok(((), Some(entry)))
        })
    }

    /// Whose key a token is.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn machine(&self, token: &Token) -> Result<Option<Key>, OfficeError> {
        self.ask(|connection| {
            let select = "SELECT id, name, roles, made_us FROM machine_key WHERE token = ?1";
            connection.query_row(select, [token.hash()], key).optional()
        })
    }
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        id: row.get(0)?,
        name: row.get(1)?,
        roles: Roles::parse(&row.get::<_, String>(2)?),
        disabled: row.get(3)?,
    })
}

fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    Ok(Key {
        id: row.get(0)?,
        name: row.get(1)?,
        roles: Roles::parse(&row.get::<_, String>(2)?),
        made: format!("{:.0}", timestamp(row.get(3)?)),
    })
}

fn find(connection: &Connection, id: &str) -> rusqlite::Result<Option<Account>> {
    let select = "SELECT id, name, roles, disabled FROM person WHERE id = ?1";
    connection.query_row(select, [id], account).optional()
}

struct Kept {
    account: Account,
    salt: Vec<u8>,
    hash: Vec<u8>,
    failures: u32,
    locked_us: i64,
}

fn kept(connection: &Connection, id: &str) -> rusqlite::Result<Option<Kept>> {
    let select = "SELECT id, name, roles, disabled, salt, hash, failures, locked_us FROM person \
                  WHERE id = ?1";
    connection
        .query_row(select, [id], |row| {
            Ok(Kept {
                account: account(row)?,
                salt: row.get(4)?,
                hash: row.get(5)?,
                failures: row.get(6)?,
                locked_us: row.get(7)?,
            })
        })
        .optional()
}

fn note_failure(transaction: &Transaction<'_>, kept: &Kept, at: Timestamp) -> rusqlite::Result<()> {
    let failures = kept.failures.saturating_add(1);
    let locked = failures.is_multiple_of(FAILURES);
    let until = if locked {
        at.checked_add(LOCKED).unwrap_or(at)
    } else {
        Timestamp::UNIX_EPOCH
    };
    let update = "UPDATE person SET failures = ?2, locked_us = ?3 WHERE id = ?1";
    transaction.execute(update, params![kept.account.id, failures, micros(until)])?;
    Ok(())
}

fn begin(
    transaction: &Transaction<'_>,
    account: Account,
    at: Timestamp,
) -> Result<Session, Trouble> {
    let Some(token) = Token::new() else {
        return refused("the system gives no random numbers");
    };
    let lasts = if account.roles.only(Role::Viewer) {
        DISPLAY
    } else {
        SESSION
    };
    let ends = at.checked_add(lasts).unwrap_or(at);
    let insert = "INSERT INTO session (token, person, seen_us, ends_us) VALUES (?1, ?2, ?3, ?4)";
    let values = params![token.hash(), account.id, micros(at), micros(ends)];
    transaction.execute(insert, values)?;
    let trim = "DELETE FROM session WHERE ends_us <= ?2 OR (person = ?1 AND token NOT IN (SELECT \
                token FROM session WHERE person = ?1 ORDER BY seen_us DESC LIMIT ?3))";
    transaction.execute(trim, params![account.id, micros(at), SESSIONS_MAX])?;
    Ok(Session {
        token,
        lasts,
        account,
    })
}

fn fact(at: Timestamp, who: &str, action: &'static str) -> Entry {
    Entry {
        at,
        who: who.to_owned(),
        action,
        target: who.to_owned(),
        before: json!(null),
        after: json!(null),
    }
}

fn set_password(transaction: &Transaction<'_>, id: &str, password: &str) -> Result<(), Trouble> {
    check_password(password)?;
    let Some((salt, hash)) = secret::keep(password) else {
        return refused("the system gives no random numbers");
    };
    let update =
        "UPDATE person SET salt = ?2, hash = ?3, failures = 0, locked_us = 0 WHERE id = ?1";
    transaction.execute(update, params![id, salt, hash])?;
    Ok(())
}

fn administrators(transaction: &Transaction<'_>) -> rusqlite::Result<usize> {
    let select = "SELECT id, name, roles, disabled FROM person WHERE disabled = 0";
    let mut statement = transaction.prepare(select)?;
    let people = statement.query_map([], account)?;
    let people: Vec<Account> = people.collect::<rusqlite::Result<_>>()?;
    let admin = |account: &&Account| account.roles.has(Role::Admin);
    Ok(people.iter().filter(admin).count())
}

fn check_id(id: &str) -> Result<(), Trouble> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    if (2..=32).contains(&id.len()) && id.chars().all(allowed) {
        return Ok(());
    }
    refused("a name has 2 to 32 lower-case letters, digits, dots and dashes")
}

fn check_password(password: &str) -> Result<(), Trouble> {
    let length = password.chars().count();
    if (PASSWORD_MIN..=PASSWORD_MAX).contains(&length) {
        return Ok(());
    }
    refused("a password has 10 to 128 characters")
}
