//! What follows a provider's 401: one policy, decided on values.
//!
//! A 401 is about the token, or it is not, and only some providers say which (RFC 6750 §3.1). What
//! was tried is remembered for a connection, so that a request costs at most one refresh, and a 401
//! that has another reason costs none after the first:
//!
//! ```text
//! says "expired", "revoked" ─────────────────────────────┬→ came of a refresh just now? accepted
//!                                                        ├→ a refresh has just failed?   Fail
//!                                                        └→ Renew(Refused)
//! says nothing ─┬→ came of a refresh for such a 401?      it is accepted, and there is no refresh
//!               │                                         for such a 401 for 10 minutes
//!               ├→ the token is new?                      RetrySame, 3 times; then it is accepted
//!               └→ RetrySame, once, then ─────────────────→ Renew(Doubted)
//! ```
//!
//! What is remembered, and until when:
//!
//! ```text
//! forced:      a Renew brought n ──→ n ──→ n is no longer too new, or a later Renew
//! unspecific:  Renew(Doubted) brought n ──→ n ── a 401 for n ──→ pause, for UNSPECIFIC_INTERVAL
//! ```
//!
//! Before this is asked, the vault was read again: another process may have renewed the token.

use std::time::Duration;

use super::freshness::{age, is_too_new, stands};
use super::pace::{Moment, Pace, Pause, Urgency};
use super::source::{CredentialError, Rejection, UnauthorizedAction};
use super::wanted::{Outcome, RefreshReason};
use crate::clock::Timestamp;
use crate::credential::Credential;

/// A token younger than this may be unknown to a replica of the provider: it is sent again before
/// anything else is tried.
const NEW_TOKEN: Duration = Duration::from_secs(10);

/// The pauses between those tries.
const NEW_TOKEN_PAUSES: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// A refresh for the sake of an unspecific 401 that changed nothing shows that the 401 was not
/// about the token: no other for this long.
const UNSPECIFIC_INTERVAL: Duration = Duration::from_mins(10);

/// What was tried for the 401s of one connection.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// The generation that came of a refresh for a 401.
    forced: Option<u64>,
    /// The generation that came of a refresh for an unspecific 401, if that was the last thing
    /// tried.
    unspecific: Option<u64>,
    /// Until when there is no other refresh for an unspecific 401.
    pause: Option<Pause>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The 401 goes to the client.
    Accept,
    /// There is no credential that works.
    Fail(CredentialError),
    /// A refresh; what comes of it, [`Recovery::renewed`] judges.
    Renew(RefreshReason),
    /// The same token again after that time.
    RetrySame(Duration),
}

impl Recovery {
    /// After the provider has refused the pair in force, for the `attempt`th time (from 0) in one
    /// exchange.
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
                // Before the pause is looked at: where the provider refuses what it has just
                // issued, its response says more than an earlier error of ours.
                _ if self.is_forced(refused, now.wall()) => Step::Accept,
                // The token is dead, and there is no other for now. The error tells the client when
                // to come back, which the provider's 401 does not.
                Some(error) => Step::Fail(error),
                None => Step::Renew(RefreshReason::Refused { generation }),
            };
        }
        if self.unspecific == Some(generation) {
            // A new token has not changed it, so it is not about the token: the account may lack a
            // right. From now on such a 401 costs no refresh, each of which would kill the token
            // that other processes have in hand.
            self.pause = Some(Pause::new(UNSPECIFIC_INTERVAL, now));
            return Step::Accept;
        }
        let is_new = is_younger(refused, NEW_TOKEN, now.wall());
        // A token of some seconds may not have reached the replica that was asked, which then knows
        // nothing of it and says nothing about it. That passes. An older one has had the time, so
        // it is sent once more only, against a passing fault.
        let pauses = if is_new {
            &NEW_TOKEN_PAUSES[..]
        } else {
            &NEW_TOKEN_PAUSES[..1]
        };
        // `attempt` counts the whole exchange, so the pauses of one request are bounded too.
        match pauses.get(attempt as usize) {
            Some(pause) => Step::RetrySame(*pause),
            // A token that is new was issued just now: a refresh would give one as new.
            None if is_new || !self.may_doubt(refused, pace, now) => Step::Accept,
            None => Step::Renew(RefreshReason::Doubted { generation }),
        }
    }

    /// After that refresh. `has_ended` is whether the pair in force is at its end by now.
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
            // The refused pair came back: the turn found it too new to be renewed for a doubt.
            Ok(renewed) if Some(renewed.generation) == generation => UnauthorizedAction::Accept,
            Ok(renewed) => {
                // Also where another process has made the refresh: its pair is as new.
                self.forced = Some(renewed.generation);
                if is_doubt {
                    self.unspecific = Some(renewed.generation);
                }
                UnauthorizedAction::Retry(renewed)
            }
            // A right that the account lacks is no reason to say that the token is dead.
            Err(_) if is_doubt && !has_ended => UnauthorizedAction::Accept,
            Err(error) => UnauthorizedAction::Fail(error),
        }
    }

    /// Whether a refresh may be made for a 401 that may have another reason.
    fn may_doubt(&self, refused: &Credential, pace: &Pace, now: Moment) -> bool {
        let is_paused = self.pause.is_some_and(|pause| pause.left(now).is_some());
        let is_renewable = refused.refresh_at.is_some();
        // A doubt can wait as a refresh in the background can: the token may be good.
        let may_try = pace.paused(Urgency::Background, now).is_none();
        is_renewable && !is_paused && may_try && !self.is_forced(refused, now.wall())
    }

    /// One forced renewal is enough.
    fn is_forced(&self, refused: &Credential, now: Timestamp) -> bool {
        self.forced == Some(refused.generation)
            && is_too_new(refused.obtained_at, stands(refused, now), now)
    }
}

/// A token of a later clock, which was set back since, is not young for ever.
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

    /// A token of two hours that arrived so long ago.
    fn token(generation: u64, age: Duration, now: Moment) -> Credential {
        let obtained_at = now.wall().minus(age);
        let end = obtained_at.plus(Duration::from_hours(2));
        Credential {
            token: Secret::new("token".to_owned()),
            generation,
            obtained_at,
            refresh_at: Some(end.minus(Duration::from_mins(5))),
            expires_at: Some(end),
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
            // Its result is refused at once: the next one would be too.
            let step = recovery.after(rejection, &new, 1, &pace, now);
            assert_eq!(step, Step::Accept);
            // Not at once.
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
        // It changes nothing: the 401 goes to the client, and no other refresh is made for 10
        // minutes.
        let found = steps(&mut recovery, Rejection::Unspecific, &new);
        assert_eq!(found[0], Step::Accept);
        let other = token(3, Duration::from_mins(5), now);
        let found = steps(&mut recovery, Rejection::Unspecific, &other);
        assert_eq!(found[..2], [PAUSES[0].clone(), Step::Accept]);
        // What the provider says of the token itself is believed all the same.
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
