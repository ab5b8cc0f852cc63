//! The newest state of a connection, in the vault or beside it.

use super::Renewal;
use crate::connection::disk::Disk;
use crate::connection::reading::{loaded, read};
use crate::connection::source::CredentialError;
use crate::connection::store::Stored;
use crate::credential::ConnectionId;

impl Renewal {
    /// The newest state, in the vault or beside it.
    pub(in crate::connection) async fn load(
        &self,
        id: &ConnectionId,
    ) -> Result<Stored, CredentialError> {
        let (store, wanted) = (self.store.clone(), id.clone());
        // On the thread for small reads: requests that need no refresh come here too, and there is
        // no thread of a refresh for them.
        let found = self.reader.run(move || store.load(&wanted)).await;
        loaded(id, found)
    }

    pub(super) async fn load_by(
        &self,
        disk: &Disk,
        id: &ConnectionId,
    ) -> Result<Stored, CredentialError> {
        let (store, wanted) = (self.store.clone(), id.clone());
        // On the thread of the refresh: the system may refuse another one by now.
        loaded(id, disk.run(move || store.load(&wanted)).await)
    }

    /// The number of the newest state, in the vault or beside it; `None` if there is no such
    /// connection.
    pub(in crate::connection) async fn number(
        &self,
        id: &ConnectionId,
    ) -> Result<Option<u64>, CredentialError> {
        let (store, wanted) = (self.store.clone(), id.clone());
        read(id, self.reader.run(move || store.current(&wanted)).await)
    }
}
