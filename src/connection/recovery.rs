//! What to do about a provider's 401: one policy, decided without I/O.
//!
//! A 401 is about the token, or it has another cause, and only some providers say which (RFC 6750
//! §3.1). What was tried is remembered for each connection. So a request costs at most one refresh;
//! and if a 401 has another cause, the first refresh is followed by none for ten minutes:
//!
//! ```text
//! says "expired" or "revoked" ─┬→ the pair is from a refresh for a 401 just now?    Accept
//!                              ├→ a refresh has just failed?                        Fail
//!                              └→ otherwise                                         Renew(Refused)
//! gives no reason ─┬→ the pair is from a refresh for such a 401?    Accept, then for 10 minutes no
//!                  │                                                refresh for such a 401
//!                  ├→ the token is new?    RetrySame, 3 times; then Accept
//!                  └→ otherwise            RetrySame, once; then Renew(Doubted),
//!                                          or Accept if no refresh may be made now
//! ```
//!
//! What is remembered, and until when:
//!
//! ```text
//! forced:      a Renew brought n ──→ n ──→ until n is no longer too new, or until a later Renew
//! unspecific:  Renew(Doubted) brought n ──→ n ── a 401 for n ──→ pause, for UNSPECIFIC_INTERVAL
//! ```
//!
//! The caller reads the vault first, since another process may have renewed the token.

use std::time::Duration;

use super::freshness::{age, is_too_new, stands};
use super::pace::{Moment, Pace, Pause, Urgency};
use super::source::{CredentialError, Rejection, UnauthorizedAction};
use super::wanted::{Outcome, RefreshReason};
use crate::clock::Timestamp;
use crate::credential::Credential;

/// A replica of the provider may not know a token that is younger than this: the token is sent
/// again before anything else is tried.
const NEW_TOKEN: Duration = Duration::from_secs(10);

/// The pauses before those tries.
const NEW_TOKEN_PAUSES: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// If a refresh for a 401 without a reason changes nothing, the 401 was not about the token. No
/// other such refresh is made for this long.
const UNSPECIFIC_INTERVAL: Duration = Duration::from_mins(10);

/// What was tried for the 401s of one connection.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// The generation of the pair that the last refresh for a 401 brought.
    forced: Option<u64>,
    /// The same for the last refresh for a 401 without a reason.
    unspecific: Option<u64>,
    /// Until this is over, no refresh is made for a 401 without a reason.
    pause: Option<Pause>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The 401 goes to the client.
    Accept,
    /// The request fails: there is no credential that works.
    Fail(CredentialError),
    /// A refresh, whose outcome goes to [`Recovery::renewed`].
    Renew(RefreshReason),
    /// The same token is sent again after that time.
    RetrySame(Duration),
}

impl Recovery {
    /// Decides what to do after the provider has refused the current pair, for the `attempt`th time
    /// (from 0) in one exchange.
    pub(super) fn after(
        &mut self,
        rejection: Rejection,
        refused: &Credential,
        attempt: u32,
        pace: &Pace,
        now: Moment,
    ) -> Step {
        let generation = refused.generation;
        if rejection != Rejection::Unspecific {
            return match pace.paused(Urgency::Waiting, now) {
                // Checked before the pause: if the provider refuses what it has just issued, its
                // response says more than an earlier error of ours.
                _ if self.is_forced(refused, now.wall()) => Step::Accept,
                // The token is dead, and no other can be had for now. The error tells the client
                // when to come back; the provider's 401 does not.
                Some(error) => Step::Fail(error),
                None => Step::Renew(RefreshReason::Refused { generation }),
            };
        }
        if self.unspecific == Some(generation) {
            // A new token has not helped, so the 401 is not about the token: the account may lack a
            // permission. For a while such a 401 causes no refresh, since each refresh would
            // invalidate the token that other processes use.
            self.pause = Some(Pause::new(UNSPECIFIC_INTERVAL, now));
            return Step::Accept;
        }
        let is_new = is_younger(refused, NEW_TOKEN, now.wall());
        // A token that is seconds old may not have reached the replica that got the request. That
        // replica knows nothing of the token and gives no reason, and a later try works. An older
        // token has reached all replicas, so it is sent only once more, against a passing fault.
        let pauses = if is_new {
            &NEW_TOKEN_PAUSES[..]
        } else {
            &NEW_TOKEN_PAUSES[..1]
        };
        // `attempt` counts over the whole exchange, so the sum of a request's pauses is bounded
        // too.
        match pauses.get(attempt as usize) {
            Some(pause) => Step::RetrySame(*pause),
            // A new token was issued just now: a refresh would only bring another new one.
            None if is_new || !self.may_doubt(refused, pace, now) => Step::Accept,
            None => Step::Renew(RefreshReason::Doubted { generation }),
        }
    }

    /// Decides what to do after that refresh. `has_ended` is whether the current pair has expired
    /// by now.
    pub(super) fn renewed(
        &mut self,
        why: RefreshReason,
        outcome: Outcome,
        has_ended: bool,
    ) -> UnauthorizedAction {
        let (generation, is_doubt) = match why {
            RefreshReason::Doubted { generation } => (Some(generation), true),
            RefreshReason::Refused { generation } => (Some(generation), false),
            RefreshReason::Due | RefreshReason::Expired => (None, false),
        };
        match outcome {
            // The refused pair came back: it is too new to be renewed for such a 401 (`turn.rs`).
            Ok(renewed) if Some(renewed.generation) == generation => UnauthorizedAction::Accept,
            Ok(renewed) => {
                // Also if another process has made the refresh: its pair is just as new.
                self.forced = Some(renewed.generation);
                if is_doubt {
                    self.unspecific = Some(renewed.generation);
                }
                UnauthorizedAction::Retry(renewed)
            }
            // A missing permission is no reason to say that the token is dead.
            Err(_) if is_doubt && !has_ended => UnauthorizedAction::Accept,
            Err(error) => UnauthorizedAction::Fail(error),
        }
    }

    /// Whether a refresh may be made for a 401 without a reason.
    fn may_doubt(&self, refused: &Credential, pace: &Pace, now: Moment) -> bool {
        let is_paused = self.pause.is_some_and(|pause| pause.left(now).is_some());
        let is_renewable = refused.refresh_at.is_some();
        // Such a refresh can wait like one in the background: the token may be good.
        let may_try = pace.paused(Urgency::Background, now).is_none();
        is_renewable && !is_paused && may_try && !self.is_forced(refused, now.wall())
    }

    /// Whether the refused pair came from a refresh for a 401 moments ago: one such refresh is
    /// enough.
    fn is_forced(&self, refused: &Credential, now: Timestamp) -> bool {
        self.forced == Some(refused.generation)
            && is_too_new(refused.obtained_at, stands(refused, now), now)
    }
}

/// If the clock was set back after the token arrived, its age is unknown, and it does not count as
/// young.
fn is_younger(credential: &Credential, limit: Duration, now: Timestamp) -> bool {
    age(credential.obtained_at, now).is_some_and(|age| age < limit)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::connection::freshness::FORCED_INTERVAL;
    use crate::secret::Secret;

    const PAUSES: [Step; 3] = [
        Step::RetrySame(NEW_TOKEN_PAUSES[0]),
        Step::RetrySame(NEW_TOKEN_PAUSES[1]),
        Step::RetrySame(NEW_TOKEN_PAUSES[2]),
    ];

    /// A token that lives for two hours and has this age.
    fn token(generation: u64, age: Duration, now: Moment) -> Credential {
        let obtained_at = now.wall().minus(age);
        let end = obtained_at.plus(Duration::from_hours(2));
        Credential {
            token: Secret::new("token".to_owned()),
            others: Vec::new(),
            secrets: Vec::new(),
            generation,
            obtained_at,
            refresh_at: Some(end.minus(Duration::from_mins(5))),
            expires_at: Some(end),
            routes: Vec::new(),
        }
    }

    fn unavailable() -> CredentialError {
        CredentialError::Unavailable {
            id: crate::credential::ConnectionId {
                provider: "gitlab".parse().unwrap(),
                name: "default".parse().unwrap(),
            },
            reason: "away".to_owned(),
            retry_after: Duration::from_mins(1),
        }
    }

    /// What follows the first four 401s of one exchange.
    fn steps(recovery: &mut Recovery, rejection: Rejection, token: &Credential) -> [Step; 4] {
        let now = Moment::now();
        [0, 1, 2, 3].map(|n| recovery.after(rejection, token, n, &Pace::default(), now))
    }

    #[test]
    fn a_token_that_is_said_to_have_ended_is_renewed_once() {
        let now = Moment::now();
        for rejection in [Rejection::Expired, Rejection::Revoked] {
            let mut recovery = Recovery::default();
            let (pace, old) = (Pace::default(), token(1, Duration::from_mins(10), now));
            let step = recovery.after(rejection, &old, 0, &pace, now);
            let why = RefreshReason::Refused { generation: 1 };
            assert_eq!(step, Step::Renew(why));
            let new = Arc::new(token(2, Duration::ZERO, now));
            let verdict = recovery.renewed(why, Ok(Arc::clone(&new)), false);
            assert!(matches!(verdict, UnauthorizedAction::Retry(better) if better.generation == 2));
            // The new pair is refused at once: another one would be refused too.
            let step = recovery.after(rejection, &new, 1, &pace, now);
            assert_eq!(step, Step::Accept);
            // If it is refused later, it is renewed.
            let later = token(2, FORCED_INTERVAL, now);
            let step = recovery.after(rejection, &later, 0, &pace, now);
            assert_eq!(step, Step::Renew(RefreshReason::Refused { generation: 2 }));
        }
    }

    #[test]
    fn a_forced_token_at_its_end_is_renewed_however_young() {
        let now = Moment::now();
        let mut recovery = Recovery {
            forced: Some(2),
            ..Recovery::default()
        };
        let mut short = token(2, Duration::from_secs(2), now);
        short.refresh_at = Some(now.wall());
        let step = recovery.after(Rejection::Expired, &short, 0, &Pace::default(), now);
        assert_eq!(step, Step::Renew(RefreshReason::Refused { generation: 2 }));
    }

    #[test]
    fn a_new_token_is_sent_again_and_never_doubted() {
        let [first, second, third] = PAUSES;
        let new = token(1, Duration::from_secs(1), Moment::now());
        let found = steps(&mut Recovery::default(), Rejection::Unspecific, &new);
        assert_eq!(found, [first, second, third, Step::Accept]);
    }

    #[test]
    fn an_older_token_is_sent_once_more_and_then_doubted_once() {
        let now = Moment::now();
        let mut recovery = Recovery::default();
        let old = token(1, Duration::from_mins(10), now);
        let why = RefreshReason::Doubted { generation: 1 };
        let found = steps(&mut recovery, Rejection::Unspecific, &old);
        assert_eq!(found[..2], [PAUSES[0].clone(), Step::Renew(why)]);
        let new = Arc::new(token(2, Duration::ZERO, now));
        let verdict = recovery.renewed(why, Ok(Arc::clone(&new)), false);
        assert!(matches!(verdict, UnauthorizedAction::Retry(_)));
        // The new token does not help: the 401 goes to the client, and no other such refresh is
        // made for 10 minutes.
        let found = steps(&mut recovery, Rejection::Unspecific, &new);
        assert_eq!(found[0], Step::Accept);
        let other = token(3, Duration::from_mins(5), now);
        let found = steps(&mut recovery, Rejection::Unspecific, &other);
        assert_eq!(found[..2], [PAUSES[0].clone(), Step::Accept]);
        // What the provider says about the token itself is believed all the same.
        let step = recovery.after(Rejection::Revoked, &other, 0, &Pace::default(), now);
        assert_eq!(step, Step::Renew(RefreshReason::Refused { generation: 3 }));
    }

    #[test]
    fn a_token_that_cannot_be_renewed_is_not_doubted() {
        let mut lasting = token(1, Duration::from_mins(10), Moment::now());
        lasting.refresh_at = None;
        let found = steps(&mut Recovery::default(), Rejection::Unspecific, &lasting);
        assert_eq!(found[..2], [PAUSES[0].clone(), Step::Accept]);
    }

    #[test]
    fn while_no_refresh_may_be_tried_a_doubt_is_dropped_and_an_end_is_told() {
        let now = Moment::now();
        let (mut recovery, mut pace) = (Recovery::default(), Pace::default());
        pace.fail(&unavailable(), now);
        let old = token(1, Duration::from_mins(10), now);
        let step = recovery.after(Rejection::Unspecific, &old, 1, &pace, now);
        assert_eq!(step, Step::Accept);
        let step = recovery.after(Rejection::Expired, &old, 0, &pace, now);
        assert!(
            matches!(step, Step::Fail(CredentialError::Unavailable { .. })),
            "{step:?}"
        );
    }

    #[test]
    fn a_refresh_that_fails_ends_the_exchange_only_where_the_token_is_known_to_be_dead() {
        let mut recovery = Recovery::default();
        let doubted = RefreshReason::Doubted { generation: 1 };
        let refused = RefreshReason::Refused { generation: 1 };
        for (why, has_ended, is_accepted) in [
            (doubted, false, true),
            (doubted, true, false),
            (refused, false, false),
        ] {
            let verdict = recovery.renewed(why, Err(unavailable()), has_ended);
            assert_eq!(
                matches!(verdict, UnauthorizedAction::Accept),
                is_accepted,
                "{why:?}"
            );
        }
    }
}
