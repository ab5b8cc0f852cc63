//! Storing a pair that was just issued, whatever the state of the disk.
//!
//! All that this needs was acquired before the token request: the thread, the reserved file, the
//! connection's lock. The pair is first written, sealed, into the reserved file beside the vault;
//! then it is committed to the vault.
//!
//! | the pair is | what follows |
//! | --- | --- |
//! | in the vault | done |
//! | in the file only | every process takes it for the connection's state; it is moved into the vault as soon as the vault can be written |
//! | in memory only | this session uses it. It keeps the lock, so that no other process uses the spent refresh token, and tries both places until one takes the pair |
//!
//! ```text
//! keep      issued ──→ write the file ──→ commit ─┬─ done ──────→ InVault
//!                                           ↑     ├─ conflict ──→ Overtaken: the file is removed
//!                                           └─────┼─ locked: again, for COMMIT_WAIT
//!                                                 └─ failed ────→ NotYet
//!
//! keep_on   NotYet ─┬─ in the file ──── release the lock ─┬─ the vault takes it ──→ done
//!                   │       ↑                             └─ the session ends ────→ it stays there
//!                   │       └─ the file takes it
//!                   └─ in memory only ── keep the lock ────── the vault takes it ──→ done
//! ```
//!
//! The end of the session waits, up to its deadline, for a pair that is in memory only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::closing::{Closing, UnderWay};
use super::record::Connection;
use super::store::{ConnectionStore, StoreError};
use crate::credential::ConnectionId;
use crate::defence::Defence;
use crate::vault::{RecordLock, Reserve, VaultError};

/// How long a commit is tried while another process's transaction holds the vault. After that the
/// new pair is handed out although the vault does not have it yet.
const COMMIT_WAIT: Duration = Duration::from_millis(500);

/// The pause between those tries.
const COMMIT_STEP: Duration = Duration::from_millis(10);

/// The first and the longest pause of [`Issued::keep_on`]. Each pause is twice as long as the one
/// before; while the session ends, all are as short as the first.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// The longest pause where other machines wait for the pair: they may try the spent refresh token
/// meanwhile, each under the lease that this needs.
const MAX_SHARED_PAUSE: Duration = Duration::from_millis(200);

/// A pause is slept in steps of this length, so that the end of the session is noticed.
const NOTICE: Duration = Duration::from_millis(50);

/// A pair that was just issued, and all that is needed to store it.
pub(super) struct Issued {
    pub(super) store: ConnectionStore,
    pub(super) closing: Closing,
    /// The connection with the new pair.
    pub(super) connection: Connection,
    /// The generation in the vault that it replaces.
    pub(super) generation: u64,
    pub(super) reserve: Box<dyn Reserve>,
    /// Released once the pair is durable.
    pub(super) lock: Option<RecordLock>,
    pub(super) unsaved: Unsaved,
    /// Makes the end of the session wait.
    pub(super) under_way: UnderWay,
}

/// The result of the first attempt to store a new pair.
pub(super) enum Kept {
    /// It is in the vault, with that generation. The guard is held until all that need the pair
    /// know of it: the end of the session hands back only what it knows of.
    InVault(u64, UnderWay),
    /// In the meantime the user has logged in again, or has removed the connection: the pair is
    /// dropped.
    Overtaken,
    /// The vault could not take it; the caller must go on with [`Issued::keep_on`].
    NotYet {
        issued: Box<Issued>,
        is_aside: bool,
        error: StoreError,
    },
}

/// The connections whose newest pair is not in the vault, and whether it is at least in a file
/// beside the vault.
#[derive(Clone, Debug, Default)]
pub(super) struct Unsaved(Arc<Mutex<BTreeMap<ConnectionId, bool>>>);

impl Unsaved {
    /// Those whose newest pair is in a file beside the vault.
    pub(super) fn aside(&self) -> Vec<ConnectionId> {
        let connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let aside = connections.iter().filter(|(_, is_aside)| **is_aside);
        aside.map(|(id, _)| id.clone()).collect()
    }

    /// Adds or updates an entry; returns whether there was one already.
    fn note(&self, id: &ConnectionId, is_aside: bool) -> bool {
        let mut connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        connections.insert(id.clone(), is_aside).is_some()
    }

    fn forget(&self, id: &ConnectionId) {
        let mut connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        connections.remove(id);
    }
}

impl Issued {
    /// Writes the pair into its file, then into the vault. Blocks the thread.
    pub(super) fn keep(mut self) -> Kept {
        // The file comes first: it needs no lock of the vault, no new file descriptor and no new
        // disk block. Once it is written, the pair survives a kill of this process.
        let is_aside = Defence::PendingPair.stands() && self.write_aside();
        let started = Instant::now();
        loop {
            match self.commit() {
                Ok(generation) => {
                    return Kept::InVault(generation, self.under_way);
                }
                Err(StoreError::Conflict) => {
                    // The file replaces a generation that the vault no longer has, so `take_in`
                    // only removes it. If that fails, the file is ignored.
                    let _ = self.store.take_in(&self.connection.id);
                    return Kept::Overtaken;
                }
                // The wait is here and not in SQLite, where it would block the only connection
                // through which this process reads the vault. If the other transaction lasts
                // longer, the requests do not wait for it.
                Err(StoreError::Vault(VaultError::Locked(_)))
                    if started.elapsed() < COMMIT_WAIT =>
                {
                    thread::sleep(COMMIT_STEP);
                }
                Err(_) if !Defence::PendingPair.stands() => return Kept::Overtaken,
                Err(error) => {
                    return Kept::NotYet {
                        issued: Box::new(self),
                        is_aside,
                        error,
                    };
                }
            }
        }
    }

    /// Tries again until the vault has the pair, or until the session ends and the pair is at least
    /// in its file. Blocks the thread.
    pub(super) fn keep_on(mut self, mut is_aside: bool) {
        let id = self.connection.id.clone();
        // One thread for each connection is enough: the thread of an earlier pair takes in whatever
        // is newest beside the vault. A pair that is only in memory needs its own thread.
        if self.unsaved.note(&id, is_aside) && is_aside {
            return;
        }
        let mut pause = FIRST_PAUSE;
        loop {
            let lease = self.lock.as_ref().and_then(RecordLock::claim);
            if is_aside && lease.is_none() {
                // Other processes can read the pair now. A refresh of theirs would use its refresh
                // token, and not the spent one. Other machines cannot, so a lease is kept until the
                // vault has the pair, or the lease has ended.
                self.lock = None;
            }
            self.rest(pause);
            let is_ending = self.closing.is_closed();
            // The pair is durable, and the next command takes it in. The entry in `unsaved` stays,
            // so that the user is told.
            if is_aside && is_ending {
                return;
            }
            if self.is_in_vault(is_aside) {
                return self.unsaved.forget(&id);
            }
            if !is_aside {
                is_aside = self.write_aside();
                self.unsaved.note(&id, is_aside);
            }
            // While the session ends, the process waits for nothing but this, so the tries follow
            // quickly. Before that, a disk that is full for hours is tried every few seconds.
            pause = if is_ending {
                FIRST_PAUSE
            } else if self.store.may_forget() {
                (pause * 2).min(MAX_SHARED_PAUSE)
            } else {
                (pause * 2).min(MAX_PAUSE)
            };
        }
    }

    fn is_in_vault(&mut self, is_aside: bool) -> bool {
        let id = &self.connection.id;
        if self.lock.is_some() {
            match self.commit() {
                // A conflict ends this too: after a login or a removal, nobody needs the pair.
                Ok(_) | Err(StoreError::Conflict) => return true,
                // Another machine may have the lease by now. The pair is written under a lease of
                // its own, unless there is a later one by then.
                Err(StoreError::Vault(VaultError::LeaseLost(_))) if is_aside => self.lock = None,
                Err(StoreError::Vault(VaultError::LeaseLost(_))) => {
                    if let Ok(lock) = self.store.lock(id, Duration::ZERO) {
                        self.lock = Some(lock);
                    }
                    return false;
                }
                Err(_) => return false,
            }
        }
        // This does not wait. Whoever holds the lock refreshes this pair, and the pair after it
        // takes its place. `take_in` takes the newest state beside the vault, which may be that
        // one.
        let locked = self.store.lock(id, Duration::ZERO);
        locked.is_ok_and(|_lock| self.store.take_in(id).is_ok())
    }

    fn write_aside(&mut self) -> bool {
        // This can be repeated: the file is written from its start each time.
        let written = ConnectionStore::keep_aside(&mut *self.reserve, &self.connection);
        written.is_ok()
    }

    fn commit(&self) -> Result<u64, StoreError> {
        let claim = self.lock.as_ref().and_then(RecordLock::claim);
        let claim = claim.as_ref();
        self.store
            .replace_now(&self.connection, self.generation, claim)
    }

    fn rest(&self, pause: Duration) {
        let started = Instant::now();
        // Only the moment at which the session ends cuts a pause short. A later pause is slept in
        // full; otherwise the tries would follow each other without a pause.
        let was_closed = self.closing.is_closed();
        while started.elapsed() < pause && self.closing.is_closed() == was_closed {
            thread::sleep(NOTICE);
        }
    }
}

/// Moves pairs into the vault that earlier sessions could not write there. If that fails, the next
/// command tries again; until then, every reader finds the pair beside the vault.
pub fn take_in_pending(store: &ConnectionStore) {
    for id in store.waiting().unwrap_or_default() {
        // Each command that opens the vault does this first, so it must not wait. A lock that is
        // held belongs to a running process, which takes in its pairs itself.
        if let Ok(_lock) = store.lock(&id, Duration::ZERO) {
            let _ = store.take_in(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::sample::stored;
    use crate::connection::store::Stored;
    use crate::secret::Secret;
    use crate::vault::Refuses;

    #[tokio::test]
    async fn the_end_of_the_session_waits_until_the_pair_is_told_of() {
        let (_, store, stored) = stored();
        let (issued, closing) = issued(&store, &stored);
        let kept = issued.keep();
        let Kept::InVault(_, under_way) = kept else {
            panic!("the vault takes it");
        };
        assert!(!closing.close(Duration::from_millis(1)).await);
        drop(under_way);
        assert!(closing.close(Duration::from_millis(1)).await);
    }

    /// A new pair with the access token `new`, ready to be stored, and the `Closing` of its
    /// session.
    fn issued(store: &ConnectionStore, stored: &Stored) -> (Issued, Closing) {
        let mut connection = stored.connection.clone();
        connection.tokens.access = Secret::new("new".to_owned());
        let closing = Closing::new();
        let issued = Issued {
            store: store.clone(),
            closing: closing.clone(),
            generation: stored.generation,
            reserve: store.reserve(stored).unwrap(),
            lock: Some(store.lock(&connection.id, Duration::ZERO).unwrap()),
            unsaved: Unsaved::default(),
            under_way: closing.begin().unwrap(),
            connection,
        };
        (issued, closing)
    }

    /// The access token that every process reads.
    fn token(store: &ConnectionStore, id: &ConnectionId) -> String {
        let stored = store.load(id).unwrap().unwrap();
        stored.connection.tokens.access.expose().clone()
    }

    #[test]
    fn a_pair_goes_into_the_vault_and_leaves_nothing_beside_it() {
        let (_, store, stored) = stored();
        let id = &stored.connection.id;
        let (issued, _closing) = issued(&store, &stored);
        assert!(matches!(issued.keep(), Kept::InVault(..)));
        assert_eq!(token(&store, id), "new");
        assert!(store.waiting().unwrap().is_empty());
        store.lock(id, Duration::ZERO).unwrap();
    }

    #[test]
    fn where_the_vault_takes_nothing_it_counts_from_beside_it_until_the_vault_has_it() {
        let (vault, store, stored) = stored();
        let id = &stored.connection.id;
        let (issued, closing) = issued(&store, &stored);
        let unsaved = issued.unsaved.clone();
        vault.refuse(Refuses::Records);
        let Kept::NotYet {
            issued,
            is_aside: true,
            ..
        } = issued.keep()
        else {
            panic!("it is aside");
        };
        assert_eq!(token(&store, id), "new");
        assert_eq!(store.current(id).unwrap(), Some(stored.number() + 1));
        let keeping = thread::spawn(move || issued.keep_on(true));
        while unsaved.aside().is_empty() || store.lock(id, Duration::ZERO).is_err() {
            // The lock is released, since other processes can read the pair.
            thread::sleep(Duration::from_millis(1));
        }
        vault.refuse(Refuses::Nothing);
        keeping.join().unwrap();
        assert!(unsaved.aside().is_empty());
        assert!(store.waiting().unwrap().is_empty());
        assert_eq!(token(&store, id), "new");
        drop(closing);
    }

    #[test]
    fn where_it_can_be_written_nowhere_the_session_keeps_the_lock_until_it_can() {
        let (vault, store, stored) = stored();
        let id = &stored.connection.id;
        let (issued, _closing) = issued(&store, &stored);
        vault.refuse(Refuses::Everything);
        let Kept::NotYet {
            issued,
            is_aside: false,
            ..
        } = issued.keep()
        else {
            panic!("there is no room anywhere");
        };
        assert_eq!(token(&store, id), "access");
        let keeping = thread::spawn(move || issued.keep_on(false));
        let held = store.lock(id, FIRST_PAUSE * 3);
        assert!(matches!(held, Err(VaultError::RecordLocked { .. })));
        vault.refuse(Refuses::Nothing);
        keeping.join().unwrap();
        assert_eq!(token(&store, id), "new");
        store.lock(id, Duration::ZERO).unwrap();
    }

    #[tokio::test]
    async fn a_session_that_ends_leaves_a_pair_beside_the_vault_for_the_next_command() {
        let (vault, store, stored) = stored();
        let id = &stored.connection.id;
        let (issued, closing) = issued(&store, &stored);
        vault.refuse(Refuses::Records);
        let Kept::NotYet { issued, .. } = issued.keep() else {
            panic!("it is aside");
        };
        let keeping = thread::spawn(move || issued.keep_on(true));
        assert!(closing.close(Duration::from_mins(1)).await);
        keeping.join().unwrap();
        assert_eq!(token(&store, id), "new");
        vault.refuse(Refuses::Nothing);
        take_in_pending(&store);
        assert!(store.waiting().unwrap().is_empty());
        assert_eq!(token(&store, id), "new");
    }

    #[test]
    fn a_login_that_came_between_stands() {
        let (_, store, stored) = stored();
        let id = &stored.connection.id;
        let (issued, _closing) = issued(&store, &stored);
        let mut login = stored.connection.clone();
        login.tokens.access = Secret::new("login".to_owned());
        store.create(&login, true).unwrap();
        assert!(matches!(issued.keep(), Kept::Overtaken));
        assert_eq!(token(&store, id), "login");
        assert!(store.waiting().unwrap().is_empty());
    }
}
