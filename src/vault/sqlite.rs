//! Sealed values in one `SQLite` file. It uses WAL, so that readers and a writer do not wait for
//! each other, and full synchronisation, so that a reported commit survives a power failure.

mod begin;
mod error;
mod file;
mod schema;
mod store;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use self::error::classify;
use self::file::BUSY_TIMEOUT;
use self::store::FILE;
pub(super) use self::store::SqliteStore;
use super::store::{Reseal, SealedChange, SealedRecord, SealedStore, Wait};
use super::{Expect, RecordKey, RecordLock, VaultError};
use crate::os::home::{Home, HomeError};
use crate::os::home_lock::HomeLock;
use crate::vault::lock::Held;

/// How long to wait for another process that is creating or migrating the vault.
const SETUP_DEADLINE: Duration = Duration::from_secs(20);

impl SqliteStore {
    /// The lock under which the file is created or migrated.
    pub(super) fn setup_lock(home: &Home) -> Result<HomeLock, VaultError> {
        Ok(home.lock("vault", SETUP_DEADLINE)?)
    }

    /// Opens the file of that home, which must exist, and migrates it to the present version.
    pub(super) fn open(home: &Home) -> Result<Self, VaultError> {
        let path = home.path(FILE);
        let mut connection = file::open(&path)?;
        let version =
            |connection: &Connection| schema::version(connection).map_err(classify(&path));
        if schema::is_outdated(version(&connection)?)? {
            let _lock = Self::setup_lock(home)?;
            schema::migrate(&mut connection).map_err(classify(&path))?;
            schema::refuse_later(version(&connection)?)?;
        }
        Ok(Self {
            home: home.clone(),
            connection: Mutex::new(connection),
            path,
        })
    }

    /// A poisoned lock is still good: a panic leaves no transaction open, since rusqlite rolls it
    /// back.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held for HomeLock {}

impl SealedStore for SqliteStore {
    fn path(&self) -> &Path {
        &self.path
    }

    fn get(&self, key: &RecordKey) -> Result<Option<SealedRecord>, VaultError> {
        self.connection()
            .prepare_cached("SELECT generation, sealed FROM record WHERE kind = ?1 AND name = ?2")
            .and_then(|mut statement| {
                statement
                    .query_row(params![key.kind, key.name], |row| {
                        Ok(SealedRecord {
                            generation: row.get::<_, i64>(0)?.cast_unsigned(),
                            sealed: row.get(1)?,
                        })
                    })
                    .optional()
            })
            .map_err(classify(&self.path))
    }

    fn generation(&self, key: &RecordKey) -> Result<Option<u64>, VaultError> {
        generation(&self.connection(), key).map_err(classify(&self.path))
    }

    fn each(&self, kind: &str, visit: &mut dyn FnMut(&str, u64, &[u8])) -> Result<(), VaultError> {
        let connection = self.connection();
        let mut pass = || -> rusqlite::Result<()> {
            let mut statement = connection.prepare_cached(
                "SELECT name, generation, sealed FROM record WHERE kind = ?1 ORDER BY name",
            )?;
            let mut rows = statement.query([kind])?;
            while let Some(row) = rows.next()? {
                let name = row.get_ref(0)?.as_str()?;
                let generation = row.get::<_, i64>(1)?.cast_unsigned();
                let sealed = row.get_ref(2)?.as_blob()?;
                visit(name, generation, sealed);
            }
            Ok(())
        };
        pass().map_err(classify(&self.path))
    }

    fn names_from(&self, kind: &str, prefix: &str) -> Result<Vec<String>, VaultError> {
        let connection = self.connection();
        let names = || -> rusqlite::Result<Vec<String>> {
            let mut statement = connection.prepare_cached(
                "SELECT name FROM record WHERE kind = ?1 AND name >= ?2 ORDER BY name",
            )?;
            let mut rows = statement.query([kind, prefix])?;
            let mut names = Vec::new();
            while let Some(row) = rows.next()? {
                let name = row.get_ref(0)?.as_str()?;
                if !name.starts_with(prefix) {
                    break;
                }
                names.push(name.to_owned());
            }
            Ok(names)
        };
        names().map_err(classify(&self.path))
    }

    fn apply(&self, changes: &[SealedChange<'_>], wait: Wait) -> Result<Vec<u64>, VaultError> {
        let patience = match wait {
            Wait::ForOthers => BUSY_TIMEOUT,
            Wait::Never => Duration::ZERO,
        };
        let connection = self.connection();
        let applied = self
            .begin(&connection, patience)
            .and_then(|transaction| change(transaction, &self.path, changes));
        let reset = connection.busy_timeout(BUSY_TIMEOUT);
        reset.map_err(classify(&self.path))?;
        applied
    }

    fn check_writable(&self) -> Result<(), VaultError> {
        let write = "UPDATE counter SET generation = generation + 1";
        let written = self.connection().execute(write, []);
        written.map(drop).map_err(classify(&self.path))
    }

    fn check_version(&self) -> Result<(), VaultError> {
        let version = schema::version(&self.connection()).map_err(classify(&self.path))?;
        schema::refuse_later(version)
    }

    fn lockable(&self) -> Result<Vec<RecordKey>, VaultError> {
        // A lock goes by the name alone, and the names that are renewed have a slash in them.
        let connection = self.connection();
        let names = || -> rusqlite::Result<Vec<String>> {
            let all = "SELECT DISTINCT name FROM record WHERE name LIKE '%/%'";
            let mut statement = connection.prepare(all)?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        let names = names().map_err(classify(&self.path))?;
        Ok(names
            .into_iter()
            .map(|name| RecordKey::new("", name))
            .collect())
    }

    fn seal_anew(&self, seal: &mut Reseal<'_>) -> Result<(), VaultError> {
        let connection = self.connection();
        let transaction = self.begin(&connection, BUSY_TIMEOUT)?;
        seal_anew(transaction, &self.path, seal)
    }

    fn lock(&self, key: &RecordKey, wait: Duration) -> Result<RecordLock, VaultError> {
        // The name must be the same in every version of authsome, since two of them may run at the
        // same time.
        let name = format!("refresh-{}", key.name.replace('/', "@"));
        match self.home.lock(&name, wait) {
            Ok(lock) => Ok(RecordLock::new(lock)),
            Err(HomeError::LockTimeout { path, waited }) => {
                Err(VaultError::RecordLocked { lock: path, waited })
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Replaces all sealed values in one transaction, or none.
fn seal_anew(
    transaction: Transaction<'_>,
    path: &Path,
    seal: &mut Reseal<'_>,
) -> Result<(), VaultError> {
    schema::refuse_later(schema::version(&transaction).map_err(classify(path))?)?;
    let names = || -> rusqlite::Result<Vec<(String, String)>> {
        let mut statement = transaction.prepare("SELECT kind, name FROM record")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    };
    for (kind, name) in names().map_err(classify(path))? {
        let record = "SELECT generation, sealed FROM record WHERE kind = ?1 AND name = ?2";
        let record = transaction.query_row(record, params![kind, name], |row| {
            Ok((
                row.get::<_, i64>(0)?.cast_unsigned(),
                row.get::<_, Vec<u8>>(1)?,
            ))
        });
        let (generation, sealed) = record.map_err(classify(path))?;
        let sealed = seal(&kind, &name, generation, &sealed)?;
        let update = "UPDATE record SET sealed = ?1 WHERE kind = ?2 AND name = ?3";
        let updated = transaction.execute(update, params![sealed, kind, name]);
        updated.map_err(classify(path))?;
    }
    transaction.commit().map_err(classify(path))
}

/// Makes all changes in one transaction, or none.
fn change(
    transaction: Transaction<'_>,
    path: &Path,
    changes: &[SealedChange<'_>],
) -> Result<Vec<u64>, VaultError> {
    // A later version may have taken over the vault since it was opened.
    schema::refuse_later(schema::version(&transaction).map_err(classify(path))?)?;
    let mut generations = Vec::new();
    for change in changes {
        match change {
            SealedChange::Delete(key) => delete(&transaction, key).map_err(classify(path))?,
            SealedChange::Holds(_) => {} // its lock cannot be lost
            SealedChange::Keeps { key, sealed } => {
                let stored = "SELECT sealed FROM record WHERE kind = ?1 AND name = ?2";
                let stored = transaction
                    .query_row(stored, params![key.kind, key.name], |row| {
                        row.get::<_, Vec<u8>>(0)
                    })
                    .optional()
                    .map_err(classify(path))?;
                if stored.as_deref() != Some(*sealed) {
                    return Err(VaultError::KeyChanged);
                }
            }
            SealedChange::Put { key, expect, seal } => {
                let stored = generation(&transaction, key).map_err(classify(path))?;
                if !is_as_expected(stored, *expect) {
                    return Err(VaultError::Conflict);
                }
                let generation = next_generation(&transaction).map_err(classify(path))?;
                let sealed = seal(generation)?;
                put(&transaction, key, generation, &sealed).map_err(classify(path))?;
                generations.push(generation);
            }
        }
    }
    transaction.commit().map_err(classify(path))?;
    Ok(generations)
}

fn is_as_expected(stored: Option<u64>, expect: Expect) -> bool {
    match expect {
        Expect::Absent => stored.is_none(),
        Expect::Any => true,
        Expect::Generation(generation) => stored == Some(generation),
    }
}

fn generation(connection: &Connection, key: &RecordKey) -> rusqlite::Result<Option<u64>> {
    let generation = connection
        .prepare_cached("SELECT generation FROM record WHERE kind = ?1 AND name = ?2")?
        .query_row(params![key.kind, key.name], |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(generation.map(i64::cast_unsigned))
}

fn next_generation(transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
    let next = "UPDATE counter SET generation = generation + 1 RETURNING generation";
    let generation: i64 = transaction.query_row(next, [], |row| row.get(0))?;
    Ok(generation.cast_unsigned())
}

fn put(
    transaction: &Transaction<'_>,
    key: &RecordKey,
    generation: u64,
    sealed: &[u8],
) -> rusqlite::Result<()> {
    let put =
        "INSERT OR REPLACE INTO record (kind, name, generation, sealed) VALUES (?1, ?2, ?3, ?4)";
    let mut statement = transaction.prepare_cached(put)?;
    statement.execute(params![
        key.kind,
        key.name,
        generation.cast_signed(),
        sealed
    ])?;
    Ok(())
}

fn delete(transaction: &Transaction<'_>, key: &RecordKey) -> rusqlite::Result<()> {
    transaction.execute(
        "DELETE FROM record WHERE kind = ?1 AND name = ?2",
        params![key.kind, key.name],
    )?;
    Ok(())
}
