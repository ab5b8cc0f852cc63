//! Tells whom a command waits for, when another process holds the vault.

use std::sync::atomic::{AtomicBool, Ordering};

use super::printer::Printer;
use crate::os::lock_wait::{LockHolder, LockWait, LockWaits};

/// Whether the terminal is still authsome's own. The command of a run has it for itself.
static IS_OURS: AtomicBool = AtomicBool::new(true);

/// Prints a warning for each long wait.
pub(super) fn told() -> LockWaits {
    LockWaits::new(|wait| {
        if IS_OURS.load(Ordering::Relaxed) {
            Printer::plain().warn(&words(wait));
        }
    })
}

/// From now on nothing is printed: the command of a run starts.
pub(super) fn stop_telling() {
    IS_OURS.store(false, Ordering::Relaxed);
}

fn words(wait: LockWait) -> String {
    let file = wait.file.display();
    match wait.holder {
        Some(LockHolder { pid, name }) => {
            format!(
                "waiting for {file}, which process {pid} ({name}) holds; to see it: ps -fp {pid}"
            )
        }
        None => {
            format!("waiting for {file}, which another process holds; to see it: fuser -v '{file}'")
        }
    }
}
