//! Begins a transaction that writes: one process at a time may have one.

use std::time::Duration;

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::error::classify;
use super::store::SqliteStore;
use crate::os::lock_wait::TELL_AFTER;
use crate::vault::VaultError;

impl SqliteStore {
    /// Begins a transaction, and waits at most `patience` for another process that has one. A long
    /// wait is told.
    pub(super) fn begin<'a>(
        &self,
        connection: &'a Connection,
        patience: Duration,
    ) -> Result<Transaction<'a>, VaultError> {
        let within = |wait| {
            connection.busy_timeout(wait)?;
            Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
        };
        let begun = match within(patience.min(TELL_AFTER)) {
            Err(error) if is_busy(&error) && patience > TELL_AFTER => {
                // The lock of the writer is in the file that the processes share.
                let shared = self.path.with_extension("db-shm");
                self.home.tell_wait(&self.path, &[&shared, &self.path]);
                within(patience.saturating_sub(TELL_AFTER))
            }
            begun => begun,
        };
        begun.map_err(classify(&self.path))
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}
