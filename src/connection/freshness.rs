//! When a token is renewed: pure functions of times.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::credential::Credential;

/// A token is renewed this long before it expires…
const MARGIN: Duration = Duration::from_mins(5);

/// …or, if its life is shorter than ten times that, when this part (a tenth) of it is left.
/// Otherwise it would be renewed at each use.
const SHARE_OF_LIFE: u32 = 10;

/// A token that arrived further in the future than this arrived under another clock: its age is
/// unknown.
const CLOCK_SLACK: Duration = Duration::from_mins(5);

/// A pair younger than this is not renewed again because of a 401: a loop of 401s and refreshes
/// would invalidate the tokens that others use.
pub(super) const FORCED_INTERVAL: Duration = Duration::from_secs(30);

/// How fresh an access token is. With time it goes from `Fresh` to `Due` to `Expired`; if it cannot
/// be renewed, it is never `Due`. A refresh brings a `Fresh` one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It works, and should be renewed in the background.
    Due,
    /// It has expired, and must not be sent.
    Expired,
    /// It works, and need not be renewed yet.
    Fresh,
}

/// When a token that expires at `expires_at` becomes due.
pub(super) fn refresh_at(expires_at: Timestamp, lifetime: Duration) -> Timestamp {
    expires_at.minus(MARGIN.min(lifetime / SHARE_OF_LIFE))
}

/// How fresh a token is at `now`.
pub(super) fn stands(credential: &Credential, now: Timestamp) -> Freshness {
    let Credential {
        obtained_at,
        refresh_at,
        expires_at,
        ..
    } = *credential;
    freshness(obtained_at, refresh_at, expires_at, now)
}

/// How long ago a token arrived; `None` if the clock was set back since, so that nobody knows.
pub(super) fn age(obtained_at: Timestamp, now: Timestamp) -> Option<Duration> {
    // A little ahead does not mean another clock: time synchronisation corrects a clock in small
    // steps.
    (obtained_at <= now.plus(CLOCK_SLACK)).then(|| obtained_at.until(now))
}

/// Whether a token is so new that it must have been refused for another reason than its age: a
/// provider that refuses a new pair at once will refuse the next one too. A token that is due or
/// expired is not too new: one that lives for seconds gets there within the interval, and the
/// provider's clock may be ahead of ours.
pub(super) fn is_too_new(obtained_at: Timestamp, stands: Freshness, now: Timestamp) -> bool {
    let is_young = age(obtained_at, now).is_some_and(|age| age < FORCED_INTERVAL);
    is_young && stands == Freshness::Fresh
}

/// The same, from a token's dates. If the dates come from another clock, the token is due, and the
/// renewal corrects them.
pub(super) fn freshness(
    obtained_at: Timestamp,
    refresh_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Freshness {
    // `expires_at` is counted from the arrival of the token, and the server began to count a moment
    // before. So the token may expire at the server a little earlier; `recovery.rs` handles the 401
    // for that.
    if expires_at.is_some_and(|end| end <= now) {
        Freshness::Expired
    } else if refresh_at.is_some_and(|due| due <= now || age(obtained_at, now).is_none()) {
        Freshness::Due
    } else {
        Freshness::Fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn a_forced_renewals_own_token_that_is_refused_at_its_end_within_the_interval_is_renewed() {
        // One token lives for 20 s and is due 2 s before its end; the other lives for two hours.
        let (obtained, brief, long) = (at(1000), at(1020), at(8200));
        let too_new = |expires: Timestamp, now: Timestamp| {
            let due = refresh_at(expires, obtained.until(expires));
            let stands = freshness(obtained, Some(due), Some(expires), now);
            is_too_new(obtained, stands, now)
        };
        for (expires, now, expected) in [
            (brief, at(1000), true),
            (brief, at(1017), true),
            (brief, at(1018), false),
            (brief, at(1019), false),
            (brief, at(1020), false),
            (long, at(1029), true),
            (long, at(1030), false),
            // The clock was set back since, to ten minutes before the arrival.
            (long, at(1000 - 600), false),
        ] {
            assert_eq!(too_new(expires, now), expected, "{expires:?} at {now:?}");
        }
    }

    #[test]
    fn a_two_hour_token_is_due_five_minutes_before_its_end() {
        let due = refresh_at(at(10_000), Duration::from_hours(2));
        assert_eq!(due, at(9_700));
        let stands = |now| freshness(at(2_800), Some(due), Some(at(10_000)), at(now));
        assert_eq!(stands(9_699), Freshness::Fresh);
        assert_eq!(stands(9_700), Freshness::Due);
        assert_eq!(stands(9_999), Freshness::Due);
        assert_eq!(stands(10_000), Freshness::Expired);
    }

    #[test]
    fn a_short_lived_token_is_not_renewed_at_each_use() {
        assert_eq!(refresh_at(at(1_060), Duration::from_mins(1)), at(1_054));
    }

    #[test]
    fn a_token_without_an_end_is_fresh() {
        let never = freshness(at(0), None, None, at(u64::MAX));
        assert_eq!(never, Freshness::Fresh);
    }

    #[test]
    fn a_token_of_a_later_clock_is_due_where_it_can_be_renewed() {
        let stands = |due, now| freshness(at(100_000), due, Some(at(107_200)), at(now));
        assert_eq!(stands(Some(at(106_900)), 99_800), Freshness::Fresh);
        assert_eq!(stands(Some(at(106_900)), 90_000), Freshness::Due);
        assert_eq!(stands(None, 90_000), Freshness::Fresh);
        assert_eq!(age(at(100_000), at(99_999)), Some(Duration::ZERO));
        assert_eq!(age(at(100_000), at(90_000)), None);
    }
}
