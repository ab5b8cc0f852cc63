//! A vault that machines share, on a database server.

use std::ffi::OsStr;
use std::sync::Arc;

use super::copy::{self, CopyStore};
use super::master_key::MasterKey;
use super::postgres::{Address, FleetView, PostgresStore};
use super::rekey::RENEWAL_WAIT;
use super::seal::Seal;
use super::sealed::{SealedVault, key_check, sealed};
use super::store::SealedStore;
use super::{Vault, VaultError};
use crate::net::tls::Trust;
use crate::os::home::Home;
use crate::secret::Secret;

/// Opens the vault at that address, and creates it on first use. Its key is the one that the
/// environment gives, or the home's own; none is made, since no other machine would have it.
pub fn open_shared(
    address: &str,
    home: &Home,
    environment_key: Option<&OsStr>,
    trust: &Trust,
    offline: Offline,
) -> Result<Arc<dyn Vault>, VaultError> {
    let unreachable = match (opened(address, home, environment_key, trust), offline) {
        (Ok(vault), Offline::Refuse) => return Ok(Arc::new(vault)),
        (Ok(vault), Offline::UseCopy) => {
            let shown = vault.store().path().display().to_string();
            copy::write(home, &file_of("copy", &shown), &vault.store().all()?)?;
            return Ok(Arc::new(vault));
        }
        (Err(error), Offline::UseCopy) if error.is_unreachable() => error,
        (Err(error), _) => return Err(error),
    };
    let shown = shown_address(address, trust)?;
    let Some(store) = CopyStore::open(home, &file_of("copy", &shown), &shown)? else {
        return Err(unreachable);
    };
    let key = MasterKey::load(home, environment_key)?;
    let directory = file_of("pending", &shown);
    Ok(Arc::new(SealedVault::open_beside(
        store, &key, home, &directory,
    )?))
}

/// What to do where the server cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offline {
    /// That is an error.
    Refuse,
    /// Use the copy that this machine has made of the vault, and make one where the server can be
    /// reached. Nothing is renewed with it.
    UseCopy,
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

/// Gives the vault at that address a new key, which `hand_over` gets in base64 before anything is
/// changed. Renewals that are under way are waited for; runs of all machines go on with the tokens
/// that they have, and need the new key for the next one.
pub fn rekey_shared(
    address: &str,
    home: &Home,
    environment_key: Option<&OsStr>,
    trust: &Trust,
    hand_over: &mut dyn FnMut(&Secret<String>) -> std::io::Result<()>,
) -> Result<(), VaultError> {
    let vault = opened(address, home, environment_key, trust)?;
    let _renewals = vault.lock_all(RENEWAL_WAIT)?;
    vault.forget_all_written()?;
    let next = MasterKey::random()?;
    hand_over(&next.encoded()).map_err(VaultError::NotHandedOver)?;
    vault.seal_anew(&Seal::new(&next))
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
    let directory = file_of("pending", &address.shown);
    let seal = Seal::new(&key);
    let store = PostgresStore::open(address, &[sealed(&seal, &key_check())])?;
    SealedVault::open_beside(store, &key, home, &directory)
}

/// The name of a file or directory of the home that belongs to one vault: values that it could not
/// take, or a copy of it. Another vault has another.
fn file_of(what: &str, shown: &str) -> String {
    let plain = |character: char| {
        let keeps = character.is_ascii_alphanumeric() || character == '.';
        if keeps { character } else { '_' }
    };
    format!("{what}-{}", shown.chars().map(plain).collect::<String>())
}
