//! Renewing a pair so that none is lost: under the connection's lock, after a second look at the
//! vault, with room for the new pair had beforehand, and durable before it is used
//! ([`super::keep`]).
//!
//! A provider such as GitLab spends the refresh token with its first use and kills the old access
//! token at that instant. Two processes that refresh at once would lock each other out; a response
//! that nobody stores is lost for good. What nobody can prevent is that the process is killed while
//! the response is on its way.
//!
//! ```text
//! thread ──→ turn ──→ room ──→ request ──→ keep ──→ the new pair
//!   │         │        │        ↑  │
//!   │         │        │        │  └─ it fails: tries.rs
//!   │         │        │        │       ├─ Again ──→ pause, load ─┬─ a newer state ──→ that
//!   │         │        │        └───────│─────────────────────────┘ the same state
//!   │         │        │                ├─ Fail ───→ Unavailable; or NeedsLogin, not stored
//!   │         │        │                └─ GiveUp ─→ NeedsLogin, noted in the record
//!   │         ├─ somebody was faster, or nothing can be renewed ──→ that
//!   └─────────┴────────┴─ not available ──→ Unavailable; nothing was spent
//! ```
//!
//! What the system may refuse is acquired before the request is sent. After that only the peer and
//! the disk can fail, and [`super::keep`] is about the disk.

use std::sync::Arc;
use std::time::Duration;

use super::closing::{Closing, UnderWay};
use super::disk::{Disk, DiskError, Reader};
use super::keep::{Issued, Kept, Unsaved};
use super::pace::Moment;
use super::record::{Connection, GrantState};
use super::source::CredentialError;
use super::store::{ConnectionStore, StoreError, Stored, number};
use super::tries::{FOREGROUND_TIMEOUT, Judgement, NEXT_TRY, Tries, unavailable};
use super::turn::{self, Turn, TurnError};
use super::wanted::{Outcome, RefreshReason, credential};
use crate::audit::{Audit, Event, Kind};
use crate::clock::Timestamp;
use crate::credential::ConnectionId;
use crate::oauth::{HttpClients, OAuthError, TokenSet};
use crate::vault::{RecordLock, Reserve};

/// What a refresh needs of the world.
pub(super) struct Renewal {
    pub(super) store: ConnectionStore,
    pub(super) audit: Arc<Audit>,
    pub(super) http: HttpClients,
    pub(super) closing: Closing,
    pub(super) reader: Reader,
    pub(super) unsaved: Unsaved,
}

impl Renewal {
    /// Renews a connection, or adopts what another process has renewed.
    pub(super) async fn run(&self, id: ConnectionId, why: RefreshReason) -> Outcome {
        let cannot = |error: DiskError| unavailable(&id, &error.to_string(), NEXT_TRY);
        // The thread, the lock and the room are acquired before anything is spent. Where one of
        // them is missing, that costs a delay and no grant.
        let disk = Disk::start().map_err(cannot)?;
        let (lock, mut stored) = match self.turn(&disk, &id, why).await? {
            Turn::Over(outcome) => return outcome,
            Turn::Ours { lock, stored } => (lock, *stored),
        };
        // A disk that is full is found out here, while the old refresh token is still good.
        let reserve = self.reserve(&disk, &stored).await?;
        let mut tries = Tries::begin(Moment::now());
        loop {
            // Held from the request to the commit: at exit the process waits for it. It is taken
            // for each request anew, as the session may have ended in the pause before.
            let Some(under_way) = self.closing.begin() else {
                return Err(unavailable(&id, "authsome is ending", FOREGROUND_TIMEOUT));
            };
            let judged = match self.request(&stored.connection).await {
                Ok(set) => {
                    let means = RefreshResources {
                        disk,
                        lock,
                        reserve,
                        under_way,
                    };
                    return self.keep(&stored, set, means).await;
                }
                // The lock is held through the pauses too: another process would only meet the same
                // failure with the same token.
                Err(error) => self.judge(&disk, &stored, why, &mut tries, &error).await,
            };
            // Nothing that could be lost is on its way during a pause, so the end of a session does
            // not wait for one.
            drop(under_way);
            match judged {
                // It wakes when the session ends; `begin` then allows no further request.
                Ok(pause) => self.closing.sleep(pause).await,
                Err(outcome) => return outcome,
            }
            // The lock keeps other refreshes out, not a login: it writes without the lock, and its
            // pair is not to be renewed for the failure of an older one. A removal is found out
            // here as well.
            let seen = stored.number();
            stored = self.load_by(&disk, &id).await?;
            if stored.number() != seen {
                return Ok(credential(&stored));
            }
        }
    }

    async fn request(&self, connection: &Connection) -> Result<TokenSet, OAuthError> {
        // The connection's own CA and client certificate count for its token endpoint as well. The
        // endpoint and the application are those of the record (RFC 6749 §6 binds a refresh token
        // to its client), whatever the provider's definition says by now.
        let http = self.http.for_connection(
            connection.ca_pem.as_deref(),
            connection.client_certificate.as_ref(),
        )?;
        match &connection.tokens.refresh {
            Some(token) => connection.client.refresh(token, &http).await,
            None => unreachable!("settled() has answered for a connection without a refresh token"),
        }
    }

    async fn reserve(
        &self,
        disk: &Disk,
        stored: &Stored,
    ) -> Result<Box<dyn Reserve>, CredentialError> {
        let (store, stored) = (self.store.clone(), stored.clone());
        let id = stored.connection.id.clone();
        // The size is that of the present record; the room has some to spare for longer tokens.
        let reserved = disk.run(move || store.reserve(&stored)).await;
        let words = match reserved {
            Ok(Ok(reserve)) => return Ok(reserve),
            Ok(Err(error)) => chain(&error),
            Err(error) => error.to_string(),
        };
        let reason =
            format!("there is no room to keep a new pair in, so none is asked for: {words}");
        Err(unavailable(&id, &reason, NEXT_TRY))
    }

    /// Makes the new pair durable, then hands it out.
    async fn keep(&self, stored: &Stored, set: TokenSet, means: RefreshResources) -> Outcome {
        let id = &stored.connection.id;
        let mut connection = stored.connection.clone();
        connection.tokens = connection.tokens.rotate(set, Timestamp::now());
        connection.standing = GrantState::Good;
        let RefreshResources {
            disk,
            lock,
            reserve,
            under_way,
        } = means;
        let issued = Issued {
            store: self.store.clone(),
            closing: self.closing.clone(),
            connection: connection.clone(),
            generation: stored.generation,
            reserve,
            lock: Some(lock),
            unsaved: self.unsaved.clone(),
            _under_way: under_way,
        };
        let event = Event::new(Kind::Refresh).of(id);
        match disk.run(move || issued.keep()).await {
            Ok(Kept::InVault(generation)) => {
                self.audit.record(&event);
                Ok(Arc::new(connection.credential(number(generation, 0))))
            }
            // Replaced or removed meanwhile: what is there now is newer than what was spent.
            Ok(Kept::Overtaken) => self
                .load_by(&disk, id)
                .await
                .map(|stored| credential(&stored)),
            Ok(Kept::NotYet {
                issued,
                is_aside,
                error,
            }) => {
                // By the thread that is there: the system may give no other.
                disk.begin(move || issued.keep_on(is_aside));
                let place = if is_aside {
                    "beside the vault"
                } else {
                    "in memory"
                };
                let reason = format!("kept {place} for now: {}", chain(&error));
                self.audit.record(&event.because(reason));
                // As all others number the state in the file, between this one and the next.
                let number = number(stored.generation, stored.step.saturating_add(1));
                Ok(Arc::new(connection.credential(number)))
            }
            Err(error) => {
                // The job panicked: the next read of the vault tells whether it has the pair.
                let reason = error.to_string();
                let event = Event::new(Kind::RefreshFailed).of(id).because(&reason);
                self.audit.record(&event);
                Err(CredentialError::Vault { reason })
            }
        }
    }

    /// What follows from a failure: a pause, or the end.
    async fn judge(
        &self,
        disk: &Disk,
        stored: &Stored,
        why: RefreshReason,
        tries: &mut Tries,
        error: &OAuthError,
    ) -> Result<Duration, Outcome> {
        // Each failed request is logged, also one that is made again: the log is where a provider
        // that is often away shows.
        let event = Event::new(Kind::RefreshFailed).of(&stored.connection.id);
        self.audit.record(&event.because(error.to_string()));
        match tries.judge(&stored.connection, why, error, Moment::now()) {
            Judgement::Again(pause) => Ok(pause),
            Judgement::Fail(error) => Err(Err(error)),
            Judgement::GiveUp {
                reason,
                access_ended,
            } => Err(self.give_up(disk, stored, reason, access_ended).await),
        }
    }

    /// The grant is dead: noted in the record, which is kept as it is otherwise.
    async fn give_up(
        &self,
        disk: &Disk,
        stored: &Stored,
        reason: String,
        access_ended: bool,
    ) -> Outcome {
        let mut connection = stored.connection.clone();
        connection.standing = GrantState::NeedsLogin {
            reason: reason.clone(),
            since: Timestamp::now(),
            access_ended,
        };
        let id = connection.id.clone();
        let (store, generation) = (self.store.clone(), stored.generation);
        // Compare and swap: a login that came meanwhile is not marked as dead. A mark that cannot
        // be written at once is found again: to wait would hold the one connection on which this
        // process reads the vault.
        let written = disk.run(move || store.replace_now(&connection, generation));
        match written.await {
            Ok(Err(StoreError::Conflict)) => self
                .load_by(disk, &id)
                .await
                .map(|stored| credential(&stored)),
            // Where the mark cannot be written the caller is told all the same, and the next
            // session finds it out for itself.
            _ => Err(CredentialError::NeedsLogin { id, reason }),
        }
    }

    async fn turn(
        &self,
        disk: &Disk,
        id: &ConnectionId,
        why: RefreshReason,
    ) -> Result<Turn, CredentialError> {
        let (store, wanted) = (self.store.clone(), id.clone());
        let turn = disk.run(move || turn::take(&store, &wanted, why));
        let words = match turn.await {
            // A lock that is held may be free in a moment; a vault that cannot be read is another
            // fault, and is reported as such.
            Ok(Ok(turn)) => return Ok(turn),
            Ok(Err(TurnError::Lock(error))) => chain(&error),
            Ok(Err(TurnError::Store(error))) => return read(Ok(Err(error))),
            Ok(Err(TurnError::Removed)) => return Err(CredentialError::Removed { id: id.clone() }),
            Err(error) => error.to_string(),
        };
        Err(unavailable(id, &words, NEXT_TRY))
    }

    /// What the vault has now, or what waits for it.
    pub(super) async fn load(&self, id: &ConnectionId) -> Result<Stored, CredentialError> {
        let (store, wanted) = (self.store.clone(), id.clone());
        // By the thread of the small reads: requests come here which have no refresh, and so no
        // thread of one.
        let found = self.reader.run(move || store.load(&wanted)).await;
        loaded(id, found)
    }

    async fn load_by(&self, disk: &Disk, id: &ConnectionId) -> Result<Stored, CredentialError> {
        let (store, wanted) = (self.store.clone(), id.clone());
        // By the refresh's own thread, since the system may give no other by now.
        loaded(id, disk.run(move || store.load(&wanted)).await)
    }

    /// The number of the state that the vault has now, or that waits for it; `None` where there is
    /// no such connection.
    pub(super) async fn number(&self, id: &ConnectionId) -> Result<Option<u64>, CredentialError> {
        let (store, wanted) = (self.store.clone(), id.clone());
        read(self.reader.run(move || store.current(&wanted)).await)
    }
}

/// What a refresh has at hand from before its request until the new pair is durable.
struct RefreshResources {
    // The lock and the guard go into the job with the pair. If the task of the refresh is dropped,
    // the job still stores the pair, under the lock, and the end of the session waits for it.
    disk: Disk,
    lock: RecordLock,
    reserve: Box<dyn Reserve>,
    under_way: UnderWay,
}

fn loaded(
    id: &ConnectionId,
    found: Result<Result<Option<Stored>, StoreError>, DiskError>,
) -> Result<Stored, CredentialError> {
    read(found)?.ok_or_else(|| CredentialError::Removed { id: id.clone() })
}

fn read<T>(found: Result<Result<T, StoreError>, DiskError>) -> Result<T, CredentialError> {
    let reason = match found {
        Ok(Ok(found)) => return Ok(found),
        Ok(Err(error)) => chain(&error),
        Err(error) => error.to_string(),
    };
    Err(CredentialError::Vault { reason })
}

/// An error with its causes: the last one says that the disk is full.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        words = format!("{words}: {next}");
        cause = next.source();
    }
    words
}
