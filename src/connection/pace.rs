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
//! | a request that waits | the `retry_after` of the error; without one, as in the background |
//!
//! No pause is longer than two minutes.

use std::time::{Duration, Instant};

use super::source::CredentialError;
use crate::clock::Timestamp;

/// The first and the longest pause of the background. It doubles with each failure.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const MAX_PAUSE: Duration = Duration::from_mins(2);

/// How far the two clocks may drift apart before one of them must have been set. After the machine
/// has slept they differ too, since the monotonic clock stood still.
const CLOCK_SLACK: Duration = Duration::from_secs(20);

/// The present, by the monotonic clock and the wall clock.
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

    /// By the wall clock.
    pub(super) fn wall(self) -> Timestamp {
        self.wall
    }

    /// How long ago `earlier` was; `None` if a clock was set in between, or the machine slept.
    fn since(self, earlier: Self) -> Option<Duration> {
        // Two clocks, since each alone misleads: the wall clock can be set, and the monotonic one
        // stands still while the machine sleeps. If they disagree, the time in between is unknown,
        // and an early try does less harm than a pause that is too long.
        let steady = self.steady.checked_duration_since(earlier.steady)?;
        let wall = earlier.wall.until(self.wall);
        let backwards = self.wall.until(earlier.wall);
        let together = steady.abs_diff(wall) <= CLOCK_SLACK && backwards <= CLOCK_SLACK;
        together.then_some(steady)
    }
}

/// Who asks for the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// No request waits: the current token works.
    Background,
    /// A request waits for the new token.
    Waiting,
}

/// A time without a try. It ends early if a clock is set: a failure under the wrong time (a
/// certificate that was not valid yet) says nothing about the right one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    begun: Moment,
    length: Duration,
}

impl Pause {
    pub(super) fn new(length: Duration, now: Moment) -> Self {
        Self { begun: now, length }
    }

    /// The rest of the pause; `None` once it is over.
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

    /// A renewal has failed. A request that waits may cause another try as soon as the error says,
    /// so that a provider that is back is noticed. In the background there is more time.
    pub(super) fn fail(&mut self, error: &CredentialError, now: Moment) {
        // The exponent is bounded; the pause has reached its own bound by then.
        let doubled = FIRST_PAUSE * 2_u32.saturating_pow(self.failures.min(8));
        let (background, waiting) = match error {
            CredentialError::Unavailable { retry_after, .. } => {
                (doubled.max(*retry_after), *retry_after)
            }
            // A dead grant, or a vault that cannot be read: nobody knows when another try would
            // help, so a request that waits gets the longer pause too.
            _ => (doubled, doubled),
        };
        // Even a time that the server has asked for is cut: a session must notice within minutes
        // that the problem is solved.
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
        // The error says how much is left of the pause, not how long the whole pause is.
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

    /// The reason for a new login, if the last failure calls for one.
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

    /// A later moment, by these seconds on each of the two clocks.
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
