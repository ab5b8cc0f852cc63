//! Waits on this thread for what another thread's runtime does.
//!
//! The vault's methods block, and may be called on a thread that runs a runtime of its own, in
//! which `block_on` panics. The futures of the driver need no runtime: they wait for messages of
//! the task that has the socket. So they are polled here, and the thread sleeps in between.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The output of `work`, or `None` if it takes longer than `limit`.
pub(super) fn within<F: Future>(limit: Duration, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let begun = Instant::now();
    loop {
        if let Poll::Ready(output) = work.as_mut().poll(&mut context) {
            return Some(output);
        }
        let left = limit.checked_sub(begun.elapsed())?;
        thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_another_thread_and_gives_up_in_time() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        thread::spawn(move || sender.send(7));
        assert_eq!(within(Duration::from_mins(1), receiver), Some(Ok(7)));
        let never = within(Duration::from_millis(1), std::future::pending::<()>());
        assert_eq!(never, None);
    }
}
