//! The vault's file: complete before it gets its name, and checked before it is used.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::classify;
use super::schema;
use super::store::{FILE, SqliteStore};
use crate::os::home::{Home, create_private_file, io_error, remove_if_present};
use crate::vault::VaultError;
use crate::vault::store::{SealedChange, SealedStore, Wait};

/// How long a statement waits for another process's transaction. Those of authsome take
/// milliseconds.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A vault that is being created, and what may be left of it.
const HALF_MADE: &str = "vault.db.new";
const LEFTOVERS: [&str; 3] = [HALF_MADE, "vault.db.new-wal", "vault.db.new-shm"];

impl SqliteStore {
    /// Whether that home has the file.
    pub(in crate::vault) fn is_in(home: &Home) -> Result<bool, VaultError> {
        let path = home.path(FILE);
        Ok(path.try_exists().map_err(io_error("look at", &path))?)
    }

    /// Creates the file, with those records in it, under a temporary name and then renames it, so
    /// that nobody ever sees half a vault. The caller holds the lock.
    pub(in crate::vault) fn create(
        home: &Home,
        first: &[SealedChange<'_>],
    ) -> Result<(), VaultError> {
        let staging = home.path(HALF_MADE);
        for leftover in LEFTOVERS {
            remove_if_present(&home.path(leftover))?;
        }
        create_private_file(&staging)?; // SQLite gives its -wal and -shm files the mode of this one
        let mut connection = connect(&staging).map_err(classify(&staging))?;
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .map_err(classify(&staging))?;
        schema::migrate(&mut connection).map_err(classify(&staging))?;
        let store = Self {
            home: home.clone(),
            connection: Mutex::new(connection),
            path: staging.clone(),
        };
        store.apply(first, Wait::ForOthers)?;
        store.publish(&home.path(FILE))?;
        home.sync()?;
        Ok(())
    }

    /// Gives a complete file its final name.
    fn publish(self, name: &Path) -> Result<(), VaultError> {
        let staging = self.path.clone();
        self.close()?;
        fs::rename(&staging, name).map_err(io_error("replace", name))?;
        Ok(())
    }

    /// Removes what a failed [`Self::create`] leaves.
    pub(in crate::vault) fn forget_half_made(home: &Home) {
        for leftover in LEFTOVERS {
            let _ = remove_if_present(&home.path(leftover));
        }
    }

    /// Writes the WAL back into the file, and closes the file.
    fn close(self) -> Result<(), VaultError> {
        fold_log(&self.connection(), &self.path)?;
        let connection = self.connection.into_inner();
        let connection = connection.unwrap_or_else(std::sync::PoisonError::into_inner);
        let closed = connection.close().map_err(|(_, error)| error);
        closed.map_err(classify(&self.path))
    }
}

/// Opens a file, which must be an intact vault of some version.
pub(super) fn open(path: &Path) -> Result<Connection, VaultError> {
    let corrupt = |reason: &str| VaultError::Corrupt {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    // A vault is complete before it gets its name, so an empty file was emptied later. SQLite would
    // take it for a new database.
    let found = fs::metadata(path).map_err(io_error("look at", path))?;
    if found.len() == 0 {
        return Err(corrupt("the file is empty"));
    }
    let connection = connect(path).map_err(classify(path))?;
    if !schema::is_vault(&connection).map_err(classify(path))? {
        return Err(corrupt("the file is not a vault of authsome"));
    }
    check_length(&connection, path)?;
    Ok(connection)
}

/// Writes the WAL back into the file. This must succeed before the file is renamed: the WAL would
/// keep the old name, and what is only in the WAL would be lost.
fn fold_log(connection: &Connection, path: &Path) -> Result<(), VaultError> {
    let folded = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, i64>(0) // 1 if another connection prevented it
    });
    if folded.map_err(classify(path))? != 0 {
        return Err(VaultError::Locked(path.to_owned()));
    }
    Ok(())
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Content that is overwritten is erased from the file as well.
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    Ok(connection)
}

/// A file that was cut short opens without an error, until a page of the missing part is read.
fn check_length(connection: &Connection, path: &Path) -> Result<(), VaultError> {
    let pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let expected: i64 = connection
        .query_row(pages, [], |row| row.get(0))
        .map_err(classify(path))?;
    // What is in the WAL may not be in the file yet, so the file may be shorter.
    let log = path.with_extension("db-wal");
    let logged = fs::metadata(&log).is_ok_and(|found| found.len() > 0);
    let found = fs::metadata(path).map_err(io_error("look at", path))?.len();
    if !logged && found < expected.cast_unsigned() {
        let reason = format!("it is cut short: {found} of {expected} bytes are left");
        return Err(VaultError::Corrupt {
            path: path.to_owned(),
            reason,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_cannot_be_folded_is_an_error() {
        let (_directory, home) = Home::temporary();
        SqliteStore::create(&home, &[]).unwrap();
        let store = SqliteStore::open(&home).unwrap();
        let path = home.path(FILE);
        let reader = connect(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM record").unwrap(); // it needs the WAL as it is
        store.check_writable().unwrap();
        store.connection().busy_timeout(Duration::ZERO).unwrap();
        let folded = fold_log(&store.connection(), &path);
        assert!(matches!(folded, Err(VaultError::Locked(_))), "{folded:?}");
        drop(reader);
        fold_log(&store.connection(), &path).unwrap();
        let log = path.with_extension("db-wal");
        assert_eq!(fs::metadata(log).unwrap().len(), 0);
    }

    #[test]
    fn a_file_whose_log_cannot_be_folded_gets_no_name() {
        let (_directory, home) = Home::temporary();
        SqliteStore::create(&home, &[]).unwrap();
        let (path, published) = (home.path(FILE), home.path("published"));
        let reader = connect(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM record").unwrap();
        let store = SqliteStore::open(&home).unwrap();
        store.check_writable().unwrap();
        store.connection().busy_timeout(Duration::ZERO).unwrap();
        let refused = store.publish(&published);
        assert!(matches!(refused, Err(VaultError::Locked(_))), "{refused:?}");
        assert!(path.exists() && !published.exists());
        drop(reader);
        SqliteStore::open(&home)
            .unwrap()
            .publish(&published)
            .unwrap();
        assert!(published.exists() && !path.exists());
    }
}
