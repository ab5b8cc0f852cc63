//! A vault that machines share, on a database server.

use std::ffi::OsStr;
use std::sync::Arc;

use super::master_key::MasterKey;
use super::postgres::{Address, FleetView, PostgresStore};
use super::seal::Seal;
use super::sealed::{SealedVault, key_check, sealed};
use super::{Vault, VaultError};
use crate::net::tls::Trust;
use crate::os::home::Home;

/// Opens the vault at that address, and creates it on first use. Its key is the one that the
/// environment gives, or the home's own; none is made, since no other machine would have it.
pub fn open_shared(
    address: &str,
    home: &Home,
    environment_key: Option<&OsStr>,
    trust: &Trust,
) -> Result<Arc<dyn Vault>, VaultError> {
    Ok(Arc::new(opened(address, home, environment_key, trust)?))
}

/// Those who share the vault at that address.
pub fn fleet(
    address: &str,
    home: &Home,
    environment_key: Option<&OsStr>,
    trust: &Trust,
) -> Result<FleetView, VaultError> {
    opened(address, home, environment_key, trust)?
        .store()
        .fleet()
}

/// The address of a vault without user and password.
pub fn shown_address(address: &str, trust: &Trust) -> Result<String, VaultError> {
    Ok(Address::parse(address, trust)?.shown)
}

/// Whether an address holds a password, which others may read where it is written.
pub fn has_password(address: &str) -> bool {
    Address::has_password(address)
}

fn opened(
    address: &str,
    home: &Home,
    environment_key: Option<&OsStr>,
    trust: &Trust,
) -> Result<SealedVault<PostgresStore>, VaultError> {
    let address = Address::parse(address, trust)?;
    let key = match MasterKey::load(home, environment_key) {
        Err(VaultError::KeyMissing(_) | VaultError::KeyNotGiven) => {
            return Err(VaultError::SharedKeyNotGiven(address.shown));
        }
        key => key?,
    };
    let directory = beside(&address.shown);
    let seal = Seal::new(&key);
    let store = PostgresStore::open(address, &[sealed(&seal, &key_check())])?;
    SealedVault::open_beside(store, &key, home, &directory)
}

/// The directory of the home for values that this vault could not take. Another vault has another.
fn beside(shown: &str) -> String {
    let plain = |character: char| {
        let keeps = character.is_ascii_alphanumeric() || character == '.';
        if keeps { character } else { '_' }
    };
    format!("pending-{}", shown.chars().map(plain).collect::<String>())
}
