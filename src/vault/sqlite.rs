//! The vault in one `SQLite` file: WAL, so that readers and a writer do not wait for each other; full synchronisation, so that a
//! commit that was reported survives a power cut.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};

use super::master_key::MasterKey;
use super::schema;
use super::seal::{Identity, Seal};
use super::{Change, Expect, Record, RecordKey, VaultError};
use crate::home::{Home, create_private_file, io_error, remove_if_present};
use crate::secret::Secret;

/// The file in the home directory.
const FILE: &str = "vault.db";

/// How long a statement waits for another process's transaction. Ours last milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait for another process that is making or migrating the vault.
const SETUP_DEADLINE: Duration = Duration::from_secs(20);

/// The record by which a wrong key is told from a damaged record.
const KEY_CHECK: (&str, &str) = ("vault", "key-check");

/// An open vault. All methods block for the length of a disk access.
pub struct Vault {
    connection: Mutex<Connection>,
    pub(super) path: PathBuf,
    pub(super) seal: Seal,
}

impl Vault {
    /// Opens the vault of that home, made on first use; `environment_key` is the value of `AUTHSOME_MASTER_KEY`.
    pub fn open(home: &Home, environment_key: Option<&OsStr>) -> Result<Self, VaultError> {
        let path = home.path(FILE);
        if !path.try_exists().map_err(io_error("look at", &path))? {
            create(home, &path, environment_key)?;
        }
        // A vault is renamed into place whole: an empty file was emptied by somebody, and SQLite would take it for a new database.
        if fs::metadata(&path)
            .map_err(io_error("look at", &path))?
            .len()
            == 0
        {
            return Err(VaultError::Corrupt {
                path,
                reason: "the file is empty".to_owned(),
            });
        }
        let mut connection = connect(&path).map_err(classify(&path))?;
        if !schema::is_vault(&connection).map_err(classify(&path))? {
            return Err(VaultError::Corrupt {
                path,
                reason: "the file is not a vault of authsome".to_owned(),
            });
        }
        check_length(&connection, &path)?;
        if schema::is_outdated(schema::version(&connection).map_err(classify(&path))?)? {
            let _lock = home.lock("vault", SETUP_DEADLINE)?;
            schema::migrate(&mut connection).map_err(classify(&path))?;
            schema::refuse_later(schema::version(&connection).map_err(classify(&path))?)?;
        }
        let key = MasterKey::load(home, environment_key)?;
        let vault = Self {
            connection: Mutex::new(connection),
            path,
            seal: Seal::new(&key),
        };
        vault.check_key(&key)?;
        Ok(vault)
    }

    /// The record of that key.
    pub fn get(&self, key: &RecordKey) -> Result<Option<Record>, VaultError> {
        let row = self
            .connection()
            .prepare_cached("SELECT generation, sealed FROM record WHERE kind = ?1 AND name = ?2")
            .and_then(|mut statement| {
                statement
                    .query_row(params![key.kind, key.name], |row| {
                        Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
                    })
                    .optional()
            })
            .map_err(classify(&self.path))?;
        let opened = row.map(|(generation, sealed)| {
            self.unseal(key.kind, &key.name, generation.cast_unsigned(), &sealed)
        });
        match opened.transpose() {
            // What a later version has sealed meanwhile is not damaged.
            Err(tampered @ VaultError::Tampered { .. }) => {
                let version = schema::version(&self.connection()).map_err(classify(&self.path))?;
                Err(schema::refuse_later(version).err().unwrap_or(tampered))
            }
            other => other,
        }
    }

    /// All records of that kind in one pass, by name: for each, `visit` is told the name and what is in it. It must not call the vault.
    pub fn each(
        &self,
        kind: &'static str,
        mut visit: impl FnMut(&str, Result<Record, VaultError>),
    ) -> Result<(), VaultError> {
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
                visit(name, self.unseal(kind, name, generation, sealed));
            }
            Ok(())
        };
        pass().map_err(classify(&self.path))
    }

    fn unseal(
        &self,
        kind: &str,
        name: &str,
        generation: u64,
        sealed: &[u8],
    ) -> Result<Record, VaultError> {
        let identity = Identity {
            kind,
            name,
            generation,
        };
        match self.seal.open(&identity, sealed) {
            Ok(value) => Ok(Record { generation, value }),
            Err(_) => Err(VaultError::Tampered {
                kind: kind.to_owned(),
                name: name.to_owned(),
            }),
        }
    }

    /// The generation of that record, without opening it.
    pub fn generation(&self, key: &RecordKey) -> Result<Option<u64>, VaultError> {
        self.connection()
            .prepare_cached("SELECT generation FROM record WHERE kind = ?1 AND name = ?2")
            .and_then(|mut statement| {
                statement
                    .query_row(params![key.kind, key.name], |row| row.get::<_, i64>(0))
                    .optional()
            })
            .map(|generation| generation.map(i64::cast_unsigned))
            .map_err(classify(&self.path))
    }

    /// The names of all records of that kind, in order.
    pub fn names(&self, kind: &'static str) -> Result<Vec<String>, VaultError> {
        self.names_from(kind, "")
    }

    /// Those that start with `prefix`.
    pub fn names_from(&self, kind: &'static str, prefix: &str) -> Result<Vec<String>, VaultError> {
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

    /// Makes all changes, durably, or none; the answer has the new generation of each `Put`, in order.
    pub fn apply(&self, changes: &[Change]) -> Result<Vec<u64>, VaultError> {
        self.change(&mut self.connection(), changes)
    }

    /// The same, without waiting for another process's transaction: it does not hold up those who read meanwhile.
    pub fn apply_now(&self, changes: &[Change]) -> Result<Vec<u64>, VaultError> {
        let mut connection = self.connection();
        let wait = |connection: &Connection, time| {
            let set = connection.busy_timeout(time);
            set.map_err(classify(&self.path))
        };
        wait(&connection, Duration::ZERO)?;
        let applied = self.change(&mut connection, changes);
        wait(&connection, BUSY_TIMEOUT)?;
        applied
    }

    /// Finds out by a small write, which changes no record, whether the vault can be written.
    pub fn check_writable(&self) -> Result<(), VaultError> {
        let write = "UPDATE counter SET generation = generation + 1";
        let written = self.connection().execute(write, []);
        written.map(drop).map_err(classify(&self.path))
    }

    fn change(
        &self,
        connection: &mut Connection,
        changes: &[Change],
    ) -> Result<Vec<u64>, VaultError> {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(classify(&self.path))?;
        // A later version may have taken the vault over since it was opened.
        schema::refuse_later(schema::version(&transaction).map_err(classify(&self.path))?)?;
        let mut generations = Vec::new();
        for change in changes {
            match change {
                Change::Delete(key) => delete(&transaction, key).map_err(classify(&self.path))?,
                Change::Put { key, value, expect } => {
                    generations.push(self.put(&transaction, key, value, *expect)?);
                }
            }
        }
        transaction.commit().map_err(classify(&self.path))?;
        Ok(generations)
    }

    fn put(
        &self,
        transaction: &Transaction<'_>,
        key: &RecordKey,
        value: &Secret<Vec<u8>>,
        expect: Expect,
    ) -> Result<u64, VaultError> {
        let stored = transaction
            .prepare_cached("SELECT generation FROM record WHERE kind = ?1 AND name = ?2")
            .and_then(|mut found| {
                found
                    .query_row(params![key.kind, key.name], |row| row.get::<_, i64>(0))
                    .optional()
            })
            .map_err(classify(&self.path))?
            .map(i64::cast_unsigned);
        let as_expected = match expect {
            Expect::Absent => stored.is_none(),
            Expect::Any => true,
            Expect::Generation(generation) => stored == Some(generation),
        };
        if !as_expected {
            return Err(VaultError::Conflict);
        }
        let generation: i64 = transaction
            .query_row(
                "UPDATE counter SET generation = generation + 1 RETURNING generation",
                [],
                |row| row.get(0),
            )
            .map_err(classify(&self.path))?;
        let identity = Identity {
            kind: key.kind,
            name: &key.name,
            generation: generation.cast_unsigned(),
        };
        let sealed = self.seal.seal(&identity, value)?;
        transaction
            .prepare_cached("INSERT OR REPLACE INTO record (kind, name, generation, sealed) VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut statement| statement.execute(params![key.kind, key.name, generation, sealed]))
            .map_err(classify(&self.path))?;
        Ok(generation.cast_unsigned())
    }

    fn check_key(&self, key: &MasterKey) -> Result<(), VaultError> {
        let (kind, name) = KEY_CHECK;
        match self.get(&RecordKey::new(kind, name)) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => {
                let reason = "it lacks the record that tells whether a key fits".to_owned();
                Err(VaultError::Corrupt {
                    path: self.path.clone(),
                    reason,
                })
            }
            Err(VaultError::Tampered { .. }) => Err(VaultError::WrongKey(key.origin().clone())),
            Err(error) => Err(error),
        }
    }

    /// A panic while the connection was in use leaves no transaction open (rusqlite rolls it back), so a poisoned lock is still good.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn delete(transaction: &Transaction<'_>, key: &RecordKey) -> rusqlite::Result<()> {
    transaction.execute(
        "DELETE FROM record WHERE kind = ?1 AND name = ?2",
        params![key.kind, key.name],
    )?;
    Ok(())
}

/// Makes a vault under a temporary name and renames it, so that nobody ever sees half a vault.
fn create(home: &Home, path: &Path, environment_key: Option<&OsStr>) -> Result<(), VaultError> {
    let lock = home.lock("vault", SETUP_DEADLINE)?;
    if path.try_exists().map_err(io_error("look at", path))? {
        return Ok(()); // another process was first
    }
    let had_key = MasterKey::is_there(home);
    let made = make(home, path, environment_key);
    if made.is_err() {
        // A home in which nothing has come about (a full disk) is left as it was found.
        for leftover in LEFTOVERS {
            let _ = remove_if_present(&home.path(leftover));
        }
        if !had_key {
            MasterKey::forget(home);
        }
        lock.remove();
    }
    made
}

/// A vault in the making.
const LEFTOVERS: [&str; 3] = ["vault.db.new", "vault.db.new-wal", "vault.db.new-shm"];

fn make(home: &Home, path: &Path, environment_key: Option<&OsStr>) -> Result<(), VaultError> {
    let key = MasterKey::load_or_create(home, environment_key)?;
    let staging = home.path("vault.db.new");
    for leftover in LEFTOVERS {
        remove_if_present(&home.path(leftover))?;
    }
    create_private_file(&staging)?; // SQLite gives its -wal and -shm files the mode of this one
    let mut connection = connect(&staging).map_err(classify(&staging))?;
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(classify(&staging))?;
    schema::migrate(&mut connection).map_err(classify(&staging))?;
    let vault = Vault {
        connection: Mutex::new(connection),
        path: staging.clone(),
        seal: Seal::new(&key),
    };
    let (kind, name) = KEY_CHECK;
    let key = RecordKey::new(kind, name);
    vault.apply(&[Change::Put {
        key,
        value: Secret::new(b"authsome".to_vec()),
        expect: Expect::Absent,
    }])?;
    let connection = vault
        .connection
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    publish(connection, &staging, path)?;
    home.sync()?;
    Ok(())
}

/// Gives a vault that is whole its name.
fn publish(connection: Connection, staging: &Path, path: &Path) -> Result<(), VaultError> {
    fold_log(&connection, staging)?;
    let closed = connection.close().map_err(|(_, error)| error);
    closed.map_err(classify(staging))?;
    fs::rename(staging, path).map_err(io_error("replace", path))?;
    Ok(())
}

/// Writes the log back into the file. It must succeed before the file gets another name: the log would keep the old one, and with it would go
/// whatever was still in it.
fn fold_log(connection: &Connection, path: &Path) -> Result<(), VaultError> {
    let folded = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, i64>(0) // 1 where somebody else was in the way
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
    connection.pragma_update(None, "secure_delete", "ON")?; // what was overwritten is gone from the file as well
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    Ok(connection)
}

/// A file that lost its end opens well enough, until a page of the lost part is asked for.
fn check_length(connection: &Connection, path: &Path) -> Result<(), VaultError> {
    let pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let expected: i64 = connection
        .query_row(pages, [], |row| row.get(0))
        .map_err(classify(path))?;
    // What stands in the log is not in the file yet, so the file may rightly be shorter.
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

/// `SQLITE_IOERR_SHORT_READ`: a page is not there.
const SHORT_READ: i32 = 522;

/// `SQLITE_IOERR_SHMSIZE`: the file that readers and writers share cannot be made as large as it has to be.
const NO_ROOM_TO_SHARE: i32 = 4874;

/// Whether the file is there, and cannot be written.
fn is_read_only(path: &Path) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    let opened = fs::OpenOptions::new().append(true).open(path);
    opened.is_err_and(|error| matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem))
}

/// Tells a damaged file and a busy one from the rest.
fn classify(path: &Path) -> impl Fn(rusqlite::Error) -> VaultError + use<'_> {
    move |error| match error.sqlite_error_code() {
        Some(_)
            if error
                .sqlite_error()
                .is_some_and(|code| code.extended_code == SHORT_READ) =>
        {
            VaultError::Corrupt {
                path: path.to_owned(),
                reason: "it is cut short".to_owned(),
            }
        }
        Some(ErrorCode::DiskFull) => VaultError::NoRoom(path.to_owned()),
        Some(_)
            if error
                .sqlite_error()
                .is_some_and(|code| code.extended_code == NO_ROOM_TO_SHARE) =>
        {
            VaultError::NoRoom(path.to_owned())
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            VaultError::ReadOnly(path.to_owned())
        }
        Some(ErrorCode::CannotOpen) if is_read_only(path) => VaultError::ReadOnly(path.to_owned()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            VaultError::Locked(path.to_owned())
        }
        // The last two: the only way our own statements can be wrong is that the tables are not there.
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown) | None => {
            VaultError::Corrupt {
                path: path.to_owned(),
                reason: error.to_string(),
            }
        }
        Some(code) => VaultError::Sqlite {
            path: path.to_owned(),
            reason: in_words(code, &error),
        },
    }
}

/// What is wrong, for somebody who does not know `SQLite`'s codes.
fn in_words(code: ErrorCode, error: &rusqlite::Error) -> String {
    let words = match code {
        ErrorCode::DiskFull => "the disk is full",
        ErrorCode::ReadOnly => "it, or the file system that it is on, is read-only",
        ErrorCode::PermissionDenied => "its permissions do not allow it",
        ErrorCode::CannotOpen => {
            "it, or its log beside it, cannot be opened (a read-only directory, or no descriptor left)"
        }
        ErrorCode::SystemIoFailure => "the disk did not take or give the data",
        ErrorCode::OutOfMemory => "there is no memory",
        ErrorCode::TooBig => "the record is too large",
        _ => return error.to_string(),
    };
    format!("{words} ({error})")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::sync::Arc;
    use std::thread;

    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::open(Some(directory.path().join("home").into()), None).unwrap();
        (directory, home)
    }

    fn put(name: &str, value: &[u8], expect: Expect) -> Change {
        Change::Put {
            key: RecordKey::new("thing", name),
            value: Secret::new(value.to_vec()),
            expect,
        }
    }

    #[test]
    fn keeps_records_over_a_reopening_and_its_files_private() {
        let (_directory, home) = home();
        let vault = Vault::open(&home, None).unwrap();
        let generations = vault
            .apply(&[
                put("a", b"one", Expect::Absent),
                put("b", b"two", Expect::Any),
            ])
            .unwrap();
        assert!(generations[1] > generations[0]);
        for file in ["vault.db", "vault.db-wal", "vault.db-shm", "master.key"] {
            assert_eq!(
                fs::metadata(home.path(file)).unwrap().mode() & 0o777,
                0o600,
                "{file}"
            );
        }
        drop(vault);
        let vault = Vault::open(&home, None).unwrap();
        assert_eq!(
            vault
                .get(&RecordKey::new("thing", "a"))
                .unwrap()
                .unwrap()
                .value
                .expose(),
            b"one"
        );
        assert_eq!(vault.names("thing").unwrap(), ["a", "b"]);
        assert!(vault.get(&RecordKey::new("thing", "c")).unwrap().is_none());
    }

    #[test]
    fn one_pass_reads_all_of_a_kind_and_goes_on_behind_one_that_does_not_open() {
        let (_directory, home) = home();
        let vault = Vault::open(&home, None).unwrap();
        let values: [(&str, &[u8]); 4] = [("a/1", b"1"), ("a/2", b"2"), ("a0", b"3"), ("b", b"4")];
        for (name, value) in values {
            vault.apply(&[put(name, value, Expect::Absent)]).unwrap();
        }
        assert_eq!(vault.names_from("thing", "a/").unwrap(), ["a/1", "a/2"]);
        assert_eq!(vault.names_from("thing", "c").unwrap(), [""; 0]);
        let swap = "UPDATE record SET sealed = (SELECT sealed FROM record WHERE name = 'b') WHERE name = 'a/2'";
        vault.connection().execute(swap, []).unwrap();
        let mut seen = Vec::new();
        vault
            .each("thing", |name, record| {
                let value = record.map(|record| record.value.expose().clone());
                seen.push((name.to_owned(), value.ok()));
            })
            .unwrap();
        let expected: [(&str, Option<&[u8]>); 4] = [
            ("a/1", Some(b"1")),
            ("a/2", None),
            ("a0", Some(b"3")),
            ("b", Some(b"4")),
        ];
        assert_eq!(
            seen,
            expected.map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)))
        );
    }

    #[test]
    fn compares_before_it_swaps_and_never_reuses_a_generation() {
        let (_directory, home) = home();
        let vault = Vault::open(&home, None).unwrap();
        let key = RecordKey::new("thing", "a");
        let first = vault.apply(&[put("a", b"one", Expect::Absent)]).unwrap()[0];
        assert!(matches!(
            vault.apply(&[put("a", b"x", Expect::Absent)]),
            Err(VaultError::Conflict)
        ));
        let second = vault
            .apply(&[put("a", b"two", Expect::Generation(first))])
            .unwrap()[0];
        let stale = vault.apply(&[
            put("b", b"b", Expect::Absent),
            put("a", b"old", Expect::Generation(first)),
        ]);
        assert!(matches!(stale, Err(VaultError::Conflict)));
        assert!(
            vault.get(&RecordKey::new("thing", "b")).unwrap().is_none(),
            "a refused transaction leaves nothing"
        );
        vault.apply(&[Change::Delete(key.clone())]).unwrap();
        let third = vault.apply(&[put("a", b"three", Expect::Absent)]).unwrap()[0];
        assert!(third > second);
        assert_eq!(vault.generation(&key).unwrap(), Some(third));
    }

    #[test]
    fn tells_wrong_missing_and_malformed_keys_apart() {
        let (_directory, home) = home();
        drop(Vault::open(&home, None).unwrap());
        let other = OsStr::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert!(matches!(
            Vault::open(&home, Some(other)),
            Err(VaultError::WrongKey(_))
        ));
        assert!(matches!(
            Vault::open(&home, Some(OsStr::new("short"))),
            Err(VaultError::KeyMalformed(_))
        ));
        fs::rename(home.path("master.key"), home.path("elsewhere")).unwrap();
        assert!(matches!(
            Vault::open(&home, None),
            Err(VaultError::KeyMissing(_))
        ));
        assert!(
            !home.path("master.key").exists(),
            "no new key is made for an existing vault"
        );
    }

    #[test]
    fn a_truncated_vault_is_an_error_at_every_length_and_is_left_as_it_is() {
        let (_directory, home) = home();
        let vault = Vault::open(&home, None).unwrap();
        vault.apply(&[put("a", b"one", Expect::Absent)]).unwrap();
        drop(vault);
        let path = home.path("vault.db");
        let whole = fs::read(&path).unwrap();
        for length in [0, 1, 99, 100, 512, 4095, 4096, 5000, whole.len() - 4096] {
            let file = fs::File::create(&path).unwrap();
            std::io::Write::write_all(&mut &file, &whole[..length]).unwrap();
            let opened =
                Vault::open(&home, None).and_then(|vault| vault.get(&RecordKey::new("thing", "a")));
            assert!(
                matches!(opened, Err(VaultError::Corrupt { .. })),
                "length {length}: {opened:?}"
            );
            assert_eq!(
                fs::metadata(&path).unwrap().len(),
                length as u64,
                "the file is left for a rescue"
            );
        }
    }

    #[test]
    fn a_log_that_cannot_be_folded_is_an_error() {
        let (_directory, home) = home();
        let vault = Vault::open(&home, None).unwrap();
        let path = home.path(FILE);
        let reader = connect(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM record").unwrap(); // it needs the log as it is
        vault.apply(&[put("a", b"one", Expect::Absent)]).unwrap();
        vault.connection().busy_timeout(Duration::ZERO).unwrap();
        let folded = fold_log(&vault.connection(), &path);
        assert!(matches!(folded, Err(VaultError::Locked(_))), "{folded:?}");
        drop(reader);
        fold_log(&vault.connection(), &path).unwrap();
        let log = path.with_extension("db-wal");
        assert_eq!(fs::metadata(log).unwrap().len(), 0);
    }

    #[test]
    fn a_vault_whose_log_cannot_be_folded_gets_no_name() {
        let (_directory, home) = home();
        drop(Vault::open(&home, None).unwrap());
        let (staging, path) = (home.path(FILE), home.path("published"));
        let reader = connect(&staging).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM record").unwrap();
        let writer = || {
            let writer = connect(&staging).unwrap();
            writer.busy_timeout(Duration::ZERO).unwrap();
            writer
        };
        let waiting = writer();
        waiting
            .execute_batch("DELETE FROM record WHERE 0; PRAGMA user_version = 2")
            .unwrap();
        let published = publish(waiting, &staging, &path);
        assert!(
            matches!(published, Err(VaultError::Locked(_))),
            "{published:?}"
        );
        assert!(staging.exists() && !path.exists());
        drop(reader);
        publish(writer(), &staging, &path).unwrap();
        assert!(path.exists() && !staging.exists());
    }

    #[test]
    fn a_vault_that_a_later_version_took_over_is_left_alone() {
        let (_directory, home) = home();
        let vault = Vault::open(&home, None).unwrap();
        vault.apply(&[put("a", b"one", Expect::Absent)]).unwrap();
        let later = connect(&home.path(FILE)).unwrap();
        later.pragma_update(None, "user_version", 3).unwrap();
        let written = vault.apply(&[put("b", b"two", Expect::Absent)]);
        assert!(
            matches!(written, Err(VaultError::TooNew { .. })),
            "{written:?}"
        );
        let seal =
            "UPDATE record SET sealed = CAST(x'03' || substr(sealed, 2) AS BLOB) WHERE name = 'a'";
        later.execute(seal, []).unwrap();
        let read = vault.get(&RecordKey::new("thing", "a"));
        assert!(matches!(read, Err(VaultError::TooNew { .. })), "{read:?}");
        let opened = Vault::open(&home, None).err();
        assert!(
            matches!(opened, Some(VaultError::TooNew { .. })),
            "{opened:?}"
        );
    }

    #[test]
    fn many_first_users_make_one_vault() {
        let (_directory, home) = home();
        let home = Arc::new(home);
        let threads: Vec<_> = (0..8)
            .map(|index| {
                let home = Arc::clone(&home);
                thread::spawn(move || {
                    let vault = Vault::open(&home, None).unwrap();
                    vault
                        .apply(&[put(&format!("{index}"), b"x", Expect::Absent)])
                        .unwrap()[0]
                })
            })
            .collect();
        let mut generations: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        generations.sort_unstable();
        generations.dedup();
        assert_eq!(generations.len(), 8);
        assert_eq!(
            Vault::open(&home, None)
                .unwrap()
                .names("thing")
                .unwrap()
                .len(),
            8
        );
    }
}
