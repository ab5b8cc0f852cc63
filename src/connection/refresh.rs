//! Renewing a pair without losing one. A refresh takes the connection's lock, reads the vault
//! again, reserves room for the new pair, sends its request, and makes the new pair durable before
//! it is used ([`super::keep`]).
//!
//! A provider such as GitLab accepts a refresh token only once, and invalidates the old access
//! token at that moment. Two processes that refreshed at the same time would lock each other out,
//! and a new pair that nobody stores is lost for good. One loss cannot be prevented: the process
//! may be killed while the response is on its way.
//!
//! ```text
//! thread ──→ turn ──→ room ──→ request ──→ keep ──→ the new pair
//!   │         │        │        ↑  │
//!   │         │        │        │  └─ it fails: tries.rs
//!   │         │        │        │       ├─ Again ──→ pause, load ─┬─ a newer state ──→ that state
//!   │         │        │        └───────│─────────────────────────┘ the same state
//!   │         │        │                ├─ Fail ───→ Unavailable; or NeedsLogin, not stored
//!   │         │        │                └─ GiveUp ─→ NeedsLogin, stored in the record
//!   │         ├─ another process was faster, or nothing can be renewed ──→ that outcome
//!   └─────────┴────────┴─ not available ──→ Unavailable; no token is spent
//! ```
//!
//! What the system may refuse is acquired before the request is sent. After that only the server
//! and the disk can fail; [`super::keep`] deals with the disk.

mod elsewhere;
mod give_up;
mod request;
mod state;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::closing::{Closing, UnderWay};
use super::disk::{Disk, DiskError, Reader};
use super::elsewhere::Elsewhere;
use super::freshness::Freshness;
use super::keep::{Issued, Kept, Unsaved};
use super::pace::Moment;
use super::reading::read;
use super::record::GrantState;
use super::source::CredentialError;
use super::store::{ConnectionStore, Stored, number};
use super::tries::{FOREGROUND_TIMEOUT, Judgement, NEXT_TRY, Tries, unavailable};
use super::turn::{self, Turn, TurnError};
use super::wanted::{Outcome, RefreshReason, credential};
use crate::audit::{Audit, Event, Kind};
use crate::clock::Timestamp;
use crate::credential::ConnectionId;
use crate::oauth::{HttpClients, OAuthError, TokenSet};
use crate::text::with_causes;
use crate::vault::{Claim, RecordLock, Reserve};

/// Why nothing is renewed after the vault's server has lost the newest pair.
const FORGOTTEN: &str = "the vault's server has forgotten the newest pair, and the refresh token that it has is spent; the machine that made the pair writes it again";

/// What all refreshes of a session share.
pub(super) struct Renewal {
    pub(super) store: ConnectionStore,
    pub(super) audit: Arc<Audit>,
    pub(super) http: HttpClients,
    pub(super) closing: Closing,
    pub(super) reader: Reader,
    pub(super) unsaved: Unsaved,
    /// Notified when a connection turns out to need a new login, or wider scopes.
    pub(super) needed: Notify,
    /// Where else the newest pair is.
    pub(super) elsewhere: Option<Arc<dyn Elsewhere>>,
}

impl Renewal {
    pub(super) fn new(
        store: ConnectionStore,
        audit: Arc<Audit>,
        http: HttpClients,
        elsewhere: Option<Arc<dyn Elsewhere>>,
    ) -> Self {
        Self {
            store,
            audit,
            http,
            closing: Closing::new(),
            reader: Reader::default(),
            unsaved: Unsaved::default(),
            needed: Notify::new(),
            elsewhere,
        }
    }

    /// Renews a connection, or takes the state that another process has stored.
    /// `known` is the number of the newest state that this session has seen.
    pub(super) async fn run(&self, id: ConnectionId, why: RefreshReason, known: u64) -> Outcome {
        let cannot = |error: DiskError| unavailable(&id, &error.to_string(), NEXT_TRY);
        // What is acquired before a token is spent costs a delay if it is missing, not the grant.
        let disk = Disk::start().map_err(cannot)?;
        let (mut lock, mut stored) = match self.turn(&disk, &id, (why, known)).await? {
            Turn::Over(outcome) => return outcome,
            Turn::Ours { lock, stored } => (lock, *stored),
        };
        if self.adopt(&disk, &stored).await {
            stored = self.load_by(&disk, &id).await?;
            if stored.connection.freshness(Timestamp::now()) != Freshness::Expired {
                return Ok(credential(&stored));
            }
        }
        // A full disk is noticed here, while the old refresh token is still good.
        let mut reserve = self.reserve(&disk, &stored).await?;
        let _announced = self.announce(&disk, &id).await?;
        let mut tries = Tries::begin(Moment::now());
        loop {
            // Held from the request to the commit: the end of the session waits for both. Taken
            // anew for each request: the session may have ended during the pause.
            let Some(under_way) = self.closing.begin() else {
                return Err(unavailable(&id, "authsome is ending", FOREGROUND_TIMEOUT));
            };
            let limit;
            (lock, limit) = self.extend(&disk, lock, &id).await?;
            let judged = match self.request(&stored.connection, limit).await {
                Ok(set) => {
                    let means = RefreshResources {
                        disk,
                        lock,
                        reserve,
                        under_way,
                    };
                    return self.keep(&stored, set, means).await;
                }
                Err(error) => {
                    let held = (why, lock.claim());
                    self.judge(&disk, &stored, held, &mut tries, &error).await
                }
            };
            // Nothing can be lost during a pause, so the end of the session does not wait for it.
            drop(under_way);
            let pause = match judged {
                Ok(pause) => pause,
                Err(outcome) => return outcome,
            };
            match self.rest(&disk, lock, pause, &stored, (why, known)).await {
                Ok(held) => lock = held,
                Err(outcome) => return outcome,
            }
            if lock.claim().is_some() {
                // Another process of this machine may have had the lease and the room meanwhile.
                reserve = self.reserve(&disk, &stored).await?;
            }
        }
    }

    async fn reserve(
        &self,
        disk: &Disk,
        stored: &Stored,
    ) -> Result<Box<dyn Reserve>, CredentialError> {
        let (store, stored) = (self.store.clone(), stored.clone());
        let id = stored.connection.id.clone();
        // The size is that of the present record; the room has some more for longer tokens.
        let reserved = disk.run(move || store.reserve(&stored)).await;
        let words = match reserved {
            Ok(Ok(reserve)) => return Ok(reserve),
            Ok(Err(error)) => with_causes(&error),
            Err(error) => error.to_string(),
        };
        let reason =
            format!("there is no room to keep a new pair in, so none is asked for: {words}");
        Err(unavailable(&id, &reason, NEXT_TRY))
    }

    /// Makes the new pair durable, then returns it.
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
            under_way,
        };
        let event = Event::new(Kind::Refresh).of(id);
        match disk.run(move || issued.keep()).await {
            Ok(Kept::InVault(generation, under_way)) => {
                self.tell_elsewhere(&connection);
                drop(under_way); // not earlier: the end of the session hands back what was told of
                self.audit.record(&event);
                Ok(Arc::new(connection.credential(number(generation, 0))))
            }
            // The connection was replaced or removed in between: what is stored now is newer.
            Ok(Kept::Overtaken) => self
                .load_by(&disk, id)
                .await
                .map(|stored| credential(&stored)),
            Ok(Kept::NotYet {
                issued,
                is_aside,
                error,
            }) => {
                // Before `keep_on`, which may let the session end at once.
                self.tell_elsewhere(&connection);
                // On the thread of this refresh: the system may refuse another one.
                disk.begin(move || issued.keep_on(is_aside));
                let place = if is_aside {
                    "beside the vault"
                } else {
                    "in memory"
                };
                let reason = format!("kept {place} for now: {}", with_causes(&error));
                self.audit.record(&event.because(reason));
                // The same number that other processes give to the state in the file. It is greater
                // than that of `stored`, and smaller than that of the next generation.
                let number = number(stored.generation, stored.step.saturating_add(1));
                Ok(Arc::new(connection.credential(number)))
            }
            Err(error) => {
                // The job panicked. The next read of the vault shows whether the pair was stored.
                let reason = error.to_string();
                let event = Event::new(Kind::RefreshFailed).of(id).because(&reason);
                self.audit.record(&event);
                Err(CredentialError::Vault { reason })
            }
        }
    }

    /// What follows from a failure: a pause, or the end of the refresh.
    async fn judge(
        &self,
        disk: &Disk,
        stored: &Stored,
        (why, claim): (RefreshReason, Option<Claim>),
        tries: &mut Tries,
        error: &OAuthError,
    ) -> Result<Duration, Outcome> {
        // Each failed request is logged, even if it is repeated: so the log shows when a provider
        // is often unavailable.
        let event = Event::new(Kind::RefreshFailed).of(&stored.connection.id);
        self.audit.record(&event.because(error.to_string()));
        match tries.judge(&stored.connection, why, error, Moment::now()) {
            Judgement::Again(pause) => Ok(pause),
            Judgement::Fail(error) => Err(Err(error)),
            Judgement::GiveUp {
                reason,
                access_ended,
            } => Err(self
                .give_up(disk, stored, (reason, access_ended), claim)
                .await),
        }
    }

    async fn turn(
        &self,
        disk: &Disk,
        id: &ConnectionId,
        (why, known): (RefreshReason, u64),
    ) -> Result<Turn, CredentialError> {
        let (store, wanted) = (self.store.clone(), id.clone());
        let turn = disk.run(move || turn::take(&store, &wanted, why, known));
        let words = match turn.await {
            // A lock that is held may be free in a moment, so the caller may try again. A vault
            // that cannot be read is a different fault, and is reported as such.
            Ok(Ok(turn)) => return Ok(turn),
            Ok(Err(TurnError::Lock(error))) => with_causes(&error),
            Ok(Err(TurnError::Forgotten)) => FORGOTTEN.to_owned(),
            Ok(Err(TurnError::Store(error))) => return read(id, Ok(Err(error))),
            Ok(Err(TurnError::Removed)) => return Err(CredentialError::Removed { id: id.clone() }),
            Err(error) => error.to_string(),
        };
        Err(unavailable(id, &words, NEXT_TRY))
    }
}

/// What a refresh holds from before its request until the new pair is durable.
struct RefreshResources {
    // `lock` and `under_way` move into the disk job with the pair. If the task of the refresh is
    // dropped, the job still stores the pair under the lock, and the end of the session waits for
    // it.
    disk: Disk,
    lock: RecordLock,
    reserve: Box<dyn Reserve>,
    under_way: UnderWay,
}
