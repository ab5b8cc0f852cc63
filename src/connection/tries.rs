//! What a failed token request means, and when the next one is sent.
//!
//! | failure | what is known | what follows |
//! | --- | --- | --- |
//! | response lost, first time | the refresh token may be spent | the same request, once more |
//! | response lost, again | the refresh token may be spent | as for a transient failure |
//! | `invalid_grant` after that | the new pair is lost | the grant is dead, with both tokens |
//! | `invalid_grant` | dead, or a replica lags | 3 more requests; then the grant is dead |
//! | any other refusal | the registration is wrong | reported at once; the record stays as it is |
//! | transient | nothing of the grant | if somebody waits, another request; else none for now |
//!
//! ```text
//! begin ──→ judge ─┬─ Again(pause) ─→ the next request fails ─→ judge
//!                  ├─ Fail ─→ the refresh ends; the grant may still be good
//!                  └─ GiveUp ─→ the refresh ends; the grant is dead
//! ```
//!
//! The time for `Again` is bounded: after transient failures by [`FOREGROUND_TIMEOUT`], after all
//! failures by [`WORK_LIMIT`].

use std::time::Duration;

use super::freshness::Freshness;
use super::pace::Moment;
use super::record::Connection;
use super::source::CredentialError;
use super::wanted::RefreshReason;
use crate::credential::ConnectionId;
use crate::oauth::{OAuthError, RefreshFailure};

/// The last request of a refresh begins at most this long after the first one, since other
/// processes wait for the lock.
pub(super) const WORK_LIMIT: Duration = Duration::from_mins(1);

/// How long a refresh that a request waits for is tried again after transient failures.
pub(super) const FOREGROUND_TIMEOUT: Duration = Duration::from_secs(20);

/// When to try again if the provider does not say. It is short, so that a provider that is back is
/// noticed soon.
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

/// The pause before a request whose response was lost is sent once more.
const LOST_RESPONSE_PAUSE: Duration = Duration::from_millis(250);

/// The failures of one refresh so far.
#[derive(Debug)]
pub(super) struct Tries {
    started: Moment,
    transient: usize,
    grant: usize,
    lost_response: bool,
}

/// What follows from a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Send the request again after that pause.
    Again(Duration),
    /// The refresh fails; the grant may still be good.
    Fail(CredentialError),
    /// The refresh fails, and the grant is dead.
    GiveUp {
        /// Why, in words.
        reason: String,
        /// Whether the access token is dead too.
        access_ended: bool,
    },
}

impl Tries {
    /// Before the first request.
    pub(super) fn begin(now: Moment) -> Self {
        Self {
            started: now,
            transient: 0,
            grant: 0,
            lost_response: false,
        }
    }

    /// Decides what follows from a failure that came at `now`.
    pub(super) fn judge(
        &mut self,
        connection: &Connection,
        why: RefreshReason,
        error: &OAuthError,
        now: Moment,
    ) -> Judgement {
        let id = &connection.id;
        // The provider has refused the access token, and now refuses the refresh token too: both
        // are dead.
        let refused = matches!(
            why,
            RefreshReason::Doubted { .. } | RefreshReason::Refused { .. }
        );
        match error.refresh_failure() {
            // If the server did not carry out the first request, it accepts this one, and nothing
            // is lost. If it did, it sees a spent refresh token. The request is repeated only once:
            // a server may revoke a grant whose spent refresh token is used again (RFC 9700
            // §4.14.2).
            RefreshFailure::LostResponse if !self.lost_response => {
                self.lost_response = true;
                self.again(id, LOST_RESPONSE_PAUSE, now)
            }
            // The new pair was issued but never arrived. GitLab invalidates the old access token at
            // that moment, so it is assumed to be dead.
            RefreshFailure::Grant if self.lost_response => Judgement::GiveUp {
                reason: format!(
                    "a response of the provider was lost after it had spent the refresh token ({error})"
                ),
                access_ended: true,
            },
            // RFC 6749 §5.2: invalid, expired or revoked. GitLab says so of a valid token too, if
            // the replica that gets the request does not know it yet.
            RefreshFailure::Grant => match GRANT_PAUSES.get(self.grant) {
                Some(pause) => {
                    self.grant += 1;
                    self.again(id, *pause, now)
                }
                None => Judgement::GiveUp {
                    reason: error.to_string(),
                    // A refresh that was made because of the dates says nothing about the access
                    // token, which works until it expires.
                    access_ended: refused,
                },
            },
            // Not noted in the record: the same grant works again with another client secret, or
            // once the registration at the provider is corrected.
            RefreshFailure::Configuration => Judgement::Fail(CredentialError::NeedsLogin {
                id: id.clone(),
                reason: error.to_string(),
            }),
            RefreshFailure::LostResponse => self.transient(connection, why, None, error, now),
            RefreshFailure::Transient { retry_after } => {
                self.transient(connection, why, retry_after, error, now)
            }
        }
    }

    /// While the token works there is no hurry. If a request waits, the refresh is tried again for
    /// a while.
    fn transient(
        &mut self,
        connection: &Connection,
        why: RefreshReason,
        retry_after: Option<Duration>,
        error: &OAuthError,
        now: Moment,
    ) -> Judgement {
        // The planned pause is the minimum, even if the server asks for a shorter one or for none.
        let planned = TRANSIENT_PAUSES[self.transient.min(TRANSIENT_PAUSES.len() - 1)];
        let pause = retry_after.unwrap_or(planned).max(planned);
        // A refresh may last longer than the token that it began with, and requests may wait for it
        // by now.
        let works = connection.freshness(now.wall) != Freshness::Expired;
        if (why == RefreshReason::Due && works) || self.elapsed(now) + pause > FOREGROUND_TIMEOUT {
            // If the server named a time, the client gets that one (`Retry-After`, RFC 9110
            // §10.2.3).
            let next = retry_after.unwrap_or(NEXT_TRY);
            return Judgement::Fail(unavailable(&connection.id, &error.to_string(), next));
        }
        self.transient += 1;
        self.again(&connection.id, pause, now)
    }

    /// Another request, unless it would begin after [`WORK_LIMIT`].
    fn again(&self, id: &ConnectionId, pause: Duration, now: Moment) -> Judgement {
        // The time for which others wait for the lock (`turn.rs`) is computed from this limit.
        if self.elapsed(now) + pause <= WORK_LIMIT {
            return Judgement::Again(pause);
        }
        let reason = "the provider took too long to respond";
        Judgement::Fail(unavailable(id, reason, NEXT_TRY))
    }

    fn elapsed(&self, now: Moment) -> Duration {
        // The monotonic clock is never set.
        now.steady.saturating_duration_since(self.started.steady)
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::clock::Timestamp;
    use crate::connection::sample::{ENDS, connection};

    /// A refresh of a token that ends at [`ENDS`], with a clock that the test moves.
    struct Refresh {
        tries: Tries,
        why: RefreshReason,
        now: Moment,
    }

    impl Refresh {
        /// Begins `before_end` seconds before the token's end.
        fn begun(why: RefreshReason, before_end: u64) -> Self {
            let now = Moment {
                steady: Instant::now(),
                wall: Timestamp::from_seconds(ENDS - before_end),
            };
            Self {
                tries: Tries::begin(now),
                why,
                now,
            }
        }

        /// The next request fails. If a pause follows, the clock moves on by it.
        fn fails(&mut self, error: &OAuthError) -> Judgement {
            let judgement = self.tries.judge(&connection(), self.why, error, self.now);
            if let Judgement::Again(pause) = judgement {
                self.now.steady += pause;
                self.now.wall = self.now.wall.plus(pause);
            }
            judgement
        }

        /// Fails until something else than a pause follows; returns the pauses in milliseconds, and
        /// that.
        fn fails_until_the_end(&mut self, error: &OAuthError) -> (Vec<u64>, Judgement) {
            let mut pauses = Vec::new();
            loop {
                match self.fails(error) {
                    Judgement::Again(pause) => {
                        pauses.push(u64::try_from(pause.as_millis()).unwrap());
                    }
                    last => return (pauses, last),
                }
            }
        }
    }

    fn refused(code: &str) -> OAuthError {
        OAuthError::Refused {
            host: "gitlab.test".to_owned(),
            code: code.to_owned(),
            description: None,
        }
    }

    fn status(retry_after: Option<u64>) -> OAuthError {
        OAuthError::Status {
            host: "gitlab.test".to_owned(),
            status: 503,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn lost() -> OAuthError {
        OAuthError::Timeout {
            host: "gitlab.test".to_owned(),
            sent: true,
        }
    }

    fn unreachable() -> OAuthError {
        OAuthError::Timeout {
            host: "gitlab.test".to_owned(),
            sent: false,
        }
    }

    /// The seconds until the next try, if the refresh is put off.
    fn put_off(judgement: &Judgement) -> Option<u64> {
        match judgement {
            Judgement::Fail(CredentialError::Unavailable { retry_after, .. }) => {
                Some(retry_after.as_secs())
            }
            _ => None,
        }
    }

    #[test]
    fn a_provider_that_is_away_costs_nobody_a_wait_while_the_token_works() {
        for error in [status(None), unreachable(), refused("server_error")] {
            let judged = Refresh::begun(RefreshReason::Due, 60).fails(&error);
            assert_eq!(put_off(&judged), Some(2), "{error}");
        }
    }

    #[test]
    fn where_somebody_waits_it_is_tried_for_twenty_seconds() {
        let (pauses, last) =
            Refresh::begun(RefreshReason::Expired, 0).fails_until_the_end(&status(None));
        assert_eq!(pauses[..5], [250, 500, 1000, 2000, 2000]);
        assert!((18_000..=20_000).contains(&pauses.iter().sum::<u64>()));
        assert_eq!(put_off(&last), Some(2));
    }

    #[test]
    fn a_renewal_in_the_background_that_outlasts_the_token_has_somebody_waiting() {
        let mut refresh = Refresh::begun(RefreshReason::Due, 0);
        assert!(matches!(refresh.fails(&status(None)), Judgement::Again(_)));
    }

    #[test]
    fn the_servers_own_word_on_when_is_kept_if_it_is_later() {
        let mut refresh = Refresh::begun(RefreshReason::Expired, 0);
        let pause = |seconds| Judgement::Again(Duration::from_secs(seconds));
        assert_eq!(refresh.fails(&status(Some(5))), pause(5));
        assert_eq!(
            refresh.fails(&status(Some(0))),
            Judgement::Again(Duration::from_millis(500))
        );
        assert_eq!(put_off(&refresh.fails(&status(Some(60)))), Some(60));
    }

    #[test]
    fn an_invalid_grant_is_believed_after_three_more_tries() {
        let refusal = RefreshReason::Refused { generation: 1 };
        let doubt = RefreshReason::Doubted { generation: 1 };
        for (why, ends_access) in [
            (RefreshReason::Due, false),
            (RefreshReason::Expired, false),
            (refusal, true),
            (doubt, true),
        ] {
            let mut refresh = Refresh::begun(why, 60);
            let (pauses, last) = refresh.fails_until_the_end(&refused("invalid_grant"));
            assert_eq!(pauses, [1_000, 3_000, 10_000], "{why:?}");
            let Judgement::GiveUp { access_ended, .. } = last else {
                panic!("{why:?}: {last:?}");
            };
            assert_eq!(access_ended, ends_access, "{why:?}");
        }
    }

    #[test]
    fn an_invalid_client_is_said_at_once() {
        let judged = Refresh::begun(RefreshReason::Expired, 0).fails(&refused("invalid_client"));
        let needs_login = CredentialError::NeedsLogin {
            id: connection().id,
            reason: refused("invalid_client").to_string(),
        };
        assert_eq!(judged, Judgement::Fail(needs_login));
    }

    #[test]
    fn a_lost_response_is_asked_for_once_more_and_an_invalid_grant_then_means_that_it_is_gone() {
        let mut refresh = Refresh::begun(RefreshReason::Due, 60);
        let again = Judgement::Again(Duration::from_millis(250));
        assert_eq!(refresh.fails(&lost()), again);
        let Judgement::GiveUp {
            access_ended,
            reason,
        } = refresh.fails(&refused("invalid_grant"))
        else {
            panic!("the pair is lost");
        };
        assert!(access_ended && reason.contains("was lost"), "{reason}");
        let mut twice = Refresh::begun(RefreshReason::Due, 60);
        assert_eq!(twice.fails(&lost()), again);
        assert_eq!(put_off(&twice.fails(&lost())), Some(2));
    }

    #[test]
    fn no_request_begins_when_those_who_wait_for_the_lock_have_given_up() {
        let mut refresh = Refresh::begun(RefreshReason::Expired, 0);
        refresh.now.steady += WORK_LIMIT;
        let judged = refresh.fails(&refused("invalid_grant"));
        assert_eq!(put_off(&judged), Some(2));
    }
}
