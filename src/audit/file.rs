//! The log file, and its rotation.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::thread;
use std::time::{Duration, Instant};

use super::{FILE, ROTATED};
use crate::net::dial::Shortage;
use crate::os::home::{Home, open_file};

/// The file is rotated before it would grow beyond this length, in bytes.
const MAX_LENGTH: u64 = 64 * 1024 * 1024;

/// How long to wait for another session to rotate the file.
const ROTATION_DEADLINE: Duration = Duration::from_secs(1);

/// How long the writer waits for a file descriptor, and how often it tries. Meanwhile lines gather
/// in the buffer, and the end of a session waits for the writer.
const DESCRIPTOR_DEADLINE: Duration = Duration::from_secs(2);
const DESCRIPTOR_PAUSE: Duration = Duration::from_millis(20);

/// The log file as its writer sees it. Other sessions append to the same file, and may rotate it.
pub(super) struct LogFile {
    home: Home,
    file: Option<File>,
    /// The last write failed, and may have left half a line.
    is_broken: bool,
}

impl LogFile {
    /// The log file of that home. It is opened when the first lines are written.
    pub(super) const fn new(home: Home) -> Self {
        Self {
            home,
            file: None,
            is_broken: false,
        }
    }

    /// Writes whole lines in a single call, so that lines of other sessions do not get in between.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let length = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        let mut aside = Ok(());
        if self.is_full_with(length) {
            // If the rotation fails, the lines are still written to the old file.
            aside = self.put_aside(length);
            self.file = None;
        }
        if !self.is_current() {
            self.file = None;
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(open_in_time(&self.home)?),
        };
        if std::mem::replace(&mut self.is_broken, true) {
            // The failed write may have left half a line, which would spoil the next one.
            file.write_all(b"\n")?;
        }
        file.write_all(lines)?;
        self.is_broken = false;
        aside
    }

    fn is_full_with(&self, more: u64) -> bool {
        let found = fs::metadata(self.home.path(FILE));
        found.is_ok_and(|found| found.is_file() && found.len().saturating_add(more) > MAX_LENGTH)
    }

    /// Rotates the file. The lock and the second check keep sessions from rotating it twice, which
    /// would overwrite the lines of the first rotation.
    fn put_aside(&self, more: u64) -> io::Result<()> {
        let lock = self.home.lock("audit", ROTATION_DEADLINE);
        let _lock = lock.map_err(io::Error::other)?;
        if self.is_full_with(more) {
            fs::rename(self.home.path(FILE), self.home.path(ROTATED))?;
        }
        Ok(())
    }

    /// Whether the open file is still the log, and not one that another session has rotated.
    fn is_current(&self) -> bool {
        let identity = |found: fs::Metadata| (found.dev(), found.ino());
        let open = self.file.as_ref().map(File::metadata);
        match (open, fs::metadata(self.home.path(FILE))) {
            (Some(Ok(open)), Ok(there)) => identity(open) == identity(there),
            _ => false,
        }
    }
}

/// Opens the file as soon as a file descriptor is available: a missing line is worse than a late
/// one.
fn open_in_time(home: &Home) -> io::Result<File> {
    let start = Instant::now();
    loop {
        match open(home) {
            Err(error)
                if Shortage::of(&error).is_some() && start.elapsed() < DESCRIPTOR_DEADLINE =>
            {
                thread::sleep(DESCRIPTOR_PAUSE);
            }
            opened => return opened,
        }
    }
}

fn open(home: &Home) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    open_file(&mut options, &home.path(FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_session_put_aside_is_written_to_no_more() {
        let (_directory, home) = Home::temporary();
        let mut log = LogFile::new(home.clone());
        log.append(b"one\n").unwrap();
        fs::rename(home.path(FILE), home.path(ROTATED)).unwrap();
        log.append(b"two\n").unwrap();
        assert_eq!(fs::read(home.path(ROTATED)).unwrap(), b"one\n");
        assert_eq!(fs::read(home.path(FILE)).unwrap(), b"two\n");
        let full = OpenOptions::new().write(true).open(home.path(FILE));
        full.unwrap().set_len(MAX_LENGTH - 3).unwrap();
        log.append(b"three\n").unwrap();
        assert_eq!(fs::read(home.path(FILE)).unwrap(), b"three\n");
    }
}
