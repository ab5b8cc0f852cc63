//! The tables, and the migration from each older version to the present one.

use rusqlite::{Connection, TransactionBehavior};

use crate::vault::VaultError;

/// Step `n` migrates a vault from version `n` to version `n + 1`; a new vault takes all steps.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE record (
        kind       TEXT    NOT NULL,
        name       TEXT    NOT NULL,
        generation INTEGER NOT NULL,
        sealed     BLOB    NOT NULL,
        PRIMARY KEY (kind, name)
    ) STRICT, WITHOUT ROWID;
    -- One counter for all records: a record that is deleted and made again never gets an old generation back.
    CREATE TABLE counter (generation INTEGER NOT NULL) STRICT;
    INSERT INTO counter VALUES (0);
    ",
    // The tables do not change. From version 2 on, records are sealed in a layout that a program of
    // version 1 does not know: it would call them damaged.
    "",
];

/// The version that this program writes.
pub(super) const VERSION: u32 = 2;

/// The `PRAGMA application_id` of a vault ("auth" in ASCII). `SQLite` takes a file of a few bytes
/// for a new database: without this mark, a truncated vault would be taken for one.
const APPLICATION_ID: i32 = 0x6175_7468;

/// Whether the open file was made by [`migrate`].
pub(super) fn is_vault(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA application_id", [], |row| {
        Ok(row.get::<_, i32>(0)? == APPLICATION_ID)
    })
}

/// The version of an open vault.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Takes the steps that are missing, in one transaction. The caller holds the setup lock.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let from = version(&transaction)?;
    if from >= VERSION {
        return Ok(()); // another process was faster, perhaps a later version: its version stays
    }
    let from = from as usize;
    for step in MIGRATIONS.iter().skip(from) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Whether an open vault needs [`migrate`]. A vault of a later version is an error.
pub(super) fn is_outdated(found: u32) -> Result<bool, VaultError> {
    refuse_later(found)?;
    Ok(found < VERSION)
}

/// Refuses a vault that a later version has taken over, perhaps while this process has it open.
pub(super) fn refuse_later(found: u32) -> Result<(), VaultError> {
    if found > VERSION {
        return Err(VaultError::TooNew {
            found,
            known: VERSION,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_has_a_step() {
        assert_eq!(MIGRATIONS.len(), VERSION as usize);
    }
}
