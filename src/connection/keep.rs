//! Keeping a pair that was issued, whatever the disk does.
//!
//! From the request on, everything that this takes is there: the thread, the room, the connection's
//! lock. The pair is first written aside, sealed, into room that was had before; then into the
//! vault.
//!
//! | written | what follows |
//! | --- | --- |
//! | into the vault | done |
//! | aside only | it counts as the connection's state for every process; it is taken into the vault as soon as that can be written |
//! | nowhere | it serves this session. The lock is kept, so that nobody else spends the dead token; both are tried until one succeeds |
//!
//! ```text
//! keep      issued ──→ write aside ──→ commit ─┬─ done ───────→ InVault
//!                                    ↑         ├─ conflict ───→ Overtaken: the file goes away
//!                                    └─────────┼─ locked, for COMMIT_WAIT
//!                                              └─ else ───────→ NotYet
//!
//! keep_on   NotYet ─┬─ aside ──── the lock is given back ─┬─ the vault takes it ──→ done
//!                   │    ↑                                └─ the session ends ────→ left there
//!                   │    └─ the file takes it
//!                   └─ nowhere ── the lock is kept ───────── the vault takes it ──→ done
//! ```
//!
//! A pair that is written nowhere holds up the end of the session, up to its deadline.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::closing::{Closing, UnderWay};
use super::record::Connection;
use super::store::{ConnectionStore, StoreError};
use crate::credential::ConnectionId;
use crate::vault::{RecordLock, Reserve, VaultError};

/// How long a pair that is written aside waits for another process's transaction before it is
/// handed out.
const COMMIT_WAIT: Duration = Duration::from_millis(500);

/// How often that is tried.
const COMMIT_STEP: Duration = Duration::from_millis(10);

/// Pauses between later tries, doubling; while the session ends the first one repeats.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// How finely a pause is cut, so that the session's end is noticed.
const NOTICE: Duration = Duration::from_millis(50);

/// A pair that has just been issued, and all that it takes to keep it.
pub(super) struct Issued {
    pub(super) store: ConnectionStore,
    pub(super) closing: Closing,
    /// The connection with the new pair.
    pub(super) connection: Connection,
    /// The state in the vault that it replaces.
    pub(super) generation: u64,
    pub(super) reserve: Box<dyn Reserve>,
    /// Given up once the pair is durable.
    pub(super) lock: Option<RecordLock>,
    pub(super) unsaved: Unsaved,
    /// The session's end waits for it.
    pub(super) _under_way: UnderWay,
}

/// What became of a new pair at first.
pub(super) enum Kept {
    /// The vault has it, in that state.
    InVault(u64),
    /// Somebody logged in anew, or out: that is what the user wants.
    Overtaken,
    /// The vault could not take it; somebody must go on with [`Issued::keep_on`].
    NotYet {
        issued: Box<Issued>,
        is_aside: bool,
        error: StoreError,
    },
}

/// The connections whose newest pair the vault does not have, and whether it is at least written
/// aside.
#[derive(Clone, Debug, Default)]
pub(super) struct Unsaved(Arc<Mutex<BTreeMap<ConnectionId, bool>>>);

impl Unsaved {
    /// Those whose newest pair is durable beside the vault.
    pub(super) fn aside(&self) -> Vec<ConnectionId> {
        let connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let aside = connections.iter().filter(|(_, is_aside)| **is_aside);
        aside.map(|(id, _)| id.clone()).collect()
    }

    /// Notes it; whether somebody was at it already.
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
    /// Writes it aside, then into the vault. Blocks the thread.
    pub(super) fn keep(mut self) -> Kept {
        // Before the vault is asked: this takes no lock of the vault, no descriptor and no block of
        // the disk. Once it is written, a kill loses nothing.
        let is_aside = self.write_aside();
        let started = Instant::now();
        loop {
            match self.commit() {
                Ok(generation) => return Kept::InVault(generation),
                Err(StoreError::Conflict) => {
                    // The file aside replaces a state that the vault no longer has. It is not taken
                    // in but removed; one that stays behind counts for nothing.
                    let _ = self.store.take_in(&self.connection.id);
                    return Kept::Overtaken;
                }
                // Waited out here and not in SQLite, where the wait would hold the one connection
                // on which this process reads. A transaction that lasts longer than this is not
                // waited for by the requests.
                Err(StoreError::Vault(VaultError::Locked(_)))
                    if started.elapsed() < COMMIT_WAIT =>
                {
                    thread::sleep(COMMIT_STEP);
                }
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

    /// Goes on until the vault has it, or until the session ends and it is at least written aside.
    /// Blocks the thread.
    pub(super) fn keep_on(mut self, mut is_aside: bool) {
        let id = self.connection.id.clone();
        // One thread for each connection is enough: the one that has an earlier pair of it takes in
        // whatever is newest beside the vault. A pair that is only in memory needs its own.
        if self.unsaved.note(&id, is_aside) && is_aside {
            return;
        }
        let mut pause = FIRST_PAUSE;
        loop {
            if is_aside {
                // The others read it now, so a refresh of theirs would spend this pair's token and
                // not the dead one.
                self.lock = None;
            }
            self.rest(pause);
            let is_ending = self.closing.is_closed();
            // Durable: the next command takes it in. `unsaved` keeps the entry, so the user is
            // told.
            if is_aside && is_ending {
                return;
            }
            if self.is_in_vault() {
                return self.unsaved.forget(&id);
            }
            if !is_aside {
                is_aside = self.write_aside();
                self.unsaved.note(&id, is_aside);
            }
            // The process now waits for nothing but this, so it is tried often; before, a disk that
            // is full for hours is asked every few seconds.
            pause = if is_ending {
                FIRST_PAUSE
            } else {
                (pause * 2).min(MAX_PAUSE)
            };
        }
    }

    fn is_in_vault(&self) -> bool {
        let id = &self.connection.id;
        if self.lock.is_some() {
            // A conflict is an end too: a login or a removal has made the pair of no use.
            return matches!(self.commit(), Ok(_) | Err(StoreError::Conflict));
        }
        // Not waited for: whoever holds the lock refreshes from this pair, and its successor takes
        // this one's place. What is newest beside the vault is taken in, which may be that.
        let locked = self.store.lock(id, Duration::ZERO);
        locked.is_ok_and(|_lock| self.store.take_in(id).is_ok())
    }

    fn write_aside(&mut self) -> bool {
        // It can be repeated: the room is written from its start each time.
        let written = ConnectionStore::keep_aside(&mut *self.reserve, &self.connection);
        written.is_ok()
    }

    fn commit(&self) -> Result<u64, StoreError> {
        self.store.replace_now(&self.connection, self.generation)
    }

    fn rest(&self, pause: Duration) {
        let started = Instant::now();
        // Only the end itself cuts a pause short. A pause that begins after it is slept, or the
        // tries would run without one.
        let was_closed = self.closing.is_closed();
        while started.elapsed() < pause && self.closing.is_closed() == was_closed {
            thread::sleep(NOTICE);
        }
    }
}

/// Takes into the vault what sessions that have ended could not write there. What fails is tried by
/// the next command; until then each reader finds it beside the vault.
pub fn take_in_pending(store: &ConnectionStore) {
    for id in store.waiting().unwrap_or_default() {
        // Each command that opens the vault does this first, and waits for nobody. A lock that is
        // held belongs to a living process, which takes in what it has.
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

    /// A pair with the token `new`, as a refresh has it at hand, and what would end its session.
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
            _under_way: closing.begin().unwrap(),
            connection,
        };
        (issued, closing)
    }

    /// The token that every process reads.
    fn token(store: &ConnectionStore, id: &ConnectionId) -> String {
        let stored = store.load(id).unwrap().unwrap();
        stored.connection.tokens.access.expose().clone()
    }

    #[test]
    fn a_pair_goes_into_the_vault_and_leaves_nothing_beside_it() {
        let (_, store, stored) = stored();
        let id = &stored.connection.id;
        let (issued, _closing) = issued(&store, &stored);
        assert!(matches!(issued.keep(), Kept::InVault(_)));
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
            // The lock is given back, as the others can read it.
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
