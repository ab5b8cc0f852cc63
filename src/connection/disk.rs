//! Disk accesses off the runtime's thread, by a thread that is there before they are needed.
//!
//! The runtime's own pool starts a thread where it needs one, and panics where the system gives
//! none (`pids.max`, `RLIMIT_NPROC`). Between a token request and the commit that would cost the
//! grant: so a refresh has its thread before the request goes out.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that does one disk access after the other; it ends when this is dropped and all is
/// done.
#[derive(Debug)]
pub(super) struct Disk {
    jobs: Sender<Job>,
}

/// A disk access has died, or there was no thread for it.
#[derive(Debug, thiserror::Error)]
pub(super) enum DiskError {
    /// The system gave no thread.
    #[error("cannot start a thread: {0}")]
    NoThread(#[from] io::Error),
    /// A job panicked.
    #[error("a disk access crashed")]
    Died,
}

impl Disk {
    pub(super) fn start() -> Result<Self, DiskError> {
        // Unbounded: one refresh has a handful of jobs, and to send one must never wait.
        let (jobs, received) = channel::<Job>();
        let thread = thread::Builder::new().name("vault".to_owned());
        // One that panics is told to whoever waits, by its dropped sender, and the next one is
        // done.
        let work = move || {
            for job in received {
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
        };
        // An error where the system has no thread to give, and no panic: nothing was spent yet.
        thread.spawn(work)?;
        Ok(Self { jobs })
    }

    /// Does it, and waits for what it comes to. Who stops waiting does not stop it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DiskError> {
        let (sender, receiver) = oneshot::channel();
        // A caller that has gone away is no reason to leave the job: its outcome is dropped, its
        // effect on the disk is not.
        self.begin(move || drop(sender.send(work())));
        receiver.await.map_err(|_| DiskError::Died)
    }

    /// Does it when it has done what came before; nobody waits.
    pub(super) fn begin(&self, work: impl FnOnce() + Send + 'static) {
        // Where the thread has died the job is dropped, and whoever waits for it is told.
        let _ = self.jobs.send(Box::new(work));
    }
}

/// The thread for the session's small reads, started with the first of them.
#[derive(Debug, Default)]
pub(super) struct Reader(Mutex<Option<Disk>>);

impl Reader {
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DiskError> {
        let (sender, receiver) = oneshot::channel();
        self.begin(Box::new(move || drop(sender.send(work()))))?;
        receiver.await.map_err(|_| DiskError::Died)
    }

    fn begin(&self, job: Job) -> Result<(), DiskError> {
        let mut disk = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The channel is closed only where the thread has died; the job comes back, and gets a new
        // thread.
        let job = match disk.as_ref() {
            Some(disk) => match disk.jobs.send(job) {
                Ok(()) => return Ok(()),
                Err(returned) => returned.0,
            },
            None => job,
        };
        let _ = disk.insert(Disk::start()?).jobs.send(job);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_that_panics_is_told_and_the_next_one_is_done() {
        let reader = Reader::default();
        assert_eq!(reader.run(|| 7).await.unwrap(), 7);
        let crashed = reader.run(|| panic!("on purpose")).await;
        assert!(matches!(crashed, Err::<(), _>(DiskError::Died)));
        assert_eq!(reader.run(|| 8).await.unwrap(), 8);
    }
}
