//! When a token is renewed: pure functions of times.

use std::time::Duration;

use crate::clock::Timestamp;

/// A token is renewed this long before its end…
const MARGIN: Duration = Duration::from_mins(5);

/// …or, if it lives shorter than ten times that, when this part of its life is left: else it would be renewed at each use.
const SHARE_OF_LIFE: u32 = 10;

/// How a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It works, and shall be renewed in the background.
    Due,
    /// It is at its end: nothing may be sent with it.
    Expired,
    /// It works for a while.
    Fresh,
}

/// From when on a token that ends at `expires_at` is due.
pub(super) fn refresh_at(expires_at: Timestamp, lifetime: Duration) -> Timestamp {
    expires_at.minus(MARGIN.min(lifetime / SHARE_OF_LIFE))
}

/// How a token stands at `now`.
pub(super) fn freshness(
    refresh_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Freshness {
    if expires_at.is_some_and(|end| end <= now) {
        Freshness::Expired
    } else if refresh_at.is_some_and(|due| due <= now) {
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
    fn a_two_hour_token_is_due_five_minutes_before_its_end() {
        let due = refresh_at(at(10_000), Duration::from_hours(2));
        assert_eq!(due, at(9_700));
        let stands = |now| freshness(Some(due), Some(at(10_000)), at(now));
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
        assert_eq!(freshness(None, None, at(u64::MAX)), Freshness::Fresh);
    }
}
