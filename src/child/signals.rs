//! The signals that are watched for the child.

use nix::sys::signal::Signal;
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};

use super::error::ChildError;
use crate::os::process_tree::own_status;

/// Signals that are meant for the child, even if only we receive them. Ctrl-Z (SIGTSTP) is among
/// them: the child decides whether it stops, and what it does before. We stop after it has stopped.
const FORWARDED: [Signal; 7] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGTSTP,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// Watches those that are forwarded.
pub(super) fn watch_forwarded() -> Result<Vec<(Signal, SignalStream)>, ChildError> {
    let ignored = ignored_signals();
    let heeded = FORWARDED
        .into_iter()
        .filter(|signal| !is_ignored(ignored, *signal));
    heeded.map(|signal| Ok((signal, watch(signal)?))).collect()
}

/// Watches one.
pub(super) fn watch(kind: Signal) -> Result<SignalStream, ChildError> {
    signal(SignalKind::from_raw(kind as i32)).map_err(ChildError::Signals)
}

/// The signals that were ignored when we were started (by `nohup`, or in a background job of a
/// script). They stay ignored, for us and for the child.
fn ignored_signals() -> u64 {
    let mask = own_status::at_first("SigIgn");
    mask.and_then(|mask| u64::from_str_radix(mask, 16).ok())
        .unwrap_or(0)
}

fn is_ignored(mask: u64, signal: Signal) -> bool {
    mask & (1 << (signal as i32 - 1)) != 0
}
