//! The connections that are made while a session runs: here, in another process, or on another
//! machine that has the same vault.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::disk::Reader;
use super::store::{ConnectionStore, StoreError};
use crate::credential::ConnectionId;
use crate::vault::Changes;

/// How often a vault is looked at that tells no changes.
const LOOK: Duration = Duration::from_secs(1);

/// How long a vault is left alone that could not be read.
const PAUSE: Duration = Duration::from_secs(5);

/// What is not known yet of the connections in a vault.
pub struct Arrivals {
    store: ConnectionStore,
    changes: Option<Changes>,
    reader: Reader,
    /// Shared with the thread that looks, as there may be thousands of connections.
    known: Arc<Mutex<Known>>,
    /// Why those were left out that were, as far as it was told.
    told: BTreeMap<ConnectionId, String>,
}

struct Known {
    /// Those of the session: a login that one gets, or gets anew, is not an arrival.
    members: BTreeSet<ConnectionId>,
    /// The others, each with the generation of its record that was left out: a later one is looked
    /// at again. `None` is whatever its record is.
    others: BTreeMap<ConnectionId, Option<u64>>,
}

impl Arrivals {
    /// Waits for others than the `members` of the session and `all` that there were when these were
    /// read. What has come since then is found by the first look.
    pub fn beside(
        members: BTreeSet<ConnectionId>,
        all: BTreeSet<ConnectionId>,
        store: &ConnectionStore,
    ) -> Self {
        let others = all.into_iter().map(|id| (id, None)).collect();
        Self {
            store: store.clone(),
            changes: store.changes(),
            reader: Reader::default(),
            known: Arc::new(Mutex::new(Known { members, others })),
            told: BTreeMap::new(),
        }
    }

    /// Waits for the next ones.
    pub async fn next(&mut self) -> Vec<ConnectionId> {
        loop {
            let (store, known) = (self.store.clone(), Arc::clone(&self.known));
            match self.work(move || locked(&known).look(&store)).await {
                Some(Ok(new)) if new.is_empty() => self.changed().await,
                Some(Ok(new)) => return new,
                // A vault that is away may be back.
                Some(Err(_)) | None => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Does something that takes long, on the same thread as the looks. `None` if the system has
    /// none to give.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        self.reader.run(work).await.ok()
    }

    /// That connection has become one of the session.
    pub fn joined(&mut self, id: ConnectionId) {
        let mut known = locked(&self.known);
        known.others.remove(&id);
        known.members.insert(id);
    }

    /// That connection takes no part, as long as its record is the one of that generation. Returns
    /// whether the reason is news: the records of others are renewed now and then.
    pub fn left_out(&mut self, id: &ConnectionId, generation: Option<u64>, why: String) -> bool {
        locked(&self.known).others.insert(id.clone(), generation);
        self.told.get(id) != Some(&why) && {
            self.told.insert(id.clone(), why);
            true
        }
    }

    /// That connection could not be looked at. It is again, after a while.
    pub async fn again(&mut self, id: &ConnectionId) {
        locked(&self.known).others.remove(id);
        tokio::time::sleep(PAUSE).await;
    }

    /// Waits until the vault may have others.
    async fn changed(&mut self) {
        let Some(changes) = &mut self.changes else {
            return tokio::time::sleep(LOOK).await;
        };
        if changes.next().await.is_none() {
            self.changes = None; // it is closed, as at the end of the session
            return;
        }
        while changes.waiting().is_some() {} // the same look finds those
    }
}

impl Known {
    /// Those that have come. What has gone is forgotten: a later one of that name is another.
    fn look(&mut self, store: &ConnectionStore) -> Result<Vec<ConnectionId>, StoreError> {
        let there: BTreeSet<_> = store.list()?.into_iter().collect();
        self.others.retain(|id, _| there.contains(id));
        let mut new = Vec::new();
        for id in there {
            let is_new = match self.others.get(&id) {
                _ if self.members.contains(&id) => false,
                None => true,
                Some(None) => false,
                Some(left_out) => store.generation(&id)? != *left_out,
            };
            if is_new {
                new.push(id);
            }
        }
        // Only now: what an error keeps from being given is found by the next look.
        self.others.extend(new.iter().map(|id| (id.clone(), None)));
        Ok(new)
    }
}

fn locked(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::sample;

    /// Those that the next look gives, without a wait.
    fn look(arrivals: &Arrivals) -> Vec<String> {
        let new = locked(&arrivals.known).look(&arrivals.store).unwrap();
        new.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_is_given_once_and_again_when_its_record_is_another_or_it_was_gone() {
        let (_, store, stored) = sample::stored();
        let member = stored.connection.id;
        let mut arrivals = Arrivals::beside([member.clone()].into(), BTreeSet::new(), &store);
        assert!(look(&arrivals).is_empty());
        let mut other = sample::connection();
        other.id.name = "work".parse().unwrap();
        let create = || store.create(&other, true).unwrap();
        let first = create();
        assert_eq!(look(&arrivals), ["gitlab/work"]);
        assert!(look(&arrivals).is_empty());

        // It is renewed elsewhere, and is left out for the same reason: that is no news.
        assert!(arrivals.left_out(&other.id, Some(first), "taken".to_owned()));
        assert!(look(&arrivals).is_empty());
        let second = create();
        assert_eq!(look(&arrivals), ["gitlab/work"]);
        assert!(!arrivals.left_out(&other.id, Some(second), "taken".to_owned()));
        assert!(arrivals.left_out(&other.id, Some(second), "unreadable".to_owned()));

        store.delete(&other.id).unwrap();
        assert!(look(&arrivals).is_empty());
        create();
        assert_eq!(look(&arrivals), ["gitlab/work"]);
        arrivals.joined(other.id.clone());
        store.delete(&other.id).unwrap();
        create();
        // A member's new login is the affair of its credentials.
        assert!(look(&arrivals).is_empty());
    }
}
