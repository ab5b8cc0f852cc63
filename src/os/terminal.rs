//! The terminal of the user, beside a program that uses it.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::OFlag;
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::{getpgrp, tcgetpgrp, ttyname};

/// The terminal of stderr. It was opened anew, so that writing to it never waits (after Ctrl-S, for
/// example), and the program's own descriptors stay as they are.
#[derive(Debug)]
pub struct Terminal(File);

impl Terminal {
    /// `None` if stderr is no terminal.
    pub fn of_stderr() -> Option<Self> {
        if !io::stderr().is_terminal() {
            return None;
        }
        let path = ttyname(io::stderr()).ok()?;
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = OpenOptions::new()
            .write(true)
            .custom_flags(flags.bits())
            .open(path);
        file.ok().map(Self)
    }

    /// Whether the terminal gathers lines itself. If not, an editor, a full-screen program or a
    /// shell's prompt is in front, and text of ours would tear what it shows.
    pub fn is_in_line_mode(&self) -> bool {
        tcgetattr(&self.0).is_ok_and(|found| found.local_flags.contains(LocalFlags::ICANON))
    }

    /// Writes in a single call, so that nothing of the program's gets in between. `false` if that
    /// would wait, or stop this process (`stty tostop`).
    pub fn write(&self, text: &str) -> bool {
        let stops = tcgetattr(&self.0).is_ok_and(|found| {
            found.local_flags.contains(LocalFlags::TOSTOP) && tcgetpgrp(&self.0) != Ok(getpgrp())
        });
        !stops && (&self.0).write(text.as_bytes()).is_ok()
    }
}
