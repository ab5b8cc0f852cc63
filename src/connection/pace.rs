//! When a connection may be renewed again after a failure: pure functions of times.
//!
//! ```text
//!        fail                        the pause has passed, or a clock was set
//! free ────────→ paused, n failures ──────────────────────────────────────────→ free, n failures
//!  ↑                     ↑                                                       │     │
//!  │                     └───────────────────── fail: n + 1 ─────────────────────┘     │
//!  └───────────────────── succeed: no failure is remembered ───────────────────────────┘
//! ```
//!
//! | who asks | the pause |
//! | --- | --- |
//! | the background | 5, 10, 20 s and so on, or what the server asked for if that is longer |
//! | one who waits | what the error says; as in the background where it says nothing |
//!
//! Neither is longer than two minutes.

use std::time::{Duration, Instant};

use super::source::CredentialError;
use crate::clock::Timestamp;

/// After a background refresh failed, this long the next one waits, doubling up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const MAX_PAUSE: Duration = Duration::from_mins(2);

/// By how much two clocks may drift apart before one of them must have been set. A machine that
/// slept looks the same: its monotonic clock stood still.
const CLOCK_SLACK: Duration = Duration::from_secs(20);

/// Now, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) steady: Instant,
    pub(super) wall: Timestamp,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self {
            steady: Instant::now(),
            wall: Timestamp::now(),
        }
    }

    /// By the clock on the wall.
    pub(super) fn wall(self) -> Timestamp {
        self.wall
    }

    /// How long ago `earlier` was; `None` where a clock was set meanwhile, or the machine slept.
    fn since(self, earlier: Self) -> Option<Duration> {
        // Two clocks, as each alone misleads: the wall clock can be set, and the steady one stands
        // still while the machine sleeps. Where they disagree, nothing is known of the time
        // between, and an early try does less harm than a pause that is too long.
        let steady = self.steady.checked_duration_since(earlier.steady)?;
        let wall = earlier.wall.until(self.wall);
        let backwards = self.wall.until(earlier.wall);
        let together = steady.abs_diff(wall) <= CLOCK_SLACK && backwards <= CLOCK_SLACK;
        together.then_some(steady)
    }
}

/// Who wants the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Nobody waits: the token in hand works.
    Background,
    /// Somebody waits for it.
    Waiting,
}

/// A stretch of time without a try. It ends early where the clock is set: what failed under another
/// time (a certificate that was not valid yet) says nothing about this one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    begun: Moment,
    length: Duration,
}

impl Pause {
    pub(super) fn new(length: Duration, now: Moment) -> Self {
        Self { begun: now, length }
    }

    /// How much of it is to come.
    pub(super) fn left(self, now: Moment) -> Option<Duration> {
        let left = self.length.checked_sub(now.since(self.begun)?)?;
        (!left.is_zero()).then_some(left)
    }
}

/// When the next try is allowed.
#[derive(Debug, Default)]
pub(super) struct Pace {
    failures: u32,
    background: Option<Pause>,
    waiting: Option<Pause>,
    last_error: Option<CredentialError>,
}

impl Pace {
    /// A renewal has succeeded.
    pub(super) fn succeed(&mut self) {
        *self = Self::default();
    }

    /// A renewal has failed. Who needs a token asks again as soon as the error says, so that a
    /// provider that is back is noticed; in the background there is time.
    pub(super) fn fail(&mut self, error: &CredentialError, now: Moment) {
        // The power is bounded where the pause has long reached its own bound.
        let doubled = FIRST_PAUSE * 2_u32.saturating_pow(self.failures.min(8));
        let (background, waiting) = match error {
            CredentialError::Unavailable { retry_after, .. } => {
                (doubled.max(*retry_after), *retry_after)
            }
            // A dead grant or a vault that cannot be read: no time is known at which a try would
            // help, so one who waits has no reason to hurry either.
            _ => (doubled, doubled),
        };
        // Also a time that the server has asked for is cut: a session must notice within minutes
        // that something was mended.
        let pause = |length: Duration| Some(Pause::new(length.min(MAX_PAUSE), now));
        self.failures += 1;
        self.background = pause(background);
        self.waiting = pause(waiting);
        self.last_error = Some(error.clone());
    }

    /// The last failure, while it is too early for another try.
    pub(super) fn paused(&self, urgency: Urgency, now: Moment) -> Option<CredentialError> {
        let pause = match urgency {
            Urgency::Background => self.background,
            Urgency::Waiting => self.waiting,
        };
        // The error that is given out again says how long is left of the pause, not how long it
        // was.
        let left = pause?.left(now)?;
        self.last_error.clone().map(|error| match error {
            CredentialError::Unavailable { id, reason, .. } => CredentialError::Unavailable {
                id,
                reason,
                retry_after: left,
            },
            other => other,
        })
    }

    /// Why only a new login helps, if that is so.
    pub(super) fn needs_login(&self) -> Option<&str> {
        match &self.last_error {
            Some(CredentialError::NeedsLogin { reason, .. }) => Some(reason),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unavailable(seconds: u64) -> CredentialError {
        CredentialError::Unavailable {
            id: crate::credential::ConnectionId {
                provider: "gitlab".parse().unwrap(),
                name: "default".parse().unwrap(),
            },
            reason: "away".to_owned(),
            retry_after: Duration::from_secs(seconds),
        }
    }

    /// A moment so many seconds later by the steady clock, and by the wall clock.
    fn later(moment: Moment, steady: u64, wall: u64) -> Moment {
        Moment {
            steady: moment.steady + Duration::from_secs(steady),
            wall: moment.wall.plus(Duration::from_secs(wall)),
        }
    }

    #[test]
    fn who_waits_asks_soon_again_and_the_background_ever_later() {
        let (mut pace, start) = (Pace::default(), Moment::now());
        for _ in 0..3 {
            pace.fail(&unavailable(2), start);
        }
        let at = |seconds| later(start, seconds, seconds);
        let waits = |urgency, seconds| pace.paused(urgency, at(seconds)).is_some();
        assert!(waits(Urgency::Waiting, 1) && !waits(Urgency::Waiting, 2));
        assert!(waits(Urgency::Background, 19) && !waits(Urgency::Background, 20));
        pace.succeed();
        assert!(pace.paused(Urgency::Background, at(0)).is_none());
    }

    #[test]
    fn what_the_provider_asks_for_binds_both() {
        let (mut pace, start) = (Pace::default(), Moment::now());
        pace.fail(&unavailable(60), start);
        let now = later(start, 59, 59);
        assert_eq!(pace.paused(Urgency::Waiting, now), Some(unavailable(1)));
        assert_eq!(pace.paused(Urgency::Background, now), Some(unavailable(1)));
    }

    #[test]
    fn a_clock_that_is_set_ends_a_pause() {
        let (mut pace, start) = (Pace::default(), Moment::now());
        let long_ago = start.steady;
        let start = later(start, 86_400, 86_400);
        pace.fail(&unavailable(60), start);
        let pause = Pause::new(Duration::from_mins(10), start);
        let ahead = later(start, 1, 86_400);
        let back = Moment {
            wall: start.wall.minus(Duration::from_hours(24)),
            ..later(start, 1, 0)
        };
        let all_back = Moment {
            steady: long_ago,
            ..back
        };
        for now in [ahead, back, all_back] {
            assert_eq!(pace.paused(Urgency::Waiting, now), None);
            assert_eq!(pause.left(now), None);
        }
        assert!(pause.left(later(start, 500, 505)).is_some());
    }
}
