//! The end of a session, or of a command that renews one connection: it waits for a refresh request
//! that has already been sent.

use std::time::Duration;

use super::notice::Notice;
use crate::connection::Credentials;

/// How long the end waits, for a refresh or for a pair to be handed back, before it notifies the
/// user.
pub(super) const QUIET_WAIT: Duration = Duration::from_secs(2);

/// Waits for a refresh that is under way. If that takes long, it notifies the user, and from then
/// on `given_up` ends the wait. Returns whether the new token pair is durable.
pub(crate) async fn finish(
    credentials: &Credentials,
    notify: &dyn Fn(Notice),
    given_up: impl Future<Output = ()>,
) -> bool {
    let given_up = async {
        tokio::time::sleep(QUIET_WAIT).await;
        notify(Notice::WaitingForRefresh);
        given_up.await;
    };
    let is_done = tokio::select! {
        biased;
        is_done = credentials.close() => is_done,
        () = given_up => false,
    };
    if !is_done {
        notify(Notice::RefreshGivenUp);
    }
    for id in credentials.set_aside() {
        notify(Notice::SetAside(id));
    }
    is_done
}
