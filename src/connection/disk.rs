//! Disk access on a thread of its own, which is started before it is needed.
//!
//! Tokio's blocking pool starts a thread when it needs one, and panics if the system refuses it
//! (`pids.max`, `RLIMIT_NPROC`). Between a token request and the commit, such a panic would lose
//! the grant. So a refresh starts its thread before it sends the request.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that runs disk accesses one after the other. It ends once this is dropped and all of
/// them are done.
#[derive(Debug)]
pub(super) struct Disk {
    jobs: Sender<Job>,
}

/// Why a disk access has no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum DiskError {
    /// The system refused to start a thread.
    #[error("cannot start a thread: {0}")]
    NoThread(#[from] io::Error),
    /// The disk access panicked.
    #[error("a disk access crashed")]
    Died,
}

impl Disk {
    pub(super) fn start() -> Result<Self, DiskError> {
        // Unbounded, so that sending never waits. One refresh sends only a handful of jobs.
        let (jobs, received) = channel::<Job>();
        let thread = thread::Builder::new().name("vault".to_owned());
        // A panic must not end the thread. It drops the job's sender, so that `run` returns an
        // error, and the next job still runs.
        let work = move || {
            for job in received {
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
        };
        // If the system refuses a thread, this is an error and not a panic. Nothing is spent yet.
        thread.spawn(work)?;
        Ok(Self { jobs })
    }

    /// Runs `work` on the thread and waits for its result. If the caller stops waiting, `work`
    /// still runs to its end.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DiskError> {
        let (sender, receiver) = oneshot::channel();
        // If the caller is gone, the result is dropped, but the work is done all the same.
        self.begin(move || drop(sender.send(work())));
        receiver.await.map_err(|_| DiskError::Died)
    }

    /// Queues `work` behind what was queued before, without waiting for it.
    pub(super) fn begin(&self, work: impl FnOnce() + Send + 'static) {
        // If the thread has died, the job is dropped with its sender, and `run` returns an error.
        let _ = self.jobs.send(Box::new(work));
    }
}

/// The thread for the session's small reads. The first of them starts it.
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
        // Sending fails only if the thread has died. The error gives the job back, and a new thread
        // runs it.
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
