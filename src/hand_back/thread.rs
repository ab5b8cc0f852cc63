//! Work that blocks, on a thread of its own.

use std::thread;

use tokio::sync::oneshot;

use super::error::HandBackError;

/// Runs `work` on a thread, and waits for it. If the caller stops waiting, it still runs to its
/// end.
pub(super) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HandBackError> + Send + 'static,
) -> Result<T, HandBackError> {
    let (sender, receiver) = oneshot::channel();
    let thread = thread::Builder::new().name("hand back".to_owned());
    let started = thread.spawn(move || drop(sender.send(work())));
    started.map_err(HandBackError::Start)?;
    let crashed = || HandBackError::Start(std::io::Error::other("it crashed"));
    receiver.await.unwrap_or_else(|_| Err(crashed()))
}
