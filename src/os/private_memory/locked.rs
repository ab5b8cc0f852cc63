//! Keeps what this process has in memory from being swapped out.
//!
//! Only where all of it may be locked, now and later: where no limit is set (`RLIMIT_MEMLOCK`,
//! `ulimit -l unlimited`), or for a process with `CAP_IPC_LOCK`, which stands above the limit
//! (mlock(2)). A part could not be kept so, as later allocations would fail at the limit. exec(2)
//! and fork(2) end it, so no command inherits it. No process that has locked its memory gives the
//! capability up.

use std::fs;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::thread::{CapabilitySet, capabilities};

/// Locks each page of this process from its first use on, where all of them may be.
pub(super) fn lock() {
    let limit = getrlimit(Resource::RLIMIT_MEMLOCK);
    if limit.is_ok_and(|(soft, _)| soft == RLIM_INFINITY) || is_above_the_limit() {
        let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
        let _ = mlockall(all); // if it is refused, the memory is as that of any program
    }
}

/// Whether this process has `CAP_IPC_LOCK` where it counts, which is in the first user namespace
/// alone (`capable` in the kernel's `mm/mlock.c`): the one that maps all users to themselves
/// (`user_namespaces(7)`).
fn is_above_the_limit() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK))
        && fs::read_to_string("/proc/self/uid_map")
            .is_ok_and(|map| map.split_whitespace().eq(["0", "0", "4294967295"]))
}
