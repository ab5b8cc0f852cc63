//! A pair that another job has renewed is taken into the vault before its predecessor is spent
//! again.

use std::sync::Arc;

use super::Renewal;
use crate::audit::{Event, Kind};
use crate::connection::disk::Disk;
use crate::connection::elsewhere::Elsewhere;
use crate::connection::record::Connection;
use crate::connection::source::CredentialError;
use crate::connection::store::Stored;
use crate::connection::tries::{NEXT_TRY, unavailable};
use crate::credential::ConnectionId;

/// A refresh that is under way, for what is elsewhere. Dropping it says that the refresh has ended.
pub(super) struct Announced(Option<(Arc<dyn Elsewhere>, ConnectionId)>);

impl Drop for Announced {
    fn drop(&mut self) {
        if let Some((elsewhere, id)) = &self.0 {
            elsewhere.refreshed(id);
        }
    }
}

impl Renewal {
    /// Announces a refresh. Its request must not be sent before: if this process is killed then, it
    /// must be known that the new pair may be only here.
    pub(super) async fn announce(
        &self,
        disk: &Disk,
        id: &ConnectionId,
    ) -> Result<Announced, CredentialError> {
        let Some(elsewhere) = &self.elsewhere else {
            return Ok(Announced(None));
        };
        let announced = Announced(Some((Arc::clone(elsewhere), id.clone())));
        let (elsewhere, wanted) = (Arc::clone(elsewhere), id.clone());
        let reason = match disk.run(move || elsewhere.renewing(&wanted)).await {
            Ok(Ok(())) => return Ok(announced),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        let reason = format!("it cannot be noted that a new pair is on its way: {reason}");
        Err(unavailable(id, &reason, NEXT_TRY))
    }

    /// Takes in a later pair that is elsewhere; whether there was one. The caller holds the
    /// connection's lock.
    pub(super) async fn adopt(&self, disk: &Disk, stored: &Stored) -> bool {
        let Some(elsewhere) = self.elsewhere.as_deref() else {
            return false;
        };
        let Some(found) = elsewhere.later(&stored.connection).await else {
            return false;
        };
        let (store, id) = (self.store.clone(), found.id().clone());
        let imported = disk.run(move || store.import_locked(&found, false)).await;
        let is_taken = matches!(imported, Ok(Ok(compared)) if compared.is_taken(false));
        if is_taken {
            elsewhere.adopted(&id);
            let event = Event::new(Kind::Import).of(&id);
            self.audit
                .record(&event.because("another job has renewed it"));
        }
        is_taken
    }

    /// From now on, what is elsewhere is not the newest pair any more.
    pub(super) fn tell_elsewhere(&self, connection: &Connection) {
        if let Some(elsewhere) = &self.elsewhere {
            elsewhere.renewed(connection);
        }
    }
}
