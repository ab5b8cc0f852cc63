//! A thread beside the first one, for the start of a run.
//!
//! What the start of a run does beside its own work goes to it, in turn. It is one thread, and is
//! waited for when it starts, because of the kernel's scheduler: a new thread stays behind the one
//! that has made it, for milliseconds, however idle the other processors are. A thread that is
//! woken is given an idle one.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long its end is waited for, which nothing depends on.
const END_WAIT: Duration = Duration::from_millis(50);

type Work = Box<dyn FnOnce() + Send>;

/// A thread that does what it is given, in turn.
///
/// It ends with this value, and so does a process that it has started and that asks for it: the
/// kernel's parent-death signal (`PR_SET_PDEATHSIG`, prctl(2)) is that of the thread.
#[derive(Debug)]
pub struct SecondThread {
    /// `None` if it could not be started.
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    /// `None` once it shall end.
    work: Option<mpsc::Sender<Work>>,
    /// Disconnected when it ends.
    ended: mpsc::Receiver<()>,
    thread: JoinHandle<()>,
}

impl SecondThread {
    /// Starts it.
    pub fn start() -> Self {
        let (work, given) = mpsc::channel::<Work>();
        let (running, runs) = mpsc::sync_channel(0);
        let (ending, ended) = mpsc::channel();
        let serve = move || {
            let _ending = ending; // dropped last
            let _ = running.send(()); // it is waited for below
            // Asked only once there is work. This thread then runs on a processor of its own, and
            // does not hold up the one that has started it.
            let mut given = given.into_iter();
            let first = given.next();
            ask_processor();
            for work in first.into_iter().chain(given) {
                // Rust has printed what is wrong, and whoever waits for it sees that nothing comes.
                let _ = panic::catch_unwind(AssertUnwindSafe(work));
            }
        };
        let started = thread::Builder::new().name("second".to_owned());
        let thread = started.spawn(serve).ok().filter(|_| runs.recv().is_ok());
        Self {
            running: thread.map(|thread| Running {
                work: Some(work),
                ended,
                thread,
            }),
        }
    }

    /// Lets it do that. Whether there is such a thread.
    pub fn give(&self, work: impl FnOnce() + Send + 'static) -> bool {
        let given = self
            .running
            .as_ref()
            .and_then(|running| running.work.as_ref());
        given.is_some_and(|given| given.send(Box::new(work)).is_ok())
    }

    /// Lets it make that value.
    pub fn ask<T: Send + 'static>(&self, make: impl FnOnce() -> T + Send + 'static) -> Asked<T> {
        let (sender, value) = mpsc::channel();
        self.give(move || drop(sender.send(make()))); // unless nobody waits any more
        Asked(value)
    }

    /// Drops that on it, or at once where there is no such thread.
    pub fn drop_there<T: Send + 'static>(&self, value: T) -> Dropping {
        let (dropping, dropped) = mpsc::channel();
        self.give(move || drop((value, dropping)));
        Dropping(dropped)
    }

    /// Lets it end once it has done what it was given, without waiting for that. A process that it
    /// has started has to have ended by then.
    pub fn begin_end(&mut self) {
        if let Some(running) = &mut self.running {
            running.work = None;
        }
    }
}

/// A value that is being made on another thread.
#[derive(Debug)]
pub struct Asked<T>(mpsc::Receiver<T>);

impl<T> Asked<T> {
    /// The value, once it is made. `None` if there is no such thread, or if it has panicked.
    pub fn value(self) -> Option<T> {
        self.0.recv().ok()
    }
}

/// A value that is being dropped on another thread.
#[derive(Debug)]
pub struct Dropping(mpsc::Receiver<()>);

impl Dropping {
    /// Returns when it is dropped.
    pub fn wait(self) {
        let _ = self.0.recv(); // nothing is sent
    }
}

impl Drop for SecondThread {
    /// Waits for its end, unless it still has something to do: whoever waits for a process whose
    /// threads end one after the other may do so until the next tick of the scheduler.
    fn drop(&mut self) {
        self.begin_end();
        let Some(Running { ended, thread, .. }) = self.running.take() else {
            return;
        };
        if ended.recv_timeout(END_WAIT) == Err(RecvTimeoutError::Disconnected) {
            let _ = thread.join();
        }
    }
}

/// Asks the processor what it can do, which the standard library then knows. In a virtual machine
/// each of its ten questions (`CPUID`) goes to the hypervisor: all take up to a tenth of a
/// millisecond.
#[cfg(target_arch = "x86_64")]
fn ask_processor() {
    let _ = std::arch::is_x86_feature_detected!("avx2");
}

/// Others say it without a question.
#[cfg(not(target_arch = "x86_64"))]
fn ask_processor() {}

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

    #[test]
    fn what_is_asked_for_is_made_there_if_at_all() {
        let mut second = SecondThread::start();
        let elsewhere = second.ask(|| thread::current().id()).value();
        assert_ne!(elsewhere, Some(thread::current().id()));
        assert!(elsewhere.is_some());
        assert_eq!(
            second.ask(move || assert!(elsewhere.is_none())).value(),
            None
        );
        second.begin_end();
        assert_eq!(second.ask(|| ()).value(), None);
    }

    #[test]
    fn it_ends_by_itself_once_it_shall_and_takes_nothing_more() {
        let mut second = SecondThread::start();
        let (sender, done) = mpsc::channel();
        assert!(second.give(move || sender.send("given").unwrap()));
        second.begin_end();
        assert_eq!(done.recv(), Ok("given"));
        let ended = &second.running.as_ref().unwrap().ended;
        assert_eq!(ended.recv(), Err(mpsc::RecvError));
        assert!(!second.give(|| ()));
    }

    #[test]
    fn what_is_dropped_there_is_dropped_when_the_wait_is_over() {
        struct Told(mpsc::Sender<thread::ThreadId>);
        impl Drop for Told {
            fn drop(&mut self) {
                let _ = self.0.send(thread::current().id());
            }
        }
        let mut second = SecondThread::start();
        let (sender, told) = mpsc::channel();
        second.drop_there(Told(sender.clone())).wait();
        assert!(
            told.try_recv()
                .is_ok_and(|there| there != thread::current().id())
        );
        second.begin_end();
        second.drop_there(Told(sender)).wait();
        assert_eq!(told.try_recv(), Ok(thread::current().id()));
    }

    #[test]
    fn what_does_not_end_is_not_waited_for() {
        let second = SecondThread::start();
        let (release, released) = mpsc::channel::<()>();
        let (sender, done) = mpsc::channel();
        assert!(second.give(move || sender.send(released.recv().is_ok()).unwrap()));
        drop(second);
        release.send(()).unwrap();
        assert_eq!(done.recv(), Ok(true));
    }
}
