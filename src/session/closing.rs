//! The end of a session, or of a command that renews one connection: a refresh that has been sent
//! is not cut off.

use std::time::Duration;

use super::notice::Notice;
use crate::connection::Credentials;

/// How long the end waits for a refresh before it says so.
const QUIET_WAIT: Duration = Duration::from_secs(2);

/// Waits for a refresh that is under way, and says so where it takes long; from then on `given_up`
/// ends the wait. Whether its pair is durable.
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
