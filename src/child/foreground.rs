//! Which process group the terminal is for.

use std::fs::File;

use nix::unistd::{Pid, getpgid, getpgrp, tcgetpgrp};

/// Whether our process group is the terminal's foreground group.
pub(super) fn is_foreground() -> bool {
    foreground_group().is_some_and(|group| group == getpgrp())
}

/// Whether our process group or that of the child is the terminal's foreground group. If neither
/// is, nobody would continue us.
pub(super) fn on_terminal(child: Pid) -> bool {
    let group = foreground_group();
    group.is_some() && (group == Some(getpgrp()) || group == getpgid(Some(child)).ok())
}

fn foreground_group() -> Option<Pid> {
    let terminal = File::open("/dev/tty").ok()?;
    tcgetpgrp(&terminal).ok()
}
