//! Sealed values in a PostgreSQL database, which many machines share.
//!
//! The server sees names, generations, and bytes that it cannot open. Statements are sent without
//! being prepared by name, one round trip each, so that a pooler may stand between. Nothing is held
//! in the server while a token is requested: neither a transaction nor a lock, only a line in a
//! table that says until when the lease is somebody's (`lease.rs`).

mod address;
mod apply;
mod block;
mod error;
mod fleet;
mod follow;
mod lease;
mod link;
mod schema;
mod tls;
mod told;
mod waits;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

pub(super) use self::address::Address;
use self::link::{LOOK_INTERVAL, LOOK_INTERVAL_TOLD, Link};
use super::copy::Copied;
use super::store::{Reseal, SealedChange, SealedRecord, SealedStore, Wait};
use super::{Changes, RecordKey, RecordLock, VaultError};
pub use fleet::{FleetLease, FleetMachine, FleetView};

/// An open database.
pub(super) struct PostgresStore {
    link: Arc<Link>,
    /// Where it is, for messages.
    place: PathBuf,
    /// The greatest generation that this process has seen.
    seen: AtomicI64,
}

impl PostgresStore {
    /// Connects to the server. If there is no vault yet, one is made, with the record that
    /// `first` seals.
    pub(super) fn open(address: Address, first: &[SealedChange<'_>]) -> Result<Self, VaultError> {
        let place = PathBuf::from(&address.shown);
        let link = Link::connect(address)?;
        let store = Self {
            link: Arc::new(link),
            place,
            seen: AtomicI64::new(0),
        };
        if !schema::is_made(&store.link)? {
            store.make(first)?;
        }
        Ok(store)
    }

    /// Makes the tables and the first records. Of several machines that do so at one time, one
    /// succeeds, and the others use what it has made.
    fn make(&self, first: &[SealedChange<'_>]) -> Result<(), VaultError> {
        if let Err(error) = schema::make(&self.link)
            && !schema::is_made(&self.link)?
        {
            return Err(error);
        }
        match self.apply(first, Wait::ForOthers) {
            // Another machine was first.
            Err(VaultError::Conflict) => Ok(()),
            other => other.map(drop),
        }
    }

    /// All records as they are sealed.
    pub(super) fn all(&self) -> Result<Vec<Copied>, VaultError> {
        let text = "SELECT kind, name, generation, sealed FROM authsome.record";
        let rows = self.link.repeatable(text, &[])?;
        let copied = rows.iter().map(|row| {
            Ok(Copied {
                kind: self.link.column(row, 0)?,
                name: self.link.column(row, 1)?,
                generation: self.generation_in(row, 2)?,
                sealed: self.link.column(row, 3)?,
            })
        });
        copied.collect()
    }

    /// Those who share the vault.
    pub(super) fn fleet(&self) -> Result<FleetView, VaultError> {
        self.link.fleet()
    }

    fn generation_in(&self, row: &Row, column: usize) -> Result<u64, VaultError> {
        let generation: i64 = self.link.column(row, column)?;
        self.seen.fetch_max(generation, Ordering::Relaxed);
        Ok(generation.cast_unsigned())
    }
}

impl SealedStore for PostgresStore {
    fn path(&self) -> &Path {
        &self.place
    }

    fn get(&self, key: &RecordKey) -> Result<Option<SealedRecord>, VaultError> {
        let text = "SELECT generation, sealed FROM authsome.record WHERE kind = $1 AND name = $2";
        let rows = self
            .link
            .repeatable(text, &[(&key.kind, Type::TEXT), (&key.name, Type::TEXT)])?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(SealedRecord {
            generation: self.generation_in(row, 0)?,
            sealed: self.link.column(row, 1)?,
        }))
    }

    fn generation(&self, key: &RecordKey) -> Result<Option<u64>, VaultError> {
        let text = "SELECT generation FROM authsome.record WHERE kind = $1 AND name = $2";
        let rows = self
            .link
            .repeatable(text, &[(&key.kind, Type::TEXT), (&key.name, Type::TEXT)])?;
        let row = rows.first();
        row.map(|row| self.generation_in(row, 0)).transpose()
    }

    fn each(&self, kind: &str, visit: &mut dyn FnMut(&str, u64, &[u8])) -> Result<(), VaultError> {
        let text = "SELECT name, generation, sealed FROM authsome.record WHERE kind = $1";
        let mut found = Vec::new();
        for row in self.link.repeatable(text, &[(&kind, Type::TEXT)])? {
            let name: String = self.link.column(&row, 0)?;
            let sealed: Vec<u8> = self.link.column(&row, 2)?;
            found.push((name, self.generation_in(&row, 1)?, sealed));
        }
        // Here and not by the server, which sorts as its locale does.
        found.sort();
        for (name, generation, sealed) in &found {
            visit(name, *generation, sealed);
        }
        Ok(())
    }

    fn names_from(&self, kind: &str, prefix: &str) -> Result<Vec<String>, VaultError> {
        let text = "SELECT name FROM authsome.record WHERE kind = $1";
        let rows = self.link.repeatable(text, &[(&kind, Type::TEXT)])?;
        let names: Result<Vec<String>, _> =
            rows.iter().map(|row| self.link.column(row, 0)).collect();
        let mut names = names?;
        names.retain(|name| name.starts_with(prefix));
        names.sort();
        Ok(names)
    }

    fn apply(&self, changes: &[SealedChange<'_>], _: Wait) -> Result<Vec<u64>, VaultError> {
        let floor = self.seen.load(Ordering::Relaxed);
        let generations = self.link.apply(changes, floor)?;
        if let Some(last) = generations.last() {
            self.seen.fetch_max(last.cast_signed(), Ordering::Relaxed);
        }
        Ok(generations)
    }

    fn check_writable(&self) -> Result<(), VaultError> {
        let text = "UPDATE authsome.vault SET generation = generation + 1";
        self.link.repeatable(text, &[]).map(drop)
    }

    fn check_version(&self) -> Result<(), VaultError> {
        schema::check(&self.link).map(drop)
    }

    fn lock(&self, key: &RecordKey, wait: Duration) -> Result<RecordLock, VaultError> {
        Ok(RecordLock::new(lease::claim(&self.link, &key.name, wait)?))
    }

    fn lockable(&self) -> Result<Vec<RecordKey>, VaultError> {
        let text = "SELECT DISTINCT name FROM authsome.record WHERE name LIKE '%/%'";
        let rows = self.link.rows(text, &[])?;
        let name = |row| Ok(RecordKey::new("", self.link.column::<String>(row, 0)?));
        rows.iter().map(name).collect()
    }

    fn seal_anew(&self, seal: &mut Reseal<'_>) -> Result<(), VaultError> {
        self.link.seal_anew(seal)
    }

    fn may_forget(&self) -> bool {
        true
    }

    fn look_interval(&self) -> Duration {
        if self.link.tells_changes() {
            LOOK_INTERVAL_TOLD
        } else {
            LOOK_INTERVAL
        }
    }

    fn changes(&self) -> Option<Changes> {
        Some(self.link.follow())
    }
}
