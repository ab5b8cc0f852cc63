//! Tells during a run which connections come to need a new login or wider scopes, and which have a
//! login.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use super::notice::Notice;
use crate::connection::Credentials;
use crate::credential::ConnectionId;

/// How often the vault is asked for a new login while one is needed. Nothing is asked otherwise.
const LOOK: Duration = Duration::from_secs(2);

/// Watches until it is dropped. `known` are the connections that were known to need a new login at
/// the start. Each connection is told once, until it has been mended.
pub(super) async fn watch(
    credentials: &Credentials,
    known: &[ConnectionId],
    notify: &dyn Fn(Notice),
) -> Infallible {
    // The number of the state that was found dead: a login gives the record another one.
    let mut needing: BTreeMap<ConnectionId, u64> = BTreeMap::new();
    for id in known {
        needing.extend(credentials.generation(id).map(|state| (id.clone(), state)));
    }
    loop {
        for (id, scopes) in credentials.newly_lacking().await {
            notify(Notice::LacksScopes { id, scopes });
        }
        for (id, reason) in credentials.needing_login() {
            if let Some(state) = credentials.generation(&id)
                && !needing.contains_key(&id)
            {
                needing.insert(id.clone(), state);
                notify(Notice::NeedsLogin { id, reason });
            }
        }
        tokio::select! {
            () = credentials.login_needed() => {}
            () = tokio::time::sleep(LOOK), if !needing.is_empty() => {}
        }
        let mut mended = Vec::new();
        for (id, state) in &needing {
            if credentials.has_login_since(id, *state).await {
                mended.push(id.clone());
            }
        }
        for id in mended {
            needing.remove(&id);
            notify(Notice::ConnectedAgain(id));
        }
    }
}
