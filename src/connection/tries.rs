//! What a failed token request means, and when the next one is made.

use std::time::{Duration, Instant};

use super::freshness::Freshness;
use super::record::Connection;
use super::refresh::Why;
use super::source::CredentialError;
use crate::clock::Timestamp;
use crate::credential::ConnectionId;
use crate::oauth::{OAuthError, RefreshFailure};

/// No request to the authorization server begins later than this after the first one: others wait for the lock.
pub(super) const WORK_LIMIT: Duration = Duration::from_mins(1);

/// How long a refresh that somebody waits for is tried again after transient failures.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// When it is worth another try, where the provider does not say: a provider that is back is noticed within that.
pub(super) const NEXT_TRY: Duration = Duration::from_secs(2);

/// Pauses between tries after transient failures; the last one repeats.
const TRANSIENT_PAUSES: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Pauses before an `invalid_grant` is believed: a replica of the provider may lag behind.
const GRANT_PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];

/// The pause before the one repetition of a request whose answer was lost.
const LOST_ANSWER_PAUSE: Duration = Duration::from_millis(250);

/// How the requests of one refresh went so far.
#[derive(Debug)]
pub(super) struct Tries {
    started: Instant,
    transient: usize,
    grant: usize,
    lost_answer: bool,
}

/// What follows from a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Once more, after that pause.
    Again(Duration),
    /// Not now.
    Fail(CredentialError),
    /// The grant is dead.
    GiveUp {
        /// Why, in words.
        reason: String,
        /// Whether the access token is dead too.
        access_ended: bool,
    },
}

impl Tries {
    /// Before the first one.
    pub(super) fn begin() -> Self {
        Self {
            started: Instant::now(),
            transient: 0,
            grant: 0,
            lost_answer: false,
        }
    }

    /// Decides what a failure means.
    pub(super) fn judge(
        &mut self,
        connection: &Connection,
        why: Why,
        error: &OAuthError,
    ) -> Judgement {
        let id = &connection.id;
        // The access token was refused just now, and what would renew it is refused as well: both are dead.
        let refused = matches!(why, Why::Doubted { .. } | Why::Refused { .. });
        match error.refresh_failure() {
            RefreshFailure::LostAnswer if !self.lost_answer => {
                self.lost_answer = true;
                self.again(id, LOST_ANSWER_PAUSE)
            }
            RefreshFailure::Grant if self.lost_answer => Judgement::GiveUp {
                reason: format!(
                    "an answer of the provider was lost after it had spent the refresh token ({error})"
                ),
                access_ended: true,
            },
            RefreshFailure::Grant => match GRANT_PAUSES.get(self.grant) {
                Some(pause) => {
                    self.grant += 1;
                    self.again(id, *pause)
                }
                None => Judgement::GiveUp {
                    reason: error.to_string(),
                    access_ended: refused,
                },
            },
            RefreshFailure::Configuration => Judgement::Fail(CredentialError::NeedsLogin {
                id: id.clone(),
                reason: error.to_string(),
            }),
            RefreshFailure::LostAnswer => self.transient(connection, why, None, error),
            RefreshFailure::Transient { retry_after } => {
                self.transient(connection, why, retry_after, error)
            }
        }
    }

    /// While the token works there is no hurry; where somebody waits, it is tried again for a while.
    fn transient(
        &mut self,
        connection: &Connection,
        why: Why,
        retry_after: Option<Duration>,
        error: &OAuthError,
    ) -> Judgement {
        let planned = TRANSIENT_PAUSES[self.transient.min(TRANSIENT_PAUSES.len() - 1)];
        let pause = retry_after.unwrap_or(planned).max(planned);
        // A refresh that began early may have outlasted the token, and been joined by those who wait for it.
        let works = connection.freshness(Timestamp::now()) != Freshness::Expired;
        if (why == Why::Due && works) || self.started.elapsed() + pause > PATIENCE {
            let next = retry_after.unwrap_or(NEXT_TRY);
            return Judgement::Fail(unavailable(&connection.id, &error.to_string(), next));
        }
        self.transient += 1;
        self.again(&connection.id, pause)
    }

    /// Whoever waits for the lock shall not give up before it is free.
    fn again(&self, id: &ConnectionId, pause: Duration) -> Judgement {
        if self.started.elapsed() + pause <= WORK_LIMIT {
            return Judgement::Again(pause);
        }
        let reason = "the provider took too long to come to an answer";
        Judgement::Fail(unavailable(id, reason, NEXT_TRY))
    }
}

pub(super) fn unavailable(
    id: &ConnectionId,
    reason: &str,
    retry_after: Duration,
) -> CredentialError {
    CredentialError::Unavailable {
        id: id.clone(),
        reason: reason.to_owned(),
        retry_after,
    }
}
