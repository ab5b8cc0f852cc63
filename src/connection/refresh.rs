//! Renewing a pair so that none is lost: under the connection's lock, after a second look at the vault, and stored before it is used.
//!
//! A provider such as GitLab spends the refresh token with its first use and kills the old access token at that instant. Two processes that
//! refresh at once would lock each other out; an answer that nobody stores is lost for good.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::closing::Closing;
use super::freshness::Freshness;
use super::record::{Connection, Standing};
use super::source::CredentialError;
use super::store::{ConnectionStore, StoreError, Stored};
use crate::audit::{Audit, Event, Kind};
use crate::clock::Timestamp;
use crate::credential::{ConnectionId, Credential};
use crate::home::{Home, HomeError, HomeLock};
use crate::oauth::{HttpClients, OAuthError, RefreshFailure, TokenSet};

/// How long to wait for another process's refresh; it tries for less than that.
const LOCK_DEADLINE: Duration = Duration::from_mins(1);

/// How long a refresh that somebody waits for is tried again after transient failures.
const PATIENCE: Duration = Duration::from_secs(20);

/// Pauses between tries after transient failures; the last one repeats.
const TRANSIENT_PAUSES: [Duration; 5] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// Pauses before an `invalid_grant` is believed: a replica of the provider may lag behind.
const GRANT_PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];

/// The pause before the one repetition of a request whose answer was lost.
const LOST_ANSWER_PAUSE: Duration = Duration::from_millis(250);

/// A pair this young is not renewed by force once more: a loop of refusals and renewals would kill the tokens that others hold.
pub(super) const FORCED_INTERVAL: Duration = Duration::from_secs(30);

/// Why a refresh is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The window before the end has opened; the token still works.
    Due,
    /// Somebody waits: the token is at its end.
    Expired,
    /// The provider refused the pair of that generation with a 401 that may have another reason.
    Doubted {
        /// The refused state.
        generation: u64,
    },
    /// The provider said that the pair of that generation has ended.
    Refused {
        /// The refused state.
        generation: u64,
    },
}

/// What a refresh needs of the world.
pub(super) struct Renewal {
    pub(super) store: ConnectionStore,
    pub(super) home: Home,
    pub(super) audit: Arc<Audit>,
    pub(super) http: HttpClients,
    pub(super) closing: Closing,
}

/// The outcome that all who wait share.
pub(super) type Outcome = Result<Arc<Credential>, CredentialError>;

/// What one round with the authorization server came to.
enum Round {
    /// The pair is renewed, or another process has done it.
    Done(Outcome),
    /// Once more, after that pause.
    Again(Duration),
}

/// How the rounds so far went.
#[derive(Default)]
struct Tries {
    transient: usize,
    grant: usize,
    lost_answer: bool,
}

impl Renewal {
    /// Renews a connection, or adopts what another process has renewed.
    pub(super) async fn run(&self, id: ConnectionId, why: Why) -> Outcome {
        let _lock = self.lock(&id).await?;
        let mut stored = self.load(&id).await?;
        if let Some(outcome) = settled(&stored, why) {
            return outcome;
        }
        let started = Instant::now();
        let mut tries = Tries::default();
        loop {
            // Held from the request to the commit: at exit the process waits for it.
            let Some(under_way) = self.closing.begin() else {
                return Err(unavailable(&id, "authsome is ending", PATIENCE));
            };
            let round = self.round(&stored, why, &mut tries, started).await;
            drop(under_way);
            match round {
                Round::Done(outcome) => return outcome,
                Round::Again(pause) => self.closing.sleep(pause).await,
            }
            let seen = stored.generation;
            stored = self.load(&id).await?;
            if stored.generation != seen {
                return Ok(credential(&stored)); // somebody logged in anew meanwhile
            }
        }
    }

    async fn round(&self, stored: &Stored, why: Why, tries: &mut Tries, started: Instant) -> Round {
        match self.request(&stored.connection).await {
            Ok(set) => Round::Done(self.commit(stored, set).await),
            Err(error) => self.judge(stored, why, tries, started, &error).await,
        }
    }

    async fn request(&self, connection: &Connection) -> Result<TokenSet, OAuthError> {
        let http = self.http.for_connection(connection.ca_pem.as_deref())?;
        match &connection.tokens.refresh {
            Some(token) => connection.client.refresh(token, &http).await,
            None => unreachable!("settled() has answered for a connection without a refresh token"),
        }
    }

    /// Stores the new pair durably, then hands it out.
    async fn commit(&self, stored: &Stored, set: TokenSet) -> Outcome {
        let mut connection = stored.connection.clone();
        connection.tokens = connection.tokens.rotate(set, Timestamp::now());
        connection.standing = Standing::Good;
        let (store, generation) = (self.store.clone(), stored.generation);
        let saved = blocking(move || {
            store
                .replace(&connection, generation)
                .map(|generation| (connection, generation))
        })
        .await;
        match saved {
            Ok((connection, generation)) => {
                self.audit
                    .record(&Event::new(Kind::Refresh).of(&connection.id));
                Ok(Arc::new(connection.credential(generation)))
            }
            // A new login won; its pair is the user's wish.
            Err(Failure::Store(StoreError::Conflict)) => self
                .load(&stored.connection.id)
                .await
                .map(|stored| credential(&stored)),
            Err(failure) => {
                let error = failure.into_error();
                self.audit.record(
                    &Event::new(Kind::RefreshFailed)
                        .of(&stored.connection.id)
                        .because(error.to_string()),
                );
                Err(error)
            }
        }
    }

    /// Decides what a failure means.
    async fn judge(
        &self,
        stored: &Stored,
        why: Why,
        tries: &mut Tries,
        started: Instant,
        error: &OAuthError,
    ) -> Round {
        let id = &stored.connection.id;
        self.audit.record(
            &Event::new(Kind::RefreshFailed)
                .of(id)
                .because(error.to_string()),
        );
        // The access token was refused just now, and what would renew it is refused as well: both are dead.
        let refused = matches!(why, Why::Doubted { .. } | Why::Refused { .. });
        match error.refresh_failure() {
            RefreshFailure::LostAnswer if !tries.lost_answer => {
                tries.lost_answer = true;
                Round::Again(LOST_ANSWER_PAUSE)
            }
            RefreshFailure::Grant if tries.lost_answer => {
                let reason = format!(
                    "an answer of the provider was lost after it had spent the refresh token ({error})"
                );
                Round::Done(self.give_up(stored, reason, true).await)
            }
            RefreshFailure::Grant => match GRANT_PAUSES.get(tries.grant) {
                Some(pause) => {
                    tries.grant += 1;
                    Round::Again(*pause)
                }
                None => Round::Done(self.give_up(stored, error.to_string(), refused).await),
            },
            RefreshFailure::Configuration => Round::Done(Err(CredentialError::NeedsLogin {
                id: id.clone(),
                reason: error.to_string(),
            })),
            RefreshFailure::LostAnswer => {
                transient(&stored.connection, why, tries, started, None, error)
            }
            RefreshFailure::Transient { retry_after } => {
                transient(&stored.connection, why, tries, started, retry_after, error)
            }
        }
    }

    /// The grant is dead: noted in the record, which is kept as it is otherwise.
    async fn give_up(&self, stored: &Stored, reason: String, access_ended: bool) -> Outcome {
        let mut connection = stored.connection.clone();
        connection.standing = Standing::NeedsLogin {
            reason: reason.clone(),
            since: Timestamp::now(),
            access_ended,
        };
        let id = connection.id.clone();
        let (store, generation) = (self.store.clone(), stored.generation);
        match blocking(move || store.replace(&connection, generation)).await {
            Err(Failure::Store(StoreError::Conflict)) => {
                self.load(&id).await.map(|stored| credential(&stored))
            }
            _ => Err(CredentialError::NeedsLogin { id, reason }),
        }
    }

    async fn lock(&self, id: &ConnectionId) -> Result<HomeLock, CredentialError> {
        let (home, wanted) = (self.home.clone(), id.clone());
        let locked = tokio::task::spawn_blocking(move || lock_grant(&home, &wanted)).await;
        match locked {
            Ok(Ok(lock)) => Ok(lock),
            Ok(Err(error)) => Err(unavailable(id, &error.to_string(), PATIENCE)),
            Err(error) => Err(CredentialError::Vault {
                reason: error.to_string(),
            }),
        }
    }

    pub(super) async fn load(&self, id: &ConnectionId) -> Result<Stored, CredentialError> {
        let (store, wanted) = (self.store.clone(), id.clone());
        let found = blocking(move || store.load(&wanted))
            .await
            .map_err(Failure::into_error)?;
        found.ok_or_else(|| CredentialError::Removed { id: id.clone() })
    }
}

/// Waits for the right to spend a connection's refresh token: one process at a time has it. Blocks the thread.
pub fn lock_grant(home: &Home, id: &ConnectionId) -> Result<HomeLock, HomeError> {
    home.lock(
        &format!("refresh-{}@{}", id.provider, id.name),
        LOCK_DEADLINE,
    )
}

/// A stored state that answers the call without a request: another process was faster, or nothing can be renewed.
fn settled(stored: &Stored, why: Why) -> Option<Outcome> {
    let connection = &stored.connection;
    let now = Timestamp::now();
    let renewed = match why {
        Why::Due | Why::Expired => connection.freshness(now) == Freshness::Fresh,
        Why::Doubted { generation } | Why::Refused { generation } => {
            stored.generation != generation
        }
    };
    let usable = connection.freshness(now) != Freshness::Expired;
    if renewed && usable {
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
                && connection.tokens.obtained_at.until(now) < FORCED_INTERVAL =>
        {
            Some(Ok(credential(stored)))
        }
        Standing::Good => None,
    }
}

/// While the token works there is no hurry; where somebody waits, it is tried again for a while.
fn transient(
    connection: &Connection,
    why: Why,
    tries: &mut Tries,
    started: Instant,
    retry_after: Option<Duration>,
    error: &OAuthError,
) -> Round {
    let planned = TRANSIENT_PAUSES[tries.transient.min(TRANSIENT_PAUSES.len() - 1)];
    let pause = retry_after.unwrap_or(planned).max(planned);
    // A refresh that began early may have outlasted the token, and been joined by those who wait for it.
    let works = connection.freshness(Timestamp::now()) != Freshness::Expired;
    if (why == Why::Due && works) || started.elapsed() + pause > PATIENCE {
        return Round::Done(Err(unavailable(&connection.id, &error.to_string(), pause)));
    }
    tries.transient += 1;
    Round::Again(pause)
}

fn unavailable(id: &ConnectionId, reason: &str, retry_after: Duration) -> CredentialError {
    CredentialError::Unavailable {
        id: id.clone(),
        reason: reason.to_owned(),
        retry_after,
    }
}

pub(super) fn credential(stored: &Stored) -> Arc<Credential> {
    Arc::new(stored.connection.credential(stored.generation))
}

/// A disk access off the runtime's thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(Failure::Store),
        Err(error) => Err(Failure::Task(error.to_string())),
    }
}

/// Why a disk access gave nothing.
pub(super) enum Failure {
    /// The store said so.
    Store(StoreError),
    /// The thread died.
    Task(String),
}

impl Failure {
    pub(super) fn into_error(self) -> CredentialError {
        let reason = match self {
            Self::Store(error) => error.to_string(),
            Self::Task(reason) => reason,
        };
        CredentialError::Vault { reason }
    }
}
