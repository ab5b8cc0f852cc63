//! The tables, and the migration from each older version to the present one.
//!
//! Machines are upgraded one after the other, so two versions of authsome use one database at the
//! same time. So the vault has two numbers: the version of its tables, and the oldest version of
//! the tables that a program must know in order to use them. A step that only adds tables or
//! columns leaves the second as it is, and programs of before go on; a later one may raise it, once
//! no machine needs them any more.

use tokio_postgres::error::SqlState;

use super::block::within;
use super::error::classify;
use super::link::{CALL_TIMEOUT, Link};
use crate::vault::VaultError;

/// The version of the tables that this program writes.
pub(super) const VERSION: i32 = 1;

/// Step `n` migrates a vault from version `n` to version `n + 1`; a new vault takes all steps.
const MIGRATIONS: &[&str] = &["
    CREATE SCHEMA IF NOT EXISTS authsome;
    CREATE TABLE authsome.vault (
        one         int    PRIMARY KEY CHECK (one = 1),
        version     int    NOT NULL,
        readable_by int    NOT NULL,
        generation  bigint NOT NULL
    );
    INSERT INTO authsome.vault VALUES (1, 1, 1, 0);
    CREATE TABLE authsome.record (
        kind       text   NOT NULL,
        name       text   NOT NULL,
        generation bigint NOT NULL,
        sealed     bytea  NOT NULL,
        PRIMARY KEY (kind, name)
    );
    CREATE TABLE authsome.lease (
        name    text        PRIMARY KEY,
        owner   text        NOT NULL,
        machine text        NOT NULL,
        until   timestamptz NOT NULL,
        fence   bigint      NOT NULL
    );
    CREATE TABLE authsome.refresh (
        name    text        NOT NULL,
        fence   bigint      NOT NULL,
        machine text        NOT NULL,
        at      timestamptz NOT NULL,
        PRIMARY KEY (name, fence)
    );
    CREATE TABLE authsome.machine (
        machine   text        PRIMARY KEY,
        seen      timestamptz NOT NULL,
        waits     bigint      NOT NULL,
        waited_ms bigint      NOT NULL
    );
"];

/// The version of the tables; `None` if there is no vault.
pub(super) fn check(link: &Link) -> Result<Option<i32>, VaultError> {
    let look = || {
        link.with(|client| {
            let text = "SELECT version, readable_by FROM authsome.vault WHERE one = 1";
            match within(CALL_TIMEOUT, client.query_typed(text, &[])) {
                Some(Err(error)) if is_missing(&error) => Ok(Vec::new()),
                Some(Err(error)) => Err(classify(&link.address.shown, &error)),
                Some(Ok(rows)) => Ok(rows),
                None => Err(link.unreachable("it does not respond")),
            }
        })
    };
    let found = link.again_if_broken(look)?;
    let Some(row) = found.first() else {
        return Ok(None);
    };
    refuse_later(link.column(row, 1)?)?;
    Ok(Some(link.column(row, 0)?))
}

fn is_missing(error: &tokio_postgres::Error) -> bool {
    let missing = [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME];
    error.code().is_some_and(|code| missing.contains(code))
}

/// Refuses a vault whose tables this program does not know.
pub(super) fn refuse_later(readable_by: i32) -> Result<(), VaultError> {
    if readable_by > VERSION {
        return Err(VaultError::TooNew {
            found: readable_by.cast_unsigned(),
            known: VERSION.cast_unsigned(),
        });
    }
    Ok(())
}

/// Whether the database has a vault. An older one is migrated.
pub(super) fn is_made(link: &Link) -> Result<bool, VaultError> {
    match check(link)? {
        None => Ok(false),
        Some(version) if version < VERSION => migrate(link, version, MIGRATIONS).map(|()| true),
        Some(_) => Ok(true),
    }
}

/// Makes the tables.
pub(super) fn make(link: &Link) -> Result<(), VaultError> {
    migrate(link, 0, MIGRATIONS)
}

/// Takes the steps that are missing, in one transaction. `from` is the version that was found; 0
/// for no tables.
fn migrate(link: &Link, from: i32, steps: &[&str]) -> Result<(), VaultError> {
    link.with(|client| {
        let transaction = link.wait(client.transaction())?;
        let mut taken = from;
        if from > 0 {
            // Of several machines that migrate at one time, the others wait here, and then have
            // nothing to do.
            let present = "SELECT version FROM authsome.vault WHERE one = 1 FOR UPDATE";
            let rows = link.wait(transaction.query_typed(present, &[]))?;
            if let Some(row) = rows.first() {
                taken = link.column(row, 0)?;
            }
        }
        for step in steps
            .iter()
            .skip(usize::try_from(taken).unwrap_or_default())
        {
            link.wait(transaction.batch_execute(step))?;
        }
        let version = format!(
            "UPDATE authsome.vault SET version = greatest(version, {})",
            steps.len()
        );
        link.wait(transaction.batch_execute(&version))?;
        link.wait(transaction.commit())
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use authsome_test_support::Postgres;

    use super::*;
    use crate::net::tls::Trust;
    use crate::vault::postgres::Address;

    #[test]
    fn every_version_has_a_step() {
        assert_eq!(MIGRATIONS.len(), usize::try_from(VERSION).unwrap());
    }

    /// A later version adds a column, and all of its machines start at one time.
    #[test]
    fn several_machines_migrate_once_and_those_of_before_go_on() {
        let Some(server) = Postgres::shared() else {
            return;
        };
        let url = server.database();
        let connect = || {
            let address = Address::parse(&url, &Trust::new(None, Vec::new()));
            Link::connect(address.unwrap()).unwrap()
        };
        let old = connect();
        make(&old).unwrap();
        let added = "ALTER TABLE authsome.record ADD COLUMN note text";
        let later = [MIGRATIONS, &[added]].concat();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| migrate(&connect(), VERSION, &later).unwrap());
            }
        });
        assert_eq!(check(&old).unwrap(), Some(VERSION + 1));
        assert!(is_made(&old).unwrap());
        assert_eq!(check(&old).unwrap(), Some(VERSION + 1), "nothing goes back");
        let raise = format!("UPDATE authsome.vault SET readable_by = {}", VERSION + 1);
        old.rows(&raise, &[]).unwrap();
        let refused = is_made(&old);
        assert!(
            matches!(refused, Err(VaultError::TooNew { .. })),
            "{refused:?}"
        );
    }
}
