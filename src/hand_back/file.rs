//! A file in a directory that jobs share, or that is cached from one job to the next.
//!
//! Whoever compares and writes holds the lock of a file beside it, so that no older job overwrites
//! a newer pair. It is replaced as a whole, so that a reader needs no lock.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::decide::{Decision, Done, decide};
use super::error::HandBackError;
use super::sealed::Sealing;
use crate::connection::{ConnectionStore, Exported};
use crate::os::home::io_error;
use crate::os::private_file::replace_private_file;
use crate::secret::Secret;

/// The pause between two attempts to take the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The largest file that is read.
const MAX_FILE: u64 = 1024 * 1024;

/// A file, and what is needed to use it.
#[derive(Clone)]
pub(super) struct SharedFile {
    pub(super) path: PathBuf,
    pub(super) sealing: Sealing,
    pub(super) timeout: Duration,
}

impl SharedFile {
    /// The connections in the file. Blocks the thread.
    pub(super) fn read(&self) -> Result<Vec<Exported>, HandBackError> {
        let read = File::open(&self.path).and_then(|file| Secret::read(file, MAX_FILE));
        match read {
            Ok(sealed) => self.sealing.open(sealed.expose(), &self.place()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(io_error("read", &self.path)(error).into()),
        }
    }

    /// Writes the pair of `here` to the file, or takes in what is there. Blocks the thread.
    pub(super) fn reconcile(
        &self,
        here: &Exported,
        store: &ConnectionStore,
    ) -> Result<Done, HandBackError> {
        let lock = self.lock()?;
        match decide(self.read()?, here) {
            Decision::Nothing => Ok(Done::WasThere),
            Decision::Other => Err(HandBackError::OtherLogin(self.place())),
            Decision::Write(all) => {
                replace_private_file(&self.path, &self.sealing.seal(&all)?)?;
                Ok(Done::Written)
            }
            Decision::TakeIn(found) => {
                // Not under the file's lock: it waits for a refresh, which may wait for this lock.
                drop(lock);
                store.import(&found, false)?;
                Ok(Done::TakenIn)
            }
        }
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// The lock is never removed, since a lock on a file that is gone excludes nobody.
    fn lock(&self) -> Result<File, HandBackError> {
        let path = self.lock_path();
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(io_error("open", &path))?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if started.elapsed() < self.timeout => {
                    thread::sleep(LOCK_PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(HandBackError::Locked {
                        path,
                        waited: self.timeout,
                    });
                }
                Err(TryLockError::Error(error)) => {
                    return Err(io_error("lock", &path)(error).into());
                }
            }
        }
    }

    fn lock_path(&self) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        self.path.with_file_name(name)
    }
}
