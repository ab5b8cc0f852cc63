//! A file in a directory that jobs share, or that is cached from one job to the next.
//!
//! Whoever compares and writes holds the lock of a file beside it, so that no older job overwrites
//! a newer pair. It is replaced as a whole, so that a reader needs no lock. Where the path is a
//! link, all of this concerns the file that it leads to.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::decide::{Decision, Done, decide};
use super::error::HandBackError;
use super::sealed::Sealing;
use super::thread::on_a_thread;
use crate::age_file::MAX_FILE;
use crate::connection::{ConnectionStore, Exported};
use crate::os::home::{io_error, open_file, open_file_itself};
use crate::os::private_file::{replace_private_file, resolved};
use crate::secret::Secret;

/// The pause between two attempts to take the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// For the directory to respond, beyond the wait for the lock: a server of a shared one may be
/// gone.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// A file, and what is needed to use it.
#[derive(Clone)]
pub(super) struct SharedFile {
    pub(super) path: PathBuf,
    pub(super) sealing: Sealing,
    pub(super) timeout: Duration,
}

/// What came of an attempt under the lock.
enum Attempt {
    Done(Done),
    /// What is there is to be taken in.
    Found(Box<Exported>),
}

impl SharedFile {
    /// The connections in the file. Blocks the thread.
    pub(super) fn read(&self) -> Result<Vec<Exported>, HandBackError> {
        self.read_at(&resolved(&self.path)?)
    }

    /// Writes the pair of `here` to the file, or takes in what is there.
    pub(super) async fn reconcile(
        &self,
        here: Exported,
        store: &ConnectionStore,
    ) -> Result<Done, HandBackError> {
        let waited = self.timeout.saturating_add(RESPONSE_TIMEOUT);
        let file = self.clone();
        let attempt = on_a_thread(move || file.attempt(&here));
        let attempt = tokio::time::timeout(waited, attempt).await;
        let no_response = |_| HandBackError::NoResponse {
            place: self.place(),
            waited,
        };
        match attempt.map_err(no_response)?? {
            Attempt::Done(done) => Ok(done),
            Attempt::Found(found) => {
                // Not under the file's lock: it waits for a refresh, which may wait for that lock.
                let store = store.clone();
                on_a_thread(move || Ok(store.import(&found, false)?)).await?;
                Ok(Done::TakenIn)
            }
        }
    }

    fn attempt(&self, here: &Exported) -> Result<Attempt, HandBackError> {
        let path = resolved(&self.path)?;
        let _lock = self.lock(&path)?;
        match decide(self.read_at(&path)?, here) {
            Decision::Nothing => Ok(Attempt::Done(Done::WasThere)),
            Decision::Forked => Err(HandBackError::Forked(self.place())),
            Decision::Other => Err(HandBackError::OtherLogin(self.place())),
            Decision::Write(all) => {
                replace_private_file(&path, &self.sealing.seal(&all)?)?;
                Ok(Attempt::Done(Done::Written))
            }
            Decision::TakeIn(found) => Ok(Attempt::Found(found)),
        }
    }

    fn read_at(&self, path: &Path) -> Result<Vec<Exported>, HandBackError> {
        let opened = open_file(OpenOptions::new().read(true), path);
        match opened.and_then(|file| Secret::read(file, MAX_FILE)) {
            Ok(sealed) => self.sealing.open(sealed.expose(), &self.place()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(io_error("read", path)(error).into()),
        }
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// The lock is never removed, since a lock on a file that is gone excludes nobody.
    fn lock(&self, path: &Path) -> Result<File, HandBackError> {
        let path = lock_path(path);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = open_file_itself(&mut options, &path).map_err(io_error("open", &path))?;
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
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    path.with_file_name(name)
}
