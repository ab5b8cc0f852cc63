//! Tells during a run which connections come to need a new login or wider scopes, and which have a
//! login.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::notice::Notice;
use super::user_data::UserData;
use super::{Session, joining};
use crate::audit::Audit;
use crate::connection::Credentials;
use crate::credential::ConnectionId;
use crate::proxy::{Pending, PendingKind};

/// How often the vault is asked for a new login while one is needed. Nothing is asked otherwise.
const LOOK: Duration = Duration::from_secs(2);

impl Session {
    /// Tells during the run which connections come to need a new login, and which have got one
    /// elsewhere, and takes connections in that are made meanwhile, if that was asked for. It never
    /// completes.
    pub async fn watch(&self, data: &Arc<UserData>, notify: &dyn Fn(Notice)) -> Infallible {
        let parts = (&*self.credentials, &*self.pending, &**self.log.audit());
        let session = (&self.serving, &*self.credentials);
        tokio::select! {
            never = watch(parts, &self.needing_login, notify) => never,
            never = joining::attend(self.joining.as_deref(), session, data, notify) => never,
        }
    }
}

/// Watches until it is dropped. `known` are the connections that were known to need a new login at
/// the start. Each connection is told once, until it has been mended.
async fn watch(
    (credentials, pending, audit): (&Credentials, &Pending, &Audit),
    known: &[ConnectionId],
    notify: &dyn Fn(Notice),
) -> Infallible {
    let mut changes = pending.changes();
    let mut waiting = Waiting::default();
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
                waiting.needs_login(id, reason, pending, notify);
            }
        }
        waiting.tell(pending, notify);
        tokio::select! {
            () = credentials.login_needed() => {}
            _ = changes.changed() => {
                let count = pending.waiting().len();
                audit.tell(&json!({ "event": "waiting", "count": count }));
            }
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
            waiting.parked.remove(&id.to_string());
            notify(Notice::ConnectedAgain(id));
        }
    }
}

/// What waits for the user, as far as it was told.
#[derive(Default)]
struct Waiting {
    /// The connections whose requests wait.
    parked: HashSet<String>,
    /// The requests that wait for a decision, by their IDs.
    asking: HashSet<String>,
    /// How much was asked for by programs.
    wanted: usize,
}

impl Waiting {
    /// A connection has come to need a login. Where its requests wait for that, one line says both.
    fn needs_login(
        &mut self,
        id: ConnectionId,
        reason: String,
        pending: &Pending,
        notify: &dyn Fn(Notice),
    ) {
        let Some(wait) = pending.options().park else {
            return notify(Notice::NeedsLogin { id, reason });
        };
        self.parked.insert(id.to_string());
        let seconds = wait.as_secs();
        notify(Notice::RequestsWait {
            id,
            reason,
            seconds,
        });
    }

    /// Tells what has joined.
    fn tell(&mut self, pending: &Pending, notify: &dyn Fn(Notice)) {
        let waiting = pending.waiting();
        let alive = |id: &String| waiting.iter().any(|request| request.id == *id);
        self.asking.retain(alive);
        for request in waiting {
            match request.kind {
                PendingKind::Decision => {
                    if self.asking.insert(request.id.clone()) {
                        notify(Notice::Asks(Box::new(request)));
                    }
                }
                PendingKind::Login => {
                    let name = request.connection.unwrap_or_default();
                    let Some(id) = parsed(&name) else {
                        continue;
                    };
                    if !self.parked.contains(&name) {
                        self.needs_login(id, request.reason, pending, notify);
                    }
                }
            }
        }
        for wanted in pending.wanted().into_iter().skip(self.wanted) {
            self.wanted += 1;
            notify(Notice::Wanted(wanted));
        }
    }
}

/// The connection of that `provider/name`.
fn parsed(name: &str) -> Option<ConnectionId> {
    let (provider, name) = name.split_once('/')?;
    Some(ConnectionId {
        provider: provider.parse().ok()?,
        name: name.parse().ok()?,
    })
}
