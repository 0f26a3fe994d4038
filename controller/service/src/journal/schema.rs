//! Tables, and opening of journal files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::JournalError;

/// `SORT` in ASCII: tells a journal from other SQLite files.
const APPLICATION_ID: i64 = 0x534F_5254;

/// Format written by this version, in `user_version`.
const FORMAT: i64 = 1;

/// How long a reader waits for the writer's checkpoint.
const BUSY: Duration = Duration::from_millis(500);

const TABLES: &str = "
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    wall_us INTEGER NOT NULL,
    version TEXT NOT NULL,
    first INTEGER NOT NULL,
    line TEXT NOT NULL,
    plan TEXT NOT NULL
) STRICT;
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run,
    at_us INTEGER NOT NULL,
    wall_us INTEGER NOT NULL,
    cursor INTEGER,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    link BLOB NOT NULL
) STRICT;
CREATE TABLE action (
    seq INTEGER PRIMARY KEY,
    event INTEGER NOT NULL REFERENCES event,
    parcel INTEGER,
    body TEXT NOT NULL,
    link BLOB NOT NULL
) STRICT;
CREATE INDEX action_parcel ON action (parcel) WHERE parcel IS NOT NULL;
CREATE INDEX action_event ON action (event);
CREATE TABLE outcome (
    parcel INTEGER NOT NULL UNIQUE,
    event INTEGER NOT NULL REFERENCES event,
    wall_us INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX outcome_event ON outcome (event);
CREATE TABLE command (
    id TEXT NOT NULL UNIQUE,
    event INTEGER NOT NULL REFERENCES event,
    wall_us INTEGER NOT NULL,
    via TEXT NOT NULL
) STRICT;
";

const FROZEN: [&str; 5] = ["run", "event", "action", "outcome", "command"];

/// Opens a journal for writing, making it when it is not there.
pub(super) fn open(path: &Path) -> Result<Connection, JournalError> {
    let failed = |doing| {
        move |source| JournalError::Sqlite {
            path: path.to_owned(),
            doing,
            source,
        }
    };
    let connection = Connection::open(path).map_err(failed("opened"))?;
    connection.busy_timeout(BUSY).map_err(failed("opened"))?;
    if is_empty(&connection).map_err(|error| unreadable(path, error))? {
        create(&connection).map_err(failed("made"))?;
    }
    check(path, &connection)?;
    // FULL: a commit is durable before anything is told because of it.
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(failed("opened"))?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(failed("opened"))?;
    connection
        .pragma_update(None, "foreign_keys", true)
        .map_err(failed("opened"))?;
    Ok(connection)
}

/// Opens a journal for reading.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, JournalError> {
    let failed = |source| JournalError::Sqlite {
        path: path.to_owned(),
        doing: "opened",
        source,
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = |path: &Path, flags| {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        Ok(connection)
    };
    let connection = open(path, flags).map_err(failed)?;
    match check(path, &connection) {
        // A reader of a write-ahead journal makes files beside it. On storage that cannot be written
        // an archived one is read as it lies: nothing changes there.
        Err(JournalError::Sqlite { .. }) if !beside(path, "-wal").exists() => {
            let uri = immutable(path);
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            let connection = open(&uri, flags).map_err(failed)?;
            check(path, &connection)?;
            Ok(connection)
        }
        checked => checked.map(|()| connection),
    }
}

/// The path of a file that SQLite keeps beside a journal.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The URI by which SQLite opens a file that nobody changes (<https://www.sqlite.org/uri.html>).
fn immutable(path: &Path) -> PathBuf {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    let escaped = path.as_os_str().as_encoded_bytes().iter().map(|byte| {
        if plain(*byte) {
            char::from(*byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    format!("file:{}?immutable=1", escaped.collect::<String>()).into()
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
        row.get(0)
    })
}

fn create(connection: &Connection) -> rusqlite::Result<()> {
    let mut script = format!(
        "BEGIN; {TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};"
    );
    for table in FROZEN {
        for change in ["UPDATE", "DELETE"] {
            script.push_str(&frozen(table, change));
        }
    }
    script.push_str("COMMIT;");
    connection.execute_batch(&script)
}

fn frozen(table: &str, change: &str) -> String {
    format!(
        "CREATE TRIGGER {table}_no_{change} BEFORE {change} ON {table} BEGIN \
         SELECT RAISE(ABORT, 'the journal is append-only'); END;"
    )
}

fn check(path: &Path, connection: &Connection) -> Result<(), JournalError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let application = number("application_id").map_err(|error| unreadable(path, error))?;
    if application != APPLICATION_ID {
        return Err(JournalError::Foreign {
            path: path.to_owned(),
        });
    }
    let found = number("user_version").map_err(|error| unreadable(path, error))?;
    if found > FORMAT {
        return Err(JournalError::Newer {
            path: path.to_owned(),
            found,
            known: FORMAT,
        });
    }
    Ok(())
}

fn unreadable(path: &Path, source: rusqlite::Error) -> JournalError {
    if source.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) {
        return JournalError::Foreign {
            path: path.to_owned(),
        };
    }
    JournalError::Sqlite {
        path: path.to_owned(),
        doing: "read",
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_any_characters_is_a_uri() {
        let uri = immutable(Path::new("/a b/ü?#%/journal.db"));
        let expected = "file:/a%20b/%C3%BC%3F%23%25/journal.db?immutable=1";
        assert_eq!(uri, Path::new(expected));
    }
}
