//! The connections that are made while a session runs: here, in another process, or on another
//! machine that has the same vault.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::disk::Reader;
use super::store::{ConnectionStore, StoreError};
use crate::credential::ConnectionId;
use crate::vault::Changes;

/// How often a vault is looked at that tells no changes.
const LOOK: Duration = Duration::from_secs(1);

/// How long a vault is left alone that could not be read.
const PAUSE: Duration = Duration::from_secs(5);

/// Those that need not be looked at, each with the generation of its record that was left out; a
/// later one is looked at again. `None` is whatever its record is.
type Known = BTreeMap<ConnectionId, Option<u64>>;

/// What is not known yet of the connections in a vault.
pub struct Arrivals {
    store: ConnectionStore,
    changes: Option<Changes>,
    reader: Reader,
    /// Those of the session: a login that one gets, or gets anew, is not an arrival.
    members: BTreeSet<ConnectionId>,
    known: Known,
}

impl Arrivals {
    /// Waits for others than the `members` of the session and those that are `known`. What has come
    /// since these were read is found by the first look.
    pub fn beside(
        members: BTreeSet<ConnectionId>,
        known: BTreeSet<ConnectionId>,
        store: &ConnectionStore,
    ) -> Self {
        Self {
            store: store.clone(),
            changes: store.changes(),
            reader: Reader::default(),
            members,
            known: known.into_iter().map(|id| (id, None)).collect(),
        }
    }

    /// Waits for the next ones.
    pub async fn next(&mut self) -> Vec<ConnectionId> {
        loop {
            let (store, members) = (self.store.clone(), self.members.clone());
            let known = std::mem::take(&mut self.known);
            let kept = known.clone();
            let looked = self.reader.run(move || look(&store, &members, known)).await;
            if let Ok(Ok((new, known))) = looked {
                self.known = known;
                if !new.is_empty() {
                    return new;
                }
                self.changed().await;
            } else {
                self.known = kept; // a vault that is away may be back
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Does something that takes long with the vault, on the same thread as the looks.
    ///
    /// # Errors
    ///
    /// The thread could not be had; why.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        let done = self.reader.run(work).await;
        done.map_err(|error| error.to_string())
    }

    /// That connection has become one of the session.
    pub fn joined(&mut self, id: ConnectionId) {
        self.known.remove(&id);
        self.members.insert(id);
    }

    /// That connection takes no part, as long as its record is the one of that generation.
    pub fn left_out(&mut self, id: ConnectionId, generation: Option<u64>) {
        self.known.insert(id, generation);
    }

    /// That connection could not be looked at. It is again, after a while.
    pub async fn again(&mut self, id: &ConnectionId) {
        self.known.remove(id);
        tokio::time::sleep(PAUSE).await;
    }

    /// Waits until the vault may have others.
    async fn changed(&mut self) {
        let Some(changes) = &mut self.changes else {
            return tokio::time::sleep(LOOK).await;
        };
        if changes.next().await.is_none() {
            self.changes = None; // it is closed, as at the end of the session
        }
        while changes_waiting(self.changes.as_mut()) {}
    }
}

/// Those that have come. What has gone is forgotten: a later one of that name is another.
fn look(
    store: &ConnectionStore,
    members: &BTreeSet<ConnectionId>,
    mut known: Known,
) -> Result<(Vec<ConnectionId>, Known), StoreError> {
    let there: BTreeSet<_> = store.list()?.into_iter().collect();
    known.retain(|id, _| there.contains(id));
    let mut new = Vec::new();
    for id in there {
        let is_new = match known.get(&id) {
            _ if members.contains(&id) => false,
            None => true,
            Some(None) => false,
            Some(left_out) => store.generation(&id)? != *left_out,
        };
        if is_new {
            known.insert(id.clone(), None);
            new.push(id);
        }
    }
    Ok((new, known))
}

/// Whether another change has come already, which the same look finds.
fn changes_waiting(changes: Option<&mut Changes>) -> bool {
    changes.is_some_and(|changes| changes.waiting().is_some())
}
