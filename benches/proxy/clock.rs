//! A clock that two processes of one machine share.

use nix::time::{ClockId, clock_gettime};

/// Nanoseconds since some moment before the machine's start of counting.
pub(crate) fn monotonic_nanoseconds() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has this clock");
    let (seconds, nanoseconds) = (now.tv_sec(), now.tv_nsec());
    u64::try_from(seconds * 1_000_000_000 + nanoseconds).unwrap_or_default()
}
