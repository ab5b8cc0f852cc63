//! Whose turn it is to spend a connection's refresh token: one process at a time, and nobody whose
//! need another has met.
//!
//! ```text
//! ask for the lock ─┬ ours ──→ load ─┬ settled ─────────────→ Over(a pair, or NeedsLogin)
//!    ↑              │                └ not ─────────────────→ Ours: the lock and the state
//!    │              ├ another's ─→ the record's number
//!    │              │                ├ as it was ───────────┐
//!    │              │                └ new ─→ load ─┬ a pair ─→ Over(that pair), without the lock
//!    │              │                               └ none ─┤
//!    └──────────────│── LOOK_INTERVAL ──────────────────────┘
//!                   ├ another's for LOCK_DEADLINE ──────────→ TurnError
//!                   └ the lock or the vault fails ──────────→ TurnError
//! ```
//!
//! A provider that rotates refresh tokens (RFC 9700 §4.14.2) takes each of them once. So the state
//! is read again under the lock: what the caller has seen may have been spent by whoever had the
//! turn before.

use std::time::{Duration, Instant};

use super::freshness::{Freshness, is_too_new};
use super::record::GrantState;

use super::source::CredentialError;
use super::store::{ConnectionStore, StoreError, Stored};
use super::tries::WORK_LIMIT;
use super::wanted::{Outcome, RefreshReason, credential};
use crate::clock::Timestamp;
use crate::credential::ConnectionId;
use crate::oauth::EXCHANGE_TIMEOUT;
use crate::vault::{RecordLock, VaultError};

/// How long to wait for another process's refresh: longer than one that works can take. One that is
/// stopped keeps its turn, since only it can read the response to what it has sent.
const LOCK_DEADLINE: Duration = WORK_LIMIT
    // The last request of another refresh may begin at `WORK_LIMIT`, and takes `EXCHANGE_TIMEOUT`
    // at most; the rest is for its pair to become durable.
    .saturating_add(EXCHANGE_TIMEOUT)
    .saturating_add(Duration::from_secs(15));

/// How often who waits looks whether there is something newer: of a crowd, all go on with the first
/// one's pair at once, and not one after the other.
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
    why: RefreshReason,
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
                // The error tells the user for how long it was tried in all, not the last interval.
                let waited = LOCK_DEADLINE;
                return Err(TurnError::Lock(VaultError::RecordLocked { lock, waited }));
            }
            Err(error) => return Err(TurnError::Lock(error)),
        };
        if lock.is_none() {
            // Of a crowd each process looks ten times a second: so it reads a number, and opens the
            // record only where that is another. The first look always opens it, as the caller may
            // have been refused with an older pair than the vault has.
            let current = store.current(id).map_err(TurnError::Store)?;
            if seen.replace(current) == Some(current) {
                continue;
            }
        }
        // With the lock in hand nobody else refreshes: what is read here is what a request would
        // spend.
        let stored = Box::new(load()?);
        let outcome = settled(&stored, why, Timestamp::now());
        match (lock, outcome) {
            // A pair that works is good with the lock or without. That nothing can be renewed is
            // believed only under the lock: without it, whoever holds it may be about to store a
            // pair.
            (_, Some(outcome @ Ok(_))) | (Some(_), Some(outcome)) => {
                return Ok(Turn::Over(outcome));
            }
            (Some(lock), None) => return Ok(Turn::Ours { lock, stored }),
            (None, _) => {}
        }
    }
}

/// Writes what is no new pair into a record, unless somebody renews it just now.
///
/// A renewal ends with a commit over the state that it began with. A change beside it would make
/// that commit fail, and the new pair, the only one that the provider still takes, be dropped.
///
/// For the same reason it must be the newest state that is changed: one that waits beside the vault
/// would count for nothing once the vault has a later number.
pub fn replace_beside_renewals(
    store: &ConnectionStore,
    stored: &Stored,
) -> Result<u64, StoreError> {
    let connection = &stored.connection;
    let _lock = store.lock(&connection.id, Duration::ZERO)?;
    if store.current(&connection.id)? != Some(stored.number()) {
        return Err(StoreError::Conflict);
    }
    store.replace(connection, stored.generation)
}

/// Waits for the right to spend a connection's refresh token, whatever others make of it. Blocks
/// the thread.
pub fn lock_grant(store: &ConnectionStore, id: &ConnectionId) -> Result<RecordLock, StoreError> {
    Ok(store.lock(id, LOCK_DEADLINE)?)
}

/// A stored state that answers the call without a request: another process was faster, or nothing
/// can be renewed.
fn settled(stored: &Stored, why: RefreshReason, now: Timestamp) -> Option<Outcome> {
    let connection = &stored.connection;
    let freshness = connection.freshness(now);
    let renewed = match why {
        // A pair that is due would not do: it would have to be renewed next.
        RefreshReason::Due | RefreshReason::Expired => freshness == Freshness::Fresh,
        // However fresh the refused state looks by its dates, the provider does not take it; any
        // other one has not been tried yet.
        RefreshReason::Doubted { generation } | RefreshReason::Refused { generation } => {
            stored.number() != generation
        }
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
        // It was believed after several tries (`tries.rs`), and a refresh token that is refused for
        // good stays refused: each session would only ask again.
        GrantState::NeedsLogin { reason, .. } => lost(reason),
        // A server need not issue one (RFC 6749 §5.1).
        GrantState::Good if connection.tokens.refresh.is_none() => {
            lost("the provider issued no refresh token")
        }
        // The provider gave no reason for its 401, and the pair is some seconds old: another one
        // would be refused as well, and would kill the token under all who use this one. The caller
        // gets the refused state back, and so knows that nothing was tried.
        GrantState::Good
            if matches!(why, RefreshReason::Doubted { .. })
                && is_too_new(connection.tokens.obtained_at, freshness, now) =>
        {
            Some(Ok(credential(stored)))
        }
        GrantState::Good => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::sample::{ARRIVED, ENDS, stored};

    /// What a state is worth to who wants a renewal for that reason, at that second.
    fn verdict(stored: &Stored, why: RefreshReason, now: u64) -> &'static str {
        match settled(stored, why, Timestamp::from_seconds(now)) {
            None => "renew",
            Some(Ok(_)) => "use it",
            Some(Err(CredentialError::NeedsLogin { .. })) => "log in",
            Some(Err(other)) => panic!("{other}"),
        }
    }

    #[test]
    fn a_state_answers_without_a_request_where_another_was_faster() {
        let (_, _, stored) = stored();
        let generation = stored.number();
        let (same, other) = (generation, generation + 1);
        for (why, now, expected) in [
            (RefreshReason::Due, ENDS - 1000, "use it"),
            (RefreshReason::Due, ENDS - 100, "renew"),
            (RefreshReason::Expired, ENDS - 1000, "use it"),
            (RefreshReason::Expired, ENDS, "renew"),
            (
                RefreshReason::Refused { generation: same },
                ENDS - 1000,
                "renew",
            ),
            (
                RefreshReason::Refused { generation: other },
                ENDS - 1000,
                "use it",
            ),
            (RefreshReason::Refused { generation: other }, ENDS, "renew"),
            (
                RefreshReason::Doubted { generation: same },
                ENDS - 1000,
                "renew",
            ),
            (
                RefreshReason::Doubted { generation: same },
                ARRIVED + 29,
                "use it",
            ), // renewed just now
            (
                RefreshReason::Refused { generation: same },
                ARRIVED + 29,
                "renew",
            ),
            (
                RefreshReason::Doubted { generation: other },
                ENDS - 1000,
                "use it",
            ),
        ] {
            assert_eq!(verdict(&stored, why, now), expected, "{why:?} at {now}");
        }
    }

    #[test]
    fn a_dead_grant_and_one_without_a_refresh_token_need_a_login() {
        let (_, _, mut stored) = stored();
        stored.connection.tokens.refresh = None;
        assert_eq!(verdict(&stored, RefreshReason::Expired, ENDS), "log in");
        assert_eq!(verdict(&stored, RefreshReason::Due, ENDS - 1000), "use it");
        stored.connection.standing = GrantState::NeedsLogin {
            reason: "revoked".to_owned(),
            since: Timestamp::from_seconds(ARRIVED),
            access_ended: true,
        };
        assert_eq!(verdict(&stored, RefreshReason::Due, ENDS - 1000), "log in");
    }

    #[test]
    fn nothing_else_is_written_beside_a_renewal() {
        let (_, store, stored) = stored();
        let (connection, generation) = (&stored.connection, stored.generation);
        let renewing = store.lock(&connection.id, Duration::ZERO).unwrap();
        let beside = replace_beside_renewals(&store, &stored);
        assert!(matches!(
            beside,
            Err(StoreError::Vault(VaultError::RecordLocked { .. }))
        ));
        // So the renewal's commit finds the state that it began with.
        assert!(store.replace(connection, generation).is_ok());
        drop(renewing);
        // What was read before that commit is not the newest state any more.
        let outdated = replace_beside_renewals(&store, &stored);
        assert!(matches!(outdated, Err(StoreError::Conflict)));
        let later = store.load(&connection.id).unwrap().unwrap();
        // Nor is what waits beside the vault overwritten.
        let mut reserve = store.reserve(&later).unwrap();
        ConnectionStore::keep_aside(&mut *reserve, &later.connection).unwrap();
        let beside = replace_beside_renewals(&store, &later);
        assert!(matches!(beside, Err(StoreError::Conflict)));
        let newest = store.load(&connection.id).unwrap().unwrap();
        assert!(replace_beside_renewals(&store, &newest).is_ok());
    }

    #[test]
    fn the_turn_is_taken_where_it_is_free() {
        let (_, store, stored) = stored();
        let id = &stored.connection.id;
        let Ok(Turn::Ours { lock, .. }) = take(&store, id, RefreshReason::Expired) else {
            panic!("nobody else has it");
        };
        let held = store.lock(id, Duration::ZERO);
        assert!(matches!(held, Err(VaultError::RecordLocked { .. })));
        drop(lock);
        store.delete(id).unwrap();
        let gone = take(&store, id, RefreshReason::Expired);
        assert!(matches!(gone, Err(TurnError::Removed)));
    }

    #[test]
    fn who_waits_goes_on_with_what_another_has_renewed_before_it_gives_the_lock_back() {
        let (_, store, stored) = stored();
        let id = &stored.connection.id;
        let _held = store.lock(id, Duration::ZERO).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| take(&store, id, RefreshReason::Expired));
            let mut renewed = stored.connection.clone();
            renewed.tokens.obtained_at = Timestamp::now();
            renewed.tokens.expires_at = Some(Timestamp::now().plus(Duration::from_hours(2)));
            store.replace(&renewed, stored.generation).unwrap();
            let turn = waiting.join().unwrap();
            assert!(matches!(turn, Ok(Turn::Over(Ok(_)))));
        });
    }
}
