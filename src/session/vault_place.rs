//! Where the vault is, and who shares it.

use std::io;

use super::error::SessionError;
use super::parent::Parent;
use super::shared_vault::address;
use super::user_data::{UserData, with_key};
use crate::connection::ConnectionStore;
use crate::secret::Secret;
use crate::vault::{self, FleetView, Offline};

impl UserData {
    /// Where the vault is: a file, or a database without its user and password.
    pub fn vault_place(&self, parent: &Parent) -> Result<String, SessionError> {
        match address(&self.settings, parent)? {
            Some(address) => Ok(vault::shown_address(&address, &parent.trust())?),
            None => Ok(self.home.path("vault.db").display().to_string()),
        }
    }

    /// Gives a vault that machines share a new key, which `hand_over` gets before anything is
    /// changed; whether the vault is such a one.
    pub fn rekey_shared(
        &self,
        parent: &Parent,
        hand_over: &mut dyn FnMut(&Secret<String>) -> io::Result<()>,
    ) -> Result<bool, SessionError> {
        let Some(address) = address(&self.settings, parent)? else {
            return Ok(false);
        };
        with_key(parent, |key| {
            vault::rekey_shared(&address, &self.home, key, &parent.trust(), hand_over)?;
            Ok(true)
        })
    }

    /// Moves all connections of the vault to another one: the database at that address, or the file
    /// of this home. A grant must not be in two vaults, since each would renew it for itself.
    /// Returns how many were moved.
    pub fn move_to(&self, parent: &Parent, place: Option<&str>) -> Result<usize, SessionError> {
        let target = with_key::<_, SessionError>(parent, |key| match place {
            Some(address) => {
                let (trust, offline) = (parent.trust(), Offline::Refuse);
                Ok(vault::open_shared(
                    address, &self.home, key, &trust, offline,
                )?)
            }
            None => Ok(vault::open(&self.home, key)?),
        })?;
        Ok(self.store.move_to(&ConnectionStore::new(target))?)
    }

    /// Whether the vault is one that machines share.
    pub fn is_shared(&self, parent: &Parent) -> Result<bool, SessionError> {
        Ok(address(&self.settings, parent)?.is_some())
    }

    /// Those who share the vault, if it is one that machines share.
    pub fn fleet(&self, parent: &Parent) -> Result<Option<FleetView>, SessionError> {
        let Some(address) = address(&self.settings, parent)? else {
            return Ok(None);
        };
        with_key(parent, |key| {
            let view = vault::fleet(&address, &self.home, key, &parent.trust())?;
            Ok(Some(view))
        })
    }
}
