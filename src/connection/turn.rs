//! Who may use a connection's refresh token: one process at a time. A process that waits stops
//! waiting as soon as another one has stored a pair that it can use.
//!
//! ```text
//! lock, waiting for ─┬─ ours ──→ load ─┬─ settled ──────→ Over(a pair, or NeedsLogin)
//! a short time       │                 └─ not settled ──→ Ours(the lock, the state)
//!    ↑               ├─ another process has it ──→ read the record's number
//!    │               │     ├─ unchanged ──────────────────────────────────────┐
//!    │               │     └─ changed, or read for the first time ──→ load    │
//!    │               │           ├─ no usable pair ───────────────────────────┤
//!    │               │           └─ a usable pair ──→ Over(that pair)         │
//!    └───────────────│────────────────────────────────────────────────────────┘
//!                    ├─ another process has it for LOCK_DEADLINE ──→ TurnError
//!                    └─ the lock or the vault fails ───────────────→ TurnError
//! ```
//!
//! *Settled* means that no request is needed, or that none would help.
//!
//! A provider that rotates refresh tokens accepts each of them only once (RFC 9700 §4.14.2). So the
//! state is read again under the lock: the process that had the lock before may have spent the
//! refresh token that the caller has seen.

use std::time::{Duration, Instant};

use super::freshness::{Freshness, is_too_new};
use super::record::GrantState;

use super::source::CredentialError;
use super::store::{ConnectionStore, StoreError, Stored};
use super::tries::{FOREGROUND_TIMEOUT, WORK_LIMIT};
use super::wanted::{Outcome, RefreshReason, credential};
use crate::clock::Timestamp;
use crate::credential::ConnectionId;
use crate::oauth::EXCHANGE_TIMEOUT;
use crate::vault::{RecordLock, VaultError};

/// How long to wait for another process's refresh: longer than a working refresh can take. A
/// process that is stopped (Ctrl-Z) during its refresh keeps the lock, since only that process can
/// read the response to its request.
const LOCK_DEADLINE: Duration = WORK_LIMIT
    // Another process may begin its last request `WORK_LIMIT` after its first one, and that request
    // takes `EXCHANGE_TIMEOUT` at most. The rest is for making its pair durable.
    .saturating_add(EXCHANGE_TIMEOUT)
    .saturating_add(Duration::from_secs(15));

/// The result of [`take`].
pub(super) enum Turn {
    /// This process has the lock, and this is the state to renew.
    Ours {
        /// Keeps other processes from refreshing.
        lock: RecordLock,
        /// Read under the lock.
        stored: Box<Stored>,
    },
    /// No request is to be made: another process has renewed the pair, or nothing can be renewed.
    Over(Outcome),
}

/// Why [`take`] failed.
pub(super) enum TurnError {
    /// The lock could not be taken.
    Lock(VaultError),
    /// The vault has an older state than this process has seen: its server has forgotten a write.
    Forgotten,
    /// The connection is no longer in the vault.
    Removed,
    /// The vault cannot be read.
    Store(StoreError),
}

/// Waits for the lock, or until it is not needed. Blocks the thread.
pub(super) fn take(
    store: &ConnectionStore,
    id: &ConnectionId,
    why: RefreshReason,
    known: u64,
) -> Result<Turn, TurnError> {
    let started = Instant::now();
    let mut seen = None;
    loop {
        let lock = match store.lock(id, store.look_interval()) {
            Ok(lock) => Some(lock),
            Err(error) if error.is_held() && started.elapsed() < patience(&error) => None,
            // The error shows the user the whole wait, not its last interval.
            Err(error) => {
                let waited = patience(&error);
                return Err(TurnError::Lock(error.after(waited)));
            }
        };
        if lock.is_none() {
            // Each waiting process looks ten times a second. So it reads only a number, and opens
            // the record only if the number has changed. The first look always opens it: the
            // provider may have refused an older pair than the vault has.
            let current = store.current(id).map_err(TurnError::Store)?;
            if seen.replace(current) == Some(current) {
                continue;
            }
        }
        // If the lock is ours, nobody else refreshes: this is the refresh token that a request
        // would spend.
        let stored = match &lock {
            Some(_) => Box::new(load_newest(store, id, known)?),
            None => Box::new(load(store, id)?),
        };
        let outcome = settled(&stored, why, Timestamp::now());
        match (lock, outcome) {
            // A pair that works can be used with or without the lock. That nothing can be renewed
            // is believed only under the lock: without it, the process that holds the lock may be
            // about to store a pair.
            (_, Some(outcome @ Ok(_))) | (Some(_), Some(outcome)) => {
                return Ok(Turn::Over(outcome));
            }
            (Some(lock), None) => return Ok(Turn::Ours { lock, stored }),
            (None, _) => {}
        }
    }
}

/// How long to wait for whoever has the lock. Where this machine may not renew at all, perhaps
/// nobody has it.
fn patience(error: &VaultError) -> Duration {
    match error {
        VaultError::MayNotRenew { .. } => FOREGROUND_TIMEOUT,
        _ => LOCK_DEADLINE,
    }
}

fn load(store: &ConnectionStore, id: &ConnectionId) -> Result<Stored, TurnError> {
    let found = store.load(id).map_err(TurnError::Store)?;
    found.ok_or(TurnError::Removed)
}

/// The state to renew, which is not older than the one that this process has seen. After a
/// failover to a replica that lacked the last write, the refresh token in the database is spent: to
/// use it again would be taken for theft (RFC 9700 §4.14.2). Whichever machine has the pair that
/// was forgotten writes it again, from the file beside the vault. The caller holds the lock.
fn load_newest(
    store: &ConnectionStore,
    id: &ConnectionId,
    known: u64,
) -> Result<Stored, TurnError> {
    let stored = load(store, id)?;
    if stored.number() >= known || !store.may_forget() {
        return Ok(stored);
    }
    store.take_in(id).map_err(TurnError::Store)?;
    let stored = load(store, id)?;
    if stored.number() < known {
        return Err(TurnError::Forgotten);
    }
    Ok(stored)
}

/// Changes a stored connection, but not its pair. It fails if a renewal is under way.
///
/// A renewal ends with a compare-and-swap on the state that it began with. A change in between
/// would make that commit fail, and the new pair, the only one that the provider still accepts,
/// would be dropped.
///
/// For the same reason only the newest state may be changed. A pair that waits beside the vault
/// replaces the present generation, and would be ignored if the vault got a new one.
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

/// Takes the lock under which a connection is renewed. Unlike `take`, it goes on waiting for the
/// lock even if another process stores a new pair. Blocks the thread.
pub fn lock_grant(store: &ConnectionStore, id: &ConnectionId) -> Result<RecordLock, StoreError> {
    Ok(store.lock(id, LOCK_DEADLINE)?)
}

/// The outcome, if the stored state needs no request: its pair can be used as it is, or it cannot
/// be renewed. `None` if a request is needed.
fn settled(stored: &Stored, why: RefreshReason, now: Timestamp) -> Option<Outcome> {
    let connection = &stored.connection;
    let freshness = connection.freshness(now);
    let renewed = match why {
        // A pair that is due would not do: it would have to be renewed right after.
        RefreshReason::Due | RefreshReason::Expired => freshness == Freshness::Fresh,
        // The provider refuses this state, however fresh its dates are. Any other state has not
        // been tried yet.
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
        // Several tries have confirmed this (`tries.rs`), and a refresh token that is refused for
        // good stays refused. So no later session asks again.
        GrantState::NeedsLogin { reason, .. } => lost(reason),
        // A server need not issue a refresh token (RFC 6749 §5.1).
        GrantState::Good if !connection.is_renewable() => {
            lost("the provider issued no refresh token")
        }
        // The provider gave no reason for its 401, and the pair is only seconds old: a new pair
        // would be refused as well, and would invalidate the token for all others who use it. The
        // caller gets the refused state back, which shows that nothing was tried.
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

    /// What `settled` says about a state, for that reason and at that second.
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
        // The renewal's commit finds the state that it began with.
        assert!(store.replace(connection, generation).is_ok());
        drop(renewing);
        // `stored` was read before that commit, so it is not the newest state any more.
        let outdated = replace_beside_renewals(&store, &stored);
        assert!(matches!(outdated, Err(StoreError::Conflict)));
        let later = store.load(&connection.id).unwrap().unwrap();
        // A state that waits beside the vault is not overwritten either.
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
        let Ok(Turn::Ours { lock, .. }) = take(&store, id, RefreshReason::Expired, 0) else {
            panic!("nobody else has it");
        };
        let held = store.lock(id, Duration::ZERO);
        assert!(matches!(held, Err(VaultError::RecordLocked { .. })));
        drop(lock);
        store.delete(id).unwrap();
        let gone = take(&store, id, RefreshReason::Expired, 0);
        assert!(matches!(gone, Err(TurnError::Removed)));
    }

    #[test]
    fn who_waits_goes_on_with_what_another_has_renewed_before_it_gives_the_lock_back() {
        let (_, store, stored) = stored();
        let id = &stored.connection.id;
        let _held = store.lock(id, Duration::ZERO).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| take(&store, id, RefreshReason::Expired, 0));
            let mut renewed = stored.connection.clone();
            renewed.tokens.obtained_at = Timestamp::now();
            renewed.tokens.expires_at = Some(Timestamp::now().plus(Duration::from_hours(2)));
            store.replace(&renewed, stored.generation).unwrap();
            let turn = waiting.join().unwrap();
            assert!(matches!(turn, Ok(Turn::Over(Ok(_)))));
        });
    }
}
