//! Locks in the home directory, with a deadline.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::home::{Home, HomeError, create_private_directory, io_error, open_file};
use super::lock_wait::TELL_AFTER;
use crate::defence::Defence;

/// The pause between two attempts to take a lock that another process holds: the first, and the
/// longest.
const LOCK_POLL_FIRST: Duration = Duration::from_millis(2);
const LOCK_POLL_MAX: Duration = Duration::from_millis(40);

/// A lock that is released when this value is dropped or its process dies.
#[derive(Debug)]
pub struct HomeLock {
    _file: File,
    path: PathBuf,
}

impl HomeLock {
    /// Removes the lock's file, and its directory if that is then empty: for a home in which
    /// nothing was stored. A process that is waiting for the lock sees that the file is gone, and
    /// creates a new one.
    pub fn remove(self) {
        let _ = fs::remove_file(&self.path);
        if let Some(directory) = self.path.parent() {
            let _ = fs::remove_dir(directory);
        }
    }
}

impl Home {
    /// Tells that `file` has been waited for long, which is locked itself or through one of
    /// `locked`.
    pub fn tell_wait(&self, file: &Path, locked: &[&Path]) {
        if let Some(waits) = &self.waits {
            waits.tell(file, locked);
        }
    }

    /// Waits at most `deadline` for the lock of that name. Blocks the thread.
    ///
    /// The lock is `flock(2)` on a file. Only the holder may remove the file
    /// ([`HomeLock::remove`]), because a lock on a removed file excludes nobody. So a lock counts
    /// only while its file has a link.
    pub fn lock(&self, name: &str, deadline: Duration) -> Result<HomeLock, HomeError> {
        let directory = self.path("locks");
        let path = directory.join(format!("{name}.lock"));
        let open = || {
            create_private_directory(&directory)?;
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(0o600);
            open_file(&mut options, &path).map_err(io_error("open", &path))
        };
        let mut file = open()?;
        let started = Instant::now();
        let mut pause = LOCK_POLL_FIRST;
        let mut is_told = false;
        loop {
            match file.try_lock() {
                Ok(()) if file.metadata().is_ok_and(|found| found.nlink() > 0) => {
                    return Ok(HomeLock { _file: file, path });
                }
                Ok(()) => file = open()?,
                Err(_) if !Defence::VaultLock.stands() => {
                    return Ok(HomeLock { _file: file, path });
                }
                Err(TryLockError::Error(source)) => return Err(io_error("lock", &path)(source)),
                Err(TryLockError::WouldBlock) if started.elapsed() >= deadline => {
                    return Err(HomeError::LockTimeout {
                        path,
                        waited: deadline,
                    });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(pause),
            }
            if !is_told && started.elapsed() >= TELL_AFTER {
                self.tell_wait(&path, &[&path]);
                is_told = true;
            }
            pause = (pause * 2).min(LOCK_POLL_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_times_out_and_a_dropped_one_is_free() {
        let (_directory, home) = Home::temporary();
        let held = home.lock("name", Duration::ZERO).unwrap();
        assert!(matches!(
            home.lock("name", Duration::ZERO),
            Err(HomeError::LockTimeout { .. })
        ));
        home.lock("other", Duration::ZERO).unwrap();
        drop(held);
        home.lock("name", Duration::ZERO).unwrap();
    }
}
