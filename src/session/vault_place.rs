//! Where the vault is, and who shares it.

use super::error::SessionError;
use super::parent::Parent;
use super::shared_vault::address;
use super::user_data::{UserData, with_key};
use crate::vault::{self, FleetView};

impl UserData {
    /// Where the vault is: a file, or a database without its user and password.
    pub fn vault_place(&self, parent: &Parent) -> Result<String, SessionError> {
        match address(&self.settings, parent)? {
            Some(address) => Ok(vault::shown_address(&address, &parent.trust())?),
            None => Ok(self.home.path("vault.db").display().to_string()),
        }
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
