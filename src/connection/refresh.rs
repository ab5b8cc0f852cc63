//! Renewing a pair so that none is lost: under the connection's lock, after a second look at the
//! vault, with room for the new pair had beforehand, and durable before it is used
//! ([`super::keep`]).
//!
//! A provider such as GitLab spends the refresh token with its first use and kills the old access
//! token at that instant. Two processes that refresh at once would lock each other out; an answer
//! that nobody stores is lost for good. What nobody can prevent is that the process is killed while
//! the answer is on its way.

use std::sync::Arc;
use std::time::Duration;

use super::closing::{Closing, UnderWay};
use super::disk::{Disk, DiskError, Reader};
use super::keep::{Issued, Kept, Unsaved};
use super::pace::Moment;
use super::record::{Connection, Standing};
use super::source::CredentialError;
use super::store::{ConnectionStore, StoreError, Stored, number};
use super::tries::{Judgement, NEXT_TRY, PATIENCE, Tries, unavailable};
use super::turn::{self, Turn, TurnError};
use super::wanted::{Outcome, Why, credential};
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
    pub(super) async fn run(&self, id: ConnectionId, why: Why) -> Outcome {
        let cannot = |error: DiskError| unavailable(&id, &error.to_string(), NEXT_TRY);
        let disk = Disk::start().map_err(cannot)?;
        let (lock, mut stored) = match self.turn(&disk, &id, why).await? {
            Turn::Over(outcome) => return outcome,
            Turn::Ours { lock, stored } => (lock, *stored),
        };
        // All that it takes to keep a new pair, before the old one is spent.
        let reserve = self.reserve(&disk, &stored).await?;
        let mut tries = Tries::begin(Moment::now());
        loop {
            // Held from the request to the commit: at exit the process waits for it.
            let Some(under_way) = self.closing.begin() else {
                return Err(unavailable(&id, "authsome is ending", PATIENCE));
            };
            let judged = match self.request(&stored.connection).await {
                Ok(set) => {
                    let means = Means {
                        disk,
                        lock,
                        reserve,
                        under_way,
                    };
                    return self.keep(&stored, set, means).await;
                }
                Err(error) => self.judge(&disk, &stored, why, &mut tries, &error).await,
            };
            drop(under_way);
            match judged {
                Ok(pause) => self.closing.sleep(pause).await,
                Err(outcome) => return outcome,
            }
            let seen = stored.number();
            stored = self.load_by(&disk, &id).await?;
            if stored.number() != seen {
                return Ok(credential(&stored)); // somebody logged in anew meanwhile
            }
        }
    }

    async fn request(&self, connection: &Connection) -> Result<TokenSet, OAuthError> {
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
    async fn keep(&self, stored: &Stored, set: TokenSet, means: Means) -> Outcome {
        let id = &stored.connection.id;
        let mut connection = stored.connection.clone();
        connection.tokens = connection.tokens.rotate(set, Timestamp::now());
        connection.standing = Standing::Good;
        let Means {
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
            Ok(Kept::Overtaken) => self
                .load_by(&disk, id)
                .await
                .map(|stored| credential(&stored)),
            Ok(Kept::NotYet {
                issued,
                is_aside,
                error,
            }) => {
                disk.begin(move || issued.keep_on(is_aside));
                let place = if is_aside {
                    "beside the vault"
                } else {
                    "in memory"
                };
                let reason = format!("kept {place} for now: {}", chain(&error));
                self.audit.record(&event.because(reason));
                let number = number(stored.generation, stored.step.saturating_add(1));
                Ok(Arc::new(connection.credential(number)))
            }
            Err(error) => {
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
        why: Why,
        tries: &mut Tries,
        error: &OAuthError,
    ) -> Result<Duration, Outcome> {
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
        connection.standing = Standing::NeedsLogin {
            reason: reason.clone(),
            since: Timestamp::now(),
            access_ended,
        };
        let id = connection.id.clone();
        let (store, generation) = (self.store.clone(), stored.generation);
        let written = disk.run(move || store.replace(&connection, generation));
        match written.await {
            Ok(Err(StoreError::Conflict)) => self
                .load_by(disk, &id)
                .await
                .map(|stored| credential(&stored)),
            _ => Err(CredentialError::NeedsLogin { id, reason }),
        }
    }

    async fn turn(
        &self,
        disk: &Disk,
        id: &ConnectionId,
        why: Why,
    ) -> Result<Turn, CredentialError> {
        let (store, wanted) = (self.store.clone(), id.clone());
        let turn = disk.run(move || turn::take(&store, &wanted, why));
        let words = match turn.await {
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
        let found = self.reader.run(move || store.load(&wanted)).await;
        loaded(id, found)
    }

    async fn load_by(&self, disk: &Disk, id: &ConnectionId) -> Result<Stored, CredentialError> {
        let (store, wanted) = (self.store.clone(), id.clone());
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
struct Means {
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
