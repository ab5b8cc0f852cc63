//! A pair that another job has renewed is taken into the vault before its predecessor is spent
//! again.

use super::Renewal;
use crate::audit::{Event, Kind};
use crate::connection::disk::Disk;
use crate::connection::record::Connection;
use crate::connection::store::Stored;

impl Renewal {
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
