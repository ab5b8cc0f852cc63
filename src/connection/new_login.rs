//! What a session learns of connections that need a new login, and of the login.

use std::sync::Arc;
use std::time::Duration;

use super::credentials::Credentials;
use super::lacking::Wanted;
use super::record::GrantState;
use super::wanted::credential;
use crate::credential::ConnectionId;

/// How often the vault is looked at while requests wait for a login, and how many looks are made
/// before the credential is asked for in any case.
const LOOK: Duration = Duration::from_millis(500);
const LOOKS: u32 = 10;

impl Credentials {
    /// Waits until a connection turns out to need a new login, or wider scopes.
    pub async fn login_needed(&self) {
        self.renewal.needed.notified().await;
    }

    /// The number of the state that is in force for a connection.
    pub fn generation(&self, id: &ConnectionId) -> Option<u64> {
        Some(self.slot(id).ok()?.current.load().generation)
    }

    /// Whether somebody has logged in again since the state of that number. The new pair is then in
    /// force here.
    pub async fn has_login_since(&self, id: &ConnectionId, generation: u64) -> bool {
        let Ok(slot) = self.slot(id) else {
            return false;
        };
        // One small read, as long as nothing has changed.
        match self.renewal.number(id).await {
            Ok(Some(number)) if number != generation => {}
            _ => return false,
        }
        let Ok(stored) = self.renewal.load(id).await else {
            return false;
        };
        if stored.connection.standing != GrantState::Good {
            return false;
        }
        let taken = slot.take(id, &credential(&stored));
        let is_taken = taken.is_ok();
        slot.note(&taken);
        is_taken
    }

    /// Waits until the stored state is another one than that in force, or for [`LOOKS`] looks. Many
    /// requests may wait, and the vault is looked at once for all of them.
    pub(super) async fn look_for_login(&self, id: &ConnectionId) {
        let Ok(slot) = self.slot(id) else {
            return tokio::time::sleep(LOOK).await;
        };
        let (renewal, id, own) = (Arc::clone(&self.renewal), id.clone(), Arc::clone(slot));
        let look = || async move {
            let before = own.current.load().generation;
            for _ in 0..LOOKS {
                tokio::time::sleep(LOOK).await;
                let number = renewal.number(&id).await;
                let is_another = number.is_ok_and(|number| number.is_some_and(|it| it != before));
                if is_another || own.current.load().generation != before {
                    return;
                }
            }
        };
        slot.login.join(look).await;
    }

    /// A provider wants these scopes of a connection.
    pub(super) fn note_lacking(&self, id: &ConnectionId, scopes: &str) {
        if self.slot(id).is_ok() && self.lacking.note(id, scopes) {
            self.renewal.needed.notify_one();
        }
    }

    /// The connections whose grant lacks what was asked for since this was last called, each with
    /// the scopes that it has and those that it lacks.
    pub async fn newly_lacking(&self) -> Vec<(ConnectionId, Vec<String>)> {
        self.still_lacking(self.lacking.take_new()).await
    }

    /// The same of all that was asked for.
    pub async fn lacking(&self) -> Vec<(ConnectionId, Vec<String>)> {
        self.still_lacking(self.lacking.all()).await
    }

    /// Without what a login has brought in the meantime.
    async fn still_lacking(&self, wanted: Wanted) -> Vec<(ConnectionId, Vec<String>)> {
        let mut lacking = Vec::new();
        for (id, wanted) in wanted {
            let Ok(stored) = self.renewal.load(&id).await else {
                continue;
            };
            let mut scopes = stored.connection.tokens.scopes;
            let missing = wanted.into_iter().filter(|scope| !scopes.contains(scope));
            let missing: Vec<_> = missing.collect();
            if !missing.is_empty() {
                scopes.extend(missing);
                lacking.push((id, scopes));
            }
        }
        lacking
    }
}
