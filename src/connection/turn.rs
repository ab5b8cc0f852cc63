//! Whose turn it is to spend a connection's refresh token: one process at a time, and nobody whose need another has met.

use std::time::{Duration, Instant};

use super::freshness::{Freshness, is_too_new};
use super::record::Standing;
use super::refresh::{Outcome, Why, credential};
use super::source::CredentialError;
use super::store::{ConnectionStore, StoreError, Stored};
use super::tries::WORK_LIMIT;
use crate::clock::Timestamp;
use crate::credential::ConnectionId;
use crate::oauth::EXCHANGE_TIMEOUT;
use crate::vault::{RecordLock, VaultError};

/// How long to wait for another process's refresh: longer than one that works can take. One that is stopped keeps its turn, since only it
/// can read the answer to what it has sent.
const LOCK_DEADLINE: Duration = WORK_LIMIT
    .saturating_add(EXCHANGE_TIMEOUT)
    .saturating_add(Duration::from_secs(15));

/// How often who waits looks whether there is something newer: of a crowd, all go on with the first one's pair at once, and not one
/// after the other.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What waiting for one's turn has come to.
pub(super) enum Turn {
    /// It is ours, and this is the state to renew.
    Ours {
        /// Nobody else refreshes meanwhile.
        lock: RecordLock,
        /// Read under the lock.
        stored: Box<Stored>,
    },
    /// There is nothing to do any more, or nothing that can be done.
    Over(Outcome),
}

/// Why there is no turn.
pub(super) enum TurnError {
    /// The lock cannot be had.
    Lock(VaultError),
    /// There is no such connection any more.
    Removed,
    /// The vault cannot be read.
    Store(StoreError),
}

/// Waits for the turn, or until it is not needed. Blocks the thread.
pub(super) fn take(
    store: &ConnectionStore,
    id: &ConnectionId,
    why: Why,
) -> Result<Turn, TurnError> {
    let load = || {
        let found = store.load(id).map_err(TurnError::Store)?;
        found.ok_or(TurnError::Removed)
    };
    let started = Instant::now();
    let mut seen = None;
    loop {
        let lock = match store.lock(id, LOOK_INTERVAL) {
            Ok(lock) => Some(lock),
            Err(VaultError::RecordLocked { .. }) if started.elapsed() < LOCK_DEADLINE => None,
            Err(VaultError::RecordLocked { lock, .. }) => {
                let waited = LOCK_DEADLINE;
                return Err(TurnError::Lock(VaultError::RecordLocked { lock, waited }));
            }
            Err(error) => return Err(TurnError::Lock(error)),
        };
        if lock.is_none() {
            let current = store.current(id).map_err(TurnError::Store)?;
            if seen.replace(current) == Some(current) {
                continue;
            }
        }
        let stored = Box::new(load()?);
        let outcome = settled(&stored, why);
        match (lock, outcome) {
            (_, Some(outcome @ Ok(_))) | (Some(_), Some(outcome)) => {
                return Ok(Turn::Over(outcome));
            }
            (Some(lock), None) => return Ok(Turn::Ours { lock, stored }),
            (None, _) => {}
        }
    }
}

/// Waits for the right to spend a connection's refresh token, whatever others make of it. Blocks the thread.
pub fn lock_grant(store: &ConnectionStore, id: &ConnectionId) -> Result<RecordLock, StoreError> {
    Ok(store.lock(id, LOCK_DEADLINE)?)
}

/// A stored state that answers the call without a request: another process was faster, or nothing can be renewed.
fn settled(stored: &Stored, why: Why) -> Option<Outcome> {
    let connection = &stored.connection;
    let now = Timestamp::now();
    let freshness = connection.freshness(now);
    let renewed = match why {
        Why::Due | Why::Expired => freshness == Freshness::Fresh,
        Why::Doubted { generation } | Why::Refused { generation } => stored.number() != generation,
    };
    if renewed && freshness != Freshness::Expired {
        return Some(Ok(credential(stored)));
    }
    let lost = |reason: &str| {
        Some(Err(CredentialError::NeedsLogin {
            id: connection.id.clone(),
            reason: reason.to_owned(),
        }))
    };
    match &connection.standing {
        Standing::NeedsLogin { reason, .. } => lost(reason),
        Standing::Good if connection.tokens.refresh.is_none() => {
            lost("the provider issued no refresh token")
        }
        Standing::Good
            if matches!(why, Why::Doubted { .. })
                && is_too_new(connection.tokens.obtained_at, freshness, now) =>
        {
            Some(Ok(credential(stored)))
        }
        Standing::Good => None,
    }
}
