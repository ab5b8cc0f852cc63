//! A thread beside the first one, which lives as long as the process.
//!
//! What the start of a run does beside its own work goes to it, in turn. It is one thread, and is
//! waited for when it starts, because of the kernel's scheduler: a new thread stays behind the one
//! that has made it, for milliseconds, however idle the other processors are. A thread that is
//! woken is given an idle one.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
use std::thread;

type Work = Box<dyn FnOnce() + Send>;

/// A thread that does what it is given, in turn.
#[derive(Debug)]
pub struct SecondThread {
    /// `None` if it could not be started.
    work: Option<mpsc::Sender<Work>>,
}

impl SecondThread {
    /// Starts it.
    pub fn start() -> Self {
        let (sender, given) = mpsc::channel::<Work>();
        let (running, runs) = mpsc::sync_channel(0);
        let serve = move || {
            let _ = running.send(()); // it is waited for below
            for work in given {
                // Rust has printed what is wrong, and whoever waits for it sees that nothing comes.
                let _ = panic::catch_unwind(AssertUnwindSafe(work));
            }
            // It may have started a process that is told to end when this thread does
            // (`PR_SET_PDEATHSIG`, prctl(2)).
            loop {
                thread::park();
            }
        };
        let started = thread::Builder::new().name("second".to_owned());
        let is_running = started.spawn(serve).is_ok_and(|_| runs.recv().is_ok());
        Self {
            work: is_running.then_some(sender),
        }
    }

    /// Lets it do that. Whether there is such a thread.
    pub fn give(&self, work: impl FnOnce() + Send + 'static) -> bool {
        let given = self.work.as_ref().map(|sender| sender.send(Box::new(work)));
        given.is_some_and(|given| given.is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_in_turn_on_one_thread_even_after_a_panic() {
        let second = SecondThread::start();
        let (sender, done) = mpsc::channel();
        for number in 0..3 {
            let sender = sender.clone();
            assert!(second.give(move || {
                sender.send((number, thread::current().id())).unwrap();
                assert_ne!(number, 1, "a fault");
            }));
        }
        drop((second, sender));
        let done: Vec<_> = done.iter().collect();
        assert_eq!(
            done.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
            [0, 1, 2]
        );
        assert!(done.iter().all(|(_, thread)| *thread == done[0].1));
    }
}
