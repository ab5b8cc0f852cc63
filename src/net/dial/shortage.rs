//! This machine may have no socket to give, or no thread to resolve a name. Then a dial waits until
//! others release theirs, and if that takes too long, the error names the shortage.

use std::fmt;
use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use tokio::net::TcpSocket;

use crate::os::ulimits;

/// The pause between the attempts of the first waiter: the kernel does not notify when a descriptor
/// is released.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// The descriptors that the system's resolver needs at the same time: its files, and sockets to
/// three name servers.
const RESOLVER_FILES: usize = 4;

/// A resource that has run out, through no fault of the host's or the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shortage {
    /// `ENFILE`: the machine has as many files open as its kernel allows.
    #[error(
        "this machine has as many files open as its kernel allows (fs.file-max); neither the host nor the client is at fault"
    )]
    MachineFiles,
    /// `ENOBUFS`, `ENOMEM`.
    #[error(
        "this machine's kernel has no memory for another socket; neither the host nor the client is at fault"
    )]
    Memory,
    /// `EMFILE`: this process has as many files open as it may.
    #[error(
        "authsome has as many files open as it may, {most} (ulimit -n); neither the host nor the client is at fault"
    )]
    OpenFiles {
        /// The limit.
        most: usize,
    },
    /// `EAGAIN` of `pthread_create(3)`.
    #[error(
        "this user, or this container, has as many threads as it may (ulimit -u, pids.max), and a name takes one; neither the host nor the client is at fault"
    )]
    Threads,
}

impl Shortage {
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        match Errno::from_raw(error.raw_os_error()?) {
            Errno::EAGAIN => Some(Self::Threads),
            Errno::EMFILE => Some(Self::OpenFiles {
                most: ulimits::most_open_files(),
            }),
            Errno::ENFILE => Some(Self::MachineFiles),
            Errno::ENOBUFS | Errno::ENOMEM => Some(Self::Memory),
            _ => None,
        }
    }

    /// What the user can do about it, with the commands to run.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::MachineFiles => {
                "see `sysctl fs.file-nr`; as root: `sysctl -w fs.file-max=1000000`"
            }
            Self::Memory => {
                "see `free -m`, and memory.max of the container's cgroup; end what takes the memory"
            }
            Self::OpenFiles { .. } => {
                "keep fewer connections open, or start authsome anew after `ulimit -n 65536`; above the hard limit (`ulimit -Hn`), as root: `prlimit --nofile=65536 --pid $$`; for a container: `docker run --ulimit nofile=65536`"
            }
            Self::Threads => {
                "see `ulimit -u`, and pids.max of the container's cgroup; end processes that are not needed"
            }
        }
    }
}

/// The queue of all dials that wait for a resource, in the order of arrival. Only the first one
/// tries again, however many wait. All connections of a process share it.
#[derive(Default)]
pub struct Queue {
    turn: tokio::sync::Mutex<()>,
    relief: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Queue {
    /// Sets the function that closes idle connections. It is called when a dial has to wait,
    /// because the dial needs their descriptors more.
    pub(crate) fn relieve_by(&self, close_idle: impl Fn() + Send + Sync + 'static) {
        let _ = self.relief.set(Box::new(close_idle)); // a process has only one session
    }

    /// Waits until there are descriptors for a file that is to be read. The caller limits the time.
    pub(crate) async fn room(&self) {
        let _ = Wait::new(self).have(take_room).await; // the reader reports any other failure
    }

    pub(crate) fn relieve(&self) {
        if let Some(close_idle) = self.relief.get() {
            close_idle();
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

/// One dial's place in the queue.
#[derive(Debug)]
pub(super) struct Wait<'a> {
    queue: &'a Queue,
    shortage: Mutex<Option<Shortage>>,
}

impl<'a> Wait<'a> {
    pub(super) fn new(queue: &'a Queue) -> Self {
        let shortage = Mutex::default();
        Self { queue, shortage }
    }

    /// The resource that is being waited for, if any.
    pub(super) fn shortage(&self) -> Option<Shortage> {
        *self.shortage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `make` until it no longer fails for lack of a resource. The caller limits the time.
    ///
    /// ```text
    /// make ── success, or another error ──> returned
    ///  │
    ///  │ shortage: close idle connections
    ///  ├── without the turn ──> wait for the turn in the queue ──> make again
    ///  └── with the turn ─────> sleep for RETRY_PAUSE ───────────> make again
    /// ```
    ///
    /// The turn is released on return, and when the caller drops this future.
    pub(super) async fn have<T>(&self, make: impl Fn() -> io::Result<T>) -> io::Result<T> {
        let mut turn = None;
        loop {
            let error = match make() {
                Ok(had) => {
                    self.note(None);
                    return Ok(had);
                }
                Err(error) => error,
            };
            let shortage = Shortage::of(&error);
            self.note(shortage);
            if shortage.is_none() {
                return Err(error);
            }
            self.queue.relieve();
            if turn.is_some() {
                tokio::time::sleep(RETRY_PAUSE).await;
            } else {
                turn = Some(self.queue.turn.lock().await);
            }
        }
    }

    /// Whether a failed look-up should be repeated because a shortage caused it. A resolver that
    /// gets no descriptor reports that the name does not exist, so the error alone does not show
    /// this.
    pub(super) async fn has_starved(&self, error: &io::Error) -> io::Result<bool> {
        let short = |error: &io::Error| Shortage::of(error).is_some();
        let room = take_room();
        if !short(error) && !room.is_err_and(|error| short(&error)) {
            return Ok(false);
        }
        self.have(take_room).await?;
        tokio::time::sleep(RETRY_PAUSE).await; // the resolver may need more than was free
        Ok(true)
    }

    fn note(&self, shortage: Option<Shortage>) {
        *self.shortage.lock().unwrap_or_else(PoisonError::into_inner) = shortage;
    }
}

/// Opens as many sockets as a resolver needs, and closes them at once.
fn take_room() -> io::Result<()> {
    let sockets: io::Result<Vec<_>> = (0..RESOLVER_FILES).map(|_| TcpSocket::new_v4()).collect();
    sockets.map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::Instant;

    use super::*;

    fn failure(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno as i32)
    }

    #[test]
    fn each_limit_is_told_from_a_hosts_failure() {
        for (errno, named) in [
            (Errno::EMFILE, Some("ulimit -n")),
            (Errno::ENFILE, Some("fs.file-max")),
            (Errno::ENOBUFS, Some("no memory")),
            (Errno::ENOMEM, Some("no memory")),
            (Errno::EAGAIN, Some("ulimit -u")),
            (Errno::ECONNREFUSED, None),
            (Errno::EADDRNOTAVAIL, None),
        ] {
            let words = Shortage::of(&failure(errno)).map(|shortage| shortage.to_string());
            assert_eq!(words.is_some(), named.is_some(), "{errno}: {words:?}");
            if let (Some(words), Some(named)) = (words, named) {
                assert!(words.contains(named), "{words}");
                assert!(words.contains("neither the host nor the client"), "{words}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_served_in_turn_and_only_the_first_one_tries() {
        let (queue, tries) = (Arc::new(Queue::default()), Arc::new(AtomicUsize::new(0)));
        let free = Arc::new(AtomicUsize::new(0));
        let start = Instant::now();
        let waiting: Vec<_> = (0..100)
            .map(|number| {
                let (queue, tries, free) =
                    (Arc::clone(&queue), Arc::clone(&tries), Arc::clone(&free));
                tokio::spawn(async move {
                    let wait = Wait::new(&queue);
                    let make = || {
                        tries.fetch_add(1, Ordering::Relaxed);
                        let taken =
                            free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
                                free.checked_sub(1)
                            });
                        taken.map_err(|_| failure(Errno::EMFILE))
                    };
                    wait.have(make).await.unwrap();
                    assert_eq!(wait.shortage(), None);
                    (number, start.elapsed())
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        // Each waiter has tried once without the turn; the first waiter goes on with it.
        let count = tries.load(Ordering::Relaxed);
        assert!((120..=160).contains(&count), "{count}");
        free.store(100, Ordering::Relaxed);
        let mut ends = Vec::new();
        for task in waiting {
            ends.push(task.await.unwrap());
        }
        assert!(
            ends.iter()
                .all(|(_, after)| *after <= Duration::from_millis(1020))
        );
    }

    #[tokio::test]
    async fn what_is_idle_is_given_up_for_who_waits() {
        let (queue, free) = (Queue::default(), Arc::new(AtomicUsize::new(0)));
        let given = Arc::clone(&free);
        queue.relieve_by(move || given.store(1, Ordering::Relaxed));
        let wait = Wait::new(&queue);
        let make = || match free.load(Ordering::Relaxed) {
            0 => Err(failure(Errno::ENFILE)),
            _ => Ok(()),
        };
        wait.have(make).await.unwrap();
    }

    #[tokio::test]
    async fn any_other_failure_is_told_at_once() {
        let queue = Queue::default();
        let wait = Wait::new(&queue);
        let refused = wait.have(|| Err::<(), _>(failure(Errno::ECONNREFUSED)));
        assert_eq!(
            refused.await.unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
        let unknown = io::Error::other("no such name");
        assert!(!wait.has_starved(&unknown).await.unwrap());
    }
}
